"""A node of a computer that serves a serial adapter, which is pulled out and put back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

import picolink
from picolink import Node
from picolink.node.closing import stop
from picolink.node.opening import open_all


class Adapter:
    """A serial port at a path, for as long as it is plugged in. `other` gets what is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.other = self
        self.master = -1

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        self.path.symlink_to(os.ttyname(slave))
        os.close(slave)
        asyncio.get_running_loop().add_reader(self.master, self.carry)

    def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        self.path.unlink()
        os.close(self.master)
        self.master = -1

    def carry(self) -> None:
        with contextlib.suppress(OSError):  # nobody has it open
            data = os.read(self.master, 4096)
            if self.other.master >= 0:
                os.write(self.other.master, data)


@pytest.fixture
def wires(tmp_path: Path) -> Iterator[tuple[Adapter, Adapter]]:
    ends = Adapter(tmp_path / "a"), Adapter(tmp_path / "b")
    ends[0].other, ends[1].other = ends[1], ends[0]
    yield ends
    for end in ends:
        if end.master >= 0:
            os.close(end.master)


def test_it_serves_again_once_the_adapter_is_back(wires: tuple[Adapter, Adapter]) -> None:
    asyncio.run(unplugged(*wires))


async def unplugged(here: Adapter, there: Adapter) -> None:
    node = Node("pi")
    calls = []
    node.command(name="note")(lambda n: calls.append(n))
    here.plug()
    there.plug()
    await open_all(node, [f"uart:{here.path}"])
    try:
        async with picolink.aio.connect(f"uart:{there.path}") as desk:
            for turn in range(3):
                await desk.call("note", turn)
                here.unplug()
                call = asyncio.create_task(desk.call("note", f"meanwhile {turn}", timeout_s=30))
                await asyncio.sleep(0.05)  # it is on its way, into nothing
                here.plug()
                await call
    finally:
        stop(node)
    assert calls == [0, "meanwhile 0", 1, "meanwhile 1", 2, "meanwhile 2"]
