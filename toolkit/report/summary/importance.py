"""Which columns the model uses, and what it answers where the strongest have one value or another."""

from __future__ import annotations

from typing import Any

from toolkit.evaluation.result import Result
from toolkit.report.summary.values import short

__all__ = ["for_result"]


def for_result(result: Result) -> dict[str, Any] | None:
    """Return importance, partial dependence on the strongest columns, and clear slices; None where there are none."""
    table = result.importance
    if table.empty:
        return None
    columns = [
        {"column": column, "value": value, "low": low, "high": high}
        for column, value, low, high in table.itertuples(index=False)
    ]
    answer = "value" if result.task == "regression" else "probability" if result.has_probabilities else "score"
    dependence = [
        entry
        | {"grid": short(entry["grid"]) if entry["kind"] == "number" else entry["grid"]}
        | {
            "outputs": [
                {"name": output["name"]} | {key: short(output[key]) for key in ("mean", "low", "high")}
                for output in entry["outputs"]
            ]
        }
        for entry in result.dependence
    ]
    clear_slices = result.slices[result.slices["clear"]] if len(result.slices) else result.slices
    slices = {**result.slices.attrs, "found": clear_slices.to_dict("records")}
    return {**table.attrs, "slices": slices, "columns": columns, "answer": answer, "dependence": dependence}
