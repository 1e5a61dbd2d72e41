"""The connection of a blocking program goes on over another link (CPython only)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.dialer import Dialer
from ...core.errors import CannotConnect, LinkError, PicolinkError, Refused, UsageError
from ...core.session import Session
from ...links.redact import redact
from ..client.calls import milliseconds
from ..driver import Driver

if TYPE_CHECKING:
    from .threaded_client import ThreadedClient

_FOREVER_MS = 7 * 86_400_000


def move(client: ThreadedClient, address: str, timeout_s: float) -> None:
    """Goes on over another link: what is under way, either way, arrives over that one. Where that
    fails, in whatever way, all is as it was."""
    if not isinstance(address, str):
        raise UsageError(f"{address!r} is no address")
    timeout_s = (milliseconds(timeout_s) or _FOREVER_MS) / 1000
    if not client.moves.acquire(timeout=timeout_s):
        raise CannotConnect(
            f"another thread is moving {client.address} already, for {timeout_s:g} s"
        )
    try:
        link = client.open(address, timeout_s)
        trial = _Trial(client, address)
        try:
            with client.host.lock:
                trial.greet(link)
            client.wait(trial.settled, client.node.now_ms() + int(timeout_s * 1000))
            with client.host.lock:
                trial.finish(timeout_s)
        except BaseException:
            with client.host.lock:
                trial.give_up(link)
            raise
    finally:
        client.moves.release()


class _Trial:
    """A link that is greeted on beside the connection's own. The lock is held in all methods but
    `settled`."""

    def __init__(self, client: ThreadedClient, address: str) -> None:
        self._client = client
        self._target = address
        self._address = redact(address)
        self._driver: Driver | None = None
        self._failed: PicolinkError | None = None

    def greet(self, link: Any) -> None:
        """Says hello on an open link."""
        client = self._client
        if client.closed.is_set():
            return
        self._driver = driver = Driver(client.node, link, self._on_lost)
        link.on_text = client.on_text
        self._dial(driver, client.session)
        driver.drain()

    def _dial(self, driver: Driver, session: Session) -> None:
        node = self._client.node
        Dialer(node.endpoint, driver.port, session, self, node.now_ms()).same_node = True

    def _moved(self) -> bool:
        attach = self._client.session.attach
        return (
            attach is not None
            and self._driver is not None
            and attach.port is self._driver.port
            and not self._client.closed.is_set()
        )

    def settled(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._moved() or self._failed is not None

    def finish(self, timeout_s: float) -> None:
        """The link is the connection's from now on; what is to be told where it is none."""
        client = self._client
        if self._moved() and self._driver is not None:
            client.move_to(self._driver, self._target)
        elif client.closed.is_set():
            raise LinkError(f"the connection to {client.address} was closed here")
        else:
            raise self._failed or CannotConnect(
                f"no picolink node answered on {self._address} in {timeout_s:g} s"
            )

    def give_up(self, link: Any) -> None:
        """Nothing is left of it."""
        if self._driver is None:
            link.close()
        elif not self._client.uses(self._driver):
            self._driver.lost("given up")

    # What the driver and the core tell

    def _on_lost(self, why: str) -> None:
        if self._driver is not None and self._client.uses(self._driver):
            self._client.on_lost(self._driver, why)
        elif self._failed is None:
            self._failed = CannotConnect(f"{self._address}: {why}")

    def on_refused(self, session: Session, why: str) -> None:
        """The other side does not want us, or is another node."""
        self._failed = Refused(f"{self._address} refused: {why}")

    def on_forgotten(self, session: Session) -> None:
        """The node was restarted: the new session begins here too."""
        self._client.on_forgotten(session)
        if self._driver is not None:
            self._dial(self._driver, self._client.session)

    def on_silence(self, session: Session) -> None:
        """Nobody answers hellos."""
        self._failed = CannotConnect(f"no picolink node answers on {self._address}")
