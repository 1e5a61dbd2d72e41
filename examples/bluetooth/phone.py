# What a phone app does with phone_board.py, as a plain script on bleak, without picolink.
import asyncio
import sys

from bleak import BleakClient, BleakScanner

LED = "00002a56-0000-1000-8000-00805f9b34fb"
TEMPERATURE = "00002a6e-0000-1000-8000-00805f9b34fb"


async def main(name):
    device = await BleakScanner.find_device_by_name(name)
    if device is None:
        sys.exit(f"no {name} advertises")
    async with BleakClient(device) as board:
        answers = asyncio.Queue()
        await board.start_notify(LED, lambda _, value: answers.put_nowait(value.decode()))
        for state in ("on", "?", "dark"):
            await board.write_gatt_char(LED, state.encode(), response=True)
            print("the lamp:", await asyncio.wait_for(answers.get(), 5))
        print("temperature:", (await board.read_gatt_char(TEMPERATURE)).decode(), "°C")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "greenhouse"))
