# ruff: noqa: RUF001
"""The encoding of text files: found out, named, or an error that asks for it; and bytes that are no text."""

from __future__ import annotations

import random

import pytest

from toolkit.common.errors import DataError
from toolkit.data.read import read
from toolkit.data.reading.encoding import decode
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.source import load

# Words of cities and dishes, with the encodings in which files with them are common.
WORDS = {
    "French": (
        "café thé crème naïve garçon été Noël château où déjà élève hôtel forêt",
        "cp1252 mac-roman cp850 cp437",
    ),
    "French, one letter": ("café thé eau", "cp1252 mac-roman cp850 cp437"),
    "German": ("größe Köln München Straße schön Äpfel Österreich über", "cp1252 mac-roman cp850 cp437"),
    "Spanish": ("año señor niño España mañana corazón José Málaga", "cp1252 mac-roman cp850 cp437"),
    "Portuguese": ("São ação não coração João três Brasília", "cp1252 mac-roman cp850"),
    "Swedish": ("Malmö Göteborg Älvsjö Åre Luleå hjärta", "cp1252 mac-roman cp850"),
    "Danish": ("København Århus Ærø rød grøn blå Søren", "cp1252 mac-roman cp850"),
    "Polish": ("Łódź Kraków Gdańsk Wrocław Poznań żółty święto", "cp1250 iso8859-2 cp852"),
    "Czech": ("Dvořák Plzeň České žluťoučký kůň Králové Ústí město", "cp1250 cp852"),
    "Turkish": ("İstanbul Şişli Beyoğlu Kadıköy Çankaya Üsküdar", "cp1254"),
    "Russian": ("Москва Казань Екатеринбург женщина мужчина да нет", "cp1251 koi8-r cp866"),
    "Greek": ("Αθήνα Θεσσαλονίκη Πάτρα ναι όχι", "cp1253"),
    "Arabic": ("القاهرة دمشق نعم لا", "cp1256"),
    "Chinese": ("中国 北京 上海 广州 是 否 深圳市 杭州", "gb18030 gbk"),
    "Taiwanese": ("臺北 高雄 男 女 是 中華民國 新竹", "big5"),
    "Japanese": ("東京 大阪 はい いいえ 男性 女性 カフェ 北海道", "shift_jis euc-jp"),
    "Korean": ("서울 부산 예 아니오 남성 여성 대구광역시", "euc-kr"),
}
CASES = [(language, encoding) for language, (_, encodings) in WORDS.items() for encoding in encodings.split()]
# Texts that may be several things: an error is right, a wrong reading is not.
DOUBTFUL = {
    "two words": ("да нет", "cp1251 koi8-r cp866"),
    "two letters": ("男 女", "gb18030 big5 shift_jis"),
    "one word": ("Köln Bonn", "cp1252 mac-roman cp850 cp437"),
    "capitals": ("ДА НЕТ", "cp1251 koi8-r cp866"),
    "Hebrew": ("ירושלים חיפה", "cp1255"),
    "kana": ("カフェ お茶 みず", "shift_jis euc-jp"),
    "Ukrainian": ("Київ Львів Одеса Харків ні так", "cp1251 koi8-u"),
    "Hungarian": ("Győr Szűcs Pécs Tóth Kőszeg Zoltán", "cp1250 iso8859-2 cp852"),
    "signs": ("5€ 10€", "cp1252 mac-roman"),
    "degrees": ("20°C 21°C", "cp1252 mac-roman cp437"),
    "numbers": ("1\u00a0234 5\u00a0678", "cp1252 mac-roman"),
    "names": ("Müller Dvořák Gómez", "cp1250 iso8859-2"),
    "several": ("café Köln Málaga Malmö São", "cp1252 mac-roman cp850"),
}
DOUBTFUL_CASES = [(what, encoding) for what, (_, encodings) in DOUBTFUL.items() for encoding in encodings.split()]


def table_of(words):
    draw = random.Random(0)
    lines = [f"{draw.choice(words)},{draw.gauss(0, 1):.3f},{draw.choice(['yes', 'no'])}\n" for _ in range(200)]
    return "word,x,y\n" + "".join(lines)


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_file_that_is_not_utf_8_is_read_right_and_the_encoding_reported(language, encoding):
    text = table_of(WORDS[language][0].split())
    decoded = decode(text.encode(encoding), "t.csv")
    # An encoding that holds the same characters may be named, but each letter is right.
    assert decoded.text == text
    assert "t.csv is not UTF-8; it was read as" in decoded.notes[0]


@pytest.mark.parametrize(("what", "encoding"), DOUBTFUL_CASES)
def test_what_may_be_several_encodings_is_read_right_or_an_error_that_names_the_option(what, encoding):
    text = table_of(DOUBTFUL[what][0].split(" ") if what == "numbers" else DOUBTFUL[what][0].split())
    try:
        answer = decode(text.encode(encoding), "t.csv").text
    except DataError as error:
        answer = str(error)
    assert answer == text or ("name it with encoding=" in answer and "save the file as UTF-8" in answer)
    assert decode(text.encode(encoding), "t.csv", encoding).text == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_read_with_and_without_a_mark(encoding):
    text = table_of(["café", "Łódź", "東京"])
    assert decode(text.encode(encoding), "t.csv").text == text


def test_a_few_bad_bytes_leave_a_file_utf_8_and_are_reported_with_their_cells(tmp_path):
    text = table_of(["café", "thé", "eau"])
    (tmp_path / "t.csv").write_bytes(text.encode().replace("thé".encode(), b"th\xe9", 2))
    table = read(tmp_path / "t.csv")
    right = [line.split(",")[0] for line in text.splitlines()[1:]]
    rows = [row for row, word in enumerate(right) if word == "thé"][:2]
    assert [index for index, cell in enumerate(table.frame["word"]) if cell != right[index]] == rows
    assert table.damage == [
        f"2 cells of 'word' in t.csv have bytes that are not UTF-8 (rows {rows[0] + 1}, {rows[1] + 1}: 'th\ufffd'); "
        "encoding= names another encoding."
    ]


@pytest.mark.parametrize("damage", [b"\xff", b"\x00", b"\xc3"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_one_damaged_byte_of_any_kind_changes_its_cell_only(damage, mark):
    text = table_of(["café", "thé", "eau"])
    decoded = decode(mark + text.encode().replace(b"eau", b"e" + damage + b"u", 1), "t.csv")
    assert decoded.text == text.replace("eau", "e\ufffdu", 1)
    assert decoded.damaged


def test_a_damaged_label_is_missing(tmp_path):
    text = table_of(["café", "thé", "eau"])
    (tmp_path / "t.csv").write_bytes(text.encode().replace(b"yes", b"y\xffs", 1))
    source = load(tmp_path / "t.csv", ["y"], "binary")
    assert source.target["y"].isna().sum() == 1
    assert set(source.target["y"].dropna()) == {"yes", "no"}
    assert any("('y\ufffds') counts as missing" in note for note in source.notes)


def test_many_bad_bytes_in_utf_8_are_an_error_that_names_the_first_line():
    text = table_of(["café", "thé", "eau"]).encode()
    with pytest.raises(DataError, match=r"t.csv is UTF-8 but for 6 bytes \(first in line \d+\)"):
        decode(text.replace("thé".encode(), b"th\xe9", 6), "t.csv")


def test_an_unknown_encoding_and_one_that_does_not_fit_are_errors(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,b\n1,é\n".encode("cp1252"))
    assert read(tmp_path / "t.csv", ReadingOptions(encoding="latin-1")).frame["b"].tolist() == ["é"]
    with pytest.raises(DataError, match=r"t.csv can't be read as utf-8 \(byte 0xe9 in line 2\)"):
        read(tmp_path / "t.csv", ReadingOptions(encoding="utf-8"))
    for unknown in ("utf-9", "base64", ""):
        with pytest.raises(DataError, match=f"encoding='{unknown}' is not known; expected a name such as 'utf-8'"):
            read(tmp_path / "t.csv", ReadingOptions(encoding=unknown))


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DataError, match=r"t.csv is not text"):
        decode(bytes(range(256)), "t.csv")
    with pytest.raises(DataError, match="encoding can't be told for certain"):
        decode(bytes(range(128, 256)) * 3, "t.csv")
