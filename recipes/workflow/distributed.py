"""Train with several workers: join those that TF_CONFIG names, or start some on this machine and return their run."""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.backend import load_keras
from toolkit.common.errors import DataError
from toolkit.distributed.local import run_workers
from toolkit.distributed.options import WorkersOptions
from toolkit.distributed.tensorflow_workers import cluster_size, join
from toolkit.distributed.workers import ALONE, Workers, agree
from toolkit.heads import Head
from toolkit.runs.loading import load
from toolkit.runs.run import Run

__all__ = ["CALL", "ERROR", "RUN", "joined", "local_workers", "train_locally"]

#: The files in the folder of several workers on this machine.
CALL, RUN, ERROR = "call.pickle", "run.keras", "error"
#: Options that need not be the same in each worker.
_OWN = {"report", "resume", "progress", "memory", "workers"}


def local_workers(options: WorkersOptions) -> int:
    """Return how many workers to start on this machine; 0 where none are asked for, or this process is one."""
    count = options.workers or 1
    return count if count > 1 and cluster_size() == 1 else 0


def joined(options: WorkersOptions, call: Mapping[str, Any]) -> Workers:
    """Return the workers that train together, of which this process is one.

    Args:
        options: The options.
        call: What must be the same in all of them, by name.

    Raises:
        DataError: TF_CONFIG names another number of workers, or they were called otherwise.
    """
    world = cluster_size()
    if world == 1 or options.workers == 1:
        return ALONE
    if options.workers not in (None, world):
        raise DataError(
            f"workers={options.workers}, and TF_CONFIG names {world}: leave workers= out, or give 1 to train alone."
        )
    load_keras()
    workers = join()
    agree(workers, {name: value for name, value in call.items() if name not in _OWN})
    return workers


def train_locally(call: Mapping[str, Any], world: int) -> Run:
    """Train with several workers on this machine, and return the run of the first.

    Args:
        call: The arguments of `recipes.workflow.train.train`.
        world: How many workers.

    Raises:
        DataError: The call can't be passed on to other processes, or a worker failed.
    """
    data = call["data"]
    if not isinstance(data, str | Path) or str(data) == "-":
        what = "standard input" if isinstance(data, str) else f"a {type(data).__name__}"
        raise DataError(
            f"workers= is for Parquet and text files, of which each worker reads a part, and data is {what}: leave it "
            "out."
        )
    with tempfile.TemporaryDirectory(prefix="logitkit-") as name:
        folder = Path(name)
        (folder / CALL).write_bytes(_pickled(call))
        try:
            run_workers([sys.executable, "-m", "recipes.workflow.worker", name], world, folder)
        except DataError as error:
            mistakes = [folder / f"{ERROR}-{rank}" for rank in range(world)]
            messages = [path.read_text() for path in mistakes if path.exists()]
            raise DataError(messages[0] if messages else str(error)) from None
        head = call["head"]
        return load(folder / RUN, head=head if isinstance(head, Head) else None)


def _pickled(call: Mapping[str, Any]) -> bytes:
    """Return a call as bytes for the workers, which import the modules of its functions."""
    try:
        content = pickle.dumps(dict(call))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise DataError(f"workers= can't pass on an option to other processes: {error}.") from error
    if b"__main__" in content:
        raise DataError(
            "workers= can't pass on a function or class of your script to other processes: put it in a module of its "
            "own, and import it."
        )
    return content
