"""Classes and labels one by one, against scikit-learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.helpers.pages import Page, words
from toolkit.report.page import render
from toolkit.report.summary import summarize


def test_the_confusion_matrix_and_each_class_are_those_of_scikit_learn(results, summaries):
    for task in ("binary", "multiclass"):
        outcome, found = results[task].outcome, summaries[task]["results"]
        assert found["confusion"]["counts"] == sk.confusion_matrix(outcome.y_true, outcome.y_pred).tolist()
        expected = sk.precision_recall_fscore_support(outcome.y_true, outcome.y_pred, zero_division=np.nan)
        for key, values in zip(("precision", "recall", "f1", "rows"), expected, strict=True):
            for entry, value in zip(found["classes"]["shown"], values, strict=True):
                got = entry[key]["value"] if isinstance(entry[key], dict) else entry[key]
                assert got == pytest.approx(value, nan_ok=True)
    positive = summaries["binary"]["results"]["classes"]["shown"][1]
    for key in ("precision", "recall"):
        row = summaries["binary"]["results"]["metrics"][key]
        assert positive[key] == {name: row[name] for name in ("value", "low", "high")}


def test_each_label_is_that_of_scikit_learn(results, summaries):
    outcome = results["multilabel"].outcome
    for place, entry in enumerate(summaries["multilabel"]["results"]["labels"]["shown"]):
        truth, said = outcome.y_true[:, place], outcome.y_pred[:, place]
        assert entry["rows"] == truth.sum()
        assert entry["recall"]["value"] == pytest.approx(sk.recall_score(truth, said))
        assert entry["f1"] == pytest.approx(sk.f1_score(truth, said))
        assert entry["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, outcome.probabilities[:, place]))


def test_many_classes_are_capped_and_what_is_left_out_is_counted(results):
    run, random = results["multiclass"], np.random.default_rng(0)
    size = 50
    labels = [f"class {i}" for i in range(size)]
    target = dataclasses.replace(run.target, classes=labels)
    scores = random.normal(size=(len(run.outcome.y_true), size))
    outcome = dataclasses.replace(
        run.outcome,
        y_true=random.integers(0, size, len(scores)),
        y_pred=scores.argmax(axis=1),
        scores=scores,
        probabilities=np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True),
    )
    content = summarize(dataclasses.replace(run, target=target, outcome=outcome, baselines={}))
    found = content["results"]
    assert len(found["classes"]["shown"]) + found["classes"]["left_out"] == size
    assert found["classes"]["left_out"] == 10
    wrong = (outcome.y_true != outcome.y_pred).sum()
    mistakes = content["mistakes"]
    assert mistakes["total"] == wrong
    for entry in mistakes["rows"]:
        place = np.flatnonzero(run.dataset.source_rows[run.dataset.parts["test"]] == entry["row"])[0]
        assert entry["said"][:2] == [labels[outcome.y_true[place]], labels[outcome.y_pred[place]]]
        assert entry["said"][2] == f"{100 * outcome.probabilities[place].max():.1f}\u202f%"
    assert found["confusion"]["counts"] is None
    counts = sk.confusion_matrix(outcome.y_true, outcome.y_pred, labels=range(size))
    pairs = found["confusion"]["pairs"]
    assert [pair["rows"] for pair in pairs] == [counts[pair["true"], pair["predicted"]] for pair in pairs]
    assert len(pairs) + found["confusion"]["left_out"] == (counts > 0).sum() - (np.diag(counts) > 0).sum()
    assert "10 are left out" in words(Page(render(content)).all("main")[0]["text"])


def test_each_label_and_separate_networks_are_set_side_by_side(comparisons, compared):
    one, found = comparisons["multilabel"], compared["multilabel"]["labels"]
    for place, label in enumerate(one.labels):
        wrong = np.mean([o.y_true != o.y_pred for o in (one.trials[label, s].outcome for s in one.seeds)], axis=(0, 1))
        assert [entry["contenders"][place]["value"] for entry in found["shown"]] == pytest.approx(wrong)
    assert (found["separate"]["one"], found["separate"]["several"], found["separate"]["networks"]) == (0, 2, 3)
    assert "3 times as many" in found["separate"]["sentence"]
    assert compared["multilabel"]["jiggle"] is compared["multilabel"]["regions"] is None
