"""The distribution of a column as a row of a table: texts to read, and a small histogram for each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.common.formatting import isolated, number, percent
from toolkit.report.cells import shorten

__all__ = ["Row", "bars", "distribution", "outline"]

WIDTH, HEIGHT = 60, 20  # of a small histogram, in the units of its SVG


@dataclass(frozen=True)
class Row:
    """A column of the user's, as a row of a table; the texts are empty where there is nothing to say."""

    name: str
    kind: str  # number, boolean, category or date
    leak: bool  # suspected to give the target away
    missing: str  # share of rows without a value
    typical: str  # mean and standard deviation, or the most common value
    extent: str  # smallest and largest value, or how many different ones
    power: str  # how well it predicts the target by itself
    histograms: Sequence[tuple[str, str, str]]  # for each part: bars, outline of all rows, text alternative
    numbers: Sequence[Sequence[str]]  # for each part: its name and the numbers behind the histogram


def distribution(entries: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return one row for each column or target of a summary's data."""
    return [_row(entry) for entry in entries]


def _row(entry: Mapping[str, Any]) -> Row:
    parts, total = entry["parts"], entry["parts"]["all"]
    # All parts share one peak, so that their bars can be compared; categories have wider gaps than bins.
    peak = max(max(part["counts"], default=0) / (sum(part["counts"]) or 1) for part in parts.values())
    gap = 0.08 if entry["levels"] is None else 0.25
    rows, typical = total["count"] + total["missing"], ""
    if entry["levels"] is not None:
        typical, extent = _most_common(entry, total), f"{number(total['distinct'])} values"
    else:
        extent = f"{_value(entry, total['min'])} to {_value(entry, total['max'])}"
        if entry["kind"] == "number":
            typical = f"{_value(entry, total['mean'], 3)} ± {_value(entry, total['std'], 3)}"
        if (total["distinct"], total["min"], total["max"]) == (2, 0, 1):  # yes or no
            typical = f"{percent(total['mean'])} are 1"
    return Row(
        name=entry["name"],
        kind=entry["kind"],
        leak=bool(entry["leak"]),
        missing=percent(total["missing"] / rows) if total["missing"] else "",
        typical=typical,
        extent=extent,
        power="" if entry["alone"] is None else percent(entry["alone"], 0),
        histograms=[
            (
                bars(part["counts"], peak, gap=gap),
                "" if name == "all" else outline(total["counts"], peak),
                f"{name}: {_most_common(entry, part)}",
            )
            for name, part in parts.items()
        ],
        numbers=[
            [name, *(number(part[key]) for key in ("count", "missing", "distinct")), _in_numbers(entry, part)]
            for name, part in parts.items()
        ],
    )


def _value(entry: Mapping[str, Any], value: Any, digits: int = 4) -> str:
    if isinstance(value, str):  # a date
        return value
    total = entry["parts"]["all"]
    is_year = total["min"] is not None and total["min"] >= 1_000 and total["max"] < 3_000
    text = number(value, digits)
    return text.replace(",", "") if is_year else text


def _most_common(entry: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """Return in words which bar of a histogram is the highest."""
    counts = part["counts"]
    if not sum(counts):
        return "no values"
    top = counts.index(max(counts))
    share = percent(counts[top] / sum(counts))
    if entry["levels"] is not None:
        return f"most often {isolated(shorten(entry['levels'][top]))}, {share}"
    return f"{share} from {_value(entry, entry['edges'][top])} to {_value(entry, entry['edges'][top + 1])}"


def _in_numbers(entry: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    if entry["levels"] is not None:
        levels, total = map(isolated, map(shorten, entry["levels"])), sum(part["counts"]) or 1
        pairs = zip(levels, part["counts"], strict=True)
        return "; ".join(f"{level} {percent(count / total)}" for level, count in pairs)
    if entry["kind"] == "number":
        names = ("mean", "std", "min", "q1", "median", "q3", "max")
        return "; ".join(f"{name} {_value(entry, part[name])}" for name in names)
    return f"from {part['min']} to {part['max']}"


def bars(counts: Sequence[int], peak: float, *, gap: float = 0.1) -> str:
    """Return the bars of a small histogram as SVG path data.

    Args:
        counts: Rows in each bin.
        peak: The share of rows, 0 to 1, that reaches the top.
        gap: Share of a bar's width left free.

    Example:
        >>> bars([1, 3], 0.75, gap=0)
        'M0 20V13.3H30V20ZM30 20V0H60V20Z'
    """
    tops, width = _tops(counts, peak), WIDTH / max(len(counts), 1)
    # M: go to the lower left corner of the bar; V, H, V: up, across, down; Z: close it.
    return "".join(
        f"M{(i + gap / 2) * width:.4g} {HEIGHT}V{top}H{(i + 1 - gap / 2) * width:.4g}V{HEIGHT}Z"
        for i, top in enumerate(tops)
        if counts[i]
    )


def outline(counts: Sequence[int], peak: float) -> str:
    """Return the outline of a small histogram, to lay over the bars of a part of the rows.

    Example:
        >>> outline([1, 3], 0.75)
        'M0 13.3V13.3H30V0H60'
    """
    tops, width = _tops(counts, peak), WIDTH / max(len(counts), 1)
    steps = "".join(f"V{top}H{(i + 1) * width:.4g}" for i, top in enumerate(tops))
    return f"M0 {tops[0]}{steps}" if tops else ""


def _tops(counts: Sequence[int], peak: float) -> list[str]:
    # SVG counts y downwards: 0 is the peak, HEIGHT an empty bin.
    total = sum(counts)
    return [f"{HEIGHT - HEIGHT * count / total / peak:.3g}" for count in counts] if total and peak else []
