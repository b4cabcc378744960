#!/usr/bin/env python3
"""docs/getting-started.md, typed word for word. getting_started_test.py BIN-FOLDER, as root.

The first line of each block in the document names the terminal: "```sh operator", "```sh laptop
other" (a second terminal), "```sh laptop root". This test opens these terminals and types the
blocks in order (except the last block, which makes the namespaces and comes first). The test copies
what the text says to copy, and inserts what the text says to insert. The operator's machine is a
NAT router between the other two machines, which drop every new packet from outside.
"""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

from mesh import API, Place, play_and_count
from netns import GUARD, MASQUERADE, nft

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/getting-started.md")
OPERATOR = "203.0.113.1"
USER = "nobody"
CONF = "/etc/netns/laptop/resolv.conf"
BLOCK = re.compile(r"^```(?:sh ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPY = re.compile(r"[Cc]opy\s+`([^`]+)`\s+to\s+the\s+(\w+)(?:'s\s+machine)?(?:,\s+as\s+`([^`]+)`)?")


class Terminal:
    """A shell that the test types into. A program in the foreground blocks the shell until it
    ends."""

    def __init__(self, stage, name):
        self.stage, self.name, self.typed = stage, name, 0
        machine = name.split()[0]
        words, folder = ["bash", "-e"], stage.work
        if machine != "machine":
            words = ["ip", "netns", "exec", machine, *user_of(name), *words]
            folder = stage.path(machine)
        with open(stage.path(name + ".log"), "wb") as log:
            self.shell = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log,
                                          env=stage.env, cwd=folder)
        stage.processes.append((name, self.shell))

    def type(self, text, stays=False):
        """Types `text` and returns the output. `stays`: waits until the agent in the foreground is
        up."""
        self.wait_for_prompt()
        before = len(self.stage.log(self.name))
        self.typed += 1
        block = self.stage.write("%s %d.sh" % (self.name, self.typed), text)
        self.shell.stdin.write(b". '%s' </dev/null; echo 'prompt %d'\n" % (block.encode(), self.typed))
        self.shell.stdin.flush()
        if not stays:
            self.wait_for_prompt()
        else:
            self.stage.until(20, "the agent is up: " + text,
                             lambda: "culvert is up" in self.stage.log(self.name)[before:])
        return self.stage.log(self.name)[before:]

    def wait_for_prompt(self):
        if self.typed:
            self.stage.until(60, "the prompt of " + self.name,
                             lambda: "prompt %d\n" % self.typed in self.stage.log(self.name))


def user_of(terminal):
    if terminal.startswith("operator"):
        return []
    if "root" in terminal:
        return ["env", "SUDO_UID=%d" % pwd.getpwnam(USER).pw_uid]
    return ["runuser", "-u", USER, "--"]


class Reader:
    """A person who follows the document and remembers the printed values."""

    def __init__(self, stage, check):
        self.stage, self.check, self.terminals, self.printed = stage, check, {}, {}
        self.place = Place("laptop", ["ip", "netns", "exec", "laptop"])

    def follow(self, text):
        blocks = list(BLOCK.finditer(text))
        nowhere = [block.group(2) for block in blocks if not block.group(1)]
        self.check("each of %d blocks says where it is typed" % len(blocks), blocks and not nowhere, nowhere)
        self.type("machine", blocks[-1].group(2))
        nft("operator", MASQUERADE)
        for machine in ("customer", "laptop"):
            nft(machine, GUARD.replace("up0", "eth0"))
        machine, at = "", 0
        for block in blocks[:-1]:
            for copy in COPY.finditer(text[at:block.start()]):
                self.copy(machine, *copy.groups())
            at, machine = block.end(), block.group(1).split()[0]
            self.wait(block.group(2))
            self.type(*block.groups())

    def type(self, where, block):
        if where not in self.terminals:
            self.terminals[where] = Terminal(self.stage, where)
        output = ""
        # One command at a time.
        for part in re.split(r"^(?=culvert (?:approve|device admit))", block, flags=re.MULTILINE):
            part = self.put_in(part)
            last = part.replace("\\\n", " ").strip().split("\n")[-1]
            printed = self.terminals[where].type(part, stays=re.search(r"^culvert.* up\b", last))
            self.remember(printed)
            output += printed
        self.check("%s: %s" % (where, block.split("\n", maxsplit=1)[0][:90]), True)
        for words, says in EXPECTED:
            if words in block:
                says = self.put_in(says)
                self.check("%s → %s" % (words, says), says in output, output)

    def put_in(self, text):
        text = text.replace("OPERATOR", OPERATOR).replace("GRANT", self.printed.get("GRANT", "GRANT"))
        text = text.replace("ed25519:…", self.printed.get("identity", ""))
        return re.sub(r"(--vendor-hash|--hash|--root-hash|approve|admission.key) sha256:…",
                      lambda found: "%s %s" % (found.group(1), self.printed[found.group(1)]), text)

    def remember(self, output):
        for key, pattern in (("--vendor-hash", r"genesis hash.*\n\s+(sha256:\w{64})"),
                             ("--root-hash", r"genesis hash.*\n\s+(sha256:\w{64})"),
                             ("--hash", r"root hash.*\n\s+(sha256:\w{64})"),
                             ("--root-hash", r"root hash.*\n\s+(sha256:\w{64})"),
                             ("admission.key", r"WAITING.* (sha256:\w{64})"),
                             ("approve", r"PENDING.* (sha256:\w{64})"),
                             ("GRANT", r"^requested (\w{26})"), ("identity", r"(ed25519:\w{64})")):
            found = re.search(pattern, output, re.MULTILINE)
            if found:
                self.printed[key] = found.group(1)

    def copy(self, machine, source, to, name):
        target = self.stage.path(to, name or source)
        shutil.copy(self.stage.path(machine, source), target)
        shutil.chown(target, USER if to != "operator" else "root")
        self.check("%s is copied to the %s" % (source, to), True)

    def laptop(self, what):
        return json.loads(self.stage.run(self.place, "culvert", "--state", self.stage.path("laptop/laptop"),
                                         "--json", what))

    def wait(self, block):
        """Waits for what a person would see before the next block."""
        if "culvert-relay describe" in block:
            self.stage.until(20, "the relay is ready", lambda: "relay ready" in self.stage.log("operator"))
        if "culvert vendor site" in block:
            self.stage.until(20, "the coordinator is ready",
                             lambda: "culvert-coordinator ready" in self.stage.log("operator"))
        if "laptop request" in block:
            self.stage.until(20, "the site's agent is connected",
                             lambda: "coordinator connected" in self.stage.log("customer"))
            self.stage.until(20, "the laptop is admitted", lambda: self.laptop("status")["admitted"])
        if "curl " in block:
            self.stage.until(30, API + " is usable", lambda: any(
                row["ready"] for row in self.laptop("services")["services"]))
        if "laptop revoke" in block:
            self.stage.until(20, "all is dark", lambda: not self.laptop("services")["services"])
            gone = self.stage.run(self.place, "getent", "ahosts", API, ok=None)
            self.check("revoked: the name does not exist", gone == "", gone)


# Words of a block, and the output that the block must print.
EXPECTED = [
    ("laptop request", "no service is in reach"),
    ("laptop run -- curl", "hello from the cluster"),
    ("laptop ping", "pong from"),
    ("--connect-to", "hello from the cluster"),
    ("curl --cacert ca.pem https://", "hello from the cluster"),
    ("agent audit", "GRANT"),
    ("coordinator audit", "GRANT"),
]


def running():
    """The programs on the three machines, without the terminals."""
    found = []
    for machine in ("operator", "customer", "laptop"):
        for pid in subprocess.run(["ip", "netns", "pids", machine], stdout=subprocess.PIPE,
                                  check=False).stdout.split():
            try:
                with open("/proc/%d/cmdline" % int(pid)) as file:
                    words = file.read().split("\0")
            except FileNotFoundError:
                continue
            if "bash" not in words:
                found.append((int(pid), words[0]))
    return found


def end_what_runs():
    for pid, _ in running():
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def play(stage, check):
    stage.on_close.append(end_what_runs)
    stage.env["PATH"] = stage.bin + ":/usr/sbin:/usr/bin:/sbin:/bin"
    for machine in ("operator", "customer", "laptop"):
        os.mkdir(stage.path(machine))
        if machine != "operator":
            shutil.chown(stage.path(machine), USER)
    with open(DOCUMENT) as file:
        text = file.read()
    reader = Reader(stage, check)
    reader.follow(text)
    for name in sorted(reader.terminals):
        reader.terminals[name].wait_for_prompt()
    stage.until(10, "everything has ended", lambda: not running())
    links = stage.run(reader.place, "ip", "-br", "link")
    with open(CONF) as file:
        check("nothing is left: no program, no interface, resolv.conf as it was", "culvert0" not in links
              and file.read() == "nameserver 192.0.2.53\n", links)


if __name__ == "__main__":
    sys.exit(play_and_count(play))
