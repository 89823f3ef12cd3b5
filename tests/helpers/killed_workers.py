"""Train a small table with two workers on this machine, one of which may be killed."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recipes.workflow.distributed import train_locally

OPTIONS = {
    "hidden": (8,),
    "dropout": 0.1,
    "epochs": 25,
    "batch_size": 64,
    "baselines": False,
    "progress": False,
    "workers": 2,
}


def write_table(folder: Path, rows: int = 6_000, group: int = 1_000) -> Path:
    """Write a table with the classes of `y`, in row groups, and return its path."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{number}": random.normal(size=rows).round(3) for number in range(3)})
    frame["city"] = random.choice(["Bern", "Oslo", "Lyon"], rows)
    score = frame["x0"] + frame["x1"] * (frame["city"] == "Oslo") + random.normal(size=rows) / 2
    frame["y"] = np.where(score > 0.5, "yes", "no")
    frame.to_parquet(folder / "events.parquet", index=False, row_group_size=group)
    return folder / "events.parquet"


def call_of(table: Path, **options: Any) -> dict[str, Any]:
    """Return the arguments of `recipes.workflow.train.train`."""
    arguments = {"target": "y", "test": None, "head": "logistic", "effort": "default", "seed": 0, "report": None}
    return {"task": "binary", "data": str(table), **arguments, "options": {**OPTIONS, **options}, "call": {"call": ""}}


def digest(run: Any) -> str:
    """Return the hash of the weights and of the history without its seconds."""
    content = hashlib.sha256(b"".join(weights.tobytes() for weights in run.model.get_weights()))
    content.update(run.history.drop(columns="seconds").to_csv().encode())
    return content.hexdigest()


def kill_one(call: dict[str, Any], folder: Path, victim: int, wait: float) -> Any:
    """Train, and kill a worker some seconds after a state appears in a folder; raise what that raises."""

    def kill(processes: list[int]) -> None:
        path = folder / "training.state"
        before = path.stat().st_mtime_ns if path.exists() else 0
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and not (path.exists() and path.stat().st_mtime_ns != before):
            time.sleep(0.01)
        time.sleep(wait)
        os.kill(processes[victim], signal.SIGKILL)

    def started(processes: list[int]) -> None:
        threading.Thread(target=kill, args=[processes], daemon=True).start()

    return train_locally(call, 2, started)
