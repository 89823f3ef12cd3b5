"""Networks of one structure trained in turns, an epoch each: those too large to gain from standing side by side.

Side by side (`toolkit.training.members`) small networks share what a step costs beside its products. Of large ones the
products are all that counts: in turns they go through one compiled program, which knows one network, and each sees only
the rows that it learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.training.epochs import Worker

if TYPE_CHECKING:
    import keras

__all__ = ["Turns", "gains_from_turns", "own_rows"]

# Numbers that a step multiplies by weights: below, the steps of several networks cost little more than those of one.
_LARGE = 10_000_000


def gains_from_turns(model: keras.Model, batch: int) -> bool:
    """Tell whether several networks are trained quicker in turns than side by side.

    Args:
        model: One of them, built.
        batch: Rows a step.

    Example:
        >>> from toolkit.builders import mlp
        >>> gains_from_turns(mlp(64, 1), 256), gains_from_turns(mlp(784, 10, hidden=(25, 15)), 32)
        (True, False)
    """
    return batch * model.count_params() > _LARGE


def own_rows(left_out: NDArray[np.bool_], batch: int) -> tuple[int, int]:
    """Return how many rows each network is given in a step and in a pass.

    In a step it is the batch less what a network leaves out of it, so that there are as many steps as side by side; in
    a pass it is as many as the network with most has, in whole steps. So all go through the same program, and along the
    same schedule of the rate. Who has fewer rows sees some of them twice.

    Args:
        left_out: Which rows each network leaves out, shape (n, networks).
        batch: Rows a step.

    Example:
        >>> folds = np.arange(1000)[:, None] % 4 == np.arange(4)
        >>> own_rows(folds, 256), own_rows(folds, 1000)
        ((192, 768), (750, 750))
    """
    most = int((~left_out).sum(axis=0).max())
    step = max(1, round(batch * most / len(left_out)))
    return step, -(-most // step) * step


class Turns:
    """Several networks, each with its own weights, optimiser and random states, that share a worker.

    It stands in the place of a `Worker` of the networks side by side.

    Args:
        worker: Made for one of them.
        networks: Built models of the worker's structure.
        axes: The networks' axis of each weight, as they are returned.
        left_out: Which rows each network leaves out, to be validated on, shape (n, networks); None: it learns from all.
        rows: Of a pass, where they leave some out: who has fewer begins anew.
    """

    def __init__(
        self,
        worker: Worker,
        networks: Sequence[keras.Sequential],
        axes: Sequence[int],
        left_out: NDArray[np.bool_] | None,
        rows: int,
    ) -> None:
        self._worker, self._axes, self._left_out, self._rows = worker, axes, left_out, rows
        self._states = []
        for network in networks:
            worker.start(network)
            self._states.append(worker.state())

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimiser, in the state of the network that came last."""
        return self._worker.optimizer

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the networks' weights side by side."""
        each = []
        for state in self._states:
            self._worker.resume(state)
            each.append(self._worker.get_weights())
        return [np.stack(own, axis) for own, axis in zip(zip(*each, strict=True), self._axes, strict=True)]

    def train(self, data: Sequence[Any], order: NDArray[np.int32]) -> float:
        """Train each on its rows of (x, y, weights or None); return their mean loss times the rows of the order."""
        total = 0.0
        for k, state in enumerate(self._states):
            out = self._left_out
            own = order if out is None else np.resize(order[~out[order, k]], self._rows)
            self._worker.resume(state)
            total += self._worker.train(data, own) / len(own)
            self._states[k] = self._worker.state()
        return total / len(self._states) * len(order)

    def validate(self, data: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return each one's mean loss, and raw scores (networks, n, units): NaN of rows that it has learned from."""
        losses, scores = [], []
        for k, state in enumerate(self._states):
            self._worker.resume(state)
            out = self._left_out
            loss, given = self._worker.validate(data) if out is None else self._watch(data, out, k)
            losses.append(loss)
            scores.append(given)
        return np.concatenate(losses), np.concatenate(scores)

    def gradient_norm(self, data: Sequence[Any]) -> float:
        """Return the length of all networks' gradients together, each over the rows that it learns from."""
        import tensorflow as tf

        squares = 0.0
        for k, state in enumerate(self._states):
            self._worker.resume(state)
            rows = data
            if self._left_out is not None:
                own = np.flatnonzero(~self._left_out[:, k])
                rows = [None if part is None else tf.gather(part, own) for part in data]
            squares += self._worker.gradient_norm(rows) ** 2
        return squares**0.5

    def _watch(
        self, data: Sequence[Any], left_out: NDArray[np.bool_], k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        import tensorflow as tf

        x, y, w = data
        rows = np.flatnonzero(left_out[:, k])
        # All of one length, so that one program does for all networks; what is filled up with counts nothing.
        longest = int(left_out.sum(axis=0).max())
        padded = np.resize(rows, longest)
        weights = (np.arange(longest) < len(rows)) * (1.0 if w is None else tf.gather(w, padded).numpy())
        watched = tf.constant((weights * longest / len(rows)).astype(np.float32))
        loss, scores = self._worker.validate([tf.gather(x, padded), tf.gather(y, padded), watched])
        full = np.full((1, len(left_out), scores.shape[2]), np.nan, np.float32)
        full[:, rows] = scores[:, : len(rows)]
        return loss, full
