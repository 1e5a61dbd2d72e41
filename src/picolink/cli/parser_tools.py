"""The parsers of the commands that set boards up, run virtual ones, and measure."""

from __future__ import annotations

from typing import Any

from .arguments import Parser, address_argument, command, json_option, positive, seconds


def add_install(commands: Any) -> None:
    install = command(
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
    json_option(install, "print what was done as JSON, for scripts")
    uninstall = command(
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
    json_option(uninstall, "print what was removed as JSON, for scripts")


def add_tools(commands: Any) -> None:
    sim = command(
        commands, "sim", "simulating", "run virtual boards",
        ["picolink sim up examples/hello/main.py", "picolink sim up world.toml"],
    )  # fmt: skip
    sim.set_defaults(module="simulating")
    actions = sim.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    up = command(
        actions, "up", "simulating", "start virtual boards and run them until Ctrl-C",
        ["picolink sim up examples/hello/main.py", "picolink sim up world.toml"],
        "Each .py file becomes the main.py of a board that has picolink installed, named after\n"
        "its Node. A .toml file describes a whole world (docs/simulator.md). Without a file one\n"
        "board waits at MicroPython's prompt, with picolink installed.",
    )  # fmt: skip
    up.add_argument("files", metavar="FILE", nargs="*", help="board programs, or one world.toml")
    up.add_argument(
        "--firmware", metavar="FILE",
        help="run this .uf2 of MicroPython for a Pico or Pico W, in an emulated RP2040 (slow)",
    )  # fmt: skip
    json_option(up, "print a JSON object per board")
    selftest = command(
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
    json_option(selftest, "print the report as JSON")
    bench = command(
        commands, "bench", "benching", "measure how fast a link is",
        ["picolink bench usb:auto", "picolink bench greenhouse --seconds 10 --json"],
        "Calls the node at its other end: the time from call to answer, then the payload that\n"
        "messages carry to it and from it. The figures are those of everything on the way, the\n"
        "board's processor included.",
    )  # fmt: skip
    address_argument(bench)
    bench.add_argument(
        "--seconds", type=seconds, default=3.0, metavar="S", help="for each of the three (3)"
    )
    bench.add_argument(
        "--bytes", type=positive, default=2048, metavar="N", help="in a message (2048)"
    )
    json_option(bench)
    where = command(
        commands, "where", "where", "show in which source files a board's traceback is",
        ["mpremote run main.py 2>&1 | picolink where", "picolink where traceback.txt"],
        "On a board most of picolink is one file, whose tracebacks say picolink/*.py. What\n"
        "`picolink log` and `picolink call --traceback` show has the source files already.",
    )  # fmt: skip
    where.add_argument("file", metavar="FILE", nargs="?", help="the standard input if left out")
    _add_battery(commands)
    mqtt = command(
        commands, "mqtt", "mqtt", "what MQTT brokers need",
        ["picolink mqtt ca broker.example.com"],
    )  # fmt: skip
    things = mqtt.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    ca = command(
        things, "ca", "mqtt", "fetch and check the certificate that a board needs for a broker",
        ["picolink mqtt ca broker.example.com", "picolink mqtt ca broker.local:8883 -o ca.pem"],
        "Stores the root to which the broker's certificate leads, if this computer trusts it.",
    )  # fmt: skip
    ca.add_argument("host", metavar="HOST", help="the broker, HOST or HOST:PORT (8883)")
    ca.add_argument("-o", "--output", metavar="FILE", help="HOST.der if left out; .pem: as PEM")
    ca.add_argument("--ca", metavar="FILE", help="trust this instead of the system's CAs")
    json_option(ca)
    completion = command(
        commands, "completion", "completion", "print a script that completes commands in a shell",
        [
            'eval "$(picolink completion bash)"    # in ~/.bashrc; zsh alike',
            "picolink completion fish > ~/.config/fish/completions/picolink.fish",
        ],
    )  # fmt: skip
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])


def _add_battery(commands: Any) -> None:
    battery = command(
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
    json_option(battery)
