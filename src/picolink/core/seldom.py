"""Methods that a node needs seldom: on a board they wait in files of their own.

What is marked `@starting` runs while a node is set up and attached, `@seldom` when something goes
wrong, or perhaps never. Packed for a board (packing/apart.py), such methods are taken out of their
classes, which find them by `fetch` when they are called; unpacked, the marks change nothing.
"""

import gc
import sys

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Method = TypeVar("Method", bound=Callable[..., Any])


_DEPTH = 4  # in calls
# To call when something of `seldom` was wanted, which stays until it is let go.
on_loaded: "list[Callable[[], object]]" = []
fetched = [False]  # whether anything was, since it was set back


def starting(method: "Method") -> "Method":
    """Marks a method (or a class of which no object stays) that is used while a node starts or
    attaches, and hardly later. `__init__` may be one; other names with two underscores can't."""
    return method


def seldom(method: "Method") -> "Method":
    """Marks a method (or class) that few programs use, or only when something goes wrong."""
    return method


def _found(self: "Any", name: str) -> "Any":
    owner = type(self).__name__ + "_"
    modules = sys.modules
    first, second = "picolink.starting", "picolink.seldom"
    if second in modules:
        first, second = second, first
    new = first not in modules
    if new:  # what stays of what is made now lies low, and no piece that is free is cut in two
        gc.collect()
    methods = getattr(__import__(first, None, None, (name,)), owner, None)
    function = getattr(methods, name, None)
    if function is None:
        if new:  # `starting`, in vain: there is no memory to keep it
            del modules[first]
            delattr(modules["picolink"], "starting")
        methods = getattr(__import__(second, None, None, (name,)), owner, None)
        function = getattr(methods, name)
        if on_loaded:
            on_loaded[0]()
    fetched[0] = True
    return function


def fetch(self: "Any", name: str) -> "Any":
    """The `__getattr__` of classes of which methods were taken out: finds the method `name`."""
    function = _found(self, name)

    def method(*args: "Any", **named: "Any") -> "Any":
        nonlocal function
        run, function = function or _found(self, name), None
        try:
            return run(self, *args, **named)
        finally:
            run = None
            wipe(_DEPTH)

    return method


def wipe(depth: int) -> None:
    """Writes over what calls have left on the stack below here. A board's collector takes that for
    references, and what is called next may keep it there for ever, in gaps of its own frames: a
    function, and with it its module. So what is fetched leaves nothing, here or in its frame."""
    if depth:
        wipe(depth - 1)


def fetch_init(self: "Any", *args: "Any", **named: "Any") -> None:
    """The `__init__` of classes of which it was taken out."""
    fetch(self, "__init__")(*args, **named)
