#!/usr/bin/env python3
"""A slow path to the relay with more data than the path carries. relay_load_test.py BIN-FOLDER, as
root.

The laptop (netns.py) has 20 Mbit/s in each direction, and all data goes through the relay. A dozen
uploads fill the agent's queue for the relay; then a dozen downloads fill the relay's queue. No
connection to the relay ends, and small requests get through in the meantime.
"""
import re
import subprocess
import sys

from mesh import API, DB, Mesh, free_port, play_and_count
from netns import HUB, lay_out, place

RATE = ("root", "tbf", "rate", "20mbit", "burst", "16kb", "latency", "30ms")
COUNT, SIZE = 12, 3 << 20  # each connection has a window of 512 KiB


def slow_down():
    for name, device in (("laptop", "up0"), (HUB, "laptop")):
        subprocess.run(["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", device, *RATE], check=True)


class Relay:
    """The relay's metrics."""

    def __init__(self, mesh):
        self.mesh, self.port = mesh, free_port()
        mesh.extra["relay"] = {"metrics": "127.0.0.1:%d" % self.port}

    def dropped(self, why):
        out = self.mesh.s.run(self.mesh.operator, "curl", "-s", "http://127.0.0.1:%d/metrics" % self.port)
        return int(re.search(r'packets_dropped_total\{[^}]*"%s"[^}]*\} (\d+)' % why, out).group(1))


def all_at_once(stage, mesh, words, done):
    """Runs a dozen transfers; in the meantime measures a small request and a ping."""
    running = [stage.start("transfer%d" % i, mesh.laptop, *words(i), show=False) for i in range(COUNT)]
    for i in range(COUNT):
        stage.release("transfer%d" % i)
    small = mesh.curl("https://%s/" % API)
    still = COUNT - done(running)
    ping = mesh.alice("ping", API)
    return [process.wait(150) for process in running], small, ping, still


def play(stage, check):
    lay_out()
    hub = place(HUB)
    mesh = Mesh(stage, hub, place("cluster"), place("laptop"), loopback=False)
    mesh.direct = False
    sink = free_port()
    mesh.services["sink"] = ("tcp:9", {"upstream": "127.0.0.1:%d" % sink})
    mesh.extra = {"agent": {"stack": "lwip"}, "laptop": {"stack": "lwip"}}
    relay = Relay(mesh)
    mesh.bring_up()
    for service in (API, DB, DB.replace("db", "sink", 1)):
        mesh.grant(service, length="1h")
    slow_down()
    stage.write("upload", "x" * SIZE)
    counts = stage.write("counts", "")
    stage.start("sink", mesh.cluster, "socat", "-u", "TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr" % sink,
                "SYSTEM:wc -c >>%s" % counts, show=False)
    stage.until(10, "the sink listens", lambda: ":%d" % sink in stage.run(mesh.cluster, "ss", "-Hnlt"))
    ports = {}
    for service in (DB, DB.replace("db", "sink", 1)):
        ports[service] = free_port()
        mesh.alice("forward", "%d:%s" % (ports[service], service))
    db, to_sink = ports.values()

    def arrived(_=None):
        with open(counts, encoding="ascii") as file:
            return len(file.readlines())

    ended, small, ping, still = all_at_once(stage, mesh, lambda i: (
        "socat", "-u", "OPEN:" + stage.path("upload"), "TCP:127.0.0.1:%d" % to_sink), arrived)
    check("a dozen uploads end", ended == [0] * COUNT, str(ended))
    stage.until(60, "all of them arrive", lambda: arrived() == COUNT)
    with open(counts, encoding="ascii") as file:
        check("… and arrive whole", file.read().split() == [str(SIZE)] * COUNT)
    check("meanwhile a request is answered", "hello" in small and still > 0, "%s, %d left" % (small, still))
    check("… and a ping, by the relay", "relay" in ping, ping)

    ended, small, ping, still = all_at_once(stage, mesh, lambda i: (
        "curl", "-sS", "-r", "0-%d" % (SIZE - 1), "-o", stage.path("got%d" % i),
        "http://127.0.0.1:%d/large.bin" % db), lambda running: sum(
            process.poll() is not None for process in running))
    with open(stage.path("www", "large.bin"), "rb") as file:
        wanted = file.read(SIZE)
    whole = 0
    for i in range(COUNT):
        with open(stage.path("got%d" % i), "rb") as file:
            whole += file.read() == wanted
    check("a dozen downloads are whole", ended == [0] * COUNT and whole == COUNT, str(ended))
    check("meanwhile a request is answered", "hello" in small and still > 0, "%s, %d left" % (small, still))
    check("… and a ping, by the relay", "relay" in ping, ping)
    for name in ("agent", "laptop"):
        log = stage.log(name)
        check("%s kept its connection to the relay" % name, len(re.findall("relay connected", log)) == 1
              and "relay lost" not in log and "relay closed" not in log, log)
    check("the relay thinned what waited for the laptop", relay.dropped("late") > 0)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
