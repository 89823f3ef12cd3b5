"""Predictor: what turns rows into the inputs of a network, and its scores into answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import plain
from toolkit.common.schema import SCHEMA
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target import Target
from toolkit.evaluation.calibration import Calibration
from toolkit.evaluation.conformal import by_class, class_ranks, conformal_quantile
from toolkit.heads import Head, get_head

__all__ = ["Predictor", "class_names"]

_NO_CALIBRATION = (
    "they are fitted on validation rows, and there were none. Train with validation rows, or use decision_function."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictor(ABC):
    """What turns rows into the inputs of a network, and its scores into answers.

    Attributes:
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        head: What the scores mean.
        preprocessing: Turns columns, or images, into the model's inputs.
        target: Turns labels into what the loss takes, and decisions back into labels.
        calibration: How scores become probabilities, fitted on validation scores; None for regression, and where there
            are no validation rows.
        threshold: For binary: the probability from which on a row is called positive; None where the sign of the
            score decides.
        score_threshold: For binary, only from a file of version 0.1.0: the score above which a row is positive.
        absolute_errors: For regression: those on the validation rows, in the target's units, sorted and rounded up,
            shape (n, targets); None where there are no validation rows, and for quantiles.
        conformity: What `toolkit.evaluation.conformal` finds on the validation rows, sorted and rounded up, shape (n,).
            For quantiles: by how much the truths lie outside the outer ones, in the target's units. For binary and
            multiclass: the ranks of the true classes by probability. None for other tasks, and without such rows.
    """

    task: str
    head: Head
    preprocessing: Preprocessing | ImagePreprocessing
    target: Target
    calibration: Calibration | None = None
    threshold: float | None = None
    score_threshold: float | None = None
    absolute_errors: NDArray[np.float64] | None = None
    conformity: NDArray[np.float64] | None = None

    @property
    def is_image(self) -> bool:
        """Whether the model takes images."""
        return self.preprocessing.is_image

    @property
    def classes(self) -> list[Any]:
        """The classes (binary, multiclass) as the user writes them, or the names of labels or targets, in column order.

        The second of two classes is the positive one.
        """
        return list(self.target.classes or self.target.columns)

    @property
    def class_names(self) -> list[str]:
        """The classes, labels or targets as text."""
        return class_names(self.target)

    @property
    def has_probabilities(self) -> bool:
        """Whether there are probabilities: not for regression, nor for margins that were not calibrated."""
        return self.calibration is not None or self.head.link is not None

    @property
    def positive(self) -> Any:
        """The positive class of a binary task; None for other tasks."""
        return self.target.classes[1] if self.task == "binary" else None

    @abstractmethod
    def raw_scores(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores, shape (n, units), of encoded rows, shape (n, ...)."""

    def probabilities(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Turn raw scores (n, units) into probabilities, calibrated where there were validation rows.

        Returns:
            Binary: (n,), of the positive class. Multiclass: (n, classes). Multilabel: (n, labels).

        Raises:
            DataError: There are none: the task is regression, or margins were not calibrated.
        """
        if self.calibration is not None:
            return self.calibration.probabilities(self.head.class_scores(scores))
        uncalibrated = self.head.probabilities(scores)
        if uncalibrated is None:
            raise DataError(
                f"a {self.task} run with the {self.head.name} head has no probabilities"
                + ("." if self.task == "regression" else f": {_NO_CALIBRATION}")
            )
        return uncalibrated

    def sets(self, chances: NDArray[Any], decided: NDArray[Any], coverage: float) -> NDArray[np.bool_]:
        """Return which classes the set of each row holds, (n, classes), from probabilities and decisions."""
        in_set = class_ranks(by_class(chances)) <= conformal_quantile(np.asarray(self.conformity), coverage)
        in_set[np.arange(len(in_set)), decided] = True
        return in_set

    def check_sets(self, coverage: float) -> None:
        """Check that there are sets of classes with a coverage.

        Raises:
            DataError: The task has no single class for each row, or there are too few validation rows.
        """
        if self.task not in ("binary", "multiclass"):
            raise DataError(f"a {self.task} run has no sets of classes: they are for binary and multiclass.")
        if self.conformity is None:
            raise DataError(
                "this run has no sets of classes: they are fitted on validation rows, and there were none "
                "(validation=0), or an older version saved it."
            )
        conformal_quantile(self.conformity, coverage)

    def decide(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Return the decisions of raw scores (n, units), as `Head.decide` does, with the threshold where there is one.

        Binary: 0 or 1, shape (n,); from a probability of `threshold` on it is 1.
        """
        if self.score_threshold is not None:
            return self.head.decide(scores, self.score_threshold)
        if self.threshold is not None:
            return (self.probabilities(scores) >= self.threshold).astype(np.int64)
        return self.head.decide(scores)

    def predicting_content(self) -> dict[str, Any]:
        """Return these attributes as a dictionary that strict JSON can hold, exactly."""
        return {
            "schema": SCHEMA,
            "task": self.task,
            "head": self.head.name,
            "quantiles": list(self.head.quantiles) or None,
            "encoder": self.preprocessing.to_dict(),
            "target": self.target.to_dict(),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "probability_threshold": self.threshold,
            "threshold": self.score_threshold,
            "residuals": None if self.absolute_errors is None else self.absolute_errors.tolist(),
            "conformity": None if self.conformity is None else self.conformity.tolist(),
        }

    @staticmethod
    def predicting_fields(content: dict[str, Any], head: Head | None = None) -> dict[str, Any]:
        """Return the attributes that `predicting_content` described; damaged content raises errors of many types.

        Args:
            content: The dictionary.
            head: The head, where it is one of the user's own.
        """
        calibration = None if content["calibration"] is None else Calibration.from_dict(content["calibration"])
        threshold, score_threshold = content.get("probability_threshold"), content["threshold"] or None
        if score_threshold is not None and calibration is not None:  # of version 0.1.0
            threshold = float(calibration.probabilities(np.array([score_threshold]))[0])
        preprocessing = ImagePreprocessing if "images" in content["encoder"] else Preprocessing
        return {
            "task": content["task"],
            "head": head or get_head(content["task"], content["head"], quantiles=content.get("quantiles")),
            "preprocessing": preprocessing.from_dict(content["encoder"]),
            "target": Target.from_dict(content["target"]),
            "calibration": calibration,
            "threshold": threshold,
            "score_threshold": score_threshold,
            "absolute_errors": None if content["residuals"] is None else np.array(content["residuals"], np.float64),
            "conformity": None if content.get("conformity") is None else np.array(content["conformity"], np.float64),
        }


def class_names(target: Target) -> list[str]:
    """Return the classes (binary, multiclass), labels (multilabel) or targets (regression), as text."""
    return [plain(name) for name in (target.classes or target.columns)]
