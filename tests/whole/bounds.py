"""What a node may keep once everything has come to rest (both interpreters): the one place of the
suite that looks into a node and its sessions."""


def has_session(player, ident):
    """Whether a program that runs still has this session."""
    return player.alive() and ident in player.run.node.endpoint.sessions


def kept(run):
    """What a node keeps though nobody wants it any more, each in a few words."""
    node = run.node
    endpoint = node.endpoint
    found = []
    sessions = endpoint.sessions
    if len(sessions) > endpoint.max_sessions:
        found.append("%d sessions of %d" % (len(sessions), endpoint.max_sessions))
    for session in sessions.values():
        if session.attach is None:
            continue
        talk = session.data
        out = session.out
        wanted = len(run.player.spec["everywhere"])  # subscriptions that go on
        for name, size, most in (
            ("messages to send", len(out.short.waiting) + len(out.long.waiting), 0),
            ("messages under way", len(out.short.open) + len(out.long.open), 0),
            ("bytes to send", out.short.bytes + out.long.bytes, 0),
            ("fragments", len(session.short.partial) + len(session.long.partial), 0),
            ("packets under way", len(session.attach.flight), 1),
            ("hellos to send", len(session.attach.port.queue), 0),
            ("calls of the peer", len(talk.running), 0),
            ("marks of cancelled calls", len(talk.cancelled), 32),
            ("queues for the peer", len(talk.outgoing), 3),
            ("own calls", len(talk.calls.open) if talk.calls is not None else 0, wanted),
        ):
            if size > most:
                found.append("%d %s" % (size, name))
    if node.later:
        found.append("%d things to do later" % len(node.later))
    tasks = run.kit.tasks(run.process)
    if tasks > run.tasks_at_rest():
        found.append("%d tasks" % tasks)
    return found
