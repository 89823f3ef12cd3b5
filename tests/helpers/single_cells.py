"""A table full of cells that a single person has, and what of them stands in files."""

from __future__ import annotations

import html
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
_FEWEST_DIGITS = 6  # numbers of fewer digits may come from anywhere


def single_cells(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Return a table in which nearly every cell is one person's: texts, long numbers, dates, odd cells, rare levels."""
    rng = np.random.default_rng(seed)
    number = np.arange(rows)
    names = np.array([f"Q{chr(97 + i % 26)}{chr(97 + i // 26)}zor Vy{i * 7 % 997}kel" for i in number], dtype=object)
    salary = rng.choice(np.arange(1_000_001, 9_999_999), rows, replace=False)
    amount = (rng.lognormal(12, 1, rows) + 100_000).round(3)
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.choice(18_000, rows, replace=False), unit="D")
    seen = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.choice(40_000_000, rows, replace=False), unit="s")
    price = [f"{value:,.2f} €".translate(str.maketrans(",.", ".,")) for value in rng.uniform(1e6, 9e6, rows)]
    price[5] = "ask Qwilbur"
    once = np.full(rows, np.nan)
    once[7] = 7_654_321.0
    city = rng.choice(["Bonn", "Graz", "Lyon"], rows).astype(object)
    city[: rows // 20] = [f"Xq{name[1:4]}burg" for name in names[: rows // 20]]
    city[rows - 2 :] = ["Dobbelstadt", "dobbelstadt"]
    score = (salary - 5.5e6) / 2.6e6 + (amount > np.median(amount)) + rng.normal(0, 0.4, rows)
    tags = np.array(["red", "blue", "green", "round"])
    return pd.DataFrame(
        {
            "name": names,
            "mail": [f"{name.replace(' ', '.').lower()}@example.org" for name in names],
            "remark": [f"said '{name}' to \"{i}x{i * i}\"" for i, name in enumerate(names)],
            "city": city,
            "salary": salary,
            "phone": rng.choice(np.arange(10**9, 10**10, 7919), rows, replace=False),
            "amount": amount,
            "price": price,
            "once": once,
            "born": born,
            "seen": seen.strftime("%d.%m.%Y %H:%M:%S"),
            "clock": [
                f"{h}:{m:02}:{s:02}" for h, m, s in zip(number % 24, number * 7 % 60, number * 11 % 60, strict=True)
            ],
            "badge": [f"00{value}" for value in rng.choice(np.arange(100_000, 999_999), rows, replace=False)],
            "family": [f"Fam-{name[1:4]}-{i % 90}" for i, name in enumerate(names[number // 2])],
            "weight": rng.uniform(0.5, 1.5, rows).round(9),
            "income": (score * 250_000 + 2_000_000).round(2),
            "label": np.where(score > np.median(score), "yes", "no"),
            "kind": np.array(["low", "middle", "high"])[np.digitize(score, np.quantile(score, [0.3, 0.7]))],
            "tags": [";".join(tags[rng.random(4) < 0.4]) or "red" for _ in number],
        }
    )


def leaked(text: str, table: pd.DataFrame) -> list[str]:
    """Return the cells of one row alone that stand in a text: texts, dates, and numbers of six digits or more."""
    text = re.sub("[\u2068\u2069\u202f]", "", html.unescape(text)).replace("\u2212", "-")
    tokens = {match.replace(",", "").lower() for match in _NUMBER.findall(text)}
    values = {float(token) for token in tokens if len(token) >= _FEWEST_DIGITS}
    leaks = []
    for name in table.columns:
        counts = table[name].value_counts()
        leaks += [
            f"{name}: {cell}"
            for cell in counts.index[counts == 1]
            if any(
                _stands(spelled, text) if isinstance(spelled, str) else spelled in values
                for spelled in _spellings(cell)
            )
        ]
    return leaks


def _stands(cell: str, text: str) -> bool:
    # The digits of a code may also be some of a number's, such as a learning rate.
    return cell in text and (not cell.isdigit() or bool(re.search(rf"(?<![\d.]){cell}(?!\d)", text)))


def _spellings(cell: Any) -> list[Any]:
    """Return the ways in which a cell may stand in a file; none where it is too short to be told from others."""
    if isinstance(cell, pd.Timestamp):
        return [str(cell.date()), f"{cell.value}", float(cell.value)]
    if isinstance(cell, str):
        number = re.sub(r"[^\d,]", "", cell).replace(",", ".") if cell.endswith("€") else ""
        date = (
            [str(pd.to_datetime(cell, format="%d.%m.%Y %H:%M:%S").date())]
            if re.match(r"\d\d\.\d\d\.\d{4}", cell)
            else []
        )
        return [cell, *date, *([float(number)] if number else [])]
    digits = re.sub(r"\D|\.0$", "", repr(float(cell))).strip("0")
    return [float(cell)] if len(digits) >= _FEWEST_DIGITS else []


def text_of_files(*paths: Path) -> str:
    """Return the text of pages, JSON files and all members of saved runs; of weights the readable bytes."""
    texts = []
    for path in paths:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                texts += [
                    archive.read(name).decode("utf-8", "replace")
                    if not name.endswith(".h5")
                    else "".join(re.findall(r"[\x20-\x7e]{6,}", archive.read(name).decode("latin-1")))
                    for name in archive.namelist()
                ]
        else:
            texts.append(path.read_text(encoding="utf-8"))
    return "\n".join(texts)
