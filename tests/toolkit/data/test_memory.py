"""The memory that a training may take."""

from __future__ import annotations

import pytest

from toolkit import DataError
from toolkit.data.memory import MemoryOptions, machine_limit, needed


@pytest.mark.parametrize(
    ("memory", "size"), [("4GiB", 2**32), ("500 MB", 500_000_000), ("1.5g", 3 * 2**29), (2**21, 2**21)]
)
def test_a_size_is_read_with_its_unit(memory, size):
    assert MemoryOptions(memory=memory).budget == size


@pytest.mark.parametrize("memory", ["much", "4 GiBs", "-1", "", True, 0, "10KiB", 1.5])
def test_what_is_no_size_is_refused(memory):
    with pytest.raises(DataError, match="memory="):
        MemoryOptions(memory=memory)


def test_the_default_is_half_of_the_limit_in_steps_that_do_not_depend_on_a_few_bytes():
    budget = MemoryOptions().budget
    assert budget % 2**28 == 0
    assert budget <= machine_limit() / 2 or budget == 2**28


def test_the_smallest_limit_of_the_control_groups_above_a_process_counts(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text("1048576\n")
    (tmp_path / "a" / "b" / "memory.max").write_text("2097152\n")
    process = tmp_path / "cgroup"
    process.write_text("0::/a/b\n")
    assert machine_limit(tmp_path, process) == 1_048_576


def test_the_limit_of_a_control_group_of_version_1_counts(tmp_path):
    (tmp_path / "memory" / "job").mkdir(parents=True)
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "memory" / "job" / "memory.limit_in_bytes").write_text("4194304\n")
    process = tmp_path / "cgroup"
    process.write_text("3:cpu:/job\n2:memory:/job\n")
    assert machine_limit(tmp_path, process) == 4_194_304
    assert machine_limit(tmp_path / "none", tmp_path / "none") > 2**28


def test_inputs_in_windows_are_counted_up_to_a_limit():
    small, large = (1_000, 10, 20, 34), (1_000_000, 10, 20, 34)
    assert needed(*small, in_windows=True) == needed(*small)
    assert needed(*large, in_windows=True) < needed(*large) / 4
    assert needed(*large, in_windows=True) > 1_000_000 * 3 * 8 * 20
