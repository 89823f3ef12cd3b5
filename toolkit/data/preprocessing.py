"""From canonical columns to the inputs of a network, and to the matrices of other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from toolkit.common.checks import check_choice, check_whole
from toolkit.common.errors import DataError, nearest
from toolkit.common.options import documented
from toolkit.common.rounding import rare_limit
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data import column_preprocessing
from toolkit.data.cells import is_number
from toolkit.data.column_preprocessing import (
    CategoryPreprocessing,
    ColumnPreprocessing,
    DatePreprocessing,
    NumberPreprocessing,
)
from toolkit.data.columns import CLOCK, Column
from toolkit.data.features import Features
from toolkit.data.level_means import LevelMeans

__all__ = ["SCALINGS", "Preprocessing", "most_levels_for"]

SCALINGS = ("standard", "smooth", "mean", "robust")

_FEW_LEVELS = 100
_MANY_ROWS = 1_000
_MOST_INPUTS = 1_000  # of all categories, where they have more levels than few
_MOST_CELLS = 50_000_000  # of the matrix of these inputs: 200 MB


@dataclass(frozen=True)
class Preprocessing:
    """How the columns of a table become a float32 matrix, learned from training rows only.

    - A number is scaled in float64. A missing one becomes the training median, and there is an input that marks missing
      cells if training rows had some. With pieces it has one input for each piece of the training rows too, which rises
      from -0.5 to 0.5 over the piece.
      Frequent values of a column of codes, such as numbers of regions, have an input of 0 or 1 each.
    - True and false are the numbers 1 and 0, scaled.
    - A category has an input of 0 or 1 for each level that is not rare, one for all rare levels, and one for missing
      cells, the last two only if training rows had them. A level never seen counts as rare. Where there is no such
      input, all inputs of the category are 0.
    - A date becomes year, month, day, weekday (Monday is 0) and hour, those that vary in training, and the days since
      the first month in training, each a number.
    - What a saved file would tell of a single person is not kept: medians and ends of pieces that few rows hold are
      rounded, rare levels are pooled.

    Attributes:
        columns: The columns, in order.
        source_columns: All feature columns of the user's table.
        scaling: How numbers are scaled, see `fit`.
        by_column: What was learned of each column.

    Example:
        >>> from toolkit.data.columns import Columns
        >>> frame = pd.DataFrame({"age": [20.0, 40.0, np.nan], "sex": ["f", "m", "f"]})
        >>> columns = (Column("age", "number"), Column("sex", "category"))
        >>> preprocessing = Preprocessing.fit(Columns(frame, columns, ("age", "sex")), rare=1)
        >>> preprocessing.names
        ['age', 'age is missing', 'sex = f', 'sex = m']
        >>> preprocessing.transform(frame).tolist()
        [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]
    """

    columns: tuple[Column, ...]
    source_columns: tuple[str, ...]
    scaling: str
    by_column: tuple[ColumnPreprocessing, ...]
    # What a builder, the settings and the baselines ask of any preprocessing; see `toolkit.data.images.preprocessing`.
    builder_options: ClassVar[dict[str, Any]] = {}
    correlated: ClassVar[bool] = False
    is_image: ClassVar[bool] = False
    most_rows: ClassVar[dict[str, int]] = {}

    @classmethod
    @documented
    def fit(
        cls,
        features: Features,
        *,
        scaling: Annotated[
            str,
            "How numbers are scaled. 'standard': minus the mean, divided by the standard deviation. 'mean': divided by "
            "maximum minus minimum instead (mean normalization). 'robust': minus the median, divided by the distance "
            "between the quartiles (the standard deviation where that is 0). 'smooth': 'robust', then outliers are "
            "pulled in by z / sqrt(1 + (z / 3)^2).",
            "columns",
        ] = "standard",
        pieces: Annotated[
            int,
            "Further inputs for each number, up to this many, each of which rises over one piece of its range "
            "(piecewise-linear encoding). Pieces hold equally many training rows; 0 is none.",
            "columns",
        ] = 0,
        rare: Annotated[
            int | None,
            "A category's level in fewer training rows than this is pooled with the other rare ones. By default 5 "
            "from 1,000 rows on, and 2 below. With 1, saved files name the levels of single rows.",
            "columns",
        ] = None,
        most_levels: Annotated[
            int | None,
            "Largest number of levels of a column with an input each; the less frequent ones are pooled. By default "
            "100, and from 1,000 rows on the largest of 1,000, 500 and 200 with which all categories together have at "
            "most 1,000 such levels, from 50,000 rows on fewer.",
            "columns",
        ] = None,
        codes: Annotated[
            str | Sequence[str] | None,
            "Columns of numbers that are codes: as many frequent values as a category has levels have an input each, "
            "beside the number. By default the columns of whole numbers whose single values tell clearly more of the "
            "target than 32 ranges of them, on rows left out.",
            "columns",
        ] = None,
    ) -> Preprocessing:
        """Learn the preprocessing from training rows.

        Args:
            features: The training rows.

        Raises:
            DataError: An unknown scaling, no rows, or codes that are no columns of numbers.
        """
        check_choice("scaling", scaling, SCALINGS)
        check_whole("pieces", pieces, least=0, optional=False)
        check_whole("most_levels", most_levels, least=1)
        if len(features) == 0:
            raise DataError("there are no training rows to learn the preprocessing from.")
        if rare is None:
            rare = rare_limit(len(features))
        check_whole("rare", rare, least=1)
        codes = _code_names(codes, features)
        if most_levels is None:
            most_levels = most_levels_for(features, rare, codes)
        options: dict[str, Any] = {"scaling": scaling, "pieces": pieces, "rare": rare, "most_levels": most_levels}
        by_column = [
            column_preprocessing.fit(
                column.kind, features.frame[column.name].to_numpy(), are_codes=column.name in codes, **options
            )
            for column in features.columns
        ]
        return cls(features.columns, features.source_columns, scaling, tuple(by_column))

    def pooled(self, features: Features, most_levels: int | None = None) -> list[str]:
        """Return a sentence for each category that has many levels, not all of which have an input of their own.

        Args:
            features: The training rows.
            most_levels: As in `fit`.
        """
        sentences = []
        for column, fitted in zip(self.columns, self.by_column, strict=True):
            few = len(getattr(fitted, "levels", ())) < min(most_levels or _FEW_LEVELS, _FEW_LEVELS)
            if not isinstance(fitted, CategoryPreprocessing) or not fitted.other or few:
                continue
            values = features.frame[column.name].dropna().astype(str)
            share = 1 - float(values.isin(fitted.levels).mean())
            sentences.append(
                f"'{column.name}' has {values.nunique():,} different values in training: the {len(fitted.levels):,} "
                f"most frequent have an input each, and the others ({100 * share:.2g} % of these rows) share one; "
                "most_levels= and rare= set other numbers."
            )
        return sentences

    @property
    def facts(self) -> dict[str, Any]:
        """What the settings show beside the options: the columns that are codes."""
        pairs = zip(self.columns, self.by_column, strict=True)
        return {"codes": [column.name for column, fitted in pairs if getattr(fitted, "codes", ())]}

    @property
    def width(self) -> int:
        """The number of inputs of a row."""
        return sum(preprocessor.width for preprocessor in self.by_column)

    @property
    def inputs(self) -> int:
        """What a builder is told of the inputs: their number."""
        return self.width

    @property
    def names(self) -> list[str]:
        """What each input stands for, such as `"age"`, `"age is missing"` or `"sex = male"`."""
        pairs = zip(self.columns, self.by_column, strict=True)
        return [name for column, preprocessor in pairs for name in preprocessor.names(column.name)]

    @property
    def spans(self) -> list[slice]:
        """Where the inputs of each column stand in a row."""
        ends = np.cumsum([preprocessor.width for preprocessor in self.by_column]).tolist()
        return [slice(start, end) for start, end in pairwise([0, *ends])]

    @property
    def is_piece(self) -> np.ndarray:
        """Which inputs are pieces of a number, shape (width,)."""
        counts = [(p.width, p.pieces if isinstance(p, NumberPreprocessing) else 0) for p in self.by_column]
        return np.concatenate([np.arange(width) >= width - pieces for width, pieces in counts])

    @property
    def is_mean(self) -> np.ndarray:
        """Which inputs are target statistics, shape (width,)."""
        mask = np.zeros(self.width, bool)
        for span, preprocessor in zip(self.spans, self.by_column, strict=True):
            if not isinstance(preprocessor, DatePreprocessing):
                mask[span][preprocessor.mean_inputs] = True
        return mask

    def with_level_means(
        self, features: Features, outputs: np.ndarray, folds: np.ndarray, names: Sequence[str]
    ) -> tuple[Preprocessing, np.ndarray]:
        """Return the same with target statistics of columns, and those inputs of the training rows themselves.

        A column whose frequent levels all have an input of their own gets none.

        Args:
            features: The training rows.
            outputs: What is predicted, shape (rows, outputs).
            folds: The fold of each row: its own inputs are learned from the rows of the other folds.
            names: The columns: categories, and numbers that are codes.

        Returns:
            The preprocessing, and float32 of shape (rows, inputs where `is_mean`).
        """
        by_column, own = list(self.by_column), [np.zeros((len(features), 0), np.float32)]
        for index, column in enumerate(self.columns):
            preprocessor = by_column[index]
            if column.name not in names or isinstance(preprocessor, DatePreprocessing):
                continue
            statistics = LevelMeans.fit(
                features.frame[column.name].to_numpy(), outputs, folds, rare_limit(len(features))
            )
            own_levels = preprocessor.codes if isinstance(preprocessor, NumberPreprocessing) else preprocessor.levels
            if statistics is not None and len(statistics[0].levels) > len(own_levels):
                by_column[index] = replace(preprocessor, means=statistics[0])
                own.append(statistics[1])
        return replace(self, by_column=tuple(by_column)), np.concatenate(own, axis=1)

    def encode(self, features: Features) -> np.ndarray:
        """Return the inputs of the network for rows of the dataset, float32 of shape (rows, width)."""
        return self.transform(features.frame)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the inputs of rows in canonical form, float32 of shape (rows, width), finite."""
        matrix = np.zeros((len(frame), self.width), dtype=np.float32)
        for column, preprocessor, span in zip(self.columns, self.by_column, self.spans, strict=True):
            preprocessor.encode(frame[column.name].to_numpy(), matrix[:, span])
        return matrix

    def from_numbers(self, values: Any) -> np.ndarray | None:
        """Return the matrix of an array of numbers in one step: a single row takes microseconds.

        Args:
            values: An array of numbers, shape (rows, columns), of the source columns in their order or of the usable
                columns in theirs.

        Returns:
            The same matrix as by `coerce` and `transform`; None where that way must be taken: the array holds other
            things than numbers, infinite ones or another number of columns, or a column is no number.
        """
        if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiu":
            return None
        learned = self._numbers
        if learned is None or values.shape[1] not in (len(self.source_columns), len(self.columns)):
            return None
        by_column, center, spread, fill, starts, flagged, chosen = learned
        values = values.astype(np.float64)
        if len(chosen) < values.shape[1]:
            values = values[:, chosen]
        absent = np.isnan(values)
        if np.isinf(values).any():
            return None
        scaled = column_preprocessing.scale(values, center, spread, fill, self.scaling == "smooth")
        if self.width == len(starts):
            return scaled.astype(np.float32)
        # Each column's inputs begin at `starts`: its value, whether it is missing, then its codes and its pieces.
        matrix = np.zeros((len(values), self.width), np.float32)
        matrix[:, starts] = scaled
        matrix[:, starts[flagged] + 1] = absent[:, flagged]
        for index, preprocessor in enumerate(by_column):
            if preprocessor.codes:
                preprocessor.mark_codes(values[:, index], matrix[:, starts[index] + 1 + preprocessor.missing :])
            if preprocessor.edges:
                end = starts[index] + preprocessor.width
                matrix[:, end - len(preprocessor.edges) + 1 : end] = preprocessor.rises(values[:, index])
        return matrix

    @cached_property
    def _numbers(self) -> tuple[Any, ...] | None:
        """What was learned of the columns, as arrays over the columns; None if not all of them are numbers."""
        words = [word for column in self.columns for word in column.missing]
        plain = all(column.kind == "number" and column.format != CLOCK for column in self.columns)
        if not plain or any(map(is_number, words)):
            return None
        by_column = [preprocessor for preprocessor in self.by_column if isinstance(preprocessor, NumberPreprocessing)]
        flagged = np.array([preprocessor.missing for preprocessor in by_column])
        starts = np.concatenate([[0], np.cumsum([preprocessor.width for preprocessor in by_column])[:-1]]).astype(int)
        chosen = np.array([self.source_columns.index(column.name) for column in self.columns])
        learned = (np.array([getattr(one, name) for one in by_column]) for name in ("center", "spread", "fill"))
        return (by_column, *learned, starts, flagged, chosen)

    def linear_matrix(self, features: Features) -> np.ndarray:
        """Return rows as a linear model takes them: the inputs without pieces and target statistics."""
        by_column = tuple(replace(e, edges=()) if isinstance(e, NumberPreprocessing) else e for e in self.by_column)
        by_column = tuple(replace(e, means=None) if getattr(e, "means", None) else e for e in by_column)
        return replace(self, by_column=by_column).encode(features)

    def tree_matrix(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Return rows as trees take them: unscaled numbers and category codes.

        Returns:
            float64 of shape (rows, columns), NaN for missing, where a category's levels are numbered in order (rare and
            unseen ones after the last) and a date has a column for each of its parts; and a boolean mask, shape
            (columns,), of the categories.
        """
        columns: list[np.ndarray] = []
        categories: list[bool] = []
        for column, preprocessor in zip(self.columns, self.by_column, strict=True):
            parts = preprocessor.tree_columns(features.frame[column.name].to_numpy())
            columns += parts
            categories += [column.kind == "category"] * len(parts)
        # Column by column in memory, and each dropped once it is copied: together they are as large as the matrix.
        matrix = np.empty((len(columns[0]), len(columns)), order="F")
        for number in reversed(range(len(columns))):
            matrix[:, number] = columns.pop()
        return matrix, np.array(categories, dtype=bool)

    def simplified(self, model: str) -> str:
        """Return in words what the `"linear"` model or the `"tree"` sees in place of the columns: nothing else."""
        return ""

    def unseen(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Return for each category of canonical rows the levels that have no input, sorted."""
        unseen = {}
        for column, preprocessor in zip(self.columns, self.by_column, strict=True):
            if isinstance(preprocessor, CategoryPreprocessing) and column.name in frame:
                levels = sorted(set(pd.unique(frame[column.name].dropna())) - set(preprocessor.levels))
                if levels:
                    unseen[column.name] = levels
        return unseen

    def to_dict(self) -> dict[str, Any]:
        """Return the preprocessing as a dict that strict JSON can hold, exactly."""
        return {
            "schema": SCHEMA,
            "scaling": self.scaling,
            "source_columns": list(self.source_columns),
            "columns": [
                column.to_dict() | {"encoding": preprocessor.to_dict()}
                for column, preprocessor in zip(self.columns, self.by_column, strict=True)
            ],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Preprocessing:
        """Return the preprocessing that `to_dict` described.

        Raises:
            DataError: The schema version is unknown, or the dict is not of this form.
        """
        check_schema(content, "preprocessing")
        try:
            columns = tuple(Column.from_dict(column) for column in content["columns"])
            by_column = tuple(column_preprocessing.from_dict(c["kind"], c["encoding"]) for c in content["columns"])
            return cls(columns, tuple(content["source_columns"]), content["scaling"], by_column)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"the preprocessing is damaged: {type(error).__name__} {error}.") from error


def _code_names(codes: str | Sequence[str] | None, features: Features) -> list[str]:
    """Return the columns that the user, or the data, says are codes."""
    names = [codes] if isinstance(codes, str) else list(codes or ())
    numbers = [column.name for column in features.columns if column.kind == "number"]
    for name in names:
        if name not in numbers:
            raise DataError(f"codes: '{name}' is no column of numbers that is used.{nearest(name, numbers)}")
    return names


def most_levels_for(features: Features, rare: int, codes: Sequence[str] = ()) -> int:
    """Return the default of the largest number of levels of a column: more than few where all columns have room."""
    if len(features) < _MANY_ROWS:
        return _FEW_LEVELS
    names = [column.name for column in features.columns if column.kind == "category" or column.name in codes]
    counts = [int((features.frame[name].value_counts() >= rare).sum()) for name in names]
    room = min(_MOST_INPUTS, _MOST_CELLS // len(features))
    fits = (most for most in (1_000, 500, 200) if sum(min(count, most) for count in counts) <= room)
    return next(fits, _FEW_LEVELS)
