"""Builders: shapes, counts and initial weights, against hand-worked numbers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from toolkit.builders import (
    ACTIVATIONS,
    architecture,
    cnn,
    linear,
    mlp,
)
from toolkit.common.errors import DataError


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


def test_the_automatic_initializer_has_the_published_spread():
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
        ({"hidden": (0, 3)}, "whole numbers from 1 to"),
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


@pytest.mark.parametrize("size", [1, 3, 4, 8, 20, 28, 32, 33, 64, 100, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolutional_network_fits_images_of_any_size_and_ends_linear(size, channels):
    model = cnn((size, size + 1, channels), 5, filters=2)
    assert model.output_shape == (None, 5)
    assert model.layers[-1].activation is keras.activations.linear
    assert model(np.zeros((2, size, size + 1, channels), "uint8")).shape == (2, 5)
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    assert min(last.output.shape[1:3]) <= 3


def test_convolutions_are_counted_by_hand():
    # 8 x 8 gray: 9 * 1 * 4, 9 * 4 * 8, 9 * 8 * 12 weights; scale and shift a filter; 12 * 3 + 3.
    rows = architecture(cnn((8, 8, 1), 3, filters=4))
    assert sum(row["parameters"] for row in rows) == 36 + 288 + 864 + 2 * (4 + 8 + 12) + 39
    assert sum(row["neurons"] for row in rows) == 4 + 8 + 12 + 3


def test_large_images_step_over_pixels_so_that_their_time_stays_bounded():
    def products(side):
        layers = [layer for layer in cnn((side, side, 3), 1).layers if isinstance(layer, keras.layers.Conv2D)]
        return sum(np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape) for layer in layers)

    assert products(128) < 2 * products(32)


@pytest.mark.parametrize("build", [linear, mlp, cnn])
def test_a_network_of_images_takes_raw_pixels_and_rescales_them_itself(build):
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    raw, scaled = build((8, 8, 3), 2, pixels=(100.0, 50.0)), build((8, 8, 3), 2, pixels=(0.0, 1.0))
    np.testing.assert_allclose(raw(images), scaled((images.astype("float32") - 100) / 50), rtol=1e-4, atol=1e-5)
    by_default = build((8, 8, 3), 2)
    np.testing.assert_allclose(by_default(images), scaled(images.astype("float32") / 255), rtol=1e-4, atol=1e-5)


def test_the_lectures_25_15_10_takes_pixels_as_columns():
    # (784 + 1) * 25 + (25 + 1) * 15 + (15 + 1) * 10, as in CS 434's deck on digits of 28 x 28.
    assert mlp((28, 28, 1), 10, hidden=(25, 15)).count_params() == 20_175


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (64, {}, "cnn is for images"),
        ((8, 8, 0), {}, "at least one input"),
        ((8, 8, 1), {"filters": 0}, "filters=0: expected a whole number"),
        ((8, 8, 1), {"filters": 1.5}, "filters=1.5"),
        ((8, 8, 1), {"dropout": 1.0}, "0 to below 1"),
    ],
)
def test_a_convolutional_network_that_makes_no_sense_is_refused(inputs, options, message):
    with pytest.raises(DataError, match=message):
        cnn(inputs, 2, **options)


def test_the_seed_alone_decides_a_convolutional_networks_weights():
    first, again, other = (cnn((8, 8, 1), 2, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        ((8, 8), {}),
        ((8, 8, "1"), {}),
        ((8, 8, 1.0), {}),
        ((8, 8, 1), {"filters": True}),
        ((8, 8, 1), {"filters": "32"}),
        ((8, 8, 1), {"filters": float("nan")}),
        ((8, 8, 1), {"filters": 8.0}),
        ((8, 8, 1), {"dropout": "0.1"}),
        ((8, 8, 1), {"dropout": None}),
    ],
)
def test_cnn_says_which_kind_of_argument_it_expects(inputs, options):
    with pytest.raises(DataError, match="expected"):
        cnn(inputs, 3, **options)
