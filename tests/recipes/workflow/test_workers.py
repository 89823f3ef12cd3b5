"""Two workers in processes of their own, connected over the loopback interface."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

import toolkit
from recipes import binary, images
from recipes.workflow.distributed import train_locally
from tests.helpers.killed_workers import call_of, digest, kill_one, write_table
from toolkit import DataError
from toolkit.distributed.local import environments, run_workers


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("table"))


def test_a_training_whose_worker_was_killed_goes_on_to_the_same_weights(table, tmp_path):
    whole = train_locally(call_of(table, resume=str(tmp_path / "whole")), 2)
    assert whole.settings["data"]["workers"] == 2
    assert any("each of 2 workers read a part of it" in note for note in whole.notes)
    call = call_of(table, resume=str(tmp_path / "killed"))
    with pytest.raises(DataError, match=r"^worker 1 of 2 was ended by SIGKILL.*with resume= it goes on"):
        kill_one(call, tmp_path / "killed", victim=1, wait=0.05)
    resumed = train_locally(call, 2)
    assert "resumed after epoch" in resumed.settings["training"]["resume"]
    assert digest(resumed) == digest(whole)
    assert resumed.metrics == whole.metrics


def test_the_processes_that_tf_config_names_train_together_and_the_first_one_writes(table, tmp_path):
    command = [sys.executable, "-m", "recipes", "binary", str(table), "--target", "y", "--hidden", "8"]
    command += ["--epochs", "2", "--no-baselines", "--batch-size", "64", "--save", "run.keras", "--report", "run.html"]
    processes = []
    for rank, entries in enumerate(environments(2)):
        (tmp_path / str(rank)).mkdir()
        environment = {**os.environ, **entries, "PYTHONPATH": os.getcwd()}
        how = {"cwd": tmp_path / str(rank), "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, text=True, **how))
    printed = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert "accuracy" in printed[0][0]
    assert printed[1][0] == ""
    assert "epoch" not in printed[1][1]
    run = toolkit.load(tmp_path / "0" / "run.keras")
    assert run.settings["data"]["workers"] == 2
    assert (tmp_path / "0" / "run.html").exists()
    assert list((tmp_path / "1").iterdir()) == []


def test_a_failed_worker_ends_the_others_and_is_named(tmp_path):
    program = "import json, os, sys, time; rank = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
    program += "print('no disk'); sys.exit(3) if rank == 1 else time.sleep(60)"
    with pytest.raises(DataError, match=r"worker 1 of 2 failed with exit status 3[\s\S]*no disk"):
        run_workers([sys.executable, "-c", program], 2, tmp_path)


def test_data_that_cannot_be_read_in_parts_is_refused():
    frame = pd.DataFrame({"x": range(50), "y": [0, 1] * 25})
    with pytest.raises(DataError, match="workers= is for Parquet and text files"):
        binary.train(frame, target="y", workers=2)
    with pytest.raises(DataError, match="workers"):
        images.train("photos", workers=2)


def test_a_function_of_a_script_is_refused_since_other_processes_cannot_import_it(table):
    def build(inputs, units):
        raise NotImplementedError

    with pytest.raises(DataError, match="workers= can't pass on"):
        binary.train(table, target="y", workers=2, build=build)


def test_a_number_of_workers_other_than_that_of_tf_config_is_refused(table, monkeypatch):
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(DataError, match="workers=3, and TF_CONFIG names 2"):
        binary.train(table, target="y", workers=3)


def test_what_one_process_does_is_refused_in_several_that_would_all_do_it(table, monkeypatch, tmp_path):
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(DataError, match="images are trained in one process, and TF_CONFIG names 2 workers"):
        images.train(tmp_path)
    for recipe in (binary.compare, binary.cross_validate):
        with pytest.raises(DataError, match=r"in one process, and TF_CONFIG names 2 workers.*unset TF_CONFIG"):
            recipe(table, target="y")
