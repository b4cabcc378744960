#!/usr/bin/env python3
"""`culvert wireguard --lanes`. wireguard_lanes_test.py BIN-FOLDER, as root.

Every byte arrives while ports, marks, MTU, peers and the link change during the traffic: between
two ends of Culvert with lanes, and with wireguard-go. The traffic of many peers is spread over the
lanes.
"""
import os
import sys
import threading

from mesh import play_and_count
from tunnels import GO, INNER, OTHER, OURS, PORT, TRAFFIC, UNDER, Tunnels, tool

LANES = OURS + ("--lanes", "3")
PEERS = 8


def background(work):
    """Runs `work` in the background; wait() raises the error of `work`."""
    raised = []

    def run():
        try:
            work()
        except BaseException as error:  # pylint: disable=broad-except
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def wait():
        thread.join()
        if raised:
            raise raised[0]
        return True
    return wait


def change_everything(tunnels):
    """Changes that wg and ip can make while the tunnel works; each change is undone."""
    ours, peer = tunnels.interface["a"], tunnels.public["b"]
    under = "%s:%d" % (UNDER["b"][0], PORT["b"])
    allowed = "%s/32,%s/128" % INNER["b"]

    def answers():
        tunnels.run("a", "ping", "-n", "-q", "-c", "1", "-w", "10", INNER["b"][0])

    for port in (51101, 51102, PORT["a"]):
        tool("wg", "set", ours, "listen-port", str(port))
        answers()
    tool("wg", "set", ours, "fwmark", "0x77")
    tool("wg", "set", ours, "fwmark", "0")
    for mtu in ("1300", "1420"):
        tunnels.ip("a", "link", "set", "dev", ours, "mtu", mtu)
    tool("wg", "set", ours, "peer", peer, "allowed-ips", "10.99.0.0/16")
    tool("wg", "set", ours, "peer", peer, "allowed-ips", allowed)
    tool("wg", "set", ours, "peer", peer, "remove")
    tool("wg", "set", ours, "peer", peer, "allowed-ips", allowed, "endpoint", under)
    tunnels.ip("a", "link", "set", "dev", ours, "down")
    tunnels.ip("a", "link", "set", "dev", ours, "up")
    tunnels.ip("a", "address", "replace", INNER["a"][1] + "/64", "dev", ours, "nodad")
    # A newly added peer has no session until the peer sends, and a receiver does not send. Without
    # this traffic b would begin a session only after 15 s (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT), when
    # its TCP waits for half a minute.
    answers()


def start_streams(tunnels, name):
    """Two connections from each end; all are connected."""
    names = ["%s, from %s, %d" % (name, end, i) for end in "ab" for i in range(2)]
    for stream, end in zip(names, "aabb"):
        tunnels.s.start(stream, tunnels.place[end], "/usr/bin/python3", "-B", TRAFFIC, "tcp",
                        INNER[OTHER[end]][0], "30000000", show=False)
    for stream in names:
        tunnels.s.until(30, stream + " is connected", lambda s=stream: "connected" in tunnels.s.log(s))
    return [tunnels.s.release(stream) for stream in names]


def changes(tunnels, check, other, name):
    tunnels.up({"a": LANES, "b": other})
    tunnels.all_traffic("a", "1400", "9000")
    tunnels.all_traffic("b", "1400", "9000")
    streams = start_streams(tunnels, name)
    for _ in range(3):
        change_everything(tunnels)
    check("%s: streams outlive every change" % name, all(s.wait(120) == 0 for s in streams))
    tunnels.all_traffic("a", "1400", "9000")
    received, sent = tool("wg", "show", tunnels.interface["a"], "transfer").split()[1:]
    check("%s: the lanes' bytes are counted" % name, min(int(received), int(sent)) > 100_000)


def busy_threads(pid):
    ticks = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task), encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks.append(int(fields[11]) + int(fields[12]))
    return sum(1 for each in ticks if each > 2)


def add_peer(tunnels, number):
    """A further interface at `a` with its own port. Its peer is `b`, which has 10.78.N.2 for the
    interface."""
    name = "cp%d" % number
    tunnels.s.start(name, tunnels.place["a"], *OURS, name, show=False)
    tunnels.running.append(name)
    tunnels.until_answers("a", name)
    private = tool("wg", "genkey").strip()
    tool("wg", "set", name, "private-key", "/dev/stdin", "peer", tunnels.public["b"],
         "allowed-ips", "10.78.%d.2/32" % number, "endpoint",
         "%s:%d" % (UNDER["b"][0], PORT["b"]), input=private)
    tool("wg", "set", tunnels.interface["b"], "peer", tool("wg", "pubkey", input=private).strip(),
         "allowed-ips", "10.78.%d.1/32" % number)
    tunnels.ip("a", "address", "add", "10.78.%d.1/24" % number, "dev", name)
    tunnels.ip("a", "link", "set", "dev", name, "up")
    tunnels.ip("b", "address", "add", "10.78.%d.2/24" % number, "dev", tunnels.interface["b"])


def many_peers(tunnels, check):
    tunnels.up({"a": OURS, "b": LANES})
    for number in range(PEERS):
        add_peer(tunnels, number)
    streams = [background(lambda to="10.78.%d.2" % number: tunnels.run(
        "a", "/usr/bin/python3", "-B", TRAFFIC, "tcp", to, "20000000", timeout=120))
               for number in range(PEERS)]
    check("%d peers at once: all bytes arrive" % PEERS, all([wait() for wait in streams]))
    pid = [process.pid for name, process in tunnels.s.processes if name.startswith("b-")][-1]
    check("… by more than one lane", busy_threads(pid) > 1)


def refused(tunnels, check):
    tunnels.down()
    for wrong in ("0", "65", "two"):
        said = tunnels.run("a", *OURS, "--lanes", wrong, tunnels.interface["a"], ok=False)
        check("--lanes %s is an error that says what may be" % wrong, "1 to 64" in said, said)


def play(stage, check):
    tunnels = Tunnels(stage)
    for end in "ab":  # BBR, the default of some systems, may take an outage for a slow link
        tunnels.run(end, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno")
    changes(tunnels, check, LANES, "lanes at both ends")
    changes(tunnels, check, GO, "beside wireguard-go")
    many_peers(tunnels, check)
    refused(tunnels, check)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
