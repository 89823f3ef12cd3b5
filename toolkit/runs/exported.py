"""Exported runs: what `Run.export` wrote as ONNX, without TensorFlow and Keras.

Reading is safe: before onnxruntime opens a file, its structure is walked through, and everything is refused that no
exported run has: data in other files, graphs within nodes, other libraries' operations. Memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.libraries import library
from toolkit.common.schema import check_schema
from toolkit.common.strict_json import parse
from toolkit.evaluation.predictor import Predictor
from toolkit.heads import Head
from toolkit.runs.archive import saved_file
from toolkit.runs.consistency import check_head, check_predictor, explained
from toolkit.runs.predicting import Predicting

__all__ = ["METADATA", "ExportedRun", "load_exported", "open_session"]

#: The name of the JSON in the metadata: a property of ONNX, a file in the other formats.
METADATA = "logitkit.json"

_LARGEST_FILE = 2**31 - 1  # as for every ONNX file
_LARGEST_TEXT = 2**27
_MOST_NODES = 20_000
_MOST_MEMORY = 2**31
_ROWS, _IMAGES = 8_192, 256  # that are scored together


@dataclass(frozen=True, eq=False, kw_only=True)
class _ExportedNetwork(Predictor):
    """What predicts with a session of onnxruntime."""

    session: Any
    input_name: str

    def raw_scores(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw scores, shape (n, units), of encoded rows, shape (n, ...)."""
        step = _IMAGES if self.is_image else _ROWS
        pieces = [x[start : start + step].astype(np.float32, copy=False) for start in range(0, max(1, len(x)), step)]
        try:
            # Shapes (step, units) -> (n, units); a damaged network may give others.
            scores = [self.session.run(["scores"], {self.input_name: piece})[0] for piece in pieces]
            return (
                np.concatenate(scores)
                .astype(np.float32, copy=False)
                .reshape(len(x), self.head.units(self.target.units))
            )
        except _errors() as error:
            raise DataError(f"the exported network can't be run ({error!s:.200}).") from error


class ExportedRun(Predicting):
    """A run that `Run.export` wrote as ONNX: it predicts what the run does, and no more."""

    def __repr__(self) -> str:
        return f"ExportedRun({self.task}, {self.head.name})"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"an exported run only predicts, and has no {name}: load the .keras file for it.")


def load_exported(path: str | Path, *, head: Head | None = None) -> ExportedRun:
    """Return a run that `Run.export` wrote; see `toolkit.runs.loading.load`."""
    path = saved_file(path, ".onnx", "run.export")
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise DataError(f"{path} is not loaded: it is larger than an ONNX file can be.")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from error
    try:
        content = parse(_metadata(memoryview(data)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged, or was not written by run.export: {error!s:.200}.") from error
    check_schema(content, f"run in {path}")
    check_head(head, content, path)
    session = open_session(data, path)
    with explained(path, "run.export"):
        ((name, input_shape),) = [(entry.name, entry.shape) for entry in session.get_inputs()]
        output_shapes = {entry.name: entry.shape for entry in session.get_outputs()}["scores"]
        network = _ExportedNetwork(**Predictor.predicting_fields(content, head), session=session, input_name=name)
        check_predictor(
            network,
            *(tuple(size if isinstance(size, int) else None for size in s) for s in (input_shape, output_shapes)),
        )
    return ExportedRun(network)


def open_session(data: bytes, path: Path) -> Any:
    """Return a session of onnxruntime with a network, with bounded memory and without threads that spin.

    Raises:
        DataError: onnxruntime is not installed, or can't open the network.
    """
    ort = library("onnxruntime", "export")
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    # Once for the process: a second one replaces nothing.
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({"max_mem": _MOST_MEMORY, "arena_extend_strategy": 1}))
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except _errors() as error:
        raise DataError(f"{path} can't be opened as an ONNX file ({error!s:.200}).") from error


def _errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that onnxruntime raises, which have no class of their own in common."""
    state = library("onnxruntime.capi.onnxruntime_pybind11_state", "export")
    kinds = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*kinds, RuntimeError, ValueError, IndexError, TypeError)


# An ONNX file is a protobuf message: fields with a number, each of which is a number, or bytes that may be a message.
# The numbers of the fields that are allowed, by onnx.proto: what is missing are functions, trainings, sparse tensors,
# data in other files, and graphs as attributes.
_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14}
_GRAPH = {1, 2, 5, 10, 11, 12, 13, 16}
_NODE = {1, 2, 3, 4, 5, 6, 7, 9}
_ATTRIBUTE = {1, 2, 3, 4, 5, 7, 8, 9, 13, 20}
_TENSOR = {1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12}


def _metadata(data: memoryview) -> bytes:
    """Return the JSON of an exported run, once the structure of the file is checked.

    Raises:
        ValueError: It is no ONNX file, holds what no exported run does, or has no such JSON.
    """
    model = list(_fields(data, _MODEL))
    graphs = [value for number, value in model if number == 7]
    properties = [dict(_fields(value, {1, 2})) for number, value in model if number == 14]
    texts = [entry[2] for entry in properties if bytes(entry.get(1, b"")) == METADATA.encode() and 2 in entry]
    if len(graphs) != 1 or len(texts) != 1 or len(texts[0]) > _LARGEST_TEXT:
        raise ValueError(f"it has no {METADATA} in its metadata")
    graph = list(_fields(graphs[0], _GRAPH))
    nodes = [value for number, value in graph if number == 1]
    if len(nodes) > _MOST_NODES:
        raise ValueError(f"it has {len(nodes)} nodes")
    tensors = [value for number, value in graph if number == 5]
    for node in nodes:
        for number, value in _fields(node, _NODE):
            if number == 7 and bytes(value) not in (b"", b"ai.onnx"):
                raise ValueError(f"it has an operation of {bytes(value)[:50]!r}")
            if number == 5:
                tensors += [inner for kind, inner in _fields(value, _ATTRIBUTE) if kind == 5]
    for tensor in tensors:
        list(_fields(tensor, _TENSOR))
    return bytes(texts[0])


def _fields(message: memoryview, allowed: set[int]) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: their number, and a number or bytes.

    Raises:
        ValueError: It is no message, or a field is not allowed.
    """
    position = 0
    while position < len(message):
        key, position = _number(message, position)
        field, wire = key >> 3, key & 7
        if field not in allowed or wire not in (0, 1, 2, 5):
            raise ValueError(f"a field {field} is not allowed there")
        length = {1: 8, 5: 4}.get(wire, 0)
        value: Any = 0
        if wire in (0, 2):
            value, position = _number(message, position)
            length = value if wire == 2 else 0
        if position + length > len(message):
            raise ValueError("it ends too early")
        yield field, value if wire == 0 else message[position : position + length]
        position += length


def _number(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number of 7 bits per byte, and the position behind it."""
    value = 0
    for index, byte in enumerate(message[position : position + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, position + index + 1
    raise ValueError("it ends too early")
