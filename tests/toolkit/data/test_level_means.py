"""Target statistics of columns with many levels: no row has its own target among its inputs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import binary, multiclass, regression
from toolkit.data.level_means import LevelMeans, group_means, left_out_means
from toolkit.data.prepare import prepare
from toolkit.data.preprocessing import Preprocessing
from toolkit.runs.consistency import _are_means

ROWS = 2_000
QUICK = {"effort": "quick", "hidden": (16,), "epochs": 12, "baselines": False, "progress": False}


def _table(seed=0, rows=ROWS, noise=0.3, levels=150):
    random = np.random.default_rng(seed)
    level = random.integers(0, levels, rows)
    effect = np.random.default_rng(99).normal(size=levels)
    y = effect[level] + noise * random.normal(size=rows)
    return pd.DataFrame({"shop": [f"s{number:03}" for number in level], "size": random.normal(size=rows), "y": y})


def _prepared(frame, networks=1, task="regression", **options) -> Any:
    return prepare(frame, "y", task=task, seed=0, **options).preprocess(
        networks=networks, preprocessing={"most_levels": 50}
    )


def test_means_are_drawn_together_as_much_as_an_analysis_of_variance_says():
    """Worked by hand: groups of 4 rows with means 2 and 0, and squares within them of 32 in all."""
    outputs = np.array([0.0, 0.0, 4.0, 4.0, -2.0, -2.0, 2.0, 2.0])[:, None]
    within, between = 32 / 6, (8 / 1 - 32 / 6) / 4
    prior = within / between
    expected = [[(8 + prior) / (4 + prior)], [prior / (4 + prior)]]
    np.testing.assert_allclose(group_means(np.repeat([0, 1], 4), outputs, 2), expected)


def test_rows_of_rare_levels_have_what_new_levels_get():
    values = np.array(["a"] * 8 + ["b"] * 2 + ["c"] * 10, dtype=object)
    outputs = np.array([1.0] * 8 + [0.0] * 2 + [0.5] * 10)[:, None]
    fitted: Any = LevelMeans.fit(values, outputs, np.arange(20) % 2, rare=3)
    means, own = fitted
    assert means.levels == ("a", "c")
    assert own[8:10].tolist() == [[0.0], [0.0]]
    assert means.means[0][0] > 0 > means.means[1][0]
    assert LevelMeans.fit(values, outputs, np.arange(20) % 2, rare=11) is None


def test_the_inputs_of_a_row_do_not_depend_on_the_targets_of_its_own_fold():
    random = np.random.default_rng(0)
    groups, folds, outputs = random.integers(0, 9, 300), random.integers(0, 4, 300), random.normal(size=(300, 2))
    means = left_out_means(groups, outputs, folds)
    for fold in range(4):
        other = outputs.copy()
        other[folds == fold] = random.normal(size=(int((folds == fold).sum()), 2))
        changed = left_out_means(groups, other, folds)
        np.testing.assert_array_equal(changed[folds == fold], means[folds == fold])
        assert not np.allclose(changed[folds != fold], means[folds != fold])


@pytest.mark.parametrize("networks", [1, 4])
def test_of_permuted_targets_the_training_inputs_tell_nothing(networks):
    """The permutation test: a statistic that held a row's own target would correlate with it, here by more than 0.3."""
    frame = _table()
    names = ["shop"]
    correlations, leaks = [], []
    for seed in range(8):
        y = np.random.default_rng(seed).permutation(frame["y"])
        data = _prepared(frame.assign(y=y), networks)
        assert data.own_inputs is None, "what tells nothing on rows left out gets no statistic"
        rows = data.fit_parts["train"]
        train, outputs = data.features.take(rows), data.y("train").astype(np.float64)
        folds = data.units[rows] % 5
        fitted, own = data.preprocessing.with_level_means(train, outputs, folds, names)
        correlations.append(np.corrcoef(own[:, 0], outputs[:, 0])[0, 1])
        leaks.append(np.corrcoef(fitted.encode(train)[:, fitted.is_mean][:, 0], outputs[:, 0])[0, 1])
    assert abs(np.mean(correlations)) < 0.1
    assert min(leaks) > 0.2


def test_columns_whose_levels_all_have_an_input_get_no_statistics():
    assert prepare(_table(), "y", task="regression", seed=0).preprocess().own_inputs is None


@pytest.mark.parametrize("networks", [1, 4])
def test_training_rows_have_other_inputs_than_new_rows(networks):
    data = _prepared(_table(), networks)
    mask = data.preprocessing.is_mean
    assert [name for name, mean in zip(data.preprocessing.names, mask, strict=True) if mean] == ["shop: mean target"]
    as_new = data.preprocessing.encode(data.features.take(data.fit_parts["train"]))[:, mask]
    assert not np.allclose(data.x("train")[:, mask], as_new)
    np.testing.assert_array_equal(
        data.x("train")[:, ~mask], data.preprocessing.encode(data.features.take(data.fit_parts["train"]))[:, ~mask]
    )
    test = data.preprocessing.encode(data.features.take(data.parts["test"]))
    np.testing.assert_array_equal(data.x("test"), test)
    # What a network leaves out to be validated on is among the training rows where there are folds.
    validation = data.preprocessing.encode(data.features.take(data.fit_parts["validation"]))
    assert np.array_equal(data.x("validation"), validation) == (networks == 1)
    windows = data.windows(largest=0)
    if networks == 1:
        (x, _, _), *_ = windows.windows(0, 1, 64, shuffle=False)
        np.testing.assert_array_equal(x, data.x("train")[: len(x)])
    linear = data.preprocessing.linear_matrix(data.features.take(data.parts["test"]))
    assert linear.shape[1] == data.preprocessing.width - 1, "a linear baseline learns no statistic of its own rows"


def test_equal_rows_are_left_out_together():
    frame = pd.concat([_table(rows=800)[["shop", "y"]]] * 3, ignore_index=True)
    data = _prepared(frame)
    rows = data.fit_parts["train"]
    own = pd.DataFrame({"unit": data.units[rows], "own": data.own_inputs[rows, 0]})
    assert (own.groupby("unit")["own"].nunique() == 1).all()


def test_the_test_rows_have_no_say():
    frame, test = _table().iloc[:1500], _table().iloc[1500:]
    changed = test.assign(y=test["y"].to_numpy()[::-1])
    first, second = (_prepared(frame, test=rows) for rows in (test, changed))
    assert first.preprocessing == second.preprocessing
    np.testing.assert_array_equal(first.own_inputs, second.own_inputs)


def test_statistics_go_through_json_exactly_and_new_levels_have_none():
    fitted = _prepared(_table()).preprocessing
    again = Preprocessing.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert again == fitted
    new = pd.DataFrame({"shop": ["s001", "unknown", None], "size": [0.0, 0.0, 0.0]}).astype({"shop": object})
    inputs = again.transform(new)[:, again.is_mean][:, 0]
    assert inputs[0] != 0
    assert inputs[1:].tolist() == [0, 0]


def test_codes_have_statistics_beside_their_inputs_and_one_call_encodes_alike():
    frame = _table().assign(shop=lambda table: table["shop"].str[1:].astype(int))
    fitted = _prepared(frame).preprocessing
    assert fitted.facts == {"codes": ["shop"]}
    assert fitted.is_mean.sum() == 1
    new = pd.DataFrame({"shop": [1.0, 149.0, 5e8, np.nan], "size": np.zeros(4)})
    np.testing.assert_array_equal(fitted.from_numbers(new.to_numpy()), fitted.transform(new))


@pytest.mark.parametrize(
    ("recipe", "labels", "inputs"), [(regression, None, 1), (binary, "ab", 1), (multiclass, "abc", 3)]
)
def test_each_task_trains_saves_and_predicts_with_them(recipe, labels, inputs, tmp_path):
    frame = _table(rows=4_000, levels=250)
    if labels:
        frame["y"] = pd.qcut(frame["y"], len(labels), labels=list(labels)).astype(str)
    run = recipe.train(frame, target="y", seed=0, most_levels=50, **QUICK)
    assert run.preprocessing.is_mean.sum() == inputs
    loaded = toolkit.load(run.save(tmp_path / "run.keras"))
    new = _table(seed=5, levels=250).drop(columns="y").head(40)
    np.testing.assert_array_equal(loaded.predict(new), run.predict(new))
    if recipe is regression:
        assert run.metrics["r2"] > 0.75


@pytest.mark.parametrize(
    "means",
    [
        LevelMeans(("a", "a"), ((0.1,), (0.2,))),
        LevelMeans(("a", "b"), ((0.1,),)),
        LevelMeans(("a", 1.0), ((0.1,), (0.2,))),
        LevelMeans(("a", "b"), ((0.1,), (0.2, 0.3))),
        LevelMeans(("a",), ((float("nan"),),)),
        LevelMeans(("a",), ((),)),
        LevelMeans((), ()),
    ],
)
def test_damaged_statistics_are_noticed(means):
    assert not _are_means(means)
