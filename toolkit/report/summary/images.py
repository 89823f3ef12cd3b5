"""What a run on images shows as pictures: examples, the first layer's filters, and what its decisions rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.formatting import number, plain
from toolkit.report.pixels import (
    data_uri,
    displayed,
    heat,
    scale_of,
    shrunk,
    signed,
    strip,
)
from toolkit.report.summary.results import names_of, ranked, short

if TYPE_CHECKING:
    from toolkit.data.dataset import SplitData
    from toolkit.data.images.stack import ImageEncoder
    from toolkit.evaluation.metrics import Outcome
    from toolkit.evaluation.result import Result

__all__ = ["describe_images", "examples", "filters", "hidden_places", "occlusion", "without_pictures"]

CLASSES = (10, 20)  # classes, labels or bands shown by examples: large images, small ones
EXAMPLES = (3, 10)  # images of each, likewise
BANDS = 5  # of a regression target
FILTERS = 32  # units of the first layer shown
EXPLAINED = 4  # wrong decisions explained, and as many right ones
# Bytes of pixels: a page stays below 2 MB also with photographs, which hardly pack.
EXAMPLE_BYTES, FILTER_BYTES = 400_000, 160_000
GRID = 7  # places of the hidden patch along a side, about


def describe_images(run: Result, table: SplitData, outcome: Outcome) -> dict[str, Any]:
    """Return what the page of a run on images shows beside what every page shows.

    Args:
        run: A run on images, just trained.
        table: Its images.
        outcome: Its outcome on the test part.

    Returns:
        `height`, `width`, `channels`, `dtype`, `low`, `high`, `mean` and `deviation` (of the training pixels), `shown`
        (size and scale of the pictures), `examples`, `filters` (None where the first layer has no weights to show) and
        `occlusion`. Pictures are PNGs in data URIs.
    """
    encoder: Any = run.encoder
    height, width, channels = encoder.shape
    small = shrunk(np.zeros((1, height, width, 1), np.uint8)).shape[1:3]
    return {
        "height": height,
        "width": width,
        "channels": channels,
        "dtype": encoder.dtype,
        **{name: short([getattr(encoder, name)])[0] for name in ("low", "high", "mean", "deviation")},
        "shown": {"height": small[0], "width": small[1], "scale": scale_of(*small)},
        "examples": examples(run, table),
        "filters": filters(run),
        "occlusion": occlusion(run, table, outcome),
    }


def without_pictures(images: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the same without any of the user's images; the filters stay: they are the model's.

    Example:
        >>> without_pictures({"height": 8, "examples": {}, "filters": None, "occlusion": {}})
        {'height': 8, 'examples': None, 'filters': None, 'occlusion': None}
    """
    return None if images is None else {**images, "examples": None, "occlusion": None}


def _on_screen(encoder: ImageEncoder, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return shrunk(displayed(pixels, encoder.low, encoder.high))


def examples(run: Result, table: SplitData) -> dict[str, Any]:
    """Return training images of each class or label, or of each band of a regression target.

    Args:
        run: A run on images.
        table: Its images.

    Returns:
        `by` (class, label or band), `target` (the name of the one that bands are of, or None), `shown`: a `name`, the
        number of training `rows` and of `images`, and one `sheet` each; `left_out`, how many are not shown.
    """
    train = table.parts["train"]
    encoder: Any = run.encoder
    pixels: Any = table.features.pixels
    groups = _groups(run, table, train)
    affordable = EXAMPLE_BYTES // _on_screen(encoder, pixels[train[:1]]).size
    most = min(len(groups), int(np.clip(affordable // EXAMPLES[0], *CLASSES)))
    each = int(np.clip(affordable // most, *EXAMPLES))
    shown = []
    for name, rows in groups[:most]:
        kept = rows[np.unique(np.linspace(0, len(rows) - 1, min(each, len(rows))).round().astype(int))]
        sheet = data_uri(strip(_on_screen(encoder, pixels[kept]))) if len(kept) else None
        shown.append({"name": name, "rows": len(rows), "images": len(kept), "sheet": sheet})
    regression = run.task == "regression"
    return {
        "by": "band" if regression else "label" if run.task == "multilabel" else "class",
        "target": names_of(run)[0] if regression else None,
        "shown": shown,
        "left_out": len(groups) - most,
    }


def _groups(run: Result, table: SplitData, train: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
    """Name groups of training rows, in order."""
    names = names_of(run)
    if run.task == "regression":
        values = table.target_frame.iloc[train, 0].to_numpy(np.float64)
        bands = np.array_split(np.argsort(values, kind="stable"), min(BANDS, len(values)))
        ends = [(values[band].min(), values[band].max()) for band in bands]
        said = [f"{number(low, 3)} to {number(high, 3)}" if low < high else number(low, 3) for low, high in ends]
        return [(name, train[band]) for name, band in zip(said, bands, strict=True)]
    coded = np.asarray(run.target.encode(table.target_frame.iloc[train]))
    if run.task == "multilabel":
        return [(name, train[coded[:, place] == 1]) for place, name in enumerate(names)]
    ids = coded.reshape(-1).astype(np.int64)
    return [(name, train[ids == place]) for place, name in enumerate(names)]


# ------------------------------------------------------------------------------------------------------ the first layer


def filters(run: Result) -> dict[str, Any] | None:
    """Return the weights of the first layer that has any, a picture a unit.

    Args:
        run: A run on images.

    Returns:
        `layer` and `kind` (`"dense"`: a weight a pixel; `"convolution"`: a weight a place of the window), `height` and
        `width` of a unit's picture, `scale`, `color` (whether weights are shown as colors), `network` (which of
        several networks, from 1), and `shown`: `name`, `low` and `high` (its least and greatest weight), `picture`;
        `left_out`, how many units are not shown. None where there is no such layer.
    """
    found = _kernel(run)
    if found is None:
        return None
    layer, kind, kernel, network = found
    height, width, channels, units = kernel.shape
    pixels = (4 if channels == 1 else 3) * height * width
    shown = min(units, max(4, min(FILTERS, FILTER_BYTES // pixels)))
    ends = layer.name == run.model.layers[-1].name
    names = names_of(run) if ends and len(names_of(run)) == units else [str(place + 1) for place in range(units)]
    tiles = []
    for place in range(shown):
        weights = kernel[..., place]
        low, high = short([weights.min(), weights.max()])
        tiles.append({"name": names[place], "low": low, "high": high, "picture": data_uri(signed(weights))})
    return {
        "layer": plain(layer.name),
        "kind": kind,
        "scores": ends,
        "height": height,
        "width": width,
        "scale": scale_of(height, width),
        "colour": channels == 3,
        "network": network,
        "shown": tiles,
        "left_out": units - shown,
    }


def _kernel(run: Result) -> tuple[Any, str, NDArray[Any], int | None] | None:
    """Return the first layer with weights, what it is, and its weights as (height, width, channels, units)."""
    encoder: Any = run.encoder
    for layer in run.model.layers:
        if not layer.weights:
            continue
        kind = type(layer).__name__
        kernel: NDArray[Any] = np.asarray(layer.kernel) if kind in ("Dense", "Conv2D", "EinsumDense") else np.zeros(0)
        if kind == "Conv2D" and kernel.ndim == 4 and kernel.shape[2] in (1, 3):
            return layer, "convolution", kernel, None
        if kind == "Dense" and kernel.shape[:1] == (encoder.width,):
            return layer, "dense", kernel.reshape(*encoder.shape, -1), None
        if kind == "EinsumDense" and kernel.ndim == 3 and kernel.shape[1] == encoder.width:
            return layer, "dense", kernel[0].reshape(*encoder.shape, -1), 1
        return None
    return None


# ----------------------------------------------------------------------------------------------------------- occlusion


def hidden_places(height: int, width: int) -> tuple[tuple[int, int], NDArray[np.int64]]:
    """Return the size of a patch and the places to put it, so that it covers an image with overlaps.

    Args:
        height: Of the image, in pixels.
        width: Of the image, in pixels.

    Returns:
        The patch's height and width, a quarter of the image's, and the upper left corners, shape (places, 2).

    Example:
        >>> patch, corners = hidden_places(28, 28)
        >>> patch, len(corners), corners[-1].tolist()
        ((7, 7), 49, [21, 21])
    """
    patch = (max(1, round(height / 4)), max(1, round(width / 4)))
    along = [
        np.unique(np.linspace(0, size - own, min(GRID, size - own + 1)).round().astype(np.int64))
        for size, own in zip((height, width), patch, strict=True)
    ]
    return patch, np.array([(top, left) for top in along[0] for left in along[1]])


def occlusion(run: Result, table: SplitData, outcome: Outcome) -> dict[str, Any] | None:
    """Return where some test images can't be hidden without changing the decision: what it rests on.

    A patch of the training images' mean color is put on each place; the map is the mean fall of the score that the
    decision was made by, over the patches that cover a pixel.

    Args:
        run: A run on images.
        table: Its images.
        outcome: Its outcome on the test part.

    Returns:
        `patch` (height, width), `places`, `shown`: for each image `row`, `file`, `said` (as in the mistakes), `right`,
        `score` (of the image as it is), `drops` (of each place, in rows from the top), `picture` and `map`. None where
        there is no test image.

    References:
        Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014, section 4.2.
    """
    test, pixels = table.parts["test"], table.features.pixels
    chosen = _explained(run, outcome)
    if pixels is None or not chosen:
        return None
    encoder: Any = run.encoder
    images = pixels[test[[place for place, _, _ in chosen]]]
    patch, corners = hidden_places(*encoder.shape[:2])
    stack = np.repeat(images, len(corners) + 1, axis=0).reshape(len(images), len(corners) + 1, *images.shape[1:])
    fill = np.asarray(encoder.mean).astype(pixels.dtype) if pixels.dtype != np.uint8 else np.uint8(round(encoder.mean))
    for place, (top, left) in enumerate(corners, start=1):
        stack[:, place, top : top + patch[0], left : left + patch[1]] = fill
    wrong = set(np.flatnonzero((outcome.y_true != outcome.y_pred).reshape(len(test), -1).any(axis=1)))
    scores = run.raw_scores(stack.reshape(-1, *images.shape[1:])).reshape(len(images), len(corners) + 1, -1)
    shown = []
    for image, own, (place, said, which) in zip(images, scores, chosen, strict=True):
        decided = _decided(run, own.astype(np.float64), which)
        drops = decided[0] - decided[1:]
        total, covered = np.zeros(encoder.shape[:2]), np.zeros(encoder.shape[:2])
        for drop, (top, left) in zip(drops, corners, strict=True):
            total[top : top + patch[0], left : left + patch[1]] += drop
            covered[top : top + patch[0], left : left + patch[1]] += 1
        drawn = displayed(image[None], encoder.low, encoder.high)[0]
        row = test[place]
        shown.append(
            {
                "row": int(table.source_rows[row]),
                "file": plain(table.features.names[row]) if table.features.names else None,
                "said": said,
                "right": None if run.task == "regression" else place not in wrong,
                "score": short([decided[0]])[0],
                "drops": short(drops),
                "picture": data_uri(shrunk(drawn[None])[0]),
                "map": data_uri(shrunk(heat(drawn, total / np.maximum(covered, 1))[None])[0]),
            }
        )
    return {"patch": list(patch), "places": len(corners), "shown": shown}


def _explained(run: Result, outcome: Outcome) -> list[tuple[int, list[Any], int]]:
    """Choose test rows, the worst mistakes and some that went well: place, what is said, which score decided."""
    places, said, _ = ranked(run, outcome, EXPLAINED)
    chosen = []
    for place, words in zip(places, said, strict=True):
        which = names_of(run).index(words[0]) if _is_named(run) else 0
        chosen.append((int(place), words, which))
    names, taken = names_of(run), {place for place, _, _ in chosen}
    if run.task in ("binary", "multiclass"):
        right = np.flatnonzero(outcome.y_true == outcome.y_pred)
        _, first = np.unique(outcome.y_true[right], return_index=True)
        others = np.setdiff1d(np.arange(len(right)), first)  # one of each class goes before
        for place in right[np.concatenate([np.sort(first), others])[:EXPLAINED]]:
            chosen.append((int(place), [names[outcome.y_true[place]]] * 2, 0))
    elif run.task == "multilabel":
        right = [p for p in np.flatnonzero((outcome.y_true == outcome.y_pred).all(axis=1)) if outcome.y_true[p].any()]
        for place in right[:EXPLAINED]:
            which = int(np.argmax(outcome.y_true[place]))
            chosen.append((int(place), [names[which], True, True], which))
    else:
        size = np.abs(outcome.y_true - outcome.y_pred).sum(axis=1)
        for place in [p for p in np.argsort(size, kind="stable") if p not in taken][:EXPLAINED]:
            true, predicted = (float(f"{values[place, 0]:.6g}") for values in (outcome.y_true, outcome.y_pred))
            named = [names[0]] if _is_named(run) else []
            chosen.append((int(place), [*named, true, predicted, float(f"{true - predicted:.6g}")], 0))
    return chosen


def _is_named(run: Result) -> bool:
    """Tell whether what is said of a mistake begins with the label or target that it is about."""
    return run.task == "multilabel" or (run.task == "regression" and len(run.target.columns) > 1)


def _decided(run: Result, scores: NDArray[np.float64], which: int) -> NDArray[np.float64]:
    """Return how clearly each row of scores speaks for the first one's decision."""
    if run.task == "regression":
        return run.target.decode(scores.astype(np.float32)).reshape(len(scores), -1)[:, which].astype(np.float64)
    if run.task == "multiclass":
        best = int(scores[0].argmax())
        others = np.delete(scores, best, axis=1)
        return scores[:, best] - others.max(axis=1)
    threshold = run.threshold if run.task == "binary" else 0.0
    own = scores[:, which] - threshold
    return own if own[0] > 0 else -own
