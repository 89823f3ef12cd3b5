"""The experiments of the lectures, each computed and shown by one call: a module a lesson, a leaf."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import shlex
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.common.errors import DataError, nearest

if TYPE_CHECKING:
    from recipes.lessons.tools.page import Lesson

__all__ = ["LESSONS", "ON_YOUR_DATA", "show"]

#: Every lesson by its name, which is its module's, with the question that it answers; in the order of the book.
LESSONS: dict[str, str] = {
    "losses": "What does a loss ask of the scores?",
    "roundoff": "What do probabilities lose that raw scores keep?",
    "gradients": "How do we know that a gradient is right?",
    "backprop": "How does one example change every weight?",
    "neuron": "What can one neuron decide, and what do three?",
    "initialization": "Why do weights start at random, and how large?",
    "space": "What does each hidden layer do to the input?",
    "search": "Why follow the gradient rather than guess?",
    "descent": "How long a step, and after how many rows?",
    "optimizers": "What do momentum, RMSprop and Adam add to the gradient?",
    "regularization": "What does a penalty do to weights and errors?",
    "scaling": "Why scale the columns?",
    "perceptron": "When does the oldest learning rule stop?",
    "capacity": "How large a network, and for how many rows?",
    "hyperparameters": "Which settings matter?",
    "worth": "When is a neural network worth it?",
    "online": "Can a network learn from rows that it sees only once?",
    "multilabel": "One network with three outputs, or three networks?",
}

#: The lessons that take a table of your own in place of their example.
ON_YOUR_DATA = frozenset(
    {
        *("roundoff", "gradients", "space", "search", "optimizers", "regularization", "scaling"),
        *("capacity", "hyperparameters", "worth", "online"),
    }
)

#: Names that lessons had before.
FORMER_NAMES = {
    "initialisation": "initialization",
    "optimisers": "optimizers",
    "regularisation": "regularization",
}

SEEDS = 2**32  # scikit-learn takes none from here on
TYPED = ("data", "target", "task", "columns", "seed")  # what the command line takes too


def show(name: str, *arguments: Any, **options: Any) -> Lesson:
    """Run one lesson by its name.

    Args:
        name: A name of `LESSONS`.
        *arguments: The table of your own, for a lesson that takes one.
        **options: What the lesson's own `show` takes: `target`, `task`, `seed`, ...

    Returns:
        The lesson: tables, figures, and the page made of both.

    Raises:
        DataError: No lesson has this name, or the lesson can't use what was given.

    Example:
        >>> show("loses")
        Traceback (most recent call last):
        ...
        toolkit.DataError: 'loses' is not a lesson; `recipes lessons` lists them. Did you mean 'losses'?
    """
    name = FORMER_NAMES.get(name, name)
    if name not in LESSONS:
        raise DataError(f"{name!r} is not a lesson; `recipes lessons` lists them.{nearest(name, LESSONS)}")
    run = importlib.import_module(f"recipes.lessons.{name}").show
    takes = inspect.signature(run).parameters
    places = [given for given in takes if takes[given].kind is not inspect.Parameter.KEYWORD_ONLY]
    first = places[0] if places else None
    if arguments and (first is None or (first != "data" and isinstance(arguments[0], str))):
        raise DataError(f"the lesson '{name}' takes no table{f', but a {first} (in Python)' if first else ''}.")
    for option in options:
        if option not in takes:
            known = f"takes {', '.join(takes)}" if takes else "takes nothing"
            raise DataError(f"the lesson '{name}' has no {option!r}: it {known}.{nearest(option, takes)}")
    if len(arguments) > max(1, len(places)):
        raise DataError(
            f"the lesson '{name}' takes no more "
            f"than {max(1, len(places))} without a name, and got {len(arguments)}: give the "
            "others by their names, as target=..."
        )
    if first == "data" and not arguments and options.get("data") is None:
        needy = [option for option in ("target", "task", "columns") if options.get(option) is not None]
        if needy:
            raise DataError(f"{' and '.join(needy)} needs a table: give it first, as show('{name}', 'data.csv', ...).")
    seed = options.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < SEEDS:
        raise DataError(f"seed={seed!r}: expected a whole number from 0 to {SEEDS - 1}.")
    given = dict(zip(places, arguments, strict=False)) | options
    changed = {option: value for option, value in given.items() if value is not takes[option].default}
    return dataclasses.replace(run(*arguments, **options), again=_again(name, changed))


def _again(name: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to type for a lesson, in Python and on the command line; nothing where it was given no file."""
    words: dict[str, Any] = {}
    for option, value in given.items():
        several = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        if option not in TYPED or not (several or isinstance(value, str | Path | Integral)):
            return ()
        words[option] = value if several else int(value) if isinstance(value, Integral) else str(value)
    data = [words.pop("data")] if "data" in words else []
    python = [*map(_quoted, [name, *data]), *(f"{option}={_quoted(value)}" for option, value in words.items())]
    typed = ["recipes", "lessons", name, *data]
    for option, value in words.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            typed += [f"--{option}", str(one)]
    return f"lessons.show({', '.join(python)})", shlex.join(typed)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
