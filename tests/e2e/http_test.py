#!/usr/bin/env python3
"""HTTP mode of the terminator with real clients and upstreams. http_test.py BIN-FOLDER.

Upstreams: Debian's nginx, whose log shows which connection served which request, and this file with
--upstream PORT, which answers with the head that it received, with the hash of a body, or by
WebSocket.
"""
import base64
import hashlib
import json
import os
import random
import re
import socket
import socketserver
import ssl
import stat
import sys

from mesh import ALICE, API, DB, SITE, Failed, Mesh, Place, free_port, play_and_count

HERE = Place("here")
ADMIN = "admin." + API
OK = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


# --- the upstream ---
class Upstream(socketserver.StreamRequestHandler):
    def head(self):
        lines = []
        while True:
            line = self.rfile.readline().decode("latin-1")
            if line in ("", "\r\n"):
                return lines
            lines.append(line.rstrip("\r\n"))

    def body(self, headers):
        if "transfer-encoding" not in headers:
            return self.rfile.read(int(headers.get("content-length", "0")))
        out = b""
        while True:
            size = int(self.rfile.readline(), 16)
            out += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return out

    def handle(self):
        while True:
            lines = self.head()
            if not lines:
                return
            headers = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:])}
            if headers.get("upgrade", "").lower() == "websocket":
                return self.websocket(headers["sec-websocket-key"])
            body = self.body(headers)
            text = "\n".join(lines) + "\n"
            if body:
                text += "body %d %s\n" % (len(body), hashlib.sha256(body).hexdigest())
            self.wfile.write((OK % len(text) + text).encode())

    def websocket(self, key):
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
        self.wfile.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())
        while True:  # echoes every byte
            data = self.connection.recv(65536)
            if not data:
                return
            self.wfile.write(data)


def serve(port):
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True
    Server(("127.0.0.1", port), Upstream).serve_forever()


# --- the test ---

NGINX = """
pid {w}/nginx.pid; error_log {w}/nginx-error.log; daemon off; worker_processes 1;
events {{}}
http {{
  log_format c '$connection $connection_requests $request_uri $http_host';
  access_log {w}/nginx-requests c; client_body_temp_path {w}/b; proxy_temp_path {w}/p;
  fastcgi_temp_path {w}/f; uwsgi_temp_path {w}/u; scgi_temp_path {w}/s;
  server {{ listen 127.0.0.1:{port}; root {w}/www;
    location / {{ return 200 "nginx for $http_culvert_user\\n"; }}
    location = /large.bin {{ alias {w}/large.bin; }} }}
}}
"""


def start_upstreams(stage, mesh):
    with open(stage.path("large.bin"), "wb") as file:
        file.write(os.urandom(1 << 20) * 16)
    stage.write("nginx.conf", NGINX.format(w=stage.work, port=mesh.api_port))
    stage.start("nginx", HERE, "nginx", "-e", stage.path("nginx-error.log"), "-p", stage.work, "-c",
                stage.path("nginx.conf"), show=False)
    stage.start("upstream", HERE, sys.executable, "-B", os.path.abspath(__file__), "--upstream",
                str(mesh.db_port), show=False)
    for port in (mesh.api_port, mesh.db_port):
        stage.until(10, "the upstream answers", lambda p=port: stage.run(
            HERE, "curl", "-s", "http://127.0.0.1:%d/" % p, ok=None))
    mesh.services["api"] = ("tls:443", {"http": {"routes": [
        {"path": "/", "upstream": "127.0.0.1:%d" % mesh.api_port},
        {"path": "/echo/", "upstream": "127.0.0.1:%d" % mesh.db_port},
        {"path": "/dead", "upstream": "127.0.0.1:%d" % free_port()},
        {"host": "admin", "path": "/only", "upstream": "127.0.0.1:%d" % mesh.db_port},
        {"host": "b.admin", "path": "/", "upstream": "127.0.0.1:%d" % mesh.api_port}]}})


class Raw:
    """One TLS connection to the service through the laptop's proxy."""

    def __init__(self, mesh, name=API):
        plain = socket.create_connection(("127.0.0.1", mesh.proxy_port), timeout=20)
        plain.sendall(("CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n" % (API, API)).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += plain.recv(1)
        if b" 200 " not in answer.split(b"\r\n")[0]:
            raise Failed("the proxy said %r\n%s" % (answer, mesh.alice("services", ok=None)))
        context = ssl.create_default_context(cafile=mesh.bundle)
        self.tls = context.wrap_socket(plain, server_hostname=name)

    def send(self, data):
        self.tls.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def rest(self):
        """Returns the bytes received until the other side ends."""
        out = b""
        try:
            while True:
                data = self.tls.recv(65536)
                if not data:
                    return out
                out += data
        except (ssl.SSLError, ConnectionError):
            return out
        finally:
            self.tls.close()

    def take(self, size):
        out = b""
        while len(out) < size:
            data = self.tls.recv(size - len(out))
            if not data:
                raise Failed("ended after %r" % out)
            out += data
        return out

    def answer(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.take(1)
        head = head.decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        return head, self.take(int(length.group(1))).decode() if length else ""


def get(path, headers="", host=API):
    return "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, headers)


def access_lines(stage):
    with open(stage.path("agent", "access.log")) as file:
        return [json.loads(line) for line in file]


def nginx_lines(stage):
    with open(stage.path("nginx-requests")) as file:
        return [line.split() for line in file]


def check_routes(stage, mesh, check):
    out = mesh.curl("https://%s/a" % API)
    check("a request reaches nginx with the person's name", "nginx for " + ALICE in out, out)
    out = mesh.curl("https://%s/echo/x?q=1" % API)
    check("a longer prefix leads to another upstream", "GET /echo/x?q=1 HTTP/1.1" in out, out)
    out = mesh.curl("https://%s/echoes" % API)
    check("a prefix ends on a segment's boundary", "nginx for" in out, out)
    out = mesh.curl("-w", "%{http_code}", "https://%s/dead" % API)
    check("a dead upstream is a 502", "502" in out, out)
    out = mesh.curl("https://%s/only" % ADMIN)
    check("a host below the service has routes and a certificate of its own", "GET /only" in out, out)
    out = mesh.curl("https://b.%s/only" % ADMIN)
    check("a second one has others", "nginx for " + ALICE in out, out)
    out = mesh.curl("-w", "%{http_code}", "https://%s/" % ADMIN)
    check("no route is a 404 from us", "404" in out and "no route" in out, out)
    out = mesh.curl("https://none.%s/" % API, ok=False)
    check("a host without routes has no certificate", stage.last_code == 35, out)
    out = mesh.curl("-w", "%{http_version} %{http_code}", "-H", "Host: " + DB, "https://%s/" % API)
    check("another Host than the name of TLS is 421, by HTTP/1.1", "1.1 421" in out, out)


def check_ways_in(stage, mesh, check):
    proxy = "127.0.0.1:%d" % mesh.proxy_port
    for kind in ("socks5h", "http"):
        out = stage.run(HERE, "curl", "-sS", "--max-time", "10", "--proxy", "%s://%s" % (kind, proxy),
                        "--cacert", mesh.bundle, "https://%s/only" % ADMIN)
        check("that host by the %s proxy" % kind, "GET /only" in out, out)
    port = free_port()
    mesh.alice("forward", "%d:%s" % (port, ADMIN))
    out = stage.run(HERE, "curl", "-sS", "--max-time", "10", "--cacert", mesh.bundle, "--resolve",
                    "%s:%d:127.0.0.1" % (ADMIN, port), "https://%s:%d/only" % (ADMIN, port))
    check("and by a forward", "GET /only" in out, out)


def check_dark(stage, mesh, when, check):
    """Without a grant, a host with routes looks the same as a host that does not exist."""
    answers = []
    for name in (ADMIN, "admin.none." + SITE):
        out = mesh.curl("https://%s/only" % name, ok=False)
        answers.append((stage.last_code, out.replace(name, "NAME")))
    check("%s a host below the service looks like one that is not there" % when,
          answers[0] == answers[1], answers)


def check_keep_alive(stage, mesh, check):
    urls = ["https://%s/k%d" % (API, i) for i in range(3)]
    mesh.curl(*urls)
    stage.until(5, "nginx has logged", lambda: len(
        [l for l in nginx_lines(stage) if l[2].startswith("/k")]) == 3)
    lines = [l for l in nginx_lines(stage) if l[2].startswith("/k")]
    check("three requests of one client are three on one connection of nginx",
          len({l[0] for l in lines}) == 1 and [l[1] for l in lines] == ["1", "2", "3"], lines)
    raw = Raw(mesh)
    raw.send(get("/p1") + get("/echo/p2") + get("/p3", "Connection: close\r\n"))
    out = raw.rest().decode()
    check("pipelined requests are answered in order, each by its route", re.search(
        r"(?s)nginx for.*GET /echo/p2 .*nginx for", out), out)


def check_headers(mesh, check):
    words = []
    foreign = ["Culvert-User", "culvert_user", "CULVERT-GRANT", "Culvert.Device", "X-Forwarded-For",
               "X_Forwarded_For", "X-Forwarded-Whatever", "Forwarded", "X-Remote-User", "X_Remote_User",
               "X-Real-IP", "Impersonate-User", "Impersonate_User", "Impersonate-Extra-Scopes"]
    for name in foreign:
        words += ["-H", name + ": mallory"]
    out = mesh.curl(*words, "-H", "X-Kept: yes", "-H", "Authorization: Bearer mine",
                    "https://%s/echo/headers" % API)
    check("no foreign identity header arrives, in any spelling", "mallory" not in out, out)
    check("others do", "X-Kept: yes" in out and "Authorization: Bearer mine" in out, out)
    check("ours do, once", all(len(re.findall(p, out, re.M)) == 1 for p in (
        "^Culvert-User: %s$" % re.escape(ALICE), "^Culvert-Grant: sha256:[0-9a-f]{64}$|^Culvert-Grant: "
        "[0-9A-Z]{26}$", "^Culvert-Device: ed25519:[0-9a-f]{64}$", r"^Culvert-Request: \d+-1$",
        "^X-Forwarded-For: fd63:756c:7665:", "^X-Forwarded-Proto: https$",
        "^X-Forwarded-Host: %s$" % re.escape(API), "^Host: %s$" % re.escape(API))), out)


def check_bodies(stage, mesh, check):
    data = random.Random(3).randbytes(5 << 20)
    with open(stage.path("upload.bin"), "wb") as file:
        file.write(data)
    proof = "body %d %s" % (len(data), hashlib.sha256(data).hexdigest())
    url = "https://%s/echo/upload" % API
    out = mesh.curl("-H", "Transfer-Encoding: chunked", "-T", stage.path("upload.bin"), url)
    check("5 MiB chunked arrive whole", proof in out and "Transfer-Encoding: chunked" in out, out)
    out = mesh.curl("--data-binary", "@" + stage.path("upload.bin"), url)
    check("5 MiB by length arrive whole", proof in out and "Content-Length: 5242880" in out, out)
    mesh.curl("-o", stage.path("down.bin"), "https://%s/large.bin" % API)
    with open(stage.path("down.bin"), "rb") as got, open(stage.path("large.bin"), "rb") as sent:
        check("16 MiB come back whole", got.read() == sent.read())
    out = mesh.curl("-I", "https://%s/large.bin" % API)
    check("HEAD has a length and no body", "Content-Length: 16777216" in out, out)


def check_websocket(mesh, check):
    raw = Raw(mesh)
    raw.send(get("/echo/ws", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
    head, _ = raw.answer()
    check("a WebSocket is granted", head.startswith("HTTP/1.1 101 ") and
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head)
    data = random.Random(4).randbytes(300000)
    raw.send(data[:1000])
    good = raw.take(1000) == data[:1000]
    for start in range(1000, len(data), 10000):
        piece = data[start:start + 10000]
        raw.send(piece)
        good = good and raw.take(len(piece)) == piece
    raw.tls.close()
    check("and is a pipe for any bytes", good)
    raw = Raw(mesh)
    raw.send(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n") + get("/smuggled"))
    out = raw.rest()
    check("a 200 of nginx is no upgrade, and nothing behind it goes on",
          out.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in out and
          out.count(b"HTTP/1.1") == 1, out)


def attacks():
    """Raw requests that must not pass; each ends with a request that could be smuggled."""
    behind = get("/smuggled")
    post = "POST /attack HTTP/1.1\r\nHost: %s\r\n" % API
    heads = ["Content-Length: 4\r\nTransfer-Encoding: chunked",
             "Transfer-Encoding: chunked\r\nContent-Length: 4",
             "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
             "Transfer-Encoding: chunked, identity", "Transfer-Encoding:\x0bchunked",
             "X: x\r\n Transfer-Encoding: chunked", "X: x\nTransfer-Encoding: chunked",
             "X: x\rTransfer-Encoding: chunked", "Transfer_Encoding: chunked",
             "Content-Length: 4\r\nContent-Length: 4",
             "Content-Length: 4, 4", "Content-Length: +4", "Content-Length: 4 4", "Content-Length: ",
             "Content-Length: 0x4", "Content-Length: 99999999999999999999", "Content_Length: 4", ": empty",
             "X\0: y", "X: \0", "Connection: Culvert-User", "Connection: close, x_forwarded_for", "Host: other",
             "Host: " + API, "Expect: something"]
    out = [post + h + "\r\n\r\n" + "0\r\n\r\n" + behind for h in heads]
    chunks = ["5;x\r\nhello", "+5\r\nhello", " 5\r\nhello", "5 \r\nhello", "0x5\r\nhello", "\r\nhello",
              "FFFFFFFFFFFFFFFF\r\nhello", "10000000000000005\r\nhello", "5\nhello", "5\r\nhelloX", "-1\r\n",
              "0\r\nX : y\r\n", "0\r\nGET /smuggled HTTP/1.1\r\n"]
    out += [post + "Transfer-Encoding: chunked\r\n\r\n" + c + "\r\n0\r\n\r\n" + behind for c in chunks]
    paths = ["/../smuggled", "/%2e%2e/smuggled", "//smuggled", "/a;/../smuggled", "/a%2fsmuggled", "/%00",
             "/a\\smuggled", "/%5csmuggled", "/%252e", "*", "smuggled", "http://other/smuggled",
             "https://%s@other/" % API, "/" + "a" * 9000, "/\xe4", "/<"]
    out += [get(p) + behind for p in paths]
    hosts = ["", "other", API + ".", "127.0.0.1", "[::1]", "2130706433", API + ":0", API + ":x",
             "x@" + API, DB, "admin." + API, API + "," + API]
    out += [get("/", host=h) + behind for h in hosts]
    out += ["\r\n" + behind, " " + behind, "\n", "GET /\r\n",
            "GET / HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: %s\r\n\r\n" % API, "TRACE / HTTP/1.1\r\nHost: %s\r\n\r\n" % API,
            "A" * 40000, "GET / HTTP/1.1\r\n" + "A: b\r\n" * 200, "\x16\x03\x01\x02\x00\x01\x00" * 20]
    noise = random.Random(5)
    while len(out) < 120:
        out.append(noise.randbytes(noise.randrange(1, 3000)).decode("latin-1") + "\r\n\r\n")
    return out


def check_attacks(stage, mesh, check):
    before = len(access_lines(stage))
    every = attacks()
    for attack in every:
        raw = Raw(mesh)
        raw.send(attack)
        out = raw.rest()
        if not re.match(rb"HTTP/1\.1 4\d\d ", out) or out.count(b"HTTP/1.1 ") != 1:
            raise Failed("%r\n→ %r" % (attack[:300], out[:300]))
    check("%d attacks are each answered by one 4xx and the end" % len(every), len(every) >= 100)
    check("nothing smuggled reached an upstream",
          not [l for l in nginx_lines(stage) if "smuggled" in l[2]], nginx_lines(stage)[-5:])
    stage.until(5, "each has its line", lambda: len(access_lines(stage)) == before + len(every))
    check("each has its line in the access log", all(
        400 <= l["status"] < 500 and l["error"] for l in access_lines(stage)[before:]))
    check("the agent is unharmed", "nginx for" in mesh.curl("https://%s/" % API))


def check_access_log(stage, mesh, check):
    path = stage.path("agent", "access.log")
    check("the access log is 0600", stat.S_IMODE(os.stat(path).st_mode) == 0o600)
    mesh.curl("https://%s/echo/log?token=secret" % API, "-d", "abc")
    line = stage.until(5, "the line is there", lambda: next(
        (l for l in access_lines(stage) if l["path"] == "/echo/log"), None))
    check("a line says who, what, how much", line["person"] == ALICE and line["method"] == "POST" and
          line["status"] == 200 and line["bytes_in"] == 3 and line["bytes_out"] > 100, line)
    with open(path) as file:
        check("no query is in it", "secret" not in file.read())
    with open(stage.path("agent", "audit.log")) as file:
        entry = file.read().splitlines()[line["audit"]]
    check("its audit number is that of the flow's opening in the audit log, of the same grant",
          " flow-open " in entry and line["grant"] in entry and API in entry, entry)
    # A folder in place of the file makes writes fail, as a disk that refuses writes does.
    os.rename(path, path + ".aside")
    os.mkdir(path)
    for _ in range(2):
        out = mesh.curl("-w", "%{http_code}", "https://%s/" % API)
        check("without an access log requests are refused", "503" in out, out)
    check("that is said once", stage.log("agent").count("HTTP requests are refused") == 1)
    os.rmdir(path)
    check("and goes on when it can be written again", "nginx for" in mesh.curl("https://%s/" % API))


def check_end(stage, mesh, grant, check):
    mesh.curl("https://%s/only" % ADMIN)
    raw = Raw(mesh)
    raw.send(get("/a"))
    raw.answer()
    stage.run(HERE, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"))
    out = raw.rest()
    check("a revocation ends kept connections", out == b"", out)
    mesh.until_dark()
    check_dark(stage, mesh, "after its end", check)


def check_config(stage, check):
    root = {"path": "/", "upstream": "a:1"}
    for what, http, pattern in (
            ("an unknown key", {"routes": [{**root, "pat": 1}]}, "unknown key"),
            ("no routes", {"routes": []}, "at least one route"),
            ("a path twice", {"routes": [root, root]}, "has a route already"),
            ("a path that is none", {"routes": [{**root, "path": "v1"}]}, "plain path prefix"),
            ("a host that is none", {"routes": [{**root, "host": "A."}]}, "labels"),
            ("a bad time", {"routes": [root], "response_timeout": "2h"}, "must be a time"),
            ("http and upstream", {"routes": [root]}, "does not go together")):
        service = {"http": http, **({"upstream": "a:1"} if what == "http and upstream" else {})}
        config = stage.write("bad.json", json.dumps({"services": {"api": service}}))
        out = stage.run(HERE, "culvert", "up", "--state", stage.path("bad"), "--config", config, ok=False)
        check("%s: %s" % (what, out.strip().replace(stage.work, "")[:120]),
              out.count("\n") == 1 and re.search(pattern, out), out)


def play(stage, check):
    mesh = Mesh(stage, HERE, HERE, HERE, loopback=True, lease="30s")  # leases are not tested here
    check_config(stage, check)
    mesh.vendor_keys()
    mesh.site_keys()
    mesh.start_relay()
    mesh.setup_coordinator()
    mesh.start_coordinator()
    start_upstreams(stage, mesh)
    mesh.start_agent()
    mesh.start_laptop()
    mesh.admit()
    check_dark(stage, mesh, "before the grant", check)
    grant = mesh.grant()
    mesh.bundle = stage.write("ca.pem", mesh.alice("ca"))
    check_routes(stage, mesh, check)
    check_ways_in(stage, mesh, check)
    check_keep_alive(stage, mesh, check)
    check_headers(mesh, check)
    check_bodies(stage, mesh, check)
    check_websocket(mesh, check)
    check_access_log(stage, mesh, check)
    check_attacks(stage, mesh, check)
    check_end(stage, mesh, grant, check)


if __name__ == "__main__":
    if sys.argv[1] == "--upstream":
        sys.exit(serve(int(sys.argv[2])))
    sys.exit(play_and_count(play))
