"""What a command takes: the small language of its decorator, checked before it is called.

`"on|off|toggle"` is a choice, `"0..100 %"` a range with a unit, `"int"`, `"float"`, `"str"`,
`"bool"`, `"bytes"`, `"list"`, `"dict"` a type, `""` anything.
"""

from ..core.errors import BadArguments, UsageError

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_SHOWN = 60  # characters

_TYPES = {
    "int": int,
    "float": (int, float),
    "str": str,
    "bool": bool,
    "bytes": (bytes, bytearray, memoryview),
    "list": list,
    "dict": dict,
}


def specs(ordered: tuple[str, ...], named: dict[str, str]) -> list[tuple[str, str]]:
    """The arguments that a decorator declares, in order: (name, what it takes).

    Several are given as `"name: what"` in order, since MicroPython forgets the order of keywords.
    """
    if len(named) + bool(ordered) > 1:
        raise UsageError(
            "several arguments are declared in order: "
            + ", ".join('"%s: %s"' % item for item in named.items())
        )
    result = []
    for text in ordered:
        name, _, what = text.partition(":")
        result.append((name.strip(), what.strip()))
    result.extend(named.items())
    return result


def _check(name: str, what: str, value: "Any") -> None:
    if not what:
        return
    if "|" in what:
        good = value in what.split("|")
    elif ".." in what:
        low, high = what.split(" ")[0].split("..")
        good = (
            isinstance(value, (int, float))
            and (not low or value >= float(low))
            and (not high or value <= float(high))
        )
    else:
        kind = _TYPES.get(what)
        good = kind is None or isinstance(value, kind)  # type: ignore[arg-type]
    if not good:
        raise BadArguments("%s=%s: it takes %s" % (name, _shown(value), what))


def _shown(value: "Any") -> str:
    """`value` as a message shows it: of a long one the beginning, since a board may have no memory
    for more."""
    if isinstance(value, (str, bytes, list)):
        value = value[:_SHOWN]
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def checker(
    declared: list[tuple[str, str]],
) -> "Callable[[list[Any], dict[str, Any]], None]":
    """A function that raises BadArguments where the arguments of a call are not `declared`."""
    takes = dict(declared)

    def check(args: "list[Any]", named: "dict[str, Any]") -> None:
        if len(args) > len(declared):
            raise BadArguments("%d arguments; it takes %s" % (len(args), _usage(declared)))
        for (name, what), value in zip(declared, args):
            _check(name, what, value)
        if not isinstance(named, dict):
            raise BadArguments("its named arguments are no map")
        for name, value in named.items():
            if name not in takes:
                raise BadArguments("no argument %r; it takes %s" % (name, _usage(declared)))
            _check(name, takes[name], value)

    return check


def _usage(declared: list[tuple[str, str]]) -> str:
    return ", ".join(name for name, _ in declared) or "none"


def check_int(name: str, value: "Any", low: int, high: int) -> None:
    """Raises BadArguments where the argument of a service is no integer from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        text = _shown(value)
        raise BadArguments("%s=%s: it takes an integer from %d to %d" % (name, text, low, high))
