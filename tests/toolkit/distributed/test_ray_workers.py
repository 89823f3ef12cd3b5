"""Workers on a Ray cluster: the message where one fails, and two local ones where Ray is installed."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from toolkit import DataError
from toolkit.distributed.ray_workers import failure, run_on_ray
from toolkit.distributed.workers import LostWorker

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "logitkit[cluster]"')


class ActorDiedError(Exception):
    """Named as Ray's error of a process that was killed."""


class WorkerHealthCheckFailedError(Exception):
    """Named as the error of Ray Train of a worker that no longer answers."""


def message(by_rank, error=None, world=3):
    return str(failure(by_rank, error or RuntimeError("Training failed"), world))


def test_a_mistake_of_the_user_is_said_as_it_is():
    by_rank = {0: LostWorker("worker 0 lost another"), 1: ActorDiedError("gone"), 2: DataError("y has one class.")}
    assert message(by_rank) == "y has one class."


def test_a_killed_worker_is_named_before_those_that_lost_it():
    text = message({0: LostWorker("worker 0 lost another"), 2: ActorDiedError("The actor died unexpectedly.")})
    assert text.startswith("worker 2 of 3 was killed, or its machine was lost")
    assert "resume=" in text


def test_a_worker_that_no_longer_answers_was_killed():
    assert message({1: WorkerHealthCheckFailedError("A worker health check failed.")}).startswith(
        "worker 1 of 3 was killed"
    )


def test_other_errors_are_named_with_their_first_line():
    assert message({1: MemoryError("no room\nfor the rows")}).startswith("worker 1 of 3 failed (MemoryError: no room).")


def test_workers_that_only_lost_others_or_a_death_that_ray_reports_alone_are_one_sentence():
    assert message({1: LostWorker("worker 1 lost another")}).startswith("a worker of 3 was killed")
    assert message({}, RuntimeError("failed:\nThe actor died unexpectedly")).startswith("a worker of 3 was killed")
    assert message({}, ValueError("no such resource.")).startswith("Ray could not train (no such resource).")


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_message_says_what_to_install():
    with pytest.raises(DataError, match=r'pip install "logitkit\[cluster\]"'):
        run_on_ray("builtins.bytes", b"", 2, "local")


SCRIPT = """
from toolkit import DataError
from toolkit.distributed.ray_workers import run_on_ray
name = "tests.helpers.ray_calls.from_worker"
if __name__ == "__main__":
    import logging, ray
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    print("own:", run_on_ray(name, b"rows", 2, "local").decode())
    for content in (b"fail", b"die"):
        try:
            run_on_ray(name, content, 2, "local")
        except DataError as error:
            print("own:", error)
    print("own:", ray.is_initialized())
"""


@needs_ray
@pytest.mark.timeout(600)
def test_two_local_workers_of_ray_see_each_other_and_pass_on_mistakes_and_deaths():
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=500, check=True).stdout.splitlines()
    lines = [line.removeprefix("own: ") for line in printed if line.startswith("own: ")]  # Ray prints, too
    assert lines[:2] == ["rows[2, 0, false]", "this row is bad."]
    assert "was killed, or its machine was lost" in lines[2]
    assert lines[3:] == ["True"]  # a connection of the caller's own stays
