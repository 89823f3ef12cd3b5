"""Folders of pictures with one sub-folder per class."""

from __future__ import annotations

import pytest

from tests.helpers.picture_files import save_animals, save_picture
from toolkit.common.errors import DataError
from toolkit.data.images.files import read_images


@pytest.fixture
def animals(tmp_path):
    return save_animals(tmp_path / "animals")


def test_a_sub_folder_is_a_class(animals):
    parts = read_images(animals)
    images = parts["train"]
    assert list(parts) == ["train"]
    assert images.target["class"].tolist() == ["bird", "cat", "cat", "dog"]
    assert images.names == ["bird/0.PNG", "cat/0.png", "cat/1.png", "dog/large/rex.png"]
    assert images.pixels[:, 0, 0, 0].tolist() == [30, 0, 10, 20]
    assert (images.pixels.shape, images.name) == ((4, 5, 6, 1), "animals")
    assert images.notes == ["Pictures in deeper folders belong to the class of the sub-folder that they are in."]


def test_other_files_are_left_out_with_a_note(animals):
    save_picture(animals / "loose.png")
    (animals / "README.txt").write_text("x")
    (animals / "cat" / "Thumbs.db").write_bytes(b"x")
    (animals / "cat" / ".DS_Store").write_bytes(b"x")
    (animals / ".git").mkdir()
    (animals / "fish").mkdir()
    save_picture(animals / "__MACOSX" / "cat.png")
    images = read_images(animals)["train"]
    assert len(images) == 4
    assert images.notes[:4] == [
        "The sub-folder 'fish' holds no pictures: left out.",
        "1 picture outside the sub-folders left out: loose.png.",
        "2 files other than pictures left out: README.txt, cat/Thumbs.db.",
        "3 hidden files or folders left out.",
    ]


def test_a_damaged_picture_is_left_out_with_its_label(animals):
    (animals / "cat" / "0.png").write_bytes((animals / "cat" / "0.png").read_bytes()[:-20])
    images = read_images(animals)["train"]
    assert images.target["class"].tolist() == ["bird", "cat", "dog"]
    assert images.names == ["bird/0.PNG", "cat/1.png", "dog/large/rex.png"]
    assert images.notes[0] == "1 file that can't be read was left out: cat/0.png (truncated)."


def test_folders_named_train_and_test_are_the_parts(tmp_path):
    for part in ("Train", "valid", "test"):
        for name in ("a", "b"):
            save_picture(tmp_path / part / name / "0.png", size=(6, 5) if part == "Train" else (9, 9))
    parts = read_images(tmp_path)
    assert list(parts) == ["train", "validation", "test"]
    assert {images.pixels.shape for images in parts.values()} == {(2, 5, 6, 1)}


def test_a_test_folder_without_labels_is_left_out_with_a_note(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "test/0.png"):
        save_picture(tmp_path / name)
    parts = read_images(tmp_path)
    assert list(parts) == ["train"]
    assert "The folder 'test' has no sub-folders, and is left out." in parts["train"].notes


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/0.png", "test/0.png"], "train has no sub-folders: expected one sub-folder per class"),
        (["train/0.png", "test/0.png", "plane/0.png"], "train has no sub-folders: expected one sub-folder per class"),
        (["train/0.png"], "If 'train' is a class itself, give its folder another name"),
        (
            ["train/a/0.png", "train/b/0.png", "plane/0.png"],
            "'train', whose sub-folders .* other folders of pictures .plane",
        ),
        (["test/a/0.png", "a/0.png", "b/0.png"], r"'test', whose sub-folders .* other folders of pictures \(a, b\)"),
        (["test/a/0.png", "val/a/0.png"], "the folders 'test', 'val', but none named train"),
    ],
)
def test_folders_of_parts_are_never_classes(tmp_path, files, message):
    for name in files:
        save_picture(tmp_path / name)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path)


@pytest.mark.parametrize("name", ["train", "Test", "dev"])
def test_a_class_may_have_the_name_of_a_part(tmp_path, name):
    for folder in (name, "bus", "plane"):
        save_picture(tmp_path / folder / "0.png")
    (images,) = read_images(tmp_path).values()
    assert set(images.target["class"]) == {name, "bus", "plane"}
    assert f"The folder '{name}' is used as a class, as there are other classes." in images.notes


def test_a_single_part_is_no_class_next_to_folders_without_pictures(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png"):
        save_picture(tmp_path / name)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.xml").write_text("<a/>")
    assert set(read_images(tmp_path)["train"].target["class"]) == {"a", "b"}


def test_folders_next_to_the_parts_are_left_out_with_a_note(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "extra/a/0.png", "test/a/0.png"):
        save_picture(tmp_path / name)
    parts = read_images(tmp_path)
    assert {part: len(images) for part, images in parts.items()} == {"train": 2, "test": 1}
    assert "Folders other than those of the parts are left out: extra." in parts["train"].notes


def test_two_folders_for_one_part_are_refused(tmp_path):
    for name in ("train/a/0.png", "train/b/0.png", "val/a/0.png", "valid/a/0.png"):
        save_picture(tmp_path / name)
    with pytest.raises(DataError, match="two folders for validation, 'val' and 'valid'"):
        read_images(tmp_path)


def test_sub_folders_named_by_numbers_are_regression_targets(tmp_path):
    for name in ("-1.5", "20"):
        save_picture(tmp_path / name / "0.png")
    assert read_images(tmp_path, task="regression")["train"].target["value"].tolist() == [-1.5, 20.0]


def test_thousands_of_classes_are_read(tmp_path):
    for index in range(5_000):
        folder = tmp_path / f"{index:04}"
        folder.mkdir()
        (folder / "0.pgm").write_bytes(b"P5 2 2 255\n" + bytes([index % 256] * 4))
    images = read_images(tmp_path)["train"]
    assert images.target["class"].nunique() == 5_000
    assert images.pixels[4_999, 0, 0, 0] == 4_999 % 256


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], r"has no pictures \(.*\) in sub-folders: expected one"),
        (["a/0.png"], "pictures of one class, 'a': expected two classes or more"),
        (["0.png", "1.png"], "has 2 pictures, but no sub-folders of pictures"),
        (["0.png", "labels.csv"], "labels.csv lists their labels, give that file"),
        (["a/notes.txt", "b/0.heic"], "HEIC can't be read: save them as JPEG"),
        (["mnist.zip"], "only other files \\(mnist.zip\\)"),
    ],
)
def test_a_folder_that_can_not_be_used_says_why(tmp_path, files, message):
    for name in files:
        save_picture(tmp_path / name) if name.endswith(".png") else None
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x") if not name.endswith(".png") else None
    with pytest.raises(DataError, match=message):
        read_images(tmp_path)


def test_a_task_that_does_not_fit_a_folder_is_refused(animals):
    with pytest.raises(DataError, match="give a CSV with the file names and a column of 0 and 1"):
        read_images(animals, task="multilabel")
    with pytest.raises(DataError, match=r"sub-folder 'bird' .* is not named by a number"):
        read_images(animals, task="regression")
    with pytest.raises(DataError, match=r"target=.* names a column"):
        read_images(animals, target="class")


def test_a_class_without_a_readable_picture_does_not_count(tmp_path):
    for name in ("a/0.png", "b/0.png"):
        save_picture(tmp_path / name)
    (tmp_path / "b" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match="one class, 'a'"):
        read_images(tmp_path)
