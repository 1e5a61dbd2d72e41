"""What goes onto a board: the tables to edit when a module comes or goes. Host only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..core.errors import UsageError
from .compiling import PackingError

SOURCES = Path(__file__).parent.parent
CHECKOUT = SOURCES.parent.parent  # only where picolink is installed from one

#: Group -> modules or patterns, below `src/picolink`. `base` is always packed.
GROUPS: dict[str, list[str]] = {
    "base": [
        "__init__.py",
        "core/*.py",
        "links/__init__.py",
        "node/*.py",
        "node/client/*.py",
        "node/features/*.py",
        "node/services/__init__.py",
    ],
    # Which link an address opens; each link's own group brings the link.
    "registry": [
        "links/registry.py",
        "links/options.py",
        "links/missing.py",
        "links/redact.py",
        "links/memory.py",
    ],
    "loopback": ["links/loopback/__init__.py", "links/loopback/link.py", "links/loopback/board.py"],
    "usb": ["links/buffer.py", "links/ctrl_c.py", "links/usb/__init__.py", "links/usb/board.py"],
    "tcp": [
        "links/buffer.py",
        "links/resolver.py",
        "links/write_buffer.py",
        "links/tcp/__init__.py",
        "links/tcp/link.py",
        "links/tcp/board.py",
        "links/tcp/answering.py",
        "links/tcp/telling.py",
    ],
    "uart": [
        "links/write_buffer.py",
        "links/uart/__init__.py",
        "links/uart/link.py",
        "links/uart/board.py",
        "links/uart/options.py",
        "links/uart/refusal.py",
        "links/uart/negotiation.py",
    ],
    "ble": ["links/ctrl_c.py", "links/ble/*.py", "node/features/gatt/*.py"],
    "i2c": [
        "links/ctrl_c.py",
        "links/i2c/__init__.py",
        "links/i2c/board*.py",
        "links/i2c/controller.py",
        "links/i2c/layout.py",
        "links/i2c/options.py",
        "links/i2c/refusal.py",
        "links/i2c/target.py",
    ],
    "mqtt": [
        "links/buffer.py",
        "links/resolver.py",
        "links/tls_room.py",
        "links/mqtt/*.py",
        "node/features/mqtt_topics/*.py",
        "mqtt.py",
    ],
    "wifi": [
        "links/resolver.py",
        "net/__init__.py",
        "net/dns.py",
        "net/names.py",
        "net/udp.py",
        "net/explain.py",
        "net/knock.py",
        "net/settings.py",
        "net/access_point.py",
        "net/joining.py",
        "net/wifi.py",
        "node/services/wifi.py",
    ],
    "clock": [
        "net/__init__.py",
        "net/clock.py",
        "net/timekeeping.py",
        "net/servers.py",
        "net/ntp.py",
        "net/names.py",
        "net/dns.py",
        "net/udp.py",
        "net/zone.py",
    ],
    "sleeping": ["node/features/deep_sleep/*.py", "net/__init__.py", "net/clock.py"],
    "deliver": ["node/services/deliver.py"],
    "describe": ["node/services/describe.py"],
    "stats": ["node/services/stats.py"],
    "time": ["node/services/time.py"],
    "log": [
        "links/buffer.py",
        "links/ctrl_c.py",
        "node/services/log.py",
    ],
    "bench": ["node/services/bench.py"],
}

#: Groups that others can't do without.
NEEDS: dict[str, list[str]] = {
    "usb": ["registry"],
    "tcp": ["registry"],
    "uart": ["registry"],
    "i2c": ["registry"],
    "ble": ["registry"],
    "mqtt": ["registry", "clock"],  # whoever checks certificates needs the time
    "loopback": ["registry"],
    "time": ["clock"],
}

#: Joined into one module for a board, with all that they load: see `bundling`. Modules that are
#: imported only inside functions stay files of their own, loaded when first wanted, unless they
#: stand here because every node that runs wants them.
ROOTS = [
    "picolink.__init__",
    "picolink.node.node",
    "picolink.node.driver",
    "picolink.node.running",
    "picolink.node.loop_board",
    "picolink.core.frames",
]

#: Folders of which what loads together is joined into one module, the folder's own.
FOLDERS = ["picolink.links.mqtt", "picolink.links.ble", "picolink.node.features.mqtt_topics"]

#: Loaded to start, and let go when the links are open and a peer is attached (node/running.py).
#: node/config besides, for a program that leaves the name or the links to /picolink.json.
STARTING = ["starting", "node/opening", "node/naming", "links/registry"]

#: What the patterns above must leave out, since only a host runs it. Folders named `host` are in
#: none of them.
HOST_ONLY: set[str] = {
    "links/base.py",
    "links/ble/doctor.py",
    "links/ble/host.py",
    "links/ble/scanning.py",
    "links/ble/stack.py",
    "links/mqtt/doctor.py",
    "links/mqtt/host.py",
    "links/mqtt/sockets_host.py",
    "net/places.py",
}

#: Where `mip` finds the sources: a placeholder until the project has a public address.
MIP_BASE = "github:picolink/picolink/src/"


def board_sources(groups: Iterable[str] = ("usb",)) -> dict[str, Path]:
    """Source files for a board: place below /lib ("picolink/core/frames.py") -> file here.

    `base` and what a group needs come along. An unknown group is a `UsageError`.
    """
    chosen = ["base"]
    for group in groups:
        if group not in GROUPS:
            known = ", ".join(sorted(GROUPS))
            raise UsageError(f"there is no group {group!r} to pack; the groups are: {known}")
        chosen += [*NEEDS.get(group, []), group]
    found: dict[str, Path] = {}
    for group in chosen:
        for pattern in GROUPS[group]:
            paths = sorted(SOURCES.glob(pattern))
            if not paths:
                raise PackingError(
                    f"group {group!r} names {pattern}, and no such file is in {SOURCES}: "
                    "correct GROUPS in picolink/packing/contents.py"
                )
            for path in paths:
                relative = path.relative_to(SOURCES).as_posix()
                if relative not in HOST_ONLY:
                    found[f"picolink/{relative}"] = path
    return found
