"""The file of a saved run: what it keeps, and that no damaged or hostile file does harm."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import struct
import tempfile
import threading
import time
import zipfile

import h5py
import keras
import numpy as np
import pytest

import toolkit
from tests.soak.hostile import CONFIG, OURS, WEIGHTS, pack, unpack
from toolkit.common.errors import DataError
from toolkit.runs import archive
from toolkit.runs.hdf5 import read_arrays


@pytest.fixture(scope="module")
def good(runs, image_run, tmp_path_factory):
    """Members of saved files by task."""
    folder = tmp_path_factory.mktemp("saved")
    named = {**runs, "images": image_run}
    return {name: unpack(run.save(folder / f"{name}.keras").read_bytes()) for name, run in named.items()}


def _refuse(members, folder, match, compression=zipfile.ZIP_STORED):
    path = folder / "hostile.keras"
    path.write_bytes(members if isinstance(members, bytes) else pack(members, compression))
    start = time.process_time()
    with pytest.raises(DataError, match=match) as caught:
        toolkit.load(path)
    assert "hostile.keras" in str(caught.value)
    assert time.process_time() - start < 5


def _changed(members, name, change):
    content = json.loads(members[name])
    change(content)
    return members | {name: json.dumps(content).encode()}


def test_every_layer_of_the_list_is_rebuilt_as_keras_does(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3), name="pixels"),
            layers.Rescaling(1 / 255, offset=-0.5),
            layers.RandomFlip(seed=1),
            layers.Normalization(axis=-1, mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(0.1)),
            layers.BatchNormalization(),
            layers.SeparableConv2D(5, 3),
            layers.DepthwiseConv2D(3),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Conv2DTranspose(4, 2),
            layers.GroupNormalization(2),
            layers.UpSampling2D(2),
            layers.Cropping2D(1),
            layers.MaxPooling2D(),
            layers.SpatialDropout2D(0.1, seed=3),
            layers.Reshape((-1, 4)),
            layers.Conv1D(6, 3, activation=layers.LeakyReLU(negative_slope=0.2)),
            layers.LayerNormalization(),
            layers.RMSNormalization(),
            layers.Permute((2, 1)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(8, kernel_initializer="orthogonal", kernel_constraint=keras.constraints.MaxNorm(2.0)),
            layers.UnitNormalization(),
            layers.Dropout(0.2, seed=2),
            layers.EinsumDense("ab,bc->ac", output_shape=8, bias_axes="c"),
            layers.Dense(3),
        ],
        name="zoo",
    )
    model.set_weights([np.random.default_rng(0).normal(0, 0.3, w.shape) ** 2 + 0.1 for w in model.get_weights()])
    path = archive.write(tmp_path / "zoo.keras", model, {"schema": 1})
    rebuilt, content = archive.read(path)
    by_keras = keras.models.load_model(path)
    assert content == {"schema": 1}
    serialized = [json.dumps(keras.saving.serialize_keras_object(loaded)) for loaded in (rebuilt, by_keras)]
    assert serialized[0] == serialized[1]
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(rebuilt(pixels), by_keras(pixels))


def test_a_deep_model_is_saved_and_loaded_in_seconds(tmp_path):
    layers = [keras.Input((4,)), *[keras.layers.Dense(4, activation="tanh") for _ in range(300)]]
    model = keras.Sequential(layers)
    start = time.perf_counter()
    rebuilt, _ = archive.read(archive.write(tmp_path / "deep.keras", model, {}))
    assert time.perf_counter() - start < 15
    assert all(np.array_equal(a, b) for a, b in zip(rebuilt.get_weights(), model.get_weights(), strict=True))


def test_weights_are_read_as_h5py_reads_them(good):
    for members in good.values():
        expected = {}
        with h5py.File(io.BytesIO(members[WEIGHTS])) as file:
            file.visititems(
                lambda path, node, expected=expected: (
                    expected.update({path: np.array(node)}) if isinstance(node, h5py.Dataset) else None
                )
            )
        arrays = read_arrays(members[WEIGHTS])
        assert arrays.keys() == expected.keys()
        assert all(np.array_equal(arrays[path], expected[path]) for path in expected)


def test_damaged_weights_raise_nothing_but_a_value_error(good):
    data = good["images"][WEIGHTS]
    for seed in range(2_000):
        dice = random.Random(seed)
        changed = bytearray(data[: dice.choice([len(data), dice.randrange(len(data))])] or b"\0")
        for _ in range(dice.choice([1, 3, 10])):
            changed[dice.randrange(len(changed))] = dice.choice([0, 1, 255, dice.randrange(256)])
        with contextlib.suppress(ValueError):
            read_arrays(bytes(changed))


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, OURS, "metadata.json"])
def test_a_member_that_unpacks_to_far_more_is_refused(good, tmp_path, name):
    bomb = good["binary"] | {name: bytes(300_000_000)}
    _refuse(bomb, tmp_path, f"{name} would take 300000000 bytes", zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b"[" + b"[]," * 1_200_000 + b"1]",
        b"9" * 100_000,
        b"[1e999]",
        b"[NaN]",
        b"[" * 60 + b"]" * 60,
        b"\xff\xfe",
        b"",
        b"[" + b"9" * 400 + b"]",
    ],
    ids=[
        "nested lists",
        "nested objects",
        "many lists",
        "digits",
        "inf",
        "nan",
        "deep",
        "no text",
        "nothing",
        "integer",
    ],
)
@pytest.mark.parametrize("name", [CONFIG, OURS])
def test_json_that_no_run_has_is_refused(good, tmp_path, name, text):
    _refuse(good["binary"] | {name: text}, tmp_path, "settings are not JSON|it holds")


@pytest.mark.parametrize("start", [1, 40, 400, 4_000])
def test_a_file_without_its_beginning_is_refused(good, tmp_path, start):
    _refuse(pack(good["binary"])[start:], tmp_path, "damaged")


def test_archives_of_many_members_or_foreign_compressions_are_refused(good, tmp_path):
    _refuse(good["binary"] | {str(number): b"" for number in range(20_000)}, tmp_path, "can't be opened as one")
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        _refuse(good["binary"], tmp_path, "is not loaded", compression)
    data = bytearray(pack(good["binary"]))
    data[-12:-4] = struct.pack("<II", 2**32 - 1, 0)
    _refuse(bytes(data), tmp_path, "can't be opened as one")
    _refuse(pack(good["binary"])[:-1], tmp_path, "can't be opened as one")


def _entry(name, config=None, module="keras.layers", registered=None):
    return {"module": module, "class_name": name, "config": config or {"name": "x"}, "registered_name": registered}


@pytest.mark.parametrize(
    "entry",
    [
        _entry("Lambda", {"name": "x", "function": _entry("__lambda__", {"value": "4wAAAA=="}, "builtins")}),
        _entry("TFSMLayer", {"name": "x", "filepath": "/etc"}),
        _entry("StringLookup", {"name": "x", "vocabulary": "/etc/passwd"}),
        _entry("TextVectorization"),
        _entry("TorchModuleWrapper"),
        _entry("Bidirectional"),
        _entry("Sequential", {"name": "x", "layers": []}, "keras"),
        _entry("function", "system", "os", "system"),
        _entry("__lambda__", {"value": "4wAAAA=="}, "builtins"),
        _entry("__numpy__", {"value": [1], "dtype": "object"}, "builtins"),
        _entry("__typespec__", {}, "tensorflow", "TensorSpec"),
        _entry("__bytes__", {"value": "x"}, "builtins"),
        _entry("Dense", {"name": "x", "units": 1}, "keras.layers", "mine>Dense"),
        _entry("Dense", {"name": "x", "units": 1, "lora_rank": 10**9}),
        _entry("Dense", {"name": "x", "units": 1, "dtype": "int8_from_float32"}),
        _entry("Dense", {"name": "x", "units": 1, "kernel_initializer": _entry("load_model", {}, "keras.models")}),
        _entry(["Dense"]),
        _entry(None),
        "Dense",
        None,
    ],
    ids=str,
)
def test_layers_and_parts_that_are_not_on_the_list_are_refused(good, tmp_path, entry):
    changed = _changed(good["binary"], CONFIG, lambda config: config["config"]["layers"].insert(1, entry))
    _refuse(changed, tmp_path, "is not loaded: it holds")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Dense", {"units": 10**9}),
        ("Dense", {"units": -1}),
        ("Dense", {"units": 10**18}),
        ("Embedding", {"input_dim": 10**10, "output_dim": 9}),
        ("RepeatVector", {"n": 10**9}),
        ("Reshape", {"target_shape": [10**9]}),
        ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": [10**9]}),
        ("PReLU", {}),
        ("RMSNormalization", {}),
        ("BatchNormalization", {}),
    ],
)
def test_layers_whose_weights_the_file_lacks_take_no_memory(good, tmp_path, kind, options):
    layer = _entry(kind, {"name": "x", **options})
    changed = _changed(good["binary"], CONFIG, lambda config: config["config"]["layers"].insert(-1, layer))
    _refuse(changed, tmp_path, "is damaged: its model can't be rebuilt")


def test_thousands_of_layers_are_refused(good, tmp_path):
    layer = _entry("Flatten")
    changed = _changed(good["binary"], CONFIG, lambda config: config["config"]["layers"].extend([layer] * 5_000))
    _refuse(changed, tmp_path, "it holds 500. layers")


def _weights(change):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        change(file)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.create_dataset("layers/dense/vars/0", (10**10,), "f4"),
        lambda file: file.create_dataset("layers/dense/vars/0", (100,), "f4", chunks=True, compression="gzip"),
        lambda file: file.create_dataset("layers/dense/vars/0", (100,), "f4", external=[("/etc/passwd", 0, 400)]),
        lambda file: file.create_dataset("layers/dense/vars/0", data=np.array(["a"], dtype=h5py.string_dtype())),
        lambda file: file.__setitem__("layers", h5py.ExternalLink("/etc/passwd", "/")),
        lambda file: file.__setitem__("layers", h5py.SoftLink("/")),
        lambda file: file.create_group("layers").__setitem__("again", file["/"]),
        lambda file: file.__setitem__("other", np.zeros(3, "f4")),
    ],
    ids=["huge", "filter", "external data", "text", "external link", "soft link", "circle", "other path"],
)
def test_weights_of_other_kinds_are_refused(good, tmp_path, change):
    _refuse(good["binary"] | {WEIGHTS: _weights(change)}, tmp_path, "is damaged")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(good, tmp_path, number):
    members = good["multiclass"]
    first = next(iter(read_arrays(members[WEIGHTS]).values())).ravel()[:1].tobytes()
    broken = members[WEIGHTS].replace(first, np.float32(number).tobytes(), 1)
    _refuse(members | {WEIGHTS: broken}, tmp_path, "hold NaN or infinite numbers")


def _set(path, value):
    def change(content):
        *keys, last = path
        for key in keys:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("task", "path", "value"),
    [
        ("multiclass", ("encoder", "columns", 0, "encoding", "edges"), [0.0, 1.0, 2.0, 3.0, 4.0]),
        ("multiclass", ("encoder", "columns", 0, "encoding", "spread"), 0.0),
        ("multiclass", ("encoder", "columns", 0, "encoding", "centre"), "12"),
        ("multiclass", ("encoder", "columns", 0, "encoding", "fill"), None),
        ("multiclass", ("encoder", "columns", 0, "name"), "malic_acid"),
        ("multiclass", ("encoder", "columns", 0, "kind"), "text"),
        ("multiclass", ("encoder", "source_columns"), ["alcohol"]),
        ("multiclass", ("encoder", "scaling"), "none"),
        ("multiclass", ("encoder",), []),
        ("multiclass", ("target", "classes"), ["a", "b"]),
        ("multiclass", ("target", "classes", 1), "first grower"),
        ("multiclass", ("target", "classes", 1), None),
        ("multiclass", ("target", "dtypes"), ["V999999999"]),
        ("multiclass", ("target", "dtypes"), ["float64"]),
        ("multiclass", ("target", "task"), "binary"),
        ("multiclass", ("head",), "logistic"),
        ("multiclass", ("task",), "binary"),
        ("multiclass", ("calibration", "link"), None),
        ("multiclass", ("calibration", "task"), "multilabel"),
        ("multiclass", ("calibration", "offsets"), [0.0, 1.0]),
        ("multiclass", ("calibration", "parameters"), {}),
        ("multiclass", ("history", "data"), [[1]]),
        ("multiclass", ("metrics", "accuracy"), "high"),
        ("multiclass", ("notes",), [1]),
        ("multiclass", ("summary",), {"kind": "lesson"}),
        ("binary", ("target", "classes"), ["a", "b", "c"]),
        ("binary", ("probability_threshold",), 7),
        ("multilabel", ("target", "columns"), ["car", "bus"]),
        ("regression", ("target", "scale"), [0.0]),
        ("regression", ("target", "centre"), ["x"]),
        ("regression", ("residuals",), [["x"]]),
        ("regression", ("residuals",), [1.0, 2.0]),
        ("images", ("encoder", "images", "shape"), [10**6, 10**6, 3]),
        ("images", ("encoder", "images", "shape"), [3, 4]),
    ],
    ids=str,
)
def test_parts_that_do_not_fit_each_other_are_found_at_loading(good, tmp_path, task, path, value):
    _refuse(_changed(good[task], OURS, _set(path, value)), tmp_path, "can't be loaded|is damaged")


@pytest.mark.parametrize(("key", "value"), [("model", {}), ("task", "none"), ("results", [1]), ("training", None)])
def test_a_summary_that_is_damaged_loses_the_report_alone(good, tmp_path, key, value):
    path = tmp_path / "run.keras"
    path.write_bytes(pack(_changed(good["binary"], OURS, _set(("summary", key), value))))
    run = toolkit.load(path)
    with pytest.raises(DataError, match="the summary in the saved file is damaged"):
        run.report(tmp_path / "report.html")


def test_the_members_of_two_runs_are_told_apart(good, tmp_path):
    for name in (CONFIG, WEIGHTS, OURS):
        _refuse(good["binary"] | {name: good["regression"][name]}, tmp_path, "can't be loaded|is damaged")


def test_a_full_temporary_folder_is_not_called_damage(runs, tmp_path, monkeypatch):
    saved = runs["binary"].save(tmp_path / "run.keras")
    before = saved.read_bytes()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"the temporary folder .*nowhere can't be used"):
        runs["binary"].save(saved)
    assert saved.read_bytes() == before
    assert toolkit.load(saved).metrics == runs["binary"].metrics, "loading needs no temporary folder"


def test_a_folder_and_a_pipe_are_not_loaded(tmp_path):
    os.mkfifo(tmp_path / "pipe.keras")
    (tmp_path / "folder.keras").mkdir()
    for name in ("pipe.keras", "folder.keras"):
        with pytest.raises(DataError, match=f"{name}: expected a file"):
            toolkit.load(tmp_path / name)


def test_a_run_is_saved_into_a_pipe(runs, tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    runs["binary"].save(pipe)
    reader.join()
    (tmp_path / "copy.keras").write_bytes(read[0])
    assert toolkit.load(tmp_path / "copy.keras").metrics == runs["binary"].metrics


def test_a_loaded_model_can_be_made_anew_with_its_first_weights(runs, tmp_path):
    run = runs["multiclass"]
    loaded = toolkit.load(run.save(tmp_path / "run.keras"))
    anew = [keras.models.clone_model(model).get_weights() for model in (run.model, loaded.model)]
    assert all(np.array_equal(*pair) for pair in zip(*anew, strict=True))
