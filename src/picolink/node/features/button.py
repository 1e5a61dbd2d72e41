"""Buttons and other inputs (`Node.on_pin`). The interrupt only sets a flag."""

import asyncio

from ..invoke import NONE, call

MYPY = False
if MYPY:
    from typing import Any

    from ..node import Node


def on_pin(
    node: "Node", function: "Any", pin: "Any", pull: str, debounce_ms: int, edge: str
) -> "Any":
    """Runs `function` when the pin is pressed, debounced."""
    from machine import Pin

    if isinstance(pin, (int, str)):
        pulls = {"up": Pin.PULL_UP, "down": Pin.PULL_DOWN}
        pin = Pin(pin, Pin.IN, pulls.get(pull))
    wanted = {"rising": (1,), "falling": (0,), "both": (0, 1)}.get(
        edge, (0,) if pull == "up" else (1,)
    )
    flag = asyncio.ThreadSafeFlag()  # type: ignore[attr-defined]
    pin.irq(lambda _: flag.set(), Pin.IRQ_FALLING | Pin.IRQ_RISING)

    over = asyncio.Event()  # what the last press has called

    async def watch() -> None:
        level = pin.value()
        while True:
            await flag.wait()
            await asyncio.sleep_ms(debounce_ms)  # type: ignore[attr-defined]
            flag.clear()
            now = pin.value()
            if now != level:
                level = now
                if now in wanted:
                    over.clear()
                    call(node, function, (), NONE, done, None)
                    await over.wait()

    def done(what: "Any", value: "Any", error: BaseException | None) -> None:
        over.set()
        if error is not None:
            node.report(error)

    node.begin(lambda: node.spawn(watch()))
    return function
