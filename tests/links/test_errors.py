"""Bad input: the right class, and one line that says what happened and what to do."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from struct import pack

import pytest
from virtual_bench import bench

import picolink
from picolink.core.lengths import Decoder, encode
from picolink.core.packets import HELLO_FORMAT, REFUSED, hello_packets
from picolink.node.host import threaded_client
from picolink.node.host.loop_thread import Host
from picosim import VirtualBoard, World

CPYTHON_ONLY = "virtual boards"


@pytest.fixture(scope="module")
def host(board: VirtualBoard) -> Iterator[picolink.Board]:
    with picolink.connect(f"tcp:{board.address}", timeout_s=8) as host:
        yield host


def refused(
    kind: type[picolink.PicolinkError], address: str, *words: str, timeout_s: float = 3
) -> None:
    """Connecting to `address` fails with this class and a line that has these words."""
    with pytest.raises(picolink.PicolinkError) as caught:
        picolink.connect(address, timeout_s=timeout_s).close()
    assert type(caught.value) is kind, repr(caught.value)
    says(caught.value, *words)


def says(error: Exception, *words: str) -> None:
    message = str(error)
    assert "\n" not in message
    for word in words:
        assert word in message, message


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "//ann:S3cr3t@127.0.0.1:1/n", "tcp://ann:S3cr3t@127.0.0.1", "tcp:ann:S3cr3t@127.0.0.1",
        "usb:mqtt://ann:S3cr3t@127.0.0.1", "uart:mqtt://ann:S3cr3t@h", "mqttt://ann:S3cr3t@h/x",
        "ann:S3cr3t@127.0.0.1", "mqtt://ann:S3cr3t127.0.0.1:1/n", "mqtts://ann:S3cr3t h:1/n",
    ],
)  # fmt: skip
def test_no_password_is_shown_of_an_address_that_is_mistyped(address: str) -> None:
    with pytest.raises(picolink.BadAddress, match="mqtt://USER:PASSWORD@HOST/") as caught:
        picolink.connect(address, timeout_s=1)
    assert "cr3t" not in str(caught.value)


def test_addresses_that_mean_nothing() -> None:
    refused(picolink.BadAddress, "foo:bar", "'foo'", "usb:auto", "tcp:HOST", "`picolink links`")
    refused(picolink.BadAddress, "", "empty", "usb:auto")
    refused(picolink.BadAddress, "tcp:127.0.0.1:99999", "'99999'", "65535", "5263")
    refused(picolink.BadAddress, "tcp:127.0.0.1:http", "'http'", "number")
    refused(picolink.BadAddress, "tcp:127.0.0.1:0", "'0'", "number", "5263")
    refused(picolink.BadAddress, "tcp:[::1", "brackets", "[::1]:5263")
    refused(picolink.BadAddress, "tcp:[::1:5263", "brackets", "[::1]:5263")
    refused(picolink.CannotConnect, "nobody", "'nobody'", "USB", "`picolink devices`")


def test_a_board_refuses_an_unknown_scheme(world: World) -> None:
    board = world.board(
        "scheme", heap_bytes=2_000_000, libs=libs(),
        main="from picolink import Node\nNode('scheme').run('uzb:', 'usb:')\n",
    )  # fmt: skip
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        assert host.name == "scheme"  # the other link serves
    assert "scheme: no uzb:: no link has the scheme 'uzb'; there are: " in board.log_text()
    board.kill()


def test_a_board_is_found_by_the_name_of_its_node(world: World) -> None:
    """What a real board is called only its node knows."""
    main = "from picolink import Node\nNode('well-hidden').run('usb:')\n"
    board = world.board("other-name", main=main, libs=libs())
    try:
        for address in ("usb:well-hidden", "well-hidden"):
            with picolink.connect(address, timeout_s=8) as host:
                assert host.uid == board.unique_id.hex()
    finally:
        board.kill()


def libs() -> dict[str, bytes]:
    from picolink.packing import compile_all

    return compile_all(["usb", "tcp"])


@pytest.mark.parametrize("name", ["my board", " ", "a/b", "Küche", "a:b", "x" * 100])
def test_names_with_illegal_characters(name: str) -> None:
    with pytest.raises(picolink.UsageError) as caught:
        picolink.Node(name)
    says(caught.value, "letters", "digits")


# Ports


def test_a_missing_serial_port() -> None:
    refused(picolink.CannotConnect, "/dev/ttyACM77", "no port /dev/ttyACM77")
    refused(picolink.CannotConnect, "usb:nobody", "no board named 'nobody'")


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    real = os.open

    def forbidden(file: str, *more: int) -> int:
        if file == path:
            raise PermissionError(13, "Permission denied", path)
        return real(file, *more)

    monkeypatch.setattr(os, "open", forbidden)
    try:
        refused(picolink.CannotConnect, path, "no permission", "the group", "sudo")
    finally:
        os.close(master)
        os.close(slave)


def test_a_port_that_this_program_has_open(board: VirtualBoard) -> None:
    with picolink.connect(board.usb_path, timeout_s=8):
        refused(picolink.PortBusy, board.usb_path, "this program", "close it first")


HOLDER = """
import sys, picolink
with picolink.connect(sys.argv[1]):
    print("there", flush=True)
    sys.stdin.read()
"""


def test_a_port_that_another_program_has_open(board: VirtualBoard, tmp_path: Path) -> None:
    script = tmp_path / "thermostat.py"
    script.write_text(HOLDER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for how, name in (([str(script)], "thermostat.py"), (["-c", HOLDER], "python")):
        other = subprocess.Popen(
            [sys.executable, *how, board.usb_path],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == "there\n"
            with pytest.raises(picolink.PortBusy) as caught:
                picolink.connect(board.usb_path)
            says(caught.value, f"(process {other.pid})", name, "Close that")
            assert str(caught.value).count("process") == 1  # the simulator is not named
            assert "import" not in str(caught.value)
        finally:
            other.communicate("")


# TCP


def test_a_port_in_use() -> None:
    from picolink.links.registry import load

    first = load("tcp-listen").open_link("tcp-listen", "127.0.0.1:0", {})
    port = first.address.rpartition(":")[2]
    try:
        with pytest.raises(picolink.CannotConnect) as caught:
            load("tcp-listen").open_link("tcp-listen", f"127.0.0.1:{port}", {})
        says(caught.value, f"port {port} is in use", "choose another port")
    finally:
        first.close()


def test_a_port_in_use_on_a_board(world: World) -> None:
    board = world.board(
        "twice", heap_bytes=2_000_000, libs=libs(),
        main="from picolink import Node\n"
        "Node('twice').run('usb:', 'tcp-listen::5263', 'tcp-listen::5263')\n",
    )  # fmt: skip
    with picolink.connect(board.usb_path, timeout_s=8) as host:
        assert host.name == "twice"
    told = [line for line in board.log_text().splitlines() if "no tcp-listen::5263: " in line]
    assert len(told) == 1
    assert "port 5263 is in use" in told[0]
    board.kill()


def test_nothing_listens(board: VirtualBoard) -> None:
    refused(
        picolink.CannotConnect, f"tcp:{board.address}:5264",
        "nothing listens on port 5264", "tcp-listen::5264",
    )  # fmt: skip


def test_no_such_host() -> None:
    refused(picolink.CannotConnect, "tcp:no-such-host.invalid", "'no-such-host.invalid'", "check")


def serve(reply: bytes | None) -> int:
    """A TCP server that answers the first packet with these bytes; returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        # The host closes while there may be something to read: a reset is no surprise.
        with contextlib.suppress(ConnectionError), listener, listener.accept()[0] as connection:
            while connection.recv(65536):
                if reply is not None:
                    connection.sendall(reply)

    threading.Thread(target=run, daemon=True).start()
    return int(listener.getsockname()[1])


def test_somebody_else_listens() -> None:
    web = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    refused(picolink.CannotConnect, f"tcp:127.0.0.1:{web}", "no picolink node", timeout_s=1)


def test_nothing_answers() -> None:
    silent = serve(None)
    refused(
        picolink.CannotConnect, f"tcp:127.0.0.1:{silent}",
        "no picolink node answered in 1 s", "node.run", timeout_s=1,
    )  # fmt: skip


def test_waiting_for_an_answer_costs_no_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A diagnosis that this kind of link has not got is not waited for again and again."""
    turns = []
    turn = Host.turn
    monkeypatch.setattr(Host, "turn", lambda self, until: (turns.append(until), turn(self, until)))
    monkeypatch.setattr(threaded_client, "_DIAGNOSE_MS", 100)
    with pytest.raises(picolink.CannotConnect):
        picolink.connect(f"tcp:127.0.0.1:{serve(None)}", timeout_s=1)
    assert len(turns) < 50


def test_another_version_of_the_protocol() -> None:
    """A scripted peer answers the hello with one of version 2."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with contextlib.suppress(ConnectionError), listener, listener.accept()[0] as connection:
            decoder = Decoder(4096)
            while data := connection.recv(65536):
                for packet in decoder.feed(data):
                    if packet[0] == 0x48:
                        uid = b"uid-of-the-other"
                        body = pack(
                            HELLO_FORMAT, 2, 0, packet[6:14], 77, 1, 0, 512, 512, 4096,
                            0, 0, 0, 0, 0, 0, len(uid),
                        ) + uid + b"newer"  # fmt: skip
                        for piece in hello_packets(body, 512, 1):
                            connection.sendall(encode(piece))

    threading.Thread(target=run, daemon=True).start()
    port = listener.getsockname()[1]
    refused(picolink.Refused, f"tcp:127.0.0.1:{port}", "version 2", "version 1", "update the older")


def test_a_board_tells_another_version(board: VirtualBoard) -> None:
    with socket.create_connection((board.address, 5263), 5) as connection:
        uid = b"uid-of-the-other"
        body = pack(
            HELLO_FORMAT, 2, 0, b"12345678", 77, 0, 0, 512, 512, 4096, 0, 0, 0, 0, 0, 0, len(uid)
        )
        for piece in hello_packets(body + uid + b"newer", 512, 1):
            connection.sendall(encode(piece))
        connection.settimeout(5)
        (answer,) = Decoder(4096).feed(connection.recv(4096))
    assert answer[4] == 1  # the version that the board speaks
    assert answer[5] & REFUSED


def test_as_many_hosts_as_it_takes(world: World) -> None:
    board = bench(world, "full")
    hosts = [picolink.connect(f"tcp:{board.address}", timeout_s=8) for _ in range(4)]
    refused(picolink.Refused, f"tcp:{board.address}", "4 sessions already")
    hosts[0].close()
    with picolink.connect(f"tcp:{board.address}", timeout_s=8) as another:
        assert another.call("echo", 1) == 1
    for host in hosts:
        host.close()
    board.kill()


# Calls


def test_an_unknown_command(host: picolink.Board) -> None:
    with pytest.raises(picolink.UnknownCommand) as caught:
        host.call("ecko", 1)
    says(caught.value, "bench", "ecko", "did you mean echo?")
    with pytest.raises(picolink.UnknownCommand) as caught:
        host.read("temprature")
    says(caught.value, "temprature")


def test_the_command_line_suggests_the_nearest(board: VirtualBoard) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "picolink.cli", "call", f"tcp:{board.address}", "ecko", "1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode != 0
    assert "echo" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_wrong_arguments(host: picolink.Board) -> None:
    with pytest.raises(picolink.BadArguments) as caught:
        host.call("fan", 101)
    says(caught.value, "fan", "level", "0..100", "101")
    with pytest.raises(picolink.BadArguments) as caught:
        host.call("fan", level="fast")
    says(caught.value, "level", "fast")
    with pytest.raises(picolink.BadArguments) as caught:
        host.call("count", 3)
    says(caught.value, "count is a stream", "stream()")
    for call in (lambda: host.call("fan"), lambda: host.call("fan", 1, 2, 3)):
        with pytest.raises((picolink.BadArguments, picolink.RemoteError)) as caught_any:
            call()
        says(caught_any.value, "fan")


def test_values_that_cannot_be_sent(host: picolink.Board) -> None:
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(picolink.UsageError) as caught:
            host.call("echo", value)
        says(caught.value)
    assert host.call("echo", 1) == 1


def test_oversize_messages(host: picolink.Board) -> None:
    with pytest.raises(picolink.TooBig) as caught:
        host.call("echo", b"x" * 130_000)
    says(caught.value, "120000")
    assert host.call("echo", 1) == 1


def test_a_closed_connection(board: VirtualBoard) -> None:
    host = picolink.connect(board.usb_path, timeout_s=8)
    host.close()
    host.close()
    with pytest.raises(picolink.LinkError) as caught:
        host.call("echo", 1)
    says(caught.value, "closed here")
