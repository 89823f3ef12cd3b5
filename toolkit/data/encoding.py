"""From canonical columns to a float32 matrix and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.options import documented
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data.columns import Column, assemble
from toolkit.data.features import Features

__all__ = ["SCALINGS", "Encoder"]

SCALINGS = ("standard", "smooth", "mean", "robust")
OTHER = "(other)"

_MOST_LEVELS = 100
# Further out than so many standard deviations nothing is told apart.
_BEND = 3.0
_STRAIGHT = 1 - 2.0**-24
# Fewer would say no more of a column than its one slot does.
_FEWEST_EDGES = 4
_LARGEST = float(np.finfo(np.float32).max)
_EPOCH = np.datetime64("1970-01-01T00:00:00", "ns")


# ---------------------------------------------------------------------------------------------- one column's encoding


def _edges(known: np.ndarray, pieces: int) -> list[float]:
    """Return the ends of pieces with equally many training rows.

    Rows of one value count for no more than a piece: where nine in ten are 0, the pieces part the others.
    """
    values, rows = np.unique(known, return_counts=True)
    if len(values) <= pieces + 1:
        return values.tolist()
    weight = rows.astype(np.float64)
    for _ in range(20):  # what is taken off a frequent value makes a piece smaller
        weight = np.minimum(weight, weight.sum() / pieces)
    middle = np.cumsum(weight) - weight / 2
    ends = np.linspace(middle[0], middle[-1], pieces + 1)
    return values[np.unique(np.searchsorted(middle, ends))].tolist()


@dataclass(frozen=True)
class _Number:
    """A number: `(value - centre) / spread`, `fill` where missing, and a slot for missing if training rows were.

    Where `bent`, scaled values are drawn into -3 to 3, the middle hardly at all. Each piece between two `edges` is a
    slot that rises from -0.5 to 0.5 there.
    """

    centre: float
    spread: float
    fill: float
    missing: bool
    bent: bool = False
    edges: tuple[float, ...] = ()

    @classmethod
    def fit(cls, values: np.ndarray, scaling: str, pieces: int = 0) -> _Number:
        known = values[~np.isnan(values)]
        missing = len(known) < len(values)
        if len(known) == 0:
            return cls(0.0, 1.0, 0.0, missing)
        low, high = float(known.min()), float(known.max())
        quarter, median, three = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
        if low == high:
            return cls(low, 1.0, median, missing)
        # Sums of squares overflow beyond 1e154, so large numbers are made small first.
        unit = max(abs(low), abs(high), 1.0)
        unit = unit if unit > 1e100 else 1.0
        mean, deviation = float((known / unit).mean() * unit), float((known / unit).std() * unit)
        cut = _edges(known, pieces) if pieces else []
        edges = tuple(cut) if len(cut) >= _FEWEST_EDGES and cut[-1] - cut[0] < _LARGEST else ()
        if scaling == "mean":
            spread = high / 2 - low / 2
            return cls(mean, 2 * spread if spread < 8e307 else spread, median, missing, False, edges)
        if scaling in ("robust", "smooth"):
            # Half the rows or more may be equal; the standard deviation then stands in.
            spread = three - quarter if three > quarter else deviation or 1.0
            return cls(median, spread, median, missing, scaling == "smooth", edges)
        return cls(mean, deviation or 1.0, median, missing, False, edges)

    @property
    def width(self) -> int:
        return 1 + self.missing + max(0, len(self.edges) - 1)

    def rises(self, values: np.ndarray) -> np.ndarray:
        """How far each value has come in each piece, shape (rows, pieces)."""
        edges = np.asarray(self.edges)
        filled = np.where(np.isnan(values), self.fill, values)[:, None]
        with np.errstate(over="ignore"):
            return np.clip((filled - edges[:-1]) / np.diff(edges), 0, 1) - 0.5

    def scale(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            scaled = (np.where(np.isnan(values), self.fill, values) - self.centre) / self.spread
            if self.bent:
                scaled = np.where(np.isinf(scaled), np.sign(scaled) * _BEND, scaled / np.hypot(1, scaled / _BEND))
        return np.clip(scaled, -_LARGEST, _LARGEST)

    def unscale(self, scaled: np.ndarray) -> np.ndarray:
        scaled = scaled.astype(np.float64)
        if self.bent:
            share = np.clip(scaled / _BEND, -_STRAIGHT, _STRAIGHT)
            scaled = _BEND * share / np.sqrt((1 - share) * (1 + share))
        return scaled * self.spread + self.centre


@dataclass(frozen=True)
class _Category:
    """A category: a slot a level, then one for rare and unseen levels and one for missing, where training had such."""

    levels: tuple[str, ...]
    other: bool
    missing: bool

    @classmethod
    def fit(cls, values: np.ndarray, rare: int, most: int) -> _Category:
        missing = np.asarray(pd.isna(values))
        levels, counts = np.unique(values[~missing].astype(str), return_counts=True)
        order = np.lexsort((levels, -counts))
        chosen = [str(levels[place]) for place in order[:most] if counts[place] >= rare]
        return cls(tuple(sorted(chosen)), len(chosen) < len(levels), bool(missing.any()))

    @property
    def width(self) -> int:
        return len(self.levels) + self.other + self.missing

    def slots(self, values: np.ndarray) -> np.ndarray:
        """Return the slot of each row, -1 for none."""
        missing = np.asarray(pd.isna(values))
        slots = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(values, dtype=object))
        slots[(slots < 0) & ~missing] = len(self.levels) if self.other else -1
        slots[missing] = len(self.levels) + self.other if self.missing else -1
        return slots


@dataclass(frozen=True)
class _Date:
    """A date: those of its parts that vary in training, then the days since the first training date, each a number."""

    origin: int  # nanoseconds since 1970
    parts: tuple[str, ...]
    numbers: tuple[_Number, ...]
    clock: bool  # training dates have a time of day

    @classmethod
    def fit(cls, values: np.ndarray, scaling: str) -> _Date:
        known = values[~np.isnat(values)]
        origin = int((known.min() - _EPOCH).astype(np.int64)) if len(known) else 0
        parts = cls._parts(values, origin)
        varying = [name for name in parts if name == "days" or len(np.unique(parts[name][~np.isnat(values)])) > 1]
        numbers = tuple(_Number.fit(parts[name], scaling) for name in varying)
        clock = bool((known.astype("datetime64[D]") != known).any())
        return cls(origin, tuple(varying), numbers, clock)

    @staticmethod
    def _parts(values: np.ndarray, origin: int) -> dict[str, np.ndarray]:
        index = pd.DatetimeIndex(values)
        parts = {
            name: np.asarray(field, dtype=np.float64)
            for name, field in (
                ("year", index.year),
                ("month", index.month),
                ("day", index.day),
                ("weekday", index.day_of_week),
                ("hour", index.hour),
            )
        }
        days = ((values - _EPOCH).astype(np.int64).astype(np.float64) - float(origin)) / 86_400e9
        days[np.isnat(values)] = np.nan
        return {**parts, "days": days}

    def chosen(self, values: np.ndarray) -> list[np.ndarray]:
        parts = self._parts(values, self.origin)
        return [parts[name] for name in self.parts]


_Spec = _Number | _Category | _Date


def _width(spec: _Spec) -> int:
    if isinstance(spec, _Category | _Number):
        return spec.width
    return len(spec.numbers) + spec.numbers[0].missing


# ---------------------------------------------------------------------------------------------------------- features


@dataclass(frozen=True)
class Encoder:
    """How the columns of a table become a float32 matrix, learned from training rows alone.

    - A number is scaled in float64. Where it is missing stands the training median, and a further slot says so if the
      training rows had missing cells.
      Where asked, it has a slot for each piece of the training rows too, which rises from -0.5 to 0.5 there.
    - True and false are the numbers 1 and 0, scaled.
    - A category has a slot of 0 or 1 for each level that is not rare, one for the rare ones together, and one for
      missing cells, the last two only if training rows had them. A level never seen goes where the rare ones are; where
      there is no such slot, and likewise for missing cells, all slots are 0.
    - A date becomes year, month, day, weekday (Monday is 0) and hour, those that vary in training, and the days since
      the first training date, each a number.

    Args:
        columns: The columns, in order.
        source_columns: All feature columns of the user's table.
        scaling: How numbers are scaled, see `fit`.
        specs: What was learned of each column.

    Example:
        >>> frame = pd.DataFrame({"age": [20.0, 40.0, np.nan], "sex": ["f", "m", "f"]})
        >>> from toolkit.data.columns import Columns
        >>> columns = (Column("age", "number"), Column("sex", "category"))
        >>> encoder = Encoder.fit(Columns(frame, columns, ("age", "sex")), rare=1)
        >>> encoder.names
        ['age', 'age is missing', 'sex = f', 'sex = m']
        >>> encoder.transform(frame).tolist()
        [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]
    """

    columns: tuple[Column, ...]
    source_columns: tuple[str, ...]
    scaling: str
    specs: tuple[_Spec, ...]

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
            "from 1,000 rows on, and 2 below.",
            "columns",
        ] = None,
        most_levels: Annotated[
            int,
            "Largest number of levels of a column with an input each; the less frequent ones are pooled.",
            "columns",
        ] = _MOST_LEVELS,
    ) -> Encoder:
        """Learn the encoding from training rows.

        Args:
            features: The training rows.

        Raises:
            DataError: An unknown scaling, or no rows.
        """
        if scaling not in SCALINGS:
            hint = nearest(scaling, SCALINGS)
            raise DataError(f"scaling {scaling!r} is not known; expected one of {', '.join(SCALINGS)}.{hint}")
        if len(features) == 0:
            raise DataError("there are no training rows to learn the encoding from.")
        if isinstance(pieces, bool) or pieces != int(pieces) or pieces < 0:
            raise DataError(f"pieces={pieces} is not a whole number from 0.")
        for option, value in (("rare", rare), ("most_levels", most_levels)):
            if value is not None and (isinstance(value, bool) or value != int(value) or value < 1):
                raise DataError(f"{option}={value} is not a whole number from 1.")
        frame = features.frame
        rare = (5 if len(frame) >= 1_000 else 2) if rare is None else rare
        specs: list[_Spec] = []
        for column in features.columns:
            values = frame[column.name].to_numpy()
            if column.kind == "category":
                specs.append(_Category.fit(values, rare, most_levels))
            elif column.kind == "date":
                specs.append(_Date.fit(values.astype("datetime64[ns]"), scaling))
            else:
                specs.append(_Number.fit(values.astype(np.float64, copy=False), scaling, int(pieces)))
        return cls(features.columns, features.source_columns, scaling, tuple(specs))

    @property
    def width(self) -> int:
        """The number of columns of the matrix."""
        return sum(_width(spec) for spec in self.specs)

    @property
    def names(self) -> list[str]:
        """What each column of the matrix stands for, such as `"age"`, `"age is missing"` or `"sex = male"`."""
        names = []
        for column, spec in zip(self.columns, self.specs, strict=True):
            if isinstance(spec, _Number):
                names.append(column.name)
                missing = spec.missing
            elif isinstance(spec, _Category):
                names += [f"{column.name} = {label}" for label in spec.levels]
                names += [f"{column.name} = {OTHER}"] * spec.other
                missing = spec.missing
            else:
                names += [f"{column.name}: {part}" for part in spec.parts]
                missing = spec.numbers[0].missing
            names += [f"{column.name} is missing"] * missing
            if isinstance(spec, _Number):
                names += [f"{column.name}: {low:g} to {high:g}" for low, high in pairwise(spec.edges)]
        return names

    def without_pieces(self) -> Encoder:
        """Return the same encoding with one slot a number, as a linear model has it."""
        specs = tuple(replace(spec, edges=()) if isinstance(spec, _Number) else spec for spec in self.specs)
        return replace(self, specs=specs)

    def encode(self, features: Features) -> np.ndarray:
        """Return the inputs of the network for rows of the dataset."""
        return self.transform(features.frame)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the matrix of canonical rows.

        Args:
            frame: Canonical columns (see `toolkit.data.columns.coerce`), shape (rows, columns).

        Returns:
            float32 of shape (rows, width), finite.
        """
        matrix = np.zeros((len(frame), self.width), dtype=np.float32)
        at = 0
        for column, spec in zip(self.columns, self.specs, strict=True):
            values = frame[column.name].to_numpy()
            if isinstance(spec, _Category):
                slots = spec.slots(values)
                rows = np.flatnonzero(slots >= 0)
                matrix[rows, at + slots[rows]] = 1.0
            elif isinstance(spec, _Number):
                matrix[:, at] = spec.scale(values)
                if spec.missing:
                    matrix[:, at + 1] = np.isnan(values)
                if spec.edges:
                    matrix[:, at + 1 + spec.missing : at + spec.width] = spec.rises(values)
            else:
                parts = spec.chosen(values.astype("datetime64[ns]"))
                for place, (number, part) in enumerate(zip(spec.numbers, parts, strict=True)):
                    matrix[:, at + place] = number.scale(part)
                if spec.numbers[0].missing:
                    matrix[:, at + len(parts)] = np.isnat(values)
            at += _width(spec)
        return matrix

    def from_numbers(self, values: Any) -> np.ndarray | None:
        """Return the matrix of an array of numbers in one step: a single row takes microseconds.

        Args:
            values: Anything; of use is an array of numbers, shape (rows, columns), of the source columns in their order
                or of the columns in theirs.

        Returns:
            The very matrix that `transform` gives; None where this way is not open: the array holds other things than
            numbers, infinite ones or another number of columns, or a column is no number.
        """
        if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiu":
            return None
        learned = self._numbers
        if learned is None or values.shape[1] not in (len(self.source_columns), len(self.columns)):
            return None
        specs, centre, spread, fill, slots, flagged, chosen = learned
        values = values.astype(np.float64)
        if len(chosen) < values.shape[1]:
            values = values[:, chosen]
        absent = np.isnan(values)
        if np.isinf(values).any():
            return None
        scale = _Number(centre, spread, fill, False, self.scaling == "smooth").scale  # type: ignore[arg-type]
        if self.width == len(slots):
            return scale(values).astype(np.float32)
        matrix = np.zeros((len(values), self.width), np.float32)
        matrix[:, slots] = scale(values)
        matrix[:, slots[flagged] + 1] = absent[:, flagged]
        for place, spec in enumerate(specs):
            if spec.edges:
                end = slots[place] + spec.width
                matrix[:, end - len(spec.edges) + 1 : end] = spec.rises(values[:, place])
        return matrix

    @cached_property
    def _numbers(self) -> tuple[Any, ...] | None:
        """What was learned of the columns, as arrays, if all of them are numbers."""
        if any(column.kind != "number" for column in self.columns):
            return None
        specs = [spec for spec in self.specs if isinstance(spec, _Number)]
        flagged = np.array([spec.missing for spec in specs])
        slots = np.concatenate([[0], np.cumsum([spec.width for spec in specs])[:-1]]).astype(int)
        chosen = np.array([self.source_columns.index(column.name) for column in self.columns])
        learned = (np.array([getattr(spec, name) for spec in specs]) for name in ("centre", "spread", "fill"))
        return (specs, *learned, slots, flagged, chosen)

    def inverse(self, matrix: np.ndarray) -> pd.DataFrame:
        """Return the canonical rows that a matrix stands for.

        Args:
            matrix: Shape (rows, width).

        Returns:
            Canonical columns, as exact as float32 is; with smooth scaling, the less so the further out. A pooled level
            comes back as `"(other)"`; true and false, and dates to the day (to the second where training dates have a
            time of day), come back rounded; a cell comes back as missing where its slot says so, or where no slot of a
            category is set.
        """
        matrix = np.asarray(matrix)
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise DataError(f"the matrix has shape {matrix.shape}; expected (rows, {self.width}).")
        values: dict[str, np.ndarray] = {}
        at = 0
        for column, spec in zip(self.columns, self.specs, strict=True):
            block = matrix[:, at : at + _width(spec)]
            at += _width(spec)
            if isinstance(spec, _Category):
                texts = np.array([*spec.levels, *[OTHER] * spec.other, *[None] * spec.missing, None], dtype=object)
                slots = block.argmax(axis=1) if spec.width else np.full(len(block), -1)
                if spec.width:
                    slots[block.max(axis=1) <= 0.5] = -1
                values[column.name] = texts[slots]
            elif isinstance(spec, _Number):
                numbers = spec.unscale(block[:, 0])
                if column.kind == "boolean":
                    numbers = (numbers > 0.5).astype(np.float64)
                if spec.missing:
                    numbers[block[:, 1] > 0.5] = np.nan
                values[column.name] = numbers
            else:
                place = spec.parts.index("days")
                seconds = spec.numbers[place].unscale(block[:, place]) * 86_400 + spec.origin / 1e9
                step = 1 if spec.clock else 86_400
                stamps = (
                    (np.rint(seconds / step).astype(np.int64) * step).astype("datetime64[s]").astype("datetime64[ns]")
                )
                if spec.numbers[0].missing:
                    stamps[block[:, -1] > 0.5] = np.datetime64("NaT")
                values[column.name] = stamps
        return assemble(values, self.columns, len(matrix))

    def codes(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows as trees like them: unscaled numbers and category codes.

        Args:
            frame: Canonical columns, shape (rows, columns).

        Returns:
            float64 of shape (rows, codes), NaN for missing, where a category's levels are numbered in order (rare and
            unseen ones after the last) and a date has a column for each of its parts; and a boolean mask, shape
            (codes,), of the categories.
        """
        blocks: list[np.ndarray] = []
        mask: list[bool] = []
        for column, spec in zip(self.columns, self.specs, strict=True):
            values = frame[column.name].to_numpy()
            if isinstance(spec, _Category):
                slots = spec.slots(values).astype(np.float64)
                slots[(slots < 0) | np.asarray(pd.isna(values))] = np.nan
                blocks.append(slots)
                mask.append(True)
            elif isinstance(spec, _Number):
                blocks.append(values)
                mask.append(False)
            else:
                parts = spec.chosen(values.astype("datetime64[ns]"))
                blocks += parts
                mask += [False] * len(parts)
        return np.column_stack(blocks).astype(np.float64, copy=False), np.array(mask, dtype=bool)

    def unseen(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Return for each category column the levels in canonical rows that have no slot of their own, sorted."""
        found = {}
        for column, spec in zip(self.columns, self.specs, strict=True):
            if isinstance(spec, _Category):
                strange = sorted(set(pd.unique(frame[column.name].dropna())) - set(spec.levels))
                if strange:
                    found[column.name] = strange
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder as a dict that strict JSON can hold, exactly."""
        return {
            "schema": SCHEMA,
            "scaling": self.scaling,
            "source_columns": list(self.source_columns),
            "columns": [
                column.to_dict() | {"encoding": _spec_dict(spec)}
                for column, spec in zip(self.columns, self.specs, strict=True)
            ],
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Encoder:
        """Return the encoder that `to_dict` described.

        Raises:
            DataError: The schema version is unknown, or the dict is not of this form.
        """
        check_schema(content, "encoding")
        try:
            columns = tuple(Column.from_dict(column) for column in content["columns"])
            specs = tuple(
                _spec(column.kind, one["encoding"]) for column, one in zip(columns, content["columns"], strict=True)
            )
            return cls(columns, tuple(content["source_columns"]), content["scaling"], specs)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"the encoding is damaged: {type(error).__name__} {error}.") from error


def _spec_dict(spec: _Spec) -> dict[str, Any]:
    content = asdict(spec)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}


def _spec(kind: str, content: dict[str, Any]) -> _Spec:
    if kind == "category":
        return _Category(tuple(content["levels"]), content["other"], content["missing"])
    if kind == "date":
        numbers = tuple(_number(number) for number in content["numbers"])
        return _Date(content["origin"], tuple(content["parts"]), numbers, content["clock"])
    return _number(content)


def _number(content: dict[str, Any]) -> _Number:
    return _Number(**{**content, "edges": tuple(content.get("edges", ()))})
