"""Train several networks of one structure in turns, one epoch each: for networks too large to gain from one program.

Small networks side by side (`toolkit.training.side_by_side`) share the overhead of a step. For large ones only the
matrix products count: in turns they run through one compiled program for a single network, and each of them sees only
the rows that it learns from.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.training.epochs import Worker

if TYPE_CHECKING:
    import keras

__all__ = ["Turns", "gains_from_turns", "rows_per_network"]

# Multiplications per step and network; below, the steps of several networks cost little more than those of one.
_LARGE = 10_000_000


def gains_from_turns(model: keras.Model, batch: int) -> bool:
    """Return whether networks like this one train faster in turns than side by side, at so many rows per step.

    Example:
        >>> from toolkit.builders import mlp
        >>> gains_from_turns(mlp(64, 1), 256), gains_from_turns(mlp(784, 10, hidden=(25, 15)), 32)
        (True, False)
    """
    return batch * model.count_params() > _LARGE


def rows_per_network(left_out: NDArray[np.bool_], batch: int) -> tuple[int, int]:
    """Return how many rows each network gets in one step and in one epoch.

    In a step it gets the batch without the rows that a network leaves out, so that there are as many steps as side by
    side. In an epoch it gets as many rows as the network with most, rounded up to whole steps. So all networks run
    through the same program and the same schedule; a network with fewer rows sees some of them twice.

    Args:
        left_out: Which rows each network leaves out, shape (n, networks).
        batch: Rows per step of all networks.

    Example:
        >>> folds = np.arange(1000)[:, None] % 4 == np.arange(4)
        >>> rows_per_network(folds, 256), rows_per_network(folds, 1000)
        ((192, 768), (750, 750))
    """
    largest = int((~left_out).sum(axis=0).max())
    step = max(1, round(batch * largest / len(left_out)))
    return step, -(-largest // step) * step


class Turns:
    """Several networks, each with its own weights, optimizer state and random state, that share a worker.

    It has the methods of the `Worker` that trains networks side by side.

    Args:
        worker: A worker for one of the networks.
        networks: Built models of the worker's structure.
        axes: The networks' axis in each of the weights that `get_weights` returns.
        left_out: The rows that each network leaves out, to be validated on, shape (n, networks); None leaves out none.
        rows: Rows per epoch and network, where they leave some out; a network with fewer starts again.
        steps: Steps per epoch and network.
        soft: Whether the targets (n, networks, units) are those of each network.
    """

    def __init__(
        self,
        worker: Worker,
        networks: Sequence[keras.Sequential],
        axes: Sequence[int],
        left_out: NDArray[np.bool_] | None,
        rows: int,
        steps: int,
        *,
        soft: bool = False,
    ) -> None:
        self._worker, self._networks, self._axes = worker, networks, axes
        self._left_out, self._rows, self._steps = left_out, rows, steps
        self._soft = soft
        self._states: list[list[Any]] = []

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer, in the state of the network that was trained last."""
        return self._worker.optimizer

    @property
    def override(self) -> Any:
        """The variable that takes the learning rate over."""
        return self._worker.override

    def start(self, model: keras.Sequential) -> None:
        """Start with the networks' weights and random states; `model`, all of them side by side, is not used."""
        for network in self._networks:
            self._worker.start(network)
            self._states.append(self._worker.state())

    def finish(self, model: keras.Sequential) -> None:
        """Do nothing: `Worker.finish` writes random states back, and the joined model has none of its own."""

    def state(self) -> list[Any]:
        """Return copies of everything that training changes, network after network."""
        return [value for state in self._states for value in state]

    def resume(self, state: Sequence[Any]) -> None:
        """Continue from what `state` returned."""
        size = len(state) // len(self._states)
        self._states = [list(state[start : start + size]) for start in range(0, len(state), size)]
        self._worker.resume(self._states[-1])

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the networks' weights side by side."""
        # As `join` orders them: kernels (i, o) of k networks become (k, i, o), or (i, k, o) in the first layer.
        weights = []
        for state in self._states:
            self._worker.resume(state)
            weights.append(self._worker.get_weights())
        return [np.stack(arrays, axis) for arrays, axis in zip(zip(*weights, strict=True), self._axes, strict=True)]

    def set_weights(self, weights: Sequence[NDArray[Any]]) -> None:
        """Set the networks' weights, as `get_weights` returns them."""
        for k, state in enumerate(self._states):
            self._worker.resume(state)
            self._worker.set_weights([np.take(w, k, axis) for w, axis in zip(weights, self._axes, strict=True)])
            self._states[k] = self._worker.state()

    def train_in_pieces(
        self, data: Sequence[Any], order: NDArray[np.int32], *, by_batch: bool
    ) -> Generator[float, None, None]:
        """Train each network on its rows of x, y, and weights or None, in an order of all rows (n,).

        Yields:
            The networks' mean loss so far, after each batch of every network, or only after the last one.
        """
        # order: (n,) -> the rows that each network learns from, repeated to (rows,), so that one program fits all.
        left_out = [] if self._left_out is None else [order[~mask[order]] for mask in self._left_out.T]
        orders = [np.resize(rows, self._rows) for rows in left_out] or [order] * len(self._states)
        pieces = [
            self._worker.train_in_pieces(self._data_of(k, data), rows, by_batch=by_batch)
            for k, rows in enumerate(orders)
        ]
        for _ in range(self._steps if by_batch else 1):
            losses = []
            for k, piece in enumerate(pieces):
                self._worker.resume(self._states[k])
                losses.append(next(piece))
                self._states[k] = self._worker.state()
                if not by_batch:
                    piece.close()  # to free its copy of the rows
            yield float(np.mean(losses))

    def validate(self, data: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the networks' mean losses (networks,) and raw scores (networks, n, units).

        Scores of rows that a network has learned from are NaN.
        """
        losses, scores = [], []
        for k, state in enumerate(self._states):
            self._worker.resume(state)
            left_out = self._left_out
            loss, score = self._worker.validate(data) if left_out is None else self._validate_fold(data, left_out, k)
            losses.append(loss)
            scores.append(score)
        return np.concatenate(losses), np.concatenate(scores)

    def gradient_norm(self, data: Sequence[Any]) -> float:
        """Return the norm of all networks' gradients together, each over the rows that it learns from."""
        import tensorflow as tf

        squares = 0.0
        for k, state in enumerate(self._states):
            self._worker.resume(state)
            part = self._data_of(k, data)
            if self._left_out is not None:
                rows = np.flatnonzero(~self._left_out[:, k])
                part = [None if tensor is None else tf.gather(tensor, rows) for tensor in part]
            squares += self._worker.gradient_norm(part) ** 2
        return squares**0.5

    def _data_of(self, network: int, data: Sequence[Any]) -> Sequence[Any]:
        """Return x, y, and weights or None as a network learns from them."""
        return (data[0], data[1][:, network], *data[2:]) if self._soft else data

    def _validate_fold(
        self, data: Sequence[Any], left_out: NDArray[np.bool_], k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the loss (1,) and scores (1, n, units) of network k on the rows that it leaves out."""
        import tensorflow as tf

        x, y, w = data
        rows = np.flatnonzero(left_out[:, k])
        # All folds are padded to the longest, so that one program fits all networks. Padded rows have weight 0, and the
        # rest is scaled so that the mean over `longest` rows is the mean over the fold.
        longest = int(left_out.sum(axis=0).max())
        padded = np.resize(rows, longest)
        weights = (np.arange(longest) < len(rows)) * (1.0 if w is None else tf.gather(w, padded).numpy())
        weights = tf.constant((weights * longest / len(rows)).astype(np.float32))
        loss, scores = self._worker.validate([tf.gather(x, padded), tf.gather(y, padded), weights])
        all_scores = np.full((1, len(left_out), scores.shape[2]), np.nan, np.float32)
        all_scores[:, rows] = scores[:, : len(rows)]
        return loss, all_scores
