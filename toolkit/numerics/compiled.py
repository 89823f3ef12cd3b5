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
    """One observation of an audit.

    Attributes:
        kind: Its subject: ``"output"``, ``"loss"``, ``"metric"``, ``"saturation"`` or ``"rounding"``.
        severity: ``"good"``, ``"note"``, ``"warning"`` (costs digits, or may mislead) or ``"error"`` (is wrong).
        text: A sentence; it says what to change where the severity is a warning or an error.
    """

    kind: str
    severity: str
    text: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.text}"


_SQUASHING = ("sigmoid", "softmax")
# Layers that leave their input's numbers as they are when predicting: the activation is that of a layer before.
_PASSES_ON = {
    "Dropout",
    "Flatten",
    "Reshape",
    "Identity",
    "GaussianNoise",
    "ActivityRegularization",
    "SpatialDropout1D",
}
# Metrics that compare with thresholds made for probabilities.
_THRESHOLDED = {
    *("Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"),
    *("F1Score", "FBetaScore"),
}


@dataclass(frozen=True)
class Output:
    """One output of a model, with the loss and the metrics it was compiled with."""

    label: str  # its name in a sentence
    activation: str | None  # None: unknown
    units: int | None
    half: bool  # whether it is computed in 16 bits
    loss: Any
    metrics: list[Any]
    many: bool  # whether the targets are known to hold several labels per row

    @property
    def loss_name(self) -> str:
        """The loss in Keras's words, such as ``binary_crossentropy``; empty where there is none."""
        return snake_case(name_of(self.loss)) if self.loss is not None else ""

    @property
    def takes_logits(self) -> bool | None:
        """Whether the loss takes raw scores; None where the loss has no such setting."""
        from_logits = _from_logits(self.loss)
        return False if from_logits is None and "crossentropy" in self.loss_name else from_logits

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
        """Yield what fits and what doesn't: first for the loss, then for each metric."""
        yield from self._about_loss()
        for metric in self.metrics:
            yield from self._about_metric(metric)

    def _about_loss(self) -> Iterator[Finding]:
        findings = list(self._mismatches())
        if self.activation is None:
            text = f"{self.label} is of a custom class: the audit can't see whether it is linear."
            findings.append(Finding("output", "note", text))
        elif self.activation == "linear" and not findings:
            if self.loss is None:
                text = "is linear: compile it with a loss that takes raw scores (from_logits=True)."
            elif "hinge" in self.loss_name:
                text = f"is linear and the loss {self.loss_name} takes raw scores."
            elif self.takes_logits:
                text = f"is linear and the loss {self.loss_name} takes raw scores (logits)."
            else:
                text = f"is linear and the loss {self.loss_name} takes its values unchanged."
            findings.append(Finding("output", "good", f"{self.label} {text}"))
        yield from findings

    def _mismatches(self) -> Iterator[Finding]:
        """Yield a finding for a last layer and a loss, or a loss and targets, that don't fit each other."""
        name, activation, at = self.loss_name, self.activation, self.label
        squashed = activation in _SQUASHING
        if activation == "softmax" and self.units == 1:
            text = f"{at} is a softmax over one unit, which is always 1: use one linear unit and a binary loss."
            yield Finding("output", "error", text)
        elif self.link == "softmax" and self.units == 1:
            text = f"the loss {name} gets one score, and a softmax over one score is always 1: use binary_crossentropy."
            yield Finding("loss", "error", text)
        if self.link == "softmax" and self.many:
            text = "rows have several labels, and with a softmax their probabilities must sum to 1: use "
            yield Finding("loss", "error", f"{text}BinaryCrossentropy(from_logits=True), one score per label.")
        if name == "categorical_hinge":
            text = "Keras's categorical_hinge counts the true class's zero among the wrong classes: scores (-3, -5, "
            text += "-5, -5) for label 0 cost 4 instead of 0. Use toolkit.losses.MulticlassHinge, with class ids."
            yield Finding("loss", "error", text)
        if "hinge" in name and squashed:
            text = f"{at} applies a {activation} and the loss {name} needs a margin, which values from 0 to 1 hardly "
            yield Finding("output", "error", f"{text}reach: remove the activation (activation=None).")
        elif self.takes_logits and "hinge" not in name and activation not in (None, "linear"):
            acts = "is applied twice unless Keras finds the scores behind it" if squashed else "limits the scores"
            text = f"{at} applies a {activation} and the loss takes raw scores (from_logits=True), so that the "
            text += f"{activation} {acts}: remove the activation (activation=None)."
            yield Finding("output", "error", text)
        elif self.takes_logits is False and squashed:
            text = f"{at} applies a {activation} and the loss takes its log, which saturates unless Keras finds the "
            text += "scores behind it"
            text += ", which it can't in 16 bits, as here: confident rows stop learning. " if self.half else ". "
            yield Finding("loss", "warning", f"{text}Make the last layer linear and the loss from_logits=True.")
        elif self.takes_logits is False and activation is not None:
            text = (
                f"{at} is {activation} and the loss {name} takes probabilities: it clips the scores to between 0 and "
            )
            yield Finding("loss", "error", f"{text}1, and clipped scores learn nothing. Set from_logits=True.")
        elif name in ("mean_squared_error", "mean_absolute_error") and squashed:
            text = f"{at} applies a {activation} under {name}, whose gradient vanishes where the model is "
            text += "confidently wrong: use a linear layer and a cross-entropy with from_logits=True."
            yield Finding("loss", "warning", text)
        elif name == "squared_sigmoid":
            text = "the gradient of a squared sigmoid vanishes where the model is confidently wrong: use a "
            yield Finding("loss", "warning", f"{text}cross-entropy with from_logits=True.")
        elif self.loss is None and squashed:
            text = f"{at} applies a {activation}: remove it, and use a loss on raw scores (from_logits=True)."
            yield Finding("output", "warning", text)

    def _about_metric(self, metric: Any) -> Iterator[Finding]:
        by_word = isinstance(metric, str)  # "accuracy": Keras chooses the metric by the shapes
        name = "by_word" if by_word else snake_case(name_of(metric))
        spoken = f"the metric '{metric}'" if by_word else f"the metric {name_of(metric)}"
        raw = self.activation == "linear" and (self.link is not None or "hinge" in self.loss_name)
        largest = name in ("categorical_accuracy", "sparse_categorical_accuracy")
        largest = largest or (by_word and (self.units or 0) > 1)
        if largest and self.multilabel:
            text = f"compares the largest of {self.units} scores (argmax), which says nothing where a row can have "
            text += f"several labels: use {self._accuracy()}."
        elif name == "accuracy" and (raw or self.link is not None):
            text = "counts outputs that equal the target to the last digit, which scores never do: use "
            text += f"{self._accuracy()}."
        elif name == "binary_accuracy" or (by_word and not largest):
            threshold = getattr(metric, "threshold", 0.5)
            if raw and threshold == 0.5:
                text = (
                    f"has its threshold at 0.5, and the threshold of raw scores (logits) is 0: use {self._accuracy()}."
                )
            elif self.activation == "sigmoid" and threshold <= 0:
                text = f"has its threshold at {threshold:g}, and every probability is above it: use 0.5."
            else:
                return
        elif raw and name_of(metric) in _THRESHOLDED and self._reads_probabilities(metric):
            text = "has thresholds from 0 to 1, for probabilities, but gets raw scores (logits): compute it from "
            text += "predictions, after the sigmoid."
        elif raw and _from_logits(metric) is False:
            text = "treats raw scores (logits) as probabilities: give it from_logits=True."
        else:
            return
        yield Finding("metric", "error", f"{spoken} {text}")

    def _reads_probabilities(self, metric: Any) -> bool:
        # Without a threshold these two use the largest score, which is right for raw scores too.
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
    """Yield each output of a model with its loss and metrics, whatever form they were compiled in.

    The loss and metrics of `head` take precedence, since a model saved by a run has no compile state.
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
    # A one-hot row has the sum 1. With any other sum, a row has several labels or none.
    many = y is not None and np.ndim(y) == 2 and np.shape(y)[1] > 1 and bool((np.sum(y, axis=1) != 1).any())
    for index, (tensor, name) in enumerate(zip(tensors, names, strict=True)):
        units = None if tensor is None else tensor.shape[-1]
        activation, layer = _activation(tensor, model)
        # In mixed precision a layer computes in 16 bits, although its weights are float32.
        policy = getattr(layer, "compute_dtype", None) or "float32"
        loss = _of_output(losses, index, name, len(tensors))
        of_output = [m for group in metrics for m in _listed(_of_output(group, index, name, len(tensors)))]
        yield Output(
            label="the last layer" if len(tensors) == 1 else f"the output '{name}'",
            activation=activation,
            units=units,
            half=policy in ("float16", "bfloat16"),
            loss=_loss(loss, units, y),
            metrics=[_metric(m) for m in of_output if m is not None],
            many=many,
        )


def _of_output(argument: Any, index: int, name: str, outputs: int) -> Any:
    """Return the part of a compile argument that belongs to one output."""
    # A mapping with "class_name" is one saved loss or metric, any other is output name -> its part.
    if isinstance(argument, Mapping) and "class_name" not in argument:
        return argument.get(name)
    if isinstance(argument, list | tuple) and outputs > 1:
        return argument[index] if len(argument) == outputs else list(argument)
    return argument


def _listed(metrics: Any) -> list[Any]:
    if metrics is None:
        return []
    return [m for part in metrics for m in _listed(part)] if isinstance(metrics, list | tuple) else [metrics]


def _loss(loss: Any, units: int | None, y: Any) -> Any:
    """Return a loss as an object or function, from a name, a configuration, a class or a list of one."""
    import keras

    if isinstance(loss, list | tuple):
        return _loss(loss[0], units, y) if len(loss) == 1 else None
    # Keras chooses among its cross-entropies by the shapes, and so does this.
    if isinstance(loss, str) and loss.lower() in ("crossentropy", "ce"):
        sparse = y is None or np.ndim(y) == 1 or np.shape(y)[-1] == 1
        loss = "binary_crossentropy" if units == 1 else f"{'sparse_' if sparse else ''}categorical_crossentropy"
    return keras.losses.get(loss)


def _metric(metric: Any) -> Any:
    """Return a metric as an object or function; "accuracy" stays a name, since Keras chooses it by the shapes."""
    import keras

    if isinstance(metric, str) and metric.lower() in ("accuracy", "acc"):
        return metric
    return keras.metrics.get("binary_crossentropy" if metric in ("crossentropy", "ce") else metric)


def name_of(function: Any) -> str:
    """Return the name of a loss or metric, seen through wrappers and partial functions."""
    while True:
        if isinstance(function, str):
            return function
        inner = getattr(function, "func", None)  # functools.partial
        if inner is None and type(function).__name__ in ("LossFunctionWrapper", "MeanMetricWrapper"):
            inner = getattr(function, "fn", None) or getattr(function, "_fn", None)
        if inner is None:
            return function.__name__ if hasattr(function, "__name__") else type(function).__name__
        function = inner


def _from_logits(function: Any) -> bool | None:
    """Return a loss's or metric's setting `from_logits`, or None where it has none."""
    for holder in (getattr(function, "keywords", None), getattr(function, "_fn_kwargs", None)):
        if isinstance(holder, dict) and "from_logits" in holder:
            return bool(holder["from_logits"])
    for attribute in ("from_logits", "_from_logits"):
        if isinstance(getattr(function, attribute, None), bool):
            return bool(getattr(function, attribute))
    return None


def snake_case(name: str) -> str:
    """Return a class name in snake case, such as ``binary_crossentropy``."""
    # BinaryCrossentropy -> binary_crossentropy; capitals in a row stay together, KLDivergence -> kldivergence.
    return "".join(
        f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    )


def _activation(tensor: Any, model: Any) -> tuple[str | None, Any]:
    """Return the name of the last activation before an output (None where it is unknown), and its layer."""
    if tensor is None:  # a subclassed model: its last layer is the best guess
        layers = list(getattr(model, "layers", []))
        return (_layer_activation(layers[-1])[0], layers[-1]) if layers else (None, None)
    while True:
        # Back from the output, into models within the model and past layers that change no number, to the last one that
        # does.
        operation = tensor._keras_history.operation
        if getattr(operation, "outputs", None) and hasattr(operation, "layers"):  # a model within the model
            tensor = operation.outputs[tensor._keras_history.tensor_index]
            continue
        name, passes = _layer_activation(operation)
        before = getattr(operation, "input", None) if passes else None
        if before is None or isinstance(before, list | tuple | dict):
            return name, operation
        tensor = before


def _layer_activation(operation: Any) -> tuple[str | None, bool]:
    """Return the activation of a layer or operation, and whether the layer passes its input on unchanged."""
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
