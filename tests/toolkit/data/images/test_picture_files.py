"""Picture files that are read anew whenever their images are asked for: the same images as those kept in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.picture_files import save_animals
from toolkit.common.errors import DataError
from toolkit.data.images.decoding import Form, decode
from toolkit.data.images.files import read_images, read_pictures
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.images.stack import Images
from toolkit.data.pictures import Pictures
from toolkit.data.prepare import prepare


def save_kinds(folder: Path, count: int = 70, kinds=("L", "RGB", "RGBA", "P")) -> list[Path]:
    """Write different pictures of several kinds and sizes."""
    rng, paths = np.random.default_rng(0), []
    folder.mkdir(exist_ok=True)
    for index in range(count):
        kind, side = kinds[index % len(kinds)], 8 + index % 3
        image = Image.fromarray(rng.integers(0, 256, (side, 9, 3)).astype(np.uint8))
        if kind == "I;16":
            image = Image.fromarray(rng.integers(0, 65536, (side, 9)).astype(np.uint16))
        elif kind == "RGBA":
            image.putalpha(Image.fromarray(rng.integers(0, 256, (side, 9)).astype(np.uint8)))
        elif kind == "gray in color":
            image = image.convert("L").convert("RGB")
        else:
            image = image.convert(kind)
        paths.append(folder / f"{index}.png")
        image.save(paths[-1])
    return paths


def both(paths: list[Path], **options: Any) -> tuple[Any, Any]:
    """Return images in memory, and the same ones decoded when they are asked for."""
    target = pd.DataFrame({"class": np.arange(len(paths)) % 2})
    names = [path.name for path in paths]
    in_memory, streamed = (decode(paths, names, "some", target, budget=budget, **options) for budget in (None, 0))
    return in_memory, streamed


@pytest.mark.parametrize(
    ("kinds", "options", "shape"),
    [
        (("L", "RGB", "RGBA", "P"), {}, (9, 9, 3)),
        (("L",), {}, (9, 9, 1)),
        (("gray in color", "L"), {}, (9, 9, 1)),
        (("gray in color", "L"), {"form": Form((6, 7, 3), "uint8")}, (6, 7, 3)),
        (("I;16", "RGB"), {"size": (5, 4)}, (5, 4, 3)),
    ],
)
def test_images_are_those_that_memory_would_hold(tmp_path, kinds, options, shape):
    in_memory, streamed = both(save_kinds(tmp_path / "p", kinds=kinds), **options)
    assert isinstance(streamed.pixels, Pictures)
    assert isinstance(in_memory.pixels, np.ndarray)
    assert streamed.pixels.shape == in_memory.pixels.shape == (70, *shape)
    assert streamed.pixels.dtype == in_memory.pixels.dtype
    np.testing.assert_array_equal(streamed.pixels[:], in_memory.pixels)
    np.testing.assert_array_equal(streamed.pixels[np.array([60, 2])], in_memory.pixels[[60, 2]])
    assert (streamed.names, streamed.notes) == (in_memory.names, in_memory.notes)
    fits = [ImagePreprocessing.fit(Images(images.pixels)) for images in (in_memory, streamed)]
    if in_memory.pixels.dtype == np.uint8:
        assert fits[0] == fits[1]
    assert fits[0].mean == pytest.approx(fits[1].mean, rel=1e-12)
    assert fits[0].deviation == pytest.approx(fits[1].deviation, rel=1e-9)


def test_a_damaged_picture_is_left_out_as_it_is_in_memory(tmp_path):
    paths = save_kinds(tmp_path / "p")
    paths[3].write_bytes(b"no picture")
    paths[40].write_bytes(paths[40].read_bytes()[:90])
    paths[7].write_bytes(b"")
    for chosen in (paths[:7], [*paths[:3], *paths[4:7], *paths[8:]]):
        in_memory, streamed = both(chosen)
        assert len(streamed) == len(chosen) - 1
        assert streamed.notes == in_memory.notes
        assert "1 file that can't be read was left out" in streamed.notes[0]
        np.testing.assert_array_equal(streamed.pixels[:], in_memory.pixels)
        pd.testing.assert_frame_equal(streamed.target, in_memory.target)
    messages = []
    for budget in (None, 0):
        with pytest.raises(DataError, match="3 of 70 pictures can't be read") as error:
            decode(paths, [path.name for path in paths], "some", budget=budget)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_where_no_picture_can_be_read_the_error_is_the_same(tmp_path):
    paths = save_kinds(tmp_path / "p", 60)
    for path in paths:
        path.write_bytes(path.read_bytes()[:100])
    messages = []
    for budget in (None, 2 * 60 * 9 * 9 * 3, 0):
        with pytest.raises(DataError, match="60 of 60 pictures can't be read") as error:
            decode(paths, [path.name for path in paths], "some", budget=budget)
        messages.append(str(error.value))
    assert len(set(messages)) == 1


@pytest.mark.parametrize("change", ["other", "removed", "damaged"])
def test_a_file_that_changes_after_the_first_reading_is_an_error_that_names_it(tmp_path, change):
    paths = save_kinds(tmp_path / "p")
    _, streamed = both(paths)
    if change == "other":
        paths[4].write_bytes(paths[8].read_bytes())
    elif change == "removed":
        paths[4].unlink()
    else:
        paths[4].write_bytes(paths[4].read_bytes()[:60])
    np.testing.assert_array_equal(streamed.pixels[5:9], streamed.pixels[5:9])
    with pytest.raises(DataError, match=r"4\.png has changed since the pictures were first read"):
        streamed.pixels[:]


def test_what_fits_stays_in_memory(tmp_path):
    paths = save_kinds(tmp_path / "p")
    names = [path.name for path in paths]
    enough = 4 * 70 * 9 * 9 * 3
    assert isinstance(decode(paths, names, "some", budget=enough).pixels, np.ndarray)
    once = decode(paths, names, "some", budget=enough - 1).pixels
    assert isinstance(once, Pictures)
    assert (once.in_files, once.bytes_in_memory) == (False, enough // 4)
    assert decode(paths, names, "some", budget=enough // 2).pixels.in_files is False
    assert decode(paths, names, "some", budget=enough // 2 - 1).pixels.in_files is True


def test_parts_of_a_set_share_the_memory(tmp_path):
    for part in ("train", "test"):
        save_animals(tmp_path / part)
    size = 4 * 4 * 5 * 6  # four images of 6 x 5
    kinds = [
        [type(images.pixels) for images in read_images(tmp_path, budget=budget).values()]
        for budget in (2 * size, 2 * size - 1, size - 1)
    ]
    assert kinds == [[np.ndarray, np.ndarray], [np.ndarray, Pictures], [Pictures, Pictures]]
    kept = read_images(tmp_path, budget=size // 2)
    assert [images.pixels.in_files for images in kept.values()] == [False, True]
    parts = read_images(tmp_path, budget=0)
    assert parts["test"].pixels[:].shape == (4, 5, 6, 1)


def test_pictures_to_predict_are_those_that_memory_would_hold(tmp_path):
    animals = save_animals(tmp_path / "animals")
    form = Form((4, 4, 3), "float32")
    in_memory, streamed = (read_pictures(animals, form, budget=budget) for budget in (None, 0))
    assert isinstance(streamed.pixels, Pictures)
    np.testing.assert_array_equal(streamed.pixels[:], in_memory.pixels)
    assert streamed.names == in_memory.names


def test_the_split_is_that_of_images_in_memory(tmp_path):
    paths = save_kinds(tmp_path / "p")
    for index in range(0, 20, 2):  # equal images of the same class
        paths[index + 20].write_bytes(paths[index].read_bytes())
    os.rename(paths[69], paths[69].with_suffix(".jpg"))
    paths[69] = paths[69].with_suffix(".jpg")
    tables = [prepare(images, task="binary", seed=5) for images in both(paths)]
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(tables[0].parts[part], tables[1].parts[part])
    np.testing.assert_array_equal(tables[0].units, tables[1].units)
    assert tables[0].split_reason == tables[1].split_reason
    assert tables[1].folds is None
    datasets = [table.preprocess() for table in tables]
    assert datasets[0].preprocessing == datasets[1].preprocessing
    np.testing.assert_array_equal(datasets[0].x("test"), datasets[1].x("test"))
