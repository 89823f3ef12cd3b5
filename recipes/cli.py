"""The command ``recipes``: the same words as in Python, one command a task."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit import DataError, __version__

if TYPE_CHECKING:
    from recipes.options import Option
    from toolkit.comparisons import Comparison
    from toolkit.runs import Run

__all__ = ["main"]

TASKS = {
    "regression": "Train a network that predicts numbers.",
    "binary": "Train a network that tells two classes apart.",
    "multiclass": "Train a network that names one of several classes.",
    "multilabel": "Train a network that gives each row any number of labels.",
}

# Options that other tasks refuse.
_ONLY = {"log_target": ("regression",), "class_weight": ("binary", "multiclass"), "threshold": ("binary",)}


class _PerTask(click.Group):
    """A group with a command a task, built when it is called for: its options take a moment to collect."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*TASKS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in TASKS:
            return super().get_command(ctx, cmd_name)
        return _compare_command(cmd_name) if self.name == "compare" else _task_command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        tasks = {task: f"Compare heads for {task}." for task in TASKS} if self.name == "compare" else TASKS
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
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The CSV to write; printed when left out.")
def predict(model: Path, data: Path, output: Path | None) -> None:
    """Predict the rows of DATA with a saved MODEL (.keras).

    Writes one line a row: the prediction, and the probability of each class or label.
    """
    import pandas as pd

    import toolkit
    from toolkit.files import write_whole
    from toolkit.tables import read

    run = toolkit.load(model)
    frame, _ = read(data)
    predicted = run.predict(frame)
    names = [str(name) for name in run.target.columns]
    table = pd.DataFrame(predicted.reshape(len(frame), -1), columns=pd.Index(names))
    if run.task != "regression":
        chances = run.predict_proba(frame)
        table[[f"probability_{name}" for name in run.classes]] = chances
    text = table.to_csv(index=False)
    if output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"{len(table)} predictions: {write_whole(output, text)}")


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


@recipes.group(cls=_PerTask)
def compare() -> None:
    """Compare heads (SVM, softmax, ...) on one table, with paired differences over several seeds."""


def _task_command(task: str) -> click.Command:
    from toolkit.heads import DEFAULT_HEADS, HEADS

    heads = ", ".join(name for of, name in HEADS if of == task)
    own: list[click.Parameter] = [
        click.Option(["--head"], default=DEFAULT_HEADS[task], show_default=True, help=f"Loss and meaning: {heads}."),
        click.Option(["--seed"], type=int, default=0, show_default=True, help="Same seed, same run."),
        click.Option(["--save"], type=click.Path(), help="Save the run here (.keras)."),
    ]

    def finish(run: Run, save: str | None) -> None:
        _show(run)
        if save is not None:
            click.echo(f"Saved: {run.save(save)}")

    return _recipe_command(task, "train", TASKS[task], own, finish)


def _compare_command(task: str) -> click.Command:
    from recipes.defaults import COMPARED

    usual = ",".join(COMPARED[task])
    own: list[click.Parameter] = [
        click.Option(["--heads"], type=_Many(str), help=f"Two or more, with commas between them. [default: {usual}]"),
        click.Option(["--seeds"], type=int, default=5, show_default=True, help="Number of splits and trainings."),
    ]
    return _recipe_command(task, "compare", f"Compare heads for {task}: {usual}.", own, _show_comparison)


def _recipe_command(
    task: str, function: str, about: str, own: list[click.Parameter], finish: Callable[..., None]
) -> click.Command:
    """Build the command that calls a recipe's function: its own options, and those that are passed on."""
    from recipes.options import all_options

    effort = "quick" if function == "compare" else "default"
    parameters: list[click.Parameter] = [
        click.Argument(["file"], type=click.Path()),
        click.Option(["--target"], multiple=True, required=True, help="Column to predict; repeat it for several."),
        click.Option(["--test"], type=_Either(), help="Share of the rows to test on, or a file of test rows."),
        click.Option(["--effort"], default=effort, show_default=True, help="Time to spend: quick, default or best."),
        click.Option(["--report"], type=click.Path(), help="Write the HTML report here."),
        *own,
    ]
    named = {parameter.name for parameter in own}  # the seeds of a comparison are its own
    for place, options in all_options().items():
        options = {name: option for name, option in options.items() if name not in named}
        parameters += [_option(option, repeated=place == "data") for option in options.values() if _fits(option, task)]
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
        recipe = importlib.import_module(f"recipes.{task}")
        chosen = target[0] if len(target) == 1 and task != "multilabel" else list(target)
        finish(getattr(recipe, function)(file, target=chosen, **asked), **after)
        if "report" in asked:
            click.echo(f"Report: {asked['report']}")

    return click.Command(task, params=parameters, callback=run, help=f"{about}\n\nFILE is a CSV, TSV or Parquet.")


def _fits(option: Option, task: str) -> bool:
    """Tell whether an option is for this task and can be written on a command line."""
    return "Callback" not in option.kind and task in _ONLY.get(option.name, TASKS)


def _option(option: Option, *, repeated: bool) -> click.Option:
    flag = f"--{option.name.replace('_', '-')}"
    about = option.about.replace("`", "")
    if option.kind == "bool":
        return click.Option([f"{flag}/--no-{flag[2:]}"], default=option.default, show_default=True, help=about)
    if repeated and "Sequence[str]" in option.kind:
        return click.Option([flag], multiple=True, help=about)
    shown = not isinstance(option.default, tuple) and option.default is not None
    default = option.default if shown else None
    return click.Option([flag], type=_type_of(option.kind), default=default, show_default=shown, help=about)


def _type_of(kind: str) -> click.ParamType:
    if "Sequence" in kind:
        return _Many(int if "int]" in kind else float if "float]" in kind else str)
    if "Mapping" in kind:
        return _Weights()
    if kind.startswith("str") and "float" not in kind:
        return click.STRING
    simple: dict[str, click.ParamType] = {"int": click.INT, "float": click.FLOAT, "str": click.STRING}
    return simple.get(kind.replace(" | None", ""), _Either())


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


def _show_comparison(comparison: Comparison) -> None:
    """Print each contender's metrics and what the differences mean."""
    width = max(len(label) for label in comparison.labels)
    click.echo(f"  {'mean over the seeds':<{max(width, 19)}}" + "".join(f"{m:>19}" for m in comparison.table.index))
    for label in comparison.labels:
        values = "".join(f"{value:>19.4g}" for value in comparison.table[label])
        click.echo(f"  {label:<{max(width, 19)}}{values}")
    for sentence in comparison.verdict:
        click.echo(f"  {sentence}")


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
