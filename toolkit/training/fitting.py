"""Train networks: one call from a built model to a trained one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.backend import keep_random_state, load_keras
from toolkit.common.checks import check_whole
from toolkit.common.errors import DataError
from toolkit.common.options import options_of, refuse_unknown
from toolkit.data.pictures import Pictures, pillow_silenced
from toolkit.heads import Head
from toolkit.training.identity import identity
from toolkit.training.loop import Course, rows_on_device, run_epochs
from toolkit.training.optimizers import make_optimizer
from toolkit.training.options import Options
from toolkit.training.picture_rows import PictureRows
from toolkit.training.plan import Plan, programs
from toolkit.training.row_stream import RowStream
from toolkit.training.saved_state import SavedState
from toolkit.training.scoring import Scorer
from toolkit.training.side_by_side import fold

if TYPE_CHECKING:
    import keras

__all__ = ["Training", "fit", "held_out", "unseen"]


_VALIDATION = ("the validation rows", "the validation targets", "the validation weights")


@dataclass(frozen=True)
class Training:
    """The result of a training.

    Attributes:
        model: The trained model, compiled: the one that was given, or the one that several were folded into.
        members: For several networks: a model from inputs (n, ...) to each one's raw scores, (n, members, units).
        history: One row per epoch: ``epoch`` (from 1), ``loss`` and ``val_loss`` (the head's loss, smoothed as asked,
            without weight penalties; ``loss`` is on soft targets where there are some), ``val_<metric>`` of the head
            and of the option ``metric``, ``learning_rate`` (at the end of the epoch), ``seconds`` (without validation;
            the first epoch includes the compilation), and ``gradient_norm`` where it was asked for. For several
            networks, their means.
        best_epoch: The epoch whose weights the model has, for several networks the mean; 0 where even the first epoch
            failed.
        stopped: Why training ended, as a clause.
        settings: Every option with the value that was used.
        resumed_after: The epoch after which it went on from a saved state; 0 where it began anew.
        resumed_seconds: Seconds of the epochs before that, which this call did not run; of all settings of a pack.
        waited_seconds: Seconds in which no rows of a stream were ready; of all settings of a pack.
        shares: For several networks: what each one's scores are multiplied by before they are added, shape (networks,).
        pack: For networks of several settings (`toolkit.training.pack`): one row per setting.
    """

    model: keras.Sequential
    members: keras.Sequential | None
    history: pd.DataFrame
    best_epoch: int
    stopped: str
    settings: dict[str, Any]
    resumed_after: int = 0
    shares: NDArray[np.float64] | None = None
    pack: pd.DataFrame | None = None
    resumed_seconds: float = 0.0
    waited_seconds: float = 0.0


@keep_random_state()
def fit(
    model: keras.Sequential | Sequence[keras.Sequential],
    head: Head,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    validation: tuple[Any, ...] | None = None,
    folds: NDArray[Any] | None = None,
    sample_weight: NDArray[Any] | None = None,
    soft_targets: NDArray[Any] | None = None,
    scale: NDArray[np.float64] | None = None,
    seed: int = 0,
    stream: RowStream | None = None,
    **options: Any,
) -> Training:
    """Train a model with a head's loss on its raw scores, and leave the best epoch's weights in it.

    With the same batches, and without dropout, it gives the weights of ``model.fit``.

    Several networks of one structure see the rows in the same order; each learns from its own scores and keeps its own
    best epoch; their mean validation loss decides when to stop. With ``folds`` each leaves out other rows to choose
    that epoch on, and together they learn from all. They are then folded into one model, which returns the mean of
    their scores.

    Args:
        model: A built Keras model with a linear output, or several that differ only in their weights.
        head: What the scores mean.
        x: Inputs, shape (n, ...). `toolkit.data.pictures.Pictures` are decoded anew in each epoch.
        y: Encoded targets of the head, first axis n.
        validation: Rows to validate on, (x, y) or (x, y, sample_weight); without any the last epoch is kept.
        folds: For several networks, in place of ``validation``: the fold of each row, shape (n,), from 0. Network k
            learns from the rows outside fold k (of 5 folds, network 5 leaves out fold 0 again) and is validated on it.
        sample_weight: Weight of each training row, shape (n,), not negative.
        soft_targets: With ``folds``, what each network learns in place of y, shape (n, networks, units); for classes
            their probabilities. It is validated on y all the same.
        scale: Standard deviations of regression targets, to show the error in the user's units.
        seed: Seed of the order of the rows.
        stream: The rows to learn from, read anew in each epoch, where they don't fit into memory; x, y and the weights
            are then a sample of them.
        options: See `toolkit.training.Options`.

    Returns:
        The training. Its model has the weights of the best epoch by the validation loss or by ``metric``, or without
        validation rows of the last.

    Raises:
        DataError: An option is out of its range, the arrays don't fit each other, or the networks can't be joined.

    Warns:
        RuntimeWarning: The loss is no longer finite; the model has the last good weights.

    Example:
        >>> from toolkit.builders import linear
        >>> from toolkit.heads import get_head
        >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
        >>> y = (x[:, :1] > 0).astype("float32")
        >>> training = fit(linear(2, 1), get_head("binary", "logistic"), x, y, epochs=3, progress=False)
        >>> list(training.history.columns)
        ['epoch', 'loss', 'learning_rate', 'seconds']
    """
    load_keras()
    refuse_unknown(options, options_of(Options))
    check_whole("seed", seed, least=0, optional=False)
    models = list(model) if isinstance(model, Sequence) else [model]
    x, y = _inputs("x", x), _array("y", y)
    _check_models(models, head, x)
    _check_arrays(x, y, sample_weight)
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise DataError("validation: expected rows to validate on, (x, y) or (x, y, sample_weight).")
        validation = (_inputs("validation x", validation[0]), _array("validation y", validation[1]), *validation[2:])
    if folds is not None and (validation is not None or len(models) == 1 or len(folds) != len(x)):
        raise DataError("folds needs several networks and one number per row, and replaces validation.")
    _check_soft_targets(soft_targets, head, folds, (len(x), len(models), models[0].output_shape[-1]))
    # (n, networks), true where a network leaves a row out of its training to be validated on it.
    left_out = None if folds is None else _left_out(folds, len(models), sample_weight)
    checked_options = Options(**options)
    if isinstance(x, Pictures):
        stream = PictureRows(x, y, sample_weight, checked_options.shift, checked_options.flip)
    if stream is not None and left_out is not None:
        raise DataError("folds needs all rows in memory: give validation rows with a stream.")
    plan = Plan(models, head, checked_options, x, left_out, seed, stream, soft=soft_targets is not None)
    rows = rows_on_device(plan, x, y, sample_weight, validation, stream, soft_targets)
    arrays = {"the training rows": x, "their targets": y, "their weights": sample_weight, "the folds": folds}
    arrays |= {"the soft targets": soft_targets}
    arrays |= dict(zip(_VALIDATION, (*(validation or ()), None, None, None), strict=False))
    saved = _saved_state(plan, arrays | {"the scales of the targets": scale}, stream)
    silenced = pillow_silenced() if isinstance(x, Pictures) else nullcontext()
    with programs(plan, rows.train) as worker, silenced:
        course = run_epochs(worker, plan, rows, scale, saved)
    trained, optimizer = _finished(plan)
    several = len(models) > 1
    return Training(
        trained,
        plan.learner if several else None,
        course.history,
        course.best_epoch,
        course.stopped,
        _settings(plan, course, optimizer, folds, stream),
        course.resumed_after,
        np.full(len(models), 1 / len(models)) if several else None,
        resumed_seconds=float(course.history["seconds"][: course.resumed_after].sum()),
        waited_seconds=course.waited,
    )


def _saved_state(plan: Plan, arrays: dict[str, Any], stream: RowStream | None) -> SavedState | None:
    """Return the state to go on from and to save, where one is asked for; the arrays tell other trainings apart."""
    if plan.options.resume is None:
        return None
    streamed = {"the streamed rows": None if stream is None else stream.fingerprint}
    return SavedState(plan.options.resume, identity(plan, arrays | streamed), plan.workers)


def held_out(folds: NDArray[Any], members: int) -> NDArray[np.bool_]:
    """Return which of several networks leave out which rows, shape (n, members); the folds (n,) count from 0.

    Example:
        >>> held_out(np.array([0, 1, 2, 2]), 4).astype(int).tolist()
        [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    """
    return folds[:, None] == np.arange(members) % (folds.max() + 1)


def unseen(training: Training, x: NDArray[Any], folds: NDArray[Any] | None) -> NDArray[np.float32]:
    """Return the score of each row by the networks that have not learned from it, shape (n, units).

    Args:
        training: What `fit` returned.
        x: Inputs of rows that the training left out, shape (n, ...).
        folds: The fold of each row, shape (n,), where each network left out a fold; None where all left out the rows.
    """
    if folds is None or training.members is None or training.shares is None:
        return Scorer(training.model)(x)
    scores, shares = Scorer(training.members)(x), training.shares  # (n, networks, units), (networks,)
    # The weighted mean over the networks that left a row out, times the sum of all shares.
    used = held_out(folds, len(shares)) * shares
    used *= shares.sum() / used.sum(axis=1, keepdims=True)
    return np.einsum("nmu,nm->nu", scores, used).astype(np.float32)


def _left_out(folds: NDArray[Any], members: int, sample_weight: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Return `held_out`, checked: each network has rows to learn from and to be validated on."""
    left_out = held_out(folds, members)
    counted = left_out if sample_weight is None else left_out[np.asarray(sample_weight) > 0]
    if not counted.any(axis=0).all() or counted.all(axis=0).any():
        raise DataError(
            "folds leaves a network no rows of a weight above 0 to learn from, or to validate on: number them from 0."
        )
    return left_out


def _finished(plan: Plan) -> tuple[keras.Sequential, keras.optimizers.Optimizer]:
    """Fold the learner into the model that is returned, and compile it for further training."""
    options = plan.options
    model = plan.learner if plan.learner is plan.models[0] else fold(plan.learner, plan.models)
    optimizer = plan.optimizer
    if isinstance(options.optimizer, str):  # the schedule is over: further training starts from the plain rate
        constant = dataclasses.replace(options, schedule="constant")
        optimizer = make_optimizer(constant, 1, options.clip_norm)[0]
    elif model is not plan.learner:
        optimizer = type(optimizer).from_config(optimizer.get_config())
    model.compile(optimizer=optimizer, loss=plan.head.loss(), metrics=plan.head.keras_metrics())
    return model, optimizer


def _settings(
    plan: Plan,
    course: Course,
    optimizer: keras.optimizers.Optimizer,
    folds: NDArray[Any] | None,
    stream: RowStream | None,
) -> dict[str, Any]:
    """Return every option with the value that was used."""
    names = options_of(Options, leave_out=("in_turns", "progress"))
    by_batch = ", batch by batch for a callback" if plan.by_batch else ""
    resumed = f", resumed after epoch {course.resumed_after}" if course.resumed_after else ""
    window = "" if stream is None else f", in windows of {stream.window(plan.step):,} rows"
    loop = f"compiled steps of {plan.workers.world} workers" if plan.workers.are_several else "compiled epoch"
    networks = ", networks in turns" if plan.in_turns else ", networks side by side" if len(plan.models) > 1 else ""
    return {name: getattr(plan.options, name) for name in names} | {
        "epochs": plan.epochs,
        "batch_size": plan.batch_size,
        "optimizer": plan.options.optimizer if isinstance(plan.options.optimizer, str) else optimizer.name,
        "learning_rate": plan.learning_rate,
        "schedule": course.schedule,
        "weight_decay": float(optimizer.weight_decay or 0.0),
        "metric": plan.options.metric or "loss",
        "patience": plan.patience,
        "metrics": [metric.__name__ for metric in plan.options.metrics],
        "callbacks": [type(callback).__name__ for callback in plan.options.callbacks],
        "resume": None if plan.options.resume is None else f"{plan.options.resume}{resumed}",
        "xla": plan.xla,
        "folds": None if folds is None else int(folds.max()) + 1,
        "loop": f"{loop}{window}{by_batch}{networks}",
    }


def _check_soft_targets(
    soft_targets: NDArray[Any] | None, head: Head, folds: NDArray[Any] | None, shape: tuple[int, int, int]
) -> None:
    """Check that each network has targets of its own, shape (n, networks, units), and rows that it leaves out."""
    if soft_targets is None:
        return
    if folds is None or not head.takes_soft_targets:
        raise DataError("soft_targets needs folds, and a head of squared error, logistic or softmax cross-entropy.")
    if np.shape(soft_targets) != shape or not np.isfinite(soft_targets).all():
        raise DataError(f"soft_targets has shape {np.shape(soft_targets)}; expected finite numbers, shape {shape}.")


def _inputs(name: str, values: Any) -> Any:
    """Return inputs as an array, shape (n, ...), or as the pictures that they are."""
    return values if isinstance(values, Pictures) else _array(name, values)


def _array(name: str, values: Any) -> NDArray[Any]:
    """Return numbers as an array, shape (n, ...)."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"{name} has rows of different lengths: encode the table first.") from None
    if array.ndim == 0 or array.dtype.kind not in "biuf" or not len(array):
        raise DataError(
            f"{name} has shape {array.shape} and type {array.dtype}; expected rows of numbers: encode the table first."
        )
    return array


def _check_models(models: Sequence[Any], head: object, x: NDArray[Any]) -> None:
    import keras

    if not models or not all(isinstance(model, keras.Model) for model in models):
        raise DataError(f"model={models[0] if models else models!r}: expected a built Keras model, or several.")
    if not isinstance(head, Head):
        raise DataError(f"head={head!r}: expected a Head, such as toolkit.heads.get_head('binary', 'logistic').")
    expected = (getattr(models[0], "input_shape", None) or x.shape)[1:]
    # A side that is None takes any size.
    sides = zip(expected, x.shape[1:], strict=False)
    if len(expected) != x.ndim - 1 or any(size not in (None, actual) for size, actual in sides):
        raise DataError(f"x has shape {x.shape}; the model takes (n, {', '.join(map(str, expected))}).")


def _check_arrays(x: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None) -> None:
    if len(x) != len(y):
        raise DataError(f"x has {len(x)} rows and y has {len(y)}: give one target per row.")
    for name, values in (("x", x), ("y", y)):
        # Files hold finite numbers only.
        if isinstance(values, np.ndarray) and values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise DataError(f"{name} holds a missing or infinite value, first in row {row}: encode the table first.")
    if sample_weight is not None:
        weights = _array("sample_weight", sample_weight).astype(np.float64)
        if weights.shape != (len(x),) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise DataError("sample_weight needs a finite number of 0 or more for each row, not all of them 0.")
