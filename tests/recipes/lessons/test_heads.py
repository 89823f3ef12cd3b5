"""SVM against softmax on a plane."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from recipes.drawing import panels, regions
from recipes.lessons import heads
from recipes.lessons.heads import PENALTY, fit, leads
from toolkit.common.formatting import percent


@pytest.fixture(scope="module")
def lesson():
    return heads.show()


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 30)
    return np.where(y[:, None] == 0, -0.5, 0.5) + rng.normal(scale=0.4, size=(60, 2)), y


def test_softmax_finds_the_border_of_logistic_regression(clouds):
    x, y = clouds
    w = fit("softmax", x[None], y, 2)[0]
    # Two weight vectors of opposite signs cost half of what their difference costs in one.
    library = LogisticRegression(C=1 / (2 * PENALTY / 2 * len(y)), tol=1e-8).fit(x, y)
    assert w[:2, 1] - w[:2, 0] == pytest.approx(library.coef_[0], rel=0.02)
    assert w[2, 1] - w[2, 0] == pytest.approx(library.intercept_[0], abs=0.02)


def test_the_hinge_finds_the_border_of_a_linear_svm(clouds):
    x, y = clouds
    w = fit("hinge", x[None], y, 2)[0]
    # With weights of opposite signs the penalty is half the squared length of their difference, as in an SVM.
    library = SVC(kernel="linear", C=1 / (PENALTY * len(y))).fit(x, y)
    assert w[:2, 1] - w[:2, 0] == pytest.approx(library.coef_[0], rel=0.03)


def test_a_row_beyond_the_margin_does_not_move_the_border_of_the_hinge(lesson):
    moved = lesson.tables["A point moves away"]
    assert moved["SVM (hinge)"].max() < 0.001
    assert moved["softmax"].max() > 0.003
    assert moved.attrs["lead"] > 1
    assert lesson.tables["Borders and margins"].columns[1] == "rows that lead by 0.99 or more"


def test_no_change_is_said_in_words(lesson):
    assert "moves away from the border changes no decision under the hinge" in lesson.summary
    share = lesson.tables["A point moves away"]["softmax"].max()
    assert f"the decision on up to {percent(share, 2)} of the plane under cross-entropy" in lesson.summary


def test_the_border_between_linear_scores_is_drawn_straight():
    ticks = np.linspace(-1, 1, 20)
    x1, x2 = np.meshgrid(ticks, ticks)
    with panels() as (_, axes):
        regions(axes[0, 0], np.stack([0 * x1, x1 + 2 * x2 - 0.1], axis=-1), (-1, 1))
    corners = np.concatenate([path.vertices for part in axes[0, 0].collections for path in part.get_paths()])
    inside = corners[(np.abs(corners) < 1 - 1e-9).all(axis=1)]
    assert len(inside) > 20
    assert inside @ [1, 2] == pytest.approx(0.1)


def test_the_summary_counts_the_rows_that_lead_by_1(lesson):
    table = lesson.tables["How far each row leads"]
    content = int((table["SVM (hinge)"] > 0.99).sum())
    assert f"content with {content} of 60 rows" in lesson.summary
    assert f"{60 - content} rows lead by less than 1" in lesson.figures["Borders and margins"].axes[0].get_title("left")


def test_leads_by_hand():
    assert leads(np.array([[1.0, 4.0, 2.0], [1.0, 4.0, 2.0]]), np.array([1, 2])).tolist() == [2, -2]


def test_your_table_gets_its_axes_and_classes_in_words(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"tall": rng.normal(size=90), "wide": rng.normal(size=90)})
    frame["kind"] = np.where(frame["tall"] + 0.1 * rng.normal(size=90) > 0, "big </p>", "small")
    lesson = heads.show(frame, target="kind", columns=["wide", "tall"], task="binary")
    assert "From left to right: wide; upwards: tall" in lesson.pictures[0].text
    assert "big </p> is blue; small is orange" in lesson.pictures[0].text
    text = lesson.report(tmp_path / "a").read_text()
    assert "big &lt;/p&gt; is blue" in text
    again = heads.show(frame, target="kind", columns=["wide", "tall"], task="binary")
    assert again.report(tmp_path / "b").read_text() == text
