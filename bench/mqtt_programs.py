"""The programs that the bench of MQTT runs: each side in a process of its own.

An asker reads the QoS from a line of stdin, makes so many round trips, prints their times in
microseconds as JSON. Handlers publish from within: neither client waits for another task or thread.
"""

# Names that are put before each: HOST, PORT, CA (a path, or None), NAME, COUNT.
PAHO = """
import json, ssl, sys, threading, time
import paho.mqtt.client as mqtt

def start(on_message, *topics):
    ready = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    if CA:
        client.tls_set(ca_certs=CA)
    client.on_connect = lambda c, u, f, r, p: c.subscribe([(topic, 1) for topic in topics])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = on_message
    client.connect(HOST, PORT)
    client.loop_start()
    ready.wait(10)
    return client
"""

PAHO_ANSWERER = (
    PAHO
    + """
client = start(lambda c, u, m: c.publish(NAME + "/answer", m.payload, m.qos), NAME + "/ask")
print("ready", flush=True)
threading.Event().wait()
"""
)

PAHO_ASKER = (
    PAHO
    + """
def heard(c, u, m):
    global asked
    now = time.perf_counter_ns()
    times.append((now - asked) / 1000)
    if len(times) == COUNT:
        over.set()
    else:
        asked = time.perf_counter_ns()
        c.publish(NAME + "/ask", b"x" * 32, qos)

over = threading.Event()
client = start(heard, NAME + "/answer")
print("ready", flush=True)
for line in sys.stdin:
    times = []
    over.clear()
    if line.startswith("publish"):
        began = time.perf_counter()
        infos = [client.publish(NAME + "/sink", b"x" * 32, 1) for _ in range(COUNT)]
        for info in infos:
            info.wait_for_publish()
        print(COUNT / (time.perf_counter() - began), flush=True)
        continue
    qos = int(line)
    asked = time.perf_counter_ns()
    client.publish(NAME + "/ask", b"x" * 32, qos)
    over.wait(60)
    print(json.dumps(times), flush=True)
"""
)

PICOLINK = """
import asyncio, json, sys, time
from picolink.links.mqtt import Client

def made():
    scheme = "mqtts" if CA else "mqtt"
    return Client("%s://%s:%d" % (scheme, HOST, PORT), ca=CA, queue=64)
"""

PICOLINK_ANSWERER = (
    PICOLINK
    + """
async def main():
    client = made()
    await client.connect()
    def heard(m):
        client.post(NAME + "/answer", m.payload, m.qos)
    await client.subscribe(NAME + "/ask", heard, qos=1)
    print("ready")
    await asyncio.Event().wait()

asyncio.run(main())
"""
)

PICOLINK_ASKER = (
    PICOLINK
    + """
async def main():
    client = made()
    await client.connect()
    over = asyncio.Event()

    def heard(m):
        nonlocal asked
        times.append((time.perf_counter_ns() - asked) / 1000)
        if len(times) == COUNT:
            over.set()
        else:
            asked = time.perf_counter_ns()
            client.post(NAME + "/ask", b"x" * 32, qos)

    await client.subscribe(NAME + "/answer", heard, qos=1)
    print("ready", flush=True)
    while line := sys.stdin.readline():
        times = []
        over.clear()
        if line.startswith("publish"):
            began = time.perf_counter()
            await flood(client)
            print(COUNT / (time.perf_counter() - began), flush=True)
            continue
        qos = int(line)
        asked = time.perf_counter_ns()
        client.post(NAME + "/ask", b"x" * 32, qos)
        await over.wait()
        print(json.dumps(times), flush=True)
"""
)

FLOOD = """
async def flood(client):
    from picolink.core.errors import Busy

    room = asyncio.Event()
    left = COUNT
    while left:
        try:
            last = client.post(NAME + "/sink", b"x" * 32, 1)
            last.on_over = room.set
            left -= 1
        except Busy:
            room.clear()
            await room.wait()
    while not last.over:
        room.clear()
        await room.wait()
"""
PICOLINK_ASKER += FLOOD + "\nasyncio.run(main())\n"

# On a board there is no `perf_counter`: it floods by itself, again and again.
PICOLINK_FLOOD = (
    PICOLINK
    + FLOOD
    + """
async def main():
    client = made()
    await client.connect()
    print("ready")
    for _ in range(ROUNDS):
        began = time.ticks_us()
        await flood(client)
        print(COUNT * 1e6 / time.ticks_diff(time.ticks_us(), began))

asyncio.run(main())
"""
)

# A client as umqtt.simple writes: each part of a packet by itself, and Nagle's algorithm on.
UMQTT_STYLE = """
import socket, time
sock = socket.socket()
sock.connect(socket.getaddrinfo(HOST, PORT)[0][-1])
sock.write(b"\\x10\\x10\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x04umqt")
assert sock.read(4) == b"\\x20\\x02\\x00\\x00"
topic = NAME + "/sink"
print("ready")
for turn in range(COUNT):
    began = time.ticks_us()
    sock.write(bytes((0x32, 2 + len(topic) + 2 + 32)))
    sock.write(len(topic).to_bytes(2, "big"))
    sock.write(topic)
    sock.write((turn + 1).to_bytes(2, "big"))
    sock.write(b"x" * 32)
    assert len(sock.read(4)) == 4
    print(time.ticks_diff(time.ticks_us(), began))
"""
