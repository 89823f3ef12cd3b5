"""Workers that TensorFlow's `MultiWorkerMirroredStrategy` connects, as the environment's TF_CONFIG names them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from toolkit.common.errors import DataError
from toolkit.distributed.workers import LostWorker, Workers

__all__ = ["TensorFlowWorkers", "cluster_size", "join", "rank_here"]

_EXAMPLE = '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}'


def cluster_size(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many workers TF_CONFIG names; 1 where it isn't set.

    Raises:
        DataError: It is no such configuration.

    Example:
        >>> cluster_size(
        ...     {"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}'}
        ... )
        2
    """
    return len(_addresses(environment)[0])


def _addresses(environment: Mapping[str, str]) -> tuple[list[str], int]:
    """Return the addresses of the workers, and the number of this one."""
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return [""], 0
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        workers, kind, index = list(cluster.get("worker", ())), task.get("type", "worker"), int(task.get("index", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"TF_CONFIG is {text!r:.200}; expected JSON such as {_EXAMPLE}.") from error
    other_jobs = [name for name, addresses in cluster.items() if name != "worker" and addresses]
    if other_jobs or kind != "worker":
        raise DataError(f"TF_CONFIG names a {(other_jobs or [kind])[0]}; expected workers alone, such as {_EXAMPLE}.")
    if workers and not 0 <= index < len(workers):
        raise DataError(f"TF_CONFIG gives this worker the index {index}, and names {len(workers)} workers from 0 on.")
    return workers or [""], index


_joined: dict[str, TensorFlowWorkers] = {}


def join() -> Workers:
    """Return the workers that TF_CONFIG names, once all of them have started; this process alone where it names none.

    A process joins once: TensorFlow keeps the connection.

    Raises:
        DataError: TF_CONFIG is wrong, an address can't be used, or TensorFlow was used before in this process.
    """
    addresses, rank = _addresses(os.environ)
    if len(addresses) < 2:
        return Workers()
    key = json.dumps([addresses, rank])
    if key not in _joined:
        _joined[key] = TensorFlowWorkers(rank, len(addresses))
    return _joined[key]


def rank_here() -> int:
    """Return the number of this process among the workers that it joined; 0 where it joined none."""
    return next((workers.rank for workers in _joined.values()), 0)


class TensorFlowWorkers(Workers):
    """Workers that add up tensors on the CPUs' network, or with NCCL on GPUs: one GPU for each process.

    Args:
        rank: The number of this process.
        world: How many there are.

    Raises:
        DataError: As `join`.
    """

    def __init__(self, rank: int, world: int) -> None:
        import tensorflow as tf

        self.rank, self.world = rank, world
        try:
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise DataError(
                "TF_CONFIG names several workers, and this process has used TensorFlow before, which connects only at "
                "the start: train in a new process, before any other call."
            ) from error
        except tf.errors.OpError as error:
            raise DataError(
                f"worker {rank} of {world} can't connect to the others: {_first_line(error)} Check the addresses in "
                "TF_CONFIG, and that their ports are free."
            ) from error
        devices = self._strategy.num_replicas_in_sync
        if devices != world:
            raise DataError(
                f"{world} workers have {devices} devices: give each process one GPU of its own, with "
                "CUDA_VISIBLE_DEVICES."
            )
        self._programs: dict[Any, Any] = {}

    def sum(self, values: Any) -> Any:
        """Return the sum of arrays or tensors of one shape and type, one from each worker."""
        import tensorflow as tf

        if isinstance(values, tf.Tensor):
            return self._reduced(values)
        # A program for each power of two, not for each length.
        flat = values.reshape(-1)
        size = max(16, 1 << (len(flat) - 1).bit_length())
        padded = np.concatenate([flat, np.zeros(size - len(flat), flat.dtype)])
        return self._reduced(tf.constant(padded)).numpy()[: len(flat)].reshape(values.shape)

    def _reduced(self, tensor: Any) -> Any:
        import tensorflow as tf

        key = tf.TensorSpec.from_tensor(tensor)
        if key not in self._programs:  # each kept by itself: TensorFlow warns of many programs of one function
            self._programs[key] = tf.function(self._summed).get_concrete_function(key)
        lost = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError)
        try:
            return self._programs[key](tensor)
        except (*lost, tf.errors.DeadlineExceededError) as error:
            raise LostWorker(
                f"worker {self.rank} of {self.world} lost another worker, which was killed or has failed: see what it "
                "printed. Start all workers again; with resume= they go on after the last epoch that was saved."
            ) from error

    def _summed(self, tensor: Any) -> Any:
        import tensorflow as tf

        def summed(local: Any) -> Any:
            # A copy, because the strategy looks at the device where a tensor was made.
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(local))

        return self._strategy.run(summed, (tensor,))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") + "."
