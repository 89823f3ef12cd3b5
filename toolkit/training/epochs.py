"""Whole epochs as compiled programs, kept and used again for models of the same structure.

An epoch takes one order of the rows and loops over the mini-batches inside the graph, with the Keras loss and the Keras
optimiser: no Python a batch. Evaluation is compiled the same way.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.training.members import FEATURE_SCALE, member_axes
from toolkit.training.scoring import gains_from_xla, piece_sizes, scores_by_row

if TYPE_CHECKING:
    import keras

__all__ = ["Worker", "borrow", "give_back", "layer_rates"]

# RealMLP's defaults (Holzmueller et al. 2024), which divides kernels by the root of their inputs in the network itself:
# for Adam that is the same as a rate for each layer, and the network stays plain. A layer of 256 inputs has the rate 1.
_UNIT, _BIAS, _SCALE = 256, 1.6, 96.0

# Keras's losses of one row at a time.
_LOSSES_OF_ROWS = {
    *("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "Poisson"),
    *("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
}


def layer_rates(model: keras.Model) -> list[float]:
    """Return by what the learning rate of each trainable variable is multiplied.

    A weight of a dense layer: ``sqrt(256 / inputs)``, larger where few numbers are summed. A bias 1.6, a learned scale
    of a column 96, anything else 1.

    Args:
        model: A built model.

    Example:
        >>> from toolkit.builders import mlp
        >>> layer_rates(mlp(64, 1, hidden=(16,)))
        [2.0, 1.6, 4.0, 1.6]
    """
    rates = []
    for layer in model.layers:
        dense = type(layer).__name__ in ("Dense", "EinsumDense")
        for variable in layer.trainable_variables:
            if not dense:
                rates.append(1.0)
            elif layer.name == FEATURE_SCALE:
                rates.append(_SCALE)
            else:
                rates.append(_BIAS if variable.name == "bias" else math.sqrt(_UNIT / layer.input.shape[-1]))
    return rates


class Worker:
    """A model with the compiled epochs that train it and the program that validates it.

    Args:
        model: What is trained, from (n, ...) to raw scores (n, units), or (n, members, units) of networks side by side:
            each learns from its own scores.
        loss: Of targets (n, ...) and raw scores (n, units), a mean over the rows.
        optimizer: A Keras optimiser that has seen no model.
        batch: Rows a step.
        by_layer: Multiply the learning rate of each variable by its entry of `layer_rates`.
        clip_norm: Largest length of the gradient of each of several members; a single model's optimiser sees to it.
        xla: False leaves XLA out even where it gains: it compiles for a second, and few steps don't earn that. With
            it dropout draws other numbers than Keras's.
    """

    def __init__(
        self,
        model: keras.Sequential,
        loss: keras.losses.Loss,
        optimizer: keras.optimizers.Optimizer,
        batch: int,
        *,
        by_layer: bool = False,
        clip_norm: float | None = None,
        xla: bool = True,
    ) -> None:
        import keras

        self.model, self.optimizer = model, optimizer
        self._loss, self._batch, self._clip_norm = loss, batch, clip_norm
        self._members = int(model.output_shape[1]) if len(model.output_shape) == 3 else 1
        self._variables = model.trainable_variables
        optimizer.build(self._variables)
        if by_layer:
            _rate_by_variable(optimizer, self._variables, layer_rates(model))
        self._fresh = [variable.numpy() for variable in optimizer.variables]
        self._xla = xla and gains_from_xla(model)
        self._in_a_row = type(model) is keras.Sequential and not any(x.activity_regularizer for x in model.layers)
        self._fills_up = scores_by_row(model) and _is_mean_of_rows(loss)
        self._piece = piece_sizes(model)[-1]
        self._epochs: dict[int, Callable[..., Any]] = {}
        self._validations: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def start(self, model: keras.Sequential) -> None:
        """Take a model's weights and random states, and an optimiser that has seen nothing."""
        if model is not self.model:
            for own, given in zip(self.model.variables, model.variables, strict=True):
                own.assign(given)
        for variable, value in zip(self.optimizer.variables, self._fresh, strict=True):
            variable.assign(value)

    def state(self) -> list[Any]:
        """Return copies of all that training changes: the model's variables, then the optimiser's."""
        import tensorflow as tf

        return [tf.identity(variable.value) for variable in (*self.model.variables, *self.optimizer.variables)]

    def resume(self, state: Sequence[Any]) -> None:
        """Go on from what `state` returned."""
        variables = (*self.model.variables, *self.optimizer.variables)
        for variable, value in zip(variables, state, strict=True):
            variable.value.assign(value, read_value=False)  # Keras's own assign takes three times as long

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the model's weights."""
        return self.model.get_weights()

    def train(self, data: Sequence[Any], order: NDArray[np.int32]) -> float:
        """Train on (x, y, weights or None) in an order of rows; return the sum of their losses as they were met."""
        import tensorflow as tf

        rows = tf.constant(order)
        if len(order) not in self._epochs:
            function = tf.function(self._epoch, jit_compile=self._xla)
            self._epochs[len(order)] = function.get_concrete_function(*data, rows)
        return float(self._epochs[len(order)](*data, rows))

    def validate(self, data: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return each member's mean loss of (x, y, weights or None), and raw scores (members, n, units); no dropout.

        Of several members the weights may be (n, members).
        """
        import tensorflow as tf

        total, scores = np.zeros(self._members), []
        rows = data[0].shape[0]
        for piece in self._pieces(data):
            key = tuple(None if part is None else (tuple(part.shape), part.dtype) for part in piece)
            if key not in self._validations:
                function = tf.function(self._validation, jit_compile=self._xla)
                self._validations[key] = function.get_concrete_function(*piece)
            losses, some = self._validations[key](*piece)
            total += losses.numpy() * some.shape[1]
            scores.append(some.numpy())
        return total / rows, np.concatenate(scores, axis=1)

    def gradient_norm(self, data: Sequence[Any]) -> float:
        """Return the length of the gradient of the whole objective over (x, y, weights or None), dropout off."""
        import tensorflow as tf

        total = [tf.zeros_like(variable.value) for variable in self._variables]
        for x, y, w in self._pieces(data):
            with tf.GradientTape() as tape:
                value = self._objective(self._mean_loss(y, self.model(x, training=False), w))
            gradients = tape.gradient(value, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            share = x.shape[0] / data[0].shape[0]
            total = [s + share * g for s, g in zip(total, gradients, strict=True)]
        return float(tf.linalg.global_norm(total))

    def _pieces(self, data: Sequence[Any]) -> Iterator[list[Any]]:
        """Give (x, y, weights or None) in pieces, so that memory stays small."""
        for start in range(0, data[0].shape[0], self._piece):
            yield [None if part is None else part[start : start + self._piece] for part in data]

    def _epoch(self, x: Any, y: Any, w: Any, order: Any) -> Any:
        import tensorflow as tf

        batch, count = self._batch, order.shape[0]
        whole, rest = divmod(count, batch)
        shares = None
        if whole > 3 and rest and self._fills_up:
            # Rows of no weight fill the last batch up, so that it needs no step of its own to be traced and compiled.
            # Of very few batches it would be a good part of each epoch.
            order = tf.concat([order, tf.repeat(order[:1], batch - rest)], axis=0)
            shares = np.repeat([1.0, batch / rest, 0.0], [whole * batch, rest, batch - rest]).astype(np.float32)
            whole, rest = whole + 1, 0
        # One shuffled copy, through which the batches go in order: a fifth quicker than to gather each from everywhere.
        shuffled = [None if part is None else tf.gather(part, order) for part in (x, y, w)]
        if shares is not None:
            w = shuffled[2]
            shuffled[2] = shares if w is None else w * shares.reshape(-1, *[1] * (w.ndim - 1))

        def rows(start: Any, count: int) -> list[Any]:
            # A static size lets XLA compile one step for all batches.
            return [
                None if part is None else tf.slice(part, [start] + [0] * (part.ndim - 1), [count, *part.shape[1:]])
                for part in shuffled
            ]

        def real(i: Any) -> Any:
            return tf.cast(tf.minimum(batch, count - i * batch), tf.float32)

        total = tf.constant(0.0)
        if whole:
            _, total = tf.while_loop(
                lambda i, _: i < whole,
                lambda i, total: (i + 1, total + self._step(*rows(i * batch, batch)) * real(i)),
                (tf.constant(0), total),
                maximum_iterations=whole,
            )
        return total + self._step(*rows(whole * batch, rest)) * rest if rest else total

    def _step(self, x: Any, y: Any, w: Any) -> Any:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = self._mean_loss(y, self._scores(x), w)
            total = self.optimizer.scale_loss(self._objective(value))
        gradients = tape.gradient(total, self._variables)
        if self._clip_norm is not None and self._members > 1:
            gradients = self._clipped(gradients, self._clip_norm)
        self.optimizer.apply(gradients, self._variables)
        return value

    def _scores(self, x: Any) -> Any:
        """Return raw scores in training."""
        import tensorflow as tf

        inputs = self.model.inputs[0]
        if not (self._xla and self._in_a_row and x.ndim == inputs.ndim):
            return self.model(x, training=True)
        scores = tf.cast(x, inputs.dtype)
        for layer in self.model.layers:
            drops = type(layer).__name__ == "Dropout" and layer.noise_shape is None and 0 < layer.rate < 1
            scores = _dropout(layer, scores) if drops else layer(scores, training=True)
        return scores

    def _mean_loss(self, y: Any, scores: Any, w: Any) -> Any:
        """Return the mean loss of rows, and of members: each sees all rows, unless they have weights of their own."""
        import tensorflow as tf

        if self._members == 1:
            return self._loss(y, scores, sample_weight=w)
        y = tf.repeat(y, self._members, axis=0)
        if w is not None:
            w = tf.repeat(w, self._members, axis=0) if w.ndim == 1 else tf.reshape(w, [-1])
        return self._loss(y, tf.reshape(scores, (-1, scores.shape[-1])), sample_weight=w)

    def _objective(self, value: Any) -> Any:
        """Return what is minimised: the members' losses summed, so that each has the gradient it has alone."""
        import tensorflow as tf

        return tf.add_n([value * self._members if self._members > 1 else value, *self.model.losses])

    def _validation(self, x: Any, y: Any, w: Any) -> Any:
        import tensorflow as tf

        scores = self.model(x, training=False)
        each = tf.unstack(scores, axis=1) if self._members > 1 else [scores]
        weights = [w] * len(each) if w is None or w.ndim == 1 else tf.unstack(w, axis=1)
        losses = [self._loss(y, own, sample_weight=weight) for own, weight in zip(each, weights, strict=True)]
        return tf.stack(losses), tf.stack(each)

    def _clipped(self, gradients: list[Any], longest: float) -> list[Any]:
        """Shorten each member's gradient to the largest length."""
        import tensorflow as tf

        axes = member_axes(self.model)
        moved = [tf.experimental.numpy.moveaxis(g, axis, 0) for g, axis in zip(gradients, axes, strict=True)]
        squares = [tf.reduce_sum(tf.reshape(tf.square(g), (self._members, -1)), axis=1) for g in moved]
        norm = tf.sqrt(tf.add_n(squares))
        share = longest / tf.maximum(norm, longest)
        return [
            g * tf.reshape(share, [-1 if axis == place else 1 for place in range(g.ndim)])
            for g, axis in zip(gradients, axes, strict=True)
        ]


def _is_mean_of_rows(loss: keras.losses.Loss) -> bool:
    """Tell whether a loss is known to be a mean over rows, in which rows of no weight count nothing."""
    ours = type(loss).__module__ == "toolkit.losses"
    known = ours or (type(loss).__module__.startswith("keras.") and type(loss).__name__ in _LOSSES_OF_ROWS)
    return known and loss.reduction == "sum_over_batch_size" and getattr(loss, "ignore_class", None) is None


def _dropout(layer: Any, x: Any) -> Any:
    """Drop numbers as a layer does, by ThreeFry: XLA draws Philox's numbers, Keras's choice, ten times as slowly."""
    import tensorflow as tf

    seed = tf.cast(layer.seed_generator.next(), tf.int32)
    return tf.nn.experimental.stateless_dropout(x, rate=layer.rate, seed=seed, rng_alg="threefry")


def _rate_by_variable(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], rates: Sequence[float]
) -> None:
    """Make an optimiser step each variable at its own multiple of the learning rate."""
    multiples = {variable.value.ref(): rate for variable, rate in zip(variables, rates, strict=True)}
    step = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        return step(gradient, variable, learning_rate * multiples[variable.ref()])

    optimizer.update_step = update_step


#: Workers by what they were compiled for: the most recent ones.
_WORKERS: OrderedDict[Hashable, Worker] = OrderedDict()
_KEPT = 4
_LOCK = threading.Lock()


def borrow(key: Hashable) -> Worker | None:
    """Take the worker out that was compiled for a key, if there is one.

    While it works nobody else has it, so that trainings in several threads don't meet in one model.
    """
    with _LOCK:
        return _WORKERS.pop(key, None)


def give_back(key: Hashable, worker: Worker) -> None:
    """Keep a worker for the next training with this key."""
    with _LOCK:
        _WORKERS[key] = worker
        if len(_WORKERS) > _KEPT:
            _WORKERS.popitem(last=False)
