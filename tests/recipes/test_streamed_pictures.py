"""Training on pictures that are decoded anew in each epoch: the same run as with all of them in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from recipes import images, multiclass
from tests.helpers.cli import run_command
from toolkit.common.errors import DataError
from toolkit.data.images.files import Form, read_pictures
from toolkit.data.pictures import Pictures

SIDE, COUNT = 32, 176  # 0.52 MiB
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 8, "filters": 2, "progress": False, "baselines": False}
STREAMED = {**QUICK, "memory": "1MiB"}


def save(folder: Path, count: int, seed: int = 0) -> Path:
    """Write dark and bright pictures into two folders."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        name = ("dark", "bright")[index % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 160, (SIDE, SIDE, 3)) + 60 * (index % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index:03}.png")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures, one of which has EXIF data of which Pillow warns whenever it is read."""
    folder = save(tmp_path_factory.mktemp("pictures") / "shades", COUNT)
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05\x01\x12\x00\x03"
    Image.new("RGB", (SIDE, SIDE)).save(folder / "dark" / "exif.jpg", exif=exif)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """A run on pictures that are decoded anew in each epoch, shared: nobody changes it."""
    return images.train(folder, **STREAMED)


def check_equal(first, second):
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.metrics == second.metrics
    pd.testing.assert_frame_equal(
        first.history.drop(columns="seconds"), second.history.drop(columns="seconds"), rtol=1e-6
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "shift": 2,
            "flip": True,
            "class_weight": "balanced",
            "callbacks": [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)],
            "epochs": 1,
        },
    ],
)
def test_weights_and_metrics_are_those_of_a_training_in_memory(folder, run, options):
    streamed = images.train(folder, **STREAMED | options) if options else run
    in_memory = images.train(folder, **QUICK | options)
    assert isinstance(streamed.dataset.features.pixels, Pictures)
    assert isinstance(in_memory.dataset.features.pixels, np.ndarray)
    check_equal(streamed, in_memory)


def test_dense_networks_compiled_with_xla_learn_as_well(folder):
    options = {name: value for name, value in QUICK.items() if name != "filters"}
    options |= {"build": "linear", "xla": True, "epochs": 4}
    streamed, in_memory = (images.train(folder, **options, **more) for more in ({"memory": "1MiB"}, {}))
    assert streamed.metrics["roc_auc"] == pytest.approx(in_memory.metrics["roc_auc"], abs=0.02)


def test_notes_settings_and_report_say_that_pictures_are_decoded_anew(run, tmp_path):
    assert run.settings["data"]["memory"] == "1 MiB"
    assert "in windows of 32 rows" in run.settings["training"]["loop"]
    assert "memory='1MiB'" in run.settings["call"]
    (note,) = (note for note in run.notes if "are not kept in memory" in note)
    assert note.startswith("177 pictures")
    assert "more than 1 MiB (memory=). They were all read once, and are decoded anew in each epoch." in note
    page = run.report(tmp_path / "run.html").read_text()
    assert "decoded anew in each epoch" in page


def test_pictures_that_fit_are_kept_in_memory_without_a_word(folder):
    kept = images.train(folder, **QUICK | {"epochs": 1}, memory="3MiB")
    assert isinstance(kept.dataset.features.pixels, np.ndarray)
    assert not any("memory" in note for note in kept.notes)
    assert "memory" not in kept.settings["data"]


def test_pictures_that_fit_once_are_kept_once_and_copied_in_windows(folder, run):
    kept = images.train(folder, **QUICK, memory="1.5MiB")
    pixels: Any = kept.dataset.features.pixels
    assert not pixels.in_files
    assert pixels.bytes_in_memory == len(pixels) * SIDE * SIDE * 3
    assert "in windows of 32 rows" in kept.settings["training"]["loop"]
    assert not any("memory" in note for note in kept.notes)
    check_equal(kept, run)


def test_a_training_that_ended_early_goes_on_to_the_same_weights(folder, run, tmp_path):
    how = {**STREAMED, "resume": tmp_path / "state"}
    early = images.train(folder, time_limit=1e-3, **how)
    assert len(early.history) == 1
    resumed = images.train(folder, **how)
    assert "resumed after epoch 1" in resumed.settings["training"]["resume"]
    check_equal(resumed, run)


def test_a_training_is_not_resumed_on_other_pictures(tmp_path):
    folder, how = save(tmp_path / "shades", COUNT), {**STREAMED, "resume": tmp_path / "state"}
    images.train(folder, time_limit=1e-3, **how)
    first = folder / "dark" / "000.png"
    first.write_bytes((save(tmp_path / "others", 2, seed=1) / "dark" / "000.png").read_bytes())
    with pytest.raises(DataError, match="rows differ"):
        images.train(folder, **how)


def test_a_picture_that_changes_during_the_training_ends_it(tmp_path):
    folder = save(tmp_path / "shades", COUNT)
    change = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: [path.unlink() for path in (folder / "dark").iterdir()]
    )
    with pytest.raises(DataError, match=r"dark/\d+\.png has changed since the pictures were first read"):
        images.train(folder, **STREAMED, callbacks=[change])


def test_parts_of_their_own_and_tables_of_file_names_are_streamed_too(folder, run, tmp_path):
    others = save(tmp_path / "others", 40, seed=1)
    one = {"epochs": 1, "validation": 0, "test": others}
    streamed, in_memory = (images.train(folder, **options | one) for options in (STREAMED, QUICK))
    check_equal(streamed, in_memory)
    assert streamed.notes[0].startswith("177 pictures are not kept in memory")  # those to test on fit
    paths = sorted(path.relative_to(folder.parent).as_posix() for path in folder.rglob("*.*"))
    shades = pd.DataFrame({"file": paths, "shade": [60.0 * ("bright" in path) for path in paths]})
    shades.to_csv(folder.parent / "shades.csv", index=False)
    regression = [
        images.train(folder.parent / "shades.csv", task="regression", **options | {"epochs": 1})
        for options in (STREAMED, QUICK)
    ]
    check_equal(*regression)


def test_new_pictures_are_predicted_evaluated_and_learned_from_as_in_memory(run, folder, tmp_path):
    preprocessing: Any = run.preprocessing
    form = Form(preprocessing.shape, preprocessing.dtype)
    pictures = read_pictures(folder, form, budget=0).pixels
    assert isinstance(pictures, Pictures)
    scores = run.result.raw_scores(preprocessing.transform(pictures))
    np.testing.assert_array_equal(scores, run.decision_function(folder))
    np.testing.assert_array_equal(run.predict_proba(pictures), run.predict_proba(np.asarray(pictures)))
    labels = [path.parent.name for path in sorted(folder.rglob("*.*"))]
    assert run.evaluate((pictures, labels)) == run.evaluate((np.asarray(pictures), labels)) == run.evaluate(folder)


def test_memory_is_refused_where_all_images_are_in_memory_anyway(folder):
    arrays = np.zeros((40, 8, 8)), np.arange(40) % 2
    with pytest.raises(DataError, match="memory= is for picture files"):
        images.train(arrays, memory="1MiB")
    with pytest.raises(DataError, match="memory= is for files"):
        multiclass.train(arrays, memory="1MiB")
    with pytest.raises(DataError, match="memory= is for train"):
        images.compare(folder, memory="1MiB")
    with pytest.raises(DataError, match="memory='much'"):
        images.train(folder, memory="much")


def test_the_command_line_takes_the_memory(capsys, folder, tmp_path):
    words = ("--epochs", "1", "--filters", "2", "--no-baselines", "--memory", "1MiB", "--save", tmp_path / "m.keras")
    code, out, _ = run_command(capsys, "images", folder, *words)
    assert code == 0
    assert "decoded anew in each epoch" in out
    code, out, _ = run_command(capsys, "predict", tmp_path / "m.keras", folder, "-o", tmp_path / "p.csv")
    assert code == 0
    assert len(pd.read_csv(tmp_path / "p.csv")) == COUNT + 1
