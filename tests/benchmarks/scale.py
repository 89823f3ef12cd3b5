"""How long training takes, and how much memory, on tables larger than memory: `python -m tests.benchmarks.scale`.

Tables of 22 columns are written as Parquet into a temporary folder (100 MB for a million rows). On each of them one
network of quick effort is trained in a process of its own, and a million rows also with all rows in memory. What is
measured is written into reports/benchmarks/scale.md.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow
import pyarrow.parquet

from tests.benchmarks import cluster
from tests.benchmarks.streaming import measured

_GROUP, _FILES = 1 << 17, 4
_REPORT = Path("reports/benchmarks/scale.md")
_ABOUT = """# Tables larger than memory

Written by `make scale` ({machine}). A table of 22 columns (16 numbers, 2 whole numbers, 2 categories, true/false and
the target of two classes) is read from four Parquet files. One network of quick effort is trained with
`memory="{memory}"`; "in memory" is the same call with `memory="64GiB"`. Each line is a process of its own. Peak memory
is its largest resident set. Seconds per million rows and pass are those of the last pass, since the first one compiles:
by the clock, and of CPU, which counts both cores and depends less on what else the machine does. "Waiting" is the
share of the training in which no rows were ready. "Small" networks have one layer of 64 neurons, and the same inputs:
they show what reading and encoding take.

| rows | network | how | passes | peak memory | MB | s per million and pass | CPU s | waiting | whole run, s | ROC AUC |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def piece(count: int, seed: list[int]) -> pyarrow.Table:
    """Return rows whose class depends on an interaction, a category and a wave."""
    rng = np.random.default_rng(seed)
    columns = {f"x{index}": rng.normal(10 * index, 3, count).astype(np.float32) for index in range(16)}
    columns |= {"count": rng.integers(0, 500, count), "age": rng.integers(18, 90, count)}
    city = rng.integers(0, 5, count)
    columns["city"] = np.array(["Köln", "Bern", "Oslo", "Lyon", "Prague"])[city]
    columns["plan"] = np.array(["basic", "plus", "pro"])[rng.integers(0, 3, count)]
    columns["member"] = rng.random(count) < 0.5
    score = (columns["x1"] - 10) / 3 + (columns["x2"] - 20) / 6 * np.where(columns["member"], 1, -1)
    score += (city == 1) + np.sin(columns["age"] / 10) + rng.normal(size=count)
    columns["y"] = np.where(score > 0.5, "yes", "no")
    x0 = pyarrow.array(columns.pop("x0"), mask=rng.random(count) < 0.02)
    return pyarrow.table(columns).append_column("x0", x0)


def write(folder: Path, rows: int) -> None:
    """Write a table into a folder."""
    folder.mkdir(parents=True)
    for number in range(_FILES):
        count = rows // _FILES
        starts = range(0, count, _GROUP)
        first = piece(min(_GROUP, count), [rows, number, 0])
        with pyarrow.parquet.ParquetWriter(folder / f"part-{number}.parquet", first.schema) as writer:
            for index, start in enumerate(starts):
                writer.write_table(piece(min(_GROUP, count - start), [rows, number, index]) if index else first)


@click.group()
def main() -> None:
    """Measure training on tables larger than memory."""


@main.command()
@click.argument("counts", type=int, nargs=-1)
@click.option("--memory", default="4GiB", show_default=True)
@click.option("--epochs", default=2, show_default=True)
@click.option("--in-memory", default=1_000_000, show_default=True, help="Most rows that are also trained on in memory.")
@click.option("--small", is_flag=True, help="Train a small network, to measure reading.")
@click.option("--more", is_flag=True, help="Add lines to the report.")
def run(counts: tuple[int, ...], memory: str, epochs: int, in_memory: int, small: bool, more: bool) -> None:
    """Train on COUNTS rows, by default 1, 10 and 30 million, and write the report."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, two cores"
    before, several_machines = cluster.split(_REPORT.read_text()) if _REPORT.exists() else ("", "")
    text = before if more else _ABOUT.format(machine=machine, memory=memory)
    with tempfile.TemporaryDirectory() as name:
        for count in counts or (1_000_000, 10_000_000, 30_000_000):
            folder, out = Path(name) / str(count), Path(name) / "out.json"
            write(folder, count)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            for limit in (memory, "64GiB") if count <= in_memory else (memory,):
                words = ("one", str(folder), limit, str(epochs), str(out), *["--small"] * small)
                seconds, peak = measured("-m", "tests.benchmarks.scale", *words)
                facts = json.loads(out.read_text())
                cells = (f"{count:,}", "small" if small else "quick", facts["how"], epochs, f"{peak / 1024:.2f} GiB")
                cells += (f"{size:,.0f}", f"{facts['clock']:.1f}", f"{facts['cpu']:.1f}", facts["waiting"])
                line = "| " + " | ".join(map(str, [*cells, f"{seconds:,.0f}", f"{facts['roc_auc']:.4f}"])) + " |\n"
                click.echo(line, nl=False)
                text += line
                _REPORT.write_text(text + several_machines)


@main.command()
@click.argument("folder")
@click.argument("memory")
@click.argument("epochs", type=int)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--small", is_flag=True)
def one(folder: str, memory: str, epochs: int, out: Path, small: bool) -> None:
    """Train once, and write what was measured as JSON."""
    import keras

    from recipes import binary

    cpu = {}
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: cpu.update(begin=time.process_time()),
        on_test_begin=lambda logs: cpu.update(passed=time.process_time() - cpu["begin"]),
    )
    options: dict[str, Any] = {"hidden": (64,), "pieces": 32, "batch_size": 1_024} if small else {"effort": "quick"}
    options |= {"epochs": epochs, "memory": memory, "progress": False, "callbacks": [clock]}
    training = binary.train(folder, target="y", **options)
    rows = training.dataset.part_sizes["train"] / 1e6
    waited = training.seconds.get("waiting_for_rows")
    facts = {
        "how": "streamed" if training.dataset.stream is not None else "in memory",
        "clock": float(training.history["seconds"].iloc[-1]) / rows,
        "cpu": cpu["passed"] / rows,
        "waiting": "-" if waited is None else f"{100 * waited / training.history['seconds'].sum():.1f} %",
        "roc_auc": training.metrics["roc_auc"],
    }
    out.write_text(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
