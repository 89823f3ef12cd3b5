"""What a layer does to the plane."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import space
from recipes.lessons.tools.recording import forward
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return space.show()


@pytest.fixture(scope="module")
def own():
    """A table of two columns that matter, one that does not, and a category."""
    x = np.random.default_rng(0).normal(size=(200, 3))
    ring = np.where(np.hypot(x[:, 0], x[:, 2]) < 1.1, "in </script>", "out")
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(color=["red", "blue"] * 100, where=ring)


def test_the_axes_of_your_table_are_named_in_words_and_no_text_of_it_is_drawn(own):
    lesson = space.show(own, target="where", columns=["c", "a"])
    assert "From left to right: c; upwards: a; both scaled." in lesson.pictures[0].text
    for figure in lesson.figures.values():
        named = {axes.get_xlabel() for axes in figure.axes} | {axes.get_ylabel() for axes in figure.axes}
        assert {"first column", "second column"} <= named


def test_a_line_classifies_49_percent_of_the_spiral_and_a_hidden_layer_98_or_more(lesson):
    row = lesson.table.loc["spiral"]
    assert round(row["linear"], 2) == 0.49  # the number of the case study, on its points
    assert row["100 hidden"] >= 0.98
    assert row["100 hidden, new points"] > 0.95


def test_straight_lines_are_enough_for_the_two_clouds_only(lesson):
    table = lesson.table
    assert table.loc["gaussians", "linear"] > 0.99
    assert table.loc[["circle", "xor"], "linear"].max() < 0.6
    assert table[["100 hidden", "8 and 2 hidden"]].to_numpy().min() >= 0.98


def test_after_the_last_hidden_layer_straight_lines_are_enough(lesson):
    table = lesson.tables["The plane after each layer"]
    assert table["accuracy of straight lines on the plane"].max() < 0.6
    assert table["accuracy of straight lines after layer 2"].min() > 0.98


def test_the_training_is_recorded_from_start_to_end(lesson):
    table = lesson.tables["While it learns"]
    assert table["epoch"].iloc[[0, -1]].tolist() == [0, 200]
    assert table["loss"].iloc[0] > 0.9 > 0.1 > table["loss"].iloc[-1]
    assert table["accuracy"].iloc[-1] == lesson.table.loc["spiral", "8 and 2 hidden"]


def test_each_neuron_is_listed_with_its_saturation(lesson):
    table = lesson.tables["The output of each hidden neuron"]
    assert len(table) == 10
    assert table.select_dtypes("number").iloc[:, 1:].to_numpy().min() >= 0


def test_the_two_columns_with_the_highest_predictive_power_are_drawn(own, tmp_path):
    lesson = space.show(own, target="where", task="binary", seed=2)
    assert "its columns a and c" in lesson.data or "its columns c and a" in lesson.data
    assert lesson.table.loc["these rows", "100 hidden, new points"] > 0.85
    path = lesson.report(tmp_path / "page.html")
    assert path.stat().st_size < 1_000_000


def test_the_same_seed_records_the_same_training_and_writes_the_same_page(lesson, tmp_path):
    recording = space.Trainer(0).record(space.generated_plane("spiral", 0))
    assert recording.losses == lesson.tables["While it learns"]["loss"].tolist()
    pages = [lesson.report(tmp_path / folder / "space.html").read_bytes() for folder in "ab"]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["a", "color"], "'color' is not one"), (["a"], "two different columns"), (["a", "A"], "Did you mean 'a'")],
)
def test_columns_other_than_two_numbers_are_refused(own, columns, message):
    with pytest.raises(DataError, match=message):
        space.show(own, target="where", columns=columns)


def test_regression_is_refused(own):
    with pytest.raises(DataError, match="multiclass, binary"):
        space.show(own, target="a", task="regression")


def test_the_recorded_numbers_are_those_of_the_model():
    """A new network with the recorded weights has the recorded loss and accuracy."""
    from sklearn.metrics import accuracy_score, log_loss

    from toolkit.builders import mlp

    recording = space.Trainer(0).record(space.generated_plane("xor", 0))
    model = mlp(2, 2, hidden=(8, 2), activation="tanh")
    for state in (0, 10, len(recording.epochs) - 1):
        model.set_weights(recording.weights[state])
        scores = np.asarray(model(recording.x), np.float64)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        assert log_loss(recording.y, probabilities) == pytest.approx(recording.losses[state], abs=1e-5)
        assert accuracy_score(recording.y, scores.argmax(axis=1)) == pytest.approx(recording.right[state])
        assert forward(recording.weights[state], recording.x)[-1] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("columns", [3, "ab"])
def test_columns_that_are_not_a_list_are_refused(columns):
    frame = pd.DataFrame({"a": np.arange(80.0), "b": np.arange(80.0)[::-1], "y": np.arange(80) % 2})
    with pytest.raises(DataError, match="expected two columns"):
        space.table_plane(frame, "y", "binary", columns, 0)


def test_training_rows_of_one_class_are_refused():
    x = np.random.default_rng(0).normal(size=(9_000, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.arange(9_000) < 5})
    with pytest.raises(DataError, match="one class only"):
        space.table_plane(frame, "y", "binary", None, 0)
