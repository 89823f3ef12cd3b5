"""The story of the digits, on few images and with one epoch."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from recipes.digits import story as digits
from tests.helpers.cli import run_command
from tests.helpers.idx import mnist
from tests.helpers.pages import Page, words
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def story():
    lines = []
    story = digits.tell(sizes=(100,), seeds=1, effort="quick", epochs=1, baselines=False, say=lines.append)
    assert lines[0] == "linear: 1,348 images"
    return story


def test_every_model_is_tested_on_the_same_digits(story):
    assert list(story.runs) == list(digits.MODELS) == ["linear", "25-15-10", "cnn"]
    tests = [run.dataset.target_frame.iloc[run.dataset.parts["test"], 0].tolist() for run in story.runs.values()]
    assert tests[0] == tests[1] == tests[2]
    assert len(tests[0]) == 449
    counts = np.bincount(tests[0])
    assert counts.max() - counts.min() <= 3  # stratified


def test_the_models_are_those_of_the_lecture(story):
    models = story.summary()["models"]
    assert models["linear"]["parameters"] == 64 * 10 + 10
    assert models["25-15-10"]["parameters"] == (64 * 25 + 25) + (25 * 15 + 15) + (15 * 10 + 10)


def test_each_report_has_the_call_that_repeats_the_story(story):
    expected = "digits.tell('digits', sizes=(100,), seeds=1, effort='quick', epochs=1, baselines=False)"
    assert {run.settings["call"] for run in story.runs.values()} == {expected}
    assert story.comparison.settings["call"] == expected
    assert story.comparison.settings["command"] is None  # it has no option for baselines


def test_the_heads_are_compared_on_the_convolutional_network(story):
    assert story.comparison.labels == ["softmax", "hinge"]
    assert {type(layer).__name__ for layer in story.comparison.trials["hinge", 0].result.model.layers} >= {"Conv2D"}


def test_the_curve_has_every_model_and_size(story):
    assert story.curve[["model", "rows"]].to_numpy().tolist() == [
        [model, size] for size in (100, 1348) for model in digits.MODELS
    ]
    largest = story.curve.query("rows == 1348").set_index("model")["accuracy"]
    assert largest.to_dict() == {name: run.metrics["accuracy"] for name, run in story.runs.items()}


def test_the_figure_shows_the_mean_and_the_range_of_the_seeds(story):
    second = story.curve.assign(seed=1, accuracy=story.curve["accuracy"] + 0.02)
    two_seeds = dataclasses.replace(story, curve=pd.concat([story.curve, second]))
    accuracy = story.curve.query("model == 'cnn' and rows == 1348")["accuracy"].item()
    point = next(p for p in two_seeds.summary()["curve"] if (p["model"], p["rows"]) == ("cnn", 1348))
    assert (point["accuracy"], point["low"], point["high"]) == pytest.approx(
        (accuracy + 0.01, accuracy, accuracy + 0.02)
    )
    lines = {line.get_label(): line for line in two_seeds.figure().axes[0].lines}
    assert lines["cnn"].get_xdata().tolist() == [100, 1348]
    assert lines["cnn"].get_ydata()[1] == pytest.approx(99 - 100 * accuracy)


def test_the_pages_link_to_each_other(story, tmp_path):
    index = story.report(tmp_path / "digits")
    assert index.name == "index.html"
    page = Page(index.read_text(encoding="utf-8"))
    links = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    assert links == ["linear.html", "25-15-10.html", "cnn.html", "heads.html"]
    for link in links:
        assert (index.parent / link).stat().st_size < 2_000_000
    summary = json.loads(index.with_suffix(".json").read_text(encoding="utf-8"))
    assert summary == json.loads(json.dumps(story.summary(), allow_nan=False))
    text = words(page.all("main")[0]["text"])
    assert "650" in text
    assert words(digits.percent(summary["models"]["cnn"]["accuracy"]["value"], 2)) in text
    assert not page.all("script")
    assert story.report(tmp_path / "again").read_bytes() == index.read_bytes()


@pytest.mark.parametrize(
    ("accuracy", "first"),
    [
        ([[0.8, 0.7], [0.8, 0.9], [0.8, 0.95]], 300),
        ([[0.8, 0.9], [0.9, 0.8], [0.8, 0.9]], 1000),
        ([[0.7, 0.8], [0.8, 0.9], [0.9, 0.95]], 100),
        ([[0.7, 0.8], [0.8, 0.9], [0.9, 0.8]], None),
    ],
)
def test_convolutions_are_best_from_the_size_on_from_which_they_stay_best(accuracy, first):
    rows = [
        {"model": model, "rows": size, "accuracy": value}
        for size, values in zip((100, 300, 1000), accuracy, strict=True)
        for model, value in zip(("linear", "cnn"), values, strict=True)
    ]
    assert digits.best_from(pd.DataFrame(rows)) == first


def test_the_digits_need_no_download():
    parts = digits.load()
    assert list(parts) == ["train"]
    pixels = parts["train"].pixels
    assert (pixels.shape, pixels.dtype, int(pixels.max())) == ((1797, 8, 8, 1), np.uint8, 16)


def test_mnist_is_found_below_the_working_directory(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    arrays = mnist(folder)
    monkeypatch.chdir(tmp_path)
    parts = digits.load("mnist")
    assert {part: image_set.name for part, image_set in parts.items()} == {"train": "MNIST", "test": "MNIST"}
    assert np.array_equal(parts["test"].pixels[..., 0], arrays["t10k"][0])
    assert np.array_equal(digits.load(folder)["train"].pixels[..., 0], arrays["train"][0])


def test_without_files_and_connection_the_error_names_the_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGITKIT_DATA", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens on this port
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(DataError, match="MNIST is not on this machine, and http"):
        digits.load("mnist")


def test_a_mistake_on_the_command_line_is_one_line(capsys, tmp_path):
    code, out, err = run_command(capsys, "digits", tmp_path / "nowhere")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no such file or folder" in err
    assert run_command(capsys, "digits", "--sizes", "few")[0] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": "softmax"}, "heads='softmax': expected two names or more"),
        ({"heads": ("softmax", "nonsense")}, "nonsense"),
        ({"sizes": (5,)}, "20 or more"),
        ({"sizes": 100}, "sizes=100: expected"),
        ({"sizes": ("100",)}, "expected numbers of training images"),
        ({"sizes": (10,)}, "20 or more"),
        ({"seeds": 0}, "seeds=0"),
        ({"seeds": True}, "seeds=True"),
        ({"build": "mlp"}, "build= can't be changed"),
        ({"target": "digit"}, "target= can't be changed"),
    ],
)
def test_unusable_options_are_refused_before_any_training(options, message):
    lines = []
    with pytest.raises(DataError, match=message):
        digits.tell(**options, say=lines.append)
    assert lines == []


def test_an_array_without_labels_is_refused():
    with pytest.raises(DataError, match="of type ndarray"):
        digits.load(np.zeros((3, 8, 8)))


def test_rows_without_a_label_are_left_out():
    labels = pd.Series([1.0, None, 0.0, 1.0, None, 0.0])
    assert sorted(digits.stratified_order(labels, 0)) == [0, 2, 3, 5]
