"""A random search over the settings of a network, and which of them mattered."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, INK, MUTED, ORANGE, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_name, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.formatting import percent

__all__ = ["explained", "show"]

TRIALS, AGAIN, ROWS, EPOCHS = 54, 8, 320, 25

#: Setting -> what is drawn from: the ends of a logarithmic scale, or a list of values.
SPACE: dict[str, tuple[float, float] | list[int]] = {
    "learning rate": (3e-5, 1.0),
    "width": (2, 64),
    "depth": [1, 2, 3],
    "batch size": [16, 64, 256],
    "L2 penalty": (1e-5, 0.3),
}
WHOLE = {"width", "depth", "batch size"}
ERROR = "validation error"


def show(data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: draw settings at random, train each network, and see what made the difference.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table with some wrong labels.
        target: The column to predict.
        task: What the target is: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the rows and settings drawn, and of the weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task is not what it should be.
    """
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    trials = _draw(seed)
    trials[ERROR] = _train(rows, trials, seed)
    ranks = trials[ERROR].rank()  # one network that blew up would outweigh all others
    shares = pd.Series({setting: explained(trials[setting], ranks) for setting in SPACE})
    order = shares.sort_values(ascending=False, kind="stable").index
    scales = [setting for setting in order if isinstance(SPACE[setting], tuple)][:2]
    best = int(trials[ERROR].idxmin())
    winner = trials.loc[best]
    again, tested = _winner(rows, winner, seed)
    said, what = partial(error_text, rows.head), error_name(rows.head)
    record = trials[ERROR].cummin()
    return Lesson(
        name="hyperparameters",
        title="Settings, drawn at random",
        summary=f"Of five settings the {order[0]} explains more of the order of {TRIALS} networks than any "
        f"other: {percent(shares[order[0]], 0)}. The best of them errs by {said(winner[ERROR])} on validation rows, "
        f"and by {said(tested)} on the test rows, which were touched once.",
        pictures=(
            Picture(
                "Which settings mattered",
                "Each dot is a network with all five settings drawn at random, and the bars are medians of the lower, "
                "middle and upper third. Above each panel stands how much of the networks' order, from best to "
                "worst, these thirds explain.",
                _panels(trials, shares, what),
                "Five panels, one a setting: validation error of every network against the setting.",
                pd.DataFrame({"share explained": shares.loc[order]}).rename_axis("setting"),
                digits=2,
            ),
            Picture(
                "Two settings at once",
                f"The {scales[0]} against the {scales[1]}: the fuller the dot, the lower the error. Every network "
                f"tries new values of both, where a grid would try the same few over and over.",
                _pair(trials, *scales),
                "A dot a network over two settings, fuller where the validation error is lower.",
                trials.sort_values(ERROR, kind="stable").reset_index(drop=True),
                digits=3,
            ),
            Picture(
                "The best so far",
                "Each dot is a network in the order of the draws, the line the lowest error so far. Most of it "
                "usually comes with the first ten or twenty, which is why a short random search is worth its time.",
                _record(trials[ERROR], record, what),
                "A falling staircase: the best validation error so far against the number of networks tried.",
                pd.DataFrame({"trial": range(1, TRIALS + 1), ERROR: trials[ERROR], "best so far": record}),
                digits=3,
            ),
            Picture(
                "How much of it was luck",
                f"The winner's settings from {AGAIN} other starts (dots) beside the winner itself (line). It was "
                f"chosen because it came out low on the validation rows, so it is the test rows, used once, that say "
                f"what it is worth: {said(tested)}.",
                _luck(again, float(winner[ERROR]), tested, what),
                "Dots of validation errors of one setting from several starts, the winner's own and its test error.",
                _worth(float(winner[ERROR]), again, tested),
                digits=3,
            ),
        ),
        decks=("NN", "MB", "SC"),
        data=f"{rows.description}; {TRIALS} networks, {EPOCHS} epochs each",
    )


def _draw(seed: int) -> pd.DataFrame:
    """Draw settings, a row a trial."""
    rng = np.random.default_rng((seed, 7))
    drawn: dict[str, NDArray[Any]] = {}
    for setting, among in SPACE.items():
        if isinstance(among, list):
            drawn[setting] = rng.choice(among, TRIALS)
        else:
            low, high = np.log(among)
            drawn[setting] = np.exp(rng.uniform(low, high, TRIALS))
            drawn[setting] = drawn[setting].round().astype(int) if setting in WHOLE else drawn[setting]
    return pd.DataFrame(drawn)


def _network(trial: Any, seed: int) -> Network:
    hidden = (int(trial["width"]),) * int(trial["depth"])
    return Network(hidden, float(trial["learning rate"]), l2=float(trial["L2 penalty"]), seed=seed)


def _sweep(rows: Rows, networks: list[Network], batch: int, seed: int) -> Sweep:
    x, y = rows.x["train"], rows.y["train"]
    sweep = Sweep(networks, rows.head, rows.shape, epochs=EPOCHS, batch_size=batch)
    sweep.train(x, y, seed=seed)
    return sweep


def _train(rows: Rows, trials: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    """Train every trial, those of one depth and batch size side by side; return their validation errors."""
    errors = np.zeros(len(trials))
    for (_, batch), some in trials.groupby(["depth", "batch size"]):
        networks = [_network(trial, seed + place) for place, trial in some.iterrows()]
        sweep = _sweep(rows, networks * (2 if len(networks) == 1 else 1), int(batch), seed)
        found = sweep.measure(rows.x["validation"], rows.y["validation"])[1]
        errors[some.index] = found[: len(some)]
    return np.where(np.isfinite(errors), errors, np.inf)


def _winner(rows: Rows, winner: Any, seed: int) -> tuple[list[float], float]:
    """Train the winner's settings again; return other starts' validation errors, and the winner's own test error."""
    place = int(winner.name)
    networks = [_network(winner, seed + place), *(_network(winner, seed + 1_000 + more) for more in range(AGAIN))]
    sweep = _sweep(rows, networks, int(winner["batch size"]), seed)
    others = sweep.measure(rows.x["validation"], rows.y["validation"])[1][1:]
    return others.tolist(), float(sweep.measure(rows.x["test"], rows.y["test"])[1][0])


def _worth(winner: float, again: list[float], tested: float) -> pd.DataFrame:
    errors = {
        "winner, validation": winner,
        f"{AGAIN} other starts, validation: mean": float(np.mean(again)),
        "the lowest of them": min(again),
        "the highest of them": max(again),
        "winner, test": tested,
    }
    return pd.DataFrame({"error": errors.values()}, index=pd.Index(errors, name="of"))


def explained(setting: pd.Series, error: pd.Series) -> float:
    """Return the share of the variance of errors that a setting, cut into thirds, explains.

    It is omega squared: what chance alone would explain is taken off.

    Args:
        setting: The setting's value of each trial.
        error: The error of each trial.

    Example:
        >>> explained(pd.Series([1, 1, 2, 2, 3, 3]), pd.Series([0.0, 0.0, 1.0, 1.0, 2.0, 2.0]))
        1.0

    References:
        Hays 1963, Statistics for Psychologists.
    """
    groups = [own for _, own in error.groupby(_thirds(setting))]
    total = float(np.square(error - error.mean()).sum())
    within = sum(float(np.square(own - own.mean()).sum()) for own in groups)
    between, noise = total - within, within / max(1, len(error) - len(groups))
    return max(0.0, (between - (len(groups) - 1) * noise) / (total + noise)) if total else 0.0


def _thirds(setting: pd.Series) -> NDArray[np.int64]:
    """Return 0, 1 or 2 for the lower, middle and upper third of a setting's range; few values are kept apart."""
    values = np.unique(setting)
    if len(values) <= 3:
        return np.searchsorted(values, setting)
    low, high = np.quantile(setting, (1 / 3, 2 / 3))
    return (setting.to_numpy() > low).astype(np.int64) + (setting.to_numpy() > high)


# ------------------------------------------------------------------------------------------------------------- pictures


def _capped(error: pd.Series) -> pd.Series:
    """Return errors, those far above most others brought down to where a picture ends."""
    return error.clip(upper=2 * float(error.median()))


def _panels(trials: pd.DataFrame, shares: pd.Series, what: str) -> Figure:
    errors = _capped(trials[ERROR])
    with panels(len(SPACE), width=7.2, height=2.5) as (figure, axes):
        top = 1.05 * errors.max()
        for place, (ax, setting) in enumerate(zip(axes[0], SPACE, strict=True)):
            values = trials[setting].to_numpy()
            if setting != "depth":
                log_scale(ax, "x")
            ax.plot(values, errors, "o", color=BLUE, alpha=0.55, markersize=3.2, markeredgewidth=0)
            third = _thirds(trials[setting])
            for k in np.unique(third):
                ends = values[third == k]
                wide = (0.93, 1.07) if setting == "batch size" else (1, 1)
                low, high = (ends.min() - 0.2, ends.max() + 0.2) if setting == "depth" else (
                    ends.min() * wide[0] ** 3, ends.max() * wide[1] ** 3
                )  # fmt: skip
                ax.hlines(np.median(errors[third == k]), low, high, color=ORANGE, linewidth=2)
            ax.set_ylim(0, top)
            ax.grid(visible=False, axis="x")
            ax.set_xlabel(setting)
            ax.set_title(percent(shares[setting], 0), color=INK, fontweight="bold", loc="center")
            if place:
                ax.tick_params(labelleft=False)
            if isinstance(SPACE[setting], list):
                ax.set_xticks(SPACE[setting], [str(value) for value in SPACE[setting]])
            elif setting != "width":
                ax.set_xticks([1e-4, 1e-2, 1] if setting == "learning rate" else [1e-4, 1e-2])
        axes[0, 0].set_ylabel(what)
    return figure


def _pair(trials: pd.DataFrame, first: str, second: str) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        place = trials[ERROR].rank(pct=True)
        for at in np.argsort(-trials[ERROR].to_numpy(), kind="stable"):
            ax.plot(
                [trials[first][at]], [trials[second][at]], "o", color=BLUE, alpha=float(1 - 0.93 * place[at]),
                markersize=7, markeredgewidth=0,
            )  # fmt: skip
        log_scale(ax, "x")
        log_scale(ax)
        ax.set_xlabel(first)
        ax.set_title(second)
    return figure


def _record(error: pd.Series, record: pd.Series, what: str) -> Figure:
    with panels(width=4.4, height=2.8) as (figure, axes):
        ax: Axes = axes[0, 0]
        trial = np.arange(1, len(error) + 1)
        ax.plot(trial, _capped(error), "o", color=GRAY, alpha=0.6, markersize=3, markeredgewidth=0)
        ax.step(trial, _capped(record), where="post", color=ORANGE)
        ax.set_ylim(bottom=0)
        ax.set_title(f"{what}, validation")
        ax.set_xlabel("networks tried")
    return figure


def _luck(again: list[float], winner: float, tested: float, what: str) -> Figure:
    with panels(width=4.4, height=1.7) as (figure, axes):
        ax: Axes = axes[0, 0]
        ax.plot(again, np.zeros(len(again)), "o", color=BLUE, alpha=0.6, markersize=6, markeredgewidth=0)
        for value, word, color, up in ((winner, "winner, validation", ORANGE, 0.55), (tested, "test", INK, -0.75)):
            ax.axvline(value, color=color, linewidth=1.2)
            ax.annotate(word, (value, up), (4, 0), textcoords="offset points", color=color)
        ax.set_ylim(-1, 1)
        ax.set_yticks([])
        ax.set_xlabel(what)
        ax.tick_params(colors=MUTED)
    return figure
