"""Multiclass classification: one of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recipes.workflow import compare as comparing
from recipes.workflow import defaults
from recipes.workflow import train as workflow
from toolkit.heads import Head
from toolkit.runs.comparison import Comparison
from toolkit.runs.run import Run

__all__ = ["compare", "train"]


def train(
    data: Any,
    *,
    target: str | None = None,
    test: Any = None,
    head: str | Head = "softmax",
    effort: str = "default",
    seed: int = 0,
    report: str | Path | None = None,
    **options: Any,
) -> Run:
    """Train a network that names one of several classes, and evaluate it on rows it never saw.

    It is the wrong tool where a row can have several labels at once: use `multilabel`.

    Args:
        data: A path (CSV, TSV, Parquet), a DataFrame, or an (X, y) pair of arrays: X of columns, or of images, shape
            (n, height, width) or (n, height, width, channels); y labels of shape (n,), or one-hot, (n, classes).
        target: Name of the target column; its classes are of any type. None for an (X, y) pair.
        test: Rows to test on: a fraction, a path, a DataFrame or an (X, y) pair. None holds out a part sized by the
            number of rows.
        head: ``"softmax"``, ``"hinge"`` (SVM), ``"squared_hinge"``, or a `Head`.
        effort: How much time to spend: ``"quick"`` trains one network, ``"default"`` four and ``"best"`` sixteen side
            by side, which answer with the mean of their scores. A network whose width or the like you name is one; so
            is that of images, which gets wider and is trained longer.
        seed: Seed of the split, the initial weights and the order of the rows. The same seed gives the same run.
        report: Where to write the HTML report; None writes none.
        options: Passed on by name to where they act: `toolkit.data.prepare.prepare`,
            `toolkit.data.encoding.Encoder.fit`, `toolkit.data.target.Target.fit`,
            `toolkit.data.row_weights.row_weights`, the builder `toolkit.builders.mlp` (of images `cnn`) and
            `toolkit.training.fit`. ``build`` takes another builder, by word or as a function of
            (inputs, units) that returns a ``keras.Sequential`` with a linear output; ``baselines=False`` leaves the
            comparison models out.

    Returns:
        The run, trained and evaluated.

    Raises:
        DataError: The data, the target or an option is not what it should be; the message says what to do.

    Example:
        >>> from recipes.samples import path
        >>> run = train(path("wine"), target="grower", epochs=5, baselines=False, progress=False)
        >>> run.predict(path("wine")).shape
        (178,)
    """
    return workflow.train(
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


def compare(
    data: Any,
    *,
    target: str | None = None,
    test: Any = None,
    heads: Sequence[str | Head] = defaults.COMPARED["multiclass"],
    seeds: int | Sequence[int] = 5,
    effort: str = "quick",
    report: str | Path | None = None,
    **options: Any,
) -> Comparison:
    """Compare heads that name one of several classes: SVM (hinge) and softmax.

    Each seed draws a split, initial weights and an order of the rows that all heads share, so that differences are
    paired. Over splits they are judged by the corrected resampled t-test (Nadeau and Bengio 2003), on test rows of
    their own by a paired bootstrap. Losses are never compared: they are on different scales.

    Args:
        data: As for `train`.
        target: As for `train`.
        test: As for `train`; rows of their own are the same for all seeds.
        heads: Two or more of ``"softmax"``, ``"hinge"``, ``"squared_hinge"``,
            or a `Head` each. The others are set against the first.
        seeds: How many seeds, or which.
        effort: As for `train`, for each head and seed.
        report: Where to write the HTML report; None writes none.
        options: As for `train`; the same for all heads.

    Returns:
        The comparison, with `table`, `verdict` and `report`.

    Raises:
        DataError: As for `train`, or fewer than two heads.

    Example:
        >>> from recipes.samples import path
        >>> options = {"epochs": 2, "hidden": (4,), "progress": False, "heads": ("softmax", "hinge")}
        >>> comparison = compare(path("wine"), target="grower", seeds=2, **options)
        >>> comparison.labels
        ['softmax', 'hinge']
    """
    return comparing.compare(
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
