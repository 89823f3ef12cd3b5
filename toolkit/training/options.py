"""The options of a training: each is declared, documented, checked and given its default here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from toolkit.common.checks import check_bool, check_number, check_whole
from toolkit.common.errors import DataError, nearest
from toolkit.common.files import check_writable
from toolkit.common.options import documented
from toolkit.metrics.own_metrics import checked_metrics
from toolkit.training.callbacks import check_restorable, checked
from toolkit.training.saved_state import state_path

if TYPE_CHECKING:
    import keras

__all__ = ["OPTIMIZERS", "SCHEDULES", "Options", "default_batch_size", "default_epochs"]

#: Optimizers by name, with their default learning rates.
OPTIMIZERS = {"sgd": 0.05, "momentum": 0.02, "rmsprop": 1e-3, "adam": 1e-3, "adamw": 1e-3}

#: Learning-rate schedules by name.
SCHEDULES = ("constant", "cosine", "cycles", "exponential", "step")

_SCALE_FREE = ("adam", "adamw", "rmsprop")  # their steps do not grow with the gradient


@documented
@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a training, as `toolkit.training.fit` takes them."""

    epochs: Annotated[
        int | None,
        "Passes over the training rows. By default 64, more for few rows (2,500 steps, at most 256 passes), fewer from "
        "100,000 rows on.",
    ] = None
    batch_size: Annotated[
        int | str | None,
        "Rows per step, including those that a network leaves out; 'all' is the whole set. By default 32 up to 2,000 "
        "rows, 128 up to 10,000, 256 up to 200,000, then 1,024.",
    ] = None
    optimizer: Annotated[
        str | keras.optimizers.Optimizer, "sgd, momentum, rmsprop, adam or adamw; in Python any Keras optimizer too."
    ] = "adam"
    learning_rate: Annotated[float | None, "Step size at the start; by default the optimizer's."] = None
    schedule: Annotated[
        str | None,
        "How the learning rate changes over the planned epochs: 'constant', 'cosine' (to 0), 'cycles' (up and down "
        "four times, each cycle twice as long), 'exponential' (to 1 %), 'step' (a tenth at one half, a hundredth at "
        "three quarters). By default cosine, or constant where a callback sets the rate. A callback of your own that "
        "sets the rate ends the schedule.",
    ] = None
    beta_2: Annotated[
        float | None,
        "With adam or adamw: how slowly the running mean of squared gradients forgets, 0 to below 1; by default 0.999. "
        "A lower number adapts each weight's step faster.",
    ] = None
    weight_decay: Annotated[
        float | None, "Share of each weight, times the rate, subtracted at every step; by default the optimizer's."
    ] = None
    clip_norm: Annotated[float | None, "Largest norm of a network's whole gradient; by default no limit."] = None
    label_smoothing: Annotated[
        float,
        "Share of each target that cross-entropy spreads over all classes, 0 to below 1. Scores then stay small; "
        "calibration sharpens the probabilities afterwards.",
    ] = 0.0
    feature_scale: Annotated[
        bool,
        "Multiply each column by a learned number, which is folded into the first layer afterwards. That layer must be "
        "dense and without penalty.",
        "columns",
    ] = False
    layer_rates: Annotated[
        bool,
        "With adam, adamw or rmsprop: multiply the rate of each dense layer's weights by the root of 256 over its "
        "inputs, of biases by 1.6, of the columns' scales by 96.",
    ] = False
    shift: Annotated[
        int, "Move each image by up to this many pixels up or down and left or right, anew in each epoch.", "images"
    ] = 0
    flip: Annotated[bool, "Mirror each image, left to right, in about half of the epochs.", "images"] = False
    metric: Annotated[
        str | None,
        "What chooses the best epoch on the validation rows, each of which counts once; by default the loss. For "
        "regression rmse, mae, r2, median_absolute_error; for binary log_loss, roc_auc, average_precision, "
        "brier_score, accuracy, balanced_accuracy, f1; for multiclass log_loss, roc_auc, accuracy, balanced_accuracy, "
        "f1_macro; for multilabel log_loss, roc_auc, hamming_loss, subset_accuracy, f1_micro, f1_macro. The recipes "
        "smooth no labels by themselves for log_loss, brier_score, roc_auc and average_precision.",
    ] = None
    metrics: Annotated[
        Sequence[Callable[[Any, Any], Any]],
        "Metrics of your own: functions of the true and the predicted labels or numbers, such as those of "
        "sklearn.metrics. Each is followed on the validation rows and reported under its name, and callbacks can "
        "monitor val_<name>.",
    ] = ()
    patience: Annotated[
        int | None,
        "Epochs without a lower validation loss, or a better metric=, before training stops. By default a quarter of "
        "the epochs, at least 16; 'cycles' skips the fourth cycle if the third brought none (from 32 epochs).",
    ] = None
    extra_cycles: Annotated[
        int,
        "With schedule 'cycles', from 32 epochs and without patience: how many cycles may follow the fourth, each "
        "twice as long as the one before, while the last one lowered the validation loss by at least 5 % and was best "
        "at its end.",
    ] = 0
    time_limit: Annotated[
        float | None,
        "Seconds after which training ends, compilation included; at least one epoch is run. The best epoch by then "
        "answers, and settings that the default network had no time for are left out. By default no limit. With a "
        "limit the same call need not give the same weights.",
    ] = None
    min_gradient_norm: Annotated[
        float | None, "Stop when the norm of the gradient over all training rows is below this; by default never."
    ] = None
    callbacks: Annotated[
        Sequence[keras.callbacks.Callback],
        "Keras callbacks, called at each epoch, and at each batch where they ask for batches, which is slower. They "
        "see the current weights and rate; what they don't set stays as it is without them. The settings of the "
        "default network are trained one after another, each from on_train_begin to on_train_end with the same "
        "callbacks: CSVLogger(append=True) keeps the epochs of all.",
    ] = ()
    xla: Annotated[
        bool | None,
        "Compile with XLA: one to two seconds more, then 0.2 to 2 ms less per step. By default from 2,000 steps on, "
        "for layers that XLA runs faster.",
    ] = None
    in_turns: Annotated[
        bool | None, "Train several networks in turns, not side by side; by default where they are large."
    ] = None
    shuffle: Annotated[bool, "Draw a new order of the rows in every epoch."] = True
    resume: Annotated[
        str | Path | None,
        "Folder in which the state of the training is saved after epochs (so often that it takes a tenth of the time "
        "at most). If the training is killed or interrupted, the same call goes on from there, to the same weights.",
    ] = None
    progress: Annotated[bool, "Show the progress of the training."] = True

    def __post_init__(self) -> None:
        """Check what can be checked without the rows.

        Raises:
            DataError: An option is out of its range, or two of them contradict each other.
        """
        for name, choices in (("optimizer", tuple(OPTIMIZERS)), ("schedule", SCHEDULES)):
            value = getattr(self, name)
            if (isinstance(value, str) or (name == "schedule" and value is not None)) and value not in choices:
                raise DataError(
                    f"{name} '{value}' is not known (known: {', '.join(choices)}).{nearest(value, choices)}"
                )
        for name in ("learning_rate", "clip_norm", "min_gradient_norm", "time_limit"):
            check_number(name, getattr(self, name))
        check_number("weight_decay", self.weight_decay, zero=True)
        for name in ("epochs", "patience"):
            check_whole(name, getattr(self, name), least=1)
        check_whole("extra_cycles", self.extra_cycles, least=0)
        if isinstance(self.batch_size, str) and self.batch_size != "all":
            raise DataError(f"batch_size='{self.batch_size}': expected a number of rows, or 'all'.")
        if self.batch_size != "all":
            check_whole("batch_size", self.batch_size, least=1)
        for name in ("feature_scale", "layer_rates", "flip", "shuffle", "progress"):
            check_bool(name, getattr(self, name))
        if not (self.xla is None or isinstance(self.xla, bool)):
            raise DataError(f"xla={self.xla!r}: expected True, False or None.")
        if self.beta_2 is not None:
            check_number("beta_2", self.beta_2, zero=True)
            if self.beta_2 >= 1:
                raise DataError(f"beta_2={self.beta_2!r}: expected a number below 1.")
            if self.optimizer not in ("adam", "adamw"):
                raise DataError("beta_2 is for the optimizers adam and adamw by name: leave it out.")
        if self.layer_rates and not (isinstance(self.optimizer, str) and self.optimizer in _SCALE_FREE):
            raise DataError(f"layer_rates needs one of the optimizers {', '.join(_SCALE_FREE)}: leave it out.")
        # A single callback or metric is accepted too; a frozen dataclass is assigned to in this way.
        object.__setattr__(self, "callbacks", checked(self.callbacks))
        object.__setattr__(self, "metrics", checked_metrics(self.metrics))
        if self.resume is not None:
            check_restorable(self.callbacks)
            check_writable(state_path(self.resume))


def default_batch_size(rows: int) -> int:
    """Return the default rows per step for a number of training rows."""
    return 32 if rows <= 2_000 else 128 if rows <= 10_000 else 256 if rows <= 200_000 else 1_024


def default_epochs(rows: int) -> int:
    """Return the default epochs: about 2,500 steps for few training rows, fewer epochs for many rows.

    Example:
        >>> [default_epochs(rows) for rows in (1_000, 10_000, 1_000_000, 4_000_000, 30_000_000)]
        [80, 64, 8, 4, 2]
    """
    if rows > 2_000_000:
        return max(2, 16_000_000 // rows)
    if rows > 100_000:
        return max(8, 6_400_000 // rows)
    return min(256, max(64, 2_500 * default_batch_size(rows) // rows))
