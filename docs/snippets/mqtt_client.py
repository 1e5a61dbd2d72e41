import asyncio

from picolink.links.mqtt import Client

client = Client("mqtt://localhost", will=("lab42/status", "offline", 1, True))


def switched(message):
    print(message.topic, message.payload)


async def main():
    client.on("lab42/+/switch", switched, qos=1)
    await client.connect()
    await client.publish("lab42/status", "online", qos=1, retain=True)
    await client.publish("lab42/temperature", "21.5", qos=1)
    await asyncio.Event().wait()


asyncio.run(main())
