#!/usr/bin/env python3
"""Strangers at the relay and the coordinator, before any login. strangers_test.py BIN-FOLDER, as root.

The strangers fill tables, memory and time: idle connections, one-byte fragments, frames that are
shorter than announced, pings whose pongs are never read, bytes after close_notify, one-byte TLS
records. All other clients are served meanwhile, and the memory of both programs stays bounded.
"""
import http.client
import ssl
import struct
import sys

import siege
from mesh import API, Mesh, Place, free_port, play_and_count

HERE = Place("here")
ROOM = 1024  # kMaxStrangers
SPARE = 96  # MiB that a program may grow under all of these attacks


def get(port, path, tls):
    """The status of a GET on a new connection."""
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    else:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    link.request("GET", path)
    answer = link.getresponse()
    body = answer.read().decode()
    link.close()
    return answer.status, body


class Target:
    def __init__(self, stage, name, port, path, protocol, metrics):
        self.stage, self.name, self.port, self.metrics = stage, name, port, metrics
        self.path, self.protocol = path, protocol
        self.pid = siege.pid_of(stage, name)
        self.before = siege.memory(self.pid)  # before the first attack

    def grown(self):
        return siege.memory(self.pid) - self.before

    def socket(self):
        return siege.upgrade(siege.Tls(siege.connect(self.port)), self.path, self.protocol)

    def number(self, metric):
        text = get(self.metrics, "/metrics", tls=False)[1]
        line = next(l for l in text.splitlines() if l.startswith("culvert_%s_%s " % (self.name, metric)))
        return int(line.split()[-1])


def check_idle(target, check):
    """More idle connections than the room has places, from one source and from many sources."""
    for sources in (1, 12):
        held = siege.besiege(target.port, ROOM + 76, sources)
        for port, tls in ((target.port, True), (target.metrics, False)):
            for path in ("/healthz", "/readyz"):
                check("%s: %s answers behind %d idle connections of %d sources" % (
                    target.name, path, len(held), sources), get(port, path, tls)[0] == 200)
        check("%s: /metrics too" % target.name, get(target.metrics, "/metrics", False)[0] == 200)
        check("%s: strangers have a bounded room" % target.name, target.number("strangers") <= ROOM)
        idle = siege.besiege(target.metrics, 200, 1)
        check("%s: the metrics door is not closed by idle connections to it" % target.name,
              get(target.metrics, "/healthz", False)[0] == 200)
        for raw in held + idle:
            raw.close()


def check_memory(target, check, what, attack, times=20):
    held = [siege.try_to(lambda: attack(target)) for _ in range(times)]
    grown = target.grown()
    check("%s: %s: %d MiB more" % (target.name, what, grown), grown < SPARE)
    check("%s: goes on" % target.name, get(target.port, "/healthz", True)[0] == 200)
    return held


def fragments(target):
    """7 MB of one-byte fragments: a message without an end."""
    link = target.socket()
    siege.try_to(lambda: link.send(siege.frame(2, b"A", False) + siege.frame(0, b"A", False) * 1_000_000))
    return link


def empty_fragments(target):
    link = target.socket()
    siege.try_to(lambda: link.send(siege.frame(2, b"", False) + siege.frame(0, b"", False) * 1_000_000))
    return link


def announcements(target):
    """A frame of a mebibyte without its last byte, then silence."""
    link = target.socket()
    head = b"\x82\xff" + struct.pack(">Q", 1 << 20) + siege.MASKED_ZERO
    siege.try_to(lambda: link.send(head + bytes((1 << 20) - 1)))
    return link


def pings(target):
    """Sends pings and never reads the pongs."""
    link = target.socket()
    siege.try_to(lambda: link.send(siege.frame(9, b"p" * 100) * 200_000))
    return link


def after_close_notify(target):
    link = siege.Tls(siege.connect(target.port))
    link.send(b"GET /")
    link.say_goodbye()
    for _ in range(32):
        siege.try_to(lambda: link.raw.sendall(bytes(1 << 20)))
    return link


def after_answer(target):
    """Sends close_notify and a flood after a complete request."""
    link = siege.Tls(siege.connect(target.port))
    link.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    link.say_goodbye()
    siege.try_to(lambda: link.raw.sendall(bytes(32 << 20)))
    return link


def handshake(target):
    """A ClientHello without an end."""
    raw = siege.connect(target.port)
    hello = b"\x01" + struct.pack(">I", 131_000)[1:] + b"\x03\x03" + bytes(130_998)
    for at in range(0, len(hello), 16_000):
        piece = hello[at:at + 16_000]
        siege.try_to(lambda: raw.sendall(b"\x16\x03\x01" + struct.pack(">H", len(piece)) + piece))
    return raw


def early_frames(target):
    """DERP frames before the login: the largest ones, each without its last byte."""
    link = siege.Tls(siege.connect(target.port))
    link.send(b"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n")
    link.receive()
    siege.try_to(lambda: link.send(b"\x04" + struct.pack(">I", 65_568) + bytes(65_567)))
    return link


def check_bytewise(target, check):
    """A head of 15 KiB in one-byte TLS records, with long and short lines."""
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    head += b"".join(b"a%d: b\r\n" % i for i in range(40)) + b"long: " + b"x" * 15_000 + b"\r\n\r\n"
    link = siege.Tls(siege.connect(target.port))
    link.send_bytewise(head)
    check("%s: a head in one-byte TLS records is answered" % target.name,
          link.receive().startswith(b"HTTP/1.1 200"))
    endless = siege.Tls(siege.connect(target.port))
    siege.try_to(lambda: endless.send_bytewise(b"GET /healthz HTTP/1.1\r\nHost: " + b"x" * 17_000))
    check("%s: one that never ends is refused" % target.name,
          b"400" in (siege.try_to(endless.receive) or b"400"))


def check_files(stage, check):
    for name in ("relay", "coordinator", "agent", "laptop"):
        with open("/proc/%d/limits" % siege.pid_of(stage, name)) as file:
            soft, hard = next(l for l in file if l.startswith("Max open files")).split()[3:5]
        check("%s may open %s files, all that the system allows" % (name, soft), soft == hard)


def play(stage, check):
    metrics = {name: free_port() for name in ("relay", "coordinator")}
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True)
    mesh.direct = False  # every packet through the relay
    mesh.extra = {name: {"metrics": "127.0.0.1:%d" % port} for name, port in metrics.items()}
    mesh.bring_up()
    mesh.grant(API)
    check_files(stage, check)
    relay = Target(stage, "relay", mesh.relay_port, "/derp", "derp", metrics["relay"])
    coordinator = Target(stage, "coordinator", mesh.control_port, "/control/v1", None,
                         metrics["coordinator"])
    for target in (relay, coordinator):
        check_idle(target, check)
        check_memory(target, check, "one-byte fragments", fragments)
        check_memory(target, check, "empty fragments", empty_fragments)
        check_memory(target, check, "announced frames", announcements, times=40)
        check_memory(target, check, "pongs that nobody reads", pings, times=10)
        check_memory(target, check, "bytes after close_notify", after_close_notify, times=4)
        check_memory(target, check, "bytes after close_notify and an answer", after_answer, times=4)
        check_memory(target, check, "endless handshakes", handshake, times=40)
        check_bytewise(target, check)
    check_memory(relay, check, "frames before the login", early_frames, times=100)
    # The mesh works during all of the attacks, and a program that comes back can connect.
    held = siege.besiege(mesh.relay_port, ROOM + 76, 12)
    held += siege.besiege(mesh.control_port, ROOM + 76, 12)
    check("a granted service works under siege", "hello" in mesh.curl("https://%s/" % API))
    stage.end("laptop")
    mesh.start_laptop(token=False)
    mesh.until_usable(seconds=40)
    check("a laptop that comes back under siege gets in", "hello" in mesh.curl("https://%s/" % API))
    for raw in held:
        raw.close()


if __name__ == "__main__":
    sys.exit(play_and_count(play))
