"""Run: one finished training. It predicts, evaluates, goes on learning, saves and reports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jinja2
import numpy as np
import pandas as pd

from toolkit import training
from toolkit.common.errors import DataError
from toolkit.common.schema import check_schema
from toolkit.data.dataset import Dataset
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.inputs import encode_labeled, labeled_frame
from toolkit.data.notes import names_in, sentences, without_cells
from toolkit.data.pictures import Pictures
from toolkit.evaluation.importance import Rows, permutation_importance, rows_of
from toolkit.evaluation.metrics import Outcome
from toolkit.evaluation.predictor import Predictor
from toolkit.evaluation.result import Result, titled
from toolkit.evaluation.slices import slice_table
from toolkit.heads import Head
from toolkit.report import page
from toolkit.report.card import write_card
from toolkit.report.figures.training import learning_curves
from toolkit.report.summary import summarize
from toolkit.runs import archive
from toolkit.runs.consistency import check_head, check_result, explained, frame_of
from toolkit.runs.export import Exported, export
from toolkit.runs.fields import from_result
from toolkit.runs.predicting import Predicting, finite

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

__all__ = ["Run", "load_run"]


class Run(Predicting):
    """One finished training: what you predict with.

    Args:
        result: What the training gave. Its fields are read from the run too: see
            `toolkit.evaluation.result.Result`.
    """

    result: Result

    model: keras.Model = from_result()
    history: pd.DataFrame = from_result()
    best_epoch: int = from_result()
    stopped: str = from_result()
    seconds: dict[str, float] = from_result()
    metrics: dict[str, float] = from_result()
    members: pd.DataFrame = from_result()
    table: pd.DataFrame = from_result()
    settings: dict[str, Any] = from_result()
    dataset: Dataset | None = from_result()
    outcome: Outcome | None = from_result()
    baselines: dict[str, Outcome] = from_result()
    verdict: list[str] = from_result()
    notes: list[str] = from_result()

    def evaluate(self, labeled: Any) -> dict[str, float]:
        """Return the metrics of `metrics` on other labeled rows.

        Args:
            labeled: A path or DataFrame that holds the target too, or an (X, y) pair. For a run on images: a pair, or
                labeled pictures by path (see `toolkit.data.images.files.read_images`).

        Raises:
            DataError: The target or a column is missing, a label was never seen, or a value has another type.
        """
        return self.result.values_of(self._outcome_on(labeled))

    def table_on(self, labeled: Any) -> pd.DataFrame:
        """Return the metrics on other labeled rows with their intervals: value, low, high (95 %), as in `table`.

        Rows with equal inputs are resampled together. Where rows depend on each other in another way, as those of one
        patient do, the intervals are too narrow.

        Args:
            labeled: As for `evaluate`.
        """
        outcome = self._outcome_on(labeled)
        table = titled(self.result.table_of(outcome), self.positive)
        table.attrs["rows"] = len(outcome.y_true)
        return table

    def importance(
        self,
        labeled: Any = None,
        *,
        metric: str | None = None,
        groups: Literal["correlated"] | Sequence[Sequence[str]] = (),
    ) -> pd.DataFrame:
        """Return how much worse a metric gets when the cells of a column go to other rows (permutation importance).

        It says what the model uses, not what causes the target. Columns that say nearly the same share their
        importance: permute them together with `groups`. From 5,000 rows on, it is computed on 5,000 drawn at random;
        five permutations each.

        Args:
            labeled: Rows that were not trained on, as for `evaluate`. By default the test rows; a loaded run has none.
            metric: A name from `metrics`. By default the main one of the task: rmse, roc_auc (binary), accuracy
                (multiclass) or hamming_loss (multilabel).
            groups: Lists of columns to permute together, or "correlated" for those with a rank correlation of 0.7 or
                more (of categories: Cramér's V).

        Returns:
            One row per column of the user's table that is used, or per group, the most important first: `column`,
            `importance`, `low` and `high` (95 %), in units of the metric; above 0, the metric gets worse. For the
            intervals see `toolkit.evaluation.importance.permutation_importance`.

        Raises:
            DataError: The run is on images, there are no rows, or a name is unknown.

        Example:
            >>> from recipes import multiclass
            >>> from recipes.samples import path
            >>> run = multiclass.train(path("wine"), target="grower", effort="quick", epochs=5, progress=False)
            >>> list(run.importance(groups=[["flavanoids", "total_phenols"]]).columns)
            ['column', 'importance', 'low', 'high']
        """
        rows = self._rows(labeled).sample(5_000)
        return permutation_importance(self.result, rows, metric=metric, groups=groups)

    def slices(
        self, columns: str | Sequence[str] | None = None, labeled: Any = None, *, metric: str | None = None
    ) -> pd.DataFrame:
        """Return the metric within each level of a category, or each quarter of a number or date, the worst first.

        Slices of fewer than 10 distinct rows are left out. Many looks find something by chance: `clear` marks the
        slices whose interval, widened for the number of looks (Bonferroni), lies clear of the figure of all rows.

        Args:
            columns: The columns to look at, among those that the model takes. By default all of them.
            labeled: Rows that were not trained on, as for `evaluate`. By default the test rows; a loaded run has none.
            metric: As for `importance`.

        Returns:
            One row per slice: `column`, `slice`, `rows`, `value`, `low`, `high` (95 %) and `clear`; the figure of all
            rows is ``attrs["overall"]``.

        Raises:
            DataError: As for `importance`.

        Example:
            >>> from recipes import regression
            >>> from recipes.samples import path
            >>> run = regression.train(path("diabetes"), target="progression", effort="quick", epochs=5, progress=False)
            >>> sorted(run.slices("sex")["slice"])
            ['1', '2']
        """
        return slice_table(self.result, self._rows(labeled), columns, metric=metric)

    def _rows(self, labeled: Any) -> Rows:
        """Return the test rows, or other labeled rows, of a run on a table."""
        preprocessing = self.preprocessing
        if labeled is None or isinstance(preprocessing, ImagePreprocessing):
            return rows_of(self.result)
        frame, y = labeled_frame(preprocessing, labeled, self.target)
        x = preprocessing.transform(frame)
        return Rows(frame, x, self._outcome(x, y), len(frame))

    def _outcome_on(self, labeled: Any) -> Outcome:
        return self._outcome(*encode_labeled(self.preprocessing, labeled, self.target))

    def _outcome(self, x: Any, y: pd.DataFrame) -> Outcome:
        scores = finite(self.result.raw_scores(x), numbered=False)
        if isinstance(x, Pictures):
            hashes = x.digests
        else:
            hashes = pd.util.hash_pandas_object(pd.DataFrame(x.reshape(len(x), -1)), index=False)
        return self.result.outcome_of(scores, y, units=pd.factorize(hashes)[0].astype(np.int64))

    def update(self, rows: Any, *, learning_rate: float = 1e-3, batch_size: int = 1) -> Run:
        """Learn from new labeled rows in one pass, in their order, then forget them (online learning).

        The preprocessing, the metrics and the history stay those of the training.

        Args:
            rows: As for `evaluate`.
            learning_rate: Step size of plain gradient descent.
            batch_size: Rows per step; 1 is one example at a time.

        Returns:
            The run itself, which then holds a new result.

        Raises:
            DataError: As for `evaluate`; or one row at a time where batch normalization needs several.
        """
        if batch_size == 1 and any(type(layer).__name__ == "BatchNormalization" for layer in self.model.layers):
            raise DataError("batch_size=1: batch normalization needs several rows per step; give batch_size=32 or so.")
        x, y = encode_labeled(self.preprocessing, rows, self.target)
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
        updated = self.settings.get("updated", 0) + len(x)
        self.result = replace(self.result, settings={**self.settings, "updated": updated})
        return self

    def summary(self, rows: bool = True) -> dict[str, Any]:
        """Return the content of the report, as a dictionary that JSON can hold.

        Args:
            rows: Whether rows of the user's data (the most confident mistakes) are part of it.
        """
        if self.result.dataset is None and self.result.summary is not None:
            return self.result.summary
        return summarize(self.result, rows=rows)

    def plot(self) -> Figure:
        """Draw the learning curves: the losses and the validation metric after each epoch, as a matplotlib Figure.

        In a notebook the last line of a cell shows it; ``run.plot().savefig("curves.png")`` writes it.
        """
        return learning_curves(self.history, self.best_epoch)

    def report(self, path: str | Path, *, rows: bool = True) -> Path:
        """Write the report as one HTML page, and the same content as JSON beside it.

        Args:
            path: The file; its name ends in ``.html``.
            rows: False leaves rows of the user's data out, and the cells that notes quote. A loaded run has none.

        Returns:
            The path of the page.

        Raises:
            DataError: The file can't be written, or the run was loaded from a file whose summary is damaged.
        """
        try:
            return page.write(self.summary(rows), path)
        except DataError:
            raise
        except (*archive.FOREIGN_ERRORS, jinja2.TemplateError) as error:
            if self.result.dataset is not None:
                raise
            raise DataError(f"no report: the summary in the saved file is damaged ({error!r:.100}).") from error

    def model_card(self, path: str | Path, *, model: str | Path = "model.keras") -> Path:
        """Write a model card as Markdown: what the report says of the model, and places for what only you know.

        It states the data, the split, the metrics with intervals beside the baselines, the calibration, groups of rows
        on which the model does worse, and notes. Intended use, origin of the data and ethical considerations are marked
        "To be written". It holds no rows of the data.

        Args:
            path: The file; its name ends in ``.md``.
            model: The saved run, whose name the example of the card loads.

        Returns:
            The path.

        Raises:
            DataError: The name has another ending, or the file can't be written.

        References:
            Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
        """
        return write_card(self.summary(rows=False), path, model)

    def _repr_html_(self) -> str:
        return page.notebook(self.summary())

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        return f"Run({self.task}, {self.head.name}; {f'test: {scores}' if scores else 'no test rows'})"

    def save(self, path: str | Path) -> Path:
        """Write one ``.keras`` file: a plain Keras model that needs no part of this project, and one JSON member.

        The file holds the summaries that the report shows, and no text or date of a single row: rare levels of
        categories are pooled, the notes quote no cells, and numbers that a single row may hold are rounded, except
        whole numbers below 10,000. The names of columns, classes and labels are kept, however few rows have them.

        Args:
            path: The file; its name ends in ``.keras``.

        Returns:
            The path.

        Raises:
            DataError: The name has another ending, the model holds a layer that can't be made again from its
                settings, or the file can't be written. A file that was there before is then unchanged.
        """
        content = {
            **self.result.predicting_content(),
            "history": json.loads(self.history.to_json(orient="split", double_precision=15)),
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "metrics": {name: value if np.isfinite(value) else None for name, value in self.metrics.items()},
            "members": json.loads(self.members.to_json(orient="split", double_precision=15)),
            "table": json.loads(self.table.to_json(orient="split", double_precision=15)),
            "settings": self.settings,
            "seconds": self.seconds,
            "verdict": self.verdict,
            "notes": without_cells(self.notes, names_in(self.preprocessing, self.target)),
            "summary": self.summary(rows=False),
        }
        return archive.write(path, self.model, content)

    def export(self, path: str | Path) -> Exported:
        """Write the network for other programs: ONNX, TensorFlow Lite or a TensorFlow SavedModel.

        The file takes the inputs that the preprocessing makes, or raw pixels. Its outputs are ``scores`` and, with the
        calibration, ``probabilities``, one column per class or label; for regression ``prediction``, in the target's
        units. The preprocessing and the rest of what predicts is JSON in its metadata: `toolkit.load` predicts from a
        table with an ``.onnx`` file, without TensorFlow. It holds as little of single rows as the file of `save`.

        The file is compared with the run on the test rows, or on random inputs where a loaded run has none. How far
        they differ is returned, printed, and stored in the metadata.

        Args:
            path: A name that ends in ``.onnx`` (which needs ``pip install "logitkit[export]"``) or ``.tflite``; any
                other is that of a new folder, for a SavedModel.

        Returns:
            The path, the largest difference and what it was measured on.

        Raises:
            DataError: The answers differ by more than 1e-5, a package is missing, the model has a layer that the format
                can't hold, or nothing can be written there. No file is left then.
        """
        exported = export(self.result, path)
        print(exported)
        return exported


def load_run(path: str | Path, *, head: Head | None = None, custom_objects: Mapping[str, Any] | None = None) -> Run:
    """Return a run saved by `Run.save`; see `toolkit.runs.loading.load`."""
    if not isinstance(custom_objects, Mapping | None):
        raise DataError(
            f"custom_objects={custom_objects!r}: expected names and the layers or functions they stand for."
        )
    model, content = archive.read(path, custom_objects)
    check_schema(content, f"run in {path}")
    check_head(head, content, path)
    with explained(path, "run.save"):
        content = content if "notes" in content else _with_notes(content)
        fields = Predictor.predicting_fields(content, head)
        positive = fields["target"].classes[1] if content["task"] == "binary" else None
        result = Result(
            **fields,
            model=model,
            history=frame_of(content["history"]),
            best_epoch=content["best_epoch"],
            stopped=content["stopped"],
            metrics={name: float("nan") if value is None else value for name, value in content["metrics"].items()},
            members=frame_of(content["members"]),
            table=titled(frame_of(content["table"]).rename_axis("metric"), positive),
            settings=_with_current_names(content["settings"]),
            seconds=content["seconds"],
            verdict=content["verdict"],
            notes=content["notes"],
            summary=content["summary"],
        )
        check_result(result)
    model.compile(loss=result.head.loss(), metrics=result.head.keras_metrics())
    return Run(result)


def _with_current_names(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a file with ``members``, which version 0.1.0 called ``seeds``."""
    return {"members" if name == "seeds" else name: value for name, value in settings.items()}


def _with_notes(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a file of version 0.1.0 with the notes, which it has in the parts of its summary."""
    data = content["summary"]["data"]
    set_aside = {entry["column"]: entry["reason"] for entry in data["set_aside"]}
    notes = sentences(data["leaks"], set_aside, data["notes"], [entry["name"] for entry in data["columns"]])
    summary = content["summary"] | {"data": data | {"notes": notes}}
    return content | {"notes": notes, "summary": summary}
