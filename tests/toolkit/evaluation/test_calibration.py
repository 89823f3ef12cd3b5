"""Calibration against scikit-learn, brute force and numbers worked by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from toolkit.common.errors import DataError
from toolkit.evaluation.calibration import Calibration, fit
from toolkit.evaluation.conformal import residual_quantile
from toolkit.evaluation.metrics import Outcome, evaluate, expected_calibration_error
from toolkit.evaluation.options import Options
from toolkit.evaluation.threshold import choose_threshold

LINKS = [("binary", "sigmoid"), ("binary", None), ("multiclass", "softmax"), ("multiclass", None)]
LINKS += [("multilabel", "sigmoid"), ("multilabel", None)]


def scored(task: str, rows: int, seed: int, sharpness: float = 1.0, outputs: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels drawn from the probabilities that scores divided by `sharpness` have."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (rows, 1 if task == "binary" else outputs))
    if task == "multiclass":
        chance = special.softmax(logits, axis=1)
        truth = (random.random((rows, 1)) > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
    else:
        truth = (random.random(logits.shape) < special.expit(logits)).astype(int)
    return sharpness * logits, truth[:, 0] if task == "binary" else truth


def heaped(task: str, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Margins as a trained hinge leaves them: heaps at -1 and at +1, and between them rows as good as undecided."""
    random = np.random.default_rng(seed)
    shape = (rows, {"binary": 1, "multilabel": 3}[task])
    side = random.choice([-1, 0, 1], shape, p=[0.5, 0.3, 0.2])
    margin = np.where(side == 0, random.uniform(-0.9, 0.9, shape), side + random.normal(0, 0.03, shape))
    truth = (random.random(shape) < np.choose(side + 1, [0.02, 0.4, 0.9])).astype(int)
    return margin, truth[:, 0] if task == "binary" else truth


def outcome(task: str, truth: np.ndarray, chance: np.ndarray) -> Outcome:
    return Outcome(task, truth, truth, chance)


# --- temperature ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_the_temperature_is_the_one_that_made_the_scores_too_sharp(task: str) -> None:
    scores, truth = scored(task, 6000, seed=1, sharpness=3.0)
    found = fit(task, "softmax" if task == "multiclass" else "sigmoid", scores, truth)
    assert found.method == "temperature"
    assert found.kept
    assert found.parameters["temperature"] == pytest.approx(3.0, rel=0.06)
    assert found.log_loss_before is not None
    assert found.log_loss_after is not None
    assert found.log_loss_after < found.log_loss_before


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_the_minimum_of_scikit_learns_log_loss_with_a_row_of_doubt(weighted: bool) -> None:
    scores, truth = scored("multiclass", 60, seed=2, sharpness=2.5)
    weights = np.random.default_rng(0).exponential(size=60) if weighted else np.ones(60)
    found = fit("multiclass", "softmax", scores, truth, sample_weight=weights if weighted else None)
    # Every row stands once for each class: its own with nearly all of its weight.
    share = np.full((60, 3), 1 / 61 / 3)
    share[np.arange(60), truth] += 60 / 61
    share *= weights[:, None]

    def loss(scale: float) -> float:
        chance = np.repeat(special.softmax(scale * scores, axis=1), 3, axis=0)
        return sk.log_loss(np.tile([0, 1, 2], 60), chance, sample_weight=share.ravel())

    best = optimize.minimize_scalar(loss, bounds=(0.01, 5), method="bounded", options={"xatol": 1e-9}).x
    assert 1 / found.parameters["temperature"] == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize(("task", "link"), [pair for pair in LINKS if pair[1]])
def test_a_temperature_that_does_not_help_is_not_kept_and_both_log_losses_are_shown(task: str, link: str) -> None:
    scores, truth = scored(task, 200, seed=0)  # honest already
    found = fit(task, link, scores, truth)
    assert not found.kept
    assert found.parameters == {"temperature": 1.0}
    assert found.log_loss_before is not None
    assert found.log_loss_after is not None
    assert found.log_loss_before <= found.log_loss_after < found.log_loss_before + 0.05
    expected = special.expit(scores) if link == "sigmoid" else special.softmax(scores, axis=1)
    expected = expected[:, 0] if task == "binary" else expected
    np.testing.assert_allclose(found.probabilities(scores), expected, rtol=1e-12)
    assert "did not lower the log loss" in found.sentence


@pytest.mark.parametrize(("task", "link"), [pair for pair in LINKS if pair[1]])
def test_log_loss_before_is_that_of_the_metrics(task: str, link: str) -> None:
    scores, truth = scored(task, 120, seed=4, sharpness=6.0)
    found = fit(task, link, scores, truth)
    raw = special.expit(scores) if link == "sigmoid" else special.softmax(scores, axis=1)
    raw = raw[:, 0] if task == "binary" else raw
    assert found.log_loss_before == pytest.approx(evaluate(outcome(task, truth, raw))["log_loss"], rel=1e-5)


@pytest.mark.parametrize(("task", "link"), LINKS)
def test_cross_validated_log_loss_is_about_what_new_rows_give(task: str, link: str | None) -> None:
    scores, truth = scored(task, 8000, seed=5, sharpness=4.0)
    found = fit(task, link, scores[:4000], truth[:4000])
    new = evaluate(outcome(task, truth[4000:], found.probabilities(scores[4000:])))["log_loss"]
    assert found.log_loss_after == pytest.approx(new, abs=0.03)


def test_a_few_rows_or_one_class_give_no_temperature() -> None:
    scores, truth = scored("multiclass", 100, seed=6, sharpness=5.0)
    few = fit("multiclass", "softmax", scores[:19], truth[:19])
    same = fit("multiclass", "softmax", scores, np.ones(100, int))
    for found in (few, same):
        assert (found.method, found.parameters, found.kept) == ("none", {}, False)
        assert found.log_loss_before is not None
        assert found.log_loss_after is None
        np.testing.assert_allclose(found.probabilities(scores), special.softmax(scores, axis=1), rtol=1e-12)
    assert "19 validation rows are too few" in few.sentence
    assert "a single class" in same.sentence


# --- margins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_platt_is_a_logistic_regression_on_smoothed_targets(weighted: bool) -> None:
    margin, truth = scored("binary", 150, seed=7, sharpness=0.4)
    weights = np.random.default_rng(0).exponential(size=150) if weighted else np.ones(150)
    found = fit("binary", None, margin + 3, truth, sample_weight=weights if weighted else None)
    weights = weights / weights.mean()
    positives, negatives = weights[truth == 1].sum(), weights[truth == 0].sum()
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    oracle = LogisticRegression(C=1e12, tol=1e-12, solver="newton-cholesky").fit(
        np.concatenate([margin + 3, margin + 3]),
        np.repeat([1, 0], 150),
        sample_weight=np.concatenate([weights * target, weights * (1 - target)]),
    )
    assert found.method == "platt"
    assert found.parameters["slope"] == pytest.approx(oracle.coef_[0].tolist(), rel=1e-5)
    assert found.parameters["intercept"] == pytest.approx(oracle.intercept_.tolist(), rel=1e-5)


def test_a_label_that_never_varies_gets_its_smoothed_share_and_keeps_the_order() -> None:
    scores, truth = scored("multilabel", 50, seed=8)
    truth[:, 1] = 0
    truth[:, 2] = 1
    found = fit("multilabel", None, scores, truth)
    chance = found.probabilities(scores)
    assert chance[:, 1] == pytest.approx(1 / 52, rel=0.01)
    assert chance[:, 2] == pytest.approx(51 / 52, rel=0.01)
    assert (np.argsort(chance, axis=0) == np.argsort(scores, axis=0)).all()


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_margins_that_point_the_wrong_way_do_not_turn_the_order_round(task: str) -> None:
    scores, truth = scored(task, 200, seed=9, sharpness=2.0)
    found = fit(task, None, -scores, truth)
    assert all(slope > 0 for slope in found.parameters["slope"])
    chance = found.probabilities(-scores)
    assert chance.mean() == pytest.approx(truth.mean(), abs=0.02)
    lines = chance.reshape(200, -1)
    assert (np.argsort(lines, axis=0) == np.argsort(-scores, axis=0)).all()
    one = fit("multiclass", None, -np.eye(3)[np.arange(60) % 3], np.arange(60) % 3)
    assert one.parameters["scale"] > 0
    assert one.probabilities(np.eye(3)) == pytest.approx(1 / 3, abs=1e-3)


def test_margins_become_calibrated() -> None:
    """A linear SVM on 10,000 rows whose labels are noisy: its margins, through a sigmoid, are far from frequencies."""
    random = np.random.default_rng(0)
    x = random.normal(size=(12000, 5))
    y = (random.random(12000) < special.expit(2.5 * x.sum(axis=1))).astype(int)
    margin = (
        LinearSVC(loss="hinge", C=0.01, max_iter=20000, random_state=0).fit(x[:2000], y[:2000]).decision_function(x)
    )
    found = fit("binary", None, margin[2000:4000], y[2000:4000])
    raw = expected_calibration_error(y[4000:], special.expit(margin[4000:]))
    calibrated = expected_calibration_error(y[4000:], found.probabilities(margin[4000:]))
    assert raw > 0.1
    assert calibrated < 0.03


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_margins_in_heaps_are_calibrated_by_isotonic_regression_where_platts_sigmoid_misses(task: str) -> None:
    margin, truth = heaped(task, 12000, seed=0)
    found = fit(task, None, margin[:4000], truth[:4000])
    assert found.method == "isotonic"
    lines = {name: found.parameters[name] for name in ("slope", "intercept")}
    line = Calibration(task, None, "platt", lines, None, None, True, 4000)
    new = {
        name: evaluate(outcome(task, truth[4000:], one.probabilities(margin[4000:])))["log_loss"]
        for name, one in (("platt", line), ("isotonic", found))
    }
    assert found.tried == pytest.approx(new, abs=0.02)
    assert new["isotonic"] < new["platt"] - 0.005
    assert found.log_loss_after == pytest.approx(found.tried["isotonic"])
    assert expected_calibration_error(truth[4000:], line.probabilities(margin[4000:])) > 0.03
    assert expected_calibration_error(truth[4000:], found.probabilities(margin[4000:])) < 0.03


def test_margins_that_a_sigmoid_fits_stay_with_platt() -> None:
    for seed in range(20):
        scores, truth = scored("binary", 400, seed, sharpness=0.4)
        found = fit("binary", None, scores, truth, seed=seed)
        assert found.method == "platt", seed
        assert found.log_loss_after == found.tried["platt"]


def test_each_label_gets_the_map_that_fits_it() -> None:
    margin, truth = heaped("multilabel", 3000, seed=1)
    margin[:, 1:2], sigmoid = scored("binary", 3000, seed=2, sharpness=0.4)
    truth[:, 1], truth[:, 2] = sigmoid, 1
    found = fit("multilabel", None, margin, truth)
    steps = found.parameters["knots"]
    assert [own is None for own in steps] == [False, True, True]
    assert "isotonic regression of 1 of 3 labels' scores, Platt scaling of the rest" in found.sentence
    alone = fit("binary", None, margin[:, 1], truth[:, 1])
    np.testing.assert_array_equal(found.probabilities(margin)[:, 1], alone.probabilities(margin[:, 1]))


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_isotonic_regression_keeps_the_order_of_all_scores(task: str) -> None:
    margin, truth = heaped(task, 1500, seed=3)
    found = fit(task, None, margin, truth)
    assert found.method == "isotonic"
    # Also beyond the rows it was fitted on.
    new = np.sort(np.random.default_rng(0).normal(0, 1.5, (4000, margin.shape[1])), axis=0)
    chance = found.probabilities(new).reshape(4000, -1)
    assert (np.diff(chance, axis=0) > 0).all()
    assert (chance > 0).all()
    assert (chance < 1).all()
    again = found.probabilities(margin).reshape(margin.shape)
    for score, one, label in zip(margin.T, again.T, truth.reshape(margin.shape).T, strict=True):
        assert sk.roc_auc_score(label, one) == sk.roc_auc_score(label, score)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_isotonic_regression_says_what_was_taken_and_what_both_lose(task: str) -> None:
    margin, truth = heaped(task, 2000, seed=4)
    found = fit(task, None, margin, truth)
    assert f"isotonic regression of {'the score' if task == 'binary' else 'each label'}" in found.sentence
    assert f"log loss {found.tried['isotonic']:.3g}, cross-validated; Platt scaling has {found.tried['platt']:.3g}" in (
        found.sentence
    )
    scores, truth = scored(task, 400, seed=0, sharpness=0.4)
    found = fit(task, None, scores, truth)
    assert f"log loss {found.tried['platt']:.3g}, cross-validated; isotonic regression has" in found.sentence


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_isotonic_regression_survives_its_file_exactly(task: str) -> None:
    margin, truth = heaped(task, 2000, seed=5)
    found = fit(task, None, margin, truth)
    again = Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    np.testing.assert_array_equal(again.probabilities(margin), found.probabilities(margin))


@pytest.mark.parametrize(
    "change",
    [
        {"knots": [None]},
        {"knots": None},
        {"knots": [None] * 4},
        {"knots": [{"scores": [0.0]}] * 3},
        {"knots": [{"scores": [0.0, 1.0], "chances": [0.5, 0.4]}] * 3},
        {"knots": [{"scores": [0.0, 1.0], "chances": [0.5, "a"]}] * 3},
        {"slope": [1.0, 1.0, -1.0]},
        {"slope": [1.0, 1.0]},
        {"intercept": [0.0, 0.0, math.inf]},
    ],
)
def test_damaged_knots_are_refused(change: dict[str, Any]) -> None:
    content = fit("multilabel", None, *heaped("multilabel", 2000, seed=6)).to_dict()
    assert content["method"] == "isotonic"
    with pytest.raises(DataError, match="damaged"):
        Calibration.from_dict(content | {"parameters": content["parameters"] | change})


def test_a_calibration_saved_before_isotonic_regression_was_tried_is_read() -> None:
    content = fit("binary", None, *scored("binary", 50, seed=1)).to_dict()
    del content["tried"]
    assert Calibration.from_dict(content).sentence.endswith("0.5.")


@pytest.mark.parametrize(("task", "link"), LINKS)
def test_a_row_without_weight_is_as_good_as_absent(task: str, link: str | None) -> None:
    scores, truth = scored(task, 120, seed=14, sharpness=3.0)
    weights = np.tile([0.0, 1.0, 0.0, 3.0], 30)
    there, gone = (
        fit(task, link, scores[rows], truth[rows], sample_weight=weights[rows])
        for rows in (np.arange(120), np.flatnonzero(weights))
    )
    assert there == gone
    assert there.rows == 60


@pytest.mark.parametrize("link", ["softmax", None])
def test_scores_of_thousands_of_classes_are_thinned_to_evenly_spaced_rows(link: str | None) -> None:
    scores, truth = scored("multiclass", 400, 0, 3.0)
    expected = fit("multiclass", link, scores[::3], truth[::3])
    assert fit("multiclass", link, scores, truth, cells=3 * len(scores[::3]) + 2) == expected
    assert expected.rows == 134


def test_margins_of_several_classes_become_calibrated() -> None:
    scores, truth = scored("multiclass", 8000, seed=3, sharpness=0.1)
    found = fit("multiclass", None, scores[:2000], truth[:2000])
    assert found.method == "shared scale"
    assert found.parameters["scale"] == pytest.approx(10, rel=0.1)
    raw = expected_calibration_error(truth[2000:], special.softmax(scores[2000:], axis=1))
    assert raw > 0.15
    assert expected_calibration_error(truth[2000:], found.probabilities(scores[2000:])) < 0.03


def test_margins_of_few_rows_are_calibrated_unchecked_and_say_so() -> None:
    for task, truth in (("binary", [0, 1, 1]), ("multiclass", [0, 1, 1])):
        scores = np.array([[0.1, 0.0], [0.2, 0.9], [0.1, 0.4]])
        found = fit(task, None, scores[:, 1:] if task == "binary" else scores, np.array(truth))
        assert found.kept
        assert found.log_loss_after is None
        assert "3 validation rows (which are too few to check it)" in found.sentence
        assert "A margin is not a probability" in found.sentence


# --- any scores -----------------------------------------------------------------------------------------------------

EXTREMES = {
    "huge": lambda s: s * 1e30,
    "tiny": lambda s: s * 1e-30,
    "zero": lambda s: s * 0,
    "equal": lambda s: s * 0 + 7,
    "one huge": lambda s: np.where(np.arange(len(s))[:, None] == 0, -1e30, s),
    "two huge": lambda s: np.where(np.arange(len(s))[:, None] < 2, [[1e30] * (s.shape[1] - 1) + [-1e30]], s),
    "far from zero": lambda s: s + 1e6,
    "float32's largest": lambda s: np.where(s > 0, 3.4e38, -3.4e38),
}


@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize(("task", "link"), LINKS)
@pytest.mark.parametrize("rows", [1, 30])
def test_scores_of_any_size_give_finite_parameters_and_probabilities(
    task: str, link: str | None, rows: int, extreme: str
) -> None:
    scores, truth = scored(task, rows, seed=10)
    scores = EXTREMES[extreme](scores)
    found = fit(task, link, scores, truth)
    chance = found.probabilities(scores)
    assert np.isfinite(chance).all()
    assert (chance >= 0).all()
    assert (chance <= 1).all()
    if task == "multiclass":
        np.testing.assert_allclose(chance.sum(axis=1), 1)
    numbers = [np.asarray(value) for name, value in found.parameters.items() if name != "knots"]
    assert all(np.isfinite(number).all() for number in numbers)
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert found.sentence.endswith(".")
    assert "not defined" not in found.sentence


@pytest.mark.parametrize("extreme", EXTREMES)
def test_margins_in_heaps_of_any_size_stay_finite_and_in_order(extreme: str) -> None:
    margin, truth = heaped("multilabel", 600, seed=7)
    margin = EXTREMES[extreme](margin)
    found = fit("multilabel", None, margin, truth)
    flat = extreme in ("zero", "equal", "float32's largest")
    assert found.method == ("platt" if flat else "isotonic")
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    chance = found.probabilities(margin)
    assert np.isfinite(chance).all()
    for one, score in zip(chance.T, margin.T, strict=True):
        assert (np.diff(one[np.argsort(score, kind="stable")]) >= 0).all()


@pytest.mark.parametrize(("task", "link"), LINKS)
def test_separated_rows_give_sure_but_finite_probabilities(task: str, link: str | None) -> None:
    truth = np.arange(100) % (3 if task == "multiclass" else 2)
    scores = np.eye(3)[truth] if task == "multiclass" else (2.0 * truth - 1)[:, None]
    truth = truth[:, None] if task == "multilabel" else truth
    found = fit(task, link, scores, truth)
    chance = found.probabilities(scores)
    right = chance[np.arange(100), truth] if task == "multiclass" else np.where(truth == 1, chance, 1 - chance)
    assert right.min() > 0.97
    assert right.max() < 0.999


@given(
    st.sampled_from(LINKS),
    st.integers(0, 10**6),
    st.integers(2, 60),
    st.floats(-6, 6),
)
def test_no_decision_and_no_order_ever_changes(pair: tuple[str, str | None], seed: int, rows: int, size: float) -> None:
    task, link = pair
    random = np.random.default_rng(seed)
    # On a grid, so that two scores are equal or clearly apart.
    scores = 10**size * random.integers(-20, 21, (rows, 1 if task == "binary" else 4)).astype(float)
    labels = {"binary": rows, "multiclass": rows, "multilabel": (rows, 4)}[task]
    truth = random.integers(0, 4 if task == "multiclass" else 2, labels)
    found = fit(task, link, scores, truth, seed=seed)
    chance = found.probabilities(scores)
    if task == "multiclass":
        tops = scores == scores.max(axis=1, keepdims=True)
        assert np.array_equal(chance.argmax(axis=1), tops.argmax(axis=1))
    for one, score in zip(chance.reshape(rows, -1).T, scores.T, strict=True):
        if task != "multiclass":
            assert (np.diff(one[np.argsort(score, kind="stable")]) >= 0).all()
            if link:
                assert ((one > 0.5) <= (score > 0)).all()
                assert ((one < 0.5) <= (score < 0)).all()


def test_the_same_seed_gives_the_same_calibration_and_another_moves_the_check_alone() -> None:
    scores, truth = scored("binary", 90, seed=12, sharpness=4.0)
    first, again, other = (fit("binary", "sigmoid", scores, truth, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.log_loss_after != other.log_loss_after
    assert first.parameters == other.parameters


def test_scores_of_one_column_are_as_good_as_a_line_of_them() -> None:
    scores, truth = scored("binary", 50, seed=13)
    column, line = fit("binary", None, scores, truth), fit("binary", None, scores[:, 0], truth[:, None])
    assert column == line
    assert column.probabilities(scores).shape == column.probabilities(scores[:, 0]).shape == (50,)


@pytest.mark.parametrize(
    ("task", "scores", "truth", "says"),
    [
        ("regression", np.zeros((3, 1)), [0, 1, 0], "no probabilities"),
        ("binary", np.zeros((0, 1)), [], "no validation rows"),
        ("binary", np.zeros((3, 2)), [0, 1, 0], "expected"),
        ("binary", np.array([0.0, np.nan, 1.0]), [0, 1, 0], "1 of 3 rows are not finite"),
        ("binary", np.zeros(3), [-1, 1, 1], "expected 0 to 1"),
        ("multiclass", np.zeros((3, 2)), [0, 1, 2], "expected 0 to 1"),
        ("multilabel", np.zeros((3, 2)), [0, 1, 0], "don't match"),
    ],
)
def test_a_fit_refuses_what_does_not_fit(task: str, scores: np.ndarray, truth: list[int], says: str) -> None:
    with pytest.raises(DataError, match=says):
        fit(task, None, scores, np.array(truth))


def test_weights_have_to_be_weights() -> None:
    for weights in ([1.0, -1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0]):
        with pytest.raises(DataError, match="sample_weight"):
            fit("binary", None, np.arange(3.0), np.array([0, 1, 1]), sample_weight=np.array(weights))


@pytest.mark.parametrize(
    "change", [{"method": "isotonic"}, {"parameters": {}}, {"parameters": {"temperature": None}}, {"other": 1}]
)
def test_a_damaged_calibration_is_refused(change: dict[str, Any]) -> None:
    scores, truth = scored("binary", 50, seed=1, sharpness=5.0)
    content = fit("binary", "sigmoid", scores, truth).to_dict()
    with pytest.raises(DataError, match="damaged"):
        Calibration.from_dict(content | change)


# --- classes that weigh more in training ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "link", "rows"),
    [
        ("binary", "sigmoid", 15),
        ("binary", "sigmoid", 4000),
        ("multiclass", "softmax", 15),
        ("multiclass", "softmax", 4000),
        ("multiclass", None, 4000),
    ],
)
def test_the_weights_of_the_classes_are_taken_out_of_the_probabilities(task: str, link: str | None, rows: int) -> None:
    scores, truth = scored(task, rows, seed=3)
    weights = np.array([1.0, 9.0] if task == "binary" else [1.0, 20.0, 3.0])
    # Rows counted `weights` times in training: the logarithms of the chances move by the logarithms of the weights.
    moved = scores + (np.log(9.0) if task == "binary" else np.log(weights))
    expected = fit(task, link, scores, truth)
    found = fit(task, link, moved, truth, class_weights=weights)
    assert found.probabilities(moved) == pytest.approx(expected.probabilities(scores), abs=0.02)
    again = Calibration.from_dict(json.loads(json.dumps(found.to_dict())))
    np.testing.assert_array_equal(again.probabilities(moved), found.probabilities(moved))
    assert "the data as they are" in found.sentence
    assert "No decision changes" not in found.sentence


def test_classes_of_equal_weight_change_nothing() -> None:
    scores, truth = scored("multiclass", 200, seed=1)
    found = fit("multiclass", "softmax", scores, truth, class_weights=np.full(3, 2.5))
    assert found == fit("multiclass", "softmax", scores, truth)


# --- thresholds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("digits", [1, 2, 17])
def test_no_threshold_is_better(metric: str, seed: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    truth = (random.random(60) < 0.2).astype(int)
    chances = np.clip(np.round(special.expit(random.normal(truth - 2.0, 1.0)), digits), 0.05, 0.95)
    oracle = {"accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score, "f1": sk.f1_score}[metric]
    chosen = choose_threshold(chances, truth, metric)
    best = max(oracle(truth, (chances >= threshold).astype(int)) for threshold in [*np.unique(chances), 1.0])
    assert oracle(truth, (chances >= chosen).astype(int)) == pytest.approx(best, abs=1e-12)
    assert 0 < chosen < 1


def test_the_default_stays_where_no_threshold_beats_it_and_else_the_nearest_is_taken() -> None:
    truth = np.array([0, 0, 1])
    assert choose_threshold(np.array([0.1, 0.3, 0.8]), truth, "f1") == 0.5
    assert choose_threshold(np.array([0.1, 0.3, 0.8]), truth, "f1", default=0.35) == 0.35
    # Every threshold above 0.625 and up to 0.875 is perfect; the middle between them is 0.75.
    assert choose_threshold(np.array([0.5, 0.625, 0.875]), truth, "accuracy") == 0.75
    # Calling all negative and calling only the top row positive are equally right: the latter is nearer to 0.5.
    assert choose_threshold(np.array([0.6, 0.75, 0.875, 0.7]), np.array([1, 0, 1, 0]), "accuracy") == 0.8125


def test_neighboring_probabilities_are_told_apart() -> None:
    chances = np.array([0.7, np.nextafter(0.7, 1)])
    assert (chances >= choose_threshold(chances, np.array([0, 1]), "accuracy")).tolist() == [False, True]


def test_probabilities_of_exactly_0_and_1_leave_a_threshold_between_them() -> None:
    assert choose_threshold(np.array([0.0, 1.0]), np.array([1, 0]), "f1") == 0.5


@pytest.mark.parametrize("threshold", [True, False, 0, 1, 0.0, 1.0, 30, -1, float("nan"), [0.5], "half", 1j])
def test_a_threshold_that_is_no_probability_between_0_and_1_is_refused(threshold: Any) -> None:
    with pytest.raises(DataError, match="a probability between 0 and 1"):
        Options(threshold=threshold)


@pytest.mark.parametrize("threshold", [None, 0.3, np.float32(0.3), np.float64(0.5), "f1"])
def test_a_probability_and_a_metric_are_thresholds(threshold: Any) -> None:
    assert Options(threshold=threshold).threshold == threshold


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ("balanced_acuracy", "Did you mean 'balanced_accuracy'"),
        ("recall", "every row is called positive"),
        ("precision", "almost no row"),
        ("roc_auc", "does not depend on a threshold"),
    ],
)
def test_a_metric_without_a_best_threshold_is_refused(metric: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        choose_threshold(np.linspace(0.1, 0.9, 4), np.array([0, 1, 0, 1]), metric)
    with pytest.raises(DataError, match="a single class"):
        choose_threshold(np.linspace(0.1, 0.9, 4), np.ones(4, int), "f1")


# --- intervals of a prediction --------------------------------------------------------------------------------------


def test_the_quantile_is_the_residual_in_the_place_that_the_finite_sample_asks_for() -> None:
    residuals = np.column_stack([np.arange(1.0, 20.0), -10 * np.arange(19.0, 0.0, -1.0)])
    # n = 19: ceil(20 * 0.9) = 18, ceil(20 * 0.95) = 19.
    assert residual_quantile(residuals, 0.9).tolist() == [18.0, 180.0]
    assert residual_quantile(residuals, 0.95).tolist() == [19.0, 190.0]
    # 100 * 0.07 is 7.000000000000001 in binary.
    assert residual_quantile(np.arange(1.0, 100.0), 0.07).tolist() == [7.0]


def test_a_coverage_too_high_for_the_rows_says_how_many_it_takes() -> None:
    with pytest.raises(DataError, match=r"18 validation rows are too few for a coverage of 0.95: it needs 19"):
        residual_quantile(np.ones((18, 1)), 0.95)
    assert residual_quantile(np.ones((19, 1)), 0.95).tolist() == [1.0]
    with pytest.raises(DataError, match="it needs 1"):
        residual_quantile(np.ones((0, 1)), 0.5)


def test_new_rows_are_covered_as_often_as_promised() -> None:
    """The exact value, for residuals without ties, is ceil((n + 1) * coverage) / (n + 1): 0.9024 for n = 40."""
    random = np.random.default_rng(0)
    held = [
        (random.exponential(size=50) <= residual_quantile(random.exponential(size=40), 0.9)).mean() for _ in range(2000)
    ]
    assert np.mean(held) == pytest.approx(math.ceil(41 * 0.9) / 41, abs=0.005)


def test_residuals_and_coverage_have_to_make_sense() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        residual_quantile(np.ones((9, 1)), 1.0)
    with pytest.raises(DataError, match="1 of 9 residuals are not finite"):
        residual_quantile(np.array([np.nan] + [1.0] * 8), 0.5)
