"""The main job, the same for every task: a table in, a fitted run out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from recipes import defaults, settings
from recipes.options import all_options, options_of, route
from toolkit import baselines, builders, metrics, tables, training
from toolkit.encoding import Encoder
from toolkit.errors import DataError
from toolkit.heads import DEFAULT_HEADS, Head, get_head
from toolkit.metrics import Outcome
from toolkit.reading import read_baselines
from toolkit.row_weights import row_weights
from toolkit.runs import Run, outcome_of
from toolkit.targets import Target

if TYPE_CHECKING:
    import keras

__all__ = ["train"]


def train(
    task: str,
    data: Any,
    *,
    target: str | list[str] | None,
    test: Any,
    head: str | Head,
    effort: str,
    seed: int,
    report: str | Path | None,
    options: Mapping[str, Any],
) -> Run:
    """Train one network on a table; the recipes' `train` functions say the rest."""
    build = options.get("build", builders.mlp)
    asked = route({name: value for name, value in options.items() if name != "build"}, all_options(build))
    chosen = get_head(task, head)
    defaults.choose(effort, 1)  # an unknown effort is told before the data is read
    seconds: dict[str, float] = {}

    with _timed(seconds, "read"):
        table = tables.prepare(data, target, task=task, test=test, seed=seed, **asked["data"])
    parts = table.parts
    with _timed(seconds, "encode"):
        rows = table.frame.iloc[parts["train"]]
        encoder = Encoder.fit(rows, table.columns, table.source_columns, **asked["encoding"])
        coded = Target.fit(table.target, parts["train"], task, table.source_rows, **asked["target"])
        weights = row_weights(table, coded, **asked["weights"])
        x = {part: encoder.transform(table.frame.iloc[positions]) for part, positions in parts.items()}
        y = {part: coded.encode(table.target.iloc[positions]) for part, positions in parts.items()}
        w = {part: None if weights is None else weights[positions] for part, positions in parts.items()}

    suited = defaults.choose(effort, len(rows))
    own = options_of(build)
    model_options = {name: value for name, value in suited["model"].items() if name in own} | asked["model"]
    model = _build(build, encoder.width, coded.units, model_options | ({"seed": seed} if "seed" in own else {}))
    if "optimizer" in asked["training"]:
        del suited["training"]["learning_rate"]  # it suits the default optimiser only
    with _timed(seconds, "train"):
        trained = training.fit(
            model,
            chosen,
            x["train"],
            y["train"],
            validation=(x["validation"], y["validation"], w["validation"]),
            sample_weight=w["train"],
            scale=coded.scale,
            seed=seed,
            **(suited["training"] | asked["training"]),
        )
    run = Run(
        task=task,
        head=chosen,
        model=model,
        encoder=encoder,
        target=coded,
        history=trained.history,
        best_epoch=trained.best_epoch,
        stopped=trained.stopped,
        seconds=seconds,
        data=table,
    )
    with _timed(seconds, "evaluate"):
        scores = run.raw_scores(x["test"])
        run.outcome = outcome_of(chosen, coded, table.target.iloc[parts["test"]], scores, seconds["train"])
        run.metrics = metrics.evaluate(run.outcome)
    if asked["evaluation"].get("baselines", True):
        with _timed(seconds, "baselines"):
            run.baselines = baselines.fit_baselines(table, encoder, coded, seed=seed)
    with _timed(seconds, "intervals"):
        run.table = _with_intervals(run.outcome, run.baselines, seed)
        run.verdict = read_baselines(
            run.outcome, run.baselines, len(rows), len(run.classes), parameters=model.count_params()
        )
    given = {"target": target, "test": test, "head": head, "effort": effort, "seed": seed, "report": report}
    usual = {"target": None, "test": None, "head": DEFAULT_HEADS[task], "effort": "default", "seed": 0, "report": None}
    changed = {name: value for name, value in given.items() if value is not usual[name] and value != usual[name]}
    run.settings = {
        **settings.calls(task, data, changed | dict(options)),
        "effort": effort,
        "head": chosen.name,
        "seed": seed,
        "data": {"source": table.name} | settings.shown(asked["data"]),
        "encoding": settings.resolved(Encoder.fit, asked["encoding"]) | settings.resolved(Target.fit, asked["target"]),
        "weights": settings.shown(asked["weights"]),
        "model": {"builder": getattr(build, "__name__", type(build).__name__)}
        | settings.resolved(build, model_options),
        "training": trained.settings,
        **settings.circumstances(),
    }
    if report is not None:
        run.report(report)
    return run


def _build(build: Callable[..., Any], inputs: int, units: int, options: dict[str, Any]) -> keras.Sequential:
    """Call the builder and check what it returns."""
    import keras

    model = build(inputs, units, **options)
    name = getattr(build, "__name__", type(build).__name__)
    if not isinstance(model, keras.Sequential):
        raise DataError(f"build={name} returned {type(model).__name__}; expected a keras.Sequential.")
    if not model.built:
        model.build((None, inputs))
    if tuple(model.output_shape) != (None, units):
        raise DataError(f"build={name} returned a model with output {model.output_shape}; expected (None, {units}).")
    last = model.layers[-1]
    if getattr(last, "activation", keras.activations.linear) is not keras.activations.linear or not last.weights:
        raise DataError(
            f"build={name} ends in {type(last).__name__}; the last layer must be a dense one without activation."
        )
    return model


def _with_intervals(outcome: Outcome, others: Mapping[str, Outcome], seed: int) -> pd.DataFrame:
    """Return the metrics with their intervals, the run's first, then each baseline's."""
    frame = metrics.intervals(outcome, seed=seed)
    for name, other in others.items():
        theirs = metrics.intervals(other, seed=seed).reindex(frame.index)
        frame[[name, f"{name}_low", f"{name}_high"]] = theirs[["value", "low", "high"]]
    return frame


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
