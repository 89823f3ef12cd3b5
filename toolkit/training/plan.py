"""The plan of a training: what is trained, in which steps, by which compiled programs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.heads import Head
from toolkit.training.augmentation import check_augmentation
from toolkit.training.callbacks import wants_batches
from toolkit.training.epochs import WORKERS, Worker
from toolkit.training.in_turns import Turns, gains_from_turns, rows_per_network
from toolkit.training.optimizers import make_optimizer
from toolkit.training.options import OPTIMIZERS, Options, default_batch_size, default_epochs
from toolkit.training.scoring import gains_from_xla, is_plain, structure
from toolkit.training.side_by_side import join, member_axes

if TYPE_CHECKING:
    import keras

__all__ = ["Plan", "make_plan", "programs"]

_XLA_STEPS = 2_000  # XLA compiles for one to two seconds, and then saves some 0.2 to 2 ms per step


@dataclass(frozen=True)
class Plan:
    """How one network is trained, or several side by side or in turns.

    Attributes:
        options: The options that were given.
        models: The networks.
        learner: The model that callbacks see: the network itself, or all networks side by side.
        left_out: The rows that each network leaves out, to be validated on, shape (n, networks); None leaves out none.
        optimizer: The optimizer of the first training with this plan.
        learning_rate: Its initial learning rate.
        schedule: The name of its schedule.
        in_turns: Whether the networks are trained in turns.
        shared: Whether other trainings may use the compiled programs: no callback looks at the model, and all of it is
            Keras's own.
        epochs: Number of epochs.
        batch_size: Rows per step, those that a network leaves out included.
        patience: Epochs without a lower validation loss before training stops.
        step: Rows per step that a network learns from.
        rows: Rows per epoch that a network learns from.
    """

    options: Options
    models: list[keras.Sequential]
    learner: keras.Sequential
    left_out: NDArray[np.bool_] | None
    optimizer: keras.optimizers.Optimizer
    learning_rate: float
    schedule: str
    in_turns: bool
    shared: bool
    epochs: int
    batch_size: int
    patience: int
    step: int
    rows: int

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return math.ceil(self.rows / self.step)

    @property
    def by_batch(self) -> bool:
        """Whether a callback is called at each batch."""
        return any(wants_batches(callback) for callback in self.options.callbacks)

    @property
    def member_axes(self) -> list[int] | None:
        """The networks' axis of each weight of the learner; None for a single network."""
        return member_axes(self.learner) if len(self.models) > 1 else None

    @property
    def xla(self) -> bool:
        """Whether XLA compiles the programs."""
        if self.options.xla is not None:
            return self.options.xla
        steps = self.epochs * self.steps * (len(self.models) if self.in_turns else 1)
        return steps >= _XLA_STEPS and gains_from_xla(self.learner)

    @property
    def loop(self) -> str:
        """The loop in words."""
        ways = ", batch by batch for a callback" if self.by_batch else ""
        if len(self.models) > 1:
            ways += ", networks in turns" if self.in_turns else ", networks side by side"
        return f"compiled epoch{ways}"


def make_plan(
    models: list[keras.Sequential], options: Options, x: NDArray[Any], left_out: NDArray[np.bool_] | None
) -> Plan:
    """Return the plan that suits networks, options and rows.

    Args:
        models: Built networks of one structure.
        options: The options.
        x: Inputs of the training rows, shape (n, ...).
        left_out: The rows that each network leaves out, shape (n, networks), or None.

    Raises:
        DataError: The options don't suit the rows or the networks.
    """
    several, n = len(models) > 1, len(x)
    if several and not isinstance(options.optimizer, str):
        raise DataError(f"several networks need an optimizer by name: {', '.join(OPTIMIZERS)}.")
    check_augmentation(x, options.shift, options.flip)
    epochs = int(options.epochs or default_epochs(n))
    batch_size = min(n if options.batch_size == "all" else int(options.batch_size or default_batch_size(n)), n)
    patience = options.patience or (epochs if options.schedule == "cycles" else max(16, epochs // 4))
    learner = join(models, feature_scale=options.feature_scale) if several or options.feature_scale else models[0]
    shared = not options.callbacks and isinstance(options.optimizer, str) and is_plain(learner)
    in_turns = shared and several and is_plain(models[0])
    in_turns = in_turns and (gains_from_turns(models[0], batch_size) if options.in_turns is None else options.in_turns)
    step, rows = rows_per_network(left_out, batch_size) if in_turns and left_out is not None else (batch_size, n)
    # Of networks side by side each one's gradient is clipped separately, in the worker: the optimizer sees only all.
    clip_norm = None if several and not in_turns else options.clip_norm
    optimizer, learning_rate, schedule = make_optimizer(options, epochs * math.ceil(rows / step), clip_norm)
    return Plan(
        options=options,
        models=models,
        learner=learner,
        left_out=left_out,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        in_turns=in_turns,
        shared=shared,
        epochs=epochs,
        batch_size=batch_size,
        patience=int(patience),
        step=step,
        rows=rows,
    )


@contextmanager
def programs(plan: Plan, head: Head, data: Sequence[Any]) -> Iterator[Worker | Turns]:
    """Provide the compiled programs of a plan, with the networks' weights in them, and keep them afterwards.

    Args:
        plan: The plan.
        head: What the scores mean.
        data: x, y, and weights or None, on the device.
    """
    import keras

    options, networks = plan.options, [plan.learner]
    loss = head.smoothed(options.label_smoothing)
    settings: dict[str, Any] = {"by_layer": options.layer_rates, "clip_norm": options.clip_norm, "xla": plan.xla}
    if not plan.shared:
        plan.learner.compile(optimizer=plan.optimizer, loss=head.loss(), metrics=head.keras_metrics())
        worker = Worker(plan.learner, loss, plan.optimizer, plan.step, **settings)
        worker.start(plan.learner)
        yield worker
        return
    if plan.in_turns and options.feature_scale:
        networks = [join([model], feature_scale=True) for model in plan.models]
    elif plan.in_turns:
        networks = plan.models
    shapes = tuple((tuple(part.shape), part.dtype) for part in data if part is not None)
    rates = (options.optimizer, options.learning_rate, options.schedule, options.weight_decay, plan.epochs * plan.steps)
    loss_key = (structure(networks[0]), head, options.label_smoothing)
    key = (*loss_key, *rates, plan.step, *settings.values(), *shapes)
    worker = WORKERS.take(key)
    if worker is None:
        worker = Worker(keras.models.clone_model(networks[0]), loss, plan.optimizer, plan.step, **settings)
    lent: Worker | Turns = worker
    if plan.in_turns:
        lent = Turns(worker, networks, member_axes(plan.learner), plan.left_out, plan.rows)
    lent.start(plan.learner)
    yield lent
    WORKERS.keep(key, worker)
