"""What a recipe chooses where the user says nothing: one visible place, shown in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.errors import DataError, nearest

__all__ = ["COMPARED", "EFFORTS", "check_effort", "choose"]

#: Networks trained side by side, by effort: they answer with the mean of their scores.
EFFORTS = {"quick": 1, "default": 4, "best": 16}

#: The heads that `compare` takes; the others are set against the first.
COMPARED: dict[str, tuple[str, ...]] = {
    "regression": ("squared", "absolute", "huber"),
    "binary": ("logistic", "hinge", "squared_hinge", "squared_sigmoid"),
    "multiclass": ("softmax", "hinge", "squared_hinge"),
    "multilabel": ("logistic", "hinge", "squared_hinge", "separate"),
}

# The scaled training and the spread of biases are RealMLP's (Holzmueller et al. 2024), which has the rates 16 times
# larger, as of a layer with one input.
_NETWORK = {"bias_spread": 1.0, "dropout": 0.3}
_RATES = {"regression": 0.0044, "binary": 0.0025, "multiclass": 0.0025, "multilabel": 0.0025}


def check_effort(effort: str) -> None:
    """Refuse a word that is no effort.

    Raises:
        DataError: The effort is unknown.
    """
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise DataError(f"effort={effort!r}: expected one of {', '.join(EFFORTS)}.{nearest(effort, EFFORTS)}")


def choose(task: str, effort: str, asked: Mapping[str, Mapping[str, Any]], *, own: bool = False) -> dict[str, Any]:
    """Return the options of the builder and of the training, and the number of networks, that suit what was asked.

    A network of which the user names a width, an activation or the like is theirs: it is one network, and gets no
    dropout unasked. A builder or an optimiser of the user's own is trained as Keras would.

    Args:
        task: The task.
        effort: A word of `EFFORTS`.
        asked: The options given, by place.
        own: Whether the builder is the user's own.

    Returns:
        ``model`` and ``training``: options by name. ``seeds``: how many networks.

    Example:
        >>> nothing = {"model": {}, "training": {}, "ensemble": {}}
        >>> choose("binary", "default", nothing)["seeds"]
        4
        >>> choose("binary", "default", nothing | {"model": {"hidden": (25, 15)}})["seeds"]
        1
    """
    check_effort(effort)
    named = own or bool(asked["model"])
    seeds = asked["ensemble"].get("seeds")
    training: dict[str, Any] = {}
    if not own and "optimizer" not in asked["training"]:
        penalised = {"l1", "l2", "max_norm"} & set(asked["model"])
        training = {"feature_scale": not penalised, "layer_rates": True, "learning_rate": _RATES[task]}
    return {
        "model": {} if named else dict(_NETWORK),
        "training": training,
        "seeds": (1 if named else EFFORTS[effort]) if seeds is None else seeds,
    }
