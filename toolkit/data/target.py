"""Target: what a network learns for the user's labels or numbers, and how its decisions become those again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.checks import check_choice
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing, rows_text
from toolkit.common.options import documented
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data.labels import index_of, labels_of, positive_class
from toolkit.data.target_checks import TASKS
from toolkit.data.target_form import TargetForm

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """How the user's target becomes what the network learns, and how its decisions become the user's labels again.

    Args:
        task: One of `toolkit.data.target.TASKS`.
        columns: The names of the target columns.
        dtypes: The dtype of each target column, as text.
        classes: The user's labels in order, for binary (the second is the positive one) and multiclass; for multilabel
            and regression empty.
        center: What is subtracted from each regression target, float64 of shape (targets,).
        scale: What it is divided by: the standard deviation in training; ones for classification, shape (units,).
        log_target: Regression targets are logarithms before that.
        form: How the target stood in the user's table.

    Example:
        >>> target = Target.fit(pd.DataFrame({"y": ["no", "yes", "no"]}), np.array([0, 1]), "binary")
        >>> target.classes, target.encode(pd.DataFrame({"y": ["yes", "no"]})).tolist()
        (['no', 'yes'], [[1.0], [0.0]])
        >>> target.decode(np.array([1, 0])).tolist()
        ['yes', 'no']
    """

    task: str
    columns: list[str]
    dtypes: list[str]
    classes: list[Any]
    center: np.ndarray
    scale: np.ndarray
    log_target: bool = False
    form: TargetForm = field(default_factory=TargetForm)

    @classmethod
    @documented
    def fit(
        cls,
        target: pd.DataFrame,
        train: np.ndarray,
        task: str,
        rows: np.ndarray | None = None,
        positive: Any = None,
        form: TargetForm | None = None,
        *,
        log_target: Annotated[
            bool, "Learn the natural logarithm of the targets, which must all be above 0.", "regression"
        ] = False,
    ) -> Target:
        """Learn the classes from all rows, and mean and standard deviation from the training rows.

        Args:
            target: The target columns of all rows, checked, nothing missing.
            train: Positions of the training rows.
            task: One of the four tasks.
            rows: The number by which each row is named in messages; by default its position, from 1.
            positive: For binary the positive class; None for the one that `toolkit.data.labels.positive_class` finds.
            form: How the target stood in the user's table; by default as it stands here.

        Returns:
            The target.

        Raises:
            DataError: `log_target` with a value of 0 or below (the rows are named), or with classes.
        """
        check_choice("task", task, TASKS)
        form = form or TargetForm(tuple(str(column) for column in target.columns))
        names = [str(column) for column in target.columns]
        dtypes = [_dtype_text(target[column]) for column in target.columns]
        if task != "regression":
            if log_target:
                raise DataError(f"log_target is for regression; {task} predicts classes.")
            classes = labels_of(target.iloc[:, 0]) if task in ("binary", "multiclass") else []
            if task == "binary" and len(classes) == 2:
                label, _ = positive_class(target.iloc[:, 0], positive)
                classes.sort(key=lambda known: known == label)
            units = {"binary": 1, "multiclass": len(classes), "multilabel": len(names)}[task]
            return cls(task, names, dtypes, classes, np.zeros(units), np.ones(units), form=form)
        values = _numbers(target, names, log_target, rows)[train]
        with np.errstate(over="ignore"):
            scale = values.std(axis=0)
        if not np.isfinite(scale).all():
            raise DataError("the target's numbers are too large to work with: divide them, or take log_target=True.")
        # Where the training rows are all equal there is nothing to divide by.
        scale = np.where((scale > 0) & (values.min(axis=0) < values.max(axis=0)), scale, 1.0)
        return cls(task, names, dtypes, [], values.mean(axis=0), scale, log_target, form)

    def with_classes(self, classes: Sequence[Any]) -> Target:
        """Return the target of a multiclass task with all classes, in order, some of which the rows lack.

        Example:
            >>> target = Target.fit(pd.DataFrame({"y": ["a", "c", "a"]}), np.array([0, 1]), "multiclass")
            >>> target.with_classes(["a", "b", "c"]).units
            3
        """
        return replace(self, classes=list(classes), center=np.zeros(len(classes)), scale=np.ones(len(classes)))

    @property
    def units(self) -> int:
        """The number of outputs a network needs: targets, 1 for binary, classes, or labels."""
        return len(self.scale)

    def encode(self, target: pd.DataFrame, *, rows: np.ndarray | None = None) -> np.ndarray:
        """Return what the network learns.

        Args:
            target: Target columns, nothing missing, in the order of `columns`, shape (rows, targets).
            rows: The number by which each row is named in messages; by default its position, from 1.

        Returns:
            Regression: float32 of shape (rows, targets), standardized. Binary: float32 of shape (rows, 1), 0 or 1.
            Multiclass: int32 of shape (rows,). Multilabel: float32 of shape (rows, labels), 0 or 1.

        Raises:
            DataError: A label is unknown (its row is named), or a value is too large or has no logarithm.
        """
        if target.shape[1] != len(self.columns):
            raise DataError(f"there are {target.shape[1]} target columns; expected {listing(self.columns)}.")
        if self.task == "regression":
            values = _numbers(target, self.columns, self.log_target, rows)
            with np.errstate(over="ignore"):
                scaled = ((values - self.center) / self.scale).astype(np.float32)
            bad = np.flatnonzero(~np.isfinite(scaled).all(axis=1))
            if len(bad):
                raise DataError(
                    f"the target's number is too large beside those of the training ({rows_text(_named(bad, rows))})."
                )
            return scaled
        if self.task == "multilabel":
            matrix = _matrix(target)
            bad = np.flatnonzero(~np.isin(matrix, (0.0, 1.0)).all(axis=1))
            if len(bad):
                raise DataError(f"labels must be 0 or 1 ({rows_text(_named(bad, rows))}).")
            return matrix.astype(np.float32)
        codes = self._codes(target.iloc[:, 0], rows)
        return codes.astype(np.float32)[:, None] if self.task == "binary" else codes.astype(np.int32)

    def _codes(self, series: pd.Series, rows: np.ndarray | None) -> np.ndarray:
        # Each distinct label is looked up once; the last entry is for missing labels, whose factor is -1.
        factors, distinct = pd.factorize(series)
        ids = list(map(index_of(self.classes), distinct))
        codes = np.array([-1 if index is None else index for index in [*ids, None]])[factors]
        bad = np.flatnonzero(codes < 0)
        if len(bad):
            value = series.iloc[int(bad[0])]
            label = value.item() if isinstance(value, np.generic) else value
            raise DataError(
                f"target '{self.columns[0]}' holds {label!r} in row {_named(bad[:1], rows)[0]}, not one of the "
                f"classes ({listing([repr(label) for label in self.classes])}).{nearest(label, self.classes)}"
            )
        return codes

    def decode(self, decisions: np.ndarray) -> np.ndarray:
        """Return decisions in the user's own terms.

        Args:
            decisions: Regression: the network's outputs, shape (rows, targets) or (rows,) for one target; or several
                numbers for a single target, shape (rows, numbers). Binary: 0 or
                1, shape (rows,) or (rows, 1). Multiclass: class numbers, shape (rows,). Multilabel: 0 or 1, shape
                (rows, labels).

        Returns:
            Regression: float64 in the target's unit, shape (rows,) for one number, else as they came. Binary and
            multiclass: the user's labels, shape (rows,), in the user's dtype (text as objects). Multilabel: shape
            (rows, labels) in the user's dtype (int64 where the labels' dtypes differ).
        """
        decisions = np.asarray(decisions)
        if self.task == "regression":
            # (rows,) -> (rows, 1); several numbers for one target share its scale: (rows, numbers) * (1,).
            numbers = decisions.astype(np.float64)
            values = (numbers[:, None] if numbers.ndim == 1 else numbers) * self.scale + self.center
            if self.log_target:
                with np.errstate(over="ignore"):
                    values = np.exp(values)
            return values[:, 0] if values.shape[1] == 1 else values
        if self.task == "multilabel":
            dtype = np.dtype(self.dtypes[0] if len(set(self.dtypes)) == 1 else "int64")
            return decisions.astype(np.int64).astype(dtype)
        dtype = np.dtype(self.dtypes[0])
        labels = np.empty(len(self.classes), dtype=dtype)
        labels[:] = self.classes
        return labels[decisions.reshape(-1).astype(np.int64)]

    def in_user_terms(self, values: np.ndarray) -> np.ndarray:
        """Return the truth or the predictions of an outcome as the user writes them: numbers already are.

        Args:
            values: Regression: in the target's unit, shape (rows, targets). Otherwise as for `decode`.
        """
        if self.task != "regression":
            return self.decode(values)
        return values[:, 0] if values.shape[1] == 1 else values

    def to_dict(self) -> dict[str, Any]:
        """Return the target as a dict that strict JSON can hold, exactly."""
        return {
            "schema": SCHEMA,
            "task": self.task,
            "columns": list(self.columns),
            "dtypes": list(self.dtypes),
            "classes": list(self.classes),
            "centre": self.center.tolist(),
            "scale": self.scale.tolist(),
            "log_target": self.log_target,
            "form": self.form.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Target:
        """Return the target that `to_dict` described.

        Raises:
            DataError: The schema version is unknown, or the dict is not of this form.
        """
        check_schema(content, "target")
        try:
            return cls(
                content["task"],
                list(content["columns"]),
                list(content["dtypes"]),
                list(content["classes"]),
                np.array(content["centre"], dtype=np.float64),
                np.array(content["scale"], dtype=np.float64),
                content["log_target"],
                # Files of version 0.1.0 have no form: the columns were named as the table names them.
                TargetForm.from_dict(content.get("form", {"columns": content["columns"]})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the target's encoding is damaged: {type(error).__name__} {error}.") from error


def _dtype_text(series: pd.Series) -> str:
    """Return the numpy dtype that gives the labels back: text and mixed labels are objects."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = series.cat.categories.dtype
    if isinstance(dtype, np.dtype):
        return dtype.name if dtype.kind in "biuf" else "object"
    if pd.api.types.is_bool_dtype(dtype):
        return "bool"
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    return numpy_dtype.name if isinstance(numpy_dtype, np.dtype) and numpy_dtype.kind in "biuf" else "object"


def _named(positions: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    return positions + 1 if rows is None else np.asarray(rows)[positions]


def _matrix(target: pd.DataFrame) -> np.ndarray:
    """Return the columns as float64, shape (rows, targets)."""
    return np.column_stack([target.iloc[:, index].to_numpy(dtype=np.float64) for index in range(target.shape[1])])


def _numbers(target: pd.DataFrame, names: Sequence[str], log_target: bool, rows: np.ndarray | None) -> np.ndarray:
    values = _matrix(target)
    if not log_target:
        return values
    for index, name in enumerate(names):
        bad = np.flatnonzero(~(values[:, index] > 0))
        if len(bad):
            raise DataError(
                f"log_target needs a target above 0, but '{name}' is {values[bad[0], index]:g} "
                f"({rows_text(_named(bad, rows))})."
            )
    return np.log(values)
