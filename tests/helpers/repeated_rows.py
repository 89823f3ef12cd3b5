"""Tables whose rows repeat, and how far the shares of the labels in the test part are from those of all rows.

The simulation as a table: ``python -m tests.helpers.repeated_rows``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.data.prepare import prepare

TASKS = ("binary", "multiclass", "regression", "multilabel")
_RNG = np.random.default_rng(1)
#: How often each distinct row comes.
SHAPES = {
    "no repeats": np.ones(1_500, dtype=int),
    "pairs": np.full(750, 2),
    "1 to 4": _RNG.integers(1, 5, 600),
    "14 each": np.full(110, 14),
    "500 each": np.full(6, 500),
    "geometric, 80 to 1": np.maximum(1, 80 * 0.96 ** np.arange(150)).astype(int),
    "500, 250, 166, ... 1": np.maximum(1, 500 // np.arange(1, 300)),
    "500 and single rows": np.r_[500, np.ones(1_500, dtype=int)],
    "150, 120 and pairs": np.r_[150, 120, np.full(600, 2)],
    "25 distinct rows": np.full(25, 18),
}


def table(task: str, times: np.ndarray, by_size: bool, seed: int = 0) -> tuple[pd.DataFrame, list[str]]:
    """Return a table whose labels depend on the row, and where asked on how often it comes; and the target's names."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(times), 2))
    score = 1.2 * features[:, 0] + by_size * 0.5 * (np.log(times) - np.log(times).mean())
    rows = rng.permutation(np.repeat(np.arange(len(times)), times))
    frame, z = pd.DataFrame(features[rows], columns=["a", "b"]), score[rows]
    if task == "multiclass":
        noisy = np.outer(z, [0.0, 0.5, 1.0, -1.0]) - [0.0, 0.0, 0.0, 1.5] + rng.gumbel(size=(len(z), 4))
        return frame.assign(y=np.array(list("pqrs"))[noisy.argmax(axis=1)]), ["y"]
    if task == "regression":
        return frame.assign(y=z + rng.normal(size=len(z))), ["y"]
    scores = np.outer(z, [1.0, -1.0, 0.3]) - [0.0, 1.0, 2.0]
    labels = (rng.random(scores.shape) < 1 / (1 + np.exp(-scores))).astype(int)
    if task == "binary":
        return frame.assign(y=labels[:, 0]), ["y"]
    return frame.assign(u=labels[:, 0], v=labels[:, 1], w=labels[:, 2]), ["u", "v", "w"]


def label_matrix(frame: pd.DataFrame, names: list[str], task: str) -> np.ndarray:
    """Return 0 or 1 for each row and class, label or tenth of the target."""
    if task == "multilabel":
        return frame[names].to_numpy(dtype=float)
    codes = pd.qcut(frame["y"], 10, labels=False) if task == "regression" else pd.factorize(frame["y"])[0]
    return np.eye(int(codes.max()) + 1)[codes]


def pooled_test_parts(task: str, times: np.ndarray, by_size: bool, seeds: int) -> dict[str, float]:
    """Split a table with several seeds and compare the labels of the test parts, pooled, with those of all rows.

    Returns:
        The smallest chi-square p-value of the pooled counts against the shares in all rows; the largest difference of
        a label's share in one test part, on average and at most, and in the pooled ones, in points; and the smallest
        and largest share of the rows in a test part.
    """
    frame, names = table(task, times, by_size)
    matrix = label_matrix(frame, names, task)
    whole, counts, rows, off, sizes = matrix.mean(axis=0), np.zeros(matrix.shape[1]), 0, [], []
    for seed in range(seeds):
        data = prepare(frame, names if task == "multilabel" else "y", task=task, seed=seed, keep=["a", "b"])
        test = data.parts["test"]
        counts, rows = counts + matrix[test].sum(axis=0), rows + len(test)
        off.append(100 * np.abs(matrix[test].mean(axis=0) - whole).max())
        sizes.append(len(test) / len(frame))
    if task == "multilabel":
        pairs = zip(counts, whole, strict=True)
        p = min(stats.chisquare([n, rows - n], [rows * share, rows * (1 - share)]).pvalue for n, share in pairs)
    else:
        p = stats.chisquare(counts, rows * whole).pvalue
    pooled = 100 * np.abs(counts / rows - whole).max()
    return {
        "p": float(p),
        "off": float(np.mean(off)),
        "most": max(off),
        "pooled": pooled,
        "least": min(sizes),
        "largest": max(sizes),
    }


if __name__ == "__main__":
    print("task        labels by  repeats                    p     off  at most  pooled   test rows")
    for task in TASKS:
        for by_size in (False, True):
            for name, times in SHAPES.items():
                f = pooled_test_parts(task, times, by_size, seeds=20)
                print(
                    f"{task:11} {'size' if by_size else 'row':9} {name:24} {f['p']:8.2g} {f['off']:6.1f} "
                    f"{f['most']:7.1f} {f['pooled']:8.2f}   {f['least']:.1%} to {f['largest']:.1%}"
                )
