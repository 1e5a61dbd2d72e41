"""What happens in a scenario, as plain data: programs, wires, what they do, what goes wrong.

`make` draws a plan; from the same numbers it is the same plan, on both interpreters. What is drawn
as 0 is what gives the least trouble, so that shrinking a plan leaves what matters. Nothing else in
a scenario depends on how the plan was drawn: any part of it may be taken out.
"""

from whole.functions import RAISED, RETURNED
from whole.memory import KINDS

TROUBLE_MS = 60_000  # faults happen for so long
FAULTS = ("cut", "freeze", "silence", "kill", "unplug", "leave", "ctrl_c", "memory", "knock", "cut")
ON_PROGRAMS = ("freeze", "kill", "leave", "ctrl_c", "memory")
#: What nobody should ask a service, and what anybody may.
ODD_CALLS = (
    None, None, ("sys.describe",), ("sys.stats",), ("sys.read", "nothing"), ("sys.read", 7),
    ("sys.subscribe",), ("sys.subscribe", "steady", "many"), ("sys.subscribe", ["steady"]),
    ("sys.subscribe", "steady", -3, -5), ("sys.nothing",), ("sys.subscribe", "steady", 1, 1 << 40),
)  # fmt: skip


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
        first["everywhere"] = []  # it would hear everything twice
    for wire in wires:
        wire["listener_name"] = "n0"
    plan = {
        "seed": draw.below(1 << 30),
        "switches": draw.below(4) * 10,
        "lasts_ms": TROUBLE_MS + 1000,  # no action comes later
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
        "window": (8192, 1024, 65536)[draw.below(3)], "max_sessions": (8, 4)[draw.below(2)],
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
        topic = ("steady", "burst")[draw.below(2)]
        node["everywhere"].append((topic, "n0", RAISED[draw.below(len(RAISED))]))
    return node


def _actions(draw, plan, names):
    actions = plan["actions"]

    def action(what, **more):
        who = names[draw.below(len(names))]
        to = "n0" if who != "n0" else names[1 + draw.below(len(names) - 1)]
        made = {"what": what, "at": 500 + draw.below(TROUBLE_MS), "who": who, "to": to}
        made["token"] = "%s%d" % (what[0], len(actions))
        made.update(more)
        actions.append(made)
        return made

    for _ in range(20 + draw.below(20)):
        call = action("call", main=draw.below(3) == 2)
        _call(draw, call)
        if draw.below(15) == 14:  # a flood, of no more than a slow wire carries in a while
            most = 90
            for kind in ("reply ", "request "):
                if call["mode"][: len(kind)] == kind:
                    size = min(int(call["mode"][len(kind) :]), 4000)
                    call["mode"] = "%s%d" % (kind, size)
                    most = min(most, 10 + 40_000 // size)
            call["tokens"] = [
                "%s.%d" % (call["token"], i) for i in range(10 + draw.below(most - 9))
            ]
    for _ in range(1 + draw.below(3)):
        _stream(draw, action("stream"))
    for _ in range(1 + draw.below(3)):
        topic = ("steady", "burst", "temperature")[draw.below(3)]
        action(
            "subscribe", topic=topic, latest=draw.below(4) == 3, ms=draw.below(2) * draw.below(200),
            for_ms=2000 + draw.below(50_000),
        )  # fmt: skip
    for _ in range(draw.below(8)):
        action("read", mode=ODD_CALLS[draw.below(len(ODD_CALLS))])
    for name in names:
        steady = _publish(draw, name, "steady", 700, 1)
        for k in range(20):
            actions.append(dict(steady, at=700 + 3000 * k))
    for _ in range(draw.below(6)):
        at = draw.below(TROUBLE_MS)
        who = names[draw.below(2) * draw.below(len(names))]
        actions.append(_publish(draw, who, "burst", at, draw.below(200)))
    _sort(actions)


def _publish(draw, who, topic, at, items):
    action = {"what": "publish", "at": at, "who": who, "topic": topic, "items": items}
    action["bytes"] = (3, 3, 200, 3000)[draw.below(4)] if draw.below(5) == 4 else 3
    action["mode"] = RETURNED[draw.below(len(RETURNED))] if draw.below(6) == 5 else None
    return action


def _stream(draw, action):
    action["command"] = ("count", "acount")[draw.below(2)]
    items = action["items"] = draw.below(4) * draw.below(100)
    action["fails_at"] = draw.below(items + 1) if draw.below(2) else None
    if action["fails_at"] == items:
        action["fails_at"] = None
    action["mode"] = RAISED[draw.below(len(RAISED))]
    if action["mode"] == "StopIteration":  # which ends a generator on a board
        action["mode"] = "KeyError"
    if draw.below(4) == 3:
        action["mode"] = "return " + RETURNED[draw.below(len(RETURNED))]
    action["takes"] = draw.below(items + 1) if draw.below(3) == 2 else None
    action["ms"] = draw.below(2) * draw.below(100)
    action["cancel_ms"] = draw.below(3000) if draw.below(4) == 3 else None


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
    for _ in range(5 + draw.below(12)):
        what = FAULTS[draw.below(len(FAULTS))]
        on = names if what in ON_PROGRAMS else wires
        fault = {"at": 1000 + draw.below(TROUBLE_MS - 2000), "what": what}
        fault["on"] = on[draw.below(len(on))]
        fault["ms"] = 1 + draw.below(2) * 500 + draw.below(3) * draw.below(6000)
        fault["n"] = 1 + draw.below(20)
        fault["new"] = draw.below(4) == 3
        fault["kind"] = KINDS[draw.below(len(KINDS))]
        plan["faults"].append(fault)
    _sort(plan["faults"])


def _sort(events):
    order = [(event["at"], i) for i, event in enumerate(events)]  # a board's sort is not stable
    order.sort()
    events[:] = [events[i] for _, i in order]
