"""Keras as this project needs it: on TensorFlow, without its start-up messages, and not in a forked process."""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from toolkit.common.error_output import redirected
from toolkit.common.errors import DataError

__all__ = ["check_process", "keep_random_state", "load_keras"]

# What TensorFlow writes while it is imported: about its build, not about the user's data. Other lines are kept.
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|To enable the following instructions:|"
    rb"I\d{4} .*\.cc:\d+\]|[WE]\d{4} .*(cuda|cudart|computation_placer|cuInit|TF-TRT|registered).*"
)
_lock = threading.Lock()
_forked = False


def _after_fork() -> None:
    """Remember in a forked process that TensorFlow's threads ran in its parent: they don't exist here."""
    global _forked, _lock
    _lock = threading.Lock()
    module = sys.modules.get("tensorflow.python.eager.context")
    _forked = getattr(getattr(module, "_context", None), "_context_handle", None) is not None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def check_process() -> None:
    """Check that this process was not forked from one that had used TensorFlow, where every call would hang.

    Raises:
        DataError: It was.
    """
    if _forked:
        raise DataError(
            "this process was forked from one that had used TensorFlow, whose threads are not copied: training and "
            "predicting would hang. Start workers with multiprocessing.get_context('spawn'), with joblib's backend "
            "'loky', or before the first use (gunicorn: without --preload)."
        )


@contextmanager
def keep_random_state() -> Iterator[None]:
    """Restore the state of Python's `random` afterwards, from which Keras draws the seeds of layers without one."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@keep_random_state()
def load_keras() -> None:
    """Import Keras and TensorFlow without TensorFlow's start-up messages, and check how they are set up.

    The environment variable `TF_CPP_MIN_LOG_LEVEL`, set to 0, 1 or 2, shows them all.

    Raises:
        DataError: Keras runs on another backend than TensorFlow, its default type is not float32, its images are not
            channels last, or this process was forked from one that had used TensorFlow.
    """
    check_process()
    try:
        with _lock, _without_chatter():
            import keras
            import tensorflow  # noqa: F401 - its lines are written here, not at its first use
    except ImportError as error:
        name = os.environ.get("KERAS_BACKEND", "")
        if name in ("", "tensorflow") or "tensorflow" in str(error):
            raise
        raise DataError(f"Keras can't be loaded with the backend {name!r} ({error}). {_UNSET}") from error
    if (backend := keras.config.backend()) != "tensorflow":
        raise DataError(f"Keras runs on the backend {backend!r}, and logitkit needs TensorFlow. {_UNSET}")
    config: Any = keras.config
    for actual, expected, setting in (
        (config.floatx(), "float32", "set_floatx"),
        (config.dtype_policy().name, "float32", "set_dtype_policy"),
        (config.image_data_format(), "channels_last", "set_image_data_format"),
    ):
        if actual != expected:
            raise DataError(
                f"Keras is set to {actual!r}, and logitkit needs {expected!r}: call "
                f"keras.config.{setting}({expected!r}) first."
            )


_UNSET = "Set the environment variable KERAS_BACKEND to tensorflow, then start Python again."


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back what is written to standard error meanwhile, and write it afterwards without the known lines.

    TensorFlow writes some lines before any setting can stop them, and past Python's own standard error.
    """
    # 3 stops the lines that TensorFlow writes later.
    if "tensorflow" in sys.modules or os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        yield
        return
    with tempfile.TemporaryFile() as file:
        try:
            with redirected(file):
                yield
        finally:
            file.seek(0)
            if lines := [line for line in file if not _CHATTER.match(line)]:
                os.write(2, b"".join(lines))
