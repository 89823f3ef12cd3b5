"""Train on frames of all kinds, and check what comes out: `python -m tests.soak.frames [seed] [count]`."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from tests.soak import odd_columns, odd_targets
from tests.soak.outcomes import Bad, Counts, drawn, failure, kind_of, report

TASKS = ("binary", "multiclass", "regression", "multilabel")
QUICK: dict[str, Any] = {
    "effort": "quick", "epochs": 1, "build": "linear", "optimizer": "sgd", "baselines": False, "progress": False,
}  # fmt: skip
_ROWS = (*(40,) * 26, 60, 24, 24, 12, 12, *range(4))  # few sizes, so that few programs are compiled
FORMS = (
    *(
        "frame",
        "frame",
        "frame",
        "frame",
        "pair",
        "arrays",
        "lists",
        "dictionary",
        "records",
        "arrow",
        "polars",
        "masked",
    ),
    *("csv", "parquet", "structured"),
)


@dataclass(frozen=True)
class Case:
    """A table to train on: its columns with their names, its target, and the options.

    Attributes:
        task: The task.
        columns: Names and cells of the features.
        target: Names and cells of the target.
        index: The index.
        form: How the table is given.
        options: Further options; "test" is a case of its own.
    """

    task: str
    columns: tuple[tuple[Any, pd.Series], ...]
    target: tuple[tuple[Any, pd.Series], ...]
    index: pd.Index
    form: str
    options: dict[str, Any] = field(default_factory=dict)

    def frame(self, *, target: bool = True) -> pd.DataFrame:
        """Return the columns as a DataFrame."""
        pairs = [*self.columns, *(self.target if target else ())]
        frame = pd.DataFrame({number: series for number, (_, series) in enumerate(pairs)}, index=self.index[:0])
        frame = pd.concat([series.reset_index(drop=True) for _, series in pairs], axis=1) if pairs else frame
        frame.columns = pd.Index([name for name, _ in pairs], dtype=object, tupleize_cols=False)
        return frame.set_axis(self.index, axis=0)

    def __str__(self) -> str:
        lines = [f"{self.task}, {self.form}, {len(self.index)} rows, index {self.index[:3]!r:.80}"]
        for kind, pairs in (("column", self.columns), ("target", self.target)):
            lines += [f"    {kind} {name!r:.40}: {described(series)}" for name, series in pairs]
        lines += [f"    {name}={value!s:.500}" for name, value in self.options.items()]
        return "\n".join(lines)


def described(series: pd.Series) -> str:
    cells = {repr(cell)[:60]: None for cell in list(series)[:200]}
    return f"{series.dtype!s:.60} {', '.join(list(cells)[:12])}"


def cases(tasks: tuple[str, ...] = TASKS) -> st.SearchStrategy[Case]:
    return st.composite(_case)(tasks)


def _case(draw: Any, tasks: tuple[str, ...]) -> Case:
    task, rows = draw(st.sampled_from(tasks)), draw(st.sampled_from(_ROWS))
    kinds = odd_columns.KINDS
    count = draw(st.integers(1, 4))
    odd = rows > 0
    columns = [
        (
            draw(odd_columns.NAMES),
            (kinds[draw(st.sampled_from(sorted(kinds)))] if odd else odd_columns.plain)(draw, rows),
        )
        for _ in range(count)
    ]
    if draw(st.integers(0, 3)) < 3:
        columns.append(("plain", odd_columns.plain(draw, rows)))
    target = odd_targets.target(draw, task, rows) if rows else [pd.Series([], dtype=float)]
    odd_name = draw(st.integers(0, 9)) == 9
    named = [(draw(odd_columns.NAMES) if odd_name and i == 0 else f"y{i}", y) for i, y in enumerate(target)]
    options: dict[str, Any] = {}
    names = [label(name) for name, _ in columns]
    chosen = draw(
        st.sampled_from(["", "", "", "", "group", "time", "sample_weight", "weights", "test", "categories", "keep"])
    )
    if chosen == "weights":
        kind = draw(st.sampled_from(["whole", "whole", "truths", "spans", "floating", *sorted(kinds)]))
        options["sample_weight"] = kinds[kind](draw, rows) if odd else []
    elif chosen == "test" and odd:
        others = [(name, kinds[draw(st.sampled_from(sorted(kinds)))](draw, 12)) for name, _ in columns]
        alike = [(name, pd.Series(odd_columns.objects(list(series)[:12]))) for name, series in named]
        size = min(12, rows)
        others = [(name, series.head(size)) for name, series in others]
        options["test"] = Case(task, tuple(others), tuple(alike), pd.RangeIndex(size), "frame")
    elif chosen and chosen != "test":
        options[chosen] = draw(st.sampled_from(names))
    form = draw(st.sampled_from(FORMS))
    return Case(task, tuple(columns), tuple(named), odd_columns.index(draw, rows), form, options)


def label(name: Any) -> Any:
    """Return a column's name as a user writes it in an option."""
    return name if isinstance(name, str) else str(name)


# -------------------------------------------------------------------------------------------------------- as given


def given(frame: pd.DataFrame, form: str, folder: Path) -> Any:
    """Return a table in another form; unchanged where it doesn't go into that form."""
    import polars

    lists = {name: list(frame.iloc[:, index]) for index, name in enumerate(frame.columns)}
    path = str(folder / f"table.{form}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if form in ("arrays", "masked"):
                array = frame.to_numpy()
                return np.ma.masked_array(array, order_mask(array.shape)) if form == "masked" else array
            if form == "lists":
                return [list(row) for row in frame.itertuples(index=False, name=None)]
            if form == "dictionary":
                return lists
            if form == "records":
                return [dict(zip(lists, row, strict=True)) for row in frame.itertuples(index=False, name=None)]
            if form == "arrow":
                return pa.Table.from_pandas(frame, preserve_index=False)
            if form == "polars":
                return polars.from_pandas(frame)
            if form == "structured":
                return frame.to_records(index=False)
            if form == "csv":
                frame.to_csv(path, index=False)
                return path
            if form == "parquet":
                frame.to_parquet(path)
                return path
    except (Exception, polars.exceptions.PanicException):  # noqa: BLE001 - whatever these libraries raise
        return frame
    return frame


def order_mask(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape) % 7 == 3


def train(case: Case, folder: Path) -> Any:
    """Train on a case as it is given, and return the run."""
    recipe = importlib.import_module(f"recipes.{case.task}")
    options = dict(case.options)
    test = options.pop("test", None)
    if case.form in ("pair", "arrays", "lists", "masked"):
        features, target = case.frame(target=False), replace(case, columns=()).frame()
        y: Any = target.iloc[:, 0] if target.shape[1] == 1 else target
        y = y if case.form == "pair" else y.to_numpy() if case.form == "arrays" else y.to_numpy().tolist()
        if test is not None:
            options["test"] = test.frame(target=False), replace(test, columns=()).frame()
        return recipe.train((given(features, case.form, folder), y), **{**QUICK, **options})
    if test is not None:
        options["test"] = test.frame()
    names = [label(name) for name, _ in case.target]
    target = names[0] if len(names) == 1 else names
    return recipe.train(given(case.frame(), case.form, folder), target=target, **{**QUICK, **options})


# ---------------------------------------------------------------------------------------------------------- checks


def check_answers(run: Any, new: Any) -> Any:
    """Check predictions and probabilities of new rows; return the raw scores."""
    predicted, scores = run.predict(new), run.decision_function(new)
    values = np.asarray(predicted)
    if not np.isfinite(scores).all():
        raise Bad("scores are not finite")
    if len(values) != len(scores):
        raise Bad(f"{len(values)} predictions for {len(scores)} rows")
    if run.task == "regression":
        if not np.isfinite(values.astype(np.float64)).all():
            raise Bad("predictions are not finite")
    elif run.task == "multilabel":
        if not np.isin(values.astype(np.float64), (0, 1)).all():
            raise Bad("labels are not 0 or 1")
    elif not set(values.tolist()) <= set(run.classes):
        raise Bad(f"labels {set(values.tolist()) - set(run.classes)!r} were never seen")
    if run.task != "regression":
        probabilities = np.asarray(run.predict_proba(new), dtype=np.float64)
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise Bad("probabilities are not between 0 and 1")
        if run.task != "multilabel" and not np.allclose(probabilities.sum(axis=1), 1, atol=1e-5):
            raise Bad("rows of probabilities don't sum to 1")
    if isinstance(new, pd.DataFrame) and not predicted.index.identical(new.index):
        raise Bad("the index changed")
    return scores


def check_same(run: Any, frame: pd.DataFrame, scores: np.ndarray) -> None:
    """Check that rows one by one, and columns in another order, have the same scores; an error of ours may come too."""
    from toolkit import DataError

    same = {"rtol": 1e-5, "atol": 1e-6 * max(1.0, float(np.abs(scores).max(initial=0)))}
    if len({str(name) for name in frame.columns}) == frame.shape[1]:
        np.testing.assert_array_equal(run.decision_function(frame.iloc[:, ::-1]), scores, "columns in another order")
    for row in range(0, len(frame), max(1, len(frame) // 4)):
        for form, one_row in (("frame", frame.iloc[[row]]), ("Series", frame.iloc[row])):
            if form == "Series" and one_row.dtype.kind == "c":
                continue  # pandas made numbers and texts of all cells complex
            try:
                alone = run.decision_function(one_row)
            except DataError:
                continue
            np.testing.assert_allclose(alone, scores[[row]], **same, err_msg=f"row {row} alone, as a {form}")


def check_labels(run: Any, case: Case) -> None:
    """Check that every class stands in the target, by its text."""
    if run.task in ("binary", "multiclass") and case.form not in ("masked", "csv"):
        from toolkit.data.cells import level

        texts = {level(cell) for cell in case.target[0][1]} | {str(cell) for cell in case.target[0][1]}
        strange = [name for name in run.classes if level(name) not in texts and str(name) not in texts]
        if strange:
            raise Bad(f"classes {strange!r} are not in the target")


def attack(case: Case, folder: Path) -> str:
    """Train on a case and check its answers; return "answer" or "error"."""
    import toolkit

    try:
        run = train(case, folder)
    except toolkit.DataError:
        return "error"
    check_labels(run, case)
    features = case.frame(target=False)
    new = given(features, case.form, folder)
    try:
        scores = check_answers(run, new)
    except toolkit.DataError:  # of few rows, those in the test part may hold cells of another kind
        return "error"
    if isinstance(new, pd.DataFrame):
        check_same(run, new, scores)
    saved = run.save(folder / "a.keras")
    loaded = toolkit.load(saved)
    np.testing.assert_array_equal(loaded.decision_function(new), scores, "after save and load")
    before, after = np.asarray(run.predict(new)), np.asarray(loaded.predict(new))
    if before.dtype != after.dtype or before.tolist() != after.tolist():
        raise Bad(f"other labels after save and load: {before[:3]!r} {after[:3]!r}")
    if run.classes != loaded.classes:
        raise Bad(f"other classes after save and load: {run.classes!r} {loaded.classes!r}")
    if len(features) % 5 == 2:
        run.report(folder / "page.html")
    return "answer"


def reduced(case: Case, kind: str, folder: Path) -> Case:
    """Return the case with as few columns and options as still fail in the same way."""
    smaller = [replace(case, columns=(*case.columns[:i], *case.columns[i + 1 :])) for i in range(len(case.columns))]
    smaller += [replace(case, options={})] * bool(case.options)
    smaller += [replace(case, index=pd.RangeIndex(len(case.index)))] * (not isinstance(case.index, pd.RangeIndex))
    smaller += [replace(case, form="frame")] * (case.form != "frame")
    for candidate in smaller:
        if kind_of(failure(lambda: attack(candidate, folder))[1]) == kind:  # noqa: B023 - called at once
            return reduced(candidate, kind, folder)
    return case


def train_frames(count: int, seed: int, folder: Path, tasks: tuple[str, ...] = TASKS) -> Counts:
    """Train on frames that hypothesis draws."""
    counts = Counts()

    def one_case(case: Case) -> None:
        outcome, message = failure(lambda: attack(case, folder))
        if counts.add(case, outcome, message):
            kind = kind_of(message)
            counts.failures[kind] = f"{message}\n  {reduced(case, kind, folder)}"

    drawn(cases(tasks), one_case, count, seed)
    return counts


def main(seed: int = 0, count: int = 2_000) -> int:
    """Train on frames and predict changed ones, print what came of them, and return 1 if one failed."""
    from tests.soak import changed_frames

    status = 0
    with tempfile.TemporaryDirectory() as folder:
        for attack_all, name in (
            (train_frames, "frames to train on"),
            (changed_frames.predict_changed, "changed frames to predict"),
        ):
            start = time.perf_counter()
            counts = attack_all(count, seed, Path(folder))
            status |= report(name, counts, time.perf_counter() - start)
    return status


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
