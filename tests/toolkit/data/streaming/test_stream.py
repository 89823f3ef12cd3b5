"""A table read row group by row group: its sample, its exact counts, and the windows of an epoch."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.tables import events
from toolkit import DataError
from toolkit.data.memory import MemoryOptions
from toolkit.data.prepare import prepare
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.streaming.prepare import prepare_stream, table_to_stream
from toolkit.data.streaming.target_pieces import TargetPieces

ROWS, GROUP = 30_000, 2_500
MEMORY = MemoryOptions(memory="1MiB")


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    frame = events(rows, rng)
    frame["y"] = np.where(frame["x"] + (frame["city"] == "Oslo") + rng.normal(size=rows) > 5, "yes", "no")
    frame.loc[::50, "x"] = np.nan
    frame.loc[1::400, "y"] = None
    return frame


def stream(data, target="y", task="binary", preprocessing=None, **options) -> Any:
    opened = table_to_stream(data, MEMORY, 2, ReadingOptions(), target)
    assert opened is not None
    split = prepare_stream(opened, target, task=task, memory=MEMORY, inputs=2, **options)
    return split.preprocess(preprocessing=preprocessing or {"scaling": "standard"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("table")
    frame = table()
    for number, start in enumerate(range(0, ROWS, 10_000)):
        frame[start : start + 10_000].to_parquet(path / f"part-{number}.parquet", index=False, row_group_size=GROUP)
    return path


@pytest.fixture(scope="module")
def dataset(folder):
    return stream(folder)


def rows_of(windows):
    """Return x and y of all windows, the rows sorted."""
    parts = list(windows)
    x, y = (np.concatenate([window[index] for window in parts]) for index in (0, 1))
    rows = np.column_stack([x, y.reshape(len(y), -1)])
    return rows[np.lexsort(rows.T)]


def dealt(dataset):
    """Return the rows of the table that have a target, and the part of each."""
    parts = dataset.stream.stream.parts
    frame = table()
    assert ((parts >= 0) == frame["y"].notna()).all()
    return frame[parts >= 0], parts[parts >= 0]


def test_an_epoch_holds_each_training_row_once_in_windows_of_whole_batches(dataset):
    windows = list(dataset.stream.windows(0, 1, 32))
    sizes = [len(window[0]) for window in windows]
    assert sum(sizes) == dataset.stream.rows
    assert set(sizes[:-1]) == {dataset.stream.window(32)}
    assert dataset.stream.window(32) % 32 == 0
    assert all(window[2] is None for window in windows)
    in_order = rows_of(dataset.stream.windows(0, 1, 32, shuffle=False))
    np.testing.assert_array_equal(rows_of(iter(windows)), in_order)


def test_the_rows_are_those_of_the_table_that_the_split_deals_to_training(dataset, folder):
    frame, part = dealt(dataset)
    train = frame[part == 0].reset_index(drop=True)
    assert dataset.part_sizes == dict(zip(("train", "validation", "test"), np.bincount(part).tolist(), strict=True))
    in_memory: Any = prepare(train, "y", task="binary", test=0, validation=0).preprocess(
        preprocessing={"scaling": "standard"}
    )
    expected = np.column_stack([in_memory.x("train"), in_memory.y("train")])
    found = rows_of(dataset.stream.windows(0, 1, 32))
    assert dataset.preprocessing.names == in_memory.preprocessing.names
    for rows in (expected, found):  # a missing number is filled with the median of the sample
        rows[rows[:, dataset.preprocessing.names.index("x is missing")] == 1, 0] = 0
    # Dates have a scale of the sample.
    exact = [index for index, name in enumerate(dataset.preprocessing.names) if not name.startswith("day")] + [-1]
    expected, found = (rows[:, exact] for rows in (expected, found))
    expected, found = (rows[np.lexsort(rows.T)] for rows in (expected, found))
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("scaling", ["standard", "mean", "robust", "smooth"])
def test_the_encoding_is_that_of_all_training_rows_in_memory_but_for_quantiles(folder, scaling):
    options = {"scaling": scaling, "pieces": 8, "rare": 3}
    streamed = stream(folder, preprocessing=options)
    frame, part = dealt(streamed)
    train = frame[part == 0].reset_index(drop=True)
    in_memory: Any = prepare(train, "y", task="binary", test=0, validation=0).preprocess(preprocessing=options)
    assert streamed.preprocessing.columns == in_memory.preprocessing.columns
    assert streamed.target == in_memory.target
    pairs = zip(streamed.preprocessing.by_column, in_memory.preprocessing.by_column, strict=True)
    for column, (found, expected) in zip(streamed.preprocessing.columns, pairs, strict=True):
        if column.kind == "category":
            assert found == expected
        elif column.kind == "number":
            assert found.missing == expected.missing
            atol = {"x": 0.15, "count": 50}[column.name]
            moments = {"standard": 1e-9, "mean": 1e-9}.get(scaling, atol)
            np.testing.assert_allclose([found.center, found.spread], [expected.center, expected.spread], atol=moments)
            for first, second in ((found.fill, expected.fill), (found.edges[1:-1], expected.edges[1:-1])):
                np.testing.assert_allclose(first, second, atol=atol)
        else:
            assert (found.origin, found.parts, found.clock) == (expected.origin, expected.parts, expected.clock)


def test_the_order_is_a_function_of_the_seed_and_the_epoch(dataset):
    def order(seed, epoch):
        return np.concatenate([window[0] for window in dataset.stream.windows(seed, epoch, 32)])

    np.testing.assert_array_equal(order(0, 1), order(0, 1))
    assert (order(0, 1) != order(0, 2)).any()
    assert (order(0, 1) != order(1, 1)).any()


def test_the_rows_of_a_window_come_from_many_row_groups(folder):
    frame = table().assign(count=np.arange(ROWS) // GROUP)
    path = folder.parent / "sorted.parquet"
    frame.to_parquet(path, index=False, row_group_size=GROUP)
    rows = stream(path, keep=["count"]).stream
    names = rows.preprocessing.names
    first = next(rows.windows(0, 1, 32))[0]
    assert len(np.unique(first[:, names.index("count")].round(4))) >= 6


def test_the_sample_is_drawn_evenly_and_equal_in_each_call(dataset, folder):
    again = stream(folder)
    np.testing.assert_array_equal(dataset.source_rows, again.source_rows)
    shares = np.histogram(dataset.source_rows, bins=10, range=(1, ROWS))[0] / len(dataset.source_rows)
    assert np.abs(shares - 0.1).max() < 0.02
    frame = table()
    for index in (0, 100, -1):
        row = frame.iloc[dataset.source_rows[index] - 1]
        assert dataset.target_frame["y"].iloc[index] == row["y"]


def test_rows_without_a_target_are_counted(dataset):
    assert f"{len(range(1, ROWS, 400))} rows without a target were dropped." in dataset.notes
    assert sum(dataset.part_sizes.values()) == ROWS - len(range(1, ROWS, 400))


def test_a_csv_file_gives_the_rows_and_the_split_of_the_parquet_files(dataset, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "table.csv"
    table().to_csv(path, index=False)
    from_text = stream(path)
    assert from_text.part_sizes == dataset.part_sizes
    np.testing.assert_array_equal(from_text.source_rows, dataset.source_rows)
    assert from_text.preprocessing.names == dataset.preprocessing.names
    assert from_text.target.classes == dataset.target.classes
    np.testing.assert_allclose(
        rows_of(from_text.stream.windows(0, 1, 32)), rows_of(dataset.stream.windows(0, 1, 32)), atol=1e-6
    )


def test_a_regression_target_is_scaled_by_all_training_rows(folder):
    dataset = stream(folder, target="x", task="regression", drop=["y"])
    y = np.concatenate([window[1] for window in dataset.stream.windows(0, 1, 32)])
    assert abs(y.mean()) < 1e-4
    assert abs(y.std() - 1) < 1e-4


def test_weights_have_a_mean_of_1_and_balanced_classes_weigh_the_same(folder):
    opened = table_to_stream(folder, MEMORY, 2, ReadingOptions(), "y")
    split = prepare_stream(opened, "y", task="binary", memory=MEMORY, inputs=2, sample_weight="count")
    rows = split.preprocess(class_weight="balanced").stream
    y, weights = (np.concatenate([window[index] for window in rows.windows(0, 1, 32)]) for index in (1, 2))
    assert weights.mean() == pytest.approx(1, abs=1e-4)
    ratio = weights[y[:, 0] == 1].mean() / weights[y[:, 0] == 0].mean()
    assert ratio == pytest.approx((y == 0).sum() / (y == 1).sum(), rel=0.05)  # the counts vary by themselves


def test_groups_and_times_are_split_by(folder):
    by_time = stream(folder, time="day")
    assert "day" not in by_time.features.frame
    assert "Split by time" in by_time.split_reason
    frame, part = dealt(by_time)
    assert frame["day"][part == 0].max() < frame["day"][part == 1].min()
    assert frame["day"][part == 1].max() < frame["day"][part == 2].min()
    by_group = stream(folder, group="count")
    part = dealt(by_group)[1]
    assert frame.assign(part=part).groupby("count")["part"].nunique().max() == 1


def test_a_small_table_is_read_at_once(folder, tmp_path):
    table(200).to_parquet(tmp_path / "small.parquet")
    assert table_to_stream(tmp_path / "small.parquet", MEMORY, 2, ReadingOptions(), "y") is None
    assert table_to_stream(folder, MemoryOptions(memory="1GiB"), 34, ReadingOptions(), "y") is None
    with pytest.raises(DataError, match="memory= is for Parquet and text files"):
        table_to_stream(table(200), MEMORY, 2, ReadingOptions(), "y")
    assert table_to_stream(table(200), MemoryOptions(), 2, ReadingOptions(), "y") is None


def test_labels_that_come_later_are_checked_and_their_row_is_named(tmp_path):
    path = tmp_path / "table.parquet"
    table().to_parquet(path, index=False, row_group_size=GROUP)
    opened: Any = table_to_stream(path, MEMORY, 2, ReadingOptions(), "y")
    learned = TargetPieces(opened, stream(path).target)
    frames = [pd.DataFrame({"y": cells}) for cells in (["yes", "no", "yes"], ["no", "?", "no"], ["yes", "maybe"])]
    y, present = learned.add(frames[0], np.arange(1, 4))
    assert (y[:, 0].tolist(), present.tolist()) == ([1, 0, 1], [True, True, True])
    y, present = learned.add(frames[1], np.arange(4, 7))
    assert (y[:, 0].tolist(), present.tolist()) == ([0, 0], [True, False, True])
    with pytest.raises(DataError, match="holds 'maybe' in row 8"):
        learned.add(frames[2], np.arange(7, 9))


def test_labels_of_other_types_in_a_second_file_are_refused_and_notes_on_the_sample_say_so(tmp_path):
    frame = table(8_000)[["x", "count"]].assign(y=np.arange(8_000) % 2)
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    frame.assign(y=frame["y"].map(decimal.Decimal)).to_parquet(tmp_path / "b.parquet", index=False)
    with pytest.raises(DataError, match=r"target 'y' of .* holds cells of type Decimal"):
        stream(tmp_path)
    words = frame["y"].map({0: "no", 1: "yes"}).where(frame.index % 9 > 0, "NA")
    for name in ("a", "b"):
        frame.assign(y=words).to_parquet(tmp_path / f"{name}.parquet", index=False)
    notes = stream(tmp_path).notes
    dropped = next(index for index, note in enumerate(notes) if "whose target is 'NA', read as missing" in note)
    assert "The numbers of rows in the next notes are those of the sample." in notes[:dropped]


@pytest.mark.parametrize(("task", "target"), [("binary", "y"), ("regression", "x"), ("multilabel", ["a", "b"])])
def test_pieces_whose_targets_are_all_words_for_missing_are_left_out(tmp_path, task, target):
    frame = table().assign(a=lambda rows: rows["count"] % 2, b=lambda rows: rows["count"] % 3 % 2)
    frame = frame[["count", "day", *np.atleast_1d(target)]].dropna()
    frame[target] = frame[target].astype(str)
    frame.iloc[8_000:14_000, 2:] = "?"
    frame.to_parquet(tmp_path / "table.parquet", index=False, row_group_size=GROUP)
    rows = stream(tmp_path / "table.parquet", target, task, keep=["count"]).stream
    assert rows.rows == sum(len(window[0]) for window in rows.windows(0, 1, 32))
    assert 0.9 < rows.rows / (np.mean(rows.stream.parts == 0) * (len(frame) - 6_000)) < 1.1


@pytest.mark.parametrize("rows", [ROWS - 9_000, ROWS - 8_000])
def test_files_that_change_during_a_training_end_it(tmp_path, rows):
    path = tmp_path / "table.parquet"
    table(ROWS - 8_000).to_parquet(path, index=False)
    training_rows = stream(path).stream
    table(rows, seed=1).to_parquet(path, index=False)
    with pytest.raises(DataError, match=r"table\.parquet has changed since the training began"):
        list(training_rows.windows(0, 1, 32))


def test_without_test_and_validation_rows_even_the_newest_trains(folder):
    by_time = stream(folder, time="day", test=0, validation=0)
    assert (by_time.part_sizes["validation"], by_time.part_sizes["test"]) == (0, 0)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"seed": -1}, "seed"),
        ({}, {"seed": 2**60}, "seed"),
        ({"count": -1}, {"sample_weight": "count"}, r"row 25001 of table\.parquet"),
    ],
)
def test_errors_name_the_option_or_the_row_of_the_table(tmp_path, change, options, message):
    frame = table()
    for name, value in change.items():
        frame.loc[25_000, [name, "y"]] = value, "yes"
    frame.to_parquet(tmp_path / "table.parquet", index=False)
    with pytest.raises(DataError, match=message):
        stream(tmp_path / "table.parquet", **options)
