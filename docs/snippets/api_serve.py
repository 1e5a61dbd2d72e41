import sys
import time

import picolink

node = picolink.Node("desk")


@node.command
def time_of_day():
    return time.strftime("%H:%M")


with picolink.connect(sys.argv[1], node=node) as board:
    print(board.call("ask_time"))
