"""One network with three outputs against three networks, on the street scenes."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons import multilabel
from recipes.samples import path
from toolkit.data import prepare as preparing
from toolkit.data.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def lesson():
    return multilabel.show()


def test_the_numbers_of_weights_are_those_of_the_layers(lesson):
    table = preparing.prepare(path("street_scenes"), multilabel.LABELS, task="multilabel", seed=0)
    inputs = Preprocessing.fit(table.features.take(table.parts["train"]), scaling="smooth").width
    hidden = (inputs + 1) * 64 + (64 + 1) * 64
    weights = lesson.tables["One network, or three"].set_index("contender")["weights"]
    assert weights.to_dict() == {"one network": hidden + 65 * 3, "three networks": 3 * (hidden + 65)}


def test_one_network_is_as_good_as_three(lesson):
    errors = lesson.tables["Wrong answers, label by label"]
    means = errors.groupby("contender")["wrong answers"].mean()
    assert abs(means["one network"] - means["three networks"]) < 0.02
    assert "no clear difference" in lesson.summary
    for name, mean in means.items():
        assert f"{100 * mean:.1f}\u202f%" in lesson.summary, name
    pairs = errors.pivot(index=["label", "seed"], columns="contender", values="wrong answers")
    fewer = int((pairs["one network"] < pairs["three networks"]).sum())
    assert f"fewer mistakes in {fewer} of the 9 pairs" in lesson.pictures[1].text
    assert 0 < fewer < 9


def test_each_output_answers_its_own_question(lesson):
    table = lesson.tables["The lecture's three answers"]
    assert table["answer"].tolist() == ["1, 0, 1", "0, 0, 1", "1, 1, 0"]
    probabilities = table[["car", "bus", "pedestrian"]].to_numpy()
    assert (probabilities > 0.5).astype(int).tolist() == [[1, 0, 1], [0, 0, 1], [1, 1, 0]]
    assert table["sum"].tolist() == pytest.approx(probabilities.sum(axis=1))
    assert table["sum"].max() > 1.5  # impossible for a softmax


def test_the_bars_are_the_means_of_their_dots(lesson):
    panel = lesson.figures["Wrong answers, label by label"].axes[0]
    errors = lesson.tables["Wrong answers, label by label"]
    means = errors.groupby(["contender", "label"], sort=False)["wrong answers"].mean()
    assert [bar.get_height() for bar in panel.patches] == pytest.approx(means.to_numpy())
    dots = np.concatenate([line.get_ydata() for line in panel.lines])
    assert sorted(dots) == pytest.approx(sorted(errors["wrong answers"]))


def test_the_same_seed_writes_the_same_page(lesson, tmp_path):
    pages = [run.report(tmp_path / f"{index}.html") for index, run in enumerate((lesson, multilabel.show()))]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert len(pages[0].read_bytes()) < 1_000_000
