"""Networks side by side: joined, and folded into plain layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from toolkit.builders import mlp
from toolkit.common.errors import DataError
from toolkit.training.side_by_side import can_join, fold, join, scaled_dense

X = np.random.default_rng(0).normal(size=(9, 5)).astype("float32")


def _networks(count, hidden, **options):
    return [mlp(5, 2, hidden=hidden, seed=seed, **options) for seed in range(count)]


@pytest.mark.parametrize("hidden", [(), (4,), (4, 3), (4, 3, 6)])
def test_joined_networks_keep_their_own_scores(hidden):
    models = _networks(3, hidden, activation="mish", dropout=0.2)
    expected = np.stack([model(X) for model in models], axis=1)
    np.testing.assert_allclose(join(models)(X), expected, atol=1e-6)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("hidden", [(), (4,), (4, 3), (4, 3, 6)])
def test_scores_before_and_after_folding_agree(hidden, count, scaled):
    models = _networks(count, hidden, activation="relu")
    joined = join(models, feature_scale=scaled)
    rng = np.random.default_rng(1)
    joined.set_weights([rng.normal(size=value.shape) for value in joined.get_weights()])
    scores = np.asarray(joined(X))
    folded = fold(joined, models)
    np.testing.assert_allclose(folded(X), scores if count == 1 else scores.mean(axis=1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_scale_and_first_layer_in_one_product_have_the_scores_and_gradients_of_the_two_layers(count):
    build = [keras.Input((5,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)]
    joined = join([keras.Sequential(build) for _ in range(count)], feature_scale=True)
    rng = np.random.default_rng(1)
    joined.set_weights([rng.normal(size=value.shape) for value in joined.get_weights()])
    scale, dense, last = joined.layers
    variables = [variable.value for variable in joined.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        ours, keras_scores = last(scaled_dense(scale, dense, X)), joined(X)
        losses = [tf.reduce_sum(scores**2) for scores in (ours, keras_scores)]
    np.testing.assert_allclose(ours, keras_scores, atol=1e-5)
    for gradient, expected in zip(*(tape.gradient(loss, variables) for loss in losses), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_a_folded_model_is_a_sequential_of_keras_layers_that_ends_in_a_linear_dense_one(tmp_path):
    models = _networks(3, (4, 3))
    folded = fold(join(models), models)
    assert isinstance(folded, keras.Sequential)
    assert {type(layer) for layer in folded.layers} <= {
        *(keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Activation),
        *(keras.layers.Reshape, keras.layers.Flatten),
    }
    assert type(folded.layers[-1]) is keras.layers.Dense
    assert folded.layers[-1].activation is keras.activations.linear
    # Three networks of (5 + 1) * 4 + (4 + 1) * 3 + 3 * 2 parameters, and one mean of the last biases.
    assert folded.count_params() == 3 * (24 + 15 + 6) + 2
    folded.save(tmp_path / "folded.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "folded.keras")(X), folded(X))


def test_linear_networks_fold_into_one_of_the_same_size():
    models = _networks(4, ())
    assert fold(join(models), models).count_params() == models[0].count_params()


def test_activations_inside_dense_layers_stay():
    def build(seed):
        layers = [
            keras.Input((5,)),
            keras.layers.Dense(4, "tanh"),
            keras.layers.Dense(3, "relu"),
            keras.layers.Dense(2),
        ]
        keras.utils.set_random_seed(seed)
        return keras.Sequential(layers)

    models = [build(seed) for seed in range(2)]
    expected = np.mean([model(X) for model in models], axis=0)
    np.testing.assert_allclose(fold(join(models), models)(X), expected, atol=1e-6)


def test_penalties_and_constraints_hold_for_each_member():
    models = _networks(2, (4, 3), l1=0.1, l2=0.2, max_norm=0.5)
    joined = join(models)
    alone = sum(float(sum(model.losses)) for model in models)
    assert float(sum(joined.losses)) == pytest.approx(alone, rel=1e-5)
    for layer, axis in zip([layer for layer in joined.layers if layer.weights], (0, 1, 1), strict=True):
        shrunk = np.asarray(layer.kernel_constraint(layer.kernel))
        assert np.linalg.norm(shrunk, axis=axis).max() <= 0.5 + 1e-6
        members = np.moveaxis(layer.kernel.numpy(), 1 - axis, 0)
        expected = [np.asarray(keras.constraints.MaxNorm(0.5)(kernel)) for kernel in members]
        np.testing.assert_allclose(np.moveaxis(shrunk, 1 - axis, 0), expected, rtol=1e-6)


@pytest.mark.parametrize("options", [{"batch_norm": True}, {"activation": "maxout"}])
def test_networks_whose_members_would_meet_are_refused(options):
    models = _networks(2, (4,), **options)
    assert not can_join(models[0])
    with pytest.raises(DataError, match="can't be trained side by side"):
        join(models)
    assert join(models[:1]).output_shape == (None, 2)
