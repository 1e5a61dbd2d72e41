import asyncio
import sys

import picolink


async def main(address):
    async with picolink.aio.connect(address) as board:
        print(await board.call("water", 0.1))
        async for r in board.readings("light", count=3):
            print(r.value, r.unit)


asyncio.run(main(sys.argv[1]))
