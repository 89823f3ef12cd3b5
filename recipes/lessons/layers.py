"""A small dense network in float64, as weights, biases and activations that a lesson can follow by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolkit.common.errors import DataError, nearest

__all__ = ["Layer", "derive", "read"]

Floats = NDArray[np.float64]

MAX_UNITS, MAX_LAYERS = 6, 4  # the largest network that a drawing can show


@dataclass(frozen=True)
class Layer:
    """A dense layer.

    Attributes:
        weights: Shape (inputs, units).
        bias: Shape (units,).
        name: Name of the activation.
        activation: The activation, a function from a tensor of scores to a tensor of outputs.
    """

    weights: Floats
    bias: Floats
    name: str
    activation: Callable[[Any], Any]


def read(
    network: Any, x: ArrayLike | None, y: Any, task: str, head: str | None
) -> tuple[list[Layer], Floats, Callable[[Any], Any]]:
    """Check a network and an example.

    Args:
        network: A `keras.Sequential` of dense layers, or a list of (weights, bias, name of the activation).
        x: The input, shape (inputs,).
        y: The target.
        task: What the outputs mean.
        head: Name of the head whose loss is used; None is the default head of the task.

    Returns:
        The layers, the input, and the loss as a function of a tensor of outputs, shape (1, units).

    Raises:
        DataError: The network can't be followed by hand, or the example doesn't fit it.
    """
    import keras
    import tensorflow as tf

    from toolkit.heads import DEFAULT_HEADS, get_head

    if task not in DEFAULT_HEADS:
        raise DataError(f"task={task!r}: expected one of {', '.join(DEFAULT_HEADS)}.{nearest(task, DEFAULT_HEADS)}")
    layers = _from_keras(network) if isinstance(network, keras.Sequential) else _from_list(network)
    widest = max(layer.weights.shape[1] for layer in layers)
    if len(layers) > MAX_LAYERS or widest > MAX_UNITS:
        raise DataError(
            f"the network has {len(layers)} layers of up to {widest} units: the drawing has room for {MAX_LAYERS} "
            f"layers of {MAX_UNITS} units."
        )
    inputs = _floats(x, "x")
    if inputs.shape != layers[0].weights.shape[:1] or len(inputs) > MAX_UNITS:
        expected = min(len(layers[0].weights), MAX_UNITS)
        raise DataError(f"x has shape {inputs.shape}: expected ({expected},), one number per input of the network.")
    units = len(layers[-1].bias)
    if task != "regression" and layers[-1].name != "linear":
        raise DataError(
            f"the last layer applies {layers[-1].name}: for task={task!r} it has to be linear, because the loss takes "
            "scores."
        )
    if task == "binary" and units != 1:
        raise DataError(f"the network has {units} outputs: a binary task needs one score.")
    target = tf.constant(_target(y, task, units))
    row_losses = get_head(task, head or DEFAULT_HEADS[task]).loss().call
    return layers, inputs, lambda outputs: row_losses(target, outputs)


def _target(y: Any, task: str, units: int) -> NDArray[Any]:
    """Return the target of one row as the loss takes it: a class id, shape (1,), or numbers, shape (1, units)."""
    from toolkit.numerics.gradients import targets_for

    shape = () if task == "multiclass" or units == 1 else (units,)
    try:
        values = np.asarray(y)
    except ValueError:  # lists of different lengths
        values = np.array(None)
    # One number or `units` of them, in any shape. The product of an empty shape is 1.
    fits = values.dtype.kind in "biuf" and values.reshape(-1).shape == (int(np.prod(shape)),)
    if not fits or not np.isfinite(values).all():
        expected = f"{units} finite numbers" if shape else "a finite number"
        raise DataError(f"y={y!r}: expected {expected} for this network.")
    accepted = range(units) if task == "multiclass" else (0, 1)
    if task != "regression" and not np.isin(values, list(accepted)).all():
        expected = f"a class id from 0 to {units - 1}" if task == "multiclass" else "0 or 1"
        raise DataError(f"y={y!r}: expected {expected}.")
    dtype = np.int64 if task == "multiclass" else np.float64
    # A batch of one row: (1,) or (1, units)
    return targets_for(values.reshape(1, *shape).astype(dtype), units)


def _from_list(network: Any) -> list[Layer]:
    if not isinstance(network, Sequence) or isinstance(network, str) or not network:
        raise DataError(
            f"network={network!r}: expected a keras.Sequential of dense layers, or a list of layers, each as "
            "(weights, bias, name of the activation)."
        )
    layers: list[Layer] = []
    for number, entry in enumerate(network, start=1):
        if not isinstance(entry, Sequence) or len(entry) != 3 or not isinstance(entry[2], str):
            raise DataError(f"layer {number} of the network: expected (weights, bias, name of the activation).")
        weights, bias = _floats(entry[0], f"weights of layer {number}"), _floats(entry[1], f"bias of layer {number}")
        # The outputs of the layer before; the first layer may take any number.
        inputs = len(layers[-1].bias) if layers else None
        if weights.ndim != 2 or bias.shape != weights.shape[1:] or inputs not in (None, len(weights)):
            raise DataError(
                f"layer {number} has weights of shape {weights.shape} and a bias of shape {bias.shape}: expected "
                f"({'inputs' if inputs is None else inputs}, units) and (units,)."
            )
        layers.append(Layer(weights, bias, entry[2], _activation(entry[2])))
    return layers


def _from_keras(model: Any) -> list[Layer]:
    import keras

    if not model.built:
        raise DataError("the model is not built and has no weights yet: start it with keras.Input((inputs,)).")
    layers: list[Layer] = []
    for part in model.layers:
        if isinstance(part, keras.layers.Dense):
            weights = np.asarray(part.get_weights()[0], np.float64)
            bias = np.asarray(part.get_weights()[1], np.float64) if part.use_bias else np.zeros(weights.shape[1])
            layers.append(Layer(weights, bias, *_keras_activation(part)))
        elif isinstance(part, keras.layers.Activation | keras.layers.LeakyReLU) and layers:
            if layers[-1].name != "linear":
                raise DataError(f"layer '{part.name}' is a second activation after {layers[-1].name}: remove it.")
            # The layer object would cast the scores to float32, so its function is used.
            if isinstance(part, keras.layers.LeakyReLU):
                layers[-1] = replace(layers[-1], name="leaky_relu", activation=_leaky_relu(float(part.negative_slope)))
            else:
                name, activation = _keras_activation(part)
                layers[-1] = replace(layers[-1], name=name, activation=activation)
        elif not isinstance(part, keras.layers.InputLayer | keras.layers.Dropout):
            raise DataError(
                f"layer '{part.name}' is a {type(part).__name__}: only dense layers and activations can be followed "
                "by hand."
            )
    if not layers:
        raise DataError("the model has no dense layer: expected a keras.Sequential of dense layers.")
    return layers


def _keras_activation(layer: Any) -> tuple[str, Callable[[Any], Any]]:
    """Return the name and the function of a layer's activation, if it acts on each score separately."""
    import keras

    activation = layer.activation
    name = getattr(activation, "__name__", type(activation).__name__)
    _activation(name)
    # A user's function may bear the name of one of Keras's.
    if activation is not keras.activations.get(name):
        raise DataError(f"layer '{layer.name}' has a custom activation, {name}: use one of Keras's, by its name.")
    return name, activation


def _activation(name: str) -> Callable[[Any], Any]:
    import keras

    from toolkit.builders import ACTIVATIONS

    accepted = [word for word in ACTIVATIONS if word != "maxout"]
    if name not in accepted:
        raise DataError(f"activation {name!r}: expected one of {', '.join(accepted)}.{nearest(name, accepted)}")
    if name == "leaky_relu":
        return _leaky_relu(0.1)
    return (lambda z: z * 1.0) if name == "linear" else keras.activations.get(name)


def _leaky_relu(slope: float) -> Callable[[Any], Any]:
    import keras

    return lambda z: keras.activations.leaky_relu(z, negative_slope=slope)


def _floats(values: Any, name: str) -> Floats:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}={values!r}: expected numbers.") from None
    if not array.size or not np.isfinite(array).all():
        raise DataError(f"{name}={values!r}: expected finite numbers.")
    return array


def derive(function: Callable[[Any], Any], x: Floats) -> tuple[Floats, Floats]:
    """Return a function's values, and the gradient of their sum with respect to its input."""
    import tensorflow as tf

    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        values = function(inputs)
    # An activation works element by element, so the gradient of the sum holds the slope of each element.
    gradient = tape.gradient(values, inputs)
    return np.asarray(values), np.zeros_like(x) if gradient is None else tf.convert_to_tensor(gradient).numpy()
