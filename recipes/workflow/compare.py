"""Heads compared on equal terms, the same for every task."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recipes.workflow import settings
from recipes.workflow.train import (
    Asked,
    fit,
    prepare,
    read_options,
)
from toolkit.common.errors import DataError
from toolkit.data.dataset import Dataset
from toolkit.data.images.stack import Images, holds_images
from toolkit.data.target import Target
from toolkit.evaluation.baselines import fit_baselines
from toolkit.evaluation.comparison_result import Trial, compare_trials, joined_trial, trial_of
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import HEADS, Head, get_head
from toolkit.runs.comparison import Comparison

__all__ = ["compare"]

#: The contender that is one network a label.
SEPARATE = "separate"

# A contender stands for itself: baselines and intervals are those of the comparison.
ALONE: dict[str, Any] = {"baselines": False, "intervals": False}


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
    """Compare heads on one table; the recipes' `compare` functions say the rest."""
    # A margin has no smoothed labels: on equal terms, no head has.
    asked = read_options(effort, {"label_smoothing": 0.0} | dict(options), images=holds_images(data))
    contenders = _contenders(task, heads)
    drawn = _seeds(seeds)
    datasets, seconds = {}, {}
    for seed in drawn:
        dataset, seconds[seed] = prepare(task, data, target, test, seed, asked)
        datasets[seed] = _on_one_stack(dataset, datasets.get(drawn[0], dataset))
    trials = []
    for seed, dataset in datasets.items():
        for label, head in contenders.items():
            if label == SEPARATE:
                trials.append(_separate(dataset, head, asked, seed, seconds[seed]))
            else:
                trials.append(trial_of(label, seed, fit(dataset, head, asked, seed, seconds[seed], **ALONE)))
    first = next(result for trial in trials if (result := trial.result) is not None)
    given = {"target": target, "test": test, "heads": tuple(heads), "seeds": seeds, "effort": effort, "report": report}
    call = call or settings.calls(task, "compare", data, given, options)
    compared = compare_trials(
        trials,
        datasets,
        datasets[drawn[0]].target,
        settings={**call, **first.settings, "head": list(contenders), "seed": drawn},
        baselines=_baselines(datasets) if asked.places["evaluation"].get("baselines", True) else None,
    )
    comparison = Comparison(compared)
    if report is not None:
        comparison.report(report)
    return comparison


def _contenders(task: str, heads: Sequence[str | Head]) -> dict[str, Head]:
    if isinstance(heads, str | Head):
        heads = (heads,)
    found: dict[str, Head] = {}
    for head in heads:
        if head == SEPARATE and task == "multilabel":
            found[SEPARATE] = HEADS["multilabel", "logistic"]
        else:
            made = get_head(task, head)
            found[made.name] = made
    if len(found) < 2 or len(found) < len(heads):
        raise DataError(f"heads={tuple(heads)!r}: a comparison needs two different heads or more.")
    if next(iter(found)) == SEPARATE:
        raise DataError("heads: name one network first; 'separate' is set against it.")
    return found


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
        return list(range(seeds))
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        listed = list(seeds)
        whole = all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in listed)
        if listed and whole and len(set(listed)) == len(listed):
            return listed
    raise DataError(f"seeds={seeds!r}: expected a number of seeds, 1 or more, or a list of different whole numbers.")


def _on_one_stack(dataset: Dataset, first: Dataset) -> Dataset:
    """Let splits of the same images hold them once; only positions in them differ."""
    own, shared = dataset.features, first.features
    if not isinstance(own, Images) or not isinstance(shared, Images) or not np.array_equal(own.pixels, shared.pixels):
        return dataset
    return dataclasses.replace(dataset, features=shared)


def _baselines(datasets: Mapping[int, Dataset]) -> dict[int, dict[str, Outcome]]:
    """Fit the baselines on the split of each seed; once for seeds that give them the same rows, as an own test does."""
    fitted: dict[tuple[bytes, bytes], dict[str, Outcome]] = {}
    found = {}
    for seed, dataset in datasets.items():
        # They learn from the training and validation rows together.
        known = np.concatenate([dataset.parts["train"], dataset.parts["validation"]])
        rows = np.sort(dataset.source_rows[known]).tobytes(), dataset.source_rows[dataset.parts["test"]].tobytes()
        if rows not in fitted:
            fitted[rows] = fit_baselines(dataset, dataset.encoder, dataset.target, seed=seed)
        found[seed] = fitted[rows]
    return found


def _separate(dataset: Dataset, head: Head, asked: Asked, seed: int, seconds_before: Mapping[str, float]) -> Trial:
    """Train one network a label, and put them together as one contender."""
    results = []
    for name in dataset.target_frame.columns:
        labels = dataset.target_frame[[name]]
        target = Target.fit(labels, dataset.fit_parts["train"], dataset.task, dataset.source_rows)
        one_label = dataclasses.replace(dataset, target_frame=labels, target=target)
        results.append(fit(one_label, head, asked, seed, seconds_before, **ALONE))
    return joined_trial(SEPARATE, seed, results)
