"""What lacks is told: memory, where it is that, and how much of it there is."""

import gc
import sys

from both import cases, raises

from picolink.core.errors import CannotConnect
from picolink.links import registry
from picolink.links.memory import explained, is_short, largest_bytes


@cases(
    [
        MemoryError("memory allocation failed, allocating 17000 bytes"),
        OSError(12),
        OSError(12, "ENOMEM"),
        OSError(105),
        OSError(-0x7F00, "MBEDTLS_ERR_SSL_ALLOC_FAILED"),
        OSError(-0x7F00),
        OSError(-0x2880),  # X.509
        OSError(-0x2880 - 0x6A),  # with ASN.1's
        OSError(-0x4280 - 0x10),  # RSA's, with MPI's
        OSError(-17040, "MBEDTLS_ERR_RSA_PUBLIC_FAILED+MBEDTLS_ERR_MPI_ALLOC_FAILED"),
    ]
)
def test_what_says_that_memory_lacks(error):
    assert is_short(error)
    told = explained(error, "mqtts://broker/lab", True)
    assert isinstance(told, CannotConnect)
    text = str(told)
    assert "no memory to open mqtts://broker/lab" in text and "Fewer links" in text
    assert "reserve = bytearray(36000)" in text and "P-256" in text


@cases(
    [
        OSError(111, "ECONNREFUSED"),
        OSError(104),
        OSError(-2),
        OSError(-16),
        OSError(-0x2700, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"),
        OSError(-0x7200),
        OSError("something"),
        OSError(),
        ValueError(12),
    ]
)
def test_what_does_not(error):
    assert not is_short(error)
    assert explained(error, "tcp:host") is error


def test_the_figures_are_those_of_the_heap():
    if not hasattr(gc, "mem_free"):
        assert "bytes are free" not in str(explained(MemoryError(), "usb:"))
        return
    gc.collect()
    free = gc.mem_free()
    largest = largest_bytes(free)
    assert 0 < largest < free
    held = bytearray(largest)
    text = str(explained(MemoryError(), "usb:"))
    words = text.split(": ")[1].split()
    assert text.startswith("no memory to open usb:: ") and 0 < int(words[0]) <= free - len(held)
    assert "TLS" not in text


async def test_a_link_that_does_not_open_for_want_of_memory_says_so():
    class Module:
        pass

    there, registry.load = registry.load, lambda scheme: Module
    try:
        for error in (MemoryError("no room"), OSError(12)):
            Module.open_async = _fails(error)
            with raises(CannotConnect, "no memory to open mqtt:user@host/lab"):
                await registry.open_link("mqtt:user:secret@host/lab", None)
        Module.open_async = _fails(OSError(5))
        with raises(OSError):
            await registry.open_link("mqtt:host/lab", None)
    finally:
        registry.load = there


def _fails(error):
    async def open_async(scheme, where, options):
        raise error

    return open_async


def test_a_board_lets_the_module_go():
    explained(MemoryError(), "usb:")
    assert (sys.implementation.name == "micropython") != ("picolink.links.memory" in sys.modules)
