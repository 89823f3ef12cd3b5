"""Permutation importance and partial dependence: scikit-learn's figures, the user's columns, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance as by_scikit_learn
from sklearn.metrics import hamming_loss

from recipes.samples import SAMPLES, path
from toolkit import DataError, load
from toolkit.data.columns import Column, Columns
from toolkit.data.preprocessing import Preprocessing
from toolkit.evaluation.importance import associations


class Fitted(BaseEstimator, RegressorMixin):
    def __init__(self, run):
        self.run = run

    def fit(self, x, y):
        return self

    def predict(self, x):
        return self.run.predict(x).to_numpy()


@pytest.fixture(scope="module")
def labeled(runs):
    """The user's own test rows of each task, with the target."""
    rows = {}
    for name, sample in SAMPLES.items():
        dataset = runs[sample.task].dataset
        test = dataset.source_rows[dataset.parts["test"]] - 1
        rows[sample.task] = pd.read_csv(path(name)).iloc[test].reset_index(drop=True)
    return rows


def test_importance_is_that_of_scikit_learn(runs, labeled):
    run, rows = runs["regression"], labeled["regression"]
    table = run.importance().set_index("column")
    features, target = rows[table.index], rows["progression"]
    expected = by_scikit_learn(
        Fitted(run), features, target, scoring="neg_root_mean_squared_error", n_repeats=12, random_state=0
    )
    error = 4 * expected.importances_std / np.sqrt(5)
    assert (np.abs(table["importance"] - expected.importances_mean) < error).all()
    assert table["importance"].is_monotonic_decreasing
    assert ((table["low"] < table["importance"]) & (table["importance"] < table["high"])).all()
    strongest = table.index[0]
    assert strongest == features.columns[expected.importances_mean.argmax()]
    assert table.loc[strongest, "low"] > 0


def test_columns_of_several_inputs_are_one_column_and_a_loaded_run_gives_the_same(runs, labeled, tmp_path):
    run, rows = runs["multilabel"], labeled["multilabel"]
    table = run.importance()
    assert sorted(table["column"]) == sorted(column.name for column in run.dataset.features.columns)
    assert run.preprocessing.width > len(table)
    pd.testing.assert_frame_equal(table, run.result.importance)  # what the report shows
    loaded = load(run.save(tmp_path / "run.keras"))
    pd.testing.assert_frame_equal(loaded.importance(rows), table)
    with pytest.raises(DataError, match=r"a loaded run has no rows: give labeled rows that were not trained on\."):
        loaded.importance()
    # The mean over permutations that are drawn otherwise, for one category of many inputs, in the user's table.
    name = max(
        zip(run.preprocessing.by_column, run.preprocessing.columns, strict=True), key=lambda pair: pair[0].width
    )[1].name
    random, changes = np.random.default_rng(1), []
    target = rows[run.target.columns].to_numpy()
    for _ in range(5):
        shuffled = rows.assign(**{name: random.permutation(rows[name].to_numpy())})
        changes.append(hamming_loss(target, run.predict(shuffled)) - hamming_loss(target, run.predict(rows)))
    found = table.set_index("column").loc[name]
    assert found["low"] < np.mean(changes) < found["high"]


def test_groups_are_permuted_together(runs):
    run = runs["multiclass"]
    names = [column.name for column in run.dataset.features.columns]
    everything = run.importance(groups=[names], metric="log_loss")
    assert everything["column"].tolist() == [", ".join(names)]
    assert everything["importance"].item() > run.importance(metric="log_loss")["importance"].max()
    correlated = run.importance(groups="correlated")["column"]
    assert any({"flavanoids", "total_phenols"} <= set(group.split(", ")) for group in correlated)


def test_what_has_no_importance_is_refused(runs, image_run):
    run = runs["regression"]
    with pytest.raises(DataError, match=r"on images, which have no columns"):
        image_run.importance()
    with pytest.raises(DataError, match=r"no metric 'rmsee' here .* Did you mean 'rmse'"):
        run.importance(metric="rmsee")
    with pytest.raises(DataError, match=r"groups: the model takes no column 'bmj'.* Did you mean 'bmi'"):
        run.importance(groups=[["bmj", "age"]])
    with pytest.raises(DataError, match=r"groups: column 'bmi' is named twice"):
        run.importance(groups=[["bmi", "age"], ["bmi", "sex"]])
    for wrong in ("all", ["bmi", "age"], 3):
        with pytest.raises(DataError, match=r"groups=.*: expected lists of columns, such as"):
            run.importance(groups=wrong)


def test_associations_are_those_of_scipy():
    random = np.random.default_rng(0)
    first = random.normal(size=200)
    frame = pd.DataFrame({"a": first, "b": np.exp(first + random.normal(size=200)), "c": "x", "d": "p"})
    frame.loc[first > 0, "c"], frame.loc[first > 0.5, "d"] = "y", "q"
    columns = tuple(
        Column(name, kind) for name, kind in zip("abcd", ["number", "number", *["category"] * 2], strict=True)
    )
    preprocessing = Preprocessing.fit(Columns(frame, columns, tuple("abcd")), pieces=8)
    found = associations(preprocessing, preprocessing.transform(frame))
    assert found[0, 1] == pytest.approx(stats.spearmanr(frame["a"], frame["b"]).statistic)
    counts = pd.crosstab(frame["c"], frame["d"])
    assert found[2, 3] == pytest.approx(stats.contingency.association(counts, method="cramer", correction=False))


@pytest.mark.parametrize("task", ["regression", "binary", "multilabel"])
def test_partial_dependence_is_the_mean_answer_with_the_column_set(task, runs, labeled):
    run, rows = runs[task], labeled[task]
    entry = next(entry for entry in run.result.dependence if entry["kind"] == "number")
    value = entry["grid"][3]
    changed = rows.assign(**{entry["column"]: value})
    if entry["rows"] < len(rows):
        changed = changed.iloc[np.sort(np.random.default_rng(0).choice(len(rows), entry["rows"], replace=False))]
    answers = run.predict(changed) if task == "regression" else run.predict_proba(changed).iloc[:, -1]
    output = entry["outputs"][-1] if task != "multilabel" else None
    if output is None:
        names = [output["name"] for output in entry["outputs"]]
        answers, output = run.predict_proba(changed)[names[1]], entry["outputs"][1]
    assert output["mean"][3] == pytest.approx(answers.mean(), rel=1e-4)
    low, high = np.quantile(answers, [0.1, 0.9])
    assert (output["low"][3], output["high"][3]) == pytest.approx((low, high), rel=1e-4)
