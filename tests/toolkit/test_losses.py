"""The losses against numbers worked by hand, mpmath at 50 digits, scikit-learn, and Keras where it is right."""

from __future__ import annotations

import math
from typing import Any

import keras
import mpmath
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from sklearn.metrics import hinge_loss, mean_pinball_loss

from tests.helpers.loss_oracles import (
    binary_truth,
    error,
    hinge_truth,
    logistic_truth,
    rows,
    scores_of_every_size,
    softmax_truth,
)
from toolkit.common.errors import DataError
from toolkit.losses import (
    BinaryHinge,
    MulticlassHinge,
    OrdinalCrossentropy,
    PinballLoss,
    SoftmaxCrossentropy,
    SquaredSigmoid,
)

LOSSES = {
    "hinge": MulticlassHinge(),
    "squared_hinge": MulticlassHinge(delta=0.5, squared=True),
    "binary_hinge": BinaryHinge(),
    "binary_squared_hinge": BinaryHinge(delta=2.0, squared=True, labels="-1+1"),
    "softmax": SoftmaxCrossentropy(),
    "smoothed_softmax": SoftmaxCrossentropy(label_smoothing=0.1),
}
WORKED = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]], "float32")


# Numbers worked by hand, and published ones


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (MulticlassHinge(), [2.9, 0, 12.9]),
        (MulticlassHinge(squared=True), [8.41, 0, 83.25]),
        (SoftmaxCrossentropy(), [2.0404, 0.0791, 6.1565]),
    ],
)
def test_the_lectures_worked_table(loss, expected):
    values, _ = rows(loss, [0, 1, 2], WORKED)
    assert values == pytest.approx(expected, abs=5e-5)
    assert float(loss([0, 1, 2], WORKED)) == pytest.approx(np.mean(expected), abs=5e-5)


def test_the_mean_hinge_is_not_the_slides():
    assert float(MulticlassHinge()([0, 1, 2], WORKED)) == pytest.approx(5.2667, abs=5e-5)


def test_summing_over_the_true_class_too_would_add_one_to_each_example():
    own = np.take_along_axis(WORKED, np.array([[0], [1], [2]]), axis=1)
    assert np.maximum(0, WORKED - own + 1).sum(axis=1) == pytest.approx(
        rows(MulticlassHinge(), [0, 1, 2], WORKED)[0] + 1
    )


def test_doubling_the_scores_of_a_met_margin_lowers_the_cross_entropy_alone():
    once, twice = WORKED[1:2], 2 * WORKED[1:2]
    assert [float(MulticlassHinge()([1], scores)) for scores in (once, twice)] == [0, 0]
    assert float(SoftmaxCrossentropy()([1], twice)) < float(SoftmaxCrossentropy()([1], once))


def test_squared_error_on_a_sigmoid_forgets_a_row_that_is_surely_wrong():
    scores = np.array([[0.0], [-20.0]], "float32")
    value, gradient = rows(SquaredSigmoid(), np.ones((2, 1), "float32"), scores)
    assert value == pytest.approx([0.25, 1])
    p = 1 / (1 + np.exp(20.0))
    assert gradient[:, 0] == pytest.approx([2 * -0.5 * 0.25, 2 * (p - 1) * p * (1 - p)], rel=1e-5)
    logistic = keras.losses.BinaryCrossentropy(from_logits=True)
    assert rows(logistic, np.ones((2, 1), "float32"), scores)[1][:, 0] == pytest.approx([-0.5, -1])


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_scores_near_zero_have_the_two_sanity_values(classes):
    scores = np.random.default_rng(0).normal(scale=1e-6, size=(8, classes)).astype("float32")
    y = np.arange(8) % classes
    assert float(MulticlassHinge()(y, scores)) == pytest.approx(classes - 1, rel=1e-5)
    assert float(SoftmaxCrossentropy()(y, scores)) == pytest.approx(math.log(classes), rel=1e-5)


def test_the_hinge_stops_caring_once_the_margin_is_met():
    scores = np.array([[10, -2, 3], [10, 9, 9], [10, -100, -100]], "float32")
    assert rows(MulticlassHinge(), [0, 0, 0], scores)[0].tolist() == [0, 0, 0]
    assert rows(SoftmaxCrossentropy(), [0, 0, 0], scores)[0] == pytest.approx([0.0009, 0.5514, 0], abs=5e-5)


def test_the_second_published_pair():
    scores = np.array([[-2.85, 0.86, 0.28]], "float32")
    assert float(MulticlassHinge()([2], scores)) == pytest.approx(1.58, abs=0.005)
    assert float(SoftmaxCrossentropy()([2], scores)) == pytest.approx(1.04, abs=0.005)


def test_keras_punishes_a_met_margin_and_ours_does_not():
    scores = np.array([[-3, -5, -5, -5]], "float32")
    assert float(keras.losses.CategoricalHinge()(np.eye(4)[[0]], scores)) == 4
    value, gradient = rows(MulticlassHinge(), [0], scores)
    assert value.tolist() == [0]
    assert gradient.tolist() == [[0, 0, 0, 0]]


def test_binary_hinge_by_hand():
    y, scores = [[1], [0], [1], [0]], np.array([[0.3], [-2.0], [-1.5], [0.5]], "float32")
    assert rows(BinaryHinge(), y, scores)[0] == pytest.approx([0.7, 0, 2.5, 1.5])
    assert rows(BinaryHinge(squared=True), y, scores)[0] == pytest.approx([0.49, 0, 6.25, 2.25])
    assert rows(BinaryHinge(delta=0.2), y, scores)[0] == pytest.approx([0, 0, 1.7, 0.7])


def test_several_labels_are_averaged_and_not_summed():
    value = BinaryHinge()(np.array([[1, 0, 0, 1]]), np.array([[0.0, 3.0, -3.0, 3.0]], "float32"))
    assert float(value) == pytest.approx((1 + 4 + 0 + 0) / 4)


def test_label_smoothing_by_hand():
    # ln(1 + e) at scores (1, 0), less 0.9 of the true score and 0.1 / 2 of each.
    expected = math.log(1 + math.e) - (0.9 + 0.05) * 1
    assert float(SoftmaxCrossentropy(label_smoothing=0.1)([0], np.array([[1.0, 0.0]]))) == pytest.approx(expected)


# Outside oracles


def test_two_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 2, 200), rng.normal(size=(200, 1)).astype("float32")
    expected = hinge_loss(y, scores[:, 0])
    assert float(BinaryHinge()(y, scores)) == pytest.approx(expected, rel=1e-6)
    assert float(BinaryHinge(labels="-1+1")(2 * y - 1, scores)) == pytest.approx(expected, rel=1e-6)
    # One score is the lead of the second class over the first.
    assert float(MulticlassHinge()(y, np.hstack([-scores / 2, scores / 2]))) == pytest.approx(expected, rel=1e-6)


def test_the_pinball_loss_agrees_with_scikit_learn_and_its_gradient_counts_the_sides():
    rng, levels = np.random.default_rng(0), (0.1, 0.5, 0.75)
    loss, y, scores = PinballLoss(levels), rng.normal(size=200), rng.normal(size=(200, 3)).astype("float32")
    expected = [mean_pinball_loss(y, scores[:, k], alpha=level) for k, level in enumerate(levels)]
    for targets in (y, y[:, None].astype("float32")):
        assert float(loss(targets, scores)) == pytest.approx(np.mean(expected), rel=1e-5)
    _, gradient = rows(loss, y, scores, compiled=True)
    assert gradient == pytest.approx((np.where(scores > y[:, None], 1, 0) - np.array(levels)) / 3, abs=1e-6)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).get_config() == loss.get_config()
    # 0.1 * 4e38 does not fit before it is multiplied.
    assert float(loss([2e38], np.full((1, 3), -2e38, "float32"))) == pytest.approx(4e38 * np.mean(levels), rel=1e-6)


def test_the_ordinal_loss_agrees_with_mpmath_and_pulls_crossed_thresholds_apart():
    rng, loss = np.random.default_rng(0), OrdinalCrossentropy()
    size = 10.0 ** rng.uniform(-1.5, 2, (200, 1))
    scores = -np.sort(-rng.normal(size=(200, 3)) * size - 0.02 * np.array([2, 1, 0]), axis=1).astype("float32")
    y = rng.integers(0, 4, 200)
    values, gradients = rows(loss, y, scores, compiled=True)
    for row, label, value in zip(scores, y, values, strict=True):
        with mpmath.workdps(60):
            above = [mpmath.mpf(1), *(1 / (1 + mpmath.exp(-mpmath.mpf(float(s)))) for s in row), mpmath.mpf(0)]
            if above[label] - above[label + 1] > 0 and all(np.diff(row) < -0.0101):
                assert error(value, -mpmath.log(above[label] - above[label + 1])) < 2e-6
    assert np.isfinite(gradients).all()
    crossed = np.array([[-1.0, 1.0], [0.0, 0.0], [3e38, -3e38]], "float32")
    values, gradients = rows(loss, [1, 1, 1], crossed, compiled=True)
    assert np.isfinite(values).all()
    assert (gradients[:2, 0] < -90).all()
    assert (gradients[:2, 1] > 90).all()
    assert values[2] == gradients[2, 0] == gradients[2, 1] == 0
    # Of two classes it is the binary cross-entropy.
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    ids = (y > 1).astype(int)
    assert float(loss(ids, scores[:, :1])) == pytest.approx(float(binary(ids[:, None], scores[:, :1])), rel=1e-5)
    with pytest.raises(DataError, match="label 4 is not a class id: expected whole numbers from 0 to 3"):
        loss([4], np.zeros((1, 3)))


def test_label_smoothing_agrees_with_keras_on_one_hot_targets():
    rng = np.random.default_rng(1)
    y, scores = rng.integers(0, 5, 50), rng.normal(scale=4, size=(50, 5)).astype("float32")
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    assert float(SoftmaxCrossentropy(0.2)(y, scores)) == pytest.approx(float(theirs(np.eye(5)[y], scores)), rel=1e-5)


ORACLES = {
    "hinge": hinge_truth,
    "squared_hinge": lambda s, y: hinge_truth(s, y, 0.5, 2),
    "binary_hinge": binary_truth,
    "binary_squared_hinge": lambda s, y: binary_truth(s, y, 2.0, 2),
    "softmax": softmax_truth,
    "smoothed_softmax": lambda s, y: softmax_truth(s, y, 0.1),
    "keras_logistic": logistic_truth,
    "keras_softmax": softmax_truth,
}


def worst_errors(loss: Any, oracle: Any, y: np.ndarray, targets: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """The largest error of the loss and of the gradient's entries, and how many rows were set aside at a kink."""
    values, gradients = rows(loss, targets, scores, compiled=True)
    assert not np.isnan(values).any()
    assert not np.isnan(gradients).any()
    worst = {"loss": 0.0, "gradient": 0.0, "aside": 0}
    with mpmath.workdps(50):
        for row, value, gradient, label in zip(scores, values, gradients, y, strict=True):
            true, slopes, near = oracle([mpmath.mpf(float(a)) for a in row], label)
            worst["loss"] = max(worst["loss"], error(value, true))
            if near:
                worst["aside"] += 1
            else:
                worst["gradient"] = max(worst["gradient"], *map(error, gradient, slopes))
    return worst


@pytest.mark.parametrize("units", [2, 5])
@pytest.mark.parametrize("name", ORACLES)
def test_loss_and_gradient_stay_within_a_millionth_of_mpmath_at_every_size(name, units):
    """Ours, and the two of Keras that the logistic and the softmax heads stand on."""
    of_keras: dict[str, Any] = {
        "keras_logistic": keras.losses.BinaryCrossentropy(from_logits=True),
        "keras_softmax": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    }
    loss = LOSSES.get(name) or of_keras[name]
    rng = np.random.default_rng(units)
    scores = scores_of_every_size(rng, 30, units)
    labeled = "binary" in name or "logistic" in name
    y = rng.integers(0, 2, scores.shape) if labeled else rng.integers(0, units, len(scores))
    targets = (2 * y - 1 if name == "binary_squared_hinge" else y).astype("float32") if labeled else y
    worst = worst_errors(loss, ORACLES[name], y, targets, scores)
    assert worst["loss"] <= 1e-6
    assert worst["gradient"] <= 1e-6
    assert worst["aside"] <= 0.15 * len(scores)


@pytest.mark.parametrize("name", LOSSES)
def test_scores_at_the_end_of_the_type_give_no_nan_and_no_needless_infinity(name):
    scores = np.array(
        [[3.4e38, -3.4e38, 0], [-3.4e38, 3.4e38, 3.4e38], [3.4e38] * 3, [1e38, -1e38, 2e38], [-1e-45, 1e-45, 0]],
        "float32",
    )
    y = np.repeat([0, 1, 2], len(scores))
    targets = y
    if "binary" in name:
        y = np.eye(3)[y]
        targets = (2 * y - 1 if name == "binary_squared_hinge" else y).astype("float32")
    worst = worst_errors(LOSSES[name], ORACLES[name], y, targets, np.tile(scores, (3, 1)))
    assert worst["loss"] <= 1e-6
    assert worst["gradient"] <= 1e-6


# Exactness


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("squared", [False, True])
def test_a_met_margin_costs_exactly_nothing_and_pulls_on_nothing(squared, compiled):
    scores = np.array([[2.5, 1.5, -7.0], [1e30, 0, -1e30], [3.3e38, 3.2e38, -3.3e38]], "float32")  # the first: just met
    value, gradient = rows(MulticlassHinge(squared=squared), [0, 0, 0], scores, compiled)
    assert not value.any()
    assert not gradient.any()
    value, gradient = rows(
        BinaryHinge(squared=squared), [[1, 0]] * 2, np.array([[1, -1], [9e9, -3e38]], "float32"), compiled
    )
    assert not value.any()
    assert not gradient.any()


def test_the_gradients_are_the_lectures_formulas():
    y = np.array([0, 1, 2])
    margins = WORKED - WORKED[np.arange(3), y][:, None] + 1
    margins[np.arange(3), y] = 0
    violated = (margins > 0).astype("float32")
    violated[np.arange(3), y] = -violated.sum(axis=1)
    assert rows(MulticlassHinge(), y, WORKED)[1].tolist() == violated.tolist()

    doubled = 2 * np.maximum(margins, 0)
    doubled[np.arange(3), y] = -doubled.sum(axis=1)
    assert rows(MulticlassHinge(squared=True), y, WORKED)[1] == pytest.approx(doubled, rel=1e-6)

    powers = np.exp(WORKED.astype("float64"))
    expected = powers / powers.sum(axis=1, keepdims=True) - np.eye(3)
    assert rows(SoftmaxCrossentropy(), y, WORKED)[1] == pytest.approx(expected, abs=1e-7)


def test_the_gradient_of_linear_weights_is_the_sum_of_inputs_times_violations():
    """The lecture's SVM gradient: a row pulls its violated classes down and its true class up, by its inputs."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 4)).astype("float32"), rng.integers(0, 3, 20)
    weights = tf.Variable(rng.normal(size=(4, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        value = MulticlassHinge()(y, tf.constant(x) @ weights)
    by_formula = np.zeros((4, 3))
    scores = x @ weights.numpy()
    for row, label, s in zip(x, y, scores, strict=True):
        for j in range(3):
            if j != label and s[j] - s[label] + 1 > 0:
                by_formula[:, j] += row / 20
                by_formula[:, label] -= row / 20
    assert tf.convert_to_tensor(tape.gradient(value, weights)).numpy() == pytest.approx(by_formula, abs=1e-6)


@pytest.mark.parametrize(
    "loss", [MulticlassHinge(), MulticlassHinge(squared=True), SoftmaxCrossentropy(), SoftmaxCrossentropy(0.1)]
)
def test_a_constant_added_to_all_scores_changes_nothing(loss):
    scores = np.array([[0.5, -1.25, 2.0], [4.0, 0.0, -3.5]], "float32")
    for constant in (1024.0, -4096.0):  # exact in float32, so that only the loss could round
        assert rows(loss, [2, 1], scores + np.float32(constant))[0].tolist() == rows(loss, [2, 1], scores)[0].tolist()


# As a Keras loss


@pytest.mark.parametrize("name", LOSSES)
def test_a_configuration_round_trip_keeps_everything(name):
    loss = LOSSES[name]
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    half = type(loss).from_config({**loss.get_config(), "dtype": "float16", "reduction": "sum", "name": "mine"})
    assert keras.losses.deserialize(keras.losses.serialize(half)).get_config() == half.get_config()
    assert (half.dtype, half.reduction, half.name) == ("float16", "sum", "mine")


@pytest.mark.parametrize(
    ("name", "jit"),
    [("hinge", False), ("squared_hinge", True), ("binary_squared_hinge", False), ("smoothed_softmax", True)],
)
def test_a_plain_keras_model_trains_and_saves_with_it(name, jit, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = 2 * (x > 0) - 1 if name == "binary_squared_hinge" else x.argmax(axis=1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1), loss=LOSSES[name], jit_compile=jit)
    losses = model.fit(x, y, sample_weight=np.ones(64), epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == LOSSES[name].get_config()
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))


@pytest.mark.parametrize("name", LOSSES)
def test_weights_count_rows_as_often_as_they_say(name):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 4)).astype("float32")
    y = 2 * rng.integers(0, 2, (3, 4)) - 1 if name == "binary_squared_hinge" else rng.integers(0, 2, (3, 4))
    y = y if "binary" in name else np.array([0, 3, 1])
    value, _ = rows(LOSSES[name], y, scores)
    for weight in (np.array([2.0, 0.0, 1.0]), np.array([[2.0], [0.0], [1.0]])):
        assert float(LOSSES[name](y, scores, sample_weight=weight)) == pytest.approx((2 * value[0] + value[2]) / 3)
    mean = type(LOSSES[name]).from_config({**LOSSES[name].get_config(), "reduction": "mean_with_sample_weight"})
    assert float(mean(y, scores, sample_weight=np.array([2.0, 0, 1]))) == pytest.approx((2 * value[0] + value[2]) / 3)


def test_a_row_without_weight_stays_out_even_where_its_loss_is_infinite():
    loss, scores = MulticlassHinge(squared=True), np.array([[0.0, 1e30], [0.0, 0.0]], "float32")
    assert float(loss([0, 0], scores)) == math.inf
    assert float(loss([0, 0], scores, sample_weight=np.array([0.0, 1.0]))) == 0.5


def test_a_mean_that_fits_does_not_overflow_on_its_way():
    scores = np.tile(np.array([[0.0, 3e38]], "float32"), (1000, 1))
    assert float(MulticlassHinge()(np.zeros(1000), scores)) == pytest.approx(3e38)
    squares = np.full((1, 4), 1.5e19, "float32")
    assert float(BinaryHinge(squared=True)(np.zeros((1, 4)), squares)) == pytest.approx(2.25e38)
    assert float(keras.losses.SquaredHinge()(-np.ones((1, 4)), squares)) == math.inf  # Keras adds first


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_class_ids_beyond_the_reach_of_the_type_are_not_rounded(dtype, compiled):
    """2,049 is 2,048 in float16, and 257 is 256 in bfloat16."""
    scores = np.zeros((2, 4096), "float32")
    scores[0, 2049] = scores[1, 257] = 8.0
    y = tf.constant([2049, 257])
    for kind in (MulticlassHinge, SoftmaxCrossentropy):
        loss = kind(dtype=dtype)
        value = tf.function(lambda s, loss=loss: loss(y, s), jit_compile=compiled)(tf.constant(scores))
        assert value.dtype == dtype
        expected = 0 if kind is MulticlassHinge else math.log(1 + 4095 * math.exp(-8))
        assert float(value) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", LOSSES)
def test_sixteen_bits_give_the_float32_value_rounded_once(name, dtype):
    rng = np.random.default_rng(0)
    scores = tf.cast(rng.normal(scale=20, size=(64, 8)), dtype)
    y = rng.integers(0, 8, 64)
    if "binary" in name:
        y = rng.integers(0, 2, (64, 8)) * (2 if name == "binary_squared_hinge" else 1) - (
            name == "binary_squared_hinge"
        )
    half = type(LOSSES[name]).from_config({**LOSSES[name].get_config(), "dtype": dtype})
    wide = LOSSES[name](y, tf.cast(scores, "float32"))
    assert half(y, scores) == tf.cast(wide, dtype)
    unreduced = half.call(tf.constant(y), scores)
    assert unreduced.dtype == dtype
    assert np.isfinite(tf.cast(unreduced, "float32")).all()
    _, gradient = rows(half, y, scores)
    assert np.isfinite(gradient.astype("float32")).all()


def test_a_float16_mean_that_fits_does_not_overflow_on_its_way():
    scores = np.tile(np.array([[0.0, 60000.0]], "float16"), (100, 1))
    assert float(MulticlassHinge(dtype="float16")(np.zeros(100), scores)) == pytest.approx(60000, rel=1e-3)


def test_a_mask_leaves_rows_out_as_in_every_keras_loss():
    x = np.array([[1.0, 2.0], [0.0, 0.0]], "float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Masking(), keras.layers.Dense(2, use_bias=False)])
    model.compile(loss=MulticlassHinge())
    scores = model.predict_on_batch(x)
    assert model.evaluate(x, np.zeros(2), verbose=0) == pytest.approx(float(MulticlassHinge()([0], scores[:1])))


# What the user got wrong


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MulticlassHinge(delta=0), "delta=0: expected a margin, a number above 0"),
        (lambda: BinaryHinge(delta=math.nan), "delta=nan"),
        (lambda: BinaryHinge(delta="1"), "delta='1'"),  # pyright: ignore[reportArgumentType]
        (lambda: BinaryHinge(labels="yes"), "expected '01' or '-1\\+1'"),
        (lambda: SoftmaxCrossentropy(1.0), "label_smoothing=1.0: expected a share from 0 to below 1"),
        (lambda: MulticlassHinge()([0, 3], np.zeros((2, 3))), "label 3 is not a class id: .* from 0 to 2"),
        (lambda: SoftmaxCrossentropy()([0, -1], np.zeros((2, 3))), "label -1 is not a class id"),
        (lambda: SoftmaxCrossentropy()([0, 0.5], np.zeros((2, 3))), "label 0.5 is not a class id"),
        (lambda: SoftmaxCrossentropy()(["a", "b"], np.zeros((2, 3))), "expected numbers"),
        (lambda: BinaryHinge()([1, -1], np.zeros((2, 1))), "label -1 is neither 0 nor 1, as labels='01' declares"),
        (
            lambda: BinaryHinge(labels="-1+1")([1, 0], np.zeros((2, 1))),
            "label 0 is neither -1 nor 1, as labels='-1\\+1' declares",
        ),
        (lambda: MulticlassHinge()([0, 1], np.zeros((2, 1))), "2 classes or more"),
        (lambda: PinballLoss((0.5, 0.2)), "quantiles=\\(0.5, 0.2\\): expected two or more rising numbers"),
        (lambda: PinballLoss()([0.0], np.zeros((1, 2))), "scores have shape \\(1, 2\\); expected \\(n, 3\\)"),
        (lambda: PinballLoss()(np.zeros((2, 3)), np.zeros((2, 3))), "shape \\(n,\\) or \\(n, 1\\), numbers"),
        (lambda: MulticlassHinge()([0, 1], np.zeros(2)), "expected \\(n, classes\\)"),
        (lambda: MulticlassHinge()(np.eye(3), np.zeros((3, 3))), "expected labels of shape \\(n,\\) or \\(n, 1\\)"),
        (lambda: MulticlassHinge()([0], np.zeros((3, 3))), "labels have shape \\(1,\\)"),
        (lambda: BinaryHinge()(np.zeros((3, 2)), np.zeros((2, 3))), "labels have shape \\(3, 2\\)"),
    ],
)
def test_a_mistake_is_named_with_its_value(call, words):
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_label_nobody_declared_is_nan_inside_a_graph_and_moves_no_weight(compiled):
    """Nothing can be raised there; a loss of NaN stops a training, a wrong sign would not."""
    for loss, y in (
        (MulticlassHinge(), [0, 3]),
        (SoftmaxCrossentropy(), [1, -1]),
        (BinaryHinge(), [[1, 0, 0], [-1, 1, 1]]),
    ):
        value, gradient = rows(loss, y, np.full((2, 3), 0.25, "float32"), compiled)
        assert np.isnan(value).tolist() == [False, True]
        assert not gradient[1].any()


def test_labels_may_come_as_a_column_and_as_any_number():
    scores = ops.convert_to_tensor(WORKED)
    expected = float(MulticlassHinge()([0, 1, 2], WORKED))
    for y in ([[0], [1], [2]], np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2], "uint8")):
        assert float(MulticlassHinge()(y, scores)) == expected


# Forms of scores and labels


FORMS = {
    "list": lambda values: values.tolist(),
    "array": lambda values: values,
    "tensor": tf.constant,
    "tf.Variable": tf.Variable,
    "keras.Variable": lambda values: keras.Variable(values, dtype=values.dtype.name),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("labels", FORMS)
def test_scores_and_labels_of_every_form_give_the_same_loss(name, form, labels):
    loss, ids = LOSSES[name], np.array([0, 1, 2], "int32")
    if "binary" in name:
        ids = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0]], "int32") * 2 - 1 if loss.labels == "-1+1" else np.eye(3)
    expected = float(loss(ids, WORKED))
    assert float(loss(FORMS[labels](ids), FORMS[form](WORKED))) == expected


@pytest.mark.parametrize("form", list(FORMS)[1:])
def test_the_squared_sigmoid_takes_whole_labels_and_variables(form):
    loss, labels = SquaredSigmoid(), np.array([[1, 0, 1]], "int32")
    expected = np.mean(np.square(1 / (1 + np.exp(-WORKED[:1].astype(float))) - labels))
    assert float(loss(FORMS[form](labels), FORMS[form](WORKED[:1]))) == pytest.approx(expected, abs=1e-6)
    assert np.asarray(loss.call(FORMS[form](labels), FORMS[form](WORKED[:1]))) == pytest.approx([expected], abs=1e-6)


@pytest.mark.parametrize("name", ["hinge", "softmax"])
def test_the_gradient_of_a_variable_is_that_of_its_value(name):
    variable, ids = tf.Variable(WORKED), tf.constant([0, 1, 2])
    _, expected = rows(LOSSES[name], [0, 1, 2], WORKED)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(LOSSES[name].call(ids, variable))
    assert np.asarray(tape.gradient(total, variable)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["hinge", "squared_hinge", "softmax", "smoothed_softmax"])
def test_symbolic_scores_give_a_symbolic_loss_of_each_row(name):
    assert LOSSES[name].call(keras.Input((1,)), keras.Input((3,))).shape == (None,)
