"""Shared by the benchmarks: workers, errors, paired rounds, spread, circumstances, and the written files."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from sklearn import metrics

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports" / "benchmarks"
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"

PACKAGES = ("logitkit", "tensorflow", "keras", "numpy", "pandas", "scikit-learn")
PACKAGES += ("torch", "fastai", "pytabkit", "lightgbm", "catboost")

# ---------------------------------------------------------------------------------------------------------- workers


class Worker:
    """A separate process that does one job at a time, so that frameworks share neither memory nor threads.

    Args:
        module: A module that ends with `serve`. The peers' module runs in the bench environment.
    """

    def __init__(self, module: str = "tests.benchmarks.peers") -> None:
        python = BENCH_PYTHON if module.endswith("peers") else Path(sys.executable)
        if not python.exists():
            raise SystemExit(f"{python} is missing: `make bench` builds it.")
        # What libraries print is needed only if the process dies.
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._output}
        self._process = subprocess.Popen([str(python), "-m", module], cwd=ROOT, text=True, **pipes)

    def __call__(self, job: str, **options: Any) -> Any:
        """Let the process do a job, and return its result.

        Raises:
            RuntimeError: The process died; the message ends with its last output.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"job": job, "options": options}) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if answer:
            return json.loads(answer)
        self._output.seek(0)
        raise RuntimeError(f"the worker died at {job}: {self._output.read()[-2000:]}")

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            cast(Any, self._process.stdin).close()
        self._process.wait()
        self._output.close()


def serve(jobs: Mapping[str, Callable[..., Any]]) -> None:
    """Do the jobs that come in, one line of JSON each, until there are no more."""
    # Libraries print, but standard output must contain only answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(jobs[request["job"]](**request["options"])), file=answers, flush=True)


# ------------------------------------------------------------------------------------------------------------- loops


class Shape(NamedTuple):
    """The data and the network of a training loop."""

    rows: int
    columns: int
    hidden: Sequence[int]
    classes: int
    batch: int
    image: int = 0  # the width of square images, for a convolutional network

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return generated inputs of shape (rows, columns) and class ids, the same in every process."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.columns), np.float32)
        return x, (x @ rng.standard_normal((self.columns, self.classes), np.float32)).argmax(axis=1)


def rounds(count: int, jobs: Mapping[str, Callable[[], Any]]) -> dict[str, list[Any]]:
    """Do each job once per round, so that other load on the machine hits all of them; another job starts each round.

    Args:
        count: Number of rounds.
        jobs: The functions to call, by name.

    Returns:
        The results of each job, in the order of the rounds.
    """
    results: dict[str, list[Any]] = {name: [] for name in jobs}
    names = list(jobs)
    for number in range(count):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            results[name].append(jobs[name]())
    return results


# ----------------------------------------------------------------------------------------------------------- memory


def resident() -> float:
    """Return the MiB that this process has in memory (Linux)."""
    return _status("VmRSS")


def peak() -> float:
    """Return the maximum of `resident` since `forget_peak` (Linux)."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Start a new measurement of the peak (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


# ----------------------------------------------------------------------------------------------------------- errors


def errors(task: str, y: np.ndarray, predicted: np.ndarray, decided: np.ndarray | None = None) -> dict[str, float]:
    """Return the errors of predictions for test rows, less is better; the first is the main one.

    Args:
        task: One of the four tasks.
        y: Numbers, class ids, or labels of shape (rows, labels).
        predicted: Numbers, or probabilities of shape (rows, classes) or (rows, labels).
        decided: Class ids or labels; None takes the most probable.
    """
    if task == "regression":
        return {"rmse": float(metrics.root_mean_squared_error(y, predicted))}
    if task == "multilabel":
        return {"hamming_loss": float(metrics.hamming_loss(y, predicted > 0.5 if decided is None else decided))}
    wrong = float(((predicted.argmax(axis=1) if decided is None else decided) != y).mean())
    # Probabilities in 32 bits add up to 1 less exactly than scikit-learn demands.
    predicted = predicted / predicted.sum(axis=1, keepdims=True)
    log_loss = float(metrics.log_loss(y, predicted, labels=list(range(predicted.shape[1]))))
    ranking = {"auc_error": 1 - float(metrics.roc_auc_score(y, predicted[:, 1]))} if task == "binary" else {}
    return {"error": wrong, "log_loss": log_loss} | ranking


# ---------------------------------------------------------------------------------------------------- circumstances


def versions() -> dict[str, str]:
    """Return the versions of the installed packages."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def versions_of_bench() -> dict[str, str]:
    """Return the versions of the bench environment."""
    worker = Worker()
    installed = worker("versions")
    worker.close()
    return installed


def circumstances(bench: Mapping[str, str]) -> list[str]:
    """Return lines that name machine, load and versions.

    Args:
        bench: Versions of the bench environment.
    """
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    load = f"; load before this run {os.getloadavg()[2]:.1f}" if hasattr(os, "getloadavg") else ""
    listed = ", ".join(f"{name} {text}" for name, text in (dict(bench) | versions()).items())
    return [f"{date.today()}; {platform.system()}, {model}, {os.cpu_count()} cores{load}.", "", f"Versions: {listed}."]


# ---------------------------------------------------------------------------------------------------------- figures


class Spread(NamedTuple):
    """The middle, the lowest and the highest of several figures."""

    middle: float
    low: float
    high: float
    values: int

    def __str__(self) -> str:
        if self.values == 1:
            return f"{self.middle:.3g}"
        return f"{self.middle:.3g} ({self.low:.3g} to {self.high:.3g})"


def spread(values: Sequence[float]) -> Spread:
    """Return the median, the lowest and the highest value."""
    return Spread(float(np.median(values)), float(min(values)), float(max(values)), len(values))


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean; NaN if there are no values."""
    return float(np.exp(np.mean(np.log(values)))) if len(values) else float("nan")


class Line(NamedTuple):
    """A line of a table: a ratio of paired figures, one figure, or the reason why there is none."""

    label: str
    ratio_: Spread | None = None
    above: Spread | None = None
    below: Spread | None = None
    unit: str = ""
    why: str = ""

    @classmethod
    def ratio(cls, label: str, above: Sequence[float], below: Sequence[float], unit: str) -> Line:
        """Return a line for the median of the ratios of the rounds."""
        ratios = [a / b for a, b in zip(above, below, strict=True)]
        return cls(label, spread(ratios), spread(above), spread(below), unit)

    @classmethod
    def value(cls, label: str, values: Sequence[float], unit: str) -> Line:
        """Return a line for one figure."""
        return cls(label, above=spread(values), unit=unit)

    @classmethod
    def skipped(cls, label: str, why: str) -> Line:
        """Return a line that says why it has no figure."""
        return cls(label, why=why)

    def cells(self) -> list[str]:
        """Return the cells of the line."""
        parts = [f"{part} {self.unit}" if part else "" for part in (self.above, self.below)]
        return [self.label, str(self.ratio_) if self.ratio_ else self.why and f"left out: {self.why}", *parts]


def lines_table(lines: Sequence[Line]) -> list[str]:
    """Return the lines of a table of medians, each with the lowest and the highest value."""
    return markdown(["", "ratio", "above", "below"], [line.cells() for line in lines])


def show(lines: Sequence[Line]) -> None:
    """Print the lines."""
    for line in lines:
        print(" | ".join(cell for cell in line.cells() if cell), flush=True)


# ------------------------------------------------------------------------------------------------------------ files


def report(name: str, title: str, text: Sequence[str], lines: Sequence[Line], raw: Mapping[str, Any]) -> None:
    """Write the table, the plot and the raw figures of a benchmark.

    Args:
        name: Name of the files, without an ending.
        title: Title of the page.
        text: The lines below the title and the circumstances.
        lines: The lines whose ratios are drawn.
        raw: The figures of every round.
    """
    about = circumstances(versions_of_bench())
    legend = (
        "Medians over the rounds, with the lowest and the highest value; a ratio compares figures of the same round."
    )
    write(REPORTS / f"{name}.md", "\n".join([f"# {title}", "", *about, "", legend, "", *text]))
    write(REPORTS / f"{name}.json", json.dumps({"circumstances": about} | dict(raw), indent=1))
    write(REPORTS / f"{name}.svg", svg(ratios_figure(title, lines)))


def ratios_figure(title: str, lines: Sequence[Line]) -> Any:
    """Draw each ratio as a point with its range, on a logarithmic axis."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    ratios = [(line.label, line.ratio_) for line in lines if line.ratio_]
    figure = Figure(figsize=(9, 1.6 + 0.45 * len(ratios)), layout="constrained")
    axes: Any = figure.subplots()
    for y, (_, ratio) in enumerate(ratios):
        axes.plot([ratio.low, ratio.high], [y, y], color="#0b6e4f", linewidth=2)
        axes.plot(ratio.middle, y, "o", color="#0b6e4f")
        axes.annotate(f"{ratio.middle:.3g}", (ratio.middle, y), (0, 6), textcoords="offset points", ha="center")
    axes.axvline(1, color="0.7", zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(ratios)), [label for label, _ in ratios])
    axes.invert_yaxis()
    axes.margins(0.08, 0.12)
    axes.set_xlabel("ratio of times (log scale): median, lowest and highest")
    axes.set_title(title)
    return figure


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def svg(figure: Any) -> str:
    """Return a figure as SVG, the same bytes for the same figures."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "benchmarks"}), io.StringIO() as text:
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()


def write(path: Path, text: str) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    os.replace(temporary, path)
