"""The losses that Keras lacks or gets wrong, as Keras ``Loss`` classes on raw scores.

They work in plain Keras (``model.compile(loss=MulticlassHinge())``), serialise with the model, take sample weights,
and are exactly 0, with a gradient of exactly 0, where every margin is met.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["BinaryHinge", "MulticlassHinge", "SoftmaxCrossentropy"]

_PACKAGE = "logitkit"


@keras.saving.register_keras_serializable(_PACKAGE)
class MulticlassHinge(keras.losses.Loss):
    """Multiclass max-margin loss of Weston and Watkins (1999): a sum over the wrong classes.

    ``sum over j != y of max(0, scores[j] - scores[y] + delta)``, squared term by term if asked. Adding a constant to
    all scores changes nothing. At scores near 0 its value is ``classes - 1`` (for delta 1).

    Args:
        delta: The margin by which the true class's score shall lead, above 0.
        squared: Square each term: smooth at the margin, harder on large violations.
        reduction: As in every Keras loss.
        name: As in every Keras loss.
        dtype: As in every Keras loss.

    Call with ``y_true`` of shape (n,) or (n, 1), integer class ids, and ``y_pred`` of shape (n, classes), raw scores.

    Example:
        >>> loss = MulticlassHinge()
        >>> round(float(loss([0, 1, 2], [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])), 4)
        5.2667

    References:
        Weston and Watkins 1999, Support vector machines for multi-class pattern recognition.
        Hantehzadeh, Machine Learning using Python, week 2 (its example's mean is 5.2667: the slide forgets a +1).
    """

    def __init__(
        self,
        delta: float = 1.0,
        squared: bool = False,
        reduction: str = "sum_over_batch_size",
        name: str = "multiclass_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.delta = _margin(delta)
        self.squared = squared

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, shape (n,)."""
        y_true, y_pred = _ids_and_scores(y_true, y_pred)
        true = ops.one_hot(y_true, y_pred.shape[-1], dtype=y_pred.dtype)
        # The true score is read by its place, not by a product with the one-hot: an infinite score times 0 is NaN.
        own = ops.take_along_axis(y_pred, ops.expand_dims(y_true, -1), axis=-1)
        margins = ops.where(true > 0, ops.zeros_like(y_pred), ops.relu(y_pred - own + self.delta))
        return ops.sum(ops.square(margins) if self.squared else margins, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "delta": self.delta, "squared": self.squared}


@keras.saving.register_keras_serializable(_PACKAGE)
class BinaryHinge(keras.losses.Loss):
    """Max-margin loss of one score, or of one score per label: ``max(0, delta - y * score)`` with y = -1 or +1.

    Args:
        delta: The margin, above 0.
        squared: Square the term.
        labels: How the targets are written: ``"01"`` or ``"-1+1"``. Declared, never guessed from a batch.
        reduction: As in every Keras loss.
        name: As in every Keras loss.
        dtype: As in every Keras loss.

    Call with ``y_true`` and ``y_pred`` of shape (n, units); several labels are averaged, as Keras does.

    Example:
        >>> round(float(BinaryHinge()([[1.0], [0.0]], [[0.3], [-2.0]])), 4)  # (0.7 + 0) / 2
        0.35

    References:
        Cortes and Vapnik 1995, Support-vector networks.
        Machine Learning: Neural Network, IIIT Sri City.
    """

    def __init__(
        self,
        delta: float = 1.0,
        squared: bool = False,
        labels: str = "01",
        reduction: str = "sum_over_batch_size",
        name: str = "binary_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if labels not in ("01", "-1+1"):
            raise ValueError(f"labels={labels!r}: expected '01' or '-1+1'.")
        self.delta = _margin(delta)
        self.squared = squared
        self.labels = labels

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, shape (n,): the mean over its scores."""
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        sign = 2 * y_true - 1 if self.labels == "01" else y_true
        terms = ops.relu(self.delta - sign * y_pred)
        return ops.mean(ops.square(terms) if self.squared else terms, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "delta": self.delta, "squared": self.squared, "labels": self.labels}


@keras.saving.register_keras_serializable(_PACKAGE)
class SoftmaxCrossentropy(keras.losses.Loss):
    """Cross-entropy of softmax scores with integer labels and label smoothing, computed from the logits.

    ``logsumexp(scores) - sum over j of q[j] * scores[j]`` where q is ``1 - label_smoothing`` on the true class plus
    ``label_smoothing / classes`` on each. Shifted by the largest score, so it neither overflows nor loses digits.

    Args:
        label_smoothing: Share of the target spread evenly over all classes, 0 to below 1.
        reduction: As in every Keras loss.
        name: As in every Keras loss.
        dtype: As in every Keras loss.

    Call with ``y_true`` of shape (n,) or (n, 1), integer class ids, and ``y_pred`` of shape (n, classes), raw scores.

    Example:
        >>> round(float(SoftmaxCrossentropy()([0], [[3.2, 5.1, -1.7]])), 4)
        2.0404

    References:
        Szegedy et al. 2016, Rethinking the Inception architecture (label smoothing).
        Shin, Machine Learning 07, HBNU (numerically accurate logits).
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "softmax_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing={label_smoothing!r}: expected a share from 0 to below 1.")
        self.label_smoothing = float(label_smoothing)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, shape (n,)."""
        y_true, y_pred = _ids_and_scores(y_true, y_pred)
        shifted = y_pred - ops.stop_gradient(ops.max(y_pred, axis=-1, keepdims=True))
        total = ops.log(ops.sum(ops.exp(shifted), axis=-1))
        own = ops.squeeze(ops.take_along_axis(shifted, ops.expand_dims(y_true, -1), axis=-1), axis=-1)
        loss = total - own
        if self.label_smoothing:
            even = total - ops.mean(shifted, axis=-1)
            loss = (1 - self.label_smoothing) * loss + self.label_smoothing * even
        return loss

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def _margin(delta: float) -> float:
    if not 0 < delta < float("inf"):
        raise ValueError(f"delta={delta!r}: expected a margin above 0.")
    return float(delta)


def _ids_and_scores(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_pred = ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) != 2 or y_pred.shape[-1] < 2:
        raise ValueError(f"scores have shape {tuple(y_pred.shape)}; expected (n, classes) with 2 classes or more.")
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == 2 and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_true.shape) != 1:
        raise ValueError(f"labels have shape {tuple(y_true.shape)}; expected (n,) or (n, 1), integer class ids.")
    return ops.cast(y_true, "int32"), y_pred
