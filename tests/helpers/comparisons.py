"""Comparisons made from fitted results: nothing is trained."""

from __future__ import annotations

import dataclasses

import numpy as np

from recipes.samples import SAMPLES
from toolkit.evaluation import calibration
from toolkit.evaluation.comparison_result import Trial, compare_trials
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import get_head

TASKS = ["regression", "binary", "multiclass", "multilabel"]
FILES = {sample.task: name for name, sample in SAMPLES.items()}
HEADS = {
    "regression": ("squared", "absolute", "huber"),
    "binary": ("logistic", "hinge", "squared_hinge"),
    "multiclass": ("softmax", "hinge"),
    "multilabel": ("logistic", "hinge", "separate"),
}


def contender(run, name, seed, *, scores=None):
    """A trial of a fitted run's network under another head, its scores shaken a little: nothing is trained."""
    task, random = run.task, np.random.default_rng([seed, len(name)])
    head = get_head(task, "logistic" if name == "separate" else name)
    if scores is None:
        scores = run.outcome.scores + random.normal(0, 1.0, run.outcome.scores.shape).astype(np.float32)
    if task == "regression":
        shift = random.normal(0, 20, run.outcome.y_pred.shape)
        outcome, fitted, before = dataclasses.replace(run.outcome, y_pred=run.outcome.y_pred + shift), None, None
    else:
        truth = run.outcome.y_true
        fitted = calibration.fit(task, head.link, scores, truth)
        outcome = Outcome(task, truth, head.decide(scores), fitted.probabilities(scores), scores)
        before = head.probabilities(scores)
    separate = name == "separate"
    return Trial(
        label=name,
        seed=seed,
        head=head,
        outcome=outcome,
        uncalibrated=before,
        calibration=None if separate else fitted,
        history=run.history.iloc[: len(run.history) - 2 * seed],
        best_epoch=5 + seed,
        parameters=run.model.count_params() * (3 if separate else 1),
        seconds=1.5 + seed,
        result=None if separate else dataclasses.replace(run, head=head),
    )


def compare(run, names, seeds=(0, 1), **options):
    trials = [contender(run, name, seed) for name in names for seed in seeds]
    datasets = dict.fromkeys(seeds, run.dataset)
    options = {"baselines": dict.fromkeys(seeds, run.baselines)} | options
    return compare_trials(trials, datasets, run.target, settings=run.settings, **options)
