"""Has bleak use the simulated air where there is one."""

from __future__ import annotations

import importlib
from typing import Any

from picosim.base import announce


class Backends:
    """(scanner, client) for bleak's `backend=`: ours while a world is there, else the system's."""

    def __getitem__(self, index: int) -> Any:
        return classes()[index] if announce.radios() else None


def classes() -> tuple[Any, Any]:
    """The scanner and the client; imports bleak."""
    from picosim.bluetooth.bleak_client import SimClient
    from picosim.bluetooth.bleak_scanner import SimScanner

    return SimScanner, SimClient


def install_for_bleak() -> None:
    """From now on all that uses bleak in this process does."""
    from bleak.backends.client import get_platform_client_backend_type
    from bleak.backends.scanner import get_platform_scanner_backend_type

    def scanner() -> tuple[Any, Any]:
        found = classes()[0] if announce.radios() else None
        return (found, found.__name__) if found else get_platform_scanner_backend_type()

    def client() -> tuple[Any, Any]:
        found = classes()[1] if announce.radios() else None
        return (found, found.__name__) if found else get_platform_client_backend_type()

    package: Any = importlib.import_module("bleak")
    package.get_platform_scanner_backend_type = scanner
    package.get_platform_client_backend_type = client
