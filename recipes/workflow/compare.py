"""Compare heads on the same data, splits and initial weights: the same steps for every task."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from recipes.workflow import settings
from recipes.workflow.call_options import CallOptions
from recipes.workflow.train import (
    prepare,
    read_options,
    refuse_own_metrics,
    train_and_evaluate,
    write_report,
)
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.data.dataset import Dataset
from toolkit.data.images.stack import holds_images
from toolkit.data.split import is_none
from toolkit.data.target import Target
from toolkit.evaluation.baselines import BASELINES, fit_baselines
from toolkit.evaluation.comparison_result import Trial, compare_trials, joined_trial, trial_of
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import HEADS, Head, get_head
from toolkit.report.page import check_page
from toolkit.runs.comparison import Comparison

__all__ = ["compare"]

#: The contender that is one network per label.
SEPARATE = "separate"

#: The arguments of each recipe's `compare`.
ARGUMENTS = ("target", "test", "heads", "seeds", "effort", "report")

_MOST_SEEDS = 1_000

# Baselines and intervals belong to the comparison, not to a single contender.
_ONLY_SCORES: dict[str, Any] = {"baselines": False, "intervals": False}


def compare(
    task: str,
    data: Any,
    *,
    target: str | list[str] | None,
    test: Any,
    heads: Sequence[str | Head],
    seeds: int | Sequence[int],
    effort: str,
    report: str | Path | None,
    options: Mapping[str, Any],
    call: Mapping[str, Any] | None = None,
) -> Comparison:
    """Compare heads and return the comparison; the arguments are those of the recipes' `compare` functions."""
    check_page(report)
    # Margins can't be trained on smoothed labels: for equal terms, no head is.
    options_for_all = {"label_smoothing": 0.0} | dict(options)
    refuse_own_metrics(options_for_all)
    call_options = read_options(effort, options_for_all, images=holds_images(data), arguments=ARGUMENTS)
    call_options = dataclasses.replace(call_options, one_setting=True)  # heads are compared, not settings
    heads = tuple(heads) if isinstance(heads, Iterable) and not isinstance(heads, str | Set) else (heads,)
    contenders, seed_list = _contenders(task, heads, call_options), _seeds(seeds)
    call_options.check_metric(*contenders.values())
    if is_none(test):
        raise DataError("test=0 leaves no rows to compare on: leave test= out, or give a fraction or a number of rows.")
    datasets, seconds = {}, {}
    for seed in seed_list:
        dataset, seconds[seed] = prepare(task, data, target, test, seed, call_options)
        first = datasets.get(seed_list[0], dataset)
        datasets[seed] = dataclasses.replace(dataset, features=dataset.features.shared(first.features))
    arguments = {"target": target, "test": test, "heads": heads, "seeds": seeds}
    arguments |= {"effort": effort, "report": report}
    call = call or settings.calls(task, "compare", data, arguments, options)
    with interrupts.graceful():
        trials = _trials(datasets, contenders, call_options, seconds)
        first = next(result for trial in trials if (result := trial.result) is not None)
        datasets = {trial.seed: datasets[trial.seed] for trial in trials}
        with_baselines = call_options.by_place["evaluation"].get("baselines", True)
        baselines = _baselines(datasets) if with_baselines else {}
        compared = compare_trials(
            trials,
            datasets,
            datasets[seed_list[0]].target,
            settings={**call, **first.settings, "head": list(contenders), "seed": list(datasets)},
            baselines=baselines,
        )
        if interrupts.requested():
            missing = [name for name in BASELINES if any(name not in fits for fits in baselines.values())]
            stopped = f"Interrupted by hand: {len(datasets)} of {len(seed_list)} seeds are compared."
            stopped += f" Baselines left out: {', '.join(missing)}." if missing else ""
            warnings.warn(stopped, RuntimeWarning, stacklevel=3)
            compared = dataclasses.replace(compared, stopped=stopped)
        comparison = Comparison(compared)
        write_report(comparison, report)
    return comparison


def _trials(
    datasets: Mapping[int, Dataset],
    contenders: Mapping[str, Head],
    options: CallOptions,
    seconds: Mapping[int, Mapping[str, float]],
) -> list[Trial]:
    """Train each contender with each seed; after Ctrl-C, return the seeds that all contenders have finished.

    Raises:
        Interrupted: Ctrl-C was pressed before the first seed was finished.
    """
    trials: list[Trial] = []
    with suppress(interrupts.Interrupted):
        for seed, dataset in datasets.items():
            of_seed = []
            for number, (label, head) in enumerate(contenders.items()):
                in_folder = options.in_folder(f"seed-{seed}-head-{number}")
                if label == SEPARATE:
                    of_seed.append(_separate(dataset, head, in_folder, seed, seconds[seed]))
                else:
                    result = train_and_evaluate(dataset, head, in_folder, seed, seconds[seed], **_ONLY_SCORES)
                    of_seed.append(trial_of(label, seed, result))
                interrupts.check()  # what it has just trained may have ended early
            trials += of_seed
    if not trials:
        raise interrupts.Interrupted
    return trials


def _contenders(task: str, heads: Sequence[str | Head], options: CallOptions) -> dict[str, Head]:
    """Return the heads by label, checked; quantiles are for the heads that have some."""
    of_heads = options.by_place["head"]
    contenders: dict[str, Head] = {}
    for name in heads:
        separate = name == SEPARATE and task == "multilabel"
        head = HEADS["multilabel", "logistic"] if separate else get_head(task, name)
        head = get_head(task, name, **of_heads) if head.quantiles else head
        contenders[SEPARATE if separate else head.name] = head
    if len(contenders) < 2 or len(contenders) < len(heads):
        raise DataError(f"heads={tuple(heads)!r}: a comparison needs two different heads or more.")
    if of_heads and not any(head.quantiles for head in contenders.values()):
        raise DataError("quantiles is for the head 'quantile', which is not compared: leave it out.")
    if next(iter(contenders)) == SEPARATE:
        raise DataError("heads: name one network first; 'separate' is compared with it.")
    return contenders


def _seeds(seeds: Any) -> list[int]:
    # A number, or a list. The order of a set is not defined.
    count = int(seeds) if _is_seed(seeds) else 0
    seed_list = [*seeds] if isinstance(seeds, list | tuple | range | np.ndarray) else [*range(min(count, _MOST_SEEDS))]
    different = len({*seed_list}) == len(seed_list) if all(map(_is_seed, seed_list)) else False
    if not seed_list or not different or max(count, len(seed_list)) > _MOST_SEEDS:
        raise DataError(
            f"seeds={seeds!r}: expected a number of seeds from 1 to {_MOST_SEEDS:,}, or a list of different whole "
            "numbers below 2^32."
        )
    return [int(seed) for seed in seed_list]


def _is_seed(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) < 2**32


def _baselines(datasets: Mapping[int, Dataset]) -> dict[int, dict[str, Outcome]]:
    """Fit the baselines on the split of each seed; once for splits with the same rows, as with separate test rows."""
    by_rows: dict[tuple[bytes, bytes], dict[str, Outcome]] = {}
    by_seed = {}
    for seed, dataset in datasets.items():
        # They learn from the training and validation rows together.
        positions = np.concatenate([dataset.parts["train"], dataset.parts["validation"]])
        rows = np.sort(dataset.source_rows[positions]).tobytes(), dataset.source_rows[dataset.parts["test"]].tobytes()
        if rows not in by_rows:
            by_rows[rows] = fit_baselines(dataset, dataset.preprocessing, dataset.target, seed=seed)
        by_seed[seed] = by_rows[rows]
    return by_seed


def _separate(
    dataset: Dataset, head: Head, options: CallOptions, seed: int, seconds_before: Mapping[str, float]
) -> Trial:
    """Train one network per label, and join them to one contender."""
    results = []
    for number, name in enumerate(dataset.target_frame.columns):
        labels = dataset.target_frame[[name]]
        target = Target.fit(labels, dataset.fit_parts["train"], dataset.task, dataset.source_rows)
        one_label = dataclasses.replace(dataset, target_frame=labels, target=target)
        in_folder = options.in_folder(f"label-{number}")
        results.append(train_and_evaluate(one_label, head, in_folder, seed, seconds_before, **_ONLY_SCORES))
    return joined_trial(SEPARATE, seed, results)
