"""Gradient check and audit: gradients by hand, models built wrong on purpose, losses against mpmath and SciPy."""

from __future__ import annotations

import functools
import json
import math

import keras
import mpmath
import numpy as np
import pytest
from scipy import special
from sklearn.metrics import log_loss

import toolkit
from toolkit.builders import linear, mlp
from toolkit.common.errors import DataError
from toolkit.heads import HEADS, Head, get_head
from toolkit.losses import BinaryHinge, MulticlassHinge, SoftmaxCrossentropy
from toolkit.numerics import audit, gradient_check

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")


def targets(task: str, n: int = 12) -> np.ndarray:
    rng = np.random.default_rng(1)
    if task == "multiclass":
        return rng.integers(0, 4, n)
    shape = (n, 1 if task == "binary" else 4)
    return rng.normal(size=shape) if task == "regression" else rng.integers(0, 2, shape).astype("float32")


# The gradient check


@pytest.mark.parametrize("key", list(HEADS))
def test_every_head_passes_the_gradient_check(key):
    head = HEADS[key]
    y = targets(head.task)[:, :1] if head.quantiles else targets(head.task)
    model = mlp(3, head.units(y.shape[1] if y.ndim == 2 else 4), hidden=(5,), activation="tanh", l2=0.01)
    head.start(model, y)
    before = model.get_weights()
    check = gradient_check(model, head, X, y, entries=30)
    assert check.worst < 1e-5
    assert len(check.table) == min(30, model.count_params())
    assert check.kinks <= 3
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert keras.config.floatx() == "float32"


def test_the_derivatives_are_those_worked_by_hand():
    """One row x = (1, -2), weights 0: the logistic loss has slope (sigmoid(0) - 1) x."""
    model = linear(2, 1)
    model.set_weights([np.zeros((2, 1)), np.zeros(1)])
    check = gradient_check(model, get_head("binary", "logistic"), np.array([[1.0, -2.0]]), np.array([[1.0]]))
    assert check.table["automatic"].tolist() == pytest.approx([-0.5, 1.0, -0.5])
    assert check.table["numerical"].tolist() == pytest.approx([-0.5, 1.0, -0.5], abs=1e-9)
    assert check.table["weight"].str.contains("kernel|bias").all()


def test_a_wrong_gradient_is_found_and_not_set_aside_as_a_kink():
    @keras.ops.custom_gradient
    def wrong(s):
        return s**2, lambda *g, upstream=None: 2.2 * s * (g[0] if upstream is None else upstream)

    class Wrong(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.sum(wrong(y_pred), axis=-1)

    check = gradient_check(linear(3, 1), Head("wrong", "regression", Wrong, None, ""), X, np.zeros((12, 1)))
    assert check.kinks == 0
    assert check.worst == pytest.approx(1 - 2 / 2.2, rel=1e-3)


def test_a_kink_at_the_weights_themselves_is_set_aside_and_counted():
    """All scores 0 and margin 1: |w| of an L1 penalty has its corner there, and half of the loss is smooth."""
    model = linear(2, 1, l1=0.1)
    model.set_weights([np.zeros((2, 1)), np.zeros(1)])
    check = gradient_check(model, get_head("binary", "logistic"), X[:, :2], targets("binary"))
    assert check.kinks == 2  # the two weights; the bias has no penalty
    assert check.table.set_index("weight")["kink"].tolist() == [True, True, False]
    assert check.worst < 1e-7


def test_a_kink_beside_a_weight_is_stepped_around():
    """A hinge whose margin is met by 3e-6: a step of 1e-5 reaches over the corner, a shorter one does not."""
    model = linear(1, 1)
    model.set_weights([np.array([[1 + 3e-6]]), np.zeros(1)])
    check = gradient_check(model, get_head("binary", "hinge"), np.array([[1.0]]), np.array([[1.0]]))
    assert check.kinks == 0
    assert check.table["numerical"].tolist() == [0, 0]
    assert check.worst == 0


def test_a_relu_network_is_checked_around_its_kinks():
    check = gradient_check(
        mlp(3, 4, hidden=(16,), activation="relu"), get_head("multiclass", "softmax"), X, targets("multiclass")
    )
    assert check.worst < 1e-5
    assert check.kinks <= 5


def test_dropout_and_batch_normalization_stand_still_during_the_check():
    model = mlp(3, 4, hidden=(6,), activation="tanh", dropout=0.5, batch_norm=True)
    assert gradient_check(model, get_head("multiclass", "softmax"), X, targets("multiclass"), entries=20).worst < 1e-5


def test_a_mixed_precision_model_is_checked_in_float64():
    layers = [keras.Input((3,)), keras.layers.Dense(4, "tanh", dtype="mixed_float16"), keras.layers.Dense(4)]
    model = keras.Sequential(layers)
    assert gradient_check(model, get_head("multiclass", "softmax"), X, targets("multiclass"), entries=20).worst < 1e-5


@pytest.mark.parametrize(
    ("x", "y", "entries", "words"), [(X, np.zeros(3), 5, "y has 3"), (X, np.zeros(12), 0, "entries=0")]
)
def test_a_check_says_what_it_was_given_wrong(x, y, entries, words):
    with pytest.raises(DataError, match=words):
        gradient_check(linear(3, 1), get_head("binary", "logistic"), x, y, entries=entries)


# Models built wrong on purpose


def model_with(activation: str | None, units: int, loss=None, metrics=None) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation=activation)])
    if loss is not None:
        model.compile(loss=loss, metrics=metrics)
    return model


def said(model: keras.Model, *data) -> list[tuple[str, str]]:
    return [(finding.severity, finding.kind) for finding in audit(model, *data).problems]


L = keras.losses
BINARY_FORMS = [
    "binary_crossentropy",
    "BinaryCrossentropy",
    "crossentropy",
    L.binary_crossentropy,
    L.BinaryCrossentropy(),
    L.BinaryCrossentropy,
    ["binary_crossentropy"],
    {"class_name": "BinaryCrossentropy", "config": {"from_logits": False}},
    functools.partial(L.binary_crossentropy, from_logits=False),
]


@pytest.mark.parametrize("loss", BINARY_FORMS)
def test_a_linear_output_under_a_loss_of_probabilities_is_found_in_every_form(loss):
    assert said(model_with(None, 1, loss)) == [("error", "loss")]
    assert "Set from_logits=True" in audit(model_with(None, 1, loss)).findings[0].text


@pytest.mark.parametrize(
    ("activation", "units", "loss"),
    [
        ("sigmoid", 1, L.BinaryCrossentropy(from_logits=True)),
        ("softmax", 3, L.SparseCategoricalCrossentropy(from_logits=True)),
        ("softmax", 3, L.CategoricalCrossentropy(from_logits=True)),
        ("softmax", 3, functools.partial(L.sparse_categorical_crossentropy, from_logits=True)),
        ("softmax", 3, SoftmaxCrossentropy()),
        ("relu", 3, SoftmaxCrossentropy()),
        ("softmax", 3, MulticlassHinge()),
        ("sigmoid", 1, "hinge"),
    ],
)
def test_an_activation_under_a_loss_of_raw_scores_is_found(activation, units, loss):
    found = audit(model_with(activation, units, loss))
    assert [(f.severity, f.kind) for f in found.problems] == [("error", "output")]
    assert activation in found.findings[0].text
    assert "activation=None" in found.findings[0].text


@pytest.mark.parametrize(
    "layer", [keras.layers.Activation("sigmoid"), keras.layers.Activation(keras.activations.sigmoid)]
)
def test_an_activation_is_found_behind_layers_that_change_nothing(layer):
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(1),
        layer,
        keras.layers.Dropout(0.1),
        keras.layers.Activation("linear"),
    ]
    model = keras.Sequential(layers)
    model.compile(loss=L.BinaryCrossentropy(from_logits=True))
    assert said(model) == [("error", "output")]


def test_an_activation_is_found_in_a_functional_model_and_in_a_model_within_it():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Softmax()])
    given = keras.Input((3,))
    for output in (
        keras.ops.softmax(keras.layers.Dense(3)(given)),
        inner(given),
        keras.layers.Dense(3, "softmax")(given),
    ):
        model = keras.Model(given, output)
        model.compile(loss=L.SparseCategoricalCrossentropy(from_logits=True))
        assert said(model) == [("error", "output")]


@pytest.mark.parametrize("loss", ["categorical_hinge", "CategoricalHinge", L.categorical_hinge, L.CategoricalHinge()])
def test_the_categorical_hinge_of_keras_is_found(loss):
    found = audit(model_with(None, 4, loss))
    assert [(f.severity, f.kind) for f in found.problems] == [("error", "loss")]
    assert "toolkit.losses.MulticlassHinge" in found.findings[0].text


@pytest.mark.parametrize(
    ("units", "loss", "metric", "mended", "fitted"),
    [
        (1, L.BinaryCrossentropy(from_logits=True), "accuracy", "BinaryAccuracy(threshold=0.0)", False),
        (1, L.BinaryCrossentropy(from_logits=True), "acc", "BinaryAccuracy(threshold=0.0)", False),
        (1, L.BinaryCrossentropy(from_logits=True), "binary_accuracy", "BinaryAccuracy(threshold=0.0)", False),
        (
            1,
            L.BinaryCrossentropy(from_logits=True),
            keras.metrics.binary_accuracy,
            "BinaryAccuracy(threshold=0.0)",
            False,
        ),
        (1, BinaryHinge(), keras.metrics.BinaryAccuracy, "BinaryAccuracy(threshold=0.0)", False),
        (4, L.BinaryCrossentropy(from_logits=True), "accuracy", "argmax", False),
        (4, BinaryHinge(), keras.metrics.BinaryAccuracy, "BinaryAccuracy(threshold=0.0)", False),
        (
            4,
            L.BinaryCrossentropy(from_logits=True),
            keras.metrics.CategoricalAccuracy,
            "BinaryAccuracy(threshold=0.0)",
            False,
        ),
        (1, L.BinaryCrossentropy(from_logits=True), keras.metrics.AUC, "from_logits=True", False),
        (1, L.BinaryCrossentropy(from_logits=True), keras.metrics.BinaryCrossentropy, "from_logits=True", False),
        (1, L.BinaryCrossentropy(from_logits=True), keras.metrics.Precision, "after the sigmoid", False),
        (1, L.BinaryCrossentropy(from_logits=True), keras.metrics.Accuracy, "last digit", False),
        (1, L.BinaryCrossentropy(from_logits=True), "accuracy", "BinaryAccuracy(threshold=0.0)", True),
        (1, L.BinaryCrossentropy(from_logits=True), "binary_accuracy", "BinaryAccuracy(threshold=0.0)", True),
        (
            1,
            L.BinaryCrossentropy(from_logits=True),
            keras.metrics.binary_accuracy,
            "BinaryAccuracy(threshold=0.0)",
            True,
        ),
        (4, L.BinaryCrossentropy(from_logits=True), "accuracy", "argmax", True),
    ],
)
def test_a_metric_that_misreads_raw_scores_is_found_before_and_after_fit(units, loss, metric, mended, fitted):
    model = model_with(None, units, loss, [metric() if isinstance(metric, type) else metric])
    if fitted:
        model.run_eagerly = True
        model.fit(X, np.ones((12, units)), verbose=0)
    found = audit(model)
    assert [(f.severity, f.kind) for f in found.problems] == [("error", "metric")]
    assert mended in found.problems[0].text


@pytest.mark.parametrize(
    ("activation", "units", "loss", "metrics"),
    [
        (None, 1, L.BinaryCrossentropy(from_logits=True), [keras.metrics.BinaryAccuracy(threshold=0.0)]),
        (None, 4, L.BinaryCrossentropy(from_logits=True), [keras.metrics.BinaryAccuracy(threshold=0.0)]),
        (None, 4, L.SparseCategoricalCrossentropy(from_logits=True), ["accuracy", "sparse_top_k_categorical_accuracy"]),
        (None, 4, L.CategoricalCrossentropy(from_logits=True), ["accuracy", keras.metrics.AUC(from_logits=True)]),
        (None, 4, MulticlassHinge(), ["accuracy"]),
        (None, 1, "hinge", [keras.metrics.BinaryAccuracy(threshold=0.0)]),
        (None, 2, "mse", ["mae"]),
        (None, 2, L.Huber(), None),
    ],
)
def test_a_model_put_together_well_has_no_problem(activation, units, loss, metrics):
    found = audit(model_with(activation, units, loss, metrics))
    assert found.problems == []
    assert [f.severity for f in found.findings] == ["good"]


@pytest.mark.parametrize(
    ("activation", "units", "loss", "expected"),
    [
        ("sigmoid", 1, "binary_crossentropy", [("warning", "loss")]),
        ("softmax", 3, "sparse_categorical_crossentropy", [("warning", "loss")]),
        ("softmax", 1, "binary_crossentropy", [("error", "output"), ("warning", "loss")]),
        (None, 1, L.SparseCategoricalCrossentropy(from_logits=True), [("error", "loss")]),
        ("sigmoid", 1, "mse", [("warning", "loss")]),
        ("sigmoid", 1, None, [("warning", "output")]),
        (None, 1, None, []),
    ],
)
def test_what_else_is_found(activation, units, loss, expected):
    assert said(model_with(activation, units, loss)) == expected


def test_targets_with_several_labels_show_what_the_model_alone_does_not():
    y = np.array([[1, 1, 0], [0, 0, 0]] * 6)
    loss = L.CategoricalCrossentropy(from_logits=True)
    assert said(model_with(None, 3, loss, ["accuracy"]), X, y) == [("error", "loss"), ("error", "metric")]
    assert said(model_with(None, 3, loss, ["accuracy"]), X, np.eye(3)[np.arange(12) % 3]) == []


def test_each_output_is_looked_at_with_its_own_loss_and_metrics():
    given = keras.Input((3,))
    outputs = {"a": keras.layers.Dense(1, name="a")(given), "b": keras.layers.Dense(4, "softmax", name="b")(given)}
    losses = {"a": L.BinaryCrossentropy(from_logits=True), "b": L.SparseCategoricalCrossentropy(from_logits=True)}
    model = keras.Model(given, outputs)
    model.compile(loss=losses, metrics={"a": ["accuracy"], "b": ["accuracy"]})
    texts = [f.text for f in audit(model).problems]
    assert len(texts) == 2
    assert any("'b' applies a softmax" in text for text in texts)
    assert any("threshold at 0.5" in text for text in texts)


def test_an_output_of_a_class_of_ones_own_is_not_judged():
    class Mine(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1), Mine()])
    model.compile(loss=L.BinaryCrossentropy(from_logits=True))
    found = audit(model)
    assert found.problems == []
    assert found.findings[0].severity == "note"


# What the scores lose


def model_of(scores: np.ndarray, loss) -> tuple[keras.Model, np.ndarray]:
    """A model whose scores are its inputs."""
    model = keras.Sequential([keras.Input(scores.shape[1:]), keras.layers.Dense(scores.shape[1], use_bias=False)])
    model.set_weights([np.eye(scores.shape[1])])
    model.compile(loss=loss)
    return model, scores


# The sigmoid rounds to 1 from 17.33 on in float32 (1 - 2^-25), from 8.32 in float16 (1 - 2^-12), from 6.24 in bfloat16
# (1 - 2^-9); to 0 below -17.33 in float16 (2^-25) alone.
SCORES = np.array([[0.0], [6.2], [6.3], [8.3], [8.4], [17.3], [17.4], [-17.3], [-17.4], [-60.0]], "float32")


def test_saturation_begins_where_the_type_runs_out_of_digits():
    found = audit(*model_of(SCORES, L.BinaryCrossentropy(from_logits=True)))
    assert found.saturation["one"].tolist() == pytest.approx([0.1, 0.5, 0.3])
    assert found.saturation["zero"].tolist() == pytest.approx([0, 0, 0.2])
    assert found.saturation["saturated"].tolist() == pytest.approx([0.1, 0.5, 0.5])
    assert found.rows == 10
    assert found.table.empty


def test_a_softmax_counts_every_probability_and_every_row():
    scores = np.array([[0, 0, 0], [30, 0, 0], [0, 120, 0], [9.5, 0, 0]], "float32")
    saturation = audit(*model_of(scores, SoftmaxCrossentropy())).saturation
    assert saturation.loc["float32"].to_dict() == pytest.approx(
        {"one": 2 / 12, "zero": 2 / 12, "saturated": 4 / 12, "rows": 0.5}
    )
    assert saturation.loc["float16", "rows"] == 0.5 + 0.25


def test_the_three_ways_agree_with_mpmath():
    scores = np.array([[0.0], [6.25], [-3.0], [12.0], [25.0], [25.0], [-60.0]], "float32")
    y = np.array([1, 1, 0, 0, 1, 0, 1])
    table = audit(*model_of(scores, L.BinaryCrossentropy(from_logits=True)), y).table
    with mpmath.workdps(50):
        true = [mpmath.log1p(mpmath.exp(-s if t else s)) for s, t in zip(map(float, scores[:, 0]), y, strict=True)]
        mean = float(sum(true) / len(true))
    assert table.loc["float64 reference", "loss"] == pytest.approx(mean, rel=1e-12)
    assert table.loc["logits, float32", "loss"] == pytest.approx(mean, rel=1e-6)
    assert table.loc["logits, float32", ["loss_error", "gradient_error"]].max() <= 1e-6
    assert table.loc["logits, float32", ["infinite", "nan", "gradient_lost"]].tolist() == [0, 0, 0]
    naive = table.loc["probabilities, then log, float32"]
    assert (naive["nan"], naive["infinite"]) == (
        1,
        1,
    )  # at 25: 0 * log(1 - 1) where it is right, log(1 - 1) where wrong
    clipped = table.loc["probabilities, clipped as Keras does, then log, float32"]
    assert clipped[["infinite", "nan"]].tolist() == [0, 0]
    # -60 of a positive row costs 60, and Keras's clip at 1e-7 says 16.12: off by 43.88 of 60, and with no gradient.
    assert clipped["loss_error"] == pytest.approx((60 + math.log(1e-7)) / 60, rel=1e-4)
    assert clipped["gradient_lost"] >= 1


@pytest.mark.parametrize(
    "loss",
    [
        SoftmaxCrossentropy(),
        L.SparseCategoricalCrossentropy(from_logits=True),
        L.CategoricalCrossentropy(from_logits=True),
    ],
)
def test_a_row_surely_wrong_loses_its_gradient_by_way_of_probabilities(loss):
    scores = np.array([[0, 120, 0], [1, 2, 3], [0, 0, 200]], "float32")
    y = np.array([0, 2, 2])
    given = np.eye(3)[y] if isinstance(loss, L.CategoricalCrossentropy) else y
    table = audit(*model_of(scores, loss), given).table
    wide = scores.astype("float64")
    expected = np.mean(special.logsumexp(wide, axis=1) - wide[np.arange(3), y])
    assert table.loc["float64 reference", "loss"] == pytest.approx(expected, rel=1e-12)
    assert table["gradient_lost"].tolist()[0] == 0
    naive = table.loc["probabilities, then log, float32"]
    assert naive["infinite"] + naive["nan"] >= 1
    assert naive["gradient_lost"] >= 1
    assert table.loc["probabilities, clipped as Keras does, then log, float32", "gradient_lost"] >= 1


def test_a_hinge_has_no_probabilities_to_lose():
    found = audit(*model_of(np.array([[0, 1e30, 0], [1, 2, 3]], "float32"), MulticlassHinge()), np.array([0, 2]))
    assert found.saturation.empty
    assert found.table.index.tolist() == ["scores, float32", "float64 reference"]
    assert found.table["loss_error"].max() <= 1e-6
    assert found.problems == []


def test_probabilities_of_a_model_that_gives_no_scores_are_counted_as_they_are():
    model = model_with("sigmoid", 1, "binary_crossentropy")
    model.set_weights([np.full((3, 1), 100.0), np.zeros(1)])
    found = audit(model, X, targets("binary"))
    p = special.expit(100.0 * X.astype("float64").sum(axis=1))
    assert found.saturation.loc["float32", "one"] == pytest.approx(np.mean(p.astype("float32") == 1))
    assert ("warning", "saturation") in [(f.severity, f.kind) for f in found.problems]
    assert found.table.empty


def test_targets_without_rows_are_refused():
    with pytest.raises(DataError, match="x is missing"):
        audit(linear(3, 1), y=np.zeros(3))
    with pytest.raises(DataError, match="x has 12"):
        audit(linear(3, 1), X, np.zeros(3))


# Runs


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_a_run_is_audited_on_its_own_scores(runs, task):
    run = runs[task]
    found = audit(run)
    assert found.problems == []
    assert found.rows == len(run.outcome.scores)
    assert ("good", "output") in [(f.severity, f.kind) for f in found.findings]
    assert found.table.iloc[0][["loss_error", "gradient_error"]].max() <= 1e-6
    if task == "regression":
        assert found.saturation.empty
        assert len(found.table) == 2
    else:
        # Before calibration, which has a log loss of its own.
        p = np.reshape(run.head.probabilities(run.outcome.scores), (len(run.outcome.scores), -1))
        expected = (
            np.mean([log_loss(t, q) for t, q in zip(np.atleast_2d(run.outcome.y_true.T), p.T, strict=True)])
            if task != "multiclass"
            else log_loss(run.outcome.y_true, p)
        )
        assert found.table.loc["float64 reference", "loss"] == pytest.approx(expected, rel=1e-6)
        assert len(found.table) == 4
        assert found.saturation.index.tolist() == ["float32", "bfloat16", "float16"]


def test_of_thousands_of_classes_some_rows_are_looked_at(runs):
    whole = audit(runs["multiclass"])
    some = audit(runs["multiclass"], cells=7 * runs["multiclass"].target.units)
    assert (some.rows, list(some.table.index)) == (7, list(whole.table.index))
    assert whole.rows == len(runs["multiclass"].outcome.y_true)


def test_a_loaded_run_has_findings_and_no_scores_until_it_is_given_rows(runs, tmp_path):
    loaded = toolkit.load(runs["binary"].save(tmp_path / "run.keras"))
    found = audit(loaded)
    assert found.problems == []
    assert (found.rows, len(found.table), len(found.saturation)) == (0, 0, 0)
    rows = runs["binary"].dataset.features.frame.iloc[:7]
    assert len(audit(loaded, rows).saturation) == 3


def test_an_audit_is_strict_json_even_where_a_loss_is_infinite(runs):
    scores = np.array([[0, 120, 0]], "float32")
    infinite = audit(*model_of(scores, SoftmaxCrossentropy()), np.array([0])).to_dict()
    for content in (infinite, audit(runs["multiclass"]).to_dict(), audit(linear(3, 1)).to_dict()):
        assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert infinite["table"][1]["loss"] is None
    assert infinite["table"][1]["infinite"] == 1
