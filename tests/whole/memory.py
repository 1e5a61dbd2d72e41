"""Running out of memory at chosen places: both interpreters.

What makes objects of some size in picolink is wrapped, by its name; a process that the adversary
has chosen finds no memory at its nth call of one of these kinds.
"""

KINDS = ("encode", "decode", "Partial", "pack", "Call", "Outgoing")


def _wrapped(kind, function, current):
    def maybe(*arguments, **named):
        process = current()
        if process is not None and process.no_memory_at is not None:
            fault = process.no_memory_at
            if fault[0] == kind:
                fault[1] -= 1
                if fault[1] <= 0:
                    process.no_memory_at = None
                    process.world.note("no memory", process.name, kind)
                    raise MemoryError("no memory for " + kind)
        return function(*arguments, **named)

    return maybe


def wrap(modules, current):
    """Wraps what the modules import or define under these names; `current()` is the process whose
    turn it is. Classes that others inherit from, and functions of the links, stay as they are."""
    for module in modules:
        for kind in KINDS:
            function = getattr(module, kind, None)
            if function is not None and not (
                kind == "Outgoing" and module.__name__[-7:] == "streams"
            ):
                setattr(module, kind, _wrapped(kind, function, current))
