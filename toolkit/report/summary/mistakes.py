"""Test rows to look at: a network's most confident mistakes, and rows on which contenders disagree.

Predictions are counted in cells, one per row and output: cell c is about row c // outputs and output c % outputs, in
the order in which `ravel` reads y_true and y_pred. Only regression and multi-label targets have several outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.formatting import number, percent, plain
from toolkit.data.dataset import SplitData
from toolkit.data.images.preprocessing import ImagePreprocessing
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.metrics import Outcome
from toolkit.evaluation.result import Result
from toolkit.report.pixels import data_uri, displayed, scale_of, shrunk
from toolkit.report.summary.data import most_predictive
from toolkit.report.summary.margins import confidence_of, is_right, margins_of
from toolkit.report.summary.values import contenders_of

__all__ = ["for_comparison", "for_result", "on_screen", "picture_size", "ranked_mistakes", "text_of"]

MISTAKES, PICTURES = 10, 20  # shown of columns, and of images, which are faster to look at
DISAGREEMENTS = 10
CELLS = 8  # columns shown of a row
LETTERS = 120  # kept of a cell of text
ABOUT = {
    "regression": "The test rows with the largest errors.",
    "binary": "The wrong predictions that the network was most confident about.",
    "multiclass": "The wrong predictions that the network was most confident about.",
    "multilabel": "The wrongly predicted labels that the network was most confident about.",
}


def for_result(result: Result) -> dict[str, Any]:
    """Return the test rows with the most confident mistakes, or for regression the largest errors."""
    dataset: Any = result.dataset
    is_image, regression = dataset.features.pixels is not None, result.task == "regression"
    cells, texts, total = ranked_mistakes(result, PICTURES if is_image else MISTAKES)
    numbering = "in the order of the images" if is_image else "in the file that they came from, without its header"
    return {
        "about": f"{ABOUT[result.task]} Rows are numbered from 1 {numbering}.",
        "head": [*_output(result), "true", "predicted", "error" if regression else "confidence"],
        **_rows_table(dataset, result.preprocessing, cells // _outputs(result.outcome), texts),
        "total": total,
    }


def ranked_mistakes(result: Result, count: int) -> tuple[NDArray[Any], list[list[Any]], int]:
    """Return the cells of the worst mistakes, what the page says of each, and how many there are in all."""
    outcome: Any = result.outcome
    if result.task == "regression":
        # (rows, targets), in standard deviations of each target, so that several can be compared
        sizes = (np.abs(outcome.y_true - outcome.y_pred) / result.target.scale).ravel()
        cells = np.argsort(-sizes, kind="stable")[:count]
        return cells, [text_of(result, cell) for cell in cells], sizes.size
    wrong = np.flatnonzero(~is_right(outcome))
    margins, write = margins_of(outcome), _chance
    ranking: Any = confidence_of(outcome)  # (cells,)
    if ranking is None:
        ranking, write = np.zeros(outcome.y_true.size) if margins is None else np.abs(margins), _margin
    cells = wrong[np.argsort(-ranking[wrong], kind="stable")][:count]
    return cells, [[*text_of(result, cell), write(ranking[cell])] for cell in cells], len(wrong)


def text_of(result: Result, cell: int) -> list[Any]:
    """Return a prediction as the page writes it: its label or target, the truth, the prediction, and any error."""
    outcome: Any = result.outcome
    names, word = result.class_names, _writer(result)
    true, predicted = outcome.y_true.ravel()[cell], outcome.y_pred.ravel()[cell]
    output = [names[cell % _outputs(outcome)]] if _output(result) else []
    return [*output, word(true), word(predicted), *([word(true - predicted)] if result.task == "regression" else [])]


def for_comparison(comparison: ComparisonResult) -> dict[str, Any]:
    """Count where contenders and reference are right, for the first seed, and show rows on which they disagree."""
    names, word, dataset = comparison.class_names, _writer(comparison), comparison.datasets[comparison.seeds[0]]
    trials = [trials[0] for trials in contenders_of(comparison)]
    outcomes, regression = [trial.outcome for trial in trials], comparison.task == "regression"
    predicted, truth = np.stack([o.y_pred.ravel() for o in outcomes]), outcomes[0].y_true.ravel()  # (contenders, cells)
    chances, outputs = [confidence_of(outcome) for outcome in outcomes], _outputs(outcomes[0])
    if regression:
        # Every cell is a candidate; distances are in standard deviations of each target.
        cells = np.arange(len(truth))
        ranking = np.ptp(predicted, axis=0) / np.resize(comparison.target.scale, len(truth))
        distances = np.abs(predicted - truth)
        right = distances == distances.min(axis=0)
        right &= right.cumsum(axis=0) == 1  # the first of equally near predictions
    else:
        # Cells that not all contenders decide alike, ranked by the sum of their confidence.
        cells, right = np.flatnonzero((predicted != predicted[0]).any(axis=0)), predicted == truth
        confidence = [chance[cells] for chance in chances if chance is not None]
        ranking = np.sum(confidence, axis=0) if confidence else np.zeros(len(cells))
    order, texts = cells[np.argsort(-ranking, kind="stable")][:DISAGREEMENTS], []
    for cell in order:
        answers = [
            {
                "said": word(predicted[i, cell]),
                "right": right[i, cell],
                "chance": None if chance is None else chance[cell],
            }
            for i, chance in enumerate(chances)
        ]
        texts.append([*([names[cell % outputs]] if _output(comparison) else []), word(truth[cell]), *answers])
    network = trials[0].result
    return {
        "counted": truth.size,
        "counts": [] if regression else [_agreement(outcomes[0], outcome) for outcome in outcomes[1:]],
        "total": len(cells),
        "shown": {
            "head": [*_output(comparison), "true"],
            **_rows_table(
                dataset, network and network.preprocessing, order // outputs, texts, cells=CELLS if texts else 0
            ),
            "image": None if dataset.features.pixels is None else picture_size(*dataset.features.pixels.shape[1:3]),
        },
    }


def _rows_table(
    dataset: SplitData,
    preprocessing: Any,
    positions: Sequence[int] | NDArray[Any],
    texts: Sequence[list[Any]],
    cells: int = CELLS,
) -> dict[str, Any]:
    """Return test rows, each with what the page says of it.

    Args:
        dataset: The data.
        preprocessing: The preprocessing of the images, which knows how bright pixels are.
        positions: Positions in the test part.
        texts: For each row, what the page says of it.
        cells: How many columns are shown of each row; 0 describes none.

    Returns:
        `columns` (those that predict the target best), `left_out` (the number of others) and `rows`: `row` (its number
        in the user's file), `said`, `cells`, and for images `file` (None for images without names) and `picture`.
    """
    test = dataset.parts["test"][np.asarray(positions, dtype=int)]
    columns = most_predictive(dataset.describe()["columns"], cells) if cells else []
    rows = [
        {
            "row": dataset.source_rows[row],
            "said": text,
            "cells": [_cell(dataset.features.frame[column["name"]].iloc[row], column["kind"]) for column in columns],
        }
        for row, text in zip(test, texts, strict=True)
    ]
    if dataset.features.pixels is not None:
        pictures = on_screen(preprocessing, dataset.features.pixels[test])
        for entry, row, picture in zip(rows, test, pictures, strict=True):
            file = plain(dataset.features.names[row]) if dataset.features.names else ""
            entry |= {"file": file or None, "picture": data_uri(picture)}
    return {
        "columns": [column["name"] for column in columns],
        "left_out": len(dataset.features.columns) - len(columns),
        "rows": rows,
    }


def _cell(value: Any, kind: str) -> Any:
    """Return a cell as a reader knows it: yes or no, a date, a number, a text that is not too long."""
    if value is None or value is pd.NaT or value != value:
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "date":
        return str(pd.Timestamp(value)).removesuffix(" 00:00:00")
    if kind == "number":
        return float(f"{value:.10g}")
    text = plain(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def on_screen(preprocessing: ImagePreprocessing, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return images (n, height, width, channels) as bytes of the size that the page shows."""
    return shrunk(displayed(pixels, preprocessing.low, preprocessing.high))


def picture_size(height: int, width: int) -> dict[str, int]:
    """Return `height`, `width` and `scale` (CSS pixels per pixel) of the pictures of images of a size."""
    height, width = shrunk(np.zeros((1, height, width, 1), np.uint8)).shape[1:3]
    return {"height": height, "width": width, "scale": scale_of(height, width)}


def _outputs(outcome: Outcome | None) -> int:
    return 1 if outcome is None else int(np.prod(outcome.y_true.shape[1:]))


def _output(subject: Result | ComparisonResult) -> list[str]:
    """Return the word for an output where the page names it: "label" or "target"."""
    if subject.task == "regression":
        return ["target"] if len(subject.target.columns) > 1 else []
    return ["label"] if subject.task == "multilabel" else []


def _writer(subject: Result | ComparisonResult) -> Callable[[Any], Any]:
    """Return what turns a value of y_true or y_pred into what the page shows."""
    if subject.task == "regression":
        return lambda value: float(f"{value:.6g}")
    names = subject.class_names
    return bool if subject.task == "multilabel" else lambda value: names[value]


def _chance(probability: float) -> str:
    """Format a probability so that 0.99996 does not become 100 %."""
    text = percent(probability)
    return text if probability == 1 or not text.startswith("100") else f"over {percent(0.999)}"


def _margin(size: float) -> str:
    return f"margin {number(size, 3)}"


def _agreement(reference: Outcome, contender: Outcome) -> dict[str, int]:
    first, second = is_right(reference), is_right(contender)
    return {
        "both": (first & second).sum(),
        "reference": (first & ~second).sum(),
        "contender": (~first & second).sum(),
        "neither": (~first & ~second).sum(),
        "differ": (reference.y_pred != contender.y_pred).sum(),
    }
