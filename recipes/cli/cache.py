"""The command ``recipes cache``: text tables that were converted to Parquet."""

from __future__ import annotations

import click

__all__ = ["cache"]


@click.group(invoke_without_command=True)
@click.pass_context
def cache(context: click.Context) -> None:
    """Show the text tables that were converted to Parquet, to be read anew in each epoch of a training."""
    from toolkit.data.memory import readable
    from toolkit.data.streaming.text_cache import cached_tables, folder

    if context.invoked_subcommand is not None:
        return
    tables = cached_tables()
    for table in tables:
        click.echo(f"{readable(table.size):>10}  {table.path}  (from {table.source or 'an unknown file'})")
    total = readable(sum(table.size for table in tables))
    click.echo(f"{len(tables)} {'table' if len(tables) == 1 else 'tables'}, {total}, in {folder()}")


@cache.command()
def clear() -> None:
    """Remove the converted tables; your own files stay."""
    from toolkit.data.memory import readable
    from toolkit.data.streaming.text_cache import clear as remove

    click.echo(f"{readable(remove())} freed.")
