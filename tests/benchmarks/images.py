"""Images: accuracy of each builder, time beside keras.io's example, accuracy over training rows, heads.

    LOGITKIT_DATA=... python -m tests.benchmarks.images --parts accuracy rows heads epochs --seeds 0

An option that is left out means all. MNIST and Fashion-MNIST are read from the directory that LOGITKIT_DATA names (its
folders mnist and fashion-mnist with idx files), digits from scikit-learn. Every fit becomes a line of the results file
as soon as it is done, and is not repeated (heads and epochs are); the table and the plot are written beside that file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import measuring
from tests.benchmarks.measuring import REPORTS, Line, Spread, markdown

Record = dict[str, Any]
Pair = tuple[np.ndarray, np.ndarray]

#: The options of each network, by its label in the tables. Each is one call of a recipe; keras.io's example is not.
OURS: dict[str, dict[str, Any]] = {
    "linear": {"build": "linear"},
    "25-15-10": {"build": "mlp", "hidden": (25, 15)},
    "mlp": {"build": "mlp"},
    "cnn, quick": {"effort": "quick"},
    "cnn": {},
    "cnn, best": {"effort": "best"},
}
PEER = "keras.io's example by model.fit"
#: The networks that are trained on each set.
FITS = {
    "digits": ("linear", "25-15-10", "cnn, quick", "cnn"),
    "mnist": ("linear", "25-15-10", "cnn, quick", "cnn", PEER),
    "fashion-mnist": ("linear", "25-15-10", "cnn, quick", "cnn"),
}
#: The training rows of the curve, split into train and validation; the test part is the official one.
ROWS = (100, 300, 1_000, 3_000, 10_000, 30_000, 60_000)
CURVE = ("linear", "mlp", "cnn")
REACHED = 0.992  # the accuracy that keras.io publishes; times are measured up to it
EPOCH_ROWS, EPOCH_BATCH = 6_400, 128


@cache
def load(name: str) -> dict[str, Pair]:
    """Return the images and classes of "train" and, if the set has an official test part, "test"."""
    if name == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        return {"train": (x.reshape(-1, 8, 8).astype(np.uint8), y)}
    from toolkit.data.images.archives import read_idx_set

    return read_idx_set(Path(os.environ["LOGITKIT_DATA"]) / name)


def available() -> list[str]:
    """Return the names of the sets that can be read."""
    folder = Path(os.environ.get("LOGITKIT_DATA", "/nowhere"))
    return [name for name in FITS if name == "digits" or (folder / name).is_dir()]


def ours(name: str, who: str, rows: int | None, seed: int) -> Record:
    """Train by one call of the recipe; the seconds are those of the complete call, without baselines."""
    from recipes import multiclass

    parts = load(name)
    x, y = parts["train"]
    if rows is not None and rows < len(x):
        chosen = np.random.default_rng(seed).permutation(len(x))[:rows]
        x, y = x[chosen], y[chosen]
    measuring.forget_peak()
    started = time.perf_counter()
    run = multiclass.train((x, y), test=parts.get("test"), seed=seed, baselines=False, progress=False, **OURS[who])
    return {
        "accuracy": run.metrics["accuracy"],
        "log_loss": run.metrics["log_loss"],
        "tested": len(run.outcome.y_true),
        "seconds": time.perf_counter() - started,
        "peak": measuring.peak(),
        "epochs": len(run.history),
        "parameters": run.model.count_params(),
    }


def peer(name: str, seed: int) -> Record:
    """Train keras.io's example for MNIST as its page does; computing its accuracy after each epoch is not timed.

    References:
        F. Chollet, Simple MNIST convnet, https://keras.io/examples/vision/mnist_convnet/.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    (x, y), (new, truth) = (load(name)[part] for part in ("train", "test"))
    x, new = (np.expand_dims(pixels.astype("float32") / 255, -1) for pixels in (x, new))
    classes = int(y.max()) + 1
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    untimed, accuracies = 0.0, []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            nonlocal untimed
            now = time.perf_counter()
            probabilities = self.model.predict(new, batch_size=1_000, verbose=0)
            accuracies.append((float((probabilities.argmax(axis=1) == truth).mean()), now - started - untimed))
            untimed += time.perf_counter() - now

    started = time.perf_counter()
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    one_hot = keras.utils.to_categorical(y, classes)
    model.fit(x, one_hot, batch_size=128, epochs=15, validation_split=0.1, verbose=0, callbacks=[Watch()])
    seconds = time.perf_counter() - started - untimed
    return {
        "accuracy": accuracies[-1][0],
        "tested": len(truth),
        "seconds": seconds,
        # Measured on the test rows, in its favor.
        "reached": next((at for accuracy, at in accuracies if accuracy >= REACHED), None),
        "epochs": len(accuracies),
        "parameters": model.count_params(),
    }


def epochs(count: int) -> list[Line]:
    """Measure seconds per epoch of the same network in our loop and in `model.fit`, round by round."""
    import keras

    from toolkit import builders, training
    from toolkit.heads import get_head

    head = get_head("multiclass", "softmax")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (EPOCH_ROWS, 28, 28, 1)).astype(np.uint8)
    y = rng.integers(0, 10, EPOCH_ROWS)
    models = [builders.cnn((28, 28, 1), 10) for _ in range(2)]
    models[1].compile("adam", head.loss())

    def loop(shift: int = 0) -> float:
        fitted = training.fit(models[0], head, x, y, epochs=2, batch_size=EPOCH_BATCH, shift=shift, progress=False)
        return float(fitted.history["seconds"][1])

    def fit() -> float:
        models[1].fit(x, y, batch_size=EPOCH_BATCH, verbose=0)
        started = time.perf_counter()
        models[1].fit(x, y, batch_size=EPOCH_BATCH, verbose=0)
        return time.perf_counter() - started

    jobs: dict[str, Callable[[], float]] = {"model.fit": fit, "ours": loop, "ours, shifted": lambda: loop(2)}
    for job in jobs.values():
        job()  # compiles
    seconds = measuring.rounds(count, jobs)
    keras.backend.clear_session()
    pairs = {"the cnn, batch 128": "ours", "the same, with images shifted": "ours, shifted"}
    return [
        Line.ratio(f"{label}: model.fit / ours", seconds["model.fit"], seconds[name], "s")
        for label, name in pairs.items()
    ]


def heads(seeds: Sequence[int], page: Path) -> list[Record]:
    """Compare the heads on Fashion-MNIST with the same quick network, and write the report to a page."""
    from recipes import multiclass

    parts = load("fashion-mnist")
    options = {"heads": ("softmax", "hinge", "squared_hinge"), "seeds": list(seeds), "effort": "quick"}
    comparison = multiclass.compare(parts["train"], test=parts["test"], report=page, progress=False, **options)
    row = comparison.table.loc["accuracy"]
    names = ("difference", "difference_low", "difference_high")
    return [
        {"head": head, "accuracy": row[head], **{n: row.get(f"{head}_{n}") for n in names}, "seeds": len(seeds)}
        for head in options["heads"]
    ]


# --------------------------------------------------------------------------------------------------------- measuring


def planned(parts: Sequence[str], sets: Sequence[str], who: Sequence[str], seeds: Sequence[int]) -> Iterator[Record]:
    """Yield one record, still without figures, for each network to be fitted."""
    for seed in seeds:
        if "accuracy" in parts:
            for name in sets:
                yield from ({"set": name, "who": w, "rows": None, "seed": seed} for w in FITS[name] if w in who)
        if "rows" in parts and "mnist" in sets:
            for rows in ROWS:
                count = None if rows == ROWS[-1] else rows
                yield from ({"set": "mnist", "who": w, "rows": count, "seed": seed} for w in CURVE if w in who)


def read(path: Path) -> list[Record]:
    """Return the records of a results file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _key(record: Record) -> tuple[Any, ...]:
    return tuple(record[part] for part in ("set", "who", "rows", "seed"))


def report(records: Sequence[Record], into: Path) -> None:
    """Write the table and the plot beside the results file."""
    text = ["# Images", "", *measuring.circumstances({}), "", *_accuracies(records), "", *_times(records)]
    text += ["", *_curve(records)]
    peaks = [r["peak"] for name in ("mnist", "fashion-mnist") for r in _of(records, name, "cnn")]
    if peaks:
        text += [
            "",
            f"The process used at most {max(peaks):,.0f} MiB while a cnn learned 60,000 images of 28 x 28.",
        ]
    compared = list({record["head"]: record for record in records if "head" in record}.values())
    if compared:
        text += ["", *_heads(compared)]
    measured = list({record["epoch"]: record for record in records if "epoch" in record}.values())  # the latest
    if measured:
        lines = [Line(r["epoch"], *(Spread(*r[part]) for part in ("ratio", "above", "below")), "s") for r in measured]
        text += ["", "## Seconds per epoch", "", f"{EPOCH_ROWS:,} images of 28 x 28. Above 1, ours is faster.", ""]
        text += measuring.lines_table(lines)
    measuring.write(into.with_suffix(".md"), "\n".join(text))
    if any(r.get("rows") for r in records):
        measuring.write(into.with_suffix(".svg"), _picture(records))


def _of(records: Sequence[Record], name: str, who: str, rows: int | None = None) -> list[Record]:
    return [r for r in records if r.get("set") == name and r["who"] == who and r["rows"] == rows]


def _accuracies(records: Sequence[Record]) -> list[str]:
    lines = []
    for name, fits in FITS.items():
        for who in fits:
            fitted = _of(records, name, who)
            if fitted:
                accuracy = [100 * r["accuracy"] for r in fitted]
                seconds = measuring.spread([r["seconds"] for r in fitted])
                middle = f"{np.mean(accuracy):.2f} ({min(accuracy):.2f} to {max(accuracy):.2f})"
                numbers = [f"{fitted[0]['parameters']:,}", str(fitted[0]["epochs"]), str(len(fitted))]
                lines.append([name, who, middle, str(seconds), *numbers])
    head = ["set", "network", "accuracy, %", "seconds of the call", "parameters", "epochs", "seeds"]
    text = (
        "Test rows are the official ones; digits has none and is split by the recipes. Mean, lowest and highest value"
    )
    return ["## Accuracy", "", text, "over the seeds; seconds are medians.", "", *markdown(head, lines)]


def _times(records: Sequence[Record]) -> list[str]:
    theirs = _of(records, "mnist", PEER)
    lines = []
    for who in ("cnn, quick", "cnn"):
        pairs = [(r, t) for r in _of(records, "mnist", who) for t in theirs if r["seed"] == t["seed"]]
        if pairs:
            ratios = [r["seconds"] / (t["reached"] or t["seconds"]) for r, t in pairs]
            reached = sum(r["accuracy"] >= REACHED for r, _ in pairs)
            lines.append([who, str(measuring.spread(ratios)), f"{reached} of {len(pairs)}"])
    if not lines:
        return []
    text = f"Seconds of our complete call, divided by the seconds until {PEER} first predicts {REACHED:.1%}"
    text = f"{text}\nof the test rows correctly (all its 15 epochs if it never does)."
    return ["## Time to keras.io's accuracy", "", text, "", *markdown(["network", "ratio", "reached"], lines)]


def _curve(records: Sequence[Record]) -> list[str]:
    lines = []
    for rows in ROWS:
        cells = []
        for who in CURVE:
            fitted = _of(records, "mnist", who, None if rows == ROWS[-1] else rows)
            accuracy = [100 * r["accuracy"] for r in fitted]
            cells.append(f"{np.mean(accuracy):.2f} ({min(accuracy):.2f} to {max(accuracy):.2f})" if fitted else "–")
        lines.append([f"{rows:,}", *cells])
    return [
        "## Accuracy over training rows",
        "",
        "MNIST: accuracy in % on all 10,000 test rows for each number of images, validation rows included. Mean,",
        f"lowest and highest value. Parameters: {', '.join(f'{who} {n}' for who, n in _parameters(records).items())}.",
        "",
        *markdown(["images", *CURVE], lines),
    ]


def _heads(records: Sequence[Record]) -> list[str]:
    lines = []
    for r in records:
        difference, low, high = (100 * (r[f"difference{end}"] or 0.0) for end in ("", "_low", "_high"))
        text = "the reference" if r["difference"] is None else f"{difference:+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append([r["head"], f"{100 * r['accuracy']:.2f}", text])
    return [
        "## Heads",
        "",
        f"Fashion-MNIST, `multiclass.compare` with effort quick, {records[0]['seeds']} seeds and no label smoothing:",
        "accuracy in % on the official test rows, and the difference from softmax in points with its 95 % interval.",
        "",
        *markdown(["head", "accuracy", "difference"], lines),
    ]


def _parameters(records: Sequence[Record]) -> dict[str, str]:
    fitted = {who: [r for r in records if r.get("set") == "mnist" and r["who"] == who] for who in CURVE}
    return {who: f"{fits[0]['parameters']:,}" for who, fits in fitted.items() if fits}


def _picture(records: Sequence[Record]) -> str:
    """Draw the error over training rows, one line per builder."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.subplots()
    parameters = _parameters(records)
    for who, color, mark in zip(CURVE, ("#8a4f00", "#3b5b92", "#0b6e4f"), ("s", "^", "o"), strict=True):
        fitted = [(rows, _of(records, "mnist", who, None if rows == ROWS[-1] else rows)) for rows in ROWS]
        curve = [(rows, [100 * (1 - r["accuracy"]) for r in fits]) for rows, fits in fitted if fits]
        label = f"{who}: {parameters.get(who, '')} parameters"
        axes.plot(
            [rows for rows, _ in curve],
            [np.mean(errors) for _, errors in curve],
            marker=mark,
            color=color,
            label=label,
        )
        for rows, errors in curve:
            axes.plot([rows, rows], [min(errors), max(errors)], color=color, linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("training images, validation rows included (log scale)")
    axes.set_ylabel("wrong test rows, % (log scale)")
    axes.set_title("MNIST: error over training images, mean and range over the seeds")
    axes.legend()
    return measuring.svg(figure)


def main() -> None:
    """Measure, write every record, and write the table and the plot."""
    parts = ("accuracy", "rows", "heads", "epochs")
    names, sets = [*OURS, PEER], available()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.images", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--sets", nargs="+", choices=sets, default=sets, metavar="SET", help=", ".join(sets))
    parser.add_argument("--who", nargs="+", choices=names, default=names, metavar="NETWORK", help=", ".join(names))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the part epochs")
    parser.add_argument("--results", type=Path, default=REPORTS / "images.jsonl", help="one line of JSON per fit")
    arguments = parser.parse_args()
    records = read(arguments.results)
    done = {_key(record) for record in records if "set" in record}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    with arguments.results.open("a", encoding="utf-8") as file:

        def keep(record: Record) -> None:
            records.append(record)
            print(json.dumps(record), file=file, flush=True)
            print(json.dumps(record), flush=True)

        for record in planned(arguments.parts, arguments.sets, arguments.who, arguments.seeds):
            if _key(record) not in done:
                done.add(_key(record))
                name, who = record["set"], record["who"]
                seed = record["seed"]
                keep(record | (peer(name, seed) if who == PEER else ours(name, who, record["rows"], seed)))
        if "heads" in arguments.parts and "fashion-mnist" in arguments.sets:
            for record in heads(arguments.seeds, REPORTS.parent / "heads_on_fashion_mnist.html"):
                keep(record)
        if "epochs" in arguments.parts:
            for line in epochs(arguments.rounds):
                keep({"epoch": line.label, "ratio": line.ratio_, "above": line.above, "below": line.below})
    report(records, arguments.results)


if __name__ == "__main__":
    main()
