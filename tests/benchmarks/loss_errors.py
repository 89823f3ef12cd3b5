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
    """Value, gradient, and no kink."""
    p = [1 / (1 + mpmath.exp(-a)) for a in s]
    slopes = [2 * (one - label) * one * (1 - one) / len(s) for one, label in zip(p, y, strict=True)]
    return sum((one - label) ** 2 for one, label in zip(p, y, strict=True)) / len(s), slopes, False


def categorical_hinge_truth(s: Sequence[Any], y: int) -> oracles.Truth:
    """Keras's own definition, in which the true class's 0 competes with the scores of the wrong ones."""
    others = [mpmath.mpf(0) if j == y else a for j, a in enumerate(s)]
    top = max(range(len(s)), key=others.__getitem__)
    margin = others[top] - s[y] + 1
    gradient = [mpmath.mpf(0)] * len(s)
    if margin > 0:
        gradient[y] -= 1
        gradient[top] += top != y
    rounding = 2.0**-22 * max(*map(abs, s), 1)
    tied = any(j != top and others[top] - other <= rounding for j, other in enumerate(others))
    return max(margin, mpmath.mpf(0)), gradient, tied or abs(margin) <= rounding


class Case(NamedTuple):
    """A loss, what it should give, and its targets: ``"ids"``, ``"one-hot"``, ``"0, 1"`` or ``"-1, +1"``."""

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
class Found:
    """The worst errors of a loss and of its gradient's entries, and how many rows or numbers were out of order."""

    loss: float = 0.0
    gradient: float = 0.0
    aside: int = 0
    nan: int = 0
    infinite: int = 0

    def add(self, true: Sequence[oracles.Truth], values: np.ndarray, gradients: np.ndarray) -> None:
        """Count what a loss gave, beside what is true."""
        self.nan += int(np.isnan(values).sum() + np.isnan(gradients).sum())
        for value, slopes, (wanted, gradient, near) in zip(values, gradients, true, strict=True):
            self.loss = self._worse(self.loss, value, wanted)
            if near:
                # Either slope is right: rounding decides on which side of the kink a row lies.
                self.aside += 1
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


def measure(case: Case, rows: int) -> dict[str, Found]:
    """Return what eager and compiled gave, all numbers of units together."""
    found = {"eager": Found(), "XLA": Found()}
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
            for mode, one in found.items():
                one.add(true, *oracles.rows(case.loss, targets, scores, compiled=mode == "XLA"))
    return found


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.loss_errors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--rows", type=int, default=400, help="of each of the five kinds of scores and each number of units"
    )
    rows = parser.parse_args().rows
    lines = []
    for case in CASES:
        for mode, found in measure(case, rows).items():
            lines.append([case.name, mode, f"{found.loss:.1e}", f"{found.gradient:.1e}"])
            lines[-1] += map(str, (found.aside, found.nan, found.infinite))
            print(*lines[-1], sep="  ", flush=True)
    units = " and ".join(map(str, UNITS))
    text = f"""# Errors of the losses

Against mpmath at 50 digits, on {5 * rows * len(UNITS):,} rows of {units} float32 scores from 1e-8 to 1e30: the largest
error of a loss and of an entry of its gradient, divided by max(1, |true|). Rows that lie at a hinge's kink within
rounding are set aside for the gradient, where either slope is right. An infinity is needless where the true value fits
float32. Keras's CategoricalHinge is held against its own definition, which punishes a met margin.
"""
    head = [
        "loss",
        "mode",
        "worst error of the loss",
        "of its gradient",
        "rows set aside",
        "NaN",
        "needless infinities",
    ]
    write(REPORTS / "losses.md", "\n".join([text, *markdown(head, lines), "", *circumstances({})]))


if __name__ == "__main__":
    main()
