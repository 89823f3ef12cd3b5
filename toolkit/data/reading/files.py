"""Files of tables: their endings, compression, folders and patterns of them, and the bytes that they hold."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing

__all__ = [
    "EXPECTED_FILES",
    "STANDARD_INPUT",
    "TABLE_ENDINGS",
    "UNPACKING_ERRORS",
    "FileContent",
    "are_tabs",
    "contents",
    "first_line_of",
    "is_text_file",
    "open_text",
    "paths_of",
]

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
_FORMATS = dict.fromkeys(TEXT_ENDINGS, "text") | {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "excel",
}
_PACKED = (".gz", ".bz2", ".xz")
TABLE_ENDINGS = (*_FORMATS, *(ending + packed for ending in _FORMATS for packed in (*_PACKED, ".zip")))
EXPECTED_FILES = (
    "a .csv, .tsv, .txt, .data, .parquet, .feather, .json, .jsonl or .xlsx file, which may be packed as .gz or .zip"
)
STANDARD_INPUT = "-"
UNPACKING_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)

# Functions that read other files into what can be given in their place.
_READERS = {
    ".xls": "pandas.read_excel",
    ".ods": "pandas.read_excel",
    ".dta": "pandas.read_stata",
    ".sav": "pandas.read_spss",
    ".sas7bdat": "pandas.read_sas",
    ".xpt": "pandas.read_sas",
    ".orc": "pandas.read_orc",
    ".xml": "pandas.read_xml",
    ".h5": "pandas.read_hdf",
    ".hdf5": "pandas.read_hdf",
    ".pkl": "pandas.read_pickle",
    ".pickle": "pandas.read_pickle",
    ".npy": "numpy.load",
    ".npz": "numpy.load",
}
_BEGINNINGS = {b"PAR1": "parquet", b"ARROW1": "arrow", b"PK\x03\x04": "zip"}
_PACKED_BEGINNINGS = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz"}
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # pathlib makes one slash of two; C:/ is no address


@dataclass(frozen=True)
class FileContent:
    """What one file holds.

    Attributes:
        name: Its name in messages.
        format: "text", "parquet", "arrow", "json", "jsonl" or "excel".
        content: Its bytes, unpacked; text if an open file gave text.
        tabs: Whether its name says that tabs separate its cells.
    """

    name: str
    format: str
    content: bytes | str
    tabs: bool = False

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return self.content.encode() if isinstance(self.content, str) else self.content


def contents(source: Any) -> tuple[list[FileContent], str]:
    """Return what one or more files hold, and the name to call them by.

    Args:
        source: A path, a folder of files of one format, a pattern such as `parts/*.csv`, "-" for standard input, or an
            open file.

    Raises:
        DataError: There is no such file, its kind is unknown, or it can't be opened or unpacked.
    """
    if hasattr(source, "read"):
        return _opened(source)
    if source == STANDARD_INPUT:
        return _opened(sys.stdin.buffer, "standard input")
    paths, name = paths_of(source)
    return [_unpacked(path.name, _bytes_of(path)) for path in paths], name


def paths_of(source: Any) -> tuple[list[Path], str]:
    """Return the files that a path, a folder, a pattern or a list of paths means, and the name to call them by.

    Raises:
        DataError: There is no such file, or they are of several formats.
    """
    if isinstance(source, list | tuple):
        files = [paths_of(path)[0] for path in source]
        return _several([path for paths in files for path in paths], "the list"), f"{len(source)} files"
    text = os.fspath(source)
    if isinstance(text, bytes):
        raise DataError(f"the path is of type bytes ({text[:40]!r}); expected text.")
    if not text.strip():
        raise DataError(f"the path is {text!r}; expected the name of a file, such as 'data.csv'.")
    if "\n" in text and not os.path.exists(text):
        raise DataError(
            f"data is text of {text.count(chr(10)):,} lines, where the path of a file is expected. If it is the table "
            "itself, give io.StringIO(text)."
        )
    if _URL.match(text):
        raise DataError(f"{text} is an address on the internet: download the file and give its path.")
    path = Path(os.path.expanduser(text))
    try:
        if path.is_dir():
            return _several(sorted(path.iterdir()), f"the folder {path}"), path.name or str(path)
        if not path.exists() and re.search(r"[*?\[]", text):
            return _several([Path(name) for name in sorted(glob.glob(str(path), recursive=True))], text), text
        if not path.is_file():
            raise _missing(path)
    except OSError as error:
        raise DataError(f"no such file: {text[:200]} ({error.strerror}).") from error
    return [path], path.name


def _missing(path: Path) -> DataError:
    folder = path.parent
    if not folder.is_dir():
        return DataError(f"no such file: {path} (there is no folder {folder}).")
    hint = nearest(path.name, [entry.name for entry in folder.iterdir()])
    return DataError(f"no such file: {path} (looked in {folder.resolve()}).{hint}")


def _several(paths: Sequence[Path], name: str) -> list[Path]:
    files = [path for path in paths if path.is_file() and not path.name.startswith((".", "_"))]
    tables = [path for path in files if path.name.lower().endswith((*TABLE_ENDINGS, ".zip"))]
    if not tables:
        names = f"; it has {listing([path.name for path in files], most=5)}" if files else ""
        raise DataError(f"{name} has no files of tables{names}. Expected {EXPECTED_FILES}.")
    endings = sorted({_ending(path.name)[0] for path in tables})
    if len(endings) > 1:
        raise DataError(
            f"{name} has files of several formats ({listing(endings)}); expected one: give a pattern, such as "
            f"'*{endings[0]}*'."
        )
    return tables


def is_text_file(path: Path) -> bool:
    """Return whether a file is text by its name, and can be unpacked as it is read."""
    ending, packed = _ending(path.name)
    return _FORMATS.get(ending) == "text" and packed != ".zip"


def open_text(path: Path) -> BinaryIO:
    """Open a text file for which `is_text_file` is true, unpacked as it is read."""
    opened: Any = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[_ending(path.name)[1]]
    return opened(path, "rb")


def are_tabs(path: Path) -> bool:
    """Return whether the name of a file says that tabs separate its cells."""
    return _ending(path.name)[0] in (".tsv", ".tab")


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} can't be read: {error.strerror or error}.") from error


def _ending(name: str) -> tuple[str, str]:
    """Return the ending of a file's name that tells its format, and the one that tells how it is packed."""
    name = name.lower()
    packed = next((ending for ending in (*_PACKED, ".zip") if name.endswith(ending)), "")
    return Path(name.removesuffix(packed)).suffix, packed


def _unpacked(name: str, content: bytes) -> FileContent:
    """Return a file's content by its name's ending."""
    ending, packed = _ending(name)
    if packed == ".zip":
        member, content = _only_member(name, content)
        return _unpacked(member, content)
    if packed and ending in _FORMATS:
        content = _unpack(name, content, packed)
    if ending not in _FORMATS:
        reader = _READERS.get(ending)
        hint = f" Give {reader}({name!r}) in its place." if reader else ""
        raise DataError(f"{name}: this kind of file can't be read; expected {EXPECTED_FILES}.{hint}")
    return FileContent(name, _FORMATS[ending], content, ending in (".tsv", ".tab"))


def _unpack(name: str, content: bytes, packed: str) -> bytes:
    unpack = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}[packed]
    try:
        return unpack(content)
    except UNPACKING_ERRORS as error:
        raise DataError(f"{name} can't be unpacked: {first_line_of(error)}.") from error


def _only_member(name: str, content: bytes) -> tuple[str, bytes]:
    """Return the name and the content of the only file in a zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            names = [member for member in names if not member.startswith("__MACOSX/") and Path(member).name[0] != "."]
            if len(names) != 1:
                what = f"has {len(names)} files ({listing(names, most=5)})" if names else "has no files"
                raise DataError(f"{name} {what}; expected one table: unpack it and give the path of the table.")
            return Path(names[0]).name, archive.read(names[0])
    # An encrypted member is a RuntimeError, and so is an unknown compression.
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} can't be unpacked: {first_line_of(error)}.") from error


def _is_workbook(content: bytes) -> bool:
    """Return whether a zip archive is an Excel file; a damaged one is not."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _opened(file: Any, name: str | None = None) -> tuple[list[FileContent], str]:
    """Return the content of an open file, of the format that its name or its first bytes tell."""
    label = getattr(file, "name", None)
    name = name or (Path(label).name if isinstance(label, str) and label else "the open file")
    try:
        content = file.read()
    except (OSError, ValueError) as error:
        raise DataError(f"{name} can't be read: {first_line_of(error)}.") from error
    if not isinstance(content, (str, bytes)):
        raise DataError(f"reading {name} gave {type(content).__name__}; expected text or bytes.")
    if isinstance(content, str):
        kind = _FORMATS.get(_ending(name)[0], "text")
        return [FileContent(name, kind, content, _ending(name)[0] in (".tsv", ".tab"))], name
    if name.lower().endswith((*TABLE_ENDINGS, ".zip")):
        return [_unpacked(name, content)], name
    for beginning, packed in _PACKED_BEGINNINGS.items():
        if content.startswith(beginning):
            content = _unpack(name, content, packed)
    kind = next((kind for beginning, kind in _BEGINNINGS.items() if content.startswith(beginning)), "text")
    if kind == "zip":
        if _is_workbook(content):
            return [FileContent(name, "excel", content)], name
        return [_unpacked(*_only_member(name, content))], name
    return [FileContent(name, kind, content)], name


def first_line_of(error: BaseException) -> str:
    """Return the first line of an exception's message, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
