"""The same call trains the same network where TensorFlow lists several devices."""

import subprocess
import sys

from tests.helpers.devices import weights_hash

# Logical devices can be set only before TensorFlow is used, in a process of its own.
SCRIPT = """
import tensorflow as tf

from tests.helpers.devices import weights_hash

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
print(len(tf.config.list_logical_devices("CPU")), weights_hash(xla=False), weights_hash(xla=True))
"""


def test_a_second_device_changes_no_weight():
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["2", weights_hash(xla=False), weights_hash(xla=True)]
