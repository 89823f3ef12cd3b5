"""Learning curves in words: whether a training diverged, overfitted, underfitted, ended too early, or went well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.common.formatting import number

__all__ = ["KINDS", "Losses", "Reading", "read_curves"]

KINDS = ("underfitted", "fitted", "overfitted", "could train longer", "diverged")

# Thresholds of the rules, as shares of a loss unless stated otherwise.
_LEARNED = 0.05  # a smaller fall from the start counts as nothing learned
_RISEN = 0.05  # a clear rise of the validation loss above its minimum
_RISEN_OF_FALL = 0.02  # and as a share of its whole fall, so that losses near 0 don't count
_CARRIED = 0.5  # of what is learned on training rows, from there on it carries over to validation rows
_GAP = 1.2  # times the training loss: from there on the validation loss is clearly higher
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
class Losses:
    """The losses of the chosen weights, without dropout and smoothed labels, for several networks their means.

    Attributes:
        train: On rows that the network learned from.
        validation: On rows that it did not learn from.
        constant: The loss of the best constant answer on the same rows as `validation`; None where it is not known.
    """

    train: float
    validation: float
    constant: float | None = None


@dataclass(frozen=True)
class _Curves:
    """The curves of a training, raw and smoothed, each of shape (epochs,)."""

    loss: np.ndarray
    followed: np.ndarray  # the validation loss; without validation rows the training loss
    best_epoch: int
    stopped: str
    losses: Losses | None
    networks: int
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
    def lowest(self) -> int:
        """The epoch of the lowest followed loss, from 1."""
        return int(np.argmin(self.followed)) + 1

    @property
    def kept(self) -> str:
        """Whose weights were kept, as a clause."""
        if self.networks > 1:
            return f"each network kept the weights of its best epoch, {self.best_epoch} on average"
        return f"the weights of epoch {self.best_epoch} were kept"

    @property
    def guess(self) -> float | None:
        """The loss of the best constant answer, or None where it is not known."""
        return None if self.losses is None else self.losses.constant

    @property
    def followed_name(self) -> str:
        return "validation loss" if self.validated else "training loss"


def read_curves(
    history: pd.DataFrame,
    best_epoch: int,
    stopped: str,
    *,
    losses: Losses | None = None,
    networks: int = 1,
    images: bool = False,
) -> Reading:
    """Return what the learning curves of a training show.

    The curves are smoothed by a running median. The first rule that applies decides:

    1. diverged: a loss is not finite, or the training loss ends at 1.5 times its start or more, or lost half of what
       it had gained.
    2. overfitted: the best epoch lies before the last tenth, and the validation loss has since risen by more than 5 %
       (and by more than its noise, and 2 % of its fall) while the training loss fell.
    3. underfitted: the chosen weights' losses, on training and on validation rows, are not 5 % below that of a constant
       answer; where that is not known, neither curve fell by 5 %.
    4. could train longer: the best epoch lies in the last tenth, and over the last fifth of the epochs (at least three)
       the loss fell by more than 2 %, by 5 % of its whole fall, and by more than its noise. A single epoch counts too.
    5. overfitted too: the chosen weights' loss is 5 % below that of a constant answer on training rows only, and less
       than half of the gain there is left on validation rows.
    6. fitted: anything else.

    The training loss is measured during the epoch, while weights change, with dropout on and with smoothed labels, so
    it can be above the validation loss: no rule compares the two. What the network learned by heart is read from
    `losses`, which are measured alike. Without validation rows the rules use the training loss, and overfitting cannot
    be seen.

    Args:
        history: One row per epoch: epoch (from 1), loss, and val_loss where there were validation rows.
        best_epoch: The epoch whose weights were kept; 0 without one.
        stopped: Why training ended, as a clause: "all 64 epochs were run".
        losses: The losses of the chosen weights. On many rows the first epoch already ends with a trained network, so
            that its loss says little about what was learned; a constant answer's loss says more.
        networks: Number of networks; the curves of several are means.
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
    curves = _Curves(loss, followed, best_epoch, stopped, losses, networks, validated)
    return (
        # The order counts: curves that diverged look overfitted too, and what follows needs more than one epoch.
        _diverged(curves)
        or _overfitted(curves)
        or _single_epoch(curves)
        or _underfitted(curves, images)
        or _still_falling(curves)
        or _learned_by_heart(curves, images)
        or _fitted(curves)
    )


def _diverged(curves: _Curves) -> Reading | None:
    loss, epochs = curves.loss, curves.epochs
    weights = curves.kept[0].upper() + curves.kept[1:] if curves.best_epoch else "No epoch's weights could be kept"
    advice = f"{weights}. Lower the learning rate, or limit the gradient (clip_norm=1), and train again."
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
        f"{int(np.argmin(loss)) + 1}), ended at about {_short(end)} in epoch {epochs}. {advice}",
    )


def _overfitted(curves: _Curves) -> Reading | None:
    best, epochs = curves.best, curves.epochs
    train, rise = _smooth(curves.loss), _rise(curves, best)
    train_end = float(np.median(train[-curves.tail :]))
    if best > epochs - curves.tail or rise is None or train_end >= train[best - 1]:
        return None
    # The losses themselves, as they are in the table; smoothed where noise hides which way they went.
    rose, fell = (curves.followed[best - 1], curves.followed[-1]), (curves.loss[best - 1], curves.loss[-1])
    up = [_short(value) for value in rose] if rose[0] < rose[1] else [_short(rose[0]), f"about {_short(rise)}"]
    smooth = [f"about {_short(value)}" for value in (train[best - 1], train_end)]
    down = [_short(value) for value in fell] if fell[0] > fell[1] else smooth
    return Reading(
        "overfitted",
        f"Best in epoch {best}, then overfitted: by epoch {epochs} the validation loss rose from {up[0]} to {up[1]} "
        f"while the training loss fell from {down[0]} to {down[1]}. {curves.kept[0].upper()}{curves.kept[1:]}, so the "
        "later epochs do no harm. Dropout, L2, fewer neurons or more rows may help.",
    )


def _rise(curves: _Curves, epoch: int) -> float | None:
    """Return the followed loss at the end, smoothed, where it has clearly risen since an epoch (from 1)."""
    curve = _smooth(curves.followed)
    start, end = float(curve[epoch - 1]), float(np.median(curve[-curves.tail :]))
    fall = max(curve[0] - start, 0.0)
    clear = max(_RISEN * start, _RISEN_OF_FALL * fall, 2 * _noise(curves.followed))
    return end if end - start > clear else None


def _single_epoch(curves: _Curves) -> Reading | None:
    if curves.epochs > 1:
        return None
    validation = f", validation loss {_short(curves.followed[-1])}" if curves.validated else ""
    return Reading(
        "could train longer",
        f"One epoch gives no curve to read (training loss {_short(curves.loss[-1])}{validation}). Train for more "
        "epochs.",
    )


def _underfitted(curves: _Curves, images: bool) -> Reading | None:
    advice = (
        "Try another learning rate, a larger network or less regularization. If nothing helps, the "
        f"{'images' if images else 'columns'} may not determine the target."
    )
    losses, guess, epochs = curves.losses, curves.guess, curves.epochs
    if losses is not None and guess is not None:
        lowest = min(losses.train, losses.validation)
        if lowest <= (1 - _LEARNED) * guess:
            return None
        return Reading(
            "underfitted",
            f"Underfitted: after {epochs} epochs the loss is {_short(losses.train)} on training and "
            f"{_short(losses.validation)} on validation rows, {'hardly' if lowest < guess else 'not'} below the "
            f"{_short(guess)} of a constant answer. {advice}",
        )
    train, curve = _smooth(curves.loss), _smooth(curves.followed)
    end = float(np.median(train[-curves.tail :]))
    if end <= (1 - _LEARNED) * train[0] or curve.min() <= (1 - _LEARNED) * curve[0]:
        return None
    texts = [f"training loss about {_short(train[0])} in epoch 1 and {_short(end)} at the end"]
    if curves.validated:
        texts.append(f"validation loss about {_short(curve[0])} in epoch 1 and {_short(curve.min())} at best")
    return Reading(
        "underfitted",
        f"Underfitted: in {epochs} epochs the loss did not fall by {100 * _LEARNED:.0f} % ({'; '.join(texts)}). "
        f"{advice}",
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
    begin, end = curve[-1 - window], curve[-1]
    if curves.best <= epochs - curves.tail or fall <= clear or end >= begin:
        return None
    return Reading(
        "could train longer",
        f"Could train longer: the {curves.followed_name} was still falling, from about {_short(begin)} in epoch "
        f"{epochs - window} to about {_short(end)} in epoch {epochs}, the last ({curves.stopped}). Train for "
        "more epochs.",
    )


def _learned_by_heart(curves: _Curves, images: bool) -> Reading | None:
    losses, guess = curves.losses, curves.guess
    if losses is None or guess is None or losses.validation <= (1 - _LEARNED) * guess:
        return None
    if guess - losses.validation >= _CARRIED * (guess - losses.train):  # little learned, but it carries over
        return None
    return Reading(
        "overfitted",
        f"Overfitted: with the weights that were kept ({curves.epochs} epochs), the loss is {_short(losses.train)} on "
        f"training rows, but {_short(losses.validation)} on validation rows, "
        f"{'hardly' if losses.validation < guess else 'not'} below the {_short(guess)} of a constant answer: little of "
        "what the network learned carries over. More rows, fewer neurons or more regularization may help, or the "
        f"{'images' if images else 'columns'} hardly determine the target.",
    )


def _fitted(curves: _Curves) -> Reading:
    loss, followed, epochs, lowest = curves.loss, curves.followed, curves.epochs, curves.lowest
    if not curves.validated:
        return Reading(
            "fitted",
            f"Fitted: the training loss went from {_short(loss[0])} in epoch 1 to {_short(loss[-1])} in epoch "
            f"{epochs}. Without validation rows overfitting cannot be seen: keep some.",
        )
    first, least = _short(followed[0]), _short(followed[lowest - 1])
    fell = f"the validation loss was lowest in epoch {lowest} of {epochs}, {least},"
    if lowest > 1 and first != least:
        fell = (
            f"the validation loss fell from {first} in epoch 1 to {least} in epoch {lowest} of {epochs}, its minimum,"
        )
    rise = _rise(curves, lowest)
    since = "and has not risen clearly since"
    if rise is not None:  # as the training loss did: that is not overfitting
        since = f"and has risen to about {_short(rise)} since; {curves.kept}"
    elif lowest > epochs - curves.tail:
        since = "and had almost stopped falling"
    return Reading("fitted", f"Fitted: {fell} {since}. {_gap(curves)}")


def _gap(curves: _Curves) -> str:
    """Return a sentence that compares training and validation rows, from losses that are measured alike if known."""
    losses, best = curves.losses, curves.best
    if losses is None:
        train, validation = curves.loss[best - 1], curves.followed[best - 1]
        where = f"In epoch {best} the training loss was {_short(train)} and the validation loss {_short(validation)}"
    else:
        train, validation = losses.train, losses.validation
        where = (
            f"With the weights that were kept, the loss is {_short(train)} on training rows and {_short(validation)} "
            "on validation rows"
        )
    if validation > _GAP * train:
        return f"{where}: regularization or more rows may still close the gap."
    if losses is None:
        return (
            f"{where}; the training loss is measured while the weights change and with any dropout on, so the two do "
            "not show what the network memorized."
        )
    return f"{where}: the network did not memorize its rows."


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
    return number(float(f"{value:.5g}"), 3)  # as in the report's table, which is made from five digits
