"""`picolink doctor mqtt://...`: each fault on the way to a node on a broker is named."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Certificates, Mosquitto, Nats, Program, Watcher

from picolink.cli.commands.doctor import examine
from picolink.core.errors import BadAddress
from picolink.links.host.diagnosis import Step
from picolink.links.mqtt import Client

CPYTHON_ONLY = "real brokers"

NODE = """
from picolink import Node
node = Node("greenhouse")

@node.command
def echo(value):
    return value

node.run(ADDRESS)
"""


def node(folder: Path, address: str) -> Program:
    """The greenhouse, online."""
    program = Program([sys.executable], f"ADDRESS = {address!r}\n{NODE}", folder)
    program.line("connected")
    return program


def last(address: str) -> Step:
    """What is wrong; all before it is well."""
    *before, step = examine(address)
    assert all(s.ok for s in before), before
    assert step.ok or (step.why and step.advice)
    return step


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


def test_all_is_well(broker: Mosquitto, tmp_path: Path) -> None:
    with node(tmp_path, broker.address + "/lab"):
        steps = list(examine(f"{broker.address}/lab/greenhouse"))
    assert all(step.ok for step in steps), steps
    assert [step.kind for step in steps].count("node") == 1
    assert steps[-1].what.startswith("a call comes back")


def test_who_is_not_there(broker: Mosquitto, tmp_path: Path) -> None:
    address = f"{broker.address}/lab/greenhouse"
    step = last(address)
    assert step.kind == "node never seen" and "lab/greenhouse/status" in step.why
    with node(tmp_path, broker.address + "/lab"):
        pass
    with Watcher(broker.port, "lab/greenhouse/status") as others:
        others.wait_for("lab/greenhouse/status", "offline")
    assert last(address).kind == "node offline"


def test_no_broker(tmp_path: Path) -> None:
    assert last("mqtt://127.0.0.1:1/lab/x").kind == "port closed"
    step = last("mqtt://no-such-host.invalid/lab/x")
    assert step.kind == "name unknown"
    with pytest.raises(BadAddress, match="which node"):
        last("mqtt://127.0.0.1")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "something else listens"),
        (b"", "something else listens"),
        (b"\x20\x02\x00\x01", "other protocol version"),
        (b"\x20\x02\x00\x02", "client id refused"),
        (b"\x20\x02\x00\x03", "broker not ready"),
        (b"\x20\x02\x00\x63", "refused"),
    ],
)
def test_who_is_no_good_broker(said: bytes, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            sock, _ = server.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        step = last(f"mqtt://127.0.0.1:{server.getsockname()[1]}/lab/x")
        thread.join()
    assert step.kind == kind, step


def test_users_and_topics(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("user ann\ntopic readwrite lab/#\n")
    users = {"ann": "p@ss"}
    with Mosquitto(tmp_path, users=users, more=f"acl_file {tmp_path}/acl") as broker:
        at = f"127.0.0.1:{broker.port}"
        for login in ("ann:no@", "bob:p%40ss@", ""):
            assert last(f"mqtt://{login}{at}/lab/greenhouse").kind == "user refused"
        assert last(f"mqtt://ann:p%40ss@{at}/attic/greenhouse").kind == "topic not allowed"
        assert last(f"mqtt://ann:p%40ss@{at}/lab/greenhouse").kind == "node never seen"
    (tmp_path / "nats").mkdir()
    with Nats(tmp_path / "nats", users={"ann": "secret"}, forbidden="attic.>") as nats:
        step = last(f"mqtt://ann:secret@127.0.0.1:{nats.port}/attic/greenhouse")
        assert step.kind == "topic not allowed" and "refuses" in step.why


def test_tls(certificates: Certificates, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, tls=certificates.leaf()) as broker:
        at = f"{broker.address}/lab/x"
        trusted = list(examine(f"{at}?ca={certificates.root}"))
        assert trusted[-1].kind == "node never seen"
        assert any("is trusted, " in step.what and "until " in step.what for step in trusted)
        step = last(f"{at}?ca={certificates.other_root}")
        assert step.kind == "certificate not trusted" and "until " in step.why
        assert last(at).kind == "certificate not trusted"
        assert last(f"{at}?ca={tmp_path}/none").kind == "CA unreadable"
        assert last(f"{at}?verify=no").kind == "node never seen"
        step = last(at.replace("mqtts", "mqtt"))
        assert step.kind == "something else listens" and "TLS" in step.why


def test_certificates_that_are_not_valid(certificates: Certificates, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, tls=certificates.leaf(expired=True)) as broker:
        step = last(f"{broker.address}/lab/x?ca={certificates.root}")
        assert step.kind == "certificate expired" and "until " in step.why
    (tmp_path / "other").mkdir()
    with Mosquitto(tmp_path / "other", tls=certificates.leaf("elsewhere.example")) as broker:
        assert last(f"{broker.address}/lab/x?ca={certificates.root}").kind == "other name"
    (tmp_path / "plain").mkdir()
    with Mosquitto(tmp_path / "plain") as broker:
        assert last(f"mqtts://127.0.0.1:{broker.port}/lab/x").kind == "no TLS"


def test_two_clients_of_one_id(broker: Mosquitto) -> None:
    """Each throws the other out, and comes back; both are nodes as far as the topics tell."""
    status = "lab/greenhouse/status"
    over = threading.Event()

    async def twins() -> None:
        clients = []
        for _ in range(2):
            client = Client(broker.address, client_id="twin", will=(status, "offline", 1, True))

            def up(client: Client = client) -> None:
                client.post(status, "online", 0, True)

            client.on_up = up
            client.start()
            clients.append(client)
        await asyncio.get_running_loop().run_in_executor(None, over.wait)
        assert any("does another client have the same id, 'twin'" in c.why for c in clients)
        for client in clients:
            await client.close()

    thread = threading.Thread(target=lambda: asyncio.run(twins()))
    with Watcher(broker.port, status) as others:
        thread.start()
        others.wait(lambda: len(others.messages) > 8)
        step = last(f"{broker.address}/lab/greenhouse")
        over.set()
        thread.join()
    assert step.kind == "client id stolen", step
