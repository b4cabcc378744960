#!/usr/bin/env python3
"""The TCP throughput of a session under a flood. flood.py BIN-FOLDER [--rate 100000] [--runs 3]

The router between the two ends sends datagrams to the receiver's WireGuard port at a rate, while
iperf3 runs through the tunnel: garbage, one real initiation again and again, and initiations with a
right mac1 from unknown peers. For comparison the same datagrams go to a port of the same host whose
socket is never read: the cost of the sender and of the kernel is in both figures. As root.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from mesh import Stage, enter_own_machine  # noqa: E402
from tunnels import GO, INNER, OURS, PORT, UNDER, Tunnels  # noqa: E402
from wireguard_flood_test import kinds, up_and_captured  # noqa: E402

UNREAD = 9


class Bench:
    def __init__(self, stage, binaries, rate, seconds):
        self.s, self.tunnels = stage, Tunnels(stage)
        self.tool = os.path.join(binaries, "culvert_flood")
        self.rate, self.seconds = rate, seconds

    def up(self, program):
        """Starts a session. Returns the file with the initiation that began the session."""
        t = self.tunnels
        self.initiation = up_and_captured(t, program)
        self.s.start("unread", t.place["b"], "/usr/bin/python3", "-c",
                     "import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                     "s.bind(('', %d))\ntime.sleep(1e6)" % UNREAD, show=False)
        self.s.start("iperf", t.place["b"], "iperf3", "-s", show=False)
        t.running += ["unread", "iperf"]
        self.s.until(10, "iperf3 listens", lambda: ":5201" in t.run("b", "ss", "-Hlnt"))

    def throughput(self, kind=None, port=None):
        t, flood = self.tunnels, None
        if kind:
            flood = subprocess.Popen(
                [*t.place["r"].prefix, self.tool, kind, UNDER["b"][0], str(port), str(self.rate),
                 str(self.seconds + 1)], stdout=subprocess.PIPE, universal_newlines=True)
            flood.stdout.readline()
        out = json.loads(t.run("a", "iperf3", "-J", "-c", INNER["b"][0], "-t", str(self.seconds)))
        if flood:
            sent = int(flood.communicate(timeout=30)[0]) / (self.seconds + 1)
            if sent < 0.9 * self.rate:
                print("   the flood reached %d a second only" % sent)
        return out["end"]["sum_received"]["bits_per_second"] / 1e9

    def measure(self, name, program, runs):
        self.up(program)
        quiet = self.throughput()
        print("%s, no flood: %.2f Gbit/s" % (name, quiet), flush=True)
        for what, kind in kinds(self.tunnels, self.initiation).items():
            pairs = [(self.throughput(kind, UNREAD), self.throughput(kind, PORT["b"]))
                     for _ in range(runs)]
            beside, at_us = (statistics.median(column) for column in zip(*pairs))
            print("%s, %s: %.2f Gbit/s beside it, %.2f with it: %.0f %% (of no flood %.0f %%)" % (
                name, what, beside, at_us, 100 * at_us / beside, 100 * at_us / quiet), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binaries")
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--peer", action="store_true", help="wireguard-go too")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("flood.py: needs root for network namespaces")
    enter_own_machine()
    binaries = os.path.abspath(options.binaries)
    with Stage(binaries) as stage:
        bench = Bench(stage, binaries, options.rate, options.seconds)
        bench.measure("culvert", OURS, options.runs)
        if options.peer:
            bench.measure("wireguard-go", GO, options.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
