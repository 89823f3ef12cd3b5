"""Our loop and Keras in separate processes: the jobs of the benchmarks `loop` and `calls`.

`measuring.Worker` sends the jobs. A job imports what it needs, so that a process loads one framework.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tests.benchmarks import datasets, measuring
from tests.benchmarks.measuring import Shape

# ------------------------------------------------------------------------------------------------- seconds per epoch


# The options with which a recipe trains a table.
_RECIPE = {"feature_scale": True, "layer_rates": True, "schedule": "cycles", "label_smoothing": 0.1}


def ours(
    shape: dict[str, Any],
    epochs: int,
    members: int = 1,
    side_by_side: bool = False,
    xla: bool = False,
    recipe: bool = False,
) -> dict[str, float]:
    """Train with our loop; the first epoch, which may compile, is returned separately.

    Args:
        shape: The fields of a `Shape`.
        epochs: Number of epochs.
        members: Number of networks.
        side_by_side: Whether to train them side by side although the loop would train them in turns.
        xla: Whether XLA compiles convolutions too, which the loop would not do.
        recipe: Whether to train with the options of a recipe.
    """
    from toolkit import training
    from toolkit.heads import get_head
    from toolkit.training.scoring import gains_from_xla

    loop = Shape(**shape)
    x, y = loop.data()
    models = [_network(loop) for _ in range(members)]
    model = models if members > 1 else models[0]
    head = get_head("multiclass", "softmax")
    ways: dict[str, Any] = {"xla": xla or gains_from_xla(models[0])}  # as in a training of the usual length
    ways |= {"in_turns": False} if side_by_side else {}
    ways |= _RECIPE if recipe else {}
    trained = training.fit(model, head, x, y, epochs=epochs, batch_size=loop.batch, progress=False, **ways)
    first, *later = trained.history["seconds"]
    return {"seconds": median(later), "first": first}


_COMPILED: dict[tuple[str, bool], Any] = {}


def keras(shape: dict[str, Any], epochs: int, tuned: bool = False) -> dict[str, float]:
    """Train with `model.fit`, by hand; the model stays compiled between calls.

    Args:
        shape: The fields of a `Shape`.
        epochs: Number of epochs.
        tuned: Whether to use ``steps_per_execution`` and ``jit_compile``.
    """
    import keras

    loop = Shape(**shape)
    x, y = loop.data()
    if (str(loop), tuned) not in _COMPILED:
        model = _COMPILED[str(loop), tuned] = _network(loop)
        options = {"steps_per_execution": 64, "jit_compile": True} if tuned else {}
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)

    class Watch(keras.callbacks.Callback):
        seconds: list[float]

        def on_train_begin(self, logs: Any = None) -> None:
            self.seconds = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds.append(time.perf_counter() - self.started)

    watch = Watch()
    _COMPILED[str(loop), tuned].fit(x, y, batch_size=loop.batch, epochs=epochs, verbose=0, callbacks=[watch])
    first, *later = watch.seconds
    return {"seconds": median(later), "first": first}


def products(shape: dict[str, Any], epochs: int) -> dict[str, float]:
    """Compute only the matrix products of an epoch, in NumPy, on one thread or on all, whichever is faster."""
    from threadpoolctl import threadpool_limits

    loop = Shape(**shape)
    x, _ = loop.data()
    sizes = [loop.columns, *loop.hidden, loop.classes]
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=size).astype(np.float32) for size in pairwise(sizes)]
    # Only the sizes matter: activations replace gradients of the same shape.
    values = [rng.normal(size=(loop.batch, size)).astype(np.float32) for size in sizes]

    def epoch() -> float:
        start = time.perf_counter()
        for at in range(0, len(x) - loop.batch + 1, loop.batch):
            inputs = [x[at : at + loop.batch], *values[1:-1]]
            for rows, weight in zip(inputs, weights, strict=True):
                np.matmul(rows, weight)
            for layer in reversed(range(len(weights))):
                np.matmul(inputs[layer].T, values[layer + 1])
                if layer:
                    np.matmul(values[layer + 1], weights[layer].T)
        return time.perf_counter() - start

    runs = []
    for threads in (1, None):
        with threadpool_limits(threads):
            runs.append([epoch() for _ in range(epochs)])
    return {"seconds": min(median(seconds[1:]) for seconds in runs), "first": runs[0][0]}


def _network(shape: Shape) -> Any:
    """Build a plain network with a linear output; for images the small convolutional one of keras.io."""
    import keras
    from keras import layers

    if shape.image:
        inside = [
            layers.Reshape((shape.image, shape.image, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
        ]
    else:
        inside = [layers.Dense(units, "relu") for units in shape.hidden]
    return keras.Sequential([keras.Input((shape.columns,)), *inside, layers.Dense(shape.classes)])


# ------------------------------------------------------------------------------------------------------------ memory


def memory(kind: str, times: int, blocks: int = 5) -> list[float]:
    """Return how many MiB memory grows with each training of a new model: the mean of each block of trainings.

    Args:
        kind: ``"fit"`` (`toolkit.training.fit` on one shape), ``"train"`` (a complete call of a recipe) or ``"keras"``.
        times: Trainings per block; the first block is not counted.
        blocks: Number of blocks that are counted.
    """
    resident = []
    for _ in range(1 + blocks):
        for _ in range(times):
            _TRAININGS[kind]()
        gc.collect()
        resident.append(measuring.resident())
    return [(after - before) / times for before, after in pairwise(resident)]


_SMALL = Shape(rows=2_000, columns=64, hidden=(256, 256, 256), classes=10, batch=32)._asdict()


def _train() -> None:
    from recipes import multiclass

    frame = datasets.load("wine").frame
    multiclass.train(frame, target="target", epochs=2, baselines=False, progress=False)


def _keras() -> None:
    keras(_SMALL, 2)
    _COMPILED.clear()


_TRAININGS: dict[str, Callable[[], Any]] = {"fit": lambda: ours(_SMALL, 2), "train": _train, "keras": _keras}


# ------------------------------------------------------------------------------------------------------------- calls

_RUNS: dict[str, Any] = {}


def _run_on_arrays() -> Any:
    from recipes import binary

    if "arrays" not in _RUNS:
        frame = datasets.load("breast_cancer").frame
        pair = (frame.drop(columns="target").to_numpy(), frame["target"].to_numpy())
        _RUNS["arrays"] = binary.train(pair, effort="quick", baselines=False, progress=False)
    return _RUNS["arrays"]


def one_row(times: int) -> dict[str, float]:
    """Return the median seconds to predict one row given as an array: by the run, and by its Keras model."""
    run = _run_on_arrays()
    raw = datasets.load("breast_cancer").frame.drop(columns="target").to_numpy()[:1]
    encoded = np.zeros((1, run.model.input_shape[-1]), np.float32)
    ways: dict[str, Callable[[], Any]] = {
        "run.predict": lambda: run.predict(raw),
        "model.predict": lambda: run.model.predict(encoded, verbose=0),
        "model(x)": lambda: run.model(encoded),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(times):
        for way, call in ways.items():
            start = time.perf_counter()
            call()
            seconds[way].append(time.perf_counter() - start)
    return {way: median(times) for way, times in seconds.items()}


def million_rows() -> dict[str, float]:
    """Return the seconds to predict a million rows, the MiB needed besides the rows, and those kept afterwards."""
    run = _run_on_arrays()
    x = np.random.default_rng(0).normal(size=(1_000_000, len(run.preprocessing.source_columns)))
    run.predict(x[:10_000])
    gc.collect()
    before = measuring.resident()
    measuring.forget_peak()
    start = time.perf_counter()
    predicted = run.predict(x)
    seconds = time.perf_counter() - start
    peak = measuring.peak() - before
    del predicted
    gc.collect()
    return {"seconds": seconds, "more": peak, "kept": measuring.resident() - before}


def start() -> float:
    """Import what a call of a recipe needs, and return the seconds."""
    start = time.perf_counter()
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    import recipes.workflow.train  # noqa: F401

    return time.perf_counter() - start


def adult(effort: str, encoded: str | None = None) -> dict[str, Any]:
    """Train on adult as a user does, with baselines, then write the report.

    Args:
        effort: How much time to spend.
        encoded: Path for the encoded rows of train and validation; None writes none.
    """
    from recipes import binary

    rows = datasets.load("adult")
    start = time.perf_counter()
    run = binary.train(rows.frame, target=rows.target[0], test=rows.test_pair, effort=effort, progress=False)
    call = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        run.report(Path(folder) / "report.html")
        report = time.perf_counter() - start
    if encoded is not None:
        table: Any = run.dataset
        at = np.concatenate([table.parts["train"], table.parts["validation"]])
        x, y = (
            run.preprocessing.transform(table.features.frame.iloc[at]),
            run.target.encode(table.target_frame.iloc[at]),
        )
        np.savez(encoded, x=x, y=np.asarray(y).ravel().astype(np.int64))
    return {"call": call, "stages": run.seconds, "report": report}


JOBS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (ours, keras, products, memory, one_row, million_rows, start, adult)
}

if __name__ == "__main__":
    measuring.serve(JOBS)
