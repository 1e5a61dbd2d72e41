"""The certificate that a board needs to trust a broker. The broker's own is checked as a browser
would; what is stored is the root that it leads to. That root stays for years, while brokers change
their own certificates every few months.

Stores the root to which the broker's certificate leads, if this computer trusts it.

    picolink mqtt ca broker.example.com
    picolink mqtt ca broker.local:8883 -o ca.pem
"""

from __future__ import annotations

import argparse
import socket
import ssl
import time
from pathlib import Path
from typing import Any

from ...core.errors import CannotConnect, UsageError
from ...links.mqtt.address import Broker
from ..command_line.arguments import action, json_option
from ..command_line.parser import CommandParser
from ..output import print_json

_TIMEOUT_S = 10.0


def arguments(parser: CommandParser) -> None:
    what = "fetch and check the certificate that a board needs for a broker"
    ca = action(parser, "ca", what, __doc__)
    ca.add_argument("host", metavar="HOST", help="the broker, HOST or HOST:PORT (8883)")
    ca.add_argument("-o", "--output", metavar="FILE", help="HOST.der if left out; .pem: as PEM")
    ca.add_argument("--ca", metavar="FILE", help="trust this instead of the system's CAs")
    json_option(ca)


def run(options: argparse.Namespace) -> int:
    """Fetches, checks, stores."""
    broker = Broker("mqtts://" + options.host.removeprefix("mqtts://"))
    chain = fetch(broker, options.ca)
    root = chain[-1]
    name, ends = about(root)
    out = Path(options.output or broker.host.replace(":", "_") + ".der")
    data = root if out.suffix != ".pem" else ssl.DER_cert_to_PEM_cert(root).encode()
    out.write_bytes(data)
    if options.json:
        print_json({"file": str(out), "root": name, "until": ends, "certificates": len(chain)})
        return 0
    print(f"{out}: {name}, valid until {ends} ({len(data)} bytes)")
    print(f"onto the board:  mpremote cp {out} :/{out.name}")
    print(f"in its program:  mqtts://USER:PASSWORD@{broker.host}:{broker.port}/...?ca=/{out.name}")
    return 0


def fetch(broker: Broker, ca: str | None = None) -> list[bytes]:
    """The certificates from the broker's own to the root, each as DER; CannotConnect where they
    are not to be trusted. `ca`: a file to trust instead of what this computer does."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the CA's file {ca} can't be used: {error}") from None
    if ca is None and not context.get_ca_certs():
        try:
            import certifi
        except ImportError:
            pass
        else:
            context.load_verify_locations(certifi.where())
    try:
        with (
            socket.create_connection((broker.host, broker.port), timeout=_TIMEOUT_S) as sock,
            context.wrap_socket(sock, server_hostname=broker.host) as wrapped,
        ):
            return _chain(wrapped)
    except ssl.SSLCertVerificationError as error:
        raise CannotConnect(
            f"{broker.host}: {error.verify_message}. If it is a broker of your own, use the file "
            "of the CA that you made for it; `picolink doctor mqtts://...` says more"
        ) from None
    except OSError as error:
        raise CannotConnect(
            f"no TLS with {broker.host} port {broker.port} ({' '.join(str(error).split())}): is "
            "that the port for TLS (mostly 8883)?"
        ) from None


def _chain(wrapped: Any) -> list[bytes]:
    """The verified chain. Before Python 3.13 the way there is private."""
    if hasattr(wrapped, "get_verified_chain"):
        return [bytes(certificate) for certificate in wrapped.get_verified_chain()]
    der = 2  # _ssl.ENCODING_DER
    return [certificate.public_bytes(der) for certificate in wrapped._sslobj.get_verified_chain()]


def about(certificate: bytes) -> tuple[str, str]:
    """Whose a root is, and until when it is valid."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate)
    (told,) = context.get_ca_certs()
    names: dict[str, Any] = dict(pair for part in told["subject"] for pair in part)  # type: ignore
    ends = time.gmtime(ssl.cert_time_to_seconds(str(told["notAfter"])))
    name = names.get("commonName") or names.get("organizationName") or "unnamed"
    return str(name), time.strftime("%Y-%m-%d", ends)
