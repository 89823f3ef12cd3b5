"""What one outlier does to a line under three losses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import HuberRegressor, QuantileRegressor

from recipes.lessons import regression_losses
from recipes.lessons.regression_losses import DELTA, fit_line, huber


@pytest.fixture(scope="module")
def lesson():
    return regression_losses.show()


def test_the_losses_that_the_heads_train_with_are_those_of_the_formulas(lesson):
    table = lesson.tables["Three losses of a residual"]
    residual = table.index.to_numpy()
    assert table["squared"].to_numpy() == pytest.approx(residual**2)
    assert table["absolute"].to_numpy() == pytest.approx(np.abs(residual))
    assert table["huber"].to_numpy() == pytest.approx(huber(residual))
    assert table["huber, ∂L/∂r"].to_numpy() == pytest.approx(np.clip(residual, -DELTA, DELTA))


def test_the_lines_are_the_best_ones_by_other_methods_too():
    x = np.linspace(0, 10, 15)
    y = 1.5 * x + 2 + np.random.default_rng(3).normal(size=15)
    y[-1] += 20
    absolute = QuantileRegressor(quantile=0.5, alpha=0).fit(x[:, None], y)
    assert fit_line("absolute", x, y) == pytest.approx([absolute.coef_[0], absolute.intercept_], abs=1e-6)
    best = fit_line("huber", x, y)
    loss = huber(best[0] * x + best[1] - y).mean()
    for change in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        slope, intercept = best + change
        assert huber(slope * x + intercept - y).mean() > loss
    assert HuberRegressor(alpha=0).fit(x[:, None], y).coef_[0] == pytest.approx(best[0], abs=0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_outlier_moves_the_squared_line_most_and_in_the_end_only_that_one(seed):
    lesson = regression_losses.show(seed=seed)
    shifts = lesson.tables["One outlier"]["largest shift of the line"]
    assert shifts["squared"] > 5 * shifts[["absolute", "huber"]].max()
    pulled = lesson.tables["How far the outlier pulls"]
    assert pulled["squared"].diff().dropna().min() > 0
    assert pulled.loc[15:, ["absolute", "huber"]].to_numpy().std(axis=0) == pytest.approx([0, 0], abs=1e-6)


def test_the_squared_error_chooses_the_mean_and_the_absolute_error_the_median(lesson):
    best = lesson.tables["One number for five"]["best number"]
    assert best.tolist() == pytest.approx([22, 3, 3], abs=1e-3)
