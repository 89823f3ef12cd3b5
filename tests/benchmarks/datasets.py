"""The tables of the accuracy benchmark: from scikit-learn, and from the directory that LOGITKIT_DATA names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets as bundled

__all__ = ["CONFIRMING", "Parts", "Rows", "available", "counts", "load", "seeds_of"]


class Source(NamedTuple):
    """The file of a table in the directory, and the target to predict."""

    task: str
    target: str | Path  # a column, or the file that lists the label columns
    file: str
    test: str | None = None  # the file of official test rows
    drop: tuple[str, ...] = ()  # identifiers and names


TABLES = {
    "titanic": Source("binary", "Survived", "titanic/titanic_train.csv", drop=("PassengerId", "Name", "Ticket")),
    "credit_g": Source("binary", "class", "credit_g/credit_g.csv"),
    "bank_marketing": Source("binary", "y", "bank_marketing/bank_full.csv.gz"),
    "adult": Source("binary", "income", "adult/adult_train.csv", "adult/adult_test.csv"),
    "penguins": Source("multiclass", "species", "penguins/penguins.csv"),
    "wine_quality_red": Source("regression", "quality", "wine_quality/winequality_red.csv"),
    "wine_quality_white": Source("regression", "quality", "wine_quality/winequality_white.csv"),
    "california_housing": Source("regression", "median_house_value", "california_housing/housing.csv"),
    "emotions": Source(
        "multilabel", Path("emotions/label_columns.txt"), "emotions/emotions_train.csv", "emotions/emotions_test.csv"
    ),
    "yeast": Source(
        "multilabel", Path("yeast/label_columns.txt"), "yeast/yeast_train.csv.gz", "yeast/yeast_test.csv.gz"
    ),
    **{
        name: Source(task, target, f"{name}/{name}.csv.gz")
        for task, name, target in (
            ("regression", "car_msrp", "MSRP"),
            ("regression", "communities_crime", "ViolentCrimesPerPop"),
            ("regression", "concrete", "strength"),
            ("regression", "fiat500_used", "price"),
            ("regression", "miami_housing", "SALE_PRC"),
            ("binary", "amazon_employee_access", "ACTION"),
            ("binary", "coil2000_caravan", "CARAVAN"),
            ("binary", "heloc", "RiskPerformance"),
            ("binary", "in_vehicle_coupon", "Y"),
            ("binary", "marketing_campaign", "Response"),
            ("multiclass", "dry_bean", "Class"),
            ("multiclass", "splice", "Class"),
            ("multiclass", "student_dropout", "Target"),
            ("multiclass", "website_phishing", "Result"),
        )
    },
}

#: Tables on which nothing is chosen: a random half, by task, of those that count.
CONFIRMING = frozenset(
    {
        *("amazon_employee_access", "california_housing", "coil2000_caravan", "communities_crime", "concrete"),
        *("credit_g", "dry_bean", "fiat500_used", "marketing_campaign", "student_dropout", "website_phishing", "yeast"),
    }
)
_FEWEST_ROWS, _FEW_ROWS = 700, 3_000

BUNDLED = {
    "wine": ("multiclass", bundled.load_wine, {}),
    "iris": ("multiclass", bundled.load_iris, {}),
    "breast_cancer": ("binary", bundled.load_breast_cancer, {}),
    "digits": ("multiclass", bundled.load_digits, {}),
    "diabetes": ("regression", bundled.load_diabetes, {"scaled": False}),
}


class Parts(NamedTuple):
    """The rows that a peer gets: train and validation in one frame, and test; targets are numbers or class ids."""

    task: str
    x: pd.DataFrame
    y: np.ndarray
    train: int  # the number of rows of x that are the train part
    x_test: pd.DataFrame
    y_test: np.ndarray


@dataclass(frozen=True)
class Rows:
    """A table as it was read.

    Attributes:
        task: One of the four tasks.
        target: The target columns.
        frame: Features and target.
        test: The official test rows, or None.
    """

    task: str
    target: list[str]
    frame: pd.DataFrame
    test: pd.DataFrame | None = None

    @property
    def test_pair(self) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """The official test rows as the recipes take them: features and target."""
        return None if self.test is None else (self.test.drop(columns=self.target), self.test[self.target])

    @property
    def count(self) -> int:
        """The number of rows, official test rows included."""
        return len(self.frame) + (0 if self.test is None else len(self.test))

    def parts(self, positions: Mapping[str, Sequence[int]]) -> Parts:
        """Return the rows at these positions; test positions index the official test rows if there are any."""
        fitted = self.frame.iloc[[*positions["train"], *positions["validation"]]].reset_index(drop=True)
        tested = (self.frame if self.test is None else self.test).iloc[list(positions["test"])].reset_index(drop=True)
        x, x_test = (part.drop(columns=self.target) for part in (fitted, tested))
        return Parts(self.task, x, self._coded(fitted), len(positions["train"]), x_test, self._coded(tested))

    def _coded(self, part: pd.DataFrame) -> np.ndarray:
        if self.task == "regression":
            return part[self.target[0]].to_numpy(np.float64)
        if self.task == "multilabel":
            return part[self.target].to_numpy(np.int64)
        classes = np.unique(self.frame[self.target[0]].to_numpy())
        return np.searchsorted(classes, part[self.target[0]].to_numpy())

    def mark(self, positions: Mapping[str, Sequence[int]]) -> str:
        """Return a short hash of the rows, their values and their split."""
        digest = hashlib.sha256()
        for frame in (self.frame, self.test):
            if frame is not None:
                digest.update(frame.to_csv(index=False).encode())
        for part in ("train", "validation", "test"):
            digest.update(np.asarray(positions[part], np.int64).tobytes())
        return digest.hexdigest()[:16]


def available() -> list[str]:
    """Return the names of the tables that can be read, small ones first."""
    folder = os.environ.get("LOGITKIT_DATA")
    names = [name for name, source in TABLES.items() if folder and (Path(folder) / source.file).exists()]
    return sorted([*BUNDLED, *names], key=lambda name: len(load(name).frame))


def counts(name: str) -> bool:
    """Return whether a table has enough rows to count in the headline: errors of smaller ones are mostly chance."""
    return load(name).count >= _FEWEST_ROWS


def seeds_of(name: str) -> list[int]:
    """Return the seeds of a table: five where rows are few, otherwise three."""
    return list(range(5 if load(name).count < _FEW_ROWS else 3))


@cache
def load(name: str) -> Rows:
    """Read a table of `available`."""
    if name in BUNDLED:
        task, read, options = BUNDLED[name]
        bunch: Any = read(as_frame=True, **options)
        return Rows(task, ["target"], bunch.frame)
    source, folder = TABLES[name], Path(os.environ["LOGITKIT_DATA"])
    labels = isinstance(source.target, Path)
    target = (folder / source.target).read_text(encoding="utf-8").split() if labels else [str(source.target)]
    frame = pd.read_csv(folder / source.file).drop(columns=list(source.drop))
    return Rows(source.task, target, frame, pd.read_csv(folder / source.test) if source.test else None)
