from picolink import Node

node = Node("greenhouse", wifi=("my network", "password"))


@node.command(help="Whether there is a network")
def online():
    return node.wifi.joined.is_set()


node.run("usb:", "tcp-listen::5263")
