#!/usr/bin/env python3
"""A router that silently drops long packets, with the real binaries. mtu_test.py BIN-FOLDER, as root.

   cluster 10.91.1.2 ───── hub: 10.91.x.1 ───── laptop 10.91.2.2
                           forwards, and where a hole is,
                           nothing longer than 1,300 bytes
                           coordinator, relay on 10.91.3.1

Played with lwIP at both ends, with the kernel's stack, and with a TUN device on the laptop. Each
time the hole appears in the middle of a download; then transfers in both directions begin behind
the hole.
"""
import os
import re
import sys

from mesh import API, Mesh, play_and_count
from netns import HUB, NETS, ip, lay_out, nft, place

LIMITED = r"path is direct.*packets up to 1232 bytes"
SIZE = 8 << 20  # bytes of a transfer


def make_way():
    lay_out()
    for name in NETS:  # one packet on the wire is one datagram, as counted by the router's rule
        ip("-n", name, "link", "set", "up0", "gso_max_segs", "1")
    nft(HUB, """table inet way {
      counter direct { }
      chain hole { type filter hook forward priority 0; }
      chain count {
        type filter hook forward priority 10;
        meta l4proto udp counter name direct
      }
    }""")


def set_hole(present):
    nft(HUB, "flush chain inet way hole")
    if present:
        nft(HUB, "add rule inet way hole meta length gt 1300 drop")


class Way:
    """Bytes that the router has forwarded; traffic through the relay does not count."""

    def __init__(self, stage, hub):
        self.stage, self.hub, self.before = stage, hub, 0

    def bytes(self):
        out = self.stage.run(self.hub, "nft", "list", "counter", "inet", "way", "direct")
        now = int(re.search(r"bytes (\d+)", out).group(1))
        before, self.before = self.before, now
        return now - before


def play(stage, check):
    make_way()
    hub, cluster, laptop = place(HUB), place("cluster"), place("laptop")
    mesh = Mesh(stage, hub, cluster, laptop, loopback=False)
    mesh.extra = {"agent": {"stack": "lwip"}, "laptop": {"stack": "lwip"}}
    mesh.bring_up()
    mesh.grant(length="1h")
    stage.write("upload", "x" * 900_000)  # nginx accepts up to a megabyte
    way = Way(stage, hub)
    check_hole(stage, mesh, way, "lwip", check)
    for mode, laptop in (("auto", {}), ("TUN", {"tun": {"dns": False}})):
        set_hole(False)
        stage.end("laptop")
        stage.end("agent")
        mesh.extra = {"laptop": laptop}
        mesh.start_agent(token=None)
        mesh.start_laptop(token=False)
        mesh.until_usable()
        check_hole(stage, mesh, way, mode, check)


def until_direct(stage, mesh):
    stage.until(30, "the path is direct", lambda: mesh.curl("https://%s/" % API, ok=None) and any(
        peer["path"] == "direct" for peer in mesh.status()["peers"]))


def download(stage, mesh, path, size):
    stage.run(mesh.laptop, "rm", "-f", stage.path("got"))
    out = mesh.alice("run", "--", "curl", "-sS", "--max-time", "100", "-r", "0-%d" % (size - 1), "-o",
                     stage.path("got"), "https://%s/%s" % (API, path), timeout=110)
    with open(stage.path("www", "large.bin"), "rb") as whole, open(stage.path("got"), "rb") as got:
        return got.read() == whole.read(size), out


def check_hole(stage, mesh, way, mode, check):
    until_direct(stage, mesh)
    limited = len(re.findall(LIMITED, stage.log("agent")))
    way.bytes()
    good, out = download(stage, mesh, "large.bin", SIZE)
    check("%s: a good path carries a download directly" % mode, good and way.bytes() > SIZE, out)

    slow = stage.start("slow", mesh.laptop, "culvert", "--state", stage.path("laptop"), "run", "--",
                       "curl", "-sS", "--max-time", "100", "-r", "0-2097151", "-o", stage.path("slow.got"),
                       "https://%s/slow" % API, show=False)
    stage.until(20, "bytes flow", lambda: os.path.exists(stage.path("slow.got")) and
                os.path.getsize(stage.path("slow.got")) > 300_000)
    stage.release("slow")
    set_hole(True)
    stage.until(20, "the site finds the hole", lambda: len(
        re.findall(LIMITED, stage.log("agent"))) > limited)
    way.bytes()
    slow.wait(100)
    check("%s: a hole in mid-download, and it completes" % mode,
          slow.returncode == 0 and os.path.getsize(stage.path("slow.got")) == 2 << 20, stage.log("slow"))
    os.remove(stage.path("slow.got"))
    forwarded = way.bytes()
    if mode == "lwip":  # the kernel sends no packets below 1,280 bytes, so it uses the relay
        check("%s: … directly, in smaller packets (%d bytes)" % (mode, forwarded), forwarded > 500_000)

    good, out = download(stage, mesh, "large.bin", SIZE)
    forwarded = way.bytes()
    check("%s: a download behind the hole is whole" % mode, good, out)
    check("%s: … and direct (%d bytes)" % (mode, forwarded), forwarded > SIZE)
    out = mesh.curl("--data-binary", "@" + stage.path("upload"), "https://%s/upload" % API)
    forwarded = way.bytes()
    check("%s: so is an upload (%d bytes)" % (mode, forwarded), "rows" in out and forwarded > 900_000, out)
    check("%s: `culvert ping` says direct" % mode, "direct" in mesh.alice("ping", API))


if __name__ == "__main__":
    sys.exit(play_and_count(play))
