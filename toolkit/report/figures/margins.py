"""Margins of a comparison's contenders, and what their losses do when one score moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.formatting import isolated, join_names, number, percent
from toolkit.report.cells import shorten
from toolkit.report.figures.picture import Picture, beyond, bin_rows, contender_names, each_contender, side_by_side
from toolkit.report.plots import Line, histogram, line_chart
from toolkit.report.style import line_style

__all__ = ["margins", "moved_scores"]

KINDS = {"past": "Well past the margin", "near": "Right, but inside the margin", "wrong": "Wrong"}


def margins(summary: Mapping[str, Any], counted: str) -> list[Picture]:
    """Draw by how much the truth leads in each contender's scores."""
    pictures = []
    for index, name, entry, options in each_contender(summary, summary["margins"]):
        edges, counts = entry["histogram"]["edges"], entry["histogram"]["counts"]
        # One edge is 0, so that a bar holds right decisions or wrong ones, never both.
        wrong = [count if high <= 1e-12 else 0 for high, count in zip(edges[1:], counts, strict=True)]
        right = [count - errors for count, errors in zip(counts, wrong, strict=True)]
        required = summary["contenders"][index]["margin"]
        marks, sentence = [0.0], "Its loss asks for no certain margin: a larger one always lowers it."
        if required is not None:
            marks.append(required)
            sentence = (
                f"Its loss asks for a lead of {number(required)} (second line): {percent(entry['met'])} reach it and "
                f"cost nothing, {percent(entry['inside'])} are right and still cost something."
            )
        pictures.append(
            Picture.draw(
                histogram(edges, [right, wrong], along="margin", name=counted, marks=marks, **options),
                name,
                f"{percent(entry['wrong'])} lie below 0 and are wrong (gray); the median is "
                f"{number(entry['median'], 3)}. {sentence}{beyond(entry['histogram']['beyond'])}",
                ["from", "to", "counted"],
                bin_rows(edges, counts),
            )
        )
    return pictures


def moved_scores(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw, for a few rows, each contender's loss over the score that is moved."""
    jiggle, names = summary["jiggle"], contender_names(summary)
    if not jiggle:
        return []
    moves, contenders = jiggle["moves"], jiggle["contenders"]
    # The table has a row for each half point, the lines are drawn through every move.
    halves = [i for i, move in enumerate(moves) if abs(2 * move - round(2 * move)) < 1e-9]
    along = "true class’s score, moved by" if summary["task"] == "multiclass" else "score, moved towards the truth by"
    pictures = []
    for row in jiggle["rows"]:
        losses = dict(zip(contenders, row["losses"], strict=True))
        lines = [Line(moves, values, line_style(index)) for index, values in losses.items()]
        width = side_by_side(len(jiggle["rows"]))
        figure = line_chart(lines, name="loss of this row", along=along, marks={0.0: ""}, height=2.4, width=width)
        caption = _one_point_more(moves, {names[index]: values for index, values in losses.items()})
        if row["row"] is not None:
            caption = f"Row {row['row']}, truly {isolated(shorten(row['truth']))}. {caption}"
        head = ["moved by", *(names[index] for index in contenders)]
        table = [
            [("+" if moves[i] > 0 else "") + number(moves[i]), *(number(values[i], 3) for values in losses.values())]
            for i in halves
        ]
        pictures.append(Picture.draw(figure, KINDS[row["kind"]], caption, head, table))
    return pictures


def _one_point_more(moves: Sequence[float], losses: Mapping[str, Sequence[float]]) -> str:
    """Return in words which losses change when the score moves by one point towards the truth."""
    # The positions of the moves 0 and 1, which rounding may have left a little off.
    start = min(range(len(moves)), key=lambda i: abs(moves[i]))
    end = min(range(len(moves)), key=lambda i: abs(moves[i] - 1))
    still, changing = [], []
    for name, values in losses.items():
        before, after = number(values[start], 3), number(values[end], 3)
        if values[start] == values[end]:
            still.append(f"of {name} at {before}")
        else:
            changing.append(f"of {name} from {before} to {after}")
    if not changing:
        return f"One point more for the truth leaves the loss {join_names(still)}."
    sentence = f"One point more for the truth takes the loss {join_names(changing)}"
    return f"{sentence}; that {join_names(still)} does not change." if still else f"{sentence}."
