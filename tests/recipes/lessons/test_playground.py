"""The playground: its mathematics against Keras, its data and links under Node, its page in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipes import cli
from recipes.lessons import playground
from tests.helpers.browser import CHROMIUM, NO_CHROMIUM, browser
from tests.helpers.node import NO_NODE, NODE
from toolkit.common.errors import DataError

CHECKS = Path(__file__).with_name("playground_checks.js")
needs_node = pytest.mark.skipif(NODE is None, reason=NO_NODE)


def node(expression: str, given: Any = None) -> Any:
    """Return the value of an expression in the page's script; it may read `given`."""
    code = [playground.source(name) for name in playground.SCRIPTS[:5]]
    code += [CHECKS.read_text(), 'const given = JSON.parse(require("fs").readFileSync(0));']
    code += [f"process.stdout.write(JSON.stringify({expression}));"]
    done = subprocess.run(
        [str(NODE), "-e", "\n".join(code)], input=json.dumps(given), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Mathematics


@needs_node
def test_losses_and_gradients_after_1_and_100_steps_are_those_of_keras_in_float64():
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.playground_states"], capture_output=True, text=True, check=True
    )
    states = json.loads(done.stdout)
    assert len(states) == 20
    for state, results in zip(states, node("given.map(replay)", states), strict=True):
        for expected, found in zip(state["checks"], results, strict=True):
            assert found["loss"] == pytest.approx(expected["loss"], rel=1e-9)
            for ours, theirs in zip(found["gradients"], expected["gradients"], strict=True):
                largest = np.abs(theirs).max(initial=1e-12)
                assert np.abs(np.subtract(ours, theirs)).max() <= 1e-9 * largest, state["head"]


@needs_node
def test_losses_of_the_lecture_and_of_all_scores_0():
    scores = [[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]
    losses = node(
        "['hinge', 'squared_hinge', 'softmax'].map((h) => given.map((s, y) => LOSSES[h](s, 0, 3, y, []))) ", scores
    )
    assert losses[0] == pytest.approx([2.9, 0, 12.9])
    assert losses[1] == pytest.approx([8.41, 0, 83.25])
    assert losses[2] == pytest.approx([2.0404, 0.0791, 6.1565], abs=5e-5)
    zero = node("['hinge', 'softmax'].map((h) => LOSSES[h]([0, 0, 0, 0, 0], 0, 5, 2, []))")
    assert zero == pytest.approx([4, np.log(5)])


@needs_node
def test_parameters_are_counted_as_in_the_lecture():
    counts = node("[[[[4, 'tanh']], 2], [[[4, 'tanh'], [4, 'tanh']], 1]].map(([h, u]) =>"
                  " parameterCount(makeNetwork(3, h, u, 'he', generator(0))))")  # fmt: skip
    assert counts == [26, 41]


@needs_node
def test_going_back_and_forward_again_gives_the_same_network():
    weights = node(
        "(() => { const t = startTraining({ ...DEFAULTS, dropout: 0.3, optimizer: 'adam', second: 'hinge' },"
        " generate(DEFAULTS)); const go = () => { for (let i = 0; i < 37; i++) advance(t); record(t);"
        " return t.networks.map((n) => [...n.layers[0].kernel]); };"
        " go(); remember(t); const first = go(); goBack(t); return [first, go(), t.curve.steps]; })()"
    )
    assert weights[0] == weights[1]
    assert weights[2] == [0, 37, 74]


@needs_node
def test_a_picture_takes_less_than_10_milliseconds():
    assert node("pictureTime()") < 10


# Data


@needs_node
def test_a_table_is_read_with_quotes_separators_and_gaps_and_every_row_left_out_is_counted():
    text = 'a;"b ""x""";kind\n' + "".join(f"{i},5;{i % 7};{'pq'[i % 2]}\r\n" for i in range(20)) + ";1;p\nx;1;q\n"
    result = node(
        "(() => { const t = parseTable(given); const p = tablePoints(t, { ...DEFAULTS, a: 0, b: 1, target: 2 });"
        " return { header: t.header, numbers: numberColumns(t), points: p,"
        " ready: prepare(p, { ...DEFAULTS, test: 0 }) }; })()",
        text,
    )
    assert result["header"] == ["a", 'b "x"', "kind"]
    assert result["numbers"] == [0, 1]
    assert result["points"]["labels"] == ["p", "q"]
    assert result["points"]["places"][3] == [3.5, 3]
    assert result["points"]["notes"] == ["2 of 22 rows are left out: a cell is empty or not a number."]
    scaled = np.array(result["ready"]["places"])
    assert scaled.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert scaled.std(axis=0) == pytest.approx([1, 1])


@needs_node
def test_of_twelve_classes_the_ten_most_frequent_are_kept():
    text = "a,b,y\n" + "".join(f"{i},{i * i % 11},{min(i % 12, i % 13)}\n" for i in range(240))
    counts = pd.read_csv(pd.io.common.StringIO(text))["y"].value_counts()
    points = node("tablePoints(parseTable(given), { ...DEFAULTS, a: 0, b: 1, target: 2 })", text)
    assert len(points["labels"]) == 10
    assert len(points["y"]) == counts.iloc[:10].sum()
    assert "12 different values" in points["notes"][0]


@needs_node
def test_every_generated_shape_fills_its_classes():
    shapes = node(
        "Object.keys(CLASS_SHAPES).flatMap((data) => [2, 5].map((classes) => generate({ ...DEFAULTS, data, classes })))"
    )
    for shape in shapes:
        counts = np.bincount(shape["y"], minlength=len(shape["labels"]))
        assert counts.min() >= 50
        assert np.abs(shape["places"]).max() <= 6


# Links


@needs_node
def test_a_link_reopens_its_state():
    state = node("DEFAULTS") | {
        "data": "drawn", "points": [[1.5, -2, 0], [0.25, 3, 1]], "layers": [[3, "maxout"], [16, "elu"]],
        "second": "hinge", "features": ["y", "xy"], "rate": 0.003, "steps": 400, "maxNorm": 2,
    }  # fmt: skip
    assert node("decodeState(encodeState(given))", state) == {"state": state, "notes": []}


@needs_node
def test_a_link_of_the_other_playground_is_understood():
    link = (
        "#activation=relu&regularization=L2&batchSize=7&dataset=spiral&regDataset=reg-plane&learningRate=0.1"
        "&regularizationRate=0.01&noise=20&networkShape=5,3&seed=0.00483&showTestData=false&discretize=false"
        "&percTrainData=70&x=true&y=false&xTimesY=true&xSquared=false&cosX=true&problem=classification&initZero=false"
    )
    decoded = node("decodeState(given)", link)
    expected = {
        "data": "spiral", "classes": 2, "layers": [[5, "relu"], [3, "relu"]], "batch": 7, "rate": 0.1, "l2": 0.005,
        "l1": 0, "noise": 0.2, "features": ["x", "xy"], "head": "squared_sigmoid", "seed": 483,
    }  # fmt: skip
    assert {key: decoded["state"][key] for key in expected} == expected
    assert decoded["state"]["test"] == pytest.approx(0.3)
    assert "nearest head: squared error on a sigmoid" in decoded["notes"][0]
    assert any("cosine" in note for note in decoded["notes"])


@needs_node
def test_a_wrong_link_opens_what_it_can_and_says_what_it_left_out():
    decoded = node("decodeState('#data=xor&rate=fast&layers=99:tanh&__proto__=1&noise=7&head=squared')")
    assert (decoded["state"]["data"], decoded["state"]["noise"], decoded["state"]["head"]) == ("xor", 0.5, "softmax")
    assert len(decoded["notes"]) == 4


@needs_node
def test_the_settings_of_every_exercise_are_understood():
    states = [exercise.state for exercise in playground.EXERCISES]
    assert len(states) == 12
    assert node("given.flatMap((link) => decodeState(link).notes)", states) == []


@needs_node
def test_what_the_answers_of_the_exercises_say_happens():
    (line, _, linear, bent, zeros, large, deep, svm, sigmoid, l1, noisy, outliers) = (
        exercise.state for exercise in playground.EXERCISES
    )
    links = {
        "line": (line, 1000),
        "xor": (line.replace("line", "xor"), 1000),
        "linear": (linear, 1000),
        "tanh": (linear.replace("linear", "tanh"), 1050),  # 50 epochs of 21 steps
        "tanh, few epochs": (linear.replace("linear", "tanh"), 105),
        "bent": (bent, 1000),
        "zeros": (zeros, 1000),
        "glorot": (zeros.replace("zeros", "glorot"), 1000),
        "rate 1": (large, 1000),
        "rate 0.03": (large.replace("rate=1", "rate=0.03"), 1000),
        "rate 0.0001": (large.replace("rate=1", "rate=0.0001"), 1000),
        "sigmoid": (deep, 1000),
        "adam": (f"{deep}&optimizer=adam&rate=0.01", 1000),
        "relu": (deep.replace("sigmoid", "relu"), 1000),
        "svm": (svm, 1000),
        "squared": (sigmoid, 1000),
        "L1": (l1, 3000),
        "L2": (l1.replace("l1=0.03", "l2=0.01"), 3000),
        "noisy": (noisy, 1000),
        "noisy, L2": (f"{noisy}&l2=0.01", 1000),
        "outliers": (outliers, 1000),
    }
    results = dict(zip(links, node("given.map(outcome)", list(links.values())), strict=True))
    error = {name: heads[0]["train"]["error"] for name, heads in results.items()}
    assert error["line"] < 0.03 < 0.4 < error["xor"] < 0.6
    assert error["tanh"] < 0.02 < 0.3 < min(error["linear"], error["tanh, few epochs"])
    assert error["bent"] == 0
    assert not np.any(results["zeros"][0]["weights"])
    assert error["glorot"] < 0.1 < 0.4 < error["zeros"]
    assert error["rate 0.03"] < 0.01 < 0.2 < min(error["rate 1"], error["rate 0.0001"])
    assert error["relu"] < 0.02 < error["adam"] < 0.35 < 0.4 < error["sigmoid"]
    assert abs(error["svm"] - results["svm"][1]["train"]["error"]) < 0.02
    assert 2 * error["squared"] < results["squared"][1]["train"]["error"]
    others = {name: np.abs(results[name][0]["weights"][2:7]).max() for name in ("L1", "L2")}
    assert others["L1"] < 0.08 < 0.15 < others["L2"]
    gap = {
        name: results[name][0]["test"]["loss"] - results[name][0]["train"]["loss"] for name in ("noisy", "noisy, L2")
    }
    assert error["noisy"] < 0.05
    assert 2 * gap["noisy, L2"] < gap["noisy"]
    squared, absolute = (
        head["weights"][-1] for head in results["outliers"]
    )  # the biases: every twelfth value is 5 higher
    assert squared > 0.3 > 0.05 > abs(absolute)


@needs_node
def test_the_loss_falls_as_steadily_as_the_exercise_on_rates_says():
    large = playground.EXERCISES[5].state
    jumps, rises = {}, {}
    for rate in (1, 0.3, 0.1, 0.03, 0.0001):
        losses = np.array(
            node(
                "(() => { const { state } = decodeState(given), t = startTraining(state, generate(state));"
                " for (let i = 0; i < 1050; i++) { advance(t); if (i % 21 === 20) { t.gap = 1; record(t); } }"
                " return t.curve.lines[0].train; })()",
                large.replace("rate=1", f"rate={rate}"),
            )
        )
        factors = losses[1:] / losses[:-1]
        jumps[rate], rises[rate] = factors.max(), int((factors > 1).sum())
    assert min(jumps[1], jumps[0.3]) > 2
    assert 1 < jumps[0.1] < 1.3
    assert rises[0.03] <= 1
    assert rises[0.0001] <= 1


# The page

DROP = """(() => {
  const file = new File([%s], "own.csv"), carried = new DataTransfer();
  carried.items.add(file);
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, cancelable: true }));
})()"""


def only(pattern: str, content: str) -> str:
    """Return the only match of a pattern."""
    (match,) = re.findall(pattern, content, re.S)
    return match


@pytest.fixture(scope="module")
def own() -> pd.DataFrame:
    """A table with hostile names, a column called target, and a category."""
    x = np.random.default_rng(0).normal(size=(90, 3))
    frame = pd.DataFrame(x, columns=["a", "</script><b>", "target"]).assign(color=["red", "blue"] * 45)
    return frame.assign(kind=np.where(x[:, 0] + x[:, 1] > 0, "in </script>", "out " + "x" * 300))


def test_the_policy_allows_only_the_script_of_the_page_by_its_hash(tmp_path):
    content = playground.show().report(tmp_path / "page").read_text()
    policy = only(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    script = only(r"<script>(.*?)</script>", content)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", f"script-src 'sha256-{digest}'",
    ]  # fmt: skip
    assert not re.search(r"\son[a-z]+=", content.split("<main")[1].split("<script")[0])
    assert "http" not in script
    assert len(content) < 150_000


def test_the_command_opens_the_page_with_two_columns_of_a_table(own, tmp_path, capsys):
    own.to_csv(tmp_path / "own.csv", index=False)
    arguments = ["playground", tmp_path / "own.csv", "--target", "kind", "--columns", "a,target", "--reports", tmp_path]
    cli.main(["lessons", *map(str, arguments)])
    content = (tmp_path / "playground.html").read_text()
    note = "own.csv, 90 rows; columns a and target, target kind."
    assert capsys.readouterr() == (f"{tmp_path / 'playground.html'}\nData: {note}\n", "")
    assert f"The page opens with {note}" in content
    embedded = json.loads(only(r'<script type="application/json" id="embedded">(.*?)</script>', content))
    assert embedded["header"] == ["a", "target", "kind"]
    assert len(embedded["rows"]) == 90
    assert [float(cell) for cell in embedded["rows"][0][:2]] == [own["a"][0], own["target"][0]]
    assert embedded["state"]["data"] == "table"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "kind", "columns": ["a", "color"]}, "'color' is not one"),
        ({"target": ["kind", "color"], "task": "multilabel"}, "this lesson is for multiclass, binary, regression"),
        ({"target": ["a", "target"], "task": "regression"}, "this lesson takes one target"),
    ],
)
def test_other_columns_and_tasks_are_refused(own, options, message):
    with pytest.raises(DataError, match=message):
        playground.show(own, **options)


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_a_browser_learns_reopens_links_and_shows_a_hostile_table(own, tmp_path):
    path = playground.show().report(tmp_path / "page.html")
    own_path = playground.show(own, target="kind", columns=["a", "</script><b>"]).report(tmp_path / "own.html")
    with browser() as chromium:
        for width, dark in ((1280, False), (390, True)):
            visit = chromium.visit(path, width=width, dark=dark)
            assert (visit.violations, visit.requests, visit.overflow) == ([], [], 0)
        numbers = "document.getElementById('numbers').innerText"
        start = chromium.evaluate(numbers)
        chromium.evaluate("for (let i = 0; i < 3; i++) document.getElementById('step').click()")
        assert chromium.evaluate("location.hash") == "#data=circle&steps=3"
        after = chromium.evaluate(numbers)
        chromium.evaluate("location.hash = '#data=xor&second=hinge&steps=1500&layers=4:tanh'")
        chromium.settle()
        assert chromium.evaluate("document.querySelectorAll('.over').length") == 2
        chromium.evaluate("location.hash = '#data=circle&steps=3'")
        chromium.settle()
        assert start.startswith("Step 0")
        axes = "document.getElementById('axes').innerText"
        assert chromium.evaluate(axes) == "Across: x, from −6 to 6. Up: y, from −6 to 6."
        chromium.evaluate("location.hash = '#data=line&layers=none&head=logistic'")
        chromium.settle()
        assert chromium.evaluate("document.getElementById('count').innerText") == "1 neuron, 3 parameters"
        chromium.evaluate("location.hash = '#data=circle&steps=3'")
        chromium.settle()
        assert chromium.evaluate(numbers) == after != start
        assert chromium.errors() == []
        # What a reader drops on the page and draws
        chromium.evaluate(DROP % json.dumps(own.to_csv(index=False)))
        chromium.settle()
        assert chromium.evaluate("location.hash") == "#data=table&columns=0,1,4"
        assert "own.csv: 90 rows and 5 columns" in chromium.evaluate("document.getElementById('message').innerText")
        assert chromium.errors() == []
        visit = chromium.visit(own_path, width=390)
        assert (visit.dialogs, visit.requests, visit.navigations, visit.overflow) == ([], [], [], 0)
        assert "standardized" in chromium.evaluate("document.getElementById('message').innerText")
        ends = only(r"Up: </script><b>, from (\S+) to (\S+)\.", chromium.evaluate(axes))
        low, high = (float(end.replace("−", "-")) for end in ends)
        assert low < own["</script><b>"].quantile(0.05) < own["</script><b>"].quantile(0.95) < high
        assert "in </script>" in chromium.evaluate("document.getElementById('keys').innerText")
        assert chromium.errors() == []
