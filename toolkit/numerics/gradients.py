"""The gradient check: automatic differentiation against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.heads import Head

if TYPE_CHECKING:
    import keras

__all__ = ["GradientCheck", "gradient_check", "targets_for"]

# A gradient entry below this share of the largest is compared on that share: beneath it finite differences are noise.
_FLOOR = 1e-3
_STEPS = (1e-5, 1e-6, 1e-7)
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class GradientCheck:
    """Automatic differentiation beside finite differences.

    Attributes:
        table: A row an entry: ``weight`` (its variable), ``entry`` (its place in it, flattened), ``automatic``,
            ``numerical`` (central difference), ``relative_error``, and ``kink`` where the entry was set aside: the
            loss has a corner within reach of the smallest step, and so no derivative there.
        worst: The largest relative error of the entries not set aside; NaN where all were.
        kinks: How many entries were set aside.
    """

    table: pd.DataFrame
    worst: float
    kinks: int


def gradient_check(
    model: keras.Model, head: Head, x: NDArray[Any], y: NDArray[Any], *, entries: int = 200, seed: int = 0
) -> GradientCheck:
    """Compare the gradient that training follows with finite differences of the loss, both in float64.

    A copy of the model is rebuilt in float64, where a step of 1e-5 leaves ten digits; the model itself is untouched.
    What is differentiated is the mean loss of the rows plus the model's weight penalties, with dropout off. Each entry
    takes four passes over the rows or more, so give it a few dozen rows.

    Args:
        model: A built Keras model with a linear output, which can be rebuilt from its configuration.
        head: What its scores mean.
        x: Inputs, shape (n, ...).
        y: Encoded targets of the head, first axis n.
        entries: How many weights to check, drawn evenly from all the variables; all of them where there are fewer.
        seed: Seed of the draw.

    Returns:
        The check. An error is relative to the larger of the two derivatives, or to a thousandth of the largest
        derivative of all where that is more.

    Raises:
        DataError: The rows don't fit each other, or `entries` is not above 0.

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

    if entries < 1:
        raise DataError(f"entries={entries!r}: expected 1 or more.")
    if len(x) != len(y) or not len(x):
        raise DataError(f"x has {len(x)} rows and y has {len(y)}: expected the same number, 1 or more.")
    floatx = keras.config.floatx()
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
        rows = loss.call(targets, copy(inputs, training=False))
        return tf.reduce_mean(rows) + tf.add_n([tf.constant(0.0, tf.float64), *copy.losses])

    with tf.GradientTape() as tape:
        value = objective()
    variables = copy.trainable_variables
    gradients = tape.gradient(value, [v.value for v in variables])
    automatic = [
        np.zeros(v.shape) if g is None else tf.convert_to_tensor(g).numpy()
        for v, g in zip(variables, gradients, strict=True)
    ]

    places = [(i, j) for i, v in enumerate(variables) for j in range(int(np.prod(v.shape)))]
    chosen = np.random.default_rng(seed).permutation(len(places))[:entries]
    slopes = [
        _Slope(variables[i], j, lambda: float(objective()), float(value))
        for i, j in (places[k] for k in sorted(chosen))
    ]
    scale = max((abs(slope.central) for slope in slopes), default=0.0)
    rows = []
    for slope, (i, j) in zip(slopes, (places[k] for k in sorted(chosen)), strict=True):
        kink = not slope.settle(1e-8 * scale)
        mine, theirs = float(automatic[i].ravel()[j]), slope.central
        error = abs(mine - theirs) / max(abs(mine), abs(theirs), _FLOOR * scale, 1e-12)
        rows.append((model.trainable_variables[i].path, j, mine, theirs, error, kink))
    table = pd.DataFrame(rows, columns=["weight", "entry", "automatic", "numerical", "relative_error", "kink"])
    smooth = table.loc[~table["kink"], "relative_error"]
    return GradientCheck(table, float(smooth.max()) if len(smooth) else math.nan, int(table["kink"].sum()))


class _Slope:
    """The central difference of an objective along one entry of a variable, and whether a kink lies within the step."""

    def __init__(self, variable: Any, entry: int, objective: Callable[[], float], here: float) -> None:
        self._variable, self._entry, self._objective, self._here = variable, entry, objective, here
        self._values = variable.numpy()
        self._measure(_STEPS[0])

    def settle(self, tolerance: float) -> bool:
        """Shorten the step until two of them agree, on either side and in the middle; tell whether they ever do."""
        for step in _STEPS:
            if step != self.step:
                self._measure(step)
            # Curvature cancels in both; what is left besides rounding is a corner. A corner at the weight itself shows
            # in the one-sided slopes alone, since their mean is the same for every step.
            if self._spread <= tolerance + 64 * _EPSILON * max(1.0, abs(self._here)) / step:
                return True
        return False

    def _measure(self, step: float) -> None:
        self.step = step * max(1.0, abs(float(self._values.ravel()[self._entry])))
        right, left = self._sides(self.step)
        near_right, near_left = self._sides(self.step / 2)
        self.central = (right + left) / 2
        near = (near_right + near_left) / 2
        self._spread = max(abs(2 * (near_right - near_left) - (right - left)), abs(near - self.central))
        self.step = step

    def _sides(self, step: float) -> tuple[float, float]:
        """Return the slopes towards the right and from the left."""
        found = []
        for signed in (step, -step):
            moved = self._values.copy()
            moved.ravel()[self._entry] += signed
            self._variable.assign(moved)
            taken = float(moved.ravel()[self._entry] - self._values.ravel()[self._entry])
            found.append((self._objective() - self._here) / taken)
        self._variable.assign(self._values)
        return found[0], found[1]


def _in_float64(model: keras.Model) -> keras.Model:
    """Return the model rebuilt in float64 with the same weights; Keras's ``floatx`` is float64 while it is built."""

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
    """Return targets in the shape that the loss of so many scores takes: ids (n,), or (n, units)."""
    y = np.asarray(y)
    y = y[:, None] if y.ndim == 1 and units == 1 else y
    return y.astype(np.float64) if y.ndim == 2 and y.shape[1] == units else y
