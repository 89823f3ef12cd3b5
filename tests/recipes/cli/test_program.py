"""The command line: the same runs, one line for a mistake."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import multiclass
from recipes.cli.output import show_run
from recipes.samples import path
from recipes.workflow import defaults
from tests.helpers.cli import run_command

QUICK = ["--effort", "quick", "--epochs", "3", "--no-progress", "--no-baselines"]


def test_a_task_command_trains_as_the_function_does(capsys, tmp_path):
    saved, report = tmp_path / "wine.keras", tmp_path / "wine.html"
    code, out, err = run_command(
        capsys, "multiclass", path("wine"), "--target", "grower", "--hidden", "8,4", "--activation", "tanh,relu",
        "--seed", 3, "--class-weight", "balanced", "--save", saved, "--report", report, *QUICK,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "accuracy" in out
    assert report.read_text().startswith("<!doctype html>")
    run = multiclass.train(
        path("wine"), target="grower", hidden=(8, 4), activation=("tanh", "relu"), seed=3, class_weight="balanced",
        epochs=3, progress=False, baselines=False,
    )  # fmt: skip
    assert np.array_equal(toolkit.load(saved).decision_function(path("wine")), run.decision_function(path("wine")))


def test_the_report_names_a_command_line_that_gives_the_same_run(capsys, tmp_path):
    run = multiclass.train(
        path("wine"), target="grower", hidden=(8,), epochs=3, drop=["hue"], progress=False, baselines=False, seed=5
    )
    saved = tmp_path / "again.keras"
    import shlex

    words = shlex.split(run.settings["command"])
    assert words[0] == "recipes"
    assert run_command(capsys, *words[1:], "--save", saved)[0] == 0
    assert np.array_equal(toolkit.load(saved).decision_function(path("wine")), run.decision_function(path("wine")))


def test_compare_prints_a_line_a_head_and_writes_the_report(capsys, tmp_path):
    report = tmp_path / "heads.html"
    code, out, err = run_command(
        capsys, "compare", "multiclass", path("wine"), "--target", "grower", "--heads", "softmax,hinge", "--seeds", 2,
        "--report", report, "--hidden", "4", "--epochs", 2, "--no-progress",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["softmax", "hinge"]
    assert "too few" in out.splitlines()[3], "two seeds are too few for a verdict"
    assert report.read_text().startswith("<!doctype html>")


def test_predict_writes_labels_and_probabilities(runs, capsys, tmp_path):
    saved = runs["multiclass"].save(tmp_path / "wine.keras")
    code, out, _ = run_command(capsys, "predict", saved, path("wine"), "-o", tmp_path / "out.csv")
    assert (code, out) == (0, f"178 predictions: {tmp_path / 'out.csv'}\n")
    written = pd.read_csv(tmp_path / "out.csv")
    assert written["grower"].tolist() == runs["multiclass"].predict(path("wine")).tolist()
    assert written.filter(like="probability_").sum(axis=1).to_numpy() == pytest.approx(np.ones(178))


def test_no_rows_are_predicted_as_no_rows(runs, capsys, tmp_path):
    saved = runs["multiclass"].save(tmp_path / "wine.keras")
    pd.read_csv(path("wine")).head(0).to_csv(tmp_path / "none.csv", index=False)
    code, out, err = run_command(capsys, "predict", saved, tmp_path / "none.csv")
    assert (code, err) == (0, "")
    assert out.startswith("grower,probability_")
    assert out.count("\n") == 1


def test_predict_prints_without_an_output(runs, capsys, tmp_path):
    saved = runs["regression"].save(tmp_path / "diabetes.keras")
    code, out, _ = run_command(capsys, "predict", saved, path("diabetes"))
    assert code == 0
    assert len(out.splitlines()) == 443


@pytest.mark.parametrize("words", [["binary"], ["compare", "binary", "--heads", "logistic,hinge", "--seeds", 1]])
def test_what_was_dropped_set_aside_and_suspected_is_printed_after_the_training(capsys, tmp_path, words):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    label = np.where(x + rng.normal(size=300) > 0, "yes", "no").astype(object)
    data = pd.DataFrame({"x": x, "copy": np.where(label == "yes", "Y", "N"), "y": label})
    data["note"] = [f"text {index}" for index in range(300)]
    data.loc[::10, "y"] = ""
    data.to_csv(tmp_path / "d.csv", index=False)
    code, out, _ = run_command(capsys, *words, tmp_path / "d.csv", "--target", "y", *QUICK)
    assert code == 0
    notes = [line.strip() for line in out.split("  Notes:\n")[1].splitlines()]
    assert notes[0].startswith("Suspected leak: 'copy'")
    assert notes[1].startswith("'note' is not used: a key")
    assert any("30 rows" in note for note in notes)


@pytest.mark.filterwarnings("default::FutureWarning")
def test_the_former_option_seeds_sets_the_members_and_says_so(capsys):
    words = "binary", path("breast_cancer"), "--target", "diagnosis", "--json", *QUICK
    code, out, err = run_command(capsys, *words, "--seeds", 2)
    assert code == 0
    assert json.loads(out)["task"] == "binary"
    assert err.startswith("Warning: seeds, the number of networks, is now called members.")
    code, _, err = run_command(capsys, *words, "--seeds", 2, "--members", 2)
    assert (code, err) == (2, "recipes: seeds is the former name of members: give members alone.\n")
    _, out, _ = run_command(capsys, "binary", "--help")
    assert "--members" in out
    assert "--seeds" not in out


def test_the_heading_names_the_positive_class(capsys):
    code, out, _ = run_command(capsys, "binary", path("breast_cancer"), "--target", "diagnosis", *QUICK)
    assert code == 0
    assert out.startswith("  test (positive class: 'malignant')")
    columns = {line.index(line.split()[-1]) for line in out.splitlines()[1:4]}
    assert len(columns) < 3


def test_the_probability_from_which_a_row_is_positive_is_shown(capsys):
    given = ["binary", path("breast_cancer"), "--target", "diagnosis", *QUICK]
    code, out, _ = run_command(capsys, *given, "--threshold", "0.25")
    assert code == 0
    assert "  The network calls a row 'malignant' from a probability of 0.25 on.\n" in out


def test_many_and_long_notes_are_cut_to_a_screen(capsys):
    run = SimpleNamespace(
        metrics={"accuracy": 1.0},
        positive=None,
        table=pd.DataFrame(),
        verdict=[],
        notes=["long " * 100, *map("note {}".format, range(20))],
    )
    show_run(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  Notes:"
    assert len(lines) == 2 + 15 + 1
    assert max(map(len, lines)) < 410
    assert lines[2].endswith("long ...")
    assert lines[-1].strip().startswith("The report (--report) has all 21 notes in full; in Python")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["multiclass", "nowhere.csv", "--target", "y"], "no such file"),
        (["multiclass", path("wine"), "--target", "growr"], "Did you mean 'grower'"),
        (["multiclass", path("wine"), "--target", "grower", "--hiden", "4"], "--hiden"),
        (["multiclass", path("wine"), "--target", "grower", "--hidden", "many"], "64,32"),
        (["multiclass", path("wine"), "--target", "grower", "--optimizer", "adm"], "Did you mean 'adam'"),
        (["info", "wine.keras", "--jsn"], "Did you mean '--json'?"),
        (["report", "wine.keras", "--opn"], "Did you mean '--open'?"),
        (["multiclass", path("wine")], "--target"),
        (["binary", path("wine"), "--target", "grower"], "multiclass"),
        (["regression", path("wine"), "--target", "grower"], "grower"),
        (["multiclass", path("wine"), "--target", "grower", "--save", "run.h5"], "must end in .keras"),
        (["multclass", path("wine")], "'multclass' is not a command"),
        (["multclass", path("wine")], "Did you mean 'multiclass'?"),
        (["compare", "binry", path("wine")], "Did you mean 'binary'?"),
        (["multiclass", path("wine"), "--target", "grower", "--test-size", "0.2"], "Use '--test'."),
        (["multiclass", path("wine"), "--target", "grower", "--efort", "quick"], "Did you mean '--effort'?"),
        (["multiclass", path("wine"), "--target", "grower", "--zzz"], "See recipes multiclass --help."),
        (["compare", "multiclass", path("wine"), "--target", "grower", "--loss", "hinge"], "Use '--heads'."),
        (["multiclass", path("wine"), "--target", "grower", "-x"], "See recipes multiclass --help."),
        (["multiclass", path("wine"), "--target", "grower", "--dropout", "a"], "such as 0.1,0.2"),
        (["images", path("wine"), "--lr", "0.1"], "Use '--learning-rate'."),
        (["predict", "a.keras", "b.csv", "--outptu", "c.csv"], "Did you mean '--output'?"),
        (["compare", "multiclass", path("wine"), "--target", "grower", "--heads", "softmax"], "two different heads"),
        (["binary", path("wine"), "--target", "grower", "--head", "hige"], "Did you mean 'hinge'"),
        (["predict", "no.keras", path("wine")], "no such file"),
        (["predict", path("wine"), path("wine"), "-o", path("wine")], "names a file that is read"),
        (["predict", "no.keras", path("wine"), "-o", "/proc/nope/out.csv"], "/proc/nope/out.csv can't be written"),
        (["multiclass", "nowhere.csv", "--target", "grower", "--report", "run.pdf"], "ends in .html"),
        (["multiclass", "nowhere.csv", "--target", "grower", "--save", "/proc/nope/r.keras"], "can't be written"),
        (["demo", "--reports", "/proc/nope"], "can't be written"),
        (["multiclass", path("wine"), "--target", "grower", "--open"], "give --report PAGE too"),
        (["evaluate", "no.keras", path("wine")], "no such file"),
        (["report", "no.keras", "-o", "page.pdf"], "ends in .html"),
        (["report", "no.keras"], "--output"),
        (["info", path("wine")], "wine.csv"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, arguments, message):
    code, out, err = run_command(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("recipes: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("arguments", [[], ["compare"]])
def test_a_group_without_a_command_answers_with_its_help(capsys, arguments):
    code, out, err = run_command(capsys, *arguments)
    assert (code, out, err) in [(2, "", err), (0, out, "")]  # click 8.1 prints it as an answer
    assert (out or err).startswith("Usage: recipes")
    assert "multilabel" in (out or err)


@pytest.mark.parametrize(
    ("arguments", "seconds", "text"),
    [(["--version"], 1, "recipes, version"), (["--help"], 1, "multilabel"), (["binary", "--help"], 3, "--max-norm")],
)
def test_help_comes_quickly(arguments, seconds, text):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "recipes", *arguments], capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - start)
        assert text in done.stdout
    assert min(times) < seconds


def test_the_help_of_images_has_the_defaults_of_images(capsys):
    images, table = (" ".join(run_command(capsys, name, "--help")[1].split()) for name in ("images", "binary"))
    assert "Passes over the training images. By default 16 for 51,000 images" in images
    assert defaults.image_epochs(51_000) == 16
    assert "By default 32 up to 2,000 images, 64 up to 20,000, then 128." in images
    assert "Passes over the training rows. By default 64" in table
    assert "images" not in table[table.index("--epochs") : table.index("--optimizer")]


def test_the_demo_ends_with_the_paths_of_four_reports(capsys, tmp_path):
    code, out, _ = run_command(capsys, "demo", "--effort", "quick", "--reports", tmp_path)
    assert code == 0
    paths = [line.strip() for line in out.splitlines()[-4:]]
    assert paths == [str(tmp_path / f"{name}.html") for name in ("diabetes", "breast_cancer", "wine", "street_scenes")]
    assert all((tmp_path / file).stat().st_size < 1_000_000 for file in paths)


def test_options_of_reading_and_standard_input(capsys, tmp_path, monkeypatch):
    rows = "".join(f"{i % 9},{i % 9 * 7 % 5},{'yes' if i % 9 > 4 else 'no'}\n" for i in range(60))
    text, saved = f"a,b,y\n{rows}", tmp_path / "run.keras"
    strange = tmp_path / "strange.csv"
    strange.write_bytes(("note\n" + text.replace(",", "^").replace("yes", "sí")).encode("cp1252"))
    code, _, err = run_command(
        capsys, "binary", strange, "--target", "y", "--sep", "^", "--header", 1, "--encoding", "cp1252", "--na-values",
        "8", "--save", saved, *QUICK,
    )  # fmt: skip
    assert (code, err) == (0, "")
    run = toolkit.load(saved)
    assert run.classes == ["no", "sí"]
    assert run.settings["data"]["sep"] == "^"
    assert "--sep '^' --header 1 --encoding cp1252 --na-values 8" in run.settings["command"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run_command(capsys, "predict", saved, "-")[1].splitlines()[0].startswith("y,probability_no,")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run_command(capsys, "binary", "-", "--target", "y", *QUICK)[0] == 0
    code, _, err = run_command(capsys, "binary", strange, "--target", "y", "--decimal", "x", *QUICK)
    assert code == 2
    assert "decimal" in err
