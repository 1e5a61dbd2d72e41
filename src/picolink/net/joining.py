"""Joining a network. Loaded when a board does, and let go once it has."""

import asyncio

from .wifi import DHCP, JOINING, NO_ADDRESS, REFUSED, TIMES, UP

MYPY = False
if MYPY:
    from .wifi import Wifi


async def join(wifi: "Wifi", ssid: str, secret: str) -> bool:
    """Whether the network is joined, and has given us an address."""
    sta = wifi.sta
    wifi.ssid = ssid
    wifi.step = "joining"
    if not sta.active():
        sta.active(True)
    sta.config(pm=0xA11142 if wifi.power_save else 0xA11140)
    if wifi.fixed:
        sta.ifconfig(wifi.fixed)
    for _ in range(3):
        sta.connect(ssid, secret or None)
        wifi.status = await _settled(wifi, 0, JOINING, NO_ADDRESS)
        if wifi.status != REFUSED:
            wifi.refusals[ssid] = 0
            break
        wifi.refusals[ssid] = wifi.refusals.get(ssid, 0) + 1  # a right one may be, at first
        await asyncio.sleep_ms(TIMES["retry"] // 4)
    if wifi.status == UP:
        await _meet(wifi)
    wifi.outcomes[ssid] = wifi.status
    if wifi.status != UP:
        sta.disconnect()
        from .explain import briefly

        wifi.say("no Wi-Fi: " + briefly(wifi))
        return False
    _up(wifi)
    return True


async def _settled(wifi: "Wifi", *stages: int) -> int:
    """The status that follows these stages, one of them where it comes to no end."""
    now_ms = wifi.node.now_ms
    status = wifi.sta.status()
    for stage in stages:
        end_ms = now_ms() + TIMES["join"]
        while status == stage and now_ms() < end_ms:
            await asyncio.sleep_ms(TIMES["ask"])
            status = wifi.sta.status()
    return status  # type: ignore[no-any-return]


async def _meet(wifi: "Wifi") -> None:
    """Whether the gateway answers; where a fixed address is no use, DHCP is tried."""
    wifi.dynamic = False
    wifi.answers = await wifi.knocks()
    if wifi.fixed and not wifi.answers:
        wifi.sta.ifconfig(DHCP)
        wifi.dynamic = await _settled(wifi, NO_ADDRESS) == UP and await wifi.knocks()
        if wifi.dynamic:
            wifi.answers = True
        else:
            wifi.sta.ifconfig(wifi.fixed)
        wifi.status = wifi.sta.status()


def _up(wifi: "Wifi") -> None:
    node = wifi.node
    again = wifi.ssid in wifi.worked
    if not again:
        wifi.worked.append(wifi.ssid)
    wifi.step = "up"
    wifi.address = wifi.sta.ifconfig()[0]
    wifi.say("Wi-Fi %s, address %s" % (wifi.ssid, wifi.address))
    wifi.joined.set()
    if again:  # what was connected before is not waited for
        for driver in wifi.connections():
            driver.lost("the Wi-Fi was lost")
    for peer in node.peers:
        peer.again()
