"""The user's Keras callbacks in a training: what they see, and what they change."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from toolkit.common.errors import DataError
from toolkit.training.callbacks import counts_of
from toolkit.training.epochs import Worker
from toolkit.training.in_turns import Turns
from toolkit.training.optimizers import make_optimizer
from toolkit.training.plan import Plan

__all__ = ["Hooks"]


class Hooks:
    """Calls the hooks of the user's callbacks.

    What is trained are copies in compiled programs. Callbacks see the plan's learner: at each hook it has the current
    weights, and its optimizer the current rate. A callback that only looks at them therefore changes nothing. Weights
    and a rate that it sets are copied back.

    Args:
        plan: The plan.
        worker: The compiled programs, started.

    Attributes:
        rate_from: The first epoch whose rate a callback set; None as long as none has.
    """

    def __init__(self, plan: Plan, worker: Worker | Turns) -> None:
        import keras

        self._plan, self._worker = plan, worker
        self.rate_from: int | None = None
        self._epoch, self._step, self._rate = 1, -1, 0.0
        self._rate_was_set = False
        if not plan.options.callbacks:
            return
        learner, head = plan.learner, plan.head
        self._by_name = isinstance(plan.options.optimizer, str)
        self._optimizer = plan.optimizer
        if self._by_name:
            self._optimizer = make_optimizer(
                dataclasses.replace(plan.options, schedule="constant"), 1, plan.options.clip_norm
            )[0]
            self._variable: Any = self._optimizer.learning_rate
            self._optimizer.build(learner.trainable_variables)
            self._assign = self._variable.assign
            self._variable.assign = self._set_rate  # a rate that equals the planned one is noticed, too
        # The random states of the learner, which a callback that calls it may move on.
        self._random = [v for v in learner.variables if not any(v is weight for weight in learner.weights)]
        learner.compile(optimizer=self._optimizer, loss=head.loss(), metrics=head.keras_metrics())
        params = {"epochs": plan.epochs, "steps": plan.steps, "batch_size": plan.batch_size, "verbose": 0}
        self._list = keras.callbacks.CallbackList(list(plan.options.callbacks), model=learner, **params)

    def __call__(self, hook: str, *arguments: Any) -> None:
        """Call a hook of all callbacks, and take over what they set.

        Raises:
            DataError: A callback replaced the optimizer, or its rate by a schedule.
        """
        if not self._plan.options.callbacks:
            return
        if hook == "on_epoch_begin":
            self._epoch = arguments[0] + 1
        self._show()
        random = [variable.numpy() for variable in self._random]
        getattr(self._list, hook)(*arguments)
        for variable, value in zip(self._random, random, strict=True):
            variable.assign(value)
        self._take_over(self._epoch + (hook == "on_epoch_end"))

    def finish(self) -> None:
        """Call the last hook, with the weights that are kept; a callback may replace them."""
        if self._plan.options.callbacks:
            self._list.on_train_end()

    def state(self) -> dict[str, Any]:
        """Return what must be known to go on after a kill."""
        counts = [counts_of(callback) for callback in self._plan.options.callbacks]
        override = self._worker.override
        rate = None if override is None or np.isnan(override.numpy()) else float(override.numpy())
        return {"rate": rate, "rate_from": self.rate_from, "counts": counts}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; the worker has been restored."""
        self.rate_from = state["rate_from"]
        for callback, counts in zip(self._plan.options.callbacks, state["counts"], strict=True):
            vars(callback).update(counts)
        if state["rate"] is not None:
            self._worker.override.assign(state["rate"])

    def _set_rate(self, value: Any) -> Any:
        self._rate_was_set = True
        return self._assign(value)

    def _show(self) -> None:
        """Copy the current weights and the current rate to the model that callbacks see, if there was a step."""
        step = int(self._worker.optimizer.iterations)
        if step == self._step:
            return
        self._step = step
        if self._by_name:
            trained = self._worker.optimizer
            self._assign(trained.learning_rate)
            self._optimizer.iterations.assign(step)
            # Checkpoints hold the optimizer, too. Networks in turns have one each, which don't fit together in one.
            variables = [variable for variable in self._optimizer.variables if variable is not self._variable]
            for variable, current in zip(variables, () if self._plan.in_turns else trained.variables, strict=False):
                variable.assign(current)
        self._rate = float(self._optimizer.learning_rate)
        if self._plan.shared:
            self._weights = self._worker.get_weights()
            self._plan.learner.set_weights(self._weights)

    def _take_over(self, epoch: int) -> None:
        """Train on with what a callback set: from an epoch on, if it is the rate."""
        learner = self._plan.learner
        if learner.optimizer is not self._optimizer:
            raise DataError("a callback replaced the optimizer of the model: give it as optimizer= before training.")
        if self._by_name and self._optimizer.learning_rate is not self._variable:
            raise DataError("a callback set the learning rate to a schedule; expected a number at each epoch or batch.")
        rate = float(self._optimizer.learning_rate)
        if self._rate_was_set or rate != self._rate:
            self._rate, self._rate_was_set = rate, False
            self._worker.override.assign(rate)
            if self.rate_from is None:
                self._say(epoch)
        if self._plan.shared:
            weights = learner.get_weights()
            if not all(map(np.array_equal, weights, self._weights)):
                self._weights = weights
                self._worker.set_weights(weights)

    def _say(self, epoch: int) -> None:
        self.rate_from = epoch
        if self._plan.schedule != "constant":
            warnings.warn(
                f"A callback sets the learning rate from epoch {epoch} on: the schedule '{self._plan.schedule}' ends "
                "there.",
                RuntimeWarning,
                stacklevel=7,
            )
