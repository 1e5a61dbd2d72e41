"""The options of an address, `?name=value&...`: which there are. Loaded where an address has any,
and let go."""

from ..core.errors import BadAddress
from .registry import SCHEMES

_YES_NO = "yes no true false 1 0"
# scheme -> option -> its values where they are few; else the link looks at them
OPTIONS: "dict[str, dict[str, str]]" = {
    "uart": {"baud": "", "fast": "", "rx": "", "rxbuf": "", "tx": ""},
    "i2c": {"freq": "", "ready": "", "scl": "", "sda": ""},
    "i2c-target": {"ready": "", "scl": "", "sda": ""},
    "i2c-registers": {"scl": "", "sda": ""},
    "mqtt": {"home_assistant": _YES_NO, "json": _YES_NO, "qos": "0 1 2"},
    "ble-peripheral": {"interval_ms": "", "name": ""},
    "loopback": {"mtu": ""},
}
OPTIONS["mqtts"] = dict(OPTIONS["mqtt"], ca="", verify=_YES_NO)


def parts(scheme: str, where: str) -> "tuple[str, str, dict[str, str]]":
    """The same of `where?name=value&...`. A broker's stays whole (mqtt/address.py takes it apart):
    a password in it may hold a `?`."""
    if scheme[:4] == "mqtt" or scheme not in SCHEMES:
        return scheme, where, {}
    where, _, tail = where.partition("?")
    return scheme, where, parsed(scheme, tail)


def parsed(scheme: str, tail: str) -> "dict[str, str]":
    """What follows the `?` of an address; BadAddress where `scheme` has no such option."""
    known = OPTIONS.get(scheme, {})
    options: dict[str, str] = {}
    for pair in tail.split("&"):
        name, _, value = pair.partition("=")
        if name not in known:
            there = "there are " + ", ".join(sorted(known)) if known else "it takes none"
            raise BadAddress("%s has no option %s; %s" % (scheme, name or "''", there))
        if not value or name in options:
            how = "stands there twice" if value else "has no value, as in %s=..." % name
            raise BadAddress("the option %s of %s %s" % (name, scheme, how))
        if known[name] and value not in known[name].split():
            raise BadAddress(
                "%s can't have %s=%s, but %s"
                % (scheme, name, value, known[name].replace(" ", ", "))
            )
        options[name] = value
    return options
