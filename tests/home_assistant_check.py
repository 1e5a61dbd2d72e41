"""Checks configs with Home Assistant's own schemas; run by a Python that has `homeassistant`.

usage: python home_assistant_check.py, with a line of JSON [kind, config] for each on stdin
"""

import importlib
import json
import sys

for line in sys.stdin:
    kind, config = json.loads(line)
    schema = importlib.import_module(f"homeassistant.components.mqtt.{kind}").DISCOVERY_SCHEMA
    schema(config)
    if kind == "sensor" and "device_class" in config:
        # Not in the schema: which units a class may have.
        from homeassistant.components.sensor import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS

        device_class = config["device_class"]
        assert config["unit_of_measurement"] in DEVICE_CLASS_UNITS[device_class], config
        assert config["state_class"] in DEVICE_CLASS_STATE_CLASSES[device_class], config
    print("ok", kind, config["unique_id"])
