"""The best epoch of each network, and when to stop training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Best", "third_cycle"]

# On eleven tables, no training whose loss had risen by as much at the end of the third cycle fell below it in the
# fourth; trainings whose loss had risen by up to 3 % did.
_RISE = 1.04


def third_cycle(epochs: int) -> tuple[int, int] | None:
    """Return the last epochs of the second and the third cycle of the schedule ``"cycles"``.

    If the third cycle brought nothing, or ended far above the lowest loss, the network overfits, and the fourth, half
    of all epochs, brings nothing either.

    A training too short to judge has None.

    Example:
        >>> third_cycle(64), third_cycle(10)
        ((13, 30), None)
    """
    return (round(epochs * 3 / 15), round(epochs * 7 / 15)) if epochs >= 32 else None


class Best:
    """The weights of the best epoch of each network by its validation loss; without validation rows those of the last.

    Losses may be other numbers of which the lowest is best.

    Args:
        weights: The weights before training; those of several networks side by side.
        axes: The networks' axis in each of the weights; None for a single network.
        networks: Number of networks.
        patience: Epochs without a lower mean loss after which training stops.
        cycle: What `third_cycle` returns, to stop after a third cycle that brought no lower loss; None doesn't look.
        wanted: What must appear for training to go on, for the reason to stop.

    Attributes:
        weights: The best weights.
        epochs: The best epoch of each network, shape (networks,); 0 before training.
    """

    def __init__(
        self,
        weights: list[NDArray[Any]],
        axes: Sequence[int] | None,
        networks: int,
        patience: int,
        cycle: tuple[int, int] | None,
        wanted: str = "lower validation loss",
    ) -> None:
        self.weights, self.epochs = weights, np.zeros(networks, int)
        self._axes, self._losses = axes, np.full(networks, math.inf)
        self._patience, self._cycle, self._wanted = patience, cycle, wanted
        self._lowest, self._lowest_epoch = math.inf, 0

    def update(
        self,
        epoch: int,
        losses: NDArray[np.float64] | None,
        get_weights: Callable[[], list[NDArray[Any]]],
        *,
        by_schedule: bool = True,
    ) -> str | None:
        """Record an epoch; return the reason to stop training, or None.

        Args:
            epoch: The epoch, from 1.
            losses: Each network's validation loss, shape (networks,); None without validation rows.
            get_weights: Returns the current weights.
            by_schedule: Whether the schedule sets the learning rate: its cycles count only then.
        """
        # Each network keeps its best epoch, (networks,) flags and losses; to stop, only their mean counts.
        better = np.ones(len(self.epochs), bool) if losses is None else losses < self._losses
        if better.any():
            self._keep(get_weights(), better)
            self.epochs[better] = epoch
        if losses is None:
            return None
        self._losses = np.minimum(self._losses, losses)
        if losses.mean() < self._lowest:
            self._lowest, self._lowest_epoch = losses.mean(), epoch
        if by_schedule and self._cycle is not None and epoch == self._cycle[1]:
            if self._lowest_epoch <= self._cycle[0]:
                return "no improvement in the third learning-rate cycle"
            if losses.mean() > _RISE * self._lowest > 0:  # a metric that should be high comes with a minus
                return "validation became clearly worse in the third learning-rate cycle"
        if epoch - self._lowest_epoch >= self._patience:
            return f"no {self._wanted} for {self._patience} epochs"
        return None

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what is known so far, which later epochs don't change: values of JSON, and arrays by name."""
        arrays = {f"best {number}": weights for number, weights in enumerate(self.weights)}
        arrays |= {"best epochs": self.epochs.copy(), "best losses": self._losses.copy()}
        return {"lowest": self._lowest, "lowest_epoch": self._lowest_epoch}, arrays

    def restore(self, values: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` returned."""
        self.weights = [arrays[f"best {number}"] for number in range(len(self.weights))]
        self.epochs, self._losses = arrays["best epochs"].copy(), arrays["best losses"].copy()
        self._lowest, self._lowest_epoch = values["lowest"], values["lowest_epoch"]

    def _keep(self, weights: list[NDArray[Any]], better: NDArray[np.bool_]) -> None:
        if self._axes is None:
            self.weights = weights
            return
        # Only the slices of the better networks are replaced: a kernel is (networks, inputs, units) once the networks'
        # axis comes first.
        self.weights = [best.copy() for best in self.weights]
        for best, current, axis in zip(self.weights, weights, self._axes, strict=True):
            np.moveaxis(best, axis, 0)[better] = np.moveaxis(current, axis, 0)[better]
