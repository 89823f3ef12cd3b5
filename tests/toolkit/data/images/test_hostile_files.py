"""Folders and files that are no plain pictures."""

from __future__ import annotations

import gzip
import os
import socket
import struct

import numpy as np
import pytest
from PIL import Image

from tests.helpers.picture_files import save_animals, save_picture
from toolkit.common.errors import DataError
from toolkit.data.images.archives import read_idx, read_npz_pictures
from toolkit.data.images.files import Form, read_images, read_pictures

FORM = Form((5, 6, 1), "uint8")


@pytest.fixture
def animals(tmp_path):
    return save_animals(tmp_path / "animals")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_only_files_are_opened_and_all_else_is_named(animals, monkeypatch):
    cat = animals / "cat"
    os.mkfifo(cat / "pipe.png")  # opened, it would wait forever for a writer
    os.mkfifo(animals / "pipe.png")
    (cat / "endless.png").symlink_to("/dev/zero")
    (cat / "up").symlink_to("..")
    (cat / "folder.png").mkdir()
    monkeypatch.chdir(cat)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
    images = read_images(animals)["train"]
    assert images.names == ["bird/0.PNG", "cat/0.png", "cat/1.png", "dog/large/rex.png"]
    assert images.notes[0] == "5 files other than pictures left out: pipe.png, cat/up, cat/endless.png, ... (5 in all)."
    with pytest.raises(DataError, match=r"pipe.png is a device, a pipe or a socket; expected a file or a folder\."):
        read_pictures("pipe.png", FORM)
    with pytest.raises(DataError, match=r"1 of 2 pictures can't be read: .*pipe.png \(it is a device, a pipe or a soc"):
        read_pictures([cat / "0.png", cat / "pipe.png"], FORM)


def test_links_in_a_circle_are_named(animals):
    (animals / "cat" / "circle.png").symlink_to("circle.png")
    assert read_images(animals)["train"].notes[0].endswith("left out: cat/circle.png (it can't be read).")
    with pytest.raises(DataError, match=r"circle.png is a link that leads to no file\."):
        read_pictures(animals / "cat" / "circle.png", FORM)


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX alone")
def test_names_may_be_any_bytes(tmp_path):
    for number, name in enumerate([b"caf\xe9", b"-rf", b"two\nlines", b"\xe2\x80\xae", b"x" * 255]):
        folder = tmp_path / os.fsdecode(name)
        for shade in (0, 9):
            save_picture(folder / os.fsdecode(b"\x1b[31m\xff%d.png" % shade), 10 * number + shade)
    images = read_images(tmp_path)["train"]
    assert sorted(set(images.target["class"])) == ["-rf", "caf\\udce9", "two\nlines", "x" * 255, "\u202e"]
    assert "caf\\udce9/\\x1b[31m\\udcff9.png" in images.names
    assert all(name.isprintable() for name in images.names)


@pytest.mark.parametrize("name", ["a\0b.png", f"{'x' * 300}.png", "~nobody_of_this_name/x.png", "[a]/**.png"])
def test_names_that_no_disk_holds_are_missing_files(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        read_pictures(name, FORM)
    save_picture(tmp_path / "0.png")
    with pytest.raises(DataError, match="1 of 2 pictures can't be read"):
        read_pictures([tmp_path / "0.png", name], FORM)
    (tmp_path / "table.csv").write_text(f"file,y\n{name},1\n{name},0\n".replace("\0", ""))
    with pytest.raises(DataError, match="none of the 2 files"):
        read_images(tmp_path / "table.csv")


@pytest.mark.parametrize("option", [{"files": 3}, {"target": "y"}])
def test_columns_can_not_be_named_with_arrays(option):
    with pytest.raises(DataError, match=r"=(3|'y') names a column of a table of file names: leave it out with arrays"):
        read_images((np.zeros((4, 8, 8)), [0, 1, 0, 1]), **option)


def test_pages_in_a_long_chain_are_not_counted(tmp_path):
    entries = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: 8, 279: 64}
    page = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    starts = range(8, 100_000 * (len(page) + 4), len(page) + 4)
    chain = b"".join(page + struct.pack("<I", start + len(page) + 4) for start in starts)
    (tmp_path / "chain.tif").write_bytes(b"II*\0\10\0\0\0" + chain)
    notes = read_pictures(tmp_path / "chain.tif", Form((8, 8, 1), "uint8")).notes
    assert notes == ["All 1 pictures were animated or of several pages; the first frame is used."]


def test_what_libraries_write_about_a_file_is_not_shown(tmp_path, capfd):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.tif", compression="tiff_adobe_deflate")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    start = data.index(b"x\x9c")
    data[start + 12 : start + 20] = b"damaged!"
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.tif can't be read as a picture: damaged"):
        read_pictures(tmp_path / "a.tif", FORM)
    os.write(2, b"still open")
    assert capfd.readouterr().err == "still open"


def test_files_that_would_fill_the_memory_are_refused(tmp_path):
    head = bytes([0, 0, 8, 3]) + struct.pack(">III", 10**5, 60, 60)
    (tmp_path / "pictures.gz").write_bytes(gzip.compress(head + bytes(10**7), 1))
    with pytest.raises(DataError, match=r"pictures.gz would unpack [0-9,]+ bytes to 360,000,000, as no pictures do"):
        read_idx(tmp_path / "pictures.gz")
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((3 * 10**4, 100, 100), np.uint8))
    with pytest.raises(DataError, match=r"x.npz would unpack [0-9,]+ bytes to 300,000,128, as no pictures do"):
        read_npz_pictures(tmp_path / "x.npz")
