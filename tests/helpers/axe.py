"""axe-core: does a page in the browser harm readers who can't see it, or see little?"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from tests.helpers.browser import Browser

VERSION = "4.14.1"
_SERIOUS = ("serious", "critical")


def axe_source() -> str:
    """Return the script of axe-core, from npm the first time; skip the test where npm can't be reached."""
    folder = Path(platformdirs.user_cache_dir("logitkit-tests"))
    script = folder / f"axe-core-{VERSION}.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("there is no npm to fetch axe-core with")
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", f"axe-core@{VERSION}", "--silent", "--pack-destination", str(folder)]
        try:
            packed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm can't fetch axe-core {VERSION}: {error}")
        archive = folder / packed.stdout.split()[-1]
        with tarfile.open(archive) as files:
            member = files.extractfile("package/axe.min.js")
            assert member is not None
            part = script.with_suffix(".part")  # renamed when whole: several processes may fetch it at once
            part.write_bytes(member.read())
            part.replace(script)
        archive.unlink(missing_ok=True)
    return script.read_text(encoding="utf-8")


def serious(browser: Browser, source: str, rules: str = "") -> list[dict[str, Any]]:
    """Return what axe-core finds serious or critical in the page that a browser shows: rule, help and elements.

    Args:
        browser: A browser that shows the page.
        source: The script of axe-core.
        rules: The rules to check, as a JavaScript list; by default all.
    """
    browser.evaluate(source)
    options = f"resultTypes: ['violations']{rules and f', runOnly: {rules}'}"
    found = browser.answer(f"axe.run(document, {{{options}}}).then(found => found.violations)")
    return [
        {"rule": entry["id"], "help": entry["help"], "where": [node["html"][:200] for node in entry["nodes"][:3]]}
        for entry in found
        if entry["impact"] in _SERIOUS
    ]
