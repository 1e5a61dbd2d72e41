"""Addresses as they may be shown: without the password that some hold."""

_BROKER = ("mqtt", "mqtts")


def redact(address: str) -> str:
    """`mqtt://USER:PASSWORD@HOST/...` without the password, any other as it is. The last @ ends the
    password, whatever stands in it; where the host was forgotten, nothing does."""
    login, at, rest = address.rpartition("@")
    scheme, colon, login = (login if at else address).partition(":")
    if not colon or (not at and scheme not in _BROKER):
        return address
    if at and login[:2] != "//" and scheme not in _BROKER:  # it was the user, not a scheme
        return scheme + at + rest
    user, colon, more = login.partition(":")
    if not at:
        host = user.lstrip("/")
        if host != host.partition("?")[0].partition("/")[0] or "[" in host:
            return address  # the colon stands in a topic, an option, an IPv6 address
        if more.partition("?")[0].partition("/")[0].isdigit():
            return address  # a port
    return scheme + ":" + user + (at and at + rest) if colon else address
