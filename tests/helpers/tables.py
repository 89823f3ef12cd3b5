"""Small tables, and what becomes of their columns."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from toolkit.data.dataset import SplitData
from toolkit.data.prepare import prepare


def kinds(table: SplitData) -> dict[str, str]:
    return {column.name: column.kind for column in table.features.columns}


def typed(values: Any, **options: Any) -> tuple[SplitData, np.ndarray]:
    """Prepare a table of one column, beside a number, and return the column's canonical values."""
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": column.reset_index(drop=True), "other": rng.random(len(column))})
    frame["y"] = rng.random(len(column))
    table = prepare(frame, "y", task="regression", **options)
    back = np.argsort(table.source_rows)
    return table, table.features.frame["x"].to_numpy()[back] if "x" in table.features.frame else np.empty(0)


def repeated(values: list[object], rows: int = 12) -> list[object]:
    return list(itertools.islice(itertools.cycle(values), rows))


def events(rows, rng):
    """Return features of every kind, drawn by a generator: `x`, `count`, `city` and `day`."""
    frame = pd.DataFrame({"x": rng.normal(5, 2, rows).round(4), "count": rng.integers(0, 900, rows)})
    frame["city"] = rng.choice(["Bern", "Oslo", "Lyon"], rows)
    frame["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    return frame
