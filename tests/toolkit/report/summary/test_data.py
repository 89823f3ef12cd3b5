"""The data and its split."""

from __future__ import annotations

import pytest

from tests.helpers.comparisons import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_data_and_split_count_every_row(task, results, summaries):
    content, table = summaries[task], results[task].dataset
    assert sum(content["split"]["parts"].values()) == content["data"]["rows"] == table.rows
    for entry in content["data"]["columns"] + content["data"]["target"]:
        assert set(entry["parts"]) == {"all", "train", "validation", "test"}
        for part, described in entry["parts"].items():
            rows = table.rows if part == "all" else content["split"]["parts"][part]
            assert described["count"] + described["missing"] == rows
            assert sum(described["counts"]) == described["count"]
