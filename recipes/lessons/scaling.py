"""What scaling the columns, and batch normalization inside the network, do to the speed and the result of training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from recipes import samples
from recipes.drawing import BLUE, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, column_names, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.errors import DataError
from toolkit.common.formatting import number
from toolkit.data.preprocessing import Preprocessing

__all__ = ["EARLY", "SCALINGS", "condition", "scale", "show", "train_scalings"]

Matrix = NDArray[np.float32]

WIDTH, EPOCHS, BATCH, ROWS, SEEDS = 16, 60, 16, 400, 3
# From 1e-8 on, since raw columns in the thousands allow only tiny steps.
RATES = (1e-8, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
BARS = 30  # columns in a picture
EARLY = "training loss, 5 epochs"

#: Scaling of the columns -> the preprocessing's name for it; None leaves them as they are.
SCALINGS: dict[str, str | None] = {
    "raw": None,
    "mean normalization": "mean",
    "standardization": "standard",
    "robust": "robust",
}
#: Trained with batch normalization in the network -> the scaling of the columns.
BATCH_NORMALIZED = {"raw, batch norm": "raw", "standardized, batch norm": "standardization"}


def show(
    data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0, epochs: int = EPOCHS
) -> Lesson:
    """Run the lesson: train one network by plain gradient descent on columns with four scalings.

    Two of them are trained with batch normalization, too.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default the wine sample.
        target: The column to predict.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the sample of rows and of the weights.
        epochs: Passes over the training rows, 5 or more.

    Raises:
        DataError: The lesson can't use the data or the task, or the table has no column of numbers.
    """
    if data is None:
        data, target = samples.path("wine"), "grower"
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    numbers = [column.name for column in rows.dataset.features.columns if column.kind == "number"]
    if not numbers:
        raise DataError("the table has no column of numbers, and only numbers are scaled: give another table.")
    parts = {name: scale(rows, scaling) for name, scaling in SCALINGS.items()}
    trained = train_scalings(rows, parts, seed, epochs=epochs)
    best = trained.loc[trained.groupby("columns", sort=False)["validation loss"].idxmin()].set_index("columns")
    raw, standard = best.loc["raw"], best.loc["standardization"]
    text = partial(error_text, rows.head)
    return Lesson(
        name="scaling",
        title="Columns of one size",
        summary="One learning rate has to suit all weights, so columns of very different sizes slow training down. "
        f"After {epochs} epochs the training loss is {number(raw['training loss'], 2)} on raw columns and "
        f"{number(standard['training loss'], 2)} on standardized ones; the error on test rows is "
        f"{text(raw['test error'])} and {text(standard['test error'])}.",
        pictures=(_columns(rows, parts, numbers), _curves(best), _rates(trained, best), _results(best, epochs)),
        decks=("MB",),
        data=f"{rows.description}; one hidden layer of {WIDTH}, plain gradient descent, batches of {BATCH}, "
        f"means of {SEEDS} starts",
    )


def scale(rows: Rows, scaling: str | None) -> dict[str, Matrix]:
    """Return the encoded rows of each part with the numbers scaled in this way; None leaves the numbers raw."""
    features, train = rows.dataset.features, rows.dataset.parts["train"]
    if scaling is not None:
        preprocessing = Preprocessing.fit(features.take(train), scaling=scaling)
        return {part: preprocessing.encode(features.take(positions)) for part, positions in rows.positions.items()}
    # All other columns, such as categories, stay encoded as they are.
    raw = {part: x.copy() for part, x in rows.x.items()}
    median = features.frame.iloc[train].median(numeric_only=True)
    for column in features.columns:
        if column.kind == "number":
            index = rows.columns.index(column.name)
            # Missing numbers get the training rows' median, as in the other scalings: nothing but the scale differs.
            values = features.frame[column.name].fillna(median[column.name]).to_numpy()
            for part, positions in rows.positions.items():
                raw[part][:, index] = values[positions]
    return raw


def condition(x: Matrix) -> float:
    """Return how many times as strongly the squared loss of a linear model curves one way as another.

    This is the condition number of its Hessian, without the directions in which the loss is flat.
    """
    exact = x.astype(np.float64)
    centered = exact - exact.mean(axis=0)
    centered = centered[:, np.ptp(exact, axis=0) > 0]
    # The rank is that of columns of length 1: next to a very large column, small ones would not count.
    rank = np.linalg.matrix_rank(centered / np.linalg.norm(centered, axis=0), tol=1e-6) if centered.size else 0
    if not rank:
        return 1.0
    # The Hessian is centered.T @ centered; its eigenvalues are the squared singular values, largest first.
    values = np.linalg.svd(centered, compute_uv=False)
    return float((values[0] / values[rank - 1]) ** 2)


def train_scalings(
    rows: Rows, parts: Mapping[str, dict[str, Matrix]], seed: int, *, epochs: int = EPOCHS
) -> pd.DataFrame:
    """Train on each scaling of the columns with each learning rate, from several starts.

    Args:
        rows: The split and encoded rows.
        parts: Scaling -> part -> encoded columns, as `scale` returns them.
        seed: Seed of the order of the rows, and the first of the starts.
        epochs: Passes over the training rows.

    Returns:
        One row per scaling and rate: means over the starts. The test error is measured only at the rate that is best on
        the validation rows; elsewhere it is NaN.
    """
    networks = [Network((WIDTH,), rate, seed=seed + start) for rate in RATES for start in range(SEEDS)]
    y = rows.y
    lines = []
    for trainings, batch_norm in (({name: name for name in parts}, False), (BATCH_NORMALIZED, True)):
        sweep = Sweep(
            networks, rows.head, rows.shape,
            epochs=epochs, batch_size=BATCH, optimizer="sgd", constant=True, batch_norm=batch_norm,
        )  # fmt: skip
        for name, scaling in trainings.items():
            x = parts[scaling]
            with np.errstate(all="ignore"):  # a rate that is too large ends in infinite losses
                by_epoch = sweep.train(x["train"], y["train"], watch={"train": (x["train"], y["train"])}, seed=seed)
                losses, errors = map(_mean, sweep.measure(x["validation"], y["validation"]))
                # Test rows are used only for the rate that the validation rows chose.
                best = int(losses.argmin())
                starts = slice(best * SEEDS, (best + 1) * SEEDS)
                test_error = sweep.measure(x["test"], y["test"], starts)[1].mean()
            curves = _mean(by_epoch["train"][0])  # (epochs, rates)
            for index, rate in enumerate(RATES):
                lines.append(
                    {
                        "columns": name,
                        "rate": rate,
                        EARLY: curves[4, index],
                        "training loss": curves[-1, index],
                        "validation loss": losses[index],
                        "validation error": errors[index],
                        "test error": test_error if index == best else np.nan,
                        "curve": curves[:, index],
                    }
                )
    return pd.DataFrame(lines)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means over the starts, infinite if one of them diverged: (..., rates * SEEDS) -> (..., rates)."""
    # (..., rates * SEEDS) -> (..., rates, SEEDS) -> (..., rates)
    means = values.reshape(*values.shape[:-1], len(RATES), SEEDS).mean(axis=-1)
    return np.where(np.isfinite(means), means, np.inf)


def _columns(rows: Rows, parts: Mapping[str, dict[str, Matrix]], numbers: list[str]) -> Picture:
    train = rows.dataset.features.frame[numbers].iloc[rows.dataset.parts["train"]]
    table = pd.DataFrame({"mean": train.mean(), "standard deviation": train.std(ddof=0)})
    table = table.assign(**{"range": train.max() - train.min()}).rename_axis("column")
    indices = [rows.columns.index(name) for name in numbers][:BARS]
    with panels(len(parts), width=7.2, height=2.4) as (figure, axes):
        for panel, (scaling, x) in zip(axes[0], parts.items(), strict=True):
            low, high = np.quantile(x["train"][:, indices], (0.05, 0.95), axis=0)
            panel.vlines(np.arange(1, len(indices) + 1), low, high, color=BLUE, linewidth=3)
            panel.grid(visible=False, axis="x")
            panel.set_title(scaling)
            if scaling == "raw":
                panel.set_yscale("symlog", linthresh=1)
                panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes[0, 1].set_xlabel(
            "column" if len(indices) == len(numbers) else f"column, the first {BARS} of {len(numbers)}"
        )
    raw, standard = (
        number(float(f"{condition(parts[scaling]['train']):.1e}"), 2) for scaling in ("raw", "standardization")
    )
    return Picture(
        "The columns before and after",
        f"{column_names(numbers[:BARS])}Each bar reaches from the 5 % to the 95 % quantile of a column. A linear "
        "model's loss curves in one direction "
        f"{raw} times as strongly as in another on raw columns, and {standard} times on standardized ones. The larger "
        "this ratio, the more steps gradient descent needs.",
        figure,
        "Four panels of vertical bars, one per column: raw on a logarithmic scale, then with three scalings.",
        table,
        digits=3,
    )


def _curves(best: pd.DataFrame) -> Picture:
    curves = pd.DataFrame(dict(best["curve"]))
    curves.index = pd.RangeIndex(1, len(curves) + 1, name="epoch")
    with panels(width=4.4, height=3.0) as (figure, axes):
        _lines(axes[0, 0], {scaling: (curves.index, curves[scaling]) for scaling in curves})
        axes[0, 0].set_title("loss on training rows")
        axes[0, 0].set_xlabel("epoch")
    return Picture(
        "How fast",
        "The loss on training rows after each epoch, at the learning rate that is best for each scaling. Lower and "
        "further to the left is faster.",
        figure,
        "Training loss against the epoch on a logarithmic scale, one line per scaling.",
        curves,
        digits=3,
    )


def _rates(trained: pd.DataFrame, best: pd.DataFrame) -> Picture:
    raw, standard = best.loc["raw", "rate"], best.loc["standardization", "rate"]
    with panels(width=4.4, height=3.0) as (figure, axes):
        panel = axes[0, 0]
        log_scale(panel, "x")
        groups = trained.groupby("columns", sort=False)
        _lines(panel, {scaling: (group["rate"], group["validation loss"]) for scaling, group in groups})
        panel.set_title("loss on validation rows")
        panel.set_xlabel("learning rate")
    return Picture(
        "Which rates work",
        "The final loss on validation rows against the learning rate. The lower and wider the dip, the easier it is to "
        f"find a good rate. The best rate is {raw:g} for raw columns and {standard:g} for standardized ones"
        f"{': large columns allow only small steps' if raw < standard else ''}.",
        figure,
        "Validation loss against learning rate, both on logarithmic scales, one line per scaling.",
        trained.drop(columns=["curve", EARLY, "test error"]),
        digits=3,
    )


def _results(best: pd.DataFrame, epochs: int) -> Picture:
    return Picture(
        "How well",
        f"Each scaling at its best rate: training loss after 5 and after {epochs} epochs, loss and error on "
        "validation rows, and error on test rows, which are used here only.",
        table=best.drop(columns="curve"),
        digits=3,
    )


def _lines(panel: Axes, lines: Mapping[Any, tuple[Any, pd.Series]]) -> None:
    """Draw one line per scaling, without its infinite values, with its name at the end."""
    names = []
    for (color, dash), (scaling, (x, loss)) in zip(STYLES, lines.items(), strict=True):
        finite = loss.replace(np.inf, np.nan)
        if finite.notna().any():
            panel.plot(x, finite, color=color, linestyle=dash)
            names.append(scaling.replace(", ", ",\n"))
    log_scale(panel)
    values = np.concatenate([line.get_ydata() for line in panel.lines]).astype(float)
    values = values[np.isfinite(values)]
    panel.set_ylim(top=min(1.5 * values.max(), 20 * np.median(values)))  # diverging losses leave the picture
    label_lines(panel, names, gap=0.1)
