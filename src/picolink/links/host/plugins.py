"""Links in packages of their own, found by the entry point group "picolink.link". Host only.

The name of an entry point is a scheme. Its value is a module that has `open_link`, `open_async` and
`HELP`, as `tcp/host.py` has them. docs/own-link.md shows a whole one. Packages are searched only
where a scheme is none of ours, and none of them can take the place of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.errors import CannotConnect
from ..missing import missing
from ..options import OPTIONS, parsed
from ..registry import SCHEMES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "picolink.link"
_NEEDED = ("open_link", "open_async", "HELP")
_loaded: dict[str, Any] = {}  # scheme -> its module


def found() -> dict[str, list[EntryPoint]]:
    """scheme -> the installed packages that bring it: one, unless two have the same idea."""
    from importlib.metadata import entry_points

    schemes: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        if entry.name not in SCHEMES:
            schemes.setdefault(entry.name, []).append(entry)
    return schemes


def known(scheme: str) -> bool:
    """Whether an installed package brings it."""
    return scheme in _loaded or scheme in found()


def load_plugin(scheme: str) -> Any:
    """The module that opens addresses of `scheme`. BadAddress where no package brings it;
    CannotConnect, with the package's name, where that does not load."""
    if scheme in _loaded:
        return _loaded[scheme]
    schemes = found()
    if scheme not in schemes:
        raise missing(scheme, sorted([*SCHEMES, *schemes]), KeyError(scheme)) from None
    if len(schemes[scheme]) > 1:
        raise CannotConnect(
            f"several packages bring the link {scheme}: {' and '.join(map(_of, schemes[scheme]))}. "
            "Uninstall all but one"
        ) from None
    (entry,) = schemes[scheme]
    try:
        module = entry.load()
    except Exception as error:  # whatever its own code raises
        raise CannotConnect(
            f"the link {scheme} is in the package {_of(entry)}, which does not load "
            f"({type(error).__name__}: {error}): install what it needs, or a version of it that "
            "suits this Python and this picolink"
        ) from error
    lacking = [name for name in _NEEDED if not hasattr(module, name)]
    if not lacking and scheme not in module.HELP:
        lacking = [f"HELP[{scheme!r}]"]
    if lacking:
        raise CannotConnect(
            f"the link {scheme} is in the package {_of(entry)}, and its module {entry.value} has "
            f"no {', '.join(lacking)}: a newer version of the package may have it"
        ) from None
    OPTIONS[scheme] = dict.fromkeys(module.HELP[scheme][2], "")
    _loaded[scheme] = module
    return module


def parts(scheme: str, where: str) -> tuple[str, str, dict[str, str]]:
    """`where?name=value&...` of a scheme that is none of ours, taken apart; whole where no package
    brings it either. BadAddress where it has no such option."""
    if not known(scheme):
        return scheme, where, {}
    load_plugin(scheme)
    where, _, tail = where.partition("?")
    return scheme, where, parsed(scheme, tail)


def _of(entry: EntryPoint) -> str:
    dist = entry.dist
    return f"{dist.name} {dist.version}" if dist is not None else entry.value
