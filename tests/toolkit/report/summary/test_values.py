"""Figures that several sections share."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from toolkit.report.summary.values import share


@pytest.mark.parametrize(("part", "whole"), [(0, 7), (3, 7), (7, 7), (212, 300)])
def test_intervals_of_shares_are_wilsons(part, whole):
    expected = binomtest(part, whole).proportion_ci(method="wilson")
    assert share(part, whole) == pytest.approx({"value": part / whole, "low": expected.low, "high": expected.high})
