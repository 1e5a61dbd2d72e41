# The board with the button on GP15.
from settings import GREENHOUSE

from picolink import Node

node = Node("door")
greenhouse = node.peer(GREENHOUSE)
presses = 0


@node.on_pin(15, pull="up", debounce_ms=20)
async def pressed():
    global presses
    presses += 1
    state = await greenhouse.call("led_set", "toggle")
    print("button pressed, the lamp is", state)
    node.publish("presses", presses)


@node.command(help="How often the button was pressed")
def press_count():
    return presses


node.run("usb:", "tcp-listen::5263")
