"""Switches the lamp and prints the temperature; knows nothing of picolink.

usage: python plain.py BROKER_HOST PORT on|off|toggle
"""

import queue
import sys

import paho.mqtt.client as mqtt

host, port, word = sys.argv[1], int(sys.argv[2]), sys.argv[3]
heard = queue.Queue()


def connected(client, userdata, flags, reason, properties):
    client.subscribe("lab42/onboard_temp", qos=2)


def subscribed(client, userdata, number, reasons, properties):
    client.publish("lab42/onboard_led", word, qos=2)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = connected
client.on_subscribe = subscribed
client.on_message = lambda client, userdata, message: heard.put(message.payload.decode())
client.connect(host, port)
client.loop_start()
print(heard.get(timeout=10), "°C")
client.disconnect()
