"""MNIST and Fashion-MNIST, downloaded once: checked, stored, and continued after an interruption.

A library such as pooch would neither continue a download nor bound its size and time.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import platformdirs

from toolkit.common.errors import DataError, nearest
from toolkit.common.files import check_writable, locked

__all__ = ["DATASETS", "RemoteDataset", "data_folder", "fetch", "find"]

_ATTEMPTS = 4
_MOST_BYTES = 1 << 27  # of a file; the largest of `DATASETS` has 26 MB
_MOST_UNPACKED = 1 << 30
_SLOWEST = 1_000  # bytes a second


@dataclass(frozen=True)
class RemoteDataset:
    """A data set that can be downloaded.

    Attributes:
        title: Its usual name; in lower case it names the folder of its files.
        url: Address of the folder that holds its files.
        files: Name of a gzip file -> SHA-256 of its decompressed content, since mirrors may compress differently.
    """

    title: str
    url: str
    files: Mapping[str, str]

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            DataError: It is no web address.
        """
        if not self.url.startswith(("https://", "http://")):
            raise DataError(f"url={self.url!r}: expected an address that begins with https:// or http://.")


#: Name -> data set. MNIST's original site refuses downloads; the address is that of PyTorch's copy.
DATASETS = {
    "mnist": RemoteDataset(
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        {
            "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": RemoteDataset(
        "Fashion-MNIST",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        {
            "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
}


def data_folder() -> Path:
    """Return the folder of downloaded data sets: the environment variable LOGITKIT_DATA, or the user's cache folder.

    Example:
        >>> getfixture("monkeypatch").setenv("LOGITKIT_DATA", "/tmp/sets")
        >>> data_folder().as_posix()
        '/tmp/sets'
    """
    folder = os.environ.get("LOGITKIT_DATA")
    return Path(os.path.expanduser(folder)) if folder else _cache_folder()


def _cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("logitkit"))


def find(dataset: str | RemoteDataset) -> Path | None:
    """Return the folder that already holds the files of a data set, compressed or not, or None.

    It is looked for in `data/` of the working directory, in `data_folder` and in the user's cache folder, each time in
    the sub-folder of its name.

    Args:
        dataset: A name of `DATASETS`, or another data set.

    Raises:
        DataError: No data set has this name.
    """
    remote = _known(dataset)
    for parent in (Path("data"), data_folder(), _cache_folder()):
        folder = parent / remote.title.lower()
        if all((folder / name).is_file() or (folder / name.removesuffix(".gz")).is_file() for name in remote.files):
            return folder
    return None


def fetch(
    dataset: str | RemoteDataset,
    folder: str | Path | None = None,
    *,
    say: Callable[[str], None] | None = None,
    timeout: float = 30.0,
) -> Path:
    """Download the files of a data set that are missing or damaged, and return their folder.

    If several processes do this at once, one downloads and the others wait for it.

    Args:
        dataset: "mnist", "fashion-mnist", or another data set.
        folder: The folder of the files; None is a sub-folder of `data_folder`, or of the user's cache folder where
            that one can't be written.
        say: Function that gets one line for each download.
        timeout: Seconds without an answer, or with less than 1,000 bytes a second, after which a connection is given
            up.

    Raises:
        DataError: No data set has this name, there is no connection, the server refuses, a file is too large or has
            the wrong checksum, or a file can't be written.
    """
    remote = _known(dataset)
    announce = say or (lambda _: None)
    folder = _writable_folder(remote, announce) if folder is None else Path(os.path.expanduser(folder))
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            for name, expected in remote.files.items():
                url, path = f"{remote.url}/{name}", folder / name
                if not path.is_file() or _checksum(path) != expected:
                    announce(f"Downloading {url}")
                    _download(url, path, expected, remote.title, timeout)
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}.") from error
    return folder


def _writable_folder(remote: RemoteDataset, announce: Callable[[str], None]) -> Path:
    """Return the folder of a data set in `data_folder`, or in the cache folder where that one can't be written."""
    folder, cache = (parent / remote.title.lower() for parent in (data_folder(), _cache_folder()))
    try:
        check_writable(folder / next(iter(remote.files)))
    except DataError as error:
        if folder == cache:
            raise
        announce(f"{str(error).rstrip('.')}: {cache} is used.")
        return cache
    return folder


def _known(dataset: str | RemoteDataset) -> RemoteDataset:
    if isinstance(dataset, RemoteDataset):
        return dataset
    if dataset not in DATASETS:
        hint = nearest(dataset, DATASETS)
        raise DataError(f"'{dataset}' is not a data set to download; expected one of {', '.join(DATASETS)}.{hint}")
    return DATASETS[dataset]


def _checksum(path: Path) -> str | None:
    """Return the SHA-256 of a gzip file's content, or None if it can't be decompressed or is far too large."""
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
                if size > _MOST_UNPACKED:
                    return None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return None
    return digest.hexdigest()


def _download(url: str, path: Path, expected: str, title: str, timeout: float) -> None:
    """Download a file to `<name>.part`, check it, and only then give it its name."""
    partial = path.with_name(f"{path.name}.part")
    continued = partial.exists()
    for attempt in range(1, _ATTEMPTS + 1):
        size = _size(partial)
        try:
            _append(url, partial, timeout)
            break
        except (http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
                if error.code == 416:  # nothing after these bytes: the part is complete, or longer than the file
                    break
            # A connection that breaks is continued; one that can't be opened, is refused or stays silent is not tried
            # again.
            silent = isinstance(error, TimeoutError) and _size(partial) == size
            if attempt == _ATTEMPTS or silent or isinstance(error, urllib.error.URLError | _TooSlowError):
                if partial.exists() and _checksum(partial) == expected:  # the server said that there was more
                    break
                reason = " ".join(str(error).strip("<>").rstrip(".").split()) or type(error).__name__
                raise DataError(
                    f"{title} is not on this machine, and {url} can't be downloaded: {reason}. Check the connection"
                    f"{_proxy(url)} and try again (what has arrived is kept), or put the files of {title} into "
                    f"{path.parent}."
                ) from error
    digest = _checksum(partial)
    if digest == expected:
        os.replace(partial, path)
        return
    # Kept, the next attempt would continue it and be wrong again.
    partial.unlink()
    if continued:  # the old part may have been one of another file
        _download(url, path, expected, title, timeout)
        return
    content = f"the SHA-256 {digest[:16]}..." if digest else "no gzip format"
    raise DataError(
        f"{url} is not the expected file: its content has {content}, expected {expected[:16]}... Try again, or put "
        f"the files of {title} into {path.parent}."
    )


def _append(url: str, partial: Path, timeout: float) -> None:
    """Download the missing end of a file, or the whole file if the server can't send parts."""
    size = _size(partial)
    # "bytes=1000-" asks for everything from byte 1000 on.
    request = urllib.request.Request(url, headers={"Range": f"bytes={size}-"} if size else {})
    with _answer(request, timeout) as answer:
        # 206 is the part that was asked for. 200 is the whole file, which replaces what is there.
        is_part = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {size}-")
        with open(partial, "ab" if is_part else "wb") as file:
            start, received, size = time.monotonic(), 0, file.tell()
            while block := _read(answer):
                file.write(block)
                received, seconds = received + len(block), time.monotonic() - start
                if size + received > _MOST_BYTES:
                    file.truncate(0)
                    raise urllib.error.URLError(f"more than {_MOST_BYTES:,} bytes come, which is not the expected file")
                if seconds > timeout and received < _SLOWEST * seconds:
                    raise _TooSlowError(f"less than {_SLOWEST:,} bytes a second come")
        if answer.length:  # a connection that breaks looks like the end of the file
            raise http.client.IncompleteRead(b"", answer.length)


class _TooSlowError(http.client.HTTPException):
    """The server sends a little now and then, so that a connection would never end."""


class _NoFTP(urllib.request.FTPHandler):
    """Refuse a redirection to FTP, which `urllib` would follow."""

    def ftp_open(self, req: urllib.request.Request) -> NoReturn:
        raise urllib.error.URLError(f"redirection to {req.full_url} is not allowed")


def _answer(request: urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
    """Return the answer to a request, whose head must arrive within the time, however slowly."""
    results: list[Any] = []
    late = threading.Event()

    def ask() -> None:
        try:
            results.append(urllib.request.build_opener(_NoFTP).open(request, timeout=timeout))
        except (OSError, http.client.HTTPException, ValueError) as error:
            results.append(error)
        if late.is_set() and hasattr(results[0], "close"):
            results[0].close()

    # The timeout of a socket begins anew with each byte: a thread is left to itself instead.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(2 * timeout)
    if not results:
        late.set()
        raise _TooSlowError(f"no complete answer within {2 * timeout:g} s")
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read1(1 << 16)
    except TimeoutError:
        raise
    except OSError as error:  # of the network, not of the disk
        raise http.client.HTTPException(str(error)) from error


def _proxy(url: str) -> str:
    """Return a hint at the proxy that an address is asked through, without its password; empty if there is none."""
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return f", the proxy {proxy.rsplit('@', 1)[-1]}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
