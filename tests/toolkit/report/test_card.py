"""Model cards: they say what the report says, for every task, and no name becomes markup."""

from __future__ import annotations

import copy
import re

import pytest

import toolkit
from toolkit import DataError
from toolkit.evaluation.metric_names import METRICS, interval, metric_value
from toolkit.report.card import render_card


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
def test_it_has_every_metric_with_its_interval_beside_the_baselines(runs, task):
    run = runs[task]
    card = render_card(run.summary(rows=False))
    for name, row in run.table.iterrows():
        cells = [f"{metric_value(name, row['value'])} ({interval(name, row['low'], row['high'])})"]
        for model in ("dummy", "linear", "tree"):
            ends = interval(name, row[f"{model}_low"], row[f"{model}_high"])
            cells.append(f"{metric_value(name, row[model])} ({ends})")
        assert f"| {METRICS[name].label} | {' | '.join(cells)} |\n" in card
    assert f"On {len(run.dataset.parts['test'])} test rows" in card
    assert card.count("**To be written") == 6
    assert re.findall(r"^## (.*)$", card, re.M) == [
        "Model details", "Intended use", "Training data", "Evaluation", "Caveats and recommendations", "How to use it"
    ]  # fmt: skip


def test_a_loaded_run_and_one_on_images_have_one(runs, image_run, tmp_path):
    loaded = toolkit.load(runs["binary"].save(tmp_path / "run.keras"))
    card = loaded.model_card(tmp_path / "loaded.md").read_text("utf-8")
    assert card == runs["binary"].model_card(tmp_path / "run.md").read_text("utf-8")
    assert "pipeline_tag: image-classification" in image_run.model_card(tmp_path / "image.md").read_text("utf-8")


def test_its_example_loads_the_file_that_it_is_about(runs, tmp_path, monkeypatch):
    saved = runs["binary"].save(tmp_path / "the model.keras")
    card = runs["binary"].model_card(tmp_path / "card.md", model=saved).read_text("utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", card, re.M | re.S)[0]
    monkeypatch.chdir(tmp_path)
    dataset = runs["binary"].dataset
    names = {"table": dataset.features.take(dataset.parts["test"]).frame}
    exec(code, names)
    assert (names["run"].predict(names["table"]) == runs["binary"].predict(names["table"])).all()


def test_it_says_on_how_many_rows_slices_were_computed(runs):
    summary = copy.deepcopy(runs["binary"].summary(rows=False))
    slices = summary["importance"]["slices"]
    assert f"all {slices['of']} test rows" in render_card(summary)
    slices["rows"], slices["of"] = 200, 700
    assert "its value on 200 of the 700 test rows, drawn at random" in render_card(summary)


def test_names_are_no_markup(runs):
    summary = copy.deepcopy(runs["multiclass"].summary(rows=False))
    summary["target"], summary["classes"] = ["<script>|a\n# b"], ["*x*", "[y](javascript:z)", "`c`"]
    card = render_card(summary)
    assert r"&lt;script&gt;\|a \# b" in card
    assert r"\*x\*, \[y\](javascript:z), \`c\`" in card


def test_without_test_rows_it_says_so():
    from recipes import multiclass
    from recipes.samples import path

    run = multiclass.train(path("wine"), target="grower", test=0, hidden=(4,), epochs=1, progress=False)
    card = render_card(run.summary(rows=False))
    assert "There are no test rows (test=0)" in card
    assert "| Metric |" not in card


def test_it_is_a_markdown_file(runs, tmp_path):
    with pytest.raises(DataError, match=r"ends in \.md"):
        runs["binary"].model_card(tmp_path / "card.html")
