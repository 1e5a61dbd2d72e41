"""Loopback on CPython."""

from .link import open_async, open_link

__all__ = ["HELP", "open_async", "open_link"]

HELP = {
    "loopback": (
        "loopback:NAME",
        "another node of the same program, for tests and to try things out",
        {"mtu": "largest packet, bytes (2048)"},
    ),
    "loopback-listen": ("loopback-listen:NAME", "waits for those who open loopback:NAME", {}),
}
