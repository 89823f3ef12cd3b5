"""Binary classification: one of two classes."""

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
    str | None,
    "Name of the target column, which holds two classes of any type; positive= says which is the positive one. Left "
    "out for an (X, y) pair.",
]

HeadOption = Annotated["str | Head", "logistic, hinge (SVM), squared_hinge, or a Head."]


@documented
def train(
    data: Any,
    target: Target = None,
    *,
    test: Test = None,
    head: HeadOption = "logistic",
    effort: Effort = "default",
    seed: Seed = 0,
    report: Report = None,
    **options: Unpack[Options],
) -> Run:
    """Train a network that tells two classes apart, and evaluate it on rows it never saw.

    It is the wrong tool for three classes or more: use `multiclass`.

    Args:
        data: A path to a table (CSV, TSV, Excel, Parquet, JSON, ...; see `toolkit.data.read.read`), a table in memory
            (a DataFrame of pandas or polars, an Arrow table, a dictionary, a list of records), or an (X, y) pair: X
            holds columns, or images of shape (n, height, width) or (n, height, width, channels); y holds labels, shape
            (n,).
        options: See `recipes.workflow.options`.

    Raises:
        DataError: The data, the target or an option can't be used; the message says what to do.

    Example:
        >>> from recipes.samples import path
        >>> run = train(path("breast_cancer"), target="diagnosis", effort="quick", epochs=5, progress=False)
        >>> run.predict_proba(path("breast_cancer")).shape
        (569, 2)
    """
    from recipes.workflow.train import train as train_task

    return train_task(
        "binary",
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
        "Two or more of logistic, hinge, squared_hinge, squared_sigmoid (squared error of the sigmoid, to see why "
        "not), or a Head. The others are compared with the first.",
    ] = COMPARED["binary"],
    seeds: Seeds = 5,
    effort: Effort = "quick",
    report: Report = None,
    **options: Unpack[Options],
) -> Comparison:
    """Compare heads that tell two classes apart: SVM (hinge) and logistic.

    All heads share the split, the initial weights and the order of the rows of each seed, so that differences are
    paired: see `toolkit.evaluation.differences`. Losses are not compared, because they are on different scales.

    Args:
        data: As for `train`.
        options: As for `train`; the same for all heads.

    Example:
        >>> from recipes.samples import path
        >>> options = {"epochs": 2, "hidden": (4,), "progress": False, "heads": ("logistic", "hinge")}
        >>> comparison = compare(path("breast_cancer"), target="diagnosis", seeds=2, **options)
        >>> comparison.labels
        ['logistic', 'hinge']
    """
    from recipes.workflow.compare import compare as compare_heads

    return compare_heads(
        "binary",
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
    head: HeadOption = "logistic",
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
        "binary",
        data,
        target=target,
        cv=cv,
        head=head,
        effort=effort,
        seed=seed,
        report=report,
        options=options,
    )
