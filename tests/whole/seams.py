"""Where the simulation takes hold of picolink on CPython; nothing else knows its insides.

For each kind of node the whole package is imported once more, under a name of its own, with other
modules in the place of those that know the real time: what other tests import stays as it is. The
blocking driver's copy has a `point()` before each of its statements, where threads change places.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import picolink
from whole import boardloop, boardshim, memory, threads
from whole.hostloop import Loop, drop
from whole.world import Process, World

PACKAGE = Path(picolink.__file__).parent
_BOTH = """core.attach core.dialer core.endpoint core.errors core.failure core.frames core.inbox
core.markers core.outbox core.packets core.partial core.port core.session core.textstream
core.timing core.values links.base links.missing links.registry node.args node.bare node.builtin
node.calls node.clock node.closing node.config node.dialect node.driver node.items node.naming
node.node node.opening node.peer node.publishing node.readings node.running node.streams
node.subscriber node.suggestion node.talk node.topics node.trace node.typed services.bench
services.describe services.log services.stats""".split()
_HOST = ["node.wait_thread", "node.wait_host", "node.aio"]
_THREADS = ["node.wait_thread", "node.wait_host", "node.line", "node.blocking", "links.forgiving"]
_WITH_POINTS = {"wait_thread.py", "line.py", "lead.py", "callbacks.py", "blocking.py"}

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
    more: list[str] = []
    instead: dict[str, Any] = {}  # modules that the copy is to import
    points: frozenset[str] | set[str] = frozenset()

    def __init__(self) -> None:
        ours = dict(builtins.__dict__, print=_say, __import__=self._import)
        finder = _Finder("whole_" + self.name, set(self.points), ours)
        self.modules = import_copy(finder, _BOTH + self.more, self.instead)
        time = _Time("time")
        for module in self.modules:
            for name, value in (("time", time), ("urandom", lambda n: _world.random.bytes(n))):
                if name in module.__dict__ and module.__name__ != __name__:
                    module.__dict__[name] = value
            if "_wall" in module.__dict__:
                module.__dict__["_wall"] = lambda: 1_800_000_000 + _world.clock_ms() / 1000
        served = [m for m in self.modules if ".core." in m.__name__ or ".node." in m.__name__]
        memory.wrap(served, lambda: _world.process)
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
                module.__dict__["load"] = lambda name: scheme if name[:3] == "sim" else real_load(name)

    def _import(self, name: str, *more: Any) -> Any:
        """The `import` of functions in the copy."""
        return self.asyncio if name == "asyncio" else builtins.__import__(name, *more)

    def package(self, path: str) -> Any:
        """A module of the copy."""
        return importlib.import_module(f"whole_{self.name}.{path}")

    def block(self, process: Process, ms: int) -> None:
        """What `time.sleep` does to a program."""
        process.freeze(ms)

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
    more = _HOST

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
    instead = {"asyncio": boardshim, "asyncio.core": boardshim}

    def __init__(self) -> None:
        boardloop.install(boardshim)
        super().__init__()

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
    asyncio = threads.asyncio
    more = _THREADS
    points = _WITH_POINTS

    def __init__(self) -> None:
        super().__init__()
        for module in self.modules:
            for name in ("threading", "queue", "select", "os", "asyncio"):
                if isinstance(module.__dict__.get(name), types.ModuleType):
                    module.__dict__[name] = getattr(threads, name)
        for module in self.modules:
            if "normalise" in module.__dict__:
                module.__dict__["normalise"] = lambda address: address
        # Real handlers of signals are nobody's here: `threads.point` keeps the same rule.
        signals = self.package("node.signals")
        signals.protect = threads.protected.append
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

    def tasks(self, process: Process) -> int:
        """How many threads of a program have not ended."""
        return sum(1 for thread in threads._threads.values() if thread.process is process)

    def bury(self, process: Process) -> None:
        """Lets go of what a program that is gone has left behind."""
        threads.bury()


def import_copy(
    finder: _Finder, paths: Iterable[str], instead: dict[str, Any]
) -> list[types.ModuleType]:
    """Imports the package anew, with the modules `instead` in the place of others; returns its
    modules."""
    name = finder.name
    kept = {path: sys.modules.get(path) for path in instead}
    sys.modules.update(instead)
    sys.meta_path.insert(0, finder)
    try:
        spec = importlib.util.spec_from_file_location(
            name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        if "asyncio" in instead:  # a board's: it has the other driver
            driver = importlib.import_module(name + ".node.wait_board")
            sys.modules[name + ".node.wait_host"] = driver
        for path in paths:
            if (PACKAGE / (path.replace(".", "/") + ".py")).exists():
                importlib.import_module(f"{name}.{path}")
    finally:
        sys.meta_path.remove(finder)
        for path, real in kept.items():
            if real is None:
                del sys.modules[path]
            else:
                sys.modules[path] = real
    return [m for n, m in sys.modules.items() if n.startswith(name + ".") and m is not None]


class _Finder:
    """Finds the modules of a copy: with builtins of ours, and points in some of them."""

    def __init__(self, name: str, points: set[str], ours: dict[str, Any]) -> None:
        self.name = name
        self.points = points
        self.ours = ours

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if not fullname.startswith(self.name + "."):
            return None
        file = PACKAGE.joinpath(*fullname.split(".")[1:])
        if file.is_dir():
            return None
        file = file.with_suffix(".py")
        loader = _Loader(fullname, str(file))
        loader.points = file.name in self.points
        loader.ours = self.ours
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)


class _Loader(SourceFileLoader):
    points = False
    ours: dict[str, Any]

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__["__builtins__"] = self.ours
        if not self.points:
            super().exec_module(module)
            return
        tree = ast.parse(Path(self.path).read_text("utf-8"), self.path)
        tree = ast.fix_missing_locations(_Points().visit(tree))
        module.__dict__["_point_"] = threads.point
        exec(compile(tree, self.path, "exec"), module.__dict__)


class _Points(ast.NodeTransformer):
    """Puts a call of `_point_` before each statement of a function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.body = _pointed(node.body)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list) and block:
                    setattr(node, field, _pointed(block))
        return node


def _pointed(block: list[Any]) -> list[Any]:
    result: list[Any] = []
    for statement in block:
        if not isinstance(statement, ast.Nonlocal | ast.Global | ast.ImportFrom):
            call = ast.Expr(ast.Call(ast.Name("_point_", ast.Load()), [], []))
            result.append(ast.copy_location(call, statement))
        result.append(statement)
    return result


KITS = {"host": HostKit, "board": BoardKit, "threads": ThreadKit}
_kits: dict[str, Kit] = {}


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
