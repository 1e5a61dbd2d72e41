"""Boards have loopback addresses of their own."""

from __future__ import annotations

import socket

from picosim import World

SERVER = """
import asyncio
async def serve(r, w):
    print('from', w.get_extra_info('peername'))
    while True:
        data = await r.read(100)
        if not data: break
        w.write(data.upper()); await w.drain()
    w.close()
async def main():
    await asyncio.start_server(serve, '0.0.0.0', 5263)
    from machine import Pin
    Pin(1, Pin.OUT).on()
    while True: await asyncio.sleep(10)
asyncio.run(main())
"""

CLIENT = """
import socket, asyncio
from machine import Pin
while not Pin(0).value(): pass
s = socket.socket()
s.connect(socket.getaddrinfo(open('peer').read(), 5263)[0][-1])
s.setsockopt(6, 1, 1)
s.write(b'plain'); print(s.read(5)); s.close()
async def main():
    r, w = await asyncio.open_connection(open('peer').read(), 5263)
    w.write(b'asyncio'); await w.drain()
    print(await r.readexactly(7))
asyncio.run(main())
try:
    socket.socket().connect(('192.168.10.1', 80))
except OSError as e:
    print('errno', e.errno)
"""


def test_a_board_serves_and_dials_under_its_own_address(world: World) -> None:
    server = world.board("server", main=SERVER)
    client = world.board("client", main=CLIENT, files={"peer": server.address})
    assert server.address != client.address
    server.pin(1).wait(1)
    client.pin(0).set(1)
    client.wait_state("repl")
    assert client.log_text().startswith("b'PLAIN'\r\nb'ASYNCIO'\r\nerrno 113\r\n")
    assert server.log_text().count(f"from ('{client.address}'") == 2
    with socket.create_connection((server.address, 5263), timeout=5) as host:
        host.sendall(b"host")
        assert host.recv(10) == b"HOST"


def test_two_boards_listen_on_the_same_port(world: World) -> None:
    boards = [world.board(name, main=SERVER) for name in ("one", "two")]
    for board in boards:
        board.pin(1).wait(1)
        with socket.create_connection((board.address, 5263), timeout=5) as host:
            host.sendall(board.name.encode())
            assert host.recv(10) == board.name.upper().encode()


def test_datagrams(world: World) -> None:
    board = world.board(
        "b",
        main="import socket\nfrom machine import Pin\ns = socket.socket(2, 2)\n"
        "s.bind(('', 9999))\nPin(1, 1).on()\ndata, peer = s.recvfrom(100)\n"
        "print(data, peer)\ns.sendto(b'back', peer)",
    )
    board.pin(1).wait(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.settimeout(5)
        host.bind(("127.0.0.1", 0))
        host.sendto(b"there", (board.address, 9999))
        data, peer = host.recvfrom(100)
        assert (data, peer) == (b"back", (board.address, 9999))
        board.wait_state("repl")
        line = f"b'there' ('127.0.0.1', {host.getsockname()[1]})\r\n"
        assert board.log_text().startswith(line)
