"""Decision regions: what the networks of a comparison decide on a plane through their inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from toolkit.common.formatting import plain
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.result import Result
from toolkit.report.summary.values import contenders_of, sample, short

__all__ = ["for_comparison"]

CONTENDERS = 3  # whose regions are shown
CLASSES = 10  # up to which there are regions
GRID = 90  # decisions along each side of the plane
ROWS = 2_000  # test rows that the plane is laid through
POINTS = 200  # test rows shown in it

_Reals = NDArray[np.float64]


def for_comparison(comparison: ComparisonResult) -> dict[str, Any] | None:
    """Return the decisions of the first seed's networks on a plane through their encoded test rows.

    None where regions show nothing: many classes, images, fewer than two inputs, or preprocessing that differ.
    """
    trials, classes = [trials[0] for trials in contenders_of(comparison)], len(comparison.classes)
    networks = [(i, t.outcome, t.result) for i, t in enumerate(trials) if t.result is not None][:CONTENDERS]
    names = [getattr(network.preprocessing, "names", None) for *_, network in networks]  # that of images has none
    if classes > CLASSES or not names or names[0] is None or names != [names[0]] * len(names):
        return None
    dataset, preprocessing = comparison.datasets[comparison.seeds[0]], networks[0][2].preprocessing
    inputs = preprocessing.transform(dataset.features.frame.iloc[dataset.parts["test"]]).astype(np.float64)
    if inputs.ndim != 2 or inputs.shape[1] < 2 or len(inputs) < 3:
        return None
    random = np.random.default_rng(0)
    rows = sample(random, len(inputs), ROWS)
    plane = _Plane.through(inputs[rows])
    points = plane.project(inputs[rows])  # (rows, 2)
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    low, high = low - 0.1 * (high - low) - 1e-6, high + 0.1 * (high - low) + 1e-6
    x, y = (np.linspace(low[i], high[i], GRID) for i in (0, 1))
    grid = np.stack([part.ravel() for part in np.meshgrid(x, y)], axis=1)  # (GRID * GRID, 2), row by row from below
    drawn_rows = sample(random, len(rows), POINTS)
    drawn_rows = drawn_rows[((points[drawn_rows] >= low) & (points[drawn_rows] <= high)).all(axis=1)]
    maps, wrong, off = [], [], []
    for i, outcome, network in networks:
        # plane (GRID * GRID, 2) -> inputs (GRID * GRID, inputs) -> classes (GRID, GRID)
        decided = _decided(network, plane.lift(grid)).reshape(GRID, GRID)
        on_plane, predicted = _decided(network, plane.lift(points)), outcome.y_pred[rows]
        wrong.append((outcome.y_true[rows] != predicted)[drawn_rows])
        off.append((on_plane != predicted)[drawn_rows])
        maps.append(
            {
                "contender": i,
                "rows": ["".join(map(str, line)) for line in decided],
                "shares": [(decided == k).mean() for k in range(classes)],
                "as_the_network": (on_plane == predicted).mean(),
            }
        )
    return {
        "inputs": inputs.shape[1],
        "exact": plane.exact,
        "names": [plain(name) for name in names[0][:2]] if plane.exact else None,
        "share": plane.share,
        "x": short([x[0], x[-1]]),
        "y": short([y[0], y[-1]]),
        "maps": maps,
        "points": {
            "x": short(points[drawn_rows, 0]),
            "y": short(points[drawn_rows, 1]),
            "true": networks[0][1].y_true[rows][drawn_rows],
            "wrong": wrong,
            "off": off,
            "of": len(inputs),
        },
        "left_out": [plain(trial.label) for i, trial in enumerate(trials) if i not in [k for k, *_ in networks]],
    }


@dataclass(frozen=True)
class _Plane:
    """A plane in the space of the inputs: its `axes` (2, inputs), `center` (inputs,), and its share of the variance."""

    axes: _Reals
    center: _Reals
    share: float
    exact: bool

    @classmethod
    def through(cls, inputs: _Reals) -> _Plane:
        """Return the plane of the two principal components of inputs (rows, inputs), or of the only two inputs."""
        if inputs.shape[1] == 2:
            return cls(np.eye(2), np.zeros(2), 1.0, True)
        center = inputs.mean(axis=0)
        # LAPACK's fast singular values fail to converge on some tables; two components need no more than this.
        axes, lengths, _ = randomized_svd((inputs - center).T, 2, random_state=0)
        axes, total = axes.T, float(np.square(inputs - center).sum())
        # A component's sign is arbitrary: its largest weight becomes positive.
        axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
        return cls(axes, center, float(np.square(lengths).sum()) / total if total else math.nan, False)

    def project(self, inputs: _Reals) -> _Reals:
        """Return the coordinates (rows, 2) of the points of the plane that are nearest to rows (rows, inputs)."""
        return (inputs - self.center) @ self.axes.T

    def lift(self, points: _Reals) -> _Reals:
        """Return points of the plane (rows, 2) as inputs (rows, inputs)."""
        return points @ self.axes + self.center


def _decided(result: Result, inputs: _Reals) -> NDArray[Any]:
    scores = result.raw_scores(inputs.astype(np.float32))
    return result.decide(scores)
