"""Scores and probabilities: ROC, precision and recall, how sure a decision is, how often that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.formatting import NARROW, number, percent
from toolkit.report import plots
from toolkit.report.figures.picture import Picture, each_contender, spread

__all__ = ["calibration", "confidence", "contender_calibration", "rankings"]

POINTS = 40  # points of a curve in the table under it
DIAGONAL = f"On the dotted line a probability of 70{NARROW}% comes true 7 times in 10."


def rankings(curves: Mapping[str, Any]) -> list[Picture]:
    """Draw the ROC curves and the precision-recall curves of a run and its baselines."""
    at, share = curves["at"], curves["share"]

    def draw(key: str, title: str, caption: str, axes: tuple[str, str], *where: Any) -> Picture:
        rows = [
            [name, number(x[i], 3), number(y[i], 3)]
            for name, (x, y) in curves[key].items()
            for i in spread(len(x), POINTS)
        ]
        figure = plots.ranking(curves[key], *where, along=axes[0], name=axes[1])
        note = f"At most {POINTS} points of each curve; the JSON file has more"
        return Picture.draw(figure, title, caption, ["model", *axes], rows, note)

    return [
        draw(
            "roc",
            "ROC curve",
            f"The dot is the decision used: it finds {percent(at['recall'])} of the positives and calls "
            f"{percent(at['false_positive_rate'])} of the negatives positive. The dotted line is guessing.",
            ("false positive rate", "true positive rate"),
            (0, 1),
            (at["false_positive_rate"], at["recall"]),
        ),
        draw(
            "precision_recall",
            "Precision and recall",
            f"Of the rows called positive at the dot, {percent(at['precision'])} are positive. The dotted line is "
            f"guessing: {percent(share)} of all rows are positive.",
            ("recall", "precision"),
            (share, share),
            None if at["precision"] is None else (at["recall"], at["precision"]),
        ),
    ]


def calibration(after: Mapping[str, Any]) -> Picture:
    """Draw the reliability of a run's probabilities, `results["reliability"]` of a summary, with intervals."""
    before, error = after.get("before"), percent(after["ece"])
    head, rows = _stages(before, after, "rows", ("predicted", "observed", "low", "high"))
    sentence = f"Expected calibration error (ECE): {error}."
    if before is not None:
        sentence = (
            "Dashed and hollow: before the scores were divided by a temperature. "
            f"Expected calibration error (ECE): {percent(before['ece'])} before, {error} after."
        )
    return Picture.draw(
        plots.reliability(_curve(after), before=before and _curve(before), interval=(after["low"], after["high"])),
        "Reliability of the probabilities",
        f"{DIAGONAL} {sentence} Bars are 95{NARROW}% intervals: on few rows, perfect probabilities stray too.",
        head,
        rows,
    )


def contender_calibration(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw the reliability of each contender's probabilities before calibration and after it."""
    pictures = []
    for _, name, entry, options in each_contender(summary, summary["reliability"]):
        before, after = entry["before"], entry["after"]
        if before is None:
            sentence = "Fitted on validation margins: a margin is not a probability, so there is no “before”."
        elif entry["kept"] == 0:
            sentence = "No temperature was kept: before and after are the same."
        else:
            sentence = "Dashed and hollow: before calibration."
        figure = plots.reliability(_curve(after), before=before and _curve(before), **options)
        table = _stages(before, after, "counted", ("predicted", "observed"))
        pictures.append(Picture.draw(figure, name, f"{DIAGONAL} {sentence}", *table))
    return pictures


def _curve(shape: Mapping[str, Any]) -> tuple[Sequence[float], Sequence[float]]:
    return shape["predicted"], shape["observed"]


def _stages(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], count: str, columns: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table under a reliability diagram."""
    stages = {"after": after} if before is None else {"before": before, "after": after}
    rows = [
        [stage, number(rows), *map(percent, shares)]
        for stage, shape in stages.items()
        for rows, *shares in zip(shape["count"], *(shape[name] for name in columns), strict=True)
    ]
    return ["stage", count, "mean predicted", *columns[1:]], rows


def confidence(summary: Mapping[str, Any], counted: str) -> list[Picture]:
    """Draw how sure each contender is of its decisions, right ones and wrong ones."""
    entries = [entry for entry in summary["confidence"] or [] if entry is not None]
    totals = [[a + b for a, b in zip(entry["right"], entry["wrong"], strict=True)] for entry in entries]
    # All axes begin with the first bin that any contender uses. A bin is 5 % wide; begin at a multiple of 10 %.
    first = min((next((i for i, total in enumerate(counts) if total), 0) for counts in totals), default=0)
    first -= first % 2
    pictures = []
    for index, name, entry, options in each_contender(summary, summary["confidence"]):
        edges, right, wrong = (entry[key][first:] for key in ("edges", "right", "wrong"))
        along, top = "probability of the decision", max(map(max, totals))
        figure = plots.histogram(edges, [right, wrong], along=along, name=counted, top=top, **options)
        source = "" if summary["contenders"][index]["link"] else "Fitted on validation margins. "
        caption = (
            f"{source}On average {percent(entry['mean'])} sure, and right in {percent(entry['right_share'])}; over "
            f"99{NARROW}% sure in {percent(entry['sure'])}. Gray: wrong."
        )
        rows = [
            [percent(low, 0), percent(high, 0), number(hits), number(misses)]
            for low, high, hits, misses in zip(edges[:-1], edges[1:], right, wrong, strict=True)
        ]
        pictures.append(Picture.draw(figure, name, caption, ["from", "to", "right", "wrong"], rows))
    return pictures
