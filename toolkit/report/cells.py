"""What stands in the cells of a page's tables: shortened names, differences, settings, intervals on a common axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

from toolkit.common.formatting import UNDEFINED, duration, number, percent, signed
from toolkit.evaluation.metric_names import amounts, metric_value, scale_of
from toolkit.report.style import line_style

__all__ = [
    "applying",
    "difference",
    "fold_rows",
    "harmed",
    "legend",
    "mean_and_range",
    "network_first",
    "occlusion_rows",
    "on_axis",
    "setting",
    "shorten",
    "single_settings",
    "user_text",
    "weight_rows",
]

ONE_LINE = 22  # letters of a name that may not be broken over two lines


def shorten(text: str, length: int = 30) -> str:
    """Return a text of at most this many letters; an ellipsis stands for the rest.

    Example:
        >>> shorten("a long name", 7)
        'a long…'
    """
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def user_text(text: str, length: int = 80) -> Markup:
    """Return text of the user's as an element of its own; longer text is cut, with all of it in the element's title.

    Example:
        >>> user_text("a<b")
        Markup('<bdi class="whole">a&lt;b</bdi>')
    """
    # <bdi>: a name that is written from right to left does not turn the words around it.
    attribute = Markup(' class="whole"') if len(text) <= ONE_LINE else ""
    if len(text) > length:
        attribute = Markup(' title="{}"').format(text)
    content = escape(shorten(text, length))
    if len(text) > ONE_LINE:  # it may break after its underscores
        content = content.replace("_", Markup("_<wbr>"))
    return Markup("<bdi{}>{}</bdi>").format(attribute, content)


def mean_and_range(entry: Mapping[str, Any], kind: str = "number") -> tuple[str, str]:
    """Return a mean over the seeds, and the lowest and the highest of them where they differ.

    Args:
        entry: `value`, `low` and `high`.
        kind: "number", "percent" or "duration".

    Example:
        >>> mean_and_range({"value": 2.5, "low": 2, "high": 3}), mean_and_range({"value": 2, "low": 2, "high": 2})
        (('2.5', '2 to 3'), ('2', ''))
    """
    text = {"number": number, "percent": percent, "duration": duration}[kind]
    mean = number(entry["value"], 3) if kind == "number" else text(entry["value"])
    return mean, "" if entry["low"] == entry["high"] else f"{text(entry['low'])} to {text(entry['high'])}"


def fold_rows(folds: Sequence[Mapping[str, Any]], names: Iterable[str]) -> list[list[str]]:
    """Return the rows of a table of the metrics of each fold.

    Example:
        >>> fold_rows([{"test_rows": 20, "r2": 0.5}], ["r2"])
        [['1', '20', '0.500']]
    """
    return [
        [str(i), number(fold["test_rows"]), *(metric_value(name, fold[name]) for name in names)]
        for i, fold in enumerate(folds, 1)
    ]


def setting(value: Any) -> str:
    """Format the value of a setting, not as a Python literal.

    Example:
        >>> setting([True, None]), setting({"l2": 0.001})
        ('yes, not set', 'l2: 0.001')
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value, 6)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {setting(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value)) or "none"
    return str(value)


def single_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are in no group and not elsewhere on the page."""
    elsewhere = ("call", "command", "created")
    return {key: value for key, value in settings.items() if not isinstance(value, Mapping) and key not in elsewhere}


def applying(settings: Mapping[str, Any], images: Any) -> dict[str, Any]:
    """Return the settings of a group without those that only images have, where the rows are none.

    Example:
        >>> applying({"epochs": 3, "flip": False, "shift": 0}, images=None)
        {'epochs': 3}
    """
    return {key: value for key, value in settings.items() if images or key not in ("shift", "flip")}


def network_first(row: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the network's entry and its baselines', the strongest kind of baseline first."""
    baselines = row["baselines"]
    order = [name for name in ("tree", "linear", "dummy") if name in baselines]
    return {"network": row, **{name: baselines[name] for name in order}, **baselines}


def legend(index: int) -> dict[str, str]:
    """Return the color and the dashes of a contender's line, for a sample of it beside its name.

    Example:
        >>> legend(1)
        {'color': 'second', 'dashes': '10 3'}
    """
    color, dashes = line_style(index)
    return {"color": color, "dashes": " ".join(f"{2 * length:g}" for length in dashes)}


def harmed(numerics: Mapping[str, Any]) -> bool:
    """Return whether rounding harms a row in any of the ways tried, `numerics` of a summary.

    Example:
        >>> harmed(
        ...     {"table": [{"infinite": 0, "nan": 0, "gradient_lost": 0}], "saturation": [{"type": "a", "share": 0.5}]}
        ... )
        True
    """
    counts = ("infinite", "nan", "gradient_lost")
    shares = [value for row in numerics["saturation"] for value in row.values() if not isinstance(value, str)]
    return any(row.get(name) for row in numerics["table"] for name in counts) or any(shares)


def weight_rows(first: Mapping[str, Any]) -> list[list[str]]:
    """Return name, smallest and largest weight of each unit of the first layer, `images["filters"]` of a summary.

    Example:
        >>> weight_rows({"shown": [{"name": "1", "low": -0.5, "high": 2.0}]})
        [['1', '−0.5', '2']]
    """
    return [[shorten(tile["name"]), number(tile["low"]), number(tile["high"])] for tile in first["shown"]]


def occlusion_rows(occlusion: Mapping[str, Any]) -> list[list[str]]:
    """Return row, score, largest fall and largest rise of each image, `images["occlusion"]` of a summary.

    Example:
        >>> occlusion_rows({"shown": [{"row": 7, "score": 2.0, "drops": [0.5, -0.25]}]})
        [['7', '2', '0.5', '0.25']]
    """
    rows = []
    for entry in occlusion["shown"]:
        fall, rise = max(entry["drops"]), -min(entry["drops"])  # a negative drop is a rise
        rows.append([number(value) for value in (entry["row"], entry["score"], max(0.0, fall), max(0.0, rise))])
    return rows


def difference(metric: str, value: float | None, entry: Mapping[str, Any]) -> dict[str, str]:
    """Put a difference into words.

    Args:
        metric: scikit-learn's name of the metric.
        value: The difference.
        entry: Its interval, `low` and `high`, and its `standing`.

    Returns:
        `value`, `interval` and `meaning`.

    Example:
        >>> texts = difference("accuracy", -0.01, {"low": -0.03, "high": 0.01, "standing": "unclear"})
        >>> texts["value"], texts["interval"], texts["meaning"]
        ('−1.0 points', '−3.0 to 1.0', 'no clear difference')
    """
    ends = [entry["low"], entry["high"]]
    # Formatted together, so that all three have the same decimals; only the difference itself gets a plus sign.
    text, _, _ = amounts(metric, [value, *ends], sign=True)
    _, low, high = amounts(metric, [value, *ends])
    if value is None:
        meaning = UNDEFINED
    elif None in ends:
        meaning = "no interval"
    elif value == ends[0] == ends[1] == 0:
        meaning = "no difference"
    elif entry.get("doubt"):
        meaning = "no verdict"
    else:
        # Reports of version 0.1.0 call a difference that is not clear "level".
        words = {"unclear": "no clear difference", "level": "no clear difference", "even": "level"}
        meaning = words.get(str(entry["standing"]), str(entry["standing"]))
    unit = " points" if scale_of(metric) == 100 and value is not None else ""
    return {"value": f"{text}{unit}", "interval": "" if None in ends else f"{low} to {high}", "meaning": meaning}


def on_axis(
    entries: Iterable[Mapping[str, Any] | None],
    metric: str,
    reference: float | None = 0.0,
    beyond: Sequence[int] = (),
) -> dict[str, Any]:
    """Place values, their intervals and those of each seed on one axis, from 3 % to 97 % of its length.

    Args:
        entries: `value`, `low`, `high` and perhaps `seeds` of each row of a table; None where a row has none.
        metric: scikit-learn's name of the metric.
        reference: A value that the axis shows too.
        beyond: Positions of rows for which the axis makes no room: one that lies outside is at its end.

    Returns:
        `reference`, where that lies; `ticks`, pairs of position and text; `entries`, for each None or its `value`, its
        `span` (low, high; None where it has no interval), `dots`, one per seed, and `outside`, "left" or "right" for a
        value beyond the axis.

    Example:
        >>> entry = {"value": 0.5, "low": 0.0, "high": 1.0, "seeds": [0.2, 0.8]}
        >>> on_axis([None, entry], "r2")["entries"]
        [None, {'value': 50.0, 'span': (3.0, 97.0), 'dots': [21.8, 78.2], 'outside': ''}]
    """
    rows = [entry if entry is not None and entry["value"] is not None else None for entry in entries]
    inside = [row for i, row in enumerate(rows) if row and i not in beyond]
    ends = [end for row in inside for end in (row["value"], row["low"], row["high"], *row.get("seeds", []))]
    values = [value for value in [reference, *ends] if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:  # a single value lies in the middle
        low, high = low - 0.01, high + 0.01

    def at(value: float) -> float:
        return round(3 + 94 * (min(max(value, low), high) - low) / (high - low), 2)

    # Percent rather than pixels: the picture stretches with its column.
    placed = [
        row
        and {
            "value": at(row["value"]),
            "span": None if None in (row["low"], row["high"]) else (at(row["low"]), at(row["high"])),
            "dots": [at(value) for value in row.get("seeds", []) if value is not None],
            "outside": "left" if row["value"] < low else "right" if row["value"] > high else "",
        }
        for row in rows
    ]
    ticks = [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    texts = [("+" if tick > 0 else "") + signed(f"{scale_of(metric) * tick:.6g}") for tick in ticks]
    return {
        "reference": None if reference is None else at(reference),
        "ticks": list(zip(map(at, ticks), texts, strict=True)),
        "entries": placed,
    }
