# Runs on the board, from the computer: mpremote run demo.py. What it defines stays there.
from machine import Pin

led = Pin("LED", Pin.OUT)


def turn_on():
    led.on()
    print("on")


def turn_off():
    led.off()
    print("off")


turn_off()
