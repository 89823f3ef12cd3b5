"""Comparison: several runs on equal terms, with their paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.data.dataset import SplitData
from toolkit.data.target import Target
from toolkit.evaluation import differences as significance
from toolkit.evaluation import metric_names, metrics
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.metrics import LOWER_IS_BETTER, PRIMARY, Outcome
from toolkit.evaluation.result import Result
from toolkit.evaluation.verdicts import _NAMES, _label
from toolkit.heads import Head
from toolkit.report import page as report
from toolkit.report.summary import summarize

__all__ = ["Comparison", "Trial", "trial_of"]

# For metrics beside the primary one: their intervals are read less closely than they cost.
_RESAMPLES = 200


@dataclass(frozen=True)
class Trial:
    """One contender with one seed.

    Attributes:
        label: The contender's name.
        seed: Of the split, the initial weights and the order of the rows.
        head: What the scores mean.
        outcome: Truth, decisions, scores and calibrated probabilities on the test part.
        uncalibrated: Probabilities before calibration; None for margins and for regression.
        calibration: How scores became probabilities; None for regression and for several networks.
        history: A row an epoch; of several networks, the mean.
        best_epoch: The epoch whose weights were kept; of several networks, the mean.
        parameters: Learnable numbers.
        seconds: Of the training.
        result: The result; None where the contender is several networks.
    """

    label: str
    seed: int
    head: Head
    outcome: Outcome
    uncalibrated: NDArray[np.float64] | None
    calibration: Calibration | None
    history: pd.DataFrame
    best_epoch: int
    parameters: int
    seconds: float
    result: Result | None = None


@dataclass
class Comparison:
    """Several contenders on the same rows, with the same seeds.

    Attributes:
        task: The task.
        labels: The contenders; the first is the one that the others are set against.
        seeds: The seeds.
        trials: Each contender with each seed.
        tables: The split of each seed.
        target: The target's encoding.
        fixed_test: Whether the test rows are the same for all seeds: they were given, or are the newest.
        settings: What was asked and what was resolved.
        primary: The metric of the verdict.
        differences: For each other contender and metric: ``metric``, ``a`` (the first contender), ``b``, ``value``
            (b minus a), ``low``, ``high``, ``p``, ``method``, ``over``, ``n``, ``clear``.
        verdict: Sentences, one a contender but the first; and one more where a baseline is better than all of them.
        table: A row a metric. A column a contender, its mean over the seeds, with ``_low`` and ``_high``, the smallest
            and largest; and for each but the first ``_difference``, ``_difference_low``, ``_difference_high``.
        baseline_outcomes: Of each seed, by name, what `toolkit.evaluation.baselines.fit_baselines` returned;
            empty without them.
        baselines: As `table`, a column a baseline, with ``_low`` and ``_high``. They are not part of any test.
    """

    task: str
    labels: list[str]
    seeds: list[int]
    trials: dict[tuple[str, int], Trial]
    tables: Mapping[int, SplitData]
    target: Target
    settings: dict[str, Any] = field(default_factory=dict)
    primary: str = ""
    differences: list[dict[str, Any]] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    fixed_test: bool = False
    baseline_outcomes: Mapping[int, Mapping[str, Outcome]] = field(default_factory=dict)
    baselines: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        tests = [_test_rows(table) for table in self.tables.values()]
        self.fixed_test = all(np.array_equal(test, tests[0]) for test in tests)
        _check_equal_terms(self)
        self.primary = PRIMARY[self.task]
        values = {key: metrics.evaluate(trial.outcome) for key, trial in self.trials.items()}
        shared = [m for m in values[self.labels[0], self.seeds[0]] if all(m in v for v in values.values())]
        self.table = pd.DataFrame(index=pd.Index(shared, name="metric"))
        for label in self.labels:
            _over_seeds(self.table, label, [values[label, seed] for seed in self.seeds])
        for label in self.labels[1:]:
            found = {metric: self._difference(label, metric) for metric in shared}
            self.verdict.append(significance.verdict(label, self.labels[0], self.primary, found[self.primary]))
            for metric, one in found.items():
                self.differences.append(
                    {"metric": metric, "a": self.labels[0], "b": label}
                    | {
                        name: getattr(one, name)
                        for name in ("value", "low", "high", "p", "method", "over", "n", "clear")
                    }
                )
            for ending, name in (("", "value"), ("_low", "low"), ("_high", "high")):
                self.table[f"{label}_difference{ending}"] = [getattr(found[metric], name) for metric in shared]
        self.baselines = pd.DataFrame(index=self.table.index)
        simple = [self.baseline_outcomes.get(seed, {}) for seed in self.seeds]
        for name in [name for name in simple[0] if all(name in one for one in simple)]:
            _over_seeds(self.baselines, name, [metrics.evaluate(one[name]) for one in simple])
        self.verdict.extend(self._best_of_all())

    @property
    def classes(self) -> list[str]:
        """The classes, labels or targets, as text, in column order."""
        named = self.target.classes if self.task in ("binary", "multiclass") else self.target.columns
        return [str(name) for name in named]

    def _difference(self, label: str, metric: str) -> significance.Difference:
        first, second = ([self.trials[name, seed].outcome for seed in self.seeds] for name in (label, self.labels[0]))
        resamples = None if metric == self.primary else _RESAMPLES
        if self.fixed_test:
            return significance.pooled_bootstrap(first, second, metric, resamples=resamples)
        parts = [self.tables[seed].parts for seed in self.seeds]
        rows = [self.tables[seed].source_rows[self.tables[seed].parts["test"]] for seed in self.seeds]
        train_rows = len(parts[0]["train"]) + len(parts[0]["validation"])
        return significance.over_splits(first, second, rows, metric, train_rows=train_rows, resamples=resamples)

    def _best_of_all(self) -> list[str]:
        """Say so where a baseline is better than every contender."""
        heads = self.table.loc[self.primary, self.labels].dropna()
        names = [name for name in _NAMES if name in self.baselines]
        others = self.baselines.loc[self.primary, names].dropna()
        if heads.empty or others.empty:
            return []
        lower = LOWER_IS_BETTER[self.primary]
        head, other = (str(one.idxmin() if lower else one.idxmax()) for one in (heads, others))
        if not (others[other] < heads[head] if lower else others[other] > heads[head]):
            return []
        best, own = (metric_names.metric_value(self.primary, float(value)) for value in (others[other], heads[head]))
        mean = f", the mean over {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
        return [
            f"A baseline is ahead of them all: {_NAMES[other]}, with {_label(self.primary)} {best}{mean}, where the "
            f"best of them, {formatting.plain(head)}, has {own}. This difference is not tested."
        ]

    def summary(self, rows: bool = True) -> dict[str, Any]:
        """Return everything the report says, as a dictionary that JSON can hold.

        Args:
            rows: Whether rows of the user's data (those on which the contenders disagree) are part of it.
        """
        return summarize(self, rows=rows)

    def report(self, path: str | Path, *, rows: bool = True) -> Path:
        """Write the report as one HTML page, and the same content as JSON beside it.

        Args:
            path: Where; the name ends in ``.html``.
            rows: False leaves rows of the user's data out.

        Returns:
            The path of the page.

        Raises:
            DataError: The file can't be written.
        """
        return report.write(self.summary(rows), path)

    def _repr_html_(self) -> str:
        return report.notebook(self.summary())

    def __repr__(self) -> str:
        return f"Comparison({self.task}; {', '.join(self.labels)}; {len(self.seeds)} seeds)"


def trial_of(label: str, seed: int, result: Result) -> Trial:
    """Return a result as a contender's trial.

    Args:
        label: The contender's name.
        seed: The seed it stands for.
        result: A result that was not loaded from a file.

    Raises:
        DataError: The result was loaded: its test rows are gone.
    """
    if result.outcome is None or result.dataset is None:
        raise DataError(f"'{label}' is a loaded run, which has no test rows to compare on: train it again.")
    plain = None if result.outcome.scores is None else result.head.probabilities(result.outcome.scores)
    return Trial(
        label,
        seed,
        result.head,
        result.outcome,
        plain,
        result.calibration,
        result.history,
        result.best_epoch,
        result.model.count_params(),
        result.seconds["train"],
        result,
    )


def _over_seeds(table: pd.DataFrame, name: str, values: Sequence[Mapping[str, float]]) -> None:
    """Add the mean of each metric over the seeds, and its least and greatest value."""
    own = pd.DataFrame(values).reindex(columns=table.index)
    table[name], table[f"{name}_low"], table[f"{name}_high"] = own.mean(), own.min(), own.max()


def _test_rows(table: SplitData) -> NDArray[Any]:
    return table.source_rows[table.parts["test"]]


def _check_equal_terms(comparison: Comparison) -> None:
    """Refuse contenders that were not tested on the same rows."""
    for (label, seed), trial in comparison.trials.items():
        reference = comparison.trials[comparison.labels[0], seed]
        same = trial.outcome.task == comparison.task and np.array_equal(trial.outcome.y_true, reference.outcome.y_true)
        if same and trial.result is not None and trial.result.dataset is not None:
            own, other = trial.result.dataset, comparison.tables[seed]
            same = own is other or (
                np.array_equal(_test_rows(own), _test_rows(other))
                and list(own.features.frame) == list(other.features.frame)
            )
        if not same:
            raise DataError(
                f"'{label}' and '{reference.label}' were not tested on the same rows: a difference between them would "
                "mean nothing. Train them with the same data, test and seed."
            )
