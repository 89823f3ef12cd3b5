"""What workers tell one another, over nothing but a sum of arrays."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.helpers.thread_workers import run_together
from toolkit import DataError
from toolkit.distributed.local import environments
from toolkit.distributed.options import WorkersOptions
from toolkit.distributed.tensorflow_workers import cluster_size
from toolkit.distributed.workers import ALONE, agree


@pytest.mark.parametrize("world", [1, 2, 5])
def test_each_worker_has_the_bytes_of_all_whatever_their_lengths(world):
    contents = [bytes(range(rank * 7)) for rank in range(world)]
    for collected in run_together(world, lambda workers: workers.collect(lambda: contents[workers.rank])):
        assert collected == contents


def test_the_value_of_worker_0_is_that_of_all():
    values = [{"loss": 0.1 + 0.2, "stopped": None}, {"loss": 7.0, "stopped": "late"}]
    for value in run_together(2, lambda workers: workers.first(values[workers.rank])):
        assert value == values[0]


def test_an_error_of_one_worker_is_raised_in_all():
    def fail(workers):
        def read():
            if workers.rank == 1:
                raise DataError("row 7 holds 'x'.")
            return workers.rank

        with pytest.raises(DataError, match="row 7 holds 'x'"):
            workers.together(read)
        return workers.together(lambda: workers.rank)  # and they go on in step

    assert run_together(3, fail) == [0, 1, 2]


def test_workers_that_were_called_otherwise_are_refused_with_the_difference():
    with pytest.raises(DataError, match="worker 1 of 2 was called otherwise than worker 0: seed is 1 there and 0 here"):
        run_together(2, lambda workers: agree(workers, {"target": "y", "seed": workers.rank}))
    run_together(2, lambda workers: agree(workers, {"target": "y", "seed": 3}))


def test_alone_nothing_is_sent():
    array = np.arange(3)
    assert ALONE.sum(array) is array
    assert not ALONE.are_several


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 1),
        ("{}", 1),
        ('{"cluster": {"worker": ["a:1"]}}', 1),
        ('{"cluster": {"worker": ["a:1", "b:1", "c:1"]}}', 3),
    ],
)
def test_the_size_of_the_cluster_is_that_of_tf_config(text, size):
    assert cluster_size({"TF_CONFIG": text}) == size
    assert cluster_size({}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "worker",
        "[1]",
        '{"cluster": {"worker": 3}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 2}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "evaluator"}}',
    ],
)
def test_a_wrong_tf_config_is_refused(text):
    with pytest.raises(DataError, match="TF_CONFIG"):
        cluster_size({"TF_CONFIG": text})


def test_workers_on_this_machine_have_ports_of_their_own():
    configs = [json.loads(entries["TF_CONFIG"]) for entries in environments(3)]
    assert [config["task"]["index"] for config in configs] == [0, 1, 2]
    addresses = configs[0]["cluster"]["worker"]
    assert len(set(addresses)) == 3
    assert all(config["cluster"]["worker"] == addresses for config in configs)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two", True])
def test_the_number_of_workers_is_checked(workers):
    with pytest.raises(DataError, match="workers"):
        WorkersOptions(workers=workers)
