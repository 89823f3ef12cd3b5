"""Raw scores of many rows from one compiled function."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

__all__ = ["Scorer", "gains_from_xla", "is_plain", "piece_sizes", "scores_by_row", "structure"]

# Rows are padded to one of these sizes, so that a model is compiled for five shapes at most.
_SIZES = (1, 32, 256, 1024, 8192)
# Of all rows of a piece, the widest layer's numbers are at most so many: 128 MB.
_WIDEST = 2**25
_KEPT = 16

# Layers that XLA runs faster than a plain graph on a CPU; its convolutions are several times slower there.
_XLA_LAYERS = {
    *("InputLayer", "Dense", "EinsumDense", "Reshape", "Flatten", "Rescaling", "GlobalMaxPooling1D"),
    *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
    *("Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("BatchNormalization", "LayerNormalization", "UnitNormalization"),
}

# Of those, the ones that may look along the rows.
_OVER_AN_AXIS = {"BatchNormalization", "LayerNormalization", "UnitNormalization", "Softmax"}


def gains_from_xla(model: keras.Model) -> bool:
    """Tell whether a model holds only layers that XLA is known to run well.

    Args:
        model: Any built Keras model.

    Example:
        >>> from toolkit.builders import mlp
        >>> gains_from_xla(mlp(3, 1))
        True
    """
    return all(type(layer).__name__ in _XLA_LAYERS for layer in model.layers)


def scores_by_row(model: keras.Model) -> bool:
    """Tell whether, in training too, each row is known to be scored by itself.

    Penalties on activities are means over rows, and count as looking at several.

    Args:
        model: Any built Keras model.

    Example:
        >>> from toolkit.builders import mlp
        >>> scores_by_row(mlp(3, 1)), scores_by_row(mlp(3, 1, batch_norm=True))
        (True, False)
    """
    together = any(
        type(layer).__name__ in _OVER_AN_AXIS or layer.activity_regularizer is not None for layer in model.layers
    )
    return gains_from_xla(model) and is_plain(model) and not together


def piece_sizes(model: keras.Model) -> list[int]:
    """Return the numbers of rows that are scored together: fewer where layers are wide, as those of images are.

    Args:
        model: Any built Keras model.

    Example:
        >>> from toolkit.builders import cnn, mlp
        >>> piece_sizes(mlp(3, 1))[-1], piece_sizes(cnn((28, 28, 1), 10))[-1]
        (8192, 1024)
    """
    shapes = [getattr(getattr(layer, "output", None), "shape", ()) for layer in model.layers]
    widest = max((math.prod(size or 1 for size in shape[1:]) for shape in shapes), default=1)
    return [size for size in _SIZES if size == 1 or size * widest <= _WIDEST]


def is_plain(model: keras.Model) -> bool:
    """Tell whether all layers, and the functions and rules in them, are Keras's own.

    Args:
        model: Any built Keras model.
    """
    parts = [part for layer in model.layers for part in (layer, *_parts(layer))]
    return all(str(getattr(part, "__module__", type(part).__module__)).startswith("keras.") for part in parts)


def _parts(layer: keras.layers.Layer) -> list[Any]:
    endings = ("activation", "_initializer", "_regularizer", "_constraint")
    found = [getattr(layer, name, None) for name in dir(layer) if name.endswith(endings)]
    return [part for part in found if part is not None and not isinstance(part, str)]


def structure(model: keras.Model) -> str:
    """Return a text that is the same for models that differ in weights, seeds and names alone.

    Args:
        model: Any built Keras model.

    Example:
        >>> from toolkit.builders import mlp
        >>> structure(mlp(3, 1, seed=1)) == structure(mlp(3, 1, seed=2)) != structure(mlp(3, 2))
        True
    """
    if not is_plain(model):
        return f"a model of its own, {id(model)}"  # what a class of the user's computes, its name doesn't tell

    def without(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: without(value) for key, value in config.items() if key not in ("name", "seed")}
        return [without(value) for value in config] if isinstance(config, list | tuple) else config

    return json.dumps(without(model.get_config()), default=repr, sort_keys=True)


#: Compiled programs by structure, padded shape and type: the most recent ones.
_PROGRAMS: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_LOCK = threading.Lock()


class Scorer:
    """Raw scores of a model, from a program that all models of its structure share.

    Args:
        model: A built Keras model with one input and one output. Later changes of its weights are seen.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._structure = structure(model)
        self._sizes = piece_sizes(model)

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores of inputs (n, ...): shape (n, units), as the model's output."""
        import tensorflow as tf

        out = np.empty((len(x), *self.model.output_shape[1:]), np.float32)
        weights = [
            [v.value for v in some] for some in (self.model.trainable_variables, self.model.non_trainable_variables)
        ]
        largest = self._sizes[-1]
        for start in range(0, len(x), largest):
            rows = x[start : start + largest]
            size = next(size for size in self._sizes if size >= len(rows))
            if size > len(rows):
                padded = np.zeros((size, *x.shape[1:]), x.dtype)
                padded[: len(rows)] = rows
            else:
                padded = rows
            given = tf.constant(padded)
            out[start : start + len(rows)] = self._program(weights, given)(*weights, given).numpy()[: len(rows)]
        return out

    def _program(self, weights: list[list[Any]], x: Any) -> Any:
        key = (self._structure, *map(len, weights), tuple(x.shape), x.dtype)
        with _LOCK:
            return self._compiled(key, weights, x)

    def _compiled(self, key: tuple[Any, ...], weights: list[list[Any]], x: Any) -> Any:
        import tensorflow as tf

        if key not in _PROGRAMS:
            model = self.model

            def scores(trainable: Any, other: Any, x: Any) -> Any:
                return model.stateless_call(trainable, other, x, training=False)[0]

            function = tf.function(scores, jit_compile=gains_from_xla(model))
            _PROGRAMS[key] = function.get_concrete_function(*weights, x)
            if len(_PROGRAMS) > _KEPT:
                _PROGRAMS.popitem(last=False)
        _PROGRAMS.move_to_end(key)
        return _PROGRAMS[key]
