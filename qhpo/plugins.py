"""What installed packages add to qhpo: problems, solvers and commands, read from entry points."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from qhpo.errors import QhpoError

__all__ = ["Plugins", "missing_packages"]

PluginT = TypeVar("PluginT")


class Plugins(Generic[PluginT]):
    """The entry points of one group, by name; each is imported when it is used.

    Args:
        group: The entry-point group, such as ``"qhpo.problems"``.
        noun: What one of them is called, such as ``"problem"``.
        kind: The type that all of them must have.
        error: What is raised where a name is wrong.
    """

    def __init__(
        self, group: str, noun: str, kind: type[PluginT], error: type[QhpoError] = QhpoError
    ) -> None:
        self._group = group
        self._noun = noun
        self._kind = kind
        self._error = error

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._points()))

    def package(self, name: str) -> str:
        """The installed package that brings a name."""
        point = self._points()[name]
        return point.module.partition(".")[0] if point.dist is None else point.dist.name

    def summary(self, name: str) -> str:
        """What the function that is registered under a name says of itself first, as one line.

        It is read from the source, so that nothing is imported for it; empty if it is not there.
        """
        point = self._points()[name]
        return _documented(point.module, point.attr)

    def load(self, name: str) -> PluginT:
        """What is registered under a name.

        Raises:
            QhpoError: If nothing is, it cannot be imported, or it is of another type.
        """
        point = self._points().get(name)
        if point is None:
            near = get_close_matches(name, self.names(), n=1)
            raise self._error(
                f"a {self._noun} must be one of: {', '.join(self.names()) or 'none'}; got "
                f"{name!r}; {f'did you mean {near[0]!r}?' if near else f'see `qhpo {self._noun}s`'}"
            )
        try:
            plugin = point.load()
        # The package's own code runs, and may raise anything, even ask for the program's end.
        except (Exception, SystemExit) as error:
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            raise self._error(
                f"the {self._noun} {name} of the package {self.package(name)} cannot be loaded: "
                f"{cause}; update or uninstall that package"
            ) from error
        if not isinstance(plugin, self._kind):
            raise self._error(
                f"an entry point of the group {self._group} must be a {self._kind.__module__}."
                f"{self._kind.__qualname__}; {name} of the package {self.package(name)} is "
                f"a {type(plugin).__name__}; update or uninstall that package"
            )
        return plugin

    def load_all(self) -> dict[str, PluginT | QhpoError]:
        """Every name, sorted, with what is registered, or the error that says what is wrong."""
        found: dict[str, PluginT | QhpoError] = {}
        for name in self.names():
            try:
                found[name] = self.load(name)
            except QhpoError as error:
                found[name] = error
        return found

    def _points(self) -> dict[str, EntryPoint]:
        return _read(self._group, tuple(sys.path))


def missing_packages(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some import names that cannot be imported here."""
    return tuple(name for name in names if not _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of a name with dots, the package before the last one
        return False
    except ValueError:  # it is loaded, and has put something without a spec in its own place
        return True


@cache
def _documented(module: str, attribute: str) -> str:
    """The first sentences of a function's docstring; empty where there is no such source."""
    try:
        tree = ast.parse(_source(module))
    # Finders and loaders of other packages run, and a source may be of another Python.
    except Exception:
        return ""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == attribute:
            return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return ""


def _source(module: str) -> str:
    """The source of a module, found without importing the packages that it lies in."""
    head, *rest = module.split(".")
    name, spec = head, importlib.util.find_spec(head)
    for part in rest:
        name = f"{name}.{part}"
        places = spec.submodule_search_locations if spec is not None else None
        spec = PathFinder.find_spec(name, places) if places is not None else None
    loader = spec.loader if spec is not None else None
    return (loader.get_source(name) if isinstance(loader, InspectLoader) else None) or ""


@cache
def _read(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Entry points of the packages on a search path; of two with one name that found first."""
    return {point.name: point for point in reversed(tuple(entry_points(group=group)))}
