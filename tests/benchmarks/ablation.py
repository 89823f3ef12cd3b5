"""What each part of the default network brings: the same trainings without that part, on the same splits.

    python -m tests.benchmarks.ablation --sets penguins wine --seeds 0 1

By default it runs all tables with three seeds. Each line trains one network (``effort="quick"``), so that the mean of
several does not hide a part; only the lines that say so train several. Every training becomes a line of
``reports/benchmarks/ablation.jsonl``; with ``--reuse`` those that are there are not repeated.
"""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any

import numpy as np

from tests.benchmarks import datasets
from tests.benchmarks.accuracy import read
from tests.benchmarks.measuring import REPORTS, circumstances, geometric_mean, markdown, write

#: The changed options by the label of their line in the table.
PARTS: dict[str, dict[str, Any]] = {
    "the default network": {},
    "without the columns' learned scale": {"feature_scale": False},
    "with one rate for all layers (0.001)": {"layer_rates": False, "learning_rate": 0.001},
    "with one wave of the rate": {"schedule": "cosine"},
    "with Adam's usual beta_2 (0.999)": {"beta_2": 0.999},
    "without smoothed labels": {"label_smoothing": 0.0},
    "without pieces": {"pieces": 0},
    "with standard scaling": {"scaling": "standard"},
    "four networks": {"members": 4},
    "four networks of each of four settings, weighed": {"effort": "default"},
}
#: Options of the network itself. The recipes leave all defaults out once one of these is given, so they are given too.
NETWORK: dict[str, dict[str, Any]] = {
    "without dropout": {"dropout": 0.0},
    "with biases that start at 0": {"bias_spread": 0.0},
    "with ReLU in place of Mish": {"activation": "relu"},
    "with three layers of 256": {"hidden": (256, 256, 256)},
}


def applies(change: dict[str, Any], name: str) -> bool:
    """Return whether the default network of a table has the part that a change leaves out."""
    rows = datasets.load(name)
    few = rows.count < 3_200  # one network takes pieces from 2,000 training rows on
    return not (("label_smoothing" in change and rows.task == "regression") or ("pieces" in change and few))


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
        seed=seed,
        baselines=False,
        progress=False,
        **{"effort": "quick"} | options(change, network, rows.task, len(dataset.parts["train"]), numbers),
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
    parser.add_argument("--reuse", action="store_true", help="do not repeat trainings of ablation.jsonl")
    arguments = parser.parse_args()
    path = REPORTS / "ablation.jsonl"
    if not arguments.reuse:
        path.unlink(missing_ok=True)
    parts = {label: (change, {}) for label, change in PARTS.items()}
    parts |= {label: ({}, change) for label, change in NETWORK.items()}
    # Table by table, so that an interrupted run has whole columns.
    wanted = [
        (name, label, seed)
        for name in arguments.sets
        for label, (change, _) in parts.items()
        if applies(change, name)
        for seed in arguments.seeds
    ]
    done = {(record["set"], record["part"], record["seed"]): record for record in read(path)}
    for name, label, seed in (key for key in wanted if key not in done):
        value, seconds = error(name, seed, *parts[label])
        record = {"set": name, "part": label, "seed": seed, "error": value, "seconds": seconds}
        done[name, label, seed] = record
        with path.open("a", encoding="utf-8") as file:
            print(json.dumps(record), file=file, flush=True)
        print(*record.values(), sep="  ", flush=True)
    write(REPORTS / "ablation.md", report([done[key] for key in wanted], arguments.sets, arguments.seeds))


def report(records: list[dict[str, Any]], sets: list[str], seeds: list[int]) -> str:
    """Return the table of the parts, as ratios to the default network."""
    values: dict[str, dict[str, tuple[float, float]]] = {label: {} for label in (*PARTS, *NETWORK)}
    for label, by_table in values.items():
        for name in sets:
            fits = [record for record in records if record["set"] == name and record["part"] == label]
            if fits:
                by_table[name] = (
                    float(np.mean([fit["error"] for fit in fits])),
                    float(np.sum([fit["seconds"] for fit in fits])),
                )
    default = values["the default network"]
    lines = []
    for label, by_table in values.items():
        ratios = {name: value / default[name][0] for name, (value, _) in by_table.items() if value and default[name][0]}
        times = [seconds / default[name][1] for name, (_, seconds) in by_table.items()]
        cells = [f"{ratios[name]:.3f}" if name in ratios else "" for name in sets]
        mean = f"{geometric_mean(list(ratios.values())):.3f}" if ratios else ""
        lines.append([label, mean, *cells, f"{geometric_mean(times):.2f}"])
    averaged = f"averaged over {len(seeds)} seeds before the ratio is taken" if len(seeds) > 1 else "of one seed"
    text = f"""# What each part of the default network brings

Test error without a part divided by the test error of the default network: above 1, the part helps. The error is
1 - accuracy, the RMSE or the Hamming loss, {averaged}; the mean over the tables
is geometric. A cell is empty if there is nothing to divide or to leave out. Small tables are noisy: on a few hundred
test rows, a few hundredths are a single row.
"""
    return "\n".join([text, *markdown(["one network", "mean", *sets, "seconds"], lines), "", *circumstances({})])


if __name__ == "__main__":
    main()
