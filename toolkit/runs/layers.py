"""Models of built-in layers, rebuilt from the settings and the weights of a saved file.

Keras could rebuild them too, but it believes what a file says: names of functions and of files, widths that take all
memory. Here every name is in a list, and no array is made that the file doesn't hold.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

__all__ = ["foreign_object", "rebuild"]

_MOST_LAYERS = 500
# Numbers that a layer may compute from one row: 64 MiB.
_MOST_NUMBERS = 2**24

#: Layers that only compute: none of them runs code of the user's or opens a file.
_ACTIVATIONS = frozenset(["ELU", "LeakyReLU", "ReLU", "Softmax"])
_LAYERS = """
    ELU LeakyReLU ReLU Softmax
    InputLayer Dense EinsumDense Embedding Activation PReLU Identity Flatten Reshape Permute RepeatVector
    Dropout AlphaDropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D
    ActivityRegularization Normalization BatchNormalization GroupNormalization LayerNormalization RMSNormalization
    UnitNormalization Rescaling Resizing CenterCrop RandomBrightness RandomContrast RandomCrop RandomFlip
    RandomRotation RandomTranslation RandomZoom
    Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D
    SeparableConv1D SeparableConv2D AveragePooling1D AveragePooling2D AveragePooling3D
    MaxPooling1D MaxPooling2D MaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D Cropping1D Cropping2D Cropping3D
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
_INITIALIZERS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
"""
# What the settings of a layer may hold, by the module of Keras.
_PARTS = {
    "keras": {"DTypePolicy"},
    "keras.layers": _ACTIVATIONS,
    "keras.initializers": frozenset(_INITIALIZERS.split()),
    "keras.regularizers": {"L1", "L2", "L1L2", "OrthogonalRegularizer"},
    "keras.constraints": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"},
    # Numbers that Keras wraps, such as the scale of `Rescaling`.
    "builtins": {"__tensor__", "__tuple__"},
}
_DTYPES = {"float32", "float64", "float16", "mixed_float16", "uint8", "int32", "int64"}
# Settings that change what a layer's weights are.
_UNSET = ("quantization_config", "lora_rank")


def foreign_object(config: Any) -> str:
    """Return the first object in the settings of a model that is not known to be safe, or an empty string.

    Args:
        config: What Keras writes about a model: a `Sequential` with its layers.
    """
    if not isinstance(config, dict) or (config.get("module"), config.get("class_name")) != ("keras", "Sequential"):
        return _name(config) if isinstance(config, dict) else repr(config)[:80]
    layers = config["config"].get("layers") if isinstance(config.get("config"), dict) else None
    if not isinstance(layers, list) or not 1 < len(layers) <= _MOST_LAYERS:
        return f"{len(layers) if isinstance(layers, list) else 'no'} layers"
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            return repr(layer)[:80]
        if not _known(layer, "keras.layers", _LAYERS.split()):
            return _name(layer)
        unsafe = next(_unsafe_parts(layer["config"]), "")
        if unsafe:
            return unsafe
    return ""


def rebuild(config: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> keras.Sequential:
    """Return the model of settings in which `foreign_object` found nothing, with its weights.

    Args:
        config: The settings.
        arrays: The weights by their paths in the file that Keras writes.

    Raises:
        ValueError: The weights don't fit the layers, or a layer computes too many numbers. The settings of damaged
            files make Keras raise many other errors too.
    """
    import keras

    entries = config["config"]["layers"]
    first, *rest = entries
    if first["class_name"] != "InputLayer":
        raise ValueError(f"the first layer is {first['class_name']}, not an InputLayer")
    layers = [keras.layers.InputLayer.from_config(first["config"])]
    shape = _checked(layers[0].batch_shape)
    stores = _stores(arrays)
    counts: Counter[str] = Counter()
    for entry in rest:
        group = _snake_case(entry["class_name"])
        counts[group] += 1
        group = f"{group}_{counts[group] - 1}" if counts[group] > 1 else group
        layer = _layer(entry, shape, stores.pop(group, {}))
        shape = _checked(layer.compute_output_shape(shape))
        layers.append(layer)
    if stores:
        raise ValueError(f"no layer has the weights {next(iter(stores))}")
    return keras.Sequential(layers, name=config["config"]["name"])


def _layer(entry: dict[str, Any], shape: tuple[int | None, ...], store: dict[str, NDArray[Any]]) -> keras.Layer:
    """Return a layer for inputs of a shape, with its weights; no array is made whose shape is not in the store."""
    import keras

    shapes = {array.shape for array in store.values()}

    def blank(shape: tuple[int, ...], dtype: Any = None) -> Any:
        if tuple(shape) not in shapes:
            raise ValueError(f"{entry['class_name']} needs an array of {tuple(shape)}, which the file lacks")
        return keras.ops.zeros(shape, dtype)

    kind = getattr(keras.layers, entry["class_name"])
    options = inspect.signature(kind).parameters
    names = [name for name in options if name.endswith("_initializer")]
    layer = kind.from_config(entry["config"] | dict.fromkeys(names, blank))
    if not layer.built:
        layer.build(shape)
    if store or layer.variables:
        layer.load_own_variables(store)
    # A copy of the model that is trained anew starts as the original did.
    for name in names:
        setattr(layer, name, keras.initializers.get(entry["config"].get(name, options[name].default)))
    return layer


def _stores(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the arrays of each layer, whose paths are such as `layers/dense_1/vars/0`."""
    stores: dict[str, dict[str, NDArray[Any]]] = {}
    for path, array in arrays.items():
        match = re.fullmatch(r"layers/([a-z0-9_]+)/vars/([0-9]+)", path)
        if match is None:
            raise ValueError(f"no layer has the weights {path}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"the weights {path} hold NaN or infinite numbers")
        stores.setdefault(match[1], {})[match[2]] = array
    return stores


def _checked(shape: Any) -> tuple[int | None, ...]:
    """Return the shape of a layer's output once it is checked."""
    rows, *lengths = shape
    given_lengths = [length for length in lengths if length is not None]  # images of any size have unknown lengths
    if rows is not None or not lengths or not all(isinstance(length, int) and length > 0 for length in given_lengths):
        raise ValueError(f"a layer's output has the shape {shape}")
    if math.prod(given_lengths) > _MOST_NUMBERS:
        raise ValueError(f"a layer computes {math.prod(given_lengths)} numbers from a row, more than {_MOST_NUMBERS}")
    return (None, *lengths)


def _snake_case(name: str) -> str:
    """Return the name under which Keras writes the weights of a layer, such as `conv2d` for `Conv2D`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _known(entry: dict[str, Any], module: Any, names: Any) -> bool:
    name = entry.get("class_name")
    return (
        isinstance(name, str)
        and entry.get("module") == module
        and name in names
        and entry.get("registered_name") in (None, name)
    )


def _unsafe_parts(value: Any) -> Iterator[str]:
    """Yield what the settings of a layer hold beside numbers, text and known parts."""
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _unsafe_parts(entry)
    if not isinstance(value, dict):
        return
    if "class_name" in value:
        module = value.get("module")
        if not isinstance(module, str) or not _known(value, module, _PARTS.get(module, ())):
            yield _name(value)
    dtype = value.get("dtype")
    policy = dtype.get("config") if isinstance(dtype, dict) else {"name": dtype}
    if dtype is not None and not (isinstance(policy, dict) and str(policy.get("name")) in _DTYPES):
        yield f"dtype {dtype!r:.80}"
    yield from (f"{name} {value[name]!r:.80}" for name in _UNSET if value.get(name) is not None)
    for entry in value.values():
        yield from _unsafe_parts(entry)


def _name(entry: dict[str, Any]) -> str:
    module, name = entry.get("module"), entry.get("class_name")
    return f"{module}.{name}"[:200] if module else str(name)[:200]
