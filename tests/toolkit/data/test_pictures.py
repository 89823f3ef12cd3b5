"""Images that are read when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.images import pictures
from toolkit.data.images.stack import Images
from toolkit.data.pictures import Pictures, digests, needed, statistics

FIRST, SECOND = pictures(20, 6, 5, 3), pictures(12, 6, 5, 3, seed=1)
BOTH = np.concatenate([FIRST, SECOND])


@pytest.fixture
def joined() -> Pictures:
    return Pictures.joined([FIRST, SECOND], budget=2**20)


@pytest.mark.parametrize(
    "rows",
    [3, -1, np.int64(25), slice(None), slice(15, 25), slice(30, 99), np.array([31, 0, 0, 20]), np.arange(32) % 3 == 0],
)
def test_an_index_gives_what_an_array_gives(joined, rows):
    np.testing.assert_array_equal(joined[rows], BOTH[rows])
    np.testing.assert_array_equal(joined.take(np.arange(32))[rows], BOTH[rows])


def test_shape_type_and_extremes_are_those_of_the_array(joined):
    assert (joined.shape, joined.dtype, joined.ndim, len(joined)) == (BOTH.shape, BOTH.dtype, 4, 32)
    assert (joined.min(), joined.max()) == (BOTH.min(), BOTH.max())
    np.testing.assert_array_equal(np.asarray(joined), BOTH)
    assert np.asarray(joined, np.float32).dtype == np.float32


def test_images_that_are_taken_can_be_taken_from_and_joined_again(joined):
    some = joined.take(np.array([25, 3, 7])).take(np.array([True, False, True]))
    again = Pictures.joined([some, FIRST[:2], joined.take(slice(30, None))])
    np.testing.assert_array_equal(again[:], np.concatenate([BOTH[[25, 7]], FIRST[:2], BOTH[30:]]))
    assert again.budget == joined.budget


def test_no_image_may_be_chosen(joined):
    assert joined[np.zeros(0, np.int64)].shape == (0, 6, 5, 3)
    none = joined.take(slice(0, 0))
    assert (none[:].shape, none.digests.shape) == ((0, 6, 5, 3), (0,))
    assert Pictures.joined([FIRST[:0], FIRST], budget=0).shape == FIRST.shape


def test_images_of_two_types_become_the_wider_one():
    mixed = Pictures.joined([FIRST, SECOND.astype(np.float32) + 0.5], budget=0)
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed[18:22], np.concatenate([FIRST[18:], SECOND[:2].astype(np.float32) + 0.5]))


def test_equal_pixels_have_equal_digests_whatever_their_type():
    copies = np.concatenate([FIRST, FIRST[::-1]])
    marks = digests(copies)
    assert len(set(marks)) == 20
    np.testing.assert_array_equal(marks[:20], marks[20:][::-1])
    np.testing.assert_array_equal(digests(FIRST.astype(np.float32)), digests(FIRST))
    assert not set(digests(FIRST.astype(np.float32) + 0.5)) & set(marks)
    outside = np.array([-1.0, 256.0, 255.5], np.float32).reshape(3, 1, 1, 1)
    assert not set(digests(outside)) & set(digests(np.array([255, 0], np.uint8).reshape(2, 1, 1, 1)))


def test_statistics_are_those_of_each_image():
    expected = [[x.min(), x.max(), x.sum(dtype=float), (x.astype(float) ** 2).sum()] for x in FIRST]
    np.testing.assert_array_equal(statistics(FIRST), expected)


def test_equal_images_in_memory_and_in_files_are_numbered_alike(joined):
    repeated = Images(joined).append([Images(FIRST[3:5])])
    numbers = repeated.same_rows()
    assert numbers.tolist() == [*range(32), 3, 4]
    assert Images(np.asarray(repeated.pixels)).same_rows().tolist() == numbers.tolist()


def test_the_users_array_may_change_after_it_was_joined(joined):
    array = FIRST.copy()
    images = Images(joined).append([Images(array)])
    array[:] = 0
    np.testing.assert_array_equal(np.asarray(images.pixels), np.concatenate([BOTH, FIRST]))


def test_floats_take_four_times_the_memory_of_bytes():
    assert needed(10, (8, 8, 3), "float32") == 4 * needed(10, (8, 8, 3), np.uint8) > 4 * 10 * 8 * 8 * 3
