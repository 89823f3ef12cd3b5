"""One example forward and backward, against the lecture's numbers and automatic differentiation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.lessons import backprop
from toolkit.builders import mlp
from toolkit.common.errors import DataError

SMALL = [([[1.0, -1.0]], [0.0, 0.0], "relu"), ([[2.0], [1.0]], [0.5], "linear")]


@pytest.fixture(scope="module")
def lesson():
    return backprop.show()


@pytest.fixture(scope="module")
def network():
    return mlp(3, 2, hidden=(4,), activation="tanh", seed=5)


def test_the_forward_pass_has_the_lectures_numbers(lesson):
    table = lesson.tables["Forward"].set_index("neuron")
    assert table.loc["A", "score z"] == pytest.approx(2)
    assert table.loc["A", "output a"] == pytest.approx(0.880797, abs=5e-7)
    assert table.loc["B", "score z"] == pytest.approx(-42)
    assert table.loc["B", "output a"] == pytest.approx(5.7e-19, rel=0.01)
    assert round(table.loc["C", "output a"], 4) == 20.0319
    assert "25.3198" in lesson.pictures[0].text
    assert round(table.loc["loss", "output a"], 4) == 25.3198


def test_the_backward_pass_has_the_lectures_gradients(lesson):
    gradient = lesson.tables["Backward"].set_index("parameter")["gradient"]
    expected = {
        "bias of C": 10.0638, "weight A → C": 8.8641, "bias of A": 42.2652, "weight x1 → A": -84.5305,
        "weight x2 → A": 211.3262,
    }  # fmt: skip
    assert {name: round(gradient[name], 4) for name in expected} == expected
    parameters_of_b = ["weight x1 → B", "weight x2 → B", "bias of B", "weight B → C"]
    assert gradient[parameters_of_b].abs().max() < 1e-12
    assert "Neuron B is on a flat part" in lesson.pictures[1].text


def test_a_step_against_the_gradients_lowers_the_loss_and_a_step_along_them_raises_it(lesson):
    table = lesson.tables["One step"]
    short = table[table["learning rate"] < 1e-4]
    assert (short["loss after subtracting"] < 25.3198).all()
    assert (short["loss after adding"] > 25.3198).all()
    assert table["loss after subtracting"].iloc[-1] > 25.3198  # a step too long
    # To first order a step of 1e-6 lowers the loss by 1e-6 times the squared norm of the gradient.
    squared_norm = np.square(lesson.tables["Backward"]["gradient"]).sum()
    assert 25.3198 - table["loss after subtracting"].iloc[0] == pytest.approx(1e-6 * squared_norm, rel=1e-2)


@pytest.mark.parametrize(
    ("task", "head", "y"),
    [("regression", None, [0.3, -1.0]), ("multiclass", "softmax", 1), ("multiclass", "hinge", 0)],
)
def test_the_gradients_of_a_keras_model_are_those_of_keras(network, task, head, y):
    x = [0.5, -1.5, 2.0]
    table = backprop.show(network, x, y, task=task, head=head).tables["Backward"]
    assert table["gradient"].to_numpy() == pytest.approx(table["automatic differentiation"].to_numpy(), abs=1e-9)

    from toolkit.heads import DEFAULT_HEADS, get_head

    loss = get_head(task, head or DEFAULT_HEADS[task]).loss()
    target = np.array([y]) if task == "multiclass" else np.array([y], np.float32)
    with tf.GradientTape() as tape:
        value = loss(target, network(np.array([x], np.float32)))
    kernel, bias, *_ = tape.gradient(value, [v.value for v in network.trainable_variables])
    first = table.iloc[: 4 * 4]["gradient"].to_numpy().reshape(4, 4)  # one row per neuron: three weights, then its bias
    np.testing.assert_allclose(first[:, :3].T, np.asarray(kernel), atol=1e-5)
    np.testing.assert_allclose(first[:, 3], np.asarray(bias), atol=1e-5)


def test_a_network_of_numbers_has_the_gradients_worked_by_hand():
    lesson = backprop.show(SMALL, [3.0], 7.0)
    assert lesson.tables["Forward"]["output a"].tolist() == [3.0, 0.0, 6.5, 0.25]
    assert "The loss L at the end, that of the head squared, is 0.25." in lesson.pictures[0].text
    assert lesson.tables["Backward"]["gradient"].tolist() == [-6.0, -2.0, 0.0, 0.0, -3.0, 0.0, -1.0]
    assert "Neuron B is on a flat part" in lesson.pictures[1].text


def test_the_page_says_when_every_gradient_is_0():
    lesson = backprop.show([([[1.0]], [0.0], "linear")], [2.0], 1, task="binary", head="hinge")
    assert "every gradient is 0" in lesson.pictures[2].text
    assert "Adding" not in lesson.pictures[2].text


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["data.csv", [1.0], 1.0], {}, "expected a keras.Sequential"),
        ([SMALL], {}, "give x"),
        ([None, [1.0]], {}, "give network"),
        ([SMALL, [1.0, 2.0], 1.0], {}, r"x has shape \(2,\)"),
        ([SMALL, ["a"], 1.0], {}, "expected numbers"),
        ([SMALL, [np.nan], 1.0], {}, "finite"),
        ([SMALL, [1.0], "seven"], {}, "y='seven'"),
        ([SMALL, [1.0], np.nan], {}, "expected a finite number"),
        ([SMALL, [1.0], [[1.0], [1.0, 2.0]]], {}, "expected a finite number"),
        ([SMALL, [1.0], 2], {"task": "binary"}, "expected 0 or 1"),
        ([SMALL, [1.0], 1], {"task": "binery"}, "Did you mean 'binary'"),
        ([SMALL, [1.0], 1], {"task": "binary", "head": "softmax"}, "not known for binary"),
        ([[*SMALL[:1], ([[2.0], [1.0]], [0.5], "sigmoid")], [1.0], 1], {"task": "binary"}, "has to be linear"),
        ([[([[1.0]], [0.0], "rellu")], [1.0], 1.0], {}, "Did you mean 'relu'"),
        ([[([[1.0]], [0.0, 1.0], "relu")], [1.0], 1.0], {}, "bias of shape"),
        ([[*SMALL[:1], *SMALL[:1]], [1.0], 1.0], {}, r"expected \(2, units\)"),
        ([[([[1.0] * 7], [0.0] * 7, "relu")], [1.0], [1.0] * 7], {}, "6 units"),
    ],
)
def test_a_network_or_an_example_that_cannot_be_used_is_refused(arguments, options, message):
    with pytest.raises(DataError, match=message):
        backprop.show(*arguments, **options)


def test_layers_of_keras_that_are_not_dense_are_refused_by_name(network):
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(1)])
    with pytest.raises(DataError, match="'norm' is a BatchNormalization"):
        backprop.show(model, [1.0, 2.0, 3.0], 1.0)
    with pytest.raises(DataError, match="class id from 0 to 1"):
        backprop.show(network, [1.0, 2.0, 3.0], 2, task="multiclass")


def test_the_same_lesson_writes_the_same_bytes(lesson, tmp_path):
    assert lesson.report(tmp_path / "a").read_bytes() == backprop.show().report(tmp_path / "b").read_bytes()
    assert all(picture.alt for picture in lesson.pictures if picture.figure is not None)


@pytest.mark.parametrize(
    ("weight", "activation", "present", "absent"),
    [
        (1e4, "linear", "Every rate shown overshoots", "every gradient is 0"),
        (1e-3, "sigmoid", "A rate of 1 takes", "larger rates overshoot"),
    ],
)
def test_the_text_describes_what_one_step_does_to_these_numbers(weight, activation, present, absent):
    text = backprop.show([([[weight]], [0.0], activation)], [weight], 1.0).pictures[2].text
    assert present in text
    assert absent not in text


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([keras.Input((2,)), keras.layers.Dense(3, "softmax"), keras.layers.Dense(1)], "'softmax': expected one of"),
        ([keras.Input((2,)), keras.layers.Dense(3, keras.layers.LeakyReLU()), keras.layers.Dense(1)], "'LeakyReLU'"),
        ([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Activation("softmax")], "'softmax'"),
        ([keras.layers.Dense(1)], "not built"),
        ([], "not built|no dense layer"),
    ],
)
def test_a_keras_model_whose_gradients_would_be_wrong_is_refused(layers, message):
    with pytest.raises(DataError, match=message):
        backprop.show(keras.Sequential(layers), [1.0, 2.0], 1.0)


def test_a_functional_model_is_refused():
    inputs = keras.Input((2,))
    with pytest.raises(DataError, match=r"expected a keras\.Sequential"):
        backprop.show(keras.Model(inputs, keras.layers.Dense(1)(inputs)), [1.0, 2.0], 1.0)
