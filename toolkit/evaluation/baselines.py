"""Three models that a network has to beat: a constant, a linear model and boosted trees.

They are scikit-learn's with its defaults, on the same rows as the network. They need no validation rows, so they learn
from the training and validation rows together: more than the network learns from.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgWarning
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from toolkit.common import interrupts
from toolkit.common.tree_columns import ONE_THREAD, as_categories, empty_columns
from toolkit.data.dataset import Dataset, SplitData
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target import Target
from toolkit.evaluation.metrics import Outcome

__all__ = ["BASELINES", "Budget", "fit_baselines", "fit_model", "notes_on_baselines", "predict", "unfitted_model"]

BASELINES = ("dummy", "linear", "tree")

# What a tree costs is counted in cells (rows x columns), about 25 ns each on one core. Each column also costs as many
# cells as this for its histograms, by the number of bins.
_HISTOGRAM_ROWS = {255: 6_000, 63: 2_500}
_FEWEST_STEPS = 20


@dataclass(frozen=True)
class Budget:
    """How much work the baselines may cost.

    Attributes:
        tree: Cells worth about four seconds: what several outputs may cost together, or one output if that is more.
        tree_limit: Cells from which even the fewest rounds would take minutes: then there are no trees.
        newton: Multiplications of one step of Newton's method, for the linear model.
        steps: Multiplications of all the cheaper steps that replace it.
        correlated_steps: The same where neighboring columns are correlated, as pixels are: there a linear model that is
            stopped early also does better.
        steps_limit: Multiplications of the fewest steps that would take minutes: then there is no linear model.
    """

    tree: int = 160_000_000
    tree_limit: int = 10_000_000_000
    newton: int = 4_000_000_000
    steps: int = 20_000_000_000
    correlated_steps: int = 5_000_000_000
    steps_limit: int = 1_000_000_000_000


def fit_baselines(
    data: SplitData,
    preprocessing: Preprocessing | ImagePreprocessing,
    target: Target,
    *,
    seed: int,
    budget: Budget | None = None,
) -> dict[str, Outcome]:
    """Return what three simple models predict for the test part.

    - "dummy": the mean of the target, or the shares of the classes, for every row.
    - "linear": ridge or logistic regression on the encoded columns, one model per label for multilabel targets. It is
      left out where even 20 steps with its many classes would take minutes.
    - "tree": histogram gradient boosting on the columns, with missing values and categories as they are, one model per
      target or label. Above 10,000 rows it stops early. Several labels or classes that would take long together get
      coarser bins (63 instead of 255), then fewer rounds (down to 10 instead of 100; below 30 with a higher learning
      rate). It is left out where that would still take minutes.

    For images, both learn from pixels; of a table larger than memory all learn from a sample: see `notes_on_baselines`.
    After Ctrl-C (see `toolkit.common.interrupts`) the linear model and the trees are left out.

    Args:
        data: The split data. Sample weights are used.
        preprocessing: Fitted on the training rows.
        target: Fitted on the training rows. On a log scale, the baselines are fitted on logarithms too.
        seed: Seed of scikit-learn's random numbers.
        budget: How much work they may cost.

    Returns:
        Name to outcome, with the seconds each took to fit.

    References:
        Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NeurIPS 2017, the method of "tree".

    Example:
        >>> from toolkit.data.prepare import prepare
        >>> size = np.random.default_rng(0).normal(size=200)
        >>> frame = pd.DataFrame({"size": size, "price": 3 * size + 1})
        >>> dataset = prepare(frame, "price", task="regression").preprocess()
        >>> outcomes = fit_baselines(dataset, dataset.preprocessing, dataset.target, seed=0)
        >>> {name: bool(np.abs(outcome.y_pred - outcome.y_true).mean() < 0.1) for name, outcome in outcomes.items()}
        {'dummy': False, 'linear': True, 'tree': False}
    """
    budget = budget or Budget()
    steps = budget.correlated_steps if preprocessing.correlated else budget.steps
    test = data.parts["test"]
    classes = {"regression": 0, "multiclass": len(target.classes)}.get(target.task, 2)
    outcomes = {}
    for name in BASELINES:
        if name != "dummy" and interrupts.requested():
            break
        rows, x, test_x, categorical = _matrices(name, data, preprocessing, seed)
        y = target.encode(data.target_frame.iloc[rows])
        outputs = y.reshape(len(y), -1).T  # one model per row of (outputs, rows)
        outputs = outputs.astype(int) if classes else outputs
        weights = None if data.sample_weight is None else data.sample_weight[rows]
        make = unfitted_model(name, x, classes, len(outputs), categorical, seed, budget, steps)
        if make is None:
            continue
        start = time.perf_counter()
        with warnings.catch_warnings(), threadpool_limits(1 if x.size < ONE_THREAD else None):
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", LinAlgWarning)
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            models: list[Any] = []
            with interrupts.dispensable():
                models = [fit_model(make, x, output, weights, classes > 0) for output in outputs]
            if not models:
                break
            seconds = time.perf_counter() - start
            # (rows, outputs), or with classes (rows, outputs, classes)
            predictions = np.stack([predict(model, test_x, classes) for model in models], axis=1)
        del x, test_x  # the matrices of the next model need as much memory
        outcomes[name] = _outcome(
            data.target_frame.iloc[test], target, predictions, seconds=seconds, units=data.units[test], unit=data.unit
        )
    return outcomes


def notes_on_baselines(dataset: Dataset) -> list[str]:
    """Return sentences on what the baselines do not see of many or large images, or of a table larger than memory."""
    rows = len(dataset.parts["train"]) + len(dataset.parts["validation"])
    all_rows = dataset.part_sizes["train"] + dataset.part_sizes["validation"]
    sentences = []
    if rows < all_rows:
        sentences.append(
            f"The baselines learn from a random sample of {rows:,} of the {all_rows:,} training and validation rows."
        )
    for name, label in (("linear", "The linear baseline"), ("tree", "The tree baseline")):
        limit, simplified = dataset.preprocessing.most_rows.get(name, rows), dataset.preprocessing.simplified(name)
        parts = [f"{limit:,} of {rows:,} images"] * (rows > limit) + [simplified] * bool(simplified)
        if parts:
            sentences.append(f"{label} learns from {' and '.join(parts)}, which keeps its time below the network's.")
    return sentences


def _matrices(
    name: str, data: SplitData, preprocessing: Preprocessing | ImagePreprocessing, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to learn from, their matrix, that of the test rows, and which columns are categories."""
    rows = np.sort(np.concatenate([data.parts["train"], data.parts["validation"]]))
    test = data.parts["test"]
    if name == "dummy":
        return rows, np.zeros((len(rows), 1)), np.zeros((len(test), 1)), np.zeros(1, bool)
    limit = preprocessing.most_rows.get(name, len(rows))
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
    features, test_features = data.features.take(rows), data.features.take(test)
    if name == "linear":
        x = preprocessing.linear_matrix(features)
        return rows, x, preprocessing.linear_matrix(test_features), np.zeros(x.shape[1], bool)
    (x, categorical), (test_x, _) = preprocessing.tree_matrix(features), preprocessing.tree_matrix(test_features)
    # scikit-learn's trees hold out a tenth of more than 10,000 rows.
    empty = empty_columns(x, held_out=0.1 if len(x) > 10_000 else 0.0)
    if empty.any():
        x, test_x = np.where(empty, 0.0, x), np.where(empty, 0.0, test_x)
    return rows, x, test_x, categorical


def unfitted_model(
    name: str,
    x: np.ndarray,
    classes: int,
    outputs: int,
    categorical: np.ndarray,
    seed: int,
    budget: Budget,
    steps: int,
) -> Callable[[], Any] | None:
    """Return a function that makes the model of one output, or None where it would take too long.

    Args:
        name: "dummy", "linear" or "tree".
        x: The matrix to learn from, (rows, columns).
        classes: Number of classes; 0 for regression.
        outputs: Number of models.
        categorical: Which columns are categories.
        seed: Seed of the model.
        budget: How much work all models may cost.
        steps: The budget's number of steps that suits the columns.
    """
    if name == "dummy":
        return partial(DummyClassifier, strategy="prior") if classes else DummyRegressor
    rows, columns = x.shape
    scores = outputs * (classes if classes > 2 else 1)
    if name == "linear":
        if not classes:
            return partial(Ridge, random_state=seed)
        if _FEWEST_STEPS * x.size * scores > budget.steps_limit:
            return None
        # Newton's method is exact within a dozen steps, but needs a matrix of (columns x classes) squared.
        if rows * (columns * (classes if classes > 2 else 1)) ** 2 <= budget.newton:
            return partial(LogisticRegression, solver="newton-cholesky", random_state=seed)
        most_steps = int(np.clip(steps // (x.size * scores), _FEWEST_STEPS, 200))
        return partial(LogisticRegression, max_iter=most_steps, random_state=seed)
    bins = 255
    if 100 * scores * columns * (rows + _HISTOGRAM_ROWS[bins]) > budget.tree and scores > 1:
        bins = 63
    cost = columns * (rows + _HISTOGRAM_ROWS[bins])
    rounds = int(np.clip(max(budget.tree, 100 * cost) // (scores * cost), 10, 100))
    if scores > 1 and rounds * scores * cost > budget.tree_limit:
        return None
    return partial(
        HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor,
        max_iter=rounds,
        learning_rate=float(np.clip(3 / rounds, 0.1, 0.3)),
        max_bins=bins,
        categorical_features=as_categories(x, categorical, bins),
        random_state=seed,
    )


def fit_model(
    make: Callable[[], Any], x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, classified: bool
) -> Any:
    """Return a model fitted to one output; a constant one where all rows have the same class."""
    model = make()
    if classified:
        counts = np.unique(y, return_counts=True)[1]
        if len(counts) == 1:
            model = DummyClassifier(strategy="prior")
        elif counts.min() < 2 and isinstance(model, HistGradientBoostingClassifier):
            model.set_params(early_stopping=False)  # it would hold out rows of each class, and needs two for that
    return model.fit(x, y, sample_weight=weights)


def predict(model: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """Return values (rows,), or probabilities (rows, classes): 0 for a class that had no row to learn from."""
    if not classes:
        return model.predict(x)
    probabilities = np.zeros((len(x), classes))
    probabilities[:, model.classes_] = model.predict_proba(x)
    return probabilities


def _outcome(truth: pd.DataFrame, target: Target, predictions: np.ndarray, **about: Any) -> Outcome:
    if target.task == "regression":
        decoded = np.asarray(target.decode(predictions), dtype=float).reshape(len(predictions), -1)
        return Outcome("regression", truth.to_numpy(float), decoded, **about)
    y_true = target.encode(truth).astype(np.int64)
    if target.task == "multiclass":
        probabilities = predictions[:, 0]
        return Outcome("multiclass", y_true, probabilities.argmax(axis=1), probabilities, **about)
    probabilities = predictions[:, :, 1]
    if target.task == "binary":
        y_true, probabilities = y_true[:, 0], probabilities[:, 0]
    return Outcome(target.task, y_true, (probabilities > 0.5).astype(np.int64), probabilities, **about)
