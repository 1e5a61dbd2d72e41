"""`Mqtt`: a node's readings and commands under the topics of an MQTT broker."""

from .node.features.mqtt_topics.broker import Mqtt as Mqtt
