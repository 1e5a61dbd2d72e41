"""Addresses as they may be shown: without the password that some hold."""


def shown(address: str) -> str:
    """`mqtt://USER:PASSWORD@HOST/...` without the password, any other as it is."""
    login, at, rest = address.rpartition("@")
    scheme, slashes, login = login.partition("//")
    user, colon, _ = login.partition(":")
    if not (at and slashes and colon):
        return address
    return scheme + slashes + user + at + rest
