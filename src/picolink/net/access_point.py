"""A board that is an access point. Loaded by those that are to be one."""

import asyncio

from .wifi import TIMES

MYPY = False
if MYPY:
    from .wifi import Wifi


async def serve(wifi: "Wifi") -> None:
    """Opens the access point, and again where it was switched off."""
    while True:
        assert wifi.ap is not None
        if not wifi.ap.active():
            try:
                await _open(wifi)
            except Exception as error:
                wifi.say("Wi-Fi: the radio failed: %s" % error)
        await asyncio.sleep_ms(TIMES["check"])


async def _open(wifi: "Wifi") -> None:
    """Opens the access point; its address is looked at, since it may not be what was set."""
    assert wifi.own is not None
    assert wifi.ap is not None
    ssid, secret, address, channel = wifi.own
    ap = wifi.ap
    mine = (address, "255.255.255.0", address, address)
    for _ in range(3):
        if secret:
            ap.config(ssid=ssid, password=secret)
        else:
            ap.config(ssid=ssid, security=0)
        ap.config(channel=channel)
        ap.active(True)
        ap.config(pm=0xA11140)
        for _ in range(3):
            if ap.ifconfig()[0] != address:
                ap.ifconfig(mine)
                await asyncio.sleep_ms(TIMES["ask"])
        if ap.ifconfig()[0] == address:
            break
        ap.active(False)
    ap.active(True)
    if not wifi.networks:
        wifi.joined.set()
    print("%s: Wi-Fi access point %s, address %s" % (wifi.node.name, ssid, ap.ifconfig()[0]))
