"""What penalties, max-norm and dropout do to the weights of a network and to its errors."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from recipes.drawing import BLUE, GRAY, ORANGE, STYLES, key, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, column_names, error_name, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.formatting import number, percent

__all__ = ["METHODS", "SEEDS", "best_strengths", "show", "train_methods"]

WIDTH, EPOCHS, RATE, ROWS, SEEDS = 32, 80, 0.01, 300, 3
ZERO = 0.01  # a weight whose size is below this is as good as zero
BARS = 30  # columns in a picture

Methods = dict[str, list[tuple[float, dict[str, Any]]]]
#: Method -> its strengths, the weakest first, each with the options of a network.
METHODS: Methods = {
    "L1": [(s, {"l1": s}) for s in (0.001, 0.003, 0.01, 0.03, 0.1)],
    "L2": [(s, {"l2": s}) for s in (0.001, 0.003, 0.01, 0.03, 0.1)],
    # Half of the strength for each penalty, so that one number describes both.
    "elastic net": [(s, {"l1": s / 2, "l2": s / 2}) for s in (0.001, 0.003, 0.01, 0.03, 0.1)],
    # The shorter the longest vector may be, the stronger.
    "max-norm": [(s, {"max_norm": s}) for s in (2.0, 1.0, 0.5, 0.25, 0.12)],
    "dropout": [(s, {"dropout": s}) for s in (0.2, 0.4, 0.6, 0.8, 0.9)],
}
NONE = "none"
SHOWN = {
    "train_error": "training error", "validation_error": "validation error", "test_error": "test error",
    "mean_weight": "mean size of the weights", "small": f"share of weights below {ZERO:g}",
}  # fmt: skip
AXES = {"max-norm": "largest norm", "dropout": "share dropped"}  # elsewhere the strength λ


def show(
    data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0, epochs: int = EPOCHS
) -> Lesson:
    """Run the lesson: train one network without regularization, and with five methods at five strengths each.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table in which 5 of 20 columns matter.
        target: The column to predict.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the sample of rows and of the weights.
        epochs: Passes over the training rows.

    Raises:
        DataError: The lesson can't use the data or the task.
    """
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    without_dropout: Methods = {NONE: [(0.0, {})]} | {k: v for k, v in METHODS.items() if k != "dropout"}
    # Two sweeps: in a single one, networks without dropout would draw its random numbers for nothing.
    groups = (without_dropout, {"dropout": METHODS["dropout"]})
    trained = pd.concat([train_methods(rows, group, seed, epochs=epochs) for group in groups], ignore_index=True)
    best = best_strengths(trained)
    plain = trained.loc[best[NONE]]
    first, second = (
        trained.loc[index] for index in sorted(best.values(), key=trained["validation_error"].__getitem__)[:2]
    )
    text = partial(error_text, rows.head)
    next_method = "no regularization" if second["method"] == NONE else second["method"]
    is_level = text(first["validation_error"]) == text(second["validation_error"])
    result = (
        "No method improves the validation error here."
        if first["method"] == NONE
        else f"The lowest validation error of the five methods is {text(first['validation_error'])}, with "
        f"{first['method']} (training error {text(first['train_error'])}); {next_method} "
        + ("is level with it." if is_level else f"comes next with {text(second['validation_error'])}.")
    )
    if data is None:
        # `noisy` draws a seventh of the labels among three classes: two thirds of those are wrong.
        result += " No model can expect less than 9 %: that share of the labels is wrong. Guessing has 67 %."
    return Lesson(
        name="regularization",
        title="Holding the weights back",
        summary=f"Without regularization the network's error is {text(plain['train_error'])} on its training rows and "
        f"{text(plain['validation_error'])} on validation rows. {result}",
        pictures=(
            _strengths(trained, best, error_name(rows.head)),
            _sizes(trained, best),
            _columns(rows, trained, best, generated=data is None),
            _one_step(),
        ),
        corrections=(
            "Week 2: L1 does not penalize “zero weights”; it penalizes the weights that are not zero, by their size, "
            "and drives them to zero.",
            "Mason Brain: the update under L2 lacks its factor 2. With R the sum of w², w becomes w (1 − 2 η λ) − η "
            "∂L/∂w. With R their mean, 2 λ is divided by the number of weights, not of rows.",
            "Week 2: dropout drops neurons, each with all its weights, and not single weights.",
        ),
        decks=("W2", "MB"),
        data=f"{rows.description}; one hidden layer of {WIDTH}, {epochs} epochs, means of {SEEDS} starts",
    )


def train_methods(rows: Rows, methods: Methods, seed: int, *, epochs: int = EPOCHS) -> pd.DataFrame:
    """Train every method at every strength from several starts, side by side.

    Args:
        rows: The split and encoded rows.
        methods: As `METHODS`.
        seed: Seed of the order of the rows, and the first of the starts.
        epochs: Passes over the training rows.

    Returns:
        One row per method and strength: means over the starts, and the sizes of the first layer's weights. The test
        error is measured only for the strength of each method that is best on the validation rows; elsewhere it is
        NaN.
    """
    cases = [(method, strength, options) for method, cases in methods.items() for strength, options in cases]
    networks = [
        Network((WIDTH,), RATE, seed=seed + start, **options) for _, _, options in cases for start in range(SEEDS)
    ]
    x, y = rows.x, rows.y
    sweep = Sweep(networks, rows.head, rows.shape, epochs=epochs)
    sweep.train(x["train"], y["train"], seed=seed)
    # `measure` returns one error per network; those of a case are neighbors: (cases * SEEDS,) -> (cases,).
    train, validation = (
        sweep.measure(x[part], y[part])[1].reshape(-1, SEEDS).mean(axis=1) for part in ("train", "validation")
    )
    lines = []
    for case, (method, strength, _) in enumerate(cases):
        # Kernels of the first layer: (SEEDS, columns, WIDTH).
        sizes = np.abs([sweep.weights(case * SEEDS + start)[0] for start in range(SEEDS)])
        lines.append(
            {
                "method": method,
                "strength": strength,
                "train_error": train[case],
                "validation_error": validation[case],
                "mean_weight": float(sizes.mean()),
                "small": float((sizes < ZERO).mean()),
                "test_error": np.nan,
                "sizes": sizes,
            }
        )
    trained = pd.DataFrame(lines)
    for case in best_strengths(trained).values():
        # Test rows are used only for the strength that the validation rows chose.
        starts = slice(case * SEEDS, (case + 1) * SEEDS)
        trained.loc[case, "test_error"] = sweep.measure(x["test"], y["test"], starts)[1].mean()
    return trained


def best_strengths(trained: pd.DataFrame) -> dict[str, int]:
    """Return method -> index of the row whose strength has the lowest validation error."""
    groups = trained.groupby("method", sort=False)
    return {method: int(strengths["validation_error"].idxmin()) for method, strengths in groups}


def _strengths(trained: pd.DataFrame, best: dict[str, int], error: str) -> Picture:
    table = trained.drop(columns=["test_error", "sizes"])
    plain = table[table["method"] == NONE].iloc[0]
    with panels(len(METHODS), width=7.2, height=2.3) as (figure, axes):
        top = 1.06 * table[["train_error", "validation_error"]].to_numpy().max()
        for index, (panel, method) in enumerate(zip(axes[0], METHODS, strict=True)):
            strengths = table[table["method"] == method]
            steps = np.arange(len(strengths))
            panel.axhline(plain["validation_error"], color=GRAY, linewidth=0.8)
            panel.plot(steps, strengths["train_error"], color=BLUE, linestyle=(0, (4, 2)))
            panel.plot(steps, strengths["validation_error"], color=ORANGE)
            panel.set_ylim(0, top)
            panel.set_xticks(steps[::2], [number(value, 2) for value in strengths["strength"][::2]])
            panel.grid(visible=False, axis="x")
            panel.set_title(method)
            panel.set_xlabel(AXES.get(method, "strength λ"))
            if index:
                panel.tick_params(labelleft=False)
        axes[0, 0].set_ylabel(error)
        key(figure, ["training rows", "validation rows"], axes[0, 0].lines[1:])
    at_end = [m for m, index in best.items() if m != NONE and trained["strength"][index] == METHODS[m][-1][0]]
    open_end = f" With {' and '.join(at_end)} the strongest was best: more could be better still." if at_end else ""
    return Picture(
        "Too little, enough, too much",
        "Each method gets stronger to the right; the gray line is the validation error without regularization. A wide "
        f"gap between the two lines is overfitting; where both lines rise, the method is too strong.{open_end}",
        figure,
        f"Five panels, one per method: {error} against strength, on training and on validation rows.",
        table.rename(columns=SHOWN),
        digits=3,
    )


def _sizes(trained: pd.DataFrame, best: dict[str, int]) -> Picture:
    table = trained.loc[list(best.values())].set_index("method").drop(columns="sizes")
    with panels(width=4.4, height=3.3) as (figure, axes):
        panel = axes[0, 0]
        for (color, dash), index in zip(STYLES, best.values(), strict=True):
            sizes = np.sort(trained["sizes"][index].ravel())[::-1]
            sample = np.linspace(0, len(sizes) - 1, 200).round().astype(int)
            # A weight of exactly 0 has no place on a logarithmic scale: it leaves the picture at the bottom.
            panel.plot(sample / (len(sizes) - 1) * 100, np.maximum(sizes[sample], 1e-5), color=color, linestyle=dash)
        log_scale(panel)
        panel.set_ylim(bottom=1e-4)
        panel.set_title("size of the weight")
        panel.set_xlabel("percent of the weights, the largest first")
        figure.legend(panel.lines, list(best), loc="outside lower center", ncols=3, labelcolor="linecolor")
    return Picture(
        "How large the weights are",
        "All weights of the first layer, sorted by size, each method at the strength with the lowest validation error. "
        f"L1 drives single weights to zero: {percent(table['small']['L1'], 0)} of them are below {ZERO:g}. L2 shrinks "
        f"all weights, and {percent(table['small']['L2'], 0)} of them are below {ZERO:g}.",
        figure,
        "Sizes of the weights in descending order, one line per method, on a logarithmic scale.",
        table.rename(columns=SHOWN),
        digits=3,
    )


def _columns(rows: Rows, trained: pd.DataFrame, best: dict[str, int], *, generated: bool) -> Picture:
    methods = (NONE, "L2", "L1")
    # Sizes are (SEEDS, columns, WIDTH): the sum over the neurons, then the mean over the starts.
    sums = {method: trained["sizes"][best[method]].sum(axis=2).mean(axis=0) for method in methods}
    table = pd.DataFrame({"column": rows.columns} | sums)
    kept_by = {method: int((values > 0.1 * values.max()).sum()) for method, values in sums.items()}
    with panels(3, width=7.2, height=2.2) as (figure, axes):
        bars = table.iloc[:BARS]
        for panel, method in zip(axes[0], methods, strict=True):
            panel.bar(np.arange(1, len(bars) + 1), bars[method], color=BLUE, alpha=0.8)
            panel.grid(visible=False, axis="x")
            panel.set_title({NONE: "no penalty"}.get(method, method))
        axes[0, 0].set_ylabel("sum of the sizes")
        axes[0, 1].set_xlabel("column" if len(bars) == len(table) else f"column, the first {BARS} of {len(table)}")
    hint = "Columns 1 to 5 matter, the others are noise. " if generated else column_names(rows.columns[:BARS])
    return Picture(
        "Which columns are kept",
        f"{hint}A bar is the sum of the sizes of a column's weights. It is above a tenth of the largest for "
        f"{kept_by[NONE]} of {len(table)} columns without a penalty, for {kept_by['L2']} with L2 and for "
        f"{kept_by['L1']} with L1. Each panel has a scale of its own.",
        figure,
        "Three panels of bars: the weights of each column without a penalty, with L2 and with L1.",
        table,
        digits=3,
    )


def _one_step() -> Picture:
    """Take one step of gradient descent on a weight of 2 whose only loss is an L2 penalty, as Keras does."""
    import keras
    import tensorflow as tf

    weight, rate, strength = 2.0, 0.1, 0.5
    variable = keras.Variable(weight)
    with tf.GradientTape() as tape:
        penalty = keras.regularizers.L2(strength)(variable)
    optimizer = keras.optimizers.SGD(rate)
    optimizer.apply([tape.gradient(penalty, variable.value)], [variable])
    after = {
        "the slide: w (1 − η λ)": weight * (1 - rate * strength),
        "right: w (1 − 2 η λ)": weight * (1 - 2 * rate * strength),
        "Keras: SGD with L2(0.5)": float(variable.numpy()),
    }
    return Picture(
        "One step under L2",
        "A weight w of 2 on which the loss does not depend, a penalty of λ = 0.5 times its square, and a learning rate "
        "of η = 0.1. The derivative of the penalty is 2 × 0.5 × 2, so the weight shrinks by twice what the slide says.",
        table=pd.DataFrame({"weight after the step": after.values()}, index=pd.Index(after, name="update")),
    )
