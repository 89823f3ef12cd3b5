"""Cross-validation: every row is tested once, by a network that has not seen it, nor its group, nor later rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, TimeSeriesSplit

from recipes import multiclass
from recipes.samples import path
from tests.helpers.cli import run_command
from tests.helpers.pages import Page, words
from toolkit import DataError
from toolkit.data.folds import Fold, Folds
from toolkit.data.prepare import prepare
from toolkit.report import render

QUICK = {"epochs": 2, "hidden": (4,), "progress": False}


@pytest.fixture(scope="module")
def validated():
    return multiclass.cross_validate(path("wine"), target="grower", cv=3, **QUICK)


@pytest.fixture
def visits():
    """Two visits each of 30 patients, in the order of time."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"age": random.normal(50, 10, 60), "dose": random.normal(size=60)})
    frame["patient"] = [f"p{i % 30}" for i in range(60)]
    frame["day"] = random.permutation(60)
    frame["recovery"] = frame["age"] + random.normal(size=60)
    return frame


def splits(frame, cv, **options):
    """Return (train and validation rows, test rows) of each fold, by their positions in the table."""
    folds, found = Folds(cv), []
    while len(found) < max(1, len(folds)):
        data = prepare(frame, "recovery", task="regression", test=Fold(folds, len(found)), **options)
        rows = {part: data.source_rows[positions] - 1 for part, positions in data.parts.items()}
        found.append((np.concatenate([rows["train"], rows["validation"]]), rows["test"]))
        assert f"test is fold {len(found)} of {len(folds)}" in data.split_reason
    return found


def test_every_row_is_tested_once_and_the_table_has_means_and_deviations(validated):
    tested = [data.source_rows[data.parts["test"]] for data in validated.datasets.values()]
    assert sorted(np.concatenate(tested)) == list(range(1, 179))
    wine = pd.read_csv(path("wine"))
    for number, rows in enumerate(tested):
        fold = validated.trials["network", number].outcome
        names = np.array(validated.class_names)
        assert (names[fold.y_true] == wine["grower"].to_numpy()[rows - 1]).all()
        assert validated.folds.loc[number + 1, "accuracy"] == accuracy_score(fold.y_true, fold.y_pred)
    accuracy = validated.folds["accuracy"]
    row = validated.table.loc["accuracy"]
    found = row[["network", "network_std", "network_low", "network_high"]].tolist()
    assert found == pytest.approx([np.mean(accuracy), np.std(accuracy, ddof=1), min(accuracy), max(accuracy)])
    assert "on average over 3 folds" in validated.verdict[0]
    assert "In accuracy a baseline is ahead: the linear model, with " in validated.verdict[1]
    assert "no interval of the mean" in validated.verdict[-1]
    assert repr(validated) == "Comparison(multiclass; network; 3 folds)"


def test_the_page_has_every_fold(validated):
    summary = validated.summary()
    page = Page(render(summary))
    assert [section["id"] for section in page.all("section")] == ["verdict", "training", "probabilities", "settings"]
    verdict = page.section("verdict")
    assert all(words(sentence) in verdict for sentence in validated.verdict)
    assert "seed" not in page.section("training") + page.section("probabilities") + verdict.replace("with seed 0", "")
    assert json.loads(json.dumps(summary, allow_nan=False))["folds"][2]["test_rows"] == 59


@pytest.mark.parametrize("cv", [KFold(4, shuffle=True, random_state=0), list(KFold(3).split(np.zeros(60)))])
def test_a_splitter_of_scikit_learn_decides_the_test_rows(cv, visits):
    expected = list(cv.split(visits)) if hasattr(cv, "split") else cv
    for (train, test), (rows, tested) in zip(expected, splits(visits, cv), strict=True):
        assert (sorted(rows), sorted(tested)) == (train.tolist(), test.tolist())


def test_a_random_splitter_is_asked_once(visits):
    tested = [test for _, test in splits(visits, KFold(4, shuffle=True))]
    assert sorted(np.concatenate(tested)) == list(range(60))


@pytest.mark.parametrize("cv", [5, GroupKFold(5), KFold(5)])
def test_no_group_is_trained_on_and_tested(cv, visits):
    for train, test in splits(visits, cv, group="patient"):
        assert not {*visits["patient"].iloc[train]} & {*visits["patient"].iloc[test]}


@pytest.mark.parametrize("cv", [4, TimeSeriesSplit(4)])
def test_with_times_each_fold_tests_later_rows(cv, visits):
    tested = []
    for train, test in splits(visits, cv, time="day"):
        assert visits["day"].iloc[train].max() < visits["day"].iloc[test].min()
        tested.extend(visits["day"].iloc[test])
    assert sorted(tested) == list(range(12, 60))


def test_equal_rows_are_tested_together(visits):
    twice = pd.concat([visits, visits], ignore_index=True)
    for train, test in [*splits(twice, 4), *splits(twice, KFold(4))]:
        assert not {*train % 60} & {*test % 60}


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (1, r"cv=1: expected a whole number, 2 or more"),
        ("five", r"cv='five': expected a number of folds, or a splitter of scikit-learn"),
        (ShuffleSplit(4, random_state=0), r"tests some rows in several folds"),
        (GroupKFold(5), r"can't split these rows: The 'groups' parameter should not be None"),
        (61, r"cv=61: the data have 60 distinct rows or groups, and 61 are needed"),
    ],
)
def test_folds_that_make_no_sense_are_refused(cv, message, visits):
    with pytest.raises(DataError, match=message):
        splits(visits, cv)


def test_the_command_line_cross_validates(capsys):
    words_typed = ("cross-validate", "multiclass", path("wine"), "--target", "grower", "--cv", "2", "--epochs", "2")
    code, out, err = run_command(capsys, *words_typed, "--hidden", "4", "--no-baselines", "--quiet", "--json")
    assert code == 0, err
    content = json.loads(out)
    assert content["folds"]["1"]["test_rows"] + content["folds"]["2"]["test_rows"] == 178
    assert content["metrics"]["accuracy"]["network_std"] >= 0
