"""What the commands print."""

from __future__ import annotations

import json
import sys
import warnings
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import click

from toolkit.common import interrupts
from toolkit.common.errors import DataWarning
from toolkit.common.formatting import listing, plain

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.runs.comparison import Comparison
    from toolkit.runs.run import Run

__all__ = [
    "facts_of",
    "listed",
    "naming_pages",
    "open_page",
    "print_json",
    "quietly",
    "show_comparison",
    "show_metrics",
    "show_run",
]

_MOST_NOTES = 15
_LONGEST_NOTE = 400
_MOST_ITEMS = 30
_LONGEST_LIST = 1_500


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


def show_run(run: Run, notes: bool = True) -> None:
    """Print the metrics beside those of the baselines, and what they mean."""
    names = [name for name in ("dummy", "linear", "tree") if name in run.table]
    if run.metrics:
        show_metrics(run.table, "test", run.positive, names)
    if run.positive is not None and run.threshold is not None:
        called = f"  The network calls a row '{plain(run.positive)}' from a probability of {run.threshold:.4g} on"
        click.echo(called + (", the other models from 0.5 on." if names else "."))
    for sentence in run.verdict:
        click.echo(f"  {sentence}")
    if notes:
        _show_notes(run.notes)


def show_metrics(table: pd.DataFrame, heading: str, positive: Any, baselines: Sequence[str] = ()) -> None:
    """Print metrics with their intervals, one line each, and those of the baselines beside them."""
    heading += "" if positive is None else f" (positive class: '{plain(positive)}')"
    width = max(map(len, [heading, *table.index]))
    names = "".join(f"{name:>11}" for name in baselines)
    click.echo(f"  {heading:<{width}}  {'network':>10}  {'95 % interval':>22}{names}")
    for name, row in table.iterrows():
        interval = f"{row['low']:.4g} to {row['high']:.4g}"
        values = "".join(f"{row[baseline]:>11.4g}" for baseline in baselines)
        click.echo(f"  {name:<{width}}  {row['value']:>10.4g}  {interval:>22}{values}")


def show_comparison(comparison: Comparison, notes: bool = True) -> None:
    """Print each head's metrics and what the differences mean."""
    width = max(19, *(len(label) for label in comparison.labels))
    heading = "mean over the " + ("seeds" if comparison.folds is None else "folds")
    click.echo(f"  {heading:<{width}}" + "".join(f"{m:>19}" for m in comparison.table.index))
    for label in comparison.labels:
        values = "".join(f"{value:>19.4g}" for value in comparison.table[label])
        click.echo(f"  {label:<{width}}{values}")
    for sentence in comparison.verdict:
        click.echo(f"  {sentence}")
    if notes:
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


def facts_of(result: Run | Comparison) -> dict[str, Any]:
    """Return what the commands that train print, as a dictionary."""
    from toolkit.runs.comparison import Comparison

    facts = {
        "task": result.task,
        "target": list(result.target.columns),
        "positive": result.positive,
        "metrics": result.table.to_dict("index"),
        "verdict": result.verdict,
        "notes": result.notes,
        "interrupted": interrupts.requested(),
    }
    if isinstance(result, Comparison):
        if result.folds is not None:
            return facts | {"folds": result.folds.to_dict("index")}
        return facts | {"heads": result.labels, "seeds": result.seeds}
    more = {"head": result.head.name, "stopped": result.stopped, "best_epoch": result.best_epoch}
    return facts | more | {"threshold": result.threshold}


def print_json(content: Any) -> None:
    """Print one JSON object: what it can't hold is text, and NaN is null."""
    from toolkit.report.summary.values import clean

    click.echo(json.dumps(clean(content), ensure_ascii=False, allow_nan=False, indent=1))


@contextmanager
def quietly(quiet: bool) -> Iterator[None]:
    """Print no warnings about the data in a block, if that is wanted."""
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore", DataWarning)
        yield


def listed(items: Iterable[Any]) -> str:
    """Return items in one line, cut to what a screen holds."""
    return shorten(listing(map(plain, items), _MOST_ITEMS), _LONGEST_LIST, placeholder=" ...")


def open_page(page: Path) -> None:
    """Open a page in the browser; where there is none, print that."""
    try:
        opened = webbrowser.open(page.resolve().as_uri())
    except (OSError, ValueError, webbrowser.Error):
        opened = False
    if not opened:
        click.echo(f"No browser was found: open {page} yourself.", err=True)
