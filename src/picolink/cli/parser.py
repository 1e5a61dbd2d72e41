"""The parser of all commands: what `--help`, `docs/cli.md` and completion are made from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

EXIT_CODES = {
    0: "done",
    1: "the other side reported an error, or the command could not do its work",
    2: "wrong usage: an argument, an address, arguments that a command does not take",
    3: "no connection, or it was lost before the call was begun: calling again is safe",
    4: "unknown: sent, and not confirmed in time; it may have been done",
    130: "ended by Ctrl-C",
}

ADDRESS = (
    "usb:auto, usb:NAME, usb:SERIAL, /dev/ttyACM0, tcp:HOST[:PORT], an IP, or a board's name; "
    "`picolink links` lists them"
)


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose options may stand among a list of arguments.

    argparse gives `call ADDRESS COMMAND --json 1 2` an empty list and then does not know 1 and 2.
    """

    intermixed = False
    _inside = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self.intermixed or self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, but readable."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdigit() else None
        super().__init__(prog, max_help_position=28, width=min(width, 96) if width else None)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # Python 3.13 writes `-o, --output FILE`, older ones `-o FILE, --output FILE`: one form
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {value}"


def make_parser() -> argparse.ArgumentParser:
    """The parser of `picolink`."""
    codes = "\n".join(f"  {code:<4} {what}" for code, what in EXIT_CODES.items())
    parser = _Parser(
        prog="picolink",
        formatter_class=_Help,
        description="Talk to Raspberry Pi Pico W boards, over any link.",
        epilog=f"exit codes:\n{codes}\n\nexample:\n  picolink call usb:auto led_set on",
        allow_abbrev=False,
    )
    from .. import __version__

    parser.add_argument("--version", action="version", version=f"picolink {__version__}")
    parser.set_defaults(module=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_look(commands)
    _add_talk(commands)
    _add_follow(commands)
    _add_install(commands)
    _add_tools(commands)
    return parser


def _command(
    commands: Any, name: str, module: str, help: str, examples: Sequence[str], more: str = ""
) -> argparse.ArgumentParser:
    shown = "\n".join(f"  {line}" for line in examples)
    title = "example" if len(examples) == 1 else "examples"
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + "." + (f"\n\n{more}" if more else ""),
        epilog=f"{title}:\n{shown}",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.set_defaults(module=module)
    return parser


def seconds(text: str) -> float:
    """A duration; an argument's type."""
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError
    return value


def positive(text: str) -> int:
    """A count of at least one; an argument's type."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _json(parser: argparse.ArgumentParser, help: str = "print JSON, for scripts") -> None:
    parser.add_argument("--json", action="store_true", help=help)


def _address(parser: argparse.ArgumentParser, start: bool = True) -> None:
    parser.add_argument("address", metavar="ADDRESS", help=ADDRESS)
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="S",
        help="seconds to wait for the connection, and for an answer (10)",
    )  # fmt: skip
    if start:
        parser.add_argument(
            "--start", action="store_true", help="restart the board's main.py first (USB only)"
        )


def _limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=positive, metavar="N", help="end after N of them")
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after S seconds")


def _add_look(commands: Any) -> None:
    devices = _command(
        commands, "devices", "devices",
        "list the boards on USB, real and virtual, with their state, and those in the network",
        ["picolink devices", "picolink devices greenhouse 10.0.3.7",
         "picolink devices --json --quick"],
        "Opens each port for a moment to ask who is there. That stops no program. Asks the\n"
        "network which nodes listen there on TCP, for about 1 s.",
    )  # fmt: skip
    devices.add_argument(
        "hosts", metavar="HOST", nargs="*",
        help="an address or a name (as in NAME.local) to ask besides, where the network keeps "
        "questions to everybody from it",
    )  # fmt: skip
    devices.add_argument(
        "--quick", action="store_true", help="list what is on USB only, open no port, ask nobody"
    )
    _json(devices)
    doctor = _command(
        commands, "doctor", "doctoring",
        "find out what is wrong with a link, why, and what to do",
        ["picolink doctor usb:auto", "picolink doctor tcp:192.168.1.20", "picolink doctor"],
        "Looks at each step between the cable and the node; without ADDRESS at all that can be\n"
        "found. Leaves everything as it was: resets nothing, runs nothing on a board.\n"
        "Exit code 0: all is well; 1: something is wrong, and it says what.",
    )  # fmt: skip
    doctor.add_argument("address", metavar="ADDRESS", nargs="?", help=ADDRESS)
    _json(doctor, "print a JSON object per address")
    links = _command(
        commands, "links", "links", "list the kinds of address, and their options",
        ["picolink links"],
    )  # fmt: skip
    _json(links)
    describe = _command(
        commands, "describe", "describing", "show what a board is and offers",
        ["picolink describe usb:auto"],
    )  # fmt: skip
    _address(describe)
    _json(describe)
    clock = _command(
        commands, "time", "timing", "show what time it is on a board, or set it",
        ["picolink time usb:auto", "picolink time greenhouse --set --zone Europe/Berlin"],
        "A board that runs on Wi-Fi asks time servers by itself, another one its peers.",
    )  # fmt: skip
    _address(clock)
    clock.add_argument("--set", action="store_true", help="set it from this computer's clock")
    clock.add_argument(
        "--zone", metavar="PLACE", default="", help="local time there, as Europe/Berlin"
    )
    _json(clock)
    stats = _command(
        commands, "stats", "describing",
        "show what a board counts: packets dropped, sent again, memory",
        ["picolink stats usb:auto"],
    )  # fmt: skip
    stats.set_defaults(what="stats")
    describe.set_defaults(what="describe")
    _address(stats)
    _json(stats)


def _add_talk(commands: Any) -> None:
    call = _command(
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
    assert isinstance(call, _Parser)
    call.intermixed = True
    _address(call)
    call.add_argument("command", metavar="COMMAND", help="its name; `picolink describe` lists them")
    call.add_argument(
        "arguments", metavar="ARG", nargs="*", default=[], help="VALUE, NAME=VALUE or @FILE"
    )
    _json(call, "print the result as JSON, for scripts")
    call.add_argument(
        "--traceback", action="store_true", help="where the command raised, show its traceback"
    )
    read = _command(
        commands, "read", "calling", "print the present value of readings",
        ["picolink read usb:auto", "picolink read greenhouse temperature --json"],
    )  # fmt: skip
    assert isinstance(read, _Parser)
    read.intermixed = True
    _address(read)
    read.add_argument(
        "readings", metavar="READING", nargs="*", default=[], help="which; all if left out"
    )
    _json(read, "print a JSON object per reading, one a line")


def _add_follow(commands: Any) -> None:
    watch = _command(
        commands, "watch", "watching", "show a reading as a live chart, or line by line",
        ["picolink watch usb:auto temperature", "picolink watch greenhouse light --seconds 60"],
        "Where the output is no terminal, or with --plain, each reading is a line. Goes on by\n"
        "itself when the link is lost and comes back. Ctrl-C ends it.",
    )  # fmt: skip
    _address(watch)
    watch.add_argument("reading", metavar="READING", help="`picolink describe` lists them")
    _limits(watch)
    watch.add_argument("--plain", action="store_true", help="a line per reading, no chart")
    _json(watch, "print a JSON object per reading, one a line")
    log = _command(
        commands, "log", "logging", "follow what a board's program prints",
        ["picolink log usb:auto", "picolink log tcp:192.168.1.20 --seconds 10"],
    )  # fmt: skip
    _address(log)
    _limits(log)
    _json(log, "print a JSON object per line")


def _add_install(commands: Any) -> None:
    install = _command(
        commands, "install", "installing", "bring picolink onto a board on USB, and start it",
        [
            "picolink install usb:auto",
            "picolink install usb:auto --name greenhouse --main main.py",
            "picolink install usb:auto --links usb,uart --wifi 'my network'",
        ],
        "Stops the board's program, copies what is missing or changed to /lib/picolink, writes\n"
        "/picolink.json and, where there is none or with --main, main.py; then restarts the\n"
        "board and calls it. May be interrupted at any time, and run again. The password of the\n"
        "Wi-Fi is asked for, or read from PICOLINK_WIFI_PASSWORD.",
    )  # fmt: skip
    install.set_defaults(what="install")
    install.add_argument("address", metavar="ADDRESS", help="a board on USB: usb:auto, its port")
    install.add_argument(
        "--links", metavar="LINK,...", default="",
        help="the links that it opens, by name or address (those of its /picolink.json, else "
        "usb,tcp)",
    )  # fmt: skip
    install.add_argument("--name", default="", help="the node's name")
    install.add_argument("--wifi", metavar="SSID", default="", help="note a network to join")
    install.add_argument(
        "--wifi-password-file", metavar="FILE", help="its first line is the network's password"
    )
    install.add_argument("--main", metavar="FILE", help="the program, which becomes main.py")
    install.add_argument("--dry-run", action="store_true", help="only say what would be done")
    install.add_argument(
        "--force", action="store_true",
        help="write everything anew, also a damaged /picolink.json, and remove what hides /lib",
    )  # fmt: skip
    install.add_argument(
        "--no-start", action="store_true", help="leave the board at its prompt, call nothing"
    )
    install.add_argument(
        "--timeout", type=seconds, default=20.0, metavar="S",
        help="seconds for the program to answer (20)",
    )  # fmt: skip
    _json(install, "print what was done as JSON, for scripts")
    uninstall = _command(
        commands, "uninstall", "installing", "remove picolink from a board on USB",
        ["picolink uninstall usb:auto"],
        "Leaves main.py, if it is yours, and /picolink.json.",
    )  # fmt: skip
    uninstall.set_defaults(what="uninstall")
    uninstall.add_argument("address", metavar="ADDRESS", help="a board on USB: usb:auto, its port")
    uninstall.add_argument(
        "--all", action="store_true", help="remove main.py and /picolink.json as well"
    )
    uninstall.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    _json(uninstall, "print what was removed as JSON, for scripts")


def _add_tools(commands: Any) -> None:
    sim = _command(
        commands, "sim", "simulating", "run virtual boards",
        ["picolink sim up examples/hello/main.py", "picolink sim up world.toml"],
    )  # fmt: skip
    sim.set_defaults(module="simulating")
    actions = sim.add_subparsers(metavar="ACTION", required=True, parser_class=_Parser)
    up = _command(
        actions, "up", "simulating", "start virtual boards and run them until Ctrl-C",
        ["picolink sim up examples/hello/main.py", "picolink sim up world.toml"],
        "Each .py file becomes the main.py of a board that has picolink installed, named after\n"
        "its Node. A .toml file describes a whole world (docs/simulator.md). Without a file one\n"
        "board waits at MicroPython's prompt, with picolink installed.",
    )  # fmt: skip
    up.add_argument("files", metavar="FILE", nargs="*", help="board programs, or one world.toml")
    _json(up, "print a JSON object per board")
    selftest = _command(
        commands, "selftest", "selftest",
        "check what the simulator assumes of a board, on a real or a virtual one",
        [
            "picolink selftest usb:auto -o pico.json",
            "picolink selftest --compare pico.json virtual.json",
        ],
        "Stops the board's program, runs checks at the raw REPL, and restarts main.py at the end.\n"
        "Writes nothing to the board's files.",
    )  # fmt: skip
    selftest.add_argument("address", metavar="ADDRESS", nargs="?", help="a board on USB")
    selftest.add_argument("-o", "--output", metavar="FILE", help="write the report there, as JSON")
    selftest.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="show where two reports differ"
    )
    selftest.add_argument("--no-reset", action="store_true", help="leave the hard reset out")
    _json(selftest, "print the report as JSON")
    _add_battery(commands)
    mqtt = _command(
        commands, "mqtt", "mqtt", "what MQTT brokers need",
        ["picolink mqtt ca broker.example.com"],
    )  # fmt: skip
    things = mqtt.add_subparsers(metavar="ACTION", required=True, parser_class=_Parser)
    ca = _command(
        things, "ca", "mqtt", "fetch and check the certificate that a board needs for a broker",
        ["picolink mqtt ca broker.example.com", "picolink mqtt ca broker.local:8883 -o ca.pem"],
        "Stores the root to which the broker's certificate leads, if this computer trusts it.",
    )  # fmt: skip
    ca.add_argument("host", metavar="HOST", help="the broker, HOST or HOST:PORT (8883)")
    ca.add_argument("-o", "--output", metavar="FILE", help="HOST.der if left out; .pem: as PEM")
    ca.add_argument("--ca", metavar="FILE", help="trust this instead of the system's CAs")
    _json(ca)
    completion = _command(
        commands, "completion", "completion", "print a script that completes commands in a shell",
        [
            'eval "$(picolink completion bash)"    # in ~/.bashrc; zsh alike',
            "picolink completion fish > ~/.config/fish/completions/picolink.fish",
        ],
    )  # fmt: skip
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])


def _add_battery(commands: Any) -> None:
    battery = _command(
        commands, "battery", "battery", "estimate for how many days a battery lasts",
        [
            "picolink battery --capacity-mah 1100 --every 15m",
            "picolink battery --capacity-mah 1100 --every 1h --awake 8s --power-cut",
        ],
        "For a board that wakes, reads, delivers and sleeps; docs/battery.md says where figures\n"
        "come from that are not given. Durations: 8s, 15m, 1h30m, 1d.",
    )  # fmt: skip
    battery.add_argument(
        "--capacity-mah", type=float, required=True, metavar="MAH", help="of the battery, in mAh"
    )
    battery.add_argument("--every", required=True, metavar="TIME", help="from waking to waking")
    battery.add_argument("--awake", metavar="TIME", help="how long it is awake each time")
    battery.add_argument("--awake-ma", type=float, metavar="MA", help="what it draws then, in mA")
    battery.add_argument("--sleep-ma", type=float, metavar="MA", help="what it draws asleep, in mA")
    battery.add_argument(
        "--power-cut", action="store_true", help="a timer cuts its power instead of deepsleep"
    )
    _json(battery)
