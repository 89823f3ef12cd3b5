"""Numerics: is the gradient right, and does the way a model is put together cost it digits?

`gradient_check` sets automatic differentiation against finite differences. `audit` looks at any Keras model, or a run,
for links, losses and metrics that don't fit each other, and shows on the model's own scores what a probability loses
that a raw score (logit) keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.errors import DataError
from toolkit.heads import Head
from toolkit.wording import number, percent

if TYPE_CHECKING:
    import keras

    from toolkit.runs import Run

__all__ = ["Audit", "Finding", "GradientCheck", "audit", "gradient_check"]

TYPES = ("float32", "bfloat16", "float16")

# A gradient entry below this share of the largest is compared on that share: beneath it finite differences are noise.
_FLOOR = 1e-3
_STEPS = (1e-5, 1e-6, 1e-7)
_EPSILON = float(np.finfo(np.float64).eps)

_FROM_LOGITS = "logits, float32"
_BY_PROBABILITY = "probabilities, then log, float32"
_CLIPPED = "probabilities, clipped as Keras does, then log, float32"
_FLOAT32 = "scores, float32"
_REFERENCE = "float64 reference"


@dataclass(frozen=True)
class GradientCheck:
    """Automatic differentiation beside finite differences.

    Attributes:
        table: A row an entry: ``weight`` (its variable), ``entry`` (its place in it, flattened), ``automatic``,
            ``numerical`` (central difference), ``relative_error``, and ``kink`` where the entry was set aside: the
            loss has a corner within reach of the smallest step, and so no derivative there.
        worst: The largest relative error of the entries not set aside; NaN where all were.
        kinks: How many entries were set aside.
    """

    table: pd.DataFrame
    worst: float
    kinks: int


def gradient_check(
    model: keras.Model, head: Head, x: NDArray[Any], y: NDArray[Any], *, entries: int = 200, seed: int = 0
) -> GradientCheck:
    """Compare the gradient that training follows with finite differences of the loss, both in float64.

    A copy of the model is rebuilt in float64, where a step of 1e-5 leaves ten digits; the model itself is untouched.
    What is differentiated is the mean loss of the rows plus the model's weight penalties, with dropout off. Each entry
    takes four passes over the rows or more, so give it a few dozen rows.

    Args:
        model: A built Keras model with a linear output, which can be rebuilt from its configuration.
        head: What its scores mean.
        x: Inputs, shape (n, ...).
        y: Encoded targets of the head, first axis n.
        entries: How many weights to check, drawn evenly from all the variables; all of them where there are fewer.
        seed: Seed of the draw.

    Returns:
        The check. An error is relative to the larger of the two derivatives, or to a thousandth of the largest
        derivative of all where that is more.

    Raises:
        DataError: The rows don't fit each other, or `entries` is not above 0.

    Example:
        >>> from toolkit.builders import mlp
        >>> from toolkit.heads import get_head
        >>> x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2
        >>> check = gradient_check(mlp(3, 2, hidden=(4,), activation="tanh"), get_head("multiclass", "softmax"), x, y)
        >>> check.worst < 1e-6, check.kinks
        (True, 0)

    References:
        Machine Learning: Neural Network, IIIT Sri City (numerical gradients).
        Baydin et al. 2018, Automatic differentiation in machine learning: a survey.
    """
    import keras
    import tensorflow as tf

    if entries < 1:
        raise DataError(f"entries={entries!r}: expected 1 or more.")
    if len(x) != len(y) or not len(x):
        raise DataError(f"x has {len(x)} rows and y has {len(y)}: expected the same number, 1 or more.")
    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        copy = _in_float64(model)
        loss = head.loss()
    finally:
        keras.config.set_floatx(floatx)
    inputs = tf.constant(x, tf.float64)
    targets = tf.constant(_targets(y, model.output_shape[-1]))

    @tf.function
    def objective() -> Any:
        rows = loss.call(targets, copy(inputs, training=False))
        return tf.reduce_mean(rows) + tf.add_n([tf.constant(0.0, tf.float64), *copy.losses])

    with tf.GradientTape() as tape:
        value = objective()
    variables = copy.trainable_variables
    gradients = tape.gradient(value, [v.value for v in variables])
    automatic = [
        np.zeros(v.shape) if g is None else tf.convert_to_tensor(g).numpy()
        for v, g in zip(variables, gradients, strict=True)
    ]

    places = [(i, j) for i, v in enumerate(variables) for j in range(int(np.prod(v.shape)))]
    chosen = np.random.default_rng(seed).permutation(len(places))[:entries]
    slopes = [
        _Slope(variables[i], j, lambda: float(objective()), float(value))
        for i, j in (places[k] for k in sorted(chosen))
    ]
    scale = max((abs(slope.central) for slope in slopes), default=0.0)
    rows = []
    for slope, (i, j) in zip(slopes, (places[k] for k in sorted(chosen)), strict=True):
        kink = not slope.settle(1e-8 * scale)
        mine, theirs = float(automatic[i].ravel()[j]), slope.central
        error = abs(mine - theirs) / max(abs(mine), abs(theirs), _FLOOR * scale, 1e-12)
        rows.append((model.trainable_variables[i].path, j, mine, theirs, error, kink))
    table = pd.DataFrame(rows, columns=["weight", "entry", "automatic", "numerical", "relative_error", "kink"])
    smooth = table.loc[~table["kink"], "relative_error"]
    return GradientCheck(table, float(smooth.max()) if len(smooth) else math.nan, int(table["kink"].sum()))


class _Slope:
    """The central difference of an objective along one entry of a variable, and whether a kink lies within the step."""

    def __init__(self, variable: Any, entry: int, objective: Callable[[], float], here: float) -> None:
        self._variable, self._entry, self._objective, self._here = variable, entry, objective, here
        self._values = variable.numpy()
        self._measure(_STEPS[0])

    def settle(self, tolerance: float) -> bool:
        """Shorten the step until two of them agree, on either side and in the middle; tell whether they ever do."""
        for step in _STEPS:
            if step != self.step:
                self._measure(step)
            # Curvature cancels in both; what is left besides rounding is a corner. A corner at the weight itself shows
            # in the one-sided slopes alone, since their mean is the same for every step.
            if self._spread <= tolerance + 64 * _EPSILON * max(1.0, abs(self._here)) / step:
                return True
        return False

    def _measure(self, step: float) -> None:
        self.step = step * max(1.0, abs(float(self._values.ravel()[self._entry])))
        right, left = self._sides(self.step)
        near_right, near_left = self._sides(self.step / 2)
        self.central = (right + left) / 2
        near = (near_right + near_left) / 2
        self._spread = max(abs(2 * (near_right - near_left) - (right - left)), abs(near - self.central))
        self.step = step

    def _sides(self, step: float) -> tuple[float, float]:
        """Return the slopes towards the right and from the left."""
        found = []
        for signed in (step, -step):
            moved = self._values.copy()
            moved.ravel()[self._entry] += signed
            self._variable.assign(moved)
            taken = float(moved.ravel()[self._entry] - self._values.ravel()[self._entry])
            found.append((self._objective() - self._here) / taken)
        self._variable.assign(self._values)
        return found[0], found[1]


def _in_float64(model: keras.Model) -> keras.Model:
    """Return the model rebuilt in float64 with the same weights; Keras's ``floatx`` is float64 while it is built."""

    def widened(config: Any) -> Any:
        if isinstance(config, dict):
            if config.get("class_name") == "DTypePolicy":
                return {**config, "config": {"name": "float64"}}
            return {
                key: "float64" if key == "dtype" and value in ("float16", "bfloat16", "float32") else widened(value)
                for key, value in config.items()
            }
        return [widened(part) for part in config] if isinstance(config, list | tuple) else config

    copy = type(model).from_config(widened(model.get_config()))
    if not copy.built:
        copy.build(model.input_shape)
    copy.set_weights([np.asarray(weight, np.float64) for weight in model.get_weights()])
    return copy


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        kind: What it is about: ``"output"``, ``"loss"``, ``"metric"``, ``"saturation"`` or ``"rounding"``.
        severity: ``"good"``, ``"note"``, ``"warning"`` (costs digits, or may mislead) or ``"error"`` (is wrong).
        text: A sentence, with how to mend it where it isn't good.
    """

    kind: str
    severity: str
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.text}"


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


def audit(subject: Run | keras.Model, x: Any = None, y: NDArray[Any] | None = None) -> Audit:
    """Find where a model's output, loss and metrics don't fit each other, and what probabilities would cost it.

    Args:
        subject: A run, or any Keras model, compiled or not. A run brings the scores of its test part, unless it was
            loaded from a file.
        x: Rows to score. For a run, what `Run.decision_function` takes; for a model, its inputs.
        y: Their targets as the loss takes them: class ids, 0 and 1, or numbers (of a run: encoded); with `x` only.

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
        acts twice unless Keras finds the scores behind it: leave the activation out (activation=None).

    References:
        Shin, Machine Learning 07, HBNU (numerically accurate logits).
        Goldberg 1991, What every computer scientist should know about floating-point arithmetic.
    """
    if y is not None and (x is None or len(x) != len(y)):
        raise DataError(
            f"y has {len(y)} rows and x {'is missing' if x is None else f'has {len(x)}'}: give both, of one length."
        )
    is_run = hasattr(subject, "decision_function")
    model: Any = subject.model if is_run else subject  # pyright: ignore[reportAttributeAccessIssue]
    outputs = list(_outputs(model, y, subject.head if is_run else None))  # pyright: ignore[reportAttributeAccessIssue]
    findings = [finding for output in outputs for finding in output.findings()]

    if is_run:
        run: Any = subject
        loss, link = run.head.loss(), run.head.link
        scores = None if x is None else run.decision_function(x)
        if x is None and run.outcome is not None:
            scores, y = run.outcome.scores, _encoded(run)
        activation = "linear"
        none = "a number" if run.task == "regression" else "a margin"
        none = none if link is None else None
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


# The model as it is put together


_SQUASHING = ("sigmoid", "softmax")
_PASSES_ON = {
    "Dropout",
    "Flatten",
    "Reshape",
    "Identity",
    "GaussianNoise",
    "ActivityRegularization",
    "SpatialDropout1D",
}
_THRESHOLDED = {
    *("Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"),
    *("F1Score", "FBetaScore"),
}


@dataclass(frozen=True)
class _Output:
    """One output of a model, with the loss and the metrics it was compiled with."""

    label: str  # what to call it in a sentence
    activation: str | None  # None: can't be told
    units: int | None
    half: bool  # computed in 16 bits
    loss: Any
    metrics: list[Any]
    many: bool  # the targets hold several labels a row, as far as they are known

    @property
    def loss_name(self) -> str:
        return _snake(_name(self.loss)) if self.loss is not None else ""

    @property
    def takes_logits(self) -> bool | None:
        """Whether the loss takes raw scores; None where that means nothing."""
        if self.loss_name in ("softmax_crossentropy", "multiclass_hinge", "binary_hinge", "squared_sigmoid"):
            return True
        given = _from_logits(self.loss)
        if given is None and "crossentropy" in self.loss_name:
            return False
        return given

    @property
    def link(self) -> str | None:
        """How its raw scores become probabilities."""
        if "crossentropy" not in self.loss_name:
            return None
        return "sigmoid" if "binary" in self.loss_name else "softmax"

    @property
    def multilabel(self) -> bool:
        return self.many or (self.link == "sigmoid" and (self.units or 0) > 1)

    def findings(self) -> Iterator[Finding]:
        yield from self._about_loss()
        for metric in self.metrics:
            yield from self._about_metric(metric)

    def _about_loss(self) -> Iterator[Finding]:
        found = list(self._mismatches())
        if self.activation is None:
            text = f"{self.label} is of a class of your own: whether it is linear can't be seen from here."
            found.append(Finding("output", "note", text))
        elif self.activation == "linear" and not found:
            if self.loss is None:
                text = "is linear: compile it with a loss that takes raw scores (from_logits=True)."
            elif "hinge" in self.loss_name:
                text = f"is linear and the loss {self.loss_name} takes raw scores."
            elif self.takes_logits:
                text = f"is linear and the loss {self.loss_name} takes raw scores (logits)."
            else:
                text = f"is linear and the loss {self.loss_name} takes its numbers as they are."
            found.append(Finding("output", "good", f"{self.label} {text}"))
        yield from found

    def _mismatches(self) -> Iterator[Finding]:
        """Look for a last layer and a loss, or a loss and targets, that don't fit each other."""
        name, activation, at = self.loss_name, self.activation, self.label
        squashed = activation in _SQUASHING
        if activation == "softmax" and self.units == 1:
            text = f"{at} is a softmax over one unit, which is always 1: take one linear unit and a binary loss."
            yield Finding("output", "error", text)
        elif self.link == "softmax" and self.units == 1:
            text = f"the loss {name} gets one score, and a softmax over one is always 1: take binary_crossentropy."
            yield Finding("loss", "error", text)
        if self.link == "softmax" and self.many:
            text = "rows hold several labels, and a softmax makes them share one sum of 1: take "
            yield Finding("loss", "error", f"{text}BinaryCrossentropy(from_logits=True), one score a label.")
        if name == "categorical_hinge":
            text = (
                "Keras's categorical_hinge counts the true class's own zero among the wrong classes: scores (-3, -5, "
            )
            text += "-5, -5) for label 0 cost 4 in place of 0. Take toolkit.losses.MulticlassHinge, with class ids."
            yield Finding("loss", "error", text)
        if "hinge" in name and squashed:
            text = f"{at} applies a {activation} and the loss {name} wants a margin, which numbers from 0 to 1 hardly "
            yield Finding("output", "error", f"{text}reach: leave the activation out (activation=None).")
        elif self.takes_logits and "hinge" not in name and activation not in (None, "linear"):
            acts = "acts twice unless Keras finds the scores behind it" if squashed else "limits the scores"
            text = f"{at} applies a {activation} and the loss takes raw scores (from_logits=True), so that the "
            text += f"{activation} {acts}: leave the activation out (activation=None)."
            yield Finding("output", "error", text)
        elif self.takes_logits is False and squashed:
            text = f"{at} applies a {activation} and the loss takes its log, which saturates unless Keras finds the "
            text += "scores behind it"
            text += ", and in 16 bits, as here, it can't: sure rows stop learning. " if self.half else ". "
            yield Finding("loss", "warning", f"{text}Make the last layer linear and the loss from_logits=True.")
        elif self.takes_logits is False and activation is not None:
            text = (
                f"{at} is {activation} and the loss {name} takes probabilities: it clips the scores to between 0 and "
            )
            yield Finding("loss", "error", f"{text}1, and what is clipped learns nothing. Set from_logits=True.")
        elif name in ("mean_squared_error", "mean_absolute_error") and squashed:
            text = (
                f"{at} applies a {activation} under {name}, whose gradient vanishes where the model is surely wrong: "
            )
            yield Finding("loss", "warning", f"{text}take a linear layer and a cross-entropy with from_logits=True.")
        elif name == "squared_sigmoid":
            text = (
                "the gradient of a squared sigmoid vanishes where the model is surely wrong: take a cross-entropy with "
            )
            yield Finding("loss", "warning", f"{text}from_logits=True.")
        elif self.loss is None and squashed:
            text = f"{at} applies a {activation}: leave it out, and take a loss of raw scores (from_logits=True)."
            yield Finding("output", "warning", text)

    def _about_metric(self, metric: Any) -> Iterator[Finding]:
        by_word = isinstance(metric, str)  # "accuracy", which Keras chooses by the shapes
        name = "by_word" if by_word else _snake(_name(metric))
        spoken = f"the metric '{metric}'" if by_word else f"the metric {_name(metric)}"
        raw = self.activation == "linear" and (self.link is not None or "hinge" in self.loss_name)
        largest = name in ("categorical_accuracy", "sparse_categorical_accuracy")
        largest = largest or (by_word and (self.units or 0) > 1)
        if largest and self.multilabel:
            text = f"compares the largest of {self.units} scores (argmax), which says nothing where a row may have "
            text += f"several labels: take {self._accuracy()}."
        elif name == "accuracy" and (raw or self.link is not None):
            text = "counts outputs equal to the target to the last digit, which scores never are: take "
            text += f"{self._accuracy()}."
        elif name == "binary_accuracy" or (by_word and not largest):
            threshold = getattr(metric, "threshold", 0.5)
            if raw and threshold == 0.5:
                text = f"has its threshold at 0.5, and raw scores (logits) are decided at 0: take {self._accuracy()}."
            elif self.activation == "sigmoid" and threshold <= 0:
                text = f"has its threshold at {threshold:g}, and every probability lies above it: take 0.5."
            else:
                return
        elif raw and _name(metric) in _THRESHOLDED and self._reads_probabilities(metric):
            text = "has thresholds from 0 to 1, for probabilities, and gets raw scores (logits): compute it from "
            text += "predictions, after the sigmoid."
        elif raw and _from_logits(metric) is False:
            text = "takes raw scores (logits) for probabilities: give it from_logits=True."
        else:
            return
        yield Finding("metric", "error", f"{spoken} {text}")

    def _reads_probabilities(self, metric: Any) -> bool:
        # With several classes and no threshold these two take the largest score, which is right for scores too.
        if _name(metric) in ("F1Score", "FBetaScore"):
            return getattr(metric, "threshold", None) is not None
        return True

    def _accuracy(self) -> str:
        if not self.multilabel and (
            self.link == "softmax" or self.loss_name in ("multiclass_hinge", "categorical_hinge")
        ):
            return "SparseCategoricalAccuracy()"
        return f"BinaryAccuracy(threshold={0.0 if self.activation == 'linear' else 0.5})"


def _outputs(model: Any, y: Any, head: Head | None) -> Iterator[_Output]:
    """Take a model's outputs apart, each with its loss and metrics, whatever form they were given in.

    A head brings its own, since a model saved by a run has no compile state.
    """
    import keras

    tensors = list(keras.tree.flatten(model.outputs)) if getattr(model, "outputs", None) else [None]
    names = list(getattr(model, "output_names", None) or [])
    names = names if len(names) == len(tensors) else [str(i) for i in range(len(tensors))]
    compiled = getattr(model, "_compile_metrics", None)
    metrics = [getattr(compiled, "_user_metrics", None), getattr(compiled, "_user_weighted_metrics", None)]
    losses = getattr(model, "loss", None)
    if head is not None:
        losses, metrics = head.loss(), [head.keras_metrics()]
    many = y is not None and np.ndim(y) == 2 and np.shape(y)[1] > 1 and bool((np.sum(y, axis=1) != 1).any())
    for place, (tensor, name) in enumerate(zip(tensors, names, strict=True)):
        units = None if tensor is None else tensor.shape[-1]
        activation, layer = _activation(tensor, model)
        policy = getattr(layer, "compute_dtype", None) or "float32"
        given = _of_output(losses, place, name, len(tensors))
        found = [m for group in metrics for m in _listed(_of_output(group, place, name, len(tensors)))]
        yield _Output(
            label="the last layer" if len(tensors) == 1 else f"the output '{name}'",
            activation=activation,
            units=units,
            half=policy in ("float16", "bfloat16"),
            loss=_loss(given, units, y),
            metrics=[_metric(m) for m in found if m is not None],
            many=many,
        )


def _of_output(given: Any, place: int, name: str, outputs: int) -> Any:
    """Return the part of a compile argument that belongs to one output."""
    if isinstance(given, Mapping) and "class_name" not in given:
        return given.get(name)
    if isinstance(given, list | tuple) and outputs > 1:
        return given[place] if len(given) == outputs else list(given)
    return given


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return [part for g in given for part in _listed(g)] if isinstance(given, list | tuple) else [given]


def _loss(given: Any, units: int | None, y: Any) -> Any:
    """Return a loss as an object or function, from a word, a configuration, a class, a list of one, or itself."""
    import keras

    if isinstance(given, list | tuple):
        return _loss(given[0], units, y) if len(given) == 1 else None
    if isinstance(given, str) and given.lower() in ("crossentropy", "ce"):
        sparse = y is None or np.ndim(y) == 1 or np.shape(y)[-1] == 1
        given = "binary_crossentropy" if units == 1 else f"{'sparse_' if sparse else ''}categorical_crossentropy"
    return keras.losses.get(given)


def _metric(given: Any) -> Any:
    """Return a metric as an object or function; "accuracy" stays a word, since Keras chooses it by the shapes."""
    import keras

    if isinstance(given, str) and given.lower() in ("accuracy", "acc"):
        return given
    return keras.metrics.get("binary_crossentropy" if given in ("crossentropy", "ce") else given)


def _name(given: Any) -> str:
    """Return the name of what a loss or metric computes, behind wrappers and partial functions."""
    while True:
        if isinstance(given, str):
            return given
        inner = getattr(given, "func", None)  # functools.partial
        if inner is None and type(given).__name__ in ("LossFunctionWrapper", "MeanMetricWrapper"):
            inner = getattr(given, "fn", None) or getattr(given, "_fn", None)
        if inner is None:
            return given.__name__ if hasattr(given, "__name__") else type(given).__name__
        given = inner


def _from_logits(given: Any) -> bool | None:
    """Return what a loss or metric was told about logits, or None where it has no such setting."""
    for holder in (getattr(given, "keywords", None), getattr(given, "_fn_kwargs", None)):
        if isinstance(holder, dict) and "from_logits" in holder:
            return bool(holder["from_logits"])
    for attribute in ("from_logits", "_from_logits"):
        if isinstance(getattr(given, attribute, None), bool):
            return bool(getattr(given, attribute))
    return None


def _snake(name: str) -> str:
    return "".join(
        f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    )


def _activation(tensor: Any, model: Any) -> tuple[str | None, Any]:
    """Return the name of the last function that acts on an output, None where it can't be told, and its layer."""
    if tensor is None:  # a subclassed model: its last layer is a guess, and an unnamed one is none
        layers = list(getattr(model, "layers", []))
        return (_own_activation(layers[-1])[0], layers[-1]) if layers else (None, None)
    while True:
        operation = tensor._keras_history.operation
        if getattr(operation, "outputs", None) and hasattr(operation, "layers"):  # a model within the model
            tensor = operation.outputs[tensor._keras_history.tensor_index]
            continue
        name, passes = _own_activation(operation)
        before = getattr(operation, "input", None) if passes else None
        if before is None or isinstance(before, list | tuple | dict):
            return name, operation
        tensor = before


def _own_activation(operation: Any) -> tuple[str | None, bool]:
    """Return the activation of a layer or operation, and whether it passes on what came before it unchanged."""
    kind = type(operation).__name__
    if kind in _PASSES_ON:
        return "linear", True
    if kind in ("Sigmoid", "Softmax", "Relu", "ReLU", "Tanh", "LogSoftmax", "LeakyReLU", "ELU", "PReLU"):
        return kind.lower(), False
    function = getattr(operation, "activation", None)
    if function is not None:
        name = _snake(getattr(function, "__name__", None) or type(function).__name__)
        return name, kind == "Activation" and name == "linear"
    return ("linear" if type(operation).__module__.startswith("keras.") else None), False


# What the scores lose


def _targets(y: Any, units: int) -> NDArray[Any]:
    """Return targets in the shape that the loss of so many scores takes: ids (n,), or (n, units)."""
    y = np.asarray(y)
    y = y[:, None] if y.ndim == 1 and units == 1 else y
    return y.astype(np.float64) if y.ndim == 2 and y.shape[1] == units else y


def _encoded(run: Any) -> NDArray[Any]:
    """Return the true answers of a run's test part, as its loss takes them."""
    truth = run.outcome.y_true
    if run.task == "regression":
        return run.target.encode(pd.DataFrame(truth, columns=run.target.columns))
    return truth[:, None] if run.task == "binary" else truth


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

    y = _targets(y, scores.shape[-1])
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
    return not getattr(loss, "label_smoothing", 0) and _snake(_name(loss)) in (
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
