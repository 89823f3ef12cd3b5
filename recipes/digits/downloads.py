"""Data sets fetched from their official places: checked, kept, and gone on with where a download broke off."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from toolkit.common.errors import DataError, nearest

__all__ = ["DATASETS", "Dataset", "data_folder", "fetch", "find"]

_TIMEOUT = 30.0  # seconds without an answer
_TRIES = 4  # of one file, each going on where the last one stopped
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Dataset:
    """A data set that can be fetched.

    Attributes:
        title: Its name as people write it.
        place: The folder of the files on the network; it ends in a slash.
        files: File name -> SHA-256 of its content, unpacked where it is packed: how it was packed may differ.
    """

    title: str
    place: str
    files: Mapping[str, str]


DATASETS: dict[str, Dataset] = {
    "mnist": Dataset(
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": Dataset(
        "Fashion-MNIST",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
}
"""What can be fetched, by name. MNIST's own site refuses downloads; the place is PyTorch's copy of it."""


def data_folder() -> Path:
    """Return the folder that holds fetched data sets: where LOGITKIT_DATA says, or the user's cache.

    Example:
        >>> getfixture("monkeypatch").setenv("LOGITKIT_DATA", "/tmp/sets")
        >>> data_folder().as_posix()
        '/tmp/sets'
    """
    named = os.environ.get("LOGITKIT_DATA")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("logitkit"))


def find(name: str) -> Path | None:
    """Return the folder where the files of a data set stand already, or None.

    Looked in are `data/` below the working directory and the folder of fetched sets, in each the sub-folder of the
    set's name.

    Args:
        name: One of `DATASETS`.

    Raises:
        DataError: There is no such set.
    """
    wanted = _known(name).files
    for folder in (Path("data") / name, data_folder() / name):
        if all((folder / file).is_file() or (folder / file.removesuffix(".gz")).is_file() for file in wanted):
            return folder
    return None


def fetch(
    name: str, folder: str | Path | None = None, *, place: str | None = None, say: Callable[[str], None] | None = None
) -> Path:
    """Fetch a data set, unless it is there, and return the folder of its files.

    A file that is there is kept as it is if its checksum is right. One that broke off is gone on with.

    Args:
        name: One of `DATASETS`: "mnist" or "fashion-mnist".
        folder: Where the files go; None is the set's own folder in `data_folder`.
        place: Another folder on the network that has the same files, such as a mirror nearer by.
        say: Called with a line for each file that is fetched.

    Returns:
        The folder.

    Raises:
        DataError: There is no such set or no connection, the place refuses, a file is not what it should be, or can't
            be written.
    """
    wanted = _known(name)
    if place is not None and not str(place).lower().startswith(("http://", "https://")):
        raise DataError(f"place={place!r}: expected an address that begins with https:// or http://.")
    where = data_folder() / name if folder is None else Path(folder).expanduser()
    base = (place or wanted.place).rstrip("/") + "/"
    for file, expected in wanted.files.items():
        whole = where / file
        try:
            if whole.is_file() and _checksum(whole) == expected:
                continue
            where.mkdir(parents=True, exist_ok=True)
            if say is not None:
                say(f"Fetching {base}{file}")
            _fetch_file(base + file, whole, expected, wanted.title, where)
        except OSError as error:
            raise DataError(f"{whole} could not be written: {error.strerror or error}.") from error
    return where


def _known(name: str) -> Dataset:
    if name not in DATASETS:
        raise DataError(f"'{name}' is no data set to fetch (known: {', '.join(DATASETS)}).{nearest(name, DATASETS)}")
    return DATASETS[name]


def _checksum(path: Path, packed: bool = True) -> str:
    """Return the SHA-256 of a file's content, unpacked where it is packed; empty where it can't be unpacked."""
    digest = hashlib.sha256()
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return ""
    return digest.hexdigest()


class _Interrupted(Exception):
    """The connection broke; what came is kept."""


def _fetch_file(url: str, whole: Path, expected: str, title: str, folder: Path) -> None:
    """Fetch one file beside its place, going on with what is there, check it, and move it into place."""
    partial = whole.with_name(f"{whole.name}.part")
    began_with = partial.stat().st_size if partial.exists() else 0
    for left in reversed(range(_TRIES)):
        try:
            _continue(url, partial)
            break
        except _Interrupted as error:
            if not left:
                got = partial.stat().st_size if partial.exists() else 0
                raise DataError(
                    f"fetching {url} broke off {_TRIES} times ({error}); {got:,} bytes are kept. Try again: it goes on "
                    "from there."
                ) from error
        except urllib.error.HTTPError as error:
            error.close()
            raise DataError(
                f"{title} could not be fetched: {url} answered {error.code} ({error.reason}). Put its files into "
                f"{folder}."
            ) from error
        except (urllib.error.URLError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise DataError(
                f"{title} is not on this machine, and this machine is offline, or can't reach "
                f"{url.split('/')[2]} ({reason}). Go online, or put the files of {title} into {folder}."
            ) from error
    found = _checksum(partial, whole.name.endswith(".gz"))
    if found != expected:
        partial.unlink()
        if began_with:  # what was there before may have been of another file
            _fetch_file(url, whole, expected, title, folder)
            return
        raise DataError(
            f"{url} is not the file expected: its content has the SHA-256 {found[:16] or 'of no packed file'}, not "
            f"{expected[:16]}. It was not kept. Try again, or another place."
        )
    os.replace(partial, whole)


def _continue(url: str, partial: Path) -> None:
    """Fetch what is missing of a file, or all of it where the place can't send a part."""
    there = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            goes_on = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {there}-")
            expected = answer.headers.get("Content-Length")
            came = 0
            with open(partial, "ab" if goes_on else "wb") as file:
                try:
                    while block := answer.read(_BLOCK):
                        file.write(block)
                        came += len(block)
                except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
                    raise _Interrupted(str(error) or type(error).__name__) from error
            if expected is not None and came < int(expected):
                raise _Interrupted(f"{came:,} of {int(expected):,} bytes came")
    except urllib.error.HTTPError as error:
        if error.code != 416:  # no such part: all of it is there, or more than there should be
            raise
        error.close()
    except (http.client.HTTPException, ConnectionError) as error:
        raise _Interrupted(str(error) or type(error).__name__) from error
