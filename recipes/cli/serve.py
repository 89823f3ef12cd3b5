"""The command ``recipes serve``."""

from __future__ import annotations

import click

from recipes.cli.parameters import PATH

__all__ = ["serve"]


@click.command()
@click.argument("model", type=PATH)
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 is any free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Any other lets other computers in; there is no password.",
)
def serve(model: str, port: int, host: str) -> None:
    """Answer requests over HTTP with a saved MODEL (.keras) or an exported one (.onnx), until Ctrl-C.

    POST one record or a list of records as JSON, or a table as CSV, to /predict; /schema and /openapi.json describe the
    fields, /health says that the model answers, and / is a page with a form.
    """
    from recipes.serving import serve as serve_run

    serve_run(model, host=host, port=port, announce=click.echo)
