"""One ``.keras`` file: a plain Keras model, and one JSON member with what the toolkit needs.

``keras.models.load_model`` opens it without this project and ignores the member. Reading is safe: the members of the
archive and every layer class are checked before Keras opens the file, and nothing in it is code.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.common.errors import DataError, nearest
from toolkit.common.files import user_path, write_whole

if TYPE_CHECKING:
    import keras

__all__ = ["read", "write"]

MEMBER = "logitkit.json"

_KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}

# Modules of Keras whose objects only compute. Layers that hold code are refused.
_ALLOWED_MODULES = (
    "keras.layers",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.activations",
)
_ALLOWED_CLASSES = {
    ("keras", "Sequential"),
    ("keras", "DTypePolicy"),
    ("builtins", "__tensor__"),
    ("builtins", "__tuple__"),
}
_REFUSED = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "StaticLambda"}


def write(path: str | Path, model: keras.Sequential, content: dict[str, Any]) -> Path:
    """Write a model and its JSON member, whole or not at all; return the path.

    Args:
        path: The file; its name ends in ``.keras``.
        model: A model of built-in layers. It is saved without compile state.
        content: Content of the JSON member, as strict JSON.

    Raises:
        DataError: The name has another ending, the model holds a layer that isn't built into Keras, or the file
            can't be written.
    """
    import keras

    path = user_path(path, "run.keras")
    if not path.name:
        raise DataError(f"{path} is a folder; name the file in it, such as {(path / 'run.keras').as_posix()}.")
    if path.suffix != ".keras":
        raise DataError(f"{path}: the file's name must end in .keras, such as {path.with_suffix('.keras').name}.")
    foreign = _foreign_object(model.get_config())
    if foreign:
        raise DataError(f"the model holds {foreign}, which a safe .keras file can't: build it from Keras's layers.")
    uncompiled = keras.Sequential.from_config(model.get_config())
    if not uncompiled.built:
        uncompiled.build(model.input_shape)
    uncompiled.set_weights(model.get_weights())
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.keras"
            uncompiled.save(file)
            with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(MEMBER, json.dumps(content, allow_nan=False))
            data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}. Nothing was changed.") from error
    return write_whole(path, data)


def read(path: str | Path) -> tuple[keras.Sequential, dict[str, Any]]:
    """Return the model, not compiled, and the JSON content of a file that `write` made, once they are checked.

    Raises:
        DataError: No such file; not a ``.keras`` archive, or a damaged one; a ``.keras`` file of another origin;
            members or layers that a saved run doesn't have.
    """
    path = user_path(path, "run.keras")
    if len(path.name) > 255 or not path.is_file():
        names = [file.name for file in path.parent.glob("*.keras")] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file.{nearest(path.name, names)}")
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = set(archive.namelist())
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
            texts = {name: archive.read(name) for name in members & {"config.json", MEMBER}}
    # For an encrypted file, or an unknown compression, zipfile raises RuntimeError or NotImplementedError.
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, RuntimeError) as error:
        raise DataError(f"{path} is damaged or not a .keras file: it can't be opened as one.") from error
    if MEMBER not in members:
        raise DataError(
            f"{path} was not saved by run.save: it has no {MEMBER}. keras.models.load_model opens a plain Keras model."
        )
    unexpected = sorted(members ^ (_KERAS_MEMBERS | {MEMBER}))
    if unexpected:
        raise DataError(f"{path} is not a file that run.save wrote: unexpected or missing member {unexpected[0]}.")
    try:
        config, content = json.loads(texts["config.json"]), json.loads(texts[MEMBER])
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: its settings are not JSON.") from error
    foreign = _foreign_object(config)
    if foreign or not isinstance(content, dict):
        raise DataError(f"{path} is not loaded: it holds {foreign or 'no settings'}, which no saved run has.")

    import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            # Keras opens the bytes that were checked: the file itself may have changed since.
            copy = Path(folder) / "model.keras"
            copy.write_bytes(data)
            model = keras.saving.load_model(copy, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, AttributeError) as error:
        saved_with = str(content.get("settings", {}).get("versions", {}).get("keras", keras.__version__))
        if _numbers(saved_with) > _numbers(keras.__version__):
            raise DataError(
                f"{path} was saved with Keras {saved_with}; Keras {keras.__version__} can't open it: "
                'pip install --upgrade "keras<3.17".'
            ) from error
        raise DataError(f"{path} is damaged: Keras can't rebuild its model.") from error
    return model, content


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)[:3]]


def _foreign_object(config: Any) -> str:
    """Return the first object of a Keras config that is neither a built-in layer nor a plain part of one, or ''."""
    if isinstance(config, list | tuple):
        return next(filter(None, map(_foreign_object, config)), "")
    if not isinstance(config, dict):
        return ""
    name = config.get("class_name")
    if name is not None:
        module, registered = config.get("module"), config.get("registered_name")
        allowed = (module in _ALLOWED_MODULES and name not in _REFUSED) or (module, name) in _ALLOWED_CLASSES
        if not allowed or registered not in (None, name):
            return f"{module}.{name}" if module else str(name)
    return next(filter(None, map(_foreign_object, config.values())), "")
