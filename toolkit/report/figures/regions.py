"""Which class each contender decides for on a plane through its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from toolkit.common.formatting import isolated, percent
from toolkit.report.cells import shorten
from toolkit.report.figures.picture import Picture, contender_names, side_by_side
from toolkit.report.region_plots import draw_regions

__all__ = ["decision_regions"]


def decision_regions(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw the decision regions of each contender that has them."""
    regions, names = summary["regions"], contender_names(summary)
    if not regions:
        return []
    points, inputs = regions["points"], "input" if regions["exact"] else "component"
    classes = [isolated(shorten(name)) for name in summary["classes"]]
    pictures = []
    for index, entry in enumerate(regions["maps"]):
        figure = draw_regions(
            np.array([[int(digit) for digit in line] for line in entry["rows"]]),  # a text of class ids per row
            tuple(regions["x"]),
            tuple(regions["y"]),
            classes=len(classes),
            points=points and (points["x"], points["y"], points["true"], _marks(points, index)),
            along=(f"first {inputs}", f"second {inputs}"),
            width=side_by_side(len(names)),
        )
        caption = "Numbers are classes."
        if not regions["exact"]:
            caption = f"The color is the network’s decision for {percent(entry['as_the_network'])} of the test rows."
        rows = [[f"{i}: {name}", percent(entry["shares"][i - 1])] for i, name in enumerate(classes, 1)]
        pictures.append(
            Picture.draw(figure, names[int(entry["contender"])], caption, ["class", "share of the plane"], rows)
        )
    return pictures


def _marks(points: Mapping[str, Any], index: int) -> list[int]:
    """Return the mark of each row: 1 where the network is wrong, 2 where it decides otherwise than the plane."""
    wrong = points["wrong"][index]
    # Summaries saved by earlier versions lack "off".
    off = points.get("off", [[False] * len(wrong)] * (index + 1))[index]
    return [1 if is_wrong else 2 * int(is_off) for is_wrong, is_off in zip(wrong, off, strict=True)]
