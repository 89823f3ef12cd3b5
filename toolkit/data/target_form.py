"""How a target stood in the user's table and how the table was read, so that further rows are read alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.data.reading_options import ReadingOptions

__all__ = ["TargetForm"]


@dataclass(frozen=True)
class TargetForm:
    """How a target stood in the user's table, and what the user said about reading it.

    Attributes:
        columns: The names of its columns in the table.
        labels: For multilabel with a single column of lists or of text such as ``"a;b"``: every label, in order.
        separator: What stands between the labels in text; empty for lists.
        blanks: For multilabel: the columns in which an empty cell means that the label is not set.
        decimal: For regression: the decimal mark of numbers written as text, or "". In further rows it decides where a
            number can be read in two ways.
        missing: The user's further texts that count as missing.
        sep: The separator of a text file, where the user named it; or "".
        encoding: Its encoding, where the user named it or it was found out and is not UTF-8; or "".

    Example:
        >>> TargetForm.from_dict(TargetForm(("tags",), ("a", "b"), ";").to_dict()).labels
        ('a', 'b')
    """

    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    separator: str = ""
    blanks: tuple[str, ...] = ()
    decimal: str = ""
    missing: tuple[str, ...] = ()
    sep: str = ""
    encoding: str = ""

    @property
    def reading(self) -> ReadingOptions:
        """The options for further rows; see `further` of `toolkit.data.read.read`."""
        return ReadingOptions(sep=self.sep or None, encoding=self.encoding or None, na_values=self.missing)

    def to_dict(self) -> dict[str, Any]:
        """Return the form as a dict for strict JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TargetForm:
        """Return the form that `to_dict` described."""
        texts = (content.get(name, "") for name in ("separator", "decimal", "sep", "encoding"))
        separator, decimal, sep, encoding = texts
        names = {name: tuple(content.get(name, ())) for name in ("columns", "labels", "blanks", "missing")}
        return cls(separator=separator, decimal=decimal, sep=sep, encoding=encoding, **names)
