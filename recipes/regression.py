"""Regression: one or several numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Unpack

from recipes.workflow.defaults import COMPARED
from recipes.workflow.options import Cv, Effort, Report, Seed, Seeds, Test
from toolkit.common.options import documented

if TYPE_CHECKING:
    from recipes.workflow.options import Options
    from toolkit import Comparison, Head, Run

__all__ = ["compare", "cross_validate", "train"]

Target = Annotated[
    str | list[str] | None,
    "Name of the target column, or a list of several; their values are numbers. Left out for an (X, y) pair.",
]

HeadOption = Annotated[
    "str | Head",
    "squared, absolute (less moved by outliers), huber (between them), quantile (of one target: quantiles and "
    "intervals of a width for each row), or a Head.",
]


@documented
def train(
    data: Any,
    target: Target = None,
    *,
    test: Test = None,
    head: HeadOption = "squared",
    effort: Effort = "default",
    seed: Seed = 0,
    report: Report = None,
    **options: Unpack[Options],
) -> Run:
    """Train a network that predicts one or several numbers, and evaluate it on rows it never saw.

    It is the wrong tool for a category that happens to be written as a number, and for counts of a rare event.

    Args:
        data: A path to a table (CSV, TSV, Excel, Parquet, JSON, ...; see `toolkit.data.read.read`), a table in memory
            (a DataFrame of pandas or polars, an Arrow table, a dictionary, a list of records), or an (X, y) pair: X
            holds columns, or images of shape (n, height, width) or (n, height, width, channels); y holds numbers, shape
            (n,) or (n, targets).
        options: See `recipes.workflow.options`.

    Raises:
        DataError: The data, the target or an option can't be used; the message says what to do.

    Example:
        >>> from recipes.samples import path
        >>> run = train(path("diabetes"), target="progression", effort="quick", epochs=5, progress=False)
        >>> sorted(run.metrics)
        ['mae', 'median_absolute_error', 'r2', 'rmse']
    """
    from recipes.workflow.train import train as train_task

    return train_task(
        "regression",
        data,
        target=target,
        test=test,
        head=head,
        effort=effort,
        seed=seed,
        report=report,
        options=options,
    )


@documented
def compare(
    data: Any,
    target: Target = None,
    *,
    test: Test = None,
    heads: Annotated[
        Sequence[str | Head],
        "Two or more of squared, absolute, huber, quantile, or a Head. The others are compared with the first.",
    ] = COMPARED["regression"],
    seeds: Seeds = 5,
    effort: Effort = "quick",
    report: Report = None,
    **options: Unpack[Options],
) -> Comparison:
    """Compare losses for numbers: squared, absolute and Huber.

    All heads share the split, the initial weights and the order of the rows of each seed, so that differences are
    paired: see `toolkit.evaluation.differences`. Losses are not compared, because they are on different scales.

    Args:
        data: As for `train`.
        options: As for `train`; the same for all heads.

    Example:
        >>> from recipes.samples import path
        >>> options = {"epochs": 2, "hidden": (4,), "progress": False, "heads": ("squared", "absolute")}
        >>> comparison = compare(path("diabetes"), target="progression", seeds=2, **options)
        >>> comparison.labels
        ['squared', 'absolute']
    """
    from recipes.workflow.compare import compare as compare_heads

    return compare_heads(
        "regression",
        data,
        target=target,
        test=test,
        heads=heads,
        seeds=seeds,
        effort=effort,
        report=report,
        options=options,
    )


@documented
def cross_validate(
    data: Any,
    target: Target = None,
    *,
    cv: Cv = 5,
    head: HeadOption = "squared",
    effort: Effort = "quick",
    seed: Seed = 0,
    report: Report = None,
    **options: Unpack[Options],
) -> Comparison:
    """Train and test a network on each fold of a cross-validation: see `recipes.multiclass.cross_validate`.

    Args:
        data: As for `train`.
        options: As for `train`.
    """
    from recipes.workflow.cross_validate import cross_validate as cross_validate_task

    return cross_validate_task(
        "regression",
        data,
        target=target,
        cv=cv,
        head=head,
        effort=effort,
        seed=seed,
        report=report,
        options=options,
    )
