"""From results to one HTML page: summary, figures, plots, page."""
