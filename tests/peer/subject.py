"""The program of the nodes under test. Its last line, `node.run(...)`, is added where it runs."""

import asyncio

from picolink import Node

node = Node("subject")
seen = {"begun": [], "cancelled": [], "finished": []}


@node.command
def echo(*args, **named):
    """Gives back what it got."""
    seen["begun"].append("echo")
    if named:
        return {"args": list(args), "named": named}
    return args[0] if len(args) == 1 else list(args)


@node.command
def what_happened():
    """Which commands began, were cancelled and finished since `forget`."""
    return seen


@node.command
def forget():
    for marks in seen.values():
        marks.clear()


@node.command
async def wait(mark, seconds=30):
    """Waits; can be cancelled."""
    seen["begun"].append(mark)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        seen["cancelled"].append(mark)
        raise
    seen["finished"].append(mark)
    return mark


@node.command
async def stubborn(mark):
    """Takes a cancel for nothing and returns all the same."""
    seen["begun"].append(mark)
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        pass
    return mark


@node.command(blocking_s=2)
def block(mark):
    """Says that it blocks, though it hardly does."""
    seen["begun"].append(mark)
    return mark


@node.command("n: 0..100000")
def sized(n):
    """A text of so many bytes."""
    return "x" * n


@node.command
def no_value():
    """What JSON has not."""
    return object()


@node.command
def infinite():
    return 1e999


class Silent(Exception):
    """Even what it says fails."""

    def __str__(self):
        raise ValueError("no words")


class Busy(Exception):
    """Has the name of an error that says 'not begun'."""


class Cancelled(Exception):
    pass


class Expired(Exception):
    pass


class TooBig(Exception):
    pass


class BadArguments(Exception):
    pass


class UnknownCommand(Exception):
    pass


RAISED = {
    "ValueError": ValueError,
    "CancelledError": asyncio.CancelledError,
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "Silent": Silent,
    "Busy": Busy,
    "Cancelled": Cancelled,
    "Expired": Expired,
    "TooBig": TooBig,
    "BadArguments": BadArguments,
    "UnknownCommand": UnknownCommand,
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "StopAsyncIteration": StopAsyncIteration,
    "MemoryError": MemoryError,
}


@node.command
def fail(name, words="why"):
    seen["begun"].append(name)
    raise RAISED[name](words)


@node.command
async def fail_later(name, words="why"):
    seen["begun"].append(name)
    await asyncio.sleep(0)
    raise RAISED[name](words)


@node.stream
def numbers(n, size=0):
    """0 to n - 1, each with so many bytes beside it."""
    seen["begun"].append("numbers")
    try:
        for i in range(n):
            yield [i, "x" * size] if size else i
    finally:
        seen["finished"].append("numbers")


@node.stream
def breaks(n, name="ValueError"):
    """Raises after n items."""
    for i in range(n):
        yield {"n": i}
    raise RAISED[name]("in the middle")


@node.stream
def blobs(n, size):
    """Items of raw bytes."""
    for i in range(n):
        yield bytes([i % 256]) * size


@node.reading("light", unit="%", every_s=0.05)
def light():
    return 50


@node.reading("nothing", every_s=0.05)
def nothing():
    return float("nan")


@node.command
def publish(topic, first, n, size=0):
    """Publishes n items at once."""
    for i in range(first, first + n):
        node.publish(topic, [i, "x" * size] if size else i)


@node.command
async def ask(name, function, *args, timeout_s=3):
    """Calls a peer that is connected, by its name; tells the outcome."""
    try:
        return await node.peer(name).call(function, *args, timeout_s=timeout_s)
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)
