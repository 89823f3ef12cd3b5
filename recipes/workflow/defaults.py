"""The defaults that depend on the task, the effort and the rows: all in one place, and shown in the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import join_names
from toolkit.heads import Head
from toolkit.metrics.score_metric import SMOOTHING_HARMS
from toolkit.training import default_epochs
from toolkit.training.callbacks import moves_rate

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHOSEN",
    "COMPARED",
    "DEFAULT_NETWORK",
    "HELP",
    "IMAGE_EFFORTS",
    "NETWORKS",
    "SETTINGS",
    "by_setting",
    "check_effort",
    "choose",
    "choose_for_images",
    "departures",
    "from_trees",
    "image_epochs",
    "networks",
    "preprocessing",
    "settings",
    "streamed_networks",
    "takes_pieces",
]

#: Networks of a setting by effort. Each leaves out another fold of the rows to choose its epoch on. For images one:
#: convolutions are not trained side by side.
NETWORKS = {"quick": 1, "default": 4, "best": 8}


class Setting(NamedTuple):
    """One of the settings of the default network, of which validation chooses.

    Attributes:
        name: What the report calls it.
        model: Options of the builder that differ from those of the first setting.
        training: Options of the training that differ from those of the first setting.
        other_pieces: Whether its networks take the pieces of numbers where the others don't, and don't where they do.
        trees: Share of the trees' predictions in what its networks learn (`toolkit.training.teacher`).
    """

    name: str
    model: Mapping[str, Any] = {}
    training: Mapping[str, Any] = {}
    other_pieces: bool = False
    trees: float = 0.0


#: The settings of the default network. No single one suits all tables: networks of each are trained, and those answer
#: that do best on rows that they have not learned from (`toolkit.training.pack`).
#:
#: On ten tables of the benchmark, on rows left out, targets from trees have 5 % less log loss than the best other
#: setting on in_vehicle_coupon and splice, and 3 % less squared error on wine_quality_white; on adult, car_msrp,
#: digits, heloc, miami_housing, titanic and wine_quality_red others are as good or better. Networks trained once
#: more on all rows, for the epochs that were best on those left out, did no better: 0.5 % more RMSE on three tables,
#: and from 1 % less to 3 % more log loss on four.
SETTINGS = (
    Setting("dropout 0.15"),
    Setting("no dropout", {"dropout": 0.0}),
    Setting("no dropout, other inputs", {"dropout": 0.0}, other_pieces=True),
    Setting("targets from trees", trees=0.65),
    Setting("dropout 0.45", {"dropout": 0.45}),
    Setting("dropout 0.3", {"dropout": 0.3}),
)
_SETTINGS = {"quick": 1, "default": 4, "best": 6}

#: For images by effort: filters of the first convolution, and passes as a share of `image_epochs`.
IMAGE_EFFORTS = {"quick": (16, 0.4), "default": (32, 1.0), "best": (48, 2.0)}

#: The heads that `compare` takes by default; the others are compared with the first.
COMPARED: dict[str, tuple[str, ...]] = {
    "regression": ("squared", "absolute", "huber"),
    "binary": ("logistic", "hinge", "squared_hinge"),
    "multiclass": ("softmax", "hinge", "squared_hinge"),
    "multilabel": ("logistic", "hinge", "squared_hinge", "separate"),
}

#: The options that are chosen here where the user leaves them out.
CHOSEN = (
    *("scaling", "pieces", "bias_spread", "dropout", "filters", "epochs", "batch_size", "learning_rate", "schedule"),
    *("label_smoothing", "feature_scale", "layer_rates", "shift", "activation", "beta_2", "clip_norm", "extra_cycles"),
)

#: What is chosen for columns and for images, for options whose help text says what `toolkit.training.fit` chooses.
HELP = {
    "columns": {
        "epochs": "Passes over the training rows. By default 64, fewer from 100,000 rows on, and more for few rows if "
        "you name the layers or the optimizer, or while they clearly help (extra_cycles=).",
        "batch_size": "Rows per step, including those that a network leaves out; 'all' is the whole set. By default a "
        "tenth of the rows, at least 16 and at most 256, and 1,024 from 200,000 rows on; if you name the layers or the "
        "optimizer 32 up to 2,000 rows, 128 up to 10,000, then as before.",
        "learning_rate": "Step size at the start. By default 0.00125, for regression 0.0044, and with an optimizer "
        "that you name its own.",
        "clip_norm": "Largest norm of a network's whole gradient. By default no limit, and 1 for the default network "
        "with sgd or momentum at their own rates.",
    },
    "images": {
        "epochs": "Passes over the training images. By default 16 for 51,000 images, half as many for eight times the "
        "images, at least 5 and at most 100; 0.4 times that for quick effort, and twice that for best.",
        "batch_size": "Images per step; 'all' is the whole set. By default 32 up to 2,000 images, 64 up to 20,000, "
        "then 128.",
        "learning_rate": "Step size at the start. By default 0.005, and with an optimizer that you name its own.",
    },
}

# RealMLP's defaults (Holzmueller et al. 2024), with two layers in place of three: on seven tables (digits, heloc,
# miami_housing, splice, titanic, wine_quality_red and _white) four networks with each of three settings have 0.6 % less
# log loss or RMSE so, in two thirds of the time. RealMLP writes the rates 16 times larger, for a layer with one input.
DEFAULT_NETWORK = {"hidden": (256, 256), "activation": "mish", "bias_spread": 1.0, "dropout": 0.15}
_BETA_2 = 0.95
_EXTRA_CYCLES = 2  # smooth functions of few columns are learned in several hundred epochs
_STEP_GROWS = ("sgd", "momentum")  # their steps grow with the gradient
# By the head's link. On four binary tables (adult, bank_marketing, heloc, in_vehicle_coupon) 0.03 has 0 to 2 % less log
# loss than 0.1 and a third less calibration error; on digits and splice 0.1 has 1 and 4 % less log loss than 0.03.
_SMOOTHING = {"softmax": 0.1, "sigmoid": 0.03}
_IMAGE_SMOOTHING = 0.1
_IMAGE_RATE = 0.005
_SEVERAL_ROWS = 4_000_000  # streamed training rows from which on one setting is trained
_FEW_ROWS, _MANY_ROWS = 300, 2_000  # training rows from which on some networks, and most of them, take pieces
_RATES = {"regression": 0.0044, "binary": 0.00125, "multiclass": 0.00125, "multilabel": 0.00125}

#: The options that were given, by the place where they act.
ByPlace = Mapping[str, Mapping[str, Any]]


def check_effort(effort: str) -> None:
    """Check that an effort is known; raise a DataError if it is not."""
    if not isinstance(effort, str) or effort not in NETWORKS:
        raise DataError(f"effort={effort!r}: expected one of {', '.join(NETWORKS)}.{nearest(effort, NETWORKS)}")


def preprocessing(
    options: ByPlace, rows: int, numbers: int, *, custom: bool = False, several: bool = False
) -> dict[str, Any]:
    """Return the options of `toolkit.data.preprocessing.Preprocessing.fit`.

    Numbers are cut into pieces (Gorishniy et al. 2022) only for the default network, from 2,000 rows on, which fill the
    pieces with 100 rows each, and for not too many columns. Fewer rows get 16 pieces where several settings are
    trained, since some networks take them then.

    Args:
        options: The options that were given, by place.
        rows: Number of training rows.
        numbers: Number of columns of numbers.
        custom: Whether the builder is any other than `mlp`.
        several: Whether networks of several settings are trained.

    Example:
        >>> preprocessing({"model": {}, "preprocessing": {}}, 13_000, 8)
        {'scaling': 'smooth', 'pieces': 32}
        >>> preprocessing({"model": {}, "preprocessing": {}}, 500, 8, several=True)
        {'scaling': 'smooth', 'pieces': 16}
    """
    pieces = 0 if custom or options["model"] else min(32, rows // 100, 1_024 // max(1, numbers))
    if rows < _MANY_ROWS:
        pieces = 16 if several and rows >= _FEW_ROWS and 16 * numbers <= 1_024 else 0
    return {"scaling": "smooth", "pieces": pieces if pieces >= 8 else 0} | dict(options["preprocessing"])


def takes_pieces(setting: Setting, rows: int) -> bool:
    """Return whether the networks of a setting take the pieces of numbers, for a number of training rows.

    Example:
        >>> [takes_pieces(setting, 500) for setting in SETTINGS]
        [False, False, True, False, False, False]
    """
    return setting.other_pieces != (rows >= _MANY_ROWS)


def choose(head: Head, effort: str, options: ByPlace, rows: int, *, custom: bool = False) -> dict[str, Any]:
    """Return the options of the builder and of the training that suit the options that were given.

    A network whose width, activation or the like the user chooses is one network, without dropout and smoothed labels
    unless they are asked for. With a builder or an optimizer of the user's own, training is as in Keras.

    What each default brings to one network is measured on twelve tables in ``reports/benchmarks/ablation.md``. On the
    ten of them where more than a few rows are wrong, a rate for each layer brings 8 % of the error, dropout 7 %, the
    scale of the columns 6 %, beta_2 4 %, Mish 3 %, smoothed labels 2 %, the cycles of the rate 1 %, and the scaling and
    spread biases nothing. Four networks bring 5 %, and four with each of three settings 7 %. It is one split of each.

    The options of the user come by place, as for `preprocessing`, and so do the options that are returned.

    Example:
        >>> from toolkit.heads import get_head
        >>> nothing = {"model": {}, "training": {}}
        >>> choose(get_head("binary", "logistic"), "default", nothing, 300)["model"]
        {'hidden': (256, 256), 'activation': 'mish', 'bias_spread': 1.0, 'dropout': 0.15}
        >>> choose(get_head("binary", "logistic"), "default", nothing | {"model": {"hidden": (25, 15)}}, 300)["model"]
        {}
    """
    check_effort(effort)
    designed = custom or bool(options["model"])
    training: dict[str, Any] = {}
    if not custom and "optimizer" not in options["training"]:
        penalized = {"l1", "l2", "max_norm"} & set(options["model"])
        training = {"learning_rate": _RATES[head.task], "layer_rates": True, "feature_scale": not penalized}
        if not any(map(moves_rate, options["training"].get("callbacks", ()))):
            training["schedule"] = "cycles"
        if not designed:
            # Fewer passes than a plain network needs, because the rates are higher.
            training |= {"epochs": min(64, default_epochs(rows)), "batch_size": _batch_size(rows), "beta_2": _BETA_2}
            if "epochs" not in options["training"]:
                training["extra_cycles"] = _EXTRA_CYCLES
            training |= _smoothing(head, options, _SMOOTHING.get(head.link or "", 0.1))
    elif (
        not designed and options["training"]["optimizer"] in _STEP_GROWS and "learning_rate" not in options["training"]
    ):
        training["clip_norm"] = 1.0  # wide layers have large gradients, and the first steps would diverge
    return {"model": {} if designed else dict(DEFAULT_NETWORK), "training": training}


def departures(model: Mapping[str, Any], networks: int) -> list[str]:
    """Return a sentence on the options of the builder that leave the default network, where some were given.

    Args:
        model: The options of the builder that the user gave.
        networks: Number of networks that were trained.

    Example:
        >>> departures({"hidden": (64,), "dropout": 0.2}, 1)
        ['hidden= and dropout= leave the default network: one network was trained, with the defaults of mlp.']
    """
    if not model:
        return []
    trained = "one network was" if networks == 1 else f"{networks} networks were"
    subject = f"{join_names([f'{name}=' for name in model])} {'leaves' if len(model) == 1 else 'leave'}"
    return [f"{subject} the default network: {trained} trained, with the defaults of mlp."]


def streamed_networks(effort: str, options: ByPlace, streamed_rows: int, *, custom: bool = False) -> list[str]:
    """Return a sentence on the networks of rows that are read anew in each epoch, if in memory there would be more.

    Example:
        >>> nothing = {"model": {}, "training": {}, "ensemble": {}}
        >>> print(*streamed_networks("default", nothing, 1_000_000))  # doctest: +NORMALIZE_WHITESPACE
        2 networks with each of 2 settings were trained, where rows in memory get 4 with each of 4: each setting reads
        all rows anew, and many rows leave several networks little to differ in. All were validated on the same rows,
        not on folds.
        >>> streamed_networks("quick", nothing, 1_000_000)
        []
    """
    now, usual = (
        (len(settings(effort, options, rows, custom=custom)), networks(effort, options, rows, custom=custom))
        for rows in (streamed_rows, 0)
    )
    if now == usual:
        return []
    trained = f"{now[1]} networks with {'one setting' if now[0] == 1 else f'each of {now[0]} settings'} were trained"
    return [
        f"{trained}, where rows in memory get {usual[1]} with each of {usual[0]}: each setting reads all rows anew, "
        "and many rows leave several networks little to differ in. All were validated on the same rows, not on folds."
    ]


def from_trees(pack: pd.DataFrame | None) -> list[str]:
    """Return a sentence on the networks that learned from trees, if some of them answer.

    Args:
        pack: One row per setting, as `toolkit.training.fit_pack` returns it, or None.

    Example:
        >>> import pandas as pd
        >>> pack = pd.DataFrame({"setting": [SETTINGS[0].name, SETTINGS[3].name], "networks": [4, 4], "weight": [0, 1]})
        >>> print(*from_trees(pack))  # doctest: +NORMALIZE_WHITESPACE
        4 networks learned targets that are 65 % predictions of boosted trees, which had not seen the rows that they
        predicted. With them the answer was better on the rows left out.
    """
    if pack is None:
        return []
    answering = pack[pack["weight"] > 0].set_index("setting")["networks"]
    return [
        f"{answering[setting.name]} networks learned targets that are {100 * setting.trees:g} % predictions of boosted "
        "trees, which had not seen the rows that they predicted. With them the answer was better on the rows left out."
        for setting in SETTINGS
        if setting.trees and setting.name in answering.index
    ]


def _smoothing(head: Head, options: ByPlace, share: float) -> dict[str, float]:
    """Return the label smoothing, for heads that can be smoothed; none where it would harm the metric of the user."""
    harms = options["training"].get("metric") in SMOOTHING_HARMS
    return {"label_smoothing": share} if head.can_be_smoothed and not harms else {}


def _batch_size(rows: int) -> int:
    """Return the rows per step: a tenth of few rows, then 256, and 1,024 for very many.

    Example:
        >>> [_batch_size(rows) for rows in (100, 640, 3_000, 500_000)]
        [16, 64, 256, 1024]
    """
    return 1_024 if rows > 200_000 else max(16, min(256, 2 ** round(math.log2(rows / 10))))


def networks(effort: str, options: ByPlace, streamed_rows: int = 0, *, custom: bool = False) -> int:
    """Return how many networks of a setting are trained: the user's number, several default networks, or another one.

    A custom builder is any other than `mlp`; images count as one. On rows that are read anew in each epoch half as many
    networks are trained, because many rows leave them little to differ in.

    Raises:
        DataError: The user's number is not a whole number from 1 to 1,000.

    Example:
        >>> nothing = {"model": {}, "training": {}, "ensemble": {}}
        >>> networks("default", nothing), networks("default", nothing | {"model": {"hidden": (25, 15)}})
        (4, 1)
    """
    members = options["ensemble"].get("members")
    if members is not None:
        count = int(members) if isinstance(members, Integral) and not isinstance(members, bool) else 0
        if not 1 <= count <= 1_000:
            raise DataError(f"members={members!r}: expected a whole number of networks, from 1 to 1,000.")
        return count
    count = NETWORKS[effort] if _is_default(options, custom=custom) else 1
    return max(1, count // 2) if streamed_rows else count


def settings(effort: str, options: ByPlace, streamed_rows: int = 0, *, custom: bool = False) -> tuple[Setting, ...]:
    """Return the settings of which networks are trained: several for the default network, unless the user counts them.

    At most two settings are trained on rows that are read anew in each epoch, and one from 4 million on, because each
    setting reads all of them.

    Example:
        >>> nothing = {"model": {}, "training": {}, "ensemble": {}}
        >>> [setting.name for setting in settings("default", nothing)]
        ['dropout 0.15', 'no dropout', 'no dropout, other inputs', 'targets from trees']
        >>> len(settings("default", nothing | {"ensemble": {"members": 8}}))
        1
    """
    several = _is_default(options, custom=custom) and options["ensemble"].get("members") is None
    most = len(SETTINGS) if not streamed_rows else 2 if streamed_rows < _SEVERAL_ROWS else 1
    return SETTINGS[: min(most, _SETTINGS[effort]) if several else 1]


def by_setting(settings: Sequence[Setting], chosen: ByPlace, options: ByPlace) -> dict[str, dict[str, Any]]:
    """Return the options of the builder and of the training in which the settings of a run's networks differ.

    Args:
        settings: The settings whose networks are in the model.
        chosen: The options of the first of `SETTINGS`, as `choose` returns them, by place.
        options: The options that the user gave, by place, which all settings share.

    Returns:
        The options by place; each has its value by the setting's name, and for one setting just its value.

    Example:
        >>> nothing = {"model": {}, "training": {}}
        >>> chosen = {"model": {"dropout": 0.15}, "training": {}}
        >>> by_setting([SETTINGS[0], SETTINGS[1]], chosen, nothing)["model"]
        {'dropout': {'dropout 0.15': 0.15, 'no dropout': 0.0}}
        >>> by_setting([SETTINGS[4]], chosen, nothing)["model"], by_setting([SETTINGS[0]], chosen, nothing)["model"]
        ({'dropout': 0.45}, {})
    """
    differing: dict[str, dict[str, Any]] = {"model": {}, "training": {}}
    for place, values in differing.items():
        changes = {setting.name: getattr(setting, place) for setting in settings}
        for name in dict.fromkeys(name for changed in changes.values() for name in changed):
            if name not in options[place]:
                by_name = {key: changed.get(name, chosen[place].get(name)) for key, changed in changes.items()}
                values[name] = by_name if len(settings) > 1 else by_name[settings[0].name]
    return differing


def _is_default(options: ByPlace, *, custom: bool) -> bool:
    """Return whether the default network is trained; a Keras optimizer is for one network, a name makes several."""
    return not (custom or options["model"]) and isinstance(options["training"].get("optimizer", ""), str)


def choose_for_images(
    head: Head, effort: str, options: ByPlace, rows: int, shape: Sequence[int], builder: str
) -> dict[str, Any]:
    """Return what `choose` does, for images: more effort makes the `cnn` wider and trains it longer.

    The shape is height, width and channels of an image. With `"mlp"` and `"linear"` as the builder training is as on a
    table, and with any other name but `"cnn"` as with a builder of the user's own.

    Example:
        >>> from toolkit.heads import get_head
        >>> nothing = {"model": {}, "training": {}, "ensemble": {}}
        >>> chosen = choose_for_images(get_head("binary", "logistic"), "default", nothing, 51_000, (28, 28, 1), "cnn")
        >>> chosen["model"], chosen["training"]["epochs"], chosen["training"]["shift"]
        ({'filters': 32}, 16, 2)
    """
    if builder != "cnn":
        chosen = choose(head, effort, options, rows, custom=builder != "mlp")
        chosen["training"].pop("feature_scale", None)  # pixels are not columns
        return chosen
    check_effort(effort)
    filters, passes = IMAGE_EFFORTS[effort]
    training: dict[str, Any] = {
        "epochs": max(1, round(passes * image_epochs(rows))),
        "batch_size": 32 if rows <= 2_000 else 64 if rows <= 20_000 else 128,
        "shift": min(shape[:2]) // 14,
    }
    if "optimizer" not in options["training"]:
        training |= {"learning_rate": _IMAGE_RATE} | _smoothing(head, options, _IMAGE_SMOOTHING)
    return {"model": {"filters": filters}, "training": training}


def image_epochs(rows: int) -> int:
    """Return the passes that suit a number of training images: half as many for eight times the images.

    Example:
        >>> [image_epochs(rows) for rows in (100, 1_000, 10_000, 51_000, 1_000_000)]
        [100, 59, 28, 16, 6]
    """
    return max(5, min(100, round(16 * (51_000 / rows) ** (1 / 3))))
