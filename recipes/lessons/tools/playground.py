"""The playground: a page with a script that steps through a training recorded epoch by epoch."""

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

from toolkit.report import fill

__all__ = ["Recording", "forward", "page"]

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


def page(recordings: Sequence[Recording]) -> str:
    """Return the playground as one HTML document that works offline.

    Its content-security policy allows no script except the page's, by the script's SHA-256.

    Args:
        recordings: The trainings to choose from. Their networks have the same hidden layers.
    """
    script = resources.files("toolkit.report").joinpath("templates/playground.js").read_text(encoding="utf-8")
    # The policy names the script by its digest: any other script, such as one in a column's name, does not run.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = json.dumps([_as_json(recording) for recording in recordings], allow_nan=False, separators=(",", ":"))
    return fill(
        "playground.html",
        sections=[],
        recordings=recordings,
        # Kernel, bias, kernel, bias, ...: every second weight is a kernel, and the last one gives the scores.
        hidden=[weight.shape[1] for weight in recordings[0].weights[0][:-2:2]],
        script=Markup(script),
        digest=digest,
        recorded=Markup(data.replace("<", "\\u003c")),  # a name that holds "</script>" must not end the element
    )


def _as_json(recording: Recording) -> dict[str, Any]:
    """Return a recording as JSON values; each float32 has the fewest digits that restore it exactly."""

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
