"""Permutation importance: how much worse a metric gets when the cells of a column go to other rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from toolkit.common.errors import DataError, nearest
from toolkit.data.column_preprocessing import DatePreprocessing, NumberPreprocessing
from toolkit.data.preprocessing import Preprocessing
from toolkit.evaluation.bootstrap import draw_weights
from toolkit.evaluation.evidence import DECIDED, FEWEST, differing_rows
from toolkit.evaluation.metrics import LOWER_IS_BETTER, PRIMARY, Outcome, least_half_width
from toolkit.evaluation.result import Result
from toolkit.metrics.weighted_metrics import apply, measures_of, select

__all__ = ["REPEATS", "Rows", "column_groups", "permutation_importance", "ranked_metric", "rows_of"]

REPEATS = 5
_RESAMPLES = 200
_CORRELATED = 0.7  # from this association on, columns are permuted together


@dataclass(frozen=True)
class Rows:
    """Rows with a known truth, as a model takes them and as it answers on them.

    Attributes:
        frame: The columns in canonical form, shape (rows, columns).
        x: The inputs of the model, shape (rows, width).
        outcome: Truth and answers.
        of: How many rows these were drawn from.
    """

    frame: pd.DataFrame
    x: NDArray[np.float32]
    outcome: Outcome
    of: int

    def sample(self, most: int) -> Rows:
        """Return at most so many of the rows, drawn at random with a fixed seed."""
        count = len(self.x)
        if count <= most:
            return self
        rows = np.sort(np.random.default_rng(0).choice(count, most, replace=False))
        return Rows(self.frame.iloc[rows], self.x[rows], self.outcome.take(rows), self.of)


def rows_of(result: Result) -> Rows:
    """Return the test rows of a result on a table.

    Raises:
        DataError: The result is on images, or has no test rows.
    """
    if result.is_image:
        raise DataError("this run is on images, which have no columns: its report shows what decisions rest on.")
    if result.dataset is None or result.outcome is None:
        which = "a loaded run has no rows" if result.dataset is None else "this run has no test rows (test=0)"
        raise DataError(f"{which}: give labeled rows that were not trained on.")
    dataset = result.dataset
    frame = dataset.features.take(dataset.parts["test"]).frame
    return Rows(frame, dataset.x("test"), result.outcome, len(frame))


def permutation_importance(
    result: Result, rows: Rows, *, metric: str | None = None, groups: Any = (), columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return how much worse a metric gets when the cells of a column are dealt to other rows at random.

    A value is the mean over five permutations. Its 95 % interval is Student's with the bootstrap's standard error: a
    resample draws rows, and with them both the row and the cells that it was dealt (the estimate is a mean over pairs
    of rows). It covers the choice of the rows and of the permutations, not the randomness of the training.

    Args:
        result: What the training gave.
        rows: Rows that it has not learned from.
        metric: The metric; None is the task's main one.
        groups: Columns that are permuted together, as for `column_groups`.
        columns: The columns to look at; None is all.

    Returns:
        One row per column or group, the most important first: `column`, `importance`, `low`, `high`, in units of the
        metric; positive is worse without the column. The attributes `metric`, `rows` and `repeats` are in `attrs`.

    Raises:
        DataError: An unknown metric, or groups of unknown columns.

    References:
        Breiman, Random Forests, Machine Learning 45, 2001. Fisher, Rudin and Dominici, All Models are Wrong, but Many
        are Useful, JMLR 20, 2019 (as a mean over pairs of rows). Arcones and Giné, On the Bootstrap of U and V
        Statistics, Annals of Statistics 20, 1992.
    """
    metric = ranked_metric(result, metric)
    preprocessing: Any = result.preprocessing
    shuffled = column_groups(preprocessing, rows, groups, columns)
    base = select(measures_of(rows.outcome), metric)
    sign = 1.0 if LOWER_IS_BETTER[metric] else -1.0
    random = np.random.default_rng(0)
    orders = [random.permutation(len(rows.x)) for _ in range(REPEATS)]
    # Weights of 1, the first row, give the metric itself. A resample that holds row i and row order[i] so often holds
    # row i with the cells of order[i] as often as their product says.
    draws = np.concatenate([np.ones((1, len(rows.x))), *draw_weights(rows.outcome, _RESAMPLES, 0)])
    weights = [draws * draws[:, order] for order in orders]
    references = [apply([base], paired)[metric] for paired in weights]
    table = []
    for names, of_column in zip(shuffled, _permuted(result, rows, shuffled, orders), strict=True):
        worse = [
            sign * (apply([select(measures_of(outcome), metric)], paired)[metric] - reference)
            for outcome, paired, reference in zip(of_column, weights, references, strict=True)
        ]
        value, *resampled = np.mean(worse, axis=0)
        half = _half_width(rows.outcome, of_column, metric, resampled) if np.isfinite(value) else math.nan
        table.append((", ".join(names), value, value - half, value + half))
    frame = pd.DataFrame(table, columns=["column", "importance", "low", "high"])
    frame = frame.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
    frame.attrs = {"metric": metric, "rows": len(rows.x), "of": rows.of, "repeats": REPEATS}
    return frame


def ranked_metric(result: Result, metric: str | None) -> str:
    """Return a metric, by default the task's main one, that has a better and a worse.

    Raises:
        DataError: It has none.
    """
    if metric == "coverage":
        raise DataError("metric='coverage': neither more nor less of it is better; name another.")
    return PRIMARY[result.task] if metric is None else metric


def column_groups(
    preprocessing: Preprocessing, rows: Rows, groups: Any, columns: Sequence[str] | None = None
) -> list[list[str]]:
    """Return which columns are permuted together, in the order of the table; a column of no group is by itself.

    Args:
        preprocessing: What was learned of the columns.
        rows: The rows whose correlations count.
        groups: Lists of columns, or "correlated": any two columns of a group then have an association of 0.7 or more
            (see `associations`).
        columns: The columns to look at; None is all.

    Raises:
        DataError: A group names a column that the model does not take, or one that another group has.
    """
    column_names = [column.name for column in preprocessing.columns]
    if isinstance(groups, str) and groups == "correlated":
        groups = _correlated(preprocessing, rows.x)
    if not isinstance(groups, list | tuple) or not all(isinstance(group, list | tuple) for group in groups):
        raise DataError(f"groups={groups!r}: expected lists of columns, such as [['a', 'b']], or 'correlated'.")
    named = [[str(name) for name in group] for group in groups]
    flat = [name for group in named for name in group]
    for name in flat:
        if name not in column_names:
            raise DataError(f"groups: the model takes no column '{name}'.{nearest(name, column_names)}")
        if flat.count(name) > 1:
            raise DataError(f"groups: column '{name}' is named twice.")
    first = {group[0]: group for group in named if group}
    chosen_columns = column_names if columns is None else list(columns)
    return [first.get(name, [name]) for name in chosen_columns if name in first or name not in flat]


def associations(preprocessing: Preprocessing, x: NDArray[Any]) -> NDArray[np.float64]:
    """Return how strongly each two columns go together, from 0 to 1, shape (columns, columns).

    For two numbers it is the absolute rank correlation (Spearman), for two categories Cramér's V, for a number and a
    category the correlation ratio; the last two lose what columns of so many levels show by chance (Bergsma, Journal
    of the Korean Statistical Society 42, 2013). Missing cells count as the median.

    Args:
        preprocessing: What was learned of the columns.
        x: Inputs of the rows, shape (rows, width).
    """
    # All three are the same of two sets of centered inputs: the mean squared canonical correlation.
    bases = [
        _basis(x[:, span], column_preprocessing)
        for span, column_preprocessing in zip(preprocessing.spans, preprocessing.by_column, strict=True)
    ]
    strength = np.eye(len(bases))
    for i, j in combinations(range(len(bases)), 2):
        sizes = bases[i].shape[1], bases[j].shape[1]
        if min(sizes) == 0:  # a column that does not vary
            continue
        by_chance = math.prod(sizes) / (len(x) - 1) if max(sizes) > 1 else 0.0
        squared = (np.square(bases[i].T @ bases[j]).sum() - by_chance) / min(sizes)
        strength[i, j] = strength[j, i] = math.sqrt(min(max(squared, 0.0), 1.0))
    return strength


def _basis(inputs: NDArray[Any], fitted: Any) -> NDArray[np.float64]:
    """Return orthonormal columns that span what a column says: the ranks of a number or date, the levels else."""
    if isinstance(fitted, NumberPreprocessing):
        inputs = inputs[:, :1]
    elif isinstance(fitted, DatePreprocessing):
        days = fitted.parts.index("days")
        inputs = inputs[:, days : days + 1]
    ranked = stats.rankdata(inputs, axis=0)
    left, sizes, _ = np.linalg.svd(ranked - ranked.mean(axis=0), full_matrices=False)
    return left[:, sizes > 1e-9 * max(sizes.max(initial=0.0), 1.0)]


def _correlated(preprocessing: Preprocessing, x: NDArray[Any]) -> list[list[str]]:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    names = [column.name for column in preprocessing.columns]
    if len(names) < 2:
        return []
    apart = 1 - associations(preprocessing, x)
    # Complete linkage: the distance of two clusters is that of their farthest members.
    labels = fcluster(linkage(squareform(apart, checks=False), "complete"), 1 - _CORRELATED, "distance")
    clusters = [[names[i] for i in np.flatnonzero(labels == label)] for label in dict.fromkeys(labels)]
    return [cluster for cluster in clusters if len(cluster) > 1]


def _permuted(
    result: Result, rows: Rows, shuffled: Sequence[Sequence[str]], orders: Sequence[NDArray[Any]]
) -> Iterator[list[Outcome]]:
    """Yield for each group of columns the outcomes with its cells in each order."""
    preprocessing: Any = result.preprocessing
    spans = dict(zip((column.name for column in preprocessing.columns), preprocessing.spans, strict=True))
    for names in shuffled:
        x = np.tile(rows.x, (len(orders), 1, 1))  # (orders, rows, width)
        for copy, order in zip(x, orders, strict=True):
            for name in names:
                copy[:, spans[name]] = rows.x[order, spans[name]]
        scores = result.raw_scores(x.reshape(-1, x.shape[2]), like=rows.of)
        yield [result.rescored(rows.outcome, piece) for piece in np.split(scores, len(orders))]


def _answers_of(outcome: Outcome) -> NDArray[Any]:
    return np.asarray(outcome.probabilities if outcome.scores is None else outcome.scores)


def _half_width(base: Outcome, permuted: Sequence[Outcome], metric: str, resampled: Sequence[float]) -> float:
    """Return half of the width of the interval, 0 where the answers do not depend on the column at all."""
    if all(np.array_equal(_answers_of(outcome), _answers_of(base)) for outcome in permuted):
        return 0.0
    rows, defined = base.distinct(), np.array(resampled)[np.isfinite(resampled)]
    if rows < 2 or len(defined) < 2:
        return math.nan
    error = math.sqrt(float(defined.var(ddof=1)) * rows / (rows - 1))
    half = float(stats.t.ppf(0.975, rows - 1)) * error
    differing = float(np.mean([differing_rows(base, outcome, metric) for outcome in permuted]))
    if metric in DECIDED and differing < FEWEST:
        half = max(half, least_half_width(base, metric, differing, 0.95))
    return half
