"""The option that lets several processes train one network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from toolkit.common.checks import check_whole
from toolkit.common.errors import DataError
from toolkit.common.options import documented

__all__ = ["WorkersOptions"]


@documented
@dataclass(frozen=True, kw_only=True)
class WorkersOptions:
    """The processes that train together.

    Raises:
        DataError: It is no whole number of at least 1.

    Example:
        >>> WorkersOptions(workers=2).workers
        2
    """

    workers: Annotated[
        int | None,
        "Processes that train together on Parquet or text files, each on row groups of its own: those that the "
        "environment variable TF_CONFIG names, where it is set; otherwise so many are started on this machine. By "
        "default those of TF_CONFIG, or one.",
        "columns",
    ] = None

    cluster: Annotated[
        str | None,
        "The Ray cluster on whose machines the workers train: an address such as 'ray://head:10001', 'auto' for the "
        "one that this machine belongs to, or 'local' to start Ray on this machine. Needs workers=.",
        "columns",
    ] = None

    def __post_init__(self) -> None:
        check_whole("workers", self.workers, least=1)
        if self.cluster is not None and (not isinstance(self.cluster, str) or not self.cluster.strip()):
            raise DataError(
                f"cluster={self.cluster!r}: expected the address of a Ray cluster, such as 'ray://head:10001', 'auto' "
                "or 'local'."
            )
        if self.cluster is not None and self.workers is None:
            raise DataError(f"cluster={self.cluster!r} needs workers=, the number of processes on the cluster.")
