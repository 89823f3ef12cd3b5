"""Summaries and pages that the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.helpers.comparisons import HEADS, TASKS, compare
from toolkit.report import render
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


@pytest.fixture(scope="session")
def contents(summaries, compared):
    """(kind, task) -> summary, of runs and of comparisons."""
    return {("run", task): summaries[task] for task in TASKS} | {("comparison", task): compared[task] for task in TASKS}


@pytest.fixture(scope="session")
def pages(contents):
    """(kind, task) -> page."""
    return {name: render(content) for name, content in contents.items()}
