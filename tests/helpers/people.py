"""A small table with a column of each kind."""

from __future__ import annotations

import numpy as np
import pandas as pd


def people(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    """Return a table whose label depends on age and sex."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, rows).round(2)
    sex = rng.choice(["f", "m"], rows)
    score = age / 12 + (sex == "f") * 2 + rng.normal(0, 1, rows)
    return pd.DataFrame(
        {
            "age": age,
            "sex": sex,
            "member": rng.random(rows) < 0.5,
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "label": np.where(score > np.median(score), "yes", "no"),
            "amount": (score * 10).round(3),
        }
    )
