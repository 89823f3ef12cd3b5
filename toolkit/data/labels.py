"""Class labels: their order, how one is looked up however it is written, and which of two is the positive one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing, number
from toolkit.data.cells import level

__all__ = ["has_order", "index_of", "labels_of", "positive_class"]

_YES = frozenset({"1", "true", "yes", "y"})
_NO = frozenset({"0", "-1", "false", "no", "n"})
_RARE = 0.4


def labels_of(target: pd.Series) -> list[Any]:
    """Return a target's distinct labels in order, as the user's own values.

    Args:
        target: Labels, nothing missing.

    Returns:
        Python values, sorted; labels of several types are sorted by type first, those of an ordered Categorical as it
        orders them.

    Example:
        >>> labels_of(pd.Series(["no", "yes", "no"])), labels_of(pd.Series([True, False]))
        (['no', 'yes'], [False, True])
    """
    values = [value.item() if isinstance(value, np.generic) else value for value in pd.unique(target)]
    if isinstance(target.dtype, pd.CategoricalDtype) and target.dtype.ordered:
        return sorted(values, key=target.dtype.categories.tolist().index)
    if all(isinstance(value, (bool, int, float)) for value in values):
        return sorted(values)
    return sorted(values, key=lambda value: (type(value).__name__, value))


def has_order(target: pd.Series) -> bool:
    """Return whether the labels have an order: those of an ordered Categorical, and numbers.

    Example:
        >>> has_order(pd.Series([1, 2, 3])), has_order(pd.Series(["low", "high"]))
        (True, False)
    """
    if isinstance(target.dtype, pd.CategoricalDtype):
        return bool(target.dtype.ordered)
    return pd.api.types.is_numeric_dtype(target.dtype) and not pd.api.types.is_bool_dtype(target.dtype)


def index_of(classes: Sequence[Any]) -> Callable[[Any], int | None]:
    """Return a function that gives the position of a label among classes, however it is written; None for others.

    Example:
        >>> index_of([0.0, 1.0])("0"), index_of([False, True])("1"), index_of(["a", "b"])(" b"), index_of(["a"])("c")
        (0, 1, 1, None)
    """
    exact = {label: index for index, label in enumerate(classes)}
    by_text = {level(label): index for index, label in enumerate(classes)}
    if set(by_text) <= {"True", "False"}:  # written as 0 and 1 too
        by_text |= {str(int(text == "True")): index for text, index in by_text.items()}

    def find(label: Any) -> int | None:
        if isinstance(label, Hashable) and label in exact:
            return exact[label]
        return by_text.get(level(label))

    return find


def positive_class(target: pd.Series, asked: Any = None) -> tuple[Any, str]:
    """Return the positive of two classes, and a sentence that says why it is that.

    It is the one asked for; else the last of an ordered Categorical; 1, true or yes where the other is its contrary;
    the clearly rarer one, with under 40 % of the rows; or the last in sorted order.

    Args:
        target: Labels of two classes, nothing missing.
        asked: The label that the user named, or None.

    Raises:
        DataError: The label asked for is not one of the two.

    Example:
        >>> positive_class(pd.Series(["fraud"] * 9 + ["legit"] * 91))
        ('fraud', "Positive class: 'fraud', the rarer one (9 % of the rows); positive= names another.")
    """
    classes = labels_of(target)
    if asked is not None:
        index = index_of(classes)(asked)
        if index is None:
            raise DataError(
                f"positive={asked!r} is not a class of '{target.name}' (classes: "
                f"{listing([repr(label) for label in classes])}).{nearest(asked, classes)}"
            )
        return classes[index], f"Positive class: {classes[index]!r}, as asked for."
    if isinstance(target.dtype, pd.CategoricalDtype) and target.dtype.ordered:
        label, why = max(classes, key=target.dtype.categories.tolist().index), ", the last of the ordered categories"
    else:
        label, why = _by_meaning_or_share(target, classes)
    return label, f"Positive class: {label!r}{why}; positive= names another."


def _by_meaning_or_share(target: pd.Series, classes: list[Any]) -> tuple[Any, str]:
    texts = [level(label).lower() for label in classes]
    for label, text, contrary in zip(classes, texts, texts[::-1], strict=True):
        if text in _YES and contrary in _NO:
            return label, ""
    share, rarer = min((float((target == label).mean()), index) for index, label in enumerate(classes))
    if share < _RARE:
        return classes[rarer], f", the rarer one ({number(100 * share, 2)} % of the rows)"
    return classes[-1], ", the last in sorted order"
