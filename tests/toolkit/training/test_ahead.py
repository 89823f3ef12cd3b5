"""Items prepared ahead in a thread."""

from __future__ import annotations

import threading
import time

import keras
import numpy as np
import pytest

from toolkit import training
from toolkit.builders import mlp
from toolkit.distributed.workers import ALONE
from toolkit.heads import get_head
from toolkit.training.ahead import Ahead


def test_items_come_in_order_and_all_of_them():
    with Ahead(iter(range(50))) as items:
        assert list(items) == list(range(50))


def test_an_error_in_the_thread_is_raised_where_the_items_are_taken():
    def failing():
        yield 1
        raise ValueError("row 7")

    with Ahead(failing()) as items, pytest.raises(ValueError, match="row 7"):
        list(items)


def test_no_thread_stays_behind_when_the_rest_is_not_wanted():
    before = threading.active_count()
    with Ahead(iter(range(1000))) as items:
        assert next(iter(items)) == 0
    assert threading.active_count() == before


def test_the_time_without_a_ready_item_is_counted():
    def slow():
        for item in range(2):
            time.sleep(0.05)
            yield item

    with Ahead(slow()) as items:
        list(items)
    assert 0.05 < items.waited < 5


class SlowRows:
    """Twenty rows that come in two windows, each a while after it was asked for."""

    rows, rows_by_worker, workers, fingerprint = 20, (20,), ALONE, np.zeros(1)

    def window(self, batch):
        return 10

    def windows(self, seed, epoch, batch, *, shuffle):
        for _ in range(2):
            time.sleep(0.1)
            yield np.ones((10, 2), np.float32), np.ones((10, 1), np.float32), None


@pytest.mark.parametrize("by_batch", [False, True])
def test_a_training_says_how_long_it_waited_for_rows(by_batch):
    watch = keras.callbacks.LambdaCallback(**({"on_train_batch_end": lambda batch, logs: None} if by_batch else {}))
    x, y = np.ones((10, 2), np.float32), np.ones((10, 1), np.float32)
    trained = training.fit(
        *(mlp(2, 1, hidden=(2,)), get_head("regression", "squared"), x, y),
        **{"stream": SlowRows(), "validation": (x, y), "epochs": 3, "batch_size": 5, "callbacks": [watch]},
        progress=False,
    )
    assert 0.1 < trained.waited_seconds < trained.history["seconds"].sum()
