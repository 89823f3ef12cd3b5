"""How large a network is, and what its size does to the errors on rows that it learned from and on others."""

from __future__ import annotations

from collections.abc import Sequence
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

WIDTHS, PAIR = (1, 2, 4, 8, 16, 32, 64), (2, 64)
ROWS, FEWEST, LEAST = 1_600, 25, 60
SOME, EPOCHS, STEPS = 300, 60, 1_500
SEEDS, RATE, BATCH = 3, 0.01, 32
COUNTED = {"3-4-2": (3, 4, 2), "3-4-4-1": (3, 4, 4, 1)}
# Few points, much noise and many passes, so that the widest network can learn every point by heart.
CURVED, NOISE, CURVE_WIDTHS, CURVE_EPOCHS = 12, 0.5, (1, 6, 200), 3_000


def show(data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: parameters counted, then networks of growing width on a growing number of rows.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default a generated table with some wrong labels.
        target: The column to predict.
        task: What the target is: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the rows drawn and of the weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task is not what it should be, or there are too few rows.

    Example:
        >>> count((3, 4, 2))["parameters"].sum(), count((3, 4, 4, 1))["parameters"].sum()
        (np.int64(26), np.int64(41))
    """
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    if len(rows.x["train"]) < LEAST:
        raise DataError(f"there are {len(rows.x['train'])} training rows; learning curves need {LEAST} or more.")
    mixed = np.random.default_rng((seed, 1)).permutation(len(rows.x["train"]))
    train = rows.x["train"][mixed], rows.y["train"][mixed]
    some = min(SOME, len(mixed))
    full = _errors(rows, train, WIDTHS, [some], EPOCHS, seed).drop(columns="rows").set_index("width")
    numbers = [FEWEST * 2**power for power in range(10) if FEWEST * 2**power < 0.75 * len(mixed)]
    table = _errors(rows, train, PAIR, [*numbers, len(mixed)], max(1, STEPS * BATCH // len(mixed)), seed)
    best, large = int(full["validation error"].idxmin()), WIDTHS[-1]
    curved = _curved()
    said, what = partial(error_text, rows.head), error_name(rows.head)
    least = f"{best} errs least on others, by {said(full['validation error'][best])}"
    if best != large:
        own, other = full["training error"][large], full["validation error"][large]
        least += f"; {large} errs by {said(own)} on the rows it learned and by {said(other)} on others"
    counts = pd.concat({name: _with_total(sizes) for name, sizes in COUNTED.items()}, names=["network", "layer"])
    return Lesson(
        name="capacity",
        title="How large a network",
        summary=f"Too few neurons can't follow the data (underfitting), too many follow its accidents (overfitting). "
        f"Of widths from {WIDTHS[0]} to {large} on {number(some)} rows, {least}.",
        pictures=(
            Picture(
                "Neurons and parameters counted",
                "A neuron has a weight for each number that comes in, drawn as a line, and one bias. So 3-4-2 has 6 "
                "neurons and 20 + 6 = 26 parameters, and 3-4-4-1 has 9 neurons and 32 + 9 = 41: inputs are no neurons.",
                _drawn(),
                "Two networks drawn as circles and lines: 3 inputs, 4 hidden and 2 outputs; 3 inputs, 4, 4 and 1.",
                counts,
            ),
            Picture(
                "Under- and overfitting seen",
                f"Three networks after {number(CURVE_EPOCHS)} passes over the same {CURVED} points, which lie around "
                "the gray wave. One neuron bends once and is far off everywhere; six follow the wave; two hundred run "
                "through every point and miss the new ones.",
                _waves(curved),
                "Three panels of the same points, each with the curve that a network of 1, 6 or 200 neurons learned.",
                curved["errors"],
                digits=3,
            ),
            Picture(
                "Errors over the width",
                f"Networks on {number(some)} training rows: where both lines are high the network is too small, and "
                "where they lie apart it learned accidents of its training rows.",
                _lines(full["training error"], full["validation error"], what, "hidden neurons"),
                "Error on training rows and on validation rows against the number of hidden neurons.",
                full,
                digits=3,
            ),
            Picture(
                "Errors over the rows",
                f"The same for {PAIR[0]} and for {PAIR[1]} neurons as the training rows grow in number. More rows "
                "bring the two lines together, as a rule sooner for the small network: it has less to learn accidents "
                "with.",
                _pair(table, what),
                "Two panels of error on training and validation rows against the number of training rows.",
                table,
                digits=3,
            ),
        ),
        corrections=(
            "Mason Brain: “the deeper the network, the greater complexity” is right so far, but complexity leads to "
            "overfitting (variance). It is a network too small, or one badly trained, that underfits (bias).",
        ),
        decks=("SC", "MB"),
        data=f"{rows.description}; one hidden layer, {EPOCHS} epochs without stopping early, means of {SEEDS} starts",
    )


def count(sizes: Sequence[int]) -> pd.DataFrame:
    """Count the neurons and parameters of a network of dense layers.

    Args:
        sizes: Inputs, then the neurons of each layer.

    Returns:
        A row a layer: neurons, weights, biases, parameters.
    """
    from toolkit.builders import architecture, mlp

    inputs, *hidden, units = sizes
    layers = [layer for layer in architecture(mlp(inputs, units, hidden=hidden)) if layer["neurons"]]
    frame = pd.DataFrame(layers, columns=["layer", "neurons", "parameters"]).set_index("layer")
    frame.insert(1, "weights", frame["parameters"] - frame["neurons"])
    frame.insert(2, "biases", frame["neurons"])
    return frame


def _with_total(sizes: Sequence[int]) -> pd.DataFrame:
    layers = count(sizes)
    return pd.concat([layers, layers.sum().to_frame("total").T]).rename_axis("layer")


def _errors(
    rows: Rows,
    train: tuple[NDArray[Any], NDArray[Any]],
    widths: Sequence[int],
    numbers: Sequence[int],
    epochs: int,
    seed: int,
) -> pd.DataFrame:
    """Train every width on every number of rows, with as many steps for each; return errors, a row a pair."""
    networks = [Network((width,), RATE, seed=seed + more) for width in widths for more in range(SEEDS)]
    x, y = (part[: numbers[-1]] for part in train)
    sweep = Sweep(networks, rows.head, (*x.shape, rows.target.units), epochs=epochs, batch_size=BATCH)
    found = []
    for first in numbers:
        sweep.train(x, y, first=first, seed=seed)
        parts = ((x[:first], y[:first]), (rows.x["validation"], rows.y["validation"]))
        own, other = (sweep.measure(*part)[1].reshape(-1, SEEDS).mean(axis=1) for part in parts)
        found += [
            {"rows": first, "width": width, "training error": own[place], "validation error": other[place]}
            for place, width in enumerate(widths)
        ]
    return pd.DataFrame(found)


def _curved() -> dict[str, Any]:
    """Fit a noisy wave with networks of three widths; return their curves and errors."""
    rng = np.random.default_rng((0, 7))
    parts = {"points": np.linspace(-1, 1, CURVED), "new points": rng.uniform(-1, 1, 1_000)}
    drawn = {
        part: (x.astype(np.float32)[:, None], rng.normal(np.sin(4 * x), NOISE).astype(np.float32)[:, None])
        for part, x in parts.items()
    }
    # Spread biases let each neuron bend elsewhere.
    networks = [Network((width,), 0.03, bias_spread=3.0) for width in CURVE_WIDTHS]
    head = get_head("regression", "squared")
    sweep = Sweep(networks, head, (CURVED, 1, 1), epochs=CURVE_EPOCHS, batch_size=CURVED)
    x, y = drawn["points"]
    sweep.train(6 * x, y)
    errors = {f"RMSE on the {part}": sweep.measure(6 * x, y)[1] for part, (x, y) in drawn.items()}
    across = np.linspace(-1, 1, 201, dtype=np.float32)[:, None]
    table = pd.DataFrame({"neurons": CURVE_WIDTHS} | errors)
    return {"x": x, "y": y, "across": across, "scores": sweep.scores(6 * across), "errors": table}


# ------------------------------------------------------------------------------------------------------------- pictures


def _drawn() -> Figure:
    with panels(2, width=7.2, height=2.5) as (figure, axes):
        for ax, (name, sizes) in zip(axes[0], COUNTED.items(), strict=True):
            ax.set_axis_off()
            ax.set_xlim(-0.6, 3.6)
            ax.set_ylim(-1.2, 4.2)
            at = [[(place, 3.5 - step - (4 - size) / 2) for step in range(size)] for place, size in enumerate(sizes)]
            for before, after in pairwise(at):
                for one in before:
                    for other in after:
                        ax.plot(*zip(one, other, strict=True), color=GRAY, linewidth=0.5, zorder=1)
            for place, layer in enumerate(at):
                for one in layer:
                    inside, edge = (PAPER, INK) if place else (GRAY, GRAY)
                    ax.plot(*one, "o", markersize=13, color=inside, markeredgecolor=edge, zorder=2)
                if place:
                    words = f"{sizes[place - 1]} × {sizes[place]} + {sizes[place]}"
                    ax.text(place, -0.5, words, ha="center", color=BLUE)
            total = count(sizes)[["neurons", "parameters"]].sum()
            ax.text(
                -0.2, -1.15, f"{name}: {total['neurons']} neurons, {total['parameters']} parameters", color=INK,
                fontweight="bold",
            )  # fmt: skip
            ax.text(0, -0.5, "inputs", ha="center")
    return figure


def _waves(curved: dict[str, Any]) -> Figure:
    with panels(3, width=7.4, height=2.6, share=True) as (figure, axes):
        errors = curved["errors"].to_numpy()
        for ax, own, (width, points, others) in zip(axes[0], curved["scores"], errors, strict=True):
            across = curved["across"][:, 0]
            ax.plot(across, np.sin(4 * across), color=GRAY, linewidth=0.9)
            ax.plot(across, own[:, 0], color=BLUE)
            ax.plot(curved["x"][:, 0], curved["y"][:, 0], "o", color=ORANGE, markersize=3.2, markeredgewidth=0)
            name = f"{width:.0f} hidden neuron{'s' if width > 1 else ''}"
            ax.set_title(f"{name}\nRMSE {points:.2f}, on new points {others:.2f}")
            ax.set_ylim(-2.2, 2.2)
            ax.set_xlabel("x")
        axes[0, 0].set_ylabel("y")
    return figure


def _two_lines(ax: Axes, training: pd.Series, validation: pd.Series, along: str, *, named: bool = True) -> None:
    """Draw two errors over widths or rows, evenly spaced."""
    places = np.arange(len(training))
    ax.plot(places, training, "o", color=BLUE, linestyle=(0, (4, 2)), markersize=3)
    ax.plot(places, validation, "o-", color=ORANGE, markersize=3)
    ax.set_xticks(places, [number(value) for value in training.index])
    ax.grid(visible=False, axis="x")
    ax.set_ylim(bottom=0)
    ax.set_xlabel(along)
    if named:
        label_lines(ax, ["training rows", "validation rows"])


def _lines(training: pd.Series, validation: pd.Series, what: str, along: str) -> Figure:
    with panels(width=4.4, height=2.8) as (figure, axes):
        _two_lines(axes[0, 0], training, validation, along)
        axes[0, 0].set_title(what)
    return figure


def _pair(table: pd.DataFrame, what: str) -> Figure:
    with panels(2, width=7.2, height=2.7, share=True) as (figure, axes):
        for place, (ax, width) in enumerate(zip(axes[0], PAIR, strict=True)):
            own = table[table["width"] == width].set_index("rows")
            _two_lines(ax, own["training error"], own["validation error"], "training rows", named=place > 0)
            ax.set_title(f"{width} neurons" + ("" if place else f": {what}"))
    return figure
