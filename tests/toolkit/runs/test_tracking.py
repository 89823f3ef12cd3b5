"""MLflow and Weights & Biases: a run as a model, and a training followed by their callbacks."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import multiclass
from recipes.samples import SAMPLES, path
from toolkit.runs import mlflow_flavor

# Their own warnings: on their type hints, on signatures without an example.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow with an empty folder for its tracking."""
    for name in ("mlflow.pyfunc", "mlflow.keras"):
        pytest.importorskip(name, reason="the extra [mlflow] is not installed")
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "tracking").as_uri())
    yield mlflow
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_a_run_is_a_model_of_mlflow_that_predicts_the_same(mlflow, runs, tmp_path, task):
    run = runs[task]
    (sample,) = [name for name, sample in SAMPLES.items() if sample.task == task]
    rows = pd.read_csv(path(sample)).head(50)
    mlflow_flavor.save_model(run, tmp_path / "saved")
    model = mlflow.pyfunc.load_model(str(tmp_path / "saved"))
    predicted, expected = model.predict(rows), run.predict(rows)
    assert type(predicted) is type(expected)
    assert predicted.equals(expected)
    assert model.metadata.signature.inputs.input_names() == list(run.preprocessing.source_columns)
    with pytest.raises(mlflow.exceptions.MlflowException, match="schema"):
        model.predict(rows[rows.columns[:1]])
    loaded = mlflow_flavor.load_model(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.decision_function(rows), run.decision_function(rows))


def test_a_training_is_followed_and_logged(mlflow):
    from mlflow.keras import MlflowCallback

    table = pd.read_csv(path("wine"))
    with mlflow.start_run() as active:
        callback = MlflowCallback(active)
        quick = {"hidden": (6,), "epochs": 3, "progress": False, "baselines": False}
        run = multiclass.train(table, target="grower", callbacks=[callback], **quick)
        mlflow_flavor.log_run(run)
        logged = mlflow_flavor.log_model(run)
    values = mlflow.MlflowClient().get_metric_history(active.info.run_id, "val_loss")
    by_step = {value.step: value.value for value in values}
    assert [by_step[step] for step in range(3)] == pytest.approx(run.history["val_loss"].tolist())
    data = mlflow.get_run(active.info.run_id).data
    assert data.metrics["test_accuracy"] == run.metrics["accuracy"]
    assert (data.params["training.epochs"], data.params["head"], data.params["task"]) == ("3", "softmax", "multiclass")
    assert mlflow.pyfunc.load_model(logged.model_uri).predict(table).equals(run.predict(table))


def test_without_mlflow_the_error_names_the_extra(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.pyfunc", None)
    with pytest.raises(toolkit.DataError, match=re.escape('pip install "logitkit[mlflow]"')):
        mlflow_flavor.save_model(runs["binary"], "nowhere")


def test_weights_and_biases_follows_a_training(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    callbacks = pytest.importorskip("wandb.integration.keras")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(mode="offline", dir=str(tmp_path), project="test") as active:
        run = multiclass.train(
            path("wine"), target="grower", hidden=(6,), epochs=3, progress=False, baselines=False,
            callbacks=[callbacks.WandbMetricsLogger()],
        )  # fmt: skip
        summary = dict(active.summary)
    assert summary["epoch/val_loss"] == pytest.approx(run.history["val_loss"].iloc[-1])
    assert summary["epoch/epoch"] == 2
