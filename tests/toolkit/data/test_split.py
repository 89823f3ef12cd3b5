"""How rows are split."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.people import people
from tests.helpers.tables import kinds
from toolkit.common.errors import DataError
from toolkit.data.prepare import prepare
from toolkit.data.stratify import FOLDS, deal, deal_by_labels


@pytest.mark.parametrize(
    ("rows", "shares"),
    [(500, (0.6, 0.2, 0.2)), (5_000, (0.64, 0.16, 0.2)), (30_000, (0.7, 0.15, 0.15)), (100_000, (0.8, 0.1, 0.1))],
)
def test_parts_are_sized_by_the_number_of_rows(rows, shares):
    rng = np.random.default_rng(0)
    table = prepare((rng.random((rows, 1)), rng.integers(0, 2, rows)), task="binary")
    sizes = [len(table.parts[part]) / rows for part in ("train", "validation", "test")]
    np.testing.assert_allclose(sizes, shares, atol=2 / rows)
    assert f"{rows:,} rows: train" in table.split_reason


def test_every_row_is_in_one_part_in_order():
    table = prepare(people(), "label", task="binary")
    assert sorted(np.concatenate(list(table.parts.values()))) == list(range(200))
    for rows in table.parts.values():
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"test": 0.3}, (112, 28, 60)),
        ({"test": "0.3"}, (112, 28, 60)),
        ({"validation": 0.1}, (140, 20, 40)),
        ({"test": 0.25, "validation": 0.25}, (100, 50, 50)),
    ],
)
def test_fractions_are_taken_of_all_rows(options, sizes):
    table = prepare(people(), "label", task="binary", **options)
    assert tuple(len(table.parts[part]) for part in ("train", "validation", "test")) == sizes


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"test": 50}, (120, 30, 50)),
        ({"test": "50"}, (120, 30, 50)),
        ({"test": np.int64(50), "validation": 10}, (140, 10, 50)),
        ({"test": 0}, (160, 40, 0)),
        ({"test": "0", "validation": 50.0}, (150, 50, 0)),
        ({"validation": 0}, (160, 0, 40)),
        ({"test": "20%", "validation": " 12.5 %"}, (135, 25, 40)),
        ({"test": 0, "validation": 0}, (200, 0, 0)),
    ],
)
@pytest.mark.parametrize("by_time", [False, True])
@pytest.mark.parametrize(("task", "target"), [("binary", "label"), ("regression", "age"), ("multilabel", ["a", "b"])])
def test_a_whole_number_is_a_number_of_rows(options, sizes, by_time, task, target):
    rng = np.random.default_rng(0)
    frame = people().assign(day=np.arange(200.0), a=rng.integers(0, 2, 200), b=np.arange(200) % 7 == 0)
    frame["age"] = rng.normal(size=200)
    table = prepare(frame, target, task=task, **options, **({"time": "day"} if by_time else {}))
    assert tuple(len(table.parts[part]) for part in ("train", "validation", "test")) == sizes
    assert (table.folds is None) == (by_time or "validation" in options)
    assert set(table.describe()) == set(prepare(frame, target, task=task).describe())


@pytest.mark.parametrize("value", [1, -1, 2.5, True, float("nan"), "1", "100%"])
def test_a_share_that_is_none_is_refused_with_what_to_give(value):
    with pytest.raises(DataError, match=r"test=.* is not a fraction .* nor a number of rows \(2 or more, or 0 for no"):
        prepare(people(), "label", task="binary", test=value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 200}, "test=200 leaves no rows to train on: there are 200"),
        ({"test": 150, "validation": 0.25}, "test=150 and validation=0.25 leave no rows to train on"),
    ],
)
def test_rows_are_left_to_train_on(options, message):
    with pytest.raises(DataError, match=message):
        prepare(people(), "label", task="binary", **options)


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_columns():
    frame = people()
    first, again = (prepare(frame, "label", task="binary", seed=4).parts for _ in range(2))
    turned = prepare(frame[frame.columns[::-1]], "label", task="binary", seed=4).parts
    other = prepare(frame, "label", task="binary", seed=5).parts
    for part in first:
        np.testing.assert_array_equal(first[part], again[part])
        np.testing.assert_array_equal(first[part], turned[part])
    assert first["test"].tolist() != other["test"].tolist()


def test_rows_outside_the_test_part_are_dealt_into_stratified_folds_equal_rows_together():
    frame = people()
    frame = pd.concat([frame, frame.head(30)], ignore_index=True)
    table = prepare(frame, "label", task="binary")
    assert table.folds is not None
    np.testing.assert_array_equal(np.flatnonzero(table.folds < 0), table.parts["test"])
    known = np.flatnonzero(table.folds >= 0)
    counts = pd.crosstab(table.folds[known], table.target_frame.iloc[known, 0])
    assert len(counts) == FOLDS
    assert (counts.max() - counts.min() <= 6).all()  # a copy goes where the row is
    each = table.features.frame.assign(fold=table.folds).groupby(list(table.features.frame.columns), dropna=False)[
        "fold"
    ]
    assert (each.nunique() == 1).all()


def test_a_group_stands_in_one_fold():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=600), "y": rng.normal(size=600), "g": rng.integers(0, 80, 600)})
    table = prepare(frame, "y", task="regression", group="g")
    assert table.folds is not None
    groups = frame["g"].to_numpy()[table.source_rows - 1]
    assert (pd.Series(table.folds).groupby(groups).nunique() == 1).all()


@pytest.mark.parametrize("options", [{"validation": 0.2}, {"time": "when"}, {"group": "few"}])
def test_there_are_no_folds_where_the_validation_rows_are_chosen_or_the_newest_or_few(options):
    rng = np.random.default_rng(0)
    numbers = {
        "x": rng.normal(size=200),
        "y": rng.normal(size=200),
        "when": np.arange(200.0),
        "few": np.arange(200) // 10,
    }
    assert prepare(pd.DataFrame(numbers), "y", task="regression", **options).folds is None


@given(st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_classes_keep_their_shares_in_every_part(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, 400, p=[0.7, 0.2, 0.1])
    table = prepare((rng.random((400, 2)), y), task="multiclass", seed=seed)
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        counts = np.bincount(y[table.parts[part]], minlength=3)
        np.testing.assert_allclose(counts, share * np.bincount(y), atol=1.5)


def test_a_regression_target_has_the_same_quantiles_in_every_part():
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(0, 1, 800))
    table = prepare((rng.random((800, 2)), y), task="regression")
    deciles = np.quantile(y, np.linspace(0.1, 0.9, 9))
    for rows in table.parts.values():
        shares = np.diff(np.searchsorted(np.sort(y[rows]), deciles), prepend=0) / len(rows)
        np.testing.assert_allclose(shares, 0.1, atol=0.02)


def test_labels_keep_their_shares_in_every_part_rare_ones_too():
    rng = np.random.default_rng(0)
    y = (rng.random((600, 4)) < [0.5, 0.2, 0.05, 0.02]).astype(int)
    table = prepare((rng.random((600, 2)), y), task="multilabel")
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        np.testing.assert_allclose(y[table.parts[part]].sum(axis=0), share * y.sum(axis=0), atol=2.5)
        assert abs(len(table.parts[part]) - share * 600) <= 12


def test_iterative_stratification_deals_the_rarest_label_first():
    # Two rows carry the rare label; halves must get one each, although chance would put both into one half often.
    labels = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0]], dtype=float)
    for seed in range(20):
        parts = deal_by_labels(labels, [0.5, 0.5], np.random.default_rng(seed))
        assert sorted(parts[:2]) == [0, 1]
        assert np.bincount(parts).tolist() == [3, 3]


@given(st.integers(0, 1_000), st.sampled_from(["binary", "regression", "multilabel"]))
@settings(max_examples=20, deadline=None)
def test_equal_rows_never_stand_in_two_parts(seed, task):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, (200, 2)).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = rng.integers(0, 2, (200, 2)) if task == "multilabel" else rng.permutation(np.arange(200) % 2)
    table = prepare((x, y), task=task, seed=seed)
    keys = pd.Series([str(row) for row in table.features.frame.to_numpy().tolist()])
    found = [set(keys[rows]) for rows in table.parts.values()]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(found, 2))
    assert "equal rows always stand in one part" in table.split_reason


def test_equal_rows_of_every_kind_stay_together_and_zeros_are_equal():
    frame = people(60).drop(columns="amount")
    frame.loc[0, "age"], frame.loc[1, "sex"], frame.loc[2, "joined"] = 0.0, None, pd.NaT
    twice = pd.concat([frame, frame], ignore_index=True)
    twice.loc[60, "age"] = -0.0
    table = prepare(twice, "label", task="binary")
    part = np.empty(120, dtype=object)
    for name, rows in table.parts.items():
        part[rows] = name
    assert (part[:60] == part[60:]).all()
    assert "60 rows repeat another row's features" in table.split_reason


def test_units_number_the_rows_with_equal_features():
    frame = people(60)
    table = prepare(pd.concat([frame, frame], ignore_index=True), "label", task="binary").preprocess()
    assert table.units.dtype == np.int64
    np.testing.assert_array_equal(table.units[:60], table.units[60:])
    assert sorted(set(table.units)) == list(range(60))


def test_a_table_of_counts_is_split_freely_and_says_so():
    frame = pd.DataFrame({"sex": ["f", "m"] * 100, "y": [0, 0, 1, 1] * 50})
    table = prepare(frame, "y", task="binary")
    assert "only 2 distinct rows in 200, so equal rows are split freely" in table.split_reason
    assert len(table.parts["test"]) == 40


@given(st.integers(0, 1_000), st.sampled_from(["binary", "regression", "multilabel"]))
@settings(max_examples=20, deadline=None)
def test_a_group_never_stands_in_two_parts(seed, task):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.random(300), "patient": rng.integers(0, 40, 300), "y": rng.integers(0, 2, 300)})
    target = ["y"] if task == "multilabel" else "y"
    table = prepare(frame, target, task=task, group="patient", seed=seed)
    found = [set(frame["patient"][rows]) for rows in table.parts.values()]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(found, 2))
    assert [column.name for column in table.features.columns] == ["x"]
    assert abs(len(table.parts["train"]) - 180) < 40


def test_rows_that_share_a_value_of_any_group_column_stay_together():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "y": rng.integers(0, 2, 300), "patient": np.arange(300) // 3})
    frame["family"] = frame["patient"] // 2 * 2
    table = prepare(frame, "y", task="binary", group=["patient", "family"])
    for name in ("patient", "family"):
        seen = [set(frame[name][rows]) for rows in table.parts.values()]
        assert all(a.isdisjoint(b) for a, b in itertools.combinations(seen, 2))
    assert "all rows of one 'patient' or 'family' in one part (50 groups)" in table.split_reason
    assert [column.name for column in table.features.columns] == ["x"]
    with pytest.raises(DataError, match="group= names 'patient', 'all', by which all rows are of one group"):
        prepare(frame.assign(all=1), "y", task="binary", group=["patient", "all"])


def test_groups_are_known_by_their_stripped_text_and_numbers_by_their_value():
    values = [["1", 1, 1.0, " 1 ", "1.0"], ["p1", "p1 ", " p1", "p1\t", "p1"], ["2", 2, "2.0", 2.0, np.int64(2)]]
    more = [[f"q{group}"] * 5 for group in range(20)]
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(23), 5)
    frame = pd.DataFrame(
        {"x": rng.normal(size=115), "y": rng.integers(0, 2, 115), "g": [v for group in values + more for v in group]}
    )
    table = prepare(frame, "y", task="binary", group="g")
    seen = [set(groups[rows]) for rows in table.parts.values()]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(seen, 2))
    assert "(23 groups)" in table.split_reason
    # The intervals of the metrics rest on the groups.
    assert table.unit == "group"
    assert len(np.unique(table.units)) == 23


def test_rows_without_a_group_are_reported():
    frame = people().assign(clinic=np.arange(200) % 40)
    frame.loc[:2, "clinic"] = np.nan
    table = prepare(frame, "label", task="binary", group="clinic")
    assert "3 rows without a 'clinic' share none with another row." in table.split_reason
    assert "(43 groups)" in table.split_reason


def test_groups_of_the_test_rows_given_leave_the_other_parts():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "y": rng.integers(0, 2, 300), "patient": np.arange(300) // 5})
    test = pd.DataFrame(
        {"x": rng.normal(size=40), "y": rng.integers(0, 2, 40), "patient": [f"{n} " for n in range(40)]}
    )
    table = prepare(frame, "y", task="binary", group="patient", test=test)
    others = np.concatenate([table.parts["train"], table.parts["validation"]])
    assert sorted(table.source_rows[others]) == list(range(201, 301))
    assert "200 rows of a 'patient' in test are left out." in table.split_reason
    without = prepare(frame, "y", task="binary", group="patient", test=test.drop(columns="patient"))
    assert len(without.parts["train"]) + len(without.parts["validation"]) == 300
    everybody = pd.DataFrame({"x": rng.normal(size=60), "y": np.arange(60) % 2, "patient": np.arange(60)})
    with pytest.raises(DataError, match=r"nothing is left to train on\. 300 rows of a 'patient' in test are left out"):
        prepare(frame, "y", task="binary", group="patient", test=everybody)


def test_a_group_column_without_values_is_refused():
    with pytest.raises(DataError, match="group= names 'clinic', which is empty in every row"):
        prepare(people().assign(clinic=None), "label", task="binary", group="clinic")


def test_groups_of_lists_are_refused():
    with pytest.raises(DataError, match="group= names 'g', whose cells are of type list; expected a number or text"):
        prepare(people().assign(g=[[1]] * 200), "label", task="binary", group="g")


def test_fewer_groups_than_parts_are_refused():
    frame = people().assign(clinic=np.arange(200) % 2)
    with pytest.raises(DataError, match="there are 2 groups; at least 3 are needed for train and validation and test"):
        prepare(frame, "label", task="binary", group="clinic")


def test_time_orders_the_parts_and_one_stamp_stays_together():
    frame = people(300).sample(frac=1, random_state=1, ignore_index=True)
    table = prepare(frame, "label", task="binary", time="joined")
    stamps = [frame["joined"][rows] for rows in table.parts.values()]
    assert stamps[0].max() < stamps[1].min()
    assert stamps[1].max() < stamps[2].min()
    assert abs(len(table.parts["test"]) - 60) < 10
    assert "orders the split by time" in table.set_aside["joined"]
    assert "by time: the oldest rows of 'joined' train" in table.split_reason
    kept = prepare(frame, "label", task="binary", time="joined", keep="joined")
    assert kinds(kept)["joined"] == "date"


def test_a_row_that_comes_again_later_is_left_out_of_the_earlier_part():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(100), "day": np.arange(100) * 2, "y": np.arange(100) % 2})
    frame.loc[99, "x"] = frame.loc[3, "x"]
    table = prepare(frame, "y", task="binary", time="day")
    assert table.rows == 99
    assert 4 not in table.source_rows
    assert "1 row with the same features as a row of a later part is left out." in table.split_reason


def test_time_that_is_missing_or_stands_still_is_refused():
    frame = people()
    with pytest.raises(DataError, match="the time column has 1 distinct values; at least 3 are needed"):
        prepare(frame.assign(day=1), "label", task="binary", time="day")
    frame.loc[3, "joined"] = pd.NaT
    with pytest.raises(DataError, match="time= names 'joined', which is missing in 1 of the rows"):
        prepare(frame, "label", task="binary", time="joined")


def test_a_class_that_only_the_newest_rows_have_cannot_be_trained():
    frame = pd.DataFrame({"x": np.random.default_rng(0).random(100), "day": np.arange(100.0), "y": ["a", "b"] * 50})
    frame.loc[97:, "y"] = "c"
    with pytest.raises(DataError, match="no row of class 'c' of 'y' is left to train on"):
        prepare(frame, "y", task="multiclass", time="day")


def test_every_class_is_in_train_however_rare():
    for seed in range(10):
        frame = pd.DataFrame({"x": np.random.default_rng(0).random(60), "y": ["a", "b"] * 29 + ["rare", "rarest"]})
        table = prepare(frame, "y", task="multiclass", seed=seed)
        assert set(frame["y"][table.parts["train"]]) == {"a", "b", "rare", "rarest"}
        assert "The test part has no row of class 'rare', 'rarest'." in table.notes


def test_too_few_rows_are_refused_with_how_many_are_needed():
    with pytest.raises(DataError, match="DataFrame has 1 row; at least 10 are needed"):
        prepare(people(1), "label", task="binary")
    frame = people(20)
    frame.loc[4:, "label"] = None
    with pytest.raises(DataError, match=r"\(rows with a target\) has 4 rows; at least 10 are needed"):
        prepare(frame, "label", task="binary")
    many = pd.DataFrame({"x": np.random.default_rng(0).random(12), "y": list("abcdefghijkl")})
    with pytest.raises(DataError, match=r"too few rows: .*at least 14 distinct rows are needed"):
        prepare(many, "y", task="multiclass")


@pytest.mark.parametrize(
    "shares", [(0.9, 0.05, 0.05), (0.25,) * 4, (0.64, 0.16, 0.2), (0.9993, 0.0002, 0.0005), (1, 0, 0)]
)
@pytest.mark.parametrize("rows", [1, 7, 999, 20_000])
def test_each_row_goes_to_the_part_that_is_furthest_below_its_share(shares, rows):
    used, expected = np.zeros(len(shares)), []
    for number in range(1, rows + 1):
        expected.append(int(np.argmax(np.array(shares) * number - used)))
        used[expected[-1]] += 1
    order = np.random.default_rng(3).permutation(rows)
    assert deal(np.zeros(rows, int), shares, np.random.default_rng(3))[order].tolist() == expected
