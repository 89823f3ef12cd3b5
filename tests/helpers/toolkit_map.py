"""The table of `toolkit/README.md`, read from the folders themselves. Running this module writes it into the file."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "toolkit" / "README.md"
# From the top floor down, as in the contract of pyproject.toml.
FLOORS = (
    "runs",
    "report",
    "numerics",
    "evaluation",
    "training",
    "metrics",
    "builders",
    "heads",
    "data",
    "losses",
    "distributed",
    "common",
)


def first_line(file: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def table() -> str:
    """Return a Markdown table with one row per folder of the toolkit: what it does, and its modules."""
    lines = ["| where | what it does | modules |", "|---|---|---|"]
    for floor in FLOORS:
        folder = ROOT / "toolkit" / floor
        if not folder.is_dir():
            lines.append(f"| `{floor}.py` | {first_line(folder.with_suffix('.py'))} | |")
            continue
        for package in sorted(folder.rglob("__init__.py")):
            modules = sorted(file.stem for file in package.parent.glob("*.py") if file != package)
            name = package.parent.relative_to(ROOT / "toolkit").as_posix()
            lines.append(f"| `{name}/` | {first_line(package)} | {', '.join(modules)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    above, rest = README.read_text(encoding="utf-8").split("| where |", maxsplit=1)
    README.write_text(f"{above}{table()}\n\n{rest.split(chr(10) * 2, maxsplit=1)[1]}", encoding="utf-8")
