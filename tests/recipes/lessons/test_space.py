"""What a layer does to the plane, and the playground that shows a training epoch by epoch."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import space
from recipes.lessons.tools.page import Lesson, write_index
from recipes.lessons.tools.playground import Recording, forward, page
from tests.helpers.browser import CHROMIUM, NO_CHROMIUM
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return space.show()


@pytest.fixture(scope="module")
def own():
    """A table of two columns that matter, one that does not, and a category."""
    x = np.random.default_rng(0).normal(size=(200, 3))
    ring = np.where(np.hypot(x[:, 0], x[:, 2]) < 1.1, "in </script>", "out")
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(color=["red", "blue"] * 100, where=ring)


def only(pattern, content):
    """Return the only match of a pattern."""
    (match,) = re.findall(pattern, content, re.S)
    return match


def recorded(content):
    return json.loads(only(r'<script type="application/json" id="recorded">(.*?)</script>', content))


# The lesson


def test_a_line_classifies_49_percent_of_the_spiral_and_a_hidden_layer_98_or_more(lesson):
    row = lesson.table.loc["spiral"]
    assert round(row["linear"], 2) == 0.49  # the number of the case study, on its points
    assert row["100 hidden"] >= 0.98
    assert row["100 hidden, new points"] > 0.95


def test_straight_lines_are_enough_for_the_two_clouds_only(lesson):
    table = lesson.table
    assert table.loc["gaussians", "linear"] > 0.99
    assert table.loc[["circle", "xor"], "linear"].max() < 0.6
    assert table[["100 hidden", "8 and 2 hidden"]].to_numpy().min() >= 0.98


def test_after_the_last_hidden_layer_straight_lines_are_enough(lesson):
    table = lesson.tables["The plane after each layer"]
    assert table["accuracy of straight lines on the plane"].max() < 0.6
    assert table["accuracy of straight lines after layer 2"].min() > 0.98


def test_the_training_is_recorded_from_start_to_end(lesson):
    table = lesson.tables["While it learns"]
    assert table["epoch"].iloc[[0, -1]].tolist() == [0, 200]
    assert table["loss"].iloc[0] > 0.9 > 0.1 > table["loss"].iloc[-1]
    assert table["accuracy"].iloc[-1] == lesson.table.loc["spiral", "8 and 2 hidden"]


def test_each_neuron_is_listed_with_its_saturation(lesson):
    table = lesson.tables["The output of each hidden neuron"]
    assert len(table) == 10
    assert table.select_dtypes("number").iloc[:, 1:].to_numpy().min() >= 0


def test_the_two_columns_with_the_highest_predictive_power_are_drawn(own, tmp_path):
    lesson = space.show(own, target="where", task="binary", seed=2)
    assert "its columns a and c" in lesson.data or "its columns c and a" in lesson.data
    assert lesson.table.loc["these rows", "100 hidden, new points"] > 0.85
    path = lesson.report(tmp_path / "page.html")
    assert path.stat().st_size < 1_000_000
    playground = (tmp_path / "page-playground.html").read_text()
    assert recorded(playground)[0]["labels"] == ["in </script>", "out"]  # a name can't end the data


def test_the_same_seed_records_the_same_training_and_writes_the_same_page(lesson, tmp_path):
    recording = space.Trainer(0).record(space.generated_plane("xor", 0))
    first = recorded(lesson.extra_pages["playground"])[2]
    assert recorded(page([recording]))[0] == first
    pages = [lesson.report(tmp_path / folder / "space.html").read_bytes() for folder in "ab"]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["a", "color"], "'color' is not one"), (["a"], "two different columns"), (["a", "A"], "Did you mean 'a'")],
)
def test_columns_other_than_two_numbers_are_refused(own, columns, message):
    with pytest.raises(DataError, match=message):
        space.show(own, target="where", columns=columns)


def test_regression_is_refused(own):
    with pytest.raises(DataError, match="multiclass, binary"):
        space.show(own, target="a", task="regression")


# The playground


def test_the_policy_allows_only_the_script_of_the_page_by_its_hash(lesson):
    content = lesson.extra_pages["playground"]
    policy = only(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    script = only(r"<script>(.*?)</script>", content)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", f"script-src 'sha256-{digest}'",
    ]  # fmt: skip
    assert not re.search(r"\son[a-z]+=", content.split("<main")[1].split("<script")[0])
    assert "http" not in script


def test_the_page_of_the_lesson_has_no_script_and_links_to_the_playground(lesson, tmp_path):
    content = lesson.report(tmp_path / "space.html").read_text()
    assert "<script" not in content
    assert "script-src" not in content
    assert 'href="space-playground.html"' in content
    assert (tmp_path / "space-playground.html").read_text() == lesson.extra_pages["playground"]
    assert len(content) < 1_000_000 > (tmp_path / "space-playground.html").stat().st_size


def test_two_reports_in_a_folder_have_a_playground_each(tmp_path):
    for name in ("one", "my lesson"):
        lesson = Lesson("space", "T", "S.", (), extra_pages={"playground": name})
        assert f'href="{name.replace(" ", "%20")}-playground.html"' in lesson.report(tmp_path / name).read_text()
    assert {(tmp_path / f"{name}-playground.html").read_text() for name in ("one", "my lesson")} == {"one", "my lesson"}
    index = write_index([lesson], tmp_path).read_text()
    assert 'href="space-playground.html"' in index


def test_the_recorded_numbers_are_those_of_the_model(lesson):
    """A new network with the recorded weights has the recorded loss and accuracy."""
    from sklearn.metrics import accuracy_score, log_loss

    from toolkit.builders import mlp

    for recording in recorded(lesson.extra_pages["playground"]):
        x, y = np.array(recording["x"], np.float32), np.array(recording["y"])
        model = mlp(2, len(recording["labels"]), hidden=(8, 2), activation="tanh")
        for state in (0, 10, len(recording["epochs"]) - 1):
            model.set_weights([np.array(weight, np.float32) for weight in recording["weights"][state]])
            scores = np.asarray(model(x), np.float64)
            odds = np.exp(scores - scores.max(axis=1, keepdims=True))
            probabilities = odds / odds.sum(axis=1, keepdims=True)
            assert log_loss(y, probabilities) == pytest.approx(recording["losses"][state], abs=1e-5)
            assert accuracy_score(y, scores.argmax(axis=1)) == pytest.approx(recording["right"][state])
            assert forward([np.array(w) for w in recording["weights"][state]], x)[-1] == pytest.approx(scores, abs=1e-4)


def test_recorded_weights_keep_every_digit():
    weights = [np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((2, 3), (3,), (3, 2), (2,))]
    x, y = np.zeros((2, 2), np.float32), np.array([0, 1], np.int32)
    content = page([Recording("p", ["a", "b"], ("x", "y"), x, y, (-1, 1), [0], [weights], [0.5], [0.5])])
    for saved, weight in zip(recorded(content)[0]["weights"][0], weights, strict=True):
        assert (np.array(saved, np.float32) == weight).all()


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_a_browser_shows_the_states_and_computes_the_same(lesson, tmp_path):
    path = lesson.report(tmp_path / "space.html").with_name("space-playground.html")
    for points, state in ((3, 12), (1, 26)):
        recording = recorded(lesson.extra_pages["playground"])[points]
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=5000",
             f"--user-data-dir={tmp_path}/c", "--dump-dom", f"{path.as_uri()}#{points}/{state}"],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        state_text = only(r'<p id="state"[^>]*>([^<]*)</p>', done.stdout)
        right = round(recording["right"][state] * 300)
        assert state_text.startswith(f"After {recording['epochs'][state]} epochs: loss ")
        assert state_text.endswith(f"{right} of 300 points correct")
        assert float(only(r"loss ([\d.]+)", state_text)) == pytest.approx(recording["losses"][state], rel=0.01)


@pytest.mark.parametrize("columns", [3, "ab"])
def test_columns_that_are_not_a_list_are_refused(columns):
    frame = pd.DataFrame({"a": np.arange(80.0), "b": np.arange(80.0)[::-1], "y": np.arange(80) % 2})
    with pytest.raises(DataError, match="expected two columns"):
        space.table_plane(frame, "y", "binary", columns, 0)


def test_training_rows_of_one_class_are_refused():
    x = np.random.default_rng(0).normal(size=(9_000, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.arange(9_000) < 5})
    with pytest.raises(DataError, match="one class only"):
        space.table_plane(frame, "y", "binary", None, 0)
