"""The command ``recipes predict``."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipes.cli.output import quietly
from recipes.cli.parameters import quiet_option
from recipes.cli.prediction_files import Guard, csv_pieces, file_format, write
from toolkit.common.errors import DataError

if TYPE_CHECKING:
    import pyarrow

    from toolkit.evaluation.predictor import Predictor

__all__ = ["predict"]

_FILE = click.Path(path_type=Path)
_ON_TERMINAL, _IN_LOG = 0.5, 30.0  # seconds between two progress lines


@click.command()
@click.argument("model", type=_FILE)
@click.argument("data", type=_FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=_FILE, help="File to write: .csv, .parquet or .json; by default CSV is printed.")
@click.option("--copy", multiple=True, metavar="COLUMN", help="Column of DATA to copy to the output; repeat for more.")
@click.option("--interval", type=float, help="Regression: add the ends of intervals that hold this share, such as 0.9.")
@click.option("--threshold", type=float, help="Probability from which on a row, or a label of it, is positive.")
@click.option("--no-guard", is_flag=True, help="Leave text that a spreadsheet would run as a formula as it is.")
@quiet_option
def predict(
    model: Path,
    data: tuple[Path, ...],
    output: Path | None,
    copy: tuple[str, ...],
    interval: float | None,
    threshold: float | None,
    no_guard: bool,
    quiet: bool,
) -> None:
    """Predict the rows of DATA with a saved MODEL (.keras) or an exported one (.onnx).

    DATA is a table, several files or a folder of tables with the same columns, or - for standard input; for a model of
    images it is a folder or any number of pictures. The output has one line per row: the copied columns or the name of
    the picture, the prediction, and the probability of each class or label. Large tables of text and Parquet are read
    in pieces.
    """
    from toolkit.common.files import check_writable, is_stream, open_whole, user_path

    format = "csv"
    if output is not None:
        output = user_path(output)
        format = file_format(output, is_stream=is_stream(output))
        _refuse_replacing(output, model, data)
        check_writable(output)
    guard = None if no_guard or format != "csv" else Guard()
    progress = _Progress(quiet or (output is None and sys.stdout.isatty()))
    tables = progress.follow(_predictions(model, data, copy, interval, threshold, progress))
    guarded = tables if guard is None else map(guard, tables)
    with quietly(quiet):
        if output is None:
            _print(guarded, progress)
        else:
            with open_whole(output) as file:
                write(guarded, file, format)
    if output is not None and not quiet:
        click.echo(f"{progress.rows} predictions: {output}", err=is_stream(output))
    if guard is not None and guard.count and not quiet:
        cells = "1 cell begins" if guard.count == 1 else f"{guard.count:,} cells begin"
        click.echo(
            f"Note: {cells} with ' now, since a spreadsheet would run the text as a formula; --no-guard leaves it.",
            err=True,
        )


def _print(tables: Iterator[pyarrow.Table], progress: _Progress) -> None:
    """Print predictions; at Ctrl-C those that were printed stay."""
    try:
        for text in csv_pieces(tables):
            click.echo(text, nl=False)
    except KeyboardInterrupt:
        if progress.rows == 0:
            raise
        click.echo(f"recipes: interrupted; {progress.rows:,} rows were printed.", err=True)
        sys.exit(130)


def _refuse_replacing(output: Path, model: Path, data: Sequence[Path]) -> None:
    """Check that the output is none of the files that are read, under another name or by a link either."""
    if not output.is_file():
        return
    for path in (model, *data):
        path = Path("/dev/stdin" if str(path) == "-" else os.path.expanduser(path))
        files = path.iterdir() if path.is_dir() else [path] if path.exists() else map(Path, glob.glob(str(path)))
        for file in files:
            if file.exists() and os.path.samefile(output, file):
                raise DataError(f"-o {output} names a file that is read: the predictions would replace it.")


def _predictions(
    model: Path,
    data: Sequence[Path],
    copy: Sequence[str],
    interval: float | None,
    threshold: float | None,
    progress: _Progress,
) -> Iterator[pyarrow.Table]:
    """Yield the copied columns and the predictions."""
    import toolkit
    from toolkit.data.preprocessing import Preprocessing
    from toolkit.data.table_pieces import open_table
    from toolkit.runs.answers import reach_of
    from toolkit.runs.predictions import predict_pieces, with_threshold

    result = toolkit.load(model).result
    if interval is not None:
        reach_of(result, interval)  # the share is checked before the rows
    if threshold is not None:
        result = with_threshold(result, threshold)
    preprocessing = result.preprocessing
    if not isinstance(preprocessing, Preprocessing):
        if copy:
            raise DataError(f"--copy {copy[0]}: the model is one of images, which have no columns.")
        yield _of_pictures(result, data)
        return
    names = preprocessing.source_columns
    source = str(data[0]) if len(data) == 1 else [str(path) for path in data]
    needed = {*copy, *(column.name for column in preprocessing.columns)}
    table = open_table(source, result.target.form.reading, names, columns=needed)
    progress.most_rows = table.most_rows
    yield from predict_pieces(result, table, copy=copy, coverage=interval)


def _of_pictures(result: Predictor, data: Sequence[Path]) -> pyarrow.Table:
    """Return the names of pictures and what is predicted for them; notes about pictures are printed."""
    import pandas as pd

    from toolkit.data.images.files import Form, read_pictures
    from toolkit.data.memory import MemoryOptions
    from toolkit.runs.predictions import answer_table

    preprocessing: Any = result.preprocessing
    first, *more = data
    form = Form(preprocessing.shape, preprocessing.dtype)
    budget = MemoryOptions().budget
    images = read_pictures(list(data) if more else first, form, strict=False, budget=budget)
    for note in images.notes:
        click.echo(f"Note: {note}", err=True)
    names = pd.DataFrame({"file": images.names} if images.names else {}, index=range(len(images.pixels)))
    return answer_table(result, result.raw_scores(preprocessing.transform(images.pixels, images.name)), names)


class _Progress:
    """Counts the rows that were predicted, and prints from time to time how many they are.

    Attributes:
        rows: The rows up to now.
        most_rows: The largest number of rows that can come; 0 where it is not known.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self.rows = self.most_rows = 0

    def follow(self, tables: Iterator[pyarrow.Table]) -> Iterator[pyarrow.Table]:
        """Pass tables on."""
        start = shown = time.monotonic()
        on_terminal = sys.stderr.isatty()
        for table in tables:
            yield table
            self.rows += table.num_rows
            now = time.monotonic()
            if not self._quiet and now - shown > (_ON_TERMINAL if on_terminal else _IN_LOG):
                share = f" ({self.rows / self.most_rows:.0%})" if self.most_rows else ""
                line = f"{self.rows:,} rows predicted{share}, {self.rows / (now - start):,.0f} a second"
                click.echo(f"\r{line}  " if on_terminal else line, nl=not on_terminal, err=True)
                shown = now
        if shown > start and on_terminal:
            click.echo(err=True)
