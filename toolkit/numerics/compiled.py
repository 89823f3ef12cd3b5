"""How a Keras model was compiled: whether its output, its loss and its metrics fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.heads import Head

__all__ = ["Finding", "Output", "name_of", "outputs_of", "snake_case"]


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
class Output:
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
        """The loss in Keras's words, such as ``binary_crossentropy``; empty where there is none."""
        return snake_case(name_of(self.loss)) if self.loss is not None else ""

    @property
    def takes_logits(self) -> bool | None:
        """Whether the loss takes raw scores; None where that means nothing."""
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
        """Whether a row can have several labels."""
        return self.many or (self.link == "sigmoid" and (self.units or 0) > 1)

    def findings(self) -> Iterator[Finding]:
        """Say what fits and what doesn't: first the loss, then each metric."""
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
        name = "by_word" if by_word else snake_case(name_of(metric))
        spoken = f"the metric '{metric}'" if by_word else f"the metric {name_of(metric)}"
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
        elif raw and name_of(metric) in _THRESHOLDED and self._reads_probabilities(metric):
            text = "has thresholds from 0 to 1, for probabilities, and gets raw scores (logits): compute it from "
            text += "predictions, after the sigmoid."
        elif raw and _from_logits(metric) is False:
            text = "takes raw scores (logits) for probabilities: give it from_logits=True."
        else:
            return
        yield Finding("metric", "error", f"{spoken} {text}")

    def _reads_probabilities(self, metric: Any) -> bool:
        # With several classes and no threshold these two take the largest score, which is right for scores too.
        if name_of(metric) in ("F1Score", "FBetaScore"):
            return getattr(metric, "threshold", None) is not None
        return True

    def _accuracy(self) -> str:
        if not self.multilabel and (
            self.link == "softmax" or self.loss_name in ("multiclass_hinge", "categorical_hinge")
        ):
            return "SparseCategoricalAccuracy()"
        return f"BinaryAccuracy(threshold={0.0 if self.activation == 'linear' else 0.5})"


def outputs_of(model: Any, y: Any, head: Head | None) -> Iterator[Output]:
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
        yield Output(
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


def name_of(given: Any) -> str:
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


def snake_case(name: str) -> str:
    """Return a class's name in the way of functions, such as ``binary_crossentropy``."""
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
        name = snake_case(getattr(function, "__name__", None) or type(function).__name__)
        return name, kind == "Activation" and name == "linear"
    return ("linear" if type(operation).__module__.startswith("keras.") else None), False
