"""Stacks of images: their one form, what is learned of them, and the table and split they make."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from toolkit.common.errors import DataError
from toolkit.data.images.stack import (
    ImageEncoder,
    Images,
    ImageSet,
    canonical,
    check_files,
    holds_images,
    square_for,
)
from toolkit.data.prepare import prepare


def pictures(count: int = 60, *shape: int, seed: int = 0) -> np.ndarray:
    """Different images of 8-bit pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, *(shape or (6, 5)))).astype(np.uint8)


CLASSES = np.arange(60) % 3


# --------------------------------------------------------------------------------------------------------- one form


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.array([[[0, 255]]], np.uint8), np.uint8),
        (np.array([[[0, 255]]], np.int64), np.uint8),
        (np.array([[[False, True]]]), np.uint8),
        (np.array([[[0, 256]]], np.uint16), np.float32),
        (np.array([[[-1, 255]]], np.int16), np.float32),
        (np.array([[[0.0, 1.0]]], np.float64), np.float32),
        (np.array([[[0.0, 1.0]]], np.float16), np.float32),
    ],
)
def test_pixels_of_eight_bits_stay_so_and_all_others_become_float32(given, dtype):
    form = canonical(given)
    assert form.dtype == dtype
    assert form.shape == (1, 1, 2, 1)
    np.testing.assert_array_equal(form[..., 0], given)


def test_pixels_in_one_form_are_not_copied():
    pixels = pictures(3, 4, 4, 3)
    assert canonical(pixels) is pixels


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros((2, 3)), r"X has shape \(2, 3\); expected \(n, height, width\)"),
        (np.zeros((0, 3, 3)), r"X has shape \(0, 3, 3\)"),
        (np.zeros((2, 0, 3)), r"X has shape \(2, 0, 3\)"),
        (np.zeros((2, 8, 8, 4)), r"4 channels; .* If the fourth is transparency, give X\[..., :3\]"),
        (np.zeros((2, 3, 8, 9)), r"9 channels; .* Channels come last: np.moveaxis\(X, 1, -1\)"),
        (np.zeros((2, 8, 8, 2)), r"2 channels; expected"),
        ([np.zeros((3, 3)), np.zeros((4, 4))], "images of different sizes"),
        (np.array([[["a"]]]), "pixels of type <U1; expected numbers"),
        (np.zeros((1, 2, 2), complex), "pixels of type complex128"),
        (np.array([[[0.0]], [[np.nan]]]), "missing or infinite pixel, first in image 2"),
        (np.array([[[1e300]]]), "missing or infinite pixel, first in image 1"),
    ],
)
def test_what_is_no_stack_of_images_is_refused_in_plain_words(given, says):
    with pytest.raises(DataError, match=says):
        canonical(given)


def test_three_or_four_axes_are_images_and_two_are_columns():
    assert holds_images((pictures(), CLASSES))
    assert holds_images((pictures(60, 6, 5, 3), CLASSES))
    assert holds_images((list(pictures()), CLASSES))
    assert holds_images(ImageSet(pictures(60, 6, 5, 1), pd.DataFrame({"y": CLASSES})))
    assert not holds_images((pictures().reshape(60, -1), CLASSES))
    assert not holds_images((pd.DataFrame({"a": CLASSES}), CLASSES))
    assert not holds_images("images.csv")


def test_equal_images_have_equal_numbers_and_minus_zero_is_zero():
    assert Images(canonical(np.array([[[0.0]], [[1.0]], [[-0.0]], [[1.0]]]))).same_rows().tolist() == [0, 1, 0, 1]
    # The same bytes in another order are another image.
    assert Images(canonical(np.array([[[1, 2]], [[2, 1]]]))).same_rows().tolist() == [0, 1]


# ---------------------------------------------------------------------------------------------------------- encoder


def test_mean_and_deviation_are_numpys():
    for pixels in (pictures(60, 6, 5, 3), 1e6 + pictures(60, 6, 5, 3).astype(np.float32)):
        encoder = ImageEncoder.fit(pixels)
        assert encoder.mean == pytest.approx(pixels.astype(np.float64).mean(), rel=1e-12)
        assert encoder.deviation == pytest.approx(pixels.astype(np.float64).std(), rel=1e-9)
        assert (encoder.low, encoder.high) == (pixels.min(), pixels.max())
        assert encoder.shape == (6, 5, 3)
        assert encoder.width == 90


def test_images_that_do_not_vary_are_divided_by_one():
    assert ImageEncoder.fit(np.full((2, 3, 3, 1), 7, np.uint8)).deviation == 1


def test_one_image_alone_is_a_stack_of_one():
    gray, color = (ImageEncoder.fit(pictures(9, 6, 5, channels)) for channels in (1, 3))
    image = pictures(1, 6, 5, 3)[0]
    np.testing.assert_array_equal(color.transform(image)[0], image)
    np.testing.assert_array_equal(gray.transform(image[..., 0])[0, ..., 0], image[..., 0])
    np.testing.assert_array_equal(gray.transform(image[..., :1])[0], image[..., :1])
    assert gray.transform(pictures(4, 6, 5)).shape == (4, 6, 5, 1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (pictures(2, 5, 6), "images of 5 x 6 x 1; those of the training are 6 x 5 x 1: resize them first"),
        (pictures(2, 6, 5, 3), "images of 6 x 5 x 3; those of the training are 6 x 5 x 1"),
        (np.zeros((2, 30)), r"X has shape \(2, 30\); expected images of 6 x 5 x 1"),
        (pd.DataFrame(np.zeros((2, 30))), "X is a table; expected images of 6 x 5 x 1"),
        (pictures(2, 6, 5) / 255, "pixels from .* to .*, and those of the training go from 0 to 255.*the same scale"),
        (np.full((2, 6, 5), np.nan), "missing or infinite pixel"),
    ],
)
def test_images_unlike_those_of_the_training_are_refused(given, says):
    encoder = ImageEncoder.fit(pictures(60, 6, 5, 1))
    with pytest.raises(DataError, match=says):
        encoder.transform(given)


def test_pixels_of_another_type_become_the_trainings():
    eight = ImageEncoder.fit(pictures(9, 6, 5, 1))
    assert eight.transform(pictures(2, 6, 5).astype(np.float64)).dtype == np.float32
    fractions = ImageEncoder.fit(pictures(9, 6, 5, 1).astype(np.float32) / 255)
    with pytest.raises(DataError, match="bring them to the same scale"):
        fractions.transform(pictures(2, 6, 5))
    assert fractions.transform(np.zeros((1, 6, 5), np.uint8)).dtype == np.float32


def test_squares_of_pixels_are_their_means_cut_off_at_the_far_edges():
    encoder = ImageEncoder((3, 4, 1), "float32", 1.0, 2.0, 0.0, 11.0)
    image = canonical(np.arange(12.0).reshape(1, 3, 4))
    assert square_for(encoder.shape, 12) == 1
    assert square_for(encoder.shape, 11) == 2
    # 0 1 4 5 | 2 3 6 7 over 8 9 | 10 11: means 2.5, 4.5, 8.5, 10.5, less 1, over 2
    np.testing.assert_allclose(encoder.columns(image, 2), [[0.75, 1.75, 3.75, 4.75]])
    np.testing.assert_allclose(encoder.columns(image), (np.arange(12.0)[None] - 1) / 2)


def test_an_encoder_comes_back_exactly_from_json():
    encoder = ImageEncoder.fit(pictures(60, 6, 5, 3))
    assert ImageEncoder.from_dict(json.loads(json.dumps(encoder.to_dict()))) == encoder


@pytest.mark.parametrize("damage", [{"images": {}}, {"images": {"shape": [1, 2]}}, {}])
def test_a_damaged_encoder_is_refused(damage):
    with pytest.raises(DataError, match="damaged"):
        ImageEncoder.from_dict({"schema": 1} | damage)


# ------------------------------------------------------------------------------------------------- table and split


def test_images_become_a_table_without_columns():
    table = prepare((pictures(), CLASSES), task="multiclass")
    assert table.rows == 60
    assert np.shape(table.features.pixels) == (60, 6, 5, 1)
    assert table.features.columns == ()
    np.testing.assert_array_equal(np.asarray(table.features.take(np.array([3, 1])).pixels)[..., 0], pictures()[[3, 1]])
    described = table.describe()
    assert described["columns"] == []
    assert [entry["all"]["count"] for entry in described["targets"]] == [60]


def test_a_table_of_images_does_not_change_with_the_users_arrays():
    x, y = pictures(), CLASSES.copy()
    table = prepare((x, y), task="multiclass")
    x[:], y[:] = 0, 0
    np.testing.assert_array_equal(table.features.pixels, canonical(pictures()))
    np.testing.assert_array_equal(table.target_frame.iloc[:, 0], CLASSES)


def test_equal_images_never_stand_in_two_parts():
    repeated = pictures(20)[np.arange(60) % 20]
    table = prepare((repeated, CLASSES), task="multiclass", seed=3)
    units = table.features.same_rows()
    seen = [set(units[rows]) for rows in table.parts.values()]
    assert sum(len(units) for units in seen) == len(set.union(*seen)) == 20
    assert "40 rows repeat another row's features" in table.split_reason


def test_a_training_image_that_also_stands_in_the_given_test_part_is_left_out():
    test = pictures(10, seed=1)
    x = pictures()
    x[7] = test[3]
    table = prepare((x, CLASSES), task="multiclass", test=(test, np.arange(10) % 3))
    assert table.rows == 69
    assert 8 not in table.source_rows[table.parts["train"]]
    np.testing.assert_array_equal(np.asarray(table.features.take(table.parts["test"]).pixels)[..., 0], test)


def test_rows_without_a_target_take_their_images_and_names_along():
    y = pd.DataFrame({"kind": ["a", "b", None] * 20})
    images = ImageSet(pictures(60, 6, 5, 1), y, [f"{i}.png" for i in range(60)], ["Resized."], "folder")
    table = prepare(images, task="binary")
    kept = [i for i in range(60) if i % 3 < 2]
    assert table.name == "folder"
    assert table.notes[0] == "Resized."
    assert table.features.names == tuple(f"{i}.png" for i in kept)
    np.testing.assert_array_equal(table.features.pixels, images.pixels[kept])
    np.testing.assert_array_equal(table.source_rows, np.array(kept) + 1)


def test_the_split_of_images_is_that_of_their_seed():
    first, again, other = (prepare((pictures(), CLASSES), task="multiclass", seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first.parts[part], again.parts[part]) for part in first.parts)
    assert not np.array_equal(first.parts["train"], other.parts["train"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"group": "patient"}, "group= names a column, and the data are images"),
        ({"keep": "x1"}, "keep= names a column"),
        ({"sample_weight": "weight"}, "sample_weight= names a column"),
        ({"target": "y"}, "leave it out"),
        ({"test": (pictures().reshape(60, -1), CLASSES)}, "the data are images and test= columns"),
        ({"test": (pictures(9, 5, 6), CLASSES[:9])}, "images of 5 x 6 x 1; those of the training are 6 x 5 x 1"),
    ],
)
def test_options_of_columns_are_refused_for_images(options, says):
    with pytest.raises(DataError, match=says):
        prepare((pictures(), CLASSES), task="multiclass", **options)


def test_images_to_test_a_table_of_columns_are_refused():
    with pytest.raises(DataError, match="the data are columns and test= images"):
        prepare((pictures().reshape(60, -1), CLASSES), task="multiclass", test=(pictures(), CLASSES))


def test_as_many_labels_as_images_are_wanted():
    with pytest.raises(DataError, match="X has 60 rows and y has 59"):
        prepare((pictures(), CLASSES[:-1]), task="multiclass")


@pytest.mark.parametrize(
    ("known", "new"), [((0, 1), (0, 255)), ((0, 16), (0, 1)), ((0, 1), (-1, 1)), ((0, 255), (-1, 1))]
)
def test_fractions_on_another_scale_than_those_of_the_training_are_refused(known, new):
    shares = pictures() / 255
    encoder = ImageEncoder.fit(canonical(known[0] + shares * (known[1] - known[0])))
    with pytest.raises(DataError, match="same scale"):
        encoder.transform(new[0] + shares * (new[1] - new[0]))


def test_fractions_a_little_beyond_those_of_the_training_are_taken():
    encoder = ImageEncoder.fit(canonical(pictures() / 255))
    given = pictures(3) / 255 * 1.1 - 0.01
    np.testing.assert_array_equal(encoder.transform(given)[..., 0], given.astype(np.float32))


def test_a_single_ragged_image_is_refused():
    encoder = ImageEncoder.fit(canonical(pictures()))
    with pytest.raises(DataError, match="different sizes"):
        encoder.transform([[1, 2], [3]])


def test_files_are_refused_where_the_training_pixels_end_far_below_255():
    with pytest.raises(DataError, match=r"a\.png: trained on pixels from 0 to 16, picture files have 0 to 255"):
        check_files(pictures(), 0.0, 16.0, "a.png")
    check_files(pictures(), 0.0, 200.0, "a.png")
    check_files(pictures() // 16, 0.0, 16.0, "a.png")  # files as dark as those of the training


def labels(order, count=60):
    columns = {"round": np.arange(count) % 2, "red": np.arange(count) % 3 == 0}
    return pd.DataFrame({name: columns[name].astype(int) for name in order})


def test_the_labels_of_given_test_images_are_matched_by_name():
    known = ImageSet(canonical(pictures()), labels(["round", "red"]), name="known")
    other = ImageSet(canonical(pictures(seed=1)), labels(["red", "round"]), notes=["One was damaged."], name="other")
    table = prepare(known, task="multilabel", test=other)
    expected = labels(["round", "red"])
    pd.testing.assert_frame_equal(table.target_frame.iloc[table.parts["test"]].reset_index(drop=True), expected)
    assert "the test images: One was damaged." in table.notes


def test_given_test_images_with_labels_of_other_names_are_refused():
    known = ImageSet(canonical(pictures()), labels(["round", "red"]))
    other = ImageSet(canonical(pictures(seed=1)), labels(["round", "red"]).set_axis(["round", "green"], axis=1))
    with pytest.raises(DataError, match=r"other columns .*green.* than in training"):
        prepare(known, task="multilabel", test=other)
    array = (pictures(seed=1), labels(["round", "red"]).to_numpy())  # by place: it has no names
    assert list(prepare(known, task="multilabel", test=array).target_frame) == ["round", "red"]
