"""Sets of images in idx and npz files."""

from __future__ import annotations

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from tests.helpers.idx import CODES, idx, mnist
from toolkit.common.errors import DataError
from toolkit.data.images.archives import (
    find_idx,
    is_idx_name,
    read_idx,
    read_idx_set,
    read_npz,
    read_npz_pictures,
)


@pytest.mark.parametrize("kind", list(CODES))
def test_every_kind_of_number_is_read_back(tmp_path, kind):
    array = np.arange(-3, 21).reshape(4, 3, 2).astype(kind)
    (tmp_path / "some").write_bytes(idx(array))
    array_read = read_idx(tmp_path / "some")
    assert array_read.dtype == np.dtype(kind)
    assert array_read.dtype.isnative
    assert np.array_equal(array_read, array)


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_four_files_is_two_parts(tmp_path, packed):
    arrays = mnist(tmp_path, packed=packed)
    parts_read = read_idx_set(tmp_path)
    assert list(parts_read) == ["train", "test"]
    for part, name in (("train", "train"), ("test", "t10k")):
        assert np.array_equal(parts_read[part][0], arrays[name][0])
        assert np.array_equal(parts_read[part][1], arrays[name][1])


def test_an_uncompressed_file_is_preferred_to_its_compressed_copy(tmp_path):
    mnist(tmp_path, seed=1)
    arrays = mnist(tmp_path, packed=False, seed=2)
    assert np.array_equal(read_idx_set(tmp_path)["train"][0], arrays["train"][0])


def test_one_file_of_pictures_finds_its_labels(tmp_path):
    arrays = mnist(tmp_path)
    parts_read = read_idx_set(tmp_path / "t10k-images-idx3-ubyte.gz")
    assert list(parts_read) == ["train"]
    assert np.array_equal(parts_read["train"][1], arrays["t10k"][1])


@pytest.mark.parametrize(
    "name", ["train-images-idx3-ubyte.gz", "train-images.idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte.gz"]
)
def test_the_names_of_mnist_and_similar_sets_are_recognized(name):
    assert is_idx_name(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG\r\n", "begins with 89 50 4e 47"),
        (idx(np.zeros((2, 3), np.uint8), code=7), "not an idx file"),
        (idx(np.zeros((2, 3), np.uint8))[:-1], "has 17 bytes, but its header \\(2 × 3\\) says 18"),
        (idx(np.zeros((2, 3), np.uint8)) + b"\0", "has more than 18 bytes"),
    ],
)
def test_a_file_that_is_not_a_complete_idx_file_is_refused(tmp_path, content, message):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "file")


def test_a_compressed_file_cut_short_is_refused(tmp_path):
    content = gzip.compress(idx(np.zeros((50, 50), np.uint8)))
    (tmp_path / "file.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"can't be decompressed .*: download it again"):
        read_idx(tmp_path / "file.gz")


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="not its labels: add that file"):
        find_idx(tmp_path)
    mnist(tmp_path, stem="emnist-")
    with pytest.raises(DataError, match="several sets"):
        find_idx(tmp_path)


def test_a_test_part_alone_and_labels_alone_are_refused(tmp_path):
    mnist(tmp_path, parts=("t10k",))
    with pytest.raises(DataError, match="no train-images"):
        find_idx(tmp_path)
    with pytest.raises(DataError, match="holds labels"):
        read_idx_set(tmp_path / "t10k-labels-idx1-ubyte.gz")


def test_each_picture_needs_a_label(tmp_path):
    mnist(tmp_path, packed=False)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(5, np.uint8)))
    with pytest.raises(DataError, match="has 6 pictures, but train-labels-idx1-ubyte has 5 labels"):
        read_idx_set(tmp_path)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("x_train", "y_train", "x_test", "y_test"), ["train", "test"]),
        (("train_images", "train_labels", "val_images", "val_labels"), ["train", "validation"]),
        (("X", "y"), ["train"]),
        (("images", "labels", "note", "more"), ["train"]),
    ],
)
def test_the_usual_names_in_an_npz_file_are_recognized(tmp_path, names, parts):
    arrays = [np.full((3, 4, 4), 1), np.arange(3), np.full((2, 4, 4), 2), np.arange(2)]
    np.savez(tmp_path / "set.npz", **dict(zip(names, arrays, strict=False)))
    parts_read = read_npz(tmp_path / "set.npz")
    assert list(parts_read) == parts
    assert np.array_equal(parts_read["train"][0], arrays[0])
    if len(parts) > 1:
        assert np.array_equal(parts_read[parts[1]][1], arrays[3])


@pytest.mark.parametrize(
    ("names", "value"),
    [(("x_train", "y_train", "x_test"), 0), (("y", "X"), 1), (("note", "test_images"), 1), (("arr_0",), 0)],
)
def test_pictures_without_labels_are_found_in_an_npz_file(tmp_path, names, value):
    np.savez(tmp_path / "new.npz", **{name: np.full((3, 4, 4), index) for index, name in enumerate(names)})
    assert (read_npz_pictures(tmp_path / "new.npz") == value).all()


def test_an_npz_file_without_pictures_to_predict_is_refused(tmp_path):
    np.savez(tmp_path / "new.npz", left=np.zeros((3, 4, 4)), right=np.zeros((3, 4, 4)))
    with pytest.raises(DataError, match="holds left, right; expected pictures named x, images, x_train or x_test"):
        read_npz_pictures(tmp_path / "new.npz")


def test_an_npz_file_that_can_not_be_used_is_refused(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, pictures=np.zeros(3))
    with pytest.raises(DataError, match="holds pictures; expected x_train"):
        read_npz(path)
    np.savez(path, x=np.zeros((3, 4, 4)), y=np.zeros(4))
    with pytest.raises(DataError, match="3 pictures, but 4 labels"):
        read_npz(path)
    np.savez(path, x=np.array([{}], dtype=object), y=np.zeros(1))
    with pytest.raises(DataError, match="can't be read as an npz file"):
        read_npz(path)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="can't be read as an npz file"):
        read_npz(path)


@pytest.mark.parametrize("sizes", [(-1, 3), (-2, -3)])
def test_sizes_below_zero_are_a_damaged_header(tmp_path, sizes):
    head = struct.pack(">BBBB2i", 0, 0, 8, 2, *sizes)
    (tmp_path / "file").write_bytes(head + bytes(6))
    with pytest.raises(DataError, match="has 18 bytes, but its header"):
        read_idx(tmp_path / "file")


def test_no_more_is_decompressed_than_the_header_says(tmp_path):
    content = idx(np.zeros((2, 3), np.uint8)) + bytes(50_000_000)
    (tmp_path / "file.gz").write_bytes(gzip.compress(content, 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than 18 bytes"):
        read_idx(tmp_path / "file.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_single_array_named_as_an_npz_file_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 4, 4)))
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(DataError, match="single array"):
        read_npz(tmp_path / "x.npz")


def test_one_label_for_all_pictures_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 4, 4)), y=np.array(3))
    with pytest.raises(DataError, match="expected an array of pictures and one of labels for train"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize(("position", "value"), [(6, 1), (8, 99)])  # encrypted; unknown compression
def test_an_npz_file_that_zipfile_does_not_open_is_refused(tmp_path, position, value):
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 4, 4)), y=np.zeros(2))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    for mark, offset in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        start = -1
        while (start := content.find(mark, start + 1)) >= 0:
            content[start + position + offset] = value
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="can't be read as an npz file"):
        read_npz(tmp_path / "x.npz")
