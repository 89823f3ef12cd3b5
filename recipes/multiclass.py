"""Multiclass classification: one of several classes."""

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
    "Name of the target column; its classes are of any type. Left out for an (X, y) pair.",
]

HeadOption = Annotated["str | Head", "softmax, ordinal (classes in order), hinge (SVM), squared_hinge, or a Head."]


@documented
def train(
    data: Any,
    target: Target = None,
    *,
    test: Test = None,
    head: HeadOption = "softmax",
    effort: Effort = "default",
    seed: Seed = 0,
    report: Report = None,
    **options: Unpack[Options],
) -> Run:
    """Train a network that names one of several classes, and evaluate it on rows it never saw.

    It is the wrong tool where a row can have several labels at once: use `multilabel`.

    Args:
        data: A path to a table (CSV, TSV, Excel, Parquet, JSON, ...; see `toolkit.data.read.read`), a table in memory
            (a DataFrame of pandas or polars, an Arrow table, a dictionary, a list of records), or an (X, y) pair: X
            holds columns, or images of shape (n, height, width) or (n, height, width, channels); y holds labels, shape
            (n,), or one-hot rows, (n, classes).
        options: See `recipes.workflow.options`.

    Raises:
        DataError: The data, the target or an option can't be used; the message says what to do.

    Example:
        >>> from recipes.samples import path
        >>> run = train(path("wine"), target="grower", effort="quick", epochs=5, progress=False)
        >>> run.predict(path("wine")).shape
        (178,)
    """
    from recipes.workflow.train import train as train_task

    return train_task(
        "multiclass",
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
        "Two or more of softmax, ordinal, hinge, squared_hinge, or a Head. The others are compared with the first.",
    ] = COMPARED["multiclass"],
    seeds: Seeds = 5,
    effort: Effort = "quick",
    report: Report = None,
    **options: Unpack[Options],
) -> Comparison:
    """Compare heads that name one of several classes: SVM (hinge) and softmax.

    All heads share the split, the initial weights and the order of the rows of each seed, so that differences are
    paired: see `toolkit.evaluation.differences`. Losses are not compared, because they are on different scales.

    Args:
        data: As for `train`.
        options: As for `train`; the same for all heads.

    Example:
        >>> from recipes.samples import path
        >>> options = {"epochs": 2, "hidden": (4,), "progress": False, "heads": ("softmax", "hinge")}
        >>> comparison = compare(path("wine"), target="grower", seeds=2, **options)
        >>> comparison.labels
        ['softmax', 'hinge']
    """
    from recipes.workflow.compare import compare as compare_heads

    return compare_heads(
        "multiclass",
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
    head: HeadOption = "softmax",
    effort: Effort = "quick",
    seed: Seed = 0,
    report: Report = None,
    **options: Unpack[Options],
) -> Comparison:
    """Train and test a network on each fold of a cross-validation: every row is tested once, by a network new to it.

    The folds share most of their training rows, so their spread is no standard error: no interval of the mean follows
    from it (Bengio and Grandvalet, No Unbiased Estimator of the Variance of K-Fold Cross-Validation, JMLR 5, 2004).

    Args:
        data: As for `train`.
        options: As for `train`.

    Returns:
        A comparison of one contender, "network", whose `table` has for each metric the mean over the folds, their
        standard deviation, the smallest and the largest; `folds` has one row per fold.

    Example:
        >>> from recipes.samples import path
        >>> options = {"epochs": 2, "hidden": (4,), "baselines": False, "progress": False}
        >>> folds = cross_validate(path("wine"), target="grower", cv=3, **options)
        >>> folds.folds.index.tolist(), folds.folds["test_rows"].tolist()
        ([1, 2, 3], [60, 59, 59])
    """
    from recipes.workflow.cross_validate import cross_validate as cross_validate_task

    return cross_validate_task(
        "multiclass",
        data,
        target=target,
        cv=cv,
        head=head,
        effort=effort,
        seed=seed,
        report=report,
        options=options,
    )
