"""Exported files: the same answers as the run, in other programs and without TensorFlow; hostile ones do no harm."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import multiclass
from recipes.samples import SAMPLES, path
from tests.helpers.cli import run_command
from toolkit.builders import mlp
from toolkit.common.errors import DataError
from toolkit.evaluation.calibration import Calibration
from toolkit.heads import get_head
from toolkit.runs.export import export
from toolkit.runs.exported import METADATA
from toolkit.runs.run import Run

onnx, onnxruntime, _ = (
    pytest.importorskip(name, reason=f"{name} is not installed: the extra [export] brings it")
    for name in ("onnx", "onnxruntime", "tf2onnx")
)

TABLES = {sample.task: path(name) for name, sample in SAMPLES.items()}


@pytest.fixture(scope="module")
def networks(runs, image_run):
    """The run of each task, and one of images; that of two classes has a threshold."""
    return {**runs, "binary": Run(replace(runs["binary"].result, threshold=0.3)), "images": image_run}


@pytest.fixture(scope="module")
def folder(networks, tmp_path_factory):
    """A folder with an ONNX file for each of them."""
    folder = tmp_path_factory.mktemp("exported")
    for name, run in networks.items():
        run.export(folder / f"{name}.onnx")
    return folder


def _inputs(run):
    return run.dataset.x("test")[:60]


def _expected(run, x):
    """What the run says about inputs, by its public verbs' own parts."""
    scores = run.result.raw_scores(x)
    if run.task == "regression":
        return "prediction", run.target.decode(scores).reshape(len(x), -1)
    chances = run.result.probabilities(scores)
    return "probabilities", np.stack([1 - chances, chances], axis=1) if run.task == "binary" else chances


def test_onnxruntime_alone_gives_the_answers_of_the_run(networks, folder):
    for name, run in networks.items():
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        x = _inputs(run)
        output, expected = _expected(run, x)
        (actual,) = session.run([output], {session.get_inputs()[0].name: x.astype(np.float32)})
        assert np.abs((actual - expected) / run.target.scale.max()).max() < 1e-5, name
        about = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
        assert about["encoder"] == run.preprocessing.to_dict()
        assert about["difference"] < 1e-5
        assert "test rows" in about["difference_rows"]


def test_weights_of_networks_side_by_side_are_stored_once(tmp_path):
    run = multiclass.train(
        path("wine"), target="grower", members=2, hidden=(40, 40), epochs=1, baselines=False, progress=False
    )
    assert any(type(layer).__name__ == "EinsumDense" for layer in run.model.layers)
    run.export(tmp_path / "members.onnx")
    graph = onnx.load(tmp_path / "members.onnx").graph
    numbers = sum(int(np.prod(constant.dims)) for constant in graph.initializer if constant.data_type == 1)
    assert run.model.count_params() <= numbers <= run.model.count_params() + 10


@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_activations_that_onnx_lacks_are_written_out_in_a_functional_model(tmp_path, activation):
    def skip(inputs, units):
        import keras

        source = keras.Input((inputs,))
        hidden = keras.layers.Activation(activation)(keras.layers.Dense(6)(source))
        return keras.Model(source, keras.layers.Dense(units)(hidden + keras.layers.Dense(6)(hidden)))

    run = multiclass.train(path("wine"), target="grower", build=skip, epochs=1, baselines=False, progress=False)
    before = run.model.get_weights()
    assert run.export(tmp_path / "skip.onnx").difference < 1e-5
    assert all(map(np.array_equal, before, run.model.get_weights()))


def test_tensorflow_lite_and_a_saved_model_give_the_answers_of_the_run(networks, tmp_path, capsys):
    import tensorflow as tf

    run, x = networks["multilabel"], _inputs(networks["multilabel"])
    about = run.export(tmp_path / "m.tflite")
    assert str(about) in capsys.readouterr().out
    with pytest.warns(UserWarning, match="Interpreter"):
        runner = tf.lite.Interpreter(str(about.path)).get_signature_runner()
    assert np.abs(runner(inputs=x)["probabilities"] - _expected(run, x)[1]).max() < 1e-5
    assert json.loads(zipfile.ZipFile(about.path).read(METADATA))["target"]["columns"] == run.target.columns

    run, x = networks["images"], _inputs(networks["images"])
    run.export(tmp_path / "folder")
    loaded = tf.saved_model.load(str(tmp_path / "folder"))
    served = loaded.serve(x.astype(np.float32))
    assert np.abs(served["probabilities"].numpy() - _expected(run, x)[1]).max() < 1e-5
    assert json.loads((tmp_path / "folder" / "assets.extra" / METADATA).read_text())["outputs"][0] == "scores"
    with pytest.raises(DataError, match="exists already"):
        run.export(tmp_path / "folder")


def test_margins_keep_their_fitted_probabilities_and_rare_activations_are_exported(networks, tmp_path):
    import keras

    knots = {"scores": [-1.5, -0.2, 0.1, 2.0], "chances": [0.05, 0.3, 0.31, 0.95]}
    lines = {"slope": [1.5, 0.7, 30.0], "intercept": [0.1, -2.0, 0.0], "knots": [knots, None, knots]}
    fitted = Calibration("multilabel", None, "isotonic", lines, None, 0.4, True, 50)
    x = _inputs(networks["multilabel"])
    inner = mlp(x.shape[1], 8, activation=("gelu", "celu"), hidden=(8, 8), batch_norm=True).layers
    model = keras.Sequential([keras.Input(x.shape[1:]), *inner, keras.layers.Dense(3)])
    result = replace(
        networks["multilabel"].result, calibration=fitted, head=get_head("multilabel", "hinge"), model=model
    )
    export(result, tmp_path / "m.onnx")
    exported = toolkit.load(tmp_path / "m.onnx")
    assert np.allclose(exported.result.raw_scores(x), model.predict(x, verbose=0), atol=1e-5)


def test_quantiles_and_classes_in_order_are_exported(networks, tmp_path):
    for task, head, units in (("regression", "quantile", 3), ("multiclass", "ordinal", 2)):
        run = networks[task]
        model = mlp(run.preprocessing.width, units, hidden=(8,), bias_spread=1.0, seed=3)
        fields = {"head": get_head(task, head), "model": model, "calibration": None, "absolute_errors": None}
        other = Run(replace(run.result, conformity=None, **fields))
        for ending in ("onnx", "tflite"):
            assert other.export(tmp_path / f"{head}.{ending}").difference < 1e-5
        loaded = toolkit.load(tmp_path / f"{head}.onnx")
        expected, actual = ((r.predict if units == 3 else r.predict_proba)(TABLES[task]) for r in (other, loaded))
        assert expected.shape == actual.shape == (len(expected), 3)
        assert np.abs((actual - expected) / run.target.scale.max()).max() < 1e-5


def test_a_file_with_other_answers_is_not_left(networks, tmp_path):
    result = networks["regression"].result
    far = replace(result, target=replace(result.target, center=np.array([1e9])))
    with pytest.raises(DataError, match=r"was not written: on 88 test rows its answers differ from the run's by up to"):
        export(far, tmp_path / "far.tflite")
    assert not list(tmp_path.iterdir())
    assert export(far, tmp_path / "far.onnx").difference < 1e-5  # of 64 bits


LIGHT = """
import sys
for name in ("tensorflow", "keras", "sklearn", "matplotlib", "jinja2", "PIL", "h5py", "onnx", "platformdirs"):
    sys.modules[name] = None
import numpy as np
import toolkit
from recipes.cli import main
folder, tables, pixels = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:-1]), np.load(sys.argv[-1])
answers = {}
for name, rows in {**tables, "images": pixels}.items():
    run = toolkit.load(f"{folder}/{name}.onnx")
    answers[name] = np.asarray(run.predict_interval(rows) if name == "regression" else run.predict_proba(rows))
    answers[f"labels of {name}"] = np.asarray(run.predict(rows)).astype(str)
np.savez(f"{folder}/answers.npz", **answers)
main(["predict", f"{folder}/binary.onnx", tables["binary"], "-o", f"{folder}/binary.csv", "--threshold", "0.5"])
main(["predict", f"{folder}/run.keras", tables["binary"]])
"""


def test_an_exported_run_predicts_without_tensorflow(networks, folder, tmp_path):
    pixels = networks["images"].dataset.x("test")
    np.save(tmp_path / "pixels.npy", pixels)
    tables = [f"{task}={table}" for task, table in TABLES.items()]
    words = [sys.executable, "-c", LIGHT, str(folder), *tables, str(tmp_path / "pixels.npy")]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(words, env=environment, timeout=120, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr  # the .keras file, which comes last
    assert "which is not installed: pip install logitkit" in done.stderr
    answers = np.load(folder / "answers.npz")
    for name, run in networks.items():
        rows = TABLES.get(name, pixels)
        expected = run.predict_interval(rows) if name == "regression" else run.predict_proba(rows)
        assert np.abs((answers[name] - expected) / run.target.scale.max()).max() < 1e-5, name
        labels = answers[f"labels of {name}"]
        if name == "regression":
            assert np.allclose(labels.astype(float), run.predict(rows))
        else:
            assert np.array_equal(labels, run.predict(rows).astype(str)), name
    predicted = pd.read_csv(folder / "binary.csv")
    assert ((predicted["probability_malignant"] >= 0.5) == (predicted["diagnosis"] == "malignant")).all()


def test_an_exported_run_only_predicts(folder, capsys, networks):
    run = toolkit.load(folder / "binary.onnx")
    assert repr(run) == "ExportedRun(binary, logistic)"
    assert run.threshold == 0.3
    with pytest.raises(AttributeError, match=r"has no report: load the \.keras file"):
        run.report("report.html")
    for words in (["report", folder / "binary.onnx", "-o", "r.html"], ["info", folder / "binary.onnx"]):
        code, _, err = run_command(capsys, *words)
        assert (code, err.count("\n")) == (2, 1)
        assert "give the .keras file" in err
    file = networks["regression"].save(folder / "saved.keras")
    code, out, err = run_command(capsys, "export", file, "-o", folder / "from_saved.onnx")
    assert (code, err) == (0, "")
    assert "on 1,000 random rows" in out
    code, _, err = run_command(capsys, "export", file, "-o", folder / "model.pb")
    assert (code, err.count("\n")) == (2, 1)
    assert ".onnx or .tflite" in err


def _refuse(data, folder, match):
    file = folder / "hostile.onnx"
    file.write_bytes(data)
    start = time.process_time()
    with pytest.raises(DataError, match=match) as caught:
        toolkit.load(file).predict(TABLES["binary"])
    assert "hostile.onnx" in str(caught.value) or "can't be run" in match
    assert time.process_time() - start < 5


def test_damaged_files_are_errors_of_one_line(folder, tmp_path):
    good = (folder / "binary.onnx").read_bytes()
    rng = np.random.default_rng(0)
    for length in (0, 1, 100, len(good) // 2, len(good) - 1):
        _refuse(good[:length], tmp_path, "damaged|was not written")
    for position in rng.integers(0, len(good), 60):
        (tmp_path / "flipped.onnx").write_bytes(good[:position] + bytes([good[position] ^ 255]) + good[position + 1 :])
        try:
            toolkit.load(tmp_path / "flipped.onnx").predict(TABLES["binary"])
        except DataError:
            continue
    with pytest.raises(DataError, match=r"no such file\. Did you mean 'binary.onnx'\?"):
        toolkit.load(folder / "binray.onnx")


def test_hostile_files_are_refused(folder, tmp_path):
    helper = onnx.helper

    def changed(change):
        model = onnx.load(folder / "binary.onnx")
        change(model)
        return model.SerializeToString()

    def other_file(model):
        tensor = model.graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    def loop(model):
        model.graph.node.append(helper.make_node("If", ["c"], ["d"], then_branch=model.graph))

    def many_numbers(model):
        last = next(node for node in model.graph.node if "scores" in node.output)
        last.output[0] = "before"
        for name, shape in (("tall", (100_000, 1)), ("wide", (1, 100_000))):
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(shape, np.float32), name))
        model.graph.node.append(helper.make_node("MatMul", ["tall", "wide"], ["bomb"]))
        model.graph.node.append(helper.make_node("ReduceMax", ["bomb"], ["most"], keepdims=0))
        model.graph.node.append(helper.make_node("Add", ["before", "most"], ["scores"]))

    def settings(change):
        def apply(model):
            content = json.loads(model.metadata_props[0].value)
            change(content)
            model.metadata_props[0].value = json.dumps(content)

        return changed(apply)

    _refuse(changed(other_file), tmp_path, "field 1[34] is not allowed")
    _refuse(changed(loop), tmp_path, "field 6 is not allowed")
    _refuse(changed(many_numbers), tmp_path, "can't be run|can't be opened")
    _refuse(changed(lambda model: model.metadata_props.pop()), tmp_path, "has no logitkit.json")
    _refuse(changed(lambda model: setattr(model.graph.node[0], "domain", "x.y")), tmp_path, "an operation of b'x.y'")
    _refuse(settings(lambda content: content.pop("target")), tmp_path, "lack 'target'")
    _refuse(settings(lambda content: content.update(schema=9)), tmp_path, "schema version 9")
    _refuse(settings(lambda content: content["encoder"]["columns"].pop()), tmp_path, "model takes inputs of shape")
    _refuse(settings(lambda content: content.update(probability_threshold=7.0)), tmp_path, "is no probability")
