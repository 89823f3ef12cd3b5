"""Numbers written as people write them: with thousands separators, a decimal comma, a currency, a unit, in brackets."""

from __future__ import annotations

import datetime
import decimal
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute

from toolkit.data.cells import MISSING, ODD, READ, is_missing, is_number, sampled
from toolkit.data.plain_numbers import PLAIN, plain_numbers

__all__ = [
    "NumberFormat",
    "are_words",
    "learn",
    "mixture",
    "plain_column",
    "read_clocks",
    "read_numbers",
    "seconds",
]

_SIGNS = "$€£¥₹₽₩₺฿₫₴₦₱₪₡₲₵₸₼₾¢"
_CODE_WORDS = """
USD EUR GBP JPY CHF CAD AUD NZD CNY RMB INR RUB BRL MXN SEK NOK DKK PLN CZK HUF RON BGN TRY ZAR KRW SGD HKD THB IDR MYR
PHP ILS AED SAR VND TWD CLP COP ARS EGP UAH NGN KES PKR BDT US$ R$ A$ C$ AU$ NZ$ HK$ CA$ S$ kr kr. Kč zł Ft lei Rs Rs.
Fr. Fr
"""
_CODES = _CODE_WORDS.split()
_CURRENCY = "|".join(re.escape(code) for code in sorted([*_CODES, *_SIGNS], key=lambda code: -len(code)))
# A unit starts with a letter, which powers and fractions are not: 5½ is not 5.
_NO_LETTER = r"\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2080-\u2089\u2150-\u215f"
_UNIT = (
    rf"(?![{_NO_LETTER}])[^\W\d_][^\d()\s]{{0,11}}(?:[ /][^\W\d_]{{1,8}}){{0,2}}"
    r"|[%‰°µ$€£¥][^\d()\s]{0,8}|[kcmd]?m[23]"
)
# Blanks, minus signs and apostrophes that stand for the common ones.
_COMMON = str.maketrans(
    dict.fromkeys("\u00a0\u202f\u2009\u2007\u2002\u2003\u2008\u200a", " ")
    | dict.fromkeys("\u2212\u2013\u2010\u2011\ufe63\uff0d", "-")
    | dict.fromkeys("\u2019\u2018\u00b4\u0060", "'")
)
# Blanks are possessive: nothing behind them begins with one, and thousands of blanks cost no backtracking.
_WRITTEN = re.compile(
    rf"(?P<pre>{_CURRENCY})?\s*+(?P<open>\()?\s*+(?P<sign>[+-])?\s*+(?P<inner>{_CURRENCY})?\s*+(?P<sign2>-)?\s*+"
    rf"(?P<body>\d[\d.,' ]*\d|\d|[.,]\d+|\d+[.,])(?P<exponent>[eE][+-]?\d{{1,3}})?"
    rf"\s*+(?P<sign3>-)?\s*+(?P<post>{_CURRENCY}|{_UNIT})?\s*+(?P<sign4>-)?\s*+(?P<close>\))?",
    re.IGNORECASE,
)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?P<sign>-)?((?P<days>\d+) ?(days?|d),? \+?)?(?P<hours>\d{1,4}):(?P<minutes>\d{2})"
    r"(:(?P<seconds>\d{2}([.,]\d+)?))?"
    r"( ?(?P<half>[ap])\.?m\.?)?",
    re.IGNORECASE,
)
# Cells with another number of decimals, up to so many and this share, are slips in a column of thousands.
_FIRST = 1_000  # rows that are looked at before all others
_FEW_SLIPS, _SLIP_SHARE = 3, 0.02
_DIGITS = str.maketrans("123456789", "999999999")
# Numbers are written in several ways if these shares of the rows are numbers, and are written in each of the ways.
_MIXED, _WAY = 0.9, 0.05


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    Attributes:
        decimal: The decimal mark, `"."` or `","`.
        unit: The currency or unit that is written with them, or "".
        proven: Whether the cells leave no doubt about the mark, and hold one.
        doubtful: A cell that could be read with the other mark too, or None.
    """

    decimal: str = "."
    unit: str = ""
    proven: bool = False
    doubtful: str | None = None


@dataclass(frozen=True)
class _Written:
    """A text taken to pieces."""

    body: str
    exponent: str
    negative: bool
    unit: str


@lru_cache(maxsize=1 << 16)
def _parse(text: str) -> _Written | None:
    """Return the pieces of stripped text that may be a number, or None."""
    text = text.translate(_COMMON).strip(" \"'")
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    units = [unit for unit in (match["pre"], match["inner"], match["post"]) if unit]
    signs = [sign for sign in (match["sign"], match["sign2"], match["sign3"], match["sign4"]) if sign]
    brackets = match["open"] is not None
    if len(units) > 1 or len(signs) + brackets > 1 or brackets != (match["close"] is not None):
        return None
    unit = units[0].strip() if units else ""
    return _Written(match["body"], match["exponent"] or "", brackets or "-" in signs, unit)


@lru_cache(maxsize=1 << 14)
def _marks(pattern: str) -> tuple[bool, bool]:
    """Return whether digits and marks are a number with a decimal point, and with a decimal comma.

    The pattern has 9 for every digit but 0.
    """
    return _is_number(pattern, r"\.", (",", " ", "'")), _is_number(pattern, ",", (r"\.", " ", "'"))


def _is_number(pattern: str, point: str, marks: Sequence[str]) -> bool:
    if re.fullmatch(rf"[09]+({point}[09]*)?|{point}[09]+", pattern):
        return True
    # Groups of three digits, or as in India: 12,34,567.
    return any(
        re.fullmatch(rf"9[09]{{0,2}}({mark}[09]{{3}})+({point}[09]*)?", pattern)
        or re.fullmatch(rf"9[09]?({mark}[09]{{2}})+{mark}[09]{{3}}({point}[09]*)?", pattern)
        for mark in marks
    )


def _value(written: _Written, decimal_mark: str) -> float | None:
    """Return the number that the pieces stand for, or None where they are none with this decimal mark."""
    if not _marks(written.body.translate(_DIGITS))[decimal_mark == ","]:
        return None
    digits = re.sub(rf"[^\d{re.escape(decimal_mark)}]", "", written.body).replace(",", ".")
    value = float(digits + written.exponent)
    return None if np.isinf(value) else -value if written.negative else value


def learn(texts: Sequence[str], counts: np.ndarray, *, decimal_mark: str | None, likely: str | None) -> NumberFormat:
    """Find out how numbers are written, from the distinct texts of a column.

    Args:
        texts: Stripped texts, none missing.
        counts: Their rows.
        decimal_mark: The decimal mark where it is known.
        likely: The mark that the table's other columns speak for, which decides a doubt; or None.

    Example:
        >>> learn(["1.234,50 €", "99,90 €"], np.ones(2), decimal_mark=None, likely=None)
        NumberFormat(decimal=',', unit='€', proven=True, doubtful=None)
    """
    texts, counts = sampled(texts, counts)
    simple = plain_numbers(texts)
    pieces = [None if plain == plain else _parse(text) for text, plain in zip(texts, simple, strict=True)]
    # Plain numbers need not be taken to pieces; their marks must be looked at, though. Thousands have no exponent, so
    # a digit more is put behind the mark there.
    bodies = [
        (piece.body + "0" * bool(piece.exponent) if piece else text.lstrip("-"), count)
        for text, piece, plain, count in zip(texts, pieces, simple, counts.tolist(), strict=True)
        if piece or plain == plain
    ]
    unit = _unit(pieces, counts, sum(count for _, count in bodies))
    if decimal_mark is not None:
        return NumberFormat(decimal_mark, unit, True)
    evidence = _Evidence.of(bodies)
    mark = evidence.decimal_mark()
    if mark is not None:
        return NumberFormat(mark, unit, evidence.has_mark)
    ambiguous = str(evidence.example)
    if likely is not None:
        return NumberFormat(likely, unit)
    # A point is a decimal mark unless something speaks against it; a comma can be either.
    return NumberFormat("." if "." in ambiguous else ",", unit, False, ambiguous)


def mixture(texts: Sequence[str], counts: np.ndarray) -> str:
    """Return in which ways the numbers of a column are written that no single format reads, or "".

    Args:
        texts: Stripped texts, none missing.
        counts: Their rows.

    Example:
        >>> mixture(["2 kg", "500 g", "3 kg"], np.ones(3))
        "different units or letters ('kg' and 'g')"
    """
    texts, counts = sampled(texts, counts)
    units, marks, read = Counter[str](), Counter[str](), 0
    for text, count in zip(texts, counts.tolist(), strict=True):
        piece = _parse(text)
        if piece is not None:
            read += count
            units[piece.unit] += count
            point, comma = _marks(piece.body.translate(_DIGITS))
            marks[text] += count * (point != comma and not piece.body.isdecimal())
    if read == 0 or read < _MIXED * counts.sum():
        return ""
    often = [unit for unit, count in units.most_common(3) if unit and count >= _WAY * read]
    if len(often) > 1:
        return f"different units or letters ({' and '.join(map(repr, often[:2]))})"
    by_mark = {mark: [text for text in +marks if mark in text] for mark in ".,"}
    if all(sum(marks[text] for text in written) >= _WAY * read for written in by_mark.values()):
        return f"a decimal point and a decimal comma ({' and '.join(repr(written[0]) for written in by_mark.values())})"
    return ""


def _unit(pieces: Sequence[_Written | None], counts: np.ndarray, rows: int) -> str:
    """Return the unit of most numbers, or a currency of some of them, or ""."""
    units: Counter[str] = Counter()
    for piece, count in zip(pieces, counts.tolist(), strict=True):
        if piece is not None and piece.unit:
            units[piece.unit] += count
    if not units:
        return ""
    unit, count = min(units.items(), key=lambda item: (-item[1], item[0]))
    is_currency = re.fullmatch(_CURRENCY, unit, re.IGNORECASE) is not None
    return unit if is_currency or count >= 0.5 * rows else ""


@dataclass
class _Evidence:
    """What the cells say about the decimal mark: rows that are numbers with a point only, with a comma only, both."""

    point: int = 0
    comma: int = 0
    doubtful_point: int = 0
    doubtful_comma: int = 0
    short: int = 0
    long: int = 0
    has_mark: bool = False
    example: str | None = None

    @classmethod
    def of(cls, bodies: Sequence[tuple[str, int]]) -> _Evidence:
        self = cls()
        counted: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for body, count in bodies:
            pattern = body.translate(_DIGITS)
            counted[pattern] += count
            examples.setdefault(pattern, body)
        for pattern, count in counted.items():
            point, comma = _marks(pattern)
            single = re.fullmatch(r"9[09]{0,2}([.,])[09]{3}", pattern)
            if not re.search(r"[.,]", pattern):
                self.short += count if len(pattern) <= 3 and "9" in pattern else 0
                self.long += count if len(pattern) > 3 else 0
            elif single:
                self.doubtful_point += count * (single[1] == ".")
                self.doubtful_comma += count * (single[1] == ",")
                self.example = self.example or examples[pattern]
            else:
                self.point += count * (point and not comma)
                self.comma += count * (comma and not point)
        self.has_mark = self.point + self.comma > 0
        return self

    def decimal_mark(self) -> str | None:
        """Return the decimal mark that the cells speak for, or None where they can be read in two ways."""
        doubtful = self.doubtful_point + self.doubtful_comma
        if doubtful == 0 or (self.doubtful_point and self.doubtful_comma):
            if doubtful and self.point == self.comma:
                return None
            return "," if self.comma > self.point else "."
        # All doubtful cells have this mark: 4.942 with a point is 4.942 or 4942.
        mark, other = (".", ",") if self.doubtful_point else (",", ".")
        decimals, thousands = (self.point, self.comma) if mark == "." else (self.comma, self.point)
        grouped = self.short >= 3 and self.long == 0
        if decimals > thousands:
            return other if grouped and decimals <= min(_FEW_SLIPS, _SLIP_SHARE * doubtful) else mark
        if thousands > decimals or grouped:
            self.has_mark = True
            return other
        return None


def plain_column(series: pd.Series) -> tuple[np.ndarray, bool] | None:
    """Return a text column as float64 and whether a decimal point is proven, if all its cells are plain numbers.

    Returns:
        NaN where a cell is missing; None where a cell is anything else than a plain number, has leading zeros, or where
        points may separate thousands.

    Example:
        >>> plain_column(pd.Series(["1.5", None, "20"]))
        (array([ 1.5,  nan, 20. ]), True)
    """
    compute = pyarrow.compute
    if not pd.api.types.is_string_dtype(series.dtype):
        return None
    if len(series) > _FIRST and any(_is_odd(cell) for cell in series.iloc[:_FIRST]):
        return None  # most columns of words are known by their first rows
    try:
        cells = pyarrow.array(series.to_numpy(dtype=object, na_value=None), pyarrow.string())
    except (pyarrow.ArrowException, UnicodeError, ArithmeticError):  # the last for a Decimal that is a signaling NaN
        return None
    cells = compute.utf8_trim_whitespace(cells)
    present = len(cells) - cells.null_count
    if present == 0 or compute.sum(compute.match_substring_regex(cells, PLAIN)).as_py() < present:
        return None
    if compute.any(compute.match_substring_regex(cells, r"^-?0\d")).as_py():
        return None
    doubtful = compute.sum(compute.match_substring_regex(cells, r"^-?[1-9]\d{0,2}\.\d{3}$")).as_py()
    proven = compute.sum(compute.match_substring(cells, ".")).as_py() - doubtful
    if doubtful and proven <= max(_FEW_SLIPS, _SLIP_SHARE * doubtful):
        return None
    return compute.cast(cells, pyarrow.float64()).to_numpy(zero_copy_only=False), proven > 0


def _is_odd(cell: object) -> bool:
    """Return whether a cell is text that is no plain number."""
    return isinstance(cell, str) and re.match(PLAIN, cell.strip()) is None


def read_numbers(
    cells: Sequence[Any], decimal_mark: str, unit: str, missing_words: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct cells as float64, NaN where missing, and how each was read.

    Args:
        cells: Numbers, texts and others.
        decimal_mark: The decimal mark of the texts.
        unit: The unit that the texts may have.
        missing_words: Further texts that count as missing.

    Example:
        >>> values, state = read_numbers([3, "(1,234.5)", "?", "soon"], ".", "", ())
        >>> values.tolist(), state.tolist()
        ([3.0, -1234.5, nan, nan], [0, 0, 1, 2])
    """
    values = np.full(len(cells), np.nan)
    state = np.full(len(cells), READ, dtype=np.int8)
    texts = [index for index, cell in enumerate(cells) if isinstance(cell, str)]
    stripped = [cells[index].strip() for index in texts]
    values[texts] = plain_numbers(stripped, decimal_mark, unit)
    unread = set(np.flatnonzero(np.isnan(values)).tolist())
    for index, text in zip(texts, stripped, strict=True):
        if index in unread:
            value = (
                np.nan
                if is_missing(text, missing_words, among_numbers=True)
                else _number_of_text(text, decimal_mark, unit)
            )
            values[index], state[index] = _stated(value)
            unread.remove(index)
    for index in sorted(unread):
        values[index], state[index] = _stated(_number_of_object(cells[index]))
    absent = are_words(values, missing_words)
    values[absent], state[absent] = np.nan, MISSING
    return values, state


def are_words(values: np.ndarray, missing_words: Sequence[str]) -> np.ndarray:
    """Return a mask of the numbers that the user's words for a missing cell name, such as -999.

    Example:
        >>> are_words(np.array([1.0, -999.0]), ["none", "-999"]).tolist()
        [False, True]
    """
    return np.isin(values, [float(word) for word in missing_words if is_number(word.strip())])


def _stated(value: float | None) -> tuple[float, int]:
    if value is None:
        return np.nan, ODD
    return value, MISSING if np.isnan(value) else READ


def _number_of_text(text: str, decimal_mark: str, unit: str) -> float | None:
    if _INFINITE.fullmatch(text):
        return float(text)
    if decimal_mark == "." and is_number(text):
        value = float(text)
        return None if np.isinf(value) else value
    written = _parse(text)
    if written is None or written.unit not in ("", unit):
        return None
    return _value(written, decimal_mark)


def _number_of_object(cell: Any) -> float | None:
    if isinstance(cell, np.timedelta64):  # NumPy takes it for a whole number
        return None
    if isinstance(cell, decimal.Decimal) and cell.is_nan():
        return np.nan
    if isinstance(cell, (bool, int, float, np.number, np.bool_, decimal.Decimal)):
        try:
            return float(cell)
        except OverflowError:
            return None
    return None


def seconds(cell: Any) -> float | None:
    """Return a time of day or a duration in seconds, or None where a cell is neither.

    Example:
        >>> seconds("1:45 PM"), seconds("0 days 00:05:00"), seconds(datetime.time(0, 1)), seconds("soon")
        (49500.0, 300.0, 60.0, None)
    """
    if isinstance(cell, datetime.timedelta):
        return cell.total_seconds()
    if isinstance(cell, np.timedelta64):
        # Months, years and generic units are no fixed number of seconds.
        return None if np.datetime_data(cell.dtype)[0] in ("Y", "M", "generic") else cell / np.timedelta64(1, "s")
    if isinstance(cell, datetime.time):
        return cell.hour * 3600.0 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
    match = _CLOCK.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None or int(match["minutes"]) > 59:
        return None
    hours, half = int(match["hours"]), (match["half"] or "").lower()
    if half and not 1 <= hours <= 12:
        return None
    hours = hours % 12 + 12 * (half == "p") if half else hours
    past_minute = float((match["seconds"] or "0").replace(",", "."))
    value = int(match["days"] or 0) * 86_400.0 + hours * 3600 + int(match["minutes"]) * 60 + past_minute
    return None if past_minute >= 60 else -value if match["sign"] else value


def read_clocks(cells: Sequence[Any], missing_words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return times of day and durations as seconds, NaN where missing, and how each cell was read."""
    values = np.full(len(cells), np.nan)
    state = np.full(len(cells), READ, dtype=np.int8)
    for index, cell in enumerate(cells):
        missing = isinstance(cell, str) and is_missing(cell.strip(), missing_words, among_numbers=True)
        values[index], state[index] = _stated(np.nan if missing else seconds(cell))
    return values, state
