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


def svg(figure: Figure, *, title: str, description: str) -> str:
    """Return a figure as one `<svg role="img">` element, without script, style sheet or link.

    The colors of `COLORS` become CSS variables (``var(--ink, #20242b)``), so that a page's dark theme reaches the
    picture. Identifiers are made from the picture's content, so that several pictures fit in one page.

    Args:
        figure: The figure.
        title: Its name for a screen reader; any text, it is escaped.
        description: What it shows, in a sentence or two.

    Example:
        >>> from toolkit.report.plots import Line, line_chart
        >>> figure = line_chart([Line([1, 2], [3.0, 2.0], ("network", ()))], name="loss")
        >>> svg(figure, title="Loss", description="Loss by epoch.")[:52]
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0'
    """
    stream, dpi = io.StringIO(), figure.dpi
    with look():  # print_svg, because savefig would draw everything twice
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    # `print_svg` sets 72 and leaves it.
    figure.dpi = dpi
    root = ElementTree.fromstring(stream.getvalue())
    box = root.get("viewBox", "0 0 1 1")
    # ElementTree knows no parents, and nothing may be removed while iterating.
    parents = {child: parent for parent in root.iter() for child in parent}
    for node in list(root.iter()):
        if node.tag in (f"{_SVG}metadata", f"{_SVG}style") or not isinstance(node.tag, str):
            parents[node].remove(node)
    # First each node by itself, then the groups, of which few are left, then what the page needs.
    for node in root.iter():
        _tidy(node)
    _prune(root)
    for group in root.iter("g"):
        _share_style(group)
    root.attrib.clear()
    root.attrib.update({"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, "role": "img"})
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(tag)
        element.text = text
        root.insert(position, element)
    _rename_ids(root)  # last: the new names are made from everything else
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(node: ElementTree.Element) -> None:
    """Take away name space and white space, and shorten the numbers."""
    node.tag = node.tag.removeprefix(_SVG)
    node.text = (node.text or "").strip() or None
    node.tail = None
    if _LINK in node.attrib:
        node.set("href", node.attrib.pop(_LINK))
    if "style" in node.attrib:
        node.set("style", _page_style(node.attrib["style"]))
    for key in {"d", "x", "y", "width", "height", "transform"} & set(node.attrib):
        text = " ".join(node.attrib[key].split())
        # A hundredth of a point can't be seen, and most of the file is numbers.
        node.set(key, _NUMBER.sub(lambda match: f"{round(float(match.group()), 2):g}", text))
    if node.get("transform", "").startswith("rotate(-0 "):
        del node.attrib["transform"]
    if node.tag == "g":
        node.attrib.pop("id", None)


def _page_style(text: str) -> str:
    """Rewrite a style attribute: colors as the page's variables, and the page's font."""
    declarations = []
    for part in text.split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name == "font":  # older matplotlib: "10px 'DejaVu Sans', ..."
            size = re.search(r"[\d.]+px", value)
            name, value = "font-size", size.group() if size else ""
        if value and name != "font-family":
            declarations.append(
                f"{name}:{re.sub(r'#[0-9a-f]{6}', lambda m: _VARIABLES.get(m.group(), m.group()), value)}"
            )
    return ";".join(declarations)


def _prune(node: ElementTree.Element) -> None:
    """Drop empty groups, and replace groups without attributes by their children."""
    children = []
    for child in node:
        _prune(child)
        # "fill:none" is the clear background of figure and axes.
        if (child.tag in ("g", "defs") and not len(child)) or child.get("style") == "fill:none":
            continue
        children.extend(child if child.tag == "g" and not child.attrib else [child])
    node[:] = children


def _share_style(group: ElementTree.Element) -> None:
    """Move the style that all marks of a group have to the group: a thousand points would repeat 40 bytes each."""
    styles = {child.get("style") for child in group}
    if len(group) > 3 and len(styles) == 1 and None not in styles and all(child.tag == "use" for child in group):
        group.set("style", styles.pop() or "")
        for child in group:
            del child.attrib["style"]


def _rename_ids(root: ElementTree.Element) -> None:
    """Give identifiers, and the references to them, names that no other picture of the page has."""
    prefix = "f" + hashlib.sha256(ElementTree.tostring(root)).hexdigest()[:8]
    names: dict[str, str] = {}
    for node in root.iter():
        if "id" in node.attrib:
            node.set("id", names.setdefault(node.attrib["id"], f"{prefix}-{len(names)}"))
    for node in root.iter():
        # A reference to an identifier that is not in the picture stays as it is.
        for key in {"href", "clip-path"} & set(node.attrib):
            node.set(key, re.sub(r"#([\w.-]+)", lambda match: f"#{names.get(*[match.group(1)] * 2)}", node.attrib[key]))
