"""Which encodings are plausible for bytes: those in which the letters make words of a language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from itertools import combinations

__all__ = ["plausible_encodings"]

_CELLS = 4_000  # so many distinct cells are looked at
_LEAST = 0.65  # an encoding in which fewer characters fit is not plausible
# Encodings that fit nearly as well as the best one are as plausible: by this much, and more where few characters tell.
_MARGIN = 0.06
_MARGIN_OF_ONE = 0.3
_TWO_LANGUAGES = 0.15  # what it costs to suppose two languages in one file
_RAREST = 0.6  # how much the rarest letter of a language counts; the most frequent one counts 1
_FEW_CHARACTERS = 4  # fewer distinct Chinese, Japanese or Korean characters may be there by chance

# Encodings of single bytes in the order of preference where two of them give the same text, and what it costs to
# suppose a rare one.
_SINGLE_BYTE = {
    "cp1252": 0.0,
    "iso8859-15": 0.02,
    "cp1250": 0.02,
    "mac-roman": 0.02,
    "cp850": 0.02,
    "cp437": 0.02,
    "cp1254": 0.02,
    "iso8859-2": 0.04,
    "cp852": 0.04,
    "cp1251": 0.02,
    "koi8-r": 0.04,
    "cp866": 0.04,
    "mac-cyrillic": 0.14,
    "cp1253": 0.02,
    "cp1255": 0.02,
    "cp1256": 0.02,
}
# The letters of languages beyond a to z, the most frequent ones first.
_ALPHABETS = (
    "éèàêçôâîûïëùœüæÿ",  # French
    "üäöß",  # German
    "óíáéñúü",  # Spanish
    "ãçáéíóêâõúàôü",  # Portuguese
    "àèùòéìíóú",  # Italian
    "åäöé",  # Swedish, Finnish
    "øåæéòô",  # Danish, Norwegian
    "éëïóèöüá",  # Dutch
    "íáðóúéþöýæ",  # Icelandic
    "íáéěřčýžůšúťňďó",  # Czech
    "áíčéžýšúľťôňäďóŕĺ",  # Slovak
    "łąęóżśćńź",  # Polish
    "áéőöóüíúű",  # Hungarian
    "ăîâțșţş",  # Romanian
    "čšžćđ",  # Croatian, Slovene
    "\u0131şüğöçiâ",  # Turkish
    "äõüöšž",  # Estonian
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",  # Russian, Bulgarian
    "оаиніетврслкмдупязьбгчйхжїшєюцщґф",  # Ukrainian
    "аоиенртсјвкмудлпзгбшчцжћњфђхљџ",  # Serbian
    "αοιετνσρπκμλςυάίόέηήγδθωχώύβφξζψ",  # Greek
    "יולהרמתאנבשדקעחפםטצגכןזסךץף",  # Hebrew
    "اليمنةرتبدعوسفقكحشهجصخطزغضثذئأإءؤآىظ",  # Arabic
)
_LANGUAGES = tuple(
    {letter: 1 - (1 - _RAREST) * index / (len(letters) - 1) for index, letter in enumerate(letters)}
    for letters in _ALPHABETS
)
_CASELESS = frozenset("".join(_ALPHABETS[-2:]))
_MISFIT = -0.5  # what a character counts that does not suit its neighbors
_LONE_LETTER = 0.5  # how much a word of a single letter counts

# Signs that stand in tables, by what may stand next to them.
_OPENING, _CLOSING = "«“„\u2018\u201a¿¡£$€¥µ±×÷~–—•·\u00a0", "»”’…®©™²³°ºª½¼¾‰–—•·€£¥§¢\u00a0"
_BETWEEN_LETTERS = {"’": 1.0, "–": 1.0, "—": 1.0, "·": 0.5, "\u00a0": 0.3}
_OPENING_QUOTES = "«“„\u2018\u201a¿¡"
_NEVER_AFTER = "~^\\{}|@`"
_CLOSED_BY = {"¿": "?", "¡": "!"}
_AFTER_LETTERS = "»”’…®©™²³–—\u00a0"
_BEFORE_LETTERS = "«“„\u2018\u201a¿¡µ–—°\u00a0"


def plausible_encodings(content: bytes) -> list[str]:
    r"""Return the encodings in which bytes that are not UTF-8 are plausible text, the best one first.

    Encodings that give the same text count as one, and the most common of them is named.

    Example:
        >>> (
        ...     plausible_encodings("naïve,café\\nthé,crème\\n".encode("cp437")),
        ...     plausible_encodings(bytes(range(128, 256))),
        ... )
        (['cp850'], [])
    """
    cells = Counter(cell for cell in re.split(rb'[\n\r,;\t"]+', content) if not cell.isascii())
    joined = b"\n".join(cell for cell, _ in cells.most_common(_CELLS))
    scores: dict[str, tuple[float, str]] = {}
    for encoding in (*_SINGLE_BYTE, *_MULTI_BYTE):
        try:
            text = joined.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text not in scores:
            wide = _MULTI_BYTE.get(encoding)
            score = _score_wide(text, encoding, wide) if wide else _score_letters(text) - _SINGLE_BYTE[encoding]
            scores[text] = score, encoding
    ranked = sorted(scores.values(), key=lambda item: -item[0])
    margin = _MARGIN + _MARGIN_OF_ONE / max(1, len({byte for byte in joined if byte >= 128}))
    return [name for value, name in ranked if value >= max(_LEAST, ranked[0][0] - margin)]


def _score_letters(text: str) -> float:
    """Return how many characters beyond ASCII are letters of one language, or signs, where they may stand."""
    if re.search(r"[\x80-\x9f]", text):  # control characters, which no table holds
        return 0.0
    framed = f"\n{text}\n"
    signs, total = 0.0, 0
    for index, character in enumerate(text):
        if not character.isascii() and (not character.isalpha() or character in "ºª"):
            is_open = (
                character in _CLOSED_BY and _CLOSED_BY[character] not in text[index : index + 200].partition("\n")[0]
            )
            signs += (0 if is_open else _sign(framed[index], character, framed[index + 2])) or _MISFIT
            total += 1
    letters: Counter[str] = Counter()
    lone = 0.0
    for match in re.finditer(r"[^\W\d_]+", text):
        word = match[0]
        beyond = [letter for letter in word if not letter.isascii() and letter not in "ºª"]
        total += len(beyond)
        if not beyond:
            continue
        if _is_word(word, text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]):
            letters.update("".join(beyond).lower())
            lone += (1 - _LONE_LETTER) * (len(word) == 1 and word not in _CASELESS)
        else:
            signs += _MISFIT * len(beyond)
    likelihoods = [sum(count * language.get(letter, 0) for letter, count in letters.items()) for language in _LANGUAGES]
    pairs = [
        sum(count * max(first.get(letter, 0), second.get(letter, 0)) for letter, count in letters.items())
        for first, second in combinations(_LANGUAGES, 2)
    ]
    best = max(*likelihoods, max(pairs) - _TWO_LANGUAGES * letters.total())
    return (signs + best - lone) / total if total else 0.0


def _is_word(word: str, before: str, after: str) -> bool:
    """Return whether the letters of a word are of one script and case, and letters beyond ASCII are not piled up."""
    if before.isdigit() and after.isdigit():
        return False
    if not (word.islower() or word.isupper() or word[1:].islower()) and not _CASELESS.issuperset(word):
        return False
    scripts = {_script(letter) for letter in word}
    return len(scripts) == 1 and ("LATIN" not in scripts or not re.search(r"[^\x00-\x7f]{4}", word))


def _script(letter: str) -> str:
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "").partition(" ")[0]


def _sign(before: str, sign: str, after: str) -> float:
    """Return how well a sign stands between its neighbors, from 0 to 1."""
    if after in _NEVER_AFTER or (sign in _OPENING_QUOTES and (before.isalnum() or not before.isascii())):
        return 0.0
    if before.isalpha() and after.isalpha():
        return _BETWEEN_LETTERS.get(sign, 0.0)
    if before.isalpha():
        return float(sign in _AFTER_LETTERS)
    if after.isalpha():
        return float(sign in _BEFORE_LETTERS)
    return float(sign in _OPENING or sign in _CLOSING)


# ----------------------------------------------------------------------------------------- Chinese, Japanese, Korean


def _score_wide(text: str, encoding: str, weigh: Callable[[str], float]) -> float:
    """Return the mean weight, from 0 to 1, of the characters beyond ASCII of a text in a multi-byte encoding."""
    wide = [character for character in text if not character.isascii()]
    distinct = set(wide)
    mixed = len(re.findall(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]", text))
    score = max(0.0, sum(map(weigh, wide)) - mixed / 2) / len(wide) if wide else 0.0
    if len(distinct) < _FEW_CHARACTERS:
        # 20 °C of another encoding can be a digit, a blank and a Chinese character.
        by_chance = re.search(r"\d ?[^\x00-\x7f]|[^\x00-\x7f] ?\d", text)
        return (0.3 if by_chance else 0.7) * score
    if len(distinct) < 2 * _FEW_CHARACTERS:
        return score
    codes = [character.encode(encoding) for character in distinct]
    pairs = [code for code in codes if len(code) == 2]
    # What a language would have is missing: second bytes of ASCII in Big5, kana in Japanese, in Chinese characters of
    # which the common ones are spread over the table.
    if encoding == "big5" and all(code[1] >= 0x80 for code in pairs):
        return 0.5 * score
    if weigh is _japanese and not any(map(_is_kana, distinct)):
        return 0.85 * score
    if encoding == "gb18030":
        leads = [code[0] for code in pairs]
        return score * (
            0.7 if max(leads, default=0) < 0xC9 else 0.8 if not any(0xD0 <= lead <= 0xD7 for lead in leads) else 1
        )
    return score


def _lead(character: str, encoding: str) -> int:
    """Return the first of the two bytes of a character in an encoding; 0 if it has no two bytes there."""
    try:
        code = character.encode(encoding)
    except UnicodeEncodeError:
        return 0
    return code[0] if len(code) == 2 else 0


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PNZ" or "\uff00" <= character <= "\uff5e"


def _is_kana(character: str) -> bool:
    return "\u3040" <= character <= "\u30ff"


def _chinese(character: str) -> float:
    # The common characters of GB 2312 come first in its table, up to the lead byte D7.
    return 0.8 if _is_mark(character) else float(0xB0 <= _lead(character, "gb2312") <= 0xD7)


def _traditional(character: str) -> float:
    return 0.8 if _is_mark(character) else float(0xA4 <= _lead(character, "big5") <= 0xC6)


def _japanese(character: str) -> float:
    if _is_kana(character):
        return 1.0
    return 0.8 if _is_mark(character) else 0.9 * (0xB0 <= _lead(character, "euc-jp") <= 0xCF)


def _korean(character: str) -> float:
    return 0.8 if _is_mark(character) else float("\uac00" <= character <= "\ud7a3")


_MULTI_BYTE: dict[str, Callable[[str], float]] = {
    "gb18030": _chinese,
    "big5": _traditional,
    "shift_jis": _japanese,
    "euc-jp": _japanese,
    "euc-kr": _korean,
}
