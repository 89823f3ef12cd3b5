"""Call a builder, and check that it returns a network that can be trained."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from toolkit import builders
from toolkit.common.errors import DataError

if TYPE_CHECKING:
    import keras

__all__ = ["build_network"]


def build_network(
    build: Callable[..., Any], inputs: int | tuple[int, int, int], units: int, options: dict[str, Any]
) -> keras.Model:
    """Call the builder and check what it returns."""
    import keras

    name = getattr(build, "__name__", type(build).__name__)
    try:
        inspect.signature(build).bind(inputs, units, **options)
    except TypeError as error:
        raise DataError(f"build={name}: expected a function of (inputs, units) and its options: {error}.") from error
    try:
        model = build(inputs, units, **options)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError) or isinstance(inputs, int) or build in builders.BUILDERS.values():
            raise
        first = str(error).strip().split("\n")[0].rstrip(".")
        raise DataError(
            f"build={name} failed: {first}. For images inputs is (height, width, channels), here {inputs}: begin with "
            "keras.Input(inputs), and flatten before dense layers."
        ) from error
    model = _one_to_one(model, name)
    if not model.built:
        model.build((None, inputs) if isinstance(inputs, int) else (None, *inputs))
    if tuple(model.output_shape) != (None, units):
        raise DataError(f"build={name} returned a model with output {model.output_shape}; expected (None, {units}).")
    operation: Any = model.layers[-1] if isinstance(model, keras.Sequential) else model.output._keras_history.operation
    if not _is_linear(operation):
        raise DataError(
            f"build={name} ends in {type(operation).__name__}; the last layer must be a dense one without activation, "
            "or a sum of such."
        )
    return model


def _one_to_one(model: Any, name: str) -> keras.Model:
    """Return a Sequential, or a functional model of one input and one output, of the user's own."""
    import keras

    if isinstance(model, keras.Sequential):
        return model
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if not isinstance(model, keras.Model) or len(inputs) != 1 or len(outputs) != 1:
        what = f" with {len(inputs)} inputs and {len(outputs)} outputs" if inputs else ""
        raise DataError(
            f"build={name} returned {type(model).__name__}{what}; expected a keras.Sequential, or a functional model "
            "with one input and one output: keras.Model(inputs, scores)."
        )
    return keras.Model(inputs[0], outputs[0], name=model.name)  # not a list of one, nor a class of the user's own


def _is_linear(operation: Any) -> bool:
    """Return whether what gives the scores is a layer with weights and no activation, or a sum of such."""
    import keras

    if type(operation).__name__ in ("Add", "Subtract", "Average") and isinstance(operation.input, list | tuple):
        return all(_is_linear(tensor._keras_history.operation) for tensor in operation.input)
    return getattr(operation, "activation", keras.activations.linear) is keras.activations.linear and bool(
        getattr(operation, "weights", None)
    )
