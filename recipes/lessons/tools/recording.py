"""A small network's training, recorded at several epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Recording", "forward"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """A tanh network's weights at several epochs of its training.

    Attributes:
        name: Name of the data set.
        labels: Class names.
        axes: Labels of the x axis and the y axis.
        x: Training points, float32 of shape (n, 2).
        y: Class ids, shape (n,).
        window: Lower and upper limit of both axes.
        epochs: The recorded epochs; 0 is before training.
        weights: One list per epoch: kernel, bias, kernel, bias, ... as ``model.get_weights()`` returns them.
        losses: Mean cross-entropy on the points, one per epoch.
        right: Accuracy on the points, one per epoch.
    """

    name: str
    labels: Sequence[str]
    axes: tuple[str, str]
    x: Floats
    y: NDArray[np.int32]
    window: tuple[float, float]
    epochs: Sequence[int]
    weights: Sequence[Sequence[Floats]]
    losses: Sequence[float]
    right: Sequence[float]


def forward(weights: Sequence[Floats], x: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the outputs of each hidden layer, and the scores last.

    Args:
        weights: Kernel, bias, kernel, bias, ... of a tanh network.
        x: Points, shape (n, columns).

    Example:
        >>> unit = [np.array([[1.0], [0.0]]), np.zeros(1), np.array([[2.0]]), np.ones(1)]
        >>> [part.tolist() for part in forward(unit, np.zeros((1, 2)))]
        [[[0.0]], [[1.0]]]
    """
    layers = []
    for kernel in range(0, len(weights), 2):
        sums = (layers[-1] if layers else x) @ weights[kernel] + weights[kernel + 1]  # (n, units)
        layers.append(sums if kernel == len(weights) - 2 else np.tanh(sums))
    return layers
