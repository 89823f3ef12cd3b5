"""A result or a comparison as one dictionary of plain values: one module per section of the page."""

from toolkit.report.summary.sections import summarize, without_rows

__all__ = ["summarize", "without_rows"]
