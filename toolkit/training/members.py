"""Several networks of one structure in one: side by side in training, then folded into one plain ``keras.Sequential``.

In training each member has its own scores, and a scale of each column may be learned with the weights. Folding writes
all of it into the weights of ordinary layers: the folded network's scores are the mean of the members' scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError

if TYPE_CHECKING:
    import keras

__all__ = ["FEATURE_SCALE", "can_join", "can_scale", "fold", "join", "member_axes"]

#: Name of the layer that scales the columns.
FEATURE_SCALE = "feature_scale"

# Layers that act on each number by itself, so that members side by side don't meet in them.
_ELEMENTWISE = {"Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "GaussianNoise", "GaussianDropout"}
_NOT_ELEMENTWISE = {"softmax", "log_softmax", "sparsemax", "glu"}
_PENALTIES = {"NoneType", "L1", "L2", "L1L2"}
_CONSTRAINTS = {"NoneType", "MaxNorm", "NonNeg"}


def can_join(model: keras.Model) -> bool:
    """Tell whether networks of this structure can be trained side by side: dense layers, and what acts on one number.

    Args:
        model: A built model.

    Example:
        >>> from toolkit.builders import mlp
        >>> can_join(mlp(3, 1)), can_join(mlp(3, 1, batch_norm=True))
        (True, False)
    """
    layers = model.layers
    dense = [layer for layer in layers if _is_dense(layer)]
    return (
        len(model.input_shape) == 2
        and all(_is_dense(layer) or type(layer).__name__ in _ELEMENTWISE for layer in layers)
        and _is_dense(layers[0])
        and _is_dense(layers[-1])
        and not any(getattr(getattr(x, "activation", None), "__name__", "") in _NOT_ELEMENTWISE for x in layers)
        and all(type(layer.kernel_regularizer).__name__ in _PENALTIES for layer in dense)
        and all(type(layer.kernel_constraint).__name__ in _CONSTRAINTS for layer in dense)
        and not any(layer.bias_regularizer or layer.bias_constraint for layer in dense)
    )


def can_scale(model: keras.Model) -> bool:
    """Tell whether a learned scale of each column can be folded into a model: its first layer is dense and free.

    Args:
        model: A built model.
    """
    first = model.layers[0]
    return (
        _is_dense(first) and len(model.input_shape) == 2 and not (first.kernel_regularizer or first.kernel_constraint)
    )


def join(models: Sequence[keras.Sequential], *, feature_scale: bool = False) -> keras.Sequential:
    """Put networks of one structure side by side, each with its own weights.

    Args:
        models: One or more built models that differ in their weights and seeds alone.
        feature_scale: Multiply each column by a number that is learned with the weights, and is 1 at first.

    Returns:
        A model from (n, inputs) to raw scores (n, units); of several models, to (n, members, units).

    Raises:
        DataError: The models hold what can't be joined.

    Example:
        >>> from toolkit.builders import mlp
        >>> join([mlp(3, 2, seed=seed) for seed in range(4)]).output_shape
        (None, 4, 2)
    """
    import keras

    first, members = models[0], len(models)
    kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in first.layers))
    if members > 1 and not can_join(first):
        raise DataError(
            f"networks of {kinds} can't be trained side by side, which is for dense layers with plain activations: "
            "leave seeds out, or train one run a seed."
        )
    if feature_scale and not can_scale(first):
        raise DataError(
            "feature_scale is for a network whose first layer is dense, without penalty or constraint: leave it out."
        )
    layers: list[Any] = [keras.Input(first.input_shape[1:], name="inputs")]
    weights: list[NDArray[Any]] = []
    of = "m" if members > 1 else ""
    if feature_scale:
        inputs = int(first.input_shape[-1])
        shape = (members, inputs) if of else (inputs,)
        layers.append(
            keras.layers.EinsumDense(f"ai,{of}i->a{of}i", shape, kernel_initializer="ones", name=FEATURE_SCALE)
        )
        weights.append(np.ones(shape, np.float32))
    wide = of if feature_scale else ""  # the members' axis of the numbers, once they have one
    for place, layer in enumerate(first.layers):
        own = [model.layers[place].get_weights() for model in models]
        if of and _is_dense(layer):
            layers.append(_side_by_side(layer, members, wide))
            kernels, *biases = (np.stack(values) for values in zip(*own, strict=True))
            weights += [kernels if wide else np.moveaxis(kernels, 0, 1), *biases]
            wide = of
        else:
            layers.append(type(layer).from_config(layer.get_config()))
            weights += own[0]
    joined = keras.Sequential(layers, name=first.name)
    joined.set_weights(weights)
    return joined


def member_axes(joined: keras.Sequential) -> list[int]:
    """Return the members' axis of each weight of what `join` made of several networks."""
    # A first layer that takes the columns as they are has a kernel of shape (inputs, members, units).
    first = 0 if joined.layers[0].name == FEATURE_SCALE else 1
    return [first, *[0] * (len(joined.weights) - 1)]


def fold(joined: keras.Sequential, models: Sequence[keras.Sequential]) -> keras.Sequential:
    """Write what `join` made, trained, into plain layers.

    Args:
        joined: The trained model.
        models: What it was made of; a single one takes the weights and is returned.

    Returns:
        A model from (n, inputs) to raw scores (n, units), the mean of the members': dense layers, with an
        ``EinsumDense`` for each layer between the first and the last. Penalties and constraints of several models are
        left behind.

    Example:
        >>> from toolkit.builders import mlp
        >>> models = [mlp(3, 2, hidden=(4,), seed=seed) for seed in range(5)]
        >>> folded = fold(join(models), models)
        >>> x = np.ones((1, 3), np.float32)
        >>> bool(np.allclose(folded(x), np.mean([model(x) for model in models], axis=0), atol=1e-6))
        True
    """
    import keras

    first, members = models[0], len(models)
    parts = list(joined.layers)
    scale = np.ones((), np.float32)
    if parts[0].name == FEATURE_SCALE:
        scale = parts.pop(0).get_weights()[0]
    weights = [part.get_weights() for part in parts]
    if members == 1:
        if scale.ndim:
            weights[0][0] = scale[:, None] * weights[0][0]
        first.set_weights([value for some in weights for value in some])
        return first

    dense = [place for place, layer in enumerate(first.layers) if _is_dense(layer)]
    kernels = {place: weights[place][0] for place in dense}
    # Where the numbers had no members yet, their place in the kernel is the second.
    kernels[0] = scale[:, :, None] * kernels[0] if scale.ndim else np.moveaxis(kernels[0], 1, 0)
    layers: list[Any] = [keras.Input(first.input_shape[1:], name="inputs")]
    values: list[NDArray[Any]] = []
    for place, layer in enumerate(first.layers):
        biases = weights[place][1:]
        if place == dense[-1]:
            if len(dense) > 2:
                layers.append(keras.layers.Flatten(name="side_by_side"))
            # A mean of scores: of linear models the mean of their weights, otherwise one sum over all members' neurons.
            kernel = kernels[place].mean(axis=0) if place == 0 else np.concatenate(kernels[place]) / members
            layers.append(keras.layers.Dense(layer.units, use_bias=layer.use_bias, name=layer.name))
            values += [kernel, *(bias.mean(axis=0) for bias in biases)]
        elif place == 0:
            units = members * layer.units
            layers.append(keras.layers.Dense(units, layer.activation, layer.use_bias, name=layer.name))
            values += [np.concatenate(kernels[0], axis=1), *(bias.ravel() for bias in biases)]
            if len(dense) > 2:
                layers.append(keras.layers.Reshape((members, layer.units), name="members"))
        elif place in dense:
            layers.append(_side_by_side(layer, members, "m", penalties=False))
            values += weights[place]
        else:
            layers.append(type(layer).from_config(layer.get_config()))
            values += weights[place]
    folded = keras.Sequential(layers, name=first.name)
    folded.set_weights(values)
    return folded


def _is_dense(layer: Any) -> bool:
    return type(layer).__name__ == "Dense"


def _side_by_side(layer: Any, members: int, of: str, *, penalties: bool = True) -> keras.layers.EinsumDense:
    """Return a layer of all members' dense layers; ``of`` is the members' axis where the numbers have one already."""
    import keras

    options: dict[str, Any] = {}
    if penalties:
        constraint = layer.kernel_constraint
        if constraint is not None and of and "axis" in constraint.get_config():
            constraint = type(constraint).from_config(constraint.get_config() | {"axis": 1})
        options = {"kernel_regularizer": layer.kernel_regularizer, "kernel_constraint": constraint}
    return keras.layers.EinsumDense(
        f"a{of}i,{'mio' if of else 'imo'}->amo",
        (members, layer.units),
        activation=layer.activation,
        bias_axes="mo" if layer.use_bias else None,
        name=layer.name,
        **options,
    )
