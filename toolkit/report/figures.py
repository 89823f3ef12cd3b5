"""The pictures of a report: each with its title, its caption, its text alternative and its numbers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from toolkit.common.formatting import (
    NARROW,
    isolated,
    number,
    percent,
)
from toolkit.evaluation.metric_names import METRICS
from toolkit.report import plots
from toolkit.report.svg import svg

__all__ = ["Picture", "Row", "bars", "distribution", "falls", "outline", "pictures", "weights"]

EPOCHS = 60  # epochs in the table under the learning curves
POINTS = 40  # points of a curve in the table under it


@dataclass(frozen=True)
class Picture:
    """A picture as a page shows it.

    Attributes:
        svg: The SVG element.
        title: A few words, without a full stop.
        caption: What to see in it, in a sentence or two.
        head: Names of the table's columns.
        rows: The table's rows, as texts to read.
        note: What the table leaves out, or an empty text.
    """

    svg: Markup
    title: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def _picture(
    figure: Figure, title: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = ""
) -> Picture:
    return Picture(Markup(svg(figure, title=title, description=caption)), title, caption, head, rows, note)


def pictures(summary: Mapping[str, Any]) -> dict[str, list[Picture]]:
    """Draw every picture of a run's report.

    Args:
        summary: What `summarise` returned.

    Returns:
        "training" and "results" -> their pictures, in the order of the page.
    """
    return {"training": _training(summary["training"]), "results": _results(summary["results"])}


def _training(training: Mapping[str, Any]) -> list[Picture]:
    history, best = training["history"], training["best_epoch"] or None
    epochs = history.get("epoch", [])
    if not epochs:
        return []
    kept = _spread(len(epochs), EPOCHS, [] if best is None else [epochs.index(best)] if best in epochs else [])
    note = (
        "" if len(kept) == len(epochs) else f"{len(kept)} of {len(epochs)} epochs, evenly chosen; the JSON file has all"
    )

    def table(*names: str) -> list[list[str]]:
        return [[str(epochs[i]), *(number(history[name][i]) for name in names)] for i in kept]

    drawn = []
    watched = "val_loss" in history
    lines = {"training": history["loss"]} | ({"validation": history["val_loss"]} if watched else {})
    names = ["loss", "val_loss"] if watched else ["loss"]
    drawn.append(
        _picture(
            plots.learning_curve(epochs, lines, name="loss", best_epoch=best),
            "Loss by epoch",
            "Lower is better. The training loss is taken while the weights still move"
            + (", the validation loss after each epoch." if watched else "."),
            ["epoch", "training loss", "validation loss"][: len(names) + 1],
            table(*names),
            note,
        )
    )
    for name in history:
        metric = name.removeprefix("val_")
        if name != metric and metric != "loss":
            label = METRICS[metric].label if metric in METRICS else "Metric"
            axis = label if label[:2].isupper() else label[0].lower() + label[1:]
            drawn.append(
                _picture(
                    plots.learning_curve(epochs, {"validation": history[name]}, name=axis, best_epoch=best),
                    f"{label} by epoch",
                    "On the validation rows, after each epoch.",
                    ["epoch", f"validation {axis}"],
                    table(name),
                    note,
                )
            )
    if "learning_rate" in history:
        drawn.append(
            _picture(
                plots.learning_curve(epochs, {"rate": history["learning_rate"]}, name="learning rate", height=1.7),
                "Learning rate by epoch",
                "The size of a step, at the end of each epoch.",
                ["epoch", "learning rate"],
                table("learning_rate"),
                note,
            )
        )
    return drawn


def _results(results: Mapping[str, Any]) -> list[Picture]:
    drawn = []
    several = len(results["targets"] or []) > 1
    for target in results["targets"] or []:
        if target["bands"] is not None:
            drawn += _regression(target, f"{isolated(_shorter(target['name'], 40))}: " if several else "")
    if results["curves"] is not None:
        drawn += _curves(results["curves"])
    if results["reliability"] is not None:
        drawn.append(_reliability(results["reliability"]))
    return drawn


def _regression(target: Mapping[str, Any], prefix: str) -> list[Picture]:
    bands, points, histogram = target["bands"], target["points"], target["histogram"]
    true, predicted = (points["true"], points["predicted"]) if points else ([], [])
    errors = [t - p for t, p in zip(true, predicted, strict=True)]
    if points is None:
        shown = "Single rows were left out of this report."
    elif len(true) < points["of"]:
        shown = f"{number(len(true))} of {number(points['of'])} test rows, drawn at random, are shown as points."
    else:
        shown = "Each point is a test row."

    def banded(word: str) -> dict[str, list[float]]:
        return {"x": bands["predicted"], **{name: bands[f"{word}_{name}"] for name in ("low", "middle", "high")}}

    def table(word: str) -> list[list[str]]:
        columns = (bands["predicted"], *(bands[f"{word}_{name}"] for name in ("low", "middle", "high")))
        return [[number(count), *(number(column[i]) for column in columns)] for i, count in enumerate(bands["rows"])]

    head = ["rows", "mean prediction", f"5{NARROW}%", "median", f"95{NARROW}%"]
    note = "Groups of rows by their prediction"
    return [
        _picture(
            plots.predicted_against_true(true, predicted, banded("true")),
            f"{prefix}Predicted against true",
            f"On the dotted line a prediction is right. {shown} "
            f"A bar holds 90{NARROW}% of the rows of a tenth of the predictions.",
            head,
            table("true"),
            f"{note}; quantiles of the true value",
        ),
        _picture(
            plots.residuals(predicted, errors, banded("error"), edges=histogram["edges"], counts=histogram["counts"]),
            f"{prefix}Errors against predicted",
            f"Above the dotted line the prediction was too low. A slope or a widening shows what the network misses. "
            f"Right: how often each error occurs. {shown}",
            head,
            table("error"),
            f"{note}; quantiles of the error",
        ),
    ]


def _curves(curves: Mapping[str, Any]) -> list[Picture]:
    at = curves["at"]

    def table(lines: Mapping[str, Any]) -> list[list[str]]:
        rows = []
        for name, (x, y) in lines.items():
            rows += [[name, number(x[i], 3), number(y[i], 3)] for i in _spread(len(x), POINTS)]
        return rows

    note = f"At most {POINTS} points of each curve; the JSON file has more"
    dot = (at["recall"], at["precision"]) if at["precision"] is not None else None
    return [
        _picture(
            plots.roc(curves["roc"], at=(at["false_positive_rate"], at["recall"])),
            "ROC curve",
            f"The dot is the decision used: it finds {percent(at['recall'])} of the positives and calls "
            f"{percent(at['false_positive_rate'])} of the negatives positive. The dotted line is guessing.",
            ["model", "false positive rate", "true positive rate"],
            table(curves["roc"]),
            note,
        ),
        _picture(
            plots.precision_recall(curves["precision_recall"], share=curves["share"], at=dot),
            "Precision and recall",
            f"Of the rows called positive at the dot, {percent(at['precision'])} are. "
            f"The dotted line is guessing: {percent(curves['share'])} of the rows are positive.",
            ["model", "recall", "precision"],
            table(curves["precision_recall"]),
            note,
        ),
    ]


def _reliability(shape: Mapping[str, Any]) -> Picture:
    columns, before = ("predicted", "observed", "low", "high"), shape.get("before")
    stages = {"after": shape} if before is None else {"before": before, "after": shape}
    rows = [
        [stage, number(count), *(percent(one[name][i]) for name in columns)]
        for stage, one in stages.items()
        for i, count in enumerate(one["count"])
    ]
    head, error = ["stage", "rows", "mean predicted", "observed", "low", "high"], percent(shape["ece"])
    said = f"Expected calibration error (ECE): {error}."
    if before is None:
        head, rows = head[1:], [row[1:] for row in rows]
    else:
        said = (
            "Dashed and hollow: before the scores were divided by a temperature. "
            f"Expected calibration error (ECE): {percent(before['ece'])} before, {error} after."
        )
    return _picture(
        plots.reliability(
            *(shape[name] for name in columns),
            before=None if before is None else (before["predicted"], before["observed"]),
        ),
        "Reliability of the probabilities",
        f"On the dotted line a probability of 70{NARROW}% comes true 7 times in 10. {said} "
        f"Bars are 95{NARROW}% intervals; even honest probabilities stray a little on few rows.",
        head,
        rows,
    )


def _spread(size: int, most: int, always: Sequence[int] = ()) -> list[int]:
    """Return at most about `most` positions of `size`, evenly spread, with the ends and those wanted."""
    if size <= most:
        return list(range(size))
    return sorted({round(i * (size - 1) / (most - 1)) for i in range(most)} | set(always))


@dataclass(frozen=True)
class Row:
    """A column's distribution as a row of a table: texts to read and small pictures.

    Attributes:
        name: The column's name.
        kind: number, boolean, category or date.
        leak: Whether it is suspected to give the target away.
        missing: Share of rows without a value, or an empty text.
        middle: Mean and spread, or the most common value.
        extent: Least and greatest value, or how many different ones.
        alone: How well it predicts the target alone, or an empty text.
        drawn: A picture a part: bars, outline of all rows, text alternative.
        numbers: The same in numbers: a row a part.
    """

    name: str
    kind: str
    leak: bool
    missing: str
    middle: str
    extent: str
    alone: str
    drawn: Sequence[tuple[str, str, str]]
    numbers: Sequence[Sequence[str]]


def distribution(entries: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Make the rows of a table of distributions.

    Args:
        entries: Columns or targets as `summarise` describes them.

    Returns:
        A row an entry.
    """
    return [_row(entry) for entry in entries]


def _row(entry: Mapping[str, Any]) -> Row:
    whole, parts = entry["parts"]["all"], entry["parts"]
    shares = [max(part["counts"], default=0) / (sum(part["counts"]) or 1) for part in parts.values()]
    peak, gap = max(shares, default=0.0), 0.25 if entry["levels"] is not None else 0.08
    drawn = []
    for name, part in parts.items():
        over = "" if name == "all" else outline(whole["counts"], peak)
        drawn.append((bars(part["counts"], peak, gap=gap), over, f"{name}: {_described(entry, part)}"))
    rows = whole["count"] + whole["missing"]
    return Row(
        name=entry["name"],
        kind=entry["kind"],
        leak=bool(entry["leak"]),
        missing=percent(whole["missing"] / rows) if whole["missing"] else "",
        middle=_middle(entry, whole),
        extent=_extent(entry, whole),
        alone="" if entry["alone"] is None else percent(entry["alone"], 0),
        drawn=drawn,
        numbers=[[name, *_numbers(entry, part)] for name, part in parts.items()],
    )


def _value(value: Any, digits: int = 4) -> str:
    """Say a date as it is, and a number of the user's; four digits alone stay together, as in a year."""
    if isinstance(value, str):
        return value
    text = number(value, digits)
    return text.replace(",", "") if len(text.lstrip("−")) == 5 else text


def _described(entry: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """Say in words what a small histogram shows."""
    counts, total = part["counts"], sum(part["counts"])
    if not total:
        return "no values"
    top = max(range(len(counts)), key=lambda i: counts[i])
    share = percent(counts[top] / total, 0)
    if entry["levels"] is not None:
        return f"most often {isolated(_shorter(entry['levels'][top]))}, {share}"
    low, high = (_value(entry["edges"][i]) for i in (top, top + 1))
    return f"{share} from {low} to {high}"


def _shorter(name: str, most: int = 30) -> str:
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def _middle(entry: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    if entry["kind"] == "number":
        return f"{_value(part['mean'], 3)} ± {_value(part['std'], 3)}"
    return _described(entry, part) if entry["levels"] is not None else ""


def _extent(entry: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    if entry["levels"] is not None:
        return f"{number(part['distinct'])} values"
    return f"{_value(part['min'])} to {_value(part['max'])}"


def _numbers(entry: Mapping[str, Any], part: Mapping[str, Any]) -> list[str]:
    start = [number(part["count"]), number(part["missing"]), number(part["distinct"])]
    if entry["levels"] is not None:
        total = sum(part["counts"]) or 1
        listed = (
            f"{isolated(_shorter(name))} {percent(count / total)}"
            for name, count in zip(entry["levels"], part["counts"], strict=True)
        )
        return [*start, "; ".join(listed)]
    if entry["kind"] == "number":
        names = ("mean", "std", "min", "q1", "median", "q3", "max")
        return [*start, "; ".join(f"{name} {_value(part[name])}" for name in names)]
    return [*start, f"from {part['min']} to {part['max']}"]


def weights(first: Mapping[str, Any]) -> list[list[str]]:
    """Return the numbers under the pictures of a first layer's weights.

    Args:
        first: `images["filters"]` of a summary.

    Returns:
        A row a unit: its name, its least and its greatest weight.

    Example:
        >>> weights({"shown": [{"name": "1", "low": -0.5, "high": 2.0}]})
        [['1', '−0.5', '2']]
    """
    return [[_shorter(tile["name"]), number(tile["low"]), number(tile["high"])] for tile in first["shown"]]


def falls(occlusion: Mapping[str, Any]) -> list[list[str]]:
    """Return the numbers under the maps of what decisions rest on.

    Args:
        occlusion: `images["occlusion"]` of a summary.

    Returns:
        A row an image: its number, its score, and by how much hiding a place lowers and raises it at most.

    Example:
        >>> falls({"shown": [{"row": 7, "score": 2.0, "drops": [0.5, -0.25]}]})
        [['7', '2', '0.5', '0.25']]
    """
    return [
        [
            number(entry["row"]),
            number(entry["score"]),
            number(max(0.0, max(entry["drops"]))),
            number(max(0.0, -min(entry["drops"]))),
        ]
        for entry in occlusion["shown"]
    ]


def bars(counts: Sequence[int], peak: float, *, gap: float = 0.1) -> str:
    """Return the path of a small histogram, 60 wide and 20 high.

    Args:
        counts: Rows in each bin.
        peak: The share of rows, 0 to 1, that reaches the top.
        gap: Share of a bar's width left free.

    Returns:
        SVG path data; empty where nothing was counted.

    Example:
        >>> bars([1, 3], 0.75, gap=0)
        'M0 20V13.3H30V20ZM30 20V0H60V20Z'
    """
    total, width = sum(counts), 60 / max(len(counts), 1)
    if not total or not peak:
        return ""
    pieces = []
    for i, count in enumerate(counts):
        if count:
            left, right = i * width + gap * width / 2, (i + 1) * width - gap * width / 2
            pieces.append(f"M{left:.4g} 20V{20 - 20 * count / total / peak:.3g}H{right:.4g}V20Z")
    return "".join(pieces)


def outline(counts: Sequence[int], peak: float) -> str:
    """Return the outline of a small histogram, to lay over the bars of a part of the rows.

    Args:
        counts: Rows in each bin.
        peak: The share of rows that reaches the top.

    Returns:
        SVG path data.

    Example:
        >>> outline([1, 3], 0.75)
        'M0 13.3V13.3H30V0H60'
    """
    total, width = sum(counts), 60 / max(len(counts), 1)
    if not total or not peak:
        return ""
    heights = [f"{20 - 20 * count / total / peak:.3g}" for count in counts]
    return f"M0 {heights[0]}" + "".join(f"V{height}H{(i + 1) * width:.4g}" for i, height in enumerate(heights))
