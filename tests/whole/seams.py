"""Where the simulation takes hold of picolink on CPython; nothing else knows its insides.

For each kind of node the whole package is imported once more, under a name of its own, with other
modules in the place of those that know the real time: what other tests import stays as it is. The
blocking driver's copy has a `point()` before each of its statements, where threads change places.
"""

from __future__ import annotations

import asyncio
import builtins
import gc
import importlib
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import session_events
from whole import boardloop, boardshim, copies, memory, threadlike, threads
from whole.hostloop import Loop, drop
from whole.world import Process, World

_BOARDS = {"loop_board", "wifi"}  # modules that a host lacks
_WITH_POINTS = {"loop_thread.py", "threaded_client.py", "lead.py", "callbacks.py", "blocking.py"}

_world: World


class _Time(types.ModuleType):
    """The `time` of node/clock.py."""

    def monotonic_ns(self) -> int:
        return _world.clock_ms() * 1_000_000

    def monotonic(self) -> float:
        return _world.clock_ms() / 1000


def _say(*what: object, **_: object) -> None:
    """The `print` of a copy."""
    _world.printed.append((_world.process, " ".join(str(part) for part in what)))


class Kit:
    """A copy of the package, and how programs of its kind run."""

    name = ""
    asyncio: Any = asyncio
    async_generators = True
    without = _BOARDS
    instead: dict[str, Any] = {}  # modules that the copy is to import
    points: frozenset[str] | set[str] = frozenset()

    def __init__(self) -> None:
        ours = dict(builtins.__dict__, print=_say, __import__=self._import)
        finder = copies.Finder("whole_" + self.name, self.points, threads.point, ours)
        self.modules = copies.import_copy(finder, self.without, self.instead)
        time = _Time("time")
        for module in self.modules:
            for name, value in (("time", time), ("urandom", lambda n: _world.random.bytes(n))):
                if name in module.__dict__ and module.__name__ != __name__:
                    module.__dict__[name] = value
            if "_wall" in module.__dict__:
                module.__dict__["_wall"] = lambda: 1_800_000_000 + _world.clock_ms() / 1000
        served = [m for m in self.modules if ".core." in m.__name__ or ".node." in m.__name__]
        memory.wrap(served, lambda: _world.process)
        session_events.install(self.package("core.session").Session)
        registry = self.package("links.registry")
        registry.SCHEMES.update({"sim": "sim", "sim-listen": "sim"})
        self.errors = self.package("core.errors")
        self.Node = self.package("node.node").Node
        scheme = types.ModuleType("the virtual wires")
        scheme.open_link = self._open_link  # type: ignore[attr-defined]
        scheme.open_async = self._open_async  # type: ignore[attr-defined]
        real_load = registry.load
        for module in self.modules:
            if module.__dict__.get("load") is real_load:
                module.__dict__["load"] = lambda name: (
                    scheme if name[:3] == "sim" else real_load(name)
                )

    def _import(self, name: str, *more: Any) -> Any:
        """The `import` of functions in the copy."""
        return self.asyncio if name == "asyncio" else builtins.__import__(name, *more)

    def package(self, path: str) -> Any:
        """A module of the copy."""
        return importlib.import_module(f"whole_{self.name}.{path}")

    def block(self, process: Process, ms: int) -> None:
        """What `time.sleep` does to a program."""
        process.freeze(ms)

    def hear(self, process: Process, on_ready: Callable[[], object]) -> None:
        """Has a link of a program tell that it is ready."""
        on_ready()

    def _open(self, scheme: str, where: str) -> Any:
        return _world.wires[where].open(self, scheme == "sim-listen")  # type: ignore[attr-defined]

    def _open_link(self, scheme: str, where: str, options: Any, timeout_s: float = 10) -> Any:
        threads.sleep(0.003)
        return self._open(scheme, where)

    async def _open_async(self, scheme: str, where: str, options: Any) -> Any:
        await self.asyncio.sleep(0.003)
        return self._open(scheme, where)

    def async_stream(self, run: Any, oracle: Any, misbehave: Any, no_value: Any) -> Any:
        """The stream `acount`: `count` as an asynchronous generator, which MicroPython lacks."""

        def acount(token: str, items: int, fails_at: int | None = None, how: str = "") -> Any:
            made = numbers(token, items, fails_at, how)
            run.generators.append(made)
            return made

        async def numbers(token: str, items: int, fails_at: int | None, how: str) -> Any:
            stream = oracle.streams[token]
            stream.began.append(run)
            stream.open.append(run)
            try:
                for i in range(items):
                    if i % 5 == 4:
                        await self.asyncio.sleep(0.005)
                    if i == fails_at:
                        if how[:7] == "return ":
                            yield no_value(how[7:])
                        misbehave(self, how)
                    yield [token, i]
            finally:
                stream.open.remove(run)

        return acount


class HostKit(Kit):
    """Nodes in asyncio programs on hosts."""

    name = "host"

    def start(self, process: Process, main: Callable[[], Any]) -> None:
        """Runs the coroutine that `main` returns as a program."""
        process.loop = Loop(_world, process, process.on_error)  # type: ignore[attr-defined]
        self.spawn(process, main)

    def spawn(self, process: Process, main: Callable[[], Any]) -> Callable[[], object]:
        """Runs a coroutine of a program that runs; returns what cancels it."""
        loop = process.loop  # type: ignore[attr-defined]
        task: list[asyncio.Task[Any]] = []
        given_up = False

        def begin() -> None:
            coroutine = main()
            task.append(loop.create_task(coroutine))
            if given_up:
                task[0].cancel()

        def cancel() -> None:
            nonlocal given_up
            given_up = True
            if task:
                loop.call_soon(task[0].cancel)

        loop.call_soon(begin)
        return cancel

    def tasks(self, process: Process) -> int:
        """How many tasks of a program have not ended."""
        return len(process.loop._tasks)  # type: ignore[attr-defined]

    def bury(self, process: Process) -> None:
        """Lets go of what a program that is gone has left behind."""
        process.loop.close()  # type: ignore[attr-defined]


class BoardKit(Kit):
    """Nodes on boards: the same files with MicroPython's asyncio and its driver."""

    name = "board"
    asyncio = boardshim
    async_generators = False
    without = {"wifi"}
    instead = {"asyncio": boardshim, "asyncio.core": boardshim}

    def __init__(self) -> None:
        boardloop.install(boardshim)
        super().__init__()
        interrupts = self.package("node.interrupts")  # as they are on MicroPython
        interrupts._real_ctrl_c = lambda error: False
        interrupts._cancelled = lambda: False

    def start(self, process: Process, main: Callable[[], Any]) -> None:
        """Runs the coroutine that `main` returns as a program."""
        self.spawn(process, main)

    def spawn(self, process: Process, main: Callable[[], Any]) -> Callable[[], object]:
        """Runs a coroutine of a program that runs; returns what cancels it."""
        before, _world.process = _world.process, process
        task = boardshim.create_task(main())
        _world.process = before

        def cancel() -> None:
            before, _world.process = _world.process, process
            if task.state:
                task.cancel()
            _world.process = before

        return cancel

    def tasks(self, process: Process) -> int:
        """How many tasks of a program have not ended."""
        return sum(1 for task in process.tasks if task.state)

    def bury(self, process: Process) -> None:
        """Lets go of what a program that is gone has left behind."""
        for task in process.tasks:
            if task.state:
                drop(task.coro)


class ThreadKit(Kit):
    """Blocking programs on hosts."""

    name = "threads"
    asyncio = threadlike.asyncio
    points = _WITH_POINTS

    def __init__(self) -> None:
        super().__init__()
        for module in self.modules:
            for name in ("threading", "queue", "select", "os", "asyncio"):
                if isinstance(module.__dict__.get(name), types.ModuleType):
                    module.__dict__[name] = getattr(threadlike, name)
        for module in self.modules:
            if "normalise" in module.__dict__:
                module.__dict__["normalise"] = lambda address: address
        # A program that is killed lets go of nothing.
        del self.package("node.host.loop_thread").Host.__del__
        # Real handlers of signals are nobody's here: `threads.point` keeps the same rule.
        signals = self.package("node.host.signals")
        signals.Lock = threads.RLock
        signals.protect = threads.protect
        signals.release = lambda lock: lock in threads.protected and threads.protected.remove(lock)

    def start(self, process: Process, main: Callable[[], Any]) -> None:
        """Runs the function `main` as a program."""
        threads.Thread(main, "MainThread", process=process).start()

    def spawn(self, process: Process, main: Callable[[], Any]) -> Callable[[], object]:
        """Runs a function in a thread of a program that runs; nobody can cancel it."""
        threads.Thread(main, "user", process=process).start()
        return int

    def block(self, process: Process, ms: int) -> None:
        """What `time.sleep` does to a program."""
        threads.sleep(ms / 1000)

    def hear(self, process: Process, on_ready: Callable[[], object]) -> None:
        """The link tells it in a thread of its own, which may have to wait for locks."""
        threads.Thread(on_ready, "link", process=process).start()

    def tasks(self, process: Process) -> int:
        """How many threads of a program have not ended."""
        return sum(1 for thread in threads._threads.values() if thread.process is process)

    def bury(self, process: Process) -> None:
        """Lets go of what a program that is gone has left behind."""
        threads.bury()


KITS = {"host": HostKit, "board": BoardKit, "threads": ThreadKit}
_kits: dict[str, Kit] = {}


def traceback_of(error: BaseException) -> str:
    """The last places that an exception came through."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return "".join(f" < {Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))


def kit(name: str) -> Any:
    """The kit of a kind of node: "host", "board" or "threads"."""
    if name not in _kits:
        _kits[name] = KITS[name]()
    return _kits[name]


class _BoardTurns:
    """All boards of a world: they share one asyncio, as tasks of one interpreter would."""

    process = None
    queued = False

    def __init__(self, world: World) -> None:
        self.world = world
        self._timer: Any = None

    def turn(self) -> None:
        boardshim.run_ready()
        task = boardshim._task_queue.peek()
        if task is not None:
            if self._timer is not None:
                self._timer.cancel()
            wait_ms = max(0, task.ph_key - self.world.now_ms)
            if wait_ms:
                self._timer = self.world.at(wait_ms, self.world.wake, self)
            else:
                self.world.wake(self)


def begin(world: World, on_error: Any, switches: int) -> None:
    """From here on all kits work in `world`."""
    global _world
    threadlike.begin()
    # What an earlier world left behind would be taken down at some moment of this one, and some of
    # its `finally` runs then: collected between worlds, each is the same history wherever it runs.
    gc.collect()
    gc.disable()
    if gc.get_freeze_count() == 0:  # all that is no world's, and need not be looked at each time
        gc.freeze()
    _world = world
    threads.begin(world, on_error, switches)
    boardloop.world = world
    turns = _BoardTurns(world)
    world.wake_board = lambda: world.wake(turns)  # type: ignore[attr-defined]
    kit("board")
    boardloop.renew()


def end() -> None:
    """The world is over."""
    threads.bury()
    gc.enable()
