"""All checks of scikit-learn's `check_estimator` on the estimators: `python -m tests.soak.estimators [seed] [count]`.

The count is how many checks are run on each estimator, all by default.
"""

from __future__ import annotations

import sys
import warnings
from itertools import islice
from typing import Any

from sklearn.utils.estimator_checks import estimator_checks_generator

from recipes import NetworkClassifier, NetworkRegressor

TINY: dict[str, Any] = {"effort": "quick", "hidden": (8,), "epochs": 15, "batch_size": 16, "learning_rate": 0.03}
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "The split and the batches are drawn by rows, however they weigh.",
    "check_array_api_input": "Needs an environment variable.",
}


def main(seed: int = 0, count: int | None = None) -> int:
    """Print how many checks passed, and return 1 if one failed that is not expected to."""
    passed, bad = 0, []
    for kind in (NetworkClassifier, NetworkRegressor):
        checks = estimator_checks_generator(
            kind(**TINY, random_state=seed), expected_failed_checks=EXPECTED, mark="skip"
        )
        for estimator, check in islice(checks, count):
            name = f"{getattr(check, 'func', check).__name__} of {kind.__name__}"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    check(estimator)
                passed += 1
            except Exception as error:  # noqa: BLE001 - whatever a check raises is a failure of it
                if type(error).__name__ != "SkipTest":
                    bad.append(f"BAD {name}: {error!r:.300}")
    print(f"{passed} checks of scikit-learn passed", *bad, sep="\n", flush=True)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
