"""Numbers, names and lists as people write them, the same in every message, report and picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "MINUS",
    "NARROW",
    "UNDEFINED",
    "counted",
    "duration",
    "isolated",
    "join_names",
    "listing",
    "number",
    "percent",
    "plain",
    "printable",
    "rows_text",
    "signed",
]

NARROW = "\u202f"  # the narrow no-break space between a number and its unit
MINUS = "\u2212"
UNDEFINED = "not defined"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTROL = {code: "\ufffd" for code in (*range(32), 127, *range(128, 160)) if code not in (9, 10, 13)}


def number(value: float | None, digits: int = 4) -> str:
    """Format a number to at most `digits` significant digits; the integer part is never rounded.

    None and NaN are "not defined".

    Example:
        >>> number(52137.8), number(0.98734), number(12), number(-3.5), number(None)
        ('52,138', '0.9873', '12', '−3.5', 'not defined')
        >>> number(0.0000123), number(2.5e12)
        ('1.23 × 10⁻⁵', '2.5 × 10¹²')
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e10):
        mantissa, power = f"{size:.{digits - 1}e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    else:
        places = 0 if not size else max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{size:,.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def signed(text: str) -> str:
    """Write a minus sign for the hyphen of a formatted number, and none before a zero.

    Example:
        >>> signed("-1.5"), signed("-0.00")
        ('−1.5', '0.00')
    """
    return text.replace("-", MINUS) if text.strip("-0.,") else text.lstrip("-")


def percent(value: float | None, places: int = 1) -> str:
    r"""Format a share from 0 to 1 in percent, with a narrow space before the sign; None and NaN are "not defined".

    Args:
        value: The share.
        places: Digits after the point; 0 % and 100 % have none.

    Example:
        >>> [percent(share).replace("\u202f", " ") for share in (0.9856, 0.99, 1.0, None)]
        ['98.6 %', '99.0 %', '100 %', 'not defined']
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    text = f"{abs(100 * value):,.{0 if value in (0, 1) else places}f}"
    sign = MINUS if value < 0 and text.strip("0.,") else ""
    return f"{sign}{text}{NARROW}%"


def duration(seconds: float | None) -> str:
    r"""Format a time; None and NaN are "not measured".

    Example:
        >>> [duration(s).replace("\u202f", " ") for s in (0.0123, 4.26, 75, 7322)]
        ['12 ms', '4.3 s', '1 min 15 s', '2 h 2 min']
    """
    if seconds is None or math.isnan(seconds):
        return "not measured"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}{NARROW}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}{NARROW}s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{NARROW}min {seconds}{NARROW}s"
    return f"{minutes // 60}{NARROW}h {minutes % 60}{NARROW}min"


def isolated(text: str) -> str:
    """Return a user's text between invisible Unicode isolates: text written from right to left keeps to itself.

    Example:
        >>> len(isolated("abc"))
        5
    """
    return f"\u2068{text}\u2069"


def join_names(names: Sequence[str]) -> str:
    """Return names as a list inside a sentence.

    Example:
        >>> join_names(["a", "b", "c"])
        'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plain(value: object) -> str:
    r"""Return a user's value (a label, a column name, a cell) as text that any page and JSON file can hold.

    Control characters and halves of surrogate pairs, which HTML forbids, become the replacement sign.

    Example:
        >>> plain("a\x00b"), plain(3.0), plain("\ud800")
        ('a\ufffdb', '3', '?')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).translate(_CONTROL).encode("utf-8", "replace").decode("utf-8")


def printable(name: object) -> str:
    r"""Return the name of a file with line breaks, control characters and bytes that are no text as escapes.

    Example:
        >>> printable("ca\udce9\n.png")
        'ca\\udce9\\n.png'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in str(name))


def listing(names: Iterable[object], most: int = 8) -> str:
    """Return names in one line, cut after `most`.

    Example:
        >>> listing(["a", "b", "c"], most=2)
        'a, b, ... (3 in all)'
    """
    words = [str(name) for name in names]
    return ", ".join(words) if len(words) <= most else ", ".join(words[:most]) + f", ... ({len(words)} in all)"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "row"), counted(2_000, "row")
        ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def rows_text(rows: Sequence[int] | Any, most: int = 5) -> str:
    """Return row numbers as words, cut after `most`.

    Example:
        >>> rows_text([5]), rows_text([5, 9, 12], most=2)
        ('row 5', 'rows 5, 9 and 1 more')
    """
    numbers = [str(int(row)) for row in rows[:most]]
    if len(rows) == 1:
        return f"row {numbers[0]}"
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"rows {', '.join(numbers)}{more}"
