"""Online learning: a stream of rows, each learned once and forgotten, whose truth changes in the middle."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, INK, MUTED, ORANGE, STYLES, label_lines, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import error, error_name, prepare
from toolkit import builders, training
from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent
from toolkit.data import prepare as preparing
from toolkit.data.dataset import SplitData
from toolkit.data.encoding import Encoder
from toolkit.data.target import Target, labels_of
from toolkit.evaluation.result import Result
from toolkit.heads import DEFAULT_HEADS, get_head
from toolkit.runs.run import Run
from toolkit.training.scoring import Scorer

if TYPE_CHECKING:
    import keras

__all__ = ["moving_disc", "show"]

TASKS = ("binary", "multiclass", "regression")
PARTS, TURN, REFIT = 30, 15, 3  # of the stream; where the truth changes; after how many parts a batch starts anew
MOST, TESTED = 6_000, 1_500
HIDDEN, EPOCH, EPOCHS, BATCH = (32,), 1_024, 8, 32
RATE, RATES = 0.03, (0.001, 0.03, 0.3)

LEARNERS = {
    "row by row": (BLUE, "solid"),
    "batch, all rows": (ORANGE, (0, (5, 1.5))),
    "batch, last rows": (GREEN, (0, (1.3, 1.3))),
    "never again": (GRAY, (0, (2.5, 2))),
}
TRUTHS = {"by the new truth": (BLUE, "solid"), "by the old truth": (MUTED, (0, (5, 1.5)))}

CENTRES, RADIUS, FLIPPED = ((-1.0, 0.0), (1.0, 0.0)), 1.2, 0.05
PLANE = ((-3.0, 3.0), (-2.0, 2.0))

Floats = NDArray[np.float64]
Weights = list[NDArray[Any]]


def moving_disc(rows: int, seed: int) -> pd.DataFrame:
    """Return points of a plane, each inside a disc or not, and the same once the disc has moved.

    A twentieth of the answers is wrong, so that no model can be right everywhere.

    Args:
        rows: How many points.
        seed: Seed of the draw.

    Returns:
        Columns ``x1``, ``x2``, ``inside`` (yes or no, at first) and ``later``.

    Example:
        >>> sorted(moving_disc(100, 0)["inside"].unique())
        ['no', 'yes']
    """
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(low, high, rows) for low, high in PLANE])
    wrong = rng.random(rows) < FLIPPED
    before, after = (np.where((np.hypot(*(points - centre).T) < RADIUS) ^ wrong, "yes", "no") for centre in CENTRES)
    return pd.DataFrame({"x1": points[:, 0], "x2": points[:, 1], "inside": before, "later": after})


def show(data: Any = None, *, target: str | None = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: one network learns a stream row by row, others learn in batches, and the truth changes.

    The rows come in an order drawn at random. From the middle on the answers change: the example's disc moves; on a
    table of your own each class takes the name of the next, and a number is mirrored at its mean.

    Args:
        data: A path, a DataFrame, or an (X, y) pair. None is a disc that moves.
        target: The column to predict; None for a pair.
        task: ``"binary"``, ``"multiclass"`` or ``"regression"``.
        seed: Seed of the split, the order of the stream and the initial weights.

    Returns:
        The lesson.

    Raises:
        DataError: The data, the target or the task is not what it should be, or there are too few rows.
    """
    if task not in TASKS:
        raise DataError(f"task={task!r}: this lesson is for {', '.join(TASKS)}.")
    stream = _example(seed) if data is None else _own(data, target, task, seed)
    begun = stream.learned(stream.begin, 0)
    online = {rate: _row_by_row(stream, begun, rate) for rate in RATES}
    own = online[RATE].errors
    errors = {
        "row by row": own,
        "batch, all rows": _in_batches(stream, len(stream.order)),
        "batch, last rows": _in_batches(stream, len(stream.begin)),
        "never again": np.repeat([stream.errors(begun)], PARTS + 1, axis=0),
    }
    by_truth = dict(zip(TRUTHS, own.T[::-1], strict=True))
    by_rate = {f"rate {rate:g}": _of_the_moment(path.errors) for rate, path in online.items()}
    along = {name: _of_the_moment(both) for name, both in errors.items()}
    gone, measured = stream.gone, error_name(stream.head)
    burst = " (a line that ends has burst)" if any(np.isnan(values).any() for values in by_rate.values()) else ""
    moments = along["row by row"][[TURN - 1, TURN, PARTS]]
    turns = "turns" if _follows(*moments) else "hardly turns, or not at all,"
    pictures = [
        Picture(
            "Error along the stream",
            f"After {number(gone[TURN])} rows the truth changes. Row by row the network {turns} with it, a batch of "
            "all rows goes on believing the old ones, and a batch of the last rows is right once all of them are new.",
            _lines(gone, along, LEARNERS, measured),
            "Error on test rows, by the truth of the moment, over the rows gone by; a line a learner.",
            pd.DataFrame({"rows gone by": gone} | along),
        ),
        Picture(
            "Learned anew, and forgotten",
            "The network that learns row by row, judged by the old truth and by the new one. It holds one of them at a "
            "time: no row is kept, and what later rows contradict is overwritten.",
            _lines(gone, by_truth, TRUTHS, measured),
            "Error of the network that learns row by row over the rows gone by, judged by the old and the new truth.",
            pd.DataFrame({"rows gone by": gone} | by_truth),
        ),
        Picture(
            "How long a step",
            "The learning rate is how much one row counts: with a small one the new truth comes in slowly, with a "
            f"large one each row throws the network about{burst}. It can't fall to 0 as in a training that ends.",
            _lines(gone, by_rate, dict(zip(by_rate, STYLES, strict=False)), measured),
            "Error over the rows gone by of networks that learn row by row; a line a learning rate.",
            pd.DataFrame({"rows gone by": gone} | by_rate),
        ),
        Picture(
            "What it takes",
            "Rows held in memory, and rows gone through in all to follow the stream. Learning row by row is for "
            "streams too long to keep, or that change.",
            table=_bill(stream, along),
        ),
    ]
    if data is None:
        pictures.insert(0, _discs(stream, begun, online[RATE]))
    return Lesson(
        name="online",
        title="A stream of rows",
        summary=_summary(stream, *moments),
        pictures=tuple(pictures),
        decks=("MB", "SC"),
        data=stream.said,
    )


class _Stream:
    """A table as a stream: rows to begin with, parts of equal size, rows to test on, and the truth before and after."""

    def __init__(self, table: SplitData, after: pd.DataFrame, seed: int, said: str) -> None:
        rng = np.random.default_rng((seed, 2))
        known = np.concatenate([table.parts["train"], table.parts["validation"]])
        rows = rng.permutation(known)[:MOST]
        size = len(rows) * 4 // 5 // PARTS
        if not size:
            raise DataError(f"{table.name} has {table.rows} rows; a stream of {PARTS} parts needs 60 or more.")
        begin = len(rows) - size * PARTS
        self.table, self.seed, self.said = table, seed, said
        self.order, self.begin = rows, rows[:begin]
        self.gone = begin + size * np.arange(PARTS + 1)
        self.test = rng.permutation(table.parts["test"])[:TESTED]
        self.encoder = Encoder.fit(table.features.take(self.begin), scaling="smooth", pieces=0)
        self.target = Target.fit(table.target_frame, self.begin, table.task, table.source_rows)
        self.head = get_head(table.task, DEFAULT_HEADS[table.task])
        self.x = self.encoder.encode(table.features)
        self.truths = (table.target_frame, after)
        self.y = [self.target.encode(truth) for truth in self.truths]

    def part(self, place: int) -> pd.DataFrame:
        """Return the rows of one part with their answers, as they come by."""
        rows = self.order[self.gone[place] : self.gone[place + 1]]
        return self.table.features.frame.iloc[rows].join(self.truths[place >= TURN].iloc[rows])

    def learned(self, rows: NDArray[np.int64], gone: int) -> keras.Sequential:
        """Return a network trained in a batch on rows, of which all but the last `gone` were met before the turn."""
        y = np.concatenate([self.y[0][rows[: len(rows) - gone]], self.y[1][rows[len(rows) - gone :]]])
        # As many rows an epoch whatever their number: one program for all of them.
        repeated = np.resize(np.arange(len(rows)), max(EPOCH, self.gone[-1]))
        network = builders.mlp(self.encoder.width, self.target.units, hidden=HIDDEN, seed=self.seed)
        training.fit(
            network, self.head, self.x[rows][repeated], y[repeated],
            epochs=EPOCHS, batch_size=BATCH, learning_rate=0.01, seed=self.seed, progress=False,
        )  # fmt: skip
        return network

    def errors(self, network: keras.Sequential) -> Floats:
        """Return the error on the test rows by the old truth and by the new one."""
        scores = Scorer(network)(self.x[self.test])
        return np.array([error(self.head, y[self.test], scores) for y in self.y])


@dataclass(frozen=True)
class _Path:
    """Row by row through the stream.

    Attributes:
        errors: After each part, by the old truth and by the new one, shape (parts + 1, 2); NaN once the weights grew
            beyond all numbers.
        weights: At the turn and at the end.
    """

    errors: Floats
    weights: tuple[Weights, Weights]


def _row_by_row(stream: _Stream, begun: keras.Sequential, rate: float) -> _Path:
    start = begun.get_weights()
    run = Run(
        Result(
            task=stream.table.task,
            head=stream.head,
            model=begun,
            encoder=stream.encoder,
            target=stream.target,
            history=pd.DataFrame(),
            best_epoch=0,
            stopped="",
            seconds={},
        )
    )
    errors, weights = [stream.errors(begun)], []
    for place in range(PARTS):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            run.update(stream.part(place), learning_rate=rate)
        burst = any(issubclass(one.category, RuntimeWarning) for one in caught) or not np.isfinite(errors[-1]).all()
        errors.append(np.full(2, np.nan) if burst else stream.errors(begun))
        if place + 1 in (TURN, PARTS):
            weights.append(begun.get_weights())
    begun.set_weights(start)
    return _Path(np.array(errors), (weights[0], weights[1]))


def _in_batches(stream: _Stream, kept: int) -> Floats:
    """Train anew after every few parts on the last `kept` rows; return the errors after each part."""
    errors = []
    for place in range(PARTS + 1):
        if place % REFIT == 0:
            met = stream.order[: stream.gone[place]][-kept:]
            errors.append(
                stream.errors(stream.learned(met, max(0, min(len(met), stream.gone[place] - stream.gone[TURN]))))
            )
        else:
            errors.append(errors[-1])
    return np.array(errors)


def _of_the_moment(errors: Floats) -> Floats:
    """Return errors (parts + 1, 2) by the truth of the next row."""
    return np.where(np.arange(PARTS + 1) < TURN, *errors.T)


def _example(seed: int) -> _Stream:
    frame = moving_disc(MOST * 5 // 4, seed)
    table = preparing.prepare(frame.drop(columns="later"), "inside", task="binary", seed=seed)
    after = frame[["later"]].iloc[table.source_rows - 1].reset_index(drop=True).set_axis(["inside"], axis=1)
    return _Stream(table, after, seed, f"generated points of a plane, {number(len(frame))} rows; seed {seed}")


def _own(data: Any, target: str | None, task: str, seed: int) -> _Stream:
    table = prepare(data, target=target, task=task, seed=seed)
    truth = table.target_frame
    if task == "regression":
        after, change = 2 * truth.mean() - truth, "every number is mirrored at the mean"
    else:
        labels = labels_of(truth.iloc[:, 0])
        names = dict(zip(labels, labels[1:] + labels[:1], strict=True))
        after = truth.apply(lambda column: column.map(names).astype(column.dtype))
        change = "each class takes the name of the next"
    said = f"{table.name}, {number(table.rows)} rows; from the middle of the stream on {change}; seed {seed}"
    return _Stream(table, after, seed, said)


def _follows(before: float, jump: float, after: float) -> bool:
    """Say whether more than half of the error that the change brought is gone at the end."""
    return bool(jump - after > (jump - before) / 2)


def _summary(stream: _Stream, before: float, jump: float, after: float) -> str:
    """Say what became of the error of the network that learns row by row."""
    if not np.isfinite(after):
        return f"Not on this table: at a rate of {RATE:g} a single row can throw the weights beyond all numbers."
    unit = " standard deviations" if stream.table.task == "regression" else ""
    said = [f"{number(error, 2)}{unit}" if unit else percent(error) for error in (before, jump, after)]
    met = number(stream.gone[PARTS] - stream.gone[TURN])
    if _follows(before, jump, after):
        return (
            f"Yes, by one small step a row: when the truth changed its error rose from {said[0]} to {said[1]}, and "
            f"{met} rows later, none of them kept, it was {said[2]}."
        )
    return (
        f"Not from so few: when the truth changed its error rose from {said[0]} to {said[1]}, and {met} rows later it "
        f"still was {said[2]}. Each row is worth one small step."
    )


def _lines(gone: NDArray[np.int64], lines: Mapping[str, Floats], looks: Mapping[str, Any], measured: str) -> Figure:
    with panels(width=4.4, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        for name, values in lines.items():
            color, dash = looks[name]
            panel.plot(gone, values, color=color, linestyle=dash)
        top = 1.12 * max(float(np.nanmax(values)) for values in lines.values())
        panel.set_ylim(0, top)
        panel.axvline(gone[TURN], color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        panel.text(gone[TURN], top, " the truth changes", color=MUTED, va="top")
        panel.grid(visible=False, axis="x")
        panel.set_title(measured)
        panel.set_xlabel("rows gone by")
        label_lines(panel, list(lines))
    return figure


def _discs(stream: _Stream, network: keras.Sequential, path: _Path) -> Picture:
    """Draw where the network that learns row by row says yes, at the turn and at the end, over the true disc."""
    start = network.get_weights()
    across, up = (np.linspace(*label_lines, 121) for label_lines in PLANE)
    grid = pd.DataFrame(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), columns=pd.Index(["x1", "x2"]))
    x = stream.encoder.transform(grid)
    angle = np.linspace(0, 2 * np.pi, 181)
    rows = []
    with panels(2, width=7.2, height=2.7, share=True) as (figure, axes):
        moments = zip(axes[0], ("before the change", "at the end"), path.weights, CENTRES, strict=True)
        for panel, when, weights, centre in moments:
            network.set_weights(weights)
            said = stream.head.decide(Scorer(network)(x)).reshape(len(up), -1)
            panel.contourf(across, up, said, levels=[0.5, 1.5], colors=[BLUE], alpha=0.25)
            panel.plot(centre[0] + RADIUS * np.cos(angle), centre[1] + RADIUS * np.sin(angle), color=INK)
            panel.set_aspect("equal")
            panel.set_title(f"{when}: x2 over x1")
            inside = np.hypot(*(grid.to_numpy() - centre).T) < RADIUS
            rows.append({"moment": when, "area decided rightly": float((inside == said.ravel()).mean())})
    network.set_weights(start)
    return Picture(
        "The disc that moves",
        "The circle is the truth, which jumps to the right in the middle of the stream; shaded is where the network "
        "that learns row by row says yes. It met each row once, and the shade follows the circle.",
        figure,
        "Two planes: the true circle and the shaded region of the network, before the change and at the end.",
        pd.DataFrame(rows),
    )


def _bill(stream: _Stream, along: Mapping[str, Floats]) -> pd.DataFrame:
    length, times = max(EPOCH, stream.gone[-1]), EPOCHS * len(range(0, PARTS + 1, REFIT))
    kept = {"batch, all rows": len(stream.order), "batch, last rows": len(stream.begin)}
    through = {"row by row": stream.gone[-1] - stream.gone[0], "never again": 0}
    return pd.DataFrame.from_dict(
        {
            name: {
                "rows kept": kept.get(name, 0),
                "rows gone through": through.get(name, length * times),
                "error before the change": values[TURN - 1],
                "just after it": values[TURN],
                "at the end": values[-1],
            }
            for name, values in along.items()
        },
        orient="index",
    ).rename_axis("learner")
