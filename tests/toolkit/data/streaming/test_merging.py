"""Several workers read a part of the row groups each, and know together what one alone would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.tables import events
from tests.helpers.thread_workers import run_together
from toolkit import DataError
from toolkit.data.memory import MemoryOptions
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.streaming.merging import collect_frames
from toolkit.data.streaming.prepare import prepare_stream, table_to_stream
from toolkit.distributed.workers import ALONE

ROWS, GROUP = 24_000, 1_500
MEMORY = MemoryOptions(memory="1MiB")


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    frame = events(rows, rng)
    frame["kind"] = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.399, 0.001])
    frame["price"] = frame["x"] * 3 + rng.normal(size=rows)
    frame.loc[::50, "x"] = np.nan
    frame.loc[1::400, "kind"] = None
    return frame


def write(frame, folder, group=GROUP):
    for number, start in enumerate(range(0, len(frame), 8_000)):
        frame[start : start + 8_000].to_parquet(folder / f"part-{number}.parquet", index=False, row_group_size=group)
    return folder


def dataset(data, workers, target="kind", task="multiclass", **options) -> Any:
    opened = table_to_stream(data, MEMORY, 2, ReadingOptions(), target)
    assert opened is not None
    split = prepare_stream(opened, target, task=task, memory=MEMORY, inputs=2, workers=workers, **options)
    return split.preprocess(preprocessing={"scaling": "standard"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(table(), tmp_path_factory.mktemp("table"))


CALLS = [
    {},
    {"target": "price", "task": "regression"},
    {"time": "day"},
    {"target": "price", "task": "regression", "time": "x", "drop": "kind"},
    {"group": "count"},
]


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_sample_split_and_preprocessing_are_those_of_one_process(folder, call):
    if call.get("time") == "x":
        frame = table().dropna(subset="x")
        folder = write(frame, folder / "no-gaps") if (folder / "no-gaps").mkdir() is None else folder
    alone = dataset(folder, ALONE, **call)
    for several in run_together(3, lambda workers: dataset(folder, workers, **call)):
        pd.testing.assert_frame_equal(several.features.frame, alone.features.frame)
        assert several.source_rows.tolist() == alone.source_rows.tolist()
        assert several.part_sizes == alone.part_sizes
        assert sum(several.stream.rows_by_worker) == alone.stream.rows
        assert several.preprocessing.names == alone.preprocessing.names
        for part in ("train", "validation", "test"):
            np.testing.assert_array_equal(several.parts[part], alone.parts[part])
            np.testing.assert_allclose(several.x(part), alone.x(part), rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(several.y(part), alone.y(part), rtol=1e-6, atol=1e-6)
        assert several.notes[1:] == alone.notes[1:]


def test_the_workers_read_each_training_row_once(folder):
    alone = dataset(folder, ALONE)

    def rows(workers):
        windows = list(dataset(folder, workers).stream.windows(0, 1, 64))
        return np.concatenate([np.column_stack([x, y]) for x, y, _ in windows])

    parts = run_together(2, rows)
    whole = np.concatenate([np.column_stack([x, y]) for x, y, _ in alone.stream.windows(0, 1, 64)])
    assert min(map(len, parts)) > 0.4 * len(whole)
    together = np.concatenate(parts)
    together, whole = (array[np.lexsort(array.T)] for array in (together, whole))
    np.testing.assert_allclose(together, whole, rtol=1e-5, atol=1e-6)


def test_a_class_that_stands_in_one_part_of_the_table_is_known_to_all(tmp_path):
    frame = table().sort_values("kind", ignore_index=True)
    write(frame, tmp_path)
    for several in run_together(2, lambda workers: dataset(tmp_path, workers)):
        assert list(several.target.classes) == ["a", "b", "c"]
        assert several.preprocessing.names == dataset(tmp_path, ALONE).preprocessing.names


def test_a_worker_without_row_groups_knows_what_the_others_read(tmp_path):
    write(table(8_000), tmp_path, group=8_000)
    alone = dataset(tmp_path, ALONE)
    both = run_together(2, lambda workers: dataset(tmp_path, workers))
    for several in both:
        assert several.stream.rows_by_worker == (alone.stream.rows, 0)
        np.testing.assert_allclose(several.x("train"), alone.x("train"), rtol=1e-6, atol=1e-6)
    assert list(both[1].stream.windows(0, 1, 32)) == []
    assert any("1 row group, and so 1 of 2 workers read no rows" in note for note in both[0].notes)


def test_odd_cells_are_counted_over_all_workers(tmp_path):
    frame = table().astype({"count": object})
    frame["count"] = frame["count"].astype(str)
    frame.loc[20_000:20_003, "count"] = "many"  # in the rows of one worker
    write(frame, tmp_path)
    alone = dataset(tmp_path, ALONE)
    note = next(note for note in alone.notes if "'count'" in note and "missing" in note)
    for several in run_together(2, lambda workers: dataset(tmp_path, workers)):
        assert note in several.notes


def test_a_cell_that_one_worker_cannot_use_is_an_error_of_all(tmp_path):
    frame = table()
    frame["weight"] = 1.0
    frame.loc[12_345, "weight"] = -1.0
    write(frame, tmp_path)
    with pytest.raises(DataError) as alone:
        dataset(tmp_path, ALONE, sample_weight="weight")
    with pytest.raises(DataError) as several:
        run_together(2, lambda workers: dataset(tmp_path, workers, sample_weight="weight"))
    assert str(several.value) == str(alone.value)


def test_frames_of_all_kinds_of_cells_come_back_as_they_were():
    import datetime
    from decimal import Decimal

    frame = pd.DataFrame(
        {
            "text": ["a", None],
            "number": [1.5, np.nan],
            "whole": pd.array([1, None], dtype="Int64"),
            "flag": pd.array([True, None], dtype="boolean"),
            "day": [datetime.date(2020, 1, 1), None],
            "amount": [Decimal("1.20"), None],
            "time": pd.to_datetime(["2020-01-01 10:00", None]).tz_localize("Europe/Oslo"),
            "nothing": [None, None],
            0: [1, 2],
        }
    )
    for collected in run_together(2, lambda workers: collect_frames(workers, lambda: [frame] * workers.rank)):
        assert len(collected) == 1
        pd.testing.assert_frame_equal(collected[0], frame, check_dtype=False)
