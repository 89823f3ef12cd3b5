"""The experiments of the lectures, one module per lesson; `show` runs one by its name."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import shlex
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.lessons.tools.catalog import FORMER_NAMES, LESSONS, ON_YOUR_DATA
from toolkit.backend import keep_random_state, load_keras
from toolkit.common import interrupts
from toolkit.common.errors import DataError, nearest

if TYPE_CHECKING:
    from recipes.lessons.tools.page import Lesson

__all__ = ["LESSONS", "ON_YOUR_DATA", "show"]

_SEED_LIMIT = 2**32  # scikit-learn accepts smaller seeds only
_DATA = ("data", "picture")  # what a lesson may call its first argument that the command line can give, a file
_COMMAND_LINE_OPTIONS = (*_DATA, "target", "task", "columns", "seed")


@keep_random_state()
@interrupts.immediate()  # a lesson on a part of its trainings would mislead
def show(name: str, *arguments: Any, **options: Any) -> Lesson:
    """Run one lesson.

    Args:
        name: A name of `LESSONS`.
        *arguments: Your table, for a lesson that accepts one.
        **options: The arguments of the lesson's `show`: `target`, `task`, `seed`, ...

    Returns:
        The lesson: its tables, its figures, and the page made of both.

    Raises:
        DataError: No lesson has this name, or the lesson can't use an argument.

    Example:
        >>> show("loses")
        Traceback (most recent call last):
        ...
        toolkit.DataError: 'loses' is not a lesson; `recipes lessons` lists them. Did you mean 'losses'?
    """
    name = FORMER_NAMES.get(name, name) if isinstance(name, str) else name
    if not isinstance(name, str) or name not in LESSONS:
        raise DataError(f"{name!r} is not a lesson; `recipes lessons` lists them.{nearest(name, LESSONS)}")
    run = importlib.import_module(f"recipes.lessons.{name}").show
    parameters = inspect.signature(run).parameters
    positional = [key for key, value in parameters.items() if value.kind is not inspect.Parameter.KEYWORD_ONLY]
    _check(name, arguments, options, parameters, positional)
    typed = dict(zip(positional, arguments, strict=False)) | options
    changed = {option: value for option, value in typed.items() if value is not parameters[option].default}
    load_keras()
    from recipes.lessons.tools.rows import UnclearTask, clear_task  # pandas takes a second to import

    data = typed.get("data")
    try:
        if data is not None and options.get("task") is None and not hasattr(data, "decision_function"):
            options["task"] = clear_task(data, typed.get("target"), int(typed.get("seed", 0)), ON_YOUR_DATA[name])
        return dataclasses.replace(run(*arguments, **options), again=again(name, changed))
    except UnclearTask as error:
        raise DataError(f"{error}: {_advice(name, changed, error.tasks)}.") from None


def _advice(name: str, changed: Mapping[str, Any], tasks: Sequence[str]) -> str:
    """Return what to type where the task of a lesson isn't clear."""
    accepted = [task for task in tasks if task in ON_YOUR_DATA[name]]
    if not accepted:
        return "choose another target, or group its values into fewer classes"
    # The command line can't repeat a call with a DataFrame.
    calls = [again(name, {**changed, "task": task}) or (f'task="{task}"',) for task in accepted]
    return f"type {' or '.join(call[-1] for call in calls)}"


def _check(
    name: str,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    parameters: Mapping[str, inspect.Parameter],
    positional: Sequence[str],
) -> None:
    """Check that a lesson accepts these arguments and options."""
    first = positional[0] if positional else None
    if arguments and (first is None or (first not in _DATA and isinstance(arguments[0], str))):
        hint = f"; it takes a {first}, in Python only" if first else ""
        raise DataError(f"the lesson '{name}' takes no table{hint}.")
    for option in options:
        if option not in parameters:
            accepted = ", ".join(parameters) if parameters else "no options"
            hint = nearest(option, parameters)
            raise DataError(f"the lesson '{name}' has no option {option!r}; it takes {accepted}.{hint}")
    if len(arguments) > max(1, len(positional)):
        raise DataError(
            f"the lesson '{name}' takes at most {max(1, len(positional))} positional argument"
            f"{'s' * (len(positional) > 1)}, and got {len(arguments)}: give the rest by name, as target=..."
        )
    if first == "data" and not arguments and options.get("data") is None:
        about_data = [option for option in ("target", "task", "columns") if options.get(option) is not None]
        if about_data:
            verb = "need" if len(about_data) > 1 else "needs"
            raise DataError(f"{' and '.join(about_data)} {verb} a table: type show('{name}', 'data.csv', ...).")
    seed = options.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < _SEED_LIMIT:
        raise DataError(f"seed={seed!r}: expected a whole number from 0 to {_SEED_LIMIT - 1}.")


def again(name: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the call that runs a lesson again, in Python and on the command line.

    Args:
        name: The lesson's name.
        options: The arguments that differ from their defaults.

    Returns:
        Both texts. Empty if the command line can't make the call: its data is a DataFrame or an array, say.

    Example:
        >>> again("descent", {"seed": 7})
        ('lessons.show("descent", seed=7)', 'recipes lessons descent --seed 7')
    """
    values: dict[str, Any] = {}
    for option, value in options.items():
        is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        if option not in _COMMAND_LINE_OPTIONS or not (is_list or isinstance(value, str | Path | Integral)):
            return ()
        values[option] = value if is_list else int(value) if isinstance(value, Integral) else str(value)
    data = [values.pop(option) for option in _DATA if option in values]
    python = [*map(_quoted, [name, *data]), *(f"{option}={_quoted(value)}" for option, value in values.items())]
    command = ["recipes", "lessons", name, *data]
    for option, value in values.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            command += [f"--{option}", str(item)]
    return f"lessons.show({', '.join(python)})", shlex.join(command)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
