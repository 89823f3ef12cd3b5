"""One list of sentences about what happened to the data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.data.notes import notes_of, sentences
from toolkit.data.prepare import prepare


def test_suspects_come_first_then_columns_set_aside_then_everything_else():
    rng = np.random.default_rng(0)
    label = np.where(rng.random(200) < 0.5, "yes", "no").astype(object)
    frame = pd.DataFrame({"x": rng.normal(size=200), "copy": np.where(label == "yes", "Y", "N"), "unit": "cm"})
    frame["note"] = [f"text {index}" for index in range(200)]
    frame["label"] = np.where(np.arange(200) % 10 == 0, None, label)
    notes = notes_of(prepare(frame, "label", task="binary"))
    assert notes[0].startswith("Suspected leak: 'copy' almost determines the target")
    assert [note.split(":")[0] for note in notes[1:3]] == ["'unit' is not used", "'note' is not used"]
    assert sum("20 rows" in note or "20 of" in note for note in notes[3:]) == 1, "rows without a target are dropped"


def test_what_is_true_of_many_columns_is_one_sentence_that_names_them_all():
    rng = np.random.default_rng(0)
    constant = {f"c{index}": np.full(60, float(index)) for index in range(300)}
    frame = pd.DataFrame({"x": rng.normal(size=60), **constant, "y": rng.normal(size=60)})
    notes = notes_of(prepare(frame, "y", task="regression"))
    assert len(notes) == 1
    assert notes[0].startswith("'c0' is not used: constant: every row holds 0. Likewise 299 more columns: c1, c2, ")
    assert notes[0].endswith("c100, ... (299 in all).")


def test_sentences_that_differ_only_in_a_column_its_values_and_counts_are_alike():
    notes = [f"'{name}': {count} cells ('{value}') are missing." for name, count, value in zip(
        "abcdef", [1, 2, 30, 4_000, 5, 6], "uvwxyz", strict=True)]  # fmt: skip
    expected = ["'a': 1 cells ('u') are missing. Likewise 5 more columns: b, c, d, e, f."]
    assert sentences([], {}, notes, "abcdef") == expected
    assert sentences([], {}, notes[:5], "abcdef") == notes[:5], "few stay apart"
    assert sentences([], {}, notes, ["x y"]) == notes, "these are about no column"
    assert sentences([], {}, ["A row is cut off.", "A row is cut off."]) == ["A row is cut off."]


def test_rows_left_out_for_the_users_own_rows_and_rows_without_a_group_are_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "y": rng.normal(size=200), "site": [None, *"abcdefghi"] * 20})
    own = prepare(frame.drop(columns="site"), "y", task="regression", test=frame.drop(columns="site").iloc[:30])
    assert "30 rows with the same features as a row of test are left out." in notes_of(own)
    grouped = notes_of(prepare(frame, "y", task="regression", group="site"))
    assert "20 rows without a 'site' share none with another row." in grouped


def test_a_category_of_more_values_than_have_an_input_each_is_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"town": [f"t{index % 130}" for index in range(1_300)], "y": rng.normal(size=1_300)})
    frame["x"] = rng.normal(size=1_300)
    data = prepare(frame, "y", task="regression")
    sentences_ = [note for note in notes_of(data.preprocess()) if note.startswith("'town' has 130 different values")]
    assert len(sentences_) == 1
    assert "the 100 most frequent have an input each" in sentences_[0]
    assert "most_levels= and rare= set other numbers" in sentences_[0]
    wider = data.preprocess(preprocessing={"most_levels": 200, "rare": 1})
    assert not any("different values in training" in note for note in notes_of(wider))
