"""The one exception for a user's mistake, and the hint that names the nearest word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "nearest"]


class DataError(ValueError):
    """A mistake in what the user gave: a file, a column, a value, an option.

    The message ends the reader's sentence: what was given, what was expected, what to type
    next. The command line prints it as one line and exits with 2; every other exception keeps
    its traceback.
    """

    __module__ = "toolkit"  # where users import it from, and what a traceback shows


def nearest(word: object, words: Iterable[object]) -> str:
    """Return a hint such as ``" Did you mean 'species'?"``, or an empty string.

    Args:
        word: What was given.
        words: What would have been accepted.

    Returns:
        The hint, with a leading space, so that it can end an error message.

    Example:
        >>> nearest("speceis", ["species", "island"])
        " Did you mean 'species'?"
        >>> nearest("zzz", ["species", "island"])
        ''
    """
    lower = {str(w).lower(): str(w) for w in words}
    close = difflib.get_close_matches(str(word).lower(), list(lower), n=1, cutoff=0.6)
    return f" Did you mean '{lower[close[0]]}'?" if close else ""
