"""Run: one finished training. It predicts, evaluates, goes on learning, saves and reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit import training
from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, rows_text
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data.dataset import Dataset
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.inputs import batches, encode_labeled, labeled_frame
from toolkit.data.notes import names_in, sentences, without_cells
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target import Target
from toolkit.evaluation import metrics
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.conformal import by_class
from toolkit.evaluation.importance import Rows, permutation_importance, rows_of
from toolkit.evaluation.metrics import Outcome
from toolkit.evaluation.result import Result, titled
from toolkit.evaluation.slices import slice_table
from toolkit.heads import Head, get_head
from toolkit.report import page
from toolkit.report.summary import summarize
from toolkit.runs import archive
from toolkit.runs.answers import in_form_of, interval_ends, reach_of
from toolkit.runs.consistency import check_result, frame_of
from toolkit.runs.fields import from_result

if TYPE_CHECKING:
    import keras

__all__ = ["Run", "load"]


class Run:
    """One finished training: what you predict with.

    Args:
        result: What the training gave. Its fields are read from the run too: see
            `toolkit.evaluation.result.Result`.
    """

    task: str = from_result()
    head: Head = from_result()
    model: keras.Sequential = from_result()
    preprocessing: Preprocessing | ImagePreprocessing = from_result()
    target: Target = from_result()
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
    calibration: Calibration | None = from_result()
    threshold: float | None = from_result("Train again with threshold=, or compare predict_proba with a number.")
    absolute_errors: NDArray[np.float64] | None = from_result()
    conformity: NDArray[np.float64] | None = from_result()
    verdict: list[str] = from_result()
    notes: list[str] = from_result()
    classes: list[Any] = from_result()
    class_names: list[str] = from_result()
    positive: Any = from_result()
    is_image: bool = from_result()

    def __init__(self, result: Result) -> None:
        self.result = result

    def decision_function(self, new: Any) -> NDArray[np.float32]:
        """Return raw scores (logits or margins), shape (n, units).

        Args:
            new: As for `predict`.
        """
        reading = self.target.form.reading
        scores = [self.result.raw_scores(x) for x in batches(self.preprocessing, new, reading=reading)]
        return _finite(scores[0] if len(scores) == 1 else np.concatenate(scores))

    def predict(self, new: Any) -> Any:
        """Return predictions in the user's labels, numbers and dtype.

        Args:
            new: A path or a table in memory (see `toolkit.data.read.read`), whose columns are known by name; a Series
                or a dictionary of single values (one row); or an array of the columns it was trained on, in their
                order. Further columns are ignored; missing cells and categories never seen are allowed. For a run on
                images: an array of one or more, or pictures by path (a file, a folder, a list of files), which are
                brought to the run's size.

        Returns:
            For a DataFrame a Series with its index, named as the target, or a DataFrame for several targets, labels or
            quantiles (columns such as 0.05). For anything else an array of shape (n,), or (n, labels) for multilabel,
            (n, targets) for several regression targets and (n, quantiles) for quantiles, which rise in each row.

        Raises:
            DataError: A column is missing or has another type than in training; images have another size.
        """
        decided = self.target.decode(self.result.decide(self.decision_function(new)))
        return in_form_of(new, decided, self.head.quantile_names or self.target.columns)

    def predict_proba(self, new: Any) -> Any:
        """Return probabilities: (n, classes) for binary and multiclass, (n, labels) for multilabel.

        Args:
            new: As for `predict`.

        Returns:
            For a DataFrame a DataFrame with its index and a column for each of `classes`; for anything else an array.

        Raises:
            DataError: The task is regression; or as for `predict`.
        """
        if self.task == "regression":
            raise DataError("a regression run predicts numbers, not probabilities: use predict_interval.")
        return in_form_of(new, by_class(self.result.probabilities(self.decision_function(new))), self.classes)

    def predict_set(self, new: Any, coverage: float = 0.9) -> Any:
        """Return for each row a set of classes that holds the true one for a share of new rows (binary, multiclass).

        Conformal prediction from the validation rows: a set holds the most probable classes, more of them where the
        network is less sure, and always the predicted one. The coverage holds on average over rows like those, not
        for each class. Where the network is right more often than asked, the sets of one class cover more than that.

        Args:
            new: As for `predict`.
            coverage: The share, between 0 and 1.

        Returns:
            Whether each of `classes` is in the row's set: for a DataFrame a DataFrame of booleans with its index, for
            anything else an array of shape (n, classes).

        Raises:
            DataError: The task has no sets, or the coverage is too high for so few validation rows.

        References:
            Romano, Sesia and Candes, Classification with Valid and Adaptive Coverage, NeurIPS 2020.
        """
        self.result.check_sets(coverage)
        scores = self.decision_function(new)
        held = self.result.sets(self.result.probabilities(scores), self.result.decide(scores), coverage)
        return in_form_of(new, held, self.classes)

    def predict_interval(self, new: Any, coverage: float | None = None) -> Any:
        """Return an interval around each prediction that holds the truth for a share of new rows (regression).

        Conformal prediction from the validation rows' errors: every row's interval has the same width, and the
        coverage holds on average over rows like those. It is the wrong tool where some rows are much harder to predict
        than others: train with ``head="quantile"``, whose intervals reach from the lowest quantile to the highest, both
        moved by what the validation rows ask for, and so have a width for each row. In an ensemble, the error of a row
        is that of the networks that left it out.

        Args:
            new: As for `predict`.
            coverage: The share, between 0 and 1; None is 0.9, or with quantiles the share between the outer ones.

        Returns:
            For a DataFrame a DataFrame with its index and the columns low and high; for several targets (target, low)
            and (target, high). For anything else an array of shape (n, 2), or (n, targets, 2) for several targets.

        Raises:
            DataError: The task has no intervals, or the coverage is too high for so few validation rows.
        """
        reach_of(self.result, coverage)  # mistakes in the share are found before the rows are read
        predicted = self.target.decode(self.result.decide(self.decision_function(new)))
        ends = interval_ends(self.result, predicted, coverage)
        return in_form_of(new, ends, ["low", "high"] if ends.ndim == 2 else self.target.columns)

    def evaluate(self, labeled: Any) -> dict[str, float]:
        """Return the metrics of `metrics` on other labeled rows.

        Args:
            labeled: A path or DataFrame that holds the target too, or an (X, y) pair. For a run on images: a pair, or
                labeled pictures by path (see `toolkit.data.images.files.read_images`).

        Raises:
            DataError: The target or a column is missing, a label was never seen, or a value has another type.
        """
        return metrics.evaluate(self._outcome_on(labeled))

    def table_on(self, labeled: Any) -> pd.DataFrame:
        """Return the metrics on other labeled rows with their intervals: value, low, high (95 %), as in `table`.

        Rows with equal inputs are resampled together. Where rows depend on each other in another way, as those of one
        patient do, the intervals are too narrow.

        Args:
            labeled: As for `evaluate`.
        """
        outcome = self._outcome_on(labeled)
        table = titled(metrics.intervals(outcome), self.positive)
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
            >>> run.slices("sex")["rows"].sum()
            88
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

    def _outcome(self, x: NDArray[Any], y: pd.DataFrame) -> Outcome:
        hashes = pd.util.hash_pandas_object(pd.DataFrame(x.reshape(len(x), -1)), index=False)
        scores = _finite(self.result.raw_scores(x), numbered=False)
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
            DataError: The name has another ending, the model holds a layer that isn't built into Keras, or the file
                can't be written. A file that was there before is then unchanged.
        """
        content = {
            "schema": SCHEMA,
            "task": self.task,
            "head": self.head.name,
            "quantiles": list(self.head.quantiles) or None,
            "encoder": self.preprocessing.to_dict(),
            "target": self.target.to_dict(),
            "history": json.loads(self.history.to_json(orient="split", double_precision=15)),
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "metrics": {name: value if np.isfinite(value) else None for name, value in self.metrics.items()},
            "members": json.loads(self.members.to_json(orient="split", double_precision=15)),
            "table": json.loads(self.table.to_json(orient="split", double_precision=15)),
            "settings": self.settings,
            "seconds": self.seconds,
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "probability_threshold": self.threshold,
            "threshold": self.result.score_threshold,
            "residuals": None if self.absolute_errors is None else self.absolute_errors.tolist(),
            "conformity": None if self.conformity is None else self.conformity.tolist(),
            "verdict": self.verdict,
            "notes": without_cells(self.notes, names_in(self.preprocessing, self.target)),
            "summary": self.summary(rows=False),
        }
        return archive.write(path, self.model, content)


def _finite(scores: NDArray[np.float32], *, numbered: bool = True) -> NDArray[np.float32]:
    """Return raw scores, checked to be finite; `numbered` says whether they have the row numbers of the user's table.

    Raises:
        DataError: Some are not.
    """
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(bad):
        where = rows_text(bad + 1) if numbered else counted(len(bad), "row")
        raise DataError(
            f"the scores are not finite in {where}: a number there is too large beside those of the training, or "
            "the weights of the network are not finite."
        )
    return scores


def load(path: str | Path, *, head: Head | None = None) -> Run:
    """Return a run saved by `Run.save`; its predictions are identical to those before.

    Args:
        path: The ``.keras`` file. It is opened safely: no pickle, no code, built-in layers only.
        head: The head, where the run was trained with a `Head` of your own.

    Returns:
        The run. It has no rows of the data; its report shows everything else.

    Raises:
        DataError: No such file, a damaged or foreign one, or one from a later version.
    """
    if not isinstance(head, Head | None):
        raise DataError(f"head={head!r}: expected the Head of your own that the run was trained with, or None.")
    model, content = archive.read(path)
    check_schema(content, f"run in {path}")
    if head is not None and head.task != content.get("task"):
        raise DataError(f"head= is for {head.task}, and the run in {path} for {content.get('task')}.")
    try:
        content = content if "notes" in content else _with_notes(content)
        head = head or get_head(content["task"], content["head"], quantiles=content.get("quantiles"))
        calibration = None if content["calibration"] is None else Calibration.from_dict(content["calibration"])
        threshold, score_threshold = content.get("probability_threshold"), content["threshold"] or None
        if score_threshold is not None and calibration is not None:  # of version 0.1.0
            threshold = float(calibration.probabilities(np.array([score_threshold]))[0])
        target = Target.from_dict(content["target"])
        positive = target.classes[1] if content["task"] == "binary" else None
        result = Result(
            task=content["task"],
            head=head,
            model=model,
            preprocessing=(ImagePreprocessing if "images" in content["encoder"] else Preprocessing).from_dict(
                content["encoder"]
            ),
            target=target,
            history=frame_of(content["history"]),
            best_epoch=content["best_epoch"],
            stopped=content["stopped"],
            metrics={name: float("nan") if value is None else value for name, value in content["metrics"].items()},
            members=frame_of(content["members"]),
            table=titled(frame_of(content["table"]).rename_axis("metric"), positive),
            settings=_with_current_names(content["settings"]),
            seconds=content["seconds"],
            calibration=calibration,
            threshold=threshold,
            score_threshold=score_threshold,
            absolute_errors=None if content["residuals"] is None else np.array(content["residuals"], np.float64),
            conformity=None if content.get("conformity") is None else np.array(content["conformity"], np.float64),
            verdict=content["verdict"],
            notes=content["notes"],
            summary=content["summary"],
        )
        check_result(result)
    except DataError as error:
        raise DataError(f"{path} can't be loaded: {error}") from error
    except KeyError as error:
        raise DataError(f"{path} is damaged: its settings lack {error}.") from error
    except archive.FOREIGN_ERRORS as error:
        raise DataError(
            f"{path} is damaged: its settings are not of the form that run.save writes: {error!r:.200}."
        ) from error
    model.compile(loss=head.loss(), metrics=head.keras_metrics())
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
