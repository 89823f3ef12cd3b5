"""Standings: what the test rows show about the network beside its baselines, decided once for every sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.evidence import FEWEST, Limit, differing_rows, limits
from toolkit.evaluation.metric_names import margin_of
from toolkit.evaluation.metrics import LOWER_IS_BETTER, PRIMARY, difference, evaluate
from toolkit.metrics.outcome import Outcome

__all__ = ["KINDS", "Standing", "Standings", "kind_of", "single_decision", "standings_of"]

#: What a paired difference can mean: its interval excludes 0; it lies within the metric's margin; neither.
KINDS = ("better", "even", "unclear", "worse")


@dataclass(frozen=True)
class Standing:
    """How the network stands to one baseline.

    Attributes:
        kind: One of `KINDS`.
        baseline: The baseline's value of the metric.
        value: The network's value minus the baseline's.
        low: Lower end of the interval of this difference.
        high: Upper end.
        differing: On how many distinct test rows the two differ (see `toolkit.evaluation.evidence.differing_rows`).
        seconds: How long the baseline took to fit.
    """

    kind: str
    baseline: float
    value: float
    low: float
    high: float
    differing: int
    seconds: float


@dataclass(frozen=True)
class Standings:
    """How the network stands to its baselines on the test part.

    Attributes:
        task: The task.
        metric: The metric that is compared: the task's primary one, or the first that all models define; None if none.
        value: The network's value.
        rows: Number of test rows.
        seconds: Time of the training.
        against: The standing to each baseline, by its name.
        limits: What can't be judged from these test rows.
        only: The class that is the answer for every test row, where there is such a class.
        classes: The classes or labels, as text.
        unit: What a unit of the test rows is called (see `Outcome`).
    """

    task: str
    metric: str | None
    value: float
    rows: int
    seconds: float
    against: dict[str, Standing]
    limits: list[Limit]
    only: str | None
    classes: tuple[str, ...]
    unit: str = "row"

    @property
    def limit(self) -> Limit | None:
        """Why there is no verdict; None where there is one."""
        return next((limit for limit in self.limits if limit.covers(self.metric or "")), None)

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each standing, by the baseline's name; empty where there is no verdict."""
        return {} if self.limit else {name: standing.kind for name, standing in self.against.items()}

    @property
    def is_useful(self) -> bool:
        """Whether the network is shown to be better than guessing; without a dummy nothing contradicts it."""
        return self.kinds.get("dummy", "better") == "better"

    @property
    def preferred(self) -> str | None:
        """The model to use: "network", or the baseline that is better or simpler; None where nothing can be told.

        A better model comes first, then the linear model and the trees, where the network is not shown to be better.
        """
        kinds = self.kinds
        worse = [name for name in ("tree", "linear") if kinds.get(name) == "worse"]
        if worse:
            return worse[0]
        if not kinds or not self.is_useful:
            return None
        simpler = [name for name in ("linear", "tree") if kinds.get(name, "better") != "better"]
        return simpler[0] if simpler else "network"


def standings_of(outcome: Outcome, baselines: Mapping[str, Outcome], classes: Sequence[str]) -> Standings:
    """Return how the network stands to its baselines.

    "Better" and "worse" need a paired difference whose 95 % interval excludes 0, two models that differ on 10 distinct
    rows or more, and a metric that rests on 10 rows or more.

    Args:
        outcome: The network on the test part.
        baselines: The outcomes of "dummy", "linear" and "tree" on the same rows; any further model by its name.
        classes: The classes or labels, as text.

    Example:
        >>> truth = np.tile([0, 1], 200)
        >>> network, dummy = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
        >>> standings_of(network, {"dummy": dummy}, ["a", "b"]).kinds
        {'dummy': 'better'}
    """
    values = {name: evaluate(model) for name, model in {"": outcome, **baselines}.items()}
    names = [PRIMARY[outcome.task], *values[""]]
    metric = next((n for n in names if all(math.isfinite(v.get(n, math.nan)) for v in values.values())), None)
    against = {}
    for name, baseline in baselines.items():
        if metric is None:
            break
        value, low, high = difference(outcome, baseline, metric)
        differing = differing_rows(outcome, baseline, metric)
        kind = kind_of(metric, low, high, values[name][metric])
        if differing < FEWEST and kind != "even":
            kind = "unclear"
        against[name] = Standing(kind, values[name][metric], value, low, high, differing, baseline.seconds)
    return Standings(
        task=outcome.task,
        metric=metric,
        value=math.nan if metric is None else values[""][metric],
        rows=len(outcome.y_true),
        seconds=outcome.seconds,
        against=against,
        limits=limits(outcome, classes),
        only=single_decision(outcome, classes),
        classes=tuple(classes),
        unit=outcome.unit,
    )


def kind_of(metric: str, low: float, high: float, reference: float) -> str:
    """Return what the interval of a paired difference means: one of `KINDS`.

    Args:
        metric: The metric.
        low: Lower end of the interval; NaN where there is none.
        high: Upper end.
        reference: The metric of the reference, from which the difference is counted.

    Example:
        >>> kind_of("rmse", -3.0, -1.0, 40.0), kind_of("accuracy", -0.02, 0.04, 0.9), kind_of("r2", -0.002, 0.004, 0.9)
        ('better', 'unclear', 'even')
    """
    # NaN compares as false: without an interval nothing is shown.
    if max(-low, high) <= margin_of(metric, reference):
        return "even"  # a clear difference that is too small to matter is none
    if low > 0 or high < 0:
        return "better" if (high < 0) == LOWER_IS_BETTER.get(metric, False) else "worse"
    return "unclear"


def single_decision(outcome: Outcome, classes: Sequence[str]) -> str | None:
    """Return the class that a model assigns to every row; None where it assigns several, or the truth has only one.

    Example:
        >>> single_decision(Outcome("binary", np.array([0, 1, 0]), np.array([0, 0, 0])), ["no", "yes"])
        'no'
    """
    if outcome.task not in ("binary", "multiclass"):
        return None
    decided = np.unique(outcome.y_pred)
    if len(decided) != 1 or len(np.unique(outcome.y_true)) < 2:
        return None
    return classes[int(decided[0])] if int(decided[0]) < len(classes) else None
