"""Verdicts in words: whether the network was worth it, compared with its baselines."""

from __future__ import annotations

import pandas as pd

from toolkit.common.formatting import MINUS, duration, join_names, number, plain
from toolkit.evaluation.evidence import FEWEST
from toolkit.evaluation.metric_names import METRICS, amounts, in_sentence, margin_of, metric_value
from toolkit.evaluation.metrics import LOWER_IS_BETTER
from toolkit.evaluation.standings import Standing, Standings

__all__ = ["IN_WORDS", "baseline_ahead", "class_options", "headline", "next_step", "one_class", "read_baselines"]

IN_WORDS = {"dummy": "guessing", "linear": "the linear model", "tree": "the gradient-boosted trees"}
"""Baseline -> what it is called inside a sentence."""

# Rows per class from which a network is worth it: Hantehzadeh, Machine Learning using Python, week 2.
_ROWS_PER_CLASS = 1000


def read_baselines(
    standings: Standings,
    rows: int,
    *,
    smallest: int | None = None,
    parameters: int | None = None,
    images: bool = False,
) -> list[str]:
    r"""Return sentences on how the network compares with each baseline, and what follows.

    Args:
        standings: What the test rows show.
        rows: Number of training rows.
        smallest: How many of them are of the smallest class; None leaves out rows per class.
        parameters: Number of trainable parameters; None leaves out rows per parameter.
        images: Whether the rows are images.

    Returns:
        Sentences; the first is the verdict.

    References:
        Hantehzadeh, Machine Learning using Python, week 2: a network needs thousands of rows per class.

    Example:
        >>> import numpy as np
        >>> from toolkit.metrics.outcome import Outcome
        >>> from toolkit.evaluation.standings import standings_of
        >>> truth = np.tile([0, 1], 200)
        >>> network, dummy = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
        >>> standings = standings_of(network, {"dummy": dummy}, ["a", "b"])
        >>> read_baselines(standings, rows=1600)[0].replace("\u202f", " ")
        "On 400 test rows the network's accuracy is 100.0 %: better than guessing (50.0 %)."
    """
    others = [limit.sentence for limit in standings.limits if limit is not standings.limit]
    if standings.limit is not None:
        unknown = "There is no verdict: whether the network is better than a simpler model is not known."
        return [standings.limit.sentence, *[unknown] * bool(standings.against), *one_class(standings), *others]
    if not standings.against and standings.metric is not None:
        first = "No baseline was fitted, so it is unknown whether a simpler model would do as well."
        return [first, *one_class(standings), *others]
    if standings.metric is None:
        rows_text = f"these {number(standings.rows)} test rows"
        return [f"No metric is defined on {rows_text} for the network and the baselines alike.", *others]
    sentences = [_comparison(standings), *one_class(standings)]
    if not standings.is_useful:
        sentences.append(f"These rows do not show that it learned anything. {next_step(standings, images=images)}")
    else:  # a network that is not better than guessing needs no finer comparison
        sentences += [_against(name, standings, images) for name in ("tree", "linear") if name in standings.against]
    sentences += _unclear(standings)
    return [*sentences, *_size(standings, rows, smallest, parameters), *others]


def headline(standings: Standings) -> str:
    """Return one sentence about where the network stands.

    Example:
        >>> from toolkit.evaluation.standings import Standing, Standings
        >>> level = Standing("unclear", 0.5, 0.01, -0.02, 0.04, 30, 0.0)
        >>> headline(Standings("multiclass", "accuracy", 0.51, 400, 0.0, {"dummy": level}, [], None, ("a", "b")))
        'Not shown to be better than guessing.'
    """
    but = f", but it assigns every test row to '{standings.only}'" if standings.only is not None else ""
    if standings.limit is not None:
        return f"No verdict: too few test rows{but.replace(', but', ';')}."
    if not standings.kinds:
        return f"Trained without baselines{but}: this report cannot say whether a simpler model would do as well."
    if not standings.is_useful:
        word = {"worse": "Worse than", "even": "Level with"}.get(
            standings.kinds["dummy"], "Not shown to be better than"
        )
        return f"{word} guessing{but and f': it assigns every test row to {standings.only!r}'}."
    sentence = ", ".join(_clauses(standings, values=False)) + but
    return f"{sentence[0].upper()}{sentence[1:]}."


def next_step(standings: Standings, *, images: bool = False) -> str:
    """Return what follows from the standings, as one piece of advice; empty where the network can be used.

    The verdict and the report's "What to do next" read it here, so that they never contradict each other.
    """
    inputs, source = ("pictures", "these pictures") if images else ("columns", "this table")
    if standings.limit is not None:
        return "Test on more rows before you use the network: with a larger test=, or with a table of new rows."
    if not standings.is_useful:
        if standings.preferred is not None:
            return (
                f"Change the training: {IN_WORDS[standings.preferred]} predict{'s' * (standings.preferred != 'tree')} "
                f"the target from these {inputs} better than this network does."
            )
        return f"Check the data before the model: these {inputs} may not determine the target, or the rows are too few."
    if standings.preferred in ("tree", "linear"):
        name, kind = standings.preferred, standings.kinds[standings.preferred]
        model = "the gradient-boosted trees" if name == "tree" else "the linear model"
        if kind == "worse":
            return f"Use {model} for {source}, or train with more effort and compare again."
        simpler = "it is simpler, faster and easier to explain" if name == "linear" else "they are faster to fit"
        return f"Prefer {model} unless you need a network: {simpler}."
    return ""


def one_class(standings: Standings) -> list[str]:
    """Return a sentence about a network that assigns every test row to one class."""
    only, classes = standings.only, standings.classes
    if only is None:
        return []
    options = class_options(standings)
    if standings.task == "multiclass":
        return [
            f"The network assigns every test row to '{only}'. Train with {options}, which gives each class the same "
            "weight, and check the columns."
        ]
    positive = classes[1]
    if only != positive:
        return [
            f"The network assigns every test row to '{only}': recall of '{positive}' is 0, and precision is not "
            f"defined, because no row is called '{positive}'. Set {options} to call more rows '{positive}'."
        ]
    return [
        f"The network assigns every test row to '{only}', so its precision is the share of '{only}' among the rows. "
        f"Set {options} to tell the classes apart."
    ]


def class_options(standings: Standings) -> str:
    """Return the options that make a network use a class that it assigns to no row."""
    if standings.task == "multiclass":
        return 'class_weight="balanced"'
    threshold = "balanced_accuracy" if standings.only == standings.classes[1] else "f1"
    return f'threshold="{threshold}" or class_weight="balanced"'


def baseline_ahead(metric: str, contenders: pd.Series, baselines: pd.Series, seeds: int) -> list[str]:
    """Return a sentence that names the best baseline, where it is better than every contender.

    Args:
        metric: The metric.
        contenders: Its mean over the seeds, for each contender.
        baselines: The same for each baseline.
        seeds: Number of seeds.
    """
    contenders, baselines = (
        contenders.dropna(),
        baselines[[name for name in IN_WORDS if name in baselines]].dropna(),
    )
    if contenders.empty or baselines.empty:
        return []
    lower = LOWER_IS_BETTER[metric]
    best, baseline = (str(means.idxmin() if lower else means.idxmax()) for means in (contenders, baselines))
    if not (baselines[baseline] < contenders[best] if lower else baselines[baseline] > contenders[best]):
        return []
    ahead, behind = (metric_value(metric, float(value)) for value in (baselines[baseline], contenders[best]))
    if len(contenders) == 1:
        return [
            f"In {in_sentence(metric)} a baseline is ahead: {IN_WORDS[baseline]}, with {ahead} on average. This "
            "difference is not tested."
        ]
    mean = f", the mean over {seeds} seeds" if seeds > 1 else ""
    return [
        f"In {in_sentence(metric)} a baseline is ahead of all of them: {IN_WORDS[baseline]}, with {ahead}{mean}; the "
        f"best of them, {plain(best)}, has {behind}. This difference is not tested."
    ]


_WORDS = {"better": "better than", "even": "level with", "unclear": "no clear difference from", "worse": "worse than"}


def _clauses(standings: Standings, *, values: bool) -> list[str]:
    """Return a clause for each kind of standing: "better than guessing (50.0 %) and the linear model (71.0 %)"."""
    metric, clauses = standings.metric or "", []
    for kind, words in _WORDS.items():
        names = [
            IN_WORDS.get(name, name) + (f" ({metric_value(metric, standing.baseline)})" if values else "")
            for name, standing in standings.against.items()
            if standing.kind == kind
        ]
        if names:
            clauses.append(f"{words} {join_names(names)}")
    return clauses


def _comparison(standings: Standings) -> str:
    metric = standings.metric or ""
    value, clauses = metric_value(metric, standings.value), _clauses(standings, values=True)
    return (
        f"On {number(standings.rows)} test rows the network's {in_sentence(metric)} is {value}: {'; '.join(clauses)}."
    )


def _unclear(standings: Standings) -> list[str]:
    """Return sentences on what a difference that is not clear leaves open."""
    metric, sentences = standings.metric or "", []
    unclear = {name: standing for name, standing in standings.against.items() if standing.kind == "unclear"}
    for name, standing in unclear.items():
        if _differ_on_few(standing) and not (
            standings.is_useful and _is_one_sided(standing) and name in ("tree", "linear")
        ):
            sentences.append(f"The network and {IN_WORDS.get(name, name)} {_few(standings, name)}.")
    # Half the width of an interval: about the smallest difference that would have excluded 0.
    widest = max(((standing.high - standing.low) / 2 for standing in unclear.values()), default=0.0)
    if widest > 0:
        unit = " points" if METRICS[metric].share else ""
        sentences.append(
            "No clear difference does not mean equal: these test rows cannot show a difference below about "
            f"{amounts(metric, [widest])[0]}{unit}."
        )
    return sentences


def _differ_on_few(standing: Standing) -> bool:
    return 0 < standing.differing < FEWEST


def _is_one_sided(standing: Standing) -> bool:
    """Return whether the interval of the difference excludes 0."""
    return standing.low > 0 or standing.high < 0


def _few(standings: Standings, name: str) -> str:
    count = standings.against[name].differing
    rows = f"{number(count)} distinct test {standings.unit}{'s' * (count != 1)}"
    return f"differ on {rows} only: too few to call either better"


def _against(name: str, standings: Standings, images: bool) -> str:
    """Return a sentence about one baseline: the size of the difference, and what follows."""
    standing, metric = standings.against[name], standings.metric or ""
    if standing.kind == "unclear" and _differ_on_few(standing) and _is_one_sided(standing):
        return f"The network and {IN_WORDS[name]} {_few(standings, name)}."
    value, low, high = standing.value, standing.low, standing.high
    texts = amounts(metric, [abs(value), low, high])  # with the same decimals as in the report's tables
    unit = " points" if METRICS[metric].share else ""
    if standing.kind in ("even", "unclear"):
        size = f"the difference lies between {texts[1]} and {texts[2]}{unit}"
        size = "there is no difference" if low == high == 0 else size
        if standing.kind == "even" and _is_one_sided(standing):
            margin = amounts(metric, [margin_of(metric, standing.baseline)])[0]
            size += f", and differences of up to {margin}{unit} count as level"
    else:
        # Both ends have one sign, as the interval excludes 0: from -5 to -2 is lower by 2 to 5.
        near, far = (text.lstrip(MINUS) for text in (texts[1:] if low > 0 else texts[:0:-1]))
        size = (
            f"its {in_sentence(metric)} is {'lower' if value < 0 else 'higher'} by {texts[0]}{unit} "
            f"(95 % interval {near} to {far})"
        )
    took = ""
    if standing.seconds and standings.seconds:
        took = f" ({duration(standing.seconds)} to fit, the network {duration(standings.seconds)})"
    return f"Against {IN_WORDS[name]} {size}: {_follows(name, standings, images, took)}"


def _follows(name: str, standings: Standings, images: bool, took: str) -> str:
    """Return what follows from the standing to the trees or the linear model; advice only for the preferred model."""
    kind, tree = standings.against[name].kind, name == "tree"
    preferred, they = standings.preferred == name, "they" if tree else "it"
    if kind == "better":
        if not tree:
            return f"this suggests interactions or non-linear effects of the {'pixels' if images else 'columns'}."
        return (
            f"here the network is worth its cost{took}."
            if standings.preferred == "network"
            else f"they fall short{took}."
        )
    if kind == "worse":
        use = "the trees on these images" if images else "the trees on this table"
        if tree:
            return f"use {use}{took}; a network may pay off with more {'images' if images else 'rows'}."
        use = f"use the linear model{took}; " if preferred else ""
        return f"{use}the network is too large, poorly trained, or has too few rows."
    shown = f"{they} do{'' if tree else 'es'} as well" if kind == "even" else "these rows do not show which is better"
    if not preferred:
        return f"{shown}{took}."
    if tree:
        less = "" if images else f", and {they} need no scaling or imputation"
        return f"{shown}{took}{less}: use them unless you need what only a network offers."
    return f"{shown}{took}, and its weights can be read: prefer it unless you need a network."


def _size(standings: Standings, rows: int, smallest: int | None, parameters: int | None) -> list[str]:
    """Return sentences on rows per class and per parameter, where they explain the result."""
    simpler, sentences = standings.preferred != "network", []
    if smallest is not None and smallest < _ROWS_PER_CLASS:
        end = "; so few rows favor simpler models." if simpler else "; here fewer are enough."
        sentences.append(
            f"It learned from {number(rows)} rows, {number(smallest)} of them in the "
            f"{'smaller' if len(standings.classes) == 2 else 'smallest'} class; by a rule of thumb a network needs "
            f"thousands per class{end}"
        )
    # Many good networks have more parameters than rows: it is a reason only where a simpler model does as well.
    if parameters and rows / parameters < 1 and simpler:
        sentences.append(f"It has {number(parameters)} trainable parameters, more than training rows ({number(rows)}).")
    return sentences
