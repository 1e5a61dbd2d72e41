"""`picolink bench` measures a link by what its node gives and takes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cli.conftest import Done

from picolink.cli.commands.bench import Figures, shown
from picolink.packing import compile_all
from picosim import World

CPYTHON_ONLY = "virtual boards"

Run = Callable[..., Done]


def test_figures_of_a_board(board: object, picolink: Run) -> None:
    address = board.usb_path  # type: ignore[attr-defined]
    done = picolink("bench", address, "--seconds", "0.2", "--json", timeout_s=60)
    told = json.loads(done.out)
    assert told["node"] == "shed" and told["bytes"] == 2048 and told["calls"] >= 3
    assert 0 < told["median_ms"] <= told["most_ms"] < 1000
    assert min(told["to_bytes_s"], told["from_bytes_s"]) > 1000
    done = picolink("bench", address, "--seconds", "0.1", "--bytes", "300", timeout_s=60)
    first, *rest = done.out.splitlines()
    assert first == f"{address} (shed)" and len(rest) == 3
    assert "call and answer" in rest[0] and rest[1].endswith("B/s")


def test_what_can_not_be_measured(board: object, picolink: Run) -> None:
    address = board.usb_path  # type: ignore[attr-defined]
    for options in (("--bytes", "0"), ("--bytes", "12001"), ("--seconds", "0")):
        assert picolink("bench", address, *options).code == 2
    with World(seed=1) as world:
        main = "from picolink import Node\nNode('bare').run('usb:')"
        bare = world.board("bare", main=main, libs=compile_all(["usb"]))
        done = picolink("bench", bare.usb_path)
    assert done.code == 1 and "bare has no sys.bench" in done.err and "install" in done.err


@pytest.mark.parametrize(
    ("bytes_s", "words"), [(1_234_567, "1.2 MB/s"), (11_520, "11.5 kB/s"), (345, "0.345 kB/s")]
)
def test_rates_are_short(bytes_s: float, words: str) -> None:
    assert words in shown(Figures(1.5, 2.5, 3, bytes_s, 1))
