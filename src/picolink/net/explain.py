"""Why the Wi-Fi does not work, in plain words. Loaded by a board when it is asked, or fails."""

MYPY = False
if MYPY:
    from .wifi import Wifi

_WEAK_DBM = -80


def briefly(wifi: "Wifi") -> str:
    """Why the last try failed, in one line."""
    ssid, status = wifi.ssid, wifi.status
    if status == -3:
        if ssid in wifi.worked:
            return "%s refuses a password that it took before; trying again" % ssid
        return "%s refuses the password (%d times so far)" % (ssid, wifi.refusals)
    if status == -2:
        return "%s is not seen" % ssid
    if status == 1:
        return "%s does not let us in (stuck while joining)" % ssid
    if status == 2:
        return "%s gives no address (DHCP)" % ssid
    return "joining %s fails" % ssid


def explain(wifi: "Wifi") -> str:
    """How it is, why, and what to do."""
    lines = []
    if wifi.own:
        lines.append(_own(wifi))
    if wifi.networks:
        lines.append(_up(wifi) if wifi.joined.is_set() else _down(wifi))
    return "\n".join(lines)


def _own(wifi: "Wifi") -> str:
    assert wifi.own is not None
    ssid, _, wanted, _ = wifi.own
    if wifi.ap is None or not wifi.ap.active():
        return "The access point %s is not open yet." % ssid
    found = wifi.ap.ifconfig()[0]
    if found != wanted:
        return (
            "The access point %s is open, but at %s instead of %s: firmware does that at times. "
            "Peers that use picolink with `tcp:gateway`, or with %s as their gateway, find it; "
            "others dial %s. Taking its power away and giving it again may help."
            % (ssid, found, wanted, wanted, found)
        )
    return "The access point %s is open at %s." % (ssid, found)


def _up(wifi: "Wifi") -> str:
    dbm = wifi.sta.status("rssi")
    text = "Wi-Fi is up: %s, signal %d dBm, address %s." % (wifi.ssid, dbm, wifi.address)
    if wifi.dynamic:
        assert wifi.fixed is not None
        text += (
            " That is not the address that was set (%s): its gateway %s does not answer, and DHCP "
            "gave this one. Correct the address, or leave it out." % (wifi.fixed[0], wifi.fixed[2])
        )
    elif not wifi.answers:
        text += (
            " But the gateway %s does not answer: either it answers nobody, which is harmless, or "
            "%s." % (wifi.gateway, "the address is wrong for this network" if wifi.fixed
                     else "the router has a fault: start it anew")
        )  # fmt: skip
    else:
        text += " The gateway %s answers." % wifi.gateway
    if dbm < _WEAK_DBM:
        text += " The signal is weak: bring board and router closer together."
    return text


def _down(wifi: "Wifi") -> str:
    ssid, status = wifi.ssid, wifi.status
    if not wifi.sta.active() and wifi.step != "waiting":
        return "The radio is off: the node does not run, or has ended."
    if status == -3:
        return _refused(wifi)
    if status == 0:
        return "Joining %s; ask again in some seconds." % ssid
    if status == 1:
        return (
            "No Wi-Fi: %s does not let us in: joining it comes to no end. Mostly that is a wrong "
            "password (mind capitals); else a router that takes WPA3 alone: set it to WPA2. "
            "It is tried again and again." % ssid
        )
    if status == 2:
        return (
            "No Wi-Fi: %s was joined and gives no address: its DHCP is off, or has no address "
            "left. Start the router anew, or set an address of your own "
            '(wifi={"networks": [...], "address": "192.168.1.50"}).' % ssid
        )
    return _unseen(wifi)


def _refused(wifi: "Wifi") -> str:
    ssid = wifi.ssid
    if ssid in wifi.worked:
        return (
            "No Wi-Fi: %s refuses a password that it took before. Either that is for the moment "
            "only, which happens, or the password was changed. It is tried again and again." % ssid
        )
    if wifi.refusals < 4:
        return (
            "No Wi-Fi yet: %s refuses the password (%d times so far). Right ones are refused at "
            "first at times: it is tried again." % (ssid, wifi.refusals)
        )
    return (
        "No Wi-Fi: %s refuses the password (%d times in a row): it is wrong. Correct it; mind "
        "capitals. If this network asks people for a user name too, it is WPA2-Enterprise, which a "
        "Pico W can't do: use a guest network, or a phone's hotspot." % (ssid, wifi.refusals)
    )


def _unseen(wifi: "Wifi") -> str:
    seen: dict[str, int] = {}
    try:
        wifi.sta.active(True)
        for found in wifi.sta.scan():
            name = found[0].decode("utf-8")
            seen[name] = max(found[3], seen.get(name, -200))
    except (OSError, ValueError, UnicodeError) as error:
        return "No Wi-Fi: the radio can't scan (%s). Take its power away, and try again." % error
    for ssid, _ in wifi.networks:
        if ssid in seen:
            if seen[ssid] < _WEAK_DBM:
                return (
                    "No Wi-Fi: the signal of %s is too weak (%d dBm; above %d it works). Bring "
                    "board and router closer together." % (ssid, seen[ssid], _WEAK_DBM)
                )
            return "No Wi-Fi: joining %s fails, though it is seen. It is tried again." % ssid
    names = sorted(seen, key=lambda name: -seen[name])
    there = ", ".join("%s (%d dBm)" % (name, seen[name]) for name in names[:8])
    text = "No Wi-Fi: %s is not seen. " % " and ".join(ssid for ssid, _ in wifi.networks)
    text += "Seen are: %s. " % there if there else "No network is seen at all. "
    for ssid, _ in wifi.networks:
        for name in names:
            if name.lower().strip() == ssid.lower().strip() and name != ssid:
                return text + "Write the name as it is there: %r." % name
    return text + (
        "Is the router on, and near? A Pico W hears 2.4 GHz only: a network that is 5 GHz only "
        "it never sees."
    )
