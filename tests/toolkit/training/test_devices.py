"""The same call trains the same network where TensorFlow lists several devices."""

import hashlib
import subprocess
import sys

import numpy as np

from toolkit.builders import mlp
from toolkit.heads import get_head
from toolkit.training import fit

# Logical devices can be set only before TensorFlow is used, in a process of its own.
SCRIPT = """
import tensorflow as tf

from tests.toolkit.training.test_devices import weights_hash

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
print(len(tf.config.list_logical_devices("CPU")), weights_hash(xla=False), weights_hash(xla=True))
"""


def weights_hash(*, xla: bool) -> str:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    models = [mlp(3, 1, hidden=(4,), dropout=0.2, seed=seed) for seed in (0, 1)]
    trained = fit(models, get_head("binary", "logistic"), x, y, epochs=2, batch_size=32, xla=xla, progress=False)
    return hashlib.sha256(b"".join(weights.tobytes() for weights in trained.model.get_weights())).hexdigest()


def test_a_second_device_changes_no_weight():
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["2", weights_hash(xla=False), weights_hash(xla=True)]
