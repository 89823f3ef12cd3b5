"""Kill one of two workers that train together: `python -m tests.soak.workers [seed] [count]`.

Started again, the training must end with the weights and the history of the same training that nobody killed.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.killed_workers import call_of, digest, kill_one, write_table
from toolkit.common.errors import DataError

_LONGEST_WAIT = 0.6  # seconds from an epoch that was saved to the kill


def main(seed: int = 0, count: int = 20) -> int:
    """Kill workers, start the trainings again, print what came of it, and return 1 if one ended otherwise."""
    from recipes.workflow.distributed import train_locally

    start, dice, same, kills, bad = time.perf_counter(), random.Random(seed), 0, 0, []
    with tempfile.TemporaryDirectory() as name:
        table = write_table(Path(name))
        expected = digest(train_locally(call_of(table), 2))
        for number in range(count):
            folder = Path(name) / str(number)
            call, victim = call_of(table, resume=str(folder)), dice.randrange(2)
            try:
                kill_one(call, folder, victim, dice.uniform(0, _LONGEST_WAIT))
            except DataError as error:
                kills += 1
                if not str(error).startswith(f"worker {victim} of 2 was ended by SIGKILL"):
                    bad.append(f"message {number}: {error}")
            found = digest(train_locally(call, 2))
            same += found == expected
            print(f"{same} of {number + 1} the same, {kills} kills", file=sys.stderr, flush=True)
            if found != expected:
                bad.append(f"weights {number}: {found} and not {expected}")
    seconds = time.perf_counter() - start
    print(f"{same} of {count} trainings with the weights of an unkilled one, {kills} kills, in {seconds:.0f} s")
    for text in bad:
        print("BAD", text)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
