"""Files written whole or not at all, and whether a path can be written.

A file is written in a temporary folder beside it and then moved to its path in one step. Links are followed. Devices,
pipes and open descriptors such as `/dev/stdout` can't be replaced: they are written to as they are.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from toolkit.common import interrupts
from toolkit.common.errors import DataError

try:
    import fcntl
except ImportError:  # Windows has no such locks: temporary folders of a killed process stay there
    fcntl = None

__all__ = [
    "check_writable",
    "is_stream",
    "locked",
    "open_whole",
    "partial_path",
    "path_to_write",
    "scratch",
    "user_path",
    "write_together",
    "write_whole",
]

_PREFIX = ".logitkit-"
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|[0-9]+))/fd/([0-9]+)")
_MOST_LINKS = 40
_LONGEST_NAME = 255  # bytes that a name may have on any disk


def user_path(path: str | os.PathLike[str], example: str = "report.html", name: str = "path") -> Path:
    """Return a path that a user wrote, with `~` replaced by the home folder.

    Args:
        path: What was given.
        example: The name of a file in the message.
        name: What the path is called in the message.

    Raises:
        DataError: It is no text and no path, or empty.

    Example:
        >>> user_path("a/b.txt").name
        'b.txt'
        >>> user_path(True, "wine.keras")  # type: ignore[arg-type]
        Traceback (most recent call last):
        toolkit.DataError: path=True: expected the name of a file, such as 'wine.keras'.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise DataError(f"{name}={path!r}: expected the name of a file, such as '{example}'.")
    return Path(os.path.expanduser(path))


def path_to_write(path: str | Path) -> Path:
    """Return a path, or after Ctrl-C, where a file is there already, the `partial_path` beside it."""
    path = user_path(path)
    keeps = interrupts.requested() and path.exists() and not is_stream(path)
    return partial_path(path) if keeps else path


def partial_path(path: Path) -> Path:
    """Return where an interrupted run goes whose file would replace an earlier one.

    Example:
        >>> partial_path(Path("models/wine.keras")).name
        'wine.partial.keras'
    """
    stem = path.stem
    while len(os.fsencode(name := f"{stem}.partial{path.suffix}")) > _LONGEST_NAME:
        stem = stem[:-1]
    return path.with_name(name)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written later, before a long computation; nothing stays behind.

    Args:
        path: The path of the file; its folders may be missing.

    Raises:
        DataError: The path is a folder, is write-protected, or lies where no file can be created.

    Example:
        >>> check_writable(getfixture("tmp_path") / "a" / "b.txt")
        >>> check_writable("/proc/nowhere/b.txt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        toolkit.DataError: /proc/nowhere/b.txt can't be written: ...
    """
    path = user_path(path)
    try:
        if is_stream(path):
            if _descriptor(path) is None and not os.access(path, os.W_OK):
                raise PermissionError(13, "Permission denied", str(path))
            return
        target, _ = _target(path)
        folder = next(parent for parent in target.parents if parent.exists())
        for part in target.relative_to(folder).parts:  # a name may be too long for the disk
            with suppress(FileNotFoundError):
                os.stat(folder / part)
        # Permissions don't tell everything, such as on a read-only disk: a folder that is removed at once does.
        with scratch(folder):
            pass
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}.") from error
    except ValueError as error:  # a null character
        raise DataError(f"{str(path)!r} can't be written: {error}.") from error


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file under a temporary name, then move it to its path in one step.

    Args:
        path: The path of the file. Missing folders are created, `~` is the home folder, and links are followed. A file
            keeps its permissions. A device, a pipe or `/dev/stdout` is written to.
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
    path = user_path(path)
    write_together({path: content})
    return path


def write_together(contents: Mapping[Path, str | bytes]) -> None:
    """Write several files: no path changes before the content of each file is on the disk.

    Args:
        contents: Path -> content, as for `write_whole`. The files are moved to their paths in this order.

    Raises:
        DataError: As for `write_whole`.
    """
    path = next(iter(contents))
    try:
        with ExitStack() as stack:
            folders: dict[Path, Path] = {}
            moves: list[tuple[Path, Path]] = []
            for number, (path, content) in enumerate(contents.items()):
                if is_stream(path):
                    continue
                target, earlier = _target(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.parent not in folders:
                    folders[target.parent] = stack.enter_context(scratch(target.parent))
                temporary = folders[target.parent] / str(number)
                _write(temporary, _bytes(content), earlier)
                moves.append((temporary, target))
            for path, content in contents.items():
                if is_stream(path):
                    _write_stream(path, _bytes(content))
            for temporary, target in moves:
                path = target
                _move(temporary, target)
    except OSError as error:
        tail = "" if is_stream(path) else " Nothing was changed."
        raise DataError(f"{path} could not be written: {error.strerror or error}.{tail}") from error
    except ValueError as error:  # a null character
        raise DataError(f"{str(path)!r} could not be written: {error}.") from error


@contextmanager
def open_whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to be written piece by piece; it is moved to its path when all pieces are on the disk.

    Where the block ends with an exception, an earlier file is unchanged.

    Args:
        path: As for `write_whole`. What is written to a device, a pipe or `/dev/stdout` can't be taken back.

    Yields:
        The open file, of bytes.

    Raises:
        DataError: As for `write_whole`.
        BrokenPipeError: The reader of a pipe went away.

    Example:
        >>> path = getfixture("tmp_path") / "b.txt"
        >>> with open_whole(path) as file:
        ...     _ = file.write(b"two "), file.write(b"pieces")
        >>> path.read_text()
        'two pieces'
    """
    path = user_path(path)
    try:
        if is_stream(path):
            with _opened_stream(path) as file:
                yield file
            return
        target, earlier = _target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch(target.parent) as folder:
            with open(folder / "0", "xb") as file:
                yield file
                _finish(file, earlier)
            _move(folder / "0", target)
    except BrokenPipeError:
        raise
    except OSError as error:
        tail = "" if is_stream(path) else " Nothing was changed."
        raise DataError(f"{path} could not be written: {error.strerror or error}.{tail}") from error


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a device, a pipe, a socket or an open descriptor, which is written to, not replaced.

    Example:
        >>> is_stream("/dev/null"), is_stream("/dev/stdout"), is_stream("report.html")
        (True, True, False)
    """
    try:
        if _descriptor(path) is not None:
            return True
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Yield a new temporary folder in a folder. Those that killed processes left there are removed first.

    Raises:
        OSError: No folder can be created there.
    """
    _remove_leftovers(folder)
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        # The lock ends with the process, however that ends: a folder without one is a leftover.
        lock = _lock(temporary, wait=True)
        if temporary.exists():
            break
        _unlock(lock)  # taken for a leftover in the moment before it was locked
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _unlock(lock)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread holds this lock of a folder, and hold it; where there are locks."""
    lock = _lock(folder, wait=True)
    try:
        yield
    finally:
        _unlock(lock)


def _remove_leftovers(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if entry.name.startswith(_PREFIX)]:
            lock = _lock(Path(entry.path), wait=False)
            if lock is not None:
                shutil.rmtree(entry.path, ignore_errors=True)
                _unlock(lock)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Return a descriptor that locks a folder of this user; None where it is locked already or can't be."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    except OSError:  # in use, or a disk without locks
        pass
    os.close(descriptor)
    return None


def _unlock(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _target(path: Path) -> tuple[Path, os.stat_result | None]:
    """Return the file that a path leads to, and its status if it exists.

    Raises:
        OSError: It is a folder, write-protected, or at the end of a circle of links.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return Path(os.path.realpath(path)), None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "it is a folder; add the name of a file", str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "it is write-protected", str(path))
    return Path(os.path.realpath(path)), status


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """Return the open descriptor that a path such as `/dev/stdout` stands for; None for all others."""
    text = os.path.abspath(path)
    for _ in range(_MOST_LINKS):
        match = _DESCRIPTOR.fullmatch(text)
        if match:
            process = text.split("/")[2]
            return int(match[1]) if not process.isdigit() or int(process) == os.getpid() else None
        if not os.path.islink(text):
            return None
        text = os.path.normpath(os.path.join(os.path.dirname(text), os.readlink(text)))
    return None


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _write(path: Path, data: bytes, earlier: os.stat_result | None) -> None:
    """Write a new file to the disk, with the owner and the permissions of an earlier one."""
    with open(path, "xb") as file:
        file.write(data)
        _finish(file, earlier)


def _finish(file: BinaryIO, earlier: os.stat_result | None) -> None:
    """Bring what was written to the disk, with the owner and the permissions of an earlier file."""
    file.flush()
    if earlier is not None and hasattr(os, "fchown"):
        with suppress(PermissionError):  # only root gives files away
            os.fchown(file.fileno(), earlier.st_uid, earlier.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(earlier.st_mode))
    os.fsync(file.fileno())


def _move(temporary: Path, target: Path) -> None:
    try:
        os.replace(temporary, target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        shutil.copyfile(temporary, target)  # a file that is mounted, as containers do, can't be replaced


def _write_stream(path: Path, data: bytes) -> None:
    """Write to what a path leads to, from where it stands now."""
    with _opened_stream(path) as stream:
        stream.write(data)


def _opened_stream(path: Path) -> BinaryIO:
    descriptor = _descriptor(path)
    if descriptor is None:
        opened = os.open(path, os.O_WRONLY)
    else:
        sys.stdout.flush()  # what was printed before comes before
        opened = os.dup(descriptor)
    return os.fdopen(opened, "wb")
