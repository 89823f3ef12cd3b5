"""What is written to the error output in a block goes to a file, and nowhere else afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from toolkit.common.error_output import redirected


def test_threads_that_redirect_at_once_leave_the_error_output_as_it_was(tmp_path, capfd):
    inside = threading.Event()

    def first():
        with open(tmp_path / "first", "wb") as file, redirected(file):
            inside.set()
            time.sleep(0.1)
            os.write(2, b"first")

    def second():
        inside.wait()
        with open(tmp_path / "second", "wb") as file, redirected(file):
            os.write(2, b"second")

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
    assert [(tmp_path / name).read_text() for name in ("first", "second")] == ["first", "second"]


def test_a_process_without_an_error_output_is_left_as_it_is(tmp_path, root):
    code = f"""
import os, sys
from toolkit.common.error_output import redirected
os.close(2)
sys.stderr = None
with open({str(tmp_path / "file")!r}, "wb", buffering=0) as file, redirected(file):
    print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
