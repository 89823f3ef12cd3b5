"""Generated tables with a fitted model of scikit-learn's, as outcomes on test parts of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

from toolkit.metrics.outcome import Outcome

MODELS = ("linear", "trees", "network")


def outcomes(task: str, seed: int, sizes: Sequence[int]) -> list[Outcome]:
    """The outcomes of one model on fresh parts of a generated table, one part for each size.

    The seed draws the number of columns, the strength of the signal, the shares of the classes, the kind of noise and
    the kind of model.
    """
    random = np.random.default_rng(seed)
    columns, rows = int(random.integers(2, 9)), int(random.integers(300, 1500))
    outputs = {"multiclass": int(random.integers(3, 6)), "multilabel": int(random.integers(2, 6))}.get(task, 1)
    weights = random.normal(size=(columns, outputs)) * random.uniform(0.4, 1.5)
    bend = random.normal(size=outputs) * random.uniform(0, 1.5)
    shift = random.uniform(-1.2, 0.6, size=outputs)
    x = random.normal(size=(rows + sum(sizes), columns))
    signal = x @ weights + bend * (x[:, :1] * x[:, 1:2]) + shift
    y = _truth(task, signal, random)
    kind = MODELS[seed % len(MODELS)]
    predicted = _predicted(task, kind, x[:rows], y[:rows], x[rows:], outputs, seed)
    ends = np.cumsum([0, *sizes])
    parts = [slice(start, end) for start, end in pairwise(ends)]
    return [_outcome(task, y[rows:][part], predicted[part]) for part in parts]


def _truth(task: str, signal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if task == "regression":
        size = random.uniform(0.3, 2)
        noise = (random.normal(size=signal.shape), random.standard_t(6, size=signal.shape))[int(random.integers(2))]
        spread = (
            1.0 if random.random() < 0.5 else np.exp(0.4 * signal / signal.std())
        )  # half of the tables are heteroscedastic
        return signal + size * spread * noise
    if task == "multiclass":
        return (1.5 * signal + random.gumbel(size=signal.shape)).argmax(axis=1)
    drawn = (random.random(signal.shape) < 1 / (1 + np.exp(-signal))).astype(int)
    return drawn[:, 0] if task == "binary" else drawn


def _predicted(
    task: str, kind: str, x: np.ndarray, y: np.ndarray, new: np.ndarray, outputs: int, seed: int
) -> np.ndarray:
    """Predicted numbers (n, 1), or probabilities: (n,), (n, classes) or (n, labels)."""
    network = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "random_state": seed}
    classified: dict[str, Any] = {
        "linear": lambda: LogisticRegression(),
        "trees": lambda: HistGradientBoostingClassifier(max_iter=25, random_state=seed),
        "network": lambda: MLPClassifier(max_iter=30, **network),
    }
    numbers: dict[str, Any] = {
        "linear": lambda: Ridge(),
        "trees": lambda: HistGradientBoostingRegressor(max_iter=40, random_state=seed),
        "network": lambda: MLPRegressor(max_iter=60, **network),
    }
    if task == "regression":
        return numbers[kind]().fit(x, y[:, 0]).predict(new)[:, None]
    if task == "multilabel":
        return np.column_stack([classified[kind]().fit(x, y[:, k]).predict_proba(new)[:, 1] for k in range(outputs)])
    model = classified[kind]().fit(x, y)
    chance = np.zeros((len(new), max(outputs, 2)))
    chance[:, model.classes_] = model.predict_proba(new)
    return chance[:, 1] if task == "binary" else chance


def _outcome(task: str, y: np.ndarray, predicted: np.ndarray) -> Outcome:
    if task == "regression":
        return Outcome(task, y, predicted)
    decided = predicted.argmax(axis=1) if task == "multiclass" else (predicted > 0.5).astype(int)
    return Outcome(task, y, decided, predicted)
