"""What `mqtts://` needs: whom to trust, and a clock that can tell whether a certificate is valid.
Loaded where an address asks for TLS."""

import asyncio
import sys
import time
from binascii import a2b_base64

from ...core.errors import CannotConnect, UsageError
from .. import resolver as names

MYPY = False
if MYPY:
    from typing import Any

_BOARD = sys.implementation.name == "micropython"
_PATIENCE_S = 8  # for the time, less than a connection has
_EARLIEST_S = 1735689600  # 2025: a clock that tells less was never set (a Pico starts in 2021)
_RESETS = (104, 54, 32)  # ECONNRESET, also of macOS, EPIPE: who expects no TLS hangs up
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"


def certificates(data: bytes) -> "list[bytes]":
    """The certificates in `data`, PEM or DER, each as DER; UsageError where there is none."""
    if data[:1] == b"\x30":  # DER: a sequence
        return [data]
    found = []
    for part in data.split(_BEGIN)[1:]:
        text, end, _ = part.partition(_END)
        if not end:
            raise UsageError("a certificate in PEM that is cut off")
        try:
            found.append(a2b_base64(text.replace(b"\n", b"").replace(b"\r", b"").strip()))
        except ValueError:
            raise UsageError("a certificate in PEM that can't be read") from None
    if not found:
        raise UsageError("no certificate, neither PEM nor DER, is in the CA's file")
    return found


def security_of(broker: "Any", ca: "str | bytes | None" = None) -> "Security":
    """Whom the address of a broker says to trust; `ca` in place of its own."""
    options = broker.options
    verify = options.get("verify") not in ("no", "0", "false")
    return Security(options.get("ca") if ca is None else ca, verify)


class Security:
    """Whom to trust. `ca`: a path, or what such a file holds; None: on a computer its own store."""

    def __init__(self, ca: "str | bytes | None", verify: bool) -> None:
        self.verify = verify
        self.authorities: list[bytes] = []
        if not verify:
            print(
                "mqtt: ?verify=no: whoever is on the way can read and change everything, and "
                "learns the password",
                file=sys.stderr,
            )
            return
        if isinstance(ca, str):
            try:
                with open(ca, "rb") as file:
                    held = file.read()
            except OSError as error:
                why = "is not there" if error.errno == 2 else "can't be read: %s" % error
                raise UsageError("the CA's file %s %s" % (ca, why)) from None
            ca = held
        if ca is not None:
            self.authorities = certificates(ca)
        elif _BOARD:
            raise UsageError(
                "mqtts:// needs the certificate of the CA that vouches for the broker: "
                "?ca=/ca.pem (or ca=...), or ?verify=no to do without"
            )

    async def wait_for_clock(self) -> None:
        """Until the clock can tell what is valid now: a board's node asks for the time.
        CannotConnect, with the reason, where nobody tells it."""
        if not self.verify or time.time() >= _EARLIEST_S:
            return
        why = "no node is here that asks for the time: set the clock first (NTP)"
        if names.node is not None:
            why = await _ask(names.node)
            if time.time() >= _EARLIEST_S:
                return
        raise CannotConnect(
            "the clock says %d-%02d-%02d, so that no certificate can be checked, and %s; or use "
            "?verify=no" % (time.gmtime(int(time.time()))[:3] + (why,))
        )


async def _ask(node: "Any") -> str:
    """Waits until `node` knows the time, though not for ever; why it does not."""
    clock = node.time  # it begins to ask
    for _ in range(_PATIENCE_S * 5):
        if time.time() >= _EARLIEST_S:  # the program may have set it, too
            return ""
        await asyncio.sleep(0.2)
    return (
        "nobody told the time (%s). It is asked for on: is there a way to the internet? Else, or "
        "where the program joins the Wi-Fi by itself, name time servers: "
        'node.time.servers = ("192.168.1.1",)' % (clock.why or "no time server is known")
    )


def explain(error: "Any", host: str) -> str:
    """Why the handshake failed, where it was TLS; else ""."""
    text = " ".join(str(error).split())
    if "CERT" in text.upper() or "X509" in text.upper():
        return (
            "the certificate of %s is not trusted (%s): is ca= the CA's that vouches for it, the "
            "name right, the certificate not expired?" % (host, text)
        )
    if (
        "SSL" in text.upper()
        or "reset by peer" in text
        or (error.args and error.args[0] in _RESETS)
    ):
        return "no TLS with %s (%s): is that the port for TLS (mostly 8883)?" % (host, text)
    return ""
