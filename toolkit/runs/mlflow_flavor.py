"""MLflow: runs as models of its flavor `pyfunc`, and their settings and metrics in its tracking."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.common.libraries import library
from toolkit.common.schema import SCHEMA
from toolkit.data.preprocessing import Preprocessing
from toolkit.runs.loading import load

if TYPE_CHECKING:
    from toolkit.runs.run import Run

__all__ = ["load_model", "log_model", "log_run", "save_model"]


def save_model(run: Run, path: str | Path) -> None:
    """Write a run as an MLflow model, which ``mlflow.pyfunc.load_model`` loads where this project is installed.

    Its ``predict`` answers what `run.predict` does. The signature names the columns; their cells may be of any type
    that the run reads. A run with a head or layers of the user's own can't be loaded by MLflow.

    Args:
        run: The run.
        path: A new folder.

    Raises:
        DataError: MLflow is not installed, or the run can't be saved.
    """
    _write(run, lambda options: library("mlflow.pyfunc", "mlflow").save_model(path=str(path), **options))


def log_model(run: Run, name: str = "model", **options: Any) -> Any:
    """Log a run as a model of the active MLflow run; return what ``mlflow.pyfunc.log_model`` returns.

    Args:
        run: The run.
        name: The name of the model.
        options: Further arguments of ``mlflow.pyfunc.log_model``, such as ``registered_model_name``.

    Raises:
        DataError: As for `save_model`.
    """
    return _write(run, lambda own: library("mlflow.pyfunc", "mlflow").log_model(name=name, **own, **options))


def log_run(run: Run) -> None:
    """Log the settings of a run as parameters of the active MLflow run, and its metrics on the test rows.

    Raises:
        DataError: MLflow is not installed.
    """
    mlflow = library("mlflow", "mlflow")
    flat = {"task": run.task}
    for name, value in run.settings.items():
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{name}.{key}".rstrip("."): str(each)[:500] for key, each in inner.items() if each is not None}
    mlflow.log_params(flat)
    mlflow.log_metrics({f"test_{name}": value for name, value in run.metrics.items() if np.isfinite(value)})


def load_model(path: str | Path) -> Run:
    """Return the run of a folder or an address that MLflow knows, such as ``"models:/wine/1"``.

    Raises:
        DataError: MLflow is not installed, or the model is of another flavor.
    """
    folder = library("mlflow.artifacts", "mlflow").download_artifacts(str(path))
    return load(Path(folder) / "data" / _FILE)


_FILE = "run.keras"


def _write(run: Run, write: Any) -> Any:
    library("mlflow.pyfunc", "mlflow")
    with tempfile.TemporaryDirectory() as folder:
        file = run.save(Path(folder) / _FILE)
        options = {"loader_module": __name__, "data_path": str(file), "signature": _signature(run)}
        # Without a list MLflow would load the model in another process to find out.
        needed = [f"logitkit=={run.settings['versions']['logitkit']}"]
        return write({**options, "pip_requirements": needed, "metadata": {"logitkit_schema": SCHEMA}})


def _signature(run: Run) -> Any:
    """Return the signature of a run on a table; None for images."""
    if not isinstance(run.preprocessing, Preprocessing):
        return None
    models, types = library("mlflow.models", "mlflow"), library("mlflow.types.schema", "mlflow")
    columns = [types.ColSpec(types.AnyType(), name) for name in run.preprocessing.source_columns]
    return models.ModelSignature(inputs=types.Schema(columns))


class _Predicting:
    """What MLflow calls."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        return self._run.predict(data)


def _load_pyfunc(path: str) -> _Predicting:
    """Return what predicts, from the file in the folder of a model: MLflow calls this."""
    return _Predicting(load(path))
