"""Images by path: tables of file names, archives, and pictures to predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.idx import mnist
from tests.helpers.picture_files import save_animals, save_picture
from toolkit.common.errors import DataError
from toolkit.data.images.files import (
    Form,
    is_image_source,
    read_images,
    read_pictures,
)
from toolkit.data.images.stack import ImageSet


@pytest.fixture
def animals(tmp_path):
    return save_animals(tmp_path / "animals")


# A table


@pytest.fixture
def table(animals):
    frame = pd.DataFrame(
        {
            "id": range(4),
            "file": ["cat/0.png", "cat/1.png", "dog/large/rex.png", "bird/0.PNG"],
            "legs": [4, 4, 4, 2],
            "wings": [0, 0, 0, 1],
        }
    )
    frame.to_csv(animals / "animals.csv", index=False)
    return animals / "animals.csv"


def test_a_table_names_files_relative_to_itself(table, monkeypatch):
    monkeypatch.chdir("/")
    images = read_images(table, task="regression", target="legs")["train"]
    assert images.pixels[:, 0, 0, 0].tolist() == [0, 10, 20, 30]
    assert images.target["legs"].tolist() == [4, 4, 4, 2]
    assert images.names[2] == "dog/large/rex.png"
    assert images.notes[0] == "File names are in the column 'file'."
    assert images.notes[-1] == "Columns of animals.csv that are not used: id, wings."


def test_several_targets_are_several_columns(table):
    images = read_images(table, task="multilabel", target=["wings", "legs"])["train"]
    assert list(images.target) == ["wings", "legs"]
    assert list(read_images(table, task="multilabel")["train"].target) == ["id", "legs", "wings"]


def test_the_only_other_column_is_the_target(table):
    pd.read_csv(table)[["wings", "file"]].to_csv(table, index=False)
    assert list(read_images(table, task="binary")["train"].target) == ["wings"]


def test_files_that_are_missing_from_a_row_or_from_the_disk_are_left_out(table):
    frame = pd.read_csv(table)
    frame.loc[0, "file"] = None
    frame.loc[1, "file"] = "cat/gone.png"
    frame.loc[3, "file"] = "bird\\0.PNG"
    frame.to_csv(table, index=False)
    images = read_images(table, target="legs")["train"]
    assert images.target["legs"].tolist() == [4, 2]
    assert images.pixels[:, 0, 0, 0].tolist() == [20, 30]
    notes = " ".join(images.notes)
    assert "left out: cat/gone.png (there is no such file)." in notes
    assert "1 row without a file name left out." in notes


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {}, "target= is needed: .* \\(columns: id, legs, wings\\)"),
        ({}, {"target": "leg"}, "Did you mean 'legs'"),
        ({}, {"target": "file"}, "is the column of file names"),
        ({}, {"target": ["legs", "legs"]}, "twice"),
        ({}, {"target": "legs", "files": "fil"}, "Did you mean 'file'"),
        ({"file": [1, 2, 3, 4]}, {"target": "legs"}, "no column of animals.csv holds file names"),
        (
            {"more": ["a.png"] * 4},
            {"target": "legs"},
            "2 columns of file names \\(file, more\\): choose one with files=",
        ),
        ({"file": ["rex.png"] * 4}, {"target": "legs"}, "There is a dog/large/rex.png: write the names like this"),
    ],
)
def test_a_table_that_can_not_be_used_says_why(table, change, options, message):
    pd.read_csv(table).assign(**change).to_csv(table, index=False)
    with pytest.raises(DataError, match=message):
        read_images(table, **options)


# Arrays


def test_the_files_of_mnist_are_its_two_parts(tmp_path):
    arrays = mnist(tmp_path)
    parts = read_images(tmp_path)
    assert list(parts) == ["train", "test"]
    assert np.array_equal(parts["train"].pixels[..., 0], arrays["train"][0])
    assert parts["test"].target["label"].tolist() == arrays["t10k"][1].tolist()
    assert parts["train"].names == []


def test_an_npz_file_keeps_its_parts_and_is_resized_on_request(tmp_path):
    x = np.full((4, 28, 28), 9, np.uint8)
    np.savez(tmp_path / "some.npz", x_train=x, y_train=np.array([[0], [1], [0], [1]]), x_test=x[:2], y_test=[0, 1])
    parts = read_images(tmp_path / "some.npz", size=14)
    assert {name: images.pixels.shape for name, images in parts.items()} == {
        "train": (4, 14, 14, 1),
        "test": (2, 14, 14, 1),
    }
    assert (parts["train"].pixels == 9).all()
    assert parts["train"].target["label"].tolist() == [0, 1, 0, 1]
    assert parts["train"].notes == ["The images were resized from 28 × 28 to 14 × 14 pixels, as asked."]


def test_arrays_and_image_sets_need_no_reading():
    pair = np.zeros((3, 8, 8)), pd.Series(["a", "b", "a"], name="kind")
    images = read_images(pair)["train"]
    assert images.target["kind"].tolist() == ["a", "b", "a"]
    assert read_images(images)["train"] is images
    assert isinstance(images, ImageSet)


@pytest.mark.parametrize("source", [None, 3, ("a", "b", "c"), np.zeros((3, 8, 8))])
def test_a_source_without_images_is_refused(source):
    with pytest.raises(DataError, match="images are of type"):
        read_images(source)


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    (tmp_path / "animals").mkdir()
    with pytest.raises(DataError, match="Did you mean 'animals'"):
        read_images(tmp_path / "animal")
    (tmp_path / "film.mp4").write_bytes(b"")
    with pytest.raises(DataError, match=r"film\.mp4: expected a folder"):
        read_images(tmp_path / "film.mp4")


# To predict


FORM = Form((4, 4, 1), "uint8")


def test_pictures_to_predict_get_the_form_of_the_training_images(animals):
    save_picture(animals / "cat" / "2.jpg", (255, 0, 0), (50, 50), "RGB")
    images = read_pictures(animals, FORM)
    assert images.pixels.shape == (5, 4, 4, 1)
    assert images.names == ["bird/0.PNG", "cat/0.png", "cat/1.png", "cat/2.jpg", "dog/large/rex.png"]
    assert images.pixels[3, 0, 0, 0] == pytest.approx(76, abs=2)  # red is 29.9 % bright
    assert images.target.shape == (5, 0)
    assert read_pictures(animals, Form((4, 4, 3), "float32")).pixels.dtype == np.float32


def test_one_picture_and_a_list_keep_their_order(animals, table):
    listed = [animals / "dog/large/rex.png", str(animals / "cat/1.png")]
    assert read_pictures(listed, FORM).pixels[:, 0, 0, 0].tolist() == [20, 10]
    assert read_pictures(listed[0], FORM).names == ["rex.png"]
    assert read_pictures(table, FORM).pixels[:, 0, 0, 0].tolist() == [0, 10, 20, 30]


def test_a_damaged_picture_to_predict_is_an_error_if_strict(animals):
    for index in range(3, 200):
        save_picture(animals / "cat" / f"{index}.png", 5)
    (animals / "cat" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cat/0\.png \(empty\)"):
        read_pictures(animals, FORM)
    images = read_pictures(animals, FORM, strict=False)
    assert "cat/0.png" not in images.names
    assert len(images) == 200


def test_arrays_in_files_are_resized_to_predict(tmp_path):
    mnist(tmp_path)
    np.savez(tmp_path / "some.npz", x=np.full((2, 8, 8), 3.0), y=[0, 1])
    assert read_pictures(tmp_path / "t10k-images-idx3-ubyte.gz", FORM).pixels.shape == (6, 4, 4, 1)
    assert (read_pictures(tmp_path / "some.npz", FORM).pixels == 3).all()
    np.savez(tmp_path / "new.npz", x_test=np.full((2, 8, 8), 5.0))
    assert (read_pictures(tmp_path / "new.npz", FORM).pixels == 5).all()


def test_nothing_to_predict_is_refused(tmp_path):
    for source, message in ((tmp_path, "has no pictures"), ([], "images are of type"), ([3], "images are of type")):
        with pytest.raises(DataError, match=message):
            read_pictures(source, FORM)


def test_sources_of_pictures_are_distinguished_from_tables(tmp_path):
    assert is_image_source(tmp_path)
    assert is_image_source(Path("a.npz"))
    assert not is_image_source([])
    assert not is_image_source(pd.DataFrame())
    assert not is_image_source("wine.parquet")
