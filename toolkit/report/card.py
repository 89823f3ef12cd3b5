"""Model cards: what a report says, as Markdown, with places for what only the author knows."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.common.files import is_stream, user_path, write_whole
from toolkit.evaluation import metric_names

__all__ = ["render_card", "write_card"]


def write_card(summary: Mapping[str, Any], path: str | Path, model: str | Path) -> Path:
    """Write the model card of a run; see `toolkit.runs.run.Run.model_card`.

    Args:
        summary: What `toolkit.report.summary.summarize` returned for a result.
        path: The file; its name ends in ``.md``.
        model: The file of the model, whose name the card's example loads.

    Raises:
        DataError: The name has another ending, or the file can't be written.
    """
    path = user_path(path, "card.md")
    if path.suffix.lower() != ".md" and not is_stream(path):
        raise DataError(f"{path}: a model card is Markdown; give a name that ends in .md.")
    return write_whole(path, render_card(summary, Path(model).name))


def render_card(summary: Mapping[str, Any], file: str = "model.keras") -> str:
    """Return the model card of a run as Markdown text, the same for the same summary and name of the model's file."""
    model, results, settings = summary["model"], summary["results"], summary["settings"]
    first: Mapping[str, Any] = next(iter(results["metrics"].values()), {"baselines": {}})
    layers = ", ".join(f"{layer['type']} {layer['output'][-1]}" for layer in model["layers"])
    data = "image" if summary["images"] else "tabular"
    text = _template().render(
        s=summary,
        model=file,
        models=["network", *first["baselines"]],
        pipeline=f"{data}-{'regression' if summary['task'] == 'regression' else 'classification'}",
        about=f"A neural network of {formatting.number(model['parameters'])} parameters ({layers}).",
        versions=", ".join(f"{name} {version}" for name, version in settings.get("versions", {}).items()),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("toolkit.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        md=_escaped,
        num=formatting.number,
        label=lambda name: metric_names.METRICS[name].label if name in metric_names.METRICS else name,
        metric=lambda value, name: metric_names.metric_value(name, value),
        span=lambda entry, name: metric_names.interval(name, entry["low"], entry["high"]),
    )
    environment.globals["model_names"] = {"network": "Network", **metric_names.BASELINES}
    return environment.get_template("card.md")


def _escaped(text: Any) -> str:
    r"""Return text as Markdown shows it: no name of a column becomes markup.

    Example:
        >>> print(_escaped("a|b <i> _c_"))
        a\|b &lt;i&gt; \_c\_
    """
    one_line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]|#~!])", r"\\\1", html.escape(one_line, quote=False))
