"""How much memory a training on many pictures takes, and how long: `python -m tests.benchmarks.pictures run`.

JPEG files are written into a temporary folder (4 KB each). A network of quick effort is trained on them for one epoch
in a process of its own. What is measured is written into reports/benchmarks/pictures.md.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image

_REPORT = Path("reports/benchmarks/pictures.md")
_ABOUT = f"""# Pictures larger than memory

Written by `make scale` ({platform.machine()}, Python {platform.python_version()}, two cores).
JPEG files of 64 x 64 pixels in color, in four folders, train the convolutional network of quick effort for one epoch.
Each line is a process of its own. Peak
memory is its largest resident set, "pixels" is what the decoded pictures take by themselves. The first reading (all
headers, then all pixels) and the epoch are in seconds by the clock; "waiting" is the share of the epoch in which no
decoded pictures were ready.

| pictures | pixels | `memory=` | how | peak memory | first reading, s | epoch, s | waiting | whole run, s |
|---|---|---|---|---|---|---|---|---|
"""


def write_pictures(folder: Path, count: int) -> None:
    """Write pictures of one to four blobs, each number of them in a folder of its own."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:64, :64]
    noise = rng.integers(0, 25, (128, 128, 1), dtype=np.uint8)
    for blobs in range(1, 5):
        (folder / str(blobs)).mkdir(parents=True)
        templates = []
        for _ in range(100):
            image = np.full((64, 64, 3), rng.integers(0, 80), np.float32)
            for _ in range(blobs):
                (down, right), width = rng.integers(8, 56, 2), rng.uniform(3, 8)
                blob = np.exp(-((y - down) ** 2 + (x - right) ** 2) / (2 * width**2))
                image += blob[..., None] * rng.uniform(60, 180, 3)
            templates.append(image.clip(0, 230).astype(np.uint8))
        for index in range(count // 4):
            down, right, first, second = map(int, rng.integers(0, 64, 4))
            image = np.roll(templates[index % 100], (down, right), (0, 1))
            image = image + noise[first : first + 64, second : second + 64]
            Image.fromarray(image).save(folder / str(blobs) / f"{index}.jpg", quality=80)


@click.group()
def main() -> None:
    """Measure training on pictures larger than memory."""


@main.command()
@click.argument("counts", type=int, nargs=-1)
@click.option("--memory", default="4GiB", show_default=True)
@click.option("--minutes", type=float, help="Stop each training after so long, also within its epoch.")
@click.option("--folder", type=click.Path(path_type=Path), help="Pictures that are there already, in place of COUNTS.")
@click.option("--more", is_flag=True, help="Add lines to the report.")
def run(counts: tuple[int, ...], memory: str, minutes: float | None, folder: Path | None, more: bool) -> None:
    """Train on COUNTS pictures, by default 200,000, and write the report."""
    text = _REPORT.read_text() if more else _ABOUT
    with tempfile.TemporaryDirectory() as name:
        for count in counts or (200_000,):
            source, out = folder or Path(name) / str(count), Path(name) / "out.json"
            if folder is None:
                write_pictures(source, count)
            count = sum(len(files) for _, _, files in os.walk(source))
            words = ("-m", "tests.benchmarks.pictures", "one", str(source), memory, str(out))
            seconds, peak = _limited(words, minutes)
            facts = {"how": f"stopped after {minutes} minutes", "read": "-", "epoch": "-", "waiting": "-"}
            facts |= json.loads(out.read_text()) if out.exists() else {}
            cells = (f"{count:,}", f"{count * 64 * 64 * 3 / 2**30:.2f} GiB", memory, facts["how"])
            cells += (f"{peak / 1024:.2f} GiB", facts["read"], facts["epoch"], facts["waiting"], f"{seconds:,.0f}")
            line = "| " + " | ".join(map(str, cells)) + " |\n"
            click.echo(line, nl=False)
            text += line
            _REPORT.write_text(text)


@main.command()
@click.argument("folder")
@click.argument("memory")
@click.argument("out", type=click.Path(path_type=Path))
def one(folder: str, memory: str, out: Path) -> None:
    """Train once on pictures, and write what was measured as JSON."""
    import keras

    from recipes import images

    start = time.perf_counter()
    facts = {}

    def begin(epoch: int, logs: object) -> None:
        facts.update(how="first part of an epoch", read=f"{time.perf_counter() - start:,.0f}", epoch="-", waiting="-")
        out.write_text(json.dumps(facts))

    clock = keras.callbacks.LambdaCallback(on_epoch_begin=begin)
    options = {"effort": "quick", "epochs": 1, "baselines": False, "progress": False, "callbacks": [clock]}
    training = images.train(folder, memory=memory, **options)
    epoch, waiting = float(training.history["seconds"].iloc[-1]), training.seconds.get("waiting_for_rows", 0.0)
    decodes = any("decoded anew" in note for note in training.notes)
    facts |= {
        "how": "decoded anew" if decodes else "kept in memory",
        "epoch": f"{epoch:,.0f}",
        "waiting": f"{waiting / epoch:.0%}" if decodes else "-",
    }
    out.write_text(json.dumps(facts))


def _limited(words: tuple[str, ...], minutes: float | None) -> tuple[float, float]:
    """Return the seconds and the peak memory in MiB of a Python process, which may be stopped after some minutes."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words])
    timer = threading.Timer(60 * (minutes or 1e6), process.terminate)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGTERM):
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}.")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
