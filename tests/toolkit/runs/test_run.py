"""Runs: answers in the user's terms, saving and loading, online learning, mistakes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_iris

import toolkit
from recipes import (
    binary,
    multiclass,
    multilabel,
    regression,
)
from recipes.samples import SAMPLES, path
from toolkit.common.errors import DataError
from toolkit.data.inputs import batches
from toolkit.heads import Head
from toolkit.runs import archive

BY_TASK = {sample.task: (name, sample) for name, sample in SAMPLES.items()}
TASKS = list(BY_TASK)


def _test_rows(run):
    """The test part, as rows of the user's own file."""
    frame = pd.read_csv(path(BY_TASK[run.task][0]), keep_default_na=True)
    return frame.iloc[run.dataset.source_rows[run.dataset.parts["test"]] - 1]


@pytest.mark.parametrize("task", TASKS)
def test_predictions_have_the_users_labels_and_dtype(runs, task):
    run, rows = runs[task], _test_rows(runs[task])
    truth = rows[BY_TASK[task][1].target]
    predicted = run.predict(rows)
    assert predicted.shape == truth.shape
    predicted = predicted.to_numpy()
    if task == "regression":
        assert predicted.dtype == np.float64
    elif task == "multilabel":
        assert predicted.dtype == np.int64
        assert set(np.unique(predicted)) <= {0, 1}
    else:
        assert set(predicted) <= set(truth)


@pytest.mark.parametrize("task", TASKS)
def test_the_metrics_are_those_of_scikit_learn_on_the_test_rows(runs, task):
    run, rows = runs[task], _test_rows(runs[task])
    truth, predicted = rows[BY_TASK[task][1].target].to_numpy(), run.predict(rows)
    expected = {
        "regression": lambda: {
            "rmse": sk.root_mean_squared_error(truth, predicted),
            "r2": sk.r2_score(truth, predicted),
        },
        "binary": lambda: {
            "accuracy": sk.accuracy_score(truth, predicted),
            "roc_auc": sk.roc_auc_score(truth == run.target.classes[1], run.predict_proba(rows)[run.positive]),
        },
        "multiclass": lambda: {
            "accuracy": sk.accuracy_score(truth, predicted),
            "log_loss": sk.log_loss(truth, run.predict_proba(rows), labels=run.target.classes),
        },
        "multilabel": lambda: {"hamming_loss": sk.hamming_loss(truth, predicted)},
    }[task]()
    for name, value in expected.items():
        assert run.metrics[name] == pytest.approx(value, rel=1e-5), name
        assert run.table.loc[name, "value"] == pytest.approx(value, rel=1e-5)
        assert run.table.loc[name, "low"] <= value <= run.table.loc[name, "high"]
    assert run.evaluate(rows) == pytest.approx(run.metrics, rel=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_the_scores_are_the_plain_outputs_of_the_keras_model(runs, task):
    run, rows = runs[task], _test_rows(runs[task])
    x = run.preprocessing.transform(run.dataset.features.frame.iloc[run.dataset.parts["test"]])
    np.testing.assert_allclose(run.decision_function(rows), run.model(x), rtol=1e-4, atol=1e-5)
    assert run.model.layers[-1].activation is keras.activations.linear


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_probabilities_of_a_row_sum_to_one_and_the_likeliest_class_is_predicted(runs, task):
    run, rows = runs[task], _test_rows(runs[task])
    chances = run.predict_proba(rows)
    assert chances.shape == (len(rows), len(run.target.classes))
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-12)
    assert (chances.idxmax(axis=1) == run.predict(rows)).all()


def test_the_model_is_compiled_with_the_heads_loss_and_metrics(runs):
    run = runs["multiclass"]
    part = run.dataset.parts["test"]
    x, y = (
        run.preprocessing.transform(run.dataset.features.frame.iloc[part]),
        run.target.encode(run.dataset.target_frame.iloc[part]),
    )
    loss, accuracy = run.model.evaluate(x, y, verbose=0)
    plain = run.head.probabilities(run.outcome.scores)
    assert loss == pytest.approx(sk.log_loss(run.outcome.y_true, plain), rel=1e-4)
    assert accuracy == pytest.approx(run.metrics["accuracy"], rel=1e-6)


def test_saved_runs_predict_the_same_in_a_new_process(runs, tmp_path):
    for task, run in runs.items():
        run.save(tmp_path / f"{task}.keras")
    code = (
        "import sys, numpy, toolkit\n"
        "for saved, data in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    run = toolkit.load(saved)\n"
        "    numpy.save(saved + '.npy', run.decision_function(data))\n"
        "    print(run)"
    )
    given = [word for task, (name, _) in BY_TASK.items() for word in (tmp_path / f"{task}.keras", path(name))]
    done = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [repr(runs[task]) for task in TASKS]
    for task, (name, _) in BY_TASK.items():
        scores = np.load(tmp_path / f"{task}.keras.npy")
        assert np.array_equal(scores, runs[task].decision_function(path(name))), task


def test_a_loaded_run_keeps_its_tables_and_its_report_without_rows(runs, tmp_path):
    run = runs["multilabel"]
    loaded = toolkit.load(run.save(tmp_path / "run.keras"))
    pd.testing.assert_frame_equal(loaded.table, run.table)
    pd.testing.assert_frame_equal(loaded.history, run.history, check_dtype=False)
    assert loaded.metrics == run.metrics
    assert loaded.verdict == run.verdict
    assert loaded.summary() == run.summary(rows=False)
    assert loaded.report(tmp_path / "again.html").read_text() == run.report(tmp_path / "b.html", rows=False).read_text()


def test_the_saved_file_is_a_plain_keras_model_that_needs_nothing_of_this_project(runs, tmp_path):
    run = runs["binary"]
    saved = run.save(tmp_path / "run.keras")
    code = (
        "import sys, keras, numpy; model = keras.models.load_model(sys.argv[1]);"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('toolkit', 'recipes')];"
        "print(float(model(numpy.ones((1, model.input_shape[1]), 'float32'))[0, 0]))"
    )
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ones = np.ones((1, run.model.input_shape[1]), "float32")
    assert float(done.stdout) == pytest.approx(float(run.model(ones)[0, 0]), rel=1e-5)
    with zipfile.ZipFile(saved) as archived:
        assert json.loads(archived.read(archive.MEMBER))["schema"] == 1
        assert not json.loads(archived.read("config.json")).get("compile_config")


def test_the_saved_file_holds_no_row_of_the_data(runs, tmp_path):
    rows = runs["multilabel"].dataset.features.frame["date"].astype(str)
    with zipfile.ZipFile(runs["multilabel"].save(tmp_path / "run.keras")) as archived:
        text = archived.read(archive.MEMBER).decode()
    assert sum(day in text for day in rows.unique()) < 0.1 * rows.nunique(), "the edges of its histogram are summaries"


def test_a_full_disk_while_saving_leaves_what_stood_there(runs, tmp_path, monkeypatch):
    target = tmp_path / "run.keras"
    target.write_bytes(b"before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        runs["binary"].save(target)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_saving_under_another_ending_says_which_one_is_needed(runs, tmp_path):
    with pytest.raises(DataError, match=r"must end in \.keras"):
        runs["binary"].save(tmp_path / "run.h5")


def test_only_files_that_save_wrote_are_loaded(runs, tmp_path):
    good = runs["binary"].save(tmp_path / "good.keras")
    with pytest.raises(DataError, match=r"no such file.*Did you mean 'good.keras'"):
        toolkit.load(tmp_path / "god.keras")

    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(DataError, match=r"damaged or not a .keras file"):
        toolkit.load(tmp_path / "text.keras")

    (tmp_path / "cut.keras").write_bytes(good.read_bytes()[:-400])
    with pytest.raises(DataError, match="damaged"):
        toolkit.load(tmp_path / "cut.keras")

    runs["binary"].model.save(tmp_path / "plain.keras")
    with pytest.raises(DataError, match=r"was not saved by run.save"):
        toolkit.load(tmp_path / "plain.keras")


def _rewritten(source, target, member, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(data))) if name == member else data)
    return target


def test_a_file_that_a_later_keras_wrote_says_which_keras_is_needed(runs, tmp_path):
    good = runs["binary"].save(tmp_path / "good.keras")

    def later(content):
        return content | {"settings": content["settings"] | {"versions": {"keras": "99.1"}}}

    def unknown_argument(config):
        config["config"]["layers"][-1]["config"]["kernel_initializer"]["config"]["axes_of_99"] = None
        return config

    saved = _rewritten(good, tmp_path / "later.keras", archive.MEMBER, later)
    saved = _rewritten(saved, tmp_path / "later_layers.keras", "config.json", unknown_argument)
    with pytest.raises(DataError, match=r"later_layers.keras was saved with Keras 99.1; Keras"):
        toolkit.load(saved)


def test_a_file_with_code_or_of_a_later_version_is_refused(runs, tmp_path):
    good = runs["binary"].save(tmp_path / "good.keras")

    def with_lambda(config):
        config["config"]["layers"][1] |= {"class_name": "Lambda"}
        return config

    with pytest.raises(DataError, match=r"keras\.layers\.Lambda"):
        toolkit.load(_rewritten(good, tmp_path / "lambda.keras", "config.json", with_lambda))
    with pytest.raises(DataError, match="schema version 99"):
        toolkit.load(_rewritten(good, tmp_path / "later.keras", archive.MEMBER, lambda c: c | {"schema": 99}))
    with pytest.raises(DataError, match="lack"):
        toolkit.load(_rewritten(good, tmp_path / "less.keras", archive.MEMBER, lambda c: {"schema": 1}))
    with zipfile.ZipFile(good, "a") as more:
        more.writestr("../evil.py", "")
    with pytest.raises(DataError, match="unexpected or missing member"):
        toolkit.load(good)


def test_new_rows_may_lack_cells_and_bring_unknown_categories_and_columns(runs):
    run = runs["multilabel"]
    rows = _test_rows(run).head(3).drop(columns=["car", "bus", "pedestrian"])
    changed = rows.assign(weather="volcanic ash", noise_db=np.nan, extra=1)[[*rows.columns[::-1], "extra"]]
    with pytest.warns(toolkit.DataWarning, match="weather.*volcanic ash|noise_db.* is missing in all 3 rows"):
        assert np.isfinite(run.decision_function(changed)).all()


def test_a_missing_column_is_named_with_the_nearest(runs):
    rows = _test_rows(runs["multiclass"]).rename(columns={"alcohol": "alchohol"})
    with pytest.raises(DataError, match=r"'alcohol'.*alchohol"):
        runs["multiclass"].predict(rows)


def test_a_column_of_another_type_names_row_and_value(runs):
    rows = _test_rows(runs["multiclass"]).astype({"alcohol": object})
    rows.iloc[1:6, rows.columns.get_loc("alcohol")] = "strong"
    with pytest.raises(DataError, match=r"alcohol.*strong"):
        runs["multiclass"].predict(rows)


def test_numbers_so_large_that_the_scores_are_not_finite_are_refused():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"]).assign(
        y=np.arange(60.0)
    )
    run = regression.train(
        frame, target="y", hidden=(8,), epochs=1, scaling="standard", baselines=False, progress=False
    )
    rows = frame.head(3)
    rows.loc[1, ["a", "b", "c"]] = [1e308, 1e308, 1.7e308]
    for verb, which in ((run.predict, "row 2"), (run.evaluate, "1 row")):
        with pytest.raises(DataError, match=f"scores are not finite in {which}: a number there is too large"):
            verb(rows)


def test_a_run_on_repeated_column_names_can_be_loaded(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "a", "y"])
    run = regression.train(frame, target="y", epochs=1, build="linear", baselines=False, progress=False)
    loaded = toolkit.load(run.save(tmp_path / "twice.keras"))
    np.testing.assert_array_equal(loaded.predict(frame), run.predict(frame))


def test_evaluating_without_the_target_says_so(runs):
    with pytest.raises(DataError, match="'grower'"):
        runs["multiclass"].evaluate(_test_rows(runs["multiclass"]).drop(columns="grower"))


@pytest.mark.parametrize("task", TASKS)
def test_batches_hold_the_rows_that_are_encoded_at_once(runs, task):
    preprocessing, frame = runs[task].preprocessing, _test_rows(runs[task])
    (whole,) = batches(preprocessing, frame)
    parts = list(batches(preprocessing, frame, rows=7))
    assert {len(part) for part in parts[:-1]} == {7}
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_number_that_is_infinite_is_named_by_its_row_in_any_batch():
    x, y = load_iris(return_X_y=True)
    run = multiclass.train((x, y), hidden=(), epochs=1, progress=False, baselines=False)
    (whole,) = batches(run.preprocessing, x)
    np.testing.assert_array_equal(np.concatenate(list(batches(run.preprocessing, x, rows=64))), whole)
    x[140, 2] = np.inf
    for rows in (64, 1_000):
        with pytest.raises(DataError, match="row 141"):
            list(batches(run.preprocessing, x, rows=rows))


def test_arrays_go_in_and_come_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = np.array(["low", "mid", "high"])[np.digitize(x[:, 0], [-0.4, 0.4])]
    run = multiclass.train((x, y), epochs=40, hidden=(16,), learning_rate=0.01, baselines=False, progress=False)
    assert run.metrics["accuracy"] > 0.8
    assert (run.predict(x[:50]) == y[:50]).mean() > 0.8
    assert run.evaluate((x, y))["accuracy"] > 0.8
    with pytest.raises(DataError, match=r"\(200, 2\)|2 columns"):
        run.predict(x[:, :2])


def test_updating_learns_from_each_row_in_turn_as_the_formula_says(runs, tmp_path):
    frame = pd.DataFrame({"x": np.linspace(-1, 1, 40), "y": np.linspace(0, 8, 40)})
    run = regression.train(frame, target="y", hidden=(), epochs=1, baselines=False, progress=False)
    new = pd.DataFrame({"x": [0.5, -0.2], "y": [20.0, 1.0]})
    x, y = run.preprocessing.transform(new[["x"]]).astype(float), run.target.encode(new[["y"]]).astype(float)
    w, b = (float(weights.ravel()[0]) for weights in run.model.get_weights())
    for xi, yi in zip(x[:, 0], y[:, 0], strict=True):
        error = w * xi + b - yi
        w, b = w - 0.1 * 2 * error * xi, b - 0.1 * 2 * error
    run.update(new, learning_rate=0.1)
    assert [float(weights.ravel()[0]) for weights in run.model.get_weights()] == pytest.approx([w, b], rel=1e-5)
    assert run.settings["updated"] == 2
    assert toolkit.load(run.save(tmp_path / "updated.keras")).settings["updated"] == 2


def test_a_head_of_ones_own_is_named_again_when_loading(tmp_path):
    deviance = Head("log_cosh", "regression", keras.losses.LogCosh, None, "log-cosh")
    frame = pd.DataFrame({"x": np.arange(40.0) % 7, "y": np.arange(40.0)})
    run = regression.train(frame, target="y", head=deviance, epochs=1, baselines=False, progress=False, hidden=())
    saved = run.save(tmp_path / "own.keras")
    with pytest.raises(DataError, match="log_cosh"):
        toolkit.load(saved)
    assert toolkit.load(saved, head=deviance).predict(frame).tolist() == run.predict(frame).tolist()


@pytest.mark.parametrize("task", TASKS)
def test_the_baselines_stand_beside_the_run(runs, task):
    run = runs[task]
    assert set(run.baselines) == {"dummy", "linear", "tree"}
    assert {"dummy", "dummy_low", "linear", "linear_high", "tree"} <= set(run.table.columns)
    assert run.verdict


def test_the_history_has_the_promised_columns(runs):
    for task, metric in {"regression": "rmse", "binary": "accuracy", "multilabel": "hamming_loss"}.items():
        assert {"loss", "val_loss", f"val_{metric}", "learning_rate", "seconds"} <= set(runs[task].history.columns)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_a_predicted_interval_holds_the_promised_share_of_new_rows(coverage):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=3000)})
    frame["y"] = 100 * frame["x"] + rng.normal(scale=20, size=3000)
    run = regression.train(
        frame[:1000], target="y", hidden=(), epochs=60, learning_rate=0.05, baselines=False, progress=False
    )
    new = frame[1000:]
    ends = run.predict_interval(new, coverage)
    inside = new["y"].between(ends["low"], ends["high"]).mean()
    assert inside == pytest.approx(coverage, abs=0.1), "three standard errors of 200 validation rows"
    with pytest.raises(DataError, match="too few for a coverage"):
        run.predict_interval(new, 0.9999)


def test_classes_have_no_interval_and_numbers_no_probability(runs):
    with pytest.raises(DataError, match="predict_proba"):
        runs["binary"].predict_interval(path("breast_cancer"))
    with pytest.raises(DataError, match="predict_interval"):
        runs["regression"].predict_proba(path("diabetes"))


def test_calibration_changes_no_decision(runs):
    for task in ("multiclass", "multilabel"):
        scores = runs[task].outcome.scores
        chances = runs[task].result.probabilities(scores)
        if task == "multiclass":
            assert (chances.argmax(axis=1) == runs[task].outcome.y_pred).all()
        else:
            assert ((chances > 0.5) == (scores > 0)).all(), "one temperature moves no label over a half"


def test_a_threshold_chosen_on_validation_is_used_and_saved(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 1))
    y = (x[:, 0] + rng.normal(size=2000) > 2).astype(int)
    options = {"hidden": (), "epochs": 60, "learning_rate": 0.05, "baselines": False, "progress": False}
    plain, chosen = (binary.train((x, y), threshold=metric, **options) for metric in (None, "f1"))
    assert plain.threshold is None
    assert chosen.threshold is not None
    assert 0 < chosen.threshold < 0.5, "few positives: f1 wants more of them found"
    assert chosen.metrics["f1"] > plain.metrics["f1"]
    assert chosen.metrics["roc_auc"] == plain.metrics["roc_auc"]
    loaded = toolkit.load(chosen.save(tmp_path / "chosen.keras"))
    assert loaded.threshold == chosen.threshold
    assert (loaded.predict(x) == (chosen.predict_proba(x)[:, 1] >= chosen.threshold)).all()
    assert chosen.evaluate((x, y))["recall"] == sk.recall_score(y, chosen.predict(x))
    with pytest.raises(DataError, match="Did you mean 'accuracy'"):
        binary.train((x, y), threshold="acuracy", **options)
    with pytest.raises(DataError, match="threshold is for binary"):
        multiclass.train((x, y), threshold="f1", **options)


@pytest.mark.parametrize("head", ["hinge", "squared_hinge"])
def test_hinge_heads_learn_and_their_probabilities_come_from_calibration_alone(head):
    x, y = load_iris(return_X_y=True)
    options = {"hidden": (8,), "epochs": 60, "learning_rate": 0.02, "baselines": False, "progress": False}
    classes = multiclass.train((x, y), head=head, **options)
    one = binary.train((x, y == 2), head=head, **options)
    several = multilabel.train((x, np.stack([y > 0, y > 1], axis=1)), head=head, **options)
    assert classes.metrics["accuracy"] > 0.9
    assert one.evaluate((x, y == 2))["accuracy"] > 0.9
    assert several.metrics["hamming_loss"] < 0.15
    assert (classes.calibration.method, one.calibration.method) == ("shared scale", "platt")
    margins = classes.decision_function(x)
    chances = classes.predict_proba(x)
    assert (chances.argmax(axis=1) == margins.argmax(axis=1)).all()
    scale = classes.calibration.parameters["scale"]
    assert np.log(chances[:, 0] / chances[:, 1]) == pytest.approx(scale * (margins[:, 0] - margins[:, 1]), rel=1e-4)
    assert "not a probability" in classes.calibration.sentence


def test_the_model_can_be_frozen_or_replaced_afterwards():
    x, y = load_iris(return_X_y=True)
    run = multiclass.train((x, y), hidden=(8,), epochs=5, baselines=False, progress=False)
    before = run.decision_function(x)
    run.model.layers[0].trainable = False
    np.testing.assert_allclose(run.decision_function(x), before, rtol=1e-5)
    cloned = replace(run.result, model=keras.models.clone_model(run.model))
    inputs = run.preprocessing.transform(run.dataset.features.frame)
    np.testing.assert_allclose(cloned.raw_scores(inputs), cloned.model(inputs), rtol=1e-4, atol=1e-5)


def test_updates_go_on_with_the_random_state_of_dropout():
    frame = pd.DataFrame({"x": np.linspace(-1, 1, 60), "y": np.linspace(0, 8, 60)})
    run = regression.train(frame, target="y", hidden=(8,), epochs=1, dropout=0.5, baselines=False, progress=False)
    state = [v for v in run.model.variables if "seed_generator_state" in v.path]
    before = state[0].numpy().tolist()
    run.update(frame.head(1))
    assert state[0].numpy().tolist() != before
    normed = regression.train(
        frame, target="y", hidden=(8,), epochs=1, batch_norm=True, baselines=False, progress=False
    )
    with pytest.raises(DataError, match="batch normalization needs several rows"):
        normed.update(frame.head(1))


def test_a_number_cut_into_bands_is_predicted_as_classes():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300)})
    frame["band"] = pd.qcut(frame["x"] * 100, 3)
    run = multiclass.train(
        frame, target="band", hidden=(16,), epochs=60, learning_rate=0.02, baselines=False, progress=False
    )
    assert set(run.predict(frame)) == set(frame["band"].astype(str))
    assert run.evaluate(frame)["accuracy"] > 0.8


def test_a_field_that_is_assigned_to_says_what_to_do_instead(runs):
    with pytest.raises(AttributeError, match=r"Run\.threshold can't be assigned to: .* Train again with threshold="):
        runs["binary"].threshold = 0.3
    with pytest.raises(AttributeError, match=r"dataclasses\.replace\(run\.result, \.\.\.\)"):
        runs["binary"].metrics = {}


def test_plot_draws_the_history_and_marks_the_best_epoch(runs):
    run = runs["multiclass"]
    loss, accuracy = run.plot().axes
    assert (loss.get_title("left"), accuracy.get_title("left")) == ("loss", "accuracy")
    training, validation, best = loss.lines
    assert training.get_ydata().tolist() == run.history["loss"].tolist()
    assert validation.get_ydata().tolist() == run.history["val_loss"].tolist()
    assert accuracy.lines[0].get_ydata().tolist() == run.history["val_accuracy"].tolist()
    assert best.get_xdata() == [run.best_epoch, run.best_epoch]
