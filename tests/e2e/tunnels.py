"""Two WireGuard interfaces and a router between them, each in a network namespace of its own.

   a  192.0.2.1     2001:db8:1::1 ── r ── 198.51.100.1  2001:db8:2::1  b
      10.77.0.1     fd77::1       tunnel  10.77.0.2     fd77::2

An end is `culvert wireguard` (OURS) or Debian's wireguard-go (GO), driven through wg(8).
"""
import json
import os
import subprocess

from mesh import Failed, Place

OURS = ("culvert", "wireguard", "-f")
GO = ("wireguard-go", "-f")
TRAFFIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traffic.py")
PORT = {"a": 51001, "b": 51002}
UNDER = {"a": ("192.0.2.1", "2001:db8:1::1"), "b": ("198.51.100.1", "2001:db8:2::1")}
INNER = {"a": ("10.77.0.1", "fd77::1"), "b": ("10.77.0.2", "fd77::2")}
OTHER = {"a": "b", "b": "a"}


def tool(*words, **options):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          universal_newlines=True, **options)
    if done.returncode != 0:
        raise Failed("%s: %s" % (" ".join(words), done.stdout))
    return done.stdout


class Tunnels:
    def __init__(self, stage):
        self.s = stage
        self.interface = {end: "cw" + end for end in "ab"}
        self.place = {end: Place(end, ["ip", "netns", "exec", end]) for end in "abr"}
        self.private = {end: tool("wg", "genkey").strip() for end in "ab"}
        self.public = {end: tool("wg", "pubkey", input=key).strip()
                       for end, key in self.private.items()}
        self.running = []
        self.make()

    def make(self):
        for end in "abr":
            tool("ip", "netns", "add", end)
            tool("ip", "-n", end, "link", "set", "lo", "up")
        self.run("r", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for end, (v4, v6) in UNDER.items():
            tool("ip", "link", "add", "up0", "netns", end, "type", "veth", "peer", "name", end,
                 "netns", "r")
            router4, router6 = v4.rsplit(".", 1)[0] + ".254", v6.rsplit("::", 1)[0] + "::fe"
            for where, link, addresses in ((end, "up0", (v4, v6)), ("r", end, (router4, router6))):
                self.ip(where, "address", "add", addresses[0] + "/24", "dev", link)
                self.ip(where, "address", "add", addresses[1] + "/64", "dev", link, "nodad")
                self.ip(where, "link", "set", "dev", link, "up")
            self.ip(end, "route", "add", "default", "via", router4)
            self.ip(end, "-6", "route", "add", "default", "via", router6)

    def ip(self, end, *words):
        tool("ip", "-n", end, *words)

    def run(self, end, *words, **options):
        return self.s.run(self.place[end], *words, **options)

    def nft(self, end, rules):
        tool(*self.place[end].prefix, "nft", "-f", "-", input=rules)

    def counter(self, end, name):
        out = json.loads(self.run(end, "nft", "-j", "list", "counter", "inet", "faults", name))
        return out["nftables"][1]["counter"]["packets"]

    def up(self, programs, environment=None, family=4, mtu=1420):
        """Both ends, from nothing. programs and environment: by end."""
        self.down()
        before = dict(self.s.env)
        for end in "ab":
            self.s.env.update((environment or {}).get(end, {}), WG_PROCESS_FOREGROUND="1")
            name = "%s-%d" % (end, len(self.running))
            self.s.start(name, self.place[end], *programs[end], self.interface[end], show=False)
            self.s.env = dict(before)
            self.running.append(name)
        for end in "ab":
            self.until_answers(end, self.interface[end])
        for end in "ab":
            self.configure(end, family)
            self.ip(end, "address", "add", INNER[end][0] + "/24", "dev", self.interface[end])
            self.ip(end, "address", "add", INNER[end][1] + "/64", "dev", self.interface[end],
                    "nodad")
            self.ip(end, "link", "set", "dev", self.interface[end], "mtu", str(mtu), "up")
        for end in "ab":  # what answers to `traffic`
            self.s.start("echo-" + end, self.place[end], "/usr/bin/python3", "-B", TRAFFIC, "serve",
                         show=False)
            self.running.append("echo-" + end)
            self.s.until(10, "the echo of %s listens" % end, lambda: ":7777" in self.run(
                end, "ss", "-Hlnt"))

    def until_answers(self, end, interface):
        """wg is not asked before the socket listens: it removes one that refuses."""
        self.s.until(10, "%s answers" % interface, lambda: "/%s.sock " % interface in self.run(
            end, "ss", "-Hlx") and interface in self.run(end, "wg", "show", "interfaces").split())

    def configure(self, end, family):
        other = OTHER[end]
        under = UNDER[other][0] if family == 4 else "[%s]" % UNDER[other][1]
        config = "[Interface]\nPrivateKey=%s\nListenPort=%d\n[Peer]\nPublicKey=%s\n" % (
            self.private[end], PORT[end], self.public[other])
        config += "Endpoint=%s:%d\nAllowedIPs=%s/32,%s/128\n" % (under, PORT[other], *INNER[other])
        tool("wg", "setconf", self.interface[end], "/dev/stdin", input=config)

    def down(self):
        for name in self.running:
            self.s.end(name)
        self.running = []

    def traffic(self, kind, end, family=4, *words, timeout=60):
        """From `end` to the other and back: its output; fails if a byte is not as it was sent."""
        to = INNER[OTHER[end]][0 if family == 4 else 1]
        return self.run(end, "/usr/bin/python3", "-B", TRAFFIC, kind, to, *words, timeout=timeout)

    def all_traffic(self, end, *sizes):
        """TCP and UDP in both families, and datagrams of these sizes besides."""
        return self.run(end, "/usr/bin/python3", "-B", TRAFFIC, "all", *INNER[OTHER[end]], *sizes,
                        timeout=120)
