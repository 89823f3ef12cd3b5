"""Options passed on by name: each is declared, typed and documented once, in the function where it acts."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.common.errors import DataError, nearest

__all__ = ["Option", "all_options", "options_of", "route"]


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a function.

    Attributes:
        name: Its name.
        kind: Its annotation, as written.
        default: Its default.
        about: What the function's docstring says of it.
    """

    name: str
    kind: str
    default: Any
    about: str


def options_of(function: Callable[..., Any], but: tuple[str, ...] = ()) -> dict[str, Option]:
    """Return the options of a function: its keyword-only parameters, with what its docstring says of each.

    Args:
        function: A function with a Google-style docstring.
        but: Names to leave out.

    Example:
        >>> from toolkit.builders import linear
        >>> options_of(linear)["max_norm"].about
        "Largest length of each unit's weight vector; None leaves it free."
    """
    about = _arguments(inspect.getdoc(function) or "")
    return {
        name: Option(name, str(parameter.annotation), parameter.default, about.get(name, ""))
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in but
    }


# Options that name columns or are about them, beside those of the encoding.
_OF_COLUMNS = ("group", "time", "keep", "drop", "categories", "feature_scale")


def all_options(build: Callable[..., Any] | None = None, *, images: bool = False) -> dict[str, dict[str, Option]]:
    """Return every option that a recipe passes on, by the place where it acts.

    Args:
        build: The builder; None is `toolkit.builders.mlp`.
        images: Whether to leave out what is for columns, and of a `cnn` what is for dense networks.
    """
    from toolkit import builders
    from toolkit.data import dataset as tables
    from toolkit.data.encoding import Encoder
    from toolkit.data.row_weights import row_weights
    from toolkit.data.target import Target
    from toolkit.training import fitting as training

    compare = "Fit a dummy, a linear and a gradient-boosted tree model on the same rows, to compare with."
    decide = (
        "For binary: the score above which a row is of the second class; a number, or the metric for which it is "
        "chosen on the validation rows: accuracy, balanced_accuracy or f1. None is 0."
    )
    several = (
        "How many networks, which differ in their initial weights: they answer with the mean of their scores. "
        "None takes what the effort says where the network is the default one, otherwise 1."
    )
    places = {
        "data": options_of(tables.prepare, but=("task", "test", "seed")),
        "encoding": options_of(Encoder.fit),
        "target": options_of(Target.fit),
        "weights": options_of(row_weights),
        "model": options_of(build or builders.mlp, but=("seed", "pixels")),
        "training": options_of(training.fit, but=("validation", "folds", "sample_weight", "scale", "shuffle", "seed")),
        "ensemble": {"seeds": Option("seeds", "int | None", None, several)},
        "evaluation": {
            "baselines": Option("baselines", "bool", True, compare),
            "threshold": Option("threshold", "str | float | None", None, decide),
        },
    }
    if not images:
        return places
    foreign = {*_OF_COLUMNS, *places["encoding"]} | ({"seeds"} if build is builders.cnn else set())
    return {place: {name: some[name] for name in some if name not in foreign} for place, some in places.items()}


def route(given: Mapping[str, Any], places: Mapping[str, Mapping[str, Option]]) -> dict[str, dict[str, Any]]:
    """Hand each given option to the place that declares it.

    Args:
        given: Options by name.
        places: The options of each place.

    Returns:
        A dictionary of options a place.

    Raises:
        DataError: An option that no place declares; the message names the nearest.
    """
    known = [name for options in places.values() for name in options]
    for name in given:
        if name not in known:
            raise DataError(f"option '{name}' is not known.{nearest(name, known)} Known: {', '.join(sorted(known))}.")
    return {
        place: {name: value for name, value in given.items() if name in options} for place, options in places.items()
    }


def _arguments(doc: str) -> dict[str, str]:
    """Read the Args section of a Google-style docstring."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", doc, re.MULTILINE | re.DOTALL)
    if section is None:
        return {}
    found: dict[str, typing.Any] = {}
    name = ""
    for line in section[1].splitlines():
        start = re.match(r"    (\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = [start[2]]
        elif name and line.strip():
            found[name].append(line.strip())
    return {name: " ".join(lines) for name, lines in found.items()}
