"""What happens in a scenario, as plain data: programs, wires, what the programs do, what goes wrong.

`make` draws a plan; from the same numbers it is the same plan, on both interpreters. What is drawn
as 0 is what gives the least trouble, so that shrinking a plan leaves what matters. Nothing else in a
scenario depends on how the plan was drawn: any part of it may be taken out.
"""

from whole.functions import RAISED, RETURNED

TROUBLE_MS = 60_000  # faults happen for so long


def make(draw, kits=("host", "board", "threads")):
    """A plan. `draw` is a `Random` of both.py, or what draws for Hypothesis."""
    wires = [_wire(draw, "w%d" % i) for i in range(2 + draw.below(2))]
    nodes = [_server(draw, wires, [kit for kit in kits if kit != "threads"])]
    taken = []
    for i in range(1, 2 + draw.below(3)):
        nodes.append(_client(draw, i, wires, kits, taken))
    names = [node["name"] for node in nodes]
    nodes[0]["calls_back"] = names[1:]
    first = nodes[1]
    if len(nodes) == 2 and first["kit"] != "threads" and len(first["dials"]) < 2:
        first["dials"] = ["w0", "w1"]
    for wire in wires:
        wire["listener_name"] = "n0"
    plan = {
        "seed": draw.below(1 << 30),
        "switches": draw.below(4) * 10,
        "lasts_ms": TROUBLE_MS,
        "wires": wires,
        "nodes": nodes,
        "actions": [],
        "faults": [],
    }
    _actions(draw, plan, names)
    _faults(draw, plan, names, [wire["name"] for wire in wires])
    return plan


def _wire(draw, name):
    kind = ("stream", "datagram", "text")[draw.below(3)]
    wire = {"name": name, "kind": kind, "polled": draw.below(2) == 1}
    wire["mtu_bytes"] = (512, 64, 240, 2048)[draw.below(4)]
    wire["delay_ms"] = 1 + draw.below(30)
    wire["jitter_ms"] = draw.below(2) * draw.below(40)
    if kind == "stream":
        wire["buffer_packets"] = 4 - draw.below(4)
    else:
        wire["lost"] = draw.below(2) * draw.below(150)
        wire["doubled"] = draw.below(2) * draw.below(100)
    if kind == "datagram":
        wire["late_ms"] = draw.below(2) * draw.below(20_000)
    return wire


def _node(draw, name, kit):
    return {
        "name": name, "uid": b"uid-" + name.encode() + b"-000", "kit": kit, "listens": [],
        "dials": [], "calls_back": [], "starts_ms": draw.below(1000),
        "skew_ms": draw.below(2) * draw.below(1 << 30),
        "limit": (16384, 2048, 65536)[draw.below(3)],
        "window": (8192, 1024, 65536)[draw.below(3)], "max_sessions": 8,
        "flavour": ("peer", "aio")[draw.below(2)], "patient": draw.below(2) == 1,
        "everywhere": [],
    }  # fmt: skip


def _server(draw, wires, kits):
    node = _node(draw, "n0", kits[draw.below(len(kits))])
    node["listens"] = [wire["name"] for wire in wires]
    node["starts_ms"] = 0
    return node


def _client(draw, i, wires, kits, taken):
    name = "n%d" % i
    node = _node(draw, name, kits[draw.below(len(kits))])
    wire = wires[draw.below(len(wires))]
    if wire["kind"] == "text":  # it has two ends only
        if wire["name"] in taken:
            wire["kind"] = "stream"
        taken.append(wire["name"])
    node["dials"] = [wire["name"]]
    for _ in range(draw.below(3)):
        node["everywhere"].append(("steady", "n0", RAISED[draw.below(len(RAISED))]))
    return node


def _actions(draw, plan, names):
    count = 20 + draw.below(20)
    actions = plan["actions"]
    serial = 0
    for i in range(count):
        who = names[draw.below(len(names))] if len(names) > 2 else names[draw.below(2)]
        to = "n0" if who != "n0" else names[1 + draw.below(len(names) - 1)]
        action = {"at": 500 + draw.below(TROUBLE_MS), "who": who, "to": to, "what": "call"}
        action["token"] = "c%d" % i
        _call(draw, action)
        if draw.below(12) == 11:
            action["tokens"] = ["c%d.%d" % (i, k) for k in range(10 + draw.below(80))]
        actions.append(action)
        serial += 1
    actions.sort(key=lambda action: action["at"])


def _call(draw, action):
    action["command"] = ("quick", "later", "slow", "generator")[(0, 0, 1, 1, 2, 3)[draw.below(6)]]
    action["timeout_s"] = (None, 1, 0.2, 0.05, 0.02, 5)[draw.below(6)]
    action["ms"] = draw.below(3) * draw.below(1000)
    action["cancel_ms"] = (None, None, None, draw.below(400))[draw.below(4)]
    mode = draw.below(12)
    action["mode"] = "ok"
    if action["command"] == "generator":
        action["mode"] = "generator"
    elif mode == 7:
        action["mode"] = "raise " + RAISED[draw.below(len(RAISED))]
    elif mode == 8:
        action["mode"] = "return " + RETURNED[draw.below(len(RETURNED))]
    elif mode == 9:
        action["mode"] = "reply %d" % (10 + draw.below(3) * draw.below(20_000))
    elif mode == 10:
        action["mode"] = "request %d" % (10 + draw.below(3) * draw.below(20_000))
    elif mode == 11:
        action["mode"] = ("too many", "send nan", "send object", "send surrogate")[draw.below(4)]


def _faults(draw, plan, names, wires):
    pass
