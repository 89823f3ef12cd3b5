"""Numbers and names as people write them, the same in every report and picture."""

from __future__ import annotations

import math

__all__ = ["MINUS", "NARROW", "UNDEFINED", "duration", "isolated", "number", "percent", "plain"]

NARROW = "\u202f"  # the narrow space that a unit keeps from its number, and that never breaks a line
MINUS = "\u2212"
UNDEFINED = "not defined"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTROL = {code: "\ufffd" for code in (*range(32), 127, *range(128, 160)) if code not in (9, 10, 13)}


def number(value: float | None, digits: int = 4) -> str:
    """Say a number with at most so many significant digits; thousands are set apart, whole parts never rounded.

    Args:
        value: The number; None and NaN are "not defined".
        digits: Significant digits of a number that is not whole.

    Returns:
        The text.

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


def percent(value: float | None, places: int = 1) -> str:
    r"""Say a share from 0 to 1 in per cent.

    Args:
        value: The share; None and NaN are "not defined".
        places: Digits after the point; none, all and nothing need none.

    Returns:
        The text, with a narrow space before the sign.

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
    r"""Say how long something took.

    Args:
        seconds: The time; None is "not measured".

    Returns:
        The text.

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
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{NARROW}min {whole % 60}{NARROW}s"
    return f"{whole // 3600}{NARROW}h {whole % 3600 // 60}{NARROW}min"


def isolated(text: str) -> str:
    """Return text of the user's to stand inside a sentence, so that its direction of writing ends where it ends.

    Args:
        text: A name or a label.

    Returns:
        The text between the Unicode isolates, which can't be seen.

    Example:
        >>> len(isolated("abc"))
        5
    """
    return f"\u2068{text}\u2069"


def plain(value: object) -> str:
    r"""Return a user's value as text that any page and JSON file can hold.

    Control characters and halves of surrogate pairs, which HTML forbids, become the replacement sign.

    Args:
        value: A label, a column's name, a cell.

    Returns:
        The text.

    Example:
        >>> plain("a\x00b"), plain(3.0), plain("\ud800")
        ('a\ufffdb', '3', '?')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).translate(_CONTROL).encode("utf-8", "replace").decode("utf-8")
