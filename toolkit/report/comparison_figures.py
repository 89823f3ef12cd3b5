"""The pictures of a comparison's report: what each shows, its text alternative and its numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from toolkit.common.formatting import (
    MINUS,
    NARROW,
    UNDEFINED,
    isolated,
    number,
    percent,
)
from toolkit.evaluation.metric_names import METRICS
from toolkit.report import comparison_plots
from toolkit.report.figures import (
    EPOCHS,
    Picture,
    _picture,
    _shorter,
    _spread,
)

__all__ = ["amount", "apart", "legend", "on_one_axis", "pictures", "sections"]

WIDE = 4.6  # inches, of a picture that stands alone: its words stay readable on a telephone


def sections(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the sections that a comparison's page has: anchor and heading, in order.

    Args:
        summary: What `summarise_comparison` returned.
    """
    given = [
        ("verdict", "Verdict", True),
        ("metrics", "Metrics", True),
        ("contenders", "Contenders", True),
        ("training", "Training", True),
        ("margins", "Margins", _some(summary["margins"])),
        ("probabilities", "Probabilities", _some(summary["reliability"])),
        ("errors", "Errors", bool(summary["errors"])),
        ("labels", "Each label", bool(summary["labels"])),
        ("disagreement", "Disagreement", True),
        ("jiggle", "A score moved", bool(summary["jiggle"] and summary["jiggle"]["rows"])),
        ("regions", "Decision regions", bool(summary["regions"])),
        ("settings", "Settings", True),
    ]
    return [(anchor, words) for anchor, words, shown in given if shown]


def _some(entries: Sequence[Any] | None) -> bool:
    return any(entry is not None for entry in entries or [])


def pictures(summary: Mapping[str, Any]) -> dict[str, list[Picture]]:
    """Draw every picture of a comparison's report.

    Args:
        summary: What `summarise_comparison` returned.

    Returns:
        "training", "margins", "confidence", "reliability", "errors", "jiggle" and "regions" -> their pictures, in the
        order of the page.
    """
    names = [isolated(_shorter(entry["label"], 40)) for entry in summary["contenders"]]
    counted = "test cells (rows × labels)" if summary["task"] == "multilabel" else "test rows"
    return {
        "training": _training(summary["training"], names, summary["seeds"]),
        "margins": _margins(summary["margins"] or [], names, summary["contenders"], counted),
        "confidence": _confidence(summary["confidence"] or [], names, summary["contenders"], counted),
        "reliability": _reliability(summary["reliability"] or [], names),
        "errors": [picture for entry in summary["errors"] or [] for picture in _errors(entry, names, summary)],
        "jiggle": _jiggle(summary["jiggle"], names, summary["task"]) if summary["jiggle"] else [],
        "regions": _regions(summary["regions"], names, summary["classes"]) if summary["regions"] else [],
    }


# ------------------------------------------------------------------------------------------- what stands in the tables


def legend(place: int) -> dict[str, str]:
    """Return color and dashes of a contender's line, for a sample of it beside its name.

    Args:
        place: Of the contender.

    Example:
        >>> legend(1)
        {'color': 'second', 'dashes': '10 3'}
    """
    color, dashes = comparison_plots.CONTENDERS[place % len(comparison_plots.CONTENDERS)]
    return {"color": color, "dashes": " ".join(f"{2 * length:g}" for length in dashes)}


def amount(metric: str, values: Sequence[float | None], *, sign: bool = False) -> list[str]:
    """Say differences of a metric that are read together with the same digits; those of shares in points.

    Args:
        metric: scikit-learn's name of the metric.
        values: The differences; None is "not defined".
        sign: Whether those above 0 are told by a plus sign.

    Returns:
        Their texts, without "points".

    Example:
        >>> amount("accuracy", [-0.0029, 0.011], sign=True), amount("roc_auc", [0.00123, None])
        (['−0.3', '+1.1'], ['0.00123', 'not defined'])
    """
    scale = 100 if metric in METRICS and METRICS[metric].share else 1
    known = [abs(scale * value) for value in values if value is not None]
    largest = max(known, default=0.0)
    if not largest or largest >= 1e6 or largest < 1e-6:
        texts = [UNDEFINED if value is None else number(scale * value, 3) for value in values]
    else:
        places = max(1 if scale == 100 else 0, 2 - math.floor(math.log10(largest)) - (scale == 100))
        texts = [UNDEFINED if value is None else _signed(f"{scale * value:,.{places}f}") for value in values]
    above = [sign and value is not None and value > 0 for value in values]
    return [f"+{text}" if plus else text for text, plus in zip(texts, above, strict=True)]


def _signed(text: str) -> str:
    return text.replace("-", MINUS) if text.strip("-0.,") else text.lstrip("-")


def apart(metric: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """Say one difference: its size, its interval and what that means.

    Args:
        metric: scikit-learn's name of the metric.
        entry: A difference of the summary's results.

    Returns:
        `value`, `interval` and `means`, texts.

    Example:
        >>> entry = {"value": -0.01, "low": -0.03, "high": 0.01, "standing": "level"}
        >>> {key: text.replace("\u202f", " ") for key, text in apart("accuracy", entry).items()}
        {'value': '−1.0 points', 'interval': '−3.0 to 1.0', 'means': 'no clear difference'}
    """
    ends = [entry["value"], entry["low"], entry["high"]]
    (said, *_), (_, low, high) = amount(metric, ends, sign=True), amount(metric, ends)
    unit = " points" if metric in METRICS and METRICS[metric].share and entry["value"] is not None else ""
    if entry["value"] is None:
        means = UNDEFINED
    elif entry["low"] is None:
        means = "no interval"
    elif entry["value"] == entry["low"] == entry["high"] == 0:
        means = "no difference"
    else:
        means = {"better": "better", "worse": "worse", "level": "no clear difference"}[entry["standing"]]
    return {
        "value": f"{said}{unit}",
        "interval": f"{low} to {high}" if entry["low"] is not None and entry["high"] is not None else "",
        "means": means,
    }


def on_one_axis(entries: Sequence[Mapping[str, Any] | None], metric: str) -> dict[str, Any]:
    """Place differences, their intervals and those of each seed on one axis, from 3 to 97 per cent, with 0 on it.

    Args:
        entries: Differences of the summary's results, one a contender, or None.
        metric: scikit-learn's name of the metric, for the axis's numbers.

    Returns:
        `zero`, a place; `ticks`, pairs of place and text; `entries`: for each, None or its `span` (low, value, high;
        None where it has no interval), `value` and `dots`.

    Example:
        >>> entry = {"value": 0.5, "low": 0.0, "high": 1.0, "seeds": [0.2, 0.8]}
        >>> on_one_axis([None, entry], "r2")["entries"][1]["span"]
        (3.0, 50.0, 97.0)
    """
    ends = [0.0]
    for entry in entries:
        if entry is not None:
            ends += [v for v in (entry["low"], entry["value"], entry["high"], *entry["seeds"]) if v is not None]
    least, most = min(ends), max(ends)
    if least == most:
        least, most = -0.01, 0.01

    def at(value: float) -> float:
        return round(3 + 94 * (value - least) / (most - least), 2)

    ticks = [float(tick) for tick in MaxNLocator(4).tick_values(least, most) if least <= tick <= most]
    placed = []
    for entry in entries:
        if entry is None or entry["value"] is None:
            placed.append(None)
            continue
        low, value, high = entry["low"], entry["value"], entry["high"]
        placed.append(
            {
                "value": at(value),
                "span": None if low is None or high is None else (at(low), at(value), at(high)),
                "dots": [at(value) for value in entry["seeds"] if value is not None],
            }
        )
    scale = 100 if metric in METRICS and METRICS[metric].share else 1
    texts = [_signed(f"{scale * tick:.6g}") for tick in ticks]
    signed = [f"+{text}" if tick > 0 else text for tick, text in zip(ticks, texts, strict=True)]
    return {"zero": at(0.0), "ticks": list(zip(map(at, ticks), signed, strict=True)), "entries": placed}


# ------------------------------------------------------------------------------------------------------- the pictures


def _training(training: Mapping[str, Any], names: Sequence[str], seeds: Sequence[int]) -> list[Picture]:
    curves = training["curves"]
    if not _some(curves):
        return []
    label = METRICS[training["metric"]].label if training["metric"] in METRICS else training["metric"]
    lines = [curve and (range(1, len(curve["mean"]) + 1), curve["mean"]) for curve in curves]
    bands = [curve and (curve["low"], curve["high"]) for curve in curves]
    longest = max(len(curve["mean"]) for curve in curves if curve)
    kept = _spread(longest, EPOCHS)
    rows = []
    for epoch in kept:
        row = [str(epoch + 1)]
        for curve in curves:
            if curve is None or epoch >= len(curve["mean"]):
                row += ["", ""]
            else:
                row += [
                    number(curve["mean"][epoch], 3),
                    f"{number(curve['low'][epoch], 3)} to {number(curve['high'][epoch], 3)}",
                ]
        rows.append(row)
    note = "" if len(kept) == longest else f"{len(kept)} of {longest} epochs, evenly chosen; the JSON file has all"
    many = len(seeds) > 1
    return [
        _picture(
            comparison_plots.contender_lines(
                lines, bands=bands if many else (), name=label, along="epoch", width=WIDE, height=2.7
            ),
            f"{label} on the validation rows by epoch",
            (
                f"Mean over the seeds that still train, {len(seeds)} at first; the band reaches from the lowest to the "
                "highest. A line ends where fewer than half of its seeds go on."
                if many
                else "On the validation rows, after each epoch."
            ),
            ["epoch", *(text for name in names for text in (name, f"{name}, least to most"))],
            rows,
            note,
        )
    ]


def _margins(
    entries: Sequence[Mapping[str, Any] | None],
    names: Sequence[str],
    contenders: Sequence[Mapping[str, Any]],
    counted: str,
) -> list[Picture]:
    drawn = []
    for place, (entry, name) in enumerate(zip(entries, names, strict=False)):
        if entry is None:
            continue
        edges, counts, delta = entry["histogram"]["edges"], entry["histogram"]["counts"], contenders[place]["margin"]
        wrong = [count if edges[i + 1] <= 1e-12 else 0 for i, count in enumerate(counts)]
        right = [count - off for count, off in zip(counts, wrong, strict=True)]
        if delta is None:
            said = "Nothing in its loss asks for a certain margin: a larger one always lowers it."
        else:
            said = (
                f"Its loss asks for a lead of {number(delta)} (second line): {percent(entry['met'])} reach it and cost "
                f"nothing, {percent(entry['inside'])} are right and still cost something."
            )
        beyond = entry["histogram"]["beyond"]
        drawn.append(
            _picture(
                comparison_plots.contender_bars(
                    edges,
                    right,
                    wrong,
                    place=place,
                    along="margin",
                    name=counted,
                    marks=[0.0] if delta is None else [0.0, delta],
                    width=_width(len(names)),
                ),
                name,
                f"{percent(entry['wrong'])} lie below 0 and are wrong (gray); the median is "
                f"{number(entry['median'], 3)}. {said}"
                + (f" The outer bars hold {number(beyond)} further out." if beyond else ""),
                ["from", "to", "counted"],
                [[number(edges[i], 3), number(edges[i + 1], 3), number(count)] for i, count in enumerate(counts)],
            )
        )
    return drawn


def _confidence(
    entries: Sequence[Mapping[str, Any] | None],
    names: Sequence[str],
    contenders: Sequence[Mapping[str, Any]],
    counted: str,
) -> list[Picture]:
    known = [entry for entry in entries if entry is not None]
    if not known:
        return []
    sums = [[a + b for a, b in zip(entry["right"], entry["wrong"], strict=True)] for entry in known]
    most = max(max(counts) for counts in sums)
    used = min(next((i for i, count in enumerate(counts) if count), 0) for counts in sums)
    low = math.floor(10 * known[0]["edges"][used]) / 10
    drawn = []
    for place, (entry, name) in enumerate(zip(entries, names, strict=False)):
        if entry is None:
            continue
        edges = entry["edges"]
        source = "" if contenders[place]["link"] else "Fitted on validation margins. "
        drawn.append(
            _picture(
                comparison_plots.contender_bars(
                    edges,
                    entry["right"],
                    entry["wrong"],
                    place=place,
                    along="probability of the decision",
                    name=counted,
                    most=most,
                    limits=(low, 1.0),
                    width=_width(len(names)),
                ),
                name,
                f"{source}On average {percent(entry['mean'])} sure, and right in {percent(entry['right_share'])}; "
                f"over 99{NARROW}% sure in {percent(entry['sure'])}. Gray: wrong.",
                ["from", "to", "right", "wrong"],
                [
                    [
                        percent(edges[i], 0),
                        percent(edges[i + 1], 0),
                        number(entry["right"][i]),
                        number(entry["wrong"][i]),
                    ]
                    for i in range(used, len(entry["right"]))
                ],
            )
        )
    return drawn


def _reliability(entries: Sequence[Mapping[str, Any] | None], names: Sequence[str]) -> list[Picture]:
    drawn = []
    for place, (entry, name) in enumerate(zip(entries, names, strict=False)):
        if entry is None:
            continue
        before, after = entry["before"], entry["after"]
        rows = []
        for stage in ("before", "after"):
            shape = entry[stage]
            if shape is not None:
                rows += [
                    [stage, number(count), percent(shape["predicted"][i]), percent(shape["observed"][i])]
                    for i, count in enumerate(shape["count"])
                ]
        if before is None:
            said = "Fitted on validation margins; before that there is nothing to show: a margin is not a probability."
        elif entry["kept"] == 0:
            said = "No temperature was kept: before and after are the same."
        else:
            said = "Dashed and hollow: before calibration."
        drawn.append(
            _picture(
                comparison_plots.before_and_after(
                    None if before is None else (before["predicted"], before["observed"]),
                    (after["predicted"], after["observed"]),
                    place=place,
                    width=_width(len(names)),
                ),
                name,
                f"On the dotted line a probability of 70{NARROW}% comes true 7 times in 10. {said}",
                ["stage", "counted", "mean predicted", "observed"],
                rows,
            )
        )
    return drawn


def _errors(entry: Mapping[str, Any], names: Sequence[str], summary: Mapping[str, Any]) -> list[Picture]:
    each, shares = entry["contenders"], entry["shares"]
    prefix = f"{isolated(_shorter(entry['name'], 40))}: " if len(summary["errors"]) > 1 else ""
    # To nine rows in ten: the largest error would press the rest together; the table has it.
    upto = next(i for i, share in enumerate(shares) if share >= 0.9) + 1
    kept = _spread(len(shares), 11)
    drawn = [
        _picture(
            comparison_plots.contender_lines(
                [(one["sizes"][:upto], shares[:upto]) for one in each],
                name="share of test rows",
                along="size of the error, at most",
                width=WIDE,
                height=2.7,
            ),
            f"{prefix}How many errors stay small",
            f"A line further up or left is better. Drawn to 90{NARROW}% of the rows; the table has all.",
            ["share of rows", *names],
            [[percent(shares[i], 0), *(number(one["sizes"][i], 3) for one in each)] for i in kept],
        )
    ]
    most = max(max(one["counts"]) for one in each)
    for place, (one, name) in enumerate(zip(each, names, strict=True)):
        edges = entry["edges"]
        beyond = f" The outer bars hold {number(one['beyond'])} further out." if one["beyond"] else ""
        drawn.append(
            _picture(
                comparison_plots.contender_bars(
                    edges,
                    one["counts"],
                    [0] * len(one["counts"]),
                    place=place,
                    along="error (true − predicted)",
                    marks=[0.0],
                    most=most,
                    width=_width(len(names)),
                ),
                f"{prefix}{name}",
                f"90{NARROW}% of its errors lie from {number(one['low'], 3)} to {number(one['high'], 3)}, the median "
                f"at {number(one['mid'], 3)}; above 0 the prediction was too low.{beyond}",
                ["from", "to", "counted"],
                [
                    [number(edges[i], 3), number(edges[i + 1], 3), number(count)]
                    for i, count in enumerate(one["counts"])
                ],
            )
        )
    return drawn


def _width(count: int) -> float:
    """Return the width of pictures of which so many stand side by side, so that their texts are of one size."""
    return 2.7 if count == 3 else 3.6


KINDS = {
    "past": "Well past the margin",
    "near": "Right, but inside the margin",
    "wrong": "Wrong",
}


def _jiggle(jiggle: Mapping[str, Any], names: Sequence[str], task: str) -> list[Picture]:
    along = "true class’s score, moved by" if task == "multiclass" else "score, moved towards the truth by"
    drawn, moves, places = [], jiggle["moves"], jiggle["contenders"]
    at = [i for i, move in enumerate(moves) if abs(2 * move - round(2 * move)) < 1e-9]
    for row in jiggle["rows"]:
        lines: list[Any] = [None] * len(names)
        for place, losses in zip(places, row["losses"], strict=True):
            lines[place] = (moves, losses)
        where = "" if row["row"] is None else f"Row {number(row['row'])}, truly {isolated(_shorter(row['truth']))}. "
        drawn.append(
            _picture(
                comparison_plots.contender_lines(
                    lines,
                    name="loss of this row",
                    along=along,
                    marks=[0.0],
                    height=2.4,
                    width=_width(len(jiggle["rows"])),
                ),
                KINDS[row["kind"]],
                f"{where}{moved(jiggle, row, names)}",
                ["moved by", *(names[int(place)] for place in places)],
                [
                    [
                        f"+{number(moves[i])}" if moves[i] > 0 else number(moves[i]),
                        *(number(losses[i], 3) for losses in row["losses"]),
                    ]
                    for i in at
                ],
            )
        )
    return drawn


def moved(jiggle: Mapping[str, Any], row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Say which losses move when the score goes up a little, and which do not."""
    moves = jiggle["moves"]
    here = min(range(len(moves)), key=lambda i: abs(moves[i]))
    up = min(range(len(moves)), key=lambda i: abs(moves[i] - 1))
    still, falling = [], []
    for place, losses in zip(jiggle["contenders"], row["losses"], strict=True):
        before, after = number(losses[here], 3), number(losses[up], 3)
        if losses[here] == losses[up]:
            still.append(f"of {names[place]} at {before}")
        else:
            falling.append(f"of {names[place]} from {before} to {after}")
    words = f"One point more for the truth takes the loss {_list(falling)}" if falling else ""
    if still and falling:
        return f"{words}; that {_list(still)} does not move."
    return f"{words}." if falling else f"One point more for the truth leaves the loss {_list(still)}."


def _list(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _regions(regions: Mapping[str, Any], names: Sequence[str], classes: Sequence[str]) -> list[Picture]:
    drawn, points = [], regions["points"]
    along = ("first input", "second input") if regions["exact"] else ("first component", "second component")
    listed = [isolated(_shorter(name)) for name in classes]
    for place, entry in enumerate(regions["maps"]):
        decided = np.array([[int(letter) for letter in line] for line in entry["rows"]])
        name = names[int(entry["contender"])]
        faithful = (
            "Numbers are classes."
            if regions["exact"]
            else f"For {percent(entry['as_the_network'])} of the test rows the plane says what the network says."
        )
        drawn.append(
            _picture(
                comparison_plots.decision_regions(
                    decided,
                    tuple(regions["x"]),
                    tuple(regions["y"]),
                    classes=len(classes),
                    points=None if points is None else (points["x"], points["y"]),
                    true=[] if points is None else points["true"],
                    wrong=[] if points is None else points["wrong"][place],
                    along=along,
                    width=_width(len(names)),
                ),
                name,
                faithful,
                ["class", "share of the plane"],
                [
                    [f"{i + 1}: {label}", percent(share)]
                    for i, (label, share) in enumerate(zip(listed, entry["shares"], strict=True))
                ],
            )
        )
    return drawn
