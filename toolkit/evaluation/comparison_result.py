"""Several contenders on the same rows: their trials, paired differences, table and verdict, made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted
from toolkit.data.dataset import Dataset
from toolkit.data.notes import notes_of
from toolkit.data.target import Target
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.differences import Difference, over_splits, pooled_bootstrap, verdict
from toolkit.evaluation.evidence import FEWEST, differing_rows, limits
from toolkit.evaluation.metric_names import METRICS, metric_value
from toolkit.evaluation.metrics import PRIMARY, Outcome, evaluate
from toolkit.evaluation.predictor import class_names
from toolkit.evaluation.result import Result
from toolkit.evaluation.verdicts import baseline_ahead
from toolkit.heads import Head

__all__ = ["ComparisonResult", "Trial", "compare_trials", "joined_trial", "over_folds", "trial_of"]

_NO_INTERVAL = (
    "The folds share most of their training rows, so their spread is no standard error: no interval of the mean "
    "follows from it."
)

# Metrics other than the primary one get fewer resamples: they are read less closely.
_RESAMPLES = 200


@dataclass(frozen=True)
class Trial:
    """One contender with one seed.

    Attributes:
        label: The contender's name.
        seed: Seed of the split, the initial weights and the order of the rows.
        head: What the scores mean.
        outcome: Truth, decisions, scores and calibrated probabilities on the test part.
        uncalibrated: Probabilities before calibration; None for margins and for regression.
        calibration: How scores became probabilities; None for regression and for one network per label.
        history: One row per epoch; for one network per label, the mean.
        best_epoch: The epoch whose weights were kept; for one network per label, the mean.
        parameters: Number of trainable parameters.
        seconds: Time of the training.
        result: What the training gave; None where the contender is one network per label.
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


@dataclass(frozen=True)
class ComparisonResult:
    """Several contenders on the same rows, with the same seeds.

    Attributes:
        task: The task.
        labels: The contenders; the others are set against the first.
        seeds: The seeds.
        trials: Each contender with each seed.
        datasets: The rows of each seed, split.
        target: The target's encoding.
        settings: Every option, as given and as resolved.
        primary: The metric of the verdict.
        fixed_test: Whether the test rows are the same for all seeds: the user's own, or the newest.
        differences: For each contender but the first and each metric: ``metric``, ``a`` (the first contender), ``b``,
            ``value`` (b minus a), ``low``, ``high``, ``p``, ``method``, ``over``, ``n``, ``coverage``, ``doubt``,
            ``reference``, ``clear``.
        table: One row per metric. For each contender its mean over the seeds, with ``_low`` and ``_high``, the smallest
            and largest; for each but the first also ``_difference``, ``_difference_low``, ``_difference_high``.
        verdict: One sentence per contender but the first, and one more where a baseline is better than all of them.
        baseline_outcomes: For each seed, what `toolkit.evaluation.baselines.fit_baselines` returned; may be empty.
        baselines: As `table`, for the baselines. They are not part of any test.
        folds: For a cross-validation one row per fold, numbered from 1: `test_rows` and each metric. None for a
            comparison. The seeds are then the numbers of the folds, from 0, and `table` has ``<name>_std`` too.
        stopped: A sentence on why there are fewer seeds than were asked for, or ''.
    """

    task: str
    labels: list[str]
    seeds: list[int]
    trials: dict[tuple[str, int], Trial]
    datasets: dict[int, Dataset]
    target: Target
    settings: dict[str, Any]
    primary: str
    fixed_test: bool
    differences: list[dict[str, Any]]
    table: pd.DataFrame
    verdict: list[str]
    baseline_outcomes: dict[int, Mapping[str, Outcome]]
    baselines: pd.DataFrame
    folds: pd.DataFrame | None = None
    stopped: str = ""

    @property
    def classes(self) -> list[Any]:
        """The classes as the user writes them, or the names of labels or targets, in column order."""
        return list(self.target.classes or self.target.columns)

    @property
    def class_names(self) -> list[str]:
        """The classes, labels or targets as text."""
        return class_names(self.target)

    @property
    def positive(self) -> Any:
        """The positive class of a binary task; None for other tasks."""
        return self.target.classes[1] if self.task == "binary" else None

    @cached_property
    def notes(self) -> list[str]:
        """Why the comparison was stopped, and sentences about the data, with the split of the first seed.

        See `toolkit.data.notes`.
        """
        return [self.stopped] * bool(self.stopped) + notes_of(self.datasets[self.seeds[0]])


def trial_of(label: str, seed: int, result: Result) -> Trial:
    """Return a result as a contender's trial.

    Raises:
        DataError: The result was loaded from a file, which holds no test rows.
    """
    if result.outcome is None:
        raise DataError(f"'{label}' is a loaded run, which has no test rows to compare on: train it again.")
    scores = result.outcome.scores
    return Trial(
        label,
        seed,
        result.head,
        result.outcome,
        None if scores is None else result.head.probabilities(scores),
        result.calibration,
        result.history,
        result.best_epoch,
        sum(int(np.prod(variable.shape)) for variable in result.model.trainable_variables),
        result.seconds["train"],
        result,
    )


def joined_trial(label: str, seed: int, results: Sequence[Result]) -> Trial:
    """Return the trial of a contender that is one network per label, from the results of the single labels."""
    trials = [trial_of(label, seed, result) for result in results]
    outcomes, head = [trial.outcome for trial in trials], trials[0].head

    def side_by_side(name: str) -> NDArray[Any]:  # (rows, 1) of each label -> (rows, labels)
        return np.concatenate([np.asarray(getattr(outcome, name)) for outcome in outcomes], axis=1)

    scores, seconds = side_by_side("scores"), sum(trial.seconds for trial in trials)
    arrays = side_by_side("y_true"), side_by_side("y_pred"), side_by_side("probabilities"), scores
    return Trial(
        label,
        seed,
        head,
        Outcome(outcomes[0].task, *arrays, seconds, outcomes[0].units, outcomes[0].unit),
        head.probabilities(scores),
        None,
        # The networks stop at different epochs: the mean is over those that still ran.
        pd.concat([trial.history for trial in trials]).groupby("epoch", as_index=False).mean(),
        round(float(np.mean([trial.best_epoch for trial in trials]))),
        sum(trial.parameters for trial in trials),
        seconds,
    )


def _in_ranks(
    trials: Sequence[Trial], baselines: Mapping[int, Mapping[str, Outcome]]
) -> tuple[list[Trial], dict[int, dict[str, Outcome]]]:
    """Return trials and baselines whose errors are measured in ranks of the classes too."""
    ranked = [replace(trial, outcome=replace(trial.outcome, ordered=True)) for trial in trials]
    by_seed = {
        seed: {name: replace(fit, ordered=True) for name, fit in fits.items()} for seed, fits in baselines.items()
    }
    return ranked, by_seed


def compare_trials(
    trials: Sequence[Trial],
    datasets: Mapping[int, Dataset],
    target: Target,
    *,
    settings: Mapping[str, Any] | None = None,
    baselines: Mapping[int, Mapping[str, Outcome]] | None = None,
) -> ComparisonResult:
    """Compare contenders on equal terms: the same rows and the same seeds.

    Args:
        trials: Every contender with every seed; the others are set against the first.
        datasets: The rows of each seed, split.
        target: The target's encoding.
        settings: Every option, as given and as resolved.
        baselines: The baselines of each seed.

    Raises:
        DataError: The contenders were not tested on the same rows.
    """
    if any(trial.head.ordered for trial in trials):
        trials, baselines = _in_ranks(trials, baselines or {})
    # Distinct labels in the order of their first trial, since the first one is the reference.
    labels, seeds = list(dict.fromkeys(trial.label for trial in trials)), list(datasets)
    by_key = {(trial.label, trial.seed): trial for trial in trials}
    for trial in trials:
        _check_equal_terms(trial, by_key[labels[0], trial.seed], datasets[trial.seed])
    primary = PRIMARY[trials[0].outcome.task]
    outcomes = {label: [by_key[label, seed].outcome for seed in seeds] for label in labels}
    values = {label: [evaluate(outcome) for outcome in outcomes[label]] for label in labels}
    all_values = [metrics for per_seed in values.values() for metrics in per_seed]
    # Margins of a hinge may lack a metric that needs probabilities: compare only what all contenders have.
    common = [metric for metric in all_values[0] if all(metric in metrics for metrics in all_values)]
    shared = pd.Index(common, name="metric")

    fixed_test, differ = _test_of_differences(list(datasets.values()), primary)
    table, records, sentences = _over_seeds(values, shared), [], []
    for label in labels[1:]:
        pair = outcomes[label], outcomes[labels[0]]
        differences = {
            metric: replace(gap, doubt=gap.doubt or _doubt(gap, *pair, metric, class_names(target), fixed_test))
            for metric in shared
            for gap in [differ(*pair, metric)]
        }
        sentences.append(verdict(label, labels[0], primary, differences[primary]))
        for metric, difference in differences.items():
            named = {"metric": metric, "a": labels[0], "b": label}
            records.append({**named, **asdict(difference), "clear": difference.clear})
        for ending, name in (("", "value"), ("_low", "low"), ("_high", "high")):
            table[f"{label}_difference{ending}"] = [getattr(differences[metric], name) for metric in shared]

    fits = [(baselines or {}).get(seed, {}) for seed in seeds]
    # Baselines that every seed has: means over different seeds could not be compared.
    names = [name for name in fits[0] if all(name in fit for fit in fits)]
    baseline_table = _over_seeds({name: [evaluate(fit[name]) for fit in fits] for name in names}, shared)
    sentences += baseline_ahead(primary, table.loc[primary, labels], baseline_table.loc[primary, names], len(seeds))
    return ComparisonResult(
        task=trials[0].outcome.task,
        labels=labels,
        seeds=seeds,
        trials=by_key,
        datasets=dict(datasets),
        target=target,
        settings=dict(settings or {}),
        primary=primary,
        fixed_test=fixed_test,
        differences=records,
        table=table,
        verdict=sentences,
        baseline_outcomes=dict(baselines or {}),
        baselines=baseline_table,
    )


def over_folds(compared: ComparisonResult) -> ComparisonResult:
    """Return the trials of a single contender, of which each tests other rows, as a cross-validation."""
    (label,), primary = compared.labels, compared.primary
    outcomes = [compared.trials[label, number].outcome for number in compared.seeds]
    folds = pd.DataFrame([{"test_rows": len(outcome.y_true), **evaluate(outcome)} for outcome in outcomes])
    folds.index = pd.RangeIndex(1, len(folds) + 1, name="fold")
    table = compared.table.copy()
    table.insert(1, f"{label}_std", folds[list(table.index)].std())
    mean, std, low, high = (
        metric_value(primary, table.loc[primary, f"{label}{ending}"]) for ending in ("", "_std", "_low", "_high")
    )
    sentence = f"{METRICS[primary].label}: {mean} on average over {counted(len(folds), 'fold')}"
    sentence += f", standard deviation {std}, from {low} to {high}." if len(folds) > 1 else "."
    return replace(compared, folds=folds, table=table, verdict=[sentence, *compared.verdict, _NO_INTERVAL])


def _doubt(
    difference: Difference,
    outcomes: Sequence[Outcome],
    references: Sequence[Outcome],
    metric: str,
    classes: Sequence[str],
    fixed_test: bool,
) -> str:
    """Return why the test rows give no verdict on a metric, as a clause, or '' where they can."""
    for outcome in outcomes:
        limit = next((limit for limit in limits(outcome, classes) if limit.covers(metric)), None)
        if limit is not None:
            return f"no verdict, since {limit.sentence[0].lower()}{limit.sentence[1:].rstrip('.')}"
    by_seed = [differing_rows(*pair, metric) for pair in zip(outcomes, references, strict=True)]
    # Trainings on one test set may differ on the same rows, and those count once.
    differing = max(by_seed) if fixed_test else sum(by_seed)
    if differing < FEWEST and difference.clear:
        return (
            f"no verdict, since they differ on {differing} distinct test {outcomes[0].unit}{'s' * (differing > 1)} only"
        )
    return ""


def _test_of_differences(
    datasets: Sequence[Dataset], primary: str
) -> tuple[bool, Callable[[Sequence[Outcome], Sequence[Outcome], str], Difference]]:
    """Return whether all seeds share their test rows, and the test for them: (outcomes, references, metric)."""
    # Numbered as in the user's table, so that test rows of different splits can be compared.
    rows = [dataset.source_rows[dataset.parts["test"]] for dataset in datasets]
    fixed = all(np.array_equal(test_rows, rows[0]) for test_rows in rows)
    train_rows = sum(len(datasets[0].parts[part]) for part in ("train", "validation"))

    def differ(outcomes: Sequence[Outcome], references: Sequence[Outcome], metric: str) -> Difference:
        resamples = None if metric == primary else _RESAMPLES
        if fixed:
            return pooled_bootstrap(outcomes, references, metric, resamples=resamples)
        return over_splits(outcomes, references, rows, metric, train_rows=train_rows, resamples=resamples)

    return fixed, differ


def _over_seeds(values: Mapping[str, Sequence[Mapping[str, float]]], metrics: pd.Index) -> pd.DataFrame:
    """Return the mean of each metric over the seeds, and its smallest and largest value, for each model."""
    columns = {}
    for name, per_seed in values.items():
        frame = pd.DataFrame(per_seed).reindex(columns=metrics)
        columns |= {name: frame.mean(), f"{name}_low": frame.min(), f"{name}_high": frame.max()}
    return pd.DataFrame(columns, index=metrics)


def _check_equal_terms(trial: Trial, first: Trial, dataset: Dataset) -> None:
    """Refuse a contender that was not tested on the rows of the first one."""
    same = trial.outcome.task == first.outcome.task and np.array_equal(trial.outcome.y_true, first.outcome.y_true)
    trained_on = None if trial.result is None else trial.result.dataset
    if same and trained_on is not None and trained_on is not dataset:
        test, expected = (data.source_rows[data.parts["test"]] for data in (trained_on, dataset))
        same = np.array_equal(test, expected) and list(trained_on.features.frame) == list(dataset.features.frame)
    if not same:
        raise DataError(
            f"'{trial.label}' and '{first.label}' were not tested on the same rows, so a difference between them would "
            "mean nothing. Train them with the same data, test and seed."
        )
