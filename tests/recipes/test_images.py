"""Images from folders and tables through the recipe, and the command line that says the same."""

from __future__ import annotations

import re
import shlex
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import toolkit
from recipes import images
from tests.helpers.cli import run_command
from tests.helpers.pages import Page, pixels_of
from toolkit.common.errors import DataError
from toolkit.report import render
from toolkit.report.summary import summarize

QUICK = {"epochs": 1, "baselines": False, "progress": False}


@pytest.fixture(scope="module")
def table(shapes):
    """The same pictures as rows of a CSV, with what is on each."""
    files = sorted(path.relative_to(shapes).as_posix() for path in shapes.rglob("*.png"))
    frame = pd.DataFrame({"picture": files})
    frame["round"] = [int(name.startswith("disc")) for name in files]
    frame["straight"] = 1 - frame["round"]
    frame["corners"] = [{"disc": 0.0, "square": 4.0, "cross": 12.0}[name.split("/")[0]] for name in files]
    path = shapes / "shapes.csv"
    frame.to_csv(path, index=False)
    yield path
    path.unlink()


def test_a_folder_becomes_a_run_that_says_where_it_came_from(image_run, shapes):
    assert image_run.metrics["accuracy"] > 0.6  # guessing: a third
    assert image_run.classes == ["cross", "disc", "square"]
    assert image_run.is_image
    assert next(iter(image_run.seconds)) == "files"
    call = f"images.train('{shapes}', epochs=4, learning_rate=0.003, progress=False)"
    assert image_run.settings["call"] == call
    assert image_run.settings["command"] == f"recipes images {shapes} --epochs 4 --learning-rate 0.003 --no-progress"


def test_pictures_are_predicted_by_path(image_run, shapes):
    paths = sorted(shapes.rglob("*.png"))
    together = image_run.predict(paths)
    assert together.shape == (150,)
    assert (together == [path.parent.name for path in paths]).mean() > 0.6
    assert image_run.predict(paths[7]).tolist() == [together[7]]
    assert image_run.predict(shapes / "square").tolist() == together[100:].tolist()
    with pytest.raises(DataError, match=r"broken\.jpg \(damaged\)"):
        image_run.predict(shapes / "disc")


def test_the_same_call_gives_the_same_weights_and_another_seed_others(shapes):
    first, again, other = (
        images.train(shapes, seed=seed, build="linear", **QUICK).model.get_weights()[0] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_table_serves_every_task(table):
    several = images.train(table, task="multilabel", target=["round", "straight"], build="linear", **QUICK)
    assert several.predict(table).shape == (150, 2)
    assert several.head.name == "logistic"
    number = images.train(table, task="regression", target="corners", build="linear", head="huber", **QUICK)
    assert number.predict(table).dtype == np.float64
    assert number.head.name == "huber"
    two = images.train(table, task="binary", target="round", build="mlp", hidden=(4,), **QUICK)
    assert set(two.predict(table)) <= {0, 1}
    assert two.evaluate(table)["accuracy"] == pytest.approx((two.predict(table) == pd.read_csv(table)["round"]).mean())
    words = f"recipes images {table} --task binary --target round --build mlp --hidden 4 --epochs 1 --no-baselines"
    assert sorted(two.settings["command"].split(" --")) == sorted(f"{words} --no-progress".split(" --"))


def test_parts_of_their_own_are_used(tmp_path):
    drawn = np.random.default_rng(0)
    others = drawn.integers(0, 255, (6, 8, 8)), ["dark", "light"] * 3
    for part, rows in (("train", 20), ("valid", 5), ("test", 7)):
        for name, shade in (("dark", 40), ("light", 200)):
            (tmp_path / part / name).mkdir(parents=True)
            for place in range(rows):
                pixels = drawn.integers(0, 40, (8, 8)) + shade
                Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / part / name / f"{place}.png")
    run = images.train(tmp_path, build="linear", **QUICK)
    assert {part: len(rows) for part, rows in run.dataset.parts.items()} == {"train": 40, "validation": 10, "test": 14}
    for part, rows in (("test", 14), ("validation", 10)):
        with pytest.raises(DataError, match=f"{part}=0.2: .* already has a {part} part with {rows} images"):
            images.train(tmp_path, build="linear", **{part: 0.2}, **QUICK)
    drawn = images.train(tmp_path / "train", test=0.2, build="linear", **QUICK)
    assert len(drawn.dataset.parts["test"]) == 8
    apart = images.train(tmp_path / "train", test=tmp_path / "test", build="linear", **QUICK)
    assert len(apart.dataset.parts["test"]) == 14
    other = images.train(tmp_path, test=others, build="linear", **QUICK)
    assert len(other.dataset.parts["test"]) == 6
    assert any(
        note.startswith("The test part of ") and "14 images, is not used" in note for note in other.dataset.notes
    )


def test_heads_are_compared_on_a_folder(shapes):
    apart = {"build": "linear", "size": 8, "learning_rate": 0.1}  # at which they disagree
    compared = images.compare(shapes, heads=("softmax", "hinge"), seeds=2, **apart, **QUICK)
    assert compared.labels == ["softmax", "hinge"]
    assert compared.settings["command"].startswith(f"recipes compare images {shapes} --heads softmax,hinge --seeds 2")
    assert "images.compare(" in compared.settings["call"]
    content = summarize(compared.result)
    table: Any = compared.datasets[0]
    shown = content["disagreement"]["shown"]
    assert shown["image"] == {"height": 8, "width": 8, "scale": 6}
    assert shown["rows"]
    for row in shown["rows"]:
        assert np.array_equal(pixels_of(row["picture"]), table.features.pixels[table.features.names.index(row["file"])])
    page = Page(render(content))
    assert [picture["src"] for picture in page.all("img")] == [row["picture"] for row in shown["rows"]]
    bare = Page(render(summarize(compared, rows=False)))
    assert not bare.all("img")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "multclass"}, "Did you mean 'multiclass'"),
        ({"head": "logistic"}, "logistic"),
        ({"size": 2}, "size=2"),
        ({"hiden": (4,)}, "hiden"),
        ({"task": "multilabel"}, "give a CSV"),
        ({"test": "nowhere"}, "no such file or folder"),
        ({"validation": 1.5}, "validation=1.5"),
        ({"scaling": "robust"}, "scaling"),
    ],
)
def test_a_mistake_is_an_error_that_says_what_to_do(shapes, options, message):
    with pytest.raises(DataError, match=message):
        images.train(shapes, **QUICK | options)


def test_options_are_looked_at_before_pictures_which_may_take_minutes():
    for call in (images.train, images.compare):
        with pytest.raises(DataError, match="option 'filtres' is not known"):
            call("a folder that is not there", filtres=4)


# The command line


def test_the_command_trains_as_the_function_does(shapes, capsys, tmp_path):
    saved, report = tmp_path / "shapes.keras", tmp_path / "shapes.html"
    words = ["--build", "mlp", "--hidden", "8,4", "--size", "8,6", "--seed", 3, "--epochs", 1, "--no-baselines"]
    code, out, err = run_command(capsys, "images", shapes, *words, "--no-progress", "--save", saved, "--report", report)
    assert (code, err) == (0, "")
    assert "accuracy" in out
    assert "  Notes:\n    1 file that can't be read was left out: disc/broken.jpg (damaged)." in out
    assert "data:image/png;base64" in report.read_text()
    run = images.train(shapes, build="mlp", hidden=(8, 4), size=(8, 6), seed=3, **QUICK)
    paths = sorted((shapes / "cross").iterdir())
    assert np.array_equal(toolkit.load(saved).decision_function(paths), run.decision_function(paths))
    again = shlex.split(run.settings["command"])
    assert again[:3] == ["recipes", "images", str(shapes)]
    assert run_command(capsys, *again[1:], "--save", tmp_path / "again.keras")[0] == 0
    assert np.array_equal(toolkit.load(tmp_path / "again.keras").decision_function(paths), run.decision_function(paths))


def test_a_folder_and_single_pictures_are_predicted_with_their_names(image_run, shapes, capsys, tmp_path):
    saved = image_run.save(tmp_path / "shapes.keras")
    code, out, err = run_command(capsys, "predict", saved, shapes, "-o", tmp_path / "out.csv")
    assert (code, out) == (0, f"150 predictions: {tmp_path / 'out.csv'}\n")
    assert "disc/broken.jpg (damaged)" in err
    written = pd.read_csv(tmp_path / "out.csv")
    assert written.columns.tolist() == ["file", "class", *(f"probability_{name}" for name in image_run.classes)]
    assert written["class"].tolist() == image_run.predict([shapes / name for name in written["file"]]).tolist()
    two = [shapes / "disc" / "001.png", shapes / "cross" / "000.png"]
    code, out, _ = run_command(capsys, "predict", saved, *two)
    assert [line.split(",")[0] for line in out.splitlines()] == ["file", *map(str, two)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["images", "nowhere"], "no such file or folder"),
        (["images", "{shapes}", "--target", "class"], "target='class' names a column"),
        (["images", "{shapes}", "--size", "big"], "expected numbers"),
        (["images", "{shapes}", "--build", "cnnn"], "Did you mean 'cnn'"),
        (["images", "{shapes}", "--save", "run.h5"], "must end in .keras"),
        (["compare", "images", "{shapes}", "--heads", "softmax"], "two different heads"),
        (["images", "{shapes}", "--group", "patient"], "option '--group' is not known"),
        (["images", "{shapes}", "--members", "2", "--epochs", "1"], "networks of cnn can't be trained side by side"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(shapes, capsys, arguments, message):
    code, out, err = run_command(capsys, *[word.format(shapes=shapes) for word in arguments])
    assert (code, out) == (2, "")
    assert err.startswith("recipes: ")
    assert err.count("\n") == 1
    assert message in err


def test_help_offers_what_images_have_and_says_of_which_network_it_is(capsys):
    code, out, _ = run_command(capsys, "images", "--help")
    offered = re.findall(r"^  --([\w-]+)", out, re.MULTILINE)
    assert (code, len(offered)) == (0, len(set(offered)))
    assert {"validation", "shift", "filters", "hidden", "members"} <= set(offered)
    assert not {"feature-scale", "group", "time", "drop", "scaling", "sample-weight"} & set(offered)
    words = " ".join(out.split())
    assert "With --build linear or mlp: How many networks" in words
    assert "With --build mlp: Neurons of each hidden layer" in words


def test_the_options_that_an_error_lists_are_those_of_images(shapes):
    with pytest.raises(DataError, match=r"option 'filtres' is not known\. Did you mean 'filters'"):
        images.train(shapes, filtres=4, **QUICK)
    with pytest.raises(DataError, match="option 'xyzzy' is not known") as caught:
        images.train(shapes, xyzzy=4, **QUICK)
    listed = str(caught.value).split("Known: ")[1].rstrip(".").split(", ")
    assert {"filters", "shift", "validation", "sample_weight", "class_weight"} <= set(listed)
    assert not {"hidden", "members", "scaling", "feature_scale", "group", "drop"} & set(listed)


def test_the_labels_of_a_test_table_are_matched_by_name(table):
    frame = pd.read_csv(table)[["picture", "straight", "round"]]
    known, other = table.parent / "known.csv", table.parent / "other.csv"
    frame[["picture", "round", "straight"]].to_csv(known, index=False)
    frame.to_csv(other, index=False)
    try:
        found, tested, _ = images._read(known, "multilabel", None, other, None, 8, {})
        assert list(found.target) == list(tested.target) == ["round", "straight"]
    finally:
        known.unlink()
        other.unlink()


def test_picture_files_do_not_test_a_network_of_fractions(table):
    known = (np.random.default_rng(0).random((30, 8, 8)), np.arange(30) % 2)
    with pytest.raises(DataError, match="picture files have 0 to 255"):
        images.train(known, test=table.parent, **QUICK)
