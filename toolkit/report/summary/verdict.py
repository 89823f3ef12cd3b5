"""The verdict: how a network compares with the baselines, or contenders with each other, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.common.formatting import isolated, join_names, number, percent, plain
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.metric_names import in_sentence
from toolkit.evaluation.metrics import PRIMARY, Outcome, difference
from toolkit.evaluation.result import Result
from toolkit.evaluation.verdicts import IN_WORDS, standing_of
from toolkit.report.summary.values import share

__all__ = ["for_comparison", "for_result"]

STANDINGS = {"better": "better than", "level": "not clearly different from", "worse": "worse than"}
ADVICE = {
    "underfitted": "Give the network more capacity (wider, more layers, less regularization), or raise the learning "
    "rate.",
    "overfitted": "Regularize more (dropout, L2, fewer neurons), or train on more rows.",
    "could train longer": "Train for more epochs: the loss was still falling when training ended.",
    "diverged": "Lower the learning rate, or limit the gradient (clip_norm=1), and train again.",
}


def for_result(
    result: Result, data: Mapping[str, Any], training: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the verdict about a result, read from the sections that follow it on the page."""
    outcome: Any = result.outcome
    # The task's primary metric, or the first one that these rows define.
    names = [PRIMARY[result.task], *results["metrics"]]
    defined = [n for n in names if n in results["metrics"] and math.isfinite(results["metrics"][n]["value"])]
    name = next(iter(defined or results["metrics"]))
    entry, rows = results["metrics"][name], len(outcome.y_true)
    against = {
        key: _against(outcome, baseline, name)
        for key, baseline in result.baselines.items()
        if key in entry["baselines"]
    }
    return {
        "metric": name,
        **{key: entry[key] for key in ("value", "low", "high")},
        "caution": _caution(name, entry, rows),
        "test_rows": rows,
        "against": against,
        "headline": _headline(against),
        "sentences": list(result.verdict),
        "next": _steps_for_result(data, training, results["reliability"], against),
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


def _against(outcome: Outcome, baseline: Outcome, name: str) -> dict[str, Any]:
    value, low, high = difference(outcome, baseline, name)
    return {"difference": value, "low": low, "high": high, "standing": standing_of(name, low, high)}


def _caution(name: str, entry: Mapping[str, Any], rows: int) -> str:
    """Return what an interval without width hides: resampling shows no mistake that the test rows do not hold."""
    if entry["low"] != entry["high"]:
        return ""
    if name == "accuracy" and entry["value"] == 1:
        return (
            f"No test row is predicted wrong, so resampling them shows no spread. After {number(rows)} rows without a "
            f"mistake, the true accuracy may still be as low as {percent(share(rows, rows)['low'])} (Wilson interval)."
        )
    return (
        f"Resampling these {number(rows)} test rows gives the same value each time, so the interval has no width. The "
        "true value is less certain than that."
    )


def _headline(against: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one sentence about where the network stands."""
    if not against:
        return "Trained without baselines: this report cannot say whether a simpler model would do as well."
    if "dummy" in against and against["dummy"]["standing"] != "better":
        return "Worse than guessing." if against["dummy"]["standing"] == "worse" else "No better than guessing."
    clauses = []
    for key, clause in STANDINGS.items():
        names = [IN_WORDS.get(name, name) for name, entry in against.items() if entry["standing"] == key]
        if names:
            clauses.append(f"{clause} {join_names(names)}")
    sentence = ", ".join(clauses)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _steps_for_result(
    data: Mapping[str, Any],
    training: Mapping[str, Any],
    reliability: Mapping[str, Any] | None,
    against: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Return what to do next, the most important first, four sentences at most."""
    standings = {name: entry["standing"] for name, entry in against.items()}
    is_useful, steps = standings.get("dummy", "better") == "better", []
    inputs, source = ("pictures", "these pictures") if data["images"] else ("columns", "this table")
    if data["leaks"]:
        names = join_names([f"“{isolated(plain(name))}”" for name in data["leaks"][:3]])
        subject = "it" if len(data["leaks"]) == 1 else "each of them"
        steps.append(
            f"Check {names} first: {subject} almost determines the target without the other columns. If a value is not "
            "known yet when you predict, leave the column out (drop=) and train again: these numbers are too good."
        )
    # A network that is not better than guessing: another model tells whether the data or the training is to blame.
    if not is_useful and "worse" in (standings.get("tree"), standings.get("linear")):
        steps.append(
            f"Change the training: another model predicts the target from these {inputs}, this network does not yet."
        )
    elif not is_useful:
        steps.append(
            f"Check the data before the model: these {inputs} may not determine the target, or there are too few rows."
        )
    elif standings.get("tree") == "worse":
        steps.append(f"Use gradient-boosted trees for {source}, or train with more effort and compare again.")
    elif standings.get("linear", "better") != "better":
        steps.append("Prefer the linear model unless you need a network: it is simpler, faster and easier to explain.")
    if training["reading"]["kind"] in ADVICE:
        steps.append(ADVICE[training["reading"]["kind"]])
    # On fewer rows, even faultless probabilities show such an error.
    if reliability is not None and reliability["ece"] > 0.05 and reliability["rows"] >= 300:
        steps.append(
            f"Treat the probabilities with care: on average they differ by {percent(reliability['ece'])} from the "
            "observed frequencies."
        )
    if data["parts"]["test"] < 200:
        steps.append(
            f"Only {data['parts']['test']} test rows: treat the intervals as wide. More labeled rows, given to "
            "run.evaluate, make them narrower."
        )
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
    level = [gap for _, gap in pairs if gap["standing"] == "level"]
    direct = [isolated(entry["label"]) for entry in contenders if entry["link"]]
    indirect = [isolated(entry["label"]) for entry in contenders if not entry["link"]]
    seeds, steps = len(comparison.seeds), []
    if better:
        verb = "each is" if len(better) > 1 else "it is"
        steps.append(f"Use {join_names(better)}: {verb} clearly better in {label} here.")
    elif pairs and not level:
        steps.append(f"Stay with {isolated(contenders[0]['label'])}: no other contender is better in {label}.")
    elif level and comparison.task != "regression" and direct and indirect:
        verb = "gives" if len(direct) == 1 else "give"
        steps.append(
            f"Choose by what you need apart from {label}: {join_names(direct)} {verb} probabilities directly; those of "
            f"{join_names(indirect)} are fitted afterwards."
        )
    if seeds < 10 and any(gap["low"] != gap["high"] for gap in level):
        steps.append(
            "If a difference of this size matters to you, compare with more seeds: with "
            f"{seeds} seed{'s' if seeds > 1 else ''} the interval is wide."
        )
    return steps or ["Train the contender that you choose: its report compares it with simpler models."]
