"""When a network is worth it: beside a constant, a line and trees, over the number of rows."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, PURPLE, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.rows import prepare
from recipes.samples import path
from recipes.workflow import defaults
from toolkit import builders, training
from toolkit.common.errors import DataError
from toolkit.common.formatting import duration, number
from toolkit.data import split as splitting
from toolkit.data.dataset import SplitData
from toolkit.data.encoding import Encoder
from toolkit.data.target import TASKS, Target
from toolkit.evaluation.baselines import fit_baselines
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import DEFAULT_HEADS, get_head
from toolkit.training.scoring import Scorer

__all__ = ["robot_arm", "show"]

LADDER = (50, 100, 200, 400, 800, 1_600, 3_200)  # rows to learn from; the three examples skip every second
DRAWS = 3
HIDDEN, STEPS, BATCH = (64, 64), 1_600, 32
EPOCH, HELD = 2_048, 512  # rows an epoch, and to stop by: fewer are repeated
TESTED = 2_000
MODELS = {
    "network": (BLUE, "solid"),
    "linear": (GREEN, (0, (5, 1.5))),
    "trees": (PURPLE, (0, (1.3, 1.3))),
    "dummy": (GRAY, (0, (1, 3))),
}

RELATIVE = "error by the dummy's"

SEGMENTS = np.array([30.0, 25.0, 20.0, 15.0])  # of the arm, in centimetres
CUP = (50.0, 20.0)
ARM = 4_000


def robot_arm(rows: int, seed: int) -> pd.DataFrame:
    """Return a table whose answer bends smoothly in all columns at once: how far an arm's hand is from a cup.

    Args:
        rows: How many positions of the arm.
        seed: Seed of the draw.

    Returns:
        Four angles in degrees and ``distance`` in centimetres, whose measurement has an error of 1 cm.

    Example:
        >>> robot_arm(3, 0).shape
        (3, 5)
    """
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-90, 90, (rows, len(SEGMENTS)))
    turned = np.radians(angles.cumsum(axis=1))
    across, up = (SEGMENTS * np.cos(turned)).sum(axis=1), (SEGMENTS * np.sin(turned)).sum(axis=1)
    distance = np.hypot(across - CUP[0], up - CUP[1]) + rng.normal(0, 1, rows)
    names = ("shoulder", "elbow", "wrist", "knuckle")
    return pd.DataFrame(angles, columns=pd.Index(names)).assign(distance=distance)


def show(
    data: Any = None, *, target: str | Sequence[str] | None = None, task: str = "multiclass", seed: int = 0
) -> Lesson:
    """Run the lesson: four kinds of model on ever more rows of a table, and what each costs.

    Every model is fitted three times at each number of rows, on rows, a split and initial weights of their own, and
    judged on rows that none of them learned from.

    Args:
        data: A path, a DataFrame, or an (X, y) pair. None compares three tables: patients, street scenes, a robot arm.
        target: The column to predict; several for ``"multilabel"``. None for a pair.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the splits, the draws of rows and the initial weights.

    Returns:
        The lesson. Its times are of this machine; all else is the same for the same seed.

    Raises:
        DataError: The data, the target or the task is not what it should be.

    Example:
        >>> frame = robot_arm(80, 0)
        >>> show(frame, target="distance", task="regression").tables["Error over rows"]["rows"].unique().tolist()
        [32, 64]
    """
    if task not in TASKS:
        raise DataError(f"task={task!r}: expected one of {', '.join(TASKS)}.")
    if data is None:
        found = pd.concat([_curve(*given, seed, LADDER[::2]) for given in _examples(seed)], ignore_index=True)
        said = f"diabetes.csv, 442 rows; street_scenes.csv, 1,500 rows; a generated arm, {number(ARM)} rows"
    else:
        found = _curve("", data, target, task, seed, LADDER)
        said = f"{found['table'].iloc[0]}"
    answers, means = _answers(found), _means(found)
    names = list(dict.fromkeys(found["table"]))
    return Lesson(
        name="worth",
        title="Is a network worth it?",
        summary=_summary(answers),
        pictures=(
            Picture(
                "Error over rows",
                "Each line is a kind of model that learns from ever more rows; its band spans three draws of them, and "
                f"1 is the error of always giving the same answer. At the right the lowest is {_lowest(answers)}.",
                _errors(found, names),
                "Error against the number of rows to learn from, a line a model: network, linear, trees and dummy.",
                means.drop(columns="seconds"),
            ),
            Picture(
                "What it costs",
                f"Seconds to fit on this machine{', for the robot arm' if data is None else ''}: "
                f"{_costs(means[means['table'] == names[-1]])}. The first network of a kind takes some seconds more, "
                "in which its training is compiled.",
                _times(means[means["table"] == names[-1]]),
                "Seconds to fit against the number of rows to learn from, a line a model.",
                means.drop(columns=["error", RELATIVE]),
            ),
            Picture(
                "The questions to ask first",
                "The lecture asks for thousands of rows a class, no line that fits, and no simpler model that does. "
                "Errors are the network's at the most rows; it is ahead where its error is the least in all draws.",
                table=answers,
                digits=2,
            ),
        ),
        decks=("W2", "SC"),
        data=f"{said}; seed {seed}",
    )


def _examples(seed: int) -> list[tuple[str, pd.DataFrame, str, str]]:
    scenes = pd.read_csv(path("street_scenes")).drop(columns=["car", "bus"])
    return [
        ("patients", pd.read_csv(path("diabetes")), "progression", "regression"),
        ("street scenes", scenes, "pedestrian", "binary"),
        ("robot arm", robot_arm(ARM, seed), "distance", "regression"),
    ]


def _curve(
    name: str, data: Any, target: str | Sequence[str] | None, task: str, seed: int, ladder: Sequence[int]
) -> pd.DataFrame:
    """Fit every model on ever more rows of a table: table, rows, draw, model, error, seconds."""
    wanted = target if target is None or isinstance(target, str) else list(target)
    seeds = [(seed + draw) % 2**32 for draw in range(DRAWS)]
    splits = [prepare(data, target=wanted, task=task, seed=own) for own in seeds]
    name = name or splits[0].name
    known = splits[0].rows - len(splits[0].parts["test"])
    sizes = [size for size in ladder if size < 0.6 * known] or [known // 2]
    if sizes[-1] < ladder[-1]:
        sizes.append(min(known, ladder[-1]))
    rows = []
    for size in sizes:  # a network of one shape is compiled once
        for draw, (table, own) in enumerate(zip(splits, seeds, strict=True)):
            outcomes = _fit(_part_of(table, size, own), own)
            rows += [
                {"table": name, "rows": size, "draw": draw, "model": model}
                | {"error": _error(outcome), "seconds": outcome.seconds}
                for model, outcome in outcomes.items()
            ]
    found = pd.DataFrame(rows)
    guessed = found[found["model"] == "dummy"].groupby("draw")["error"].mean()
    return found.assign(**{RELATIVE: found["error"] / found["draw"].map(guessed)})


def _part_of(table: SplitData, size: int, seed: int) -> SplitData:
    """Return a table with so many rows to learn from, of each class its share, a fifth of them to stop by."""
    rng = np.random.default_rng((seed, 1))
    known = np.concatenate([table.parts["train"], table.parts["validation"]])
    drawn = _in_proportion(table.target_frame.iloc[known], table.task, rng)[: min(size, len(known))]
    rows = known[drawn]
    rows = rows[rng.permutation(len(rows))]
    held = max(2, len(rows) // 5)
    test = table.parts["test"]
    test = np.sort(rng.permutation(test)[:TESTED])
    parts = {"train": np.sort(rows[held:]), "validation": np.sort(rows[:held]), "test": test}
    return dataclasses.replace(table, parts=parts, sample_weight=None)


def _in_proportion(target: pd.DataFrame, task: str, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order of rows of which any first part holds the classes, or large and small numbers, in proportion."""
    shuffled = rng.permutation(len(target))
    if task == "multilabel":
        return shuffled
    stratum = splitting.strata(target, task)[shuffled]
    start = rng.random(stratum.max() + 1)[stratum]
    place = (pd.Series(stratum).groupby(stratum).cumcount() + start) / np.bincount(stratum)[stratum]
    return shuffled[np.argsort(place.to_numpy(), kind="stable")]


def _fit(table: SplitData, seed: int) -> dict[str, Outcome]:
    """Return what each model says about the test part."""
    parts = table.parts
    encoder = Encoder.fit(table.features.take(parts["train"]), scaling="smooth", pieces=0)
    target = Target.fit(table.target_frame, parts["train"], table.task, table.source_rows)
    x = {part: encoder.encode(table.features.take(rows)) for part, rows in parts.items()}
    y = {part: target.encode(table.target_frame.iloc[rows]) for part, rows in parts.items()}
    others = fit_baselines(table, encoder, target, seed=seed)
    head = get_head(table.task, DEFAULT_HEADS[table.task])
    asked = {"model": {"hidden": HIDDEN}, "training": {}, "ensemble": {}}
    options = defaults.choose(head, "quick", asked, len(parts["train"]))
    # As many rows an epoch, and steps, whatever the number of different rows: one program for all of them.
    length, held = max(EPOCH, len(x["train"])), max(HELD, len(x["validation"]))
    start = time.perf_counter()
    trained = training.fit(
        builders.mlp(encoder.width, target.units, hidden=HIDDEN, seed=seed),
        head,
        _repeated(x["train"], length),
        _repeated(y["train"], length),
        validation=(_repeated(x["validation"], held), _repeated(y["validation"], held)),
        epochs=max(1, STEPS * BATCH // length),
        batch_size=BATCH,
        scale=target.scale,
        seed=seed,
        progress=False,
        **options["training"],
    )
    seconds = time.perf_counter() - start
    scores = Scorer(trained.model)(x["test"])
    truth = table.target_frame.iloc[parts["test"]]
    if table.task == "regression":
        said, true = target.decode(scores).reshape(len(truth), -1), truth.to_numpy(float)
    else:
        said, true = head.decide(scores), y["test"][:, 0] if table.task == "binary" else y["test"]
    outcomes = {"network": Outcome(table.task, true, said, seconds=seconds)}
    return outcomes | {"trees" if name == "tree" else name: outcome for name, outcome in others.items()}


def _repeated(rows: NDArray[Any], length: int) -> NDArray[Any]:
    return rows[np.resize(np.arange(len(rows)), length)]


def _error(outcome: Outcome) -> float:
    """Return the root mean squared error (mean over the targets), or the share of answers that are wrong."""
    if outcome.task == "regression":
        return float(np.sqrt(np.square(outcome.y_true - outcome.y_pred).mean(axis=0)).mean())
    return float((outcome.y_true != outcome.y_pred).mean())


def _means(found: pd.DataFrame) -> pd.DataFrame:
    """Return means over the draws, of the seconds the least: a row a table, number of rows and model."""
    how = {"error": "mean", RELATIVE: "mean", "seconds": "min"}
    return found.groupby(["table", "rows", "model"], sort=False).agg(how).reset_index()


def _costs(means: pd.DataFrame) -> str:
    most = means[means["rows"] == means["rows"].max()].set_index("model")["seconds"]
    costs = ", ".join(f"{model} {duration(most[model])}" for model in MODELS if model in most and model != "dummy")
    return f"at {number(means['rows'].max())} rows {costs}"


def _answers(found: pd.DataFrame) -> pd.DataFrame:
    """Return the lecture's questions, asked of each table: a row a table."""
    rows = {}
    for name, some in found.groupby("table", sort=False):
        errors = some.pivot(index=["rows", "draw"], columns="model", values="error")
        sizes = errors.index.unique("rows").tolist()
        means = errors.groupby("rows").mean()
        network, most = means["network"], means.loc[sizes[-1]]
        ahead = [size for size in sizes if (_least_of_others(errors.loc[size]) > errors.loc[size, "network"]).all()]
        rows[name] = {
            "rows": sizes[-1],
            "error ÷ line's": network.iloc[-1] / most["linear"],
            "÷ trees'": network.iloc[-1] / most.get("trees", float("nan")),
            "÷ with fewer rows": network.iloc[-1] / network.iloc[-2] if len(sizes) > 1 else float("nan"),
            "network ahead": _when(sizes, ahead),
            "least error": most.idxmin(),
            "worth it": "yes" if sizes[-1] in ahead else "no",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("table")


def _least_of_others(errors: pd.DataFrame) -> pd.Series:
    return errors.drop(columns="network").min(axis=1)


def _when(sizes: Sequence[int], ahead: Sequence[int]) -> str:
    if not ahead:
        return "never"
    if list(ahead) == list(sizes[sizes.index(ahead[0]) :]):
        return f"from {number(ahead[0])} rows on"
    return f"with {', '.join(map(number, ahead))} rows"


def _lowest(answers: pd.DataFrame) -> str:
    """Say which model has the least error at the most rows, of each table."""
    named = {"network": "the network", "linear": "the straight line", "trees": "the trees", "dummy": "the dummy"}
    best = answers["least error"].map(named)
    if len(best) == 1:
        taken = answers["least error"].iloc[0] != "network" or answers["worth it"].iloc[0] == "yes"
        return f"{best.iloc[0]}{': the model to take' if taken else ', in the mean of the draws'}"
    said = [f"{model} on the {table}" for table, model in best.items()]
    return f"{', '.join(said[:-1])} and {said[-1]}"


def _summary(answers: pd.DataFrame) -> str:
    if len(answers) > 1:
        worth = [f"the {name}" for name, said in answers["worth it"].items() if said == "yes"]
        if not worth:
            return f"Of these {len(answers)} tables it is worth it on none: a cheaper model does as well on each."
        return (
            f"Of these {len(answers)} tables it is worth it on {' and '.join(worth)}: where no line fits, "
            "and trees, which cut the rows into steps, can't follow the bends. Ask the cheaper models first."
        )
    only = answers.iloc[0]
    best = {"linear": "the straight line", "trees": "the trees", "dummy": "the dummy"}.get(only["least error"])
    if only["worth it"] == "yes":
        return f"With {number(only['rows'])} rows to learn from it is: its error was the least in all {DRAWS} draws."
    if best is None:
        return (
            f"With {number(only['rows'])} rows to learn from its mean error was the least, yet not in each of the "
            f"{DRAWS} draws: the cheaper models do about as well."
        )
    return f"With {number(only['rows'])} rows to learn from it is not: {best} had the least mean error, at less cost."


def _errors(found: pd.DataFrame, names: Sequence[str]) -> Figure:
    wide = len(names) > 1
    with panels(len(names), width=9.8 if wide else 4.4, height=3.0) as (figure, axes):
        for panel, name in zip(axes[0], names, strict=True):
            some = found[found["table"] == name]
            drawn = _lines(panel, some, RELATIVE)
            panel.set_ylim(0, 1.05 * some[RELATIVE].max())
            panel.set_title(f"{name}: error, dummy's = 1" if wide else "error, dummy's = 1")
            label_lines(panel, drawn)
    return figure


def _times(some: pd.DataFrame) -> Figure:
    with panels(width=4.4) as (figure, axes):
        drawn = _lines(axes[0, 0], some, "seconds")
        log_scale(axes[0, 0])
        axes[0, 0].set_title("seconds to fit")
        label_lines(axes[0, 0], drawn)
    return figure


def _lines(panel: Axes, some: pd.DataFrame, column: str) -> list[str]:
    """Draw a line a model over the rows, with the spread of its draws; return the models."""
    drawn = [model for model in MODELS if model in set(some["model"])]
    for model in drawn:
        color, dash = MODELS[model]
        by = some[some["model"] == model].groupby("rows")[column]
        panel.plot(by.mean().index, by.mean(), marker="o", markersize=2.6, color=color, linestyle=dash)
        panel.fill_between(by.mean().index, by.min(), by.max(), color=color, alpha=0.14, linewidth=0)
    log_scale(panel, "x")
    panel.xaxis.set_major_locator(FixedLocator(sorted(some["rows"].unique())))
    panel.grid(visible=False, axis="x")
    panel.set_xlabel("rows to learn from")
    return drawn
