"""The kind of a column and how its cells are written, learned from its distinct cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from toolkit.common.formatting import counted
from toolkit.data import date_formats, number_formats
from toolkit.data.cells import MISSING, ODD, OPEN, READ, is_missing, is_number, keeps_spelling, most_odd
from toolkit.data.column_values import read_distinct
from toolkit.data.columns import CLOCK, Column
from toolkit.data.reading_options import ReadingOptions

__all__ = ["DistinctCells", "Guess", "are_compact_dates", "compact_note"]

_SAMPLE = 1_000
_MOSTLY = 0.7  # the share of rows from which on "most" is said
_PADDED = re.compile(r"0\d+")
_FEWEST_DIGITS = 4  # codes of one length with fewer digits may be numbers
_MONTH = re.compile(r"(0[1-9]|1[0-2])\.(19|20)\d{2}")
_ENDLESS = 9999_12_31
_DATE_NAME = re.compile(r"date|datum|fecha|jour|day|(^|_)dt(_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """A column as it was learned, and what there is to say about it.

    Attributes:
        column: The column.
        note: A sentence, or "".
        hint: Why it is text although most of its values are not, or "".
        proven: The decimal mark that the cells prove, or None.
        doubtful: A cell that can be read with another decimal mark too, or None.
    """

    column: Column
    note: str = ""
    hint: str = ""
    proven: str | None = None
    doubtful: str | None = None


@dataclass(frozen=True)
class DistinctCells:
    """The distinct cells of a column, and how many of the rows it is learned from hold each.

    Attributes:
        name: The name of the column.
        codes: The number of each row's cell among the distinct ones, -1 where missing, shape (rows,).
        values: The distinct cells.
        counts: How many of the rows it is learned from hold each.
        rows: The number of these rows.
        reading: How numbers and dates are written.
    """

    name: str
    codes: np.ndarray
    values: list[Any]
    counts: np.ndarray
    rows: int
    reading: ReadingOptions

    @property
    def missing_words(self) -> tuple[str, ...]:
        """The user's further texts that count as missing."""
        return tuple(self.reading.na_values)

    @cached_property
    def cells(self) -> list[Any]:
        """The distinct cells that occur in the rows the column is learned from."""
        return [cell for cell, count in zip(self.values, self.counts.tolist(), strict=True) if count]

    @cached_property
    def texts(self) -> tuple[list[str], np.ndarray]:
        """The stripped texts that are not missing among numbers and dates, and their rows."""
        pairs = [
            (cell.strip(), count)
            for cell, count in zip(self.values, self.counts.tolist(), strict=True)
            if count and isinstance(cell, str)
        ]
        kept = [pair for pair in pairs if not is_missing(pair[0], self.missing_words, among_numbers=True)]
        return [text for text, _ in kept], np.array([count for _, count in kept], dtype=np.int64)

    @cached_property
    def _known(self) -> dict[Column, tuple[np.ndarray, np.ndarray]]:
        return {}

    def read(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        """Return all distinct cells in canonical form, and how each was read."""
        if column not in self._known:
            self._known[column] = read_distinct(self.values, column)
        return self._known[column]

    def kind(self, likely: str | None) -> Guess:
        """Return the first kind that reads the cells: true/false, numbers, times of day, dates; or categories."""
        cells = self.cells
        if self._are_truths(cells):
            return Guess(Column(self.name, "boolean", missing=self.missing_words))
        codes = self._codes(cells)
        best: tuple[int, Guess] | None = None
        learners = [lambda: None if codes else self._number(likely), self._clock, self._date]
        if self._are_months():
            learners.reverse()
        for learn in learners:
            guess = learn()
            if guess is None or not self._reads_sample(guess.column):
                continue
            read, odd = self._rows_read(guess.column)
            if self._few_odd(read, odd, guess.column):
                return self._compact_dates(guess) or guess
            if best is None or read > best[0]:
                best = read, guess
        if not cells or all(isinstance(cell, str) and is_missing(cell.strip(), self.missing_words) for cell in cells):
            return Guess(Column(self.name, "number", missing=self.missing_words))
        category = self.category()
        if codes:
            note = f"'{self.name}' holds codes with leading zeros, such as '{codes}': read as categories."
            return replace(category, note=note)
        return replace(category, hint=self._hint(best))

    def _compact_dates(self, guess: Guess) -> Guess | None:
        """Return the column as dates where its numbers are dates such as 20240131."""
        values = self.read(guess.column)[0]
        if guess.column.kind != "number" or not are_compact_dates(values[self.counts > 0], self.name):
            return None
        return Guess(
            Column(self.name, "date", date_formats.COMPACT, missing=self.missing_words), compact_note(self.name)
        )

    def category(self) -> Guess:
        """Return the column as a category."""
        return Guess(Column(self.name, "category", missing=self.missing_words, spelling=keeps_spelling(self.cells)))

    def _rows_read(self, column: Column) -> tuple[int, int]:
        """Return the number of rows that are values of the column's kind, and of those that are not."""
        state = self.read(column)[1]
        return int(self.counts[(state == READ) | (state == OPEN)].sum()), int(self.counts[state == ODD].sum())

    def _few_odd(self, read: int, odd: int, column: Column) -> bool:
        """Return whether so few cells are odd that they are slips; in short columns a word that repeats is a level."""
        counts = self.counts[self.read(column)[1] == ODD]
        repeats = odd > 0 and counts.max() > 1
        return odd <= most_odd(self.rows) and (10 if repeats else 4) * odd <= read

    def _reads_sample(self, column: Column) -> bool:
        """Return whether some of the cells are values of the column's kind; of many cells a sample must suffice."""
        cells = self.cells[:: max(1, len(self.cells) // _SAMPLE)]
        state = read_distinct(cells, column)[1]
        read = int(((state == READ) | (state == OPEN)).sum())
        return read > 0 and (len(cells) == len(self.cells) or 2 * read >= int((state != MISSING).sum()))

    def _are_truths(self, cells: list[Any]) -> bool:
        texts = [cell.strip() for cell in cells if isinstance(cell, str)]
        present = {text.lower() for text in texts if not is_missing(text, self.missing_words)}
        if len(texts) == len(cells):
            return bool(present) and present <= {"true", "false"}
        return bool(cells) and all(isinstance(cell, (bool, np.bool_)) for cell in cells)

    def _codes(self, cells: list[Any]) -> str:
        """Return an example of text codes with leading zeros, or ""."""
        texts, counts = self.texts
        if len(texts) < len(cells) - len([cell for cell in cells if isinstance(cell, str)]):
            return ""
        padded = [(text, count) for text, count in zip(texts, counts.tolist(), strict=True) if _PADDED.fullmatch(text)]
        if not padded:
            return ""
        lengths = {len(text) for text in texts}
        many = sum(count for _, count in padded) > most_odd(self.rows)
        return padded[0][0] if many or (len(lengths) == 1 and min(lengths) >= _FEWEST_DIGITS) else ""

    def _are_months(self) -> bool:
        """Return whether all cells are months such as 01.2024, which could be numbers."""
        texts = self.texts[0]
        return bool(texts) and all(_MONTH.fullmatch(text) for text in texts) and any(text[0] == "0" for text in texts)

    def _number(self, likely: str | None) -> Guess | None:
        texts, counts = self.texts
        if not texts:
            return Guess(Column(self.name, "number", missing=self.missing_words))
        format = number_formats.learn(texts, counts, decimal_mark=self.reading.decimal_mark, likely=likely)
        column = Column(self.name, "number", None, format.decimal, format.unit, self.missing_words)
        proven = format.decimal if format.proven else None
        return Guess(column, proven=proven, doubtful=format.doubtful)

    def _clock(self) -> Guess | None:
        column = Column(self.name, "number", CLOCK, missing=self.missing_words)
        example = next((cell for cell in self.cells[:_SAMPLE] if number_formats.seconds(cell) is not None), None)
        if example is None:
            return None
        note = f"'{self.name}' holds times of day or durations: read as numbers of seconds"
        return Guess(column, f"{note} ('{example}' is {number_formats.seconds(example):.15g}).")

    def _date(self) -> Guess | None:
        texts, counts = self.texts
        if not texts:
            return Guess(Column(self.name, "date", missing=self.missing_words))
        format = date_formats.learn(texts, counts, dayfirst=self.reading.dayfirst)
        if format is None:
            return None
        column = Column(self.name, "date", format.format, missing=self.missing_words)
        zone = date_formats.zone_of(texts, format.format)
        zones = "" if not zone else " in UTC" if zone[0] in "+-" else f", without the time zone {zone}"
        read_as = format.format + self._century(texts, format.format)
        note = f"'{self.name}' is text that holds dates: read as {read_as}{zones}."
        if format.exchanged is not None:
            why = f", since {format.why}" if format.why else ""
            note = (
                f"'{self.name}' is text that holds dates, which can be read as {format.format} or as "
                f"{format.exchanged}: read as {read_as}{why}. Write them as 2024-01-31, or add "
                "dayfirst=, to be sure."
            )
        return Guess(column, note)

    def _century(self, texts: Sequence[str], format: str) -> str:
        """Return what year the latest date is in, where years have two digits."""
        if "%y" not in format:
            return ""
        dates, _ = date_formats.read_dates(texts, format, self.missing_words)
        dated = np.flatnonzero(~np.isnat(dates))
        if not len(dated):
            return ""
        latest = dated[np.argmax(dates[dated])]
        return f", where {texts[latest]!r} is in {dates[latest].astype('datetime64[Y]')}"

    def _hint(self, best: tuple[int, Guess] | None) -> str:
        """Return why a column is text although most of its values are of another kind."""
        texts = self.texts[0]
        if self.reading.decimal_mark == "," and sum(map(is_number, texts)) > _MOSTLY * len(texts):
            asked = "decimal=','" if self.reading.decimal == "," else "thousands='.'"
            return f"'{self.name}' is read as text: its numbers have a decimal point, and {asked} was asked for."
        mixed = self._mixture()
        if mixed or best is None:
            return mixed
        read, guess = best
        state = self.read(guess.column)[1]
        odd = np.flatnonzero(state == ODD)
        count = int((state == READ).sum())
        total = count + len(odd)
        if read < _MOSTLY * self.counts.sum() or guess.column.unit.isalpha():
            return ""
        kinds = "dates" if guess.column.kind == "date" else "numbers"
        rows = int(np.isin(self.codes, odd).sum())
        return (
            f"'{self.name}' is read as text: {count:,} of its {total:,} distinct values are {kinds}, but "
            f"{counted(rows, 'cell')} {'is' if rows == 1 else 'are'} not, such as {self.values[odd[0]]!r}."
        )

    def _mixture(self) -> str:
        """Return that numbers or dates are written in several ways, or ""."""
        numbers = number_formats.mixture(*self.texts)
        dates = [] if numbers else date_formats.mixture(*self.texts)
        if not numbers and not dates:
            return ""
        ways = f"numbers have {numbers}" if numbers else f"dates are written in different ways ({', '.join(dates)})"
        return f"'{self.name}' is read as text: its {ways}. Write them all in one way."


def are_compact_dates(values: np.ndarray, name: str) -> bool:
    """Return whether numbers are dates such as 20240131, as the name of their column says."""
    if not _DATE_NAME.search(name):
        return False
    finite = np.unique(values[np.isfinite(values)])
    if len(finite) == 0 or (finite % 1 != 0).any():
        return False
    near = finite[(finite >= 1900_01_01) & (finite <= 2100_12_31)]
    odd = len(finite) - len(near) - int((finite == _ENDLESS).sum())
    if len(near) < 2 or odd > most_odd(len(values)) or 4 * odd > len(near):
        return False
    texts = [str(int(value)) for value in near]
    return bool((date_formats.read_dates(texts, date_formats.COMPACT, ())[1] == READ).all())


def compact_note(name: str) -> str:
    """Return the sentence on dates such as 20240131."""
    return f"'{name}' holds dates such as 20240131: read as year, month and day."
