"""The peers at work: run by the interpreter of the bench environment, one process a peer.

A line of JSON in is a job, a line of JSON out is its result (`measuring.Worker` is the other end). A peer sees the
columns as they came, and prepares them in the way its own documentation shows.
"""
# The peers are not installed where the types are checked.
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


class Said(NamedTuple):
    """What a fitted peer says of the test rows."""

    values: np.ndarray  # numbers, or probabilities (rows, classes); of labels (rows, labels)
    seconds: float  # of the fit, preparation included
    best_epoch: int | None = None


# ------------------------------------------------------------------------------------------------ models of tables


def catboost(parts: Parts, seed: int) -> Said:
    """CatBoost's defaults; categories as text."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    categories = _categories(parts.x)

    def text(x: pd.DataFrame) -> pd.DataFrame:
        return x.astype(dict.fromkeys(categories, object)).fillna(dict.fromkeys(categories, "missing"))

    kind = CatBoostRegressor if parts.task == "regression" else CatBoostClassifier
    options = {"random_seed": seed, "verbose": False, "allow_writing_files": False, "cat_features": categories}
    return _trees(parts, text, lambda: kind(**options))


def lightgbm(parts: Parts, seed: int) -> Said:
    """LightGBM's defaults; categories by pandas' type."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if parts.task == "regression" else LGBMClassifier
    return _trees(parts, _typed(parts.x), lambda: kind(random_state=seed, verbose=-1))


def hist_gradient_boosting(parts: Parts, seed: int) -> Said:
    """HistGradientBoosting's defaults of scikit-learn; categories by pandas' type."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if parts.task == "regression" else HistGradientBoostingClassifier
    return _trees(parts, _typed(parts.x), lambda: kind(random_state=seed))


def sklearn_mlp(parts: Parts, seed: int) -> Said:
    """The MLP of scikit-learn with its defaults, on one-hot categories and standardised numbers."""
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
        # In dollars it would hardly move in its 200 epochs.
        model: Any = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
    else:
        model = MLPClassifier(random_state=seed)
    model = make_pipeline(columns, model)
    with _timed() as seconds:
        model.fit(parts.x, parts.y)
    said = model.predict(parts.x_test) if parts.task == "regression" else model.predict_proba(parts.x_test)
    return Said(said, seconds[0])


def fastai(parts: Parts, seed: int) -> Said:
    """A tabular learner of fastai with its defaults: ten epochs of one cycle, the best one kept."""
    from fastai.tabular import all as fast

    categories = _categories(parts.x)
    numbers = [name for name in parts.x if name not in categories]
    regression = parts.task == "regression"
    fast.set_seed(seed)
    with tempfile.TemporaryDirectory() as folder, _timed() as seconds:
        # Its own FillMissing refuses a column whose first missing cell stands in the test rows.
        medians = parts.x.iloc[: parts.train][numbers].median()
        late = [name for name in numbers if not parts.x[name].isna().any()]
        x_test = parts.x_test.fillna({name: medians[name] for name in late})
        y, centre, width = parts.y, 0.0, 1.0
        if regression:
            learned = y[: parts.train]
            centre, width = float(learned.mean()), float(learned.std())
            y = ((y - centre) / width).astype(np.float32)
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
        said = learner.get_preds(dl=rows)[0].numpy().astype(np.float64)
    return Said(said[:, 0] * width + centre if regression else said, seconds[0], best)


def realmlp_td_s(parts: Parts, seed: int) -> Said:
    """RealMLP-TD-S of pytabkit, given the validation rows."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    return _realmlp(parts, seed, RealMLP_TD_S_Regressor, RealMLP_TD_S_Classifier)


def realmlp_td(parts: Parts, seed: int) -> Said:
    """RealMLP-TD of pytabkit, given the validation rows."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    return _realmlp(parts, seed, RealMLP_TD_Regressor, RealMLP_TD_Classifier)


def _realmlp(parts: Parts, seed: int, regressor: Any, classifier: Any) -> Said:
    from sklearn.impute import SimpleImputer

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    categories = _categories(parts.x)
    numbers = [name for name in parts.x if name not in categories]
    # It takes missing categories and no missing numbers.
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
        said = model.predict(x_test) if parts.task == "regression" else model.predict_proba(x_test)
    return Said(np.asarray(said, np.float64).reshape(len(x_test), -1).squeeze(), seconds[0])


def _trees(parts: Parts, prepared: Callable[[pd.DataFrame], pd.DataFrame], make: Callable[[], Any]) -> Said:
    """Fit a model of trees; one a label where a row has several."""
    several = parts.task == "multilabel"
    with _timed() as seconds:
        x = prepared(parts.x)
        models = [make().fit(x, y) for y in (parts.y.T if several else [parts.y])]
    x_test = prepared(parts.x_test)
    if parts.task == "regression":
        return Said(models[0].predict(x_test), seconds[0])
    chances = [model.predict_proba(x_test) for model in models]
    return Said(np.stack([chance[:, 1] for chance in chances], axis=1) if several else chances[0], seconds[0])


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
    said = TABULAR[peer](parts, seed)
    errors = measuring.errors(parts.task, parts.y_test, said.values)
    return {"errors": errors, "seconds": said.seconds, "best_epoch": said.best_epoch}


# -------------------------------------------------------------------------------------------------- seconds an epoch


def torch(shape: dict[str, Any], epochs: int) -> dict[str, float]:
    """Train with the usual loop of PyTorch, eagerly, with its fused Adam and no loader in between."""
    import torch

    given = Shape(**shape)
    x, y = (torch.from_numpy(part) for part in given.data())
    torch.manual_seed(0)
    sizes = [given.columns, *given.hidden]
    layers = [layer for size in pairwise(sizes) for layer in (torch.nn.Linear(*size), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], given.classes))
    optimizer, loss = torch.optim.Adam(network.parameters(), fused=True), torch.nn.CrossEntropyLoss()
    found = []
    for _ in range(epochs):
        start = time.perf_counter()
        for rows in torch.randperm(len(x)).split(given.batch):
            optimizer.zero_grad()
            loss(network(x[rows]), y[rows]).backward()
            optimizer.step()
        found.append(time.perf_counter() - start)
    first, *others = found
    return {"seconds": float(np.median(others)), "first": first}


def sklearn(shape: dict[str, Any], epochs: int) -> dict[str, float]:
    """Train with scikit-learn's MLP, which does not time its epochs: the difference of a long fit and a short one."""
    given = Shape(**shape)
    x, y = given.data()
    taken = [_mlp_fit(x, y, tuple(given.hidden), given.batch, count) for count in (1, epochs)]
    return {"seconds": (taken[1] - taken[0]) / (epochs - 1), "first": taken[0]}


def mlp_fit(encoded: str) -> float:
    """Return the seconds of scikit-learn's MLP, by its defaults, on rows that ours has encoded."""
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
    warnings.simplefilter("ignore")  # of peers about themselves
    measuring.serve(JOBS)
