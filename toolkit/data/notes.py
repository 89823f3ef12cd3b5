"""What happened to the data before the training: one list of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toolkit.common.formatting import counted, listing, plain
from toolkit.data.cells import is_missing
from toolkit.data.dataset import SplitData
from toolkit.data.target import Target

__all__ = ["names_in", "notes_of", "sentences", "without_cells"]

_FEWEST_ALIKE = 6  # columns of which the same is true; fewer have a sentence each
_MOST_NAMES = 100
# A quoted text, as repr writes it, and the number that it was read as.
_QUOTED = r"""(?<![\w=])(?<!column )('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_READ_AS = r"(?:(?: without '[^']*')? is -?[\d.]+(?:e[-+]?\d+)?)?"


def notes_of(dataset: SplitData) -> list[str]:
    """Return what was suspected, set aside, dropped, guessed and converted in a dataset, one sentence each.

    Example:
        >>> from toolkit.data.prepare import prepare
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"size": [1.5, 2.5, 3.5] * 20, "unit": ["cm"] * 60, "price": range(60)})
        >>> notes_of(prepare(frame, "price", task="regression"))
        ["'unit' is not used: constant: every row holds cm."]
    """
    columns = [*dataset.source_columns, *map(str, dataset.target_frame.columns)]
    further = dataset.unmeasured() if dataset.source_columns else []
    return sentences(dataset.leaks(), dataset.set_aside, [*dataset.notes, *further], columns)


def sentences(
    leaks: Iterable[str], set_aside: Mapping[str, str], notes: Iterable[str], columns: Iterable[str] = ()
) -> list[str]:
    """Return suspected leaks, columns set aside and further notes as sentences, in this order.

    Where the same is true of many columns, one sentence speaks of the first and names the others.

    Args:
        leaks: Columns that almost give the target away.
        set_aside: Columns not used, each with its reason.
        notes: Further sentences.
        columns: The names of all columns, to see which of them a sentence is about.

    Example:
        >>> sentences(["copy"], {}, [])
        ["Suspected leak: 'copy' almost determines the target without the other columns. If its value is not known yet \
when you predict, leave the column out (drop=) and train again."]
        >>> sentences([], dict.fromkeys("abcdef", "constant: every row holds 0"), [])
        ["'a' is not used: constant: every row holds 0. Likewise 5 more columns: b, c, d, e, f."]
    """
    suspected = [
        f"Suspected leak: '{plain(name)}' almost determines the target without the other columns. If its value is not "
        "known yet when you predict, leave the column out (drop=) and train again."
        for name in leaks
    ]
    # (column, sentence, what sentences about other columns may share with it)
    unused = [
        (name, f"'{plain(name)}' is not used: {reason.rstrip('.')}.", reason.split(":")[0])
        for name, reason in set_aside.items()
    ]
    known = frozenset(columns)
    return suspected + _together(unused) + _together([_about(note, known) for note in dict.fromkeys(notes)])


def names_in(preprocessing: Any, target: Target) -> list[object]:
    """Return what sentences about the data may name: columns, classes and labels."""
    columns = () if preprocessing.is_image else preprocessing.source_columns
    return [*columns, *target.columns, *target.classes, *target.form.columns, *target.form.labels]


def without_cells(notes: Iterable[str], names: Iterable[object]) -> list[str]:
    """Return sentences without the cells and the names of files that they quote, as saved files and sent reports do.

    Args:
        notes: The sentences.
        names: What they may name: see `names_in`.

    Example:
        >>> without_cells(["'age' is text that holds numbers: read as numbers ('1.200,5' is 1200.5)."], ["age"])
        ["'age' is text that holds numbers: read as numbers ('…')."]
    """
    texts = [str(name) for name in names]
    allowed = {f"'{plain(text)}'" for text in texts} | {repr(text) for text in texts}
    # A name with quotation marks stands between others as it is.
    odd = sorted((text for text in texts if set(text) & set("'\"\\")), key=len, reverse=True)
    pattern = re.compile("|".join([*(re.escape(f"'{name}'") for name in odd), _QUOTED + _READ_AS]))

    def bare(match: re.Match[str]) -> str:
        quoted = match[1]
        if quoted is None or quoted in allowed or is_missing(quoted[1:-1], (), among_numbers=True):
            return match[0]
        return "'…'" if re.search(r"\w", quoted) else match[0]

    return [re.sub(r"\bleft out: .*", "left out.", pattern.sub(bare, note), flags=re.DOTALL) for note in notes]


def _about(note: str, columns: frozenset[str]) -> tuple[str, str, str]:
    """Return the column that a sentence is about, the sentence, and the sentence without name, values and counts."""
    name = next((quoted for quoted in re.findall(r"'([^']*)'", note) if quoted in columns), "")
    return name, note, re.sub(r"'[^']*'|[\d.,]*\d", "", note) if name else note


def _together(entries: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the sentences; those that are alike are replaced by the first of them, with the columns of the others."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for name, sentence, key in entries:
        alike.setdefault(key, []).append((name, sentence))
    written = []
    for group in alike.values():
        if len(group) < _FEWEST_ALIKE:
            written += [sentence for _, sentence in group]
            continue
        others = [plain(name) for name, _ in group[1:]]
        written.append(f"{group[0][1]} Likewise {counted(len(others), 'more column')}: {listing(others, _MOST_NAMES)}.")
    return written
