"""Images that are read, checked and split."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.helpers.images import CLASSES, pictures
from toolkit.common.errors import DataError
from toolkit.data.images.stack import ImageSet, canonical
from toolkit.data.prepare import prepare


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
    units = table.units
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
