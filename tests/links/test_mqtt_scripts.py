"""Programs that people already have, without picolink, beside a node on a broker with TLS: they are
written from what such programs do, on nothing but sockets, for MicroPython."""

from __future__ import annotations

import sys
from pathlib import Path

from brokers import Certificates, Mosquitto, Program, Watcher, free_port
from micropython_runner import interpreter_command

CPYTHON_ONLY = "real brokers"

NODE = """
from picolink import Node
from picolink.mqtt import Mqtt

node = Node("lab42")
state = "off"

@node.command(state="on|off|toggle")
def led(word):
    global state
    state = word if word != "toggle" else "off" if state == "on" else "on"
    return state

@node.reading("temperature", unit="°C", every_s=0.2)
def temperature():
    return 23.44

broker = Mqtt(ADDRESS, ca=CA)
broker.command("lab42/onboard_led", led, reply="lab42/onboard_led_is")
broker.reading("lab42/onboard_temp", "temperature", format="%.1f")
node.run(broker)
"""

#: What both programs have: a blocking client as they are passed around, keepalive 7200.
PLAIN = """
import socket, ssl, struct, sys, time

def text(t):
    return struct.pack(">H", len(t)) + t

def packet(first, body):
    assert len(body) < 128
    return bytes((first, len(body))) + body

def connect(client_id, keepalive=7200):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    with open(CA, "rb") as f:
        context.load_verify_locations(cadata=f.read())
    s = context.wrap_socket(s, server_hostname="127.0.0.1")
    body = b"\\x00\\x04MQTT\\x04\\xc2" + struct.pack(">H", keepalive)
    s.write(packet(0x10, body + text(client_id) + text(b"ann") + text(b"secret")))
    assert s.read(4) == b"\\x20\\x02\\x00\\x00", "refused"
    return s
"""

PUBLISHER = """
s = connect(b"publisher")
for turn in range(4):  # once a second, bare, at QoS 0
    s.write(packet(0x30, text(b"lab42/onboard_led") + b"toggle"))
    time.sleep(1)
print("published")
"""

POLLER = """
s = connect(b"poller")
s.write(packet(0x82, b"\\x00\\x01" + text(b"lab42/onboard_temp") + b"\\x00"))
assert s.read(5) == b"\\x90\\x03\\x00\\x01\\x00"
print("subscribed")
for turn in range(2):
    time.sleep(5)  # what came meanwhile waits in the socket
    n = 0
    s.setblocking(False)
    while True:
        first = s.read(1)
        if not first:
            break
        s.setblocking(True)
        body = s.read(s.read(1)[0])
        s.setblocking(False)
        assert first == b"\\x30" and body == text(b"lab42/onboard_temp") + b"23.4", (first, body)
        n += 1
    print("polled", n)
"""


def test_a_publisher_and_a_poller_with_tls(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path / "certificates")
    port = free_port()  # for the test itself, without TLS
    with (
        Mosquitto(
            tmp_path, tls=certificates.leaf(), users={"ann": "secret"},
            more=f"listener {port} 127.0.0.1\nallow_anonymous true",
        ) as broker,
        Watcher(port, "lab42/#") as others,
    ):  # fmt: skip
        mqtts = f"mqtts://ann:secret@127.0.0.1:{broker.port}"
        node = f"ADDRESS = {mqtts!r}\nCA = {str(certificates.root)!r}\n{NODE}"
        settings = f"PORT = {broker.port}\nCA = {str(certificates.root_der)!r}\n"
        folders = [tmp_path / name for name in ("node", "publisher", "poller")]
        for folder in folders:
            folder.mkdir()
        with Program([sys.executable], node, folders[0]):
            others.wait_for("lab42/status", "online")
            others.wait_for("lab42/onboard_temp", "23.4")
            plain = interpreter_command()
            with (
                Program(plain, settings + PLAIN + POLLER, folders[2]) as poller,
                Program(plain, settings + PLAIN + PUBLISHER, folders[1]) as publisher,
            ):
                publisher.line("published")
                polled = [int(poller.line("polled").split()[1]) for _ in range(2)]
    assert all(n >= 15 for n in polled)  # of about 25 each
    assert others.payloads("lab42/onboard_led_is") == [b"on", b"off", b"on", b"off"]
