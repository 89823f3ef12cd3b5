"""The command ``recipes predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.common.errors import DataError

if TYPE_CHECKING:
    from toolkit.runs.run import Run

__all__ = ["predict"]

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_FILE)
@click.argument("data", type=_FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=_FILE, help="CSV file to write; by default the rows are printed.")
def predict(model: Path, data: tuple[Path, ...], output: Path | None) -> None:
    """Predict the rows of DATA with a saved MODEL (.keras).

    DATA is a table; for a model of images it is a folder or any number of pictures. The output has one line per row:
    the prediction and the probability of each class or label, and for pictures their names.
    """
    import numpy as np
    import pandas as pd

    import toolkit
    from toolkit.common.files import check_writable, is_stream, user_path, write_whole

    if output is not None:
        output = user_path(output)
        if output.is_file() and any(output.resolve() == file.resolve() for file in (model, *data)):
            raise DataError(f"-o {output} names a file that is read: the predictions would replace it.")
        check_writable(output)
    run = toolkit.load(model)
    rows, files = _read(run, data)
    # A table has an index of its own, and pictures have none.
    table = pd.DataFrame(
        np.asarray(run.predict(rows)).reshape(len(rows), len(run.target.columns)), columns=pd.Index(run.target.columns)
    )
    if run.result.has_probabilities:
        table[[f"probability_{name}" for name in run.class_names]] = np.asarray(run.predict_proba(rows))
    if files:
        table.insert(0, "file", files, allow_duplicates=True)
    text = table.to_csv(index=False)
    if output is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"{len(table)} predictions: {write_whole(output, text)}", err=is_stream(output))


def _read(run: Run, data: tuple[Path, ...]) -> tuple[Any, list[str]]:
    """Return the rows, and the names of pictures; notes about pictures are printed on standard error."""
    from toolkit.data.images.files import Form, read_pictures
    from toolkit.data.inputs import table_of

    first, *more = data
    preprocessing: Any = run.preprocessing
    if run.is_image:
        images = read_pictures(
            list(data) if more else first, Form(preprocessing.shape, preprocessing.dtype), strict=False
        )
        for note in images.notes:
            click.echo(f"Note: {note}", err=True)
        return images.pixels, images.names
    if more:
        raise DataError(f"{len(data)} files were given; expected one table of rows to predict.")
    return table_of(first, preprocessing, run.target.form.reading)[0], []
