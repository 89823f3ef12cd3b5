"""Where the lectures are wrong, some lesson says what is right."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

import pytest

from recipes import lessons

#: What a lesson's corrections have to say, a phrase an error of the lectures.
RIGHT = [
    ("losses", "12.9 and the mean 5.2667"),
    ("regularisation", "it penalises the weights that are not zero"),
    ("neuron", "close to 0 for large negative z only"),
    ("losses", "one minus sign"),
    ("losses", "it is ŷ that must come close to 1"),
    ("roundoff", "the logit is what goes into the sigmoid"),
    ("neuron", "the bias changes its sign"),
    ("neuron", "is +b, not −b"),
    ("descent", "= 6, not 11"),
    ("descent", "65.75; 11.25 is the mean residual with that wrong 11; the mean residual is 10"),
    ("descent", "one bias, not one for each row"),
    ("descent", "5 − 1.98 is not 4.505"),
    ("losses", "the absolute error needs its absolute value"),
    ("backprop", "the derivatives are subtracted"),
    ("backprop", "with no other factor"),
    ("backprop", "is fed the activation A"),
    ("losses", "softmax is taken of scores, not of “log probabilities”"),
    ("regularisation", "under L2 lacks its factor 2"),
    ("descent", "only while the rate is small enough"),
    ("losses", "judge numbers by RMSE or R²"),
    ("losses", "a cross-entropy is a loss, never an activation"),
    ("losses", "−log a₁₀ for class 10, not −log a₂"),
]


def _corrections(name: str) -> str:
    """Return the words of a lesson's corrections as its source has them, without running it."""
    tree = ast.parse(inspect.getsource(import_module(f"recipes.lessons.{name}")))
    given = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "corrections"]
    return " ".join(str(part.value) for node in given for part in ast.walk(node) if isinstance(part, ast.Constant))


@pytest.mark.parametrize(("name", "words"), RIGHT)
def test_each_error_of_the_lectures_is_put_right_in_a_lesson(name, words):
    assert name in lessons.LESSONS
    assert words in _corrections(name)
