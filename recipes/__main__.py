"""``python -m recipes``: the command line."""

from recipes.cli import main

main()
