"""A matplotlib Figure as SVG: small, the same bytes each time, in the page's colors and font."""

from __future__ import annotations

import hashlib
import io
import re
from xml.etree import ElementTree

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from toolkit.report.style import COLORS, look

__all__ = ["svg"]

_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_VARIABLES = {light: f"var(--{name}, {light})" for name, (light, _) in COLORS.items()}


def _style(text: str) -> str:
    """Rewrite a style attribute: theme colors as variables, the page's font, short numbers."""
    kept = []
    for part in text.split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name == "font":  # older matplotlib: "10px 'DejaVu Sans', ..."
            size = re.search(r"[\d.]+px", value)
            name, value = "font-size", size.group() if size else ""
        if not value or name == "font-family":
            continue
        value = re.sub(r"#[0-9a-f]{6}", lambda m: _VARIABLES.get(m.group(), m.group()), value)
        kept.append(f"{name}:{value}")
    return ";".join(kept)


def _shorten(text: str) -> str:
    return _NUMBER.sub(lambda match: f"{round(float(match.group()), 2):g}", text)


def svg(figure: Figure, *, title: str, description: str) -> str:
    """Return a figure as an SVG element for a page: small, the same bytes each time, in the page's colors and font.

    Colors of `COLORS` become CSS variables (``var(--ink, #20242b)``), so that a page's dark theme reaches the
    picture; alone, the file shows the light ones. Identifiers are made from the picture's content, so that several
    pictures fit in one page.

    Args:
        figure: The figure.
        title: Its name, for a reader who can't see it. Any text: it is escaped.
        description: What it shows, in a sentence or two.

    Returns:
        One `<svg role="img">` element with `<title>` and `<desc>`; no script, no style sheet, no link.

    Example:
        >>> from toolkit.report.plots import roc
        >>> text = svg(roc({"network": ([0, 1], [0, 1])}), title="ROC", description="True against false positives.")
        >>> text.startswith("<svg") and "<title" in text
        True
    """
    stream, dpi = io.StringIO(), figure.dpi
    with look():  # not savefig, which draws everything twice
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    figure.dpi = dpi
    root = ElementTree.fromstring(stream.getvalue())
    box = root.get("viewBox", "0 0 1 1")
    parents = {child: parent for parent in root.iter() for child in parent}
    for node in list(root.iter()):
        if node.tag in (f"{_SVG}metadata", f"{_SVG}style") or not isinstance(node.tag, str):
            parents[node].remove(node)
    for node in root.iter():
        node.tag = node.tag.removeprefix(_SVG)
        node.text = (node.text or "").strip() or None
        node.tail = None
        if _LINK in node.attrib:
            node.set("href", node.attrib.pop(_LINK))
        if "style" in node.attrib:
            node.set("style", _style(node.attrib["style"]))
        if "d" in node.attrib:
            node.set("d", _shorten(" ".join(node.attrib["d"].split())))
        for key in ("x", "y", "width", "height", "transform"):
            if key in node.attrib:
                node.set(key, _shorten(node.attrib[key]))
        if node.get("transform", "").startswith("rotate(-0 "):
            del node.attrib["transform"]
        if node.tag == "g":
            node.attrib.pop("id", None)
    _prune(root)
    for group in root.iter("g"):
        _hoist(group)
    root.attrib.clear()
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("viewBox", box)
    root.set("role", "img")
    for position, (tag, words) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag)
        element.text = words
        root.insert(position, element)
    _scope(root)
    return ElementTree.tostring(root, encoding="unicode")


def _hoist(group: ElementTree.Element) -> None:
    """Say a style that all marks of a group share once, on the group: a thousand points cost 40 bytes each."""
    styles = {child.get("style") for child in group}
    if len(group) > 3 and len(styles) == 1 and None not in styles and all(child.tag == "use" for child in group):
        group.set("style", styles.pop() or "")
        for child in group:
            del child.attrib["style"]


def _prune(node: ElementTree.Element) -> None:
    """Drop empty groups, and unwrap those that carry nothing."""
    children = []
    for child in node:
        _prune(child)
        if (child.tag in ("g", "defs") and not len(child)) or child.get("style") == "fill:none":
            continue
        children.extend(child if child.tag == "g" and not child.attrib else [child])
    node[:] = children


def _scope(root: ElementTree.Element) -> None:
    """Give the identifiers that are referred to names that no other picture of the page has."""
    prefix = "f" + hashlib.sha256(ElementTree.tostring(root)).hexdigest()[:8]
    names: dict[str, str] = {}
    for node in root.iter():
        if "id" in node.attrib:
            node.set("id", names.setdefault(node.attrib["id"], f"{prefix}-{len(names)}"))
    for node in root.iter():
        for key, value in node.attrib.items():
            if key in ("href", "clip-path"):
                node.set(
                    key, re.sub(r"#([\w.-]+)", lambda match: f"#{names.get(match.group(1), match.group(1))}", value)
                )
