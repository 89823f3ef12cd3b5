"""A filter slid over a picture, parameters, and few pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d

from recipes import lessons
from recipes.lessons import convolution
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return convolution.show()


@pytest.fixture(scope="module")
def quick():
    """Return a lesson on a picture, with hardly any training."""

    def show(picture):
        pixels, name = convolution._read(picture)
        return convolution._by_hand(pixels), convolution._filters(pixels), name

    return show


def test_sliding_a_filter_is_what_scipy_and_keras_compute():
    import keras

    picture = np.random.default_rng(0).normal(size=(9, 7))
    for weights in convolution.FILTERS.values():
        answers = convolution.slide(picture, weights)
        assert answers == pytest.approx(correlate2d(picture, weights, mode="valid"))
        layer = keras.layers.Conv2D(1, 3, use_bias=False)
        layer.build((None, 9, 7, 1))
        layer.set_weights([weights[:, :, None, None]])
        assert np.asarray(layer(picture[None, :, :, None]))[0, :, :, 0] == pytest.approx(answers, abs=1e-5)


def test_the_nine_products_add_up_to_the_largest_answer(lesson):
    table = lesson.tables["A filter by hand"]
    largest = lesson.tables["Four filters"].set_index("filter").loc["vertical edges", "largest answer"]
    assert table["product"].sum() == pytest.approx(largest)


def test_parameters_are_those_that_keras_counts(lesson):
    import keras

    table = lesson.tables["Parameters counted"].set_index("picture")
    line = table.loc["28 × 28 × 1"]
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(8, 3)])
    assert line["parameters of the convolution"] == model.count_params() == 80
    assert line["outputs"] == int(np.prod(model.output_shape[1:]))
    assert line["of a dense layer with these outputs"] == "4,245,280"
    assert table.loc["128 × 128 × 3", "parameters of the convolution"] == 448


def test_the_convolutional_network_needs_fewer_pictures(lesson):
    errors = lesson.tables["Why fewer pictures are enough"].pivot(index="rows", columns="network", values="error")
    assert (errors["convolutional"] < errors["dense"]).all()
    assert errors.loc[300, "convolutional"] < errors.loc[1_000, "dense"]
    assert errors["convolutional"].is_monotonic_decreasing


def test_a_picture_of_your_own_is_read_in_gray_from_a_file_or_an_array(tmp_path, quick):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 15:] = 200
    Image.fromarray(pixels).save(tmp_path / "half.png")
    by_hand, filters, name = quick(tmp_path / "half.png")
    assert name == "half.png, 20 × 30 pixels"
    assert by_hand.table["product"].sum() == 3  # dark to bright: three rows of 1
    assert filters.table.set_index("filter").loc["horizontal edges", "largest answer"] == 0
    assert quick(pixels.mean(axis=2))[0].table.equals(by_hand.table)
    name = quick(np.kron(pixels.mean(axis=2), np.ones((8, 8))))[2]
    assert name == "an array, 160 × 240 pixels, each 6 × 6 of them averaged"
    flat = quick(np.ones((5, 5)))[0]
    assert "brighter" not in flat.text


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.ones((2, 9)), r"its shape is \(2, 9\); expected finite brightness, 3 to 4096"),
        (np.full((5, 5), np.nan), "expected finite brightness"),
        ({"a": 1}, "a file or an array of numbers, and got dict"),
        ("missing.png", "missing.png"),
    ],
)
def test_what_is_no_picture_is_named(picture, message):
    with pytest.raises(DataError, match=message):
        convolution.show(picture)


def test_the_call_with_a_picture_is_repeated_on_the_page():
    assert lessons.again("convolution", {"picture": "photo.png", "seed": 1}) == (
        'lessons.show("convolution", "photo.png", seed=1)', "recipes lessons convolution photo.png --seed 1",
    )  # fmt: skip
