"""Metrics of the user's own: called with the user's labels, followed and reported."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, mean_absolute_percentage_error, roc_auc_score

import toolkit
from recipes import multiclass, regression
from recipes.samples import path
from toolkit import DataError

TABLES = {"multiclass": (multiclass, "wine", "grower"), "regression": (regression, "diabetes", "progression")}
METRICS = {"multiclass": cohen_kappa_score, "regression": mean_absolute_percentage_error}


def _train(task, **options):
    recipe, name, target = TABLES[task]
    return recipe.train(path(name), target=target, hidden=(6,), epochs=3, progress=False, **options)


@pytest.mark.parametrize("task", TABLES)
def test_it_is_followed_and_reported_as_by_hand(task, tmp_path):
    function, (_, name, target), seen = METRICS[task], TABLES[task], []

    class Follow(pytest.importorskip("keras").callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs or {})[f"val_{function.__name__}"])

    run = _train(task, metrics=[function], callbacks=[Follow()], validation=0.3)
    table = pd.read_csv(path(name))
    rows = run.dataset.parts["test"]
    by_hand = function(table[target].iloc[rows], run.predict(table.iloc[rows]))
    assert run.metrics[function.__name__] == pytest.approx(by_hand, rel=1e-6)
    best = run.dataset.parts["validation"]
    last = function(table[target].iloc[best], run.predict(table.iloc[best]))
    assert run.history.set_index("epoch")[f"val_{function.__name__}"][run.best_epoch] == pytest.approx(last, rel=1e-5)
    assert seen == list(run.history[f"val_{function.__name__}"])
    assert run.evaluate(table)[function.__name__] == pytest.approx(
        function(table[target], run.predict(table)), rel=1e-6
    )
    row = run.table.loc[function.__name__]
    assert row["low"] < by_hand < row["high"]
    assert row["tree_low"] <= row["tree"] <= row["tree_high"]
    assert f"metrics=[{function.__name__}]" in run.settings["call"]
    assert "a metric of your own" in run.report(tmp_path / "own.html").read_text("utf-8")
    loaded = toolkit.load(run.save(tmp_path / "own.keras"))
    assert loaded.metrics == run.metrics
    assert function.__name__ not in loaded.evaluate(table)


def test_the_epochs_metric_is_the_mean_over_the_networks_on_rows_they_leave_out():
    run = _train("multiclass", metrics=[cohen_kappa_score], members=2, baselines=False)
    assert run.history["val_cohen_kappa_score"].between(-1, 1).all()


def _differences(true, predicted):
    return np.asarray(true) == np.asarray(predicted)


def accuracy(true, predicted):
    return 1.0


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("accuracy", "expected functions of"),
        (["accuracy"], "metric='accuracy' chooses the epoch"),
        ([lambda true, predicted: 1.0], "write it with def"),
        ([roc_auc_score], "needs y_score"),
        ([len], r"can't be called as len\(y_true, y_pred\)"),
        ([accuracy], "another metric called 'accuracy'"),
        ([cohen_kappa_score, cohen_kappa_score], "another metric called 'cohen_kappa_score'"),
        ([_differences], "_differences returned .* expected one number"),
    ],
)
def test_what_is_no_metric_is_found_before_the_training(metrics, message):
    with pytest.raises(DataError, match=message):
        _train("multiclass", metrics=metrics)


def test_comparisons_take_none():
    with pytest.raises(DataError, match="metrics= is for train"):
        multiclass.compare(path("wine"), target="grower", metrics=[cohen_kappa_score])
