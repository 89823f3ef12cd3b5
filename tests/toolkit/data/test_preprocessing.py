"""Encoding: tables to matrices and back, labels to targets and back, and both through JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, RobustScaler, StandardScaler

from toolkit.common.errors import DataError
from toolkit.data.columns import Column, Columns
from toolkit.data.new_rows import coerce
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target import Target


def encoder_of(column: str, kind: str, values: Any, **options: Any) -> tuple[Preprocessing, pd.DataFrame]:
    """Fit the preprocessing on one column of canonical values."""
    dtype = {"category": object, "date": "datetime64[ns]"}.get(kind, np.float64)
    frame = pd.DataFrame({column: pd.Series(values, dtype=dtype)})
    return Preprocessing.fit(Columns(frame, (Column(column, kind),), (column,)), **options), frame


def mixed(rows: int = 60, seed: int = 0) -> tuple[pd.DataFrame, list[Column]]:
    """Canonical rows of every kind, each with missing cells."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, rows).round(1),
            "member": rng.integers(0, 2, rows).astype(float),
            "sex": pd.Series(rng.choice(["f", "m", "x"], rows), dtype=object),
            "joined": (pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")).as_unit(
                "ns"
            ),
        }
    )
    for place, name in enumerate(frame):
        frame.loc[place::7, name] = None
    return frame, [
        Column("age", "number"),
        Column("member", "boolean"),
        Column("sex", "category"),
        Column("joined", "date", "ISO8601"),
    ]


def tree_matrix(preprocessing: Preprocessing, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return preprocessing.tree_matrix(Columns(frame, preprocessing.columns, preprocessing.source_columns))


def through_json(preprocessing: Preprocessing) -> Preprocessing:
    return Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict(), allow_nan=False)))


# ------------------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("standard", [-1.5, -0.5, 0.5, 1.5]),  # mean 4, standard deviation 2 after division by sqrt(5)
        ("mean", [-0.5, -1 / 6, 1 / 6, 0.5]),  # mean 4, range 6
        ("robust", [-1.0, -1 / 3, 1 / 3, 1.0]),  # median 4, quartiles 2.5 and 5.5
    ],
)
def test_numbers_are_scaled_as_worked_out_by_hand(scaling, expected):
    preprocessing, frame = encoder_of("x", "number", [1.0, 3.0, 5.0, 7.0], scaling=scaling)
    if scaling == "standard":
        expected = np.array(expected) * 2 / np.sqrt(5)
    np.testing.assert_allclose(preprocessing.transform(frame)[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(("scaling", "scaler"), [("standard", StandardScaler()), ("robust", RobustScaler())])
def test_scaling_agrees_with_scikit_learn(scaling, scaler):
    values = np.random.default_rng(0).lognormal(3, 2, 500)
    preprocessing, frame = encoder_of("x", "number", values, scaling=scaling)
    new = pd.DataFrame({"x": np.linspace(-100, 1_000, 50)})
    scaler.fit(values[:, None])
    for rows in (frame, new):
        expected = scaler.transform(rows.to_numpy())
        # A median is the cell of a row, and is rounded.
        tolerance = {"rtol": 1e-5, "atol": 1e-6} if scaling == "standard" else {"rtol": 5e-3, "atol": 5e-3}
        np.testing.assert_allclose(preprocessing.transform(rows), expected, **tolerance)


def test_smooth_scaling_leaves_the_middle_and_holds_outliers_within_three():
    values = [*np.linspace(-1, 1, 999).tolist(), 1e6]
    smooth, frame = encoder_of("x", "number", values, scaling="smooth")
    plain, _ = encoder_of("x", "number", values, scaling="robust")
    z = plain.transform(frame).astype(np.float64)
    np.testing.assert_allclose(smooth.transform(frame), z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6)
    assert smooth.transform(pd.DataFrame({"x": [1e300]}))[0, 0] == pytest.approx(3)


def test_robust_scaling_falls_back_where_the_quartiles_are_equal():
    values = np.array([0.0] * 90 + [50_000.0] * 10)
    preprocessing, frame = encoder_of("gain", "number", values, scaling="robust")
    np.testing.assert_allclose(preprocessing.transform(frame)[:, 0], values / values.std(), rtol=1e-6)


@pytest.mark.parametrize("scaling", ["standard", "smooth", "mean", "robust"])
@pytest.mark.parametrize("value", [0.1, 1e300, -3.0])
def test_a_column_that_does_not_vary_in_training_is_not_divided_by_zero(scaling, value):
    preprocessing, frame = encoder_of("x", "number", [value] * 7, scaling=scaling)
    np.testing.assert_array_equal(preprocessing.transform(frame), np.zeros((7, 1)))
    assert np.isfinite(preprocessing.transform(pd.DataFrame({"x": [value + 1, 1e308, -1e308]}))).all()


@pytest.mark.parametrize("scaling", ["standard", "smooth", "mean", "robust"])
def test_very_large_numbers_stay_finite(scaling):
    preprocessing, frame = encoder_of("x", "number", [-1.7e308, 0.0, 1.0, 1.7e308], scaling=scaling)
    matrix = preprocessing.transform(frame)
    assert np.isfinite(matrix).all()
    assert (np.diff(matrix[:, 0]) >= 0).all()


def test_missing_numbers_become_the_median_with_a_slot_that_says_so():
    preprocessing, frame = encoder_of("x", "number", [1.0, np.nan, 2.0, 9.0])
    assert preprocessing.names == ["x", "x is missing"]
    matrix = preprocessing.transform(frame)
    assert matrix[1, 0] == matrix[2, 0]
    assert matrix[:, 1].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_missing_numbers_that_training_did_not_have_become_the_median_alone():
    preprocessing, _ = encoder_of("x", "number", [1.0, 2.0, 9.0])
    assert preprocessing.names == ["x"]
    matrix = preprocessing.transform(pd.DataFrame({"x": [np.nan, 2.0]}))
    assert matrix[0, 0] == matrix[1, 0]


def test_a_column_without_any_value_is_zero_and_missing():
    preprocessing, frame = encoder_of("x", "number", [np.nan] * 3)
    assert preprocessing.transform(frame).tolist() == [[0.0, 1.0]] * 3
    assert np.isfinite(preprocessing.transform(pd.DataFrame({"x": [5.0]}))).all()


@given(st.lists(st.floats(-1e150, 1e150), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_training_column_gives_a_finite_matrix_of_bounded_size(values):
    preprocessing, frame = encoder_of("x", "number", values)
    scaled = preprocessing.transform(frame)
    assert np.isfinite(scaled).all()
    # No value is further than sqrt(n - 1) standard deviations from the mean (Samuelson's inequality).
    assert np.abs(scaled).max() <= np.sqrt(len(values)) * 1.01


# --------------------------------------------------------------------------------------------------------- categories


def test_categories_agree_with_scikit_learn_rare_and_unseen_ones_pooled():
    rng = np.random.default_rng(0)
    values = rng.choice(list("abcdefg"), 400, p=[0.4, 0.3, 0.2, 0.06, 0.03, 0.007, 0.003]).astype(object)
    preprocessing, frame = encoder_of("x", "category", values, rare=5)
    theirs = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False)
    theirs.fit(frame.to_numpy())
    new = pd.DataFrame({"x": np.array(["a", "f", "never", "e"], dtype=object)})
    for rows in (frame, new):
        np.testing.assert_array_equal(preprocessing.transform(rows), theirs.transform(rows.to_numpy()))
    assert preprocessing.names[-1] == "x = (other)"


def test_missing_categories_have_a_slot_where_training_had_some():
    preprocessing, frame = encoder_of("x", "category", ["a", None, "b", "a", "b"], rare=1)
    assert preprocessing.names == ["x = a", "x = b", "x is missing"]
    assert preprocessing.transform(frame).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0]]


def test_without_a_slot_for_them_unseen_and_missing_categories_are_all_zero():
    preprocessing, _ = encoder_of("x", "category", ["a", "b"], rare=1)
    new = pd.DataFrame({"x": np.array(["c", None, "b"], dtype=object)})
    assert preprocessing.transform(new).tolist() == [[0, 0], [0, 0], [0, 1]]
    assert preprocessing.unseen(new) == {"x": ["c"]}


def test_the_default_pools_levels_of_one_row_below_1000_rows_and_of_fewer_than_5_above():
    assert encoder_of("x", "category", [*"aab"])[0].names == ["x = a", "x = (other)"]
    values = ["a"] * 991 + ["b"] * 5 + ["c"] * 4
    assert encoder_of("x", "category", values)[0].names == ["x = a", "x = b", "x = (other)"]


def test_only_the_most_frequent_levels_get_a_slot():
    values = [f"{number:03}" for number in range(150) for _ in range(2 + (number >= 60))]
    preprocessing, _ = encoder_of("x", "category", values)
    assert preprocessing.width == 101
    assert preprocessing.names[0] == "x = 000"
    assert {f"x = {number:03}" for number in range(60, 150)} <= set(preprocessing.names)
    assert encoder_of("x", "category", values, most_levels=3)[0].width == 4


@pytest.mark.parametrize(
    ("levels", "repeats", "inputs"),
    [
        ((400, 550), 5, (400, 550)),
        ((400, 700), 5, (400, 501)),  # with 1,000 levels each there would be 1,100 of both
        ((400, 900, 300), 5, (201, 201, 201)),
        ((150,) * 7, 10, (101,) * 7),
        ((150,), 6, (101,)),  # 900 rows
        ((2_000,), 5, (1_001,)),
        ((300,), 700, (201,)),  # 210,000 rows, which have room for 238
    ],
)
def test_from_1000_rows_on_more_levels_get_a_slot_where_all_columns_have_room(levels, repeats, inputs):
    rows = repeats * max(levels)
    names = [f"c{number}" for number in range(len(levels))]
    frame = pd.DataFrame(
        {name: [f"{row % count}" for row in range(rows)] for name, count in zip(names, levels, strict=True)},
        dtype=object,
    )
    columns = tuple(Column(name, "category") for name in names)
    preprocessing = Preprocessing.fit(Columns(frame, columns, tuple(names)))
    assert tuple(fitted.width for fitted in preprocessing.by_column) == inputs


# -------------------------------------------------------------------------------------------------------------- dates


def test_dates_become_the_parts_that_vary_and_the_days_since_the_first():
    stamps = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-02-05", "2024-03-04"])  # Mondays, one year, no clock
    preprocessing, frame = encoder_of("d", "date", stamps)
    assert preprocessing.names == ["d: month", "d: day", "d: days"]
    expected = StandardScaler().fit_transform([[1, 1, 0], [1, 8, 7], [2, 5, 35], [3, 4, 63]])
    np.testing.assert_allclose(preprocessing.transform(frame), expected, rtol=1e-6, atol=1e-7)


def test_hours_years_and_weekdays_have_their_slots():
    preprocessing, frame = encoder_of(
        "d", "date", pd.to_datetime(["2023-12-31 23:00", "2024-01-01 05:00", "2024-01-02 00:00"])
    )
    assert preprocessing.names == ["d: year", "d: month", "d: day", "d: weekday", "d: hour", "d: days"]
    codes, mask = tree_matrix(preprocessing, frame)
    days = np.array([30 + 23 / 24, 31 + 5 / 24, 32])  # since the first of December
    np.testing.assert_allclose(codes[:, :5], [[2023, 12, 31, 6, 23], [2024, 1, 1, 0, 5], [2024, 1, 2, 1, 0]])
    np.testing.assert_allclose(codes[:, 5], days)
    assert not mask.any()


def test_missing_dates_have_a_slot_and_a_single_date_is_no_trouble():
    preprocessing, frame = encoder_of("d", "date", ["2024-01-01", None, "2024-05-01"])
    assert preprocessing.names[-1] == "d is missing"
    assert np.isfinite(preprocessing.transform(frame)).all()
    assert preprocessing.transform(frame)[:, -1].tolist() == [0, 1, 0]
    lone, rows = encoder_of("d", "date", ["2024-01-01"] * 3)
    assert lone.names == ["d: days"]
    assert np.isfinite(lone.transform(pd.DataFrame({"d": pd.to_datetime(["2030-01-01", None]).as_unit("ns")}))).all()
    none, rows = encoder_of("d", "date", [None] * 3)
    assert np.isfinite(none.transform(rows)).all()


# ------------------------------------------------------------------------------------------------------ whole tables


def test_a_matrix_is_finite_float32_with_one_name_per_input():
    frame, columns = mixed()
    preprocessing = Preprocessing.fit(Columns(frame, tuple(columns), tuple(frame)))
    matrix = preprocessing.transform(frame)
    assert matrix.dtype == np.float32
    assert matrix.shape == (60, preprocessing.width) == (60, len(preprocessing.names))
    assert np.isfinite(matrix).all()


@given(st.integers(0, 10_000), st.sampled_from(["standard", "mean", "robust"]))
@settings(max_examples=20, deadline=None)
def test_an_encoder_read_back_from_json_gives_the_same_bits(seed, scaling):
    frame, columns = mixed(seed=seed)
    preprocessing = Preprocessing.fit(Columns(frame, tuple(columns), ("id", *frame)), scaling=scaling)
    again = through_json(preprocessing)
    assert again == preprocessing
    assert again.transform(frame).tobytes() == preprocessing.transform(frame).tobytes()
    assert again.source_columns == ("id", *frame)
    assert again.columns == tuple(columns)


def test_codes_are_what_trees_take():
    frame, columns = mixed(200)
    preprocessing = Preprocessing.fit(Columns(frame, tuple(columns), tuple(frame)))
    codes, mask = tree_matrix(preprocessing, frame)
    assert mask.tolist() == [False, False, True, *[False] * (codes.shape[1] - 3)]
    np.testing.assert_array_equal(codes[:, 0], frame["age"])
    known = frame["sex"].notna().to_numpy()
    np.testing.assert_array_equal(codes[known, 2], LabelEncoder().fit_transform(frame["sex"][known]))
    assert np.isnan(codes[~known, 2]).all()
    tree = HistGradientBoostingClassifier(categorical_features=mask, max_iter=3).fit(codes, np.arange(200) % 2)
    new = frame.assign(sex="never seen")
    assert tree.predict(tree_matrix(preprocessing, new)[0]).shape == (200,)


def test_fitting_looks_at_the_rows_given_and_no_others():
    frame, columns = mixed()
    train = frame.iloc[:30]
    preprocessing = Preprocessing.fit(Columns(train, tuple(columns), tuple(frame)))
    changed = frame.copy()
    changed.loc[30:, "age"] = 1e6
    assert Preprocessing.fit(Columns(changed.iloc[:30], tuple(columns), tuple(frame))) == preprocessing


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scaling": "standart"}, r"scaling='standart': expected one of .*Did you mean 'standard'\?"),
        ({"rare": 0}, "rare=0: expected a whole number, 1 or more"),
        ({"most_levels": 2.5}, "most_levels=2.5: expected a whole number"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, says):
    frame, columns = mixed()
    with pytest.raises(DataError, match=says):
        Preprocessing.fit(Columns(frame, tuple(columns), tuple(frame)), **options)


def test_no_training_rows_are_refused():
    frame, columns = mixed()
    with pytest.raises(DataError, match="no training rows"):
        Preprocessing.fit(Columns(frame.iloc[:0], tuple(columns), tuple(frame)))


@pytest.mark.parametrize("kind", [Preprocessing, Target])
@pytest.mark.parametrize("content", [{}, {"schema": 2}, [], None, {"schema": "1"}])
def test_another_schema_version_is_refused(kind, content):
    with pytest.raises(DataError, match=r"has schema version .*; this release reads version 1"):
        kind.from_dict(content)


@pytest.mark.parametrize("kind", [Preprocessing, Target])
def test_a_damaged_encoding_is_refused(kind):
    with pytest.raises(DataError, match="is damaged"):
        kind.from_dict({"schema": 1})


# ------------------------------------------------------------------------------------------------------------- target


def target_of(values: Any, task: str, **options: Any) -> tuple[Target, pd.DataFrame]:
    frame = values if isinstance(values, pd.DataFrame) else pd.DataFrame({"y": values})
    return Target.fit(frame, np.arange(len(frame)), task, **options), frame


def test_regression_targets_are_standardized_on_training_rows_and_come_back():
    values = np.array([2.0, 4.0, 6.0, 1_000.0])
    target = Target.fit(pd.DataFrame({"price": values}), np.array([0, 1, 2]), "regression")
    encoded = target.encode(pd.DataFrame({"price": values}))
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded[:3, 0], np.array([-1, 0, 1]) * np.sqrt(1.5), rtol=1e-6)
    np.testing.assert_allclose(target.scale, [np.sqrt(8 / 3)])
    decoded = target.decode(encoded)
    assert (decoded.shape, decoded.dtype) == ((4,), np.float64)
    np.testing.assert_allclose(decoded, values, rtol=1e-6)
    assert (target.units, target.classes) == (1, [])


def test_several_regression_targets_are_scaled_each_by_itself():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [10, 20, 60]})
    target, _ = target_of(frame, "regression")
    expected = StandardScaler().fit_transform(frame)
    np.testing.assert_allclose(target.encode(frame), expected, rtol=1e-6)
    np.testing.assert_allclose(target.decode(target.encode(frame)), frame, rtol=1e-6)
    assert target.units == 2


def test_a_log_target_is_the_natural_logarithm_and_positive():
    values = np.exp([1.0, 2.0, 3.0])
    target, frame = target_of(values, "regression", log_target=True)
    np.testing.assert_allclose(target.encode(frame)[:, 0], np.array([-1, 0, 1]) * np.sqrt(1.5), rtol=1e-5)
    np.testing.assert_allclose(target.decode(target.encode(frame)), values, rtol=1e-6)
    np.testing.assert_allclose(target.scale, [np.sqrt(2 / 3)])
    assert (target.decode(np.array([-5.0, 40.0])) > 0).all()
    assert target.decode(np.array([1e6])).tolist() == [np.inf]
    with pytest.raises(DataError, match=r"log_target needs a target above 0, but 'y' is -1 \(rows 2, 3\)"):
        target_of([1.0, -1.0, 0.0], "regression", log_target=True)
    with pytest.raises(DataError, match=r"'y' is 0 \(row 17\)"):
        Target.fit(pd.DataFrame({"y": [0.0]}), np.array([0]), "regression", np.array([17]), log_target=True)
    with pytest.raises(DataError, match="log_target is for regression"):
        target_of(["a", "b"], "binary", log_target=True)


def test_a_target_that_is_equal_in_all_training_rows_is_not_divided_by_zero():
    target, frame = target_of([0.1] * 7, "regression")
    np.testing.assert_allclose(target.encode(frame), 0, atol=1e-7)
    assert target.scale.tolist() == [1.0]


LABELS = [
    pd.Series([7, 3, 7], dtype="int64"),
    pd.Series([1, 0, 1], dtype="int8"),
    pd.Series([1, 0, 1], dtype="uint8"),
    pd.Series([1.0, 0.0, 1.0]),
    pd.Series([True, False, True]),
    pd.Series([True, False, True], dtype="boolean"),
    pd.Series([7, 3, 7], dtype="Int16"),
    pd.Series([7, 3, 7], dtype="int32[pyarrow]"),
    pd.Series(["yes", "no", "yes"]),
    pd.Series(["yes", "no", "yes"], dtype="string"),
    pd.Series(["yes", "no", "yes"], dtype=object),
    pd.Series(["yes", "no", "yes"], dtype="category"),
    pd.Series([7, 3, 7], dtype="category"),
    pd.Series(["a", 1, "a"], dtype=object),
    pd.Series([7, 3, 7], dtype=object),
    pd.Series(np.array(["yes", "no", "yes"])),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda series: str(series.dtype))
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_decisions_come_back_as_the_labels_and_dtype_of_the_user(labels, task):
    target, frame = target_of(labels, task)
    encoded = target.encode(frame)
    back = target.decode(encoded)
    assert back.tolist() == labels.tolist()
    given = labels.dtype.categories.dtype if isinstance(labels.dtype, pd.CategoricalDtype) else labels.dtype
    plain = {"boolean": "bool", "Int16": "int16", "int32[pyarrow]": "int32"}.get(str(given), given)
    assert back.dtype == (plain if pd.api.types.is_numeric_dtype(given) else object)
    # And the same through JSON.
    again = Target.from_dict(json.loads(json.dumps(target.to_dict(), allow_nan=False)))
    assert again.decode(encoded).tolist() == labels.tolist()
    assert again.decode(encoded).dtype == back.dtype
    assert [type(label) for label in again.classes] == [type(label) for label in target.classes]


def test_the_second_class_of_two_is_the_positive_one():
    target, frame = target_of(["b", "a", "b"], "binary", positive="b")
    assert target.classes == ["a", "b"]
    encoded = target.encode(frame)
    assert encoded.tolist() == [[1.0], [0.0], [1.0]]
    assert (encoded.dtype, target.units) == (np.float32, 1)


def test_class_numbers_agree_with_scikit_learn():
    labels = np.random.default_rng(0).choice(["pear", "apple", "fig"], 50)
    target, frame = target_of(labels, "multiclass")
    encoded = target.encode(frame)
    np.testing.assert_array_equal(encoded, LabelEncoder().fit_transform(labels))
    assert (encoded.dtype, target.units) == (np.int32, 3)


def test_numbers_are_ordered_as_numbers_not_as_text():
    assert target_of([10, 9, 2], "multiclass")[0].classes == [2, 9, 10]


def test_an_unknown_label_is_refused_with_its_row():
    target, _ = target_of(["cat", "dog"], "binary")
    with pytest.raises(
        DataError, match=r"target 'y' holds 'dgo' in row 2, not one of the classes.*Did you mean 'dog'\?"
    ):
        target.encode(pd.DataFrame({"y": ["cat", "dgo"]}))
    with pytest.raises(DataError, match="in row 31"):
        target.encode(pd.DataFrame({"y": ["cat", "dgo"]}), rows=np.array([30, 31]))
    with pytest.raises(DataError, match="holds nan in row 1"):
        target.encode(pd.DataFrame({"y": [np.nan, "cat"]}))


def test_labels_read_as_another_type_are_still_known():
    target, _ = target_of([0, 1, 2], "multiclass")
    assert target.encode(pd.DataFrame({"y": ["2", "0"]})).tolist() == [2, 0]
    assert target.encode(pd.DataFrame({"y": [2.0, 0.0]})).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("first", "second", "dtype"), [("bool", "bool", "bool"), ("int8", "int8", "int8"), ("int64", "bool", "int64")]
)
def test_labels_of_several_columns_are_a_matrix_of_0_and_1(first, second, dtype):
    frame = pd.DataFrame({"car": np.array([1, 0, 1], dtype=first), "bus": np.array([0, 0, 1], dtype=second)})
    target, _ = target_of(frame, "multilabel")
    encoded = target.encode(frame)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[1, 0], [0, 0], [1, 1]]
    back = target.decode(np.array([[1, 0], [0, 1]]))
    assert (back.dtype, back.tolist()) == (np.dtype(dtype), [[1, 0], [0, 1]])
    assert target.units == 2
    with pytest.raises(DataError, match=r"labels must be 0 or 1 \(row 2\)"):
        target.encode(pd.DataFrame({"car": [0, 2], "bus": [0, 1]}))


def test_another_number_of_target_columns_is_refused():
    target, _ = target_of([1.0, 2.0], "regression")
    with pytest.raises(DataError, match="there are 2 target columns; expected y"):
        target.encode(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    with pytest.raises(DataError, match=r"task='regresion': expected one of .*Did you mean 'regression'\?"):
        target_of([1.0, 2.0], "regresion")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
@settings(max_examples=40, deadline=None)
def test_regression_settings_come_through_json_unchanged(values):
    target, _ = target_of(values, "regression")
    again = Target.from_dict(json.loads(json.dumps(target.to_dict(), allow_nan=False)))
    outputs = np.linspace(-3, 3, 7)
    assert again.decode(outputs).tobytes() == target.decode(outputs).tobytes()


@pytest.mark.parametrize("scaling", ["standard", "smooth", "mean", "robust"])
@pytest.mark.parametrize("pieces", [0, 6])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_an_array_of_numbers_goes_the_short_way_to_the_same_bits(scaling, dtype, pieces):
    rng = np.random.default_rng(3)
    train = pd.DataFrame(rng.normal(size=(50, 4)) * 10, columns=list("abcd"))
    train.loc[3, "b"] = np.nan
    columns = [Column(name, "number") for name in "abd"]  # c was set aside
    preprocessing = Preprocessing.fit(Columns(train, tuple(columns), tuple("abcd")), scaling=scaling, pieces=pieces)
    rows = (rng.normal(size=(5, 4)) * 10).astype(dtype)
    if dtype != "int64":
        rows[0, 0] = rows[1, 1] = np.nan
    for array in (rows, rows[:, [0, 1, 3]]):
        expected = preprocessing.transform(coerce(array, columns, list("abcd"), "new"))
        np.testing.assert_array_equal(preprocessing.from_numbers(array), expected)


@pytest.mark.parametrize(
    "given",
    [
        np.array([[1.0, np.inf]]),
        np.array([[1.0, 2.0, 3.0]]),
        np.array([1.0, 2.0]),
        np.array([[True, False]]),
        [[1.0, 2.0]],
    ],
)
def test_what_is_no_array_of_its_numbers_goes_the_long_way(given):
    train = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    preprocessing = Preprocessing.fit(Columns(train, (Column("a", "number"), Column("b", "number")), ("a", "b")))
    assert preprocessing.from_numbers(given) is None


def test_pieces_hold_equally_many_rows_and_rise_one_after_another():
    values = np.random.default_rng(2).exponential(size=401)
    preprocessing, _ = encoder_of("x", "number", values.tolist(), pieces=8)
    assert preprocessing.width == 9
    new = np.concatenate([values[:50], [-3.0, 99.0]])
    matrix = preprocessing.transform(pd.DataFrame({"x": new}))
    edges = pd.qcut(values, 8, retbins=True)[1]  # 401 rows: the quantiles are rows of their own
    place = np.interp(new, edges, np.arange(9.0))
    np.testing.assert_allclose((matrix[:, 1:] + 0.5).sum(axis=1), place, atol=0.01)  # the ends are rounded
    assert matrix[:, 1:].min() == -0.5
    assert matrix[:, 1:].max() == 0.5
    assert preprocessing.names[1].startswith("x: ")


def test_a_value_of_most_rows_takes_one_piece_and_leaves_the_others_theirs():
    """Worked by hand: the 90 rows of 0 count for 2.5, as much as a piece of the 12.5 that are then left."""
    preprocessing, _ = encoder_of("gain", "number", [0.0] * 90 + list(range(1, 11)), pieces=5)
    assert preprocessing.names == [
        "gain",
        "gain: 0 to 2",
        "gain: 2 to 4",
        "gain: 4 to 6",
        "gain: 6 to 8",
        "gain: 8 to 10",
    ]


def test_pieces_are_the_clipped_share_of_each_piece_to_the_bit():
    values = np.random.default_rng(0).normal(size=300)
    preprocessing, _ = encoder_of("x", "number", values.tolist(), pieces=8)
    edges = np.asarray(preprocessing.by_column[0].to_dict()["edges"])
    near = [np.nextafter(edges, end) for end in (-np.inf, np.inf)]
    values = np.concatenate([values, edges, *near, [0.0, -0.0, 1e300, -1e300]])
    shares = np.clip((values[:, None] - edges[:-1]) / np.diff(edges), 0, 1) - 0.5
    matrix = preprocessing.transform(pd.DataFrame({"x": values}))
    assert matrix[:, 1:].tobytes() == shares.astype(np.float32).tobytes()


def test_pieces_of_values_a_hair_apart_are_finite():
    values = [place * 5e-324 for place in range(40)]
    preprocessing, frame = encoder_of("x", "number", [*values, 1.0], pieces=4)
    assert np.isfinite(preprocessing.transform(frame)).all()
    assert preprocessing.transform(pd.DataFrame({"x": [1e308]}))[0, 1:].tolist() == [0.5] * (preprocessing.width - 1)


def test_columns_of_few_values_have_no_pieces_and_a_linear_model_gets_none():
    frame = pd.DataFrame({"flag": [0.0, 1.0] * 30, "few": [1.0, 2.0, 3.0] * 20, "many": np.arange(60.0)})
    frame.loc[5, "many"] = np.nan
    columns = [Column("flag", "boolean"), Column("few", "number"), Column("many", "number")]
    preprocessing = Preprocessing.fit(Columns(frame, tuple(columns), tuple(frame)), pieces=10)
    assert preprocessing.width == 1 + 1 + (2 + 10)
    plain = preprocessing.linear_matrix(Columns(frame, tuple(columns), tuple(frame)))
    np.testing.assert_array_equal(plain, preprocessing.transform(frame)[:, :4])
    again = Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict())))
    assert again == preprocessing
    np.testing.assert_array_equal(again.transform(frame), preprocessing.transform(frame))


@pytest.mark.parametrize("pieces", [-1, 2.5, True])
def test_a_senseless_number_of_pieces_is_refused(pieces):
    with pytest.raises(DataError, match="pieces"):
        Preprocessing.fit(Columns(pd.DataFrame({"a": [1.0, 2.0]}), (Column("a", "number"),), ("a",)), pieces=pieces)
