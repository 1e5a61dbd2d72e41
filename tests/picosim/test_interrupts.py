"""Pin interrupts, timers and the watchdog act whatever the program does."""

from __future__ import annotations

import pytest
from terminal import Terminal

from picosim import World

HEAD = "import machine, time, sys, select, micropython, os\nfrom machine import Pin, Timer\n"
WAITS = {
    "busy loop": "while True: pass",
    "sleep": "time.sleep(60)",
    "blocked read": "sys.stdin.buffer.read(1)",
    "poll": "p = select.poll(); p.register(sys.stdin, 1); p.poll(60000)",
    "accept": "import socket; s = socket.socket(); s.bind(('', 5263)); s.listen(1); s.accept()",
    "asyncio": (
        "import asyncio\nasync def main():\n"
        " await asyncio.StreamReader(sys.stdin).read(1)\nasyncio.run(main())"
    ),
}


@pytest.mark.parametrize("waiting", WAITS)
def test_pin_interrupts_come_through(world: World, waiting: str) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "out = Pin(1, Pin.OUT)\nbutton = Pin(15, Pin.IN, Pin.PULL_UP)\n"
        + "def pressed(pin): out.value(not pin.value())\n"
        + "button.irq(pressed, Pin.IRQ_FALLING | Pin.IRQ_RISING)\nled = Pin('LED', 1, value=1)\n"
        + WAITS[waiting],
    )
    board.pin("LED").wait(1)
    for _ in range(20):
        board.pin(15).press()
        board.pin(1).wait(1, timeout_s=2)
        board.pin(15).release()
        board.pin(1).wait(0, timeout_s=2)


@pytest.mark.parametrize("waiting", WAITS)
def test_timers_come_through_in_time(world: World, waiting: str) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "late = []\ndone = Pin(1, 1)\n"
        + "def start():\n global due\n due = time.ticks_add(time.ticks_us(), 7000)\n"
        + " Timer(mode=Timer.ONE_SHOT, period=7, callback=tick)\n"
        + "def tick(timer):\n late.append(time.ticks_diff(time.ticks_us(), due))\n"
        + " if len(late) < 21: return start()\n"
        + " late.sort(); print('late', late[10], late[-2]); done.on()\n"
        + "start()\n"
        + WAITS[waiting],
    )
    board.pin(1).wait(1)
    median_us, worst_us = map(int, board.log_text().split("late ")[1].split()[:2])
    assert -500 < median_us < 5000, (median_us, worst_us)


def test_one_shot_timers_fire_once_and_callbacks_are_serial(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "log = []\ndef one(t): log.append(1); time.sleep_ms(30); log.append(2)\n"
        + "def two(t): log.append(3)\n"
        + "Timer(mode=Timer.ONE_SHOT, period=5, callback=one)\n"
        + "Timer(mode=Timer.ONE_SHOT, period=15, callback=two)\n"
        + "t = time.ticks_ms()\nwhile time.ticks_diff(time.ticks_ms(), t) < 80: pass\nprint(log)",
    )
    board.wait_state("repl")
    assert board.log_text().startswith("[1, 2, 3]\r\n")


def test_an_exception_in_a_callback_is_printed_and_the_program_goes_on(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "def bad(t): raise ValueError('in callback')\n"
        + "Timer(mode=Timer.ONE_SHOT, period=1, callback=bad)\ntime.sleep(0.05)\nprint('went on')",
    )
    board.wait_state("repl")
    assert "ValueError: in callback" in board.log_text() and "went on" in board.log_text()


def test_hard_handlers_may_not_allocate(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "n = 0\ndef bad(p): [0] * 100\n"
        + "Pin(2, Pin.IN, Pin.PULL_UP).irq(bad, Pin.IRQ_FALLING, hard=True)\n"
        + "Pin(1, 1).on()\nwhile True: pass",
    )
    board.pin(1).wait(1)
    with Terminal(board.usb_path) as terminal:
        board.pin(2).press()
        terminal.expect(b"MemoryError")


def test_disabled_interrupts_wait(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "log = []\nPin(2, Pin.IN, Pin.PULL_UP).irq(lambda p: log.append(1), Pin.IRQ_FALLING)\n"
        + "state = machine.disable_irq()\nPin(1, 1).on()\nwhile Pin(2).value(): pass\n"
        + "n = len(log)\nmachine.enable_irq(state)\ntime.sleep_ms(1)\nprint(n, len(log))",
    )
    board.pin(1).wait(1)
    board.pin(2).press()
    board.wait_state("repl")
    assert board.log_text().startswith("0 1\r\n")


def test_the_watchdog_bites_a_busy_loop_and_feeding_keeps_it_off(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "print('cause', machine.reset_cause())\n"
        + "if machine.reset_cause() == 3:\n Pin(1, 1).on()\n while True: pass\n"
        + "w = machine.WDT(timeout=100)\nfor i in range(5): time.sleep_ms(50); w.feed()\n"
        + "print('fed')\nwhile True: pass",
    )
    board.pin(1).wait(1)
    assert "cause 1\r\nfed\r\ncause 3\r\n" in board.log_text()


def test_deepsleep_ends_in_a_boot(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD + "if machine.reset_cause() == 1: machine.deepsleep(50)\nPin(1, 1).on()",
    )
    board.wait_state("deepsleep")
    board.pin(1).wait(1)


FREE = """
class One(io.IOBase):
    def readinto(self, buf):
        buf[0] = 3
        return 1
    def write(self, buf): return len(buf)
    def ioctl(self, op, arg): return 0
one = One()
flag = False
def free(timer):
    global flag
    flag = True
    old = os.dupterm(one)
    micropython.kbd_intr(3)
    os.dupterm_notify(None)
    os.dupterm(old)
    micropython.kbd_intr(-1)
micropython.kbd_intr(-1)
"""


@pytest.mark.parametrize(
    "blocked",
    ["sys.stdin.buffer.read(100)", "sys.stdout.buffer.write(bytes(3000))", "time.sleep(30)"],
)
def test_a_timer_frees_a_blocked_call_through_dupterm(world: World, blocked: str) -> None:
    board = world.board(
        "b",
        main="import io\n"
        + HEAD
        + FREE
        + "while not Pin(0).value(): pass\n"
        + "for i in range(5):\n t = time.ticks_ms()\n flag = False\n"
        + " Timer(mode=Timer.ONE_SHOT, period=50, callback=free)\n"
        + f" try:\n  {blocked}\n  print('not freed')\n"
        + " except KeyboardInterrupt:\n  pass\n"
        + " if not flag or time.ticks_diff(time.ticks_ms(), t) > 150: print('bad')\n"
        + " d = time.ticks_diff(time.ticks_ms(), t)\n"
        + "micropython.kbd_intr(3)\nPin(1, 1).on()\nprint('last', d)",
    )
    with Terminal(board.usb_path) as terminal:
        board.pin(0).set(1)
        board.pin(1).wait(1)
        text = terminal.expect(b"last ")
        assert b"not freed" not in text and b"bad" not in text
        assert 48 <= int(terminal.expect(b"\r\n")) < 150
