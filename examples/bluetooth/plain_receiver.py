# A peripheral as many write it, without picolink: it prints what is written to it and answers each
# with "Got it". Copy it to a board as main.py.
import asyncio

import bluetooth

CENTRAL_DISCONNECT = 2
GATTS_WRITE = 3
SERVICE = bluetooth.UUID(0x1848)
MESSAGES = bluetooth.UUID(0x2A6E)
NAME = b"receiver"

ble = bluetooth.BLE()
ble.active(True)
flags = bluetooth.FLAG_WRITE | bluetooth.FLAG_NOTIFY
((messages,),) = ble.gatts_register_services(((SERVICE, ((MESSAGES, flags),)),))
ble.gatts_set_buffer(messages, 100)


def advertise():
    name = bytes((len(NAME) + 1, 9)) + NAME
    ble.gap_advertise(100_000, adv_data=b"\x02\x01\x06\x03\x03\x48\x18" + name)


def on_event(event, data):
    if event == GATTS_WRITE:
        connection, handle = data
        print(ble.gatts_read(handle).decode())
        ble.gatts_notify(connection, handle, b"Got it")
    elif event == CENTRAL_DISCONNECT:
        print("the sender has gone")
        advertise()


async def main():
    ble.irq(on_event)
    advertise()
    print("waiting for the sender")
    await asyncio.Event().wait()  # all else happens in on_event


asyncio.run(main())
