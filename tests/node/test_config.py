"""/picolink.json: name and links for a program that gives none; whatever is wrong is one line."""

import builtins
import os

from both import cases, skip_on_micropython

from picolink.node import config

FILE = "picolink-test-config.json"
said = []


def setup():
    said.clear()
    config.PATH = FILE
    config.print = lambda text: said.append(text)


def teardown():
    config.PATH = "/picolink.json"
    config.print = builtins.print
    try:
        os.remove(FILE)
    except OSError:
        pass


def write(data):
    with open(FILE, "wb") as file:
        file.write(data)


def name():
    """The name that a board takes; a host would take its own."""
    real = config.sys
    config.sys = Board
    try:
        return config.node_name(b"\x01\xe6\x61")
    finally:
        config.sys = real


class Implementation:
    name = "micropython"


class Board:
    implementation = Implementation


def test_name_and_links_are_taken_and_nothing_is_said():
    write(b'{"name": "shed", "links": ["usb:", "tcp-listen::9000"], "mine": 1}')
    assert name() == "shed"
    assert config.node_links() == ["usb:", "tcp-listen::9000"]
    assert said == []


@cases(
    [
        (None, "no such file"),
        (b"", "no JSON"),
        (b'{"name": "shed"', "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[1, 2]", "no {...}"),
    ]
)
def test_a_missing_or_broken_file_is_one_line_and_the_board_comes_up(data, why):
    if data is not None:
        write(data)
    assert name() == "pico-e661"
    assert config.node_links() == ["usb:"]
    assert len(said) == 2 and all(FILE in line and why in line for line in said), said
    assert "pico-e661" in said[0] and "the link is usb:" in said[1]


@cases([(b'{"name": "my board"}',), (b'{"name": 7}',), (b'{"name": ""}',), (b'{"name": ["x"]}',)])
def test_what_is_no_name_is_told(data):
    write(data)
    assert name() == "pico-e661"
    assert len(said) == 1 and "is no name" in said[0], said


def test_a_file_without_links_means_usb_and_is_no_fault():
    write(b'{"name": "shed"}')
    assert config.node_links() == ["usb:"] and said == []


@cases([(b'{"links": "usb:"}',), (b'{"links": [1]}',), (b'{"links": []}',), (b'{"links": {}}',)])
def test_what_is_no_list_of_links_is_told(data):
    write(data)
    assert config.node_links() == ["usb:"]
    assert len(said) == 1 and "no list of addresses" in said[0], said


@skip_on_micropython("a board's name comes from its file")
def test_a_host_takes_its_own_name():
    from picolink import Node
    from picolink.node.host.identity import host_name

    assert Node().name == host_name()
