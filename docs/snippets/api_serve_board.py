from picolink import Node

node = Node("clock")
desk = node.peer("desk")  # by its name: whoever connects to us and is called so


@node.command
async def ask_time():
    return await desk.call("time_of_day")


node.run("usb:")
