"""What a pass over a billion rows takes and costs on 1 to 32 machines: `python -m tests.benchmarks.cluster`.

`measure` measures the rates on this machine (some minutes, 1 GB of disk) and writes them into cluster.json; `simulate`
puts them into the model of `cluster_costs`, and writes a section of reports/benchmarks/scale.md and scale.svg.
"""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from tests.benchmarks import cluster_rates, measuring
from tests.benchmarks.cluster_costs import Machine, Pass, Rates, one_pass

HEADING = "## On several machines"
_MACHINES = (1, 2, 4, 8, 16, 32)
_ROWS, _BATCH, _LARGE_BATCH = 1e9, 1_024, 16_384
_RATES, _REPORT, _PLOT = (measuring.REPORTS / name for name in ("cluster.json", "scale.md", "scale.svg"))


@click.group()
def main() -> None:
    """Measure rates, or simulate a cluster by them."""


@main.command()
@click.option("--rows", default=100_000, show_default=True)
def measure(rows: int) -> None:
    """Measure the rates of reading, encoding, learning and adding up."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "table"
        cluster_rates.write_table(folder, rows)
        size = sum(path.stat().st_size for path in folder.iterdir()) / rows
        prepared = cluster_rates.json_of("prepare", str(folder))
        trained = cluster_rates.json_of("train", str(folder), json.dumps({"batch_size": _BATCH}))
        passes_by_workers = {
            workers: max(cluster_rates.together(workers, "pass", str(folder), str(_BATCH))) for workers in (1, 2)
        }
    by_workers = {workers: cluster_rates.sums(workers) for workers in (1, 2, 4)}
    smallest, largest = min(by_workers[2]), max(by_workers[2])
    bandwidth = (largest - smallest) / (by_workers[2][largest] - by_workers[2][smallest])
    rates = Rates(
        read=prepared["read"],
        encode=prepared["both"] - prepared["read"],
        train=trained["cpu"] - prepared["both"],
        step=by_workers[1][smallest],
        latency=(by_workers[2][smallest] - by_workers[1][smallest]) / 2,
        bandwidth=bandwidth,
        row_bytes=size,
        gradient_bytes=4.0 * trained["weights"],
    )
    facts = {"circumstances": measuring.circumstances({}), "load": load, "inputs": prepared["inputs"]}
    busy = trained["cpu"] / trained["clock"] / (os.cpu_count() or 1)
    facts |= {"weights": trained["weights"], "busy": busy, "rates": asdict(rates), "sums": by_workers}
    facts |= {"passes": passes_by_workers, "cores": os.cpu_count() or 1}
    measuring.write(_RATES, json.dumps(facts, indent=1))
    click.echo(json.dumps(facts, indent=1))


@main.command()
def simulate() -> None:
    """Write the section of the report, and the plot."""
    facts = json.loads(_RATES.read_text())
    rates = Rates(**facts["rates"])
    report, _ = split(_REPORT.read_text())
    measuring.write(_REPORT, report + section(rates, Machine(), facts))
    measuring.write(_PLOT, picture(rates, Machine()))


def split(report: str) -> tuple[str, str]:
    """Return the report without the section on several machines, and that section."""
    before, heading, after = report.partition(f"\n{HEADING}\n")
    return before, heading + after


def passes(rates: Rates, machine: Machine, batch: int, *, grows: bool) -> list[Pass]:
    """Return a pass over a billion rows for each number of machines."""
    return [one_pass(rates, machine, _ROWS, count, batch, grows=grows) for count in _MACHINES]


def section(rates: Rates, machine: Machine, facts: dict[str, Any]) -> str:
    """Return the section: rates, inputs, formulas, table."""
    growing = passes(rates, machine, _BATCH, grows=True)
    large, same = (passes(rates, machine, batch, grows=False) for batch in (_LARGE_BATCH, _BATCH))
    header = ["machines", "workers", f"{_BATCH:,} rows per worker and step: hours", "dollars", "speedup", "adding up"]
    header += [f"{_LARGE_BATCH:,} rows per step: hours", "dollars", f"{_BATCH:,} rows per step: hours", "dollars"]
    rows = []
    for count, grown, *others in zip(_MACHINES, growing, large, same, strict=True):
        cells = [f"{count}", f"{count * machine.workers}", f"{grown.seconds / 3600:.2f}", f"{grown.dollars:.2f}"]
        cells += [f"{growing[0].seconds / grown.seconds:.1f}", f"{grown.summing / grown.seconds:.0%}"]
        rows.append(cells + [text for one in others for text in (f"{one.seconds / 3600:.2f}", f"{one.dollars:.2f}")])
    picture_text = "![Hours per pass over a billion rows of 100 columns, by the number of machines](scale.svg)"
    text = [HEADING, "", *_about(rates, machine, facts), "", *measuring.markdown(header, rows), ""]
    return "\n" + "\n".join([*text, picture_text, "", *_reading(growing, large, same)])


def _about(rates: Rates, machine: Machine, facts: dict[str, Any]) -> list[str]:
    micro = {name: f"{1e6 * getattr(rates, name):.1f} µs" for name in ("read", "encode", "train")}
    sums = {workers: f"{values['64'] * 1e3:.1f}" for workers, values in facts["sums"].items()}
    simulated = (
        "Simulated by `python -m tests.benchmarks.cluster simulate`: one pass over 1,000,000,000 rows of 100 columns "
        "(96 numbers, 4 categories), one network of quick effort "
        f"({facts['inputs']:,} inputs, {facts['weights']:,} weights). "
        "**It was not run on a cluster**: the rates are measured on one machine, and the rest is arithmetic."
    )
    measured = (
        f"Measured by `measure` ({facts['circumstances'][0].rstrip('.')}; load at the start {facts['load']:.1f}), in "
        f"CPU seconds per row: reading Parquet {micro['read']} ({rates.row_bytes:,.0f} bytes per row, so "
        f"{rates.row_bytes / rates.read / 1e6:,.0f} MB/s), encoding {micro['encode']}, learning {micro['train']}. A "
        f"sum of 64 bytes over 1, 2 and 4 workers on one machine (ring, gRPC over loopback, the quickest of 60) takes "
        f"{sums['1']}, {sums['2']} and {sums['4']} ms, and two workers add up {rates.bandwidth / 1e6:,.0f} MB/s. Other "
        "work on the two cores makes these figures worse than those of an idle machine."
    )
    assumed = (
        f"Assumed: a machine has {machine.workers * machine.cores} cores, runs {machine.workers} workers of "
        f"{machine.cores} cores each, costs ${machine.price:.2f} per hour and reads {machine.storage / 1e6:,.0f} MB/s "
        f"from storage; {machine.network * 8 / 1e9:.0f} Gbit/s connect the machines; a worker keeps "
        f"{machine.busy:.0%} of its "
        "cores busy; workers of one machine don't slow each other down; all machines are equally fast."
    )
    return [
        *_paragraph(simulated),
        *_paragraph(measured),
        *_paragraph(_check(rates, machine, facts)),
        *_paragraph(assumed),
        "The model, for *m* machines with *w* workers in all, *n* rows and *b* rows per step:",
        "",
        "    steps      n / b",
        "    computing  n / w * (reading + encoding + learning) / (cores of a worker * their busy share)",
        "    calling    steps * seconds of a sum over one worker",
        "    adding up  steps * 2 (w - 1) * (latency + gradient bytes / w / bandwidth)",
        "    storage    n * bytes per row / m / bytes per second",
        "    a pass     max(storage, computing + calling + adding up)",
        "    dollars    hours * m * price",
    ]


def _check(rates: Rates, machine: Machine, facts: dict[str, Any]) -> str:
    """Return what two workers on this machine took, and what the model says."""
    one, two = (1e6 * facts["passes"][workers] for workers in ("1", "2"))
    sizes = [replace(machine, workers=workers, cores=facts["cores"] // workers) for workers in (1, 2)]
    alone, shared = (one_pass(rates, size, 1e6, 1, _BATCH, grows=False).seconds for size in sizes)
    return (
        f"Check: a pass with {_BATCH:,} rows per step took {one:.0f} s per million rows by one process here, "
        f"and {two:.0f} s by two workers on the same cores, {two / one:.2f} times as long. The model says "
        f"{shared / alone:.2f} times as long."
    )


def _reading(growing: Sequence[Pass], large: Sequence[Pass], same: Sequence[Pass]) -> list[str]:
    fastest = _MACHINES[min(range(len(same)), key=lambda index: same[index].seconds)]
    most = _MACHINES[min(range(len(large)), key=lambda index: large[index].seconds)]
    return _paragraph(
        f"Sums limit the speed. With {_BATCH:,} rows per step, the default of one process, a pass has a million sums, "
        f"and more than {fastest} {'machine is' if fastest == 1 else 'machines are'} slower; with {_LARGE_BATCH:,} "
        f"rows per step that is so beyond {most}. With {_BATCH:,} rows for each worker a pass gets faster up to "
        f"{_MACHINES[-1]} machines ({growing[0].seconds / growing[-1].seconds:.1f} times as fast as on one), and costs "
        f"{growing[-1].dollars / growing[0].dollars:.1f} times as much. So choose `batch_size=` together with "
        "`workers=`. What larger batches cost in accuracy is not part of the model."
    )


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False), ""]


def picture(rates: Rates, machine: Machine) -> str:
    """Draw hours against machines, both logarithmic."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.subplots()
    growing = passes(rates, machine, _BATCH, grows=True)
    lines = [
        (f"{_BATCH:,} rows per worker and step", growing, "#0b6e4f", "o-"),
        (f"{_LARGE_BATCH:,} rows per step", passes(rates, machine, _LARGE_BATCH, grows=False), "#8a4f00", "s-"),
        (f"{_BATCH:,} rows per step", passes(rates, machine, _BATCH, grows=False), "#5b3f9e", "^-"),
    ]
    for label, line, color, style in lines:
        axes.plot(_MACHINES, [one.seconds / 3600 for one in line], style, color=color, label=label)
    first = growing[0].seconds / 3600
    axes.plot(
        _MACHINES, [first / count for count in _MACHINES], "--", color="0.55", label="twice the machines, half the time"
    )
    for axis in (axes.set_xscale, axes.set_yscale):
        axis("log")
    axes.set_xticks(_MACHINES, [str(count) for count in _MACHINES])
    ticks = [value for power in (0.1, 1, 10, 100) for value in (power, 2 * power, 5 * power)]
    axes.set_yticks(ticks, [f"{value:g}" for value in ticks])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0.15, 110)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9")
    axes.set_xlabel(f"machines of {machine.workers * machine.cores} cores (log scale)")
    axes.set_ylabel("hours per pass (log scale)")
    axes.set_title("A pass over a billion rows of 100 columns, simulated from measured rates")
    axes.legend(frameon=False)
    return measuring.svg(figure)


if __name__ == "__main__":
    main()
