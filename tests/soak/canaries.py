"""Train twice, the second time with permuted test rows: nothing but test figures may change.

`python -m tests.soak.canaries [seed] [count]` does this for four tasks and many options, once with the targets of the
test rows permuted and once with each of their feature columns, and compares everything else that a run holds: weights,
preprocessing, classes, calibration, threshold, residuals, history, best epoch, notes, settings, the description of the
data, and predictions for new rows. Half-hidden ways in which test rows could decide something show up here.

The test rows stay the test rows: they are rows of their own (a table, a file, an array), or the newest ones of the
table. In a split at random the targets decide, by strata, which rows are test rows; permuting them would make another
split. A permutation leaves the description of all rows as it is. What is dropped because it equals a test row, and
the notes on single cells of test rows, do depend on test rows, and should: no row of these tables equals another, and
their odd cells are in training rows.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TARGETS: dict[str, Any] = {"regression": "y", "binary": "label", "multiclass": "kind", "multilabel": ["u", "v"]}
HINGES = {"regression": "huber", "binary": "hinge", "multiclass": "hinge", "multilabel": "squared_hinge"}
USUAL = {"regression": "squared", "binary": "logistic", "multiclass": "softmax", "multilabel": "logistic"}
KINDS = ("quick", "default", "weights", "group", "time", "head", "validation", "file", "images", "pieces", "compare")
FAST = {"epochs": 2, "progress": False, "baselines": False}
TRAINING_ROWS, ROWS = 150, 200  # a test part of 0.25
#: What test rows are there to decide, in the saved content and in its summary: also the two tables and two findings of
#: the audit that are about the scores of test rows. And times, which stand in the history too.
FIGURES = {
    "metrics",
    "table",
    "members",
    "verdict",
    "results",
    "mistakes",
    "saturation",
    "seconds",
    "created",
    "history",
    "importance",
}
ABOUT_TEST_SCORES = ("saturation", "rounding")


@dataclass(frozen=True)
class Canary:
    """A kind of training, and what is permuted: the targets of the test rows or their features."""

    task: str
    kind: str
    permuted: str


def canaries() -> list[Canary]:
    """Return all canaries."""
    return [Canary(task, kind, what) for kind in KINDS for task in TARGETS for what in ("targets", "features")]


def table(seed: int) -> pd.DataFrame:
    """Return rows with numbers, missing and odd cells, categories, text, dates, weights, groups and all targets."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, ROWS))
    city = rng.choice(["Bonn", "Graz", "Lyon", "Oslo"], ROWS).astype(object)
    score = a + (city == "Bonn") + rng.normal(0, 0.3, ROWS)
    price = [f"{value:.2f} €".replace(".", ",") for value in rng.uniform(10, 99, ROWS)]
    price[3], city[5] = "ask", "Lima"
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=ROWS, freq="D"),
            "a": a,
            "b": np.where(rng.random(ROWS) < 0.1, np.nan, b),
            "city": city,
            "price": price,
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), unit="D"),
            "note": [f"text {i} {rng.integers(1e9)}" for i in range(ROWS)],
            "near": score + rng.normal(0, 0.01, ROWS),
            "team": [f"team {i // 3}" for i in range(ROWS)],
            "weight": rng.uniform(0.5, 2, ROWS),
            "y": 100 + 10 * score,
            "label": np.where(score > 0.8, "yes", "no"),
            "kind": np.array(["low", "middle", "high"])[np.digitize(score, [-0.2, 0.8])],
            "u": (score > 0).astype(int),
            "v": (b > 0).astype(int),
        }
    )


def permuted(rows: pd.DataFrame, test: np.ndarray, columns: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Return a copy in which some columns of the test rows are permuted, each by itself."""
    changed = rows.copy()
    for column in columns:
        cells = changed[column].to_numpy(copy=True)
        cells[test] = cells[rng.permutation(test)]
        changed[column] = cells
    return changed


def outcomes(canary: Canary, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what a training on the rows decided, and the same with permuted test rows."""
    task, kind = canary.task, canary.kind
    targets = [TARGETS[task]] if isinstance(TARGETS[task], str) else TARGETS[task]
    rows, test, rng = table(seed), np.arange(TRAINING_ROWS, ROWS), np.random.default_rng(seed)
    rows = rows.drop(columns=[name for name in ("y", "label", "kind", "u", "v") if name not in targets])
    rows = rows.drop(columns=[name for name in ("day", "team", "weight") if name != _special(kind)])
    features = [name for name in rows.columns if name not in (*targets, _special(kind))]
    if kind == "images":
        # Each pixel is a column.
        pixels = rng.integers(0, 256, (ROWS, 36)) // 2 + (60 * rows["near"].to_numpy()[:, None]).clip(0, 120)
        rows = pd.DataFrame(pixels.astype(np.uint8)).rename(columns=str).assign(**rows[targets])
        features = [name for name in rows.columns if name not in targets]
    changed = permuted(rows, test, targets if canary.permuted == "targets" else features, rng)
    for version in (rows, changed):
        yield _decided(canary, version, targets, seed, folder)


def _special(kind: str) -> str:
    return {"time": "day", "group": "team", "weights": "weight"}.get(kind, "")


def _decided(canary: Canary, rows: pd.DataFrame, targets: list[str], seed: int, folder: Path) -> dict[str, Any]:
    recipe, kind = importlib.import_module(f"recipes.{canary.task}"), canary.kind
    data: Any = rows.iloc[:TRAINING_ROWS]
    test: Any = rows.iloc[TRAINING_ROWS:]
    new: Any = table(seed + 1).iloc[10:30]
    options: dict[str, Any] = {"target": TARGETS[canary.task], "seed": seed, "effort": "quick", **FAST}
    if kind == "default":
        options["effort"] = "default"
    elif kind == "weights":
        options["sample_weight"] = "weight"
        if canary.task in ("binary", "multiclass"):
            options["class_weight"] = "balanced"
    elif kind == "group":
        options["group"] = "team"
    elif kind == "time":
        data, test = rows, 0.25
        options["time"] = "day"
    elif kind == "head":
        options |= {"head": HINGES[canary.task], "members": 2} | (
            {"threshold": "f1"} if canary.task == "binary" else {}
        )
    elif kind == "validation":
        data, options["validation"] = data.iloc[:110], data.iloc[110:]
    elif kind == "file":
        data.to_csv(folder / "rows.csv", index=False)
        test.to_csv(folder / "test.csv", index=False)
        data, test = folder / "rows.csv", folder / "test.csv"
    elif kind == "images":
        data, test = ((_pixels(part, targets), _labels(part, targets)) for part in (data, test))
        new = np.random.default_rng(seed + 1).integers(0, 256, (20, 6, 6)).astype(np.uint8)
        del options["target"]
    elif kind == "pieces":
        options |= (
            {"pieces": 8, "scaling": "robust", "log_target": True} if canary.task == "regression" else {"pieces": 8}
        )
    if kind == "compare":
        heads = (USUAL[canary.task], HINGES[canary.task])
        del options["seed"]
        comparison = recipe.compare(data, test=test, heads=heads, seeds=[seed], **options)
        trials = {label: _of_result(trial.result, new) for (label, _), trial in comparison.trials.items()}
        return trials | {"notes": comparison.notes}
    run = recipe.train(data, test=test, **options)
    saved = run.save(folder / "run.keras")
    with zipfile.ZipFile(saved) as archive:
        content = _without_figures(json.loads(archive.read("logitkit.json")))
    notes = [note.replace(str(folder), "") for note in run.notes]
    return {**content, **_of_result(run.result, new), "notes": notes}


def _pixels(rows: pd.DataFrame, targets: list[str]) -> np.ndarray:
    return rows.drop(columns=targets).to_numpy(np.uint8).reshape(-1, 6, 6)


def _labels(rows: pd.DataFrame, targets: list[str]) -> np.ndarray:
    return rows[targets].to_numpy() if len(targets) > 1 else rows[targets[0]].to_numpy()


def _without_figures(content: Any) -> Any:
    if isinstance(content, list):
        return [_without_figures(value) for value in content]
    if not isinstance(content, dict):
        return content
    if content.get("kind") in ABOUT_TEST_SCORES:
        return content["kind"]
    return {key: _without_figures(value) for key, value in content.items() if key not in FIGURES}


def _of_result(result: Any, new: Any) -> dict[str, Any]:
    from toolkit.runs.run import Run

    run = Run(result)
    digest = hashlib.sha256()
    for weights in result.model.get_weights():
        digest.update(weights.tobytes())
    return {
        "weights": digest.hexdigest(),
        "preprocessing": result.preprocessing.to_dict(),
        "target": result.target.to_dict(),
        "calibration": None if result.calibration is None else result.calibration.to_dict(),
        "threshold": result.threshold,
        "residuals": None if result.absolute_errors is None else result.absolute_errors.tolist(),
        "metrics": result.metrics,
        "best_epoch": result.best_epoch,
        "epochs": result.history.drop(columns="seconds").to_dict("list"),
        "predictions": np.asarray(run.predict(new)).tolist(),
        "scores": np.asarray(run.decision_function(new)).tolist(),
    }


def differences(first: Any, second: Any, name: str = "") -> list[str]:
    """Return the paths at which two contents differ."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return [path for key in first for path in differences(first[key], second[key], f"{name}/{key}")]
    # NaN equals NaN here.
    return [] if json.dumps(first, default=str) == json.dumps(second, default=str) else [name]


def main(seed: int = 0, count: int = len(KINDS) * len(TARGETS) * 2) -> int:
    """Attack, print counts, and return 1 if anything but test figures changed, or if they did not change."""
    drawn = canaries()
    drawn = [drawn[i] for i in sorted(np.random.default_rng(seed).permutation(len(drawn))[:count])]
    start, bad, idle = time.perf_counter(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for canary in drawn:
            before, after = outcomes(canary, seed, Path(folder))
            paths = differences(before, after)
            further = [path for path in paths if "/metrics/" not in path]
            bad, idle = bad + bool(further), idle + (len(paths) == len(further))
            if further or len(paths) == len(further):
                print("BAD", canary, further[:8] or "the permutation changed no metric", flush=True)
    print(
        f"{len(drawn)} canaries in {time.perf_counter() - start:.0f} s: changed more than test figures {bad}, "
        f"changed no test figure {idle}"
    )
    return int(bad + idle > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
