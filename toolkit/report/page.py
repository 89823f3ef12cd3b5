"""A summary as one HTML page that opens anywhere: no script, no network, the same bytes for the same summary."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.common.files import check_writable, is_stream, user_path, write_together, write_whole
from toolkit.common.schema import SCHEMA
from toolkit.evaluation import metric_names
from toolkit.report import cells
from toolkit.report.figures import pictures
from toolkit.report.figures.distributions import distribution
from toolkit.report.pixels import scale_of
from toolkit.report.style import CLASSES, COLORS

__all__ = ["check_page", "fill", "frame", "notebook", "page_path", "render", "write", "write_pair"]

# Kind of summary -> its sections, in order. The template of a section is `sections/<name>.html`, or
# `sections/<kind>_<name>.html` where both kinds have one of that name.
SECTIONS = {
    "run": "verdict data split model training results importance numerics mistakes occlusion settings",
    "comparison": (
        "verdict metrics contenders training margins probabilities errors labels disagreement jiggle regions settings"
    ),
    "folds": "verdict training probabilities errors labels settings",
}
# Section -> its heading in the contents, where that is not its name.
HEADINGS = {
    "importance": "Which columns count",
    "labels": "Each label",
    "jiggle": "Moving a score",
    "regions": "Decision regions",
}
# Section -> what it shows; where there is nothing, the page leaves the section out.
OPTIONAL: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "results": lambda summary: summary["results"]["metrics"],
    "importance": lambda summary: summary.get("importance"),  # older summaries lack the key
    "numerics": lambda summary: summary["results"]["metrics"],
    "mistakes": lambda summary: summary["results"]["metrics"],
    "occlusion": lambda summary: (summary.get("images") or {}).get("occlusion"),
    "margins": lambda summary: any(summary["margins"] or []),
    "probabilities": lambda summary: any(summary["reliability"] or []),
    "errors": lambda summary: summary["errors"],
    "labels": lambda summary: summary["labels"],
    "jiggle": lambda summary: summary["jiggle"] and summary["jiggle"]["rows"],
    "regions": lambda summary: summary["regions"],
}
# How the JSON of every summary begins, which tells it from JSON of another origin.
_SUMMARY = re.compile(rb'\s*\{\s*"schema":\s*[0-9]+,\s*"kind":\s*"')
KINDS = {"run": "Training", "comparison": "Comparison"}
TASKS = {
    "regression": "Regression",
    "binary": "Binary classification",
    "multiclass": "Multiclass classification",
    "multilabel": "Multi-label classification",
}


def render(summary: Mapping[str, Any], *, embedded: bool = False) -> str:
    """Return the page of a summary.

    Args:
        summary: The summary of a run or of a comparison, as it is or read back from its JSON.
        embedded: Whether the page is shown in a frame: then it has no contents.

    Returns:
        One HTML document that loads nothing else.

    Raises:
        DataError: The summary is of another kind or of a later version.

    Example:
        >>> render({"schema": 99, "kind": "run"})
        Traceback (most recent call last):
        ...
        toolkit.DataError: can't show a summary of kind 'run', schema 99: expected run or comparison, schema 1. Update
        logitkit.
    """
    # A summary may come from a JSON file that a later version wrote.
    kind, schema = summary.get("kind"), summary.get("schema")
    if schema != SCHEMA or kind not in KINDS:
        raise DataError(
            f"can't show a summary of kind {kind!r}, schema {schema!r}: expected run or comparison, schema {SCHEMA}. "
            "Update logitkit."
        )
    folds = bool(summary.get("folds"))  # older summaries lack the key
    return fill(
        "report.html",
        embedded=embedded,
        s={"images": None, "folds": None, **summary},  # summaries of 0.1.0 may lack the key
        sections=[
            (name, HEADINGS.get(name, name.capitalize()))
            for name in SECTIONS["folds" if folds else kind].split()
            if name not in OPTIONAL or OPTIONAL[name](summary)
        ],
        kind="Cross-validation" if folds else KINDS[kind],
        each="fold" if folds else "seed",
        pictures=pictures(summary),
        fingerprint=hashlib.sha256(_json(summary).encode()).hexdigest(),
    )


def notebook(summary: Mapping[str, Any]) -> str:
    """Return the page of a summary in a frame for a notebook's cell."""
    return frame(render(summary, embedded=True), f"{KINDS[summary['kind']]} report")


def frame(page: str, title: str) -> str:
    """Return a page in a frame for a notebook's cell: its style can't reach the notebook.

    Args:
        page: The HTML document.
        title: What a screen reader says about the frame; plain letters.

    Returns:
        One `<iframe>`, which needs nothing else.

    Example:
        >>> frame("<p>a & b</p>", "Lesson")[:68]
        '<iframe sandbox="" title="Lesson" srcdoc="<p>a &amp; b</p>" style="w'
    """
    # srcdoc holds the whole page as an attribute: only these two characters would end it or be read as an entity.
    page = page.replace("&", "&amp;").replace('"', "&quot;")
    style = "width:100%;height:720px;border:0;border-radius:8px"
    return f'<iframe sandbox="" title="{title}" srcdoc="{page}" style="{style}"></iframe>'


def write(summary: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page of a summary, and the summary as JSON beside it; each file whole or not at all.

    The head of the page holds the SHA-256 of the JSON file, which tells whether the two belong together.

    Args:
        summary: The summary of a run or of a comparison.
        path: Where the page goes, as for `page_path`. Folders are made.

    Returns:
        The path of the page. The JSON file has the same name, ending in `.json`. A device or a pipe gets the page
        alone.

    Raises:
        DataError: Another ending, the files can't be written, or the JSON file would replace one that holds no summary.
    """
    return write_pair(path, render(summary), summary)


def write_pair(path: str | Path, page: str, summary: Mapping[str, Any]) -> Path:
    """Write a page and the summary that it shows, as `write` does."""
    path = page_path(path)
    beside = _json_path(path)
    if beside is None:
        return write_whole(path, page)
    _check_json(beside, path)
    write_together({beside: _json(summary), path: page})
    return path


def _json(summary: Mapping[str, Any]) -> str:
    return json.dumps(summary, allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def _json_path(path: Path) -> Path | None:
    """Return where the summary of a page goes; None for a page in a device or a pipe."""
    return path.with_suffix(".json") if path.suffix.lower() in (".html", ".htm") else None


def _check_json(beside: Path, path: Path) -> None:
    """Check that the JSON file beside a page is a summary, if there is one: it will be replaced.

    Raises:
        DataError: It is another file, or can't be written.
    """
    check_writable(beside)
    if is_stream(beside):  # reading or writing it could wait forever
        raise DataError(f"{beside} is a device or a pipe, and {path.name} has its summary there: name it differently.")
    try:
        with open(beside, "rb") as file:
            start = file.read(200) if beside.is_file() else b""
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{beside} can't be read: {error.strerror or error}.") from error
    if start.strip() and not _SUMMARY.match(start):
        raise DataError(
            f"{beside} would be replaced by the summary of {path.name}, and it is not from a report: name the page "
            f"differently, such as {path.stem}-report.html."
        )


def page_path(path: str | Path) -> Path:
    """Return where a page goes: without an ending, `.html` is added. A device or a pipe has any name.

    Raises:
        DataError: It is no path, a folder, or a path with another ending.

    Example:
        >>> page_path("reports/wine").as_posix()
        'reports/wine.html'
        >>> page_path("report.pdf")
        Traceback (most recent call last):
        ...
        toolkit.DataError: report.pdf: a report is an HTML page; give a name that ends in .html.
    """
    path = user_path(path, name="report")
    if is_stream(path):
        return path
    if not path.name or os.path.isdir(path):  # unlike Path.is_dir, also for names that no disk can hold
        raise DataError(f"{path} is a folder; name the page in it, such as {(path / 'report.html').as_posix()}.")
    if not path.suffix:
        path = path.with_suffix(".html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"{path}: a report is an HTML page; give a name that ends in .html.")
    return path


def check_page(path: str | Path | None) -> None:
    """Check that a page can be written later, before a long training; None is no page.

    Raises:
        DataError: As for `page_path`, no file can be created there, or the JSON file beside it would replace another.

    Example:
        >>> check_page(True)
        Traceback (most recent call last):
        toolkit.DataError: report=True: expected the name of a file, such as 'report.html'.
    """
    if path is None:
        return
    path = page_path(path)
    check_writable(path)
    beside = _json_path(path)
    if beside is not None:
        _check_json(beside, path)


def fill(template: str, *, embedded: bool = False, **content: Any) -> str:
    """Return a page made from one of the templates.

    Args:
        template: Its file name in `toolkit/report/templates`.
        embedded: Whether the page is shown in a frame: then it has no contents.
        **content: What the template asks for. Text is escaped; an SVG is given as `markupsafe.Markup`.

    Returns:
        One HTML document that loads nothing else.
    """
    return _templates().get_template(template).render(embedded=embedded, **content)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("toolkit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,  # a key that a template misspells is an error
        trim_blocks=True,  # a line with nothing but a block leaves no empty line
        lstrip_blocks=True,
    )
    environment.filters.update(
        num=formatting.number,
        pct=formatting.percent,
        time=formatting.duration,
        cut=cells.shorten,
        user=cells.user_text,
        setting=cells.setting,
        baseline=lambda name: metric_names.BASELINES.get(name, name),
        words=lambda key: str(key).replace("_", " "),
        label=lambda name: metric_names.METRICS[name].label if name in metric_names.METRICS else name.replace("_", " "),
        in_sentence=metric_names.in_sentence,
        metric=lambda value, name: metric_names.metric_value(name, value),
        span=lambda entry, name: metric_names.interval(name, entry["low"], entry["high"]),
    )
    environment.globals.update(
        {name: getattr(cells, name) for name in cells.__all__},
        amounts=metric_names.amounts,
        distribution=distribution,
        scale_of=scale_of,
        colors=COLORS,
        class_colors=CLASSES,
        metrics=metric_names.METRICS,
        tasks=TASKS,
        part_names={"all": "all rows"},
        model_names={"network": "Network", **metric_names.BASELINES},
    )
    return environment
