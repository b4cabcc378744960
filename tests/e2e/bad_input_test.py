#!/usr/bin/env python3
"""Bad input, with the real binaries. bad_input_test.py BIN-FOLDER, as root.

Each case expects one clear line, the right exit code, and no loss: afterwards the right input
works.
"""
import json
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from mesh import API, DB, SITE, Checks, Failed, Mesh, Place, free_port, play_and_count

HERE = Place("here")
OK, FAILED, USAGE, NO_AGENT, DENIED, TIMEOUT = range(6)


class LineChecks(Checks):
    def line(self, what, code, pattern, words, place=HERE, timeout=30):
        """Checks that the command ends with `code` and prints one line on stderr that matches
        `pattern`."""
        done = subprocess.run(place.prefix + list(words), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.stage.env,
                              cwd=self.stage.work, timeout=timeout, check=False)
        said = done.stderr.decode("utf-8", "replace")
        program = next(os.path.basename(w) for w in words if "culvert" in os.path.basename(w))
        one = said.count("\n") == 1 and said.startswith(program + ": ")
        good = one and done.returncode == code and re.search(pattern, said)
        self(what + ": " + said.strip().replace(self.stage.work + "/", "")[:150] if good else what,
             good, "wanted exit %d and one line with /%s/, got exit %d\n%s%s" % (
                 code, pattern, done.returncode, done.stdout.decode("utf-8", "replace"), said))


def culvert(*words, state=None):
    return ["culvert"] + (["--state", state] if state else []) + list(words)


def tmpfs(stage, name, size):
    """A small disk mounted as the folder `name`."""
    path = stage.path(name)
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s,mode=0755" % size, "tmpfs", path],
                   check=True)
    return path


def fill(folder, leave=0):
    """Fills the disk under `folder`, except for `leave` bytes. Returns the file to remove
    afterwards."""
    name = os.path.join(folder, "filler")
    facts = os.statvfs(folder)
    with open(name, "wb", buffering=0) as file:
        room = facts.f_bavail * facts.f_frsize - leave
        try:
            os.posix_fallocate(file.fileno(), 0, room)
            while not leave:
                file.seek(0, os.SEEK_END)
                file.write(bytes(4096))
        except OSError:
            pass  # full, as wanted
    return name


def changed(path, out, change):
    """Writes a damaged copy of a file."""
    with open(path, "rb") as file:
        content = file.read()
    with open(out, "wb") as file:
        file.write(change(content))
    return out


def damages(content):
    """Ways to damage a signed text file."""
    middle = content.rindex(b" ") + 20
    flipped = b"A" if content[middle:middle + 1] != b"A" else b"B"
    return {"one signature character changed": content[:middle] + flipped + content[middle + 1:],
            "cut in the middle": content[:len(content) // 2], "empty": b"",
            "random bytes": random.Random(7).randbytes(500), "CRLF": content.replace(b"\n", b"\r\n")}


# --- without a running program ---
def check_usage(stage, check):
    for words in ([], ["frobnicate"], ["up", "--nonsense"], ["request", API], ["approve", "X"],
                  ["ping", "x", "-c", "0"], ["site"], ["vendor", "init", "--dir", "x"]):
        check.line("usage: culvert " + " ".join(words), USAGE, "--help", culvert(*words))
    check.line("usage: coordinator", USAGE, "--help", ["culvert-coordinator", "--nonsense"])
    check.line("usage: coordinator", USAGE, "--help", ["culvert-coordinator", "site", "add"])
    check.line("usage: relay", USAGE, "--help", ["culvert-relay", "--nonsense"])


def check_no_agent(stage, check):
    nowhere = stage.path("nowhere")
    for words in (["status"], ["services"], ["request", API, "--reason", "x"], ["requests"],
                  ["ping", API], ["run", "--", "true"], ["proxy"], ["forward", "1:" + API],
                  ["forward-end", "1"], ["ca"], ["audit"], ["lock"], ["unlock"], ["clock-reset"],
                  ["deny", "01M810GF602VYFJHEV7SH4RSBA"], ["revoke", "01M810GF602VYFJHEV7SH4RSBA"],
                  ["down"]):
        check.line("no agent: culvert " + words[0], NO_AGENT, "no agent is running.*culvert up",
                   culvert(*words, state=nowhere))
    check("asking for nothing made no folder", not os.path.exists(nowhere))


def check_ceremony(stage, mesh, check):
    bundle, bad = stage.path("vendor/vendor.bundle"), stage.path("damaged")

    def init(vendor, hash_):
        return culvert("site", "init", SITE, "--dir", stage.path("site"), "--vendor", vendor,
                       "--vendor-hash", hash_, "--person", "bob@acme.example", "--service",
                       "api=tls:443")

    with open(bundle, "rb") as file:
        broken = damages(file.read())
    for how, content in broken.items():
        changed(bundle, bad, lambda _, c=content: c)
        check.line("vendor bundle, " + how, DENIED if "signature" in how else USAGE, "damaged",
                   init(bad, mesh.vendor_hash))
    check.line("vendor bundle missing", FAILED, "no such file", init(bad + "2", mesh.vendor_hash))
    check.line("wrong vendor hash", DENIED, "not the vendor with that hash",
               init(bundle, "sha256:" + "0" * 64))
    check.line("malformed vendor hash", USAGE, "expected sha256:", init(bundle, "abc"))
    check.line("a site without a service", USAGE, "a site without a service.*--service", culvert(
        "site", "init", SITE, "--dir", stage.path("site"), "--vendor", bundle, "--vendor-hash",
        mesh.vendor_hash, "--person", "bob@acme.example"))
    check("none of it left a site folder", not os.path.exists(stage.path("site")))


def check_site_files(stage, mesh, check):
    site = stage.path("site")
    before = {n: open(os.path.join(site, n), "rb").read() for n in os.listdir(site)}
    check.line("site init where keys are", FAILED, "already holds keys", culvert(
        "site", "init", SITE, "--dir", site, "--vendor", stage.path("vendor/vendor.bundle"),
        "--vendor-hash", mesh.vendor_hash, "--person", "bob@acme.example", "--service",
        "api=tls:443"))
    check("its keys are as before",
          all(open(os.path.join(site, n), "rb").read() == c for n, c in before.items()))
    check.line("vendor site, wrong hash", DENIED, "compare it with the customer", culvert(
        "vendor", "site", "--dir", stage.path("vendor"), site + "/site.bundle", "--hash",
        mesh.vendor_hash, "--out", stage.path("no.site")))
    check("no statement was written", not os.path.exists(stage.path("no.site")))
    check.line("site token, too long", USAGE, "24h",
               culvert("site", "token", "--dir", site, "--name", "agent", "--for", "30d"))
    for what, content in (("a note", before["site.bundle"]), ("empty", b""),
                          ("a cut secret", before["approver.key"][:-3]),
                          ("random bytes", random.Random(8).randbytes(300))):
        changed(site + "/approver.key", site + "/bad.key", lambda _, c=content: c)
        check.line("key file: " + what, USAGE, "bad.key is not a key file",
                   culvert("approve", "01M810GF602VYFJHEV7SH4RSBA", "--key", site + "/bad.key"))
    os.remove(site + "/bad.key")
    for name in ("vendor add", "site add"):
        changed(site + "/site.bundle", stage.path("damaged"), lambda c: c[:300])
        check.line("coordinator %s, damaged file" % name, USAGE, "damaged", [
            "culvert-coordinator", *name.split(), "--state", stage.path("coordinator"),
            stage.path("damaged")])


def check_configs(stage, check):
    programs = {"culvert": ["culvert", "--state", stage.path("c0"), "up"],
                "culvert-coordinator": ["culvert-coordinator", "run", "--state",
                                        stage.path("coordinator")],
                "culvert-relay": ["culvert-relay", "--state", stage.path("c0")]}
    cases = (('{"lisetn": "x"}', '"lisetn" is an unknown key.*known here'),
             ('{"log": ', "not valid JSON"), ("[]", "one JSON object"),
             ('{"state": 3, "name": 3}', "must be a string|unknown key"), ("\x00\xff", "not valid JSON"))
    for program, words in programs.items():
        for content, pattern in cases:
            path = stage.write("bad.json", content)
            check.line("%s, configuration %r" % (program, content), USAGE, pattern,
                       words + ["--config", path])
        if program == "culvert":
            many = {"s%d" % i: {"upstream": "127.0.0.1:1"} for i in range(121)}
            check.line("an agent of 121 services", USAGE, "at most 120.*another agent", words + [
                "--config", stage.write("many.json", json.dumps({"services": many}))])
        check.line(program + ", no such configuration", FAILED if program != "culvert-relay" else
                   USAGE, "no such file", words + ["--config", stage.path("nothing.json")])
    check("none of it made a state folder", not os.path.exists(stage.path("c0")))


# --- failing starts ---
def check_tokens(stage, mesh, check):
    state, token = stage.path("agent"), stage.path("site/agent.token")

    def up(*words):
        return culvert("up", "--config", mesh.agent_config(), "--name", "acme-agent", *words,
                       state=state)

    pin = ["--root-hash", mesh.root_hash]
    check.line("no token", USAGE, "new here and needs a token: culvert up --token-file", up())
    check.line("no such token file", USAGE, "needs a token.*the file .*agent.token2 is not there",
               up("--token-file", token + "2", *pin))
    with open(token, "rb") as file:
        broken = damages(file.read())
    for how, content in broken.items():
        changed(token, stage.path("bad.token"), lambda _, c=content: c)
        check.line("token, " + how, DENIED if "signature" in how else USAGE, "token",
                   up("--token-file", stage.path("bad.token"), *pin))
    check.line("no root hash", USAGE, "--root-hash", up("--token-file", token))
    check.line("malformed root hash", USAGE, "must look like sha256:",
               up("--token-file", token, "--root-hash", "sha256:12"))
    check.line("wrong root hash", DENIED, "another site root.*ask who gave",
               up("--token-file", token, "--root-hash", mesh.vendor_hash))
    stage.run(HERE, "culvert", "site", "token", "--dir", stage.path("site"), "--name", "acme-agent",
              "--replaces", "none", "--for", "1s", "--out",
              stage.path("short.token"))
    with open(stage.path("short.token")) as file:
        ends = re.search(r"not-after: (\S+)", file.read()).group(1)
    stage.until(10, "the token expired", lambda: stage.run(
        HERE, "date", "-u", "+%Y-%m-%dT%H:%M:%SZ").strip() > ends)
    check.line("expired token", DENIED, "expired at .*clock says.*ask for a new one",
               up("--token-file", stage.path("short.token"), *pin))
    check.line("clock a day ahead, fresh token", DENIED, "expired at .*clock says",
               up("--token-file", token, *pin), place=clock(stage, 1))
    check.line("clock a day behind, fresh token", DENIED, "valid from .*clock says.*set the clock",
               up("--token-file", token, *pin), place=clock(stage, -1))


def check_ports(stage, mesh, check):
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        taken, stun = tcp.getsockname()[1], udp.getsockname()[1]

        def config(name, **changes):
            with open(stage.path(name)) as file:
                return stage.write("taken.json", json.dumps(dict(json.load(file), **changes)))

        address = "127.0.0.1:%d" % taken
        pattern = "%s.*(in use|another)" % address
        check.line("port in use: coordinator", FAILED, pattern, [
            "culvert-coordinator", "run", "--config", config("coordinator.json", listen=address)])
        check.line("port in use: relay", FAILED, pattern, [
            "culvert-relay", "--config", config("relay.json", listen=address)])
        check.line("port in use: STUN", FAILED, "127.0.0.1:%d.*(in use|another)" % stun, [
            "culvert-relay", "--config", config("relay.json", stun="127.0.0.1:%d" % stun,
                                                listen="127.0.0.1:%d" % free_port())])
        stage.run(HERE, "culvert", "device", "token", "--dir", stage.path("vendor"), "--person",
                  "alice@vendor.example", "--out", stage.path("l.token"))
        check.line("port in use: proxy", FAILED, pattern, culvert(
            "up", "--token-file", stage.path("l.token"), "--config",
            stage.write("taken.json", json.dumps({"proxy": address})), state=stage.path("l")))


def nobody():
    return Place("nobody", ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"])


def starts(stage, mesh, folder):
    """The three programs with their state in `folder`."""
    token = ["--token-file", stage.path("site/agent.token"), "--root-hash", mesh.root_hash]
    return {"agent": culvert("up", *token, "--name", "x", state=folder),
            "coordinator": ["culvert-coordinator", "init", "--state", folder, "--url",
                            "https://127.0.0.1:7443"],
            "relay": ["culvert-relay", "describe", "--state", folder]}


def check_unwritable(stage, mesh, check):
    os.chmod(stage.path("site"), 0o755)
    os.chmod(stage.path("site/agent.token"), 0o644)
    os.makedirs(stage.path("roots"), mode=0o755)
    os.makedirs(stage.path("ro"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", stage.path("ro")], check=True)
    stage.write("file", "")
    for name, words in starts(stage, mesh, stage.path("roots")).items():
        check.line("another user's state folder: " + name, FAILED, "permission denied.*--state DIR",
                   words, place=nobody())
    for name, words in starts(stage, mesh, stage.path("roots/deep/er")).items():
        check.line("state under another user's folder: " + name, FAILED, "permission denied", words,
                   place=nobody())
    for name, words in starts(stage, mesh, stage.path("ro")).items():
        check.line("read-only state folder: " + name, FAILED, "read-only.*--state DIR", words)
    for name, words in starts(stage, mesh, stage.path("file")).items():
        check.line("a file as state folder: " + name, FAILED, "[Nn]ot a directory", words)
    os.chmod(stage.path("site/agent.token"), 0o600)
    os.chmod(stage.path("site"), 0o700)


def check_full_at_start(stage, mesh, check):
    for name in ("agent", "coordinator", "relay"):
        folder = tmpfs(stage, "small-" + name, "1m" if name != "agent" else "24m")
        filler = fill(folder)
        words = starts(stage, mesh, folder)[name]
        check.line("full disk at the start: " + name, FAILED, "disk is full.*free some space", words)
        os.remove(filler)
        if name == "agent":
            stage.start("second", HERE, *words, "--config", mesh.agent_config(), show=False)
            stage.until(10, "up", lambda: "culvert is up" in stage.log("second"))
            stage.end("second")
            check("space freed: the agent starts and stops", True)
        else:
            stage.run(HERE, *words)
            check("space freed: the %s starts" % name, True)
    check.line("too little space for the audit log", FAILED, "audit log.*disk is full",
               starts(stage, mesh, tmpfs(stage, "small", "8m"))["agent"])
    # The coordinator's store is on a disk that becomes full later.
    folder = stage.path("small-coordinator")
    filler = fill(folder)
    add = ["culvert-coordinator", "vendor", "add", "--state", folder, stage.path("vendor/vendor.bundle")]
    check.line("full disk: the coordinator's store", FAILED, "space", add)
    os.remove(filler)
    stage.run(HERE, *add)
    check("space freed: the vendor is added", True)


WALL_CLOCK = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec* at) {
  const int done = (int)syscall(SYS_clock_gettime, id, at);
  if (done == 0 && id == CLOCK_REALTIME) at->tv_sec += atol(getenv("WALL_CLOCK_SHIFT"));
  return done;
}
"""


def clock(stage, days):
    """A place with a wrong wall clock; its other clocks, and therefore its timers, are right."""
    library = stage.path("wall_clock.so")
    if not os.path.exists(library):
        source = stage.write("wall_clock.c", WALL_CLOCK)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return Place("off", ["env", "LD_PRELOAD=" + library, "WALL_CLOCK_SHIFT=%d" % (days * 86400)])


# --- a running mesh ---
class BadMesh(Mesh):
    def agent_config(self):
        config = {"services": {"api": {"upstream": "127.0.0.1:%d" % self.api_port},
                               "db": {"upstream": "127.0.0.1:%d" % self.db_port}},
                  "path": {"allow_loopback": True}, "allow_private_relays": True}
        return self.s.write("agent.json", json.dumps(config))

    def works(self):
        return "hello from the cluster" in self.curl("https://%s/" % API, ok=None)


def check_late_coordinator(stage, mesh, check):
    mesh.start_agent()
    said = "no connection to the coordinator, trying again"
    stage.until(10, "the agent says that the coordinator is missing",
                lambda: said in stage.log("agent"))
    status = stage.run(HERE, *culvert("status", state=stage.path("agent")))
    check("coordinator unreachable: culvert status says so", "not connected: " in status, status)
    check("and why", re.search("not connected: .*(refused|no answer)", status), status)
    port = mesh.control_port
    # The program must have tried again without help.
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(20)
    listener.accept()[0].close()
    listener.close()
    check("it keeps trying", True)
    check("and says it once", stage.log("agent").count(said) == 1, stage.log("agent"))
    mesh.start_coordinator()
    stage.until(15, "the agent is connected", lambda: "connected to" in stage.run(
        HERE, *culvert("status", state=stage.path("agent"))))
    check("it connects when the coordinator comes up", True)


def check_requests(stage, mesh, check):
    laptop = stage.path("laptop")
    key = ["--key", stage.path("site/approver.key")]
    # A laptop does not know which services exist: such a request waits for an approver, like any
    # other.
    for name, length, why in (("nothing." + SITE, "15m", "lists no such service"),
                              (API, "9h", "not for so long")):
        check.line("approve a request for %s, %s" % (name, length), DENIED, "not approved.*" + why,
                   culvert("approve", mesh.request(name, length, show=False), *key))
        check("culvert requests says so too",
              re.search("NOT VERIFIED.*" + why, stage.run(HERE, *culvert("requests", *key))))
    check.line("request: another site", FAILED, "no such site", culvert(
        "request", "api.other.example.com", "--reason", "x", state=laptop))
    check.line("request: no name", USAGE, "is no service name", culvert(
        "request", "Not A Name", "--reason", "x", state=laptop))
    for length in ("banana", "0s", "-5m"):
        check.line("request: --for=" + length, USAGE, "15m", culvert(
            "request", API, "--reason", "x", "--for=" + length, state=laptop))
    check.line("request: a reason of two lines", USAGE, "reason", culvert(
        "request", API, "--reason", "x\ny", state=laptop))
    check.line("request from a site's agent", DENIED, "only a person's device", culvert(
        "request", API, "--reason", "x", state=stage.path("agent")))
    check.line("approve: no such request", FAILED, "no request", culvert(
        "approve", "01M810GF602VYFJHEV7SH4RSBA", "--key", stage.path("site/approver.key")))
    check.line("revoke: not a grant", USAGE, "no grant id", culvert("revoke", "x", state=laptop))
    check.line("a key of another role", DENIED, "group directory.*approvers", culvert(
        "approve", mesh.request(show=False), "--key", stage.path("vendor/directory.key")))
    check.line("admit with an approver's key", DENIED, "device-admission", culvert(
        "device", "admit", "--key", stage.path("vendor/approver.key"), "--device",
        mesh.status()["identity"], "--person", "alice@vendor.example"))
    check.line("admit without what was read", USAGE, "sha256.*--person", culvert(
        "device", "admit", "--key", stage.path("vendor/admission.key"), "--device",
        mesh.status()["identity"]))
    check.line("fork choose: not a hash", USAGE, "culvert fork list", culvert(
        "fork", "choose", "the first", state=laptop))
    check.line("fork choose: no such text", FAILED, "culvert fork list", culvert(
        "fork", "choose", "sha256:" + "0" * 64, state=laptop))
    check("fork list: one text for each root",
          "one text" in stage.run(HERE, *culvert("fork", "list", state=laptop)))
    check.line("second agent on the same state", FAILED, "already runs.*culvert down.*--state",
               culvert("up", state=laptop))
    check("the first one runs on", mesh.status()["coordinator_connected"])


def check_denied(stage, mesh, check):
    waiting = stage.start("waiting", HERE, *culvert(
        "request", API, "--reason", "x", "--wait", state=stage.path("laptop")), show=False)
    grant = stage.until(10, "requested", lambda: re.search(
        r"requested (\w{26})", stage.log("waiting"))).group(1)
    stage.processes.remove(("waiting", waiting))
    stage.run(HERE, *culvert("deny", grant, "--key", stage.path("site/approver.key")))
    stage.until(15, "the waiting one ends", lambda: waiting.poll() is not None)
    check("denied: the one who waits gets exit code 4", waiting.returncode == DENIED, waiting.returncode)
    said = [l for l in stage.log("waiting").splitlines() if l.startswith("culvert: ")]
    check("and one line: %s" % said, len(said) == 1 and "DENIED" in said[0], stage.log("waiting"))
    check.line("approving what was denied", FAILED, "no request", culvert(
        "approve", grant, "--key", stage.path("vendor/approver.key")))


def check_own_request(stage, mesh, check):
    state, key = stage.path("carol"), stage.path("vendor/approver.key")
    stage.run(HERE, *culvert("device", "token", "--dir", stage.path("vendor"), "--person",
                             "carol@vendor.example", "--group", "oncall", "--out",
                             stage.path("carol.token")))
    stage.start("carol", HERE, *culvert(
        "up", "--token-file", stage.path("carol.token"), "--name", "carol-laptop", "--config",
        stage.write("carol.json", '{"proxy": "", "path": {"allow_loopback": true}, "allow_private_relays": true}'), state=state),
                show=False)
    stage.until(10, "carol's laptop is up", lambda: "culvert is up" in stage.log("carol"))
    check.line("request before the device is admitted", DENIED, "culvert device admit", culvert(
        "request", API, "--reason", "x", state=state))
    admission = ["--key", stage.path("vendor/admission.key")]
    stage.until_output(15, HERE, culvert("device", "list", *admission), "WAITING")
    identity = json.loads(stage.run(HERE, *culvert("--json", "status", state=state)))["identity"]
    check.line("admit with groups that nobody read", DENIED, "other groups", culvert(
        "device", "admit", *admission, "--device", identity, "--person", "carol@vendor.example",
        "--group", "oncall", "--group", "root"))
    stage.run(HERE, *culvert("device", "admit", *admission, "--device", identity, "--person",
                             "carol@vendor.example", "--group", "oncall"))
    stage.until_output(15, HERE, culvert("status", state=state), "admitted +yes")
    out = stage.run(HERE, *culvert("request", API, "--reason", "x", state=state))
    grant = re.search(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", out).group(0)
    check.line("approver = requester", DENIED, "cannot approve their own",
               culvert("approve", grant, "--key", key))
    stage.end("carol")


def check_reused_token(stage, mesh, check):
    """trust.md: "once" is advisory; time and tags are the bound. The second use makes another
    node."""
    state = stage.path("agent2")
    stage.start("agent2", HERE, *culvert(
        "up", "--token-file", stage.path("site/agent.token"), "--root-hash", mesh.root_hash, "--name",
        "acme-agent-2", "--config", stage.write("agent2.json", "{}"), state=state), show=False)
    stage.until(10, "the second agent is up", lambda: "culvert is up" in stage.log("agent2"))
    second = stage.until(15, "it is a node", lambda: (lambda s: s["admitted"] and s)(
        json.loads(stage.run(HERE, *culvert("--json", "status", state=state)))))
    first = json.loads(stage.run(HERE, *culvert("--json", "status", state=stage.path("agent"))))
    check("reused token: another node with a key and an address of its own",
          first["identity"] != second["identity"] and first["address"] != second["address"])
    check("the first one is not disturbed", first["admitted"] and mesh.works())
    stage.end("agent2")


# --- garbage on the network ---
def heads(rng):
    """The first bytes of several protocols for a TCP port."""
    yield "random bytes", rng.randbytes(2000)
    yield "zeros", bytes(4096)
    yield "a TLS hello cut short", bytes.fromhex("1603010200010001fc0303") + rng.randbytes(60)
    yield "a huge TLS record", b"\x16\x03\x01\xff\xff" + rng.randbytes(70000)
    yield "HTTP garbage", b"GET\x00 / HTTP/9.9\r\nHost\r\n: x\r\n\r\n"
    yield "a huge head", b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n\r\n"
    yield "endless headers", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 30000 + b"\r\n"
    yield "a body on POST", b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n{{{"
    yield "SOCKS garbage", b"\x05\xff" + rng.randbytes(300)
    yield "SOCKS with a cut name", b"\x05\x01\x00\x05\x01\x00\x03\xff" + b"a" * 200


def upgrade(path):
    return ("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Protocol: derp\r\n\r\n" % path).encode()


def frame(content):
    """A WebSocket frame of a client, with a mask of zeros."""
    size = len(content)
    if size < 126:
        length = struct.pack(">B", 0x80 | size)
    elif size < 1 << 16:
        length = struct.pack(">BH", 0xFE, size)
    else:
        length = struct.pack(">BQ", 0xFF, size)
    return b"\x82" + length + bytes(4) + content


def speak(port, content, tls):
    """Sends, half-closes and reads to the end: the port must close the connection, whatever it
    answers."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    try:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            raw = context.wrap_socket(raw)
        raw.sendall(content)
        if not tls:
            raw.shutdown(socket.SHUT_WR)
        answer = b""
        while len(answer) < 1 << 20:
            part = raw.recv(65536)
            if not part:
                break
            answer += part
        return answer
    except socket.timeout as error:
        raise Failed("port %d did not close the connection" % port) from error
    except (ConnectionError, BrokenPipeError, ssl.SSLError):
        return b""
    finally:
        raw.close()


def metrics(port):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10) as answer:
        rows = (l.rsplit(" ", 1) for l in answer.read().decode().splitlines() if l[:1] not in "#")
        return {name: float(value) for name, value in rows}


def flood(port, rng):
    """Random datagrams, and the first bytes of every protocol that shares the port."""
    stun = bytes.fromhex("000100002112a442") + rng.randbytes(12)
    heads_ = [b"", b"\x00", stun[:7], stun[:19], stun + b"\x00\x08\xff\xff",
              bytes.fromhex("0101ffff2112a442") + rng.randbytes(12)]
    for kind, size in ((1, 148), (2, 92), (3, 64), (4, 32)):  # WireGuard
        body = struct.pack("<I", kind) + rng.randbytes(size - 4)
        heads_ += [body, body[:-1], body[:5], body + b"x", body[:4] + bytes(size - 4)]
    magic = b"TS\xf0\x9f\x92\xac"  # disco
    heads_ += [magic, magic + rng.randbytes(20), magic + rng.randbytes(56), magic + rng.randbytes(900)]
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        for content in heads_ + [rng.randbytes(rng.randrange(1, 1400)) for _ in range(300)]:
            udp.sendto(content, ("127.0.0.1", port))
        udp.sendto(rng.randbytes(65000), ("127.0.0.1", port))
    return len(heads_)


def check_garbage(stage, mesh, check):
    rng = random.Random(11)
    processes = dict(stage.processes)
    held = stage.start("held", HERE, *culvert(
        "run", "--", "curl", "-sS", "-o", os.devnull, "https://%s/slow" % API,
        state=stage.path("laptop")), show=False)
    stage.until(10, "bytes flow", lambda: any(
        peer["bytes_in"] > 300_000 for peer in mesh.status()["peers"]))
    ports = {"coordinator": mesh.control_port, "relay": mesh.relay_port, "laptop": mesh.proxy_port}
    before = {n: metrics(p) for n, p in mesh.metrics_ports.items()}
    for name, port in ports.items():
        cases = list(heads(rng))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda case: speak(port, case[1], tls=False), cases))
            if name != "laptop":
                list(pool.map(lambda case: speak(port, case[1], tls=True), cases))
        for what, _ in cases:
            check("%s: %s: closed, unharmed" % (name, what), processes[name].poll() is None,
                  stage.log(name)[-2000:])
    for name, path in (("coordinator", mesh.control_path), ("relay", "/derp")):
        cases = (("random", rng.randbytes(900)), ("empty", b""),
                 ("JSON", b'{"type": "hello", "x": [[[['), ("long", bytes(2 << 20)),
                 ("derp", b"\x02\xff\xff\xff\xff" + bytes(50)))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda case: speak(mesh_port(mesh, name), upgrade(path) + frame(case[1]),
                                             tls=True), cases))
        for what, _ in cases:
            check("%s: WebSocket, then a %s frame: closed, unharmed" % (name, what),
                  processes[name].poll() is None, stage.log(name)[-2000:])
        speak(mesh_port(mesh, name), upgrade(path) + b"\xff\xff\xff\xff" * 50, tls=True)
        check("%s: a broken WebSocket frame: closed, unharmed" % name, processes[name].poll() is None)
    after = {n: metrics(p) for n, p in mesh.metrics_ports.items()}
    for name, pattern in (("coordinator", "malformed|refused"), ("relay", "malformed|failed|refused")):
        rise = {k: v - before[name].get(k, 0) for k, v in after[name].items()
                if re.search(pattern, k) and v > before[name].get(k, 0)}
        check("%s: counted: %s" % (name, rise), rise, after[name])
    for name in ("agent", "laptop"):
        flood(udp_port(stage, processes[name]), rng)
        stage.run(HERE, *culvert("status", state=stage.path(name)))  # the agent still answers
        check("%s: garbage on its UDP port: unharmed" % name, processes[name].poll() is None)
    flood(mesh.stun_port, rng)
    malformed = 'culvert_relay_stun_total{result="malformed"}'
    stage.until(10, "the relay counts malformed STUN", lambda: metrics(
        mesh.metrics_ports["relay"])[malformed] > 100)
    check("relay: garbage on its STUN port: counted, unharmed", processes["relay"].poll() is None)
    check("the download went on through all of it", held.poll() is None, stage.log("held"))
    stage.end("held")
    check("new sessions work", mesh.works())
    for name in ("agent", "laptop", "coordinator", "relay"):
        lines = stage.log(name).count("\n")
        check("%s: strangers did not fill its log (%d lines)" % (name, lines), lines < 60,
              stage.log(name)[-3000:])


def mesh_port(mesh, name):
    return mesh.control_port if name == "coordinator" else mesh.relay_port


def udp_port(stage, process):
    lines = stage.run(HERE, "ss", "-Hnulp").splitlines()
    mine = [line for line in lines if "pid=%d," % process.pid in line]
    return int(mine[0].split()[3].rsplit(":", 1)[1])


# --- a disk that becomes full under a running agent ---
def check_full_store(stage, mesh, check):
    agent = dict(stage.processes)["agent"]
    check("the database answers", "rows" in db(mesh))
    mesh.alice("request", API, "--reason", "x")  # known only to the laptop
    filler = fill(stage.path("agent/site"))
    grant = mesh.request(DB, show=False)
    mesh.approve(grant, show=False)  # the agent must store the grant before the grant may begin
    stage.until(30, "the agent says so", lambda: "disk is full" in stage.log("agent"))
    said = [l for l in stage.log("agent").splitlines() if "disk is full" in l]
    check("store on a full disk: it says so: " + said[0][24:].replace(stage.work, ""),
          "no new grants" in said[0])
    check("nothing new is opened, and it runs on", "rows" not in db(mesh) and agent.poll() is None)
    os.remove(filler)
    stage.until(30, "openings go on", lambda: "rows" in db(mesh))
    check("space freed: openings go on by themselves", True)


def check_full_audit_log(stage, mesh, check):
    agent = dict(stage.processes)["agent"]
    log = stage.path("agent/audit.log")
    with open(log, "rb") as file:
        before = file.read()
    # Frees the space that the agent has reserved, as on a file system without reservations.
    subprocess.run(["fallocate", "--punch-hole", "--offset", str((len(before) | 4095) + 1), "--length",
                    "64MiB", log], check=True)
    filler = fill(stage.path("agent"))
    denied = stage.until(20, "an opening is denied", lambda: "rows" not in db(mesh) and
                         json.loads(stage.run(HERE, *culvert("--json", "status", state=stage.path(
                             "agent")))))
    check("audit log on a full disk: nothing new is opened", not denied["audit_ok"])
    status = stage.run(HERE, *culvert("status", state=stage.path("agent")))
    check("culvert status says so", "cannot be written: nothing new is opened" in status, status)
    said = lambda what: stage.log("agent").count("the audit log cannot be written: " + what)
    stage.until(10, "the agent's log says so", lambda: said("nothing opens"))
    stage.until(40, "what runs is cut", lambda: said("everything is cut"))
    check("what runs is cut within 30 s; its log has one line for each",
          said("nothing opens") == said("everything is cut") == 1, stage.log("agent"))
    check("and it runs on", agent.poll() is None)
    os.remove(filler)
    stage.until(30, "openings go on", lambda: "rows" in db(mesh))
    check("space freed: openings go on by themselves", True)
    with open(log, "rb") as file:
        check("the audit log has all that was in it before", file.read().startswith(before))


def db(mesh):
    return mesh.curl("--proxytunnel", "--max-time", "3", "http://%s:5432/" % DB, ok=None)


# --- clocks ---
def check_clocks(stage, mesh, check):
    stage.end("agent")
    mesh.cluster = clock(stage, -1)
    mesh.start_agent(token=False)
    mesh.cluster = HERE
    status = stage.run(HERE, *culvert("status", state=stage.path("agent")))
    check("agent's clock a day behind: no new grants, and status says what to do",
          "went back: no new grants until it is right or culvert clock-reset" in status, status)
    stage.end("agent")
    mesh.start_agent(token=False)
    stage.until(20, "it works", mesh.works)
    check("agent's clock right again: it works", True)
    stage.end("laptop")
    mesh.laptop = clock(stage, 1)
    mesh.start_laptop(token=False)
    mesh.laptop = HERE
    status = mesh.alice("status")
    stage.until(20, "its statement is over", lambda: "waiting for admission" in stage.log("laptop"))
    check("laptop's clock a day ahead: nothing is in reach", not mesh.works(), status)
    stage.end("laptop")
    mesh.start_laptop(token=False)
    stage.until(20, "it is admitted again", lambda: mesh.status()["admitted"])
    status = mesh.alice("status")
    check("clock right again: a clock that was ahead for a while locks nobody out",
          "culvert clock-reset" not in status, status)
    mesh.grant()  # grants that ended by the wrong clock stay ended
    check("and a new grant works", mesh.works())
    mesh.alice("clock-reset")
    # The reset opens a new connection to the coordinator.
    stage.until(20, "the laptop is connected again", lambda: mesh.status()["coordinator_connected"])
    mesh.grant()  # grants from before the reset are over
    check("after culvert clock-reset: a new grant works", mesh.works())
    stage.end("coordinator")
    check.line("coordinator's clock a day behind", FAILED, "clock.*behind.*set the clock", [
        "culvert-coordinator", "run", "--config", stage.path("coordinator.json")], place=clock(stage, -1))
    mesh.start_coordinator()
    stage.until(20, "it works", mesh.works)
    check("coordinator's clock right again: it works", True)


def play(stage, check):
    stage.on_close.append(lambda: unmount(stage))
    mesh = BadMesh(stage, HERE, HERE, HERE, loopback=True)
    mesh.metrics_ports = {"coordinator": free_port(), "relay": free_port()}
    mesh.control_path = "/control/v1"
    check_usage(stage, check)
    check_no_agent(stage, check)
    mesh.vendor_keys()
    check_ceremony(stage, mesh, check)
    mesh.site_keys()
    check_site_files(stage, mesh, check)
    check_configs(stage, check)
    mesh.extra = {n: {"metrics": "127.0.0.1:%d" % p} for n, p in mesh.metrics_ports.items()}
    mesh.start_relay()
    mesh.setup_coordinator()
    check_ports(stage, mesh, check)
    check_unwritable(stage, mesh, check)
    check_full_at_start(stage, mesh, check)
    tmpfs(stage, "agent", "64m")
    tmpfs(stage, "agent/site", "4m")
    check_tokens(stage, mesh, check)
    mesh.start_upstreams()
    check_late_coordinator(stage, mesh, check)
    mesh.start_laptop()
    mesh.admit()
    check_requests(stage, mesh, check)
    check_denied(stage, mesh, check)
    check_own_request(stage, mesh, check)
    mesh.grant()
    check("the right input works", mesh.works())
    check_reused_token(stage, mesh, check)
    check_garbage(stage, mesh, check)
    mesh.grant(DB)
    check_full_store(stage, mesh, check)
    check_full_audit_log(stage, mesh, check)
    check_clocks(stage, mesh, check)


def unmount(stage):
    with open("/proc/mounts") as file:
        mounted = [line.split()[1] for line in file if line.split()[1].startswith(stage.work + "/")]
    for path in reversed(mounted):  # inner mounts first
        subprocess.run(["umount", path], check=False)


if __name__ == "__main__":
    sys.exit(play_and_count(play, LineChecks))
