"""Soft targets: networks learn in part what boosted trees predict for rows that the trees have not seen.

Trees find interactions of categories and jumps of numbers that a network needs many more rows for. Their prediction for
a row says more about it than its target alone, which holds noise. The network stays a network: the trees are gone once
it is trained.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from toolkit.common import interrupts
from toolkit.heads import Head

__all__ = ["soft_targets"]

# Fewer parts of many rows, whose trees learn from enough of them.
_PARTS, _PARTS_OF_MANY, _MANY_ROWS = 5, 3, 20_000
_TREES = {"learning_rate": 0.1, "max_iter": 200, "early_stopping": True, "validation_fraction": 0.1}
_TREES_OF_FEW = {"early_stopping": False, "max_iter": 50}  # where too few rows are left to see when to stop
_FEW_ROWS = 20
_BINS = 255  # a category with more levels is used as a number
_ONE_THREAD = 5_000_000  # cells below which a second thread gains little


def soft_targets(
    head: Head,
    x: NDArray[Any],
    categorical: NDArray[np.bool_],
    y: NDArray[Any],
    folds: NDArray[Any],
    units: NDArray[Any],
    *,
    networks: int,
    outputs: int,
    share: float,
    seed: int = 0,
    sample_weight: NDArray[Any] | None = None,
    seconds: float = math.inf,
) -> NDArray[np.float32] | None:
    """Return what each network learns: its targets, mixed with what boosted trees predict for the same rows.

    The trees that predict a row for a network have learned neither from that row nor from the fold that the network
    leaves out: the loss on that fold stays one on rows that nothing has been learned from.

    Args:
        head: What the targets are; one with `toolkit.heads.Head.takes_soft_targets`.
        x: Columns as trees take them, shape (n, columns), NaN for missing.
        categorical: Which columns are categories, shape (columns,).
        y: Encoded targets of the head, first axis n.
        folds: The fold of each row, shape (n,), from 0, as for `toolkit.training.fit`.
        units: The unit of each row, shape (n,), from 0: rows of one unit are predicted by the same trees.
        networks: Number of networks.
        outputs: Number of outputs of a network.
        share: Share of the trees' predictions, 0 to 1.
        seed: Seed of the trees, and of the order in which rows are dealt.
        sample_weight: Weight of each row, shape (n,).
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
        >>> rows = {"y": (x > 19).astype("float32"), "folds": np.arange(40) % 4, "units": np.arange(40)}
        >>> head, numbers = get_head("binary", "logistic"), np.array([False])
        >>> soft_targets(head, x, numbers, **rows, networks=4, outputs=1, share=0.5).shape
        (40, 4, 1)
    """
    hard = head.soft(y, outputs)
    mixed = np.repeat(hard[:, None], networks, axis=1)
    parts = _PARTS if len(x) < _MANY_ROWS else _PARTS_OF_MANY
    part = np.random.default_rng((seed, parts)).permutation(int(units.max()) + 1)[units] % parts
    columns = categorical & (np.nanmax(x, axis=0, initial=0) < _BINS)
    options = _TREES | {"categorical_features": columns if columns.any() else None, "random_state": seed}
    weighted = np.ones(len(x), bool) if sample_weight is None else np.asarray(sample_weight) > 0
    count, started = int(folds.max()) + 1, time.perf_counter()
    pairs = [(fold, number) for fold in range(min(count, networks)) for number in range(parts)]
    with warnings.catch_warnings(), threadpool_limits(1 if x.size < _ONE_THREAD else None):
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
    empty = _empty_columns(x, stops_early=stops_early)
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
    return sizes.min() >= 2 and _rows_held_out(rows) >= len(sizes)


def _rows_held_out(rows: int) -> int:
    return math.ceil(_TREES["validation_fraction"] * rows)


def _empty_columns(x: NDArray[Any], *, stops_early: bool) -> NDArray[np.bool_]:
    """Return which columns have too few values for trees, shape (columns,).

    scikit-learn's trees fail on a column without a value. That can happen where the rows with values are held out, or
    are not among the 200,000 rows that the bins are chosen by.
    """
    held_out = _rows_held_out(len(x)) if stops_early else 0
    fewest = max(min(held_out + 1, 20), len(x) // 10_000)
    return (~np.isnan(x)).sum(axis=0) < fewest
