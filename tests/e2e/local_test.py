#!/usr/bin/env python3
"""Local attackers of a laptop's agent, with the real programs. local_test.py BIN-FOLDER, as root.

Another user, greedy programs of the owner, and web pages in the owner's browser attack the proxy, a
forward and the local API: none of them keeps other programs from the agent.
"""
import re
import socket
import sys
import threading

from mesh import API, DB, Mesh, Place, free_port, play_and_count

HERE = Place("here")
STATUS_CALLS = 20


class Reconnecting:
    """Threads that connect and close again and again."""

    def __init__(self, ports, threads=8):
        self.stopping, self.count = False, 0
        self.threads = [threading.Thread(target=self.run, args=(ports[i % len(ports)],), daemon=True)
                        for i in range(threads)]

    def run(self, port):
        while not self.stopping:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=30).close()
                self.count += 1
            except OSError:
                pass

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def ask(port, request, host="127.0.0.1", fin=False):
    """Returns the bytes received until the other side closes."""
    with socket.create_connection((host, port), timeout=30) as stream:
        stream.sendall(request.encode())
        if fin:
            stream.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            try:
                piece = stream.recv(65536)
            except ConnectionResetError:  # answer to a request that was not read to its end
                piece = b""
            if not piece:
                return out.decode()
            out += piece


def get(host, *headers, path="/"):
    return "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, "".join(h + "\r\n" for h in headers))


def play(stage, check):
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True, lease="30s")
    mesh.bring_up()
    mesh.grant(API)
    mesh.grant(DB)
    port = free_port()
    mesh.alice("forward", "%d:%s" % (port, DB))
    check_forward(port, check)
    check_browsers(mesh, port, check)
    check_proxy(mesh, check)
    check_other_user(stage, mesh, port, check)
    check_reconnecting(mesh, port, check)
    check_half_open(mesh, port, check)
    check_api(stage, mesh, check)
    check_log(stage, check)


def check_forward(port, check):
    close = "Connection: close"
    check("a forward serves curl-like requests",
          "rows of the database" in ask(port, get("x", close)))
    check("a client that has sent its FIN is served",
          "rows of the database" in ask(port, get("x", close), fin=True))
    check("a forward is on [::1] too", "rows of the database" in ask(port, get("x", close), "::1"))


def check_browsers(mesh, port, check):
    own = "127.0.0.1:%d" % port
    for headers in (["Sec-Fetch-Site: cross-site"], ["Sec-Fetch-Site: same-site"],
                    ["Origin: https://evil.example"], ["Origin: null"]):
        out = ask(port, get(own, *headers))
        check("a page's request with %s gets 403" % headers[0], out.startswith("HTTP/1.1 403"), out)
    out = ask(port, get("evil.example:%d" % port, "User-Agent: Mozilla/5.0", "Accept-Language: en"))
    check("DNS rebinding gets 403", out.startswith("HTTP/1.1 403"), out)
    out = ask(port, get(own) + get(own, "Origin: https://evil.example", path="/large.bin"))
    check("a pipelined one gets 403 after the good one's answer",
          out.startswith("HTTP/1.1 200") and "rows of the database" in out
          and out.count("HTTP/1.1 ") == 2 and "HTTP/1.1 403" in out, out)
    out = ask(port, get(own, "Origin: http://" + own, "Sec-Fetch-Site: same-origin",
                        "User-Agent: Mozilla/5.0", "Connection: close"))
    check("the service's own page is served", "rows of the database" in out, out)
    for request in (get("127.0.0.1:%d" % mesh.proxy_port, "Sec-Fetch-Site: cross-site"),
                    "CONNECT %s:5432 HTTP/1.1\r\nOrigin: https://evil.example\r\n\r\n" % DB):
        out = ask(mesh.proxy_port, request)
        check("a page cannot use the proxy", out.startswith("HTTP/1.1 403"), out)


def check_proxy(mesh, check):
    for head in ("CONNECT %s:5432 HTTP/1.0\r\n\r\n", "CONNECT %s:5432 HTTP/1.0\r\nHost: x\r\n\r\n",
                 "CONNECT %s:5432 HTTP/1.1\r\nHost: x\r\n\r\n"):
        out = ask(mesh.proxy_port, head % DB + get(DB, "Connection: close"))
        check(repr(head), "rows of the database" in out, out)
    out = ask(mesh.proxy_port, "GET http://%s:5432/ HTTP/1.1\r\nHost: x\r\n\r\n" % DB)
    check("a request for an http:// URL", "rows of the database" in out, out)
    out = ask(mesh.proxy_port, "\x04\x01\x00\x50\x00\x00\x00\x01\x00")
    check("SOCKS4 is refused in its own words", out.startswith("\0\x5b"), repr(out))


def check_other_user(stage, mesh, port, check):
    """The agent runs as root here, so every other user is a stranger."""
    nobody = Place("nobody", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    for words in (["curl", "-sS", "--max-time", "20", "http://127.0.0.1:%d/" % port],
                  ["curl", "-sS", "--max-time", "20", "--socks5-hostname",
                   "127.0.0.1:%d" % mesh.proxy_port, "http://%s:5432/" % DB]):
        out = stage.run(nobody, *words, ok=False)
        check("another user is not served", "rows" not in out, out)


def check_reconnecting(mesh, port, check):
    held = socket.create_connection(("127.0.0.1", port), timeout=30)
    held.sendall(get("x").encode())
    check("a connection is open", b"rows" in held.recv(4096))
    with Reconnecting([port, mesh.proxy_port]) as others:
        answers = [mesh.status()["admitted"] for _ in range(STATUS_CALLS)]
        check("status answers while eight threads reconnect", all(answers))
        out = mesh.curl("https://%s/" % API)
        check("another program is served meanwhile", "hello from the cluster" in out, out)
        held.sendall(get("x").encode())
        check("the open connection goes on", b"rows" in held.recv(4096))
    check("they did connect", others.count > STATUS_CALLS, others.count)
    held.close()


def check_half_open(mesh, port, check):
    """More connections than either port has places for, silent or with half a request."""
    kept = []
    for i in range(1200):
        try:
            stream = socket.create_connection(
                ("127.0.0.1", mesh.proxy_port if i % 2 else port), timeout=30)
            stream.sendall([b"", b"\x05", b"GET / HT", b"CONNECT "][i % 4])
            kept.append(stream)
        except OSError:  # reset: refused
            pass
    check("status answers beside 1,200 half-open connections", mesh.status()["admitted"])
    out = mesh.curl("https://%s/" % API)
    check("the proxy serves who sends its request", "hello from the cluster" in out, out)
    # For some seconds silent connections hold the places that are needed for answers.
    mesh.s.until(30, "the full forward says so", lambda: ask(
        port, get("x", "Connection: close")).startswith("HTTP/1.1 503"))
    check("the full forward says so", True)
    for stream in kept:
        stream.close()
    mesh.s.until(30, "the forward serves again", lambda: "rows" in ask(
        port, get("x", "Connection: close")))


def check_api(stage, mesh, check):
    kept = []
    for i in range(300):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(stage.path("laptop/agent.sock"))
        try:
            stream.sendall([b"", b"POST /v1/status HTTP/1.1\r\nCont"][i % 2])
        except OSError:  # closed already to make room
            pass
        kept.append(stream)
    check("status answers beside 300 silent callers of the local API", mesh.status()["admitted"])
    check("so does audit", "entries" in mesh.alice("--json", "audit"))
    for stream in kept:
        stream.close()


def check_log(stage, check):
    lines = [line for line in stage.log("laptop").splitlines()
             if "too many are open" in line]
    what = [re.search(r'port_of=("[^"]*"|\S+)', line).group(1) for line in lines]
    check("one log line for each full port", lines and len(what) <= len(set(what)) * 2, lines)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
