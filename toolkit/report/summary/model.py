"""The model: layers with their parameters, and what the scores mean; the contenders of a comparison and their cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from toolkit.builders import architecture
from toolkit.common.formatting import number, plain
from toolkit.evaluation.comparison_result import ComparisonResult, Trial
from toolkit.evaluation.result import Result
from toolkit.heads import Head
from toolkit.report.summary.values import contenders_of, spread

__all__ = ["for_comparison", "for_result"]


def for_result(result: Result) -> dict[str, Any]:
    """Return the layers of a result's model and its head."""
    preprocessing = result.preprocessing
    # The inputs are a number, or for images height, width and channels.
    layers, width = [], np.atleast_1d(preprocessing.inputs)[-1]
    for layer in architecture(result.model):
        layers.append({**layer, "counted": _counted(layer, width)})
        width = layer["output"][-1] if layer["output"] else width
    head = result.head
    return {
        "inputs": preprocessing.width,
        "columns": len(preprocessing.columns),
        "layers": layers,
        "neurons": sum(layer["neurons"] for layer in layers),
        "parameters": sum(layer["parameters"] for layer in layers),
        "head": {
            "name": head.name,
            "loss": head.about,
            "decision": head.decision,
            "probability": head.probability if result.has_probabilities else _no_probability(head),
            "calibration": None if result.calibration is None else result.calibration.sentence,
            "threshold": result.threshold,
            "link": head.link,
        },
    }


def for_comparison(comparison: ComparisonResult) -> list[dict[str, Any]]:
    """Return what each contender learns by, how its scores are read, and what it costs."""
    contenders = []
    for trials in contenders_of(comparison):
        first = trials[0]
        separate = first.result is None and comparison.task == "multilabel"
        networks = len(comparison.target.columns) if separate else 1
        contenders.append(
            {
                "label": plain(first.label),
                "head": first.head.name,
                "loss": first.head.about,
                "decision": first.head.decision,
                "link": first.head.link,
                "margin": first.head.margin,
                "networks": networks,
                "probabilities": _probabilities(first),
                "parameters": first.parameters,
                "epochs": spread(len(trial.history) for trial in trials),
                "best_epoch": spread(trial.best_epoch for trial in trials),
                "seconds": spread(trial.seconds for trial in trials),
                # The first epoch also compiles the network.
                "seconds_an_epoch": spread(
                    networks * trial.history["seconds"].iloc[min(1, len(trial.history) - 1) :].mean()
                    for trial in trials
                    if "seconds" in trial.history
                ),
            }
        )
    return contenders


def _probabilities(trial: Trial) -> str:
    if trial.calibration is not None:
        return trial.calibration.sentence
    if trial.outcome.probabilities is None:
        return _no_probability(trial.head)
    if trial.result is not None:
        return trial.head.probability
    return "those of each network, calibrated on its own validation scores"


def _no_probability(head: Head) -> str:
    if head.task == "regression":
        return head.probability
    return "none: a margin is not a probability, and there were no validation rows to fit probabilities on"


def _counted(layer: Mapping[str, Any], inputs: int) -> str:
    """Return where a layer's trainable parameters come from; empty where no known rule gives their number."""
    count, units = layer["parameters"], layer["output"][-1] if layer["output"] else 0
    # Each kind: the number of its weights, their size in words, and the number of its biases.
    if layer["type"] == "Dense":  # kernel (inputs, units), bias (units,)
        weights, size, biases = inputs * units, f"{number(inputs)} × {number(units)}", units
    elif layer["type"] == "EinsumDense" and len(layer["output"]) == 2:
        # kernel (members, inputs, units), bias (members, units)
        members = layer["output"][0]
        size = f"{number(members)} × {number(inputs)} × {number(units)}"
        weights, biases = members * inputs * units, members * units
    elif layer["type"] == "Conv2D":
        # kernel (side, side, inputs, units), bias (units,)
        side = math.isqrt(count // (units * inputs))
        size = f"{side} × {side} × {number(inputs)} × {number(units)}"
        weights, biases = side * side * inputs * units, units
    elif layer["type"] == "BatchNormalization" and count == 2 * units:
        return f"{number(units)} scales + {number(units)} shifts" if count else ""
    else:
        return ""
    if not count or count not in (weights, weights + biases):
        return ""
    if count == weights:
        return f"{size} weights"
    return f"{size} weights + {number(biases)} {'bias' if biases == 1 else 'biases'}"
