"""The audit of a Keras model or a run: do output, loss and metrics fit, and do probabilities cost digits?

It shows on the model's scores what a loss loses that is computed from probabilities instead of raw scores (logits).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent
from toolkit.data.inputs import batches
from toolkit.evaluation.result import Result
from toolkit.numerics.compiled import Finding, name_of, outputs_of, snake_case
from toolkit.numerics.gradients import targets_for

if TYPE_CHECKING:
    import keras

__all__ = ["Audit", "Finding", "audit"]

TYPES = ("float32", "bfloat16", "float16")
_SEVERITIES = ("error", "warning", "note", "good")

# The ways of computing the loss.
_FROM_LOGITS = "logits, float32"
_BY_PROBABILITY = "probabilities, then log, float32"
_CLIPPED = "probabilities, clipped as Keras does, then log, float32"
_FLOAT32 = "scores, float32"
_REFERENCE = "float64 reference"


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        findings: The findings, the most severe first.
        table: One row per way of computing the loss of the model's scores, the last the float64 reference: ``loss``
            (mean), ``loss_error`` and ``gradient_error`` (the largest finite error, divided by max(1, true value); the
            gradient of a row is with respect to its scores), and the number of rows whose loss is ``infinite`` or
            ``nan``, or whose gradient is ``gradient_lost``: not finite, or exactly 0 though it should be above 0.001.
            Empty without rows.
        saturation: One row per type: the share of probabilities that are exactly ``zero`` or exactly ``one`` in it,
            their sum (``saturated``), and the share of ``rows`` with such a probability. Empty without probabilities.
        rows: Number of rows that were scored.
    """

    findings: list[Finding]
    table: pd.DataFrame
    saturation: pd.DataFrame
    rows: int

    @property
    def problems(self) -> list[Finding]:
        """The findings that are warnings or errors."""
        return [finding for finding in self.findings if finding.severity in ("warning", "error")]

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain values for strict JSON: a number that is not finite is None."""
        return {
            "rows": self.rows,
            "findings": [{"kind": f.kind, "severity": f.severity, "text": f.text} for f in self.findings],
            "table": _records(self.table),
            "saturation": _records(self.saturation),
        }


@dataclass(frozen=True)
class _Scored:
    """Scores of a model, shape (rows, units), with their loss and targets; None where there are none."""

    loss: Any
    link: str | None
    scores: NDArray[Any] | None
    y: Any
    is_probability: bool = False


def audit(
    subject: Result | keras.Model | Any, x: Any = None, y: NDArray[Any] | None = None, *, cells: int = 4_000_000
) -> Audit:
    """Find where a model's output, loss and metrics don't fit each other, and which digits probabilities would lose.

    Args:
        subject: A run or its result, or any Keras model, compiled or not. A result has the scores of its test part,
            unless it was loaded from a file.
        x: Rows to score. For a run, what ``run.predict`` takes; for a model, its inputs.
        y: Their targets as the loss takes them: class ids, 0 and 1, or numbers (for a run: encoded); with `x` only.
        cells: Largest number of the test part's scores to use; with thousands of classes, some of its rows are enough.

    Returns:
        The audit. Without rows it has findings only.

    Raises:
        DataError: `y` without `x`, or of another length.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
        >>> model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
        >>> print(audit(model).findings[0])
        error: the last layer applies a sigmoid and the loss takes raw scores (from_logits=True), so that the sigmoid
        is applied twice unless Keras finds the scores behind it: remove the activation (activation=None).

    References:
        Shin, Machine Learning 07, HBNU (numerically accurate logits).
        Goldberg 1991, What every computer scientist should know about floating-point arithmetic.
    """
    if y is not None and (x is None or len(x) != len(y)):
        raise DataError(
            f"y has {len(y)} rows and x {'is missing' if x is None else f'has {len(x)}'}: give both, of one length."
        )
    subject = getattr(subject, "result", subject)  # a run holds its result
    if not isinstance(subject, Result) and not hasattr(subject, "layers"):
        raise DataError(f"{subject!r} can't be audited; expected a run, its result or a Keras model.")
    result = subject if isinstance(subject, Result) else None
    model: Any = subject if result is None else result.model
    outputs = list(outputs_of(model, y, None if result is None else result.head))
    findings = [finding for output in outputs for finding in output.findings()]
    if result is not None:
        scored = _scored_by_result(result, x, y, cells)
        if result.head.link is None:
            text = f"the loss takes {result.head.meaning} and no probability, so nothing can saturate."
            findings.append(Finding("saturation", "note", text))
    else:
        scores = np.asarray(model.predict(x, verbose=0)) if x is not None and len(outputs) == 1 else None
        scores = None if scores is None or scores.ndim != 2 else scores
        is_probability = outputs[0].activation in ("sigmoid", "softmax")
        scored = _Scored(outputs[0].loss, outputs[0].link, scores, y, is_probability)

    table, saturation, scores = pd.DataFrame(), pd.DataFrame(), scored.scores
    if scores is not None:
        if scored.link is not None or scored.is_probability:
            saturation = _saturation(scores, None if scored.is_probability else scored.link)
            findings.append(_about_saturation(saturation, len(scores), scored.is_probability))
        if scored.y is not None and _is_by_row(scored.loss) and not scored.is_probability:
            table = _losses_by_way(scored.loss, scored.link, scored.y, scores)
            findings += _about_table(table, len(scores))
    # A stable sort: findings of one severity stay in their order.
    findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))
    return Audit(findings, table, saturation, 0 if scores is None else len(scores))


def _scored_by_result(result: Result, x: Any, y: Any, cells: int) -> _Scored:
    """Return the scores of the rows given, or of the test part: all of it, or rows at even distances."""
    outcome = result.outcome
    if x is not None:
        scores = np.concatenate([result.raw_scores(batch) for batch in batches(result.preprocessing, x)])
    elif outcome is None or outcome.scores is None:
        scores = None
    else:
        rows = len(outcome.scores)
        count = min(max(1, cells // result.target.units), rows)
        chosen = np.linspace(0, rows - 1, count).round().astype(int)
        scores, y = outcome.scores[chosen], _encoded(result, outcome.y_true)[chosen]
    return _Scored(result.head.loss(), result.head.link, scores, y)


def _encoded(result: Result, truth: NDArray[Any]) -> NDArray[Any]:
    """Return the targets of a result's test part, as its loss takes them."""
    if result.task == "regression":
        return result.target.encode(pd.DataFrame(truth, columns=pd.Index(result.target.columns)))
    return truth[:, None] if result.task == "binary" else truth


def _saturation(scores: NDArray[Any], link: str | None) -> pd.DataFrame:
    """Return the share of exact 0 and 1 among probabilities rounded to each type; without a link, scores are them."""
    import tensorflow as tf
    from scipy import special

    exact = scores.astype(np.float64)
    if link is not None:
        exact = special.softmax(exact, axis=-1) if link == "softmax" else special.expit(exact)
    exact = exact.reshape(len(exact), -1)
    rows = []
    for kind in TYPES:
        # To the type and back: NumPy has no bfloat16.
        rounded = tf.cast(tf.cast(exact, kind), tf.float64).numpy()
        zero, one = rounded == 0, rounded == 1
        rows.append((zero.mean(), one.mean(), (zero | one).mean(), (zero | one).any(axis=1).mean()))
    columns = ["zero", "one", "saturated", "rows"]
    return pd.DataFrame(rows, index=pd.Index(TYPES, name="type"), columns=columns, dtype=float)


def _about_saturation(saturation: pd.DataFrame, rows: int, is_probability: bool) -> Finding:
    shares = saturation["saturated"]
    listed = ", ".join(f"{percent(shares[kind])} in {kind}" for kind in TYPES)
    verb = "are" if is_probability else "would be"
    text = f"of the probabilities on {number(rows)} rows, {listed} {verb} exactly 0 or 1, where a log is infinite"
    if is_probability:
        severity = "warning" if shares["float32"] > 0 else "note"
        return Finding("saturation", severity, f"{text}. Make the last layer linear and the loss from_logits=True.")
    return Finding("saturation", "note", f"{text}; the raw scores keep all their digits.")


def _losses_by_way(loss: Any, link: str | None, y: Any, scores: NDArray[Any]) -> pd.DataFrame:
    """Return the loss of the scores in float32, through probabilities where it is a cross-entropy, and in float64."""
    import tensorflow as tf

    y = targets_for(y, scores.shape[-1])
    by_row = loss.call if hasattr(loss, "call") else loss  # (y, scores) -> the loss of each row
    # float64 has 29 more bits than float32, so that its own rounding does not show in the errors below.
    truth, slopes = _differentiate(by_row, y, scores.astype(np.float64))
    ways = {_FROM_LOGITS if link else _FLOAT32: by_row}
    if link is not None and _is_plain_cross_entropy(loss):
        as_probability = tf.math.sigmoid if link == "sigmoid" else tf.nn.softmax
        ways[_BY_PROBABILITY] = lambda y, s: _log_of(y, as_probability(s), link)
        clipped = _clipped(link, y, scores)
        ways[_CLIPPED] = lambda y, s: clipped(y, as_probability(s))
    rows = []
    for way in ways.values():
        value, gradient = _differentiate(way, y, scores.astype(np.float32))
        rows.append(_compare(value, gradient, truth, slopes))
    rows.append((float(truth.mean()), 0.0, 0.0, 0, 0, 0))
    columns = ["loss", "loss_error", "gradient_error", "infinite", "nan", "gradient_lost"]
    return pd.DataFrame(rows, index=pd.Index([*ways, _REFERENCE], name="way"), columns=columns)


def _is_by_row(loss: Any) -> bool:
    """Return whether a loss is known to return one number per row; the user's function may return the mean."""
    import keras

    return isinstance(loss, keras.losses.Loss) or str(getattr(loss, "__module__", "")).startswith("keras.")


def _is_plain_cross_entropy(loss: Any) -> bool:
    """Return whether a loss is a cross-entropy without changes: not smoothed, not focal."""
    kinds = ("binary", "categorical", "sparse_categorical", "softmax")
    name = snake_case(name_of(loss))
    return not getattr(loss, "label_smoothing", 0) and name in [f"{kind}_crossentropy" for kind in kinds]


def _log_of(y: Any, p: Any, link: str | None) -> Any:
    """Return the cross-entropy of probabilities as textbooks write it, without any safeguard."""
    import tensorflow as tf

    if link == "sigmoid":
        y = tf.cast(y, p.dtype)
        return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p), axis=-1)
    if len(y.shape) == 2 and y.shape[-1] == p.shape[-1]:
        return -tf.reduce_sum(tf.cast(y, p.dtype) * tf.math.log(p), axis=-1)
    ids = tf.reshape(tf.cast(y, tf.int32), (-1,))
    # (n, classes), (n,) -> the true class's probability of each row (n,)
    return -tf.math.log(tf.gather(p, ids, batch_dims=1))


def _clipped(link: str | None, y: Any, scores: Any) -> Callable[[Any, Any], Any]:
    """Return Keras's loss of probabilities."""
    import keras

    if link == "sigmoid":
        return keras.losses.BinaryCrossentropy().call
    one_hot = np.ndim(y) == 2 and np.shape(y)[-1] == scores.shape[-1]
    return (keras.losses.CategoricalCrossentropy() if one_hot else keras.losses.SparseCategoricalCrossentropy()).call


def _differentiate(way: Callable[[Any, Any], Any], y: Any, scores: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the loss of each row, (rows,), and its gradient, (rows, units), computed in the type of the scores."""
    import tensorflow as tf

    inputs = tf.constant(scores)
    # Class ids stay whole numbers; targets that enter a formula get the type of the scores.
    targets = tf.constant(y) if np.issubdtype(y.dtype, np.integer) else tf.constant(y, inputs.dtype)
    # A row's loss depends on its own scores only, so the gradient of the sum holds the gradient of each row.
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = way(targets, inputs)
    gradient = tf.convert_to_tensor(tape.gradient(value, inputs))
    return value.numpy().astype(np.float64), gradient.numpy().astype(np.float64)


def _compare(
    value: NDArray[Any], gradient: NDArray[Any], truth: NDArray[Any], slopes: NDArray[Any]
) -> tuple[float, float, float, int, int, int]:
    """Return one row of `Audit.table`; the true loss and gradient are `truth` and `slopes`."""
    finite, finite_slope = np.isfinite(value), np.isfinite(gradient)
    with np.errstate(invalid="ignore"):
        loss_errors = (np.abs(value - truth) / np.maximum(1, np.abs(truth)))[finite]
        gradient_errors = (np.abs(gradient - slopes) / np.maximum(1, np.abs(slopes)))[finite_slope]
    # (n, units) -> (n,)
    lost = ~finite_slope.all(axis=1) | (~gradient.any(axis=1) & (np.abs(slopes).max(axis=1) > 1e-3))
    return (
        float(value.mean()) if finite.all() else (math.nan if np.isnan(value).any() else math.inf),
        float(loss_errors.max(initial=0)),
        float(gradient_errors.max(initial=0)),
        int(np.isinf(value).sum()),
        int(np.isnan(value).sum()),
        int(lost.sum()),
    )


def _about_table(table: pd.DataFrame, rows: int) -> Iterator[Finding]:
    first, share = table.iloc[0], f"of {number(rows)} rows"
    broken = int(first["infinite"] + first["nan"])
    # 1e-6 leaves room for some roundings of float32, which are 6e-8 each.
    exact = not broken and not first["gradient_lost"] and max(first["loss_error"], first["gradient_error"]) <= 1e-6
    text = f"computed from raw scores in float32, the loss of a row is off by at most {number(first['loss_error'], 2)} "
    text += f"and its gradient by {number(first['gradient_error'], 2)}"
    text += f"; it is not finite on {number(broken)} {share}." if broken else "."
    yield Finding("rounding", "good" if exact else "warning", text)
    if _BY_PROBABILITY not in table.index:
        return
    naive, clipped = table.loc[_BY_PROBABILITY], table.loc[_CLIPPED]
    yield Finding(
        "rounding",
        "note",
        f"computed from probabilities, {number(naive['infinite'] + naive['nan'])} {share} would have an infinite or "
        f"undefined loss, and {number(naive['gradient_lost'])} would lose their gradient; with Keras's clipping the "
        f"loss of a row would be off by up to {number(clipped['loss_error'], 2)}, and "
        f"{number(clipped['gradient_lost'])} would lose their gradient.",
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame with its index; None for a number that is not finite."""
    rows = frame.reset_index().to_dict("records") if len(frame) else []
    return [
        {str(name): None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
        for row in rows
    ]
