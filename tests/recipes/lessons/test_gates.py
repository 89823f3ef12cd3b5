"""Derivatives along a graph of gates."""

from __future__ import annotations

import pytest

from recipes.lessons import gates


def test_the_lectures_sum_times_z_has_its_derivatives():
    x, y, z = gates.variable("x", -2), gates.variable("y", 5), gates.variable("z", -4)
    output = (x + y) * z
    gates.backward(output)
    assert (output.value, x.derivative, y.derivative, z.derivative) == (-12, -4, -4, 3)


def test_gates_agree_with_tensorflow():
    import tensorflow as tf

    values = {"a": 0.3, "b": -1.2, "c": 0.7}
    table = gates.table(lambda a, b, c: gates.sigmoid(gates.maximum(a * b, c) * c + a * -2.0 + 1.0), values)
    inputs = [tf.constant(value, tf.float64) for value in values.values()]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        a, b, c = inputs
        output = tf.sigmoid(tf.maximum(a * b, c) * c + a * -2.0 + 1.0)
    slopes = tape.gradient(output, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert table["derivative"].tolist() == pytest.approx([float(slope) for slope in slopes])
