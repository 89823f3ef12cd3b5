"""Kill processes while they write: `python -m tests.soak.kills [seed] [count]`.

What stands at their paths afterwards, and what they leave behind, is counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: What is killed, with the files that it writes and the longest time from its first file to the kill in seconds.
ACTIONS = {
    "save": ({"run.keras"}, 0.12),
    "report": ({"page.html", "page.json"}, 0.12),
    "predict": ({"out.csv"}, 0.12),
    "train": ({"run.keras", "page.html", "page.json"}, 1.5),
}


@dataclass
class Counts:
    """What came of the kills."""

    kills: int = 0
    half: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    during: int = 0  # kills that left a temporary folder, which the next write removed
    apart: int = 0  # pages killed between page and JSON: the page's SHA-256 tells

    @property
    def bad(self) -> list[str]:
        """Every kill after which something was wrong."""
        return self.half + self.lost + self.leftovers + self.failed


def run(saved: list[Path], table: Path, folder: Path, count: int, seed: int = 0) -> Counts:
    """Kill processes that save, report, predict or train, in turns, and count what came of it.

    Args:
        saved: Two saved runs; they take turns at each path, so that a mixture of the two can be told.
        table: Rows that the first of them can predict, and that can be trained on.
        folder: A folder for the files.
        count: How many kills.
        seed: Seed of the moments.
    """
    counts = Counts()
    dice = random.Random(seed)
    temporary = folder / "tmp"
    temporary.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    try:
        for number in range(count):
            action = (save, report, predict, train)[number % len(ACTIONS)]
            _kill(action, saved, table, folder / action.__name__, dice, counts)
    finally:
        tempfile.tempdir = before
    return counts


def _kill(action: Any, saved: list[Path], table: Path, folder: Path, dice: random.Random, counts: Counts) -> None:
    folder.mkdir(exist_ok=True)
    name = f"{action.__name__} {counts.kills}"
    child, ready = _fork(lambda: action(saved, table, folder), forever=True)
    if not ready.read(1):
        counts.failed.append(f"{name}: ended by itself")
    expected, longest_wait = ACTIONS[action.__name__]
    time.sleep(dice.uniform(0, longest_wait))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    ready.close()
    counts.kills += 1
    files = [file for file in folder.iterdir() if file.is_file()]
    counts.lost += [f"{name}: {lost}" for lost in sorted(expected - {file.name for file in files})]
    counts.half += [f"{name}: {file.name}" for file in files if not _is_complete(file)]
    if "page.html" in expected and not counts.lost:
        digest = hashlib.sha256((folder / "page.json").read_bytes()).hexdigest()
        counts.apart += digest not in (folder / "page.html").read_text(encoding="utf-8")
    counts.during += any(next(where.glob(".logitkit-*"), None) for where in (folder, folder.parent / "tmp"))
    child, ready = _fork(lambda: action(saved, table, folder), forever=False)
    ready.close()
    if os.waitpid(child, 0)[1] != 0:
        counts.failed.append(f"{name}: the next write")
    rest = {file.name for file in folder.iterdir()} - expected
    if "run.keras" in expected:  # TensorFlow leaves files of its own there
        rest |= {file.name for file in (folder.parent / "tmp").glob(".logitkit-*")}
    counts.leftovers += [f"{name}: {file}" for file in sorted(rest)]


def _fork(writes: Callable[[], Iterator[None]], *, forever: bool) -> tuple[int, Any]:
    """Start a process that writes twice, or until it is killed; return it, and a pipe that tells of the first file."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, os.fdopen(reading, "rb", 0)
    status = 1
    try:
        signal.alarm(120)
        with contextlib.redirect_stdout(io.StringIO()):
            writing_again = writes()
            next(writing_again)
            os.write(writing, b".")
            next(writing_again)
            while forever:
                next(writing_again)
        status = 0
    finally:
        os._exit(status)


def save(saved: list[Path], table: Path, folder: Path) -> Iterator[None]:
    """Save one run after the other at the same path."""
    import toolkit

    runs = [toolkit.load(path) for path in saved]
    while True:
        for loaded in runs:
            loaded.save(folder / "run.keras")
            yield


def report(saved: list[Path], table: Path, folder: Path) -> Iterator[None]:
    """Write the page of one run after the other at the same path."""
    from toolkit.report.page import render, write_pair

    summaries = [json.loads((path.with_suffix(".summary.json")).read_text(encoding="utf-8")) for path in saved]
    pages = [render(summary) for summary in summaries]
    while True:
        for page, summary in zip(pages, summaries, strict=True):
            write_pair(folder / "page.html", page, summary)
            yield


def predict(saved: list[Path], table: Path, folder: Path) -> Iterator[None]:
    """Predict a table with the command line, into the same file."""
    from recipes.cli.predict import predict as command

    while True:
        command.main([str(saved[0]), str(table), "-o", str(folder / "out.csv")], standalone_mode=False)
        yield


def train(saved: list[Path], table: Path, folder: Path) -> Iterator[None]:
    """Train with the command line, with one seed after the other, into the same file and page."""
    from recipes.cli.program import program

    words = ["binary", str(table), "--target", "diagnosis", "--hidden", "8", "--epochs", "2", "--no-baselines"]
    words += ["--no-progress", "--report", str(folder / "page.html"), "--save", str(folder / "run.keras")]
    while True:
        for seed in ("0", "1"):
            program([*words, "--seed", seed], standalone_mode=False)
            yield


def _is_complete(file: Path) -> bool:
    from tests.soak.hostile import unpack

    data = file.read_bytes()
    if file.suffix == ".keras":
        return data[-22:-18] == b"PK\5\6" and len(unpack(data)) == 4
    if file.suffix == ".json":
        return data.endswith(b"}\n") and bool(json.loads(data))
    if file.suffix == ".html":
        return data.rstrip().endswith(b"</html>") and bool(re.search(rb'sha256" content="[0-9a-f]{64}"', data))
    return data.endswith(b"\n") and len({line.count(b",") for line in data.splitlines()}) == 1


def main(seed: int = 0, count: int = 160) -> int:
    """Kill processes that write, print what came of it, and return 1 if a kill did harm."""
    import keras  # noqa: F401 - imported once, before the processes start

    import recipes.cli.program  # noqa: F401
    import toolkit.runs.run  # noqa: F401
    from recipes.samples import path

    start = time.perf_counter()
    sources = Path(__file__).parents[1] / "saved_by_0_1_0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        saved = [folder / "a.keras", folder / "b.keras"]
        for source, copy in zip(("binary", "regression"), saved, strict=True):
            copy.write_bytes((sources / f"{source}.keras").read_bytes())
            with zipfile.ZipFile(copy) as archive:
                content = json.loads(archive.read("logitkit.json"))
            data = content["summary"]["data"]
            content["summary"]["data"] = {"notes": [], **data}  # files of 0.1.0 have no notes
            copy.with_suffix(".summary.json").write_text(json.dumps(content["summary"]), encoding="utf-8")
        counts = run(saved, Path(path("breast_cancer")), folder, count, seed)
    print(
        f"{counts.kills} kills in save, report, predict -o and train in {time.perf_counter() - start:.0f} s: "
        f"half-written {len(counts.half)}, lost {len(counts.lost)}, leftovers after the next write "
        f"{len(counts.leftovers)}, failed {len(counts.failed)}; {counts.during} left a temporary folder, which the "
        f"next write removed; {counts.apart} left page and JSON of two runs, which the page tells"
    )
    for line in counts.bad:
        print("BAD", line)
    return bool(counts.bad)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
