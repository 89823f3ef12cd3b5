"""A network that learns in the browser: the page, its exercises, and the table that it may open with."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from recipes.lessons.space import two_columns
from recipes.lessons.tools.page import DECKS, Lesson
from recipes.lessons.tools.rows import prepare
from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import number, plain

__all__ = ["EXERCISES", "SCRIPTS", "Exercise", "show", "source"]

#: The files of the page's script, in order: the first five know nothing of the page.
SCRIPTS = ("network", "data", "address", "drawing", "training", "controls", "pictures", "points", "page")
TASKS = ("multiclass", "binary", "regression")
MOST_ROWS, MOST_CLASSES = 2_000, 10
FEATURES = (
    ("x", "x"), ("y", "y"), ("xx", "x²"), ("yy", "y²"), ("xy", "x·y"), ("sinx", "sin x"), ("siny", "sin y"),
)  # fmt: skip


@dataclass(frozen=True)
class Exercise:
    """A question with settings to try it on, and its answer.

    Attributes:
        question: What to do and what to look for.
        state: The settings, as the page's address holds them.
        answer: What happens, and why.
        deck: The lecture, a key of `DECKS`.
    """

    question: str
    state: str
    answer: str
    deck: str

    @property
    def source(self) -> str:
        """The lecture's citation."""
        return DECKS[self.deck]


EXERCISES = (
    Exercise(
        "One neuron: press Run. Which border can it draw? Then choose xor as the points.",
        "data=line&layers=none&head=logistic",
        "A straight line. It separates the two sides of a line almost without error. On xor no straight line is right "
        "on more than three of the four corners, and this neuron ends near half of the points.",
        "NN",
    ),
    Exercise(
        "Three inputs, four hidden units, two scores: how many neurons and how many parameters? Add a second "
        "hidden layer of four units, and choose the logistic head: how many now?",
        "data=xor&features=x,y,xy&layers=4:tanh",
        "6 neurons; 3 × 4 + 4 × 2 = 20 weights and 6 biases are 26 parameters. Then 9 neurons and 41 parameters: 32 "
        "weights and 9 biases. Inputs are not neurons.",
        "SC",
    ),
    Exercise(
        "Two hidden layers with linear activation: does depth help here? Then give both layers tanh.",
        "data=circle&layers=4:linear,4:linear",
        "No. Linear layers one after another are one linear layer: the border stays straight, and the error near half. "
        "With tanh the ring is separated after about 50 epochs: press Run and wait.",
        "NN",
    ),
    Exercise(
        "Watch the plane after layer 2 while the network learns. What does the last layer need to draw there?",
        "data=circle&layers=6:tanh,2:tanh&rate=0.1",
        "A straight line. The hidden layers bend the plane until the disc and the ring lie on two sides of a "
        "line; back on the original plane this line is a closed curve.",
        "NN",
    ),
    Exercise(
        "All weights start at zero. What do the hidden units learn? Then choose Glorot.",
        "data=xor&layers=4:tanh&start=zeros",
        "Nothing. With zero output weights no signal comes back to the hidden units, and with zero hidden weights the "
        "output weights get no gradient. Random weights break this symmetry.",
        "MB",
    ),
    Exercise(
        "The loss jumps up and down. Which learning rate makes it fall? And what does 0.0001 do?",
        "data=xor&noise=0.1&layers=8:relu&rate=1",
        "With 0.3 it still jumps, with 0.1 it rises now and then, from 0.03 down it falls almost steadily, and with "
        "0.0001 very slowly. Too large steps jump across the minimum, and can push ReLU units so far that they "
        "are 0 for all points: these learn nothing any more. Only with a small enough rate and all training points in "
        "the batch does every step lower the loss.",
        "MB",
    ),
    Exercise(
        "Six layers of sigmoid units: run for some epochs. Then choose Adam with rate 0.01; then ReLU in all layers.",
        "data=circle&layers=4:sigmoid,4:sigmoid,4:sigmoid,4:sigmoid,4:sigmoid,4:sigmoid",
        "With SGD hardly anything changes: each sigmoid multiplies the signal on its way back by at most 1/4. Adam "
        "divides each gradient by its usual size, so that small ones move weights too, and learns a part. ReLU "
        "has slope 1 where it is active, and learns the ring.",
        "HB",
    ),
    Exercise(
        "SVM against softmax, from the same weights: after 500 steps point at a point far from the border. Which "
        "head is still not content with it?",
        "data=gaussians&classes=3&noise=0.1&layers=none&second=hinge",
        "Softmax. The hinge asks for a lead of 1 before each other class, and its loss there is exactly 0 afterwards. "
        "Cross-entropy is never 0. The errors are nearly the same.",
        "W2",
    ),
    Exercise(
        "Two losses on one sigmoid: which of them learns faster, and why?",
        "data=circle&layers=4:tanh,2:tanh&head=logistic&second=squared_sigmoid",
        "The logistic loss. The gradient of the squared error has the factor p (1 − p), at most 1/4 and near 0 where "
        "the network is certain, also where it is certain and wrong.",
        "W2",
    ),
    Exercise(
        "Seven inputs, and the classes lie on two sides of a line. Which weights does L1 leave? Compare with L1 "
        "= 0 and with L2 = 0.01.",
        "data=line&features=x,y,xx,yy,xy,sinx,siny&layers=none&head=logistic&l1=0.03&rate=0.01",
        "Mostly those of x and y. L1 pulls each weight towards 0 with the same force, whatever its size, and so drives "
        "weights that don't help to 0. L2 pulls large weights more, and leaves all of them small but not 0.",
        "W2",
    ),
    Exercise(
        "Few noisy training points and many units. What do the solid and the dashed error curves do? Try L2 = "
        "0.01, or more training points.",
        "data=circle&noise=0.45&test=0.8&layers=16:relu,16:relu&optimizer=adam&rate=0.01",
        "The training error falls to about 0, and the test error stays or rises: the network learns the noise by "
        "heart. A penalty narrows the gap; more training points narrow it most.",
        "MB",
    ),
    Exercise(
        "Every twelfth value is far off. Which of the two losses is drawn towards these points?",
        "problem=regression&data=outliers&noise=0&layers=none&second=absolute&rate=0.01",
        "The squared error: it pays for a residual of 5 with 25, and lifts the surface everywhere. The absolute error "
        "pulls with the same force at each point, and stays with the majority.",
        "MB",
    ),
)
"""The exercises of the page, in order."""


def show(
    data: Any = None,
    *,
    target: str | None = None,
    task: str = "multiclass",
    columns: Sequence[str] | None = None,
    seed: int = 0,
) -> Lesson:
    """Write a page on which a small network learns in the browser.

    Args:
        data: A path, a DataFrame, or an (X, y) pair to open the page with; None opens a disc in a ring.
        target: The column to predict.
        task: "multiclass" (two classes too), "binary" or "regression".
        columns: The two columns of numbers to use; None takes the two with the highest predictive power.
        seed: Seed that the page opens with.

    Returns:
        The lesson; its `report` writes the page. It has no pictures or tables in Python.

    Raises:
        DataError: The lesson can't use the data, the task or the columns.
    """
    table, notes = (None, "") if data is None else _table(data, target, task, columns, seed)
    decks = tuple(dict.fromkeys(exercise.deck for exercise in EXERCISES))
    # The files share a scope of their own.
    code = '(() => {\n"use strict";\n' + "\n".join(map(source, SCRIPTS)) + "})();\n"
    state = {"problem": "regression" if task == "regression" else "classification", "seed": int(seed)}
    if table is not None:
        state |= {"data": "table", "columns": [0, 1, 2], "head": "squared" if task == "regression" else "softmax"}
    values = {
        "sections": [],
        "exercises": EXERCISES,
        "features": FEATURES,
        "notes": notes,
        "script": Markup(code),
        # The policy names the script by its digest: any other script, such as one in a column's name, does not run.
        "digest": base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
        "table": Markup(_as_json((table or {}) | {"state": state})),
    }
    return Lesson(
        name="playground",
        title="Playground",
        summary="A network of up to six layers learns in the browser: change its data, layers, loss and optimizer, and "
        f"watch its borders, units and curves. {len(EXERCISES)} exercises ask what happens.",
        pictures=(),
        decks=decks,
        data=notes,
        template="playground.html",
        values=values,
    )


def source(name: str) -> str:
    """Return one file of the page's script."""
    folder = resources.files("toolkit.report").joinpath("templates/playground")
    return folder.joinpath(f"{name}.js").read_text(encoding="utf-8")


def _table(
    data: Any, target: str | None, task: str, columns: Sequence[str] | None, seed: int
) -> tuple[dict[str, Any], str]:
    """Return two columns and the target of a table as texts, as the page reads them, and a note on the data."""
    if task not in TASKS:
        raise DataError(f"task={task!r}: this lesson is for {', '.join(TASKS)}.{nearest(task, TASKS)}")
    dataset = prepare(data, target=target, task=task, seed=seed)
    if dataset.target_frame.shape[1] > 1:
        raise DataError(f"target={target!r}: this lesson takes one target.")
    names = list(two_columns(dataset, columns))
    frame = pd.concat([dataset.features.frame[names], dataset.target_frame.reset_index(drop=True)], axis=1)
    chosen_rows = np.sort(np.random.default_rng(seed).permutation(len(frame))[:MOST_ROWS])
    note = f"{plain(dataset.name)}, {number(len(chosen_rows))}"
    note += f" of {number(len(frame))} rows, drawn at random" if len(chosen_rows) < len(frame) else " rows"
    header = [plain(str(name)) for name in frame]
    cells = frame.iloc[chosen_rows].astype(object).where(frame.iloc[chosen_rows].notna(), "")
    rows = [[plain(str(cell)) for cell in row] for row in cells.to_numpy()]
    if task != "regression" and (classes := frame.iloc[:, 2].nunique()) > MOST_CLASSES:
        note += f"; of {number(classes)} classes the {MOST_CLASSES} most frequent"
    note += f"; columns {header[0]} and {header[1]}, target {header[2]}"
    return {"header": header, "rows": rows, "decimalComma": False}, note


def _as_json(value: Any) -> str:
    # A cell that holds "</script>" must not end the element.
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
