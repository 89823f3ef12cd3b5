"""Dataset: what the user brought, read, checked, split once, and encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.freed_memory import release_freed
from toolkit.data.codes import code_columns, codes_note, many_levels, outputs_of
from toolkit.data.describe import describe, leaks_of, predictive_powers
from toolkit.data.encoded_windows import LARGEST_MATRIX, EncodedWindows, write_own_inputs
from toolkit.data.features import Features
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.images.stack import Images
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.row_weights import row_weights
from toolkit.data.target import Target
from toolkit.data.target_form import TargetForm

__all__ = ["Dataset", "SplitData"]

_MANY_ROWS = 100_000
_MOST_OUTPUTS, _FOLDS = 10, 5  # of target statistics


@dataclass(frozen=True)
class SplitData:
    """Rows that are read, checked and split into train, validation and test.

    Attributes:
        name: The file's name, `"DataFrame"`, `"arrays"` or `"images"`.
        task: `"regression"`, `"binary"`, `"multiclass"` or `"multilabel"`.
        features: The inputs of all rows in canonical form: `Columns` or `Images`.
        target_frame: The target columns in the user's dtype, nothing missing, shape (rows, targets).
        parts: `"train"`, `"validation"` and `"test"`, each as sorted row positions, int64.
        folds: The fold of each row outside the test part, from 0, for networks that each leave out one; -1 in the test
            part. None where the user chose the validation rows, or they are the newest, or few.
        split_reason: Sentences: sizes and why, how it is stratified, repeated rows, groups or time.
        set_aside: The columns not used, each with its reason.
        notes: Everything else that was done to the data, one sentence each.
        source_rows: The row number of each row in the user's file, from 1, the header not counted; rows of a separate
            test or validation table carry their own table's numbers.
        sample_weight: float64 of shape (rows,), or None.
        units: The unit of each row, int64 of shape (rows,), from 0: rows with equal cells, or equal images, and rows
            of one group have equal numbers.
        unit: What a unit is called: "row", or "group" where the split goes by groups.
        positive: For binary the positive class, chosen by the rows that are no separate test or validation table.
        target_form: How the target stood in the user's table.
        stream: For a table that is read anew in each epoch: all its training rows, of which the rows here are a sample
            (`toolkit.data.streaming.stream`). None where all rows are here.
    """

    name: str
    task: str
    features: Features
    target_frame: pd.DataFrame
    parts: dict[str, np.ndarray]
    folds: np.ndarray | None
    split_reason: str
    set_aside: dict[str, str]
    notes: list[str]
    source_rows: np.ndarray
    sample_weight: np.ndarray | None
    units: np.ndarray
    unit: str = field(default="row", kw_only=True)
    positive: Any = field(default=None, kw_only=True)
    target_form: TargetForm | None = field(default=None, kw_only=True)
    stream: Any = field(default=None, kw_only=True)

    @property
    def rows(self) -> int:
        """The number of rows, over all parts."""
        return len(self.features)

    @property
    def part_sizes(self) -> dict[str, int]:
        """The number of rows of each part, of the whole table where the rows here are a sample."""
        if self.stream is not None:
            return self.stream.part_sizes
        return {part: len(rows) for part, rows in self.parts.items()}

    @property
    def source_columns(self) -> tuple[str, ...]:
        """All feature columns as the user gave them, those set aside included."""
        return self.features.source_columns

    def describe(self, *, in_folds: bool = False) -> dict[str, Any]:
        """Return the distribution of every column and target (see `toolkit.data.describe.describe`).

        Args:
            in_folds: Whether training and validation rows are one part, since each network leaves out a fold of them.
        """
        return self._description_in_folds if in_folds else self._description

    def leaks(self) -> list[str]:
        """Return the columns that predict the target almost perfectly without any other."""
        return leaks_of(self._powers[0], self.features.columns)

    def unmeasured(self) -> list[str]:
        """Return sentences about the rows and columns whose predictive power was not measured."""
        return self._powers[1]

    @cached_property
    def _powers(self) -> tuple[dict[str, float], list[str]]:
        features = self.features
        return predictive_powers(features.frame, features.columns, self.target_frame, self.task, self.parts["train"])

    @cached_property
    def _description(self) -> dict[str, Any]:
        return self._described(self.parts)

    @cached_property
    def _description_in_folds(self) -> dict[str, Any]:
        learned = np.sort(np.concatenate([self.parts["train"], self.parts["validation"]]))
        return self._described({"train": learned, "test": self.parts["test"]})

    def _described(self, parts: dict[str, np.ndarray]) -> dict[str, Any]:
        frame, columns = self.features.frame, self.features.columns
        return describe(frame, columns, self.target_frame, self.task, parts, self.set_aside, self._powers)

    def preprocess(
        self,
        *,
        networks: int = 1,
        preprocessing: Mapping[str, Any] | None = None,
        target: Mapping[str, Any] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
    ) -> Dataset:
        """Learn the preprocessing of features and the encoding of the target from the training rows.

        Args:
            networks: How many networks are trained. Several each leave out one fold of the rows outside the test part,
                where there are folds.
            preprocessing: Options of `toolkit.data.preprocessing.Preprocessing.fit`; images have none.
            target: Options of `toolkit.data.target.Target.fit`.
            class_weight: See `toolkit.data.row_weights.row_weights`.

        Raises:
            DataError: An option has a value that can't be used.

        Example:
            >>> from toolkit.data.prepare import prepare
            >>> frame = pd.DataFrame({"size": np.arange(40.0), "price": np.arange(40) ** 2})
            >>> dataset = prepare(frame, "price", task="regression", keep="size").preprocess()
            >>> dataset.x("train").shape, dataset.y("test").shape, dataset.weights("train")
            ((24, 1), (8, 1), None)
        """
        folds = self.folds if networks > 1 else None
        used = self.parts if folds is None else _parts_of_folds(folds, networks, self.parts["test"])
        train = self.features.take(used["train"])
        coded = Target.fit(
            self.target_frame,
            used["train"],
            self.task,
            self.source_rows,
            self.positive,
            self.target_form,
            **target or {},
        )
        options, notes = dict(preprocessing or {}), self.notes
        outputs = np.zeros((0, 0))
        if not isinstance(self.features, Images):
            outputs = outputs_of(coded.encode(self.target_frame.iloc[used["train"]]))
        found = options.get("codes") is None and len(outputs) > 0
        if found:
            options["codes"] = code_columns(train, outputs)
        fitted, own_inputs = fit_preprocessing(train, **options), None
        if found and fitted.facts["codes"]:  # those with values in enough rows
            notes = [*notes, codes_note(fitted.facts["codes"])]
        if self.stream is None and isinstance(fitted, Preprocessing):
            fitted, own_inputs = self._with_level_means(fitted, train, outputs, used["train"], folds)
        weights = row_weights(self.target_frame, coded, self.parts, self.sample_weight, class_weight=class_weight)
        entries: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(SplitData)}
        entries["folds"] = folds
        if self.stream is not None:
            rows, counted = self.stream.fitted(fitted, coded, options, class_weight)
            fitted, coded = rows.preprocessing, rows.target
            entries |= {"stream": rows, "notes": [*notes, *counted]}
        elif isinstance(fitted, Preprocessing):
            entries["notes"] = [*notes, *fitted.pooled(train, options.get("most_levels"))]
        if self.rows >= _MANY_ROWS:
            del train
            release_freed()
        return Dataset(
            **entries, preprocessing=fitted, target=coded, row_weights=weights, fit_parts=used, own_inputs=own_inputs
        )

    def _with_level_means(
        self,
        fitted: Preprocessing,
        train: Features,
        outputs: np.ndarray,
        rows: np.ndarray,
        folds: np.ndarray | None,
    ) -> tuple[Preprocessing, np.ndarray | None]:
        """Return preprocessing with the target statistics of columns of many levels, and those inputs of its own rows.

        Args:
            fitted: The preprocessing.
            train: The training rows.
            outputs: What is predicted of them, shape (training rows, outputs).
            rows: Their positions.
            folds: The fold of each row of the dataset that a network leaves out, or None: then rows are dealt into
                five, and equal rows together.
        """
        names = [*fitted.facts["codes"], *many_levels(train, outputs)]
        if not names or outputs.shape[1] > _MOST_OUTPUTS:
            return fitted, None
        if folds is None:
            units = self.units[rows]
            dealt = np.random.default_rng(0).permutation(int(units.max()) + 1) % _FOLDS
            own_folds = dealt[units]
        else:
            own_folds = folds[rows]
        fitted, inputs = fitted.with_level_means(train, outputs, own_folds, names)
        own_inputs = np.full((self.rows, inputs.shape[1]), np.nan, np.float32)
        own_inputs[rows] = inputs
        return fitted, own_inputs if inputs.size else None


@dataclass(frozen=True)
class Dataset(SplitData):
    """Split data with what was learned from the training rows.

    Attributes:
        folds: As in `SplitData`; None where one network is trained.
        preprocessing: What turns features into the inputs of the network.
        target: What turns labels into what the loss takes, and decisions back into labels.
        row_weights: The weight of each row, shape (rows,), with a mean of 1 over the training rows; None where all
            count the same.
        fit_parts: `parts`, as training uses them. Where each network leaves out a fold, "train" holds all rows
            outside the test part, and "validation" those of them that some network leaves out.
        own_inputs: The target statistics of the training rows, learned without each row's fold, shape (rows, inputs
            where ``preprocessing.is_mean``), NaN for other rows; None where there are none.
    """

    preprocessing: Preprocessing | ImagePreprocessing
    target: Target
    row_weights: np.ndarray | None
    fit_parts: dict[str, np.ndarray]
    own_inputs: np.ndarray | None = None

    def inputs_of(self, rows: np.ndarray) -> Any:
        """Return the inputs of rows at some positions: an array, or `Pictures`."""
        x = self.preprocessing.encode(self.features.take(rows))
        if self.own_inputs is not None and isinstance(self.preprocessing, Preprocessing):
            write_own_inputs(x, self.own_inputs[rows], self.preprocessing)
        return x

    def x(self, part: str) -> Any:
        """Return the inputs of a part of `fit_parts`, encoded anew at each call: an array, or `Pictures`."""
        return self.inputs_of(self.fit_parts[part])

    def training_rows(self, *, in_windows: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Any]:
        """Return x, y, and weights or None of the training rows, and None; or of a sample of them, and a stream of all.

        Args:
            in_windows: Whether the rows may come in `windows`.
        """
        windows = self.windows() if in_windows else None
        if windows is not None:
            return *windows.sample(), windows
        return self.x("train"), self.y("train"), self.weights("train"), self.stream

    def windows(self, largest: int = LARGEST_MATRIX) -> EncodedWindows | None:
        """Return the training rows in windows that are encoded one after another, where their matrix would be large.

        None where it has at most `largest` bytes, or where each network leaves out a fold: then `x` encodes all rows.
        """
        positions, fitted = self.fit_parts["train"], self.preprocessing
        if self.stream is not None or self.folds is not None or not isinstance(fitted, Preprocessing):
            return None
        if 4 * fitted.width * len(positions) <= largest:
            return None
        own_inputs = None if self.own_inputs is None else self.own_inputs[positions]
        return EncodedWindows(
            self.features, positions, self.y("train"), self.weights("train"), fitted, own_inputs=own_inputs
        )

    def y(self, part: str) -> np.ndarray:
        """Return what the network learns to give for the rows of a part of `fit_parts`."""
        return self.target.encode(self.target_frame.iloc[self.fit_parts[part]])

    def weights(self, part: str) -> np.ndarray | None:
        """Return the weights of the rows of a part of `fit_parts`, or None."""
        return None if self.row_weights is None else self.row_weights[self.fit_parts[part]]

    def folds_of(self, part: str) -> np.ndarray | None:
        """Return the folds of the rows of a part of `fit_parts`, or None where one network is trained."""
        return None if self.folds is None else self.folds[self.fit_parts[part]]


def fit_preprocessing(features: Features, **options: Any) -> Preprocessing | ImagePreprocessing:
    """Return preprocessing fitted on the features of training rows."""
    return ImagePreprocessing.fit(features) if isinstance(features, Images) else Preprocessing.fit(features, **options)


def _parts_of_folds(folds: np.ndarray, networks: int, test: np.ndarray) -> dict[str, np.ndarray]:
    dealt = np.flatnonzero(folds >= 0)
    return {"train": dealt, "validation": dealt[folds[dealt] < networks], "test": test}
