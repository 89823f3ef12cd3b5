"""Settings of the documentation, and the directives that write tables from the declarations in the code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from recipes import multiclass
from recipes.lessons import LESSONS
from recipes.workflow.defaults import CHOSEN, DEFAULT_NETWORK, HELP, choose, preprocessing, settings
from recipes.workflow.options import all_options
from toolkit import __version__, builders
from toolkit.common.option_names import FOREIGN_NAMES
from toolkit.common.options import Option, options_of
from toolkit.heads import DEFAULT_HEADS, get_head

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

#: The options whose default is chosen by more than their declaration, by place; the help texts of others say how.
CHOSEN_HERE = {
    "preprocessing": ["scaling", "pieces"],
    "model": list(DEFAULT_NETWORK),
    "training": [name for name in CHOSEN if name not in HELP["columns"]],
}

PLACES = {
    "recipe": "The recipe itself",
    "data": "The table and its split",
    "reading": "Reading a file",
    "memory": "Memory",
    "workers": "Several processes",
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


def default_values(place: str, option: Option) -> list[list[str]]:
    """Return the defaults of an option in the default network, and where an option of the builder is named."""
    declared = [] if option.default in (None, ()) else [repr(option.default)]
    if option.name not in CHOSEN_HERE.get(place, ()):
        return [declared, declared]
    values: list[list[str]] = []
    for model in ({}, {"hidden": (25, 15)}):
        given = {"model": model, "training": {}, "preprocessing": {}, "ensemble": {}}
        if place == "preprocessing":
            values.append([repr(preprocessing(given, 10_000, 8)[option.name])])
            continue
        chosen = [choose(get_head(task, head), "default", given, 10_000)[place] for task, head in DEFAULT_HEADS.items()]
        if place == "model" and not model:
            chosen += [chosen[0] | dict(setting.model) for setting in settings("default", given)]
        values.append(list(dict.fromkeys(repr(c[option.name]) for c in chosen if option.name in c)) or declared)
    return values


def option_lines() -> Iterator[str]:
    """Yield the reference of the options in Markdown."""
    for place, options in options_by_place().items():
        yield f"## {PLACES[place]}\n"
        for option in options.values():
            option = replace(option, about=HELP["columns"].get(option.name, option.about))
            values = default_values(place, option)
            plain = " or ".join(f"`{value}`" for value in values[1])
            default = f", default {plain}" if plain else ""
            if values[0] != values[1]:
                network = " or ".join(f"`{value}`" for value in values[0])
                default = f", default {network} in the default network, {plain or 'none'} if you name the network"
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
