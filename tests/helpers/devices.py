"""A small training whose weights are compared between processes with other devices."""

import hashlib

import numpy as np

from toolkit.builders import mlp
from toolkit.heads import get_head
from toolkit.training import fit


def weights_hash(*, xla: bool) -> str:
    """Return a hash of the weights of two networks that were trained together."""
    x = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    models = [mlp(3, 1, hidden=(4,), dropout=0.2, seed=seed) for seed in (0, 1)]
    trained = fit(models, get_head("binary", "logistic"), x, y, epochs=2, batch_size=32, xla=xla, progress=False)
    return hashlib.sha256(b"".join(weights.tobytes() for weights in trained.model.get_weights())).hexdigest()
