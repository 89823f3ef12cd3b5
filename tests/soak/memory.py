"""How resident memory grows over many trainings of different shapes, beside plain Keras on the same networks and rows.

`python -m tests.soak.memory [seed] [count]` trains `count` networks on tables and two fifths as many on images.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from tests.soak.loading import memory

MARGIN = 150  # MiB that our trainings together may keep beyond those of plain Keras
BLOCK = 25
WARM = 3  # trainings that aren't counted: they load libraries


def main(seed: int = 0, count: int = 100) -> int:
    """Print how memory grows, and return 1 if ours grows more than plain Keras's by `MARGIN`."""
    bad = []
    for kind, trainings in (("table", count), ("image", max(1, count * 2 // 5))):
        start, growth = time.perf_counter(), {}
        for trainer in (ours, plain):
            # A new process for each, so that neither inherits what the other keeps.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                growth[trainer.__name__] = pool.submit(grow, trainer, kind, seed, trainings).result()
        figures = [
            f"{name} + {sum(blocks):.0f} MiB (for each {BLOCK}: {', '.join(f'{mib:.0f}' for mib in blocks)})"
            for name, blocks in growth.items()
        ]
        print(f"{trainings} {kind} trainings in {time.perf_counter() - start:.0f} s: {'; '.join(figures)}", flush=True)
        if sum(growth["ours"]) > sum(growth["plain"]) + MARGIN:
            bad.append(kind)
    for kind in bad:
        print(f"BAD {kind} trainings keep over {MARGIN} MiB more than plain Keras's")
    return bool(bad)


def grow(trainer: Callable[[str, np.random.Generator], None], kind: str, seed: int, count: int) -> list[float]:
    """Return the MiB by which memory grows in each block of trainings, after the first few.

    Args:
        trainer: Trains one network of a kind, ``"table"`` or ``"image"``.
        kind: What the networks learn from.
        seed: Draws the shapes, the same for each trainer.
        count: Number of trainings.
    """
    resident = []
    for number in range(WARM + count):
        trainer(kind, np.random.default_rng((seed, number)))
        counted = number + 1 - WARM
        if counted == count or (counted >= 0 and counted % BLOCK == 0):
            gc.collect()
            resident.append(memory("VmRSS") / 2**20)
    return np.diff(resident).tolist()


def ours(kind: str, rng: np.random.Generator) -> None:
    """Train with a recipe."""
    from recipes import images, multiclass

    x, y, options = _problem(kind, rng)
    recipe = multiclass if kind == "table" else images
    recipe.train((x, y), effort="quick", progress=False, **options)


def plain(kind: str, rng: np.random.Generator) -> None:
    """Build the same network, and train and score it with Keras alone on the same shares of the rows."""
    import keras

    from toolkit.builders import cnn, mlp

    x, y, options = _problem(kind, rng)
    epochs, batch = options.pop("epochs"), options.pop("batch_size")
    model = mlp(x.shape[1], 3, **options) if kind == "table" else cnn(x.shape[1:], 3, filters=16)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    train, test = int(0.64 * len(x)), int(0.8 * len(x))
    validation = x[train:test], y[train:test]
    model.fit(x[:train], y[:train], epochs=epochs, batch_size=batch, validation_data=validation, verbose=0)
    model.predict(x[test:], verbose=0)


def _problem(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Draw features (n, ...), classes 0 to 2 (n,) and options of the network and its training."""
    rows = int(rng.integers(60, 200))
    options: dict[str, Any] = {"epochs": int(rng.integers(2, 6)), "batch_size": int(rng.integers(8, 64))}
    if kind == "table":
        x = rng.normal(size=(rows, rng.integers(2, 12)))
        options["hidden"] = rng.integers(4, 40, size=rng.integers(1, 3)).tolist()
    else:
        side = rng.integers(8, 20)
        x = rng.integers(0, 256, size=(rows, side, side, rng.choice([1, 3])), dtype=np.uint8)
    return x, np.arange(rows) % 3, options


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
