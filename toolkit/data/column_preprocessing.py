"""How one column becomes inputs of a network: learned from its training rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.rounding import blurred
from toolkit.data.level_means import LevelMeans

__all__ = [
    "CategoryPreprocessing",
    "ColumnPreprocessing",
    "DatePreprocessing",
    "NumberPreprocessing",
    "fit",
    "from_dict",
    "scale",
]

OTHER = "(other)"

_BEND = 3.0  # smooth scaling draws numbers into -3 to 3 standard deviations
_FEWEST_EDGES = 4  # fewer pieces would add nothing to a column's scaled value
_LARGEST = float(np.finfo(np.float32).max)
_EPOCH = np.datetime64("1970-01-01T00:00:00", "ns")


def scale(values: np.ndarray, center: Any, spread: Any, fill: Any, bent: bool) -> np.ndarray:
    """Return `(value - center) / spread` within the range of float32, missing values filled; `bent` pulls in outliers.

    Example:
        >>> scale(np.array([1.0, np.nan, 1e9]), 1.0, 2.0, 5.0, bent=True).round(2).tolist()
        [0.0, 1.66, 3.0]
    """
    with np.errstate(over="ignore"):
        scaled = (np.where(np.isnan(values), fill, values) - center) / spread
        if bent:
            scaled = np.where(np.isinf(scaled), np.sign(scaled) * _BEND, scaled / np.hypot(1, scaled / _BEND))
    return np.clip(scaled, -_LARGEST, _LARGEST)


@dataclass(frozen=True)
class NumberPreprocessing:
    """The inputs of a number: its scaled value, whether it is missing (if training rows were), its codes, its pieces.

    What is learned is kept in files. Numbers that may be the cell of a single row are rounded: see
    `toolkit.common.rounding.blurred`.

    Attributes:
        center: What is subtracted.
        spread: What it is divided by.
        fill: What stands in for a missing value.
        missing: Whether there is an input for missing values.
        bent: Whether outliers are pulled in.
        edges: The ends of the pieces.
        codes: The values, ascending, with an input each that is 1 for just this value.
        means: The mean target of the rows of each code, or None.
    """

    center: float
    spread: float
    fill: float
    missing: bool
    bent: bool = False
    edges: tuple[float, ...] = ()
    codes: tuple[float, ...] = ()
    means: LevelMeans | None = None

    @classmethod
    def fit(cls, values: np.ndarray, scaling: str, pieces: int = 0, rare: int = 1) -> NumberPreprocessing:
        """Learn from float64 values, NaN where missing; values in fewer than `rare` rows are not kept exactly."""
        present = values[~np.isnan(values)]
        missing = len(present) < len(values)
        if len(present) == 0:
            return cls(0.0, 1.0, 0.0, missing)
        ordered = np.sort(present)
        low, high = float(ordered[0]), float(ordered[-1])
        if low == high:
            size = abs(low) / 10
            middle = low if len(present) >= rare else blurred(low, size)
            # Its scaled value stays small.
            return cls(middle, 1.0 if middle == low else max(1.0, size), middle, missing)
        # Sums of squares overflow beyond 1e154, so large numbers are divided first.
        unit = max(abs(low), abs(high), 1.0)
        unit = unit if unit > 1e100 else 1.0
        mean, deviation = float((present / unit).mean() * unit), float((present / unit).std() * unit)
        quarter, median, three_quarters = (float(q) for q in np.quantile(ordered, (0.25, 0.5, 0.75)))
        # If half of the rows or more are equal, the standard deviation takes the place of the quartiles' distance.
        between = three_quarters - quarter if three_quarters > quarter else deviation or 1.0
        median = blurred(median, between)
        ends = _edges(ordered, pieces, rare) if pieces else []
        edges = tuple(ends) if len(ends) >= _FEWEST_EDGES and ends[-1] - ends[0] < _LARGEST else ()
        if scaling == "mean":
            half = high / 2 - low / 2
            spread = blurred(2 * half if half < 8e307 else half, half)
            return cls(mean, spread, median, missing, False, edges)
        if scaling in ("robust", "smooth"):
            return cls(median, blurred(between, between), median, missing, scaling == "smooth", edges)
        return cls(mean, deviation or 1.0, median, missing, False, edges)

    @property
    def width(self) -> int:
        """The number of inputs."""
        return 1 + self.missing + len(self.codes) + _width(self.means) + self.pieces

    @property
    def pieces(self) -> int:
        """The number of inputs that are pieces, the last ones."""
        return max(0, len(self.edges) - 1)

    def names(self, column: str) -> list[str]:
        """Return what each input stands for."""
        pieces = [f"{column}: {low:g} to {high:g}" for low, high in pairwise(self.edges)]
        codes = [f"{column} = {code:.15g}" for code in self.codes]
        return [column, *[f"{column} is missing"] * self.missing, *codes, *_mean_names(column, self.means), *pieces]

    def encode(self, values: np.ndarray, inputs: np.ndarray) -> None:
        """Write the inputs of float64 values into an array of zeros, shape (rows, width)."""
        inputs[:, 0] = self.scaled(values)
        if self.missing:
            inputs[:, 1] = np.isnan(values)
        if self.codes:
            self.mark_codes(values, inputs[:, 1 + self.missing :])
        if self.edges:
            inputs[:, self.width - self.pieces :] = self.rises(values)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Return scaled values, shape (rows,)."""
        return scale(values, self.center, self.spread, self.fill, self.bent)

    def mark_codes(self, values: np.ndarray, inputs: np.ndarray) -> None:
        """Write a 1 where a value is one of the codes, then its means, into the first inputs of an array of zeros."""
        codes = np.asarray(self.codes)
        place = np.minimum(np.searchsorted(codes, values), len(codes) - 1)
        rows = np.flatnonzero(codes[place] == values)
        inputs[rows, place[rows]] = 1.0
        if self.means is not None:
            self.means.write(values, inputs[:, len(codes) : len(codes) + self.means.width])

    @property
    def mean_inputs(self) -> slice:
        """Where the means stand among the inputs."""
        start = 1 + self.missing + len(self.codes)
        return slice(start, start + _width(self.means))

    def with_codes(self, values: np.ndarray, rare: int, most: int) -> NumberPreprocessing:
        """Return the same with an input for each value in at least `rare` rows, the `most` frequent of them."""
        codes, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        chosen = np.argsort(-counts, kind="stable")[:most]
        return replace(self, codes=tuple(np.sort(codes[chosen[counts[chosen] >= rare]]).tolist()))

    def rises(self, values: np.ndarray) -> np.ndarray:
        """Return how far each value has come in each piece, from -0.5 to 0.5, shape (rows, pieces)."""
        # With edges 0, 2, 4, 6 the value 3 has passed the first piece, is in the middle of the second, and has not
        # reached the third: 0.5, 0, -0.5. A linear layer on these inputs is a piecewise-linear function of the value.
        # A value is inside of one piece at most, so that all others are looked up.
        #   place (rows,)   0 below the first edge, k in piece k counted from 1, pieces + 1 from the last edge on
        pieces, (edges, starts, widths, rests) = self.pieces, self._places
        filled = np.where(np.isnan(values), self.fill, values)
        place = np.searchsorted(edges, filled, side="right")
        rises = _passed(pieces).take(np.maximum(place - 1, 0), axis=0)
        rise = (filled - starts[place]) / widths[place] + rests[place]
        rises[np.arange(len(values)), np.clip(place - 1, 0, pieces - 1)] = rise
        return rises

    @cached_property
    def _places(self) -> tuple[np.ndarray, ...]:
        """The edges; and for each place of `rises` where it starts, its width, and the rise at its start."""
        # Beyond the edges the width is infinite, so that the rise stays what it is there.
        edges = np.asarray(self.edges)
        starts, widths = np.pad(edges[:-1], 1), np.pad(np.diff(edges), 1, constant_values=np.inf)
        return edges, starts, widths, np.array([-0.5] * len(edges) + [0.5])

    def tree_columns(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the columns that a tree takes."""
        return [values]

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned, as JSON can hold it."""
        content = asdict(replace(self, means=None))
        del content["means"]
        content |= {"centre": content.pop("center"), "edges": list(self.edges), "codes": list(self.codes)}
        return content | _described_means(self.means)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> NumberPreprocessing:
        """Return the preprocessing that `to_dict` described; older files have no edges, or no codes."""
        center, spread, fill = content["centre"], content["spread"], content["fill"]
        edges = tuple(content.get("edges", ()))
        codes = tuple(content.get("codes", ()))
        means = LevelMeans.from_dict(content.get("means"))
        return cls(center, spread, fill, content["missing"], content.get("bent", False), edges, codes, means)


def _width(means: LevelMeans | None) -> int:
    return 0 if means is None else means.width


def _mean_names(column: str, means: LevelMeans | None) -> list[str]:
    count = _width(means)
    return [f"{column}: mean target" + (f" {output + 1}" if count > 1 else "") for output in range(count)]


def _described_means(means: LevelMeans | None) -> dict[str, Any]:
    return {} if means is None else {"means": means.to_dict()}


@cache
def _passed(pieces: int) -> np.ndarray:
    """Return in row k the inputs of a value that has passed k pieces: 0.5 for them, then -0.5."""
    return np.tri(pieces + 1, pieces, -1, dtype=np.float32) - np.float32(0.5)


def _edges(ordered: np.ndarray, pieces: int, rare: int) -> list[float]:
    """Return the ends of pieces with equally many training rows, from sorted values; those of rare ones are rounded."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    values, rows = ordered[starts], np.diff(starts, append=len(ordered))
    chosen = np.arange(len(values)) if len(values) <= pieces + 1 else _ends(rows, pieces)
    ends = values[chosen]
    with np.errstate(over="ignore"):
        gaps = np.diff(ends, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(gaps[:-1], gaps[1:])
    return [
        value if count >= rare else blurred(value, gap)
        for value, count, gap in zip(ends.tolist(), rows[chosen].tolist(), nearest.tolist(), strict=True)
    ]


def _ends(rows: np.ndarray, pieces: int) -> np.ndarray:
    """Return the positions of the ends of pieces among the distinct values, each of which stands in some rows."""
    # Rows of one value count for one piece at most: if nine in ten are 0, the pieces divide the other rows. Lowering
    # the weight of a frequent value makes a piece smaller, so the limit is applied until it settles.
    weight = rows.astype(np.float64)
    for _ in range(20):
        limit = weight.sum() / pieces
        if weight.max() <= limit:
            break
        weight = np.minimum(weight, limit)
    middle = np.cumsum(weight) - weight / 2
    ends = np.linspace(middle[0], middle[-1], pieces + 1)
    return np.unique(np.searchsorted(middle, ends))


@dataclass(frozen=True)
class CategoryPreprocessing:
    """The inputs of a category: one per level, one for rare and unseen levels, one for missing cells.

    Attributes:
        levels: The levels with an input each, sorted.
        other: Whether there is an input for the other levels: training rows had rare ones.
        missing: Whether there is an input for missing cells: training rows had some.
        means: The mean target of the rows of each level, or None.
    """

    levels: tuple[str, ...]
    other: bool
    missing: bool
    means: LevelMeans | None = None

    @classmethod
    def fit(cls, values: np.ndarray, rare: int, most: int) -> CategoryPreprocessing:
        """Learn the levels in at least `rare` rows, the `most` frequent of them, from text, None where missing."""
        codes, texts = pd.factorize(values)
        levels, index = np.unique(texts.astype(str), return_inverse=True)
        counts = np.bincount(index[codes[codes >= 0]], minlength=len(levels))
        return cls.of_counts(levels, counts, rare, most, missing=bool((codes < 0).any()))

    @classmethod
    def of_counts(
        cls, levels: np.ndarray, counts: np.ndarray, rare: int, most: int, *, missing: bool
    ) -> CategoryPreprocessing:
        """Learn as `fit` does from distinct levels, the rows of each, and whether cells are missing."""
        order = np.lexsort((levels, -counts))
        chosen = [str(levels[index]) for index in order[:most] if counts[index] >= rare]
        return cls(tuple(sorted(chosen)), len(chosen) < len(levels), missing)

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self.levels) + self.other + self.missing + _width(self.means)

    @property
    def mean_inputs(self) -> slice:
        """Where the means stand among the inputs."""
        return slice(self.width - _width(self.means), self.width)

    def names(self, column: str) -> list[str]:
        """Return what each input stands for."""
        levels = [f"{column} = {label}" for label in self.levels]
        rest = [*[f"{column} = {OTHER}"] * self.other, *[f"{column} is missing"] * self.missing]
        return [*levels, *rest, *_mean_names(column, self.means)]

    def encode(self, values: np.ndarray, inputs: np.ndarray) -> None:
        """Write the inputs of level texts into an array of zeros, shape (rows, width)."""
        slots = self.slots(values)
        rows = np.flatnonzero(slots >= 0)
        inputs[rows, slots[rows]] = 1.0
        if self.means is not None:
            self.means.write(values, inputs[:, self.mean_inputs])

    def slots(self, values: np.ndarray) -> np.ndarray:
        """Return the input that is 1 in each row, -1 for none."""
        missing = np.asarray(pd.isna(values))
        slots = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(values, dtype=object))
        slots[(slots < 0) & ~missing] = len(self.levels) if self.other else -1
        slots[missing] = len(self.levels) + self.other if self.missing else -1
        return slots

    def tree_columns(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the columns that a tree takes: the number of the level, after the last for others, NaN if missing."""
        slots = self.slots(values).astype(np.float64)
        slots[(slots < 0) | np.asarray(pd.isna(values))] = np.nan
        return [slots]

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned, as JSON can hold it."""
        content = {"levels": list(self.levels), "other": self.other, "missing": self.missing}
        return content | _described_means(self.means)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> CategoryPreprocessing:
        """Return the preprocessing that `to_dict` described."""
        means = LevelMeans.from_dict(content.get("means"))
        return cls(tuple(content["levels"]), content["other"], content["missing"], means)


@dataclass(frozen=True)
class DatePreprocessing:
    """The inputs of a date: those of its parts that vary in training, and the days since the first training month.

    Attributes:
        origin: The beginning of the first month in training, in nanoseconds since 1970.
        parts: The names of the parts.
        numbers: The scaling of each part; the first one says whether there is an input for missing dates.
        clock: Whether training dates have a time of day.
    """

    origin: int
    parts: tuple[str, ...]
    numbers: tuple[NumberPreprocessing, ...]
    clock: bool

    @classmethod
    def fit(cls, values: np.ndarray, scaling: str, rare: int = 1) -> DatePreprocessing:
        """Learn from datetime64[ns], NaT where missing; see `NumberPreprocessing.fit`."""
        present = values[~np.isnat(values)]
        # The date itself may be a single person's. A month that begins before the first nanosecond of int64 is none.
        first = present.min().astype("datetime64[M]") if len(present) else _EPOCH
        origin = max(int(first.astype("datetime64[s]").astype(np.int64)), -9_223_372_036) * 10**9
        parts = _parts(values, origin)
        varying = [name for name in parts if name == "days" or len(np.unique(parts[name][~np.isnat(values)])) > 1]
        numbers = tuple(NumberPreprocessing.fit(parts[name], scaling, rare=rare) for name in varying)
        return cls(origin, tuple(varying), numbers, bool((present.astype("datetime64[D]") != present).any()))

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self.numbers) + self.numbers[0].missing

    def names(self, column: str) -> list[str]:
        """Return what each input stands for."""
        parts = [f"{column}: {part}" for part in self.parts]
        return [*parts, *[f"{column} is missing"] * self.numbers[0].missing]

    def encode(self, values: np.ndarray, inputs: np.ndarray) -> None:
        """Write the inputs of dates into an array of zeros, shape (rows, width)."""
        for index, (number, part) in enumerate(zip(self.numbers, self.tree_columns(values), strict=True)):
            inputs[:, index] = number.scaled(part)
        if self.numbers[0].missing:
            inputs[:, -1] = np.isnat(values)

    def tree_columns(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the columns that a tree takes: each part."""
        parts = _parts(values, self.origin)
        return [parts[name] for name in self.parts]

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned, as JSON can hold it."""
        return asdict(self) | {"parts": list(self.parts), "numbers": [number.to_dict() for number in self.numbers]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> DatePreprocessing:
        """Return the preprocessing that `to_dict` described."""
        numbers = tuple(NumberPreprocessing.from_dict(number) for number in content["numbers"])
        return cls(content["origin"], tuple(content["parts"]), numbers, content["clock"])


def _parts(values: np.ndarray, origin: int) -> dict[str, np.ndarray]:
    """Return year, month, day, weekday (Monday is 0), hour and days since the origin, float64, NaN where missing."""
    values = values.astype("datetime64[ns]", copy=False)
    index = pd.DatetimeIndex(values)
    fields = {"year": index.year, "month": index.month, "day": index.day}
    fields |= {"weekday": index.day_of_week, "hour": index.hour}
    days = ((values - _EPOCH).astype(np.int64).astype(np.float64) - float(origin)) / 86_400e9
    days[np.isnat(values)] = np.nan
    return {**{name: np.asarray(field, dtype=np.float64) for name, field in fields.items()}, "days": days}


ColumnPreprocessing = NumberPreprocessing | CategoryPreprocessing | DatePreprocessing
_BY_KIND = {"category": CategoryPreprocessing, "date": DatePreprocessing}


def fit(
    kind: str, values: np.ndarray, *, scaling: str, pieces: int, rare: int, most_levels: int, are_codes: bool = False
) -> ColumnPreprocessing:
    """Learn how a column is preprocessed from its canonical training values; true and false are 1 and 0."""
    if kind == "category":
        return CategoryPreprocessing.fit(values, rare, most_levels)
    if kind == "date":
        return DatePreprocessing.fit(values.astype("datetime64[ns]"), scaling, rare)
    numbers = values.astype(np.float64, copy=False)
    number = NumberPreprocessing.fit(numbers, scaling, pieces, rare)
    return number.with_codes(numbers, rare, most_levels) if are_codes else number


def from_dict(kind: str, content: dict[str, Any]) -> ColumnPreprocessing:
    """Return the preprocessing of a column of this kind that its `to_dict` described."""
    return _BY_KIND.get(kind, NumberPreprocessing).from_dict(content)
