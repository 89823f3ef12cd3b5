"""``python -m recipes.notebooks``: make every notebook from its script."""

from recipes.notebooks import write

if __name__ == "__main__":
    print(*write(), sep="\n")
