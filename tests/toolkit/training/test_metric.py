"""The metric that chooses the best epoch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from toolkit import training
from toolkit.builders import mlp
from toolkit.common.errors import DataError
from toolkit.heads import get_head

LOGISTIC, HINGE = get_head("binary", "logistic"), get_head("binary", "hinge")


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype("float32")
    return x, (x[:, :1] + 2 * rng.normal(size=(300, 1)) > 0.5).astype("float32")


def _fit(data, head=LOGISTIC, networks=1, **options):
    models = [mlp(4, 1, hidden=(16,), seed=seed) for seed in range(networks)]
    options = {"epochs": 12, "learning_rate": 0.05, "progress": False, "xla": False} | options
    return training.fit(models if networks > 1 else models[0], head, *data, **options)


@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_the_epoch_of_the_best_metric_is_kept(noisy, name):
    x, y = noisy
    trained = _fit((x[:150], y[:150]), validation=(x[150:], y[150:]), metric=name)
    column = trained.history[f"val_{name}"]
    assert trained.best_epoch == 1 + (column.argmin() if name == "log_loss" else column.argmax())
    scores = trained.model.predict(x[150:], verbose=0)[:, 0].astype(float)
    truth = y[150:, 0]
    expected = (
        sklearn_metrics.log_loss(truth, 1 / (1 + np.exp(-scores)))
        if name == "log_loss"
        else sklearn_metrics.roc_auc_score(truth, scores)
    )
    assert column[trained.best_epoch - 1] == pytest.approx(expected, abs=1e-6)
    assert trained.settings["metric"] == name


def test_another_metric_may_choose_another_epoch_than_the_loss(noisy):
    x, y = noisy
    parts = {"validation": (x[150:], y[150:]), "schedule": "constant", "epochs": 30}
    by_loss, by_auc = _fit((x[:150], y[:150]), **parts), _fit((x[:150], y[:150]), metric="roc_auc", **parts)
    assert by_loss.settings["metric"] == "loss"
    assert by_loss.best_epoch == 1 + by_loss.history["val_loss"].argmin()
    assert by_auc.best_epoch == 1 + by_auc.history["val_roc_auc"].argmax()
    shared = min(len(by_loss.history), len(by_auc.history))
    assert by_loss.history["loss"][:shared].tolist() == by_auc.history["loss"][:shared].tolist()


@pytest.mark.parametrize("head", [LOGISTIC, HINGE], ids=lambda head: head.name)
@pytest.mark.parametrize("in_turns", [False, True])
def test_each_of_several_networks_keeps_its_best_epoch_on_the_rows_that_it_leaves_out(noisy, in_turns, head):
    x, y = noisy
    folds = np.arange(len(x)) % 3
    trained = _fit(noisy, head, networks=3, folds=folds, metric="roc_auc", in_turns=in_turns)
    left_out = training.held_out(folds, 3)
    assert trained.members is not None
    scores = trained.members.predict(x, verbose=0)
    kept = [sklearn_metrics.roc_auc_score(y[left_out[:, k], 0], scores[left_out[:, k], k, 0]) for k in range(3)]
    assert np.mean(kept) >= trained.history["val_roc_auc"].max() - 1e-9


def test_training_stops_where_the_metric_gets_no_better(noisy):
    x, y = noisy
    options = {"metric": "accuracy", "patience": 3, "epochs": 60, "schedule": "constant"}
    trained = _fit((x[:150], y[:150]), validation=(x[150:], y[150:]), **options)
    assert trained.stopped == "no better validation accuracy for 3 epochs"
    assert len(trained.history) == trained.best_epoch + 3
    assert list(trained.history.columns).count("val_accuracy") == 1


def test_callbacks_see_the_metric(noisy):
    x, y = noisy
    seen = []
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: seen.append(logs["val_f1"]))
    trained = _fit((x[:150], y[:150]), validation=(x[150:], y[150:]), metric="f1", epochs=2, callbacks=[look])
    assert seen == trained.history["val_f1"].tolist()


@pytest.mark.parametrize(
    ("head", "options", "message"),
    [
        (LOGISTIC, {"metric": "auc"}, "metric='auc': expected one of log_loss, roc_auc, average_precision"),
        (LOGISTIC, {"metric": "rmse"}, "expected one of log_loss, roc_auc"),
        (LOGISTIC, {"metric": 3}, "metric=3: expected one of"),
        (HINGE, {"metric": "log_loss"}, "needs probabilities, and the margins of the head 'hinge' are none"),
        (LOGISTIC, {"metric": "roc_auc", "validation": None}, "there are none: leave it out"),
    ],
)
def test_a_metric_that_can_not_choose_is_refused(noisy, head, options, message):
    x, y = noisy
    with pytest.raises(DataError, match=message):
        _fit((x, y), head, **{"validation": (x, y)} | options)


def test_a_metric_without_a_value_on_the_validation_rows_is_refused(noisy):
    x, y = noisy
    with pytest.raises(DataError, match="not defined on the validation rows: they are of one class"):
        _fit(noisy, validation=(x[:20], np.zeros((20, 1), "float32")), metric="roc_auc")
    folds = np.where(y[:, 0] > 0, 0, np.arange(len(y)) % 2)
    with pytest.raises(DataError, match="not defined on the rows that each network leaves out"):
        _fit(noisy, networks=2, folds=folds, metric="roc_auc")


def test_another_metric_is_another_training_to_resume(noisy, tmp_path):
    x, y = noisy
    parts = {"validation": (x[150:], y[150:]), "resume": tmp_path, "epochs": 2}
    _fit((x[:150], y[:150]), metric="roc_auc", **parts)
    with pytest.raises(DataError, match="metric"):
        _fit((x[:150], y[:150]), metric="accuracy", **parts)
