"""Helpers for the attacks on relay and coordinator: raw connections, TLS in memory, WebSockets."""
import os
import re
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

MASKED_ZERO = b"\0\0\0\0"  # a mask of zeros leaves the payload as it is


def pid_of(stage, name):
    return next(process.pid for known, process in stage.processes if known == name)


def memory(pid):
    """Resident memory in MiB."""
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def connect(port, source="127.0.0.1"):
    raw = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def besiege(port, count, sources):
    """Opens `count` silent connections, from `sources` addresses in turn."""
    return [connect(port, "127.0.1.%d" % (1 + i % sources)) for i in range(count)]


class Tls:
    """TLS whose records the test makes one by one, so that the test can stop at any record."""

    def __init__(self, raw):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.raw, self.incoming, self.outgoing = raw, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.inside = context.wrap_bio(self.incoming, self.outgoing)
        while True:
            try:
                self.inside.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()
        self.flush()

    def fill(self):
        piece = self.raw.recv(65536)
        if not piece:
            raise ConnectionResetError("the other side has ended")
        self.incoming.write(piece)

    def flush(self):
        self.raw.sendall(self.outgoing.read())

    def send(self, content):
        for at in range(0, len(content), 1 << 20):
            self.inside.write(content[at:at + (1 << 20)])
            self.flush()

    def send_bytewise(self, content):
        """Sends each byte in a TLS record of its own."""
        for byte in content:
            self.inside.write(bytes([byte]))
        self.flush()

    def receive(self):
        while True:
            try:
                return self.inside.read(65536)
            except ssl.SSLWantReadError:
                self.fill()

    def say_goodbye(self):
        """Sends close_notify; the TCP connection stays open."""
        try:
            self.inside.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()


def upgrade(tls, path, protocol=None):
    head = ("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" % path)
    if protocol:
        head += "Sec-WebSocket-Protocol: %s\r\n" % protocol
    tls.send(head.encode() + b"\r\n")
    answer = tls.receive()
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return tls


def frame(opcode, payload, final=True):
    assert len(payload) < 126
    return bytes([(0x80 if final else 0) | opcode, 0x80 | len(payload)]) + MASKED_ZERO + payload


def try_to(act):
    """Runs `act`. Returns nothing where the connection was closed: the servers cut attackers
    off."""
    try:
        return act()
    except (OSError, ssl.SSLError):
        return None
