"""What a network makes of a plane: its decision regions, its hidden units, and the plane after each hidden layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from recipes.drawing import INK, MUTED, dots, field, panels, regions
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.playground import Recording, forward, page
from recipes.lessons.tools.rows import load
from recipes.lessons.tools.shapes import SHAPES, points
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import percent, plain

__all__ = ["show"]

ROWS = 300
MOST_CLASSES = 6
WIDE = (100,)  # of the case study
STEPS, CALL = 300, 20  # of the linear and the wide model, and how many of them one compiled call takes
SMALL = (8, 2)  # of the recorded network: its last hidden layer is a plane again
EPOCHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 39, 46, 54, 64, 75, 88, 104, 122, 144, 170, 200)
STAGES = (0, 5, 20, 46, 104, 200)  # of those, the ones in the picture
GRID = 70

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Plane:
    """Points of several classes in a plane, and further points of the same kind."""

    name: str
    labels: list[str]
    axes: tuple[str, str]
    x: Floats
    y: NDArray[np.int32]
    new_x: Floats
    new_y: NDArray[np.int32]

    @property
    def window(self) -> tuple[float, float]:
        """Both ends of what is drawn: nearly all points, and never less than the shapes need."""
        reach = float(np.quantile(np.abs(self.x), 0.99))
        end = round(max(1.2, 1.1 * reach), 2)
        return -end, end


def show(
    data: Any = None,
    *,
    target: str | None = None,
    task: str = "multiclass",
    columns: Sequence[str] | None = None,
    seed: int = 0,
) -> Lesson:
    """Run the lesson: a line against a network, the training step by step, each hidden layer and its units.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes four shapes: clouds, a disc in a ring, xor, a spiral.
        target: The column to predict.
        task: "multiclass" (two classes too) or "binary".
        columns: The two columns of numbers to look at; None takes those that predict the target best by themselves.
        seed: Seed of the points, the initial weights and the order of the rows.

    Returns:
        The lesson; its `report` writes the playground beside its page.

    Raises:
        DataError: The data, the task or the columns are not what they should be.
    """
    if data is None:
        planes = [_shape(name, seed) for name in SHAPES]
        said = f"four generated shapes of {ROWS} points, and as many new points; seed {seed}"
    else:
        plane, said = _own(data, target, task, columns, seed)
        planes = [plane]
    trainer = _Trainer(seed)
    fits = {(plane.name, hidden): trainer.fit(plane, hidden) for plane in planes for hidden in ((), WIDE)}
    recordings = [trainer.record(plane) for plane in planes]
    last = recordings[-1]  # the hardest
    table = _table(planes, fits, recordings)
    row = table.loc[last.name]
    return Lesson(
        name="space",
        title="What a layer does to the plane",
        summary=f"A linear model cuts the plane with straight lines and gets {percent(row['linear'])} of "
        f"the points that it learned from ({last.name}) right; one hidden layer of {WIDE[0]} neurons gets "
        f"{percent(row['100 hidden'])}. Hidden layers bend the plane: "
        "straight lines on the bent plane are curves on the plane itself.",
        pictures=(
            _lines_or_not(planes, fits, table),
            _while_it_learns(last),
            _layers(recordings if len(recordings) == 1 else [recordings[1], last]),
            _units(last),
        ),
        decks=("NN",),
        data=said,
        extra_pages={"playground": page(recordings)},
    )


def _shape(name: str, seed: int) -> _Plane:
    # New points have a seed of their own, as far away as a user's next seeds are not; there are 2 ** 32 of them.
    labels = [f"class {k + 1}" for k in range(SHAPES[name])]
    return _Plane(name, labels, ("x", "y"), *points(name, ROWS, seed), *points(name, ROWS, (seed + 1_000_000) % 2**32))


def _the(name: str) -> str:
    return f"the {name}" if name in SHAPES else name


def _own(data: Any, target: str | None, task: str, columns: Sequence[str] | None, seed: int) -> tuple[_Plane, str]:
    """Return two columns of a user's table, scaled."""
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS, tasks=("multiclass", "binary"))
    numbers = [column.name for column in rows.dataset.features.columns if column.kind == "number"]
    if columns is None:
        alone = {entry["name"]: entry["alone"] or 0.0 for entry in rows.dataset.describe()["columns"]}
        columns = sorted(numbers, key=lambda name: -alone.get(name, 0.0))[:2]
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        raise DataError(f"columns={columns!r}: expected two columns of numbers, as columns=[one, another].")
    if len(columns) != 2 or columns[0] == columns[1]:
        raise DataError(
            f"this lesson draws two columns of numbers, and has {len(columns)}: give columns=[one, another]."
        )
    for name in columns:
        if name not in numbers:
            raise DataError(f"'{name}' is not one of the columns of numbers.{nearest(name, numbers)}")
    places = [rows.columns.index(name) for name in columns]
    ids = {part: rows.y[part].astype(np.int32).ravel() for part in ("train", "validation")}
    counts = np.bincount(ids["train"], minlength=2)
    if (counts > 0).sum() < 2:
        raise DataError(
            f"the {len(ids['train'])} training rows drawn hold one class only, and a border needs two: take the rare "
            "class's rows and fewer of the others, or another target."
        )
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])
    of = np.full(len(counts) + MOST_CLASSES, -1)
    of[kept] = np.arange(len(kept))
    parts = []
    for part, own in ids.items():
        inside = np.isin(own, kept)
        parts += [np.ascontiguousarray(rows.x[part][inside][:, places]), of[own[inside]].astype(np.int32)]
    labels = [plain(str(rows.dataset.target.classes[k])) for k in kept]
    axes = plain(columns[0]), plain(columns[1])
    said = f"{rows.description}; of its columns {axes[0]} and {axes[1]}, scaled; the dots are rows of this data"
    if len(kept) < len(counts):
        said += f"; its {MOST_CLASSES} most frequent classes"
    return _Plane("these rows", labels, axes, *parts), said


class _Trainer:
    """Trains networks one after another; those of one structure share a compiled epoch."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._workers: dict[Any, Any] = {}

    def fit(self, plane: _Plane, hidden: tuple[int, ...]) -> list[Floats]:
        """Return the weights of a linear model or a network of ReLU, trained on all points a step."""
        states = self._run(plane, hidden, "relu", 0.1 if not hidden else 0.02, len(plane.x), (STEPS // CALL,), CALL)
        return states[-1][0]

    def record(self, plane: _Plane) -> Recording:
        """Train the small network and keep its states."""
        states = self._run(plane, SMALL, "tanh", 0.02, 50, EPOCHS)
        return Recording(
            plane.name,
            plane.labels,
            plane.axes,
            plane.x,
            plane.y,
            plane.window,
            EPOCHS,
            [weights for weights, _, _ in states],
            [loss for _, loss, _ in states],
            [right for _, _, right in states],
        )

    def _run(
        self,
        plane: _Plane,
        hidden: tuple[int, ...],
        activation: str,
        rate: float,
        batch: int,
        kept: Sequence[int],
        passes: int = 1,
    ) -> list[tuple[list[Floats], float, float]]:
        """Train; return weights, loss and share right after each of the epochs to keep, each of so many passes."""
        import keras
        import tensorflow as tf

        from toolkit.builders import mlp
        from toolkit.heads import get_head
        from toolkit.training.epochs import Worker

        units = len(plane.labels)
        head = get_head("multiclass", "softmax")
        model = mlp(2, units, hidden=hidden, activation=activation, seed=self.seed)
        key = hidden, activation, units, batch, len(plane.x)
        if key not in self._workers:
            self._workers[key] = Worker(model, head.loss(), keras.optimizers.Adam(rate), batch)
        worker = self._workers[key]
        worker.start(model)
        rows = [tf.constant(plane.x), tf.constant(plane.y), None]
        states = []
        for epoch in range(max(kept) + 1):
            if epoch:
                order = np.random.default_rng((self.seed, epoch)).permutation(len(plane.x))
                worker.train(rows, np.tile(order, passes).astype(np.int32))
            if epoch in kept:
                losses, scores = worker.validate(rows)
                states.append((worker.model.get_weights(), float(losses[0]), head.measure(plane.y, scores[0])))
        return states


def _right(weights: Sequence[Floats], x: Floats, y: NDArray[Any]) -> float:
    return float((_scores(weights, x).argmax(axis=1) == y).mean())


def _scores(weights: Sequence[Floats], x: Floats) -> Floats:
    """Return the scores of a linear model or of a network with one layer of ReLU."""
    if len(weights) == 2:
        return x @ weights[0] + weights[1]
    return np.maximum(x @ weights[0] + weights[1], 0) @ weights[2] + weights[3]


def _grid(window: tuple[float, float], steps: int = GRID) -> Floats:
    across, up = np.meshgrid(np.linspace(*window, steps), np.linspace(*window, steps))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)


def _table(planes: Sequence[_Plane], fits: dict[Any, list[Floats]], recordings: Sequence[Recording]) -> pd.DataFrame:
    lines = {}
    for plane, recording in zip(planes, recordings, strict=True):
        linear, wide, small = fits[plane.name, ()], fits[plane.name, WIDE], recording.weights[-1]
        lines[plane.name] = {
            "linear": _right(linear, plane.x, plane.y),
            "100 hidden": _right(wide, plane.x, plane.y),
            "8 and 2 hidden": recording.right[-1],
            "linear, new points": _right(linear, plane.new_x, plane.new_y),
            "100 hidden, new points": _right(wide, plane.new_x, plane.new_y),
            "8 and 2 hidden, new points": float((forward(small, plane.new_x)[-1].argmax(axis=1) == plane.new_y).mean()),
        }
    return pd.DataFrame(lines).T


def _lines_or_not(planes: Sequence[_Plane], fits: dict[Any, list[Floats]], table: pd.DataFrame) -> Picture:
    # Several planes stand beside each other, both models below each other; of one plane, both models side by side.
    columns, rows, width, height = (len(planes), 2, 1.9 * len(planes), 4.2) if len(planes) > 1 else (2, 1, 6.0, 3.2)
    with panels(columns, rows, width=width, height=height) as (figure, axes):
        for place, plane in enumerate(planes):
            for row, (hidden, what) in enumerate((((), "linear"), (WIDE, "100 hidden"))):
                panel = axes[row, place] if rows > 1 else axes[0, row]
                weights = fits[plane.name, hidden]
                decided = _scores(weights, _grid(plane.window)).argmax(axis=1).reshape(GRID, GRID)
                regions(panel, decided, plane.window)
                wrong = _scores(weights, plane.x).argmax(axis=1) != plane.y
                dots(panel, plane.x, plane.y, wrong, size=2.0)
                name = f"{plane.name}, {what}" if rows > 1 else what
                panel.set_title(f"{name}: {percent(table.loc[plane.name, what], 0)}", color=INK)
    names = "; ".join(f"{label} is {color}" for label, color in zip(planes[-1].labels, _COLORS, strict=False))
    return Picture(
        "Lines and curves",
        "Colors are what the model decides, dots the points it learned from, crosses those it gets wrong: a linear "
        "model has straight borders only, a hidden layer bends them."
        + ("" if len(planes) > 1 else f" Of your classes, {names}."),
        figure,
        "Maps of the plane colored by decision, for a linear model and for a network with 100 hidden neurons.",
        table,
    )


_COLORS = ("blue", "orange", "green", "purple", "gray", "black")


def _while_it_learns(recording: Recording) -> Picture:
    places = [recording.epochs.index(epoch) for epoch in STAGES]
    with panels(3, 2, width=6.0, height=4.3) as (figure, axes):
        for panel, place in zip(axes.flat, places, strict=True):
            decided = forward(recording.weights[place], _grid(recording.window))[-1].argmax(axis=1)
            wrong = forward(recording.weights[place], recording.x)[-1].argmax(axis=1) != recording.y
            regions(panel, decided.reshape(GRID, GRID), recording.window)
            dots(panel, recording.x, recording.y, wrong, size=1.9)
            panel.set_title(f"epoch {recording.epochs[place]}: {percent(recording.right[place], 0)}", color=INK)
    return Picture(
        "While it learns",
        f"A small network of {SMALL[0]} and {SMALL[1]} hidden neurons on {_the(recording.name)}, after more and more "
        "passes over the points. The playground beside this page goes through every recorded epoch.",
        figure,
        "Six maps of the plane colored by decision, from before training to the last epoch.",
        pd.DataFrame({"epoch": recording.epochs, "loss": recording.losses, "share right": recording.right}),
    )


def _layers(recordings: Sequence[Recording]) -> Picture:
    """Draw the plane, and what the first and the second hidden layer make of it."""
    lines = {}
    with panels(3, len(recordings), width=7.0, height=2.45 * len(recordings)) as (figure, axes):
        for row, recording in zip(axes, recordings, strict=True):
            weights = recording.weights[-1]
            one, two, _ = forward(weights, recording.x)
            centre = one.mean(axis=0)
            turn = np.linalg.svd(one - centre, full_matrices=False)[2][:2].T
            turn *= np.sign(turn[np.abs(turn).argmax(axis=0), [0, 1]])  # which way round is nobody's choice

            def flat(x: Floats, at: Any = centre, onto: Any = turn, of: Any = weights) -> Floats:
                return (forward(of, x)[0] - at) @ onto

            views = (
                ("the plane as it is", lambda x: x),
                (f"after layer 1 ({SMALL[0]} neurons)", flat),
                (f"after layer 2 ({SMALL[1]} neurons)", lambda x, of=weights: forward(of, x)[1]),
            )
            for panel, (title, view) in zip(row, views, strict=True):
                _bent(panel, recording.window, view)
                dots(panel, view(recording.x), recording.y, size=2.0)
                panel.set_title(title, color=INK)
            inside = _grid((-1.05, 1.05))
            straight = (inside @ weights[-2] + weights[-1]).argmax(axis=1).reshape(GRID, GRID)
            regions(row[2], straight, (-1.05, 1.05), alpha=0.2)
            spread = np.square(one - centre).sum()
            lines[recording.name] = {
                "share right with lines on the plane": _best_lines(recording.x, recording.y),
                "share right with lines after layer 1": _best_lines(one, recording.y),
                "share right with lines after layer 2": _best_lines(two, recording.y),
                "share of layer 1 that the picture shows": float(np.square(flat(recording.x)).sum() / spread),
            }
    hardest = lines[recordings[-1].name]
    first, last = (hardest[f"share right with lines {where}"] for where in ("on the plane", "after layer 2"))
    return Picture(
        "The plane after each layer",
        "The same points on the same square net: as they are, after the first hidden layer (from its widest side) and "
        f"after the second. Straight borders, all that the last layer can draw, get {percent(first)} of "
        f"{_the(recordings[-1].name)} right on the plane, and {percent(last)} after layer 2.",
        figure,
        "For each data set three pictures of a net with the points on it: flat, bent by one layer, bent by two.",
        pd.DataFrame(lines).T,
    )


def _best_lines(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the share right of logistic regression, which has straight borders."""
    from sklearn.linear_model import LogisticRegression

    return float(LogisticRegression(C=100.0, max_iter=2_000).fit(x, y).score(x, y))


def _bent(panel: Axes, window: tuple[float, float], view: Any) -> None:
    """Draw a square net of the plane as a layer bends it."""
    along = np.linspace(*window, 40)
    for at in np.linspace(*window, 11):
        for line in (np.stack([along, np.full(40, at)], axis=1), np.stack([np.full(40, at), along], axis=1)):
            seen = view(line.astype(np.float32))
            panel.plot(seen[:, 0], seen[:, 1], color=MUTED, linewidth=0.4, alpha=0.6)
    panel.set_box_aspect(1)
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])


def _units(recording: Recording) -> Picture:
    """Draw what each hidden unit says over the plane."""
    states = forward(recording.weights[-1], _grid(recording.window, 36))
    own = forward(recording.weights[-1], recording.x)
    lines = []
    with panels(5, 2, width=7.4, height=3.3) as (figure, axes):
        order = [*axes[:, :4].flat, *axes[:, 4]]
        names = [f"layer 1, neuron {k + 1}" for k in range(SMALL[0])] + [
            f"layer 2, neuron {k + 1}" for k in range(SMALL[1])
        ]
        for place, (panel, name) in enumerate(zip(order, names, strict=True)):
            layer, unit = divmod(place, SMALL[0])
            field(panel, states[layer][:, unit].reshape(36, 36), recording.window)
            panel.set_title(name, color=INK)
            output = own[layer][:, unit]
            lines.append(
                {
                    "neuron": name,
                    "mean output": float(output.mean()),
                    "share of points where it is positive": float((output > 0).mean()),
                    "share of points where it is saturated": float((np.abs(output) > 0.99).mean()),
                }
            )
    return Picture(
        "What each hidden neuron says",
        "Blue is an output near 1, orange near −1. A neuron of the first layer divides the plane by a straight line; "
        "one of the second joins the eight into a curved region.",
        figure,
        "Ten small maps of the plane: eight neurons of the first layer with straight borders, two of the second with "
        "curved ones.",
        pd.DataFrame(lines),
    )
