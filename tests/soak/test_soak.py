"""A small part of the attacks that `make soak` makes."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import pytest

from tests.soak.__main__ import PARTS

# Part -> how many attacks, and what its counts say.
SMALL = {
    "files": (20, ["20 damaged or hostile files", "code run 0, not a DataError 0, file not named 0", "over 1 GiB 0"]),
    "kills": (3, ["3 kills", "half-written 0, lost 0, leftovers after the next write 0, failed 0"]),
    "frames": (10, ["10 frames to train on", "10 changed frames to predict", "answers", "errors, 0 crashes"]),
    "pictures": (40, ["40 damaged or hostile pictures", "harm 0"]),
}


@pytest.mark.skipif(
    tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 15),
    reason="the files of 0.1.0 need Keras 3.15",
)
@pytest.mark.parametrize("part", PARTS)
def test_attacks_do_no_harm(part, root):
    count, counts = SMALL[part]
    done = subprocess.run(
        [sys.executable, "-m", f"tests.soak.{part}", "5", str(count)],
        capture_output=True,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    assert not [line for line in counts if line not in done.stdout], done.stdout
