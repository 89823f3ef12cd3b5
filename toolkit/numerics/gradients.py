"""The gradient check: automatic differentiation against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.checks import check_whole
from toolkit.common.errors import DataError
from toolkit.heads import Head

if TYPE_CHECKING:
    import keras

__all__ = ["GradientCheck", "gradient_check", "targets_for"]

# Errors are relative to at least this share of the largest entry: below it, finite differences are mostly rounding.
_FLOOR = 1e-3
_STEPS = (1e-5, 1e-6, 1e-7)
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class GradientCheck:
    """Automatic differentiation beside finite differences.

    Attributes:
        table: One row per entry: ``weight`` (its variable), ``entry`` (its index in the flattened variable),
            ``automatic``, ``numerical`` (central difference), ``relative_error`` and ``kink``: whether the loss has a
            corner within the smallest step, hence no derivative there.
        worst: The largest relative error of the entries without a kink; NaN where there are none.
        kinks: Number of entries with a kink.
    """

    table: pd.DataFrame
    worst: float
    kinks: int


def gradient_check(
    model: keras.Model, head: Head, x: NDArray[Any], y: NDArray[Any], *, entries: int = 200, seed: int = 0
) -> GradientCheck:
    """Compare the gradient that training follows with finite differences of the loss, both in float64.

    The model is copied in float64, where a step of 1e-5 leaves ten digits; the model itself is not changed. The
    objective is the mean loss of the rows plus the model's weight penalties, without dropout. Each entry takes at least
    four passes over the rows: a few dozen rows are enough.

    Args:
        model: A built Keras model with a linear output, which can be rebuilt from its configuration.
        head: What its scores mean.
        x: Inputs, shape (n, ...).
        y: Encoded targets of the head, first axis n.
        entries: Number of weights to check, drawn at random from all variables.
        seed: Seed of that draw.

    Returns:
        The check. Each error is relative to the larger of the two derivatives, or to a thousandth of the largest
        derivative of all entries where that is larger.

    Raises:
        DataError: `x` and `y` differ in length or are empty, or `entries` is below 1.

    Example:
        >>> from toolkit.builders import mlp
        >>> from toolkit.heads import get_head
        >>> x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
        >>> check = gradient_check(mlp(3, 2, hidden=(4,), activation="tanh"), get_head("multiclass", "softmax"), x, y)
        >>> check.worst < 1e-6, check.kinks
        (True, 0)

    References:
        Machine Learning: Neural Network, IIIT Sri City (numerical gradients).
        Baydin et al. 2018, Automatic differentiation in machine learning: a survey.
    """
    import keras
    import tensorflow as tf

    check_whole("entries", entries, least=1, optional=False)
    if not isinstance(model, keras.Model) or not isinstance(head, Head):
        raise DataError(f"model={model!r}, head={head!r}: expected a built Keras model and the Head of its scores.")
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y) or not len(x):
        raise DataError(f"x has {len(x)} rows and y has {len(y)}: expected the same number, 1 or more.")
    floatx = keras.config.floatx()
    # Layers and losses take their type while they are built: the setting is needed for no longer.
    keras.config.set_floatx("float64")
    try:
        copy = _in_float64(model)
        loss = head.loss()
    finally:
        keras.config.set_floatx(floatx)
    inputs = tf.constant(x, tf.float64)
    targets = tf.constant(targets_for(y, model.output_shape[-1]))

    @tf.function
    def objective() -> Any:
        # Dropout off and batch statistics fixed: the differences need the same function at each call. `add_n` refuses
        # an empty list, hence the 0.
        rows = loss.call(targets, copy(inputs, training=False))
        return tf.reduce_mean(rows) + tf.add_n([tf.constant(0.0, tf.float64), *copy.losses])

    with tf.GradientTape() as tape:
        value = objective()
    variables = copy.trainable_variables
    gradients = tape.gradient(value, [v.value for v in variables])
    automatic = [
        # None: the loss does not depend on this variable.
        np.zeros(v.shape) if g is None else tf.convert_to_tensor(g).numpy()
        for v, g in zip(variables, gradients, strict=True)
    ]

    # All weights are numbered through: (variable, index in the flattened variable).
    pairs = [(i, j) for i, v in enumerate(variables) for j in range(int(np.prod(v.shape)))]
    checked = [pairs[k] for k in sorted(np.random.default_rng(seed).permutation(len(pairs))[:entries])]
    slopes = [_Slope(variables[i], j, lambda: float(objective()), float(value)) for i, j in checked]
    scale = max((abs(slope.central) for slope in slopes), default=0.0)
    rows = []
    for slope, (i, j) in zip(slopes, checked, strict=True):
        kink = not slope.settle(1e-8 * scale)
        exact, numerical = float(automatic[i].ravel()[j]), slope.central
        # Relative to the larger of both; the last term is for gradients that are all 0.
        error = abs(exact - numerical) / max(abs(exact), abs(numerical), _FLOOR * scale, 1e-12)
        rows.append((model.trainable_variables[i].path, j, exact, numerical, error, kink))
    table = pd.DataFrame(rows, columns=["weight", "entry", "automatic", "numerical", "relative_error", "kink"])
    smooth = table.loc[~table["kink"], "relative_error"]
    return GradientCheck(table, float(smooth.max()) if len(smooth) else math.nan, int(table["kink"].sum()))


class _Slope:
    """The central difference of an objective along one entry of a variable, and whether a kink lies within the step."""

    def __init__(self, variable: Any, entry: int, objective: Callable[[], float], value: float) -> None:
        self._variable, self._entry, self._objective, self._value = variable, entry, objective, value
        self._values = variable.numpy()
        self._measure(_STEPS[0])

    def settle(self, tolerance: float) -> bool:
        """Shorten the step until the slopes of a step and of its half agree; return whether they do."""
        for step in _STEPS:
            if step != self.step:
                self._measure(step)
            # Curvature cancels in both differences, so what remains besides rounding is a corner. A corner exactly at
            # the weight shows in the one-sided slopes only: their mean is the same for every step.
            # The loss is rounded to about epsilon of its size, and a quotient of differences divides this by the step.
            if self._spread <= tolerance + 64 * _EPSILON * max(1.0, abs(self._value)) / step:
                return True
        return False

    def _measure(self, step: float) -> None:
        self.step = step * max(1.0, abs(float(self._values.ravel()[self._entry])))
        right, left = self._sides(self.step)
        near_right, near_left = self._sides(self.step / 2)
        self.central = (right + left) / 2
        near = (near_right + near_left) / 2
        # right - left is about step * curvature for a smooth loss, so half the step halves it, and the first term is
        # about 0. Across a corner the difference does not shrink with the step, and the term stays.
        self._spread = max(abs(2 * (near_right - near_left) - (right - left)), abs(near - self.central))
        self.step = step

    def _sides(self, step: float) -> tuple[float, float]:
        """Return the one-sided slopes to the right and to the left."""
        slopes = []
        for signed in (step, -step):
            shifted = self._values.copy()
            shifted.ravel()[self._entry] += signed
            self._variable.assign(shifted)
            # The step as it was rounded, not as it was asked for.
            distance = float(shifted.ravel()[self._entry] - self._values.ravel()[self._entry])
            slopes.append((self._objective() - self._value) / distance)
        self._variable.assign(self._values)
        return slopes[0], slopes[1]


def _in_float64(model: keras.Model) -> keras.Model:
    """Return a copy of the model in float64; the caller has set Keras's ``floatx`` to float64."""

    def widened(config: Any) -> Any:
        if isinstance(config, dict):
            if config.get("class_name") == "DTypePolicy":
                return {**config, "config": {"name": "float64"}}
            return {
                key: "float64" if key == "dtype" and value in ("float16", "bfloat16", "float32") else widened(value)
                for key, value in config.items()
            }
        return [widened(part) for part in config] if isinstance(config, list | tuple) else config

    copy = type(model).from_config(widened(model.get_config()))
    if not copy.built:
        copy.build(model.input_shape)
    copy.set_weights([np.asarray(weight, np.float64) for weight in model.get_weights()])
    return copy


def targets_for(y: Any, units: int) -> NDArray[Any]:
    """Return targets in the shape that a loss on `units` scores takes: class ids (n,), or (n, units)."""
    y = np.asarray(y)
    # (n,) -> (n, 1)
    y = y[:, None] if y.ndim == 1 and units == 1 else y
    return y.astype(np.float64) if y.ndim == 2 and y.shape[1] == units else y
