"""Random pictures."""

from __future__ import annotations

import numpy as np


def pictures(count: int = 60, *shape: int, seed: int = 0) -> np.ndarray:
    """Different images of 8-bit pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, *(shape or (6, 5)))).astype(np.uint8)


CLASSES = np.arange(60) % 3
