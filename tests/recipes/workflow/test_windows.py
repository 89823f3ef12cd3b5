"""One network on a table in memory whose matrix would be large."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from recipes.workflow.train import prepare, read_options, train_and_evaluate
from toolkit.data.dataset import Dataset
from toolkit.heads import get_head


@dataclass(frozen=True)
class LargeDataset(Dataset):
    """A dataset whose matrix counts as large."""

    def windows(self, largest=0):
        """Return the training rows in windows."""
        return super().windows(largest)


def test_a_network_on_windows_is_evaluated_as_any_other_and_the_settings_say_how_it_was_trained():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"size": random.normal(size=400), "city": random.choice(["Bern", "Oslo"], 400)})
    frame["y"] = np.where(frame["size"] + (frame["city"] == "Oslo") > 0, "yes", "no")
    options = read_options("quick", {"epochs": 3, "hidden": (4,), "progress": False}, images=False)
    dataset, seconds = prepare("binary", frame, "y", None, 0, options)
    large = LargeDataset(**{field.name: getattr(dataset, field.name) for field in fields(Dataset)})
    head, only_metrics = get_head("binary", "logistic"), {"baselines": False, "intervals": False}
    whole, windows = (train_and_evaluate(rows, head, options, 0, seconds, **only_metrics) for rows in (dataset, large))
    assert "in windows of" in windows.settings["training"]["loop"]
    assert windows.seconds["waiting_for_rows"] >= 0
    np.testing.assert_allclose(windows.history["val_loss"], whole.history["val_loss"], rtol=1e-5)
    assert windows.metrics == whole.metrics
