"""A web application that predicts: bounded in size and time, and only for this computer unless told otherwise."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipes.serving.records import MOST_ROWS, Records
from recipes.serving.start_page import POLICY, SCRIPT, start_page
from toolkit.common.errors import DataError
from toolkit.common.formatting import listing
from toolkit.common.libraries import library
from toolkit.runs.loading import load
from toolkit.runs.predicting import Predicting

__all__ = ["application", "serve"]

MOST_BYTES = 8 * 2**20
_SECONDS = 20.0  # for a request to arrive, and for its rows to be predicted
_AT_ONCE = 64


def serve(
    model: str | Path, *, host: str = "127.0.0.1", port: int = 8000, announce: Callable[[str], Any] = print
) -> None:
    """Serve a saved or an exported run over HTTP until Ctrl-C.

    Args:
        model: The ``.keras`` or the ``.onnx`` file.
        host: The address to listen on. Any other than the default lets other computers in; there is no password.
        port: The port; 0 is any that is free.
        announce: A function that shows a line: the address.

    Raises:
        DataError: The file can't be loaded, it is a run on images, a library is not installed, or the address is taken.
    """
    uvicorn = library("uvicorn", "serve")
    app = application(load(model), name=Path(model).name)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise DataError(
            f"can't listen on {host}, port {port} ({error.strerror or error}): name another port."
        ) from error
    with listening:
        announce(f"Serving {model} on http://{host}:{listening.getsockname()[1]}/ until Ctrl-C.")
        limits: dict[str, Any] = {
            "limit_concurrency": _AT_ONCE,
            "timeout_keep_alive": 5,
            "timeout_graceful_shutdown": 5,
        }
        uvicorn.Server(uvicorn.Config(app, log_level="warning", **limits)).run(sockets=[listening])


def application(run: Predicting, *, name: str = "model") -> Any:
    """Return a FastAPI application with ``/predict``, ``/schema``, ``/health``, OpenAPI and a start page with a form.

    ``/predict`` takes one record or a list of them as JSON, or a table as CSV, and answers ``{"predictions": [...],
    "notes": [...]}``. Input that is no row of the run's table is answered with 422, the field and the reason.

    Args:
        run: What predicts.
        name: What it is called on the start page.

    Raises:
        DataError: The run is one on images, or a library is not installed.
    """
    fastapi, responses = library("fastapi", "serve"), library("starlette.responses", "serve")
    records = Records(run.result)
    about = f"Predicts {listing(run.target.columns)}."
    # FastAPI's own pages of documentation load scripts from other servers.
    app = fastapi.FastAPI(title=name, description=about, docs_url=None, redoc_url=None)
    schema = {"record": records.schema(), "answer": records.answer_schema()}
    facts = {"task": run.task, "target": list(run.target.columns), **schema}
    page = start_page(name, run.target.columns, records)

    @app.get("/", include_in_schema=False)
    async def start() -> Any:
        return responses.HTMLResponse(page, headers={"content-security-policy": POLICY})

    @app.get("/form.js", include_in_schema=False)
    async def form() -> Any:
        return responses.Response(SCRIPT, media_type="text/javascript")

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Return the status "ok": the model is loaded and answers."""
        return {"status": "ok", "model": name}

    @app.get("/schema")
    async def describe() -> dict[str, Any]:
        """Describe what a record and an answer hold, as JSON schemas."""
        return facts

    async def predict(request: Any) -> Any:
        """Predict one record or a list of records; or a table with a line of names, as text/csv."""
        status, content = await _predicted(records, request)
        return responses.JSONResponse(content, status)

    predict.__annotations__["request"] = fastapi.Request  # imported only here
    app.post("/predict", **_described(**schema))(predict)
    return app


def _described(record: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says about predicting, as FastAPI's options of a path."""
    several = {"type": "array", "items": record, "minItems": 1, "maxItems": MOST_ROWS}
    # No JSON schema says which text is a CSV table: the description of the path names it.
    content = {"application/json": {"schema": {"anyOf": [record, several]}}}
    notes = {"type": "array", "items": {"type": "string"}, "description": "Cells that were not understood."}
    answers = {"predictions": {"type": "array", "items": answer}, "notes": notes}
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": content}},
        "responses": {
            200: {"content": {"application/json": {"schema": {"type": "object", "properties": answers}}}},
            408: {"description": f"Not answered within {_SECONDS:g} seconds."},
            413: {"description": f"More than {MOST_BYTES:,} bytes."},
            415: {"description": "Another content type than application/json or text/csv."},
            422: {"description": "A field is missing or of another type; the answer names it."},
        },
    }


async def _predicted(records: Records, request: Any) -> tuple[int, dict[str, Any]]:
    """Return the status and the content of the answer to a request."""
    if request.query_params:
        name = next(iter(request.query_params))
        return 422, _problem(["query", name], "there are no parameters: give the rows in the body", "extra_forbidden")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "text/csv"):
        return 415, _problem([], "expected the content type application/json or text/csv", "content_type")
    pydantic = library("pydantic", "serve")
    try:
        async with asyncio.timeout(_SECONDS):
            content = await _body(request)
            if content is None:
                return 413, _problem(["body"], f"more than {MOST_BYTES:,} bytes", "too_large")
            predictions, notes = await asyncio.to_thread(_answer, records, kind, content)
    except TimeoutError:
        return 408, _problem([], f"not answered within {_SECONDS:g} seconds", "timeout")
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        return 422, {"detail": [{**entry, "loc": ["body", *entry["loc"]]} for entry in problems[:20]]}
    except DataError as error:
        return 422, _problem(["body"], str(error), "data")
    return 200, {"predictions": predictions, "notes": notes}


def _answer(records: Records, kind: str, content: bytes) -> tuple[list[dict[str, Any]], list[str]]:
    x, notes = records.from_csv(content) if kind == "text/csv" else records.from_json(content)
    return records.answers(x), notes


async def _body(request: Any) -> bytes | None:
    """Return the body of a request; None where it is too large, of which no more than that is read."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BYTES:
            return None
    return bytes(content)


def _problem(location: list[str], message: str, kind: str) -> dict[str, Any]:
    return {"detail": [{"loc": location, "msg": message, "type": kind}]}
