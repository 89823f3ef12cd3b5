"""The command predict: the same predictions as in Python, in files of three formats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recipes.cli.prediction_files import Guard
from recipes.samples import path
from tests.helpers.cli import run_command
from toolkit.data.table_pieces import open_table
from toolkit.runs.answers import answer_columns
from toolkit.runs.predictions import predict_pieces, with_threshold


@pytest.fixture(scope="module")
def saved(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    return {task: run.save(folder / f"{task}.keras") for task, run in runs.items()}


@pytest.mark.parametrize(("task", "name"), [("binary", "breast_cancer"), ("multilabel", "street_scenes")])
def test_pieces_give_the_bits_of_all_rows_at_once(runs, tmp_path, task, name):
    run = runs[task]
    rows = pd.concat([pd.read_csv(path(name), dtype=str)] * (20_000 // len(pd.read_csv(path(name))) + 1))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    expected = run.predict_proba(tmp_path / "rows.csv")
    for size in (1 << 16, 1 << 20):
        table = open_table(tmp_path / "rows.csv", run.target.form.reading, run.preprocessing.source_columns, size=size)
        pieces = pd.concat([piece.to_pandas() for piece in predict_pieces(run.result, table)])
        assert pieces.filter(like="probability_").to_numpy().tobytes() == expected.tobytes()
    assert pieces[run.target.columns].to_numpy().ravel().tolist() == run.predict(tmp_path / "rows.csv").ravel().tolist()


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_copies_and_intervals_in_each_format(runs, saved, capsys, tmp_path, ending):
    frame = pd.read_csv(path("diabetes"), dtype=str)
    frame.insert(0, "id", [f"{number:04}" for number in range(len(frame))])
    frame.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / f"out.{ending}"
    target = runs["regression"].target.columns[0]
    words = ["--copy", "id", "--copy", target, "--interval", 0.8]
    code, text, err = run_command(capsys, "predict", saved["regression"], tmp_path / "rows.csv", "-o", out, *words)
    assert (code, text, err) == (0, f"442 predictions: {out}\n", "")
    reader = {"csv": lambda file: pd.read_csv(file, dtype={"id": str}), "parquet": pd.read_parquet}.get(ending)
    written = reader(out) if reader else pd.DataFrame(json.loads(out.read_text()))
    assert list(written) == ["id", target, f"predicted_{target}", "low", "high"]
    assert written["id"].tolist() == frame["id"].tolist()
    features = frame.drop(columns=["id"])
    np.testing.assert_array_equal(written[f"predicted_{target}"], runs["regression"].predict(features))
    interval = runs["regression"].predict_interval(features, 0.8)
    np.testing.assert_array_equal(written[["low", "high"]], interval.to_numpy())


@pytest.mark.parametrize(("task", "name"), [("binary", "breast_cancer"), ("multilabel", "street_scenes")])
def test_a_threshold_is_a_probability(runs, saved, capsys, tmp_path, task, name):
    run_command(capsys, "predict", saved[task], path(name), "-o", tmp_path / "o.csv", "--threshold", 0.9, "--quiet")
    written = pd.read_csv(tmp_path / "o.csv")
    proba = runs[task].predict_proba(path(name))
    labels = written[runs[task].target.columns].to_numpy()
    if task == "binary":
        classes = runs[task].classes
        assert labels.ravel().tolist() == [classes[int(p >= 0.9)] for p in proba[:, 1]]
    else:
        assert (labels == (proba >= 0.9)).all()
    with pytest.raises(ValueError, match="it is for binary and multilabel runs"):
        with_threshold(runs["regression"].result, 0.5)


def test_what_can_not_be_done_is_said_and_files_that_are_read_stay(saved, capsys, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_bytes(Path(path("wine")).read_bytes())
    before = rows.read_bytes()
    os.link(rows, tmp_path / "same.csv")
    (tmp_path / "link.csv").symlink_to(rows)
    wine = saved["multiclass"]
    for words, message in [
        ([wine, rows, "-o", tmp_path / "same.csv"], "names a file that is read"),
        ([wine, rows, "-o", tmp_path / "link.csv"], "names a file that is read"),
        ([wine, tmp_path, "-o", rows], "names a file that is read"),
        ([wine, rows, "-o", tmp_path / "out.txt"], "ends in .csv, .parquet or .json"),
        ([wine, rows, "--copy", "alcohool"], "Did you mean 'alcohol'?"),
        ([wine, rows, "--interval", 0.9], "multiclass run has no intervals"),
        ([wine, rows, "--threshold", 0.5], "threshold"),
        ([saved["regression"], path("diabetes"), "--interval", 1.5], "coverage"),
        ([saved["binary"], path("breast_cancer"), "--threshold", 2], "is called positive, such as 0.3.\n"),
    ]:
        code, out, err = run_command(capsys, "predict", *words)
        assert (code, out) == (2, ""), err
        assert message in err
    assert rows.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.csv", "rows.csv", "same.csv"]


@pytest.mark.parametrize(
    ("task", "names", "expected"),
    [
        ("regression", ["low"], ["low", "low_low", "low_high"]),
        ("binary", ["probability_benign"], ["probability_benign", "probability_benign_", "probability_malignant"]),
    ],
)
def test_predictions_keep_their_column_where_the_target_is_named_like_another(runs, task, names, expected):
    result = runs[task].result
    renamed = replace(result, target=replace(result.target, columns=names))
    scores = np.linspace(-3, 3, 5, dtype=np.float32).reshape(-1, 1)
    columns = answer_columns(renamed, scores, 0.8 if task == "regression" else None)
    assert list(columns) == expected
    np.testing.assert_array_equal(columns[names[0]], np.ravel(result.target.decode(result.decide(scores))))


def test_a_file_that_comes_by_standard_input_is_not_replaced(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_bytes(Path(path("wine")).read_bytes())
    before = rows.read_bytes()
    command = [sys.executable, "-m", "recipes", "predict", "wine.keras", "-", "-o", rows]
    with rows.open("rb") as file:
        ended = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "names a file that is read" in ended.stderr
    assert rows.read_bytes() == before


def test_several_files_are_one_table(saved, capsys):
    _, once, _ = run_command(capsys, "predict", saved["multiclass"], path("wine"))
    code, twice, _ = run_command(capsys, "predict", saved["multiclass"], path("wine"), path("wine"))
    rows = once.splitlines()[1:]
    assert (code, twice.splitlines()[1:]) == (0, rows + rows)


def test_odd_cells_are_counted_once_over_all_rows(saved, capsys, tmp_path):
    frame = pd.read_csv(path("wine"), dtype=str)
    frame.loc[[3, 170], frame.columns[0]] = "soon"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, out, err = run_command(capsys, "predict", saved["multiclass"], tmp_path / "rows.csv")
    assert (code, out.count("\n")) == (0, 179)
    (line,) = [line for line in err.splitlines() if line.startswith("Warning:")]
    assert line.startswith("Warning: 2 cells")
    assert line.endswith("'soon' in row 4; 'soon' in row 171.")
    frame.loc[:90, frame.columns[0]] = "soon"
    frame.to_csv(tmp_path / "rows.csv", index=False)
    code, out, err = run_command(capsys, "predict", saved["multiclass"], tmp_path / "rows.csv")
    assert (code, out) == (2, "")
    assert "row 1 holds 'soon'" in err


def test_text_that_a_spreadsheet_would_run_is_guarded_in_csv_alone(saved, capsys, tmp_path):
    cells = ["=cmd|' /C calc'!A0", "+1+1", "-5", "+1.5e3", "@SUM(A1)", "-1.234,50", "- 3", "-2+3", "x=1", "01", ""]
    frame = pd.read_csv(path("wine"), dtype=str).head(len(cells)).assign(**{"=note": cells})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    words = ["predict", saved["multiclass"], tmp_path / "rows.csv", "--copy", "=note"]
    _, out, err = run_command(capsys, *words)
    first = [line.split(",")[0] for line in out.splitlines()]
    assert first[:3] == ["'=note", "'=cmd|' /C calc'!A0", "'+1+1"]
    assert "5 cells begin with '" in err
    assert "\n-5," in out
    assert "\n'-5" not in out
    run_command(capsys, *words, "-o", tmp_path / "o.json")
    assert [row["=note"] or "" for row in json.loads((tmp_path / "o.json").read_text())] == cells
    _, out, err = run_command(capsys, *words, "--no-guard")
    assert err == ""
    assert "\n=cmd" in out


def test_the_guard_knows_blanks_tabs_and_wide_signs():
    import pyarrow

    formulas = [" =1+1", "\t=1", "\rx", "\uff1d1+1", "\u00a0@x", "\nx", "-e5", "\v=1", "\u2003=1", "\ufeff=1"]
    plain = ["+49 170 1234", "-", "5%", "-5 %", "a\n=1", "-1e5"]
    guard = Guard()
    guarded = guard(pyarrow.table({"c": [*formulas, *plain]}))["c"].to_pylist()
    assert guarded == [f"'{cell}" for cell in formulas] + plain
    assert guard.count == len(formulas)
