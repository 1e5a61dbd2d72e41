"""Wi-Fi that heals itself: a board joins a network, checks it end to end, and never gives up.

The CYW43 tells a program nothing by itself. So its state is asked for, ten times a second while it
joins and once a second afterwards, and the gateway is knocked at: `isconnected()` stays true at
times when the access point has gone, and a board that sends nothing for minutes is not heard any
more.
"""

import asyncio
import sys
from os import urandom

import network

from .knock import knock

MYPY = False
if MYPY:
    from typing import Any

STATION, ACCESS_POINT = 0, 1
JOINING, NO_ADDRESS, UP, REFUSED = 1, 2, 3, -3
DHCP = "dhcp"
_PATIENCE = 12  # checks

# Milliseconds, in one table that tests can change.
TIMES = {
    "ask": 100,  # how often the state is asked for while joining
    "watch": 1000,  # and when joined
    "join": 15000,  # for joining, and then for an address
    "check": 5000,  # how often the gateway is knocked at; also, what is sent keeps us reachable
    "answer": 1500,  # for its answer
    "retry": 1000,  # the first wait before the next try; doubles up to retry_max
    "retry_max": 6000,
}


class Wifi:
    """The Wi-Fi of a node, as `Node(wifi=...)` or /picolink.json want it. `node.wifi` on a board.

    `joined` is an event: set while the board is in a network (or is one itself). `step` tells what
    is being done, `status` how the last try ended, as `WLAN.status()` counts.
    """

    def __init__(self, node: "Any", wanted: "Any") -> None:
        from .settings import settings

        wish = settings(wanted)
        sys.modules.pop("picolink.net.settings", None)  # needed once
        self.node = node
        self.networks: list[tuple[str, str]] = wish["networks"]
        self.fixed: tuple[str, str, str, str] | None = wish["address"]
        self.own: tuple[str, str, str, int] | None = wish["access_point"]
        self.power_save: bool = wish["power_save"]
        self.joined = asyncio.Event()
        self.step = "off"  # joining, up, waiting
        self.status = 0
        self.ssid = ""  # of the network that is tried or joined
        self.address = ""
        self.gateway = ""
        self.answers = False  # the gateway did, since we joined
        self.dynamic = False  # a fixed address was no use: DHCP gave another
        self.outcomes: dict[str, int] = {}  # network -> the status that its last try ended with
        self.refusals: dict[str, int] = {}  # of its password, one after another
        self.worked: list[str] = []  # networks that were joined since the start
        self._said = ""
        self._tasks: list[Any] = []
        if wish["country"]:
            network.country(wish["country"])
        network.hostname((wish["hostname"] or node.name)[:32])
        self.sta: Any = network.WLAN(STATION)
        self.ap: Any = network.WLAN(ACCESS_POINT) if self.own else None
        node.wifi = self
        node.begin(self.begin)

    def begin(self) -> None:
        """The node runs: joins, or opens a network of its own."""
        self.step = "joining"
        if self.own:
            from .access_point import serve

            self._tasks.append(self.node.spawn(serve(self)))
        if self.networks:
            self._tasks.append(self.node.spawn(self._run()))

    def explain(self) -> str:
        """How the Wi-Fi is, in plain words: which step fails, why, and what to do. Where a network
        is not seen it scans, which blocks the board for about 2 s."""
        return "\n".join((why + " " + advice).strip() for _, why, advice in self.findings())

    def findings(self) -> "list[tuple[str, str, str]]":
        """The same, as (kind, why, what to do); the kind is "" where all is well."""
        from .explain import findings

        return findings(self)

    def route(self, address: str) -> str:
        """`tcp:gateway` is the board's gateway, whatever its address; and so is the one that was
        asked for, where the network turned out to have another."""
        scheme, _, rest = address.partition(":")
        host = rest.partition(":")[0].partition("?")[0]
        asked = self.fixed[2] if self.fixed and self.dynamic else "gateway"
        if scheme == "tcp" and host in ("gateway", asked):
            return "tcp:" + self.gateway + rest[len(host) :]
        return address

    async def lookup(self, name: str) -> str:
        """The IP of a name of the network; OSError, with the reason, where nobody tells it."""
        from .names import resolve

        return await resolve(name)

    def stop(self) -> None:
        """The node has ended: the radio is released."""
        self.step = "off"
        self.joined.clear()
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.sta.disconnect()
        self.sta.active(False)
        if self.ap is not None:
            self.ap.active(False)

    def say(self, what: str) -> None:
        """Prints it once."""
        if what != self._said:  # a failure that goes on is told once
            self._said = what
            print("%s: %s" % (self.node.name, what))

    # Station

    async def _run(self) -> None:
        wait_ms = TIMES["retry"]
        rounds = 0
        while True:
            for ssid, secret in self.networks:
                try:
                    if await self._join(ssid, secret):
                        wait_ms = TIMES["retry"]
                        rounds = 0
                        await self._stay()
                        break
                except Exception as error:  # also no memory: it is tried again
                    self.status = self.outcomes[ssid] = -1
                    self.say("Wi-Fi: the radio failed: %s" % error)
                finally:
                    self.joined.clear()
            self.step = "waiting"
            rounds += 1
            if rounds % 4 == 0:
                self.sta.active(False)  # the radio begins anew
            # Boards that lost the same network don't come back at the same moment.
            await asyncio.sleep_ms(wait_ms * 3 // 4 + (wait_ms * urandom(1)[0] >> 9))
            wait_ms = min(2 * wait_ms, TIMES["retry_max"])

    async def _join(self, ssid: str, secret: str) -> bool:
        from .joining import join

        joined = await join(self, ssid, secret)
        if sys.modules.pop("picolink.net.joining", None):
            delattr(sys.modules["picolink.net"], "joining")
        return joined

    async def knocks(self) -> bool:
        """Whether the gateway answers."""
        self.gateway = self.sta.ifconfig()[2]
        for _ in range(2):
            if await knock(self.gateway, TIMES["answer"]):
                return True
        return False

    def connections(self) -> "list[Any]":
        """The drivers whose links need the network."""
        return [d for d in self.node.drivers if d.link.address[:4] == "tcp:"]

    async def _stay(self) -> None:
        """Returns when the network is lost."""
        sta = self.sta
        turns = silent = 0
        while True:
            await asyncio.sleep_ms(TIMES["watch"])
            self.status = sta.status()
            if self.status != UP:
                break
            turns += 1
            if turns * TIMES["watch"] >= TIMES["check"]:
                turns = 0
                answered = await self.knocks()
                if answered:
                    self.answers = True
                elif self.answers:  # one that never answered tells nothing by its silence
                    self.status = NO_ADDRESS
                    break
                elif self.fixed:  # but perhaps it has another address by now
                    silent += 1
                    if silent >= _PATIENCE and not self.connections():
                        break
        self.address = ""
        self.say("Wi-Fi %s is lost" % self.ssid)
