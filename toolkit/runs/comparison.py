"""Comparison: several contenders on equal terms. It reports their differences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from toolkit.data.dataset import Dataset
from toolkit.data.target import Target
from toolkit.evaluation.comparison_result import ComparisonResult, Trial
from toolkit.evaluation.metrics import Outcome
from toolkit.report import page
from toolkit.report.summary import summarize
from toolkit.runs.fields import from_result

__all__ = ["Comparison"]


class Comparison:
    """Several contenders on the same rows, with the same seeds; or one network on each fold of a cross-validation.

    Args:
        result: What the comparison gave. Its fields are read from the comparison too: see
            `toolkit.evaluation.comparison_result.ComparisonResult`.
    """

    task: str = from_result()
    labels: list[str] = from_result()
    seeds: list[int] = from_result()
    trials: dict[tuple[str, int], Trial] = from_result()
    datasets: dict[int, Dataset] = from_result()
    target: Target = from_result()
    settings: dict[str, Any] = from_result()
    primary: str = from_result()
    fixed_test: bool = from_result()
    differences: list[dict[str, Any]] = from_result()
    table: pd.DataFrame = from_result()
    verdict: list[str] = from_result()
    notes: list[str] = from_result()
    baseline_outcomes: dict[int, Mapping[str, Outcome]] = from_result()
    baselines: pd.DataFrame = from_result()
    folds: pd.DataFrame | None = from_result()
    classes: list[Any] = from_result()
    class_names: list[str] = from_result()
    positive: Any = from_result()

    def __init__(self, result: ComparisonResult) -> None:
        self.result = result

    def summary(self, rows: bool = True) -> dict[str, Any]:
        """Return the content of the report, as a dictionary that JSON can hold.

        Args:
            rows: Whether rows of the user's data (those on which the contenders disagree) are part of it.
        """
        return summarize(self.result, rows=rows)

    def report(self, path: str | Path, *, rows: bool = True) -> Path:
        """Write the report as one HTML page, and the same content as JSON beside it.

        Args:
            path: The file; its name ends in ``.html``.
            rows: False leaves rows of the user's data out.

        Returns:
            The path of the page.

        Raises:
            DataError: The file can't be written.
        """
        return page.write(self.summary(rows), path)

    def _repr_html_(self) -> str:
        return page.notebook(self.summary())

    def __repr__(self) -> str:
        what = "seeds" if self.folds is None else "folds"
        return f"Comparison({self.task}; {', '.join(self.labels)}; {len(self.seeds)} {what})"
