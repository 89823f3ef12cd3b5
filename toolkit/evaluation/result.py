"""Result: what one training gave, with its metrics, baselines and verdict. Plain data, made once by `evaluate`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.backend import check_process
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.common.formatting import plain
from toolkit.data.dataset import Dataset
from toolkit.data.labels import has_order
from toolkit.data.notes import notes_of
from toolkit.evaluation import calibration, metrics
from toolkit.evaluation.baselines import BASELINES, fit_baselines, notes_on_baselines
from toolkit.evaluation.bootstrap import draw_weights, percentile_interval
from toolkit.evaluation.conformal import (
    absolute_errors,
    around,
    by_class,
    conformal_quantile,
    fewest_rows,
    misses,
    ranks_of_truth,
)
from toolkit.evaluation.curves import Losses
from toolkit.evaluation.metrics import Outcome
from toolkit.evaluation.options import Options
from toolkit.evaluation.plain_losses import plain_losses
from toolkit.evaluation.predictor import Predictor
from toolkit.evaluation.standings import Standings, standings_of
from toolkit.evaluation.threshold import choose_threshold
from toolkit.evaluation.verdicts import read_baselines
from toolkit.heads import Head
from toolkit.metrics.own_metrics import OwnMetric, resampled
from toolkit.training.fitting import Training, unseen
from toolkit.training.scoring import Scorer

if TYPE_CHECKING:
    import keras

_OWN_RESAMPLES = 200

_NO_TEST_ROWS = (
    "There are no test rows (test=0), so nothing is known about new rows: train with test rows first, or give labeled "
    "rows that were not trained on to run.evaluate."
)

__all__ = ["Result", "check_order", "check_threshold_for", "evaluate", "timed", "titled"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(Predictor):
    """What one training gave: the model, what turns rows into its inputs and scores into answers, and its worth.

    Attributes:
        task: What is predicted; so are the other attributes of `toolkit.evaluation.predictor.Predictor`.
        model: The ``keras.Sequential``; its last layer is linear, and it is compiled with the head's loss and metrics.
        history: One row per epoch: loss, val_loss, val_<metric>, learning_rate, seconds.
        best_epoch: The epoch whose weights the model holds.
        stopped: Why training ended.
        seconds: Time of each stage; `waiting_for_rows` is the part of `train` in which no rows of a stream were ready.
        metrics: The metrics on the test part, by scikit-learn's names; empty where there are no test rows.
        members: For an ensemble: one row per network with its metrics, its probabilities by the calibration of the
            mean score; and for networks of several settings the setting, its loss on rows that it has not learned
            from, and the network's weight in the mean. Empty for a single network.
        pack: For networks of several settings: one row per setting with its loss on rows that its networks have not
            learned from, and its weight; None for others.
        table: One row per metric: value, low, high (95 %), and the same for the dummy, linear and tree baselines.
        settings: Every option, as given and as resolved.
        dataset: The rows it was trained on; None after `toolkit.load`.
        outcome: Truth, decisions and probabilities on the test part; None after `toolkit.load`, and where there are no
            test rows.
        baselines: The same for each baseline; empty after `toolkit.load`.
        losses: The losses of the chosen weights on training and validation rows, measured alike; None without
            validation rows and after `toolkit.load`.
        importance: One row per column, the most important first; `dependence`, the effect of the strongest; and
            `slices`, the metric within levels and quarters of columns: see `toolkit.evaluation.dependence.explained`.
            Empty for images and after `toolkit.load`.
        verdict: Sentences that compare the network with the baselines.
        notes: Sentences about the data: what was suspected, set aside, dropped, guessed and converted. See
            `toolkit.data.notes`.
        summary: For a loaded result: the content of the report, as it was saved.
        own_metrics: Metrics of the user's own, of decisions in the user's terms; none after `toolkit.load`.
    """

    model: keras.Sequential
    history: pd.DataFrame
    best_epoch: int
    stopped: str
    seconds: dict[str, float]
    metrics: dict[str, float] = field(default_factory=dict)
    members: pd.DataFrame = field(default_factory=pd.DataFrame)
    pack: pd.DataFrame | None = None
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    settings: dict[str, Any] = field(default_factory=dict)
    dataset: Dataset | None = None
    outcome: Outcome | None = None
    baselines: dict[str, Outcome] = field(default_factory=dict)
    losses: Losses | None = None
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    dependence: list[dict[str, Any]] = field(default_factory=list)
    slices: pd.DataFrame = field(default_factory=pd.DataFrame)
    verdict: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    summary: dict[str, Any] | None = None
    own_metrics: tuple[OwnMetric, ...] = ()

    @cached_property
    def standings(self) -> Standings:
        """What the test rows show about the network beside its baselines; the verdict and the report read it here.

        Raises:
            DataError: The result was loaded from a file, which holds no test rows.
        """
        if self.outcome is None:
            raise DataError("a loaded run has no test rows to compare on: run.verdict holds what was saved with it.")
        return standings_of(self.outcome, self.baselines, self.class_names)

    def values_of(self, outcome: Outcome) -> dict[str, float]:
        """Return every metric of an outcome, those of the user's own too."""
        own_values = {metric.__name__: metric(outcome.y_true, outcome.y_pred) for metric in self.own_metrics}
        return metrics.evaluate(outcome) | own_values

    def table_of(self, outcome: Outcome, seed: int = 0) -> pd.DataFrame:
        """Return every metric of an outcome with its interval, as `toolkit.evaluation.metrics.intervals` does.

        The intervals of the user's own metrics are percentiles of 200 resamples.
        """
        table = metrics.intervals(outcome, seed=seed)
        for metric in self.own_metrics:
            value = metric(outcome.y_true, outcome.y_pred)
            drawn = [
                resampled(metric, outcome.y_true, outcome.y_pred, weights)
                for weights in draw_weights(outcome, _OWN_RESAMPLES, seed)
            ]
            table.loc[metric.__name__] = [value, *percentile_interval(drawn, value, 0.95)]
        return table

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.model)

    def raw_scores(self, x: NDArray[Any], like: int | None = None) -> NDArray[np.float32]:
        """Return raw scores, shape (n, units), of encoded rows, shape (n, ...); `like` is that of the `Scorer`."""
        check_process()
        return self._scorer(x, like)

    def outcome_of(
        self,
        scores: NDArray[np.float32],
        y: pd.DataFrame,
        seconds: float = 0.0,
        units: NDArray[np.int64] | None = None,
        unit: str = "row",
    ) -> Outcome:
        """Return truth, decisions and probabilities of labeled rows.

        Args:
            scores: Raw scores, shape (n, units).
            y: The true target columns, in the user's labels.
            seconds: Time of the training.
            units: The unit of each row (see `Outcome`).
            unit: What a unit is called.
        """
        if self.task == "regression":
            y_true = y.to_numpy(np.float64)
        else:
            y_true = np.asarray(self.target.encode(y)).astype(np.int64)
            # (n, 1) -> (n,)
            y_true = y_true[:, 0] if self.task == "binary" else y_true
        outcome = Outcome(self.task, y_true, y_true, seconds=seconds, units=units, unit=unit)
        return self.rescored(outcome, scores)

    def rescored(self, outcome: Outcome, scores: NDArray[np.float32]) -> Outcome:
        """Return an outcome on the same rows with the decisions and probabilities of other raw scores (n, units)."""
        if self.task == "regression":
            more = self._quantiles(scores) if self.head.quantiles else {}
            decided = self.target.decode(self.head.points(scores)).reshape(len(scores), -1)
            return replace(outcome, y_pred=decided, scores=scores, **more)
        probabilities = self.probabilities(scores) if self.has_probabilities else None
        class_scores = None if self.head.ordered else scores  # between classes in order: no score belongs to one
        decided, ordered = self.decide(scores), self.head.ordered
        return replace(outcome, y_pred=decided, probabilities=probabilities, scores=class_scores, ordered=ordered)

    def _quantiles(self, scores: NDArray[np.float32]) -> dict[str, Any]:
        """Return the fields of an outcome that hold quantiles, and the interval where there are enough rows for it."""
        levels, quantiles = self.head.quantiles, self.target.decode(self.decide(scores))
        ends, coverage = None, self.head.coverage
        if self.conformity is not None and len(self.conformity) >= fewest_rows(coverage):
            ends = around(quantiles, float(conformal_quantile(self.conformity, coverage)))
        return {"levels": levels, "quantiles": quantiles, "ends": ends}


def evaluate(
    training: Training,
    dataset: Dataset,
    head: Head,
    options: Options | None = None,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Result:
    """Calibrate a training on the validation rows, score it on the test rows, and compare it with the baselines.

    Args:
        training: What `toolkit.training.fit` returned.
        dataset: The rows, split and encoded.
        head: What the scores mean.
        options: What is done with the scores; None takes the defaults of `toolkit.evaluation.options.Options`.
        seed: Seed of the calibration's folds, the baselines and the resampling.
        settings: Every option, as given and as resolved; those of the training are added.
        seconds: Time of the earlier stages, among them ``train``.

    Raises:
        DataError: The threshold is for another task.
    """
    options = options or Options()
    # The result and each replacement of it hold this dict, so that a stage that ends later still counts.
    times = dict(seconds or {})
    with timed(times, "calibrate"):
        calibrated = _calibrated(training, dataset, head, options.threshold, seed)
    with timed(times, "evaluate"):
        losses = plain_losses(training, dataset, head, seed=seed) if options.intervals else None
    result = Result(
        task=dataset.task,
        head=head,
        model=training.model,
        preprocessing=dataset.preprocessing,
        target=dataset.target,
        history=training.history,
        best_epoch=training.best_epoch,
        stopped=training.stopped,
        seconds=times,
        settings={**(settings or {}), "training": training.settings},
        dataset=dataset,
        losses=losses,
        pack=training.pack,
        own_metrics=tuple(OwnMetric(function, dataset.target.in_user_terms) for function in options.metrics),
        **calibrated,
    )
    if options.intervals:
        about = [*_about_interruption(training), *notes_of(dataset), *_about_weights(dataset, result)]
        result = replace(result, notes=about)
    if not len(dataset.parts["test"]):
        return replace(result, verdict=[_NO_TEST_ROWS])
    with timed(times, "evaluate"):
        x, y = dataset.x("test"), dataset.target_frame.iloc[dataset.parts["test"]]
        units = dataset.units[dataset.parts["test"]]
        outcome = result.outcome_of(result.raw_scores(x), y, times.get("train", 0.0), units, dataset.unit)
        members = _member_metrics(training, result, x, y)
    result = replace(result, outcome=outcome, metrics=result.values_of(outcome), members=members)
    notes: list[str] = []
    if options.baselines:
        with timed(times, "baselines"):
            fits = fit_baselines(dataset, dataset.preprocessing, dataset.target, seed=seed)
            fits = {name: replace(fit, ordered=head.ordered) for name, fit in fits.items()}
            result, notes = replace(result, baselines=fits), notes_on_baselines(dataset)
            result.notes[: len(_about_interruption(training))] = _about_interruption(training, fits)
    if not options.intervals:
        return result
    with timed(times, "intervals"):
        parameters = sum(int(np.prod(variable.shape)) for variable in result.model.trainable_variables)
        rows, smallest = _training_rows(dataset)
        facts = {"smallest": smallest, "parameters": parameters, "images": result.is_image}
        verdict = read_baselines(result.standings, rows, **facts)
        return replace(result, table=titled(_table(result, outcome, seed), result.positive), verdict=verdict + notes)


def _training_rows(dataset: Dataset) -> tuple[int, int | None]:
    """Return the number of training rows, and for one label per row about how many are of the rarest class."""
    train = dataset.fit_parts["train"]
    rows = len(train) if dataset.stream is None else dataset.stream.rows
    if dataset.task not in ("binary", "multiclass"):
        return rows, None
    return rows, round(rows * dataset.target_frame.iloc[train].value_counts(normalize=True).min())


def _member_metrics(training: Training, result: Result, x: NDArray[Any], y: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of each of several networks by itself; a single network has none."""
    if training.members is None:
        return pd.DataFrame()
    # (rows, networks, units) -> one (rows, units) per network
    by_network = np.moveaxis(Scorer(training.members)(x), 1, 0)
    of_network = pd.DataFrame()
    if training.pack is not None and training.shares is not None:
        used = training.pack[training.pack["weight"] > 0]
        of_network = used.loc[used.index.repeat(used["networks"])].reset_index(drop=True)
        of_network["weight"] /= of_network["networks"]
        # The calibration is that of the mean of scaled scores: a share is a weight times the scale.
        scales = training.shares / of_network["weight"].to_numpy()
        by_network = by_network * scales.astype(np.float32)[:, None, None]
        of_network = of_network[["setting", "unseen_loss", "weight"]]
    return pd.DataFrame([metrics.evaluate(result.outcome_of(scores, y)) for scores in by_network]).join(of_network)


def _calibrated(
    training: Training, dataset: Dataset, head: Head, threshold: str | float | None, seed: int
) -> dict[str, Any]:
    """Fit on the validation rows what turns scores into probabilities, decisions or intervals."""
    task = dataset.task
    check_threshold_for(dataset, head, threshold)
    if not len(dataset.fit_parts["validation"]):
        return {
            "calibration": calibration.without_rows(task, head.link, _class_weights(dataset)),
            "threshold": None if threshold is None else float(threshold),
        }
    scores = unseen(training, dataset.x("validation"), dataset.folds_of("validation"))
    if head.quantiles:
        true = dataset.target_frame.iloc[dataset.fit_parts["validation"], 0].to_numpy(np.float64)
        return {"conformity": misses(dataset.target.decode(head.decide(scores)), true)}
    if task == "regression":
        true = dataset.target_frame.iloc[dataset.fit_parts["validation"]].to_numpy(np.float64)
        return {"absolute_errors": absolute_errors(dataset.target.decode(scores).reshape(true.shape), true)}
    y = dataset.y("validation").astype(np.int64)
    y = y[:, 0] if task == "binary" else y
    # Weights change what is learned. Probabilities and the threshold are those of the rows as they are.
    scores = head.class_scores(scores)
    fitted = calibration.fit(task, head.link, scores, y, seed=seed, class_weights=_class_weights(dataset))
    if isinstance(threshold, str):
        (default,) = fitted.probabilities(np.zeros(1))
        threshold = choose_threshold(fitted.probabilities(scores), y, threshold, default=float(default))
    single = task in ("binary", "multiclass")
    ranks = ranks_of_truth(by_class(fitted.probabilities(scores)), y) if single else None
    return {
        "calibration": fitted,
        "threshold": None if threshold is None else float(threshold),
        "conformity": ranks,
    }


def check_order(dataset: Dataset, head: Head) -> None:
    """Check that the classes have the order that a head may need.

    Raises:
        DataError: They have none; the message says how to give it.
    """
    name, labels = dataset.target.columns[0], dataset.target_frame.iloc[:, 0]
    if head.ordered and not has_order(labels):
        classes = ", ".join(map(repr, dataset.target.classes[:3]))
        raise DataError(
            f"head '{head.name}' needs classes in order, and those of '{name}' have none: make it an ordered "
            f"Categorical (pd.Categorical(frame[{name!r}], categories=[{classes}, ...], ordered=True), from the lowest "
            "to the highest), or write the classes as numbers."
        )


def check_threshold_for(dataset: Dataset, head: Head, threshold: str | float | None) -> None:
    """Check that a dataset and a head allow a threshold; None is none.

    Raises:
        DataError: The task is not binary; or it needs validation rows, and there are none.
    """
    if threshold is not None and dataset.task != "binary":
        raise DataError(f"threshold is for binary, and this is {dataset.task}.")
    if threshold is None or len(dataset.fit_parts["validation"]):
        return
    if isinstance(threshold, str):
        raise DataError(
            f"threshold={threshold!r} is chosen on validation rows, and there are none: give a number between 0 and 1, "
            "or leave validation= out."
        )
    if not head.link:
        raise DataError(
            f"threshold={threshold} is a probability; the {head.name} head's are fitted on validation rows, and there "
            "are none: leave threshold= or validation= out."
        )


def _class_weights(dataset: Dataset) -> NDArray[np.float64] | None:
    """Return the mean weight of each class's training rows, 1 without any, shape (classes,); None for equal weights."""
    weights = dataset.weights("train")
    if weights is None or dataset.task not in ("binary", "multiclass"):
        return None
    y = dataset.y("train").reshape(-1).astype(np.int64)
    classes = len(dataset.target.classes)
    totals, counts = np.bincount(y, weights, classes), np.bincount(y, minlength=classes)
    return np.divide(totals, counts, out=np.ones(classes), where=counts > 0)


def _about_weights(dataset: Dataset, result: Result) -> list[str]:
    """Return what weights that differ by class do to decisions and probabilities."""
    weights = _class_weights(dataset)
    if weights is None or weights.max() <= 1.2 * weights.min():
        return []
    start = "Rows of some classes have greater weights in training"
    if not result.has_probabilities:
        return [f"{start}: this moves the decisions towards these classes."]
    if result.threshold is not None:
        return [f"{start}. The probabilities, and with them the threshold, are still those of the data as they are."]
    return [
        f"{start}. This moves the decisions, not the probabilities, which are those of the data as they are: a class "
        "of greater weight may be assigned at a lower probability than another class."
    ]


def _about_interruption(training: Training, fits: Collection[str] = BASELINES) -> list[str]:
    """Return what Ctrl-C or the time limit ended early: the training, or the fits of the baselines."""
    sentences = []
    if training.stopped.startswith(interrupts.BY_HAND):
        sentences.append(
            f"Training was {training.stopped}: the network has the weights of epoch {training.best_epoch}."
        )
    elif "time limit" in training.stopped or "; not trained: " in training.stopped:
        sentences.append(f"Training ended early: {training.stopped}.")
    missing = [name for name in BASELINES if name not in fits]
    if missing and interrupts.requested():
        sentences.append(f"Interrupted by hand: these baselines were not fitted: {', '.join(missing)}.")
    return sentences


def _table(result: Result, outcome: Outcome, seed: int) -> pd.DataFrame:
    """Return the metrics with their intervals, and beside them those of the baselines."""
    table = result.table_of(outcome, seed)
    for name, baseline in result.baselines.items():
        # Rows as in the network's table: NaN for a metric that the baseline lacks.
        columns = result.table_of(baseline, seed).reindex(table.index)
        if name == "dummy":  # it answers the same on all rows: these metrics are the same on any
            fixed = columns.index.isin(["recall", "balanced_accuracy", "roc_auc"])
            fixed |= columns.index.isin(["f1", "f1_micro", "f1_macro"]) & (columns["value"] == 0)
            for end in ("low", "high"):
                columns.loc[fixed, end] = columns["value"]
        table[[name, f"{name}_low", f"{name}_high"]] = columns[["value", "low", "high"]]
    return table


def titled(table: pd.DataFrame, positive: Any) -> pd.DataFrame:
    """Return a table of metrics that says, for a binary task, which class is the positive one."""
    return table if positive is None else table.rename_axis(columns=f"positive: {plain(positive)}")


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of a stage to ``seconds``."""
    start = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
