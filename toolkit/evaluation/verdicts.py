"""Sentences read from numbers: what the learning curves say, and whether the network was worth it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from toolkit.common.formatting import NARROW, duration, number, plain
from toolkit.evaluation.metric_names import METRICS, in_sentence, metric_value
from toolkit.evaluation.metrics import (
    LOWER_IS_BETTER,
    PRIMARY,
    Outcome,
    difference,
    evaluate,
)

__all__ = ["IN_WORDS", "KINDS", "Reading", "baseline_ahead", "read_baselines", "read_curves", "standing_of"]

KINDS = ("underfitted", "fitted", "overfitted", "could train longer", "diverged")

# The rules' thresholds, as shares of a loss unless said otherwise.
_LEARNED = 0.05  # below this fall from the start, hardly anything was learned
_RISEN = 0.05  # the validation loss has risen clearly above its best
_RISEN_OF_FALL = 0.02  # and by this share of what it had fallen, which keeps losses near 0 from counting
_EXPLODED = 1.5  # times the start: training went away from it
_FALLING = 0.02  # still falling: over the last fifth of the epochs,
_FALLING_OF_FALL = 0.05  # and by this share of the whole fall
# Rows per class from which a network is said to pay: Hantehzadeh, Machine Learning using Python, week 2.
_ROWS_PER_CLASS = 1000


@dataclass(frozen=True)
class Reading:
    """What learning curves say.

    Attributes:
        kind: One of `KINDS`.
        sentence: Why, with the epochs and numbers it was read from, and what to do next.
    """

    kind: str
    sentence: str


def read_curves(
    history: pd.DataFrame, best_epoch: int, stopped: str, *, guess: float | None = None, images: bool = False
) -> Reading:
    """Say whether a training diverged, hardly learned, learned by heart, ended too early, or went well.

    The curves are smoothed (running median), and read by the first rule that holds:

    1. diverged: a loss is not finite, or the training loss ends at 1.5 times its start or more, or has lost half of
       what it had gained.
    2. overfitted: the best epoch lies before the last tenth, and the validation loss has since risen by more than 5 %
       (and more than its own noise, and 2 % of what it had fallen) while the training loss fell.
    3. underfitted: neither loss got 5 % below that of epoch 1, or of a constant answer where `guess` gives it.
    4. could train longer: the best epoch lies in the last tenth, and over the last fifth of the epochs (three at
       least) the loss fell by more than 2 %, 5 % of its whole fall, and its noise. A single epoch counts here too.
    5. fitted: anything else.

    The training loss is measured during the epoch, while the weights move and dropout is on, so that it may well lie
    above the validation loss early on: no rule compares the two. Without validation rows the rules look at the
    training loss, and overfitting cannot be seen.

    Args:
        history: A row an epoch: epoch (from 1), loss, and val_loss where there were validation rows.
        best_epoch: The epoch whose weights were kept; 0 where none was.
        stopped: Why training ended, as a clause: "all 64 epochs were run".
        guess: The loss of one constant answer for every row, to tell what was learned: on many rows the first epoch
            ends with a trained network, and with a rate far too high it starts far above any guess. None takes the
            first epoch's loss instead.
        images: Whether the rows are images.

    Returns:
        The kind and its sentence.

    Example:
        >>> losses = {"loss": [1.0, 0.5, 0.3, 0.2, 0.1, 0.05], "val_loss": [1.0, 0.6, 0.5, 0.6, 0.7, 0.8]}
        >>> read_curves(pd.DataFrame({"epoch": range(1, 7), **losses}), 3, "all 6 epochs were run").kind
        'overfitted'
    """
    epochs = len(history)
    if not epochs:
        return Reading(
            "could train longer", f"No epoch was finished ({stopped}): there is no curve to read. Train again."
        )
    loss = history["loss"].to_numpy(float)
    validated = "val_loss" in history
    watched = history["val_loss"].to_numpy(float) if validated else loss
    word = "validation loss" if validated else "training loss"
    kept = f"The model holds the weights of epoch {best_epoch}." if best_epoch else "No epoch's weights could be kept."

    broken = np.flatnonzero(~(np.isfinite(loss) & np.isfinite(watched)))
    if len(broken):
        return Reading(
            "diverged",
            f"Training diverged: in epoch {broken[0] + 1} of {epochs} the loss was no longer finite. {kept} "
            "Lower the learning rate, or limit the gradient (clip_norm=1), and train again.",
        )

    train, curve = _smooth(loss), _smooth(watched)
    tail = max(1, epochs // 10)
    end, train_end = float(np.median(curve[-tail:])), float(np.median(train[-tail:]))
    best = min(max(best_epoch, 1), epochs)
    gained = train[0] - train.min()
    relapsed = gained > _LEARNED * train[0] and train_end - train.min() > max(gained / 2, 3 * _noise(loss))
    if train_end > _EXPLODED * max(train[0], guess or 0.0) or relapsed:
        return Reading(
            "diverged",
            f"Training diverged: the training loss, {_say(loss[0])} in epoch 1 and {_say(loss.min())} at best (epoch "
            f"{int(np.argmin(loss)) + 1}), ended at {_say(train_end)} in epoch {epochs}. {kept} "
            "Lower the learning rate, or limit the gradient (clip_norm=1), and train again.",
        )

    risen, fallen = end - curve[best - 1], max(curve[0] - curve[best - 1], 0.0)
    clear = max(_RISEN * curve[best - 1], _RISEN_OF_FALL * fallen, 2 * _noise(watched))
    if best <= epochs - tail and risen > clear and train_end < train[best - 1]:
        return Reading(
            "overfitted",
            f"Overfitted after epoch {best}: from there to epoch {epochs} the validation loss rose from "
            f"{_say(watched[best - 1])} to about {_say(end)} while the training loss fell from {_say(loss[best - 1])} "
            f"to about {_say(train_end)}. The weights of epoch {best} were kept, so the later ones do no harm; "
            "dropout, L2, fewer neurons or more rows may gain something.",
        )

    both = f"training loss {_say(loss[-1])}" + (f", {word} {_say(watched[-1])}" if validated else "")
    if epochs == 1:
        return Reading("could train longer", f"One epoch gives no curve to read ({both}). Train for more epochs.")
    start, top = (train[0], curve[0]) if guess is None else (guess, guess)
    if train_end > (1 - _LEARNED) * start and curve.min() > (1 - _LEARNED) * top:
        below = f"the {_say(start)} of epoch 1" if guess is None else f"the {_say(guess)} of a constant answer"
        return Reading(
            "underfitted",
            f"Underfitted: at the end of {epochs} epochs ({both}) the loss was hardly below {below}. Try another "
            f"learning rate, a larger network or less regularisation; if none helps, the "
            f"{'images' if images else 'columns'} may not tell the target.",
        )

    window = min(max(3, epochs // 5), epochs - 1)
    slope, middle = np.polynomial.Polynomial.fit(np.arange(window + 1), watched[-1 - window :], 1).convert().coef[::-1]
    fell = -slope * window
    jitter = 2 * _noise(watched) * math.sqrt(12 / (window + 1))
    noticeable = max(_FALLING * middle, _FALLING_OF_FALL * (curve[0] - curve[-1]), jitter)
    if best > epochs - tail and fell > noticeable:
        return Reading(
            "could train longer",
            f"Could train longer: the {word} was still falling, from {_say(watched[-1 - window])} in epoch "
            f"{epochs - window} to {_say(watched[-1])} in epoch {epochs}, the last ({stopped}). Train for more epochs.",
        )

    if not validated:
        return Reading(
            "fitted",
            f"Fitted: the training loss fell from {_say(loss[0])} in epoch 1 to {_say(loss[-1])} in epoch {epochs} and "
            "was hardly falling any more. Without validation rows overfitting cannot be seen: keep some.",
        )
    since = "was hardly falling any more" if best > epochs - tail else "has not risen clearly since"
    return Reading(
        "fitted",
        f"Fitted: the validation loss fell from {_say(watched[0])} in epoch 1 to {_say(watched[best - 1])} in epoch "
        f"{best} of {epochs}, its lowest, and {since}. {_gap(loss[best - 1], watched[best - 1])}",
    )


def _smooth(values: np.ndarray) -> np.ndarray:
    """Running median over 3 epochs (5 from 30 epochs on); short runs are taken as they are."""
    width = 1 if len(values) < 6 else 3 if len(values) < 30 else 5
    return pd.Series(values).rolling(width, center=True, min_periods=1).median().to_numpy()


def _noise(values: np.ndarray) -> float:
    """Standard deviation of the jitter from epoch to epoch in the second half, its trend taken out."""
    steps = np.diff(values[len(values) // 2 :])
    if len(steps) < 3:
        return 0.0
    return 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)


def _say(value: float) -> str:
    return number(float(value), 3)


def _gap(train: float, validation: float) -> str:
    if validation > 1.2 * train:
        return (
            f"The training loss was {_say(train)} there, clearly lower: regularisation or more rows may still close "
            "the gap."
        )
    return (
        f"The training loss was {_say(train)} there, hardly lower: nothing was learned by heart, and a larger network "
        "may still win something."
    )


def read_baselines(
    outcome: Outcome,
    baselines: Mapping[str, Outcome],
    rows: int,
    classes: int,
    *,
    parameters: int | None = None,
    images: bool = False,
) -> list[str]:
    """Say whether the network was worth it: how it stands against each baseline, and what that means.

    "Better" and "worse" are said only where the 95 % interval of the paired difference leaves 0 out.

    Args:
        outcome: The network on the test part.
        baselines: "dummy", "linear" and "tree" on the same rows, as `fit_baselines` gives them; others are named by
            their key.
        rows: Training rows.
        classes: Number of classes; only read for binary and multiclass outcomes.
        parameters: Learnable numbers of the network; None leaves rows per parameter out.
        images: Whether the rows are images.

    Returns:
        Sentences, the verdict first.

    References:
        Hantehzadeh, Machine Learning using Python, week 2: a network wants thousands of rows per class.

    Example:
        >>> truth = np.tile([0, 1], 200)
        >>> right, half = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
        >>> read_baselines(right, {"dummy": half}, rows=1600, classes=2)[0].replace(NARROW, " ")
        "On 400 test rows the network's accuracy is 100.0 %: better than guessing (50.0 %)."
    """
    if not baselines:
        return ["Nothing says whether a simpler model would do as well: no baseline was fitted."]
    metric = _common(outcome, baselines)
    tests = len(outcome.y_true)
    if metric is None:
        return [f"No metric is defined on these {tests} test rows for the network and the baselines alike."]
    apart = {name: difference(outcome, other, metric) for name, other in baselines.items()}
    standing = {name: standing_of(metric, low, high) for name, (_, low, high) in apart.items()}
    values = {name: evaluate(other)[metric] for name, other in baselines.items()}

    parts = []
    for word, kind in (("better than", "better"), ("no clear difference from", "level"), ("worse than", "worse")):
        named = [f"{IN_WORDS.get(n, n)} ({metric_value(metric, values[n])})" for n in values if standing[n] == kind]
        if named:
            parts.append(f"{word} {_and(named)}")
    own = metric_value(metric, evaluate(outcome)[metric])
    sentences = [f"On {number(tests)} test rows the network's {in_sentence(metric)} is {own}: {'; '.join(parts)}."]

    if standing.get("dummy", "better") != "better":
        sentences.append(
            "It has learned nothing that these rows can show. Check the target and the "
            f"{'images' if images else 'columns'} before any model: they may not belong together, or the rows are too "
            "few."
        )
    for name in ("tree", "linear"):
        if name in standing and standing.get("dummy", "better") == "better":
            sentences.append(
                _against(name, standing[name], metric, apart[name], (outcome.seconds, baselines[name].seconds), images)
            )
    if "level" in standing.values():
        widest = max((high - low) / 2 for name, (_, low, high) in apart.items() if standing[name] == "level")
        if widest > 0:
            unit = " points" if METRICS[metric].share else ""
            sentences.append(
                "No clear difference is not the same as equal: on these test rows one of less than about "
                f"{_amount(metric, widest)}{unit} does not show."
            )
    sentences.extend(_size(outcome.task, rows, classes, parameters, standing))
    return sentences


def baseline_ahead(metric: str, contenders: pd.Series, baselines: pd.Series, seeds: int) -> list[str]:
    """Return a sentence that names the best baseline, where it is better than every contender.

    Args:
        metric: The metric.
        contenders: Its mean over the seeds, for each contender.
        baselines: The same for each baseline.
        seeds: Number of seeds.
    """
    contenders, baselines = (
        contenders.dropna(),
        baselines[[name for name in IN_WORDS if name in baselines]].dropna(),
    )
    if contenders.empty or baselines.empty:
        return []
    lower = LOWER_IS_BETTER[metric]
    best, baseline = (str(means.idxmin() if lower else means.idxmax()) for means in (contenders, baselines))
    if not (baselines[baseline] < contenders[best] if lower else baselines[baseline] > contenders[best]):
        return []
    ahead, behind = (metric_value(metric, float(value)) for value in (baselines[baseline], contenders[best]))
    mean = f", the mean over {seeds} seeds" if seeds > 1 else ""
    return [
        f"A baseline is better than all of them: {IN_WORDS[baseline]}, with {in_sentence(metric)} {ahead}{mean}; the "
        f"best of them, {plain(best)}, has {behind}. This difference is not tested."
    ]


IN_WORDS = {"dummy": "guessing", "linear": "the linear model", "tree": "the gradient-boosted trees"}
"""Baseline -> what it is called inside a sentence."""


def _common(outcome: Outcome, baselines: Mapping[str, Outcome]) -> str | None:
    """The primary metric, or the first that is defined for all."""
    found = [evaluate(one) for one in (outcome, *baselines.values())]
    names = [PRIMARY[outcome.task], *found[0]]
    return next((name for name in names if all(math.isfinite(f.get(name, math.nan)) for f in found)), None)


def standing_of(metric: str, low: float, high: float) -> str:
    """Return what the interval of a paired difference means: "better", "worse", or "level" where it holds 0.

    Example:
        >>> standing_of("rmse", -3.0, -1.0), standing_of("accuracy", -0.02, 0.04)
        ('better', 'level')
    """
    if not (low > 0 or high < 0):  # also where an end is NaN
        return "level"
    return "better" if (high < 0) == LOWER_IS_BETTER.get(metric, False) else "worse"


def _amount(metric: str, value: float) -> str:
    """A difference of the metric; that of shares in points, which per cent would leave open."""
    return metric_value(metric, value).removesuffix(f"{NARROW}%")


def _against(
    name: str,
    standing: str,
    metric: str,
    apart: tuple[float, float, float],
    times: tuple[float, float],
    images: bool,
) -> str:
    """One sentence about one baseline: by how much, and what follows."""
    value, low, high = apart
    unit = " points" if METRICS[metric].share else ""
    if low == high == 0:
        size = "there is no difference"
    elif standing == "level":
        size = f"the difference lies between {_amount(metric, low)} and {_amount(metric, high)}{unit}"
    else:
        least, most = sorted((abs(low), abs(high)))
        size = (
            f"its {in_sentence(metric)} is {'lower' if value < 0 else 'higher'} by {_amount(metric, abs(value))}{unit} "
            f"(95 % interval {_amount(metric, least)} to {_amount(metric, most)})"
        )
    seconds, other_seconds = times
    took = f" ({duration(other_seconds)} to fit, the network {duration(seconds)})" if seconds and other_seconds else ""
    if name == "tree" and images:
        follows = {
            "better": f"here the network earns its cost{took}.",
            "level": f"they do as well as far as these rows tell{took}, so use them unless you need what only a "
            "network gives.",
            "worse": f"use the trees on these images{took}; a network may pay with more of them.",
        }
    elif name == "tree":
        follows = {
            "better": f"here the network earns its cost{took}.",
            "level": f"they do as well as far as these rows tell{took}, need no scaling and take missing values as "
            "they are, so use them unless you need what only a network gives.",
            "worse": f"use the trees on this table{took}; a network may pay with more rows.",
        }
    else:
        follows = {
            "better": f"the {'pixels' if images else 'columns'} seem to act together, or not in proportion, which a "
            "linear model cannot follow.",
            "level": f"it does as well as far as these rows tell{took}, and its weights can be read, so prefer it "
            "to the network.",
            "worse": f"use the linear model{took}; the network is too large, not trained well, or short of rows.",
        }
    return f"Against {IN_WORDS[name]} {size}: {follows[standing]}"


def _size(task: str, rows: int, classes: int, parameters: int | None, standing: Mapping[str, str]) -> list[str]:
    """Rows per class and per parameter, where they explain something."""
    simpler = [standing[name] for name in ("linear", "tree") if name in standing]
    sentences = []
    if task in ("binary", "multiclass") and classes > 1:
        each = rows / classes
        if each < _ROWS_PER_CLASS:
            end = "; that few favour simpler models." if set(simpler) - {"better"} else ", and here it does with fewer."
            sentences.append(
                f"It learned from {number(rows)} rows, {number(round(each))} per class on average; by a rule of thumb "
                f"a network pays from thousands per class{end}"
            )
    if parameters and rows / parameters < 1 and set(simpler) - {"better"}:
        sentences.append(
            f"It has {number(parameters)} learnable parameters, more than there are training rows ({number(rows)}): a "
            "smaller one may do as well."
        )
    return sentences


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
