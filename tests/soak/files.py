"""Attack saved files: `python -m tests.soak.files [files] [kills] [seed]` prints counts, and fails where one is bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_FEW = 100  # up to so many files, the runs that 0.1.0 saved are enough


def rows() -> dict[str, Any]:
    """Return rows to predict by task."""
    import pandas as pd
    from sklearn.datasets import load_digits

    from recipes.samples import SAMPLES, path

    tables = {sample.task: pd.read_csv(path(name)).head(20) for name, sample in SAMPLES.items()}
    return {**tables, "images": load_digits(n_class=4).images[:5]}


def load_hostile(sources: list[Path], count: int, seed: int) -> list[str]:
    """Load damaged and hostile files, print what came of them, and return a line on each that went wrong."""
    from tests.soak import hostile, loading

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if count > _FEW:
            # In a process of its own: what has used TensorFlow must not fork.
            subprocess.run([sys.executable, "-m", "tests.soak.sources", folder], check=True)
            sources = [*sources, *sorted(Path(folder).glob("*.keras"))]
        files = hostile.files([source.read_bytes() for source in sources], count, seed)
        counts = loading.run(files, Path(folder), rows())
    print(
        f"{counts.files} damaged or hostile files in {time.perf_counter() - start:.0f} s: {counts.errors} errors, "
        f"{counts.answers} answers; code run {len(counts.code)}, not a DataError {len(counts.foreign)}, file not named "
        f"{len(counts.unnamed)}, over {loading.SECONDS:.0f} s {len(counts.slow)}, over 1 GiB {len(counts.large)}; "
        f"slowest {counts.seconds:.2f} s, largest {counts.bytes / 2**20:.0f} MiB beyond importing TensorFlow"
    )
    for kind, number in sorted(counts.kinds.items()):
        print(f"  {kind} {number}")
    return counts.bad


def kill_writers(sources: list[Path], count: int, seed: int) -> list[str]:
    """Kill processes that write, print what came of it, and return a line on each kill that did harm."""
    from recipes.samples import path
    from tests.soak import kills

    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        saved = [folder / "a.keras", folder / "b.keras"]
        for source, copy in zip(sources, saved, strict=True):
            copy.write_bytes(source.read_bytes())
            with zipfile.ZipFile(source) as archive:
                content = json.loads(archive.read("logitkit.json"))
            data = content["summary"]["data"]
            content["summary"]["data"] = {"notes": [], **data}  # files of 0.1.0 have no notes
            copy.with_suffix(".summary.json").write_text(json.dumps(content["summary"]), encoding="utf-8")
        counts = kills.run(saved, Path(path("breast_cancer")), folder, count, seed)
    print(
        f"{counts.kills} kills in save, report and predict -o in {time.perf_counter() - start:.0f} s: half-written "
        f"{len(counts.half)}, lost {len(counts.lost)}, leftovers after the next write {len(counts.leftovers)}, failed "
        f"{len(counts.failed)}; {counts.during} left a temporary folder, which the next write removed; {counts.apart} "
        "left page and JSON of two runs, which the page tells"
    )
    return counts.bad


def main(files: int, kills: int, seed: int) -> int:
    """Attack, print counts, and return how many attacks did harm."""
    import keras  # noqa: F401 - imported once, before the processes start

    import recipes.cli.predict  # noqa: F401
    import toolkit.runs.run  # noqa: F401

    folder = Path(__file__).parents[1] / "saved_by_0_1_0"
    bad = load_hostile(sorted(folder.glob("*.keras")), files, seed) if files else []
    bad += kill_writers([folder / "binary.keras", folder / "regression.keras"], kills, seed) if kills else []
    for line in bad:
        print("BAD", line)
    return len(bad)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(bool(main(*(numbers + [2_000, 150, 0][len(numbers) :]))))
