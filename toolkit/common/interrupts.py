"""Ctrl-C: the first asks a computation to stop in good order, the second ends it.

A computation that has something to lose runs in `graceful`, and looks at `requested` or calls `check` where it can
stop. Elsewhere Ctrl-C raises KeyboardInterrupt, as always. Only the main thread can be interrupted.
"""

from __future__ import annotations

import _thread
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = [
    "BY_HAND",
    "Interrupted",
    "check",
    "dispensable",
    "for_command",
    "graceful",
    "immediate",
    "requested",
    "twice",
]

#: How the reason of a training that Ctrl-C ended begins.
BY_HAND = "interrupted by hand"

_GRACE = 1.0  # seconds for a second Ctrl-C to end a command in Python, before the process is ended


class Interrupted(KeyboardInterrupt):
    """Ctrl-C at a point where a computation can stop: nothing is left half-changed."""


class _State:
    """What the handler has seen, and what the main thread is doing.

    Attributes:
        handled: How often the handler was called; signals that come together call it once.
        seen: How many signals the thread of `for_command` has read, each of them.
        ends: Whether KeyboardInterrupt was raised to end everything: further signals must not disturb that.
        graceful: How many blocks of `graceful` are open.
        immediate: How many blocks of `immediate` are open.
        command: Whether a command runs: once it has something to lose, that is so until it ends.
    """

    def __init__(self) -> None:
        self.handled = self.seen = self.graceful = self.immediate = 0
        self.ends = self.command = False

    def signals(self) -> int:
        """Return how often Ctrl-C was pressed."""
        return max(self.handled, self.seen)

    def waits(self) -> bool:
        """Return whether the first Ctrl-C waits for the computation to stop."""
        return self.graceful > 0 and not self.immediate


_state = _State()


def _handle(_signal: int, _frame: FrameType | None) -> None:
    _state.handled += 1
    if _state.ends or (_state.waits() and not twice()):
        return
    _state.ends = twice() or not _state.graceful
    raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _handler() -> Iterator[None]:
    """Count each Ctrl-C in a block; a handler of somebody else's stays."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _state.handled = _state.seen = _state.graceful = 0
        _state.ends = False


@contextmanager
def graceful() -> Iterator[None]:
    """Make the first Ctrl-C in a block wait until the computation stops; the second raises KeyboardInterrupt.

    Blocks may be nested. In `immediate` and outside the main thread it changes nothing.

    Example:
        >>> with graceful():
        ...     requested()
        False
    """
    if not _in_main_thread() or _state.immediate:
        yield
        return
    with _handler():
        _state.graceful += 1
        try:
            yield
        finally:
            if _state.graceful and not _state.command:
                _state.graceful -= 1


@contextmanager
def immediate() -> Iterator[None]:
    """Make Ctrl-C raise KeyboardInterrupt in a block, also within `graceful`: it has nothing worth keeping."""
    if not _in_main_thread():
        yield
        return
    _state.immediate += 1
    try:
        yield
    finally:
        _state.immediate -= 1


@contextmanager
def dispensable() -> Iterator[None]:
    """Leave a block at the first Ctrl-C, if it is part of `graceful`: what it computes can be done without."""
    try:
        with immediate():
            yield
    except KeyboardInterrupt:
        if twice() or not requested():
            raise


def requested() -> bool:
    """Return whether Ctrl-C was pressed since the outermost block of `graceful` began."""
    return _state.signals() > 0 and _state.waits() and _in_main_thread()


def twice() -> bool:
    """Return whether Ctrl-C was pressed again: what was computed is given up."""
    return _state.signals() > 1


def check() -> None:
    """Raise `Interrupted` where Ctrl-C was pressed.

    Raises:
        Interrupted: The computation was asked to stop.
    """
    if requested():
        raise Interrupted


@contextmanager
def for_command() -> Iterator[None]:
    """Serve Ctrl-C for a whole command: say at once that the first was seen, and end the process at the second.

    Python sees a signal only between two of its own instructions, and a compiled epoch may take a minute. So a thread
    watches for it.
    """
    if not _in_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader,), daemon=True)
    watcher.start()
    _state.command = True
    try:
        with _handler():
            yield
    finally:
        _state.command = False
        signal.set_wakeup_fd(before)
        writer.send(b"\0")
        watcher.join()
        _state.seen = 0
        reader.close()
        writer.close()


def _watch(reader: socket.socket) -> None:
    """Read the number of each signal from a socket until a 0 comes."""
    deadline: float | None = None
    while True:
        if deadline is not None:
            reader.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            numbers = reader.recv(64)
        except TimeoutError:
            _say("recipes: ended at once.")
            os._exit(130)
        if 0 in numbers:
            return
        _state.seen += numbers.count(signal.SIGINT)
        if _state.seen == 1 and _state.waits():
            _say("Interrupted: stopping. Ctrl-C once more ends at once, and what was trained is lost.")
        if _state.seen > 1 and deadline is None:
            deadline = time.monotonic() + _GRACE
            _thread.interrupt_main()  # the handler may have been called for both signals together


def _say(line: str) -> None:
    with suppress(OSError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{line}\n".encode())
