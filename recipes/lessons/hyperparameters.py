"""A random search over the hyperparameters of a network, and which of them mattered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, INK, MUTED, ORANGE, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_name, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.formatting import percent

__all__ = ["explained", "show"]

ROWS = 320

#: Hyperparameter -> the range it is drawn from: the ends of a logarithmic scale, or a list of values.
SPACE: dict[str, tuple[float, float] | list[int]] = {
    "learning rate": (3e-5, 1.0),
    "width": (2, 64),
    "depth": [1, 2, 3],
    "batch size": [16, 64, 256],
    "L2 penalty": (1e-5, 0.3),
}
ERROR = "validation error"


def show(
    data: Any = None,
    *,
    target: Any = None,
    task: str = "multiclass",
    seed: int = 0,
    trials: int = 54,
    epochs: int = 25,
    restarts: int = 8,
) -> Lesson:
    """Draw hyperparameters at random, train a network with each draw, and see which of them mattered.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table with some wrong labels.
        target: The column to predict.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the sampled rows and hyperparameters, and of the weights.
        trials: Number of networks.
        epochs: Epochs of each network.
        restarts: Number of trainings of the best network from other initial weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task can't be used.
    """
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    table = _draw(trials, seed)
    table[ERROR] = _validation_errors(rows, table, epochs, seed)
    ranks = table[ERROR].rank()  # of the errors themselves, one network that diverged would outweigh all others
    shares = pd.Series({name: explained(table[name], ranks) for name in SPACE}).sort_values(
        ascending=False, kind="stable"
    )
    winner = table.loc[int(table[ERROR].idxmin())]
    restarted, test_error = _restart(rows, winner, restarts, epochs, seed)
    as_text, axis = partial(error_text, rows.head), error_name(rows.head)
    return Lesson(
        name="hyperparameters",
        title="Hyperparameters, drawn at random",
        summary=f"{_largest_share(shares, trials)} The best network has an error of {as_text(winner[ERROR])} on the "
        f"validation rows and of {as_text(test_error)} on the test rows, which were used only once.",
        pictures=(
            _importance(table, shares, axis),
            _two_at_once(table, shares),
            _best_so_far(table[ERROR], axis, as_text),
            _luck(float(winner[ERROR]), restarted, test_error, as_text(test_error), axis),
        ),
        decks=("NN", "MB", "SC"),
        data=f"{rows.description}; {trials} networks, {epochs} epochs each",
    )


def _largest_share(shares: pd.Series, trials: int) -> str:
    if not shares.iloc[0]:
        return f"None of the five hyperparameters explains the ranking of {trials} networks better than chance does."
    return (
        f"Of five hyperparameters, the {shares.index[0]} explains the largest share of the ranking of {trials} "
        f"networks: {percent(shares.iloc[0], 0)}."
    )


# ------------------------------------------------------------------------------------------------------------- training


def _draw(trials: int, seed: int) -> pd.DataFrame:
    """Return randomly drawn hyperparameters, one row per network."""
    rng = np.random.default_rng((seed, 7))
    columns: dict[str, NDArray[Any]] = {}
    for name, values in SPACE.items():
        if isinstance(values, list):
            columns[name] = rng.choice(values, trials)
        else:
            low, high = np.log(values)
            # Uniform in the logarithm: as often between 0.001 and 0.01 as between 0.1 and 1.
            columns[name] = np.exp(rng.uniform(low, high, trials))
    columns["width"] = columns["width"].round().astype(int)
    return pd.DataFrame(columns)


def _network(trial: Any, seed: int) -> Network:
    hidden = (int(trial["width"]),) * int(trial["depth"])
    return Network(hidden, float(trial["learning rate"]), l2=float(trial["L2 penalty"]), seed=seed)


def _trained(rows: Rows, networks: list[Network], batch_size: int, epochs: int, seed: int) -> Sweep:
    sweep = Sweep(networks, rows.head, rows.shape, epochs=epochs, batch_size=batch_size)
    sweep.train(rows.x["train"], rows.y["train"], seed=seed)
    return sweep


def _validation_errors(rows: Rows, table: pd.DataFrame, epochs: int, seed: int) -> NDArray[np.float64]:
    """Train every network and return the validation errors, infinite where the training diverged.

    A sweep needs networks of one depth and one batch size, so each such group is trained side by side.
    """
    errors = np.zeros(len(table))
    # The networks of a sweep share their depth and their batches, so each pair of both is one sweep.
    for (_, batch_size), group in table.groupby(["depth", "batch size"]):
        networks = [_network(trial, seed + index) for index, trial in group.iterrows()]
        pair = networks * 2 if len(networks) == 1 else networks  # a sweep takes two or more
        sweep = _trained(rows, pair, int(batch_size), epochs, seed)
        errors[group.index] = sweep.measure(rows.x["validation"], rows.y["validation"])[1][: len(group)]
    return np.where(np.isfinite(errors), errors, np.inf)


def _restart(rows: Rows, winner: Any, restarts: int, epochs: int, seed: int) -> tuple[list[float], float]:
    """Train the winner's hyperparameters again.

    Returns:
        The validation errors from other initial weights, and the test error of the winner.
    """
    # First the winner again, from its own seed, then the same hyperparameters from others.
    networks = [_network(winner, seed + int(winner.name))]
    networks += [_network(winner, seed + 1_000 + index) for index in range(restarts)]
    sweep = _trained(rows, networks, int(winner["batch size"]), epochs, seed)
    restarted = sweep.measure(rows.x["validation"], rows.y["validation"])[1][1:]
    return restarted.tolist(), float(sweep.measure(rows.x["test"], rows.y["test"])[1][0])


def explained(setting: pd.Series, error: pd.Series) -> float:
    """Return the share of the variance of the errors that a hyperparameter, cut into thirds, explains.

    This is omega squared, which subtracts what chance would explain.

    Args:
        setting: The hyperparameter's value in each trial.
        error: The error of each trial.

    Example:
        >>> explained(pd.Series([1, 1, 2, 2, 3, 3]), pd.Series([0.0, 0.0, 1.0, 1.0, 2.0, 2.0]))
        1.0

    References:
        Hays 1963, Statistics for Psychologists.
    """
    groups = [group for _, group in error.groupby(_thirds(setting))]
    total = float(np.square(error - error.mean()).sum())
    within = sum(float(np.square(group - group.mean()).sum()) for group in groups)
    # With k groups of n errors in all: omega² = (between - (k - 1) noise) / (total + noise), where the sums of squares
    # add up, total = between + within, and noise = within / (n - k) is the variance inside the groups.
    between, noise = total - within, within / max(1, len(error) - len(groups))
    return max(0.0, (between - (len(groups) - 1) * noise) / (total + noise)) if total else 0.0


def _thirds(setting: pd.Series) -> NDArray[np.int64]:
    """Return 0, 1 or 2 for a value in the lower, middle or upper third; up to three values each are a group."""
    values = np.unique(setting)
    if len(values) <= 3:
        return np.searchsorted(values, setting)
    low, high = np.quantile(setting, (1 / 3, 2 / 3))
    # 0, 1 or 2: the number of borders below the value.
    return (setting.to_numpy() > low).astype(np.int64) + (setting.to_numpy() > high)


# ------------------------------------------------------------------------------------------------------------- pictures


def _capped(error: pd.Series) -> pd.Series:
    """Return errors, the very large ones lowered to the upper end of the picture."""
    # A network that diverged would press all others together at the bottom.
    return error.clip(upper=2 * float(error.median()))


def _importance(table: pd.DataFrame, shares: pd.Series, axis: str) -> Picture:
    errors = _capped(table[ERROR])
    with panels(len(SPACE), width=7.2, height=2.5) as (figure, axes):
        for ax, name in zip(axes[0], SPACE, strict=True):
            _errors_over(ax, table[name], errors)
            ax.set_ylim(0, 1.05 * errors.max())
            ax.set_title(percent(shares[name], 0), color=INK, fontweight="bold", loc="center")
            ax.tick_params(labelleft=ax is axes[0, 0])
        axes[0, 0].set_ylabel(axis)
    return Picture(
        "Which hyperparameters mattered",
        "Each dot is a network with all five hyperparameters drawn at random; the bars are the medians of the lower, "
        "middle and upper third. The percentage above a panel is the share of the networks' ranking, from best to "
        "worst, that these thirds explain.",
        figure,
        "Five panels, one per hyperparameter: validation error of every network over its value.",
        pd.DataFrame({"share explained": shares}).rename_axis("hyperparameter"),
        digits=2,
    )


def _errors_over(ax: Axes, setting: pd.Series, errors: pd.Series) -> None:
    """Draw each network's error over a hyperparameter, and the median of each third as a bar."""
    name, values = str(setting.name), setting.to_numpy()
    if name != "depth":
        log_scale(ax, "x")
    ax.plot(values, errors, "o", color=BLUE, alpha=0.55, markersize=3.2, markeredgewidth=0)
    thirds = _thirds(setting)
    for third in np.unique(thirds):
        inside = values[thirds == third]
        low, high = inside.min(), inside.max()
        # The bar of a single value needs a width: a difference on a linear axis, a factor on a logarithmic one.
        if name == "depth":
            low, high = low - 0.2, high + 0.2
        elif name == "batch size":
            low, high = low * 0.93**3, high * 1.07**3
        ax.hlines(np.median(errors[thirds == third]), low, high, color=ORANGE, linewidth=2)
    ax.grid(visible=False, axis="x")
    ax.set_xlabel(name)
    listed = SPACE[name]
    if isinstance(listed, list):
        ax.set_xticks(listed, [str(value) for value in listed])
    elif name != "width":
        ax.set_xticks([1e-4, 1e-2, 1] if name == "learning rate" else [1e-4, 1e-2])


def _two_at_once(table: pd.DataFrame, shares: pd.Series) -> Picture:
    first, second = [name for name in shares.index if isinstance(SPACE[name], tuple)][:2]
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        rank = table[ERROR].rank(pct=True)
        for row in np.argsort(-table[ERROR].to_numpy(), kind="stable"):  # the best last, on top of the others
            x, y = [table[first][row]], [table[second][row]]
            ax.plot(x, y, "o", color=BLUE, alpha=float(1 - 0.93 * rank[row]), markersize=7, markeredgewidth=0)
        log_scale(ax, "x")
        log_scale(ax)
        ax.set_xlabel(first)
        ax.set_title(second)
    return Picture(
        "Two hyperparameters at once",
        f"The {second} over the {first}; the darker the dot, the lower the error. Every network tries new values of "
        "both, while a grid would repeat the same few values.",
        figure,
        "One dot per network over two hyperparameters, darker where the validation error is lower.",
        table.sort_values(ERROR, kind="stable").reset_index(drop=True),
        digits=3,
    )


def _best_so_far(error: pd.Series, axis: str, as_text: Callable[[float], str]) -> Picture:
    best, first = error.cummin(), min(10, len(error))
    trial = np.arange(1, len(error) + 1)
    with panels(width=4.4, height=2.8) as (figure, axes):
        ax: Axes = axes[0, 0]
        ax.plot(trial, _capped(error), "o", color=GRAY, alpha=0.6, markersize=3, markeredgewidth=0)
        ax.step(trial, _capped(best), where="post", color=ORANGE)
        ax.set_ylim(bottom=0)
        ax.set_title(f"{axis}, validation")
        ax.set_xlabel("networks tried")
    return Picture(
        "The best so far",
        "Each dot is a network, in the order they were drawn; the line is the lowest error so far: "
        f"{as_text(best.iloc[0])} after the first network, {as_text(best.iloc[first - 1])} after {first} of them, and "
        f"{as_text(best.iloc[-1])} after all {len(best)}.",
        figure,
        "A falling staircase: the best validation error so far over the number of networks tried.",
        pd.DataFrame({"trial": trial, ERROR: error, "best so far": best}),
        digits=3,
    )


def _luck(winner: float, restarted: list[float], test_error: float, test_text: str, axis: str) -> Picture:
    with panels(width=4.4, height=1.7) as (figure, axes):
        ax: Axes = axes[0, 0]
        ax.plot(restarted, np.zeros(len(restarted)), "o", color=BLUE, alpha=0.6, markersize=6, markeredgewidth=0)
        for value, label, color, height in (
            (winner, "winner, validation", ORANGE, 0.55),
            (test_error, "winner, test", INK, -0.75),
        ):
            ax.axvline(value, color=color, linewidth=1.2)
            ax.annotate(label, (value, height), (4, 0), textcoords="offset points", color=color)
        ax.set_ylim(-1, 1)
        ax.set_yticks([])
        ax.set_xlabel(axis)
        ax.tick_params(colors=MUTED)
    errors = {
        "winner, validation": winner,
        f"{len(restarted)} other starts, validation: mean": float(np.mean(restarted)),
        "their lowest": min(restarted),
        "their highest": max(restarted),
        "winner, test": test_error,
    }
    return Picture(
        "How much of it was luck",
        f"The winner (line) and {len(restarted)} networks with its hyperparameters but other initial weights (dots). "
        "The winner was chosen for its low error on the validation rows, so only the test rows, used once, give a fair "
        f"estimate: {test_text}.",
        figure,
        "Validation errors of the same hyperparameters from several starts, the winner's validation error and its test "
        "error.",
        pd.DataFrame({"error": errors.values()}, index=pd.Index(errors, name="network")),
        digits=3,
    )
