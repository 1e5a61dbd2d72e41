"""The radio of the emulated Pico W, as the firmware's driver sees it."""

from __future__ import annotations

import pytest

pytest.importorskip("rp2040py", reason="the emulator is not installed (pip install rp2040py)")

from rp2040py.external.cyw43 import Cyw43439, net
from rp2040py.rp2040 import RP2040

from picosim.rp2040 import wifi


def test_what_comes_gives_no_leave_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver counts to 256 how many packets more it may send: one that is given leave with
    each packet that comes can't send any, after 256 that it did not answer."""
    radios: list[Cyw43439] = []

    def radio() -> Cyw43439:
        radios.append(Cyw43439())
        return radios[-1]

    monkeypatch.setattr(wifi, "Cyw43439", radio)
    bridge = wifi.Bridge("127.77.0.9", listens=())
    bridge.attach(RP2040())
    bus = radios[0].bus
    credit = bus._bus_data_credit
    for _ in range(300):
        bridge.say_ip(bytes((10, 0, 0, 1)), net.IP_PROTO_UDP, b"x")
        assert bus._bus_data_credit == credit
    bridge.close()
