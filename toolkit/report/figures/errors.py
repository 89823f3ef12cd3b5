"""What a regression gets wrong: of a run, by target; of a comparison, by target and contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.formatting import NARROW, isolated, number, percent
from toolkit.report.cells import shorten
from toolkit.report.figures.picture import WIDE, Picture, beyond, bin_rows, contender_names, each_contender, spread
from toolkit.report.plots import Line, against_predicted, histogram, line_chart
from toolkit.report.style import line_style

__all__ = ["contender_errors", "target_errors"]


def target_errors(targets: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Draw what a run predicted for each target: true values, and errors, against predictions."""
    return [
        picture
        for target in targets
        if target["bands"] is not None
        for picture in _against_predicted(target, _prefix(target, targets))
    ]


def _prefix(target: Mapping[str, Any], targets: Sequence[Any]) -> str:
    return f"{isolated(shorten(target['name'], 40))}: " if len(targets) > 1 else ""


def _against_predicted(target: Mapping[str, Any], prefix: str) -> list[Picture]:
    bands, points, errors = target["bands"], target["points"], target["histogram"]
    # Without points (rows=False) the bands are drawn alone.
    true, predicted = (points["true"], points["predicted"]) if points else ([], [])
    if points is None:
        points_note = "Single rows were left out of this report."
    elif len(true) < points["of"]:
        points_note = f"The points are {number(len(true))} of {number(points['of'])} test rows, drawn at random."
    else:
        points_note = "Each point is a test row."

    def draw(word: str, values: Sequence[float], title: str, caption: str, **options: Any) -> Picture:
        quantiles = {name: bands[f"{word.split()[0]}_{name}"] for name in ("low", "middle", "high")}
        columns = zip(bands["rows"], bands["predicted"], *quantiles.values(), strict=True)
        return Picture.draw(
            against_predicted(predicted, values, {"x": bands["predicted"], **quantiles}, **options),
            f"{prefix}{title}",
            f"{caption} {points_note}",
            ["rows", "mean prediction", f"5{NARROW}%", "median", f"95{NARROW}%"],
            [[number(value) for value in row] for row in columns],
            f"Groups of rows by their prediction; quantiles of the {word}",
        )

    return [
        draw(
            "true value",
            true,
            "True against predicted",
            "On the dotted line a prediction is right. Rows are grouped by their prediction; a bar holds "
            f"90{NARROW}% of a group.",
        ),
        draw(
            "error",
            [t - p for t, p in zip(true, predicted, strict=True)],
            "Errors against predicted",
            "Above the dotted line the prediction was too low. A slope or a funnel shows what the network misses. On "
            "the right: how often each error occurs.",
            errors=(errors["edges"], errors["counts"]),
        ),
    ]


def contender_errors(summary: Mapping[str, Any]) -> list[list[Picture]]:
    """Draw the errors of all contenders: for each target, first their sizes in one picture, then a histogram each."""
    targets = summary["errors"] or []
    return [
        [_sizes(target, summary, _prefix(target, targets)), *_histograms(target, summary, _prefix(target, targets))]
        for target in targets
    ]


def _sizes(target: Mapping[str, Any], summary: Mapping[str, Any], prefix: str) -> Picture:
    contenders, shares = target["contenders"], target["shares"]
    # Up to nine rows in ten: the largest error would press the lines together; the table has it.
    end = next(i for i, share in enumerate(shares) if share >= 0.9) + 1
    lines = [Line(entry["sizes"][:end], shares[:end], line_style(index)) for index, entry in enumerate(contenders)]
    rows = [
        [percent(shares[i], 0), *(number(entry["sizes"][i], 3) for entry in contenders)]
        for i in spread(len(shares), 11)
    ]
    return Picture.draw(
        line_chart(lines, name="share of test rows", along="size of the error, at most", width=WIDE, height=2.7),
        f"{prefix}How many errors stay small",
        f"The further up or left a line, the better. Drawn to 90{NARROW}% of the rows; the table has all.",
        ["share of rows", *contender_names(summary)],
        rows,
    )


def _histograms(target: Mapping[str, Any], summary: Mapping[str, Any], prefix: str) -> list[Picture]:
    edges, pictures = target["edges"], []
    top = max(max(entry["counts"]) for entry in target["contenders"])
    for _, name, entry, options in each_contender(summary, target["contenders"]):
        low, middle, high = (number(entry[key], 3) for key in ("low", "mid", "high"))
        pictures.append(
            Picture.draw(
                histogram(edges, [entry["counts"]], along="error (true − predicted)", marks=[0.0], top=top, **options),
                f"{prefix}{name}",
                f"90{NARROW}% of its errors lie from {low} to {high}, the median at {middle}; above 0 the prediction "
                f"was too low.{beyond(entry['beyond'])}",
                ["from", "to", "rows"],
                bin_rows(edges, entry["counts"]),
            )
        )
    return pictures
