"""A summary as one HTML page that opens anywhere: no script, no network, the same bytes for the same summary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.common.files import write_whole
from toolkit.evaluation import metric_names
from toolkit.report import comparison_figures
from toolkit.report.figures import (
    distribution,
    falls,
    pictures,
    weights,
)
from toolkit.report.style import COLORS
from toolkit.report.summary.run import summarise

__all__ = ["fill", "frame", "notebook", "page_path", "render", "summarise", "write"]

HEIGHT = 720  # of the frame in a notebook, in CSS pixels
WHOLE = 22  # letters of a name that may stand on one line
SECTIONS = {
    "verdict": "Verdict",
    "data": "Data",
    "split": "Split",
    "model": "Model",
    "training": "Training",
    "results": "Results",
    "numerics": "Numerics",
    "mistakes": "Mistakes",
    "occlusion": "Occlusion",
    "settings": "Settings",
}
PARTS = {"all": "all rows", "train": "train", "validation": "validation", "test": "test"}


def render(summary: Mapping[str, Any]) -> str:
    """Return the page of a summary.

    Args:
        summary: What `summarise` returned, as it is or read back from its JSON.

    Returns:
        One HTML document that asks for nothing else.

    Raises:
        DataError: The summary is of another kind or of a later version.

    Example:
        >>> render({"schema": 99, "kind": "run"})
        Traceback (most recent call last):
        ...
        toolkit.DataError: a summary of schema 99 can't be shown: this version knows 1. Update logitkit.
    """
    return _page(summary, embedded=False)


def notebook(summary: Mapping[str, Any]) -> str:
    """Return the page of a summary for a notebook's cell, in a frame of its own: its style can't reach the notebook.

    Args:
        summary: What `summarise` returned.

    Returns:
        An `<iframe>` that holds the whole page, without its list of contents.

    Raises:
        DataError: As for `render`.
    """
    title = "Training report" if summary["kind"] == "run" else "Comparison report"
    return frame(_page(summary, embedded=True), title)


def frame(page: str, title: str) -> str:
    """Return a whole page in a frame for a notebook's cell.

    Args:
        page: The HTML document.
        title: What a reader who can't see the frame is told; plain letters.

    Returns:
        One `<iframe>`, which needs nothing else.

    Example:
        >>> frame("<p>a & b</p>", "Lesson")[:68]
        '<iframe sandbox="" title="Lesson" srcdoc="<p>a &amp; b</p>" style="w'
    """
    page = page.replace("&", "&amp;").replace('"', "&quot;")
    return (
        f'<iframe sandbox="" title="{title}" srcdoc="{page}" '
        f'style="width:100%;height:{HEIGHT}px;border:0;border-radius:8px"></iframe>'
    )


def write(summary: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page of a summary, and the summary itself as JSON beside it; each file whole or not at all.

    Args:
        summary: What `summarise` returned.
        path: Where the page goes. Its ending is `.html`; without one, it is added. Folders are made.

    Returns:
        The path of the page; the JSON stands beside it, ending in `.json`.

    Raises:
        DataError: Another ending, or the files can't be written.

    Example:
        >>> write({"schema": 1, "kind": "run"}, "report.pdf")
        Traceback (most recent call last):
        ...
        toolkit.DataError: report.pdf: a report is an HTML page; give a name that ends in .html.
    """
    path = page_path(path)
    page = render(summary)
    write_whole(path.with_suffix(".json"), json.dumps(summary, allow_nan=False, ensure_ascii=False, indent=1) + "\n")
    return write_whole(path, page)


def page_path(path: str | Path) -> Path:
    """Return where a page goes.

    Args:
        path: What the user gave. Without an ending, `.html` is added.

    Raises:
        DataError: Another ending.

    Example:
        >>> page_path("reports/wine").as_posix()
        'reports/wine.html'
    """
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(".html")
    if path.suffix.lower() not in (".html", ".htm"):
        raise DataError(f"{path}: a report is an HTML page; give a name that ends in .html.")
    return path


def fill(template: str, *, embedded: bool = False, **content: Any) -> str:
    """Return a page made from one of the templates.

    Args:
        template: Its file name in `toolkit/templates`.
        embedded: Whether it stands in a frame: then it has no list of contents.
        **content: What the template asks for. Text is escaped; an SVG is given as `markupsafe.Markup`.

    Returns:
        One HTML document that asks for nothing else.
    """
    return _templates().get_template(template).render(embedded=embedded, colors=COLORS, **content)


def _page(summary: Mapping[str, Any], *, embedded: bool) -> str:
    if summary.get("schema") != 1 or summary.get("kind") not in ("run", "comparison"):
        raise DataError(
            f"a summary of schema {summary.get('schema')!r} can't be shown: this version knows 1. Update logitkit."
        )
    of_run = summary["kind"] == "run"
    return fill(
        "run.html" if of_run else "comparison.html",
        embedded=embedded,
        s=summary,
        parts=PARTS,
        baselines=metric_names.BASELINES,
        metrics=metric_names.METRICS,
        pictures=pictures(summary) if of_run else comparison_figures.pictures(summary),
        sections=_sections(summary) if of_run else comparison_figures.sections(summary),
    )


def _sections(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the sections of a run's page; only images have maps of what decisions rest on."""
    has_maps = (summary.get("images") or {}).get("occlusion") is not None
    return [entry for entry in SECTIONS.items() if has_maps or entry[0] != "occlusion"]


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("toolkit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        num=formatting.number,
        pct=formatting.percent,
        time=formatting.duration,
        cut=_cut,
        soft=_soft,
        words=lambda key: str(key).replace("_", " "),
        setting=_setting,
        metric=lambda value, name: metric_names.metric_value(name, value),
        span=lambda entry, name: metric_names.interval(name, entry["low"], entry["high"]),
        apart=_apart,
    )
    environment.globals.update(
        whole=WHOLE, whiskers=_whiskers, distribution=distribution, beside=_beside, one_by_one=_one_by_one
    )
    environment.globals.update(weights=weights, falls=falls)
    environment.globals.update(
        apart=comparison_figures.apart,
        amount=comparison_figures.amount,
        legend=comparison_figures.legend,
        on_one_axis=comparison_figures.on_one_axis,
    )
    return environment


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _soft(text: str) -> Markup:
    """Let a long name break after its underscores."""
    return escape(text).replace("_", Markup("_<wbr>")) if len(text) > WHOLE else escape(text)


def _setting(value: Any) -> str:
    """Say a setting's value: never a Python literal."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return formatting.number(value, 6)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_setting(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(item) for item in value) or "none"
    return str(value)


def _apart(entry: Mapping[str, Any], name: str) -> str:
    """Say how far the network is from a baseline: which is better, by how much, and how sure that is."""
    share = name in metric_names.METRICS and metric_names.METRICS[name].share
    low, high = (
        sorted((entry["low"], entry["high"]))
        if entry["low"] is not None and entry["high"] is not None
        else (None, None)
    )
    if low is None or high is None or entry["difference"] is None:
        return "not defined"
    unit = " points" if share else ""
    if low == high == 0:
        return "no difference on these rows"
    if entry["standing"] == "level":
        return f"no clear difference ({_plain_interval(name, low, high)}{unit})"
    if high <= 0:
        low, high = -high, -low
    size = metric_names.metric_value(name, abs(entry["difference"])).removesuffix(f"{formatting.NARROW}%")
    return f"network {entry['standing']} by {size}{unit} ({_plain_interval(name, low, high)})"


def _plain_interval(name: str, low: float, high: float) -> str:
    return metric_names.interval(name, low, high).removesuffix(f"{formatting.NARROW}%")


def _beside(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Set the network first, then the baselines from the strongest kind to the weakest."""
    others = row["baselines"]
    return {"network": row, **{name: others[name] for name in ("tree", "linear", "dummy") if name in others}, **others}


def _one_by_one(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that stand alone and are not shown elsewhere on the page."""
    elsewhere = ("call", "command", "created")
    return {key: value for key, value in settings.items() if not isinstance(value, Mapping) and key not in elsewhere}


def _whiskers(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[float, float, float] | None]:
    """Place intervals on one axis from 3 to 97 per cent: key -> (low, value, high), or None where it is not defined."""
    known = {
        key: (entry["low"], entry["value"], entry["high"])
        for key, entry in entries.items()
        if None not in (entry["low"], entry["value"], entry["high"])
    }
    ends = [end for triple in known.values() for end in triple]
    least, most = min(ends, default=0.0), max(ends, default=1.0)
    scale = 94 / ((most - least) or 1)
    placed = {key: tuple(round(3 + (end - least) * scale, 2) for end in triple) for key, triple in known.items()}
    return {key: placed.get(key) for key in entries}
