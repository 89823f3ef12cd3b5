"""The one exception for a user's mistake, and the hint that names the nearest word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "DataWarning", "nearest", "nearest_word"]


class DataError(ValueError):
    """A mistake in what the user gave: a file, a column, a value, an option.

    The message says what was given, what was expected and what to type next. The command line prints it as one line
    and exits with 2; every other exception keeps its traceback.
    """

    __module__ = "toolkit"  # where users import it from, and what a traceback shows


class DataWarning(UserWarning):
    """Something in the user's data that was lost or filled, while the answer is still of use."""

    __module__ = "toolkit"


def nearest(word: object, words: Iterable[object]) -> str:
    """Return a hint with a leading space, to end an error message, or an empty string if no word is close.

    Example:
        >>> nearest("speceis", ["species", "island"]), nearest("zzz", ["species", "island"])
        (" Did you mean 'species'?", '')
    """
    word = nearest_word(word, words)
    return f" Did you mean '{word}'?" if word else ""


def nearest_word(word: object, words: Iterable[object]) -> str:
    """Return the word that is closest in spelling, or an empty string if none is close.

    Example:
        >>> nearest_word("Speceis", ["species", "island"])
        'species'
    """
    lower = {str(candidate).lower(): str(candidate) for candidate in words}
    close = difflib.get_close_matches(str(word).lower(), list(lower), n=1, cutoff=0.6)
    return lower[close[0]] if close else ""
