"""Decision regions of any model on a plane through two of its inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import toolkit
from toolkit import DataError, decision_regions

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
WEIGHTS = np.array([[1.0, 0.0, -1.0], [0.0, 1.0, -1.0], [2.0, -1.0, 0.0]])


def linear(x):
    return x @ WEIGHTS


def numbers(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def marks(figure):
    return {str(line.get_label()): len(np.asarray(line.get_xdata())) for line in figure.axes[0].lines}


def test_a_keras_model_with_the_multiclass_hinge_gets_regions_that_its_own_scores_give():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd", toolkit.losses.MulticlassHinge())
    model.set_weights([WEIGHTS[:2], np.zeros(3)])
    x = X[:, :2]
    y = (x @ WEIGHTS[:2]).argmax(axis=1)
    y[:4] = (y[:4] + 1) % 3
    figure = decision_regions(model, x, y)
    assert numbers(figure) == ["0", "1", "2"]
    drawn = marks(figure)
    assert sum(count for name, count in drawn.items() if name.endswith("wrong")) == 4
    assert sum(drawn.values()) == 60  # the plane is all there is: no rings
    assert not any("off" in name for name in drawn)
    for text in figure.axes[0].texts:
        at = np.array(text.get_position()) @ WEIGHTS[:2]
        assert at.argmax() == int(text.get_text())


@pytest.mark.parametrize(
    ("activation", "bias", "decided"), [("sigmoid", -1.0, {0}), (None, -1.0, {0}), ("sigmoid", 1.0, {1})]
)
def test_one_output_is_cut_at_a_half_after_a_sigmoid_and_at_0_otherwise(activation, bias, decided):
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])
    model.set_weights([np.zeros((2, 1)), np.array([bias])])
    figure = decision_regions(model, X[:, :2], np.where(X[:, 0] > 0, 1, -1))
    assert {int(number) for number in numbers(figure)} == decided
    assert numbers(decision_regions(model, X[:, :2], X[:, 0] > 0, threshold=-5.0)) == ["1"]


def test_further_inputs_are_held_at_their_medians_or_where_they_are_asked_for():
    y = linear(X).argmax(axis=1)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    by_hand = np.array([*np.median(X[:, :2], axis=0), 5.0])
    figure = decision_regions(linear, frame, y, columns=("b", "a"), at={"c": 5.0})
    assert "0" in numbers(figure)
    assert linear(by_hand).argmax() == 0
    axes = figure.axes[0]
    assert axes.get_xlabel() == "b"
    assert axes.get_title("left") == "a (1 further input held)"
    # With the third input far off, rows lie off the plane: rings, since all of them are decided rightly.
    drawn = marks(figure)
    assert not any("wrong" in name for name in drawn)
    on_plane = linear(np.column_stack([X[:, :2], np.full(60, 5.0)])).argmax(axis=1)
    assert sum(count for name, count in drawn.items() if "off" in name) == (on_plane != y).sum() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X[:, 0]}, r"shape \(60,\): expected \(rows, columns\)"),
        ({"x": [["a", 1.0]] * 60}, "no numbers"),
        ({"x": np.where(np.arange(180).reshape(60, 3) == 7, np.nan, X)}, "missing or infinite in row 2"),
        ({"y": np.zeros(5)}, r"y has shape \(5,\): expected \(60,\)"),
        ({"y": np.full(60, 3)}, "3 class ids of the model, 0 to 2"),
        ({"y": ["a"] * 60}, "makes ids of labels"),
        ({"columns": (0, 0)}, "two different inputs"),
        ({"columns": (0, 9)}, "9 is not an input: expected a position from 0 to 2"),
        ({"columns": "ab"}, "expected two inputs"),
        ({"columns": ("input 0", "input 11")}, "Did you mean 'input 1'"),
        ({"at": {2: np.inf}}, "expected a finite number"),
        ({"model": "model.keras"}, "model=str: expected a Keras model"),
        ({"model": lambda x: x[:3]}, "expected finite scores"),
        ({"model": lambda x: np.zeros((len(x), 11))}, "11 classes: the picture has colors for 10"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_does(change, message):
    with pytest.raises(DataError, match=message):
        decision_regions(**({"model": linear, "x": X, "y": linear(X).argmax(axis=1)} | change))


def test_rows_of_a_single_value_and_many_columns_have_a_plane_too():
    x = np.ones((5, 40))
    assert numbers(decision_regions(lambda x: x[:, 3] - 2, x, np.zeros(5))) == ["0"]
