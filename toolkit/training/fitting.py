"""Training: epoch after epoch with schedules, early stopping and Keras callbacks.

``model.fit`` returns to Python after every batch. Here an epoch is one compiled program
(`toolkit.training.epochs`), and several networks of one structure train in it side by side
(`toolkit.training.members`), or in turns (`toolkit.training.turns`) where they are large. The shuffle is a function of
(seed, epoch).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.options import options_of, refuse_unknown
from toolkit.heads import Head
from toolkit.training.augmentation import augmented, check_augmentation
from toolkit.training.callbacks import checked, moves_rate, wants_batches
from toolkit.training.epochs import Worker, borrow, give_back
from toolkit.training.members import fold, join, member_axes
from toolkit.training.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    checked_number,
    make_optimizer,
)
from toolkit.training.options import Options
from toolkit.training.progress import Progress
from toolkit.training.scoring import gains_from_xla, is_plain, structure
from toolkit.training.stopping import Best, third_wave
from toolkit.training.turns import Turns, gains_from_turns, own_rows

if TYPE_CHECKING:
    import keras

__all__ = ["OPTIMIZERS", "SCHEDULES", "Training", "default_batch_size", "default_epochs", "fit", "held_out"]

_SCALE_FREE = ("adam", "adamw", "rmsprop")
# XLA compiles for one to two seconds longer, and then saves some 0.2 to 2 ms a step: fewer steps don't earn that.
_XLA_STEPS = 2_000


@dataclass(frozen=True)
class Training:
    """What a training leaves behind.

    Attributes:
        model: The trained model, compiled: the one given, or the one that several were folded into.
        members: For several networks: a model from inputs (n, ...) to each one's raw scores, (n, members, units).
        history: A row an epoch: ``epoch`` (from 1), ``loss`` and ``val_loss`` (of the head, smoothed as asked, without
            weight penalties), ``val_<metric>``, ``learning_rate`` (at the epoch's end), ``seconds`` (training alone;
            the first epoch's include the compilation), and ``gradient_norm`` where it was asked for. Of several
            networks, means.
        best_epoch: The epoch whose weights the model holds, of several networks the mean; 0 where even the first
            epoch failed.
        stopped: A sentence that says why training ended.
        settings: Every option as it was resolved.
    """

    model: keras.Sequential
    members: keras.Sequential | None
    history: pd.DataFrame
    best_epoch: int
    stopped: str
    settings: dict[str, Any]


def fit(
    model: keras.Sequential | Sequence[keras.Sequential],
    head: Head,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    validation: tuple[Any, ...] | None = None,
    folds: NDArray[Any] | None = None,
    sample_weight: NDArray[Any] | None = None,
    scale: NDArray[np.float64] | None = None,
    seed: int = 0,
    **options: Any,
) -> Training:
    """Train a model with a head's loss on its raw scores, and leave the best epoch's weights in it.

    With the same batches, and without dropout, it gives the weights of ``model.fit``. It needs the training data in
    memory.

    Several networks of one structure see the rows in the same order; each learns from its own scores and keeps its own
    best epoch; their mean validation loss says when it is enough. With ``folds`` each leaves out other rows to choose
    that epoch on, and together they learn from all. They are then folded into one model, whose scores are the mean of
    theirs: see `toolkit.training.members`.

    Args:
        model: A built Keras model with a linear output, or several that differ in their weights alone.
        head: What the scores mean.
        x: Inputs, shape (n, ...).
        y: Encoded targets of the head, first axis n.
        validation: (x, y) or (x, y, sample_weight) to watch; without it the last epoch is kept.
        folds: In place of ``validation``, for several networks: the fold of each row, shape (n,), from 0. Network k
            learns from the rows outside fold k (of 5 folds, network 5 leaves out fold 0 again) and watches that.
        sample_weight: Weight of each training row, shape (n,), not negative.
        scale: Standard deviations of regression targets, to show their error in the user's units.
        seed: Seed of the order of the rows.
        options: See `toolkit.training.options.Options`.

    Returns:
        The training. Its model holds the weights of the best epoch: the lowest validation loss, or the last epoch
        without validation rows.

    Raises:
        DataError: An option is out of its range, the arrays don't fit each other, or the networks can't be joined.

    Warns:
        RuntimeWarning: The loss stopped being finite; the model holds the last good weights.

    Example:
        >>> from toolkit.builders import linear
        >>> from toolkit.heads import get_head
        >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
        >>> y = (x[:, :1] > 0).astype("float32")
        >>> training = fit(linear(2, 1), get_head("binary", "logistic"), x, y, epochs=3, progress=False)
        >>> list(training.history.columns)
        ['epoch', 'loss', 'learning_rate', 'seconds']
    """
    import keras

    refuse_unknown(options, options_of(Options))
    asked = Options(**options)
    epochs, batch_size, optimizer, learning_rate, schedule = (
        asked.epochs,
        asked.batch_size,
        asked.optimizer,
        asked.learning_rate,
        asked.schedule,
    )
    weight_decay, clip_norm, label_smoothing = asked.weight_decay, asked.clip_norm, asked.label_smoothing
    feature_scale, layer_rates, shift, flip = asked.feature_scale, asked.layer_rates, asked.shift, asked.flip
    patience, min_gradient_norm, callbacks = asked.patience, asked.min_gradient_norm, asked.callbacks
    shuffle, progress = asked.shuffle, asked.progress
    _check_arrays(x, y, sample_weight)
    models = list(model) if isinstance(model, Sequence) else [model]
    callbacks = checked(callbacks)
    least = checked_number("min_gradient_norm", min_gradient_norm, above=0)
    rows = len(x)
    batch = _batch_size(batch_size, rows)
    planned = default_epochs(rows) if epochs is None else _at_least("epochs", epochs, 1)
    wait = _patience(patience, planned, schedule)
    if layer_rates and (not isinstance(optimizer, str) or optimizer not in _SCALE_FREE):
        raise DataError(f"layer_rates is for {', '.join(_SCALE_FREE)}, whose steps don't grow with the gradient.")
    if len(models) > 1 and not isinstance(optimizer, str):
        raise DataError(f"several networks at once take an optimiser by word: {', '.join(OPTIMIZERS)}.")
    checked_number("clip_norm", clip_norm, above=0)
    loss = head.smoothed(label_smoothing)
    if folds is not None and (validation is not None or len(models) == 1 or len(folds) != rows):
        raise DataError("folds is for several networks, one number a row, in place of validation.")
    out = None if folds is None else _left_out(folds, len(models), sample_weight)

    learner = join(models, feature_scale=feature_scale) if len(models) > 1 or feature_scale else models[0]
    shared = not callbacks and isinstance(optimizer, str) and is_plain(learner)
    in_turns = shared and len(models) > 1 and is_plain(models[0]) and gains_from_turns(models[0], batch)
    step, passed = batch, rows  # rows of a step and of a pass of each network
    if in_turns and out is not None:
        step, passed = own_rows(out, batch)
    steps = math.ceil(passed / step)
    # Of networks side by side each one's gradient is clipped by itself, which the optimiser can't see.
    clips = clip_norm if len(models) == 1 or in_turns else None
    moved_rate = any(moves_rate(callback) for callback in callbacks)
    rules = (optimizer, learning_rate, schedule, weight_decay, clips, planned * steps, moved_rate)
    made, rate, falls = make_optimizer(*rules)
    per_batch = any(wants_batches(callback) for callback in callbacks)

    moved = check_augmentation(x, shift, flip)
    data = _on_device(x, y, sample_weight)
    held = [] if validation is None else _on_device(*validation)
    if out is not None and in_turns:
        held = list(data)
    elif out is not None:
        own = (np.ones(rows) if sample_weight is None else np.asarray(sample_weight))[:, None]
        # A mean over all rows is then one over the rows that a network learns from, or is validated on.
        data[2], left = (_tensor((own * some / some.mean(axis=0)).astype(np.float32)) for some in (~out, out))
        held = [*data[:2], left]
    in_all = planned * steps * (len(models) if in_turns else 1)
    how = {"by_layer": layer_rates, "clip_norm": clip_norm, "xla": in_all >= _XLA_STEPS}
    networks = [learner]
    if in_turns:
        networks = [join([model], feature_scale=True) for model in models] if feature_scale else models
    if not shared:
        learner.compile(optimizer=made, loss=head.loss(), metrics=head.keras_metrics())
        key, single = None, Worker(learner, loss, made, step, **how)  # callbacks look at the model while it learns
    else:
        shapes = tuple((tuple(part.shape), part.dtype) for part in data if part is not None)
        key = (structure(networks[0]), head, label_smoothing, rules, step, *how.values(), *shapes)
        single = borrow(key)
        if single is None:
            single = Worker(keras.models.clone_model(networks[0]), loss, make_optimizer(*rules)[0], step, **how)
    if in_turns:
        worker: Worker | Turns = Turns(single, networks, member_axes(learner), out, passed)
    else:
        worker = single
        worker.start(learner)
    called = keras.callbacks.CallbackList(
        list(callbacks), model=learner, epochs=planned, steps=steps, verbose=0, batch_size=batch
    )

    history: list[dict[str, float]] = []
    watched = None
    axes = member_axes(learner) if len(models) > 1 else None
    wave = third_wave(planned) if schedule == "cycles" and patience is None else None
    best = Best(worker.get_weights(), axes, len(models), wait, wave)
    stopped = f"all {planned} epochs were run"
    learner.stop_training = False  # a callback may set it
    called.on_train_begin()
    try:
        with Progress(planned, progress) as shown:
            for epoch in range(1, planned + 1):
                called.on_epoch_begin(epoch - 1)
                started = time.perf_counter()
                order = np.random.default_rng((seed, epoch)).permutation(rows) if shuffle else np.arange(rows)
                order = order.astype(np.int32)
                if any(moved):
                    data[0] = _tensor(augmented(x, *moved, np.random.default_rng((seed, epoch, 1))))
                total = _by_batch(single, data, order, batch, called) if per_batch else worker.train(data, order)
                row: dict[str, float] = {"epoch": epoch, "loss": total / rows}
                seconds = time.perf_counter() - started
                if held:
                    called.on_test_begin()
                    watched, scores = worker.validate(held)
                    row["val_loss"] = float(watched.mean())
                    true = y if validation is None else validation[1]
                    row[f"val_{head.metric}"] = _measured(head, true, scores, out, scale)
                    called.on_test_end({"loss": row["val_loss"]})
                row["learning_rate"] = float(worker.optimizer.learning_rate)
                row["seconds"] = seconds
                if least is not None:
                    row["gradient_norm"] = worker.gradient_norm(data)
                history.append(row)
                if not (math.isfinite(row["loss"]) and math.isfinite(row.get("val_loss", 0.0))):
                    stopped = f"the loss was no longer finite in epoch {epoch}"
                    warnings.warn(
                        f"Training stopped: {stopped}. The model holds the weights of epoch "
                        f"{round(best.epochs.mean())} (0: before training). "
                        f"Try a lower learning_rate (it was {rate:g}) or clip_norm=1.",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                    break
                enough = best.see(epoch, watched, worker.get_weights)
                called.on_epoch_end(epoch - 1, {k: v for k, v in row.items() if k not in ("epoch", "seconds")})
                shown.epoch(row)
                if learner.stop_training:
                    enough = f"a callback stopped it after epoch {epoch}"
                elif least is not None and row["gradient_norm"] < least:
                    enough = f"the gradient's norm {row['gradient_norm']:.3g} fell below {least:g}"
                if enough is not None:
                    stopped = enough
                    break
    except KeyboardInterrupt:
        stopped = f"interrupted by hand in epoch {len(history) + 1}"
    if isinstance(worker, Worker):
        for own, trained in zip(learner.variables, worker.model.variables, strict=True):
            own.assign(trained)  # the random state of dropout goes on from here
    learner.set_weights(best.weights)
    if key is not None:
        give_back(key, single)
    called.on_train_end()
    result = learner if learner is models[0] else fold(learner, models)
    if isinstance(optimizer, str):  # the schedule is over: who trains on starts from the plain rate
        made = make_optimizer(optimizer, learning_rate, "constant", weight_decay, clip_norm, 1, False)[0]
    elif result is not learner:
        made = type(optimizer).from_config(optimizer.get_config())
    if shared or result is not learner:
        result.compile(optimizer=made, loss=head.loss(), metrics=head.keras_metrics())

    settings = {
        "epochs": planned,
        "batch_size": batch,
        "optimizer": made.name if not isinstance(optimizer, str) else optimizer,
        "learning_rate": rate,
        "schedule": falls,
        "weight_decay": float(made.weight_decay or 0.0),
        "clip_norm": clip_norm,
        "label_smoothing": label_smoothing,
        "feature_scale": feature_scale,
        "layer_rates": layer_rates,
        "shift": shift,
        "flip": flip,
        "patience": wait,
        "min_gradient_norm": min_gradient_norm,
        "folds": None if folds is None else int(folds.max()) + 1,
        "shuffle": shuffle,
        "callbacks": [type(callback).__name__ for callback in callbacks],
        "loop": "compiled epoch"
        + (", batch by batch for a callback" if per_batch else "")
        + (", networks in turns" if in_turns else ", networks side by side" if len(models) > 1 else ""),
        "xla": how["xla"] and gains_from_xla(learner),
    }
    frame = pd.DataFrame(history)
    frame = frame.astype({"epoch": int}) if len(frame) else frame
    members = learner if len(models) > 1 else None
    return Training(result, members, frame, round(best.epochs.mean()), stopped, settings)


def held_out(folds: NDArray[Any], members: int) -> NDArray[np.bool_]:
    """Tell which networks leave out which rows.

    Args:
        folds: The fold of each row, shape (n,), from 0.
        members: Number of networks.

    Returns:
        Shape (n, members).

    Example:
        >>> held_out(np.array([0, 1, 2, 2]), 4).astype(int).tolist()
        [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    """
    return folds[:, None] == np.arange(members) % (folds.max() + 1)


def _left_out(folds: NDArray[Any], members: int, sample_weight: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Return what `held_out` does, once each network has rows to learn from and to watch."""
    out = held_out(folds, members)
    counted = out if sample_weight is None else out[np.asarray(sample_weight) > 0]
    if not counted.any(axis=0).all() or counted.all(axis=0).any():
        raise DataError(
            "folds leaves a network no rows of a weight above 0 to learn from, or to watch: number them from 0."
        )
    return out


def _measured(
    head: Head, y: NDArray[Any], scores: NDArray[Any], out: NDArray[np.bool_] | None, scale: NDArray[np.float64] | None
) -> float:
    """Return the mean over networks of the head's metric, of each on the rows that it leaves out."""
    own = [(y, some) if out is None else (y[out[:, k]], some[out[:, k]]) for k, some in enumerate(scores)]
    return float(np.mean([head.measure(true, some, scale) for true, some in own]))


def _on_device(x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None = None) -> list[Any]:
    """Return rows as tensors: one transfer a training."""
    return [_tensor(x), _tensor(y), None if weights is None else _tensor(np.asarray(weights, np.float32))]


def _tensor(values: NDArray[Any]) -> Any:
    import tensorflow as tf

    return tf.constant(values)


def _by_batch(worker: Worker, data: Sequence[Any], order: NDArray[np.int32], batch: int, called: Any) -> float:
    """Run an epoch batch by batch, so that callbacks get each of them."""
    total = 0.0
    for place, start in enumerate(range(0, len(order), batch)):
        called.on_train_batch_begin(place)
        total += worker.train(data, order[start : start + batch])
        called.on_train_batch_end(place, {"loss": total / min(start + batch, len(order))})
    return total


def default_batch_size(rows: int) -> int:
    """Return the rows a step that suit a number of training rows."""
    return 32 if rows <= 2_000 else 128 if rows <= 10_000 else 256 if rows <= 200_000 else 1_024


def default_epochs(rows: int) -> int:
    """Return the passes that suit a number of training rows: about 2,500 steps for few rows, fewer passes for many."""
    if rows > 100_000:
        return max(8, 6_400_000 // rows)
    return min(256, max(64, 2_500 * default_batch_size(rows) // rows))


def _patience(patience: int | None, epochs: int, schedule: str | None) -> int:
    if patience is not None:
        return _at_least("patience", patience, 1)
    return epochs if schedule == "cycles" else max(16, epochs // 4)


def _batch_size(batch_size: int | str | None, rows: int) -> int:
    if batch_size is None:
        batch_size = default_batch_size(rows)
    if batch_size == "all":
        batch_size = rows
    if isinstance(batch_size, str):
        raise DataError(f"batch_size='{batch_size}': expected a number of rows, or 'all'.")
    return min(_at_least("batch_size", batch_size, 1), rows)


def _at_least(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{name}={value!r}: expected a whole number, {least} or more.")
    return int(value)


def _check_arrays(x: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None) -> None:
    if len(x) != len(y):
        raise DataError(f"x has {len(x)} rows and y has {len(y)}.")
    for name, values in (("x", x), ("y", y)):
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise DataError(f"{name} holds a missing or infinite value, first in row {row}: encode the table first.")
    if sample_weight is not None:
        weights = np.asarray(sample_weight, np.float64)
        if weights.shape != (len(x),) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise DataError("sample_weight needs a finite number of 0 or more for each row, not all of them 0.")
