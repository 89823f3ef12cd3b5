"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from toolkit.common.errors import DataError

__all__ = ["write_whole"]


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
