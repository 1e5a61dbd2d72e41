"""Calls, as section 6 has them."""

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def test_a_call_is_answered_by_the_value_returned(peer):
    """6.1, 6.4."""
    assert peer.call("echo", 1) == 1
    assert peer.call("echo", "ü", b"\0\xff", {"a": [None, 1.5]}) == [
        "ü",
        b"\0\xff",
        {"a": [None, 1.5]},
    ]
    assert peer.call(["echo", {"b": 2}], 1) == {"args": [1], "named": {"b": 2}}
