"""The estimators: what scikit-learn asks of them, and that its tools work with them. All networks are tiny."""

from __future__ import annotations

import inspect
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.estimator_checks import estimator_checks_generator

import toolkit
from recipes import NetworkClassifier, NetworkRegressor
from recipes.workflow.options import all_options
from toolkit import DataError

TINY: dict[str, Any] = {
    **{"effort": "quick", "hidden": (4,), "epochs": 15, "batch_size": 16, "learning_rate": 0.05, "random_state": 0}
}
ROWS = 80
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(ROWS, 2)), columns=["a", "b"]).assign(
    c=np.where(RNG.random(ROWS) < 0.5, "u", "v"), i=lambda f: f["a"] * 2 + RNG.normal(size=ROWS) / 10
)
X = FRAME[["a", "b"]].to_numpy()
SIGN = np.where(X[:, 0] > 0, "yes", "no")


@pytest.fixture(scope="module")
def binary() -> NetworkClassifier:
    return NetworkClassifier(**TINY).fit(X, SIGN)


# Those of scikit-learn's checks that fit seldom; `make soak` runs all of them.
CHECKS = (
    *("check_estimator_cloneable", "check_estimator_repr", "check_no_attributes_set_in_init", "check_set_params"),
    *("check_parameters_default_constructible", "check_get_params_invariance", "check_mixin_order"),
    *("check_estimators_unfitted", "check_all_zero_sample_weights_error", "check_requires_y_none"),
    *("check_complex_data", "check_estimator_sparse_array", "check_fit2d_1sample", "check_fit1d"),
    *("check_estimators_empty_data_messages", "check_classifiers_one_label", "check_supervised_y_no_nan"),
    *("check_classifiers_regression_target", "check_regressors_no_decision_function", "check_dict_unchanged"),
)


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_checks_of_scikit_learn_pass(kind):
    run = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for estimator, check in estimator_checks_generator(kind(**TINY | {"epochs": 1})):
            if check.func.__name__ in CHECKS:
                check(estimator)
                run += 1
    assert run > 12


def test_two_classes_are_sorted_and_the_score_is_that_of_the_second(binary):
    assert binary.classes_.tolist() == ["no", "yes"] == binary.run_.classes
    scores, probabilities = binary.decision_function(X), binary.predict_proba(X)
    assert (scores.shape, probabilities.shape) == ((ROWS,), (ROWS, 2))
    np.testing.assert_array_equal(binary.predict(X), np.where(scores > 0, "yes", "no"))
    assert (probabilities[SIGN == "yes", 1] > 0.5).mean() > 0.9
    assert binary.score(X, SIGN) == accuracy_score(SIGN, binary.predict(X)) > 0.9
    # The recipe itself would take the rarer class for the positive one.
    rare = NetworkClassifier(**TINY | {"epochs": 1}).fit(X, np.where(X[:, 0] > 0.8, "a", "b"))
    assert rare.classes_.tolist() == rare.run_.classes == ["a", "b"]


def test_the_run_has_learned_from_all_rows_and_reports(binary, tmp_path):
    assert {part: len(rows) for part, rows in binary.run_.dataset.parts.items()}["test"] == 0
    assert sum(len(rows) for rows in binary.run_.dataset.parts.values()) == ROWS
    assert (binary.run_.metrics, binary.run_.baselines) == ({}, {})
    assert "There is no test part" in binary.run_.report(tmp_path / "run.html").read_text()


def test_three_classes_and_an_indicator_matrix_have_the_shapes_of_scikit_learn():
    three = pd.Series(np.digitize(X[:, 0], [-0.5, 0.5]) * 10.0, name="band")
    model = NetworkClassifier(**TINY).fit(X, three)
    assert (model.run_.task, model.classes_.tolist(), model.run_.target.columns) == (
        "multiclass",
        [0, 10, 20],
        ["band"],
    )
    assert model.decision_function(X).shape == model.predict_proba(X).shape == (ROWS, 3)
    assert model.score(X, three) > 0.8
    matrix = (X > 0).astype(int)
    labels = NetworkClassifier(**TINY).fit(X, matrix)
    assert (labels.run_.task, labels.classes_.tolist()) == ("multilabel", [0, 1])
    assert labels.predict_proba(X).shape == labels.decision_function(X).shape == labels.predict(X).shape == (ROWS, 2)
    assert labels.score(X, matrix) > 0.7


def test_labels_that_a_recipe_would_read_as_missing_are_classes():
    y = np.array(["none", " a", "", "b"])[np.digitize(X[:, 0], [-0.5, 0, 0.5])]
    model = NetworkClassifier(**TINY, class_weight={"none": 2.0}).fit(X, y)
    assert model.classes_.tolist() == ["", " a", "b", "none"]
    assert set(model.predict(X)) <= set(y)
    assert model.score(X, y) > 0.6


def test_one_or_several_numbers_are_predicted():
    y = X @ [1.0, -2.0]
    one = NetworkRegressor(**TINY, head="huber").fit(X, y)
    assert one.predict(X).shape == (ROWS,)
    assert one.score(X, y) == r2_score(y, one.predict(X)) > 0.8
    two = NetworkRegressor(**TINY).fit(FRAME[["a", "b"]], pd.DataFrame({"p": y, "q": -y}))
    assert (two.predict(FRAME[["a", "b"]]).shape, two.run_.target.columns) == ((ROWS, 2), ["p", "q"])


def test_further_rows_are_learned_in_one_pass():
    model = NetworkClassifier(**TINY)
    with pytest.raises(DataError, match="classes= must be passed on the first call"):
        model.partial_fit(X, SIGN)
    model.partial_fit(X[:60], SIGN[:60], classes=["yes", "no"])
    before = model.decision_function(X)
    assert model.partial_fit(X[60:], np.repeat("no", 20)) is model
    assert model.run_.settings["updated"] == 20
    assert model.decision_function(X).mean() < before.mean()
    with pytest.raises(DataError, match=r"y holds 'maybe', not one of the classes: 'no', 'yes'"):
        model.partial_fit(X[:2], ["maybe", "no"])
    with pytest.raises(DataError, match="has one class only"):
        NetworkClassifier(**TINY).partial_fit(X[:60], ["no"] * 60, classes=["yes", "no"])
    numbers = NetworkRegressor(**TINY).partial_fit(X[:60], X[:60, 0]).partial_fit(X[60:], X[60:, 0])
    assert numbers.run_.settings["updated"] == 20


def test_the_first_rows_may_lack_classes_that_come_later(tmp_path):
    band = np.digitize(X[:, 0], [-0.3, 0.3])  # 0, 1, 2
    first = band != 1
    model = NetworkClassifier(**TINY, class_weight="balanced").partial_fit(X[first], band[first], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == model.decision_function(X).shape == (ROWS, 3)
    assert set(model.predict(X)) == {0, 2}
    assert (model.predict(X[first]) == band[first]).mean() > 0.9
    before = model.predict_proba(X[~first])[:, 1].mean()
    assert model.partial_fit(X[~first], band[~first]).predict_proba(X[~first])[:, 1].mean() > before
    assert model.run_.report(tmp_path / "run.html").exists()
    assert pickle.loads(pickle.dumps(model)).predict_proba(X).shape == (ROWS, 3)


def test_tables_keep_their_columns_and_their_form_does_not_matter():
    frame = FRAME.drop(columns="i").set_index(np.arange(ROWS)[::-1])
    y = pd.Series(SIGN == "yes")  # its index is in another order than X's, and rows belong together by position
    model = NetworkClassifier(**TINY).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert [column.kind for column in model.run_.preprocessing.columns] == ["number", "number", "category"]
    assert model.classes_.tolist() == [False, True]
    assert model.score(frame, y) > 0.9
    other = NetworkClassifier(**TINY).fit(pl.from_pandas(frame), SIGN == "yes")
    answers = other.predict_proba(pl.from_pandas(frame))
    assert isinstance(answers, np.ndarray)
    np.testing.assert_allclose(answers, model.predict_proba(frame), atol=1e-6)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c"]])


def test_a_pickle_and_a_clone_are_the_same_estimator(binary):
    again = pickle.loads(pickle.dumps(binary))
    np.testing.assert_array_equal(again.predict_proba(X), binary.predict_proba(X))
    assert isinstance(binary.run_, toolkit.Run)
    assert again.get_params() == binary.get_params() == clone(binary).get_params()
    assert not hasattr(clone(binary), "run_")
    refitted = clone(binary).fit(X, SIGN)
    np.testing.assert_array_equal(refitted.predict_proba(X), binary.predict_proba(X))


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_parameters_are_options_of_the_recipes_and_documented_there(kind):
    declared = {name: option for place in all_options().values() for name, option in place.items()}
    parameters = inspect.signature(kind).parameters
    assert set(parameters) - set(declared) == {"head", "effort", "random_state"}
    text = " ".join(kind.__doc__.split())
    for name in parameters:
        assert f" {name}: " in text
        if name in declared and name not in ("epochs", "batch_size", "learning_rate"):  # these have texts for tables
            assert f"{name}: {' '.join(declared[name].text.split())}" in text


def test_mistakes_are_explained():
    with pytest.raises(DataError, match=r"softmax.*not known for binary"):
        NetworkClassifier(**TINY, head="softmax").fit(X, SIGN)
    with pytest.raises(DataError, match=r"needs classes in order, .* give y as numbers"):
        NetworkClassifier(**TINY, head="ordinal").fit(X, np.array(["low", "mid", "top"])[np.arange(len(X)) % 3])
    with pytest.raises(DataError, match="Did you mean 'quick'"):
        NetworkRegressor(effort="qick").fit(X, X[:, 0])
    with pytest.raises(ValueError, match="Invalid parameter 'hiden'"):
        NetworkRegressor().set_params(hiden=3)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        NetworkClassifier().fit(X, X[:, 0])


def test_sparse_rows_are_written_out():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    labels = (rows[:, 0] > 0).astype(int)
    sparse = NetworkClassifier(**TINY).fit(csr_array(rows), labels)
    dense = NetworkClassifier(**TINY).fit(rows, labels)
    assert (sparse.predict_proba(csr_array(rows)) == dense.predict_proba(rows)).all()
