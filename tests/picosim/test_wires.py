"""Wires, buttons, and what goes wrong with them."""

from __future__ import annotations

import random

import pytest
from terminal import Terminal

from picosim import WireFaults, World
from picosim.pins import bounces

SENDER = "from machine import Pin\nout = Pin(3, Pin.OUT, value=0)\ngo = Pin(0)\n"
COUNTER = (
    "from machine import Pin\nn = 0\ndef edge(pin):\n global n\n n += 1\n"
    "p = Pin(4, Pin.IN, Pin.PULL_DOWN)\np.irq(edge, Pin.IRQ_RISING | Pin.IRQ_FALLING)\n"
    "Pin(1, Pin.OUT).on()\nwhile not Pin(0).value(): pass\n"
    "import time\ntime.sleep_ms(30)  # what is under way arrives\nprint('edges', n)"
)


def test_a_wire_carries_levels_until_cut(world: World) -> None:
    a = world.board("a", main=SENDER + "while True: out.value(go.value())")
    b = world.board(
        "b",
        main="from machine import Pin\np = Pin(4)\nq = Pin(5, 1)\nwhile True: q.value(p.value())",
    )
    wire = world.wire(a.pin(3), b.pin(4))
    for level in (1, 0, 1):
        a.pin(0).set(level)
        b.pin(5).wait(level)
    wire.cut()
    b.pin(5).wait(0)
    wire.mend()
    b.pin(5).wait(1)
    a.power_off()
    b.pin(5).wait(0)


def test_a_pin_interrupt_crosses_a_wire(world: World) -> None:
    a = world.board(
        "a", main=SENDER + "while not go.value(): pass\nfor i in range(5): out.toggle()"
    )
    b = world.board("b", main=COUNTER)
    world.wire(a.pin(3), b.pin(4))
    b.pin(1).wait(1)
    a.pin(0).set(1)
    b.pin(4).wait_changes(6)  # the first is from open to 0
    b.pin(0).set(1)
    with Terminal(b.usb_path) as terminal:
        terminal.expect(b"edges 5\r\n")


def test_bounces_and_glitches_are_seen_by_the_board(world: World) -> None:
    a = world.board("a", main=SENDER + "while not go.value(): pass\nout.on()")
    b = world.board("b", main=COUNTER)
    faults = WireFaults(bounce_ms=8, delay_ms=3, glitches_per_s=200, glitch_ms=0.3)
    world.wire(a.pin(3), b.pin(4), faults)
    b.pin(1).wait(1)
    a.pin(0).set(1)
    a.wait_state("repl")
    b.pin(4).wait_changes(12)
    b.pin(0).set(1)
    with Terminal(b.usb_path) as terminal:
        assert int(terminal.expect(b"edges ") and terminal.expect(b"\r\n")) >= 6


@pytest.mark.parametrize("press_ms", [5])
def test_a_bouncing_button_settles(world: World, press_ms: int) -> None:
    b = world.board("b", main=COUNTER)
    b.pin(1).wait(1)
    b.pin(4).press(bounce_ms=press_ms)
    b.pin(4).wait_changes(4)
    b.pin(4).wait(1)
    b.pin(0).set(1)
    with Terminal(b.usb_path) as terminal:
        assert int(terminal.expect(b"edges ") and terminal.expect(b"\r\n")) >= 3


def test_the_same_seed_gives_the_same_faults() -> None:
    first, second, other = (bounces(random.Random(seed), 5) for seed in ("1", "1", "2"))
    assert first == second != other
    assert len(first) % 2 == 1 and all(0 <= at <= 5 for at in first)
