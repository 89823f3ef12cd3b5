"""Partial dependence: what a run answers where a column has one value or another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from toolkit.common.formatting import NARROW, isolated, number
from toolkit.report.cells import shorten
from toolkit.report.figures.picture import Picture
from toolkit.report.plots import Line, dots_with_spread, line_chart
from toolkit.report.style import line_style

__all__ = ["effects"]

_FEW = 2  # up to so many numbers are drawn as points: between 0 and 1 of a yes-or-no column there is nothing


def effects(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw what a run answers along each of the strongest columns."""
    about: Mapping[str, Any] = summary.get("importance") or {"dependence": []}  # older summaries lack the key
    return [_effect(entry, about["answer"], summary) for entry in about["dependence"] if entry["grid"]]


def _effect(entry: Mapping[str, Any], answer: str, summary: Mapping[str, Any]) -> Picture:
    outputs, several = entry["outputs"], len(entry["outputs"]) > 1
    along, x, texts, caption = _axis(entry)
    is_line, ticks = entry["kind"] == "date" or (entry["kind"] == "number" and len(x) > _FEW), {}
    if entry["kind"] == "date":
        middle = len(x) // 2
        ticks = {x[i]: texts[i] for i in sorted({0, middle, len(x) - 1})}
    elif entry["kind"] == "number" and not is_line:
        x = [float(i) for i in range(1, len(x) + 1)]
        ticks = dict(zip(x, texts, strict=True))
    names = [isolated(shorten(output["name"], 30)) for output in outputs]
    lines = [
        Line(
            x,
            output["mean"],
            line_style(index),
            name=str(index + 1) if several else "",
            band=None if several else (output["low"], output["high"]),
        )
        for index, output in enumerate(outputs)
    ]
    what = {"value": "predicted value", "probability": "probability", "score": "score"}[answer]
    if several:
        caption += f" Lines: {', '.join(f'{i} is {name}' for i, name in enumerate(names, 1))}."
    else:
        of = f" of {names[0]}" if summary["task"] == "binary" or len(summary["target"]) > 1 else ""
        caption = f"The mean {what}{of}; the band holds the middle 80{NARROW}% of the rows.{caption}"
    draw = line_chart if is_line else dots_with_spread
    columns = [
        ("mean", ""),
        ("low", f", 10{NARROW}%"),
        ("high", f", 90{NARROW}%"),
    ]
    head = ["value", *(f"{name}{ending}" for name in names for _, ending in columns)]
    table = [
        [text, *(number(output[key][i], 4) for output in outputs for key, _ in columns)] for i, text in enumerate(texts)
    ]
    return Picture.draw(
        draw(lines, name=what, along=along, ticks=ticks),
        isolated(shorten(entry["column"], 40)),
        caption.strip(),
        head,
        table,
        f"{number(entry['rows'])} test rows, with the column set to each value",
    )


def _axis(entry: Mapping[str, Any]) -> tuple[str, list[float], list[str], str]:
    """Return what x shows, where the values of a column stand on it, their texts, and a sentence about them."""
    grid = entry["grid"]
    if entry["kind"] == "number":
        return "value of the column", grid, [number(value, 5) for value in grid], ""
    if entry["kind"] == "date":
        days = [datetime.fromisoformat(f"{text}-01" if len(text) == 7 else text) for text in grid]
        from_start = [(day - days[0]).total_seconds() / 86_400 for day in days]
        return "date", from_start, list(grid), ""
    texts = [isolated(shorten(str(value))) for value in grid]
    levels = ", ".join(f"{i} is {text}" for i, text in enumerate(texts, 1))
    return "value of the column, by its number", [*range(1, len(grid) + 1)], texts, f" Values: {levels}."
