"""Settings of the documentation, and the directives that write tables from the declarations in the code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from recipes import multiclass
from recipes.lessons import LESSONS
from recipes.workflow.defaults import HELP
from recipes.workflow.options import all_options
from toolkit import __version__, builders
from toolkit.common.option_names import FOREIGN_NAMES
from toolkit.common.options import Option, options_of

project = "logitkit"
author = "The logitkit authors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings write names between single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the text of an argument says what it takes
autodoc_preserve_defaults = True
autodoc_use_legacy_class_based = False
python_maximum_signature_line_length = 240
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = f"logitkit {release}"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = False
html_sidebars = {"**": ["globaltoc.html"]}
# Nothing on a page comes from the network.
html_theme_options = {
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_center": [],
    "footer_end": [],
    "navigation_with_keys": False,
    "show_prev_next": False,
}

PLACES = {
    "recipe": "The recipe itself",
    "data": "The table and its split",
    "reading": "Reading a file",
    "memory": "Memory",
    "preprocessing": "From columns to numbers",
    "target": "The target",
    "head": "The head",
    "weights": "Weights of classes",
    "ensemble": "Which networks",
    "model": "The network of columns (`mlp`)",
    "cnn": "The network of images (`cnn`)",
    "training": "Training",
    "evaluation": "Evaluation",
}


def options_by_place() -> dict[str, dict[str, Option]]:
    """Return every option of a recipe, by the place where it acts, those of images last."""
    places = {"recipe": options_of(multiclass.train), **all_options()}
    cnn = all_options(builders.cnn)["model"]
    places["cnn"] = {name: option for name, option in cnn.items() if name not in places["model"]}
    return dict(sorted(places.items(), key=lambda item: list(PLACES).index(item[0])))  # a place without a title fails


def option_lines() -> Iterator[str]:
    """Yield the reference of the options in Markdown."""
    for place, options in options_by_place().items():
        yield f"## {PLACES[place]}\n"
        for option in options.values():
            option = replace(option, about=HELP["columns"].get(option.name, option.about))
            default = "" if option.default in (None, ()) else f", default `{option.default!r}`"
            yield f"`{option.name}`: `{option.kind}`{default}\n: {option.text}\n"


def table_of(first: str, second: str, rows: Mapping[str, str]) -> list[str]:
    """Return the lines of a table of two columns in Markdown."""
    return [f"| {first} | {second} |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in rows.items())]


#: Directive -> what it writes, in Markdown.
DIRECTIVES: dict[str, Callable[[], Iterable[str]]] = {
    "options": option_lines,
    "other-names": lambda: table_of("here", "elsewhere, or misspelled", FOREIGN_NAMES),
    "lessons": lambda: table_of("lesson", "question", LESSONS),
}


class Written(SphinxDirective):
    """A part of a page that is written from the declarations in the code."""

    def run(self) -> list[nodes.Node]:
        """Return the part."""
        return self.parse_text_to_nodes("\n".join(DIRECTIVES[self.name]()), allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Register the directives."""
    for name in DIRECTIVES:
        app.add_directive(name, Written)
