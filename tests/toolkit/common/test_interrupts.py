"""Ctrl-C: waited for, at once, and twice."""

from __future__ import annotations

import signal
import threading

import pytest

from toolkit.common import interrupts


def _press():
    signal.raise_signal(signal.SIGINT)


def test_the_first_ctrl_c_waits_and_the_second_does_not(ctrl_c):
    with interrupts.graceful():
        assert not interrupts.requested()
        with interrupts.graceful():
            _press()
        assert interrupts.requested()
        with pytest.raises(interrupts.Interrupted):
            interrupts.check()
        assert not interrupts.twice()
        with pytest.raises(KeyboardInterrupt):
            _press()
        assert interrupts.twice()
    with interrupts.graceful():
        assert not interrupts.requested()


def test_a_block_that_can_be_done_without_ends_at_the_first_ctrl_c(ctrl_c):
    steps = []
    with interrupts.graceful():
        for _ in range(2):
            with interrupts.dispensable():
                steps.append("begun")
                _press()
                steps.append("ended")
            assert interrupts.requested()
            break
        with pytest.raises(KeyboardInterrupt), interrupts.dispensable():
            _press()
    with pytest.raises(KeyboardInterrupt), interrupts.dispensable():
        _press()
    assert steps == ["begun"]


def test_other_handlers_and_other_threads_are_left_alone(ctrl_c):
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    try:
        with interrupts.graceful(), interrupts.for_command():
            _press()
            assert not interrupts.requested()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["theirs"]

    def elsewhere():
        with interrupts.graceful(), interrupts.for_command():
            seen.append(interrupts.requested())

    with interrupts.graceful():
        _press()
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == ["theirs", False]


def test_what_a_command_has_computed_is_kept_until_it_ends(ctrl_c):
    with interrupts.for_command(), pytest.raises(KeyboardInterrupt):
        _press()  # while it reads, there is nothing to keep
    with interrupts.for_command():
        with interrupts.graceful():
            pass
        _press()
        assert interrupts.requested()
    assert not interrupts.requested()
