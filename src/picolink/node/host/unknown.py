"""Errors for names that the peer does not know, with what may have been meant (CPython only)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core.errors import UnknownCommand
from .suggestion import nearest, suggestion

HINT_S = 2.0  # at most, to ask the node what a mistyped name may have meant


def unknown(name: str, why: str, advice: str = "", kind: str = "") -> UnknownCommand:
    """The error for `name`, of which nothing is there."""
    error = UnknownCommand(why, kind=kind, advice=advice, joint=": ")
    error.command = name
    return error


def not_there(name: str, why: str, known: Iterable[str] | None) -> UnknownCommand:
    """The error for `name`, with what is there: `known`, None where that is not known. It is of
    the kind "mistyped" where another name is so like it that this one was likely meant."""
    if known is None:
        return unknown(name, why, "`picolink describe` lists them")
    names = list(known)
    kind = "mistyped" if nearest(name, names) else ""
    return unknown(name, why, suggestion(name, names), kind)


def no_command(name: str, node_name: str, told: dict[str, Any]) -> UnknownCommand:
    """The error for a command that `node_name` does not have; `told`: how it describes itself, {}
    where it does not."""
    if name in told.get("readings", {}):
        return unknown(
            name, f"{name} is a reading of {node_name}, no command", "use `picolink read`",
            "is_reading",
        )  # fmt: skip
    why = f"{node_name} has no command {name!r}"
    return not_there(name, why, told.get("commands", {}) if told else None)
