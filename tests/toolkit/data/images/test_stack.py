"""Stacks of images in canonical form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.helpers.images import CLASSES, pictures
from toolkit.common.errors import DataError
from toolkit.data.images.stack import Images, ImageSet, canonical, holds_images


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
