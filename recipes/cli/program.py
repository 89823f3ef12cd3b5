"""The command ``recipes``: the same words as in Python, one command per task."""

from __future__ import annotations

import os
import sys
import warnings

import click

from recipes.cli.cache import cache
from recipes.cli.digits import digits
from recipes.cli.lessons import lessons
from recipes.cli.predict import predict
from recipes.cli.saved_models import evaluate, export, importance, info, report, slices
from recipes.cli.serve import serve
from recipes.cli.training import RecipeGroup, compare, cross_validate, demo
from toolkit import __version__
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.common.option_names import suggestion

__all__ = ["main", "program"]


@click.group(
    "recipes", cls=RecipeGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="recipes")
def program() -> None:
    """From a table to a fitted neural network and its report, in one command.

    `recipes COMMAND --help` lists the options of a command.
    """


for command in (
    predict,
    evaluate,
    importance,
    slices,
    report,
    info,
    export,
    serve,
    demo,
    digits,
    compare,
    cross_validate,
    cache,
    lessons,
):
    program.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    # Threads that spin while they wait slow each other down where cores are few.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
    with interrupts.for_command():
        _run(arguments)


def _run(arguments: list[str] | None) -> None:
    try:
        program(args=arguments, prog_name="recipes", standalone_mode=False)
        if interrupts.requested():
            sys.exit(130)
    except DataError as error:
        click.echo(f"recipes: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] in ("toolkit", "recipes"):
            raise
        # An environment that only predicts with exported runs lacks some.
        click.echo(f"recipes: this needs {error.name}, which is not installed: pip install logitkit.", err=True)
        sys.exit(2)
    except click.NoSuchOption as error:
        click.echo(f"recipes: {_unknown_option(error)}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        message = error.format_message()
        # A group without a command answers with its help.
        click.echo(message if message.startswith("Usage:") else f"recipes: {message}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        message = "ended at once" if interrupts.twice() else "interrupted; nothing was written"
        click.echo(f"recipes: {message}.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (as `head` does); Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unknown_option(error: click.NoSuchOption) -> str:
    """Return a message in our words, with a hint as in Python."""
    params = [] if error.ctx is None else error.ctx.command.params
    # Options as they are typed: that of --json is called as_json in Python.
    typed = [max(param.opts, key=len) for param in params if isinstance(param, click.Option) and not param.hidden]
    known = [option.strip("-").replace("-", "_") for option in typed]
    # A letter says too little.
    is_word = error.option_name.startswith("--")
    hint = suggestion(error.option_name, known, lambda name: f"--{name.replace('_', '-')}") if is_word else ""
    path = "recipes" if error.ctx is None else error.ctx.command_path
    return f"option '{error.option_name}' is not known.{hint or f' See {path} --help.'}"
