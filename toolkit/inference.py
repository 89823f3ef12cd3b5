"""Raw scores of many rows from one compiled function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

__all__ = ["Scorer", "gains_from_xla"]

# Rows are padded to one of these sizes, so that a model is compiled for four shapes at most.
_SIZES = (1, 32, 1024, 8192)

# Layers that XLA runs faster than a plain graph on a CPU; its convolutions are several times slower there.
_XLA_LAYERS = {
    *("InputLayer", "Dense", "Reshape", "Flatten", "Rescaling", "GlobalMaxPooling1D"),
    *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
    *("Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("BatchNormalization", "LayerNormalization", "UnitNormalization"),
}


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


class Scorer:
    """Raw scores of a model, compiled once per padded size instead of once per number of rows.

    Args:
        model: A built Keras model with one input and one output. Later changes of its weights are seen.
    """

    def __init__(self, model: keras.Model) -> None:
        import tensorflow as tf

        self._units = int(model.output_shape[-1])
        self._function = tf.function(lambda x: model(x, training=False), jit_compile=gains_from_xla(model))
        self._programs: dict[tuple[int, ...], Any] = {}

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores, shape (n, units), of inputs (n, ...)."""
        import tensorflow as tf

        out = np.empty((len(x), self._units), np.float32)
        largest = _SIZES[-1]
        for start in range(0, len(x), largest):
            rows = x[start : start + largest]
            size = next(size for size in _SIZES if size >= len(rows))
            if size > len(rows):
                padded = np.zeros((size, *x.shape[1:]), x.dtype)
                padded[: len(rows)] = rows
            else:
                padded = rows
            given = tf.constant(padded)
            if padded.shape not in self._programs:
                self._programs[padded.shape] = self._function.get_concrete_function(given)
            out[start : start + len(rows)] = self._programs[padded.shape](given).numpy()[: len(rows)]
        return out
