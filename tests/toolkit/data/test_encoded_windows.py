"""Training rows whose inputs are computed window by window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from toolkit.builders import mlp
from toolkit.data.encoded_windows import EncodedWindows
from toolkit.data.prepare import prepare
from toolkit.heads import get_head
from toolkit.training.fitting import fit


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(size=600), "city": random.choice(["Bern", "Oslo", "Rome"], 600)})
    frame["y"] = np.where(frame["size"] + (frame["city"] == "Oslo") + random.normal(size=600) > 0, "yes", "no")
    split = prepare(frame, "y", task="binary")
    return split.preprocess(preprocessing={"pieces": 8}, class_weight="balanced")


@pytest.fixture(scope="module")
def windows(dataset):
    """Windows of 8 batches."""
    args = (dataset.features, dataset.fit_parts["train"], dataset.y("train"), dataset.weights("train"))
    return EncodedWindows(*args, dataset.preprocessing, window_bytes=1)


def test_an_epoch_is_the_whole_matrix_in_a_drawn_order(dataset, windows):
    order = np.random.default_rng((7, 2)).permutation(windows.rows)
    pieces = list(windows.windows(7, 2, 10))
    assert [len(x) for x, _, _ in pieces] == [80] * 4 + [windows.rows - 320]
    x, y, weights = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    np.testing.assert_array_equal(x, dataset.x("train")[order])
    np.testing.assert_array_equal(y, dataset.y("train")[order])
    np.testing.assert_allclose(weights, dataset.weights("train")[order], rtol=1e-6)
    in_order = np.concatenate([x for x, _, _ in windows.windows(7, 2, 10, shuffle=False)])
    np.testing.assert_array_equal(in_order, dataset.x("train"))


def test_a_network_may_take_some_of_the_inputs(dataset, windows):
    chosen = ~dataset.preprocessing.is_piece
    x = np.concatenate([x for x, _, _ in windows.columns(chosen).windows(0, 1, 10, shuffle=False)])
    np.testing.assert_array_equal(x, dataset.x("train")[:, chosen])


def test_the_sample_holds_rows_that_count(windows):
    weights = windows.weights.copy()
    weights[:5] = 0
    x, y, sampled = replace(windows, weights=weights).sample(10)
    assert len(x) == len(y) == 10
    np.testing.assert_array_equal(sampled, weights[5:15])


def test_the_fingerprint_knows_the_order_of_the_rows(windows):
    again = replace(windows, inputs=None)
    assert (again.fingerprint == windows.fingerprint).all()
    turned = replace(windows, positions=windows.positions[::-1])
    assert (turned.fingerprint != windows.fingerprint).any()


def test_large_matrices_of_one_network_alone_are_windows(dataset):
    size = 4 * dataset.preprocessing.width * len(dataset.fit_parts["train"])
    assert dataset.windows(largest=size) is None
    assert dataset.windows(largest=size - 1).rows == len(dataset.fit_parts["train"])
    assert dataset.windows() is None
    folds = np.zeros(dataset.rows, int)
    assert replace(dataset, folds=folds).windows(largest=1) is None


def test_training_in_windows_gives_the_weights_of_training_on_the_matrix(dataset, windows):
    validation = dataset.x("validation"), dataset.y("validation"), dataset.weights("validation")
    options = {"validation": validation, "seed": 3, "epochs": 4, "batch_size": 10, "progress": False}
    trained = []
    for stream in (None, windows):
        rows = (dataset.x("train"), dataset.y("train"), dataset.weights("train")) if stream is None else stream.sample()
        model = mlp(dataset.preprocessing.width, 1, hidden=(8,), seed=1)
        x, y, weights = rows
        trained.append(
            fit(model, get_head("binary", "logistic"), x, y, sample_weight=weights, stream=stream, **options)
        )
    whole, in_windows = trained
    assert "in windows of 80 rows" in in_windows.settings["loop"]
    for expected, actual in zip(whole.model.get_weights(), in_windows.model.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(in_windows.history["loss"], whole.history["loss"], rtol=1e-5)
