"""Images moved and mirrored: against NumPy's own padding and mirroring."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.common.errors import DataError
from toolkit.training.augmentation import augmented, check_augmentation

IMAGES = np.random.default_rng(0).integers(1, 256, (400, 7, 6, 3)).astype(np.uint8)


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """One image moved by hand: rolled, with what comes round replaced by the edge."""
    tall, wide = image.shape[:2]
    rows, columns = np.clip(np.arange(tall) - down, 0, tall - 1), np.clip(np.arange(wide) - right, 0, wide - 1)
    return image[rows][:, columns]


def which(image: np.ndarray, made: np.ndarray, shift: int, flip: bool) -> tuple[int, int, bool]:
    """How an image was moved; fails where no way gives what was made."""
    for side in (False, True) if flip else (False,):
        for down in range(-shift, shift + 1):
            for right in range(-shift, shift + 1):
                by_hand = moved(image, down, right)
                if np.array_equal(by_hand[:, ::-1] if side else by_hand, made):
                    return down, right, side
    pytest.fail("the image was changed in another way")


@pytest.mark.parametrize(("shift", "flip"), [(1, False), (2, False), (0, True), (1, True)])
def test_each_image_is_moved_and_mirrored_by_itself_and_every_way_is_as_likely(shift, flip):
    made = augmented(IMAGES, shift, flip, np.random.default_rng(1))
    assert made.dtype == np.uint8
    ways = [which(image, one, shift, flip) for image, one in zip(IMAGES, made, strict=True)]
    counts = np.unique(ways, axis=0, return_counts=True)[1]
    expected = len(IMAGES) / ((2 * shift + 1) ** 2 * (1 + flip))
    assert len(counts) == (2 * shift + 1) ** 2 * (1 + flip)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_where_the_edge_is_empty_a_move_is_numpys_roll():
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, 3:5, 3:5, 0] = [[0.1, 0.2], [0.3, 0.4]]
    for seed in range(20):
        made = augmented(image, 2, False, np.random.default_rng(seed))
        rolls = [np.roll(image, (a, b), axis=(1, 2)) for a in range(-2, 3) for b in range(-2, 3)]
        assert any(np.array_equal(made, roll) for roll in rolls)


def test_the_originals_stay_as_they_are():
    before = IMAGES.copy()
    augmented(IMAGES, 2, True, np.random.default_rng(0))
    np.testing.assert_array_equal(IMAGES, before)


@pytest.mark.parametrize(
    ("images", "shift", "flip", "says"),
    [
        (IMAGES, -1, False, "shift=-1: expected a whole number"),
        (IMAGES, 1.5, False, "shift=1.5"),
        (IMAGES, True, False, "shift=True"),
        (IMAGES, 6, False, "shift=6 moves images of 7 x 6 out of sight"),
        (IMAGES, 0, "yes", "flip='yes': expected True or False"),
        (np.zeros((5, 3)), 1, False, r"shift is for images, and x has shape \(5, 3\)"),
        (np.zeros((5, 3)), 0, True, "flip is for images"),
    ],
)
def test_what_makes_no_sense_is_refused(images, shift, flip, says):
    with pytest.raises(DataError, match=says):
        check_augmentation(images, shift, flip)
