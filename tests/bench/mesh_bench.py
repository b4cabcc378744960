#!/usr/bin/env python3
"""The whole mesh with the real programs on loopback: mesh_bench.py BIN-FOLDER [--runs 3] [--json F]

Access (approve → first byte, revoke → cut), throughput of a raw TCP service between two userspace
network stacks (directly, and by the relay), and the memory that each idle program keeps.
"""
import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True
from mesh import DB, Mesh, Place, Stage, free_port  # noqa: E402


def resident(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def until_closed(held):
    try:
        while held.recv(4096):
            pass
    except ConnectionError:
        pass


class QuietStage(Stage):
    def show(self, words):
        pass

    def run(self, *words, show=False, **options):
        return super().run(*words, **options)


def set_up(stage, direct):
    here = Place("here")
    mesh = Mesh(stage, here, here, here, loopback=True)
    mesh.vendor_keys()
    mesh.site_keys()
    mesh.start_relay()
    mesh.setup_coordinator()
    mesh.start_coordinator()
    mesh.start_upstreams()
    mesh.direct = direct
    mesh.start_agent()
    mesh.start_laptop()
    mesh.admit()
    return mesh


def seconds_until(test, limit=20):
    start = time.monotonic()
    while not test():
        if time.monotonic() - start > limit:
            raise RuntimeError("waited in vain")
    return time.monotonic() - start


def access(stage, mesh):
    """From the start of the last approval to the first byte, and of the revocation to the cut."""
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


def throughput(stage, mesh, seconds=5):
    """Downloads through the raw TCP service, one after the other, for `seconds`: Gbit/s."""
    port = free_port()
    mesh.alice("forward", "%d:%s" % (port, DB))
    start, size = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        size += int(subprocess.run(
            ["curl", "-s", "-o", os.devnull, "-w", "%{size_download}", "--max-time", "30",
             "http://127.0.0.1:%d/large.bin" % port], stdout=subprocess.PIPE, check=True).stdout)
    return size * 8 / (time.monotonic() - start) / 1e9


def one_run(binaries):
    row = {}
    with QuietStage(binaries) as stage:
        mesh = set_up(stage, direct=True)
        time.sleep(2)  # what starting needed is given back
        for name in ("agent", "laptop", "coordinator", "relay"):
            row["idle MB, " + name] = resident(dict(stage.processes)[name].pid)
        row["approve → first byte s"], row["revoke → cut s"] = access(stage, mesh)
        mesh.grant(DB)
        throughput(stage, mesh, 0.1)
        stage.until(20, "the path is direct", lambda: any(
            peer["path"] == "direct" for peer in mesh.status()["peers"]))
        row["userspace ↔ userspace Gbit/s"] = throughput(stage, mesh)
        row["busy MB, agent"] = resident(dict(stage.processes)["agent"].pid)
    with QuietStage(binaries) as stage:
        mesh = set_up(stage, direct=False)
        mesh.grant(DB)
        row["by the relay Gbit/s"] = throughput(stage, mesh)
        if any(peer["path"] == "direct" for peer in mesh.status()["peers"]):
            raise RuntimeError("the path is direct, it should be relayed")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binaries")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = []
    for number in range(options.runs):
        rows.append(one_run(os.path.abspath(options.binaries)))
        print("run %d  %s" % (number + 1, "  ".join("%s %.3g" % item for item in rows[-1].items())),
              flush=True)
    median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    print()
    for key, value in median.items():
        print("%-32s %10.3g" % (key, value))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(median, file, indent=2, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
