"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.common.errors import DataError
from toolkit.training.callbacks import moves_rate
from toolkit.training.options import OPTIMIZERS, Options

if TYPE_CHECKING:
    import keras

__all__ = ["PLANNED", "make_optimizer"]

#: Schedules that are planned by a rate and a number of steps, which may be variables.
PLANNED = ("cosine", "cycles", "exponential")


def make_optimizer(
    options: Options, steps: int, clip_norm: float | None, override: Any = None, planned_by: Sequence[Any] | None = None
) -> tuple[keras.optimizers.Optimizer, float, str]:
    """Return the optimizer for a training of so many steps, its initial learning rate and the name of its schedule.

    Args:
        options: The options.
        steps: Steps of the whole training.
        clip_norm: The gradient's largest norm, in place of the option: networks side by side are not clipped here.
        override: A variable that takes over the rate of an optimizer by name, once it is no longer NaN.
        planned_by: Variables that the schedules of `PLANNED` take for the rate and the steps, to be changed later.

    Raises:
        DataError: Two options contradict each other.
    """
    import keras

    optimizer, schedule = options.optimizer, options.schedule
    if not isinstance(optimizer, str):
        for name, value in [(name, getattr(options, name)) for name in ("learning_rate", "schedule", "weight_decay")]:
            if value is not None:
                raise DataError(f"{name}={value!r}: set it in the Keras optimizer itself.")
        if clip_norm is not None:
            raise DataError(f"clip_norm={clip_norm!r}: set global_clipnorm in the Keras optimizer itself.")
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise DataError(f"optimizer={optimizer!r}: expected one of {', '.join(OPTIMIZERS)}, or a Keras optimizer.")
        if optimizer.use_ema:
            raise DataError("use_ema averages the weights only in model.fit: leave it out.")
        if optimizer.built:
            raise DataError("the optimizer has been used before: make a new one for each training.")
        if isinstance(optimizer.get_config()["learning_rate"], dict) and any(map(moves_rate, options.callbacks)):
            raise DataError("the optimizer's schedule and a callback both change the learning rate: give it a number.")
        return optimizer, float(optimizer.learning_rate), "the optimizer's own"
    rate = float(options.learning_rate or OPTIMIZERS[optimizer])
    by_callback = any(moves_rate(callback) for callback in options.callbacks)
    if schedule is not None and by_callback and schedule != "constant":
        raise DataError(f"schedule='{schedule}' and a callback both change the learning rate: leave one of them out.")
    schedule = schedule or ("constant" if by_callback else "cosine")
    keywords: dict[str, Any] = {"global_clipnorm": clip_norm}
    if options.weight_decay is not None:
        keywords["weight_decay"] = float(options.weight_decay)
    if options.beta_2 is not None:
        keywords["beta_2"] = float(options.beta_2)
    if optimizer == "momentum":
        keywords["momentum"] = 0.9
    kinds = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
    kind = kinds.get(optimizer, keras.optimizers.SGD)
    planned = _rate_over_steps(schedule, rate, steps)
    if planned_by is not None and schedule in PLANNED:
        planned_by[0].assign(rate)
        planned_by[1].assign(steps)
        planned.initial_learning_rate, planned.decay_steps = planned_by
    return kind(planned if override is None else _overridable(planned, override), **keywords), rate, schedule


def _rate_over_steps(schedule: str, rate: float, steps: int) -> Any:
    import keras

    schedules = keras.optimizers.schedules
    match schedule:
        case "constant":
            return rate
        case "cosine":
            return schedules.CosineDecay(rate, steps)
        case "cycles":
            return _cycles(rate, steps)
        case "exponential":
            return schedules.ExponentialDecay(rate, steps, 0.01)
        case _:
            return schedules.PiecewiseConstantDecay([steps // 2, steps * 3 // 4], [rate, rate / 10, rate / 100])


def _overridable(planned: Any, override: Any) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the planned rate, a number or a schedule, until a variable holds another than NaN."""
    import keras

    class Overridable(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            rate = planned(step) if callable(planned) else planned
            return keras.ops.where(keras.ops.isnan(override), rate, override)

        def get_config(self) -> dict[str, Any]:
            return {}

    return Overridable()


def _cycles(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return four cycles from 0 to the rate and back, each twice as long as the one before; later steps go on alike.

    References:
        ``coslog4`` of Holzmueller, Grinsztajn and Steinwart, Better by Default, NeurIPS 2024.
    """
    import keras

    class Cycles(keras.optimizers.schedules.LearningRateSchedule):
        def __init__(self) -> None:
            self.initial_learning_rate, self.decay_steps = rate, steps

        def __call__(self, step: Any) -> Any:
            # Cycles 1 to 4 take 1, 2, 4 and 8 fifteenths of the steps, so log2(1 + 15 * done) counts them: 0 to 4, and
            # on to 5 and 6 where training goes on.
            done = keras.ops.cast(step, "float32") / self.decay_steps
            cycles = keras.ops.log2(1 + 15 * done)
            return self.initial_learning_rate * 0.5 * (1 - keras.ops.cos(2 * math.pi * cycles))

        def get_config(self) -> dict[str, Any]:
            return {}

    return Cycles()
