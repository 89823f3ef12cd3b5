"""Calls: prediction, a complete quick training, and the cost of baselines and report.

python -m tests.benchmarks.calls [--rounds 5]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import datasets, measuring
from tests.benchmarks.measuring import Line, Worker

OURS = "tests.benchmarks.ours"


def predicting(count: int) -> tuple[list[Line], dict[str, Any]]:
    """Measure the prediction of one row given as an array, and of a million rows."""
    worker = Worker(OURS)
    worker("one_row", times=10)
    rounds = [worker("one_row", times=50) for _ in range(count)]
    rows = {way: [seconds[way] for seconds in rounds] for way in rounds[0]}
    rounds = [worker("million_rows") for _ in range(count)]
    worker.close()
    million = {name: [figures[name] for figures in rounds] for name in rounds[0]}
    lines = [
        Line.ratio(f"one row: {way} / run.predict", rows[way], rows["run.predict"], "s")
        for way in ("model.predict", "model(x)")
    ]
    lines += [
        Line.value("a million rows x 30: seconds", million["seconds"], "s"),
        Line.value("a million rows x 30: memory needed besides the rows", million["more"], "MiB"),
        Line.value("a million rows x 30: memory kept afterwards", million["kept"], "MiB"),
    ]
    return lines, {"one row": rows, "a million rows": million}


def quick(count: int) -> tuple[list[Line], dict[str, Any]]:
    """Measure a complete quick call on adult, baselines included, and the bare fit of scikit-learn's MLP."""
    imports, first, again, fits = [], [], [], []
    peer = Worker()
    with tempfile.TemporaryDirectory() as folder:
        encoded = str(Path(folder) / "encoded.npz")
        for _ in range(count):
            worker = Worker(OURS)
            imports.append(worker("start"))
            first.append(worker("adult", effort="quick", encoded=encoded)["call"])
            again.append(worker("adult", effort="quick")["call"])
            worker.close()
            fits.append(peer("mlp_fit", encoded=encoded))
    peer.close()
    lines = [
        Line.ratio("adult: first quick call of a process / scikit-learn's MLP", first, fits, "s"),
        Line.ratio("adult: second quick call / scikit-learn's MLP", again, fits, "s"),
        Line.value("importing TensorFlow and the recipe", imports, "s"),
    ]
    return lines, {"import": imports, "first": first, "again": again, "scikit-learn": fits}


def extras(count: int) -> tuple[list[Line], dict[str, Any]]:
    """Measure baselines and report beside the training of the default network on adult."""
    calls = []
    for _ in range(count):
        worker = Worker(OURS)
        calls.append(worker("adult", effort="default"))
        worker.close()
    extra = [call["stages"]["baselines"] + call["report"] for call in calls]
    training = [call["stages"]["train"] for call in calls]
    lines = [Line.ratio("adult: baselines and report / training", extra, training, "s")]
    return lines, {"calls": calls}


def main() -> None:
    """Measure, and write the table, the plot and the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.calls", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison")
    count = parser.parse_args().rounds
    lines, raw = predicting(count)
    measuring.show(lines)
    for name, measure in (("quick", quick), ("extras", extras)):
        if "adult" in datasets.available():
            more, raw[name] = measure(count)
        else:
            more = [Line.skipped(f"adult: {name}", "LOGITKIT_DATA names no directory with adult")]
        measuring.show(more)
        lines += more
    measuring.report("calls", "Calls", measuring.lines_table(lines), lines, raw)


if __name__ == "__main__":
    main()
