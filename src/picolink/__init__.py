"""picolink: a Pico W talks to another Pico W, a Raspberry Pi or a PC, over any link, with one API.

The same on MicroPython and on CPython; what is imported is loaded when it is first used.
"""

import sys

__version__ = "0.1.0"

# name -> the module that has it; all others are errors
_WHERE = {"Node": "node.node", "Reading": "node.client.reading"}

if sys.implementation.name != "micropython":
    _WHERE["connect"] = _WHERE["Board"] = "node.host.blocking"
    _WHERE["connect_all"] = "node.host.group"

MYPY = False
if MYPY:
    from typing import Any


def load(path: str) -> "Any":
    """The module at `path` below the package: what is loaded by a name known only later."""
    path = __name__ + "." + path
    __import__(path)
    return sys.modules[path]


def __getattr__(name: str) -> "Any":
    if sys.implementation.name != "micropython":
        if name == "aio":
            return load("node.host.aio")
    return getattr(load(_WHERE.get(name, "core.errors")), name)
