"""What `evaluate` makes of a training."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from toolkit import training
from toolkit.builders import mlp
from toolkit.data.prepare import prepare
from toolkit.evaluation.options import Options
from toolkit.evaluation.result import evaluate
from toolkit.heads import get_head


def test_networks_of_several_settings_are_judged_one_by_one_at_the_scale_of_their_mean():
    x = np.random.default_rng(0).normal(size=(300, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(label=np.where(x[:, 0] + x[:, 1] ** 2 > 1, "yes", "no"))
    dataset, head = prepare(frame, "label", task="binary").preprocess(networks=4), get_head("binary", "logistic")
    settings = [
        training.Setting(f"{rate}", [mlp(3, 1, hidden=(8,), seed=k) for k in range(4)], {"learning_rate": rate})
        for rate in (0.01, 1e-9)
    ]
    known = {"folds": dataset.folds_of("train"), "label_smoothing": 0.5, "epochs": 20, "progress": False}
    trained: Any = training.fit_pack(settings, head, dataset.x("train"), dataset.y("train"), **known)
    scale = trained.shares.sum()
    assert scale > 1.5  # smoothed labels keep scores small
    # The same networks with scores as large as those of their mean.
    scaled = dataclasses.replace(trained, shares=trained.shares / scale)
    *_, kernel, bias = scaled.members.get_weights()
    before = evaluate(trained, dataset, head, Options(baselines=False)).members
    scaled.members.layers[-1].set_weights([scale * kernel, scale * bias])
    after = evaluate(scaled, dataset, head, Options(baselines=False)).members
    np.testing.assert_allclose(before["log_loss"], after["log_loss"], rtol=1e-4)
    np.testing.assert_allclose(before["roc_auc"], after["roc_auc"])
