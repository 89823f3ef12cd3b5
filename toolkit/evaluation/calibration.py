"""Calibration: raw scores become probabilities, fitted on validation rows, without changing a decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from toolkit.common import formatting
from toolkit.common.errors import DataError
from toolkit.evaluation import isotonic
from toolkit.evaluation.calibration_fits import (
    Labels,
    Reals,
    below_largest,
    cross_validate,
    fit_isotonic,
    fit_platt,
    fit_scale,
    log_losses,
    positive_probability,
    stratified_folds,
)

__all__ = ["Calibration", "check_scores", "fit", "without_rows"]

# With fewer rows a fold holds less than four, and a temperature would be fitted to noise.
FEWEST_ROWS = 20
# Largest number of scores of several classes that a temperature or scale is fitted on.
CELLS = 4_000_000


@dataclass(frozen=True)
class Calibration:
    """How the raw scores of a network become probabilities.

    Attributes:
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        link: The link of the head: ``"sigmoid"``, ``"softmax"``, ``"cumulative"``, where a score is the logarithm of
            a class's probability, or None where a score is a margin.
        method: ``"temperature"``, ``"platt"``, ``"isotonic"``, ``"shared scale"``, or ``"none"``: the link unchanged.
        parameters: The fitted parameters. temperature: ``temperature``, 1 where it was not kept. platt: ``slope`` and
            ``intercept``, lists with one entry per score. isotonic: the same and ``knots``, one entry per score: None
            where Platt scaling was better, else ``scores`` and ``chances``. shared scale: ``scale``. none: nothing.
        log_loss_before: Log loss of the unchanged link on the validation rows; None for margins.
        log_loss_after: Cross-validated log loss of the fit on the validation rows; None with too few rows or a single
            class.
        kept: Whether probabilities use the fit.
        rows: Number of validation rows.
        tried: For margins of one score, or one per label: cross-validated log loss of ``platt`` and ``isotonic``, the
            mean over the labels; empty with too few rows.
        offsets: Where the rows of some classes weighed more in training: the logarithms of the weights, which are
            subtracted from the scores times their scale. One per class, or for binary that of the positive class
            minus that of the negative; empty where all classes weighed the same.

    Example:
        >>> scores = np.array([-6.0, 6.0, 8.0, -8.0] * 25)
        >>> calibration = fit("binary", "sigmoid", scores, np.array([0, 1, 0, 1] * 25))
        >>> calibration.method, calibration.kept, bool(calibration.parameters["temperature"] > 10)
        ('temperature', True, True)
        >>> calibration.probabilities(np.array([0.0]))
        array([0.5])
    """

    task: str
    link: str | None
    method: str
    parameters: dict[str, Any]
    log_loss_before: float | None
    log_loss_after: float | None
    kept: bool
    rows: int
    tried: dict[str, float] = field(default_factory=dict)
    offsets: list[float] = field(default_factory=list)

    def probabilities(self, scores: NDArray[Any]) -> Reals:
        """Turn raw scores into probabilities.

        For margins, the probability at a score of 0 need not be 0.5: decisions are made on scores.

        Args:
            scores: Raw scores, shape (n, units); binary also (n,).

        Returns:
            Binary: (n,), of the positive class. Multiclass: (n, classes), each row sums to 1. Multilabel: (n, labels).
            NaN where a score is NaN.
        """
        scores64 = _as_float64(self.task, scores)  # (n,) or (n, units)
        if self.method in ("platt", "isotonic"):
            lines = zip(self.parameters["slope"], self.parameters["intercept"], strict=True)
            knots = self.parameters.get("knots", [None] * len(self.parameters["slope"]))
            # (n,) or (n, units) -> one column (n,) per score; the shape is restored below.
            columns = scores64.reshape(len(scores64), -1).T
            chances = [
                positive_probability(column, line, points, self.rows)
                for column, line, points in zip(columns, lines, knots, strict=True)
            ]
            return np.stack(chances, axis=1).reshape(scores64.shape)
        scale = self.parameters.get("scale", 1 / self.parameters.get("temperature", 1.0))
        # A product that overflows is infinite, and its sigmoid 0 or 1, as it should be.
        if self.task != "multiclass":
            with np.errstate(over="ignore"):
                return special.expit(scale * scores64 - (self.offsets[0] if self.offsets else 0.0))
        return special.softmax(below_largest(scores64, scale) - (self.offsets or 0.0), axis=1)

    @property
    def sentence(self) -> str:
        """How probabilities were fitted and what it gained, in words."""
        if not self.offsets:
            return self._sentence
        return (
            f"{self._sentence.replace(' No decision changes.', '')} The weights of the classes, which moved the scores "
            "in training, are taken out again: probabilities are those of the data as they are, and a decision need "
            "not change at 0.5."
        )

    @property
    def _sentence(self) -> str:
        rows = f"{formatting.number(self.rows)} validation row{'' if self.rows == 1 else 's'}"
        before, after = (formatting.number(loss, 3) for loss in (self.log_loss_before, self.log_loss_after))
        link = f"the {self.link} of the score{'s' if self.link == 'softmax' else ''}"
        link = "those of the cumulative logits" if self.link == "cumulative" else link
        lack = "are too few" if self.rows < FEWEST_ROWS else "hold a single class, which is not enough"
        if self.method == "none" and not self.rows:
            return f"Probabilities are {link}, unchanged: there are no validation rows to fit a temperature on."
        if self.method == "none":
            return f"Probabilities are {link}, unchanged (log loss {before}): {rows} {lack} to fit a temperature."
        if self.method == "temperature":
            if not self.kept:
                return (
                    f"Probabilities are {link}, unchanged: a temperature fitted on {rows} did not lower the log loss "
                    f"({before} without it, {after} with it, cross-validated)."
                )
            tempered = ", their logarithms divided by" if self.link == "cumulative" else " divided by"
            temperature = formatting.number(self.parameters["temperature"], 3)
            return (
                f"Probabilities are {link}{tempered} a temperature of {temperature}, fitted on {rows}: it lowers "
                f"the log loss from {before} to {after} (cross-validated). No decision changes."
            )
        checked = (
            f"log loss {after}, cross-validated" if self.log_loss_after is not None else f"which {lack} to check it"
        )
        if self.method == "shared scale":
            how = f"the softmax of {formatting.number(self.parameters['scale'], 3)} times the scores"
            end = "No decision changes."
        else:
            how, comparison = self._margin_texts
            checked += comparison
            end = "Decisions are made on the scores, so the boundary need not lie at a probability of 0.5."
        return (
            f"A margin is not a probability and has no log loss: probabilities are {how}, fitted on {rows} "
            f"({checked}). {end}"
        )

    @property
    def _margin_texts(self) -> tuple[str, str]:
        """The fit of margins of one score, or one per label, and the log loss of the alternative, in words."""
        score = "the score" if self.task == "binary" else "each label's score"
        line, steps = (formatting.number(self.tried.get(name), 3) for name in ("platt", "isotonic"))
        if self.method == "platt":
            level = ", not clearly lower" if self.tried and self.tried["isotonic"] < self.tried["platt"] else ""
            return f"Platt scaling of {score}", f"; isotonic regression has {steps}{level}" if self.tried else ""
        knots = self.parameters["knots"]
        isotonic_labels = sum(points is not None for points in knots)
        if isotonic_labels == len(knots):
            return f"isotonic regression of {score}", f"; Platt scaling has {line}"
        how = f"isotonic regression of {isotonic_labels} of {len(knots)} labels' scores, Platt scaling of the rest"
        return how, f"; Platt scaling of all labels has {line}, isotonic regression of all {steps}"

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as a dict for strict JSON, without loss."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """Return the calibration that `to_dict` described.

        Raises:
            DataError: The dict is not of this form.
        """
        try:
            calibration = cls(**content)
            valid = _valid_parameters(calibration.method, calibration.parameters, calibration.rows)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the calibration is damaged: {type(error).__name__} {error}.") from error
        if not valid:
            raise DataError(f"the calibration is damaged: method {calibration.method!r} with {calibration.parameters}.")
        return calibration


def fit(
    task: str,
    link: str | None,
    scores: NDArray[Any],
    y_true: NDArray[Any],
    *,
    seed: int = 0,
    sample_weight: NDArray[Any] | None = None,
    class_weights: NDArray[Any] | None = None,
    cells: int = CELLS,
) -> Calibration:
    """Fit on validation scores and labels how raw scores become probabilities.

    - With a link: all scores, of all labels too, are divided by one temperature above 0. It is kept only if it lowers
      the log loss in cross-validation within these rows (5 folds, stratified).
    - Margins of one score, or one per label: Platt scaling, ``sigmoid(slope * score + intercept)``, with a slope above
      0 so that the order stays. A label with a single value gets about its smoothed share. Isotonic regression, which
      follows any rising shape, replaces it for a score where its cross-validated log loss is lower by more than two
      standard errors; one part in n + 1 of it remains Platt scaling, so that different scores keep their order.
    - Margins of several classes: the softmax of the scores times one scale above 0, shared by the classes.

    Perfectly separated rows give finite values: Platt scaling has smoothed targets; for a temperature or scale the
    labels are smoothed by the worth of one row. With fewer than 20 rows or a single class no temperature is fitted;
    margins are fitted but not cross-validated. Rows without weight are ignored. More than 4,000,000 scores of several
    classes are thinned to evenly spaced rows.

    Don't use it on rows that the model was trained on: their scores are better than those of new rows.

    Args:
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        link: ``"sigmoid"`` or ``"softmax"`` where scores are logits, ``"cumulative"`` where they are the logarithms of
            probabilities, None where they are margins.
        scores: Raw scores of the validation rows, shape (n, units); binary also (n,).
        y_true: Binary: 0 and 1, (n,). Multiclass: class ids, (n,). Multilabel: 0 and 1, (n, labels).
        seed: Seed of the folds.
        sample_weight: Weight of each row, shape (n,). None gives all the same weight.
        class_weights: For binary and multiclass: how much the rows of each class weighed in training, all above 0.
            Training with weights moves the scores by their logarithms, which are subtracted again, so that the
            probabilities are those of unweighted rows. Margins of one score need none: their fit finds the same.
        cells: Largest number of scores of several classes that are fitted on.

    Returns:
        The calibration. Its log losses clip probabilities 2e-16 from 0 and 1, as `toolkit.evaluation.metrics` does.

    Raises:
        DataError: The task has no classes, there are no rows, the shapes don't match, or a score is not finite.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (temperature). Platt, Probabilistic Outputs for
        Support Vector Machines, 1999; Lin, Lin and Weng, A Note on Platt's Probabilistic Outputs, Machine Learning 68,
        2007 (smoothed targets, stable loss).

    Example:
        >>> margins = np.array([[2.0, 0.0, 0.1], [0.0, 1.5, 0.2], [0.3, 0.1, 0.9], [0.2, 0.9, 0.5]])
        >>> calibration = fit("multiclass", None, margins, np.array([0, 1, 2, 2]))
        >>> calibration.method, (calibration.probabilities(margins).argmax(axis=1) == margins.argmax(axis=1)).all()
        ('shared scale', np.True_)
    """
    tasks = ("binary", "multiclass", "multilabel")
    if task not in tasks:
        raise DataError(f"task '{task}' has no probabilities to calibrate (tasks: {', '.join(tasks)}).")
    scores64, truth, weights = check_scores(task, scores, y_true, sample_weight)
    counted = weights > 0
    if task == "multiclass":
        # One number is fitted, so that a part of many rows is enough. Evenly spaced rows need no seed.
        rows = np.flatnonzero(counted)
        limit = min(max(FEWEST_ROWS, cells // scores64.shape[1]), len(rows))
        counted = rows[np.linspace(0, len(rows) - 1, limit).round().astype(int)]
    # Weights of mean 1: "the worth of one row" then means the same with weights as without.
    scores64, truth, weights = scores64[counted], truth[counted], weights[counted] / weights[counted].mean()
    offsets = _offsets(task, class_weights)
    shift: Reals | float = np.array(offsets) if offsets else 0.0
    enough = len(truth) >= FEWEST_ROWS and len(np.unique(truth)) > 1
    if link is None and task != "multiclass":
        return _fit_margins(task, scores64, truth, weights, seed, enough)
    after = None
    if enough:
        losses = cross_validate(
            stratified_folds(truth, seed),
            lambda rows: fit_scale(task, scores64[rows], truth[rows], weights[rows], shift),
            lambda rows, scale: log_losses(task, scores64[rows], truth[rows], scale, shift),
        )
        after = float(np.average(losses, weights=weights))
    if link is None:
        scale = {"scale": fit_scale(task, scores64, truth, weights, shift)}
        return Calibration(task, None, "shared scale", scale, None, after, True, len(truth), offsets=offsets)
    before = float(np.average(log_losses(task, scores64, truth, 1.0, shift), weights=weights))
    if after is None:
        return Calibration(task, link, "none", {}, before, None, False, len(truth), offsets=offsets)
    # `after` is measured on rows that the fit has not seen; on the rows it was fitted to, it would nearly always win.
    kept = after < before
    temperature = 1 / fit_scale(task, scores64, truth, weights, shift) if kept else 1.0
    fitted = {"temperature": temperature}
    return Calibration(task, link, "temperature", fitted, before, after, kept, len(truth), offsets=offsets)


def without_rows(task: str, link: str | None, class_weights: NDArray[Any] | None) -> Calibration | None:
    """Return what takes the weights of the classes out of probabilities where there are no rows to fit on.

    Returns:
        The link of the scores less the logarithms of the weights; None where no class weighed more than another, or
        scores are margins, which have no probabilities without rows.
    """
    offsets = _offsets(task, class_weights)
    return Calibration(task, link, "none", {}, None, None, False, 0, offsets=offsets) if link and offsets else None


def _offsets(task: str, class_weights: NDArray[Any] | None) -> list[float]:
    """Return the logarithms of the classes' weights, as `Calibration.offsets` holds them."""
    if class_weights is None or task not in ("binary", "multiclass") or np.ptp(class_weights) == 0:
        return []
    logarithms = np.log(np.asarray(class_weights, np.float64))
    return [float(logarithms[1] - logarithms[0])] if task == "binary" else logarithms.tolist()


def _fit_margins(task: str, scores64: Reals, truth: Labels, weights: Reals, seed: int, enough: bool) -> Calibration:
    """Fit Platt scaling to each score, and isotonic regression where that is clearly better."""
    # (n,) or (n, labels) -> one pair of scores (n,) and labels (n,) per score
    pairs = list(zip(scores64.reshape(len(scores64), -1).T, truth.reshape(len(truth), -1).T, strict=True))
    lines = [fit_platt(margin, label, weights) for margin, label in pairs]
    # One line per score: sigmoid(slope * score + intercept).
    parameters: dict[str, Any] = {"slope": [line[0] for line in lines], "intercept": [line[1] for line in lines]}
    if not enough:
        return Calibration(task, None, "platt", parameters, None, None, True, len(truth))
    knots, losses = zip(*(fit_isotonic(margin, label, weights, seed) for margin, label in pairs), strict=True)
    # One row per score: the log losses of Platt scaling and of isotonic regression.
    after = float(np.mean([loss[int(points is not None)] for points, loss in zip(knots, losses, strict=True)]))
    tried: dict[str, float] = dict(zip(("platt", "isotonic"), np.mean(losses, axis=0).tolist(), strict=True))
    if not any(knots):
        return Calibration(task, None, "platt", parameters, None, after, True, len(truth), tried)
    return Calibration(
        task, None, "isotonic", parameters | {"knots": list(knots)}, None, after, True, len(truth), tried
    )


def check_scores(
    task: str, scores: NDArray[Any], y_true: NDArray[Any], sample_weight: NDArray[Any] | None
) -> tuple[Reals, Labels, Reals]:
    """Return scores, labels and weights (mean 1) of the same rows, in float64 and int64.

    Raises:
        DataError: There are no rows, the shapes don't match, a label or weight is out of its range, or a score is not
            finite.
    """
    rows = len(np.asarray(scores))
    if not rows:
        raise DataError("there are no validation rows to calibrate on.")
    shape = np.shape(scores)
    if task == "binary" and np.size(scores) != rows:
        raise DataError(f"binary scores have shape {shape}: expected ({rows},) or ({rows}, 1).")
    scores64, truth = _as_float64(task, scores), np.asarray(y_true).astype(np.int64)
    expected = scores64.shape if task != "multiclass" else (rows,)
    if truth.shape == (*expected, 1):
        truth = truth.reshape(expected)
    if truth.shape != expected or scores64.ndim != (1 if task == "binary" else 2):
        raise DataError(f"{task} scores of shape {shape} don't match labels of shape {np.shape(y_true)}.")
    largest = scores64.shape[1] - 1 if task == "multiclass" else 1
    if truth.min() < 0 or truth.max() > largest:
        raise DataError(f"labels range from {truth.min()} to {truth.max()}: expected 0 to {largest}.")
    if not np.isfinite(scores64).all():
        count = int((~np.isfinite(scores64.reshape(rows, -1))).any(axis=1).sum())
        raise DataError(f"the scores of {count} of {rows} rows are not finite: the training has diverged.")
    weights = np.ones(rows) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights.shape != (rows,) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum():
        raise DataError(f"sample_weight: expected {rows} finite numbers of 0 or more, not all of them 0.")
    return scores64, truth, weights / weights.mean()


def _as_float64(task: str, scores: NDArray[Any]) -> Reals:
    scores64 = np.asarray(scores, np.float64)
    return scores64.reshape(len(scores64)) if task == "binary" else scores64


def _valid_parameters(method: str, parameters: dict[str, Any], rows: int) -> bool:
    """Check whether parameters suit a method."""
    line = ("slope", "intercept")
    names = {"none": (), "temperature": ("temperature",), "shared scale": ("scale",), "platt": line, "isotonic": line}
    numbers = {name: np.asarray(parameters[name], np.float64) for name in names[method]}
    if not all(np.isfinite(number).all() for number in numbers.values()):
        return False
    # A slope, temperature or scale of 0 or less would not keep the order of the scores.
    if not all((number > 0).all() for name, number in numbers.items() if name != "intercept"):
        return False
    if names[method] == line and not numbers["slope"].shape == numbers["intercept"].shape == (numbers["slope"].size,):
        return False
    if method != "isotonic":
        return True
    knots = parameters["knots"]
    valid = all(points is None or isotonic.are_knots(points["scores"], points["chances"]) for points in knots)
    return valid and len(knots) == numbers["slope"].size and rows > 0
