"""Where weights start: zeros, ones, too small, too large, Glorot and He; and where different starts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, MUTED, ORANGE, PAPER, STYLES, dots, label_lines, log_scale, panels, regions
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.shapes import points
from toolkit.common.formatting import number, percent

if TYPE_CHECKING:
    import keras

__all__ = ["show"]

#: How a lesson calls an initialiser -> Keras's name for it; "large" is "small" times `LARGE`.
STARTS = {
    "zeros": "zeros",
    "ones": "ones",
    "small": "random_normal",
    "large": "random_normal",
    "Glorot": "glorot_uniform",
    "He": "he_normal",
}
LARGE = 20.0  # 0.05, the standard deviation of Keras's random_normal, becomes 1
FLAT, DEEP = ("zeros", "ones", "small", "Glorot", "He"), ("zeros", "small", "large", "Glorot", "He")
HIDDEN, PASSES = 8, 100
WIDTH, DEPTH, RATE, EPOCHS, ROWS = 64, 6, 0.05, 12, 512
SATURATED = 0.99
XOR_STARTS, XOR_STEPS, XOR_RATE = 200, 3_000, 0.1
GRID = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Trained:
    """Networks trained side by side from several starts.

    Attributes:
        before: Start -> its weights before training.
        after: Start -> its weights afterwards.
        losses: Start -> its loss on the training rows, before training and after each pass.
        scores: Start -> its scores of those rows at the end.
    """

    before: dict[str, list[NDArray[np.float32]]]
    after: dict[str, list[NDArray[np.float32]]]
    losses: dict[str, Floats]
    scores: dict[str, NDArray[np.float32]]


def show(*, seed: int = 0) -> Lesson:
    """Run the lesson: equal weights stay equal, different starts end in different minima, and how large is right.

    Args:
        seed: Seed of the data and of the random weights.

    Returns:
        The lesson.
    """
    deep = {kind: _deep(kind, seed) for kind in ("tanh", "relu")}
    x = _digits(seed)[0]
    signals = _signals(deep, x)
    xor = _ends(seed)
    spread = signals.table.loc[("relu", "He"), f"layer {DEPTH}"] if signals.table is not None else np.nan
    stuck = 1 - xor.table.loc[2, "share that learned xor"] if xor.table is not None else np.nan
    return Lesson(
        name="initialization",
        title="Where weights start",
        summary="Equal weights stay equal for ever, so they start at random, at a size that carries signals through "
        f"every layer: with He's, those of ReLU layer {DEPTH} still have a spread of {number(float(spread), 2)}. "
        f"Different starts end in different minima: {percent(float(stuck), 0)} of the smallest networks haven't "
        f"learned xor within {number(XOR_STEPS)} steps.",
        pictures=(_symmetry(seed), _two_weights(), xor, signals, _learning(deep, x)),
        decks=("MB", "NN", "SC"),
        data=f"a disc in a ring of 300 points, the four points of xor, and {ROWS} of scikit-learn's pictures of "
        f"digits; seed {seed}",
    )


def _side_by_side(
    starts: Sequence[str], options: Mapping[str, Any], x: Any, y: Any, optimizer: Any, epochs: int, seed: int
) -> _Trained:
    """Train one network a start on the same batches."""
    import tensorflow as tf

    from toolkit.heads import get_head
    from toolkit.training.epochs import Worker
    from toolkit.training.members import join, member_axes

    models = {start: _built(start, x.shape[1], int(y.max()) + 1, seed, options) for start in starts}
    joined = join(list(models.values()))
    worker = Worker(joined, get_head("multiclass", "softmax").loss(), optimizer, 32)
    worker.start(joined)
    rows = [tf.constant(x), tf.constant(y), None]
    losses = [worker.validate(rows)[0]]
    for epoch in range(1, epochs + 1):
        worker.train(rows, np.random.default_rng((seed, epoch)).permutation(len(x)).astype(np.int32))
        losses.append(worker.validate(rows)[0])
    axes = member_axes(joined)
    after = [
        [np.take(w, k, axis=axis) for w, axis in zip(joined.get_weights(), axes, strict=True)]
        for k in range(len(models))
    ]
    return _Trained(
        {start: model.get_weights() for start, model in models.items()},
        dict(zip(models, after, strict=True)),
        dict(zip(models, np.array(losses).T, strict=True)),
        dict(zip(models, worker.validate(rows)[1], strict=True)),
    )


def _built(start: str, inputs: int, units: int, seed: int, options: Mapping[str, Any]) -> keras.Sequential:
    from toolkit.builders import mlp

    model = mlp(inputs, units, initializer=STARTS[start], seed=seed, **options)
    if start == "large":
        model.set_weights([LARGE * weight for weight in model.get_weights()])
    return model


def _symmetry(seed: int) -> Picture:
    """Train one small network from each start on a disc in a ring."""
    import keras

    x, y = points("circle", seed=seed)
    options = {"hidden": (HIDDEN,), "activation": "tanh"}
    trained = _side_by_side(FLAT, options, x, y, keras.optimizers.Adam(0.02), PASSES, seed)
    window = (-1.25, 1.25)
    across, up = np.meshgrid(np.linspace(*window, GRID), np.linspace(*window, GRID))
    grid = np.stack([across.ravel(), up.ravel()], axis=1)
    lines = {}
    with panels(len(FLAT), width=7.6, height=1.95) as (figure, axes):
        for panel, (start, weights) in zip(axes[0], trained.after.items(), strict=True):
            right = float((trained.scores[start].argmax(axis=1) == y).mean())
            decided = (np.tanh(grid @ weights[0] + weights[1]) @ weights[2] + weights[3]).argmax(axis=1)
            regions(panel, decided.reshape(GRID, GRID), window)
            dots(panel, x, y, size=1.8)
            panel.set_title(f"{start}: {percent(right, 0)}", color=INK)
            lines[start] = {
                "different neurons at the start": _different(trained.before[start]),
                "different neurons after training": _different(weights),
                "loss after training": trained.losses[start][-1],
                "share right": right,
            }
    return Picture(
        "Equal weights stay equal",
        f"A network with {HIDDEN} hidden neurons, trained from five starts. From zeros nothing moves, from ones all "
        "neurons learn the same, so that they are worth one, which draws straight lines only; from random weights each "
        "becomes another.",
        figure,
        "Five maps of the plane colored by decision: no border, a straight one, and three closed ones.",
        pd.DataFrame(lines).T,
    )


def _different(weights: Sequence[NDArray[np.float32]]) -> int:
    """Count hidden neurons that differ from each other in what goes in."""
    return len(np.unique(np.vstack([weights[0], weights[1]]).round(3), axis=1).T)


def _two_weights() -> Picture:
    """Go down from several places on the cost of the smallest network: ``v tanh(w x)``."""
    x = np.linspace(-2, 2, 9)
    y = 1.5 * np.tanh(1.2 * x)

    def cost(w: Any, v: Any) -> Floats:
        return np.square(np.asarray(v)[..., None] * np.tanh(np.multiply.outer(w, x)) - y).mean(axis=-1) / 2

    starts = {"both 0": (0.0, 0.0)} | {
        f"at random, {k + 1}": place
        for k, place in enumerate([(0.3, -0.1), (-0.2, -0.3), (1.9, -1.3), (-1.6, 2.0), (0.9, 2.1), (-0.6, 1.0)])
    }
    lines = {}
    with panels(width=4.3, height=3.6) as (figure, axes):
        panel = axes[0, 0]
        w, v = np.meshgrid(np.linspace(-2.5, 2.5, 90), np.linspace(-2.5, 2.5, 90))
        panel.contour(
            w, v, cost(w, v), levels=[0.02, 0.1, 0.3, 0.6, 1, 2, 4], colors=[MUTED], linewidths=0.5, alpha=0.7
        )
        for name, start in starts.items():
            path = [np.array(start)]
            for _ in range(1_500):
                bent = np.tanh(path[-1][0] * x)
                miss = path[-1][1] * bent - y
                slope = np.array([(miss * path[-1][1] * (1 - bent**2) * x).mean(), (miss * bent).mean()])
                path.append(path[-1] - 0.1 * slope)
            steps = np.array(path)
            color = BLUE if steps[-1, 0] > 0.1 else ORANGE if steps[-1, 0] < -0.1 else INK
            panel.plot(steps[:, 0], steps[:, 1], color=color, linewidth=1.1)
            panel.plot(*steps[0], "o", color=color, markersize=4.4, markeredgecolor=PAPER)
            panel.plot(*steps[-1], "x", color=INK, markersize=6, markeredgewidth=1.4)
            lines[name] = {"start w": start[0], "start v": start[1], "end w": steps[-1, 0], "end v": steps[-1, 1]}
            lines[name]["cost at the end"] = float(cost(*steps[-1]))
        panel.set_xlim(-2.5, 2.5)
        panel.set_ylim(-2.5, 2.5)
        panel.grid(visible=False)
        panel.set_xlabel("weight w into the neuron")
        panel.set_title("weight v out of it")
    return Picture(
        "Two weights, two minima",
        "The cost of one neuron, v tanh(wx), over its two weights: from the dots each start goes to one of two minima, "
        "which compute the same. From 0 and 0 the gradient is 0, and nothing ever moves.",
        figure,
        "A map of the cost with minima in opposite corners and paths to each of them; one start stays in the middle.",
        pd.DataFrame(lines).T,
    )


def _ends(seed: int) -> Picture:
    """Train the smallest networks on xor from many starts."""
    found = {hidden: _xor(hidden, seed) for hidden in (2, 3, 4)}
    losses, right = found[2]
    edges = np.linspace(0, 0.72, 37)
    with panels(width=4.4, height=2.7) as (figure, axes):
        panel = axes[0, 0]
        for some, color, below in (
            (right == 1, BLUE, 0),
            (right < 1, ORANGE, np.histogram(losses[right == 1], edges)[0]),
        ):
            counts = np.histogram(losses[some], edges)[0]
            panel.bar(
                (edges[:-1] + edges[1:]) / 2, counts, width=np.diff(edges) * 0.9, bottom=below, color=color, alpha=0.7
            )
            if some.any():
                place = int(counts.argmax())
                words = "all four points right" if color == BLUE else "some point wrong"
                panel.annotate(words, (edges[place + 1] + 0.01, counts[place]), color=color, va="top")
        panel.set_xlabel(f"loss after {number(XOR_STEPS)} steps")
        panel.set_title(f"of {XOR_STARTS} random starts")
        panel.grid(visible=False, axis="x")
    table = pd.DataFrame(
        {
            hidden: {
                "starts": len(loss),
                "share that learned xor": float((share == 1).mean()),
                "lowest loss": loss.min(),
                "median loss": float(np.median(loss)),
                "highest loss": loss.max(),
            }
            for hidden, (loss, share) in found.items()
        }
    ).T.rename_axis("hidden neurons")
    shares = [percent(float(value), 0) for value in table["share that learned xor"]]
    return Picture(
        "Different starts, different ends",
        f"The same network with two hidden neurons learns xor from {shares[0]} of its random starts; the others end "
        f"where the loss is higher. With three neurons it is {shares[1]}, with four {shares[2]}: more neurons, fewer "
        "bad ends.",
        figure,
        "Histogram of the loss at the end: most starts near 0, the others in a heap further up.",
        table,
    )


def _xor(hidden: int, seed: int) -> tuple[Floats, Floats]:
    """Return the last loss and the share right of networks 2-hidden-1 from many starts, all at once."""
    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    y = np.array([-1.0, 1.0, 1.0, -1.0])
    rng = np.random.default_rng((seed, hidden))
    w, v = rng.normal(size=(XOR_STARTS, 2, hidden)), rng.normal(size=(XOR_STARTS, hidden, 1))
    b, c = np.zeros((XOR_STARTS, 1, hidden)), np.zeros((XOR_STARTS, 1, 1))
    margin = np.zeros((XOR_STARTS, 4))
    for _ in range(XOR_STEPS):
        h = np.tanh(x @ w + b)
        margin = (h @ v + c)[..., 0] * y
        by_score = (-y / (1 + np.exp(margin)) / len(y))[..., None]  # of log(1 + exp(-margin)), the logistic loss
        by_sum = by_score * v.transpose(0, 2, 1) * (1 - h**2)
        v, c = v - XOR_RATE * h.transpose(0, 2, 1) @ by_score, c - XOR_RATE * by_score.sum(axis=1, keepdims=True)
        w, b = w - XOR_RATE * x.T @ by_sum, b - XOR_RATE * by_sum.sum(axis=1, keepdims=True)
    return np.logaddexp(0, -margin).mean(axis=1), (margin > 0).mean(axis=1)


def _digits(seed: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    drawn = np.random.default_rng(seed).permutation(len(digits.target))[:ROWS]
    x = digits.data[drawn]
    scaled = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    return scaled.astype(np.float32), digits.target[drawn].astype(np.int32)


def _deep(kind: str, seed: int) -> _Trained:
    import keras

    options = {"hidden": (WIDTH,) * DEPTH, "activation": kind}
    return _side_by_side(DEEP, options, *_digits(seed), keras.optimizers.SGD(RATE), EPOCHS, seed)


def _outputs(weights: Sequence[NDArray[Any]], kind: str, x: NDArray[Any]) -> list[Floats]:
    """Return what each hidden layer gives, in float64, where large numbers stay finite."""
    layers, given = [], x.astype(np.float64)
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        sums = given @ kernel.astype(np.float64) + bias
        given = np.tanh(sums) if kind == "tanh" else np.maximum(sums, 0)
        layers.append(given)
    return layers


def _signals(deep: Mapping[str, _Trained], x: NDArray[np.float32]) -> Picture:
    lines = {}
    with panels(2, width=7.2, height=2.8) as (figure, axes):
        for panel, (kind, trained) in zip(axes[0], deep.items(), strict=True):
            for place, start in enumerate(DEEP):
                spreads = [float(layer.std()) for layer in _outputs(trained.before[start], kind, x)]
                lines[kind, start] = {f"layer {k}": spread for k, spread in enumerate(spreads, 1)}
                if start != "zeros":  # a spread of 0 has no place on this scale
                    color, dash = STYLES[place - 1]
                    panel.plot(range(1, DEPTH + 1), spreads, color=color, linestyle=dash)
            log_scale(panel)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.set_xlabel("hidden layer")
            panel.set_title(f"{_KINDS[kind]}: spread of what it gives", color=INK)
            label_lines(panel, [start for start in DEEP if start != "zeros"])
    table = pd.DataFrame(lines).T.rename_axis(["activation", "start"])
    return Picture(
        "Signals through the layers",
        f"How far outputs are spread in each layer of a network {DEPTH} layers deep, before training. Small weights "
        "let the signal die away, large ones saturate tanh and blow ReLU up. Glorot's and He's carry it through; "
        "ReLU, which drops half, needs He's.",
        figure,
        "Spread of the outputs over the layers, for tanh and for ReLU, a line a start.",
        table,
    )


_KINDS = {"tanh": "tanh", "relu": "ReLU"}


def _learning(deep: Mapping[str, _Trained], x: NDArray[np.float32]) -> Picture:
    lines = {}
    with panels(2, width=7.2, height=2.8) as (figure, axes):
        for panel, (kind, trained) in zip(axes[0], deep.items(), strict=True):
            for start, (color, dash) in zip(DEEP, (STYLES[4], *STYLES), strict=False):
                losses = np.where(np.isfinite(trained.losses[start]), trained.losses[start], np.nan)
                panel.plot(losses, color=color, linestyle=dash, marker="o" if np.isnan(losses[1]) else "", markersize=3)
                before = _outputs(trained.before[start], kind, x)
                finite = np.isfinite(losses[-1])
                after = _outputs(trained.after[start], kind, x) if finite else before
                lines[kind, start] = {
                    "outputs saturated": float(np.mean([(np.abs(h) > SATURATED).mean() for h in before]))
                    if kind == "tanh"
                    else None,
                    "neurons dead at the start": float(np.mean([(h == 0).all(axis=0).mean() for h in before])),
                    "neurons dead after training": float(np.mean([(h == 0).all(axis=0).mean() for h in after]))
                    if finite
                    else None,
                    "loss at the start": losses[0],
                    "loss after training": losses[-1] if finite else None,
                }
            log_scale(panel)
            panel.set_xlabel("passes over the training rows")
            panel.set_title(f"{_KINDS[kind]}: training loss", color=INK)
            label_lines(panel, [f"{s} (lost)" if not np.isfinite(trained.losses[s][-1]) else s for s in DEEP])
    return Picture(
        "Who learns",
        f"The same networks, all at rate {RATE}: from zeros and small weights hardly anything moves, and from large "
        "ones learning is slow or the loss overflows. A saturated neuron hardly passes a gradient on, and a dead one, "
        "which gives 0 for every row, none.",
        figure,
        "Training loss over the passes, for tanh and for ReLU, a line a start.",
        pd.DataFrame(lines).T.rename_axis(["activation", "start"]),
    )
