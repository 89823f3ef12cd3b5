"""Training: the compiled loop against ``model.fit``, stopping rules, callbacks, failures."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.helpers.ctrl_c import PressesCtrlC
from toolkit import training
from toolkit.builders import cnn, linear, mlp
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.heads import get_head
from toolkit.training.augmentation import augmented
from toolkit.training.epochs import WORKERS, Worker
from toolkit.training.options import OPTIMIZERS, Options
from toolkit.training.plan import Plan
from toolkit.training.scoring import Scorer, piece_sizes
from toolkit.training.side_by_side import fold, join

LOGISTIC = get_head("binary", "logistic")
SQUARED = get_head("regression", "squared")


@pytest.fixture(scope="module")
def two_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6)).astype("float32")
    y = (x[:, :1] + 0.5 * rng.normal(size=(400, 1)) > 0).astype("float32")
    return x, y


def _fit(model, data, head=LOGISTIC, **options):
    return training.fit(model, head, *data, **{"progress": False, "epochs": 3} | options)


def _largest_relative_difference(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs)


@pytest.mark.parametrize("xla", [True, False], ids=["xla", "graph"])
@pytest.mark.parametrize(
    ("optimizer", "schedule"), [("adam", "constant"), *((optimizer, "cosine") for optimizer in OPTIMIZERS)]
)
def test_fifty_steps_give_the_weights_of_model_fit(two_classes, optimizer, schedule, xla):
    x, y = two_classes[0][:395], two_classes[1][:395]  # 25 steps an epoch, the last one of 11 rows

    def build():
        return mlp(6, 1, hidden=(8, 8), activation="tanh", l2=1e-3, max_norm=2.0, seed=1)

    ours, theirs = build(), build()
    _fit(ours, (x, y), epochs=2, batch_size=16, optimizer=optimizer, schedule=schedule, shuffle=False, xla=xla)
    rate = OPTIMIZERS[optimizer]
    course = keras.optimizers.schedules.CosineDecay(rate, 50) if schedule == "cosine" else rate
    made = {
        "sgd": lambda: keras.optimizers.SGD(course),
        "momentum": lambda: keras.optimizers.SGD(course, momentum=0.9),
        "rmsprop": lambda: keras.optimizers.RMSprop(course),
        "adam": lambda: keras.optimizers.Adam(course),
        "adamw": lambda: keras.optimizers.AdamW(course),
    }[optimizer]()
    theirs.compile(optimizer=made, loss=keras.losses.BinaryCrossentropy(from_logits=True))
    theirs.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert _largest_relative_difference(ours, theirs) < 1e-5


def test_weighted_rows_give_the_weights_of_model_fit(two_classes):
    x, y = two_classes
    weights = np.random.default_rng(1).random(len(x))
    ours, theirs = linear(6, 1), linear(6, 1)
    _fit(ours, (x, y), sample_weight=weights, batch_size=64, schedule="constant", shuffle=False, xla=True)
    theirs.compile(optimizer=keras.optimizers.Adam(1e-3), loss=LOGISTIC.loss())
    theirs.fit(x, y, sample_weight=weights, batch_size=64, epochs=3, shuffle=False, verbose=0)
    assert _largest_relative_difference(ours, theirs) < 1e-5


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("looks", ["normalizes", "penalizes", "normalizes by an axis"])
def test_layers_that_look_at_a_batch_as_a_whole_give_the_weights_of_model_fit(two_classes, looks, weighted):
    x, y = two_classes[0][:395], two_classes[1][:395]  # the last batch has 11 rows
    weights = np.random.default_rng(1).random(len(x)) if weighted else None

    def build():
        penalty = "l2" if looks == "penalizes" else None
        layers = [keras.layers.Dense(8, "tanh", activity_regularizer=penalty)]
        if looks == "normalizes":
            layers.append(keras.layers.BatchNormalization())
        elif looks == "normalizes by an axis":
            layers.append(keras.layers.UnitNormalization(axis=0))
        return keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(1)])

    ours, theirs = build(), build()
    theirs.set_weights(ours.get_weights())
    options = {"optimizer": "sgd", "schedule": "constant", "shuffle": False, "xla": True}
    _fit(ours, (x, y), sample_weight=weights, batch_size=16, **options)
    theirs.compile(optimizer=keras.optimizers.SGD(OPTIMIZERS["sgd"]), loss=LOGISTIC.loss())
    theirs.fit(x, y, sample_weight=weights, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert _largest_relative_difference(ours, theirs) < 1e-4


def _ignoring():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)


@pytest.mark.parametrize("loss", [keras.losses.Dice, _ignoring], ids=["Dice", "ignore_class"])
def test_a_loss_that_looks_at_a_batch_as_a_whole_gives_the_weights_of_model_fit(two_classes, loss):
    x, y = two_classes[0][:395], np.arange(395) % 3
    y = y if loss is _ignoring else np.eye(3, dtype=np.float32)[y]
    head = dataclasses.replace(get_head("multiclass", "softmax"), loss=loss)
    ours, theirs = mlp(6, 3, hidden=(5,)), mlp(6, 3, hidden=(5,))
    _fit(ours, (x, y), head, batch_size=16, optimizer="sgd", schedule="constant", shuffle=False, xla=True)
    theirs.compile(optimizer=keras.optimizers.SGD(OPTIMIZERS["sgd"]), loss=loss())
    theirs.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
    assert _largest_relative_difference(ours, theirs) < 1e-4


@pytest.mark.parametrize(("options", "steps"), [({}, (11, 0, 7)), ({"batch_norm": True}, (10, 30, 0))])
def test_the_last_batch_needs_a_step_of_its_own_only_where_rows_are_not_scored_separately(options, steps):
    worker = Worker(mlp(6, 1, hidden=(5,), **options), LOGISTIC.loss(), keras.optimizers.SGD(), 37)
    assert worker.steps(400) == steps
    assert worker.steps(370) == (10, 0, 0)


@pytest.mark.parametrize("xla", [True, False], ids=["xla", "graph"])
def test_dropout_drops_its_share_anew_at_every_step(xla):
    """Of ones, and a weight of 1: the scores are 0 or 1 / (1 - rate), and their mean square is 1 / (1 - rate)."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dropout(0.25, seed=1), keras.layers.Dense(1)])
    model.set_weights([np.ones((1, 1), np.float32), np.zeros(1, np.float32)])
    x, y = np.ones((2_000, 1), np.float32), np.zeros((2_000, 1), np.float32)
    trained = _fit(model, (x, y), SQUARED, batch_size=100, learning_rate=1e-12, epochs=50, xla=xla)
    np.testing.assert_allclose(trained.history["loss"].mean(), 1 / 0.75, rtol=0.01)
    assert trained.history["loss"].nunique() > 30


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(two_classes):
    model = linear(6, 1)
    x, y = two_classes
    trained = _fit(model, two_classes, batch_size=37, epochs=1, learning_rate=1e-12)
    expected = LOGISTIC.loss()(y, model(x))
    np.testing.assert_allclose(trained.history["loss"].iloc[0], expected, rtol=1e-6)


def test_one_full_batch_step_is_the_lectures_linear_regression():
    # Mason Brain: x = 1, 3, 6, 5; y = 4, 8, 14, 13; w = 5, b = 1; the deck's cost has 1/(2m), so its rate is halved.
    model = linear(1, 1)
    model.set_weights([np.array([[5.0]], "float32"), np.array([1.0], "float32")])
    x, y = np.array([[1], [3], [6], [5]], "float32"), np.array([[4], [8], [14], [13]], "float32")
    history = _fit(
        model, (x, y), SQUARED, epochs=1, batch_size="all", optimizer="sgd", learning_rate=0.005, schedule="constant"
    ).history
    assert history["loss"][0] / 2 == pytest.approx(65.75)
    w, b = model.get_weights()
    assert w[0, 0] == pytest.approx(4.5175, abs=1e-6)
    assert b[0] == pytest.approx(0.9, abs=1e-6)


def test_the_same_seed_gives_the_same_weights_with_dropout_and_batch_norm(two_classes):
    runs = []
    for seed in (3, 3, 4):
        model = mlp(6, 1, hidden=(16,), dropout=0.3, batch_norm=True, seed=7)
        _fit(model, two_classes, seed=seed)
        runs.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not np.array_equal(runs[0][0], runs[2][0])


def test_every_epoch_sees_the_rows_in_a_new_order(two_classes):
    seen = []

    class Spy(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((logs or {})["loss"])

    _fit(
        linear(6, 1), two_classes, epochs=2, batch_size=40, callbacks=[Spy()], optimizer="sgd", learning_rate=1e-12,
        schedule="constant",
    )  # fmt: skip
    assert len(seen) == 20
    assert seen[0] != pytest.approx(seen[10], rel=1e-3)
    assert seen[9] == pytest.approx(seen[19], rel=1e-5), "the mean over all rows does not depend on their order"


def test_a_callback_that_asks_for_batches_gets_them_and_changes_nothing(two_classes):
    class Counter(keras.callbacks.Callback):
        batches = 0

        def on_train_batch_begin(self, batch, logs=None):
            self.batches += 1

    counter = Counter()
    watched, alone = mlp(6, 1, hidden=(8,)), mlp(6, 1, hidden=(8,))
    _fit(watched, two_classes, batch_size=64, callbacks=[counter])
    _fit(alone, two_classes, batch_size=64)
    assert counter.batches == 3 * 7
    assert _largest_relative_difference(watched, alone) < 1e-5


def test_the_usual_keras_callbacks_work_at_epochs(two_classes, tmp_path):
    x, y = two_classes
    stopper = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=10.0)
    callbacks = [
        plateau,
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TensorBoard(tmp_path / "board"),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: rates.append(float(plateau.model.optimizer.learning_rate))
        ),
        stopper,
    ]
    rates: list[float] = []
    trained = _fit(linear(6, 1), (x, y), validation=(x, y), epochs=9, callbacks=callbacks)
    assert len(trained.history) == 2
    assert "callback" in trained.stopped
    assert trained.history["learning_rate"].tolist() == pytest.approx([1e-3, 1e-3])
    assert rates == pytest.approx([1e-3, 5e-4])
    assert trained.settings["loop"] == "compiled epoch"
    assert (tmp_path / "log.csv").read_text().startswith("epoch,learning_rate,loss")
    assert keras.models.load_model(tmp_path / "best.keras").count_params() == 7
    assert list((tmp_path / "board").rglob("events*"))


def test_a_callback_can_set_the_learning_rate(two_classes):
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    history = _fit(linear(6, 1), two_classes, callbacks=[scheduler]).history
    assert history["learning_rate"].tolist() == pytest.approx([0.1, 0.05, 0.1 / 3])
    with pytest.raises(DataError, match="both change the learning rate"):
        _fit(linear(6, 1), two_classes, callbacks=[scheduler], schedule="cosine")


@pytest.mark.parametrize(
    ("schedule", "ends"), [("constant", 0.01), ("cosine", 0.0), ("exponential", 1e-4), ("step", 1e-4)]
)
def test_schedules_end_where_they_say(two_classes, schedule, ends):
    history = _fit(linear(6, 1), two_classes, learning_rate=0.01, schedule=schedule, epochs=8).history
    assert history["learning_rate"].iloc[-1] == pytest.approx(ends, abs=1e-9)


def test_the_model_keeps_the_epoch_with_the_lowest_validation_loss(two_classes):
    x, y = two_classes
    model = mlp(6, 1, hidden=(64,))
    # Trained on 40 rows, it overfits; the best epoch is an early one.
    trained = _fit(
        model, (x[:40], y[:40]), validation=(x[40:], y[40:]), epochs=60, patience=8, learning_rate=0.03,
        schedule="constant",
    )  # fmt: skip
    best = trained.history.loc[trained.history["val_loss"].idxmin()]
    assert trained.best_epoch == best["epoch"]
    assert len(trained.history) == trained.best_epoch + 8
    assert trained.stopped == "no lower validation loss for 8 epochs"
    assert float(LOGISTIC.loss()(y[40:], model(x[40:]))) == pytest.approx(best["val_loss"], rel=1e-5)


def test_training_stops_when_the_gradient_is_short_enough():
    x = np.linspace(-1, 1, 20, dtype="float32")[:, None]
    trained = _fit(
        linear(1, 1), (x, 2 * x + 1), SQUARED, epochs=500, batch_size="all", optimizer="sgd", learning_rate=0.5,
        schedule="constant", min_gradient_norm=1e-3,
    )  # fmt: skip
    assert len(trained.history) < 500
    assert trained.history["gradient_norm"].iloc[-1] < 1e-3
    assert "norm of the gradient" in trained.stopped


def test_a_loss_that_stops_being_finite_leaves_the_last_good_weights(two_classes):
    x, y = two_classes
    model = mlp(6, 1, hidden=(8, 8), initializer="random_normal")
    with pytest.warns(RuntimeWarning, match="Try a lower learning_rate"):
        trained = _fit(model, (x, y * 1e6), SQUARED, optimizer="sgd", learning_rate=1e6, epochs=5)
    assert "no longer finite" in trained.stopped
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    assert trained.best_epoch < len(trained.history)


def test_ctrl_c_keeps_the_best_weights_so_far(two_classes, ctrl_c):
    x, y = two_classes
    model = linear(6, 1)
    trained = _fit(model, (x, y), validation=(x, y), epochs=9, callbacks=[PressesCtrlC(2)])
    assert len(trained.history) == trained.best_epoch == 2
    assert trained.stopped == "interrupted by hand after epoch 2 of 9"
    assert float(LOGISTIC.loss()(y, model(x))) == pytest.approx(trained.history["val_loss"][1], rel=1e-5)


@pytest.mark.parametrize("presses", [(0,), (2, 2)])
def test_ctrl_c_in_the_first_epoch_or_twice_ends_the_training(two_classes, ctrl_c, presses):
    model = linear(6, 1)
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        _fit(model, two_classes, epochs=9, callbacks=[PressesCtrlC(*presses)])
    assert presses == (2, 2) or all(map(np.array_equal, before, model.get_weights()))


def test_ctrl_c_ends_at_once_where_a_part_of_the_trainings_would_mislead(two_classes, ctrl_c):
    with interrupts.graceful(), interrupts.immediate(), pytest.raises(KeyboardInterrupt):
        _fit(linear(6, 1), two_classes, epochs=9, callbacks=[PressesCtrlC(2)])


def test_without_validation_rows_the_last_epoch_is_kept(two_classes):
    assert _fit(linear(6, 1), two_classes, epochs=4).best_epoch == 4


@pytest.mark.parametrize("batch_size", [1, 7, 400, 5000, "all"])
def test_any_batch_size_from_one_row_to_the_whole_set_works(two_classes, batch_size):
    trained = _fit(linear(6, 1), two_classes, batch_size=batch_size, epochs=1)
    assert trained.settings["batch_size"] == (400 if batch_size in (5000, "all") else batch_size)
    assert np.isfinite(trained.history["loss"]).all()


def test_a_keras_optimizer_can_be_given(two_classes):
    trained = _fit(linear(6, 1), two_classes, optimizer=keras.optimizers.Nadam(0.01), epochs=1)
    assert trained.settings["optimizer"] == "nadam"


def test_more_rows_get_larger_batches_and_fewer_passes():
    sizes = [training.default_batch_size(rows) for rows in (100, 5_000, 50_000, 10**6)]
    passes = [training.default_epochs(rows) for rows in (100, 5_000, 50_000, 10**6)]
    assert sizes == sorted(sizes)
    assert passes == sorted(passes, reverse=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "1 or more"),
        ({"batch_size": 0}, "1 or more"),
        ({"batch_size": "whole"}, "'all'"),
        ({"xla": "yes"}, "True, False or None"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"patience": 0}, "1 or more"),
        ({"optimizer": keras.optimizers.Adam(), "learning_rate": 0.1}, "in the Keras optimizer itself"),
        ({"sample_weight": -np.ones(400)}, "0 or more"),
    ],
)
def test_an_option_out_of_range_says_what_was_expected(two_classes, options, message):
    with pytest.raises(DataError, match=message):
        _fit(linear(6, 1), two_classes, **options)


def test_missing_and_infinite_inputs_are_refused(two_classes):
    x, y = two_classes
    x = x.copy()
    x[17, 2] = np.nan
    with pytest.raises(DataError, match="row 17"):
        _fit(linear(6, 1), (x, y))
    with pytest.raises(DataError, match="400 rows and y has 399"):
        _fit(linear(6, 1), (two_classes[0], y[:-1]))


def test_a_second_training_of_the_same_structure_is_the_same_as_if_it_were_the_first(two_classes):
    def fitted(seed):
        model = mlp(6, 1, hidden=(12,), dropout=0.4, batch_norm=True, seed=seed)
        history = _fit(model, two_classes, seed=seed, validation=two_classes).history
        return model, history.drop(columns="seconds")

    WORKERS.clear()
    alone, history = fitted(2)
    WORKERS.clear()
    first, _ = fitted(1)
    kept = first.get_weights()
    again, same_history = fitted(2)
    assert len(WORKERS) == 1, "compiled once"
    assert all(np.array_equal(a, b) for a, b in zip(alone.get_weights(), again.get_weights(), strict=True))
    assert history.equals(same_history)
    assert all(np.array_equal(a, b) for a, b in zip(kept, first.get_weights(), strict=True)), "the first is untouched"


@pytest.mark.parametrize("schedule", ["cosine", "cycles", "exponential"])
def test_trainings_that_differ_in_rows_rate_and_epochs_share_programs_and_give_what_they_give_alone(
    two_classes, schedule
):
    x, y = two_classes

    def weights(rows, rate, epochs):
        model = mlp(6, 1, hidden=(12,), dropout=0.2)
        data, rest = (x[:rows], y[:rows]), (x[rows:], y[rows:])
        _fit(model, data, validation=rest, learning_rate=rate, epochs=epochs, schedule=schedule, xla=False)
        return model.get_weights()

    cases, alone = [(310, 0.01, 3), (289, 0.02, 5)], []
    for case in cases:
        WORKERS.clear()
        alone.append(weights(*case))
    WORKERS.clear()
    for case, expected in zip(cases, alone, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(weights(*case), expected, strict=True))
    assert len(WORKERS) == 1


def test_trainings_in_several_threads_give_what_they_give_alone(two_classes):
    def weights(seed):
        model = mlp(6, 1, hidden=(8,), dropout=0.2, seed=seed)
        _fit(model, two_classes, seed=seed)
        return model.get_weights()

    alone = [weights(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(weights, (1, 2)))
    for first, second in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_layer_of_ones_own_is_compiled_for_itself(two_classes):
    losses = []
    for factor in (1.0, -5.0):

        class Mine(keras.layers.Layer):
            def call(self, x, factor=factor):
                return keras.ops.sin(factor * x)

        layers = [keras.Input((6,)), Mine(name="mine"), keras.layers.Dense(1, kernel_initializer="ones")]
        losses.append(_fit(keras.Sequential(layers), two_classes, epochs=1).history["loss"][0])
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": "fast"}, "learning_rate='fast'"),
        ({"clip_norm": -1.0}, "above 0"),
        ({"weight_decay": float("nan")}, "of 0 or more"),
        ({"min_gradient_norm": "x"}, "above 0"),
        ({"optimizer": keras.optimizers.Adam}, "Keras optimizer"),
        ({"optimizer": keras.optimizers.SGD(use_ema=True)}, "use_ema"),
        ({"callbacks": ["x"]}, "expected Keras callbacks"),
    ],
)
def test_an_option_of_another_type_says_what_was_expected(two_classes, options, message):
    with pytest.raises(DataError, match=message):
        _fit(linear(6, 1), two_classes, **options)


def test_a_callback_is_told_of_validation_or_says_that_it_cannot_be(two_classes):
    class AtTest(keras.callbacks.Callback):
        seen = 0

        def on_test_end(self, logs=None):
            self.seen += 1

    class AtBatches(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    told = AtTest()
    _fit(linear(6, 1), two_classes, validation=two_classes, callbacks=told)
    assert told.seen == 3
    with pytest.raises(DataError, match="on_test_batch_end"):
        _fit(linear(6, 1), two_classes, callbacks=[AtBatches()])


@pytest.fixture(params=["side by side", "in turns"])
def several(request):
    """Both ways to train several networks."""
    return {"in_turns": request.param == "in turns"}


def test_networks_trained_together_get_the_weights_that_each_gets_alone(two_classes, several):
    options = {"clip_norm": 0.05, "layer_rates": True, "schedule": "constant", "batch_size": 64, "xla": True}
    alone = [mlp(6, 1, hidden=(8, 4), seed=seed) for seed in range(3)]
    for model in alone:
        _fit(model, two_classes, **options)
    together = _fit([mlp(6, 1, hidden=(8, 4), seed=seed) for seed in range(3)], two_classes, **options, **several)
    x = two_classes[0]
    expected = np.stack([model(x) for model in alone], axis=1)
    assert together.members is not None
    np.testing.assert_allclose(together.members(x), expected, atol=2e-5)
    np.testing.assert_allclose(together.model(x), expected.mean(axis=1), atol=2e-5)


def test_each_of_several_networks_keeps_its_own_best_epoch(two_classes, several):
    x, y = two_classes
    train, held = (x[:60], y[:60]), (x[200:], y[200:])
    options = {"validation": held, "epochs": 25, "learning_rate": 0.02, "patience": 25}
    alone = [_fit(mlp(6, 1, hidden=(32, 8), seed=seed), train, **options) for seed in range(3)]
    together = _fit([mlp(6, 1, hidden=(32, 8), seed=seed) for seed in range(3)], train, **options, **several)
    assert len({training.best_epoch for training in alone}) > 1
    assert together.best_epoch == round(np.mean([training.best_epoch for training in alone]))
    expected = np.mean([training.history for training in alone], axis=0)
    np.testing.assert_allclose(together.history.drop(columns="seconds"), np.delete(expected, -1, axis=1), rtol=1e-3)
    scores = np.stack([training.model(held[0]) for training in alone], axis=1)
    assert together.members is not None
    np.testing.assert_allclose(together.members(held[0]), scores, atol=1e-3)
    np.testing.assert_allclose(together.model(held[0]), scores.mean(axis=1), atol=1e-3)


def test_the_last_cycle_is_left_out_where_the_third_brought_nothing():
    """Labels drawn at random: all that is learned is wrong on other rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 6)).astype("float32")
    y = rng.integers(0, 2, size=(120, 1)).astype("float32")
    options = {"validation": (x[60:], y[60:]), "epochs": 32, "learning_rate": 0.05, "schedule": "cycles"}
    stopped = _fit(mlp(6, 1, hidden=(32,)), (x[:60], y[:60]), **options)
    assert stopped.best_epoch <= 6
    assert len(stopped.history) == 15
    assert stopped.stopped == "no improvement in the third learning-rate cycle"
    whole = _fit(mlp(6, 1, hidden=(32,)), (x[:60], y[:60]), patience=32, **options)
    assert len(whole.history) == 32
    assert whole.best_epoch == stopped.best_epoch


def _waves():
    """A smooth function that takes many epochs to learn."""
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2)).astype("float32")
    y = np.sin(4 * x[:, :1]) * np.cos(3 * x[:, 1:])
    return (x[:150], y[:150]), (x[150:], y[150:])


def test_cycles_are_added_while_they_clearly_lower_the_validation_loss():
    data, held = _waves()
    options = {"validation": held, "epochs": 32, "schedule": "cycles", "learning_rate": 0.01, "batch_size": 32}
    planned = _fit(mlp(2, 1, hidden=(16,)), data, head=SQUARED, **options)
    longer = _fit(mlp(2, 1, hidden=(16,)), data, head=SQUARED, extra_cycles=2, **options)
    assert len(planned.history) == 32
    assert len(longer.history) == 134
    assert longer.stopped == "all 32 epochs were run, and 102 more while they helped"
    pd.testing.assert_frame_equal(longer.history[:32].drop(columns="seconds"), planned.history.drop(columns="seconds"))
    rates = longer.history["learning_rate"]
    assert rates[[31, 65, 133]].max() < 1e-5, "each cycle ends at 0"
    assert rates[32:66].max() == pytest.approx(0.01, rel=1e-2), "and rises to the full rate"
    assert longer.history["val_loss"].min() < 0.5 * planned.history["val_loss"].min()
    # A patience of one's own leaves the number of epochs as it was.
    assert len(_fit(mlp(2, 1, hidden=(16,)), data, head=SQUARED, extra_cycles=2, patience=99, **options).history) == 32


def test_a_learned_scale_of_the_columns_ends_in_the_first_layers_weights(two_classes):
    model = mlp(6, 1, hidden=(8,))
    before = model.get_weights()
    trained = _fit(model, two_classes, feature_scale=True, layer_rates=True, epochs=10)
    assert trained.model is model
    assert [weight.shape for weight in model.get_weights()] == [weight.shape for weight in before]
    # The first column alone decides: its scale grows over that of the others.
    size = np.abs(model.get_weights()[0]).mean(axis=1)
    assert size[0] > 1.2 * size[1:].max()


@pytest.mark.parametrize("xla", [True, False], ids=["xla", "graph"])
def test_a_learned_scale_of_the_columns_gives_the_weights_of_model_fit(two_classes, xla):
    x, y = two_classes[0][:395], two_classes[1][:395]  # 25 steps an epoch, the last one of 11 rows
    ours, theirs = (mlp(6, 1, hidden=(8, 8), activation="tanh", seed=1) for _ in range(2))
    options = {"feature_scale": True, "schedule": "constant", "shuffle": False, "xla": xla}
    _fit(ours, (x, y), epochs=2, batch_size=16, **options)
    scaled = join([theirs], feature_scale=True)
    scaled.compile(optimizer=keras.optimizers.Adam(1e-3), loss=LOGISTIC.loss())
    scaled.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    assert _largest_relative_difference(ours, fold(scaled, [theirs])) < 1e-5


def test_a_rate_of_its_own_for_each_layer_is_the_same_as_a_division_in_the_network(two_classes):
    """RealMLP's form: x @ (v / sqrt(inputs)) with v of size 1 moves as the kernel does at rate / sqrt(inputs)."""
    x, y = two_classes
    plain = linear(6, 1, initializer="zeros")
    _fit(plain, two_classes, layer_rates=True, learning_rate=0.01, schedule="constant", batch_size="all", epochs=20)
    weight = keras.Variable(np.zeros((6, 1), np.float32))
    bias = keras.Variable(np.zeros((1,), np.float32))
    optimizer = keras.optimizers.Adam(0.01 * 16)
    optimizer.build([weight, bias])
    import tensorflow as tf

    loss = LOGISTIC.loss()
    for epoch in range(1, 21):
        order = np.random.default_rng((0, epoch)).permutation(len(x))
        with tf.GradientTape() as tape:
            # A bias has 1.6 times the rate: a tenth of RealMLP's own, which is 16 times larger.
            value = loss(y[order], x[order] @ (weight.value / np.sqrt(6)) + 0.1 * bias.value)
        optimizer.apply(tape.gradient(value, [weight.value, bias.value]), [weight, bias])
    np.testing.assert_allclose(plain.get_weights()[0], weight.numpy() / np.sqrt(6), rtol=1e-3)
    np.testing.assert_allclose(plain.get_weights()[1], 0.1 * bias.numpy(), rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"layer_rates": True, "optimizer": "sgd"}, "layer_rates needs one of the optimizers adam"),
        ({"feature_scale": True, "l2": 0.1}, "feature_scale"),
    ],
)
def test_what_the_rates_and_scales_are_not_for_is_said(two_classes, options, word):
    penalty = options.pop("l2", 0.0)
    with pytest.raises(DataError, match=word):
        _fit(mlp(6, 1, l2=penalty), two_classes, **options)


def test_several_networks_take_an_optimizer_by_name_only(two_classes):
    with pytest.raises(DataError, match="by name"):
        _fit([linear(6, 1), linear(6, 1)], two_classes, optimizer=keras.optimizers.Adam())


def test_the_rate_goes_up_and_down_four_times_each_twice_as_long(two_classes):
    history = _fit(
        linear(6, 1), two_classes, epochs=150, batch_size="all", schedule="cycles", learning_rate=0.1
    ).history
    rate = history["learning_rate"].to_numpy()
    low = [epoch for epoch in range(1, 149) if rate[epoch] < min(rate[epoch - 1], rate[epoch + 1])]
    assert [history["epoch"][epoch] for epoch in low] == [10, 30, 70]
    assert rate[-1] == pytest.approx(0, abs=1e-6)
    assert rate.max() == pytest.approx(0.1, rel=1e-2)


# ------------------------------------------------------------------------------------------------------------- images

SOFTMAX = get_head("multiclass", "softmax")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (150, 8, 8, 1)).astype("uint8")
    y = rng.integers(0, 3, 150)
    for row, label in enumerate(y):
        x[row, 2 * label : 2 * label + 3, 2:6] //= 4
    return x, y


def test_convolutions_on_8_bit_pixels_give_the_weights_of_model_fit(images):
    x, y = images  # 5 batches an epoch, the last one smaller
    ours, theirs = (cnn((8, 8, 1), 3, filters=4, pixels=(120.0, 70.0), seed=1) for _ in range(2))
    trained = _fit(ours, (x, y), SOFTMAX, epochs=2, batch_size=32, optimizer="sgd", schedule="constant", shuffle=False)
    theirs.compile(optimizer=keras.optimizers.SGD(OPTIMIZERS["sgd"]), loss=SOFTMAX.loss())
    theirs.fit(x.astype("float32"), y, batch_size=32, epochs=2, shuffle=False, verbose=0)
    assert _largest_relative_difference(ours, theirs) < 1e-3
    assert not trained.settings["xla"], "XLA's convolutions are slow on a CPU"


def test_shifted_images_are_those_that_the_seed_and_the_epoch_draw(images):
    x, y = images
    options = {"batch_size": 50, "optimizer": "sgd", "schedule": "constant", "seed": 5}
    ours, by_hand = (cnn((8, 8, 1), 3, filters=4, seed=1) for _ in range(2))
    _fit(ours, (x, y), SOFTMAX, epochs=1, shift=2, flip=True, **options)
    _fit(by_hand, (augmented(x, 2, True, np.random.default_rng((5, 1, 1))), y), SOFTMAX, epochs=1, **options)
    assert all(np.array_equal(a, b) for a, b in zip(ours.get_weights(), by_hand.get_weights(), strict=True))
    again, other = (cnn((8, 8, 1), 3, filters=4, seed=1) for _ in range(2))
    first, second = (
        _fit(model, (x, y), SOFTMAX, epochs=2, shift=2, **options).history["loss"] for model in (again, other)
    )
    assert list(first) == list(second)


def test_images_are_scored_in_pieces_that_change_nothing(images):
    x, y = images
    model = cnn((8, 8, 1), 3, filters=4)
    widest = 8 * 8 * 4 * 40
    assert piece_sizes(model, widest) == [1, 32]
    pieces, whole = (
        [Scorer(model, **options)(x), worker.validate(_tensors(x, y)), worker.gradient_norm(_tensors(x, y))]
        for options in ({"widest": widest}, {})
        for worker in [Worker(model, SOFTMAX.loss(), keras.optimizers.SGD(), 32, **options)]
    )
    np.testing.assert_allclose(pieces[0], whole[0], atol=1e-5)
    np.testing.assert_allclose(pieces[0], model.predict(x, verbose=0), atol=1e-5)
    np.testing.assert_allclose(pieces[1][0], whole[1][0], rtol=1e-5)
    np.testing.assert_allclose(pieces[1][1], whole[1][1], atol=1e-5)
    assert pieces[2] == pytest.approx(whole[2], rel=1e-4)


def _tensors(x, y):
    return [keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y), None]


@pytest.mark.parametrize("options", [{"shift": 1}, {"flip": True}])
def test_columns_are_neither_shifted_nor_mirrored(two_classes, options):
    with pytest.raises(DataError, match="is for images"):
        _fit(linear(6, 1), two_classes, **options)


def test_each_of_several_networks_learns_from_the_rows_outside_its_fold_and_watches_those_inside(two_classes, several):
    """With whole batches: what each gets alone, given the same rows."""
    x, y = two_classes
    folds, weights = np.arange(400) % 5, np.linspace(0.5, 1.5, 400)
    options = {"batch_size": "all", "epochs": 12, "learning_rate": 0.05, "schedule": "constant"}
    models = [mlp(6, 1, hidden=(8,), seed=seed) for seed in range(6)]
    together = _fit(models, two_classes, folds=folds, sample_weight=weights, **options, **several)
    alone = []
    for seed in range(6):
        out = folds == seed % 5  # the sixth leaves out what the first does
        held = x[out], y[out], weights[out]
        own = {"validation": held, "sample_weight": weights[~out]} | options
        alone.append(_fit(mlp(6, 1, hidden=(8,), seed=seed), (x[~out], y[~out]), **own))
    assert together.members is not None
    expected = np.stack([one.model(x) for one in alone], axis=1)
    np.testing.assert_allclose(together.members(x), expected, atol=2e-4)
    assert together.best_epoch == round(np.mean([one.best_epoch for one in alone]))
    columns = ["loss", "val_loss", "val_accuracy"]
    mean = np.mean([one.history[columns] for one in alone], axis=0)
    np.testing.assert_allclose(together.history[columns], mean, rtol=1e-3)
    assert together.settings["folds"] == 5


class _SameLoss(keras.losses.BinaryCrossentropy):
    """A class of the user's own, of which the loop can't know that it is a mean over rows."""


def test_a_padded_batch_gives_each_of_several_networks_what_a_smaller_one_does(two_classes):
    def fitted(loss):
        models = [mlp(6, 1, hidden=(8,), seed=seed) for seed in range(4)]
        head, weights = dataclasses.replace(LOGISTIC, loss=loss), np.linspace(0, 2, 400)
        options = {"folds": np.arange(400) % 4, "sample_weight": weights, "batch_size": 37, "xla": True}
        return _fit(models, two_classes, head, **options)

    padded = fitted(lambda: keras.losses.BinaryCrossentropy(from_logits=True))
    smaller = fitted(lambda: _SameLoss(from_logits=True))
    assert padded.members is not None
    assert smaller.members is not None
    for first, second in zip(padded.members.get_weights(), smaller.members.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(padded.history["loss"], smaller.history["loss"], rtol=1e-5)


@pytest.mark.parametrize("folds", [np.arange(400) % 4, np.repeat([0, 1, 2, 3], [40, 200, 60, 100])])
def test_networks_in_turns_make_the_same_steps_on_whole_batches_of_their_own_rows(two_classes, folds):
    """As alone, given the same rows in the same order; who has fewer than others begins anew."""
    x, y = two_classes
    order, most = np.random.default_rng((0, 1)).permutation(400), 400 - np.bincount(folds).min()
    options = {"epochs": 1, "learning_rate": 0.05, "schedule": "cosine"}
    models = [mlp(6, 1, hidden=(8,), seed=seed) for seed in range(4)]
    together = _fit(models, two_classes, folds=folds, batch_size=64, in_turns=True, **options)
    step = round(64 * most / 400)
    assert together.members is not None
    for k in range(4):
        own = np.resize(order[folds[order] != k], math.ceil(most / step) * step)
        alone = _fit(mlp(6, 1, hidden=(8,), seed=k), (x[own], y[own]), shuffle=False, batch_size=step, **options)
        np.testing.assert_allclose(together.members(x)[:, k], alone.model(x), atol=2e-5)


def test_networks_with_an_initializer_of_the_users_own_are_trained_together(two_classes, several):
    def mine(shape, dtype=None):
        return keras.ops.full(shape, 0.1, dtype)

    models = [keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, kernel_initializer=mine)]) for _ in range(2)]
    together = _fit(models, two_classes, **several)
    alone = _fit(keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, kernel_initializer=mine)]), two_classes)
    np.testing.assert_allclose(together.model(two_classes[0]), alone.model(two_classes[0]), atol=2e-5)


def test_several_networks_stop_when_their_mean_loss_no_longer_falls(two_classes, several):
    x, y = two_classes
    train, held = (x[:60], y[:60]), (x[200:], y[200:])
    models = [mlp(6, 1, hidden=(32, 8), seed=seed) for seed in range(3)]
    training = _fit(models, train, validation=held, epochs=40, learning_rate=0.02, patience=4, **several)
    assert len(training.history) == 1 + int(training.history["val_loss"].argmin()) + 4 < 40
    assert training.best_epoch <= len(training.history)


def test_the_gradient_of_several_networks_is_that_of_all_together(two_classes, several):
    x, y = two_classes
    folds = np.arange(400) % 2
    models = [mlp(6, 1, hidden=(8,), seed=seed) for seed in range(2)]
    options = {
        "batch_size": "all",
        "epochs": 1,
        "schedule": "constant",
        "learning_rate": 1e-9,
        "min_gradient_norm": 1e-6,
    }
    norm = _fit(models, two_classes, folds=folds, **options, **several).history["gradient_norm"][0]
    alone = [
        _fit(mlp(6, 1, hidden=(8,), seed=k), (x[folds != k], y[folds != k]), **options).history["gradient_norm"][0]
        for k in range(2)
    ]
    assert norm == pytest.approx(np.linalg.norm(alone), rel=1e-4)


def test_folds_are_for_several_networks_and_stand_in_the_place_of_validation_rows(two_classes):
    folds = np.arange(400) % 5
    two = [mlp(6, 1, hidden=(4,), seed=seed) for seed in range(2)]
    for models, options in ((two[0], {}), (two, {"validation": two_classes}), (two, {"folds": folds[1:]})):
        with pytest.raises(DataError, match="folds needs several networks"):
            _fit(models, two_classes, **{"folds": folds} | options)


@pytest.mark.parametrize("folds", [np.zeros(400, int), 2 * (np.arange(400) % 2)])
def test_a_network_without_rows_to_learn_from_or_to_watch_is_refused(two_classes, folds):
    with pytest.raises(DataError, match="folds leaves a network no rows"):
        _fit([mlp(6, 1, hidden=(4,), seed=seed) for seed in range(2)], two_classes, folds=folds)
    halves = np.arange(400) % 2
    with pytest.raises(DataError, match="of a weight above 0"):
        _fit([mlp(6, 1, hidden=(4,), seed=s) for s in range(2)], two_classes, folds=halves, sample_weight=halves)


def test_xla_compiles_only_trainings_of_many_steps_and_no_convolutions(two_classes):
    def compiled(model, x, **options):
        return Plan([model], LOGISTIC, Options(batch_size=1, **options), x).xla

    x = two_classes[0]  # 400 steps per epoch
    assert [compiled(linear(6, 1), x, epochs=epochs) for epochs in (4, 5)] == [False, True]
    assert [compiled(linear(6, 1), x, epochs=1, xla=xla) for xla in (None, True)] == [False, True]
    images = np.zeros((400, 8, 8, 1), np.float32)
    assert [compiled(cnn((8, 8, 1), 3), images, epochs=5, xla=xla) for xla in (None, True)] == [False, True]


@pytest.mark.parametrize(("xla", "count"), [(False, 395), (True, 395), (True, 130), (True, 101), (True, 32)])
def test_a_long_epoch_in_several_calls_gives_the_same_bits(two_classes, xla, count):
    x, y = (part[:count] for part in two_classes)
    order = np.arange(count, dtype=np.int32)[::-1].copy()
    weights, losses, calls = [], [], []
    for longest in (1e9, 1e-9):  # seconds: all batches in one call, and each in a call of its own
        model = mlp(6, 1, hidden=(8,), dropout=0.2, seed=1)
        worker = Worker(model, LOGISTIC.loss(), keras.optimizers.Adam(0.01), 32, xla=xla, longest_call=longest)
        data = [tf.constant(x), tf.constant(y), None]
        losses.append([worker.train(data, order) for _ in range(3)])
        calls.append(worker._batches_per_call)
        weights.append(model.get_weights())
    assert calls[0] > calls[1] == 1
    assert losses[0] == losses[1]
    assert all(map(np.array_equal, *weights))


def test_a_time_limit_ends_the_training_after_an_epoch_and_says_so(two_classes):
    def fit(limit):
        options = {"epochs": 100_000, "time_limit": limit, "validation": two_classes}
        return _fit(mlp(6, 1, hidden=(8,)), two_classes, **options)

    assert len(fit(1e-6).history) == 1  # and all is compiled
    trained = fit(1)
    assert trained.stopped.startswith("the time limit of 1 s after epoch ")
    assert 1 < len(trained.history) < 100_000
    assert trained.settings["time_limit"] == 1


def test_a_training_that_ran_out_of_time_goes_on_with_more(two_classes, tmp_path):
    def fit(**options):
        return _fit(mlp(6, 1, hidden=(8,)), two_classes, epochs=4, resume=tmp_path, **options)

    assert len(fit(time_limit=1e-6).history) == 1
    resumed = fit()
    assert (resumed.resumed_after, len(resumed.history)) == (1, 4)
    alone = _fit(mlp(6, 1, hidden=(8,)), two_classes, epochs=4)
    assert _largest_relative_difference(alone.model, resumed.model) == 0
