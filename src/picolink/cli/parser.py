"""The parser of all commands: what `--help`, `docs/cli.md` and completion are made from."""

from __future__ import annotations

import argparse
from typing import Any

from .arguments import (
    ADDRESS,
    Help,
    Parser,
    address_argument,
    command,
    json_option,
    limits,
)
from .parser_tools import add_install, add_tools

EXIT_CODES = {
    0: "done",
    1: "the other side reported an error, or the command could not do its work",
    2: "wrong usage: an argument, an address, arguments that a command does not take",
    3: "no connection, or it was lost before the call was begun: calling again is safe",
    4: "unknown: sent, and not confirmed in time; it may have been done",
    130: "ended by Ctrl-C",
}


def make_parser() -> argparse.ArgumentParser:
    """The parser of `picolink`."""
    codes = "\n".join(f"  {code:<4} {what}" for code, what in EXIT_CODES.items())
    parser = Parser(
        prog="picolink",
        formatter_class=Help,
        description="Talk to Raspberry Pi Pico W boards, over any link.",
        epilog=f"exit codes:\n{codes}\n\nexample:\n  picolink call usb:auto led_set on",
        allow_abbrev=False,
    )
    from .. import __version__

    parser.add_argument("--version", action="version", version=f"picolink {__version__}")
    parser.set_defaults(module=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    _add_look(commands)
    _add_talk(commands)
    _add_follow(commands)
    add_install(commands)
    add_tools(commands)
    return parser


def _add_look(commands: Any) -> None:
    devices = command(
        commands, "devices", "devices",
        "list the boards on USB, real and virtual, with their state, and those in the network",
        ["picolink devices", "picolink devices greenhouse 10.0.3.7 i2c:1/0x44",
         "picolink devices --json --quick"],
        "Opens each port for a moment to ask who is there. That stops no program. Asks the\n"
        "network which nodes listen there on TCP, for about 1 s. On I2C it asks the addresses\n"
        "that you name, and the usual one, i2c:1/0x43: no other, since a read can disturb a chip.",
    )  # fmt: skip
    devices.add_argument(
        "hosts", metavar="HOST", nargs="*",
        help="an address or a name (as in NAME.local) to ask besides, where the network keeps "
        "questions to everybody from it; or a target on I2C, as i2c:1/0x44",
    )  # fmt: skip
    devices.add_argument(
        "--quick", action="store_true", help="list what is on USB only, open no port, ask nobody"
    )
    json_option(devices)
    doctor = command(
        commands, "doctor", "doctoring",
        "find out what is wrong with a link, why, and what to do",
        ["picolink doctor usb:auto", "picolink doctor tcp:192.168.1.20", "picolink doctor"],
        "Looks at each step between the cable and the node; without ADDRESS at all that can be\n"
        "found. Leaves everything as it was: resets nothing, runs nothing on a board.\n"
        "Exit code 0: all is well; 1: something is wrong, and it says what.",
    )  # fmt: skip
    doctor.add_argument("address", metavar="ADDRESS", nargs="?", help=ADDRESS)
    json_option(doctor, "print a JSON object per address")
    links = command(
        commands, "links", "links", "list the kinds of address, and their options",
        ["picolink links"],
    )  # fmt: skip
    json_option(links)
    describe = command(
        commands, "describe", "describing", "show what a board is and offers",
        ["picolink describe usb:auto"],
    )  # fmt: skip
    address_argument(describe)
    json_option(describe)
    clock = command(
        commands, "time", "timing", "show what time it is on a board, or set it",
        ["picolink time usb:auto", "picolink time greenhouse --set --zone Europe/Berlin"],
        "A board that runs on Wi-Fi asks time servers by itself, another one its peers.",
    )  # fmt: skip
    address_argument(clock)
    clock.add_argument("--set", action="store_true", help="set it from this computer's clock")
    clock.add_argument(
        "--zone", metavar="PLACE", default="", help="local time there, as Europe/Berlin"
    )
    json_option(clock)
    stats = command(
        commands, "stats", "describing",
        "show what a board counts: packets dropped, sent again, memory",
        ["picolink stats usb:auto"],
    )  # fmt: skip
    stats.set_defaults(what="stats")
    describe.set_defaults(what="describe")
    address_argument(stats)
    json_option(stats)


def _add_talk(commands: Any) -> None:
    call = command(
        commands, "call", "calling", "run a command on a board and print its result",
        [
            "picolink call usb:auto led_set on",
            "picolink call greenhouse water 2.5 valve=north --timeout 60",
            "picolink call tcp:192.168.1.20 store @photo.jpg",
        ],
        "Arguments are JSON where they can be (21.5, true, null, [1,2], '\"7\"'), else text.\n"
        "NAME=VALUE is passed by name, @FILE as the file's bytes (@- is the standard input).\n"
        "What comes after -- is never an option. A command that streams prints a line per item.",
    )  # fmt: skip
    assert isinstance(call, Parser)
    call.intermixed = True
    address_argument(call)
    call.add_argument("command", metavar="COMMAND", help="its name; `picolink describe` lists them")
    call.add_argument(
        "arguments", metavar="ARG", nargs="*", default=[], help="VALUE, NAME=VALUE or @FILE"
    )
    json_option(call, "print the result as JSON, for scripts")
    call.add_argument(
        "--traceback", action="store_true", help="where the command raised, show its traceback"
    )
    read = command(
        commands, "read", "calling", "print the present value of readings",
        ["picolink read usb:auto", "picolink read greenhouse temperature --json"],
    )  # fmt: skip
    assert isinstance(read, Parser)
    read.intermixed = True
    address_argument(read)
    read.add_argument(
        "readings", metavar="READING", nargs="*", default=[], help="which; all if left out"
    )
    json_option(read, "print a JSON object per reading, one a line")


def _add_follow(commands: Any) -> None:
    watch = command(
        commands, "watch", "watching", "show a reading as a live chart, or line by line",
        ["picolink watch usb:auto temperature", "picolink watch greenhouse light --seconds 60"],
        "Where the output is no terminal, or with --plain, each reading is a line. Goes on by\n"
        "itself when the link is lost and comes back. Ctrl-C ends it.",
    )  # fmt: skip
    address_argument(watch)
    watch.add_argument("reading", metavar="READING", help="`picolink describe` lists them")
    limits(watch)
    watch.add_argument("--plain", action="store_true", help="a line per reading, no chart")
    json_option(watch, "print a JSON object per reading, one a line")
    log = command(
        commands, "log", "logging", "follow what a board's program prints",
        ["picolink log usb:auto", "picolink log tcp:192.168.1.20 --seconds 10"],
    )  # fmt: skip
    address_argument(log)
    limits(log)
    json_option(log, "print a JSON object per line")
