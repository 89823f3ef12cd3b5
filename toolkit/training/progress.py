"""Progress of a training: a live line on a terminal, one rewritten line in a notebook, a line an epoch in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]


class Progress:
    """Show each finished epoch with the time left. A context manager.

    Args:
        epochs: Number of epochs planned.
        shown: False shows nothing.
    """

    def __init__(self, epochs: int, shown: bool = True) -> None:
        self._epochs = epochs
        self._kind = _kind() if shown else "none"
        self._start = time.perf_counter()
        self._live: Any = None

    def __enter__(self) -> Progress:
        if self._kind == "terminal":
            from rich.console import Console
            from rich.live import Live

            self._live = Live("", console=Console(stderr=True), refresh_per_second=4, transient=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._kind == "notebook":
            print(flush=True)

    def epoch(self, row: dict[str, float]) -> None:
        """Show one row of the history."""
        if self._kind == "none":
            return
        done = int(row["epoch"])
        left = (time.perf_counter() - self._start) / done * (self._epochs - done)
        numbers = "  ".join(
            f"{name} {value:.4g}" for name, value in row.items() if "loss" in name or name.startswith("val_")
        )
        line = f"epoch {done}/{self._epochs}  {numbers}  {_duration(left)} left at most"
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text(line))
        elif self._kind == "notebook":
            print(f"\r{line:<100}", end="", flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def _kind() -> str:
    shell = sys.modules.get("IPython")
    if shell is not None and type(shell.get_ipython()).__name__ in ("ZMQInteractiveShell", "Shell"):
        return "notebook"
    return "terminal" if sys.stderr.isatty() else "log"
