"""How fast `recipes predict` reads a large table, and how much memory it takes: `python -m tests.benchmarks.streaming`.

A table of 14 columns is written into a temporary folder, a network is trained on its first rows, and each number of
rows is predicted in a process of its own. The peak of its resident memory is counted beyond that of a process which
imports TensorFlow and Keras. 10 million rows take about 1 GB of disk and some minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

_AT_ONCE = 100_000


def rows(count: int, seed: int) -> pd.DataFrame:
    """Return rows of ten numbers, two categories, a date and true/false."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{index}": rng.normal(10 * index, 3, count).round(4) for index in range(8)})
    frame["count"], frame["age"] = rng.integers(0, 500, count), rng.integers(18, 90, count)
    frame["city"] = rng.choice(["Köln", "Bern", "Oslo", "Lyon", "Prague"], count)
    frame["plan"] = rng.choice(["basic", "plus", "pro"], count)
    days = pd.to_timedelta(rng.integers(0, 1500, count), unit="D")
    frame["day"] = (pd.Timestamp("2020-01-01") + days).strftime("%Y-%m-%d")
    frame["member"] = rng.choice(["true", "false"], count)
    frame["x0"] = frame["x0"].mask(rng.random(count) < 0.02)
    return frame


def measured(*words: str) -> tuple[float, float]:
    """Return the seconds and the peak memory in MiB of a Python process."""
    start = time.perf_counter()
    process = os.spawnve(os.P_NOWAIT, sys.executable, [sys.executable, *words], {**os.environ})
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}.")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


@click.command()
@click.argument("counts", type=int, nargs=-1)
def main(counts: tuple[int, ...]) -> None:
    """Predict COUNTS rows: by default 1 and 10 million."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = rows(5_000, 0)
        noise = np.random.default_rng(1).normal(size=len(train))
        score = train["x1"] - 10 + (train["x2"] - 20) / 2 + 2 * (train["city"] == "Bern") + noise
        train.assign(result=np.where(score > 0, "yes", "no")).to_csv(folder / "train.csv", index=False)
        model, out = str(folder / "model.keras"), str(folder / "out.csv")
        recipes = ("-m", "recipes")
        measured(
            *recipes, "binary", str(folder / "train.csv"), "--target", "result", "--effort", "quick", "--save", model
        )
        _, imported = measured("-c", "import tensorflow, keras")
        train.head(4).to_csv(folder / "four.csv", index=False)
        started, _ = measured(*recipes, "predict", model, str(folder / "four.csv"), "-o", out)
        for count in counts or (1_000_000, 10_000_000):
            table = folder / "rows.csv"
            for start in range(0, count, _AT_ONCE):
                piece = rows(min(_AT_ONCE, count - start), 10 + start)
                piece.to_csv(table, index=False, header=start == 0, mode="a" if start else "w")
            seconds, memory = measured(*recipes, "predict", model, str(table), "-o", out)
            click.echo(
                f"{count:,} rows: {seconds:.0f} s, {count / (seconds - started):,.0f} rows a second beyond the start, "
                f"{memory - imported:,.0f} MiB beyond importing TensorFlow"
            )


if __name__ == "__main__":
    main()
