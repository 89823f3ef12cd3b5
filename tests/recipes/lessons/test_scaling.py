"""What scaling does to the columns, and to the speed and the result of training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import scaling
from recipes.lessons.tools.rows import load
from recipes.samples import path
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return scaling.show()


def test_the_scalings_are_those_of_the_lecture():
    rows = load(path("wine"), target="grower", task="multiclass", seed=0, train_rows=400)
    train = rows.dataset.features.frame.iloc[rows.dataset.parts["train"]]
    raw = train["proline"].to_numpy()
    index = rows.columns.index("proline")
    encoded = {name: scaling.scale(rows, word)["train"][:, index] for name, word in scaling.SCALINGS.items()}
    median, quarters = np.median(raw), np.quantile(raw, [0.25, 0.75])
    expected = {
        "raw": raw,
        "mean normalization": (raw - raw.mean()) / (raw.max() - raw.min()),
        "standardization": (raw - raw.mean()) / raw.std(),
        "robust": (raw - median) / np.diff(quarters),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(encoded[name], values, rtol=1e-5, atol=1e-6)


def test_scaled_columns_learn_faster_and_better_than_raw_ones(lesson):
    table = lesson.tables["How well"]
    for name in ("mean normalization", "standardization", "robust"):
        assert table.loc[name, "training loss"] < 0.2 * table.loc["raw", "training loss"]
        assert table.loc[name, "test error"] < 0.1
    assert table.loc["raw", "test error"] > 0.2


def test_batch_normalization_speeds_up_scaled_columns_and_partly_repairs_raw_ones(lesson):
    table = lesson.tables["How well"]
    early = table[scaling.EARLY]
    assert early["standardized, batch norm"] < 0.5 * early["standardization"]
    assert table.loc["raw, batch norm", "validation loss"] < table.loc["raw", "validation loss"]


def test_large_columns_allow_only_small_steps(lesson):
    table = lesson.tables["Which rates work"].set_index(["columns", "rate"])["validation loss"]
    guess = -np.log(1 / 3)
    assert table["raw"].idxmin() < 0.002 < 0.01 < table["standardization"].idxmin()
    assert table["raw"].loc[0.01:].min() > 0.95 * guess
    assert table["standardization"].loc[0.01:].max() < 0.5 * guess


def test_the_standard_deviation_of_a_column_is_listed(lesson):
    spread = lesson.tables["The columns before and after"]
    assert spread["standard deviation"].idxmax() == "proline"
    assert spread["standard deviation"].max() > 1_000 * spread["standard deviation"].min()


def test_the_curvature_of_two_columns_by_hand():
    # Uncorrelated columns of variance 1 and 100: the loss curves a hundred times as strongly along the second.
    assert scaling.condition(np.array([[1, 10], [1, -10], [-1, 10], [-1, -10]], np.float32)) == pytest.approx(100)


def own_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(500, 200, 90), "b": rng.choice(["x", "y"], 90)})
    frame.loc[3, "a"] = np.nan
    return frame.assign(price=frame["a"].fillna(0) * 2 + rng.normal(size=90))


def test_an_own_table_gives_the_same_page_every_time(tmp_path):
    pages = []
    for name in ("first", "second"):
        lesson = scaling.show(own_table(), target="price", task="regression", seed=3, epochs=5)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert lesson.tables["The columns before and after"].index.tolist() == ["a"]


def test_the_test_error_is_measured_at_the_best_rate_of_each_scaling_only():
    rows = load(own_table(), target="price", task="regression", seed=3, train_rows=90)
    parts = {name: scaling.scale(rows, word) for name, word in scaling.SCALINGS.items()}
    trained = scaling.train_scalings(rows, parts, 3, epochs=5)
    measured = trained.index[trained["test error"].notna()].tolist()
    assert measured == trained.groupby("columns", sort=False)["validation loss"].idxmin().tolist()


def test_a_table_without_numbers_is_refused():
    frame = pd.DataFrame({"a": ["x", "y"] * 30, "b": ["u", "v", "w"] * 20, "kind": ["s", "t", "t"] * 20})
    with pytest.raises(DataError, match="no column of numbers"):
        scaling.show(frame, target="kind")


def test_a_very_large_column_does_not_hide_the_small_ones():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)).astype(np.float32)
    assert scaling.condition(x) < 1.5
    assert scaling.condition(x * np.float32([1e9, 1, 1])) == pytest.approx(1e18, rel=0.5)


def test_redundant_and_constant_columns_do_not_change_the_curvature():
    x = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    more = np.column_stack([x, np.full(500, 0.1, np.float32), 1 - x[:, :1]])
    assert scaling.condition(more) < 3
    assert scaling.condition(np.full((9, 2), 0.1, np.float32)) == 1
