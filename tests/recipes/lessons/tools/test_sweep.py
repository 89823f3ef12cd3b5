"""Networks trained side by side learn what each would learn by itself."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.builders import mlp
from toolkit.heads import get_head
from toolkit.training import fit

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
    sweep = Sweep(NETWORKS, HEAD, (70, 4, 3), epochs=4, batch_size=16)
    sweep.train(X, Y, seed=5)
    return sweep


def test_each_network_ends_with_the_weights_of_a_training_by_itself(trained):
    for index, network in enumerate(NETWORKS):
        options = {"l1": network.l1, "l2": network.l2, "max_norm": network.max_norm}
        model = mlp(4, 3, hidden=network.hidden, seed=network.seed, **options)
        rate = network.learning_rate
        fit(model, HEAD, X, Y, epochs=4, batch_size=16, learning_rate=rate, progress=False, seed=5)
        for separate, joint in zip(model.get_weights(), trained.weights(index), strict=True):
            np.testing.assert_allclose(joint, separate, atol=2e-6)
        np.testing.assert_allclose(trained.scores(X)[index], model.predict(X, verbose=0), atol=1e-5)


def test_losses_and_errors_are_those_of_keras(trained):
    losses, errors = trained.measure(X, Y)
    for index, scores in enumerate(trained.scores(X)):
        assert losses[index] == pytest.approx(float(HEAD.loss()(Y, scores)), rel=1e-5)
        assert errors[index] == pytest.approx((scores.argmax(axis=1) != Y).mean())


def test_a_second_training_starts_from_the_initial_weights(trained):
    before = trained.scores(X)
    trained.train(X, Y, seed=5)
    np.testing.assert_array_equal(trained.scores(X), before)


def test_each_network_has_its_dropout_rate_and_a_second_training_repeats():
    networks = [Network((16,), 0.01, dropout=share) for share in (0.0, 0.5, 0.9)]
    sweep = Sweep(networks, HEAD, (70, 4, 3), epochs=12, batch_size=16)
    sweep.train(X, Y)
    scores, losses = sweep.scores(X), sweep.measure(X, Y)[0]
    assert losses[0] < losses[1] < losses[2]
    sweep.train(X, Y)
    np.testing.assert_array_equal(sweep.scores(X), scores)


def test_batch_normalization_uses_the_batch_of_each_network():
    networks = [Network((5,), 0.0, seed=seed) for seed in (0, 1)]
    sweep = Sweep(networks, HEAD, (70, 4, 3), epochs=60, batch_size=70, optimizer="sgd", constant=True, batch_norm=True)
    sweep.train(X, Y)  # at rate 0 only the moving averages change, towards the averages over all rows
    for index in (0, 1):
        kernel, bias, out, shift = sweep.weights(index)
        sums = X @ kernel + bias
        normalized = (sums - sums.mean(axis=0)) / np.sqrt(sums.var(axis=0) + 1e-3)
        np.testing.assert_allclose(sweep.scores(X)[index], np.maximum(normalized, 0) @ out + shift, atol=2e-2)


def test_fewer_rows_are_learned_in_the_same_number_of_steps():
    networks = [Network((16,), 0.05, seed=seed) for seed in (0, 1)]
    sweep = Sweep(networks, HEAD, (70, 4, 3), epochs=30)
    seen = sweep.train(X, Y, first=10, watch={"learned": (X[:10], Y[:10]), "rest": (X[10:], Y[10:])})
    assert seen["learned"][1].shape == (30, 2)
    assert seen["learned"][1][-1].max() == 0
    assert seen["rest"][1][-1].min() > 0.2
