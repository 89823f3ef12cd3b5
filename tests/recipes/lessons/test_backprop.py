"""One example forward and back, by hand and by automatic differentiation."""

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


def test_forward_has_the_lectures_numbers(lesson):
    table = lesson.tables["Forward"].set_index("unit")
    assert table.loc["A", "score z"] == pytest.approx(2)
    assert table.loc["A", "output a"] == pytest.approx(0.880797, abs=5e-7)
    assert table.loc["B", "score z"] == pytest.approx(-42)
    assert table.loc["B", "output a"] == pytest.approx(5.7e-19, rel=0.01)
    assert round(table.loc["C", "output a"], 4) == 20.0319
    assert "25.3198" in lesson.pictures[0].text
    assert round(table.loc["loss", "output a"], 4) == 25.3198


def test_backward_has_the_lectures_derivatives(lesson):
    derivative = lesson.tables["Backward"].set_index("parameter")["derivative"]
    expected = {
        "bias of C": 10.0638, "weight A → C": 8.8641, "bias of A": 42.2652, "weight x1 → A": -84.5305,
        "weight x2 → A": 211.3262,
    }  # fmt: skip
    assert {name: round(derivative[name], 4) for name in expected} == expected
    of_b = ["weight x1 → B", "weight x2 → B", "bias of B", "weight B → C"]
    assert derivative[of_b].abs().max() < 1e-12
    assert "Unit B" in lesson.pictures[1].text


def test_a_step_against_the_derivatives_lowers_the_loss_and_one_along_them_raises_it(lesson):
    table = lesson.tables["One step"]
    short = table[table["learning rate"] < 1e-4]
    assert (short["loss after subtracting"] < 25.3198).all()
    assert (short["loss after adding"] > 25.3198).all()
    assert table["loss after subtracting"].iloc[-1] > 25.3198  # a step too long
    # To first order a step of 1e-6 takes 1e-6 times the squared length of the derivatives off the loss.
    length = np.square(lesson.tables["Backward"]["derivative"]).sum()
    assert 25.3198 - table["loss after subtracting"].iloc[0] == pytest.approx(1e-6 * length, rel=1e-2)


@pytest.mark.parametrize(
    ("task", "head", "y"),
    [("regression", None, [0.3, -1.0]), ("multiclass", "softmax", 1), ("multiclass", "hinge", 0)],
)
def test_a_keras_model_of_ones_own_is_followed_as_keras_differentiates_it(network, task, head, y):
    x = [0.5, -1.5, 2.0]
    table = backprop.show(network, x, y, task=task, head=head).tables["Backward"]
    assert table["derivative"].to_numpy() == pytest.approx(table["automatic differentiation"].to_numpy(), abs=1e-9)

    from toolkit.heads import DEFAULT_HEADS, get_head

    loss = get_head(task, head or DEFAULT_HEADS[task]).loss()
    target = np.array([y]) if task == "multiclass" else np.array([y], np.float32)
    with tf.GradientTape() as tape:
        value = loss(target, network(np.array([x], np.float32)))
    kernel, bias, *_ = tape.gradient(value, [v.value for v in network.trainable_variables])
    first = table.iloc[: 4 * 4]["derivative"].to_numpy().reshape(4, 4)  # a unit: three weights, then its bias
    np.testing.assert_allclose(first[:, :3].T, np.asarray(kernel), atol=1e-5)
    np.testing.assert_allclose(first[:, 3], np.asarray(bias), atol=1e-5)


def test_a_network_given_as_numbers_has_the_derivatives_worked_by_hand():
    lesson = backprop.show(SMALL, [3.0], 7.0)
    assert lesson.tables["Forward"]["output a"].tolist() == [3.0, 0.0, 6.5, 0.25]
    assert lesson.tables["Backward"]["derivative"].tolist() == [-6.0, -2.0, 0.0, 0.0, -3.0, 0.0, -1.0]
    assert "Unit B" in lesson.pictures[1].text


def test_where_every_derivative_is_0_the_page_says_so():
    lesson = backprop.show([([[1.0]], [0.0], "linear")], [2.0], 1, task="binary", head="hinge")
    assert "every derivative is 0" in lesson.pictures[2].text
    assert "Added" not in lesson.pictures[2].text


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["data.csv", [1.0], 1.0], {}, "expected a keras.Sequential"),
        ([SMALL], {}, "give x"),
        ([None, [1.0]], {}, "give network"),
        ([SMALL, [1.0, 2.0], 1.0], {}, r"x has shape \(2,\)"),
        ([SMALL, ["a"], 1.0], {}, "x: expected numbers"),
        ([SMALL, [np.nan], 1.0], {}, "finite"),
        ([SMALL, [1.0], "seven"], {}, "y='seven'"),
        ([SMALL, [1.0], np.nan], {}, "none missing"),
        ([SMALL, [1.0], [[1.0], [1.0, 2.0]]], {}, "expected a number"),
        ([SMALL, [1.0], 2], {"task": "binary"}, "expected 0 or 1"),
        ([SMALL, [1.0], 1], {"task": "binery"}, "Did you mean 'binary'"),
        ([SMALL, [1.0], 1], {"task": "binary", "head": "softmax"}, "not one for binary"),
        ([[*SMALL[:1], ([[2.0], [1.0]], [0.5], "sigmoid")], [1.0], 1], {"task": "binary"}, "it is linear"),
        ([[([[1.0]], [0.0], "rellu")], [1.0], 1.0], {}, "Did you mean 'relu'"),
        ([[([[1.0]], [0.0, 1.0], "relu")], [1.0], 1.0], {}, "bias of shape"),
        ([[*SMALL[:1], *SMALL[:1]], [1.0], 1.0], {}, r"expected \(2, units\)"),
        ([[([[1.0] * 7], [0.0] * 7, "relu")], [1.0], [1.0] * 7], {}, "6 units"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_a_sentence(arguments, options, message):
    with pytest.raises(DataError, match=message):
        backprop.show(*arguments, **options)


def test_other_layers_of_keras_are_refused_by_their_names(network):
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(1)])
    with pytest.raises(DataError, match="'norm' is a BatchNormalization"):
        backprop.show(model, [1.0, 2.0, 3.0], 1.0)
    with pytest.raises(DataError, match="class id from 0 to 1"):
        backprop.show(network, [1.0, 2.0, 3.0], 2, task="multiclass")


def test_the_page_is_the_same_each_time(lesson, tmp_path):
    assert lesson.report(tmp_path / "a").read_bytes() == backprop.show().report(tmp_path / "b").read_bytes()
    assert all(picture.alt for picture in lesson.pictures if picture.figure is not None)


@pytest.mark.parametrize(
    ("weight", "activation", "words", "absent"),
    [
        (1e4, "linear", "every rate shown overshoots", "every derivative is 0"),
        (1e-3, "sigmoid", "a rate of 1 takes", "longer ones"),
    ],
)
def test_what_a_step_does_is_said_of_these_numbers(weight, activation, words, absent):
    text = backprop.show([([[weight]], [0.0], activation)], [weight], 1.0).pictures[2].text
    assert words in text
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
def test_a_keras_model_whose_derivatives_would_be_wrong_is_refused(layers, message):
    with pytest.raises(DataError, match=message):
        backprop.show(keras.Sequential(layers), [1.0, 2.0], 1.0)


def test_a_model_that_is_no_sequence_is_refused():
    given = keras.Input((2,))
    with pytest.raises(DataError, match=r"expected a keras\.Sequential"):
        backprop.show(keras.Model(given, keras.layers.Dense(1)(given)), [1.0, 2.0], 1.0)
