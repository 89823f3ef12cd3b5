"""Training on tables that are read anew in each epoch, because they would take more memory than they may."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import binary, multiclass, multilabel, regression
from tests.helpers.cli import run_command
from toolkit import DataError

ROWS = 14_000
OPTIONS = {
    "hidden": (8,),
    "epochs": 3,
    "learning_rate": 0.01,
    "batch_size": 128,
    "xla": False,
    "baselines": False,
    "progress": False,
}
STREAMED = {**OPTIONS, "memory": "1MiB"}


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{number}": rng.normal(size=rows).round(3) for number in range(3)})
    frame["city"] = rng.choice(["Bern", "Oslo", "Lyon"], rows)
    score = frame["x0"] + frame["x1"] * (frame["city"] == "Oslo") + rng.normal(size=rows) / 2
    frame["y"] = np.where(score > 0.5, "yes", "no")
    frame["price"] = (100 + 10 * score).round(2)
    frame["kind"] = np.digitize(score, [-0.7, 0.7])
    frame["hot"], frame["wet"] = (score > 0).astype(int), (score + rng.normal(size=rows) > 1).astype(int)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("events")
    frame = table()
    for number in range(2):
        frame[number::2].to_parquet(path / f"part-{number}.parquet", index=False, row_group_size=1_000)
    return path


@pytest.fixture(scope="module")
def run(folder):
    options = STREAMED | {"baselines": True}
    return binary.train(f"{folder}/*.parquet", target="y", drop=["price", "kind", "hot", "wet"], **options)


TASKS = [
    (regression, "price", "rmse", 0.9),
    (binary, "y", "roc_auc", 0.02),
    (multiclass, "kind", "accuracy", 0.03),
    (multilabel, ["hot", "wet"], "roc_auc", 0.02),
]


@pytest.mark.parametrize(("recipe", "target", "metric", "spread"), TASKS)
def test_metrics_are_those_of_a_training_in_memory(folder, run, recipe, target, metric, spread):
    drop = [name for name in ("y", "price", "kind", "hot", "wet") if name not in target]
    options: dict[str, Any] = {"target": target, "drop": drop}
    streamed = run if recipe is binary else recipe.train(folder, **options, **STREAMED)
    in_memory = recipe.train(folder, **options, **OPTIONS)
    assert streamed.dataset.stream is not None
    assert in_memory.dataset.stream is None
    assert streamed.metrics[metric] == pytest.approx(in_memory.metrics[metric], abs=spread)


def test_the_same_call_gives_the_same_weights(folder, run):
    again = binary.train(folder, target="y", drop=["price", "kind", "hot", "wet"], **STREAMED)
    for first, second in zip(run.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert again.metrics == run.metrics
    assert again.settings["training"] == run.settings["training"]
    assert 0 < again.seconds["waiting_for_rows"] < again.seconds["train"]


def test_the_settings_and_the_notes_say_what_was_sampled(run):
    assert run.settings["data"]["memory"] == "1 MiB"
    assert list(run.baselines) == ["dummy", "linear", "tree"]
    assert "in windows of 16,384 rows" in run.settings["training"]["loop"]
    assert "memory='1MiB'" in run.settings["call"]
    train = run.dataset.part_sizes["train"]
    (note,) = (note for note in run.notes if "was not read into memory at once" in note)
    assert f"The network learned from all {train:,} training rows" in note
    assert "of a random sample of" in note
    assert f"train {train:,} (" in run.dataset.split_reason


def test_a_streamed_run_is_saved_reported_and_predicts_like_any_other(run, folder, tmp_path):
    rows = table(50, seed=9)
    expected = run.predict_proba(rows)
    loaded = toolkit.load(run.save(tmp_path / "run.keras"))
    pd.testing.assert_frame_equal(loaded.predict_proba(rows), expected)
    assert loaded.notes == run.notes
    page = run.report(tmp_path / "run.html").read_text()
    assert f"{ROWS:,}" in page
    assert "of a random sample of" in page
    sample, learned = loaded.summary()["data"]["sample"], ROWS - run.dataset.part_sizes["test"]
    assert f"below are those of a random sample of {sample:,} rows" in page
    rows = sample - len(run.dataset.parts["test"])
    assert f"The baselines learn from a random sample of {rows:,} of the {learned:,} training" in run.verdict[-1]
    scores = run.evaluate(f"{folder}/part-1.parquet")
    assert scores["roc_auc"] == pytest.approx(run.metrics["roc_auc"], abs=0.02)


def test_several_settings_are_weighed_on_the_validation_rows(folder):
    options = {"epochs": 1, "batch_size": 1_024, "xla": False, "memory": "1MiB", "progress": False, "baselines": False}
    default = binary.train(folder, target="y", drop=["price", "kind", "hot", "wet"], **options)
    assert default.settings["members"] in (2, 4)
    assert default.settings["training"]["folds"] is None
    pack: Any = default.result.pack
    assert pack["networks"].tolist() == [2, 2]
    assert any(note.startswith("2 networks with each of 2 settings were trained, where") for note in default.notes)


def test_a_training_that_ended_early_goes_on_to_the_same_weights(folder, run, tmp_path):
    how = {**STREAMED, "drop": ["price", "kind", "hot", "wet"], "resume": tmp_path / "state"}
    early = binary.train(f"{folder}/*.parquet", target="y", time_limit=1e-3, **how)
    assert len(early.history) == 1
    resumed = binary.train(f"{folder}/*.parquet", target="y", **how)
    assert "resumed after epoch 1" in resumed.settings["training"]["resume"]
    for first, second in zip(run.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_command_line_trains_and_shows_and_removes_the_converted_table(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    table().drop(columns=["price", "kind", "hot", "wet"]).to_csv(tmp_path / "t.csv", index=False)
    words = (
        "--target",
        "y",
        "--hidden",
        "8",
        "--epochs",
        "1",
        "--no-baselines",
        "--memory",
        "1MiB",
        "--save",
        tmp_path / "m.keras",
    )
    code, out, _ = run_command(capsys, "binary", tmp_path / "t.csv", *words)
    assert code == 0
    assert "t.csv was converted to " in out
    code, out, _ = run_command(capsys, "predict", tmp_path / "m.keras", tmp_path / "t.csv", "-o", tmp_path / "p.csv")
    assert code == 0
    assert len(pd.read_csv(tmp_path / "p.csv")) == ROWS
    assert "1 table, " in run_command(capsys, "cache")[1]
    assert str(tmp_path / "t.csv") in run_command(capsys, "cache")[1]
    assert " freed." in run_command(capsys, "cache", "clear")[1]
    assert "0 tables, 0 bytes" in run_command(capsys, "cache")[1]


def without(frame, name):
    return frame.drop(columns=name)


@pytest.mark.parametrize(
    ("second", "options", "message"),
    [
        (lambda frame: without(frame, "x1"), {}, "b.parquet has other columns than a.parquet: it lacks x1"),
        (lambda frame: without(frame, "y"), {}, "b.parquet has other columns than a.parquet: it lacks y"),
        (lambda frame: frame.assign(x1=np.inf), {}, "x1.*infinite"),
        (lambda frame: frame, {"target": "z"}, "target 'z' is not a column"),
        (lambda frame: frame, {"group": ["city", "x0"]}, "group= names several columns"),
        (lambda frame: frame, {"test": "other.parquet"}, "test= names rows of their own"),
        (lambda frame: frame, {"sample_weight": np.ones(3)}, "sample_weight= is an array"),
        (lambda frame: frame, {"time": "city"}, "time= names 'city', which holds neither dates nor numbers"),
        (lambda frame: frame, {"keep": "x9"}, "keep= names 'x9', which is not a column"),
        (lambda frame: frame.assign(y="no"), {"only": True}, "only one class|one class"),
        (lambda frame: frame.assign(y=None), {"only": True}, "lacks target 'y'"),
    ],
)
def test_what_is_wrong_with_the_data_is_said_before_the_training(tmp_path, second, options, message):
    frame = table()[["x0", "x1", "x2", "city", "y"]]
    options = dict(options)
    first = second(frame) if options.pop("only", False) else frame
    first.to_parquet(tmp_path / "a.parquet", index=False)
    second(frame).to_parquet(tmp_path / "b.parquet", index=False)
    with pytest.raises(DataError, match=message):
        binary.train(tmp_path, **{"target": "y", **STREAMED, **options})


def test_a_column_that_is_missing_in_a_file_or_everywhere_is_no_obstacle(tmp_path):
    frame = table()[["x0", "x1", "x2", "city", "y"]].assign(nothing=np.nan)
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    frame.assign(x1=np.nan, city=None).to_parquet(tmp_path / "b.parquet", index=False)
    trained: Any = binary.train(tmp_path, target="y", **STREAMED | {"epochs": 1})
    assert trained.dataset.set_aside == {"nothing": "every cell is missing"}
    assert {"x1 is missing", "city is missing"} <= set(trained.preprocessing.names)


def test_a_damaged_row_group_is_named(tmp_path):
    table().to_parquet(tmp_path / "a.parquet", index=False, row_group_size=2_000, compression="none")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\xff" * 20_000
    (tmp_path / "a.parquet").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"a\.parquet can't be read in row group \d"):
        binary.train(tmp_path / "a.parquet", target="y", **STREAMED)


def test_whether_rows_are_streamed_depends_on_the_inputs_of_the_network(tmp_path):
    table()[["x0", "x1", "y"]].to_parquet(tmp_path / "a.parquet", index=False)  # 14,000 x 3 cells of 48 or 432 bytes
    options = {**OPTIONS, "epochs": 1, "memory": "4MiB"}
    few, many = (binary.train(tmp_path, target="y", pieces=pieces, **options) for pieces in (0, 32))
    assert few.dataset.stream is None
    assert many.dataset.stream is not None


def test_messages_number_the_rows_of_the_table(tmp_path):
    frame = table()[["x0", "x1", "price"]]
    for column, message in (("price", "not a finite number in row 13001"), ("x1", r"infinite values \(row 13001\)")):
        frame.assign(**{column: frame[column].where(frame.index != 13_000, np.inf)}).to_parquet(tmp_path / "a.parquet")
        with pytest.raises(DataError, match=message):
            regression.train(tmp_path / "a.parquet", target="price", **STREAMED)


def test_a_class_of_few_rows_is_learned_or_named(tmp_path):
    frame = table()[["x0", "x1", "x2", "kind"]]
    frame["kind"] = frame["kind"].astype(str)
    frame.loc[[5, 5_000, 9_000, 13_000], "kind"] = "rare"
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    trained = multiclass.train(tmp_path / "a.parquet", target="kind", **STREAMED | {"epochs": 1})
    assert trained.target.classes == ["0", "1", "2", "rare"]


def test_comparisons_say_that_they_need_all_rows_in_memory(folder):
    with pytest.raises(DataError, match="memory= is for train"):
        binary.compare(folder, target="y", memory="1MiB")
    with pytest.raises(DataError, match="memory= is for train"):
        binary.cross_validate(folder, target="y", memory="1MiB")
