"""Items prepared ahead in a thread."""

from __future__ import annotations

import threading
import time

import pytest

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
