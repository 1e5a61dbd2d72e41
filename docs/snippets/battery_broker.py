from picolink import Node
from picolink.mqtt import Mqtt

node = Node("garden", wifi=("my network", "password"))


@node.reading("warmth", unit="°C")
def warmth():
    return 21.5


node.deliver_and_sleep(Mqtt("mqtts://ann:PASSWORD@broker.example/lab?ca=/ca.der", json=True))
