"""Learning curves: of a run, and of all contenders of a comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from toolkit.common.formatting import number, percent
from toolkit.evaluation.metric_names import METRICS, in_sentence
from toolkit.report.cells import mean_and_range
from toolkit.report.figures.picture import WIDE, Picture, contender_names, spread
from toolkit.report.plots import Line, line_chart, line_charts, losses_and_weights
from toolkit.report.style import SERIES, line_style

__all__ = ["contenders_by_epoch", "history_by_epoch", "learning_curves", "settings_by_weight"]

EPOCHS = 60  # epochs in the table under a learning curve


def history_by_epoch(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw each column of a run's history: losses, validation metrics, learning rate."""
    history, best = summary["training"]["history"], summary["training"]["best_epoch"] or None
    epochs = history.get("epoch", [])
    if not epochs:
        return []
    # Epochs count from 1, and 0 means that none was the best.
    marks = {} if best is None else {best: f"best epoch {best}"}
    rows, note = _table_rows(len(epochs), [epochs.index(best)] if best in epochs else [])

    def draw(
        columns: Mapping[str, str], quantity: str, axis: str, caption: str, unit: str = "", **options: Any
    ) -> Picture:
        lines = [Line(epochs, history[name], SERIES[kind], kind) for name, kind in columns.items()]
        figure = line_chart(lines, name=axis + unit, **options)
        head = ["epoch", *(axis if kind == "rate" else f"{kind} {axis}" for kind in columns.values())]
        table = [[str(epochs[i]), *(number(history[name][i], 3) for name in columns)] for i in rows]
        return Picture.draw(figure, f"{quantity} by epoch", caption, head, table, note)

    losses, caption = {"loss": "training"}, "Lower is better. The training loss is taken while the weights still change"
    if "val_loss" in history:
        losses["val_loss"] = "validation"
        caption += ", the validation loss after each epoch"
    smoothing = (summary["settings"].get("training") or {}).get("label_smoothing")
    if smoothing:
        caption += f"; labels are smoothed by {number(smoothing)}"
    pictures = [draw(losses, "Loss", "loss", f"{caption}.", _loss_in_words(summary), marks=marks)]
    for name in history:
        if name.startswith("val_") and name != "val_loss":
            metric = name.removeprefix("val_")
            label = METRICS[metric].label if metric in METRICS else "Metric"
            axis = in_sentence(metric) if metric in METRICS else "metric"
            caption = "On the validation rows, after each epoch."
            pictures.append(draw({name: "validation"}, label, axis, caption, marks=marks))
    if "learning_rate" in history:
        caption = "The size of a step, at the end of each epoch."
        pictures.append(draw({"learning_rate": "rate"}, "Learning rate", "learning rate", caption, height=1.7))
    return pictures


def _loss_in_words(summary: Mapping[str, Any]) -> str:
    """Return what the loss is and its unit, to follow the word "loss"."""
    # The first words of the head's description: "max-margin (hinge, SVM): the distance by which ..."
    name = re.match(r"[^,:(]*(\([^)]*\))?", summary["model"]["head"]["loss"])
    words = name.group().strip() if name else ""
    unit = ", in nats" if words.startswith("cross-entropy") else ""
    return f": {words}{unit}" if words else ""


def learning_curves(history: pd.DataFrame, best_epoch: int) -> Figure:
    """Draw the losses and the validation metrics of a run's history, side by side.

    Args:
        history: One row per epoch.
        best_epoch: Epoch to mark; 0 for none.
    """
    curves = {"loss": ["loss", "val_loss"] if "val_loss" in history else ["loss"]}
    metrics = [name for name in history if name.startswith("val_") and name != "val_loss"]
    curves |= {in_sentence(name.removeprefix("val_")): [name] for name in metrics}

    def line(name: str) -> Line:
        kind = "validation" if name.startswith("val_") else "training"
        return Line(history["epoch"], history[name], SERIES[kind], kind)

    marks: dict[float, str] = {best_epoch: f"best epoch {best_epoch}"} if best_epoch else {}
    return line_charts({axis: [line(name) for name in names] for axis, names in curves.items()}, marks)


def settings_by_weight(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw what each of several settings of the networks reached, and its weight in the answer."""
    pack = summary["training"].get("pack") or []  # older summaries lack the key
    if len(pack) < 2:
        return []
    names, losses, weights = ([row[key] for row in pack] for key in ("setting", "unseen_loss", "weight"))
    shares = [f"{name}: {percent(weight, 0)}" for name, weight in zip(names, weights, strict=True)]
    scaled = (
        " Their scores are first scaled, as in calibration, so it can be below the validation loss of the curves."
        if summary["model"]["head"].get("link")
        else ""
    )
    caption = (
        "Left: the loss of each setting’s networks on rows that they have not learned from; lower is better."
        f"{scaled} Right: "
        f"how much the setting counts in the answer ({', '.join(shares)})."
    )
    if 0 in weights:
        caption += " A hollow dot marks a setting without weight."
    table = [
        [row["setting"], number(row["networks"]), number(row["epochs"]), number(loss), percent(row["weight"])]
        for row, loss in zip(pack, losses, strict=True)
    ]
    head = ["setting", "networks", "epoch kept", "loss on unseen rows", "weight"]
    figure = losses_and_weights(names, losses, weights)
    return [Picture.draw(figure, "The settings of the networks", caption, head, table)]


def contenders_by_epoch(summary: Mapping[str, Any]) -> list[Picture]:
    """Draw a validation metric of all contenders: mean and range over the seeds."""
    training, names, seeds = summary["training"], contender_names(summary), len(summary["seeds"])
    curves = training["curves"]
    longest = max((len(curve["mean"]) for curve in curves if curve), default=0)
    if not longest:
        return []
    label = METRICS[training["metric"]].label if training["metric"] in METRICS else training["metric"]
    lines = [
        Line(
            range(1, len(curve["mean"]) + 1),
            curve["mean"],
            line_style(index),
            band=(curve["low"], curve["high"]) if seeds > 1 else None,
        )
        for index, curve in enumerate(curves)
        if curve
    ]
    # A line of one point is drawn as a dot.
    epochs = [round(entry["best_epoch"]["value"] or 0) for entry in summary["contenders"]]
    best = {i: epoch for i, epoch in enumerate(epochs) if curves[i] and 1 <= epoch <= len(curves[i]["mean"])}
    lines += [Line([epoch], [curves[i]["mean"][epoch - 1]], line_style(i)) for i, epoch in best.items()]
    caption = "On the validation rows, after each epoch."
    if seeds > 1:
        what = "folds" if summary.get("folds") else "seeds"
        caption = (
            f"Mean over the {seeds} {what}, up to the epoch in which the first of them ended; the band reaches from "
            "the lowest to the highest."
        )
    if best:
        followed = (summary["settings"].get("training") or {}).get("metric") or "loss"
        chosen = "validation loss" if followed == "loss" else f"{in_sentence(followed)} on the validation rows"
        caption += f" A dot marks the best epoch{' on average' if seeds > 1 else ''}, chosen by the {chosen}."
    rows, note = _table_rows(longest, [epoch - 1 for epoch in best.values()])
    return [
        Picture.draw(
            line_chart(lines, name=label, width=WIDE, height=2.7),
            f"{label} on the validation rows by epoch",
            caption,
            ["epoch", *(text for name in names for text in (name, f"{name}, lowest to highest"))],
            [[str(i + 1), *(text for curve in curves for text in _mean_and_range(curve, i))] for i in rows],
            note,
        )
    ]


def _mean_and_range(curve: Mapping[str, Any] | None, i: int) -> tuple[str, str]:
    if curve is None or i >= len(curve["mean"]):
        return "", ""
    return mean_and_range({"value": curve["mean"][i], "low": curve["low"][i], "high": curve["high"][i]})


def _table_rows(epochs: int, always: Sequence[int] = ()) -> tuple[list[int], str]:
    """Return the positions of the epochs to list, and a note where some are left out."""
    rows = spread(epochs, EPOCHS, always)  # the best epoch is always among them
    return rows, "" if len(rows) == epochs else f"{len(rows)} of {epochs} epochs, evenly spaced; the JSON file has all"
