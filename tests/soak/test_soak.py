"""A small part of the attacks that `make soak` makes.

Too few trainings say nothing of the memory that they keep; `tests/recipes/test_estimators.py` runs some of the checks.
A worker is killed in `tests/recipes/workflow/test_workers.py`.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import keras
import pytest

from tests.helpers.browser import CHROMIUM, NO_CHROMIUM, browser
from tests.soak.__main__ import PARTS

# Part -> how many attacks, and what its counts say.
SMALL = {
    "canaries": (3, ["3 canaries", "changed more than test figures 0, changed no test figure 0"]),
    "files": (20, ["20 damaged or hostile files", "code run 0, not a DataError 0, file not named 0", "over 1 GiB 0"]),
    "kills": (4, ["4 kills", "half-written 0, lost 0, leftovers after the next write 0, failed 0"]),
    "resume": (1, ["1 of 1 resumed trainings", "half 0, lost 0, leftovers 0, failed 0"]),
    "frames": (10, ["10 frames to train on", "10 changed frames to predict", "answers", "errors, 0 crashes"]),
    "pages": (3, ["3 pages with hostile names", "harm 0, wider than a telephone 0"]),
    "pictures": (40, ["40 damaged or hostile pictures", "harm 0"]),
}
#: Parts that train or draw without forking or measuring memory: they need no process of their own.
IN_THIS_PROCESS = ("canaries", "frames", "pages")


@pytest.mark.parametrize("part", SMALL)
def test_attacks_do_no_harm(part, root, capsys):
    if part in ("files", "kills") and tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15):
        pytest.skip("the files of 0.1.0 need Keras 3.15")
    if part == "pages" and CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    count, counts = SMALL[part]
    status, printed = _attack(part, count, root, capsys)
    assert status == 0, printed
    assert not [line for line in counts if line not in printed], printed


def _attack(part, count, root, capsys):
    """Return the exit status of a part, and what it printed."""
    if part in IN_THIS_PROCESS:
        return importlib.import_module(f"tests.soak.{part}").main(5, count), capsys.readouterr().out
    command = [sys.executable, "-m", f"tests.soak.{part}", "5", str(count)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    return done.returncode, done.stdout + done.stderr[-2_000:]


def test_the_other_parts_have_no_small_part_here():
    assert set(PARTS) - set(SMALL) == {"workers", "memory", "estimators"}


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_the_browser_notices_whatever_a_page_does(tmp_path):
    page = """<!doctype html>{}<body>shown<script>document.title = 1</script><img src=//evil.test onerror=alert(1)>
        <iframe srcdoc="<script>parent.x = 1</script><img src=http://evil.test>"></iframe>
        <iframe srcdoc="<script>location = 'data:,here'</script>"></iframe>
        <a href="javascript:0"><svg onload="location.hash = 'a page may'">"""
    policy = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'">"""
    (tmp_path / "open.html").write_text(page.format(""))
    (tmp_path / "closed.html").write_text(page.format(policy))
    with browser() as chromium:
        visit = chromium.visit(tmp_path / "open.html")
        closed = chromium.visit(tmp_path / "closed.html")
    assert len(visit.scripts) == 5
    assert sorted(visit.requests) == ["file://evil.test/", "http://evil.test/"]
    assert (visit.dialogs, set(visit.navigations)) == (["1"], {"data:,here"})
    assert "shown" in visit.text
    assert "javascript:0" in visit.links
    assert (closed.scripts, closed.dialogs, closed.navigations) == ([], [], [])
    assert len(closed.violations) >= 5
