"""The loss of the chosen weights on training and on validation rows, measured alike, so that the two can be compared.

The training loss of an epoch is measured while the weights change, with dropout on and with smoothed labels: it can be
far above the validation loss of a network that has learned its rows by heart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from toolkit.data.dataset import Dataset
from toolkit.evaluation.curves import Losses
from toolkit.heads import Head, above_logits
from toolkit.training.fitting import Training, held_out
from toolkit.training.scoring import Scorer

__all__ = ["plain_losses"]


def plain_losses(
    training: Training, dataset: Dataset, head: Head, *, seed: int, most_rows: int = 10_000
) -> Losses | None:
    """Return the head's loss of the trained weights, without dropout and smoothing, or None where it is not finite.

    Rows count with their weights. Of several networks each is measured on the rows that it learned from, and on those
    that it left out; the losses are their means.

    Args:
        training: What `toolkit.training.fit` returned.
        dataset: The rows, split and encoded.
        head: What the scores mean.
        seed: Seed of the sample of rows.
        most_rows: Largest number of rows that are measured in each part.
    """
    random, parts = np.random.default_rng(seed), {}
    for part in ("train", "validation"):
        rows = dataset.fit_parts[part]
        if not len(rows):
            return None
        parts[part] = rows if len(rows) <= most_rows else np.sort(random.choice(rows, most_rows, replace=False))
    loss, scorer = head.loss(), Scorer(training.model if training.members is None else training.members)

    def measured(scores: NDArray[np.float32], y: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
        return float(loss(y, scores, sample_weight=(weights / weights.mean()).astype(np.float32)))

    values: dict[str, float] = {}
    targets = {part: dataset.target.encode(dataset.target_frame.iloc[rows]) for part, rows in parts.items()}
    weights = {
        part: np.ones(len(rows)) if dataset.row_weights is None else dataset.row_weights[rows]
        for part, rows in parts.items()
    }
    if not all(part_weights.any() for part_weights in weights.values()):
        return None
    for part, rows in parts.items():
        scores = scorer(dataset.inputs_of(rows))
        scores = scores[:, None] if training.members is None else scores  # (rows, networks, units)
        used = np.ones(scores.shape[:2], bool)
        if dataset.folds is not None:
            left_out = held_out(dataset.folds[rows], scores.shape[1])
            used = left_out if part == "validation" else ~left_out
        used &= (weights[part] > 0)[:, None]
        by_network = [
            measured(scores[mask, network], targets[part][mask], weights[part][mask])
            for network, mask in enumerate(used.T)
            if mask.any()
        ]
        values[part] = float(np.mean(by_network)) if by_network else math.nan
    units = head.units(dataset.target.units)
    constant = _constant_scores(head, targets["train"], weights["train"], units)
    if constant is not None:
        answers = np.repeat(constant[None].astype(np.float32), len(targets["validation"]), axis=0)
        values["constant"] = measured(answers, targets["validation"], weights["validation"])
    return Losses(**values) if all(map(math.isfinite, values.values())) else None


def _constant_scores(
    head: Head, y: NDArray[np.float32], weights: NDArray[np.float64], units: int
) -> NDArray[np.float64] | None:
    """Return the scores (units,) of the best constant answer to training targets, or None where they are not known."""
    if head.quantiles:
        return np.quantile(y[:, 0].astype(np.float64), head.quantiles, weights=weights, method="inverted_cdf")
    if head.task == "regression":
        # A standardized target has mean 0, which is best for the squared error; for the others it is near their best.
        return np.zeros(y.shape[1])
    if head.ordered:
        return above_logits(y, units + 1, weights)
    if head.link == "softmax":
        # A sample of the rows may lack a rare class.
        shares = np.bincount(y.reshape(-1).astype(np.int64), weights=weights, minlength=units) / weights.sum()
        return np.log(np.maximum(shares, 1e-7))
    if head.link == "sigmoid":
        shares = np.average(y.reshape(len(y), -1), axis=0, weights=weights)
        return special.logit(np.clip(shares, 1e-7, 1 - 1e-7))
    return None
