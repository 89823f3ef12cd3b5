"""Keras callbacks: which of them the training can serve, and how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from toolkit.common.errors import DataError

if TYPE_CHECKING:
    import keras

__all__ = ["check_restorable", "checked", "counts_of", "moves_rate", "settings_of", "wants_batches"]

#: The callbacks that can go on after a kill, and what they count.
_COUNTS = {
    "LearningRateScheduler": (),
    "ReduceLROnPlateau": ("best", "wait", "cooldown_counter"),
    "EarlyStopping": ("best", "wait", "best_epoch", "stopped_epoch"),
}
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def checked(callbacks: Any) -> list[keras.callbacks.Callback]:
    """Return one or several callbacks as a list.

    Raises:
        DataError: A value is not a callback, or a callback defines a hook that is never called.
    """
    if callbacks == ():
        return []
    import keras

    base = keras.callbacks.Callback
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, base)
    callbacks = list(callbacks) if several else [callbacks]
    for callback in callbacks:
        if not isinstance(callback, base):
            raise DataError(f"callbacks holds {callback!r}; expected Keras callbacks, such as EarlyStopping().")
        kind = type(callback)
        for hook in ("on_test_batch_begin", "on_test_batch_end"):
            if not kind.__module__.startswith("keras.") and getattr(kind, hook) is not getattr(base, hook):
                raise DataError(
                    f"{kind.__name__} defines {hook}, but validation rows are not scored in batches: remove it."
                )
    return callbacks


def check_restorable(callbacks: Iterable[keras.callbacks.Callback]) -> None:
    """Check that the state of all callbacks can be restored after a kill.

    Raises:
        DataError: That of one can't.
    """
    for callback in callbacks:
        kind = type(callback)
        if not kind.__module__.startswith("keras.") or kind.__name__ not in _COUNTS:
            raise DataError(
                f"resume can't restore what {kind.__name__} has done before a kill: leave the callback or resume out. "
                f"It restores {', '.join(_COUNTS)}."
            )
        if getattr(callback, "restore_best_weights", False):
            raise DataError("resume keeps the best weights itself: leave restore_best_weights out of EarlyStopping.")


def counts_of(callback: keras.callbacks.Callback) -> dict[str, float | None]:
    """Return what a callback that `check_restorable` takes counts."""
    counts = {name: getattr(callback, name) for name in _COUNTS[type(callback).__name__]}
    return {name: count if isinstance(count, int | None) else float(count) for name, count in counts.items()}


def settings_of(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Return the kind of a callback that `check_restorable` takes, and its settings; functions are left out."""
    kind = type(callback).__name__
    settings = {name: value for name, value in vars(callback).items() if isinstance(value, bool | int | float | str)}
    return {"kind": kind} | {name: settings[name] for name in sorted(settings.keys() - {*_COUNTS[kind]})}


def moves_rate(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback sets the learning rate."""
    import keras

    return isinstance(callback, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler)


def wants_batches(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback does something at each batch."""
    import keras

    # These define the hooks, but do nothing in them unless they are asked to.
    if isinstance(callback, keras.callbacks.ModelCheckpoint | keras.callbacks.BackupAndRestore):
        return callback.save_freq != "epoch"
    if isinstance(callback, keras.callbacks.TensorBoard):
        return callback.update_freq != "epoch" or bool(callback.write_steps_per_second) or callback._should_trace
    if isinstance(callback, keras.callbacks.TerminateOnNaN):
        return False  # the loop itself stops there, with the last good weights
    # A hook counts if the class overrides it, or if it was assigned to the callback, as LambdaCallback does.
    base = keras.callbacks.Callback
    kind = type(callback)
    return any(getattr(kind, hook) is not getattr(base, hook) or hook in vars(callback) for hook in _BATCH_HOOKS)
