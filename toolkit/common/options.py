"""Options: each is declared once, where it acts, with its type, its default and its help text.

An option is a keyword-only parameter of a function, a parameter with a help text, or a field of a dataclass::

    epochs: Annotated[int | None, "Passes over the training rows."] = None

Further words after the help text name the only tasks or kinds of data that the option is for.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from toolkit.common.errors import DataError
from toolkit.common.option_names import suggestion

__all__ = ["Option", "documented", "options_of", "refuse_unknown"]

Declaration = TypeVar("Declaration", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """One option of a function or a dataclass.

    Attributes:
        name: Its name.
        kind: Its type, as written.
        default: Its default.
        about: Its help text.
        only: The tasks or kinds of data that it is for; empty for all.
    """

    name: str
    kind: str
    default: Any
    about: str = ""
    only: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The help text, with the tasks or kinds of data that the option is for."""
        return f"{self.about} Only for {' and '.join(self.only)}." if self.only else self.about


def options_of(declaration: Callable[..., Any], leave_out: Collection[str] = ()) -> dict[str, Option]:
    """Return the options of a function or a dataclass: its keyword-only parameters, and others with a help text.

    Args:
        declaration: The function or the dataclass.
        leave_out: Names to leave out.

    Example:
        >>> def draw(rows: int, *, width: Annotated[float, "Width of a line, in points."] = 1.0) -> None: ...
        >>> options_of(draw)
        {'width': Option(name='width', kind='float', default=1.0, about='Width of a line, in points.', only=())}
    """
    options = getattr(declaration, "__options__", None) or _read(declaration)
    return {name: option for name, option in options.items() if name not in leave_out}


def documented(declaration: Declaration, elsewhere: Mapping[str, Option] | None = None) -> Declaration:
    """Move the help texts of the options from the signature to the docstring, where ``help()`` shows them.

    Args:
        declaration: A function, or a dataclass with keyword-only fields.
        elsewhere: Options that are declared elsewhere, by name: for those of the declaration that have no text.

    Returns:
        The same function or class.

    Example:
        >>> @documented
        ... def draw(*, width: Annotated[float, "Width of a line, in points."] = 1.0) -> None:
        ...     '''Draw.'''
        >>> print(draw.__doc__)
        Draw.
        <BLANKLINE>
        Args:
            width: Width of a line, in points.
    """
    is_class = inspect.isclass(declaration)
    docstring = inspect.getdoc(declaration) or ""
    section = "\n\nArgs:\n" if not is_class or "\n\nArgs:\n" in docstring else "\n\nAttributes:\n"
    before, _, after = docstring.partition(section)
    written, gap, rest = after.partition("\n\n")
    options = _read(declaration)
    for name, option in (elsewhere or {}).items():
        if name in options and not options[name].about:
            options[name] = replace(options[name], about=option.about, only=option.only)
    texts = [
        textwrap.fill(f"{option.name}: {option.text}", 100, initial_indent="    ", subsequent_indent="        ")
        for option in options.values()
        if option.about
    ]
    declaration.__doc__ = before + section + "\n".join([written, *texts] if written else texts) + gap + rest
    annotations = (declaration.__init__ if is_class else declaration).__annotations__  # type: ignore[misc]
    annotations.update({option.name: option.kind for option in options.values()})
    declaration.__options__ = options  # type: ignore[attr-defined]
    return declaration


def refuse_unknown(names: Iterable[str], declared: Collection[str], arguments: Collection[str] = ()) -> None:
    """Refuse options that nobody declares.

    Args:
        names: Names of the options that were given.
        declared: Names of the options that are declared.
        arguments: Names of the function's own arguments, which may have been meant.

    Raises:
        DataError: A name is not known; the message says what it is called here, or which name is nearest.

    Example:
        >>> refuse_unknown(["max_iter"], ["epochs", "seed"])
        Traceback (most recent call last):
        toolkit.DataError: option 'max_iter' is not known. Use 'epochs'.
    """
    for name in names:
        if name not in declared:
            known = sorted({*declared, *arguments})
            hint = suggestion(name, known) or f" Known: {', '.join(known)}."
            raise DataError(f"option '{name}' is not known.{hint}")


def _read(declaration: Callable[..., Any]) -> dict[str, Option]:
    named_types = vars(sys.modules[declaration.__module__])
    options = {}
    for name, parameter in inspect.signature(declaration).parameters.items():
        kind, about, *only = _kind_and_texts(named_types.get(parameter.annotation, parameter.annotation))
        if about or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            options[name] = Option(name, kind, parameter.default, about, tuple(only))
    return options


def _kind_and_texts(annotation: Any) -> tuple[str, ...]:
    """Return a parameter's type as text, its help text, and what it is only for."""
    # Annotations are text in our modules. Only the literals in them are read, so that no type needs to be imported.
    if isinstance(annotation, str) and annotation.startswith("Annotated["):
        kind, *texts = ast.parse(annotation, mode="eval").body.slice.elts  # type: ignore[attr-defined]
        return ast.unparse(kind), *map(ast.literal_eval, texts)
    if not isinstance(annotation, str) and hasattr(annotation, "__metadata__"):  # a type declared for several options
        origin = annotation.__origin__  # a type in quotes is not imported
        return getattr(origin, "__forward_arg__", None) or inspect.formatannotation(origin), *annotation.__metadata__
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation), ""
