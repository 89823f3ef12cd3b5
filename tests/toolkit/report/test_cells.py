"""What the cells of a page's tables say."""

from __future__ import annotations

import pytest

from toolkit.report import cells


@pytest.mark.parametrize(
    ("metric", "entry", "expected"),
    [
        ("accuracy", (0.02, 0.01, 0.03, "better"), ("+2.0 points", "1.0 to 3.0", "better")),
        ("log_loss", (0.5, -0.1, 1.1, "level"), ("+0.500", "−0.100 to 1.100", "no clear difference")),
        ("rmse", (-2150.0, -3000.0, -1300.0, "better"), ("−2,150", "−3,000 to −1,300", "better")),
        ("accuracy", (0.0, 0.0, 0.0, "level"), ("0 points", "0 to 0", "no difference")),
        ("accuracy", (0.01, None, None, "level"), ("+1.0 points", "", "no interval")),
        ("r2", (None, None, None, "level"), ("not defined", "", "not defined")),
    ],
)
def test_a_difference_is_said_with_its_sign_its_interval_and_what_it_means(metric, entry, expected):
    given = dict(zip(("value", "low", "high", "standing"), entry, strict=True))
    texts = cells.difference(metric, given["value"], given)
    assert tuple(texts[key] for key in ("value", "interval", "meaning")) == expected


def test_intervals_seeds_and_zero_lie_on_one_axis():
    entry = {"value": 0.02, "low": -0.01, "high": 0.05, "seeds": [0.0, 0.04]}
    drawn = cells.on_axis([None, entry], "accuracy")
    at = {text: place for place, text in drawn["ticks"]}
    assert at["0"] == drawn["reference"]
    assert drawn["entries"][1]["span"] == (3.0, 97.0)
    assert drawn["entries"][1]["value"] == pytest.approx(50)
    assert drawn["entries"][1]["dots"][0] == drawn["reference"]
    step = (at["+4"] - at["0"]) / 4  # in points
    assert drawn["entries"][1]["dots"][1] == pytest.approx(at["0"] + 4 * step)


def test_a_row_beyond_the_axis_takes_no_room_and_says_on_which_side_it_is():
    near, far = ({"value": value, "low": value - 1, "high": value + 1} for value in (10.0, 99.0))
    drawn = cells.on_axis([near, far], "rmse", None, beyond=[1])
    assert drawn["entries"][0]["span"] == (3.0, 97.0)
    assert [entry["outside"] for entry in drawn["entries"]] == ["", "right"]
    assert drawn["entries"][1]["value"] == 97.0
    # One that lies between the others is drawn as they are.
    assert cells.on_axis([near, far, near | {"value": 10.5}], "rmse", None, beyond=[2])["entries"][2]["outside"] == ""
