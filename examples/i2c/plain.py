from smbus2 import SMBus

bus = SMBus(1)
bus.write_byte_data(0x43, 0, 1)
print(bus.read_byte_data(0x43, 0))
