# A central as many write it, without picolink: it finds the receiver, writes a numbered message
# each second, and prints what comes back. Copy it to another board as main.py.
import asyncio

import bluetooth

SCAN_RESULT, SCAN_DONE = 5, 6
PERIPHERAL_CONNECT, PERIPHERAL_DISCONNECT = 7, 8
SERVICE_RESULT, SERVICE_DONE, CHARACTERISTIC_RESULT, CHARACTERISTIC_DONE = 9, 10, 11, 12
NOTIFY = 18
SERVICE = bluetooth.UUID(0x1848)
NAME = b"\x09\x09receiver"  # as it stands in an advertisement

ble = bluetooth.BLE()
ble.active(True)
found = None
connection = handles = messages = None
state = "idle"


def on_event(event, data):
    global found, connection, handles, messages, state
    if event == SCAN_RESULT:
        if NAME in bytes(data[4]) and found is None:
            found = data[0], bytes(data[1])
            ble.gap_scan(None)
    elif event == SCAN_DONE:
        if found is None:
            state = "idle"
        else:
            ble.gap_connect(*found)
    elif event == PERIPHERAL_CONNECT:
        connection = data[0]
        ble.gattc_discover_services(connection, SERVICE)
    elif event == SERVICE_RESULT:
        handles = data[1], data[2]
    elif event == SERVICE_DONE:
        ble.gattc_discover_characteristics(connection, *handles)
    elif event == CHARACTERISTIC_RESULT:
        messages = data[2]
    elif event == CHARACTERISTIC_DONE:
        # The descriptor that switches notifications on follows its characteristic.
        ble.gattc_write(connection, messages + 1, b"\x01\x00", 1)
        state = "connected"
    elif event == NOTIFY:
        print(bytes(data[2]).decode())
    elif event == PERIPHERAL_DISCONNECT:
        state = "idle"


async def main():
    global found, state
    ble.irq(on_event)
    number = 0
    while True:
        if state == "idle":
            found = None
            state = "looking"
            ble.gap_scan(5000, 30000, 30000, True)
        elif state == "connected":
            number += 1
            ble.gattc_write(connection, messages, b"message %d" % number, 1)
        await asyncio.sleep(1)


asyncio.run(main())
