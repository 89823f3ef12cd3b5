"""The commands evaluate, report and info, and --json, --quiet and --open."""

from __future__ import annotations

import json
import warnings
import webbrowser

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

import toolkit
from recipes import multiclass
from recipes.samples import path
from tests.helpers.cli import run_command


@pytest.fixture(scope="module")
def saved(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    return {task: run.save(folder / f"{task}.keras") for task, run in runs.items()}


def _json(capsys, *words):
    code, out, err = run_command(capsys, *words, "--json")
    assert code == 0, err
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")), err


def test_evaluate_has_the_metrics_of_scikit_learn_with_their_intervals(runs, saved, capsys):
    wine = pd.read_csv(path("wine"))
    content, _ = _json(capsys, "evaluate", saved["multiclass"], path("wine"))
    accuracy = content["metrics"]["accuracy"]
    assert accuracy["value"] == pytest.approx(accuracy_score(wine["grower"], runs["multiclass"].predict(wine)))
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert (content["rows"], content["task"], content["positive"]) == (178, "multiclass", None)
    diabetes = pd.read_csv(path("diabetes"))
    expected = mean_absolute_error(diabetes["progression"], runs["regression"].predict(diabetes))
    assert runs["regression"].table_on(diabetes).loc["mae", "value"] == pytest.approx(expected)
    code, out, err = run_command(capsys, "evaluate", saved["binary"], path("breast_cancer"))
    assert (code, err) == (0, "")
    assert out.startswith("  569 rows (positive class: 'malignant')  ")
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(runs["binary"].metrics)


def test_importance_is_that_of_the_run(runs, saved, capsys):
    table = runs["regression"].importance(path("diabetes"), metric="mae", groups="correlated")
    words = ("importance", saved["regression"], path("diabetes"), "--metric", "mae", "--correlated")
    content, _ = _json(capsys, *words)
    assert (content["metric"], content["rows"]) == ("mae", 442)
    assert [entry["column"] for entry in content["columns"]] == table["column"].tolist()
    assert content["columns"][0]["low"] == pytest.approx(table.loc[0, "low"])
    code, out, err = run_command(capsys, *words)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("How much worse mae gets without the column (442 rows)")
    assert [line.split(maxsplit=4)[-1] for line in out.splitlines()[1:]] == table["column"].tolist()


def test_slices_are_those_of_the_run(runs, saved, capsys):
    table = runs["regression"].slices(["sex", "bmi"], path("diabetes"), metric="mae")
    words = ("slices", saved["regression"], path("diabetes"), "--metric", "mae", "--column", "sex", "--column", "bmi")
    content, _ = _json(capsys, *words)
    assert (content["metric"], content["rows"], content["looks"]) == ("mae", 442, 6)
    assert content["overall"] == pytest.approx(table.attrs["overall"])
    assert [(entry["column"], entry["slice"]) for entry in content["slices"]] == list(
        zip(table["column"], table["slice"], strict=True)
    )
    code, out, err = run_command(capsys, *words)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"mae of all 442 rows: {table.attrs['overall']:.4g}. In 6 slices")
    assert [line.startswith("*") for line in lines[1:]] == table["clear"].tolist()
    assert all(
        line.endswith(f"{row.column}: {row.slice}") for line, row in zip(lines[1:], table.itertuples(), strict=True)
    )
    code, _, err = run_command(capsys, "slices", saved["regression"], path("diabetes"), "--column", "bmy")
    assert (code, err) == (2, "recipes: slices: the model takes no column 'bmy'. Did you mean 'bmi'?\n")


def test_the_intervals_of_the_test_rows_are_those_of_the_training(runs):
    for task, run in runs.items():
        rows = run.dataset.source_rows[run.dataset.parts["test"]] - 1
        name = {
            "regression": "diabetes",
            "binary": "breast_cancer",
            "multiclass": "wine",
            "multilabel": "street_scenes",
        }
        table = run.table_on(pd.read_csv(path(name[task])).iloc[rows])
        pd.testing.assert_frame_equal(table, run.table[["value", "low", "high"]], rtol=1e-6)


def test_rows_with_equal_inputs_count_once_in_an_interval(runs):
    wine = pd.read_csv(path("wine")).head(40)
    once, often = (runs["multiclass"].table_on(pd.concat([wine] * copies)) for copies in (1, 5))
    assert often.loc["accuracy", "value"] == pytest.approx(once.loc["accuracy", "value"])
    assert often.loc["accuracy", "high"] - often.loc["accuracy", "low"] == pytest.approx(
        once.loc["accuracy", "high"] - once.loc["accuracy", "low"], rel=0.25
    )


def test_what_evaluate_leaves_out_is_said_unless_quiet_and_what_is_not_defined_is_null(saved, capsys, tmp_path):
    rows = pd.read_csv(path("breast_cancer")).query("diagnosis == 'benign'").head(20)
    rows.loc[rows.index[3], "diagnosis"] = None
    rows.to_csv(tmp_path / "benign.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # which the command prints
        content, err = _json(capsys, "evaluate", saved["binary"], tmp_path / "benign.csv")
    assert err == "Warning: 1 row without a target was dropped (row 4 of benign.csv).\n"
    assert content["rows"] == 19
    assert content["metrics"]["roc_auc"] == {"value": None, "low": None, "high": None}
    assert run_command(capsys, "evaluate", saved["binary"], tmp_path / "benign.csv", "--quiet")[2] == ""


def test_evaluate_takes_a_threshold(runs, saved, capsys):
    content, _ = _json(capsys, "evaluate", saved["binary"], path("breast_cancer"), "--threshold", 0.9)
    positive = runs["binary"].predict_proba(path("breast_cancer"))[:, 1] >= 0.9
    truth = pd.read_csv(path("breast_cancer"))["diagnosis"] == runs["binary"].positive
    assert content["metrics"]["f1"]["value"] == pytest.approx(f1_score(truth, positive))
    code, _, err = run_command(capsys, "evaluate", saved["multiclass"], path("wine"), "--threshold", 0.5)
    assert code == 2
    assert "it is for binary and multilabel runs" in err


def test_evaluate_takes_labeled_images(image_run, shapes, capsys, tmp_path):
    saved = image_run.save(tmp_path / "shapes.keras")
    content, _ = _json(capsys, "evaluate", saved, shapes)
    assert content["rows"] == 150
    assert 0.5 < content["metrics"]["accuracy"]["value"] <= 1
    facts, _ = _json(capsys, "info", saved)
    assert (facts["classes"], facts["columns"]) == (["cross", "disc", "square"], {})
    assert facts["input"].endswith("x3 pixels")


def test_report_writes_the_page_of_the_saved_summary_and_never_the_model(saved, capsys, tmp_path, monkeypatch):
    page, opened = tmp_path / "wine.html", []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    code, out, err = run_command(capsys, "report", saved["multiclass"], "-o", page, "--open")
    assert (code, out) == (0, f"Report: {page}\n")
    assert opened == [page.as_uri()]
    assert err == f"No browser was found: open {page} yourself.\n"
    expected = toolkit.load(saved["multiclass"]).report(tmp_path / "expected.html")
    assert page.read_bytes() == expected.read_bytes()
    model = tmp_path / "model.html"
    model.write_bytes(saved["multiclass"].read_bytes())
    (tmp_path / "link.html").symlink_to(model)
    for name in ("model.html", "model", "link.html"):
        code, out, err = run_command(capsys, "report", model, "-o", tmp_path / name)
        assert (code, out) == (2, "")
        assert "names the model: the report would replace it" in err
    assert model.read_bytes() == saved["multiclass"].read_bytes()


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
def test_info_describes_a_model(runs, saved, capsys, task):
    run = runs[task]
    code, out, err = run_command(capsys, "info", saved[task])
    assert (code, err) == (0, "")
    facts = dict(line.strip().split(":", 1) for line in out.splitlines())
    assert facts["task"].strip() == task
    assert facts["parameters"].strip() == f"{run.model.count_params():,}"
    assert facts["bytes"].strip() == f"{saved[task].stat().st_size:,}"
    content, _ = _json(capsys, "info", saved[task])
    assert content["metrics"] == pytest.approx(run.metrics)
    assert content["columns"] == {column.name: column.kind for column in run.preprocessing.columns}
    assert content["target"] == list(run.target.columns)


def test_info_of_many_columns_and_classes_fits_a_screen(capsys, tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({f"column\n{index}" * 9: random.normal(size=400) for index in range(200)})
    frame["y"] = [f"class {index % 100}" for index in range(400)]
    options = {"hidden": (2,), "epochs": 1, "progress": False, "baselines": False, "test": 0}
    saved = multiclass.train(frame, target="y", **options).save(tmp_path / "wide.keras")
    _, out, _ = run_command(capsys, "info", saved)
    assert len(out) < 8_000
    assert len(out.splitlines()) < 20
    assert "(100 in all)" in out


def test_training_prints_one_json_object_and_everything_else_on_standard_error(capsys, tmp_path):
    words = ["multiclass", path("wine"), "--target", "grower", "--hidden", 4, "--epochs", 2]
    saved, report = tmp_path / "wine.keras", tmp_path / "wine.html"
    content, err = _json(capsys, *words, "--save", saved, "--report", report)
    run = toolkit.load(saved)
    assert {name: row["value"] for name, row in content["metrics"].items()} == pytest.approx(run.metrics)
    assert content["metrics"]["accuracy"]["linear"] > 0.9
    assert (content["stopped"], content["interrupted"]) == ("all 2 epochs were run", False)
    assert (content["saved"], content["report"]) == (str(saved), str(report))
    assert err.startswith("epoch 1/2")
    code, out, err = run_command(capsys, *words, "--quiet", "--no-baselines")
    assert (code, err) == (0, "")
    assert "accuracy" in out
    compared, _ = _json(
        capsys, "compare", *words, "--heads", "softmax,hinge", "--seeds", 1, "--no-baselines", "--quiet"
    )
    assert (compared["heads"], compared["seeds"]) == (["softmax", "hinge"], [0])
    assert set(compared["metrics"]["accuracy"]) >= {"softmax", "hinge", "hinge_difference"}


def test_what_was_trained_is_printed_where_its_report_fails(capsys, tmp_path):
    words = ["multiclass", path("wine"), "--target", "grower", "--hidden", 4, "--epochs", 1, "--no-baselines"]
    (tmp_path / "page.html").symlink_to("/dev/full")
    saved = tmp_path / "wine.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        _, out, err = run_command(capsys, *words, "--save", saved, "--report", tmp_path / "page.html", "--json")
    assert "The report is missing: " in err
    assert json.loads(out)["saved"] == str(saved)
