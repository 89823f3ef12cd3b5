"""Targets such as each task expects, and of all kinds that it does not, drawn by hypothesis."""

from __future__ import annotations

import datetime
import decimal
import fractions
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from tests.soak import odd_columns
from tests.soak.odd_columns import Draw


def target(draw: Draw, task: str, rows: int) -> list[pd.Series]:
    """Return the columns of a target: three times out of four such as the task expects, else of any kind."""
    if draw(st.integers(0, 3)) == 3:
        count = draw(st.integers(1, 3)) if task in ("multilabel", "regression") else 1
        return [odd_target(draw, task, rows) for _ in range(count)]
    numbers = odd_columns.order(draw, rows)
    if task == "regression":
        return [pd.Series(np.random.default_rng(int(numbers.sum())).normal(size=rows))]
    if task == "multilabel":
        return [pd.Series(numbers // 2**label % 2) for label in range(2)]
    labels = draw(st.sampled_from([["no", "yes", "maybe"], [0, 1, 2], [True, False, True]]))
    return [pd.Series([labels[number % (2 if task == "binary" else 3)] for number in numbers])]


def odd_target(draw: Draw, task: str, rows: int) -> pd.Series:
    if task == "multilabel" and draw(st.booleans()):
        pools = [[["a"], ["a", "b"], []], [{"a"}, {"b"}, None], ["a;b", "b", ""], [(0, 1), (1, 1)], [[1, None], ["1"]],
                 [np.array(["a", "b"]), np.array([])], ["['a', 'b']", "[]"], [[True], [False]], [{"a": 1}],
                 [["\ud800"], ["a"]],
                 [[0, 1], [1]], ["x", ""], ["yes", "no"], [frozenset({1, "1"})], [[["a"]], [["b"]]],
                 [[1.0], [2]]]  # fmt: skip
        pool = draw(st.sampled_from(pools))
        return odd_columns.objects([pool[number % len(pool)] for number in odd_columns.order(draw, rows)])
    if draw(st.booleans()):
        pools = [[0.0, 1.0], [odd_columns.HUGE, 1], [True, 1], ["1", 1], [("a",), ("b",)], [decimal.Decimal(1),
        decimal.Decimal(2)],
                 [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], ["a", None], ["a", " a", "b"], [b"a", b"b"],
                 [1, None],
                 ["\ud800", "a"], ["\0", "a"], [1j, 2j], [odd_columns.Color.RED, odd_columns.Color.BLUE],
                 [odd_columns.Level.LOW, odd_columns.Level.HIGH], [np.inf,
                 1.0],
                 ["1,5", "2,5"], ["-0.0", "0"], [-0.0, 0.0, 1.0], [2**63, 1], [2**64 - 1, 0], [5e-324, 1e308],
                 [1.7e308, -1.7e308],
                 [np.float16(1), np.float32(2)], ["NA", "a"], ["True", "False"], [True, None, False], [pd.Interval(0,
                 1)],
                 [datetime.timedelta(1), datetime.timedelta(2)], [datetime.time(1), datetime.time(2)], ["x" * 9_000,
                 "y"],
                 [1, 2**53 + 1], [np.str_("a"), "b"], [uuid.UUID(int=1), uuid.UUID(int=2)], [pd.NA, 1, 0], ["", "a"],
                 [[1], [2]],
                 [fractions.Fraction(1, 3), 2], [1e300, -1e300], [decimal.Decimal("sNaN"), 1]]  # fmt: skip
        pool = draw(st.sampled_from(pools))
        cells = [pool[number % len(pool)] for number in odd_columns.order(draw, rows)]
        kinds = [
            object,
            None,
            "category",
            "string",
            "boolean",
            "Int64",
            "Float64",
            odd_columns.arrow(pa.string()),
            odd_columns.arrow(pa.float64()),
        ]
        return odd_columns.of_dtype(draw, cells, kinds) if draw(st.booleans()) else odd_columns.objects(cells)
    return odd_columns.KINDS[draw(st.sampled_from(sorted(odd_columns.KINDS)))](draw, rows)
