"""The losses of the chosen weights, against Keras's own evaluation and scikit-learn's log loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from recipes import multiclass, regression
from toolkit.builders import mlp
from toolkit.data.prepare import prepare
from toolkit.evaluation.plain_losses import plain_losses
from toolkit.heads import get_head
from toolkit.training import fit
from toolkit.training.scoring import Scorer

QUICK = {"progress": False, "baselines": False, "hidden": (8,), "epochs": 5}


def table(rows: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 3)), columns=["a", "b", "c"])
    score = frame["a"] + random.normal(size=rows)
    return frame.assign(number=score, yes=(score > 0.8).astype(int), kind=np.digitize(score, [-1, 0.5]))


def test_the_losses_of_one_network_are_those_that_keras_evaluates_without_dropout() -> None:
    run = regression.train(table(), target="number", drop=("yes", "kind"), dropout=0.5, **QUICK)
    for part, loss in (("train", run.result.losses.train), ("validation", run.result.losses.validation)):
        data = run.dataset
        assert loss == pytest.approx(run.model.evaluate(data.x(part), data.y(part), verbose=0)[0], rel=1e-5)
    # Of a standardized target, the constant answer costs its variance about the training mean.
    assert run.result.losses.constant == pytest.approx(np.square(run.dataset.y("validation")).mean(), rel=1e-5)


def test_the_constant_answer_of_a_cross_entropy_is_the_shares_of_the_training_rows() -> None:
    run = multiclass.train(table(), target="kind", drop=("yes", "number"), label_smoothing=0.2, **QUICK)
    train, validation = (run.dataset.y(part).reshape(-1).astype(int) for part in ("train", "validation"))
    shares = np.bincount(train) / len(train)
    expected = log_loss(validation, np.tile(shares, (len(validation), 1)), labels=[0, 1, 2])
    assert run.result.losses.constant == pytest.approx(expected, rel=1e-5)


def test_a_class_that_the_measured_training_rows_lack_still_counts_in_the_constant_answer() -> None:
    frame = table(2_000)[["a", "b"]].assign(
        kind=lambda rows: ["z" if row < 20 else "xy"[row % 2] for row in rows.index]
    )
    data, head = prepare(frame, "kind", task="multiclass").preprocess(networks=1), get_head("multiclass", "softmax")
    model = mlp(data.preprocessing.inputs, 3, hidden=(4,))
    training = fit(model, head, data.x("train"), data.y("train"), epochs=1, progress=False)
    for seed in range(5):
        losses = plain_losses(training, data, head, seed=seed, most_rows=40)
        assert losses is not None
        assert losses.constant is not None


def test_each_of_several_networks_is_measured_on_the_rows_that_it_learned_from_and_left_out() -> None:
    frame = table().drop(columns=["number", "kind"])
    data, head = prepare(frame, "yes", task="binary").preprocess(networks=3), get_head("binary", "logistic")
    x, y, folds = data.x("train"), data.y("train"), data.folds_of("train")
    assert folds is not None
    models = [mlp(x.shape[1], 1, hidden=(8,), seed=network) for network in range(3)]
    training = fit(models, head, x, y, folds=folds, epochs=3, progress=False)
    found = plain_losses(training, data, head, seed=0)
    assert found is not None
    chance = expit(Scorer(training.members)(x)[:, :, 0].astype(float))  # (rows, networks)
    expected = [
        np.mean([log_loss(y[mask(k), 0], chance[mask(k), k], labels=[0, 1]) for k in range(3)])
        for mask in (lambda k: folds != k, lambda k: folds == k)
    ]
    assert (found.train, found.validation) == pytest.approx(expected, rel=1e-4)
