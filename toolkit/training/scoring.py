"""Raw scores of many rows from one compiled function."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.training.recent import Recent

if TYPE_CHECKING:
    import keras

__all__ = ["WIDEST", "Scorer", "gains_from_xla", "is_plain", "own_parts", "piece_sizes", "scores_by_row", "structure"]

#: Largest number of values that a layer returns for the rows scored together: 128 MB.
WIDEST = 2**25

# Rows are padded to one of these sizes, so that a model is compiled for at most five shapes.
_SIZES = (1, 32, 256, 1024, 8192)

# Layers that XLA runs faster than a plain graph on a CPU; convolutions are several times slower with it.
_XLA_LAYERS = {
    *("InputLayer", "Dense", "EinsumDense", "Reshape", "Flatten", "Rescaling", "GlobalMaxPooling1D"),
    *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
    *("Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("BatchNormalization", "LayerNormalization", "UnitNormalization"),
}

# Those of them that may combine several rows.
_OVER_AN_AXIS = {"BatchNormalization", "LayerNormalization", "UnitNormalization", "Softmax"}


def gains_from_xla(model: keras.Model) -> bool:
    """Return whether a model has only layers that XLA is known to run well.

    Example:
        >>> from toolkit.builders import mlp
        >>> gains_from_xla(mlp(3, 1))
        True
    """
    return all(type(layer).__name__ in _XLA_LAYERS for layer in model.layers)


def scores_by_row(model: keras.Model) -> bool:
    """Return whether each row is known to be scored separately, in training too.

    Penalties on activities are means over rows, and count as combining them.

    Example:
        >>> from toolkit.builders import mlp
        >>> scores_by_row(mlp(3, 1)), scores_by_row(mlp(3, 1, batch_norm=True))
        (True, False)
    """
    combined = any(
        type(layer).__name__ in _OVER_AN_AXIS or layer.activity_regularizer is not None for layer in model.layers
    )
    return gains_from_xla(model) and is_plain(model) and not combined


def piece_sizes(model: keras.Model, widest: int = WIDEST) -> list[int]:
    """Return the numbers of rows that can be scored together: fewer where layers are wide, as for images.

    Args:
        model: Any built Keras model.
        widest: Largest number of values that a layer returns for the rows together.

    Example:
        >>> from toolkit.builders import cnn, mlp
        >>> piece_sizes(mlp(3, 1))[-1], piece_sizes(cnn((28, 28, 1), 10))[-1]
        (8192, 1024)
    """
    shapes = [getattr(getattr(layer, "output", None), "shape", ()) for layer in model.layers]
    per_row = max((math.prod(size or 1 for size in shape[1:]) for shape in shapes), default=1)
    return [size for size in _SIZES if size == 1 or size * per_row <= widest]


def is_plain(model: keras.Model) -> bool:
    """Return whether all layers, and the activations, initializers and penalties in them, are Keras's own.

    A model within the model is not: what is in it is not looked at.
    """
    import keras

    return not own_parts(model) and not any(isinstance(layer, keras.Model) for layer in model.layers)


def own_parts(model: keras.Model) -> dict[str, Any]:
    """Return the classes of the layers, and the activations, initializers and so on, that are not Keras's.

    Their names are those that Keras saves: of a registered function or part with its package, such as "mine>act".
    """
    import keras

    parts: dict[str, Any] = {}
    for layer in _operations(model):
        if not _is_keras(layer):
            parts[type(layer).__name__] = type(layer)
        for part in _parts(layer):
            if not _is_keras(part):
                named = part if hasattr(part, "__name__") else type(part)
                parts[str(keras.saving.get_registered_name(named))] = named
    return parts


def _is_keras(part: Any) -> bool:
    return str(getattr(part, "__module__", type(part).__module__)).startswith("keras.")


def _operations(model: keras.Model) -> list[Any]:
    """Return the layers, and what stands between them in a functional model."""
    return list(getattr(model, "operations", model.layers))


def _parts(layer: keras.layers.Layer) -> list[Any]:
    endings = ("activation", "_initializer", "_regularizer", "_constraint")
    parts = [getattr(layer, name, None) for name in dir(layer) if name.endswith(endings) or name == "function"]
    return [part for part in parts if part is not None and not isinstance(part, str)]


def structure(model: keras.Model) -> str:
    """Return a text that is the same for models that differ only in weights, seeds and names.

    Example:
        >>> from toolkit.builders import mlp
        >>> structure(mlp(3, 1, seed=1)) == structure(mlp(3, 1, seed=2)) != structure(mlp(3, 2))
        True
    """
    if not is_plain(model):
        return f"own model {id(model)}"  # the name of a user's class does not say what it computes
    # The connections of a functional model are such as ["dense_7", 0, 0]: the layer's number stands for its name.
    numbers = {layer.name: number for number, layer in enumerate(_operations(model))}

    # {"layers": [{"name": "dense_7", "units": 8, "kernel_initializer": {"seed": 3, ...}}]}, nested: names and seeds go.
    def without(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: without(value) for key, value in config.items() if key not in ("name", "seed")}
        if isinstance(config, list | tuple) and len(config) == 3 and type(config[0]) is str:
            return [numbers.get(config[0], config[0]), *config[1:]]
        return [without(value) for value in config] if isinstance(config, list | tuple) else config

    return json.dumps(without(model.get_config()), default=repr, sort_keys=True)


# Compiled programs by structure, padded shape and type.
_PROGRAMS = Recent[Any](16)


class Scorer:
    """Raw scores of a model, from a program that all models of its structure share.

    Args:
        model: A built Keras model with one input and one output. Later changes of its weights are seen.
        widest: Largest number of values that a layer returns for the rows scored together.
    """

    def __init__(self, model: keras.Model, widest: int = WIDEST) -> None:
        self.model = model
        self._structure = structure(model)
        self._sizes = piece_sizes(model, widest)

    def __call__(self, x: NDArray[Any], like: int | None = None) -> NDArray[np.float32]:
        """Return raw scores of inputs (n, ...): shape (n, units), as the model's output.

        Args:
            x: The inputs.
            like: Score in pieces for which the program for so many rows serves, so that none is compiled.
        """
        import tensorflow as tf

        scores = np.empty((len(x), *self.model.output_shape[1:]), np.float32)
        weights = [
            [variable.value for variable in variables]
            for variables in (self.model.trainable_variables, self.model.non_trainable_variables)
        ]
        largest = self._padded(like or self._sizes[-1])
        for start in range(0, len(x), largest):
            rows = x[start : start + largest]
            # (rows, ...) -> (size, ...), padded with zeros, so that the program of that size fits.
            size = largest if like else self._padded(len(rows))
            padded = rows
            if size > len(rows):
                padded = np.zeros((size, *x.shape[1:]), x.dtype)
                padded[: len(rows)] = rows
            inputs = tf.constant(padded)
            program = self._program(weights, inputs)
            scores[start : start + len(rows)] = program(*weights, inputs).numpy()[: len(rows)]
        return scores

    def _padded(self, rows: int) -> int:
        """Return the number of rows that some rows are padded to; the largest where they come in several pieces."""
        return next((size for size in self._sizes if size >= rows), self._sizes[-1])

    def _program(self, weights: list[list[Any]], x: Any) -> Any:
        import tensorflow as tf

        model = self.model

        def score(trainable: Any, fixed: Any, x: Any) -> Any:
            return model.stateless_call(trainable, fixed, x, training=False)[0]

        def compiled() -> Any:
            function = tf.function(score, jit_compile=gains_from_xla(model))
            return function.get_concrete_function(*weights, x)

        return _PROGRAMS.get((self._structure, *map(len, weights), tuple(x.shape), x.dtype), compiled)
