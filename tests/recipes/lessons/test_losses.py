"""The hinge and the cross-entropy on the lecture's scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from recipes.lessons import losses


@pytest.fixture(scope="module")
def lesson():
    return losses.show()


def test_the_example_has_the_lectures_numbers_with_the_frog_corrected(lesson):
    table = lesson.table
    assert table.loc["cat":"frog", "hinge"].tolist() == pytest.approx([2.9, 0, 12.9])
    assert table.loc["cat":"frog", "squared hinge"].tolist() == pytest.approx([8.41, 0, 83.25])
    assert table.loc["cat":"frog", "cross-entropy"].round(4).tolist() == [2.0404, 0.0791, 6.1565]
    assert round(table.loc["mean", "hinge"], 4) == 5.2667
    assert any("12.9" in line and "5.2667" in line for line in lesson.corrections)


def test_the_violations_add_up_to_the_hinge(lesson):
    terms = lesson.tables["Who pays"].to_numpy()
    assert np.isnan(np.diag(terms)).all()
    assert np.nansum(terms, axis=1).tolist() == pytest.approx([2.9, 0, 12.9])
    assert terms[2, :2].tolist() == pytest.approx([6.3, 6.6])


def test_the_true_class_in_the_sum_adds_exactly_1_and_a_mean_only_rescales(lesson):
    table = lesson.tables["Sum or mean, with or without the true class, squared"]
    numbers = table[["cat", "car", "frog", "mean"]].astype(float)
    hinge = numbers.loc["sum over the wrong classes"]
    assert (numbers.loc["sum over all classes"] - hinge).tolist() == pytest.approx([1, 1, 1, 1])
    assert (hinge / 2).tolist() == pytest.approx(numbers.loc["mean over the wrong classes"].tolist())
    assert numbers.loc["sum of squares"].tolist() == pytest.approx([8.41, 0, 83.25, 91.66 / 3])


def test_the_hinge_reaches_0_at_a_lead_of_1_and_the_cross_entropy_never_does(lesson):
    table = lesson.tables["The smallest and the largest value"]
    lead = table["lead of the true class"]
    assert (table["hinge"][lead >= 1] == 0).all()
    assert (table["hinge"][lead < 1] > 0).all()
    assert (table["cross-entropy"] > 0).all()
    assert (np.diff(table["cross-entropy"]) < 0).all()


def test_the_losses_at_the_start_are_classes_minus_1_and_ln_classes(lesson):
    table = lesson.tables["Two numbers to look for when training starts"]
    assert table["hinge"].tolist() == [1, 2, 9, 999]
    assert table["cross-entropy"].tolist() == pytest.approx(np.log([2, 3, 10, 1000]))


def test_doubled_scores_leave_the_hinge_at_0_and_lower_the_cross_entropy(lesson):
    table = lesson.tables["Many weights have a hinge of 0"].set_index("scores multiplied by")
    assert table.loc[[1.0, 2.0], "hinge"].tolist() == [0, 0]
    assert table.loc[2.0, "cross-entropy"] < table.loc[1.0, "cross-entropy"]
    assert table["cross-entropy"].tolist() == pytest.approx(
        [-log_softmax(np.array([1.3, 4.9, 2.0]) * factor)[1] for factor in table.index]
    )


def test_the_hinge_does_not_change_once_the_margin_is_met(lesson):
    table = lesson.tables["Change a score a little"]
    assert table["hinge"].tolist() == pytest.approx([0, 0, 0, 1.58])
    assert table["cross-entropy"].round(4).tolist() == [0.0009, 0.5514, 0.0, 1.0402]
    assert table["cross-entropy"].iloc[2] == pytest.approx(2 * np.exp(-110.0), rel=1e-9)
    rise = np.exp(-6.5) - np.exp(-7.0)
    assert f"rises by {rise:.1g} if" in next(p.text for p in lesson.pictures if p.title == "Change a score a little")
    # At 10, 9, 9 half a point less costs half a point for each of the two wrong classes.
    assert table["hinge, true score 0.5 lower"].tolist() == pytest.approx([0, 1, 0, 2.08])


def test_every_picture_has_a_text_alternative(lesson):
    assert all(picture.alt for picture in lesson.pictures if picture.figure is not None)


def test_the_same_lesson_writes_the_same_bytes(lesson, tmp_path):
    assert lesson.report(tmp_path / "a").read_bytes() == losses.show().report(tmp_path / "b").read_bytes()
