"""The options of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from toolkit.common.options import documented

if TYPE_CHECKING:
    import keras

__all__ = ["Options"]


@documented
@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a training, as `toolkit.training.fit` takes them."""

    epochs: Annotated[
        int | None,
        "Passes over the training rows. By default 64, more for few rows (about 2,500 steps, at most 256 "
        "passes), fewer from 100,000 rows on.",
    ] = None
    batch_size: Annotated[
        int | str | None,
        "Rows per step, from 1 up, including those that a network leaves out; 'all' is the whole set. By default 32 up "
        "to 2,000 rows, 128 up to 10,000, 256 up to 200,000, then 1,024.",
    ] = None
    optimizer: Annotated[
        str | keras.optimizers.Optimizer, "sgd, momentum, rmsprop, adam or adamw; in Python any Keras optimizer too."
    ] = "adam"
    learning_rate: Annotated[float | None, "Step size at the start; by default the optimizer's."] = None
    schedule: Annotated[
        str | None,
        "How the learning rate falls over the planned epochs: 'constant', 'cosine' (to 0), 'cycles' (up and down four "
        "times, each cycle twice as long, so that a training that should be short has its end early), 'exponential' "
        "(to 1 %), 'step' (a tenth at one half, a hundredth at three quarters). By default cosine, or constant where "
        "a callback changes the rate.",
    ] = None
    weight_decay: Annotated[
        float | None, "Share of each weight, times the rate, subtracted at every step; by default the optimizer's."
    ] = None
    clip_norm: Annotated[float | None, "Largest norm of a network's whole gradient; by default no limit."] = None
    label_smoothing: Annotated[
        float,
        "Share of each target that cross-entropy spreads over all classes, 0 to below 1: scores then stay small, and "
        "calibration sharpens the probabilities afterwards.",
    ] = 0.0
    feature_scale: Annotated[
        bool,
        "Multiply each column by a learned number in training, and fold it into the first layer afterwards. That layer "
        "must be dense and without penalty. The network learns which columns matter.",
        "columns",
    ] = False
    layer_rates: Annotated[
        bool,
        "With adam, adamw or rmsprop: multiply the rate of each dense layer's weights by the root of 256 over its "
        "inputs, of biases by 1.6, of the columns' scales by 96.",
    ] = False
    shift: Annotated[
        int, "Move each image by up to this many pixels up or down and left or right, anew in each epoch.", "images"
    ] = 0
    flip: Annotated[bool, "Mirror each image, left to right, in about half of the epochs.", "images"] = False
    patience: Annotated[
        int | None,
        "Epochs without a lower validation loss before training stops. By default a quarter of the epochs, at least "
        "16; with the schedule 'cycles' it skips the fourth cycle if the third brought no lower loss (from 32 epochs).",
    ] = None
    min_gradient_norm: Annotated[
        float | None, "Stop when the norm of the gradient over all training rows is below this; by default never."
    ] = None
    callbacks: Annotated[
        Sequence[keras.callbacks.Callback],
        "Keras callbacks, called at each epoch, and at each batch where they ask for batches, which is slower. Their "
        "model is the one in training; of several networks, all side by side.",
    ] = ()
    shuffle: Annotated[bool, "Draw a new order of the rows in every epoch."] = True
    progress: Annotated[bool, "Show the progress of the training."] = True
