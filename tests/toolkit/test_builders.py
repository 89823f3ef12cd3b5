"""Builders: shapes, counts and initial weights, against hand-worked numbers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from toolkit.builders import ACTIVATIONS, architecture, linear, mlp
from toolkit.errors import DataError


@pytest.mark.parametrize(
    ("inputs", "hidden", "units", "neurons", "parameters"),
    [(3, (4,), 2, 6, 26), (3, (4, 4), 1, 9, 41), (784, (25, 15), 10, 50, 20_175)],
)
def test_neurons_and_parameters_are_counted_as_in_the_lectures(inputs, hidden, units, neurons, parameters):
    rows = architecture(mlp(inputs, units, hidden=hidden))
    assert sum(row["neurons"] for row in rows) == neurons
    assert sum(row["parameters"] for row in rows) == parameters


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_builds_and_the_last_layer_stays_linear(activation):
    model = mlp(5, 3, hidden=(4, 6), activation=activation)
    scores = model(np.ones((2, 5), "float32"))
    assert scores.shape == (2, 3)
    assert model.layers[-1].activation is keras.activations.linear


def test_each_layer_can_have_its_own_activation_and_dropout():
    model = mlp(2, 1, hidden=(3, 4), activation=("tanh", "relu"), dropout=(0.0, 0.5))
    kinds = [layer.activation.__name__ for layer in model.layers if isinstance(layer, keras.layers.Activation)]
    assert kinds == ["tanh", "relu"]
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.5]


def test_leaky_relu_has_the_lectures_slope():
    model = mlp(1, 1, hidden=(1,), activation="leaky_relu", initializer="ones")
    assert np.allclose(model(np.array([[-2.0], [3.0]], "float32")), [[-0.2], [3.0]])


def test_a_maxout_unit_gives_the_larger_of_its_two_pieces():
    model = mlp(1, 1, hidden=(1,), activation="maxout", initializer="ones")
    model.get_layer("hidden_1").set_weights([np.array([[1.0, -1.0]], "float32"), np.array([0.0, 0.5], "float32")])
    # max(x, 0.5 - x) at -1 and 2
    assert np.allclose(model(np.array([[-1.0], [2.0]], "float32")), [[1.5], [2.0]])


def test_the_seed_alone_decides_the_initial_weights():
    keras.utils.set_random_seed(1)
    first = mlp(4, 2, hidden=(8, 8), seed=5).get_weights()
    keras.utils.set_random_seed(2)
    again = mlp(4, 2, hidden=(8, 8), seed=5).get_weights()
    other = mlp(4, 2, hidden=(8, 8), seed=6).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[2][:4], first[0]), "two layers must not start alike"


def test_the_automatic_initialiser_has_the_published_spread():
    relu = mlp(1000, 1, hidden=(1000,), activation="relu").get_layer("hidden_1").kernel
    tanh = mlp(1000, 1, hidden=(1000,), activation="tanh").get_layer("hidden_1").kernel
    assert np.std(relu) == pytest.approx(np.sqrt(2 / 1000), rel=0.02)  # He et al. 2015
    assert np.std(tanh) == pytest.approx(np.sqrt(2 / 2000), rel=0.02)  # Glorot and Bengio 2010


def test_zeros_keep_hidden_units_identical():
    model = mlp(3, 1, hidden=(4,), initializer="zeros")
    assert all(not np.any(weights) for weights in model.get_weights())


def test_penalties_are_the_sums_that_their_names_say():
    model = mlp(2, 1, hidden=(), l1=0.1, l2=0.01)
    model.layers[-1].set_weights([np.array([[3.0], [-4.0]], "float32"), np.array([9.0], "float32")])
    assert float(sum(model.losses)) == pytest.approx(0.1 * 7 + 0.01 * 25)


def test_max_norm_bounds_each_units_weight_vector():
    constraint = mlp(2, 1, max_norm=1.5).get_layer("hidden_1").kernel_constraint
    bounded = np.asarray(constraint(np.array([[3.0, 0.3], [4.0, 0.4]], "float32")))
    assert np.linalg.norm(bounded, axis=0) == pytest.approx([1.5, 0.5], rel=1e-5)


def test_linear_is_one_dense_layer():
    assert [type(layer).__name__ for layer in linear(4, 3).layers] == ["Dense"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "rleu"}, "Did you mean 'relu'"),
        ({"activation": "sign"}, "derivative 0"),
        ({"activation": ("relu",)}, "hidden has 2"),
        ({"hidden": (0, 3)}, "1 or more"),
        ({"hidden": (2.5,)}, "whole number"),
        ({"dropout": 1.0}, "0 to below 1"),
        ({"l2": -1.0}, "0 or more"),
        ({"max_norm": 0.0}, "above 0"),
        ({"initializer": "he_norml"}, "Did you mean 'he_normal'"),
        ({"inputs": 0}, "at least one input"),
    ],
)
def test_an_argument_out_of_range_says_what_was_expected(options, message):
    with pytest.raises(DataError, match=message):
        mlp(**{"inputs": 3, "units": 1, "hidden": (4, 4)} | options)


def test_initial_biases_spread_where_asked_and_only_in_hidden_layers():
    model = mlp(3, 2, hidden=(400, 400), bias_spread=1.0)
    first, second, scores = (layer.bias.numpy() for layer in model.layers if layer.weights)
    assert np.std(first) == pytest.approx(1.0, abs=0.15)
    assert not np.array_equal(first, second)
    assert not scores.any()
    kernel = mlp(3, 2, hidden=(400, 400)).layers[0].kernel
    np.testing.assert_array_equal(model.layers[0].kernel, kernel, "the kernels are the same with and without")


def test_a_negative_spread_of_biases_is_refused():
    with pytest.raises(DataError, match="bias_spread=-1"):
        mlp(3, 2, bias_spread=-1)
