"""picolink: a Pico W talks to another Pico W, a Raspberry Pi or a PC, over any link, with one API.

The same on MicroPython and on CPython; what is imported is loaded when it is first used.
"""

__version__ = "0.1.0"

# name -> the module that has it
_WHERE = {
    "Node": "node.node",
    "Reading": "node.items",
    "connect": "node.blocking",
    "connect_all": "node.blocking",
    "aio": "",
}


def __getattr__(name):  # type: ignore[no-untyped-def]
    import sys

    where = _WHERE.get(name, "core.errors")
    path = __name__ + "." + (where or name)
    __import__(path)
    module = sys.modules[path]
    return getattr(module, name) if where else module
