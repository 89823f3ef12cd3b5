"""The jobs of the peers: run by the interpreter of the bench environment, one process per peer.

Each input line of JSON is a job, each output line its result (`measuring.Worker` is the other end). A peer gets the
columns as they were read, and prepares them in the way that its documentation shows.
"""
# The peers are not installed in the environment that checks the types.
# pyright: reportMissingImports=false

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tests.benchmarks import datasets, measuring
from tests.benchmarks.datasets import Parts
from tests.benchmarks.measuring import Shape


class Predictions(NamedTuple):
    """What a fitted peer predicts for the test rows."""

    values: np.ndarray  # numbers, or probabilities of shape (rows, classes) or (rows, labels)
    seconds: float  # seconds of the fit, preparation included
    best_epoch: int | None = None


# ------------------------------------------------------------------------------------------------ models of tables


def catboost(parts: Parts, seed: int) -> Predictions:
    """Fit CatBoost with its defaults; categories are text."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    categories = _categories(parts.x)

    def text(x: pd.DataFrame) -> pd.DataFrame:
        return x.astype(dict.fromkeys(categories, object)).fillna(dict.fromkeys(categories, "missing"))

    kind = CatBoostRegressor if parts.task == "regression" else CatBoostClassifier
    options = {"random_seed": seed, "verbose": False, "allow_writing_files": False, "cat_features": categories}
    return _trees(parts, text, lambda: kind(**options))


def lightgbm(parts: Parts, seed: int) -> Predictions:
    """Fit LightGBM with its defaults; categories have the type of pandas."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if parts.task == "regression" else LGBMClassifier
    return _trees(parts, _typed(parts.x), lambda: kind(random_state=seed, verbose=-1))


def hist_gradient_boosting(parts: Parts, seed: int) -> Predictions:
    """Fit scikit-learn's HistGradientBoosting with its defaults; categories have the type of pandas."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if parts.task == "regression" else HistGradientBoostingClassifier
    return _trees(parts, _typed(parts.x), lambda: kind(random_state=seed))


def sklearn_mlp(parts: Parts, seed: int) -> Predictions:
    """Fit the MLP of scikit-learn with its defaults, on one-hot categories and standardized numbers."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    categories = _categories(parts.x)
    numbers = [name for name in parts.x if name not in categories]
    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        ]
    )
    if parts.task == "regression":
        # Without scaling, a target in dollars would hardly be learned in its 200 epochs.
        model: Any = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    else:
        model = MLPClassifier(random_state=seed)
    model = make_pipeline(columns, model)
    with _timed() as seconds:
        model.fit(parts.x, parts.y)
    predicted = model.predict(parts.x_test) if parts.task == "regression" else model.predict_proba(parts.x_test)
    return Predictions(predicted, seconds[0])


def fastai(parts: Parts, seed: int) -> Predictions:
    """Fit a tabular learner of fastai with its defaults: one cycle of ten epochs, of which the best is kept."""
    from fastai.tabular import all as fast

    categories = _categories(parts.x)
    numbers = [name for name in parts.x if name not in categories]
    regression = parts.task == "regression"
    fast.set_seed(seed)
    with tempfile.TemporaryDirectory() as folder, _timed() as seconds:
        # FillMissing of fastai refuses a column whose only missing cells are in the test rows.
        medians = parts.x.iloc[: parts.train][numbers].median()
        complete = [name for name in numbers if not parts.x[name].isna().any()]
        x_test = parts.x_test.fillna({name: medians[name] for name in complete})
        y, center, width = parts.y, 0.0, 1.0
        if regression:
            center, width = float(y[: parts.train].mean()), float(y[: parts.train].std())
            y = ((y - center) / width).astype(np.float32)
        table = fast.TabularPandas(
            parts.x.astype(dict.fromkeys(numbers, np.float32)).assign(aim=y),
            procs=[fast.Categorify, fast.FillMissing, fast.Normalize],
            cat_names=list(categories),
            cont_names=list(numbers),
            y_names="aim",
            y_block=fast.RegressionBlock() if regression else fast.CategoryBlock(),
            splits=(list(range(parts.train)), list(range(parts.train, len(parts.x)))),
        )
        learner = fast.tabular_learner(table.dataloaders(bs=64), path=folder)
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(10, cbs=fast.SaveModelCallback())
    best = 1 + int(np.argmin([row[1] for row in learner.recorder.values]))
    with learner.no_bar():
        rows = learner.dls.test_dl(x_test.astype(dict.fromkeys(numbers, np.float32)))
        predicted = learner.get_preds(dl=rows)[0].numpy().astype(np.float64)
    return Predictions(predicted[:, 0] * width + center if regression else predicted, seconds[0], best)


def realmlp_td_s(parts: Parts, seed: int) -> Predictions:
    """Fit RealMLP-TD-S of pytabkit, with the given validation rows."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    return _realmlp(parts, seed, RealMLP_TD_S_Regressor, RealMLP_TD_S_Classifier)


def realmlp_td(parts: Parts, seed: int) -> Predictions:
    """Fit RealMLP-TD of pytabkit, with the given validation rows."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    return _realmlp(parts, seed, RealMLP_TD_Regressor, RealMLP_TD_Classifier)


def _realmlp(parts: Parts, seed: int, regressor: Any, classifier: Any) -> Predictions:
    from sklearn.impute import SimpleImputer

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    categories = _categories(parts.x)
    numbers = [name for name in parts.x if name not in categories]
    # It accepts missing categories, but no missing numbers.
    imputer = SimpleImputer().fit(parts.x.iloc[: parts.train][numbers])

    def filled(x: pd.DataFrame) -> pd.DataFrame:
        x = x.astype(dict.fromkeys(categories, object) | dict.fromkeys(numbers, np.float64)).copy()
        x[numbers] = imputer.transform(x[numbers])
        x[categories] = x[categories].fillna("missing")
        return x

    kind = regressor if parts.task == "regression" else classifier
    with tempfile.TemporaryDirectory() as folder:
        model = kind(device="cpu", random_state=seed, tmp_folder=folder)
        with _timed() as seconds:
            validation = np.arange(parts.train, len(parts.x))
            model.fit(filled(parts.x), parts.y, val_idxs=validation, cat_col_names=list(categories))
        x_test = filled(parts.x_test)
        predicted = model.predict(x_test) if parts.task == "regression" else model.predict_proba(x_test)
    return Predictions(np.asarray(predicted, np.float64).reshape(len(x_test), -1).squeeze(), seconds[0])


def _trees(parts: Parts, prepared: Callable[[pd.DataFrame], pd.DataFrame], make: Callable[[], Any]) -> Predictions:
    """Fit a tree model; one per label if a row has several labels."""
    multilabel = parts.task == "multilabel"
    with _timed() as seconds:
        x = prepared(parts.x)
        models = [make().fit(x, y) for y in (parts.y.T if multilabel else [parts.y])]
    x_test = prepared(parts.x_test)
    if parts.task == "regression":
        return Predictions(models[0].predict(x_test), seconds[0])
    probabilities = [model.predict_proba(x_test) for model in models]
    values = np.stack([p[:, 1] for p in probabilities], axis=1) if multilabel else probabilities[0]
    return Predictions(values, seconds[0])


def _categories(x: pd.DataFrame) -> list[str]:
    return list(x.select_dtypes(exclude="number").columns)


def _typed(x: pd.DataFrame) -> Callable[[pd.DataFrame], pd.DataFrame]:
    kinds = {name: pd.CategoricalDtype(sorted(x[name].dropna().unique())) for name in _categories(x)}
    return lambda part: part.astype(kinds)


@contextmanager
def _timed() -> Iterator[list[float]]:
    seconds = [0.0]
    start = time.perf_counter()
    yield seconds
    seconds[0] = time.perf_counter() - start


FITTED = (catboost, lightgbm, hist_gradient_boosting, sklearn_mlp, fastai, realmlp_td_s, realmlp_td)
TABULAR = {function.__name__: function for function in FITTED}


def table(peer: str, name: str, positions: dict[str, list[int]], seed: int) -> dict[str, Any]:
    """Fit a peer on the given rows of a table; return its errors on the test rows and its seconds."""
    parts = datasets.load(name).parts(positions)
    predictions = TABULAR[peer](parts, seed)
    errors = measuring.errors(parts.task, parts.y_test, predictions.values)
    return {"errors": errors, "seconds": predictions.seconds, "best_epoch": predictions.best_epoch}


# ------------------------------------------------------------------------------------------------- seconds per epoch


def torch(shape: dict[str, Any], epochs: int) -> dict[str, float]:
    """Train with the usual eager loop of PyTorch, with its fused Adam and without a DataLoader."""
    import torch

    loop = Shape(**shape)
    x, y = (torch.from_numpy(part) for part in loop.data())
    torch.manual_seed(0)
    sizes = [loop.columns, *loop.hidden]
    layers = [layer for size in pairwise(sizes) for layer in (torch.nn.Linear(*size), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], loop.classes))
    optimizer, loss = torch.optim.Adam(network.parameters(), fused=True), torch.nn.CrossEntropyLoss()
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        for rows in torch.randperm(len(x)).split(loop.batch):
            optimizer.zero_grad()
            loss(network(x[rows]), y[rows]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    first, *later = seconds
    return {"seconds": float(np.median(later)), "first": first}


def sklearn(shape: dict[str, Any], epochs: int) -> dict[str, float]:
    """Train with scikit-learn's MLP, which does not time its epochs: the difference of a long fit and a short one."""
    loop = Shape(**shape)
    x, y = loop.data()
    short, long = (_mlp_fit(x, y, tuple(loop.hidden), loop.batch, count) for count in (1, epochs))
    return {"seconds": (long - short) / (epochs - 1), "first": short}


def mlp_fit(encoded: str) -> float:
    """Return the seconds that scikit-learn's MLP with its defaults takes on rows that our preprocessing has encoded."""
    with np.load(encoded) as rows:
        return _mlp_fit(rows["x"], rows["y"], (100,), "auto", 200)


def _mlp_fit(x: np.ndarray, y: np.ndarray, hidden: tuple[int, ...], batch: int | str, epochs: int) -> float:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(hidden, batch_size=batch, max_iter=epochs, random_state=0)
    with _timed() as seconds:
        model.fit(x, y)
    return seconds[0]


JOBS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (table, measuring.versions, torch, sklearn, mlp_fit)
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers warn about themselves
    measuring.serve(JOBS)
