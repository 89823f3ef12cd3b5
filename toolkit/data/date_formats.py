"""Dates written as people and programs write them, and the formats for `strptime` that read them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.data.cells import MISSING, ODD, OPEN, READ, is_missing, sampled, within_range

__all__ = ["COMPACT", "DateFormat", "are_zoned", "learn", "mixture", "read_dates", "zone_of"]

ISO = "ISO8601"
COMPACT = "%Y%m%d"  # written as the number 20240131
QUARTER, WEEK = "quarter", "week"  # 2024-Q1 and 2024-W05: their first days

_ISO_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII
)
_CLOCK = re.compile(
    r"(?P<join>, | at |T|[ :]?)(?P<hours>\d{1,2}):\d{2}(?P<seconds>:\d{2})?(?P<fraction>\.\d{1,9})?(?P<blank> ?)"
    r"(?P<half>[AaPp][Mm])?(?P<gap> ?)(?P<zone>UTC|GMT|Z|[+-]\d{2}:?\d{2}|[A-Z]{3,4})?(?P<year> \d{4})?$"
)
_QUARTER = re.compile(
    r"(?P<year>\d{4})[-/ ]?Q(?P<quarter>[1-4])|Q(?P<quarter2>[1-4])[-/ ]?(?P<year2>\d{4})", re.IGNORECASE
)
_WEEK = re.compile(r"(?P<year>\d{4})-?W(?P<week>\d{2})", re.IGNORECASE)
_DENSE = re.compile(r"\d{8}T\d{6}(?P<zone>Z?)")
_TOKEN = re.compile(r"\d+|[^\W\d_]+|[^\w]+|_+")
_MONTHS = [date.strftime("%B").lower() for date in pd.date_range("2024-01-01", periods=12, freq="MS")]
_DAYS = [date.strftime("%A").lower() for date in pd.date_range("2024-01-01", periods=7)]
_FAR_YEAR = re.compile(r"(?<!\d)(226[2-9]|22[7-9]\d|2[3-9]\d\d|[3-9]\d{3})(?!\d)")
_LEAP_YEAR = "2000"
_FIRST = 50  # texts that suggest formats
_MOST_FORMATS, _UNREAD = 3, 0.1  # of dates that are written in several ways


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a column are written.

    Attributes:
        format: `"ISO8601"`, or a format for `strptime`.
        exchanged: The format that reads every date too, with day and month exchanged; or None.
        why: Why `format` was preferred to `exchanged`.
    """

    format: str
    exchanged: str | None = None
    why: str = ""


def learn(texts: Sequence[str], counts: np.ndarray, *, dayfirst: bool | None) -> DateFormat | None:
    """Find out how dates are written, from the distinct texts of a column in the order of their first rows.

    Args:
        texts: Stripped texts, none missing.
        counts: Their rows.
        dayfirst: Whether the day comes first where day and month can be exchanged; None decides by the texts.

    Returns:
        The format that reads most rows, or None where no format reads half of them.

    Example:
        >>> learn(["31.12.2023 08:15", "01.02.2024 17:40"], np.ones(2), dayfirst=None).format
        '%d.%m.%Y %H:%M'
    """
    texts, counts = sampled(texts, counts)
    formats: dict[str, None] = {}
    for text in texts[:_FIRST] if any(re.search(r"\d", text) for text in texts[:_FIRST]) else ():
        formats |= dict.fromkeys(_formats_of(text))
    first = counts[:_FIRST]
    likely = [format for format in formats if first[_reads(texts[:_FIRST], format)].sum() >= 0.5 * first.sum()]
    read = {format: _reads(texts, format) for format in likely}
    rows = {format: counts[mask].sum() for format, mask in read.items()}
    if not rows or max(rows.values()) < 0.5 * counts.sum():
        return None
    best = [format for format in likely if rows[format] == max(rows.values())]
    if len(best) == 1:
        return DateFormat(best[0])
    return _choose([text for text, is_read in zip(texts, read[best[0]], strict=True) if is_read], best, dayfirst)


def mixture(texts: Sequence[str], counts: np.ndarray) -> list[str]:
    """Return the two or three formats that dates are written in, or none where they are no such mixture.

    Args:
        texts: Stripped texts, none missing.
        counts: Their rows.

    Example:
        >>> mixture(["31.12.2023", "2024-02-01", "17.02.2024"], np.ones(3))
        ['%d.%m.%Y', 'ISO8601']
    """
    texts, counts = sampled(texts, counts)
    rows, formats = counts.sum(), []
    while texts and len(formats) < _MOST_FORMATS:
        learned = learn(texts, counts, dayfirst=None)
        format = learned.format if learned else next(iter(_formats_of(texts[0])), None)
        if format is None:
            break
        formats.append(format)
        left = ~_reads(texts, format)
        texts, counts = [text for text, is_left in zip(texts, left, strict=True) if is_left], counts[left]
    return formats if len(formats) > 1 and counts.sum() <= _UNREAD * rows else []


def are_zoned(series: pd.Series) -> bool | None:
    """Return whether dates of any dtype have a time zone; None where all are missing.

    Example:
        >>> are_zoned(pd.Series(["2024-01-31T12:00Z"])), are_zoned(pd.Series([pd.Timestamp("2024-01-31")]))
        (True, False)
    """
    cells = series.dropna()
    if cells.empty:
        return None
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return getattr(getattr(cells.dtype, "pyarrow_dtype", cells.dtype), "tz", None) is not None
    clocks = (_CLOCK.search(cell) for cell in cells.head(_FIRST) if isinstance(cell, str))
    dates = (cell for cell in cells.head(_FIRST) if isinstance(cell, datetime.datetime))
    return any(clock and clock["zone"] for clock in clocks) or any(date.tzinfo for date in dates)


def zone_of(texts: Sequence[str], format: str) -> str:
    """Return the first time zone that is written with dates, or ""; "Z" is UTC.

    Example:
        >>> zone_of(["2024-01-31T12:00+02:00"], "ISO8601"), zone_of(["31.01.2024 12:00"], "%d.%m.%Y %H:%M")
        ('+02:00', '')
    """
    if format != ISO and not re.search(r"%z|[A-Z]{3,4}$", format):
        return ""
    matches = (_CLOCK.search(text) for text in texts[:_FIRST])
    zones = (match["zone"] for match in matches if match is not None and match["zone"])
    return next((zone for zone in zones if zone not in ("Z", "UTC", "GMT")), "")


def _choose(texts: list[str], formats: list[str], dayfirst: bool | None) -> DateFormat:
    """Choose between formats that read the same texts, with day and month, or day and year, in another order."""
    if dayfirst is not None:
        chosen = [format for format in formats if (format.find("%d") < format.find("%m")) == dayfirst]
        return DateFormat((chosen or formats)[0])
    days = {format: pd.DatetimeIndex(_parsed(texts, format)) for format in formats}
    for why, speaks in (
        ("the rows are then in order", lambda dates: dates.is_monotonic_increasing or dates.is_monotonic_decreasing),
        ("each is then the first of a month", lambda dates: len(dates) > 1 and bool((dates.day == 1).all())),
    ):
        speaking = [format for format in formats if speaks(days[format])]
        if len(speaking) == 1 and len(texts) > 2:
            return DateFormat(speaking[0], _exchanged(speaking[0], formats), why)
    # A year of two digits comes last unless only that puts the rows in order.
    return DateFormat(formats[0], _exchanged(formats[0], formats))


def _exchanged(format: str, formats: Sequence[str]) -> str | None:
    """Return the one of some formats in which day and month are exchanged, or None."""
    other = format.replace("%d", "%-").replace("%m", "%d").replace("%-", "%m")
    return other if other in formats else None


def _formats_of(text: str) -> list[str]:
    """Return the formats that a text may have, the likelier first."""
    if _ISO_DATE.fullmatch(text):
        return [ISO]
    for format, pattern in ((QUARTER, _QUARTER), (WEEK, _WEEK), ("%Y%m%dT%H%M%S", _DENSE)):
        match = pattern.fullmatch(text)
        if match is not None:
            return [format + match.groupdict().get("zone", "")]
    clock, rest = "", text
    match = _CLOCK.search(text)
    if match is not None and match.start() > 0:
        half = match["half"] is not None
        zone = match["zone"] or ""
        if zone[:1] in ("+", "-"):
            zone = "%z"
        clock = match["join"] + ("%I" if half else "%H") + ":%M"
        clock += (":%S" if match["seconds"] else "") + (".%f" if match["fraction"] else "")
        clock += match["blank"] + ("%p" if half else "") + match["gap"] + zone + (" %Y" if match["year"] else "")
        rest = text[: match.start()]
    return [date + clock for date in _date_formats(rest, year_behind=clock.endswith("%Y"))]


def _date_formats(text: str, *, year_behind: bool) -> list[str]:
    """Return the formats that the date in a text may have."""
    tokens = _TOKEN.findall(text)
    pieces: list[str | None] = []
    numbers: list[int] = []
    named = False
    for token in tokens:
        word = token.lower()
        if token.isdecimal():
            numbers.append(len(pieces))
            pieces.append(None)
        elif word in _MONTHS or word in [month[:3] for month in _MONTHS]:
            pieces.append("%b" if len(word) == 3 else "%B")
            named = True
        elif word in _DAYS or word in [day[:3] for day in _DAYS]:
            pieces.append("%a" if len(word) == 3 else "%A")
        elif word[0].isalpha() or "%" in token:
            return []
        else:
            pieces.append(token)
    lengths = [len(tokens[index]) for index in numbers]
    if lengths == [8] and len(pieces) == 1:
        return [COMPACT]
    orders = _orders(lengths, named, year_behind, "".join(str(piece) for piece in pieces if piece))
    formats = []
    for order in orders:
        for index, code in zip(numbers, order, strict=True):
            pieces[index] = code
        formats.append("".join(str(piece) for piece in pieces))
    return formats


def _orders(lengths: list[int], named: bool, year_behind: bool, separators: str) -> list[tuple[str, ...]]:
    """Return what the numbers of a date can be, by their lengths."""
    if any(length not in (1, 2, 4) for length in lengths):
        return []
    years = [index for index, length in enumerate(lengths) if length == 4]
    if named:
        by_count = {
            1: [("%d",)] if year_behind else [("%Y",)] if years else [("%y",)],
            2: [("%Y", "%d")] if years == [0] else [("%d", "%Y")] if years else [("%d", "%y"), ("%y", "%d")],
        }
        return by_count.get(len(lengths), []) if len(years) <= 1 else []
    if len(lengths) == 2 and len(years) == 1:
        return [("%Y", "%m") if years == [0] else ("%m", "%Y")]
    if len(lengths) != 3 or len(years) > 1 or years == [1]:
        return []
    if years == [0]:
        return [("%Y", "%m", "%d"), ("%Y", "%d", "%m")]
    year = "%Y" if years else "%y"
    # Where both readings are possible, month before day comes first with "/", day before month with "." and "-".
    orders = [("%m", "%d", year), ("%d", "%m", year)]
    orders = orders if separators.startswith("/") else orders[::-1]
    return orders if years else [*orders, ("%y", "%m", "%d")]


def _parsed(texts: Sequence[str], format: str) -> pd.DatetimeIndex:
    """Return texts as dates in UTC without a zone, NaT where the format does not read them."""
    if format in (QUARTER, WEEK):
        texts, format = [_first_day(text, format) for text in texts], ("%Y-%m" if format == QUARTER else "%G-W%V-%u")
    index = pd.to_datetime(pd.Index(texts, dtype=object), format=format, errors="coerce", utc=True)
    return pd.DatetimeIndex(index).tz_localize(None)


def _first_day(text: str, format: str) -> str:
    """Return a quarter as its first month, or a week as its Monday; "" for other text."""
    match = (_QUARTER if format == QUARTER else _WEEK).fullmatch(text)
    if match is None:
        return ""
    if format == WEEK:
        return f"{match['year']}-W{match['week']}-1"
    return f"{match['year'] or match['year2']}-{3 * int(match['quarter'] or match['quarter2']) - 2:02}"


def _reads(texts: Sequence[str], format: str) -> np.ndarray:
    """Return a mask of the texts that a format reads; years too far off to be stored count."""
    return _states(texts, format)[1] != ODD


def _states(texts: Sequence[str], format: str) -> tuple[np.ndarray, np.ndarray]:
    """Return stripped texts as datetime64[ns] and how each was read."""
    values, state = within_range(_parsed(texts, format))
    state[state == MISSING] = ODD
    if format == ISO:
        state[[_ISO_DATE.fullmatch(text) is None for text in texts]] = ODD
        values[state == ODD] = np.datetime64("NaT")
    # Earlier versions of pandas don't read years that nanoseconds can't hold: the rest of such a date is checked.
    unread = [index for index in np.flatnonzero(state == ODD).tolist() if _far_year(texts[index], format)]
    nearer = [_FAR_YEAR.sub(_LEAP_YEAR, texts[index], count=1) for index in unread]
    if unread and format != COMPACT:
        state[np.array(unread)[~np.asarray(_parsed(nearer, format).isna())]] = OPEN
    return values, state


def _far_year(text: str, format: str) -> bool:
    return _FAR_YEAR.search(text) is not None and ("%Y" in format or _ISO_DATE.fullmatch(text) is not None)


def read_dates(cells: Sequence[Any], format: str | None, missing_words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct cells as datetime64[ns] in UTC, NaT where missing, and how each was read.

    Args:
        cells: Date objects, texts and others.
        format: The format of the texts; None is ISO 8601.
        missing_words: Further texts that count as missing.

    Example:
        >>> values, state = read_dates(["2024-01-31", "9999-12-31", "soon", "?"], None, ())
        >>> values.astype("datetime64[D]").tolist()[0], state.tolist()
        (datetime.date(2024, 1, 31), [0, 3, 2, 1])
    """
    format = format or ISO
    values = np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[ns]")
    state = np.full(len(cells), ODD, dtype=np.int8)
    texts, dates = [], []
    for index, cell in enumerate(cells):
        if isinstance(cell, str):
            missing = is_missing(cell.strip(), missing_words, among_numbers=True)
            state[index] = MISSING if missing else ODD
            texts += [] if missing else [index]
        elif isinstance(cell, (datetime.date, np.datetime64, pd.Period)):
            dates.append(index)
        elif format == COMPACT and isinstance(cell, (int, float, np.number)) and float(cell).is_integer():
            texts.append(index)
    stripped = [cells[index].strip() if isinstance(cells[index], str) else str(int(cells[index])) for index in texts]
    if texts:
        values[texts], state[texts] = _states(stripped, format)
    if dates:
        values[dates], state[dates] = _of_objects([cells[index] for index in dates])
    return values, state


def _of_objects(cells: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return date objects in nanoseconds, and how each was read."""
    # The constructor refuses dates too far off one by one in pandas 2, and all together in pandas 3.
    cells = [cell.to_timestamp() if isinstance(cell, pd.Period) else cell for cell in cells]
    years = np.array(
        [cell.year if isinstance(cell, datetime.date) else int(str(cell.astype("M8[Y]"))) for cell in cells]
    )
    state = np.where(years > 2261, OPEN, np.where(years < 1678, ODD, READ)).astype(np.int8)
    values = np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[ns]")
    near = [cell for cell, how in zip(cells, state, strict=True) if how == READ]
    if near:
        index = pd.DatetimeIndex(pd.to_datetime(pd.Index(near, dtype=object), utc=True)).tz_localize(None)
        values[state == READ], state[state == READ] = within_range(index)
    return values, state
