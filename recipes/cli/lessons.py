"""The command ``recipes lessons``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recipes.cli.output import naming_pages
from recipes.cli.parameters import FOLDER
from toolkit.common.errors import DataError

__all__ = ["lessons"]


@click.command()
@click.argument("name", required=False)
@click.argument("file", required=False, type=click.Path())
@click.option("--target", multiple=True, help="Column to predict, for a table of your own; repeat it for several.")
@click.option("--task", help="regression, binary, multiclass or multilabel; needed where the target is a number.")
@click.option("--columns", multiple=True, help="For space, heads and playground: two columns, as a,b or one at a time.")
@click.option("--seed", type=int, help="Same seed, same lesson.")
@click.option("--all", "everything", is_flag=True, help="Run every lesson, and write an index of them.")
@click.option("--reports", type=FOLDER, default="reports/lessons", show_default=True, help="Folder for the pages.")
def lessons(
    name: str | None, file: str | None, target: tuple[str, ...], columns: tuple[str, ...], everything: bool,
    reports: str, **options: Any,
) -> None:  # fmt: skip
    """List the lessons, or run the one called NAME and write its page.

    Some lessons accept a table of your own, FILE, in place of their example.
    """
    from recipes.lessons import show
    from recipes.lessons.tools import progress

    options |= {"target": target[0] if len(target) == 1 else list(target), "columns": _split(columns)}
    options = {key: value for key, value in options.items() if value not in (None, [])}
    if everything:
        if name is not None or options:
            raise DataError("--all runs every lesson on its own example: leave NAME, FILE and their options out.")
        with naming_pages(reports):
            _run_all(Path(reports))
    elif name is None:
        _list()
    elif file is None and options.keys() - {"seed"}:
        raise DataError(
            f"a target, a task or a choice of columns needs a table: recipes lessons {name} FILE --target COLUMN."
        )
    else:
        with naming_pages(reports):
            with progress.shown(name):
                lesson = show(name, *([] if file is None else [file]), **options)
            linked = (Path(reports) / "index.html").is_file()
            click.echo(lesson.report(Path(reports) / f"{name}.html", linked=linked))
            if file is not None:
                click.echo(f"Data: {lesson.data}.")


def _split(columns: tuple[str, ...]) -> list[str]:
    """Return names given as ``a,b``, or one at a time."""
    return columns[0].split(",") if len(columns) == 1 else list(columns)


def _run_all(reports: Path) -> None:
    from recipes.lessons import LESSONS, show
    from recipes.lessons.tools import progress
    from recipes.lessons.tools.page import write_index

    pages = []
    for number, name in enumerate(LESSONS, 1):
        with progress.shown(f"{number} of {len(LESSONS)}, {name}"):
            pages.append(show(name))
        click.echo(pages[-1].report(reports / f"{name}.html", linked=True))
    click.echo(write_index(pages, reports))


def _list() -> None:
    from recipes.lessons import LESSONS, ON_YOUR_DATA

    width = max(map(len, LESSONS))
    for name, question in LESSONS.items():
        click.echo(f"  {name:<{width}}  {question}")
    click.echo("`recipes lessons NAME` runs one, `recipes lessons --all` the whole book. On a table of your own:")
    click.echo(
        f"`recipes lessons NAME FILE --target COLUMN`, for {', '.join(n for n in LESSONS if n in ON_YOUR_DATA)}."
    )
