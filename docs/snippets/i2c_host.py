import picolink

with picolink.connect("i2c:1/0x43") as shed:
    print("the lamp is", shed.call("led_set", "on"))
    shed.call("remember", "it was me")
