"""The options of reading: what a file, a number or a date looks like, in the words of pandas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from toolkit.common.checks import check_choice
from toolkit.common.errors import DataError
from toolkit.common.options import documented

__all__ = ["ReadingOptions"]


@documented
@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How a table is read. What is None is found out from the table, and said in the notes.

    Raises:
        DataError: An option has a value that can't be used.

    Example:
        >>> ReadingOptions(decimal=",", na_values="missing").na_values
        ('missing',)
    """

    sep: Annotated[
        str | None, "Separator between the cells of a text file: one character; ' ' is any number of blanks.", "columns"
    ] = None
    decimal: Annotated[str | None, "Decimal mark of numbers written as text: '.' or ','.", "columns"] = None
    thousands: Annotated[
        str | None, "Thousands separator of numbers written as text, such as '.', ',', ' ' or \"'\".", "columns"
    ] = None
    encoding: Annotated[str | None, "Encoding of a text file, such as 'utf-8', 'cp1252' or 'shift_jis'.", "columns"] = (
        None
    )
    header: Annotated[
        int | str | None, "Row with the column names, counted from 0; 'none' if the file has none.", "columns"
    ] = None
    na_values: Annotated[str | Sequence[str], "Further texts that count as missing cells.", "columns"] = ()
    dayfirst: Annotated[
        bool | None, "Whether 03/04/2024 is the 3rd of April, where a date can be read both ways.", "columns"
    ] = None

    @property
    def decimal_mark(self) -> str | None:
        """The decimal mark that `decimal` names or `thousands` leaves; None where they say nothing about it."""
        if self.decimal is None and self.thousands in (".", ","):
            return "," if self.thousands == "." else "."
        return self.decimal

    def __post_init__(self) -> None:
        if self.sep == r"\t":  # as a command line gives it
            object.__setattr__(self, "sep", "\t")
        if self.sep in ('"', "\n", "\r"):
            raise DataError(f"sep={self.sep!r} can't separate cells; expected a character such as ';'.")
        for name in ("sep", "thousands"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or len(value) != 1):
                raise DataError(f"{name}={value!r}: expected one character.")
        if self.decimal is not None:
            check_choice("decimal", self.decimal, (".", ","))
        if self.decimal is not None and self.decimal == self.thousands:
            raise DataError(f"decimal and thousands are both {self.decimal!r}; they must differ.")
        words = (self.na_values,) if isinstance(self.na_values, (str, int, float)) else self.na_values or ()
        if not isinstance(words, (tuple, list, set, frozenset)) or not all(
            isinstance(w, (str, int, float)) for w in words
        ):
            raise DataError(f"na_values={self.na_values!r}: expected a text or a list of texts.")
        object.__setattr__(self, "na_values", tuple(sorted(map(str, words))))
        if self.encoding is not None and not isinstance(self.encoding, str):
            raise DataError(f"encoding={self.encoding!r}: expected the name of an encoding, such as 'utf-8'.")
        header = self.header
        if (
            header is not None
            and header != "none"
            and (not isinstance(header, int) or isinstance(header, bool) or header < 0)
        ):
            raise DataError(f"header={header!r}: expected the number of a row, from 0, or 'none'.")
        if self.dayfirst is not None and not isinstance(self.dayfirst, bool):
            raise DataError(f"dayfirst={self.dayfirst!r}: expected True, False or None.")
