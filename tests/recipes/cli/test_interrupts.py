"""Ctrl-C on the command line, pressed while real commands run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import toolkit
from recipes.samples import path

# A process in the background ignores Ctrl-C unless it asks for it.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from recipes.cli import main; main()"
)


def _press(words, *patterns):
    """Run a command, press Ctrl-C at the first line that each pattern matches; return its exit code and output."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    ) as process:
        lines, left = [], list(patterns)
        for line in process.stdout or ():
            lines.append(line)
            if left and re.search(left[0], line):
                process.send_signal(signal.SIGINT)
                left.pop(0)
    text = "".join(lines)
    assert not left, text
    assert "Traceback" not in text
    return process.returncode, text


def test_an_interrupted_run_is_saved_beside_an_earlier_file(tmp_path):
    saved, report = tmp_path / "wine.keras", tmp_path / "wine.html"
    saved.write_text("earlier model")
    report.write_text("earlier page")
    words = ["multiclass", path("wine"), "--target", "grower", "--hidden", "4", "--epochs", 5000, "--patience", 5000]
    code, text = _press([*words, "--save", saved, "--report", report], "^epoch 5/")
    assert code == 130
    assert (saved.read_text(), report.read_text()) == ("earlier model", "earlier page")
    run = toolkit.load(tmp_path / "wine.partial.keras")
    assert run.stopped == f"interrupted by hand after epoch {len(run.history)} of 5000"
    assert 5 <= len(run.history) < 5000
    assert f"Warning: Training was {run.stopped}." in text
    assert run.notes[:2] == [
        f"Training was {run.stopped}: the network has the weights of epoch {run.best_epoch}.",
        "Interrupted by hand: these baselines were not fitted: linear, tree.",
    ]
    assert run.notes[0] in (tmp_path / "wine.partial.html").read_text()
    assert (
        f"Saved: {tmp_path / 'wine.partial.keras'} ({saved} is kept as it was, since this run was interrupted)" in text
    )
    assert f"Report: {tmp_path / 'wine.partial.html'} (" in text


def test_a_second_ctrl_c_ends_at_once_and_leaves_no_file(tmp_path):
    words = ["multiclass", path("wine"), "--target", "grower", "--hidden", "4", "--epochs", 5000, "--patience", 5000]
    code, text = _press([*words, "--save", tmp_path / "wine.keras"], "^epoch 1/", "^Interrupted: stopping")
    assert code == 130
    assert text.endswith("recipes: ended at once.\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_names_the_pages_that_were_written(tmp_path):
    (tmp_path / "earlier.html").write_text("")
    code, text = _press(["lessons", "--all", "--reports", tmp_path], "losses.html")
    assert code == 130
    assert f"recipes: interrupted; 1 page written.\n  {tmp_path / 'losses.html'}\n" in text
    assert sorted(file.name for file in Path(tmp_path).iterdir()) == ["earlier.html", "losses.html"]
