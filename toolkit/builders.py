"""Builders: functions that return a ``keras.Sequential`` whose last layer is linear.

The output is always raw scores (logits), as the losses take them. Initial weights, dropout and the rest are seeded one
by one, so that building a model neither reads nor changes a global random state.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Integral, Real
from typing import TYPE_CHECKING, Annotated, Any

from toolkit.backend import load_keras
from toolkit.common.checks import check_bool, check_number, check_whole
from toolkit.common.errors import DataError, nearest
from toolkit.common.options import documented

if TYPE_CHECKING:
    import keras

__all__ = ["ACTIVATIONS", "BUILDERS", "architecture", "cnn", "linear", "mlp"]

MAXOUT_PIECES = 2
# For the running mean and variance of batch normalization: with Keras's 0.99 they need hundreds of steps.
_MOMENTUM = 0.9
_WIDEST = 100_000  # neurons of a layer: wider ones are slips of the keyboard, and exhaust the memory

_GLOROT = ("linear", "sigmoid", "hard_sigmoid", "tanh", "softsign", "softplus", "maxout")
_HE = ("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "swish", "mish", "celu")

#: Every activation by name, with the initializer that keeps the variance of its outputs steady.
#: He et al. 2015 for the rectifiers, Glorot and Bengio 2010 for the symmetric ones, LeCun 1998 for SELU.
ACTIVATIONS = dict.fromkeys(_GLOROT, "glorot_uniform") | dict.fromkeys(_HE, "he_normal") | {"selu": "lecun_normal"}

Initializer = Annotated[str, "Any Keras initializer by name, such as he_normal; 'auto' chooses by the activation."]
L1 = Annotated[float, "Strength of the penalty on the sum of absolute weights. With l2 as well: elastic net."]
L2 = Annotated[float, "Strength of the penalty on the sum of squared weights."]
MaxNorm = Annotated[float | None, "Largest length of each unit's incoming weight vector; by default no limit."]
Pixels = Annotated[
    tuple[float, float],
    "For images: what the first layer subtracts from each raw pixel, and what it divides by. The recipes pass the mean "
    "and the standard deviation of the training pixels.",
]
Activation = Annotated[
    str | Sequence[str],
    "Activation of all hidden layers, or one per layer: a name of toolkit.builders.ACTIVATIONS. leaky_relu has "
    "slope 0.1; maxout takes the larger of two linear pieces per unit.",
]
BiasSpread = Annotated[
    float,
    "Standard deviation of the hidden layers' initial biases; 0 starts them at 0. With 1 the neurons bend at "
    "different inputs from the first step on.",
]
DropoutRate = Annotated[
    float | Sequence[float],
    "Share of hidden outputs set to zero at random in training, 0 to below 1; for all layers, or one per layer.",
]
Seed = Annotated[int, "Seed of the initial weights and of dropout."]


@documented
def linear(
    inputs: int | tuple[int, int, int],
    units: int,
    *,
    initializer: Initializer = "auto",
    l1: L1 = 0.0,
    l2: L2 = 0.0,
    max_norm: MaxNorm = None,
    pixels: Pixels = (0.0, 255.0),
    seed: Seed = 0,
) -> keras.Sequential:
    """Build a linear model: one dense layer from the columns to the scores.

    With a softmax or logistic head this is logistic regression, with a hinge head a linear support vector machine,
    with a squared head linear regression. It is the wrong tool where the effect of a column depends on another: use
    `mlp`.

    Args:
        inputs: As for `mlp`.
        units: As for `mlp`.

    Returns:
        A model from (n, inputs) to raw scores (n, units), not compiled.

    Example:
        >>> linear(4, 3).count_params()
        15
    """
    penalties: dict[str, Any] = {"l1": l1, "l2": l2, "max_norm": max_norm}
    return mlp(inputs, units, hidden=(), initializer=initializer, **penalties, pixels=pixels, seed=seed)


@documented
def mlp(
    inputs: int | tuple[int, int, int],
    units: int,
    *,
    hidden: Annotated[Sequence[int], "Neurons of each hidden layer; () is a linear model."] = (256, 256, 256),
    activation: Activation = "relu",
    initializer: Initializer = "auto",
    bias_spread: BiasSpread = 0.0,
    l1: L1 = 0.0,
    l2: L2 = 0.0,
    max_norm: MaxNorm = None,
    dropout: DropoutRate = 0.0,
    batch_norm: Annotated[bool, "Normalize each hidden layer's sums over the batch, before the activation."] = False,
    pixels: Pixels = (0.0, 255.0),
    seed: Seed = 0,
) -> keras.Sequential:
    """Build a multi-layer perceptron: dense hidden layers, then a linear layer of scores.

    Args:
        inputs: Number of input columns; or height, width and channels of images, whose pixels are then its columns.
        units: Number of scores: one for a binary task, otherwise one per class, label or target.

    Returns:
        A model from (n, inputs) to raw scores (n, units), not compiled.

    Raises:
        DataError: An argument is out of its range, or a name is unknown.

    References:
        Ioffe and Szegedy, Batch Normalization, ICML 2015.

    Example:
        >>> model = mlp(3, 2, hidden=(4,), activation="tanh")
        >>> model.count_params()  # 3-4-2: (3 + 1) * 4 + (4 + 1) * 2
        26
    """
    load_keras()
    import keras

    hidden = _widths(hidden)
    activations = _per_layer("activation", activation, len(hidden))
    dropouts = _per_layer("dropout", dropout, len(hidden))
    _check(inputs, units, dropouts, l1=l1, l2=l2, bias_spread=bias_spread)
    check_number("max_norm", max_norm)
    check_bool("batch_norm", batch_norm)
    # Kernels and dropout count from 1, biases from 501: bias_spread changes no other number.
    seeds, bias_seeds = itertools.count(seed * 1_000 + 1), itertools.count(seed * 1_000 + 501)

    def dense(width: int, kind: str, name: str, use_bias: bool = True) -> keras.layers.Dense:
        biases = keras.initializers.RandomNormal(stddev=bias_spread, seed=next(bias_seeds)) if bias_spread else "zeros"
        return keras.layers.Dense(
            width,
            use_bias=use_bias,
            kernel_initializer=_initializer(initializer, kind, next(seeds)),
            bias_initializer=biases if name != "scores" else "zeros",
            kernel_regularizer=keras.regularizers.L1L2(l1=l1, l2=l2) if l1 or l2 else None,
            kernel_constraint=keras.constraints.MaxNorm(max_norm) if max_norm else None,
            name=name,
        )

    # (n, inputs) or (n, height, width, channels) -> (n, columns) -> (n, width) per hidden layer -> (n, units)
    layers: list[Any] = [keras.Input((inputs,), name="columns")] if isinstance(inputs, int) else _raw(inputs, pixels)
    if not isinstance(inputs, int):
        layers.append(keras.layers.Flatten(name="columns"))
    for i, (width, kind, rate) in enumerate(zip(hidden, activations, dropouts, strict=True), start=1):
        _check_activation(kind)
        pieces = MAXOUT_PIECES if kind == "maxout" else 1
        # A bias before batch normalization would be subtracted again.
        layers.append(dense(width * pieces, kind, f"hidden_{i}", use_bias=not batch_norm))
        if batch_norm:
            layers.append(keras.layers.BatchNormalization(name=f"batch_norm_{i}"))
        layers.extend(_activation_layers(kind, width, f"{kind}_{i}"))
        if rate:
            layers.append(keras.layers.Dropout(rate, seed=next(seeds), name=f"dropout_{i}"))
    layers.append(dense(units, "linear", "scores"))
    return keras.Sequential(layers, name="mlp" if hidden else "linear")


@documented
def cnn(
    inputs: int | tuple[int, int, int],
    units: int,
    *,
    filters: Annotated[int, "Filters of the first convolution; training time grows with the square."] = 32,
    dropout: Annotated[float, "Share of the averaged features set to zero at random in training, 0 to below 1."] = 0.0,
    pixels: Pixels = (0.0, 255.0),
    seed: Seed = 0,
) -> keras.Sequential:
    """Build a convolutional network for images of about 8 to 128 pixels: it finds shapes wherever they are.

    Convolutions of 3 x 3 pixels alternate with max pooling (2 x 2) and batch normalization, until at most 3 pixels per
    side are left; each has `filters` more filters than the one before. What remains is averaged over all positions. The
    first convolution of larger images has a stride, so that about 32 pixels per side remain.

    Args:
        inputs: Height, width and channels of the images.
        units: As for `mlp`.

    Returns:
        A model from raw pixels (n, height, width, channels) to raw scores (n, units), not compiled.

    Raises:
        DataError: An argument is out of its range, or the inputs are columns.

    References:
        Ioffe and Szegedy, Batch Normalization, ICML 2015; Lin, Chen and Yan, Network In Network (the average over
        places), ICLR 2014.

    Example:
        >>> model = cnn((28, 28, 1), 10)
        >>> [layer.output.shape[1:] for layer in model.layers if layer.name.startswith("convolution")]
        [(28, 28, 32), (14, 14, 64), (7, 7, 96), (3, 3, 128)]
    """
    load_keras()
    import keras

    if isinstance(inputs, int):
        raise DataError("cnn is for images, and the inputs are columns: write build='mlp'.")
    if not isinstance(inputs, tuple | list) or len(inputs) != 3 or not all(map(_is_whole, inputs)):
        raise DataError(f"inputs={inputs!r}: expected three whole numbers, (height, width, channels).")
    inputs = (int(inputs[0]), int(inputs[1]), int(inputs[2]))
    check_whole("filters", filters, least=1, most=4_096, optional=False)
    _check(inputs, units, (dropout,))
    # 128 x 128 -> step 4 -> sides of 32; 28 x 28 -> step 1 -> sides of 28.
    step = max(1, round(math.sqrt(inputs[0] * inputs[1]) / 32))
    sides = tuple(-(-side // step) for side in inputs[:2])
    # 28 -> 14 -> 7 -> 3 are 3 halvings: log2(28 / 3.999), rounded up. A side of exactly 4 is halved once more.
    halvings = max(0, math.ceil(math.log2(min(sides) / 3.999)))
    seeds = itertools.count(seed * 1_000 + 1)
    layers = _raw(inputs, pixels)
    for i in range(1, halvings + 2):
        stride = step if i == 1 else 1
        layers.append(
            keras.layers.Conv2D(
                filters * i,
                # 3 x 3 at stride 1. With a larger stride the window grows, so that neighboring windows still overlap.
                2 * stride + 1,
                strides=stride,
                padding="same",
                use_bias=False,  # batch normalization would subtract it again
                kernel_initializer=_initializer("auto", "relu", next(seeds)),
                name=f"convolution_{i}",
            )
        )
        if i <= halvings:  # first, so that normalization and activation have a quarter of the numbers left
            layers.append(keras.layers.MaxPooling2D(name=f"halving_{i}"))
        layers.append(keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"batch_norm_{i}"))
        layers.append(keras.layers.Activation("relu", name=f"relu_{i}"))
    layers.append(keras.layers.GlobalAveragePooling2D(name="average"))
    if dropout:
        layers.append(keras.layers.Dropout(dropout, seed=next(seeds), name="dropout"))
    layers.append(
        keras.layers.Dense(units, kernel_initializer=_initializer("auto", "linear", next(seeds)), name="scores")
    )
    return keras.Sequential(layers, name="cnn")


#: Builders by name.
BUILDERS: dict[str, Callable[..., Any]] = {"linear": linear, "mlp": mlp, "cnn": cnn}


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _raw(shape: tuple[int, int, int], pixels: tuple[float, float]) -> list[Any]:
    """Return the first layers of a network for images, which take raw pixels."""
    import keras

    center, spread = pixels
    # Rescaling computes x * scale + offset: (x - center) / spread = x * (1 / spread) - center / spread.
    return [keras.Input(shape, name="pixels"), keras.layers.Rescaling(1 / spread, -center / spread, name="rescaled")]


def _activation_layers(kind: str, width: int, name: str) -> list[Any]:
    import keras

    if kind == "linear":
        return []
    if kind == "leaky_relu":
        return [keras.layers.LeakyReLU(negative_slope=0.1, name=name)]
    if kind == "maxout":
        return [
            # (n, pieces * width) -> (n, pieces, width) -> the largest piece of each unit (n, width)
            keras.layers.Reshape((MAXOUT_PIECES, width), name=f"{name}_pieces"),
            keras.layers.GlobalMaxPooling1D(name=name),
        ]
    return [keras.layers.Activation(kind, name=name)]


def _initializer(name: str, activation: str, seed: int) -> keras.initializers.Initializer:
    import keras

    if name == "auto":
        name = ACTIVATIONS[activation]
    if not isinstance(name, str):
        raise DataError(f"initializer={name!r}: expected the name of a Keras initializer, such as 'he_normal'.")
    try:
        initializer = keras.initializers.get(name)
    except ValueError as error:
        names = sorted(n for n in dir(keras.initializers) if n[0].islower() and n not in ("get", "serialize"))
        raise DataError(f"initializer '{name}' is not known to Keras.{nearest(name, names)}") from error
    # `get` takes no seed, so the initializer is rebuilt with one. Zeros and ones have none.
    config = initializer.get_config()
    return type(initializer).from_config(config | ({"seed": seed} if "seed" in config else {}))


def _widths(hidden: Any) -> tuple[int, ...]:
    is_list = isinstance(hidden, Iterable) and not isinstance(hidden, str | Set | Mapping)
    widths: tuple[Any, ...] = tuple(hidden) if is_list else (hidden,)
    for width in widths:
        number = float(width) if isinstance(width, Real) and not isinstance(width, bool) else 0.0
        if not number.is_integer() or not 1 <= number <= _WIDEST:
            raise DataError(
                f"hidden={hidden!r}: expected the neurons of each layer, whole numbers from 1 to {_WIDEST:,}, such as "
                "hidden=(64, 32)."
            )
    return tuple(int(width) for width in widths)


def _per_layer(name: str, value: Any, layers: int) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * layers
    if len(value) != layers:
        raise DataError(f"{name} names {len(value)} layers, but hidden has {layers}: give one value, or one per layer.")
    return list(value)


def _check_activation(kind: str) -> None:
    if kind == "sign":
        raise DataError(
            "activation 'sign' has derivative 0 everywhere, so gradients can't train it: use 'tanh', its smooth form."
        )
    if kind not in ACTIVATIONS:
        raise DataError(
            f"activation {kind!r} is not known (known: {', '.join(ACTIVATIONS)}).{nearest(kind, ACTIVATIONS)}"
        )


def _check(inputs: int | tuple[int, ...], units: int, dropouts: Sequence[float], **strengths: float) -> None:
    if min(inputs if isinstance(inputs, tuple) else (inputs,)) < 1 or units < 1:
        raise DataError(f"a model needs at least one input and one output; got inputs={inputs}, units={units}.")
    for name, value in strengths.items():
        check_number(name, value, zero=True)
    for rate in dropouts:
        if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 <= rate < 1:
            raise DataError(f"dropout={rate!r}: expected a share from 0 to below 1.")


def architecture(model: keras.Model) -> list[dict[str, Any]]:
    """Return what a built model consists of: one dictionary per layer.

    A neuron is a unit of a dense layer (for networks side by side, of each of them) or a filter of a convolution; a
    maxout unit counts once, with the parameters of all its pieces. Moving statistics of batch normalization are not
    learnable and are not counted.

    Returns:
        For each layer ``layer`` (its name), ``type``, ``activation`` (or an empty string), ``output`` (its shape
        without the batch), ``neurons``, ``parameters``.

    Example:
        >>> rows = architecture(mlp(3, 1, hidden=(4, 4)))
        >>> sum(row["neurons"] for row in rows), sum(row["parameters"] for row in rows)
        (9, 41)
    """
    rows = []
    layers = list(model.layers)
    for position, layer in enumerate(layers):
        neurons = int(getattr(layer, "units", 0) or getattr(layer, "filters", 0) or 0)
        if type(layer).__name__ == "EinsumDense":
            # Networks side by side: the output is (n, networks, units).
            neurons = math.prod(layer.output.shape[1:])
        following: list[Any] = layers[position + 1 : position + 3]
        if [type(layer).__name__ for layer in following] == ["Reshape", "GlobalMaxPooling1D"]:  # pieces of maxout
            neurons = int(following[0].target_shape[-1])
        rows.append(
            {
                "layer": layer.name,
                "type": type(layer).__name__,
                "activation": getattr(getattr(layer, "activation", None), "__name__", ""),
                "output": [int(size) for size in layer.output.shape[1:] if size is not None],
                "neurons": neurons,
                "parameters": sum(math.prod(v.shape) for v in layer.trainable_variables),
            }
        )
    return rows
