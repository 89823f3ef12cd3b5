"""The model and what each contender costs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.comparisons import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_the_model_is_counted_as_keras_counts_it(task, results, summaries):
    model = summaries[task]["model"]
    assert model["parameters"] == results[task].model.count_params()
    dense = [layer for layer in model["layers"] if layer["type"] == "Dense"]
    assert [layer["neurons"] for layer in dense] == [16, results[task].target.units]
    assert dense[0]["counted"] == f"{model['inputs']} × 16 weights + 16 biases"
    if results[task].target.units == 1:
        assert dense[1]["counted"] == "16 × 1 weights + 1 bias"
    assert model["inputs"] == len(results[task].preprocessing.names)


@pytest.mark.parametrize("task", TASKS)
def test_the_cost_of_each_contender_is_the_mean_of_its_trials(task, comparisons, compared):
    one = comparisons[task]
    for label, entry in zip(one.labels, compared[task]["contenders"], strict=True):
        trials = [one.trials[label, seed] for seed in one.seeds]
        assert entry["seconds"] == {"value": 2.0, "low": 1.5, "high": 2.5}
        assert entry["best_epoch"]["value"] == 5.5
        assert entry["epochs"]["value"] == np.mean([len(trial.history) for trial in trials])
        assert entry["parameters"] == trials[0].parameters
    assert {entry["networks"] for entry in compared["multilabel"]["contenders"]} == {1, 3}
