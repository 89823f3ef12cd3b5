"""Accuracy against time: ours and the peers, on the same rows of every table, one after the other.

    python -m tests.benchmarks.accuracy --sets penguins wine --peers catboost --ours default --seeds 0

What is left out is all. Every fit is a line of the results file as soon as it is done; the table and the picture are
written beside that file at the end.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import datasets, measuring
from tests.benchmarks.measuring import REPORTS, Spread, Worker, geometric_mean, markdown

OURS = ("quick", "default", "best")
# The package of each peer.
PEERS = {
    "catboost": "catboost",
    "lightgbm": "lightgbm",
    "hist_gradient_boosting": "scikit-learn",
    "sklearn_mlp": "scikit-learn",
    "fastai": "fastai",
    "realmlp_td_s": "pytabkit",
    "realmlp_td": "pytabkit",
}
# Rows with several labels are for these: the trees one model a label.
_MULTILABEL = ("catboost", "lightgbm", "hist_gradient_boosting", "sklearn_mlp")
# It is several times slower than RealMLP-TD-S.
_REALMLP_TD_SETS = ("diabetes", "breast_cancer", "titanic", "credit_g", "wine_quality_red", "digits")

Record = dict[str, Any]


def takes_part(peer: str, task: str, name: str) -> bool:
    """Tell whether a peer is measured on a table."""
    return (task != "multilabel" or peer in _MULTILABEL) and (peer != "realmlp_td" or name in _REALMLP_TD_SETS)


def split(rows: datasets.Rows, seed: int) -> dict[str, list[int]]:
    """Return the positions of the recipes' own split; those of test rows count in the official test rows."""
    from toolkit.data import prepare as preparing

    table = preparing.prepare(rows.frame, rows.target, task=rows.task, test=rows.test_pair, seed=seed)
    return {part: (table.source_rows[at] - 1).tolist() for part, at in table.parts.items()}


def train(rows: datasets.Rows, effort: str, seed: int, positions: Mapping[str, Sequence[int]]) -> Record:
    """Train ours; its seconds, like the peers', begin with the table split and end with a model that predicts."""
    recipe = importlib.import_module(f"recipes.{rows.task}")
    target = rows.target if rows.task == "multilabel" else rows.target[0]
    run = recipe.train(
        rows.frame, target=target, test=rows.test_pair, effort=effort, seed=seed, baselines=False, progress=False
    )
    if any((run.data.source_rows[at] - 1).tolist() != positions[part] for part, at in run.data.parts.items()):
        raise RuntimeError(f"ours, {effort}, was trained on other rows than the peers")
    y, decided, said = run.outcome.y_true, run.outcome.y_pred, run.outcome.probabilities
    if rows.task == "regression":
        said = decided
    elif rows.task == "binary":
        said = np.stack([1 - said, said], axis=1)
    seconds = sum(run.seconds.get(stage, 0.0) for stage in ("encode", "train", "calibrate"))
    errors = measuring.errors(rows.task, y, said, decided)
    return {"errors": errors, "seconds": seconds, "stages": run.seconds, "best_epoch": run.best_epoch}


# --------------------------------------------------------------------------------------------------------- measuring


def measure(
    sets: Sequence[str],
    ours: Sequence[str],
    peers: Sequence[str],
    seeds: Sequence[int],
    reused: Iterable[Record],
) -> Iterator[Record]:
    """Yield a record a fit: those of one run share its time of start.

    Args:
        sets: Names of tables.
        ours: Our efforts.
        peers: Words of `PEERS`.
        seeds: Of the splits and the models.
        reused: Earlier records; a peer of the same version isn't fitted again on the same rows with the same seed.
    """
    started = datetime.now().isoformat(timespec="seconds")
    known = {_key(record): record for record in reused if "errors" in record}
    workers: dict[str, Worker] = {}
    installed = measuring.versions_of_bench() if peers else {}
    for seed in seeds:
        for name in sets:
            rows = datasets.load(name)
            positions = split(rows, seed)
            common = {"set": name, "task": rows.task, "seed": seed, "rows": rows.mark(positions)}
            common |= {"tested": len(positions["test"]), "run": started}
            for effort in ours:
                versions = measuring.versions()
                fitted = train(rows, effort, seed, positions)
                yield common | {"who": f"ours, {effort}", "version": versions["logitkit"]} | fitted
            for peer in (peer for peer in peers if takes_part(peer, rows.task, name)):
                record = common | {"who": peer, "version": installed[PEERS[peer]]}
                if _key(record) in known:
                    yield known[_key(record)]
                    continue
                if peer not in workers:
                    workers[peer] = Worker()
                try:
                    yield record | workers[peer]("table", peer=peer, name=name, positions=positions, seed=seed)
                except RuntimeError as error:
                    # Hours of other fits should not fall with it.
                    workers.pop(peer).close()
                    yield record | {"failed": str(error)}
    for worker in workers.values():
        worker.close()


def _key(record: Record) -> tuple[Any, ...]:
    return tuple(record[part] for part in ("set", "who", "version", "seed", "rows"))


def read(path: Path) -> list[Record]:
    """Return the records of a results file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


# --------------------------------------------------------------------------------------------------------- comparing


def main_error(records: Sequence[Record]) -> float:
    """Return the mean error over seeds, the first of the measures."""
    if "error" not in records[0]["errors"]:
        return float(np.mean([next(iter(record["errors"].values())) for record in records]))
    # Half a wrong row more: on a small table nobody may be wrong, and a ratio is asked for.
    tested = sum(record["tested"] for record in records)
    return (sum(record["errors"]["error"] * record["tested"] for record in records) + 0.5) / (tested + 1)


def log_loss(records: Sequence[Record]) -> float:
    """Return the mean log loss over seeds; NaN where the task has none."""
    return float(np.mean([record["errors"].get("log_loss", np.nan) for record in records]))


def seconds(records: Sequence[Record]) -> float:
    """Return the median of the seconds over seeds."""
    return float(np.median([record["seconds"] for record in records]))


def ratio(
    records: Sequence[Record], one: str, other: str, measure: Callable[[Sequence[Record]], float], paired: bool = False
) -> tuple[float, int]:
    """Return the geometric mean over the tables of one competitor's measure over another's, and the number of tables.

    Args:
        records: Of all fits.
        one: Whose measure stands above.
        other: Whose stands below.
        measure: What is measured, of the records of one table.
        paired: Whether only fits of one run are compared: seconds of different times are not comparable.
    """
    found = []
    for name in dict.fromkeys(record["set"] for record in records):
        fits = [
            {(r["seed"], r["run"] if paired else ""): r for r in records if r["set"] == name and r["who"] == who}
            for who in (one, other)
        ]
        both = sorted(fits[0].keys() & fits[1].keys())
        if both:
            found.append(measure([fits[0][at] for at in both]) / measure([fits[1][at] for at in both]))
    found = [value for value in found if np.isfinite(value)]
    return geometric_mean(found), len(found)


def report(records: Sequence[Record], into: Path) -> None:
    """Write the table and the picture.

    Args:
        records: Of all fits.
        into: The results file; they are written beside it.
    """
    records = [record for record in records if "errors" in record]
    who = list(dict.fromkeys(record["who"] for record in records))
    ours, others = [w for w in who if w.startswith("ours")], [w for w in who if not w.startswith("ours")]
    text = [
        "# Accuracy against time",
        "",
        *measuring.circumstances(measuring.versions_of_bench() if others else {}),
        "",
    ]
    fits = [f"{one} {sum(record['who'] == one for record in records)}" for one in who]
    text += [f"Fits, a table and a seed each; ratios are of those that both have: {', '.join(fits)}.", ""]
    if ours and others:
        text += ["## Ours over each peer", "", *_summary(records, ours, others), ""]
    text += ["## Error of each table", "", *_each(records, who, _error_text), ""]
    text += ["## Log loss of each table", "", *_each(records, who, _log_loss_text), ""]
    text += ["## Seconds of a fit", "", *_each(records, who, _seconds_text, "median"), ""]
    measuring.write(into.with_suffix(".md"), "\n".join(text))
    if "ours, default" in who:
        measuring.write(into.with_suffix(".svg"), _picture(records, who))


def _summary(records: Sequence[Record], ours: Sequence[str], others: Sequence[str]) -> list[str]:
    measures = {"error": (main_error, False), "log loss": (log_loss, False), "seconds": (seconds, True)}
    rows = []
    for other in others:
        cells = []
        for measure, paired in measures.values():
            found = [ratio(records, one, other, measure, paired) for one in ours]
            cells += [" / ".join(f"{value:.2f}" if count else "–" for value, count in found), str(found[0][1])]
        rows.append([other, *cells])
    efforts = " / ".join(one.removeprefix("ours, ") for one in ours)
    header = ["peer", *(cell for name in measures for cell in (f"{name}: {efforts}", "tables"))]
    return [
        "Geometric means over the tables; below 1 ours is better, or quicker. The error is the share of wrong rows,",
        "the RMSE, or the Hamming loss. Seconds are compared only between fits of one run: a peer's fit taken from",
        "an earlier one has no ratio.",
        "",
        *markdown(header, rows),
    ]


def _each(
    records: Sequence[Record], who: Sequence[str], cell: Callable[[Sequence[Record]], str], middle: str = "mean"
) -> list[str]:
    rows = []
    for name in dict.fromkeys(record["set"] for record in records):
        fits = [[r for r in records if r["set"] == name and r["who"] == w] for w in who]
        rows.append([name, *(cell(some) if some else "–" for some in fits)])
    return [f"Over the seeds: the {middle}, the lowest and the highest.", "", *markdown(["table", *who], rows)]


def _error_text(records: Sequence[Record]) -> str:
    return _mean_text([next(iter(record["errors"].values())) for record in records])


def _log_loss_text(records: Sequence[Record]) -> str:
    values = [record["errors"]["log_loss"] for record in records if "log_loss" in record["errors"]]
    return _mean_text(values) if values else "–"


def _seconds_text(records: Sequence[Record]) -> str:
    return str(measuring.spread([record["seconds"] for record in records]))


def _mean_text(values: Sequence[float]) -> str:
    return str(Spread(float(np.mean(values)), min(values), max(values), len(values)))


def _picture(records: Sequence[Record], who: Sequence[str]) -> str:
    """Draw error against seconds, both relative to our default."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.subplots()
    for one in who:
        error, _ = ratio(records, one, "ours, default", main_error)
        time, tables = ratio(records, one, "ours, default", seconds, paired=True)
        if not tables:
            continue  # of another run
        own = one.startswith("ours")
        axes.plot(time, error, "o", color="#0b6e4f" if own else "#8a4f00", markersize=8)
        axes.annotate(f"{one} ({tables})", (time, error), xytext=(7, 4), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter() if axis is axes.xaxis else ScalarFormatter())
    axes.axhline(1, color="0.8", zorder=0)
    axes.axvline(1, color="0.8", zorder=0)
    axes.margins(0.25, 0.15)
    axes.set_xlabel("seconds of a fit, relative to our default (log scale)")
    axes.set_ylabel("error, relative to our default (log scale)")
    axes.set_title("Error against time: geometric means over the tables (number of them)")
    return measuring.svg(figure)


def main() -> None:
    """Measure, keep every record, and write the table and the picture."""
    there = datasets.available()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sets", nargs="+", choices=there, default=there, metavar="TABLE", help=", ".join(there))
    parser.add_argument("--peers", nargs="*", choices=[*PEERS], default=[*PEERS], metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--ours", nargs="*", choices=OURS, default=OURS, metavar="EFFORT", help=", ".join(OURS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--results", type=Path, default=REPORTS / "accuracy.jsonl", help="a line of JSON a fit")
    parser.add_argument(
        "--reuse",
        action="store_true",
        help="go on with the results file: peers are not fitted again where it has them, for the same version, seed "
        "and rows. Without it the file is begun anew.",
    )
    asked = parser.parse_args()
    earlier = read(asked.results) if asked.reuse else []
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    records = []
    with asked.results.open("a" if asked.reuse else "w", encoding="utf-8") as file:
        for record in measure(asked.sets, asked.ours, asked.peers, asked.seeds, earlier):
            records.append(record)
            if record not in earlier:
                print(json.dumps(record), file=file, flush=True)
            print(record["set"], record["seed"], record["who"], record.get("errors") or record["failed"], flush=True)
    report(records, asked.results)


if __name__ == "__main__":
    main()
