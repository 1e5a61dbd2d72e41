"""picolink: a Pico W talks to another Pico W, a Raspberry Pi or a PC, over any link, with one API.

The same on MicroPython and on CPython; what is imported is loaded when it is first used.
"""

__version__ = "0.1.0"

# name -> the module that has it
_WHERE = {
    "Node": "node.node",
    "Reading": "node.items",
    "connect": "node.blocking",
    "connect_all": "node.many",
    "Board": "node.blocking",
}


MYPY = False
if MYPY:
    from typing import Any


def _load(path: str) -> "Any":
    import sys

    path = __name__ + "." + path
    __import__(path)
    return sys.modules[path]


def __getattr__(name: str) -> "Any":
    if name == "aio":
        return _load("node.aio")
    value = getattr(_load(_WHERE.get(name, "core.errors")), name)
    if name == "Node":
        value.find_service = staticmethod(lambda service: _load("services." + service))
    return value
