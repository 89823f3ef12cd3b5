"""Learning curves in words: whether a training diverged, overfitted, underfitted, ended too early, or went well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.common.formatting import number

__all__ = ["KINDS", "Reading", "read_curves"]

KINDS = ("underfitted", "fitted", "overfitted", "could train longer", "diverged")

# Thresholds of the rules, as shares of a loss unless stated otherwise.
_LEARNED = 0.05  # a smaller fall from the start counts as nothing learned
_RISEN = 0.05  # a clear rise of the validation loss above its minimum
_RISEN_OF_FALL = 0.02  # and as a share of its whole fall, so that losses near 0 don't count
_EXPLODED = 1.5  # times the loss at the start
_FALLING = 0.02  # still falling: over the last fifth of the epochs,
_FALLING_OF_FALL = 0.05  # and as a share of the whole fall


@dataclass(frozen=True)
class Reading:
    """What learning curves show.

    Attributes:
        kind: One of `KINDS`.
        sentence: The reason, with its epochs and numbers, and what to do next.
    """

    kind: str
    sentence: str


@dataclass(frozen=True)
class _Curves:
    """The curves of a training, raw and smoothed, each of shape (epochs,)."""

    loss: np.ndarray
    followed: np.ndarray  # the validation loss; without validation rows the training loss
    best_epoch: int
    stopped: str
    guess: float | None
    validated: bool

    @property
    def epochs(self) -> int:
        return len(self.loss)

    @property
    def tail(self) -> int:
        """The last tenth of the epochs."""
        return max(1, self.epochs // 10)

    @property
    def best(self) -> int:
        """The best epoch, from 1."""
        return min(max(self.best_epoch, 1), self.epochs)

    @property
    def followed_name(self) -> str:
        return "validation loss" if self.validated else "training loss"

    @property
    def last_losses(self) -> str:
        validation = f", {self.followed_name} {_short(self.followed[-1])}" if self.validated else ""
        return f"training loss {_short(self.loss[-1])}{validation}"


def read_curves(
    history: pd.DataFrame, best_epoch: int, stopped: str, *, guess: float | None = None, images: bool = False
) -> Reading:
    """Return what the learning curves of a training show.

    The curves are smoothed by a running median. The first rule that applies decides:

    1. diverged: a loss is not finite, or the training loss ends at 1.5 times its start or more, or lost half of what
       it had gained.
    2. overfitted: the best epoch lies before the last tenth, and the validation loss has since risen by more than 5 %
       (and by more than its noise, and 2 % of its fall) while the training loss fell.
    3. underfitted: no loss got 5 % below that of epoch 1, or below that of a constant prediction if `guess` is given.
    4. could train longer: the best epoch lies in the last tenth, and over the last fifth of the epochs (at least three)
       the loss fell by more than 2 %, by 5 % of its whole fall, and by more than its noise. A single epoch counts too.
    5. fitted: anything else.

    The training loss is measured during the epoch, while weights change and dropout is on, so it can be above the
    validation loss: no rule compares the two. Without validation rows the rules use the training loss, and
    overfitting cannot be seen.

    Args:
        history: One row per epoch: epoch (from 1), loss, and val_loss where there were validation rows.
        best_epoch: The epoch whose weights were kept; 0 without one.
        stopped: Why training ended, as a clause: "all 64 epochs were run".
        guess: Loss of one constant prediction for all rows. On many rows the first epoch already ends with a trained
            network, so its loss says little about what was learned. None uses it all the same.
        images: Whether the rows are images.

    Returns:
        The kind and its sentence.

    Example:
        >>> losses = {"loss": [1.0, 0.5, 0.3, 0.2, 0.1, 0.05], "val_loss": [1.0, 0.6, 0.5, 0.6, 0.7, 0.8]}
        >>> read_curves(pd.DataFrame({"epoch": range(1, 7), **losses}), 3, "all 6 epochs were run").kind
        'overfitted'
    """
    if not len(history):
        return Reading(
            "could train longer", f"No epoch was finished ({stopped}): there is no curve to read. Train again."
        )
    loss = history["loss"].to_numpy(float)
    validated = "val_loss" in history
    followed = history["val_loss"].to_numpy(float) if validated else loss
    curves = _Curves(loss, followed, best_epoch, stopped, guess, validated)
    return (
        # The order counts: curves that diverged look overfitted too, and what follows needs more than one epoch.
        _diverged(curves)
        or _overfitted(curves)
        or _single_epoch(curves)
        or _underfitted(curves, images)
        or _still_falling(curves)
        or _fitted(curves)
    )


def _diverged(curves: _Curves) -> Reading | None:
    loss, epochs = curves.loss, curves.epochs
    weights = (
        f"The model has the weights of epoch {curves.best_epoch}."
        if curves.best_epoch
        else "No epoch's weights could be kept."
    )
    advice = f"{weights} Lower the learning rate, or limit the gradient (clip_norm=1), and train again."
    infinite = np.flatnonzero(~(np.isfinite(loss) & np.isfinite(curves.followed)))
    if len(infinite):
        return Reading(
            "diverged",
            f"Training diverged: in epoch {infinite[0] + 1} of {epochs} the loss was no longer finite. {advice}",
        )
    train = _smooth(loss)
    end = float(np.median(train[-curves.tail :]))
    gained = train[0] - train.min()
    # It had learned something, and has lost more than half of that again, and more than noise explains.
    relapsed = gained > _LEARNED * train[0] and end - train.min() > max(gained / 2, 3 * _noise(loss))
    if end <= _EXPLODED * max(train[0], curves.guess or 0.0) and not relapsed:
        return None
    return Reading(
        "diverged",
        f"Training diverged: the training loss, {_short(loss[0])} in epoch 1 and {_short(loss.min())} at best (epoch "
        f"{int(np.argmin(loss)) + 1}), ended at {_short(end)} in epoch {epochs}. {advice}",
    )


def _overfitted(curves: _Curves) -> Reading | None:
    loss, followed, best, epochs = curves.loss, curves.followed, curves.best, curves.epochs
    train, curve = _smooth(loss), _smooth(followed)
    end, train_end = (float(np.median(smooth[-curves.tail :])) for smooth in (curve, train))
    rise, fall = end - curve[best - 1], max(curve[0] - curve[best - 1], 0.0)
    clear = max(_RISEN * curve[best - 1], _RISEN_OF_FALL * fall, 2 * _noise(followed))
    if best > epochs - curves.tail or rise <= clear or train_end >= train[best - 1]:
        return None
    return Reading(
        "overfitted",
        f"Overfitted after epoch {best}: by epoch {epochs} the validation loss rose from {_short(followed[best - 1])} "
        f"to about {_short(end)} while the training loss fell from {_short(loss[best - 1])} to about "
        f"{_short(train_end)}. The weights of epoch {best} were kept, so the later epochs do no harm. Dropout, L2, "
        "fewer neurons or more rows may help.",
    )


def _single_epoch(curves: _Curves) -> Reading | None:
    if curves.epochs > 1:
        return None
    return Reading(
        "could train longer", f"One epoch gives no curve to read ({curves.last_losses}). Train for more epochs."
    )


def _underfitted(curves: _Curves, images: bool) -> Reading | None:
    train, curve, guess = _smooth(curves.loss), _smooth(curves.followed), curves.guess
    start, top = (train[0], curve[0]) if guess is None else (guess, guess)
    end = float(np.median(train[-curves.tail :]))
    if end <= (1 - _LEARNED) * start or curve.min() <= (1 - _LEARNED) * top:
        return None
    reference = f"the {_short(start)} of epoch 1" if guess is None else f"the {_short(guess)} of a constant prediction"
    return Reading(
        "underfitted",
        f"Underfitted: after {curves.epochs} epochs ({curves.last_losses}) the loss was hardly below {reference}. Try "
        "another learning rate, a larger network or less regularization. If nothing helps, the "
        f"{'images' if images else 'columns'} may not determine the target.",
    )


def _still_falling(curves: _Curves) -> Reading | None:
    followed, epochs = curves.followed, curves.epochs
    curve = _smooth(followed)
    window = min(max(3, epochs // 5), epochs - 1)
    # `fit` maps the epochs to -1 ... 1, `convert` maps back: coef is then (start, slope).
    line = np.polynomial.Polynomial.fit(np.arange(window + 1), followed[-1 - window :], 1).convert()
    start, slope = np.pad(line.coef, (0, 2 - len(line.coef)))  # a loss of 0 throughout leaves one coefficient
    fall = -slope * window
    # The standard error of a fitted slope over `window` steps is noise * sqrt(12 / steps) / window.
    noise = 2 * _noise(followed) * math.sqrt(12 / (window + 1))
    clear = max(_FALLING * start, _FALLING_OF_FALL * (curve[0] - curve[-1]), noise)
    if curves.best <= epochs - curves.tail or fall <= clear:
        return None
    return Reading(
        "could train longer",
        f"Could train longer: the {curves.followed_name} was still falling, from {_short(followed[-1 - window])} in "
        f"epoch {epochs - window} to {_short(followed[-1])} in epoch {epochs}, the last ({curves.stopped}). Train for "
        "more epochs.",
    )


def _fitted(curves: _Curves) -> Reading:
    loss, followed, best, epochs = curves.loss, curves.followed, curves.best, curves.epochs
    if not curves.validated:
        return Reading(
            "fitted",
            f"Fitted: the training loss fell from {_short(loss[0])} in epoch 1 to {_short(loss[-1])} in epoch {epochs} "
            "and had almost stopped falling. Without validation rows overfitting cannot be seen: keep some.",
        )
    since = "had almost stopped falling" if best > epochs - curves.tail else "has not risen clearly since"
    return Reading(
        "fitted",
        f"Fitted: the validation loss fell from {_short(followed[0])} in epoch 1 to {_short(followed[best - 1])} in "
        f"epoch {best} of {epochs}, its minimum, and {since}. {_gap(loss[best - 1], followed[best - 1])}",
    )


def _gap(train: float, validation: float) -> str:
    if validation > 1.2 * train:
        return (
            f"The training loss was {_short(train)} there, clearly lower: regularization or more rows may still close "
            "the gap."
        )
    return (
        f"The training loss was {_short(train)} there, hardly lower: the network did not memorize the rows, and a "
        "larger one may still do better."
    )


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return a running median over 3 epochs (5 from 30 epochs on); fewer than 6 epochs stay as they are."""
    # 5 9 5 5 2 2 -> 7 5 5 5 2 2 over 3 epochs: the spike is gone, and the fall stays where it is.
    width = 1 if len(values) < 6 else 3 if len(values) < 30 else 5
    return pd.Series(values).rolling(width, center=True, min_periods=1).median().to_numpy()


def _noise(values: np.ndarray) -> float:
    """Return the standard deviation of the noise between epochs in the second half, without its trend."""
    steps = np.diff(values[len(values) // 2 :])
    if len(steps) < 3:
        return 0.0
    # 1.4826 * median absolute deviation is the standard deviation of normal noise, and little moved by outliers. A step
    # holds the noise of two epochs, hence sqrt(2).
    return 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)


def _short(value: float) -> str:
    return number(float(value), 3)
