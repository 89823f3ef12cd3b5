"""Many small networks trained side by side, each with its own width, learning rate, penalties and seed.

A lesson compares dozens of networks. Trained one after another, each would be compiled anew; side by side they share
one compiled epoch, and each learns exactly as it would by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes.lessons.tools.progress import step
from recipes.lessons.tools.rows import error
from toolkit.builders import mlp
from toolkit.heads import Head
from toolkit.training.epochs import Worker
from toolkit.training.side_by_side import join, member_axes

if TYPE_CHECKING:
    import keras

__all__ = ["Network", "Sweep"]

Floats = NDArray[np.float64]

XLA_STEPS = 600  # a training of at least this many steps is worth the second or two that XLA takes to compile


@dataclass(frozen=True)
class Network:
    """One network of a sweep; the fields are arguments of `toolkit.builders.mlp`, and its learning rate."""

    hidden: tuple[int, ...] = (32,)
    learning_rate: float = 0.01
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    dropout: float = 0.0
    bias_spread: float = 0.0
    seed: int = 0


class Sweep:
    """Networks of equal depth that see the same batches.

    A narrow network is stored as a wide one: the weights of its missing neurons are 0 and stay 0.

    Args:
        networks: Two or more, with the same number of hidden layers.
        head: What the scores mean.
        shape: Training rows, input columns, and scores per row.
        epochs: Passes over the training rows.
        batch_size: Rows per step.
        optimizer: ``"adam"``, ``"rmsprop"``, ``"sgd"``, or ``"momentum"`` (SGD with momentum 0.9).
        constant: Keep the learning rate; otherwise it falls to 0 along a cosine.
        batch_norm: Normalize the sums of each hidden layer over the batch.

    Example:
        >>> from toolkit.heads import get_head
        >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
        >>> y = (x[:, 0] * x[:, 1] > 0).astype("int32")
        >>> sweep = Sweep([Network((1,)), Network((16,))], get_head("multiclass", "softmax"), (64, 2, 2), epochs=60)
        >>> _ = sweep.train(x, y)
        >>> narrow, wide = sweep.measure(x, y)[1]
        >>> bool(wide < narrow)
        True
    """

    def __init__(
        self,
        networks: Sequence[Network],
        head: Head,
        shape: tuple[int, int, int],
        *,
        epochs: int,
        batch_size: int = 32,
        optimizer: str = "adam",
        constant: bool = False,
        batch_norm: bool = False,
    ) -> None:
        self._rows, inputs, units = shape
        self.networks, self._head, self._epochs = list(networks), head, epochs
        joined, self._weights = _joined(networks, inputs, units)
        self._model = _with_dropout(joined, [network.dropout for network in networks], batch_norm)
        self._initial = [variable.numpy() for variable in self._model.variables]  # dropout's random state included
        batch = min(batch_size, self._rows)
        steps = epochs * math.ceil(self._rows / batch)
        keras_optimizer = _optimizer(optimizer, None if constant else steps)
        self._worker = Worker(
            self._model, head.loss(), keras_optimizer, batch, xla=None if steps >= XLA_STEPS else False
        )
        rates = [network.learning_rate for network in networks]
        _set_rates(keras_optimizer, self._model.trainable_variables, self._weights, rates)

    def train(
        self,
        x: NDArray[np.float32],
        y: NDArray[Any],
        *,
        first: int | None = None,
        watch: Mapping[str, tuple[Any, Any]] | None = None,
        seed: int = 0,
    ) -> dict[str, tuple[Floats, Floats]]:
        """Train all networks, each from its initial weights.

        Args:
            x: Training rows, shape (rows, columns).
            y: Their encoded targets.
            first: Learn from the first `first` rows only, repeated so that the number of steps stays the same.
            watch: Name -> (x, y), to be measured after each epoch.
            seed: Seed of the order of the rows.

        Returns:
            For each name of `watch` the losses and the errors, both of shape (epochs, networks).
        """
        import tensorflow as tf

        for variable, value in zip(self._model.variables, self._initial, strict=True):
            variable.assign(value)
        self._worker.start(self._model)
        data = [tf.constant(x), tf.constant(y), None]
        rows = np.resize(np.arange(first or self._rows), self._rows)  # 0, 1, ..., first - 1, 0, 1, ...
        measured: dict[str, list[tuple[Floats, Floats]]] = {name: [] for name in watch or {}}
        for epoch in range(1, self._epochs + 1):
            order = np.random.default_rng((seed, epoch)).permutation(rows)
            self._worker.train(data, order.astype(np.int32))
            step(f"{len(self.networks)} networks, epoch", epoch, self._epochs)
            for name, (part_x, part_y) in (watch or {}).items():
                measured[name].append(self.measure(part_x, part_y))
        return {
            name: (np.array([losses for losses, _ in epochs]), np.array([errors for _, errors in epochs]))
            for name, epochs in measured.items()
        }

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return raw scores, shape (networks, n, units)."""
        # (n, networks, units) -> (networks, n, units)
        return np.moveaxis(np.asarray(self._model(x, training=False)), 1, 0)

    def measure(self, x: NDArray[np.float32], y: NDArray[Any], networks: slice = slice(None)) -> tuple[Floats, Floats]:
        """Return the mean loss and the error of each network, or of a slice of them; both of shape (networks,)."""
        scores = self.scores(x)[networks]
        count, rows, units = scores.shape
        # The head's loss takes (rows, units), so the networks are stacked below each other.
        losses = np.asarray(self._head.loss().call(np.concatenate([y] * count), scores.reshape(-1, units)))
        errors = np.array([error(self._head, y, network_scores) for network_scores in scores])
        return losses.reshape(count, rows).mean(axis=1, dtype=np.float64), errors

    def weights(self, index: int) -> list[NDArray[np.float32]]:
        """Return the kernels and biases of one network, shaped as in a `toolkit.builders.mlp` of its width."""
        hidden = self.networks[index].hidden
        weights = []
        for position, (variable, axis) in enumerate(self._weights):
            weight = np.take(variable.numpy(), index, axis=axis)
            layer = position // 2
            # Cut the missing neurons off: the outputs of a hidden layer, then the inputs of the layer after it.
            if layer < len(hidden):
                weight = weight[..., : hidden[layer]]
            if weight.ndim == 2 and layer:
                weight = weight[: hidden[layer - 1]]
            weights.append(weight)
        return weights


def _joined(
    networks: Sequence[Network], inputs: int, units: int
) -> tuple[keras.Sequential, list[tuple[keras.Variable, int]]]:
    """Return one model of all networks, and its weights, each with the axis along which the networks lie.

    With m networks, the widest layers a and b wide:

        first kernel      (inputs, m, a)    axis 1: all networks read the same columns
        first bias        (m, a)            axis 0
        second kernel     (m, a, b)         axis 0
        second bias       (m, b)            axis 0
    """
    widest = tuple(max(widths) for widths in zip(*(network.hidden for network in networks), strict=True))
    template = mlp(inputs, units, hidden=widest)
    joined = join([template] * len(networks))
    weights = list(zip(joined.weights, member_axes(joined), strict=True))
    # Networks that differ only in rate or penalty start from the same weights, which are made once.
    starts = {(network.hidden, network.bias_spread, network.seed) for network in networks}
    initial = {
        (hidden, spread, seed): mlp(inputs, units, hidden=hidden, bias_spread=spread, seed=seed).get_weights()
        for hidden, spread, seed in starts
    }
    per_network = [initial[network.hidden, network.bias_spread, network.seed] for network in networks]
    for (variable, axis), weight, *narrow in zip(weights, template.get_weights(), *per_network, strict=True):
        shape = weight.shape
        variable.assign(np.stack([_padded(values, shape) for values in narrow], axis=axis))
        present = np.stack([_padded(np.ones_like(values), shape) for values in narrow], axis=axis)
        _constrain(variable, axis, present, networks)
    return joined, weights


def _padded(weight: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a weight with zeros added at the end of each axis."""
    return np.pad(weight, [(0, size - current) for current, size in zip(weight.shape, shape, strict=True)])


def _per_network(values: Sequence[float], axis: int, dimensions: int) -> NDArray[np.float32]:
    """Return one number per network, shaped to broadcast against a weight with the networks along `axis`."""
    return np.array(values, np.float32).reshape([-1 if index == axis else 1 for index in range(dimensions)])


def _constrain(variable: Any, axis: int, present: NDArray[Any], networks: Sequence[Network]) -> None:
    """Give a weight of all networks each network's penalty and longest norm, and keep missing neurons at 0.

    Args:
        variable: A kernel or bias of the joined model.
        axis: The axis along which the networks lie.
        present: 1 for the weights of a network's neurons, 0 for those that pad it; the variable's shape.
        networks: The networks.
    """
    import keras
    from keras import ops

    class PresentOnly(keras.constraints.Constraint):
        def __call__(self, w: Any) -> Any:
            return w * present

    class Penalty(keras.regularizers.Regularizer):
        def __call__(self, x: Any) -> Any:
            return ops.sum(l1 * ops.abs(x)) + ops.sum(l2 * ops.square(x))

    class MaxNorm(PresentOnly):
        def __call__(self, w: Any) -> Any:
            w = super().__call__(w)
            # One norm per neuron, over its incoming weights; 1 along the axis of the inputs.
            norms = ops.sqrt(ops.sum(ops.square(w), axis=inputs, keepdims=True))
            scaled = w * ops.clip(norms, 0.0, max_norms) / (keras.backend.epsilon() + norms)
            return ops.where(max_norms > 0, scaled, w)

    if variable.name == "bias":
        variable.constraint = PresentOnly()
        return
    inputs = 0 if axis == 1 else 1  # the axis of the inputs: see the shapes in `_joined`
    l1 = _per_network([network.l1 for network in networks], axis, 3)
    l2 = _per_network([network.l2 for network in networks], axis, 3)
    max_norms = _per_network([network.max_norm or 0.0 for network in networks], axis, 3)  # 0 is no limit
    variable.constraint = MaxNorm() if any(network.max_norm for network in networks) else PresentOnly()
    if l1.any() or l2.any():
        variable.regularizer = Penalty()


def _optimizer(name: str, steps: int | None) -> keras.optimizers.Optimizer:
    """Return a Keras optimizer of rate 1, which falls to 0 over the steps; `_set_rates` adds each network's rate."""
    import keras

    rate = 1.0 if steps is None else keras.optimizers.schedules.CosineDecay(1.0, steps)
    if name == "momentum":
        return keras.optimizers.SGD(rate, momentum=0.9)
    classes = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    return classes.get(name, keras.optimizers.SGD)(rate)


def _set_rates(
    optimizer: Any, variables: Sequence[Any], weights: Sequence[tuple[Any, int]], rates: Sequence[float]
) -> None:
    """Make an optimizer multiply its learning rate by each network's rate."""
    axes = {variable.path: axis for variable, axis in weights}
    factors = {}
    for variable in variables:
        axis = axes.get(variable.path)
        # Batch normalization's scale and shift have shape (m * units,): first all neurons of network 0, then of 1, ...
        factors[variable.value.ref()] = (
            np.repeat(np.array(rates, np.float32), variable.shape[0] // len(rates))
            if axis is None
            else _per_network(rates, axis, len(variable.shape))
        )
    step = optimizer.update_step

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        return step(gradient, variable, learning_rate * factors[variable.ref()])

    optimizer.update_step = update_step


def _with_dropout(joined: keras.Sequential, rates: Sequence[float], batch_norm: bool) -> keras.Sequential:
    """Add batch normalization before each activation, and each network's dropout after it, where asked for."""
    import keras
    from keras import ops

    if not any(rates) and not batch_norm:
        return joined

    class DropoutPerNetwork(keras.layers.Layer):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.source = keras.random.SeedGenerator(seed)

        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            uniform = keras.random.uniform(ops.shape(inputs), seed=self.source)
            # Divided by the share that is kept, the expected output is the same as without dropout.
            return ops.where(uniform < dropout, 0.0, inputs / (1 - dropout))

    dropout = _per_network(rates, 1, 3)  # (1, m, 1), against outputs of shape (batch, m, units)
    layers: list[Any] = [keras.Input(joined.input_shape[1:])]
    for index, layer in enumerate(joined.layers):
        if type(layer).__name__ != "Activation":
            layers.append(layer)
            continue
        if batch_norm:
            # There are few steps, so the moving averages used for prediction have to follow quickly.
            normalize = keras.layers.BatchNormalization(momentum=0.9)
            # (batch, m, units) -> (batch, m * units), each neuron with its own statistics -> back
            layers += [keras.layers.Flatten(), normalize, keras.layers.Reshape(layer.output.shape[1:])]
        layers.append(layer)
        if any(rates):
            layers.append(DropoutPerNetwork(index))
    return keras.Sequential(layers)
