"""Cross-validate a network: the same steps for every task."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from recipes.workflow import settings
from recipes.workflow.train import prepare, read_options, refuse_own_metrics, train_and_evaluate, write_report
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.data.dataset import Dataset
from toolkit.data.folds import Fold, Folds
from toolkit.data.images.stack import holds_images
from toolkit.evaluation.comparison_result import Trial, compare_trials, over_folds, trial_of
from toolkit.heads import Head, get_head
from toolkit.report.page import check_page
from toolkit.runs.comparison import Comparison

__all__ = ["cross_validate"]

#: The arguments of each recipe's `cross_validate`.
ARGUMENTS = ("target", "cv", "head", "effort", "seed", "report")

_LABEL = "network"


def cross_validate(
    task: str,
    data: Any,
    *,
    target: str | list[str] | None,
    cv: Any,
    head: str | Head,
    effort: str,
    seed: int,
    report: str | Path | None,
    options: Mapping[str, Any],
) -> Comparison:
    """Train a network on each fold and return all of them; the arguments are those of the recipes' functions."""
    check_page(report)
    refuse_own_metrics(options)
    call_options = read_options(effort, options, images=holds_images(data), arguments=ARGUMENTS)
    task_head, folds = get_head(task, head), Folds(cv)
    call_options.check_metric(task_head)
    arguments = {"target": target, "cv": cv, "head": head, "effort": effort, "seed": seed, "report": report}
    call = settings.calls(task, "cross_validate", data, arguments, options)
    datasets: dict[int, Dataset] = {}
    trials: list[Trial] = []
    with interrupts.graceful():
        with suppress(interrupts.Interrupted):
            while len(trials) < max(1, len(folds)):  # the first fold deals them all
                number = len(trials)
                dataset, seconds = prepare(task, data, target, Fold(folds, number), seed, call_options)
                first = datasets.get(0, dataset)
                _check_classes(first, dataset, number)
                in_folder = call_options.in_folder(f"fold-{number + 1}")
                result = train_and_evaluate(dataset, task_head, in_folder, int(seed), seconds, intervals=False)
                interrupts.check()
                datasets[number] = dataset
                trials.append(trial_of(_LABEL, number, result))
        if not trials:
            raise interrupts.Interrupted
        results = [result for trial in trials if (result := trial.result) is not None]
        compared = compare_trials(
            trials,
            datasets,
            results[0].target,
            settings={**call, **results[0].settings, "cv": len(folds)},
            baselines={number: result.baselines for number, result in enumerate(results)},
        )
        compared = over_folds(compared)
        if len(trials) < len(folds):
            stopped = f"Interrupted by hand: {len(trials)} of {len(folds)} folds are finished."
            warnings.warn(stopped, RuntimeWarning, stacklevel=3)
            compared = dataclasses.replace(compared, stopped=stopped)
        comparison = Comparison(compared)
        write_report(comparison, report)
    return comparison


def _check_classes(first: Dataset, dataset: Dataset, number: int) -> None:
    """Check that all folds have the same classes, since their predictions are looked at together."""
    if list(first.target.classes or ()) != list(dataset.target.classes or ()):
        raise DataError(
            f"fold {number + 1} has other classes than the first: each class needs rows in every fold. Take fewer "
            "folds, or leave out the rare classes."
        )
