"""Run: one training, finished. It predicts, evaluates, goes on learning, saves and reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit import training
from toolkit.common.errors import DataError
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data.columns import coerce
from toolkit.data.dataset import Dataset
from toolkit.data.encoding import Encoder
from toolkit.data.images.files import (
    Form,
    is_image_source,
    read_images,
    read_pictures,
)
from toolkit.data.images.stack import ImageEncoder, check_files
from toolkit.data.prepare import labeled
from toolkit.data.read import read
from toolkit.data.target import Target
from toolkit.evaluation import metrics
from toolkit.evaluation.calibration import Calibration, residual_quantile
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import Head, get_head
from toolkit.report import page as report
from toolkit.report.summary import run as summary
from toolkit.runs import archive
from toolkit.training.scoring import Scorer

if TYPE_CHECKING:
    import keras

__all__ = ["Run", "load"]

_ROWS = 16_384  # that are encoded and scored at once


@dataclass
class Run:
    """One training, finished: the model, what turns a table into its inputs and its scores into answers.

    Attributes:
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        head: What the scores mean.
        model: The ``keras.Sequential``; its last layer is linear, and it is compiled with the head's loss and metrics.
        encoder: Turns a table, or images, into the model's inputs.
        target: Turns labels into what the loss takes, and decisions back into labels.
        history: A row an epoch: loss, val_loss, val_<metric>, learning_rate, seconds.
        best_epoch: The epoch whose weights the model holds.
        stopped: Why training ended.
        seconds: Time of each stage.
        metrics: The metrics on the test part, by scikit-learn's names.
        members: Of several networks: the metrics of each alone, a row a network, its probabilities by the calibration
            of their mean score; empty for one.
        table: A row a metric: value, low, high (95 %), and the same of the dummy, linear and tree baselines.
        settings: Everything that was asked and every default as it was resolved.
        data: The table it was trained on; None after `load`.
        outcome: Truth, decisions and probabilities on the test part; None after `load`.
        baselines: The same for each baseline; empty after `load`.
        calibration: How scores become probabilities, fitted on validation scores; None for regression.
        threshold: For binary: the score above which a row is of the second class.
        residuals: For regression: absolute errors on the validation rows, in the target's units, shape (n, targets).
        verdict: Sentences: how the network stands beside the baselines, and what that means.
    """

    task: str
    head: Head
    model: keras.Sequential
    encoder: Encoder | ImageEncoder
    target: Target
    history: pd.DataFrame
    best_epoch: int
    stopped: str
    seconds: dict[str, float]
    metrics: dict[str, float] = field(default_factory=dict)
    members: pd.DataFrame = field(default_factory=pd.DataFrame)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    settings: dict[str, Any] = field(default_factory=dict)
    data: Dataset | None = None
    outcome: Outcome | None = None
    baselines: dict[str, Outcome] = field(default_factory=dict)
    calibration: Calibration | None = None
    threshold: float = 0.0
    residuals: NDArray[np.float64] | None = None
    verdict: list[str] = field(default_factory=list)
    saved_summary: dict[str, Any] | None = None

    @property
    def is_image(self) -> bool:
        """Whether the run takes images."""
        return isinstance(self.encoder, ImageEncoder)

    @property
    def classes(self) -> list[str]:
        """The classes (binary, multiclass), labels (multilabel) or targets (regression), as text, in column order."""
        named = self.target.classes if self.task in ("binary", "multiclass") else self.target.columns
        return [str(name) for name in named]

    def decision_function(self, new: Any) -> NDArray[np.float32]:
        """Return raw scores (logits), shape (n, units).

        Args:
            new: A path, a DataFrame, or an array of the columns it was trained on, in their order. Where it was trained
                on images: an array of one or more of that size, or pictures by path (a file, a folder, a list of
                files), which are brought to it.

        Raises:
            DataError: A column is missing or has another type than in training; images have another size.
        """
        is_table = isinstance(new, str | Path | pd.DataFrame) and not self.is_image
        frame, name = read(new) if is_table else (new, "the array")
        scores = [self.raw_scores(x) for x in self._pieces(frame, name)]
        return scores[0] if len(scores) == 1 else np.concatenate(scores)

    def raw_scores(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores, shape (n, units), of rows that `encoder` has encoded already, shape (n, ...)."""
        return self._scorer(x)

    def probabilities(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Turn raw scores (n, units) into calibrated probabilities.

        Args:
            scores: Raw scores, shape (n, units).

        Returns:
            Binary: (n,), of the second class. Multiclass: (n, classes). Multilabel: (n, labels).

        Raises:
            DataError: There are none: the task is regression.
        """
        if self.calibration is not None:
            return self.calibration.probabilities(scores)
        plain = self.head.probabilities(scores)
        if plain is None:
            raise DataError(f"a {self.task} run with the {self.head.name} head has no probabilities.")
        return plain

    def outcome_of(self, scores: NDArray[np.float32], y: pd.DataFrame, seconds: float = 0.0) -> Outcome:
        """Return truth, decisions and probabilities of rows with their raw scores.

        Args:
            scores: Raw scores, shape (n, units).
            y: The true target columns, in the user's own labels.
            seconds: Time of the training.
        """
        if self.task == "regression":
            decoded = self.target.decode(scores).reshape(len(y), -1)
            return Outcome(self.task, y.to_numpy(np.float64), decoded, None, scores, seconds)
        y_true = np.asarray(self.target.encode(y)).astype(np.int64)
        y_true = y_true[:, 0] if self.task == "binary" else y_true
        decided = self.head.decide(scores, self.threshold)
        return Outcome(self.task, y_true, decided, self.probabilities(scores), scores, seconds)

    def predict(self, new: Any) -> NDArray[Any]:
        """Return predictions in the user's own labels, numbers and dtype.

        Args:
            new: A path, a DataFrame, or an array of the columns it was trained on, in their order. Further columns
                are ignored; missing cells and categories never seen are allowed.

        Returns:
            Shape (n,), or (n, labels) for multilabel and (n, targets) for several regression targets.

        Raises:
            DataError: A column is missing or has another type than in training.
        """
        return self.target.decode(self.head.decide(self.decision_function(new), self.threshold))

    def predict_proba(self, new: Any) -> NDArray[np.float64]:
        """Return probabilities: (n, classes) for binary and multiclass, (n, labels) for multilabel.

        Args:
            new: As for `predict`.

        Raises:
            DataError: The task is regression, or a column is missing or of another type.
        """
        if self.task == "regression":
            raise DataError("a regression run predicts numbers, not probabilities: use predict_interval.")
        probabilities = self.probabilities(self.decision_function(new))
        return np.stack([1 - probabilities, probabilities], axis=1) if self.task == "binary" else probabilities

    def predict_interval(self, new: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Return an interval around each prediction that holds the truth for a share of new rows (regression).

        Conformal prediction from the validation rows' errors: the interval is as wide for every row, and its promise
        holds on average over rows like those. It is the wrong tool where some rows are much harder than others. Where
        several networks each left out a fold, the error of a row is that of the networks that left it out.

        Args:
            new: As for `predict`.
            coverage: The share, between 0 and 1.

        Returns:
            Lower and upper ends, shape (n, 2), or (n, targets, 2) for several targets.

        Raises:
            DataError: The task has no intervals, or the coverage is too high for so few validation rows.
        """
        if self.residuals is None:
            raise DataError(f"a {self.task} run has no intervals around numbers: use predict_proba.")
        middle = self.predict(new)
        reach = residual_quantile(self.residuals, coverage)
        reach = reach[0] if middle.ndim == 1 else reach
        return np.stack([middle - reach, middle + reach], axis=-1)

    def evaluate(self, labelled: Any) -> dict[str, float]:
        """Return the metrics of `metrics` on other labelled rows.

        Args:
            labelled: A path or DataFrame that holds the target too, or an (X, y) pair. Where it was trained on images:
                a pair, or a place of labelled pictures (see `toolkit.data.images.files.read_images`).

        Raises:
            DataError: The target or a column is missing, a label was never seen, or a value has another type.
        """
        x, y = self._labelled(labelled)
        return metrics.evaluate(self.outcome_of(self.raw_scores(x), y))

    def update(self, rows: Any, *, learning_rate: float = 1e-3, batch_size: int = 1) -> Run:
        """Learn from new labelled rows in one pass, in their order, then forget them (online learning).

        The encoding, the metrics and the history stay those of the training.

        Args:
            rows: As for `evaluate`.
            learning_rate: Step size of plain gradient descent.
            batch_size: Rows a step; 1 is one example at a time.

        Returns:
            The run itself.

        Raises:
            DataError: As for `evaluate`; or one row at a time where batch normalisation needs several.
        """
        if batch_size == 1 and any(type(layer).__name__ == "BatchNormalization" for layer in self.model.layers):
            raise DataError("batch_size=1: batch normalisation needs several rows a step; give batch_size=32 or so.")
        x, y = self._labelled(rows)
        training.fit(
            self.model,
            self.head,
            x,
            self.target.encode(y),
            epochs=1,
            batch_size=batch_size,
            optimizer="sgd",
            learning_rate=learning_rate,
            schedule="constant",
            shuffle=False,
            progress=False,
        )
        self.settings["updated"] = self.settings.get("updated", 0) + len(x)
        return self

    def summary(self, rows: bool = True) -> dict[str, Any]:
        """Return everything the report says, as a dictionary that JSON can hold.

        Args:
            rows: Whether rows of the user's data (the most confident mistakes) are part of it.
        """
        if self.data is None and self.saved_summary is not None:
            return self.saved_summary
        return summary.summarise(self, rows=rows)

    def report(self, path: str | Path, *, rows: bool = True) -> Path:
        """Write the report as one HTML page, and the same content as JSON beside it.

        Args:
            path: Where; the name ends in ``.html``.
            rows: False leaves rows of the user's data out. A loaded run has none.

        Returns:
            The path of the page.

        Raises:
            DataError: The file can't be written.
        """
        return report.write(self.summary(rows), path)

    def _repr_html_(self) -> str:
        return report.notebook(self.summary())

    def __repr__(self) -> str:
        scored = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"Run({self.task}, {self.head.name}; test: {scored})"

    def save(self, path: str | Path) -> Path:
        """Write one ``.keras`` file: a plain Keras model that needs no part of this project, and one JSON member.

        The file holds no rows of the data; it holds the summaries that the report shows.

        Args:
            path: Where; the name ends in ``.keras``.

        Returns:
            The path.

        Raises:
            DataError: The name has another ending, the model holds a layer that isn't built into Keras, or the file
                can't be written. What stood there before is then untouched.
        """
        content = {
            "schema": SCHEMA,
            "task": self.task,
            "head": self.head.name,
            "encoder": self.encoder.to_dict(),
            "target": self.target.to_dict(),
            "history": json.loads(self.history.to_json(orient="split", double_precision=15)),
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "metrics": _nullable(self.metrics),
            "members": json.loads(self.members.to_json(orient="split", double_precision=15)),
            "table": json.loads(self.table.to_json(orient="split", double_precision=15)),
            "settings": self.settings,
            "seconds": self.seconds,
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "threshold": self.threshold,
            "residuals": None if self.residuals is None else self.residuals.tolist(),
            "verdict": self.verdict,
            "summary": self.summary(rows=False),
        }
        return archive.write(path, self.model, content)

    @property
    def _scorer(self) -> Scorer:
        kept: Scorer | None = self.__dict__.get("_kept_scorer")
        if kept is None or kept.model is not self.model:
            kept = self.__dict__["_kept_scorer"] = Scorer(self.model)
        return kept

    def _pieces(self, new: Any, name: str) -> Iterator[NDArray[Any]]:
        """Encode rows some at a time: a column of numbers may become 33 of them."""
        rows = len(new) if isinstance(new, np.ndarray | pd.DataFrame) and np.ndim(new) else 0
        if isinstance(self.encoder, ImageEncoder) or rows <= _ROWS:
            yield self._inputs(new, name)
            return
        starts = range(0, rows, _ROWS)
        if isinstance(new, np.ndarray) and self.encoder.from_numbers(new[:1]) is not None and not np.isinf(new).any():
            yield from (self._inputs(new[start : start + _ROWS], name) for start in starts)
            return
        frame = coerce(new, self.encoder.columns, self.encoder.source_columns, name)
        yield from (self.encoder.transform(frame.iloc[start : start + _ROWS]) for start in starts)

    def _inputs(self, new: Any, name: str) -> NDArray[Any]:
        if isinstance(self.encoder, ImageEncoder):
            if isinstance(new, str | Path) or is_image_source(new):
                found = read_pictures(new, Form(self.encoder.shape, self.encoder.dtype))
                check_files(found.pixels, self.encoder.low, self.encoder.high, found.name)
                new = found.pixels
            return self.encoder.transform(new, name)
        matrix = self.encoder.from_numbers(new)
        if matrix is not None:
            return matrix
        columns, source = self.encoder.columns, self.encoder.source_columns
        return self.encoder.transform(coerce(new, columns, source, name))

    def _labelled(self, labelled: Any) -> tuple[NDArray[Any], pd.DataFrame]:
        if isinstance(self.encoder, ImageEncoder) and isinstance(labelled, str | Path):
            form = Form(self.encoder.shape, self.encoder.dtype)
            columns = None if is_image_source(labelled) else list(self.target.columns)
            parts = read_images(labelled, task=self.task, target=columns, form=form)
            labelled = parts.get("test", parts["train"])
            check_files(labelled.pixels, self.encoder.low, self.encoder.high, labelled.name)
        features, y, name = labeled(labelled, self.target.columns, self.task)
        return self._inputs(features, name), y


def load(path: str | Path, *, head: Head | None = None) -> Run:
    """Return a run saved by `Run.save`; its predictions are identical to those before.

    Args:
        path: The ``.keras`` file. It is opened safely: no pickle, no code, built-in layers only.
        head: The head, where the run was trained with one of your own.

    Returns:
        The run. The rows it was trained on are gone; its report shows all but them.

    Raises:
        DataError: No such file, a damaged or foreign one, or one from a later version.
    """
    model, content = archive.read(path)
    check_schema(content, f"run in {path}")
    try:
        head = head or get_head(content["task"], content["head"])
        run = Run(
            task=content["task"],
            head=head,
            model=model,
            encoder=(ImageEncoder if "images" in content["encoder"] else Encoder).from_dict(content["encoder"]),
            target=Target.from_dict(content["target"]),
            history=pd.DataFrame(**content["history"]),
            best_epoch=content["best_epoch"],
            stopped=content["stopped"],
            metrics={k: float("nan") if v is None else v for k, v in content["metrics"].items()},
            members=pd.DataFrame(**content["members"]),
            table=pd.DataFrame(**content["table"]).rename_axis("metric"),
            settings=content["settings"],
            seconds=content["seconds"],
            calibration=None if content["calibration"] is None else Calibration.from_dict(content["calibration"]),
            threshold=content["threshold"],
            residuals=None if content["residuals"] is None else np.array(content["residuals"], np.float64),
            verdict=content["verdict"],
            saved_summary=content["summary"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: its settings lack {error}.") from error
    model.compile(loss=head.loss(), metrics=head.keras_metrics())
    return run


def _nullable(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
