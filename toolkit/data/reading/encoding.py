"""From the bytes of a text file to its text: the encoding, and bytes that do not fit it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing
from toolkit.data.reading.encoding_guess import plausible_encodings

__all__ = ["REPLACEMENT", "DecodedText", "decode"]

REPLACEMENT = "\ufffd"  # stands for bytes that are not valid
_FEW_BAD = 3  # so many bad bytes, or one in a thousand lines, leave a file UTF-8


@dataclass(frozen=True)
class DecodedText:
    """The text of a file.

    Attributes:
        text: The text.
        notes: The encoding, if it is not UTF-8.
        damaged: Whether some bytes were replaced, by the replacement character.
        guess: The encoding that was found out, if it is not UTF-8, or "".
    """

    text: str
    notes: list[str]
    damaged: bool = False
    guess: str = ""


def decode(content: bytes, name: str, encoding: str | None = None) -> DecodedText:
    """Return the text of a file's bytes.

    Args:
        content: The bytes.
        name: The name of the file in messages.
        encoding: The encoding; None to find it out. A file with a byte order mark is what the mark says.

    Raises:
        DataError: The encoding is unknown or does not fit, it can't be decided, or the bytes are not text.

    Example:
        >>> decode("café".encode("mac-roman"), "menu.csv").notes
        ['menu.csv is not UTF-8; it was read as mac-roman. encoding= names another.']
    """
    if encoding is not None:
        return _by_name(content, name, encoding)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _by_name(content, name, "utf-16")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\x00" in content:
        return _with_zeros(content, name)
    try:
        return DecodedText(content.decode("utf-8"), [])
    except UnicodeDecodeError:
        pass
    text = content.decode("utf-8", errors="replace")
    bad = text.count(REPLACEMENT)
    good = sum(not character.isascii() for character in text) - bad
    if bad <= _most_bad(content) and good >= bad:
        return DecodedText(text, [], damaged=True)
    if good > 10 * bad:
        row = text[: text.index(REPLACEMENT)].count("\n") + 1
        raise DataError(
            f"{name} is UTF-8 but for {bad:,} bytes (first in line {row}); save it as UTF-8, or name its encoding "
            "with encoding=."
        )
    guess = _guess(content, name)
    text = content.decode(guess, errors="replace")
    notes = [f"{name} is not UTF-8; it was read as {guess}. encoding= names another."]
    return DecodedText(text, notes, REPLACEMENT in text, guess)


def _guess(content: bytes, name: str) -> str:
    """Return the encoding in which the cells of a file are plausible, if there is one only."""
    encodings = plausible_encodings(content)
    if len(encodings) == 1:
        return encodings[0]
    candidates = f" (candidates: {listing([repr(encoding) for encoding in encodings], most=5)})" if encodings else ""
    raise DataError(
        f"{name} is not UTF-8, and its encoding can't be told for certain: name it with encoding={candidates}, or save "
        "the file as UTF-8."
    )


def _by_name(content: bytes, name: str, encoding: str) -> DecodedText:
    try:
        codec = codecs.lookup(encoding)
        if not codec._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError):
        raise DataError(
            f"encoding={encoding!r} is not known; expected a name such as 'utf-8', 'cp1252', 'gb18030' or 'shift_jis'."
        ) from None
    if codec.name == "utf-8" and content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    try:
        return DecodedText(content.decode(encoding), [])
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name} can't be read as {encoding} (byte {error.object[error.start]:#04x} in line {line}); name another "
            "encoding with encoding=."
        ) from None


def _with_zeros(content: bytes, name: str) -> DecodedText:
    """Return the text of bytes with zeros: UTF-16 without a mark, whose every other byte is 0, or damaged UTF-8."""
    sample = content[: 1 << 16]
    half = len(sample) // 2
    for encoding, zeros in (("utf-16-le", sample[1::2].count(0)), ("utf-16-be", sample[::2].count(0))):
        if zeros > 0.4 * half and sample.count(0) - zeros < 0.01 * half:
            try:
                return DecodedText(
                    content.decode(encoding), [f"{name} was read as {encoding}. encoding= names another."]
                )
            except UnicodeDecodeError:
                break
    if content.count(0) <= _most_bad(content):
        try:
            return DecodedText(content.decode("utf-8").replace("\x00", REPLACEMENT), [], damaged=True)
        except UnicodeDecodeError:
            pass
    raise DataError(f"{name} is not text (a binary file?); expected a table with one row a line.")


def _most_bad(content: bytes) -> int:
    return max(_FEW_BAD, content.count(b"\n") // 1000)
