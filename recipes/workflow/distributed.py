"""Train with several workers: join those that TF_CONFIG names, or start some on this machine and return their run."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolkit.backend import load_keras
from toolkit.common.errors import DataError
from toolkit.distributed.local import run_workers
from toolkit.distributed.options import WorkersOptions
from toolkit.distributed.ray_workers import run_on_ray
from toolkit.distributed.tensorflow_workers import cluster_size, join
from toolkit.distributed.workers import ALONE, Workers, agree
from toolkit.heads import Head
from toolkit.runs.loading import load
from toolkit.runs.run import Run

__all__ = ["CALL", "ERROR", "RUN", "check_alone", "joined", "local_workers", "train_locally", "train_on_cluster"]

#: The files in the folder of several workers on this machine.
CALL, RUN, ERROR = "call.pickle", "run.keras", "error"
_IN_WORKER = "recipes.workflow.worker.train_as_worker"
#: Options that need not be the same in each worker.
_OWN = {"report", "resume", "progress", "memory", "workers", "cluster"}


def local_workers(options: WorkersOptions) -> int:
    """Return how many workers to start on this machine; 0 where none are asked for, or this process is one."""
    count = options.workers or 1
    return count if count > 1 and cluster_size() == 1 else 0


def check_alone(what: str) -> None:
    """Check that this is not one of several workers, each of which would do the same.

    Raises:
        DataError: TF_CONFIG names several workers.
    """
    world = cluster_size()
    if world > 1:
        raise DataError(
            f"{what} in one process, and TF_CONFIG names {world} workers, which would each do all of it: unset "
            "TF_CONFIG, and start one process."
        )


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


def train_locally(call: Mapping[str, Any], world: int, started: Callable[[list[int]], object] = len) -> Run:
    """Train with several workers on this machine, and return the run of the first.

    Args:
        call: The arguments of `recipes.workflow.train.train`.
        world: How many workers.
        started: As for `run_workers`.

    Raises:
        DataError: The call can't be passed on to other processes, or a worker failed.
    """
    _check_files(call["data"])
    with tempfile.TemporaryDirectory(prefix="logitkit-") as name:
        folder = Path(name)
        (folder / CALL).write_bytes(_pickled(call))
        try:
            run_workers([sys.executable, "-m", "recipes.workflow.worker", name], world, folder, started)
        except DataError as error:
            mistakes = [folder / f"{ERROR}-{rank}" for rank in range(world)]
            messages = [path.read_text() for path in mistakes if path.exists()]
            raise DataError(messages[0] if messages else str(error)) from None
        head = call["head"]
        return load(folder / RUN, head=head if isinstance(head, Head) else None)


def train_on_cluster(
    call: Mapping[str, Any],
    options: WorkersOptions,
    run_on: Callable[[str, bytes, int, str], bytes] = run_on_ray,
) -> Run:
    """Train with several workers on the machines of a Ray cluster, and return the run of the first.

    All machines read the files by the same path, and have the same version of this package.

    Args:
        call: The arguments of `recipes.workflow.train.train`. The report is not written there.
        options: How many workers, and the address of the cluster.
        run_on: What calls a function by its name in the workers: see `toolkit.distributed.ray_workers.run_on_ray`.

    Raises:
        DataError: The call can't be passed on to other processes, Ray can't be reached, or a worker failed.
    """
    _check_files(call["data"])
    # The workers have other working folders.
    passed_on = {name: value for name, value in call["options"].items() if name not in ("cluster", "workers")}
    if passed_on.get("resume") is not None:
        passed_on["resume"] = os.path.abspath(passed_on["resume"])
    there = {**call, "data": os.path.abspath(Path(call["data"]).expanduser()), "report": None, "options": passed_on}
    content = run_on(_IN_WORKER, _pickled(there), int(options.workers or 1), str(options.cluster))
    with tempfile.TemporaryDirectory(prefix="logitkit-") as name:
        path = Path(name) / RUN
        path.write_bytes(content)
        return load(path, head=call["head"] if isinstance(call["head"], Head) else None)


def _check_files(data: Any) -> None:
    """Check that data is named by a path, which each worker reads a part of."""
    if not isinstance(data, str | Path) or str(data) == "-":
        what = "standard input" if isinstance(data, str) else f"a {type(data).__name__}"
        raise DataError(
            f"workers= is for Parquet and text files, of which each worker reads a part, and data is {what}: leave it "
            "out."
        )


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
