"""What is learned of training images, and what becomes of new ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.helpers.images import pictures
from toolkit.common.errors import DataError
from toolkit.data.images.preprocessing import ImagePreprocessing, check_files, square_for
from toolkit.data.images.stack import Images, canonical


def test_mean_and_deviation_are_numpys():
    for pixels in (pictures(60, 6, 5, 3), 1e6 + pictures(60, 6, 5, 3).astype(np.float32)):
        preprocessing = ImagePreprocessing.fit(Images(pixels))
        assert preprocessing.mean == pytest.approx(pixels.astype(np.float64).mean(), rel=1e-12)
        assert preprocessing.deviation == pytest.approx(pixels.astype(np.float64).std(), rel=1e-9)
        assert (preprocessing.low, preprocessing.high) == (pixels.min(), pixels.max())
        assert preprocessing.shape == (6, 5, 3)
        assert preprocessing.width == 90


def test_images_that_do_not_vary_are_divided_by_one():
    assert ImagePreprocessing.fit(Images(np.full((2, 3, 3, 1), 7, np.uint8))).deviation == 1


def test_one_image_alone_is_a_stack_of_one():
    gray, color = (ImagePreprocessing.fit(Images(pictures(9, 6, 5, channels))) for channels in (1, 3))
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
    preprocessing = ImagePreprocessing.fit(Images(pictures(60, 6, 5, 1)))
    with pytest.raises(DataError, match=says):
        preprocessing.transform(given)


def test_pixels_of_another_type_become_the_trainings():
    eight = ImagePreprocessing.fit(Images(pictures(9, 6, 5, 1)))
    assert eight.transform(pictures(2, 6, 5).astype(np.float64)).dtype == np.float32
    fractions = ImagePreprocessing.fit(Images(pictures(9, 6, 5, 1).astype(np.float32) / 255))
    with pytest.raises(DataError, match="bring them to the same scale"):
        fractions.transform(pictures(2, 6, 5))
    assert fractions.transform(np.zeros((1, 6, 5), np.uint8)).dtype == np.float32


def test_squares_of_pixels_are_their_means_cut_off_at_the_far_edges():
    preprocessing = ImagePreprocessing((3, 4, 1), "float32", 1.0, 2.0, 0.0, 11.0)
    image = canonical(np.arange(12.0).reshape(1, 3, 4))
    assert square_for(preprocessing.shape, 12) == 1
    assert square_for(preprocessing.shape, 11) == 2
    # 0 1 4 5 | 2 3 6 7 over 8 9 | 10 11: means 2.5, 4.5, 8.5, 10.5, less 1, over 2
    np.testing.assert_allclose(preprocessing.means(image, 2), [[0.75, 1.75, 3.75, 4.75]])
    np.testing.assert_allclose(preprocessing.means(image), (np.arange(12.0)[None] - 1) / 2)


def test_an_encoder_comes_back_exactly_from_json():
    preprocessing = ImagePreprocessing.fit(Images(pictures(60, 6, 5, 3)))
    assert ImagePreprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing


@pytest.mark.parametrize("damage", [{"images": {}}, {"images": {"shape": [1, 2]}}, {}])
def test_a_damaged_encoder_is_refused(damage):
    with pytest.raises(DataError, match="damaged"):
        ImagePreprocessing.from_dict({"schema": 1} | damage)


@pytest.mark.parametrize(
    ("known", "new"), [((0, 1), (0, 255)), ((0, 16), (0, 1)), ((0, 1), (-1, 1)), ((0, 255), (-1, 1))]
)
def test_fractions_on_another_scale_than_those_of_the_training_are_refused(known, new):
    shares = pictures() / 255
    preprocessing = ImagePreprocessing.fit(Images(canonical(known[0] + shares * (known[1] - known[0]))))
    with pytest.raises(DataError, match="same scale"):
        preprocessing.transform(new[0] + shares * (new[1] - new[0]))


def test_fractions_a_little_beyond_those_of_the_training_are_taken():
    preprocessing = ImagePreprocessing.fit(Images(canonical(pictures() / 255)))
    given = pictures(3) / 255 * 1.1 - 0.01
    np.testing.assert_array_equal(preprocessing.transform(given)[..., 0], given.astype(np.float32))


def test_a_single_ragged_image_is_refused():
    preprocessing = ImagePreprocessing.fit(Images(canonical(pictures())))
    with pytest.raises(DataError, match="different sizes"):
        preprocessing.transform([[1, 2], [3]])


def test_files_are_refused_where_the_training_pixels_end_far_below_255():
    with pytest.raises(DataError, match=r"a\.png: trained on pixels from 0 to 16, picture files have 0 to 255"):
        check_files(pictures(), 0.0, 16.0, "a.png")
    check_files(pictures(), 0.0, 200.0, "a.png")
    check_files(pictures() // 16, 0.0, 16.0, "a.png")  # files as dark as those of the training
