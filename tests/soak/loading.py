"""How saved files that are damaged or hostile are loaded: in new processes, each load with its time and memory."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.hostile import CANARY

SECONDS = 5.0
BYTES = 2**30
# What no load may do; and files that a load opens itself are only these.
FORBIDDEN = (
    "os.system",
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "pickle.find_class",
    "socket.connect",
)
OPENED = ("/proc/", "/sys/", "/dev/")
_AUTOGRAPH = "__autograph_generated_file"  # which TensorFlow writes and imports at the first prediction


@dataclass
class Counts:
    """What came of the files."""

    files: int = 0
    errors: int = 0
    answers: int = 0
    code: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    bytes: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def bad(self) -> list[str]:
        """Every file with which something went wrong."""
        return self.code + self.foreign + self.slow + self.large + self.unnamed


def run(files: Iterable[tuple[str, bytes]], folder: Path, rows: dict[str, Any], batch: int = 100) -> Counts:
    """Load files, a batch of them in each process, and count what came of them.

    Args:
        files: The name of the attack and the content of each file.
        folder: A folder for them.
        rows: Task -> rows to predict; "images" -> images.
        batch: Files for each process.
    """
    counts = Counts()
    path = folder / "hostile.keras"
    pending: list[tuple[str, bytes]] = []
    for number, entry in enumerate(files, 1):
        pending.append((f"{entry[0]} {number}", entry[1]))
        if len(pending) == batch:
            _batch(pending, path, rows, counts)
            pending = []
    _batch(pending, path, rows, counts)
    return counts


def _batch(pending: list[tuple[str, bytes]], path: Path, rows: dict[str, Any], counts: Counts) -> None:
    """Load some files in a process of their own; where it dies, go on behind the file that it died of."""
    while pending:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(pending, path, rows, writing)
        os.close(writing)
        done = 0
        with os.fdopen(reading, encoding="utf-8") as lines:
            for line in lines:
                _count(line.rstrip("\n").split("\t"), counts, pending[done][0])
                done += 1
        _, status = os.waitpid(child, 0)
        if done < len(pending):
            name = pending[done][0]
            killer = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            counts.files += 1
            (counts.slow if killer == signal.SIGALRM else counts.foreign).append(f"{name}: ended by {status}")
            done += 1
        pending = pending[done:]


def _count(line: list[str], counts: Counts, name: str) -> None:
    outcome, seconds, used, events, text = line
    counts.files += 1
    counts.kinds[f"{name.split()[0]}: {outcome}"] += 1
    counts.errors += outcome in ("error", "unnamed")
    counts.answers += outcome == "answer"
    counts.seconds, counts.bytes = max(counts.seconds, float(seconds)), max(counts.bytes, int(used))
    report = f"{name}: {text}"
    if outcome == "foreign":
        counts.foreign.append(report)
    if outcome == "unnamed":
        counts.unnamed.append(report)
    if events:
        counts.code.append(f"{name}: {events}")
    if float(seconds) > SECONDS:
        counts.slow.append(f"{name}: {seconds} s")
    if int(used) > BYTES:
        counts.large.append(f"{name}: {int(used) / 2**20:.0f} MiB")


def _child(pending: list[tuple[str, bytes]], path: Path, rows: dict[str, Any], writing: int) -> None:
    """Load files and report a line on each; never return."""
    import toolkit
    from toolkit import DataError

    events: list[str] = []
    watched = False
    usual = (*OPENED, sys.prefix, sys.base_prefix, os.getcwd(), str(path))

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not watched:
            return
        if event in FORBIDDEN:
            events.append(event)
        elif event == "open" and isinstance(arguments[0], str):
            opened = os.path.abspath(arguments[0])
            if opened != tempfile.gettempdir() and not opened.startswith(usual) and _AUTOGRAPH not in opened:
                events.append(f"open {opened}")

    sys.addaudithook(watch)
    base = memory("VmRSS")
    with os.fdopen(writing, "w", encoding="utf-8") as report:
        for _, data in pending:
            path.write_bytes(data)
            forget_peak()
            events.clear()
            signal.alarm(4 * int(SECONDS))
            start = time.perf_counter()
            watched = True
            text, run = "", None
            try:
                run = toolkit.load(path)
                outcome = "answer"
            except DataError as error:
                outcome, text = ("error" if path.name in str(error) else "unnamed"), str(error)
            except Exception:  # noqa: BLE001 - whatever it is, it is counted
                outcome, text = "foreign", traceback.format_exc(limit=-3)
            if outcome == "answer":
                try:
                    _answer(run, rows)
                except DataError as error:
                    text = str(error)
                except Exception:  # noqa: BLE001
                    outcome, text = "foreign", "predict: " + traceback.format_exc(limit=-3)
            watched = False
            seconds = time.perf_counter() - start
            signal.alarm(0)
            if (Path("/tmp") / CANARY).exists():
                events.append("canary")
            used = max(0, memory("VmHWM") - base)
            words = " ".join(text.split())[:600]
            report.write(
                f"{outcome}\t{seconds:.2f}\t{used}\t{' '.join(events)[:200]}\t{words}\n".encode(
                    "ascii", "replace"
                ).decode()
            )
            report.flush()
    os._exit(0)


def _answer(run: Any, rows: dict[str, Any]) -> None:
    new = rows["images" if run.is_image else run.task]
    answers = run.predict(new)
    if len(answers) != len(new):
        raise ValueError(f"{len(answers)} answers for {len(new)} rows")
    if run.task != "regression":
        run.predict_proba(new)
    repr(run)


def memory(name: str) -> int:
    """Return a figure of this process's memory in bytes, such as its peak since `forget_peak`."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(name))


def forget_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as switch:
        switch.write("5")
