"""Start several workers on the machines of a Ray cluster, and return what the first of them returns."""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

from toolkit.common.errors import DataError
from toolkit.common.libraries import library
from toolkit.distributed.workers import LostWorker

__all__ = ["failure", "run_on_ray"]

#: Ray's errors of a worker whose process or machine is gone.
_DEATHS = ("ActorDiedError", "ActorUnavailableError", "NodeDiedError", "WorkerHealthCheckFailedError")
_GO_ON = (
    "The same call trains again; with resume= in a folder that all machines share, it goes on after the last epoch "
    "that was saved."
)


def run_on_ray(function: str, content: bytes, world: int, address: str) -> bytes:
    """Call a function in several workers, each in a process in which TF_CONFIG names all of them.

    Args:
        function: The function from bytes to bytes, as "package.module.name", which each machine imports.
        content: Its argument.
        world: How many workers.
        address: The address of the cluster, such as "ray://head:10001"; "auto" for the one that this machine belongs
            to; "local" starts Ray on this machine. Where this process is connected already, that connection is used.

    Returns:
        What the function returned in worker 0.

    Raises:
        DataError: Ray is not installed or can't be reached, or a worker failed.
    """
    ray = library("ray", "cluster")
    training, tensorflow = library("ray.train", "cluster"), library("ray.train.tensorflow", "cluster")
    os.environ.setdefault("RAY_TRAIN_ENABLE_PRINT_PATCH", "0")  # each line of progress would come twice
    connects = not ray.is_initialized()
    if connects:
        _connect(ray, world, address)
    try:
        there = ray.cluster_resources()
        if there.get("CPU", 0) < world:
            warnings.warn(
                f"the Ray cluster has {there.get('CPU', 0):.0f} CPUs, and {world} workers wait until it has {world}.",
                RuntimeWarning,
                stacklevel=2,
            )
        gpus = there.get("GPU", 0) >= world  # one for each worker, or none
        with tempfile.TemporaryDirectory(prefix="logitkit-ray-") as folder:
            trainer = tensorflow.TensorflowTrainer(
                _work,
                train_loop_config={"function": function, "content": content},
                scaling_config=training.ScalingConfig(num_workers=world, use_gpu=gpus, placement_strategy="SPREAD"),
                run_config=training.RunConfig(storage_path=folder),
            )
            return trainer.fit().return_value
    except training.TrainingFailedError as error:
        raise failure(getattr(error, "worker_failures", {}), error, world) from error
    finally:
        if connects:
            ray.shutdown()


def _connect(ray: Any, world: int, address: str) -> None:
    """Connect to a cluster, or start Ray on this machine."""
    local = {"num_cpus": max(world, os.cpu_count() or 1), "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, logging_level=logging.WARNING, **local)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise DataError(
            f"cluster={address!r}: Ray can't be reached there ({_first_line(error)}). Start it (ray start --head), "
            "give an address such as 'ray://head:10001', or 'local' to start Ray on this machine."
        ) from error


def _work(config: Mapping[str, Any]) -> bytes:
    """Call the function in a worker of Ray, which has set TF_CONFIG."""
    from ray import train  # pyright: ignore[reportMissingImports] - an extra

    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # Ray sets it for older versions of Keras
    workers_here = train.get_context().get_local_world_size()
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, (os.cpu_count() or 1) // workers_here)))
    module, _, name = config["function"].rpartition(".")
    return getattr(importlib.import_module(module), name)(config["content"])


def failure(by_rank: Mapping[int, BaseException], error: BaseException, world: int) -> DataError:
    """Return an error that names the worker that failed first: a mistake of the user, then a lost process.

    Args:
        by_rank: What each worker that failed raised, as far as it is known.
        error: What Ray raised.
        world: How many workers.

    Example:
        >>> print(failure({1: MemoryError("no room")}, RuntimeError(), 2))
        worker 1 of 2 failed (MemoryError: no room). The same call trains again; with resume= in a folder that all
        machines share, it goes on after the last epoch that was saved.
    """
    mistakes = [one for one in by_rank.values() if isinstance(one, DataError) and not isinstance(one, LostWorker)]
    if mistakes:
        return DataError(str(mistakes[0]))
    others = {rank: one for rank, one in by_rank.items() if not isinstance(one, LostWorker)}
    if not others and not by_rank and "died" not in str(error):
        return DataError(f"Ray could not train ({_first_line(error)}). {_GO_ON}")
    rank = min(others, default=None)
    name = "a worker" if rank is None else f"worker {rank}"
    if rank is None or type(others[rank]).__name__ in _DEATHS:
        return DataError(f"{name} of {world} was killed, or its machine was lost: the others were ended. {_GO_ON}")
    return DataError(f"{name} of {world} failed ({type(others[rank]).__name__}: {_first_line(others[rank])}). {_GO_ON}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
