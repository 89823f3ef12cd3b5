"""The networks as scikit-learn estimators, for pipelines, cross-validation and searches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from recipes.workflow.defaults import HELP
from recipes.workflow.options import Effort, all_options
from recipes.workflow.train import train
from toolkit.common.errors import DataError
from toolkit.common.formatting import listing
from toolkit.common.options import documented
from toolkit.data.class_labels import are_unchanged
from toolkit.data.reading.frames import dense, is_table
from toolkit.heads import DEFAULT_HEADS, Head, get_head
from toolkit.runs.loading import load

if TYPE_CHECKING:
    from toolkit.runs.run import Run

__all__ = ["NetworkClassifier", "NetworkRegressor"]

#: The options of the recipes by name, for the help texts of the parameters.
_OPTIONS = {name: option for options in all_options().values() for name, option in options.items()}
_OPTIONS |= {name: replace(_OPTIONS[name], about=text) for name, text in HELP["columns"].items()}


@dataclass(kw_only=True, eq=False, repr=False)
class _Network(BaseEstimator):
    """What both estimators share: the parameters, the check of the columns, the training, pickling."""

    head: str | Head | None = None
    effort: Effort = "default"
    build: str | Callable[..., Any] | None = None
    members: int | None = None
    hidden: Sequence[int] | None = None
    activation: str | Sequence[str] | None = None
    dropout: float | Sequence[float] | None = None
    l2: float | None = None
    epochs: int | None = None
    batch_size: int | str | None = None
    optimizer: Any = None
    learning_rate: float | None = None
    metric: str | None = None
    patience: int | None = None
    time_limit: float | None = None
    validation: Any = None
    categories: str | Sequence[str] | None = None
    random_state: int | np.random.RandomState | None = None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.input_tags.sparse = True  # written out: the networks take dense inputs
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "run_")

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, with the run as the bytes of its `.keras` file."""
        state = {**super().__getstate__()}
        if "run_" in state:
            with tempfile.TemporaryDirectory() as folder:
                state["run_"] = self.run_.save(Path(folder) / "run.keras").read_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "run_" in state:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "run.keras"
                file.write_bytes(state["run_"])
                self.run_: Run = load(file, head=self.head if isinstance(self.head, Head) else None)

    def _train(
        self,
        task: str,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        changed: Mapping[str, Any] | None = None,
        classes: Sequence[Any] | None = None,
    ) -> Self:
        """Train on all rows, which are checked, with some parameters changed; `classes` are all where y lacks some."""
        params = self.get_params(deep=False) | dict(changed or {})
        head, effort, seed = (params.pop(name) for name in ("head", "effort", "random_state"))
        options = {name: value for name, value in params.items() if value is not None}
        if sample_weight is not None:
            options["sample_weight"] = np.asarray(sample_weight)
        self.run_ = train(
            task,
            (X, y),
            target=None,
            test=0,
            head=head or DEFAULT_HEADS[task],
            effort=effort,
            seed=int(seed) if isinstance(seed, Integral) else check_random_state(seed).randint(2**31),
            report=None,
            options={**options, "baselines": False, "progress": False},
            classes=classes,
        )
        return self

    def _features(self, X: Any, *, reset: bool) -> Any:
        """Return rows, checked by scikit-learn: a table with names as it is, anything else as an array."""
        if is_table(X):
            X = validate_data(self, X, reset=reset, skip_check_array=True)
            if hasattr(self, "feature_names_in_"):
                return X
        X = dense(X, "X") if issparse(X) else X
        fewest = 2 if reset else 1
        return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=fewest)

    def _checked(self, X: Any, y: Any, dtype: Any) -> NDArray[Any]:
        """Return y, checked by scikit-learn, as an array."""
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        checked = check_array(y, ensure_2d=False, dtype=dtype, input_name="y", estimator=self)
        check_consistent_length(X, checked)
        return checked

    def _scores(self, X: Any) -> NDArray[np.float32]:
        """Return raw scores, shape (n, units)."""
        check_is_fitted(self)
        return self.run_.decision_function(self._features(X, reset=False))

    def _update(self, X: Any, y: Any) -> Self:
        """Learn from further rows in one pass."""
        self.run_.update((X, y), batch_size=self.batch_size if isinstance(self.batch_size, int) else 1)
        return self


@partial(documented, elsewhere=_OPTIONS)
@dataclass(kw_only=True, eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, _Network):
    """A network that assigns rows to classes, as a scikit-learn estimator.

    It does what `train` of `recipes.binary`, `recipes.multiclass` or, for an indicator matrix, `recipes.multilabel`
    does, on all rows (`test=0`), without baselines and without showing its progress. It is the wrong tool where you
    need figures on test rows with intervals, baselines and a verdict: those are in the run of a recipe.

    Args:
        head: What the scores mean: "logistic" (two classes, or an indicator matrix) or "softmax" (more classes) by
            default; "hinge" and "squared_hinge" (SVM); "ordinal", for classes that are numbers; or a Head.
        random_state: Seed of the split, the initial weights and the order of the rows: a number gives the same network
            each time.

    A parameter that is None is left to the recipe. Naming `hidden`, `activation`, `dropout`, `l2` or `build` leaves the
    default network: one network is trained, with the defaults of its builder elsewhere.

    Attributes:
        classes_: The classes in sorted order; for an indicator matrix the numbers of its columns.
        run_: The run, with its notes on the columns and its report (`run_.report("report.html")`). It holds no
            figures on test rows, since there are none. After unpickling it holds no rows.
        n_features_in_: The number of columns.
        feature_names_in_: The names of the columns, where X is a table with names.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> model = NetworkClassifier(effort="quick", epochs=10, random_state=0).fit(X, y)
        >>> model.predict_proba(X).shape, bool(model.score(X, y) > 0.8)
        ((150, 3), True)
    """

    class_weight: str | Mapping[Any, float] | None = None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train on all rows, from new weights.

        Args:
            X: A table of pandas, polars or Arrow, or an array, shape (n, columns); a sparse one is written out, up to
                8 GB. Columns may hold numbers, categories, text, dates and missing cells; those of a table are known by
                their names.
            y: Labels, shape (n,), or an indicator matrix, shape (n, labels).
            sample_weight: How much each row counts in training, shape (n,).

        Raises:
            DataError: X, y or a parameter can't be used; the message says what to do.
        """
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: Any, y: Any, classes: ArrayLike | None = None) -> Self:
        """Learn from further rows in one pass of plain gradient descent; the first call trains as `fit` does.

        Args:
            X: As for `fit`. The first call also learns the preprocessing, and so its rows should be like those to come.
            y: As for `fit`. The first call needs rows of two classes or more.
            classes: All classes; needed in the first call.

        Raises:
            DataError: As for `fit`; or y holds a label that is not one of the classes.
        """
        if hasattr(self, "run_"):
            X = self._features(X, reset=False)
            return self._update(X, self._target(X, y, self._labels(X, y)))
        if classes is None:
            raise DataError("classes= must be passed on the first call to partial_fit.")
        return self._fit(X, y, None, classes)

    def _fit(self, X: Any, y: Any, sample_weight: ArrayLike | None, classes: ArrayLike | None = None) -> Self:
        X, labels = self._features(X, reset=True), self._labels(X, y)
        is_matrix = labels.ndim == 2
        distinct = np.arange(labels.shape[1]) if is_matrix else np.unique(labels if classes is None else classes)
        self.classes_ = distinct
        task = "multilabel" if is_matrix else "binary" if len(distinct) == 2 else "multiclass"
        if get_head(task, self.head or DEFAULT_HEADS[task]).ordered and distinct.dtype.kind not in "iuf":
            raise DataError(
                f"head={self.head!r} needs classes in order, and those of an estimator are sorted: give y as numbers, "
                "such as the codes of an ordered Categorical."
            )
        target = self._target(X, y, labels)
        lacks = not is_matrix and len(np.unique(labels)) < len(distinct)  # some of the classes given to partial_fit
        weights = self.class_weight
        if isinstance(weights, Mapping) and not is_matrix:
            named = dict(zip(distinct.tolist(), self._names.tolist(), strict=True))
            weights = {named.get(label, label): weight for label, weight in weights.items()}
        return self._train(
            task,
            X,
            target,
            sample_weight,
            changed={"class_weight": weights},
            classes=self._names.tolist() if task == "multiclass" and lacks else None,
        )

    @property
    def _names(self) -> NDArray[Any]:
        """What the run calls the classes: their numbers if a recipe would read one in another way, such as "none"."""
        return self.classes_ if are_unchanged(self.classes_.tolist()) else np.arange(len(self.classes_))

    def _labels(self, X: Any, y: Any) -> NDArray[Any]:
        """Return y, checked, as an array: labels (n,), or an indicator matrix (n, labels)."""
        labels = self._checked(X, y, dtype=None)
        check_classification_targets(labels)
        is_matrix = type_of_target(labels) == "multilabel-indicator"
        return labels if is_matrix else column_or_1d(labels, warn=True)

    def _target(self, X: Any, y: Any, labels: NDArray[Any]) -> Any:
        """Return y as the recipes take it: labels as an ordered Categorical, whose last class is the positive one."""
        if labels.ndim == 2:
            return _named(labels, y, X)
        unknown = np.setdiff1d(labels, self.classes_).tolist()
        if unknown:
            class_list = listing([repr(label) for label in self.classes_.tolist()])
            raise DataError(f"y holds {unknown[0]!r}, not one of the classes: {class_list}.")
        codes = np.searchsorted(self.classes_, labels)
        return _named(pd.Categorical.from_codes(codes, self._names, ordered=True), y, X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each row, shape (n,), or an indicator matrix, shape (n, labels)."""
        scores = self._scores(X)
        decisions = self.run_.result.decide(scores)
        return self.run_.target.decode(decisions) if decisions.ndim == 2 else self.classes_[decisions]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each of `classes_`, shape (n, classes)."""
        scores = self._scores(X)
        probabilities = self.run_.result.probabilities(scores)
        return probabilities if probabilities.ndim == 2 else np.stack([1 - probabilities, probabilities], axis=1)

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return raw scores (logits or margins) of each of `classes_`, shape (n, classes).

        For two classes those of the second, shape (n,): above 0 it is predicted.
        """
        scores = self._scores(X)
        return scores[:, 0] if self.run_.task == "binary" else self.run_.head.class_scores(scores)


@partial(documented, elsewhere=_OPTIONS)
@dataclass(kw_only=True, eq=False, repr=False)
class NetworkRegressor(RegressorMixin, _Network):
    """A network that predicts one or several numbers, as a scikit-learn estimator.

    It does what `recipes.regression.train` does, on all rows (`test=0`), without baselines and without showing its
    progress. It is the wrong tool where you need figures on test rows with intervals, baselines and a verdict: those
    are in the run of the recipe.

    Args:
        head: "squared" by default, "absolute" (less moved by outliers), "huber" (between them), "quantile", whose
            median is predicted, or a Head.
        random_state: Seed of the split, the initial weights and the order of the rows: a number gives the same network
            each time.

    A parameter that is None is left to the recipe. Naming `hidden`, `activation`, `dropout`, `l2` or `build` leaves the
    default network: one network is trained, with the defaults of its builder elsewhere.

    Attributes:
        run_: As of `NetworkClassifier`.
        n_features_in_: The number of columns.
        feature_names_in_: The names of the columns, where X is a table with names.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = NetworkRegressor(effort="quick", epochs=10, random_state=0).fit(X, y)
        >>> model.predict(X[:3]).shape
        (3,)
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train on all rows, from new weights.

        Args:
            X: As for `NetworkClassifier.fit`.
            y: Numbers, shape (n,) or (n, targets).
            sample_weight: How much each row counts in training, shape (n,).

        Raises:
            DataError: X, y or a parameter can't be used; the message says what to do.
        """
        X = self._features(X, reset=True)
        return self._train("regression", X, _named(self._checked(X, y, dtype=np.float64), y, X), sample_weight)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Learn from further rows in one pass of plain gradient descent; the first call trains as `fit` does.

        The first call also learns the preprocessing, and so its rows should be like those to come.

        Args:
            X: As for `fit`.
            y: As for `fit`.
        """
        if not hasattr(self, "run_"):
            return self.fit(X, y)
        X = self._features(X, reset=False)
        return self._update(X, _named(self._checked(X, y, dtype=np.float64), y, X))

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted numbers, shape (n,) or (n, targets)."""
        scores = self._scores(X)
        return self.run_.target.decode(self.run_.head.points(scores))


def _named(values: Any, y: Any, X: Any) -> pd.Series | pd.DataFrame | NDArray[Any]:
    """Return checked targets with the name or names of y, and with the index of X: rows belong together by position."""
    index = X.index if isinstance(X, pd.DataFrame) else None
    if np.ndim(values) == 2:
        return pd.DataFrame(values, index, y.columns) if isinstance(y, pd.DataFrame) else values
    return pd.Series(values, index, name=getattr(y, "name", None))
