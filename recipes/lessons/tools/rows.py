"""The rows that a lesson runs on: a table of the user's own or an embedded one, split and encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent
from toolkit.data import dataset as tables
from toolkit.data.dataset import Table
from toolkit.data.encoding import Encoder
from toolkit.data.target import TASKS, Target
from toolkit.heads import DEFAULT_HEADS, Head, get_head

__all__ = ["Rows", "error", "error_name", "error_text", "load", "noisy", "prepare"]

MOST_WATCHED, MOST_TESTED = 1_000, 4_000


@dataclass(frozen=True)
class Rows:
    """A table split and encoded, and no more of it than a lesson needs.

    Attributes:
        table: The whole table.
        encoder: Its encoding, learned from all training rows.
        target: The encoding of its target.
        head: The task's usual head.
        x: ``train``, ``validation`` and ``test`` -> float32 of shape (rows, columns).
        y: Likewise the encoded targets.
        places: Likewise the rows' places in the table.
        said: What this is, for the foot of a lesson.
    """

    table: Table
    encoder: Encoder
    target: Target
    head: Head
    x: dict[str, NDArray[np.float32]]
    y: dict[str, NDArray[Any]]
    places: dict[str, NDArray[np.int64]]
    said: str


def prepare(data: Any, *, target: str | Sequence[str] | None, task: str, seed: int) -> Table:
    """Read and split a table of columns.

    Args:
        data: A path, a DataFrame, or an (X, y) pair.
        target: The column to predict; None for a pair.
        task: What the target is.
        seed: Seed of the split.

    Returns:
        The table.

    Raises:
        DataError: The data is not what it should be, or holds images.

    Example:
        >>> prepare((np.arange(80.0)[:, None], np.arange(80) % 2), target=None, task="binary", seed=0).rows
        80
    """
    table = tables.prepare(data, target, task=task, seed=seed)
    if table.pixels is not None:
        raise DataError(f"{table.name} holds images: this lesson takes a table of columns.")
    return table


def load(
    data: Any,
    *,
    target: str | Sequence[str] | None,
    task: str,
    seed: int,
    most: int,
    said: str = "",
    tasks: Sequence[str] = TASKS,
    scaling: str = "standard",
) -> Rows:
    """Read, split and encode a table, and draw as many of its rows as a lesson needs.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes 3,000 rows of `noisy`.
        target: The column to predict; None for a pair.
        task: What the target is.
        seed: Seed of the split and of the draw.
        most: The most training rows.
        said: What the data is called; by default by its name and rows.
        tasks: The tasks that the lesson is for.
        scaling: How numbers are scaled, as in `toolkit.data.encoding.Encoder.fit`.

    Returns:
        The rows.

    Raises:
        DataError: The lesson is not for this task, or the data is not what it should be or holds images.

    Example:
        >>> rows = load((np.arange(80.0)[:, None], np.arange(80) % 2), target=None, task="multiclass", seed=0, most=20)
        >>> rows.x["train"].shape, rows.said
        ((20, 1), 'arrays, 80 rows, of which 20 drawn at random for training; seed 0')
    """
    if task not in tasks:
        raise DataError(f"task={task!r}: this lesson is for {', '.join(tasks)}.")
    if data is None:
        data, target = noisy(3_000, seed), "class"
        said = "3,000 generated rows: 5 of 20 columns matter, and a seventh of the labels is drawn at random"
    table = prepare(data, target=target, task=task, seed=seed)
    train = table.parts["train"]
    encoder = Encoder.fit(table.frame.iloc[train], table.columns, table.source_columns, scaling=scaling)
    coded = Target.fit(table.target, train, task, table.source_rows)
    rng = np.random.default_rng((seed, 0))
    limits = {"train": most, "validation": MOST_WATCHED, "test": MOST_TESTED}
    places = {part: np.sort(rng.permutation(table.parts[part])[:limit]) for part, limit in limits.items()}
    name = said or f"{table.name}, {number(table.rows)} rows"
    if len(places["train"]) < len(train):
        name += f", of which {number(len(places['train']))} drawn at random for training"
    return Rows(
        table,
        encoder,
        coded,
        get_head(task, DEFAULT_HEADS[task]),
        {part: encoder.transform(table.frame.iloc[rows]) for part, rows in places.items()},
        {part: coded.encode(table.target.iloc[rows]) for part, rows in places.items()},
        places,
        f"{name}; seed {seed}",
    )


def error(head: Head, y: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return how far scores are from encoded targets: less is better, 0 is perfect.

    Args:
        head: What the scores mean.
        y: Encoded targets.
        scores: Raw scores, shape (n, units).

    Returns:
        The share of rows (of labels, for multilabel) that is decided wrongly; for regression the root of the mean
        squared error, in standard deviations of the target.
    """
    measured = head.measure(y, scores)
    return 1.0 - measured if head.metric == "accuracy" else measured


def error_name(head: Head) -> str:
    """Return what `error` is, as the name of an axis."""
    return {
        "accuracy": "share of rows decided wrongly",
        "hamming_loss": "share of labels decided wrongly",
        "rmse": "RMSE, in standard deviations of the target",
    }[head.metric]


def error_text(head: Head, value: float) -> str:
    """Say an `error`: a share in per cent, an RMSE as a number of standard deviations."""
    return f"{number(value, 2)} standard deviations" if head.metric == "rmse" else percent(value)


def noisy(rows: int, seed: int) -> pd.DataFrame:
    """Return a table of three classes that a network can overfit: 5 columns matter, 15 are noise.

    A seventh of the labels is drawn at random, so that no model can be right everywhere.

    Args:
        rows: How many rows.
        seed: Seed of the draw.

    Returns:
        Columns ``x1`` to ``x20``, of which ``x1`` to ``x5`` matter, and ``class``.

    Example:
        >>> noisy(100, 0).shape
        (100, 21)
    """
    from sklearn.datasets import make_classification

    x, y = make_classification(
        rows, n_features=20, n_informative=5, n_redundant=0, n_classes=3, n_clusters_per_class=2, flip_y=0.14,
        class_sep=1.5, shuffle=False, random_state=seed,
    )  # fmt: skip
    order = np.random.default_rng(seed).permutation(rows)  # the columns stay in their order
    return pd.DataFrame(x[order], columns=[f"x{place}" for place in range(1, 21)]).assign(**{"class": y[order]})
