"""What a network does to a plane: its decision regions, its hidden neurons, and the plane after each hidden layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from recipes.drawing import INK, MUTED, dots, field, name_axes, panels, regions
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from recipes.lessons.tools.recording import Recording, forward
from recipes.lessons.tools.rows import load
from recipes.lessons.tools.shapes import SHAPES, points
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import percent, plain
from toolkit.data.dataset import SplitData

__all__ = ["COLOR_NAMES", "Plane", "Trainer", "generated_plane", "show", "table_plane", "two_columns"]

ROWS = 300
MAX_CLASSES = 6
WIDE = (100,)  # of the case study
STEPS, STEPS_PER_CALL = 300, 20  # of the linear and the wide model, and how many of them one compiled call takes
SMALL = (8, 2)  # of the recorded network: the outputs of its last hidden layer are points of a plane again
# Close together at first, when most changes, and further and further apart
EPOCHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 39, 46, 54, 64, 75, 88, 104, 122, 144, 170, 200)
STAGES = (0, 5, 20, 46, 104, 200)  # the epochs in the picture
GRID = 70  # points of a map along each axis
NEURON_GRID = 36
COLOR_NAMES = ("blue", "orange", "green", "purple", "gray", "black")

Floats = NDArray[np.float32]
Fits = dict[tuple[str, tuple[int, ...]], list[Floats]]  # name of a plane and hidden layers -> trained weights


@dataclass(frozen=True)
class Plane:
    """Points of several classes in a plane, shape (n, 2), and new points of the same kind."""

    name: str
    labels: list[str]
    axes: tuple[str, str]
    x: Floats
    y: NDArray[np.int32]
    new_x: Floats
    new_y: NDArray[np.int32]

    @property
    def window(self) -> tuple[float, float]:
        """Both ends of the maps: they show nearly all points, and at least -1.2 to 1.2."""
        limit = float(np.quantile(np.abs(self.x), 0.99))
        # A few far points may lie outside; with them inside, all others would crowd in the middle.
        end = round(max(1.2, 1.1 * limit), 2)
        return -end, end


def show(
    data: Any = None,
    *,
    target: str | None = None,
    task: str = "multiclass",
    columns: Sequence[str] | None = None,
    seed: int = 0,
) -> Lesson:
    """Run the lesson: compare a linear model with a network, record a training, and draw each layer and its neurons.

    Args:
        data: A path, a DataFrame, or an (X, y) pair; None takes four shapes: clouds, a disc in a ring, xor, a spiral.
        target: The column to predict.
        task: "multiclass" (two classes too) or "binary".
        columns: The two columns of numbers to draw; None takes the two with the highest predictive power.
        seed: Seed of the points, the initial weights and the order of the rows.

    Returns:
        The lesson.

    Raises:
        DataError: The lesson can't use the data, the task or the columns.
    """
    if data is None:
        planes = [generated_plane(name, seed) for name in SHAPES]
        description = f"four generated shapes of {ROWS} points, and as many new points; seed {seed}"
    else:
        plane, description = table_plane(data, target, task, columns, seed)
        planes = [plane]
    trainer = Trainer(seed)
    fits: Fits = {(plane.name, hidden): trainer.fit(plane, hidden) for plane in planes for hidden in ((), WIDE)}
    recordings = [trainer.record(plane) for plane in planes]
    hardest = recordings[-1]
    table = _table(planes, fits, recordings)
    row = table.loc[hardest.name]
    return Lesson(
        name="space",
        title="What a layer does to the plane",
        summary=f"A linear model divides the plane with straight lines, and classifies {percent(row['linear'])} of the "
        f"training points correctly ({hardest.name}); one hidden layer of {WIDE[0]} neurons gets "
        f"{percent(row['100 hidden'])}. Hidden layers bend the plane: a straight line on the bent plane is a curve on "
        "the original plane.",
        pictures=(
            _lines_and_curves(planes, fits, table),
            _training(hardest),
            _layers(recordings if len(recordings) == 1 else [recordings[1], hardest]),
            _neurons(hardest),
        ),
        decks=("NN",),
        data=description,
    )


def generated_plane(name: str, seed: int) -> Plane:
    """Return the points of one of `SHAPES`, and as many new points."""
    labels = [f"class {k + 1}" for k in range(SHAPES[name])]
    # The seed of the new points is far from the seeds that a user is likely to try next.
    new = points(name, ROWS, (seed + 1_000_000) % 2**32)
    return Plane(name, labels, ("x", "y"), *points(name, ROWS, seed), *new)


def table_plane(
    data: Any, target: str | None, task: str, columns: Sequence[str] | None, seed: int
) -> tuple[Plane, str]:
    """Return two columns of a table, scaled, and a description of the data; the arguments are those of `show`."""
    rows = load(data, target=target, task=task, seed=seed, train_rows=ROWS, tasks=("multiclass", "binary"))
    columns = two_columns(rows.dataset, columns)
    indices = [rows.columns.index(name) for name in columns]
    ids = {part: rows.y[part].astype(np.int32).ravel() for part in ("train", "validation")}
    counts = np.bincount(ids["train"], minlength=2)
    if (counts > 0).sum() < 2:
        raise DataError(
            f"the {len(ids['train'])} training rows drawn at random hold one class only, and a decision border needs "
            "two: give the rare class's rows and fewer of the others, or another target."
        )
    # The most frequent classes get the ids 0, 1, ...; the others get -1 and are left out.
    frequent = np.sort(np.argsort(-counts, kind="stable")[:MAX_CLASSES])
    new_ids = np.full(len(counts) + MAX_CLASSES, -1)
    # Counts 5 90 2 60, with room for two classes: frequent 1 3 -> new ids -1 0 -1 1.
    new_ids[frequent] = np.arange(len(frequent))
    parts = []
    for part, part_ids in ids.items():
        mask = np.isin(part_ids, frequent)
        parts += [np.ascontiguousarray(rows.x[part][mask][:, indices]), new_ids[part_ids[mask]].astype(np.int32)]
    labels = [plain(str(rows.dataset.target.classes[k])) for k in frequent]
    axes = plain(columns[0]), plain(columns[1])
    description = f"{rows.description}; its columns {axes[0]} and {axes[1]}, scaled; each dot is a row of this data"
    if len(frequent) < len(counts):
        description += f"; its {MAX_CLASSES} most frequent classes"
    return Plane("these rows", labels, axes, *parts), description


def two_columns(dataset: SplitData, columns: Sequence[str] | None) -> Sequence[str]:
    """Check the two columns to draw; by default return those with the highest predictive power.

    Args:
        dataset: The data.
        columns: Two names, or None.

    Raises:
        DataError: They are not two different columns of numbers.
    """
    numbers = [column.name for column in dataset.features.columns if column.kind == "number"]
    if columns is None:
        power = {entry["name"]: entry["alone"] or 0.0 for entry in dataset.describe()["columns"]}
        columns = sorted(numbers, key=lambda name: -power.get(name, 0.0))[:2]
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        raise DataError(f"columns={columns!r}: expected two columns of numbers, as columns=['height', 'width'].")
    if len(columns) != 2 or columns[0] == columns[1]:
        raise DataError(
            f"this lesson draws two different columns of numbers, and got {list(columns)!r}: give them as "
            "columns=['height', 'width']."
        )
    for name in columns:
        if name not in numbers:
            raise DataError(f"'{name}' is not one of the columns of numbers.{nearest(name, numbers)}")
    return columns


class Trainer:
    """Trains networks one after another; networks of one structure share a compiled epoch."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._workers: dict[Any, Any] = {}

    def fit(self, plane: Plane, hidden: tuple[int, ...]) -> list[Floats]:
        """Return the weights of a linear model, or of a ReLU network, trained on all points at each step."""
        rate = 0.02 if hidden else 0.1
        states = self._run(plane, hidden, "relu", rate, len(plane.x), (STEPS // STEPS_PER_CALL,), STEPS_PER_CALL)
        return states[-1][0]

    def record(self, plane: Plane) -> Recording:
        """Train the small network, and record its states after `EPOCHS`."""
        states = self._run(plane, SMALL, "tanh", 0.02, 50, EPOCHS)
        weights, losses, accuracies = map(list, zip(*states, strict=True))
        return Recording(
            plane.name, plane.labels, plane.axes, plane.x, plane.y, plane.window, EPOCHS, weights, losses, accuracies
        )

    def _run(
        self,
        plane: Plane,
        hidden: tuple[int, ...],
        activation: str,
        rate: float,
        batch: int,
        epochs: Sequence[int],
        passes: int = 1,
    ) -> list[tuple[list[Floats], float, float]]:
        """Train, and return weights, loss and accuracy after each of `epochs`; an epoch takes this many passes."""
        import keras
        import tensorflow as tf

        from toolkit.builders import mlp
        from toolkit.heads import get_head
        from toolkit.training.epochs import Worker

        units = len(plane.labels)
        head = get_head("multiclass", "softmax")
        model = mlp(2, units, hidden=hidden, activation=activation, seed=self.seed)
        # What a compiled step depends on. The learning rate follows from the hidden layers.
        key = hidden, activation, units, batch, len(plane.x)
        if key not in self._workers:
            self._workers[key] = Worker(model, head.loss(), keras.optimizers.Adam(rate), batch)
        worker = self._workers[key]
        worker.start(model)
        rows = [tf.constant(plane.x), tf.constant(plane.y), None]
        states = []
        for epoch in range(max(epochs) + 1):
            step(f"{plane.name}, epoch", epoch, max(epochs))
            if epoch:
                order = np.random.default_rng((self.seed, epoch)).permutation(len(plane.x))
                # Several passes in one call: order 2 0 1, two passes -> 2 0 1 2 0 1.
                worker.train(rows, np.tile(order, passes).astype(np.int32))
            if epoch in epochs:  # epoch 0 is the network before training
                losses, scores = worker.validate(rows)
                states.append((worker.model.get_weights(), float(losses[0]), head.measure(plane.y, scores[0])))
        return states


def _scores(weights: Sequence[Floats], x: Floats) -> Floats:
    """Return the scores, (n, units), of a linear model or of a network with one layer of ReLU."""
    if len(weights) == 2:
        return x @ weights[0] + weights[1]
    return np.maximum(x @ weights[0] + weights[1], 0) @ weights[2] + weights[3]


def _accuracy(scores: NDArray[Any], y: NDArray[Any]) -> float:
    return float((scores.argmax(axis=1) == y).mean())


def _grid(window: tuple[float, float], steps: int = GRID) -> Floats:
    """Return the points of an even grid, (steps * steps, 2), the lowest row first."""
    # (steps, steps) for x and for y -> (steps², 2), the lowest row of the map first
    across, up = np.meshgrid(np.linspace(*window, steps), np.linspace(*window, steps))
    return np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)


def _map(panel: Axes, scores: Callable[[Floats], Floats], plane: Plane | Recording, size: float) -> None:
    """Color a map by what a model decides, and draw the points of the plane, mistakes as crosses."""
    regions(panel, scores(_grid(plane.window)).argmax(axis=1).reshape(GRID, GRID), plane.window)
    dots(panel, plane.x, plane.y, scores(plane.x).argmax(axis=1) != plane.y, size=size)


def _table(planes: Sequence[Plane], fits: Fits, recordings: Sequence[Recording]) -> pd.DataFrame:
    lines = {}
    for plane, recording in zip(planes, recordings, strict=True):
        linear, hidden = fits[plane.name, ()], fits[plane.name, WIDE]
        lines[plane.name] = {
            "linear": _accuracy(_scores(linear, plane.x), plane.y),
            "100 hidden": _accuracy(_scores(hidden, plane.x), plane.y),
            "8 and 2 hidden": recording.right[-1],
            "linear, new points": _accuracy(_scores(linear, plane.new_x), plane.new_y),
            "100 hidden, new points": _accuracy(_scores(hidden, plane.new_x), plane.new_y),
            "8 and 2 hidden, new points": _accuracy(forward(recording.weights[-1], plane.new_x)[-1], plane.new_y),
        }
    return pd.DataFrame(lines).T


def _lines_and_curves(planes: Sequence[Plane], fits: Fits, table: pd.DataFrame) -> Picture:
    models = (((), "linear"), (WIDE, "100 hidden"))
    several = len(planes) > 1
    # Several planes: one column per plane, one row per model. One plane: both models side by side.
    columns, rows, width, height = (len(planes), 2, 1.9 * len(planes), 4.2) if several else (2, 1, 6.0, 3.2)
    with panels(columns, rows, width=width, height=height) as (figure, axes):
        for column, plane in enumerate(planes):
            for row, (hidden, model) in enumerate(models):
                panel = axes[row, column] if several else axes[0, row]
                _map(panel, lambda x, w=fits[plane.name, hidden]: _scores(w, x), plane, 2.0)
                name = f"{plane.name}, {model}" if several else model
                panel.set_title(f"{name}: {percent(table.loc[plane.name, model], 0)}", color=INK)
        name_axes(axes, _axis_names(several))
    colors = "; ".join(f"{label} is {color}" for label, color in zip(planes[-1].labels, COLOR_NAMES, strict=False))
    across, up = planes[-1].axes
    return Picture(
        "Lines and curves",
        "The color is the decision of the model, dots are its training points, and crosses those that it gets wrong. "
        "The borders of a linear model are straight; a hidden layer bends them."
        + ("" if several else f" From left to right: {across}; upwards: {up}; both scaled. The classes: {colors}."),
        figure,
        "Maps of the plane colored by decision, for a linear model and for a network with 100 hidden neurons.",
        table,
    )


def _axis_names(generated: bool) -> tuple[str, str]:
    """Return the names of both axes. Those of a table are in the text: a picture holds no text of the user's."""
    return ("x", "y") if generated else ("first column", "second column")


def _training(recording: Recording) -> Picture:
    with panels(3, 2, width=6.0, height=4.3) as (figure, axes):
        for panel, epoch in zip(axes.flat, STAGES, strict=True):
            state = recording.epochs.index(epoch)
            _map(panel, lambda x, w=recording.weights[state]: forward(w, x)[-1], recording, 1.9)
            panel.set_title(f"epoch {epoch}: {percent(recording.right[state], 0)}", color=INK)
        name_axes(axes, _axis_names(recording.name in SHAPES))
    return Picture(
        "While it learns",
        f"A small network of {SMALL[0]} and {SMALL[1]} hidden neurons on {_the(recording.name)}, after more and more "
        "passes over the points. The lesson `playground` trains such a network in the browser.",
        figure,
        "Six maps of the plane colored by decision, from before training to the last epoch.",
        pd.DataFrame({"epoch": recording.epochs, "loss": recording.losses, "accuracy": recording.right}),
    )


def _the(name: str) -> str:
    return f"the {name}" if name in SHAPES else name


def _layers(recordings: Sequence[Recording]) -> Picture:
    """Draw the plane, and its points after the first and after the second hidden layer."""
    lines = {}
    inside = (-1.05, 1.05)  # tanh lies between -1 and 1
    with panels(3, len(recordings), width=7.0, height=2.45 * len(recordings)) as (figure, axes):
        for row, recording in zip(axes, recordings, strict=True):
            weights = recording.weights[-1]
            first, second, _ = forward(weights, recording.x)  # (n, 8), (n, 2)
            flatten, share = _widest_side(first)
            views: tuple[tuple[str, Callable[[Floats], Floats]], ...] = (
                ("the original plane", lambda x: x),
                (f"after layer 1 ({SMALL[0]} neurons)", lambda x, w=weights, f=flatten: f(forward(w, x)[0])),
                (f"after layer 2 ({SMALL[1]} neurons)", lambda x, w=weights: forward(w, x)[1]),
            )
            for panel, (title, view) in zip(row, views, strict=True):
                _bent_net(panel, recording.window, view)
                dots(panel, view(recording.x), recording.y, size=2.0)
                panel.set_title(title, color=INK)
            name_axes(row[:1, None], _axis_names(recording.name in SHAPES))
            row[1].set(xlabel="first principal component", ylabel="second")
            row[2].set(xlabel="neuron 1", ylabel="neuron 2")
            # The last layer is linear: its borders on the plane of layer 2 are straight.
            decided = (_grid(inside) @ weights[-2] + weights[-1]).argmax(axis=1).reshape(GRID, GRID)
            regions(row[2], decided, inside, alpha=0.2)
            lines[recording.name] = {
                "accuracy of straight lines on the plane": _linear_accuracy(recording.x, recording.y),
                "accuracy of straight lines after layer 1": _linear_accuracy(first, recording.y),
                "accuracy of straight lines after layer 2": _linear_accuracy(second, recording.y),
                "share of layer 1 that the picture shows": share,
            }
    hardest = lines[recordings[-1].name]
    before, after = (hardest[f"accuracy of straight lines {stage}"] for stage in ("on the plane", "after layer 2"))
    return Picture(
        "The plane after each layer",
        "The same points on the same square net: on the original plane, after the first hidden layer (seen from its "
        "widest side), and after the second. The last layer can draw straight borders only. Such borders classify "
        f"{percent(before)} of {_the(recordings[-1].name)} correctly on the original plane, and {percent(after)} after "
        "layer 2.",
        figure,
        "For each data set three pictures of a net with the points on it: flat, bent by one layer, bent by two.",
        pd.DataFrame(lines).T,
    )


def _widest_side(outputs: NDArray[Any]) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], float]:
    """Return the projection of outputs, (n, units), on their first two principal components, and its share of variance.

    The signs of the components are arbitrary: the largest entry of each is made positive.
    """
    center = outputs.mean(axis=0)
    components = np.linalg.svd(outputs - center, full_matrices=False)[2][:2].T  # (units, 2)
    # A direction's sign is arbitrary. With its largest entry positive, the picture is the same on each machine.
    components *= np.sign(components[np.abs(components).argmax(axis=0), [0, 1]])

    def project(x: NDArray[Any]) -> NDArray[Any]:
        return (x - center) @ components

    return project, float(np.square(project(outputs)).sum() / np.square(outputs - center).sum())


def _linear_accuracy(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the training accuracy of logistic regression, whose borders are straight."""
    from sklearn.linear_model import LogisticRegression

    return float(LogisticRegression(C=100.0, max_iter=2_000).fit(x, y).score(x, y))


def _bent_net(panel: Axes, window: tuple[float, float], view: Callable[[Floats], Floats]) -> None:
    """Draw a square net of the plane as a layer bends it."""
    along = np.linspace(*window, 40)
    for level in np.linspace(*window, 11):
        across = np.full(40, level)
        # A horizontal and a vertical line of the net, (40, 2), bent point by point.
        for line in (np.stack([along, across], axis=1), np.stack([across, along], axis=1)):
            bent = view(line.astype(np.float32))
            panel.plot(bent[:, 0], bent[:, 1], color=MUTED, linewidth=0.4, alpha=0.6)
    panel.set_box_aspect(1)
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])


def _neurons(recording: Recording) -> Picture:
    on_grid = forward(recording.weights[-1], _grid(recording.window, NEURON_GRID))
    on_points = forward(recording.weights[-1], recording.x)
    lines = []
    with panels(5, 2, width=7.4, height=3.3) as (figure, axes):
        order = [*axes[:, :4].flat, *axes[:, 4]]  # layer 1 in the first four columns, layer 2 in the last
        neurons = [(layer, unit) for layer, units in enumerate(SMALL) for unit in range(units)]
        name_axes(axes, _axis_names(recording.name in SHAPES))
        for panel, (layer, unit) in zip(order, neurons, strict=True):
            name = f"layer {layer + 1}, neuron {unit + 1}"
            field(panel, on_grid[layer][:, unit].reshape(NEURON_GRID, NEURON_GRID), recording.window)
            panel.set_title(name, color=INK)
            output = on_points[layer][:, unit]
            lines.append(
                {
                    "neuron": name,
                    "mean output": float(output.mean()),
                    "share of points where it is positive": float((output > 0).mean()),
                    "share of points where it is saturated": float((np.abs(output) > 0.99).mean()),
                }
            )
    return Picture(
        "The output of each hidden neuron",
        "Blue is an output near 1, orange near −1. A neuron of the first layer divides the plane along a straight "
        "line; a neuron of the second layer combines the eight outputs into a curved region.",
        figure,
        "Ten small maps of the plane: eight neurons of the first layer with straight borders, two of the second with "
        "curved ones.",
        pd.DataFrame(lines),
    )
