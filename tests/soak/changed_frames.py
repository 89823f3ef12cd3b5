"""Frames that were changed since the training: dtypes, cells, columns, and the form in which they are given."""

from __future__ import annotations

import datetime
import decimal
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from tests.soak import frames, odd_columns, odd_targets, outcomes
from tests.soak.odd_columns import Draw

_ROWS = 40
_FORMS = (*("frame",) * 6, "Series", "values", *frames.FORMS[5:], "sparse")
_CHANGES = (*("dtype",) * 2, *("cells",) * 3, *("kind",) * 2, "missing", "zone", "move", "copy", "drop", "name", "add")
_DTYPES = (
    *("str", "string[python]", "object", "category", "float16", "float32", "int8", "Int64", "Float64", "boolean",
    "bool", "uint64"),
    *("datetime64[s]", "datetime64[ns]", "datetime64[us, UTC]", "datetime64[ns, US/Pacific]", "timedelta64[ms]",
    "period[D]"),
    *("complex64", "longdouble", "Sparse[float64]", "string[pyarrow]", pd.ArrowDtype(pa.string()),
    pd.ArrowDtype(pa.float64())),
    *(pd.ArrowDtype(pa.decimal128(20, 3)), pd.ArrowDtype(pa.timestamp("us", "UTC")),
    pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
)  # fmt: skip


def _kinds() -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the columns of each kind of frame that is trained on, 40 rows each."""
    generator = np.random.default_rng(0)
    number, code = generator.normal(50, 20, _ROWS), generator.integers(0, 3, _ROWS)
    days = pd.Timestamp("2023-05-01 10:30") + pd.to_timedelta(generator.integers(0, 900, _ROWS), unit="D")
    words, flags = np.array(["red", "green", "blue"])[code], code > 1
    spans = pd.to_timedelta(number * 3_600, unit="s").round("s")
    gaps = np.where(np.arange(_ROWS) % 7 == 0, None, 1)
    return {
        "numbers": lambda: {"a": number, "b": code, "c": number.astype("float32") ** 2},
        "numpy": lambda: {"a": number, "b": code, "c": words, "d": flags, "e": days, "f": spans},
        "nullable": lambda: {
            "a": pd.array(np.where(gaps, number, np.nan), dtype="Float64"),
            "b": pd.array([None if gap is None else int(x) for gap, x in zip(gaps, code, strict=True)], dtype="Int64"),
            "c": pd.array([None if gap is None else x for gap, x in zip(gaps, words, strict=True)], dtype="string"),
            "d": pd.array(
                [None if gap is None else bool(x) for gap, x in zip(gaps, flags, strict=True)], dtype="boolean"
            ),
            "e": pd.Series(days).mask(pd.isna(gaps)),
        },
        "categorical": lambda: {
            "a": pd.Categorical(words, ["red", "green", "blue", "unused"], ordered=True),
            "b": pd.Categorical(code),
            "c": pd.cut(number, [-100, 30, 60, 200]),
            "d": pd.Categorical.from_codes(code - 1, pd.date_range("2024-01-01", periods=2)),
        },
        "zoned": lambda: {
            "a": days.tz_localize("UTC"),
            "b": days.tz_localize("Europe/Berlin"),
            "c": pd.Series(days).dt.to_period("M"),
            "d": [f"{day:%Y-%m-%dT%H:%M}+02:00" for day in days],
            "e": list(days.tz_localize("Asia/Kolkata").astype(object)),
        },
        "arrow": lambda: {
            "a": pd.array(number, dtype=pd.ArrowDtype(pa.float64())),
            "b": pd.array(words, dtype=pd.ArrowDtype(pa.string())),
            "c": pd.array(days, dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
            "d": pd.array(spans, dtype=pd.ArrowDtype(pa.duration("s"))),
            "e": pd.array(flags, dtype=pd.ArrowDtype(pa.bool_())),
            "f": pd.Series([decimal.Decimal(int(x)) / 4 for x in number], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
        },
        "text": lambda: {
            "a": [f"{x:.2f}".replace(".", ",") for x in number],
            "b": [f"0{x}" for x in code],
            "c": [f"{day:%d.%m.%Y}" for day in days],
            "d": [f"{x % 24:02}:15" for x in code],
            "e": np.where(flags, "True", "False"),
            "f": [f"${abs(x):.1f}" for x in number],
            "g": [f"{day:%Y%m%d}" for day in days],
        },
        "objects": lambda: {
            "a": [True if x == 2 else int(x) for x in code],
            "b": [day.date() for day in days],
            "c": [datetime.time(int(x)) for x in code],
            "d": [[x] for x in code],
            "e": [decimal.Decimal(int(x)) for x in number],
            "f": list(spans),
            "g": [("a", 1, None)[x] for x in code],
            "h": number,
        },
    }


@functools.cache
def _base(kind: str, task: str) -> frames.Case:
    columns = tuple((name, pd.Series(cells)) for name, cells in _kinds()[kind]().items())
    code = np.random.default_rng(1).integers(0, 2, _ROWS)
    targets = {
        "binary": [np.array(["no", "yes"])[code]],
        "multiclass": [(code + np.arange(_ROWS) % 2).astype(float)],
        "regression": [np.random.default_rng(2).normal(size=_ROWS)],
        "multilabel": [code, np.arange(_ROWS) % 2 == 1],
    }[task]
    named = tuple((f"y{index}", pd.Series(cells)) for index, cells in enumerate(targets))
    network = {"build": "mlp", "hidden": (4,)}
    return frames.Case(task, columns, named, pd.RangeIndex(_ROWS), "frame", network)


@dataclass(frozen=True)
class Changed:
    """A kind of frame that was trained on, and changed rows in the form in which they are given.

    Attributes:
        kind: The kind of frame.
        rows: The changed rows, with the target.
        labeled: Whether they are evaluated too.
    """

    kind: str
    rows: frames.Case
    labeled: bool

    def __str__(self) -> str:
        return f"trained on {self.kind}; {self.rows}"


def _changed(draw: Draw) -> Changed:
    kind, task = draw(st.sampled_from(sorted(_kinds()))), draw(st.sampled_from(frames.TASKS))
    base = _base(kind, task)
    rows = draw(st.sampled_from([_ROWS, _ROWS, _ROWS, 0, 1, 5]))
    start = draw(st.integers(0, 20))
    columns = [(name, series.iloc[start : start + rows].reset_index(drop=True)) for name, series in base.columns]
    rows = len(columns[0][1])
    target = [(name, series.iloc[start : start + rows].reset_index(drop=True)) for name, series in base.target]
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, columns, rows)
    labeled = draw(st.integers(0, 4)) == 0
    if labeled and rows and draw(st.booleans()):
        target = [(name, odd_targets.odd_target(draw, task, rows)) for name, _ in target]
    case = frames.Case(
        task, tuple(columns), tuple(target), odd_columns.index(draw, rows), draw(st.sampled_from(_FORMS))
    )
    return Changed(kind, case, labeled)


def _change(draw: Draw, columns: list[tuple[Any, pd.Series]], rows: int) -> None:
    """Change one column, or which columns there are."""
    at = draw(st.integers(0, len(columns) - 1))
    name, series = columns[at]
    what = draw(st.sampled_from(_CHANGES))
    if what == "drop" and len(columns) > 1:
        del columns[at]
    elif what == "move":
        columns.append(columns.pop(at))
    elif what == "copy":
        columns.append((name, columns[draw(st.integers(0, len(columns) - 1))][1]))
    elif what == "name":
        columns[at] = draw(odd_columns.NAMES), series
    elif what == "missing":
        columns[at] = name, odd_columns.empty(draw, rows)
    elif what in ("kind", "add") and rows:
        kinds = odd_columns.KINDS
        new = kinds[draw(st.sampled_from(sorted(kinds)))](draw, rows)
        columns[at : at + 1] = [(name, new)] if what == "kind" else [(draw(odd_columns.NAMES), new), columns[at]]
    elif what == "cells" and rows:
        cells = list(series)
        for _ in range(draw(st.sampled_from([1, 1, 2, rows]))):
            cells[draw(st.integers(0, rows - 1))] = draw(odd_columns.ANYTHING)
        columns[at] = name, odd_columns.objects(cells) if draw(st.booleans()) else _inferred(cells)
    elif what in ("dtype", "zone"):
        dtypes = _DTYPES if what == "dtype" else [f"datetime64[us, {zone}]" for zone in odd_columns.ZONES]
        columns[at] = name, _as_type(series, draw(st.sampled_from(dtypes)))


def _inferred(cells: list[Any]) -> pd.Series:
    try:
        return pd.Series(cells)
    except (ValueError, TypeError, OverflowError, pa.ArrowException, decimal.InvalidOperation):
        return odd_columns.objects(cells)


def _as_type(series: pd.Series, dtype: Any) -> pd.Series:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if series.dtype.kind == "M" and isinstance(dtype, str) and dtype.startswith("period"):
                return series.dt.to_period("D")
            if series.dtype.kind == "M" and getattr(series.dt, "tz", None) is None and "," in str(dtype):
                return series.dt.tz_localize("UTC").astype(dtype)
            return series.astype(dtype)
    except (
        ValueError,
        TypeError,
        OverflowError,
        NotImplementedError,
        AttributeError,
        pa.ArrowException,
        decimal.InvalidOperation,
    ):
        return series.astype(object)


def _given(rows: frames.Case, frame: pd.DataFrame, folder: Path) -> Any:
    """Return changed rows in the form of the case; one row as a Series, or as a dictionary of single values."""
    if rows.form in ("Series", "values") and len(frame):
        row = frame.iloc[0]
        return row if rows.form == "Series" else dict(zip(frame.columns, row, strict=True))
    if rows.form == "sparse":
        import scipy.sparse

        try:
            return scipy.sparse.csr_matrix(frame.to_numpy(dtype=np.float64))
        except (ValueError, TypeError, OverflowError, decimal.InvalidOperation):
            return frame
    return frames.given(frame, rows.form, folder)


def predict_changed(count: int, seed: int, folder: Path) -> outcomes.Counts:
    """Train once on each kind of frame, and predict changed rows of it."""
    from toolkit import DataError

    trained = functools.cache(lambda kind, task: frames.train(_base(kind, task), folder))
    counts = outcomes.Counts()

    def predict(changed: Changed) -> str:
        run = trained(changed.kind, changed.rows.task)
        frame = changed.rows.frame(target=False)
        try:
            new = _given(changed.rows, frame, folder)
            scores = frames.check_answers(run, new)
            if isinstance(new, pd.DataFrame):
                frames.check_same(run, new, scores)
            if run.task == "regression":
                run.predict_interval(new)
            if changed.labeled:
                run.evaluate(_given(changed.rows, changed.rows.frame(), folder))
        except DataError:
            return "error"
        return "answer"

    def one_case(changed: Changed) -> None:
        counts.add(changed, *outcomes.failure(lambda: predict(changed)))

    outcomes.drawn(st.composite(_changed)(), one_case, count, seed)
    return counts
