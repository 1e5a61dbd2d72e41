import sys

import picolink

address = sys.argv[1]

board = picolink.connect(address, timeout_s=5, on_log=print)
print(board.name, board.uid, board.connected)

result = board.call("water", 0.1, level="high", timeout_s=5)
print(result["level"])

reading = board.read("light")
print(reading.value, reading.unit, reading.time, reading.time_quality)

for r in board.readings("light", count=3):
    print(r.value, r.seq, r.missed)

for square in board.stream("squares", 5):
    print(square)

feed = board.subscribe("light", callback=lambda r: None)
feed.close()

board.publish("setpoint", 21.5)
print(board.describe()["commands"]["water"]["help"], board.stats()["damaged"])

try:
    board.call("water", 100)
except picolink.BadArguments as error:
    print(error)
try:
    board.call("water", 1, timeout_s=0.1)
except picolink.Unknown as error:
    print(error.outcome)

board.close()
