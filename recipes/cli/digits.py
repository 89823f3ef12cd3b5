"""The command ``recipes digits``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recipes.cli.output import naming_pages
from recipes.cli.parameters import FOLDER, List

__all__ = ["digits"]


@click.command()
@click.argument("source", default="digits")
@click.option(
    "--heads", type=List(str), default="softmax,hinge", show_default=True, help="Heads to compare on the last model."
)
@click.option(
    "--seeds", type=int, default=5, show_default=True, help="Trainings of each head, and, up to 3, of each size."
)
@click.option("--sizes", type=List(int), help="Numbers of training images to try, such as 100,1000.")
@click.option("--effort", default="default", show_default=True, help="Time to spend: quick, default or best.")
@click.option("--epochs", type=int, help="Passes over the images; by default each model's own number.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same story.")
@click.option("--reports", type=FOLDER, default="reports/digits", show_default=True, help="Folder for the pages.")
def digits(source: str, sizes: tuple[int, ...] | None, epochs: int | None, reports: str, **options: Any) -> None:
    """Read digits from end to end: linear, 25-15-10 and convolutional, softmax and SVM; one page each, and an index.

    SOURCE is digits (8 x 8, no download), mnist or fashion-mnist (from data/, from the folder LOGITKIT_DATA, or
    downloaded once), or images as for `recipes images`.
    """
    from recipes.digits.story import SIZES, tell
    from toolkit.report.page import check_page

    check_page(Path(reports) / "index.html")
    options |= {} if epochs is None else {"epochs": epochs}
    with naming_pages(reports):
        story = tell(source, sizes=sizes or SIZES, say=click.echo, **options)
        for name, model in story.summary()["models"].items():
            click.echo(f"  {name:<10} {model['accuracy']['value']:>8.2%}  {model['parameters']:>10,} parameters")
        for sentence in story.comparison.verdict:
            click.echo(f"  {sentence}")
        click.echo(f"Report: {story.report(reports)}")
