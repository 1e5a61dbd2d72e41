"""Silence on wires while a board can't listen (spec 4.32): a flash write stops its interrupts for
tens of milliseconds, and a UART loses what arrives meanwhile. An I2C target, which it could hang,
is not there for so long."""

import asyncio

MYPY = False
if MYPY:
    from typing import Any

    from ..driver import Driver
    from ..node import Node

_TRIES = 3


class Quiet:
    """Peers on links that lose bytes say nothing while its body runs."""

    def __init__(self, node: "Node", ms: int) -> None:
        self.node = node
        self.ms = ms
        self._asked: list[Driver] = []

    async def __aenter__(self) -> "Quiet":
        for driver in self.node.drivers:
            link = driver.link
            if link.reliable or hasattr(link, "pause") or driver.port.attach is None:
                continue
            self._asked.append(driver)
        for driver in self._asked:
            await self._silence(driver)
        self._pause("pause")
        return self

    def _pause(self, what: str) -> None:
        """Links that need no asking (abilities.Pausable) stop, or go on."""
        links = [driver.link for driver in self.node.drivers]
        for link in links + [listener for listener, _ in self.node.listeners]:
            method = getattr(link, what, None)
            if method is not None:
                method()

    async def _silence(self, driver: "Driver") -> None:
        """Waits until the peer says nothing more, but not for ever: what is lost comes again."""
        port = driver.port
        silent = asyncio.Event()
        port.on_quiet = silent.set
        for _ in range(_TRIES):
            if not self.node.endpoint.quiet(port, self.ms):
                break
            driver.drain()
            attach = port.attach
            if attach is None:
                break
            try:
                await asyncio.wait_for(silent.wait(), attach.rto_ms / 1000)
                break
            except asyncio.TimeoutError:
                pass
        port.on_quiet = int

    async def __aexit__(self, *_: "Any") -> None:
        self._pause("resume")
        for driver in self._asked:
            if self.node.endpoint.quiet(driver.port, 0):
                driver.drain()
        self._asked.clear()
