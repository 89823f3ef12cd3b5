"""Epochs of several processes: each computes the gradient of its part of a batch, and all take the step of the sum."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common import interrupts
from toolkit.common.errors import DataError
from toolkit.distributed.workers import Workers
from toolkit.training.epochs import Worker
from toolkit.training.row_stream import RowStream

if TYPE_CHECKING:
    import keras

__all__ = ["SharedWorker", "shared_windows"]

Window = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.int64]]


def shared_windows(
    stream: RowStream, like: Sequence[Any], seed: int, epoch: int, batch: int, *, shuffle: bool
) -> Iterator[Window]:
    """Yield this worker's rows in windows of as many batches as those of all other workers.

    A worker whose rows have run out goes on with rows of weight 0.

    Args:
        stream: The rows of this worker.
        like: Arrays or tensors of x and y, whose shapes and types those of the stream have.
        seed: The seed of the order.
        epoch: The epoch, from 1.
        batch: Rows per step, of all workers together.
        shuffle: Whether the order is drawn.

    Yields:
        x, y, weights, and the rows of each batch in all workers together.
    """
    workers, own = stream.workers, batch // stream.workers.world
    #                 | batch 0 | batch 1 | batch 2 |
    #   worker 0      | own     | own     | 0 ...   |   rows, padded to `own` for each batch
    #   worker 1      | own     | own     | own / 2 |
    #   counts        | 2 own   | 2 own   | own / 2 |
    starts = own * np.arange(max(-(-rows // own) for rows in stream.rows_by_worker))
    counts = np.sum([np.clip(rows - starts, 0, own) for rows in stream.rows_by_worker], axis=0)
    together = stream.window(own) // own
    windows = stream.windows(seed, epoch, own, shuffle=shuffle) if stream.rows_by_worker[workers.rank] else iter(())
    for start in range(0, len(counts), together):
        of_window = counts[start : start + together]
        size = own * len(of_window)
        x, y, weights = next(windows, (np.empty((0, *like[0].shape[1:]), np.float32), None, None))
        padded_x, padded_weights = np.zeros((size, *x.shape[1:]), np.float32), np.zeros(size, np.float32)
        padded_y = np.zeros((size, *like[1].shape[1:]), _numpy_type(like[1]))
        padded_x[: len(x)] = x
        padded_weights[: len(x)] = 1.0 if weights is None else weights
        if y is not None:
            padded_y[: len(x)] = y
        yield padded_x, padded_y, padded_weights, of_window
    next(windows, None)  # the stream checks that no rows are left


def _numpy_type(values: Any) -> Any:
    return getattr(values.dtype, "as_numpy_dtype", values.dtype)


class SharedWorker(Worker):
    """A model that several processes train together; each has its own copy, and all copies stay equal.

    The gradients of a batch are added up over the workers. Collective operations can't be part of an XLA program on a
    CPU, nor of a loop in a graph: what comes before the sum and what comes after it are programs of their own.

    Args:
        arguments: As for `Worker`.
        workers: The processes.
        options: As for `Worker`.

    Raises:
        DataError: The network doesn't score each row by itself.
    """

    def __init__(self, *arguments: Any, workers: Workers, **options: Any) -> None:
        import keras
        import tensorflow as tf

        super().__init__(*arguments, **options)
        if not self.scores_by_row:
            raise DataError(
                "workers= needs a network of Keras's own layers that scores each row by itself, without batch "
                "normalization and penalties on activities: each worker sees only its part of a batch."
            )
        self._workers = workers
        self._local = tf.function(self._local_gradients, jit_compile=self._xla)
        self._update = tf.function(self._take_step, jit_compile=self._xla)
        # Each worker draws other dropout masks: worker k counts the seed of each layer on by k.
        generators: list[Any] = [getattr(layer, "seed_generator", None) for layer in self.model.layers]
        self._seeds = [generator.state for generator in generators if isinstance(generator, keras.random.SeedGenerator)]

    def start(self, model: keras.Sequential) -> None:
        """Start with a model's weights and random states, and with a fresh optimizer."""
        super().start(model)
        self._count_seeds(self._workers.rank)

    def finish(self, model: keras.Sequential) -> None:
        """Write weights and the random states of worker 0 back."""
        self._count_seeds(-self._workers.rank)
        super().finish(model)

    def state(self) -> list[Any]:
        """Return copies of everything that training changes, equal in all workers."""
        self._count_seeds(-self._workers.rank)
        state = super().state()
        self._count_seeds(self._workers.rank)
        return state

    def resume(self, state: Sequence[Any]) -> None:
        """Continue from what `state` returned, in any worker."""
        super().resume(state)
        self._count_seeds(self._workers.rank)

    def _count_seeds(self, steps: int) -> None:
        for state in self._seeds if steps else ():
            seed, count = state.numpy()
            state.assign(np.array([(int(seed) + steps) % 2**32, count], state.dtype))

    def train_in_pieces(
        self, data: Sequence[Any], order: NDArray[np.int32], *, by_batch: bool
    ) -> Generator[float, None, None]:
        """Train on a window of `shared_windows`; yield the mean loss of its rows in all workers.

        Raises:
            Interrupted: Ctrl-C, in any of the workers: all stop after the same step.
        """
        import tensorflow as tf

        x, y, w, counts = data
        own, total = len(order) // len(counts), 0.0
        for index, count in enumerate(counts.tolist()):
            rows = slice(index * own, (index + 1) * own)
            facts = tf.constant([own / count, float(interrupts.requested())], tf.float32)
            summed = self._workers.sum(self._local(x[rows], y[rows], w[rows], facts))
            self._update(summed)
            loss, interrupted = summed[-2:].numpy()
            if interrupted:
                raise interrupts.Interrupted
            total += float(loss) * count
        yield total / float(counts.sum())

    def _local_gradients(self, x: Any, y: Any, w: Any, facts: Any) -> Any:
        """Return the gradients, the loss and the interruption in one vector."""
        import tensorflow as tf

        # Keras divides by the rows of this worker's part, padding included; `facts[0]` makes that those of the batch.
        value, gradients = self._gradients(x, y, w, facts[0], 1 / self._workers.world)
        parts = [tf.reshape(tf.cast(gradient, tf.float32), [-1]) for gradient in gradients]
        return tf.concat([*parts, tf.reshape(tf.cast(value, tf.float32), [1]), facts[1:]], axis=0)

    def _take_step(self, summed: Any) -> None:
        import tensorflow as tf

        sizes = [int(np.prod(variable.shape)) for variable in self._variables]
        parts = tf.split(summed[: sum(sizes)], sizes)
        self._apply(
            [
                tf.cast(tf.reshape(part, variable.shape), variable.dtype)
                for part, variable in zip(parts, self._variables, strict=True)
            ]
        )
