"""Round-off: what a loss loses when it is computed from probabilities instead of raw scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recipes import binary, multiclass, multilabel
from recipes.drawing import BLUE, GRAY, GREEN, INK, MUTED, ORANGE, PURPLE, panels
from recipes.lessons.tools.page import Lesson, Picture
from recipes.samples import SAMPLES, path
from toolkit.common.errors import DataError
from toolkit.common.formatting import number, percent

if TYPE_CHECKING:
    from toolkit.heads import Head
    from toolkit.runs.run import Run

__all__ = ["leads_of", "losses_by_type", "show"]

Floats = NDArray[np.float64]
Loss = Callable[[Any, Any], Any]  # targets and scores -> the loss of each row

EXAMPLE = "breast_cancer"
HIDDEN = (25, 15)  # the lecture's network
RECIPES = {"binary": binary, "multiclass": multiclass, "multilabel": multilabel}
COLORS = {"float64": BLUE, "float32": PURPLE, "float16": GREEN, "bfloat16": ORANGE}
FRACTION_BITS = {"float32": 23, "float16": 10, "bfloat16": 7}
#: Type -> the lead ln(p / (1 - p)) from which a probability is exactly 1. The gap below 1 is 2^-(bits + 1), and
#: what is closer to 1 than half of this gap rounds to 1.
LIMITS = {kind: (bits + 2) * float(np.log(2)) for kind, bits in FRACTION_BITS.items()}
SCORES = np.linspace(0, 25, 101)
DOTS = 400  # rows in a picture
NOT_FINITE, NO_GRADIENT = "rows without a finite loss", "rows that lose their gradient"


def show(data: Any = None, *, target: str | list[str] | None = None, task: str = "multiclass", seed: int = 0) -> Lesson:
    """Run the lesson: the lecture's sum, one wrong row, and the scores of a network.

    Args:
        data: A table, as the recipes accept it, on which the lecture's network of 25 and 15 units is trained; or a
            trained run. None is the sample `breast_cancer`.
        target: The column to predict, or several; for a table.
        task: ``"binary"``, ``"multiclass"`` or ``"multilabel"``; for a table.
        seed: Seed of the split and of the training.

    Returns:
        The lesson. Its first table is the lecture's sum. Its last one has one row per number type and way to compute
        the loss.

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
            f"the head '{run.head.name}' ({run.task}) gives margins or numbers, and this lesson needs logits: train "
            "with the head 'logistic' or 'softmax'."
        )
    if run.dataset is None or run.outcome is None or run.outcome.scores is None:
        raise DataError("a loaded run has no test rows: give the table it was trained on, with target and task.")
    scores, rows = run.outcome.scores, len(run.outcome.scores)
    by_type = losses_by_type(scores, run.outcome.y_true, run.head)
    infinite = int(by_type.loc[("probability, then log", "bfloat16"), NOT_FINITE])
    saved = (
        f"in bfloat16 this saves {number(infinite)} of {number(rows)} test rows here"
        if infinite
        else "here every test row would survive bfloat16, but those of a more confident network would not"
    )
    return Lesson(
        "roundoff",
        "What probabilities lose",
        "A probability close to 1 rounds to 1, and the logarithm of the rest, 0, is infinite. A raw score (logit) "
        f"keeps its digits. Therefore the last layer is linear and the loss is computed from logits: {saved}.",
        (
            _sum(),
            _wrong_row(),
            _saturated(leads_of(scores, run.head), seed, "label" if run.task == "multilabel" else "row"),
            _own_rows(by_type, rows),
        ),
        corrections=(
            "CS 434 and Mason Brain: the logit is what goes into the sigmoid, the raw score. The slides use the word "
            "for the sigmoid and for what comes out. HBNU has it right.",
        ),
        decks=("HB", "NN", "MB"),
        data=f"{run.dataset.name}, {number(run.dataset.rows)} rows, of which {number(rows)} are test rows"
        + ("" if run is data else f"; seed {seed}"),
    )


def _run(data: Any, target: str | list[str] | None, task: str, seed: int) -> Run:
    """Return the given run, or train the lecture's network on the given table."""
    if hasattr(data, "decision_function"):
        return data
    if data is None:
        data, target, task = path(EXAMPLE), SAMPLES[EXAMPLE].target, SAMPLES[EXAMPLE].task
    if task not in RECIPES:
        raise DataError(f"task={task!r}: expected 'binary', 'multiclass' or 'multilabel', which have probabilities.")
    return RECIPES[task].train(data, target=target, hidden=HIDDEN, seed=seed, baselines=False, progress=False)


def _sum() -> Picture:
    """Compute the lecture's two ways to 2/10,000 in each number type."""
    import tensorflow as tf

    lines = {}
    for kind in COLORS:
        unit, part = tf.constant(1, kind), tf.constant(1e-4, kind)
        direct = float(tf.cast(part + part, tf.float64))
        # In 16 bits the gap next to 1 is wider than 1e-4: both brackets round to 1.
        detour = float(tf.cast((unit + part) - (unit - part), tf.float64))
        lines[kind] = (f"{direct:.18f}", f"{detour:.18f}", abs(detour / direct - 1))
    columns = ["2/10,000", "(1 + 1/10,000) − (1 − 1/10,000)", "relative error"]
    return Picture(
        "The sum that should be 2/10,000",
        "In algebra both columns are equal. The second one subtracts two numbers close to 1, which have no digits to "
        "spare for the small difference: in 16 bits nothing is left of it.",
        table=pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("type"),
    )


def _by_probability(link: str) -> Loss:
    """Return the cross-entropy as books write it: a probability first, then its logarithm."""
    import tensorflow as tf

    def of_sigmoid(y: Any, scores: Any) -> Any:
        p, y = tf.math.sigmoid(scores), tf.cast(y, scores.dtype)
        return -tf.reduce_mean(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p), axis=-1)

    def of_softmax(y: Any, scores: Any) -> Any:
        # (n, classes), (n,) -> the true class's probability of each row (n,)
        return -tf.math.log(tf.gather(tf.nn.softmax(scores), y, batch_dims=1))

    return of_sigmoid if link == "sigmoid" else of_softmax


def _measure(loss: Loss, y: NDArray[Any], scores: Floats, kind: str) -> tuple[Floats, Floats]:
    """Return the loss of each row, (n,), and its gradient ∂L/∂s, (n, units), computed in one number type."""
    import tensorflow as tf

    typed, targets = tf.cast(scores, kind), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(typed)
        losses = loss(targets, typed)
    slopes = tf.convert_to_tensor(tape.gradient(losses, typed))
    return tf.cast(losses, tf.float64).numpy(), tf.cast(slopes, tf.float64).numpy()


def _growing_score() -> pd.DataFrame:
    """Return loss and gradient of one row of class 0 while its score grows, in each type and way."""
    import keras
    import tensorflow as tf

    from toolkit.heads import get_head

    y, scores = np.zeros((len(SCORES), 1)), SCORES[:, None]
    clipped = keras.losses.BinaryCrossentropy().call
    ways: dict[str, tuple[Loss, str]] = {"logits, float32": (get_head("binary", "logistic").loss().call, "float32")}
    ways |= {f"probability, {kind}": (_by_probability("sigmoid"), kind) for kind in FRACTION_BITS}
    ways["clipped, float32"] = (lambda y, s: clipped(y, tf.math.sigmoid(s)), "float32")
    columns: dict[str, Any] = {"score": SCORES}
    for name, (loss, kind) in ways.items():
        # All 101 scores are the rows of one batch: losses (101,), slopes (101, 1).
        losses, slopes = _measure(loss, y, scores, kind)
        columns[f"loss: {name}"] = losses
        columns[f"gradient: {name}"] = slopes[:, 0]
    return pd.DataFrame(columns)


def losses_by_type(scores: NDArray[Any], y_true: NDArray[Any], head: Head) -> pd.DataFrame:
    """Compute the loss of each row in each number type, from its logits and from its probabilities.

    Args:
        scores: Raw scores, shape (n, units).
        y_true: True classes or labels, shape (n,) or (n, labels).
        head: What the scores mean.

    Returns:
        One row per way and type.
    """
    from toolkit.numerics.gradients import targets_for

    scores = np.asarray(scores, np.float64)
    y = targets_for(y_true, scores.shape[1])
    from_logits = head.loss().call
    exact, slopes = _measure(from_logits, y, scores, "float64")
    rows: list[tuple[Any, ...]] = [("logits", "float64", float(exact.mean()), 0, 0, 0.0)]
    for name, loss in (("logits", from_logits), ("probability, then log", _by_probability(str(head.link)))):
        for kind in FRACTION_BITS:
            losses, slope = _measure(loss, y, scores, kind)
            finite = np.isfinite(losses)
            # A row loses its gradient if it is not finite, or 0 although the exact one is not small.
            vanished = ~slope.any(axis=1) & (np.abs(slopes).max(axis=1) > 1e-3)
            no_gradient = ~np.isfinite(slope).all(axis=1) | vanished
            error = np.abs(losses - exact)[finite].max(initial=0.0)
            mean = float(losses.mean()) if finite.all() else "not finite"
            rows.append((name, kind, mean, int((~finite).sum()), int(no_gradient.sum()), float(error)))
    columns = ["way", "type", "mean loss", NOT_FINITE, NO_GRADIENT, "largest error"]
    return pd.DataFrame(rows, columns=columns).set_index(["way", "type"])


def leads_of(scores: NDArray[Any], head: Head) -> Floats:
    """Return ln(p / (1 - p)) of the decided class of each row, or of each label: how confident the network is."""
    from scipy.special import logsumexp

    exact = np.asarray(scores, np.float64)
    if head.link == "sigmoid":
        # ln(p / (1 - p)) of the decided side: the score, or its negative.
        return np.abs(exact).ravel()
    # p of the largest score against the sum of the others: ln(p / (1 - p)) = score - log(sum(exp(other scores))).
    ordered = np.sort(exact, axis=1)
    return ordered[:, -1] - logsumexp(ordered[:, :-1], axis=1)


def _wrong_row() -> Picture:
    table = _growing_score()
    styles = {
        "clipped, float32": (GRAY, (0, (5, 1.5))),
        "probability, float32": (PURPLE, "solid"),
        "probability, float16": (GREEN, "solid"),
        "probability, bfloat16": (ORANGE, "solid"),
    }
    with panels(2, width=7.2, height=2.9) as (figure, axes):
        for panel, quantity, top in zip(axes.flat, ("loss", "gradient"), (26.0, 1.25), strict=True):
            panel.plot(table["score"], table[f"{quantity}: logits, float32"], color=BLUE, linewidth=4, alpha=0.35)
            for name, (color, dash) in styles.items():
                values = table[f"{quantity}: {name}"].to_numpy()
                finite = np.isfinite(values)
                panel.plot(SCORES[finite], values[finite], color=color, linestyle=dash)
                if not finite.all():  # a cross where the line ends
                    last = np.flatnonzero(finite)[-1]
                    panel.plot(SCORES[last], values[last], "X", color=color, markersize=6, markeredgewidth=0)
                    x, y = (-0.5, 1.0) if quantity == "loss" else (0.4, -0.1 if name.endswith("bfloat16") else 0.05)
                    kind, align = name.removeprefix("probability, "), "right" if quantity == "loss" else "left"
                    panel.text(SCORES[last] + x, values[last] + y, kind, color=color, ha=align)
            panel.set_ylim(-0.03 * top, top)
            panel.set_title(quantity if quantity == "loss" else "gradient ∂L/∂s")
            panel.set_xlabel("score of a row whose label is 0")
            panel.grid(visible=False, axis="x")
        axes[0, 0].text(21.5, 23.6, "logits", color=BLUE, ha="right")
        axes[0, 0].text(25, 14.2, "clipped", color=MUTED, ha="right")
        axes[0, 1].text(25, 1.05, "logits", color=BLUE, ha="right")
        axes[0, 1].text(25, 0.06, "clipped", color=MUTED, ha="right")
    return Picture(
        "One wrong row, more and more confident",
        "The true loss (blue) rises with the score, and computed from logits it does so in every type. Computed from a "
        "probability it becomes infinite (✕). With Keras’s clipping it stays at 16, and its gradient is 0: the network "
        "learns nothing from the row that is most wrong.",
        figure,
        "Two panels against the score of a row of the other class, 0 to 25: its loss and its gradient. The lines from "
        "probabilities end in a cross: at a score of about 6 in bfloat16, 8 in float16, 17 in float32. The clipped "
        "line is flat from 16 on.",
        # The scores 0, 1, 2, ..., 25
        table.iloc[::4],
    )


def _saturated(leads: Floats, seed: int, dot: str) -> Picture:
    import tensorflow as tf
    from scipy.special import expit

    lines = {}
    for kind, limit in LIMITS.items():
        # Rounded to the type, and back: NumPy has no bfloat16.
        ones = tf.cast(tf.cast(expit(leads), kind), tf.float64).numpy() == 1
        lines[kind] = (limit, int(ones.sum()), float(ones.mean()))
    columns = ["exactly 1 from a lead of", f"{dot}s", f"share of the {dot}s"]
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("type")
    random = np.random.default_rng(seed)
    sample = np.sort(random.permutation(len(leads))[:DOTS])
    # Heights mean nothing: they only keep the dots from covering each other.
    heights = random.uniform(0, 0.72, len(sample))
    with panels(width=7.2, height=1.7) as (figure, axes):
        panel = axes[0, 0]
        panel.plot(leads[sample], heights, "o", color=INK, markersize=3, alpha=0.4, markeredgewidth=0)
        for kind, limit in LIMITS.items():
            panel.axvline(limit, color=COLORS[kind], linewidth=1.4)
            panel.text(limit + 0.15, 0.86, kind, color=COLORS[kind])
        panel.set_xlim(0, max(19.5, float(leads[sample].max()) * 1.05))
        panel.set_ylim(-0.08, 1)
        panel.set_yticks([])
        panel.set_xlabel("lead of the decided class, ln(p / (1 − p))")
        panel.grid(visible=False)
    shares = {kind: percent(float(table.loc[kind].iloc[-1]), 0) for kind in ("bfloat16", "float32")}
    return Picture(
        "Where this network’s probabilities become exactly 1",
        f"Each dot is a {'label of a test row' if dot == 'label' else 'test row'}; the network is more confident to "
        "the right. To the right of a line the probability is exactly 1 in that type: for "
        f"{shares['bfloat16']} of the {dot}s in bfloat16, and for {shares['float32']} in float32.",
        figure,
        "Dots at the lead of the score of the decided class, with a vertical line for each number type where the "
        "probability rounds to 1: 6.2 in bfloat16, 8.3 in float16, 17.3 in float32.",
        table,
    )


def _own_rows(by_type: pd.DataFrame, rows: int) -> Picture:
    bfloat16 = by_type.loc[("probability, then log", "bfloat16")]
    return Picture(
        "The loss of this network’s test rows",
        "Computed from logits, every type gives the loss as exactly as its digits allow. Computed from probabilities "
        f"in bfloat16, {number(int(bfloat16[NOT_FINITE]))} of {number(rows)} rows have no finite loss, and "
        f"{number(int(bfloat16[NO_GRADIENT]))} no gradient.",
        table=by_type,
    )
