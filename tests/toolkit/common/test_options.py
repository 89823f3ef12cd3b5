"""Options, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from toolkit import DataError
from toolkit.common.options import Option, documented, options_of, refuse_unknown

Seed = Annotated[int, "Seed of the draw."]


@documented
def draw(
    rows: int,
    *,
    width: Annotated[float | None, "Width of a line, in points."] = None,
    seed: Seed = 0,
    flip: Annotated[bool, "Mirror it.", "images", "binary"] = False,
    test: int = 1,
) -> None:
    """Draw.

    Args:
        rows: Number of rows.
        test: Test rows.

    Returns:
        Nothing.
    """


@documented
@dataclass(frozen=True, kw_only=True)
class Style:
    """How to draw."""

    width: Annotated[unknown.Width, "Width of a line."] = 1.0  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
    seed: Seed = 0


class TestOptions:
    def test_type_default_and_text_come_from_the_declaration(self):
        assert options_of(draw, leave_out=("test",)) == {
            "width": Option("width", "float | None", None, "Width of a line, in points."),
            "seed": Option("seed", "int", 0, "Seed of the draw."),
            "flip": Option("flip", "bool", False, "Mirror it.", ("images", "binary")),
        }

    def test_a_parameter_without_a_text_is_an_option_without_a_text(self):
        assert options_of(draw)["test"] == Option("test", "int", 1)

    def test_fields_of_a_dataclass_are_options_and_their_types_need_no_import(self):
        assert options_of(Style)["width"] == Option("width", "unknown.Width", 1.0, "Width of a line.")
        assert Style(width=2.0).seed == 0

    def test_a_text_names_what_the_option_is_only_for(self):
        assert options_of(draw)["flip"].text == "Mirror it. Only for images and binary."


def test_help_shows_the_texts_in_the_docstring_and_plain_types_in_the_signature():
    assert draw.__doc__ == (
        "Draw.\n\nArgs:\n    rows: Number of rows.\n    test: Test rows.\n    width: Width of a line, in points.\n"
        "    seed: Seed of the draw.\n    flip: Mirror it. Only for images and binary.\n\nReturns:\n    Nothing."
    )
    assert Style.__doc__ == "How to draw.\n\nAttributes:\n    width: Width of a line.\n    seed: Seed of the draw."
    assert draw.__annotations__["width"] == "float | None"


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(DataError, match=r"option 'widht' is not known\. Did you mean 'width'\?"):
        refuse_unknown(["widht"], ["width", "flip"])
    with pytest.raises(DataError, match=r"option 'zzz' is not known\. Known: flip, rows, width\."):
        refuse_unknown(["zzz"], ["width", "flip"], ["rows"])
