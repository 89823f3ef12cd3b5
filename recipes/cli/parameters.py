"""Parameters of commands, made from the options that functions declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from toolkit.common.options import Option

__all__ = [
    "FOLDER",
    "PATH",
    "List",
    "click_option",
    "json_option",
    "open_option",
    "parameters",
    "quiet_option",
]

PATH = click.Path()
FOLDER = click.Path(file_okay=False)

# Options of several commands, as decorators.
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object; NaN is null.")
quiet_option = click.option("--quiet", is_flag=True, help="Print no progress and no notes about the data.")
open_option = click.option("--open", "in_browser", is_flag=True, help="Open the report in the browser.")


class _Either(click.ParamType):
    """A number where the text is one, otherwise the text."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        return value


class List(click.ParamType):
    """Values separated by commas, or also a single value of the same kind."""

    name = "a,b,..."

    def __init__(self, kind: Callable[[str], Any], single: bool = False) -> None:
        self.kind, self.single = kind, single

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the values of a text as a tuple, or a single one if that is allowed."""
        if not isinstance(value, str):
            return value
        try:
            values = tuple(self.kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            example = "0.1,0.2" if self.kind is float else "64,32"
            self.fail(f"{value!r}: expected numbers separated by commas, such as {example}.", param, ctx)
        return values[0] if len(values) == 1 and self.single else values


class _Weights(click.ParamType):
    """``balanced``, or label=weight pairs separated by commas."""

    name = "balanced | label=weight,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or "=" not in value:
            return value
        try:
            return {label: float(weight) for label, weight in (pair.rsplit("=", 1) for pair in value.split(","))}
        except ValueError:
            self.fail(f"{value!r}: expected pairs such as yes=5,no=1.", param, ctx)


def parameters(options: Iterable[Option], chosen: Iterable[str] = ()) -> list[click.Parameter]:
    """Return the parameters of a command for options; those that no command line can write are left out.

    Args:
        options: The options, as declared.
        chosen: Names of options whose defaults are chosen when the command runs.
    """
    written = [
        o for o in options if not o.kind.startswith(("Callable", "Sequence[Callable")) and "Callback" not in o.kind
    ]
    return [click_option(option, chosen=option.name in chosen) for option in written]


def click_option(option: Option, *, chosen: bool = False, required: bool = False) -> click.Option:
    """Return the parameter for one option.

    Args:
        option: The option, as declared.
        chosen: Whether its default is chosen when the command runs.
        required: Whether the command needs it.
    """
    flag = f"--{option.name.replace('_', '-')}"
    has_default = option.default not in (None, ())
    default = option.default if has_default and not chosen else None
    note: bool | str = "chosen by the recipe" if has_default and chosen else has_default
    if option.kind.startswith("bool"):
        return click.Option([f"{flag}/--no-{flag[2:]}"], default=default, show_default=note, help=option.about)
    names_columns = option.name == "target" or ("columns" in option.only and "Sequence[str]" in option.kind)
    if names_columns:  # a column's name may hold a comma: the option is repeated
        return click.Option([flag], multiple=True, required=required, help=option.about)
    default = ",".join(map(str, default)) if isinstance(default, tuple) else default
    return click.Option([flag], type=_type_of(option.kind), default=default, show_default=note, help=option.about)


def _type_of(kind: str) -> click.ParamType:
    """Return the type of a parameter from the annotation of an option, such as ``"float | Sequence[float]"``."""
    if "Sequence[" in kind or "tuple[" in kind:
        item = int if "int]" in kind or "int, " in kind else float if "float]" in kind else str
        return List(item, single=not kind.startswith(("Sequence[", "tuple[")))
    if "Mapping[" in kind:
        return _Weights()
    # "int | str | None" -> ["int", "str"]: a number where the text is one.
    kinds = kind.replace(" | None", "").split(" | ")
    if kinds == ["Any"] or (len(kinds) > 1 and {"int", "float"} & {*kinds}):
        return _Either()
    return {"int": click.INT, "float": click.FLOAT}.get(kinds[0], click.STRING)
