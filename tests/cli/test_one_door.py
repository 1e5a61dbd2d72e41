"""`picolink`, `python -m picolink` and `python -m picolink.cli` are one door: they say the same,
and end with the same code."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from picolink.cli.main import INTERRUPTED, NO_LINK, USAGE

SCRIPT = Path(sys.executable).parent / "picolink"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
#: What an installed `picolink` runs, should this environment have none.
AS_SCRIPT = "import sys; sys.argv[0] = 'picolink'; from {0} import {1}; sys.exit({1}())"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "90"}


def entry() -> str:
    """Where pyproject.toml says that the command is."""
    value: str = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["scripts"]["picolink"]
    return value


def doors() -> dict[str, list[str]]:
    code = AS_SCRIPT.format(*entry().split(":"))
    script = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-c", code]
    return {
        "picolink": script,
        "python -m picolink": [sys.executable, "-m", "picolink"],
        "python -m picolink.cli": [sys.executable, "-m", "picolink.cli"],
    }


def ends(arguments: list[str]) -> list[tuple[int, str, str]]:
    """How a command ends at each door."""
    running = [
        subprocess.Popen(
            [*door, *arguments], env=ENVIRONMENT, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for door in doors().values()
    ]  # fmt: skip
    result = []
    for process in running:
        out, err = process.communicate(timeout=60)
        result.append((process.returncode, out, err))
    return result


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], USAGE, "usage: picolink "),
        (["--help"], 0, "usage: picolink "),
        (["--version"], 0, "picolink "),
        (["call", "--help"], 0, "usage: picolink call "),
        (["call"], USAGE, "picolink call: error: "),
        (["cal", "usb:auto"], USAGE, "picolink: error: "),
        (["describe", "ubs:auto"], USAGE, "picolink: "),
        (["describe", "loopback:nobody"], NO_LINK, "picolink: "),
        (["links", "--json"], 0, '"tcp-listen"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_all_doors_say_the_same(arguments: list[str], code: int, says: str) -> None:
    first, *others = ends(arguments)
    assert first[0] == code
    assert says in first[1] + first[2]
    assert "__main__" not in first[1] + first[2]
    assert others == [first, first]


@pytest.mark.parametrize("door", doors())
def test_ctrl_c_ends_it_quietly(door: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = "tcp:127.0.0.1:%d" % silent.getsockname()[1]
        process = subprocess.Popen(
            [*doors()[door], "describe", address, "--timeout", "60"],
            env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # it greets, and waits for an answer
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (INTERRUPTED, b"", b"")


def test_there_is_one_main() -> None:
    """The doors call it; none has code of its own."""
    import picolink.__main__
    import picolink.cli.__main__
    from picolink.cli.main import main

    assert entry() == f"{main.__module__}:{main.__name__}"
    assert picolink.__main__.main is main
    assert picolink.cli.__main__.main is main
