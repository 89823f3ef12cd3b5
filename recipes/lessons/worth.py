"""When a network is worth it: a network next to a constant, a line and trees, for growing numbers of rows."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, PURPLE, label_lines, log_scale, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.lessons.tools.progress import step
from recipes.lessons.tools.rows import prepare
from recipes.samples import path
from recipes.workflow import defaults
from toolkit import builders, training
from toolkit.common.errors import DataError
from toolkit.common.formatting import duration, number
from toolkit.data import stratify
from toolkit.data.dataset import SplitData
from toolkit.data.target_checks import TASKS
from toolkit.evaluation.metrics import Outcome
from toolkit.evaluation.options import Options
from toolkit.evaluation.result import evaluate
from toolkit.heads import DEFAULT_HEADS, get_head

__all__ = ["MODELS", "best_models", "robot_arm", "show", "stratified_order", "subset", "summary"]

# Each size is twice the one before: equal steps on a logarithmic axis.
SIZES = (50, 100, 200, 400, 800, 1_600, 3_200)  # rows to learn from; the three examples skip every second one
DRAWS = 3
HIDDEN, STEPS, BATCH = (64, 64), 1_600, 32
EPOCH_ROWS, VALIDATION_ROWS, TEST_ROWS = 2_048, 512, 2_000
#: Model -> color and dash of its line.
MODELS = {
    "network": (BLUE, "solid"),
    "linear": (GREEN, (0, (5, 1.5))),
    "trees": (PURPLE, (0, (1.3, 1.3))),
    "dummy": (GRAY, (0, (1, 3))),
}
NAMES = {"network": "the network", "linear": "the linear model", "trees": "the trees", "dummy": "the dummy"}

RELATIVE = "error relative to the dummy"

SEGMENTS = np.array([30.0, 25.0, 20.0, 15.0])  # of the arm, in centimeters
CUP = (50.0, 20.0)
ARM_ROWS = 4_000


def robot_arm(rows: int, seed: int) -> pd.DataFrame:
    """Return a table whose target is a smooth function of all columns at once: the distance of a hand from a cup.

    Args:
        rows: Number of positions of the arm.
        seed: Seed of the random positions.

    Returns:
        Four angles in degrees, and ``distance`` in centimeters, measured with an error of 1 cm.

    Example:
        >>> robot_arm(3, 0).shape
        (3, 5)
    """
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-90, 90, (rows, len(SEGMENTS)))
    # Each joint turns all segments after it, so the directions of the segments are cumulative sums: (rows, 4).
    directions = np.radians(angles.cumsum(axis=1))
    # The end of the arm is the sum of its segments as vectors: (rows, 4) -> (rows,) for x and for y.
    x, y = (SEGMENTS * np.cos(directions)).sum(axis=1), (SEGMENTS * np.sin(directions)).sum(axis=1)
    distance = np.hypot(x - CUP[0], y - CUP[1]) + rng.normal(0, 1, rows)
    names = ("shoulder", "elbow", "wrist", "knuckle")
    return pd.DataFrame(angles, columns=pd.Index(names)).assign(distance=distance)


def show(
    data: Any = None,
    *,
    target: str | Sequence[str] | None = None,
    task: str = "multiclass",
    seed: int = 0,
    steps: int = STEPS,
) -> Lesson:
    """Run the lesson: fit four kinds of models to growing numbers of rows, and compare their errors and times.

    Every model is fitted three times for each number of rows. Each time has its own split, sample of rows and initial
    weights, and the errors are those on the test rows.

    Args:
        data: A path, a DataFrame, or an (X, y) pair. None compares three tables: patients, street scenes, a robot arm.
        target: The column to predict; several for ``"multilabel"``. None for a pair.
        task: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        seed: Seed of the splits, the samples of rows and the initial weights.
        steps: Steps of each training of a network.

    Returns:
        The lesson. With the same seed it is the same, apart from the times, which are those of this machine.

    Raises:
        DataError: The lesson can't use the data, the target or the task.

    Example:
        >>> frame = robot_arm(80, 0)
        >>> show(frame, target="distance", task="regression").tables["Error by number of rows"][
        ...     "rows"
        ... ].unique().tolist()
        [32, 64]
    """
    if task not in TASKS:
        raise DataError(f"task={task!r}: expected one of {', '.join(TASKS)}.")
    if data is None:
        errors = pd.concat(
            [_errors(*example, seed, SIZES[::2], steps) for example in _examples(seed)], ignore_index=True
        )
        description = f"diabetes.csv, 442 rows; street_scenes.csv, 1,500 rows; a generated arm, {number(ARM_ROWS)} rows"
    else:
        errors = _errors("", data, target, task, seed, SIZES, steps)
        description = f"{errors['table'].iloc[0]}"
    answers = _answers(errors)
    # Means over the draws; of the seconds the fastest.
    statistics = {"error": "mean", RELATIVE: "mean", "seconds": "min"}
    means = errors.groupby(["table", "rows", "model"], sort=False).agg(statistics).reset_index()
    return Lesson(
        name="worth",
        title="Is a network worth it?",
        summary=summary(answers),
        pictures=(
            _by_rows(errors, means, answers),
            _times(means, "for the robot arm" if data is None else ""),
            Picture(
                "The questions to ask first",
                "The lecture asks for thousands of rows per class, for data that no line fits, and for a task on which "
                "no simpler model does as well. The ratios divide the network's error with the most rows by those of "
                "the linear model, of the trees, and of the network with fewer rows. The network is ahead where its "
                "error is the lowest in all draws.",
                table=answers,
                digits=2,
            ),
        ),
        decks=("W2", "SC"),
        data=f"{description}; seed {seed}",
    )


def _examples(seed: int) -> list[tuple[str, pd.DataFrame, str, str]]:
    scenes = pd.read_csv(path("street_scenes")).drop(columns=["car", "bus"])
    return [
        ("patients", pd.read_csv(path("diabetes")), "progression", "regression"),
        ("street scenes", scenes, "pedestrian", "binary"),
        ("robot arm", robot_arm(ARM_ROWS, seed), "distance", "regression"),
    ]


def _errors(
    name: str, data: Any, target: str | Sequence[str] | None, task: str, seed: int, sizes: Sequence[int], steps: int
) -> pd.DataFrame:
    """Fit every model to growing numbers of rows of a table: table, rows, draw, model, error, seconds."""
    columns = target if target is None or isinstance(target, str) else list(target)
    seeds = [(seed + draw) % 2**32 for draw in range(DRAWS)]
    splits = [prepare(data, target=columns, task=task, seed=draw_seed) for draw_seed in seeds]
    name = name or splits[0].name
    available = splits[0].rows - len(splits[0].parts["test"])
    # All sizes up to 60 % of the rows, then all rows (or the largest size).
    used = [size for size in sizes if size < 0.6 * available] or [available // 2]
    if used[-1] < sizes[-1]:
        used.append(min(available, sizes[-1]))
    lines = []
    for size in used:  # all draws of a size share a compiled program
        for draw, (split, draw_seed) in enumerate(zip(splits, seeds, strict=True)):
            step(f"{name}, {number(size)} rows, draw", draw + 1, DRAWS)
            outcomes = _fit(subset(split, size, draw_seed), draw_seed, steps)
            lines += [
                {"table": name, "rows": size, "draw": draw, "model": model}
                | {"error": _error(outcome), "seconds": outcome.seconds}
                for model, outcome in outcomes.items()
            ]
    errors = pd.DataFrame(lines)
    # The dummy's error hardly depends on the number of rows: its mean over the sizes is the unit of each draw.
    dummy = errors[errors["model"] == "dummy"].groupby("draw")["error"].mean()
    return errors.assign(**{RELATIVE: errors["error"] / errors["draw"].map(dummy)})


def subset(split: SplitData, size: int, seed: int) -> SplitData:
    """Return split data with this number of training and validation rows, a fifth of them for validation."""
    rng = np.random.default_rng((seed, 1))
    available = np.concatenate([split.parts["train"], split.parts["validation"]])
    order = stratified_order(split.target_frame.iloc[available], split.task, rng)[: min(size, len(available))]
    rows = available[order]
    # Shuffled, the first fifth is a random sample, for validation.
    rows = rows[rng.permutation(len(rows))]
    cut = max(2, len(rows) // 5)
    test = np.sort(rng.permutation(split.parts["test"])[:TEST_ROWS])
    parts = {"train": np.sort(rows[cut:]), "validation": np.sort(rows[:cut]), "test": test}
    return dataclasses.replace(split, parts=parts, sample_weight=None)


def stratified_order(target: pd.DataFrame, task: str, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order of the rows in which the first n rows, for any n, hold all classes in proportion.

    For regression these are classes of small to large numbers. For multilabel the order is random.
    """
    shuffled = rng.permutation(len(target))
    if task == "multilabel":
        return shuffled
    stratum = stratify.strata(target, task)[shuffled]
    # The k-th of a stratum's n rows gets the position (k + start) / n: each stratum is spread evenly from 0 to 1.
    start = rng.random(stratum.max() + 1)[stratum]
    # Classes a a a a b b, starts 0.5: a at 1/8 3/8 5/8 7/8, b at 1/4 3/4 -> order a b a a b a.
    position = (pd.Series(stratum).groupby(stratum).cumcount() + start) / np.bincount(stratum)[stratum]
    return shuffled[np.argsort(position.to_numpy(), kind="stable")]


def _fit(split: SplitData, seed: int, steps: int) -> dict[str, Outcome]:
    """Return each model's predictions of the test rows."""
    dataset = split.preprocess(preprocessing={"scaling": "smooth", "pieces": 0})
    head = get_head(dataset.task, DEFAULT_HEADS[dataset.task])
    x, y = ({part: encode(part) for part in ("train", "validation")} for encode in (dataset.x, dataset.y))
    requested = {"model": {"hidden": HIDDEN}, "training": {}, "ensemble": {}}
    options = defaults.choose(head, "quick", requested, len(x["train"]))
    # Fewer rows are repeated up to a fixed number, so that all sizes take the same steps and share one program.
    length, validation_rows = max(EPOCH_ROWS, len(x["train"])), max(VALIDATION_ROWS, len(x["validation"]))
    start = time.perf_counter()
    trained = training.fit(
        builders.mlp(x["train"].shape[1], dataset.target.units, hidden=HIDDEN, seed=seed),
        head,
        _repeated(x["train"], length),
        _repeated(y["train"], length),
        validation=(_repeated(x["validation"], validation_rows), _repeated(y["validation"], validation_rows)),
        epochs=max(1, steps * BATCH // length),
        batch_size=BATCH,
        scale=dataset.target.scale,
        seed=seed,
        progress=False,
        **options["training"],
    )
    seconds = {"train": time.perf_counter() - start}
    result = evaluate(trained, dataset, head, Options(intervals=False), seed=seed, seconds=seconds)
    outcomes = {"network": result.outcome} | result.baselines
    return {"trees" if name == "tree" else name: outcome for name, outcome in outcomes.items() if outcome is not None}


def _repeated(rows: NDArray[Any], length: int) -> NDArray[Any]:
    return rows[np.resize(np.arange(len(rows)), length)]


def _error(outcome: Outcome) -> float:
    """Return the root mean squared error (mean over the targets), or the share of wrong answers."""
    if outcome.task == "regression":
        return float(np.sqrt(np.square(outcome.y_true - outcome.y_pred).mean(axis=0)).mean())
    return float((outcome.y_true != outcome.y_pred).mean())


def _answers(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the answers to the lecture's questions: one row per table."""
    rows = {}
    for name, table in errors.groupby("table", sort=False):
        # One row per size and draw, one column per model.
        by_draw = table.pivot(index=["rows", "draw"], columns="model", values="error")
        sizes = by_draw.index.unique("rows").tolist()
        means = by_draw.groupby("rows").mean()
        network, last = means["network"], means.loc[sizes[-1]]
        lowest_other = by_draw.drop(columns="network").min(axis=1)
        # In every draw: a mean over the draws could hide one that was lost.
        is_ahead = (lowest_other > by_draw["network"]).groupby("rows").all()
        ahead = [size for size in sizes if is_ahead[size]]
        rows[name] = {
            "rows": sizes[-1],
            "error ÷ linear": network.iloc[-1] / last["linear"],
            "÷ trees": network.iloc[-1] / last.get("trees", float("nan")),
            "÷ fewer rows": network.iloc[-1] / network.iloc[-2] if len(sizes) > 1 else float("nan"),
            "network ahead": _range_text(sizes, ahead),
            "lowest error": last.idxmin(),
            "worth it": "yes" if sizes[-1] in ahead else "no",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("table")


def _range_text(sizes: Sequence[int], ahead: Sequence[int]) -> str:
    if not ahead:
        return "never"
    if list(ahead) == list(sizes[sizes.index(ahead[0]) :]):
        return f"from {number(ahead[0])} rows on"
    return f"with {', '.join(map(number, ahead))} rows"


def best_models(answers: pd.DataFrame) -> str:
    """Return the model with the lowest error at the most rows, for each table, in words."""
    best = answers["lowest error"].map(NAMES)
    if len(best) == 1:
        recommended = answers["lowest error"].iloc[0] != "network" or answers["worth it"].iloc[0] == "yes"
        return f"{best.iloc[0]}{': choose this model' if recommended else ', in the mean of the draws'}"
    texts = [f"{model} on the {table}" for table, model in best.items()]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def summary(answers: pd.DataFrame) -> str:
    """Return the answer of the lesson in one or two sentences.

    Args:
        answers: One row per table: ``rows``, ``lowest error``, ``worth it``.
    """
    if len(answers) > 1:
        worth = [f"the {name}" for name, answer in answers["worth it"].items() if answer == "yes"]
        if not worth:
            return (
                f"A network is worth it on none of these {len(answers)} tables: a cheaper model does as well on each."
            )
        return (
            f"Of these {len(answers)} tables a network is worth it on {' and '.join(worth)}: its error there is the "
            "lowest in all draws. Try the cheaper models first."
        )
    answer = answers.iloc[0]
    rows = f"With {number(answer['rows'])} rows to learn from"
    if answer["worth it"] == "yes":
        return f"{rows} a network is worth it: its error was the lowest in all {DRAWS} draws."
    if answer["lowest error"] == "network":
        return (
            f"{rows} a network's mean error was the lowest, but not in each of the {DRAWS} draws: the cheaper models "
            "do about as well."
        )
    return f"{rows} a network is not worth it: {NAMES[answer['lowest error']]} had the lowest mean error, at less cost."


def _by_rows(errors: pd.DataFrame, means: pd.DataFrame, answers: pd.DataFrame) -> Picture:
    names = list(dict.fromkeys(errors["table"]))
    several = len(names) > 1
    with panels(len(names), width=9.8 if several else 4.4, height=3.0) as (figure, axes):
        for panel, name in zip(axes[0], names, strict=True):
            table = errors[errors["table"] == name]
            models = _lines(panel, table, RELATIVE)
            panel.set_ylim(0, 1.05 * table[RELATIVE].max())
            panel.set_title(f"{name}: error, dummy's = 1" if several else "error, dummy's = 1")
            label_lines(panel, models)
    return Picture(
        "Error by number of rows",
        "Each line is a kind of model that learns from more and more rows; its band covers three draws of the rows. 1 "
        f"is the error of the dummy, which always gives the same answer. With the most rows the best is "
        f"{best_models(answers)}.",
        figure,
        "Error against the number of rows to learn from, one line per model: network, linear, trees and dummy.",
        means.drop(columns="seconds"),
    )


def _times(means: pd.DataFrame, example: str) -> Picture:
    last = means[means["table"] == means["table"].iloc[-1]]
    with panels(width=4.4) as (figure, axes):
        models = _lines(axes[0, 0], last, "seconds")
        log_scale(axes[0, 0])
        axes[0, 0].set_title("seconds to fit")
        label_lines(axes[0, 0], models)
    seconds = last[last["rows"] == last["rows"].max()].set_index("model")["seconds"]
    times = ", ".join(f"{name} {duration(seconds[name])}" for name in MODELS if name in seconds and name != "dummy")
    return Picture(
        "What it costs",
        f"Seconds to fit on this machine{example and f', {example}'}: with {number(last['rows'].max())} rows {times}. "
        "The first network takes some seconds longer, because its training is compiled.",
        figure,
        "Seconds to fit against the number of rows to learn from, one line per model.",
        means.drop(columns=["error", RELATIVE]),
    )


def _lines(panel: Axes, table: pd.DataFrame, column: str) -> list[str]:
    """Draw one line per model against the number of rows, with the range of its draws; return the models."""
    models = [model for model in MODELS if model in set(table["model"])]
    for model in models:
        color, dash = MODELS[model]
        values = table[table["model"] == model].groupby("rows")[column]
        mean = values.mean()
        panel.plot(mean.index, mean, marker="o", markersize=2.6, color=color, linestyle=dash)
        panel.fill_between(mean.index, values.min(), values.max(), color=color, alpha=0.14, linewidth=0)
    log_scale(panel, "x")
    panel.xaxis.set_major_locator(FixedLocator(sorted(table["rows"].unique())))
    panel.grid(visible=False, axis="x")
    panel.set_xlabel("rows to learn from")
    return models
