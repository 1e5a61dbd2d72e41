# Two text dialects over TCP, for programs that know nothing of picolink.
from machine import Pin

from picolink import Node

node = Node("lamp")
led = Pin("LED", Pin.OUT)

SWITCH = "tcp-listen::8080"  # one connection a command: on, off, or ? which is answered
REPORTS = "tcp-listen::5263"  # text without line ends; picolink's own peers use this port too


@node.text("on", link=SWITCH, close=True)
def switch_on():
    led.on()


@node.text("off", link=SWITCH)
def switch_off():
    led.off()


@node.text("?", link=SWITCH, reply="\n")
def state():
    return "on" if led.value() else "off"


@node.text(link=REPORTS, end=None, reply="")
def report(text):
    global last
    last = text
    return "Success: %d bytes" % len(text)


@node.command(help="What was reported last")
def last_report():
    return last


last = ""
node.run(SWITCH, REPORTS, "usb:")
