"""Pixels as pictures: read back from the PNG."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.pages import pixels_of
from toolkit.report.pixels import (
    data_uri,
    displayed,
    heat,
    scale_of,
    shrunk,
    signed,
    strip,
)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_survives_the_way_onto_the_page(channels):
    made = np.random.default_rng(0).integers(0, 256, (7, 9, channels)).astype(np.uint8)
    assert np.array_equal(pixels_of(data_uri(made)), made)
    assert data_uri(made) == data_uri(made.copy())


def test_bytes_are_shown_as_they_are_and_numbers_from_black_to_white():
    whole = np.array([[[[0], [130], [255]]]], np.uint8)
    assert displayed(whole, 0, 255) is whole
    assert displayed(np.array([[[[0], [8], [16]]]], np.uint8), 0, 16).ravel().tolist() == [0, 128, 255]
    assert displayed(np.array([[[[-9.0], [-1.0], [0.0], [1.0], [9.0]]]]), -1, 1).ravel().tolist() == [
        0,
        0,
        128,
        255,
        255,
    ]
    assert displayed(np.full((1, 2, 2, 1), 3.0), 3, 3).max() == 0


def test_large_images_are_shown_by_the_means_of_squares():
    made = np.zeros((1, 100, 130, 1), np.uint8)
    made[0, :3, :3, 0] = [[0, 30, 60], [90, 120, 150], [180, 210, 240]]
    small = shrunk(made)
    assert small.shape == (1, 33, 43, 1)  # squares of 3; what is left at the edges is cut off
    assert small[0, 0, 0, 0] == 120
    assert shrunk(made[:, :64, :64]).shape == (1, 64, 64, 1)
    line = np.arange(500, dtype=np.uint8).reshape(1, 1, 500, 1)
    assert shrunk(line)[0, 0, :2, 0].tolist() == [4, 12]  # of 3.5 and 11.5


@pytest.mark.parametrize(("side", "scale"), [(3, 16), (8, 6), (16, 3), (28, 2), (32, 2), (64, 1), (128, 1)])
def test_an_image_is_enlarged_by_a_whole_number(side, scale):
    assert scale_of(side, side) == scale_of(side, 1) == scale


def test_a_strip_holds_its_images_with_clear_gaps():
    made = np.random.default_rng(0).integers(1, 256, (3, 4, 5, 3)).astype(np.uint8)
    drawn = strip(made, gap=2)
    assert drawn.shape == (4, 19, 4)
    for place in range(3):
        assert np.array_equal(drawn[:, 7 * place : 7 * place + 5, :3], made[place])
    assert np.flatnonzero(drawn[0, :, 3] == 0).tolist() == [5, 6, 12, 13]


def test_the_sign_of_a_weight_is_its_color_and_its_size_the_opacity():
    drawn = signed(np.array([[[4.0], [-4.0], [1.0], [0.0]]]))
    assert drawn[0, :, 3].tolist() == [255, 255, 64, 0]
    assert drawn[0, 0, 2] > drawn[0, 0, 0]  # blue
    assert drawn[0, 1, 0] > drawn[0, 1, 2]  # orange
    assert signed(np.zeros((2, 2, 1)))[..., 3].max() == 0
    assert signed(np.array([[[1.0, 0.0, -1.0]]])).tolist() == [[[255, 128, 0]]]


def test_a_map_is_orange_where_hiding_costs_and_blue_where_it_gains():
    image = np.full((2, 2, 3), 100, np.uint8)
    drawn = heat(image, np.array([[2.0, -2.0], [0.0, 1.0]])).astype(int)
    assert drawn[1, 0].tolist() == [95, 95, 95]
    assert drawn[0, 0, 0] > drawn[0, 0, 2]
    assert drawn[0, 1, 2] > drawn[0, 1, 0]
    assert abs(drawn[0, 0] - 95).sum() > abs(drawn[1, 1] - 95).sum() > 0
    assert (heat(image, np.zeros((2, 2))) == 95).all()
