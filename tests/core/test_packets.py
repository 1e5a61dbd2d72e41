"""Hellos: what is read from them, what is refused, how they are cut."""

from struct import pack

from both import cases, raises

from picolink.core.packets import HELLO_BYTES, HELLO_FORMAT, Hello, hello_packets


def body(tag=7, echo=0, uid=b"uid", name=b"name", n=None):
    return (
        pack(
            HELLO_FORMAT, 1, 1, b"sessionA", tag, echo, 5, 512, 4096, 16384,
            1, 2, 3, 4, 5, 6, len(uid) if n is None else n,
        )
        + uid
        + name
    )  # fmt: skip


def test_fields():
    hello = Hello(body(name=b"caf\xc3\xa9\x00later versions"))
    assert hello.session == b"sessionA"
    assert (hello.flags, hello.tag, hello.echo, hello.clock) == (1, 7, 0, 5)
    assert (hello.mtu_bytes, hello.window_bytes, hello.limit_bytes) == (512, 4096, 16384)
    assert tuple(hello.lanes) == (1, 2, 3, 4, 5, 6)
    assert (hello.uid, hello.name) == (b"uid", "café")
    assert len(body(uid=b"", name=b"")) == HELLO_BYTES


@cases([
    (b"",),
    (body()[: HELLO_BYTES - 1],),
    (body(n=20),),
    (body(uid=b""),),
    (body(tag=0),),
    (body(name=b"\xff\xfe"),),
])  # fmt: skip
def test_no_hello(data):
    with raises(ValueError):
        Hello(data)


@cases([(20,), (32,), (61,), (64,), (512,)])
def test_pieces(mtu_bytes):
    whole = body(name=b"n" * 40)
    pieces = hello_packets(whole, mtu_bytes, 0x1AB)
    assert b"".join([p[4:] for p in pieces]) == whole
    for index, piece in enumerate(pieces):
        assert len(piece) <= mtu_bytes
        assert piece[:4] == bytes((0x48, 0xAB, index, len(pieces)))
