"""The folds of a cross-validation: each tests other rows of the data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.checks import check_whole
from toolkit.common.errors import DataError
from toolkit.data.stratify import deal_by_time, deal_units

__all__ = ["Fold", "Folds"]


class Folds:
    """All folds of a cross-validation, dealt once.

    Args:
        cv: The number of folds, or anything else that scikit-learn's `check_cv` takes: a splitter, or pairs of
            positions.

    Raises:
        DataError: It is neither.
    """

    def __init__(self, cv: Any) -> None:
        if not hasattr(cv, "split") and not hasattr(cv, "__iter__"):
            check_whole("cv", cv, least=2, optional=False)
        if isinstance(cv, str):
            raise DataError(f"cv={cv!r}: expected a number of folds, or a splitter of scikit-learn.")
        self.cv = cv
        self.tests: list[np.ndarray] = []  # of each fold: 1 where a row tests, 0 where it may train, -1 for neither

    def __len__(self) -> int:
        return len(self.tests)

    def deal(
        self,
        stratum: np.ndarray,
        units: np.ndarray,
        target: pd.DataFrame,
        *,
        times: np.ndarray | None,
        grouped: bool,
        seed: int,
    ) -> None:
        """Deal the rows to folds; each row tests once at most.

        Without a splitter, the folds are stratified and the rows of a unit stay together. With times, each fold but the
        first tests the rows that come next, and trains on earlier ones.

        Args:
            stratum: From `toolkit.data.stratify.strata`.
            units: The unit of each row, from 0: equal rows, and rows of one group.
            target: The target columns.
            times: The time of each row, or None.
            grouped: Whether the units are groups, which a splitter is told.
            seed: The seed of the random order.

        Raises:
            DataError: There are too few rows, groups or times; or the splitter does not suit.
        """
        if hasattr(self.cv, "split") or hasattr(self.cv, "__iter__"):
            self.tests = self._by_splitter(units if grouped else None, target, times)
            return
        count = int(self.cv)
        what = "distinct rows or groups" if times is None else "different times"
        present, needed = len(np.unique(units if times is None else times)), count + (times is not None)
        if present < needed:
            raise DataError(f"cv={count}: the data have {present:,} {what}, and {needed:,} are needed.")
        if times is not None:
            block = deal_by_time(times, [1 / (count + 1)] * (count + 1))
            self.tests = [np.where(block == n, 1, np.where(block < n, 0, -1)) for n in range(1, count + 1)]
            return
        fold = deal_units(stratum, units, [1 / count] * count, np.random.default_rng((seed, count)))[units]
        self.tests = [(fold == number).astype(np.int64) for number in range(count)]

    def _by_splitter(
        self, groups: np.ndarray | None, target: pd.DataFrame, times: np.ndarray | None
    ) -> list[np.ndarray]:
        from sklearn.model_selection import check_cv

        # Splitters of time series take the rows in order.
        order = np.arange(len(target)) if times is None else np.argsort(times, kind="stable")
        y = target.to_numpy()[order]
        y = y[:, 0] if y.shape[1] == 1 else y
        groups = None if groups is None else groups[order]
        try:
            with warnings.catch_warnings():  # rows of a group that is tested are left out of training in any case
                warnings.filterwarnings("ignore", "The groups parameter is ignored")
                splits = list(check_cv(self.cv).split(np.zeros((len(target), 1)), y, groups))
        except (TypeError, ValueError, IndexError) as error:
            raise DataError(f"cv={self.cv!r} can't split these rows: {error}") from error
        tests = []
        for train, test in splits:
            fold = np.full(len(target), -1)
            fold[order[train]], fold[order[test]] = 0, 1
            tests.append(fold)
        if not tests or (np.sum([fold == 1 for fold in tests], axis=0) > 1).any():
            raise DataError(
                f"cv={self.cv!r} tests some rows in several folds: use a splitter that tests each row once."
            )
        return tests


@dataclass(frozen=True)
class Fold:
    """The test rows of one fold.

    Attributes:
        folds: All folds.
        number: Which one, from 0.
    """

    folds: Folds
    number: int

    @property
    def rows(self) -> np.ndarray:
        """1 where a row tests, 0 where it may train, -1 for neither; int64 of shape (rows,)."""
        return self.folds.tests[self.number]

    def __str__(self) -> str:
        return f"test is fold {self.number + 1} of {len(self.folds)}"
