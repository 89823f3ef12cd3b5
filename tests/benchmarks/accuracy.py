"""Accuracy against time: our networks and the peers, one after the other on the same rows of every table.

    python -m tests.benchmarks.accuracy --sets penguins wine --peers catboost --ours default --seeds 0

An option that is left out means all; without --seeds a table has three seeds, or five where it has few rows. Every fit
becomes a line of the results file as soon as it is done; the table and the plot are written beside it at the end.
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
# The peers, with the package of each.
PEERS = {
    "catboost": "catboost",
    "lightgbm": "lightgbm",
    "hist_gradient_boosting": "scikit-learn",
    "sklearn_mlp": "scikit-learn",
    "fastai": "fastai",
    "realmlp_td_s": "pytabkit",
    "realmlp_td": "pytabkit",
}
# Peers for rows with several labels; the tree models fit one model per label.
_MULTILABEL = ("catboost", "lightgbm", "hist_gradient_boosting", "sklearn_mlp")
# Tables for RealMLP-TD, which is several times slower than RealMLP-TD-S.
_REALMLP_TD_SETS = (
    *("diabetes", "breast_cancer", "titanic", "credit_g", "wine_quality_red", "digits"),
    *("concrete", "fiat500_used", "website_phishing", "communities_crime"),
)
_CALIBRATION_ROWS = 5_000

Record = dict[str, Any]


def takes_part(peer: str, task: str, name: str) -> bool:
    """Return whether a peer is measured on a table."""
    return (task != "multilabel" or peer in _MULTILABEL) and (peer != "realmlp_td" or name in _REALMLP_TD_SETS)


def split(rows: datasets.Rows, seed: int) -> dict[str, list[int]]:
    """Return the row positions of the recipes' split; test positions index the official test rows if there are any."""
    from toolkit.data.prepare import prepare

    dataset = prepare(rows.frame, rows.target, task=rows.task, test=rows.test_pair, seed=seed)
    return {part: (dataset.source_rows[rows] - 1).tolist() for part, rows in dataset.parts.items()}


def train(rows: datasets.Rows, effort: str, seed: int, positions: Mapping[str, Sequence[int]]) -> Record:
    """Train our network; as for the peers, the seconds run from the split table to a model that predicts."""
    from toolkit.evaluation.reliability import expected_calibration_error

    recipe = importlib.import_module(f"recipes.{rows.task}")
    target = rows.target if rows.task == "multilabel" else rows.target[0]
    run = recipe.train(
        rows.frame, target=target, test=rows.test_pair, effort=effort, seed=seed, baselines=False, progress=False
    )
    if any((run.dataset.source_rows[at] - 1).tolist() != positions[part] for part, at in run.dataset.parts.items()):
        raise RuntimeError(f"ours, {effort}, was trained on other rows than the peers")
    y, decided, predicted = run.outcome.y_true, run.outcome.y_pred, run.outcome.probabilities
    if rows.task == "regression":
        predicted = decided
    elif rows.task == "binary":
        predicted = np.stack([1 - predicted, predicted], axis=1)
    seconds = sum(run.seconds.get(stage, 0.0) for stage in ("encode", "train", "calibrate"))
    errors = measuring.errors(rows.task, y, predicted, decided)
    if rows.task in ("binary", "multiclass"):
        errors["calibration_error"] = expected_calibration_error(y, run.outcome.probabilities)
    return {"errors": errors, "seconds": seconds, "stages": run.seconds, "best_epoch": run.best_epoch}


# --------------------------------------------------------------------------------------------------------- measuring


def measure(
    sets: Sequence[str],
    ours: Sequence[str],
    peers: Sequence[str],
    seeds: Sequence[int] | None,
    reused: Iterable[Record],
) -> Iterator[Record]:
    """Yield one record per fit; the records of one run of this program share its start time.

    Args:
        sets: Names of tables.
        ours: Our efforts.
        peers: Names in `PEERS`.
        seeds: The seeds of the splits and of the models; by default those of `datasets.seeds_of`.
        reused: Earlier records. A peer of the same version is not fitted again on the same rows with the same seed.
    """
    started = datetime.now().isoformat(timespec="seconds")
    earlier = {_key(record): record for record in reused if "errors" in record}
    workers: dict[str, Worker] = {}
    installed = measuring.versions_of_bench() if peers else {}
    seeds_of = {name: datasets.seeds_of(name) if seeds is None else seeds for name in sets}
    for seed in sorted({seed for several in seeds_of.values() for seed in several}):
        for name in (name for name in sets if seed in seeds_of[name]):
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
                if _key(record) in earlier:
                    yield earlier[_key(record)]
                    continue
                if peer not in workers:
                    workers[peer] = Worker()
                try:
                    yield record | workers[peer]("table", peer=peer, name=name, positions=positions, seed=seed)
                except RuntimeError as error:
                    # One failure must not end hours of other fits.
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
    """Return the mean over the seeds of the main error."""
    if "error" not in records[0]["errors"]:
        return float(np.mean([next(iter(record["errors"].values())) for record in records]))
    # Half a wrong row is added: on a small table tables may be no wrong row, and errors are divided.
    tested = sum(record["tested"] for record in records)
    return (sum(record["errors"]["error"] * record["tested"] for record in records) + 0.5) / (tested + 1)


def log_loss(records: Sequence[Record]) -> float:
    """Return the mean log loss over the seeds; NaN if the task has none."""
    return _mean_of(records, "log_loss")


def auc_error(records: Sequence[Record]) -> float:
    """Return the mean of 1 - AUC over the seeds; NaN if the task is not binary."""
    return _mean_of(records, "auc_error")


def _mean_of(records: Sequence[Record], measure: str) -> float:
    return float(np.mean([record["errors"].get(measure, np.nan) for record in records]))


def seconds(records: Sequence[Record]) -> float:
    """Return the median over the seeds of the seconds."""
    return float(np.median([record["seconds"] for record in records]))


def ratios(
    records: Sequence[Record],
    above: str,
    below: str,
    measure: Callable[[Sequence[Record]], float],
    paired: bool = False,
) -> dict[str, float]:
    """Return the ratio of two competitors on each table that both have, clipped to a half and twice.

    Args:
        records: The records of all fits.
        above: The competitor in the numerator.
        below: The competitor in the denominator.
        measure: Computes the measure from the records of one table.
        paired: Whether only fits of the same run are compared: seconds of different days are not comparable, and are
            not clipped.
    """
    values = {}
    for name in dict.fromkeys(record["set"] for record in records):
        fits = [
            {(r["seed"], r["run"] if paired else ""): r for r in records if r["set"] == name and r["who"] == who}
            for who in (above, below)
        ]
        shared = sorted(fits[0].keys() & fits[1].keys())
        if shared:
            value = measure([fits[0][key] for key in shared]) / measure([fits[1][key] for key in shared])
            if np.isfinite(value):
                values[name] = value if paired else float(np.clip(value, 0.5, 2))
    return values


def report(records: Sequence[Record], into: Path) -> None:
    """Write the table and the plot.

    Args:
        records: The records of all fits.
        into: The results file; the table and the plot are written beside it.
    """
    records = [record for record in records if "errors" in record]
    who = list(dict.fromkeys(record["who"] for record in records))
    ours, peers = [w for w in who if w.startswith("ours")], [w for w in who if not w.startswith("ours")]
    text = [
        "# Accuracy against time",
        "",
        *measuring.circumstances(measuring.versions_of_bench() if peers else {}),
        "",
    ]
    fits = [f"{name} {sum(record['who'] == name for record in records)}" for name in who]
    text += [
        f"Number of fits, one per table and seed: {', '.join(fits)}. A ratio uses the fits that both competitors have.",
        "",
    ]
    if ours and peers:
        text += ["## Our networks divided by each peer", "", *_summary(records, ours, peers), ""]
    text += ["## Error of each table", "", *_each(records, who, _error_text), ""]
    text += ["## Log loss of each table", "", *_each(records, who, _log_loss_text), ""]
    text += ["## 1 - AUC of each binary table", "", *_each(records, who, _auc_text), ""]
    text += ["## Expected calibration error of our networks", "", *_calibration(records), ""]
    text += [
        "## Seconds per fit",
        "",
        "Fits of several runs stand here, on a machine more or less busy. Compare with care.",
        "",
    ]
    text += [*_each(records, who, _seconds_text, "median"), ""]
    measuring.write(into.with_suffix(".md"), "\n".join(text))
    if "ours, default" in who:
        measuring.write(into.with_suffix(".svg"), _picture(records, who))


_GROUPS: dict[str, Callable[[str], bool]] = {
    "Tables of 700 rows and more": datasets.counts,
    "Those on which settings were chosen": lambda name: datasets.counts(name) and name not in datasets.CONFIRMING,
    "Those that confirm, on which nothing was chosen": lambda name: name in datasets.CONFIRMING,
    "Smaller tables": lambda name: not datasets.counts(name),
}
_MEASURES = {"error": main_error, "log loss": log_loss, "1 - AUC": auc_error}


def _summary(records: Sequence[Record], ours: Sequence[str], peers: Sequence[str]) -> list[str]:
    """Return the lines that compare each of our efforts with each peer, for each group of tables."""
    text = [
        "Geometric means of the tables' ratios, each clipped to a half and twice; below 1, ours is better or faster.",
        "The error is the share of wrong rows, the RMSE, or the Hamming loss. Seconds are compared only between fits",
        "of the same run: a peer's earlier fit has no ratio.",
    ]
    header = ["ours / peer", "error", "tables", "lower error", "worst table", *list(_MEASURES)[1:], "seconds"]
    for title, belongs in _GROUPS.items():
        group = [record for record in records if belongs(record["set"])]
        rows = [_compared(group, name, peer) for peer in peers for name in ours]
        rows = [row for row in rows if row[2] != "0"]
        text += ["", f"### {title}", "", *markdown(header, rows)] if rows else []
    return text


def _compared(records: Sequence[Record], name: str, peer: str) -> list[str]:
    """Return the cells that compare one of our efforts with one peer."""
    by_measure = {key: ratios(records, name, peer, measure) for key, measure in _MEASURES.items()}
    errors, times = by_measure["error"], ratios(records, name, peer, seconds, paired=True)
    worst = max(errors, key=lambda table: errors[table], default="")
    means = [f"{geometric_mean([*values.values()]):.2f}" if values else "–" for values in by_measure.values()]
    return [
        f"{name.removeprefix('ours, ')} / {peer}",
        means[0],
        str(len(errors)),
        f"{sum(value < 1 for value in errors.values())} of {len(errors)}",
        f"{errors[worst]:.2f} ({worst})" if worst else "–",
        *means[1:],
        f"{geometric_mean([*times.values()]):.1f}" if times else "–",
    ]


def _each(
    records: Sequence[Record], who: Sequence[str], cell: Callable[[Sequence[Record]], str], middle: str = "mean"
) -> list[str]:
    rows = []
    for name in dict.fromkeys(record["set"] for record in records):
        fits = [[r for r in records if r["set"] == name and r["who"] == w] for w in who]
        rows.append([name, *(cell(records) if records else "–" for records in fits)])
    return [
        f"The {middle} over the seeds, with the lowest and the highest value.",
        "",
        *markdown(["table", *who], rows),
    ]


def _error_text(records: Sequence[Record]) -> str:
    return _mean_text([next(iter(record["errors"].values())) for record in records])


def _log_loss_text(records: Sequence[Record]) -> str:
    return _measure_text(records, "log_loss")


def _auc_text(records: Sequence[Record]) -> str:
    return _measure_text(records, "auc_error")


def _measure_text(records: Sequence[Record], measure: str) -> str:
    values = [record["errors"][measure] for record in records if measure in record["errors"]]
    return _mean_text(values) if values else "–"


def _calibration(records: Sequence[Record]) -> list[str]:
    """Return the calibration errors on tables with enough test rows that chance adds little."""
    own = [r for r in records if "calibration_error" in r["errors"] and r["tested"] >= _CALIBRATION_ROWS]
    text = _each(own, list(dict.fromkeys(r["who"] for r in own)), lambda fits: _measure_text(fits, "calibration_error"))
    return [f"Tables of {_CALIBRATION_ROWS:,} test rows and more, in 15 bins of equally many rows.", "", *text]


def _seconds_text(records: Sequence[Record]) -> str:
    return str(measuring.spread([record["seconds"] for record in records]))


def _mean_text(values: Sequence[float]) -> str:
    return str(Spread(float(np.mean(values)), min(values), max(values), len(values)))


def _picture(records: Sequence[Record], who: Sequence[str]) -> str:
    """Draw error against seconds, both relative to our default network."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.subplots()
    for name in who:
        times = ratios(records, name, "ours, default", seconds, paired=True)
        if not times:
            continue  # no fit of the same run
        error = geometric_mean([*ratios(records, name, "ours, default", main_error).values()])
        time, tables = geometric_mean([*times.values()]), len(times)
        color = "#0b6e4f" if name.startswith("ours") else "#8a4f00"
        axes.plot(time, error, "o", color=color, markersize=8)
        axes.annotate(f"{name} ({tables})", (time, error), xytext=(7, 4), textcoords="offset points", fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter() if axis is axes.xaxis else ScalarFormatter())
    axes.axhline(1, color="0.8", zorder=0)
    axes.axvline(1, color="0.8", zorder=0)
    axes.margins(0.25, 0.15)
    axes.set_xlabel("seconds per fit, relative to our default network (log scale)")
    axes.set_ylabel("error, relative to our default network (log scale)")
    axes.set_title("Error against time: geometric means over the tables (in brackets, their number)")
    return measuring.svg(figure)


def main() -> None:
    """Measure, write every record, and write the table and the plot."""
    tables = datasets.available()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sets", nargs="+", choices=tables, default=tables, metavar="TABLE", help=", ".join(tables))
    parser.add_argument("--peers", nargs="*", choices=[*PEERS], default=[*PEERS], metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--ours", nargs="*", choices=OURS, default=OURS, metavar="EFFORT", help=", ".join(OURS))
    parser.add_argument("--seeds", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--results", type=Path, default=REPORTS / "accuracy.jsonl", help="one line of JSON per fit")
    parser.add_argument(
        "--reuse",
        action="store_true",
        help="continue the results file: a peer is not fitted again if the file has its fit for the same version, seed "
        "and rows. Without this option the file is started again.",
    )
    arguments = parser.parse_args()
    earlier = read(arguments.results) if arguments.reuse else []
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    records = []
    with arguments.results.open("a" if arguments.reuse else "w", encoding="utf-8") as file:
        for record in measure(arguments.sets, arguments.ours, arguments.peers, arguments.seeds, earlier):
            records.append(record)
            if record not in earlier:
                print(json.dumps(record), file=file, flush=True)
            print(record["set"], record["seed"], record["who"], record.get("errors") or record["failed"], flush=True)
    report(records, arguments.results)


if __name__ == "__main__":
    main()
