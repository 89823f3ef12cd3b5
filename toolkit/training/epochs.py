"""Whole epochs as compiled programs, kept and used again for models of the same structure.

``model.fit`` returns to Python after every batch. Here an epoch takes one order of the rows and loops over the batches
inside the graph, with the Keras loss and the Keras optimizer. Where a callback asks for batches, another program runs
one batch at a time, with the same outcome. Validation is compiled the same way.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common import interrupts
from toolkit.training.recent import Recent
from toolkit.training.scoring import WIDEST, gains_from_xla, piece_sizes, scores_by_row
from toolkit.training.side_by_side import has_scale, member_axes, scaled_dense

if TYPE_CHECKING:
    import keras

__all__ = ["WORKERS", "Worker", "layer_rates"]

# RealMLP's defaults (Holzmueller et al. 2024). RealMLP divides kernels by the root of their inputs in the network
# itself; with Adam a rate for each layer does the same, and the network stays plain. A layer of 256 inputs has rate 1.
_UNIT, _BIAS, _SCALE = 256, 1.6, 96.0

_COMPILING = 10.0  # seconds that the first call of a program may take longer

# Keras's losses that take one row at a time.
_ROW_LOSSES = {
    *("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "Poisson"),
    *("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
}


def layer_rates(model: keras.Model) -> list[float]:
    """Return the factor of the learning rate of each trainable variable.

    ``sqrt(256 / inputs)`` for a weight of a dense layer, 1.6 for a bias, 96 for the learned scale of a column, 1 for
    anything else.

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
            elif layer is model.layers[0] and has_scale(model):
                rates.append(_SCALE)
            else:
                rates.append(_BIAS if variable.name == "bias" else math.sqrt(_UNIT / layer.input.shape[-1]))
    return rates


class Worker:
    """A model with the compiled programs that train and validate it.

    Args:
        model: The model that is trained, from (n, ...) to raw scores (n, units), or (n, members, units) for networks
            side by side: each learns from its own scores.
        loss: Loss of targets (n, ...) and raw scores (n, units).
        optimizer: A Keras optimizer that has not been used yet.
        override: The variable of `toolkit.training.optimizers.make_optimizer` that takes the optimizer's rate over.
        planned_by: The variables there by which the rate is planned, or None.
        batch: Rows per step.
        by_layer: Multiply the learning rate of each variable by its factor of `layer_rates`.
        clip_norm: Largest norm of the gradient of each of several members; for a single model the optimizer clips.
        tied: Give all scores of a network the gradient of the sum of their weights, so that equal weights stay equal.
        xla: Compile with XLA; None where XLA is known to gain. Dropout then draws other random numbers than Keras's.
        widest: Largest number of values that a layer returns for the rows validated together.
        longest_call: About how many seconds a call of a compiled program takes, in which no Ctrl-C is seen.
    """

    def __init__(
        self,
        model: keras.Sequential,
        loss: keras.losses.Loss,
        optimizer: keras.optimizers.Optimizer,
        batch: int,
        *,
        override: Any = None,
        planned_by: Sequence[Any] | None = None,
        by_layer: bool = False,
        clip_norm: float | None = None,
        tied: bool = False,
        xla: bool | None = None,
        widest: int = WIDEST,
        longest_call: float = 1.0,
    ) -> None:
        import keras

        self.model, self.optimizer, self.override, self.planned_by = model, optimizer, override, planned_by
        self._loss, self._batch, self._clip_norm = loss, batch, clip_norm
        self._members = int(model.output_shape[1]) if len(model.output_shape) == 3 else 1
        self._variables = model.trainable_variables
        self._tied = tied and self._variables[-1].name == "bias"
        optimizer.build(self._variables)
        if by_layer:
            _scale_rates(optimizer, self._variables, layer_rates(model))
        self._fresh = [variable.numpy() for variable in optimizer.variables]
        self._xla = gains_from_xla(model) if xla is None else xla
        self._is_chain = type(model) is keras.Sequential and not any(x.activity_regularizer for x in model.layers)
        self._pads = scores_by_row(model) and _is_mean_of_rows(loss)
        self._piece = piece_sizes(model, widest)[-1]
        self._longest_call, self._batches_per_call = longest_call, sys.maxsize
        self._programs: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def start(self, model: keras.Sequential) -> None:
        """Start with a model's weights and random states, and with a fresh optimizer."""
        if model is not self.model:
            for variable, source in zip(self.model.variables, model.variables, strict=True):
                variable.assign(source)
        for variable, value in zip(self.optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        if self.override is not None:
            self.override.assign(math.nan)

    def finish(self, model: keras.Sequential) -> None:
        """Write weights and random states back: the model's dropout goes on where the training ended."""
        if model is not self.model:
            for variable, source in zip(model.variables, self.model.variables, strict=True):
                variable.assign(source)

    def state(self) -> list[Any]:
        """Return copies of everything that training changes: the model's variables, then the optimizer's."""
        import tensorflow as tf

        return [tf.identity(variable.value) for variable in (*self.model.variables, *self.optimizer.variables)]

    def resume(self, state: Sequence[Any]) -> None:
        """Continue from what `state` returned."""
        variables = (*self.model.variables, *self.optimizer.variables)
        for variable, value in zip(variables, state, strict=True):
            variable.value.assign(value, read_value=False)  # Keras's own assign takes three times as long

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the model's weights."""
        return self.model.get_weights()

    def set_weights(self, weights: list[NDArray[Any]]) -> None:
        """Set the model's weights."""
        self.model.set_weights(weights)

    @property
    def scores_by_row(self) -> bool:
        """Whether rows of weight 0 change nothing."""
        return self._pads

    def steps(self, rows: int) -> tuple[int, int, int]:
        """Return how an epoch is divided: full batches, rows of a smaller last batch, and padded rows.

        Where each row is scored separately, rows of weight 0 pad the last batch, so that it needs no step of its own to
        be traced and compiled. With very few batches that would cost more than it saves.

        Args:
            rows: Rows of the epoch.
        """
        full, rest = divmod(rows, self._batch)
        return (full + 1, 0, self._batch - rest) if full > 3 and rest and self._pads else (full, rest, 0)

    def train(self, data: Sequence[Any], order: NDArray[np.int32]) -> float:
        """Train on x, y, and weights or None in an order of rows; return their mean loss on the way."""
        (loss,) = self.train_in_pieces(data, order, by_batch=False)
        return loss

    def train_in_pieces(
        self, data: Sequence[Any], order: NDArray[np.int32], *, by_batch: bool
    ) -> Generator[float, None, None]:
        """Train as `train` does; yield the mean loss so far after each batch, or only after the last one.

        A long epoch goes in several calls, between which Ctrl-C is seen. The weights are the same to the last bit,
        however many batches go in one call.
        """
        import tensorflow as tf

        batch, count, rows = self._batch, len(order), tf.constant(order)
        full, rest, _ = self.steps(count)
        steps, start, total, parts = full + bool(rest), 0, tf.constant(0.0), []
        while start < steps:
            interrupts.check()
            began, programs = time.perf_counter(), len(self._programs)
            stop = min(start + (1 if by_batch else self._batches_per_call), steps)
            if self._xla and full > 3 and not rest and stop - start == steps:
                total = self._compiled(self._epoch, (*data, rows), "epoch")
            else:
                parts = parts or self._shuffled(*data, rows)
                if start < full:
                    bounds = tf.constant([start, min(stop, full)])
                    total = self._compiled(self._loop, (*parts, tf.constant(count), bounds, total), "loop")
                if stop > full:
                    rows_left = [None if part is None else part[full * batch :] for part in parts]
                    total = total + self._compiled(self._step, rows_left, "rest") * rest
            loss = float(total) / min(stop * batch, count)
            self._measure(stop - start, time.perf_counter() - began, compiled=len(self._programs) > programs)
            start = stop
            if by_batch or start == steps:
                yield loss

    def _measure(self, batches: int, seconds: float, *, compiled: bool) -> None:
        """Learn from the time of a call how many batches go in one; the first call of a program compiles it, too."""
        if seconds > self._longest_call + compiled * _COMPILING:
            self._batches_per_call = max(1, int(batches * self._longest_call / seconds))
        else:
            self._batches_per_call = max(2 * batches, self._batches_per_call)

    def validate(self, data: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return each member's mean loss (members,) and raw scores (members, n, units), without dropout.

        Args:
            data: x, y, and weights (n,) or None; for several members the weights may be (n, members).
        """
        # Pieces of at most `_piece` rows, and so at most two programs: losses (m,) and scores (m, rows, units) each.
        total, scores = np.zeros(self._members), []
        rows = data[0].shape[0]
        for piece in self._pieces(data):
            losses, piece_scores = self._compiled(self._validation, piece, "validation")
            total += losses.numpy() * piece_scores.shape[1]
            scores.append(piece_scores.numpy())
        return total / rows, np.concatenate(scores, axis=1)

    def gradient_norm(self, data: Sequence[Any]) -> float:
        """Return the norm of the gradient of the whole objective over x, y, and weights or None, without dropout."""
        import tensorflow as tf

        # The gradient of the mean over n rows is the mean of the pieces' gradients, weighted by their share of n.
        total = [tf.zeros_like(variable.value) for variable in self._variables]
        for x, y, w in self._pieces(data):
            with tf.GradientTape() as tape:
                value = self._objective(self._mean_loss(y, self.model(x, training=False), w))
            gradients = tape.gradient(value, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            share = x.shape[0] / data[0].shape[0]
            total = [s + share * g for s, g in zip(total, gradients, strict=True)]
        return float(tf.linalg.global_norm(total))

    def _pieces(self, data: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield x, y, and weights or None in pieces of rows, so that memory stays small."""
        for start in range(0, data[0].shape[0], self._piece):
            yield [None if part is None else part[start : start + self._piece] for part in data]

    def _compiled(self, function: Callable[..., Any], arguments: Sequence[Any], name: str) -> Any:
        """Call a function, compiled at its first call; with XLA for each number of rows, without for any number."""
        import tensorflow as tf

        def spec(part: Any) -> tf.TensorSpec:
            any_rows = part.ndim and not self._xla
            return tf.TensorSpec([None, *part.shape[1:]] if any_rows else part.shape, part.dtype)

        specs = [None if part is None else spec(part) for part in arguments]
        key = (name, *specs)
        if key not in self._programs:
            self._programs[key] = tf.function(function, jit_compile=self._xla).get_concrete_function(*specs)
        return self._programs[key](*arguments)

    def _epoch(self, x: Any, y: Any, w: Any, order: Any) -> Any:
        """Run more than three full batches in an order of rows (n,), and return the sum of the losses of their rows."""
        # Known bounds let XLA run a step a fifth faster. In short loops and beside a smaller last batch it would round
        # differently than in single steps.
        count = order.shape[0]
        x, y, w = self._shuffled(x, y, w, order)
        return self._loop(x, y, w, count, (0, self.steps(count)[0]), 0.0)

    def _shuffled(self, x: Any, y: Any, w: Any, order: Any) -> list[Any]:
        """Return x, y, and weights or None in an order of rows, padded as `steps` says."""
        import tensorflow as tf

        # The batches go in order through one shuffled copy of the rows: faster than to gather each from all over x.
        #
        #   x  ->  gather  ->  | batch 0 | batch 1 |  ...  | rest |     or, padded,  | rest, first row, first row ... |
        #                         step      step      ...    step                      weights  batch / rest, 0, 0 ...
        batch, count = self._batch, order.shape[0]
        padding = self.steps(count)[2]
        if padding:
            order = tf.concat([order, tf.repeat(order[:1], padding)], axis=0)
        parts = [None if part is None else tf.gather(part, order) for part in (x, y, w)]
        if padding:
            last = batch - padding
            shares = np.repeat([1.0, batch / last, 0.0], [count - last, last, padding]).astype(np.float32)
            w = parts[2]
            parts[2] = tf.constant(shares) if w is None else w * shares.reshape(-1, *[1] * (w.ndim - 1))
        return parts

    def _loop(self, x: Any, y: Any, w: Any, count: Any, bounds: Any, total: Any) -> Any:
        """Run the full batches between two bounds, and add the losses of their rows to the total."""
        import tensorflow as tf

        batch = self._batch

        def rows(i: Any) -> list[Any]:
            # A static size lets XLA compile one step for all batches.
            return [
                None if part is None else tf.slice(part, [i * batch] + [0] * (part.ndim - 1), [batch, *part.shape[1:]])
                for part in (x, y, w)
            ]

        def size(i: Any) -> Any:
            return tf.cast(tf.minimum(batch, count - i * batch), tf.float32)  # without padding

        return tf.while_loop(
            lambda i, _: i < bounds[1],
            lambda i, total: (i + 1, total + self._step(*rows(i)) * size(i)),
            (bounds[0], total),
        )[1]

    def _step(self, x: Any, y: Any, w: Any) -> Any:
        value, gradients = self._gradients(x, y, w)
        self._apply(gradients)
        return value

    def _gradients(
        self, x: Any, y: Any, w: Any, share: Any = None, penalty_share: float = 1.0
    ) -> tuple[Any, list[Any]]:
        """Return the mean loss of rows, and the gradients of the objective.

        Args:
            x: Inputs, shape (n, ...).
            y: Targets, first axis n.
            w: Weights, shape (n,) or (n, members), or None.
            share: What the loss is multiplied by; None is 1.
            penalty_share: What the penalties of weights are multiplied by.
        """
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = self._mean_loss(y, self._scores(x, training=True), w)
            value = value if share is None else value * share
            total = self.optimizer.scale_loss(self._objective(value, penalty_share))  # for types of 16 bits
        return value, tape.gradient(total, self._variables)

    def _apply(self, gradients: list[Any]) -> None:
        """Take a step of the optimizer."""
        import tensorflow as tf

        if self._tied:  # the last kernel, (..., inputs, units); its bias comes after it
            summed = tf.reduce_sum(gradients[-2], axis=-1, keepdims=True)
            gradients[-2] = tf.broadcast_to(summed, tf.shape(gradients[-2]))
        if self._clip_norm is not None and self._members > 1:
            gradients = self._clipped(gradients, self._clip_norm)
        self.optimizer.apply(gradients, self._variables)

    def _scores(self, x: Any, *, training: bool) -> Any:
        """Return raw scores, in training with dropout."""
        import tensorflow as tf

        inputs = self.model.inputs[0]
        layers = self.model.layers
        scaled = has_scale(self.model)
        if not ((self._xla or scaled) and self._is_chain and x.ndim == inputs.ndim):
            return self.model(x, training=training)
        scores = tf.cast(x, inputs.dtype)
        if scaled:
            scores, layers = scaled_dense(layers[0], layers[1], scores), layers[2:]
        # Layer by layer, to replace Keras's dropout, which is slow under XLA.
        for layer in layers:
            drops = type(layer).__name__ == "Dropout" and layer.noise_shape is None and 0 < layer.rate < 1
            replaced = training and self._xla and drops
            scores = _dropout(layer, scores) if replaced else layer(scores, training=training)
        return scores

    def _mean_loss(self, y: Any, scores: Any, w: Any) -> Any:
        """Return the mean loss over rows and members; each member sees all rows, weighted by its own column of w."""
        import tensorflow as tf

        if self._members == 1:
            return self._loss(y, scores, sample_weight=w)
        # Members become rows: scores (n, m, units) -> (n * m, units), y (n, ...) -> (n * m, ...), each row m times, and
        # w (n,) or (n, m) -> (n * m,).
        by_member = y.ndim == scores.ndim  # (n, m, units): each member has targets of its own
        y = tf.reshape(y, (-1, y.shape[-1])) if by_member else tf.repeat(y, self._members, axis=0)
        if w is not None:
            w = tf.repeat(w, self._members, axis=0) if w.ndim == 1 else tf.reshape(w, [-1])
        return self._loss(y, tf.reshape(scores, (-1, scores.shape[-1])), sample_weight=w)

    def _objective(self, value: Any, penalty_share: float = 1.0) -> Any:
        """Return what is minimized: the sum of the members' losses, so that each has the gradient of its own loss."""
        import tensorflow as tf

        penalties = self.model.losses if penalty_share == 1 else [loss * penalty_share for loss in self.model.losses]
        return tf.add_n([value * self._members if self._members > 1 else value, *penalties])

    def _validation(self, x: Any, y: Any, w: Any) -> Any:
        import tensorflow as tf

        scores = self._scores(x, training=False)
        # scores (n, m, units) -> m times (n, units); w (n, m) -> m times (n,). Losses (m,), scores (m, n, units).
        members = tf.unstack(scores, axis=1) if self._members > 1 else [scores]
        weights = [w] * len(members) if w is None or w.ndim == 1 else tf.unstack(w, axis=1)
        losses = [self._loss(y, member, sample_weight=weight) for member, weight in zip(members, weights, strict=True)]
        return tf.stack(losses), tf.stack(members)

    def _clipped(self, gradients: list[Any], largest: float) -> list[Any]:
        """Scale each member's gradient down to the largest norm."""
        import tensorflow as tf

        # The members' axis comes first, (m, ...), for one norm per member (m,) over all variables.
        axes = member_axes(self.model)
        by_member = [tf.experimental.numpy.moveaxis(g, axis, 0) for g, axis in zip(gradients, axes, strict=True)]
        squares = [tf.reduce_sum(tf.reshape(tf.square(g), (self._members, -1)), axis=1) for g in by_member]
        norm = tf.sqrt(tf.add_n(squares))
        share = largest / tf.maximum(norm, largest)
        return [
            g * tf.reshape(share, [-1 if axis == k else 1 for k in range(g.ndim)])
            for g, axis in zip(gradients, axes, strict=True)
        ]


def _is_mean_of_rows(loss: keras.losses.Loss) -> bool:
    """Return whether a loss is known to be a mean over rows, to which rows of weight 0 contribute nothing."""
    module = type(loss).__module__
    by_row = module == "toolkit.losses" or (module.startswith("keras.") and type(loss).__name__ in _ROW_LOSSES)
    return by_row and loss.reduction == "sum_over_batch_size" and getattr(loss, "ignore_class", None) is None


def _dropout(layer: Any, x: Any) -> Any:
    """Apply a dropout layer with ThreeFry: XLA draws Philox's random numbers, Keras's choice, ten times as slowly."""
    import tensorflow as tf

    seed = tf.cast(layer.seed_generator.next(), tf.int32)
    return tf.nn.experimental.stateless_dropout(x, rate=layer.rate, seed=seed, rng_alg="threefry")


def _scale_rates(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], rates: Sequence[float]
) -> None:
    """Make an optimizer multiply its learning rate by a factor for each variable."""
    # The optimizer's own state is not affected: a step of Adam is rate * m / sqrt(v), so a factor of the rate is one of
    # the step.
    factors = {variable.value.ref(): rate for variable, rate in zip(variables, rates, strict=True)}
    step = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        return step(gradient, variable, learning_rate * factors[variable.ref()])

    optimizer.update_step = update_step


#: Workers by what they were compiled for: for each of six settings and one more. A training takes one out, so that no
#: other thread has it meanwhile.
WORKERS = Recent[Worker](7)
