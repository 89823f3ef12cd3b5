"""Reports of comparisons: the summary first, then the page made from it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import math
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.decomposition import PCA

from recipes.samples import SAMPLES, path
from toolkit.common.errors import DataError
from toolkit.evaluation import calibration, metrics
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import get_head
from toolkit.report import cells
from toolkit.report import page as report
from toolkit.report.summary.comparison import summarise_comparison, without_rows
from toolkit.runs.comparison import Comparison, Trial

TASKS = ["regression", "binary", "multiclass", "multilabel"]
HEADS = {
    "regression": ("squared", "absolute", "huber"),
    "binary": ("logistic", "hinge", "squared_hinge"),
    "multiclass": ("softmax", "hinge"),
    "multilabel": ("logistic", "hinge", "separate"),
}
FILES = {sample.task: name for name, sample in SAMPLES.items()}
HOSTILE = "</style><script>alert(1)</script>\"'& \u202e😀 العربية " + "x" * 300
VOID = {"meta", "link", "br", "img", "wbr", "hr", "input"}

# Hantehzadeh, week 2: a wrong row and one past the margin, with one inside it worked out by hand:
# hinge 0.7 - 1.0 + 1 = 0.7, squared 0.49, cross-entropy ln(1 + exp(-0.3) + exp(-2)) = 0.6292.
LECTURE = {0: [3.2, 5.1, -1.7], 1: [1.3, 4.9, 2.0], 2: [-1.0, 0.7, 1.0]}
LOSSES = {
    "wrong": {"hinge": 2.9, "squared_hinge": 8.41, "softmax": 2.0404},
    "past": {"hinge": 0.0, "squared_hinge": 0.0, "softmax": 0.0791},
    "near": {"hinge": 0.7, "squared_hinge": 0.49, "softmax": 0.6292},
}


def contender(run, name, seed, *, scores=None):
    """A trial of a fitted run's network under another head, its scores shaken a little: nothing is trained."""
    task, random = run.task, np.random.default_rng([seed, len(name)])
    head = get_head(task, "logistic" if name == "separate" else name)
    if scores is None:
        scores = run.outcome.scores + random.normal(0, 1.0, run.outcome.scores.shape).astype(np.float32)
    if task == "regression":
        shift = random.normal(0, 20, run.outcome.y_pred.shape)
        outcome, fitted, before = dataclasses.replace(run.outcome, y_pred=run.outcome.y_pred + shift), None, None
    else:
        truth = run.outcome.y_true
        fitted = calibration.fit(task, head.link, scores, truth)
        outcome = Outcome(task, truth, head.decide(scores), fitted.probabilities(scores), scores)
        before = head.probabilities(scores)
    separate = name == "separate"
    return Trial(
        label=name,
        seed=seed,
        head=head,
        outcome=outcome,
        uncalibrated=before,
        calibration=None if separate else fitted,
        history=run.history.iloc[: len(run.history) - 2 * seed],
        best_epoch=5 + seed,
        parameters=run.model.count_params() * (3 if separate else 1),
        seconds=1.5 + seed,
        result=None if separate else dataclasses.replace(run, head=head),
    )


def compare(run, names, seeds=(0, 1), **options):
    trials = {(name, seed): contender(run, name, seed) for name in names for seed in seeds}
    tables = dict.fromkeys(seeds, run.dataset)
    options = {"baseline_outcomes": dict.fromkeys(seeds, run.baselines)} | options
    return Comparison(run.task, list(names), list(seeds), trials, tables, run.target, run.settings, **options)


@pytest.fixture(scope="module")
def comparisons(results):
    return {task: compare(results[task], HEADS[task]) for task in TASKS}


@pytest.fixture(scope="module")
def summaries(comparisons):
    return {task: summarise_comparison(one) for task, one in comparisons.items()}


@pytest.fixture(scope="module")
def pages(summaries):
    return {task: report.render(content) for task, content in summaries.items()}


class Page(HTMLParser):
    """A page as a list of elements, each with its attributes, its text and its path; tags must close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "path": [entry["tag"] for entry in self.open], **dict(attrs)}
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice in {tag}"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop()["tag"] == tag, tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    def section(self, name):
        return words(next(element for element in self.all("section") if element["id"] == name)["text"])


def words(text):
    """Text as it is read: any space is one, what can't be seen is gone."""
    return " ".join(re.sub("[\u2068\u2069]", "", text).split())


def everything(value):
    """Every leaf of a summary."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in everything(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in everything(item)]
    return [value]


# The summary


@pytest.mark.parametrize("task", TASKS)
def test_a_summary_is_strict_json_and_the_same_again(task, comparisons, summaries):
    text = json.dumps(summaries[task], allow_nan=False)
    assert json.loads(text) == summaries[task]
    assert json.dumps(summarise_comparison(comparisons[task]), allow_nan=False) == text
    assert {type(leaf) for leaf in everything(summaries[task])} <= {str, int, float, bool, type(None)}
    assert summaries[task]["kind"] == "comparison"


@pytest.mark.parametrize("task", TASKS)
def test_metrics_and_differences_are_those_of_the_comparison(task, comparisons, summaries):
    one, found = comparisons[task], summaries[task]["results"]["metrics"]
    assert list(found) == list(one.table.index)
    for name, row in found.items():
        for place, label in enumerate(one.labels):
            entry = row["contenders"][place]
            for key, column in (("value", label), ("low", f"{label}_low"), ("high", f"{label}_high")):
                assert entry[key] == pytest.approx(one.table.loc[name, column])
            each = [metrics.evaluate(one.trials[label, seed].outcome)[name] for seed in one.seeds]
            assert entry["seeds"] == pytest.approx(each)
            assert entry["value"] == pytest.approx(np.mean(each))
        assert row["differences"][0] is None
        for given in one.differences:
            if given["metric"] == name:
                entry = row["differences"][one.labels.index(given["b"])]
                assert entry["value"] == pytest.approx(given["value"])
                assert (entry["standing"] == "level") == (not given["clear"])
                if given["clear"]:
                    smaller = given["value"] < 0
                    assert entry["standing"] == ("better" if smaller == metrics.LOWER_IS_BETTER[name] else "worse")
                assert np.mean(entry["seeds"]) == pytest.approx(given["value"])


@pytest.mark.parametrize("task", TASKS)
def test_the_cost_of_each_contender_is_the_mean_of_its_trials(task, comparisons, summaries):
    one = comparisons[task]
    for label, entry in zip(one.labels, summaries[task]["contenders"], strict=True):
        trials = [one.trials[label, seed] for seed in one.seeds]
        assert entry["seconds"] == {"value": 2.0, "low": 1.5, "high": 2.5}
        assert entry["best_epoch"]["value"] == 5.5
        assert entry["epochs"]["value"] == np.mean([len(trial.history) for trial in trials])
        assert entry["parameters"] == trials[0].parameters
    assert {entry["networks"] for entry in summaries["multilabel"]["contenders"]} == {1, 3}


def test_a_learning_curve_is_the_mean_over_the_seeds_that_still_train(comparisons, summaries):
    one, curve = comparisons["multiclass"], summaries["multiclass"]["training"]["curves"][0]
    first, second = (one.trials["softmax", seed].history["val_accuracy"].to_numpy() for seed in one.seeds)
    assert len(first) == len(second) + 2 == len(curve["mean"])
    assert curve["seeds"] == [2] * len(second) + [1, 1]
    assert curve["mean"][: len(second)] == pytest.approx((first[: len(second)] + second) / 2, rel=1e-4)
    assert curve["mean"][-1] == pytest.approx(first[-1], rel=1e-4)
    assert curve["low"][3] == pytest.approx(min(first[3], second[3]), rel=1e-4)


def test_margins_count_each_test_row_of_each_seed(comparisons, summaries):
    for task in ("binary", "multiclass", "multilabel"):
        one = comparisons[task]
        for label, entry in zip(one.labels, summaries[task]["margins"], strict=True):
            outcomes = [one.trials[label, seed].outcome for seed in one.seeds]
            assert sum(entry["histogram"]["counts"]) == entry["counted"] == 2 * outcomes[0].y_true.size
            wrong = np.mean([(outcome.y_true != outcome.y_pred).mean() for outcome in outcomes])
            assert entry["wrong"] == pytest.approx(wrong)
            edges = entry["histogram"]["edges"]
            assert min(abs(edge) for edge in edges) < 1e-12  # no bar holds right and wrong
            below = sum(count for count, end in zip(entry["histogram"]["counts"], edges[1:], strict=True) if end <= 0)
            assert below == round(wrong * entry["counted"])
            asked = label in ("hinge", "squared_hinge")
            assert (entry["met"] is not None) == asked
            if asked:
                assert entry["wrong"] + entry["inside"] + entry["met"] == pytest.approx(1)


def test_a_multiclass_margin_is_the_lead_over_the_best_other_class(results):
    run = results["multiclass"]
    scores = np.array([LECTURE[truth] for truth in run.outcome.y_true], dtype=np.float32)
    one = compare(run, ("softmax", "hinge"), seeds=(0,))
    one.trials["hinge", 0] = contender(run, "hinge", 0, scores=scores)
    found = summarise_comparison(one, rows=False)["margins"][1]
    counted = np.bincount(run.outcome.y_true, minlength=3)  # margins -1.9, 2.9 and 0.3
    total = counted.sum()
    assert [found[key] for key in ("wrong", "met", "inside")] == pytest.approx([c / total for c in counted])


def test_margins_are_never_softmaxed_into_probabilities(comparisons, summaries, pages):
    for task in ("binary", "multiclass", "multilabel"):
        one, content, page = comparisons[task], summaries[task], Page(pages[task])
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


def test_calibration_errors_are_means_over_the_seeds(comparisons, summaries):
    one = comparisons["binary"]
    for label, entry in zip(one.labels, summaries["binary"]["reliability"], strict=True):
        trials = [one.trials[label, seed] for seed in one.seeds]
        after = [metrics.expected_calibration_error(t.outcome.y_true, t.outcome.probabilities) for t in trials]
        assert entry["error_after"] == pytest.approx({"value": np.mean(after), "low": min(after), "high": max(after)})
        assert sum(entry["after"]["count"]) == sum(len(t.outcome.y_true) for t in trials)
        assert 0 < entry["honest"] < 0.2


def test_faultless_probabilities_show_about_the_error_that_the_page_says():
    from toolkit.report.summary.comparison import _honest

    random = np.random.default_rng(1)
    chance = random.random(400)
    drawn = [metrics.expected_calibration_error(random.random(400) < chance, chance) for _ in range(200)]
    assert _honest(np.zeros(400, dtype=int), chance) == pytest.approx(np.mean(drawn), rel=0.1)


def test_margins_say_by_which_method_each_seed_was_calibrated(results):
    one = compare(results["binary"], ("logistic", "hinge"), seeds=(0, 1, 2))
    calibrated = one.trials["hinge", 2].calibration
    lines = calibrated.parameters | {"knots": [{"scores": [-1.0, 1.0], "chances": [0.1, 0.9]}]}
    steps = dataclasses.replace(calibrated, method="isotonic", parameters=lines, tried={"platt": 0.3, "isotonic": 0.2})
    one.trials["hinge", 2] = dataclasses.replace(one.trials["hinge", 2], calibration=steps)
    content = summarise_comparison(one)
    assert content["reliability"][1]["methods"] == {"platt": 2, "isotonic": 1}
    said = Page(report.render(content)).section("probabilities")
    assert "Platt scaling in 2, isotonic regression in 1 of 3 seeds, fitted on validation margins" in said


@pytest.mark.parametrize("task", TASKS)
def test_the_baselines_stand_beside_the_contenders_and_in_no_difference(task, results, comparisons, summaries, pages):
    one, found = comparisons[task], summaries[task]["results"]["metrics"]
    assert list(one.baselines.index) == list(one.table.index)
    assert not any("tree" in column or "linear" in column for column in one.table)
    for name, outcome in results[task].baselines.items():
        for metric, value in metrics.evaluate(outcome).items():
            assert one.baselines.loc[metric, name] == pytest.approx(value, nan_ok=True)
            entry = found[metric]["baselines"][name]
            assert entry["value"] == (None if math.isnan(value) else pytest.approx(value))
    section = Page(pages[task]).section("metrics")
    assert "Gradient-boosted trees" in section
    assert "not part of the differences" in section
    without = Page(report.render(summarise_comparison(compare(results[task], HEADS[task], baseline_outcomes={}))))
    assert "baseline" not in without.section("metrics")


@pytest.mark.parametrize("task", TASKS)
def test_a_baseline_that_is_ahead_of_all_contenders_is_named_once(task, results):
    run, names = results[task], HEADS[task][:2]
    truth = run.outcome.y_true
    sure = None if task == "regression" else np.eye(3)[truth] if task == "multiclass" else truth.astype(float)
    right = {"dummy": run.baselines["dummy"], "tree": Outcome(task, truth, truth, sure)}
    best = compare(run, names, baseline_outcomes={0: right, 1: right})
    assert len(best.verdict) == 2
    assert best.verdict[-1].startswith("A baseline is ahead of them all: the gradient-boosted trees, with ")
    assert "This difference is not tested." in Page(report.render(summarise_comparison(best))).section("verdict")
    worst = compare(run, names, baseline_outcomes={seed: {"dummy": run.baselines["dummy"]} for seed in (0, 1)})
    assert len(worst.verdict) == 1


def test_disagreements_are_counted_and_shown_as_rows_of_the_file(comparisons, summaries):
    file = pd.read_csv(path(FILES["binary"]))
    one, found = comparisons["binary"], summaries["binary"]["disagreement"]
    outcomes = [one.trials[label, 0].outcome for label in one.labels]
    right = [outcome.y_true == outcome.y_pred for outcome in outcomes]
    for place in (1, 2):
        counts = found["counts"][place - 1]
        assert counts["both"] == (right[0] & right[place]).sum()
        assert counts["reference"] == (right[0] & ~right[place]).sum()
        assert counts["contender"] == (~right[0] & right[place]).sum()
        assert sum(counts[key] for key in ("both", "reference", "contender", "neither")) == len(right[0])
        assert counts["differ"] == counts["reference"] + counts["contender"]  # two classes
    apart = (np.stack(right) != right[0]).any(axis=0)
    assert found["total"] == apart.sum() > 0
    assert len(found["shown"]["rows"]) == min(10, apart.sum())
    for entry in found["shown"]["rows"]:
        row = file.iloc[entry["row"] - 1]
        truth, *answers = entry["said"]
        assert truth == row["diagnosis"]
        assert {answer["right"] for answer in answers} == {True, False}
        assert all(answer["right"] == (answer["said"] == truth) for answer in answers)
        for name, cell in zip(found["shown"]["columns"], entry["cells"], strict=True):
            assert cell == pytest.approx(row[name])


def test_regression_shows_the_rows_on_which_predictions_are_furthest_apart(comparisons, summaries):
    one, found = comparisons["regression"], summaries["regression"]["disagreement"]
    said = np.stack([one.trials[label, 0].outcome.y_pred[:, 0] for label in one.labels])
    spread = [
        max(a["said"] for a in e["said"][1:]) - min(a["said"] for a in e["said"][1:]) for e in found["shown"]["rows"]
    ]
    assert spread == pytest.approx(np.sort(np.ptp(said, axis=0))[::-1][:10], rel=1e-4)
    assert all(sum(answer["right"] for answer in entry["said"][1:]) == 1 for entry in found["shown"]["rows"])


def test_errors_are_described_in_the_targets_unit(comparisons, summaries):
    one, found = comparisons["regression"], summaries["regression"]["errors"][0]
    for label, entry in zip(one.labels, found["contenders"], strict=True):
        errors = np.concatenate(
            [(o.y_true - o.y_pred)[:, 0] for o in (one.trials[label, s].outcome for s in one.seeds)]
        )
        assert sum(entry["counts"]) == entry["counted"] == len(errors)
        assert entry["mean"] == pytest.approx(errors.mean())
        assert entry["size_half"] == pytest.approx(np.median(np.abs(errors)))
        assert entry["sizes"][-1] == pytest.approx(np.abs(errors).max(), rel=1e-4)
    assert summaries["regression"]["margins"] is None
    assert summaries["regression"]["reliability"] is None


def test_each_label_and_separate_networks_are_set_side_by_side(comparisons, summaries):
    one, found = comparisons["multilabel"], summaries["multilabel"]["labels"]
    for place, label in enumerate(one.labels):
        wrong = np.mean([o.y_true != o.y_pred for o in (one.trials[label, s].outcome for s in one.seeds)], axis=(0, 1))
        assert [entry["contenders"][place]["value"] for entry in found["shown"]] == pytest.approx(wrong)
    assert (found["separate"]["one"], found["separate"]["several"], found["separate"]["networks"]) == (0, 2, 3)
    assert "3 times as many" in found["separate"]["sentence"]
    assert summaries["multilabel"]["jiggle"] is summaries["multilabel"]["regions"] is None


# One score moved


@pytest.fixture(scope="module")
def lecture(results):
    """The lecture's rows under three heads."""
    run, names = results["multiclass"], ("softmax", "hinge", "squared_hinge")
    scores = np.array([LECTURE[truth] for truth in run.outcome.y_true], dtype=np.float32)
    one = compare(run, names, seeds=(0,))
    one.trials.update({(name, 0): contender(run, name, 0, scores=scores) for name in names})
    return summarise_comparison(one)


def test_losses_of_the_rows_as_they_are_equal_the_worked_table(lecture):
    jiggle = lecture["jiggle"]
    here = jiggle["moves"].index(0.0)
    assert [row["kind"] for row in jiggle["rows"]] == ["past", "near", "wrong"]
    for row in jiggle["rows"]:
        for place, losses in zip(jiggle["contenders"], row["losses"], strict=True):
            expected = LOSSES[row["kind"]][lecture["contenders"][place]["label"]]
            assert losses[here] == pytest.approx(expected, abs=1e-4)


def test_the_hinge_stays_flat_once_its_margin_is_met_and_the_cross_entropy_never_does(lecture):
    jiggle = lecture["jiggle"]
    softmax, hinge, squared = jiggle["rows"][0]["losses"]  # scores 1.3, 4.9, 2.0: it leads by 2.9
    moves = jiggle["moves"]
    assert hinge[0] == pytest.approx(0.1, abs=1e-5)  # 2.9 less 2: 0.9, so 0.1 is missing
    assert squared[0] == pytest.approx(0.01, abs=1e-5)
    assert all(loss == 0 for move, loss in zip(moves, hinge, strict=True) if move > -1.85)
    assert all(after < before for before, after in itertools.pairwise(softmax))
    assert softmax[-1] == pytest.approx(math.log(1 + math.exp(1.3 - 6.9) + math.exp(2.0 - 6.9)), rel=1e-4)
    wrong = jiggle["rows"][2]["losses"][1]  # scores 3.2, 5.1, -1.7: one up takes away one
    assert wrong[moves.index(1.0)] == pytest.approx(1.9, abs=1e-5)


def test_the_page_says_which_loss_moves(lecture):
    text = Page(report.render(lecture)).section("jiggle")
    assert (
        "takes the loss of softmax from 0.0791 to 0.0298; that of hinge at 0 and of squared_hinge at 0 does not" in text
    )
    assert "Once the true class leads by 1, a max-margin loss is 0 and stays there" in text


def test_one_score_is_moved_towards_the_truth(comparisons, summaries):
    one, jiggle = comparisons["binary"], summaries["binary"]["jiggle"]
    place, test = one.labels.index("hinge"), one.tables[0].parts["test"]
    for row in jiggle["rows"]:
        at = np.flatnonzero(one.tables[0].source_rows[test] == row["row"])[0]
        outcome = one.trials["hinge", 0].outcome
        sign = 1 if outcome.y_true[at] else -1
        expected = [max(0, 1 - (sign * outcome.scores[at, 0] + move)) for move in jiggle["moves"]]
        assert row["losses"][place] == pytest.approx(expected, abs=1e-4)
        assert row["margins"][place] == pytest.approx(sign * outcome.scores[at, 0])


# Decision regions


def test_the_plane_is_that_of_the_first_two_principal_components(comparisons, summaries):
    one, found = comparisons["multiclass"], summaries["multiclass"]["regions"]
    run, table = one.trials["softmax", 0].result, one.tables[0]
    inputs = run.encoder.transform(table.features.frame.iloc[table.parts["test"]])
    fitted = PCA(2).fit(inputs)
    assert found["share"] == pytest.approx(fitted.explained_variance_ratio_.sum(), rel=1e-4)
    signs = [np.sign(axis[np.abs(axis).argmax()]) for axis in fitted.components_]
    for column, row in ((0, 0), (89, 0), (0, 89), (40, 60)):
        x, y = (np.linspace(*found[name], 90)[at] for name, at in (("x", column), ("y", row)))
        point = fitted.inverse_transform([[x * signs[0], y * signs[1]]]).astype(np.float32)
        assert int(found["maps"][0]["rows"][row][column]) == run.head.decide(run.raw_scores(point))[0]
    for entry in found["maps"]:
        assert sum(entry["shares"]) == pytest.approx(1)
    outcome = one.trials["softmax", 0].outcome
    assert len(found["points"]["x"]) <= len(outcome.y_true) == found["points"]["of"]


def test_with_two_inputs_the_plane_is_all_there_is(results):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(120, 2)), columns=["left", "up"])
    truth = (frame["left"] + frame["up"] > 0).to_numpy().astype(int)
    encoder = SimpleNamespace(names=["left", "up"], transform=lambda rows: rows.to_numpy(np.float32))
    head = get_head("binary", "logistic")
    small = SimpleNamespace(
        encoder=encoder, head=head, task="binary", threshold=0.0, raw_scores=lambda x: x.sum(axis=1, keepdims=True)
    )
    trial = SimpleNamespace(result=small, outcome=Outcome("binary", truth, truth))
    from toolkit.report.summary.contrasts import regions

    table = SimpleNamespace(features=SimpleNamespace(frame=frame), parts={"test": np.arange(120)})
    one = SimpleNamespace(
        labels=["logistic"], classes=["a", "b"], seeds=[0], tables={0: table}, trials={("logistic", 0): trial}
    )
    found: Any = regions(one)
    assert found["exact"]
    assert found["names"] == ["left", "up"]
    assert found["maps"][0]["as_the_network"] == 1
    rows = np.array([[int(letter) for letter in line] for line in found["maps"][0]["rows"]])
    x, y = (np.linspace(*found[name], 90) for name in ("x", "y"))
    assert (rows == (x[None, :] + y[:, None] > 0)).mean() > 0.99


def test_regions_are_left_out_where_there_are_many_classes_and_capped_at_three(comparisons, summaries):
    one = comparisons["multiclass"]
    many = dataclasses.replace(one.target, classes=np.array([f"c{i}" for i in range(11)], dtype=object))
    from toolkit.report.summary.contrasts import regions

    assert regions(SimpleNamespace(**{**vars(one), "target": many, "classes": list(many.classes)})) is None
    run = one.trials["softmax", 0].result
    four = compare(run, ("softmax", "hinge", "squared_hinge"), seeds=(0,))
    four.labels.append("again")
    four.trials["again", 0] = dataclasses.replace(four.trials["hinge", 0], label="again")
    found: Any = regions(four)
    assert [entry["contender"] for entry in found["maps"]] == [0, 1, 2]
    assert found["left_out"] == ["again"]


# Without rows


@pytest.mark.parametrize("task", TASKS)
def test_without_rows_no_row_is_left(task, comparisons, summaries):
    bare = summarise_comparison(comparisons[task], rows=False)
    assert bare == without_rows(summaries[task])
    assert bare["disagreement"]["shown"] is None
    assert bare["disagreement"]["counts"] == summaries[task]["disagreement"]["counts"]
    if bare["regions"]:
        assert bare["regions"]["points"] is None
    for row in (bare["jiggle"] or {"rows": []})["rows"]:
        assert row["row"] is row["truth"] is row["scores"] is None


def test_the_page_without_rows_says_so_and_names_none(summaries):
    page = report.render(without_rows(summaries["multiclass"]))
    assert "are left out of this report" in page
    assert "rows of your data" not in page
    assert "Row " not in Page(page).all("main")[0]["text"]


# The page


@pytest.mark.parametrize("task", TASKS)
def test_the_page_is_well_formed_and_can_be_found_ones_way_in(task, pages):
    page = Page(pages[task])
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    assert [element["text"] for element in page.all("title") if "head" in element["path"]] == [
        f"{page.all('h1')[0]['text']}: comparison report"
    ]
    levels = [int(element["tag"][1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    names = [element["id"] for element in page.elements if "id" in element]
    assert len(names) == len(set(names))
    links = [element["href"].removeprefix("#") for element in page.all("a")]
    assert links == ["main", *(element["id"] for element in page.all("section"))]
    assert [element["aria-labelledby"] for element in page.all("section")] == [
        f"h-{element['id']}" for element in page.all("section")
    ]


@pytest.mark.parametrize("task", TASKS)
def test_only_the_sections_that_apply_stand_on_the_page(task, pages):
    sections = [element["id"] for element in Page(pages[task]).all("section")]
    own = {
        "regression": ["errors"],
        "binary": ["margins", "probabilities", "jiggle", "regions"],
        "multiclass": ["margins", "probabilities", "jiggle", "regions"],
        "multilabel": ["margins", "probabilities", "labels"],
    }[task]
    always = ["verdict", "metrics", "contenders", "training", "disagreement", "settings"]
    assert set(sections) == {*own, *always}


@pytest.mark.parametrize("task", TASKS)
def test_tables_and_pictures_say_what_they_are(task, pages):
    page = Page(pages[task])
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(element["text"].strip() for element in page.all("caption"))
    assert {element.get("scope") for element in page.all("th")} == {"col", "row"}
    for picture in page.all("svg"):
        assert picture.get("aria-hidden") == "true" or picture["role"] == "img"
        assert picture.get("aria-hidden") or picture["text"].strip()
    folded = [element for element in page.all("table") if "figure" in element["path"]]
    assert len(folded) == len(page.all("figure")) == len(page.all("figcaption")) > 3


@pytest.mark.parametrize("task", TASKS)
def test_the_page_asks_for_nothing_and_stays_small(task, pages, summaries):
    page = Page(pages[task])
    policy = next(element for element in page.all("meta") if "http-equiv" in element)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not page.all("script", "iframe", "object", "embed", "img", "form", "base")
    for element in page.elements:
        assert not [key for key in element if key.startswith("on")]
        for key in ("href", "src", "xlink:href"):
            assert re.match(r"#|data:,", element.get(key) or "#")
    assert "://" not in re.sub(r'xmlns="http://www.w3.org/2000/svg"', "", pages[task])
    assert len(pages[task].encode()) < 500_000
    assert len(json.dumps(summaries[task])) < 500_000


@pytest.mark.parametrize("task", TASKS)
def test_the_page_tells_the_verdict_every_metric_the_method_and_what_is_not_ranked(task, comparisons, summaries, pages):
    one, page = comparisons[task], Page(pages[task])
    text = words(page.all("main")[0]["text"])
    assert all(words(sentence) in page.section("verdict") for sentence in one.verdict)
    for name, row in summaries[task]["results"]["metrics"].items():
        for entry in row["contenders"]:
            assert words(report.metric_names.metric_value(name, entry["value"])) in text
        for entry in row["differences"][1:]:
            assert words(cells.difference(name, entry["value"], entry)["value"]) in page.section("metrics")
    assert "Never ranked by loss." in text
    assert "different scales" in text
    assert "paired bootstrap of the test rows" in page.section("metrics")
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_the_same_summary_gives_the_same_bytes_also_when_read_back_from_json(summaries, pages):
    assert report.render(json.loads(json.dumps(summaries["binary"]))) == pages["binary"]


def replaced(value: Any, old: set[str]) -> Any:
    """A summary with some of its texts exchanged for a hostile one."""
    if isinstance(value, dict):
        return {key: replaced(item, old) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old) for item in value]
    return HOSTILE if isinstance(value, str) and value in old else value


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_hostile_names_are_shown_and_do_nothing(task, summaries):
    content = copy.deepcopy(summaries[task])
    names = {content["name"], *content["target"], *content["classes"], *content["disagreement"]["shown"]["columns"]}
    content = replaced(content, names | {entry["label"] for entry in content["contenders"]})
    content["title"] = content["verdict"]["headline"] = content["terms"]["reason"] = HOSTILE
    content["settings"] = {**content["settings"], "call": HOSTILE}
    page = Page(report.render(content))
    assert not page.all("script")
    assert len(page.all("style")) == 1
    assert "<script>alert(1)</script>" in words(page.all("main")[0]["text"])
    assert HOSTILE in page.all("pre")[0]["text"]


def test_what_is_not_defined_is_said_so(summaries):
    content = copy.deepcopy(summaries["binary"])
    row = content["results"]["metrics"]["roc_auc"]
    row["contenders"][1].update(value=None, low=None, high=None, seeds=[None, None])
    row["differences"][1].update(value=None, low=None, high=None, standing="level", seeds=[None, None])
    row["differences"][2].update(low=None, high=None, standing="level")
    content["margins"][1] = content["reliability"][1] = content["confidence"][1] = None
    content["training"]["curves"][1] = None
    page = Page(report.render(content))
    assert "not defined" in page.section("verdict").lower()
    assert "No interval" in page.section("verdict")


def test_one_seed_has_no_spread_to_tell_of(results):
    content = summarise_comparison(compare(results["multiclass"], ("softmax", "hinge"), seeds=(3,)))
    page = Page(report.render(content))
    assert "seed 3" not in page.section("verdict")
    assert "Mean over" not in page.section("training")
    assert "1 seed" in words(page.all("header")[0]["text"])


def test_page_and_summary_are_written_side_by_side(comparisons, summaries, pages, tmp_path):
    where = comparisons["regression"].report(tmp_path / "new" / "heads")
    assert where == tmp_path / "new" / "heads.html"
    assert where.read_text(encoding="utf-8") == pages["regression"]
    assert json.loads(where.with_suffix(".json").read_text(encoding="utf-8")) == summaries["regression"]


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(summaries, pages):
    frame = Page(report.notebook(summaries["regression"])).elements
    assert [(element["tag"], element["title"]) for element in frame] == [("iframe", "Comparison report")]
    assert Page(frame[0]["srcdoc"]).all("main")[0]["text"] == Page(pages["regression"]).all("main")[0]["text"]


def test_another_kind_of_summary_is_refused(summaries):
    with pytest.raises(DataError, match="Update logitkit"):
        report.render({**summaries["binary"], "kind": "lesson"})
