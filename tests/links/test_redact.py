"""Nothing of a password is shown, whatever form an address has. On both interpreters."""

from both import MICROPYTHON, cases

from picolink import Node
from picolink.core.errors import PicolinkError
from picolink.links.mqtt import Client
from picolink.links.mqtt.address import Broker
from picolink.links.redact import redact
from picolink.mqtt import Mqtt

#: Parts that no message may hold. Each address has SECRET somewhere in its password.
SECRET = "S3cr3t"
PASSWORDS = [
    "S3cr3t", "p@S3cr3t", "S3cr3t@p@ss", "p%40S3cr3t", "S3cr3t%", "S3cr3t%zz", "S3cr3t%ff%fe",
    "p:S3cr3t", "S3cr3t:12", "p/S3cr3t", "1/S3cr3t", "S3cr3t/2", "p#S3cr3t", "S3cr3t#", "p?S3cr3t",
    "1?S3cr3t=2", "p?a=S3cr3t", "p&S3cr3t", "p S3cr3t", "p[S3cr3t]", "pä€S3cr3t", "p@1/S3cr3t",
    "p@S3cr3t/x", "p?S3cr3t/x@y", "//S3cr3t", "S3cr3t//", "p+S3cr3t", "p$S3cr3t",
]  # fmt: skip


def addresses(password):
    for scheme in ("mqtt://", "mqtts://", "mqtt:", "MQTT://", "http://", ""):
        if not scheme and password[:2] == "//":
            continue  # it looks like a user behind a scheme
        for rest in ("127.0.0.1:1/lab", "h", "127.0.0.1/a@b", "127.0.0.1:x/lab", "h?ca=/a@b", ""):
            yield "%sann:%s@%s" % (scheme, password, rest)


def hides(text):
    assert SECRET not in text, text


@cases([(password,) for password in PASSWORDS])
def test_of_an_address(password):
    for address in addresses(password):
        hides(redact(address))
        assert "ann" in redact(address)
        try:
            broker = Broker(address)
        except PicolinkError as error:
            hides(str(error))
        else:
            hides(str(broker) + repr(broker) + repr(vars_of(broker)))
            assert broker.user == "ann" and SECRET in broker.password
            assert broker.host in ("127.0.0.1", "h")


def vars_of(broker):
    """What a message may say of a broker."""
    return [broker.host, broker.port, broker.prefix, broker.tls, broker.options]


@cases([("mqtt://ann:S3cr3t",), ("mqtt://ann:S3cr3t/lab",), ("mqtt:ann:S3cr3t",)])
def test_a_forgotten_host(address):
    try:
        Broker(address)
        raise AssertionError("taken")
    except PicolinkError as error:
        hides(str(error))


def test_the_last_at_separates():
    broker = Broker("mqtt://ann:p@ss@h@host/lab")
    assert (broker.user, broker.password, broker.host) == ("ann", "p@ss@h", "host")
    broker = Broker("mqtts://me%40mail:p%40ss@host:1884/me%40mail/x?ca=/a%40b")
    assert (broker.user, broker.password, broker.host) == ("me@mail", "p@ss", "host")
    assert (broker.prefix, broker.options) == ("me@mail/x", {"ca": "/a@b"})
    assert Broker("mqtt://host/me@mail/x").prefix == "me@mail/x"  # nothing could be a password


@cases(
    [
        ("mqtt://u:p@h/x", "mqtt://u@h/x"), ("mqtt:u:p@h", "mqtt:u@h"), ("mqtt://h/x", "mqtt://h/x"),
        ("mqtt://u@h/x", "mqtt://u@h/x"), ("usb:auto", "usb:auto"), ("u:p@h", "u@h"),
        ("tcp:1.2.3.4:5", "tcp:1.2.3.4:5"), ("greenhouse", "greenhouse"), ("a@b", "a@b"),
        ("mqtts://h?ca=/a@b", "mqtts://h?ca=/a@b"), ("mqtt://u:@h", "mqtt://u@h"),
        ("mqtt://u:secret", "mqtt://u"), ("mqtt:u:secret/lab", "mqtt:u"), ("mqtts://h:1/x", "mqtts://h:1/x"),
        ("mqtt://[::1]:1884/x", "mqtt://[::1]:1884/x"), ("mqtt://h?x=a:b", "mqtt://h?x=a:b"),
    ]
)  # fmt: skip
def test_what_is_shown(address, text):
    assert redact(address) == text


def test_of_clients_and_nodes():
    address = "mqtt://ann:p@S3cr3t@127.0.0.1:1/lab"
    client = Client(address)
    hides(repr(client) + str(client) + client.why)
    broker = Mqtt(address)
    hides(repr(broker) + broker.address)
    peer = Node("x", uid=b"12345678").peer(address)
    hides(repr(peer) + peer.address)


async def test_of_what_is_printed():
    """Of links that a node can't open, and of peers that are not reached."""
    import builtins

    from picolink.node import closing, opening

    printed = builtins.print
    said = [0]

    def look(*what, **_):
        said[0] += 1
        for w in what:
            hides(str(w))

    builtins.print = look
    try:
        for password in PASSWORDS[::9] if MICROPYTHON else PASSWORDS:
            for scheme in ("mqtt://", "MQTT://", "http://"):
                node = Node("x", uid=b"12345678")
                address = "%sann:%s@127.0.0.1:1/lab" % (scheme, password)
                await opening.open_all(node, [address])
                for link, error in node.failed:
                    hides(link + str(error) + repr(error))
                closing.stop(node)
    finally:
        builtins.print = printed
    assert said[0]
