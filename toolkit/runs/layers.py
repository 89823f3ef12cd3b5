"""Models rebuilt from the settings and the weights of a saved file.

Keras could rebuild them too, but it believes what a file says: names of functions and of files, widths that take all
memory. Here every name is in a list, and no array is made that the file doesn't hold. Layers of the user's own are made
by the classes that the user gives, and by no others.
"""

from __future__ import annotations

import inspect
import math
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.files import scratch

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
    Add Average Concatenate Maximum Minimum Multiply Subtract
"""
# What operators between the outputs of layers become, in a functional model.
_OPERATIONS = {"Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract"}
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


def foreign_object(config: Any, custom_objects: Collection[str] = ()) -> str:
    """Return the first object in the settings of a model that is not known to be safe, or an empty string.

    Args:
        config: What Keras writes about a model: a `Sequential` or a functional model with its layers.
        custom_objects: The names of the user's own layers and functions.
    """
    if not isinstance(config, dict):
        return repr(config)[:80]
    kind, content = (config.get("module"), config.get("class_name")), config.get("config")
    if kind not in (("keras", "Sequential"), ("keras.src.models.functional", "Functional")):
        return _name(config)
    layers = content.get("layers") if isinstance(content, dict) else None
    if not isinstance(layers, list) or not 1 < len(layers) <= _MOST_LAYERS:
        return f"{len(layers) if isinstance(layers, list) else 'no'} layers"
    calls = sum(len(nodes) for nodes in (_nodes(layer) for layer in layers) if isinstance(nodes, list))
    if calls > _MOST_LAYERS:
        return f"{calls} calls of layers"
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            return repr(layer)[:80]
        if kind[1] == "Functional" and not _wired(layer):
            return f"connections of {layer.get('name')!r:.80}"
        is_operation = kind[1] == "Functional" and _known(layer, "keras.src.ops.numpy", _OPERATIONS)
        if not (is_operation or _known(layer, "keras.layers", _LAYERS.split()) or _is_own(layer, custom_objects)):
            return _name(layer)
        unsafe = next(_unsafe_parts(layer["config"], custom_objects), "")
        if unsafe:
            return unsafe
    return ""


def rebuild(
    config: dict[str, Any], arrays: Mapping[str, NDArray[Any]], custom_objects: Mapping[str, Any] | None = None
) -> keras.Model:
    """Return the model of settings in which `foreign_object` found nothing, with its weights.

    Args:
        config: The settings.
        arrays: The weights by their paths in the file that Keras writes.
        custom_objects: The user's own layers and functions by name.

    Raises:
        ValueError: The weights don't fit the layers, or a layer computes too many numbers. The settings of damaged
            files make Keras raise many other errors too.
    """
    import keras

    content, custom_objects = config["config"], dict(custom_objects or {})
    entries = content["layers"]
    if entries[0]["class_name"] != "InputLayer":
        raise ValueError(f"the first layer is {entries[0]['class_name']}, not an InputLayer")
    # Layers of one class are numbered in the file: dense, dense_1, ...
    groups, counts = [], Counter[str]()
    for entry in entries:
        group = _snake_case(entry["class_name"])
        counts[group] += entry.get("module") != "keras.src.ops.numpy"
        groups.append(f"{group}_{counts[group] - 1}" if counts[group] > 1 else group)
    own_groups = {group for entry, group in zip(entries, groups, strict=True) if _is_own(entry, custom_objects)}
    stores = _stores(arrays, own_groups)

    def make(index: int, shape: Any) -> keras.layers.Layer:
        return _layer(entries[index], shape, stores.pop(groups[index], {}), custom_objects)

    with keras.saving.custom_object_scope(custom_objects):
        model = (_functional if config["class_name"] == "Functional" else _sequential)(content, make)
    if stores:
        raise ValueError(f"no layer has the weights {next(iter(stores))}")
    if own_groups:
        _load_all(model, arrays)
    return model


# Makes the layer of an entry, by its number, for a shape of its input or shapes of several.
_Make = Callable[[int, Any], Any]


def _sequential(content: dict[str, Any], make: _Make) -> keras.Sequential:
    import keras

    entries = content["layers"]
    layers = [keras.layers.InputLayer.from_config(entries[0]["config"])]
    x = layers[0].output
    _checked(x.shape)
    for index in range(1, len(entries)):
        layers.append(make(index, x.shape))
        x = _called(layers[-1], x)
    return keras.Sequential(layers, name=content["name"])


def _functional(content: dict[str, Any], make: _Make) -> keras.Model:
    """Return a functional model: each layer is called as soon as what it takes is there."""
    import keras

    entries = content["layers"]
    source = keras.layers.InputLayer.from_config(entries[0]["config"]).output
    _checked(source.shape)
    outputs, layers = {(entries[0]["name"], 0): source}, {}
    calls = [(i, k, node) for i, entry in enumerate(entries) for k, node in enumerate(entry["inbound_nodes"])]
    while calls:
        waiting = []
        for index, k, node in calls:
            name, sources = entries[index]["name"], list(_sources(node))
            if not all(source in outputs for source in sources):
                waiting.append((index, k, node))
                continue
            tensors = [outputs[source] for source in sources]
            if entries[index]["module"] == "keras.src.ops.numpy":
                rest = iter(tensors)
                values = [next(rest) if isinstance(a, dict) else a for a in node["args"]]
                outputs[name, k] = getattr(keras.ops, entries[index]["class_name"].lower())(*values)
                _checked(outputs[name, k].shape)
                continue
            several = isinstance(node["args"][0], list)
            if name not in layers:
                layers[name] = make(index, [x.shape for x in tensors] if several else tensors[0].shape)
            outputs[name, k] = _called(layers[name], tensors if several else tensors[0])
        if len(waiting) == len(calls):
            raise ValueError("a layer takes what no other gives")
        calls = waiting
    return keras.Model(source, outputs[tuple(content["output_layers"][:2])], name=content["name"])


def _called(layer: keras.layers.Layer, x: Any) -> Any:
    """Return the symbolic output of a layer, once its size is checked."""
    if type(layer).__module__.startswith("keras."):
        _checked(layer.compute_output_shape([each.shape for each in x] if isinstance(x, list) else x.shape))
    output = layer(x)
    _checked(output.shape)
    return output


def _nodes(entry: Any) -> Any:
    return entry.get("inbound_nodes") if isinstance(entry, dict) else None


def _wired(entry: dict[str, Any]) -> bool:
    """Return whether an entry of a functional model takes the outputs of others, and nothing else that matters."""
    nodes, is_operation = _nodes(entry), entry.get("module") == "keras.src.ops.numpy"
    if not isinstance(entry.get("name"), str) or not isinstance(nodes, list):
        return False
    for node in nodes:
        args = node.get("args") if isinstance(node, dict) else None
        if not isinstance(args, list) or not args or not isinstance(node.get("kwargs"), dict):
            return False
        if any(value is not None for value in node["kwargs"].values()) or (len(args) != 1 + is_operation):
            return False
        given = args[0] if isinstance(args[0], list) and not is_operation else args
        if not all(_source(a) is not None or (is_operation and type(a) in (int, float)) for a in given):
            return False
    return True


def _sources(node: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield which outputs a call takes: the name of the layer and the number of its call."""
    args = node["args"]
    for argument in args[0] if isinstance(args[0], list) else args:
        if isinstance(argument, dict):
            yield _source(argument) or ("", 0)


def _source(argument: Any) -> tuple[str, int] | None:
    """Return which output an argument is, or None where it is none."""
    config = argument.get("config") if isinstance(argument, dict) else None
    history = config.get("keras_history") if isinstance(config, dict) else None
    if isinstance(history, list) and len(history) == 3 and list(map(type, history)) == [str, int, int]:
        return (history[0], history[1]) if not history[2] else None
    return None


def _load_all(model: keras.Model, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Load all weights, those of the user's own layers too, from a file that holds nothing else."""
    import h5py

    with scratch(Path(tempfile.gettempdir())) as folder:
        path = folder / "all.weights.h5"
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
        model.load_weights(path)


def _layer(
    entry: dict[str, Any], shape: Any, store: dict[str, NDArray[Any]], custom_objects: Mapping[str, Any]
) -> keras.Layer:
    """Return a layer for inputs of a shape, with its weights; no array is made whose shape is not in the store.

    A layer of the user's own comes without its weights.
    """
    import keras

    if _is_own(entry, custom_objects):
        return custom_objects[entry["class_name"]].from_config(entry["config"])
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


def _stores(arrays: Mapping[str, NDArray[Any]], own_groups: Collection[str]) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the arrays of each layer, whose paths are such as `layers/dense_1/vars/0`, without those of own layers."""
    stores: dict[str, dict[str, NDArray[Any]]] = {}
    for path, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"the weights {path} hold NaN or infinite numbers")
        if path.count("/") > 1 and path.split("/")[1] in own_groups:
            continue
        match = re.fullmatch(r"layers/([a-z0-9_]+)/vars/([0-9]+)", path)
        if match is None:
            raise ValueError(f"no layer has the weights {path}")
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


def _is_own(entry: dict[str, Any], custom_objects: Collection[str]) -> bool:
    """Return whether an entry is one of the user's own objects."""
    name, module = entry.get("class_name"), entry.get("module")
    return isinstance(name, str) and name in custom_objects and not str(module).startswith("keras")


def _is_own_part(value: dict[str, Any], custom_objects: Collection[str]) -> bool:
    """Return whether a part of a layer's settings is one of the user's functions or objects, by the name Keras uses."""
    is_function = (value.get("class_name"), value.get("module")) == ("function", "builtins")
    name = value.get("config") if is_function else value.get("registered_name")
    return isinstance(name, str) and name in custom_objects


def _unsafe_parts(value: Any, custom_objects: Collection[str]) -> Iterator[str]:
    """Yield what the settings of a layer hold beside numbers, text and known parts."""
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _unsafe_parts(entry, custom_objects)
    if not isinstance(value, dict):
        return
    if "class_name" in value:
        module = value.get("module")
        known = isinstance(module, str) and _known(value, module, _PARTS.get(module, ()))
        if not (known or _is_own_part(value, custom_objects)):
            yield _name(value)
    dtype = value.get("dtype")
    policy = dtype.get("config") if isinstance(dtype, dict) else {"name": dtype}
    if dtype is not None and not (isinstance(policy, dict) and str(policy.get("name")) in _DTYPES):
        yield f"dtype {dtype!r:.80}"
    yield from (f"{name} {value[name]!r:.80}" for name in _UNSET if value.get(name) is not None)
    for entry in value.values():
        yield from _unsafe_parts(entry, custom_objects)


def _name(entry: dict[str, Any]) -> str:
    module, name = entry.get("module"), entry.get("class_name")
    return f"{module}.{name}"[:200] if module else str(name)[:200]
