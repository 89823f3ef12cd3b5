"""Take the picture of a report that the README shows: `python docs/report_picture.py`, with Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers.browser import browser  # noqa: E402

SIZE = (1040, 1115)  # the top of the page


def main() -> None:
    """Write docs/_static/report.png from reports/sample.html."""
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        picture = Path(folder) / "page.png"
        chromium.visit(ROOT / "reports" / "sample.html", width=SIZE[0], picture=picture)
        with Image.open(picture) as page:
            top = page.convert("RGB").crop((0, 0, *SIZE)).quantize(32)
        top.save(ROOT / "docs" / "_static" / "report.png", optimize=True)


if __name__ == "__main__":
    main()
