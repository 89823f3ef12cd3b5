"""The columns that options name: to keep, to leave out, to split by, to weigh rows by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing
from toolkit.data.column_kinds import infer
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.source import Source, names_of
from toolkit.data.surrogates import valid_text
from toolkit.data.usable_columns import Wanted

__all__ = ["NamedColumns"]


@dataclass(frozen=True)
class NamedColumns:
    """The options that name columns: see `toolkit.data.prepare.prepare`."""

    keep: tuple[str, ...]
    drop: tuple[str, ...]
    categories: tuple[str, ...]
    group: tuple[str, ...]
    time: str | None
    sample_weight: str | None

    @classmethod
    def of(cls, keep: Any, drop: Any, categories: Any, group: Any, time: Any, sample_weight: Any) -> NamedColumns:
        """Return the options in one form; `sample_weight` may also be an array, which names none.

        Raises:
            DataError: `time` names several columns.
        """
        ordered_by = names_of(time)
        if len(ordered_by) > 1:
            raise DataError(f"time={time!r}: expected the name of one column.")
        weights = valid_text(sample_weight) if isinstance(sample_weight, str) else None
        names = names_of(keep), names_of(drop), names_of(categories), names_of(group)
        return cls(*names, next(iter(ordered_by), None), weights)

    def check(self, source: Source, targets: list[str]) -> None:
        """Check that each named column is there, and that no two options contradict each other."""
        labels = list(source.features.columns)
        for option, value in vars(self).items():
            names = names_of(value)
            if names and source.images is not None:
                raise DataError(f"{option}= names a column, and the data are images: leave it out.")
            for name in names:
                if name in targets:
                    raise DataError(f"{option}= names the target '{name}'; it can't be both.")
                if labels.count(name) > 1 and option not in ("keep", "drop", "categories"):
                    raise DataError(
                        f"{option}= names '{name}', and {source.name} has {labels.count(name)} columns of that name: "
                        "give each a name of its own."
                    )
                if name not in labels:
                    raise DataError(
                        f"{option}= names '{name}', which is not a column of {source.name} "
                        f"(columns: {listing(labels)}).{nearest(name, labels)}"
                    )
        for name in self.keep:
            if name in self.drop:
                raise DataError(f"'{name}' is named in keep= and in drop=; it can't be both.")
        if self.group and self.time:
            raise DataError("group= and time= can't be combined: name one of them.")

    def excluded(self) -> dict[str, str]:
        """Return the columns that the options take out of the features, with the reason."""
        reasons = dict.fromkeys(self.drop, "left out as asked (drop)")
        reasons |= dict.fromkeys(self.group, "names the groups of the split (group)")
        if self.time is not None and self.time not in self.keep:
            reasons[self.time] = "orders the split by time (time)"
        if self.sample_weight is not None:
            reasons[self.sample_weight] = "holds the weights of the rows (sample_weight)"
        return reasons

    def wanted(self, reading: ReadingOptions, source: Source) -> Wanted:
        """Return what the choice of the columns needs to know."""
        split_by = bool(self.group) or self.time is not None
        return Wanted(
            self.keep, self.categories, self.excluded(), reading, split_by, source.from_text, source.separator
        )

    def split_columns(self, cells: Sequence[pd.DataFrame], reading: ReadingOptions) -> dict[str, pd.DataFrame]:
        """Return the columns that the split goes by: groups of all tables, times of the first as numbers or dates."""
        by, data = {}, cells[0]
        labels = list(data.columns)
        if self.group:
            frames = [frame.loc[:, ~frame.columns.duplicated()].reindex(columns=self.group) for frame in cells]
            by["group"] = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        if self.time is not None:
            column, values, _ = infer(data.iloc[:, labels.index(self.time)], self.time, reading=reading)
            is_time = column is not None and column.kind in ("date", "number")
            by["time"] = pd.DataFrame({self.time: values}) if is_time else data[[self.time]]
        return by
