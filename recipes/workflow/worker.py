"""What one of several workers does: on this machine, `python -m recipes.workflow.worker FOLDER`; or on a cluster."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import threading
from pathlib import Path

from recipes.workflow.distributed import CALL, ERROR, RUN
from recipes.workflow.train import train
from toolkit.backend import load_keras
from toolkit.common.errors import DataError
from toolkit.distributed.tensorflow_workers import join
from toolkit.distributed.workers import LOST, LostWorker

__all__ = ["train_as_worker", "work"]

_MISTAKE = 2


def work(folder: Path) -> int:
    """Train as one of several workers on this machine, and save the run if this is the first; return the exit status.

    Args:
        folder: The folder of `train_locally`.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    call = pickle.loads((folder / CALL).read_bytes())
    load_keras()
    rank = join().rank
    try:
        run = train(call.pop("task"), call.pop("data"), **call)
        if rank == 0:
            run.save(folder / RUN)
    except LostWorker:
        return LOST
    except DataError as error:
        (folder / f"{ERROR}-{rank}").write_text(str(error))
        return _MISTAKE
    return 0


def train_as_worker(content: bytes) -> bytes:
    """Train as one of the workers that TF_CONFIG names; return the saved run in the first one, and nothing elsewhere.

    Args:
        content: The pickled arguments of `recipes.workflow.train.train`.
    """
    call = pickle.loads(content)
    load_keras()
    rank = join().rank
    run = train(call.pop("task"), call.pop("data"), **call)
    if rank:
        return b""
    with tempfile.TemporaryDirectory(prefix="logitkit-") as name:
        path = Path(name) / RUN
        run.save(path)
        return path.read_bytes()


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, whose end of the standard input is then closed."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(LOST)


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1])))
