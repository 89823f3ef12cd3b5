"""The options of a run in writing: as they were given, to repeat it, and as they were used, for the report."""

from __future__ import annotations

import importlib
import inspect
import platform
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toolkit import __version__
from toolkit.common.options import options_of

__all__ = ["calls", "circumstances", "resolved", "shown"]

_LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "matplotlib")

# Options whose values are separated by commas on the command line; for other lists the option is repeated.
_BY_LAYER = ("hidden", "activation", "dropout", "heads", "seeds", "size", "sizes", "quantiles")


def calls(
    recipe: str, function: str, data: Any, arguments: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, str | None]:
    """Return the call and the command line that repeat a training or a comparison.

    Args:
        recipe: The module, such as ``"binary"``.
        function: Its function, such as ``"train"`` or ``"compare"``.
        data: The data, as given.
        arguments: The arguments of the function itself; those that equal their default are left out.
        options: The options that it passes on, as given.

    Returns:
        ``call``, and ``command``: None if a value can't be written on a command line.

    Example:
        >>> calls("binary", "train", "a.csv", {"target": "y", "seed": 0}, {"hidden": (8, 4)})["command"]
        'recipes binary a.csv --target y --hidden 8,4'
    """
    # The recipe is loaded by its name, since it imports this module.
    declared = inspect.signature(getattr(importlib.import_module(f"recipes.{recipe}"), function)).parameters
    changed = {name: value for name, value in arguments.items() if _differs(value, declared[name].default)}
    changed |= options
    source = repr(str(data)) if isinstance(data, str | Path) else "(X, y)" if isinstance(data, tuple) else "data"
    call = ", ".join([source, *(f"{name}={_code(value)}" for name, value in changed.items())])
    written = [_words(name, value) for name, value in changed.items()]
    command = None
    if isinstance(data, str | Path) and None not in written:
        parts = (part for parts in written for part in parts or [])
        command = shlex.join(
            ["recipes", *[function.replace("_", "-")] * (function != "train"), recipe, str(data), *parts]
        )
    return {"call": f"{recipe}.{function}({call})", "command": command}


def circumstances() -> dict[str, Any]:
    """Return versions, machine and time."""
    return {
        "versions": {"logitkit": __version__} | {name: version(name) for name in _LIBRARIES},
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "created": datetime.now().strftime("%Y-%m-%d %H:%M"),
    }


def resolved(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a function, its defaults updated with the given ones, as JSON can hold them."""
    # Recipes themselves pass seed and pixels.
    defaults = {name: option.default for name, option in options_of(function, leave_out=("seed", "pixels")).items()}
    return shown(defaults | dict(options))


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON can hold them; for a table its shape."""
    return {name: _plain(value) for name, value in options.items()}


def _differs(value: Any, default: Any) -> bool:
    return type(value) is not type(default) or value != default  # the type first: a table has no truth value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        return f"{type(value).__name__} of shape {value.shape}"
    if isinstance(value, tuple | list | set | range):
        return [_plain(v) for v in value]
    return getattr(value, "__name__", type(value).__name__)


def _code(value: Any) -> str:
    if isinstance(value, Path):
        return repr(str(value))
    if value is None or isinstance(value, bool | int | float | str | dict):
        return repr(value)
    if isinstance(value, list | tuple) and all(isinstance(v, int | float | str) for v in value):
        return repr(value)
    if isinstance(value, list | tuple) and all(callable(v) for v in value):
        return f"[{', '.join(map(_code, value))}]"
    return getattr(value, "__name__", type(value).__name__)


def _words(name: str, value: Any) -> list[str] | None:
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option if value else f"--no-{option[2:]}"]
    if isinstance(value, int | float | str | Path):
        return [option, str(value)]
    if isinstance(value, dict):
        return [option, ",".join(f"{label}={weight}" for label, weight in value.items())]
    if isinstance(value, list | tuple) and all(isinstance(v, int | float | str) for v in value):
        if name == "seeds" and len(value) == 1:
            return None  # on the command line one number says how many seeds
        if name in _BY_LAYER:
            return [option, ",".join(map(str, value))]
        return [word for v in value for word in (option, str(v))]
    return None
