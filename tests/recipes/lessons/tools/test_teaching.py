"""The formulas and exercises of the pages, and the numbers in the answers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy.special import expit, softmax

from recipes.lessons import LESSONS
from recipes.lessons.tools.teaching import teaching

TAUGHT = [name for name in LESSONS if name != "playground"]  # it has exercises of its own, each with its settings


@pytest.mark.parametrize("name", TAUGHT)
def test_every_lesson_has_formulas_that_a_browser_draws_and_two_or_three_exercises(name):
    taught = teaching(name)
    assert taught.formulas
    assert 2 <= len(taught.exercises) <= 3
    for words, formula in taught.formulas:
        assert words
        assert formula.startswith("<math")
        assert "merror" not in formula
        assert "\\" not in formula  # a command that was not understood
    for question, answer in taught.exercises:
        assert question
        assert answer
        assert answer[-1] == "."


def _hinge(scores, label):
    return sum(max(0, s - scores[label] + 1) for j, s in enumerate(scores) if j != label)


def _huber(residual, delta=1.0):
    size = abs(residual)
    return size**2 / 2 if size <= delta else delta * (size - delta / 2)


#: Lesson, exercise, what its answer says, the numbers in it computed another way.
NUMBERS = [
    ("losses", 1, "= {:.1f}.", [_hinge([1, 1.5, 0], 1)]),
    ("losses", 2, "the hinge is {:.0f}. Every class has probability 1/10, so the cross-entropy is ln 10 = {:.3f}",
     [_hinge([0] * 10, 3), -math.log(softmax(np.zeros(10))[0])]),
    ("losses", 3, "hinge {:.0f} and cross-entropy {:.4f}", [_hinge([10, 9, 9], 0), -math.log(softmax([10, 9, 9])[0])]),
    ("regression_losses", 1, "/ 2 = {:.3f}, and 1 · (3 − 1/2) = {:.1f}", [_huber(0.5), _huber(3)]),
    ("regression_losses", 3, "from {:.1f} to {:.1f}, {:.0f} times", [_huber(1), _huber(10), _huber(10) / _huber(1)]),
    ("heads", 1, "p = σ(3) = {:.3f}, so the gradient is p − 1 = −{:.3f}", [expit(3), 1 - expit(3)]),
    ("roundoff", 1, "25 ln 2 = {:.1f}", [25 * math.log(2)]),
    ("roundoff", 2, "= {:.9f}", [20 + math.log1p(math.exp(-20))]),
    ("neuron", 1, "1 / √125 = {:.3f}", [1 / math.hypot(10, 5)]),
    ("gradients", 2, "= ({:.3f} − {:.3f}) / 0.2 = {:.2f}", [2.1**3, 1.9**3, (2.1**3 - 1.9**3) / 0.2]),
    ("backprop", 2, "output {:.1f}, loss 1.6² = {:.2f}", [1.88 * 3 + 0.96, (1.88 * 3 + 0.96 - 5) ** 2]),
    ("space", 2, "= {:d}.", [3 * 8 + 9 * 2 + 3 * 3]),
    ("initialization", 1, "√(2/64) = {:.3f}. Glorot: √(2/128) = {:.3f}", [math.sqrt(2 / 64), math.sqrt(2 / 128)]),
    ("convolution", 1, "= {:,} numbers from 9 · 8 + 8 = {} parameters. The dense layer has 784 · 5,408 + 5,408 = {:,}",
     [26 * 26 * 8, 9 * 8 + 8, 785 * 5408]),
    ("convolution", 3, "= {:,} weights and a bias: {:,}", [128 * 128 * 3, 128 * 128 * 3 + 1]),
    ("multilabel", 1, "= {:.3f}, ln(1 + e⁻¹) = {:.3f} and ln 2 = {:.3f}; their mean is {:.3f}",
     [*np.log1p(np.exp([-2.0, -1.0, 0.0])), np.log1p(np.exp([-2.0, -1.0, 0.0])).mean()]),
    ("search", 1, "= {:.1f} %, and √(2 / (π · 10,000)) = {:.1f} %",
     [100 * math.sqrt(2 / math.pi / d) for d in (620, 1e4)]),
    ("optimizers", 2, "{:.1f}, then {:.2f}, then {:.3f}", [1 - 0.9**t for t in (1, 2, 3)]),
    ("hyperparameters", 2, "59, as 1 − 0.95⁵⁹ = {:.3f}", [1 - 0.95**59]),
    ("scaling", 1, "−3 / √5 = {:.3f}", [-3 / np.std([2, 4, 6, 8])]),
    ("scaling", 2, "= {:,.0f} steps", [math.log(2) / 1e-4]),
    ("online", 1, "= {:.0f} GB", [365e6 * 100 * 4 / 1e9]),
    ("capacity", 1, "= {}, and 21 · 64 + 65 · 3 = {:,}", [4 * 4 + 5 * 2, 21 * 64 + 65 * 3]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "number", "words", "values"), NUMBERS)
def test_the_numbers_in_an_answer_are_right(name, number, words, values):
    answer = teaching(name).exercises[number - 1][1]
    assert words.format(*values).replace("-", "−") in answer.replace("-", "−")


def test_59_draws_are_the_fewest():
    assert 1 - 0.95**58 < 0.95 < 1 - 0.95**59


def test_the_numbers_that_fit_best_are_found_by_search_too():
    values, grid = np.array([1, 2, 3, 4, 100.0]), np.arange(0, 100, 0.01)
    losses = {"squared": lambda r: r**2, "absolute": np.abs, "huber": np.vectorize(_huber)}
    best = {name: grid[loss(values[:, None] - grid).sum(axis=0).argmin()] for name, loss in losses.items()}
    assert best == pytest.approx({"squared": 22, "absolute": 3, "huber": 3}, abs=0.011)
    assert re.search(r"The mean, 22, and the median, 3\.", teaching("regression_losses").exercises[1][1])
