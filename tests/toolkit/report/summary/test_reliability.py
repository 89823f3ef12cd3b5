"""Probabilities before and after calibration, and ROC curves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sk

from tests.helpers.comparisons import compare
from tests.helpers.pages import Page, words
from toolkit.common.formatting import percent
from toolkit.evaluation import calibration, metrics
from toolkit.heads import get_head
from toolkit.report.page import render
from toolkit.report.summary import summarize
from toolkit.report.summary.reliability import faultless_error


def test_the_drawn_curves_keep_their_area(results, summaries):
    outcome, curves = results["binary"].outcome, summaries["binary"]["results"]["curves"]
    assert set(curves["roc"]) == {"network", "linear", "tree"}
    x, y = curves["roc"]["network"]
    assert sk.auc(x, y) == pytest.approx(results["binary"].metrics["roc_auc"], abs=0.005)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert curves["at"]["recall"] == pytest.approx(sk.recall_score(outcome.y_true, outcome.y_pred))
    assert curves["at"]["precision"] == pytest.approx(sk.precision_score(outcome.y_true, outcome.y_pred))


def tempered(run, temperature, kept=True, **changes):
    """A run whose probabilities went through this temperature."""
    fitted = dataclasses.replace(
        run.calibration, method="temperature", parameters={"temperature": temperature}, kept=kept, **changes
    )
    outcome = dataclasses.replace(run.outcome, probabilities=fitted.probabilities(run.outcome.scores))
    return dataclasses.replace(run, calibration=fitted, outcome=outcome)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_reliability_is_shown_before_a_temperature_that_was_kept_and_after(task, results):
    run = results[task]
    changed = tempered(run, 3.0, log_loss_before=0.5, log_loss_after=0.4)
    content = summarize(changed)
    found, scores = content["results"]["reliability"], run.outcome.scores.astype(float)
    plain = special.softmax(scores, axis=1) if task == "multiclass" else special.expit(scores)
    groups = min(15, max(5, run.outcome.y_true.size // 30))
    for shape, chance in (
        (found["before"], plain.reshape(changed.outcome.probabilities.shape)),
        (found, changed.outcome.probabilities),
    ):
        expected = metrics.reliability(run.outcome.y_true, chance, bins=groups)
        assert shape["predicted"] == pytest.approx(expected["predicted"], rel=1e-4)
        assert shape["ece"] == pytest.approx(
            metrics.expected_calibration_error(run.outcome.y_true, chance, bins=groups), rel=1e-5
        )
        assert sum(shape["count"]) == found["rows"]
    assert found["before"]["ece"] != found["ece"]
    page = words(Page(render(content)).all("main")[0]["text"])
    assert words(f"{percent(found['before']['ece'])} before, {percent(found['ece'])} after") in page


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_reliability_has_no_before_where_no_temperature_was_kept_and_for_margins(task, results):
    run = results[task]
    idle = tempered(run, 1.0, kept=False, log_loss_before=0.4, log_loss_after=0.5)
    fitted = calibration.fit(task, None, run.outcome.scores, run.outcome.y_true)
    margins = dataclasses.replace(run, head=get_head(task, "hinge"), calibration=fitted)
    for one in (idle, margins):
        content = summarize(one)
        assert content["results"]["reliability"]["before"] is None
        assert "Dashed and hollow" not in render(content)


def test_margins_are_never_softmaxed_into_probabilities(comparisons, compared):
    for task in ("binary", "multiclass", "multilabel"):
        one, content, page = comparisons[task], compared[task], Page(render(compared[task]))
        place = one.labels.index("hinge")
        scores = np.concatenate([one.trials["hinge", seed].outcome.scores for seed in one.seeds]).astype(float)
        naive = special.softmax(scores, axis=1) if task == "multiclass" else special.expit(scores)
        pressed = np.maximum(naive, 1 - naive).mean() if task != "multiclass" else naive.max(axis=1).mean()
        sure = [
            (p.max(axis=1) if task == "multiclass" else np.where(said == 1, p, 1 - p)).mean()
            for p, said in (
                (one.trials["hinge", seed].outcome.probabilities, one.trials["hinge", seed].outcome.y_pred)
                for seed in one.seeds
            )
        ]
        assert content["confidence"][place]["mean"] == pytest.approx(np.mean(sure))
        assert abs(content["confidence"][place]["mean"] - pressed) > 1e-3
        assert content["reliability"][place]["before"] is None
        assert content["reliability"][place]["error_before"] is None
        assert content["reliability"][0]["before"] is not None
        captions = [words(entry["text"]) for entry in page.all("figcaption")]
        own = [text for text in captions if text.startswith("hinge.") and "sure" in text]
        assert len(own) == 1
        assert "Fitted on validation margins" in own[0]
        before = next(text for text in captions if text.startswith("hinge.") and "7 times in 10" in text)
        assert "a margin is not a probability" in before
        assert "A margin is not a probability" in page.section("probabilities")


def test_calibration_errors_are_means_over_the_seeds(comparisons, compared):
    one = comparisons["binary"]
    for label, entry in zip(one.labels, compared["binary"]["reliability"], strict=True):
        trials = [one.trials[label, seed] for seed in one.seeds]
        after = [metrics.expected_calibration_error(t.outcome.y_true, t.outcome.probabilities) for t in trials]
        assert entry["error_after"] == pytest.approx({"value": np.mean(after), "low": min(after), "high": max(after)})
        assert sum(entry["after"]["count"]) == sum(len(t.outcome.y_true) for t in trials)
        assert 0 < entry["honest"] < 0.2


def test_faultless_probabilities_show_about_the_error_that_the_page_says():
    random = np.random.default_rng(1)
    chance = random.random(400)
    drawn = [metrics.expected_calibration_error(random.random(400) < chance, chance) for _ in range(200)]
    assert faultless_error(np.zeros(400, dtype=int), chance) == pytest.approx(np.mean(drawn), rel=0.1)


def test_margins_say_by_which_method_each_seed_was_calibrated(results):
    one = compare(results["binary"], ("logistic", "hinge"), seeds=(0, 1, 2))
    calibrated = one.trials["hinge", 2].calibration
    lines = calibrated.parameters | {"knots": [{"scores": [-1.0, 1.0], "chances": [0.1, 0.9]}]}
    steps = dataclasses.replace(calibrated, method="isotonic", parameters=lines, tried={"platt": 0.3, "isotonic": 0.2})
    one.trials["hinge", 2] = dataclasses.replace(one.trials["hinge", 2], calibration=steps)
    content = summarize(one)
    assert content["reliability"][1]["methods"] == {"platt": 2, "isotonic": 1}
    said = Page(render(content)).section("probabilities")
    assert "Platt scaling in 2, isotonic regression in 1 of 3 seeds, fitted on validation margins" in said
