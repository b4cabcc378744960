"""Runs the programs of this project as their users would: places, processes, the acts of the story.

A Place says where a command runs: on this machine, or in a network namespace. Everything lives in
one temporary folder; Stage ends every process it started and removes the folder, also on failure.
"""
import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SITE = "acme.us-east-1.aws.byoc.example.com"
API = "api." + SITE
DB = "db." + SITE
ALICE = "alice@vendor.example"
# Below what the system gives to connections (ip_local_port_range) while a test still wants them.
PORTS = range(10_000, 32_000)
ports_given = set()  # none twice: it may be that nobody has bound it yet


class Failed(Exception):
    pass


class Place:
    """Where commands run. `prefix` goes before them: ip netns exec NAME, or nothing."""

    def __init__(self, name, prefix=(), host="127.0.0.1"):
        self.name, self.prefix, self.host = name, list(prefix), host


class Stage:
    def __init__(self, binaries, film=False):
        self.film = film
        self.work = tempfile.mkdtemp(prefix="culvert.")
        os.chmod(self.work, 0o755)
        self.bin = os.path.join(self.work, "bin")
        os.mkdir(self.bin)
        for name in ("culvert", "culvert-coordinator", "culvert-relay"):
            shutil.copy(os.path.join(binaries, name), self.bin)
        self.processes = []  # (name, Popen), oldest first
        self.env = dict(os.environ, PATH=self.bin + ":" + os.environ["PATH"], NO_COLOR="1",
                        HOME=self.work)
        for name in ("CULVERT_TOKEN", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
            self.env.pop(name, None)
        self.on_close = []

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: sys.exit(130))
        return self

    def __exit__(self, kind, error, trace):
        for _, process in reversed(self.processes):
            stop(process)
        for undo in reversed(self.on_close):
            undo()
        if error is not None and not isinstance(error, SystemExit):
            self.show_logs()
        shutil.rmtree(self.work, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def write(self, name, content):
        with open(self.path(name), "w") as file:
            file.write(content)
        return self.path(name)

    def say(self, text):
        print("\n\033[1m%s\033[0m" % text if sys.stdout.isatty() else "\n== " + text, flush=True)

    def show(self, words):
        text = " ".join(quoted(w.replace(self.work + "/", "")) for w in words)
        print("\033[36m$ %s\033[0m" % text if sys.stdout.isatty() else "$ " + text, flush=True)

    def start(self, name, place, *words, show=True):
        """In the background, output to NAME.log."""
        if show:
            self.show(words)
        log = open(self.path(name + ".log"), "ab")
        process = subprocess.Popen(place.prefix + list(words), stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, env=self.env, cwd=self.work)
        log.close()
        self.processes.append((name, process))
        return process

    def release(self, name):
        """Not watched any more: it may end, or the caller ends it."""
        entry = next(e for e in self.processes if e[0] == name)
        self.processes.remove(entry)
        return entry[1]

    def end(self, name):
        stop(self.release(name))

    def run(self, place, *words, ok=True, show=False, timeout=30):
        """To its end; its output. ok=True: must succeed, False: must fail, None: either."""
        if show:
            self.show(words)
        done = subprocess.run(place.prefix + list(words), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.env,
                              cwd=self.work, timeout=timeout, check=False)
        out = done.stdout.decode("utf-8", "replace")
        if show:
            sys.stdout.write(indent(out.replace(self.work + "/", "")))
            sys.stdout.flush()
        if ok is True and done.returncode != 0:
            raise Failed("%s: exit %d\n%s" % (" ".join(words), done.returncode, out))
        if ok is False and done.returncode == 0:
            raise Failed("%s: succeeded, it should have failed\n%s" % (" ".join(words), out))
        self.last_code = done.returncode
        return out

    def log(self, name):
        try:
            with open(self.path(name + ".log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def show_logs(self):
        for name in sorted(n for n in os.listdir(self.work) if n.endswith(".log")):
            text = self.log(name[:-4])
            if text:
                sys.stderr.write("--- %s\n%s\n" % (name, "\n".join(text.splitlines()[-25:])))

    def until(self, seconds, what, test):
        """Polls test() until it is true; its value. The bound is generous: a hang, not a speed."""
        end = time.monotonic() + seconds
        while True:
            value = test()
            if value:
                return value
            for name, process in self.processes:
                if process.poll() not in (None, 0):
                    raise Failed("%s ended with %d while waiting: %s"
                                 % (name, process.returncode, what))
            if time.monotonic() > end:
                raise Failed("did not happen within %d s: %s" % (seconds, what))
            time.sleep(0.05)

    def until_output(self, seconds, place, words, pattern):
        return self.until(seconds, "%s shows %s" % (" ".join(words), pattern),
                          lambda: re.search(pattern, self.run(place, *words, ok=None)))


class Checks:
    def __init__(self, stage=None):
        self.passed, self.stage = 0, stage

    def __call__(self, what, good, detail=""):
        if not good:
            raise Failed("%s\n%s" % (what, detail))
        self.passed += 1
        print("  ok  %s" % what, flush=True)


def enter_own_machine():
    """Goes on in a child with mounts, a network and processes of its own: tests that run beside one
    another do not meet, and the kernel clears away what a killed one leaves."""
    clone_newns, clone_newpid, clone_newnet = 0x00020000, 0x20000000, 0x40000000  # sched.h
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(clone_newns | clone_newpid | clone_newnet) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    child = os.fork()
    if child:
        for number in (signal.SIGINT, signal.SIGTERM):  # for the child, which clears up
            signal.signal(number, lambda number, _: os.kill(child, number))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    pr_set_pdeathsig = 1
    libc.prctl(pr_set_pdeathsig, signal.SIGKILL)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    # What stands for the whole machine: names of namespaces, their files (ip-netns(8)), wg's sockets,
    # and where sshd drops its privileges.
    for folder in ("/run/netns", "/etc/netns", "/run/wireguard", "/run/sshd"):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "none", folder], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def play_and_count(play, checks=Checks):
    """The whole of a test: play(stage, check) with the programs of argv[1] → exit code."""
    if os.geteuid() != 0:
        print("%s: needs root for namespaces" % sys.argv[0], file=sys.stderr)
        return 1
    enter_own_machine()
    check = checks()
    try:
        with Stage(os.path.abspath(sys.argv[1])) as stage:
            check.stage = stage
            play(stage, check)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        print("FAILED: %s" % error, file=sys.stderr)
        print("%d passed, 1 failed" % check.passed)
        return 1
    print("%d passed, 0 failed" % check.passed)
    return 0


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def quoted(word):
    return "'%s'" % word if re.search(r"[\s|;&()<>$]", word) else word


def indent(text):
    return "".join("  " + line + "\n" for line in text.splitlines())


def free_port(kind=socket.SOCK_STREAM):
    while True:
        port = random.choice(PORTS)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports_given:
            ports_given.add(port)
            return port


class Mesh:
    """The acts of the story. Each place is where that person or program is."""

    def __init__(self, stage, operator, cluster, laptop, loopback, lease="5s"):
        self.s, self.loopback, self.lease = stage, loopback, lease
        self.operator, self.cluster, self.laptop = operator, cluster, laptop
        self.control_port, self.relay_port = free_port(), free_port()
        self.stun_port, self.proxy_port = free_port(socket.SOCK_DGRAM), free_port()
        self.api_port, self.db_port = free_port(), free_port()
        # Each service's label: what the policy says of it, and the agent's configuration.
        self.services = {"api": ("tls:443", {"upstream": "127.0.0.1:%d" % self.api_port}),
                         "db": ("tcp:5432", {"upstream": "127.0.0.1:%d" % self.db_port})}
        self.direct = True  # False: by the relay alone
        self.extra = {}  # more configuration, by program

    # --- who runs what ---
    def bring_up(self, flags=()):
        """All of it, until the laptop is admitted."""
        self.vendor_keys()
        self.site_keys()
        self.start_relay()
        self.setup_coordinator()
        self.start_coordinator()
        self.start_upstreams()
        self.start_agent()
        self.start_laptop(flags=flags)
        self.admit()

    def vendor_keys(self):
        s, place = self.s, self.operator
        out = s.run(place, "culvert", "vendor", "init", "--dir", s.path("vendor"), "--name",
                    "vendor.example", "--person", "carol@vendor.example", show=True)
        self.vendor_hash = re.search(r"sha256:[0-9a-f]{64}", out).group(0)
        s.run(place, "culvert-coordinator", "init", "--state", s.path("coordinator"), "--url",
              "https://%s:%d" % (self.operator.host, self.control_port), show=True)
        s.run(place, "culvert", "vendor", "collect", "--dir", s.path("vendor"),
              s.path("coordinator/coordinator.pub"), show=True)

    def site_keys(self):
        s = self.s
        out = s.run(self.cluster, "culvert", "site", "init", SITE, "--dir", s.path("site"),
                    "--vendor", s.path("vendor/vendor.bundle"), "--vendor-hash", self.vendor_hash,
                    "--person", "bob@acme.example", *(word for name, (policy, _) in self.services.items()
                                                      for word in ("--service", name + "=" + policy)),
                    "--lease", self.lease, show=True)
        self.root_hash = re.search(r"sha256:[0-9a-f]{64}", out).group(0)
        s.run(self.operator, "culvert", "vendor", "site", "--dir", s.path("vendor"),
              s.path("site/site.bundle"), "--hash", self.root_hash, show=True)

    def start_relay(self):
        s = self.s
        vendor_ticket = self.ticket_key()
        config = {"listen": "%s:%d" % (self.operator.host, self.relay_port),
                  "stun": "%s:%d" % (self.operator.host, self.stun_port), "id": "hub",
                  "host": self.operator.host, "state": s.path("relay"),
                  "ticket_keys": [vendor_ticket], **self.extra.get("relay", {})}
        s.write("relay.json", json.dumps(config, indent=2))
        before = s.log("relay").count("ready")
        s.start("relay", self.operator, "culvert-relay", "--config", s.path("relay.json"))
        s.until(10, "the relay is ready", lambda: s.log("relay").count("ready") > before)

    def ticket_key(self):
        with open(self.s.path("coordinator/coordinator.pub")) as file:
            return re.search(r"ticket: (ed25519:[0-9a-f]{64})", file.read()).group(1)

    def setup_coordinator(self):
        s = self.s
        described = s.run(self.operator, "culvert-relay", "describe", "--config",
                          s.path("relay.json"))
        relay = json.loads([l for l in described.splitlines() if l.startswith("{")][-1])
        config = {"listen": "%s:%d" % (self.operator.host, self.control_port),
                  "state": s.path("coordinator"), "relays": [relay],
                  **self.extra.get("coordinator", {})}
        s.write("coordinator.json", json.dumps(config, indent=2))
        s.run(self.operator, "culvert-coordinator", "vendor", "add", "--state",
              s.path("coordinator"), s.path("vendor/vendor.bundle"), show=True)
        s.run(self.operator, "culvert-coordinator", "site", "add", "--state",
              s.path("coordinator"), s.path("site/site.bundle"), s.path("vendor", SITE + ".site"),
              show=True)

    def start_coordinator(self):
        s = self.s
        before = s.log("coordinator").count("ready")
        s.start("coordinator", self.operator, "culvert-coordinator", "run", "--config",
                s.path("coordinator.json"))
        s.until(10, "the coordinator is ready", lambda: s.log("coordinator").count("ready") > before)

    def start_upstreams(self):
        """Debian's nginx: an API over HTTP, and a second port that stands for a database."""
        s = self.s
        os.makedirs(s.path("www"), exist_ok=True)
        with open(s.path("www", "large.bin"), "wb") as file:
            file.write(os.urandom(1 << 20) * 64)
        s.write("nginx.conf", """
pid {w}/nginx.pid; error_log {w}/nginx-error.log; daemon off; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {w}/b; proxy_temp_path {w}/p; fastcgi_temp_path {w}/f;
  uwsgi_temp_path {w}/u; scgi_temp_path {w}/s;
  server {{ listen 127.0.0.1:{api}; root {w}/www;
    location = / {{ return 200 "hello from the cluster: $host\\n"; }}
    location = /slow {{ limit_rate 200k; alias {w}/www/large.bin; }} }}
  server {{ listen 127.0.0.1:{db}; root {w}/www;
    location / {{ return 200 "rows of the database\\n"; }}
    location = /large.bin {{ }} }}
}}
""".format(w=s.work, api=self.api_port, db=self.db_port))
        s.start("nginx", self.cluster, "nginx", "-e", s.path("nginx-error.log"), "-p", s.work,
                "-c", s.path("nginx.conf"), show=False)
        s.until(10, "nginx answers", lambda: "hello" in s.run(
            self.cluster, "curl", "-s", "http://127.0.0.1:%d/" % self.api_port, ok=None))

    def start_agent(self, token="site/agent.token", agent="agent"):
        s = self.s
        config = {"services": {name: config for name, (_, config) in self.services.items()},
                  "path": {"allow_loopback": self.loopback, "direct": self.direct},
                  **self.extra.get("agent", {})}
        s.write("agent.json", json.dumps(config, indent=2))
        words = ["culvert", "up", "--state", s.path(agent), "--config", s.path("agent.json"),
                 "--name", "acme-" + agent]
        if token:
            words += ["--token-file", s.path(token), "--root-hash", self.root_hash]
        before = s.log(agent).count("culvert is up")
        s.start(agent, self.cluster, *words)
        s.until(15, "the site's agent is up", lambda: s.log(agent).count("culvert is up") > before)

    def start_laptop(self, token=True, flags=()):
        s = self.s
        config = {"proxy": "127.0.0.1:%d" % self.proxy_port,
                  "path": {"allow_loopback": self.loopback, "direct": self.direct},
                  **self.extra.get("laptop", {})}
        s.write("laptop.json", json.dumps(config, indent=2))
        words = ["culvert", "up", "--state", s.path("laptop"), "--config", s.path("laptop.json"),
                 "--name", "alice-laptop", *flags]
        if token:
            s.run(self.operator, "culvert", "device", "token", "--dir", s.path("vendor"),
                  "--person", ALICE, "--group", "oncall", "--out", s.path("laptop.token"), show=True)
            words += ["--token-file", s.path("laptop.token")]
        before = s.log("laptop").count("culvert is up")
        s.start("laptop", self.laptop, *words)
        s.until(15, "the laptop's agent is up", lambda: s.log("laptop").count("culvert is up") > before)

    def admit(self):
        key = ["--key", self.s.path("vendor/admission.key")]
        self.s.until_output(15, self.operator, ["culvert", "device", "list"] + key, "WAITING")
        identity = self.status()["identity"]  # told out of band
        self.s.run(self.operator, "culvert", "device", "admit", *key, "--device", identity,
                   show=True)
        self.s.until(15, "the laptop is admitted", lambda: self.status()["admitted"])

    # --- what the engineer and the approvers do ---
    def alice(self, *words, **options):
        return self.s.run(self.laptop, "culvert", "--state", self.s.path("laptop"), *words, **options)

    def status(self):
        return json.loads(self.alice("--json", "status"))

    def request(self, service=API, length="15m", show=True):
        out = self.alice("request", service, "--reason", "INC-1", "--for", length, show=show)
        return re.search(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", out).group(0)

    def approve(self, grant, show=True):
        """Each approver reads the text, and signs the text with that hash."""
        for place, folder in ((self.operator, "vendor"), (self.cluster, "site")):
            key = ["--key", self.s.path(folder, "approver.key")]
            listed = self.s.run(place, "culvert", "requests", *key)
            before = listed[:listed.index(grant)]
            self.s.run(place, "culvert", "approve", re.findall(r"sha256:[0-9a-f]{64}", before)[-2],
                       *key, show=show)

    def until_usable(self, service=API, seconds=15):
        self.s.until(seconds, service + " is usable", lambda: any(
            row["fqdn"] == service and row["ready"]
            for row in json.loads(self.alice("--json", "services"))["services"]))

    def until_dark(self, service=API, seconds=15):
        self.s.until(seconds, service + " is dark", lambda: not any(
            row["fqdn"] == service
            for row in json.loads(self.alice("--json", "services"))["services"]))

    def curl(self, *words, **options):
        return self.alice("run", "--", "curl", "-sS", "--max-time", "10", *words, **options)

    def grant(self, service=API, length="15m", show=False):
        """Request, both approvals, usable."""
        grant = self.request(service, length, show=show)
        self.approve(grant, show=show)
        self.until_usable(service)
        return grant
