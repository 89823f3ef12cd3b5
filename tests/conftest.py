"""Fixtures that all tests share. Nobody refits or changes the fitted runs."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# The libraries read both when they load. Without a GPU, TensorFlow prints an error about it on first use.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# OpenMP's threads spin while they wait: beside another busy process, gradient boosting took 91 s instead of 5 s.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The same examples in every run, and no time limit for an example: the machine may be busy.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root folder of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def runs() -> dict[str, Any]:
    """Return one fitted run for each task."""
    from recipes.samples import SAMPLES, path

    fitted = {}
    for name, sample in SAMPLES.items():
        recipe = importlib.import_module(f"recipes.{sample.task}")
        fitted[sample.task] = recipe.train(
            path(name), target=sample.target, hidden=(16,), epochs=12, learning_rate=0.01, progress=False
        )
    return fitted


@pytest.fixture(scope="session")
def results(runs) -> dict[str, Any]:
    """Return the results of these runs."""
    return {task: run.result for task, run in runs.items()}


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, also in a background process, and check that this is so afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.fixture(scope="session")
def shapes(tmp_path_factory) -> Path:
    """Return a folder of small images with one sub-folder per class: a bright cross, disc or square on noise."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures") / "shapes"
    rng = np.random.default_rng(0)
    for number in range(150):
        name = ("cross", "disc", "square")[number % 3]
        height, width = (16, 12) if number % 5 else (32, 26)
        up, across = (np.linspace(-1.5, 1.5, size) for size in (height, width))
        x, y = np.abs(across[None, :] + rng.normal(0, 0.1)), np.abs(up[:, None] + rng.normal(0, 0.1))
        inside = {"disc": x**2 + y**2 < 1, "square": np.maximum(x, y) < 0.9, "cross": np.minimum(x, y) < 0.3}[name]
        pixels = rng.integers(0, 80, (height, width, 3))
        pixels[inside] += np.array([150, 120, 40])
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number:03}.png")
    (folder / "disc" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    return folder


@pytest.fixture(scope="session")
def image_run(shapes) -> Any:
    """Return one fitted run on these images."""
    from recipes import images

    return images.train(shapes, epochs=4, learning_rate=0.003, progress=False)


@pytest.fixture(scope="session")
def image_result(image_run) -> Any:
    """Return the result of this run."""
    return image_run.result
