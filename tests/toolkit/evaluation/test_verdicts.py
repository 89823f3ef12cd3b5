"""Curves drawn and trained for each label, and baselines made better, level and worse on purpose."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from toolkit.evaluation.curves import KINDS, Losses, Reading, read_curves
from toolkit.evaluation.metric_names import METRICS, margin_of
from toolkit.evaluation.metrics import Outcome
from toolkit.evaluation.standings import Standing, Standings, kind_of, standings_of
from toolkit.evaluation.verdicts import headline, next_step, read_baselines


def history(loss: Any, val_loss: Any = None) -> pd.DataFrame:
    columns = {"epoch": np.arange(1, len(loss) + 1), "loss": loss}
    return pd.DataFrame(columns if val_loss is None else {**columns, "val_loss": val_loss})


def read(frame: pd.DataFrame, stopped: str = "all epochs were run", **options: Any) -> Reading:
    """Read a curve as a training leaves it: the best epoch is that of the lowest finite validation loss."""
    if "val_loss" not in frame:
        return read_curves(frame, len(frame), stopped, **options)
    watched = frame["val_loss"].where(np.isfinite(frame["val_loss"]), np.inf)
    best = 0 if np.isinf(watched).all() else int(np.argmin(watched)) + 1
    return read_curves(frame, best, stopped, **options)


def falling(epochs: int, start: float, end: float, pace: float) -> np.ndarray:
    """A loss that falls exponentially; `pace` is the share of the run after which a third of the way is left."""
    t = np.arange(epochs) / max(epochs - 1, 1)
    return end + (start - end) * np.exp(-t / pace)


def rising(epochs: int, best: int, size: float) -> np.ndarray:
    """Nothing up to the best epoch, then a straight rise to `size`."""
    return size * np.clip((np.arange(epochs) - best) / (epochs - 1 - best), 0, None)


# name: label, training loss, validation loss, noise (a share of the start)
DRAWN: dict[str, tuple[str, np.ndarray, np.ndarray, float]] = {
    "a good run of 100 epochs": ("fitted", falling(100, 1, 0.25, 0.1), falling(100, 0.95, 0.3, 0.1), 0.005),
    "a good run, noisy": ("fitted", falling(100, 1, 0.25, 0.1), falling(100, 0.95, 0.3, 0.1), 0.03),
    "a good run, losses in thousands": ("fitted", falling(80, 9e3, 2e3, 0.1), falling(80, 8e3, 2.2e3, 0.1), 0.01),
    "a good run, losses in millionths": ("fitted", falling(80, 9e-6, 2e-6, 0.1), falling(80, 8e-6, 2e-6, 0.1), 0.01),
    "a good run of 12 epochs": ("fitted", falling(12, 2.3, 0.3, 0.12), falling(12, 1.8, 0.35, 0.12), 0.0),
    "dropout: the training loss stays above": ("fitted", falling(60, 1, 0.5, 0.1), falling(60, 0.8, 0.35, 0.1), 0.01),
    "a wide gap that does not grow": ("fitted", falling(100, 1, 0.02, 0.1), falling(100, 0.9, 0.4, 0.08), 0.005),
    "separable classes, both near nothing": (
        "fitted",
        falling(80, 0.7, 0.001, 0.08),
        falling(80, 0.6, 0.002, 0.08),
        0.0,
    ),
    "a rise near nothing is no overfitting": (
        "fitted",
        falling(80, 0.7, 0.0001, 0.06),
        falling(80, 0.6, 0.010, 0.06) + rising(80, 40, 0.004),
        0.0,
    ),
    "a gentle rise within the noise": (
        "fitted",
        falling(100, 1, 0.2, 0.1),
        falling(100, 1, 0.5, 0.1) + rising(100, 50, 0.015),
        0.01,
    ),
    "learned by heart": (
        "overfitted",
        falling(100, 1, 0.01, 0.2),
        falling(100, 1, 0.4, 0.07) + rising(100, 20, 0.5),
        0.01,
    ),
    "learned by heart, noisy": (
        "overfitted",
        falling(100, 1, 0.01, 0.2),
        falling(100, 1, 0.4, 0.07) + rising(100, 20, 0.4),
        0.03,
    ),
    "learned by heart, stopped after 30 epochs": (
        "overfitted",
        falling(30, 0.69, 0.05, 0.3),
        falling(30, 0.69, 0.45, 0.1) + rising(30, 8, 0.2),
        0.005,
    ),
    "learned by heart within 8 epochs": (
        "overfitted",
        np.array([0.6, 0.4, 0.25, 0.15, 0.09, 0.05, 0.03, 0.02]),
        np.array([0.50, 0.45, 0.47, 0.52, 0.58, 0.66, 0.72, 0.80]),
        0.0,
    ),
    "worse from the first epoch on": ("overfitted", falling(40, 0.5, 0.01, 0.2), np.linspace(0.6, 1.4, 40), 0.005),
    "overfitted, losses in thousands": (
        "overfitted",
        falling(60, 9e3, 1e2, 0.2),
        falling(60, 9e3, 4e3, 0.08) + rising(60, 15, 2e3),
        0.01,
    ),
    "a constant": ("underfitted", np.full(30, 0.693), np.full(30, 0.693), 0.0),
    "a noisy constant": ("underfitted", np.full(50, 1.0), np.full(50, 1.02), 0.01),
    "a rate far too low": ("underfitted", np.linspace(2.30, 2.27, 20), np.linspace(2.30, 2.28, 20), 0.0),
    "a plateau just below the start": ("underfitted", falling(60, 1.0, 0.97, 0.1), falling(60, 1.01, 0.98, 0.1), 0.002),
    "two epochs without progress": ("underfitted", np.array([1.0, 0.99]), np.array([1.0, 1.0]), 0.0),
    "cut short": ("could train longer", falling(30, 1, 0.2, 0.8), falling(30, 1, 0.25, 0.8), 0.003),
    "cut short, noisy": ("could train longer", falling(60, 1, 0.1, 0.8), falling(60, 1, 0.15, 0.8), 0.01),
    "three epochs": ("could train longer", np.array([2.2, 1.9, 1.6]), np.array([2.0, 1.8, 1.5]), 0.0),
    "two epochs": ("could train longer", np.array([2.2, 1.9]), np.array([2.0, 1.7]), 0.0),
    "one epoch": ("could train longer", np.array([0.5]), np.array([0.4]), 0.0),
    "a straight fall of 200 epochs": ("could train longer", np.linspace(5, 3, 200), np.linspace(5, 3.2, 200), 0.005),
    "not a number": ("diverged", np.array([1.0, 0.8, math.nan]), np.array([0.9, 0.9, math.nan]), 0.0),
    "not a number at once": ("diverged", np.array([math.nan]), np.array([math.nan]), 0.0),
    "infinite validation loss": ("diverged", np.array([1.0, 0.8, 0.7]), np.array([0.9, 0.9, math.inf]), 0.0),
    "growing without end": ("diverged", np.geomspace(1, 1e9, 20), np.geomspace(1, 1e9, 20), 0.0),
    "fell, then exploded": (
        "diverged",
        np.concatenate([falling(30, 1, 0.3, 0.2), np.full(10, 4.0)]),
        np.concatenate([falling(30, 1, 0.35, 0.2), np.full(10, 4.2)]),
        0.005,
    ),
    "fell, then forgot": (
        "diverged",
        np.concatenate([falling(30, 2.3, 0.3, 0.2), np.full(20, 2.3)]),
        np.concatenate([falling(30, 2.3, 0.4, 0.2), np.full(20, 2.31)]),
        0.005,
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DRAWN)
def test_a_drawn_curve_reads_as_its_label(name: str, seed: int) -> None:
    label, loss, val_loss, noise = DRAWN[name]
    random = np.random.default_rng(seed)
    loss, val_loss = (y + noise * y[0] * random.normal(size=len(y)) for y in (loss, val_loss))
    found = read(history(loss, val_loss))
    assert found.kind == label, found.sentence


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("name", DRAWN)
def test_the_unit_of_the_loss_does_not_matter(name: str, factor: float) -> None:
    label, loss, val_loss, _ = DRAWN[name]
    assert read(history(factor * loss, factor * val_loss)).kind == label


def test_single_spikes_do_not_matter() -> None:
    loss, val_loss = falling(100, 1, 0.25, 0.1), falling(100, 0.95, 0.3, 0.1)
    loss[[30, 97]] = 5
    val_loss[[40, 98]] = 7
    assert read(history(loss, val_loss)).kind == "fitted"


def trained(x: np.ndarray, y: np.ndarray, epochs: int, **options: Any) -> pd.DataFrame:
    """A small network of scikit-learn's, an epoch at a time."""
    classes = np.unique(y)
    regression = len(classes) > 20
    x, new, y, truth = train_test_split(scale(x), scale(y) if regression else y, test_size=0.3, random_state=0)
    model = (MLPRegressor if regression else MLPClassifier)(random_state=0, alpha=0, **options)
    rows = []
    for _ in range(epochs):
        with np.errstate(all="ignore"):
            if regression:
                try:
                    model.partial_fit(x, y)
                except ValueError:  # scikit-learn's word for weights that are no longer finite
                    rows.append((math.nan, math.nan))
                    break
                score = np.mean((truth - model.predict(new)) ** 2) / 2
            else:
                model.partial_fit(x, y, classes=classes)
                score = log_loss(truth, model.predict_proba(new), labels=classes)
        rows.append((model.loss_, score))
    return history(*np.array(rows).T)


DIGITS, CANCER = load_digits(return_X_y=True), load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
TRAINED: dict[str, tuple[str, Any, int, dict[str, Any]]] = {
    "digits": ("fitted", DIGITS, 40, {"hidden_layer_sizes": (64,), "learning_rate_init": 3e-3}),
    "digits, cut short": ("could train longer", DIGITS, 4, {"hidden_layer_sizes": (64,), "learning_rate_init": 1e-3}),
    "digits, hardly any rate": ("underfitted", DIGITS, 20, {"hidden_layer_sizes": (64,), "learning_rate_init": 1e-6}),
    "diabetes, wide and long": ("overfitted", DIABETES, 80, {"hidden_layer_sizes": (128,), "learning_rate_init": 3e-3}),
    "diabetes, narrow and short": ("could train longer", DIABETES, 25, {"hidden_layer_sizes": (8,)}),
    "diabetes, a rate of 1": ("diverged", DIABETES, 20, {"solver": "sgd", "learning_rate_init": 1.0}),
    "cancer, long": ("overfitted", CANCER, 80, {"hidden_layer_sizes": (64,), "learning_rate_init": 1e-2}),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_curve_reads_as_its_label(name: str) -> None:
    label, (x, y), epochs, options = TRAINED[name]
    found = read(trained(x, y, epochs, **options))
    assert found.kind == label, found.sentence


def test_noise_learned_by_heart_is_overfitting_and_not_learned_at_all_is_underfitting() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(600, 20)), random.integers(0, 2, 600)
    wide = trained(x, y, 60, hidden_layer_sizes=(64,), learning_rate_init=3e-3)
    narrow = trained(x, y, 40, hidden_layer_sizes=(1,), learning_rate_init=3e-4)
    assert read(wide).kind == "overfitted"
    assert read(narrow).kind == "underfitted"


def test_the_loss_of_a_constant_answer_tells_what_the_first_epoch_hides() -> None:
    # On many rows the first epoch does nearly all; with a rate far too high it starts far above any guess.
    quick = history(np.linspace(0.325, 0.318, 10), np.linspace(0.322, 0.317, 10))
    assert read(quick).kind == "underfitted"
    assert read(quick, losses=Losses(0.318, 0.317, 0.55)).kind == "fitted"
    wild = history(falling(30, 25, 2.3, 0.05), falling(30, 23, 2.31, 0.05))
    assert read(wild).kind == "fitted"
    assert read(wild, losses=Losses(2.3, 2.31, math.log(10))).kind == "underfitted"


@pytest.mark.parametrize("name", DRAWN)
def test_without_validation_rows_the_training_loss_is_read_and_overfitting_is_not_claimed(name: str) -> None:
    label, loss, _, _ = DRAWN[name]
    found = read(history(loss))
    assert found.kind in KINDS
    assert found.kind != "overfitted"
    if label in ("diverged", "underfitted", "could train longer") and np.isfinite(loss[-1]) == (label != "diverged"):
        assert found.kind == label
    if found.kind == "fitted":
        assert "Without validation rows overfitting cannot be seen" in found.sentence


@pytest.mark.parametrize("name", DRAWN)
def test_every_sentence_names_an_epoch_and_ends(name: str) -> None:
    _, loss, val_loss, _ = DRAWN[name]
    sentence = read(history(loss, val_loss)).sentence
    assert "epoch" in sentence.lower()
    assert sentence.endswith(".")
    assert "nan" not in sentence


def test_the_numbers_in_a_sentence_are_those_of_the_curve() -> None:
    loss, val_loss = DRAWN["learned by heart within 8 epochs"][1:3]
    sentence = read(history(loss, val_loss)).sentence
    assert sentence.startswith("Best in epoch 2, then overfitted")
    assert "by epoch 8 the validation loss rose from 0.45 to 0.8 while the training loss fell from " in sentence
    cut = read(history([3.0, 2.0, 1.0], [3.0, 2.5, 2.0]), "all 3 epochs were run").sentence
    assert "from about 3 in epoch 1 to about 2 in epoch 3, the last (all 3 epochs were run)" in cut
    lost = read(history([1.0, 0.5, math.inf], [1.0, 0.6, math.inf])).sentence
    assert "in epoch 3 of 3 the loss was no longer finite. The weights of epoch 2 were kept." in lost


def test_a_training_loss_with_dropout_on_is_not_compared_with_the_validation_loss() -> None:
    frame = history([9.0, 7, 6, 5.5, 5.2, 5.1, 5.05, 5.04], [2.0, 0.6, 0.3, 0.2, 0.15, 0.12, 0.11, 0.109])
    assert "do not show what the network memorized" in read(frame).sentence
    memorized = read(frame, losses=Losses(0.01, 0.109)).sentence
    assert "the loss is 0.01 on training rows and 0.109 on validation rows: regularization or more" in memorized
    learned = read(frame, losses=Losses(0.1, 0.109)).sentence
    assert "did not memorize" in learned
    assert not any("lower" in sentence for sentence in (memorized, learned))


def test_what_holds_on_training_rows_only_is_learned_by_heart() -> None:
    frame = history(*DRAWN["a good run of 100 epochs"][1:3])
    for validation, words in ((1.04, "hardly below the 1.05"), (1.2, "not below the 1.05")):
        found = read(frame, losses=Losses(0.98, validation, 1.05))
        assert found.kind == "overfitted"
        assert words in found.sentence
        assert "little of what the network learned carries over" in found.sentence
    assert read(frame, losses=Losses(0.5, 0.6, 1.05)).kind == "fitted"
    assert read(frame, losses=Losses(0.637, 0.645, 0.676)).kind == "fitted"  # little is learned, but it carries over
    assert read(frame, losses=Losses(1.04, 1.05, 1.05)).kind == "underfitted"


def test_the_weights_of_several_networks_are_those_of_each_ones_best_epoch() -> None:
    loss, val_loss = DRAWN["learned by heart"][1:3]
    assert (
        "Each network kept the weights of its best epoch, 21 on average"
        in read_curves(history(loss, val_loss), 21, "all epochs were run", networks=4).sentence
    )
    # The mean curve has its minimum elsewhere than the mean of the best epochs.
    good = history(*DRAWN["a good run of 100 epochs"][1:3])
    lowest = int(np.argmin(good["val_loss"])) + 1
    assert f"in epoch {lowest} of 100, its minimum" in read_curves(good, 60, "all epochs were run", networks=4).sentence


def numbers(pattern: str, sentence: str) -> list[float]:
    match = re.search(pattern, sentence)
    return [float(text.replace(",", "").rstrip(".")) for text in match.groups()] if match else []


def test_no_sentence_about_any_curve_is_false() -> None:
    """Random walks, many of them odd: what a sentence says of its numbers holds for them and for the curve."""
    kinds = set()
    for seed in range(400):
        random = np.random.default_rng(seed)
        epochs = int(random.integers(2, 70))
        walk = np.exp(np.cumsum(random.normal(-0.02, random.choice([0.01, 0.1, 0.4]), (2, epochs)), axis=1))
        loss, val_loss = walk * random.choice([1.0, 300.0], (2, 1))
        found = read(history(loss, val_loss))
        sentence, best = found.sentence, int(np.argmin(val_loss)) + 1
        kinds.add(found.kind)
        if fell := numbers(r"validation loss fell from (\S+) in epoch 1 to (\S+) in epoch (\d+) of", sentence):
            assert fell[1] < fell[0]
            assert fell[2] == best
        if fell := numbers(r"training loss fell from (?:about )?(\S+) to (?:about )?(\S+) The", sentence):
            assert fell[1] <= fell[0]
        if rose := numbers(r"validation loss rose from (\S+) to (?:about )?(\S+) while", sentence):
            assert rose[1] > rose[0] == pytest.approx(val_loss[best - 1], rel=0.01)
        if fell := numbers(r"still falling, from about (\S+) in epoch \d+ to about (\S+) in", sentence):
            assert fell[1] < fell[0]
        if stayed := numbers(r"5 % \(training loss about (\S+) in epoch 1 and (\S+) at the end", sentence):
            assert stayed[1] >= 0.94 * stayed[0]
        if gap := numbers(r"the training loss was (\S+) and the validation loss (\S+): regularization", sentence):
            assert gap[1] > 1.19 * gap[0]
    assert kinds == set(KINDS)


def test_a_loss_of_exactly_zero_is_read() -> None:
    assert read(history(np.zeros(12), np.zeros(12)), losses=Losses(0.0, 0.0, 0.7)).kind == "fitted"


def test_a_training_interrupted_in_its_first_epoch_has_no_curve() -> None:
    found = read_curves(pd.DataFrame(), 0, "interrupted by hand in epoch 1")
    assert found.kind == "could train longer"
    assert "interrupted by hand in epoch 1" in found.sentence


# --- baselines ----------------------------------------------------------------------------------------------------


def classified(right: np.ndarray, seconds: float = 0.0) -> Outcome:
    truth = np.arange(len(right)) % 2
    return Outcome("multiclass", truth, np.where(right, truth, 1 - truth), seconds=seconds)


def told(network: Outcome, baselines: dict[str, Outcome], rows: int, classes: int = 2, **options: Any) -> list[str]:
    return read_baselines(standings_of(network, baselines, list("abcdefghij")[:classes]), rows, **options)


def hits(share: float, rows: int = 1000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(rows) < share


GUESS = classified(np.arange(1000) % 2 == 0)


def test_the_verdict_comes_first_and_names_every_baseline_with_its_value() -> None:
    network, linear, tree = classified(hits(0.9)), classified(hits(0.7, seed=1)), classified(hits(0.97, seed=2))
    first, *rest = told(network, {"dummy": GUESS, "linear": linear, "tree": tree}, 4000)
    assert first.startswith("On 1,000 test rows the network's accuracy is ")
    assert "better than guessing (50.0\u202f%) and the linear model (" in first
    assert "worse than the gradient-boosted trees (" in first
    assert any("use the trees on this table" in sentence for sentence in rest)


def test_what_the_interval_does_not_show_is_not_claimed() -> None:
    network, linear = classified(hits(0.90)), classified(hits(0.905, seed=1))
    sentences = told(network, {"dummy": GUESS, "linear": linear, "tree": linear}, 4000)
    assert "no clear difference from the linear model (" in sentences[0]
    joined = " ".join(sentences)
    assert "these rows do not show which is better, and its weights can be read: prefer it unless you need" in joined
    assert "Against the gradient-boosted trees the difference lies between" in joined
    assert "as well" not in joined
    assert "No clear difference does not mean equal" in joined
    assert "worse" not in joined


def test_two_that_are_right_on_the_same_rows_do_not_differ() -> None:
    network, linear = classified(hits(0.9)), classified(hits(0.9))
    first, said, *_ = told(network, {"dummy": GUESS, "linear": linear}, 4000)
    assert "level with the linear model" in first
    assert said == (
        "Against the linear model the difference lies between −0.3 and 0.3 points: it does as well, and its weights "
        "can be read: prefer it unless you need a network."
    )


def test_a_network_no_better_than_guessing_is_told_so_and_nothing_else_is_praised() -> None:
    sentences = told(classified(hits(0.5)), {"dummy": GUESS, "tree": classified(hits(0.5, seed=3))}, 400, 2)
    assert "no clear difference from guessing" in sentences[0]
    assert "do not show that it learned anything" in sentences[1]
    assert not any("use the" in sentence for sentence in sentences)
    assert any("Check the data before the model" in sentence for sentence in sentences)


def test_lower_is_better_for_errors() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(0, 10, (500, 1))
    close, far = (Outcome("regression", truth, truth + random.normal(0, size, truth.shape)) for size in (1, 5))
    better = told(close, {"linear": far}, 2000, 1)
    worse = told(far, {"linear": close}, 2000, 1)
    assert "better than the linear model" in better[0]
    assert "RMSE is lower by" in better[1]
    assert "worse than the linear model" in worse[0]
    assert "RMSE is higher by" in worse[1]
    assert "use the linear model" in worse[1]


def test_the_points_and_the_interval_are_those_of_the_paired_difference() -> None:
    # 20 of 100 rows differ, all in the network's favor: 20 points, plus or minus 1.96 * sqrt(0.2 * 0.8 / 100).
    right = np.arange(100) >= 20
    sentence = told(classified(np.ones(100, bool)), {"tree": classified(right)}, 5000, 2)[1]
    assert "its accuracy is higher by 20.0 points (95\u202f% interval 1" in sentence.replace("95 %", "95\u202f%")
    low, high = (float(word.strip("()")) for word in sentence.split("interval ")[1].split("):")[0].split(" to "))
    assert (low, high) == pytest.approx((12.2, 27.8), abs=1.1)


def test_rows_per_class_are_named_where_they_are_few() -> None:
    baselines = {"tree": classified(hits(0.97, seed=2))}
    few = " ".join(told(classified(hits(0.9)), baselines, rows=300, classes=3, smallest=40))
    assert "300 rows, 40 of them in the smallest class" in few
    assert "simpler models" in few
    many = " ".join(told(classified(hits(0.9)), baselines, rows=30_000, classes=3, smallest=9_000))
    assert "smallest class" not in many
    beaten = " ".join(told(classified(hits(0.99)), {"tree": classified(hits(0.7))}, rows=300, classes=3, smallest=40))
    assert "here fewer are enough" in beaten


def test_rows_per_parameter_and_the_times_are_named_where_they_are_known() -> None:
    baselines = {"tree": classified(hits(0.97, seed=2), seconds=0.4)}
    network = classified(hits(0.9), seconds=12)
    sentences = " ".join(told(network, baselines, rows=300, classes=2, parameters=50_000))
    assert "50,000 trainable parameters, more than training rows (300)" in sentences
    assert "(400\u202fms to fit, the network 12\u202fs)" in sentences.replace("12.0", "12")


def test_where_the_primary_metric_is_not_defined_another_is_read() -> None:
    ones = np.ones(50, dtype=int)
    network = Outcome("binary", ones, ones, np.full(50, 0.9))
    other = Outcome("binary", ones, 0 * ones, np.full(50, 0.4))
    assert "the network's accuracy is 100.0\u202f%: better than" in told(network, {"linear": other}, 100, 2)[0]


def test_a_margin_without_probabilities_is_compared_by_its_ranking() -> None:
    truth = np.arange(200) % 2
    margins = Outcome("binary", truth, truth, scores=2.0 * truth - 1)
    dummy = Outcome("binary", truth, 0 * truth, np.full(200, 0.5))
    assert "ROC AUC is 1.000: better than guessing (0.500)" in told(margins, {"dummy": dummy}, 500, 2)[0]


def test_without_baselines_nothing_is_claimed() -> None:
    assert told(classified(hits(0.9)), {}, 1000, 2) == [
        "No baseline was fitted, so it is unknown whether a simpler model would do as well."
    ]


# --- no claim without data ------------------------------------------------------------------------------------------


def scored(positives: int, negatives: int, seed: int = 0, gap: float = 1.0) -> Outcome:
    random = np.random.default_rng(seed)
    truth = np.array([1] * positives + [0] * negatives)
    chance = 1 / (1 + np.exp(-random.normal(gap * (2 * truth - 1))))
    return Outcome("binary", truth, (chance > 0.5).astype(int), chance)


def constant(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, y_pred=0 * outcome.y_true, probabilities=np.full(len(outcome.y_true), 0.2))


def test_one_distinct_test_row_gives_no_verdict() -> None:
    rows = np.ones(15, int)
    right, wrong = (Outcome("binary", rows, y, y * 0.8, units=0 * rows) for y in (rows, 0 * rows))
    standings = standings_of(right, {"dummy": wrong, "linear": wrong, "tree": wrong}, ["no", "yes"])
    sentences = read_baselines(standings, 45)
    assert sentences[0].startswith("The test part holds 1 distinct row (15 rows in all): nothing can be concluded")
    assert not any("better than guessing" in sentence for sentence in sentences)
    assert headline(standings) == "No verdict: too few test rows."
    assert "Test on more rows" in next_step(standings)
    assert standings.preferred is None


@pytest.mark.parametrize("rows", [1, 5, 9])
@pytest.mark.parametrize("task", ["regression", "multiclass", "multilabel", "binary"])
def test_fewer_than_ten_test_rows_give_no_verdict_on_any_task(task: str, rows: int) -> None:
    shape = rows if task in ("binary", "multiclass") else (rows, 2)
    truth = np.resize([0, 1], shape)
    right, wrong = Outcome(task, truth, truth), Outcome(task, truth, 1 - truth)
    standings = standings_of(right, {"dummy": wrong}, ["a", "b"])
    assert headline(standings) == "No verdict: too few test rows."
    assert standings.kinds == {}


@pytest.mark.parametrize("positives", [1, 2, 9])
def test_few_positives_give_no_claim_on_recall_precision_or_roc_auc(positives: int) -> None:
    network = scored(positives, 400, gap=3)
    standings = standings_of(network, {"dummy": constant(network)}, ["no", "yes"])
    sentences = read_baselines(standings, 2000)
    rows = f"{positives} row{'s' * (positives > 1)} of class 'yes'"
    them = "them" if positives > 1 else "it"
    assert sentences[0] == f"The test part holds {rows}: recall, precision and ROC AUC can't be judged from {them}."
    assert not any("better than guessing" in sentence for sentence in sentences)
    assert headline(standings).startswith("No verdict")


def test_few_negatives_give_no_claim_on_roc_auc() -> None:
    network = scored(400, 3, gap=3)
    first = told(network, {"dummy": constant(network)}, 2000)[0]
    assert first == "The test part holds 3 rows of class 'a': ROC AUC can't be judged from them."


def test_ten_positives_are_enough_for_a_claim() -> None:
    network = scored(10, 400, gap=3)
    assert "better than guessing" in told(network, {"dummy": constant(network)}, 2000)[0]


def test_repeated_positives_count_once() -> None:
    network = scored(40, 400, gap=3)
    units = np.concatenate([np.arange(40) // 10, 4 + np.arange(400)])
    network = dataclasses.replace(network, units=units)
    assert told(network, {"dummy": constant(network)}, 2000)[0].startswith("The test part holds 4 rows of class 'b'")


def test_classes_with_few_test_rows_are_named_and_the_others_judged() -> None:
    truth = np.array([0] * 60 + [1] * 60 + [2] * 4)
    network, dummy = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
    first, *rest = told(network, {"dummy": dummy}, 4000, 3)
    assert "better than guessing" in first
    assert rest[-1] == (
        "One of 3 classes has fewer than 10 test rows, 'c' (4): recall, precision and ROC AUC of this class can't be "
        "judged."
    )


@pytest.mark.parametrize("differing", [1, 5, 9, 10])
def test_two_models_that_differ_on_few_rows_are_not_ranked(differing: int) -> None:
    right = np.ones(60, bool)
    other = np.arange(60) >= differing
    standings = standings_of(classified(right), {"tree": classified(other)}, ["a", "b"])
    assert standings.kinds == {"tree": "better" if differing >= 10 else "unclear"}
    sentences = " ".join(read_baselines(standings, 4000))
    assert ("too few to call either better" in sentences) == (differing < 10)


def test_two_wrong_answers_that_differ_do_not_rank_two_models() -> None:
    truth = np.arange(120) % 3
    wrong = np.arange(120) < 30
    one = np.where(wrong & (np.arange(120) >= 6), (truth + 1) % 3, truth)
    two = np.where(wrong, (truth + 2) % 3, truth)
    network, tree = (Outcome("multiclass", truth, decided) for decided in (one, two))
    standings = standings_of(network, {"tree": tree}, list("abc"))
    assert standings.against["tree"].differing == 6
    assert standings.kinds == {"tree": "unclear"}


def test_twelve_rows_on_which_two_models_agree_do_not_make_them_level() -> None:
    few, many = (standings_of(classified(hits(0.9, n)), {"tree": classified(hits(0.9, n))}, "ab") for n in (12, 1000))
    assert few.kinds == {"tree": "unclear"}
    assert many.kinds == {"tree": "even"}


@pytest.mark.parametrize(("only", "advice"), [(0, 'threshold="f1"'), (1, 'threshold="balanced_accuracy"')])
def test_a_binary_network_that_gives_one_answer_says_so_and_what_to_do(only: int, advice: str) -> None:
    network = scored(60, 340)
    network = dataclasses.replace(network, y_pred=np.full(400, only))
    standings = standings_of(network, {"dummy": constant(network)}, ["no", "yes"])
    said = next(sentence for sentence in read_baselines(standings, 4000) if "every test row" in sentence)
    assert f"every test row to '{('no', 'yes')[only]}'" in said
    assert advice in said
    assert "class_weight" in said
    assert ("precision is not defined" in said) == (only == 0)
    assert headline(standings).startswith("Better than guessing, but it assigns every test row to")


def test_a_multiclass_network_that_gives_one_answer_says_so() -> None:
    truth = np.arange(90) % 3
    network = Outcome("multiclass", truth, 0 * truth)
    standings = standings_of(network, {"dummy": Outcome("multiclass", truth, 0 * truth + 1)}, list("abc"))
    assert any("every test row to 'a'. Train with class_weight=" in text for text in read_baselines(standings, 4000))
    assert "guessing: it assigns every test row to 'a'." in headline(standings)


# --- one decision for every sentence --------------------------------------------------------------------------------


def every_standing() -> list[Standings]:
    """Networks that are better, level, unclear and worse against each of three baselines."""
    found = []
    for kinds in itertools.product(("better", "even", "unclear", "worse"), repeat=3):
        against = {
            name: Standing(kind, 0.5, *DIFFERENCES[kind], 50, 1.0)
            for name, kind in zip(("dummy", "linear", "tree"), kinds, strict=True)
        }
        found.append(Standings("multiclass", "accuracy", 0.6, 400, 2.0, against, [], None, ("a", "b")))
    return found


DIFFERENCES = {
    "better": (0.1, 0.05, 0.15),
    "even": (0.0, -0.004, 0.004),
    "unclear": (0.01, -0.03, 0.05),
    "worse": (-0.1, -0.15, -0.05),
}


@pytest.mark.parametrize("standings", every_standing(), ids=lambda s: "-".join(s.kinds.values()))
def test_the_verdict_the_headline_and_the_advice_agree(standings: Standings) -> None:
    sentences, said, step = read_baselines(standings, 5000), headline(standings), next_step(standings)
    text = " ".join(sentences)
    kinds = standings.kinds
    assert "no better" not in f"{text} {said} {step}".lower()
    assert ("is worth its cost" in text) == (set(kinds.values()) == {"better"})
    assert (step == "") == (set(kinds.values()) == {"better"})
    if kinds["dummy"] != "better":
        assert "Better than" not in said
        assert "prefer" not in text.lower()
        assert step in text
    else:
        recommended = [name for name, words in (("tree", "trees"), ("linear", "linear model")) if words in step]
        assert recommended == ([] if standings.preferred == "network" else [standings.preferred])
        # Advice in the verdict is for the same model.
        assert ("prefer it unless you need a network" in text or "use the linear model" in text) == (
            standings.preferred == "linear"
        )
        assert ("use the trees" in text or "use them unless" in text) == (standings.preferred == "tree")
    for name, words in (("linear", "linear model"), ("tree", "trees")):
        if kinds["dummy"] == "better":
            clause = next(part for part in said.rstrip(".").split(", ") if words in part or name in part)
            assert kinds[name] in ("better", "worse") or "etter than" not in clause


def test_level_needs_the_whole_interval_within_the_margin_of_the_metric() -> None:
    assert kind_of("accuracy", -0.009, 0.009, 0.9) == "even"
    assert kind_of("accuracy", -0.009, 0.011, 0.9) == "unclear"
    assert kind_of("rmse", -1.9, 1.9, 100.0) == "even"
    assert kind_of("rmse", -1.9, 2.1, 100.0) == "unclear"
    assert kind_of("log_loss", -0.009, 0.009, 0.5) == "even"
    assert kind_of("roc_auc", math.nan, math.nan, 0.5) == "unclear"
    assert all(margin_of(metric, 1.0) > 0 for metric in METRICS)


def test_a_clear_difference_within_the_margin_is_level() -> None:
    assert kind_of("accuracy", 0.001, 0.008, 0.9) == "even"
    assert kind_of("rmse", -0.5, -0.1, 50.0) == "even"
    assert kind_of("rmse", -1.5, -0.1, 50.0) == "better"
    truth = np.tile([0, 1], 5_000)
    linear = truth.copy()
    linear[:40] = 1 - linear[:40]
    baselines = {"dummy": Outcome("multiclass", truth, 0 * truth), "linear": Outcome("multiclass", truth, linear)}
    sentence = read_baselines(standings_of(Outcome("multiclass", truth, truth), baselines, ["a", "b"]), rows=400)[1]
    assert "points, and differences of up to 1.0 points count as level: it does as well" in sentence


def test_rows_of_one_group_count_once() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 20)
    # Each group has one class, and each model is right in a group or wrong.
    truth, network, trees = (np.repeat(rng.integers(0, 2, 30), 20) for _ in range(3))
    kinds = []
    for units in (None, groups):
        models = [Outcome("multiclass", truth, decided, units=units, unit="group") for decided in (network, trees)]
        kinds.append(standings_of(models[0], {"tree": models[1]}, ["a", "b"]).kinds["tree"])
    assert kinds[0] != "unclear"
    assert kinds[1] == "unclear"


def test_too_few_groups_give_no_verdict() -> None:
    truth, groups = np.tile([0, 1], 100), np.repeat(np.arange(8), 25)
    outcome = Outcome("binary", truth, truth, units=groups, unit="group")
    sentence = read_baselines(standings_of(outcome, {}, ["no", "yes"]), rows=800)[0]
    assert sentence.startswith("The test part holds 8 groups (200 rows in all): nothing can be concluded from fewer")


def test_a_difference_on_few_rows_is_described_once_and_claims_nothing() -> None:
    truth = np.tile([0, 1], 60)
    linear = truth.copy()
    linear[:8] = 1 - linear[:8]  # the network is right where the linear model errs, on eight rows
    baselines = {"dummy": Outcome("multiclass", truth, 0 * truth), "linear": Outcome("multiclass", truth, linear)}
    sentences = read_baselines(standings_of(Outcome("multiclass", truth, truth), baselines, ["a", "b"]), rows=400)
    about = [sentence for sentence in sentences if "differ on 8" in sentence]
    assert about == [
        "The network and the linear model differ on 8 distinct test rows only: too few to call either better."
    ]
    assert not any("prefer it" in sentence for sentence in sentences)
