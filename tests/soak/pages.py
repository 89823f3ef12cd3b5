"""Open pages of data with hostile names in Chromium: `python -m tests.soak.pages [seed] [count]`."""

from __future__ import annotations

import dataclasses
import html
import importlib
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

from tests.helpers.browser import CHROMIUM, NO_CHROMIUM, Visit, browser

#: Names and cells that run, load or open something where a page takes them for more than text.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=//evil.test onerror=alert(2)>',
    "' autofocus onfocus='alert(3)",
    "</title><script>alert(4)</script>",
    "</style><style>@import '//evil.test';",
    "</script><script>alert(5)</script>",
    "<svg/onload=alert(6)>",
    "javascript:alert(7)",
    "data:text/html,<script>alert(8)</script>",
    "{{7*7}}{% raw %}{# #}",
    "{{ cycler.__init__.__globals__.os }}",
    "&lt;b&gt; &amp;#60; &#x3c;script>",
    "]]><!--",
    '--><!DOCTYPE x [<!ENTITY e "x">]>&e;',
    '<iframe srcdoc="<script>alert(9)</script>">',
    "<meta http-equiv=refresh content=0;url=//evil.test>",
    "<base href=//evil.test/>",
    "<link rel=stylesheet href=//evil.test>",
    'x" style="background:url(//evil.test)',
    "url(//evil.test) expression(alert(10))",
    "$\\frac{1}$ x_1^{2} $\\mathbf{",
    "\u202egnp.exe\u202c",
    "zero\u200bwidth\u200d\ufeff",
    "\u2028line\u2029",
    "nul\x00 esc\x1b[31m bell\x07",
    "\u05d0\u05d1\u05d2 <b>\u05d3",
    "<details open ontoggle=alert(11)>",
    "<form action=//evil.test><button>",
    "${alert(12)} #{7*7} <%= 7*7 %>",
    "<math><mi xlink:href=javascript:alert(13)>",
    "<a href=javascript:alert(14)>x</a>",
    "=cmd|' /C calc'!A0",
    "%s %d {0} {name!r} \\N{DOLLAR}",
    "two\nlines\tand a tab",
    "z\u0335\u0321\u0322" * 12,
    "\U0001f600\u200d\U0001f525<b>",
    "<" + "x" * 3_000,
    "long <i> " * 400,
    "../../etc/passwd",
    "<template><img src=//evil.test>",
)
_QUICK: dict[str, Any] = {"hidden": (4,), "epochs": 1, "progress": False}
_TASKS = ("multiclass", "regression", "binary", "multilabel")
_ROWS = 120
_SHOWN = 20  # letters of a name that every page shows that names it


def table(names: list[str], task: str, seed: int) -> tuple[pd.DataFrame, Any, list[str]]:
    """Return a table whose columns, cells and labels are hostile names, its target, and the names that must be shown.

    Args:
        names: Names to draw from, in this order.
        task: The task.
        seed: Seed of the numbers.
    """
    rng, rest = np.random.default_rng(seed), iter(names)
    x = rng.normal(size=(_ROWS, 4))
    columns: dict[str, Any] = {next(rest): x[:, index] for index in range(4)}
    for index in range(2):  # of text
        columns[next(rest)] = [names[-1 - (number + index) % 5] for number in rng.integers(0, 5, _ROWS)]
    shown = list(columns)
    if task == "multilabel":
        target = [next(rest) for _ in range(3)]
        columns |= {label: (x[:, index] > 0).astype(int) for index, label in enumerate(target)}
        return pd.DataFrame(columns), target, shown + target
    labels = [next(rest) for _ in range(2 if task == "binary" else 4)]
    target = next(rest)
    score = x[:, 0] + rng.normal(0, 0.3, _ROWS)
    classes = [labels[index] for index in pd.qcut(score, len(labels), labels=False)]
    columns[target] = score if task == "regression" else classes
    return pd.DataFrame(columns), target, shown + ([] if task == "regression" else labels)


def documents(folder: Path, seed: int) -> Iterator[tuple[Path, list[str]]]:
    """Write pages, and yield each with the names that it must show.

    The first ones are of a run; then come comparisons, lessons, images and the story of the digits; again and again,
    with other names.
    """
    dice = random.Random(seed)
    while True:
        for task in _TASKS:
            names = dice.sample(HOSTILE, len(HOSTILE))
            frame, target, shown = table(names, task, dice.randrange(1_000))
            yield from _runs(folder, task, frame, target, shown, names)
        names = dice.sample(HOSTILE, len(HOSTILE))
        yield from _lessons(folder, *table(names, "multiclass", seed))
        yield from _images(folder, names)


def _file_name(name: str) -> str:
    return re.sub("[/\0]", "", name)[:60].lstrip(".")  # a dot would hide it


def _framed(shown: Any, path: Path) -> Path:
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{shown._repr_html_()}", encoding="utf-8")
    return path


def _runs(
    folder: Path, task: str, frame: pd.DataFrame, target: Any, shown: list[str], names: list[str]
) -> Iterator[tuple[Path, list[str]]]:
    recipe = importlib.import_module(f"recipes.{task}")
    path = folder / f"{_file_name(names[0])}.parquet"  # a text file can't hold all names
    frame.to_parquet(path)
    run = recipe.train(frame, target=target, **_QUICK)
    yield run.report(folder / "run.html"), shown
    yield _framed(run, folder / "run-frame.html"), shown
    yield run.report(folder / "without-rows.html", rows=False), []
    comparison = recipe.compare(frame, target=target, seeds=1, **_QUICK)
    yield comparison.report(folder / "comparison.html"), []
    yield _framed(comparison, folder / "comparison-frame.html"), []
    run = recipe.train(path, target=target, **_QUICK)
    yield run.report(folder / "file.html"), [path.name]


def _lessons(folder: Path, frame: pd.DataFrame, target: str, shown: list[str]) -> Iterator[tuple[Path, list[str]]]:
    from recipes import lessons
    from recipes.lessons.tools.page import write_index

    taken = []
    for name in ("gradients", "space", "roundoff", "playground"):
        lesson = lessons.show(name, frame, target=target)
        taken.append(dataclasses.replace(lesson, title=f"{lesson.title} {shown[0]}", summary=shown[1]))
        yield taken[-1].report(folder / f"{name}.html"), []
        yield _framed(lesson, folder / f"{name}-frame.html"), []
    yield write_index(taken, folder), []


def _images(folder: Path, names: list[str]) -> Iterator[tuple[Path, list[str]]]:
    from PIL import Image

    from recipes import images
    from recipes.digits import story

    rng = np.random.default_rng(0)
    names = [_file_name(name).strip() for name in names]
    pictures = folder / names[0]
    for number in range(120):
        label = names[1 + number % 3]
        path = pictures / label / f"{number}{names[5 + number % 20][:40]}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 90, (8, 8)) + 50 * (number % 3)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    run = images.train(pictures, build="linear", epochs=1, progress=False)
    yield run.report(folder / "images.html"), names[1:4]
    yield _framed(run, folder / "images-frame.html"), names[1:4]
    told = story.tell(pictures, sizes=(40,), seeds=1, epochs=1)
    index = told.report(folder / "story")
    yield index, [names[0]]
    for page in sorted(index.parent.glob("*.html")):
        yield page, []


def seen(text: str) -> str:
    """Return a text as it is compared: without invisible signs and with single spaces."""
    text = re.sub("[\u2066-\u2069]", "", text)
    return " ".join(re.sub("[\x00-\x08\x0e-\x1f\x7f]", "\ufffd", text).split())


def harm(visit: Visit, shown: list[str], scripts: int) -> list[str]:
    """Return what is wrong with a page that should show some names and run some scripts of its own."""
    lines = visit.acts[min(scripts, len(visit.scripts)) :]  # scripts come first
    lines += [f"held back: {violation}" for violation in visit.violations]
    lines += [f"leads to: {link}" for link in visit.links if re.match(r"(?i)\s*(javascript|data:text|.*evil)", link)]
    text = seen(visit.text)
    lines += [f"not shown: {name[:40]!r}" for name in shown if seen(name)[:_SHOWN].strip() not in text]
    return lines


def main(seed: int = 0, count: int = 80) -> int:
    """Open pages, print what came of them, and return 1 if one did harm."""
    if CHROMIUM is None:
        print(f"0 pages opened: {NO_CHROMIUM}")
        return 0
    start, bad, wide, opened = time.perf_counter(), [], [], 0
    with tempfile.TemporaryDirectory() as name, browser() as chromium:
        for path, shown in documents(Path(name), seed):
            content = html.unescape(path.read_text(encoding="utf-8"))
            policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            if policy not in content:
                bad.append(f"{path.name}: no content-security policy")
            scripts = int(path.name == "playground.html")
            bad += [f"{path.name}: {line}" for line in harm(chromium.visit(path), shown, scripts)]
            # Escaping must do without the policy.
            bare = Path(name) / "bare.html"
            bare.write_text(path.read_text(encoding="utf-8").replace("Content-Security-Policy", "x-none"), "utf-8")
            visit = chromium.visit(bare, width=390, dark=True)
            bad += [f"{path.name} without policy: {line}" for line in harm(visit, shown, scripts)]
            if visit.overflow > 0:
                wide.append(f"{path.name}: {visit.overflow} pixels wider than 390")
            opened += 1
            if opened == count:
                break
    print(
        f"{opened} pages with hostile names in {time.perf_counter() - start:.0f} s, each with and without its policy: "
        f"harm {len(bad)}, wider than a telephone {len(wide)}"
    )
    for line in bad + wide:
        print("BAD", line)
    return bool(bad or wide)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
