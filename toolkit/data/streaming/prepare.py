"""From files that need not fit into memory to a sample that is split like the table, and a stream of training rows."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.checks import check_whole
from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing
from toolkit.data import prepare as preparing
from toolkit.data.column_kinds import infer
from toolkit.data.dataset import SplitData
from toolkit.data.memory import MemoryOptions, needed, readable
from toolkit.data.named_columns import NamedColumns
from toolkit.data.reading.files import STANDARD_INPUT, is_text_file, open_text, paths_of
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.row_equality import compared_columns, row_hashes
from toolkit.data.source import load, names_of
from toolkit.data.split import is_drawn, share_from_text, shares_of
from toolkit.data.stratify import PARTS
from toolkit.data.streaming.dealing import Dealer, common_hashes, times_of, uniform
from toolkit.data.streaming.merging import collect_frames
from toolkit.data.streaming.row_groups import RowGroups
from toolkit.data.streaming.sample import Sample, draw, with_target
from toolkit.data.streaming.stream import Stream
from toolkit.data.streaming.text_cache import converted
from toolkit.distributed.workers import ALONE, Workers

__all__ = ["prepare_stream", "table_to_stream"]

_HEAD_ROWS = 20_000
_MOST_CELLS, _MOST_ROWS = 1 << 19, 1 << 14  # of a piece that is read
_SAMPLE_SHARE = 1 / 8  # of the memory
_FEWEST, _MOST = 4_000, 100_000  # training rows of the sample; there are half as many validation and test rows
_MOST_TIMES = 200_000
_FEW_GROUPS = 4
_MOST_PER_BYTE = 10_000  # bytes that a byte of Parquet may take in memory: smaller files are not opened here
_PACKED = 5  # characters of a byte of packed text
_HEAD_BYTES = 1 << 16


def table_to_stream(
    source: Any,
    memory: MemoryOptions,
    inputs: float,
    reading: ReadingOptions,
    target: Any,
    *,
    in_windows: bool = False,
    always: bool = False,
) -> RowGroups | None:
    """Return a table whose training would take more memory than it may; None for one to be read at once.

    Args:
        source: What the user gave. Parquet and text files are streamed.
        memory: The memory that the training may take.
        inputs: The inputs that a network has for a cell.
        reading: How text files are read.
        target: The name of the target column, or several.
        in_windows: Whether the inputs of many rows in memory are computed window by window. Text is judged as if they
            were not: its cells take more memory while they are read.
        always: Whether to stream a small table, too: each of several workers reads a part of it.

    Raises:
        DataError: The memory is limited, or there are several workers, for something else than files; a file can't be
            read.
    """
    if not isinstance(source, str | Path) or str(source) == STANDARD_INPUT:
        if always or memory.memory is not None:
            option = "workers=" if always else "memory="
            what = "standard input" if isinstance(source, str) else f"a {type(source).__name__}"
            raise DataError(
                f"{option} is for Parquet and text files, which can be read anew in each epoch, and data is "
                f"{what}: leave it out."
            )
        return None
    expanded = os.path.expanduser(source)
    if os.path.exists(expanded) and not (os.path.isfile(expanded) or os.path.isdir(expanded)):
        return _not_for_workers("a pipe") if always else None
    paths, name = paths_of(source)
    if all(path.suffix.lower() in (".parquet", ".pq") for path in paths):
        if not always and sum(path.stat().st_size for path in paths) * _MOST_PER_BYTE < memory.budget:
            return None
        table = RowGroups(paths, name)
        size = needed(table.rows, table.row_bytes, len(table.labels), inputs, in_windows=in_windows)
        return table if always or size > memory.budget else None
    if all(map(is_text_file, paths)) and (always or _needed_for_text(paths, inputs) > memory.budget):
        return converted(source, reading, names_of(target))
    return _not_for_workers(name) if always else None


def _not_for_workers(name: str) -> None:
    raise DataError(
        f"workers= is for Parquet and text files, of which each worker reads a part, and data is {name}: leave it out."
    )


def _needed_for_text(paths: Sequence[Path], inputs: float) -> int:
    """Return about how many bytes a training on text files takes, judged by the first lines of the first one."""
    size = sum(path.stat().st_size * (_PACKED if path.suffix in (".gz", ".bz2", ".xz") else 1) for path in paths)
    try:
        with open_text(paths[0]) as file:
            text = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except (OSError, EOFError, ValueError):
        return 0  # reading it says what is wrong
    lines = text.splitlines()[:-1] or [text]
    try:
        separator = csv.Sniffer().sniff("\n".join(lines[:20]), ",;\t|").delimiter
    except csv.Error:
        separator = ","
    cells = sum(line.count(separator) + 1 for line in lines) / len(lines)
    rows = size / max(1.0, len(text) / len(lines))
    return needed(int(rows), size / max(1.0, rows), cells, inputs)


def prepare_stream(
    table: RowGroups,
    target: Any,
    *,
    task: str,
    test: Any = None,
    seed: int = 0,
    memory: MemoryOptions,
    inputs: float,
    workers: Workers = ALONE,
    **options: Any,
) -> SplitData:
    """Deal the rows of a table, and return a sample of them, described and split, with the stream of training rows.

    Args:
        table: The table.
        target: As for `toolkit.data.prepare.prepare`; so are the task, the test rows, the seed and the options.
        memory: The memory that a training may take.
        inputs: The inputs that a network has for a cell.
        workers: The processes that train together; each reads row groups of its own.

    Raises:
        DataError: Something in the data or the options can't be used; the message says what to do.
    """
    check_whole("seed", seed, least=0, most=2**32 - 1, optional=False)  # the rows are dealt by it before all else
    targets = preparing.target_names(target, False)
    columns = {name: options.get(name) or () for name in ("keep", "drop", "categories", "group")}
    named = NamedColumns.of(**columns, time=options.get("time"), sample_weight=options.get("sample_weight"))
    reading = ReadingOptions(**{name: value for name, value in options.items() if name in vars(ReadingOptions())})
    shares = {"test": share_from_text(test), "validation": share_from_text(options.get("validation"))}
    _check(table, named, options.get("sample_weight"), shares)
    size = max(256, min(_MOST_ROWS, _MOST_CELLS // len(table.labels)))
    sizes = _sample_sizes(table, memory.budget, inputs)
    fractions, why = shares_of(table.rows, **shares)
    if fractions[1] * table.rows > sizes[1] and None in shares.values():  # metrics need a number of rows, not a share
        fractions = _fewer(fractions, sizes, table.rows, shares)
        why += f", and no more than about {sizes[1]:,} rows where you name none"
    head = _head(table, size)
    named.check(load(table.table_of(head), targets, task, reading=reading), targets)
    names = compared_columns(head, {*named.excluded(), *targets}, named.keep)
    dealer = Dealer(names, fractions, int(seed), None, next(iter(named.group), None))
    if named.time is not None:
        dealer = _by_time(table, dealer, named.time, targets, reading, size, workers)
    else:
        dealer = replace(dealer, common=common_hashes(row_hashes(head, names)) if names else None)
    sample = draw(table, dealer, targets, sizes, classes=task in ("binary", "multiclass"), size=size, workers=workers)
    for part, share in zip(PARTS, fractions, strict=True):
        if share > 0 and not sample.counts[part]:
            raise DataError(f"no rows of {table.name} are left for {part}: {_how(dealer, named)}")
    sampled = replace(table.table_of(sample.frame), rows=sample.positions + 1, part=sample.part)
    split = preparing.prepare(sampled, target, task=task, test=test, seed=seed, **options)
    parts = sample.table_parts
    stream = Stream(table, parts, split.features, sample.counts, size, memory.budget, named.sample_weight, workers)
    return replace(
        split,
        stream=stream,
        split_reason=_reason(sample, dealer, named, why),
        notes=[*_notes(table, sample, memory.budget, workers), *_about_sample(split.notes)],
        unit="group" if named.group else "row",
    )


def _check(table: RowGroups, named: NamedColumns, weights: Any, shares: dict[str, Any]) -> None:
    """Check that the columns have names of their own, and that no option needs all rows in memory."""
    repeated = sorted({label for label in table.labels if table.labels.count(label) > 1})
    if repeated:
        raise DataError(f"{table.name} has several columns named {listing(repeated)}: give each a name of its own.")
    wrong = [f"{part}= names rows of their own" for part, rows in shares.items() if not is_drawn(rows)]
    wrong += ["group= names several columns"] if len(named.group) > 1 else []
    wrong += ["sample_weight= is an array"] if weights is not None and not isinstance(weights, str) else []
    if wrong:
        raise DataError(
            f"{wrong[0]}, for which all rows of {table.name} must be in memory, and training would take more than "
            "memory= allows: leave it out, or give more memory."
        )


def _sample_sizes(table: RowGroups, budget: int, inputs: float) -> tuple[int, int, int]:
    """Return how many rows of each part are kept in memory."""
    row_size = needed(1, table.row_bytes, len(table.labels), inputs)
    train = max(_FEWEST, min(_MOST, int(budget * _SAMPLE_SHARE / row_size)))
    return train, train // 2, train // 2


def _fewer(
    fractions: tuple[float, float, float], most: Sequence[int], rows: int, shares: dict[str, Any]
) -> tuple[float, float, float]:
    """Return the shares, with no more validation and test rows than are kept in memory where the user named none."""
    limits = [
        limit / rows if shares[part] is None else 1.0 for part, limit in zip(PARTS, most, strict=True) if part in shares
    ]
    validation, test = (min(share, limit) for share, limit in zip(fractions[1:], limits, strict=True))
    return 1 - validation - test, validation, test


def _head(table: RowGroups, size: int) -> pd.DataFrame:
    """Return the first rows."""
    frames, rows = [], 0
    for _, frame in itertools.chain.from_iterable(table.batches(group, size) for group in table.groups):
        frames.append(frame)
        rows += len(frame)
        if rows >= _HEAD_ROWS:
            break
    return pd.concat(frames, ignore_index=True)


def _by_time(
    table: RowGroups,
    dealer: Dealer,
    name: str,
    targets: Sequence[str],
    reading: ReadingOptions,
    size: int,
    workers: Workers,
) -> Dealer:
    """Return a dealer by time: its cuts are quantiles of the times of a sample of all rows."""
    rate = min(1.0, _MOST_TIMES / table.rows)

    def drawn() -> list[pd.DataFrame]:
        by_file: dict[Path, list[pd.DataFrame]] = {}
        for group in table.groups_of(workers.rank, workers.world):
            for start, frame in table.batches(group, size, {name, *targets}):
                chosen = uniform(np.arange(start, start + len(frame), dtype=np.uint64), dealer.seed, 2) < rate
                chosen &= with_target(frame, targets)
                by_file.setdefault(group.path, []).append(frame.loc[chosen, [name]])
        return [pd.concat(pieces, ignore_index=True) for pieces in by_file.values()]

    cells = pd.concat(collect_frames(workers, drawn), ignore_index=True)[name]
    column, _, _ = infer(cells, name, reading=reading)
    if column is None or column.kind not in ("date", "number"):
        raise DataError(f"time= names '{name}', which holds neither dates nor numbers.")
    times = np.sort(times_of(cells.to_frame(name), column))
    train, validation, test = dealer.shares
    # The first time of each part, so that rows of one time are in one part.
    firsts = (min(round(share * len(times)), len(times) - 1) for share in (train, train + validation))
    low, high = (float(times[first]) for first in firsts)
    # Without a part, not even the newest row is dealt to it.
    cuts = low if validation or test else np.inf, high if test else np.inf
    return replace(dealer, time=column, cuts=cuts)


def _how(dealer: Dealer, named: NamedColumns) -> str:
    if dealer.time is not None:
        return (
            f"Split by time: the oldest rows of '{named.time}' train, the newest are the test part. The cuts were "
            "found in a sample of the rows, and equal rows may stand in several parts."
        )
    if dealer.group is not None:
        return f"Split at random with seed {dealer.seed}, by a hash of '{dealer.group}': all rows of one in one part."
    if dealer.common is None:
        return f"Split at random with seed {dealer.seed}, row by row, since the table has few distinct rows."
    text = f"Split at random with seed {dealer.seed}, by a hash of each row's features: equal rows stand in one part."
    rows = "1 distinct row is" if len(dealer.common) == 1 else f"{len(dealer.common)} distinct rows are"
    return f"{text} {rows} so common that their copies are split freely." if len(dealer.common) else text


def _reason(sample: Sample, dealer: Dealer, named: NamedColumns, why: str) -> str:
    rows = sum(sample.counts.values())
    sizes = ", ".join(f"{part} {count:,} ({count / rows:.2%})" for part, count in sample.counts.items())
    return f"{rows:,} rows: {sizes}; {why}. {_how(dealer, named)}"


def _about_sample(notes: Sequence[str]) -> list[str]:
    """Return the notes on a sample, and before them what their numbers of rows mean."""
    counts_rows = any(re.search(r"\d rows?\b", note) for note in notes)
    return [*["The numbers of rows in the next notes are those of the sample."] * counts_rows, *notes]


def _notes(table: RowGroups, sample: Sample, budget: int, workers: Workers) -> list[str]:
    sample_sizes = np.bincount(sample.part, minlength=len(PARTS))
    parts = ", ".join(f"{count:,} {part}" for part, count in zip(PARTS, sample_sizes, strict=True))
    why = (
        f"each of {workers.world} workers read a part of it (workers=)"
        if workers.are_several
        else f"training may take {readable(budget)} (memory=)"
    )
    notes = [
        f"{table.name} ({counted(table.rows, 'row')}) was not read into memory at once, because {why}. The network "
        f"learned from all {sample.counts['train']:,} training rows, whose means, extremes and levels were counted "
        "exactly. Quantiles, distributions, suspected leaks, baselines, calibration and metrics are those of a random "
        f"sample of {len(sample.part):,} rows ({parts})."
    ]
    idle = sum(not table.groups_of(rank, workers.world) for rank in range(workers.world))
    if idle:
        notes.append(
            f"{table.name} has only {counted(len(table.groups), 'row group')}, and so {idle} of {workers.world} "
            "workers read no rows: write row groups of some 100,000 rows."
        )
    if len(table.groups) < _FEW_GROUPS and table.rows > 2 * _HEAD_ROWS:
        notes.append(
            f"{table.name} has only {counted(len(table.groups), 'row group')}, within which rows are shuffled over "
            "short distances. If they are sorted, write them in random order, or in row groups of some 100,000 rows."
        )
    if sample.without_target:
        were = "was" if sample.without_target == 1 else "were"
        notes.append(f"{counted(sample.without_target, 'row')} without a target {were} dropped.")
    return notes
