"""Example data: classes of points in the plane, and four points near a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPES", "START", "X", "Y", "points"]

#: The lecture's four points (Mason Brain, linear regression), and its starting slope and intercept.
X, Y, START = np.array([1.0, 3.0, 6.0, 5.0]), np.array([4.0, 8.0, 14.0, 13.0]), (5.0, 1.0)

#: Name of a data set -> number of classes.
SHAPES = {"gaussians": 2, "circle": 2, "xor": 2, "spiral": 3}


def points(name: str, rows: int = 300, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Generate one of the data sets of `SHAPES`.

    Args:
        name: ``"gaussians"`` (two clouds), ``"circle"`` (a disc in a ring), ``"xor"`` (opposite corners share a class)
            or ``"spiral"`` (three arms).
        rows: Number of points. The classes are equally large if `rows` is a multiple of their number.
        seed: Seed of the random numbers.

    Returns:
        Points of shape (rows, 2), between about -1.2 and 1.2, and class ids of shape (rows,).

    Example:
        >>> x, y = points("spiral", 9)
        >>> x.shape, y.tolist()
        ((9, 2), [0, 0, 0, 1, 1, 1, 2, 2, 2])

    References:
        The spiral: Karpathy, CS231n, a case study of a minimal network.
    """
    # NumPy's older generator: with seed 0 it gives exactly the points of the case study.
    rng = np.random.RandomState(seed)
    classes = SHAPES[name]
    y = np.arange(rows) * classes // rows
    # From 0 to 1 within each class: how far out a point lies
    position = np.concatenate([np.linspace(0, 1, n) for n in np.bincount(y, minlength=classes)])
    match name:
        case "gaussians":
            x = np.where(y[:, None] == 0, -0.45, 0.45) + rng.normal(scale=0.22, size=(rows, 2))
        case "circle":
            # The area of a disc grows with the square of its radius: the root spreads its points evenly.
            radius = np.where(y == 0, 0.55 * np.sqrt(position), 0.8 + 0.3 * position)
            angle = rng.uniform(0, 2 * np.pi, rows)
            x = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        case "xor":
            x = rng.uniform(0.08, 1.0, (rows, 2))
            # Both signs equal for class 0 (two opposite corners), different for class 1 (the two others).
            x *= np.where(rng.random_sample((rows, 1)) < 0.5, 1, -1) * np.stack(
                [np.ones(rows), np.where(y == 0, 1, -1)], axis=1
            )
        case _:
            # Each arm turns by 4 radians, about two thirds of a circle, and starts where the one before it ends.
            angle = 4 * (y + position) + rng.normal(scale=0.2, size=rows)
            x = position[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return x.astype(np.float32), y.astype(np.int32)
