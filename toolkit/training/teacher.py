"""Soft targets: networks learn in part what boosted trees predict for rows that the trees have not seen.

Trees find interactions of categories and jumps of numbers that a network needs many more rows for. Their prediction for
a row says more about it than its target alone, which holds noise. The network stays a network: the trees are gone once
it is trained.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from toolkit.common import interrupts
from toolkit.common.tree_columns import ONE_THREAD, as_categories, empty_columns
from toolkit.heads import Head

__all__ = ["TaughtRows", "soft_targets"]

# Fewer parts of many rows, whose trees learn from enough of them.
_PARTS, _PARTS_OF_MANY, _MANY_ROWS = 5, 3, 20_000
_TREES = {"learning_rate": 0.1, "max_iter": 200, "early_stopping": True, "validation_fraction": 0.1}
_TREES_OF_FEW = {"early_stopping": False, "max_iter": 50}  # where too few rows are left to see when to stop
_FEW_ROWS = 20
_BINS = 255


class TaughtRows(NamedTuple):
    """Training rows of which trees predict each from others.

    Attributes:
        x: Columns as trees take them, shape (n, columns), NaN for missing.
        categorical: Which columns are categories, shape (columns,).
        targets: Values, or for classes probabilities, as `toolkit.heads.Head.soft` returns them, shape (n, outputs).
        folds: The fold of each row, shape (n,), from 0, as for `toolkit.training.fit`.
        units: The unit of each row, shape (n,), from 0: rows of one unit are predicted by the same trees.
        sample_weight: Weight of each row, shape (n,), or None.
    """

    x: NDArray[Any]
    categorical: NDArray[np.bool_]
    targets: NDArray[np.float32]
    folds: NDArray[Any]
    units: NDArray[Any]
    sample_weight: NDArray[Any] | None = None


def soft_targets(
    rows: TaughtRows, head: Head, *, networks: int, share: float, seed: int = 0, seconds: float = math.inf
) -> NDArray[np.float32] | None:
    """Return what each network learns: its targets, mixed with what boosted trees predict for the same rows.

    The trees that predict a row for a network have learned neither from that row nor from the fold that the network
    leaves out: the loss on that fold stays one on rows that nothing has been learned from.

    Args:
        rows: The training rows.
        head: What the targets are; one with `toolkit.heads.Head.takes_soft_targets`.
        networks: Number of networks.
        share: Share of the trees' predictions, 0 to 1.
        seed: Seed of the trees, and of the order in which rows are dealt.
        seconds: The most time to take.

    Returns:
        Values, or for classes probabilities, shape (n, networks, outputs). Rows of the fold that a network leaves out
        keep their targets. None where, by the time of the first trees, all would take too long.

    Raises:
        Interrupted: Ctrl-C.

    References:
        Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015.
        Fakoor et al., Fast, Accurate, and Simple Models for Tabular Data via Augmented Distillation, NeurIPS 2020.

    Example:
        >>> from toolkit.heads import get_head
        >>> x = np.arange(40.0)[:, None]
        >>> y, folds = (x > 19).astype("float32"), np.arange(40) % 4
        >>> rows = TaughtRows(x, np.array([False]), y, folds, units=np.arange(40))
        >>> soft_targets(rows, get_head("binary", "logistic"), networks=4, share=0.5).shape
        (40, 4, 1)
    """
    x, hard, folds, units, sample_weight = rows.x, rows.targets, rows.folds, rows.units, rows.sample_weight
    mixed = np.repeat(hard[:, None], networks, axis=1)
    parts = _PARTS if len(x) < _MANY_ROWS else _PARTS_OF_MANY
    part = np.random.default_rng((seed, parts)).permutation(int(units.max()) + 1)[units] % parts
    options = _TREES | {"categorical_features": as_categories(x, rows.categorical, _BINS), "random_state": seed}
    weighted = np.ones(len(x), bool) if sample_weight is None else np.asarray(sample_weight) > 0
    count, started = int(folds.max()) + 1, time.perf_counter()
    pairs = [(fold, number) for fold in range(min(count, networks)) for number in range(parts)]
    with warnings.catch_warnings(), threadpool_limits(1 if x.size < ONE_THREAD else None):
        warnings.simplefilter("ignore", UserWarning)  # that targets look like many classes
        for done, (fold, number) in enumerate(pairs, start=1):
            interrupts.check()
            asked = (folds != fold) & (part == number)
            learned = (folds != fold) & (part != number) & weighted
            if asked.any() and learned.any():
                weights = None if sample_weight is None else sample_weight[learned]
                predicted = _predictions(head, x[learned], hard[learned], weights, x[asked], options)
                mixed[asked, fold::count] = ((1 - share) * hard[asked] + share * predicted)[:, None]
            if (time.perf_counter() - started) / done * len(pairs) > seconds:
                return None
    return mixed


def _predictions(
    head: Head,
    x: NDArray[Any],
    targets: NDArray[np.float32],
    weights: NDArray[Any] | None,
    asked: NDArray[Any],
    options: dict[str, Any],
) -> NDArray[np.float32]:
    """Return what trees that learned from rows x (n, columns) and targets (n, outputs) predict for other rows."""
    values = np.zeros((len(asked), targets.shape[1]), np.float32)
    classes = None
    if head.link is not None:
        classes = (targets[:, 0] if head.task == "binary" else targets.argmax(axis=1)).astype(np.int64)
    stops_early = _stops_early(len(x), classes)
    options = options if stops_early else options | _TREES_OF_FEW
    empty = empty_columns(x, held_out=_TREES["validation_fraction"] if stops_early else 0.0)
    if empty.any():
        x, asked = np.where(empty, 0.0, x), np.where(empty, 0.0, asked)
    if classes is None:
        for output in range(targets.shape[1]):
            model = HistGradientBoostingRegressor(**options).fit(x, targets[:, output], sample_weight=weights)
            values[:, output] = model.predict(asked)
        return values
    present = np.unique(classes)
    if len(present) == 1:
        return np.broadcast_to(targets[0], values.shape)
    model = HistGradientBoostingClassifier(**options).fit(x, classes, sample_weight=weights)
    probabilities = model.predict_proba(asked)
    if head.task == "binary":
        return probabilities[:, 1:].astype(np.float32)
    values[:, present] = probabilities
    return values


def _stops_early(rows: int, classes: NDArray[np.int64] | None) -> bool:
    """Return whether trees can hold out rows to see when to stop: of classes (n,) at least one row each."""
    if rows < _FEW_ROWS:
        return False
    if classes is None:
        return True
    sizes = np.unique(classes, return_counts=True)[1]
    return sizes.min() >= 2 and math.ceil(_TREES["validation_fraction"] * rows) >= len(sizes)
