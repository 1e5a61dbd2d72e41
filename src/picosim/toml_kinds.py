"""What the values in a world's file have to be: names of keys -> kinds, and their check."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from picosim.errors import BadWorld


class Kind(NamedTuple):
    """What a value is, in words, and whether one is that."""

    words: str
    fits: Callable[[Any], bool]


Kinds = Mapping[str, Kind]


def _is(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


ANY = Kind("anything", lambda _: True)
TEXT = Kind('a text, "..."', lambda value: _is(value, str))
NUMBER = Kind("a number", lambda value: _is(value, int, float))
WHOLE = Kind("a whole number", lambda value: _is(value, int))
SWITCH = Kind("true or false", lambda value: _is(value, bool))
LIST = Kind("a list, [...]", lambda value: _is(value, list))
TEXTS = Kind(
    'a list of texts, ["..."]',
    lambda value: _is(value, list) and all(_is(one, str) for one in value),
)
NAMED_TEXTS = Kind(
    'a table of texts, { name = "..." }',
    lambda value: _is(value, dict) and all(_is(one, str) for one in value.values()),
)
NAMED_LISTS = Kind(
    "a table of lists, { name = [...] }",
    lambda value: _is(value, dict) and all(_is(one, list) for one in value.values()),
)
_TABLE = Kind("a table", lambda value: _is(value, dict))


def of_fields(faults: type) -> dict[str, Kind]:
    """The fields of a dataclass of numbers and switches (its annotations are text)."""
    kinds = {"bool": SWITCH, "int": WHOLE, "float": NUMBER}
    return {field.name: kinds[str(field.type)] for field in dataclasses.fields(faults)}


def check(path: object, where: str, about: Any, kinds: Kinds) -> None:
    """Whether `about` is a table with keys and values of these kinds; raises BadWorld."""
    if not _TABLE.fits(about):
        raise BadWorld(f"{path}: {where} is {about!r}; it has to be a table, with lines below it")
    for key, value in about.items():
        if key not in kinds:
            raise BadWorld(
                f"{path}: {where} has {key!r}, which means nothing; "
                f"possible are {', '.join(sorted(kinds))}"
            )
        if not kinds[key].fits(value):
            raise BadWorld(f"{path}: {where} {key} = {value!r}: it has to be {kinds[key].words}")


def tables(path: object, data: dict[str, Any], name: str) -> list[Any]:
    """What stands below each [[name]]; raises BadWorld where it is written otherwise."""
    found = data.get(name, [])
    if not isinstance(found, list):
        raise BadWorld(f"{path}: write [[{name}]], in two brackets: there may be several")
    return found


def named(path: object, data: dict[str, Any], name: str) -> dict[str, Any]:
    """What stands below each [name.x]; raises BadWorld where it is written otherwise."""
    found = data.get(name, {})
    if not isinstance(found, dict):
        raise BadWorld(f"{path}: write [{name}.NAME], in one bracket: each has a name")
    return found
