"""A training recorded epoch by epoch, and the one page with a script, on which it is stepped through."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from toolkit.report.page import fill

__all__ = ["Recording", "forward", "page"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """A network's weights at some epochs of its training, all of its hidden layers tanh.

    Attributes:
        name: What the points are called.
        labels: What the classes are called.
        axes: What runs along x and along y.
        x: Training points, float32 of shape (n, 2).
        y: Their class numbers, shape (n,).
        window: Both ends of the plane to show, the same along x and y.
        epochs: After how many passes each state was taken; 0 is before training.
        weights: Each state's kernels and biases in turn, as ``model.get_weights()`` gives them.
        losses: Each state's mean cross-entropy on the points.
        right: Each state's share of points decided right.
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
    """Return what each hidden layer makes of points, and the scores last.

    Args:
        weights: Kernels and biases in turn; between them tanh.
        x: Points, shape (n, columns).

    Example:
        >>> unit = [np.array([[1.0], [0.0]]), np.zeros(1), np.array([[2.0]]), np.ones(1)]
        >>> [part.tolist() for part in forward(unit, np.zeros((1, 2)))]
        [[[0.0]], [[1.0]]]
    """
    layers = []
    for place in range(0, len(weights), 2):
        sums = (layers[-1] if layers else x) @ weights[place] + weights[place + 1]
        layers.append(sums if place == len(weights) - 2 else np.tanh(sums))
    return layers


def page(recordings: Sequence[Recording]) -> str:
    """Return the playground: a page that works without a server, and whose policy admits its own script alone.

    Args:
        recordings: What can be chosen on it; networks of one shape but for their scores.

    Returns:
        One HTML document.
    """
    script = resources.files("toolkit.report").joinpath("templates/playground.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # A "<" in a name must not end the element that holds the data.
    data = json.dumps([_plain(one) for one in recordings], allow_nan=False, separators=(",", ":"))
    return fill(
        "playground.html",
        sections=[],
        recordings=recordings,
        hidden=[weight.shape[1] for weight in recordings[0].weights[0][:-2:2]],
        script=Markup(script),
        digest=digest,
        recorded=Markup(data.replace("<", "\\u003c")),
    )


def _plain(recording: Recording) -> dict[str, Any]:
    """Return a recording as JSON holds it: each float32 in as few digits as give it back."""

    def short(values: Any) -> Any:
        array = np.asarray(values, np.float32)
        return [short(row) for row in array] if array.ndim > 1 else [float(str(value)) for value in array]

    return {
        "name": recording.name,
        "labels": list(recording.labels),
        "axes": list(recording.axes),
        "x": short(recording.x),
        "y": recording.y.tolist(),
        "window": list(recording.window),
        "epochs": list(recording.epochs),
        "weights": [[short(weight) for weight in state] for state in recording.weights],
        "losses": [float(value) for value in recording.losses],
        "right": [float(value) for value in recording.right],
    }
