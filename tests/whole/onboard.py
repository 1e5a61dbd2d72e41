"""Where the simulation takes hold of picolink on MicroPython: what seams.py is on CPython.

Here all boards of a world share the one asyncio of the interpreter, which is asked for nothing but
its tasks: time passes where it would poll.
"""

import asyncio
import builtins
import io
import sys

from whole import boardloop, memory
from whole import world as worlds

from picolink.node import clock

_WRAPPED = (
    "core.endpoint", "core.partial", "core.session", "node.client.calls", "node.publishing",
    "node.streams", "node.talk", "node.outgoing",
)  # fmt: skip
_world = None


class World(worlds.World):
    """A world in which asyncio runs the programs, and is told the time."""

    turns = 0
    ending = None

    def run(self, until_ms, done=None):
        """Lets time pass until `until_ms`."""
        self.process = self.director
        self.ending = asyncio.Event()
        end = self.at(until_ms - self.now_ms, self.ending.set)
        task = asyncio.create_task(self.ending.wait())
        while task.state and not self.given_up:
            try:
                asyncio.core.run_until_complete(task)
            except BaseException as error:
                process = self.process
                if process is None:  # not of a program
                    raise error
                process.on_error("the event loop ended", error)
                process.kill()
        end.cancel()
        self.process = None

    def wake_board(self):
        """Tasks are ready: nobody has to be told."""

    def pause(self, wait_ms):
        """asyncio has nothing to do for so long."""
        if wait_ms == 0:
            self.turns += 1
            if self.turns > worlds.MOST_TURNS:
                self.on_spin(None)
                self.given_up = True
                self.ending.set()
            return
        self.turns = 0
        self.process = asyncio.core.cur_task = None
        next_ms = self.next_ms()
        if wait_ms > 0:
            at_ms = self.now_ms + wait_ms
            self.now_ms = at_ms if next_ms is None or at_ms < next_ms else next_ms
            self.happen()
            return
        while asyncio.core._task_queue.peek() is None:  # as a poll that waits for anything
            self.now_ms = self.next_ms()
            self.happen()


class BoardKit:
    """The package itself, and how programs run on a board."""

    name = "board"
    async_generators = False

    def __init__(self):
        self.asyncio = asyncio
        boardloop.install(asyncio.core)
        clock.now_ms = lambda: _world.clock_ms()
        from picolink.core import errors
        from picolink.links import registry
        from picolink.node import node, running
        from picolink.node.client import subscription

        registry.load = lambda scheme: self
        running.unload = lambda *_: None
        node.urandom = lambda n: _world.random.bytes(n)
        subscription._wall = lambda: 1_800_000_000
        memory.wrap([self.package(path) for path in _WRAPPED], lambda: _world.process)
        self.errors = errors
        self.Node = node.Node

    def package(self, path):
        """A module of the package."""
        name = "picolink." + path
        module = __import__(name)
        for part in name.split(".")[1:]:
            module = getattr(module, part)
        return module

    async def open_async(self, scheme, where, options):
        """What the registry wants of a link's module."""
        if scheme[:3] != "sim":  # a board that is told of no links tries its USB
            raise self.errors.CannotConnect("there is no %s: here" % scheme)
        await asyncio.sleep(0.003)
        return _world.wires[where].open(self, scheme == "sim-listen")

    def block(self, process, ms):
        """What `time.sleep` does to a program."""
        process.freeze(ms)

    def hear(self, process, on_ready):
        """Has a link of a program tell that it is ready."""
        on_ready()

    def start(self, process, main):
        """Runs the coroutine that `main` returns as a program."""
        self.spawn(process, main)

    def spawn(self, process, main):
        """Runs a coroutine of a program that runs; returns what cancels it."""
        before = _world.process
        _world.process = process
        task = asyncio.create_task(main())
        _world.process = before

        def cancel():
            if task.state:
                task.cancel()

        return cancel

    def tasks(self, process):
        """How many tasks of a program have not ended."""
        return len([task for task in process.tasks if task.state])

    def bury(self, process):
        """Nothing is left: the next world begins with empty queues."""


KITS = {"board": BoardKit}
_kit = None
_print = print


def traceback_of(error):
    """The places that an exception came through."""
    text = io.StringIO()
    sys.print_exception(error, text)
    lines = [line for line in text.getvalue().split("\n") if line[:7] == "  File "]
    lines.reverse()
    return "".join([" <" + line[7:] for line in lines[:4]])


def kit(name):
    """The kit of the only kind of node that there is here."""
    global _kit
    if _kit is None:
        _kit = BoardKit()
    return _kit


def _say(*what, **_):
    _world.printed.append((_world.process, " ".join([str(part) for part in what])))


def begin(world, on_error, switches):
    """From here on everything is in `world`."""
    global _world
    _world = boardloop.world = world
    kit("board")
    boardloop.renew()
    world.director = worlds.Process(world, "the director")
    world.process = None
    builtins.print = _say

    def handler(loop, context):
        owner = context["future"].owner
        if not owner.dead:
            owner.on_error(context["message"], context["exception"])

    asyncio.get_event_loop().set_exception_handler(handler)


def end():
    """The world is over."""
    builtins.print = _print
