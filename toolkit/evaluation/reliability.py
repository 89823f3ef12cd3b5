"""Reliability: predicted against observed frequencies."""

from __future__ import annotations

import numpy as np

from toolkit.common.errors import DataError

__all__ = ["expected_calibration_error", "reliability"]


def reliability(y_true: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> dict[str, np.ndarray]:
    """Return predicted against observed frequencies, in bins of about equal counts.

    The edges of the bins are quantiles of the probabilities; equal probabilities stay together, so that there may be
    fewer bins than `bins`. Binary: the positive class. Multiclass: the predicted class's probability against how often
    it is right (top-label confidence). Multilabel: all labels pooled.

    Args:
        y_true: (n,) of 0 and 1, (n,) class ids, or (n, L) of 0 and 1.
        probabilities: (n,) of the positive class, (n, K), or (n, L).
        bins: Largest number of bins.

    Returns:
        Arrays, one entry per bin: `predicted` (mean probability), `observed` (share of positives), `low` and `high`
        (95 % Wilson interval of the observed share), `count` (rows).

    Raises:
        DataError: There are no rows.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (top-label confidence). Nixon et al., Measuring
        Calibration in Deep Learning, CVPR workshops 2019 (equal counts). Wilson, Probable Inference, JASA 1927.

    Example:
        >>> curve = reliability(np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9]), bins=2)
        >>> curve["predicted"].round(2).tolist(), curve["observed"].tolist(), curve["count"].tolist()
        ([0.2, 0.8], [0.0, 1.0], [2, 2])
    """
    y_true, chance = np.asarray(y_true), np.asarray(probabilities, dtype=float)
    # (n, classes) -> probability of the predicted class (n,), and whether that class is right (n,).
    if chance.ndim == 2 and y_true.ndim == 1:
        y_true, chance = chance.argmax(axis=1) == y_true, chance.max(axis=1)
    truth, chance = y_true.ravel().astype(float), chance.ravel()
    if not len(chance):
        raise DataError("there are no rows: expected at least one to read a calibration from.")
    # Bins of equally many rows: of equally wide bins, a confident model would leave most empty.
    edges = np.percentile(chance, np.linspace(0, 100, bins + 1))
    # Without the outer edges, the smallest and the largest probability fall into the first and the last bin.
    bin_of = np.searchsorted(edges[1:-1], chance)
    count = np.bincount(bin_of, minlength=bins)
    used = count > 0
    count = count[used]
    predicted = np.bincount(bin_of, weights=chance, minlength=bins)[used] / count
    observed = np.bincount(bin_of, weights=truth, minlength=bins)[used] / count
    # Wilson's 95 % interval: within 0 and 1, and not of width 0 where every row of a bin is right.
    z = 1.959963984540054
    middle = (observed + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(observed * (1 - observed) / count + z**2 / (4 * count**2))
    return {
        "predicted": predicted,
        "observed": observed,
        "low": np.clip(middle - half, 0, 1),
        "high": np.clip(middle + half, 0, 1),
        "count": count,
    }


def expected_calibration_error(y_true: np.ndarray, probabilities: np.ndarray, *, bins: int = 15) -> float:
    """Return the mean distance of predicted and observed frequencies: 0 is calibrated, 0.1 is off by ten points.

    The sum over the bins of `reliability` of count / n times |observed - predicted|. It depends on the bins, and on
    few rows it is above 0 for a perfectly calibrated model too.

    Args:
        y_true: As in `reliability`.
        probabilities: As in `reliability`.
        bins: As in `reliability`.

    Returns:
        Between 0 and 1.

    References:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3, here with bins of equal counts.

    Example:
        >>> round(expected_calibration_error(np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9]), bins=2), 3)
        0.2
    """
    curve = reliability(y_true, probabilities, bins=bins)
    return float(np.average(np.abs(curve["observed"] - curve["predicted"]), weights=curve["count"]))
