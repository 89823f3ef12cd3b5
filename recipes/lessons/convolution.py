"""Convolution: a filter slid over a picture by hand, its few parameters, and what they need to learn from."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from recipes.drawing import BLUE, INK, ORANGE, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent, plain

__all__ = ["FILTERS", "show", "slide"]

Floats = NDArray[np.float64]

#: Name -> filter of 3 x 3.
FILTERS: dict[str, Floats] = {
    "vertical edges": np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
    "horizontal edges": np.array([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]),
    "blur": np.full((3, 3), 1 / 9),
    "outline": np.array([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
}
SIZE = 3
SIDE, DIGIT = 14, 8  # of the canvas that a digit is placed on, and of scikit-learn's digits
SIZES, TEST_ROWS, EPOCHS, BATCH = (100, 300, 1_000), 600, 15, 32
HIDDEN, FIRST_FILTERS = (64,), 8
MODELS = {"convolutional": (BLUE, "solid"), "dense": (ORANGE, (0, (5, 1.5)))}
MOST_PIXELS, DRAWN = 4_096, 40  # of a side of a user's picture: read, and drawn


def slide(picture: Floats, weights: Floats) -> Floats:
    """Return what a filter answers at each place of a picture.

    Args:
        picture: Shape (height, width).
        weights: Shape (k, k).

    Returns:
        Sums of k x k products, shape (height - k + 1, width - k + 1). Nothing is flipped: this is what networks call
        convolution, and mathematics cross-correlation.

    Example:
        >>> slide(np.array([[0.0, 1, 1]] * 3), FILTERS["vertical edges"]).tolist()
        [[3.0]]
    """
    windows = np.lib.stride_tricks.sliding_window_view(picture, weights.shape)  # (rows, columns, k, k)
    return np.einsum("ijuv,uv->ij", windows, weights)


def show(picture: Any = None, *, seed: int = 0, epochs: int = EPOCHS) -> Lesson:
    """Slide filters over a picture, count parameters, and train both kinds of network on few and many digits.

    Args:
        picture: A picture file, or an array of shape (height, width) or (height, width, 3); None takes a digit.
        seed: Seed of the digits' places, of the rows and of the weights.
        epochs: Passes over the largest number of rows; with fewer rows there are as many steps.

    Returns:
        The lesson.

    Raises:
        DataError: The picture can't be read, or is too small.
    """
    pixels, name = _digit() if picture is None else _read(picture)
    errors = _errors(seed, epochs)
    fewest, most = SIZES[0], SIZES[-1]
    means = errors.groupby(["rows", "network"])["error"].mean()
    parameters = errors.groupby("network")["parameters"].first()
    return Lesson(
        "convolution",
        "A filter slid over a picture",
        f"A filter of 3 × 3 has 9 weights, wherever it looks. On digits at random places a convolutional network of "
        f"{number(parameters['convolutional'])} parameters gets {percent(means[fewest, 'convolutional'])} wrong after "
        f"{fewest} pictures and {percent(means[most, 'convolutional'])} after {number(most)}; a dense one of "
        f"{number(parameters['dense'])} gets {percent(means[fewest, 'dense'])} and {percent(means[most, 'dense'])} "
        "wrong.",
        (_by_hand(pixels), _filters(pixels), _parameters(), _fewer_rows(errors)),
        decks=("W2", "HB"),
        data=f"{name}; scikit-learn’s digits on a canvas of {SIDE} × {SIDE} pixels, {TEST_ROWS} of them for the test; "
        f"seed {seed}",
    )


def _digit() -> tuple[Floats, str]:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return digits.images[7] / 16, f"a digit of {DIGIT} × {DIGIT} pixels"


def _read(picture: Any) -> tuple[Floats, str]:
    """Return a user's picture as brightness from 0 to 1, shape (height, width), and its name."""
    if isinstance(picture, str | pathlib.Path):
        from toolkit.data.images.decoding import decode

        path = pathlib.Path(picture)
        values, name = decode([path], [path.name], path.name).pixels[0].astype(np.float64), plain(path.name)
    else:
        try:
            values, name = np.array(picture, np.float64), "an array"
        except (TypeError, ValueError):
            raise DataError(
                f"picture: expected a file or an array of numbers, and got {type(picture).__name__}."
            ) from None
    values = values.mean(axis=2) if values.ndim == 3 else values
    if values.ndim != 2 or min(values.shape) < SIZE or max(values.shape) > MOST_PIXELS or not np.isfinite(values).all():
        raise DataError(
            f"picture: its shape is {values.shape}; expected finite brightness, {SIZE} to {MOST_PIXELS} pixels a side."
        )
    shape = f"{values.shape[0]} × {values.shape[1]} pixels"
    block = -(-max(values.shape) // DRAWN)
    if block > 1 and min(values.shape) // block >= SIZE:
        # The mean of block x block pixels: (h * block, w * block) -> (h, block, w, block) -> (h, w)
        height, width = (side // block for side in values.shape)
        values = values[: height * block, : width * block].reshape(height, block, width, block).mean(axis=(1, 3))
        shape += f", each {block} × {block} of them averaged"
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return scaled, f"{name}, {shape}"


# -------------------------------------------------------------------------------------------------- a filter by hand


def _by_hand(pixels: Floats) -> Picture:
    weights = FILTERS["vertical edges"]
    answers = slide(pixels, weights)
    row, column = np.unravel_index(int(answers.argmax()), answers.shape)
    patch = pixels[row : row + SIZE, column : column + SIZE]
    table = pd.DataFrame(
        [
            (f"{u + 1}, {v + 1}", patch[u, v], weights[u, v], patch[u, v] * weights[u, v])
            for u in range(SIZE)
            for v in range(SIZE)
        ],
        columns=["row, column", "pixel", "weight", "product"],
    )
    total = float(table["product"].sum())
    with panels(3, width=7.2, height=2.7) as (figure, axes):
        _map(axes[0, 0], pixels, 1.0)
        corner = (float(column), float(pixels.shape[0] - row - SIZE))
        axes[0, 0].add_patch(Rectangle(corner, SIZE, SIZE, fill=False, edgecolor=ORANGE, linewidth=1.6))
        axes[0, 0].set_title("the picture, and a patch")
        _numbers(axes[0, 1], weights, "the filter")
        _numbers(axes[0, 2], patch, "the patch")
    return Picture(
        "A filter by hand",
        "The filter is laid on a patch of the picture, pixel by pixel: nine products, added up. Here the sum is "
        f"{number(total, 3)}, the largest of all places"
        f"{': the patch gets brighter from left to right, as the filter does' if total > 0 else ''}.",
        figure,
        "The picture with a box around a patch of 3 by 3 pixels, the nine weights of the filter and the nine pixels.",
        table,
    )


def _map(panel: Axes, values: Floats, largest: float) -> None:
    """Draw numbers over a picture: blue above 0, orange below."""
    height, width = values.shape
    scaled = values / (largest or 1.0)
    for sign, color in ((1, BLUE), (-1, ORANGE)):
        for level in (0.1, 0.3, 0.5, 0.7, 0.9):
            # Runs of places along a row are one rectangle: 0 1 1 0 1 begins at 1 and 4, and ends at 3 and 5.
            inside = np.pad(sign * scaled > level, ((0, 0), (1, 1))).astype(int)
            rows, begins = np.nonzero(np.diff(inside) == 1)
            ends = np.nonzero(np.diff(inside) == -1)[1]
            boxes = [
                Path.unit_rectangle().transformed(
                    Affine2D().scale(float(end - begin), 1).translate(float(begin), float(height - 1 - row))
                )
                for row, begin, end in zip(rows, begins, ends, strict=True)
            ]
            if boxes:
                shape = Path.make_compound_path(*boxes)
                panel.add_patch(PathPatch(shape, facecolor=color, alpha=0.2, linewidth=0))
    panel.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[])
    panel.set_aspect("equal")
    panel.grid(visible=False)


def _numbers(panel: Axes, values: Floats, title: str) -> None:
    _map(panel, values, float(np.abs(values).max()))
    for (row, column), value in np.ndenumerate(values):
        panel.text(column + 0.5, SIZE - row - 0.5, number(float(value), 2), ha="center", va="center", color=INK)
    panel.set_title(title)


def _filters(pixels: Floats) -> Picture:
    answers = {name: slide(pixels, weights) for name, weights in FILTERS.items()}
    with panels(len(answers), width=7.6, height=2.2) as (figure, axes):
        for panel, (name, values) in zip(axes[0], answers.items(), strict=True):
            _map(panel, values, float(np.abs(values).max()))
            panel.set_title(name)
    height, width = answers["blur"].shape
    return Picture(
        "Four filters",
        f"What each filter answers at all {number(height * width)} places: blue where it is positive, orange where it "
        "is negative. A network learns its filters; those of the first layer often look like these.",
        figure,
        "Four maps of the picture: vertical edges, horizontal edges, a blurred picture and an outline.",
        pd.DataFrame(
            {
                "filter": list(answers),
                "largest answer": [float(values.max()) for values in answers.values()],
                "smallest answer": [float(values.min()) for values in answers.values()],
            }
        ),
    )


# --------------------------------------------------------------------------------------------- parameters, and rows


def _parameters() -> Picture:
    rows = []
    for side, channels, filters in ((28, 1, 8), (32, 3, 16), (128, 3, 16)):
        outputs = (side - SIZE + 1) ** 2 * filters
        convolution = SIZE**2 * channels * filters + filters
        dense = side**2 * channels * outputs + outputs
        rows.append((f"{side} × {side} × {channels}", filters, outputs, convolution, f"{dense:,}"))
    columns = ["picture", "filters", "outputs", "parameters of the convolution", "of a dense layer with these outputs"]
    return Picture(
        "Parameters counted",
        "A convolution uses the same weights at every place, so their number does not depend on the size of the "
        "picture. A dense layer has a weight from every pixel to every output.",
        table=pd.DataFrame(rows, columns=columns),
        digits=12,
    )


def _digits(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return scikit-learn's digits in random order, each at a random place of a larger canvas: (n, SIDE, SIDE, 1)."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    rng = np.random.default_rng((seed, 1))
    order = rng.permutation(len(digits.target))[: SIZES[-1] + TEST_ROWS]
    canvas = np.zeros((len(order), SIDE, SIDE, 1), np.uint8)
    corners = rng.integers(0, SIDE - DIGIT + 1, (len(order), 2))
    for image, digit, (row, column) in zip(canvas, digits.images[order], corners, strict=True):
        image[row : row + DIGIT, column : column + DIGIT, 0] = digit * (255 / 16)
    return canvas, digits.target[order].astype(np.int32)


def _errors(seed: int, epochs: int) -> pd.DataFrame:
    """Train both networks on growing numbers of rows: rows, network, parameters, error on the test rows."""
    from toolkit import training
    from toolkit.builders import cnn, mlp
    from toolkit.heads import get_head
    from toolkit.training.scoring import Scorer

    x, y = _digits(seed)
    head, inputs, pixels = get_head("multiclass", "softmax"), (SIDE, SIDE, 1), (30.0, 60.0)
    lines = []
    for rows in SIZES:
        # Few rows are repeated, so that all sizes take the same number of steps.
        repeated = TEST_ROWS + np.resize(np.arange(rows), SIZES[-1])
        for name in MODELS:
            step("network", len(lines) + 1, len(SIZES) * len(MODELS))
            model = (
                cnn(inputs, 10, filters=FIRST_FILTERS, pixels=pixels, seed=seed)
                if name == "convolutional"
                else mlp(inputs, 10, hidden=HIDDEN, pixels=pixels, seed=seed)
            )
            training.fit(
                model, head, x[repeated], y[repeated], epochs=epochs, batch_size=BATCH, learning_rate=0.003, seed=seed,
                progress=False,
            )  # fmt: skip
            error = 1 - head.measure(y[:TEST_ROWS], Scorer(model)(x[:TEST_ROWS]))
            lines.append({"rows": rows, "network": name, "parameters": model.count_params(), "error": float(error)})
    return pd.DataFrame(lines)


def _fewer_rows(errors: pd.DataFrame) -> Picture:
    with panels(width=4.4, height=2.8) as (figure, axes):
        panel = axes[0, 0]
        for name, (color, dash) in MODELS.items():
            line = errors[errors["network"] == name]
            panel.plot(line["rows"], 100 * line["error"], "o", color=color, linestyle=dash, markersize=3)
        log_scale(panel, "x")
        panel.set_xticks(SIZES, [number(size) for size in SIZES])
        panel.set_ylim(bottom=0)
        panel.set_title("% of the test digits wrong")
        panel.set_xlabel("pictures to learn from")
        label_lines(panel, list(MODELS))
    last = errors.set_index(["network", "rows"])["error"]
    enough = [rows for rows in SIZES if last["convolutional", rows] <= last["dense", SIZES[-1]]]
    comparison = (
        f"With {number(enough[0])} pictures the convolutional network is already as good as the dense one with "
        f"{number(SIZES[-1])}."
        if enough
        else "Here the dense network keeps up."
    )
    return Picture(
        "Why fewer pictures are enough",
        "Each digit lies at a random place. A filter that has learned a stroke finds it everywhere; a dense network "
        f"has to see each stroke at each place. {comparison}",
        figure,
        "Share of wrong test digits against the number of training pictures, one line per network.",
        errors,
        digits=3,
    )
