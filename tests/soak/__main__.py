"""Run the attacks, each in a process of its own: `python -m tests.soak [PART ...]` prints their counts and a table."""

from __future__ import annotations

import os
import subprocess
import sys
import time

#: Each is a module here with `main(seed, count) -> exit status`, which `python -m tests.soak.PART [seed] [count]`
#: runs. It prints its counts in lines that begin with a number, and "BAD ..." for each attack that did harm.
PARTS = ("files", "kills", "resume", "pictures", "frames", "pages", "canaries", "workers", "memory", "estimators")


def main(parts: list[str]) -> int:
    """Run parts, all by default, and return 1 if an attack did harm."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows, status = [], 0
    for part in parts or PARTS:
        start = time.perf_counter()
        command = [sys.executable, "-m", f"tests.soak.{part}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
            lines = []
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(line.rstrip())
        counts = [line for line in lines if line[:1].isdigit()] or ["no counts"]
        status |= process.returncode != 0
        minutes = (time.perf_counter() - start) / 60
        rows.append(f"| {part} | {'BAD' if process.returncode else 'good'} | {minutes:.1f} | {' '.join(counts)} |")
    print("\n| attack | outcome | minutes | counts |\n|---|---|---|---|", *rows, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
