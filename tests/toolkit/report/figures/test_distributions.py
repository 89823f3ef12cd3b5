"""Small histograms in the rows of a table."""

from __future__ import annotations

import re

from toolkit.report.figures.distributions import bars, outline


def test_a_small_histogram_has_a_bar_a_bin_as_high_as_its_share():
    drawn = re.findall(r"M([\d.]+) 20V([\d.]+)H([\d.]+)V20Z", bars([1, 0, 3], 0.75, gap=0))
    assert [tuple(map(float, bar)) for bar in drawn] == [(0, 13.3, 20), (40, 0, 60)]
    assert bars([0, 0], 0.5) == bars([], 0.0) == outline([0], 0.5) == ""
    steps = re.findall(r"V([\d.]+)H([\d.]+)", outline([1, 0, 3], 0.75))
    assert [tuple(map(float, step)) for step in steps] == [(13.3, 20), (20, 40), (0, 60)]
