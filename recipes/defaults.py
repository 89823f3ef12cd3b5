"""What a recipe chooses where the user says nothing: one visible place, shown in the report."""

from __future__ import annotations

from typing import Any

from toolkit.errors import DataError, nearest
from toolkit.training import default_epochs

__all__ = ["COMPARED", "EFFORTS", "choose"]

#: Passes over the training rows, as a multiple of `toolkit.training.default_epochs`, by effort.
EFFORTS = {"quick": 0.25, "default": 1.0, "best": 4.0}

#: The heads that `compare` takes; the others are set against the first.
COMPARED: dict[str, tuple[str, ...]] = {
    "regression": ("squared", "absolute", "huber"),
    "binary": ("logistic", "hinge", "squared_hinge", "squared_sigmoid"),
    "multiclass": ("softmax", "hinge", "squared_hinge"),
    "multilabel": ("logistic", "hinge", "squared_hinge", "separate"),
}

# Numbers of training rows below which a network is held back: by dropout, and by a lower rate too.
_FEW, _VERY_FEW = 10_000, 2_000


def choose(effort: str, rows: int) -> dict[str, dict[str, Any]]:
    """Return the options of the builder and of the training that suit an effort and a number of training rows.

    Few rows are learned by heart within a few epochs, so dropout and a lower rate hold the network back.

    Args:
        effort: A word of `EFFORTS`.
        rows: Number of training rows.

    Returns:
        Options by place, ``"model"`` and ``"training"``.

    Raises:
        DataError: The effort is unknown.

    Example:
        >>> choose("default", 300)["model"]
        {'dropout': 0.3}
    """
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise DataError(f"effort={effort!r}: expected one of {', '.join(EFFORTS)}.{nearest(effort, EFFORTS)}")
    epochs = max(8, round(default_epochs(rows) * EFFORTS[effort]))
    return {
        "model": {"dropout": 0.3 if rows < _FEW else 0.0},
        "training": {"epochs": epochs, "learning_rate": 5e-4 if rows < _VERY_FEW else 1e-3},
    }
