"""The estimators inside scikit-learn's tools and Optuna. All networks are tiny, and most are of one structure."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recipes import NetworkClassifier

MODEL = NetworkClassifier(effort="quick", hidden=(4,), epochs=15, batch_size=16, learning_rate=0.05, random_state=0)
ROWS = 80
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(ROWS, 2)), columns=["a", "noise"])
Y = np.where(X["a"] > np.median(X["a"]), "yes", "no")  # 40 rows of each
FOLDS = StratifiedKFold(2)
EPOCHS: dict[str, Any] = {"resource": "epochs", "min_resources": 8, "max_resources": 16}


@pytest.fixture(scope="module")
def fitted() -> Any:
    return NetworkClassifier(**MODEL.get_params()).fit(X, Y)


def test_a_pipeline_hands_tables_on():
    mixed = X.assign(kind=np.where(Y == "yes", "u", "v"))
    columns = ColumnTransformer([("scaled", StandardScaler(), ["a"])], remainder="passthrough")
    pipeline = make_pipeline(columns, MODEL).set_output(transform="pandas").fit(mixed, Y)
    network = pipeline[-1]
    assert network.feature_names_in_.tolist() == ["scaled__a", "remainder__noise", "remainder__kind"]
    assert [column.kind for column in network.run_.preprocessing.columns] == ["number", "number", "category"]
    assert pipeline.score(mixed, Y) > 0.9
    # Without set_output the network gets one array of objects, in which the kinds are found again.
    assert make_pipeline(columns.set_output(transform="default"), MODEL).fit(mixed, Y).score(mixed, Y) > 0.9


def test_cross_validation_scores_what_each_fold_predicts():
    scores = cross_validate(
        MODEL, X, Y, cv=FOLDS, scoring=["accuracy", "roc_auc", "neg_log_loss"], return_estimator=True
    )
    for estimator, (_, test), accuracy in zip(
        scores["estimator"], FOLDS.split(X, Y), scores["test_accuracy"], strict=True
    ):
        assert accuracy == accuracy_score(Y[test], estimator.predict(X.iloc[test]))
    assert scores["test_roc_auc"].min() > 0.9
    assert scores["test_neg_log_loss"].min() > -0.69


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(MODEL, {"learning_rate": [1e-6, 0.05]}, cv=FOLDS),
        RandomizedSearchCV(MODEL, {"learning_rate": [0.05, 1e-6]}, n_iter=2, cv=FOLDS, random_state=0),
        HalvingGridSearchCV(
            MODEL,
            {"learning_rate": [1e-6, 0.05]},
            resource="epochs",
            min_resources=8,
            max_resources=16,
            factor=2,
            cv=FOLDS,
        ),
    ],
    ids=lambda search: type(search).__name__,
)
def test_searches_find_the_better_rate(search):
    search.fit(X, Y)
    assert search.best_params_["learning_rate"] == 0.05
    assert search.score(X, Y) > 0.9


def test_calibration_and_stacking_take_scores_of_the_second_class():
    calibrated = CalibratedClassifierCV(MODEL, cv=FOLDS).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9
    stacked = StackingClassifier([("network", MODEL)], LogisticRegression(), cv=FOLDS).fit(X, Y)
    assert stacked.final_estimator_.coef_[0, 0] > 0
    assert stacked.score(X, Y) > 0.9


def test_inspection_finds_the_column_that_matters(fitted):
    importance = permutation_importance(fitted, X, Y, n_repeats=2, random_state=0)["importances_mean"]
    assert importance[0] > 0.2 > abs(importance[1])
    display = PartialDependenceDisplay.from_estimator(fitted, X, ["a"], grid_resolution=5)
    (curve,) = display.pd_results[0]["average"]
    assert curve[-1] - curve[0] > 0.5
    plt.close(display.figure_)


def test_an_optuna_study_finds_the_better_rate():
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def accuracy(trial: Any) -> float:
        rate = trial.suggest_categorical("learning_rate", [1e-6, 0.05])
        return cross_validate(MODEL.set_params(learning_rate=rate), X, Y, cv=FOLDS)["test_score"].mean()

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GridSampler({"learning_rate": [1e-6, 0.05]})
    )
    study.optimize(accuracy, n_trials=2)
    assert study.best_params == {"learning_rate": 0.05}
