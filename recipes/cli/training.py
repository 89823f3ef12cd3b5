"""The commands that train: one per task and one for images, the same for ``recipes compare``, and ``recipes demo``."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from recipes.cli.output import (
    facts_of,
    naming_pages,
    open_page,
    print_json,
    quietly,
    show_comparison,
    show_run,
)
from recipes.cli.parameters import (
    FOLDER,
    PATH,
    click_option,
    json_option,
    open_option,
    parameters,
    quiet_option,
)
from toolkit.common.errors import DataError, nearest
from toolkit.common.files import check_writable, is_stream, partial_path, path_to_write
from toolkit.common.options import Option, options_of
from toolkit.distributed.tensorflow_workers import rank_here

__all__ = ["RECIPES", "RecipeGroup", "compare", "cross_validate", "demo"]

#: The recipes, with what they do.
RECIPES = {
    "regression": "Train a network that predicts numbers.",
    "binary": "Train a network that tells two classes apart.",
    "multiclass": "Train a network that names one of several classes.",
    "multilabel": "Train a network that gives each row any number of labels.",
    "images": "Train a network on images: a folder with one sub-folder per class, or a table of file names.",
}


class RecipeGroup(click.Group):
    """A group with one command per recipe, built when it is asked for: its options take a moment to collect."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, those of the recipes first."""
        return [*self._recipes(), *super().list_commands(ctx)]

    def _function(self) -> str:
        return (self.name or "").replace("-", "_") if self.name in ("compare", "cross-validate") else "train"

    def _recipes(self) -> dict[str, str]:
        """Return the commands that are recipes, with what they do."""
        function = self._function()
        if function == "train":
            return RECIPES
        if function == "compare":
            return {name: f"Compare heads for {name}." for name in RECIPES}
        return {name: f"Cross-validate a network for {name}." for name in RECIPES if name != "images"}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name in self._recipes():
            return _recipe_command(cmd_name, self._function())
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names; the message about an unknown one names the nearest."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            raise DataError(
                f"'{args[0]}' is not a command: expected one of {', '.join(names)}.{nearest(args[0], names)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, without building those of the recipes."""
        about = self._recipes()
        more = {name: self.commands[name].get_short_help_str(100) for name in sorted(self.commands)}
        with formatter.section("Commands"):
            formatter.write_dl(list((about | more).items()))


@click.group(cls=RecipeGroup)
def compare() -> None:
    """Compare heads (SVM, softmax, ...) on one table, with paired differences over several seeds."""


@click.group("cross-validate", cls=RecipeGroup)
def cross_validate() -> None:
    """Train a network on each fold of a table, so that every row is tested once."""


@click.command()
@click.option("--effort", default="default", show_default=True, help="Time to spend: quick, default or best.")
@click.option("--reports", type=FOLDER, default="reports", show_default=True, help="Folder for the four reports.")
def demo(effort: str, reports: str) -> None:
    """Train one network for each of the four tasks on the sample tables, and write four reports."""
    from recipes.samples import SAMPLES, path

    check_writable(Path(reports) / "index.html")
    written = []
    with naming_pages(reports):
        for name, sample in SAMPLES.items():
            click.echo(f"{sample.task}: {name}, target {sample.target}")
            recipe = importlib.import_module(f"recipes.{sample.task}")
            run = recipe.train(path(name), target=sample.target, effort=effort)
            show_run(run)
            written.append(run.report(Path(reports) / f"{name}.html"))
    click.echo("Reports, to open in a browser:")
    for report in written:
        click.echo(f"  {report}")


def _recipe_command(name: str, function: str) -> click.Command:
    """Return the command that calls ``train``, ``compare`` or ``cross_validate`` of a recipe."""
    from recipes.workflow.defaults import CHOSEN

    recipe = getattr(importlib.import_module(f"recipes.{name}"), function)
    declared = options_of(recipe)
    target = click_option(declared.pop("target"), required=name != "images")
    params = [click.Argument(["file"], type=PATH), target, *parameters(declared.values())]
    if function == "train":
        params.append(click.Option(["--save"], type=PATH, help="File to save the run in (.keras)."))
        params.append(click.Option(["--seeds"], type=click.INT, hidden=True))  # the former name of --members
    params += parameters([option for option in _passed_on(name) if option.name not in declared], CHOSEN)
    file = "a folder, a table of file names, a folder of idx files such as MNIST's, or an npz file"
    file = (
        file
        if name == "images"
        else "a table (CSV, Excel, Parquet, JSON, ...), a folder of them, or - for standard input"
    )
    about = {"compare": f"Compare heads for {name}.", "cross_validate": f"Cross-validate a network for {name}."}
    about = about.get(function, RECIPES[name])

    def call(file: str, target: tuple[str, ...], save: str | None = None, **values: Any) -> None:
        as_json, quiet, in_browser = (values.pop(name) for name in ("as_json", "quiet", "in_browser"))
        if save is not None:
            if not save.endswith(".keras") and not is_stream(save):
                raise DataError(f"--save {save}: the name of the file must end in .keras.")
            check_writable(save)
        if in_browser and values["report"] is None:
            raise DataError("--open opens the report: give --report PAGE too.")
        # Only what was typed is passed on: the recipe chooses the rest.
        source = click.get_current_context().get_parameter_source
        options = {key: value for key, value in values.items() if source(key) is not click.core.ParameterSource.DEFAULT}
        options = {key: list(value) if key in repeated else value for key, value in options.items()}
        options |= {"progress": False} if quiet else {}
        start = time.time_ns()
        several = len(target) > 1 or values.get("task", name) == "multilabel"
        with quietly(quiet):
            result = recipe(file, target=(list(target) or None) if several else next(iter(target), None), **options)
        if rank_here():
            return  # worker 0 prints and writes
        if not as_json:
            (show_run if function == "train" else show_comparison)(result, not quiet)
        written: dict[str, Path | None] = {"saved": None, "report": None}
        try:
            if save is not None:
                written["saved"] = result.save(path_to_write(save))
            if values["report"] is not None:
                written["report"] = _written_report(values["report"], start)
        finally:  # what was trained is printed also where a file can't be written
            if as_json:
                print_json(facts_of(result) | written)
            else:
                _show_written(written, {"saved": save, "report": values["report"]})
        if in_browser and written["report"] is not None:
            open_page(written["report"])

    repeated = {param.name for param in params if isinstance(param, click.Option) and param.multiple}
    command = click.Command(name, params=params, callback=call, help=f"{about}\n\nFILE is {file}.")
    return json_option(quiet_option(open_option(command)))


def _written_report(report: str, start: int) -> Path:
    """Return where a report is, or raise a DataError where it was not written since a time in nanoseconds."""
    from toolkit.report.page import page_path

    path = page_path(report)
    for page in (path, partial_path(path)):
        if is_stream(page) or (page.is_file() and page.stat().st_mtime_ns >= start):
            return page
    raise DataError(f"{path} was not written; the warning above says why.")


def _show_written(written: Mapping[str, Path | None], wanted: Mapping[str, str | None]) -> None:
    """Print where the files of a run are; after Ctrl-C, earlier ones are kept."""
    for what, path in written.items():
        if path is not None:
            kept = path.stem.endswith(".partial") and path.name != Path(str(wanted[what])).name
            why = f" ({wanted[what]} is kept as it was, since this run was interrupted)" if kept else ""
            click.echo(f"{what.capitalize()}: {path}{why}")


def _passed_on(name: str) -> Iterator[Option]:
    """Yield the options that a recipe passes on, those of the default builder first."""
    from recipes.workflow.defaults import HELP
    from recipes.workflow.options import all_options
    from toolkit.builders import BUILDERS

    images = name == "images"
    kinds = {"images", *RECIPES} if images else {"columns", name}
    builders = ("cnn", "linear", "mlp") if images else ("mlp", "linear")  # the default first
    by_name: dict[str, tuple[Option, list[str]]] = {}
    for builder in builders:
        for options in all_options(BUILDERS[builder]).values():
            for option in options.values():
                by_name.setdefault(option.name, (option, []))[1].append(builder)
    for option, takers in by_name.values():
        is_column = images and option.name == "sample_weight"  # images have no column of weights
        if not is_column and (not option.only or kinds & set(option.only)):
            about = option.text if images and option.only != ("images",) else option.about
            about = HELP["images" if images else "columns"].get(option.name, about)
            needs = "" if builders[0] in takers else f"With --build {' or '.join(takers)}: "
            yield replace(option, about=needs + about)
