#!/usr/bin/env python3
"""A session under a flood, and a session that begins in the flood. wireguard_flood_test.py
BIN-FOLDER, as root.

The router sends what a stranger can send to b's WireGuard port: garbage, one real initiation again
and again, and initiations from unknown peers. ./dev bench flood measures the throughput that is
left.
"""
import os
import subprocess
import sys

from mesh import play_and_count
from tunnels import INNER, OURS, PORT, UNDER, Tunnels

RATE, SECONDS = 20_000, 600
CAPTURE = """
import socket, sys
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
packets.bind(("a", 0x0800))
print("ready", flush=True)
while True:
    packet = packets.recv(2000)
    if len(packet) == 176 and packet[28:32] == bytes([1, 0, 0, 0]):
        open(sys.argv[1], "wb").write(packet[28:])
        break
"""


def up_and_captured(tunnels, program):
    """Starts a session. Returns the file with the initiation that began the session."""
    path = tunnels.s.path("initiation")
    capture = subprocess.Popen([*tunnels.place["r"].prefix, "/usr/bin/python3", "-c", CAPTURE, path],
                               stdout=subprocess.PIPE)
    with capture.stdout:
        capture.stdout.readline()
        tunnels.up({"a": program, "b": program})
        tunnels.run("a", "ping", "-c", "1", "-w", "20", INNER["b"][0])
        capture.wait(20)
    return path


def kinds(tunnels, initiation):
    return {"garbage": "garbage", "replayed initiation": "replay:" + initiation,
            "new initiations": "initiations:" + tunnels.public["b"]}


def play(stage, check):
    tool = os.path.join(os.path.abspath(sys.argv[1]), "culvert_flood")
    tunnels = Tunnels(stage)
    initiation = up_and_captured(tunnels, OURS)
    for what, kind in kinds(tunnels, initiation).items():
        stage.start("flood", tunnels.place["r"], tool, kind, UNDER["b"][0], str(PORT["b"]), str(RATE),
                    str(SECONDS), show=False)
        stage.until(20, "the flood begins", lambda: "ready" in stage.log("flood"))
        for end in "ab":
            tunnels.all_traffic(end)
        check("%s: the session's bytes all arrive" % what, True)
        tunnels.run("a", "wg", "set", tunnels.interface["a"], "peer", tunnels.public["b"], "remove")
        tunnels.configure("a", 4)
        tunnels.run("a", "ping", "-c", "1", "-w", "40", INNER["b"][0], timeout=50)
        check("%s: a new session begins" % what, True)
        stage.release("flood").kill()
        os.remove(stage.path("flood.log"))


if __name__ == "__main__":
    sys.exit(play_and_count(play))
