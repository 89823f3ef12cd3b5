"""Train on a table or on images: the same steps for every task."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.workflow import defaults, settings
from recipes.workflow.distributed import joined, local_workers, train_locally, train_on_cluster
from recipes.workflow.networks import build_network
from recipes.workflow.options import current_names, route
from toolkit import builders, training
from toolkit.backend import check_process, keep_random_state, load_keras
from toolkit.common import interrupts
from toolkit.common.errors import DataError, nearest
from toolkit.common.files import path_to_write
from toolkit.common.options import options_of
from toolkit.data import prepare as preparing
from toolkit.data.dataset import Dataset, SplitData
from toolkit.data.images.stack import ImageSet, holds_images
from toolkit.data.memory import MemoryOptions, readable
from toolkit.data.pictures import Pictures
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.source import refuse_labels
from toolkit.data.streaming.merging import collect_numbers
from toolkit.data.streaming.prepare import prepare_stream, table_to_stream
from toolkit.data.streaming.row_groups import RowGroups
from toolkit.data.target import Target
from toolkit.distributed.options import WorkersOptions
from toolkit.distributed.workers import ALONE, Workers, agree
from toolkit.evaluation.dependence import explained
from toolkit.evaluation.options import Options as EvaluationOptions
from toolkit.evaluation.result import Result, check_order, check_threshold_for, evaluate, timed
from toolkit.heads import Head, get_head
from toolkit.metrics.own_metrics import OwnMetric
from toolkit.metrics.score_metric import score_metric
from toolkit.report.page import check_page, page_path
from toolkit.runs.comparison import Comparison
from toolkit.runs.run import Run

if TYPE_CHECKING:
    pass

__all__ = [
    "CallOptions",
    "prepare",
    "read_options",
    "refuse_own_metrics",
    "train",
    "train_and_evaluate",
    "write_report",
]

#: The arguments of each recipe's `train`.
ARGUMENTS = ("target", "test", "head", "effort", "seed", "report")


@dataclass(frozen=True)
class CallOptions:
    """The options of one call on a table, sorted by where they act, with the defaults that depend on the data.

    Attributes:
        build: The builder.
        effort: The effort.
        by_place: The options that the user gave, by the places of `recipes.workflow.options.all_options`.
        one_setting: Train only networks of the default network's first setting, as a comparison of heads does.
        streamed_rows: The training rows of a table that is read anew in each epoch; 0 where all are in memory.
        workers: The processes that train together.
    """

    build: Callable[..., Any]
    effort: str
    by_place: dict[str, dict[str, Any]]
    one_setting: bool = False
    streamed_rows: int = 0
    workers: Workers = ALONE

    @property
    def custom(self) -> bool:
        """Whether the builder is another than that of the default network."""
        return self.build is not builders.mlp

    def joining(self, options: WorkersOptions, call: Mapping[str, Any]) -> CallOptions:
        """Return the options of one of several workers, which were called alike; see `distributed.joined`."""
        workers = joined(options, call)
        quiet = {"training": {**self.by_place["training"], "progress": False}} if workers.rank else {}
        return replace(self, workers=workers, by_place={**self.by_place, **quiet})

    def in_folder(self, name: str) -> CallOptions:
        """Return the options of one training of several, each of which resumes from a sub-folder of its own."""
        in_training = self.by_place["training"]
        if in_training.get("resume") is None:
            return self
        folder = Path(in_training["resume"]) / name
        return replace(self, by_place=self.by_place | {"training": in_training | {"resume": folder}})

    def check_metric(self, *heads: Head) -> None:
        """Check that what chooses the epoch suits the heads, before any data is read."""
        metric = self.by_place["training"].get("metric")
        if metric is not None:
            for head in heads:
                score_metric(metric, head)

    def networks(self) -> int:
        """Return how many networks of each setting are trained."""
        return defaults.networks(self.effort, self.by_place, self.streamed_rows, custom=self.custom)

    def settings(self) -> tuple[defaults.Setting, ...]:
        """Return the settings of which networks are trained."""
        settings_used = defaults.settings(self.effort, self.by_place, self.streamed_rows, custom=self.custom)
        return settings_used[: 1 if self.one_setting else None]

    def departures(self, networks: int) -> list[str]:
        """Return a sentence on options that leave the default network, where some were given."""
        return [] if self.custom else defaults.departures(self.by_place["model"], networks)

    def streamed_networks(self) -> list[str]:
        """Return a sentence on the networks of streamed rows, if in memory there would be more."""
        return defaults.streamed_networks(self.effort, self.by_place, self.streamed_rows, custom=self.custom)

    @property
    def inputs(self) -> int:
        """The most inputs that a network has for a number: its value, a mark where it is missing, and its pieces."""
        pieces = self.by_place["preprocessing"].get("pieces", 0 if self.custom or self.by_place["model"] else 32)
        return 2 + pieces if isinstance(pieces, int) else 2

    @property
    def takes_windows(self) -> bool:
        """Whether networks may take their rows in windows: not where a gradient over all rows is asked for."""
        return self.by_place["training"].get("min_gradient_norm") is None

    def preprocessing(self, data: SplitData) -> dict[str, Any]:
        """Return the options of the preprocessing."""
        numbers = sum(column.kind == "number" for column in data.features.columns)
        several = len(self.settings()) > 1
        return defaults.preprocessing(
            self.by_place, len(data.parts["train"]), numbers, custom=self.custom, several=several
        )

    def chosen(self, head: Head, data: SplitData) -> dict[str, dict[str, Any]]:
        """Return the options of the builder and of the training: those of the user, and defaults for the rest."""
        chosen = self.defaults(head, data)
        return {key: options | self.by_place[key] for key, options in chosen.items()}

    def defaults(self, head: Head, data: SplitData) -> dict[str, dict[str, Any]]:
        """Return the defaults of the options of the builder and of the training."""
        return defaults.choose(head, self.effort, self.by_place, data.part_sizes["train"], custom=self.custom)


class ImageCallOptions(CallOptions):
    """The options of one call on images, which are not preprocessed and train one network."""

    @property
    def custom(self) -> bool:
        """Whether the network is another than the default of a table, as every network of images is."""
        return True

    def preprocessing(self, data: SplitData) -> dict[str, Any]:
        """Return no options."""
        return {}

    def defaults(self, head: Head, data: SplitData) -> dict[str, dict[str, Any]]:
        """Return the defaults of the options of the builder and of the training."""
        rows, pixels = len(data.parts["train"]), data.features.pixels
        builder = next((name for name, function in builders.BUILDERS.items() if function is self.build), "")
        shape = () if pixels is None else pixels.shape[1:]
        return defaults.choose_for_images(head, self.effort, self.by_place, rows, shape, builder)


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
    classes: Sequence[Any] | None = None,
) -> Run:
    """Train on a table or on images and return the run; the arguments are those of the recipes' `train` functions.

    The recipe for images gives its own ``call``, and the time that it took to read the files. The classes are all
    classes of a multiclass task, in order, where the rows lack some.
    """
    check_page(report)
    options = current_names(options, stacklevel=3)
    call_options = read_options(effort, options, images=holds_images(data), may_stream=True)
    task_head = get_head(task, head, **call_options.by_place["head"])
    call_options.check_metric(task_head)
    arguments = {"target": target, "test": test, "head": head, "effort": effort, "seed": seed, "report": report}
    call = call or settings.calls(task, "train", data, arguments, options)
    workers_options = WorkersOptions(**call_options.by_place["workers"])
    passed_on = {"task": task, "data": data, **arguments, "options": options, "call": call, "classes": classes}
    if workers_options.cluster is not None:
        run = train_on_cluster(passed_on, workers_options)
        write_report(run, report)
        return run
    if world := local_workers(workers_options):
        return train_locally(passed_on, world)
    if not holds_images(data):
        common = {"task": task, **arguments, **options, **settings.circumstances()["versions"]}
        call_options = call_options.joining(workers_options, settings.shown(common))
    dataset, seconds = prepare(task, data, target, test, seed, call_options, may_stream=True)
    if dataset.stream is not None:
        call_options = replace(call_options, streamed_rows=dataset.stream.rows)
    if classes is not None:
        dataset = replace(dataset, target=dataset.target.with_classes(classes))
    before = {**(seconds_before or {}), **seconds}
    workers = call_options.workers
    with interrupts.graceful():
        # Worker 0 alone compares with baselines, and writes.
        without = {"baselines": False, "intervals": False} if workers.rank else {}
        result = train_and_evaluate(dataset, task_head, call_options, int(seed), before, **without)
        about_networks = [*call_options.departures(result.settings["members"]), *call_options.streamed_networks()]
        notes = [*result.notes, *about_networks]
        run = Run(replace(result, settings={**call, **result.settings}, notes=notes))
        write_report(run, None if workers.rank else report)
        workers.first(None)  # none ends before the others: they would take it for lost
        if interrupts.requested():
            early = run.stopped.startswith(interrupts.BY_HAND)
            sentence = (
                f"Training was {run.stopped}." if early else f"Interrupted by hand after training: {run.stopped}."
            )
            warnings.warn(sentence, RuntimeWarning, stacklevel=3)
    return run


def write_report(finished: Run | Comparison, report: str | Path | None) -> None:
    """Write the report of what has just been trained; where that fails, warn, since the networks must not be lost."""
    if report is None:
        return
    try:
        finished.report(path_to_write(page_path(report)))
    except DataError as error:
        warnings.warn(f"The report is missing: {error} Write it again with .report(path).", stacklevel=4)


def read_options(
    effort: str,
    options: Mapping[str, Any],
    *,
    images: bool,
    arguments: Collection[str] = ARGUMENTS,
    may_stream: bool = False,
) -> CallOptions:
    """Check and sort the options of a call, on images or on a table, before any data is read.

    The arguments are those of the recipe's function, which an unknown option may have meant.

    Raises:
        DataError: An option or the effort is unknown; or the memory is limited where all rows must be in memory.
    """
    check_process()
    build = options.get("build") or (builders.cnn if images else builders.mlp)
    build = builders.BUILDERS.get(build, build) if isinstance(build, str) else build
    if not callable(build) or hasattr(build, "get_config"):
        raise DataError(
            f"build={build!r}: expected {', '.join(map(repr, builders.BUILDERS))} or a function of (inputs, units) "
            f"that returns a Keras model.{nearest(build, builders.BUILDERS)}"
        )
    defaults.check_effort(effort)
    by_place = route(options, build, images=images, arguments=arguments)
    EvaluationOptions(**by_place["evaluation"])  # a mistake in them is found before the training
    ReadingOptions(**by_place["reading"])
    streaming = {**vars(MemoryOptions(**by_place["memory"])), **vars(WorkersOptions(**by_place["workers"]))}
    if not may_stream and (names := [name for name, value in streaming.items() if value is not None]):
        raise DataError(f"{names[0]}= is for train: a comparison needs all rows in memory. Leave it out.")
    in_training = training.Options(**by_place["training"])
    for name in ("callbacks", "metrics"):
        if getattr(in_training, name):
            by_place["training"][name] = getattr(in_training, name)
    return (ImageCallOptions if images else CallOptions)(build, effort, by_place)


def refuse_own_metrics(options: Mapping[str, Any]) -> None:
    """Check that there are no metrics of the user's own, of which no differences are known.

    Raises:
        DataError: There are some.
    """
    if options.get("metrics"):
        raise DataError(
            "metrics= is for train. Here leave it out: each trial's run is trained alike by train(..., seed=seed), or "
            "give scikit-learn's cross_validate an estimator of recipes, with scoring=."
        )


def prepare(
    task: str,
    data: Any,
    target: str | list[str] | None,
    test: Any,
    seed: int,
    options: CallOptions,
    *,
    may_stream: bool = False,
) -> tuple[Dataset, dict[str, float]]:
    """Read, split and encode a table or images; return the dataset and the seconds of each step.

    With `may_stream`, a table whose training would take too much memory is read anew in each epoch.
    """
    refuse_labels(target, data)
    seconds: dict[str, float] = {}
    by_place = options.by_place
    with timed(seconds, "read"):
        how: dict[str, Any] = {"task": task, "test": test, "seed": seed} | by_place["data"] | by_place["reading"]
        table, memory, workers = None, MemoryOptions(**by_place["memory"]), options.workers
        if holds_images(data) and not isinstance(data, ImageSet) and memory.memory is not None:
            raise DataError(
                "memory= is for files, which can be read anew in each epoch, and not for arrays: leave it out."
            )
        if may_stream and not holds_images(data):
            reading, several = ReadingOptions(**by_place["reading"]), workers.are_several
            how_read = {"in_windows": options.networks() == 1 and options.takes_windows, "always": several}
            table = workers.together(lambda: table_to_stream(data, memory, options.inputs, reading, target, **how_read))
        if table is None:
            split = preparing.prepare(data, target, **how)
        else:
            memory = _agreed(workers, table, memory)
            split = prepare_stream(table, target, memory=memory, inputs=options.inputs, workers=workers, **how)
            options = replace(options, streamed_rows=split.part_sizes["train"])
    with timed(seconds, "encode"):
        dataset = split.preprocess(
            networks=options.networks(),
            preprocessing=options.preprocessing(split),
            target=options.by_place["target"],
            **options.by_place["weights"],
        )
    return dataset, seconds


def _agreed(workers: Workers, table: RowGroups, memory: MemoryOptions) -> MemoryOptions:
    """Check that all workers see the same table, and return the memory that each of them has."""
    if not workers.are_several:
        return memory
    groups = [group.rows for group in table.groups]
    agree(workers, {"the columns": table.labels, "the number of rows": table.rows, "the rows of groups": groups})
    return MemoryOptions(memory=int(collect_numbers(workers, [memory.budget]).min()))


@keep_random_state()
def train_and_evaluate(
    dataset: Dataset,
    head: Head,
    options: CallOptions,
    seed: int,
    seconds_before: Mapping[str, float],
    **evaluation: Any,
) -> Result:
    """Train one or several networks with one head, calibrate them on the validation rows, evaluate on the test rows.

    Args:
        dataset: The data, split and encoded.
        head: What the scores mean.
        options: The options of the call.
        seed: Seed of the initial weights, dropout and the order of the rows; for several networks, that of the first.
        seconds_before: The time of the steps before.
        evaluation: Options of `toolkit.evaluation.options.Options` that replace those of the call.
    """
    load_keras()
    functions = options.by_place["training"].get("metrics", ())
    evaluating = EvaluationOptions(**{"metrics": functions, **options.by_place["evaluation"], **evaluation})
    check_threshold_for(dataset, head, evaluating.threshold)
    check_order(dataset, head)
    for function in functions:  # a mistake in one is found before the training
        OwnMetric(function, dataset.target.decode)(dataset.y("train"), dataset.y("train"))
    chosen, declared = options.chosen(head, dataset), options_of(options.build)
    chosen["model"] |= {
        name: value for name, value in dataset.preprocessing.builder_options.items() if name in declared
    }
    pack = _pack(options, dataset, head, chosen, seed)
    seconds = dict(seconds_before)
    with timed(seconds, "encode"):
        x, y, row_weights, stream = dataset.training_rows(in_windows=options.takes_windows)
        # Several networks leave out a fold each to be validated on; one network has validation rows.
        validation: dict[str, Any] = {"folds": dataset.folds_of("train")}
        if dataset.folds is None and len(dataset.fit_parts["validation"]):
            rows = dataset.x("validation"), dataset.y("validation"), dataset.weights("validation")
            validation = {"validation": rows}
    if dataset.folds is None and "validation" not in validation:
        pack = pack[:1]  # nothing to weigh the settings on
    with timed(seconds, "train"):
        trained = training.fit_pack(
            pack,
            head,
            x,
            y,
            sample_weight=row_weights,
            scale=dataset.target.scale,
            seed=seed,
            stream=stream,
            **validation,
        )
    seconds["train"] += trained.resumed_seconds
    if stream is not None:
        seconds["waiting_for_rows"] = trained.waited_seconds
    count = 1 if trained.shares is None else len(trained.shares)
    weights = {} if trained.pack is None else dict(zip(trained.pack["setting"], trained.pack["weight"], strict=True))
    answering = [setting for setting in options.settings() if weights.get(setting.name)] or options.settings()[:1]
    differing = defaults.by_setting(answering, chosen, options.by_place)
    used = {"head": head.name, **settings.shown(options.by_place["head"]), "seed": seed, "members": count}
    used |= _settings(options, dataset, chosen["model"] | differing["model"])
    trained = replace(trained, settings=trained.settings | settings.shown(differing["training"]))
    result = evaluate(trained, dataset, head, evaluating, seed=seed, settings=used, seconds=seconds)
    return explained(result) if evaluating.intervals else result


def _pack(
    options: CallOptions, dataset: Dataset, head: Head, chosen: Mapping[str, dict[str, Any]], seed: int
) -> list[training.Setting]:
    """Build the networks of each setting; their seeds count on from ``seed``."""
    preprocessing, declared = dataset.preprocessing, options_of(options.build)
    is_piece = _pieces_to_choose(options, dataset)
    settings_used = [setting for setting in options.settings() if is_piece.any() or not setting.other_pieces]
    count, pack = options.networks(), []
    for number, setting in enumerate(settings_used):
        model_options = chosen["model"] | dict(setting.model) | options.by_place["model"]
        train_options = chosen["training"] | dict(setting.training) | options.by_place["training"]
        if train_options.get("resume") is not None and len(settings_used) > 1:
            train_options["resume"] = Path(train_options["resume"]) / f"setting-{number}"
        if train_options.get("metrics"):
            train_options["metrics"] = [OwnMetric(metric, dataset.target.decode) for metric in train_options["metrics"]]
        inputs, width = None, preprocessing.inputs
        takes = defaults.takes_pieces(setting, len(dataset.parts["train"]))
        if is_piece.any() and not takes:
            inputs = ~is_piece
            width = int(inputs.sum())
        models = []
        for network in range(number * count, (number + 1) * count):
            own_seed = {"seed": seed + network} if "seed" in declared else {}
            models.append(
                build_network(options.build, width, head.units(dataset.target.units), model_options | own_seed)
            )
            head.start(models[-1], dataset.y("train"))
        pack.append(training.Setting(setting.name, models, train_options, inputs))
    return pack


def _pieces_to_choose(options: CallOptions, dataset: Dataset) -> np.ndarray:
    """Return which inputs are pieces that some settings take and others don't, shape (inputs,)."""
    preprocessing = dataset.preprocessing
    chosen = len(options.settings()) > 1 and "pieces" not in options.by_place["preprocessing"]
    if chosen and isinstance(preprocessing, Preprocessing):
        return preprocessing.is_piece
    return np.zeros(1, bool)


def _settings(options: CallOptions, dataset: Dataset, model_options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of everything but the training, with the values that were used."""
    preprocessing, by_place = dataset.preprocessing, options.by_place
    preprocessed = settings.resolved(type(preprocessing).fit, options.preprocessing(dataset)) | preprocessing.facts
    builder = getattr(options.build, "__name__", type(options.build).__name__)
    streams = dataset.stream is not None or isinstance(dataset.features.pixels, Pictures)
    memory: dict[str, Any] = {"memory": readable(MemoryOptions(**by_place["memory"]).budget)} if streams else {}
    memory |= {"workers": options.workers.world} if options.workers.are_several else {}
    return {
        "effort": options.effort,
        "data": {"source": dataset.name} | settings.shown(by_place["data"] | by_place["reading"]) | memory,
        "preprocessing": preprocessed | settings.resolved(Target.fit, by_place["target"]),
        "weights": settings.shown(by_place["weights"]),
        "model": {"builder": builder} | settings.resolved(options.build, model_options),
        **settings.circumstances(),
    }
