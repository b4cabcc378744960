#!/usr/bin/env python3
"""ECN through `culvert wireguard` (RFC 6040). wireguard_ecn_test.py BIN-FOLDER, as root.

The router between the two ends marks packets "congestion experienced". The receiver inside the
tunnel must see the mark, and a packet that cannot be marked must not be marked.
"""
import sys

from mesh import play_and_count
from tunnels import GO, OURS, Tunnels

MARK_CAPABLE = """
  ip ecn != not-ect counter name capable ip ecn set ce
  ip6 ecn != not-ect counter name capable ip6 ecn set ce"""
MARK_ALL = """
  ip protocol udp ip ecn set ce
  meta l4proto udp ip6 ecn set ce"""


def router(tunnels, rules):
    tunnels.nft("r", """
table inet faults
delete table inet faults
table inet faults {
  counter capable {}
  counter dscp {}
  chain forward {
    type filter hook forward priority 0;
    ip dscp != 0 counter name dscp
    ip6 dscp != 0 counter name dscp
    %s
  }
}""" % rules)


def seen(tunnels, end, inner, *values):
    return tunnels.traffic("tos", end, inner, *values).split()


def netstat(tunnels, end, name):
    lines = tunnels.run(end, "cat", "/proc/net/netstat").splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        if name in names.split():
            return int(values.split()[names.split().index(name)])
    return 0


def ours(tunnels, check):
    for outer in (4, 6):
        tunnels.up({"a": OURS, "b": OURS}, family=outer)
        for inner in (4, 6):
            router(tunnels, "")
            what = "IPv%d in IPv%d" % (inner, outer)
            check("%s: without congestion nothing changes, DSCP stays inside" % what,
                  seen(tunnels, "a", inner, "0", "1", "2", "3", "b8", "ba")
                  == ["0", "1", "2", "3", "b8", "ba"])
            check("%s: no DSCP outside" % what, tunnels.counter("r", "dscp") == 0)
            router(tunnels, MARK_CAPABLE)
            check("%s: a marked path is seen by who can hear it" % what,
                  seen(tunnels, "a", inner, "0", "1", "2", "3", "ba")
                  == ["0", "3", "3", "3", "bb"])
            router(tunnels, MARK_ALL)
            # A datagram with TOS 0, or its answer, is dropped: the mark could not be passed on.
            check("%s: what cannot be told is dropped, what can arrives" % what,
                  seen(tunnels, "a", inner, "0") == ["-"])


def tcp_hears(tunnels, check):
    tunnels.up({"a": OURS, "b": OURS})
    router(tunnels, MARK_CAPABLE)
    for end in "ab":
        tunnels.run(end, "sysctl", "-qw", "net.ipv4.tcp_ecn=1")
    before = netstat(tunnels, "a", "TCPDeliveredCE")
    tunnels.traffic("tcp", "a", 4, "2000000")
    check("TCP's sender is told of the marks, and its bytes arrive",
          netstat(tunnels, "a", "TCPDeliveredCE") > before)


def beside_go(tunnels, check):
    for programs in ({"a": OURS, "b": GO}, {"a": GO, "b": OURS}):
        tunnels.up(programs)
        router(tunnels, "")
        end = "a" if programs["a"] == OURS else "b"
        for inner in (4, 6):
            check("beside wireguard-go, from %s, IPv%d: all arrives as it was" % (end, inner),
                  seen(tunnels, end, inner, "0", "1", "2", "3") == ["0", "1", "2", "3"])
        router(tunnels, MARK_CAPABLE)
        check("… and over a marked path", "-" not in seen(tunnels, end, 4, "0", "1", "2", "3"))
        check("… our datagrams were marked", tunnels.counter("r", "capable") > 0)
        tunnels.traffic("tcp", end)


def play(stage, check):
    tunnels = Tunnels(stage)
    ours(tunnels, check)
    tcp_hears(tunnels, check)
    beside_go(tunnels, check)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
