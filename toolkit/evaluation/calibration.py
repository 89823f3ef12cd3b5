"""From raw scores to probabilities that mean it: fitted on validation rows alone, and never changing a decision.

A fit sees scores and labels, no model. Every formula works on scores of any size in float64. Beside them: the score
above which a row counts as positive, chosen for a metric, and the size of the errors that an interval has to hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from toolkit.common import formatting
from toolkit.common.errors import DataError, nearest
from toolkit.evaluation import isotonic

__all__ = ["Calibration", "choose_threshold", "fit", "residual_quantile"]

# With fewer rows a fold of the cross-validation holds less than four, and a temperature would be fitted to noise.
_FEWEST = 20
_CELLS = 4_000_000  # scores of several classes that a temperature or scale is fitted on
_FOLDS = 5
# A slope or scale of less would move the middle row's score by under a thousandth: the order is kept, no more.
_LEAST = 1e-3
_MOST = 1e6
# In Platt's fit a score further from the median than so many typical distances counts as that far.
_REACH = 1e3
# An isotonic fit takes the place of Platt's if its log loss is lower by more than so many standard errors.
_CLEAR = 2.0
_EPS = float(np.finfo(np.float64).eps)

_Labels = NDArray[np.int64]
_Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """How the scores of one run become probabilities.

    Attributes:
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        link: The head's own link: ``"sigmoid"``, ``"softmax"``, or None where a score is a margin.
        method: ``"temperature"``, ``"platt"``, ``"isotonic"``, ``"shared scale"``, or ``"none"``: the link as it is.
        parameters: What was fitted. temperature: ``temperature``, 1 where it was not kept. platt: ``slope`` and
            ``intercept``, lists with an entry a score. isotonic: the same, and ``knots``, a list with an entry a score:
            None where Platt's method was taken, else ``scores`` and ``chances``. shared scale: ``scale``. none:
            nothing.
        log_loss_before: Log loss of the link as it is on the validation rows; None for margins, which have none.
        log_loss_after: Log loss of the fit on validation rows that it did not see (cross-validated); None where there
            are too few rows, or one class only, to tell.
        kept: Whether probabilities go through what was fitted.
        rows: Validation rows.
        tried: Of margins of one score, or one a label: cross-validated log loss of ``platt`` and of ``isotonic``, the
            mean over the labels; empty where there are too few rows.

    Example:
        >>> scores = np.array([-6.0, 6.0, 8.0, -8.0] * 25)
        >>> found = fit("binary", "sigmoid", scores, np.array([0, 1, 0, 1] * 25))
        >>> found.method, found.kept, bool(found.parameters["temperature"] > 10)
        ('temperature', True, True)
        >>> found.probabilities(np.array([0.0]))
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

    def probabilities(self, scores: NDArray[Any]) -> _Reals:
        """Turn raw scores into probabilities.

        Of margins, the probability at a score of 0 need not be 0.5: a decision stays one on scores.

        Args:
            scores: Raw scores, shape (n, units); binary also (n,).

        Returns:
            Binary: (n,), of the second class. Multiclass: (n, classes), each row sums to 1. Multilabel: (n, labels).
            NaN where a score is NaN.
        """
        wide = _wide(self.task, scores)
        if self.method in ("platt", "isotonic"):
            lines = zip(self.parameters["slope"], self.parameters["intercept"], strict=True)
            knots = self.parameters.get("knots", [None] * len(self.parameters["slope"]))
            columns = wide.reshape(len(wide), -1).T
            chances = [
                _chance(column, line, own, self.rows) for column, line, own in zip(columns, lines, knots, strict=True)
            ]
            return np.stack(chances, axis=1).reshape(wide.shape)
        scale = self.parameters.get("scale", 1 / self.parameters.get("temperature", 1.0))
        if self.task != "multiclass":
            with np.errstate(over="ignore"):
                return special.expit(scale * wide)
        powers = np.exp(_below_top(wide, scale))
        return powers / powers.sum(axis=1, keepdims=True)

    @property
    def sentence(self) -> str:
        """What was done, how much it helped, and for margins that they are not probabilities."""
        rows = f"{formatting.number(self.rows)} validation row{'' if self.rows == 1 else 's'}"
        before, after = (formatting.number(loss, 3) for loss in (self.log_loss_before, self.log_loss_after))
        link = f"the {self.link} of the score{'s' if self.link == 'softmax' else ''}"
        lack = "are too few" if self.rows < _FEWEST else "hold one class only, too little"
        if self.method == "none":
            return f"Probabilities are {link} as it is (log loss {before}): {rows} {lack} to fit a temperature."
        if self.method == "temperature":
            if not self.kept:
                return (
                    f"Probabilities are {link} as it is: a temperature fitted on {rows} does not lower their log loss "
                    f"({before} without, {after} with, cross-validated), and was not kept."
                )
            temperature = formatting.number(self.parameters["temperature"], 3)
            return (
                f"Probabilities are {link} divided by a temperature of {temperature}, fitted on {rows}: it lowers "
                f"their log loss from {before} to {after} (cross-validated). No decision changes."
            )
        checked = (
            f"log loss {after}, cross-validated" if self.log_loss_after is not None else f"which {lack} to check it"
        )
        if self.method == "shared scale":
            how = f"the softmax of {formatting.number(self.parameters['scale'], 3)} times the scores"
            end = "No decision changes."
        else:
            how, beside = self._margins
            checked += beside
            end = "Decisions stay with the scores: the border need not lie at a probability of 0.5."
        return (
            f"A margin is not a probability, and has no log loss of its own: probabilities are {how}, fitted on {rows} "
            f"({checked}). {end}"
        )

    @property
    def _margins(self) -> tuple[str, str]:
        """What margins of one score, or one a label, go through; and the log loss of what was not taken."""
        score = "the score" if self.task == "binary" else "each label's score"
        line, steps = (formatting.number(self.tried.get(name), 3) for name in ("platt", "isotonic"))
        if self.method == "platt":
            doubt = ", not clearly less" if self.tried and self.tried["isotonic"] < self.tried["platt"] else ""
            return f"Platt scaling of {score}", f"; isotonic regression has {steps}{doubt}" if self.tried else ""
        knots = self.parameters["knots"]
        taken = sum(own is not None for own in knots)
        if taken == len(knots):
            return f"isotonic regression of {score}", f"; Platt scaling has {line}"
        how = f"isotonic regression of the scores of {taken} of {len(knots)} labels, Platt scaling of the others'"
        return how, f"; Platt scaling of all has {line}, isotonic regression of all {steps}"

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as a dict that strict JSON can hold, exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """Return the calibration that `to_dict` described.

        Raises:
            DataError: The dict is not of this form.
        """
        try:
            made = cls(**content)
            sound = _sound(made.method, made.parameters, made.rows)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the calibration is damaged: {type(error).__name__} {error}.") from error
        if not sound:
            raise DataError(f"the calibration is damaged: method {made.method!r} with {made.parameters}.")
        return made


def fit(
    task: str,
    link: str | None,
    scores: NDArray[Any],
    y_true: NDArray[Any],
    *,
    seed: int = 0,
    sample_weight: NDArray[Any] | None = None,
) -> Calibration:
    """Return what turns raw scores into probabilities, fitted on validation scores and labels.

    - With a link: one temperature above 0 by which all scores are divided, also for several labels: it corrects the
      one way in which a network trained too long is too sure of all of them, and is one decision, made on all cells.
      It is kept only if cross-validation within these rows (5 folds, stratified) lowers log loss.
    - Margins of one score, or one a label: Platt scaling, ``sigmoid(slope * score + intercept)`` for each, the slope
      above 0 so that the order stands. A label that these rows hold in one value only gets about its smoothed share.
      Isotonic regression, which follows any rising shape, takes its place for a score where cross-validation finds its
      log loss lower by more than two standard errors. One part in n + 1 of it is Platt's: so different scores keep
      their order also where the regression is level.
    - Margins of several classes: the softmax of the scores times one scale above 0, shared by the classes.

    Perfectly separated rows give finite values: Platt's method has its own smoothed targets; a temperature or scale is
    fitted with one part in n + 1 of each of the n labels spread over all classes, together the worth of one row. With
    fewer than 20 rows, or one class only among them, no temperature is fitted; margins are, having nothing else, but
    unchecked. A row without weight is as good as absent. Of several classes, where there are more than 4,000,000
    scores, rows at even distances are taken.

    It is the wrong tool on the rows a model was trained on, where scores are better than they will be.

    Args:
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        link: ``"sigmoid"`` or ``"softmax"`` where scores are logits, None where they are margins.
        scores: Raw scores of the validation rows, shape (n, units); binary also (n,).
        y_true: Binary: 0 and 1, (n,). Multiclass: class ids, (n,). Multilabel: 0 and 1, (n, labels).
        seed: Of the folds.
        sample_weight: How much each row counts, shape (n,). By default all the same.

    Returns:
        The calibration. Log losses are those of `toolkit.evaluation.metrics`: probabilities kept 2e-16 away
        from 0 and 1.

    Raises:
        DataError: The task has no classes, there are no rows, shapes do not fit, or a score is not finite.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (temperature). Platt, Probabilistic Outputs for
        Support Vector Machines, 1999; Lin, Lin and Weng, A Note on Platt's Probabilistic Outputs, Machine Learning 68,
        2007 (smoothed targets, stable loss).

    Example:
        >>> margins = np.array([[2.0, 0.0, 0.1], [0.0, 1.5, 0.2], [0.3, 0.1, 0.9], [0.2, 0.9, 0.5]])
        >>> found = fit("multiclass", None, margins, np.array([0, 1, 2, 2]))
        >>> found.method, (found.probabilities(margins).argmax(axis=1) == margins.argmax(axis=1)).all()
        ('shared scale', np.True_)
    """
    tasks = ("binary", "multiclass", "multilabel")
    if task not in tasks:
        raise DataError(f"task '{task}' has no probabilities to calibrate (tasks: {', '.join(tasks)}).")
    wide, truth, weights = _checked(task, scores, y_true, sample_weight)
    counted = weights > 0
    if task == "multiclass":
        # One number for all of thousands of classes is as well known from some of the rows.
        rows, most = np.flatnonzero(counted), max(_FEWEST, _CELLS // wide.shape[1])
        counted = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)]
    wide, truth, weights = wide[counted], truth[counted], weights[counted] / weights[counted].mean()
    enough = len(truth) >= _FEWEST and len(np.unique(truth)) > 1
    if link is None and task != "multiclass":
        return _margins(task, wide, truth, weights, seed, enough)
    after = None
    if enough:
        losses = _held_out(
            _folds(truth, seed),
            lambda rows: _scale(task, wide[rows], truth[rows], weights[rows]),
            lambda rows, scale: _losses(task, wide[rows], truth[rows], scale),
        )
        after = float(np.average(losses, weights=weights))
    if link is None:
        found = {"scale": _scale(task, wide, truth, weights)}
        return Calibration(task, None, "shared scale", found, None, after, True, len(truth))
    before = float(np.average(_losses(task, wide, truth, 1.0), weights=weights))
    if after is None:
        return Calibration(task, link, "none", {}, before, None, False, len(truth))
    kept = after < before
    temperature = 1 / _scale(task, wide, truth, weights) if kept else 1.0
    return Calibration(task, link, "temperature", {"temperature": temperature}, before, after, kept, len(truth))


def choose_threshold(
    scores: NDArray[Any], y_true: NDArray[Any], metric: str, *, sample_weight: NDArray[Any] | None = None
) -> float:
    """Return the score above which calling a row positive is best on these rows, by a metric.

    Every threshold that makes a difference is tried: between two neighbouring scores their middle, or 0 where it lies
    between them. Of equally good ones the nearest to 0 is taken, so that the default stays where nothing beats it.
    A threshold found on few positives is good on them and maybe nowhere else: read the metric on the test part.

    Args:
        scores: Raw scores of the validation rows, shape (n,) or (n, 1).
        y_true: 0 and 1, shape (n,).
        metric: ``"accuracy"``, ``"balanced_accuracy"`` or ``"f1"``.
        sample_weight: How much each row counts, shape (n,). By default all the same.

    Returns:
        The threshold; a row is positive where its score is above it. Found from float32 scores it is a float32 number,
        so that comparing in either precision says the same.

    Raises:
        DataError: The metric does not depend on a threshold, is best at a senseless one, or is unknown; there are no
            rows, or one class only; a score is not finite.

    Example:
        >>> choose_threshold(np.array([-3.0, -2.0, -1.0, 1.0]), np.array([0, 1, 0, 1]), "f1")
        -2.5
    """
    names = ("accuracy", "balanced_accuracy", "f1")
    if metric not in names:
        why = {
            "precision": "is best where almost nothing is called positive",
            "recall": "is best where every row is called positive",
            **dict.fromkeys(
                ("roc_auc", "average_precision", "log_loss", "brier_score"), "does not depend on a threshold"
            ),
        }
        if metric in why:
            raise DataError(f"no threshold can be chosen for {metric}: it {why[metric]}. Take {', '.join(names)}.")
        raise DataError(f"no threshold is chosen for '{metric}' (metrics: {', '.join(names)}).{nearest(metric, names)}")
    wide, truth, weights = _checked("binary", scores, y_true, sample_weight)
    if len(np.unique(truth)) < 2:
        raise DataError("no threshold can be chosen: the rows hold one class only.")
    kind = np.float32 if np.asarray(scores).dtype in (np.float32, np.float16) else np.float64
    ordered, place = np.unique(wide, return_inverse=True)
    ordered = ordered.astype(kind)
    lower = np.concatenate([[np.nextafter(ordered[0], kind(-np.inf))], ordered])
    upper = np.concatenate([ordered, [np.inf]])
    upper_half = np.append(ordered, ordered[-1])
    middle = (lower / 2 + upper_half / 2).astype(kind)
    middle = np.where((lower <= middle) & (middle < upper), middle, lower)
    middle = np.where((lower <= 0) & (upper > 0), kind(0), middle)
    if ordered[0] > 0:
        middle[0] = 0
    # Weight of the rows above each of the thresholds, all rows being above the first.
    positive, all_rows = (np.bincount(place, weights=w, minlength=len(ordered)) for w in (weights * truth, weights))
    hit = np.append(np.cumsum(positive[::-1])[::-1], 0.0)
    false = np.append(np.cumsum(all_rows[::-1])[::-1], 0.0) - hit
    positives, negatives = hit[0], false[0]
    value = {
        "accuracy": (hit + negatives - false) / (positives + negatives),
        "balanced_accuracy": (hit / positives + (negatives - false) / negatives) / 2,
        "f1": 2 * hit / (positives + hit + false),
    }[metric]
    best = middle[value >= value.max() - 1e-12]
    return float(best[np.argmin(np.abs(best))])


def residual_quantile(residuals: NDArray[Any], coverage: float) -> _Reals:
    """Return how far from a prediction its interval reaches, so that it holds the truth for a share of new rows.

    Split conformal prediction: of n absolute residuals the one in place ceil((n + 1) * coverage). For rows drawn like
    these it holds at least `coverage` of new truths on average, whatever the model; rows that also chose the model's
    epoch make it a little too short. Several targets are each covered by themselves, not all at once.

    Args:
        residuals: Absolute errors on rows that the model was not trained on, in the target's units, (n, targets).
        coverage: Share of new rows, between 0 and 1.

    Returns:
        Half the width of the interval of each target, shape (targets,).

    Raises:
        DataError: The coverage is not between 0 and 1, or too high for so few rows; a residual is not finite.

    References:
        Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005. Lei et al., Distribution-Free
        Predictive Inference for Regression, JASA 113, 2018, section 2.2.

    Example:
        >>> residual_quantile(np.arange(1.0, 10.0)[:, None], 0.8)
        array([8.])
    """
    if not 0 < coverage < 1:
        raise DataError(f"coverage {coverage} is not between 0 and 1.")
    size = np.abs(np.asarray(residuals, np.float64))
    size = size[:, None] if size.ndim == 1 else size
    if not np.isfinite(size).all():
        raise DataError(f"{int((~np.isfinite(size)).any(axis=1).sum())} of {len(size)} residuals are not finite.")
    # 0.07 * 100 is 7.000000000000001: round-off may not cost a row.
    place = math.ceil((len(size) + 1) * coverage - 1e-9)
    if place > len(size):
        needed = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise DataError(
            f"{len(size)} validation rows are too few for a coverage of {coverage}: it needs {needed}. "
            "Take a lower coverage or more rows."
        )
    return np.sort(size, axis=0)[max(place, 1) - 1]


def _wide(task: str, scores: NDArray[Any]) -> _Reals:
    wide = np.asarray(scores, np.float64)
    return wide.reshape(len(wide)) if task == "binary" else wide


def _checked(
    task: str, scores: NDArray[Any], y_true: NDArray[Any], sample_weight: NDArray[Any] | None
) -> tuple[_Reals, _Labels, _Reals]:
    """Scores, labels and weights of mean 1, all fitting each other."""
    rows = len(np.asarray(scores))
    if not rows:
        raise DataError("there are no validation rows to calibrate on.")
    shape = np.shape(scores)
    if task == "binary" and np.size(scores) != rows:
        raise DataError(f"binary scores have shape {shape}: expected ({rows},) or ({rows}, 1).")
    wide, truth = _wide(task, scores), np.asarray(y_true).astype(np.int64)
    expected = wide.shape if task != "multiclass" else (rows,)
    if truth.shape == (*expected, 1):
        truth = truth.reshape(expected)
    if truth.shape != expected or wide.ndim != (1 if task == "binary" else 2):
        raise DataError(f"{task} scores of shape {shape} do not go with labels of shape {np.shape(y_true)}.")
    largest = wide.shape[1] - 1 if task == "multiclass" else 1
    if truth.min() < 0 or truth.max() > largest:
        raise DataError(f"labels reach from {truth.min()} to {truth.max()}: expected 0 to {largest}.")
    if not np.isfinite(wide).all():
        count = int((~np.isfinite(wide.reshape(rows, -1))).any(axis=1).sum())
        raise DataError(f"the scores of {count} of {rows} rows are not finite: the training has diverged.")
    weights = np.ones(rows) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights.shape != (rows,) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum():
        raise DataError(f"sample_weight wants {rows} finite numbers of 0 or more, and not only 0.")
    return wide, truth, weights / weights.mean()


def _below_top(scores: _Reals, scale: float) -> _Reals:
    """The scaled scores of each row less their largest: at most 0."""
    with np.errstate(over="ignore"):
        return scale * (scores - scores.max(axis=1, keepdims=True))


def _losses(task: str, scores: _Reals, truth: _Labels, scale: float) -> _Reals:
    """The log loss of each row, its mean over several labels."""
    with np.errstate(over="ignore"):
        if task == "multiclass":
            below = _below_top(scores, scale)
            loss = special.logsumexp(below, axis=1) - below[np.arange(len(truth)), truth]
        else:
            loss = -special.log_expit(np.where(truth == 1, scale, -scale) * scores)
    return np.clip(loss, -math.log1p(-_EPS), -math.log(_EPS)).reshape(len(truth), -1).mean(axis=1)


def _scale(task: str, scores: _Reals, truth: _Labels, weights: _Reals) -> float:
    """The factor above 0 of least log loss, with one row's worth of doubt about the labels.

    Log loss is convex in the factor, so the zero of its derivative is looked for, on a logarithmic scale. The doubt
    puts the zero at a finite place. The factor is counted in units of the middle distance from a tie.
    """
    doubt = 1 / (len(truth) + 1)
    several = task == "multiclass"
    with np.errstate(over="ignore"):
        apart = scores - scores.max(axis=1, keepdims=True) if several else scores
    size = _typical(apart)
    if not size:
        return 1.0  # all scores tie: no factor changes anything
    with np.errstate(over="ignore"):
        apart = np.clip(apart / size, -1e100, 1e100)
    if several:
        wanted = (1 - doubt) * apart[np.arange(len(truth)), truth] + doubt * apart.mean(axis=1)

        def each(factor: float) -> _Reals:
            powers = np.exp(factor * apart)
            return (powers * apart).sum(axis=1) / powers.sum(axis=1) - wanted
    else:
        target = (1 - doubt) * truth + doubt / 2

        def each(factor: float) -> _Reals:
            return ((special.expit(factor * apart) - target) * apart).reshape(len(truth), -1).mean(axis=1)

    return _zero(lambda power: float(np.average(each(math.exp(power)), weights=weights))) / size


def _zero(rising: Callable[[float], float]) -> float:
    low, high = math.log(_LEAST), math.log(_MOST)
    if rising(low) >= 0:
        return _LEAST
    if rising(high) <= 0:
        return _MOST
    return math.exp(float(optimize.brentq(rising, low, high, xtol=1e-9)))


def _typical(distances: _Reals) -> float:
    """The median of the distances that are not 0; 0 where all are."""
    some = np.abs(distances[distances != 0])
    return float(np.median(some)) if len(some) else 0.0


def _platt(margin: _Reals, label: _Labels, weights: _Reals) -> tuple[float, float]:
    """Slope and intercept of Platt's method with smoothed targets: a convex problem with a finite solution."""
    centre = float(np.median(margin))
    size = _typical(margin - centre) or 1.0
    unit = np.clip((margin - centre) / size, -_REACH, _REACH)
    positives, negatives = float(weights @ label), float(weights @ (1 - label))
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    inputs = np.column_stack([unit, np.ones_like(unit)])
    share = weights / weights.sum()

    def loss(line: _Reals) -> float:
        x = inputs @ line
        return float(share @ (np.logaddexp(0, x) - target * x))

    def gradient(line: _Reals) -> _Reals:
        return inputs.T @ (share * (special.expit(inputs @ line) - target))

    def curvature(line: _Reals) -> _Reals:
        chance = special.expit(inputs @ line)
        return (inputs.T * (share * chance * (1 - chance))) @ inputs

    start = np.array([0.0, math.log((positives + 1) / (negatives + 1))])
    slope, intercept = _LEAST, 0.0
    if unit.any() and positives > 0 and negatives > 0:
        found = optimize.minimize(
            loss, start, jac=gradient, hess=curvature, method="trust-exact", options={"gtol": 1e-10, "maxiter": 200}
        )
        slope, intercept = (float(value) for value in found.x)
    if slope <= _LEAST:  # the loss is convex: its least value with an order kept lies on this edge
        slope = _LEAST
        edge = 2 + math.log(positives + negatives + 2)

        def excess(place: float) -> float:
            return float(share @ (special.expit(slope * unit + place) - target))

        intercept = float(optimize.brentq(excess, -edge, edge, xtol=1e-12))
    return slope / size, intercept - slope * centre / size


def _margins(task: str, wide: _Reals, truth: _Labels, weights: _Reals, seed: int, enough: bool) -> Calibration:
    """Platt's method for each score, and isotonic regression where that is clearly better."""
    pairs = list(zip(wide.reshape(len(wide), -1).T, truth.reshape(len(truth), -1).T, strict=True))
    lines = [_platt(margin, label, weights) for margin, label in pairs]
    found: dict[str, Any] = {"slope": [slope for slope, _ in lines], "intercept": [start for _, start in lines]}
    if not enough:
        return Calibration(task, None, "platt", found, None, None, True, len(truth))
    knots, losses = zip(*(_steps(margin, label, weights, seed) for margin, label in pairs), strict=True)
    after = float(np.mean([loss[int(own is not None)] for own, loss in zip(knots, losses, strict=True)]))
    by_line, by_steps = np.mean(losses, axis=0).tolist()
    tried = {"platt": by_line, "isotonic": by_steps}
    if not any(knots):
        return Calibration(task, None, "platt", found, None, after, True, len(truth), tried)
    return Calibration(task, None, "isotonic", found | {"knots": list(knots)}, None, after, True, len(truth), tried)


def _steps(margin: _Reals, label: _Labels, weights: _Reals, seed: int) -> tuple[dict[str, Any] | None, _Reals]:
    """The knots of an isotonic regression, None where it is not clearly better than Platt's method; both log losses."""

    def learn(rows: NDArray[np.bool_]) -> tuple[tuple[float, float], dict[str, Any]]:
        given = margin[rows], label[rows], weights[rows]
        return _platt(*given), _knots(*given)

    def lose(rows: NDArray[np.bool_], learned: tuple[tuple[float, float], dict[str, Any]]) -> _Reals:
        (slope, intercept), knots = learned
        chance = _chance(margin[rows], (slope, intercept), knots, int((~rows).sum()))
        right = np.where(label[rows] == 1, chance, 1 - chance)
        by_line = _losses("binary", slope * margin[rows] + intercept, label[rows], 1.0)
        return np.column_stack([by_line, -np.log(np.clip(right, _EPS, 1 - _EPS))])

    losses = _held_out(_folds(label, seed), learn, lose)
    gain = losses[:, 0] - losses[:, 1]
    mean = np.average(gain, weights=weights)
    error = np.linalg.norm(weights * (gain - mean)) / weights.sum()
    knots = _knots(margin, label, weights)
    clear = mean > _CLEAR * error and len(knots["scores"]) > 1
    return knots if clear else None, np.average(losses, axis=0, weights=weights)


def _knots(margin: _Reals, label: _Labels, weights: _Reals) -> dict[str, Any]:
    at, chances = isotonic.knots(margin, label, weights / weights.mean())
    return {"scores": at.tolist(), "chances": chances.tolist()}


def _chance(scores: _Reals, line: tuple[float, float], knots: dict[str, Any] | None, rows: int) -> _Reals:
    """Probabilities of one score: Platt's, or the regression's with one row's worth of Platt's."""
    slope, intercept = line
    with np.errstate(over="ignore", invalid="ignore"):
        chance = special.expit(slope * scores + intercept)
    if knots is None:
        return chance
    return (rows * isotonic.interpolate(scores, knots["scores"], knots["chances"]) + chance) / (rows + 1)


def _sound(method: str, parameters: dict[str, Any], rows: int) -> bool:
    """Whether these can be the parameters of this method."""
    lines = ("slope", "intercept")
    names = {"none": (), "temperature": ("temperature",), "shared scale": ("scale",), "platt": lines, "isotonic": lines}
    numbers = {name: np.asarray(parameters[name], np.float64) for name in names[method]}
    if not all(np.isfinite(number).all() for number in numbers.values()):
        return False
    if not all((number > 0).all() for name, number in numbers.items() if name != "intercept"):
        return False
    if names[method] == lines and not numbers["slope"].shape == numbers["intercept"].shape == (numbers["slope"].size,):
        return False
    if method != "isotonic":
        return True
    knots = parameters["knots"]
    sound = all(own is None or isotonic.are_knots(own["scores"], own["chances"]) for own in knots)
    return sound and len(knots) == numbers["slope"].size and rows > 0


def _folds(truth: _Labels, seed: int) -> _Labels:
    """The fold of each row, with classes (or, for several labels, numbers of positive ones) spread evenly."""
    order = np.random.default_rng(seed).permutation(len(truth))
    kind = truth if truth.ndim == 1 else truth.sum(axis=1)
    order = order[np.argsort(kind[order], kind="stable")]
    fold = np.empty(len(truth), np.int64)
    fold[order] = np.arange(len(truth)) % _FOLDS
    return fold


def _held_out(
    fold: _Labels,
    learn: Callable[[NDArray[np.bool_]], Any],
    lose: Callable[[NDArray[np.bool_], Any], _Reals],
) -> _Reals:
    """The loss of each row under what the other folds taught."""
    held = [lose(fold == number, learn(fold != number)) for number in range(_FOLDS)]
    return np.concatenate(held)[np.argsort(np.argsort(fold, kind="stable"))]
