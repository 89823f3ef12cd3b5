"""Several workers train one network: the same steps as one process that sees all rows of a batch."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from tests.helpers.thread_workers import run_together
from toolkit import DataError
from toolkit.builders import mlp
from toolkit.distributed.workers import ALONE
from toolkit.heads import get_head
from toolkit.training import fit
from toolkit.training.shared_epochs import shared_windows

BATCH = 64
HEADS = {"binary": "logistic", "regression": "squared", "multiclass": "hinge"}


def shards(*sizes, task="binary", weighted=False):
    """Return x, y, and weights of the rows of each worker."""
    random = np.random.default_rng(0)
    parts = []
    for size in sizes:
        x = random.normal(size=(size, 5)).astype(np.float32)
        y = {
            "binary": (x[:, :1] > 0).astype(np.float32),
            "regression": x[:, :1] * 2,
            "multiclass": np.digitize(x[:, 0], [-0.5, 0.5]),
        }[task]
        parts.append((x, y, random.uniform(0, 3, size).astype(np.float32) if weighted else None))
    return parts


class Shards:
    """The rows of one worker, or with `ALONE` the batches of all of them, each piece after piece."""

    def __init__(self, parts: Any, workers: Any, window: int = 4) -> None:
        self.parts, self.workers, self._window = parts, workers, window
        sizes = tuple(len(x) for x, _, _ in parts)
        # By these the schedule of the learning rate counts steps: as many as the worker with the most rows has.
        self.rows_by_worker = sizes if workers.are_several else (max(sizes) * len(sizes),)
        self.rows = sum(sizes)
        self.fingerprint = np.array(sizes, float)

    def columns(self, inputs):
        return self

    def window(self, batch):
        return self._window * batch

    def order(self, seed, epoch, rank):
        return np.random.default_rng((seed, epoch, rank)).permutation(len(self.parts[rank][0]))

    def windows(self, seed, epoch, batch, *, shuffle=True):
        ranks = [self.workers.rank] if self.workers.are_several else range(len(self.parts))
        own = batch if self.workers.are_several else batch // len(self.parts)
        orders = [self.order(seed, epoch, rank) for rank in ranks]
        size = self.window(own) if self.workers.are_several else own
        for start in range(0, max(map(len, orders)), size):
            rows = [order[start : start + size] for order in orders]
            pieces = [
                [None if part is None else part[index] for part in self.parts[rank]]
                for rank, index in zip(ranks, rows, strict=True)
            ]
            yield tuple(None if part[0] is None else np.concatenate(part) for part in zip(*pieces, strict=True))


def trained(parts, workers, task="binary", networks=1, **options) -> Any:
    head = get_head(task, HEADS[task])
    units = 3 if task == "multiclass" else 1
    models = [mlp(5, units, hidden=(8,), seed=seed, **options.pop("model", {})) for seed in range(networks)]
    sample_x, sample_y, _ = parts[0]
    how = {"epochs": 3, "batch_size": BATCH, "progress": False, "xla": False} | options
    stream = Shards(parts, workers)
    validation = {"validation": (sample_x[:50], sample_y[:50])}
    return fit(models if networks > 1 else models[0], head, sample_x, sample_y, stream=stream, **validation, **how)


CASES = {
    "XLA": (shards(300, 333), {"xla": True}),
    "three workers, few rows, weights": (shards(300, 5, 250, weighted=True), {"batch_size": 63}),
    "regression": (
        shards(400, 380, task="regression"),
        {"task": "regression", "feature_scale": True, "layer_rates": True, "clip_norm": 0.1},
    ),
    "side by side": (
        shards(300, 280, task="multiclass"),
        {"task": "multiclass", "model": {"l2": 0.05}, "networks": 2, "in_turns": False, "clip_norm": 0.1},
    ),
    "in turns": (shards(300, 280), {"networks": 2, "in_turns": True}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_weights_are_those_of_one_process_with_the_same_batches(name):
    parts, options = CASES[name]
    alone = trained(parts, ALONE, **dict(options))
    both = run_together(len(parts), lambda workers: trained(parts, workers, **dict(options)))
    for several in both:
        for weights, expected in zip(several.model.get_weights(), alone.model.get_weights(), strict=True):
            np.testing.assert_allclose(weights, expected, atol=1e-5)
        columns = ["loss", "val_loss", "learning_rate"]
        np.testing.assert_allclose(several.history[columns], alone.history[columns], rtol=1e-4, atol=1e-6)
    for weights, same in zip(both[0].model.get_weights(), both[-1].model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)


def test_a_worker_without_rows_takes_the_steps_of_the_others():
    parts = shards(300, 0)
    both = run_together(2, lambda workers: trained(parts[:1] + parts[1:], workers))
    expected = trained(parts[:1], ALONE, batch_size=BATCH // 2)
    for several in both:
        for weights, alone in zip(several.model.get_weights(), expected.model.get_weights(), strict=True):
            np.testing.assert_allclose(weights, alone, atol=1e-5)


def test_the_others_wait_for_a_slow_worker(monkeypatch):
    parts = shards(300, 280)
    fast = run_together(2, lambda workers: trained(parts, workers))
    windows = Shards.windows

    def late(self, *arguments, **options):
        for window in windows(self, *arguments, **options):
            time.sleep(0.2 * self.workers.rank)
            yield window

    monkeypatch.setattr(Shards, "windows", late)
    slow = run_together(2, lambda workers: trained(parts, workers))
    for weights, expected in zip(slow[0].model.get_weights(), fast[1].model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    assert slow[0].history["seconds"].min() > 0.2


def test_all_workers_have_as_many_batches_however_many_rows_they_have():
    parts = shards(700, 333, 0)
    windows = []
    for rank in range(3):
        workers = SimpleNamespace(rank=rank, world=3, are_several=True)
        stream: Any = Shards(parts, workers)
        windows.append(list(shared_windows(stream, parts[0][:2], 0, 1, 90, shuffle=True)))
    assert {len(of_rank) for of_rank in windows} == {6}  # 24 batches of 30 rows in each worker, 4 in a window
    for together in zip(*windows, strict=True):
        counts = [window[3].tolist() for window in together]
        assert counts[0] == counts[1] == counts[2]
        assert {len(window[0]) for window in together} == {30 * len(counts[0])}
    assert sum(int(window[3].sum()) for window in windows[0]) == 1033
    assert [sum(int((window[2] > 0).sum()) for window in of_rank) for of_rank in windows] == [700, 333, 0]


def test_each_worker_drops_other_units_and_goes_on_after_a_stop_as_if_there_was_none(tmp_path):
    parts = shards(400, 400)
    options = {"model": {"dropout": 0.5}, "epochs": 4}

    def train(folder, **further):
        return run_together(2, lambda workers: trained(parts, workers, resume=folder, **options, **further))

    whole = train(tmp_path / "whole")
    assert train(tmp_path / "parts", time_limit=1e-6)[0].history["epoch"].tolist() == [1]
    resumed = train(tmp_path / "parts")
    assert resumed[0].resumed_after == resumed[1].resumed_after == 1
    for weights, expected in zip(resumed[1].model.get_weights(), whole[0].model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    same_masks = trained(parts, ALONE, **options)  # one mask for all rows of a batch
    assert not np.allclose(same_masks.model.get_weights()[0], whole[0].model.get_weights()[0], atol=1e-4)


def test_another_number_of_workers_does_not_go_on_from_a_state(tmp_path):
    run_together(2, lambda workers: trained(shards(200, 200), workers, resume=tmp_path))
    with pytest.raises(DataError, match="the state of another training"):
        run_together(4, lambda workers: trained(shards(100, 100, 100, 100), workers, resume=tmp_path))


def test_what_needs_all_rows_of_a_batch_is_refused():
    with pytest.raises(DataError, match="without batch normalization"):
        run_together(2, lambda workers: trained(shards(200, 200), workers, model={"batch_norm": True}))
    callback = keras.callbacks.TerminateOnNaN()
    with pytest.raises(DataError, match="callbacks"):
        run_together(2, lambda workers: trained(shards(200, 200), workers, callbacks=callback))
