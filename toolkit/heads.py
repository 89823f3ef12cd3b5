"""Heads: what a model's linear output means.

Loss, metric, decision rule and probabilities belong together: accuracy of one logit has its threshold at 0 and not at
0.5, and a margin is not a probability. A head is a value; to add one, make a `Head`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.checks import check_choice, check_quantiles
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import join_names
from toolkit.common.options import documented

if TYPE_CHECKING:
    import keras

__all__ = ["DEFAULT_HEADS", "HEADS", "Head", "above_logits", "get_head"]


@dataclass(frozen=True)
class Head:
    """What the scores of a model mean for one task.

    Targets are class ids (multiclass), 0 and 1 (binary, multilabel) or standardized numbers (regression); a loss that
    needs -1 and +1 converts them itself.

    Attributes:
        name: Its name in options, such as ``"softmax"``.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        loss: Function that returns the Keras loss on raw scores; for a cross-entropy it may take ``label_smoothing``.
        link: How scores become probabilities: ``"sigmoid"``, ``"softmax"``, ``"cumulative"`` (classes in order: score
            k is the logit of being above class k), or None where they don't.
        about: The loss in words, for the report.
        quantiles: For regression: the quantiles of the one target that the scores stand for, rising; empty where each
            score is a target.

    Example:
        >>> head = get_head("multiclass", "softmax")
        >>> head.decide(np.array([[3.2, 5.1, -1.7]]))
        array([1])
        >>> head.probabilities(np.array([[0.0, 0.0]]))
        array([[0.5, 0.5]])
    """

    name: str
    task: str
    loss: Callable[..., keras.losses.Loss]
    link: str | None
    about: str
    quantiles: tuple[float, ...] = ()

    def units(self, targets: int) -> int:
        """Return the number of scores, for what `toolkit.data.target.Target.units` counts.

        Raises:
            DataError: The head is for a single target, and there are several.
        """
        if self.quantiles and targets > 1:
            raise DataError(f"head '{self.name}' predicts one target, and here are {targets}: train a run for each.")
        return targets - 1 if self.ordered else len(self.quantiles) or targets

    @property
    def ordered(self) -> bool:
        """Whether the classes have an order, and a score stands between each two neighbors."""
        return self.link == "cumulative"

    @property
    def quantile_names(self) -> list[str]:
        """The quantiles as names of columns, such as ``"0.05"``."""
        return [f"{quantile:g}" for quantile in self.quantiles]

    @property
    def coverage(self) -> float:
        """The share of new rows that an interval is to hold: that between the outer quantiles, 0.9 without them."""
        return round(self.quantiles[-1] - self.quantiles[0], 12) if self.quantiles else 0.9

    @property
    def median(self) -> NDArray[np.float64]:
        """The share of each quantile in the median, (quantiles,): of its neighbors, where it is none of them.

        Where all quantiles lie on one side of the median, it is the nearest.

        Example:
            >>> get_head("regression", "quantile", quantiles=(0.1, 0.4, 0.8)).median.round(2)
            array([0.  , 0.75, 0.25])
        """
        return np.array([np.interp(0.5, self.quantiles, row) for row in np.eye(len(self.quantiles))])

    @property
    def meaning(self) -> str:
        """What one score is: ``"a number"``, ``"a margin"`` or ``"a logit"``."""
        if self.task == "regression":
            return "a number"
        return "a margin" if self.link is None else "a logit"

    @property
    def margin(self) -> float | None:
        """The lead that a max-margin loss requires of the right score; None for other losses."""
        return getattr(self.loss(), "delta", None) if self.meaning == "a margin" else None

    @property
    def metric(self) -> str:
        """The metric followed during training: ``rmse``, ``accuracy`` or ``hamming_loss``."""
        return {"regression": "rmse", "multilabel": "hamming_loss"}.get(self.task, "accuracy")

    @property
    def decision(self) -> str:
        """The decision rule in words."""
        if self.quantiles:
            return "the scores of a row in rising order, a quantile each, converted back to the target's units"
        if self.ordered:
            return "the most probable class"
        return {
            "regression": "the score itself, converted back to the target's units",
            "binary": "the positive class where the score is above 0",
            "multiclass": "the class with the largest score",
            "multilabel": "each label whose score is above 0",
        }[self.task]

    @property
    def probability(self) -> str:
        """How scores become probabilities, in words."""
        if self.task == "regression":
            return "none: a number has no class probability"
        return {
            "sigmoid": "the sigmoid of the score",
            "softmax": "the softmax of the scores",
            "cumulative": "the differences of the sigmoids of the scores, each the logit of being above a class",
            None: "fitted on validation scores: a margin is not a probability",
        }[self.link]

    def decide(self, scores: NDArray[Any], threshold: float = 0.0) -> NDArray[Any]:
        """Return the decisions of raw scores (n, units).

        For regression the scores, (n, units), of quantiles in rising order; binary: 0 or 1, (n,), 1 (positive) above
        the threshold; multiclass: class ids, (n,); multilabel: 0 or 1, (n, labels).
        """
        if self.task == "regression":
            # Quantiles that cross are sorted, which never raises their loss (Chernozhukov, Fernandez-Val and Galichon,
            # Quantile and Probability Curves Without Crossing, Econometrica 2010), and the model stays linear.
            return np.sort(scores, axis=1) if self.quantiles else scores
        if self.task == "multiclass":
            return self.class_scores(scores).argmax(axis=1)
        # (n, 1) -> (n,). Several labels stay (n, labels).
        if self.task == "binary":
            return (scores[:, 0] > threshold).astype(np.int64)
        return (scores > 0).astype(np.int64)

    def points(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Return the number that raw scores (n, units) predict for each target, (n, targets): of quantiles the median.

        Example:
            >>> get_head("regression", "quantile").points(np.array([[0.1, 0.7, 0.4]]))
            array([[0.4]])
        """
        return self.decide(scores) @ self.median[:, None] if self.quantiles else scores

    def probabilities(self, scores: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return the probabilities of raw scores (n, units) in float64, or None where the head has none.

        For binary (n,), of the positive class; multiclass: (n, classes), each row sums to 1; multilabel: (n, labels).
        """
        if self.link is None:
            return None
        from scipy import special

        # In float32 a sigmoid is exactly 1 from a score of about 17 on, in float64 only from about 37.
        scores = scores.astype(np.float64)
        if self.ordered:
            return _between(scores)
        if self.link == "softmax":
            return special.softmax(scores, axis=1)
        probability = special.expit(scores)
        return probability[:, 0] if self.task == "binary" else probability

    def class_scores(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Return a score for each class, whose softmax are the probabilities; for other tasks the scores themselves.

        For ordered classes the logarithms of the probabilities, (n, classes).
        """
        return np.log(np.maximum(_between(scores.astype(np.float64)), 1e-300)) if self.ordered else scores

    def measure(self, y_true: NDArray[Any], scores: NDArray[Any], scale: NDArray[np.float64] | None = None) -> float:
        """Return `metric` of encoded targets and raw scores (n, units), for the curve over the epochs.

        For regression ``scale`` holds the targets' standard deviations in the user's units, shape (units,).
        """
        if self.task == "regression":
            error = (self.points(scores).astype(np.float64) - y_true) * (1.0 if scale is None else scale)
            # (n, targets) -> RMSE of each target (targets,) -> their mean.
            return float(np.sqrt(np.square(error).mean(axis=0)).mean())
        # Decisions are (n,), binary targets (n, 1): compared as they are, they would broadcast to (n, n).
        wrong = np.reshape(self.decide(scores), np.shape(y_true)) != y_true
        return float(wrong.mean()) if self.task == "multilabel" else float(1.0 - wrong.mean())

    def own_measure(self, metric: Callable[[Any, Any], Any], y_true: NDArray[Any], scores: NDArray[Any]) -> float:
        """Return a metric of the user's own, of encoded targets and raw scores (n, units)."""
        decided = self.points(scores) if self.task == "regression" else self.decide(scores)
        return float(metric(y_true, decided))

    def smoothed(self, share: float, *, soft: bool = False) -> keras.losses.Loss:
        """Return the loss with a share (0 to below 1) of each target spread over all classes; 0 is the loss itself.

        With ``soft``, targets are what `soft` returns: probabilities in place of classes.

        Raises:
            DataError: The share is out of its range, or the loss is not a cross-entropy.

        References:
            Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.
        """
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise DataError(f"label_smoothing={share!r}: expected a share from 0 to below 1.")
        if soft and self.link == "softmax":
            return _loss("keras.losses", "CategoricalCrossentropy", from_logits=True, label_smoothing=share)
        if not share:
            return self.loss()
        if not self.can_be_smoothed:
            raise DataError(f"label_smoothing is for cross-entropy, and the head '{self.name}' has none: leave it out.")
        return self.loss(label_smoothing=share)

    @property
    def takes_soft_targets(self) -> bool:
        """Whether networks can learn from values and probabilities in place of targets: `soft` returns such.

        So it is with the loss and the link of the task's default head, but not for several labels.
        """
        default = HEADS[self.task, DEFAULT_HEADS[self.task]]
        return self.task != "multilabel" and self.link == default.link and type(self.loss()) is type(default.loss())

    def soft(self, y: NDArray[Any], units: int) -> NDArray[np.float32]:
        """Return encoded targets as float32 of shape (n, units): class ids as probabilities of 0 and 1."""
        if self.link != "softmax":
            return np.asarray(y, np.float32).reshape(-1, units)
        return np.eye(units, dtype=np.float32)[np.asarray(y).reshape(-1).astype(np.int64)]

    @property
    def can_be_smoothed(self) -> bool:
        """Whether the loss is a cross-entropy that takes ``label_smoothing``."""
        return "label_smoothing" in inspect.signature(self.loss).parameters

    def start(self, model: keras.Model, y: NDArray[Any]) -> None:
        """Give the last layer of a new model what this head begins with, from the encoded targets of its training.

        For ordered classes all scores have the same weights, which training keeps equal, and differ in their biases:
        the thresholds, which begin at the shares of the classes. So the odds are proportional, and the model plain.

        Raises:
            DataError: The last layer has no bias.
        """
        if not self.ordered:
            return
        last = model.layers[-1]
        weights = last.get_weights() if model.outputs[0]._keras_history.operation is last else []  # a sum has none
        if len(weights) != 2:
            raise DataError(f"head '{self.name}' needs a last layer with a bias, which holds its thresholds.")
        kernel, _ = weights
        last.set_weights([np.repeat(kernel[:, :1], kernel.shape[1], axis=1), above_logits(y, kernel.shape[1] + 1)])

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        """Return the Keras metrics that understand this head's raw scores, for ``model.compile``."""
        import keras

        if self.quantiles or self.ordered:
            return []  # Keras has none of such scores
        if self.task == "regression":
            return [keras.metrics.RootMeanSquaredError(name="rmse")]
        if self.task == "multiclass":
            return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        # Scores, not probabilities: a probability of 0.5, Keras's threshold, is a score of 0.
        return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)]


def above_logits(y: NDArray[Any], classes: int, weights: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Return the logit of being above each class but the last, (classes - 1,), from class ids and a row more of each.

    Example:
        >>> above_logits(np.array([0, 0, 1]), 2).round(4)  # 2 of 5 above class 0
        array([-0.4055])
    """
    counts = np.bincount(y.reshape(-1).astype(np.int64), weights=weights, minlength=classes) + 1.0
    above = counts[::-1].cumsum()[::-1][1:]
    return np.log(above / (counts.sum() - above))


def _between(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities (n, classes) of cumulative logits (n, classes - 1); those that cross are sorted."""
    from scipy import special

    ends = np.full((len(scores), 1), np.inf)
    # (n, classes + 1): from infinity, which is sure, down to minus infinity.
    logits = np.hstack([ends, -np.sort(-scores, axis=1), -ends])
    above, below = logits[:, :-1], logits[:, 1:]
    # sigmoid(a) - sigmoid(b), as a product that loses no digits.
    return special.expit(above) * special.expit(-below) * (0.0 - np.expm1(below - above))


def _loss(module: str, name: str, **options: Any) -> keras.losses.Loss:
    """Make a loss; its module is imported only now, because Keras takes seconds to load."""
    return getattr(importlib.import_module(module), name)(**options)


def _logistic(label_smoothing: float = 0.0) -> keras.losses.Loss:
    return _loss("keras.losses", "BinaryCrossentropy", from_logits=True, label_smoothing=label_smoothing)


def _softmax(label_smoothing: float = 0.0) -> keras.losses.Loss:
    if label_smoothing:  # Keras's loss on class ids has none
        return _loss("toolkit.losses", "SoftmaxCrossentropy", label_smoothing=label_smoothing)
    return _loss("keras.losses", "SparseCategoricalCrossentropy", from_logits=True)


_squared, _absolute, _huber = (
    partial(_loss, "keras.losses", name) for name in ("MeanSquaredError", "MeanAbsoluteError", "Huber")
)
_binary_hinge, _multiclass_hinge = (
    partial(_loss, "toolkit.losses", name) for name in ("BinaryHinge", "MulticlassHinge")
)
_binary_squared_hinge, _multiclass_squared_hinge = (
    partial(hinge, squared=True) for hinge in (_binary_hinge, _multiclass_hinge)
)


def _quantile(quantiles: Sequence[float]) -> Head:
    levels = check_quantiles(quantiles)
    about = f"pinball loss {_STANDARDIZED}, averaged over the quantiles {join_names([f'{q:g}' for q in levels])}"
    loss = partial(_loss, "toolkit.losses", "PinballLoss", quantiles=levels)
    return Head("quantile", "regression", loss, None, about, levels)


_CROSS_ENTROPY = "cross-entropy, computed from the raw scores (logits)"
_MARGIN = "max-margin (hinge, SVM): the distance by which {} misses a lead of 1{}"
_SCORE, _LABEL = "the score", "the score of each label"
_LEAD = "the true class's score over each wrong one's"
_STANDARDIZED = "of the standardized target"

#: Every head by task and name; the first of a task is its default.
HEADS: dict[tuple[str, str], Head] = {
    (head.task, head.name): head
    for head in (
        # A standardized target has variance 1, so always predicting its mean costs 1.
        Head("squared", "regression", _squared, None, f"mean squared error {_STANDARDIZED}"),
        Head("absolute", "regression", _absolute, None, f"mean absolute error {_STANDARDIZED}"),
        Head(
            "huber",
            "regression",
            _huber,
            None,
            f"Huber loss {_STANDARDIZED}: squared up to one standard deviation of the target, linear beyond",
        ),
        _quantile((0.05, 0.5, 0.95)),
        Head("logistic", "binary", _logistic, "sigmoid", _CROSS_ENTROPY),
        Head("hinge", "binary", _binary_hinge, None, _MARGIN.format(_SCORE, "")),
        Head("squared_hinge", "binary", _binary_squared_hinge, None, _MARGIN.format(_SCORE, ", squared")),
        Head(
            "squared_sigmoid",
            "binary",
            partial(_loss, "toolkit.losses", "SquaredSigmoid"),
            "sigmoid",
            "squared error of the sigmoid, whose gradient vanishes where the score is large and wrong: for comparison "
            "only",
        ),
        Head("softmax", "multiclass", _softmax, "softmax", _CROSS_ENTROPY),
        Head(
            "ordinal",
            "multiclass",
            partial(_loss, "toolkit.losses", "OrdinalCrossentropy"),
            "cumulative",
            "cross-entropy of classes in order, computed from cumulative logits: one number for each row, minus a "
            "threshold between each two classes (proportional odds)",
        ),
        Head("hinge", "multiclass", _multiclass_hinge, None, _MARGIN.format(_LEAD, ", summed")),
        Head(
            "squared_hinge", "multiclass", _multiclass_squared_hinge, None, _MARGIN.format(_LEAD, ", squared, summed")
        ),
        Head("logistic", "multilabel", _logistic, "sigmoid", f"{_CROSS_ENTROPY}, averaged over the labels"),
        Head("hinge", "multilabel", _binary_hinge, None, _MARGIN.format(_LABEL, "")),
        Head("squared_hinge", "multilabel", _binary_squared_hinge, None, _MARGIN.format(_LABEL, ", squared")),
    )
}

DEFAULT_HEADS = {"regression": "squared", "binary": "logistic", "multiclass": "softmax", "multilabel": "logistic"}


@documented
def get_head(
    task: str,
    head: str | Head,
    *,
    quantiles: Annotated[
        Sequence[float] | None,
        "With head='quantile': two or more rising numbers between 0 and 1. The outer ones are the ends of intervals, "
        "and errors are those of the median, which is interpolated where it is none of them. By default 0.05, 0.5 and "
        "0.95.",
        "regression",
    ] = None,
) -> Head:
    """Return the head of a task by its name, or a `Head` itself once its task is checked.

    Args:
        task: The task.
        head: A name of `HEADS`, or a `Head` for this task.

    Raises:
        DataError: The name is unknown for this task, or the head is for another task or has no quantiles.
    """
    if quantiles is not None and not (isinstance(head, str) and get_head(task, head).quantiles):
        raise DataError("quantiles is for regression with head='quantile': add that, or leave it out.")
    if isinstance(head, Head):
        if head.task != task:
            raise DataError(f"head '{head.name}' is for {head.task}, and this is {task}.")
        return head
    check_choice("task", task, DEFAULT_HEADS)
    names = [name for (head_task, name) in HEADS if head_task == task]
    if not isinstance(head, str) or head not in names:
        raise DataError(f"head {head!r} is not known for {task} (known: {', '.join(names)}).{nearest(head, names)}")
    return HEADS[task, head] if quantiles is None else _quantile(quantiles)
