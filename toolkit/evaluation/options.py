"""The options of an evaluation: each is declared, documented and given its default here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from toolkit.common.checks import check_bool
from toolkit.common.options import documented
from toolkit.evaluation.threshold import check_threshold

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
        "The calibrated probability from which on a row is called positive: a number between 0 and 1, or the metric "
        "for which it is chosen on the validation rows: accuracy, balanced_accuracy or f1. By default the sign of the "
        "score decides.",
        "binary",
    ] = None
    intervals: Annotated[bool, "Compute the intervals of the metrics, the verdict and the notes."] = True
    metrics: Annotated[Sequence[Callable[[Any, Any], Any]], "As the option metrics of the training."] = ()

    def __post_init__(self) -> None:
        for name in ("baselines", "intervals"):
            check_bool(name, getattr(self, name))
        check_threshold(self.threshold)
