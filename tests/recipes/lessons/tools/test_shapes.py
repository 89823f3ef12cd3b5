"""Example data in the plane."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons.tools.shapes import SHAPES, points


def test_the_spiral_of_seed_0_is_exactly_that_of_the_case_study():
    # As in the case study: 100 points per arm, arm after arm, from the generator seeded with 0.
    rng = np.random.RandomState(0)
    x, y = points("spiral")
    for arm in range(3):
        radius = np.linspace(0, 1, 100)
        angle = np.linspace(4 * arm, 4 * (arm + 1), 100) + rng.normal(size=100) * 0.2
        expected = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
        assert x[y == arm] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_classes_are_equally_large_and_points_stay_near_the_origin(name):
    x, y = points(name, 300, seed=7)
    assert x.dtype == np.float32
    assert np.bincount(y).tolist() == [300 // SHAPES[name]] * SHAPES[name]
    assert np.abs(x).max() < 1.3


def test_the_disc_lies_in_its_ring_and_xor_classes_in_opposite_corners():
    x, y = points("circle", 300, seed=1)
    radius = np.hypot(*x.T)
    assert radius[y == 0].max() < 0.56 < 0.79 < radius[y == 1].min()
    x, y = points("xor", 300, seed=1)
    assert ((x[:, 0] * x[:, 1] > 0) == (y == 0)).all()


def test_the_same_seed_gives_the_same_points_and_another_seed_does_not():
    assert (points("xor", 30, 1)[0] == points("xor", 30, 1)[0]).all()
    assert not (points("xor", 30, 1)[0] == points("xor", 30, 2)[0]).all()
