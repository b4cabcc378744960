#!/usr/bin/env python3
"""Traffic through a tunnel, compared byte for byte. All on port 7777, both families.

   traffic.py serve              echoes TCP, and UDP behind one byte: the TOS it came with
   traffic.py tcp TO [BYTES]     sends so many random bytes and compares what comes back
   traffic.py udp TO [SIZE …]    datagrams of these sizes, one by one and as segmented sends
   traffic.py all TO4 TO6 [SIZE …]   both, in both families, and datagrams of these sizes besides
   traffic.py tos TO TOS …       prints the TOS that a datagram sent with each arrives with; - if not
"""
import os
import random
import selectors
import socket
import sys
import threading

PORT = 7777
SOL_UDP, UDP_SEGMENT = 17, 103
WINDOW = 16  # datagrams under way
SIZES = (1, 64, 500, 1200, 1372, 1391, 1392)


def serve():
    tcp = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind(("::", PORT))
    ready = selectors.DefaultSelector()
    ready.register(tcp, selectors.EVENT_READ)
    ready.register(udp, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is tcp:
                threading.Thread(target=echo, args=(tcp.accept()[0],), daemon=True).start()
                continue
            data, ancillary, _, source = udp.recvmsg(65535, 256)
            tos = next(value[0] for _, kind, value in ancillary
                       if kind in (socket.IP_TOS, socket.IPV6_TCLASS))
            udp.sendto(bytes([tos]) + data, source)


def echo(connection):
    with connection:
        while True:
            data = connection.recv(1 << 18)
            if not data:
                return
            connection.sendall(data)


def tcp(to, size=4_000_000):
    sent = random.Random(size).randbytes(int(size))
    with socket.create_connection((to, PORT), 10) as connection:
        connection.settimeout(30)
        sender = threading.Thread(target=lambda: (connection.sendall(sent),
                                                  connection.shutdown(socket.SHUT_WR)))
        sender.start()
        got = bytearray()
        while True:
            data = connection.recv(1 << 18)
            if not data:
                break
            got += data
        sender.join()
    if got != sent:
        sys.exit("tcp: %d bytes went, %d came back, not the same" % (len(sent), len(got)))


def udp_socket(to):
    out = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    out.settimeout(10)
    out.connect((to, PORT))
    return out


def exchange(connection, datagrams, send):
    missing = set(datagrams)
    send()
    while missing:
        try:
            missing.remove(connection.recv(65535)[1:])
        except KeyError:
            sys.exit("udp: a datagram came back changed, or twice")
        except socket.timeout:
            sys.exit("udp: %d of %d did not come back, sizes %s" % (
                len(missing), len(datagrams), sorted({len(d) for d in missing})))


def udp(to, *sizes):
    made = random.Random(1)
    connection = udp_socket(to)
    for size in [int(s) for s in sizes] or SIZES:
        count = min(WINDOW, 256 ** size // 4, max(1, 60_000 // size))
        datagrams = [made.randbytes(size) for _ in range(count)]
        datagrams = list(dict.fromkeys(datagrams))
        exchange(connection, datagrams, lambda: [connection.send(d) for d in datagrams])
        if size > (1372 if ":" in to else 1392):
            continue  # a segment may not be fragmented, and the tunnel's MTU is 1420
        last = made.randbytes(size // 2 + 1) if size > 64 else b""
        segmented = udp_socket(to)
        segmented.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        exchange(segmented, [*datagrams, *([last] if last else [])],
                 lambda: segmented.send(b"".join(datagrams) + last))


def both(to4, to6, *sizes):
    for to in (to4, to6):
        tcp(to)
        udp(to)
        udp(to, *sizes)


def tos(to, *values):
    connection = udp_socket(to)
    connection.settimeout(3)  # on a busy machine too
    six = ":" in to
    for value in values:
        level, option = ((socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six
                         else (socket.IPPROTO_IP, socket.IP_TOS))
        connection.setsockopt(level, option, int(value, 16))
        token = os.urandom(8)
        connection.send(token)
        try:
            answer = connection.recv(100)
            print("%x" % answer[0] if answer[1:] == token else "?")
        except socket.timeout:
            print("-")


if __name__ == "__main__":
    {"serve": serve, "tcp": tcp, "udp": udp, "all": both, "tos": tos}[sys.argv[1]](*sys.argv[2:])
