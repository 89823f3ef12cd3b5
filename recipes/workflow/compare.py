"""Heads compared on equal terms, the same for every task."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recipes.workflow import settings
from recipes.workflow.train import (
    Asked,
    Prepared,
    fit,
    prepare,
    read_options,
)
from toolkit.common.errors import DataError
from toolkit.data.images.stack import holds_images
from toolkit.data.target import Target
from toolkit.evaluation.baselines import fit_baselines
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import HEADS, Head, get_head
from toolkit.runs.comparison import Comparison, Trial, trial_of

__all__ = ["compare"]

#: The contender that is one network a label.
SEPARATE = "separate"


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
) -> Comparison:
    """Compare heads on one table; the recipes' `compare` functions say the rest."""
    # A margin has no smoothed labels: on equal terms, no head has.
    asked = read_options(effort, {"label_smoothing": 0.0} | dict(options), images=holds_images(data))
    contenders = _contenders(task, heads)
    drawn = _seeds(seeds)
    trials: dict[tuple[str, int], Trial] = {}
    prepared: dict[int, Prepared] = {}
    for seed in drawn:
        shared = prepare(task, data, target, test, seed, asked)
        prepared[seed] = _on_one_stack(shared, prepared.get(drawn[0], shared))
    for seed, shared in prepared.items():
        for label, head in contenders.items():
            if label == SEPARATE:
                trials[label, seed] = _separate(shared, head, asked, seed)
            else:
                trials[label, seed] = trial_of(label, seed, fit(shared, head, asked, seed))
    first = next(run for trial in trials.values() if (run := trial.run) is not None)
    given = {"target": target, "test": test, "heads": tuple(heads), "seeds": seeds, "effort": effort, "report": report}
    comparison = Comparison(
        task,
        list(contenders),
        drawn,
        trials,
        {seed: shared.table for seed, shared in prepared.items()},
        prepared[drawn[0]].target,
        baseline_outcomes=_baselines(prepared) if asked.places["evaluation"].get("baselines", True) else {},
        settings=settings.calls(task, "compare", data, given, options)
        | first.settings
        | {"head": list(contenders), "seed": drawn},
    )
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


def _on_one_stack(prepared: Prepared, first: Prepared) -> Prepared:
    """Let splits of the same images hold them once; only positions in them differ."""
    own, shared = prepared.table.pixels, first.table.pixels
    if own is None or shared is None or own is shared or not np.array_equal(own, shared):
        return prepared
    return dataclasses.replace(prepared, table=dataclasses.replace(prepared.table, pixels=shared))


def _baselines(prepared: Mapping[int, Prepared]) -> dict[int, dict[str, Outcome]]:
    """Fit the baselines on the split of each seed; once for seeds that give them the same rows, as an own test does."""
    fitted: dict[tuple[bytes, bytes], dict[str, Outcome]] = {}
    found = {}
    for seed, shared in prepared.items():
        table = shared.table
        # They learn from the training and validation rows together.
        known = np.concatenate([table.parts["train"], table.parts["validation"]])
        rows = np.sort(table.source_rows[known]).tobytes(), table.source_rows[table.parts["test"]].tobytes()
        if rows not in fitted:
            fitted[rows] = fit_baselines(table, shared.encoder, shared.target, seed=seed)
        found[seed] = fitted[rows]
    return found


def _separate(prepared: Prepared, head: Head, asked: Asked, seed: int) -> Trial:
    """Train one network a label, and put them together as one contender."""
    table = prepared.table
    runs = []
    for place, name in enumerate(table.target.columns):
        own = table.target[[name]]
        alone = dataclasses.replace(
            prepared,
            table=dataclasses.replace(table, target=own),
            target=Target.fit(own, prepared.parts["train"], table.task, table.source_rows),
            y={part: y[:, [place]] for part, y in prepared.y.items()},
        )
        runs.append(fit(alone, head, asked, seed))
    outcomes = [run.outcome for run in runs if run.outcome is not None]
    scores = np.concatenate([np.asarray(outcome.scores) for outcome in outcomes], axis=1)
    seconds = sum(run.seconds["train"] for run in runs)
    outcome = Outcome(
        table.task,
        np.concatenate([outcome.y_true for outcome in outcomes], axis=1),
        np.concatenate([outcome.y_pred for outcome in outcomes], axis=1),
        np.concatenate([np.asarray(outcome.probabilities) for outcome in outcomes], axis=1),
        scores,
        seconds,
    )
    history = pd.concat([run.history for run in runs]).groupby("epoch", as_index=False).mean()
    return Trial(
        SEPARATE,
        seed,
        head,
        outcome,
        head.probabilities(scores),
        None,
        history,
        round(float(np.mean([run.best_epoch for run in runs]))),
        sum(run.model.count_params() for run in runs),
        seconds,
    )
