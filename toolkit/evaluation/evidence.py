"""Evidence: how many distinct test rows each metric rests on, and what too few of them can't show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.common.formatting import join_names, number
from toolkit.metrics.outcome import Outcome

__all__ = ["DECIDED", "FEWEST", "Limit", "differing_rows", "group_sizes", "harmonic_size", "limits", "recalls"]

#: Fewer distinct rows than this give no verdict.
FEWEST = 10

#: Metrics of decisions: they can differ only where two models decide differently.
DECIDED = frozenset(
    {
        *("accuracy", "balanced_accuracy", "f1", "f1_macro", "f1_micro", "precision", "recall"),
        *("hamming_loss", "subset_accuracy"),
    }
)

# Metrics that are a mean over classes or labels, which rest on the rows of each.
_MACRO = {"multiclass": ("balanced_accuracy", "f1_macro", "roc_auc"), "multilabel": ("f1_macro", "roc_auc")}


@dataclass(frozen=True)
class Limit:
    """What the test rows can't show.

    Attributes:
        metrics: The metrics that can't be judged; empty for all of them.
        sentence: The reason.
    """

    metrics: tuple[str, ...]
    sentence: str

    def covers(self, metric: str) -> bool:
        """Return whether a metric can't be judged."""
        return not self.metrics or metric in self.metrics


def group_sizes(outcome: Outcome, metric: str) -> list[int]:
    """Return how many distinct rows each part of a metric rests on: recall on the positives, accuracy on all rows.

    A metric that is a mean over classes or labels has one part for each; the others have one. ROC AUC rests on the
    smaller of its two groups.

    Example:
        >>> truth = np.array([1, 0, 0, 0, 0, 0])
        >>> outcome = Outcome("binary", truth, truth)
        >>> group_sizes(outcome, "accuracy"), group_sizes(outcome, "recall"), group_sizes(outcome, "balanced_accuracy")
        ([6], [1], [1, 5])
    """
    count, truth = outcome.distinct, np.asarray(outcome.y_true)
    if outcome.task == "binary":
        positive, called = (np.equal(np.ravel(y), 1) for y in (outcome.y_true, outcome.y_pred))
        parts: dict[str, Callable[[], list[int]]] = {
            "balanced_accuracy": lambda: [count(positive), count(~positive)],
            "roc_auc": lambda: [min(count(positive), count(~positive))],
            "average_precision": lambda: [count(positive)],
            "recall": lambda: [count(positive)],
            "precision": lambda: [count(called)],
            "f1": lambda: [min(count(positive), count(called))],
        }
        return parts.get(metric, lambda: [count()])()
    if metric not in _MACRO.get(outcome.task, ()):
        return [count((truth == 1).any(axis=1))] if metric == "f1_micro" else [count()]
    if outcome.task == "multiclass":
        return [count(truth == k) for k in np.unique(truth)]
    labels = list((truth == 1).T)
    if metric == "roc_auc":  # a label with a single value has none
        return [min(count(label), count(~label)) for label in labels if label.any() and not label.all()] or [count()]
    return [count(label) for label in labels]


def recalls(outcome: Outcome) -> np.ndarray:
    """Return the share of right decisions in each class (binary, multiclass) or of each label's positives.

    Example:
        >>> truth, decided = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
        >>> recalls(Outcome("binary", truth, decided)).round(2).tolist()
        [1.0, 0.67]
    """
    truth, decided = (np.asarray(y) for y in (outcome.y_true, outcome.y_pred))
    if outcome.task == "multilabel":
        positives = (truth == 1).sum(axis=0)
        return ((truth == 1) & (decided == 1)).sum(axis=0) / np.maximum(positives, 1)
    groups = (1, 0) if outcome.task == "binary" else np.unique(truth)
    return np.array([np.mean(decided[truth == k] == k) if (truth == k).any() else 0.0 for k in groups])


def harmonic_size(sizes: Sequence[int]) -> float:
    """Return as many rows as a mean over the groups has the variance of.

    Example:
        >>> harmonic_size([10, 90])
        36.0
    """
    return len(sizes) ** 2 / sum(1 / max(size, 1) for size in sizes)


def limits(outcome: Outcome, classes: Sequence[str]) -> list[Limit]:
    """Return what can't be judged from so few test rows.

    Args:
        outcome: A model on the test part.
        classes: The classes or labels, as text.

    Example:
        >>> truth = np.array([1] + [0] * 39)
        >>> print(limits(Outcome("binary", truth, 0 * truth), ["no", "yes"])[0].sentence)
        The test part holds 1 row of class 'yes': recall, precision and ROC AUC can't be judged from it.
    """
    count, rows = outcome.distinct(), len(outcome.y_true)
    if count < FEWEST:
        distinct = "distinct row" if outcome.unit == "row" else outcome.unit
        held = f"{number(count)} {distinct}{'s' * (count > 1)}" + f" ({number(rows)} rows in all)" * (rows > count)
        return [
            Limit((), f"The test part holds {held}: nothing can be concluded from fewer than {FEWEST}. Test on more.")
        ]
    if outcome.task == "binary":
        return _of_two_classes(outcome, classes)
    if outcome.task not in _MACRO:
        return []
    truth = np.asarray(outcome.y_true)
    if outcome.task == "multiclass":
        kind, sizes = ("class", "classes"), {k: outcome.distinct(truth == k) for k in np.unique(truth)}
    else:
        kind, sizes = ("label", "labels"), {k: outcome.distinct(label == 1) for k, label in enumerate(truth.T)}
    few = {k: size for k, size in sizes.items() if size < FEWEST}
    if not few:
        return []
    named = [f"'{classes[k]}' ({number(size)})" for k, size in list(few.items())[:3]]
    rest = [f"{number(len(few) - 3)} more"] if len(few) > 3 else []
    one = len(few) == 1
    return [
        Limit(
            _MACRO[outcome.task],
            f"{'One' if one else number(len(few))} of {number(len(sizes))} {kind[1]} {'has' if one else 'have'} fewer "
            f"than {FEWEST} test {outcome.unit}s, {join_names(named + rest)}: recall, precision and ROC AUC of "
            f"{f'this {kind[0]}' if one else f'these {kind[1]}'} can't be judged.",
        )
    ]


def _of_two_classes(outcome: Outcome, classes: Sequence[str]) -> list[Limit]:
    truth, called = (np.asarray(y).reshape(-1) == 1 for y in (outcome.y_true, outcome.y_pred))
    limits_of_classes = []
    positives, negatives, calls = (outcome.distinct(mask) for mask in (truth, ~truth, called))
    names = [f"class '{name}'" for name in classes] if len(classes) == 2 else ["the first class", "the second class"]
    if positives < FEWEST:
        metrics = ("recall", "precision", "f1", "roc_auc", "average_precision", "balanced_accuracy")
        limits_of_classes.append(
            Limit(metrics, _held(outcome.unit, positives, names[1], "recall, precision and ROC AUC"))
        )
    if negatives < FEWEST:
        limits_of_classes.append(
            Limit(("roc_auc", "balanced_accuracy"), _held(outcome.unit, negatives, names[0], "ROC AUC"))
        )
    if 0 < calls < FEWEST <= positives:
        rows, them = f"{number(calls)} test {outcome.unit}{'s' * (calls > 1)}", "them" if calls > 1 else "it"
        sentence = f"The network assigns {rows} to {names[1]}: precision can't be judged from {them}."
        limits_of_classes.append(Limit(("precision",), sentence))
    return limits_of_classes


def _held(unit: str, count: int, name: str, metrics: str) -> str:
    rows = f"{number(count)} {unit}{'s' * (count != 1)}" if count else f"no {unit}"
    return f"The test part holds {rows} of {name}: {metrics} can't be judged from {'it' if count == 1 else 'them'}."


def differing_rows(one: Outcome, two: Outcome, metric: str) -> int:
    """Return on how many distinct rows two models differ, for a metric of decisions in which of them is right.

    Example:
        >>> truth = np.array([0, 1, 1, 0])
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, np.array([0, 1, 0, 0]))
        >>> differing_rows(right, wrong, "accuracy")
        1
    """
    if metric in DECIDED:
        first, second = (np.asarray(model.y_pred) == np.asarray(model.y_true) for model in (one, two))
    elif one.probabilities is not None and two.probabilities is not None:
        first, second = one.probabilities, two.probabilities
    elif one.task == "regression":
        first, second = one.y_pred, two.y_pred
    else:  # margins beside probabilities: every row may differ
        return one.distinct()
    rows = len(one.y_true)
    return one.distinct((np.reshape(first, (rows, -1)) != np.reshape(second, (rows, -1))).any(axis=1))
