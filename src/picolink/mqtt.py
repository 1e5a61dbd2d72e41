"""`Mqtt`: a node's readings and commands under the topics of an MQTT broker."""

from .node.native.broker import Mqtt as Mqtt
