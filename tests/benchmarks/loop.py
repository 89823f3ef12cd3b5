"""The training loop: seconds per epoch of our loop, of Keras by hand, of PyTorch and of scikit-learn, and memory.

python -m tests.benchmarks.loop [--rounds 5]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.benchmarks import measuring
from tests.benchmarks.measuring import Line, Shape, Worker

EPOCHS = 4  # per job; the first one is not counted
OURS, PEERS = "tests.benchmarks.ours", "tests.benchmarks.peers"

# Each competitor: its module, its job in that module, and the options of the job.
LOOPS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ours": (OURS, "ours", {}),
    "ours as a recipe trains": (OURS, "ours", {"recipe": True}),
    "eight networks as a recipe trains": (OURS, "ours", {"recipe": True, "members": 8}),
    "model.fit": (OURS, "keras", {}),
    "tuned model.fit": (OURS, "keras", {"tuned": True}),
    "PyTorch": (PEERS, "torch", {}),
    "scikit-learn": (PEERS, "sklearn", {}),
    "matrix products alone": (OURS, "products", {}),
    "ten seeds together": (OURS, "ours", {"members": 10}),
    "four networks": (OURS, "ours", {"members": 4}),
    "four networks side by side": (OURS, "ours", {"members": 4, "side_by_side": True}),
    "ours with XLA": (OURS, "ours", {"xla": True, "epochs": 2}),
}

DIGITS = Shape(rows=60_000, columns=784, hidden=(25, 15), classes=10, batch=32)
WIDE = Shape(rows=16_384, columns=64, hidden=(256, 256, 256), classes=10, batch=32)
PICTURES = Shape(rows=2_048, columns=784, hidden=(), classes=10, batch=128, image=28)

# The competitors that are measured together, as pairs (numerator, denominator) of ratios.
SHAPES: dict[str, tuple[Shape, list[tuple[str, str]]]] = {
    "25-15-10 on 60000 x 784, batch 32": (
        DIGITS,
        [
            ("model.fit", "ours"),
            ("tuned model.fit", "ours"),
            ("PyTorch", "ours"),
            ("scikit-learn", "ours"),
            ("ours", "matrix products alone"),
            ("ten seeds together", "ours"),
            ("ours as a recipe trains", "ours"),
            ("eight networks as a recipe trains", "ours as a recipe trains"),
        ],
    ),
    "3 x 256 on 16384 x 64, batch 32": (
        WIDE,
        [
            ("model.fit", "ours"),
            ("tuned model.fit", "ours"),
            ("ours", "matrix products alone"),
            ("ours as a recipe trains", "ours"),
        ],
    ),
    "3 x 256 on 16384 x 64, batch 256": (
        WIDE._replace(batch=256),
        [
            ("model.fit", "ours"),
            ("tuned model.fit", "ours"),
            ("ours", "matrix products alone"),
            ("ours as a recipe trains", "ours"),
            ("eight networks as a recipe trains", "ours as a recipe trains"),
            ("four networks", "ours"),
            ("four networks side by side", "four networks"),
        ],
    ),
    "convolutions on 2048 x 28 x 28, batch 128": (PICTURES, [("model.fit", "ours"), ("ours with XLA", "ours")]),
}

MEMORY = {
    "toolkit.training.fit, one shape": "fit",
    "a recipe's train": "train",
    "Keras: build and fit": "keras",
}


def epochs_of(name: str, count: int) -> tuple[list[Line], dict[str, Any]]:
    """Measure all competitors of a shape, round by round.

    Args:
        name: A key of `SHAPES`.
        count: Number of rounds.

    Returns:
        A line for each pair, and the raw figures.
    """
    shape, pairs = SHAPES[name]
    competitors = list(dict.fromkeys(who for pair in pairs for who in pair))
    workers = {who: Worker(LOOPS[who][0]) for who in competitors}

    def job(who: str) -> Callable[[], dict[str, float]]:
        _, name, options = LOOPS[who]
        return partial(workers[who], name, **({"shape": shape._asdict(), "epochs": EPOCHS} | options))

    jobs = {who: job(who) for who in competitors}
    # Once without counting: this compiles.
    first = {who: do()["first"] for who, do in jobs.items()}
    rounds = measuring.rounds(count, jobs)
    for worker in workers.values():
        worker.close()
    seconds = {who: [result["seconds"] for result in results] for who, results in rounds.items()}
    lines = [Line.ratio(f"{name}: {above} / {below}", seconds[above], seconds[below], "s") for above, below in pairs]
    return lines, {"seconds": seconds, "first epoch": first}


def memory_of(kind: str) -> list[float]:
    """Return the MiB that a training leaves behind, for five blocks of trainings in a fresh process."""
    worker = Worker(OURS)
    mib = worker("memory", kind=kind, times=10)
    worker.close()
    return mib


def main() -> None:
    """Measure, and write the table, the plot and the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.loop", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison")
    count = parser.parse_args().rounds
    lines: list[Line] = []
    raw: dict[str, Any] = {}
    compiled = ["| shape | loop | first epoch, s | a later epoch, s |", "| --- | --- | --- | --- |"]
    for name in SHAPES:
        more, raw[name] = epochs_of(name, count)
        lines += more
        for who, seconds in raw[name]["seconds"].items():
            first = raw[name]["first epoch"][who]
            compiled.append(f"| {name} | {who} | {first:.3g} | {measuring.spread(seconds)} |")
        measuring.show(more)
    raw["memory"] = {label: memory_of(kind) for label, kind in MEMORY.items()}
    memory = [Line.value(f"left behind by {label}", values, "MiB") for label, values in raw["memory"].items()]
    measuring.show(memory)
    text = ["A ratio x / ours above 1 means that ours is faster.", "", *measuring.lines_table(lines)]
    text += ["", "## First and later epochs", "", "The first epoch includes the compilation.", "", *compiled]
    text += ["", "## Memory", "", "More resident memory after each training of a new model.", ""]
    text += measuring.lines_table(memory)
    measuring.report("loop", "Training loop", text, lines, raw)


if __name__ == "__main__":
    main()
