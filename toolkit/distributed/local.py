"""Start several workers on this machine, pass on what the first prints, and end all of them if one fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from toolkit.common.errors import DataError
from toolkit.distributed.workers import LOST

__all__ = ["environments", "run_workers"]

_POLL = 0.05  # seconds
_GRACE = 2.0  # seconds in which the others may end after one has failed, and after they were asked to
_LAST_LINES = 15


def environments(world: int) -> list[dict[str, str]]:
    """Return what to add to the environment of each of several workers on this machine.

    Example:
        >>> [json.loads(entries["TF_CONFIG"])["task"]["index"] for entries in environments(2)]
        [0, 1]
    """
    # All ports are taken together, so that no two are the same; then they are free for the workers.
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(world)]
        for open_socket in sockets:
            open_socket.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{open_socket.getsockname()[1]}" for open_socket in sockets]
    threads = max(1, (os.cpu_count() or 1) // world)
    return [
        {
            "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}),
            "TF_NUM_INTRAOP_THREADS": str(threads),
        }
        for rank in range(world)
    ]


def run_workers(command: Sequence[str], world: int, folder: Path, started: Callable[[list[int]], object] = len) -> None:
    """Run a command in several workers, and return when all have ended.

    Their standard input ends with this process. Ctrl-C asks all of them to stop; a second one ends them.

    Args:
        command: The command. It exits with `LOST` where it failed because another worker did.
        world: How many workers.
        folder: A folder for what workers other than the first print.
        started: Called with the process numbers of the workers.

    Raises:
        DataError: A worker failed; the message says which one, and how to go on.
    """
    processes: list[subprocess.Popen[bytes]] = []
    printer = threading.Thread(target=_print, args=[processes], daemon=True)
    try:
        for rank, entries in enumerate(environments(world)):
            with (folder / f"output-{rank}").open("wb") as output:
                processes.append(
                    subprocess.Popen(
                        command,
                        env={**os.environ, **entries, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                        stdin=subprocess.PIPE,
                        stdout=output if rank else subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,  # Ctrl-C in a terminal comes here alone, and goes on from here
                    )
                )
        printer.start()
        started([process.pid for process in processes])
        failed = _wait(processes)
    finally:
        _end(processes)
        if printer.is_alive():
            printer.join()  # until the end of what the first worker printed
        for pipe in (pipe for process in processes for pipe in (process.stdin, process.stdout)):
            if pipe is not None:
                pipe.close()
    if failed is not None:
        raise DataError(_message(failed, processes[failed].returncode, world, folder))


def _print(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Print what the first process prints, line by line."""
    for line in processes[0].stdout or ():
        sys.stderr.write(line.decode(errors="replace"))
        sys.stderr.flush()


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait until all processes have ended, or one has failed; return which one failed first, or None."""
    is_stopping = False
    while True:
        try:
            codes = [process.poll() for process in processes]
            if any(codes):
                time.sleep(_GRACE / 4)  # so that the cause is seen beside its effects
                codes = [process.poll() for process in processes]
                return min((rank for rank, code in enumerate(codes) if code), key=lambda rank: _order(codes[rank]))
            if all(code == 0 for code in codes):
                return None
            time.sleep(_POLL)
        except KeyboardInterrupt:
            if is_stopping:
                raise
            is_stopping = True
            for process in processes:
                process.send_signal(signal.SIGINT)


def _order(code: int | None) -> int:
    """Return how far a failure is from its cause: a signal from outside, an error of its own, a lost worker."""
    return 2 if code == LOST else 0 if (code or 0) < 0 else 1


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End what still runs."""
    for end in (subprocess.Popen.terminate, subprocess.Popen.kill):
        deadline = time.monotonic() + _GRACE
        running = [process for process in processes if process.poll() is None]
        for process in running:
            end(process)
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue


def _message(rank: int, code: int, world: int, folder: Path) -> str:
    if code < 0:
        try:
            how = f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            how = f"was ended by signal {-code}"
        how += ", as when memory is short" if -code == signal.SIGKILL else ""
    else:
        how = f"failed with exit status {code}"
    output, said = folder / f"output-{rank}", ""
    if code >= 0 and rank and output.exists():
        lines = output.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        said = "".join(f"\n  {line}" for line in lines)
    return (
        f"worker {rank} of {world} {how}, and the others were ended. The same call trains again; with resume= it goes "
        f"on after the last epoch that was saved.{said}"
    )
