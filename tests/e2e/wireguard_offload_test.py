#!/usr/bin/env python3
"""Each offload switched off, at one end and at both ends. wireguard_offload_test.py BIN-FOLDER, as
root.

TCP, UDP and packets larger than the underlay go through the tunnel in both directions and are
compared byte for byte: between two ends of Culvert, and with wireguard-go.
"""
import re
import sys

from mesh import play_and_count
from tunnels import GO, OURS, Tunnels

SWITCHES = ("-vnet", "-tso", "-uso", "-gro", "-gso", "-tso,-uso", "-all")
BIG = ("1400", "4000", "9000", "40000")  # sizes of datagrams, larger than the tunnel's MTU


def carries(tunnels, big=BIG):
    for end in "ab":
        tunnels.all_traffic(end, *big)
    return True


def switches(tunnels, check):
    for words in SWITCHES:
        off = {"CULVERT_OFFLOAD": words}
        for what, environment in (("one end", {"a": off}), ("both ends", {"a": off, "b": off})):
            tunnels.up({"a": OURS, "b": OURS}, environment)
            check("%s at %s: all bytes arrive" % (words, what), carries(tunnels))
    for words in ("", "-vnet", "-gro", "-gso", "-all"):
        tunnels.up({"a": OURS, "b": GO}, {"a": {"CULVERT_OFFLOAD": words}})
        check("%s beside wireguard-go: all bytes arrive" % (words or "all on"), carries(tunnels))


def libraries(tunnels, check):
    for name in ("libcrypto", "sodium"):
        tunnels.up({"a": OURS, "b": OURS}, {"a": {"CULVERT_AEAD": name}})
        check("CULVERT_AEAD=%s at one end: all bytes arrive" % name, carries(tunnels))


def veth(tunnels, check):
    for end in "ab":
        tunnels.run(end, "ethtool", "-K", "up0", "tx", "off", "rx", "off", "sg", "off", "tso", "off",
                    "gso", "off", "gro", "off")
    features = tunnels.run("a", "ethtool", "-k", "up0")
    check("the device's own offloads are off",
          re.search("^generic-segmentation-offload: off", features, re.M))
    for words in ("", "-all"):
        tunnels.up({"a": OURS, "b": OURS}, {end: {"CULVERT_OFFLOAD": words} for end in "ab"})
        check("a device without offloads, ours %s: all bytes arrive" % (words or "all on"),
              carries(tunnels))
    tunnels.up({"a": OURS, "b": GO})
    check("a device without offloads, beside wireguard-go: all bytes arrive", carries(tunnels))


def large_mtu(tunnels, check):
    """Datagrams larger than the underlay: they need fragments, as no segmented send can carry
    them."""
    tunnels.up({"a": OURS, "b": OURS}, mtu=9000)
    check("a tunnel's MTU of 9000 over 1500: all bytes arrive", carries(tunnels, ("8900", "40000")))


def refused(tunnels, check):
    tunnels.down()
    tunnels.s.env["CULVERT_OFFLOAD"] = "-gso,-lro"
    said = tunnels.run("a", *OURS, tunnels.interface["a"], ok=False)
    del tunnels.s.env["CULVERT_OFFLOAD"]
    check("an unknown word is an error that names it", "\"-lro\"" in said, said)


def play(stage, check):
    tunnels = Tunnels(stage)
    switches(tunnels, check)
    libraries(tunnels, check)
    large_mtu(tunnels, check)
    refused(tunnels, check)
    veth(tunnels, check)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
