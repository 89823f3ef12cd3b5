"""Where weights start: each picture's claim, and the arithmetic behind it."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons import initialization as initialization


@pytest.fixture(scope="module")
def lesson():
    return initialization.show()


def test_equal_weights_stay_equal_and_random_ones_learn_the_ring(lesson):
    table = lesson.tables["Equal weights stay equal"]
    assert table.loc[["zeros", "ones"], "different neurons after training"].tolist() == [1, 1]
    assert table.loc[["small", "Glorot", "He"], "different neurons after training"].tolist() == [8, 8, 8]
    assert table.loc["zeros", "loss after training"] == pytest.approx(np.log(2), abs=0.001)  # nothing was learned
    assert 0.5 < table.loc["ones", "share right"] < 0.8 < table.loc["small", "share right"]
    assert table.loc[["small", "Glorot", "He"], "share right"].tolist() == [1, 1, 1]


def test_starts_end_in_two_minima_that_compute_the_same_and_zeros_never_move(lesson):
    table = lesson.tables["Two weights, two minima"]
    assert table.loc["both 0", ["end w", "end v"]].tolist() == [0, 0]
    moved = table.drop("both 0")
    assert moved["cost at the end"].max() < 1e-4 < table.loc["both 0", "cost at the end"]
    # The target is 1.5 tanh(1.2 x), and tanh is odd: both weights may change their sign.
    assert moved["end w"].abs().tolist() == pytest.approx([1.2] * 6, abs=0.05)
    assert (moved["end w"] * moved["end v"]).tolist() == pytest.approx([1.8] * 6, abs=0.05)
    assert set(np.sign(moved["end w"])) == {-1, 1}


def test_more_neurons_have_fewer_bad_ends(lesson):
    table = lesson.tables["Different starts, different ends"]
    shares = table["share that learned xor"]
    assert 0.5 < shares[2] < 0.8 < shares[3] < shares[4]
    # Two of the four points right for sure and the other two undecided: half of ln 2.
    losses, right = initialization._xor(2, 0)
    assert (np.abs(losses[right < 1] - np.log(2) / 2) < 0.02).mean() > 0.8


def test_a_random_network_learns_xor_as_scipys_minimiser_would():
    """The loss at the end is one of those that an outside minimiser ends in from the same kind of start."""
    from scipy.optimize import minimize

    x = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    y = np.array([-1, 1, 1, -1])

    def loss(p):
        h = np.tanh(x @ p[:4].reshape(2, 2) + p[4:6])
        return np.logaddexp(0, -y * (h @ p[6:8] + p[8])).mean() + 1e-6 * (p**2).sum()

    rng = np.random.default_rng(1)
    ends = np.array([minimize(loss, rng.normal(size=9)).fun for _ in range(12)])
    learned = ends < 0.01
    assert learned.any()
    assert ends[~learned] == pytest.approx([np.log(2) / 2] * int((~learned).sum()), abs=0.01)


def test_the_spread_of_signals_follows_the_arithmetic_of_random_sums(lesson):
    table = lesson.tables["Signals through the layers"]
    # Of large weights (variance 1), 64 outputs of tanh near 1 have sums with a spread near 8.
    assert table.loc[("tanh", "large"), "layer 6"] > 0.9
    ratios = table.loc[("relu", "large")].to_numpy()
    # Each ReLU layer multiplies the second moment by inputs / 2: a factor of sqrt(32) for the spread.
    assert (ratios[1:] / ratios[:-1]).tolist() == pytest.approx([np.sqrt(32)] * 5, rel=0.25)
    small = table.loc[("relu", "small")].to_numpy()
    assert (small[1:] / small[:-1]).tolist() == pytest.approx([0.05 * np.sqrt(32)] * 5, rel=0.3)
    assert table.loc[("relu", "He"), "layer 6"] == pytest.approx(table.loc[("relu", "He"), "layer 1"], rel=0.5)
    assert table.loc[[("tanh", "zeros"), ("relu", "zeros")]].to_numpy().max() == 0


def test_only_glorot_and_he_learn_in_a_deep_network(lesson):
    table = lesson.tables["Who learns"]
    after = table["loss after training"].astype(float)
    for kind in ("tanh", "relu"):
        assert after[kind][["Glorot", "He"]].max() < 0.2
        assert after[kind][["zeros", "small"]].min() > 2.2
    assert after["tanh"]["large"] > 1
    assert np.isnan(after["relu"]["large"])
    assert table.loc[("tanh", "large"), "outputs saturated"] > 0.6
    assert table.loc[("tanh", "Glorot"), "outputs saturated"] < 0.05
    assert table.loc[("relu", "zeros"), "neurons dead at the start"] == 1
    assert after["relu"]["He"] < after["relu"]["Glorot"]


def test_the_page_is_small_and_the_same_every_time(lesson, tmp_path):
    pages = [lesson.report(tmp_path / f"{name}.html").read_bytes() for name in "ab"]
    assert pages[0] == pages[1]
    assert len(pages[0]) < 500_000
