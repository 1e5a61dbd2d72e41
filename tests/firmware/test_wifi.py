"""A Pico W's firmware in the Wi-Fi of its world: it joins, is called, and reaches nothing else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import picolink
from picolink.packing import compile_all
from picosim import FirmwareBoard, NotEmulated, World
from picosim.rp2040.firmware import Firmware

Mpremote = Callable[..., str]

NODE = """
from picolink import Node
node = Node("shed", wifi=("net", "password"))

@node.command
def add(a, b):
    return a + b

node.run("usb:", "tcp-listen::5263")
"""

JOIN = """
import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("net", "any")
while not wlan.isconnected():
    time.sleep_ms(20)
def tried(host, port, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET, kind)
    s.settimeout(3)
    try:
        s.connect(socket.getaddrinfo(host, port)[0][4])
        s.send(b"hello")
        return s.recv(100).decode()
    except OSError as error:
        return "errno %s" % error.errno
    finally:
        s.close()
"""


@pytest.fixture
def echo() -> Iterator[tuple[int, int]]:
    """A TCP and a UDP port of this computer where somebody says what he heard."""
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))

    def answer_tcp() -> None:
        while True:
            try:
                end, _ = tcp.accept()
            except OSError:
                return
            with end:
                end.sendall(b"tcp " + end.recv(100))

    def answer_udp() -> None:
        while True:
            data, where = udp.recvfrom(100)
            if not data:
                return
            udp.sendto(b"udp " + data, where)

    threads = [threading.Thread(target=each) for each in (answer_tcp, answer_udp)]
    for thread in threads:
        thread.start()
    yield tcp.getsockname()[1], udp.getsockname()[1]
    tcp.shutdown(socket.SHUT_RDWR)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"", udp.getsockname())
    for thread in threads:
        thread.join()
    tcp.close()
    udp.close()


def addresses(pid: int) -> set[str]:
    """Addresses at the ends of a process's internet sockets. Of UDP at the other end: here it has
    none for a moment, while it is connected."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "udp", "tcp6", "udp6", "raw"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] not in inodes:
                continue
            ends = {fields[2]} - {"00000000:0000"}  # which is nobody: it listens
            for end in ends | {fields[1]} if table == "tcp" else ends:
                address = bytes.fromhex(end.partition(":")[0])
                found.add(socket.inet_ntoa(address[::-1]) if len(address) == 4 else end)
    return found


def watched(board: FirmwareBoard, done: threading.Event, seen: set[str]) -> None:
    while not done.wait(0.005):
        seen |= addresses(board.process_id)


def test_it_joins_and_is_called_over_tcp(world: World, pico_w: Firmware) -> None:
    board = world.board(
        "shed", main=NODE, libs=compile_all(["usb", "tcp", "wifi"]), firmware=pico_w.path
    )
    board.wait_ready()
    with picolink.connect(f"tcp:{board.address}:5263", timeout_s=90) as shed:
        assert shed.call("add", 2, 3) == 5
        text = "x" * 3000
        assert shed.call("add", text, "y") == text + "y"


def test_it_reaches_this_computer_and_nothing_else(
    world: World, pico_w: Firmware, mpremote: Mpremote, echo: tuple[int, int]
) -> None:
    board = world.board("a", firmware=pico_w.path)
    tcp, udp = echo
    done, seen = threading.Event(), set[str]()
    watcher = threading.Thread(target=watched, args=(board, done, seen))
    watcher.start()
    try:
        out = mpremote(
            board,
            "exec",
            f"""{JOIN}
print(wlan.ifconfig()[2])
print(tried('10.0.0.1', {tcp}))
print(tried('10.0.0.1', {udp}, socket.SOCK_DGRAM))
print(tried('example.com', {tcp}))
print(tried('10.0.0.1', 1))
for host in ('192.0.2.1', '8.8.8.8', '127.0.0.2', '10.0.0.77', '192.168.1.1'):
    print(tried(host, {tcp}), tried(host, {udp}, socket.SOCK_DGRAM), tried(host, 53))
print(socket.getaddrinfo('micropython.org', 80)[0][4][0])
""",
        )
    finally:
        done.set()
        watcher.join()
    lines = out.split("\n")
    assert lines[:4] == ["10.0.0.1", "tcp hello", "udp hello", "tcp hello"]
    assert lines[4].startswith("errno")  # nobody is there
    assert all(line.count("errno") == 3 for line in lines[5:10]), lines
    assert lines[10] == "10.0.0.1"
    assert {"192.0.2.1", "8.8.8.8"} <= {host for host, _ in board.refused()}
    assert {port for host, port in board.refused() if host == "8.8.8.8"} >= {tcp, udp}
    assert {"127.0.0.1", board.address} <= seen
    assert all(address.startswith("127.") for address in seen), seen


def test_a_name_server_of_elsewhere_is_not_asked(
    world: World, pico_w: Firmware, mpremote: Mpremote
) -> None:
    board = world.board("a", firmware=pico_w.path)
    out = mpremote(
        board,
        "exec",
        f"""{JOIN}
network.ipconfig(dns='8.8.8.8')
print(socket.getaddrinfo('micropython.org', 80)[0][4][0])
""",
    )
    assert out == "10.0.0.1\n"  # which is this computer
    assert all(address.startswith("127.") for address in addresses(board.process_id))


def test_nobody_is_there_before_it_has_joined_or_when_its_power_is_off(
    world: World, pico_w: Firmware
) -> None:
    board = world.board("a", firmware=pico_w.path)
    for _ in range(2):
        with socket.create_connection((board.address, 5263), timeout=20) as end:
            with pytest.raises(ConnectionResetError):
                end.recv(1)
        board.power_off()


def test_what_it_has_not_is_said(world: World, pico_w: Firmware) -> None:
    board = world.board("a", firmware=pico_w.path, start=False)
    for ask in (lambda: board.pin(1), lambda: board.adc(4), lambda: board.bluetooth):
        with pytest.raises(NotEmulated, match="emulated RP2040"):
            ask()
