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
from pathlib import Path

import click
import numpy as np
import pyarrow
import pyarrow.parquet

from tests.benchmarks.streaming import measured

_GROUP, _FILES = 1 << 17, 4
_REPORT = Path("reports/benchmarks/scale.md")
_ABOUT = """# Tables larger than memory

Written by `make scale` ({machine}). A table of 22 columns (16 numbers, 2 whole numbers, 2 categories, true/false and
the target of two classes) is read from four Parquet files. One network of quick effort is trained for {epochs} passes,
with `memory="{memory}"`; "in memory" is the same call with `memory="64GiB"`. Each line is a process of its own. Peak
memory is its largest resident set. Seconds per million rows and pass are those of the last pass, since the first one
compiles; CPU seconds are those of both cores, over all of the process. "Waiting" is the share of the training in
which no rows were ready.

| rows | how | peak memory | MB of Parquet | s per million rows and pass | waiting | whole run, s | CPU, s | ROC AUC |
|---|---|---|---|---|---|---|---|---|
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
@click.option("--in-memory", default=1_000_000, show_default=True, help="Rows that are also trained on in memory.")
def run(counts: tuple[int, ...], memory: str, epochs: int, in_memory: int) -> None:
    """Train on COUNTS rows, by default 1, 10 and 30 million, and write the report."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for count in counts or (1_000_000, 10_000_000, 30_000_000):
            folder, out = Path(name) / str(count), Path(name) / "out.json"
            write(folder, count)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            for limit in (memory, "64GiB") if count == in_memory else (memory,):
                words = ("-m", "tests.benchmarks.scale", "one", str(folder), limit, str(epochs), str(out))
                seconds, peak = measured(*words)
                facts = json.loads(out.read_text())
                lines.append(
                    f"| {count:,} | {facts['how']} | {peak / 1024:.2f} GiB | {size:,.0f} | {facts['pass']:.1f} | "
                    f"{facts['waiting']} | {seconds:,.0f} | {facts['cpu']:,.0f} | {facts['roc_auc']:.4f} |"
                )
                click.echo(lines[-1])
    machine = f"{platform.machine()}, Python {platform.python_version()}, two cores"
    _REPORT.write_text(_ABOUT.format(machine=machine, memory=memory, epochs=epochs) + "\n".join(lines) + "\n")


@main.command()
@click.argument("folder")
@click.argument("memory")
@click.argument("epochs", type=int)
@click.argument("out", type=click.Path(path_type=Path))
def one(folder: str, memory: str, epochs: int, out: Path) -> None:
    """Train once, and write what was measured as JSON."""
    import time

    from recipes import binary

    training = binary.train(folder, target="y", effort="quick", epochs=epochs, memory=memory, progress=False)
    dataset = training.dataset
    rows = dataset.part_sizes["train"]
    loop = training.settings["training"]["loop"]
    facts = {
        "how": "streamed" if dataset.stream is not None else "in memory",
        "pass": float(training.history["seconds"].iloc[-1]) / rows * 1e6,
        "waiting": next((words.split("%")[0].strip() + " %" for words in loop.split(", ") if "waiting" in words), "-"),
        "cpu": time.process_time(),
        "roc_auc": training.metrics["roc_auc"],
    }
    out.write_text(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
