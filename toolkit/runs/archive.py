"""One ``.keras`` file: a plain Keras model, and one JSON member with what the toolkit needs.

``keras.models.load_model`` opens it without this project and ignores the member. Reading is safe: the sizes of all
members are bounded before they are unpacked, the settings of every layer are checked, neither Keras nor the HDF5
library opens the file, and nothing in it is code. A layer of the user's own is known by its name alone.
"""

from __future__ import annotations

import json
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from toolkit.backend import keep_random_state, load_keras
from toolkit.common.errors import DataError, nearest
from toolkit.common.files import is_stream, scratch, user_path, write_whole
from toolkit.common.formatting import join_names
from toolkit.common.strict_json import parse
from toolkit.runs.hdf5 import read_arrays
from toolkit.runs.layers import foreign_object, rebuild
from toolkit.training.scoring import own_parts

if TYPE_CHECKING:
    import keras

__all__ = ["FOREIGN_ERRORS", "read", "saved_file", "write"]

MEMBER = "logitkit.json"

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {_CONFIG, "metadata.json", _WEIGHTS, MEMBER}
# What damaged content makes Keras, TensorFlow, NumPy and pandas raise, beside errors of their own.
FOREIGN_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# A member is unpacked if it is small, or not much larger than in the archive. Keras stores weights as they are.
_SMALL = 2**22
_MOST_TIMES = {_WEIGHTS: 4}
_USUAL_TIMES = 25
_LARGEST_TEXT = 2**27


@keep_random_state()
def write(path: str | Path, model: keras.Model, content: dict[str, Any]) -> Path:
    """Write a model and its JSON member, whole or not at all; return the path.

    Args:
        path: The file; its name ends in ``.keras``. A device or a pipe has any name.
        model: A model of built-in layers and layers of the user's own, which are saved by name. It is saved without
            compile state.
        content: Content of the JSON member, as strict JSON.

    Raises:
        DataError: The name has another ending, the model holds a layer that a safe file can't, or the file can't be
            written.
    """
    path = user_path(path, "run.keras")
    if not path.name:
        raise DataError(f"{path} is a folder; name the file in it, such as {(path / 'run.keras').as_posix()}.")
    if path.suffix != ".keras" and not is_stream(path):
        raise DataError(f"{path}: the file's name must end in .keras, such as {path.with_suffix('.keras').name}.")
    custom_objects = own_parts(model)
    with _own_explained(custom_objects):
        foreign = foreign_object(json.loads(model.to_json()), custom_objects)
        uncompiled = None if foreign else _uncompiled(model)
    if uncompiled is None:
        raise DataError(
            f"the model holds {foreign}, which a safe .keras file can't: build it from Keras's plain layers and layers "
            "of your own, or write the model alone with run.model.save."
        )
    uncompiled.set_weights(model.get_weights())
    content = {**content, "custom_objects": sorted(custom_objects)} if custom_objects else content
    try:
        with scratch(Path(tempfile.gettempdir())) as folder:
            file = folder / "model.keras"
            uncompiled.save(file)
            with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(MEMBER, json.dumps(content, allow_nan=False))
            data = file.read_bytes()
            config, _, arrays = _checked(file, custom_objects)
    except OSError as error:
        raise _no_room(path, error) from error
    except ValueError as error:
        raise DataError(
            f"{path} was not written: no file that can be loaded again holds this run ({error})."
        ) from error
    if custom_objects:
        with _own_explained(custom_objects):
            _check_alike(model, rebuild(config, arrays, custom_objects))
    return write_whole(path, data)


def _uncompiled(model: keras.Model) -> keras.Model:
    """Return a copy of a model with other weights and without compile state."""
    import keras

    if not isinstance(model, keras.Sequential):
        # `clone_model` would compile the copy as the model is: a second model of the same layers is not compiled.
        return keras.models.clone_model(keras.Model(model.input, model.output, name=model.name))
    layers = [type(layer).from_config(layer.get_config()) for layer in model.layers]
    return keras.Sequential(
        [keras.Input(batch_shape=model.input_shape, name=model.inputs[0].name), *layers], name=model.name
    )


@contextmanager
def _own_explained(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Raise what layers of the user's own raise while they are described or made again as a DataError."""
    import keras

    try:
        with keras.saving.custom_object_scope(dict(custom_objects)):
            yield
    except (NotImplementedError, TypeError, ValueError, AttributeError, LookupError) as error:
        if not custom_objects or isinstance(error, DataError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"the model is not saved: {join_names(sorted(custom_objects))} can't be made again from what get_config "
            f"says ({reason}). A layer's get_config must return every argument of its __init__."
        ) from error


def _check_alike(model: keras.Model, rebuilt: keras.Model) -> None:
    """Check that a model that was made again answers as the model does.

    Raises:
        ValueError: It doesn't.
    """
    x = np.random.default_rng(0).normal(size=(8, *(size or 8 for size in model.input_shape[1:]))).astype(np.float32)
    if not np.allclose(model(x, training=False), rebuilt(x, training=False), atol=1e-6, equal_nan=True):
        raise ValueError("it answers differently")


@keep_random_state()
def read(path: str | Path, custom_objects: Mapping[str, Any] | None = None) -> tuple[keras.Model, dict[str, Any]]:
    """Return the model, not compiled, and the JSON content of a file that `write` made, once they are checked.

    Args:
        path: The file.
        custom_objects: The user's own layers and functions by name. No others are made.

    Raises:
        DataError: No such file; not a ``.keras`` archive, or a damaged one; a ``.keras`` file of another origin;
            members or layers that a saved run doesn't have.
    """
    path, custom_objects = saved_file(path), custom_objects or {}
    try:
        config, content, arrays = _checked(path, custom_objects)
    except _Refused as error:
        raise DataError(f"{path} {error}") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}.") from error

    load_keras()
    import tensorflow as tf

    _check_own(custom_objects)
    try:
        return rebuild(config, arrays, custom_objects), content
    except (*FOREIGN_ERRORS, tf.errors.OpError) as error:
        _explain(path, content, error)


def _check_own(custom_objects: Any) -> None:
    """Check the layers and functions that the user gives by name."""
    import keras

    for name, value in custom_objects.items():
        is_layer = isinstance(value, type) and issubclass(value, keras.layers.Layer)
        if not (is_layer or callable(value)) or (isinstance(value, type) and issubclass(value, keras.Model)):
            raise DataError(f"custom_objects: {name!r} is {value!r:.80}; expected the class of a layer, or a function.")


def saved_file(path: str | Path, ending: str = ".keras", writer: str = "run.save") -> Path:
    """Return the path of a file to load, once it is checked that there is one.

    Raises:
        DataError: There is none, or it is a folder, a device or a pipe.
    """
    path = user_path(path, f"run{ending}")
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        names = [file.name for file in path.parent.glob(f"*{ending}")] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file.{nearest(path.name, names)}") from error
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: expected a file that {writer} wrote; this is a folder, a device or a pipe.")
    return path


class _Refused(ValueError):
    """A file that is not a saved run, in words that follow its name."""


def _checked(path: Path, custom_objects: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the settings of the model, the JSON content and the weights of a file, once they are checked.

    Raises:
        ValueError: It is damaged, or not a saved run.
    """
    members = _unpack(path)
    try:
        config, content = parse(members[_CONFIG]), parse(members[MEMBER])
    except (ValueError, RecursionError) as error:
        raise _Refused(f"is damaged: its settings are not JSON that run.save writes ({error}).") from error
    names = content.get("custom_objects", []) if isinstance(content, dict) else []
    missing = [str(name)[:80] for name in names if name not in custom_objects] if isinstance(names, list) else []
    if missing:
        given = ", ".join(f"{name!r}: {name.rpartition('>')[2]}" for name in missing[:5])
        raise _Refused(
            "was saved with layers or functions of your own, and a file holds no code: toolkit.load(path, "
            f"custom_objects={{{given}}})."
        )
    foreign = foreign_object(config, custom_objects)
    if foreign or not isinstance(content, dict):
        raise _Refused(f"is not loaded: it holds {foreign or 'no settings'}, which no saved run has.")
    return config, content, read_arrays(members[_WEIGHTS])


def _unpack(path: Path) -> dict[str, bytes]:
    """Return the members of the archive, each of a size that suits its size in the archive.

    Raises:
        ValueError: The archive is damaged, or not that of a saved run.
    """
    try:
        with open(path, "rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                names = [member.filename for member in members]
                if MEMBER not in names:
                    raise _Refused(
                        f"was not saved by run.save: it has no {MEMBER}. keras.models.load_model opens a plain Keras "
                        "model."
                    )
                unexpected = sorted(_MEMBERS ^ set(names)) or [name for name in names if names.count(name) > 1]
                if unexpected:
                    raise _Refused(f"is not a file that run.save wrote: unexpected or missing member {unexpected[0]}.")
                for member in members:
                    most = max(_SMALL, _MOST_TIMES.get(member.filename, _USUAL_TIMES) * member.compress_size)
                    most = most if member.filename == _WEIGHTS else min(most, _LARGEST_TEXT)
                    if member.file_size > most or member.compress_type not in (
                        zipfile.ZIP_STORED,
                        zipfile.ZIP_DEFLATED,
                    ):
                        raise _Refused(
                            f"is not loaded: {member.filename} would take {member.file_size} bytes, unpacked from "
                            f"{member.compress_size}."
                        )
                return {member.filename: archive.read(member) for member in members}
    # For an encrypted file, or an unknown compression, zipfile raises RuntimeError or NotImplementedError.
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, RuntimeError) as error:
        raise _Refused("is damaged or not a .keras file: it can't be opened as one.") from error
    except OSError as error:  # a place before the file's beginning, or a file that may not be read
        raise _Refused(f"is damaged or can't be read ({error.strerror or error}).") from error


def _check_directory(file: Any) -> None:
    """Check that an archive ends with a directory of few members: `zipfile` reads one of any length.

    Raises:
        BadZipFile: It does not.
    """
    file.seek(0, os.SEEK_END)
    length = file.tell()
    file.seek(max(0, length - 22))
    end = file.read(22)
    if len(end) < 22 or end[:4] != b"PK\5\6" or end[20:] != b"\0\0":
        raise zipfile.BadZipFile("no directory at the end")
    entries, size = struct.unpack_from("<HI", end, 10)
    if entries > 10 * len(_MEMBERS) or size > 1_000 * max(1, entries):
        raise zipfile.BadZipFile("a directory of too many members")
    file.seek(0)


def _no_room(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} was not written: the temporary folder {tempfile.gettempdir()} can't be used "
        f"({error.strerror or error}). The environment variable TMPDIR names another."
    )


def _explain(path: Path, content: dict[str, Any], error: BaseException) -> NoReturn:
    """Raise the DataError about a file from which Keras can't rebuild the model."""
    import keras

    settings = content.get("settings")
    versions = settings.get("versions") if isinstance(settings, dict) else None
    saved_with = str(versions.get("keras", "")) if isinstance(versions, dict) else ""
    if _numbers(saved_with) > _numbers(keras.__version__):
        raise DataError(
            f"{path} was saved with Keras {saved_with[:20]}; Keras {keras.__version__} can't open it: "
            'pip install --upgrade "keras<3.17".'
        ) from error
    reason = " ".join(str(error).split())[:200]
    raise DataError(f"{path} is damaged: its model can't be rebuilt ({reason or type(error).__name__}).") from error


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d{1,9}", version)[:3]]
