# mypy: ignore-errors
# Runs on a board at its raw REPL, sent by `picolink selftest`. Each check is a function that
# returns what it measured; `check` prints it as one line of JSON. Nothing is written to flash.
import gc
import json
import select
import struct
import sys
import time
from binascii import crc32

import micropython
from machine import Pin, Timer

fin = sys.stdin.buffer
fout = sys.stdout.buffer


def check(function):
    try:
        value = function()
    except Exception as error:
        value = "%s: %s" % (type(error).__name__, error)
    print("\n=" + json.dumps(value))


def ready():
    print("\n=ready")


# The interpreter


def firmware():
    implementation = sys.implementation
    return {
        "version": ".".join(str(part) for part in implementation[1][:3]),
        "machine": getattr(implementation, "_machine", sys.platform),
        "mpy": getattr(implementation, "_mpy", 0) & 0xFF,
        "platform": sys.platform,
    }


def modules():
    names = "asyncio binascii bluetooth cryptolib deflate hashlib hmac json machine network "
    names += "os rp2 select socket ssl struct tls vfs _thread"
    found = {}
    for name in names.split():
        try:
            __import__(name)
            found[name] = True
        except ImportError:
            found[name] = False
    return found


def heap():
    gc.collect()
    free = gc.mem_free()
    return {"free_bytes": free, "total_bytes": free + gc.mem_alloc()}


def numbers():
    # A float that no 32 bits hold, and the first integer that allocates.
    bits = 0
    while bits < 64 and 1.0 + 1.0 / (1 << bits) != 1.0:
        bits += 1
    small = 0
    for power in range(28, 64):
        value = (1 << power) - 1
        gc.collect()
        before = gc.mem_alloc()
        value = value + 0
        if gc.mem_alloc() != before:
            break
        small = power
    return {
        "float_bits": bits,
        "epoch_holds_1_s": 1767225600.0 + 1 != 1767225600.0,
        "small_int_bits": small,
        "maxsize_bits": len(bin(sys.maxsize)) - 2,
    }


def json_rules():
    try:
        json.loads("NaN")
        nan = "taken"
    except ValueError:
        nan = "refused"
    return {
        "nan_loads": nan,
        "nan_dumps": json.dumps(float("nan")),
        "utf8": len(json.dumps("\xb0")),
        "separators": json.dumps([1, {"a": 2}]),
    }


def crc():
    return {
        "value": crc32(b"123456789") & 0xFFFFFFFF,
        "continues": crc32(b"6789", crc32(b"12345")) & 0xFFFFFFFF,
    }


def clock():
    began = time.ticks_ms()
    a = time.ticks_us()
    time.sleep_ms(50)
    took = time.ticks_diff(time.ticks_us(), a)
    return {
        "sleep_50_ms_us": took,
        "epoch_year": time.gmtime(0)[0],
        "runs": time.ticks_diff(time.ticks_ms(), began) >= 50,
    }


# Interrupts in a busy loop


def busy(ms):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        pass


def ticks_while(passing):
    seen = [0]

    def tick(_):
        seen[0] += 1

    timer = Timer(period=10, mode=Timer.PERIODIC, callback=tick)
    passing(300)
    timer.deinit()
    return {"ticks_in_300_ms": seen[0]}


def timer_in_busy_loop():
    return ticks_while(busy)


def timer_in_sleep():
    return ticks_while(time.sleep_ms)


def irq_in_busy_loop():
    # GP22 is switched between its own pulls: no wire is needed.
    seen = [0]

    def edge(_):
        seen[0] += 1

    pin = Pin(22, Pin.IN, Pin.PULL_DOWN)
    time.sleep_ms(2)
    pin.irq(edge, Pin.IRQ_RISING)
    pin.init(Pin.IN, Pin.PULL_UP)
    busy(20)
    pin.irq(None)
    return {"edges": seen[0]}


def schedule_in_busy_loop():
    seen = [0]

    def run(value):
        seen[0] = value

    micropython.schedule(run, 7)
    busy(20)
    return {"ran": seen[0] == 7}


# The USB port; the host plays along


def poll_counts():
    # The host sends 10 bytes at `ready`.
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    ready()
    first = len(poll.poll(2000))
    began = time.ticks_ms()
    data = fin.read(10)
    return {
        "events": first,
        "read": len(data),
        "blocked": time.ticks_diff(time.ticks_ms(), began) > 50,
        "any": hasattr(fin, "any"),
        "left": len(poll.poll(0)),
    }


def readinto_blocks():
    # The host sends 5 bytes at `ready`, and the other 5 100 ms later.
    buffer = bytearray(10)
    ready()
    began = 0
    n = 0
    one = fin.read(1)
    began = time.ticks_ms()
    n = fin.readinto(memoryview(buffer)[1:])
    return {"read": len(one) + n, "blocked_ms": time.ticks_diff(time.ticks_ms(), began)}


def input_waits():
    # The host sends 2000 bytes while nobody reads.
    ready()
    busy(300)
    data = fin.read(2000)
    return {"whole": data == b"abcdefghij" * 200}


def stalled_write():
    # The host sends a byte at `ready` and reads nothing for two seconds: how much goes, and how
    # long the write waits that does not. What the host's system buffers comes on top of the
    # board's own buffer.
    ready()
    fin.read(1)
    block = b"." * 64
    taken = 0
    longest = 0
    short = None
    while taken < 262144 and longest < 100:
        began = time.ticks_ms()
        n = fout.write(block)
        longest = max(longest, time.ticks_diff(time.ticks_ms(), began))
        taken += n or 0
        if n is None or n < len(block):
            short = n
            break
    poll = select.poll()
    poll.register(sys.stdout, select.POLLOUT)
    poll.poll(5000)  # a print that finds no room would be dropped
    time.sleep_ms(100)
    return {"taken_bytes": taken, "stall_ms": longest, "short": short}


# Speed


def microseconds(function, times=100):
    gc.collect()
    began = time.ticks_us()
    for _ in range(times):
        function()
    return time.ticks_diff(time.ticks_us(), began) / times


def speed():
    import hashlib

    data = bytes(range(256))
    view = memoryview(data)
    buffer = bytearray(256)
    message = {"t": 21.5, "n": 123, "s": "ok"}
    text = json.dumps(message)

    def loop():
        for _ in data:
            pass

    class Thing:
        def method(self):
            pass

    thing = Thing()
    table = {
        "empty_call": lambda: None,
        "method_call": thing.method,
        "format": lambda: "%d %s" % (1, "a"),
        "json_dumps": lambda: json.dumps(message),
        "json_loads": lambda: json.loads(text),
        "crc32_16_bytes": lambda: crc32(view[:16]),
        "crc32_256_bytes": lambda: crc32(data),
        "sha256_64_bytes": lambda: hashlib.sha256(view[:64]).digest(),
        "sha256_256_bytes": lambda: hashlib.sha256(data).digest(),
        "pack_into": lambda: struct.pack_into("<BHIH", buffer, 0, 1, 2, 3, 4),
        "unpack": lambda: struct.unpack("<BHIH", data[:9]),
        "loop_256_bytes": loop,
        "copy_slice_256_bytes": lambda: data[:255],
        "memoryview_slice": lambda: view[10:200],
        "replace_256_bytes": lambda: data.replace(b"\x00", b"\x1b "),
        "find_256_bytes": lambda: data.find(b"\xff"),
    }
    result = {name: microseconds(function) for name, function in table.items()}
    result["gc_collect"] = microseconds(gc.collect, 5)
    return result


def speed_asyncio():
    import asyncio

    result = {}

    async def nothing():
        pass

    async def main():
        began = time.ticks_us()
        for _ in range(50):
            await asyncio.sleep_ms(0)
        result["sleep_0"] = time.ticks_diff(time.ticks_us(), began) / 50
        began = time.ticks_us()
        for _ in range(50):
            await asyncio.create_task(nothing())
        result["task"] = time.ticks_diff(time.ticks_us(), began) / 50
        began = time.ticks_us()
        for _ in range(20):
            await asyncio.wait_for(nothing(), 1)
        result["wait_for"] = time.ticks_diff(time.ticks_us(), began) / 20

    asyncio.run(main())
    return result


# Resets


def reset_cause():
    import machine

    return {
        "cause": machine.reset_cause(),
        "unique_id": "".join("%02x" % b for b in machine.unique_id()),
    }
