"""The best epoch of each network, and when a training is enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Best", "third_wave"]


def third_wave(epochs: int) -> tuple[int, int] | None:
    """Return the last epochs of the second and the third wave of ``"cycles"``; None of a training too short to judge.

    Where the third brought nothing, the network overfits, and the last one, half of all epochs, brings nothing either.

    Example:
        >>> third_wave(64), third_wave(10)
        ((13, 30), None)
    """
    return (round(epochs * 3 / 15), round(epochs * 7 / 15)) if epochs >= 32 else None


class Best:
    """The weights of the lowest validation loss of each network; without validation rows those of the last epoch.

    Args:
        weights: Before training; of several networks all side by side.
        axes: The networks' axis of each of the weights; None of a single one.
        networks: Their number.
        wait: Epochs without a lower loss, the networks' mean, after which it is enough.
        wave: What `third_wave` returns, where its rule is to be followed.

    Attributes:
        weights: The best ones.
        epochs: The epoch of each network's, shape (networks,); 0 before training.
    """

    def __init__(
        self,
        weights: list[NDArray[Any]],
        axes: Sequence[int] | None,
        networks: int,
        wait: int,
        wave: tuple[int, int] | None,
    ) -> None:
        self.weights, self.epochs = weights, np.zeros(networks, int)
        self._axes, self._losses = axes, np.full(networks, math.inf)
        self._wait, self._wave = wait, wave
        self._lowest, self._lowest_at = math.inf, 0

    def see(
        self, epoch: int, losses: NDArray[np.float64] | None, present: Callable[[], list[NDArray[Any]]]
    ) -> str | None:
        """Take an epoch in; return a sentence that says why training is enough, or None.

        Args:
            epoch: From 1.
            losses: Each network's validation loss, shape (networks,); None: there are no validation rows.
            present: Returns the present weights.
        """
        better = np.ones(len(self.epochs), bool) if losses is None else losses < self._losses
        if better.any():
            self._keep(present(), better)
            self.epochs[better] = epoch
        if losses is None:
            return None
        self._losses = np.minimum(self._losses, losses)
        if losses.mean() < self._lowest:
            self._lowest, self._lowest_at = losses.mean(), epoch
        if self._wave is not None and epoch == self._wave[1] and self._lowest_at <= self._wave[0]:
            return "the rate's third wave brought no lower validation loss"
        if epoch - self._lowest_at >= self._wait:
            return f"the validation loss had not improved for {self._wait} epochs"
        return None

    def _keep(self, present: list[NDArray[Any]], better: NDArray[np.bool_]) -> None:
        """Write the present weights of the networks that are better than before over the best ones."""
        if self._axes is None:
            self.weights = present
            return
        for kept, new, axis in zip(self.weights, present, self._axes, strict=True):
            np.moveaxis(kept, axis, 0)[better] = np.moveaxis(new, axis, 0)[better]
