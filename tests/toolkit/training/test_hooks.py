"""Callbacks that only look change no bit of a training; what others set is used, and named."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from toolkit import training
from toolkit.builders import cnn, mlp
from toolkit.common.errors import DataError
from toolkit.heads import get_head

LOGISTIC, SOFTMAX = get_head("binary", "logistic"), get_head("multiclass", "softmax")


@pytest.fixture(scope="module")
def two_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(210, 6)).astype("float32")
    return x, (x[:, :1] + 0.5 * rng.normal(size=(210, 1)) > 0).astype("float32")


class _Mine(keras.layers.Layer):
    """A layer of the user's own: the program is compiled for the model itself."""

    def call(self, x):
        return keras.ops.sin(x)


def _networks(kind):
    if kind == "own layer":
        return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "tanh"), _Mine(), keras.layers.Dense(1)])
    several = kind in ("side by side", "in turns")
    networks = [mlp(6, 1, hidden=(8,), dropout=0.2, seed=k, batch_norm=kind == "batch norm") for k in range(3)]
    return networks if several else networks[0]


def _fit(data, kind="one", callbacks=(), **options):
    """Train networks of one kind; return the training, its weights and its history without the seconds."""
    keras.utils.set_random_seed(0)
    x, y = data
    if kind in ("side by side", "in turns"):
        options = {"folds": np.arange(len(x)) % 4, "in_turns": kind == "in turns"} | options
    else:
        options = {"validation": (x[:50], y[:50])} | options
    if kind == "own optimizer":
        options |= {"optimizer": keras.optimizers.SGD(0.05, momentum=0.9)}
    else:
        options = {"schedule": "cycles", "learning_rate": 0.01} | options
    defaults = {"epochs": 5, "batch_size": 32, "progress": False, "xla": False}
    trained = training.fit(_networks(kind), LOGISTIC, x, y, callbacks=callbacks, **defaults | options)
    return trained, trained.model.get_weights(), trained.history.drop(columns="seconds")


def _same(first, second):
    pairs = zip(first[1], second[1], strict=True)
    return all(np.array_equal(a, b) for a, b in pairs) and first[2].equals(second[2])


class _Looks(keras.callbacks.Callback):
    """Reads weights, rate and scores at every hook that there is."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _look(self, hook):
        model = self.model
        assert model is not None
        self.seen.append((hook, [w.copy() for w in model.get_weights()], float(model.optimizer.learning_rate)))
        if all(type(layer).__name__ != "BatchNormalization" for layer in model.layers):
            model(np.ones((2, *model.input_shape[1:]), "float32"), training=True)  # draws random numbers

    def on_train_begin(self, logs=None):
        self._look("train begin")

    def on_epoch_begin(self, epoch, logs=None):
        self._look("epoch begin")

    def on_test_begin(self, logs=None):
        self._look("test begin")

    def on_test_end(self, logs=None):
        self._look("test end")

    def on_epoch_end(self, epoch, logs=None):
        self._look("epoch end")

    def on_train_end(self, logs=None):
        self._look("train end")


class _LooksAtBatches(_Looks):
    def on_train_batch_begin(self, batch, logs=None):
        self._look("batch begin")

    def on_train_batch_end(self, batch, logs=None):
        self._look("batch end")


KINDS = ["one", "side by side", "in turns", "batch norm", "own layer", "own optimizer"]


@pytest.mark.parametrize("kind", KINDS)
def test_callbacks_that_only_look_change_no_bit(two_classes, kind, tmp_path):
    xla = kind == "one"
    looks, batches = _Looks(), _LooksAtBatches()
    callbacks = [
        looks,
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.clear()),
    ]
    alone, at_epochs, at_batches = (_fit(two_classes, kind, given, xla=xla) for given in ((), callbacks, batches))
    assert _same(alone, at_epochs)
    assert _same(alone, at_batches)
    for name in ("schedule", "patience", "epochs", "batch_size"):
        assert alone[0].settings[name] == at_epochs[0].settings[name] == at_batches[0].settings[name]
    # What they saw: at the end of each epoch the rate of the history, and weights that move with each batch.
    rates = [rate for hook, _, rate in looks.seen if hook == "epoch end"]
    assert rates == alone[2]["learning_rate"].tolist()
    steps = [weights for hook, weights, _ in batches.seen if hook == "batch end"]
    assert len(steps) == 5 * 7
    assert sum(not np.array_equal(a[0], b[0]) for a, b in itertools.pairwise(steps)) > 30
    ends = [weights for hook, weights, _ in batches.seen if hook == "epoch end"]
    expected = [weights for hook, weights, _ in looks.seen if hook == "epoch end"]
    assert all(np.array_equal(a, b) for pair in zip(ends, expected, strict=True) for a, b in zip(*pair, strict=True))
    assert len(list(tmp_path.glob("*.weights.h5"))) == 5


def test_a_callback_that_only_looks_at_images_changes_no_bit():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 8, 8, 1)).astype("uint8"), rng.integers(0, 3, 90)

    def fitted(callbacks):
        model = cnn((8, 8, 1), 3, filters=4, seed=1)
        history = training.fit(
            model, SOFTMAX, x, y, validation=(x[:30], y[:30]), shift=1, flip=True, epochs=3, batch_size=20,
            callbacks=callbacks, progress=False,
        ).history  # fmt: skip
        return None, model.get_weights(), history.drop(columns="seconds")

    alone = fitted([])
    assert _same(alone, fitted([_Looks()]))
    assert _same(alone, fitted([_LooksAtBatches()]))


@pytest.mark.parametrize("kind", ["one", "side by side", "in turns"])
def test_a_checkpoint_of_an_epoch_has_its_weights_rate_and_optimizer(two_classes, kind, tmp_path):
    looks = _Looks()
    _fit(two_classes, kind, [looks, keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")])
    loaded = keras.models.load_model(tmp_path / "3.keras")
    _, weights, rate = [seen for seen in looks.seen if seen[0] == "epoch end"][2]
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), weights, strict=True))
    assert float(loaded.optimizer.learning_rate) == rate
    assert int(loaded.optimizer.iterations) == 3 * 7


class _Sets(keras.callbacks.Callback):
    """Does something with the model at one hook of one epoch, from 0, and in all later ones."""

    def __init__(self, hook, epoch, action):
        super().__init__()
        self._epoch, self._action = epoch, action
        setattr(self, hook, self._act)

    def _act(self, epoch, logs=None):
        if epoch >= self._epoch:
            self._action(self.model)


def _halve_rate(model):
    model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 2


def _assign_rate(model):
    model.optimizer.learning_rate.assign(0.002)


@pytest.mark.parametrize("kind", ["one", "side by side", "in turns", "own layer"])
def test_a_rate_that_a_callback_sets_is_used_from_then_on_and_named(two_classes, kind):
    planned = _fit(two_classes, kind)[2]["learning_rate"]
    with pytest.warns(RuntimeWarning, match="sets the learning rate from epoch 3 on: the schedule 'cycles' ends"):
        trained, weights, history = _fit(two_classes, kind, _Sets("on_epoch_begin", 2, _halve_rate))
    assert trained.settings["schedule"] == "cycles; set by a callback from epoch 3 on"
    rates = history["learning_rate"]
    assert rates[:2].tolist() == planned[:2].tolist()
    assert rates[2:].tolist() == pytest.approx([planned[1] / 2, planned[1] / 4, planned[1] / 8])
    with pytest.warns(RuntimeWarning):
        same = _fit(two_classes, kind, [_Looks(), _Sets("on_epoch_begin", 2, _halve_rate)])
    assert all(np.array_equal(a, b) for a, b in zip(weights, same[1], strict=True))


def test_a_constant_rate_set_by_a_callback_is_that_of_a_training_with_this_rate(two_classes):
    with pytest.warns(RuntimeWarning, match="from epoch 1 on"):
        by_callback = _fit(two_classes, "one", _Sets("on_epoch_begin", 0, _assign_rate))
    expected = _fit(two_classes, "one", learning_rate=0.002, schedule="constant")
    pairs = zip(by_callback[1], expected[1], strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) < 1e-5


def test_a_rate_that_equals_the_planned_one_ends_the_schedule_too(two_classes):
    def keep(model):
        model.optimizer.learning_rate = 0.01

    with pytest.warns(RuntimeWarning, match="from epoch 1 on: the schedule 'cosine'"):
        history = _fit(two_classes, "one", _Sets("on_epoch_begin", 0, keep), schedule="cosine")[2]
    assert history["learning_rate"].tolist() == pytest.approx([0.01] * 5)


@pytest.mark.parametrize("kind", ["one", "side by side", "in turns", "own layer"])
def test_weights_that_a_callback_sets_are_used(two_classes, kind):
    def to_zero(model):
        model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])

    history = _fit(two_classes, kind, _Sets("on_test_begin", 0, to_zero), epochs=1, folds=None, validation=None)[2]
    assert "val_loss" not in history
    options = {"learning_rate": 1e-12, "epochs": 1, "folds": None, "validation": two_classes}
    history = _fit(two_classes, kind, _Sets("on_epoch_begin", 0, to_zero), **options)[2]
    assert history["loss"].tolist() == pytest.approx([np.log(2)])
    assert history["val_loss"].tolist() == pytest.approx([np.log(2)])
    # Without validation rows the weights that it leaves at the end are kept.
    options |= {"validation": None}
    weights = _fit(two_classes, kind, _Sets("on_epoch_end", 0, to_zero), **options)[1]
    assert not any(weight.any() for weight in weights)


def test_weights_that_a_callback_swaps_in_for_the_validation_are_those_that_are_kept(two_classes):
    class Swap(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            self.before = self.model.get_weights()
            self.model.set_weights([np.full_like(w, 0.5) for w in self.before])

        def on_test_end(self, logs=None):
            self.model.set_weights(self.before)

    trained, weights, _ = _fit(two_classes, "one", Swap())
    assert trained.best_epoch == 1
    assert all((weight == 0.5).all() for weight in weights)


def test_early_stopping_gives_the_epochs_before_it_unchanged(two_classes):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=1.0)
    stopped, alone = _fit(two_classes, "side by side", stop), _fit(two_classes, "side by side")
    assert stopped[0].stopped == "a callback stopped it after epoch 2"
    assert stopped[2].equals(alone[2][:2])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda model: model.compile(optimizer="sgd", loss="mse"), "replaced the optimizer"),
        (lambda m: setattr(m.optimizer, "learning_rate", keras.optimizers.schedules.CosineDecay(1.0, 9)), "a schedule"),
    ],
)
def test_what_a_callback_can_not_change_is_said(two_classes, action, message):
    with pytest.raises(DataError, match=message):
        _fit(two_classes, "one", _Sets("on_epoch_begin", 1, action))


def test_a_callback_and_the_schedule_of_an_optimizer_can_not_both_set_the_rate(two_classes):
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9))
    with pytest.raises(DataError, match="both change the learning rate"):
        _fit(
            two_classes, "one", keras.callbacks.ReduceLROnPlateau(), optimizer=optimizer, learning_rate=None,
            schedule=None,
        )  # fmt: skip
