"""Progress of a training: one rewritten line in a terminal or a notebook, one line per epoch in a log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

__all__ = ["Progress", "announce"]


class Progress:
    """Show each finished epoch with the time left. A context manager.

    Args:
        epochs: Number of planned epochs.
        visible: False shows nothing.
        stream: Where to write; None is standard error, and in a notebook standard output.
        time_limit: Seconds after which the training ends; None is no limit.
    """

    def __init__(
        self, epochs: int, visible: bool = True, stream: TextIO | None = None, time_limit: float | None = None
    ) -> None:
        self._epochs, self._visible, self._time_limit = epochs, visible, time_limit
        notebook = _in_notebook()
        self._stream = stream or _default_stream()
        self._rewrites = notebook or self._stream.isatty()
        self._columns = 100 if notebook else shutil.get_terminal_size().columns - 1
        self._start = time.perf_counter()
        self._before = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._visible and self._rewrites:
            print(file=self._stream, flush=True)

    def resumed(self, epoch: int, path: object) -> None:
        """Show after which epoch a training goes on, and from which file."""
        self._before = epoch
        if self._visible:
            print(f"resumed after epoch {epoch}/{self._epochs} from {path}", file=self._stream, flush=True)

    def show(self, row: dict[str, float], epochs: int) -> None:
        """Show one row of the history, and how many epochs are planned by now."""
        self._epochs = epochs
        if not self._visible:
            return
        epoch = int(row["epoch"])
        passed = time.perf_counter() - self._start
        left = passed / (epoch - self._before) * (self._epochs - epoch)
        if self._time_limit is not None:
            left = min(left, max(0.0, self._time_limit - passed))
        numbers = "  ".join(
            f"{name} {value:.4g}" for name, value in row.items() if "loss" in name or name.startswith("val_")
        )
        line = f"epoch {epoch}/{self._epochs}  {numbers}  at most {_duration(left)} left"
        if self._rewrites:
            print(f"\r{line[: self._columns]:<{self._columns}}", end="", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)


def announce(text: str) -> None:
    """Show a line before the epochs that it is about."""
    print(text, file=_default_stream(), flush=True)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ in ("ZMQInteractiveShell", "Shell")


def _default_stream() -> TextIO:
    return sys.stdout if _in_notebook() else sys.stderr  # notebooks show standard error in red


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
