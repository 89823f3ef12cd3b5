"""The arguments that recipes share, and the options that they pass on to where each is declared.

Naming an option of the builder, such as `hidden`, `dropout` or `l2`, leaves the default network: one network is
trained, with the defaults of the builder elsewhere, and the run's notes say so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from toolkit.builders import cnn, mlp
from toolkit.common.errors import DataError
from toolkit.common.options import Option, documented, options_of, refuse_unknown

if TYPE_CHECKING:
    import keras
    import numpy as np
    from typing_extensions import TypedDict

    class Options(TypedDict, total=False, extra_items=Any):
        """The options that recipes pass on, for type checkers and completion; others are those of a user's builder.

        A test compares them with the declarations that `all_options` collects.
        """

        validation: Any
        group: str | Sequence[str]
        time: str | None
        keep: str | Sequence[str]
        drop: str | Sequence[str]
        categories: str | Sequence[str]
        sample_weight: str | np.ndarray | None
        positive: Any
        sep: str | None
        decimal: str | None
        thousands: str | None
        encoding: str | None
        header: int | str | None
        na_values: str | Sequence[str]
        dayfirst: bool | None
        memory: int | str | None
        workers: int | None
        cluster: str | None
        scaling: str
        pieces: int
        rare: int | None
        most_levels: int | None
        codes: str | Sequence[str] | None
        log_target: bool
        quantiles: Sequence[float] | None
        class_weight: str | Mapping[Any, float] | None
        hidden: Sequence[int]
        activation: str | Sequence[str]
        initializer: str
        bias_spread: float
        l1: float
        l2: float
        max_norm: float | None
        dropout: float | Sequence[float]
        batch_norm: bool
        filters: int
        epochs: int | None
        batch_size: int | str | None
        optimizer: str | keras.optimizers.Optimizer
        learning_rate: float | None
        schedule: str | None
        beta_2: float | None
        weight_decay: float | None
        clip_norm: float | None
        label_smoothing: float
        feature_scale: bool
        layer_rates: bool
        shift: int
        flip: bool
        metric: str | None
        metrics: Sequence[Callable[[Any, Any], Any]]
        patience: int | None
        extra_cycles: int
        time_limit: float | None
        min_gradient_norm: float | None
        callbacks: Sequence[keras.callbacks.Callback]
        xla: bool | None
        resume: str | Path | None
        progress: bool
        build: str | Callable[..., Any] | None
        members: int | None
        baselines: bool
        threshold: str | float | None


__all__ = ["Cv", "Effort", "Report", "Seed", "Seeds", "Test", "all_options", "current_names", "route"]


Test = Annotated[
    Any,
    "Rows to test on: a fraction of the data (0.2), a number of rows (200), 0 for none (train on everything), or a "
    "path, a DataFrame or an (X, y) pair. By default a fraction that suits the number of rows.",
]
Effort = Annotated[
    str,
    "Time to spend. 'quick' trains one default network, 'default' sixteen of four settings and 'best' 48 of six. "
    "Those of the best one or two settings answer with the mean of their scores, weighted by how each setting did on "
    "rows left out; for images more effort makes the network wider and trains it longer.",
]
Seed = Annotated[
    int, "Seed of the split, the initial weights and the order of the rows: the same seed gives the same run."
]
Seeds = Annotated[
    int | Sequence[int],
    "How many seeds, or which ones. Each draws a split, initial weights and an order of the rows for all heads.",
]
Cv = Annotated[
    Any,
    "How many folds, or a splitter of scikit-learn that tests each row once at most (it gets group= as its groups, and "
    "with time= the rows in order). Folds are stratified; equal rows and groups stay together. With time= each fold "
    "tests the rows that come next, and trains on earlier ones.",
]
Report = Annotated[str | Path | None, "Where to write the HTML report."]


@documented
@dataclass(kw_only=True)
class Networks:
    """Which networks are trained, and how many of them."""

    build: Annotated[
        str | Callable[..., Any] | None,
        "The network: mlp, linear or cnn; in Python also a function of (inputs, units) that returns a keras.Sequential "
        "or a functional model, with one input and a linear output. By default mlp, and for images cnn.",
    ] = None
    members: Annotated[
        int | None,
        "How many networks, which differ in their initial weights, answer with the mean of their scores. By "
        "default the effort decides for the default network; others are trained once.",
    ] = None


def all_options(build: Callable[..., Any] = mlp) -> dict[str, dict[str, Option]]:
    """Return every option that a recipe passes on to a builder and elsewhere, by the place where it acts."""
    from toolkit.data.memory import MemoryOptions
    from toolkit.data.prepare import prepare
    from toolkit.data.preprocessing import Preprocessing
    from toolkit.data.reading_options import ReadingOptions
    from toolkit.data.row_weights import row_weights
    from toolkit.data.target import Target
    from toolkit.distributed.options import WorkersOptions
    from toolkit.evaluation.options import Options as EvaluationOptions
    from toolkit.heads import get_head
    from toolkit.training.options import Options as TrainingOptions

    return {
        "data": options_of(prepare, leave_out=("task", "test", "seed")),
        "reading": options_of(ReadingOptions),
        "memory": options_of(MemoryOptions),
        "workers": options_of(WorkersOptions),
        "preprocessing": options_of(Preprocessing.fit),
        "target": options_of(Target.fit),
        "head": options_of(get_head),
        "weights": options_of(row_weights),
        "model": options_of(build, leave_out=("seed", "pixels")),
        "training": options_of(TrainingOptions, leave_out=("shuffle", "in_turns")),
        # Convolutions are not trained side by side.
        "ensemble": options_of(Networks, leave_out=("members",) if build is cnn else ()),
        "evaluation": options_of(EvaluationOptions, leave_out=("intervals", "metrics")),
    }


def current_names(options: Mapping[str, Any], *, stacklevel: int) -> dict[str, Any]:
    """Return the options of a training with ``seeds``, the former name of ``members``, replaced.

    Args:
        options: Options by name.
        stacklevel: How many calls above this function the user's own code is, for the warning.

    Raises:
        DataError: Both names are given.
    """
    if "seeds" not in options:
        return dict(options)
    if "members" in options:
        raise DataError("seeds is the former name of members: give members alone.")
    warnings.warn(
        "seeds, the number of networks, is now called members. The former name still works, but a later version will "
        "refuse it.",
        FutureWarning,
        stacklevel=stacklevel + 1,
    )
    return {"members" if name == "seeds" else name: value for name, value in options.items()}


def route(
    options: Mapping[str, Any], build: Callable[..., Any], *, images: bool, arguments: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return options by the place that declares them.

    Args:
        options: Options by name.
        build: The builder.
        images: Whether they are for images, and not for columns.
        arguments: The arguments of the function itself, which an unknown option may have meant.

    Raises:
        DataError: No place declares an option (the message names the nearest), or it does not suit images.
    """
    by_place = all_options(build)
    declared = {name: option for group in by_place.values() for name, option in group.items()}
    dense = options_of(mlp, leave_out=("seed", "pixels"))
    if build is cnn and "members" in options:
        raise DataError("members: networks of cnn can't be trained side by side: leave it out.")
    for name in options:
        if images and name in declared and "columns" in declared[name].only:
            raise DataError(f"option '{name}' is for columns, and these are images: leave it out.")
        if images and name not in declared and "build" not in options and name in dense:
            raise DataError(f"'{name}' is an option of mlp, and images are for cnn: add build='mlp'.")
    suitable = [name for name in declared if not (images and "columns" in declared[name].only)]
    refuse_unknown(options, suitable, arguments)
    return {key: {name: options[name] for name in options if name in group} for key, group in by_place.items()}
