"""The demo: two virtual Pico W boards, a button, a lamp, a thermometer, and a cable that is pulled.

python examples/demo/demo.py          stays for you to play with until Ctrl-C
python examples/demo/demo.py --once   ends by itself; exit code 0 if all of it really happened
"""

from __future__ import annotations

import argparse
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import picolink
from picolink.cli.chart import Series, frame
from picolink.cli.output import Progress, show_reading
from picolink.packing import compile_all
from picosim import VirtualBoard, World

HERE = Path(__file__).parent
BUTTON = 15
FINGER_S = 0.3  # between two presses: no finger is faster, and one can watch
WATCH_S = 6.0
UNPLUG_S, PLUG_S = 2.0, 3.5  # when, counted from the start of the chart


class DidNotHappen(Exception):
    """Something that the demo promised."""


class Checks:
    """What the demo promised, and whether it happened."""

    def that(self, happened: bool, what: str) -> None:
        """Says what happened; or that it did not, which ends the demo."""
        print(f"  {'ok ' if happened else 'NOT'}  {what}", flush=True)
        if not happened:
            raise DidNotHappen(what)

    def waits(self, wait: Callable[[], object], what: str) -> None:
        """The same for something that is waited for."""
        try:
            wait()
        except TimeoutError as error:
            print(error)
            self.that(False, what)
        else:
            self.that(True, what)


class Weather(threading.Thread):
    """Makes the greenhouse warmer and colder, in waves."""

    def __init__(self, board: VirtualBoard) -> None:
        super().__init__(daemon=True)
        self._board = board
        self.over = threading.Event()

    def run(self) -> None:
        """Changes the chip's temperature ten times a second."""
        began_s = time.monotonic()
        while not self.over.wait(0.1):
            passed_s = time.monotonic() - began_s
            self._board.adc(4).set_celsius(22 + 4 * math.sin(passed_s * 1.3))


class Counting(threading.Thread):
    """Calls `count_up` again and again: what is lost or done twice shows in the numbers."""

    def __init__(self, board: picolink.Board) -> None:
        super().__init__(daemon=True)
        self._board = board
        self.over = threading.Event()
        self.answers: list[int] = []
        self.error = ""

    def run(self) -> None:
        """Calls twenty times a second, whether the cable is there or not."""
        while not self.over.wait(0.05):
            try:
                self.answers.append(self._board.call("count_up"))
            except picolink.PicolinkError as error:
                self.error = str(error)
                return


class Screen:
    """Draws the chart in its place on a terminal; elsewhere the last one alone is printed."""

    def __init__(self) -> None:
        self._drawn = 0
        self._live = sys.stdout.isatty()

    def draw(self, title: str, status: str, series: Series, last: bool = False) -> None:
        """Shows the chart as it is now."""
        if not (self._live or last):
            return
        size = os.get_terminal_size() if self._live else os.terminal_size((80, 24))
        lines = frame(title, status, series, min(size.columns - 1, 100), min(10, size.lines - 2))
        up = f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""
        print(up + "\n".join(lines), flush=True)
        self._drawn = len(lines) if self._live else 0


def say(text: str) -> None:
    """A heading."""
    print(f"\n{text}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description="Two virtual Pico W boards at work.")
    parser.add_argument("--once", action="store_true", help="end by itself (also: ONCE=1)")
    once = parser.parse_args(arguments).once or os.environ.get("ONCE", "") not in ("", "0")
    checks = Checks()
    with World(seed=1) as world:
        say("1. Two virtual Pico W boards start: the real MicroPython, each with its own flash,")
        print(
            "   pins and USB port. picolink is in their /lib, examples/demo/*.py is their main.py."
        )
        with Progress("compiling picolink for the boards"):
            libs = compile_all(["usb", "tcp", "describe", "stats", "log"])
        greenhouse = world.board("greenhouse", main=HERE / "greenhouse.py", libs=libs)
        settings = f'GREENHOUSE = "tcp:{greenhouse.address}"\n'
        door = world.board(
            "door", main=HERE / "door.py", libs=libs, files={"settings.py": settings}
        )
        for board in (greenhouse, door):
            checks.waits(board.wait_ready, f"{board!r}")
        weather = Weather(greenhouse)
        weather.start()
        with (
            picolink.connect(greenhouse.usb_path) as green,
            picolink.connect(door.usb_path) as at_door,
        ):
            call_commands(checks, green, greenhouse)
            press_button(checks, door, at_door, greenhouse)
            watch(checks, green, greenhouse, door)
        say('What to do with real boards: copy picolink and a main.py to each (README.md, "On a')
        print('   real board"), plug one in, and use the same commands with usb:auto.')
        if once:
            say("All of it happened.")
        else:
            play(door, greenhouse)
        weather.over.set()
    return 0


def call_commands(checks: Checks, green: picolink.Board, greenhouse: VirtualBoard) -> None:
    """The host switches the lamp over USB."""
    say("2. This computer calls a command of greenhouse over USB:")
    print('   >>> greenhouse.call("led_set", "on")')
    answer = green.call("led_set", "on")
    checks.that(answer == "on", f"it answered {answer!r}")
    checks.waits(lambda: greenhouse.pin("LED").wait(1), "the pin of the lamp is high")
    green.call("led_set", "off")
    checks.waits(lambda: greenhouse.pin("LED").wait(0), "and low again after led_set off")
    try:
        green.call("led_set", "purple")
    except picolink.BadArguments as error:
        checks.that(True, f"a wrong argument is refused: {error}")
    else:
        checks.that(False, "a wrong argument is refused")


def press_button(
    checks: Checks, door: VirtualBoard, at_door: picolink.Board,
    greenhouse: VirtualBoard,
) -> None:  # fmt: skip
    """The button at one board switches the lamp of the other, over TCP."""
    say("3. A button at door's GP15 switches the lamp of greenhouse: board to board, over TCP.")
    done: queue.SimpleQueue[picolink.Reading] = queue.SimpleQueue()
    presses = at_door.subscribe("presses", done.put)
    for level in (1, 0, 1):
        door.pin(BUTTON).press(bounce_ms=5)
        state = ("off", "on")[level]
        checks.waits(
            lambda level=level: greenhouse.pin("LED").wait(level),  # type: ignore[misc]
            f"button pressed (its contact bounces for 5 ms): the lamp is {state}",
        )
        try:
            done.get(timeout=2)  # door tells of each press once it is done
        except queue.Empty:
            checks.that(False, "door told of the press")
        door.pin(BUTTON).release(bounce_ms=5)
        time.sleep(FINGER_S)
    presses.close()
    count = at_door.call("press_count")
    checks.that(count == 3, f"door counted {count} presses")


def watch(
    checks: Checks, green: picolink.Board, greenhouse: VirtualBoard,
    door: VirtualBoard,
) -> None:  # fmt: skip
    """A live chart over USB, whose cable is pulled in the middle."""
    say("4. The temperature, 20 readings a second over USB, while a thread calls count_up. The USB")
    print(f"   cable is pulled after {UNPLUG_S:g} s and put back after {PLUG_S:g} s.")
    arrived: queue.SimpleQueue[picolink.Reading] = queue.SimpleQueue()
    feed = green.subscribe("temperature", arrived.put)
    counting = Counting(green)
    counting.start()
    series, screen = Series(), Screen()
    numbers: list[int] = []
    plugged, was_lost = True, False
    lamp_level = greenhouse.pin("LED").value
    began_s = time.monotonic()
    title = "greenhouse temperature"
    while (passed_s := time.monotonic() - began_s) < WATCH_S:
        try:
            reading = arrived.get(timeout=0.1)
        except queue.Empty:
            was_lost = was_lost or not green.connected
        else:
            series.add(reading.value, reading.missed)
            numbers.append(reading.seq)
            title = f"greenhouse temperature  {show_reading(reading)}"
        if plugged and UNPLUG_S <= passed_s < PLUG_S:
            greenhouse.unplug()
            plugged = False
            door.pin(BUTTON).press()  # over TCP the boards go on
        elif not plugged and passed_s >= PLUG_S:
            door.pin(BUTTON).release()
            greenhouse.plug()
            plugged = True
        cable = "" if plugged else "  USB CABLE PULLED"
        status = f"{series.count} readings, {series.missed} missed, {len(counting.answers)} calls"
        screen.draw(title, status + cable, series)
    counting.over.set()
    counting.join(10)
    feed.close()
    screen.draw(title, status, series, last=True)
    checks.that(was_lost, f"the link was down for {PLUG_S - UNPLUG_S:g} s, and came back by itself")
    whole = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    checks.that(
        whole and series.missed == 0 and len(numbers) > WATCH_S * 15,
        f"readings {numbers[0]} to {numbers[-1]} all arrived, in order",
    )
    calls = counting.answers
    checks.that(not counting.error, counting.error or "no call failed, those of that time waited")
    checks.that(
        calls == list(range(1, len(calls) + 1)) and len(calls) > 10,
        f"{len(calls)} calls, each done exactly once: the counter says {calls[-1] if calls else 0}",
    )
    checks.that(
        greenhouse.pin("LED").value != lamp_level, "meanwhile the button worked on, over TCP"
    )


def play(door: VirtualBoard, greenhouse: VirtualBoard) -> None:
    """The boards stay until Ctrl-C."""
    run = "picolink"
    beside = Path(sys.executable).with_name("picolink")
    if beside.exists():
        run = os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)
    say("The boards are yours now. In a second terminal, in this folder:")
    for text in (
        "devices",
        "describe usb:greenhouse",
        "call usb:greenhouse led_set toggle",
        "watch usb:greenhouse temperature",
        f"read tcp:{greenhouse.address}",
        "log usb:door",
    ):
        print(f"   {run} {text}")
    try:
        if not sys.stdin.isatty():
            say("Ctrl-C ends.")
            threading.Event().wait()
        while True:
            state = ("off", "on")[greenhouse.pin("LED").value]
            input(f"\nThe lamp is {state}. Enter presses the button, Ctrl-C ends. ")
            changed = threading.Event()
            listener = changed_by(changed)
            greenhouse.pin("LED").listeners.append(listener)
            door.pin(BUTTON).press(bounce_ms=5)
            changed.wait(2)
            door.pin(BUTTON).release(bounce_ms=5)
            greenhouse.pin("LED").listeners.remove(listener)
    except (KeyboardInterrupt, EOFError):
        print("\nGood-bye.")


def changed_by(event: threading.Event) -> Callable[[int | None], None]:
    """A pin's listener that sets `event`."""
    return lambda level: event.set()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (DidNotHappen, picolink.PicolinkError) as error:
        sys.exit(f"the demo failed: {error}")
