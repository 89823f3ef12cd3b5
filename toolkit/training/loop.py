"""The loop over the epochs: train, validate, follow the metric, keep the best weights, stop."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.data.pictures import Pictures
from toolkit.metrics.score_metric import ScoreMetric, score_metric
from toolkit.training.ahead import Ahead
from toolkit.training.augmentation import augmented
from toolkit.training.epochs import Worker
from toolkit.training.hooks import Hooks
from toolkit.training.in_turns import Turns
from toolkit.training.plan import Plan
from toolkit.training.progress import Progress
from toolkit.training.row_stream import RowStream
from toolkit.training.saved_state import SavedState
from toolkit.training.shared_epochs import shared_windows
from toolkit.training.stopping import Best, end_of_cycle, third_cycle

__all__ = ["Course", "Rows", "rows_on_device", "run_epochs"]


_TIME_LIMIT = "the time limit"


class Course(NamedTuple):
    """How a training went: the history, the epoch of the best weights, why it ended, and what set the learning rate.

    For several networks the epoch is their mean. The last numbers are the epoch after which it was resumed, or 0, and
    the seconds in which no rows of a stream were ready.
    """

    history: pd.DataFrame
    best_epoch: int
    stopped: str
    schedule: str
    resumed_after: int
    waited: float


class Rows(NamedTuple):
    """The rows of a training: tensors of x, y, and weights or None; x without augmentation and y to validate on.

    With a stream, those to train on are a sample. `Pictures` are no tensors: they are decoded where they are needed.
    """

    x: NDArray[Any]
    train: list[Any]
    validation: list[Any] | None
    truth: NDArray[Any]
    stream: RowStream | None = None


def rows_on_device(
    plan: Plan,
    x: NDArray[Any],
    y: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    validation: tuple[Any, ...] | None,
    stream: RowStream | None = None,
    soft_targets: NDArray[Any] | None = None,
) -> Rows:
    """Return the rows as tensors: one transfer per training."""
    train = _tensors(x, y if soft_targets is None else np.asarray(soft_targets, np.float32), sample_weight)
    left_out = plan.left_out
    if left_out is None:
        held_out = None if validation is None else _tensors(*validation)
        return Rows(x, train, held_out, y if validation is None else validation[1], stream)
    truth = train[1] if soft_targets is None else _tensor(plan.head.soft(y, soft_targets.shape[-1]))
    if plan.in_turns:  # each network picks its own rows
        return Rows(x, train, [train[0], truth, train[2]], y)
    # Side by side all networks see all rows; weights (n, networks) say who learns from which and who is validated on
    # which. Divided by the mean of its mask, a mean over all n rows is one over the rows that count.
    #
    #   left_out[:, k]   1 0 0 0   ->   learns with weights  0 4/3 4/3 4/3,   is validated with  4 0 0 0
    weights = (np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight))[:, None]
    train_weights, validation_weights = (
        _tensor((weights * mask / mask.mean(axis=0)).astype(np.float32)) for mask in (~left_out, left_out)
    )
    return Rows(x, [*train[:2], train_weights], [train[0], truth, validation_weights], y)


def run_epochs(
    worker: Worker | Turns,
    plan: Plan,
    rows: Rows,
    scale: NDArray[np.float64] | None,
    saved: SavedState | None = None,
) -> Course:
    """Train epoch after epoch until a rule stops it, and leave the best weights in the plan's learner.

    Args:
        worker: The compiled programs, started.
        plan: The plan.
        rows: Training and validation rows.
        scale: Standard deviations of regression targets, to show the error in the user's units.
        saved: The state to go on from, and to save after epochs; None saves nothing.

    Raises:
        DataError: The saved state is damaged or that of another training.
        Interrupted: Ctrl-C in the first epoch, when there is nothing to keep.
    """
    loop = _Loop(worker, plan, rows, scale)
    before = loop.restore(saved)
    try:
        display = Progress(loop.epochs, plan.options.progress, time_limit=plan.options.time_limit)
        with interrupts.graceful(), display as progress:
            if before and saved is not None:
                progress.resumed(before, saved.path)
            while loop.stopped is None:
                loop.check_interrupt()  # the run is kept as it was after the last epoch
                loop.run_epoch()
                progress.show(loop.history[-1], loop.epochs)
                if saved is not None:
                    saved.save(*loop.state(), last=loop.stopped is not None)
    except interrupts.Interrupted:
        loop.stopped = f"interrupted by hand after epoch {len(loop.history)} of {loop.epochs}"
        if saved is not None:
            saved.flush()
    return loop.finish(before)


class _Loop:
    """The epochs of one training, and what is known of them: the history, the best weights, why they ended."""

    def __init__(self, worker: Worker | Turns, plan: Plan, rows: Rows, scale: NDArray[np.float64] | None) -> None:
        options = plan.options
        self._worker, self._plan, self._rows, self._scale = worker, plan, rows, scale
        self._metric = None if options.metric is None else score_metric(options.metric, plan.head, scale)
        if self._metric is not None:
            _check_metric(self._metric, plan, rows)
        self._hooks = Hooks(plan, worker)
        self.history: list[dict[str, float]] = []
        self.epochs, self._cycles = plan.epochs, 4
        self.waited = 0.0  # seconds in which no rows were ready
        self.stopped: str | None = None
        self._started = time.perf_counter()
        plan.learner.stop_training = False  # a callback may set it
        self._hooks("on_train_begin")
        self._cycle = third_cycle(plan.epochs) if options.schedule == "cycles" and options.patience is None else None
        wanted = "lower validation loss" if self._metric is None else f"better validation {self._metric.name}"
        self._best = Best(worker.get_weights(), plan.member_axes, len(plan.models), plan.patience, self._cycle, wanted)

    def restore(self, saved: SavedState | None) -> int:
        """Go on from a saved state; return after which epoch, or 0 where there is none."""
        content = None if saved is None else saved.read()
        if content is None:
            return 0
        values, arrays = content
        self.history, self.stopped = values["history"], values["stopped"]
        if str(self.stopped).startswith(_TIME_LIMIT):
            self.stopped = None  # the call that goes on has time of its own
        self._worker.resume([arrays[f"state {number}"] for number in range(values["arrays"])])
        self._best.restore(values["best"], arrays)
        self._hooks.restore(values["callbacks"])
        while self.stopped is None and len(self.history) >= self.epochs:
            self._add_cycle()
        return len(self.history)

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return all that `restore` needs: values of JSON, and arrays or tensors by name."""
        best, arrays = self._best.state()
        state = self._worker.state()
        tensors = {f"state {number}": value for number, value in enumerate(state)}
        values = {"history": list(self.history), "stopped": self.stopped, "arrays": len(state), "best": best}
        return {**values, "callbacks": self._hooks.state()}, arrays | tensors

    def check_interrupt(self) -> None:
        """Raise `Interrupted` after Ctrl-C. Several workers stop together, between two steps (`SharedWorker`)."""
        if not self._plan.workers.are_several:
            interrupts.check()

    def run_epoch(self) -> None:
        """Train, validate, follow the best epoch, call the callbacks; record why the training ends, if it does."""
        self._run_epoch()
        self.stopped = self._plan.workers.first(self.stopped)  # workers have clocks of their own

    def _run_epoch(self) -> None:
        plan, hooks, best, epoch = self._plan, self._hooks, self._best, len(self.history) + 1
        hooks("on_epoch_begin", epoch - 1)  # Keras counts epochs from 0
        row, losses = self._trained(epoch)
        self.history.append(row)
        if not _is_finite(row):
            self.stopped = f"the loss was no longer finite in epoch {epoch}"
            return
        # What is kept are the weights that were validated, and without validation those that callbacks leave.
        if losses is not None:
            by_schedule = hooks.rate_from is None
            self.stopped = best.update(epoch, losses, self._worker.get_weights, by_schedule=by_schedule)
            hooks("on_test_end", {"loss": row["val_loss"]})
        hooks("on_epoch_end", epoch - 1, {k: v for k, v in row.items() if k not in ("epoch", "seconds")})
        if losses is None:
            best.update(epoch, None, self._worker.get_weights)
        shortest = plan.options.min_gradient_norm
        if plan.learner.stop_training:
            self.stopped = f"a callback stopped it after epoch {epoch}"
        elif shortest is not None and row["gradient_norm"] < shortest:
            self.stopped = f"the norm of the gradient, {row['gradient_norm']:.3g}, fell below {shortest:g}"
        elif self.stopped is None and epoch == self.epochs and not self._goes_on():
            more = f", and {epoch - plan.epochs} more while they helped" if epoch > plan.epochs else ""
            self.stopped = f"all {plan.epochs} epochs were run{more}"
        elif self.stopped is None and self._is_late():
            self.stopped = f"{_TIME_LIMIT} of {plan.options.time_limit:.3g} s after epoch {epoch} of {self.epochs}"

    def _goes_on(self) -> bool:
        """Return whether another cycle follows the last one, and plan it if it does."""
        if self._cycle is None or self._cycles >= 4 + self._plan.options.extra_cycles or self._hooks.rate_from:
            return False
        start = end_of_cycle(self._plan.epochs, self._cycles - 1)
        goes_on = self._best.still_improves(start, self.epochs)
        if goes_on:
            self._add_cycle()
        return goes_on

    def _add_cycle(self) -> None:
        self._cycles += 1
        self.epochs = end_of_cycle(self._plan.epochs, self._cycles)

    def _is_late(self) -> bool:
        """Return whether another epoch would go beyond the time limit."""
        limit, passed = self._plan.options.time_limit, time.perf_counter() - self._started
        epoch = min((row["seconds"] for row in self.history[1:]), default=0.0)  # the first one compiled, too
        return limit is not None and passed + epoch > limit

    def _trained(self, epoch: int) -> tuple[dict[str, float], NDArray[np.float64] | None]:
        """Train for one epoch and validate; return its row of the history, and the networks' losses or None."""
        start = time.perf_counter()
        plan, worker, rows, hooks = self._plan, self._worker, self._rows, self._hooks
        options = plan.options
        if (options.shift or options.flip) and rows.stream is None:
            random = np.random.default_rng((plan.seed, epoch, 1))
            rows.train[0] = _tensor(augmented(rows.x, options.shift, options.flip, random))
        row: dict[str, float] = {"epoch": epoch, "loss": 0.0}
        pieces = self._epoch(epoch) if rows.stream is None else self._streamed_epoch(rows.stream, epoch)
        for index in range(plan.steps if plan.by_batch else 1):
            if plan.by_batch:
                hooks("on_train_batch_begin", index)
            row["loss"] = next(pieces)
            self.check_interrupt()
            if plan.by_batch:
                hooks("on_train_batch_end", index, {"loss": row["loss"]})
        pieces.close()  # to free its copy of the rows
        seconds = time.perf_counter() - start  # without validation
        losses = None
        if rows.validation is not None:
            hooks("on_test_begin")
            losses, scores = worker.validate(rows.validation)
            row["val_loss"] = float(losses.mean())
            measure = partial(plan.head.measure, scale=self._scale)
            row[f"val_{plan.head.metric}"] = float(_measured(plan, rows.truth, scores, measure).mean())
            if self._metric is not None:
                values = _measured(plan, rows.truth, scores, self._metric)
                row[f"val_{self._metric.name}"] = float(values.mean())
                losses = values if self._metric.lower_is_better else -values
            for metric in options.metrics:
                measure = partial(plan.head.own_measure, metric)
                row[f"val_{metric.__name__}"] = float(_measured(plan, rows.truth, scores, measure).mean())
        row["learning_rate"] = float(worker.optimizer.learning_rate)
        row["seconds"] = seconds
        if options.min_gradient_norm is not None:
            row["gradient_norm"] = worker.gradient_norm(rows.train)
        # Other processors may round otherwise: all workers go by the numbers of worker 0.
        row, agreed = plan.workers.first((row, None if losses is None else losses.tolist()))
        return row, None if agreed is None else np.array(agreed)

    def _epoch(self, epoch: int) -> Generator[float, None, None]:
        """Train on all rows; yield the mean loss so far after each batch, or only after the last one."""
        plan, n = self._plan, len(self._rows.x)
        # The order depends only on the seed and the epoch: the same whatever was trained before.
        order = np.random.default_rng((plan.seed, epoch)).permutation(n) if plan.options.shuffle else np.arange(n)
        return self._worker.train_in_pieces(self._rows.train, order.astype(np.int32), by_batch=plan.by_batch)

    def _streamed_epoch(self, stream: RowStream, epoch: int) -> Generator[float, None, None]:
        """Train as `_epoch` does on rows that come in windows, which are read and encoded ahead in a thread."""
        plan, total, count = self._plan, 0.0, 0
        how: dict[str, Any] = {"shuffle": plan.options.shuffle}
        if plan.workers.are_several:
            windows = shared_windows(stream, self._rows.train, plan.seed, epoch, plan.step, **how)
        else:
            windows = stream.windows(plan.seed, epoch, plan.step, **how)
        with Ahead(windows) as ready:
            try:
                for x, y, weights, *counts in ready:
                    rows, loss, tensors = len(x), 0.0, [*_tensors(x, y, weights), *counts]
                    del x, y, weights  # a window is large
                    order = np.arange(rows, dtype=np.int32)
                    rows = int(counts[0].sum()) if counts else rows
                    for loss in self._worker.train_in_pieces(tensors, order, by_batch=plan.by_batch):
                        if plan.by_batch:
                            yield (total + loss * rows) / (count + rows)
                    total, count = total + loss * rows, count + rows
                    self.check_interrupt()
            finally:  # batch by batch, the loop closes this generator after the last one
                self.waited += ready.waited
        if not plan.by_batch:
            yield total / max(1, count)

    def finish(self, before: int) -> Course:
        """Leave the best weights in the learner; return what is known of the epochs, the first of them from a file."""
        plan, hooks, best_epoch = self._plan, self._hooks, round(self._best.epochs.mean())
        self._worker.finish(plan.learner)
        plan.learner.set_weights(self._best.weights)
        hooks.finish()
        if not self.history:
            raise interrupts.Interrupted
        if not _is_finite(self.history[-1]):
            _warn(str(self.stopped), best_epoch, plan.learning_rate)
        by_callback = "" if hooks.rate_from is None else f"; set by a callback from epoch {hooks.rate_from} on"
        history = pd.DataFrame(self.history).astype({"epoch": int})
        return Course(history, best_epoch, str(self.stopped), plan.schedule + by_callback, before, self.waited)


def _is_finite(row: dict[str, float]) -> bool:
    return math.isfinite(row["loss"]) and math.isfinite(row.get("val_loss", 0.0))


def _measured(
    plan: Plan, y: NDArray[Any], scores: NDArray[Any], measure: Callable[[NDArray[Any], NDArray[Any]], float]
) -> NDArray[np.float64]:
    """Return each network's metric on the rows that it leaves out, (networks,); scores are (networks, n, units)."""
    masks = [slice(None)] * len(scores) if plan.left_out is None else plan.left_out.T
    return np.array([measure(y[mask], network[mask]) for mask, network in zip(masks, scores, strict=True)])


def _check_metric(metric: ScoreMetric, plan: Plan, rows: Rows) -> None:
    """Check that a metric is defined on the rows that each network is validated on."""
    if rows.validation is None:
        raise DataError(
            f"metric='{metric.name}' chooses among epochs on validation rows, and there are none: leave it out."
        )
    # Whether it is defined depends on the truth alone, and so any scores will do.
    scores = np.zeros((len(plan.models), len(rows.truth), plan.models[0].output_shape[-1]), np.float32)
    if np.isnan(_measured(plan, rows.truth, scores, metric)).any():
        where = "validation rows" if plan.left_out is None else "rows that each network leaves out"
        raise DataError(
            f"metric='{metric.name}' is not defined on the {where}: they are of one class, or their target does not "
            "vary. Leave it out, or take more rows to validate on."
        )


def _warn(stopped: str, best_epoch: int, learning_rate: float) -> None:
    warnings.warn(
        f"Training stopped: {stopped}. The model has the weights of epoch {best_epoch} (0: before training). "
        f"Try a lower learning_rate (it was {learning_rate:g}) or clip_norm=1.",
        RuntimeWarning,
        stacklevel=5,
    )


def _tensors(x: NDArray[Any] | Pictures, y: NDArray[Any], weights: NDArray[Any] | None = None) -> list[Any]:
    inputs = x if isinstance(x, Pictures) else _tensor(x)
    return [inputs, _tensor(y), None if weights is None else _tensor(np.asarray(weights, np.float32))]


def _tensor(values: NDArray[Any]) -> Any:
    import tensorflow as tf

    return tf.constant(values)
