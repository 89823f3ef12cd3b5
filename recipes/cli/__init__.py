"""The command line: the command ``recipes``."""

from recipes.cli.commands import main

__all__ = ["main"]
