#!/usr/bin/env python3
"""The Debian packages, installed in a fresh Debian that boots with systemd: each program starts by
its unit, and the story is played between the units. packages_test.py BIN-FOLDER, as root. BIN-FOLDER
is bin/ of a build.
"""
import json
import os
import re
import shutil
import sys
import tempfile

from debian_root import DebianRoot, build_packages, do
from mesh import ALICE, API, SITE, Checks, Failed, play_and_count

UNITS = ("culvert-coordinator", "culvert-relay", "culvert-agent")
STATE = "/var/lib/culvert/"
CONTROL, RELAY, STUN, UPSTREAM = 7443, 7444, 3478, 8080


class Story:
    def __init__(self, stage, root, check):
        self.stage, self.root, self.check = stage, root, check
        stage.env["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"  # the packages' programs only
        stage.env["HOME"] = "/root"
        self.place = root.boot(stage)

    def run(self, *words, user=None, **options):
        as_user = ["runuser", "-u", user, "--"] if user else []
        return self.stage.run(self.place, *as_user, *words, **options)

    def systemctl(self, *words, **options):
        return self.run("systemctl", *words, **options)

    def write(self, path, text, owner="root", mode=0o644):
        target = self.root.path(path.lstrip("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as file:
            file.write(text)
        os.chmod(target, mode)
        self.run("chown", owner, path)

    def start_unit(self, unit):
        self.systemctl("start", unit)
        self.check("%s starts by its unit" % unit, self.stage.until(
            20, unit + " is ready", lambda: re.search(
                "ready|is up", self.run("journalctl", "-o", "cat", "-u", unit, ok=None))),
                   self.run("journalctl", "-u", unit, ok=None))

    def shared(self, path):
        """A copy of a file of the stage that every user may read."""
        name = "/tmp/" + os.path.basename(path)
        shutil.copy(path, self.root.path(name.lstrip("/")))
        self.run("chmod", "644", name)
        return name

    # --- the documents ---
    def vendor_and_site(self):
        s = self.stage
        out = self.run("culvert", "vendor", "init", "--dir", s.path("vendor"), "--name",
                       "vendor.example", "--person", "carol@vendor.example")
        vendor_hash = re.search(r"sha256:[0-9a-f]{64}", out).group(0)
        self.run("culvert-coordinator", "init", "--state", STATE + "coordinator", "--url",
                 "https://127.0.0.1:%d" % CONTROL, user="culvert-coordinator")
        self.run("culvert", "vendor", "collect", "--dir", s.path("vendor"),
                 STATE + "coordinator/coordinator.pub")
        out = self.run("culvert", "site", "init", SITE, "--dir", s.path("site"), "--vendor",
                       s.path("vendor/vendor.bundle"), "--vendor-hash", vendor_hash, "--person",
                       "bob@acme.example", "--service", "api=tls:443", "--lease", "30s", "--agent",
                       "acme-agent")
        self.root_hash = re.search(r"sha256:[0-9a-f]{64}", out).group(0)
        self.run("culvert", "vendor", "site", "--dir", s.path("vendor"), s.path("site/site.bundle"),
                 "--hash", self.root_hash)

    # --- the programs, each by its unit ---
    def relay(self):
        with open(self.root.path("var/lib/culvert/coordinator/coordinator.pub")) as file:
            ticket = re.search(r"ticket: (ed25519:[0-9a-f]{64})", file.read()).group(1)
        self.write("/etc/culvert/relay.json", json.dumps({
            "id": "hub", "host": "127.0.0.1", "listen": "127.0.0.1:%d" % RELAY,
            "stun": "127.0.0.1:%d" % STUN, "ticket_keys": [ticket]}))
        self.start_unit("culvert-relay")
        out = self.run("culvert-relay", "describe", "--state", STATE + "relay", user="culvert-relay")
        return json.loads([line for line in out.splitlines() if line.startswith("{")][-1])

    def coordinator(self, relay):
        s = self.stage
        self.write("/etc/culvert/coordinator.json", json.dumps({
            "listen": "127.0.0.1:%d" % CONTROL, "relays": [relay]}))
        for words in (["vendor", "add", self.shared(s.path("vendor/vendor.bundle"))],
                      ["site", "add", self.shared(s.path("site/site.bundle")),
                       self.shared(s.path("vendor", SITE + ".site"))]):
            self.run("culvert-coordinator", *words, "--state", STATE + "coordinator",
                     user="culvert-coordinator")
        self.start_unit("culvert-coordinator")

    def agent(self):
        self.write("/etc/culvert/agent.json", json.dumps({
            "services": {"api": {"upstream": "127.0.0.1:%d" % UPSTREAM}},
            "path": {"allow_loopback": True}, "allow_private_relays": True}))
        with open(self.stage.path("site/agent.token")) as file:
            self.write("/etc/culvert/agent.token", file.read(), "culvert-agent", 0o400)
        self.write("/etc/culvert/agent.env", 'CULVERT_UP="--token-file /etc/culvert/agent.token '
                   '--root-hash %s"\n' % self.root_hash)
        self.start_unit("culvert-agent")
        self.check("root sees the agent with no option", self.stage.until(
            20, "the agent is admitted",
            lambda: json.loads(self.run("culvert", "--json", "status"))["admitted"]))
        os.remove(self.root.path("etc/culvert/agent.token"))
        self.systemctl("restart", "culvert-agent")
        self.check("an enrolled agent starts without its token file", self.stage.until(
            20, "the agent is back", lambda: '"admitted":true' in self.run(
                "culvert", "--json", "status", ok=None).replace(" ", "")))

    def laptop(self):
        s = self.stage
        self.run("useradd", "-m", "alice")
        self.run("culvert", "device", "token", "--dir", s.path("vendor"), "--person", ALICE,
                 "--group", "oncall", "--out", s.path("laptop.token"))
        with open(s.path("laptop.token")) as file:
            self.write("/home/alice/laptop.token", file.read(), "alice", 0o400)
        self.write("/home/alice/laptop.json", json.dumps({
            "path": {"allow_loopback": True}, "allow_private_relays": True}))
        self.write("/home/alice/.config/systemd/user/culvert-laptop.service.d/first.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/bin/culvert up --config %h/laptop.json "
                   "--token-file %h/laptop.token\n")
        self.run("chown", "-R", "alice", "/home/alice")
        self.run("loginctl", "enable-linger", "alice")
        s.until(20, "alice's services may run", lambda: "running" in self.run(
            "systemctl", "--user", "-M", "alice@", "is-system-running", ok=None))
        self.run("systemctl", "--user", "-M", "alice@", "start", "culvert-laptop")
        identity = s.until(20, "the laptop is up", lambda: re.search(
            r'"identity": *"(ed25519:[0-9a-f]+)"', self.alice("--json", "status", ok=None))).group(1)
        key = ["--key", s.path("vendor/admission.key")]
        s.until(20, "the laptop waits", lambda: "WAITING" in self.run("culvert", "device", "list", *key))
        self.run("culvert", "device", "admit", *key, "--device", identity, "--person", ALICE,
                 "--group", "oncall")
        self.check("the laptop runs as a user's unit and is admitted", s.until(
            20, "the laptop is admitted",
            lambda: json.loads(self.alice("--json", "status"))["admitted"]))

    def alice(self, *words, **options):
        return self.run("env", "HOME=/home/alice", "culvert", *words, user="alice", **options)

    def access(self):
        s = self.stage
        out = self.alice("request", API, "--reason", "INC-1", "--for", "15m")
        grant = re.search(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", out).group(0)
        for folder in ("vendor", "site"):
            key = ["--key", s.path(folder, "approver.key")]
            listed = self.run("culvert", "requests", *key)
            text = re.findall(r"sha256:[0-9a-f]{64}", listed[:listed.index(grant)])[-2]
            self.run("culvert", "approve", text, *key)
        s.until(20, "the service is usable", lambda: any(
            row["fqdn"] == API and row["ready"]
            for row in json.loads(self.alice("--json", "services"))["services"]))
        return self.alice("run", "--", "curl", "-sS", "--max-time", "10", "https://%s/" % API)


def check_install(root, packages, check):
    out = root.install(*packages, "curl", "nginx-light")
    check("the packages install in a fresh Debian", "Setting up culvert-relay" in out, out)
    for name in ("culvert", "culvert-coordinator", "culvert-relay", "culvert-wireguard"):
        linked = do("chroot", root.folder, "ldd", "/usr/bin/" + name)
        check("%s finds every shared library" % name, "not found" not in linked, linked)
    for name in ("culvert", "culvert-coordinator", "culvert-relay"):
        with open(root.path("usr/share/man/man1/%s.1" % name)) as file:
            check("%s has its manual page" % name, file.read().startswith(".TH"))


def check_units(story, check):
    for unit in UNITS:
        user = story.systemctl("show", "-P", "User", unit).strip()
        check("%s runs as its own user" % unit, user == unit, user)
    failed = story.systemctl("--failed", "--no-legend", "--plain")
    check("no unit has failed", "culvert" not in failed, failed)


def check_upgrade(story, packages, check):
    before = {unit: story.systemctl("show", "-P", "MainPID", unit) for unit in UNITS}
    names = [story.shared(package) for package in packages]
    story.run("dpkg", "-i", *names, timeout=120)
    for unit in UNITS:
        check("an upgrade restarts %s" % unit, story.stage.until(
            20, unit + " runs", lambda u=unit: story.systemctl(
                "is-active", u, ok=None).strip() == "active")
              and story.systemctl("show", "-P", "MainPID", unit) != before[unit])
    story.run("dpkg", "--purge", "culvert-relay", timeout=120)
    check("a purge stops the relay and leaves its key",
          story.systemctl("is-active", "culvert-relay", ok=None).strip() != "active"
          and os.path.exists(story.root.path("var/lib/culvert/relay/relay.key")))


def play(root, packages, stage, check):
    story = Story(stage, root, check)
    try:
        tell(story, packages, check)
    except Failed:
        stage.write("journal.log", story.run("journalctl", "-o", "short-monotonic", ok=None))
        raise


def tell(story, packages, check):
    story.vendor_and_site()
    story.coordinator(story.relay())
    story.write("/etc/nginx/conf.d/culvert.conf", "server { listen 127.0.0.1:%d; location / { "
                'return 200 "hello from the cluster\\n"; } }\n' % UPSTREAM)
    story.systemctl("restart", "nginx")
    story.agent()
    story.laptop()
    check("the story ends in the cluster", "hello from the cluster" in story.access())
    check_units(story, check)
    check_upgrade(story, packages, check)


def main():
    if os.geteuid() != 0:
        print("%s: needs root to install packages" % sys.argv[0], file=sys.stderr)
        return 1
    process, folder = os.getpid(), tempfile.mkdtemp(prefix="culvert.debian.")
    try:
        build = os.path.dirname(os.path.abspath(sys.argv[1]))
        packages = build_packages(sys.argv[1], os.path.join(folder, "packages"))
        root = DebianRoot(os.path.join(folder, "root"), os.path.join(build, "debian-root.tar"))
        check_install(root, packages, Checks())
        return play_and_count(lambda stage, check: play(root, packages, stage, check))
    except Failed as error:
        print("FAILED: %s" % error, file=sys.stderr)
        return 1
    finally:
        if os.getpid() == process:  # not in the child of enter_own_machine()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
