"""Optimisers and learning-rate schedules by word."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.common.errors import DataError, nearest

if TYPE_CHECKING:
    import keras

__all__ = ["OPTIMIZERS", "SCHEDULES", "checked_number", "make_optimizer"]

#: Optimisers by word, with the learning rate that each starts from unless one is given.
OPTIMIZERS = {"sgd": 0.05, "momentum": 0.02, "rmsprop": 1e-3, "adam": 1e-3, "adamw": 1e-3}

#: Learning-rate schedules by word.
SCHEDULES = ("constant", "cosine", "cycles", "exponential", "step")


def make_optimizer(
    optimizer: str | keras.optimizers.Optimizer,
    learning_rate: float | None,
    schedule: str | None,
    weight_decay: float | None,
    clip_norm: float | None,
    steps: int,
    moves_rate: bool,
) -> tuple[keras.optimizers.Optimizer, float, str]:
    """Return the optimiser, the rate it starts from and the name of its schedule.

    Args:
        optimizer: A word of `OPTIMIZERS`, or a Keras optimiser, for which the next four must be None.
        learning_rate: Step size at the start; None takes the word's.
        schedule: A word of `SCHEDULES`; None is cosine, or constant where a callback moves the rate.
        weight_decay: Share of each weight, times the rate, taken off at every step; None is the optimiser's own.
        clip_norm: Largest length of the whole gradient; None leaves it free.
        steps: Of the whole training.
        moves_rate: Whether a callback moves the rate.

    Raises:
        DataError: A word is unknown, a number out of its range, or two of them contradict each other.
    """
    import keras

    if not isinstance(optimizer, str):
        own = (learning_rate, schedule, weight_decay, clip_norm)
        names = ("learning_rate", "schedule", "weight_decay", "clip_norm")
        given = [name for name, value in zip(names, own, strict=True) if value is not None]
        if given:
            raise DataError(f"{given[0]} goes into the optimiser itself where you give a Keras one.")
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise DataError(f"optimizer={optimizer!r}: expected one of {', '.join(OPTIMIZERS)}, or a Keras optimiser.")
        if optimizer.use_ema:
            raise DataError("use_ema averages the weights in model.fit alone: leave it out.")
        if optimizer.built:
            raise DataError("the optimiser has been used before: give each training one of its own.")
        return optimizer, float(optimizer.learning_rate), "the optimiser's own"
    if optimizer not in OPTIMIZERS:
        raise DataError(
            f"optimizer '{optimizer}' is not known (known: {', '.join(OPTIMIZERS)}).{nearest(optimizer, OPTIMIZERS)}"
        )
    rate = checked_number("learning_rate", learning_rate, above=0) or OPTIMIZERS[optimizer]
    checked_number("weight_decay", weight_decay, above=-math.ulp(0.0))
    if schedule is not None and moves_rate and schedule != "constant":
        raise DataError(f"schedule='{schedule}' and a callback would both move the learning rate: leave one out.")
    falls = schedule or ("constant" if moves_rate else "cosine")
    schedules = keras.optimizers.schedules
    match falls:
        case "constant":
            course: Any = rate
        case "cosine":
            course = schedules.CosineDecay(rate, steps)
        case "cycles":
            course = _cycles(rate, steps)
        case "exponential":
            course = schedules.ExponentialDecay(rate, steps, 0.01)
        case "step":
            course = schedules.PiecewiseConstantDecay([steps // 2, steps * 3 // 4], [rate, rate / 10, rate / 100])
        case _:
            raise DataError(
                f"schedule '{falls}' is not known (known: {', '.join(SCHEDULES)}).{nearest(falls, SCHEDULES)}"
            )
    options: dict[str, Any] = {"global_clipnorm": clip_norm}
    if weight_decay is not None:
        options["weight_decay"] = weight_decay
    if optimizer == "momentum":
        options["momentum"] = 0.9
    kinds = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    return kinds.get(optimizer, keras.optimizers.SGD)(course, **options), rate, falls


def _cycles(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return four waves from 0 to the rate and back, each twice as long as the one before.

    References:
        ``coslog4`` of Holzmueller, Grinsztajn and Steinwart, Better by Default, NeurIPS 2024.
    """
    import keras

    class Cycles(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            done = keras.ops.cast(step, "float32") / steps
            waves = keras.ops.log2(1 + 15 * keras.ops.minimum(done, 1.0))
            return rate * 0.5 * (1 - keras.ops.cos(2 * math.pi * waves))

        def get_config(self) -> dict[str, Any]:
            return {}

    return Cycles()


def checked_number(name: str, value: Any, *, above: float) -> float | None:
    """Return an option that is a finite number above another, or None.

    Raises:
        DataError: It is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not above < value < math.inf:
        least = "above 0" if above == 0 else "of 0 or more"
        raise DataError(f"{name}={value!r}: expected a number {least}.")
    return float(value)
