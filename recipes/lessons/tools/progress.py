"""How far a lesson is, on the command line: one rewritten line in a terminal, now and then a line in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

__all__ = ["shown", "step"]

AFTER, EVERY = 2.0, 0.2  # seconds until the first line, and between two lines in a terminal
EVERY_IN_LOG = 10.0


class _Line:
    def __init__(self, name: str, stream: TextIO) -> None:
        self.name, self.stream, self.rewrites = name, stream, stream.isatty()
        self.start = time.monotonic()
        self.next = self.start + (AFTER if self.rewrites else EVERY_IN_LOG / 2)
        self.written = False

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        self.next, self.written = now + (EVERY if self.rewrites else EVERY_IN_LOG), True
        line = f"{self.name}: {text}, {now - self.start:.0f} s"
        print(
            f"\r{line:<79}" if self.rewrites else line, end="" if self.rewrites else "\n", file=self.stream, flush=True
        )

    def clear(self) -> None:
        if self.written and self.rewrites:
            print(f"\r{'':<79}\r", end="", file=self.stream, flush=True)


_line: ContextVar[_Line | None] = ContextVar("line", default=None)


@contextmanager
def shown(name: str, stream: TextIO | None = None) -> Iterator[None]:
    """Show the steps of the lesson computed in this block, if it takes longer than some seconds.

    Args:
        name: What the line begins with.
        stream: Where to write; by default standard error.
    """
    line = _Line(name, stream or sys.stderr)
    token = _line.set(line)
    try:
        yield
    finally:
        _line.reset(token)
        line.clear()


def step(what: str, done: int, total: int) -> None:
    """Show how many of the steps of a lesson are done; outside a block of `shown` do nothing.

    Example:
        >>> step("epoch", 3, 80)
    """
    line = _line.get()
    if line is not None:
        line.show(f"{what} {done} of {total}")
