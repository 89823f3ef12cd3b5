"""Print states of small networks with what plain Keras makes of them in float64: run it in a process of its own."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from toolkit.losses import MulticlassHinge, SquaredSigmoid

CHECKS = (1, 100)  # steps after which loss and gradients are printed
ROWS, CLASSES = 30, 3
# head, hidden layers, optimizer, rate, and what differs from no penalty and batches of 10
STATES: list[tuple[str, list[tuple[int, str]], str, float, dict[str, Any]]] = [
    ("softmax", [(4, "tanh"), (2, "tanh")], "sgd", 0.03, {}),
    ("softmax", [], "momentum", 0.1, {"l1": 2**-7}),
    ("softmax", [(3, "relu")] * 6, "adam", 0.01, {}),
    ("softmax", [(8, "relu"), (4, "sigmoid"), (2, "linear")], "rmsprop", 0.01, {"batch": 1}),
    ("softmax", [(4, "tanh")], "adam", 0.01, {"zeros": True}),
    ("hinge", [(4, "tanh"), (2, "tanh")], "sgd", 0.03, {}),
    ("hinge", [], "adam", 0.03, {"l2": 2**-7, "batch": 30}),
    ("hinge", [(5, "maxout"), (3, "elu")], "momentum", 0.01, {"maxNorm": 1.0}),
    ("hinge", [(6, "leaky_relu")], "rmsprop", 0.003, {"l1": 2**-10, "l2": 2**-8}),
    ("squared_hinge", [(4, "elu"), (3, "tanh")], "sgd", 0.01, {}),
    ("squared_hinge", [(16, "relu")], "adam", 0.003, {"maxNorm": 2.0}),
    ("squared_hinge", [(4, "maxout")], "sgd", 0.003, {"zeros": True}),
    ("logistic", [(4, "sigmoid"), (3, "maxout")], "adam", 0.03, {"l2": 2**-8}),
    ("logistic", [(3, "leaky_relu")], "momentum", 0.03, {"classes": 2}),
    ("squared_sigmoid", [(4, "tanh"), (2, "tanh")], "sgd", 0.3, {"classes": 2}),
    ("squared_sigmoid", [(5, "elu")], "rmsprop", 0.01, {"batch": 7}),
    ("squared", [(8, "tanh"), (2, "maxout")], "adam", 0.01, {}),
    ("squared", [], "sgd", 0.01, {"l2": 2**-3}),
    ("absolute", [(6, "relu"), (3, "leaky_relu")], "sgd", 0.01, {"maxNorm": 0.5}),
    ("huber", [(5, "sigmoid")], "momentum", 0.03, {"l1": 2**-8, "batch": 30}),
]
LOSSES = {
    "softmax": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "hinge": MulticlassHinge,
    "squared_hinge": lambda: MulticlassHinge(squared=True),
    "logistic": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "squared_sigmoid": SquaredSigmoid,
    "squared": keras.losses.MeanSquaredError,
    "absolute": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}
OPTIMIZERS = {
    "sgd": keras.optimizers.SGD,
    # Keras rounds a Python float to float32 on its way: NumPy's keep their digits, and penalties are powers of two.
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=np.float64(0.9)),
    "rmsprop": keras.optimizers.RMSprop,
    "adam": lambda rate: keras.optimizers.Adam(rate, beta_1=np.float64(0.9), beta_2=np.float64(0.999)),
}


def build(hidden: list[tuple[int, str]], units: int, options: dict[str, Any]) -> keras.Sequential:
    """Return the network in plain Keras layers."""
    limit = options["maxNorm"]

    def dense(width: int) -> keras.layers.Dense:
        return keras.layers.Dense(
            width,
            kernel_regularizer=keras.regularizers.L1L2(options["l1"], options["l2"]),
            kernel_constraint=keras.constraints.MaxNorm(limit) if limit else None,
        )

    layers: list[Any] = [keras.Input((2,))]
    for width, activation in hidden:
        layers.append(dense(width * (1 + (activation == "maxout"))))
        if activation == "maxout":
            layers += [keras.layers.Reshape((2, width)), keras.layers.GlobalMaxPooling1D()]
        elif activation == "leaky_relu":
            # Not keras.layers.LeakyReLU: TensorFlow's operation holds its slope in float32.
            layers.append(keras.layers.Activation(lambda z: keras.ops.maximum(z, 0.1 * z)))
        else:
            layers.append(keras.layers.Activation(activation))
    return keras.Sequential([*layers, dense(units)])


def train(number: int) -> dict[str, Any]:
    """Train one state, and return it with the losses and gradients of all its rows."""
    head, hidden, optimizer_name, rate, changes = STATES[number]
    options = {"l1": 0.0, "l2": 0.0, "maxNorm": 0.0, "batch": 10, "classes": CLASSES, "zeros": False} | changes
    rng = np.random.default_rng(number)
    x = rng.normal(size=(ROWS, 2))
    is_value = head in ("squared", "absolute", "huber")
    classes = options["classes"]
    y = rng.normal(scale=2, size=ROWS) if is_value else rng.integers(0, classes, ROWS).astype(float)
    units = 1 if is_value or (classes == 2 and head in ("logistic", "squared_sigmoid")) else classes
    model = build(hidden, units, options)
    start = [rng.normal(scale=0.6, size=weight.shape) for weight in model.get_weights()]
    if options["zeros"]:  # in the first layer: both pieces of each maxout unit are equal
        start[:2] = [np.zeros_like(weight) for weight in start[:2]]
    model.set_weights(start)
    # One score per class, each against the rest, needs the classes as columns of 0 and 1.
    is_binary = head in ("logistic", "squared_sigmoid")
    targets = np.eye(classes)[y.astype(int)] if is_binary and units > 1 else y[:, None]
    order = np.concatenate([rng.permutation(ROWS) for _ in range(CHECKS[-1])])[: CHECKS[-1] * options["batch"]]
    optimizer = OPTIMIZERS[optimizer_name](rate)
    optimizer.build(model.trainable_variables)
    loss = LOSSES[head]()

    def measure(x: Any, y: Any) -> tuple[Any, list[Any]]:
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True)) + sum(model.losses)
        return value, tape.gradient(value, [v.value for v in model.trainable_variables])

    @tf.function(autograph=False)
    def step(x: Any, y: Any) -> None:
        optimizer.apply(measure(x, y)[1])

    checks = []
    for count, rows in enumerate(order.reshape(CHECKS[-1], -1), start=1):
        step(tf.constant(x[rows]), tf.constant(targets[rows]))
        if count in CHECKS:
            value, gradients = measure(tf.constant(x), tf.constant(targets))
            checks.append({"loss": float(value), "gradients": [g.numpy().ravel().tolist() for g in gradients]})
    return {
        "head": head, "hidden": hidden, "units": units, "x": x.ravel().tolist(), "y": y.tolist(),
        "order": order.tolist(), "start": [weight.ravel().tolist() for weight in start], "checks": checks,
        "options": options | {"optimizer": optimizer_name, "rate": rate},
    }  # fmt: skip


if __name__ == "__main__":
    keras.config.set_floatx("float64")
    print(json.dumps([train(number) for number in range(len(STATES))]))
