"""What the commands print."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import click

from toolkit.common import interrupts
from toolkit.common.formatting import plain

if TYPE_CHECKING:
    from toolkit.runs.comparison import Comparison
    from toolkit.runs.run import Run

__all__ = ["naming_pages", "show_comparison", "show_run"]

_MOST_NOTES = 15
_LONGEST_NOTE = 400


@contextmanager
def naming_pages(folder: str | Path) -> Iterator[None]:
    """Let Ctrl-C end a block that writes pages into a folder; print which it has written."""
    before = _pages(folder)
    try:
        with interrupts.immediate():
            yield
    except KeyboardInterrupt:
        pages = [page for page, written in _pages(folder).items() if before.get(page) != written]
        click.echo(f"recipes: interrupted; {len(pages) or 'no'} page{'s' * (len(pages) != 1)} written.", err=True)
        for page in pages:
            click.echo(f"  {page}", err=True)
        sys.exit(130)


def _pages(folder: str | Path) -> dict[Path, int]:
    """Return the pages in a folder, and when each was written."""
    return {page: page.stat().st_mtime_ns for page in sorted(Path(folder).glob("*.html"))}


def show_run(run: Run) -> None:
    """Print the metrics beside those of the baselines, and what they mean."""
    heading = "test" if run.positive is None else f"test (positive class: '{plain(run.positive)}')"
    width = max(map(len, [heading, *run.metrics]))
    names = [name for name in ("dummy", "linear", "tree") if name in run.table]
    if run.metrics:
        click.echo(f"  {heading:<{width}}  {'network':>10}  {'95 % interval':>22}" + "".join(f"{n:>11}" for n in names))
    for name, row in run.table.iterrows():
        interval = f"{row['low']:.4g} to {row['high']:.4g}"
        baselines = "".join(f"{row[n]:>11.4g}" for n in names)
        click.echo(f"  {name:<{width}}  {row['value']:>10.4g}  {interval:>22}{baselines}")
    if run.positive is not None and run.threshold is not None:
        called = f"  The network calls a row '{plain(run.positive)}' from a probability of {run.threshold:.4g} on"
        click.echo(called + (", the other models from 0.5 on." if names else "."))
    for sentence in run.verdict:
        click.echo(f"  {sentence}")
    _show_notes(run.notes)


def show_comparison(comparison: Comparison) -> None:
    """Print each head's metrics and what the differences mean."""
    width = max(19, *(len(label) for label in comparison.labels))
    click.echo(f"  {'mean over the seeds':<{width}}" + "".join(f"{m:>19}" for m in comparison.table.index))
    for label in comparison.labels:
        values = "".join(f"{value:>19.4g}" for value in comparison.table[label])
        click.echo(f"  {label:<{width}}{values}")
    for sentence in comparison.verdict:
        click.echo(f"  {sentence}")
    _show_notes(comparison.notes)


def _show_notes(notes: Sequence[str]) -> None:
    """Print what happened to the data, cut to what a screen holds."""
    if notes:
        click.echo("  Notes:")
    for note in notes[:_MOST_NOTES]:
        click.echo(f"    {shorten(note, _LONGEST_NOTE, placeholder=' ...')}")
    if len(notes) > _MOST_NOTES or any(len(note) > _LONGEST_NOTE for note in notes):
        click.echo(
            f"    The report (--report) has all {len(notes)} notes in full; in Python they are the attribute notes."
        )
