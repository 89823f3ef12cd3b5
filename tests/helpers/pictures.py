"""One picture of each kind, and what a test reads back from them."""

from __future__ import annotations

import numpy as np

from toolkit.report import plots
from toolkit.report.plots import Line
from toolkit.report.style import SERIES

EPOCHS = list(range(1, 9))
LOSS = [2.0, 1.5, 1.2, 1.0, 0.9, 0.85, 0.82, 0.81]
RANDOM = np.random.default_rng(0)
PREDICTED = RANDOM.normal(250_000, 90_000, 1_000)
ERRORS = RANDOM.normal(0, 40_000, 1_000)
BANDS = {
    "x": [1e5, 2e5, 3e5],
    "middle": [1.1e5, 1.9e5, 3e5],
    "low": [5e4, 1.5e5, 2e5],
    "high": [1.6e5, 2.6e5, 4e5],
}
ERROR_BANDS = {"x": BANDS["x"], "middle": [0.0, 1e3, -1e3], "low": [-6e4] * 3, "high": [6e4] * 3}
LINE = ([0.0, 0.2, 1.0], [0.0, 0.8, 1.0])


def series(kind, x, y):
    return Line(x, y, SERIES[kind], kind)


def residuals():
    counts, edges = np.histogram(ERRORS, 30)
    return plots.against_predicted(PREDICTED, ERRORS, ERROR_BANDS, errors=(edges, counts))


FIGURES = {
    "loss": lambda: plots.line_chart(
        [series("training", EPOCHS, LOSS), series("validation", EPOCHS, LOSS[::-1])],
        name="loss",
        marks={3: "best"},
    ),
    "rate": lambda: plots.line_chart([series("rate", EPOCHS, [1e-5 * e for e in EPOCHS])], name="learning rate"),
    "roc": lambda: plots.ranking(
        {"network": LINE, "linear": LINE, "tree": LINE}, (0, 1), (0.2, 0.8), name="found", along="false alarms"
    ),
    "precision": lambda: plots.ranking(
        {"network": (LINE[0], LINE[1][::-1])}, (0.3, 0.3), (0.2, 0.8), name="precision", along="recall"
    ),
    "reliability": lambda: plots.reliability(
        ([0.1, 0.5, 0.9], [0.2, 0.5, 0.8]), interval=([0.1, 0.4, 0.7], [0.3, 0.6, 0.9])
    ),
    "predicted": lambda: plots.against_predicted(PREDICTED, PREDICTED + ERRORS, BANDS),
    "residuals": residuals,
    "settings": lambda: plots.losses_and_weights(
        ["dropout 0.15", "dropout 0.45", "no dropout"], [0.52, 0.595, 0.513], [5 / 11, 0.0, 6 / 11]
    ),
}


def lines(figure):
    """The lines of a figure's first axes: name -> x and y, as lists."""
    return {
        str(line.get_label()): tuple(np.asarray(values, dtype=float).tolist() for values in line.get_data())
        for line in figure.axes[0].lines
    }
