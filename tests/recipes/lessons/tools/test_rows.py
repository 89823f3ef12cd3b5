"""The rows of a lesson: drawn, encoded, measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons.tools.rows import (
    error,
    error_name,
    error_text,
    load,
    noisy,
)
from toolkit.common.errors import DataError
from toolkit.heads import get_head


def table(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"size": rng.normal(50, 9, rows), "town": rng.choice(["a", "b"], rows)}).assign(
        price=lambda frame: frame["size"] * 3 + rng.normal(size=rows)
    )


def test_a_lesson_samples_the_training_rows_it_needs_and_the_description_says_so():
    rows = load(table(200), target="price", task="regression", seed=0, train_rows=50)
    assert rows.x["train"].shape == (50, 3)
    assert rows.description == "DataFrame, 200 rows; 50 training rows drawn at random; seed 0"
    assert set(rows.positions["train"]) < set(rows.dataset.parts["train"])
    assert rows.positions["test"].tolist() == rows.dataset.parts["test"].tolist()
    again = load(table(200), target="price", task="regression", seed=0, train_rows=50)
    assert again.positions["train"].tolist() == rows.positions["train"].tolist()


def test_all_rows_of_a_small_table_are_used():
    rows = load(table(60), target="price", task="regression", seed=1, train_rows=50)
    assert len(rows.x["train"]) == 36
    assert rows.description == "DataFrame, 60 rows; seed 1"


def test_a_task_that_a_lesson_is_not_for_is_refused():
    with pytest.raises(DataError, match=r"task='regression': this lesson is for binary, multiclass\."):
        load(table(60), target="price", task="regression", seed=0, train_rows=50, tasks=("binary", "multiclass"))


def test_errors_match_numbers_worked_by_hand():
    scores = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0]])
    head = get_head("multiclass", "softmax")
    assert error(head, np.array([0, 0, 0]), scores) == pytest.approx(1 / 3)
    assert error_text(head, 1 / 3) == "33.3\u202f%"
    labels = get_head("multilabel", "logistic")
    assert error(labels, np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]]), scores) == pytest.approx(1 / 6)
    numbers = get_head("regression", "squared")
    assert error(numbers, np.zeros((2, 1)), np.array([[3.0], [4.0]])) == pytest.approx(np.sqrt(12.5))
    assert error_name(numbers) == "RMSE, in standard deviations of the target"
    assert error_text(numbers, 0.5) == "0.5 standard deviations"


def test_only_the_first_five_columns_of_the_generated_table_are_informative():
    from sklearn.feature_selection import mutual_info_classif

    frame = noisy(3_000, 0)
    information = mutual_info_classif(frame.drop(columns="class"), frame["class"], random_state=0)
    assert information[:5].min() > 2 * information[5:].max()


def test_images_are_refused():
    with pytest.raises(DataError, match="images"):
        load((np.zeros((40, 8, 8)), np.arange(40) % 2), target=None, task="binary", seed=0, train_rows=50)
