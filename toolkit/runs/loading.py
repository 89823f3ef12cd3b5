"""Load a run from the file that `Run.save` or `Run.export` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from toolkit.heads import Head

if TYPE_CHECKING:
    from toolkit.runs.run import Run

__all__ = ["load"]


def load(path: str | Path, *, head: Head | None = None, custom_objects: Mapping[str, Any] | None = None) -> Run:
    """Return a run saved by `Run.save`, or one exported by `Run.export` as ONNX.

    Args:
        path: The ``.keras`` file, or the ``.onnx`` file. It is opened safely: no pickle, no code, no other file.
        head: The head, where the run was trained with a `Head` of your own.
        custom_objects: Your own layers and functions by name, where the network has some, such as
            ``{"Residual": Residual}``. No others are used; an ``.onnx`` file needs none.

    Returns:
        The run. Its predictions are identical to those before; it has no rows of the data, and its report shows
        everything else. From an ``.onnx`` file, a `toolkit.runs.exported.ExportedRun`: it predicts the same to 1e-5,
        and needs neither Keras nor TensorFlow.

    Raises:
        DataError: No such file, a damaged or foreign one, or one from a later version; or it needs a head, layers or
            functions of your own.
    """
    if str(path).lower().endswith(".onnx"):
        from toolkit.runs.exported import load_exported

        return cast(Any, load_exported(path, head=head))
    from toolkit.runs.run import load_run

    return load_run(path, head=head, custom_objects=custom_objects)
