"""What a run predicts, from its scores: shared by runs and exported networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, rows_text
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.inputs import batches
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target import Target
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.conformal import by_class
from toolkit.evaluation.predictor import Predictor
from toolkit.heads import Head
from toolkit.runs.answers import in_form_of, interval_ends, reach_of
from toolkit.runs.fields import from_result

__all__ = ["Predicting", "finite"]


class Predicting:
    """What predicts.

    Args:
        result: What turns rows into scores, and those into answers. Its fields are read from here too.
    """

    task: str = from_result()
    head: Head = from_result()
    preprocessing: Preprocessing | ImagePreprocessing = from_result()
    target: Target = from_result()
    calibration: Calibration | None = from_result()
    threshold: float | None = from_result("Train again with threshold=, or compare predict_proba with a number.")
    absolute_errors: NDArray[np.float64] | None = from_result()
    conformity: NDArray[np.float64] | None = from_result()
    classes: list[Any] = from_result()
    class_names: list[str] = from_result()
    positive: Any = from_result()
    is_image: bool = from_result()

    def __init__(self, result: Predictor) -> None:
        self.result = result

    def decision_function(self, new: Any) -> NDArray[np.float32]:
        """Return raw scores (logits or margins), shape (n, units).

        Args:
            new: As for `predict`.
        """
        reading = self.target.form.reading
        scores = [self.result.raw_scores(x) for x in batches(self.preprocessing, new, reading=reading)]
        return finite(scores[0] if len(scores) == 1 else np.concatenate(scores))

    def predict(self, new: Any) -> Any:
        """Return predictions in the user's labels, numbers and dtype.

        Args:
            new: A path or a table in memory (see `toolkit.data.read.read`), whose columns are known by name; a Series
                or a dictionary of single values (one row); or an array of the columns it was trained on, in their
                order. Further columns are ignored; missing cells and categories never seen are allowed. For a run on
                images: an array of one or more, or pictures by path (a file, a folder, a list of files), which are
                brought to the run's size.

        Returns:
            For a DataFrame a Series with its index, named as the target, or a DataFrame for several targets, labels or
            quantiles (columns such as 0.05). For anything else an array of shape (n,), or (n, labels) for multilabel,
            (n, targets) for several regression targets and (n, quantiles) for quantiles, which rise in each row.

        Raises:
            DataError: A column is missing or has another type than in training; images have another size.
        """
        decided = self.target.decode(self.result.decide(self.decision_function(new)))
        return in_form_of(new, decided, self.head.quantile_names or self.target.columns)

    def predict_proba(self, new: Any) -> Any:
        """Return probabilities: (n, classes) for binary and multiclass, (n, labels) for multilabel.

        Args:
            new: As for `predict`.

        Returns:
            For a DataFrame a DataFrame with its index and a column for each of `classes`; for anything else an array.

        Raises:
            DataError: The task is regression; or as for `predict`.
        """
        if self.task == "regression":
            raise DataError("a regression run predicts numbers, not probabilities: use predict_interval.")
        return in_form_of(new, by_class(self.result.probabilities(self.decision_function(new))), self.classes)

    def predict_set(self, new: Any, coverage: float = 0.9) -> Any:
        """Return for each row a set of classes that holds the true one for a share of new rows (binary, multiclass).

        Conformal prediction from the validation rows: a set holds the most probable classes, more of them where the
        network is less sure, and always the predicted one. The coverage holds on average over rows like those, not
        for each class. Where the network is right more often than asked, the sets of one class cover more than that.

        Args:
            new: As for `predict`.
            coverage: The share, between 0 and 1.

        Returns:
            Whether each of `classes` is in the row's set: for a DataFrame a DataFrame of booleans with its index, for
            anything else an array of shape (n, classes).

        Raises:
            DataError: The task has no sets, or the coverage is too high for so few validation rows.

        References:
            Romano, Sesia and Candes, Classification with Valid and Adaptive Coverage, NeurIPS 2020.
        """
        self.result.check_sets(coverage)
        scores = self.decision_function(new)
        sets = self.result.sets(self.result.probabilities(scores), self.result.decide(scores), coverage)
        return in_form_of(new, sets, self.classes)

    def predict_interval(self, new: Any, coverage: float | None = None) -> Any:
        """Return an interval around each prediction that holds the truth for a share of new rows (regression).

        Conformal prediction from the validation rows' errors: every row's interval has the same width, and the
        coverage holds on average over rows like those. It is the wrong tool where some rows are much harder to predict
        than others: train with ``head="quantile"``, whose intervals reach from the lowest quantile to the highest, both
        moved by what the validation rows ask for, and so have a width for each row. In an ensemble, the error of a row
        is that of the networks that left it out.

        Args:
            new: As for `predict`.
            coverage: The share, between 0 and 1; None is 0.9, or with quantiles the share between the outer ones.

        Returns:
            For a DataFrame a DataFrame with its index and the columns low and high; for several targets (target, low)
            and (target, high). For anything else an array of shape (n, 2), or (n, targets, 2) for several targets.

        Raises:
            DataError: The task has no intervals, or the coverage is too high for so few validation rows.
        """
        reach_of(self.result, coverage)  # mistakes in the share are found before the rows are read
        predicted = self.target.decode(self.result.decide(self.decision_function(new)))
        ends = interval_ends(self.result, predicted, coverage)
        return in_form_of(new, ends, ["low", "high"] if ends.ndim == 2 else self.target.columns)


def finite(scores: NDArray[np.float32], *, numbered: bool = True) -> NDArray[np.float32]:
    """Return raw scores, checked to be finite; `numbered` says whether they have the row numbers of the user's table.

    Raises:
        DataError: Some are not.
    """
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(bad):
        where = rows_text(bad + 1) if numbered else counted(len(bad), "row")
        raise DataError(
            f"the scores are not finite in {where}: a number there is too large beside those of the training, or "
            "the weights of the network are not finite."
        )
    return scores
