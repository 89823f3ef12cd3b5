"""The model of `tests/benchmarks/cluster_costs.py` and its section of the report, by numbers worked out by hand."""

import pytest

from tests.benchmarks import cluster
from tests.benchmarks.cluster_costs import Machine, Rates, one_pass

# 10 + 40 + 50 µs per row; 1 ms per step; 0.5 ms per message; 100 MB/s; 1 MB of gradient.
RATES = Rates(10e-6, 40e-6, 50e-6, 1e-3, 0.5e-3, 100e6, 500, 1e6)
MACHINE = Machine(workers=2, cores=2, busy=0.5, price=0.4, network=50e6, storage=1e9)


def test_one_worker_only_computes():
    result = one_pass(RATES, Machine(workers=1, cores=1, busy=1, price=3.6, storage=1e12), 1e6, 1, 1_000, grows=False)
    assert (result.seconds, result.summing, result.calling) == (pytest.approx(100), 0, 0)
    assert result.dollars == pytest.approx(0.1)  # 100 s at 3.60 an hour


def test_a_ring_of_four_workers_sends_six_messages_of_a_quarter_of_the_gradient():
    result = one_pass(RATES, MACHINE, 1e6, 2, 1_000, grows=False)
    assert result.steps == 1_000
    assert result.computing == pytest.approx(25)  # 250,000 rows of 100 µs on two cores that are half busy
    assert result.summing == pytest.approx(1_000 * 6 * (0.5e-3 + 0.25e6 / 50e6))  # over the network
    assert result.seconds == pytest.approx(25 + 1 + 33)


def test_rows_per_worker_make_fewer_steps_of_more_workers():
    assert one_pass(RATES, MACHINE, 1e6, 2, 1_000, grows=True).steps == 250


def test_slow_storage_decides_how_long_a_pass_takes():
    slow = Machine(workers=1, cores=1, busy=1, price=0.4, storage=1e6)
    assert one_pass(RATES, slow, 1e6, 1, 1_000, grows=False).seconds == pytest.approx(500)  # 500 MB at 1 MB/s


def test_the_section_is_found_again_in_the_report():
    facts = {"inputs": 3, "weights": 5, "load": 0.0, "circumstances": ["today."]}
    facts["sums"] = {count: {"64": 0.001} for count in ("1", "2", "4")}
    facts |= {"passes": {"1": 4e-5, "2": 5e-5}, "cores": 2}
    section = cluster.section(RATES, MACHINE, facts)
    assert "40 s per million rows" in section
    assert "50 s by two workers on the same cores, 1.25 times as long" in section.replace("\n", " ")
    assert cluster.split("# Title\n\n| a |\n" + section) == ("# Title\n\n| a |\n", section)
    assert cluster.split("# Title\n") == ("# Title\n", "")
