"""How long a pass over a table takes on several machines, and what it costs: a model of measured rates."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Machine", "Pass", "Rates", "one_pass"]


@dataclass(frozen=True)
class Rates:
    """What was measured on one machine.

    Attributes:
        read: CPU seconds per row to read the cells from Parquet.
        encode: CPU seconds per row to turn cells into inputs.
        train: CPU seconds per row to learn from inputs.
        step: Seconds of a sum over one worker: what a step of several workers costs beside its rows and messages.
        latency: Seconds of one message between two workers.
        bandwidth: Bytes per second that a worker adds up and passes on.
        row_bytes: Bytes of a row in the files.
        gradient_bytes: Bytes of the gradient of the network.
    """

    read: float
    encode: float
    train: float
    step: float
    latency: float
    bandwidth: float
    row_bytes: float
    gradient_bytes: float


@dataclass(frozen=True)
class Machine:
    """A machine of the cluster.

    Attributes:
        workers: Workers on it.
        cores: Cores of each worker.
        busy: The share of the cores' time that a worker uses.
        price: Dollars per hour.
        network: Bytes per second between machines.
        storage: Bytes per second that it reads from the files.
    """

    workers: int = 4
    cores: int = 2
    busy: float = 0.7
    price: float = 0.40
    network: float = 10e9 / 8
    storage: float = 0.25e9


@dataclass(frozen=True)
class Pass:
    """One pass over all rows.

    Attributes:
        steps: Steps of the optimizer.
        reading: Seconds until the slowest machine has its bytes, beside the computation.
        computing: Seconds of reading, encoding and learning.
        calling: Seconds of the fixed part of the steps.
        summing: Seconds in which the workers add up their gradients.
        dollars: What it costs.
    """

    steps: float
    reading: float
    computing: float
    calling: float
    summing: float
    dollars: float

    @property
    def seconds(self) -> float:
        """The time of the pass: the files are read while the workers compute."""
        return max(self.reading, self.computing + self.calling + self.summing)


def one_pass(rates: Rates, machine: Machine, rows: float, machines: int, batch: int, *, grows: bool) -> Pass:
    """Return what a pass takes.

    Args:
        rates: What was measured.
        machine: A machine of the cluster.
        rows: The rows of the table.
        machines: How many machines there are.
        batch: Rows per step, of each worker if the batch grows with the workers, otherwise of all together.
        grows: Whether the batch grows with the workers.
    """
    workers = machines * machine.workers
    steps = rows / (batch * workers if grows else batch)
    computing = rows / workers * (rates.read + rates.encode + rates.train) / (machine.cores * machine.busy)
    # A ring: each worker sends 2 (w - 1) messages of 1 / w of the gradient. Neighbors in the ring share a machine, so
    # that a machine sends each message once.
    bandwidth = min(rates.bandwidth, machine.network) if machines > 1 else rates.bandwidth
    messages = 2 * (workers - 1)
    summing = steps * messages * (rates.latency + rates.gradient_bytes / workers / bandwidth)
    calling = steps * rates.step if workers > 1 else 0.0
    reading = rows * rates.row_bytes / machines / machine.storage
    seconds = max(reading, computing + calling + summing)
    return Pass(steps, reading, computing, calling, summing, seconds / 3600 * machines * machine.price)
