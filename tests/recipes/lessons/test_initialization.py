"""Initial weights: the claim of each picture, and the arithmetic behind it."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons import initialization


@pytest.fixture(scope="module")
def lesson():
    return initialization.show()


def test_equal_weights_stay_equal_and_random_ones_learn_the_ring(lesson):
    table = lesson.tables["Equal weights stay equal"]
    assert table.loc[["zeros", "ones"], "different neurons after training"].tolist() == [1, 1]
    assert table.loc[["small", "Glorot", "He"], "different neurons after training"].tolist() == [8, 8, 8]
    assert table.loc["zeros", "loss after training"] == pytest.approx(np.log(2), abs=0.001)  # the loss of guessing
    assert 0.5 < table.loc["ones", "accuracy"] < 0.8 < table.loc["small", "accuracy"]
    assert table.loc[["small", "Glorot", "He"], "accuracy"].tolist() == [1, 1, 1]


def test_random_starts_end_in_two_equivalent_minima_and_zeros_never_move(lesson):
    table = lesson.tables["Two weights, two minima"]
    assert table.loc["both 0", ["end w", "end v"]].tolist() == [0, 0]
    random_starts = table.drop("both 0")
    assert random_starts["cost at the end"].max() < 1e-4 < table.loc["both 0", "cost at the end"]
    # The target is 1.5 tanh(1.2 x), and tanh is odd: both weights may change their sign.
    assert random_starts["end w"].abs().tolist() == pytest.approx([1.2] * 6, abs=0.05)
    assert (random_starts["end w"] * random_starts["end v"]).tolist() == pytest.approx([1.8] * 6, abs=0.05)
    assert set(np.sign(random_starts["end w"])) == {-1, 1}


def test_more_neurons_fail_less_often_on_xor(lesson):
    table = lesson.tables["Different starts, different minima"]
    shares = table["share that learned xor"]
    assert 0.5 < shares[2] < 0.8 < shares[3] < shares[4]
    # Failures are certain of two of the four points and undecided on the other two: half of ln 2.
    losses, right = initialization.train_xor(2, 0)
    assert (np.abs(losses[right < 1] - np.log(2) / 2) < 0.02).mean() > 0.8


def test_scipys_minimizer_ends_at_the_same_losses_on_xor():
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
    # Large weights have variance 1, so the sum of 64 outputs near ±1 has a standard deviation near 8.
    assert table.loc[("tanh", "large"), "layer 6"] > 0.9
    ratios = table.loc[("relu", "large")].to_numpy()
    # Each ReLU layer multiplies the second moment by inputs / 2, the standard deviation by sqrt(32).
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
    assert table.loc[("tanh", "large"), "outputs saturated at the start"] > 0.6
    assert table.loc[("tanh", "Glorot"), "outputs saturated at the start"] < 0.05
    assert table.loc[("relu", "zeros"), "neurons dead at the start"] == 1
    assert after["relu"]["He"] < after["relu"]["Glorot"]


def test_the_page_is_small_and_has_the_same_bytes_each_time(lesson, tmp_path):
    pages = [lesson.report(tmp_path / f"{name}.html").read_bytes() for name in "ab"]
    assert pages[0] == pages[1]
    assert len(pages[0]) < 500_000
