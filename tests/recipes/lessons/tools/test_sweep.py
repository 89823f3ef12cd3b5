"""Networks side by side learn what each would alone."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.builders import mlp
from toolkit.heads import get_head
from toolkit.training.fitting import fit

HEAD = get_head("multiclass", "softmax")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int32) + (X[:, 2] > 1)

NETWORKS = [
    Network((3,), 0.01, seed=1),
    Network((8,), 0.03, l1=0.01, l2=0.02),
    Network((8,), 0.02, max_norm=0.5),
]


@pytest.fixture(scope="module")
def trained() -> Sweep:
    sweep = Sweep(NETWORKS, 4, 3, HEAD, rows=70, epochs=4, batch_size=16, xla=False)
    sweep.train(X, Y, seed=5)
    return sweep


def test_each_network_ends_with_the_weights_that_it_has_alone(trained):
    for place, one in enumerate(NETWORKS):
        options = {"l1": one.l1, "l2": one.l2, "max_norm": one.max_norm}
        model = mlp(4, 3, hidden=one.hidden, seed=one.seed, **options)
        fit(model, HEAD, X, Y, epochs=4, batch_size=16, learning_rate=one.learning_rate, progress=False, seed=5)
        for alone, beside in zip(model.get_weights(), trained.weights(place), strict=True):
            np.testing.assert_allclose(beside, alone, atol=2e-6)
        np.testing.assert_allclose(trained.scores(X)[place], model.predict(X, verbose=0), atol=1e-5)


def test_measures_are_those_of_keras(trained):
    losses, errors = trained.measure(X, Y)
    for place, scores in enumerate(trained.scores(X)):
        assert losses[place] == pytest.approx(float(HEAD.loss()(Y, scores)), rel=1e-5)
        assert errors[place] == pytest.approx((scores.argmax(axis=1) != Y).mean())


def test_training_again_starts_again(trained):
    before = trained.scores(X)
    trained.train(X, Y, seed=5)
    np.testing.assert_array_equal(trained.scores(X), before)


def test_dropout_is_each_networks_own_and_repeats():
    networks = [Network((16,), 0.01, dropout=share) for share in (0.0, 0.5, 0.9)]
    sweep = Sweep(networks, 4, 3, HEAD, rows=70, epochs=12, batch_size=16)
    sweep.train(X, Y)
    scores, losses = sweep.scores(X), sweep.measure(X, Y)[0]
    assert losses[0] < losses[1] < losses[2]
    sweep.train(X, Y)
    np.testing.assert_array_equal(sweep.scores(X), scores)


def test_batch_normalisation_is_that_of_the_batch_of_each_network():
    networks = [Network((5,), 0.0, seed=seed) for seed in (0, 1)]
    sweep = Sweep(
        networks, 4, 3, HEAD, rows=70, epochs=60, batch_size=70, optimizer="sgd", constant=True, batch_norm=True,
        xla=False,
    )  # fmt: skip
    sweep.train(X, Y)  # at rate 0 nothing but the running averages moves, towards those of all rows
    for place in (0, 1):
        kernel, bias, out, shift = sweep.weights(place)
        sums = X @ kernel + bias
        normalised = (sums - sums.mean(axis=0)) / np.sqrt(sums.var(axis=0) + 1e-3)
        np.testing.assert_allclose(sweep.scores(X)[place], np.maximum(normalised, 0) @ out + shift, atol=2e-2)


def test_fewer_rows_are_learned_in_as_many_steps():
    networks = [Network((16,), 0.05, seed=seed) for seed in (0, 1)]
    sweep = Sweep(networks, 4, 3, HEAD, rows=70, epochs=30, xla=False)
    seen = sweep.train(X, Y, first=10, watch={"own": (X[:10], Y[:10]), "rest": (X[10:], Y[10:])})
    assert seen["own"][1].shape == (30, 2)
    assert seen["own"][1][-1].max() == 0
    assert seen["rest"][1][-1].min() > 0.2
