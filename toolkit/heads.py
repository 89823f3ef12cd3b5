"""Heads: what a model's linear output means.

Loss, metric, decision rule and probabilities travel together, because they are wrong apart: accuracy of one logit has
its threshold at 0 and not at 0.5, and a margin is not a probability. A head is a value; a new one is a new `Head`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest

if TYPE_CHECKING:
    import keras

__all__ = ["DEFAULT_HEADS", "HEADS", "Head", "get_head"]


@dataclass(frozen=True)
class Head:
    """What the scores of a model mean for one task.

    Targets are class ids (multiclass), 0 and 1 (binary, multilabel) or standardised numbers (regression); a loss that
    wants -1 and +1 makes them itself.

    Attributes:
        name: The word a user types, such as ``"softmax"``.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        loss: Makes the Keras loss on raw scores; a cross-entropy's may take ``label_smoothing``.
        link: How scores become probabilities: ``"sigmoid"``, ``"softmax"``, or None where they don't.
        about: A sentence for the report: the loss in words.

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

    @property
    def metric(self) -> str:
        """The metric followed during training: ``rmse``, ``accuracy`` or ``hamming_loss``."""
        return {"regression": "rmse", "multilabel": "hamming_loss"}.get(self.task, "accuracy")

    @property
    def decision(self) -> str:
        """The decision rule in words."""
        return {
            "regression": "the score itself, back in the target's own units",
            "binary": "the second class where the score is above 0",
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
            None: "fitted on validation scores: a margin is not a probability",
        }[self.link]

    def decide(self, scores: NDArray[Any], threshold: float = 0.0) -> NDArray[Any]:
        """Turn raw scores (n, units) into decisions.

        Args:
            scores: Raw scores, shape (n, units).
            threshold: Above which score a row is of the second class; for binary only.

        Returns:
            Regression: the scores, (n, units). Binary: 0 or 1, (n,). Multiclass: class ids, (n,). Multilabel: 0 or 1,
            (n, labels).
        """
        if self.task == "regression":
            return scores
        if self.task == "multiclass":
            return scores.argmax(axis=1)
        if self.task == "binary":
            return (scores[:, 0] > threshold).astype(np.int64)
        return (scores > 0).astype(np.int64)

    def probabilities(self, scores: NDArray[Any]) -> NDArray[np.float64] | None:
        """Turn raw scores (n, units) into probabilities in float64, or None where the head has none.

        Args:
            scores: Raw scores, shape (n, units).

        Returns:
            Binary: (n,), of the second class. Multiclass: (n, classes), each row sums to 1. Multilabel: (n, labels).
        """
        if self.link is None:
            return None
        from scipy import special

        wide = scores.astype(np.float64)
        if self.link == "softmax":
            return special.softmax(wide, axis=1)
        probability = special.expit(wide)
        return probability[:, 0] if self.task == "binary" else probability

    def measure(self, y_true: NDArray[Any], scores: NDArray[Any], scale: NDArray[np.float64] | None = None) -> float:
        """Compute `metric` of encoded targets and raw scores, for the curve of an epoch.

        Args:
            y_true: Encoded targets.
            scores: Raw scores, shape (n, units).
            scale: Standard deviations that take regression scores back to the target's units, shape (units,).
        """
        if self.task == "regression":
            error = (scores.astype(np.float64) - y_true) * (1.0 if scale is None else scale)
            return float(np.sqrt(np.square(error).mean(axis=0)).mean())
        wrong = np.reshape(self.decide(scores), np.shape(y_true)) != y_true
        return float(wrong.mean()) if self.task == "multilabel" else float(1.0 - wrong.mean())

    def smoothed(self, share: float) -> keras.losses.Loss:
        """Return the loss with a share of each target spread over all classes, which only a cross-entropy has.

        Args:
            share: 0 to below 1; 0 is the loss itself.

        Raises:
            DataError: The share is out of its range, or the loss is no cross-entropy.

        References:
            Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016.
        """
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise DataError(f"label_smoothing={share!r}: expected a share from 0 to below 1.")
        if not share:
            return self.loss()
        if not self.can_be_smoothed:
            raise DataError(f"label_smoothing is for cross-entropy, and the loss of '{self.name}' is another.")
        return self.loss(label_smoothing=share)

    @property
    def can_be_smoothed(self) -> bool:
        """Whether the loss is a cross-entropy that takes ``label_smoothing``."""
        return "label_smoothing" in inspect.signature(self.loss).parameters

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        """Return the Keras metrics that understand this head's raw scores, for ``model.compile``."""
        import keras

        if self.task == "regression":
            return [keras.metrics.RootMeanSquaredError(name="rmse")]
        if self.task == "multiclass":
            return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
        return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)]


def _squared() -> keras.losses.Loss:
    import keras

    return keras.losses.MeanSquaredError()


def _absolute() -> keras.losses.Loss:
    import keras

    return keras.losses.MeanAbsoluteError()


def _huber() -> keras.losses.Loss:
    import keras

    return keras.losses.Huber()


def _logistic(label_smoothing: float = 0.0) -> keras.losses.Loss:
    import keras

    return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)


def _softmax(label_smoothing: float = 0.0) -> keras.losses.Loss:
    import keras

    if label_smoothing:  # Keras has none on class ids
        from toolkit.losses import SoftmaxCrossentropy

        return SoftmaxCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _binary_hinge() -> keras.losses.Loss:
    from toolkit.losses import BinaryHinge

    return BinaryHinge()


def _binary_squared_hinge() -> keras.losses.Loss:
    from toolkit.losses import BinaryHinge

    return BinaryHinge(squared=True)


def _squared_sigmoid() -> keras.losses.Loss:
    from toolkit.losses import SquaredSigmoid

    return SquaredSigmoid()


def _multiclass_hinge() -> keras.losses.Loss:
    from toolkit.losses import MulticlassHinge

    return MulticlassHinge()


def _multiclass_squared_hinge() -> keras.losses.Loss:
    from toolkit.losses import MulticlassHinge

    return MulticlassHinge(squared=True)


_CROSS_ENTROPY = "cross-entropy, computed from the raw scores (logits)"

_MARGIN = "max-margin (hinge, SVM): the distance by which {} misses a lead of 1{}"
_ONE, _SUM = "the score", "the true class's score over each wrong one's"

#: Every head by task and word; the first of a task is its default.
HEADS: dict[tuple[str, str], Head] = {
    (head.task, head.name): head
    for head in (
        Head("squared", "regression", _squared, None, "mean squared error of the standardised target"),
        Head("absolute", "regression", _absolute, None, "mean absolute error of the standardised target"),
        Head(
            "huber",
            "regression",
            _huber,
            None,
            "Huber loss of the standardised target: squared up to one standard deviation of the target, linear beyond",
        ),
        Head("logistic", "binary", _logistic, "sigmoid", _CROSS_ENTROPY),
        Head("hinge", "binary", _binary_hinge, None, _MARGIN.format(_ONE, "")),
        Head("squared_hinge", "binary", _binary_squared_hinge, None, _MARGIN.format(_ONE, ", squared")),
        Head(
            "squared_sigmoid",
            "binary",
            _squared_sigmoid,
            "sigmoid",
            "squared error of the sigmoid, whose gradient dies where the score is wrong and large: for comparison only",
        ),
        Head("softmax", "multiclass", _softmax, "softmax", _CROSS_ENTROPY),
        Head("hinge", "multiclass", _multiclass_hinge, None, _MARGIN.format(_SUM, ", summed")),
        Head("squared_hinge", "multiclass", _multiclass_squared_hinge, None, _MARGIN.format(_SUM, ", squared, summed")),
        Head("logistic", "multilabel", _logistic, "sigmoid", f"{_CROSS_ENTROPY}, averaged over the labels"),
        Head("hinge", "multilabel", _binary_hinge, None, _MARGIN.format(f"{_ONE} of each label", "")),
        Head(
            "squared_hinge",
            "multilabel",
            _binary_squared_hinge,
            None,
            _MARGIN.format(f"{_ONE} of each label", ", squared"),
        ),
    )
}

DEFAULT_HEADS = {"regression": "squared", "binary": "logistic", "multiclass": "softmax", "multilabel": "logistic"}


def get_head(task: str, head: str | Head) -> Head:
    """Return the head of a task by its word, or the given `Head` itself.

    Args:
        task: The task.
        head: A word of `HEADS`, or a `Head` of this task.

    Raises:
        DataError: The word is unknown for this task, or the head is for another task.
    """
    if isinstance(head, Head):
        if head.task != task:
            raise DataError(f"head '{head.name}' is for {head.task}, and this is {task}.")
        return head
    known = [name for (of, name) in HEADS if of == task]
    if head not in known:
        raise DataError(f"head {head!r} is not one for {task} (known: {', '.join(known)}).{nearest(head, known)}")
    return HEADS[task, head]
