"""What each part of the default network brings: the same trainings without that part, on the same splits.

    python -m tests.benchmarks.ablation --sets penguins wine --seeds 0 1

By default it runs all tables with three seeds. Each line trains one network (``effort="quick"``), so that the mean of
several does not hide a part; only the line "four networks" trains four.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

import numpy as np

from tests.benchmarks import datasets
from tests.benchmarks.measuring import REPORTS, circumstances, geometric_mean, markdown, write

#: The changed options by the label of their line in the table.
PARTS: dict[str, dict[str, Any]] = {
    "the default network": {},
    "without the columns' learned scale": {"feature_scale": False},
    "with one rate for all layers (0.001)": {"layer_rates": False, "learning_rate": 0.001},
    "with one wave of the rate": {"schedule": "cosine"},
    "without smoothed labels": {"label_smoothing": 0.0},
    "without pieces": {"pieces": 0},
    "with standard scaling": {"scaling": "standard"},
    "four networks": {"members": 4},
}
#: Options of the network itself. The recipes leave all defaults out once one of these is given, so they are given too.
NETWORK: dict[str, dict[str, Any]] = {
    "without dropout": {"dropout": 0.0},
    "with biases that start at 0": {"bias_spread": 0.0},
    "with ReLU in place of Mish": {"activation": "relu"},
}


def options(change: dict[str, Any], network: dict[str, Any], task: str, rows: int, numbers: int) -> dict[str, Any]:
    """Return the options of a line of the table: the changes, with the defaults beside changes of the network."""
    from recipes.workflow import defaults
    from toolkit.heads import DEFAULT_HEADS, get_head

    if not network:
        return change
    empty: dict[str, dict[str, Any]] = {"model": {}, "training": {}, "ensemble": {}, "preprocessing": {}}
    chosen = defaults.choose(get_head(task, DEFAULT_HEADS[task]), "quick", empty, rows)
    return chosen["model"] | chosen["training"] | defaults.preprocessing(empty, rows, numbers) | network


def error(name: str, seed: int, change: dict[str, Any], network: dict[str, Any]) -> tuple[float, float]:
    """Train on one table; return the error on its test rows (as in the accuracy benchmark) and the seconds."""
    from toolkit.data.prepare import prepare

    rows = datasets.load(name)
    recipe = importlib.import_module(f"recipes.{rows.task}")
    target = rows.target if rows.task == "multilabel" else rows.target[0]
    dataset = prepare(rows.frame, rows.target, task=rows.task, test=rows.test_pair, seed=seed)
    numbers = sum(column.kind == "number" for column in dataset.features.columns)
    run = recipe.train(
        rows.frame,
        target=target,
        test=rows.test_pair,
        effort="quick",
        seed=seed,
        baselines=False,
        progress=False,
        **options(change, network, rows.task, len(dataset.parts["train"]), numbers),
    )
    metrics = run.metrics
    errors = {"regression": metrics.get("rmse"), "multilabel": metrics.get("hamming_loss")}
    return errors.get(rows.task) or 1 - metrics["accuracy"], run.seconds["train"]


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ablation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sets", nargs="+", default=datasets.available(), choices=datasets.available())
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    parts = {label: (change, {}) for label, change in PARTS.items()}
    parts |= {label: ({}, change) for label, change in NETWORK.items()}
    results: dict[str, dict[str, tuple[float, float]]] = {label: {} for label in parts}
    for name in arguments.sets:
        regression = datasets.load(name).task == "regression"
        for label, (change, network) in parts.items():
            if regression and "label_smoothing" in change:
                continue
            errors = [error(name, seed, change, network) for seed in arguments.seeds]
            results[label][name] = (
                float(np.mean([value for value, _ in errors])),
                float(np.sum([seconds for _, seconds in errors])),
            )
            print(name, label, *(f"{value:.5g}" for value in results[label][name]), sep="  ", flush=True)
    default = results["the default network"]
    lines = []
    for label, by_table in results.items():
        ratios = {name: value / default[name][0] for name, (value, _) in by_table.items() if value and default[name][0]}
        times = [seconds / default[name][1] for name, (_, seconds) in by_table.items()]
        cells = [f"{ratios[name]:.3f}" if name in ratios else "" for name in arguments.sets]
        mean = f"{geometric_mean(list(ratios.values())):.3f}" if ratios else ""
        lines.append([label, mean, *cells, f"{geometric_mean(times):.2f}"])
    seeds = f"{len(arguments.seeds)} seed{'s' if len(arguments.seeds) > 1 else ''}"
    text = f"""# What each part of the default network brings

Test error without a part divided by the test error of the default network: above 1, the part helps. The error is
1 - accuracy, the RMSE or the Hamming loss, averaged over {seeds} before the ratio is
taken; the mean over the tables is geometric. A cell is empty if there is nothing to divide or to leave out. Small
tables are noisy: on a few hundred test rows, a few hundredths are a single row.
"""
    head = ["one network", "mean", *arguments.sets, "seconds"]
    write(REPORTS / "ablation.md", "\n".join([text, *markdown(head, lines), "", *circumstances({})]))


if __name__ == "__main__":
    main()
