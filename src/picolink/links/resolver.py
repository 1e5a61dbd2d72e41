"""How a board finds the address of a name without holding its other links up: firmware's own
`getaddrinfo` blocks for seconds where nobody answers."""

MYPY = False
if MYPY:
    from collections.abc import Awaitable, Callable
    from typing import Any

#: Set by whoever can ask for one (net/wifi.py). It raises OSError with the reason.
lookup: "Callable[[str], Awaitable[str]] | None" = None

#: The node that runs on this board: its clock knows the time, or asks for it.
node: "Any" = None


async def address_of(host: str) -> str:
    """The IP of `host`; `host` itself where nobody here can ask."""
    return await lookup(host) if lookup is not None and host else host
