"""Files written whole or not at all, and whether a path can be written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from toolkit.common.errors import DataError

__all__ = ["check_writable", "write_whole"]


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written later, before a long computation; nothing stays behind.

    Args:
        path: The path of the file; its folders may be missing.

    Raises:
        DataError: The path is a folder, or lies where no file can be created.

    Example:
        >>> check_writable(getfixture("tmp_path") / "a" / "b.txt")
        >>> check_writable("/proc/nowhere/b.txt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        toolkit.DataError: /proc/nowhere/b.txt can't be written: ...
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder; add the name of a file", str(path))
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        # Permissions don't tell everything, such as on a read-only disk: a file that is removed at once does.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}.") from error
    except ValueError as error:  # a null character
        raise DataError(f"{str(path)!r} can't be written: {error}.") from error


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file under a temporary name, then move it to its path in one step.

    Args:
        path: The path of the file. Missing folders are created.
        content: The content; text is written as UTF-8.

    Returns:
        The path.

    Raises:
        DataError: The file can't be written (no permission, a full disk, a folder of that name). An earlier file is
            then unchanged.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> write_whole(folder / "a" / "b.txt", "hello").read_text()
        'hello'
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; a user's file gets the permissions that open() would give.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}. Nothing was changed.") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return path
