"""Initial weights: zeros, ones, too small, too large, Glorot and He; and where different starts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, MUTED, ORANGE, PAPER, STYLES, dots, label_lines, log_scale, panels, regions
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from recipes.lessons.tools.shapes import points
from toolkit.common.formatting import number, percent

if TYPE_CHECKING:
    import keras

__all__ = ["show", "train_xor"]

#: The lesson's name of an initializer -> Keras's name; "large" is "small" times `LARGE`.
STARTS = {
    "zeros": "zeros",
    "ones": "ones",
    "small": "random_normal",
    "large": "random_normal",
    "Glorot": "glorot_uniform",
    "He": "he_normal",
}
LARGE = 20.0  # 0.05, the standard deviation of Keras's random_normal, becomes 1
SHALLOW_STARTS, DEEP_STARTS = ("zeros", "ones", "small", "Glorot", "He"), ("zeros", "small", "large", "Glorot", "He")
HIDDEN, SHALLOW_EPOCHS = 8, 100
WIDTH, DEPTH, RATE, EPOCHS, ROWS = 64, 6, 0.05, 12, 512
ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU"}
SATURATED = 0.99  # a tanh output beyond this, either way, is on the flat part
XOR_STARTS, XOR_STEPS, XOR_RATE = 200, 3_000, 0.1
WINDOW, GRID = (-1.25, 1.25), 60

Floats = NDArray[np.float64]
Weights = Sequence[NDArray[np.float32]]  # kernel, bias, kernel, bias, ...


@dataclass(frozen=True)
class _Training:
    """Networks trained side by side; each attribute has one entry per start.

    Attributes:
        before: The initial weights.
        after: The weights after training.
        losses: Loss on the training rows, before training and after each epoch.
        scores: Scores of the training rows after training.
    """

    before: dict[str, Weights]
    after: dict[str, Weights]
    losses: dict[str, Floats]
    scores: dict[str, NDArray[np.float32]]


def show(*, seed: int = 0) -> Lesson:
    """Show why equal weights stay equal, where different starts end, and which size of weights is right.

    Args:
        seed: Seed of the data and of the random weights.

    Returns:
        The lesson.
    """
    deep = {activation: _train_deep(activation, seed) for activation in ACTIVATIONS}
    x = _digits(seed)[0]
    spreads = _spreads(deep, x)
    results = {hidden: train_xor(hidden, seed) for hidden in (2, 3, 4)}
    failed = 1 - float((results[2][1] == 1).mean())
    return Lesson(
        name="initialization",
        title="Where weights start",
        summary="Equal weights stay equal, so weights start at random, with a spread that carries signals through "
        f"every layer: with He's initialization, the outputs of ReLU layer {DEPTH} still have a standard deviation of "
        f"{number(float(spreads.loc[('relu', 'He'), f'layer {DEPTH}']), 2)}. Different starts can end in different "
        f"minima: {percent(failed, 0)} of the smallest networks have not learned xor after {number(XOR_STEPS)} steps.",
        pictures=(
            _symmetry(seed),
            _two_weights(),
            _xor_picture(results),
            _spread_picture(spreads),
            _learning_picture(deep, x),
        ),
        decks=("MB", "NN", "SC"),
        data=f"a disc in a ring (300 points), the four points of xor, and {ROWS} of scikit-learn's pictures of "
        f"digits; seed {seed}",
    )


def _train(
    starts: Sequence[str], options: Mapping[str, Any], x: Any, y: Any, optimizer: Any, epochs: int, seed: int
) -> _Training:
    """Train one network per start, all on the same batches."""
    import tensorflow as tf

    from toolkit.heads import get_head
    from toolkit.training.epochs import Worker
    from toolkit.training.side_by_side import join, member_axes

    models = {start: _network(start, x.shape[1], int(y.max()) + 1, seed, options) for start in starts}
    joined = join(list(models.values()))
    worker = Worker(joined, get_head("multiclass", "softmax").loss(), optimizer, 32)
    worker.start(joined)
    rows = [tf.constant(x), tf.constant(y), None]
    losses = [worker.validate(rows)[0]]  # `validate` returns losses (networks,) and scores (networks, n, classes)
    for epoch in range(1, epochs + 1):
        worker.train(rows, np.random.default_rng((seed, epoch)).permutation(len(x)).astype(np.int32))
        losses.append(worker.validate(rows)[0])
        step(f"{len(starts)} networks, epoch", epoch, epochs)
    weights = list(zip(joined.get_weights(), member_axes(joined), strict=True))
    return _Training(
        {start: model.get_weights() for start, model in models.items()},
        {start: [np.take(w, index, axis=axis) for w, axis in weights] for index, start in enumerate(models)},
        dict(zip(models, np.array(losses).T, strict=True)),  # (epochs + 1, networks) -> one row per network
        dict(zip(models, worker.validate(rows)[1], strict=True)),
    )


def _network(start: str, inputs: int, units: int, seed: int, options: Mapping[str, Any]) -> keras.Sequential:
    from toolkit.builders import mlp

    model = mlp(inputs, units, initializer=STARTS[start], seed=seed, **options)
    if start == "large":
        model.set_weights([LARGE * weight for weight in model.get_weights()])
    return model


# ------------------------------------------------------------------------------------------- equal weights, two minima


def _symmetry(seed: int) -> Picture:
    """Train one small network from each start on a disc in a ring."""
    import keras

    x, y = points("circle", seed=seed)
    options = {"hidden": (HIDDEN,), "activation": "tanh"}
    training = _train(SHALLOW_STARTS, options, x, y, keras.optimizers.Adam(0.02), SHALLOW_EPOCHS, seed)
    grid = np.stack(np.meshgrid(np.linspace(*WINDOW, GRID), np.linspace(*WINDOW, GRID)), axis=-1).reshape(-1, 2)
    rows = {}
    with panels(len(SHALLOW_STARTS), width=7.6, height=1.95) as (figure, axes):
        for panel, (start, weights) in zip(axes[0], training.after.items(), strict=True):
            accuracy = float((training.scores[start].argmax(axis=1) == y).mean())
            # (GRID², 2) -> hidden (GRID², HIDDEN) -> scores (GRID², classes) -> class ids
            decided = (np.tanh(grid @ weights[0] + weights[1]) @ weights[2] + weights[3]).argmax(axis=1)
            regions(panel, decided.reshape(GRID, GRID), WINDOW)
            dots(panel, x, y, size=1.8)
            panel.set_title(f"{start}: {percent(accuracy, 0)}", color=INK)
            rows[start] = {
                "different neurons at the start": _different_neurons(training.before[start]),
                "different neurons after training": _different_neurons(weights),
                "loss after training": training.losses[start][-1],
                "accuracy": accuracy,
            }
    return Picture(
        "Equal weights stay equal",
        f"A network with {HIDDEN} hidden neurons, trained from five starts; the titles show the accuracy. From zeros "
        "nothing changes; from ones all neurons learn the same, so they act as one neuron and draw a straight border. "
        "From random weights every neuron learns something different.",
        figure,
        "Five maps of the plane colored by decision: no border, a straight one, and three closed ones.",
        pd.DataFrame(rows).T,
    )


def _different_neurons(weights: Weights) -> int:
    """Count the hidden neurons whose incoming weights and bias differ."""
    # Kernel (inputs, units) above bias (units,): a column is a neuron, and equal columns are one and the same.
    return len(np.unique(np.vstack([weights[0], weights[1]]).round(3), axis=1).T)


def _two_weights() -> Picture:
    """Run gradient descent from several starts on the smallest network, ``v tanh(w x)``."""
    x = np.linspace(-2, 2, 9)
    y = 1.5 * np.tanh(1.2 * x)

    def cost(w: Any, v: Any) -> Floats:
        # w and v of any shape (...), against 9 points: (..., 9) -> (...)
        return np.square(np.asarray(v)[..., None] * np.tanh(np.multiply.outer(w, x)) - y).mean(axis=-1) / 2

    def descend(start: tuple[float, float]) -> Floats:
        path = [np.array(start)]
        for _ in range(1_500):
            hidden = np.tanh(path[-1][0] * x)
            residuals = path[-1][1] * hidden - y
            # d/dw and d/dv of mean (v tanh(wx) - y)² / 2, where the derivative of tanh is 1 - tanh².
            gradient = [(residuals * path[-1][1] * (1 - hidden**2) * x).mean(), (residuals * hidden).mean()]
            path.append(path[-1] - 0.1 * np.array(gradient))
        return np.array(path)

    random_starts = [(0.3, -0.1), (-0.2, -0.3), (1.9, -1.3), (-1.6, 2.0), (0.9, 2.1), (-0.6, 1.0)]
    starts = {"both 0": (0.0, 0.0)} | {f"random {number}": start for number, start in enumerate(random_starts, 1)}
    paths = {name: descend(start) for name, start in starts.items()}
    with panels(width=4.3, height=3.6) as (figure, axes):
        panel = axes[0, 0]
        w, v = np.meshgrid(np.linspace(-2.5, 2.5, 90), np.linspace(-2.5, 2.5, 90))
        levels = [0.02, 0.1, 0.3, 0.6, 1, 2, 4]
        panel.contour(w, v, cost(w, v), levels=levels, colors=[MUTED], linewidths=0.5, alpha=0.7)
        for path in paths.values():
            # By the minimum it ends in. tanh is odd, so (w, v) and (-w, -v) compute the same.
            color = BLUE if path[-1, 0] > 0.1 else ORANGE if path[-1, 0] < -0.1 else INK
            panel.plot(path[:, 0], path[:, 1], color=color, linewidth=1.1)
            panel.plot(*path[0], "o", color=color, markersize=4.4, markeredgecolor=PAPER)
            panel.plot(*path[-1], "x", color=INK, markersize=6, markeredgewidth=1.4)
        panel.set_xlim(-2.5, 2.5)
        panel.set_ylim(-2.5, 2.5)
        panel.grid(visible=False)
        panel.set_xlabel("weight w into the neuron")
        panel.set_title("weight v out of the neuron")
    columns = ["start w", "start v", "end w", "end v", "cost at the end"]
    rows = {name: [*path[0], *path[-1], float(cost(*path[-1]))] for name, path in paths.items()}
    return Picture(
        "Two weights, two minima",
        "The cost of one neuron, v tanh(wx), over its two weights. From the dots, gradient descent goes to one of two "
        "minima, which compute the same function; from w = v = 0, where the gradient is 0, it never moves.",
        figure,
        "A contour map of the cost with minima in opposite corners and paths to each of them; one start stays in the "
        "middle.",
        pd.DataFrame.from_dict(rows, orient="index", columns=columns),
    )


# ----------------------------------------------------------------------------------------------------------------- xor


def train_xor(hidden: int, seed: int) -> tuple[Floats, Floats]:
    """Train many networks 2-hidden-1 on xor, all at once.

    Args:
        hidden: Number of hidden neurons.
        seed: Seed of the initial weights.

    Returns:
        The final loss and the accuracy of each network, shape (XOR_STARTS,).
    """
    # xor: +1 where both signs differ
    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    y = np.array([-1.0, 1.0, 1.0, -1.0])
    rng = np.random.default_rng((seed, hidden))
    w, v = rng.normal(size=(XOR_STARTS, 2, hidden)), rng.normal(size=(XOR_STARTS, hidden, 1))
    b, c = np.zeros((XOR_STARTS, 1, hidden)), np.zeros((XOR_STARTS, 1, 1))
    margin = np.zeros((XOR_STARTS, 4))
    # Matrix products run over the last two axes, so one line trains all starts: w is (starts, 2, hidden), v is
    # (starts, hidden, 1), and the biases b (starts, 1, hidden) and c (starts, 1, 1) are added to every point.
    for _ in range(XOR_STEPS):
        h = np.tanh(x @ w + b)  # (starts, 4, hidden)
        margin = (h @ v + c)[..., 0] * y  # (starts, 4)
        # Gradient of the mean logistic loss log(1 + exp(-margin)) with respect to the scores, then to the hidden sums.
        score_gradient = (-y / (1 + np.exp(margin)) / len(y))[..., None]  # (starts, 4, 1)
        sum_gradient = score_gradient * v.transpose(0, 2, 1) * (1 - h**2)  # (starts, 4, hidden)
        v = v - XOR_RATE * h.transpose(0, 2, 1) @ score_gradient
        c = c - XOR_RATE * score_gradient.sum(axis=1, keepdims=True)
        w = w - XOR_RATE * x.T @ sum_gradient
        b = b - XOR_RATE * sum_gradient.sum(axis=1, keepdims=True)
    return np.logaddexp(0, -margin).mean(axis=1), (margin > 0).mean(axis=1)


def _xor_picture(results: Mapping[int, tuple[Floats, Floats]]) -> Picture:
    table = pd.DataFrame(
        {
            hidden: {
                "starts": len(losses),
                "share that learned xor": float((accuracy == 1).mean()),
                "lowest loss": losses.min(),
                "median loss": float(np.median(losses)),
                "highest loss": losses.max(),
            }
            for hidden, (losses, accuracy) in results.items()
        }
    ).T.rename_axis("hidden neurons")
    shares = [percent(float(value), 0) for value in table["share that learned xor"]]
    return Picture(
        "Different starts, different minima",
        f"A network with two hidden neurons learns xor from {shares[0]} of its random starts; the others end at a "
        f"higher loss. With three neurons it is {shares[1]}, with four {shares[2]}.",
        _xor_figure(*results[2]),
        "Histogram of the final loss: most starts near 0, the others at a higher loss.",
        table,
    )


def _xor_figure(losses: Floats, accuracy: Floats) -> Figure:
    # Up to a little more than ln 2 = 0.69, the loss of a network that always answers one half.
    edges = np.linspace(0, 0.72, 37)
    # The orange bars stand on top of these.
    learned_counts = np.histogram(losses[accuracy == 1], edges)[0]
    with panels(width=4.4, height=2.7) as (figure, axes):
        panel = axes[0, 0]
        for mask, label, color, bottom in (
            (accuracy == 1, "all four points right", BLUE, 0),
            (accuracy < 1, "some point wrong", ORANGE, learned_counts),
        ):
            counts = np.histogram(losses[mask], edges)[0]
            centers = (edges[:-1] + edges[1:]) / 2
            panel.bar(centers, counts, width=np.diff(edges) * 0.9, bottom=bottom, color=color, alpha=0.7)
            if mask.any():
                highest = int(counts.argmax())
                panel.annotate(label, (edges[highest + 1] + 0.01, counts[highest]), color=color, va="top")
        panel.set_xlabel(f"loss after {number(XOR_STEPS)} steps")
        panel.set_title(f"number of the {XOR_STARTS} random starts")
        panel.grid(visible=False, axis="x")
    return figure


# ------------------------------------------------------------------------------------------------------- deep networks


def _digits(seed: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return some of scikit-learn's pictures of digits, standardized, and their class ids."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    rows = np.random.default_rng(seed).permutation(len(digits.target))[:ROWS]
    x = digits.data[rows]
    # Pixels at the edge are 0 in all pictures and have no spread.
    scaled = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    return scaled.astype(np.float32), digits.target[rows].astype(np.int32)


def _train_deep(activation: str, seed: int) -> _Training:
    import keras

    options = {"hidden": (WIDTH,) * DEPTH, "activation": activation}
    return _train(DEEP_STARTS, options, *_digits(seed), keras.optimizers.SGD(RATE), EPOCHS, seed)


def _outputs(weights: Weights, activation: str, x: NDArray[Any]) -> list[Floats]:
    """Return the outputs of each hidden layer, in float64 so that large numbers stay finite."""
    layers, inputs = [], x.astype(np.float64)
    # Kernel, bias, kernel, bias, ... without the last two, which give the scores.
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        sums = inputs @ kernel.astype(np.float64) + bias  # (n, WIDTH)
        inputs = np.tanh(sums) if activation == "tanh" else np.maximum(sums, 0)
        layers.append(inputs)
    return layers


def _spreads(deep: Mapping[str, _Training], x: NDArray[np.float32]) -> pd.DataFrame:
    """Return the standard deviation of each layer's outputs before training, one row per activation and start."""
    rows = {
        (activation, start): {
            f"layer {layer}": float(outputs.std())
            for layer, outputs in enumerate(_outputs(training.before[start], activation, x), 1)
        }
        for activation, training in deep.items()
        for start in DEEP_STARTS
    }
    return pd.DataFrame(rows).T.rename_axis(["activation", "start"])


def _spread_picture(spreads: pd.DataFrame) -> Picture:
    drawn_starts = [start for start in DEEP_STARTS if start != "zeros"]  # 0 has no place on a logarithmic scale
    with panels(2, width=7.2, height=2.8) as (figure, axes):
        for panel, (activation, name) in zip(axes[0], ACTIVATIONS.items(), strict=True):
            for start, (color, dash) in zip(drawn_starts, STYLES, strict=False):
                values = spreads.loc[(activation, start)].tolist()
                panel.plot(range(1, DEPTH + 1), values, color=color, linestyle=dash)
            log_scale(panel)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.set_xlabel("hidden layer")
            panel.set_title(f"{name}: standard deviation of the outputs", color=INK)
            label_lines(panel, drawn_starts)
    return Picture(
        "Signals through the layers",
        f"The spread of the outputs in each layer of a network with {DEPTH} hidden layers, before training. With small "
        "weights the signal dies away; with large ones tanh saturates and ReLU explodes. Glorot's and He's weights "
        "keep it alive; ReLU, which sets half of its outputs to 0, needs He's.",
        figure,
        "Standard deviation of the outputs over the layers, for tanh and for ReLU, one line per start.",
        spreads,
    )


def _learning_picture(deep: Mapping[str, _Training], x: NDArray[np.float32]) -> Picture:
    rows = {}
    with panels(2, width=7.2, height=2.8) as (figure, axes):
        for panel, (activation, training) in zip(axes[0], deep.items(), strict=True):
            _draw_losses(panel, training)
            panel.set_title(f"{ACTIVATIONS[activation]}: training loss", color=INK)
            for start in DEEP_STARTS:
                rows[activation, start] = _learning_row(training, start, activation, x)
    return Picture(
        "Who learns",
        f"The same networks, all trained at rate {RATE}. From zeros and small weights hardly anything changes; from "
        "large weights learning is slow or the loss overflows. A saturated neuron passes almost no gradient on, and a "
        "dead one, whose output is 0 for every row, passes none.",
        figure,
        "Training loss over the epochs, for tanh and for ReLU, one line per start.",
        pd.DataFrame(rows).T.rename_axis(["activation", "start"]),
    )


def _draw_losses(panel: Axes, training: _Training) -> None:
    """Draw the loss from each start, named at its last finite value."""
    names = []
    for start, (color, dash) in zip(DEEP_STARTS, (STYLES[4], *STYLES), strict=False):
        losses = np.where(np.isfinite(training.losses[start]), training.losses[start], np.nan)
        marker = "o" if np.isnan(losses[1]) else ""  # a single point would be no line
        panel.plot(losses, color=color, linestyle=dash, marker=marker, markersize=3)
        names.append(start if np.isfinite(losses[-1]) else f"{start} (overflow)")
    log_scale(panel)
    panel.set_xlabel("epochs")
    label_lines(panel, names)


def _learning_row(training: _Training, start: str, activation: str, x: NDArray[np.float32]) -> dict[str, float | None]:
    """Return how many neurons are saturated or dead, and the losses; None for what can't be computed."""

    def dead(layers: Sequence[Floats]) -> float:
        # (n, WIDTH) -> (WIDTH,): dead if 0 for every row
        return float(np.mean([(outputs == 0).all(axis=0).mean() for outputs in layers]))

    losses = training.losses[start]
    is_finite = np.isfinite(losses[-1])
    before = _outputs(training.before[start], activation, x)
    saturated = float(np.mean([(np.abs(outputs) > SATURATED).mean() for outputs in before]))
    return {
        "outputs saturated at the start": saturated if activation == "tanh" else None,
        "neurons dead at the start": dead(before),
        "neurons dead after training": dead(_outputs(training.after[start], activation, x)) if is_finite else None,
        "loss at the start": losses[0],
        "loss after training": losses[-1] if is_finite else None,
    }
