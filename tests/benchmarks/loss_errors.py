"""The losses and their gradients against mpmath at 50 digits, ours and Keras's, eager and compiled by XLA.

    python -m tests.benchmarks.loss_errors [--rows 400]

Scores are float32 numbers from 1e-8 to 1e30. An error is divided by max(1, |true|).
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import mpmath
import numpy as np

from tests.benchmarks.measuring import REPORTS, circumstances, markdown, write
from tests.helpers import loss_oracles as oracles
from toolkit.losses import BinaryHinge, MulticlassHinge, SoftmaxCrossentropy, SquaredSigmoid

UNITS = (2, 5)


def squared_sigmoid_truth(s: Sequence[Any], y: Sequence[int]) -> oracles.Truth:
    """Return what the squared error of a sigmoid should be, which has no kink."""
    p = [1 / (1 + mpmath.exp(-a)) for a in s]
    slopes = [2 * (q - label) * q * (1 - q) / len(s) for q, label in zip(p, y, strict=True)]
    return sum((q - label) ** 2 for q, label in zip(p, y, strict=True)) / len(s), slopes, False


def categorical_hinge_truth(s: Sequence[Any], y: int) -> oracles.Truth:
    """Return what Keras defines as categorical hinge: a 0 for the true class competes with the wrong scores."""
    wrong = [mpmath.mpf(0) if j == y else a for j, a in enumerate(s)]
    top = max(range(len(s)), key=wrong.__getitem__)
    margin = wrong[top] - s[y] + 1
    gradient = [mpmath.mpf(0)] * len(s)
    if margin > 0:
        gradient[y] -= 1
        gradient[top] += top != y
    rounding = 2.0**-22 * max(*map(abs, s), 1)
    tied = any(j != top and wrong[top] - score <= rounding for j, score in enumerate(wrong))
    return max(margin, mpmath.mpf(0)), gradient, tied or abs(margin) <= rounding


class Case(NamedTuple):
    """A loss, its oracle, and the form of its targets: ``"ids"``, ``"one-hot"``, ``"0, 1"`` or ``"-1, +1"``."""

    name: str
    loss: Any
    truth: Callable[[Sequence[Any], Any], oracles.Truth]
    targets: str


CASES = (
    Case("MulticlassHinge", MulticlassHinge(), oracles.hinge_truth, "ids"),
    Case(
        "MulticlassHinge(squared=True)",
        MulticlassHinge(squared=True),
        lambda s, y: oracles.hinge_truth(s, y, power=2),
        "ids",
    ),
    Case("BinaryHinge", BinaryHinge(), oracles.binary_truth, "0, 1"),
    Case(
        "BinaryHinge(squared=True)", BinaryHinge(squared=True), lambda s, y: oracles.binary_truth(s, y, power=2), "0, 1"
    ),
    Case("SoftmaxCrossentropy", SoftmaxCrossentropy(), oracles.softmax_truth, "ids"),
    Case(
        "SoftmaxCrossentropy(label_smoothing=0.1)",
        SoftmaxCrossentropy(label_smoothing=0.1),
        lambda s, y: oracles.softmax_truth(s, y, 0.1),
        "ids",
    ),
    Case("SquaredSigmoid", SquaredSigmoid(), squared_sigmoid_truth, "0, 1"),
    Case("keras BinaryCrossentropy", keras.losses.BinaryCrossentropy(from_logits=True), oracles.logistic_truth, "0, 1"),
    Case(
        "keras SparseCategoricalCrossentropy",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        oracles.softmax_truth,
        "ids",
    ),
    Case("keras Hinge", keras.losses.Hinge(), oracles.binary_truth, "-1, +1"),
    Case("keras SquaredHinge", keras.losses.SquaredHinge(), lambda s, y: oracles.binary_truth(s, y, power=2), "-1, +1"),
    Case("keras CategoricalHinge", keras.losses.CategoricalHinge(), categorical_hinge_truth, "one-hot"),
)


@dataclass
class Errors:
    """The worst errors of a loss and of the entries of its gradient, and counts of rows or numbers that are special."""

    loss: float = 0.0
    gradient: float = 0.0
    at_kinks: int = 0
    nan: int = 0
    infinite: int = 0

    def add(self, true: Sequence[oracles.Truth], values: np.ndarray, gradients: np.ndarray) -> None:
        """Add the values and gradients of a loss, compared with the true ones."""
        self.nan += int(np.isnan(values).sum() + np.isnan(gradients).sum())
        for value, slopes, (expected, gradient, near) in zip(values, gradients, true, strict=True):
            self.loss = self._worse(self.loss, value, expected)
            if near:
                # Either slope is right: rounding decides on which side of the kink the row is.
                self.at_kinks += 1
                continue
            for got, slope in zip(slopes, gradient, strict=True):
                self.gradient = self._worse(self.gradient, got, slope)

    def _worse(self, worst: float, got: float, true: Any) -> float:
        if math.isnan(got):
            return worst
        error = oracles.error(got, true)
        if math.isinf(error):
            self.infinite += 1
            return worst
        return max(worst, error)


def measure(case: Case, rows: int) -> dict[str, Errors]:
    """Return the errors of the eager and of the compiled loss, over all numbers of units."""
    errors = {"eager": Errors(), "XLA": Errors()}
    for units in UNITS:
        random = np.random.default_rng(units)
        scores = oracles.scores_of_every_size(random, rows, units)
        by_class = case.targets in ("ids", "one-hot")
        y = random.integers(0, units, len(scores)) if by_class else random.integers(0, 2, scores.shape)
        targets: Any = y
        if case.targets == "one-hot":
            targets = np.eye(units, dtype="float32")[y]
        elif not by_class:
            targets = y.astype("float32") * (2 if case.targets == "-1, +1" else 1) - (case.targets == "-1, +1")
        with mpmath.workdps(50):
            true = [
                case.truth([mpmath.mpf(float(a)) for a in row], label) for row, label in zip(scores, y, strict=True)
            ]
            for mode, worst in errors.items():
                worst.add(true, *oracles.rows(case.loss, targets, scores, compiled=mode == "XLA"))
    return errors


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.loss_errors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--rows", type=int, default=400, help="rows of each of the five kinds of scores and each number of units"
    )
    rows = parser.parse_args().rows
    lines = []
    for case in CASES:
        for mode, worst in measure(case, rows).items():
            lines.append([case.name, mode, f"{worst.loss:.1e}", f"{worst.gradient:.1e}"])
            lines[-1] += map(str, (worst.at_kinks, worst.nan, worst.infinite))
            print(*lines[-1], sep="  ", flush=True)
    units = " and ".join(map(str, UNITS))
    text = f"""# Errors of the losses

Against mpmath at 50 digits, on {5 * rows * len(UNITS):,} rows of {units} float32 scores from 1e-8 to 1e30: the largest
error of a loss and of an entry of its gradient, divided by max(1, |true|). The gradient of a row at the kink of a
hinge, within rounding, is not counted, because either slope is right. An infinity is needless if the true value fits
float32. Keras's CategoricalHinge is compared with its own definition, which punishes a margin that is met.
"""
    head = [
        "loss",
        "mode",
        "worst error of the loss",
        "worst error of the gradient",
        "rows at a kink",
        "NaN",
        "needless infinities",
    ]
    write(REPORTS / "losses.md", "\n".join([text, *markdown(head, lines), "", *circumstances({})]))


if __name__ == "__main__":
    main()
