"""Metrics of the user's own: functions of the true and the predicted values."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.metrics.score_metric import SCORE_METRICS
from toolkit.metrics.weighted_metrics import LOWER_IS_BETTER

__all__ = ["OwnMetric", "checked_metrics", "resampled"]

# What scikit-learn calls the second argument of metrics that need more than decisions.
_NO_DECISIONS = ("y_score", "y_proba", "y_prob", "probas_pred")
_TAKEN = {"loss", "learning_rate", "gradient_norm", "coverage", *LOWER_IS_BETTER}


@dataclass(frozen=True)
class OwnMetric:
    """A metric of the user's own, of decisions as they are encoded.

    Attributes:
        function: The user's function of (true, predicted), arrays of shape (n,), or (n, labels or targets).
        decode: Turns encoded targets and decisions into the user's labels or units.
    """

    function: Callable[[Any, Any], Any]
    decode: Callable[[NDArray[Any]], NDArray[Any]]

    @property
    def __name__(self) -> str:
        """The name of the function."""
        return self.function.__name__

    def __call__(self, y: NDArray[Any], decided: NDArray[Any]) -> float:
        """Return the metric of encoded targets and decisions, first axis n.

        Raises:
            DataError: The function returns no number.
        """
        value: Any = self.function(self.decode(y), self.decode(decided))
        if not isinstance(value, Real | np.ndarray) or np.ndim(cast(Any, value)):
            given = " ".join(repr(value).split())[:80]
            raise DataError(f"metrics: {self.__name__} returned {given}; expected one number.")
        return float(value)


def checked_metrics(functions: Any) -> tuple[Callable[[Any, Any], Any], ...]:
    """Return functions of the user's own as a tuple; a single one is accepted, too.

    Raises:
        DataError: One is no function of two arguments, has no name or that of another metric, or needs scores.
    """
    functions = (functions,) if callable(functions) else functions
    if isinstance(functions, str) or not isinstance(functions, Sequence):
        raise DataError(f"metrics={functions!r:.80}: expected functions of (y_true, y_pred).")
    seen: list[str] = []
    for function in functions:
        if isinstance(function, str) and any(function in names for names in SCORE_METRICS.values()):
            raise DataError(
                f"metrics: {function!r} is reported by itself; metric={function!r} chooses the epoch by it."
            )
        name = getattr(function, "__name__", "")
        if not callable(function) or not name.isidentifier():
            raise DataError(f"metrics: {function!r:.80} is no function with a name: write it with def.")
        if name in _TAKEN or name in seen:
            raise DataError(f"metrics: there is another metric called {name!r}: rename the function.")
        seen.append(name)
        _check_signature(function, name)
    return tuple(functions)


def _check_signature(function: Callable[..., Any], name: str) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a function in C
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise DataError(f"metrics: {name} can't be called as {name}(y_true, y_pred): {error}.") from error
    second = list(signature.parameters)[1:2]
    if second and second[0] in _NO_DECISIONS:
        raise DataError(
            f"metrics: {name} needs {second[0]}, and metrics= are functions of decisions, (y_true, y_pred)."
        )


def resampled(metric: OwnMetric, y: NDArray[Any], decided: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
    """Return a metric on resamples, (resamples,), from how often each drew each row, (resamples, n)."""
    values = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a resample may lack a class
        for counts in weights:
            rows = np.repeat(np.arange(len(y)), counts.astype(np.int64))
            values.append(metric(y[rows], decided[rows]))
    return np.array(values)
