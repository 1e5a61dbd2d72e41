"""Home Assistant finds a node by itself: `Mqtt(..., home_assistant=True)`, `?home_assistant=yes`.

For each reading a sensor; for each command what its arguments make of it: a switch (on and off
among its choices), a selection (other choices), a number (a range), a button (no argument).
Retained under `homeassistant/...`, sent again when Home Assistant says that it has started. What
is retained there of things that the node offers no more is taken away.
"""

import json

from ....core.failure import LinkError

MYPY = False
if MYPY:
    from typing import Any

    from ....links.mqtt.packets import Message
    from ...command import Command
    from ...node import Node
    from .broker import Mqtt

PREFIX = "homeassistant"

# What a unit tells of what is measured; a unit that stands for several things tells nothing.
_CLASSES = {
    "°C": "temperature", "°F": "temperature", "K": "temperature",
    "hPa": "atmospheric_pressure", "mbar": "atmospheric_pressure", "Pa": "pressure",
    "bar": "pressure", "kPa": "pressure",
    "V": "voltage", "mV": "voltage", "A": "current", "mA": "current", "W": "power", "kW": "power",
    "Wh": "energy", "kWh": "energy", "Hz": "frequency", "kHz": "frequency",
    "lx": "illuminance", "dBm": "signal_strength",
    "m/s": "speed", "km/h": "speed", "mm": "distance", "cm": "distance",
    "m": "distance", "km": "distance", "g": "weight", "kg": "weight", "L": "volume_storage",
    "mL": "volume_storage", "m³": "volume_storage", "s": "duration", "min": "duration",
    "h": "duration",
}  # fmt: skip


def _plain(name: str) -> str:
    """A name as an identifier: of what topics may hold, letters, digits, - and _ are left."""
    return name.replace("/", "_").replace(".", "_")


def distinct(names: "list[str]") -> "dict[str, str]":
    """Each name's identifier, no two the same. One that is alone in its form has that, and so has
    one that is an identifier itself: what Home Assistant knows stays."""
    forms = [_plain(name) for name in names]
    result = {name: name for name in names if name in forms}
    taken = list(result)
    for name in sorted(names):
        if name not in result:
            form = _plain(name)
            if forms.count(form) > 1:  # room.temp -> room_temp-d, room/temp -> room_temp-s
                form += "-" + "".join(["dus"["._/".index(c)] for c in name if c in "._/"])
            while form in taken:
                form += "-"
            taken.append(form)
            result[name] = form
    return result


class Discovery:
    """What Home Assistant is told of one node."""

    def __init__(self, broker: "Mqtt", node: "Node") -> None:
        self._broker = broker
        self._node = node
        uid = node.endpoint.uid
        if uid[:4] == b"host":  # a computer's is another one each time
            self._id = "picolink_" + node.name
        else:
            self._id = "picolink_" + "".join(["%02x" % byte for byte in uid])
        self._turn = 0
        self._offered: list[str] = []  # topics of what was told
        self._status = json.dumps(broker.base + "/status").encode()
        self._unique = uid[:4] != b"host"
        self._watching = False

    def heard(self, message: "Message") -> None:
        """Home Assistant has started, or ends; what is retained of that is old."""
        if message.payload == b"online" and not message.retain:
            self.announce()

    def announce(self) -> None:
        """Tells of everything, one config after the other, as the broker takes them."""
        self._turn += 1
        self._node.spawn(self._tell(self._turn))

    async def _tell(self, turn: int) -> None:
        client = self._broker.client
        assert client is not None
        offered = []
        for kind, name, what, form in self._things():
            config = self._config(name, what)
            del config[""]
            config["unique_id"] = "%s_%s" % (self._id, form)
            topic = "%s/%s/%s/%s/config" % (PREFIX, kind, self._id, form)
            offered.append(topic)
            try:
                await client.publish(topic, json.dumps(config), 1, True)
            except LinkError:  # no broker for long: it is told anew when one is there
                return
            if turn != self._turn:
                return  # it is told anew
        self._offered = offered
        if not self._watching:
            self._watching = True
            client.on("%s/+/%s/+/config" % (PREFIX, self._id), self._kept, 1)

    def _kept(self, message: "Message") -> None:
        """The broker keeps the config of a thing: of one that there is no more it is taken away.
        Another computer's node may have the same name: what is another one's stays."""
        if message.retain and message.payload and message.topic not in self._offered:
            if self._unique or self._status in message.payload:
                self._broker.post(message.topic, b"", True)

    def _config(self, name: str, what: "Any") -> "dict[str, Any]":
        if hasattr(what, "every_ms"):
            return self._sensor(name, what)
        return {} if what.stream else self._control(name, what)

    def _things(self) -> "list[tuple[str, str, Any, str]]":
        """What Home Assistant has a form for: kind, name, what it is, identifier in its kind."""
        kinds: dict[str, dict[str, Any]] = {}
        for things in (self._node.readings, self._node.commands):
            for name, what in things.items():
                config = self._config(name, what)
                if config:
                    kinds.setdefault(config[""], {})[name] = what
        found = []
        for kind, things in kinds.items():
            forms = distinct(list(things))
            found += [(kind, name, what, forms[name]) for name, what in things.items()]
        return found

    def _common(self, name: str) -> "dict[str, Any]":
        """What all have; "" is for the kind of thing, which is part of the topic."""
        base = self._broker.base
        return {
            "": "sensor",
            "name": name.replace("_", " "),
            "availability_topic": base + "/status",
            "payload_available": "online",
            "payload_not_available": "offline",
            "device": {
                "identifiers": [self._id],
                "name": self._node.name,
                "manufacturer": "picolink",
            },
        }

    def _sensor(self, name: str, reading: "Any") -> "dict[str, Any]":
        config = self._common(name)
        config["state_topic"] = self._broker.base + "/" + name.replace(".", "/")
        config["expire_after"] = max(60, reading.every_ms // 1000 * 3)
        if reading.unit:
            unit = reading.unit
            config["unit_of_measurement"] = unit
            config["state_class"] = "measurement"
            if unit == "%" and "humid" in name:
                config["device_class"] = "humidity"
            elif unit == "%" and "batter" in name:
                config["device_class"] = "battery"
            elif unit in _CLASSES:
                config["device_class"] = _CLASSES[unit]
                if _CLASSES[unit] == "energy":
                    config["state_class"] = "total_increasing"
        return config

    def _control(self, name: str, command: "Command") -> "dict[str, Any]":
        """Of a command; {} where its arguments are more than Home Assistant has a knob for."""
        config = self._common(name)
        path = name.replace(".", "/")
        config["command_topic"] = self._broker.base + "/call/" + path
        declared = command.declared or []
        if len(declared) > 1:
            return {}
        what = declared[0][1] if declared else ""
        reply = self._broker.base + "/reply/" + path
        if "|" in what:
            words = what.split("|")
            if "on" in words and "off" in words:
                config[""] = "switch"
                config["payload_on"] = config["state_on"] = "on"
                config["payload_off"] = config["state_off"] = "off"
                config["state_topic"] = reply
            else:
                config[""] = "select"
                config["options"] = words
                config["state_topic"] = reply
        elif ".." in what:
            span, _, unit = what.partition(" ")
            low, _, high = span.partition("..")
            if not low or not high:
                return {}
            config[""] = "number"
            config["min"] = float(low)
            config["max"] = float(high)
            config["step"] = 0.01 if "." in low or "." in high else 1
            if unit:
                config["unit_of_measurement"] = unit
        elif not declared and _takes_nothing(command.function):
            config[""] = "button"
            config["payload_press"] = ""
        else:
            return {}
        return config


def _takes_nothing(function: "Any") -> bool:
    """Whether a function takes no argument, as far as that can be known: a board can't tell, so
    that there a command without declared arguments counts as one."""
    code = getattr(function, "__code__", None)
    count = getattr(code, "co_argcount", 0)
    return count == 0
