"""Decision regions on a plane through the inputs."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from tests.helpers.comparisons import compare
from toolkit.evaluation.metrics import Outcome
from toolkit.heads import get_head
from toolkit.report.summary.regions import for_comparison as regions


def test_the_plane_is_that_of_the_first_two_principal_components(comparisons, compared):
    one, found = comparisons["multiclass"], compared["multiclass"]["regions"]
    run, table = one.trials["softmax", 0].result, one.datasets[0]
    inputs = run.encoder.transform(table.features.frame.iloc[table.parts["test"]])
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
    assert len(found["points"]["x"]) <= len(outcome.y_true) == found["points"]["of"]


def test_with_two_inputs_the_plane_is_all_there_is(results):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(120, 2)), columns=["left", "up"])
    truth = (frame["left"] + frame["up"] > 0).to_numpy().astype(int)
    encoder = SimpleNamespace(names=["left", "up"], transform=lambda rows: rows.to_numpy(np.float32))
    head = get_head("binary", "logistic")
    small = SimpleNamespace(
        encoder=encoder, head=head, task="binary", threshold=0.0, raw_scores=lambda x: x.sum(axis=1, keepdims=True)
    )
    trial = SimpleNamespace(result=small, outcome=Outcome("binary", truth, truth))
    table = SimpleNamespace(features=SimpleNamespace(frame=frame), parts={"test": np.arange(120)})
    one = SimpleNamespace(
        labels=["logistic"], classes=["a", "b"], seeds=[0], datasets={0: table}, trials={("logistic", 0): trial}
    )
    found: Any = regions(one)
    assert found["exact"]
    assert found["names"] == ["left", "up"]
    assert found["maps"][0]["as_the_network"] == 1
    rows = np.array([[int(letter) for letter in line] for line in found["maps"][0]["rows"]])
    x, y = (np.linspace(*found[name], 90) for name in ("x", "y"))
    assert (rows == (x[None, :] + y[:, None] > 0)).mean() > 0.99


def test_regions_are_left_out_where_there_are_many_classes_and_capped_at_three(comparisons, compared):
    one = comparisons["multiclass"]
    many = dataclasses.replace(one.target, classes=np.array([f"c{i}" for i in range(11)], dtype=object))
    assert regions(SimpleNamespace(**{**vars(one), "target": many, "classes": list(many.classes)})) is None
    run = one.trials["softmax", 0].result
    four = compare(run, ("softmax", "hinge", "squared_hinge"), seeds=(0,))
    four.labels.append("again")
    four.trials["again", 0] = dataclasses.replace(four.trials["hinge", 0], label="again")
    found: Any = regions(four)
    assert [entry["contender"] for entry in found["maps"]] == [0, 1, 2]
    assert found["left_out"] == ["again"]
