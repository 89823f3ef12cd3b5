"""Windows of training images: all images once, in the order in which an epoch in memory goes through them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.images import pictures
from toolkit.data.pictures import Pictures
from toolkit.training.augmentation import augmented
from toolkit.training.picture_rows import PictureRows

PIXELS = pictures(50, 6, 5, 3)
Y = np.arange(50, dtype=np.float32)[:, None]


def rows(budget: int = 0, **options) -> PictureRows:
    return PictureRows(Pictures.joined([PIXELS], budget), Y, **{"sample_weight": None, **options})


@pytest.mark.parametrize("shuffle", [True, False])
def test_windows_hold_whole_batches_in_the_order_of_an_epoch_in_memory(shuffle):
    windows = list(rows(sample_weight=np.arange(50.0)).windows(3, 2, 4, shuffle=shuffle))
    assert [len(x) for x, _, _ in windows] == [16, 16, 16, 2]
    order = np.random.default_rng((3, 2)).permutation(50) if shuffle else np.arange(50)
    np.testing.assert_array_equal(np.concatenate([x for x, _, _ in windows]), PIXELS[order])
    np.testing.assert_array_equal(np.concatenate([y for _, y, _ in windows]), Y[order])
    weights = np.concatenate([weights for _, _, weights in windows if weights is not None])
    np.testing.assert_array_equal(weights, order.astype(np.float32))


def test_each_epoch_and_each_seed_has_an_order_of_its_own():
    epochs = [
        np.concatenate([y for _, y, _ in rows().windows(seed, epoch, 8)]) for seed, epoch in ((0, 1), (0, 2), (1, 1))
    ]
    assert all(sorted(y.ravel()) == list(range(50)) for y in epochs)
    assert not (epochs[0] == epochs[1]).all()
    assert not (epochs[0] == epochs[2]).all()


@pytest.mark.parametrize(("shift", "flip"), [(2, False), (0, True), (1, True)])
def test_images_are_moved_as_those_in_memory(shift, flip):
    moved = np.concatenate([x for x, _, _ in rows(shift=shift, flip=flip).windows(0, 5, 8)])
    expected = augmented(PIXELS, shift, flip, np.random.default_rng((0, 5, 1)))
    np.testing.assert_array_equal(moved, expected[np.random.default_rng((0, 5)).permutation(50)])


@pytest.mark.parametrize(("budget", "batch", "window"), [(0, 8, 32), (32 * 90 * 100, 8, 96), (2**40, 1, 2**27 // 90)])
def test_a_window_takes_a_share_of_the_memory(budget, batch, window):
    assert rows(budget).window(batch) == window
