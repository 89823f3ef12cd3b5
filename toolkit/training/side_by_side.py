"""Several networks of one structure in one model: trained side by side, then folded into a plain ``keras.Sequential``.

In training each member has scores of its own, and a scale of each column may be learned with the weights. Folding
writes all of it into the weights of ordinary layers: the folded network's scores are the mean of the members' scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError

if TYPE_CHECKING:
    import keras

__all__ = ["can_join", "can_scale", "fold", "has_scale", "join", "member_axes", "scaled_dense", "separate"]

# Name and equations of the layer that scales the columns, of one network and of several.
_FEATURE_SCALE = "feature_scale"
_SCALES = ("ai,i->ai", "ai,mi->ami")

# Layers that act on each number separately, so that members side by side don't mix in them.
_ELEMENTWISE = {"Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "GaussianNoise", "GaussianDropout"}
_ONLY_IN_TRAINING = {"Dropout", "GaussianNoise", "GaussianDropout"}
_NOT_ELEMENTWISE = {"softmax", "log_softmax", "sparsemax", "glu"}
_PENALTIES = {"NoneType", "L1", "L2", "L1L2"}
_CONSTRAINTS = {"NoneType", "MaxNorm", "NonNeg"}


def can_join(model: keras.Model) -> bool:
    """Return whether networks of this structure can be trained side by side: dense layers and elementwise ones.

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
    """Return whether a learned scale of each column can be folded into a model's first layer."""
    first = model.layers[0]
    return (
        _is_dense(first) and len(model.input_shape) == 2 and not (first.kernel_regularizer or first.kernel_constraint)
    )


def join(models: Sequence[keras.Sequential], *, feature_scale: bool = False) -> keras.Sequential:
    """Put networks of one structure side by side, each with its own weights.

    Args:
        models: One or more built models that differ only in their weights and seeds.
        feature_scale: Multiply each column by a number that is learned with the weights, and is 1 at first.

    Returns:
        A model from (n, inputs) to raw scores (n, units), or for several models (n, members, units).

    Raises:
        DataError: The models hold layers that can't be joined.

    Example:
        >>> from toolkit.builders import mlp
        >>> join([mlp(3, 2, seed=seed) for seed in range(4)]).output_shape
        (None, 4, 2)
    """
    import keras

    first, members = models[0], len(models)
    _check(first, members, feature_scale)
    layers: list[Any] = [keras.Input(first.input_shape[1:], name="inputs")]
    weights: list[NDArray[Any]] = []
    # The subscript of the members' axis. Between layers numbers are (n, units), or (n, members, units) once they have
    # passed a layer of several members:  (n, i) -> feature_scale (n, m, i) -> dense (n, m, o). Kernels (i, o) become
    # (m, i, o), but (i, m, o) in the first layer, which can then multiply all members' kernels with the same rows.
    m = "m" if members > 1 else ""
    if feature_scale:
        inputs = int(first.input_shape[-1])
        shape = (members, inputs) if m else (inputs,)
        layers.append(keras.layers.EinsumDense(_SCALES[bool(m)], shape, kernel_initializer="ones", name=_FEATURE_SCALE))
        weights.append(np.ones(shape, np.float32))
    has_members = bool(m) and feature_scale
    for index, layer in enumerate(first.layers):
        member_weights = [model.layers[index].get_weights() for model in models]
        if m and _is_dense(layer):
            layers.append(_dense_of_members(layer, members, has_members, is_first=index == 0))
            kernels, *biases = (np.stack(arrays) for arrays in zip(*member_weights, strict=True))
            weights += [kernels if index else np.moveaxis(kernels, 0, 1), *biases]
            has_members = True
        else:
            layers.append(type(layer).from_config(layer.get_config()))
            weights += member_weights[0]
    joined = keras.Sequential(layers, name=first.name)
    joined.set_weights(weights)
    return joined


def member_axes(joined: keras.Sequential) -> list[int]:
    """Return the members' axis of each weight of a model that `join` made of several networks."""
    # The kernel of the first dense layer is (inputs, members, units).
    kernel = 1 if has_scale(joined) else 0
    return [int(index == kernel) for index in range(len(joined.weights))]


def has_scale(model: keras.Model) -> bool:
    """Return whether a model begins with the scale of the columns that `join` puts there."""
    first = model.layers[0]
    return first.name == _FEATURE_SCALE and getattr(first, "equation", "") in _SCALES


def scaled_dense(scale: keras.layers.Layer, dense: keras.layers.Layer, x: Any) -> Any:
    """Return what the scale of the columns and the first dense layer of a joined model make of rows x (n, inputs).

    The scale multiplies the kernel, not the rows, so that one matrix product gives the gradients of both.
    """
    import tensorflow as tf

    dtype = dense.compute_dtype
    # (i, 1) * (i, o), or for several members (i, m, 1) * (i, m, o); then (n, i) -> (n, o) or (n, m, o).
    kernel = tf.cast(tf.expand_dims(tf.transpose(scale.kernel.value), -1) * dense.kernel.value, dtype)
    sums = tf.tensordot(tf.cast(x, dtype), kernel, 1)
    return dense.activation(sums if dense.bias is None else sums + tf.cast(dense.bias.value, dtype))


def fold(
    joined: keras.Sequential, models: Sequence[keras.Sequential], shares: NDArray[np.float64] | None = None
) -> keras.Sequential:
    """Write the weights of a trained joined model into plain layers.

    Args:
        joined: The trained model that `join` returned.
        models: The models that it was made of; a single one takes the weights and is returned.
        shares: What each member's scores are multiplied by before they are added, shape (members,); by default one over
            the number of members, so that they answer with their mean.

    Returns:
        A model from (n, inputs) to raw scores (n, units), the weighted sum of the members' scores: dense layers, with
        an ``EinsumDense`` for each layer between the first and the last. Penalties and constraints of several models
        are not kept.

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
    trained = list(joined.layers)
    scale = np.ones((), np.float32)
    if has_scale(joined):
        scale = trained.pop(0).get_weights()[0]
    weights = [layer.get_weights() for layer in trained]
    if members == 1:
        if scale.ndim:  # (i, 1) * (i, o): the scaled input enters the first layer only
            weights[0][0] = scale[:, None] * weights[0][0]
        first.set_weights([array for arrays in weights for array in arrays])
        return first

    shares = np.full(members, 1 / members) if shares is None else shares
    # Each kernel as (m, i, o), the scale (m, i) of the columns multiplied into the first.
    dense = [index for index, layer in enumerate(first.layers) if _is_dense(layer)]
    kernels = {index: weights[index][0] for index in dense}
    kernels[0] = scale[..., None] * np.moveaxis(kernels[0], 1, 0)
    layers: list[Any] = [keras.Input(first.input_shape[1:], name="inputs")]
    values: list[NDArray[Any]] = []
    for index, layer in enumerate(first.layers):
        biases = weights[index][1:]
        if index == dense[-1]:  # (n, m, i) or (n, m * i) -> (n, o): the sum over members is part of the kernel
            if len(dense) > 2:
                layers.append(keras.layers.Flatten(name="side_by_side"))
            weighted = shares[:, None, None] * kernels[index]
            kernel = weighted.sum(axis=0) if index == 0 else np.concatenate(weighted)
            layers.append(keras.layers.Dense(layer.units, use_bias=layer.use_bias, name=layer.name))
            values += [kernel, *(shares @ bias for bias in biases)]
        elif index == 0:  # (n, i) -> (n, m * o): all members' neurons in one dense layer
            units = members * layer.units
            layers.append(keras.layers.Dense(units, layer.activation, layer.use_bias, name=layer.name))
            values += [np.concatenate(kernels[0], axis=1), *(bias.ravel() for bias in biases)]
            if len(dense) > 2:  # -> (n, m, o)
                layers.append(keras.layers.Reshape((members, layer.units), name="members"))
        elif index in dense:  # (n, m, i) -> (n, m, o)
            layers.append(_dense_of_members(layer, members, has_members=True, is_first=False, penalties=False))
            values += weights[index]
        else:
            layers.append(type(layer).from_config(layer.get_config()))
            values += weights[index]
    folded = keras.Sequential(layers, name=first.name)
    folded.set_weights(values)
    return folded


def separate(
    joined: keras.Sequential, models: Sequence[keras.Sequential], inputs: NDArray[np.bool_] | None = None
) -> list[keras.Sequential]:
    """Return each network of a trained joined model by itself, its scale of the columns multiplied into its weights.

    Dropout and noise, which act only in training and may differ from network to network, are left out.

    Args:
        joined: The trained model that `join` returned.
        models: The models that it was made of.
        inputs: Where the networks see only some of the inputs: which ones, shape (all inputs,). The networks that are
            returned take all of them, and have weights of 0 for the others.

    Example:
        >>> from toolkit.builders import mlp
        >>> models = [mlp(2, 1, hidden=(4,), seed=seed) for seed in range(3)]
        >>> first, *_ = separate(join(models), models, np.array([True, False, True]))
        >>> first(np.array([[1.0, 9.0, 2.0]])).numpy() == models[0](np.array([[1.0, 2.0]])).numpy()
        array([[ True]])
    """
    import keras

    axes, arrays = member_axes(joined), joined.get_weights()
    networks = []
    for member, model in enumerate(models):
        weights = arrays
        if len(models) > 1:
            weights = [np.take(array, member, axis) for array, axis in zip(arrays, axes, strict=True)]
        if has_scale(joined):  # (i, 1) * (i, o)
            scale, kernel, *rest = weights
            weights = [scale[:, None] * kernel, *rest]
        width = model.input_shape[-1]
        if inputs is not None:
            width, kernel = len(inputs), np.zeros((len(inputs), weights[0].shape[1]), np.float32)
            kernel[inputs] = weights[0]
            weights = [kernel, *weights[1:]]
        kept = [layer for layer in model.layers if type(layer).__name__ not in _ONLY_IN_TRAINING]
        network = keras.Sequential([keras.Input((width,)), *(type(x).from_config(x.get_config()) for x in kept)])
        network.set_weights(weights)
        networks.append(network)
    return networks


def _check(model: keras.Sequential, members: int, feature_scale: bool) -> None:
    if members > 1 and not can_join(model):
        kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in model.layers))
        raise DataError(
            f"networks of {kinds} can't be trained side by side, which needs dense layers with plain activations: "
            "leave members out, or train one run per seed."
        )
    if feature_scale and not can_scale(model):
        raise DataError(
            "feature_scale needs a network whose first layer is dense, without penalty or constraint: leave it out."
        )


def _is_dense(layer: Any) -> bool:
    return type(layer).__name__ == "Dense"


def _dense_of_members(
    layer: Any, members: int, has_members: bool, *, is_first: bool, penalties: bool = True
) -> keras.layers.EinsumDense:
    """Return one layer for all members' dense layers.

    Args:
        layer: The dense layer of one member.
        members: Number of members.
        has_members: Whether the layer's input is (n, members, inputs) and not (n, inputs).
        is_first: Whether it is the first dense layer, with a kernel (inputs, members, units).
        penalties: Whether to keep penalty and constraint.
    """
    import keras

    options: dict[str, Any] = {}
    if penalties:
        constraint = layer.kernel_constraint
        if constraint is not None and not is_first and "axis" in constraint.get_config():
            # The inputs' axis of a kernel (m, i, o) is 1, where a dense layer's own (i, o) has it at 0.
            constraint = type(constraint).from_config(constraint.get_config() | {"axis": 1})
        options = {"kernel_regularizer": layer.kernel_regularizer, "kernel_constraint": constraint}
    return keras.layers.EinsumDense(
        f"{'ami' if has_members else 'ai'},{'imo' if is_first else 'mio'}->amo",
        (members, layer.units),
        activation=layer.activation,
        bias_axes="mo" if layer.use_bias else None,
        name=layer.name,
        **options,
    )
