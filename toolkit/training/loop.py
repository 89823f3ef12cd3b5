"""The loop over the epochs: train, validate, follow the metric, keep the best weights, stop."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common import interrupts
from toolkit.training.augmentation import augmented
from toolkit.training.epochs import Worker
from toolkit.training.hooks import Hooks
from toolkit.training.in_turns import Turns
from toolkit.training.plan import Plan
from toolkit.training.progress import Progress
from toolkit.training.stopping import Best, third_cycle

__all__ = ["Course", "Rows", "rows_on_device", "run_epochs"]


class Course(NamedTuple):
    """How a training went: the history, the epoch of the best weights, why it ended, and what set the learning rate.

    For several networks the epoch is their mean.
    """

    history: pd.DataFrame
    best_epoch: int
    stopped: str
    schedule: str


class Rows(NamedTuple):
    """The rows of a training: tensors of x, y, and weights or None; x without augmentation and y to validate on."""

    x: NDArray[Any]
    train: list[Any]
    validation: list[Any] | None
    truth: NDArray[Any]


def rows_on_device(
    plan: Plan,
    x: NDArray[Any],
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    validation: tuple[Any, ...] | None,
) -> Rows:
    """Return the rows as tensors: one transfer per training."""
    train = _tensors(x, y, sample_weight)
    left_out = plan.left_out
    if left_out is None:
        return Rows(x, train, None, y) if validation is None else Rows(x, train, _tensors(*validation), validation[1])
    if plan.in_turns:  # each network picks its own rows
        return Rows(x, train, list(train), y)
    # Side by side all networks see all rows; weights (n, networks) say who learns from which and who is validated on
    # which. Divided by the mean of its mask, a mean over all n rows is one over the rows that count.
    #
    #   left_out[:, k]   1 0 0 0   ->   learns with weights  0 4/3 4/3 4/3,   is validated with  4 0 0 0
    weights = (np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight))[:, None]
    train_weights, validation_weights = (
        _tensor((weights * mask / mask.mean(axis=0)).astype(np.float32)) for mask in (~left_out, left_out)
    )
    return Rows(x, [*train[:2], train_weights], [*train[:2], validation_weights], y)


def run_epochs(worker: Worker | Turns, plan: Plan, rows: Rows, scale: NDArray[np.float64] | None) -> Course:
    """Train epoch after epoch until a rule stops it, and leave the best weights in the plan's learner.

    Args:
        worker: The compiled programs, started.
        plan: The plan.
        rows: Training and validation rows.
        scale: Standard deviations of regression targets, to show the error in the user's units.
    """
    options, learner, hooks = plan.options, plan.learner, Hooks(plan, worker)
    history: list[dict[str, float]] = []
    stopped = f"all {plan.epochs} epochs were run"
    learner.stop_training = False  # a callback may set it
    hooks("on_train_begin")
    cycle = third_cycle(plan.epochs) if options.schedule == "cycles" and options.patience is None else None
    best = Best(worker.get_weights(), plan.member_axes, len(plan.models), plan.patience, cycle)
    try:
        with interrupts.graceful(), Progress(plan.epochs, options.progress) as progress:
            for epoch in range(1, plan.epochs + 1):
                interrupts.check()  # the run is kept as it was after the last epoch
                hooks("on_epoch_begin", epoch - 1)  # Keras counts epochs from 0
                row, losses = _run_epoch(epoch, worker, plan, rows, scale, hooks)
                history.append(row)
                if not (math.isfinite(row["loss"]) and math.isfinite(row.get("val_loss", 0.0))):
                    stopped = f"the loss was no longer finite in epoch {epoch}"
                    _warn(stopped, round(best.epochs.mean()), plan.learning_rate)
                    break
                # What is kept are the weights that were validated, and without validation those that callbacks leave.
                reason = None
                if losses is not None:
                    reason = best.update(epoch, losses, worker.get_weights, by_schedule=hooks.rate_from is None)
                    hooks("on_test_end", {"loss": row["val_loss"]})
                hooks("on_epoch_end", epoch - 1, {k: v for k, v in row.items() if k not in ("epoch", "seconds")})
                if losses is None:
                    best.update(epoch, None, worker.get_weights)
                progress.show(row)
                if learner.stop_training:
                    reason = f"a callback stopped it after epoch {epoch}"
                elif options.min_gradient_norm is not None and row["gradient_norm"] < options.min_gradient_norm:
                    norm = f"{row['gradient_norm']:.3g}"
                    reason = f"the norm of the gradient, {norm}, fell below {options.min_gradient_norm:g}"
                if reason is not None:
                    stopped = reason
                    break
    except interrupts.Interrupted:
        stopped = f"{interrupts.BY_HAND} after epoch {len(history)} of {plan.epochs}"
    worker.finish(learner)
    learner.set_weights(best.weights)
    hooks.finish()
    if not history:  # interrupted in the first epoch: there is nothing to keep
        raise interrupts.Interrupted
    by_callback = "" if hooks.rate_from is None else f"; set by a callback from epoch {hooks.rate_from} on"
    frame = pd.DataFrame(history).astype({"epoch": int})
    return Course(frame, round(best.epochs.mean()), stopped, plan.schedule + by_callback)


def _run_epoch(
    epoch: int,
    worker: Worker | Turns,
    plan: Plan,
    rows: Rows,
    scale: NDArray[np.float64] | None,
    hooks: Hooks,
) -> tuple[dict[str, float], NDArray[np.float64] | None]:
    """Run one epoch; return its row of the history, and the networks' validation losses or None."""
    start = time.perf_counter()
    options, n = plan.options, len(rows.x)
    # The order depends only on the seed and the epoch: the same whatever was trained before.
    order = np.random.default_rng((plan.seed, epoch)).permutation(n) if options.shuffle else np.arange(n)
    order = order.astype(np.int32)
    if options.shift or options.flip:
        random = np.random.default_rng((plan.seed, epoch, 1))
        rows.train[0] = _tensor(augmented(rows.x, options.shift, options.flip, random))
    row: dict[str, float] = {"epoch": epoch, "loss": 0.0}
    pieces = worker.train_in_pieces(rows.train, order, by_batch=plan.by_batch)
    for index in range(plan.steps if plan.by_batch else 1):
        if plan.by_batch:
            hooks("on_train_batch_begin", index)
        row["loss"] = next(pieces)
        interrupts.check()
        if plan.by_batch:
            hooks("on_train_batch_end", index, {"loss": row["loss"]})
    seconds = time.perf_counter() - start  # without validation
    losses = None
    if rows.validation is not None:
        hooks("on_test_begin")
        losses, scores = worker.validate(rows.validation)
        row["val_loss"] = float(losses.mean())
        row[f"val_{plan.head.metric}"] = _measured(plan, rows.truth, scores, scale)
    row["learning_rate"] = float(worker.optimizer.learning_rate)
    row["seconds"] = seconds
    if options.min_gradient_norm is not None:
        row["gradient_norm"] = worker.gradient_norm(rows.train)
    return row, losses


def _measured(plan: Plan, y: NDArray[Any], scores: NDArray[Any], scale: NDArray[np.float64] | None) -> float:
    """Return the networks' mean metric, each on the rows that it leaves out; scores are (networks, n, units)."""
    masks = [slice(None)] * len(scores) if plan.left_out is None else plan.left_out.T
    pairs = zip(masks, scores, strict=True)
    return float(np.mean([plan.head.measure(y[mask], network[mask], scale) for mask, network in pairs]))


def _warn(stopped: str, best_epoch: int, learning_rate: float) -> None:
    warnings.warn(
        f"Training stopped: {stopped}. The model has the weights of epoch {best_epoch} (0: before training). "
        f"Try a lower learning_rate (it was {learning_rate:g}) or clip_norm=1.",
        RuntimeWarning,
        stacklevel=4,
    )


def _tensors(x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None = None) -> list[Any]:
    return [_tensor(x), _tensor(y), None if weights is None else _tensor(np.asarray(weights, np.float32))]


def _tensor(values: NDArray[Any]) -> Any:
    import tensorflow as tf

    return tf.constant(values)
