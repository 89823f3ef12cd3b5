"""Parameters of commands, made from declared options."""

from __future__ import annotations

import click
import pytest

from recipes.cli.parameters import click_option, parameters
from toolkit.common.options import Option
from toolkit.training.options import Options


def _parsed(option: Option, *arguments: str):
    command = click.Command("try", params=[click_option(option)], callback=lambda **values: values)
    return command.main(list(arguments), standalone_mode=False)[option.name]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "3", 3),
        ("float | None", "3", 3.0),
        ("int | str | None", "all", "all"),
        ("int | str | None", "64", 64),
        ("Sequence[int]", "64", (64,)),
        ("Sequence[int]", "64,32", (64, 32)),
        ("int | Sequence[int]", "5", 5),
        ("float | Sequence[float]", "0.1,0.2", (0.1, 0.2)),
        ("str | Sequence[str]", "relu", "relu"),
        ("int | tuple[int, int] | None", "24,32", (24, 32)),
        ("str | Mapping[Any, float] | None", "a=b=2,c=1", {"a=b": 2.0, "c": 1.0}),
        ("Any", "0.2", 0.2),
        ("Any", "test.csv", "test.csv"),
    ],
)
def test_the_type_of_a_parameter_comes_from_the_annotation(kind, text, value):
    parsed = _parsed(Option("option", kind, None), "--option", text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_switch_can_be_turned_off_and_has_no_value_if_it_is_left_out():
    option = Option("xla", "bool | None", None)
    assert [_parsed(option, *words) for words in (["--xla"], ["--no-xla"], [])] == [True, False, None]


def test_an_option_that_names_columns_is_repeated():
    option = Option("drop", "str | Sequence[str]", (), "Columns left out.", ("columns",))
    assert _parsed(option, "--drop", "a, b", "--drop", "c") == ("a, b", "c")


def test_the_help_of_a_parameter_is_the_declared_text_and_its_default_the_declared_one():
    parameter = click_option(Option("dropout", "float", 0.1, "Share of outputs set to zero."))
    assert (parameter.help, parameter.default, parameter.show_default) == ("Share of outputs set to zero.", 0.1, True)
    parameter = click_option(Option("dropout", "float", 0.1, "Share."), chosen=True)
    assert (parameter.default, parameter.show_default) == (None, "chosen by the recipe")


def test_functions_and_callbacks_can_not_be_written_on_a_command_line():
    from toolkit.common.options import options_of

    names = {parameter.name for parameter in parameters(options_of(Options).values())}
    assert names == set(options_of(Options)) - {"callbacks", "metrics"}
