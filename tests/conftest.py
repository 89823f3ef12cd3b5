"""What every test shares."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Both are read when the libraries load. Without a GPU, TensorFlow prints an error line about that on first use.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# OpenMP's threads spin while they wait: beside another busy process, gradient boosting took 91 s in place of 5.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The same examples on every run, and no time limit for each: the machine may be busy.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def runs() -> dict[str, Any]:
    """One fitted run for each task, shared: nobody refits or changes them."""
    from recipes.samples import SAMPLES, path

    fitted = {}
    for name, sample in SAMPLES.items():
        recipe = importlib.import_module(f"recipes.{sample.task}")
        fitted[sample.task] = recipe.train(
            path(name), target=sample.target, hidden=(16,), epochs=12, learning_rate=0.01, progress=False
        )
    return fitted
