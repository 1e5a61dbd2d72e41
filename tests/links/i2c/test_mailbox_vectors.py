"""The golden vectors of the mailbox: both halves make these transfers, on both interpreters."""

import json
from binascii import hexlify, unhexlify

from both import raises

from picolink.links.i2c.controller import Controller
from picolink.links.i2c.layout import MEMORY_BYTES
from picolink.links.i2c.target import Target

PLACE = __file__[: -len("tests/links/i2c/test_mailbox_vectors.py")] + "spec/vectors/mailbox.json"


def load():
    with open(PLACE, encoding="utf-8") as file:
        vectors = json.load(file)
    assert len(vectors["steps"]) > 30
    return vectors


def text(data):
    return hexlify(data).decode()


def test_the_target():
    vectors = load()
    target = Target(bytearray(MEMORY_BYTES), vectors["number"])
    for number, step in enumerate(vectors["steps"]):
        if "write" in step:
            data = unhexlify(step.get("arrives", step["bytes"]))
            target.memory[step["write"] : step["write"] + len(data)] = data
            target.look(True)
        elif "read" in step:
            at = step["read"]
            n = len(step["bytes"]) // 2
            assert (number, text(target.memory[at : at + n])) == (number, step["bytes"])
        elif "target sends" in step:
            target.send(unhexlify(step["target sends"]))
        elif "target hears" in step:
            assert text(target.packets.pop(0)) == step["target hears"]
        assert not target.packets or "target hears" in vectors["steps"][number + 1]


def test_the_controller():
    steps = load()["steps"]
    heard = []

    def next_step(kind, register):
        while "target sends" in steps[0] or "target hears" in steps[0]:
            steps.pop(0)
        step = steps.pop(0)
        assert step[kind] == register
        return step

    def read(register, n):
        data = unhexlify(next_step("read", register)["bytes"])
        assert len(data) == n
        return data

    def write(register, data):
        assert text(data) == next_step("write", register)["bytes"]

    controller = Controller(read, write, lambda: 0, 65)
    assert controller.begin()
    while steps:
        step = steps[0]
        if "controller sends" in step:
            controller.waiting.append(unhexlify(step["controller sends"]))
        elif "controller hears" in step:
            heard += [text(packet) for packet in controller.packets]
            controller.packets.clear()
            assert heard.pop(0) == step["controller hears"]
        elif "target sends" not in step and "target hears" not in step:
            controller.poll(0)
            continue
        steps.pop(0)
    assert not heard and not controller.waiting


def test_a_vector_that_is_wrong_is_noticed():
    vectors = load()
    target = Target(bytearray(MEMORY_BYTES), vectors["number"] + 1)
    with raises(AssertionError):
        assert text(target.memory[0x10:0x14]) == vectors["steps"][0]["bytes"]
