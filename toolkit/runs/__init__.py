"""Runs and comparisons: predict, evaluate, update, save and report."""

from toolkit.runs.comparison import Comparison
from toolkit.runs.run import Run, load

__all__ = ["Comparison", "Run", "load"]
