"""Train on a table or on images: the same steps for every task."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recipes.workflow import defaults, settings
from recipes.workflow.call_options import CallOptions, ImageCallOptions
from recipes.workflow.distributed import check_alone, local_workers, train_locally, train_on_cluster
from recipes.workflow.networks import build_pack
from recipes.workflow.options import current_names, route
from toolkit import builders, training
from toolkit.backend import check_process, keep_random_state, load_keras
from toolkit.common import interrupts
from toolkit.common.errors import DataError, nearest
from toolkit.common.files import path_to_write
from toolkit.common.options import options_of
from toolkit.data import prepare as preparing
from toolkit.data.dataset import Dataset
from toolkit.data.images.stack import ImageSet, holds_images
from toolkit.data.memory import MemoryOptions, readable
from toolkit.data.pictures import Pictures
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.source import refuse_labels
from toolkit.data.streaming.merging import collect_numbers
from toolkit.data.streaming.prepare import prepare_stream, table_to_stream
from toolkit.data.streaming.row_groups import RowGroups
from toolkit.data.target import Target
from toolkit.distributed.options import WorkersOptions
from toolkit.distributed.workers import Workers, agree
from toolkit.evaluation.dependence import explained
from toolkit.evaluation.options import Options as EvaluationOptions
from toolkit.evaluation.result import Result, check_order, check_threshold_for, evaluate, timed
from toolkit.heads import Head, get_head
from toolkit.metrics.own_metrics import OwnMetric
from toolkit.report.page import check_page, page_path
from toolkit.runs.comparison import Comparison
from toolkit.runs.run import Run

__all__ = [
    "prepare",
    "read_options",
    "refuse_own_metrics",
    "train",
    "train_and_evaluate",
    "write_report",
]

#: The arguments of each recipe's `train`.
ARGUMENTS = ("target", "test", "head", "effort", "seed", "report")


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
        notes = [*result.notes, *about_networks, *defaults.from_trees(result.pack)]
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
    if images or not may_stream:
        check_alone("networks of images are trained" if images else "a comparison or a cross-validation is done")
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
    pack = build_pack(options, dataset, head, chosen, seed)
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
