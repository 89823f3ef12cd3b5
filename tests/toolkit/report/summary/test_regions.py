"""Decision regions on a plane through the inputs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from recipes import binary
from tests.helpers.comparisons import compare
from toolkit.report.summary.regions import for_comparison as regions


def test_the_plane_is_that_of_the_first_two_principal_components(comparisons, compared):
    one, found = comparisons["multiclass"], compared["multiclass"]["regions"]
    run, table = one.trials["softmax", 0].result, one.datasets[0]
    inputs = run.preprocessing.transform(table.features.frame.iloc[table.parts["test"]])
    fitted = PCA(2).fit(inputs)
    assert found["share"] == pytest.approx(fitted.explained_variance_ratio_.sum(), rel=1e-4)
    signs = [np.sign(axis[np.abs(axis).argmax()]) for axis in fitted.components_]
    for column, row in ((0, 0), (89, 0), (0, 89), (40, 60)):
        x, y = (np.linspace(*found[name], 90)[at] for name, at in (("x", column), ("y", row)))
        point = fitted.inverse_transform([[x * signs[0], y * signs[1]]]).astype(np.float32)
        assert int(found["maps"][0]["rows"][row][column]) == run.head.decide(run.raw_scores(point))[0]
    for entry in found["maps"]:
        assert sum(entry["shares"]) == pytest.approx(1)
    outcome = one.trials["softmax", 0].outcome
    # So few test rows that all lie in the picture or beside it: the rings are those that the share leaves out.
    off, drawn = np.array(found["points"]["off"][0]), len(found["points"]["x"])
    assert off.shape == (drawn,)
    assert off.sum() <= round((1 - found["maps"][0]["as_the_network"]) * found["points"]["of"])
    assert len(found["points"]["x"]) <= len(outcome.y_true) == found["points"]["of"]


def test_with_two_inputs_the_plane_is_all_there_is():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 2)), columns=["left", "up"])
    frame["above"] = frame["left"] + frame["up"] > 0
    one = binary.compare(
        frame, target="above", heads=("logistic", "hinge"), seeds=1, build="linear", epochs=2, baselines=False,
        progress=False,
    ).result  # fmt: skip
    found: Any = regions(one)
    assert found["exact"]
    assert found["names"] == ["left", "up"]
    network: Any = one.trials["logistic", 0].result
    assert found["maps"][0]["as_the_network"] == 1
    rows = np.array([[int(letter) for letter in line] for line in found["maps"][0]["rows"]])
    x, y = np.meshgrid(*(np.linspace(*found[name], 90) for name in ("x", "y")))
    scores = network.raw_scores(np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32))
    assert (rows.ravel() == (scores[:, 0] > 0)).mean() > 0.99  # the ends of x and y are rounded


def test_regions_are_left_out_where_there_are_many_classes_and_capped_at_three(comparisons):
    one = comparisons["multiclass"]
    many = dataclasses.replace(one.target, classes=[f"c{i}" for i in range(11)])
    assert regions(dataclasses.replace(one, target=many)) is None
    run = one.trials["softmax", 0].result
    three = compare(run, ("softmax", "hinge", "squared_hinge"), seeds=(0,))
    again = dataclasses.replace(three.trials["hinge", 0], label="again")
    four = dataclasses.replace(three, labels=[*three.labels, "again"], trials={**three.trials, ("again", 0): again})
    found: Any = regions(four)
    assert [entry["contender"] for entry in found["maps"]] == [0, 1, 2]
    assert found["left_out"] == ["again"]
