"""Load damaged and hostile saved files: `python -m tests.soak.files [seed] [count]`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
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


def main(seed: int = 0, count: int = 2_000) -> int:
    """Load files, print what came of them, and return 1 if one did harm."""
    import keras  # noqa: F401 - imported once, before the processes start

    import recipes.cli.predict  # noqa: F401
    import toolkit.runs.run  # noqa: F401
    from tests.soak import hostile, loading

    start = time.perf_counter()
    sources = sorted((Path(__file__).parents[1] / "saved_by_0_1_0").glob("*.keras"))
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
    for line in counts.bad:
        print("BAD", line)
    return bool(counts.bad)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
