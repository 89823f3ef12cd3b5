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
from toolkit import builders, training
from toolkit.common.errors import DataError, nearest
from toolkit.common.options import options_of
from toolkit.data import prepare as preparing
from toolkit.data.dataset import Dataset, SplitData
from toolkit.data.encoding import Encoder
from toolkit.data.images.stack import ImageEncoder, Images, holds_images
from toolkit.data.target import Target
from toolkit.evaluation import baselines, calibration, metrics
from toolkit.evaluation.verdicts import read_baselines
from toolkit.heads import Head, get_head
from toolkit.runs.run import Run
from toolkit.training.scoring import Scorer

if TYPE_CHECKING:
    import keras

__all__ = ["Asked", "fit", "prepare", "read_options", "train"]


@dataclass(frozen=True)
class Asked:
    """The options of one call, sorted by the place where they act."""

    build: Callable[..., Any]
    effort: str
    places: dict[str, dict[str, Any]]

    def networks(self, data: SplitData) -> int:
        """Return how many networks are trained on a table."""
        own = self.build is not builders.mlp or isinstance(data.features, Images)
        return defaults.networks(self.effort, self.places, own=own)

    def encoding(self, data: SplitData) -> dict[str, Any]:
        """Return the options of the encoding of a table's columns."""
        if isinstance(data.features, Images):
            return {}
        numbers, rows = sum(column.kind == "number" for column in data.features.columns), len(data.parts["train"])
        return defaults.encoding(self.places, rows, numbers, own=self.build is not builders.mlp)

    def suited(self, head: Head, data: SplitData) -> dict[str, Any]:
        """Return what the recipe chooses for the training rows of a table where the user said nothing."""
        rows = len(data.parts["train"])
        if isinstance(data.features, Images):
            builder = next((name for name, ours in builders.BUILDERS.items() if ours is self.build), "")
            return defaults.choose_for_images(
                head, self.effort, self.places, rows, data.features.pixels.shape[1:], builder
            )
        return defaults.choose(head, self.effort, self.places, rows, own=self.build is not builders.mlp)


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
    dataset, seconds = prepare(task, data, target, test, seed, asked)
    run = fit(dataset, chosen, asked, seed, seconds)
    if asked.places["evaluation"].get("baselines", True):
        with _timed(run.seconds, "baselines"):
            run.baselines = baselines.fit_baselines(dataset, dataset.encoder, dataset.target, seed=seed)
            run.verdict = baselines.said_of_images(dataset)
    with _timed(run.seconds, "intervals"):
        _judge(run, len(dataset.fit_parts["train"]), seed)
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


def prepare(
    task: str, data: Any, target: str | list[str] | None, test: Any, seed: int, asked: Asked
) -> tuple[Dataset, dict[str, float]]:
    """Read, split and encode a table or images; return the dataset and the seconds of each step."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "read"):
        split = preparing.prepare(data, target, task=task, test=test, seed=seed, **asked.places["data"])
    with _timed(seconds, "encode"):
        dataset = split.encode(
            networks=asked.networks(split),
            encoding=asked.encoding(split),
            target=asked.places["target"],
            **asked.places["weights"],
        )
    return dataset, seconds


def fit(
    dataset: Dataset,
    head: Head,
    asked: Asked,
    seed: int,
    seconds: Mapping[str, float],
    *,
    progress: bool | None = None,
) -> Run:
    """Train networks with one head on a dataset, calibrate on validation and evaluate on test rows.

    Args:
        dataset: The data, split and encoded.
        head: What the scores mean.
        asked: The options.
        seed: Of the initial weights, dropout and the order of the rows; of several networks, the first one's.
        seconds: The time of the steps before.
        progress: Overrides the option.
    """
    suited, seeds = asked.suited(head, dataset), asked.networks(dataset)
    own = options_of(asked.build)
    model_options = suited["model"] | asked.places["model"]
    encoder = dataset.encoder
    if isinstance(encoder, ImageEncoder) and "pixels" in own:
        model_options["pixels"] = (encoder.mean, encoder.deviation)
    size = getattr(encoder, "shape", encoder.width), dataset.target.units
    models = [
        _build(asked.build, *size, model_options | ({"seed": seed + more} if "seed" in own else {}))
        for more in range(seeds)
    ]
    training_options = suited["training"] | asked.places["training"]
    if progress is not None:
        training_options["progress"] = progress
    seconds = dict(seconds)
    with _timed(seconds, "encode"):
        x = {part: dataset.x(part) for part in ("train", "validation")}
    watched: dict[str, Any] = (
        {"validation": (x["validation"], dataset.y("validation"), dataset.weights("validation"))}
        if dataset.folds is None
        else {"folds": dataset.folds_of("train")}
    )
    with _timed(seconds, "train"):
        trained = training.fit(
            models if seeds > 1 else models[0],
            head,
            x["train"],
            dataset.y("train"),
            **watched,
            sample_weight=dataset.weights("train"),
            scale=dataset.target.scale,
            seed=seed,
            **training_options,
        )
    run = Run(
        task=dataset.task,
        head=head,
        model=trained.model,
        encoder=encoder,
        target=dataset.target,
        history=trained.history,
        best_epoch=trained.best_epoch,
        stopped=trained.stopped,
        seconds=seconds,
        data=dataset,
    )
    with _timed(seconds, "calibrate"):
        scores = _unseen_scores(dataset, trained, x["validation"])
        _calibrate(run, dataset, scores, asked.places["evaluation"].get("threshold"), seed)
    with _timed(seconds, "evaluate"):
        tested = dataset.target_frame.iloc[dataset.parts["test"]]
        test_x = dataset.x("test")
        run.outcome = run.outcome_of(run.raw_scores(test_x), tested, seconds["train"])
        run.metrics = metrics.evaluate(run.outcome)
        if trained.members is not None:
            run.members = _each(run, trained.members, test_x, tested)
    run.settings = {
        "effort": asked.effort,
        "head": head.name,
        "seed": seed,
        "data": {"source": dataset.name} | settings.shown(asked.places["data"]),
        "encoding": (
            encoder.to_dict()["images"]
            if isinstance(encoder, ImageEncoder)
            else settings.resolved(Encoder.fit, asked.encoding(dataset))
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


def _unseen_scores(dataset: Dataset, trained: training.Training, x: NDArray[Any]) -> NDArray[np.float32]:
    """Return raw scores of the validation rows, by networks that have not learned from them."""
    folds = dataset.folds_of("validation")
    if folds is None or trained.members is None:
        return Scorer(trained.model)(x)
    scores = Scorer(trained.members)(x)  # (rows, networks, units)
    out = training.held_out(folds, scores.shape[1])
    return np.einsum("nmu,nm->nu", scores, out / out.sum(axis=1, keepdims=True)).astype(np.float32)


def _calibrate(
    run: Run, dataset: Dataset, scores: NDArray[np.float32], threshold: str | float | None, seed: int
) -> None:
    """Fit on the validation rows what turns scores into probabilities, decisions or intervals."""
    if threshold is not None and run.task != "binary":
        raise DataError(f"threshold is for binary, and this is {run.task}.")
    y = dataset.y("validation")
    if run.task == "regression":
        true = dataset.target_frame.iloc[dataset.fit_parts["validation"]].to_numpy(np.float64)
        run.residuals = np.sort(np.abs(run.target.decode(scores).reshape(true.shape) - true), axis=0)
        return
    truth = y.astype(np.int64)[:, 0] if run.task == "binary" else y.astype(np.int64)
    weights = dataset.weights("validation")
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
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
