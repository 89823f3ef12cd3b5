"""Columns, names, indexes and targets of all kinds that pandas, numpy and Arrow hold, drawn by hypothesis."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

Draw = Callable[..., Any]


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "US/Pacific")
HUGE = 10**399 + 7
LATER = datetime.timezone(datetime.timedelta(hours=5, minutes=30))

TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "a", " a ", "A", "NA", "nan", "None", "1", "01", "1.0", "1,5", "1e999", "inf", "-inf", "true",
        "False",
         "yes", "2024-01-31", "31.01.2024", "2024-01-31T12:00+02:00", "12:30", "5 kg", "$3", "\ud800", "a\ud800",
         "\0", "a\0b",
         "<script>", "=1+1", "\n", "naïve", "\uff19", "١٢", "½", "x" * 70_000, "9" * 400, "{}", "[1]", "0x1F", "1_000",
         "²",
         "20240131", "9999-12-31", "-0.0", "1e-320", "\u202e", "é", "é", "0", "?", "2024-13-45", "0000-00-00", "%d",
         "W5"]
    ),
    st.text(max_size=6),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.dates().map(str),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.floats(),
    st.sampled_from([HUGE, -HUGE, 2**63, 2**64, -(2**63) - 1, 2**53 + 1, 5e-324, 1.7e308, -1.7e308, -0.0, np.inf,
    -np.inf]),
    st.sampled_from([np.float16(1.5), np.float32(1e30), np.longdouble("1e4000"), np.uint64(2**64 - 1), np.int8(-1)]),
    st.sampled_from([fractions.Fraction(1, 3), decimal.Decimal("1.50"), decimal.Decimal("1E+400"), 1 + 2j,
    Level.HIGH]),
    st.decimals(),
)  # fmt: skip
MISSING = st.sampled_from(
    [None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT"), decimal.Decimal("NaN")]
)
DATES = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.just(datetime.UTC)),
    st.datetimes(min_value=datetime.datetime(1900, 1, 1), max_value=datetime.datetime(2100, 1, 1)),
    st.dates(),
    st.sampled_from([pd.Timestamp("2024-01-31", tz="Asia/Kolkata"), datetime.datetime(2024, 1, 31, tzinfo=LATER)]),
    st.sampled_from(
        [pd.Timestamp.max, pd.Timestamp.min, datetime.datetime.max, datetime.date.min, np.datetime64("2024")]
    ),
    st.sampled_from([np.datetime64("10000-01-01"), np.datetime64("2024-01-31T12", "h"), pd.Period("2024-01", "M")]),
)
SPANS = st.one_of(
    st.timedeltas(),
    st.times(),
    st.integers(3, 4).map(np.timedelta64),  # without a unit, which can't be hashed
    st.sampled_from([pd.Timedelta("1D"), pd.Timedelta.max, np.timedelta64(5, "D"), np.timedelta64(3, "Y"),
    datetime.timedelta.max]),
)  # fmt: skip
OBJECTS = st.sampled_from(
    [b"", b"a", b"\xff", bytearray(b"a"), uuid.UUID(int=5), Color.RED, Color.BLUE, [], [1], ["a", None], {"a": 1},
    {}, {1},
     frozenset({1, "a"}), (1, 2), (), np.zeros(2), np.zeros((2, 2)), np.array(3), pd.Series([1, 2]),
     pd.DataFrame({"a": [1]}),
     [[1], [[2]]], {"a": {"b": [1]}}, ..., int, len, object(), range(3), memoryview(b"a"), pd.Interval(0, 1),
     decimal.Decimal("sNaN"),
     decimal.Decimal("Infinity"), pd.Index([1]), pd.Categorical(["a"]), pa.scalar(1), pa.scalar(None), np.ma.masked,
     np.void(b"a"),
     np.str_("a"), np.bytes_(b"a"), np.array("a"), slice(3), NotImplemented, ValueError("x"), np.dtype("f8")]
)  # fmt: skip
BOOLS = st.sampled_from([True, False, np.True_, 1, 0, 1.0, 0.0, "True", "1"])
ANYTHING = st.one_of(TEXTS, NUMBERS, MISSING, DATES, SPANS, OBJECTS, BOOLS)
GROUPS = (TEXTS, NUMBERS, DATES, SPANS, OBJECTS, BOOLS)


def picked(draw: Draw, cells: st.SearchStrategy[Any], rows: int, most: int = 6) -> list[Any]:
    """Draw a few cells, and deal them to the rows."""
    pool = draw(st.lists(cells, min_size=1, max_size=most))
    return [pool[index] for index in order(draw, rows) % len(pool)]


def order(draw: Draw, rows: int) -> np.ndarray:
    return np.random.default_rng(draw(st.integers(0, 99))).integers(0, 840, rows)


def objects(cells: list[Any]) -> pd.Series:
    """Return cells as they are, whatever they are."""
    array = np.empty(len(cells), dtype=object)
    for index, cell in enumerate(cells):
        array[index] = cell
    return pd.Series(array, dtype=object)


def of_dtype(draw: Draw, cells: list[Any], dtypes: list[Any]) -> pd.Series:
    """Return cells in a dtype drawn of several, or as objects where they don't fit into it."""
    dtype = draw(st.sampled_from(dtypes))
    try:
        return pd.Series(cells, dtype=dtype)
    except (ValueError, TypeError, OverflowError, pa.ArrowException, NotImplementedError, decimal.InvalidOperation):
        return objects(cells)


def arrow(kind: pa.DataType) -> pd.ArrowDtype:
    return pd.ArrowDtype(kind)


def mixed(draw: Draw, rows: int) -> pd.Series:
    return objects(picked(draw, ANYTHING, rows, 9))


def mostly(draw: Draw, rows: int) -> pd.Series:
    """Return cells of one kind, among which a few are anything."""
    cells = picked(draw, draw(st.sampled_from(GROUPS)), rows, 12)
    for _ in range(min(rows, draw(st.integers(0, 3)))):
        cells[draw(st.integers(0, rows - 1))] = draw(ANYTHING)
    return objects(cells)


def whole(draw: Draw, rows: int) -> pd.Series:
    small = picked(draw, st.one_of(st.integers(0, 5), st.sampled_from([127, 255, 2**31, 2**63 - 1, 2**64 - 1])), rows)
    missing = draw(st.booleans())
    kinds = ["Int8", "Int64", "UInt64", "float64", arrow(pa.int64()), arrow(pa.uint64()), arrow(pa.decimal128(38, 2))]
    if missing:
        small = [None if index % 5 == 0 else cell for index, cell in enumerate(small)]
        return of_dtype(draw, small, kinds)
    return of_dtype(draw, small, [*kinds, "int8", "int32", "int64", "uint8", "uint64", "Sparse[int64]", "longdouble"])


def floating(draw: Draw, rows: int) -> pd.Series:
    width = draw(st.sampled_from([16, 32, 64]))
    finite = st.floats(allow_nan=False, allow_infinity=False, width=width)
    odd = st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    cells = draw(st.sampled_from([finite, st.one_of(finite, st.just(np.nan)), st.one_of(finite, odd)]))
    kinds = [
        "float16",
        "float32",
        "float64",
        "longdouble",
        "Float32",
        "Float64",
        "Sparse[float64]",
        "complex64",
        "complex128",
    ]
    kinds += [arrow(pa.float16()), arrow(pa.float32()), arrow(pa.float64())]
    return of_dtype(draw, picked(draw, cells, rows, 20), kinds)


def spread(draw: Draw, rows: int) -> pd.Series:
    """Return numbers that all differ, in any dtype that holds them."""
    numbers = np.random.default_rng(draw(st.integers(0, 99))).normal(size=rows) * 10 ** draw(st.integers(-3, 6))
    kinds = [
        "float16",
        "float32",
        "float64",
        "int64",
        "Float64",
        "Int64",
        "str",
        "string[python]",
        object,
        "Sparse[float64]",
    ]
    kinds += [arrow(pa.float32()), arrow(pa.string()), "timedelta64[s]", "datetime64[us]", "longdouble", "complex128"]
    dtype = draw(st.sampled_from(kinds))
    whole_numbers = dtype in ("int64", "Int64", "timedelta64[s]", "datetime64[us]")
    return pd.Series(np.round(numbers).astype("int64") if whole_numbers else numbers).astype(dtype)


def truths(draw: Draw, rows: int) -> pd.Series:
    cells = picked(draw, st.sampled_from([True, False]), rows)
    if draw(st.booleans()):
        cells = [None if index % 4 == 0 else cell for index, cell in enumerate(cells)]
    return of_dtype(draw, cells, ["bool", "boolean", object, arrow(pa.bool_()), "Sparse[bool]", "category", "string"])


def texts(draw: Draw, rows: int) -> pd.Series:
    cells = picked(draw, st.one_of(TEXTS, st.none()) if draw(st.booleans()) else TEXTS, rows, 9)
    kinds = [
        "str",
        "string[python]",
        "string[pyarrow]",
        object,
        "category",
        arrow(pa.string()),
        arrow(pa.large_string()),
    ]
    return of_dtype(draw, cells, [*kinds, arrow(pa.dictionary(pa.int32(), pa.string()))])


def categories(draw: Draw, rows: int) -> pd.Series:
    pool = draw(
        st.sampled_from(
            [["a", "b", "c"], ["a", " a ", "A"], [1, 2, 3], [1.5, 2.5], [True, False], ["1", 1, True], [0.1, np.inf],
             list(pd.interval_range(0, 3)), list(pd.date_range("2024-01-01", periods=3, tz="UTC")),
             [decimal.Decimal(1), 2],
             list(pd.timedelta_range("1h", periods=3)), list(pd.period_range("2024", periods=3, freq="M")),
                          [datetime.date(2024, 1, 1), "x"], [b"a", b"b"], ["\ud800", "\0"], [HUGE, 1], ["yes", "no"],
                          [Color.RED, Color.BLUE]]
        )
    )  # fmt: skip
    codes = order(draw, rows) % (len(pool) + 1) - (0 if draw(st.booleans()) else 1)
    codes = np.where(codes == len(pool), 0, codes)
    unused = [] if draw(st.booleans()) else [st.sampled_from(["unused", 99, np.datetime64("2000")])]
    values = [*pool, *(draw(extra) for extra in unused)]
    try:
        cells = pd.Categorical.from_codes(codes, categories=pd.Index(values, dtype=None), ordered=draw(st.booleans()))
    except (ValueError, TypeError, OverflowError, NotImplementedError):
        return objects([None if code < 0 else pool[code] for code in codes])
    return pd.Series(cells)


def dates(draw: Draw, rows: int) -> pd.Series:
    near = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2050, 1, 1))
    cells = [
        pd.Timestamp(cell) for cell in picked(draw, draw(st.sampled_from([near, near, near, st.datetimes()])), rows, 20)
    ]
    if draw(st.booleans()):
        cells = [pd.NaT if index % 6 == 0 else cell for index, cell in enumerate(cells)]
    naive = ["datetime64[s]", "datetime64[ms]", "datetime64[us]", "datetime64[ns]", object, "category", "str"]
    naive += [arrow(pa.timestamp("us")), arrow(pa.date32()), arrow(pa.date64()), "period[D]", "period[M]"]
    zoned = [arrow(pa.timestamp("ms", "UTC")), arrow(pa.timestamp("ns", "Asia/Kolkata")), "datetime64[us, UTC]"]
    dtype = draw(st.sampled_from([*naive, *zoned, *[f"datetime64[ns, {zone}]" for zone in ZONES]]))
    series = pd.Series(cells, dtype="datetime64[us]")
    try:
        if isinstance(dtype, str) and dtype.startswith("period"):
            return series.dt.to_period(dtype[7:-1])
        if isinstance(dtype, str) and ", " in dtype:
            return series.dt.tz_localize("UTC").astype(dtype)
        return series.dt.date if dtype is object and draw(st.booleans()) else series.astype(dtype)
    except (ValueError, TypeError, OverflowError, pa.ArrowException, NotImplementedError):
        return series


def spans(draw: Draw, rows: int) -> pd.Series:
    cells = picked(draw, st.timedeltas(datetime.timedelta(-99), datetime.timedelta(9_999)), rows, 20)
    kinds = ["timedelta64[s]", "timedelta64[ms]", "timedelta64[us]", "timedelta64[ns]", object, "str", "category"]
    return of_dtype(draw, cells, [*kinds, arrow(pa.duration("s")), arrow(pa.duration("us")), arrow(pa.duration("ns"))])


def clocks(draw: Draw, rows: int) -> pd.Series:
    return of_dtype(draw, picked(draw, st.times(), rows, 9), [object, arrow(pa.time64("us")), arrow(pa.time64("ns"))])


def nested(draw: Draw, rows: int) -> pd.Series:
    cells, kinds = draw(
        st.sampled_from(
            [
                ([[1, 2], [], None], [pa.list_(pa.int64()), pa.large_list(pa.int64())]),
                ([{"a": 1}, {"a": None}, None], [pa.struct([("a", pa.int64())])]),
                ([[("a", 1)], []], [pa.map_(pa.string(), pa.int64())]),
                ([[1.0, 2.0], [3.0, 4.0]], [pa.list_(pa.float64(), 2)]),
                ([b"a", b"", b"\xff"], [pa.binary(), pa.large_binary()]),
                ([b"ab", b"cd"], [pa.binary(2)]),
                ([None, None], [pa.null()]),
                ([[{"a": [1]}]], [pa.list_(pa.struct([("a", pa.list_(pa.int64()))]))]),
                ([decimal.Decimal("1.25"), decimal.Decimal("2.50"), None], [pa.decimal128(9, 2), pa.decimal256(40, 2)]),
            ]
        )
    )
    return pd.Series(
        [cells[index % len(cells)] for index in order(draw, rows)], dtype=arrow(draw(st.sampled_from(kinds)))
    )


def pieces(draw: Draw, rows: int) -> pd.Series:
    left = order(draw, rows) % 5
    intervals = pd.arrays.IntervalArray.from_arrays(left, left + 1, closed=draw(st.sampled_from(["left", "both"])))
    return pd.Series(intervals) if draw(st.booleans()) else pd.Series(intervals).astype(object)


def constant(draw: Draw, rows: int) -> pd.Series:
    cell = draw(ANYTHING)
    return objects([cell] * rows)


def empty(draw: Draw, rows: int) -> pd.Series:
    kinds = ["float64", "Float64", "Int64", "boolean", "string", "datetime64[ns]", "timedelta64[s]", "category", object]
    kinds += [
        "datetime64[ns, UTC]",
        "Sparse[float64]",
        "period[D]",
        arrow(pa.null()),
        arrow(pa.int8()),
        arrow(pa.string()),
    ]
    return pd.Series([None] * rows, dtype=draw(st.sampled_from(kinds)))


KINDS: dict[str, Callable[[Draw, int], pd.Series]] = {
    function.__name__: function
    for function in (
        *(mixed, mostly, whole, floating, spread, truths, texts, categories, dates, spans, clocks, nested, pieces),
        *(constant, empty),
    )
}


def plain(draw: Draw, rows: int) -> pd.Series:
    """Return a column that any table may have."""
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        return pd.Series(generator.normal(size=rows))
    return pd.Series(generator.choice(["red", "green", "blue"], rows))


NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", "", " ", "index", "level_0", 0, 1, 1.5, None, np.nan, pd.NaT, True, ("a", 1), ("a",), "x" * 9_000,
         'q"\'', "a\nb", "<b>&amp;</b>", "\ud800", "\0", "a (2)", "target", "y", "class 1", "column 1", "date", "id",
         "__len__",
         pd.Timestamp("2024-01-01"), datetime.date(2024, 1, 1), b"a", "{0}", "%s", "naïve", "1", "é", "frozenset()",
         "a is missing"]
    ),
    st.text(max_size=4),
    st.integers(),
)  # fmt: skip


def index(draw: Draw, rows: int) -> pd.Index:
    numbers = order(draw, rows)
    return draw(
        st.sampled_from(
            [
                pd.RangeIndex(rows),
                pd.RangeIndex(5, 5 + 2 * rows, 2),
                pd.Index(numbers),
                pd.Index([str(number) for number in numbers], name="a"),
                pd.MultiIndex.from_arrays([numbers, numbers % 2], names=["a", None]),
                pd.DatetimeIndex(pd.date_range("2024-01-01", periods=rows, tz="Europe/Berlin")),
                pd.PeriodIndex(pd.period_range("2024", periods=rows, freq="M")),
                pd.IntervalIndex.from_breaks(range(rows + 1)),
                pd.CategoricalIndex([str(number % 3) for number in numbers]),
                pd.Index([np.nan] * rows),
                pd.Index([(1, "a")] * rows, tupleize_cols=False),
                pd.timedelta_range("1D", periods=rows),
            ]
        )
    )
