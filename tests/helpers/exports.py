"""Tables as people export them: every file sets traps of two kinds, and knows the values that were meant."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

ROWS = 240
GAPS = np.arange(ROWS) % 25 == 0  # the rows whose amount is missing, where a file has missing cells


@dataclass
class Export:
    """One file: what it imitates, its bytes, and what a reader must make of it.

    `meant` has the values of each usable column, `labels` those of the target (None where rows may be dropped), and
    `says` the words that the notes must hold.
    """

    name: str
    source: str
    content: bytes
    meant: dict[str, Any]
    labels: np.ndarray | None
    says: tuple[str, ...]
    target: str = "result"


def english(value: float) -> str:
    return f"{value:,.2f}"


def german(value: float) -> str:
    return english(value).translate(str.maketrans(",.", ".,"))


def french(value: float) -> str:
    return english(value).replace(",", "\u202f").replace(".", ",")


def swiss(value: float) -> str:
    return english(value).replace(",", "'")


def decimal_comma(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def dollars(value: float) -> str:
    return f"${english(value)}"


def euros(value: float) -> str:
    return f"{german(value)} €"


def brackets(value: float) -> str:
    return f"({english(-value)})" if value < 0 else english(value)


def unicode_minus(value: float) -> str:
    return f"{value:.2f}".replace("-", "\u2212")


def no_leading_zero(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


def lakh(value: float) -> str:
    """Write a number with Indian groups: 12,34,567.00."""
    whole, cents = f"{value:.2f}".split(".")
    head, tail = whole[:-3], whole[-3:]
    groups = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*groups, tail]) + "." + cents


def dates(pattern: str) -> Callable[[pd.Timestamp], str]:
    return lambda day: day.strftime(pattern)


def quoted(cell: str) -> str:
    return f'"{cell}"'


def quoted_where_needed(cell: str) -> str:
    return quoted(cell) if "," in cell else cell


@dataclass
class Maker:
    """Writes the same table in many ways."""

    made: list[Export] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(0)
        self.frame = pd.DataFrame(
            {
                "amount": np.round(rng.lognormal(7.5, 1.0, ROWS), 2),
                "count": rng.integers(0, 400, ROWS),
                "city": rng.choice(["Köln", "Orléans", "Málaga", "Bern"], ROWS),
                "day": pd.Timestamp("2021-01-04") + pd.to_timedelta(rng.integers(0, 700, ROWS), unit="D"),
            }
        )
        self.labels = np.where(rng.random(ROWS) < 0.45, "bad", "good")
        self.frame["result"] = self.labels
        self.header = list(self.frame.columns)
        # Further amounts, some of them negative or missing.
        self.signed = self.frame.assign(amount=np.where(np.arange(ROWS) % 3 == 0, -1, 1) * self.frame["amount"])

    def meant(self, frame: pd.DataFrame | None = None, **columns: Any) -> dict[str, Any]:
        table = self.frame if frame is None else frame
        values = {
            "amount": table["amount"].to_numpy(float).copy(),
            "count": table["count"].to_numpy(float).copy(),
            "city": table["city"].to_numpy(object),
            "day": table["day"].to_numpy(),
        }
        return values | columns

    def with_gaps(self) -> dict[str, Any]:
        return self.meant(amount=np.where(GAPS, np.nan, self.frame["amount"]))

    def cells(self, frame: pd.DataFrame | None = None, gap: str | None = None, **formats: Any) -> list[list[str]]:
        """Return the cells as texts; `gap` stands for a missing amount."""
        table = self.frame if frame is None else frame
        formats = {"day": dates("%Y-%m-%d"), "amount": "{:.2f}".format} | formats
        columns = [[formats.get(name, str)(value) for value in table[name]] for name in table]
        if gap is not None:
            columns[0] = [gap if missing else cell for missing, cell in zip(GAPS, columns[0], strict=True)]
        return [list(row) for row in zip(*columns, strict=True)]

    def text(
        self,
        rows: list[list[str]],
        separator: str = ",",
        quote: Callable[[str], str] = str,
        header: list[str] | None = None,
    ) -> str:
        rows = [self.header if header is None else header, *rows]
        return "".join(separator.join(quote(cell) for cell in row) + "\n" for row in rows)

    def add(
        self, name: str, source: str, content: str | bytes, *says: str, encoding: str = "utf-8", **more: Any
    ) -> None:
        data = content if isinstance(content, bytes) else content.encode(encoding)
        given = {"meant": self.meant(), "labels": self.labels} | more
        self.made.append(Export(name, source, data, says=says, **given))


def spreadsheets(make: Maker) -> None:
    add, cells, text = make.add, make.cells, make.text
    rows = cells(amount=dollars, day=dates("%m/%d/%Y"))
    add("us_money.csv", "American: dollars with thousands; month first", text(rows, quote=quoted), "'amount'", "'day'")
    rows = cells(amount=german, day=dates("%d.%m.%Y"))
    add(
        "german.csv",
        "German: 1.234,56 and semicolons; cp1252",
        text(rows, ";"),
        "'amount'",
        "cp1252",
        encoding="cp1252",
    )
    rows = cells(amount=french, day=dates("%d/%m/%Y"))
    add("french.csv", "French: narrow blanks; byte order mark", text(rows, ";"), "'amount'", encoding="utf-8-sig")
    add("swiss.csv", "Swiss: 1'234.50; semicolons", text(cells(amount=swiss), ";"), "'amount'")
    rows = cells(amount=decimal_comma)
    add("unicode.txt", "Excel's Unicode text: UTF-16 with tabs; decimal commas", text(rows, "\t"), encoding="utf-16")
    lines = text(cells(), ";").splitlines()
    add(
        "sep_line.csv",
        "Excel: sep= line; empty cells at the ends",
        "sep=;\n" + "".join(f"{line};;\n" for line in lines),
    )
    rows = cells(amount=english)
    title = "Quarterly report,,,,\n,,,,\n" + text(rows, quote=quoted_where_needed)
    add("title.csv", "A title above the header; thousands", title, "'amount'", "Quarterly report")
    total = text(cells(count="{}%".format)) + "Total,,,,\n"
    add("total.csv", "A total below the table; percent", total, "%", labels=None)
    rows = cells()
    rows[5][0], rows[77][0], rows[3][1] = "#DIV/0!", "#N/A", "#REF!"
    meant = make.meant()
    meant["amount"][[5, 77]], meant["count"][3] = np.nan, np.nan
    add("errors.csv", "Errors in cells; of several kinds", text(rows), "#DIV/0!", "#REF!", meant=meant)
    rows = cells(make.signed, amount=brackets)
    meant = make.meant(make.signed)
    add("accounting.csv", "Brackets for negative numbers; thousands", text(rows, quote=quoted), "'amount'", meant=meant)
    numbers = np.round(make.frame["amount"].to_numpy() * 3)
    rows = [[f"{number:,.0f}", label] for number, label in zip(numbers, make.labels, strict=True)]
    thousands = text(rows, ";", header=["amount", "result"])
    add("thousands.csv", "4,942 is 4942; semicolons", thousands, "'amount'", meant={"amount": numbers})
    add("euros.csv", "A currency sign behind the number; decimal commas", text(cells(amount=euros), ";"), "'amount'")
    rows = cells(make.signed, amount=unicode_minus)
    add("minus.tab", "Unicode minus; .tab", text(rows, "\t"), meant=make.meant(make.signed))
    numbers = np.round(make.frame["amount"].to_numpy() * 100, 2)
    rows = [[lakh(number), label] for number, label in zip(numbers, make.labels, strict=True)]
    groups = text(rows, quote=quoted, header=["amount", "result"])
    add("lakh.csv", "Indian groups: 1,23,456.78; quotes", groups, "'amount'", meant={"amount": numbers})


def statistics_programs(make: Maker) -> None:
    add, cells, text = make.add, make.cells, make.text
    gaps = {"meant": make.with_gaps()}
    named = [[str(index + 1), *row] for index, row in enumerate(cells(gap="NA"))]
    add("write_csv.csv", "R: row names; NA", text(named, quote=quoted, header=["", *make.header]), **gaps)
    add("write_table.txt", "R: blanks; a header that is one short", text(named, " ", quoted), **gaps)
    add("sas.csv", "SAS: . for missing; 31JAN2020", text(cells(gap=".", day=lambda d: f"{d:%d%b%Y}".upper())), **gaps)
    small = make.frame.assign(amount=np.round(make.frame["amount"] / 1e5, 4))
    meant = make.meant(small) | {"amount": np.where(GAPS, np.nan, small["amount"])}
    add(
        "minitab.csv",
        "Minitab: *; no zero before the point",
        text(cells(small, "*", amount=no_leading_zero)),
        meant=meant,
    )
    add("spss.csv", "SPSS: decimal commas; blanks", text(cells(gap=" ", amount=decimal_comma), ";"), **gaps)
    add(
        "stata.txt",
        "Stata: empty cells; 31jan2020",
        text(cells(gap="", day=lambda d: f"{d:%d%b%Y}".lower()), "\t"),
        **gaps,
    )


def databases(make: Maker) -> None:
    add, cells, text = make.add, make.cells, make.text
    gaps = {"meant": make.with_gaps()}
    add("mysql.tsv", r"MySQL: \N; midnight", text(cells(gap=r"\N", day=dates("%Y-%m-%d 00:00:00")), "\t"), **gaps)
    flags = make.frame.assign(city=np.where(make.frame["count"] > 200, "t", "f"))
    rows = cells(flags, day=dates("%Y-%m-%d %H:%M:%S+00"))
    add("postgres.csv", "PostgreSQL: t and f; +00", text(rows), meant=make.meant(flags))
    add("oracle.txt", "Oracle: 31-JAN-21; |", text(cells(day=lambda d: f"{d:%d-%b-%y}".upper()), "|"))
    add(
        "mssql.txt",
        "SQL Server: NULL; 00:00:00.000",
        text(cells(gap="NULL", day=dates("%Y-%m-%d 00:00:00.000")), "|"),
        **gaps,
    )
    first, body = make.frame.iloc[0, 4], text(cells()).split("\n", 1)[1].replace(",", ", ")
    add("sqlite.csv", "SQLite: no header; blanks", body, "first line", meant={}, labels=None, target=first)
    records = [dict(zip(make.header, row, strict=True)) for row in cells()]
    for record, gap in zip(records, GAPS, strict=True):
        record.update({"amount": None if gap else float(record["amount"]), "count": int(record["count"])})
    lines = [json.dumps({key: value for key, value in record.items() if value is not None}) for record in records]
    add("mongo.jsonl", "JSON lines: keys left out; dates as text", "\n".join(lines), **gaps)
    add("api.json", "JSON: null; escapes", json.dumps(records), **gaps)
    times = text(cells(day=dates("%Y-%m-%d %H:%M:%S UTC"))).encode()
    add("warehouse.csv.gz", "A data warehouse: UTC; gzip", gzip.compress(times))


def sensors(make: Maker) -> None:
    add, cells, text = make.add, make.cells, make.text
    sensor = make.frame.assign(day=pd.date_range("2021-03-01", periods=ROWS, freq="15min"))
    logged = "# logger 7\n# unit: mm\n" + text(cells(sensor, day=dates("%Y-%m-%dT%H:%M:%SZ")))
    add("logger.csv", "A logger: comments; times with Z", logged, "logger 7", meant=make.meant(sensor))
    widths = (12, 7, 10, 12, 6)
    rows = [make.header, *cells()]
    lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) + "\n" for row in rows]
    add("aligned.txt", "An instrument: aligned columns; %", "% run 12\n" + "".join(lines), "run 12")
    rows = cells()
    rows[9][0], rows[10][0] = "<0.5", "ERR"
    meant = make.meant()
    meant["amount"][[9, 10]] = np.nan
    add("caret.txt", "A laboratory: ^; <0.5", text(rows, "^"), "<0.5", meant=meant)
    whole = text(cells()).rstrip("\n")
    cut = whole[: whole.rfind(",") - 3]
    add("cut_off.csv", "The last line is cut off; no newline", cut, "240", meant={}, labels=None)
    add("archive.data", "An archive: .data; ?", text(cells(gap="?")).replace(",", ", "), meant=make.with_gaps())


def surveys(make: Maker) -> None:
    add, cells, text = make.add, make.cells, make.text
    stamped = make.frame.assign(day=make.frame["day"] + pd.to_timedelta(np.arange(ROWS) * 61, unit="s"))
    answers = stamped.assign(city=stamped["city"] + ", yes")
    rows = cells(answers, day=dates("%Y/%m/%d %I:%M:%S %p"))
    add("forms.csv", "Answers with commas; PM", text(rows, quote=quoted_where_needed), meant=make.meant(answers))
    padded = make.frame.assign(result=[label + " " * (i % 3) for i, label in enumerate(make.labels)])
    add("padded.csv", "Labels with blanks at the end; of several lengths", text(cells(padded)))
    answers = make.frame.assign(result=np.where(make.labels == "bad", "N/A", make.labels))
    add(
        "not_available.csv",
        "N/A is a frequent answer; 'missing' among numbers",
        text(cells(answers, gap="missing")),
        "missing",
        meant=make.with_gaps(),
        labels=answers["result"].to_numpy(),
    )
    codes = make.frame["count"].to_numpy() % 3
    answers = make.frame.assign(
        city=np.array(["01234", "00501", "1234"], object)[codes],
        count=np.array(["1E5", "100000", "AB1"], object)[codes],
    )
    meant = make.meant(count=answers["count"].to_numpy(object), city=answers["city"].to_numpy(object))
    add("codes.csv", "Leading zeros; codes like 1E5", text(cells(answers)), "'city'", meant=meant)


def other_files(make: Maker) -> None:
    add, cells, text = make.add, make.cells, make.text
    buffer = io.BytesIO()
    make.frame.astype({"city": "category"}).to_parquet(buffer)
    add("typed.parquet", "Parquet: categories; dates", buffer.getvalue())
    buffer = io.BytesIO()
    make.frame.to_feather(buffer)
    add("typed.feather", "Feather: text; dates", buffer.getvalue())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("inner.csv", text(cells()).encode("utf-8-sig"))
    add("packed.zip", "zip of one file; byte order mark", buffer.getvalue())
    add("old_mac.csv.xz", "mac-roman; xz", lzma.compress(text(cells()).encode("mac-roman")), "mac")
    add("packed.tsv.bz2", "bz2; tabs", bz2.compress(text(cells(), "\t").encode()))
    russian = make.frame["city"].map({"Köln": "Москва", "Orléans": "Казань", "Málaga": "Омск", "Bern": "Тула"})
    frame = make.frame.assign(city=russian)
    rows, meant = cells(frame, amount=decimal_comma), make.meant(frame)
    add("russian.csv", "cp1251; decimal commas", text(rows, ";"), "cp1251", encoding="cp1251", meant=meant)
    japanese = make.frame["city"].map({"Köln": "東京都", "Orléans": "大阪府", "Málaga": "京都府", "Bern": "北海道"})
    frame = make.frame.assign(city=japanese)
    rows, meant = cells(frame, day=dates("%Y/%m/%d")), make.meant(frame)
    add("japanese.csv", "Shift-JIS; year first", text(rows), encoding="shift_jis", meant=meant)
    damaged = text(cells()).encode().replace("Köln".encode(), b"K\xf6ln", 1)
    meant = make.meant()
    del meant["city"]
    add("bad_byte.csv", "One bad byte in UTF-8; other accents", damaged, "row", meant=meant)


def exports() -> list[Export]:
    """Return all files."""
    make = Maker()
    for family in (spreadsheets, statistics_programs, databases, sensors, surveys, other_files):
        family(make)
    return make.made
