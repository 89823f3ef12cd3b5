"""What comes of attacks that hypothesis draws: counts, and the first failure of each kind."""

from __future__ import annotations

import collections
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st

SECONDS = 20


class Bad(Exception):
    """An answer that is not allowed."""


class Hang(Exception):
    """It took too long."""


@contextmanager
def watched() -> Iterator[None]:
    """Raise where it takes too long, or where a warning reaches the user that isn't ours."""
    from toolkit.common.errors import DataWarning

    def hang(*_: Any) -> None:
        raise Hang(f"over {SECONDS} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    for warning in caught:
        text = str(warning.message)
        ours = issubclass(warning.category, DataWarning) or text.startswith("Training stopped")
        if not ours and "__array__ implementation doesn't accept a copy" not in text:  # Keras and NumPy 2
            raise Bad(
                f"{warning.category.__name__} at {Path(warning.filename).name}:{warning.lineno}: {warning.message}"
            )


@dataclass
class Counts:
    """What came of the cases, and a reduced case for each kind of failure."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, case: Any, outcome: str, message: str) -> bool:
        """Count an outcome; return whether it is a failure of a new kind."""
        self.outcomes[outcome] += 1
        kind = kind_of(message)
        self.outcomes[kind] += outcome == "crash"
        is_new = outcome == "crash" and kind not in self.failures
        if is_new:
            self.failures[kind] = f"{message}\n  {case}"
        return is_new


def failure(attempt: Callable[[], str]) -> tuple[str, str]:
    """Return the outcome of an attempt, or "crash" with what went wrong where."""
    try:
        with watched():
            return attempt(), ""
    except BaseException as error:  # every kind of exception is a failure here, the panic of a library in Rust too
        if isinstance(error, KeyboardInterrupt):
            raise
        frames = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if "/toolkit/" in f.filename or "/recipes/" in f.filename
        ]
        at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "the check"
        text = " ".join(str(error).split())
        return "crash", f"{type(error).__name__} at {at}: {text[:300]}"


def kind_of(message: str) -> str:
    return " ".join(message.split()[:12])[:90]


def drawn(strategy: st.SearchStrategy[Any], function: Callable[[Any], None], count: int, seed: int) -> None:
    """Call a function with `count` examples of a strategy."""
    settings = hypothesis.settings(
        max_examples=count, deadline=None, database=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    hypothesis.seed(seed)(settings(hypothesis.given(strategy)(function)))()


def report(name: str, counts: Counts, seconds: float) -> bool:
    """Print counts and failures; return whether there is one."""
    outcomes = counts.outcomes
    print(
        f"{sum(outcomes[key] for key in ('answer', 'error', 'crash'))} {name} in {seconds:.0f} s: {outcomes['answer']} "
        f"answers, {outcomes['error']} errors, {outcomes['crash']} crashes",
        flush=True,
    )
    for kind, text in counts.failures.items():
        print(f"BAD ({outcomes[kind]}) {text}".encode("utf-8", "backslashreplace").decode(), flush=True)
    return bool(counts.failures)
