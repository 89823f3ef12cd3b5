"""Summaries that the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.helpers.comparisons import HEADS, TASKS, compare
from toolkit.report.summary import summarize


@pytest.fixture(scope="session")
def summaries(results):
    """The summary of one result for each task."""
    return {task: summarize(result) for task, result in results.items()}


@pytest.fixture(scope="session")
def comparisons(results):
    """A comparison for each task."""
    return {task: compare(results[task], HEADS[task]) for task in TASKS}


@pytest.fixture(scope="session")
def compared(comparisons):
    """The summary of each comparison."""
    return {task: summarize(comparison) for task, comparison in comparisons.items()}
