"""What scaling does to the columns, and to the speed and the result of training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import scaling
from recipes.lessons.tools import sweep
from recipes.lessons.tools.rows import error, load
from recipes.samples import path
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return scaling.show()


def test_the_ways_of_scaling_are_the_lectures():
    rows = load(path("wine"), target="grower", task="multiclass", seed=0, train_rows=400)
    train = rows.dataset.features.frame.iloc[rows.dataset.parts["train"]]
    raw = train["proline"].to_numpy()
    slot = rows.columns.index("proline")
    ways = {way: scaling._scaled(rows, word)["train"][:, slot] for way, word in scaling.SCALED.items()}
    middle, quarters = np.median(raw), np.quantile(raw, [0.25, 0.75])
    expected = {
        "raw": raw,
        "mean normalisation": (raw - raw.mean()) / (raw.max() - raw.min()),
        "standardisation": (raw - raw.mean()) / raw.std(),
        "robust": (raw - middle) / np.diff(quarters),
    }
    for way, values in expected.items():
        np.testing.assert_allclose(ways[way], values, rtol=1e-5, atol=1e-6)


def test_scaled_columns_learn_faster_and_better_than_raw_ones(lesson):
    table = lesson.tables["How well"]
    for way in ("mean normalisation", "standardisation", "robust"):
        assert table.loc[way, "training loss"] < 0.2 * table.loc["raw", "training loss"]
        assert table.loc[way, "test error"] < 0.1
    assert table.loc["raw", "test error"] > 0.2


def test_batch_normalisation_makes_scaled_columns_faster_still_and_mends_raw_ones_in_part(lesson):
    table = lesson.tables["How well"]
    early = table[scaling.EARLY]
    assert early["standardised, batch norm"] < 0.5 * early["standardisation"]
    assert table.loc["raw, batch norm", "validation loss"] < table.loc["raw", "validation loss"]


def test_large_columns_bear_tiny_steps_only(lesson):
    table = lesson.tables["Which rates work"].set_index(["columns", "rate"])["validation loss"]
    guess = -np.log(1 / 3)
    assert table["raw"].idxmin() < 0.002 < 0.01 < table["standardisation"].idxmin()
    assert table["raw"].loc[0.01:].min() > 0.95 * guess
    assert table["standardisation"].loc[0.01:].max() < 0.5 * guess


def test_the_spread_of_a_column_is_that_of_its_training_rows(lesson):
    spread = lesson.tables["The columns before and after"]
    assert spread["standard deviation"].idxmax() == "proline"
    assert spread["standard deviation"].max() > 1_000 * spread["standard deviation"].min()


def test_the_curvature_of_two_columns_by_hand():
    # Uncorrelated columns of variance 1 and 100: the loss bends a hundred times as hard along the second.
    assert scaling._condition(np.array([[1, 10], [1, -10], [-1, 10], [-1, -10]], np.float32)) == pytest.approx(100)


def own() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(500, 200, 90), "b": rng.choice(["x", "y"], 90)})
    frame.loc[3, "a"] = np.nan
    return frame.assign(price=frame["a"].fillna(0) * 2 + rng.normal(size=90))


def test_a_table_of_ones_own_gives_the_same_page_each_time_and_test_rows_are_for_what_was_chosen(monkeypatch, tmp_path):
    monkeypatch.setattr(scaling, "EPOCHS", 5)
    pages, judged = [], []
    monkeypatch.setattr(sweep, "error", lambda head, y, scores: judged.append(y) or error(head, y, scores))
    for name in ("one", "two"):
        lesson = scaling.show(own(), target="price", task="regression", seed=3)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    test = load(own(), target="price", task="regression", seed=3, train_rows=90).y["test"]
    assert (
        sum(np.array_equal(y, test) for y in judged)
        == len(pages) * (len(scaling.SCALED | scaling.NORMALISED)) * scaling.SEEDS
    )
    assert lesson.tables["The columns before and after"].index.tolist() == ["a"]


def test_a_table_without_numbers_has_nothing_to_scale():
    frame = pd.DataFrame({"a": ["x", "y"] * 30, "b": ["u", "v", "w"] * 20, "kind": ["s", "t", "t"] * 20})
    with pytest.raises(DataError, match="no column of numbers"):
        scaling.show(frame, target="kind")


def test_a_large_column_makes_the_loss_bend_however_large_it_is():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)).astype(np.float32)
    assert scaling._condition(x) < 1.5
    assert scaling._condition(x * np.float32([1e9, 1, 1])) == pytest.approx(1e18, rel=0.5)


def test_columns_that_say_nothing_new_do_not_count_in_how_the_loss_bends():
    x = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    more = np.column_stack([x, np.full(500, 0.1, np.float32), 1 - x[:, :1]])
    assert scaling._condition(more) < 3
    assert scaling._condition(np.full((9, 2), 0.1, np.float32)) == 1
