"""What makes a training the same as an earlier one: its data, its networks and its options."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.data.pictures import Pictures
from toolkit.training.callbacks import settings_of
from toolkit.training.plan import Plan
from toolkit.training.scoring import is_plain, structure

if TYPE_CHECKING:
    import keras

__all__ = ["identity"]


def identity(plan: Plan, arrays: Mapping[str, NDArray[Any] | None]) -> dict[str, Any]:
    """Return what makes a training the same as an earlier one, by name.

    Args:
        plan: The plan.
        arrays: What it learns from and is validated on, by name.
    """
    options = {field.name: getattr(plan.options, field.name) for field in dataclasses.fields(plan.options)}
    for name in ("progress", "resume", "callbacks", "in_turns", "time_limit", "metrics"):
        del options[name]
    loss, optimizer = plan.head.loss(), plan.optimizer
    options |= {name: getattr(plan, name) for name in ("epochs", "batch_size", "learning_rate", "patience", "xla")}
    if not isinstance(options["optimizer"], str):
        options["optimizer"] = {name: value for name, value in optimizer.get_config().items() if name != "name"}
    networks = structure(plan.models[0]) if is_plain(plan.models[0]) else _summary(plan.models[0])
    initial = [variable.numpy() for model in plan.models for variable in model.variables]
    facts: dict[str, Any] = {name: _digest([] if array is None else [array]) for name, array in arrays.items()}
    facts |= {
        "the networks": hashlib.sha256(networks.encode()).hexdigest(),
        "the initial weights or random states": _digest(initial),
        "the number of networks": len(plan.models),
        "the head": f"{plan.head.name} of {plan.head.task}, {type(loss).__name__}",
        "seed": plan.seed,
        **options,
        "schedule": plan.schedule,
        "in_turns": plan.in_turns,
        **{
            f"{name} of callback {number}": value
            for number, callback in enumerate(plan.options.callbacks, start=1)
            for name, value in settings_of(callback).items()
        },
        "the version of logitkit": vars(sys.modules["toolkit"])["__version__"],
        **{f"the version of {name}": version(name) for name in ("tensorflow", "keras", "numpy")},
    }
    return json.loads(json.dumps(facts, default=str))


def _summary(model: keras.Model) -> str:
    """Return what is known of a model with layers of the user's own."""
    layers = [(type(layer).__qualname__, [tuple(v.shape) for v in layer.variables]) for layer in model.layers]
    return repr(layers)


def _digest(arrays: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for array in (x.digests if isinstance(x, Pictures) else np.asarray(x) for x in arrays):
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
