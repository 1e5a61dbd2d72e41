"""Who is told, in each child of a program that forks, that this is one (CPython only)."""

from __future__ import annotations

import os
import weakref
from typing import Any

_holders: weakref.WeakSet[Any] = weakref.WeakSet()


def on_fork(holder: Any) -> None:
    """Has `holder.forked()` called in each child from now on."""
    _holders.add(holder)


def _after() -> None:
    for holder in list(_holders):
        holder.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after)
