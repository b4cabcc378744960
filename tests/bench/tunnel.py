#!/usr/bin/env python3
"""Tunnel TUN to TUN between two namespaces, beside other implementations in the same run.

    tunnel.py BIN-FOLDER [--newer-peer] [--peer-binary PATH]… [--runs 3] [--seconds 6]
              [--only NAME,…] [--json FILE]

    cb-a  10.98.0.1 ── veth, MTU 1500 ── 10.98.0.2  cb-b
          tunnel 10.99.0.1 ─────────────── 10.99.0.2

Each run measures every implementation once, one after the other, so that changes of the machine's
speed affect all implementations alike. The table has the medians, and the ratio of Culvert to each
other implementation. As root.
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

A, B = "cb-a", "cb-b"
UNDER = {A: "10.98.0.1", B: "10.98.0.2"}
INNER = {A: "10.99.0.1", B: "10.99.0.2"}
PORT = 51820
TICKS = os.sysconf("SC_CLK_TCK")


def run(*words, check=True, **options):
    return subprocess.run(words, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, **options).stdout


def inside(place, *words):
    return ["ip", "netns", "exec", place, *words]


def remove_namespaces():
    for place in (A, B):
        for pid in run("ip", "netns", "pids", place, check=False).split():
            if pid.isdigit():
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", place, check=False)


def make_namespaces():
    remove_namespaces()
    for place in (A, B):
        run("ip", "netns", "add", place)
        run("ip", "-n", place, "link", "set", "lo", "up")
    run("ip", "link", "add", "up0", "netns", A, "type", "veth", "peer", "name", "up0", "netns", B)
    for place in (A, B):
        run("ip", "-n", place, "addr", "add", UNDER[place] + "/24", "dev", "up0")
        run("ip", "-n", place, "link", "set", "up0", "up")


def version_of(path):
    """The version as the program prints it: wireguard-go prints a date."""
    found = re.search(r"\bv[\w.]+", run(path, "--version", check=False))
    return "%s %s" % (os.path.basename(path), found.group(0) if found else "")


class Tunnel:
    """Two processes of one implementation, driven through wg(8) like wg-quick does."""

    def __init__(self, path, *words, name=None):
        command = [path, *words]
        self.name = name or version_of(path)
        self.command = command
        self.processes = {}
        self.interface = {A: "cba%d" % os.getpid(), B: "cbb%d" % os.getpid()}

    def __enter__(self):
        keys = {}
        for place in (A, B):
            private = run("wg", "genkey").strip()
            public = run("wg", "pubkey", input=private).strip()
            keys[place] = (private, public)
        for place in (A, B):
            name = self.interface[place]
            self.processes[place] = subprocess.Popen(
                inside(place, *self.command, "-f", name), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=dict(os.environ, WG_PROCESS_FOREGROUND="1", LOG_LEVEL="error"))
            socket = "/var/run/wireguard/%s.sock" % name
            until(10, lambda: os.path.exists(socket) and "public" not in run(
                "wg", "show", name, "listen-port", check=False))
        for place, other in ((A, B), (B, A)):
            name = self.interface[place]
            config = "[Interface]\nPrivateKey=%s\nListenPort=%d\n[Peer]\nPublicKey=%s\n" % (
                keys[place][0], PORT, keys[other][1])
            config += "Endpoint=%s:%d\nAllowedIPs=%s/32\n" % (UNDER[other], PORT, INNER[other])
            run("wg", "setconf", name, "/dev/stdin", input=config)
            run("ip", "-n", place, "addr", "add", INNER[place] + "/24", "dev", name)
            run("ip", "-n", place, "link", "set", "mtu", "1420", "up", "dev", name)
        run(*inside(A, "ping", "-c", "1", "-W", "5", INNER[B]))
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def cpu(self):
        return sum(process_seconds(p.pid) for p in self.processes.values())

    def resident(self):
        out = []
        for process in self.processes.values():
            with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
                out.append(int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024)
        return max(out)


class Direct:
    """Without a tunnel: the throughput of the veth pair."""
    name = "no tunnel"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def cpu(self):
        return 0.0

    def resident(self):
        return 0.0


def process_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def until(seconds, test):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            raise RuntimeError("waited %d s in vain" % seconds)
        time.sleep(0.02)


def address(tunnel):
    return UNDER[B] if isinstance(tunnel, Direct) else INNER[B]


def tcp(tunnel, seconds, streams, reverse=False):
    """Returns Gbit/s, and CPU seconds per GB at both ends together."""
    server = subprocess.Popen(inside(B, "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        until(5, lambda: ":5201" in run(*inside(B, "ss", "-Hnlt")))
        before = tunnel.cpu()
        words = ["iperf3", "-c", address(tunnel), "-t", str(seconds), "-P", str(streams), "-J"]
        done = json.loads(run(*inside(A, *words, *(["-R"] if reverse else []))))
        used = tunnel.cpu() - before
    finally:
        server.terminate()
        server.wait()
    received = done["end"]["sum_received"]
    return received["bits_per_second"] / 1e9, used / (received["bytes"] / 1e9)


def offered(tunnel, tools, size, rate, seconds):
    """Offers UDP packets of SIZE at RATE. Returns the share that arrived."""
    sink = subprocess.Popen(inside(B, tools, "sink", address(tunnel), "6001", str(seconds + 1)),
                            stdout=subprocess.PIPE, universal_newlines=True)
    try:
        sink.stdout.readline()
        sent = int(run(*inside(A, tools, "send", address(tunnel), "6001", str(size), str(rate),
                               str(seconds))).split()[-1])
        received = int(sink.stdout.readline() or 0)
    finally:
        sink.kill()
        sink.wait()
        sink.stdout.close()
    return sent / seconds, received / max(sent, 1)


def packets_per_second(tunnel, tools, size, seconds=1.5):
    """The highest rate with at most 0.5 % loss, found by halving the interval."""
    low, high, best = 2_000, 600_000, 0
    while high - low > max(low * 0.06, 2_000):
        rate = (low * high) ** 0.5
        sent, share = offered(tunnel, tools, size, int(rate), seconds)
        if share >= 0.995 and sent > 0.97 * rate:
            low, best = rate, max(best, sent * share)
        else:
            high = rate
    return best


def ping(tunnel, loaded, seconds):
    """Median round trip in ms: idle, or while one TCP stream runs."""
    load = None
    if loaded:
        server = subprocess.Popen(inside(B, "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
        until(5, lambda: ":5201" in run(*inside(B, "ss", "-Hnlt")))
        load = subprocess.Popen(inside(A, "iperf3", "-c", address(tunnel), "-t", str(seconds + 2)),
                                stdout=subprocess.DEVNULL)
        time.sleep(1)
    count = int(seconds / 0.05)
    out = run(*inside(A, "ping", "-i", "0.05", "-c", str(count), address(tunnel)), check=False)
    if load:
        load.wait()
        server.wait()
    times = [float(t) for t in re.findall(r"time=([\d.]+)", out)]
    return statistics.median(times) if times else float("nan")


def measure(tunnel, tools, options):
    row = {}
    wanted = options.only.split(",") if options.only else None
    want = lambda name: wanted is None or name in wanted
    with tunnel:
        if want("ping"):
            row["ping idle ms"] = ping(tunnel, False, 2)
        if want("tcp"):
            row["TCP 1 stream Gbit/s"], row["CPU-s per GB"] = tcp(tunnel, options.seconds, 1)
        if want("tcp4"):
            row["TCP 4 streams Gbit/s"], _ = tcp(tunnel, options.seconds, 4)
        if want("reverse"):
            row["TCP reverse Gbit/s"], _ = tcp(tunnel, options.seconds, 1, reverse=True)
        if want("ping"):
            row["ping loaded ms"] = ping(tunnel, True, 3)
        if want("udp"):
            row["UDP 1400 B packets/s"] = packets_per_second(tunnel, tools, 1392)
            row["UDP 64 B packets/s"] = packets_per_second(tunnel, tools, 64)
        row["resident MB"] = tunnel.resident()
    return row


def table(results, ours):
    names = list(results)
    keys = list(results[names[0]][0])
    median = {n: {k: statistics.median(r[k] for r in results[n]) for k in keys} for n in names}
    print("\n%-24s" % "" + "".join("%22s" % n for n in names))
    for key in keys:
        cells = ["%22s" % ("%.3g" % median[n][key] if median[n][key] < 1000
                           else "%d" % median[n][key]) for n in names]
        print("%-24s" % key + "".join(cells))
    for name in names:
        if name in (ours, "no tunnel"):
            continue
        ratios = ["%s %.2f" % (k, median[ours][k] / median[name][k]) for k in keys
                  if median[name][k]]
        print("\nratio %s : %s   %s" % (ours, name, " · ".join(ratios)))
    return median


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binaries")
    parser.add_argument("--newer-peer", action="store_true",
                        help="also Debian 13's wireguard-go, fetched and unpacked, not installed")
    parser.add_argument("--peer-binary", action="append", default=[], metavar="PATH")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--only", help="of ping,tcp,tcp4,reverse,udp")
    parser.add_argument("--no-direct", action="store_true", help="without the bare veth pair")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("tunnel.py: needs root for network namespaces")
    binaries = os.path.abspath(options.binaries)
    ours = "culvert"
    peers = [Tunnel(os.path.join(binaries, "culvert"), "wireguard", name=ours)]
    if options.newer_peer:
        fetch = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "../../cmake/fetch_program.sh")
        newer = run(fetch, "wireguard-go", "trixie", "usr/bin/wireguard-go")
        options.peer_binary.insert(0, newer.strip().split("\n")[-1])
    if not options.ours_only:
        for path in [shutil.which("wireguard-go"), *options.peer_binary]:
            if path:
                peers.append(Tunnel(path))
        if not options.no_direct:
            peers.append(Direct())
    tools = os.path.join(binaries, "culvert_udp_load")
    results = {peer.name: [] for peer in peers}
    try:
        for number in range(options.runs):
            for peer in peers:
                make_namespaces()
                row = measure(peer, tools, options)
                results[peer.name].append(row)
                print("run %d  %-16s %s" % (number + 1, peer.name, "  ".join(
                    "%s %.4g" % item for item in row.items())), flush=True)
    finally:
        remove_namespaces()
    median = table(results, ours)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(median, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
