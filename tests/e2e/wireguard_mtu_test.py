#!/usr/bin/env python3
"""`culvert wireguard` over links smaller than the tunnel. wireguard_mtu_test.py BIN-FOLDER, as root.

The router's link towards b carries 1300 bytes; the tunnel's packets are up to 1420 + 60 or 80.
Large datagrams are fragmented, as with the kernel's WireGuard: over IPv4 by the router, without any
ICMP message; over IPv6 by the sender, after a "packet too big" message.
"""
import sys

from mesh import play_and_count
from tunnels import GO, OURS, OTHER, UNDER, Tunnels

SMALL = "1300"
NO_ICMP = """
table inet silent {
  chain output {
    type filter hook output priority 0;
    icmp type destination-unreachable counter drop
  }
}"""


def narrow(tunnels):
    tunnels.ip("r", "link", "set", "dev", "b", "mtu", SMALL)
    tunnels.ip("b", "link", "set", "dev", "up0", "mtu", SMALL)


def learn(tunnels):
    """The first large IPv6 datagram of each end is lost and reported; TCP sends the data again."""
    for end in "ab":
        tunnels.traffic("tcp", end, 4, "100000")


def play(stage, check):
    tunnels = Tunnels(stage)
    narrow(tunnels)
    for programs, what in (({"a": OURS, "b": OURS}, "two of ours"),
                           ({"a": OURS, "b": GO}, "beside wireguard-go")):
        for family in (4, 6):
            tunnels.up(programs, family=family)
            learn(tunnels)
            for end in "ab":
                tunnels.all_traffic(end, "1400", "9000")
            check("%s over IPv%d: all bytes arrive" % (what, family), True)
    for end in "ab":  # forgets a learned path MTU
        tunnels.run(end, "ip", "route", "flush", "cache")
        tunnels.run(end, "ip", "-6", "route", "flush", "cache")
    tunnels.nft("r", NO_ICMP)
    tunnels.up({"a": OURS, "b": OURS}, family=4)
    for end in "ab":
        tunnels.all_traffic(end, "1400", "9000")
    check("a router that says nothing, IPv4: all bytes arrive", True)
    told = tunnels.run("a", "ip", "route", "get", UNDER[OTHER["a"]][0])
    check("… and nobody was told an MTU", "mtu" not in told, told)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
