"""Digits from end to end: flattened pixels, two hidden layers, convolutions, SVM and softmax, in one call."""

from __future__ import annotations

import json
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
from toolkit.common.errors import DataError
from toolkit.common.files import write_whole
from toolkit.common.formatting import number, percent, plain
from toolkit.data.images.files import read_images
from toolkit.data.images.stack import ImageSet
from toolkit.heads import get_head
from toolkit.report import Picture, fill
from toolkit.report.summary.values import share
from toolkit.runs.comparison import Comparison
from toolkit.runs.run import Run

__all__ = ["MODELS", "SIZES", "Story", "load", "tell"]

#: The models of the story, from the simplest: the options that make each.
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"build": "linear"},
    "25-15-10": {"build": "mlp", "hidden": (25, 15)},
    "cnn": {"build": "cnn"},
}
#: Training images for the curve of what each model needs; all that there are come last.
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)
_OWN = ("build", "hidden", "test", "task", "report", "target")
_TITLES = {"linear": "Linear", "25-15-10": "25-15-10", "cnn": "Convolutional"}


@dataclass(frozen=True, eq=False)
class Story:
    """What was found on one set of images.

    Attributes:
        name: The set's name.
        runs: Name of a model (of `MODELS`) -> its run.
        comparison: The heads on the convolutional network.
        curve: A row a model, seed and number of training images: ``model``, ``rows``, ``seed``, ``accuracy``,
            ``parameters``, ``seconds``.
    """

    name: str
    runs: dict[str, Run]
    comparison: Comparison
    curve: pd.DataFrame

    def summary(self) -> dict[str, Any]:
        """Return what the page says, as a dictionary that JSON can hold."""
        first = next(iter(self.runs.values()))
        tested = 0 if first.dataset is None else len(first.dataset.parts["test"])
        models = {}
        for name, run in self.runs.items():
            right = share(round(run.metrics["accuracy"] * tested), tested)
            models[name] = {
                "title": _TITLES[name],
                "accuracy": right,
                "parameters": _parameters(run),
                "epochs": len(run.history),
                "seconds": run.seconds["train"],
                "page": f"{name}.html",
            }
        grouped = self.curve.groupby(["model", "rows"], sort=False)
        means = grouped["accuracy"].agg(["mean", "min", "max"]).assign(parameters=grouped["parameters"].max())
        points = [
            {
                "model": model,
                "rows": int(rows),
                "accuracy": float(row["mean"]),
                "low": float(row["min"]),
                "high": float(row["max"]),
                "parameters": int(row["parameters"]),
            }
            for (model, rows), row in means.iterrows()
        ]
        return {
            "schema": 1,
            "kind": "digits",
            "name": plain(self.name),
            "rows": 0 if first.dataset is None else first.dataset.rows,
            "test_rows": tested,
            "classes": len(first.classes),
            "created": first.settings.get("created"),
            "models": models,
            "heads": {
                "labels": list(self.comparison.labels),
                "accuracy": {
                    label: float(self.comparison.table.loc["accuracy", label]) for label in self.comparison.labels
                },
                "seeds": len(self.comparison.seeds),
                "verdict": list(self.comparison.verdict),
                "page": "heads.html",
            },
            "curve": points,
            "curve_seeds": int(self.curve["seed"].nunique()),
            "best_from": best_from(self.curve),
        }

    def figure(self) -> Figure:
        """Draw the share of wrong test images against the number of training images, a line a model."""
        return _drawn(self.summary())

    def report(self, folder: str | Path) -> Path:
        """Write a report of each model, one of the heads, and the page that tells the story.

        Args:
            folder: Where the pages go; it is made.

        Returns:
            The path of the story's page, `index.html`; its content as data stands beside it.

        Raises:
            DataError: A file can't be written.
        """
        folder = Path(folder)
        for name, run in self.runs.items():
            run.report(folder / f"{name}.html")
        self.comparison.report(folder / "heads.html")
        summary = self.summary()
        text = json.dumps(summary, allow_nan=False, ensure_ascii=False, indent=1) + "\n"
        write_whole(folder / "index.json", text)
        return write_whole(folder / "index.html", _page(summary))


def load(source: Any = "digits", *, say: Callable[[str], None] | None = None) -> dict[str, ImageSet]:
    """Return the images of the story, and their test part where they have one of their own.

    Args:
        source: ``"digits"``: the 1,797 digits of 8 x 8 pixels that come with scikit-learn; ``"mnist"`` or
            ``"fashion-mnist"``: from `data/`, from where LOGITKIT_DATA says, or fetched once; otherwise whatever
            `recipes.images` takes, such as a folder of idx files.
        say: Called with a line for each file that is fetched.

    Returns:
        "train", and "test" where the source has such a part.

    Raises:
        DataError: There are no such images, or they can't be fetched.

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
        folder = downloads.find(source) or downloads.fetch(source, say=say)
        parts = read_images(folder)
        return {part: _named(found, downloads.DATASETS[source].title) for part, found in parts.items()}
    return read_images(source)


def tell(
    source: Any = "digits",
    *,
    heads: Sequence[str] = ("softmax", "hinge"),
    sizes: Sequence[int] = SIZES,
    seeds: int = 3,
    effort: str = "default",
    seed: int = 0,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> Story:
    """Train a linear model, the lecture's 25-15-10 and a convolutional network on images, and compare them.

    Then the heads are compared on the convolutional network, and all three models trained on fewer images, to see what
    each needs. On the 8 x 8 digits that takes a minute or two, on MNIST long.

    Args:
        source: As for `load`.
        heads: Two or more, compared on the convolutional network.
        sizes: Numbers of training images for the curve; those that there are not are left out, and all of them added.
        seeds: How often each head and each point of the curve is trained.
        effort: As for `recipes.images.train`.
        seed: Of the models' own reports, and the first of the curve.
        say: Called with a line before each step.
        options: Passed on to every training, such as ``epochs``.

    Returns:
        The story; `report` writes its pages.

    Raises:
        DataError: There are no such images, they can't be fetched, or an option is not what it should be.
    """
    _check(heads, sizes, seeds, options)
    said = say or (lambda _: None)
    parts = load(source, say=say)
    known, tested = _with_labels(parts["train"]), parts.get("test")
    if tested is None:
        known, tested = _held_out(known, seed)
    given = {"heads": tuple(heads), "sizes": tuple(sizes), "seeds": seeds, "effort": effort, "seed": seed}
    call = settings.calls("digits", "tell", source, given, options)
    if options.keys() - {"epochs"}:  # what the command line does not have
        call["command"] = None
    bare: dict[str, Any] = {"progress": False, "baselines": False, "effort": effort} | options
    runs = {}
    for name, own in MODELS.items():
        said(f"{name}: {number(len(known))} images")
        # The baselines are the same for all of them: once is enough.
        once = bare | {"baselines": name == "cnn" and options.get("baselines", True)}
        result = images.train(known, test=tested, seed=seed, **once, **own).result
        runs[name] = Run(replace(result, settings=result.settings | call))
    said(f"heads: {', '.join(heads)}")
    comparison = images.compare(known, test=tested, heads=heads, seeds=seeds, **bare)
    comparison = Comparison(replace(comparison.result, settings=comparison.settings | call))
    return Story(known.name, runs, comparison, _curve(known, tested, sizes, seeds, seed, said, bare))


def best_from(curve: pd.DataFrame) -> int | None:
    """Return the number of training images from which the convolutional network is best, or None.

    Args:
        curve: As `Story.curve`.

    Example:
        >>> rows = {"model": ["linear", "cnn"] * 2, "rows": [100, 100, 300, 300], "accuracy": [0.8, 0.7, 0.8, 0.9]}
        >>> best_from(pd.DataFrame(rows))
        300
    """
    means = curve.pivot_table(index="rows", columns="model", values="accuracy")
    best = means.idxmax(axis=1) == "cnn"
    first = None
    for rows, is_best in best[::-1].items():
        if not is_best:
            break
        first = int(rows)  # pyright: ignore[reportArgumentType]
    return first


def _check(heads: Any, sizes: Any, seeds: Any, options: Mapping[str, Any]) -> None:
    """Refuse what would only fail after minutes of training."""
    for name in _OWN:
        if name in options:
            raise DataError(f"{name}= is not for the story of the digits, which sets it itself: leave it out.")
    if isinstance(heads, str) or not isinstance(heads, Sequence) or len(heads) < 2:
        raise DataError(f"heads={heads!r}: expected two names or more, such as heads=('softmax', 'hinge').")
    for head in heads:
        get_head("multiclass", head)
    if not isinstance(sizes, Sequence | np.ndarray) or not all(_is_whole(size) and size >= 20 for size in sizes):
        raise DataError(f"sizes={sizes!r}: expected numbers of training images, 20 or more, such as sizes=(100, 300).")
    if not _is_whole(seeds) or seeds < 1:
        raise DataError(f"seeds={seeds!r}: expected a whole number, 1 or more.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _with_labels(found: ImageSet) -> ImageSet:
    there = found.target.iloc[:, 0].notna().to_numpy()
    return found if there.all() else _some(found, np.flatnonzero(there))


def _named(found: ImageSet, title: str) -> ImageSet:
    return ImageSet(found.pixels, found.target, found.names, found.notes, title)


def _held_out(known: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    """Take a quarter of the images away to test on, the same for all models."""
    order = _stratified(known.target.iloc[:, 0], seed)
    cut = len(order) // 4
    return _some(known, np.sort(order[cut:])), _some(known, np.sort(order[:cut]))


def _stratified(labels: pd.Series, seed: int) -> np.ndarray:
    """Return the rows in an order of which every beginning holds the classes in about their shares."""
    drawn = np.random.default_rng(seed)
    codes, classes = pd.factorize(labels, sort=True)
    place = np.full(len(codes), np.inf)  # of rows without a label, which come last and are cut off
    for code in range(len(classes)):
        rows = np.flatnonzero(codes == code)
        place[drawn.permutation(rows)] = (np.arange(len(rows)) + drawn.random()) / len(rows)
    return np.argsort(place, kind="stable")[: np.count_nonzero(codes >= 0)]


def _some(found: ImageSet, rows: np.ndarray) -> ImageSet:
    names = [found.names[row] for row in rows] if found.names else []
    return ImageSet(found.pixels[rows], found.target.iloc[rows].reset_index(drop=True), names, found.notes, found.name)


def _curve(
    known: ImageSet,
    tested: ImageSet,
    sizes: Sequence[int],
    seeds: int,
    seed: int,
    said: Callable[[str], None],
    options: Mapping[str, Any],
) -> pd.DataFrame:
    """Train every model on growing beginnings of one order of the images a seed."""
    rows = []
    for size in [*(size for size in sorted(set(sizes)) if size < 0.9 * len(known)), len(known)]:
        said(f"{number(size)} training images")
        for one in range(seed, seed + seeds):
            order = _stratified(known.target.iloc[:, 0], one)
            some = known if size == len(known) else _some(known, np.sort(order[:size]))
            for name, own in MODELS.items():
                run = images.train(some, test=tested, seed=one, **options, **own)
                found = {"model": name, "rows": size, "seed": one, "accuracy": run.metrics["accuracy"]}
                rows.append(found | {"parameters": _parameters(run), "seconds": run.seconds["train"]})
    return pd.DataFrame(rows)


def _parameters(run: Run) -> int:
    return sum(int(np.prod(variable.shape)) for variable in run.model.trainable_variables)


def _drawn(summary: Mapping[str, Any]) -> Figure:
    points = summary["curve"]
    with panels(width=5.6, height=3.4) as (figure, ((axes,),)):
        words = []
        for place, model in enumerate(MODELS):
            own = [point for point in points if point["model"] == model]
            color, dash = STYLES[place]
            x = [point["rows"] for point in own]
            wrong, low, high = (
                # None wrong would lie at minus infinity.
                np.maximum(100 - 100 * np.array([point[key] for point in own]), 0.01)
                for key in ("accuracy", "high", "low")
            )
            axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
            axes.plot(x, wrong, "o", color=color, linestyle=dash, markersize=3.2, label=model)
            words.append(f"{_TITLES[model]}\n{number(summary['models'][model]['parameters'])} parameters")
        log_scale(axes, "x")
        log_scale(axes, "y")
        axes.xaxis.set_major_locator(FixedLocator(sorted({point["rows"] for point in points})))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.set_title("wrong test images, %")
        axes.set_xlabel("training images")
        label_lines(axes, words, gap=0.15)
    return figure


def _page(summary: Mapping[str, Any]) -> str:
    models = summary["models"]
    known = sorted({point["rows"] for point in summary["curve"]})
    cells = {
        (point["model"], point["rows"]): f"{percent(point['accuracy'], 2)} ({number(point['parameters'])})"
        for point in summary["curve"]
    }
    head = ["training images", *(one["title"] for one in models.values())]
    rows = [[number(size), *(cells.get((model, size), "–") for model in models)] for size in known]
    bands = f"Bands reach from the best to the worst of {summary['curve_seeds']} seeds. "
    caption = (
        f"Both axes are logarithmic. {bands if summary['curve_seeds'] > 1 else ''}"
        "A part of the training images is held back to choose the epoch."
    )
    title = "Wrong answers by the number of training images"
    figure = Picture.draw(_drawn(summary), title, caption, head, rows, "Accuracy (parameters)")
    sections = [("verdict", "Verdict"), ("models", "Models"), ("heads", "Heads"), ("rows", "How many images")]
    return fill("digits.html", s=summary, figure=figure, sections=sections)
