"""What a lesson's page states and asks besides its pictures: formulas as MathML, and exercises with answers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from latex2mathml import converter
from markupsafe import Markup

__all__ = ["Teaching", "teaching"]


@dataclass(frozen=True)
class Teaching:
    """The formulas and exercises of a lesson.

    Attributes:
        formulas: What each formula is, and the formula as MathML, which browsers draw without a script.
        notation: What the symbols mean.
        exercises: Each question with its answer.
    """

    formulas: tuple[tuple[str, Markup], ...] = ()
    notation: str = ""
    exercises: tuple[tuple[str, str], ...] = ()


def teaching(name: str) -> Teaching:
    """Return the formulas and exercises of a lesson; none for a name without any.

    Example:
        >>> [question for question, answer in teaching("losses").exercises][2]
        'The hinge of a row is 0. Can its cross-entropy be 0, too?'
        >>> str(teaching("losses").formulas[0][1])[:25]
        '<math xmlns="http://www.w'
    """
    entry = _entries().get(name, {})
    return Teaching(
        # The formulas are the project's own: nothing of the user's is in the MathML.
        tuple((words, Markup(converter.convert(latex, display="block"))) for words, latex in entry.get("formulas", ())),
        entry.get("notation", ""),
        tuple((question, answer) for question, answer in entry.get("exercises", ())),
    )


@cache
def _entries() -> dict[str, Any]:
    text = resources.files("recipes.lessons.tools").joinpath("exercises.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
