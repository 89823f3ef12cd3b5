"""Coverage: how often the intervals of the metrics, and those around predicted numbers, hold the truth.

python -m tests.benchmarks.coverage [--tables 400]
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tests.benchmarks.measuring import REPORTS, circumstances, markdown, write
from tests.helpers.generated import outcomes
from toolkit.evaluation.conformal import by_class, class_ranks, conformal_quantile, ranks_of_truth, residual_quantile
from toolkit.evaluation.metrics import PRIMARY, evaluate, intervals
from toolkit.metrics.outcome import Outcome

SIZES = (120, 1_000)
FRESH = 100_000
PREDICTED = ("predict_interval", "predict_set")
ABOUT = """# Coverage

How often the 95 % interval of a metric holds the metric of {fresh:,} fresh rows from the same source, in percent, over
{count} generated tables per task. The models are linear, boosted trees and small networks of scikit-learn's. The last
lines are the mean share of fresh rows within `predict_interval(coverage=0.9)`, and of those whose class is in
`predict_set(coverage=0.9)`, with as many validation rows as test rows; a model that is right more often covers more.
"""


def covered(tables: Sequence[int], sizes: Sequence[int] = SIZES, fresh: int = FRESH) -> pd.DataFrame:
    """The share of tables whose 95 % interval holds the metric of fresh rows: one row per task and metric.

    The tables of numbers and of classes also measure `predict_interval` and `predict_set`: the mean share of fresh rows
    that the 90 % interval or set holds which was fitted on as many validation rows.
    """
    lines = []
    for task in PRIMARY:
        for seed in tables:
            *tested, large = outcomes(task, seed, (*sizes, fresh))
            truth = evaluate(large)
            for size, outcome in zip(sizes, tested, strict=True):
                for metric, row in intervals(outcome).iterrows():
                    held = row["low"] <= truth[str(metric)] <= row["high"]
                    lines.append({"task": task, "metric": metric, "rows": size, "held": float(held)})
                if task == "regression":
                    reach = residual_quantile(outcome.y_true - outcome.y_pred, 0.9)
                    inside = np.mean(np.abs(large.y_true - large.y_pred) <= reach)
                    lines.append({"task": task, "metric": "predict_interval", "rows": size, "held": inside})
                elif task in ("binary", "multiclass"):
                    inside = _in_sets(outcome, large)
                    lines.append({"task": task, "metric": "predict_set", "rows": size, "held": inside})
    table = pd.DataFrame(lines).groupby(["task", "metric", "rows"], sort=False)["held"].mean()
    return table.unstack("rows")


def _in_sets(outcome: Outcome, fresh: Outcome) -> float:
    """Return the share of fresh rows whose class is in their 90 % set, fitted on the rows of another outcome."""
    chances, truth = by_class(np.asarray(fresh.probabilities)), np.asarray(fresh.y_true)
    threshold = conformal_quantile(ranks_of_truth(by_class(np.asarray(outcome.probabilities)), outcome.y_true), 0.9)
    held = class_ranks(chances)[np.arange(len(truth)), truth] <= threshold
    return float(np.mean(held | (truth == chances.argmax(axis=1))))


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.coverage", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tables", type=int, default=400, help="tables of each task")
    count = parser.parse_args().tables
    warnings.simplefilter("ignore")  # scikit-learn's networks are stopped early on purpose
    table = 100 * covered(range(count))
    metrics = table.drop(index=list(PREDICTED), level="metric")
    summary = {"mean": metrics.mean(), "lowest": metrics.min()}
    cells = {key: [f"{value:.1f}" for value in row] for key, row in zip(table.index, table.to_numpy(), strict=True)}
    lines = [[*key, *row] for key, row in cells.items() if key[1] not in PREDICTED]
    lines += [["all", name, *(f"{value:.1f}" for value in row)] for name, row in summary.items()]
    lines += [[*key, *row] for key, row in cells.items() if key[1] in PREDICTED]
    head = ["task", "metric", *(f"{rows:,} test rows" for rows in table.columns)]
    text = [ABOUT.format(fresh=FRESH, count=count), *markdown(head, lines), "", *circumstances({})]
    write(REPORTS / "coverage.md", "\n".join(text))


if __name__ == "__main__":
    main()
