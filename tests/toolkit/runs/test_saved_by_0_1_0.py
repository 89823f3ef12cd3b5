"""Files saved by 0.1.0: they load and predict what that release did."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import toolkit
from recipes.samples import path
from toolkit.report import render

FOLDER = Path(__file__).parents[2] / "saved_by_0_1_0"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
# The files were saved with Keras 3.15, whose initializers have arguments that earlier versions don't know.
needs_keras = pytest.mark.skipif(
    tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 15), reason="the files need Keras 3.15"
)
TABLES = {"regression": "diabetes", "binary": "breast_cancer", "multiclass": "wine", "multilabel": "street_scenes"}


@needs_keras
@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_of_0_1_0_loads_and_predicts_the_same(name: str) -> None:
    run = toolkit.load(FOLDER / f"{name}.keras")
    rows = load_digits(n_class=4).images[:200] if name == "images" else path(TABLES[name])
    expected = dict(EXPECTED[name])
    assert run.settings["members"] == (3 if name == "multilabel" else 1)
    assert run.metrics == expected.pop("metrics")
    score = expected.pop("threshold")
    if score:  # the score from which on that release called a row positive: now its probability is shown
        assert run.result.score_threshold == score
        assert run.threshold == run.result.probabilities(np.array([[score]]))[0]
    else:
        assert run.threshold is None
    if name != "regression":
        np.testing.assert_array_equal(run.predict(rows)[:40], expected.pop("predict"))
    for verb, values in expected.items():  # the verbs that return floats
        np.testing.assert_allclose(getattr(run, verb)(rows)[:40], values, rtol=1e-6, atol=1e-6)


@needs_keras
def test_the_notes_of_a_file_of_0_1_0_are_put_together_from_its_summary() -> None:
    run = toolkit.load(FOLDER / "multiclass.keras")
    data = run.summary()["data"]
    assert run.notes == data["notes"]
    assert all(
        any(entry["column"] in note and entry["reason"] in note for note in run.notes) for entry in data["set_aside"]
    )
    assert "<h3>Notes</h3>" in render(run.summary()) or run.notes == []


def test_every_file_of_0_1_0_is_checked() -> None:
    assert {file.stem for file in FOLDER.glob("*.keras")} == set(EXPECTED)
