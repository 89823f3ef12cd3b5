"""Numerics: is the gradient right, and does the way a model is put together cost it digits?

`gradient_check` sets automatic differentiation against finite differences. `audit` looks at any Keras model, or a run,
for links, losses and metrics that don't fit each other, and shows on the model's own scores what a probability loses
that a raw score (logit) keeps.
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
from toolkit.numerics.compiled import (
    Finding,
    name_of,
    outputs_of,
    snake_case,
)
from toolkit.numerics.gradients import GradientCheck, gradient_check, targets_for

if TYPE_CHECKING:
    import keras

__all__ = ["Audit", "Finding", "GradientCheck", "audit", "gradient_check"]

# Scores of a run's test part that are looked at: of thousands of classes, those of some of its rows.
_CELLS = 4_000_000
TYPES = ("float32", "bfloat16", "float16")

_FROM_LOGITS = "logits, float32"
_BY_PROBABILITY = "probabilities, then log, float32"
_CLIPPED = "probabilities, clipped as Keras does, then log, float32"
_FLOAT32 = "scores, float32"
_REFERENCE = "float64 reference"


@dataclass(frozen=True)
class Audit:
    """What an audit found; empty frames where it had no rows or no probabilities to look at.

    Attributes:
        findings: The findings, the gravest first.
        table: A row a way of computing the loss of the model's own scores, the last the float64 reference: ``loss``
            (mean), ``loss_error`` and ``gradient_error`` (the largest, divided by max(1, true value), among those that
            are finite; a row's gradient is by its scores), and the number of rows whose loss is ``infinite`` or
            ``nan``, and whose gradient is ``gradient_lost``: not finite, or exactly 0 though it should be above 0.001.
        saturation: A row a type: the share of probabilities that are exactly ``zero`` or exactly ``one`` in it, of
            both together (``saturated``), and of ``rows`` that hold one.
        rows: The number of rows looked at.
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
        """Return the same as plain values that strict JSON holds: a number that is not finite is None."""
        return {
            "rows": self.rows,
            "findings": [{"kind": f.kind, "severity": f.severity, "text": f.text} for f in self.findings],
            "table": _records(self.table),
            "saturation": _records(self.saturation),
        }


def audit(subject: Result | keras.Model | Any, x: Any = None, y: NDArray[Any] | None = None) -> Audit:
    """Find where a model's output, loss and metrics don't fit each other, and what probabilities would cost it.

    Args:
        subject: A run or its result, or any Keras model, compiled or not. A result has the scores of its test part,
            unless it was loaded from a file.
        x: Rows to score. For a run, what ``run.predict`` takes; for a model, its inputs.
        y: Their targets as the loss takes them: class ids, 0 and 1, or numbers (for a run: encoded); with `x` only.

    Returns:
        The audit. Without rows it holds findings alone.

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
    result = subject if isinstance(subject, Result) else None
    model: Any = subject if result is None else result.model
    outputs = list(outputs_of(model, y, None if result is None else result.head))
    findings = [finding for output in outputs for finding in output.findings()]

    if result is not None:
        loss, link = result.head.loss(), result.head.link
        scores = None
        if x is not None:
            scores = np.concatenate([result.raw_scores(batch) for batch in batches(result.encoder, x)])
        elif result.outcome is not None and result.outcome.scores is not None:
            most, rows = max(1, _CELLS // result.target.units), len(result.outcome.scores)
            some = np.linspace(0, rows - 1, min(most, rows)).round().astype(int)
            scores, y = result.outcome.scores[some], _encoded(result, result.outcome.y_true)[some]
        activation = "linear"
        none = result.head.meaning if link is None else None
    else:
        output = outputs[0]
        loss, link, activation = output.loss, output.link, output.activation
        single = len(outputs) == 1
        scores = np.asarray(model.predict(x, verbose=0)) if x is not None and single else None
        scores = None if scores is None or scores.ndim != 2 else scores
        none = None

    table, saturation = pd.DataFrame(), pd.DataFrame()
    if none is not None:
        text = f"the loss takes {none} and no probability, so nothing can saturate."
        findings.append(Finding("saturation", "note", text))
    if scores is not None:
        is_probability = activation in ("sigmoid", "softmax")
        if link is not None or is_probability:
            saturation = _saturation(scores, None if is_probability else link)
            findings.append(_about_saturation(saturation, len(scores), is_probability))
        if y is not None and _is_by_row(loss) and not is_probability:
            table = _three_ways(loss, link, y, scores)
            findings += _about_table(table, len(scores))
    order = ("error", "warning", "note", "good")
    findings.sort(key=lambda finding: order.index(finding.severity))
    return Audit(findings, table, saturation, 0 if scores is None else len(scores))


def _encoded(result: Result, truth: NDArray[Any]) -> NDArray[Any]:
    """Return the true answers of a result's test part, as its loss takes them."""
    if result.task == "regression":
        return result.target.encode(pd.DataFrame(truth, columns=pd.Index(result.target.columns)))
    return truth[:, None] if result.task == "binary" else truth


def _saturation(scores: NDArray[Any], link: str | None) -> pd.DataFrame:
    """Return the share of exact 0 and 1 among probabilities rounded to each type; without a link they are given."""
    import tensorflow as tf
    from scipy import special

    wide = scores.astype(np.float64)
    exact = wide if link is None else special.softmax(wide, axis=-1) if link == "softmax" else special.expit(wide)
    exact = exact.reshape(len(exact), -1)
    rows = []
    for kind in TYPES:
        rounded = tf.cast(tf.cast(exact, kind), tf.float64).numpy()
        zero, one = rounded == 0, rounded == 1
        rows.append((zero.mean(), one.mean(), (zero | one).mean(), (zero | one).any(axis=1).mean()))
    columns = ["zero", "one", "saturated", "rows"]
    return pd.DataFrame(rows, index=pd.Index(TYPES, name="type"), columns=columns, dtype=float)


def _about_saturation(saturation: pd.DataFrame, rows: int, is_probability: bool) -> Finding:
    shares = saturation["saturated"]
    said = ", ".join(f"{percent(shares[kind])} in {kind}" for kind in TYPES)
    verb = "are" if is_probability else "would be"
    text = (
        f"of this model's probabilities on {number(rows)} rows, {said} {verb} exactly 0 or 1, where a log is infinite"
    )
    if is_probability:
        severity = "warning" if shares["float32"] > 0 else "note"
        return Finding("saturation", severity, f"{text}. Make the last layer linear and the loss from_logits=True.")
    return Finding("saturation", "note", f"{text}; its raw scores all keep their digits.")


def _three_ways(loss: Any, link: str | None, y: Any, scores: NDArray[Any]) -> pd.DataFrame:
    """Return the loss of the scores in float32, by way of probabilities where it is a cross-entropy, and in float64."""
    import tensorflow as tf

    y = targets_for(y, scores.shape[-1])
    truth, slopes = _differentiate(_by_row(loss), y, scores.astype(np.float64))
    plain = link is not None and _is_plain(loss)
    ways = {_FROM_LOGITS if link else _FLOAT32: _by_row(loss)}
    if plain:
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


def _by_row(loss: Any) -> Callable[[Any, Any], Any]:
    """Return a function (y, scores) -> the loss of each row, in the type of the scores."""
    return loss.call if hasattr(loss, "call") else loss


def _is_by_row(loss: Any) -> bool:
    """Tell whether a loss is known to give one number a row; a function of the user's own may give the mean."""
    import keras

    return isinstance(loss, keras.losses.Loss) or str(getattr(loss, "__module__", "")).startswith("keras.")


def _is_plain(loss: Any) -> bool:
    """Tell whether a loss is the cross-entropy itself: not smoothed, not focal."""
    return not getattr(loss, "label_smoothing", 0) and snake_case(name_of(loss)) in (
        *("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "softmax_crossentropy"),
    )


def _log_of(y: Any, p: Any, link: str | None) -> Any:
    """Return the cross-entropy of probabilities as it is written in books, with nothing to rescue it."""
    import tensorflow as tf

    if link == "sigmoid":
        y = tf.cast(y, p.dtype)
        return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p), axis=-1)
    if len(y.shape) == 2 and y.shape[-1] == p.shape[-1]:
        return -tf.reduce_sum(tf.cast(y, p.dtype) * tf.math.log(p), axis=-1)
    ids = tf.reshape(tf.cast(y, tf.int32), (-1,))
    return -tf.math.log(tf.gather(p, ids, batch_dims=1))


def _clipped(link: str | None, y: Any, scores: Any) -> Callable[[Any, Any], Any]:
    """Return Keras's own loss of probabilities."""
    import keras

    if link == "sigmoid":
        return keras.losses.BinaryCrossentropy().call
    one_hot = np.ndim(y) == 2 and np.shape(y)[-1] == scores.shape[-1]
    return (keras.losses.CategoricalCrossentropy() if one_hot else keras.losses.SparseCategoricalCrossentropy()).call


def _differentiate(way: Callable[[Any, Any], Any], y: Any, scores: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the loss of each row and its gradient by the row's scores, in the type of the scores, as float64."""
    import tensorflow as tf

    given = tf.constant(scores)
    targets = tf.constant(y) if np.issubdtype(y.dtype, np.integer) else tf.constant(y, given.dtype)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = way(targets, given)
    gradient = tf.convert_to_tensor(tape.gradient(value, given))
    return value.numpy().astype(np.float64), gradient.numpy().astype(np.float64)


def _compare(
    value: NDArray[Any], gradient: NDArray[Any], truth: NDArray[Any], slopes: NDArray[Any]
) -> tuple[float, float, float, int, int, int]:
    fine, whole = np.isfinite(value), np.isfinite(gradient)
    with np.errstate(invalid="ignore"):
        loss_errors = (np.abs(value - truth) / np.maximum(1, np.abs(truth)))[fine]
        gradient_errors = (np.abs(gradient - slopes) / np.maximum(1, np.abs(slopes)))[whole]
    lost = ~whole.all(axis=1) | (~gradient.any(axis=1) & (np.abs(slopes).max(axis=1) > 1e-3))
    return (
        float(value.mean()) if fine.all() else (math.nan if np.isnan(value).any() else math.inf),
        float(loss_errors.max(initial=0)),
        float(gradient_errors.max(initial=0)),
        int(np.isinf(value).sum()),
        int(np.isnan(value).sum()),
        int(lost.sum()),
    )


def _about_table(table: pd.DataFrame, rows: int) -> Iterator[Finding]:
    first, of = table.iloc[0], f"of {number(rows)} rows"
    broken = int(first["infinite"] + first["nan"])
    exact = not broken and not first["gradient_lost"] and max(first["loss_error"], first["gradient_error"]) <= 1e-6
    off = f"the loss of a row is off by {number(first['loss_error'], 2)} at most"
    text = f"from the raw scores in float32 {off} and its gradient by {number(first['gradient_error'], 2)}"
    text += f"; it is not finite on {number(broken)} {of}." if broken else "."
    yield Finding("rounding", "good" if exact else "warning", text)
    if _BY_PROBABILITY not in table.index:
        return
    naive, clipped = table.loc[_BY_PROBABILITY], table.loc[_CLIPPED]
    text = (
        f"by way of probabilities {number(naive['infinite'] + naive['nan'])} {of} would have a loss that is infinite "
    )
    text += (
        f"or not a number, and {number(naive['gradient_lost'])} would lose their gradient; with Keras's clipping the "
    )
    text += f"loss of a row would be off by up to {number(clipped['loss_error'], 2)}, and "
    yield Finding("rounding", "note", f"{text}{number(clipped['gradient_lost'])} would lose their gradient.")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows with its index, as plain values; what is not finite is None."""

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, int | np.integer):
            return int(value)
        return float(value) if math.isfinite(value) else None

    return (
        [{str(k): plain(v) for k, v in row.items()} for row in frame.reset_index().to_dict("records")]
        if len(frame)
        else []
    )
