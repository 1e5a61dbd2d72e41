"""Links that lose, double and delay what travels on them."""

import random


def faulty(peer, seed, rate=0.15):
    """Lets packets be lost, doubled and late in both directions."""
    chance = random.Random(seed)
    late = {"out": [], "in": []}

    def fault(way):
        def pass_on(packet):
            waiting, late[way] = late[way], []
            luck = chance.random()
            if luck < rate:
                return waiting
            if luck < 2 * rate:
                return [packet, packet, *waiting]
            if luck < 3 * rate:
                late[way] = [packet]
                return waiting
            return [packet, *waiting]

        return pass_on

    peer.outgoing, peer.incoming = fault("out"), fault("in")
