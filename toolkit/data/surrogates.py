"""Halves of surrogate pairs: characters of a Python string that no file in UTF-8 can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.common.errors import DataError

__all__ = ["refuse_surrogates", "valid_text"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def valid_text(value: object) -> str:
    r"""Return a column name or a level as text that a file can hold, with the replacement sign for surrogates.

    Example:
        >>> valid_text(3), valid_text("cr\udce8me") == "cr\ufffdme"
        ('3', True)
    """
    text = str(value)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


@contextmanager
def refuse_surrogates() -> Iterator[None]:
    """Turn the error that pandas raises for text that can't be encoded into one that says what to do.

    Raises:
        DataError: A text holds half of a surrogate pair.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        text = str(error.object)
        shown = repr(text if len(text) <= 40 else f"{text[:37]}...")
        raise DataError(
            f"{shown} holds a character that is half of a surrogate pair, which UTF-8 can't hold. Replace it: "
            "text.encode('utf-8', 'replace').decode()."
        ) from error
