"""The tests' frame: a second, MicroPython, collection of files; coroutine tests; `setup()`."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from micropython_runner import TESTS, MicroPythonFile, constants, imports_both

try:
    import session_events

    from picolink.core.session import Session
except ImportError:  # picosim's tests, where there is no picolink
    session_events = None


def pytest_configure(config: pytest.Config) -> None:
    """Lets Ctrl-C reach the programs that tests start, also where the tests run in the background
    of a shell, which has it ignored; keeps the virtual boards of two runs apart."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("PYTHONUNBUFFERED", None)  # programs print as they do at users'
    announced = tempfile.TemporaryDirectory(prefix="picolink-tests-")
    config.add_cleanup(announced.cleanup)
    os.environ["PICOLINK_SIM_DIR"] = announced.name
    os.environ["PICOLINK_DISCOVER"] = ""  # no test asks the real network
    if session_events is not None:
        session_events.install(Session)


def pytest_report_header() -> str:
    """What it takes to run the same tests again."""
    return (
        f"picolink: PICOLINK_SEED={os.environ.get('PICOLINK_SEED') or 1} "
        f"PICOLINK_SOAK={os.environ.get('PICOLINK_SOAK') or 0}"
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> MicroPythonFile | None:
    """Adds the MicroPython half of a file; pytest itself adds the CPython half."""
    if file_path.suffix != ".py" or not file_path.name.startswith("test_"):
        return None
    if not file_path.is_relative_to(TESTS):
        return None
    tree = ast.parse(file_path.read_text("utf-8"))
    if "CPYTHON_ONLY" in constants(tree):
        return None
    if file_path.is_relative_to(TESTS / "core") or imports_both(tree):
        return MicroPythonFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an ``async def test_*`` in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _known_events() -> Iterator[None]:
    """Fails a test in which a session was told an event that no state has."""
    yield
    if session_events is None:
        return
    unknown, session_events.unknown[:] = list(session_events.unknown), []
    assert unknown == [], "core/states.py or ignored_events.py has to name it"


@pytest.fixture(autouse=True)
def _module_setup(request: pytest.FixtureRequest) -> Iterator[None]:
    """Calls the module's ``setup()`` and ``teardown()`` around each test, as MicroPython does."""
    for name in ("setup", "teardown"):
        function = getattr(request.module, name, None)
        if inspect.isfunction(function) and not inspect.signature(function).parameters:
            if name == "teardown":
                request.addfinalizer(function)
            else:
                function()
    yield
