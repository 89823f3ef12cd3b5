"""Many small networks trained side by side, each with its own width, rate, penalties and seed.

A lesson compares dozens of networks. One by one each would be compiled anew; side by side they share one compiled
epoch, and each learns just as it would alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes.lessons.tools.rows import error
from toolkit.builders import mlp
from toolkit.heads import Head
from toolkit.training.epochs import Worker
from toolkit.training.members import join, member_axes

if TYPE_CHECKING:
    import keras

__all__ = ["Network", "Sweep"]

Floats = NDArray[np.float64]

LONG = 600  # steps of a training, from which on compiling it with XLA pays


@dataclass(frozen=True)
class Network:
    """One network of a sweep, in the words of `toolkit.builders.mlp`."""

    hidden: tuple[int, ...] = (32,)
    learning_rate: float = 0.01
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    dropout: float = 0.0
    seed: int = 0


class Sweep:
    """Networks of one depth that see the same batches.

    A narrow network is a wide one whose further neurons have no weights, and are kept without.

    Args:
        networks: Two or more, with the same number of hidden layers.
        inputs: Number of input columns.
        units: Number of scores.
        head: What the scores mean.
        rows: Training rows an epoch.
        epochs: Passes over them.
        batch_size: Rows a step.
        optimizer: ``"adam"``, ``"rmsprop"``, ``"sgd"``, or ``"momentum"`` (SGD with 0.9).
        constant: Keep the learning rate, which otherwise falls to 0 along a cosine.
        batch_norm: Normalise each hidden layer's sums over the batch.
        bias_spread: Standard deviation of the hidden neurons' initial biases, as in `toolkit.builders.mlp`.
        xla: Compile for speed, which takes a second or two. None does so where the steps are many enough to earn it.

    Example:
        >>> from toolkit.heads import get_head
        >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
        >>> y = (x[:, 0] * x[:, 1] > 0).astype("int32")
        >>> sweep = Sweep([Network((1,)), Network((16,))], 2, 2, get_head("multiclass", "softmax"), rows=64, epochs=60)
        >>> _ = sweep.train(x, y)
        >>> narrow, wide = sweep.measure(x, y)[1]
        >>> bool(wide < narrow)
        True
    """

    def __init__(
        self,
        networks: Sequence[Network],
        inputs: int,
        units: int,
        head: Head,
        *,
        rows: int,
        epochs: int,
        batch_size: int = 32,
        optimizer: str = "adam",
        constant: bool = False,
        batch_norm: bool = False,
        bias_spread: float = 0.0,
        xla: bool | None = None,
    ) -> None:
        import keras

        self.networks, self._head, self._rows, self._epochs = list(networks), head, rows, epochs
        batch = min(batch_size, rows)
        starts = {(one.hidden, one.seed) for one in networks}
        drawn = {
            (wide, seed): mlp(inputs, units, hidden=wide, bias_spread=bias_spread, seed=seed).get_weights()
            for wide, seed in starts
        }
        each = [drawn[one.hidden, one.seed] for one in networks]
        widest = tuple(max(widths) for widths in zip(*(one.hidden for one in networks), strict=True))
        wide = mlp(inputs, units, hidden=widest)
        joined = join([wide] * len(networks))
        self._weights = list(zip(joined.weights, member_axes(joined), strict=True))
        self._model = _between(joined, [one.dropout for one in networks], batch_norm)
        for (variable, axis), shape, *own in zip(
            self._weights, [weight.shape for weight in wide.get_weights()], *each, strict=True
        ):
            variable.assign(np.stack([_padded(weight, shape) for weight in own], axis=axis))
            present = np.stack([_padded(np.ones_like(weight), shape) for weight in own], axis=axis)
            _rule(variable, axis, present, self.networks)
        self._fresh = [variable.numpy() for variable in self._model.variables]  # with the random state of dropout
        steps = epochs * math.ceil(rows / batch)
        course = 1.0 if constant else keras.optimizers.schedules.CosineDecay(1.0, steps)
        kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
        options = {"momentum": 0.9} if optimizer == "momentum" else {}
        made = kinds.get(optimizer, keras.optimizers.SGD)(course, **options)
        self._worker = Worker(self._model, head.loss(), made, batch, xla=steps >= LONG if xla is None else xla)
        _rate_each(made, self._model.trainable_variables, self._weights, [one.learning_rate for one in networks])

    def train(
        self,
        x: NDArray[np.float32],
        y: NDArray[Any],
        *,
        first: int | None = None,
        watch: Mapping[str, tuple[Any, Any]] | None = None,
        seed: int = 0,
    ) -> dict[str, tuple[Floats, Floats]]:
        """Train all networks from their own starts.

        Args:
            x: Training rows, shape (rows, columns).
            y: Their encoded targets.
            first: Learn from so many of the rows alone, each as often as it takes for the steps to stay as many.
            watch: Parts (x, y) by name, measured after each epoch.
            seed: Seed of the order of the rows.

        Returns:
            For each part of `watch` the losses and the errors, each of shape (epochs, networks).
        """
        import tensorflow as tf

        for variable, value in zip(self._model.variables, self._fresh, strict=True):
            variable.assign(value)
        self._worker.start(self._model)
        data = [tf.constant(x), tf.constant(y), None]
        rows = np.resize(np.arange(first or self._rows), self._rows)
        seen: dict[str, list[tuple[Floats, Floats]]] = {part: [] for part in watch or {}}
        for epoch in range(1, self._epochs + 1):
            order = np.random.default_rng((seed, epoch)).permutation(rows)
            self._worker.train(data, order.astype(np.int32))
            for part, values in (watch or {}).items():
                seen[part].append(self.measure(*values))
        return {part: (np.array([v[0] for v in some]), np.array([v[1] for v in some])) for part, some in seen.items()}

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return raw scores, shape (networks, n, units)."""
        return np.moveaxis(np.asarray(self._model(x, training=False)), 1, 0)

    def measure(self, x: NDArray[np.float32], y: NDArray[Any], of: slice = slice(None)) -> tuple[Floats, Floats]:
        """Return the mean loss and the error of each network, or of some, both of shape (networks,)."""
        scores = self.scores(x)[of]
        networks, rows, units = scores.shape
        every = np.concatenate([y] * networks)
        losses = np.asarray(self._head.loss().call(every, scores.reshape(-1, units)))
        errors = np.array([error(self._head, y, own) for own in scores])
        return losses.reshape(networks, rows).mean(axis=1, dtype=np.float64), errors

    def weights(self, place: int) -> list[NDArray[np.float32]]:
        """Return one network's kernels and biases in turn, as `toolkit.builders.mlp` of its width has them."""
        hidden = self.networks[place].hidden
        found = []
        for number, (variable, axis) in enumerate(self._weights):
            own = np.take(variable.numpy(), place, axis=axis)
            layer = number // 2
            if layer < len(hidden):
                own = own[..., : hidden[layer]]
            if own.ndim == 2 and layer:
                own = own[: hidden[layer - 1]]
            found.append(own)
        return found


def _padded(weight: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.pad(weight, [(0, wide - own) for own, wide in zip(weight.shape, shape, strict=True)])


def _per_network(values: Sequence[float], axis: int, dimensions: int) -> NDArray[np.float32]:
    """Return a number a network, in a shape that stands beside a weight of all of them."""
    return np.array(values, np.float32).reshape([-1 if place == axis else 1 for place in range(dimensions)])


def _rule(variable: Any, axis: int, mask: NDArray[Any], networks: Sequence[Network]) -> None:
    """Give a weight of all networks each one's penalty, largest length and missing neurons."""
    import keras
    from keras import ops

    class Missing(keras.constraints.Constraint):
        def __call__(self, w: Any) -> Any:
            return w * mask

    class Penalty(keras.regularizers.Regularizer):
        def __call__(self, x: Any) -> Any:
            return ops.sum(l1 * ops.abs(x)) + ops.sum(l2 * ops.square(x))

    class Length(Missing):
        def __call__(self, w: Any) -> Any:
            w = super().__call__(w)
            lengths = ops.sqrt(ops.sum(ops.square(w), axis=inputs, keepdims=True))
            return ops.where(longest > 0, w * ops.clip(lengths, 0.0, longest) / (keras.backend.epsilon() + lengths), w)

    if variable.name == "bias":
        variable.constraint = Missing()
        return
    inputs = 0 if axis == 1 else 1
    l1, l2 = (_per_network([getattr(one, name) for one in networks], axis, 3) for name in ("l1", "l2"))
    longest = _per_network([one.max_norm or 0.0 for one in networks], axis, 3)
    variable.constraint = Length() if any(one.max_norm for one in networks) else Missing()
    if l1.any() or l2.any():
        variable.regularizer = Penalty()


def _rate_each(
    optimizer: Any, variables: Sequence[Any], weights: Sequence[tuple[Any, int]], rates: Sequence[float]
) -> None:
    """Make an optimiser step each network at its own multiple of the learning rate."""
    axes = {variable.path: axis for variable, axis in weights}
    multiples = {}
    for variable in variables:
        axis = axes.get(variable.path)
        # What batch normalisation learns has a number a neuron, the networks' one after another.
        multiples[variable.value.ref()] = (
            np.repeat(np.array(rates, np.float32), variable.shape[0] // len(rates))
            if axis is None
            else _per_network(rates, axis, len(variable.shape))
        )
    step = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        return step(gradient, variable, learning_rate * multiples[variable.ref()])

    optimizer.update_step = update_step


def _between(joined: keras.Sequential, rates: Sequence[float], batch_norm: bool) -> keras.Sequential:
    """Put batch normalisation before, and each network's own dropout behind, each activation, where asked."""
    import keras
    from keras import ops

    if not any(rates) and not batch_norm:
        return joined

    class EachDropout(keras.layers.Layer):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.source = keras.random.SeedGenerator(seed)

        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            drawn = keras.random.uniform(ops.shape(inputs), seed=self.source)
            return ops.where(drawn < dropped, 0.0, inputs / (1 - dropped))

    dropped = _per_network(rates, 1, 3)
    layers: list[Any] = [keras.Input(joined.input_shape[1:])]
    for place, layer in enumerate(joined.layers):
        if type(layer).__name__ != "Activation":
            layers.append(layer)
            continue
        if batch_norm:
            # Few steps: the averages that stand in for the batch at prediction time have to follow quickly.
            apart = keras.layers.BatchNormalization(momentum=0.9)
            layers += [keras.layers.Flatten(), apart, keras.layers.Reshape(layer.output.shape[1:])]
        layers.append(layer)
        if any(rates):
            layers.append(EachDropout(place))
    return keras.Sequential(layers)
