"""Options of addresses: one that there is not is told at once, on whichever link."""

from both import cases, skip_on_micropython

from picolink.core.errors import BadAddress
from picolink.links.mqtt.address import Broker
from picolink.links.options import OPTIONS
from picolink.links.registry import SCHEMES, load, split


def told(address):
    """What is said of it, at the place where a link would be opened."""
    try:
        split(address)
        if address[:4] == "mqtt":
            Broker(address)
    except BadAddress as error:
        return str(error)
    return ""


@cases([(scheme,) for scheme in sorted(SCHEMES)])
def test_a_misspelt_option_of_each_link(scheme):
    for tail in ("cas=/ca.der", "baudd=9600", "=1", "x"):
        said = told(scheme + "://h/lab?" + tail)
        name = tail.partition("=")[0] or "''"
        assert said.startswith("%s has no option %s; " % (scheme, name)), said


@cases(
    [
        ("mqtts://h?ca", "the option ca of mqtts has no value"),
        ("mqtts://h?ca=", "the option ca of mqtts has no value"),
        ("mqtts://h?ca=/a&ca=/b", "the option ca of mqtts stands there twice"),
        ("mqtts://h?verify=off", "can't have verify=off, but yes, no, true, false, 1, 0"),
        ("mqtt://h?qos=3", "can't have qos=3, but 0, 1, 2"),
        ("mqtt://h?json=on", "json=on"),
        ("mqtt://h?ca=/ca.pem", "mqtt has no option ca; there are home_assistant, json, qos"),
        ("tcp:1.2.3.4?timeout=3", "tcp has no option timeout; it takes none"),
        ("usb:?", "usb has no option ''"),
        ("uart:0?baud=115200&tx=0&rx=1&fast=921600&rxbuf=512", ""),
        ("i2c:0/0x43?sda=0&scl=1&freq=400000&ready=2", ""),
        ("mqtts://h/lab?ca=/ca.der&verify=yes&qos=0&json=yes&home_assistant=no", ""),
        ("mqtt://h/lab?", ""),
        ("bogus:x?y=1", ""),
    ]
)
def test_what_is_said(address, words):
    said = told(address)
    assert words in said if words else not said, said


@cases(
    [("mqtt://ann:S3?cr3t=1@h/lab",), ("mqtt://ann:1883/S3cr3t?x=y@h",), ("mqtt://ann:p?S3cr3t",)]
)
def test_nothing_of_a_password_is_shown(address):
    said = told(address)
    assert said and "cr3t" not in said, said


@skip_on_micropython("the texts of `picolink links`")
@cases([(scheme,) for scheme in sorted(SCHEMES)])
def test_what_is_told_of_is_what_there_is(scheme):
    listed = load(scheme).HELP.get(scheme, ("", "", {}))[2]
    told = {name.strip() for names in listed for name in names.split(",")}
    if scheme == "mqtts":
        told.update(OPTIONS["mqtt"])  # "the same with TLS"
    assert told == set(OPTIONS.get(scheme, ()))
