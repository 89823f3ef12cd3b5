"""Round-off: what a loss loses by way of probabilities, in the lecture's sum and in a network's own scores."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from recipes.drawing import BLUE, GRAY, GREEN, INK, MUTED, ORANGE, PURPLE, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.samples import SAMPLES, path
from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent

if TYPE_CHECKING:
    from toolkit.heads import Head
    from toolkit.runs.run import Run

__all__ = ["show"]

Floats = NDArray[np.float64]
Way = Callable[[Any, Any], Any]

EXAMPLE = "breast_cancer"
HIDDEN = (25, 15)  # the lecture's network
TYPES = {"float64": BLUE, "float32": PURPLE, "float16": GREEN, "bfloat16": ORANGE}
SHORT = {"float32": 23, "float16": 10, "bfloat16": 7}
"""Type -> bits of its fraction. The gap below 1 is 2 to the minus (bits + 1), and half of it rounds to 1."""
ENDS = {kind: (bits + 2) * float(np.log(2)) for kind, bits in SHORT.items()}
"""Type -> the lead ln(p / (1 - p)) from which a probability is exactly 1."""
SCORES = np.linspace(0, 25, 101)
SHOWN = 400  # rows of the user's own, as dots


def show(data: Any = None, *, target: str | list[str] | None = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: the lecture's sum, one wrong row, and the scores of a network of your own.

    Args:
        data: A table, as the recipes take it, on which the lecture's network of 25 and 15 units is trained; or a run
            that you have. None is the sample `breast_cancer`.
        target: Column to predict, or columns; for a table.
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``; for a table.
        seed: Of the split and the training.

    Returns:
        The lesson. Its first table is the lecture's sum; its last has a row a number type and way of computing the
        loss.

    Raises:
        DataError: The run or the task has no probabilities, or the run was loaded and has no rows.

    Example:
        >>> show("wine.csv", target="grower", task="regression")
        Traceback (most recent call last):
        ...
        toolkit.DataError: task='regression': expected 'binary', 'multiclass' or 'multilabel', which have
        probabilities.
    """
    run = _run(data, target, task, seed)
    if run.head.link is None:
        raise DataError(
            f"the scores of '{run.head.name}' ({run.task}) are no logits and give no probability to round: take a head "
            "of cross-entropy, logistic or softmax."
        )
    if run.dataset is None or run.outcome is None or run.outcome.scores is None:
        raise DataError("a loaded run has no test rows: give the table it was trained on, with target and task.")
    scores, rows = run.outcome.scores, len(run.outcome.scores)
    leads = _leads(scores, run.head)
    by_type, lost = _types(scores, run.outcome.y_true, run.head), _lost(leads)
    half = by_type.loc[("probability, then log", "bfloat16")]
    infinite, stuck = (int(half[f"rows {what}"]) for what in ("without a finite loss", "that lose their gradient"))
    saved = (
        f"in bfloat16 that saves {number(infinite)} of {number(rows)} test rows here"
        if infinite
        else "here every test row would survive bfloat16, but a surer network’s would not"
    )
    dots = "label" if run.task == "multilabel" else "row"
    dot = "label of a test row" if run.task == "multilabel" else "test row"
    lost = lost.rename(columns={"rows": f"{dots}s", "share of the rows": f"share of the {dots}s"})
    swept = _sweep()
    return Lesson(
        "roundoff",
        "What probabilities lose",
        "A probability next to 1 rounds to 1, and the logarithm of what is left is infinite; a raw score (logit) keeps "
        f"its digits. So the last layer is linear and the loss takes logits: {saved}.",
        (
            Picture(
                "The sum that should be 2/10,000",
                "In algebra both are the same. The second subtracts two numbers near 1, and the 1 uses up the digits: "
                "in 16 bits nothing is left.",
                table=_sum(),
            ),
            Picture(
                "One wrong row, surer and surer",
                "The true loss (blue) rises with the score, and so it does from logits in every type. By way of a "
                "probability it turns infinite (✕), and with Keras’s clipping it stays at 16 with a gradient of 0: "
                "the row that is most wrong teaches nothing.",
                _wrong_row(swept),
                "Two panels over the score of a row of the other class, 0 to 25: its loss and its gradient. By way of "
                "probabilities the lines end in a cross: at a score of about 6 in bfloat16, 8 in float16, 17 in "
                "float32. The clipped one is flat from 16 on.",
                swept.iloc[::4],
            ),
            Picture(
                "Where this network’s probabilities become exactly 1",
                f"Each dot is a {dot}; the farther right it is, the surer the network. Beyond a line the probability "
                f"is exactly 1 in that type: {_share(lost, 'bfloat16')} of the {dots}s in bfloat16, "
                f"{_share(lost, 'float32')} in float32.",
                _dots(leads, seed),
                "Dots at the lead of the decided class’s score, with an upright line for each number type where the "
                "probability rounds to 1: 6.2 in bfloat16, 8.3 in float16, 17.3 in float32.",
                lost,
            ),
            Picture(
                "The loss of this network’s own test rows",
                "From logits every type finds the loss, as exactly as its digits go. By probabilities in bfloat16 "
                f"{number(infinite)} of {number(rows)} rows have no finite loss, and {number(stuck)} no gradient.",
                table=by_type,
            ),
        ),
        corrections=(
            "CS 434 and Mason Brain: the logit is what goes into the sigmoid, the raw score; the slides use the word "
            "for the sigmoid and what comes out. HBNU has it right.",
        ),
        decks=("HB", "NN", "MB"),
        data=f"{run.dataset.name}, {number(run.dataset.rows)} rows, of which {number(rows)} are test rows"
        + ("" if run is data else f"; seed {seed}"),
    )


def _run(data: Any, target: str | list[str] | None, task: str, seed: int) -> Run:
    """Return the run given, or the lecture's network trained on the table given."""
    if hasattr(data, "decision_function"):
        return data
    if data is None:
        data, target, task = path(EXAMPLE), SAMPLES[EXAMPLE].target, SAMPLES[EXAMPLE].task
    if task not in ("binary", "multiclass", "multilabel"):
        raise DataError(f"task={task!r}: expected 'binary', 'multiclass' or 'multilabel', which have probabilities.")
    recipe = importlib.import_module(f"recipes.{task}")
    return recipe.train(data, target=target, hidden=HIDDEN, seed=seed, baselines=False, progress=False)


def _sum() -> pd.DataFrame:
    """Compute the lecture's two ways to 2/10,000 in each number type."""
    import tensorflow as tf

    found = {}
    for kind in TYPES:
        one, part = tf.constant(1, kind), tf.constant(1e-4, kind)
        plain = float(tf.cast(part + part, tf.float64))
        apart = float(tf.cast((one + part) - (one - part), tf.float64))
        found[kind] = (f"{plain:.18f}", f"{apart:.18f}", abs(apart / plain - 1))
    columns = ["2/10,000", "(1 + 1/10,000) − (1 − 1/10,000)", "relative error"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).rename_axis("type")


def _by_probability(link: str) -> Way:
    """Return the cross-entropy as it is written in books: a probability first, then its logarithm."""
    import tensorflow as tf

    def of_sigmoid(y: Any, scores: Any) -> Any:
        p, y = tf.math.sigmoid(scores), tf.cast(y, scores.dtype)
        return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p), axis=-1)

    def of_softmax(y: Any, scores: Any) -> Any:
        return -tf.math.log(tf.gather(tf.nn.softmax(scores), y, batch_dims=1))

    return of_sigmoid if link == "sigmoid" else of_softmax


def _measure(way: Way, y: NDArray[Any], scores: Floats, kind: str) -> tuple[Floats, Floats]:
    """Return the loss of each row and its gradient by the row's scores, computed in one number type."""
    import tensorflow as tf

    given, targets = tf.cast(scores, kind), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(given)
        losses = way(targets, given)
    slopes = tf.convert_to_tensor(tape.gradient(losses, given))
    return tf.cast(losses, tf.float64).numpy(), tf.cast(slopes, tf.float64).numpy()


def _sweep() -> pd.DataFrame:
    """Follow one row of class 0 while its score grows: loss and gradient in each type and way."""
    import keras
    import tensorflow as tf

    from toolkit.heads import get_head

    y, scores = np.zeros((len(SCORES), 1)), SCORES[:, None]
    exact = get_head("binary", "logistic").loss().call
    clipped = keras.losses.BinaryCrossentropy().call
    ways: dict[str, tuple[Way, str]] = {"logits, float32": (exact, "float32")}
    ways |= {f"probability, {kind}": (_by_probability("sigmoid"), kind) for kind in SHORT}
    ways["clipped, float32"] = (lambda y, s: clipped(y, tf.math.sigmoid(s)), "float32")
    columns: dict[str, Any] = {"score": SCORES}
    for name, (way, kind) in ways.items():
        loss, slope = _measure(way, y, scores, kind)
        columns[f"loss: {name}"] = loss
        columns[f"gradient: {name}"] = slope[:, 0]
    return pd.DataFrame(columns)


def _types(scores: NDArray[Any], y_true: NDArray[Any], head: Head) -> pd.DataFrame:
    """Compute the loss of each row in each type, from its logits and by way of probabilities."""
    from toolkit.numerics.gradients import targets_for

    scores = np.asarray(scores, np.float64)
    y = targets_for(y_true, scores.shape[1])
    logits = head.loss().call
    truth, slopes = _measure(logits, y, scores, "float64")
    rows: list[tuple[Any, ...]] = [("logits", "float64", float(truth.mean()), 0, 0, 0.0)]
    for name, way in (("logits", logits), ("probability, then log", _by_probability(str(head.link)))):
        for kind in SHORT:
            loss, slope = _measure(way, y, scores, kind)
            finite = np.isfinite(loss)
            lost = ~np.isfinite(slope).all(axis=1) | (~slope.any(axis=1) & (np.abs(slopes).max(axis=1) > 1e-3))
            error = np.abs(loss - truth)[finite].max(initial=0.0)
            mean = float(loss.mean()) if finite.all() else "not finite"
            rows.append((name, kind, mean, int((~finite).sum()), int(lost.sum()), float(error)))
    columns = [
        "way",
        "type",
        "mean loss",
        "rows without a finite loss",
        "rows that lose their gradient",
        "largest error",
    ]
    return pd.DataFrame(rows, columns=columns).set_index(["way", "type"])


def _leads(scores: NDArray[Any], head: Head) -> Floats:
    """Return ln(p / (1 - p)) of the decided class of each row, or of each label: how sure the network is."""
    from scipy.special import logsumexp

    wide = np.asarray(scores, np.float64)
    if head.link == "sigmoid":
        return np.abs(wide).ravel()
    ordered = np.sort(wide, axis=1)
    return ordered[:, -1] - logsumexp(ordered[:, :-1], axis=1)


def _lost(leads: Floats) -> pd.DataFrame:
    import tensorflow as tf
    from scipy.special import expit

    found = {}
    for kind, end in ENDS.items():
        ones = tf.cast(tf.cast(expit(leads), kind), tf.float64).numpy() == 1
        found[kind] = (end, int(ones.sum()), float(ones.mean()))
    columns = ["exactly 1 from a lead of", "rows", "share of the rows"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).rename_axis("type")


def _share(lost: pd.DataFrame, kind: str) -> str:
    return percent(float(lost.loc[kind].iloc[-1]), 0)


def _wrong_row(swept: pd.DataFrame) -> Figure:
    looks = {
        "clipped, float32": (GRAY, (0, (5, 1.5))),
        "probability, float32": (PURPLE, "solid"),
        "probability, float16": (GREEN, "solid"),
        "probability, bfloat16": (ORANGE, "solid"),
    }
    with panels(2, width=7.2, height=2.9) as (figure, axes):
        for one, what, most in zip(axes.flat, ("loss", "gradient"), (26.0, 1.25), strict=True):
            one.plot(swept["score"], swept[f"{what}: logits, float32"], color=BLUE, linewidth=4, alpha=0.35)
            for name, (color, dash) in looks.items():
                values = swept[f"{what}: {name}"].to_numpy()
                known = np.isfinite(values)
                one.plot(SCORES[known], values[known], color=color, linestyle=dash)
                if not known.all():
                    last = np.flatnonzero(known)[-1]
                    one.plot(SCORES[last], values[last], "X", color=color, markersize=6, markeredgewidth=0)
                    x, y = (-0.5, 1.0) if what == "loss" else (0.4, -0.1 if name.endswith("bfloat16") else 0.05)
                    word = name.removeprefix("probability, ")
                    align = "right" if what == "loss" else "left"
                    one.text(SCORES[last] + x, values[last] + y, word, color=color, ha=align)
            one.set_ylim(-0.03 * most, most)
            one.set_title(what if what == "loss" else "gradient by the score")
            one.set_xlabel("score of a row whose label is 0")
            one.grid(visible=False, axis="x")
        axes[0, 0].text(21.5, 23.6, "logits", color=BLUE, ha="right")
        axes[0, 0].text(25, 14.2, "clipped", color=MUTED, ha="right")
        axes[0, 1].text(25, 1.05, "logits", color=BLUE, ha="right")
        axes[0, 1].text(25, 0.06, "clipped", color=MUTED, ha="right")
    return figure


def _dots(leads: Floats, seed: int) -> Figure:
    random = np.random.default_rng(seed)
    kept = np.sort(random.permutation(len(leads))[:SHOWN])
    with panels(width=7.2, height=1.7) as (figure, axes):
        one = axes[0, 0]
        one.plot(
            leads[kept], random.uniform(0, 0.72, len(kept)), "o", color=INK, markersize=3, alpha=0.4, markeredgewidth=0
        )
        for kind, end in ENDS.items():
            one.axvline(end, color=TYPES[kind], linewidth=1.4)
            one.text(end + 0.15, 0.86, kind, color=TYPES[kind])
        one.set_xlim(0, max(19.5, float(leads[kept].max()) * 1.05))
        one.set_ylim(-0.08, 1)
        one.set_yticks([])
        one.set_xlabel("lead of the decided class, ln(p / (1 − p))")
        one.grid(visible=False)
    return figure
