"""The command ``recipes``: the same words as in Python, one command a task."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit import DataError, __version__

if TYPE_CHECKING:
    from recipes.workflow.options import Option
    from toolkit.data.dataset import SplitData
    from toolkit.runs.comparison import Comparison
    from toolkit.runs.run import Run

__all__ = ["main"]

TASKS = {
    "regression": "Train a network that predicts numbers.",
    "binary": "Train a network that tells two classes apart.",
    "multiclass": "Train a network that names one of several classes.",
    "multilabel": "Train a network that gives each row any number of labels.",
}

IMAGES = "Train a network on images: a folder with a sub-folder a class, or a CSV of file names."


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


class _Many(click.ParamType):
    """Values with commas between them; a single one stands for all layers."""

    name = "a,b,..."

    def __init__(self, kind: Callable[[str], Any]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parts = tuple(self.kind(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r}: expected numbers with commas between them, such as 64,32.", param, ctx)
        return parts[0] if len(parts) == 1 and self.kind is not int else parts


class _PerTask(click.Group):
    """A group with a command a task, built when it is called for: its options take a moment to collect."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*TASKS, "images", *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "images":
            return _images_command("compare" if self.name == "compare" else "train")
        if cmd_name not in TASKS:
            return super().get_command(ctx, cmd_name)
        return _compare_command(cmd_name) if self.name == "compare" else _task_command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        tasks = TASKS | {"images": IMAGES}
        if self.name == "compare":
            tasks = {task: f"Compare heads for {task}." for task in tasks}
        own = {name: self.commands[name].get_short_help_str(100) for name in sorted(self.commands)}
        with formatter.section("Commands"):
            formatter.write_dl(list((tasks | own).items()))


@click.group(cls=_PerTask, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="recipes")
def recipes() -> None:
    """From a table to a fitted neural network and its report, in one command.

    `recipes COMMAND --help` lists the options of a command.
    """


@recipes.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The CSV to write; printed when left out.")
def predict(model: Path, data: tuple[Path, ...], output: Path | None) -> None:
    """Predict the rows of DATA with a saved MODEL (.keras).

    DATA is a table, or for a model of images a folder or any number of pictures. Writes one line a row: the
    prediction, and the probability of each class or label; of a picture its name too.
    """
    import pandas as pd

    import toolkit
    from toolkit.common.files import write_whole

    run = toolkit.load(model)
    rows, files = _to_predict(run, data)
    predicted = run.predict(rows)
    names = [str(name) for name in run.target.columns]
    table = pd.DataFrame(predicted.reshape(len(rows), -1), columns=pd.Index(names))
    if run.task != "regression":
        chances = run.predict_proba(rows)
        table[[f"probability_{name}" for name in run.classes]] = chances
    if files:
        table.insert(0, "file", files, allow_duplicates=True)
    text = table.to_csv(index=False)
    if output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"{len(table)} predictions: {write_whole(output, text)}")


def _to_predict(run: Run, data: tuple[Path, ...]) -> tuple[Any, list[str]]:
    """Read the rows, and of pictures their names; what was done to them is said on standard error."""
    from toolkit.data.images.files import Form, read_pictures
    from toolkit.data.images.stack import ImageEncoder
    from toolkit.data.read import read

    table, *others = data
    if isinstance(run.encoder, ImageEncoder):
        form = Form(run.encoder.shape, run.encoder.dtype)
        images = read_pictures(list(data) if others else table, form, strict=False)
        for note in images.notes:
            click.echo(f"Note: {note}", err=True)
        return images.pixels, images.names
    if others:
        raise DataError(f"{len(data)} files were given; expected one table of rows to predict.")
    return read(table)[0], []


@recipes.command()
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), show_default=True,
    help="Folder for the four reports.",
)  # fmt: skip
def demo(reports: Path) -> None:
    """Train one network for each of the four tasks on the sample tables, and write four reports."""
    import importlib

    from recipes.samples import SAMPLES, path

    written = []
    for name, sample in SAMPLES.items():
        click.echo(f"{sample.task}: {name}, target {sample.target}")
        recipe = importlib.import_module(f"recipes.{sample.task}")
        run = recipe.train(path(name), target=sample.target)
        _show(run)
        written.append(run.report(reports / f"{name}.html"))
    click.echo("Reports, to open in a browser:")
    for report in written:
        click.echo(f"  {report}")


@recipes.command()
@click.argument("source", default="digits")
@click.option(
    "--heads", type=_Many(str), default="softmax,hinge", show_default=True, help="Compared on the last model."
)
@click.option("--seeds", type=int, default=3, show_default=True, help="Trainings of each head, and of each size.")
@click.option("--sizes", type=_Many(int), help="Numbers of training images to try, such as 100,1000.")
@click.option("--effort", default="default", show_default=True, help="Time to spend: quick, default or best.")
@click.option("--epochs", type=int, help="Passes over the images; each model's own number when left out.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same story.")
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports/digits"), show_default=True,
    help="Folder for the pages.",
)  # fmt: skip
def digits(
    source: str, heads: tuple[str, ...], seeds: int, sizes: tuple[int, ...] | None, effort: str, epochs: int | None,
    seed: int, reports: Path,
) -> None:  # fmt: skip
    """Read digits from end to end: linear, 25-15-10 and convolutional, softmax and SVM; a page for each, and an index.

    SOURCE is digits (8 x 8, no download), mnist or fashion-mnist (from data/, from where LOGITKIT_DATA says, or fetched
    once), or a place of images as for `recipes images`.
    """
    from recipes.digits.story import SIZES, tell

    own = {} if epochs is None else {"epochs": epochs}
    story = tell(
        source, heads=heads, seeds=seeds, sizes=sizes or SIZES, effort=effort, seed=seed, say=click.echo, **own
    )
    for name, model in story.summary()["models"].items():
        click.echo(f"  {name:<10} {model['accuracy']['value']:>8.2%}  {model['parameters']:>10,} parameters")
    for sentence in story.comparison.verdict:
        click.echo(f"  {sentence}")
    click.echo(f"Report: {story.report(reports)}")


@recipes.group(cls=_PerTask)
def compare() -> None:
    """Compare heads (SVM, softmax, ...) on one table, with paired differences over several seeds."""


@recipes.command()
@click.argument("name", required=False)
@click.argument("file", required=False, type=click.Path())
@click.option("--target", multiple=True, help="Column to predict, for a table of your own.")
@click.option(
    "--task", type=click.Choice(list(TASKS)), help="What the target is; the lesson's page says what it takes."
)
@click.option("--columns", multiple=True, help="For space: a column to draw; give it twice.")
@click.option("--seed", type=int, help="Same seed, same lesson.")
@click.option("--all", "whole", is_flag=True, help="Every lesson, with an index of them.")
@click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports/lessons"), show_default=True,
    help="Folder for the pages.",
)  # fmt: skip
def lessons(
    name: str | None, file: str | None, target: tuple[str, ...], task: str | None, columns: tuple[str, ...],
    seed: int | None, whole: bool, reports: Path,
) -> None:  # fmt: skip
    """List the lessons, or run the one called NAME and write its page.

    Some lessons take a table of your own, FILE, in place of their example.
    """
    from recipes.lessons import LESSONS, ON_YOUR_DATA, show

    chosen = target[0] if len(target) == 1 else list(target) or None
    own = {"target": chosen, "task": task, "columns": list(columns) or None, "seed": seed}
    options = {key: value for key, value in own.items() if value is not None}
    if whole:
        if name is not None or options:
            raise DataError("--all runs every lesson on its own example: leave NAME, FILE and their options out.")
        from recipes.lessons.tools.page import write_index

        shown = []
        for known in LESSONS:
            shown.append(show(known))
            click.echo(shown[-1].report(reports / f"{known}.html"))
        click.echo(write_index(shown, reports))
    elif name is None:
        width = max(map(len, LESSONS))
        for known, asks in LESSONS.items():
            click.echo(f"  {known:<{width}}  {asks}")
        click.echo("`recipes lessons NAME` runs one, `recipes lessons --all` the whole book. On a table of your own:")
        click.echo(
            f"`recipes lessons NAME FILE --target COLUMN`, for {', '.join(n for n in LESSONS if n in ON_YOUR_DATA)}."
        )
    else:
        if file is None and options.keys() - {"seed"}:
            raise DataError(
                f"a target, a task or a choice of columns needs a table: recipes lessons {name} FILE --target COLUMN."
            )
        click.echo(show(name, *([] if file is None else [file]), **options).report(reports / f"{name}.html"))


def _task_command(task: str) -> click.Command:
    from toolkit.heads import DEFAULT_HEADS, HEADS

    heads = ", ".join(name for of, name in HEADS if of == task)
    own: list[click.Parameter] = [
        click.Option(["--head"], default=DEFAULT_HEADS[task], show_default=True, help=f"Loss and meaning: {heads}."),
        click.Option(["--seed"], type=int, default=0, show_default=True, help="Same seed, same run."),
        click.Option(["--save"], type=click.Path(), help="Save the run here (.keras)."),
    ]

    return _recipe_command(task, "train", TASKS[task], own, _finish)


def _compare_command(task: str) -> click.Command:
    from recipes.workflow.defaults import COMPARED

    usual = ",".join(COMPARED[task])
    own: list[click.Parameter] = [
        click.Option(["--heads"], type=_Many(str), help=f"Two or more, with commas between them. [default: {usual}]"),
        click.Option(["--seeds"], type=int, default=5, show_default=True, help="Number of splits and trainings."),
    ]
    return _recipe_command(task, "compare", f"Compare heads for {task}: {usual}.", own, _show_comparison)


def _images_command(function: str) -> click.Command:
    """Build the command for images, of which the task and the network are options."""
    from recipes.workflow.options import all_options
    from toolkit.builders import BUILDERS

    own: list[click.Parameter] = [
        click.Option(["--task"], default="multiclass", show_default=True, help=f"What to predict: {', '.join(TASKS)}."),
        click.Option(["--files"], help="Of a table: the column of file names; found by its values when left out."),
        click.Option(["--size"], type=_Many(int), help="Pixels to resize to: 32, or 24,32 (height, width)."),
        click.Option(["--build"], default="cnn", show_default=True, help=f"The network: {', '.join(BUILDERS)}."),
    ]
    if function == "compare":
        own += [
            click.Option(["--heads"], type=_Many(str), help="Two or more, with commas between them."),
            click.Option(["--seeds"], type=int, default=5, show_default=True, help="Number of splits and trainings."),
        ]
    else:
        own += [
            click.Option(["--head"], help="Loss and meaning, such as softmax or hinge; the task's usual if left out."),
            click.Option(["--seed"], type=int, default=0, show_default=True, help="Same seed, same run."),
            click.Option(["--save"], type=click.Path(), help="Save the run here (.keras)."),
        ]
    named = {parameter.name for parameter in own}
    passed: dict[str, tuple[Option, list[str]]] = {}
    for name in reversed(BUILDERS):  # the default first, whose words are shown
        for options in all_options(BUILDERS[name], images=True).values():
            for option in options.values():
                passed.setdefault(option.name, (option, []))[1].append(name)
    for option, builds in passed.values():
        # Weights would be a column.
        if option.name not in named and option.name != "sample_weight" and "Callback" not in option.kind:
            only = "" if len(builds) == len(BUILDERS) else f"With --build {' or '.join(reversed(builds))}: "
            about = only + (option.about if "images" in option.only else option.text)
            own.append(_option(replace(option, about=about), repeated=False))
    about = IMAGES if function == "train" else "Compare heads on images."
    about += "\n\nFILE is a folder, a table of file names, a folder of idx files as MNIST's, or an npz file."
    return _command("images", function, about, own, _finish if function == "train" else _show_comparison)


def _recipe_command(
    task: str, function: str, about: str, own: list[click.Parameter], finish: Callable[..., None]
) -> click.Command:
    """Build the command of a task: its own options, and those that are passed on."""
    from recipes.workflow.options import all_options

    named = {parameter.name for parameter in own}  # the seeds of a comparison are its own
    for place, options in all_options().items():
        options = {name: option for name, option in options.items() if name not in named}
        own = own + [_option(option, repeated=place == "data") for option in options.values() if _fits(option, task)]
    return _command(task, function, f"{about}\n\nFILE is a CSV, TSV or Parquet.", own, finish)


def _command(
    name: str, function: str, about: str, own: list[click.Parameter], finish: Callable[..., None]
) -> click.Command:
    """Build the command that calls a function of the recipe of this name."""
    images = name == "images"
    effort = "quick" if function == "compare" else "default"
    column = "Column to predict; repeat it for several."
    tested = "Share of the rows to test on, or a file of test rows."
    if images:
        column = "Of a table of file names: the column to predict; repeat it for several."
        tested = "Share of the images to test on, or a place of their own, as FILE."
    parameters: list[click.Parameter] = [
        click.Argument(["file"], type=click.Path()),
        click.Option(["--target"], multiple=True, required=not images, help=column),
        click.Option(["--test"], type=_Either(), help=tested),
        click.Option(["--effort"], default=effort, show_default=True, help="Time to spend: quick, default or best."),
        click.Option(["--report"], type=click.Path(), help="Write the HTML report here."),
        *own,
    ]
    repeated = {p.name for p in parameters if isinstance(p, click.Option) and p.multiple}

    def run(file: str, target: tuple[str, ...], **given: Any) -> None:
        import importlib

        context = click.get_current_context()
        asked = {
            name: list(value) if name in repeated else value
            for name, value in given.items()
            if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
        }
        after = {"save": asked.pop("save", None)} if "save" in given else {}
        if not str(after.get("save") or ".keras").endswith(".keras"):
            raise DataError(f"--save {after['save']}: the file's name must end in .keras.")
        recipe = importlib.import_module(f"recipes.{name}")
        one = len(target) == 1 and given.get("task", name) != "multilabel"
        chosen = target[0] if one else list(target) or None
        finish(getattr(recipe, function)(file, target=chosen, **asked), **after)
        if "report" in asked:
            click.echo(f"Report: {asked['report']}")

    return click.Command(name, params=parameters, callback=run, help=about)


def _fits(option: Option, task: str) -> bool:
    """Return whether an option is for this task on columns, and can be written on a command line."""
    return "Callback" not in option.kind and (not option.only or bool({task, "columns"} & set(option.only)))


def _option(option: Option, *, repeated: bool) -> click.Option:
    from recipes.workflow.defaults import CHOSEN

    flag = f"--{option.name.replace('_', '-')}"
    has_default = option.default not in (None, ())
    # Where the recipe chooses, the default of the declaration is not what the user gets.
    chosen = option.name in CHOSEN
    default = None if chosen else option.default
    shown: bool | str = "chosen by the recipe" if chosen and has_default else has_default
    if option.kind == "bool":
        return click.Option([f"{flag}/--no-{flag[2:]}"], default=default, show_default=shown, help=option.about)
    if repeated and "Sequence[str]" in option.kind:
        return click.Option([flag], multiple=True, help=option.about)
    default = ",".join(map(str, default)) if isinstance(default, tuple) else default
    return click.Option([flag], type=_type_of(option.kind), default=default, show_default=shown, help=option.about)


def _type_of(kind: str) -> click.ParamType:
    if "Sequence" in kind:
        return _Many(int if "int]" in kind else float if "float]" in kind else str)
    if "Mapping" in kind:
        return _Weights()
    if kind.startswith("str") and "float" not in kind:
        return click.STRING
    simple: dict[str, click.ParamType] = {"int": click.INT, "float": click.FLOAT, "str": click.STRING}
    return simple.get(kind.replace(" | None", ""), _Either())


class _Weights(click.ParamType):
    """``balanced``, or label=weight pairs with commas between them."""

    name = "balanced | label=weight,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or "=" not in value:
            return value
        try:
            return {label: float(weight) for label, weight in (pair.rsplit("=", 1) for pair in value.split(","))}
        except ValueError:
            self.fail(f"{value!r}: expected pairs such as yes=5,no=1.", param, ctx)


def _finish(run: Run, save: str | None) -> None:
    """Print what a run reached, and save it where asked."""
    _show(run)
    if save is not None:
        click.echo(f"Saved: {run.save(save)}")


def _show(run: Run) -> None:
    """Print the metrics beside the baselines', and what they mean."""
    width = max(len(name) for name in run.metrics)
    names = [name for name in ("dummy", "linear", "tree") if name in run.table]
    click.echo(f"  {'test':<{width}}  {'network':>10}  {'95 % interval':>22}" + "".join(f"{n:>11}" for n in names))
    for name, row in run.table.iterrows():
        between = f"{row['low']:.4g} to {row['high']:.4g}"
        others = "".join(f"{row[n]:>11.4g}" for n in names)
        click.echo(f"  {name:<{width}}  {row['value']:>10.4g}  {between:>22}{others}")
    for sentence in run.verdict:
        click.echo(f"  {sentence}")
    _show_notes(run.dataset)


def _show_notes(table: SplitData | None) -> None:
    """Say what was done to images, such as which of them can't be read."""
    for note in table.notes if table is not None and table.features.pixels is not None else ():
        click.echo(f"  Note: {note}")


def _show_comparison(comparison: Comparison) -> None:
    """Print each contender's metrics and what the differences mean."""
    width = max(len(label) for label in comparison.labels)
    click.echo(f"  {'mean over the seeds':<{max(width, 19)}}" + "".join(f"{m:>19}" for m in comparison.table.index))
    for label in comparison.labels:
        values = "".join(f"{value:>19.4g}" for value in comparison.table[label])
        click.echo(f"  {label:<{max(width, 19)}}{values}")
    for sentence in comparison.verdict:
        click.echo(f"  {sentence}")
    _show_notes(comparison.tables[comparison.seeds[0]])


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    # TensorFlow's C++ start-up messages are about its build, not about the user's data.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Threads that spin while they wait slow each other down where cores are few.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
    try:
        recipes(args=arguments, prog_name="recipes", standalone_mode=False)
    except DataError as error:
        click.echo(f"recipes: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"recipes: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("recipes: interrupted; nothing was written.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (as `head` does); Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
