"""The web application: the answers of the run, and a clear word about everything that is no row of its table."""

from __future__ import annotations

import json
import queue
import re
import threading
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
import pytest

from recipes.samples import path
from recipes.serving import application, serve
from recipes.serving.application import MOST_BYTES
from tests.helpers.cli import run_command
from toolkit.common.errors import DataError

for name in ("fastapi", "uvicorn"):
    pytest.importorskip(name, reason=f"{name} is not installed: the extra [serve] brings it")

JSON, CSV = "application/json", "text/csv"
ROWS = pd.read_csv(path("street_scenes")).head(40)
RECORDS = json.loads(ROWS.to_json(orient="records"))


@pytest.fixture(scope="module", params=[".keras", ".onnx"])
def address(request, runs, tmp_path_factory):
    """The address of a server with a saved and with an exported run."""
    file = tmp_path_factory.mktemp("served") / f"scenes{request.param}"
    if request.param == ".onnx":
        pytest.importorskip("tf2onnx", reason="the extra [export] is not installed")
        runs["multilabel"].export(file)
    else:
        runs["multilabel"].save(file)
    lines: queue.Queue[str] = queue.Queue()
    options = {"port": 0, "announce": lines.put}
    threading.Thread(target=serve, args=(file,), kwargs=options, daemon=True).start()
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", lines.get(timeout=60))
    return address


def _fetch(address, content=None, kind=JSON):
    """Return the status and the body of an answer."""
    headers = {} if content is None else {"content-type": kind}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, content, headers), timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _predict(address, content, kind=JSON):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    status, text = _fetch(f"{address}predict", content, kind)
    return status, json.loads(text)


def test_a_record_a_list_and_a_table_get_the_answers_of_the_run(address, runs):
    run = runs["multilabel"]
    chances, labels = run.predict_proba(ROWS).to_numpy(), run.predict(ROWS)
    answers = [_predict(address, RECORDS), _predict(address, ROWS.to_csv(index=False).encode(), CSV)]
    singles = [_predict(address, record) for record in RECORDS]
    answers.append((200, {"predictions": [a["predictions"][0] for _, a in singles], "notes": singles[0][1]["notes"]}))
    for status, answer in answers:
        assert (status, answer["notes"]) == (200, [])
        table = pd.DataFrame(answer["predictions"])
        assert np.abs(table[[f"probability_{label}" for label in labels]] - chances).to_numpy().max() < 1e-5
        assert table[list(labels)].to_numpy().tolist() == labels.to_numpy().tolist()


def test_a_query_string_is_refused_and_named(address):
    status, text = _fetch(f"{address}predict?threshold=0.3", json.dumps(RECORDS).encode())
    assert (status, json.loads(text)["detail"][0]["loc"]) == (422, ["query", "threshold"])


def test_missing_cells_and_new_levels_are_answered_alike_alone_and_in_a_list(address):
    odd = [dict.fromkeys(RECORDS[0]), RECORDS[1] | {"road": "canal", "temperature": None}, RECORDS[2] | {"hour": 3.5}]
    for record in odd:
        alone, listed = _predict(address, record), _predict(address, [record])
        assert alone == listed
        assert alone[0] == 200


@pytest.mark.parametrize(
    ("content", "field", "reason"),
    [
        ({k: v for k, v in RECORDS[0].items() if k != "hour"}, "hour", "Field required"),
        (RECORDS[0] | {"temperature": "warm"}, "temperature", "valid number"),
        (RECORDS[0] | {"temperature": [1]}, "temperature", "valid number"),
        (RECORDS[0] | {"noise_db": {}}, "noise_db", "valid number"),
        (RECORDS[0] | {"temperature": True}, "temperature", "valid number"),
        (RECORDS[0] | {"temperature": "1.5"}, "temperature", "valid number"),
        (RECORDS[0] | {"road": "0" * 10_001}, "road", "at most 10000 characters"),
        ([RECORDS[0], RECORDS[1] | {"road": {"a": 1}}], "1 road", "valid string"),
        (RECORDS[0] | {"date": "next week"}, "", "column 'date' of the rows: row 1 holds 'next week'"),
        (b'{"hour": NaN}', "", "Field required"),
        (b"{", "", "Invalid JSON"),
        (b"[" * 100_000, "", "recursion limit"),
        (b"\xff", "", "Invalid JSON"),
        ([], "", "at least 1 item"),
        ([RECORDS[0]] * 10_001, "", "at most 10000 items"),
        ([3], "0", "an object"),
    ],
)
def test_bad_input_is_answered_with_the_field_and_the_reason(address, content, field, reason):
    status, answer = _predict(address, content)
    assert status == 422
    places = {" ".join(map(str, problem["loc"][1:])): problem["msg"] for problem in answer["detail"]}
    assert any(place.startswith(field) and reason in message for place, message in places.items()), places


def test_bad_tables_and_too_large_bodies_are_refused(address):
    table = ROWS.drop(columns="district").to_csv(index=False).encode()
    for content, reason in (
        (table, "column 'district' is not in the rows"),
        (b"a,\xff\n1,2\n", "not UTF-8"),
        (b"", "empty"),
    ):
        status, answer = _predict(address, content, CSV)
        assert (status, reason in answer["detail"][0]["msg"]) == (422, True), answer
    status, answer = _predict(address, b" " * (MOST_BYTES + 1))
    assert (status, answer["detail"][0]["msg"]) == (413, "more than 8,388,608 bytes")
    assert _predict(address, b"{}", "text/plain")[0] == 415


def test_the_schema_and_openapi_are_made_from_the_columns(address, runs):
    columns = [column.name for column in runs["multilabel"].preprocessing.columns]
    described = json.loads(_fetch(f"{address}schema")[1])
    assert list(described["record"]["properties"]) == described["record"]["required"] == columns
    assert "clear" in described["record"]["properties"]["weather"]["examples"]
    assert described["answer"]["properties"]["probability_car"] == {"type": "number"}
    assert list(_predict(address, RECORDS[0])[1]["predictions"][0]) == described["answer"]["required"]
    api = json.loads(_fetch(f"{address}openapi.json")[1])
    body = api["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert body[JSON]["schema"]["anyOf"][0] == described["record"]
    assert json.loads(_fetch(f"{address}health")[1])["status"] == "ok"


def test_the_start_page_has_a_field_for_each_column_and_runs_no_text_of_the_table(address, runs):
    from dataclasses import replace

    from toolkit.runs.run import Run

    page = _fetch(address)[1]
    run = runs["multilabel"]
    assert re.findall(r'<input name="(\w+)"', page) == [column.name for column in run.preprocessing.columns]
    assert 'value="clear"' in page
    assert "fetch(" in _fetch(f"{address}form.js")[1]
    hostile = replace(run.preprocessing.columns[1], name='"><script>alert(1)</script>')
    columns = (run.preprocessing.columns[0], hostile, *run.preprocessing.columns[2:])
    preprocessing = replace(run.preprocessing, columns=columns)
    (route,) = (
        route
        for route in application(Run(replace(run.result, preprocessing=preprocessing))).routes
        if getattr(route, "path", "") == "/"
    )
    import asyncio

    response = asyncio.run(route.endpoint())
    assert b"<script>alert" not in response.body
    assert "script-src 'self'" in response.headers["content-security-policy"]


def test_what_cant_be_served_is_an_error_of_one_line(address, runs, image_run, tmp_path, capsys):
    with pytest.raises(DataError, match="takes images"):
        application(image_run)
    file = runs["multilabel"].save(tmp_path / "scenes.keras")
    port = address.rstrip("/").rpartition(":")[2]
    code, _, err = run_command(capsys, "serve", file, "--port", port)
    assert (code, err.count("\n")) == (2, 1)
    assert "in use" in err
