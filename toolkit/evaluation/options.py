"""The options of an evaluation: each is declared, documented and given its default here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from toolkit.common.options import documented

__all__ = ["Options"]


@documented
@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of an evaluation, as `toolkit.evaluation.result.evaluate` takes them."""

    baselines: Annotated[
        bool, "Fit a dummy, a linear and a gradient-boosted tree model on the same rows, to compare with."
    ] = True
    threshold: Annotated[
        str | float | None,
        "The score above which a row is of the second class: a number, or the metric for which it is chosen on the "
        "validation rows: accuracy, balanced_accuracy or f1. By default 0.",
        "binary",
    ] = None
    intervals: Annotated[bool, "Compute the intervals of the metrics, the verdict and the notes."] = True
