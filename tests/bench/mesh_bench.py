#!/usr/bin/env python3
"""The whole mesh with the real programs: mesh_bench.py BIN-FOLDER [--runs 3] [--json F]

Each run measures both stacks of the agents ("stack": "lwip" and "kernel"), one after the other.
On loopback:
 - access (approve → first byte, revoke → cut);
 - throughput of a raw TCP service, directly and through the relay;
 - the memory of each idle program (with the kernel's stack also of the helper process).
In two namespaces, as root:
 - the same service from a laptop in TUN mode, over veth;
 - a small request while four downloads fill a path of 20 Mbit/s to the relay;
 - a link of 20 ms and 1 % loss (culvert_lossy_link), beside the kernel's TCP with Reno.
"""
import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
from mesh import DB, Mesh, Place, Stage, free_port  # noqa: E402


STACKS = ("lwip", "kernel")


def resident(pid):
    """The memory of the process, and the private memory of its children."""
    def field(pid, name):
        with open("/proc/%d/%s" % (pid, "smaps_rollup"), encoding="ascii") as file:
            return sum(int(value) for value in re.findall(name + r":\s+(\d+)", file.read())) / 1024
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        children = [int(child) for child in file.read().split()]
    return field(pid, "Rss") + sum(field(child, "Private_(?:Clean|Dirty)") for child in children)


def until_closed(held):
    try:
        while held.recv(4096):
            pass
    except ConnectionError:
        pass


def cpu_seconds(stage):
    """The memory at both ends of the mesh."""
    ticks = 0
    for name in ("agent", "laptop"):
        with open("/proc/%d/stat" % dict(stage.processes)[name].pid, encoding="ascii") as file:
            ticks += sum(int(word) for word in file.read().rsplit(")", 1)[1].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


class QuietStage(Stage):
    def __init__(self, binaries):
        super().__init__(binaries)
        shutil.copy(os.path.join(binaries, "culvert_lossy_link"), self.bin)

    def show(self, words):
        pass

    def run(self, *words, show=False, **options):
        return super().run(*words, **options)


def set_up(stage, direct, stack, places=None, flags=()):
    mesh = Mesh(stage, *(places or [Place("here")] * 3), loopback=places is None)
    mesh.extra = {"agent": {"stack": stack}, "laptop": {"stack": stack}}
    mesh.direct = direct
    mesh.bring_up(flags)
    return mesh


class Net:
    """Two namespaces, `near` (operator, site) and `far` (laptop), joined by veth or a lossy link."""

    def __init__(self, stage, lossy=None):
        self.near, self.far = ("cm%d-%s" % (os.getpid(), end) for end in ("near", "far"))
        stage.on_close.append(self.remove)
        for name in (self.near, self.far):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        device = "lossy0" if lossy else "up0"
        if lossy:
            link = stage.start("link", Place("here"), stage.path("bin", "culvert_lossy_link"), self.near,
                               self.far, *lossy, show=False)
            stage.until(10, "the link is there", lambda: "ready" in stage.log("link") and link)
        else:
            ip("link", "add", device, "netns", self.near, "type", "veth", "peer", "name", device, "netns",
               self.far)
        for name, address in ((self.near, "10.94.0.1/24"), (self.far, "10.94.0.2/24")):
            ip("-n", name, "addr", "add", address, "dev", device)
            ip("-n", name, "link", "set", device, "up", "mtu", "1500")

    def places(self):
        def inside(name):
            return ["ip", "netns", "exec", name]
        here = Place("near", inside(self.near), "10.94.0.1")
        return here, here, Place("far", inside(self.far), "10.94.0.2")

    def remove(self):
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def seconds_until(test, limit=20):
    start = time.monotonic()
    while not test():
        if time.monotonic() - start > limit:
            raise RuntimeError("waited in vain")
    return time.monotonic() - start


def access(stage, mesh):
    """The times from the last approval to the first byte, and from the revocation to the cut."""
    port = free_port()
    grant = mesh.request(DB, show=False)
    listed = stage.run(mesh.operator, "culvert", "requests", "--key", stage.path("vendor/approver.key"))
    text = re.findall(r"sha256:[0-9a-f]{64}", listed[:listed.index(grant)])[-2]
    stage.run(mesh.operator, "culvert", "approve", text, "--key", stage.path("vendor/approver.key"))
    start = time.monotonic()
    stage.run(mesh.cluster, "culvert", "approve", text, "--key", stage.path("site/approver.key"))
    seconds_until(lambda: stage.run(mesh.laptop, "culvert", "--state", stage.path("laptop"), "forward",
                                    "%d:%s" % (port, DB), ok=None) and stage.last_code == 0)
    seconds_until(lambda: b"rows" in subprocess.run(
        ["curl", "-s", "--max-time", "5", "http://127.0.0.1:%d/" % port], stdout=subprocess.PIPE,
        check=False).stdout)
    usable = time.monotonic() - start
    held = socket.create_connection(("127.0.0.1", port))
    held.sendall(b"GET / HTTP/1.1\r\nHost: db\r\n\r\n")
    held.settimeout(20)
    if not held.recv(4096):
        raise RuntimeError("the session did not open")
    ended = []
    watcher = threading.Thread(target=lambda: (until_closed(held), ended.append(time.monotonic())))
    watcher.start()
    start = time.monotonic()
    stage.run(mesh.cluster, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"))
    watcher.join()
    mesh.until_dark(DB)
    mesh.alice("forward-end", str(port))
    return usable, ended[0] - start


def throughput(stage, mesh, seconds=5, address=None):
    """Gbit/s of downloads through the raw TCP service, one after the other, for `seconds`."""
    if address is None:
        port = free_port()
        mesh.alice("forward", "%d:%s" % (port, DB))
        address = "127.0.0.1:%d" % port
    start, size = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        size += int(subprocess.run(
            [*mesh.laptop.prefix, "curl", "-s", "-g", "-o", os.devnull, "-w", "%{size_download}",
             "--max-time", str(max(1, seconds)), "http://%s/large.bin" % address],
            stdout=subprocess.PIPE, check=False).stdout)
    return size * 8 / (time.monotonic() - start) / 1e9


def until_direct(stage, mesh):
    stage.until(20, "the path is direct", lambda: any(
        peer["path"] == "direct" for peer in mesh.status()["peers"]))


def from_tun(binaries, stack, row):
    with QuietStage(binaries) as stage:
        mesh = set_up(stage, True, stack, Net(stage).places(), ("--tun", "--no-dns"))
        mesh.grant(DB)
        service = next(each for each in json.loads(mesh.alice("--json", "services"))["services"]
                       if each["fqdn"] == DB)
        address = service["endpoint"]
        throughput(stage, mesh, 0.1, address)
        until_direct(stage, mesh)
        row["from TUN mode Gbit/s"] = throughput(stage, mesh, 5, address)


def with_loss(binaries, stack, row, seconds=10):
    with QuietStage(binaries) as stage:
        net = Net(stage, ("10", "1"))  # delay in ms each way, loss in percent
        mesh = set_up(stage, True, stack, net.places())
        mesh.grant(DB)
        throughput(stage, mesh, 0.1)
        until_direct(stage, mesh)
        row["20 ms, 1 % loss Mbit/s"] = throughput(stage, mesh, seconds) * 1000
        stage.start("iperf3", mesh.cluster, "iperf3", "-s", "-1", "--forceflush",
                    show=False)
        stage.until(10, "iperf3 listens", lambda: "listening" in stage.log("iperf3"))
        report = json.loads(stage.run(mesh.laptop, "iperf3", "-c", mesh.cluster.host, "-R", "-J", "-C",
                                      "reno", "-t", str(seconds), timeout=seconds + 30))
        row["… kernel's Reno, no tunnel Mbit/s"] = report["end"]["sum_received"]["bits_per_second"] / 1e6


def by_slow_relay(binaries, stack, row):
    with QuietStage(binaries) as stage:
        net = Net(stage)
        for name in (net.near, net.far):
            ip("netns", "exec", name, "tc", "qdisc", "add", "dev", "up0", "root", "tbf", "rate", "20mbit",
               "burst", "16kb", "latency", "30ms")
        mesh = set_up(stage, False, stack, net.places())
        mesh.grant(DB)
        port = free_port()
        mesh.alice("forward", "%d:%s" % (port, DB))
        url = "http://127.0.0.1:%d" % port

        def small():
            return float(stage.run(mesh.laptop, "curl", "-s", "-o", os.devnull, "-w", "%{time_total}",
                                   url)) * 1000

        row["20 Mbit/s relay: request idle ms"] = statistics.median(small() for _ in range(20))
        loads = [stage.start("load%d" % i, mesh.laptop, "curl", "-s", "-o", os.devnull,
                             url + "/large.bin", show=False) for i in range(4)]
        for i in range(len(loads)):
            stage.release("load%d" % i)
        time.sleep(3)
        row["… while 4 downloads run ms"] = statistics.median(small() for _ in range(40))
        for load in loads:
            load.terminate()


def one_run(binaries, stack):
    row = {}
    with QuietStage(binaries) as stage:
        mesh = set_up(stage, True, stack)
        time.sleep(2)  # time to free memory that the start needed
        for name in ("agent", "laptop", "coordinator", "relay"):
            row["idle MB, " + name] = resident(dict(stage.processes)[name].pid)
        row["approve → first byte s"], row["revoke → cut s"] = access(stage, mesh)
        mesh.grant(DB)
        throughput(stage, mesh, 0.1)
        until_direct(stage, mesh)
        before, start = cpu_seconds(stage), time.monotonic()
        row["direct Gbit/s"] = throughput(stage, mesh)
        gigabytes = row["direct Gbit/s"] / 8 * (time.monotonic() - start)
        row["CPU-s per GB, agent + laptop"] = (cpu_seconds(stage) - before) / gigabytes
        row["busy MB, agent"] = resident(dict(stage.processes)["agent"].pid)
    with QuietStage(binaries) as stage:
        mesh = set_up(stage, False, stack)
        mesh.grant(DB)
        row["by the relay Gbit/s"] = throughput(stage, mesh)
        if any(peer["path"] == "direct" for peer in mesh.status()["peers"]):
            raise RuntimeError("the path is direct, it should be relayed")
    from_tun(binaries, stack, row)
    by_slow_relay(binaries, stack, row)
    with_loss(binaries, stack, row)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = []
    for number in range(options.runs):
        rows.append({})
        for stack in STACKS:
            row = one_run(os.path.abspath(options.binaries), stack)
            rows[-1].update((stack + ": " + key, value) for key, value in row.items())
            print("run %d  %s: %s" % (number + 1, stack,
                                      "  ".join("%s %.3g" % item for item in row.items())), flush=True)
    median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    print("\n%-32s" % "" + "".join("%10s" % stack for stack in STACKS) + "     ratio")
    for key in [key[len(STACKS[0]) + 2:] for key in median if key.startswith(STACKS[0])]:
        values = [median[stack + ": " + key] for stack in STACKS]
        print("%-32s" % key + "".join("%10.3g" % value for value in values)
              + "%10.2f" % (values[1] / values[0]))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(median, file, indent=2, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
