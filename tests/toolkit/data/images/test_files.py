"""Images from folders, tables and archives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.idx import mnist
from toolkit.common.errors import DataError
from toolkit.data.images.files import (
    Form,
    is_image_source,
    read_images,
    read_pictures,
)
from toolkit.data.images.stack import ImageSet


def save(path, shade=0, size=(6, 5), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, shade).save(path)


@pytest.fixture
def animals(tmp_path):
    """Two cats, a dog in a folder of its own below, and a bird."""
    folder = tmp_path / "animals"
    for place, name in enumerate(["cat/0.png", "cat/1.png", "dog/large/rex.png", "bird/0.PNG"]):
        save(folder / name, 10 * place)
    return folder


def test_a_sub_folder_is_a_class(animals):
    parts = read_images(animals)
    images = parts["train"]
    assert list(parts) == ["train"]
    assert images.target["class"].tolist() == ["bird", "cat", "cat", "dog"]
    assert images.names == ["bird/0.PNG", "cat/0.png", "cat/1.png", "dog/large/rex.png"]
    assert images.pixels[:, 0, 0, 0].tolist() == [30, 0, 10, 20]
    assert (images.pixels.shape, images.name) == ((4, 5, 6, 1), "animals")
    assert images.notes == ["Pictures in folders below those of the classes count to their class."]


def test_what_is_no_picture_is_left_out_and_said(animals):
    save(animals / "loose.png")
    (animals / "README.txt").write_text("x")
    (animals / "cat" / "Thumbs.db").write_bytes(b"x")
    (animals / "cat" / ".DS_Store").write_bytes(b"x")
    (animals / ".git").mkdir()
    (animals / "fish").mkdir()
    save(animals / "__MACOSX" / "cat.png")
    images = read_images(animals)["train"]
    assert len(images) == 4
    said = " ".join(images.notes)
    assert "The sub-folder 'fish' holds no pictures and is left out." in said
    assert "1 picture outside the sub-folders left out: loose.png." in said
    assert "2 files left out, being no picture: cat/Thumbs.db, README.txt." in said
    assert "3 hidden files or folders left out." in said


def test_a_damaged_picture_is_left_out_with_its_label(animals):
    (animals / "cat" / "0.png").write_bytes((animals / "cat" / "0.png").read_bytes()[:-20])
    images = read_images(animals)["train"]
    assert images.target["class"].tolist() == ["bird", "cat", "dog"]
    assert images.names == ["bird/0.PNG", "cat/1.png", "dog/large/rex.png"]
    assert images.notes[0] == "1 file that can't be read was left out: cat/0.png (truncated)."


def test_folders_named_train_and_test_are_the_parts(tmp_path):
    for part in ("Train", "valid", "test"):
        for name in ("a", "b"):
            save(tmp_path / part / name / "0.png", size=(6, 5) if part == "Train" else (9, 9))
    parts = read_images(tmp_path)
    assert list(parts) == ["train", "validation", "test"]
    assert {images.pixels.shape for images in parts.values()} == {(2, 5, 6, 1)}


def test_a_test_folder_without_labels_is_left_out_and_said(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "test/0.png"):
        save(tmp_path / name)
    parts = read_images(tmp_path)
    assert list(parts) == ["train"]
    assert "The folder 'test' has no sub-folders, and is left out." in parts["train"].notes


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/0.png", "test/0.png"], "train holds no sub-folder a class"),
        (["train/0.png", "test/0.png", "plane/0.png"], "train holds no sub-folder a class"),
        (["train/0.png"], "If 'train' is a class itself, give its folder another name"),
        (["train/a/0.png", "train/b/0.png", "plane/0.png"], "'train', which has sub-folders .* beside .*plane"),
        (["test/a/0.png", "a/0.png", "b/0.png"], r"'test', which has sub-folders .* beside .*\(a, b\)"),
        (["test/a/0.png", "val/a/0.png"], "holds 'test', 'val', but no folder named train"),
    ],
)
def test_folders_of_parts_are_never_classes(tmp_path, files, message):
    for name in files:
        save(tmp_path / name)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path)


@pytest.mark.parametrize("name", ["train", "Test", "dev"])
def test_a_class_may_be_called_as_a_part_is(tmp_path, name):
    for folder in (name, "bus", "plane"):
        save(tmp_path / folder / "0.png")
    (found,) = read_images(tmp_path).values()
    assert set(found.target["class"]) == {name, "bus", "plane"}
    assert f"The folder '{name}' is taken for a class, as others stand beside it." in found.notes


def test_a_part_alone_is_no_class_beside_folders_without_pictures(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png"):
        save(tmp_path / name)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.xml").write_text("<a/>")
    assert set(read_images(tmp_path)["train"].target["class"]) == {"a", "b"}


def test_folders_beside_those_of_the_parts_are_left_out_and_said(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "extra/a/0.png", "test/a/0.png"):
        save(tmp_path / name)
    parts = read_images(tmp_path)
    assert {part: len(found) for part, found in parts.items()} == {"train": 2, "test": 1}
    assert "Folders beside those of the parts are left out: extra." in parts["train"].notes


def test_two_folders_for_one_part_are_refused(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "val/a/0.png", "valid/a/0.png"):
        save(tmp_path / name)
    with pytest.raises(DataError, match="two folders for validation, 'val' and 'valid'"):
        read_images(tmp_path)


def test_sub_folders_named_by_numbers_serve_regression(tmp_path):
    for name in ("-1.5", "20"):
        save(tmp_path / name / "0.png")
    assert read_images(tmp_path, task="regression")["train"].target["value"].tolist() == [-1.5, 20.0]


def test_thousands_of_classes_are_read(tmp_path):
    for place in range(5_000):
        folder = tmp_path / f"{place:04}"
        folder.mkdir()
        (folder / "0.pgm").write_bytes(b"P5 2 2 255\n" + bytes([place % 256] * 4))
    images = read_images(tmp_path)["train"]
    assert images.target["class"].nunique() == 5_000
    assert images.pixels[4_999, 0, 0, 0] == 4_999 % 256


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no pictures .* but nothing that could be one"),
        (["a/0.png"], "pictures of one class, 'a': expected two classes or more"),
        (["0.png", "1.png"], "holds 2 pictures, but no sub-folders of pictures"),
        (["0.png", "labels.csv"], "labels.csv that names their labels\\? Then give that file"),
        (["a/notes.txt", "b/0.heic"], "HEIC can't be read: save them as JPEG"),
        (["mnist.zip"], "but other files \\(mnist.zip\\)"),
    ],
)
def test_a_folder_that_can_not_be_used_says_why(tmp_path, files, message):
    for name in files:
        save(tmp_path / name) if name.endswith(".png") else None
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x") if not name.endswith(".png") else None
    with pytest.raises(DataError, match=message):
        read_images(tmp_path)


def test_a_task_that_does_not_fit_a_folder_is_refused(animals):
    with pytest.raises(DataError, match="give a CSV with the file names and a column of 0 and 1"):
        read_images(animals, task="multilabel")
    with pytest.raises(DataError, match=r"sub-folder 'bird' .* is none"):
        read_images(animals, task="regression")
    with pytest.raises(DataError, match="target= names a column"):
        read_images(animals, target="class")


def test_a_class_without_a_readable_picture_is_no_class(tmp_path):
    for name in ("a/0.png", "b/0.png"):
        save(tmp_path / name)
    (tmp_path / "b" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match="one class, 'a'"):
        read_images(tmp_path)


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
    said = " ".join(images.notes)
    assert "left out: cat/gone.png (there is no such file)." in said
    assert "1 row without a file name left out." in said


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {}, "target= is needed: .* \\(columns: id, legs, wings\\)"),
        ({}, {"target": "leg"}, "Did you mean 'legs'"),
        ({}, {"target": "file"}, "is the column of file names"),
        ({}, {"target": ["legs", "legs"]}, "twice"),
        ({}, {"target": "legs", "files": "fil"}, "Did you mean 'file'"),
        ({"file": [1, 2, 3, 4]}, {"target": "legs"}, "no column of animals.csv holds file names"),
        ({"more": ["a.png"] * 4}, {"target": "legs"}, "2 columns of file names \\(file, more\\): name one by files="),
        ({"file": ["rex.png"] * 4}, {"target": "legs"}, "There is a dog/large/rex.png: write the names so"),
    ],
)
def test_a_table_that_can_not_be_used_says_why(table, change, options, message):
    pd.read_csv(table).assign(**change).to_csv(table, index=False)
    with pytest.raises(DataError, match=message):
        read_images(table, **options)


# Arrays


def test_the_files_of_mnist_are_its_two_parts(tmp_path):
    made = mnist(tmp_path)
    parts = read_images(tmp_path)
    assert list(parts) == ["train", "test"]
    assert np.array_equal(parts["train"].pixels[..., 0], made["train"][0])
    assert parts["test"].target["label"].tolist() == made["t10k"][1].tolist()
    assert parts["train"].names == []


def test_an_npz_file_keeps_its_parts_and_takes_another_size_where_asked(tmp_path):
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


def test_arrays_and_sets_pass_through():
    pair = np.zeros((3, 8, 8)), pd.Series(["a", "b", "a"], name="kind")
    images = read_images(pair)["train"]
    assert images.target["kind"].tolist() == ["a", "b", "a"]
    assert read_images(images)["train"] is images
    assert isinstance(images, ImageSet)


@pytest.mark.parametrize("source", [None, 3, ("a", "b", "c"), np.zeros((3, 8, 8))])
def test_what_is_no_source_of_images_is_refused(source):
    with pytest.raises(DataError, match="images are given as"):
        read_images(source)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "animals").mkdir()
    with pytest.raises(DataError, match="Did you mean 'animals'"):
        read_images(tmp_path / "animal")
    (tmp_path / "film.mp4").write_bytes(b"")
    with pytest.raises(DataError, match=r"film\.mp4: expected a folder"):
        read_images(tmp_path / "film.mp4")


# To predict


FORM = Form((4, 4, 1), "uint8")


def test_pictures_to_predict_get_the_form_of_the_run(animals):
    save(animals / "cat" / "2.jpg", (255, 0, 0), (50, 50), "RGB")
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


def test_a_damaged_picture_to_predict_is_an_error_unless_names_go_along(animals):
    for place in range(3, 200):
        save(animals / "cat" / f"{place}.png", 5)
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
    for source, message in ((tmp_path, "holds no pictures"), ([], "images are given as"), ([3], "images are given as")):
        with pytest.raises(DataError, match=message):
            read_pictures(source, FORM)


def test_places_of_pictures_are_told_from_tables(tmp_path):
    assert is_image_source(tmp_path)
    assert is_image_source(Path("a.npz"))
    assert not is_image_source([])
    assert not is_image_source(pd.DataFrame())
    assert not is_image_source("wine.parquet")
