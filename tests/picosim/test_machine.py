"""The peripherals, from the program's side and from the world's."""

from __future__ import annotations

import json

import pytest

from picosim import VirtualBoard, World

HEAD = "import machine, time, json\nfrom machine import *\n"


def result(world: World, source: str, **kw: object) -> object:
    """What the program puts into `r`."""
    board = world.board("b", main=HEAD + source + "\nprint(json.dumps(r))", **kw)  # type: ignore[arg-type]
    board.wait_state("repl")
    text = board.log_text()
    assert "Traceback" not in text, text
    return json.loads(text.splitlines()[0])


def test_outputs_show_in_the_world(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "led = Pin('LED', Pin.OUT)\nled.on()\nassert led.value() == 1 and Pin('LED') is led\n"
        + "p = Pin('GP4', Pin.OUT, value=1)\np.off(); p.toggle(); p(p() ^ 1); p.toggle()\n"
        + "w = PWM(Pin(6), freq=1000, duty_u16=16384)\n"
        + "print(p, led, w.freq(), w.duty_u16())\n",
    )
    board.pin("LED").wait(1)
    board.pin(4).wait(1)
    pwm = board.pin("GP6").wait_pwm()
    assert pwm.frequency_hz == 1000 and abs(pwm.duty - 0.25) < 0.001
    board.wait_state("repl")
    line = "Pin(GPIO4, mode=OUT) Pin(LED, mode=OUT) 1000 16384\r\n"
    assert board.log_text().startswith(line)
    board.power_off()
    assert board.pin("LED").value == 0


def test_inputs_follow_pull_and_button(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "up = Pin(1, Pin.IN, Pin.PULL_UP); down = Pin(2, Pin.IN, Pin.PULL_DOWN); bare = Pin(3)\n"
        + "first = (up(), down(), bare())\nPin(4, Pin.OUT).on()\n"
        + "while (up(), down(), bare()) != (0, 1, 1): pass\nPin(5, Pin.OUT).on()\n"
        + "while (up(), down(), bare()) != first: pass\nr = first\nprint(json.dumps(r))",
    )
    board.pin(4).wait(1)
    board.pin(1).press()
    board.pin(2).press()
    board.pin(3).set(1)
    board.pin(5).wait(1)
    assert [board.pin(n).value for n in (1, 2, 3)] == [0, 1, 1]
    board.pin(1).release()
    board.pin(2).release()
    board.pin(3).set(None)
    board.wait_state("repl")
    assert board.log_text().startswith("[1, 0, 0]")


def test_signal_and_open_drain(world: World) -> None:
    source = (
        "s = Signal(Pin(1, Pin.OUT), invert=True); s.on(); a = Pin(1).value(); s.off()\n"
        "d = Pin(2, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1); b = d.value(); d.value(0)\n"
        "r = [a, Pin(1).value(), s.value(), b, d.value()]"
    )
    assert result(world, source) == [0, 1, 0, 1, 0]


def test_the_thermometer_and_adc(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "def c(): return 27 - (ADC(4).read_u16() * 3.3 / 65535 - 0.706) / 0.001721\n"
        + "first = c()\nPin(1, 1).on()\nwhile c() < 40: pass\n"
        + "while ADC(Pin(26)).read_u16() < 30000: pass\n"
        + "v = ADC(0).read_u16() * 3.3 / 65535\nprint(json.dumps([first, v, len(set("
        + "ADC(4).read_u16() for i in range(50)))]))",
    )
    board.pin(1).wait(1)
    board.adc(4).set_celsius(45)
    board.adc(0).set_volts(2.0)
    board.wait_state("repl")
    first, volts, different = json.loads(board.log_text().splitlines()[0])
    assert abs(first - 21) < 1.5 and abs(volts - 2.0) < 0.01
    assert different > 1  # it has noise, as a real one
    with pytest.raises(ValueError, match="only channel 4 is a thermometer"):
        board.adc(0).set_celsius(20)


def test_clock_registers_and_wrong_arguments(world: World) -> None:
    source = (
        "RTC().datetime((2030, 5, 6, 0, 7, 8, 9, 0))\nr = [list(RTC().datetime()[:6]),"
        "time.localtime()[:3], mem32[0x40000000]]\n"
        "for f in (lambda: Pin(99), lambda: Pin('XX'), lambda: ADC(9), lambda: WDT(timeout=9000),"
        "lambda: PWM(Pin(0), freq=1), lambda: Timer(3)):\n"
        " try: f(); r.append(None)\n except ValueError as e: r.append(str(e))"
    )
    assert result(world, source) == [
        [2030, 5, 6, 0, 7, 8],
        [2030, 5, 6],
        0x20002927,
        "invalid pin",
        "unknown named pin",
        "Pin doesn't have ADC capabilities",
        "timeout exceeds 8388",
        "freq too small",
        "Timer doesn't exist",
    ]


def test_a_board_has_sixteen_timers(world: World) -> None:
    """As its firmware has: the next is OSError(12)."""
    source = (
        "held = []\nr = []\nfor n in range(17):\n"
        " try: held.append(Timer(period=5000, callback=lambda t: None))\n"
        " except OSError as e: r.append(e.errno)\n"
        "held.pop().deinit()\nTimer(period=5000)\nr.append(len(held))"
    )
    assert result(world, source) == [12, 15]


def test_the_clock_outlives_a_soft_reset_but_not_the_power(world: World) -> None:
    board = world.board(
        "b",
        main=HEAD
        + "print(time.localtime()[0])\n"
        + "if time.localtime()[0] == 2021 and reset_cause() == 1 and Pin(9).value():\n"
        + " RTC().datetime((2030, 5, 6, 0, 7, 8, 9, 0)); soft_reset()\n",
        start=False,
    )
    board.pin(9).set(1)
    board.start()
    board.pin(9).wait(1)
    wait_for_log(board, "2021\r\nMPY: soft reboot\r\n2030\r\n")
    board.pin(9).set(0)
    board.power_off()
    board.power_on()
    wait_for_log(board, "2021\r\nMicroPython")


def wait_for_log(board: VirtualBoard, text: str) -> None:
    from terminal import Terminal

    with Terminal(board.usb_path) as terminal:
        terminal.expect(text.splitlines()[-1].encode())
    assert text in board.log_text()
