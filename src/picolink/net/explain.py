"""Why the Wi-Fi does not work, in plain words. Loaded by a board when it is asked, or fails.

A finding is (kind, why, what to do); where all is well its kind is "", and there is nothing to do.
"""

MYPY = False
if MYPY:
    from .wifi import Wifi

    Finding = tuple[str, str, str]

_WEAK_DBM = -80
_BELIEVED = 4  # refusals in a row: then the password is wrong
_AGAIN = "It is tried again and again."
_BRIEFLY = {
    -2: "%s is not seen",
    1: "%s does not let us in (stuck while joining)",
    2: "%s gives no address (DHCP)",
}


def briefly(wifi: "Wifi") -> str:
    """Why the last try failed, in one line."""
    ssid, status = wifi.ssid, wifi.status
    if status == -3:
        if ssid in wifi.worked:
            return "%s refuses a password that it took before; trying again" % ssid
        return "%s refuses the password (%d times so far)" % (ssid, wifi.refusals[ssid])
    told: str = _BRIEFLY.get(status, "joining %s fails") % ssid
    return told


def findings(wifi: "Wifi") -> "list[Finding]":
    """One for the access point that it is, and one for the network that is joined, or for each that
    is wanted."""
    found = []
    if wifi.own:
        found.append(_own(wifi))
    if wifi.networks and wifi.step == "up":
        found.append(_up(wifi))
    elif wifi.networks and wifi.step == "off":
        why = "The radio is off: the node has ended."
        found.append(("radio off", why, "Start the program again."))
    else:
        unseen = []
        for ssid, _ in wifi.networks:
            status = wifi.outcomes.get(ssid, 0)
            if status in (-1, -2, 3):
                unseen.append(ssid)
            else:
                found.append(_down(wifi, ssid, status))
        if unseen:
            found += _unseen(wifi, unseen)
    return found


def _own(wifi: "Wifi") -> "Finding":
    assert wifi.own is not None
    ssid, _, wanted, _ = wifi.own
    if not wifi.ap.active():
        return ("not open", "The access point %s is not open yet." % ssid, _AGAIN)
    found = wifi.ap.ifconfig()[0]
    if found != wanted:
        return (
            "other address",
            "The access point %s is open, but at %s instead of %s: firmware does that at times."
            % (ssid, found, wanted),
            "Peers that use picolink with `tcp:gateway`, or with %s as their gateway, find it; "
            "others dial %s. Taking its power away and giving it again may help." % (wanted, found),
        )
    return ("", "The access point %s is open at %s." % (ssid, found), "")


def _up(wifi: "Wifi") -> "Finding":
    dbm = wifi.sta.status("rssi")
    why = "Wi-Fi is up: %s, signal %d dBm, address %s." % (wifi.ssid, dbm, wifi.address)
    if wifi.dynamic:
        assert wifi.fixed is not None
        return (
            "other address",
            why + " That is not the address that was set (%s): its gateway %s does not answer, and "
            "DHCP gave this one." % (wifi.fixed[0], wifi.fixed[2]),
            "Correct the address, or leave it out.",
        )
    if not wifi.answers:
        why += " But the gateway %s does not answer: " % wifi.gateway
        if wifi.fixed:
            why += "the address is wrong for this network, or it answers nobody."
            return ("gateway silent", why, "Leave the address out, so that DHCP is asked.")
        why += "it answers nobody, which is harmless, or the router has a fault."
        return ("gateway silent", why, "If nothing is reached from here, start the router anew.")
    why += " The gateway %s answers." % wifi.gateway
    if wifi.power_save:
        why += " Power save is on, as was asked for: answers come late, by seconds at times."
    if dbm < _WEAK_DBM:
        return ("weak signal", why + " The signal is weak.", "Bring board and router closer.")
    return ("", why, "")


def _down(wifi: "Wifi", ssid: str, status: int) -> "Finding":
    if status == 0:
        return ("joining", "%s is yet to be joined." % ssid, "Ask again in some seconds.")
    if status == -3:
        return _refused(wifi, ssid)
    if status == 1:
        return (
            "stuck joining",
            "No Wi-Fi: %s does not let us in: joining it comes to no end. Mostly that is a wrong "
            "password (mind capitals); else a router that takes WPA3 alone." % ssid,
            "Correct the password; set the router to WPA2. " + _AGAIN,
        )
    return (
        "no address",
        "No Wi-Fi: %s was joined and gives no address: its DHCP is off, or has no address "
        "left." % ssid,
        "Start the router anew, or set an address of your own "
        '(wifi={"networks": [...], "address": "192.168.1.50"}). ' + _AGAIN,
    )


def _refused(wifi: "Wifi", ssid: str) -> "Finding":
    refusals = wifi.refusals[ssid]
    if ssid in wifi.worked:
        return (
            "password refused",
            "No Wi-Fi: %s refuses a password that it took before. Either that is for the moment "
            "only, which happens, or the password was changed." % ssid,
            _AGAIN,
        )
    if refusals < _BELIEVED:
        return (
            "password refused",
            "No Wi-Fi yet: %s refuses the password (%d times so far). Right ones are refused at "
            "first at times." % (ssid, refusals),
            _AGAIN,
        )
    return (
        "wrong password",
        "No Wi-Fi: %s refuses the password (%d times in a row): it is wrong. Or, if this network "
        "asks people for a user name too, it is WPA2-Enterprise, which a Pico W can't do."
        % (ssid, refusals),
        "Correct it; mind capitals. Instead of WPA2-Enterprise use a guest network, or a phone's "
        "hotspot. " + _AGAIN,
    )


def _unseen(wifi: "Wifi", wanted: "list[str]") -> "list[Finding]":
    """Of networks that could not be joined: whether they are there at all."""
    seen: dict[str, int] = {}
    try:
        wifi.sta.active(True)
        for network in wifi.sta.scan():
            name = network[0].decode("utf-8")
            seen[name] = max(network[3], seen.get(name, -200))
    except (OSError, ValueError) as error:
        why = "No Wi-Fi: the radio can't scan (%s)." % error
        return [("radio fails", why, "Take the board's power away, and try again.")]
    found = []
    for ssid in wanted:
        if ssid not in seen:
            found.append(_not_there(ssid, seen))
        elif seen[ssid] < _WEAK_DBM:
            why = "No Wi-Fi: the signal of %s is too weak (%d dBm; above %d it works)."
            why = why % (ssid, seen[ssid], _WEAK_DBM)
            found.append(("weak signal", why, "Bring board and router closer together."))
        else:
            why = "No Wi-Fi: %s is not joined, though it is seen." % ssid
            found.append(("joining fails", why, _AGAIN))
    return found


def _not_there(ssid: str, seen: "dict[str, int]") -> "Finding":
    names = sorted(seen, key=lambda name: -seen[name])
    there = ", ".join("%s (%d dBm)" % (name, seen[name]) for name in names[:8])
    why = "No Wi-Fi: %s is not seen. " % ssid
    why += "Seen are: %s." % there if there else "No network is seen at all."
    for name in names:
        if name.lower().strip() == ssid.lower().strip():
            return ("not seen", why, "Write the name as it is there: %r." % name)
    return (
        "not seen",
        why,
        "Is the router on, and near? A Pico W hears 2.4 GHz only: a network that is 5 GHz only it "
        "never sees.",
    )
