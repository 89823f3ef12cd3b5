"""Three models that a network has to beat: a constant, a linear model and boosted trees.

They are scikit-learn's, at its defaults, on the same rows as the network. They need no validation rows to stop by, so
they are fitted on the training and validation part together, which gives them more to learn from than the network has.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgWarning
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from toolkit.encoding import Encoder, Target
from toolkit.metrics import Outcome
from toolkit.tables import Table

__all__ = ["fit_baselines"]

# A tree costs about this many cells (rows x columns) beside its own, in scikit-learn's histograms.
_TREE_CELLS = 200_000
# Cells that all trees of the baseline may cost: some 20 seconds of two cores.
_TREE_BUDGET = 2_000_000_000
# Multiplications a step of Newton's method may cost; beyond it the linear model takes more, cheaper steps.
_NEWTON_BUDGET = 4_000_000_000


def fit_baselines(table: Table, encoder: Encoder, target: Target, *, seed: int) -> dict[str, Outcome]:
    """Return what three simple models say about the test part.

    - "dummy": the mean of the target, or the classes' shares, whatever the row.
    - "linear": ridge or logistic regression on the encoded columns; one a label for multi-label targets.
    - "tree": histogram gradient boosting on the columns themselves, missing values and categories as they are; one
      a target or label. Its 100 rounds become fewer, down to 10, where many labels or classes or a large table
      would make it slow. Above 10,000 rows it stops early by itself.

    Args:
        table: The split data. Sample weights are honoured.
        encoder: Fitted on the training rows.
        target: Fitted on the training rows. On a log scale, the baselines are fitted on it too.
        seed: Of whatever scikit-learn draws.

    Returns:
        Name to outcome, with the seconds each took to fit.

    References:
        Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NeurIPS 2017, the method of "tree".
    """
    rows = np.sort(np.concatenate([table.parts["train"], table.parts["validation"]]))
    test = table.parts["test"]
    weights = None if table.sample_weight is None else table.sample_weight[rows]
    codes, categorical = encoder.codes(table.frame)
    # Above 255 levels scikit-learn's trees take a category by its number.
    categorical &= ~(np.nanmax(codes, axis=0, initial=0) > 254)
    features = {
        "dummy": (np.zeros((len(rows), 1)), np.zeros((len(test), 1))),
        "linear": (encoder.transform(table.frame.iloc[rows]), encoder.transform(table.frame.iloc[test])),
        "tree": (codes[rows], codes[test]),
    }
    y = target.encode(table.target.iloc[rows])
    outcomes = {}
    for name, (x, new) in features.items():
        start = time.perf_counter()
        if target.task == "regression":
            outputs, classes = y.T, 0
        else:
            classes = len(target.classes) if target.task == "multiclass" else 2
            outputs = y.reshape(len(y), -1).T.astype(int)
        predictors = [_fit(name, x, output, classes, len(outputs), weights, categorical, seed) for output in outputs]
        seconds = time.perf_counter() - start
        said = np.stack([predict(new) for predict in predictors], axis=1)  # (rows, outputs) or (rows, outputs, classes)
        outcomes[name] = _outcome(table.target.iloc[test], target, said, seconds)
    return outcomes


def _fit(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    outputs: int,
    weights: np.ndarray | None,
    categorical: np.ndarray,
    seed: int,
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit one output; return what predicts it: values (rows,), or with classes their probabilities (rows, classes)."""
    present, counts = np.unique(y, return_counts=True) if classes else (np.zeros(0, int), np.zeros(0, int))
    model: Any
    if name == "dummy":
        model = DummyClassifier(strategy="prior") if classes else DummyRegressor()
    elif classes and len(present) == 1:
        model = DummyClassifier(strategy="prior")  # the others want two classes
    elif name == "linear":
        model = _logistic(x.shape, classes, seed) if classes else Ridge(random_state=seed)
    else:
        options: dict[str, Any] = {
            "max_iter": _rounds(x.shape, outputs * (classes if classes > 2 else 1)),
            "categorical_features": categorical,
            "random_state": seed,
        }
        if classes and counts.min() < 2:
            options["early_stopping"] = False  # its held-out rows are drawn by class, of which two are needed
        model = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        model.fit(x, y, sample_weight=weights)
    if not classes:
        return model.predict

    def probabilities(new: np.ndarray) -> np.ndarray:
        found = np.zeros((len(new), classes))
        found[:, model.classes_] = model.predict_proba(new)
        return found

    return probabilities


def _logistic(shape: tuple[int, ...], classes: int, seed: int) -> LogisticRegression:
    """Newton's method where its matrix is small: it is exact within a dozen steps; else a bounded number of steps."""
    parameters = shape[1] * (classes if classes > 2 else 1)
    if shape[0] * parameters**2 <= _NEWTON_BUDGET:
        return LogisticRegression(solver="newton-cholesky", random_state=seed)
    return LogisticRegression(max_iter=200, random_state=seed)


def _rounds(shape: tuple[int, ...], trees: int) -> int:
    """Boosting rounds: scikit-learn's 100, fewer where that many trees of these rows would take too long."""
    return int(np.clip(_TREE_BUDGET // (trees * (shape[0] * shape[1] + _TREE_CELLS)), 10, 100))


def _outcome(truth: pd.DataFrame, target: Target, said: np.ndarray, seconds: float) -> Outcome:
    if target.task == "regression":
        decoded = np.asarray(target.decode(said), dtype=float).reshape(len(said), -1)
        return Outcome("regression", truth.to_numpy(float), decoded, seconds=seconds)
    y_true = target.encode(truth).astype(np.int64)
    if target.task == "multiclass":
        chance = said[:, 0]
        return Outcome("multiclass", y_true, chance.argmax(axis=1), chance, seconds=seconds)
    chance = said[:, :, 1]
    if target.task == "binary":
        y_true, chance = y_true[:, 0], chance[:, 0]
    return Outcome(target.task, y_true, (chance > 0.5).astype(np.int64), chance, seconds=seconds)
