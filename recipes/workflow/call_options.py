"""The options of one call, sorted by where they act, with the defaults that depend on the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipes.workflow import defaults
from recipes.workflow.distributed import joined
from toolkit import builders
from toolkit.data.dataset import SplitData
from toolkit.distributed.options import WorkersOptions
from toolkit.distributed.workers import ALONE, Workers
from toolkit.heads import Head
from toolkit.metrics.score_metric import score_metric

__all__ = ["CallOptions", "ImageCallOptions"]


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
