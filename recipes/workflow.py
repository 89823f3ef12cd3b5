"""The main job, the same for every task: a table in, a fitted run out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recipes.options import all_options, options_of, route
from toolkit import __version__, baselines, builders, metrics, tables, training
from toolkit.encoding import Encoder, Target
from toolkit.errors import DataError
from toolkit.heads import DEFAULT_HEADS, Head, get_head
from toolkit.reading import read_baselines
from toolkit.row_weights import row_weights
from toolkit.runs import Run, outcome_of

__all__ = ["EFFORTS", "train"]

#: What each effort changes, where the user says nothing else.
EFFORTS: dict[str, dict[str, Any]] = {
    "quick": {"hidden": (128, 128), "epochs_factor": 0.25},
    "default": {"hidden": (256, 256, 256), "epochs_factor": 1},
    "best": {"hidden": (512, 512, 512), "epochs_factor": 4},
}


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
    given = {name: value for name, value in options.items() if name != "build"}
    routed = route(given, all_options(build))
    seconds: dict[str, float] = {}

    with _timed(seconds, "read"):
        table = tables.prepare(data, target, task=task, test=test, seed=seed, **routed["data"])
    with _timed(seconds, "encode"):
        chosen = get_head(task, head)
        parts = table.parts
        training_rows = table.frame.iloc[parts["train"]]
        encoder = Encoder.fit(training_rows, table.columns, table.source_columns, **routed["encoding"])
        coded = Target.fit(table.target, parts["train"], task, **routed["target"])
        x = {part: encoder.transform(table.frame.iloc[rows]) for part, rows in parts.items()}
        y = {part: coded.encode(table.target.iloc[rows]) for part, rows in parts.items()}
        weights = row_weights(table, coded, **routed["weights"])
    model, model_settings = _build(build, x["train"].shape[1], coded.units, effort, seed, routed["model"])
    fitting = _with_effort(routed["training"], effort, len(x["train"]))
    with _timed(seconds, "train"):
        trained = training.fit(
            model,
            chosen,
            x["train"],
            y["train"],
            validation=(x["validation"], y["validation"], None if weights is None else weights[parts["validation"]]),
            sample_weight=None if weights is None else weights[parts["train"]],
            scale=coded.scale,
            seed=seed,
            **fitting,
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
        metrics={},
        table=pd.DataFrame(),
        settings={},
        seconds=seconds,
        data=table,
    )
    tested = table.target.iloc[parts["test"]]
    with _timed(seconds, "evaluate"):
        run.outcome = outcome_of(chosen, coded, tested, run.raw_scores(x["test"]), seconds["train"])
        run.metrics = metrics.evaluate(run.outcome)
    if routed["evaluation"].get("baselines", True):
        with _timed(seconds, "baselines"):
            run.baselines = baselines.fit_baselines(table, encoder, coded, seed=seed)
    with _timed(seconds, "intervals"):
        run.table = _metrics_table(run, seed)
        run.verdict = read_baselines(run.outcome, run.baselines, len(parts["train"]), len(run.classes), parameters=model.count_params())
    recipe = {"target": target, "test": test, "head": head, "effort": effort, "seed": seed, "report": report}
    run.settings = {
        **_calls(task, data, recipe, options),
        "effort": effort,
        "head": chosen.name,
        "data": _shown(routed["data"]) | {"source": table.name},
        "encoding": _resolved(Encoder.fit, routed["encoding"]) | _resolved(Target.fit, routed["target"], but=("rows",)),
        "weights": _shown(routed["weights"]),
        "model": model_settings,
        "training": trained.settings,
        "seed": seed,
        "versions": _versions(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "created": datetime.now().strftime("%Y-%m-%d %H:%M"),
    }
    if report is not None:
        run.report(report)
    return run


def _build(
    build: Callable[..., Any], inputs: int, units: int, effort: str, seed: int, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Call the builder and check what it returns."""
    import keras

    if effort not in EFFORTS:
        raise DataError(f"effort={effort!r}: expected one of {', '.join(EFFORTS)}.")
    options = dict(options)
    if build is builders.mlp:
        options.setdefault("hidden", EFFORTS[effort]["hidden"])
    seeded = {"seed": seed} if "seed" in options_of(build) else {}
    model = build(inputs, units, **options, **seeded)
    name = getattr(build, "__name__", type(build).__name__)
    if not isinstance(model, keras.Sequential):
        raise DataError(f"build={name} returned {type(model).__name__}; expected a keras.Sequential.")
    if not model.built:
        model.build((None, inputs))
    if tuple(model.output_shape) != (None, units):
        raise DataError(f"build={name} returned a model with output {model.output_shape}; expected (None, {units}).")
    activation = getattr(model.layers[-1], "activation", None)
    ends_linear = activation is None or activation is keras.activations.linear
    if not ends_linear or type(model.layers[-1]).__name__ in ("Softmax", "Activation", "ReLU"):
        raise DataError(f"build={name} ends in an activation; the last layer must be linear: the loss takes raw scores.")
    return model, {"builder": name} | _resolved(build, options)


def _with_effort(options: dict[str, Any], effort: str, rows: int) -> dict[str, Any]:
    """Scale the default number of epochs by the effort; a number that the user gave stays."""
    factor = EFFORTS[effort]["epochs_factor"]
    if options.get("epochs") is not None or factor == 1:
        return options
    return options | {"epochs": max(8, round(training.default_epochs(rows) * factor))}


def _metrics_table(run: Run, seed: int) -> pd.DataFrame:
    """Return the metrics with their intervals, the run's first, then each baseline's."""
    if run.outcome is None:
        return pd.DataFrame()
    frame = metrics.intervals(run.outcome, seed=seed)
    for name, outcome in run.baselines.items():
        other = metrics.intervals(outcome, seed=seed).reindex(frame.index)
        frame[[name, f"{name}_low", f"{name}_high"]] = other[["value", "low", "high"]]
    return frame


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Any:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def _shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON can hold them; a table is named by its shape."""
    return {name: _plain(value) for name, value in options.items()}


def _resolved(function: Callable[..., Any], given: Mapping[str, Any], but: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return all options of a function: its defaults, and over them what was given."""
    defaults = {name: option.default for name, option in options_of(function, but=("seed", *but)).items()}
    return _shown(defaults | dict(given))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        return f"{type(value).__name__} of shape {value.shape}"
    if isinstance(value, tuple | list | set | range):
        return [_plain(v) for v in value]
    return getattr(value, "__name__", type(value).__name__)


def _calls(task: str, data: Any, recipe: dict[str, Any], options: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the call and the command line that repeat a training; None where a value has no written form."""
    defaults = {
        "target": None, "test": None, "head": DEFAULT_HEADS[task], "effort": "default", "seed": 0, "report": None,
    }  # fmt: skip
    changed = {k: v for k, v in recipe.items() if isinstance(v, pd.DataFrame | tuple) or v != defaults[k]}
    changed |= options
    source = repr(str(data)) if isinstance(data, str | Path) else "(X, y)" if isinstance(data, tuple) else "data"
    call = ", ".join([source, *(f"{name}={_code(value)}" for name, value in changed.items())])
    words = [_word(name, value) for name, value in changed.items()]
    command = None
    if isinstance(data, str | Path) and None not in words:
        import shlex

        parts = [word for pair in words if pair for word in pair]
        command = shlex.join(["recipes", task, str(data), *parts])
    return {"call": f"{task}.train({call})", "command": command}


def _code(value: Any) -> str:
    if isinstance(value, Path):
        return repr(str(value))
    plain = isinstance(value, bool | int | float | str | list | dict | None)
    if plain or (isinstance(value, tuple) and all(isinstance(v, int | float | str) for v in value)):
        return repr(value)
    return getattr(value, "__name__", type(value).__name__)


def _word(name: str, value: Any) -> list[str] | None:
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [option if value else f"--no-{option[2:]}"]
    if isinstance(value, int | float | str | Path):
        return [option, str(value)]
    if isinstance(value, list | tuple) and all(isinstance(v, int | float | str) for v in value):
        if name in ("hidden", "dropout", "activation"):
            return [option, ",".join(map(str, value))]
        return [word for v in value for word in (option, str(v))]
    return None


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "matplotlib")
    return {"logitkit": __version__} | {name: version(name) for name in names}
