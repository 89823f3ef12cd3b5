"""A small dense network as weights, biases and activations in float64: what a lesson can follow by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toolkit.common.errors import DataError, nearest

__all__ = ["Layer", "derive", "read"]

Floats = NDArray[np.float64]

WIDEST, DEEPEST = 6, 4  # units a layer and layers that a drawing holds


@dataclass(frozen=True)
class Layer:
    """A dense layer.

    Attributes:
        weights: Shape (inputs, units).
        bias: Shape (units,).
        name: The activation's name.
        activation: The activation, a function of a tensor of scores.
    """

    weights: Floats
    bias: Floats
    name: str
    activation: Callable[[Any], Any]


def read(
    network: Any, x: ArrayLike | None, y: Any, task: str, head: str | None
) -> tuple[list[Layer], Floats, Callable[[Any], Any]]:
    """Return a network's layers, an input, and the loss of its outputs, a function of a tensor (1, units).

    Args:
        network: A `keras.Sequential` of dense layers, or a list of (weights, bias, name of the activation).
        x: The input, shape (inputs,).
        y: The target, as the task writes it.
        task: What the outputs mean.
        head: The loss, by the word of a head of this task; None is its usual one.

    Raises:
        DataError: The network can't be followed by hand, or input and target don't fit it.
    """
    import keras
    import tensorflow as tf

    from toolkit.heads import DEFAULT_HEADS, get_head
    from toolkit.numerics.gradients import targets_for

    if task not in DEFAULT_HEADS:
        raise DataError(f"task={task!r}: expected one of {', '.join(DEFAULT_HEADS)}.{nearest(task, DEFAULT_HEADS)}")
    layers = _of_keras(network) if isinstance(network, keras.Sequential) else _of_list(network)
    if len(layers) > DEEPEST or max(layer.weights.shape[1] for layer in layers) > WIDEST:
        raise DataError(f"a network of at most {DEEPEST} layers and {WIDEST} units a layer can be followed by eye.")
    inputs = _floats(x, "x")
    if inputs.shape != layers[0].weights.shape[:1] or len(inputs) > WIDEST:
        wanted = min(len(layers[0].weights), WIDEST)
        raise DataError(f"x has shape {inputs.shape}: expected ({wanted},), a number for each input of the network.")
    units = len(layers[-1].bias)
    if task != "regression" and layers[-1].name != "linear":
        raise DataError(
            f"the last layer applies {layers[-1].name}: for {task} it is linear, and the loss takes scores."
        )
    if task == "binary" and units != 1:
        raise DataError(f"the network has {units} outputs: a binary task has one score.")
    known = range(units) if task == "multiclass" else (0, 1)
    shape = () if task == "multiclass" or units == 1 else (units,)
    try:
        given = np.asarray(y)
    except ValueError:  # lists of different lengths
        given = np.array(None)
    fits = given.dtype.kind in "biuf" and given.reshape(-1).shape == (int(np.prod(shape)),)
    if not fits or not np.isfinite(given).all():
        wanted = "a number" if not shape else f"{units} numbers"
        raise DataError(f"y={y!r}: expected {wanted} for this network, and none missing or infinite.")
    if task != "regression" and not np.isin(given, list(known)).all():
        raise DataError(
            f"y={y!r}: expected {f'a class id from 0 to {units - 1}' if task == 'multiclass' else '0 or 1'}."
        )
    one = given.reshape(1, *shape)
    target = tf.constant(targets_for(one.astype(np.int64 if task == "multiclass" else np.float64), units))
    by_row = get_head(task, head or DEFAULT_HEADS[task]).loss().call
    return layers, inputs, lambda scores: by_row(target, scores)


def _of_list(network: Any) -> list[Layer]:
    if not isinstance(network, Sequence) or isinstance(network, str) or not network:
        raise DataError(
            f"network={network!r}: expected a keras.Sequential of dense layers, or a list of layers, each (weights, "
            "bias, activation)."
        )
    layers: list[Layer] = []
    for place, entry in enumerate(network, start=1):
        if not isinstance(entry, Sequence) or len(entry) != 3 or not isinstance(entry[2], str):
            raise DataError(f"layer {place} of the network: expected (weights, bias, name of the activation).")
        weights, bias = _floats(entry[0], f"weights of layer {place}"), _floats(entry[1], f"bias of layer {place}")
        before = len(layers[-1].bias) if layers else None
        if weights.ndim != 2 or bias.shape != weights.shape[1:] or before not in (None, len(weights)):
            wanted = "inputs" if before is None else str(before)
            raise DataError(
                f"layer {place} has weights of shape {weights.shape} and a bias of shape {bias.shape}: expected "
                f"({wanted}, units) and (units,)."
            )
        layers.append(Layer(weights, bias, entry[2], _activation(entry[2])))
    return layers


def _of_keras(model: Any) -> list[Layer]:
    import keras

    if not model.built:
        raise DataError("the model was not built, and has no weights yet: begin it with keras.Input((inputs,)).")
    layers: list[Layer] = []
    for part in model.layers:
        if isinstance(part, keras.layers.Dense):
            weights = np.asarray(part.get_weights()[0], np.float64)
            bias = np.asarray(part.get_weights()[1], np.float64) if part.use_bias else np.zeros(weights.shape[1])
            layers.append(Layer(weights, bias, *_known(part)))
        elif isinstance(part, keras.layers.Activation | keras.layers.LeakyReLU) and layers:
            if layers[-1].name != "linear":
                raise DataError(f"layer '{part.name}' is a second activation after {layers[-1].name}: leave one out.")
            # Not the layer itself, which would cast to float32.
            if isinstance(part, keras.layers.LeakyReLU):
                layers[-1] = replace(layers[-1], name="leaky_relu", activation=_leaky(float(part.negative_slope)))
            else:
                name, activation = _known(part)
                layers[-1] = replace(layers[-1], name=name, activation=activation)
        elif not isinstance(part, keras.layers.InputLayer | keras.layers.Dropout):
            raise DataError(
                f"layer '{part.name}' is a {type(part).__name__}: expected dense layers and activations alone, which "
                "can be followed by hand."
            )
    if not layers:
        raise DataError("the model has no dense layer: expected a keras.Sequential of dense layers.")
    return layers


def _known(part: Any) -> tuple[str, Callable[[Any], Any]]:
    """Return the name and the function of a Keras layer's activation, which has to work on each score by itself."""
    import keras

    given = part.activation
    name = getattr(given, "__name__", type(given).__name__)
    _activation(name)
    if given is not keras.activations.get(name):
        raise DataError(f"layer '{part.name}' has an activation of its own, {name}: give Keras's, by its name.")
    return name, given


def _activation(name: str) -> Callable[[Any], Any]:
    import keras

    from toolkit.builders import ACTIVATIONS

    known = [word for word in ACTIVATIONS if word != "maxout"]
    if name not in known:
        raise DataError(f"activation {name!r}: expected one of {', '.join(known)}.{nearest(name, known)}")
    if name == "leaky_relu":
        return _leaky(0.1)
    return (lambda z: z * 1.0) if name == "linear" else keras.activations.get(name)


def _leaky(slope: float) -> Callable[[Any], Any]:
    import keras

    return lambda z: keras.activations.leaky_relu(z, negative_slope=slope)


def _floats(values: Any, name: str) -> Floats:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: expected numbers, and got {values!r}.") from None
    if not array.size or not np.isfinite(array).all():
        raise DataError(f"{name}: expected finite numbers, and got {values!r}.")
    return array


def derive(function: Callable[[Any], Any], at: Floats) -> tuple[Floats, Floats]:
    """Return a function's values, and the derivative of their sum by each number that goes in."""
    import tensorflow as tf

    given = tf.constant(at)
    with tf.GradientTape() as tape:
        tape.watch(given)
        values = function(given)
    slope = tape.gradient(values, given)
    return np.asarray(values), np.zeros_like(at) if slope is None else tf.convert_to_tensor(slope).numpy()
