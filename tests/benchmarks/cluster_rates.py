"""What a row costs on one machine, and what a sum over workers costs: each measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow
import pyarrow.parquet

from tests.benchmarks.measuring import ROOT
from toolkit.distributed.local import environments

COLUMNS, NUMBERS = 100, 96
_GROUP, _FILES = 1 << 15, 4
_SIZES = (64, 1 << 16, 1 << 19, 1 << 21, 1 << 22)


def write_table(folder: Path, rows: int) -> None:
    """Write a table of 96 numbers, 4 categories and a target of two classes into four Parquet files."""
    folder.mkdir(parents=True)
    for number in range(_FILES):
        rng, writer = np.random.default_rng([rows, number]), None
        for start in range(0, rows // _FILES, _GROUP):
            count = min(_GROUP, rows // _FILES - start)
            x = rng.normal(size=(count, NUMBERS)).astype(np.float32)
            columns: dict[str, Any] = {f"x{index}": x[:, index] for index in range(NUMBERS)}
            for name in ("city", "plan", "device", "source"):
                columns[name] = np.array([f"{name} {level}" for level in range(6)])[rng.integers(0, 6, count)]
            score = x[:, 0] + x[:, 1] * x[:, 2] + (columns["city"] == "city 1") + rng.normal(size=count)
            columns["y"] = np.where(score > 0.2, "yes", "no")
            table = pyarrow.table(columns)
            writer = writer or pyarrow.parquet.ParquetWriter(folder / f"part-{number}.parquet", table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def json_of(*words: str, environment: Mapping[str, str] | None = None) -> Any:
    """Return what a command of this module prints as its last line."""
    return json.loads(_started(words, environment).communicate(timeout=900)[0].splitlines()[-1])


def sums(workers: int) -> dict[int, float]:
    """Return the seconds of a sum over workers on this machine, by its bytes: the quickest of 60."""
    return {int(size): seconds for size, seconds in together(workers, "sums")[0].items()}


def together(workers: int, *words: str) -> list[Any]:
    """Return what a command of this module prints in each of several workers on this machine."""
    processes = [_started(words, entries) for entries in environments(workers)]
    outputs = [process.communicate(timeout=900)[0] for process in processes]
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def _started(words: tuple[str, ...], environment: Mapping[str, str] | None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.cluster_rates", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | dict(environment or {}), stdout=subprocess.PIPE, text=True
    )


@click.group()
def main() -> None:
    """Measure one thing, and print it as JSON."""


@main.command("prepare")
@click.argument("folder")
def prepare_rows(folder: str) -> None:
    """Print the CPU seconds per row of reading, and of reading and encoding."""
    from recipes.workflow.train import prepare, read_options

    options = read_options("quick", {"memory": "1GiB"}, images=False, may_stream=True)
    dataset, _ = prepare("binary", folder, "y", None, 0, options, may_stream=True)
    rows = dataset.stream
    assert rows is not None
    table = rows.stream.table
    begin = time.process_time()
    read = sum(len(frame) for group in table.groups for _, frame in table.batches(group, 4_096))
    reading = (time.process_time() - begin) / read
    begin = time.process_time()
    encoded = sum(len(x) for x, _, _ in rows.windows(0, 1, 1_024))
    both = (time.process_time() - begin) / encoded
    click.echo(json.dumps({"read": reading, "both": both, "inputs": rows.preprocessing.width}))


@main.command("train")
@click.argument("folder")
@click.argument("options")
def train_network(folder: str, options: str) -> None:
    """Print the seconds and the CPU seconds per row of the second pass of a training."""
    import keras

    from recipes import binary

    cpu: dict[str, float] = {}
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: cpu.update(begin=time.process_time()),
        on_test_begin=lambda logs: cpu.update(passed=time.process_time() - cpu["begin"]),
    )
    run = binary.train(
        folder,
        target="y",
        effort="quick",
        epochs=2,
        memory="1GiB",
        progress=False,
        callbacks=[clock],
        baselines=False,
        **json.loads(options),
    )
    rows = run.dataset.part_sizes["train"]
    facts = {
        "rows": rows,
        "cpu": cpu["passed"] / rows,
        "clock": float(run.history["seconds"].iloc[-1]) / rows,
        "weights": run.model.count_params(),
    }
    click.echo(json.dumps(facts))


@main.command("pass")
@click.argument("folder")
@click.argument("batch", type=int)
def quickest_pass(folder: str, batch: int) -> None:
    """Print the seconds per row of the quicker one of two passes, alone or as one of the workers of TF_CONFIG."""
    from recipes import binary

    options: dict[str, Any] = {"effort": "quick", "memory": "1GiB", "progress": False, "baselines": False}
    run = binary.train(folder, target="y", epochs=3, batch_size=batch, **options)
    click.echo(json.dumps(float(run.history["seconds"].iloc[1:].min()) / run.dataset.part_sizes["train"]))


@main.command("sums")
def sum_over_workers() -> None:
    """Print the seconds of a sum over the workers of TF_CONFIG by its bytes."""
    import tensorflow as tf

    ring = tf.distribute.experimental.CommunicationImplementation.RING
    options = tf.distribute.experimental.CommunicationOptions(implementation=ring)
    strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    quickest = {}
    for size in _SIZES:
        values = tf.ones(size // 4)

        @tf.function
        def total(values: Any) -> Any:
            return strategy.reduce("SUM", strategy.run(lambda part: part * 1.0, args=(values,)), axis=None)

        total(values)
        seconds = []
        for _ in range(60):
            begin = time.perf_counter()
            total(values).numpy()
            seconds.append(time.perf_counter() - begin)
        quickest[size] = min(seconds)
    click.echo(json.dumps(quickest))


if __name__ == "__main__":
    main()
