"""The main job, the same for every task: a table in, a fitted run out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.workflow import defaults, settings
from recipes.workflow.options import route
from toolkit import builders, training
from toolkit.common.errors import DataError, nearest
from toolkit.common.options import options_of
from toolkit.data import prepare as preparing
from toolkit.data.dataset import Dataset, SplitData
from toolkit.data.images.stack import holds_images
from toolkit.data.target import Target
from toolkit.evaluation.result import Result, evaluate, timed
from toolkit.heads import Head, get_head
from toolkit.runs.run import Run

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
        own = self.build is not builders.mlp or data.features.pixels is not None
        return defaults.networks(self.effort, self.places, custom=own)

    def encoding(self, data: SplitData) -> dict[str, Any]:
        """Return the options of the encoding of a table's columns."""
        if data.features.pixels is not None:
            return {}
        numbers, rows = sum(column.kind == "number" for column in data.features.columns), len(data.parts["train"])
        return defaults.encoding(self.places, rows, numbers, custom=self.build is not builders.mlp)

    def suited(self, head: Head, data: SplitData) -> dict[str, Any]:
        """Return what the recipe chooses for the training rows of a table where the user said nothing."""
        rows = len(data.parts["train"])
        if data.features.pixels is not None:
            builder = next((name for name, ours in builders.BUILDERS.items() if ours is self.build), "")
            return defaults.choose_for_images(
                head, self.effort, self.places, rows, data.features.pixels.shape[1:], builder
            )
        return defaults.choose(head, self.effort, self.places, rows, custom=self.build is not builders.mlp)


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
    call: Mapping[str, Any] | None = None,
    seconds_before: Mapping[str, float] | None = None,
) -> Run:
    """Train one network on a table or on images; the recipes' `train` functions say the rest."""
    asked = read_options(effort, options, images=holds_images(data))
    chosen = get_head(task, head)
    dataset, seconds = prepare(task, data, target, test, seed, asked)
    result = fit(dataset, chosen, asked, seed, {**(seconds_before or {}), **seconds})
    given = {"target": target, "test": test, "head": head, "effort": effort, "seed": seed, "report": report}
    call = call or settings.calls(task, "train", data, given, options)
    run = Run(replace(result, settings={**call, **result.settings}))
    if report is not None:
        run.report(report)
    return run


def read_options(effort: str, options: Mapping[str, Any], *, images: bool) -> Asked:
    """Sort the options of a call, on images or on a table, before any data is read.

    Raises:
        DataError: An option or the effort is unknown.
    """
    build = options.get("build") or (builders.cnn if images else builders.mlp)
    build = builders.BUILDERS.get(build, build) if isinstance(build, str) else build
    if not callable(build) or hasattr(build, "get_config"):
        raise DataError(
            f"build={build!r}: expected {', '.join(map(repr, builders.BUILDERS))} or a function of (inputs, units) "
            f"that returns a keras.Sequential.{nearest(build, builders.BUILDERS)}"
        )
    defaults.check_effort(effort)
    return Asked(build, effort, route(options, build, images=images))


def prepare(
    task: str, data: Any, target: str | list[str] | None, test: Any, seed: int, asked: Asked
) -> tuple[Dataset, dict[str, float]]:
    """Read, split and encode a table or images; return the dataset and the seconds of each step."""
    seconds: dict[str, float] = {}
    with timed(seconds, "read"):
        split = preparing.prepare(data, target, task=task, test=test, seed=seed, **asked.places["data"])
    with timed(seconds, "encode"):
        dataset = split.encode(
            networks=asked.networks(split),
            encoding=asked.encoding(split),
            target=asked.places["target"],
            **asked.places["weights"],
        )
    return dataset, seconds


def fit(
    dataset: Dataset, head: Head, asked: Asked, seed: int, seconds_before: Mapping[str, float], **evaluation: Any
) -> Result:
    """Train networks with one head on a dataset, calibrate on validation and evaluate on test rows.

    Args:
        dataset: The data, split and encoded.
        head: What the scores mean.
        asked: The options.
        seed: Seed of the initial weights, dropout and the order of the rows; for several networks, the first one's.
        seconds_before: The time of the steps before.
        evaluation: Options of `toolkit.evaluation.result.evaluate`, in place of those asked.
    """
    suited, seeds = asked.suited(head, dataset), asked.networks(dataset)
    own = options_of(asked.build)
    model_options = suited["model"] | asked.places["model"]
    encoder = dataset.encoder
    model_options |= {name: value for name, value in encoder.builder_options.items() if name in own}
    size = encoder.inputs, dataset.target.units
    models = [
        _build(asked.build, *size, model_options | ({"seed": seed + more} if "seed" in own else {}))
        for more in range(seeds)
    ]
    seconds = dict(seconds_before)
    with timed(seconds, "encode"):
        x = {part: dataset.x(part) for part in ("train", "validation")}
    watched: dict[str, Any] = (
        {"validation": (x["validation"], dataset.y("validation"), dataset.weights("validation"))}
        if dataset.folds is None
        else {"folds": dataset.folds_of("train")}
    )
    with timed(seconds, "train"):
        trained = training.fit(
            models if seeds > 1 else models[0],
            head,
            x["train"],
            dataset.y("train"),
            **watched,
            sample_weight=dataset.weights("train"),
            scale=dataset.target.scale,
            seed=seed,
            **suited["training"] | asked.places["training"],
        )
    resolved = {
        "effort": asked.effort,
        "head": head.name,
        "seed": seed,
        "data": {"source": dataset.name} | settings.shown(asked.places["data"]),
        "encoding": settings.resolved(type(encoder).fit, asked.encoding(dataset))
        | encoder.facts
        | settings.resolved(Target.fit, asked.places["target"]),
        "weights": settings.shown(asked.places["weights"]),
        "seeds": seeds,
        "model": {"builder": getattr(asked.build, "__name__", type(asked.build).__name__)}
        | settings.resolved(asked.build, model_options),
        **settings.circumstances(),
    }
    options = asked.places["evaluation"] | evaluation
    return evaluate(trained, dataset, head, **options, seed=seed, settings=resolved, seconds=seconds)


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
