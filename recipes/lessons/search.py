"""Three ways to search for weights: random search, random local search, and gradient descent."""

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
from recipes.lessons.tools.progress import step
from recipes.lessons.tools.rows import Rows, load
from toolkit.common.formatting import number, percent

__all__ = ["GRADIENT", "STRATEGIES", "Problem", "Search", "search", "show"]

EVALUATIONS = 3_000
GRADIENT = 3  # evaluations that a gradient counts as: one forward pass, and a backward pass that costs about two
SEEDS = 3
STRATEGIES = ("random search", "random local search", "gradient descent")
SPREADS = (0.001, 1.0)  # of the random weights and changes: log-uniform in between, so that no strategy is tuned
DIRECTIONS = 4_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """The loss of a linear model as a function of its weights, in float64.

    Attributes:
        x: Inputs and a column of ones, shape (rows, columns + 1).
        y: One-hot classes, or standardized numbers, shape (rows, units).
        classes: True for cross-entropy of class scores; False for half the squared error.
    """

    x: Floats
    y: Floats
    classes: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weights: (columns + 1, units)."""
        return self.x.shape[1], self.y.shape[1]

    def loss(self, w: Floats) -> float:
        """Return the mean loss of weights of shape (columns + 1, units)."""
        scores = self.x @ w
        if not self.classes:
            return float(np.square(scores - self.y).sum(axis=1).mean() / 2)
        return float((_log_sum_exp(scores)[:, 0] - (scores * self.y).sum(axis=1)).mean())

    def gradient(self, w: Floats) -> tuple[float, Floats]:
        """Return the mean loss and its gradient ∂L/∂w."""
        scores = self.x @ w
        if not self.classes:
            # (rows, units). The gradient of |XW - Y|² / 2n is X'(XW - Y) / n: (inputs, rows) @ (rows, units).
            residual = scores - self.y
            return float(np.square(residual).sum(axis=1).mean() / 2), self.x.T @ residual / len(self.x)
        log_sum = _log_sum_exp(scores)
        loss = float((log_sum[:, 0] - (scores * self.y).sum(axis=1)).mean())
        # exp(scores - log_sum) are the probabilities, (rows, units).
        return loss, self.x.T @ (np.exp(scores - log_sum) - self.y) / len(self.x)

    @property
    def rate(self) -> float:
        """The inverse of the largest curvature that the loss can have: a step at this rate never raises the loss."""
        # A step of 1 / (largest curvature) never overshoots. The curvature of cross-entropy is at most half that of the
        # squared error, as the largest eigenvalue of diag(p) - pp' is 1/2.
        largest = float(np.linalg.eigvalsh(self.x.T @ self.x / len(self.x))[-1])
        return 1 / (largest / 2 if self.classes else largest)


def _log_sum_exp(scores: Floats) -> Floats:
    """Return log(sum(exp(scores))) of each row, three times as fast as SciPy's on so few scores: (n, k) -> (n, 1)."""
    top = scores.max(axis=1, keepdims=True)
    # Shifted by the largest score, no power overflows: (rows, units) -> (rows, 1).
    return top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Search:
    """The course of one search.

    Attributes:
        evaluations: Evaluations of the loss until each step, shape (steps + 1,).
        seconds: Seconds until each step.
        best: The lowest loss until each step.
        weights: The weights with the lowest loss, shape (columns + 1, units).
    """

    evaluations: NDArray[np.int64]
    seconds: Floats
    best: Floats
    weights: Floats


def search(problem: Problem, strategy: str, evaluations: int, seed: int) -> Search:
    """Search for weights of a low loss; with the same seed all strategies start from the same small random weights.

    Args:
        problem: The loss.
        strategy: One of `STRATEGIES`.
        evaluations: Largest number of evaluations of the loss; a gradient counts as `GRADIENT`.
        seed: Seed of the weights and of all random steps.
    """
    rng = np.random.default_rng(seed)
    low, high = np.log(SPREADS)
    weights = SPREADS[0] * rng.normal(size=problem.shape)
    lowest, rate, descend = problem.loss(weights), problem.rate, strategy == "gradient descent"
    problem.gradient(weights)  # the first call is slower, and would be timed
    count = 0 if descend else 1  # gradient descent evaluates the start again, in its first gradient
    used, seconds, best = [count], [0.0], [lowest]
    elapsed, current = 0.0, weights
    step = GRADIENT if descend else 1
    for total in range(count + step, evaluations + 1, step):
        if descend:
            started = time.perf_counter()
            loss, slope = problem.gradient(current)
            elapsed += time.perf_counter() - started
            # The loss is that of the weights before the step.
            candidate, current = current, current - rate * slope
        else:
            change = np.exp(rng.uniform(low, high)) * rng.normal(size=problem.shape)
            candidate = weights + change if strategy == "random local search" else change
            started = time.perf_counter()
            loss = problem.loss(candidate)
            elapsed += time.perf_counter() - started
        if loss < lowest:
            lowest, weights = loss, candidate
        used.append(total)
        seconds.append(elapsed)
        best.append(lowest)
    return Search(np.array(used), np.array(seconds), np.array(best), weights)


def show(
    data: Any = None,
    *,
    target: str | None = None,
    task: str = "multiclass",
    seed: int = 0,
    evaluations: int = EVALUATIONS,
) -> Lesson:
    """Run the lesson: search for the weights of one linear model in three ways, with the same number of evaluations.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes scikit-learn's pictures of digits.
        target: The column to predict.
        task: "multiclass" (two classes too), "binary" or "regression".
        seed: Seed of the split and of the searches.
        evaluations: How often each search may compute the loss.

    Returns:
        The lesson. With the same seed it is the same, apart from the seconds.

    Raises:
        DataError: The lesson can't use the data or the task.
    """
    rows = _rows(data, target, task, seed)
    problem = _problem(rows, "train")
    searches: dict[str, list[Search]] = {strategy: [] for strategy in STRATEGIES}
    for strategy, runs in searches.items():
        for start in range(SEEDS):
            step(f"{strategy}, search", start + 1, SEEDS)
            runs.append(search(problem, strategy, evaluations, seed + start))
    table = _table(rows, problem, searches)
    slope = problem.gradient(np.zeros(problem.shape))[1]
    cosines = _cosines(slope, seed)
    start = searches[STRATEGIES[0]][0].best[0]
    losses = [f"{number(loss, 3)} ({strategy})" for strategy, loss in table["training loss"].items()]
    return Lesson(
        name="search",
        title="Searching for weights",
        summary=f"In {number(evaluations)} evaluations the loss falls from {number(start, 3)} to "
        f"{', '.join(losses[:-1])} and {losses[-1]}. A random step in {number(slope.size)} weights typically goes only "
        f"{percent(float(np.abs(cosines).mean()))} of its length up or down the slope; a step along the gradient goes "
        "straight down.",
        pictures=(
            _same_evaluations(searches, evaluations),
            _same_seconds(searches),
            _directions(slope.size, cosines),
            Picture(
                "The result of each search",
                "Means over the searches, after the same number of evaluations. The test rows are used here only.",
                table=table,
            ),
        ),
        decks=("SC",),
        data=rows.description + f", {SEEDS} searches of each kind",
    )


def _rows(data: Any, target: str | None, task: str, seed: int) -> Rows:
    description = ""
    if data is None:
        from sklearn.datasets import load_digits

        digits: Any = load_digits()
        data, description = (digits.data, digits.target), "scikit-learn's 1,797 pictures of digits, 8 by 8 pixels"
    tasks = ("multiclass", "binary", "regression")
    return load(data, target=target, task=task, seed=seed, train_rows=500, description=description, tasks=tasks)


def _problem(rows: Rows, part: str) -> Problem:
    """Return the loss of a linear model on one part; two classes have two scores."""
    # The weights of a column of ones are the biases.
    x = np.column_stack([rows.x[part].astype(np.float64), np.ones(len(rows.x[part]))])
    if rows.dataset.task == "regression":
        return Problem(x, rows.y[part].astype(np.float64).reshape(len(x), -1), classes=False)
    ids = rows.y[part].astype(np.int64).ravel()
    # Class ids -> one-hot rows. A binary task has one unit, but two classes.
    return Problem(x, np.eye(max(2, rows.dataset.target.units))[ids], classes=True)


def _table(rows: Rows, problem: Problem, searches: dict[str, list[Search]]) -> pd.DataFrame:
    test = _problem(rows, "test")

    def measure(part: Problem, w: Floats) -> float:
        scores = part.x @ w
        if part.classes:
            return float((scores.argmax(axis=1) == part.y.argmax(axis=1)).mean())
        return float(1 - np.square(scores - part.y).sum() / np.square(part.y - part.y.mean(axis=0)).sum())

    metric = "accuracy" if problem.classes else "R²"
    lines = {}
    for strategy, runs in searches.items():
        lines[strategy] = {
            "evaluations": int(runs[0].evaluations[-1]),
            "steps": len(runs[0].best) - 1,
            "training loss": float(np.mean([run.best[-1] for run in runs])),
            f"{metric}, training rows": float(np.mean([measure(problem, run.weights) for run in runs])),
            f"{metric}, test rows": float(np.mean([measure(test, run.weights) for run in runs])),
        }
    return pd.DataFrame(lines).T.astype({"evaluations": int, "steps": int})


def _same_evaluations(searches: dict[str, list[Search]], evaluations: int) -> Picture:
    counts = np.unique(np.geomspace(GRADIENT, evaluations, 60).astype(int))
    # Strategy -> the best loss at these counts, shape (SEEDS, counts).
    lines = {
        strategy: np.array([np.interp(counts, run.evaluations, run.best) for run in runs])
        for strategy, runs in searches.items()
    }
    _, local, gradient = (
        np.mean([np.interp(np.arange(1, evaluations + 1), run.evaluations, run.best) for run in runs], axis=0)
        for runs in searches.values()
    )
    reached = gradient <= local[-1]
    comparison = (
        f"Gradient descent still needs only {int(np.argmax(reached)) + 1} of them for the loss that random local "
        f"search reaches with {number(evaluations)}."
        if reached.any()
        else "Random local search, whose steps may be longer, reaches a lower loss here."
    )
    return Picture(
        "The same number of evaluations",
        f"A gradient counts as {GRADIENT} evaluations of the loss. {comparison} The bands cover all {SEEDS} searches.",
        _lines(counts, list(lines.values()), "evaluations of the loss"),
        "Lowest loss so far against the number of evaluations, one line per strategy.",
        pd.DataFrame({"evaluations": counts} | {name: losses.mean(axis=0) for name, losses in lines.items()}),
    )


def _same_seconds(searches: dict[str, list[Search]]) -> Picture:
    """Compare the searches up to the moment at which the fastest of them ends."""
    shortest = min(run.seconds[-1] for runs in searches.values() for run in runs)
    seconds = np.geomspace(shortest / 300, shortest, 40)
    lines = {
        # The last step before each moment.
        strategy: np.array([run.best[np.searchsorted(run.seconds, seconds, side="right") - 1] for run in runs])
        for strategy, runs in searches.items()
    }
    first = min(lines, key=lambda strategy: lines[strategy][:, -1].mean())
    return Picture(
        "The same seconds",
        f"Seconds on this machine, up to the end of the fastest search; {first} then has the lowest loss."
        + (" The direction of a step matters more than its price." if first == STRATEGIES[-1] else ""),
        _lines(seconds * 1_000, list(lines.values()), "milliseconds"),
        "Lowest loss so far against the time, one line per strategy.",
        pd.DataFrame({"milliseconds": seconds * 1_000} | {name: losses.mean(axis=0) for name, losses in lines.items()}),
    )


def _lines(x: NDArray[Any], lines: Sequence[Floats], label: str) -> Figure:
    with panels(width=4.4, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        for losses, (color, dash) in zip(lines, STYLES, strict=False):
            panel.plot(x, losses.mean(axis=0), color=color, linestyle=dash)
            panel.fill_between(x, losses.min(axis=0), losses.max(axis=0), color=color, alpha=0.13, linewidth=0)
        log_scale(panel, "x")
        panel.set_ylim(bottom=0)
        panel.set_xlabel(label)
        panel.set_title("lowest training loss so far")
        panel.grid(visible=False, axis="x")
        label_lines(panel, ["random", "random,\nlocal", "gradient"], gap=0.1)
    return figure


def _cosines(slope: Floats, seed: int) -> Floats:
    """Return the cosine between each of `DIRECTIONS` random directions and the steepest descent at the start."""
    rng = np.random.default_rng((seed, 1))
    random = rng.normal(size=(DIRECTIONS, slope.size))
    length = np.linalg.norm(slope) or 1.0  # a gradient of 0 has no direction
    # (DIRECTIONS, weights) @ (weights,) -> (DIRECTIONS,). Minus, since down is against the gradient.
    return -(random @ slope.ravel()) / np.linalg.norm(random, axis=1) / length


def _directions(weights: int, cosines: Floats) -> Picture:
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
        "The direction of a random step",
        f"Only {percent(down)} of the random directions go down at all, and the best of {number(DIRECTIONS)} goes "
        f"{percent(float(cosines.max()))} of its length straight down. The more weights there are, the closer random "
        "directions are to sideways.",
        figure,
        "Histogram of the cosine between random directions and the steepest descent, with the gradient at 1.",
        pd.DataFrame(
            {
                "weights": [weights],
                "directions": [DIRECTIONS],
                "share that goes down": [down],
                "typical cosine": [float(np.abs(cosines).mean())],
                "spread of the cosine": [float(cosines.std())],
                "largest cosine": [float(cosines.max())],
            }
        ),
    )
