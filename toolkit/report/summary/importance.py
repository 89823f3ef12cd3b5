"""Which columns the model uses, and what it answers where the strongest have one value or another."""

from __future__ import annotations

from typing import Any

from toolkit.evaluation.result import Result
from toolkit.report.summary.values import short

__all__ = ["for_result"]


def for_result(result: Result) -> dict[str, Any] | None:
    """Return the importance of columns and the partial dependence on the strongest; None where there is none."""
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
    return {**table.attrs, "columns": columns, "answer": answer, "dependence": dependence}
