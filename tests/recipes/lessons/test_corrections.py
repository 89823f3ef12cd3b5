"""Where the lectures are wrong, some lesson says what is right."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

import pytest

from recipes import lessons
from recipes.lessons.tools.page import DECKS

#: Tag of a lecture -> what a correction calls it.
CALLED = {"W2": "Week 2", "NN": "CS 434", "MB": "Mason Brain", "SC": "IIIT Sri City", "HB": "HBNU"}

#: What a lesson's corrections have to say of a lecture, a phrase an error.
RIGHT = [
    ("losses", "W2", "12.9 and the mean 5.2667"),
    ("regularization", "W2", "it penalizes the weights that are not zero"),
    ("neuron", "W2", "close to 0 for large negative z only"),
    ("losses", "W2", "one minus sign"),
    ("losses", "W2", "it is ŷ that must come close to 1"),
    ("roundoff", "NN and MB", "the logit is what goes into the sigmoid"),
    ("neuron", "NN", "the bias changes its sign"),
    ("neuron", "NN", "is +b, not −b"),
    ("descent", "MB", "= 6, not 11"),
    ("descent", "MB", "65.75; 11.25 is the mean residual with that wrong 11; the mean residual is 10"),
    ("descent", "MB", "one bias, not one for each row"),
    ("descent", "MB", "5 − 1.98 is not 4.505"),
    ("losses", "MB", "the absolute error needs its absolute value"),
    ("backprop", "MB", "gradients are subtracted"),
    ("backprop", "MB", "with no other factor"),
    ("backprop", "MB", "the input of a layer is the activation A"),
    ("losses", "MB", "softmax is applied to scores, not to “log probabilities”"),
    ("regularization", "MB", "under L2 lacks its factor 2"),
    ("descent", "MB", "only while the rate is small enough"),
    ("losses", "MB", "judge predicted numbers by RMSE or R²"),
    ("losses", "MB", "a cross-entropy is a loss, never an activation"),
    ("losses", "HB", "−log a₁₀ for class 10, not −log a₂"),
]


def _corrections(name: str) -> list[str]:
    """Return a lesson's corrections as its source has them, without running it; what is computed is left out."""
    tree = ast.parse(inspect.getsource(import_module(f"recipes.lessons.{name}")))
    given = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "corrections"]
    return [
        "".join(str(part.value) for part in ast.walk(line) if isinstance(part, ast.Constant))
        for tuple_ in given
        for line in ast.iter_child_nodes(tuple_)
        if isinstance(line, ast.expr)
    ]


@pytest.mark.parametrize(("name", "decks", "words"), RIGHT)
def test_each_error_of_the_lectures_is_put_right_in_a_lesson_that_names_the_lecture(name, decks, words):
    assert name in lessons.LESSONS
    found = [line for line in _corrections(name) if words in line]
    assert len(found) == 1
    assert found[0].partition(":")[0] == " and ".join(CALLED[tag] for tag in decks.split(" and "))


def test_every_correction_begins_with_its_lecture():
    corrected = {name: lines for name in lessons.LESSONS if (lines := _corrections(name))}
    assert len(corrected) >= 9
    for name, lines in corrected.items():
        for line in lines:
            assert set(line.partition(":")[0].split(" and ")) <= set(CALLED.values()), (name, line)


def test_what_a_lecture_is_called_stands_in_how_it_is_cited():
    assert CALLED.keys() == DECKS.keys()
    assert all(called.lower() in DECKS[tag].lower() for tag, called in CALLED.items())
