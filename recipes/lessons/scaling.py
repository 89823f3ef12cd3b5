"""What scaling the columns, and batch normalisation inside the network, do to the speed and the result of training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from recipes import samples
from recipes.drawing import BLUE, STYLES, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import Rows, error_text, load
from recipes.lessons.tools.sweep import Network, Sweep
from toolkit.common.errors import DataError
from toolkit.common.formatting import number
from toolkit.data.encoding import Encoder

__all__ = ["show"]

Matrix = NDArray[np.float32]

WIDTH, EPOCHS, BATCH, ROWS, SEEDS = 16, 60, 16, 400, 3
RATES = (1e-8, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
SHOWN = 30  # columns in a picture
EARLY = "training loss, 5 epochs"

#: What is done to the columns -> the encoder's word for it; None leaves them as they are.
SCALED: dict[str, str | None] = {
    "raw": None,
    "mean normalisation": "mean",
    "standardisation": "standard",
    "robust": "robust",
}
#: What else is trained: the columns, with batch normalisation in the network.
NORMALISED = {"raw, batch norm": "raw", "standardised, batch norm": "standardisation"}


def show(data: Any = None, *, target: Any = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: one network by plain gradient descent on columns scaled in four ways, and normalised inside.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; by default the wine sample.
        target: The column to predict.
        task: What the target is: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the split, of the rows drawn and of the weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data or the task is not what it should be, or the table has no column of numbers.
    """
    if data is None:
        data, target = samples.path("wine"), "grower"
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS)
    numbers = [column.name for column in rows.dataset.features.columns if column.kind == "number"]
    if not numbers:
        raise DataError("the table has no column of numbers, and numbers are what is scaled.")
    parts = {way: _scaled(rows, word) for way, word in SCALED.items()}
    spread = _spread(rows, numbers)
    tried = _train(rows, parts, seed)
    chosen = tried.loc[tried.groupby("columns", sort=False)["validation loss"].idxmin()].set_index("columns")
    curves = pd.DataFrame(dict(chosen["curve"]))
    curves.index = pd.RangeIndex(1, len(curves) + 1, name="epoch")
    said = partial(error_text, rows.head)
    raw, standard = chosen.loc["raw"], chosen.loc["standardisation"]
    valley = {way: _condition(x["train"]) for way, x in parts.items()}
    return Lesson(
        name="scaling",
        title="Columns of one size",
        summary=f"One rate has to suit every weight, so columns of very different size hold training up. After "
        f"{EPOCHS} epochs raw columns have a loss of {number(raw['training loss'], 2)} and standardised ones of "
        f"{number(standard['training loss'], 2)}; on test rows they err by {said(raw['test error'])} and by "
        f"{said(standard['test error'])}.",
        pictures=(
            Picture(
                "The columns before and after",
                "Each bar reaches from the 5 % to the 95 % quantile of a column of numbers. The loss of a linear model "
                f"bends {_times(valley['raw'])} times as hard one way as another on raw columns, and "
                f"{_times(valley['standardisation'])} times on standardised ones: the larger, the shorter the steps.",
                _bars(parts, rows, numbers),
                "Four panels of upright bars, one a column: raw on a logarithmic scale, then scaled in three ways.",
                spread,
                digits=3,
            ),
            Picture(
                "How fast",
                "The loss on training rows over the epochs, each at the learning rate that suits it best. Lower and "
                "further to the left is faster.",
                _curves(curves),
                "Training loss over the epochs on a logarithmic scale, a line for each way to scale.",
                curves,
                digits=3,
            ),
            Picture(
                "Which rates work",
                "The loss on validation rows at the end, over the learning rate: the lower and wider the dip, the "
                f"easier it is to get right. The dip is at a rate of {chosen.loc['raw', 'rate']:g} for raw columns and "
                f"of {chosen.loc['standardisation', 'rate']:g} for standardised ones: the larger the columns, the "
                "shorter the steps that they bear.",
                _rates(tried),
                "Validation loss against learning rate, on two logarithmic scales, a line for each way to scale.",
                tried.drop(columns=["curve", EARLY, "test error"]),
                digits=3,
            ),
            Picture(
                "How well",
                f"Each way at its best rate: the loss on training rows after 5 and after {EPOCHS} epochs, loss and "
                f"error on validation rows, and the error on test rows, which were looked at here alone.",
                table=chosen.drop(columns="curve"),
                digits=3,
            ),
        ),
        decks=("MB",),
        data=f"{rows.description}; one hidden layer of {WIDTH}, plain gradient descent, batches of {BATCH}, "
        f"means of {SEEDS} starts",
    )


def _scaled(rows: Rows, word: str | None) -> dict[str, Matrix]:
    """Return the rows of each part with the numbers scaled in one way, and all else as it is."""
    features, train = rows.dataset.features, rows.dataset.parts["train"]
    if word is not None:
        encoder = Encoder.fit(features.take(train), scaling=word)
        return {part: encoder.encode(features.take(places)) for part, places in rows.positions.items()}
    raw = {part: x.copy() for part, x in rows.x.items()}
    middle = features.frame.iloc[train].median(numeric_only=True)
    for column in features.columns:
        if column.kind == "number":
            slot = rows.columns.index(column.name)
            filled = features.frame[column.name].fillna(middle[column.name]).to_numpy()
            for part, places in rows.positions.items():
                raw[part][:, slot] = filled[places]
    return raw


def _spread(rows: Rows, numbers: list[str]) -> pd.DataFrame:
    train = rows.dataset.features.frame[numbers].iloc[rows.dataset.parts["train"]]
    frame = pd.DataFrame({"mean": train.mean(), "standard deviation": train.std(ddof=0)})
    return frame.assign(**{"range": train.max() - train.min()}).rename_axis("column")


def _condition(x: Matrix) -> float:
    """Return how much steeper than flat a squared loss of a linear model is: the ratio of its curvatures."""
    exact = x.astype(np.float64)
    centred = exact - exact.mean(axis=0)
    centred = centred[:, np.ptp(exact, axis=0) > 0]
    # How many directions there are is asked of columns of one length: a large one must not hide the small ones.
    rank = np.linalg.matrix_rank(centred / np.linalg.norm(centred, axis=0), tol=1e-6) if centred.size else 0
    if not rank:
        return 1.0
    values = np.linalg.svd(centred, compute_uv=False)
    return float((values[0] / values[rank - 1]) ** 2)


def _times(ratio: float) -> str:
    return number(float(f"{ratio:.1e}"), 2)


def _train(rows: Rows, parts: dict[str, dict[str, Matrix]], seed: int) -> pd.DataFrame:
    """Train every way at every rate from several starts; return means, a row a way and rate.

    The error on test rows is measured at the rate alone that is best on the validation rows.
    """
    networks = [Network((WIDTH,), rate, seed=seed + more) for rate in RATES for more in range(SEEDS)]
    y = rows.y
    found = []
    for ways in ({way: way for way in parts}, NORMALISED):
        inside = ways is NORMALISED
        options: dict[str, Any] = {"optimizer": "sgd", "constant": True, "batch_norm": inside}
        sweep = Sweep(networks, rows.head, rows.shape, epochs=EPOCHS, batch_size=BATCH, **options)
        for way, columns in ways.items():
            x = parts[columns]
            with np.errstate(all="ignore"):
                seen = sweep.train(x["train"], y["train"], watch={"train": (x["train"], y["train"])}, seed=seed)
                losses, errors = map(_mean, sweep.measure(x["validation"], y["validation"]))
                best = int(losses.argmin())
                tested = sweep.measure(x["test"], y["test"], slice(best * SEEDS, (best + 1) * SEEDS))[1].mean()
            curves = _mean(seen["train"][0])
            for place, rate in enumerate(RATES):
                found.append(
                    {
                        "columns": way,
                        "rate": rate,
                        EARLY: curves[4, place],
                        "training loss": curves[-1, place],
                        "validation loss": losses[place],
                        "validation error": errors[place],
                        "test error": tested if place == best else np.nan,
                        "curve": curves[:, place],
                    }
                )
    return pd.DataFrame(found)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means over the starts; what blew up in one of them is infinite."""
    each = values.reshape(*values.shape[:-1], len(RATES), SEEDS).mean(axis=-1)
    return np.where(np.isfinite(each), each, np.inf)


def _bars(parts: dict[str, dict[str, Matrix]], rows: Rows, numbers: list[str]) -> Figure:
    slots = [rows.columns.index(name) for name in numbers][:SHOWN]
    with panels(len(parts), width=7.2, height=2.4) as (figure, axes):
        for ax, (way, x) in zip(axes[0], parts.items(), strict=True):
            low, high = np.quantile(x["train"][:, slots], (0.05, 0.95), axis=0)
            ax.vlines(np.arange(1, len(slots) + 1), low, high, color=BLUE, linewidth=3)
            ax.grid(visible=False, axis="x")
            ax.set_title(way)
            if way == "raw":
                ax.set_yscale("symlog", linthresh=1)
                ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes[0, 1].set_xlabel(
            "column" if len(slots) == len(numbers) else f"column, the first {SHOWN} of {len(numbers)}"
        )
    return figure


def _curves(curves: pd.DataFrame) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        _lines(ax, {way: (curves.index, curves[way]) for way in curves})
        ax.set_title("loss on training rows")
        ax.set_xlabel("epoch")
    return figure


def _rates(tried: pd.DataFrame) -> Figure:
    with panels(width=4.4, height=3.0) as (figure, axes):
        ax: Axes = axes[0, 0]
        log_scale(ax, "x")
        groups = tried.groupby("columns", sort=False)
        _lines(ax, {way: (own["rate"], own["validation loss"]) for way, own in groups})
        ax.set_title("loss on validation rows")
        ax.set_xlabel("learning rate")
    return figure


def _lines(ax: Axes, lines: Mapping[Any, tuple[Any, pd.Series]]) -> None:
    """Draw a line a way, as far as it is finite, with its name at the end."""
    names = []
    for (color, dash), (way, (x, loss)) in zip(STYLES, lines.items(), strict=True):
        finite = loss.replace(np.inf, np.nan)
        if finite.notna().any():
            ax.plot(x, finite, color=color, linestyle=dash)
            names.append(way.replace(", ", ",\n"))
    log_scale(ax)
    seen = np.concatenate([line.get_ydata() for line in ax.lines]).astype(float)
    seen = seen[np.isfinite(seen)]
    ax.set_ylim(top=min(1.5 * seen.max(), 20 * np.median(seen)))  # what blows up leaves the picture
    label_lines(ax, names, gap=0.1)
