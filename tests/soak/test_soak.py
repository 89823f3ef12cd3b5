"""A small part of the attacks that `make soak` makes."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import pytest


@pytest.mark.skipif(
    tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 15),
    reason="the files of 0.1.0 need Keras 3.15",
)
def test_hostile_files_and_kills_do_no_harm(root):
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.files", "20", "3", "5"],
        capture_output=True,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    assert "20 damaged or hostile files" in done.stdout
    assert "code run 0, not a DataError 0, file not named 0, over 5 s 0, over 1 GiB 0" in done.stdout
    assert "3 kills" in done.stdout
    assert "half-written 0, lost 0, leftovers after the next write 0, failed 0" in done.stdout
