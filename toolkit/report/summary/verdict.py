"""The verdict: how a network compares with the baselines, or contenders with each other, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.formatting import isolated, join_names, number, percent, plain
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.differences import FEWEST_SPLITS
from toolkit.evaluation.metric_names import in_sentence
from toolkit.evaluation.result import Result
from toolkit.evaluation.standings import Standings
from toolkit.evaluation.verdicts import class_options, headline, next_step

__all__ = ["for_comparison", "for_result"]

ADVICE = {
    "underfitted": "Give the network more capacity (wider, more layers, less regularization), or raise the learning "
    "rate.",
    "overfitted": "Regularize more (dropout, L2, fewer neurons), or train on more rows.",
    "could train longer": "Train for more epochs: the loss was still falling when training ended.",
    "overfitted, dropout tried": "Train on more rows, or with fewer neurons or L2: the default network has tried "
    "several strengths of dropout.",
    "diverged": "Lower the learning rate, or limit the gradient (clip_norm=1), and train again.",
}


def for_result(
    result: Result, data: Mapping[str, Any], training: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the verdict about a result, read from the sections that follow it on the page."""
    if result.outcome is None:
        return {
            **dict.fromkeys(("metric", "value", "low", "high")),
            "caution": "",
            "test_rows": 0,
            "against": {},
            "headline": "Trained without test rows: there are no test figures.",
            "sentences": list(result.verdict),
            "next": _steps_for_result(data, training, None, None),
        }
    standings = result.standings
    # Without baselines and where no metric is defined for all of them, the first one that these rows define.
    defined = [n for n, entry in results["metrics"].items() if math.isfinite(entry["value"])]
    name = standings.metric or next(iter(defined or results["metrics"]))
    entry = results["metrics"][name]
    against = {
        key: {
            "difference": standing.value,
            "low": standing.low,
            "high": standing.high,
            "standing": "unclear" if standings.limit else standing.kind,
        }
        for key, standing in standings.against.items()
        if key in entry["baselines"]
    }
    return {
        "metric": name,
        **{key: entry[key] for key in ("value", "low", "high")},
        "caution": _caution(entry, standings.rows),
        "test_rows": standings.rows,
        "against": against,
        "headline": headline(standings),
        "sentences": list(result.verdict),
        "next": _steps_for_result(data, training, results["reliability"], standings),
    }


def for_comparison(
    comparison: ComparisonResult, contenders: Sequence[Mapping[str, Any]], results: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the verdict about a comparison, read from its contenders and their results."""
    name = comparison.primary
    differences = results["metrics"].get(name, {"differences": []})["differences"]
    return {
        "metric": name,
        "headline": comparison.verdict[0] if comparison.verdict else "",
        "sentences": list(comparison.verdict[1:]),
        "next": _steps_for_comparison(comparison, contenders, differences),
    }


def _caution(entry: Mapping[str, Any], rows: int) -> str:
    """Return what an interval without width hides: resampling shows no mistake that the test rows do not hold."""
    if entry["low"] != entry["high"]:
        return ""
    return (
        f"Resampling these {number(rows)} test rows gives the same value each time, so the interval has no width. The "
        "true value is less certain than that."
    )


def _steps_for_result(
    data: Mapping[str, Any],
    training: Mapping[str, Any],
    reliability: Mapping[str, Any] | None,
    standings: Standings | None,
) -> list[str]:
    """Return what to do next, the most important first, four sentences at most; no standings without test rows."""
    steps = []
    if data["leaks"]:
        names = join_names([f"“{isolated(plain(name))}”" for name in data["leaks"][:3]])
        subject = "it" if len(data["leaks"]) == 1 else "each of them"
        steps.append(
            f"Check {names} first: {subject} almost determines the target without the other columns. If a value is not "
            "known yet when you predict, leave the column out (drop=) and train again."
        )
    if standings is not None:
        advice = [next_step(standings, images=data["images"])]
        if standings.only is not None:
            only = isolated(standings.only)
            again = f"Train again with {class_options(standings)}: every test row is assigned to '{only}'."
            advice = [again, *advice] if standings.limit is None else [*advice, again]
        steps += filter(None, advice)
    reading = training["reading"]["kind"]
    if reading == "overfitted" and any("dropout" in row["setting"] for row in training.get("pack") or ()):
        reading += ", dropout tried"
    if reading in ADVICE:
        steps.append(ADVICE[reading])
    # On fewer rows, even faultless probabilities show such an error.
    if reliability is not None and reliability["ece"] > 0.05 and reliability["rows"] >= 300:
        steps.append(
            f"Treat the probabilities with care: on average they differ by {percent(reliability['ece'])} from the "
            "observed frequencies."
        )
    if standings is None:
        steps.append(
            "Train once with test rows (leave test= out) to learn what to expect on new rows, or give run.evaluate "
            "labeled rows that were not trained on."
        )
    elif data["parts"]["test"] < 200 and standings.limit is None:
        steps.append(
            f"Only {data['parts']['test']} test rows: the intervals are wide. A larger test=, or a table of new rows, "
            "makes them narrower."
        )
    if not steps and standings is not None and not standings.against:
        return ["Train with baselines, to see whether a simpler model would do as well."]
    return steps[:4] or ["No problem found: save the run (run.save) and predict new rows (run.predict)."]


def _steps_for_comparison(
    comparison: ComparisonResult,
    contenders: Sequence[Mapping[str, Any]],
    differences: Sequence[Mapping[str, Any] | None],
) -> list[str]:
    """Return what to do with the result, the most important first."""
    label = in_sentence(comparison.primary)
    pairs = [(entry, gap) for entry, gap in zip(contenders, differences, strict=False) if gap is not None]
    better = [isolated(entry["label"]) for entry, gap in pairs if gap["standing"] == "better"]
    level = [gap for _, gap in pairs if gap["standing"] in ("even", "unclear")]
    direct = [isolated(entry["label"]) for entry in contenders if entry["link"]]
    indirect = [isolated(entry["label"]) for entry in contenders if not entry["link"]]
    seeds, steps = len(comparison.seeds), []
    if any("too few seeds" in gap["doubt"] for _, gap in pairs):
        steps.append(f"Compare with at least {FEWEST_SPLITS} seeds (seeds={FEWEST_SPLITS}) for a verdict.")
    if better:
        verb = "each is" if len(better) > 1 else "it is"
        steps.append(f"Use {join_names(better)}: {verb} clearly better in {label} here.")
    elif pairs and not level:
        steps.append(f"Stay with {isolated(contenders[0]['label'])}: the other contenders are worse in {label}.")
    elif level and comparison.task != "regression" and direct and indirect:
        verb = "gives" if len(direct) == 1 else "give"
        steps.append(
            f"Choose by what you need apart from {label}: {join_names(direct)} {verb} probabilities directly; those of "
            f"{join_names(indirect)} are fitted afterwards."
        )
    if FEWEST_SPLITS <= seeds < 10 and any(gap["low"] != gap["high"] for gap in level):
        steps.append(
            "If a difference of this size matters to you, compare with more seeds: with "
            f"{seeds} seeds the interval is wide."
        )
    return steps or ["Train the contender that you choose: its report compares it with simpler models."]
