"""Kill trainings that can be resumed: `python -m tests.soak.resume [seed] [count]`.

Each is killed twice, and must end with the weights and the history of the same training that nobody killed.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SHORT = {"baselines": False, "progress": False}
_LONGEST_WAIT = 0.6  # seconds from an epoch that was saved to the kill
_LONGEST_START = 3.0  # seconds from the start to a kill before the first epoch was saved
_LONGEST = 300  # seconds for a process to end by itself


def _callbacks() -> list[Any]:
    import keras

    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=3, min_delta=0.01)
    return [plateau, keras.callbacks.EarlyStopping("val_loss", patience=25)]


def trainings() -> dict[str, Callable[..., Any]]:
    """Return functions by name that train with further options and return the run."""
    from sklearn.datasets import load_digits

    from recipes.samples import SAMPLES, path

    tables = {sample.task: {"data": path(name), "target": sample.target} for name, sample in SAMPLES.items()}
    digits = load_digits(n_class=3)
    tables["images"] = {"data": (digits.images[:240], digits.target[:240])}

    def one(task: str, **options: Any) -> Callable[..., Any]:
        def train(**further: Any) -> Any:
            given = {**tables[task], **_SHORT, **options, **further}
            given |= {"callbacks": _callbacks()} if options.get("callbacks") else {}
            task_of = "multiclass" if task == "images" else task
            return importlib.import_module(f"recipes.{task_of}").train(given.pop("data"), **given)

        return train

    large = {"hidden": (256, 256), "batch_size": 256, "members": 2, "dropout": 0.2}
    return {
        "regression": one("regression", effort="quick", epochs=40),
        "binary": one("binary", effort="quick", epochs=40),
        "multiclass, side by side": one("multiclass", epochs=40),
        "multilabel, side by side": one(
            "multilabel", hidden=(16,), members=3, dropout=0.1, epochs=60, layer_rates=True
        ),
        "regression, in turns": one("regression", **large, epochs=25, clip_norm=1.0),
        "binary, in turns": one("binary", **large, epochs=25),
        "multilabel, batch norm": one("multilabel", hidden=(16,), batch_norm=True, epochs=60, schedule="step"),
        "multiclass, callbacks": one("multiclass", hidden=(16,), dropout=0.1, epochs=80, callbacks=True),
        "images": one("images", effort="quick", filters=4, epochs=12, flip=True),
        "images, mlp": one("images", build="mlp", hidden=(32,), dropout=0.1, shift=1, epochs=40),
    }


@dataclass
class Counts:
    """What came of the kills."""

    runs: int = 0
    same: int = 0
    kills: int = 0
    between: int = 0  # kills after an epoch was saved and before the end of the training
    bad: dict[str, list[str]] = field(default_factory=lambda: {"half": [], "lost": [], "leftovers": [], "failed": []})


def _digest(run: Any) -> str:
    """Return the hash of the weights, the history without its seconds, and the end of a training."""
    digest = hashlib.sha256()
    for weights in run.model.get_weights():
        digest.update(weights.tobytes())
    digest.update(run.history.drop(columns="seconds").to_csv().encode())
    digest.update(f"{run.best_epoch} {run.stopped} {run.metrics}".encode())
    return digest.hexdigest()


def _fork(train: Callable[..., Any], **options: Any) -> tuple[int, int]:
    """Start a process that trains; return it, and the end of a pipe into which it writes its hash."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        signal.alarm(_LONGEST)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.write(writing, _digest(train(**options)).encode())
        status = 0
    finally:
        os._exit(status)


def _ended(child: int) -> bool:
    return os.waitpid(child, os.WNOHANG)[0] != 0


def _kill(train: Callable[..., Any], folder: Path, seed: int, dice: random.Random, counts: Counts, name: str) -> bool:
    """Start a training and kill it; return whether it was still running."""
    from toolkit.training.saved_state import unpacked

    path = folder / "training.state"
    before = path.stat().st_mtime_ns if path.exists() else 0
    epochs = len(unpacked(path.read_bytes())[0]["history"]) if before else 0
    child, reading = _fork(train, resume=folder, seed=seed)
    start, early = time.monotonic(), dice.random() < 0.15
    wait = dice.uniform(0, _LONGEST_START if early else _LONGEST_WAIT)
    while not early and not _ended(child):
        if path.exists() and path.stat().st_mtime_ns != before:
            break
        time.sleep(0.002)
    else:
        if not early:
            os.close(reading)
            return False
    time.sleep(wait if not early else max(0.0, wait - (time.monotonic() - start)))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(reading)
    if not os.WIFSIGNALED(status):
        return False
    counts.kills += 1
    if not path.exists():
        counts.bad["lost"] += [name] if before else []
        return True
    try:
        values, _ = unpacked(path.read_bytes())
    except ValueError:
        counts.bad["half"].append(name)
        return False
    counts.bad["lost"] += [name] if len(values["history"]) < epochs else []
    counts.between += values["stopped"] is None
    return True


def _resume(train: Callable[..., Any], folder: Path, seed: int, dice: random.Random, name: str, counts: Counts) -> str:
    """Kill a training twice, then let it end; return its hash."""
    for _ in range(2):
        if not _kill(train, folder, seed, dice, counts, name):
            break
    child, reading = _fork(train, resume=folder, seed=seed)
    with os.fdopen(reading) as pipe:
        digest = pipe.read()
    if os.waitpid(child, 0)[1]:
        counts.bad["failed"].append(name)
    counts.bad["leftovers"] += [f"{name}: {file.name}" for file in folder.iterdir() if file.name != "training.state"]
    return digest


def main(seed: int = 0, count: int = 100) -> int:
    """Kill trainings, resume them, print what came of it, and return 1 if one ended otherwise than alone."""
    import keras  # noqa: F401 - imported once, before the processes start

    import recipes.workflow.train  # noqa: F401
    import toolkit.runs.run  # noqa: F401

    start, dice, counts = time.perf_counter(), random.Random(seed), Counts()
    functions, alone = trainings(), {}
    for number in range(count):
        kind = list(functions)[number % len(functions)]
        name = f"{kind} {number}"
        if kind not in alone:
            child, reading = _fork(functions[kind], seed=seed)
            with os.fdopen(reading) as pipe:
                alone[kind] = pipe.read()
            os.waitpid(child, 0)
        with tempfile.TemporaryDirectory() as folder:
            digest = _resume(functions[kind], Path(folder), seed, dice, name, counts)
        counts.runs += 1
        counts.same += bool(digest) and digest == alone[kind]
        if not digest or digest != alone[kind]:
            counts.bad["failed"].append(f"{name}: {digest or 'no hash'} and not {alone[kind]}")
        if counts.runs % 10 == 0:
            print(f"{counts.same} of {counts.runs} the same, {counts.kills} kills", file=sys.stderr, flush=True)
    bad = ", ".join(f"{kind} {len(names)}" for kind, names in counts.bad.items())
    print(
        f"{counts.same} of {counts.runs} resumed trainings of {len(alone)} kinds with the weights and history of an "
        f"unkilled one, in {time.perf_counter() - start:.0f} s; {counts.kills} kills, {counts.between} of them after "
        f"an epoch was saved and before the end; {bad}"
    )
    for kind, names in counts.bad.items():
        for name in names:
            print("BAD", kind, name)
    return bool(any(counts.bad.values()) or counts.same < counts.runs)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
