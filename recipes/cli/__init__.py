"""The command line: the command ``recipes``."""

from recipes.cli.program import main

__all__ = ["main"]
