"""A training that ends at any moment goes on from its folder to the same weights and history."""

from __future__ import annotations

import hashlib
import json
import signal
import warnings

import keras
import numpy as np
import pytest

from toolkit import training
from toolkit.builders import cnn, mlp
from toolkit.common.errors import DataError
from toolkit.heads import Head, get_head
from toolkit.training import saved_state
from toolkit.training.epochs import WORKERS
from toolkit.training.saved_state import SavedState, packed, unpacked
from toolkit.training.stopping import Best

LOGISTIC, SOFTMAX = get_head("binary", "logistic"), get_head("multiclass", "softmax")
KINDS = ["one", "side by side", "in turns", "batch norm", "own optimizer", "images"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(210, 6)).astype("float32")
    y = (x[:, :1] + 0.5 * rng.normal(size=(210, 1)) > 0).astype("float32")
    return {"columns": (x, y), "images": (rng.integers(0, 256, (60, 8, 8, 1)).astype("uint8"), rng.integers(0, 3, 60))}


class _Killed(BaseException):
    """What a kill is to a process: nothing handles it."""


class _Dies(Head):
    """A head whose training dies while an epoch is validated, the first of which is 1."""

    def measure(self, y_true, scores, scale=None):
        object.__setattr__(self, "measured", getattr(self, "measured", 0) + 1)
        if self.measured == self.lives + 1:  # type: ignore[attr-defined]
            self.dies()  # type: ignore[attr-defined]
        return super().measure(y_true, scores, scale)


def _dying(head, lives, dies):
    dying = _Dies(**vars(head))
    vars(dying).update(lives=lives, dies=dies)
    return dying


def _die():
    raise _Killed


def _fit(data, kind="one", lives=None, dies=_die, **options):
    """Train networks of one kind; return the training, its weights and its history without the seconds."""
    x, y = data["images" if kind == "images" else "columns"]
    networks = [mlp(6, 1, hidden=(8,), dropout=0.2, seed=k, batch_norm=kind == "batch norm") for k in range(3)]
    several = kind in ("side by side", "in turns")
    if several:
        options = {"folds": np.arange(len(x)) % 4, "in_turns": kind == "in turns", "schedule": "cycles"} | options
    else:
        options = {"validation": (x[:50], y[:50])} | options
    if kind == "own optimizer":
        options |= {"optimizer": keras.optimizers.SGD(0.05, momentum=0.9)}
    if kind == "images":
        networks = [cnn((8, 8, 1), 3, filters=4, dropout=0.2, seed=1)]
        options |= {"shift": 1, "flip": True}
    defaults = {"epochs": 6, "batch_size": 32, "progress": False, "xla": False}
    head = SOFTMAX if kind == "images" else LOGISTIC
    if lives is not None:
        head = _dying(head, lives * (3 if several else 1), dies)
    trained = training.fit(networks if several else networks[0], head, x, y, **defaults | options)
    return trained, trained.model.get_weights(), trained.history.drop(columns="seconds")


def _same(first, second):
    pairs = zip(first[1], second[1], strict=True)
    return all(np.array_equal(a, b) for a, b in pairs) and first[2].equals(second[2])


def _killed(data, kind, lives, **options):
    """Start a training that dies after some epochs."""
    with pytest.raises(_Killed):
        _fit(data, kind, lives=lives, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_dies_twice_goes_on_to_the_same_weights_and_history(data, kind, tmp_path, capsys):
    options = {"xla": kind == "one"}
    alone = _fit(data, kind, **options)
    WORKERS.clear()  # as in a new process
    options["resume"] = tmp_path / "state"
    _killed(data, kind, 2, **options)
    before = capsys.readouterr().err
    _killed(data, kind, 1, **options)
    resumed = _fit(data, kind, progress=True, **options)
    assert _same(alone, resumed)
    assert resumed[0].best_epoch == alone[0].best_epoch
    assert resumed[0].stopped == alone[0].stopped
    assert "resumed" not in before
    first = int(capsys.readouterr().err.split("resumed after epoch ")[1].split("/")[0])
    assert resumed[0].settings["resume"] == f"{tmp_path / 'state'}, resumed after epoch {first}"
    assert first in (1, 2, 3)
    # What has ended is returned at once; nothing else is left in the folder.
    again = _fit(data, kind, lives=0, **options)
    assert _same(alone, again)
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["training.state"]


@pytest.mark.parametrize(("kind", "lives"), [("one", 32), ("one", 40), ("side by side", 40)])
def test_a_training_that_dies_in_an_added_cycle_goes_on_in_it(data, kind, lives, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(saved_state, "_TIMES_RARER", 0)  # saves after each epoch
    monkeypatch.setattr(Best, "still_improves", lambda *_: True)
    options = {"epochs": 32, "schedule": "cycles", "extra_cycles": 1}
    update = Best.update
    monkeypatch.setattr(Best, "update", lambda *a, **options: update(*a, **options) and None)  # never stops early
    alone = _fit(data, kind, **options)
    assert len(alone[2]) == 66
    _killed(data, kind, lives, resume=tmp_path, **options)
    resumed = _fit(data, kind, resume=tmp_path, progress=True, **options)
    assert _same(alone, resumed)
    assert "/66 from" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["one", "in turns"])
def test_after_ctrl_c_the_same_call_goes_on_from_the_last_epoch(data, kind, tmp_path, capsys):
    alone = _fit(data, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stopped = _fit(data, kind, lives=3, dies=lambda: signal.raise_signal(signal.SIGINT), resume=tmp_path)
    done = len(stopped[2])
    assert stopped[0].stopped == f"interrupted by hand after epoch {done} of 6"
    resumed = _fit(data, kind, resume=tmp_path, progress=True)
    assert f"resumed after epoch {done}/6 from {tmp_path}" in capsys.readouterr().err
    assert _same(alone, resumed)


def test_further_training_after_a_resumed_one_draws_the_same_random_numbers(data, tmp_path):
    def twice(**options):
        model = mlp(6, 1, hidden=(8,), dropout=0.4, seed=1)
        x, y = data["columns"]
        training.fit(model, LOGISTIC, x, y, validation=(x, y), epochs=3, progress=False, **options)
        training.fit(model, LOGISTIC, x, y, epochs=1, progress=False)
        return model.get_weights()

    first, finished = twice(resume=tmp_path), twice(resume=tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(first, finished, strict=True))


def test_early_stopping_and_the_rate_of_a_callback_go_on_where_they_were(data, tmp_path):
    def callbacks():
        plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.05)
        return [plateau, keras.callbacks.EarlyStopping("val_loss", patience=4, min_delta=0.05)]

    alone = _fit(data, epochs=20, callbacks=callbacks())
    assert alone[0].stopped.startswith("a callback stopped it")
    assert alone[2]["learning_rate"].nunique() > 1
    for lives in (2, 1):  # it stops after the fifth epoch or later
        _killed(data, "one", lives, epochs=20, callbacks=callbacks(), resume=tmp_path)
    assert _same(alone, _fit(data, epochs=20, callbacks=callbacks(), resume=tmp_path))


def test_another_setting_of_a_callback_is_another_training(data, tmp_path):
    def stopping(patience):
        return keras.callbacks.EarlyStopping("val_loss", patience=patience)

    _killed(data, "one", 2, callbacks=stopping(4), resume=tmp_path)
    with pytest.raises(DataError, match=r"patience of callback 1 was 4 and is 5"):
        _fit(data, callbacks=stopping(5), resume=tmp_path)
    used = stopping(4)
    _fit(data, callbacks=used, epochs=2)
    _fit(data, callbacks=used, resume=tmp_path)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (keras.callbacks.CSVLogger("log.csv"), "can't restore what CSVLogger has done"),
        (keras.callbacks.EarlyStopping(restore_best_weights=True), "leave restore_best_weights out"),
    ],
)
def test_callbacks_whose_state_can_not_be_restored_are_refused(data, callback, message, tmp_path):
    with pytest.raises(DataError, match=message):
        _fit(data, callbacks=callback, resume=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.1}, "learning_rate was 0.001 and is 0.1"),
        ({"epochs": 7}, "epochs was 6 and is 7"),
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"sample_weight": [1.0] * 210}, "their weights differ"),
        ({"kind": "batch norm"}, "the networks differ; the initial weights or random states differ"),
        ({"validation": None}, "the validation rows differ; the validation targets differ"),
    ],
)
def test_a_folder_of_another_training_is_refused_with_what_differs(data, options, message, tmp_path):
    _killed(data, "one", 1, resume=tmp_path)
    before = (tmp_path / "training.state").read_bytes()
    with pytest.raises(DataError, match=message) as error:
        _fit(data, resume=tmp_path, **options)
    assert str(tmp_path / "training.state") in str(error.value)
    assert (tmp_path / "training.state").read_bytes() == before


def test_a_damaged_file_is_named(data, tmp_path):
    _killed(data, "one", 1, resume=tmp_path)
    path = tmp_path / "training.state"
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    flips = [bytes([*content[:at], content[at] ^ 1, *content[at + 1 :]]) for at in rng.integers(0, len(content), 20)]
    for damaged in [b"", content[:30], content[:-1], content + b"0", b"PK" + content, *flips]:
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"training.state is damaged .*delete it to train from the beginning"):
            _fit(data, resume=tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"values": {}, "arrays": {"a": ["<f4", [10**12]]}},
        {"values": {}, "arrays": {"a": ["O", [1]]}},
        {"values": {}, "arrays": {"a": ["<f4", ["x"]]}},
        {"values": [], "arrays": {}},
        {"values": {"identity": 3}, "arrays": {}},
        {"values": {"identity": []}, "arrays": {}},
    ],
)
def test_a_file_that_was_made_up_takes_no_memory_and_is_named(header, tmp_path):
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text
    path = tmp_path / "training.state"
    path.write_bytes(packed({}, {})[:8] + hashlib.sha256(content).digest() + content)
    with pytest.raises(DataError, match="is damaged"):
        SavedState(tmp_path, {"seed": 0}).read()


@pytest.mark.parametrize("kind", ["?", "<i8", "<u4", "<f2", "<f4", "<f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_of_all_kinds_come_back_as_they_were(kind, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    values, arrays = unpacked(packed({"nan": float("nan"), "x": 0.1 + 0.2}, {"a": array, "b": array}))
    assert values["x"] == 0.1 + 0.2
    for read in arrays.values():
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


def test_a_folder_that_can_not_be_written_is_refused_before_training(data, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", "/proc/nowhere", "", 3):
        with pytest.raises(DataError, match=r"can't be written|expected the name"):
            _fit(data, resume=folder)


def test_a_disk_that_fails_during_the_training_does_not_lose_it(data, tmp_path):
    state = SavedState(tmp_path, {})
    state.path.mkdir()
    with pytest.warns(RuntimeWarning, match="The state of the training is not saved: .*folder"):
        state.save({}, {}, last=False)
    state.save({}, {}, last=True)  # it says so once
