"""A battery sensor's cycle, `Node.deliver_and_sleep`: wake, read, deliver, sleep.

Waking from machine.deepsleep is a reset: main.py begins anew each time, and what is to outlast the
sleep stands in a file (kept.py), written only where a delivery failed.
"""

import asyncio

MYPY = False
if MYPY:
    from typing import Any

    from ...node import Node

#: Milliseconds; tests scale them.
TIMES = {
    "read": 5000,  # so long one reading may take
    "done": 3000,  # so long the external timer may take to cut the power
    "shortest": 1000,  # sleep, where being awake took longer than the cycle
    "nap": 3600000,  # the longest sleep in one: an RP2040's alarms end at 71 minutes
}


def usb_power() -> bool:
    """Whether the board is fed through its USB port. Only a Pico W (and 2 W) can tell."""
    from machine import Pin

    try:
        return bool(Pin("WL_GPIO2", Pin.IN).value())
    except (ValueError, TypeError):
        return False


def deliver_and_sleep(
    node: "Node", to: "Any", every_s: float, done_pin: "int | None", timeout_s: float,
    awake_on_usb: bool,
) -> None:  # fmt: skip
    """See `Node.deliver_and_sleep`."""
    from ....core.errors import UsageError

    if every_s <= 0 or timeout_s <= 0:
        raise UsageError("every_s and timeout_s are seconds, more than 0")
    if not node.readings:
        raise UsageError("deliver_and_sleep() delivers readings: declare one with @node.reading")
    awake = awake_on_usb and usb_power()
    if awake:
        from ....links.redact import redact

        why = "%s: on USB power, so it stays awake; delivers to %s every %s s"
        print(why % (node.name, redact(getattr(to, "address", to)), every_s))
    try:
        if awake:
            node.run(_until_unplugged(node, to, every_s, timeout_s))
        else:
            asyncio.run(_once(node, to, timeout_s))
    except Exception as error:
        if awake:
            raise  # somebody is beside it, and shall find it at its prompt
        # Else it would stay awake until the battery is empty.
        from ...traceback import format_traceback

        print(format_traceback(error))
    _sleep(node, 0 if awake else node.now_ms() - node.started_ms, every_s, done_pin)


async def _once(node: "Node", to: "Any", timeout_s: float) -> None:
    """One delivery, with the Wi-Fi but without links to serve: nobody has the time to call."""
    from ...closing import stop
    from ...config import complete
    from ...opening import start
    from .deliver import Delivery

    try:
        start(node)
        complete(node, ["usb:"])
        for function in node.on_start:
            function()
        node.on_start.clear()
        delivery = Delivery(node, to)
        await delivery.deliver(timeout_s)
        await delivery.receiver.close()
    finally:
        stop(node)


async def _until_unplugged(node: "Node", to: "Any", every_s: float, timeout_s: float) -> None:
    from .deliver import Delivery

    delivery = Delivery(node, to)
    while True:
        await delivery.deliver(timeout_s)
        await asyncio.sleep(every_s)
        if not usb_power():
            print("%s: no USB power any more" % node.name)
            return


def _sleep(node: "Node", awake_ms: int, every_s: float, done_pin: "int | None") -> None:
    from machine import Pin, deepsleep, lightsleep

    if done_pin is not None:
        import time

        print("%s: pin %s tells the timer to cut the power" % (node.name, done_pin))
        Pin(done_pin, Pin.OUT, value=1)
        time.sleep(TIMES["done"] / 1000)
        print("%s: the power is still there" % node.name)
        awake_ms += TIMES["done"]
    ms = max(int(every_s * 1000) - awake_ms, TIMES["shortest"])
    print("%s: asleep for %d ms, was awake for %d ms" % (node.name, ms, awake_ms))
    while ms > TIMES["nap"]:
        lightsleep(TIMES["nap"])
        ms -= TIMES["nap"]
    deepsleep(ms)
