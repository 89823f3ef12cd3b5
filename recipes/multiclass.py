"""Multiclass classification: one of several classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recipes import workflow
from toolkit.heads import Head
from toolkit.runs import Run

__all__ = ["train"]


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
        data: A path (CSV, TSV, Parquet), a DataFrame, or an (X, y) pair of arrays, y being
            labels of shape (n,), or one-hot of shape (n, classes).
        target: Name of the target column; its classes are of any type. None for an (X, y) pair.
        test: Rows to test on: a fraction, a path, a DataFrame or an (X, y) pair. None holds out a part sized by the
            number of rows.
        head: ``"softmax"``, ``"hinge"`` (SVM), ``"squared_hinge"``, or a `Head`.
        effort: ``"quick"``, ``"default"`` or ``"best"``: how much time to spend.
        seed: Seed of the split, the initial weights and the order of the rows. The same seed gives the same run.
        report: Where to write the HTML report; None writes none.
        options: Passed on by name to where they act: `toolkit.tables.prepare`, `toolkit.encoding.Encoder.fit`,
            `toolkit.targets.Target.fit`, `toolkit.row_weights.row_weights`, the builder `toolkit.builders.mlp` and
            `toolkit.training.fit`. ``build`` takes another builder, a function of (inputs, units) that returns a
            ``keras.Sequential`` with a linear output; ``baselines=False`` leaves the comparison models out.

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
