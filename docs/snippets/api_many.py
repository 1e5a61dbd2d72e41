import sys

import picolink

with picolink.connect_all(sys.argv[1:], timeout_s=5) as boards:
    for address, result in boards.read("light").items():
        print(address, result)
    print(len(boards), "answered,", len(boards.errors), "did not")
