"""Progress: a rewritten line in a terminal, one line per epoch in a log."""

from __future__ import annotations

import io

from toolkit.training.progress import Progress

ROWS = [{"epoch": epoch, "loss": 1 / epoch, "val_accuracy": 0.5, "learning_rate": 0.1} for epoch in (1, 2, 3)]


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _written(stream, visible=True):
    with Progress(3, visible, stream) as progress:
        for row in ROWS:
            progress.show(row, 3)
    return stream.getvalue()


def test_a_log_gets_one_line_per_epoch():
    lines = _written(io.StringIO()).splitlines()
    assert [line.split("  ")[:3] for line in lines[::2]] == [
        ["epoch 1/3", "loss 1", "val_accuracy 0.5"],
        ["epoch 3/3", "loss 0.3333", "val_accuracy 0.5"],
    ]
    assert all(line.endswith("left") and "learning_rate" not in line for line in lines)


def test_a_terminal_gets_one_line_that_is_rewritten():
    written = _written(_Terminal())
    assert written.count("\n") == 1
    assert [line.split("  ")[0] for line in written.split("\r")] == ["", "epoch 1/3", "epoch 2/3", "epoch 3/3"]


def test_epochs_that_are_added_count_in_what_is_left():
    stream = io.StringIO()
    with Progress(3, stream=stream) as progress:
        progress.show(ROWS[1], 3)
        progress.show(ROWS[2], 8)
    assert [line.split("  ")[0] for line in stream.getvalue().splitlines()] == ["epoch 2/3", "epoch 3/8"]


def test_nothing_is_shown_unless_asked_for():
    assert _written(io.StringIO(), visible=False) == _written(_Terminal(), visible=False) == ""
