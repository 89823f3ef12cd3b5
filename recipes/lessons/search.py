"""Three ways to look for weights: random search, random local search, and following the gradient."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, MUTED, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, load
from toolkit.common.formatting import number, percent

__all__ = ["GRADIENT", "STRATEGIES", "Problem", "search", "show"]

EVALUATIONS = 3_000
GRADIENT = 3  # evaluations that a gradient counts as: one way forward, and about two back
SEEDS = 3
STRATEGIES = ("random search", "random local search", "gradient descent")
SPREADS = (0.001, 1.0)  # of the random weights and changes: log-uniform between, so that none is tuned
DIRECTIONS = 4_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A linear model's loss as a function of its weights, in float64.

    Attributes:
        x: Inputs and a column of ones, shape (rows, columns + 1).
        y: One-hot classes, or standardised numbers, shape (rows, units).
        classes: Whether the scores are of classes: cross-entropy, otherwise half the squared error.
    """

    x: Floats
    y: Floats
    classes: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weights."""
        return self.x.shape[1], self.y.shape[1]

    def loss(self, w: Floats) -> float:
        """Return the mean loss of weights of shape (columns + 1, units)."""
        scores = self.x @ w
        if not self.classes:
            return float(np.square(scores - self.y).sum(axis=1).mean() / 2)
        return float((_log_sum(scores)[:, 0] - (scores * self.y).sum(axis=1)).mean())

    def gradient(self, w: Floats) -> tuple[float, Floats]:
        """Return the mean loss and its derivatives by each weight."""
        scores = self.x @ w
        if not self.classes:
            miss = scores - self.y
            return float(np.square(miss).sum(axis=1).mean() / 2), self.x.T @ miss / len(self.x)
        total = _log_sum(scores)
        loss = float((total[:, 0] - (scores * self.y).sum(axis=1)).mean())
        return loss, self.x.T @ (np.exp(scores - total) - self.y) / len(self.x)

    @property
    def rate(self) -> float:
        """One over the greatest curvature that the loss can have: a step of it never climbs."""
        largest = float(np.linalg.eigvalsh(self.x.T @ self.x / len(self.x))[-1])
        return 1 / (largest / 2 if self.classes else largest)


def _log_sum(scores: Floats) -> Floats:
    """Return log(sum(exp(scores))) of each row, in a third of the time that SciPy's takes on so few scores."""
    top = scores.max(axis=1, keepdims=True)
    return top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class _Found:
    """What one search has found: after so many evaluations and seconds, the best loss; and the weights of it."""

    evaluations: NDArray[np.int64]
    seconds: Floats
    best: Floats
    weights: Floats


def search(problem: Problem, strategy: str, evaluations: int, seed: int) -> _Found:
    """Look for weights of a low loss.

    All start from the same small random weights of a seed.

    Args:
        problem: The loss.
        strategy: One of `STRATEGIES`.
        evaluations: How many losses may be evaluated; a gradient counts as `GRADIENT`.
        seed: Seed of everything random.

    Returns:
        The best loss after each try, with the evaluations and the seconds until then, and the weights found.
    """
    rng = np.random.default_rng(seed)
    low, high = np.log(SPREADS)
    weights = SPREADS[0] * rng.normal(size=problem.shape)
    least, step, rate = problem.loss(weights), 1, problem.rate
    problem.gradient(weights)  # what is computed for the first time takes longer
    used, seconds, best = [1], [0.0], [least]
    if strategy == "gradient descent":
        step = GRADIENT
        used[0] = 0
    passed, present = 0.0, weights
    for count in range(used[0] + step, evaluations + 1, step):
        if strategy == "gradient descent":
            started = time.perf_counter()
            loss, slope = problem.gradient(present)
            passed += time.perf_counter() - started
            tried, present = present, present - rate * slope
        else:
            change = np.exp(rng.uniform(low, high)) * rng.normal(size=problem.shape)
            tried = weights + change if strategy == "random local search" else change
            started = time.perf_counter()
            loss = problem.loss(tried)
            passed += time.perf_counter() - started
        if loss < least:
            least, weights = loss, tried
        used.append(count)
        seconds.append(passed)
        best.append(least)
    return _Found(np.array(used), np.array(seconds), np.array(best), weights)


def show(data: Any = None, *, target: str | None = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: one linear model, one loss, three ways to look for its weights, on equal terms.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes scikit-learn's pictures of digits.
        target: The column to predict.
        task: "multiclass" (two classes too), "binary" or "regression".
        seed: Seed of the split and of the searches.

    Returns:
        The lesson. All but its seconds is the same for the same seed.

    Raises:
        DataError: The data or the task is not what it should be.
    """
    rows = _rows(data, target, task, seed)
    problem = _problem(rows, "train")
    found = {
        strategy: [search(problem, strategy, EVALUATIONS, seed + more) for more in range(SEEDS)]
        for strategy in STRATEGIES
    }
    table = _table(rows, problem, found)
    directions = _directions(problem, seed)
    weights, sideways = (
        directions.table.loc[0, ["weights", "typical cosine"]] if directions.table is not None else (0, 0)
    )
    start = found[STRATEGIES[0]][0].best[0]
    reached = [f"{number(value, 3)} by {strategy}" for strategy, value in table["training loss"].items()]
    return Lesson(
        name="search",
        title="Searching for weights",
        summary=f"After {number(EVALUATIONS)} evaluations the loss has come from {number(start, 3)} to "
        f"{', '.join(reached[:-1])} and {reached[-1]}. A random step in {number(weights)} weights typically goes "
        f"{percent(sideways)} of its length up or down the slope; the gradient goes straight down.",
        pictures=(
            _same_evaluations(found),
            _same_seconds(found),
            directions,
            Picture(
                "What was found",
                "Means over the searches, after the same number of evaluations; the test rows were looked at once.",
                table=table,
            ),
        ),
        decks=("SC",),
        data=rows.description + f", {SEEDS} searches of each kind",
    )


def _rows(data: Any, target: str | None, task: str, seed: int) -> Rows:
    said = ""
    if data is None:
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        data, said = (digits.data, digits.target), "scikit-learn's 1,797 pictures of digits, 8 by 8 pixels"
    tasks = ("multiclass", "binary", "regression")
    return load(data, target=target, task=task, seed=seed, train_rows=500, description=said, tasks=tasks)


def _problem(rows: Rows, part: str) -> Problem:
    """Return the loss of a linear model on one part; two classes have two scores."""
    x = np.column_stack([rows.x[part].astype(np.float64), np.ones(len(rows.x[part]))])
    if rows.dataset.task == "regression":
        return Problem(x, rows.y[part].astype(np.float64).reshape(len(x), -1), classes=False)
    ids = rows.y[part].astype(np.int64).ravel()
    return Problem(x, np.eye(max(2, rows.dataset.target.units))[ids], classes=True)


def _table(rows: Rows, problem: Problem, found: dict[str, list[_Found]]) -> pd.DataFrame:
    tested = _problem(rows, "test")

    def measure(on: Problem, w: Floats) -> float:
        scores = on.x @ w
        if on.classes:
            return float((scores.argmax(axis=1) == on.y.argmax(axis=1)).mean())
        return float(1 - np.square(scores - on.y).sum() / np.square(on.y - on.y.mean(axis=0)).sum())

    what = "share right" if problem.classes else "R²"
    lines = {}
    for strategy, runs in found.items():
        lines[strategy] = {
            "evaluations": int(runs[0].evaluations[-1]),
            "steps": len(runs[0].best) - 1,
            "training loss": float(np.mean([run.best[-1] for run in runs])),
            f"{what}, training rows": float(np.mean([measure(problem, run.weights) for run in runs])),
            f"{what}, test rows": float(np.mean([measure(tested, run.weights) for run in runs])),
        }
    return pd.DataFrame(lines).T.astype({"evaluations": int, "steps": int})


def _same_evaluations(found: dict[str, list[_Found]]) -> Picture:
    at = np.unique(np.geomspace(GRADIENT, EVALUATIONS, 60).astype(int))
    lines = {
        strategy: np.array([np.interp(at, run.evaluations, run.best) for run in runs])
        for strategy, runs in found.items()
    }
    middle = {strategy: values.mean(axis=0) for strategy, values in lines.items()}
    _, local, gradient = (
        np.mean([np.interp(np.arange(1, EVALUATIONS + 1), run.evaluations, run.best) for run in runs], axis=0)
        for runs in found.values()
    )
    past = int(np.argmax(gradient <= local[-1])) + 1 if (gradient <= local[-1]).any() else None
    overtaken = (
        f"{past} evaluations of it are worth {number(EVALUATIONS)} of random local search"
        if past
        else "random local search, whose steps may be longer, gets lower here"
    )
    return Picture(
        "The same number of evaluations",
        f"A gradient is counted as {GRADIENT} evaluations of the loss, and still {overtaken}. Bands hold all {SEEDS} "
        "searches.",
        _lines(at, list(lines.values()), "evaluations of the loss"),
        "Best loss so far against the number of evaluations, one line a strategy.",
        pd.DataFrame({"evaluations": at} | middle),
    )


def _same_seconds(found: dict[str, list[_Found]]) -> Picture:
    """Cut all where the first of them ends, and compare what was found by then."""
    shortest = min(run.seconds[-1] for runs in found.values() for run in runs)
    at = np.geomspace(shortest / 300, shortest, 40)
    lines = {
        strategy: np.array([run.best[np.searchsorted(run.seconds, at, side="right") - 1] for run in runs])
        for strategy, runs in found.items()
    }
    first = min(lines, key=lambda strategy: lines[strategy][:, -1].mean())
    return Picture(
        "The same seconds",
        f"By the clock of this machine, until the quickest search had ended; {first} is lowest then."
        + (" What counts is not how cheap a step is but where it points." if first == STRATEGIES[-1] else ""),
        _lines(at * 1_000, list(lines.values()), "milliseconds"),
        "Best loss so far against the time, one line a strategy.",
        pd.DataFrame({"milliseconds": at * 1_000} | {s: values.mean(axis=0) for s, values in lines.items()}),
    )


def _lines(at: NDArray[Any], lines: Sequence[Floats], along: str) -> Figure:
    with panels(width=4.4, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        for values, (color, dash) in zip(lines, STYLES, strict=False):
            panel.plot(at, values.mean(axis=0), color=color, linestyle=dash)
            panel.fill_between(at, values.min(axis=0), values.max(axis=0), color=color, alpha=0.13, linewidth=0)
        log_scale(panel, "x")
        panel.set_ylim(bottom=0)
        panel.set_xlabel(along)
        panel.set_title("best training loss so far")
        panel.grid(visible=False, axis="x")
        label_lines(panel, ["random", "random,\nlocal", "gradient"], gap=0.1)
    return figure


def _directions(problem: Problem, seed: int) -> Picture:
    """Measure how far random directions point down at the start."""
    rng = np.random.default_rng((seed, 1))
    slope = problem.gradient(np.zeros(problem.shape))[1]
    drawn = rng.normal(size=(DIRECTIONS, slope.size))
    length = np.linalg.norm(slope) or 1.0  # a gradient of 0 has no direction
    cosines = -(drawn @ slope.ravel()) / np.linalg.norm(drawn, axis=1) / length
    counts, edges = np.histogram(cosines, np.linspace(-1, 1, 81))
    with panels(width=4.4, height=2.6) as (figure, axes):
        panel = axes[0, 0]
        panel.bar((edges[:-1] + edges[1:]) / 2, counts, width=np.diff(edges) * 0.9, color=MUTED, alpha=0.7)
        panel.axvline(1, color=BLUE, linewidth=2)
        panel.set_xlim(-1.05, 1.05)
        panel.set_ylim(0, counts.max() * 1.18)
        panel.annotate("the gradient", (0.97, counts.max()), ha="right", va="center", color=BLUE)
        panel.annotate("random directions", (cosines.std() * 3, counts.max() * 0.5), ha="left", color=INK)
        panel.set_xlabel("share of a step that goes straight down (cosine)")
        panel.set_title(f"of {number(DIRECTIONS)} directions")
        panel.grid(visible=False, axis="x")
    down = float((cosines > 0).mean())
    return Picture(
        "Where a random step points",
        f"{percent(down)} of random directions go down at all, and the best of {number(DIRECTIONS)} takes "
        f"{percent(float(cosines.max()))} of its length straight down. The more weights, the closer they crowd to "
        "sideways.",
        figure,
        "Histogram of the cosine between random directions and the way straight down, with the gradient at 1.",
        pd.DataFrame(
            {
                "weights": [slope.size],
                "directions": [DIRECTIONS],
                "share that goes down": [down],
                "typical cosine": [float(np.abs(cosines).mean())],
                "spread of the cosine": [float(cosines.std())],
                "largest cosine": [float(cosines.max())],
            }
        ),
    )
