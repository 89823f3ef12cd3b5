"""Online learning: a stream of rows, each learned once and then forgotten, whose answers change halfway."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, INK, MUTED, ORANGE, STYLES, label_lines, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from recipes.lessons.tools.rows import error, error_name, prepare
from toolkit import builders, training
from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent
from toolkit.data import prepare as preparing
from toolkit.data.dataset import SplitData
from toolkit.data.labels import labels_of
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.target import Target
from toolkit.evaluation.result import Result
from toolkit.heads import DEFAULT_HEADS, get_head
from toolkit.runs.run import Run
from toolkit.training.scoring import Scorer

if TYPE_CHECKING:
    import keras

__all__ = ["PARTS", "RATES", "Stream", "follows", "learn_row_by_row", "moving_disc", "show", "summary", "table_stream"]

TASKS = ("binary", "multiclass", "regression")
PARTS, CHANGE, REFIT = 30, 15, 3  # parts of the stream; the part with the change; parts between two batch trainings
STREAM_ROWS, TEST_ROWS = 6_000, 1_500
HIDDEN, EPOCH_ROWS, EPOCHS, BATCH = (32,), 1_024, 8, 32
RATE, RATES = 0.03, (0.001, 0.03, 0.3)

#: Learner -> color and dash of its line.
LEARNERS = {
    "row by row": (BLUE, "solid"),
    "batch, all rows": (ORANGE, (0, (5, 1.5))),
    "batch, last rows": (GREEN, (0, (1.3, 1.3))),
    "not updated": (GRAY, (0, (2.5, 2))),
}
ANSWERS = {"by the new answers": (BLUE, "solid"), "by the old answers": (MUTED, (0, (5, 1.5)))}

CENTERS, RADIUS, WRONG_LABELS = ((-1.0, 0.0), (1.0, 0.0)), 1.2, 0.05
PLANE = ((-3.0, 3.0), (-2.0, 2.0))

Floats = NDArray[np.float64]
Weights = list[NDArray[Any]]


def moving_disc(rows: int, seed: int) -> pd.DataFrame:
    """Return points of a plane, and whether each lies in a disc, before and after the disc has moved.

    A twentieth of the labels is wrong, so no model can be right everywhere.

    Args:
        rows: Number of points.
        seed: Seed of the points.

    Returns:
        Columns ``x1``, ``x2``, ``inside`` (yes or no, before the move) and ``later`` (after it).

    Example:
        >>> sorted(moving_disc(100, 0)["inside"].unique())
        ['no', 'yes']
    """
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(low, high, rows) for low, high in PLANE])
    wrong = rng.random(rows) < WRONG_LABELS
    # ^ flips the answer of a wrong label, before and after the change alike.
    before, after = (np.where((np.hypot(*(points - center).T) < RADIUS) ^ wrong, "yes", "no") for center in CENTERS)
    return pd.DataFrame({"x1": points[:, 0], "x2": points[:, 1], "inside": before, "later": after})


def show(
    data: Any = None, *, target: str | None = None, task: str = "multiclass", seed: int = 0, epochs: int = EPOCHS
) -> Lesson:
    """Run the lesson: one network learns a stream row by row, others learn it in batches, and the answers change.

    The rows come in random order. Halfway the answers change: the disc of the example moves; in a table of your own
    each class gets the name of the next one, and numbers are mirrored at their mean.

    Args:
        data: A path, a DataFrame, or an (X, y) pair. None is a disc that moves.
        target: The column to predict; None for a pair.
        task: ``"binary"``, ``"multiclass"`` or ``"regression"``.
        seed: Seed of the split, the order of the stream and the initial weights.
        epochs: Epochs of each training in batches.

    Raises:
        DataError: The lesson can't use the data, the target or the task, or there are too few rows.
    """
    if task not in TASKS:
        raise DataError(f"task={task!r}: this lesson is for {', '.join(TASKS)}.")
    stream = _disc_stream(seed) if data is None else table_stream(data, target, task, seed)
    initial = stream.train(stream.start, 0, epochs)
    paths = {rate: learn_row_by_row(stream, initial, rate) for rate in RATES}
    # Learner -> errors by the old and by the new answers, (PARTS + 1, 2).
    errors = {
        "row by row": paths[RATE].errors,
        "batch, all rows": _learn_in_batches(stream, len(stream.order), epochs),
        "batch, last rows": _learn_in_batches(stream, len(stream.start), epochs),
        "not updated": np.repeat([stream.errors(initial)], PARTS + 1, axis=0),
    }
    current = {learner: _by_current_answers(values) for learner, values in errors.items()}
    moments = current["row by row"][[CHANGE - 1, CHANGE, PARTS]]
    pictures = (
        _learners(stream, current, follows(*moments)),
        _old_and_new(stream, paths[RATE].errors),
        _rates(stream, {f"rate {rate:g}": _by_current_answers(path.errors) for rate, path in paths.items()}),
        Picture(
            "What it takes",
            "Rows kept in memory, and rows processed in total to follow the stream. At the end "
            f"{_lowest_at_the_end(current)} the lowest error; learning row by row keeps no row and processes each one "
            "once.",
            table=_cost(stream, current, epochs),
        ),
    )
    return Lesson(
        name="online",
        title="A stream of rows",
        summary=summary(stream, *moments),
        pictures=pictures if data is not None else (_discs(stream, initial, paths[RATE]), *pictures),
        decks=("MB", "SC"),
        data=stream.description,
    )


class Stream:
    """A table as a stream of `PARTS` parts of equal size, with its answers before and after the change.

    Args:
        table: The split table.
        after: Its target columns after the change.
        seed: Seed of the order of the rows and of the initial weights.
        description: The data in words, for the lesson's page.

    Attributes:
        order: Positions of all rows of the stream, in order.
        start: Those of the rows before the first part, a fifth of the stream.
        seen: Number of rows seen after each part, shape (PARTS + 1,).
        test: Positions of the test rows.
        answers: The target columns before and after the change.
        x: All rows of the table, encoded, shape (rows, columns).
        y: Encoded answers before and after the change.
    """

    def __init__(self, table: SplitData, after: pd.DataFrame, seed: int, description: str) -> None:
        rng = np.random.default_rng((seed, 2))
        rows = rng.permutation(np.concatenate([table.parts["train"], table.parts["validation"]]))[:STREAM_ROWS]
        size = len(rows) * 4 // 5 // PARTS
        if not size:
            raise DataError(f"{table.name} has {table.rows} rows; a stream of {PARTS} parts needs 60 or more.")
        first = len(rows) - size * PARTS
        self.table, self.seed, self.description = table, seed, description
        self.order, self.start = rows, rows[:first]
        # rows  [ start | part 0 | part 1 | ... | part 29 ]
        #           seen[0]   seen[1]  ...           seen[30] rows have been seen by then
        self.seen = first + size * np.arange(PARTS + 1)
        self.test = rng.permutation(table.parts["test"])[:TEST_ROWS]
        self.preprocessing = Preprocessing.fit(table.features.take(self.start), scaling="smooth", pieces=0)
        self.target = Target.fit(table.target_frame, self.start, table.task, table.source_rows)
        self.head = get_head(table.task, DEFAULT_HEADS[table.task])
        self.x = self.preprocessing.encode(table.features)
        self.answers = (table.target_frame, after)
        self.y = [self.target.encode(answers) for answers in self.answers]

    def part(self, index: int) -> pd.DataFrame:
        """Return the rows of one part, with the answers that are right at that time."""
        rows = self.order[self.seen[index] : self.seen[index + 1]]
        # False and True are the positions 0 and 1: first the old answers, then the new ones.
        return self.table.features.frame.iloc[rows].join(self.answers[index >= CHANGE].iloc[rows])

    def train(self, rows: NDArray[np.int64], changed: int, epochs: int = EPOCHS) -> keras.Sequential:
        """Return a network trained in batches on rows, the last `changed` of them with the answers after the change."""
        old, new = rows[: len(rows) - changed], rows[len(rows) - changed :]
        y = np.concatenate([self.y[0][old], self.y[1][new]])
        # The rows are repeated up to a fixed number: all trainings share one compiled program.
        repeated = np.resize(np.arange(len(rows)), max(EPOCH_ROWS, self.seen[-1]))
        network = builders.mlp(self.preprocessing.width, self.target.units, hidden=HIDDEN, seed=self.seed)
        training.fit(
            network, self.head, self.x[rows][repeated], y[repeated],
            epochs=epochs, batch_size=BATCH, learning_rate=0.01, seed=self.seed, progress=False,
        )  # fmt: skip
        return network

    def errors(self, network: keras.Sequential) -> Floats:
        """Return the error on the test rows, measured by the old answers and by the new ones."""
        scores = Scorer(network)(self.x[self.test])
        return np.array([error(self.head, y[self.test], scores) for y in self.y])


@dataclass(frozen=True)
class Path:
    """The course of a network that learns row by row.

    Attributes:
        errors: After each part, by the old answers and by the new ones, shape (PARTS + 1, 2); NaN once the weights are
            no longer finite.
        weights: The weights at the change and at the end.
    """

    errors: Floats
    weights: tuple[Weights, Weights]


def learn_row_by_row(stream: Stream, initial: keras.Sequential, rate: float) -> Path:
    """Let a network learn the parts of a stream row by row, then give it back its initial weights."""
    start = initial.get_weights()
    run = Run(
        Result(
            task=stream.table.task,
            head=stream.head,
            model=initial,
            preprocessing=stream.preprocessing,
            target=stream.target,
            history=pd.DataFrame(),
            best_epoch=0,
            stopped="",
            seconds={},
        )
    )
    errors, weights = [stream.errors(initial)], []
    for index in range(PARTS):
        step(f"row by row at rate {rate:g}, part", index, PARTS)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            # The run learns in its model, which is `initial`.
            run.update(stream.part(index), learning_rate=rate)
        # The toolkit warns of a loss that is not finite, and restores the last good weights: the line ends here.
        diverged = any(issubclass(warning.category, RuntimeWarning) for warning in caught)
        diverged |= not np.isfinite(errors[-1]).all()
        errors.append(np.full(2, np.nan) if diverged else stream.errors(initial))
        if index + 1 in (CHANGE, PARTS):
            weights.append(initial.get_weights())
    initial.set_weights(start)
    return Path(np.array(errors), (weights[0], weights[1]))


def _learn_in_batches(stream: Stream, memory: int, epochs: int) -> Floats:
    """Train a new network on the last `memory` rows after every few parts; return the errors, (PARTS + 1, 2)."""
    errors = []
    for index in range(PARTS + 1):
        step("batch, part", index, PARTS)
        if index % REFIT == 0:
            rows = stream.order[: stream.seen[index]][-memory:]
            # Of the remembered rows, those that came after the change.
            changed = max(0, min(len(rows), stream.seen[index] - stream.seen[CHANGE]))
            errors.append(stream.errors(stream.train(rows, changed, epochs)))
        else:
            errors.append(errors[-1])
    return np.array(errors)


def _by_current_answers(errors: Floats) -> Floats:
    """Return errors by the answers that are right for the next row: (PARTS + 1, 2) -> (PARTS + 1,)."""
    # (PARTS + 1, 2), by the old and by the new answers -> (PARTS + 1,)
    return np.where(np.arange(PARTS + 1) < CHANGE, *errors.T)


def _disc_stream(seed: int) -> Stream:
    frame = moving_disc(STREAM_ROWS * 5 // 4, seed)
    table = preparing.prepare(frame.drop(columns="later"), "inside", task="binary", seed=seed)
    # The split may reorder the rows; their numbers in the frame, from 1, are in source_rows.
    after = frame[["later"]].iloc[table.source_rows - 1].reset_index(drop=True).set_axis(["inside"], axis=1)
    return Stream(table, after, seed, f"generated points of a plane, {number(len(frame))} rows; seed {seed}")


def table_stream(data: Any, target: str | None, task: str, seed: int) -> Stream:
    """Return a table as a stream; the arguments are those of `show`."""
    table = prepare(data, target=target, task=task, seed=seed)
    before = table.target_frame
    if task == "regression":
        after, change = 2 * before.mean() - before, "all numbers are mirrored at their mean"
    else:
        labels = labels_of(before.iloc[:, 0])
        # a b c -> b c a
        next_labels = dict(zip(labels, labels[1:] + labels[:1], strict=True))
        after = before.apply(lambda column: column.map(next_labels).astype(column.dtype))
        change = "each class gets the name of the next one"
    description = f"{table.name}, {number(table.rows)} rows; halfway through the stream {change}; seed {seed}"
    return Stream(table, after, seed, description)


def follows(before: float, jump: float, after: float) -> bool:
    """Return whether more than half of the error that the change caused has disappeared at the end."""
    return bool(jump - after > (jump - before) / 2)


def summary(stream: Stream, before: float, jump: float, after: float) -> str:
    """Return the answer of the lesson: what happened to the error of the network that learns row by row.

    Args:
        stream: The stream.
        before: The error just before the change.
        jump: The error just after it.
        after: The error at the end.
    """
    if not np.isfinite(after):
        return f"Not on this table: at a learning rate of {RATE:g} a single row can make the weights infinite."
    unit = " standard deviations" if stream.table.task == "regression" else ""
    texts = [f"{number(value, 2)}{unit}" if unit else percent(value) for value in (before, jump, after)]
    rows = number(stream.seen[PARTS] - stream.seen[CHANGE])
    if follows(before, jump, after):
        return (
            f"Yes, with one small step per row: when the answers changed, its error rose from {texts[0]} to {texts[1]}"
            f". After {rows} more rows, none of which was kept, it was {texts[2]}."
        )
    return (
        f"Not from so few rows: when the answers changed, its error rose from {texts[0]} to {texts[1]}, and after "
        f"{rows} more rows it was still {texts[2]}. The network takes only one small step per row."
    )


def _learners(stream: Stream, current: Mapping[str, Floats], network_follows: bool) -> Picture:
    verb = "follows" if network_follows else "hardly follows"
    return _picture(
        "Error along the stream",
        f"After {number(stream.seen[CHANGE])} rows the answers change. The network that learns row by row {verb} the "
        "change. A batch of all rows still contains the old answers; a batch of the last rows is right once all of "
        "them are new.",
        "Error on test rows, by the answers that are currently right, against the rows seen; one line per learner.",
        stream, current, LEARNERS,
    )  # fmt: skip


def _old_and_new(stream: Stream, errors: Floats) -> Picture:
    return _picture(
        "Learned and forgotten",
        "The network that learns row by row, measured by the old answers and by the new ones. It knows only one of "
        "them at a time: no row is kept, and later rows overwrite what it has learned before.",
        "Error of the network that learns row by row against the rows seen, measured by the old and the new answers.",
        stream, dict(zip(ANSWERS, errors.T[::-1], strict=True)), ANSWERS,
    )  # fmt: skip


def _rates(stream: Stream, by_rate: Mapping[str, Floats]) -> Picture:
    diverged = any(np.isnan(values).any() for values in by_rate.values())
    hint = " (where a line ends early, the weights became infinite)" if diverged else ""
    return _picture(
        "The learning rate",
        "The learning rate sets how much one row changes the weights. With a small rate the network learns the new "
        f"answers slowly; with a large one each row makes its error jump{hint}. The rate can't fall to 0 as it does in "
        "a training that ends.",
        "Error against the rows seen for networks that learn row by row; one line per learning rate.",
        stream, by_rate, dict(zip(by_rate, STYLES, strict=False)),
    )  # fmt: skip


def _picture(
    title: str, text: str, alt: str, stream: Stream, lines: Mapping[str, Floats], styles: Mapping[str, Any]
) -> Picture:
    """Draw errors along the stream."""
    with panels(width=4.4, height=2.9) as (figure, axes):
        panel = axes[0, 0]
        for name, values in lines.items():
            color, dash = styles[name]
            panel.plot(stream.seen, values, color=color, linestyle=dash)
        top = 1.12 * max(float(np.nanmax(values)) for values in lines.values())
        panel.set_ylim(0, top)
        panel.axvline(stream.seen[CHANGE], color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        panel.text(stream.seen[CHANGE], top, " the answers change", color=MUTED, va="top")
        panel.grid(visible=False, axis="x")
        panel.set_title(error_name(stream.head))
        panel.set_xlabel("rows seen")
        label_lines(panel, list(lines))
    return Picture(title, text, figure, alt, pd.DataFrame({"rows seen": stream.seen} | dict(lines)))


def _discs(stream: Stream, network: keras.Sequential, path: Path) -> Picture:
    """Draw where the network that learns row by row answers yes, at the change and at the end, and the true disc."""
    start = network.get_weights()
    across, up = (np.linspace(*ends, 121) for ends in PLANE)
    # All points of the plane as a table of two columns, to be encoded like the stream: (121 * 121, 2).
    grid = pd.DataFrame(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), columns=pd.Index(["x1", "x2"]))
    x = stream.preprocessing.transform(grid)
    angle = np.linspace(0, 2 * np.pi, 181)  # of the circle
    lines = []
    with panels(2, width=7.2, height=2.7, share=True) as (figure, axes):
        moments = zip(axes[0], ("before the change", "at the end"), path.weights, CENTERS, strict=True)
        for panel, moment, weights, center in moments:
            network.set_weights(weights)
            decided = stream.head.decide(Scorer(network)(x)).reshape(len(up), -1)
            panel.contourf(across, up, decided, levels=[0.5, 1.5], colors=[BLUE], alpha=0.25)
            panel.plot(center[0] + RADIUS * np.cos(angle), center[1] + RADIUS * np.sin(angle), color=INK)
            panel.set_aspect("equal")
            panel.set_title(f"{moment}: x2 over x1")
            inside = np.hypot(*(grid.to_numpy() - center).T) < RADIUS
            lines.append({"moment": moment, "area decided correctly": float((inside == decided.ravel()).mean())})
    network.set_weights(start)
    shares = [float(line["area decided correctly"]) for line in lines]
    return Picture(
        "The disc that moves",
        "The circle is the border of the disc, which jumps to the right halfway through the stream. In the blue area "
        "the network that learns row by row answers yes. It sees each row once, and decides "
        f"{percent(shares[0])} of the plane correctly before the change and {percent(shares[1])} at the end.",
        figure,
        "Two planes with the circle and the blue area of the network, before the change and at the end.",
        pd.DataFrame(lines),
    )


def _lowest_at_the_end(current: Mapping[str, Floats]) -> str:
    best = min(current, key=lambda learner: np.nan_to_num(current[learner][-1], nan=np.inf))
    return "learning row by row has" if best == "row by row" else f"the learner “{best}” has"


def _cost(stream: Stream, current: Mapping[str, Floats], epochs: int) -> pd.DataFrame:
    length, trainings = max(EPOCH_ROWS, stream.seen[-1]), len(range(0, PARTS + 1, REFIT))
    rows_kept = {"batch, all rows": len(stream.order), "batch, last rows": len(stream.start)}
    processed = {"row by row": stream.seen[-1] - stream.seen[0], "not updated": 0}
    return pd.DataFrame.from_dict(
        {
            learner: {
                "rows kept": rows_kept.get(learner, 0),
                "rows processed": processed.get(learner, length * epochs * trainings),
                "error before the change": errors[CHANGE - 1],
                "just after it": errors[CHANGE],
                "at the end": errors[-1],
            }
            for learner, errors in current.items()
        },
        orient="index",
    ).rename_axis("learner")
