"""Records of JSON, one per row, checked against the columns of a run, and what is answered."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.libraries import library
from toolkit.data.columns import CLOCK, Column
from toolkit.data.inputs import RowEncoder
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.read import read
from toolkit.evaluation.predictor import Predictor
from toolkit.runs.answers import answer_columns
from toolkit.runs.predicting import finite

__all__ = ["MOST_ROWS", "Records"]

MOST_ROWS = 10_000
_LONGEST_TEXT = 10_000
_LEVELS = 50  # that the schema names


class Records:
    """The rows that a run takes and the answers that it gives, as JSON.

    Args:
        result: What predicts.

    Raises:
        DataError: It takes images, or a library is not installed.

    Attributes:
        columns: The columns that a record needs.
    """

    def __init__(self, result: Predictor) -> None:
        if not isinstance(result.preprocessing, Preprocessing):
            raise DataError("only runs on tables are served, and this one takes images: use recipes predict.")
        self._result, self._preprocessing = result, result.preprocessing
        self.columns = self._preprocessing.columns
        pydantic = library("pydantic", "serve")
        # Names of columns may be any text: the fields are numbered, and known by their aliases.
        fields: dict[str, Any] = {
            f"field_{index}": (_type_of(column) | None, pydantic.Field(alias=column.name, json_schema_extra=about))
            for index, (column, about) in enumerate(zip(self.columns, map(self._about, self.columns), strict=True))
        }
        self._model = pydantic.create_model("Record", __config__={"allow_inf_nan": False}, **fields)
        self._remembered = lru_cache(1_000)(self._cell)
        several = Annotated[list[self._model], pydantic.Field(min_length=1, max_length=MOST_ROWS)]
        self._one, self._several = pydantic.TypeAdapter(self._model), pydantic.TypeAdapter(several)

    def _about(self, column: Column) -> dict[str, Any]:
        """Return what the schema says about a column beside its type."""
        about: dict[str, Any] = {"kind": column.kind}
        if levels := self.levels(column):
            about |= {"examples": levels}
        if column.kind == "date":
            about |= {"description": f"A date, written as {column.format or 'ISO8601'}."}
        return about

    def levels(self, column: Column) -> list[str]:
        """Return the first levels of a category that was learned; none of other columns."""
        preprocessing = self._preprocessing.by_column[self.columns.index(column)]
        return [str(level) for level in getattr(preprocessing, "levels", ())[:_LEVELS]]

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a record."""
        return self._model.model_json_schema(by_alias=True)

    def answer_schema(self) -> dict[str, Any]:
        """Return the JSON schema of what is answered for a row."""
        names = {float: "number", int: "integer", bool: "boolean", str: "string"}
        # The first row: what Keras compiles for one is compiled now.
        (answer,) = self.answers(np.zeros((1, self._preprocessing.width), np.float32))
        types = {name: {"type": names[type(value)]} for name, value in answer.items()}
        return {"title": "Answer", "type": "object", "properties": types, "required": list(types)}

    def from_json(self, body: bytes) -> tuple[NDArray[np.float32], list[str]]:
        """Return the inputs of a JSON text, which holds one record or a list of them, and what was not understood.

        Raises:
            pydantic.ValidationError: A field is missing or of another type; it names the field.
            DataError: A column holds cells of another kind than in training.
        """
        if body.lstrip()[:1] != b"[":
            return self._row(self._one.validate_json(body).__dict__.values())
        rows = [record.__dict__.values() for record in self._several.validate_json(body)]
        names = [column.name for column in self.columns]
        cells = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        return _encoded(self._preprocessing, pd.DataFrame(cells))

    def from_csv(self, body: bytes) -> tuple[NDArray[np.float32], list[str]]:
        """Return the inputs of a CSV text with a line of names, and what was lost, filled or not understood.

        Raises:
            DataError: It is no such text or holds too many rows; a column is missing, or holds cells of another kind.
        """
        try:
            text = io.StringIO(body.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DataError(f"the table is not UTF-8: byte {error.start} is no text.") from error
        names = self._preprocessing.source_columns
        table = read(text, self._result.target.form.reading, expected_names=names, further=True)
        if len(table.frame) > MOST_ROWS:
            raise DataError(f"the table has {len(table.frame):,} rows; at most {MOST_ROWS:,} are answered at once.")
        x, notes = _encoded(self._preprocessing, table.frame)
        return x, [*table.damage, *notes]

    def answers(self, x: NDArray[np.float32]) -> list[dict[str, Any]]:
        """Return the answers to inputs, one dictionary per row.

        Raises:
            DataError: The scores are not finite.
        """
        columns = answer_columns(self._result, finite(self._result.raw_scores(x)))
        cells = [_plain(values) for values in columns.values()]
        return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]

    def _row(self, cells: Iterable[Any]) -> tuple[NDArray[np.float32], list[str]]:
        """Return the inputs of one row; what its cells become is remembered: pandas takes a millisecond for each."""
        x, notes, start = np.zeros((1, self._preprocessing.width), np.float32), [], 0
        for index, cell in enumerate(cells):
            column, preprocessing = self.columns[index], self._preprocessing.by_column[index]
            inputs = x[:, start : start + preprocessing.width]
            if column.kind == "number" and column.format is None and not column.missing:
                preprocessing.encode(np.array([np.nan if cell is None else cell]), inputs)
            else:
                inputs[:], said = self._remembered(index, type(cell), cell)
                notes += said
            start += preprocessing.width
        return x, notes

    def _cell(self, index: int, kind: type, cell: Any) -> tuple[NDArray[np.float32], list[str]]:
        """Return the inputs of a cell; the type tells 1 from True where they are remembered."""
        column, learned = self.columns[index], self._preprocessing.by_column[index]
        alone = replace(self._preprocessing, columns=(column,), by_column=(learned,), source_columns=(column.name,))
        return _encoded(alone, pd.DataFrame({column.name: [cell]}))


def _encoded(preprocessing: Preprocessing, frame: pd.DataFrame) -> tuple[NDArray[np.float32], list[str]]:
    """Return the inputs of rows, and sentences on cells that were not understood."""
    encoder = RowEncoder(preprocessing, "the rows")
    return encoder.encode(frame), encoder.finish()


def _type_of(column: Column) -> Any:
    """Return the type of a column's cells in JSON."""
    pydantic = library("pydantic", "serve")
    limits: dict[str, Any] = {"max_length": _LONGEST_TEXT}
    if column.kind == "date" and column.format is None:  # of the years that pandas knows
        limits |= {"pattern": "^(1[7-9]|2[01])[0-9]{2}-", "json_schema_extra": {"format": "date"}}
    elif column.format == CLOCK:
        limits |= {"json_schema_extra": {"pattern": "^(|([01][0-9]|2[0-3]):[0-5][0-9])$"}}
    text = Annotated[str, pydantic.Field(**limits)]
    # Strictly: false is no number, and 1 is not true.
    strict: list[Any] = [Annotated[kind, pydantic.Strict()] for kind in (float, int, bool)]
    number, whole, boolean = strict
    if column.kind == "number":
        return text if column.format == CLOCK else number
    if column.kind == "boolean":
        return boolean
    return text if column.kind == "date" else text | whole | number | boolean


def _plain(values: Any) -> list[Any]:
    """Return values as JSON has them: numbers that are not finite are null."""
    cells = np.asarray(values).tolist()
    return [None if isinstance(cell, float) and not np.isfinite(cell) else cell for cell in cells]
