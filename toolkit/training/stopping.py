"""The best epoch of each network, and when to stop training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Best", "end_of_cycle", "third_cycle"]

# On eleven tables, no training whose loss had risen by as much at the end of the third cycle fell below it in the
# fourth; trainings whose loss had risen by up to 3 % did.
_RISE = 1.04
# Share of the loss that a cycle must have taken away for another one to follow. On smooth tables of 1,500 rows the
# fourth cycle took 25 to 40 %, and two more took another 24 to 36 %. On eight real tables of the benchmark it took 3 %
# at most, and two more took 0 to 5 %.
_GAIN = 0.05


def end_of_cycle(epochs: int, cycle: int) -> int:
    """Return the last epoch of a cycle of the schedule ``"cycles"``, whose first four cycles take so many epochs.

    Example:
        >>> [end_of_cycle(64, cycle) for cycle in (1, 2, 3, 4, 5, 6)]
        [4, 13, 30, 64, 132, 269]
    """
    return round(epochs * (2**cycle - 1) / 15)


def third_cycle(epochs: int) -> tuple[int, int] | None:
    """Return the last epochs of the second and the third cycle of the schedule ``"cycles"``.

    If the third cycle brought nothing, or ended far above the lowest loss, the network overfits, and the fourth, half
    of all epochs, brings nothing either.

    A training too short to judge has None.

    Example:
        >>> third_cycle(64), third_cycle(10)
        ((13, 30), None)
    """
    return (end_of_cycle(epochs, 2), end_of_cycle(epochs, 3)) if epochs >= 32 else None


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
        self._lowest: list[float] = []  # mean loss (epochs,), the lowest up to each epoch
        self._lowest_epoch = 0

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
        lowest = self._lowest[-1] if self._lowest else math.inf
        if losses.mean() < lowest:
            lowest, self._lowest_epoch = float(losses.mean()), epoch
        self._lowest.append(lowest)
        if by_schedule and self._cycle is not None and epoch == self._cycle[1]:
            if self._lowest_epoch <= self._cycle[0]:
                return "no improvement in the third learning-rate cycle"
            if losses.mean() > _RISE * lowest > 0:  # a metric that should be high comes with a minus
                return "validation became clearly worse in the third learning-rate cycle"
        if epoch - self._lowest_epoch >= self._patience:
            return f"no {self._wanted} for {self._patience} epochs"
        return None

    def still_improves(self, start: int, end: int) -> bool:
        """Return whether the loss fell clearly in the cycle between two epochs, and was lowest in its last quarter."""
        if len(self._lowest) < end or self._lowest_epoch <= end - (end - start) / 4:
            return False
        before, lowest = self._lowest[start - 1], self._lowest[end - 1]
        return before - lowest >= _GAIN * abs(before)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what is known so far, which later epochs don't change: values of JSON, and arrays by name."""
        arrays = {f"best {number}": weights for number, weights in enumerate(self.weights)}
        arrays |= {"best epochs": self.epochs.copy(), "best losses": self._losses.copy()}
        return {"lowest": list(self._lowest), "lowest_epoch": self._lowest_epoch}, arrays

    def restore(self, values: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `state` returned."""
        self.weights = [arrays[f"best {number}"] for number in range(len(self.weights))]
        self.epochs, self._losses = arrays["best epochs"].copy(), arrays["best losses"].copy()
        self._lowest, self._lowest_epoch = list(values["lowest"]), values["lowest_epoch"]

    def _keep(self, weights: list[NDArray[Any]], better: NDArray[np.bool_]) -> None:
        if self._axes is None:
            self.weights = weights
            return
        # Only the slices of the better networks are replaced: a kernel is (networks, inputs, units) once the networks'
        # axis comes first.
        self.weights = [best.copy() for best in self.weights]
        for best, current, axis in zip(self.weights, weights, self._axes, strict=True):
            np.moveaxis(best, axis, 0)[better] = np.moveaxis(current, axis, 0)[better]
