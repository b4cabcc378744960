#!/usr/bin/env python3
"""TUN mode and names on the laptop, with the real binaries. tun_test.py BIN-FOLDER, as root.

The cluster (netns.py) drops every new inbound packet. The hub masquerades in both directions, and
runs the coordinator, the relay and a DNS server. The laptop has culvert0 and 127.0.0.153:53.

The laptop's /etc/resolv.conf is /etc/netns/laptop/resolv.conf (ip-netns(8)).
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from mesh import API, DB, SITE, Mesh, free_port, play_and_count, stop
from netns import GUARD, HUB, HUB_ADDRESS, MASQUERADE, ip, lay_out, nft, place

CONF = "/etc/netns/laptop/resolv.conf"
BEFORE = "# of this network\nsearch corp.example\nnameserver %s\n" % HUB_ADDRESS
SSH = "ssh." + SITE
WEB = "web." + SITE
NOWHERE = "fd63:756c:7665::1234"

# A DNS server that prints its questions. It knows one name by UDP and one only by TCP; else
# NXDOMAIN.
SERVER = r"""
import socket, struct, sys, threading
def answer(message, tcp):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode()); at += 1 + message[at]
    name, question = ".".join(labels).lower(), message[12:at + 5]
    print("asked %s by %s" % (name, "TCP" if tcp else "UDP"), flush=True)
    kind = struct.unpack(">H", message[at + 1:at + 3])[0]
    known = name in ("www.example.org", "big.example.org")
    cut = name == "big.example.org" and not tcp
    found = known and kind == 1 and not cut
    head = message[:2] + struct.pack(">HHHHH", 0x8180 | (0x200 if cut else 0) | (0 if known else 3), 1,
                                     1 if found else 0, 0, 0)
    return head + question + (b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7" if found else b"")
def serve_tcp(listener):
    while True:
        peer = listener.accept()[0]
        size = struct.unpack(">H", peer.recv(2))[0]
        reply = answer(peer.recv(size), True)
        peer.sendall(struct.pack(">H", len(reply)) + reply); peer.close()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind((sys.argv[1], 53))
tcp = socket.socket(); tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind((sys.argv[1], 53)); tcp.listen()
threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
print("ready", flush=True)
while True:
    message, peer = udp.recvfrom(4096)
    udp.sendto(answer(message, False), peer)
"""

# The stub's answer to one question: NXDOMAIN (3), an empty answer, or the addresses.
ASK = r"""
import ipaddress, random, socket, struct, sys
name, kind = sys.argv[1], int(sys.argv[2])
wire = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(8); s.connect(("127.0.0.153", 53))
s.send(struct.pack(">HHHHHH", random.randrange(65536), 0x100, 1, 0, 0, 0) + wire + struct.pack(">HH", kind, 1))
r = s.recv(4096)
print("rcode=%d answers=%d" % (r[3] & 15, struct.unpack(">H", r[6:8])[0]),
      ipaddress.ip_address(r[-16:]) if r[7] and kind == 28 else "")
"""

CONNECT = r"""
import errno, socket, sys
s = socket.socket(socket.AF_INET6); s.settimeout(8)
print(errno.errorcode.get(s.connect_ex((sys.argv[1], int(sys.argv[2]))), "connected"))
"""


def set_conf(text):
    with open(CONF, "w") as file:  # in place: the namespaces have this file by a bind mount
        file.write(text)


def get_conf():
    with open(CONF) as file:
        return file.read()


# In place of systemd-resolved's command: writes its arguments to a file.
RESOLVECTL = """#!/bin/sh
echo "$@" >>%s
exit %d
"""


class Laptop:
    """The commands typed on the laptop."""

    def __init__(self, stage, mesh, place):
        self.s, self.mesh, self.place = stage, mesh, place
        self.state = stage.path("laptop")
        self.up = ["culvert", "--state", self.state, "up", "--config", stage.path("laptop.json"),
                   "--name", "alice-laptop"]

    def start(self, *flags):
        before = self.s.log("laptop").count("culvert is up")
        self.s.start("laptop", self.place, *self.up, *flags)
        self.s.until(20, "the laptop's agent is up",
                     lambda: self.s.log("laptop").count("culvert is up") > before)
        self.s.until(20, "it reaches the coordinator",
                     lambda: self.mesh.status()["coordinator_connected"])

    def run(self, *words, **options):
        return self.s.run(self.place, *words, **options)

    def ask(self, name, kind=28, user=()):
        return self.run(*user, "/usr/bin/python3", "-c", ASK, name, str(kind)).strip()

    def connect(self, address, port=443, user=()):
        return self.run(*user, "/usr/bin/python3", "-c", CONNECT, address, str(port)).strip()

    def left(self):
        """The traces that an agent may have left on this machine."""
        links = self.run("ip", "-br", "link")
        rest = [line for line in self.run("ip", "-6", "rule").splitlines() if "fd63" in line]
        if "culvert0" in links:
            rest.append("culvert0")
        if get_conf() != BEFORE:
            rest.append("resolv.conf: " + get_conf())
        if os.path.exists(self.state + "/undo"):
            rest.append("undo: " + " ".join(os.listdir(self.state + "/undo")))
        if "127.0.0.153" in self.run("ss", "-Hnlut"):
            rest.append("a socket")
        return rest


def start_sshd(stage, mesh):
    """Debian's sshd as the upstream of the service `ssh`; root logs in with a key that is made
    here."""
    for name in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stage.path(name)], check=True)
    with open(stage.path("host.pub")) as file:
        stage.write("known_hosts", "%s %s" % (SSH, file.read()))
    at = mesh.services["ssh"][1]["upstream"]
    settings = {"ListenAddress": at, "HostKey": stage.path("host"), "PidFile": "none", "UsePAM": "no",
                "AuthorizedKeysFile": stage.path("login.pub"), "StrictModes": "no"}
    config = stage.write("sshd_config", "".join("%s %s\n" % item for item in settings.items()))
    stage.start("sshd", mesh.cluster, "/usr/sbin/sshd", "-D", "-e", "-f", config, show=False)
    stage.until(10, "sshd listens", lambda: at in stage.run(mesh.cluster, "ss", "-Hnlt"))


def ssh(stage, *words):
    return ["ssh", "-F", "none", "-i", stage.path("login"), "-o", "BatchMode=yes", "-o",
            "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + stage.path("known_hosts"),
            *words[:-1], "root@" + SSH, words[-1]]


NOBODY = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


def play(stage, check):
    lay_out()
    nft("cluster", GUARD)
    nft(HUB, MASQUERADE)
    os.makedirs(os.path.dirname(CONF))
    set_conf(BEFORE)
    hub, here = place(HUB), place("laptop")
    mesh = Mesh(stage, hub, place("cluster"), here, loopback=False)
    stage.start("dns", hub, "/usr/bin/python3", "-c", SERVER, HUB_ADDRESS, show=False)
    stage.until(10, "the DNS server is ready", lambda: "ready" in stage.log("dns"))
    mesh.vendor_keys()
    mesh.services["ssh"] = ("tcp:22", {"upstream": "127.0.0.1:%d" % free_port()})
    mesh.services["web"] = ("tls:443", {"http": {"routes": [
        {"path": "/", "upstream": "127.0.0.1:%d" % mesh.api_port},
        {"host": "rows", "path": "/", "upstream": "127.0.0.1:%d" % mesh.db_port}]}})
    mesh.site_keys()
    mesh.start_relay()
    mesh.setup_coordinator()
    mesh.start_coordinator()
    mesh.start_upstreams()
    start_sshd(stage, mesh)
    mesh.start_agent()
    mesh.start_laptop()
    mesh.admit()
    mesh.alice("down", show=True)
    stage.release("laptop").wait(10)
    laptop = Laptop(stage, mesh, here)
    laptop.start("--tun")
    check("the ready line names the interface", "on culvert0" in stage.log("laptop"))

    grant = mesh.request(API)
    check_before(stage, laptop, check)
    mesh.approve(grant)
    mesh.until_usable(API)
    address = check_granted(stage, mesh, laptop, check)
    check_others(laptop, address, check)
    check_proxies(stage, mesh, laptop, check)
    check_forwarding(stage, laptop, check)
    check_revocation(stage, mesh, laptop, grant, address, check)
    check_ssh(stage, mesh, laptop, check)
    check_hosts_below(stage, mesh, laptop, check)
    check_ends(stage, mesh, laptop, check)
    check_foreign_change(stage, laptop, check)
    check_resolved(stage, mesh, laptop, check)
    check_bad_input(stage, mesh, laptop, check)


def check_before(stage, laptop, check):
    for name in (API, DB, "nothing." + SITE, SITE, "rows." + WEB, "rows.nothing." + SITE):
        check("before the grant: NXDOMAIN for " + name, laptop.ask(name) == "rcode=3 answers=0")
    out = laptop.run("curl", "-sS", "--max-time", "10", "https://%s/" % API, ok=False)
    check("curl cannot resolve it", stage.last_code == 6, out)
    check("an address of the mesh is prohibited at once", laptop.connect(NOWHERE) == "EACCES")


def check_granted(stage, mesh, laptop, check):
    ca = stage.write("ca.pem", mesh.alice("ca", show=True))
    out = laptop.run("curl", "-sS", "--max-time", "15", "--cacert", ca, "https://%s/" % API, show=True)
    check("curl by name, through the kernel", "hello from the cluster" in out, out)
    answer = laptop.ask(API)
    check("the name has its address", re.match(r"rcode=0 answers=1 fd63:756c:7665:", answer), answer)
    check("and no IPv4 address", laptop.ask(API, 1) == "rcode=0 answers=0")
    check("the other service stays dark", laptop.ask(DB) == "rcode=3 answers=0")
    address = answer.split()[-1]
    check("another port of the service is prohibited", laptop.connect(address, 80) == "EACCES")
    audit = mesh.alice("audit")
    check("the flow is in the laptop's audit log", "flow-open" in audit, audit)
    check("the grant is claimed", "ACTIVE" in mesh.alice("requests"))
    mesh.grant(DB)
    out = laptop.run("sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -q 5 %s 5432" % DB, show=True)
    check("nc reaches the database by name", "rows of the database" in out, out)
    out = laptop.run("curl", "-sS", "--max-time", "60", "--cacert", ca, "-o", stage.path("got.bin"),
                     "-w", "%{size_download}", "https://%s/large.bin" % API)
    check("64 MiB arrive whole", out.strip() == str(64 << 20) and open(stage.path("got.bin"), "rb").read()
          == open(stage.path("www/large.bin"), "rb").read(), out)
    return address


def check_others(laptop, address, check):
    check("another user learns no name", laptop.ask(API, user=NOBODY) == "rcode=3 answers=0")
    check("and has no route", laptop.connect(address, user=NOBODY) == "ENETUNREACH")


def check_proxies(stage, mesh, laptop, check):
    proxy = "127.0.0.1:%d" % mesh.proxy_port
    for kind in ("socks5h", "http"):
        check("%s proxy beside it" % kind, "hello" in laptop.run(
            "curl", "-sS", "--max-time", "10", "--proxy", "%s://%s" % (kind, proxy), "--cacert",
            stage.path("ca.pem"), "https://%s/" % API))
    check("culvert run beside it", "hello" in mesh.curl("https://%s/" % API))
    port = free_port()
    mesh.alice("forward", "%d:%s" % (port, DB))
    check("a forward beside it", "rows" in laptop.run(
        "curl", "-sS", "--max-time", "10", "http://127.0.0.1:%d/" % port))
    out = laptop.run("curl", "-sS", "--max-time", "10", "--proxy", "socks5h://" + proxy, "-k",
                     "https://nothing.%s/" % SITE, ok=False)
    check("the proxy refuses what is not granted", "hello" not in out)


def check_forwarding(stage, laptop, check):
    check("other names are resolved by the server before",
          laptop.ask("www.example.org", 1).startswith("rcode=0 answers=1"))
    check("by programs as well", "192.0.2.7" in laptop.run("getent", "ahostsv4", "www.example.org"))
    check("a long answer comes by TCP", "192.0.2.7" in laptop.run("getent", "ahostsv4", "big.example.org")
          and "big.example.org by TCP" in stage.log("dns"))
    reverse = laptop.run("getent", "hosts", NOWHERE, ok=None)
    check("a mesh address has no name", reverse == "")
    asked = stage.log("dns")
    check("no name or address of the mesh has reached that server",
          SITE not in asked and "ip6.arpa" not in asked, asked)


def check_revocation(stage, mesh, laptop, grant, address, check):
    stage.start("download", laptop.place, "curl", "-sS", "--cacert", stage.path("ca.pem"), "-o",
                os.devnull, "https://%s/slow" % API, show=False)
    stage.start("idle", laptop.place, "nc", "-d", API, "443", show=False)
    count = lambda: laptop.run("ss", "-Hnt", "state", "established", "dst", "[%s]" % address).count(":443")
    stage.until(15, "both connections are open", lambda: count() == 2)
    download = stage.release("download")
    idle = stage.release("idle")
    stage.run(mesh.cluster, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"))
    try:
        stage.until(15, "the kernel's connections are reset", lambda: count() == 0)
        download.wait(10)
        check("revoked: a busy and an idle connection were cut", download.returncode != 0)
    finally:
        stop(download)
        stop(idle)
    check("NXDOMAIN again", laptop.ask(API) == "rcode=3 answers=0")
    check("its address is prohibited again", laptop.connect(address) == "EACCES")
    check("an address of nobody is refused alike", laptop.connect(NOWHERE) == "EACCES")


def check_ssh(stage, mesh, laptop, check):
    out = laptop.run(*ssh(stage, "true"), ok=False)
    check("before the grant ssh cannot resolve it", "Could not resolve hostname" in out, out)
    grant = mesh.grant(SSH)
    out = laptop.run(*ssh(stage, "echo $SSH_CONNECTION; uname -s"), show=True)
    check("ssh by name runs a command in the cluster, and its output comes back",
          out.split() == ["127.0.0.1", out.split()[1], *mesh.services["ssh"][1]["upstream"].split(":"),
                          "Linux"], out)
    data = os.urandom(1 << 20)
    with open(stage.path("sent"), "wb") as file:
        file.write(data)
    laptop.run("sh", "-c", " ".join(ssh(stage, "cat")) + " <sent >received")
    with open(stage.path("received"), "rb") as file:
        check("a megabyte goes through it and back whole", file.read() == data)
    session = stage.start("session", laptop.place, *ssh(stage, "-tt", "echo open; exec sleep 600"),
                          show=False)
    stage.until(15, "a session is open", lambda: "open" in stage.log("session"))
    stage.release("session")
    stage.run(mesh.cluster, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"))
    try:
        session.wait(15)
    except subprocess.TimeoutExpired:
        stop(session)
    check("revoked: the open session was cut", session.returncode == 255,
          (session.returncode, stage.log("session")))
    out = laptop.run(*ssh(stage, "true"), ok=False)
    check("and ssh cannot resolve it again", "Could not resolve hostname" in out, out)


def check_hosts_below(stage, mesh, laptop, check):
    rows = "rows." + WEB
    grant = mesh.grant(WEB)
    answer = laptop.ask(rows)
    check("a host below a granted TLS service has the service's address",
          answer.startswith("rcode=0 answers=1") and answer == laptop.ask(WEB), answer)
    check("below one of raw TCP or one that is not granted it stays dark",
          all(laptop.ask("rows." + name) == "rcode=3 answers=0" for name in (DB, API, "nothing." + SITE)))
    for name, says in ((WEB, "hello from the cluster"), (rows, "rows of the database")):
        out = laptop.run("curl", "-sS", "--max-time", "15", "--cacert", stage.path("ca.pem"),
                         "https://%s/" % name, show=True)
        check("curl reaches %s by its route" % name.split(".", maxsplit=1)[0], says in out, out)
    check("another user learns nothing of it", laptop.ask(rows, user=NOBODY) == "rcode=3 answers=0")
    stage.run(mesh.cluster, "culvert", "revoke", grant, "--key", stage.path("site/approver.key"))
    mesh.until_dark(WEB)
    check("after its end both are dark again", {laptop.ask(WEB), laptop.ask(rows)} == {"rcode=3 answers=0"})


def check_ends(stage, mesh, laptop, check):
    held = stage.start("held", laptop.place, "nc", "-v", "-d", DB, "5432", show=False)
    established = lambda: len(laptop.run("ss", "-Hnt", "state", "established",
                                         "dport = :5432").splitlines())
    stage.until(15, "a connection is open", lambda: established() == 1)
    stage.release("held")
    stage.end("laptop")
    check("SIGTERM: nothing is left behind", laptop.left() == [], laptop.left())
    check("SIGTERM: the open connection was reset", established() == 0)
    stop(held)

    for flags, what in (((), "without TUN mode"), (("--tun",), "in TUN mode")):
        laptop.start("--tun")
        killed = stage.release("laptop")
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        left = " ".join(laptop.left())
        check("SIGKILL: the interface went with it, rules and resolv.conf are ours still",
              "culvert0" not in left and all(word in left for word in ("unreachable", "uidrange 0-0",
                                             "127.0.0.153", "undo: ")), left)
        check("meanwhile the mesh's addresses lead nowhere", laptop.connect(NOWHERE) == "ENETUNREACH")
        laptop.start(*flags)
        if not flags:
            check("the next start %s has undone it" % what, laptop.left() == [], laptop.left())
            stage.end("laptop")
            continue
        mesh.until_usable(DB, 30)
        check("the next start %s works at once" % what, laptop.ask(DB).startswith("rcode=0 answers=1"))
        stage.end("laptop")
        check("and leaves nothing behind", laptop.left() == [], laptop.left())

    laptop.start("--tun", "--owner", "nobody")
    mesh.until_usable(DB, 30)
    answer = laptop.ask(DB, user=NOBODY)
    check("--owner: that user's names", answer.startswith("rcode=0 answers=1"), answer)
    check("and connections", laptop.connect(answer.split()[-1], 5432, user=NOBODY) == "connected")
    other = ["setpriv", "--reuid", "daemon", "--regid", "nogroup", "--clear-groups"]
    check("nobody else's", laptop.ask(DB, user=other) == "rcode=3 answers=0" and
          laptop.connect(answer.split()[-1], 5432, user=other) == "ENETUNREACH")
    stage.end("laptop")
    check("and nothing is left behind", laptop.left() == [], laptop.left())

    laptop.start("--tun", "--no-dns")
    check("--no-dns: an interface, and the resolver as it was", get_conf() == BEFORE and
          laptop.connect(NOWHERE) == "EACCES" and "127.0.0.153" not in laptop.run("ss", "-Hnlut"))
    stage.end("laptop")
    check("and it leaves nothing behind", laptop.left() == [], laptop.left())


def check_foreign_change(stage, laptop, check):
    laptop.start("--tun")
    other = "nameserver 192.0.2.53\n"
    set_conf(other)
    stage.until(10, "it is said", lambda: "somebody else has changed resolv.conf" in stage.log("laptop"))
    stage.end("laptop")
    check("resolv.conf that somebody else wrote meanwhile is left as it is", get_conf() == other)
    set_conf(BEFORE)
    check("and nothing else is left", laptop.left() == [], laptop.left())


def check_resolved(stage, mesh, laptop, check):
    """Where systemd-resolved answers for the machine, the agent calls its command and keeps
    resolv.conf."""
    told = stage.path("resolvectl.said")
    command = os.path.join(stage.bin, "resolvectl")
    set_conf("nameserver 127.0.0.53\noptions edns0\n")

    def start(code):
        with open(command, "w") as file:
            file.write(RESOLVECTL % (told, code))
        os.chmod(command, 0o755)
        laptop.start("--tun")
        stage.until(15, "systemd-resolved is told", lambda: os.path.exists(told) and
                    "domain" in open(told).read())

    start(0)
    mesh.until_usable(DB, 30)
    check("systemd-resolved is told the server and the site's domain", open(told).read().splitlines() ==
          ["dns culvert0 127.0.0.153", "domain culvert0 ~" + SITE], open(told).read())
    check("resolv.conf is left alone", "127.0.0.53\n" in get_conf())
    nobody = laptop.ask(DB, user=NOBODY)
    check("names are told to systemd-resolved, which asks for everybody",
          nobody.startswith("rcode=0 answers=1") and nobody == laptop.ask(DB), nobody)
    check("what they lead to is the owner's alone", laptop.connect(nobody.split()[-1], 5432) == "connected"
          and laptop.connect(nobody.split()[-1], 5432, user=NOBODY) == "ENETUNREACH")
    check("it is no way back to the servers that systemd-resolved has itself",
          laptop.ask("www.example.org", 1) == "rcode=2 answers=0")
    stage.end("laptop")
    os.remove(told)
    start(1)
    stage.until(10, "it is said", lambda: stage.log("laptop").count(
        "systemd-resolved did not take the names of services") == 2)
    check("a resolvectl that fails is named", "command=resolvectl" in stage.log("laptop"))
    stage.end("laptop")
    os.remove(command)
    set_conf(BEFORE)
    check("and nothing is left behind", laptop.left() == [], laptop.left())


def check_bad_input(stage, mesh, laptop, check):
    private = lambda mount: ["unshare", "-m", "sh", "-c", mount + ' && exec "$@"', "sh"]
    foreign = stage.path("foreign")
    shutil.copytree(laptop.state, foreign, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    subprocess.run(["chown", "-R", "nobody", foreign], check=True)
    as_nobody = [*NOBODY, "culvert", "--state", foreign, "up", "--tun"]
    bad = stage.write("bad.json", '{"tun": {"nam": "culvert0"}}')
    long = stage.write("long.json", '{"tun": {"name": "a-name-of-sixteen"}}')
    up = [*laptop.up, "--tun"]
    # A separate file system: not every file system has the attribute, and the test removes this
    # one.
    os.mkdir(stage.path("mnt"))
    subprocess.run(["truncate", "-s", "1M", stage.path("immutable.img")], check=True)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", stage.path("immutable.img")], check=True)
    cases = [
        ("without CAP_NET_ADMIN", ["setpriv", "--bounding-set", "-net_admin", *up], 4, "CAP_NET_ADMIN"),
        ("as another user than root", as_nobody, 4, "TUN mode needs root"),
        ("for a user whom only root may serve", [*as_nobody, "--owner", "daemon"], 4, "only root can"),
        ("for a user who is not there", [*up, "--owner", "no-such-user"], 2, "no user no-such-user"),
        ("without /dev/net/tun", [*private("mount -t tmpfs none /dev/net"), *up], 4, "modprobe tun"),
        ("with resolv.conf read-only", [*private(
            "mount --bind /etc/resolv.conf /etc/resolv.conf && "
            "mount -o remount,bind,ro /etc/resolv.conf"), *up], 4, "--no-dns"),
        ("with resolv.conf immutable (chattr +i)", [*private(
            "mount -o loop immutable.img mnt && cp /etc/resolv.conf mnt && chattr +i mnt/resolv.conf && "
            "mount --bind mnt/resolv.conf /etc/resolv.conf"), *up], 4,
         "Operation not permitted (make it writable, chattr -i"),
        ("with an unknown key", ["culvert", "--state", laptop.state, "up", "--config", bad], 2, "nam"),
        ("with a name too long", ["culvert", "--state", laptop.state, "up", "--config", long], 2,
         "1 to 15 characters"),
    ]
    for what, words, code, says in cases:
        expect_refusal(stage, laptop, check, what, words, code, says)
    ip("-n", "laptop", "link", "add", "culvert0", "type", "veth", "peer", "name",
       "other0")
    expect_refusal(stage, laptop, check, "with its name taken", up, 1, "interface culvert0 already",
                   link=True)
    ip("-n", "laptop", "link", "del", "culvert0")
    stage.start("taken", laptop.place, "/usr/bin/python3", "-c", SERVER, "127.0.0.153", show=False)
    stage.until(10, "another resolver is there", lambda: "ready" in stage.log("taken"))
    out = laptop.run(*up, ok=False)
    check("with port 53 taken: one line says what to do", stage.last_code == 1 and
          out.count("\n") == 1 and "127.0.0.153:53" in out and "--no-dns" in out, out)
    stage.end("taken")
    check("and nothing is left behind", laptop.left() == [], laptop.left())
    set_conf("nameserver 127.0.0.153\n")
    out = laptop.run(*up, ok=False)
    check("with resolv.conf of an agent that crashed elsewhere: the same",
          stage.last_code == 1 and out.count("\n") == 1 and "already" in out, out)
    set_conf(BEFORE)
    stage.end("agent")
    out = stage.run(mesh.cluster, "culvert", "up", "--state", stage.path("agent"), "--tun", ok=False)
    check("on a site's agent: the same", stage.last_code == 2 and "for laptops" in out, out)


def expect_refusal(stage, laptop, check, what, words, code, says, link=False):
    out = laptop.run(*words, ok=False)
    lines = [line for line in out.splitlines() if line]
    check("TUN mode %s: one line says what to do" % what,
          stage.last_code == code and len(lines) == 1 and says in out, (stage.last_code, out))
    rest = [item for item in laptop.left() if not (link and item == "culvert0")]
    check("and nothing is left behind", rest == [], rest)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
