"""Train networks of several settings, and let those answer that did best on rows that they have not learned from."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.heads import Head
from toolkit.metrics.score_metric import ScoreMetric, score_metric
from toolkit.training.fitting import Training, fit, unseen
from toolkit.training.progress import announce
from toolkit.training.side_by_side import fold, join, separate
from toolkit.training.weighing import best_scale, greedy_weights

if TYPE_CHECKING:
    import keras

__all__ = ["Setting", "fit_pack"]


_MOST_SETTINGS = 2  # in the answer, which is then at most twice as large and as slow as that of one setting


@dataclass(frozen=True)
class Setting:
    """Networks that are trained alike.

    Attributes:
        name: What the setting is called.
        models: Its networks, which differ only in their weights. Those of all settings have the same hidden layers,
            and may differ in dropout.
        options: Options of `toolkit.training.Options`.
        inputs: Which of the inputs its networks take, shape (inputs,); None takes all.
        soft_targets: Returns what its networks learn in place of the targets, as for `toolkit.training.fit`, or None if
            that would take longer than a number of seconds.
    """

    name: str
    models: Sequence[keras.Sequential]
    options: Mapping[str, Any]
    inputs: NDArray[np.bool_] | None = None
    soft_targets: Callable[[float], NDArray[Any] | None] | None = None

    def columns(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the inputs of its networks, shape (n, inputs taken)."""
        return x if self.inputs is None else np.ascontiguousarray(x[:, self.inputs])


@interrupts.graceful()  # Ctrl-C in one setting's training ends them all
def fit_pack(
    settings: Sequence[Setting],
    head: Head,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    folds: NDArray[Any] | None = None,
    validation: tuple[Any, ...] | None = None,
    sample_weight: NDArray[Any] | None = None,
    **options: Any,
) -> Training:
    """Train the networks of each setting, as `toolkit.training.fit` does, and join those that are worth it.

    Each setting is weighed by the loss of its networks' mean score on the rows that they have not learned from: with
    folds, that of the networks that left a row out. Cross-entropy is judged after the scores of a setting were
    multiplied by the number that suits them best, as calibration would do. With the option ``metric`` the weights are
    chosen by that metric, for which each row counts once. At most two settings answer: the others are left out.

    Args:
        settings: The settings. Their networks leave out one fold each, and each fold equally often.
        head: What the scores mean.
        x: Inputs, shape (n, inputs).
        y: Encoded targets of the head, first axis n.
        folds: As for `toolkit.training.fit`. Several settings need folds or validation rows.
        validation: As for `toolkit.training.fit`, in place of folds.
        sample_weight: Weight of each training row, shape (n,).
        options: Further arguments of `toolkit.training.fit`, for each setting.

    Returns:
        The training: one model whose score is the weighted mean of the networks' scores. History, epoch and settings
        are those of the setting with the largest weight; ``pack`` says what each setting reached.

    Raises:
        DataError: As `toolkit.training.fit`.
        Interrupted: Ctrl-C before a network was trained for one epoch.

    Example:
        >>> from toolkit.builders import mlp
        >>> from toolkit.heads import get_head
        >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
        >>> networks = [[mlp(2, 1, hidden=(4,), seed=4 * k + fold) for fold in range(4)] for k in range(2)]
        >>> settings = [Setting("slow", networks[0], {"epochs": 2}), Setting("fast", networks[1], {"epochs": 4})]
        >>> training = fit_pack(
        ...     settings, get_head("regression", "squared"), x, x[:, :1], folds=np.arange(200) % 4, progress=False
        ... )
        >>> training.pack[["setting", "networks"]].values.tolist()
        [['slow', 4], ['fast', 4]]
    """
    options = {"folds": folds, "sample_weight": sample_weight, **options}

    def train(setting: Setting) -> Training:
        left_out = None if validation is None else (setting.columns(validation[0]), *validation[1:])
        passed = {**options, **setting.options}
        if passed.get("stream") is not None:
            passed["stream"] = passed["stream"].columns(setting.inputs)
        return fit(setting.models, head, setting.columns(x), y, validation=left_out, **passed)

    if len(settings) == 1:
        return _only(settings[0], train, head)
    _check_unseen(settings, folds, validation)
    rows: tuple[Any, ...] = (x, y, sample_weight) if validation is None else (*validation, None)
    unseen_x, truth, row_weights = rows[:3]

    def loss(scores: NDArray[Any]) -> float:
        return float(head.loss()(truth, scores, sample_weight=row_weights))

    shared = {"progress": True, **options, **settings[0].options}
    metric, limit = shared.get("metric"), shared.get("time_limit")
    judge = loss if metric is None else _judge(score_metric(metric, head, options.get("scale")), truth)
    finished = _fit_each(settings, train, limit=limit, progress=shared["progress"])
    trainings = [trained for _, trained in finished]
    answers, losses = [], []
    for setting, trained in finished:
        scores = unseen(trained, setting.columns(unseen_x), folds)
        scale = 1.0 if head.link is None else best_scale(scores, loss)
        answers.append((scale * scores).astype(np.float32))
        losses.append((scale, loss(answers[-1])))
    weights = greedy_weights(answers, judge, max_answers=_MOST_SETTINGS)
    joined = _joined([setting for setting, _ in finished], trainings, head, weights, losses)
    early = [trained.stopped for trained in trainings if trained.stopped.startswith(interrupts.BY_HAND)]
    names = {setting.name for setting, _ in finished}
    missing = ", ".join(setting.name for setting in settings if setting.name not in names)
    stopped = early[0] if early else interrupts.BY_HAND if missing and interrupts.requested() else joined.stopped
    # A later setting knows only the seconds that were left for it.
    stopped = re.sub(r"(?<=time limit of )\S+", f"{limit or 0:.3g}", stopped)
    stopped += f"; not trained: {missing}" if missing else ""
    resumed = "; ".join(trained.settings["resume"] for trained in trainings if trained.settings["resume"])
    return dataclasses.replace(
        joined,
        stopped=stopped,
        settings=joined.settings | {"time_limit": limit, "resume": resumed or None},
        resumed_seconds=sum(trained.resumed_seconds for trained in trainings),
        waited_seconds=sum(trained.waited_seconds for trained in trainings),
    )


def _only(setting: Setting, train: Callable[[Setting], Training], head: Head) -> Training:
    """Train the networks of the only setting, which answer whatever they are worth."""
    trained = train(_with_soft_targets(setting, None) or setting)
    if setting.inputs is None:
        return trained
    return dataclasses.replace(_joined([setting], [trained], head, np.ones(1), [(1.0, math.nan)]), pack=None)


def _fit_each(
    settings: Sequence[Setting], train: Callable[[Setting], Training], *, limit: float | None, progress: bool
) -> list[tuple[Setting, Training]]:
    """Train the networks of each setting until the time limit or Ctrl-C; return the settings that were trained."""
    finished: list[tuple[Setting, Training]] = []
    started = time.perf_counter()
    deadline = None if limit is None else started + limit
    for number, setting in enumerate(settings):
        passed = time.perf_counter() - started
        # A setting that gets less than half of the time of those before it would be cut short where it learns most.
        if limit is not None and finished and limit - passed < passed / len(finished) / 2:
            break
        if progress:
            announce(f"setting {number + 1} of {len(settings)}: {len(setting.models)} networks with {setting.name}")
        try:
            ready = _with_soft_targets(setting, deadline)
            if ready is not None:
                finished.append((setting, train(ready)))
        except interrupts.Interrupted:
            if not finished:
                raise
            break
        if interrupts.requested():
            break
    if not finished:
        raise DataError(f"time_limit={limit} is too short for the targets of any setting: raise it.")
    return finished


def _with_soft_targets(setting: Setting, deadline: float | None) -> Setting | None:
    """Return a setting with what its networks learn and the time that is left; None if its targets take too long."""
    options = dict(setting.options)
    if setting.soft_targets is not None:
        left = math.inf if deadline is None else deadline - time.perf_counter()
        options["soft_targets"] = setting.soft_targets(left / 2)
        if options["soft_targets"] is None:
            return None
    if deadline is not None:
        options["time_limit"] = max(deadline - time.perf_counter(), 1e-3)
    return dataclasses.replace(setting, options=options)


def _check_unseen(settings: Sequence[Setting], folds: NDArray[Any] | None, validation: tuple[Any, ...] | None) -> None:
    """Check that each setting can be weighed on rows that its networks don't learn from."""
    if folds is None and validation is None:
        raise DataError("settings are weighed on rows left out: give folds or validation.")
    number = 1 if folds is None else int(np.max(folds)) + 1
    for setting in settings:
        count = len(setting.models)
        if count < 2 or count % number:
            raise DataError(
                f"setting '{setting.name}' has {count} networks: expected several, and as many for each of the folds."
            )


def _judge(metric: ScoreMetric, truth: NDArray[Any]) -> Callable[[NDArray[Any]], float]:
    """Return a function of scores that is low where a metric is good."""
    sign = 1 if metric.lower_is_better else -1
    return lambda scores: sign * metric(truth, scores)


def _joined(
    settings: Sequence[Setting],
    trainings: Sequence[Training],
    head: Head,
    weights: NDArray[np.float64],
    losses: Sequence[tuple[float, float]],
) -> Training:
    """Join the networks of the settings that have a weight."""
    networks, shares = [], []
    for setting, trained, weight, (scale, _) in zip(settings, trainings, weights, losses, strict=True):
        if weight:
            alone = separate(trained.members or trained.model, setting.models, setting.inputs)
            networks += alone
            shares += [scale * weight / len(alone)] * len(alone)
    heaviest = trainings[int(np.argmax(weights))]
    members = join(networks)
    model = fold(members, networks, np.array(shares))
    compiled = heaviest.model
    model.compile(
        optimizer=type(compiled.optimizer).from_config(compiled.optimizer.get_config()),
        loss=head.loss(),
        metrics=head.keras_metrics(),
    )
    pack = pd.DataFrame(
        {
            "setting": [setting.name for setting in settings],
            "networks": [len(setting.models) for setting in settings],
            "epochs": [trained.best_epoch for trained in trainings],
            "unseen_loss": [loss for _, loss in losses],
            "weight": weights,
        }
    )
    return dataclasses.replace(heaviest, model=model, members=members, shares=np.array(shares), pack=pack)
