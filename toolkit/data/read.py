"""From a file to a DataFrame, or to one line that says why not."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import warnings
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing
from toolkit.data.cells import MISSING_TEXT

__all__ = ["TABLE_ENDINGS", "read"]

TABLE_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def read(source: Any) -> tuple[pd.DataFrame, str]:
    r"""Return a table from a file, and the name to call it by.

    Args:
        source: A path to a `.csv`, `.tsv`, `.csv.gz`, `.tsv.gz` or `.parquet` file, or a DataFrame (given back as it
            is). The separator of a `.csv` is found out from its first lines; `~` is the home folder.

    Returns:
        The DataFrame, its column names as in the file (repeated ones too), and the file's name.

    Raises:
        DataError: No such file, an unknown ending, a file that is empty, holds a header only, or can't be read.

    Example:
        >>> path = getfixture("tmp_path") / "two.csv"
        >>> _ = path.write_text("a;b\n1;x\n2;y\n")
        >>> frame, name = read(path)
        >>> name, list(frame.columns), len(frame)
        ('two.csv', ['a', 'b'], 2)
    """
    if isinstance(source, pd.DataFrame):
        if 0 in source.shape:
            raise DataError(f"the DataFrame has shape {source.shape}; expected rows and columns.")
        return source, "DataFrame"
    if not isinstance(source, (str, os.PathLike)):
        raise DataError(
            f"data is of type {type(source).__name__}; expected a path ({', '.join(TABLE_ENDINGS)}), a DataFrame "
            "or an (X, y) pair of arrays."
        )
    path = Path(source).expanduser()
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file ({', '.join(TABLE_ENDINGS)}).")
    if not path.is_file():
        folder = path.parent
        if not folder.is_dir():
            raise DataError(f"no such file: {path} (there is no folder {folder}).")
        hint = nearest(path.name, [entry.name for entry in folder.iterdir()])
        raise DataError(f"no such file: {path} (looked in {folder.resolve()}).{hint}")
    ending = next((ending for ending in TABLE_ENDINGS if path.name.lower().endswith(ending)), None)
    if ending is None:
        raise DataError(f"{path.name}: this kind of file can't be read; expected one of {', '.join(TABLE_ENDINGS)}.")
    frame = _read_parquet(path) if ending == ".parquet" else _read_text(path, ending)
    if frame.shape[1] == 0:
        raise DataError(f"{path.name} has no columns.")
    if len(frame) == 0:
        raise DataError(f"{path.name} holds column names only ({listing(frame.columns)}); expected rows below them.")
    return frame, path.name


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name} can't be read as Parquet: {_first_line(error)}.") from error


def _read_text(path: Path, ending: str) -> pd.DataFrame:
    try:
        with gzip.open(path) if ending.endswith(".gz") else open(path, "rb") as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} can't be unpacked: {_first_line(error)}.") from error
    except OSError as error:
        raise DataError(f"{path.name} can't be read: {error.strerror or error}.") from error
    if not content.strip():
        raise DataError(f"{path.name} is empty.")
    encoding = _encoding(content, path.name)
    end = content.find(b"\n", 1 << 16)
    sample = (content if end < 0 else content[:end]).decode(encoding, errors="ignore")
    separator = "\t" if ending.startswith(".tsv") else _separator(sample)
    decimal = "," if separator == ";" and _decimal_comma(sample) else "."
    try:
        with warnings.catch_warnings():
            # A row longer than the header is only warned of, and its last cells would be lost.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(content),
                sep=separator,
                decimal=decimal,
                encoding=encoding,
                skipinitialspace=separator != "\t",
                keep_default_na=False,
                na_values=sorted(MISSING_TEXT - {"?"}),
                index_col=False,
                low_memory=False,
            )
    except pd.errors.ParserWarning as error:
        raise DataError(f"{path.name} can't be read as a table: its rows have more cells than its header.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} can't be read as a table: {_first_line(error)}.") from error
    header = next(iter(_lines(sample, separator)), [])
    if len(set(header)) < len(header) == frame.shape[1]:
        # pandas renames repeated names; here they stay, and the user is told.
        frame.columns = pd.Index([name or given for name, given in zip(header, frame.columns, strict=True)])
    return frame


def _encoding(content: bytes, name: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\x00" in content[: 1 << 16]:
        raise DataError(f"{name} is not text (a binary file?); expected a table with one row a line.")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            content.decode(encoding)
            return encoding
        except UnicodeDecodeError:
            continue
    raise DataError(f"{name} is not readable text; save it as UTF-8.")


def _lines(sample: str, separator: str) -> list[list[str]]:
    """Return the cells of the lines that are not empty, or nothing where the text is no such table."""
    try:
        return [row for row in csv.reader(io.StringIO(sample), delimiter=separator, skipinitialspace=True) if row]
    except csv.Error:
        return []


def _separator(sample: str) -> str:
    """Return the separator that cuts the header into most fields, and the next lines into as many."""
    best, best_score = ",", (0, 0)
    for separator in (",", ";", "\t", "|"):
        rows = _lines(sample, separator)[:30]
        fields = len(rows[0]) if rows else 0
        if fields > 1:
            score = sum(len(row) == fields for row in rows), fields
            if score > best_score:
                best, best_score = separator, score
    return best


def _decimal_comma(sample: str) -> bool:
    """Tell whether numbers are written as 3,14 in a file whose separator is a semicolon."""
    cells = [cell.strip(' "') for cell in re.split(r"[;\n]", sample)]
    return any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells) and not any(
        re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
