"""From results to one HTML page: summaries, figures, plots, templates."""

from toolkit.report.figures import Picture
from toolkit.report.page import fill, frame, notebook, page_path, render, write

__all__ = ["Picture", "fill", "frame", "notebook", "page_path", "render", "write"]
