"""The `network` module: the CYW43 of a Pico W, over the world's access points (wifi/radio.py)."""

import time as _time

import _sim_air as _air
import _sim_socket as _socket

STA_IF = 0
AP_IF = 1
STAT_IDLE = 0
STAT_CONNECTING = 1
STAT_GOT_IP = 3
STAT_WRONG_PASSWORD = -3
STAT_NO_AP_FOUND = -2
STAT_CONNECT_FAIL = -1

SCAN_S = 0.2  # a real one takes 1 to 3
_INTERFACES = {}


def _text(value):
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


class WLAN:
    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0x10
    PM_POWERSAVE = 0x11
    PM_PERFORMANCE = 0xA11142
    SEC_OPEN = 0
    SEC_WPA_WPA2 = 0x400006
    SEC_WPA3 = 0x1000004
    SEC_WPA2_WPA3 = 0x1400004

    def __new__(cls, itf=0):
        if itf not in (0, 1):
            raise ValueError("invalid interface")
        if itf not in _INTERFACES:
            _socket._leave_the_wire()
            _INTERFACES[itf] = self = super().__new__(cls)
            self._itf = itf
        return _INTERFACES[itf]

    def __init__(self, itf=0):
        pass

    def __repr__(self):
        name = "AP" if self._itf else "STA"
        return "<CYW43 %s %d %s>" % (name, self.status(), self.ifconfig()[0])

    def active(self, value=None):
        return _air.call("active", self._itf, None if value is None else bool(value))

    def deinit(self):
        self.active(False)

    def connect(self, ssid=None, key=None, *, security=-1, bssid=None, channel=-1):
        if ssid is None:
            raise TypeError("ssid required")
        if bssid is not None and len(bssid) != 6:
            raise ValueError
        _air.call("connect", _text(ssid), _text(key or ""), bssid.hex() if bssid else "")

    def disconnect(self):
        _air.call("disconnect")

    def isconnected(self):
        if self._itf:
            return bool(_air.call("stations"))
        return self.status() == 3

    def status(self, what=None):
        if what is None:
            return _air.call("status", self._itf)
        if what == "rssi" and self._itf == 0:
            return _air.call("rssi")
        if what == "stations" and self._itf == 1:
            return [(bytes.fromhex(mac),) for mac in _air.call("stations")]
        raise ValueError("unknown status param")

    def scan(self):
        found = _air.call("scan")
        _time.sleep(SCAN_S)
        return [
            (ssid.encode(), bytes.fromhex(bssid), channel, rssi, security, hidden)
            for ssid, bssid, channel, rssi, security, hidden in found
        ]

    def ifconfig(self, settings=None):
        if settings is None:
            return tuple(_air.call("settings", self._itf))
        if settings == "dhcp":
            settings = ("dhcp", "", "", "")
        if len(settings) != 4:
            raise ValueError
        _air.call("set", self._itf, settings)

    def ipconfig(self, name=None, **values):
        ip, mask, gateway, dns = _air.call("settings", self._itf)
        if name is not None:
            if name == "addr4":
                return (ip, mask)
            if name == "gw4":
                return gateway
            if name == "dhcp4" or name == "has_dhcp4":
                return self._itf == 0 and _air.call("status", 0) == 3
            raise ValueError("unexpected key")
        for name, value in values.items():
            if name == "addr4":
                ip, mask = value if isinstance(value, tuple) else _slashed(value)
            elif name == "gw4":
                gateway = value
            elif name == "dhcp4":
                if value:
                    return _air.call("set", self._itf, ("dhcp", "", "", ""))
            else:
                raise ValueError("unexpected key")
        _air.call("set", self._itf, (ip, mask, gateway, dns))

    def config(self, name=None, **values):
        if name is not None:
            if name == "essid":
                name = "ssid"
            if name == "mac":
                return bytes.fromhex(_air.call("config", self._itf, name))
            if name not in ("ssid", "channel", "security", "pm", "hostname"):
                raise ValueError("unknown config param")
            return _air.call("config", self._itf, name)
        for name, value in values.items():
            name = {"essid": "ssid", "password": "key"}.get(name, name)
            if name not in ("ssid", "key", "channel", "security", "pm", "hostname"):
                raise ValueError("unknown config param")
            _air.call("configure", self._itf, name, _text(value))


def _slashed(value):
    ip, _, bits = value.partition("/")
    bits = 0xFFFFFFFF << 32 - int(bits or 32) & 0xFFFFFFFF
    return ip, ".".join(str(bits >> n & 255) for n in (24, 16, 8, 0))


def hostname(name=None):
    if name is None:
        return _air.call("config", 0, "hostname")
    if len(name) > 32:
        raise ValueError
    _air.call("configure", 0, "hostname", name)


def country(code=None):
    if code is None:
        return _air.call("config", 0, "country")
    if len(code) != 2:
        raise ValueError
    _air.call("configure", 0, "country", code)


def ipconfig(name=None, **values):
    ip, mask, gateway, dns = _air.call("settings", 0)
    if name == "dns":
        return dns
    if name is not None or set(values) - {"dns"}:
        raise ValueError("unexpected key")
    if values:
        _air.call("set", 0, (ip, mask, gateway, values["dns"]))


def route():
    return [(i, _INTERFACES[i]) for i in _INTERFACES]
