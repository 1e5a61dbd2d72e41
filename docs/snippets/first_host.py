import picolink

with picolink.connect("usb:auto") as greenhouse:
    greenhouse.call("led_set", "on")
    for r in greenhouse.readings("temperature", count=3):
        print(r.value, r.unit)
