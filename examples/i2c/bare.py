import smbus

bus = smbus.SMBus(1)
bus.write_byte(0x43, 1)
print(bus.read_byte(0x43))
