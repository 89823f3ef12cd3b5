"""Images: their brightness, training examples, the weights of the first layer, and what decisions rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.formatting import number, plain
from toolkit.evaluation.result import Result
from toolkit.report.pixels import data_uri, displayed, heat, scale_of, shrunk, signed, strip
from toolkit.report.summary.margins import is_right
from toolkit.report.summary.mistakes import on_screen, picture_size, ranked_mistakes, text_of
from toolkit.report.summary.values import short

__all__ = ["examples", "filters", "for_result", "occlusion", "patch_positions"]

CLASSES = (10, 20)  # classes, labels or bands with examples: of large images, of small ones
EXAMPLES = (3, 10)  # images of each, likewise
BANDS = 5  # of a regression target
FILTERS = 32  # units of the first layer shown
# Bytes of pixels: a page stays below 2 MB also with photographs, which compress badly.
EXAMPLE_BYTES, FILTER_BYTES = 400_000, 160_000
EXPLAINED = 4  # wrong decisions explained, and as many right ones
GRID = 7  # positions of the patch along a side, about


def for_result(result: Result) -> dict[str, Any]:
    """Return what the page about a result on images also shows; pictures are PNGs in data URIs.

    Returns:
        `height`, `width`, `channels`, `dtype`, `low`, `high`, `mean` and `deviation` (of the training pixels), `shown`
        (size and scale of the pictures), `examples`, `filters` and `occlusion`.
    """
    preprocessing: Any = result.preprocessing
    height, width, channels = preprocessing.shape
    return {
        "height": height,
        "width": width,
        "channels": channels,
        "dtype": preprocessing.dtype,
        **{name: short([getattr(preprocessing, name)])[0] for name in ("low", "high", "mean", "deviation")},
        "shown": picture_size(height, width),
        "examples": examples(result),
        "filters": filters(result),
        "occlusion": None if result.outcome is None else occlusion(result),
    }


def examples(result: Result) -> dict[str, Any]:
    """Return training images of each class or label, or of each band of a regression target.

    Returns:
        `by` (class, label or band), `target` (the target that bands are made of, or None), `shown`: a `name`, the
        number of training `rows` and of `images`, and one `sheet` with all of them; `left_out`, how many are not shown.
    """
    preprocessing: Any = result.preprocessing
    dataset: Any = result.dataset
    groups = _groups(result)
    bytes_each = on_screen(preprocessing, dataset.features.pixels[dataset.parts["train"][:1]]).size
    # Large images get fewer classes, and fewer images of each.
    affordable = EXAMPLE_BYTES // bytes_each
    count = min(len(groups), int(np.clip(affordable // EXAMPLES[0], *CLASSES)))
    images = int(np.clip(affordable // count, *EXAMPLES))
    entries = []
    for name, rows in groups[:count]:
        spaced = rows[np.unique(np.linspace(0, len(rows) - 1, min(images, len(rows))).round().astype(int))]
        sheet = data_uri(strip(on_screen(preprocessing, dataset.features.pixels[spaced]))) if len(spaced) else None
        entries.append({"name": name, "rows": len(rows), "images": len(spaced), "sheet": sheet})
    regression = result.task == "regression"
    return {
        "by": "band" if regression else "label" if result.task == "multilabel" else "class",
        "target": result.class_names[0] if regression else None,
        "shown": entries,
        "left_out": len(groups) - count,
    }


def filters(result: Result) -> dict[str, Any] | None:
    """Return the weights of the first layer that has any, one picture per unit; None where they are no pictures.

    Returns:
        `layer` and `kind` (`"dense"`: one weight per pixel; `"convolution"`: one weight per pixel of the window),
        `scores` (whether the units are the scores), `height`, `width` and `scale` of a picture, `colour` (whether
        weights are shown as colors), `network` (which of several networks, from 1), and `shown`: `name`, `low` and
        `high` (the smallest and largest weight), `picture`; `left_out`, how many units are not shown.
    """
    first = _first_kernel(result)
    if first is None:
        return None
    layer, kind, kernel, network = first
    height, width, channels, units = kernel.shape
    pixels = (4 if channels == 1 else 3) * height * width
    count = min(units, max(4, min(FILTERS, FILTER_BYTES // pixels)))
    is_last, names = layer.name == result.model.layers[-1].name, result.class_names
    names = names if is_last and len(names) == units else [str(i + 1) for i in range(units)]
    tiles = []
    for i in range(count):
        weights = kernel[..., i]
        low, high = short([weights.min(), weights.max()])
        tiles.append({"name": names[i], "low": low, "high": high, "picture": data_uri(signed(weights))})
    return {
        "layer": plain(layer.name),
        "kind": kind,
        "scores": is_last,
        "height": height,
        "width": width,
        "scale": scale_of(height, width),
        "colour": channels == 3,
        "network": network,
        "shown": tiles,
        "left_out": units - count,
    }


def _groups(result: Result) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the training rows of each class, label or band of the target, with its name."""
    dataset: Any = result.dataset
    train, names = dataset.parts["train"], result.class_names
    if result.task == "regression":
        values = dataset.target_frame.iloc[train, 0].to_numpy(np.float64)
        # Bands of equally many rows, from the smallest values to the largest.
        bands = np.array_split(np.argsort(values, kind="stable"), min(BANDS, len(values)))
        ends = [(values[band].min(), values[band].max()) for band in bands]
        texts = [f"{number(low, 3)} to {number(high, 3)}" if low < high else number(low, 3) for low, high in ends]
        return [(text, train[band]) for text, band in zip(texts, bands, strict=True)]
    encoded = np.asarray(result.target.encode(dataset.target_frame.iloc[train]))
    if result.task == "multilabel":
        return [(name, train[encoded[:, i] == 1]) for i, name in enumerate(names)]
    ids = encoded.reshape(-1).astype(np.int64)
    return [(name, train[ids == i]) for i, name in enumerate(names)]


def _first_kernel(result: Result) -> tuple[Any, str, NDArray[Any], int | None] | None:
    """Return the first layer with weights, its kind, its weights as (height, width, channels, units), its network."""
    preprocessing: Any = result.preprocessing
    layer: Any = next((layer for layer in result.model.layers if layer.weights), None)
    kind = type(layer).__name__
    if kind not in ("Dense", "Conv2D", "EinsumDense"):
        return None
    kernel = np.asarray(layer.kernel)
    if kind == "Conv2D" and kernel.ndim == 4 and kernel.shape[2] in (1, 3):
        return layer, "convolution", kernel, None
    if kind == "Dense" and kernel.shape[:1] == (preprocessing.width,):  # (pixels, units)
        return layer, "dense", kernel.reshape(*preprocessing.shape, -1), None
    if (
        kind == "EinsumDense" and kernel.ndim == 3 and kernel.shape[1] == preprocessing.width
    ):  # (networks, pixels, units)
        return layer, "dense", kernel[0].reshape(*preprocessing.shape, -1), 1
    return None


def patch_positions(height: int, width: int) -> tuple[tuple[int, int], NDArray[np.int64]]:
    """Return the size of a patch, a quarter of an image's, and the positions at which it covers the image.

    Returns:
        The patch's height and width, and its upper left corners, shape (positions, 2).

    Example:
        >>> patch, corners = patch_positions(28, 28)
        >>> patch, len(corners), corners[-1].tolist()
        ((7, 7), 49, [21, 21])
    """
    patch = (max(1, round(height / 4)), max(1, round(width / 4)))
    tops, lefts = (
        np.unique(np.linspace(0, size - side, min(GRID, size - side + 1)).round().astype(np.int64))
        for size, side in zip((height, width), patch, strict=True)
    )
    return patch, np.array([(top, left) for top in tops for left in lefts])


def occlusion(result: Result) -> dict[str, Any] | None:
    """Return by how much the score of a decision falls when parts of a test image are hidden.

    A patch of the training images' mean brightness is put on each position. The map shows, for each pixel, the mean
    fall of the score over the patches that cover it.

    Returns:
        `patch` (height, width), `places` (the number of positions) and `shown`: for each image `row`, `file`, `said`
        (as in the mistakes), `right`, `score` (of the image as it is), `drops` (at each position, in rows from the
        top), `picture` and `map`. None without test images.

    References:
        Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014, section 4.2.
    """
    dataset: Any = result.dataset
    outcome: Any = result.outcome
    preprocessing: Any = result.preprocessing
    test, chosen = dataset.parts["test"], _explained(result)
    if not chosen:
        return None
    outputs = outcome.y_true.size // len(test)
    images = dataset.features.pixels[test[[cell // outputs for cell, _ in chosen]]]
    patch, corners = patch_positions(*preprocessing.shape[:2])
    hidden = _hidden(images, patch, corners, preprocessing.mean)
    scores = result.raw_scores(hidden.reshape(-1, *images.shape[1:])).reshape(len(images), len(corners) + 1, -1)
    right: Any = is_right(outcome).reshape(len(test), -1).all(axis=1)
    entries = []
    for image, image_scores, (cell, text) in zip(images, scores, chosen, strict=True):
        position, output = divmod(cell, outputs)
        # (1 + positions,): the first for the image as it is, the others with the patch
        leads = _leads(result, image_scores.astype(np.float64), output)
        drops, row = leads[0] - leads[1:], test[position]
        picture = displayed(image[None], preprocessing.low, preprocessing.high)[0]
        overlay = heat(picture, _mean_drops(drops, patch, corners, preprocessing.shape[:2]))
        entries.append(
            {
                "row": int(dataset.source_rows[row]),
                "file": plain(dataset.features.names[row]) if dataset.features.names else None,
                "said": text,
                "right": None if result.task == "regression" else right[position],
                "score": short([leads[0]])[0],
                "drops": short(drops),
                "picture": data_uri(on_screen(preprocessing, image[None])[0]),
                "map": data_uri(shrunk(overlay[None])[0]),
            }
        )
    return {"patch": list(patch), "places": len(corners), "shown": entries}


def _hidden(images: NDArray[Any], patch: tuple[int, int], corners: NDArray[np.int64], mean: float) -> NDArray[Any]:
    """Return each image as it is, and with the patch on each position.

    images (n, height, width, channels)  ->  (n, 1 + positions, height, width, channels)
    """
    stack = np.repeat(images[:, None], len(corners) + 1, axis=1)
    fill = np.uint8(round(mean)) if images.dtype == np.uint8 else np.asarray(mean).astype(images.dtype)
    for i, (top, left) in enumerate(corners, start=1):
        stack[:, i, top : top + patch[0], left : left + patch[1]] = fill
    return stack


def _mean_drops(
    drops: NDArray[np.float64], patch: tuple[int, int], corners: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the mean drop over the patches that cover each pixel, shape (height, width)."""
    # Neighboring positions overlap: most pixels are covered several times.
    total, covered = np.zeros(size), np.zeros(size)
    for drop, (top, left) in zip(drops, corners, strict=True):
        total[top : top + patch[0], left : left + patch[1]] += drop
        covered[top : top + patch[0], left : left + patch[1]] += 1
    return total / np.maximum(covered, 1)


def _explained(result: Result) -> list[tuple[int, list[Any]]]:
    """Choose the worst mistakes and some right predictions: their cells, and what the page says of each."""
    outcome: Any = result.outcome
    truth, predicted = outcome.y_true, outcome.y_pred
    outputs = truth.size // len(truth)
    mistakes, texts, _ = ranked_mistakes(result, EXPLAINED)
    if result.task == "regression":
        order = np.argsort(np.abs(truth - predicted).sum(axis=1), kind="stable")
        right = outputs * order[~np.isin(order, mistakes // outputs)]
    elif result.task == "multilabel":
        rows = np.flatnonzero((truth == predicted).all(axis=1) & truth.any(axis=1))
        right = outputs * rows + np.argmax(truth[rows], axis=1)
    else:
        rows = np.flatnonzero(truth == predicted)
        _, first = np.unique(truth[rows], return_index=True)
        later = np.setdiff1d(np.arange(len(rows)), first)  # after one row of each class
        right = rows[np.concatenate([np.sort(first), later])]
    right = right[:EXPLAINED]
    return [*zip(mistakes, texts, strict=True), *((cell, text_of(result, cell)) for cell in right)]


def _leads(result: Result, scores: NDArray[np.float64], output: int) -> NDArray[np.float64]:
    """Return by how much each row of scores (rows, units) supports what the first row decides."""
    if result.task == "regression":
        points = result.head.points(scores.astype(np.float32))
        return result.target.decode(points).reshape(len(scores), -1)[:, output].astype(np.float64)
    if result.task == "multiclass":
        scores = result.head.class_scores(scores)
        # The lead of the class chosen for the image as it is, over the best other class of each row.
        best = int(scores[0].argmax())
        return scores[:, best] - np.delete(scores, best, axis=1).max(axis=1)
    # One score per label, or one: a larger one supports the positive decision, a smaller one the negative decision.
    is_positive = result.decide(scores[:1]).reshape(-1)[output]
    return scores[:, output] if is_positive else -scores[:, output]
