"""Build the networks of each setting: call a builder, and check that it returns a network that can be trained."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.workflow import defaults
from recipes.workflow.call_options import CallOptions
from toolkit import builders
from toolkit.common.errors import DataError
from toolkit.common.options import options_of
from toolkit.data.dataset import Dataset
from toolkit.data.preprocessing import Preprocessing
from toolkit.heads import Head
from toolkit.metrics.own_metrics import OwnMetric
from toolkit.training.pack import Setting
from toolkit.training.teacher import TaughtRows, soft_targets

if TYPE_CHECKING:
    import keras

__all__ = ["build_network", "build_pack"]

_MOST_OUTPUTS = 10  # of networks that learn from trees: trees are grown for each


def build_pack(
    options: CallOptions, dataset: Dataset, head: Head, chosen: Mapping[str, dict[str, Any]], seed: int
) -> list[Setting]:
    """Build the networks of each setting; their seeds count on from ``seed``."""
    preprocessing, declared = dataset.preprocessing, options_of(options.build)
    is_piece = _pieces_to_choose(options, dataset)
    units = head.units(dataset.target.units)
    settings_used = [setting for setting in options.settings() if is_piece.any() or not setting.other_pieces]
    if dataset.folds is None or not head.takes_soft_targets or units > _MOST_OUTPUTS:
        settings_used = [setting for setting in settings_used if not setting.trees]
    count, pack = options.networks(), []
    for number, setting in enumerate(settings_used):
        model_options = chosen["model"] | dict(setting.model) | options.by_place["model"]
        train_options = chosen["training"] | dict(setting.training) | options.by_place["training"]
        if train_options.get("resume") is not None and len(settings_used) > 1:
            train_options["resume"] = Path(train_options["resume"]) / f"setting-{number}"
        if train_options.get("metrics"):
            train_options["metrics"] = [OwnMetric(metric, dataset.target.decode) for metric in train_options["metrics"]]
        inputs, width = None, preprocessing.inputs
        takes = defaults.takes_pieces(setting, len(dataset.parts["train"]))
        if is_piece.any() and not takes:
            inputs = ~is_piece
            width = int(inputs.sum())
        models = []
        for network in range(number * count, (number + 1) * count):
            own_seed = {"seed": seed + network} if "seed" in declared else {}
            models.append(build_network(options.build, width, units, model_options | own_seed))
            head.start(models[-1], dataset.y("train"))
        soft = _soft_targets(setting, dataset, head, count, seed)
        pack.append(Setting(setting.name, models, train_options, inputs, soft))
    return pack


def _soft_targets(
    setting: defaults.Setting, dataset: Dataset, head: Head, networks: int, seed: int
) -> Callable[[float], np.ndarray | None] | None:
    """Return a function that returns what the networks of a setting learn in place of the targets, if anything."""
    folds = dataset.folds_of("train")
    if not setting.trees or folds is None:
        return None

    def targets(seconds: float) -> np.ndarray | None:
        rows, preprocessing = dataset.fit_parts["train"], dataset.preprocessing
        taught = TaughtRows(
            *preprocessing.tree_matrix(dataset.features.take(rows)),
            head.soft(dataset.y("train"), head.units(dataset.target.units)),
            folds,
            dataset.units[rows],
            dataset.weights("train"),
        )
        return soft_targets(taught, head, networks=networks, share=setting.trees, seed=seed, seconds=seconds)

    return targets


def _pieces_to_choose(options: CallOptions, dataset: Dataset) -> np.ndarray:
    """Return which inputs are pieces that some settings take and others don't, shape (inputs,)."""
    preprocessing = dataset.preprocessing
    chosen = len(options.settings()) > 1 and "pieces" not in options.by_place["preprocessing"]
    if chosen and isinstance(preprocessing, Preprocessing):
        return preprocessing.is_piece
    return np.zeros(1, bool)


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
