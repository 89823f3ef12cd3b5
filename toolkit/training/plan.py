"""The plan of a training: what is trained, in which steps, by which compiled programs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.distributed.workers import ALONE
from toolkit.heads import Head
from toolkit.training.augmentation import check_augmentation
from toolkit.training.callbacks import wants_batches
from toolkit.training.epochs import WORKERS, Worker
from toolkit.training.in_turns import Turns, gains_from_turns, rows_per_network
from toolkit.training.optimizers import PLANNED, make_optimizer
from toolkit.training.options import OPTIMIZERS, Options, default_batch_size, default_epochs
from toolkit.training.row_stream import RowStream
from toolkit.training.scoring import gains_from_xla, is_plain, structure
from toolkit.training.shared_epochs import SharedWorker
from toolkit.training.side_by_side import join, member_axes
from toolkit.training.stopping import end_of_cycle

if TYPE_CHECKING:
    import keras

__all__ = ["Plan", "programs"]

_XLA_STEPS = 2_000  # XLA compiles for one to two seconds, and then saves some 0.2 to 2 ms per step


class Plan:
    """How one network is trained, or several side by side or in turns.

    Args:
        models: Built networks of one structure.
        head: What the scores mean.
        options: The options.
        x: Inputs of the training rows, shape (n, ...).
        left_out: The rows that each network leaves out, to be validated on, shape (n, networks); None leaves out none.
        seed: Seed of the order of the rows.
        stream: The rows of an epoch, where x is only a sample of them.
        soft: Whether each network learns soft targets of its own.

    Attributes:
        learner: The model that callbacks see: the network itself, or all networks side by side.
        shared: Whether other trainings may use the compiled programs: all of the model is Keras's own.
        override: The variable that takes over the learning rate of an optimizer by name; None without callbacks, which
            alone may set it, because a small network trains a tenth faster without it.
        planned_by: Variables with the rate and the number of steps, by which trainings that differ in them share
            programs; None where they are constants.
        step: Rows per step that a network learns from.
        rows: Rows per epoch that a network learns from.
        workers: The processes that train together.

    Raises:
        DataError: The options don't suit the rows or the networks.
    """

    def __init__(
        self,
        models: list[keras.Sequential],
        head: Head,
        options: Options,
        x: NDArray[Any],
        left_out: NDArray[np.bool_] | None = None,
        seed: int = 0,
        stream: RowStream | None = None,
        *,
        soft: bool = False,
    ) -> None:
        import tensorflow as tf

        self.models, self.head, self.options, self.left_out, self.seed = models, head, options, left_out, seed
        self.soft = soft
        n, several, by_name = stream.rows if stream else len(x), len(models) > 1, isinstance(options.optimizer, str)
        self.workers = ALONE if stream is None else stream.workers
        if self.workers.are_several and options.callbacks:
            raise DataError("callbacks see one process, and workers= trains in several: leave out one of them.")
        if several and not by_name:
            raise DataError(f"several networks need an optimizer by name: {', '.join(OPTIMIZERS)}.")
        check_augmentation(x, options.shift, options.flip)
        self.epochs = int(options.epochs or default_epochs(n))
        batch_size = n if options.batch_size == "all" else int(options.batch_size or default_batch_size(n))
        self.batch_size = min(batch_size, n)
        # Each worker has as many rows of a batch.
        self.batch_size = math.ceil(self.batch_size / self.workers.world) * self.workers.world
        last = end_of_cycle(self.epochs, 4 + options.extra_cycles)
        self.patience = options.patience or (last if options.schedule == "cycles" else max(16, self.epochs // 4))
        joins = several or options.feature_scale
        self.learner = join(models, feature_scale=options.feature_scale) if joins else models[0]
        self.member_axes = member_axes(self.learner) if several else None
        self.shared = by_name and is_plain(self.learner)
        self.by_batch = any(wants_batches(callback) for callback in options.callbacks)

        # In turns the networks take turns in one program.
        gains = gains_from_turns(models[0], self.batch_size) if options.in_turns is None else options.in_turns
        self.in_turns = self.shared and several and is_plain(models[0]) and gains
        self.step, self.rows = self.batch_size, n
        if self.in_turns and left_out is not None:
            self.step, self.rows = rows_per_network(left_out, self.batch_size)
        most_rows = self.rows if stream is None else max(stream.rows_by_worker) * self.workers.world
        self.steps = math.ceil(most_rows / self.step)
        all_steps = self.epochs * self.steps
        # Side by side each network's gradient is clipped separately, by the worker: the optimizer sees all at once.
        clip_norm = None if several and not self.in_turns else options.clip_norm
        self.override = tf.Variable(tf.constant(math.nan), trainable=False) if options.callbacks else None
        # Networks in turns repeat the program, networks side by side share its steps.
        many = all_steps * (len(models) if self.in_turns else 1) >= _XLA_STEPS
        self.xla = many and gains_from_xla(self.learner) if options.xla is None else options.xla
        planned_by = [tf.Variable(tf.zeros(()), trainable=False) for _ in ("rate", "steps")]
        self.optimizer, self.learning_rate, self.schedule = make_optimizer(
            options, all_steps, clip_norm, self.override, None if self.xla else planned_by
        )
        self.planned_by = None if self.xla or self.schedule not in PLANNED else planned_by


@contextmanager
def programs(plan: Plan, data: Sequence[Any]) -> Iterator[Worker | Turns]:
    """Provide the compiled programs of a plan for data (x, y, weights or None), and keep them for later trainings."""
    import keras

    options, head, networks = plan.options, plan.head, [plan.learner]
    loss = head.smoothed(options.label_smoothing, soft=plan.soft)
    settings: dict[str, Any] = {"by_layer": options.layer_rates, "clip_norm": options.clip_norm, "xla": plan.xla}
    settings["tied"] = head.ordered
    fresh: dict[str, Any] = {name: getattr(plan, name) for name in ("optimizer", "override", "planned_by")}
    fresh["batch"] = plan.step
    make = partial(SharedWorker, workers=plan.workers) if plan.workers.are_several else Worker
    if not plan.shared:  # the learner itself is trained
        worker = make(plan.learner, loss, **fresh, **settings)
        worker.start(plan.learner)
        yield worker
        return
    if plan.in_turns and options.feature_scale:
        networks = [join([model], feature_scale=True) for model in plan.models]
    elif plan.in_turns:
        networks = plan.models
    # A program is compiled for a structure, a loss, an optimizer and the shapes of the data, with XLA with their rows:
    # networks that differ only in their weights use it one after another.
    shapes = tuple((tuple(part.shape)[not plan.xla :], part.dtype) for part in data if part is not None)
    planned = (plan.learning_rate, plan.epochs * plan.steps)
    rates = (options.optimizer, plan.schedule, options.weight_decay, options.beta_2)
    constants = (plan.workers, plan.override is None, planned if plan.planned_by is None else None, plan.step)
    loss_key = (structure(networks[0]), head, options.label_smoothing, plan.soft)
    key = (*loss_key, *rates, *constants, *settings.values(), *shapes)
    worker = WORKERS.take(key)
    if worker is None:
        worker = make(keras.models.clone_model(networks[0]), loss, **fresh, **settings)
    for variable, value in zip(worker.planned_by or (), planned, strict=False):
        variable.assign(value)
    turns = None
    if plan.in_turns:
        turns = Turns(worker, networks, plan.member_axes or [], plan.left_out, plan.rows, plan.steps, soft=plan.soft)
    (turns or worker).start(plan.learner)
    yield turns or worker
    WORKERS.keep(key, worker)
