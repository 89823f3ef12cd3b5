"""The losses that Keras lacks or gets wrong, as Keras ``Loss`` classes on raw scores.

They work in plain Keras (``model.compile(loss=MulticlassHinge())``), are saved with the model and take sample weights.
``reduction``, ``name`` and ``dtype`` are those of every Keras loss; a 16-bit loss is computed in float32. Where every
margin is met, a hinge and its gradient are exactly 0. For finite scores and valid labels a loss is never NaN, and it is
infinite only where the true value does not fit its type.

A label in an array or a list that is not a class id, or not one of the two declared ones, is an error. A compiled
function can raise none: there the loss of such a row is NaN, and its gradient 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from toolkit.common.checks import check_quantiles
from toolkit.common.errors import DataError

__all__ = [
    "BinaryHinge",
    "MulticlassHinge",
    "OrdinalCrossentropy",
    "PinballLoss",
    "SoftmaxCrossentropy",
    "SquaredSigmoid",
]

_PACKAGE = "logitkit"
# Rows are summed at this scale, a power of two and so exact: a sum of up to 16 million rows can't overflow.
_SCALE = 2.0**-24
_HALVES = ("float16", "bfloat16")


class _ScoreLoss(keras.losses.Loss):
    """A loss of raw scores (n, units), written row by row in `_rows`, and computed in float32 at least.

    Keras casts the targets to the loss's type before it calls it: float16 rounds class ids above 2,048, bfloat16 those
    above 256. A 16-bit loss therefore works in float32 and returns its result in 16 bits.
    """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss, in this loss's type."""
        self._check_shapes(y_true, y_pred)
        if isinstance(y_true, np.ndarray | list | tuple):
            labels = np.asarray(y_true)
            if labels.dtype.kind not in "biuf":
                raise DataError(f"labels are {labels.dtype}; expected numbers. Encode them first.")
            self._check_labels(labels, np.shape(y_pred)[-1] + self._above)
        reduced = _Reduction(self, sample_weight)(y_true, y_pred, sample_weight)
        return ops.cast(reduced / _SCALE, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, shape (n,), in the type of the scores."""
        y_pred, y_true = _as_tensor(y_pred), _as_tensor(y_true)
        self._check_shapes(y_true, y_pred)
        # One target: (n,) or (n, 1) -> (n,). Values per unit: (n,) or (n, units) -> (n, units).
        y_true = ops.reshape(y_true, (-1,) if self._target else ops.shape(y_pred))
        dtype = keras.backend.standardize_dtype(y_pred.dtype)
        return ops.cast(self._rows(y_true, ops.cast(y_pred, _wide(dtype))), dtype)

    from_logits = True  # for the audit: it takes raw scores
    _target = "integer class ids"  # the target of each row; empty where each score has its own
    _fewest = 2  # scores
    _above = 0  # classes that have no score

    def _check_shapes(self, y_true: Any, y_pred: Any) -> None:
        _check_shapes(y_true, y_pred, self._target, self._fewest)

    def _rows(self, y_true: Any, scores: Any) -> Any:
        raise NotImplementedError

    def _check_labels(self, labels: np.ndarray, units: int) -> None:
        wrong = labels[~((labels >= 0) & (labels < units) & (labels == np.floor(labels)))]
        if wrong.size:
            raise DataError(f"label {wrong[0]} is not a class id: expected whole numbers from 0 to {units - 1}.")

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "dtype": self.dtype}


class _Reduction(keras.losses.Loss):
    """Keras's weights, mask and reduction around the rows of a `_ScoreLoss`, scaled so that they don't overflow."""

    def __init__(self, loss: _ScoreLoss, sample_weight: Any) -> None:
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=_wide(loss.dtype))
        self._loss, self._weight = loss, sample_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        rows = self._loss.call(y_true, y_pred) * _SCALE
        if self._weight is None:
            return rows
        weight = ops.convert_to_tensor(self._weight, dtype=rows.dtype)
        # (n, 1) -> (n,), as the rows: (n, 1) against (n,) would broadcast to (n, n).
        if len(weight.shape) == 2:
            weight = ops.squeeze(weight, axis=-1)
        return ops.where(weight == 0, 0.0, rows)  # a row of weight 0 does not count, even where it is infinite


@keras.saving.register_keras_serializable(_PACKAGE)
class MulticlassHinge(_ScoreLoss):
    """Multiclass max-margin loss of Weston and Watkins (1999): a sum over the wrong classes.

    ``sum over j != y of max(0, scores[j] - scores[y] + delta)``, squared term by term if asked. Adding a constant to
    all scores changes nothing. At scores near 0 its value is ``classes - 1`` (for delta 1). Its gradient is 1 for each
    wrong class inside the margin (for squared, twice its term) and minus their sum for the true class.

    It gives no probabilities: use `SoftmaxCrossentropy` where they matter.

    Args:
        delta: The margin by which the true class's score must lead, above 0. Terms are exact to 6e-8 of it, or of the
            difference where that is larger.
        squared: Square each term: smooth at the margin, and larger penalties for large violations.
        options: ``reduction``, ``name`` and ``dtype``.

    Call with ``y_true`` of shape (n,) or (n, 1), integer class ids, and ``y_pred`` of shape (n, classes), raw scores.

    Raises:
        DataError: The margin is not above 0, shapes don't fit, or labels are not class ids.

    Example:
        >>> loss = MulticlassHinge()
        >>> round(float(loss([0, 1, 2], [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])), 4)
        5.2667

    References:
        Weston and Watkins 1999, Support vector machines for multi-class pattern recognition.
        Hantehzadeh, Machine Learning using Python, week 2 (its example's mean is 5.2667: the slide forgets a +1).
    """

    def __init__(self, delta: float = 1.0, squared: bool = False, **options: Any) -> None:
        super().__init__(**{"name": "multiclass_hinge"} | options)
        self.delta = _margin(delta)
        self.squared = bool(squared)

    def _rows(self, y_true: Any, scores: Any) -> Any:
        ids, valid, true_score = _true_class(y_true, scores)
        # scores (n, classes) - true scores (n, 1) -> (n, classes). The true class is masked and not subtracted from the
        # sum: 1 subtracted from 1e30 would be lost.
        true = ops.equal(ops.expand_dims(ids, -1), ops.arange(scores.shape[-1], dtype="int32"))
        # Scores 3.2, 5.1, -1.7 of a row of class 0, delta 1 -> margins 0, 2.9, 0 -> loss 2.9.
        margins = ops.where(true, 0.0, ops.relu((scores - ops.expand_dims(true_score, -1)) + self.delta))
        return _or_nan(valid, ops.sum(ops.square(margins) if self.squared else margins, axis=-1))

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "delta": self.delta, "squared": self.squared}


@keras.saving.register_keras_serializable(_PACKAGE)
class BinaryHinge(_ScoreLoss):
    """Max-margin loss of one score, or of one score per label: ``max(0, delta - y * score)`` with y = -1 or +1.

    It gives no probabilities. For one of several classes use `MulticlassHinge`.

    Args:
        delta: The margin, above 0. Terms are exact to 6e-8 of it, or of the score where that is larger.
        squared: Square the term.
        labels: How the targets are written: ``"01"`` or ``"-1+1"``. It is not guessed from a batch.
        options: ``reduction``, ``name`` and ``dtype``.

    Call with ``y_true`` and ``y_pred`` of shape (n, units), or (n,) and (n, 1); several labels are averaged, as Keras
    does.

    Raises:
        DataError: The margin is not above 0, shapes don't fit, or labels are not the declared ones.

    Example:
        >>> round(float(BinaryHinge()([[1.0], [0.0]], [[0.3], [-2.0]])), 4)  # (0.7 + 0) / 2
        0.35

    References:
        Cortes and Vapnik 1995, Support-vector networks.
        Machine Learning: Neural Network, IIIT Sri City.
    """

    _target, _fewest = "", 1

    def __init__(self, delta: float = 1.0, squared: bool = False, labels: str = "01", **options: Any) -> None:
        super().__init__(**{"name": "binary_hinge"} | options)
        if labels not in ("01", "-1+1"):
            raise DataError(f"labels={labels!r}: expected '01' or '-1+1', the way the targets are written.")
        self.delta = _margin(delta)
        self.squared = bool(squared)
        self.labels = labels

    def _rows(self, y_true: Any, scores: Any) -> Any:
        y_true = ops.cast(y_true, scores.dtype)
        # 0, 1 -> -1, +1. Any other label gives another sign, and the loss of its row is NaN.
        sign = 2 * y_true - 1 if self.labels == "01" else y_true
        terms = ops.relu(self.delta - sign * scores)  # (n, units)
        # Divided before they are squared and added up: a mean that fits must not overflow on its way.
        shares = terms / scores.shape[-1]
        return _or_nan(
            ops.all(ops.abs(sign) == 1, axis=-1), ops.sum(shares * terms if self.squared else shares, axis=-1)
        )

    def _check_labels(self, labels: np.ndarray, units: int) -> None:
        first = 0 if self.labels == "01" else -1
        wrong = labels[(labels != first) & (labels != 1)]
        if wrong.size:
            alternative = "-1+1" if self.labels == "01" else "01"
            raise DataError(
                f"label {wrong[0]} is neither {first} nor 1, as labels='{self.labels}' declares "
                f"(labels='{alternative}' takes {-1 - first} and 1)."
            )

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "delta": self.delta, "squared": self.squared, "labels": self.labels}


@keras.saving.register_keras_serializable(_PACKAGE)
class SoftmaxCrossentropy(_ScoreLoss):
    """Cross-entropy of softmax scores with integer labels and label smoothing, computed from the logits.

    ``logsumexp(scores) - sum over j of q[j] * scores[j]`` where q is ``1 - label_smoothing`` on the true class plus
    ``label_smoothing / classes`` on each. At scores near 0 its value is ``ln(classes)``. Its gradient is
    ``softmax(scores) - q``.

    Args:
        label_smoothing: Share of the target spread evenly over all classes, 0 to below 1.
        options: ``reduction``, ``name`` and ``dtype``.

    Call with ``y_true`` of shape (n,) or (n, 1), integer class ids, and ``y_pred`` of shape (n, classes), raw scores.

    Raises:
        DataError: The share is out of its range, shapes don't fit, or labels are not class ids.

    Example:
        >>> round(float(SoftmaxCrossentropy()([0], [[3.2, 5.1, -1.7]])), 4)
        2.0404

    References:
        Szegedy et al. 2016, Rethinking the Inception architecture (label smoothing).
        Shin, Machine Learning 07, HBNU (numerically accurate logits).
    """

    def __init__(self, label_smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**{"name": "softmax_crossentropy"} | options)
        if not _is_number(label_smoothing) or not 0 <= label_smoothing < 1:
            raise DataError(f"label_smoothing={label_smoothing!r}: expected a share from 0 to below 1.")
        self.label_smoothing = float(label_smoothing)

    def _rows(self, y_true: Any, scores: Any) -> Any:
        _, valid, true_score = _true_class(y_true, scores)
        # total = logsumexp(scores) - largest, shape (n,). Shifted by the largest score, exp doesn't overflow; the shift
        # cancels, and so does its gradient.
        largest = ops.stop_gradient(ops.max(scores, axis=-1))
        # The largest power is exp(0) = 1, so the sum lies between 1 and the number of classes.
        total = ops.log(ops.sum(ops.exp(scores - ops.expand_dims(largest, -1)), axis=-1))
        # total and largest - true_score are both at least 0: adding them cancels no digits.
        if not self.label_smoothing:
            return _or_nan(valid, total + (largest - true_score))
        # The loss is logsumexp(scores) - sum of q * scores; q is 1 - e on the true class, plus e / classes on each.
        # Halves, since a difference of two huge scores may not fit where its share does.
        behind = largest / 2 - true_score / 2
        all_behind = ops.expand_dims(largest / 2, -1) - scores / 2
        # (n, classes) -> (n,): each class gets label_smoothing / classes; the factor 2 undoes the halves.
        even = ops.sum(all_behind * (2 * self.label_smoothing / scores.shape[-1]), axis=-1)
        return _or_nan(valid, total + 2 * (1 - self.label_smoothing) * behind + even)

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(_PACKAGE)
class OrdinalCrossentropy(_ScoreLoss):
    """Cross-entropy of classes in order, from cumulative logits: score k is the logit of being above class k.

    The probability of class k is ``sigmoid(scores[k - 1]) - sigmoid(scores[k])``, with 1 below the first class and 0
    above the last; the loss is minus its logarithm. Scores fall from the first to the last. Where two neighbors lie
    closer than 0.01, or cross, the loss goes on as a straight line that pulls them apart, and stays finite.

    Where all scores of a row are one number minus a threshold for each, which is the same for all rows, this is the
    proportional-odds model.

    Args:
        options: ``reduction``, ``name`` and ``dtype``.

    Call with ``y_true`` of shape (n,) or (n, 1), integer class ids, and ``y_pred`` of shape (n, classes - 1).

    Raises:
        DataError: Shapes don't fit, or labels are not class ids.

    Example:
        >>> round(float(OrdinalCrossentropy()([1], [[1.0, -1.0]])), 4)  # -log(0.7311 - 0.2689)
        0.7719

    References:
        McCullagh, Regression Models for Ordinal Data, Journal of the Royal Statistical Society B 42, 1980.
    """

    _fewest, _above = 1, 1
    _closest = 0.01

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"name": "ordinal_crossentropy"} | options)

    def _rows(self, y_true: Any, scores: Any) -> Any:
        units = scores.shape[-1]
        ids, valid = _class_ids(y_true, units + 1)
        # With a = scores[k - 1] and b = scores[k]: sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),
        # a product whose logarithm loses no digits. The first class has no a, the last no b.
        has_a, has_b = ids > 0, ids < units
        a, b = (
            ops.squeeze(ops.take_along_axis(scores, ops.expand_dims(ops.clip(at, 0, units - 1), -1), axis=-1), axis=-1)
            for at in (ids - 1, ids)
        )
        gap = ops.where(has_a & has_b, a - b, 50.0)
        inside = ops.clip(gap, self._closest, 50.0)  # where exp(-gap) is nothing beside 1, and its gradient 0
        apart = -ops.log(-ops.expm1(-inside)) + ops.relu(self._closest - gap) / np.expm1(self._closest)
        return _or_nan(valid, ops.where(has_a, ops.softplus(-a), 0.0) + ops.where(has_b, ops.softplus(b), 0.0) + apart)


@keras.saving.register_keras_serializable(_PACKAGE)
class PinballLoss(_ScoreLoss):
    """Pinball loss of several quantiles of one number, a score for each: what quantile regression minimizes.

    The mean over the quantiles of ``max(q * (y - score), (q - 1) * (y - score))``: a score below the number costs q for
    each unit, one above it 1 - q, so that the loss is lowest where a share q of the numbers lies below the score. For
    q = 0.5 it is half the absolute error. Scores of a row may cross; `Head.decide` sorts them.

    Args:
        quantiles: Two or more rising shares between 0 and 1, one for each score.
        options: ``reduction``, ``name`` and ``dtype``.

    Call with ``y_true`` of shape (n,) or (n, 1), numbers, and ``y_pred`` of shape (n, quantiles).

    Raises:
        DataError: The quantiles don't rise between 0 and 1, or shapes don't fit.

    Example:
        >>> float(PinballLoss((0.25, 0.75))([[4.0]], [[2.0, 5.0]]))  # (0.25 * 2 + 0.25 * 1) / 2
        0.375

    References:
        Koenker and Bassett, Regression Quantiles, Econometrica 46, 1978.
    """

    _target = "numbers"

    def __init__(self, quantiles: Sequence[float] = (0.05, 0.5, 0.95), **options: Any) -> None:
        super().__init__(**{"name": "pinball"} | options)
        self.quantiles = check_quantiles(quantiles)

    def _rows(self, y_true: Any, scores: Any) -> Any:
        # Halves, since a difference of two huge numbers may not fit where its share does: (n, 1) - (n, quantiles).
        error = ops.expand_dims(ops.cast(y_true, scores.dtype), -1) / 2 - scores / 2
        shares = ops.convert_to_tensor(np.array(self.quantiles) * 2 / len(self.quantiles), dtype=scores.dtype)
        return ops.sum(ops.maximum(shares * error, (shares - 2 / len(self.quantiles)) * error), axis=-1)

    def _check_shapes(self, y_true: Any, y_pred: Any) -> None:
        super()._check_shapes(y_true, y_pred)
        if np.shape(y_pred)[-1] != len(self.quantiles):
            raise DataError(f"scores have shape {tuple(np.shape(y_pred))}; expected (n, {len(self.quantiles)}).")

    def _check_labels(self, labels: np.ndarray, units: int) -> None:
        pass

    def get_config(self) -> dict[str, Any]:
        """Return what rebuilds this loss."""
        return {**super().get_config(), "quantiles": list(self.quantiles)}


@keras.saving.register_keras_serializable(_PACKAGE)
class SquaredSigmoid(keras.losses.Loss):
    """Squared error of the sigmoid of one score: the loss not to use, kept to show why.

    Its gradient has the factor ``p * (1 - p)``, so that a row that is confidently wrong hardly moves the weights. Use
    ``keras.losses.BinaryCrossentropy(from_logits=True)``.

    Call with ``y_true`` of 0 and 1 and ``y_pred`` raw scores, both of shape (n, units).

    Example:
        >>> round(float(SquaredSigmoid()([[1.0]], [[0.0]])), 4)
        0.25
    """

    from_logits = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"name": "squared_sigmoid"} | options)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row, shape (n,): the mean over its scores."""
        y_pred = _as_tensor(y_pred)
        return ops.mean(ops.square(ops.sigmoid(y_pred) - ops.cast(_as_tensor(y_true), y_pred.dtype)), axis=-1)


def _as_tensor(value: Any) -> Any:
    """Return an array, a list or a variable as a tensor."""
    tensor = ops.convert_to_tensor(value)
    # Keras returns a tf.Variable as it is, and some of its operations then fail: the variable has no `ndim`.
    return tensor.read_value() if hasattr(tensor, "read_value") else tensor


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _margin(delta: float) -> float:
    if not _is_number(delta) or not 0 < delta < float("inf"):
        raise DataError(f"delta={delta!r}: expected a margin, a number above 0.")
    return float(delta)


def _wide(dtype: str) -> str:
    return "float32" if dtype in _HALVES else dtype


def _check_shapes(y_true: Any, y_pred: Any, target: str, fewest: int) -> None:
    labels, scores = tuple(np.shape(y_true)), tuple(np.shape(y_pred))
    if len(scores) != 2 or scores[-1] is None:
        raise DataError(f"scores have shape {scores}; expected (n, {'classes' if target else 'units'}).")
    if scores[-1] < fewest:
        raise DataError(f"scores have shape {scores}; expected (n, classes) with {fewest} classes or more.")
    # (n,) or (n, 1) where a row has one target, (n, units) where it has several.
    expected = [scores[:1], (scores[0], 1)] if target or scores[-1] == 1 else [scores]
    if not any(_fit(labels, shape) for shape in expected):
        shapes = f"(n,) or (n, 1), {target}" if target else "the same"
        raise DataError(f"labels have shape {labels} and scores {scores}; expected labels of shape {shapes}.")


def _fit(shape: tuple[int | None, ...], expected: tuple[int | None, ...]) -> bool:
    """Return whether two shapes can be equal, where None is any number of rows."""
    return len(shape) == len(expected) and all(
        a == b or a is None or b is None for a, b in zip(shape, expected, strict=True)
    )


def _true_class(y_true: Any, scores: Any) -> tuple[Any, Any, Any]:
    """Return class ids clipped to the range, whether each is valid, and the true class's score: all of shape (n,)."""
    ids, valid = _class_ids(y_true, scores.shape[-1])
    # Read by position and not by a product with a one-hot row: a score of infinity times 0 is NaN.
    return ids, valid, ops.squeeze(ops.take_along_axis(scores, ops.expand_dims(ids, -1), axis=-1), axis=-1)


def _class_ids(y_true: Any, classes: int) -> tuple[Any, Any]:
    """Return class ids clipped to the range, and whether each is valid: both of shape (n,)."""
    ids = ops.cast(y_true, "int32")
    # The last test finds fractions: 1.5 is cast to 1, and back to 1.0.
    valid = (ids >= 0) & (ids < classes) & (ops.cast(ids, y_true.dtype) == y_true)
    # Out of range, an index raises an error on a CPU and reads 0 on a GPU. Such a row becomes NaN, by `valid`.
    return ops.clip(ids, 0, classes - 1), valid


def _or_nan(valid: Any, rows: Any) -> Any:
    return ops.where(valid, rows, float("nan"))
