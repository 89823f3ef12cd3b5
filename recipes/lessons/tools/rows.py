"""The rows that a lesson learns from: the user's table or a generated one, split and encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import number, percent, plain
from toolkit.data import prepare as preparing
from toolkit.data.class_labels import TooManyClasses
from toolkit.data.dataset import Dataset, SplitData
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target_checks import TASKS
from toolkit.heads import DEFAULT_HEADS, Head, get_head

__all__ = [
    "Rows",
    "UnclearTask",
    "clear_task",
    "column_names",
    "error",
    "error_name",
    "error_text",
    "load",
    "noisy",
    "prepare",
]

VALIDATION_ROWS, TEST_ROWS = 1_000, 4_000  # the most that a lesson takes
MOST_NAMES = 16  # columns that a text names
MOST_CLASSES = 50


class UnclearTask(DataError):
    """The task isn't given, and the target can mean several.

    Attributes:
        tasks: The tasks that it can mean.
    """

    def __init__(self, message: str, tasks: Sequence[str]) -> None:
        super().__init__(message)
        self.tasks = tuple(tasks)


@dataclass(frozen=True)
class Rows:
    """A sample of the rows of a dataset.

    Attributes:
        dataset: The dataset with all its rows; its preprocessing was fitted on all training rows.
        columns: Names of the encoded columns.
        head: The default head of the task.
        x: ``train``, ``validation`` and ``test`` -> float32 of shape (rows, columns).
        y: The same parts -> encoded targets.
        positions: The same parts -> positions of the rows in the dataset.
        description: The data in words, for the lesson's page.
    """

    dataset: Dataset
    columns: list[str]
    head: Head
    x: dict[str, NDArray[np.float32]]
    y: dict[str, NDArray[Any]]
    positions: dict[str, NDArray[np.int64]]
    description: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Training rows, columns and scores per row: the shape of a `Sweep`."""
        return *self.x["train"].shape, self.dataset.target.units


def clear_task(data: Any, target: str | Sequence[str] | None, seed: int, tasks: Sequence[str]) -> str:
    """Return "multiclass" where the target can only be classes.

    Args:
        data: A path, a DataFrame, or an (X, y) pair.
        target: The column to predict, or several.
        seed: Seed of the split.
        tasks: The tasks that the lesson accepts.

    Raises:
        UnclearTask: The target is more than two numbers, which can be classes or amounts, or there are several targets.
        DataError: The data or the target can't be used.

    Example:
        >>> clear_task((np.arange(80.0)[:, None], np.arange(80) % 2), None, 0, ["multiclass", "regression"])
        'multiclass'
    """
    if not (target is None or isinstance(target, str)) and len(target) > 1:
        several = [task for task in tasks if task in ("multilabel", "regression")]
        raise UnclearTask(f"{len(target)} targets need a task", several)
    if "regression" not in tasks:
        return "multiclass"
    table = prepare(data, target=target, task="multiclass", seed=seed)
    values = table.target_frame.iloc[:, 0]
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > 2:
        raise UnclearTask(
            f"the target of {table.name} has {values.nunique()} different numbers, which can be classes or amounts",
            [task for task in tasks if task in ("multiclass", "regression")],
        )
    return "multiclass"


def prepare(data: Any, *, target: str | Sequence[str] | None, task: str, seed: int) -> SplitData:
    """Read and split a table of columns.

    Args:
        data: A path, a DataFrame, or an (X, y) pair.
        target: The column to predict; None for a pair.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split.

    Raises:
        DataError: The data can't be used, or holds images.

    Example:
        >>> prepare((np.arange(80.0)[:, None], np.arange(80) % 2), target=None, task="binary", seed=0).rows
        80
    """
    try:
        table = preparing.prepare(data, target, task=task, seed=seed)
    except TooManyClasses as error:
        # Without its advice: the lesson names a command.
        raise UnclearTask(f"{str(error).partition(', too many')[0]}, too many for classes", ["regression"]) from None
    if not table.features.columns:
        raise DataError(f"{table.name} holds images: give this lesson a table of columns.")
    classes = table.target_frame.iloc[:, 0].nunique()
    if task == "multiclass" and classes > MOST_CLASSES:
        is_number = pd.api.types.is_numeric_dtype(table.target_frame.iloc[:, 0])
        raise UnclearTask(
            f"the target of {table.name} has {classes} different values, and a lesson compares networks on up to "
            f"{MOST_CLASSES} classes",
            ["regression"] if is_number else [],
        )
    return table


def load(
    data: Any,
    *,
    target: str | Sequence[str] | None,
    task: str,
    seed: int,
    train_rows: int,
    description: str = "",
    tasks: Sequence[str] = TASKS,
) -> Rows:
    """Read, split and encode a table, and sample as many of its rows as a lesson needs.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes 3,000 rows of `noisy`.
        target: The column to predict; None for a pair.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split and of the sample.
        train_rows: The largest number of training rows.
        description: What to call the data; by default its name and number of rows.
        tasks: The tasks that the lesson accepts.

    Raises:
        DataError: The lesson doesn't accept this task, or the data can't be used or holds images.

    Example:
        >>> rows = load(
        ...     (np.arange(80.0)[:, None], np.arange(80) % 2), target=None, task="multiclass", seed=0, train_rows=9
        ... )
        >>> rows.x["train"].shape, rows.description
        ((9, 1), 'arrays, 80 rows; 9 training rows drawn at random; seed 0')
    """
    if task not in tasks:
        raise DataError(f"task={task!r}: this lesson is for {', '.join(tasks)}.{nearest(task, tasks)}")
    if data is None:
        data, target = noisy(3_000, seed), "class"
        description = "3,000 generated rows: 5 of 20 columns matter, and a seventh of the labels is random"
    dataset = prepare(data, target=target, task=task, seed=seed).preprocess(preprocessing={"scaling": "standard"})
    rng = np.random.default_rng((seed, 0))
    limits = {"train": train_rows, "validation": VALIDATION_ROWS, "test": TEST_ROWS}
    # The first of a random order are a sample; sorted, they keep the order of the table.
    positions = {part: np.sort(rng.permutation(dataset.parts[part])[:limit]) for part, limit in limits.items()}
    name = description or f"{dataset.name}, {number(dataset.rows)} rows"
    if len(positions["train"]) < len(dataset.parts["train"]):
        name += f"; {number(len(positions['train']))} training rows drawn at random"
    preprocessing = cast(Preprocessing, dataset.preprocessing)  # `prepare` refuses images
    return Rows(
        dataset,
        list(preprocessing.names),
        get_head(task, DEFAULT_HEADS[task]),
        {part: preprocessing.encode(dataset.features.take(rows)) for part, rows in positions.items()},
        {part: dataset.target.encode(dataset.target_frame.iloc[rows]) for part, rows in positions.items()},
        positions,
        f"{name}; seed {seed}",
    )


def error(head: Head, y: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the error of scores; lower is better, and 0 is perfect.

    Args:
        head: What the scores mean.
        y: Encoded targets.
        scores: Raw scores, shape (n, units).

    Returns:
        The share of rows decided wrongly; for multilabel, the share of labels; for regression, the RMSE in standard
        deviations of the target.
    """
    value = head.measure(y, scores)
    # Of the metrics of the heads, only accuracy is better the larger it is.
    return 1.0 - value if head.metric == "accuracy" else value


def error_name(head: Head) -> str:
    """Return the name of `error`, as the label of an axis."""
    return {
        "accuracy": "share of rows decided wrongly",
        "hamming_loss": "share of labels decided wrongly",
        "rmse": "RMSE, in standard deviations of the target",
    }[head.metric]


def error_text(head: Head, value: float) -> str:
    """Format an `error`: a share as a percentage, an RMSE in standard deviations."""
    return f"{number(value, 2)} standard deviations" if head.metric == "rmse" else percent(value)


def column_names(names: Sequence[str]) -> str:
    """Return the names of numbered columns as a sentence; the picture itself holds no text of the user's.

    Example:
        >>> column_names(["height", "width"])
        'From left to right: 1 height, 2 width. '
    """
    listed = [f"{index} {plain(name)}" for index, name in enumerate(names[:MOST_NAMES], 1)]
    more = f" and {len(names) - MOST_NAMES} more, see the numbers" if len(names) > MOST_NAMES else ""
    return f"From left to right: {', '.join(listed)}{more}. "


def noisy(rows: int, seed: int) -> pd.DataFrame:
    """Generate a table of three classes that a network can overfit: 5 columns matter, 15 are noise.

    A seventh of the labels is random, so that no model can be right everywhere.

    Args:
        rows: Number of rows.
        seed: Seed of the random numbers.

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
    # scikit-learn's shuffle would mix the columns too, and x1 to x5 have to come first.
    order = np.random.default_rng(seed).permutation(rows)
    return pd.DataFrame(x[order], columns=[f"x{index}" for index in range(1, 21)]).assign(**{"class": y[order]})
