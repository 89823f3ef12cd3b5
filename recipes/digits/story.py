"""Digits from end to end: flattened pixels, two hidden layers, convolutions, softmax and SVM, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator

from recipes import images
from recipes.digits import downloads
from recipes.drawing import STYLES, label_lines, log_scale, panels
from recipes.workflow import settings
from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent, plain
from toolkit.data.images.files import read_images
from toolkit.data.images.stack import ImageSet
from toolkit.heads import get_head
from toolkit.report import Picture, fill
from toolkit.report.page import write_pair
from toolkit.report.summary.values import share
from toolkit.runs.comparison import Comparison
from toolkit.runs.run import Run

__all__ = ["MODELS", "SIZES", "Story", "best_from", "load", "stratified_order", "tell"]

#: Model, from the simplest to the best -> the options that make it.
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"build": "linear"},
    "25-15-10": {"build": "mlp", "hidden": (25, 15)},
    "cnn": {"build": "cnn"},
}
#: Numbers of training images for the learning curve; the number of all images is added.
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)
_FIXED_OPTIONS = ("build", "hidden", "test", "task", "report", "target")
_TITLES = {"linear": "Linear", "25-15-10": "25-15-10", "cnn": "Convolutional"}
_FEWEST_IMAGES = 20
# The curve shows a range and makes no claim, so fewer seeds do.
_CURVE_SEEDS = 3


@dataclass(frozen=True, eq=False)
class Story:
    """The results on one set of images.

    Attributes:
        name: Name of the images.
        runs: Model (of `MODELS`) -> its run.
        comparison: The heads on the convolutional network.
        curve: One row per number of training images, seed and model: ``model``, ``rows``, ``seed``, ``accuracy``,
            ``parameters``, ``seconds``.
    """

    name: str
    runs: dict[str, Run]
    comparison: Comparison
    curve: pd.DataFrame

    def summary(self) -> dict[str, Any]:
        """Return the content of the page, as a dictionary that JSON can hold."""
        first = next(iter(self.runs.values()))
        test_rows = 0 if first.dataset is None else len(first.dataset.parts["test"])
        models = {
            name: {
                "title": _TITLES[name],
                # As a count of right answers, which is whole again
                "accuracy": share(round(run.metrics["accuracy"] * test_rows), test_rows),
                "parameters": _parameters(run),
                "epochs": len(run.history),
                "seconds": run.seconds["train"],
                "page": f"{name}.html",
            }
            for name, run in self.runs.items()
        }
        # One row per model and number of images: mean and range over the seeds.
        points = self.curve.groupby(["model", "rows"], sort=False).agg(
            accuracy=("accuracy", "mean"),
            low=("accuracy", "min"),
            high=("accuracy", "max"),
            parameters=("parameters", "max"),
        )
        table = self.comparison.table
        return {
            "schema": 1,
            "kind": "digits",
            "name": plain(self.name),
            "rows": 0 if first.dataset is None else first.dataset.rows,
            "test_rows": test_rows,
            "classes": len(first.classes),
            "created": first.settings.get("created"),
            "models": models,
            "heads": {
                "labels": list(self.comparison.labels),
                "accuracy": {label: float(table.loc["accuracy", label]) for label in self.comparison.labels},
                "seeds": len(self.comparison.seeds),
                "verdict": list(self.comparison.verdict),
                "page": "heads.html",
            },
            "curve": points.reset_index().to_dict("records"),
            "curve_seeds": int(self.curve["seed"].nunique()),
            "best_from": best_from(self.curve),
        }

    def figure(self) -> Figure:
        """Draw the share of wrong test images against the number of training images, one line per model."""
        return _learning_curve(self.summary())

    def report(self, folder: str | Path) -> Path:
        """Write a report of each model, one of the heads, and the page that tells the story.

        Args:
            folder: Folder of the pages; it is created if necessary.

        Returns:
            The path of the story's page, `index.html`. Its content as data is in `index.json` next to it.

        Raises:
            DataError: A file can't be written.
        """
        folder = Path(folder)
        for name, run in self.runs.items():
            run.report(folder / f"{name}.html")
        self.comparison.report(folder / "heads.html")
        summary = self.summary()
        return write_pair(folder / "index.html", _page(summary), summary)


def load(source: Any = "digits", *, say: Callable[[str], None] | None = None) -> dict[str, ImageSet]:
    """Return the images of the story, in one or two parts.

    Args:
        source: ``"digits"``: scikit-learn's 1,797 digits of 8 x 8 pixels; ``"mnist"`` or ``"fashion-mnist"``: from
            `data/`, from the folder LOGITKIT_DATA, or downloaded once; otherwise images as for `recipes.images`.
        say: Function that gets one line for each download.

    Returns:
        "train", and "test" if the source has test images.

    Raises:
        DataError: There are no such images, or they can't be downloaded.

    Example:
        >>> load()["train"].pixels.shape
        (1797, 8, 8, 1)
    """
    if isinstance(source, str) and source == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels = np.asarray(digits.images).astype(np.uint8)[..., None]
        return {"train": ImageSet(pixels, pd.DataFrame({"digit": digits.target}), name="digits, 8 × 8")}
    if isinstance(source, str) and source in downloads.DATASETS and not Path(source).exists():
        parts = read_images(downloads.find(source) or downloads.fetch(source, say=say))
        return {part: replace(part_set, name=downloads.DATASETS[source].title) for part, part_set in parts.items()}
    return read_images(source)


@interrupts.immediate()  # a story on a part of its trainings would mislead
def tell(
    source: Any = "digits",
    *,
    heads: Sequence[str] = ("softmax", "hinge"),
    sizes: Sequence[int] = SIZES,
    seeds: int = 5,
    effort: str = "default",
    seed: int = 0,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> Story:
    """Train a linear model, the lecture's 25-15-10 and a convolutional network on images, and compare them.

    Then compare heads on the convolutional network, and train all three models on fewer images, to see how many each
    model needs. This takes a minute or two on the 8 x 8 digits, and hours on MNIST.

    Args:
        source: As for `load`.
        heads: Two or more heads to compare on the convolutional network.
        sizes: Numbers of training images for the learning curve. Too large ones are skipped.
        seeds: Number of trainings of each head, and, up to 3, of each point of the curve.
        effort: As for `recipes.images.train`.
        seed: Seed of the models' reports, and the first seed of the curve.
        say: Function that gets one line before each step.
        options: Options of every training, such as ``epochs``.

    Raises:
        DataError: There are no such images, they can't be downloaded, or an option has a value that can't be used.
    """
    _check(heads, sizes, seeds, options)
    announce = say or (lambda _: None)
    parts = load(source, say=say)
    labeled = np.flatnonzero(parts["train"].target.iloc[:, 0].notna())
    train, test = _take(parts["train"], labeled), parts.get("test")
    if test is None:
        # A quarter of the images are the test images of all models.
        order = stratified_order(train.target.iloc[:, 0], seed)
        cut = len(order) // 4
        train, test = _take(train, np.sort(order[cut:])), _take(train, np.sort(order[:cut]))
    arguments = {"heads": tuple(heads), "sizes": tuple(sizes), "seeds": seeds, "effort": effort, "seed": seed}
    call = settings.calls("digits", "tell", source, arguments, options)
    if options.keys() - {"epochs"}:  # the command line has no other option of a training
        call["command"] = None
    common: dict[str, Any] = {"progress": False, "baselines": False, "effort": effort} | options
    runs = {}
    for name, model_options in MODELS.items():
        announce(f"{name}: {number(len(train))} images")
        # The baselines are the same for all models: one run fits them.
        once = common | {"baselines": name == "cnn" and options.get("baselines", True)}
        result = images.train(train, test=test, seed=seed, **once, **model_options).result
        runs[name] = Run(replace(result, settings=result.settings | call))
    announce(f"heads: {', '.join(heads)}")
    comparison = images.compare(train, test=test, heads=heads, seeds=seeds, **common)
    comparison = Comparison(replace(comparison.result, settings=comparison.settings | call))
    rows = []
    for size in [*(size for size in sorted(set(sizes)) if size < 0.9 * len(train)), len(train)]:
        announce(f"{number(size)} training images")
        for curve_seed in range(seed, seed + min(seeds, _CURVE_SEEDS)):
            rows += _accuracies(train, test, size, curve_seed, common)
    return Story(train.name, runs, comparison, pd.DataFrame(rows))


def best_from(curve: pd.DataFrame) -> int | None:
    """Return the number of training images from which on the network `cnn` of a `Story.curve` is best, or None.

    Example:
        >>> rows = {"model": ["linear", "cnn"] * 2, "rows": [100, 100, 300, 300], "accuracy": [0.8, 0.7, 0.8, 0.9]}
        >>> best_from(pd.DataFrame(rows))
        300
    """
    means = curve.pivot_table(index="rows", columns="model", values="accuracy")
    # True where the network is best at this size and at all larger ones.
    # Best at the sizes: no yes no yes yes -> from the largest size down: yes yes no no no.
    best = (means.idxmax(axis=1) == "cnn")[::-1].cummin()
    return int(best.index[best].min()) if best.any() else None


def stratified_order(labels: pd.Series, seed: int) -> np.ndarray:
    """Return the rows that have a label, in an order whose first n rows, for any n, hold the classes in proportion."""
    rng = np.random.default_rng(seed)
    codes, classes = pd.factorize(labels, sort=True)
    position = np.full(len(codes), np.inf)
    for code in range(len(classes)):
        # The k-th of a class's n rows gets the position (k + a random fraction) / n, from 0 to 1.
        rows = np.flatnonzero(codes == code)
        # Classes a a a a b b, fractions 0.5: a at 1/8 3/8 5/8 7/8, b at 1/4 3/4 -> order a b a a b a.
        position[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(position, kind="stable")[: np.count_nonzero(codes >= 0)]


def _check(heads: Any, sizes: Any, seeds: Any, options: Mapping[str, Any]) -> None:
    """Refuse, before any training, what would otherwise fail after minutes."""
    for name in _FIXED_OPTIONS:
        if name in options:
            raise DataError(
                f"{name}= can't be changed for the story of the digits, which sets it itself: leave it out."
            )
    if isinstance(heads, str) or not isinstance(heads, Sequence) or len(heads) < 2:
        raise DataError(f"heads={heads!r}: expected two names or more, such as heads=('softmax', 'hinge').")
    for head in heads:
        get_head("multiclass", head)
    if not isinstance(sizes, Sequence | np.ndarray) or not all(_is_whole(size, _FEWEST_IMAGES) for size in sizes):
        raise DataError(
            f"sizes={sizes!r}: expected numbers of training images, {_FEWEST_IMAGES} or more, such as sizes=(100, 300)."
        )
    if not _is_whole(seeds, 1):
        raise DataError(f"seeds={seeds!r}: expected a whole number, 1 or more.")


def _is_whole(value: Any, smallest: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= smallest


def _take(image_set: ImageSet, rows: np.ndarray) -> ImageSet:
    """Return the images of these rows, which are in ascending order."""
    if len(rows) == len(image_set):
        return image_set
    names = [image_set.names[row] for row in rows] if image_set.names else []
    target = image_set.target.iloc[rows].reset_index(drop=True)
    return replace(image_set, pixels=image_set.pixels[rows], target=target, names=names)


def _accuracies(
    train: ImageSet, test: ImageSet, size: int, seed: int, options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Train every model on the first `size` images of one order, and return its row of the curve."""
    # The first n of one order: each set contains all smaller ones.
    subset = _take(train, np.sort(stratified_order(train.target.iloc[:, 0], seed)[:size]))
    rows = []
    for name, model_options in MODELS.items():
        run = images.train(subset, test=test, seed=seed, **options, **model_options)
        row = {"model": name, "rows": size, "seed": seed, "accuracy": run.metrics["accuracy"]}
        rows.append(row | {"parameters": _parameters(run), "seconds": run.seconds["train"]})
    return rows


def _parameters(run: Run) -> int:
    return sum(int(np.prod(variable.shape)) for variable in run.model.trainable_variables)


def _learning_curve(summary: Mapping[str, Any]) -> Figure:
    points = pd.DataFrame(summary["curve"])
    with panels(width=5.6, height=3.4) as (figure, ((axes,),)):
        for model, (color, dash) in zip(MODELS, STYLES, strict=False):
            curve = points[points["model"] == model]
            # A share of 0 would lie at minus infinity.
            wrong, low, high = (np.maximum(100 - 100 * curve[key], 0.01) for key in ("accuracy", "high", "low"))
            axes.fill_between(curve["rows"], low, high, color=color, alpha=0.15, linewidth=0)
            axes.plot(curve["rows"], wrong, "o", color=color, linestyle=dash, markersize=3.2, label=model)
        log_scale(axes, "x")
        log_scale(axes, "y")
        axes.xaxis.set_major_locator(FixedLocator(sorted(points["rows"].unique())))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.set_title("wrong test images, %")
        axes.set_xlabel("training images")
        parameters = {model: number(summary["models"][model]["parameters"]) for model in MODELS}
        label_lines(axes, [f"{_TITLES[model]}\n{parameters[model]} parameters" for model in MODELS], gap=0.15)
    return figure


def _page(summary: Mapping[str, Any]) -> str:
    models = summary["models"]
    cells = {
        (point["model"], point["rows"]): f"{percent(point['accuracy'], 2)} ({number(point['parameters'])})"
        for point in summary["curve"]
    }
    head = ["training images", *(model["title"] for model in models.values())]
    sizes = sorted({point["rows"] for point in summary["curve"]})
    rows = [[number(size), *(cells.get((model, size), "–") for model in models)] for size in sizes]
    seeds = summary["curve_seeds"]
    bands = f"The bands reach from the best to the worst of {seeds} seeds. " if seeds > 1 else ""
    caption = (
        f"Both axes are logarithmic. {bands}Some of the training images are kept for validation, to choose the epoch."
    )
    title = "Wrong answers by the number of training images"
    figure = Picture.draw(_learning_curve(summary), title, caption, head, rows, "Accuracy (parameters)")
    sections = [("verdict", "Verdict"), ("models", "Models"), ("heads", "Heads"), ("rows", "How many images")]
    return fill("digits.html", s=summary, figure=figure, sections=sections)
