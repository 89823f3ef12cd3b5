"""What penalties, a largest length and dropout do to the weights of a network and to its errors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.drawing import BLUE, GRAY, ORANGE, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_name, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.formatting import number, percent

__all__ = ["show"]

WIDTH, EPOCHS, RATE, ROWS, SEEDS = 32, 80, 0.01, 300, 3
ZERO = 0.01  # a weight is as good as gone below this
SHOWN = 30  # columns in a picture

#: Method -> its strengths, the weakest first, as options of a network.
METHODS: dict[str, list[tuple[float, dict[str, Any]]]] = {
    "L1": [(s, {"l1": s}) for s in (0.001, 0.003, 0.01, 0.03, 0.1)],
    "L2": [(s, {"l2": s}) for s in (0.001, 0.003, 0.01, 0.03, 0.1)],
    "elastic net": [(s, {"l1": s / 2, "l2": s / 2}) for s in (0.001, 0.003, 0.01, 0.03, 0.1)],
    "max-norm": [(s, {"max_norm": s}) for s in (2.0, 1.0, 0.5, 0.25, 0.12)],
    "dropout": [(s, {"dropout": s}) for s in (0.2, 0.4, 0.6, 0.8, 0.9)],
}
NONE = "none"


def show(data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: one network under five methods, each at five strengths, and without any.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table of which 5 columns in 20 matter.
        target: The column to predict.
        task: What the target is: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the rows drawn and of the weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task is not what it should be.
    """
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    trained = pd.concat(
        [
            _train(rows, {NONE: [(0.0, {})]} | {k: v for k, v in METHODS.items() if k != "dropout"}, seed),
            _train(rows, {"dropout": METHODS["dropout"]}, seed),
        ],
        ignore_index=True,
    )
    table = trained.drop(columns=["test_error", "sizes"])
    best = _best(trained)
    plain = table.loc[best[NONE]]
    winner = min(best.values(), key=lambda place: table["validation_error"][place])
    chosen = trained.loc[list(best.values())].set_index("method").drop(columns="sizes")
    columns = _columns(rows, trained, best)
    what = error_name(rows.head)
    said = partial(error_text, rows.head)
    held = (
        "None of the methods brings that down here."
        if table["method"][winner] == NONE
        else f"Held back by {table['method'][winner]}, the best of five methods here, it errs by "
        f"{said(table['train_error'][winner])} and by {said(table['validation_error'][winner])}."
    )
    first = "Columns 1 to 5 matter, the others are noise. " if data is None else ""
    return Lesson(
        name="regularization",
        title="Holding the weights back",
        summary=f"Left alone, the network errs by {said(plain['train_error'])} on its training rows and by "
        f"{said(plain['validation_error'])} on others. {held}",
        pictures=(
            Picture(
                "Too little, enough, too much",
                "To the right each method holds the network back more; the gray line is the validation error without "
                "any. Where the two lines lie far apart rows are learned by heart, and where both rise the network is "
                "held back too much.",
                _strengths(table, what),
                f"Five panels, one a method: {what} against strength, on training and on validation rows.",
                table,
                digits=3,
            ),
            Picture(
                "What is left of the weights",
                f"All weights of the first layer by size, each method at the strength that suits the validation rows "
                f"best. As good as 0 are {percent(chosen['zeros']['L1'], 0)} of those under L1, which drives single "
                f"weights to 0, and {percent(chosen['zeros']['L2'], 0)} of those under L2, which shrinks all of them.",
                _sizes(trained, best),
                "Sizes of the weights in order, one line a method, on a logarithmic scale.",
                chosen,
                digits=3,
            ),
            Picture(
                "Which columns are kept",
                f"{first}The sum of the sizes of each column's weights is above a tenth of the largest for "
                f"{_kept(columns[NONE])} of {len(columns)} columns without a penalty, for {_kept(columns['L2'])} "
                f"with L2 and for {_kept(columns['L1'])} with L1.",
                _bars(columns),
                "Three panels of bars: the weights of each column without a penalty, with L2 and with L1.",
                columns,
                digits=3,
            ),
            Picture(
                "One step under L2",
                "A weight of 2 whose loss is flat, penalty 0.5 times its square, learning rate 0.1. The penalty's "
                "derivative is 2 × 0.5 × 2, so the weight loses twice what the slide takes off.",
                table=_one_step(),
            ),
        ),
        corrections=(
            "Week 2: L1 does not penalise “zero weights”; it penalises the weights that are not zero, by their size, "
            "and drives them to zero.",
            "Mason Brain: the update under L2 lacks its factor 2: with R the sum of W², W becomes W (1 − 2 a λ) − a "
            "dJ/dW. With R their mean, 2 λ is divided by the number of weights, not of rows.",
            "Week 2: dropout leaves out neurons, each with all its weights, and not single weights.",
        ),
        decks=("W2", "MB"),
        data=f"{rows.description}; one hidden layer of {WIDTH}, {EPOCHS} epochs, means of {SEEDS} starts",
    )


def _train(rows: Rows, methods: dict[str, list[tuple[float, dict[str, Any]]]], seed: int) -> pd.DataFrame:
    """Train every method at every strength from several starts, side by side; return means and sizes of first weights.

    The error on test rows is measured for the strength alone that is best on the validation rows.
    """
    cases = [(method, strength, options) for method, some in methods.items() for strength, options in some]
    networks = [
        Network((WIDTH,), RATE, seed=seed + more, **options) for _, _, options in cases for more in range(SEEDS)
    ]
    x, y = rows.x, rows.y
    sweep = Sweep(networks, rows.head, rows.shape, epochs=EPOCHS)
    sweep.train(x["train"], y["train"], seed=seed)
    train, validation = (
        sweep.measure(x[part], y[part])[1].reshape(-1, SEEDS).mean(axis=1) for part in ("train", "validation")
    )
    found = []
    for place, (method, strength, _) in enumerate(cases):
        sizes = np.abs([sweep.weights(place * SEEDS + more)[0] for more in range(SEEDS)])
        found.append(
            {
                "method": method,
                "strength": strength,
                "train_error": train[place],
                "validation_error": validation[place],
                "mean_weight": float(sizes.mean()),
                "zeros": float((sizes < ZERO).mean()),
                "test_error": np.nan,
                "sizes": sizes,
            }
        )
    trained = pd.DataFrame(found)
    for place in _best(trained).values():
        chosen = slice(place * SEEDS, (place + 1) * SEEDS)
        trained.loc[place, "test_error"] = sweep.measure(x["test"], y["test"], chosen)[1].mean()
    return trained


def _best(trained: pd.DataFrame) -> dict[str, int]:
    """Return method -> place of the strength that is best on the validation rows."""
    return {method: int(own["validation_error"].idxmin()) for method, own in trained.groupby("method", sort=False)}


def _strengths(table: pd.DataFrame, what: str) -> Figure:
    plain = table[table["method"] == NONE].iloc[0]
    with panels(len(METHODS), width=7.2, height=2.3) as (figure, axes):
        top = 1.06 * table[["train_error", "validation_error"]].to_numpy().max()
        for place, (ax, method) in enumerate(zip(axes[0], METHODS, strict=True)):
            own = table[table["method"] == method]
            across = np.arange(len(own))
            ax.axhline(plain["validation_error"], color=GRAY, linewidth=0.8)
            ax.plot(across, own["train_error"], color=BLUE, linestyle=(0, (4, 2)))
            ax.plot(across, own["validation_error"], color=ORANGE)
            ax.set_ylim(0, top)
            ax.set_xticks(across[::2], [number(value, 2) for value in own["strength"][::2]])
            ax.grid(visible=False, axis="x")
            ax.set_xlabel(method)
            if place:
                ax.tick_params(labelleft=False)
        axes[0, 0].set_title(what)
        axes[0, -2].set_title("training rows", color=BLUE, fontweight="bold")
        axes[0, -1].set_title("validation rows", color=ORANGE, fontweight="bold")
    return figure


def _sizes(trained: pd.DataFrame, best: dict[str, int]) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        for (color, dash), place in zip(STYLES, best.values(), strict=True):
            sizes = np.sort(trained["sizes"][place].ravel())[::-1]
            drawn = np.linspace(0, len(sizes) - 1, 200).round().astype(int)
            ax.plot(drawn / (len(sizes) - 1) * 100, np.maximum(sizes[drawn], 1e-5), color=color, linestyle=dash)
        log_scale(ax)
        ax.set_ylim(bottom=1e-4)
        ax.set_title("size of the weight")
        ax.set_xlabel("per cent of the weights, the largest first")
        label_lines(ax, list(best))
    return figure


def _columns(rows: Rows, trained: pd.DataFrame, best: dict[str, int]) -> pd.DataFrame:
    """Return the sum of the sizes of each column's weights, mean over the starts, and the column's name."""
    methods = (NONE, "L2", "L1")
    sums = {method: trained["sizes"][best[method]].sum(axis=2).mean(axis=0) for method in methods}
    return pd.DataFrame({"column": rows.encoder.names} | sums)


def _kept(sums: pd.Series) -> int:
    return int((sums > 0.1 * sums.max()).sum())


def _bars(columns: pd.DataFrame) -> Figure:
    some = columns.iloc[:SHOWN]
    with panels(3, width=7.2, height=2.2) as (figure, axes):
        for ax, method in zip(axes[0], (NONE, "L2", "L1"), strict=True):
            ax.bar(np.arange(1, len(some) + 1), some[method], color=BLUE, alpha=0.8)
            ax.grid(visible=False, axis="x")
            ax.set_title({NONE: "no penalty"}.get(method, method))
        axes[0, 1].set_xlabel("column" if len(some) == len(columns) else f"column, the first {SHOWN} of {len(columns)}")
    return figure


def _one_step() -> pd.DataFrame:
    """Take one step of gradient descent on a weight of 2 under nothing but an L2 penalty, as Keras does."""
    import keras
    import tensorflow as tf

    weight, rate, strength = 2.0, 0.1, 0.5
    variable = keras.Variable(weight)
    with tf.GradientTape() as tape:
        penalty = keras.regularizers.L2(strength)(variable)
    optimizer = keras.optimizers.SGD(rate)
    optimizer.apply([tape.gradient(penalty, variable.value)], [variable])
    after = {
        "the slide: W (1 − a λ)": weight * (1 - rate * strength),
        "right: W (1 − 2 a λ)": weight * (1 - 2 * rate * strength),
        "Keras: SGD with L2(0.5)": float(variable.numpy()),
    }
    return pd.DataFrame({"weight after the step": after.values()}, index=pd.Index(after, name="update"))
