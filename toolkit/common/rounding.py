"""What is kept of numbers so that nobody learns what a single row holds."""

from __future__ import annotations

import math

__all__ = ["blurred", "rare_limit"]

_DIGITS = 3
_PLAIN = 10_000  # whole numbers below are ages, counts and years, which tell nobody's cell
_LONG = 100_000


def blurred(value: float, spread: float) -> float:
    """Round a number that may be the cell of a single row to three digits, or as many as its column needs.

    Whole numbers below 10,000 stay as they are.

    Args:
        value: The number.
        spread: How far the numbers of its column lie apart. The result differs by less than a tenth of it.

    Example:
        >>> blurred(123_456.789, 90_000), blurred(2_024_123, 35), blurred(38.25, 12), blurred(1984, 30)
        (123000.0, 2024123.5, 38.2, 1984)
    """
    if not math.isfinite(value) or not 0 < spread < math.inf or (value % 1 == 0 and abs(value) < _PLAIN):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) + 1 - _DIGITS)
    largest = 10.0 ** (math.floor(math.log10(spread)) - 1)  # 1 to 10 % of the spread
    rounded = float(f"{value:.{_DIGITS}g}")
    if (step <= largest or not largest) and (rounded != value or abs(value) < _LONG):
        return rounded if math.isfinite(rounded) else value
    # Rounding leaves the number as it is, or all its digits matter, as in 2024123 among 2024100 to 2024135. The middle
    # of a step is no whole number there.
    step = min(step, largest or step)
    middle = (math.floor(value / step) + 0.5) * step
    return float(f"{middle if middle != value else middle + step / 4:.15g}")


def rare_limit(rows: int) -> int:
    """Return in how many of some rows a value must stand so that it is not rare."""
    return 5 if rows >= 1_000 else 2
