"""A large text file piece by piece: the same cells as from all of it, in the memory that a piece takes."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.reading.files import UNPACKING_ERRORS, first_line_of
from toolkit.data.reading.text_table import Body, find_layout, line_feeds, offset
from toolkit.data.reading.trimming import TextTable, Trimmer
from toolkit.data.reading_options import ReadingOptions

__all__ = ["Survey", "TextPieces", "survey"]

PIECE = 1 << 20  # characters
_BLOCK = 1 << 19  # bytes
_HEAD = 1 << 19  # characters from which the separator and the header are found out
_LINES_BELOW = 8  # the last piece has so many lines, since the lines below a table are known by their being the last


@dataclass
class Survey:
    """What must be known of all of a text file before the first row is read.

    Attributes:
        encoding: The encoding in which every byte of it is text.
        lines: The line feeds in it.
        returns: The carriage returns in it.
        quoted: Whether it holds a quotation mark.
        characters: The number of its characters.
    """

    encoding: str
    lines: int = 0
    returns: int = 0
    quoted: bool = False
    characters: int = 0
    decoder: codecs.IncrementalDecoder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder(self.encoding)()

    def add(self, block: bytes, final: bool = False) -> bool:
        """Count the next bytes; return whether they are text in this encoding."""
        try:
            text = self.decoder.decode(block, final)
        except UnicodeDecodeError:
            return False
        self.lines += text.count("\n")
        self.returns += text.count("\r")
        self.quoted |= '"' in text
        self.characters += len(text)
        return True


def survey(file: BinaryIO, encoding: str | None) -> Survey | None:
    r"""Return what a file is as UTF-8, or else in another encoding; None where it is no plain text in either.

    Args:
        file: An open file, which is read to its end.
        encoding: The encoding of the training, if it was another.

    Example:
        >>> import io
        >>> survey(io.BytesIO(b"a;b\r\n1;x\r\n"), None)
        Survey(encoding='utf-8', lines=2, returns=2, quoted=False, characters=10)
    """
    surveys = [Survey("utf-8"), *([Survey(encoding)] if encoding else [])]
    while surveys:
        block = file.read(_BLOCK)
        if b"\0" in block:
            return None
        surveys = [kept for kept in surveys if kept.add(block, final=not block)]
        if not block:
            break
    return surveys[0] if surveys else None


class TextPieces:
    """The rows of a text file as DataFrames of text cells.

    Args:
        opened: Returns the file, opened anew.
        name: Its name in messages.
        survey: What is known of all of it.
        options: As for `toolkit.data.reading.text_table.read_text_table`; so are the next two.
        expected_names: Names that columns are known by.
        tabs: Whether the name of the file says that tabs separate its cells.
        fit: Returns the options that fit the first lines, and checks them.
        size: The characters of a piece.

    Attributes:
        labels: The column names.
        table: Gets the sentences on what was lost or filled.

    Raises:
        DataError: It has no rows, or can't be unpacked.
    """

    def __init__(
        self,
        opened: Callable[[], BinaryIO],
        name: str,
        survey: Survey,
        options: ReadingOptions,
        expected_names: Collection[str],
        *,
        tabs: bool,
        fit: Callable[[str], ReadingOptions],
        size: int = PIECE,
    ) -> None:
        self._opened, self._name, self._survey, self._size = opened, name, survey, size
        head, ended = self._head()
        options = replace(fit(head), encoding=None)
        self._layout, self._header = find_layout(
            head, name, options, expected_names, tabs=tabs, goes_on=not ended, quoted=survey.quoted
        )
        self.table = TextTable(pd.DataFrame(), separator=self._layout.separator)
        self.labels = list(self._header.names)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the rows.

        Raises:
            DataError: A row has too many cells, or a quotation mark is not closed.
        """
        body = Body(self._layout.separator, self._header, self.table, self._name)
        trimmer = Trimmer(self._header, self.table, self._name)
        for text, last in _cut(self._below(), self._size):
            rows = trimmer.add(body.read(text, last=last), last=last)
            if len(rows) or last:
                yield rows.reset_index(drop=True)

    def _head(self) -> tuple[str, bool]:
        """Return the first lines, and whether there are no more."""
        head = ""
        for text in self._lines():
            head += text
            if len(head) > _HEAD:
                return head, False
        return head, True

    def _below(self) -> Iterator[str]:
        """Yield the lines below the header, as `Body` takes them."""
        above, begins = self._header.line, True
        for text in self._lines():
            text = self._layout.tidy(text, self._survey.quoted, begins=begins)
            start = offset(text, above) if above else 0
            above -= text.count("\n", 0, start) if above else 0
            begins = False
            yield text[start:]

    def _lines(self) -> Iterator[str]:
        """Yield blocks of whole lines, each of which ends with a line feed; the last one may lack it."""
        feeds, rest, begins = self._survey.lines > 0, "", True
        for block in self._texts():
            text = rest + block
            text = text.lstrip("\ufeff") if begins else text
            begins = begins and not text
            end = text.rfind("\n" if feeds else "\r") + 1
            rest = text[end:]
            if end:
                yield line_feeds(text[:end], feeds)
        rest = rest.rstrip("\x1a")
        if rest:
            yield line_feeds(rest, feeds)

    def _texts(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self._survey.encoding)()
        try:
            with self._opened() as file:
                while block := file.read(_BLOCK):
                    yield decoder.decode(block)
        except UNPACKING_ERRORS as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self._name} can't be read: {first_line_of(error)}.") from error
        yield decoder.decode(b"", True)


def _cut(blocks: Iterator[str], size: int) -> Iterator[tuple[str, bool]]:
    """Yield whole lines of about `size` characters, and whether they are the last; those are a few at least."""
    text = ""
    for block in blocks:
        text += block
        start = 0
        while True:
            end = text.find("\n", start + size - 1) + 1
            if end == 0 or text.count("\n", end) < _LINES_BELOW:
                break
            yield text[start:end], False
            start = end
        text = text[start:]
    yield text, True
