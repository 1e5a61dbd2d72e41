"""The `bluetooth` module of virtual boards, pinned to MicroPython's documentation and, where that
is silent, to what the rp2 port does on BTstack."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest
from ble_board import BleBoard, connected

from picosim import BluetoothFaults, World

NO_ADDRESS = (255, bytes(6))
CENTRAL_CONNECT, CENTRAL_DISCONNECT, WRITE, READ_REQUEST, SCAN_RESULT, SCAN_DONE = range(1, 7)
PERIPHERAL_CONNECT, PERIPHERAL_DISCONNECT, SERVICE, SERVICE_DONE = range(7, 11)
CHARACTERISTIC, CHARACTERISTIC_DONE, DESCRIPTOR, DESCRIPTOR_DONE = range(11, 15)
READ_RESULT, READ_DONE, WRITE_DONE, NOTIFY, INDICATE, INDICATE_DONE, MTU = range(15, 22)
CONNECTION_UPDATE = 27
DATA = {"temperature": 9, "cccd": 10, "rx": 12, "indicated": 14, "its cccd": 15}
"""Handles of `serve()`: BTstack's own two services stand before."""


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, BleBoard, BleBoard]]:
    with pytest.MonkeyPatch.context() as patch, World() as world:
        patch.setenv("PICOSIM_DIR", str(tmp_path_factory.mktemp("announced")))
        pair = BleBoard(world, "lamp"), BleBoard(world, "door")
        yield world, *pair
        for board in pair:
            board.repl.close()


@pytest.fixture
def lamp(boards: tuple[World, BleBoard, BleBoard]) -> BleBoard:
    boards[1].do("begin()")
    return boards[1]


@pytest.fixture
def door(boards: tuple[World, BleBoard, BleBoard]) -> Iterator[BleBoard]:
    boards[2].do("begin()")
    yield boards[2]
    boards[0].bluetooth.set(BluetoothFaults())


# -- the interface


def test_a_radio_that_is_off_refuses_everything(lamp: BleBoard) -> None:
    lamp.do("ble.active(False)")
    calls = (
        "ble.config, 'mac'", "ble.config, 'mtu'", "ble.config, 'gap_name'",
        "ble.gap_advertise, 100", "ble.gap_scan, 1000", "ble.gap_connect, 0, bytes(6)",
        "ble.gap_connect, None", "ble.gap_disconnect, 64", "ble.gatts_register_services, ()",
        "ble.gatts_read, 9", "ble.gatts_write, 9, b''", "ble.gatts_notify, 64, 9, b''",
        "ble.gatts_indicate, 64, 9", "ble.gatts_set_buffer, 9, 100",
        "ble.gattc_discover_services, 64", "ble.gattc_discover_characteristics, 64, 1, 9",
        "ble.gattc_discover_descriptors, 64, 1, 9",
        "ble.gattc_read, 64, 9", "ble.gattc_write, 64, 9, b''", "ble.gattc_exchange_mtu, 64",
    )  # fmt: skip
    for call in calls:
        assert (call, lamp.ask(f"error({call})")) == (call, errno.ENODEV)
    assert lamp.ask("ble.active(), ble.gap_advertise(None)") == (False, None)


def test_there_is_one_of_it_and_it_is_switched(lamp: BleBoard) -> None:
    assert lamp.ask("bluetooth.BLE() is ble, ble.active()") == (True, True)
    assert lamp.ask("ble.active(False), ble.active(1), ble.active()") == (False, True, True)


def test_config(lamp: BleBoard) -> None:
    assert lamp.ask("ble.config('mac')") == (0, lamp.mac)
    assert lamp.ask("ble.config('mtu'), ble.config('gap_name')") == (1017, b"MPY BTSTACK")
    lamp.do("ble.config(mtu=100, gap_name='greenhouse')")
    assert lamp.ask("ble.config('mtu'), ble.config('gap_name')") == (100, b"greenhouse")
    assert lamp.ask("error(ble.config, mtu=1018)") == errno.EINVAL
    unknown = "ValueError: unknown config param"  # also where NimBLE has it: not on this stack
    for name in ("rxbuf", "bond", "mitm", "io", "le_secure", "nonsense"):
        assert lamp.ask(f"error(ble.config, {name!r})") == unknown
        assert lamp.ask(f"error(ble.config, {name}=1)") == unknown
    assert lamp.ask("[error(ble.config, addr_mode=n) for n in range(4)]") == [
        0, errno.EINVAL, errno.EINVAL, errno.EINVAL,
    ]  # fmt: skip
    assert lamp.ask("error(ble.config)") == "TypeError: must query one param"
    lamp.do("begin()")
    assert lamp.ask("ble.config('mtu'), ble.config('gap_name')") == (1017, b"MPY BTSTACK")


def test_uuids(lamp: BleBoard) -> None:
    assert lamp.ask("bytes(UUID(0x2A6E)), bytes(RX)[:3], str(UUID(0x2A6E)), str(RX)") == (
        b"\x6e\x2a", b"\x9e\xca\xdc", "UUID(0x2a6e)",
        "UUID('6e400002-b5a3-f393-e0a9-e50e24dcca9e')",
    )  # fmt: skip
    assert lamp.ask("UUID(0x2A6E) == TEMPERATURE, UUID(bytes(RX)) == RX, {RX: 1}[UUID(RX)]") == (
        True, True, 1,
    )  # fmt: skip
    assert lamp.ask("RX == bytes(RX), UUID(0x2A6E) in (RX, TEMPERATURE)") == (False, True)
    assert lamp.ask("error(UUID, 65536)") == "ValueError: invalid UUID"
    assert lamp.ask("error(UUID, 'x' * 32)") == "ValueError: invalid char in UUID"
    assert lamp.ask("error(UUID, 'a' * 31)") == "ValueError: UUID too short"
    assert lamp.ask("error(UUID, 'a' * 33)") == "ValueError: UUID too long"


def test_flags_and_a_handler(lamp: BleBoard) -> None:
    assert lamp.ask(
        "[getattr(bluetooth, 'FLAG_' + n) for n in "
        "('READ', 'WRITE_NO_RESPONSE', 'WRITE', 'NOTIFY', 'INDICATE')]"
    ) == [2, 4, 8, 16, 32]
    assert lamp.ask("error(ble.irq, 5)") == "ValueError: invalid handler"
    assert lamp.ask("error(ble.irq, None)") == 0
    assert lamp.ask("error(ble.l2cap_listen, 1, 64)") == errno.EOPNOTSUPP


# -- advertising and scanning


def heard(
    board: BleBoard, ms: int = 150, active: bool = True
) -> list[tuple[int, bytes, int, int, bytes]]:
    """Each different thing that a scan finds."""
    board.do(f"del events[:]\nble.gap_scan({ms}, 30000, 30000, {active})")
    assert board.ask("wait(6)") == ()
    return sorted({(*x[:3], 0, x[4]) for x in board.ask("all_of(5)")})


def test_advertising_is_heard(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("ble.gap_advertise(20000, b'abc', resp_data=b'xyz')")
    assert heard(door) == [(0, lamp.mac, 0, 0, b"abc"), (0, lamp.mac, 4, 0, b"xyz")]
    assert heard(door, active=False) == [(0, lamp.mac, 0, 0, b"abc")]
    rssi = [x[3] for x in door.ask("all_of(5)")]
    assert all(-52 <= dbm <= -48 for dbm in rssi), rssi
    lamp.do("ble.gap_advertise(20000, connectable=False)")  # the data stays
    assert heard(door) == [(0, lamp.mac, 2, 0, b"abc"), (0, lamp.mac, 4, 0, b"xyz")]
    lamp.do("ble.gap_advertise(20000, b'', resp_data='text')")
    assert heard(door) == [(0, lamp.mac, 0, 0, b""), (0, lamp.mac, 4, 0, b"text")]
    lamp.do("ble.gap_advertise(None)")
    assert heard(door) == []
    assert lamp.ask("error(ble.gap_advertise, 20000, bytes(32))") == errno.EINVAL


def test_the_interval_of_advertising_is_kept(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("ble.gap_advertise(100000, b'abc')")
    door.do("ble.gap_scan(1000, 30000, 30000)\nwait(6)")
    assert 4 <= len(door.ask("all_of(5)")) <= 11  # each is up to 10 ms late, or more if busy


def test_a_scanner_is_deaf_outside_its_window(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("ble.gap_advertise(20000, b'abc')")
    door.do("ble.gap_scan(1000, 1000000, 100000)\nwait(6)")
    assert 1 <= len(door.ask("all_of(5)")) <= 8  # of 40
    assert door.ask("error(ble.gap_scan, 0, 30000, 40000)") == errno.EINVAL


def test_a_scan_without_end_is_stopped(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("advertise()")
    door.do("ble.gap_scan(0, 30000, 30000)\nwait(5)\ndel events[:]")
    assert door.ask("wait(6, 200)") is None
    door.do("ble.gap_scan(None)")
    assert door.wait(SCAN_DONE) == ()
    door.do("del events[:]")
    assert door.ask("wait(5, 100)") is None
    assert door.ask("ble.gap_scan(None), wait(6)") == (None, ())


# -- connections


def test_two_boards_connect_and_part(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("advertise()")
    door.do(f"ble.gap_connect(0, {lamp.mac!r}, 2000, 7500, 7500)")
    mine = door.wait(PERIPHERAL_CONNECT)
    its = lamp.wait(CENTRAL_CONNECT)
    assert mine == (64, 0, lamp.mac) and its == (64, 0, door.mac)
    assert door.ask("ble.gap_disconnect(64)") is True
    assert door.wait(PERIPHERAL_DISCONNECT) == (64, *NO_ADDRESS)
    assert lamp.wait(CENTRAL_DISCONNECT) == (64, *NO_ADDRESS)
    assert door.ask("ble.gap_disconnect(64)") is False
    connected(door, lamp)
    assert lamp.ask("ble.gap_disconnect(64)") is True
    assert door.wait(PERIPHERAL_DISCONNECT) == (64, *NO_ADDRESS)
    assert lamp.wait(CENTRAL_DISCONNECT) == (64, *NO_ADDRESS)


def test_advertising_ends_with_a_connection(lamp: BleBoard, door: BleBoard) -> None:
    connected(door, lamp)
    assert heard(door) == []
    lamp.do("advertise()")  # there is room for one connection: it waits
    assert heard(door) == []
    door.do("ble.gap_disconnect(64)")
    lamp.wait(CENTRAL_DISCONNECT)
    assert heard(door) != []


def test_advertising_pauses_while_the_board_is_a_central(
    boards: tuple[World, BleBoard, BleBoard], lamp: BleBoard, door: BleBoard
) -> None:
    third = BleBoard(boards[0], "third")
    try:
        third.do("begin()")
        door.do("advertise(b'door')")
        connected(door, lamp)
        assert heard(third) == []
        door.do("ble.gap_disconnect(64)\nwait(8)")
        assert {x[1] for x in heard(third)} == {door.mac}
    finally:
        third.repl.close()
        third.board.kill()


def test_a_board_has_one_connection(lamp: BleBoard, door: BleBoard) -> None:
    connected(door, lamp)
    assert door.ask("error(ble.gap_connect, 0, b'123456')") == errno.ENOTCONN


def test_connecting_waits_until_it_is_cancelled(lamp: BleBoard, door: BleBoard) -> None:
    door.do(f"ble.gap_connect(0, {lamp.mac!r}, 100)")  # the time is no limit on this stack
    assert door.ask("wait(8, 300)") is None
    assert door.ask(f"error(ble.gap_connect, 0, {lamp.mac!r})") == errno.EALREADY
    assert door.ask("error(ble.gap_connect, 0, b'123456')") == errno.ENOTCONN
    door.do("ble.gap_connect(None)")
    assert door.wait(PERIPHERAL_DISCONNECT) == (65535, *NO_ADDRESS)
    assert door.ask("error(ble.gap_connect, None)") == errno.EINVAL
    assert door.ask("error(ble.gap_connect, 0, b'12345')") == "ValueError: invalid addr"
    assert door.ask("error(ble.gap_connect, 0, b'123456', 2000, 5000, 5000)") == errno.EINVAL
    connected(door, lamp)


def test_an_advertiser_that_is_not_connectable_is_not_connected(
    lamp: BleBoard, door: BleBoard
) -> None:
    lamp.do("ble.gap_advertise(20000, b'abc', connectable=False)")
    door.do(f"ble.gap_connect(0, {lamp.mac!r})")
    assert door.ask("wait(7, 300)") is None


def test_switching_off_says_goodbye(lamp: BleBoard, door: BleBoard) -> None:
    connected(door, lamp)
    lamp.do("ble.active(False)")
    assert door.wait(PERIPHERAL_DISCONNECT, 500) == (64, *NO_ADDRESS)
    lamp.do("ble.active(True)\nadvertise()")
    assert heard(door) != []


# -- the server


def test_services_get_handles_as_on_the_board(lamp: BleBoard) -> None:
    assert lamp.ask("serve()") == (9, 12, 14)
    described = "((SERVICE, ((TEMPERATURE, READ, ((UUID(0x2901), READ), (RX, READ))),)),)"
    assert lamp.ask(f"ble.gatts_register_services({described})") == ((9, 10, 11),)
    assert lamp.ask("error(ble.gatts_read, 14)") == errno.EINVAL  # the others are gone
    assert lamp.ask("error(ble.gatts_register_services, (('x', ()),))") == (
        "ValueError: invalid service UUID"
    )
    assert lamp.ask("error(ble.gatts_register_services, ((SERVICE, ((RX,),)),))") == (
        "ValueError: invalid characteristic tuple"
    )


def test_512_bytes_of_attributes(lamp: BleBoard) -> None:
    many = "((SERVICE, tuple((UUID(0x2A00 + n), READ | NOTIFY) for n in range({}))),)"
    assert lamp.ask(f"error(ble.gatts_register_services, {many.format(13)})") == 0
    assert lamp.ask(f"error(ble.gatts_register_services, {many.format(16)})") == errno.ENOMEM


def test_values_are_local(lamp: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    assert lamp.ask("ble.gatts_read(h), ble.gatts_write(h, 'text'), ble.gatts_read(h)") == (
        b"", 4, b"text",
    )  # fmt: skip
    assert lamp.ask("ble.gatts_write(h, bytes(100)), len(ble.gatts_read(h))") == (100, 100)
    assert lamp.ask("error(ble.gatts_write, 99, b'')") == errno.EINVAL
    assert lamp.ask("error(ble.gatts_read, 99)") == errno.EINVAL
    assert lamp.ask("error(ble.gatts_set_buffer, 99, 100)") == errno.EINVAL
    assert lamp.ask("error(ble.gatts_write, rx, b'', True)") == errno.EINVAL  # nobody can subscribe


# -- the client


def test_discovery(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("serve()")
    connected(door, lamp)
    door.do("ble.gattc_discover_services(64)")
    assert door.wait(SERVICE_DONE) == (64, 0)
    assert door.ask("all_of(9)") == [
        (64, 1, 3, b"\x00\x18"), (64, 4, 6, b"\x01\x18"), (64, 7, 15, b"\x48\x18"),
    ]  # fmt: skip
    door.do("del events[:]\nble.gattc_discover_services(64, SERVICE)")
    assert door.wait(SERVICE_DONE) == (64, 0)
    assert door.ask("all_of(9)") == [(64, 7, 15, b"\x48\x18")]
    door.do("ble.gattc_discover_characteristics(64, 7, 15)")
    assert door.wait(CHARACTERISTIC_DONE) == (64, 0)
    rx = door.ask("bytes(RX)")
    assert door.ask("all_of(11)") == [  # the last handle, the value's, properties
        (64, 10, 9, 0x12, b"\x6e\x2a"), (64, 12, 12, 0x0C, rx), (64, 15, 14, 0x22, b"\x6f\x2a"),
    ]  # fmt: skip
    door.do("del events[:]\nble.gattc_discover_characteristics(64, 1, 0xffff, RX)")
    assert door.wait(CHARACTERISTIC_DONE) == (64, 0)
    assert door.ask("all_of(11)") == [(64, 12, 12, 0x0C, rx)]
    door.do("ble.gattc_discover_descriptors(64, 9, 10)")
    assert door.wait(DESCRIPTOR_DONE) == (64, 0)
    assert door.ask("all_of(13)") == [(64, 10, b"\x02\x29")]


def test_one_question_at_a_time(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("serve()")
    connected(door, lamp)
    door.do("ble.gattc_read(64, 9)")
    for call in (
        "ble.gattc_read, 64, 9", "ble.gattc_discover_services, 64",
        "ble.gattc_write, 64, 12, b'', 1",
    ):  # fmt: skip
        assert door.ask(f"error({call})") == errno.EALREADY
    assert door.wait(READ_DONE) == (64, 9, 0)
    assert door.ask("error(ble.gattc_read, 64, 9)") == 0
    for call in ("ble.gattc_read, 65, 9", "ble.gattc_discover_services, 65"):
        assert door.ask(f"error({call})") == errno.ENOTCONN


def test_reading(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()\nble.gatts_write(h, b'21.5')")
    connected(door, lamp)
    door.do("ble.gattc_read(64, 9)")
    assert door.wait(READ_DONE) == (64, 9, 0)
    assert door.wait(READ_RESULT) == (64, 9, b"21.5")
    assert lamp.wait(READ_REQUEST) == (64, 9)
    door.do("ble.gattc_read(64, 12)")
    assert door.wait(READ_DONE) == (64, 12, 2)  # reading is not permitted
    door.do("ble.gattc_read(64, 99)")
    assert door.wait(READ_DONE) == (64, 99, 1)  # no such handle
    door.do("ble.gattc_read(64, 3)")
    assert door.ask("wait(15)") == (64, 3, b"MPY BTSTACK")


def test_a_handler_answers_a_read_or_denies_it(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    lamp.do(
        "def on_event(event, data):\n"
        "    if event == 4:\n        ble.gatts_write(data[1], b'made when asked')\n"
    )
    door.do("ble.gattc_read(64, 9)")
    assert door.wait(READ_RESULT) == (64, 9, b"made when asked")
    door.wait(READ_DONE)
    lamp.do("def on_event(event, data):\n    if event == 4:\n        return 8\n")
    door.do("ble.gattc_read(64, 9)")
    assert door.wait(READ_DONE) == (64, 9, 8)
    assert door.ask("all_of(15)") == []


def test_writing(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    door.do("ble.gattc_write(64, 12, b'with an answer', 1)")
    assert door.wait(WRITE_DONE) == (64, 12, 0)
    assert lamp.wait(WRITE) == (64, 12)
    assert lamp.ask("ble.gatts_read(rx)") == b"with an answer"
    door.do("ble.gattc_write(64, 12, b'without')")
    assert lamp.wait(WRITE) == (64, 12)
    assert lamp.ask("ble.gatts_read(rx)") == b"without"
    assert door.ask("wait(17, 100)") is None
    door.do("ble.gattc_write(64, 9, b'not to be written', 1)")
    assert door.wait(WRITE_DONE) == (64, 9, 3)
    assert door.ask("error(ble.gattc_write, 64, 12, bytes(21))") == errno.EINVAL  # MTU 23
    assert door.ask("error(ble.gattc_write, 64, 12, b'', 2)") == errno.EINVAL


def test_a_value_holds_20_bytes_and_the_last_write(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    door.do("ble.gattc_exchange_mtu(64)\nwait(21)")
    door.do("ble.gattc_write(64, 12, bytes(range(30)), 1)\nwait(17)")
    assert lamp.ask("ble.gatts_read(rx)") == bytes(range(20))
    lamp.do("ble.gatts_set_buffer(rx, 100)")
    door.do("ble.gattc_write(64, 12, bytes(range(99)), 1)\nwait(17)")
    door.do("ble.gattc_write(64, 12, b'later', 1)\nwait(17)")
    assert lamp.ask("ble.gatts_read(rx), ble.gatts_read(rx)") == (b"later", b"later")
    lamp.do("ble.gatts_set_buffer(rx, 12, True)")
    for data in (b"one ", b"two ", b"three "):
        door.do(f"ble.gattc_write(64, 12, {data!r}, 1)\nwait(17)")
    assert lamp.ask("ble.gatts_read(rx), ble.gatts_read(rx)") == (b"one two thre", b"")


def test_each_write_reaches_the_handler_before_the_next(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do(
        "h, rx, ind = serve()\nseen = []\n"
        "def on_event(event, data):\n"
        "    if event == 3:\n        seen.append(ble.gatts_read(rx))\n"
    )
    connected(door, lamp)
    door.do(
        "for n in range(40):\n"
        "    while error(ble.gattc_write, 64, 12, b'%d' % n):\n        time.sleep_ms(1)\n"
        "while error(ble.gattc_write, 64, 12, b'end', 1):\n    time.sleep_ms(1)\nwait(17)"
    )
    assert lamp.ask("seen") == [b"%d" % n for n in range(40)] + [b"end"]


def test_a_flood_of_writes_is_refused(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp, high=100000, low=100000)
    errors = door.ask("[error(ble.gattc_write, 64, 12, b'x') for _ in range(20)]")
    # 8 are with the radio, one waits.
    assert errors == [0] * 9 + [errno.EALREADY] * 11
    assert door.ask("error(ble.gattc_read, 64, 9), error(ble.gattc_write, 64, 12, b'x', 1)") == (
        errno.EALREADY, errno.EALREADY,
    )  # fmt: skip
    # Nothing tells the board that there is room: it tries.
    assert door.ask("until(lambda: not error(ble.gattc_write, 64, 12, b'x'))") is True


def test_notifications(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()\nble.gatts_write(h, b'21.5')")
    connected(door, lamp)
    lamp.do("ble.gatts_notify(64, h)")  # whether it is subscribed to or not
    assert door.wait(NOTIFY) == (64, 9, b"21.5")
    lamp.do("ble.gatts_notify(64, h, 'other')")
    assert door.wait(NOTIFY) == (64, 9, b"other")
    assert lamp.ask("ble.gatts_read(h)") == b"21.5"
    lamp.do("ble.gatts_notify(64, h, bytes(range(40)))")
    assert door.wait(NOTIFY) == (64, 9, bytes(range(20)))
    assert lamp.ask("error(ble.gatts_notify, 65, h, b'')") == errno.EINVAL


def test_send_update_tells_who_has_subscribed(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    lamp.do("ble.gatts_write(h, b'1', True)")
    assert door.ask("wait(18, 150)") is None
    door.do("ble.gattc_write(64, 10, b'\\x01\\x00', 1)\nwait(17)")
    assert lamp.ask("all_of(3)") == []  # a subscription is no write
    lamp.do("ble.gatts_write(h, b'2', True)")
    assert door.wait(NOTIFY) == (64, 9, b"2")
    door.do("ble.gattc_write(64, 15, b'\\x02\\x00', 1)\nwait(17)")
    lamp.do("ble.gatts_write(ind, b'3', True)")
    assert door.wait(INDICATE) == (64, 14, b"3")
    assert lamp.wait(INDICATE_DONE) == (64, 14, 0)


def test_indications(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()\nble.gatts_write(ind, b'a')")
    connected(door, lamp)
    lamp.do("ble.gatts_indicate(64, ind)\nble.gatts_indicate(64, ind, b'b')")
    assert door.wait(INDICATE) == (64, 14, b"a")
    assert door.wait(INDICATE) == (64, 14, b"b")
    assert [lamp.wait(INDICATE_DONE) for _ in range(2)] == [(64, 14, 0)] * 2


def test_a_flood_of_notifications_is_refused(
    boards: tuple[World, BleBoard, BleBoard], lamp: BleBoard, door: BleBoard
) -> None:
    boards[0].bluetooth.set(BluetoothFaults(notify_queue=10))
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp, high=50000, low=50000)
    errors = lamp.ask("[error(ble.gatts_notify, 64, h, b'%d' % n) for n in range(30)]")
    assert errors[:10] == [0] * 10 and errno.ENOMEM in errors[10:]
    sent = [b"%d" % n for n, error in enumerate(errors) if not error]
    door.do(f"while len(all_of(18)) < {len(sent)} and wait(18, 500, keep=True):\n    pass")
    assert [x[2] for x in door.ask("all_of(18)")] == sent
    assert lamp.ask("error(ble.gatts_notify, 64, h, b'')") == 0


def test_the_mtu_is_exchanged_when_the_central_asks(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()\nble.config(mtu=200)")
    connected(door, lamp)
    assert lamp.ask("wait(21, 150)") is None
    door.do("ble.gattc_exchange_mtu(64)")
    assert door.wait(MTU) == (64, 200)
    assert lamp.wait(MTU) == (64, 200)
    lamp.do("ble.gatts_notify(64, h, bytes(300))")
    assert len(door.wait(NOTIFY)[2]) == 197
    lamp.do("ble.config(mtu=1017)")
    door.do("ble.gap_disconnect(64)\nwait(8)")
    connected(door, lamp)
    door.do("ble.gattc_exchange_mtu(64)")
    assert door.wait(MTU) == (64, 1017)
    lamp.do("ble.gatts_notify(64, h, bytes(1014))")
    assert len(door.wait(NOTIFY)[2]) == 1014


# -- the handler


def test_what_a_handler_gets_is_rubbish_afterwards(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    door.do("kept = []\ndef on_event(event, data):\n    kept.append(data)\n")
    connected(door, lamp)
    lamp.do("ble.gatts_notify(64, h, b'hello')")
    assert door.wait(NOTIFY) == (64, 9, b"hello")
    assert door.ask("bytes(kept[-1][2])") == b"\xa5" * 5
    assert door.ask("bytes(kept[0][2])") == b"\xa5" * 6
    door.do("ble.gattc_discover_services(64, SERVICE)\nwait(10)")
    assert door.ask("[bytes(d[3]) for d in kept if len(d) == 4]") == [b"\xa5\xa5"]


def test_events_come_into_a_busy_loop_and_never_into_another(
    lamp: BleBoard, door: BleBoard
) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    door.do(
        "depth = worst = 0\n"
        "def on_event(event, data):\n"
        "    global depth, worst\n"
        "    depth += 1\n    worst = max(worst, depth)\n"
        "    ble.gattc_write(64, 12, b'x')\n"
        "    end = time.ticks_add(time.ticks_us(), 2000)\n"
        "    while time.ticks_diff(end, time.ticks_us()) > 0:\n        pass\n"
        "    depth -= 1\n"
    )
    lamp.do("for _ in range(6):\n    ble.gatts_notify(64, h, b'x')")
    door.do(
        "end = time.ticks_add(time.ticks_ms(), 4000)\n"
        "while len(events) < 6 and time.ticks_diff(end, time.ticks_ms()) > 0:\n    pass"
    )
    assert door.ask("len(all_of(18)), worst, depth") == (6, 1, 0)


def test_a_handler_that_fails_is_called_again(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    door.do("def on_event(event, data):\n    raise ValueError('on purpose')\n")
    lamp.do("ble.gatts_notify(64, h, b'1')\nble.gatts_notify(64, h, b'2')")
    said = door.repl.run("while len(all_of(18)) < 2 and wait(18, keep=True):\n    pass").decode()
    assert said.count("ValueError: on purpose") == 2
    assert door.ask("all_of(18)") == [(64, 9, b"1"), (64, 9, b"2")]


def test_ctrl_c_leaves_the_module_usable(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    for _ in range(5):
        door.repl.begin("while True:\n    error(ble.gattc_write, 64, 12, b'x')")
        lamp.do("for _ in range(8):\n    error(ble.gatts_notify, 64, h, b'x')")
        door.repl.send(b"\x03")
        with pytest.raises(Exception, match="KeyboardInterrupt"):
            door.repl.end()
    lamp.do("until(lambda: not error(ble.gatts_notify, 64, h, b'afterwards'))")
    assert door.ask("until(lambda: (18, 64, 9, b'afterwards') in events)") is True
    door.do("ble.gattc_write(64, 12, b'too', 1)")
    assert door.wait(WRITE_DONE) == (64, 12, 0)


def test_a_new_pace_is_told(
    boards: tuple[World, BleBoard, BleBoard], lamp: BleBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from picosim.bluetooth import host as adapter
    from picosim.bluetooth.bleak_client import SimClient

    async def change() -> None:
        client = SimClient(lamp.board.bluetooth.address, disconnected_callback=None, timeout=5)
        await client.connect(False)
        assert client._connection
        await client._connection.update_parameters(60, 60, 1, 2000)
        await asyncio.get_running_loop().run_in_executor(None, updated)
        await client.disconnect()
        assert adapter.stack().device is None

    def updated() -> None:
        assert lamp.wait(CONNECTION_UPDATE) == (64, 48, 1, 200, 0)

    announcement = boards[0].bluetooth._announcement
    assert announcement
    monkeypatch.setenv("PICOSIM_DIR", str(announcement.parent))
    lamp.do("advertise()")
    asyncio.run(change())


def test_without_a_handler_values_are_written_all_the_same(lamp: BleBoard, door: BleBoard) -> None:
    lamp.do("h, rx, ind = serve()")
    connected(door, lamp)
    lamp.do("ble.irq(None)")
    door.do("ble.gattc_write(64, 12, b'unheard', 1)")
    assert door.wait(WRITE_DONE) == (64, 12, 0)
    assert lamp.ask("ble.gatts_read(rx)") == b"unheard"
