"""Runs of this version to attack: `python -m tests.soak.sources FOLDER` trains and saves them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

#: Task -> the options of a quick training, so that the files hold all that a file can: pieces of numbers, margins with
#: isotonic regression, networks side by side, a threshold.
OPTIONS: dict[str, dict[str, Any]] = {
    "regression": {"pieces": 6, "log_target": True, "dropout": 0.1},
    "binary": {"head": "hinge", "threshold": "f1", "batch_norm": True},
    "multiclass": {"class_weight": "balanced", "activation": "maxout"},
    "multilabel": {"head": "squared_hinge", "members": 3, "scaling": "robust"},
}


def train(folder: Path) -> None:
    """Train one run for each task on the sample tables, and save it."""
    from recipes.samples import SAMPLES, path

    for name, sample in SAMPLES.items():
        recipe = importlib.import_module(f"recipes.{sample.task}")
        run = recipe.train(
            path(name), target=sample.target, hidden=(6,), epochs=4, progress=False, **OPTIONS[sample.task]
        )
        run.save(folder / f"{sample.task}.keras")
    recipe = importlib.import_module("recipes.multiclass")
    run = recipe.train(path("wine"), target="grower", build=with_skip, epochs=4, progress=False)
    run.save(folder / "functional.keras")


def with_skip(inputs: int, units: int) -> Any:
    """Return a functional model with connections past layers."""
    import keras

    source = keras.Input((inputs,))
    hidden = keras.layers.Dense(6, "tanh")(source)
    hidden = hidden + keras.layers.Dense(6)(hidden)
    return keras.Model(source, keras.layers.Dense(units)(keras.layers.Concatenate()([hidden, source])))


if __name__ == "__main__":
    train(Path(sys.argv[1]))
