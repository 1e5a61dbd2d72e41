"""The MQTT client, on both interpreters, with real brokers and paho-mqtt at the other end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from both import SEED, count
from brokers import (
    BROKERS,
    Broker,
    Certificates,
    Mosquitto,
    Nats,
    Program,
    Watcher,
    free_port,
)
from brokers import mosquitto_program as tool
from cutting_proxy import CuttingProxy
from micropython_runner import interpreter_command

CPYTHON_ONLY = "real brokers"

BEGIN = """
import asyncio, sys
from picolink.links.mqtt import Client
"""

Run = Callable[..., Program]


@pytest.fixture(scope="module", params=BROKERS, ids=lambda kind: kind.name)
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    with request.param(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(params=["cpython", "micropython"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Starts a program that has `Client`, on this interpreter."""
    command = [sys.executable] if request.param == "cpython" else interpreter_command()

    def start(source: str, **names: object) -> Program:
        told = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        return Program(command, BEGIN + told + source, tmp_path)

    return start


ECHO = """
async def main():
    client = Client(ADDRESS, will=("lab/status", "offline", 1, True))

    def heard(message):
        print(message.topic, message.payload, message.qos, message.retain)
        client.post("lab/led/state", message.payload, qos=1, retain=True)

    client.on("lab/+/set", heard, qos=2)
    await client.connect()
    await client.publish("lab/status", "online", qos=1, retain=True)
    await client.publish("lab/zero", "0")
    print("ready")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_back_and_forth_with_paho(broker: Broker, run: Run) -> None:
    with (
        Watcher(broker.port, "lab/#") as others,
        run(ECHO, ADDRESS=broker.address) as program,
    ):
        others.wait_for("lab/status", "online")
        others.wait_for("lab/zero", "0")
        program.line("ready")
        for qos in (0, 1, 2):
            others.put("lab/led/set", f"at {qos}", qos)
            others.wait_for("lab/led/state", f"at {qos}")
            line = program.line("lab/led/set")
            assert line == f"lab/led/set {f'at {qos}'.encode()!r} {min(qos, 1)} False"
        with Watcher(broker.port, "lab/led/state") as late:
            late.wait_for("lab/led/state", "at 2")
            assert late.messages[0].retain
        program.kill()
        others.wait_for("lab/status", "offline")


KEEPER = """
async def main():
    will = ("keeper/gone", TURN, 0, False)
    client = Client(ADDRESS, client_id="keeper", clean=False, will=will)
    client.on("kept", lambda message: print("got", str(message.payload, "utf-8")), qos=1)
    await client.connect()
    await client.subscribe("also", print)
    print("ready")
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_what_is_published_while_away_is_kept(broker: Broker, run: Run) -> None:
    with Watcher(broker.port, "keeper/gone") as others:
        with run(KEEPER, ADDRESS=broker.address, TURN="first") as program:
            program.line("ready")
        others.wait_for("keeper/gone", "first")  # else it may send to whom it takes to be there
        for i in range(5):
            others.put("kept", f"message {i}", 1)
        with run(KEEPER, ADDRESS=broker.address, TURN="second") as program:
            for i in range(5):
                assert program.line("got") == f"got message {i}"


OLDER = """
async def main():
    client = Client(ADDRESS, client_id="older", clean=False)
    client.on_down = lambda: print("down", client.why)

    def heard(message):
        print("got", message.qos, str(message.payload, "utf-8"))

    client.on("kept", heard, qos=1)
    await client.connect()
    await client.publish("older/ready", "yes", qos=1, retain=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def older_program(port: int) -> None:
    """Subscribes at QoS 2 to what is to be kept for it, and vanishes."""
    subscribed = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "older", clean_session=False)
    client.on_subscribe = lambda *_: subscribed.set()
    client.will_set("older/gone", "yes", 1, True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("kept", 2)
    assert subscribed.wait(20)
    client.loop_stop()
    client.socket().close()  # without a goodbye: the will tells when the broker knows


def test_what_an_older_program_asked_for_at_qos_2(broker: Broker, run: Run) -> None:
    with Watcher(broker.port, "older/ready", "older/gone") as others:
        others.put("older/gone", b"", 1, True)
        older_program(broker.port)
        others.wait_for("older/gone", "yes")
        for i in range(5):
            others.put("kept", f"message {i}", 2)
        with run(OLDER, ADDRESS=broker.address) as program:
            for i in range(5):
                assert program.line("got") == f"got 2 message {i}"
            others.wait_for("older/ready", "yes")
            others.put("kept", "and one more", 2)
            program.line("and one more")
            assert not [line for line in program.output if "down" in line]
        with run(OLDER, ADDRESS=broker.address) as program:  # nothing comes again
            others.put("kept", "last", 1)
            assert program.line("got").endswith("last")


BRIEF = """
async def main():
    client = Client(ADDRESS, keepalive_s=SECONDS)
    client.on_down = lambda: print("down", client.why)
    await client.connect()
    await asyncio.sleep(8)  # mosquitto looks every 5 s
    await client.publish("brief/still", "there", qos=1)
    print("connections:", client.connects)

asyncio.run(main())
"""


@pytest.mark.parametrize("seconds", [1, 4])
def test_a_short_keepalive(broker: Broker, run: Run, seconds: int) -> None:
    with run(BRIEF, ADDRESS=broker.address, SECONDS=seconds) as program:
        assert program.line("connections") == "connections: 1", program.output


LARGE = """
async def main():
    crc = 0
    client = Client(ADDRESS, max_message_bytes=2000)

    async def begin():
        with open(FILE, "rb") as file:
            await client.publish_from("large/out", file, SIZE)
        print("sent")

    def piece(piece):
        nonlocal crc
        from binascii import crc32
        assert len(piece.data) <= 2000
        crc = crc32(piece.data, crc)
        if piece.offset + len(piece.data) == piece.total:
            print("crc", crc)

    await client.connect()
    await client.subscribe("large/in", print, qos=1, pieces=piece)
    print("ready")
    await begin()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_large_messages_both_ways(broker: Broker, run: Run, tmp_path: Path) -> None:
    data = random.Random(SEED).randbytes(300_000)
    (tmp_path / "large.bin").write_bytes(data)
    with (
        Watcher(broker.port, "large/out") as others,
        run(LARGE, ADDRESS=broker.address, FILE=str(tmp_path / "large.bin"), SIZE=len(data)) as own,
    ):
        own.line("ready")
        others.put("large/in", data, 1)
        assert own.line("crc") == f"crc {zlib.crc32(data)}"
        others.wait_for("large/out", data)


TRY = """
async def main():
    try:
        client = await Client(ADDRESS, **OPTIONS).connect(timeout_s=TIMEOUT_S)
        await client.publish("tried", "it works", qos=1)
        print("END connected")
        for topic in TOPICS:
            await client.subscribe(topic, print)
            print("END subscribed", topic)
        await client.close()
    except Exception as error:
        print("END", type(error).__name__, error)

asyncio.run(main())
"""


def tried(
    run: Run, address: str, *topics: str, timeout_s: float = 15, **options: object
) -> list[str]:
    """What comes of connecting, and of subscribing to each topic, until one fails."""
    with run(TRY, ADDRESS=address, OPTIONS=options, TOPICS=topics, TIMEOUT_S=timeout_s) as program:
        results = []
        while len(results) < 1 + len(topics):
            results.append(program.line("END").removeprefix("END "))
            if "Refused" in results[-1] or "Error" in results[-1] or "Cannot" in results[-1]:
                break
        return results


@pytest.mark.parametrize("kind", BROKERS, ids=lambda kind: kind.name)
def test_users(run: Run, kind: type[Mosquitto | Nats], tmp_path: Path) -> None:
    with kind(tmp_path, users={"ann": "p@ss/word"}) as broker:
        here = f"127.0.0.1:{broker.port}"
        assert tried(run, f"mqtt://ann:p%40ss%2Fword@{here}", "home/x") == [
            "connected", "subscribed home/x",
        ]  # fmt: skip
        assert tried(run, f"mqtt://{here}", user="ann", password="p@ss/word") == ["connected"]
        for wrong in (f"mqtt://ann:no@{here}", f"mqtt://bob@{here}", f"mqtt://{here}"):
            (result,) = tried(run, wrong)
            assert result.startswith("Refused the broker refuses us:"), result
            assert "user" in result


def test_a_topic_that_is_not_allowed(run: Run, tmp_path: Path) -> None:
    """nats-server refuses it; mosquitto agrees, and delivers nothing."""
    with Nats(tmp_path, users={"ann": "secret"}, forbidden="attic.>") as broker:
        *_, good, bad = tried(run, f"mqtt://ann:secret@127.0.0.1:{broker.port}", "home", "attic/x")
        assert good == "subscribed home"
        assert bad.startswith("Refused the broker does not let us subscribe to attic/x"), bad


def test_nobody_there(run: Run) -> None:
    (result,) = tried(run, "mqtt://127.0.0.1:1", timeout_s=1)
    assert result.startswith("CannotConnect no broker answers at 127.0.0.1 port 1"), result


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("kind", BROKERS, ids=lambda kind: kind.name)
def test_tls(run: Run, kind: type[Broker], certificates: Certificates, tmp_path: Path) -> None:
    with kind(tmp_path, tls=certificates.leaf()) as broker:
        for ca in (certificates.root, certificates.root_der):
            assert tried(run, broker.address, ca=str(ca)) == ["connected"]
        assert tried(run, f"{broker.address}?ca={certificates.root}") == ["connected"]
        assert tried(run, broker.address, ca=certificates.root.read_bytes()) == ["connected"]
        assert tried(run, broker.address + "?verify=no") == ["connected"]
        (result,) = tried(run, broker.address, ca=str(certificates.other_root), timeout_s=2)
        assert "CannotConnect the certificate of 127.0.0.1 is not trusted" in result
        (result,) = tried(run, broker.address, ca=str(certificates.folder / "none.pem"))
        assert result.startswith("UsageError the CA's file")
        (result,) = tried(run, broker.address.replace("mqtts", "mqtt"), timeout_s=2)
        assert result.startswith("CannotConnect"), result


def test_tls_certificates_that_are_not_valid(
    run: Run, certificates: Certificates, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path, tls=certificates.leaf(expired=True)) as broker:
        (result,) = tried(run, broker.address, ca=str(certificates.root), timeout_s=2)
        assert "is not trusted" in result and "expired" in result
    (tmp_path / "other").mkdir()
    with Mosquitto(tmp_path / "other", tls=certificates.leaf("elsewhere.example")) as broker:
        (result,) = tried(run, broker.address, ca=str(certificates.root), timeout_s=2)
        assert "is not trusted" in result


def test_tls_where_there_is_none(run: Run, broker: Broker, certificates: Certificates) -> None:
    address = broker.address.replace("mqtt:", "mqtts:")
    (result,) = tried(run, address, ca=str(certificates.root), timeout_s=2)
    assert result.startswith("CannotConnect no TLS with 127.0.0.1"), result


LARGE_TLS = LARGE.replace("Client(ADDRESS,", "Client(ADDRESS, ca=CA,")


def test_large_messages_over_tls(run: Run, certificates: Certificates, tmp_path: Path) -> None:
    data = random.Random(SEED).randbytes(200_000)
    (tmp_path / "large.bin").write_bytes(data)
    other = free_port()  # paho comes without TLS
    more = f"listener {other} 127.0.0.1"
    chain, key = certificates.leaf()
    with (
        Mosquitto(tmp_path, tls=(chain, key), more=more) as broker,
        Watcher(other, "large/out") as others,
        run(
            LARGE_TLS, ADDRESS=broker.address, CA=str(certificates.root),
            FILE=str(tmp_path / "large.bin"), SIZE=len(data),
        ) as own,
    ):  # fmt: skip
        own.line("ready")
        others.put("large/in", data, 1)
        assert own.line("crc") == f"crc {zlib.crc32(data)}"
        others.wait_for("large/out", data)


STORM = """
from picolink.links.mqtt.connection import TIMES
TIMES.update({"retry": 20, "retry_max": 200, "answer": 2000})

async def main():
    up = asyncio.Event()
    client = Client(ADDRESS, client_id="storm", keepalive_s=2)
    client.on_up = up.set
    await client.connect()
    for i in range(N):
        while True:
            try:
                client.post("storm/reading", "%d" % i, qos=1)
                break
            except Exception as error:
                assert "wait for the broker" in str(error), error
                await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        if i in BLOWS:
            up.clear()
            print("posted", i)
        elif i - 30 in BLOWS:  # these were posted while it is struck; not before it is over, more
            await up.wait()
    await client.publish("storm/reading", "%d" % N, qos=1)
    print("all", client.connects)

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", BROKERS, ids=lambda kind: kind.name)
def test_readings_at_qos_1_through_kills_and_cuts(
    run: Run, kind: type[Broker], tmp_path: Path
) -> None:
    """All arrive, in order once repeats are left out. nats-server stores before it acknowledges,
    so it is killed; mosquitto writes at its end. After a kill nats-server sends newer ones before
    those that were under way to the subscriber: there the order is not ours to promise."""
    n = count(10_000)
    moments = random.Random(SEED)
    blows = [moments.randrange(i, i + 190) for i in range(0, n, n // count(40))]
    how = signal.SIGKILL if kind is Nats else signal.SIGTERM
    with kind(tmp_path) as broker:
        proxy = CuttingProxy(("127.0.0.1", broker.port), SEED)
        try:
            with (
                Watcher(broker.port, "storm/#", client_id="sink", clean=False) as others,
                run(STORM, ADDRESS=f"mqtt://127.0.0.1:{proxy.port}", N=n, BLOWS=blows) as program,
            ):
                for turn, reached in enumerate(blows):
                    program.line(f"posted {reached}")
                    if turn % 2:
                        broker.end(how)
                        broker.start()
                    else:
                        proxy.cut()
                assert int(program.line("all", 60).split()[1]) > len(blows)
                others.wait(lambda: len({m.payload for m in others.messages}) > n, 60)
                got = [int(payload) for payload in others.payloads("storm/reading")]
        finally:
            proxy.close()
    once = list(dict.fromkeys(got))
    assert (sorted(once) if kind is Nats else once) == list(range(n + 1))


def test_the_page_of_mqtt(run: Run, broker: Broker) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "snippets" / "mqtt_client.py"
    source = page.read_text("utf-8").replace("mqtt://localhost", broker.address)
    with Watcher(broker.port, "lab42/#") as others, run(source) as program:
        others.wait_for("lab42/temperature", "21.5")
        others.put("lab42/lamp/switch", "on")
        assert program.line("switch") == "lab42/lamp/switch b'on'"
        program.kill()
        others.wait_for("lab42/status", "offline")


def test_with_mosquitto_pub_and_sub(run: Run, tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        run(ECHO, ADDRESS=broker.address) as program,
    ):
        program.line("ready")
        at = ["-p", str(broker.port)]
        subprocess.run(
            [tool("mosquitto_pub"), *at, "-q", "2", "-t", "lab/led/set", "-m", "toggle"], check=True
        )
        program.line("lab/led/set")
        done = subprocess.run(
            [tool("mosquitto_sub"), *at, "-C", "1", "-W", "10", "-t", "lab/led/state"],
            check=True, capture_output=True, text=True, env=dict(os.environ),
        )  # fmt: skip
        assert done.stdout == "toggle\n"
