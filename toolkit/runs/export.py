"""Export a run for other programs: ONNX, TensorFlow Lite or a SavedModel, with its calibration and its preprocessing.

All three are made from one Keras model: the network, then what turns its scores into probabilities or into the target's
units. A file is only kept if it predicts what the run does.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit.backend import keep_random_state, load_keras
from toolkit.common.error_output import redirected
from toolkit.common.errors import DataError
from toolkit.common.files import scratch, user_path, write_whole
from toolkit.common.libraries import library
from toolkit.evaluation.conformal import by_class
from toolkit.evaluation.result import Result
from toolkit.runs.exported import METADATA, open_session

if TYPE_CHECKING:
    import keras

__all__ = ["Exported", "export"]

_TOLERANCE = 1e-5

_LIBRARIES = ("onnx", "onnxruntime", "tf2onnx")
_ROWS = 1_000  # that the file is checked on
_IN_ONNX = {"gelu", "celu"}  # Keras computes them with operations that ONNX lacks


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        path: The file or the folder.
        difference: The largest difference to what the run predicts: in a probability, a number in standard deviations
            of its target in training, or a score where there are no probabilities.
        rows: How many rows it was measured on, and which.
        outputs: The names of the outputs.
    """

    path: Path
    difference: float
    rows: str
    outputs: list[str]

    def __str__(self) -> str:
        return (
            f"{self.path}: the outputs {' and '.join(self.outputs)} differ by at most {self.difference:.1e} from the "
            f"run's, on {self.rows}."
        )


@keep_random_state()
def export(result: Result, path: str | Path) -> Exported:
    """Write a result for other programs; see `toolkit.runs.run.Run.export`."""
    path = user_path(path, "run.onnx")
    kind = _KINDS.get(path.suffix.lower(), _saved_model)
    if kind is _saved_model and (path.suffix or not path.name):
        raise DataError(f"{path}: expected a name that ends in .onnx or .tflite, or the name of a new folder.")
    if kind is _saved_model and path.exists():
        raise DataError(f"{path} exists already: name a new folder, or a file that ends in .onnx or .tflite.")
    for name in _LIBRARIES if kind is _onnx else ():
        library(name, "export")
    load_keras()
    model = _with_answers(result, kind)
    x, rows = _rows_to_check(result)
    expected = _answers(result, result.raw_scores(x))
    folder = path.parent if kind is _saved_model else Path(tempfile.gettempdir())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder) as temporary:
            target = temporary / (path.name if kind is _saved_model else f"model{path.suffix.lower()}")
            with _quiet():
                predict, attach = kind(model, target, path)
                actual = predict(x)
            difference = max(_difference(result, expected[name], actual[name]) for name in _checked_names(expected))
            if not difference <= _TOLERANCE:
                raise DataError(
                    f"{path} was not written: on {rows} its answers differ from the run's by up to {difference:.1e}, "
                    f"more than {_TOLERANCE:.0e}."
                )
            about = Exported(path, difference, rows, list(expected))
            attach(json.dumps(_content(result, about), allow_nan=False))
            if kind is _saved_model:
                os.replace(target, path)
            else:
                write_whole(path, target.read_bytes())
    except OSError as error:
        raise DataError(f"{path} was not written: {error.strerror or error}.") from error
    return about


def _content(result: Result, about: Exported) -> dict[str, Any]:
    """Return what the file says about itself and its rows: enough to predict from a table."""
    return {
        **result.predicting_content(),
        "versions": result.settings.get("versions", {}),
        "outputs": about.outputs,
        "classes": result.class_names,
        "difference": about.difference,
        "difference_rows": about.rows,
    }


def _rows_to_check(result: Result) -> tuple[NDArray[Any], str]:
    """Return inputs of the network on which a file is checked, and which rows they are."""
    dataset = result.dataset
    if dataset is not None and len(dataset.parts["test"]):
        x = dataset.x("test")[:_ROWS]
        return x, f"{len(x):,} test row{'s' * (len(x) != 1)}"
    random = np.random.default_rng(0)
    preprocessing: Any = result.preprocessing
    if result.is_image:
        x = random.uniform(preprocessing.low, preprocessing.high, (64, *preprocessing.shape)).astype(np.float32)
    else:
        x = random.normal(size=(_ROWS, preprocessing.width)).astype(np.float32)
    return x, f"{len(x):,} random rows"


def _answers(result: Result, scores: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Return what a file gives for scores, by the names of its outputs, each of shape (n, ...)."""
    answers: dict[str, NDArray[Any]] = {"scores": scores}
    if result.task == "regression":
        answers["prediction"] = result.target.decode(result.decide(scores)).reshape(len(scores), -1)
    elif result.has_probabilities:
        answers["probabilities"] = by_class(result.probabilities(scores))
    return answers


def _checked_names(answers: dict[str, Any]) -> list[str]:
    """Return the outputs that must agree: scores of some thousand differ by more than their probabilities."""
    return [name for name in answers if name != "scores"] or ["scores"]


def _difference(result: Result, expected: NDArray[Any], actual: NDArray[Any]) -> float:
    """Return the largest difference, as `Exported.difference` describes it."""
    difference = np.abs(np.asarray(actual, np.float64) - expected)
    if result.task == "regression":
        # exp(x * scale) grows by the factor 1 + scale * dx, so that dx is the relative change over the scale.
        difference = difference / (
            np.abs(expected) * result.target.scale if result.target.log_target else result.target.scale
        )
    return float(difference.max(initial=0.0))


def _with_answers(result: Result, kind: Callable[..., Any]) -> keras.Model:
    """Return a model from the network's inputs to its scores and the answers that `_answers` names."""
    import keras

    ops = keras.ops
    inputs = keras.Input(result.model.input_shape[1:], name="inputs")
    scores = _through(result.model, inputs) if kind is _onnx else result.model(inputs)
    outputs = {"scores": scores}
    if result.task == "regression":
        # TensorFlow Lite multiplies no float64.
        dtype = "float32" if kind is _tflite else "float64"
        scale, center = (value.astype(dtype) for value in (result.target.scale, result.target.center))
        decided = ops.sort(scores, axis=1) if result.head.quantiles else scores
        values = ops.cast(decided, dtype) * scale + center
        values = ops.exp(values) if result.target.log_target else values
        outputs["prediction"] = values
    elif result.has_probabilities:
        outputs["probabilities"] = _probabilities(result, scores)
    return keras.Model(inputs, outputs)


def _through(model: keras.Model, x: Any) -> Any:
    """Return the scores of inputs, with activations that ONNX lacks written in operations that it has."""
    import keras

    ops = keras.ops

    def called(layer: Any, x: Any, *rest: Any, **options: Any) -> Any:
        name = getattr(getattr(layer, "activation", None), "__name__", "")
        if type(layer).__name__ != "Activation" or name not in _IN_ONNX:
            return layer(x, *rest, **options)
        if name == "gelu":
            return 0.5 * x * (1 + ops.erf(x * 0.5**0.5))
        return ops.maximum(x, 0.0) + ops.exp(ops.minimum(x, 0.0)) - 1

    if isinstance(model, keras.Sequential):
        return reduce(lambda x, layer: called(layer, x), model.layers, x)
    kept: Any = lambda layer: layer  # noqa: E731 - the same layers, with their weights
    return keras.models.clone_model(model, input_tensors=x, clone_function=kept, call_function=called).outputs[0]


def _probabilities(result: Result, scores: Any) -> Any:
    """Return probabilities of scores, (n, units) -> (n, classes or labels), in operations of Keras.

    The same as `toolkit.evaluation.calibration.Calibration.probabilities`, which says why.
    """
    import keras

    ops, calibration = keras.ops, result.calibration
    parameters = {} if calibration is None else calibration.parameters
    if calibration is not None and calibration.method in ("platt", "isotonic"):
        slope, intercept = (np.array(parameters[name], np.float32) for name in ("slope", "intercept"))
        positive = ops.sigmoid(scores * slope + intercept)
        knots = parameters.get("knots", [None] * len(slope))
        columns = [
            _with_steps(scores[:, i : i + 1], positive[:, i : i + 1], k, calibration.rows) for i, k in enumerate(knots)
        ]
        positive = ops.concatenate(columns, axis=1) if any(knots) else positive
    else:
        scale = parameters.get("scale", 1 / parameters.get("temperature", 1.0))
        offsets = np.array(
            calibration.offsets if calibration is not None and calibration.offsets else [0.0], np.float32
        )
        scaled = _class_scores(result, scores) * float(scale) - offsets
        if result.task == "multiclass":
            return ops.softmax(scaled, axis=-1)
        positive = ops.sigmoid(scaled)
    return ops.concatenate([1 - positive, positive], axis=1) if result.task == "binary" else positive


def _class_scores(result: Result, scores: Any) -> Any:
    """Return a score for each class, as `toolkit.heads.Head.class_scores` does."""
    import keras

    if not result.head.ordered:
        return scores
    ops = keras.ops
    falling = -ops.sort(-scores, axis=1)
    above, below = falling[:, :-1], falling[:, 1:]
    between = ops.sigmoid(above) * ops.sigmoid(-below) * (1 - ops.exp(below - above))
    chances = ops.concatenate([ops.sigmoid(-falling[:, :1]), between, ops.sigmoid(falling[:, -1:])], axis=1)
    return ops.log(ops.maximum(chances, 1e-37))


def _with_steps(score: Any, line: Any, knots: dict[str, Any] | None, rows: int) -> Any:
    """Return the probability of one score, (n, 1), by the knots of an isotonic regression, linear between them."""
    import keras

    if knots is None:
        return line
    at, chances = (np.array(knots[name]) for name in ("scores", "chances"))
    # (n, 1) - (pieces,) -> (n, pieces): how far the score has come through each piece, 0 to 1.
    share = keras.ops.clip((score - at[:-1].astype(np.float32)) * (1 / np.diff(at)).astype(np.float32), 0.0, 1.0)
    stepped = keras.ops.sum(share * np.diff(chances).astype(np.float32), axis=1, keepdims=True) + float(chances[0])
    return (rows * stepped + line) / (rows + 1)


# How a model is written to a file, what predicts from that file, and what puts the metadata into it.
_Written = tuple[Callable[[NDArray[Any]], dict[str, NDArray[Any]]], Callable[[str], None]]


def _onnx(model: keras.Model, file: Path, path: Path) -> _Written:
    onnx = library("onnx", "export")
    model(np.zeros((1, *model.input_shape[1:]), np.float32))  # Keras exports no model that was never called
    model.export(file, format="onnx", verbose=False)
    written = onnx.load_model(file)
    _drop_copies(onnx, written.graph)
    onnx.save_model(written, file)
    try:
        session = open_session(file.read_bytes(), path)
    except DataError as error:
        raise DataError(f"{path} was not written: the model has a layer that ONNX can't hold. {error}") from error
    names = [output.name for output in session.get_outputs()]

    def predict(x: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return dict(zip(names, session.run(names, {session.get_inputs()[0].name: x.astype(np.float32)}), strict=True))

    def attach(content: str) -> None:
        onnx.helper.set_model_props(written, {METADATA: content})
        written.producer_name = "logitkit"
        onnx.save_model(written, file)

    return predict, attach


def _drop_copies(onnx: Any, graph: Any) -> None:
    """Remove the second copies of kernels, which tf2onnx keeps in a graph only to ask for their shapes."""
    constants = {constant.name: constant for constant in graph.initializer}
    for node in [
        node for node in graph.node if node.op_type == "Shape" and node.input[0] in constants and not node.attribute
    ]:
        shape = np.array(constants[node.input[0]].dims, np.int64)
        graph.initializer.append(onnx.numpy_helper.from_array(shape, node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for constant in [constant for constant in graph.initializer if constant.name not in used]:
        graph.initializer.remove(constant)


def _tflite(model: keras.Model, file: Path, path: Path) -> _Written:
    import tensorflow as tf

    model.export(file, format="litert", verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = tf.lite.Interpreter(model_content=file.read_bytes()).get_signature_runner()
    (name,) = runner.get_input_details()

    def attach(content: str) -> None:
        # The format has files packed as a ZIP archive behind the model.
        with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(METADATA, content)

    return lambda x: runner(**{name: x.astype(np.float32)}), attach


def _saved_model(model: keras.Model, file: Path, path: Path) -> _Written:
    import tensorflow as tf

    model.export(file, verbose=False)
    served: Any = tf.saved_model.load(str(file))

    def attach(content: str) -> None:
        extra = file / "assets.extra"
        extra.mkdir()
        (extra / METADATA).write_text(content, "utf-8")

    return lambda x: {name: value.numpy() for name, value in served.serve(x.astype(np.float32)).items()}, attach


_KINDS = {".onnx": _onnx, ".tflite": _tflite}


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the libraries warn and write about themselves."""
    with warnings.catch_warnings(), tempfile.TemporaryFile() as file:
        warnings.simplefilter("ignore")
        with redirected(file):
            yield
