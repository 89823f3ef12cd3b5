"""What each part of the default network brings: the same trainings without it, on the same splits.

    python -m tests.benchmarks.ablation --sets penguins wine --seeds 0 1

What is left out is all tables and three seeds. One network each (``effort="quick"``), so that no part is hidden by the
others' mean; the last line is what four bring.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

import numpy as np

from tests.benchmarks import datasets
from tests.benchmarks.measuring import REPORTS, circumstances, geometric_mean, markdown, write

#: What is changed, by what the table calls it.
PARTS: dict[str, dict[str, Any]] = {
    "the default network": {},
    "without the columns' learned scale": {"feature_scale": False},
    "with one rate for all layers (0.001)": {"layer_rates": False, "learning_rate": 0.001},
    "with one wave of the rate": {"schedule": "cosine"},
    "without smoothed labels": {"label_smoothing": 0.0},
    "without pieces": {"pieces": 0},
    "with standard scaling": {"scaling": "standard"},
    "four networks": {"seeds": 4},
}
#: What belongs to the network itself: its other parts are then given again, since a named network has none unasked.
NETWORK: dict[str, dict[str, Any]] = {
    "without dropout": {"dropout": 0.0},
    "with biases that start at 0": {"bias_spread": 0.0},
    "with Mish in place of ReLU": {"activation": "mish"},
}


def options(change: dict[str, Any], network: dict[str, Any], task: str, rows: int, numbers: int) -> dict[str, Any]:
    """Return the options of one line of the table."""
    from recipes.workflow import defaults
    from toolkit.heads import DEFAULT_HEADS, get_head

    if not network:
        return change
    nothing: dict[str, dict[str, Any]] = {"model": {}, "training": {}, "ensemble": {}, "encoding": {}}
    usual = defaults.choose(get_head(task, DEFAULT_HEADS[task]), "quick", nothing, rows)
    return usual["model"] | usual["training"] | defaults.encoding(nothing, rows, numbers) | network


def error(name: str, seed: int, change: dict[str, Any], network: dict[str, Any]) -> tuple[float, float]:
    """Train on one table; return the error on its test rows (as in the bench of accuracy) and the seconds."""
    from toolkit.data import prepare as preparing

    rows = datasets.load(name)
    recipe = importlib.import_module(f"recipes.{rows.task}")
    target = rows.target if rows.task == "multilabel" else rows.target[0]
    table = preparing.prepare(rows.frame, rows.target, task=rows.task, test=rows.test_pair, seed=seed)
    numbers = sum(column.kind == "number" for column in table.features.columns)
    run = recipe.train(
        rows.frame,
        target=target,
        test=rows.test_pair,
        effort="quick",
        seed=seed,
        baselines=False,
        progress=False,
        **options(change, network, rows.task, len(table.parts["train"]), numbers),
    )
    found = run.metrics
    wrong = {"regression": found.get("rmse"), "multilabel": found.get("hamming_loss")}
    return wrong.get(rows.task) or 1 - found["accuracy"], run.seconds["train"]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ablation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sets", nargs="+", default=datasets.available(), choices=datasets.available())
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    asked = parser.parse_args()
    parts = {label: (change, {}) for label, change in PARTS.items()}
    parts |= {label: ({}, change) for label, change in NETWORK.items()}
    found: dict[str, dict[str, tuple[float, float]]] = {label: {} for label in parts}
    for name in asked.sets:
        regression = datasets.load(name).task == "regression"
        for label, (change, network) in parts.items():
            if regression and "label_smoothing" in change:
                continue
            each = [error(name, seed, change, network) for seed in asked.seeds]
            found[label][name] = (float(np.mean([e for e, _ in each])), float(np.sum([s for _, s in each])))
            print(name, label, *(f"{value:.5g}" for value in found[label][name]), sep="  ", flush=True)
    usual = found["the default network"]
    lines = []
    for label, own in found.items():
        ratios = {name: value / usual[name][0] for name, (value, _) in own.items() if value and usual[name][0]}
        times = [seconds / usual[name][1] for name, (_, seconds) in own.items()]
        cells = [f"{ratios[name]:.3f}" if name in ratios else "" for name in asked.sets]
        mean = f"{geometric_mean(list(ratios.values())):.3f}" if ratios else ""
        lines.append([label, mean, *cells, f"{geometric_mean(times):.2f}"])
    text = f"""# What each part of the default network brings

Test error without a part over that with all: above 1, the part helps. 1 - accuracy, RMSE or Hamming loss, means over
{len(asked.seeds)} seed{"s" if len(asked.seeds) > 1 else ""} before the ratio is taken; the mean over the tables is
geometric. A cell is empty where there is nothing to divide or to leave out. Small tables are noise: a ratio of a few
hundredths on some hundred test rows is one row.
"""
    head = ["one network", "mean", *asked.sets, "seconds"]
    write(REPORTS / "ablation.md", "\n".join([text, *markdown(head, lines), "", *circumstances({})]))


if __name__ == "__main__":
    main()
