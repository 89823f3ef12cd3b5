"""Attack saved files: `python -m tests.soak.files [files] [kills] [seed]` prints counts, and fails where one is bad."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def rows() -> dict[str, Any]:
    """Return rows to predict by task."""
    import pandas as pd
    from sklearn.datasets import load_digits

    from recipes.samples import SAMPLES, path

    tables = {sample.task: pd.read_csv(path(name)).head(20) for name, sample in SAMPLES.items()}
    return {**tables, "images": load_digits(n_class=4).images[:5]}


def main(count: int, seed: int) -> int:
    """Load `count` files and print what came of them; return the number of bad ones."""
    import keras  # noqa: F401 - imported before the processes start

    import toolkit  # noqa: F401
    from tests.soak import hostile, loading

    sources = [file.read_bytes() for file in sorted((Path(__file__).parents[1] / "saved_by_0_1_0").glob("*.keras"))]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        counts = loading.run(hostile.files(sources, count, seed), Path(folder), rows())
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
    return len(counts.bad)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(bool(main(*(numbers or [2_000, 0]))))
