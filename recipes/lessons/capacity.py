"""How large a network is, and what its size does to the errors on training rows and on new rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, INK, ORANGE, PAPER, label_lines, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_name, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.errors import DataError
from toolkit.common.formatting import number
from toolkit.heads import get_head

__all__ = ["count", "show"]

WIDTHS, TWO_WIDTHS = (1, 2, 4, 8, 16, 32, 64), (2, 64)
ROWS, FIRST_ROWS, MIN_ROWS = 1_600, 25, 60  # rows are sampled, start the learning curve, and are required
WIDTH_ROWS = 300  # training rows of the picture over the width
SEEDS, RATE, BATCH = 3, 0.01, 32
COUNTED = {"3-4-2": (3, 4, 2), "3-4-4-1": (3, 4, 4, 1)}
# Few points, much noise and many epochs, so that the widest network can learn every point by heart.
POINTS, NOISE, CURVE_WIDTHS = 12, 0.5, (1, 6, 200)


def show(
    data: Any = None,
    *,
    target: Any = None,
    task: str = "multiclass",
    seed: int = 0,
    epochs: int = 60,
    steps: int = 1_500,
    curve_epochs: int = 3_000,
) -> Lesson:
    """Count parameters, then train networks of growing width on a growing number of rows.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table with some wrong labels.
        target: The column to predict.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the sampled rows and of the weights.
        epochs: Epochs of the networks of growing width.
        steps: Steps of the networks on a growing number of rows.
        curve_epochs: Epochs of the networks that fit the wave.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task can't be used, or there are too few rows.

    Example:
        >>> count((3, 4, 2))["parameters"].sum(), count((3, 4, 4, 1))["parameters"].sum()
        (np.int64(26), np.int64(41))
    """
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    available = len(rows.x["train"])
    if available < MIN_ROWS:
        raise DataError(f"there are {available} training rows: learning curves need {MIN_ROWS} or more.")
    mixed = np.random.default_rng((seed, 1)).permutation(available)
    train = rows.x["train"][mixed], rows.y["train"][mixed]
    first = min(WIDTH_ROWS, available)
    by_width = _errors(rows, train, WIDTHS, [first], epochs, seed).drop(columns="rows").set_index("width")
    # 25, 50, 100, ... rows up to three quarters of them; all rows are the last size.
    sizes = [FIRST_ROWS * 2**power for power in range(10) if FIRST_ROWS * 2**power < 0.75 * available]
    # A sweep repeats few rows up to `available`, so that all sizes take the same number of steps.
    by_rows = _errors(rows, train, TWO_WIDTHS, [*sizes, available], max(1, steps * BATCH // available), seed)
    return Lesson(
        name="capacity",
        title="How large a network",
        summary="A network with too few neurons can't follow the data (underfitting); one with too many also follows "
        f"the noise (overfitting). Of networks with {WIDTHS[0]} to {WIDTHS[-1]} neurons, trained on {number(first)} "
        f"rows, {_best_width(by_width, rows)}.",
        pictures=(
            _counts_picture(),
            _waves_picture(_fit_wave(curve_epochs), curve_epochs),
            Picture(
                "Errors over the width",
                f"Networks trained on {number(first)} rows. Where both errors are high, the network is too small; "
                "where the gap between them is wide, it has learned the noise of its training rows.",
                _width_figure(by_width, error_name(rows.head)),
                "Error on training rows and on validation rows over the number of hidden neurons.",
                by_width,
                digits=3,
            ),
            Picture(
                "Errors over the rows",
                f"Networks of {TWO_WIDTHS[0]} and of {TWO_WIDTHS[1]} neurons on more and more training rows. More rows "
                "close the gap, usually sooner for the small network, which has less room for noise.",
                _rows_figure(by_rows, error_name(rows.head)),
                "Two panels of the error on training rows and on validation rows over the number of training rows.",
                by_rows,
                digits=3,
            ),
        ),
        corrections=(
            "Mason Brain: a deeper network is indeed more complex, but complexity leads to overfitting (variance). "
            "Underfitting (bias) comes from a network that is too small or badly trained.",
        ),
        decks=("SC", "MB"),
        data=f"{rows.description}; one hidden layer, {epochs} epochs without early stopping, means of {SEEDS} starts",
    )


def _best_width(by_width: pd.DataFrame, rows: Rows) -> str:
    """Describe which width has the lowest validation error, and how the largest one compares."""
    as_text = partial(error_text, rows.head)
    best, largest = int(by_width["validation error"].idxmin()), WIDTHS[-1]
    text = f"the one with {best} has the lowest validation error, {as_text(by_width['validation error'][best])}"
    if best == largest:
        return text
    train, validation = by_width.loc[largest, ["training error", "validation error"]]
    return (
        f"{text}; the one with {largest} has an error of {as_text(train)} on its training rows and "
        f"{as_text(validation)} on validation rows"
    )


def count(sizes: Sequence[int]) -> pd.DataFrame:
    """Count the neurons and parameters of a network of dense layers.

    Args:
        sizes: Number of inputs, then the neurons of each layer.

    Returns:
        One row per layer: neurons, weights, biases, parameters.
    """
    from toolkit.builders import architecture, mlp

    inputs, *hidden, units = sizes
    layers = [layer for layer in architecture(mlp(inputs, units, hidden=hidden)) if layer["neurons"]]
    frame = pd.DataFrame(layers, columns=["layer", "neurons", "parameters"]).set_index("layer")
    # One bias per neuron; all other parameters are weights.
    frame.insert(1, "weights", frame["parameters"] - frame["neurons"])
    frame.insert(2, "biases", frame["neurons"])
    return frame


def _with_total(sizes: Sequence[int]) -> pd.DataFrame:
    layers = count(sizes)
    return pd.concat([layers, layers.sum().to_frame("total").T]).rename_axis("layer")


# ------------------------------------------------------------------------------------------------------------- training


def _errors(
    rows: Rows,
    train: tuple[NDArray[Any], NDArray[Any]],
    widths: Sequence[int],
    sizes: Sequence[int],
    epochs: int,
    seed: int,
) -> pd.DataFrame:
    """Train every width on the first rows of each size, with the same number of steps for all.

    Returns:
        One row per pair of size and width, with the errors, each a mean over `SEEDS` networks.
    """
    networks = [Network((width,), RATE, seed=seed + start) for width in widths for start in range(SEEDS)]
    x, y = (part[: sizes[-1]] for part in train)
    sweep = Sweep(networks, rows.head, (*x.shape, rows.dataset.target.units), epochs=epochs, batch_size=BATCH)
    errors = []
    for size in sizes:
        sweep.train(x, y, first=size, seed=seed)
        parts = ((x[:size], y[:size]), (rows.x["validation"], rows.y["validation"]))
        # (networks,) -> (widths, SEEDS) -> (widths,)
        train_errors, validation_errors = (sweep.measure(*part)[1].reshape(-1, SEEDS).mean(axis=1) for part in parts)
        columns = {"width": widths, "training error": train_errors, "validation error": validation_errors}
        errors.append(pd.DataFrame({"rows": size} | columns))
    return pd.concat(errors, ignore_index=True)


@dataclass(frozen=True)
class _Waves:
    """Noisy points of a wave, and the networks fitted to them.

    Attributes:
        x: The points, shape (POINTS, 1).
        y: Their targets, shape (POINTS, 1).
        grid: Where the curves are drawn, shape (201, 1).
        curves: The networks' predictions there, shape (networks, 201, 1).
        errors: RMSE of each network on these points and on new points.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    grid: NDArray[np.float32]
    curves: NDArray[np.float32]
    errors: pd.DataFrame


def _fit_wave(epochs: int) -> _Waves:
    """Fit a noisy wave with networks of three widths."""
    rng = np.random.default_rng((0, 7))
    # So many new points that their error hardly depends on the draw.
    positions = {"points": np.linspace(-1, 1, POINTS), "new points": rng.uniform(-1, 1, 1_000)}
    samples = {
        # (n,) -> (n, 1), a single column; the noise is that of the answers
        name: (x.astype(np.float32)[:, None], rng.normal(np.sin(4 * x), NOISE).astype(np.float32)[:, None])
        for name, x in positions.items()
    }
    # A ReLU neuron bends at -b / w: spread biases put the bends at different positions, and inputs from -6 to 6 cover
    # most of them.
    networks = [Network((width,), 0.03, bias_spread=3.0) for width in CURVE_WIDTHS]
    head = get_head("regression", "squared")
    sweep = Sweep(networks, head, (POINTS, 1, 1), epochs=epochs, batch_size=POINTS)
    x, y = samples["points"]
    sweep.train(6 * x, y)
    errors = {f"RMSE on the {name}": sweep.measure(6 * x, y)[1] for name, (x, y) in samples.items()}
    grid = np.linspace(-1, 1, 201, dtype=np.float32)[:, None]
    return _Waves(x, y, grid, sweep.scores(6 * grid), pd.DataFrame({"neurons": CURVE_WIDTHS} | errors))


# ------------------------------------------------------------------------------------------------------------- pictures


def _counts_picture() -> Picture:
    return Picture(
        "Neurons and parameters counted",
        "A neuron has one weight per input, drawn as a line, and one bias. So 3-4-2 has 6 neurons and 20 + 6 = 26 "
        "parameters, and 3-4-4-1 has 9 neurons and 32 + 9 = 41; the inputs are not neurons.",
        _counts_figure(),
        "Two networks drawn as circles and lines: 3 inputs, 4 and 2 neurons; 3 inputs, 4, 4 and 1 neurons.",
        pd.concat({name: _with_total(sizes) for name, sizes in COUNTED.items()}, names=["network", "layer"]),
    )


def _counts_figure() -> Figure:
    with panels(2, width=7.2, height=2.5) as (figure, axes):
        for ax, (name, sizes) in zip(axes[0], COUNTED.items(), strict=True):
            ax.set_axis_off()
            ax.set_xlim(-0.6, 3.6)
            ax.set_ylim(-1.2, 4.2)
            _draw_network(ax, sizes)
            total = count(sizes)[["neurons", "parameters"]].sum()
            text = f"{name}: {total['neurons']} neurons, {total['parameters']} parameters"
            ax.text(-0.2, -1.15, text, color=INK, fontweight="bold")
    return figure


def _draw_network(ax: Axes, sizes: Sequence[int]) -> None:
    """Draw a network as columns of circles, with the parameters of each layer counted below it."""
    # A layer is a column of circles; (4 - size) / 2 centers it beside a layer of four.
    spots = [[(layer, 3.5 - row - (4 - size) / 2) for row in range(size)] for layer, size in enumerate(sizes)]
    for sources, targets in pairwise(spots):
        for source in sources:
            for target in targets:
                ax.plot(*zip(source, target, strict=True), color=GRAY, linewidth=0.5, zorder=1)
    for layer, circles in enumerate(spots):
        fill, edge = (PAPER, INK) if layer else (GRAY, GRAY)
        for circle in circles:
            ax.plot(*circle, "o", markersize=13, color=fill, markeredgecolor=edge, zorder=2)
        if layer:
            ax.text(layer, -0.5, f"{sizes[layer - 1]} × {sizes[layer]} + {sizes[layer]}", ha="center", color=BLUE)
    ax.text(0, -0.5, "inputs", ha="center")


def _waves_picture(waves: _Waves, epochs: int) -> Picture:
    with panels(3, width=7.4, height=2.6, share=True) as (figure, axes):
        for ax, curve, (width, error, new_error) in zip(axes[0], waves.curves, waves.errors.to_numpy(), strict=True):
            grid = waves.grid[:, 0]
            ax.plot(grid, np.sin(4 * grid), color=GRAY, linewidth=0.9)
            ax.plot(grid, curve[:, 0], color=BLUE)
            ax.plot(waves.x[:, 0], waves.y[:, 0], "o", color=ORANGE, markersize=3.2, markeredgewidth=0)
            name = f"{width:.0f} hidden neuron{'s' if width > 1 else ''}"
            ax.set_title(f"{name}\nRMSE {error:.2f}, on new points {new_error:.2f}")
            ax.set_ylim(-2.2, 2.2)
            ax.set_xlabel("x")
        axes[0, 0].set_ylabel("y")
    return Picture(
        "Under- and overfitting seen",
        f"Three networks after {number(epochs)} epochs on the same {POINTS} noisy points of the gray wave. One neuron "
        "bends only once and underfits; six follow the wave; two hundred go through every point and overfit, so they "
        "miss new points.",
        figure,
        "Three panels of the same points, each with the curve that a network of 1, 6 or 200 neurons learned.",
        waves.errors,
        digits=3,
    )


def _train_and_validation(ax: Axes, errors: pd.DataFrame, xlabel: str, *, labeled: bool = True) -> None:
    """Draw training and validation errors over the index of a table, evenly spaced."""
    # Even distances, since widths and numbers of rows about double from one to the next.
    positions = np.arange(len(errors))
    ax.plot(positions, errors["training error"], "o", color=BLUE, linestyle=(0, (4, 2)), markersize=3)
    ax.plot(positions, errors["validation error"], "o-", color=ORANGE, markersize=3)
    ax.set_xticks(positions, [number(value) for value in errors.index])
    ax.grid(visible=False, axis="x")
    ax.set_ylim(bottom=0)
    ax.set_xlabel(xlabel)
    if labeled:
        label_lines(ax, ["training rows", "validation rows"])


def _width_figure(by_width: pd.DataFrame, axis: str) -> Figure:
    with panels(width=4.4, height=2.8) as (figure, axes):
        _train_and_validation(axes[0, 0], by_width, "hidden neurons")
        axes[0, 0].set_title(axis)
    return figure


def _rows_figure(by_rows: pd.DataFrame, axis: str) -> Figure:
    with panels(2, width=7.2, height=2.7, share=True) as (figure, axes):
        for index, (ax, width) in enumerate(zip(axes[0], TWO_WIDTHS, strict=True)):
            errors = by_rows[by_rows["width"] == width].set_index("rows")
            _train_and_validation(ax, errors, "training rows", labeled=index > 0)
            ax.set_title(f"{width} neurons" + ("" if index else f": {axis}"))
    return figure
