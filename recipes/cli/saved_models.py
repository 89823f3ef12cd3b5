"""The commands about a saved model: evaluate, importance, slices, report, info and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipes.cli.output import listed, open_page, print_json, quietly, show_metrics
from recipes.cli.parameters import PATH, json_option, open_option, quiet_option
from toolkit.common.errors import DataError
from toolkit.common.files import user_path
from toolkit.common.formatting import plain

if TYPE_CHECKING:
    from toolkit.runs.run import Run

__all__ = ["evaluate", "export", "importance", "info", "report", "slices"]


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--threshold", type=float, help="Probability from which on a row, or a label of it, is positive.")
@json_option
@quiet_option
def evaluate(model: str, data: str, threshold: float | None, as_json: bool, quiet: bool) -> None:
    """Compute the metrics of a saved MODEL (.keras) with their 95 % intervals on the labeled rows of DATA.

    DATA is a table that holds the target too; for a model of images it is labeled images, as for `recipes images`. Use
    rows that the model has not learned from: on others the metrics are too good.
    """
    from toolkit.runs.predictions import with_threshold

    run = _load(model)
    if threshold is not None:
        run = type(run)(with_threshold(run.result, threshold))
    with quietly(quiet):
        table = run.table_on(data)
    rows = table.attrs["rows"]
    if as_json:
        names = {"model": model, "data": data, "task": run.task, "positive": run.positive, "rows": rows}
        print_json(names | {"metrics": table.to_dict("index")})
    else:
        show_metrics(table, f"{rows:,} row{'s' * (rows != 1)}", run.positive)


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--metric", help="The metric that gets worse; by default the main one of the task.")
@click.option("--correlated", is_flag=True, help="Permute columns together that say nearly the same.")
@json_option
def importance(model: str, data: str, metric: str | None, correlated: bool, as_json: bool) -> None:
    """Tell which columns count for a saved MODEL (.keras): permutation importance on the labeled rows of DATA.

    Use rows that the model has not learned from.
    """
    table = _load(model).importance(data, metric=metric, groups="correlated" if correlated else ())
    about = table.attrs
    if as_json:
        print_json({"model": model, "data": data, **about, "columns": table.to_dict("records")})
        return
    sampled = f" of {about['of']:,}" if about["rows"] < about["of"] else ""
    click.echo(
        f"How much worse {about['metric']} gets without the column ({about['rows']:,}{sampled} rows), 95 % interval"
    )
    for name, value, low, high in table.itertuples(index=False):
        click.echo(f"  {value:<9.4g} {f'{low:.4g} to {high:.4g}':<22} {plain(name)}")


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--column", "columns", multiple=True, help="A column to look at; may be repeated. By default all.")
@click.option("--metric", help="The metric; by default the main one of the task.")
@json_option
def slices(model: str, data: str, columns: tuple[str, ...], metric: str | None, as_json: bool) -> None:
    """Tell where a saved MODEL (.keras) does worse: a metric within levels and quarters of the columns of DATA.

    DATA holds labeled rows that the model has not learned from. Slices of fewer than 10 distinct rows are left out. A
    slice marked with * differs clearly from all rows, however many slices were looked at.
    """
    table = _load(model).slices(list(columns) or None, data, metric=metric)
    about = table.attrs
    if as_json:
        print_json({"model": model, "data": data, **about, "slices": table.to_dict("records")})
        return
    click.echo(
        f"{about['metric']} of all {about['rows']:,} rows: {about['overall']:.4g}. In {len(table)} slices, the worst "
        "first, with 95 % intervals; * differs clearly from all rows"
    )
    for column, name, rows, value, low, high, clear in table.itertuples(index=False):
        span = f"{low:.4g} to {high:.4g}"
        click.echo(f"{'*' if clear else ' '} {value:<9.4g} {span:<22} {rows:>7,} rows  {plain(column)}: {plain(name)}")


@click.command()
@click.argument("model", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="Page to write (.html).")
@click.option("--card", type=PATH, help="Model card to write, too (.md).")
@open_option
def report(model: str, output: str, card: str | None, in_browser: bool) -> None:
    """Write the report of a saved MODEL (.keras), as it was after the training, without rows of the data."""
    from toolkit.report.page import check_page, page_path

    check_page(output)
    if page_path(output).resolve() == user_path(model).resolve():
        raise DataError(f"-o {output} names the model: the report would replace it.")
    run = _load(model)
    page = run.report(output)
    click.echo(f"Report: {page}")
    if card is not None:
        click.echo(f"Model card: {run.model_card(card, model=model)}")
    if in_browser:
        open_page(page)


@click.command()
@click.argument("model", type=PATH)
@json_option
def info(model: str, as_json: bool) -> None:
    """Describe a saved MODEL (.keras): its task, target, columns, size, versions and metrics."""
    facts = _facts(_load(model), user_path(model))
    if as_json:
        print_json(facts)
        return
    texts = facts | {
        "columns": listed(f"{name} ({kind})" for name, kind in facts["columns"].items()),
        "metrics": listed(f"{name} {value:.4g}" for name, value in facts["metrics"].items()),
        "versions": listed(f"{name} {version}" for name, version in facts["versions"].items()),
        "parameters": f"{facts['parameters']:,}",
        "bytes": f"{facts['bytes']:,}",
    }
    for name, value in texts.items():
        if value not in (None, "", [], {}):
            click.echo(f"  {name + ':':<12} {listed(value) if isinstance(value, list) else plain(value)}")


@click.command()
@click.argument("model", type=PATH)
@click.option(
    "-o", "--output", type=PATH, required=True, help="File to write, .onnx or .tflite; or a new folder (SavedModel)."
)
def export(model: str, output: str) -> None:
    """Write a saved MODEL (.keras) for other programs, with its calibration: ONNX, TensorFlow Lite or a SavedModel.

    The file is compared with the model on random inputs, and not written where their answers differ by more than 1e-5.
    `recipes predict` takes .onnx files too, and then needs no TensorFlow.
    """
    _load(model).export(output)


def _load(model: str) -> Run:
    """Return a saved run.

    Raises:
        DataError: It is an exported one, or as for `toolkit.load`.
    """
    import toolkit
    from toolkit.runs.run import Run

    run = toolkit.load(model)
    if not isinstance(run, Run):
        raise DataError(f"{model} only predicts: give the .keras file that it was exported from.")
    return run


def _facts(run: Run, path: Path) -> dict[str, Any]:
    """Return what a saved run tells about itself, without any row of the data."""
    preprocessing: Any = run.preprocessing
    data = (run.result.summary or {}).get("data", {})
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "task": run.task,
        "head": run.head.name,
        "target": list(run.target.columns),
        "classes": [] if run.task in ("regression", "multilabel") else run.class_names,
        "positive": run.positive,
        "threshold": run.threshold,
        "input": "x".join(map(str, preprocessing.shape)) + " pixels"
        if run.is_image
        else f"{preprocessing.inputs} numbers",
        "columns": {} if run.is_image else {column.name: column.kind for column in preprocessing.columns},
        "rows": data.get("rows"),
        "networks": run.settings.get("members"),
        "parameters": run.model.count_params(),
        "training": f"{run.stopped}; the weights are those of epoch {run.best_epoch}",
        "metrics": run.metrics,
        "versions": run.settings.get("versions", {}),
        "created": run.settings.get("created"),
        "command": run.settings.get("command"),
    }
