"""Three models that a network has to beat: a constant, a linear model and boosted trees.

They are scikit-learn's, at its defaults, on the same rows as the network. They need no validation rows to stop by, so
they are fitted on the training and validation part together, which gives them more to learn from than the network has.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
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

from toolkit.data.dataset import Dataset, SplitData
from toolkit.data.encoding import Encoder
from toolkit.data.images.encoding import ImageEncoder
from toolkit.data.target import Target
from toolkit.evaluation.metrics import Outcome

__all__ = ["fit_baselines", "said_of_images"]

# What a tree costs is counted in cells (rows x columns), about 25 ns each on one core. Beside its rows' cells it costs
# a column this many for its histograms, by the number of bins.
_HISTOGRAM_ROWS = {255: 6_000, 63: 2_500}
# Cells worth about four seconds: what several outputs may cost together, or what one output costs if that is more.
_TREE_BUDGET = 160_000_000
# Cells from which even the fewest rounds would take minutes.
_TREE_LIMIT = 10_000_000_000
# Below this many cells a second thread wins a second at most, and on a busy machine loses twenty by waiting.
_ONE_THREAD = 5_000_000
# Multiplications of the linear model: of one step of Newton's method, and of all the cheaper steps it takes otherwise.
_NEWTON_BUDGET = 4_000_000_000
_STEPS_BUDGET = 20_000_000_000
_FEWEST_STEPS = 20
# Multiplications of the fewest steps that would take minutes.
_STEPS_LIMIT = 1_000_000_000_000
# Neighboring pixels are correlated, and a linear model that is stopped early does better on them besides.
_CORRELATED_STEPS_BUDGET = 5_000_000_000


def fit_baselines(
    table: SplitData, encoder: Encoder | ImageEncoder, target: Target, *, seed: int
) -> dict[str, Outcome]:
    """Return what three simple models say about the test part.

    - "dummy": the mean of the target, or the classes' shares, whatever the row.
    - "linear": ridge or logistic regression on the encoded columns; one a label for multi-label targets. Where even 20
      steps with its many classes would take minutes, it is left out.
    - "tree": histogram gradient boosting on the columns themselves, missing values and categories as they are; one
      a target or label. Above 10,000 rows it stops early by itself. Several labels or classes that would take long
      together get coarser bins (63 instead of 255), then fewer rounds (down to 10 instead of 100, below 30 of them at a
      higher learning rate); where that would still take minutes, "tree" is left out.

    Images are rows of pixels to the last two: see `said_of_images`.

    Args:
        table: The split data. Sample weights are honoured.
        encoder: Fitted on the training rows.
        target: Fitted on the training rows. On a log scale, the baselines are fitted on it too.
        seed: Of whatever scikit-learn draws.

    Returns:
        Name to outcome, with the seconds each took to fit.

    References:
        Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NeurIPS 2017, the method of "tree".

    Example:
        >>> from toolkit.data.prepare import prepare
        >>> size = np.random.default_rng(0).normal(size=200)
        >>> table = prepare(pd.DataFrame({"size": size, "price": 3 * size + 1}), "price", task="regression")
        >>> dataset = table.encode()
        >>> found = fit_baselines(dataset, dataset.encoder, dataset.target, seed=0)
        >>> {name: bool(np.abs(outcome.y_pred - outcome.y_true).mean() < 0.1) for name, outcome in found.items()}
        {'dummy': False, 'linear': True, 'tree': False}
    """
    rows = np.sort(np.concatenate([table.parts["train"], table.parts["validation"]]))
    test = table.parts["test"]
    matrices: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {
        "dummy": (rows, np.zeros((len(rows), 1)), np.zeros((len(test), 1)))
    }
    categorical = np.zeros(0, bool)
    for name in ("linear", "tree"):
        most = encoder.most_rows.get(name, len(rows))
        used = rows if len(rows) <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        features, new = table.features.take(used), table.features.take(test)
        if name == "linear":
            matrices[name] = used, encoder.linear_matrix(features), encoder.linear_matrix(new)
        else:
            x, categorical = encoder.tree_matrix(features)
            matrices[name] = used, *_filled(x, encoder.tree_matrix(new)[0])
    classes = {"regression": 0, "multiclass": len(target.classes)}.get(target.task, 2)
    outcomes = {}
    for name, (used, x, new) in matrices.items():
        y = target.encode(table.target_frame.iloc[used])
        outputs = y.reshape(len(y), -1).T
        outputs = outputs.astype(int) if classes else outputs
        weights = None if table.sample_weight is None else table.sample_weight[used]
        make = _maker(name, x, classes, len(outputs), categorical, seed, encoder.correlated)
        if make is None:
            continue
        start = time.perf_counter()
        with warnings.catch_warnings(), threadpool_limits(1 if x.size < _ONE_THREAD else None):
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", LinAlgWarning)
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            models = [_fit(make, x, output, weights, classes > 0) for output in outputs]
            seconds = time.perf_counter() - start
            # (rows, outputs), or with classes (rows, outputs, classes)
            said = np.stack([_predict(model, new, classes) for model in models], axis=1)
        outcomes[name] = _outcome(table.target_frame.iloc[test], target, said, seconds)
    return outcomes


def said_of_images(dataset: Dataset) -> list[str]:
    """Return what the linear model and the trees see of many or large images; of a table they see everything."""
    rows = len(dataset.parts["train"]) + len(dataset.parts["validation"])
    sentences = []
    for name, words in (("linear", "The linear baseline"), ("tree", "The tree baseline")):
        most, simplified = dataset.encoder.most_rows.get(name, rows), dataset.encoder.simplified(name)
        seen = [f"{most:,} of {rows:,} images"] * (rows > most) + [simplified] * bool(simplified)
        if seen:
            sentences.append(f"{words} learns from {' and '.join(seen)}, which keeps its time below the network's.")
    return sentences


def _filled(x: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the trees' columns with 0 in those that are almost empty in the rows to learn from.

    scikit-learn's trees fail on a column without a value, also in the share of the rows that they look at.
    """
    fewest = 1 if len(x) <= 10_000 else max(20, len(x) // 10_000)
    empty = (~np.isnan(x)).sum(axis=0) < fewest
    return np.where(empty, 0.0, x), np.where(empty, 0.0, new)


def _maker(
    name: str, x: np.ndarray, classes: int, outputs: int, categorical: np.ndarray, seed: int, correlated: bool = False
) -> Callable[[], Any] | None:
    """Return what makes the unfitted model of one output, or None where it would take too long."""
    if name == "dummy":
        return partial(DummyClassifier, strategy="prior") if classes else DummyRegressor
    together = outputs * (classes if classes > 2 else 1)
    if name == "linear":
        if not classes:
            return partial(Ridge, random_state=seed)
        if _FEWEST_STEPS * x.size * together > _STEPS_LIMIT:
            return None
        return partial(
            _logistic, x.shape, classes, together, _CORRELATED_STEPS_BUDGET if correlated else _STEPS_BUDGET, seed
        )
    rows, columns = x.shape
    bins = 255
    if 100 * together * columns * (rows + _HISTOGRAM_ROWS[bins]) > _TREE_BUDGET and together > 1:
        bins = 63
    cost = columns * (rows + _HISTOGRAM_ROWS[bins])
    rounds = int(np.clip(max(_TREE_BUDGET, 100 * cost) // (together * cost), 10, 100))
    if together > 1 and rounds * together * cost > _TREE_LIMIT:
        return None
    return partial(
        HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor,
        max_iter=rounds,
        learning_rate=float(np.clip(3 / rounds, 0.1, 0.3)),
        max_bins=bins,
        # A category with more levels than bins is taken by its number.
        categorical_features=categorical & (np.nanmax(x, axis=0, initial=0) < bins) if categorical.any() else None,
        random_state=seed,
    )


def _fit(make: Callable[[], Any], x: np.ndarray, y: np.ndarray, weights: np.ndarray | None, classified: bool) -> Any:
    model = make()
    if classified:
        counts = np.unique(y, return_counts=True)[1]
        if len(counts) == 1:
            model = DummyClassifier(strategy="prior")  # the others want two classes
        elif counts.min() < 2 and isinstance(model, HistGradientBoostingClassifier):
            model.set_params(early_stopping=False)  # it would hold out rows of each class, and wants two for that
    return model.fit(x, y, sample_weight=weights)


def _predict(model: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """Values (rows,), or probabilities (rows, classes), 0 for a class that stood in no row to learn from."""
    if not classes:
        return model.predict(x)
    chance = np.zeros((len(x), classes))
    chance[:, model.classes_] = model.predict_proba(x)
    return chance


def _logistic(shape: tuple[int, int], classes: int, together: int, budget: int, seed: int) -> LogisticRegression:
    """Newton's method where its matrix is small: it is exact within a dozen steps; else a bounded number of steps."""
    rows, columns = shape
    if rows * (columns * (classes if classes > 2 else 1)) ** 2 <= _NEWTON_BUDGET:
        return LogisticRegression(solver="newton-cholesky", random_state=seed)
    steps = int(np.clip(budget // (rows * columns * together), _FEWEST_STEPS, 200))
    return LogisticRegression(max_iter=steps, random_state=seed)


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
