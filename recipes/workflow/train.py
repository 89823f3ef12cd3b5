"""The main job, the same for every task: a table in, a fitted run out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recipes.workflow import defaults, settings
from recipes.workflow.options import all_options, route
from toolkit import builders
from toolkit.common.errors import DataError, nearest
from toolkit.common.options import options_of
from toolkit.data import dataset as tables
from toolkit.data.dataset import Table
from toolkit.data.encoding import Encoder
from toolkit.data.images.stack import ImageEncoder, holds_images
from toolkit.data.row_weights import row_weights
from toolkit.data.target import Target
from toolkit.evaluation import baselines, calibration, metrics
from toolkit.evaluation.verdicts import read_baselines
from toolkit.heads import Head, get_head
from toolkit.runs.run import Run
from toolkit.training import fitting as training
from toolkit.training.scoring import Scorer

if TYPE_CHECKING:
    import keras

__all__ = ["Asked", "Prepared", "fit", "prepare", "read_options", "train"]


@dataclass(frozen=True)
class Asked:
    """The options of one call, sorted by the place where they act."""

    build: Callable[..., Any]
    effort: str
    places: dict[str, dict[str, Any]]

    def networks(self, table: Table) -> int:
        """Return how many networks are trained on a table."""
        own = self.build is not builders.mlp or table.pixels is not None
        return defaults.networks(self.effort, self.places, own=own)

    def encoding(self, table: Table) -> dict[str, Any]:
        """Return the options of the encoding of a table's columns."""
        numbers, rows = sum(column.kind == "number" for column in table.columns), len(table.parts["train"])
        return defaults.encoding(self.places, rows, numbers, own=self.build is not builders.mlp)

    def suited(self, head: Head, table: Table) -> dict[str, Any]:
        """Return what the recipe chooses for the training rows of a table where the user said nothing."""
        rows = len(table.parts["train"])
        if table.pixels is not None:
            builder = next((name for name, ours in builders.BUILDERS.items() if ours is self.build), "")
            return defaults.choose_for_images(head, self.effort, self.places, rows, table.pixels.shape[1:], builder)
        return defaults.choose(head, self.effort, self.places, rows, own=self.build is not builders.mlp)


@dataclass(frozen=True)
class Prepared:
    """A table split and encoded: what heads that are compared share.

    Several networks leave out a fold of the rows each: then ``parts`` holds as "train" all rows outside the test part,
    as "validation" those of them that some network leaves out, and ``folds`` the fold of each row of the table.
    """

    table: Table
    parts: dict[str, NDArray[np.int64]]
    folds: NDArray[np.int64] | None
    encoder: Encoder | ImageEncoder
    target: Target
    encoded: dict[str, NDArray[Any]]
    y: dict[str, NDArray[Any]]
    weights: dict[str, NDArray[np.float64] | None]
    seconds: dict[str, float]

    def x(self, part: str) -> NDArray[Any]:
        """Return the inputs of a part: encoded columns, or images, which are taken from the table anew."""
        return self.encoded[part] if self.table.pixels is None else self.table.features(self.parts[part])


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
    """Train one network on a table or on images; the recipes' `train` functions say the rest."""
    asked = read_options(effort, options, images=holds_images(data))
    chosen = get_head(task, head)
    prepared = prepare(task, data, target, test, seed, asked)
    run = fit(prepared, chosen, asked, seed)
    if asked.places["evaluation"].get("baselines", True):
        with _timed(run.seconds, "baselines"):
            run.baselines = baselines.fit_baselines(prepared.table, prepared.encoder, prepared.target, seed=seed)
            run.verdict = baselines.said_of_images(prepared.table)
    with _timed(run.seconds, "intervals"):
        _judge(run, len(prepared.y["train"]), seed)
    given = {"target": target, "test": test, "head": head, "effort": effort, "seed": seed, "report": report}
    run.settings = settings.calls(task, "train", data, given, options) | run.settings
    if report is not None:
        run.report(report)
    return run


def read_options(effort: str, options: Mapping[str, Any], *, images: bool) -> Asked:
    """Sort the options of a call, on images or on a table, before any data is read.

    Raises:
        DataError: An option or the effort is unknown.
    """
    build = options.get("build", builders.cnn if images else builders.mlp)
    build = builders.BUILDERS.get(build, build) if isinstance(build, str) else build
    if not callable(build) or hasattr(build, "get_config"):
        raise DataError(
            f"build={build!r}: expected {', '.join(map(repr, builders.BUILDERS))} or a function of (inputs, units) "
            f"that returns a keras.Sequential.{nearest(build, builders.BUILDERS)}"
        )
    defaults.check_effort(effort)
    other = [name for name in options if images and "build" not in options and name in options_of(builders.mlp)]
    if other and other[0] not in options_of(build):
        raise DataError(f"'{other[0]}' is an option of mlp, and images are for cnn unless you say build='mlp'.")
    known = all_options(build, images=images)
    elsewhere = [name for place, some in all_options(build).items() for name in some if name not in known[place]]
    for name in options:
        if name == "seeds" and name in elsewhere:
            raise DataError(
                "seeds: networks of cnn can't be trained side by side: leave it out, or train one run a seed."
            )
        if name in elsewhere:
            raise DataError(f"option '{name}' is for columns, and these are images: leave it out.")
    return Asked(build, effort, route({k: v for k, v in options.items() if k != "build"}, known))


def prepare(task: str, data: Any, target: str | list[str] | None, test: Any, seed: int, asked: Asked) -> Prepared:
    """Read, split and encode a table or images."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "read"):
        table = tables.prepare(data, target, task=task, test=test, seed=seed, **asked.places["data"])
    with _timed(seconds, "encode"):
        parts, folds = _dealt(table, asked.networks(table))
        rows = table.features(parts["train"])
        encoded: dict[str, NDArray[Any]] = {}
        if table.pixels is None:
            encoder = Encoder.fit(rows, table.columns, table.source_columns, **asked.encoding(table))
            encoded = {part: encoder.transform(table.features(positions)) for part, positions in parts.items()}
        else:
            encoder = ImageEncoder.fit(rows)
        coded = Target.fit(table.target, parts["train"], task, table.source_rows, **asked.places["target"])
        weights = row_weights(table, coded, **asked.places["weights"])
        return Prepared(
            table,
            parts,
            folds,
            encoder,
            coded,
            encoded,
            {part: coded.encode(table.target.iloc[positions]) for part, positions in parts.items()},
            {part: None if weights is None else weights[positions] for part, positions in parts.items()},
            seconds,
        )


def fit(prepared: Prepared, head: Head, asked: Asked, seed: int, *, progress: bool | None = None) -> Run:
    """Train networks with one head on a prepared table, calibrate on validation and evaluate on test rows.

    Args:
        prepared: The table.
        head: What the scores mean.
        asked: The options.
        seed: Of the initial weights, dropout and the order of the rows; of several networks, the first one's.
        progress: Overrides the option.
    """
    table, y, weights = prepared.table, prepared.y, prepared.weights
    suited, seeds = asked.suited(head, table), asked.networks(table)
    own = options_of(asked.build)
    model_options = suited["model"] | asked.places["model"]
    encoder = prepared.encoder
    if isinstance(encoder, ImageEncoder) and "pixels" in own:
        model_options["pixels"] = (encoder.mean, encoder.deviation)
    size = getattr(encoder, "shape", encoder.width), prepared.target.units
    models = [
        _build(asked.build, *size, model_options | ({"seed": seed + more} if "seed" in own else {}))
        for more in range(seeds)
    ]
    training_options = suited["training"] | asked.places["training"]
    if progress is not None:
        training_options["progress"] = progress
    seconds = dict(prepared.seconds)
    watched: dict[str, Any] = (
        {"validation": (prepared.x("validation"), y["validation"], weights["validation"])}
        if prepared.folds is None
        else {"folds": prepared.folds[prepared.parts["train"]]}
    )
    with _timed(seconds, "train"):
        trained = training.fit(
            models if seeds > 1 else models[0],
            head,
            prepared.x("train"),
            y["train"],
            **watched,
            sample_weight=weights["train"],
            scale=prepared.target.scale,
            seed=seed,
            **training_options,
        )
    run = Run(
        task=table.task,
        head=head,
        model=trained.model,
        encoder=encoder,
        target=prepared.target,
        history=trained.history,
        best_epoch=trained.best_epoch,
        stopped=trained.stopped,
        seconds=seconds,
        data=table,
    )
    with _timed(seconds, "calibrate"):
        scores = _unseen_scores(prepared, trained)
        _calibrate(run, prepared, scores, asked.places["evaluation"].get("threshold"), seed)
    with _timed(seconds, "evaluate"):
        tested = table.target.iloc[table.parts["test"]]
        x = prepared.x("test")
        run.outcome = run.outcome_of(run.raw_scores(x), tested, seconds["train"])
        run.metrics = metrics.evaluate(run.outcome)
        if trained.members is not None:
            run.members = _each(run, trained.members, x, tested)
    run.settings = {
        "effort": asked.effort,
        "head": head.name,
        "seed": seed,
        "data": {"source": table.name} | settings.shown(asked.places["data"]),
        "encoding": (
            encoder.to_dict()["images"]
            if isinstance(encoder, ImageEncoder)
            else settings.resolved(Encoder.fit, asked.encoding(table))
        )
        | settings.resolved(Target.fit, asked.places["target"]),
        "weights": settings.shown(asked.places["weights"]),
        "seeds": seeds,
        "model": {"builder": getattr(asked.build, "__name__", type(asked.build).__name__)}
        | settings.resolved(asked.build, model_options),
        "training": trained.settings,
        **settings.circumstances(),
    }
    return run


def _each(run: Run, members: keras.Sequential, x: NDArray[Any], tested: pd.DataFrame) -> pd.DataFrame:
    """Return each network's own metrics on the test part."""
    scores = np.moveaxis(Scorer(members)(x), 1, 0)
    return pd.DataFrame([metrics.evaluate(run.outcome_of(own, tested)) for own in scores])


def _dealt(table: Table, networks: int) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64] | None]:
    """Return the rows to learn from, to validate on and to test on, and the folds that several networks leave out."""
    if networks == 1 or table.folds is None:
        return table.parts, None
    known = np.flatnonzero(table.folds >= 0)
    left_out = known[table.folds[known] < networks]
    return {"train": known, "validation": left_out, "test": table.parts["test"]}, table.folds


def _unseen_scores(prepared: Prepared, trained: training.Training) -> NDArray[np.float32]:
    """Return raw scores of the validation rows, by networks that have not learned from them."""
    x = prepared.x("validation")
    if prepared.folds is None or trained.members is None:
        return Scorer(trained.model)(x)
    scores = Scorer(trained.members)(x)  # (rows, networks, units)
    out = training.held_out(prepared.folds[prepared.parts["validation"]], scores.shape[1])
    return np.einsum("nmu,nm->nu", scores, out / out.sum(axis=1, keepdims=True)).astype(np.float32)


def _calibrate(
    run: Run, prepared: Prepared, scores: NDArray[np.float32], threshold: str | float | None, seed: int
) -> None:
    """Fit on the validation rows what turns scores into probabilities, decisions or intervals."""
    if threshold is not None and run.task != "binary":
        raise DataError(f"threshold is for binary, and this is {run.task}.")
    y = prepared.y["validation"]
    if run.task == "regression":
        true = prepared.table.target.iloc[prepared.parts["validation"]].to_numpy(np.float64)
        run.residuals = np.sort(np.abs(run.target.decode(scores).reshape(true.shape) - true), axis=0)
        return
    truth = y.astype(np.int64)[:, 0] if run.task == "binary" else y.astype(np.int64)
    weights = prepared.weights["validation"]
    run.calibration = calibration.fit(run.task, run.head.link, scores, truth, seed=seed, sample_weight=weights)
    if isinstance(threshold, str):
        run.threshold = calibration.choose_threshold(scores, truth, threshold, sample_weight=weights)
    elif threshold is not None:
        run.threshold = float(threshold)
        if not np.isfinite(run.threshold):
            raise DataError(f"threshold={threshold!r}: expected a finite score, or the name of a metric.")


def _build(
    build: Callable[..., Any], inputs: int | tuple[int, int, int], units: int, options: dict[str, Any]
) -> keras.Sequential:
    """Call the builder and check what it returns."""
    import keras

    name = getattr(build, "__name__", type(build).__name__)
    try:
        model = build(inputs, units, **options)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError) or isinstance(inputs, int) or build in builders.BUILDERS.values():
            raise
        first = str(error).strip().split("\n")[0].rstrip(".")
        raise DataError(
            f"build={name} failed: {first}. For images inputs is (height, width, channels), here {inputs}: begin with "
            "keras.Input(inputs), and flatten before dense layers."
        ) from error
    if not isinstance(model, keras.Sequential):
        raise DataError(f"build={name} returned {type(model).__name__}; expected a keras.Sequential.")
    if not model.built:
        model.build((None, inputs) if isinstance(inputs, int) else (None, *inputs))
    if tuple(model.output_shape) != (None, units):
        raise DataError(f"build={name} returned a model with output {model.output_shape}; expected (None, {units}).")
    last = model.layers[-1]
    if getattr(last, "activation", keras.activations.linear) is not keras.activations.linear or not last.weights:
        raise DataError(
            f"build={name} ends in {type(last).__name__}; the last layer must be a dense one without activation."
        )
    return model


def _judge(run: Run, rows: int, seed: int) -> None:
    """Put the metrics with their intervals beside the baselines', and say what that means."""
    if run.outcome is None:
        return
    frame = metrics.intervals(run.outcome, seed=seed)
    for name, other in run.baselines.items():
        theirs = metrics.intervals(other, seed=seed).reindex(frame.index)
        frame[[name, f"{name}_low", f"{name}_high"]] = theirs[["value", "low", "high"]]
    run.table = frame
    learnable = sum(int(np.prod(variable.shape)) for variable in run.model.trainable_variables)
    known = {"parameters": learnable, "images": run.is_image}
    run.verdict = read_baselines(run.outcome, run.baselines, rows, len(run.classes), **known) + run.verdict


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
